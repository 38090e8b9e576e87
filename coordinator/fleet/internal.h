/* SPDX-License-Identifier: Apache-2.0 */
/* What the fleet's own files share. One idea a file:
 *
 *   fleet.c     the whole: new, free, counts
 *   function.c  a function: who offers it, when its tasks fail for want of a worker
 *   queue.c     the order of a function's ready tasks
 *   terms.c     what operators ask of a function: labels, limits, priority
 *   task.c      a task's way: ready, granted, ended
 *   lease.c     who holds a leased task: a worker, a name from before a restart, or nobody
 *   worker.c    registered workers: find, speak, drain, leave
 *   cordon.c    workers that are to take no more, by name
 *   hello.c     how a worker is registered
 *   gauge.c     figures of functions, and how many workers are wanted
 *   due.c       clocks, timers and what is due
 *
 * Invariants: a task is in exactly one place: nowhere (NONE), one function's queue (READY), or one
 * holder's leases (LEASED). A worker's and an offer's `leased` count the tasks whose `worker` and
 * `offered` they are. A function object lives while it has tasks, workers or terms. At the end of a
 * turn no worker with room waits for a task that it may be granted. */
#ifndef STEPFLEET_FLEET_INTERNAL_H
#define STEPFLEET_FLEET_INTERNAL_H

#include "coordinator/fleet/fleet.h"
#include "proto/base/json.h"

struct fleet_function {
    struct hash_node by_name;
    struct slice name;  /* its bytes follow the struct */
    struct list queue;  /* of ready tasks, by ready_ms */
    struct list lanes;  /* fleet_lane.of_function: whose turn it is goes first */
    unsigned picks;     /* grants off the queue since it was last empty */
    struct list offers; /* fleet_offered.of_function: of workers that carry its labels */
    struct list unfit;  /* likewise, of the others */
    size_t ready;
    size_t leased;
    size_t workers;                  /* among `offers` */
    size_t misfits;                  /* among `unfit` */
    uint32_t last_slots;             /* of the last of `offers` that ended; 0: none has */
    int64_t alone_ms;                /* when its last worker left, by the running wall clock */
    struct heap_node no_function;    /* its first task fails then; only while no worker offers it */
    struct fleet_offered *claim;     /* while a hello is worked on: its offer of this function */
    struct fleet_terms terms;        /* labels in `label_block` */
    struct fleet_label *label_block; /* NULL: there are no terms */
    int64_t spent_ns;                /* the rate's bucket, by the running wall clock (terms.c) */
    struct heap_node rate;           /* tasks wait for the bucket: until then */
    struct heap_node opened;         /* to be looked at by fleet_task_opened() */
};

/* The ready tasks of one function that are of one machine or job run. Lives while it has any. */
struct fleet_lane {
    struct hash_node by_key;
    struct fleet_function *function;
    uint64_t key;      /* fleet_task.lane */
    struct heap tasks; /* fleet_task.age */
    struct list of_function;
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
    struct heap due[FLEET_DUE_RATE + 1]; /* by enum fleet_due_kind */
    struct heap opened;                  /* fleet_function.opened: the highest priority first */
    struct hash tokens;
    struct hash functions;
    size_t terms;            /* functions that have some */
    struct hash lanes;       /* fleet_lane.by_key */
    struct list spare_lanes; /* with their memory, for the next ones */
    size_t spare_lane_count;
    struct hash workers_by_id;
    struct hash workers_by_name;
    struct hash absent;
    struct hash cordons; /* by name */
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
bool fleet_task_avoids(const struct fleet_task *t, const struct fleet_worker *w);
void fleet_function_push(struct fleet *f, struct fleet_task *t);
void fleet_function_take(struct fleet *f, struct fleet_task *t);
/* A worker's offer begins and ends. The end releases the function. */
void fleet_function_link(struct fleet *f, struct fleet_offered *o, bool fits);
void fleet_function_unlink(struct fleet *f, struct fleet_offered *o);
/* The worker carries the function's labels from now on, or does no more. */
void fleet_function_refit(struct fleet *f, struct fleet_offered *o, bool fits);

/* ---- queue.c ---- */

void fleet_queue_put(struct fleet *f, struct fleet_task *t);
void fleet_queue_remove(struct fleet *f, struct fleet_task *t);
/* The next to be granted to that worker (NULL: to one that nobody avoids), as far as is looked. */
struct fleet_task *fleet_queue_next(const struct fleet_function *fn, const struct fleet_worker *w);
/* What waits longest, or NULL. */
struct fleet_task *fleet_queue_longest(const struct fleet_function *fn);
/* It is about to be granted off the queue: its lane has had its turn. */
void fleet_queue_turn(struct fleet_task *t);
void fleet_queue_fini(struct fleet *f);

/* ---- terms.c ---- */

/* Does the worker whose labels are that JSON object carry all that the terms ask for? `node` NULL:
 * it has none. */
bool fleet_terms_carried(const struct fleet_terms *terms, const struct json_node *node);
/* The object of a worker's labels; NULL: it is none. */
const struct json_node *fleet_labels_read(struct slice labels, struct arena *a);
/* Is one more grant within the limits? */
bool fleet_terms_allow(const struct fleet *f, const struct fleet_function *fn);
/* A task was granted. */
void fleet_terms_spend(struct fleet *f, struct fleet_function *fn);
/* Set the timer of its rate to what its queue and its bucket now ask for. */
void fleet_terms_watch(struct fleet *f, struct fleet_function *fn);
/* A task that waits may be granted where none could: it is looked at at the end of the turn. */
void fleet_terms_open(struct fleet *f, struct fleet_function *fn);

/* ---- cordon.c ---- */

void fleet_cordon_fini(struct fleet *f);

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
