/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's process in the simulator: the product's session, reports and leases (worker/session.c,
 * report.c, lease/), unchanged, over
 *
 *   worker_host.c     clock, chance, log and timers, of whichever process runs at this moment
 *   worker_link.c     requests to the coordinator
 *   worker_handler.c  handlers that do what the model says; worker_stream.c those with an output
 *
 * and under worker_grant.c, which sees every token that is delivered, begun, told and accepted.
 *
 * All that may come later to a process is an event of its node's life, so none outlives it: it may
 * hold pointers into the process, and a task's number, since tasks end before their process. */
#ifndef STEPFLEET_TESTS_SIM_WORKER_H
#define STEPFLEET_TESTS_SIM_WORKER_H

#include "tests/sim/model.h"
#include "tests/sim/sim.h"
#include "worker/worker.h"

struct sim_worker {
    struct sim *sim;
    unsigned number;
    struct sim_node *node;
    struct settings settings;
    uv_loop_t loop; /* data: this */
    bool older;     /* of a version that does not know the latest fields */
    bool over;      /* the loop was stopped: it has left */
    struct worker real;
    struct list tasks;   /* of handlers that run */
    struct list pieces;  /* of tasks that are of job runs, likewise */
    int64_t slowness;    /* in those */
    struct list streams; /* of tasks with an output, and what the store has yet to answer */
    uint64_t last_task;
};

/* ---- worker_host.c ---- */

/* Around all that the process does: it runs, and nothing else. */
void worker_enter(struct sim_worker *k);
void worker_exit(struct sim_worker *k);

/* ---- worker.c ---- */

/* Its loop was stopped: the process has ended by itself. */
void worker_has_left(struct sim_worker *k);

/* ---- worker_handler.c ---- */

struct sim_task;
struct sim_output;
struct sim_piece;
typedef void (*task_step)(struct sim_task *t);

/* A handler that runs. */
struct sim_task {
    struct list link; /* in sim_worker.tasks */
    struct sim_worker *worker;
    struct lease *lease;
    uint64_t number;
    uint64_t turn; /* grows with each step set: what was to come before it is void */
    int64_t began_us;
    int64_t deadline_us; /* its process is killed then; INT64_MAX: it has no deadline */
    struct arena memory; /* of all below */
    const struct json_node *event;
    struct model_deed deed;
    struct lease_result result;
    bool failed; /* `result` says how */
    bool stopping;
    int64_t orphan_us;         /* since when its lease is known to be over; 0: it is not (rest.c) */
    struct sim_output *stream; /* ACT_STREAM */
    struct sim_piece *piece;   /* of a job run (worker_piece.c) */
};

/* Its next step is in so long; the deadline's, where that comes first. */
void sim_task_after(struct sim_task *t, int64_t us, task_step step);
/* The first failure counts. */
void sim_task_fail(struct sim_task *t, const char *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Nothing of it runs: its result is told. */
void sim_task_end(struct sim_task *t);
/* Around what it says it takes. */
int64_t sim_task_takes_us(struct sim_task *t);
void sim_tasks_free(struct sim_worker *k);

/* ---- worker_stream.c ---- */

void stream_start(struct sim_task *t);
/* It ends as soon as it can: its process needs `us` for that. */
void stream_stop(struct sim_task *t, int64_t us);
/* Its process was killed. */
void stream_finish(struct sim_task *t);
void stream_recorded(struct sim_task *t, enum err_code rc);
void stream_progress(const struct sim_task *t, struct handler_progress *out);
void streams_free(struct sim_worker *k);

/* ---- worker_grant.c ---- */

struct sim_grant {
    struct hash_node by_token;
    struct hash_node by_attempt;
    struct lease_token token;
    unsigned worker;
    uint64_t instance; /* of the process it was first delivered to */
    struct slice what; /* "ARN/state entry/attempt" and then "/name/state/function"; ours */
    size_t attempt_len;
    uint64_t payload; /* hash */
    bool job;         /* of a job run: "RUN" and then "/phase/piece/function" */
    bool begun;       /* a handler was started */
    bool told;        /* a result was reported */
    bool told_well;   /* a success was */
    bool told_output; /* a success with an output object was */
    bool written;     /* the output object was made visible */
    bool hands_on;    /* its task ends by a token: tried again though it has written */
    bool accepted;    /* the coordinator took the result, and said so */
    uint64_t output;  /* hash of the bytes its handler writes; 0: it writes none */
};

struct sim_grant *grant_find(struct sim *s, struct lease_token token);
/* By the mark of an upload; NULL: it is of no token, or not of what that was given for. */
struct sim_grant *grant_of_mark(struct sim *s, struct slice mark);
/* Did an attempt, "ARN/state entry/attempt", ever make its output visible? */
bool grant_has_written(struct sim *s, struct slice attempt);
void grant_delivered(struct sim_worker *k, const Stepfleet__Lease *m);
void grant_begun(struct sim_worker *k, const struct lease *l);
void grant_hands_on(struct sim_worker *k, const struct lease *l);
void grant_writes(struct sim_worker *k, const struct lease *l, struct slice bytes);
void grant_told(struct sim_worker *k, const Stepfleet__Result *r);
void grant_accepted(struct sim_worker *k, const Stepfleet__Token *t);

#endif
