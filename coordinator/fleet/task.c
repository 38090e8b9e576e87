/* SPDX-License-Identifier: Apache-2.0 */
/* A task's way: ready, granted, ended. What is granted when:
 *
 * What waits in a function's queue goes in the order of queue.c, within its terms (terms.c). A
 * task that becomes ready is granted at once only where nobody waits before it in its function; to
 * a worker that all those who wait avoid; or, to the worker whose report led to it and whose slot
 * that set free, where nobody has waited for long. (A grant at once is in the record of the report;
 * one off the queue is a record of its own.)
 *
 * Nor is it granted to a worker that owes its slot to another function: one of a higher priority
 * that has something waiting for that worker, or one of the same whose tasks have been passed over
 * LIMIT_TURNS times, one after the other, and have waited for long.
 *
 * A worker that takes the next task takes it of the functions it offers that have the highest
 * priority; of those, of the one that it was given a task of longest ago, then of the one whose
 * head became ready first.
 *
 * Of several workers that could take a task the one with the largest free share of its slots does;
 * on a tie the preferred one, then the one whose last grant is longest ago.
 *
 * No allocation here, but for a function that has neither worker nor task so far, and for queues
 * that grow. Tokens are
 * (epoch, counter): the epoch grows at every open, the counter at every grant. Source: PROTOCOL.md,
 * leases. */
#include "coordinator/fleet/internal.h"

#include <assert.h>

#include "proto/base/limits.h"
#include "proto/base/sm.h"

static const struct sm_state task_states[] = {
    [FLEET_TASK_NONE] = {"none", SM(FLEET_TASK_READY) | SM(FLEET_TASK_LEASED)},
    [FLEET_TASK_READY] = {"ready", SM(FLEET_TASK_LEASED) | SM(FLEET_TASK_NONE)},
    [FLEET_TASK_LEASED] = {"leased", SM(FLEET_TASK_READY) | SM(FLEET_TASK_NONE)},
};

static uint64_t token_hash(struct token token)
{
    return hash_u64(token.counter ^ (token.epoch << 40));
}

struct fleet_task *fleet_task_find(struct fleet *f, struct token token)
{
    HASH_EACH_MATCH(n, &f->tokens, token_hash(token))
    {
        struct fleet_task *t = container_of(n, struct fleet_task, by_token);

        if (token_eq(t->token, token)) {
            return t;
        }
    }
    return NULL;
}

struct token *fleet_leases_until(struct fleet *f, uint64_t epoch, size_t *count)
{
    struct token *all = mem_zalloc(f->tokens.count + 1, sizeof(*all));
    struct hash_node *n = NULL;
    size_t bucket = 0;

    *count = 0;
    while ((n = hash_iterate(&f->tokens, &bucket, n)) != NULL) {
        const struct fleet_task *t = container_of(n, struct fleet_task, by_token);

        if (t->token.epoch <= epoch) {
            all[(*count)++] = t->token;
        }
    }
    return all;
}

/* It is leased from now on, under `token`. `from_ms`: when the grant was, `now_ms`: the present. */
static void task_lease_begin(struct fleet *f,
                             struct fleet_task *t,
                             struct token token,
                             int64_t from_ms,
                             int64_t now_ms)
{
    t->status = sm_move(task_states, t->status, FLEET_TASK_LEASED);
    t->token = token;
    t->function->leased++;
    f->leased++;
    hash_insert(&f->tokens, &t->by_token, token_hash(token));
    if (t->timeout_ms > 0) {
        heap_set(&f->due[FLEET_DUE_TIMEOUT], &t->timeout, fleet_deadline(from_ms, t->timeout_ms));
    }
    if (t->heartbeat_ms > 0) {
        heap_set(&f->due[FLEET_DUE_HEARTBEAT], &t->heartbeat,
                 fleet_deadline(now_ms, t->heartbeat_ms));
    }
}

/* Its lease is over; the caller moves it on. */
static void task_lease_end(struct fleet *f, struct fleet_task *t)
{
    assert(t->status == FLEET_TASK_LEASED && t->function->leased != 0 && f->leased != 0);
    fleet_lease_detach(f, t);
    hash_remove(&f->tokens, &t->by_token);
    heap_remove(&f->due[FLEET_DUE_TIMEOUT], &t->timeout);
    heap_remove(&f->due[FLEET_DUE_HEARTBEAT], &t->heartbeat);
    t->function->leased--;
    f->leased--;
    t->token = (struct token){0, 0};
    t->cancel = false;
    if (t->function->terms.concurrency != 0 && t->function->ready != 0) {
        fleet_terms_open(f, t->function);
    }
}

static void
task_grant(struct fleet *f, struct fleet_task *t, struct fleet_offered *o, struct fleet_now now)
{
    struct token token = {f->epoch, ++f->last_counter};
    int64_t now_ms = fleet_clock_wall(f, now);

    task_lease_begin(f, t, token, now_ms, now_ms);
    fleet_lease_attach(o->worker, o, t);
    o->worker->granted = token.counter;
    o->granted = token.counter;
    fleet_terms_spend(f, t->function);
    t->sent_mono_ms = now.mono_ms;
}

static bool offered_room(const struct fleet_offered *o)
{
    return o->leased < o->slots && fleet_worker_room(o->worker) != 0;
}

/* Has `a` more right to the next task than `b`? Both have room. */
static bool offered_before(const struct fleet_worker *a,
                           const struct fleet_worker *b,
                           const struct fleet_worker *prefer)
{
    uint64_t share_a = (uint64_t)fleet_worker_room(a) * b->slots;
    uint64_t share_b = (uint64_t)fleet_worker_room(b) * a->slots;

    if (share_a != share_b) {
        return share_a > share_b;
    }
    if (a == prefer || b == prefer) {
        return a == prefer;
    }
    return a->granted < b->granted;
}

/* `left`: only who can take none of those that wait already, because they avoid it. */
static struct fleet_offered *
offered_best(const struct fleet_task *t, const struct fleet_worker *prefer, bool left)
{
    struct fleet_offered *best = NULL;

    LIST_EACH(node, &t->function->offers)
    {
        struct fleet_offered *o = container_of(node, struct fleet_offered, of_function);

        if (offered_room(o) && !fleet_task_avoids(t, o->worker) &&
            (!left || fleet_queue_next(t->function, o->worker) == NULL) &&
            (best == NULL || offered_before(o->worker, best->worker, prefer))) {
            best = o;
        }
    }
    return best;
}

/* Has the function been waiting for longer than a slot may be handed over before it? */
static bool function_waits_long(const struct fleet *f, const struct fleet_function *fn)
{
    return fleet_clock_latest(f) - fleet_queue_longest(fn)->ready_ms > LIMIT_HANDOVER_MS;
}

/* The preferred worker's slot, though others wait; NULL: they have waited too long for that. */
static struct fleet_offered *
offered_handover(struct fleet *f, const struct fleet_task *t, struct fleet_worker *prefer)
{
    struct fleet_offered *o = prefer != NULL ? fleet_worker_offered(prefer, t->function) : NULL;

    return o != NULL && o->fits && offered_room(o) && !fleet_task_avoids(t, prefer) &&
                   !function_waits_long(f, t->function)
               ? o
               : NULL;
}

/* Does a task of another function wait for the worker, and go before a new one of `o`'s? */
static bool worker_owes(struct fleet *f, struct fleet_offered *o)
{
    struct fleet_worker *w = o->worker;
    bool passes = false;

    for (size_t i = 0; f->ready != 0 && i < w->offer_count; i++) {
        const struct fleet_offered *other = &w->offers[i];
        const struct fleet_function *fn = other->function;

        if (fn == o->function || fn->ready == 0 || !other->fits || other->leased >= other->slots ||
            fn->terms.priority < o->function->terms.priority || !fleet_terms_allow(f, fn) ||
            fleet_queue_next(fn, w) == NULL) {
            continue;
        }
        if (fn->terms.priority > o->function->terms.priority) {
            return true;
        }
        passes = passes || function_waits_long(f, fn);
    }
    w->passed = passes ? w->passed + 1 : 0;
    return w->passed > LIMIT_TURNS;
}

/* To whom it goes at once; NULL: to nobody. */
static struct fleet_offered *
offered_now(struct fleet *f, const struct fleet_task *t, struct fleet_worker *prefer)
{
    const struct fleet_task *head = fleet_queue_next(t->function, NULL);
    struct fleet_offered *o;

    if (!fleet_terms_allow(f, t->function)) {
        return NULL;
    }
    if (head == NULL) {
        o = offered_best(t, prefer, false);
    } else {
        o = offered_handover(f, t, prefer);
        o = o == NULL && head->avoid_count != 0 ? offered_best(t, prefer, true) : o;
    }
    if (o != NULL && worker_owes(f, o)) {
        fleet_terms_open(f, t->function); /* another worker may have room for it */
        return NULL;
    }
    return o;
}

struct fleet_worker *fleet_task_ready(struct fleet *f,
                                      struct fleet_task *t,
                                      struct slice function,
                                      struct fleet_worker *prefer,
                                      struct fleet_now now)
{
    struct fleet_offered *o;

    assert(t->status == FLEET_TASK_NONE);
    t->status = sm_move(task_states, t->status, FLEET_TASK_READY);
    t->function = fleet_function_get(f, function);
    t->order = ++f->last_order;
    t->ready_ms = fleet_clock_wall(f, now);
    t->cancel = false;
    o = offered_now(f, t, prefer);
    if (o == NULL) {
        fleet_function_push(f, t);
        return NULL;
    }
    task_grant(f, t, o, now);
    return o->worker;
}

static void task_grant_queued(struct fleet *f,
                              struct fleet_task *t,
                              struct fleet_offered *o,
                              struct fleet_now now)
{
    fleet_queue_turn(t);
    fleet_function_take(f, t);
    o->worker->passed = 0;
    task_grant(f, t, o, now);
}

/* Does the head `a` of the offer `o` go before `b` of the offer `p`? */
static bool head_before(const struct fleet_task *a,
                        const struct fleet_offered *o,
                        const struct fleet_task *b,
                        const struct fleet_offered *p)
{
    int32_t priority_a = a->function->terms.priority;
    int32_t priority_b = b->function->terms.priority;

    if (priority_a != priority_b) {
        return priority_a > priority_b;
    }
    return o->granted != p->granted ? o->granted < p->granted : a->order < b->order;
}

struct fleet_task *fleet_task_next(struct fleet *f, struct fleet_worker *w, struct fleet_now now)
{
    struct fleet_task *best = NULL;
    struct fleet_offered *from = NULL;

    if (f->ready == 0 || fleet_worker_room(w) == 0) {
        return NULL;
    }
    (void)fleet_clock_wall(f, now);
    for (size_t i = 0; i < w->offer_count; i++) {
        struct fleet_offered *o = &w->offers[i];
        struct fleet_task *t;

        if (o->function->ready == 0 || !o->fits || o->leased >= o->slots ||
            !fleet_terms_allow(f, o->function)) {
            continue;
        }
        t = fleet_queue_next(o->function, w);
        if (t != NULL && (best == NULL || head_before(t, o, best, from))) {
            best = t;
            from = o;
        }
    }
    if (best != NULL) {
        task_grant_queued(f, best, from, now);
    }
    return best;
}

/* Of the workers for which something waits in the function, the one to have it. */
static struct fleet_offered *opened_best(const struct fleet_function *fn)
{
    struct fleet_offered *best = NULL;

    LIST_EACH(node, &fn->offers)
    {
        struct fleet_offered *o = container_of(node, struct fleet_offered, of_function);

        if (offered_room(o) && fleet_queue_next(fn, o->worker) != NULL &&
            (best == NULL || offered_before(o->worker, best->worker, NULL))) {
            best = o;
        }
    }
    return best;
}

struct fleet_task *fleet_task_opened(struct fleet *f, struct fleet_now now, struct fleet_worker **w)
{
    struct heap_node *n;

    while ((n = heap_min(&f->opened)) != NULL) {
        struct fleet_function *fn = container_of(n, struct fleet_function, opened);
        struct fleet_offered *o;

        (void)fleet_clock_wall(f, now);
        o = fn->ready != 0 && fleet_terms_allow(f, fn) ? opened_best(fn) : NULL;
        if (o != NULL) {
            struct fleet_task *t = fleet_queue_next(fn, o->worker);

            task_grant_queued(f, t, o, now);
            *w = o->worker;
            return t;
        }
        heap_remove(&f->opened, n);
    }
    return NULL;
}

void fleet_task_restore(struct fleet *f,
                        struct fleet_task *t,
                        struct slice function,
                        struct slice worker_name,
                        struct token token,
                        int64_t granted_wall_ms,
                        struct fleet_now now)
{
    int64_t now_ms = fleet_clock_wall(f, now);
    int64_t since_ms = now.wall_ms - granted_wall_ms;
    int64_t ago_ms = since_ms > 0 ? since_ms : 0; /* the clock may have been put back since */
    struct fleet_worker *w = fleet_worker_find_name(f, worker_name);

    assert(t->status == FLEET_TASK_NONE && fleet_task_find(f, token) == NULL);
    assert(token.epoch <= f->epoch);
    if (token.epoch == f->epoch && token.counter > f->last_counter) {
        f->last_counter = token.counter; /* the same open read again: its tokens stay unique */
    }
    t->function = fleet_function_get(f, function);
    t->order = ++f->last_order;
    t->cancel = false;
    t->sent_mono_ms = INT64_MIN / 2; /* no reply of this life carried it */
    task_lease_begin(f, t, token, now_ms - ago_ms, now_ms);
    if (w != NULL) {
        fleet_lease_attach(w, fleet_worker_offered(w, t->function), t);
    } else {
        fleet_lease_await(f, worker_name, t, fleet_clock_mono(f, now));
    }
}

void fleet_task_end(struct fleet *f, struct fleet_task *t)
{
    switch (t->status) {
    case FLEET_TASK_NONE: return;
    case FLEET_TASK_READY: fleet_function_take(f, t); break;
    case FLEET_TASK_LEASED: task_lease_end(f, t); break;
    }
    t->status = sm_move(task_states, t->status, FLEET_TASK_NONE);
    fleet_function_release(f, t->function);
    t->function = NULL;
}

void fleet_task_return(struct fleet *f, struct fleet_task *t, struct fleet_now now)
{
    task_lease_end(f, t);
    t->status = sm_move(task_states, t->status, FLEET_TASK_READY);
    t->ready_ms = fleet_clock_wall(f, now);
    fleet_function_push(f, t);
}

void fleet_task_heartbeat(struct fleet *f, struct fleet_task *t, struct fleet_now now)
{
    assert(t->status == FLEET_TASK_LEASED);
    if (t->heartbeat_ms > 0) {
        heap_set(&f->due[FLEET_DUE_HEARTBEAT], &t->heartbeat,
                 fleet_deadline(fleet_clock_wall(f, now), t->heartbeat_ms));
    }
}
