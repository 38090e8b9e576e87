/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet as operators see it, and what they ask of its workers: who is there, who is to take no
 * more, how many are wanted. */
#include <stdlib.h>

#include "coordinator/api/api.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/log.h"

/* ---- workers ---- */

static Stepfleet__WorkerView *worker_view(struct api *api, const struct fleet_worker *w)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    Stepfleet__WorkerView *v = arena_alloc(a, sizeof(*v));

    stepfleet__worker_view__init(v);
    v->name = arena_str(a, w->name);
    v->software = arena_str(a, w->version);
    v->labels = arena_str(a, w->labels);
    v->slots = w->slots;
    v->leased = w->leased;
    v->draining = w->draining;
    v->cordon = (uint32_t)w->cordon;
    v->seen_ago_ms = ledger_now(api->ledger).mono_ms - w->seen_mono_ms;
    v->hello_ms = w->hello_wall_ms;
    v->offers = ARENA_ARRAY(a, w->offer_count, Stepfleet__Offer *);
    for (size_t i = 0; i < w->offer_count; i++) {
        Stepfleet__Offer *o = arena_alloc(a, sizeof(*o));

        stepfleet__offer__init(o);
        o->function = arena_str(a, fleet_offered_function(&w->offers[i]));
        o->slots = w->offers[i].slots;
        v->offers[v->n_offers++] = o;
    }
    return v;
}

/* What does not fit a frame is left out. */
struct workers {
    struct api *api;
    Stepfleet__WorkersReply reply;
    size_t bytes;
    size_t cap;
};

static void workers_add(struct workers *all, Stepfleet__WorkerView *v)
{
    struct arena *a = ledger_turn_arena(all->api->ledger);
    Stepfleet__WorkersReply *r = &all->reply;

    if (r->n_workers == all->cap) {
        size_t more = all->cap != 0 ? all->cap * 2 : 16;

        r->workers = arena_grow(a, r->workers, all->cap * sizeof(Stepfleet__WorkerView *),
                                more * sizeof(Stepfleet__WorkerView *));
        all->cap = more;
    }
    r->workers[r->n_workers++] = v;
    all->bytes += protobuf_c_message_get_packed_size(&v->base);
}

/* One that is cordoned and not here. */
static void workers_absent(void *arg, struct slice name, enum fleet_cordon cordon)
{
    struct workers *all = arg;
    struct arena *a = ledger_turn_arena(all->api->ledger);
    Stepfleet__WorkerView *v;

    if (all->bytes >= LIMIT_PAGE_BYTES ||
        fleet_worker_find_name(ledger_fleet(all->api->ledger), name) != NULL) {
        return;
    }
    v = arena_alloc(a, sizeof(*v));
    stepfleet__worker_view__init(v);
    v->name = arena_str(a, name);
    v->cordon = (uint32_t)cordon;
    v->absent = true;
    workers_add(all, v);
}

void operation_WORKERS(struct call *c)
{
    struct fleet *f = ledger_fleet(c->api->ledger);
    struct workers all = {.api = c->api, .reply = STEPFLEET__WORKERS_REPLY__INIT};
    struct fleet_worker *w = NULL;
    size_t bucket = 0;

    while (all.bytes < LIMIT_PAGE_BYTES && (w = fleet_worker_each(f, &bucket, w)) != NULL) {
        workers_add(&all, worker_view(c->api, w));
    }
    fleet_cordon_each(f, workers_absent, &all);
    c->reply(c, &all.reply.base);
}

void operation_WORKER_CORDON(struct call *c)
{
    static const char *const said[] = {
        [FLEET_OPEN] = "open", [FLEET_CORDONED] = "cordoned", [FLEET_DRAINED] = "drained"};
    const Stepfleet__WorkerCordonRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct slice name = slice_str(q->worker);
    Stepfleet__WorkerCordonReply r = STEPFLEET__WORKER_CORDON_REPLY__INIT;

    if (!text_is_name(name)) {
        call_fail(c, ERR_INVALID_NAME, "\"%.100s\" is no name of a worker", q->worker);
        return;
    }
    if (q->cordon > FLEET_DRAINED) {
        call_fail(c, ERR_VALIDATION, "there is no cordon %u", q->cordon);
        return;
    }
    if (q->cordon != FLEET_OPEN && fleet_cordon_of(ledger_fleet(l), name) == FLEET_OPEN &&
        fleet_cordon_count(ledger_fleet(l)) >= LIMIT_CORDONS) {
        call_fail(c, ERR_QUOTA, "%d workers are cordoned; no more can be", LIMIT_CORDONS);
        return;
    }
    ledger_worker_cordon(l, name, (enum fleet_cordon)q->cordon);
    log_info("worker is %s: worker=%.*s", said[q->cordon], SLICE_FMT(name));
    r.registered = fleet_worker_find_name(ledger_fleet(l), name) != NULL;
    r.leased = (uint32_t)fleet_leased_by(ledger_fleet(l), name);
    c->reply(c, &r.base);
}

/* ---- functions ---- */

static Stepfleet__Tag **labels_message(const struct fleet_terms *terms, struct arena *a)
{
    Stepfleet__Tag **out = ARENA_ARRAY(a, terms->label_count, Stepfleet__Tag *);

    for (size_t i = 0; i < terms->label_count; i++) {
        out[i] = arena_alloc(a, sizeof(**out));
        stepfleet__tag__init(out[i]);
        out[i]->key = arena_str(a, terms->labels[i].key);
        out[i]->value = arena_str(a, terms->labels[i].value);
    }
    return out;
}

static Stepfleet__FunctionTerms *
terms_message(struct slice function, const struct fleet_terms *terms, struct arena *a)
{
    Stepfleet__FunctionTerms *m = arena_alloc(a, sizeof(*m));

    stepfleet__function_terms__init(m);
    m->function = arena_str(a, function);
    m->labels = labels_message(terms, a);
    m->n_labels = terms->label_count;
    m->concurrency = terms->concurrency;
    m->rate_milli = terms->rate_milli;
    m->priority = terms->priority;
    return m;
}

static bool is_function(struct call *c, const char *name)
{
    if (text_is_function_name(slice_str(name))) {
        return true;
    }
    call_fail(c, ERR_INVALID_NAME, "the name of a function is 1 to %d printable characters",
              LIMIT_NAME_CHARS);
    return false;
}

static int by_key(const void *a, const void *b)
{
    return slice_cmp(((const struct fleet_label *)a)->key, ((const struct fleet_label *)b)->key);
}

static bool is_label_text(const char *text)
{
    struct slice s = slice_str(text);

    return s.len != 0 && s.len <= LIMIT_LABEL_BYTES && text_is_utf8(s);
}

/* Sorted by their keys, which differ. */
static bool
read_labels(struct call *c, const Stepfleet__FunctionSetRequest *q, struct fleet_terms *terms)
{
    struct fleet_label *labels =
        ARENA_ARRAY(ledger_turn_arena(c->api->ledger), q->n_labels, struct fleet_label);

    if (q->n_labels > LIMIT_TERM_LABELS) {
        call_fail(c, ERR_VALIDATION, "a function asks for at most %d labels", LIMIT_TERM_LABELS);
        return false;
    }
    for (size_t i = 0; i < q->n_labels; i++) {
        if (!is_label_text(q->labels[i]->key) || !is_label_text(q->labels[i]->value)) {
            call_fail(c, ERR_VALIDATION, "a label's key and value are 1 to %d bytes of UTF-8",
                      LIMIT_LABEL_BYTES);
            return false;
        }
        labels[i].key = slice_str(q->labels[i]->key);
        labels[i].value = slice_str(q->labels[i]->value);
    }
    if (q->n_labels != 0) {
        qsort(labels, q->n_labels, sizeof(*labels), by_key);
    }
    for (size_t i = 1; i < q->n_labels; i++) {
        if (slice_eq(labels[i].key, labels[i - 1].key)) {
            call_fail(c, ERR_VALIDATION, "label %.*s is asked for twice", SLICE_FMT(labels[i].key));
            return false;
        }
    }
    terms->labels = labels;
    terms->label_count = q->n_labels;
    return true;
}

/* What is given over what there is. */
static bool
read_terms(struct call *c, const Stepfleet__FunctionSetRequest *q, struct fleet_terms *terms)
{
    if (q->has_rate && q->rate_milli > LIMIT_RATE_MILLI) {
        call_fail(c, ERR_VALIDATION, "a rate is at most %d a second", LIMIT_RATE_MILLI / 1000);
        return false;
    }
    if (q->has_priority && (q->priority > LIMIT_PRIORITY || q->priority < -LIMIT_PRIORITY)) {
        call_fail(c, ERR_VALIDATION, "a priority is -%d to %d", LIMIT_PRIORITY, LIMIT_PRIORITY);
        return false;
    }
    terms->concurrency = q->has_concurrency ? q->concurrency : terms->concurrency;
    terms->rate_milli = q->has_rate ? q->rate_milli : terms->rate_milli;
    terms->priority = q->has_priority ? q->priority : terms->priority;
    return !q->has_labels || read_labels(c, q, terms);
}

void operation_FUNCTION_SET(struct call *c)
{
    const Stepfleet__FunctionSetRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct slice name = slice_str(q->function);
    const struct fleet_terms *old = fleet_terms_of(ledger_fleet(l), name);
    struct fleet_terms terms = old != NULL ? *old : (struct fleet_terms){0};

    if (!is_function(c, q->function) || !read_terms(c, q, &terms)) {
        return;
    }
    if (old == NULL && fleet_terms_count(ledger_fleet(l)) >= LIMIT_TERMS) {
        call_fail(c, ERR_QUOTA, "something is asked of %d functions; of no more it can be",
                  LIMIT_TERMS);
        return;
    }
    ledger_function_set(l, name, &terms);
    c->reply(
        c, &terms_message(name, fleet_terms_of(ledger_fleet(l), name), ledger_turn_arena(l))->base);
}

void operation_FUNCTION_DESCRIBE(struct call *c)
{
    const Stepfleet__FunctionRequest *q = (const void *)c->request;
    static const struct fleet_terms none;
    struct ledger *l = c->api->ledger;
    const struct fleet_terms *terms = fleet_terms_of(ledger_fleet(l), slice_str(q->function));

    if (is_function(c, q->function)) {
        c->reply(c, &terms_message(slice_str(q->function), terms != NULL ? terms : &none,
                                   ledger_turn_arena(l))
                         ->base);
    }
}

void operation_FUNCTION_RESET(struct call *c)
{
    const Stepfleet__FunctionRequest *q = (const void *)c->request;
    Stepfleet__Empty r = STEPFLEET__EMPTY__INIT;

    if (is_function(c, q->function)) {
        ledger_function_set(c->api->ledger, slice_str(q->function), NULL);
        c->reply(c, &r.base);
    }
}

void operation_FUNCTION_LIST(struct call *c)
{
    const Stepfleet__PageRequest *q = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__FunctionListReply r = STEPFLEET__FUNCTION_LIST_REPLY__INIT;
    struct fleet_gauge *all;
    size_t count;
    uint32_t max;

    if (!page_size(c, q->max_results, &max)) {
        return;
    }
    all = ledger_scale(c->api->ledger, &count);
    r.functions = ARENA_ARRAY(a, max, Stepfleet__FunctionTerms *);
    for (size_t i = 0; i < count; i++) {
        if (slice_cmp(all[i].function, slice_str(q->next_token)) <= 0 ||
            fleet_terms_of(ledger_fleet(c->api->ledger), all[i].function) == NULL) {
            continue;
        }
        if (r.n_functions == max) {
            r.next_token = r.functions[max - 1]->function; /* the list goes on after it */
            break;
        }
        r.functions[r.n_functions++] = terms_message(all[i].function, all[i].terms, a);
    }
    c->reply(c, &r.base);
}

/* ---- scale ---- */

static Stepfleet__ScaleFigures *figures_message(const struct fleet_gauge *g, struct arena *a)
{
    Stepfleet__ScaleFigures *m = arena_alloc(a, sizeof(*m));

    stepfleet__scale_figures__init(m);
    m->function = arena_str(a, g->function);
    m->labels = labels_message(g->terms, a);
    m->n_labels = g->terms->label_count;
    m->ready = g->ready;
    m->leased = g->leased;
    m->workers = g->workers;
    m->slots = g->slots;
    m->wanted = g->wanted;
    m->oldest_ms = g->oldest_ms;
    return m;
}

void operation_SCALE(struct call *c)
{
    const Stepfleet__ScaleRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct arena *a = ledger_turn_arena(l);
    Stepfleet__ScaleReply r = STEPFLEET__SCALE_REPLY__INIT;
    struct fleet_gauge one;
    struct fleet_gauge *all = &one;
    size_t count = 1;
    uint32_t max;

    if (!page_size(c, q->max_results, &max)) {
        return;
    }
    if (q->function[0] != '\0') {
        fleet_gauge(ledger_fleet(l), slice_str(q->function), ledger_now(l), &one);
    } else {
        all = ledger_scale(l, &count);
    }
    r.functions = ARENA_ARRAY(a, max, Stepfleet__ScaleFigures *);
    for (size_t i = 0; i < count; i++) {
        if (slice_cmp(all[i].function, slice_str(q->next_token)) <= 0) {
            continue;
        }
        if (r.n_functions == max) {
            r.next_token = r.functions[max - 1]->function; /* the list goes on after it */
            break;
        }
        r.functions[r.n_functions++] = figures_message(&all[i], a);
    }
    c->reply(c, &r.base);
}
