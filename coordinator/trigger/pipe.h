/* SPDX-License-Identifier: Apache-2.0 */
/* One pipe, as Amazon EventBridge Pipes have them: from a queue to a state machine, in batches.
 * Pure: times are arguments (milliseconds, wall, never backwards); who receives, starts and deletes
 * is the ledger.
 *
 *   CREATING ---> RUNNING ---> STOPPING ---> STOPPED ---> STARTING ---> RUNNING
 *      |            |  '-----> UPDATING ---> RUNNING, STOPPED
 *      '--> *_FAILED           any but CREATING and UPDATING ---> DELETING ---> gone
 *
 * STOPPING and DELETING last until no batch is in flight. A message goes through a pipe so:
 *
 *   received ---> gathered ---> DUE ---started---> IN FLIGHT ---its run has ended---> gone
 *                   '---the pipe stops: it comes back by its visibility timeout
 *
 * Batches are due in the order they were gathered in. Of an ordered pipe (its queue is FIFO) none
 * is given out while one before it has messages of a group of its own. Source: Amazon EventBridge
 * User Guide, Pipes: Amazon SQS as a source, batching and concurrency. */
#ifndef STEPFLEET_TRIGGER_PIPE_H
#define STEPFLEET_TRIGGER_PIPE_H

#include "coordinator/trigger/receipt.h"
#include "proto/base/hash.h"

/* In rows: never renumbered. */
enum pipe_state {
    PIPE_CREATING = 1,
    PIPE_RUNNING = 2,
    PIPE_UPDATING = 3,
    PIPE_STARTING = 4,
    PIPE_STOPPING = 5,
    PIPE_STOPPED = 6,
    PIPE_DELETING = 7,
    PIPE_CREATE_FAILED = 8,
    PIPE_UPDATE_FAILED = 9,
    PIPE_START_FAILED = 10,
    PIPE_STATES,
};
/* "CREATE_FAILED" */
const char *pipe_state_name(enum pipe_state s);

struct pipe_settings {
    uint32_t batch_size;
    int64_t window_ms;  /* a batch that is not full waits so long for more */
    bool waits;         /* REQUEST_RESPONSE: a batch is over when its run has ended */
    bool named;         /* executions are called as their batch's first message */
    bool ordered;       /* its queue is FIFO */
    size_t input_bytes; /* most of a batch */
};

struct pipe_item {
    struct receipt receipt;
    uint8_t id[16];
    struct slice group;
    struct slice input; /* what the target gets of it, JSON; empty once the batch is in flight */
    struct hash_node by_group; /* the pipe's: in flight, of an ordered pipe */
};

struct pipe_batch {
    struct pipe_item *items; /* texts are the batch's */
    size_t count;
    uint64_t run; /* IN FLIGHT: the execution */
    void *user;   /* the caller's */
    /* The pipe's: */
    size_t cap;
    size_t bytes; /* of the input: "[a,b]" */
    int64_t since_ms;
    struct arena texts;
    struct hash by_number; /* while it is gathered */
    struct list link;      /* pipe.due, pipe.flight; none: given out */
};

struct pipe;

struct pipe *pipe_new(const struct pipe_settings *s, enum pipe_state state, bool wanted);
void pipe_free(struct pipe *p); /* NULL is fine */
/* For the batches to come; those there are go on as they are. */
void pipe_set(struct pipe *p, const struct pipe_settings *s);
const struct pipe_settings *pipe_settings(const struct pipe *p);

/* ---- states ---- */

enum pipe_state pipe_state(const struct pipe *p);
bool pipe_is_wanted(const struct pipe *p); /* DesiredState: RUNNING */
/* Start, stop, update or delete it; false: not in this state. */
bool pipe_start(struct pipe *p);
bool pipe_stop(struct pipe *p);
bool pipe_update(struct pipe *p, bool wanted);
bool pipe_delete(struct pipe *p);
/* Go on from a state that passes; `problem`: it cannot run. True: the state is another now. */
bool pipe_settle(struct pipe *p, bool problem);
/* DELETING, and nothing is in flight: it may be freed. */
bool pipe_is_over(const struct pipe *p);

/* ---- messages ---- */

/* How many messages may be received for it now. */
size_t pipe_wants(const struct pipe *p);
/* One of them. False: it alone is more than a batch may have, and comes back by itself. */
bool pipe_gather(struct pipe *p, int64_t now_ms, const struct pipe_item *item);
/* The next batch that is due, the caller's until it is given back; NULL: there is none. */
struct pipe_batch *pipe_next(struct pipe *p, int64_t now_ms);
/* When pipe_next() may have one by itself; INT64_MAX: not. */
int64_t pipe_due_ms(const struct pipe *p);
/* Is there a batch that waits for nothing? */
bool pipe_is_due(const struct pipe *p, int64_t now_ms);
/* An item is not to be in it: others have its message. */
void pipe_drop(struct pipe_batch *b, size_t item);
/* Its run goes on; it is the pipe's again. */
void pipe_fly(struct pipe *p, struct pipe_batch *b, uint64_t run);
/* It is over, given out or in flight. */
void pipe_end(struct pipe *p, struct pipe_batch *b);
/* It could not be started now: it is the next one again. */
void pipe_put_back(struct pipe *p, struct pipe_batch *b);
size_t pipe_in_flight(const struct pipe *p);
/* Any batch in flight; NULL: none. */
struct pipe_batch *pipe_flying(const struct pipe *p);

/* The input of a batch: a JSON array. */
struct slice pipe_batch_input(const struct pipe_batch *b, struct arena *a);
/**
 * Which messages of a batch stay in the queue, its run having succeeded with that output: those in
 * `batchItemFailures`, or all where that is malformed.
 *
 * @param[out] stays  of each item
 */
void pipe_outcome(const struct pipe_batch *b, struct slice output, struct arena *a, bool *stays);

/* The invariants, by brute force; NULL: they hold. */
const char *pipe_check(const struct pipe *p);

#endif
