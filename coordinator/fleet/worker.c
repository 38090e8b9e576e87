/* SPDX-License-Identifier: Apache-2.0 */
/* Registered workers: find them, hear them, drain them, let them go, and compare what they say they
 * hold with what they are thought to hold. */
#include "coordinator/fleet/internal.h"

#include <assert.h>

#include "proto/base/arena.h"

struct fleet_worker *fleet_worker_find(struct fleet *f, uint64_t id)
{
    HASH_EACH_MATCH(n, &f->workers_by_id, hash_u64(id))
    {
        struct fleet_worker *w = container_of(n, struct fleet_worker, by_id);

        if (w->id == id) {
            return w;
        }
    }
    return NULL;
}

struct fleet_worker *fleet_worker_find_name(const struct fleet *f, struct slice name)
{
    HASH_EACH_MATCH(n, &f->workers_by_name, hash_bytes(name, 0))
    {
        struct fleet_worker *w = container_of(n, struct fleet_worker, by_name);

        if (slice_eq(w->name, name)) {
            return w;
        }
    }
    return NULL;
}

struct fleet_worker *fleet_worker_each(struct fleet *f, size_t *bucket, struct fleet_worker *w)
{
    struct hash_node *n;

    if (w == NULL) {
        *bucket = 0;
    }
    n = hash_iterate(&f->workers_by_id, bucket, w != NULL ? &w->by_id : NULL);
    return n != NULL ? container_of(n, struct fleet_worker, by_id) : NULL;
}

uint32_t fleet_worker_room(const struct fleet_worker *w)
{
    /* Restored leases and a hello with fewer slots can leave it more tasks than slots. */
    return w->draining || w->cordon != FLEET_OPEN || w->carriers == 0 || w->leased >= w->slots
               ? 0
               : w->slots - w->leased;
}

struct fleet_offered *fleet_worker_offered(const struct fleet_worker *w,
                                           const struct fleet_function *fn)
{
    for (size_t i = 0; i < w->offer_count; i++) {
        if (w->offers[i].function == fn) {
            return &w->offers[i];
        }
    }
    return NULL;
}

void fleet_worker_seen(struct fleet *f, struct fleet_worker *w, struct fleet_now now)
{
    (void)fleet_clock_wall(f, now);
    w->seen_mono_ms = now.mono_ms;
    heap_set(&f->due[FLEET_DUE_WORKER], &w->lost,
             fleet_deadline(fleet_clock_mono(f, now), f->config.lease_ms));
}

void fleet_worker_carries(struct fleet *f, struct fleet_worker *w, int change)
{
    (void)f;
    if (change < 0) {
        assert(w->carriers >= 0u - (unsigned)change);
        w->carriers -= 0u - (unsigned)change;
    } else {
        w->carriers += (unsigned)change;
    }
}

void fleet_worker_drain(struct fleet *f, struct fleet_worker *w)
{
    (void)f;
    w->draining = true;
}

void fleet_worker_free(struct fleet_worker *w)
{
    mem_free((void *)w->name.ptr);
    mem_free((void *)w->version.ptr);
    mem_free((void *)w->labels.ptr);
    mem_free((void *)w->owner.ptr);
    mem_free(w->offers);
    mem_free(w);
}

void fleet_worker_remove(struct fleet *f, struct fleet_worker *w, struct list *lost)
{
    fleet_lease_lose(w, lost);
    for (size_t i = 0; i < w->offer_count; i++) {
        fleet_function_unlink(f, &w->offers[i]);
    }
    heap_remove(&f->due[FLEET_DUE_WORKER], &w->lost);
    hash_remove(&f->workers_by_id, &w->by_id);
    hash_remove(&f->workers_by_name, &w->by_name);
    fleet_worker_free(w);
}

/* The callbacks may end the task they are given, and change nothing else. */
void fleet_worker_holds(struct fleet *f,
                        struct fleet_worker *w,
                        const struct token *tokens,
                        size_t count,
                        int64_t resend_after_ms,
                        struct fleet_now now,
                        void (*resend)(void *arg, struct fleet_task *t),
                        void (*unknown)(void *arg, struct token token),
                        void *arg)
{
    uint64_t round = ++f->last_round;

    for (size_t i = 0; i < count; i++) {
        struct fleet_task *t = fleet_task_find(f, tokens[i]);

        if (t != NULL && t->worker == w) {
            t->held = round;
        } else {
            unknown(arg, tokens[i]);
        }
    }
    LIST_EACH_SAFE(node, after, &w->leases)
    {
        struct fleet_task *t = container_of(node, struct fleet_task, link);

        if (t->held != round && now.mono_ms - t->sent_mono_ms > resend_after_ms) {
            t->sent_mono_ms = now.mono_ms;
            resend(arg, t);
        }
    }
}

struct slice fleet_offered_function(const struct fleet_offered *o)
{
    return o->function->name;
}

void fleet_totals(struct fleet *f, struct fleet_totals *out)
{
    struct fleet_worker *w = NULL;
    size_t bucket = 0;

    *out = (struct fleet_totals){0};
    while ((w = fleet_worker_each(f, &bucket, w)) != NULL) {
        out->workers++;
        out->draining += w->draining ? 1 : 0;
        out->slots += w->slots;
    }
}
