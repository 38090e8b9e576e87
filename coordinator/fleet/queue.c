/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a function's ready tasks. Those of one machine (or job run) are a lane; the lanes
 * take turns, one grant each, whatever they have waiting: no machine can starve another. Within a
 * lane the oldest execution goes first, so that what was begun is finished before more is; of one
 * execution what became ready first, and what was handed back is where it was before. An execution
 * that is never done could have a lane for itself so: every LIMIT_TURNS-th grant is of the task
 * that has waited longest, whoever's it is.
 *
 * A step costs O(log n) of the tasks in a lane, and nothing for the number of lanes, but where
 * workers are avoided: then at most LIMIT_AVOIDED tasks are looked at. */
#include "coordinator/fleet/internal.h"

#include <assert.h>

#include "proto/base/arena.h"
#include "proto/base/limits.h"

enum {
    LANES_SPARE = 64,       /* kept with their memory */
    LANE_TASKS_KEPT = 4096, /* as large: 32 KiB */
};

static uint64_t lane_hash(const struct fleet_function *fn, uint64_t key)
{
    return hash_u64(key ^ fn->by_name.hash);
}

static struct fleet_lane *
lane_find(const struct fleet *f, const struct fleet_function *fn, uint64_t key)
{
    HASH_EACH_MATCH(n, &f->lanes, lane_hash(fn, key))
    {
        struct fleet_lane *lane = container_of(n, struct fleet_lane, by_key);

        if (lane->function == fn && lane->key == key) {
            return lane;
        }
    }
    return NULL;
}

static struct fleet_lane *lane_get(struct fleet *f, struct fleet_function *fn, uint64_t key)
{
    struct fleet_lane *lane = lane_find(f, fn, key);
    struct list *spare;

    if (lane != NULL) {
        return lane;
    }
    spare = list_pop_front(&f->spare_lanes);
    if (spare != NULL) {
        f->spare_lane_count--;
        lane = container_of(spare, struct fleet_lane, of_function);
    } else {
        lane = mem_zalloc(1, sizeof(*lane));
    }
    lane->function = fn;
    lane->key = key;
    list_push_back(&fn->lanes, &lane->of_function);
    hash_insert(&f->lanes, &lane->by_key, lane_hash(fn, key));
    return lane;
}

static void lane_free(struct fleet_lane *lane)
{
    heap_fini(&lane->tasks);
    mem_free(lane);
}

static void lane_drop(struct fleet *f, struct fleet_lane *lane)
{
    list_remove(&lane->of_function);
    hash_remove(&f->lanes, &lane->by_key);
    if (f->spare_lane_count == LANES_SPARE || lane->tasks.cap > LANE_TASKS_KEPT) {
        lane_free(lane);
        return;
    }
    list_push_front(&f->spare_lanes, &lane->of_function);
    f->spare_lane_count++;
}

void fleet_queue_put(struct fleet *f, struct fleet_task *t)
{
    t->in = lane_get(f, t->function, t->lane);
    heap_set_order(&t->in->tasks, &t->age, (int64_t)t->execution, t->order);
    list_push_back(&t->function->queue, &t->link);
}

void fleet_queue_remove(struct fleet *f, struct fleet_task *t)
{
    struct fleet_lane *lane = t->in;

    assert(lane != NULL && lane->function == t->function);
    list_remove(&t->link);
    heap_remove(&lane->tasks, &t->age);
    t->in = NULL;
    if (heap_min(&lane->tasks) == NULL) {
        lane_drop(f, lane);
    }
    if (list_empty(&t->function->queue)) {
        t->function->picks = 0;
    }
}

bool fleet_task_avoids(const struct fleet_task *t, const struct fleet_worker *w)
{
    for (size_t i = 0; w != NULL && i < t->avoid_count; i++) {
        if (slice_eq(t->avoid[i], w->name)) {
            return true;
        }
    }
    return false;
}

/* The lane's oldest for that worker: those that avoid somebody are few, one a job run. */
static struct fleet_task *
lane_oldest(const struct fleet_lane *lane, const struct fleet_worker *w, unsigned *looked)
{
    struct fleet_task *best = NULL;

    for (size_t i = 0; i < lane->tasks.count && *looked < LIMIT_AVOIDED; i++) {
        struct fleet_task *t = container_of(lane->tasks.nodes[i], struct fleet_task, age);

        if (!fleet_task_avoids(t, w)) {
            if (i == 0) {
                return t;
            }
            if (best == NULL || heap_before(&t->age, &best->age)) {
                best = t;
            }
        }
        ++*looked;
    }
    return best;
}

struct fleet_task *fleet_queue_longest(const struct fleet_function *fn)
{
    return list_empty(&fn->queue) ? NULL : container_of(fn->queue.next, struct fleet_task, link);
}

struct fleet_task *fleet_queue_next(const struct fleet_function *fn, const struct fleet_worker *w)
{
    struct fleet_task *longest = fleet_queue_longest(fn);
    unsigned looked = 0;

    if (longest != NULL && fn->picks % LIMIT_TURNS == LIMIT_TURNS - 1 &&
        !fleet_task_avoids(longest, w)) {
        return longest;
    }
    LIST_EACH(n, &fn->lanes)
    {
        struct fleet_task *t =
            lane_oldest(container_of(n, struct fleet_lane, of_function), w, &looked);

        if (t != NULL || looked >= LIMIT_AVOIDED) {
            return t;
        }
    }
    return NULL;
}

void fleet_queue_turn(struct fleet_task *t)
{
    list_remove(&t->in->of_function);
    list_push_back(&t->function->lanes, &t->in->of_function);
    t->function->picks++;
}

/* No task is looked at: the caller may have freed them already. */
void fleet_queue_fini(struct fleet *f)
{
    size_t bucket = 0;
    struct hash_node *n = hash_iterate(&f->lanes, &bucket, NULL);
    struct list *spare;

    while (n != NULL) {
        struct hash_node *after = hash_iterate(&f->lanes, &bucket, n);

        lane_free(container_of(n, struct fleet_lane, by_key));
        n = after;
    }
    while ((spare = list_pop_front(&f->spare_lanes)) != NULL) {
        lane_free(container_of(spare, struct fleet_lane, of_function));
    }
    hash_fini(&f->lanes);
}
