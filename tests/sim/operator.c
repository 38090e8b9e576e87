/* SPDX-License-Identifier: Apache-2.0 */
/* The operator: asks for labels, limits and priorities of some functions, cordons and drains
 * workers, and takes it all back when faults stop. What was acknowledged, with nothing asked since,
 * must hold of each grant from then on, over crashes of the coordinator:
 *
 *  - it is to a worker that carries the labels of its function and is not cordoned;
 *  - no more of a function are leased than may be, nor granted in a time than its rate allows;
 *  - none of a higher priority has been waiting for the same worker;
 *
 * and in every world, whatever was asked:
 *
 *  - machines take turns in a function's queue: none is passed over more than a few rounds;
 *  - what has waited longest gets one grant of LIMIT_TURNS;
 *  - no worker has room for a task that waits and may be granted. */
#include "tests/sim/operator.h"

#include <stdio.h>
#include <stdlib.h>

#include "coordinator/fleet/internal.h"
#include "coordinator/ledger/internal.h"
#include "tests/sim/errand.h"

enum {
    OPERATOR_ONE_IN = 2, /* worlds */
    FUNCTIONS = 4,
    TURN_US = 4 * SIM_SECOND,
    GRANTS = 1024, /* that a turn may make */
    WAITS = 256,   /* queues and lanes that are watched at one time */
    WAITED_MS = 2 * LIMIT_HANDOVER_MS,
    LATE_US = 31 * SIM_SECOND, /* a message comes no later */
};

struct operated {
    const char *function;
    struct fleet_terms told; /* acknowledged */
    struct fleet_terms asked;
    bool open; /* a request is under way: what holds is not known */
    int64_t asked_us;
    uint64_t epoch;
    int64_t since_ms; /* from when on grants are counted, by the coordinator's clock */
    uint64_t count;
};

struct cordoned {
    enum fleet_cordon told;
    enum fleet_cordon asked;
    bool open;
    int64_t asked_us;
};

/* What waits in a queue, or in a lane of one. */
struct wait {
    uint64_t function; /* hash of its name */
    uint64_t which;    /* lane, or the order of the task that waits longest */
    uint64_t passed;   /* grants to other lanes; or the queue's picks when it was seen first */
    bool seen;
};

struct sim_operator {
    struct operated functions[FUNCTIONS];
    struct cordoned workers[SIM_WORKERS];
    uint64_t epoch;
    uint64_t last; /* counter of the last grant that was looked at */
    struct wait lanes[WAITS];
    size_t lane_count;
    struct wait longest[WAITS];
    size_t longest_count;
    bool asks;   /* it asks anything in this world */
    bool steady; /* and nothing else after that */
};

static const struct fleet_label zone_a = {SLICE_INIT("zone"), SLICE_INIT("a")};

static uint64_t below(struct sim *s, uint64_t n)
{
    return sim_below(s, CHANCE_OPERATOR, n);
}

/* Every other worker is in zone "a", the first, which offers everything, among them. */
static bool is_in_zone(unsigned worker)
{
    return worker % 2 == 0;
}

const char *operator_labels(const struct sim *s, unsigned worker)
{
    (void)s;
    return is_in_zone(worker) ? "{\"zone\":\"a\"}" : "{\"zone\":\"b\"}";
}

/* ---- what is asked ---- */

/* A request of before may still be on its way, and change it back: it is asked again when that is
 * over, and holds from that answer on. */
static bool is_settled(struct errand *x, int64_t asked_us)
{
    struct sim *s = x->sim;
    bool late = s->rarity[FAULT_DELAY] != 0 || s->rarity[FAULT_REPEAT] != 0;
    int64_t left_us = asked_us + (late ? LATE_US : SIM_SECOND) - s->now_us;

    if (left_us > 0) {
        sim_after(s, x->node, left_us, errand_send, x, NULL);
    }
    return left_us <= 0;
}

static void terms_told(struct errand *x, enum err_code rc, const void *reply)
{
    struct operated *o = x->about;

    (void)reply;
    if (rc != OK) {
        errand_refused(x);
    }
    if (is_settled(x, o->asked_us)) {
        o->told = o->asked;
        o->open = false;
        o->epoch = 0;
    }
}

static void ask_terms(struct sim *s, struct operated *o, const struct fleet_terms *terms)
{
    Stepfleet__FunctionSetRequest *m = client_keep(s, sizeof(*m));
    struct errand *x;

    stepfleet__function_set_request__init(m);
    m->function = client_text(s, slice_str(o->function));
    m->has_labels = m->has_concurrency = m->has_rate = m->has_priority = true;
    m->labels = client_keep(s, sizeof(*m->labels));
    if (terms->label_count != 0) {
        m->labels[m->n_labels++] = client_keep(s, sizeof(**m->labels));
        stepfleet__tag__init(m->labels[0]);
        m->labels[0]->key = client_text(s, zone_a.key);
        m->labels[0]->value = client_text(s, zone_a.value);
    }
    m->concurrency = terms->concurrency;
    m->rate_milli = terms->rate_milli;
    m->priority = terms->priority;
    o->asked = *terms;
    o->open = true;
    o->asked_us = s->now_us;
    x = errand_new(s, client_any(s), RPC_FUNCTION_SET, &m->base, terms_told);
    x->about = o;
    errand_send(s, x);
}

static void draw_terms(struct sim *s, struct operated *o)
{
    struct fleet_terms terms = {0};

    if (s->faulty) {
        bool all = below(s, 4) == 0;
        uint64_t one = below(s, 4);

        terms.labels = &zone_a;
        terms.label_count = all || one == 0;
        terms.concurrency = all || one == 1 ? 1 + (uint32_t)below(s, 2) : 0;
        terms.rate_milli = all || one == 2 ? 200 + (uint32_t)below(s, 1800) : 0;
        terms.priority = all || one == 3 ? (int32_t)below(s, 3) - 1 : 0;
    }
    ask_terms(s, o, &terms);
}

static void cordon_told(struct errand *x, enum err_code rc, const void *reply)
{
    struct cordoned *c = x->about;

    (void)reply;
    if (rc != OK) {
        errand_refused(x);
    }
    if (is_settled(x, c->asked_us)) {
        c->told = c->asked;
        c->open = false;
    }
}

static void ask_cordon(struct sim *s, unsigned worker, enum fleet_cordon cordon)
{
    struct cordoned *c = &s->operator->workers[worker];
    Stepfleet__WorkerCordonRequest *m = client_keep(s, sizeof(*m));
    struct errand *x;

    stepfleet__worker_cordon_request__init(m);
    m->worker = client_text(s, slice_str(s->worker_nodes[worker].name));
    m->cordon = (uint32_t)cordon;
    c->asked = cordon;
    c->open = true;
    c->asked_us = s->now_us;
    x = errand_new(s, client_any(s), RPC_WORKER_CORDON, &m->base, cordon_told);
    x->about = c;
    errand_send(s, x);
}

static bool is_plain(const struct fleet_terms *t)
{
    return t->label_count == 0 && t->concurrency == 0 && t->rate_milli == 0 && t->priority == 0;
}

bool operator_is_done(const struct sim *s)
{
    for (unsigned i = 0; s->operator->asks && i<FUNCTIONS; i++) {
        if (s->operator->functions[i].open || !is_plain(&s->operator->functions[i].told)) {
            return false;
        }
    }
    for (unsigned i = 0; i < s->options.workers; i++) {
        if (s->operator->workers[i].open || s->operator->workers[i].told != FLEET_OPEN) {
            return false;
        }
    }
    return true;
}

/* To ask something, or something else? */
static bool wants(struct sim *s, int64_t asked_us, uint64_t one_in)
{
    return (asked_us == 0 || !s->operator->steady) && below(s, one_in) == 0;
}

/* Something else each time; when faults have stopped, everything is taken back. */
static void operate(struct sim *s, void *arg)
{
    struct sim_operator *op = s->operator;

    (void)arg;
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        struct operated *o = &op->functions[i];

        if (!o->open && (s->faulty ? wants(s, o->asked_us, 4) : !is_plain(&o->told))) {
            draw_terms(s, o);
        }
    }
    for (unsigned i = 0; i < s->options.workers; i++) {
        struct cordoned *c = &op->workers[i];

        if (!c->open && (s->faulty ? wants(s, c->asked_us, 16) : c->told != FLEET_OPEN)) {
            ask_cordon(s, i, s->faulty ? (enum fleet_cordon)below(s, 3) : FLEET_OPEN);
        }
    }
    if (s->faulty || !operator_is_done(s)) {
        sim_after(s, NULL, 1 + (int64_t)below(s, TURN_US), operate, NULL, NULL);
    }
}

void operator_open(struct sim *s)
{
    struct sim_operator *op = mem_zalloc(1, sizeof(*op));
    size_t count = 0;

    s->operator= op;
    op->asks = below(s, OPERATOR_ONE_IN) == 0;
    op->steady = below(s, 2) == 0;
    while (model_functions[count] != NULL) {
        count++;
    }
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        op->functions[i].function = model_functions[(i * 3) % count];
    }
    if (op->asks) {
        sim_after(s, NULL, TURN_US, operate, NULL, NULL);
    }
}

/* ---- what must hold of a grant ---- */

static unsigned number_of(const struct sim *s, const struct fleet_worker *w)
{
    unsigned i = 0;

    while (i < s->options.workers && !slice_eq_str(w->name, s->worker_nodes[i].name)) {
        i++;
    }
    return i;
}

/* What holds of a function; NULL: that is not known, or nothing was asked. */
static struct operated *operated_of(struct sim_operator *op, struct slice function)
{
    for (unsigned i = 0; op->asks && i < FUNCTIONS; i++) {
        if (slice_eq_str(function, op->functions[i].function) && !op->functions[i].open) {
            return &op->functions[i];
        }
    }
    return NULL;
}

static uint64_t leased_of(const struct fleet *f, const struct fleet_function *fn)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;
    uint64_t count = 0;

    while ((n = hash_iterate(&f->tokens, &bucket, n)) != NULL) {
        count += container_of(n, struct fleet_task, by_token)->function == fn;
    }
    return count;
}

/* Counted from the first grant after the acknowledgement, or after a restart: up to then a second's
 * worth may have been saved up. */
static void check_rate(struct sim *s, const struct ledger *l, struct operated *o)
{
    uint64_t burst = o->told.rate_milli > 1000 ? (o->told.rate_milli + 999) / 1000 : 1;
    uint64_t passed_ms;

    if (o->told.rate_milli == 0) {
        return;
    }
    if (o->epoch != l->epoch) {
        o->epoch = l->epoch;
        o->since_ms = l->now.wall_ms;
        o->count = 0;
    }
    passed_ms = (uint64_t)(l->now.wall_ms - o->since_ms);
    if (++o->count > 1 + burst + passed_ms * o->told.rate_milli / 1000000) {
        sim_violation(s, "%llu tasks of %s are granted in %llu ms, at most %u a 1000 s",
                      (unsigned long long)o->count, o->function, (unsigned long long)passed_ms,
                      o->told.rate_milli);
    }
}

static void check_terms(struct sim *s, struct ledger *l, const struct fleet_task *t)
{
    struct operated *o = operated_of(s->operator, t->function->name);

    if (o == NULL) {
        return;
    }
    if (o->told.label_count != 0 && t->worker != NULL && !is_in_zone(number_of(s, t->worker))) {
        sim_violation(s, "%.*s gets a task of %s, whose labels it does not carry",
                      SLICE_FMT(t->worker->name), o->function);
    }
    if (o->told.concurrency != 0 && leased_of(l->fleet, t->function) > o->told.concurrency) {
        sim_violation(s, "%llu tasks of %s are leased, at most %u",
                      (unsigned long long)leased_of(l->fleet, t->function), o->function,
                      o->told.concurrency);
    }
    check_rate(s, l, o);
}

static void check_cordon(struct sim *s, const struct fleet_task *t)
{
    unsigned i = t->worker != NULL ? number_of(s, t->worker) : s->options.workers;

    if (i < s->options.workers &&
        s->operator->workers[i].told != FLEET_OPEN && !s->operator->workers[i].open) {
        sim_violation(s, "%s gets a lease after its cordon was acknowledged",
                      s->worker_nodes[i].name);
    }
}

/* Has a task of the function waited for long, and did the worker have room for it? */
static bool waits_for(const struct fleet *f, const struct fleet_offered *o)
{
    const struct fleet_task *longest = fleet_queue_longest(o->function);

    return longest != NULL && longest->avoid_count == 0 && o->leased < o->slots &&
           fleet_clock_latest(f) - longest->ready_ms > WAITED_MS;
}

static void check_priority(struct sim *s, const struct ledger *l, const struct fleet_task *t)
{
    const struct operated *mine = operated_of(s->operator, t->function->name);

    for (size_t i = 0; mine != NULL && t->worker != NULL && i < t->worker->offer_count; i++) {
        const struct fleet_offered *o = &t->worker->offers[i];
        const struct operated *other = operated_of(s->operator, o->function->name);

        if (other != NULL && other->told.priority > mine->told.priority &&
            other->told.concurrency == 0 && other->told.rate_milli == 0 &&
            (other->told.label_count == 0 || is_in_zone(number_of(s, t->worker))) &&
            waits_for(l->fleet, o)) {
            sim_violation(s, "%.*s gets a task of %s while one of %s waits, which goes first",
                          SLICE_FMT(t->worker->name), mine->function, other->function);
        }
    }
}

/* ---- turns ---- */

static struct wait *wait_of(struct sim *s,
                            struct wait *all,
                            size_t *count,
                            const struct fleet_function *fn,
                            uint64_t which)
{
    uint64_t function = fn->by_name.hash;

    for (size_t i = 0; i < *count; i++) {
        if (all[i].function == function && all[i].which == which) {
            all[i].seen = true;
            return &all[i];
        }
    }
    if (*count == WAITS) {
        sim_violation(s, "more than %d queues to be watched", WAITS);
    }
    all[*count] = (struct wait){function, which, 0, true};
    return &all[(*count)++];
}

/* Those that wait no more are forgotten. */
static void forget_waits(struct wait *all, size_t *count)
{
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        if (all[i].seen) {
            all[kept] = all[i];
            all[kept++].seen = false;
        }
    }
    *count = kept;
}

/* Has a task of the lane been waiting for so long that no slot is handed over before it? */
static bool lane_waits(const struct fleet *f, const struct fleet_lane *lane)
{
    for (size_t i = 0; i < lane->tasks.count; i++) {
        const struct fleet_task *t = container_of(lane->tasks.nodes[i], struct fleet_task, age);

        if (t->avoid_count == 0 && fleet_clock_latest(f) - t->ready_ms > WAITED_MS) {
            return true;
        }
    }
    return false;
}

/* A grant is a turn of its lane, and passes over the others that wait. */
static void check_turns(struct sim *s, const struct fleet *f, const struct fleet_task *t)
{
    struct sim_operator *op = s->operator;
    const struct fleet_function *fn = t->function;
    size_t lanes = 0;

    if (t->job) {
        return; /* a run's ticket comes and goes, and so do the workers it avoids */
    }
    LIST_EACH(n, &fn->lanes)
    {
        lanes++;
    }
    LIST_EACH(n, &fn->lanes)
    {
        const struct fleet_lane *lane = container_of(n, struct fleet_lane, of_function);
        struct wait *w;

        if (!lane_waits(f, lane)) {
            continue;
        }
        w = wait_of(s, op->lanes, &op->lane_count, fn, lane->key);
        w->passed = lane->key == t->lane ? 0 : w->passed + 1;
        if (w->passed > 2 * lanes + 4) {
            sim_violation(s, "machine %llu is passed over %llu times in the queue of %.*s",
                          (unsigned long long)lane->key, (unsigned long long)w->passed,
                          SLICE_FMT(fn->name));
        }
    }
}

static void check_longest(struct sim *s, const struct fleet *f)
{
    struct sim_operator *op = s->operator;
    struct hash_node *n = NULL;
    size_t bucket = 0;

    while ((n = hash_iterate(&f->functions, &bucket, n)) != NULL) {
        const struct fleet_function *fn = container_of(n, struct fleet_function, by_name);
        const struct fleet_task *t = fleet_queue_longest(fn);
        size_t before = op->longest_count;
        struct wait *w;

        if (t == NULL || t->avoid_count != 0) {
            continue;
        }
        w = wait_of(s, op->longest, &op->longest_count, fn, t->order);
        if (op->longest_count != before) {
            w->passed = fn->picks;
        }
        if (fn->picks - w->passed > LIMIT_TURNS) {
            sim_violation(s, "the task that has waited longest for %.*s is passed over",
                          SLICE_FMT(fn->name));
        }
    }
}

/* No slot is free for what may be granted. */
static void check_idle(struct sim *s, const struct fleet *f, const struct fleet_function *fn)
{
    if (fn->ready == 0 || !fleet_terms_allow(f, fn)) {
        return;
    }
    LIST_EACH(n, &fn->offers)
    {
        const struct fleet_offered *o = container_of(n, struct fleet_offered, of_function);

        if (o->leased < o->slots && fleet_worker_room(o->worker) != 0 &&
            fleet_queue_next(fn, o->worker) != NULL) {
            sim_violation(s, "%.*s has room, and a task of %.*s waits", SLICE_FMT(o->worker->name),
                          SLICE_FMT(fn->name));
        }
    }
}

static void check_all_idle(struct sim *s, const struct fleet *f)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;

    while ((n = hash_iterate(&f->functions, &bucket, n)) != NULL) {
        check_idle(s, f, container_of(n, struct fleet_function, by_name));
    }
}

static void keep_waiting_lanes(struct sim *s, const struct fleet *f)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;

    while ((n = hash_iterate(&f->lanes, &bucket, n)) != NULL) {
        const struct fleet_lane *lane = container_of(n, struct fleet_lane, by_key);

        if (lane_waits(f, lane)) {
            (void)wait_of(s, s->operator->lanes, &s->operator->lane_count, lane->function,
                          lane->key);
        }
    }
}

/* ---- all of it ---- */

static int by_token(const void *a, const void *b)
{
    const struct fleet_task *x = *(const struct fleet_task *const *)a;
    const struct fleet_task *y = *(const struct fleet_task *const *)b;

    return x->token.counter < y->token.counter ? -1 : x->token.counter > y->token.counter;
}

/* The grants since the last look, in their order. */
static size_t new_grants(struct sim *s, const struct ledger *l, const struct fleet_task **out)
{
    struct sim_operator *op = s->operator;
    struct hash_node *n = NULL;
    size_t bucket = 0;
    size_t count = 0;

    while ((n = hash_iterate(&l->fleet->tokens, &bucket, n)) != NULL && count < GRANTS) {
        const struct fleet_task *t = container_of(n, struct fleet_task, by_token);

        if (t->token.epoch == l->epoch && t->token.counter > op->last) {
            out[count++] = t;
        }
    }
    qsort(out, count, sizeof(*out), by_token);
    op->last = l->fleet->last_counter;
    return count;
}

void operator_check_turn(struct sim *s)
{
    static const struct fleet_task *grants[GRANTS];
    struct sim_operator *op = s->operator;
    struct ledger *l = coordinator_ledger(s);
    size_t count;

    if (op->epoch != l->epoch) {
        op->epoch = l->epoch;
        op->last = 0;
        op->lane_count = op->longest_count = 0;
    }
    count = new_grants(s, l, grants);
    for (size_t i = 0; i < count; i++) {
        check_terms(s, l, grants[i]);
        check_cordon(s, grants[i]);
        check_priority(s, l, grants[i]);
        check_turns(s, l->fleet, grants[i]);
    }
    check_longest(s, l->fleet);
    if (ledger_accepts(l)) {
        check_all_idle(s, l->fleet);
    }
    keep_waiting_lanes(s, l->fleet);
    forget_waits(op->lanes, &op->lane_count);
    forget_waits(op->longest, &op->longest_count);
}
