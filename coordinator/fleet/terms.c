/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask of a function: the labels its workers carry, how many of its tasks are leased
 * at one time, how many grants a second there are, who goes first.
 *
 * The rate is a bucket of tokens, kept as the time up to which its grants are spent (`spent_ns`):
 * each grant adds an interval, and while it lies no more than a second's worth ahead of now, one
 * more is allowed. Time that passes unused is forgotten beyond that second. A bucket begins with
 * one token: a restart gives no second burst. The clock is the running wall clock, which stands
 * still while the loop does.
 *
 * Where a limit lets go (a lease ended, time went by, other terms), the function is put among those
 * `opened`: what waits in it is granted at the end of the turn. */
#include "coordinator/fleet/internal.h"

#include <assert.h>

#include "proto/base/arena.h"

#define NS_A_MS INT64_C(1000000)

/* ---- Labels ---- */

const struct json_node *fleet_labels_read(struct slice labels, struct arena *a)
{
    const struct json_node *node;
    struct err err;

    return labels.len != 0 && json_parse(labels, a, &node, &err) == OK && json_is(node, JSON_OBJECT)
               ? node
               : NULL;
}

bool fleet_terms_carried(const struct fleet_terms *terms, const struct json_node *node)
{
    for (size_t i = 0; i < terms->label_count; i++) {
        const struct json_node *value =
            node != NULL ? json_member(node, terms->labels[i].key) : NULL;

        if (!json_is(value, JSON_STRING) || !slice_eq(json_text(value), terms->labels[i].value)) {
            return false;
        }
    }
    return true;
}

/* Which of the workers that offer it may have its tasks now. */
static void terms_refit(struct fleet *f, struct fleet_function *fn)
{
    struct arena a = {0};
    struct list all;

    list_init(&all);
    list_splice(&all, &fn->offers);
    list_splice(&all, &fn->unfit);
    LIST_EACH_SAFE(n, after, &all)
    {
        struct fleet_offered *o = container_of(n, struct fleet_offered, of_function);

        fleet_function_refit(
            f, o, fleet_terms_carried(&fn->terms, fleet_labels_read(o->worker->labels, &a)));
        arena_reset(&a);
    }
    arena_fini(&a);
}

/* ---- The rate ---- */

static int64_t interval_ns(const struct fleet_terms *terms)
{
    return INT64_C(1000000000000) / terms->rate_milli;
}

/* How far ahead of now the grants of a bucket may be spent. */
static int64_t burst_ns(const struct fleet_terms *terms)
{
    return terms->rate_milli > 1000 ? INT64_C(1000000000) - interval_ns(terms) : 0;
}

/* When the next grant is allowed, in milliseconds of the running wall clock. */
static int64_t allowed_ms(const struct fleet_function *fn)
{
    int64_t ns = fn->spent_ns - burst_ns(&fn->terms);

    return ns > 0 ? (ns + NS_A_MS - 1) / NS_A_MS : 0;
}

bool fleet_terms_allow(const struct fleet *f, const struct fleet_function *fn)
{
    if (fn->terms.concurrency != 0 && fn->leased >= fn->terms.concurrency) {
        return false;
    }
    return fn->terms.rate_milli == 0 || allowed_ms(fn) <= fleet_clock_latest(f);
}

void fleet_terms_spend(struct fleet *f, struct fleet_function *fn)
{
    int64_t now_ns;

    if (fn->terms.rate_milli == 0) {
        return;
    }
    now_ns = fleet_clock_latest(f) * NS_A_MS;
    fn->spent_ns = (fn->spent_ns > now_ns ? fn->spent_ns : now_ns) + interval_ns(&fn->terms);
    fleet_terms_watch(f, fn);
}

void fleet_terms_watch(struct fleet *f, struct fleet_function *fn)
{
    struct heap *h = &f->due[FLEET_DUE_RATE];

    if (fn->terms.rate_milli == 0 || fn->ready == 0 || allowed_ms(fn) <= fleet_clock_latest(f)) {
        heap_remove(h, &fn->rate);
    } else if (!heap_has(&fn->rate) || fn->rate.key != allowed_ms(fn)) {
        heap_set(h, &fn->rate, allowed_ms(fn));
    }
}

void fleet_terms_open(struct fleet *f, struct fleet_function *fn)
{
    heap_set(&f->opened, &fn->opened, -(int64_t)fn->terms.priority);
}

/* ---- Set and asked ---- */

static char *put_text(char *at, struct slice s, struct slice *out)
{
    if (s.len != 0) {
        memcpy(at, s.ptr, s.len);
    }
    *out = slice_make(at, s.len);
    return at + s.len;
}

/* One block: the labels, then their texts. */
static void terms_copy(struct fleet_function *fn, const struct fleet_terms *terms)
{
    size_t bytes = sizeof(struct fleet_label); /* never none: it says that there are terms */
    char *at;

    for (size_t i = 0; i < terms->label_count; i++) {
        bytes += sizeof(struct fleet_label) + terms->labels[i].key.len + terms->labels[i].value.len;
    }
    fn->terms = *terms;
    fn->label_block = mem_zalloc(1, bytes);
    fn->terms.labels = fn->label_block;
    at = (char *)(fn->label_block + terms->label_count);
    for (size_t i = 0; i < terms->label_count; i++) {
        at = put_text(at, terms->labels[i].key, &fn->label_block[i].key);
        at = put_text(at, terms->labels[i].value, &fn->label_block[i].value);
    }
}

void fleet_terms_set(struct fleet *f,
                     struct slice function,
                     const struct fleet_terms *terms,
                     struct fleet_now now)
{
    struct fleet_function *fn = fleet_function_get(f, function);
    struct fleet_label *old = fn->label_block;
    uint32_t rate = fn->terms.rate_milli;

    f->terms -= (size_t)(old != NULL);
    fn->terms = (struct fleet_terms){0};
    fn->label_block = NULL;
    if (terms != NULL) {
        terms_copy(fn, terms);
        f->terms++;
    }
    mem_free(old);
    if (fn->terms.rate_milli != rate) {
        fn->spent_ns = fn->terms.rate_milli != 0
                           ? fleet_clock_wall(f, now) * NS_A_MS + burst_ns(&fn->terms)
                           : 0;
    }
    terms_refit(f, fn);
    fleet_terms_watch(f, fn);
    fleet_terms_open(f, fn);
    fleet_function_release(f, fn);
}

const struct fleet_terms *fleet_terms_of(const struct fleet *f, struct slice function)
{
    const struct fleet_function *fn = fleet_function_find(f, function);

    return fn != NULL && fn->label_block != NULL ? &fn->terms : NULL;
}

size_t fleet_terms_count(const struct fleet *f)
{
    return f->terms;
}

void fleet_terms_each(const struct fleet *f,
                      void (*visit)(void *arg, struct slice name, const struct fleet_terms *terms),
                      void *arg)
{
    size_t bucket = 0;
    struct hash_node *n = NULL;

    while ((n = hash_iterate(&f->functions, &bucket, n)) != NULL) {
        const struct fleet_function *fn = container_of(n, struct fleet_function, by_name);

        if (fn->label_block != NULL) {
            visit(arg, fn->name, &fn->terms);
        }
    }
}
