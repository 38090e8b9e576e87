/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, timers, and what is due.
 *
 * Execution timers are kept by the wall clock as it is. Leases, timeouts, heartbeats and the wait
 * for a function are kept by running clocks: the wall clock and the monotonic clock without the
 * time the caller's loop stood still. So a stall extends all of them at once, by one addition.
 *
 * What is due longest comes first, whatever its kind. All but timers and rates stay due until the
 * caller has ended the task or removed the worker, so nothing is forgotten; it does that before it
 * asks again.
 */
#include "coordinator/fleet/internal.h"

#include <assert.h>

int64_t fleet_clock_wall(struct fleet *f, struct fleet_now now)
{
    f->wall_ms = now.wall_ms;
    return fleet_clock_latest(f);
}

int64_t fleet_clock_latest(const struct fleet *f)
{
    return f->wall_ms - f->stalled_ms;
}

int64_t fleet_clock_mono(const struct fleet *f, struct fleet_now now)
{
    return now.mono_ms - f->stalled_ms;
}

int64_t fleet_deadline(int64_t from, int64_t ms)
{
    int64_t due;

    assert(ms >= 0);
    return __builtin_add_overflow(from, ms, &due) ? INT64_MAX : due;
}

void fleet_timer_set(struct fleet *f, struct fleet_timer *t, int64_t due_wall_ms)
{
    heap_set(&f->due[FLEET_DUE_TIMER], &t->heap, due_wall_ms);
}

void fleet_timer_clear(struct fleet *f, struct fleet_timer *t)
{
    heap_remove(&f->due[FLEET_DUE_TIMER], &t->heap);
}

void fleet_extend(struct fleet *f, int64_t ms)
{
    assert(ms >= 0);
    f->stalled_ms += ms;
    f->wall_ms += ms; /* the time last seen, by the running clock, stays what it was */
}

/* The clock by which things of that kind are due. */
static int64_t due_clock(const struct fleet *f, enum fleet_due_kind kind, struct fleet_now now)
{
    switch (kind) {
    case FLEET_DUE_NONE:
    case FLEET_DUE_TIMER: break;
    case FLEET_DUE_TIMEOUT:
    case FLEET_DUE_HEARTBEAT:
    case FLEET_DUE_NO_FUNCTION:
    case FLEET_DUE_RATE: return fleet_clock_latest(f);
    case FLEET_DUE_WORKER:
    case FLEET_DUE_ORPHAN: return fleet_clock_mono(f, now);
    }
    return now.wall_ms;
}

/* The kind that is due first and in how many milliseconds, below 0: so long ago. */
static enum fleet_due_kind due_first(struct fleet *f, struct fleet_now now, int64_t *left_ms)
{
    enum fleet_due_kind first = FLEET_DUE_NONE;

    (void)fleet_clock_wall(f, now);
    for (enum fleet_due_kind kind = FLEET_DUE_TIMER; kind <= FLEET_DUE_RATE; kind++) {
        const struct heap_node *n = heap_min(&f->due[kind]);
        int64_t left;

        if (n == NULL) {
            continue;
        }
        if (__builtin_sub_overflow(n->key, due_clock(f, kind, now), &left)) {
            left = n->key < 0 ? INT64_MIN : INT64_MAX;
        }
        if (first == FLEET_DUE_NONE || left < *left_ms) {
            first = kind;
            *left_ms = left;
        }
    }
    return first;
}

/* Buckets that allow a grant again: their functions are looked at, at the end of the turn. */
static void due_rates(struct fleet *f, struct fleet_now now)
{
    struct heap *h = &f->due[FLEET_DUE_RATE];
    int64_t clock_ms = fleet_clock_wall(f, now);
    struct heap_node *n;

    while ((n = heap_min(h)) != NULL && n->key <= clock_ms) {
        heap_remove(h, n);
        fleet_terms_open(f, container_of(n, struct fleet_function, rate));
    }
}

struct fleet_due fleet_next_due(struct fleet *f, struct fleet_now now)
{
    int64_t left_ms = 0;
    struct fleet_due due = {.kind = FLEET_DUE_NONE};
    struct heap_node *n;

    due_rates(f, now);
    due.kind = due_first(f, now, &left_ms);
    if (due.kind == FLEET_DUE_NONE || left_ms > 0) {
        return (struct fleet_due){.kind = FLEET_DUE_NONE};
    }
    n = heap_min(&f->due[due.kind]);
    switch (due.kind) {
    case FLEET_DUE_NONE:
    case FLEET_DUE_RATE: break;
    case FLEET_DUE_TIMER:
        heap_remove(&f->due[FLEET_DUE_TIMER], n);
        due.timer = container_of(n, struct fleet_timer, heap);
        break;
    case FLEET_DUE_TIMEOUT: due.task = container_of(n, struct fleet_task, timeout); break;
    case FLEET_DUE_HEARTBEAT: due.task = container_of(n, struct fleet_task, heartbeat); break;
    case FLEET_DUE_NO_FUNCTION:
        due.task = fleet_queue_longest(container_of(n, struct fleet_function, no_function));
        break;
    case FLEET_DUE_WORKER: due.worker = container_of(n, struct fleet_worker, lost); break;
    case FLEET_DUE_ORPHAN: due.task = container_of(n, struct fleet_task, orphan); break;
    }
    return due;
}

int64_t fleet_wait_ms(struct fleet *f, struct fleet_now now)
{
    int64_t left_ms = 0;

    if (due_first(f, now, &left_ms) == FLEET_DUE_NONE) {
        return -1;
    }
    return left_ms > 0 ? left_ms : 0;
}
