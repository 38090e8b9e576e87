/* SPDX-License-Identifier: Apache-2.0 */
/* What crashes left in the object store, and what got old there, goes: uploads that nobody owns,
 * in every bucket that stages wrote to, and outputs of stages in a directory store. Two timers on
 * the loop; the asking is done by object_threads. A look at what the ledger knows is made within a
 * turn, which the shell makes. */
#ifndef STEPFLEET_COORDINATOR_SWEEPER_H
#define STEPFLEET_COORDINATOR_SWEEPER_H

#include <uv.h>

#include "coordinator/object_threads.h"

struct sweeper_config {
    int64_t sweep_interval_ms; /* 0: uploads are never searched for */
    int64_t sweep_age_ms;      /* uploads nobody owns are aborted when so old */
    int64_t outputs_ms;        /* of stages are kept so long; 0: for ever */
    const char *root;          /* of the directory store; NULL: it is none */
    uint64_t account;
};

struct sweeper {
    struct sweeper_config config;
    struct store *store;
    struct ledger *ledger;
    struct object_threads *objects;
    void (*turn_begin)(void *arg);
    void (*turn_end)(void *arg);
    void *arg;
    uv_timer_t sweep;
    uv_timer_t outputs;
    size_t sweeping; /* buckets being swept of uploads, */
    size_t removing; /* and of outputs */
};

/* Before anything else of it, and before sweeper_close. */
void sweeper_init(struct sweeper *w, uv_loop_t *loop);
/* Its other members are set. Does nothing where there is no store. */
void sweeper_start(struct sweeper *w);
/* Of a task it put. Within a turn; the caller frees the task. */
void sweeper_done(struct sweeper *w, const struct object_task *t);
void sweeper_close(struct sweeper *w);

#endif
