/* SPDX-License-Identifier: Apache-2.0 */
/* What the fleet's own files share. One idea a file:
 *
 *   fleet.c     the whole: new, free, counts
 *   function.c  a function: its queue, who offers it, when its tasks fail for want of a worker
 *   task.c      a task's way: ready, granted, ended
 *   lease.c     who holds a leased task: a worker, a name from before a restart, or nobody
 *   worker.c    registered workers: find, speak, drain, leave
 *   hello.c     how a worker is registered
 *   due.c       clocks, timers and what is due
 *
 * Invariants: a task is in exactly one place: nowhere (NONE), one function's queue (READY), or one
 * holder's leases (LEASED). A worker's and an offer's `leased` count the tasks whose `worker` and
 * `offered` they are. A function object lives while it has tasks or workers. */
#ifndef STEPFLEET_FLEET_INTERNAL_H
#define STEPFLEET_FLEET_INTERNAL_H

#include "coordinator/fleet/fleet.h"

/* The queue is two lists, so that its first task is found at either end in one step: what was
 * handed back stands before what is new. Each is in order of ready_ms, `returned` latest first. */
struct fleet_function {
    struct hash_node by_name;
    struct slice name; /* its bytes follow the struct */
    struct list returned;
    struct list queue;
    struct list offers; /* fleet_offered.of_function */
    size_t ready;
    size_t leased;
    size_t workers;
    int64_t alone_ms;             /* when its last worker left, by the running wall clock */
    struct heap_node no_function; /* its first task fails then; only while no worker offers it */
    struct fleet_offered *claim;  /* while a hello is worked on: its offer of this function */
};

/* Leases of before a restart whose worker has not said hello yet. Lives while it has any. */
struct fleet_absent {
    struct hash_node by_name;
    struct slice name; /* its bytes follow the struct */
    struct list leases;
};

struct fleet {
    struct fleet_config config;
    uint64_t epoch;
    uint64_t last_counter; /* of tokens */
    uint64_t last_order;   /* of ready tasks */
    uint64_t last_worker;  /* of workers' ids */
    uint64_t last_round;   /* of fleet_worker_holds() */
    int64_t wall_ms;       /* the latest seen, for what comes without a time */
    int64_t stalled_ms;    /* what both running clocks leave out (due.c) */
    size_t ready;
    size_t leased;
    struct heap due[FLEET_DUE_ORPHAN + 1]; /* by enum fleet_due_kind */
    struct hash tokens;
    struct hash functions;
    struct hash workers_by_id;
    struct hash workers_by_name;
    struct hash absent;
};

/* ---- due.c: the running clocks ---- */

/* Remembers the time; returns the running wall clock. */
int64_t fleet_clock_wall(struct fleet *f, struct fleet_now now);
/* The running wall clock as last seen. */
int64_t fleet_clock_latest(const struct fleet *f);
int64_t fleet_clock_mono(const struct fleet *f, struct fleet_now now);
/* `from` + `ms`, or the end of time. */
int64_t fleet_deadline(int64_t from, int64_t ms);

/* ---- function.c ---- */

struct fleet_function *fleet_function_find(const struct fleet *f, struct slice name);
/* The one there is, or a new one: to be given a task or a worker, or released. */
struct fleet_function *fleet_function_get(struct fleet *f, struct slice name);
/* Free it where it has neither tasks nor workers. */
void fleet_function_release(struct fleet *f, struct fleet_function *fn);
/* The next to be granted, or NULL. */
struct fleet_task *fleet_function_head(const struct fleet_function *fn);
/* The next to be granted to that worker: the first that does not avoid it, as far as is looked. */
struct fleet_task *fleet_function_head_for(const struct fleet_function *fn,
                                           const struct fleet_worker *w);
bool fleet_task_avoids(const struct fleet_task *t, const struct fleet_worker *w);
/* The first to fail where no worker comes, or NULL. */
struct fleet_task *fleet_function_first_due(const struct fleet_function *fn);
void fleet_function_push(struct fleet *f, struct fleet_task *t);
void fleet_function_push_front(struct fleet *f, struct fleet_task *t);
void fleet_function_take(struct fleet *f, struct fleet_task *t);
/* A worker's offer begins and ends. The end releases the function. */
void fleet_function_link(struct fleet *f, struct fleet_offered *o);
void fleet_function_unlink(struct fleet *f, struct fleet_offered *o);

/* ---- lease.c ---- */

/* The leased task has a holder: a worker (`o`: its offer, or NULL), or one of that name to come. */
void fleet_lease_attach(struct fleet_worker *w, struct fleet_offered *o, struct fleet_task *t);
void fleet_lease_await(struct fleet *f, struct slice name, struct fleet_task *t, int64_t mono_ms);
/* Nobody holds it any more. */
void fleet_lease_detach(struct fleet *f, struct fleet_task *t);
/* The worker of that name has come: the leases become its own, by the claims of its offers. Those
 * of another process go to the end of `lost`, held by nobody. */
void fleet_lease_adopt(struct fleet *f, struct fleet_worker *w, struct list *lost);
/* The worker is about to be freed: its leases, held by nobody now, go to the end of `lost`. */
void fleet_lease_lose(struct fleet_worker *w, struct list *lost);

/* ---- worker.c ---- */

/* Free slots of the worker, 0 where it takes none now. */
uint32_t fleet_worker_room(const struct fleet_worker *w);
/* Its memory alone. */
void fleet_worker_free(struct fleet_worker *w);
/* Its offer of the function, or NULL. */
struct fleet_offered *fleet_worker_offered(const struct fleet_worker *w,
                                           const struct fleet_function *fn);

#endif
