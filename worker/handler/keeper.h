/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of persistent functions, kept between tasks. A task takes one (the one that was used
 * last, or a new one), has it to itself, and gives it back.
 *
 *   take -> with a task -> give -> IDLE -> take ...
 *                           |        '--idle too long, unwell, drained--> LEAVING --gone--> freed
 *                           '--unfit, enough tasks, drained, ended already--^
 *
 * So there are never more of them than tasks ran at once. One that is idle has nothing to say: what
 * has ended, or has written between tasks, is not given to a task any more. One that leaves
 * politely finds its stdin at its end, and is stopped PROCESS_GRACE_MS later; one that is unfit is
 * killed.
 *
 * A thread of its own looks after those that are idle or leave, and removes their directories. Any
 * thread takes and gives. */
#ifndef STEPFLEET_WORKER_KEEPER_H
#define STEPFLEET_WORKER_KEEPER_H

#include <pthread.h>

#include "proto/base/buf.h"
#include "proto/base/list.h"
#include "worker/handler/run.h"

/* Whose it is at the moment: the task's that took it, or the keeper's. */
struct persistent {
    const struct handler_function *function;
    struct run run; /* its process, its directory, our ends of its first three descriptors */
    struct buf out; /* queued for its stdin */
    size_t sent;    /* of it */
    size_t owed;    /* bytes behind it, of a DATA frame whose head is there */
    uint64_t tasks; /* it was given */
    bool unfit;     /* for another one */

    /* The keeper's */
    struct list link;
    int64_t idle_at_ms; /* since when */
    bool told;          /* to leave */
};

struct keeper {
    const char *work_dir;
    bool begun; /* there is a thread */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* locked */
    struct list idle; /* used last: first */
    struct list leaving;
    bool drains; /* none is kept any more */
    bool closes; /* the thread ends with the last of them */
};

/* `needed`: a function is persistent; else there is no thread, and nothing may be taken. */
enum err_code keeper_open(struct keeper *k, const char *work_dir, bool needed, struct err *err);
/* One that waits for a task. */
enum err_code keeper_take(struct keeper *k,
                          const struct handler_function *f,
                          struct persistent **out,
                          struct err *err);
/* The task is over. What process_ended() has told of, or is unfit, is not kept. */
void keeper_give(struct keeper *k, struct persistent *p);
/* From now on none is kept. */
void keeper_drain(struct keeper *k);
/* No task has one any more. Returns when all are gone. */
void keeper_close(struct keeper *k);

#endif
