/* SPDX-License-Identifier: Apache-2.0 */
/* A function: the queue of its ready tasks, the workers that offer it, and when its tasks fail for
 * want of one.
 *
 * While no worker offers it, its tasks fail no_function_ms after they became ready or after its
 * last worker left, whichever is later. The queue is in order of time, so one timer a function, set
 * for its first task, serves them all: a worker that comes or goes costs the same for one task
 * waiting as for a million. */
#include "coordinator/fleet/internal.h"

#include <assert.h>

#include "proto/base/arena.h"
#include "proto/base/limits.h"

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
    list_init(&fn->returned);
    list_init(&fn->queue);
    list_init(&fn->offers);
    fn->alone_ms = INT64_MIN; /* never had a worker: only when its tasks became ready counts */
    hash_insert(&f->functions, &fn->by_name, hash_bytes(name, 0));
    return fn;
}

void fleet_function_release(struct fleet *f, struct fleet_function *fn)
{
    if (fn->ready != 0 || fn->leased != 0 || fn->workers != 0) {
        return;
    }
    assert(!heap_has(&fn->no_function) && fn->claim == NULL);
    hash_remove(&f->functions, &fn->by_name);
    mem_free(fn);
}

static struct fleet_task *function_task(const struct list *head, struct list *node)
{
    return node != head ? container_of(node, struct fleet_task, link) : NULL;
}

struct fleet_task *fleet_function_head(const struct fleet_function *fn)
{
    struct fleet_task *t = function_task(&fn->returned, fn->returned.next);

    return t != NULL ? t : function_task(&fn->queue, fn->queue.next);
}

bool fleet_task_avoids(const struct fleet_task *t, const struct fleet_worker *w)
{
    for (size_t i = 0; i < t->avoid_count; i++) {
        if (slice_eq(t->avoid[i], w->name)) {
            return true;
        }
    }
    return false;
}

/* Those that avoid somebody are few: one a job run. */
struct fleet_task *fleet_function_head_for(const struct fleet_function *fn,
                                           const struct fleet_worker *w)
{
    const struct list *lists[] = {&fn->returned, &fn->queue};
    unsigned looked = 0;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        LIST_EACH(n, lists[i])
        {
            struct fleet_task *t = container_of(n, struct fleet_task, link);

            if (!fleet_task_avoids(t, w)) {
                return t;
            }
            if (++looked == LIMIT_AVOIDED) {
                return NULL;
            }
        }
    }
    return NULL;
}

struct fleet_task *fleet_function_first_due(const struct fleet_function *fn)
{
    struct fleet_task *a = function_task(&fn->returned, fn->returned.prev);
    struct fleet_task *b = function_task(&fn->queue, fn->queue.next);

    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    return a->ready_ms <= b->ready_ms ? a : b;
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
    t = fleet_function_first_due(fn);
    from = t->ready_ms > fn->alone_ms ? t->ready_ms : fn->alone_ms;
    due = fleet_deadline(from, f->config.no_function_ms);
    if (!heap_has(&fn->no_function) || fn->no_function.key != due) {
        heap_set(h, &fn->no_function, due);
    }
}

static void function_pushed(struct fleet *f, struct fleet_function *fn)
{
    fn->ready++;
    f->ready++;
    function_watch(f, fn);
}

void fleet_function_push(struct fleet *f, struct fleet_task *t)
{
    list_push_back(&t->function->queue, &t->link);
    function_pushed(f, t->function);
}

void fleet_function_push_front(struct fleet *f, struct fleet_task *t)
{
    list_push_front(&t->function->returned, &t->link);
    function_pushed(f, t->function);
}

void fleet_function_take(struct fleet *f, struct fleet_task *t)
{
    struct fleet_function *fn = t->function;

    assert(t->status == FLEET_TASK_READY && fn->ready != 0 && f->ready != 0);
    list_remove(&t->link);
    fn->ready--;
    f->ready--;
    function_watch(f, fn);
}

void fleet_function_link(struct fleet *f, struct fleet_offered *o)
{
    list_push_back(&o->function->offers, &o->of_function);
    o->function->workers++;
    function_watch(f, o->function);
}

void fleet_function_unlink(struct fleet *f, struct fleet_offered *o)
{
    struct fleet_function *fn = o->function;

    assert(fn->workers != 0);
    list_remove(&o->of_function);
    fn->workers--;
    if (fn->workers == 0) {
        fn->alone_ms = fleet_clock_latest(f);
        function_watch(f, fn);
    }
    fleet_function_release(f, fn);
}

void fleet_function_counts(struct fleet *f, struct slice function, size_t *ready, size_t *workers)
{
    const struct fleet_function *fn = fleet_function_find(f, function);

    *ready = fn != NULL ? fn->ready : 0;
    *workers = fn != NULL ? fn->workers : 0;
}
