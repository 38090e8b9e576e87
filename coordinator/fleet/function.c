/* SPDX-License-Identifier: Apache-2.0 */
/* A function: the workers that offer it, and when its tasks fail for want of one.
 *
 * A worker that does not carry the labels the function asks for is as one that does not offer it.
 * While no worker offers it, its tasks fail no_function_ms after they became ready or after its
 * last worker left, whichever is later. The queue is in order of time, so one timer a function, set
 * for its first task, serves them all: a worker that comes or goes costs the same for one task
 * waiting as for a million. */
#include "coordinator/fleet/internal.h"

#include <assert.h>

#include "proto/base/arena.h"

struct fleet_function *fleet_function_find(const struct fleet *f, struct slice name)
{
    HASH_EACH_MATCH(n, &f->functions, hash_bytes(name, 0))
    {
        struct fleet_function *fn = container_of(n, struct fleet_function, by_name);

        if (slice_eq(fn->name, name)) {
            return fn;
        }
    }
    return NULL;
}

struct fleet_function *fleet_function_get(struct fleet *f, struct slice name)
{
    struct fleet_function *fn = fleet_function_find(f, name);

    if (fn != NULL) {
        return fn;
    }
    fn = mem_zalloc(1, sizeof(*fn) + name.len);
    if (name.len != 0) {
        memcpy(fn + 1, name.ptr, name.len);
    }
    fn->name = slice_make(fn + 1, name.len);
    list_init(&fn->queue);
    list_init(&fn->lanes);
    list_init(&fn->offers);
    list_init(&fn->unfit);
    fn->alone_ms = INT64_MIN; /* never had a worker: only when its tasks became ready counts */
    hash_insert(&f->functions, &fn->by_name, hash_bytes(name, 0));
    return fn;
}

void fleet_function_release(struct fleet *f, struct fleet_function *fn)
{
    if (fn->ready != 0 || fn->leased != 0 || fn->workers != 0 || fn->misfits != 0 ||
        fn->label_block != NULL) {
        return;
    }
    assert(!heap_has(&fn->no_function) && !heap_has(&fn->rate) && fn->claim == NULL);
    heap_remove(&f->opened, &fn->opened);
    hash_remove(&f->functions, &fn->by_name);
    mem_free(fn);
}

/* Set its timer to what its queue and its workers now ask for. */
static void function_watch(struct fleet *f, struct fleet_function *fn)
{
    struct heap *h = &f->due[FLEET_DUE_NO_FUNCTION];
    const struct fleet_task *t;
    int64_t from;
    int64_t due;

    if (fn->workers != 0 || fn->ready == 0 || f->config.no_function_ms == 0) {
        heap_remove(h, &fn->no_function);
        return;
    }
    t = fleet_queue_longest(fn);
    from = t->ready_ms > fn->alone_ms ? t->ready_ms : fn->alone_ms;
    due = fleet_deadline(from, f->config.no_function_ms);
    if (!heap_has(&fn->no_function) || fn->no_function.key != due) {
        heap_set(h, &fn->no_function, due);
    }
}

void fleet_function_push(struct fleet *f, struct fleet_task *t)
{
    struct fleet_function *fn = t->function;

    fleet_queue_put(f, t);
    fn->ready++;
    f->ready++;
    function_watch(f, fn);
    fleet_terms_watch(f, fn);
}

void fleet_function_take(struct fleet *f, struct fleet_task *t)
{
    struct fleet_function *fn = t->function;

    assert(t->status == FLEET_TASK_READY && fn->ready != 0 && f->ready != 0);
    fleet_queue_remove(f, t);
    fn->ready--;
    f->ready--;
    function_watch(f, fn);
    fleet_terms_watch(f, fn);
}

void fleet_function_link(struct fleet *f, struct fleet_offered *o, bool fits)
{
    struct fleet_function *fn = o->function;

    o->fits = fits;
    list_push_back(fits ? &fn->offers : &fn->unfit, &o->of_function);
    if (fits) {
        fn->workers++;
        function_watch(f, fn);
    } else {
        fn->misfits++;
    }
}

static void function_leave(struct fleet *f, struct fleet_offered *o)
{
    struct fleet_function *fn = o->function;

    list_remove(&o->of_function);
    if (!o->fits) {
        assert(fn->misfits != 0);
        fn->misfits--;
        return;
    }
    assert(fn->workers != 0);
    fn->workers--;
    fn->last_slots = o->slots;
    if (fn->workers == 0) {
        fn->alone_ms = fleet_clock_latest(f);
        function_watch(f, fn);
    }
}

void fleet_function_unlink(struct fleet *f, struct fleet_offered *o)
{
    function_leave(f, o);
    fleet_function_release(f, o->function);
}

void fleet_function_refit(struct fleet *f, struct fleet_offered *o, bool fits)
{
    function_leave(f, o);
    fleet_function_link(f, o, fits);
}

void fleet_function_counts(struct fleet *f, struct slice function, size_t *ready, size_t *workers)
{
    const struct fleet_function *fn = fleet_function_find(f, function);

    *ready = fn != NULL ? fn->ready : 0;
    *workers = fn != NULL ? fn->workers : 0;
}

struct slice fleet_task_function(const struct fleet_task *t)
{
    return t->status != FLEET_TASK_NONE ? t->function->name : (struct slice){NULL, 0};
}
