/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes: coordinator/trigger/pipe.h decides; here messages are received for them, executions
 * started, messages deleted, each within the batch of the turn.
 *
 *   pipe.c      the pipes themselves: made, changed, started, stopped, deleted; loaded at the start
 *   pipe_run.c  what a turn does for one: its state, messages in, executions out
 *
 * FIRE_AND_FORGET: the start of the execution and the deletion of its messages are one batch, so
 * that no crash leaves one without the other, and each message starts one execution.
 * REQUEST_RESPONSE: the run is in memory alone; its messages are deleted in the turn it ends in,
 * and come back by their visibility timeout where it failed, or where a crash ended it.
 *
 * Nothing but the definition is on disk: a pipe goes on by itself after a restart, with what its
 * queue has. */
#ifndef STEPFLEET_LEDGER_PIPE_H
#define STEPFLEET_LEDGER_PIPE_H

#include "coordinator/ledger/ledger.h"
#include "coordinator/store/row_pipe.h"
#include "coordinator/trigger/pipe_parameters.h"

struct ledger_pipe {
    struct slice name;
    struct slice arn;
    struct pipe_row row; /* texts are borrowed until its next change */
    /* The ledger's: */
    struct pipe *core;
    struct pipe_parameters parameters;
    struct slice queue;     /* name of its source */
    struct slice machine;   /* and target */
    struct slice qualifier; /* version or alias; empty: none */
    struct arena texts;
    struct hash_node by_name;
    struct list ready;    /* among those to be looked at */
    struct heap_node due; /* wall */
    struct list of_queue; /* while it runs */
    char text[];
};

/* A tag that has executions called as their (first) message, so that a message that comes again
 * starts nothing new: beyond AWS. */
#define PIPE_NAME_TAG_KEY   "stepfleet:execution-name"
#define PIPE_NAME_TAG_VALUE "message-id"

struct ledger_pipe *ledger_pipe_find(const struct ledger *l, struct slice name);
/* All of them, sorted by name, in the turn's arena. */
struct ledger_pipe **ledger_pipes(struct ledger *l, size_t *count);
size_t ledger_pipe_count(const struct ledger *l);
/**
 * A new one, CREATING; there is none of that name. Of the row state and times are made here.
 *
 * @return OK; ERR_VALIDATION: parameters, or an ARN, are not valid
 */
enum err_code ledger_pipe_put(struct ledger *l,
                              struct slice name,
                              const struct pipe_row *row,
                              struct ledger_pipe **out,
                              struct err *err);
/* UPDATING, with that row; source, state and times stay. ERR_VALIDATION; ERR_CONFLICT: not in this
 * state. */
enum err_code ledger_pipe_change(struct ledger *l,
                                 struct ledger_pipe *p,
                                 const struct pipe_row *row,
                                 struct err *err);
/* STARTING, STOPPING, DELETING; false: not in this state. */
bool ledger_pipe_start(struct ledger *l, struct ledger_pipe *p);
bool ledger_pipe_stop(struct ledger *l, struct ledger_pipe *p);
bool ledger_pipe_delete(struct ledger *l, struct ledger_pipe *p);

/* It is gone at once: it has not run yet, or is over. */
void pipe_forget(struct ledger *l, struct ledger_pipe *p);

/* ---- Between the ledger's own files ---- */

struct ledger_queue;

enum err_code pipes_load(struct ledger *l, struct err *err);
void pipes_free(struct ledger *l);
/* As much as a turn may. */
enum err_code pipes_run(struct ledger *l, struct err *err);
int64_t pipes_wait_ms(const struct ledger *l, struct fleet_now now); /* INT64_MAX: none */
/* An execution that a pipe may wait for has ended. */
void pipe_run_ended(struct ledger *l, const struct execution_header *h);
/* Does a pipe want messages of it? */
bool pipes_want(const struct ledger_queue *q);
/* There may be some. */
void pipes_wake(struct ledger *l, struct ledger_queue *q);
/* It is no more. */
void pipes_leave(struct ledger *l, struct ledger_queue *q);
void pipe_wake(struct ledger *l, struct ledger_pipe *p);
/* Its state, as the core has it now, for `reason` (empty: none). */
void pipe_keep(struct ledger *l, struct ledger_pipe *p, struct slice reason);
/* What its core goes by. */
struct pipe_settings pipe_settings_of(struct ledger *l, const struct ledger_pipe *p);
/* pipe_run.c: batches in flight are nobody's any more. */
void pipe_flights_free(struct ledger *l, struct ledger_pipe *p);

#endif
