/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: coordinator/trigger/queue.h decides, its rows are written here, in the batch of the turn.
 *
 *   queue.c          the queues themselves: made, changed, purged, deleted; loaded at the start
 *   queue_row.c      what is on disk of messages: bodies, loads by window, counters, what is swept
 *   queue_message.c  send, receive, delete; what is due; dead letters
 *   queue_dedup.c    what FIFO queues remember of what was sent
 *   queue_attempt.c  receives of FIFO queues that are asked for again
 *   queue_move.c     move tasks
 *
 * A message is one put when it is sent (its row), one when it is received (its state), and two
 * deletes; counters and deduplication are one put a batch. A body is in memory until it is durable,
 * and a while longer, as the reader of a message comes mostly at once. A message that was sent in
 * this turn can be received in it: both leave with the same batch. */
#ifndef STEPFLEET_LEDGER_QUEUE_H
#define STEPFLEET_LEDGER_QUEUE_H

#include "coordinator/ledger/ledger.h"
#include "coordinator/store/row_queue.h"
#include "coordinator/trigger/receipt.h"

struct ledger_queue {
    struct slice name;
    struct slice arn;
    struct queue_row row; /* texts are borrowed until its next change */
    void *user;           /* the caller's: its parked calls */
    struct queue_figures *figures;
    bool is_dead_letters; /* others, or rules, send theirs to it: by ledger_queues_mark() */
    struct list pipes;    /* ledger_pipe.of_queue: those that run */
    /* The ledger's: */
    struct queue *core;
    struct arena texts;
    struct hash_node by_name;
    struct heap_node due;  /* wall */
    struct list ready;     /* among those that have something for who waits */
    struct list dirty;     /* among those whose counters changed in the filling batch */
    struct list pending;   /* queue_body.pending: rows alone, not durable yet */
    struct queue_delayed { /* in that batch: when the first delayed message is due */
        uint64_t batch;
        int64_t due_ms;
    } delayed[2]; /* of the batches that are not durable */
    struct dedup dedup;
    struct dedup_entry *fresh; /* of the filling batch */
    size_t fresh_count;
    size_t fresh_cap;
    struct list dedup_rows; /* the oldest first */
    struct list attempts;   /* queue_attempt.link */
    size_t attempt_count;
    struct move_task *moves; /* in `moves_arena`; the newest first */
    size_t move_count;
    struct arena moves_arena;
    bool moves_changed;
    int64_t move_since_ms; /* the running task's rate counts from here, */
    uint64_t move_since;   /* and from so many moved */
    char text[];
};

struct ledger_queue *ledger_queue_find(const struct ledger *l, struct slice name);
/* By their names: where the page begins of those that begin with `prefix`, behind `after` (empty:
 * the first ones). */
size_t ledger_queue_page(const struct ledger *l, struct slice prefix, struct slice after);
/* The one at that place of all, until one is made or deleted; NULL: there are no more. */
struct ledger_queue *ledger_queue_at(const struct ledger *l, size_t i);
size_t ledger_queue_count(const struct ledger *l);
/* All of them, in no order: pass NULL and a zero first. */
struct ledger_queue *
ledger_queue_each(const struct ledger *l, size_t *bucket, struct ledger_queue *q);
/* How long its oldest message could have been received; 0: there is none. */
int64_t ledger_queue_age_ms(const struct ledger *l, const struct ledger_queue *q);
/* Set `is_dead_letters` of all queues. */
void ledger_queues_mark(struct ledger *l);
/* Messages in all that are for dead letters. */
uint64_t ledger_dead_letters(struct ledger *l);
/* Is it where another sends its dead letters? */
bool ledger_queue_has_sources(const struct ledger *l, const struct ledger_queue *q);
/* A new one; there is none of that name. */
struct ledger_queue *
ledger_queue_put(struct ledger *l, struct slice name, const struct queue_attributes *a);
void ledger_queue_set(struct ledger *l, struct ledger_queue *q, const struct queue_attributes *a);
/* Its messages are gone with this batch; their rows go by and by. */
void ledger_queue_purge(struct ledger *l, struct ledger_queue *q);
void ledger_queue_delete(struct ledger *l, struct ledger_queue *q);
void ledger_queue_counts(struct ledger *l, struct ledger_queue *q, struct queue_counts *out);
/* Somebody waits: q->user was set. The hook queue_ready says when there may be something. */
void ledger_queue_waits(struct ledger *l, struct ledger_queue *q);

struct ledger_sent {
    uint8_t id[16];
    uint64_t number;
    bool repeat; /* it was sent before: nothing was done */
};
/**
 * Send a message. id and sent_ms of `m` are made here.
 *
 * @param dedup  NULL: it is never a repeat
 */
void ledger_queue_send(struct ledger *l,
                       struct ledger_queue *q,
                       const struct message_row *m,
                       int64_t delay_ms,
                       const struct dedup_key *dedup,
                       struct ledger_sent *out);

/* What tells repeats in a FIFO queue: the id, and the group where the queue says so. */
struct dedup_key ledger_dedup_key(const struct ledger_queue *q,
                                  struct slice group,
                                  struct slice id,
                                  struct arena *a);
/* Can it remember one message more? */
bool ledger_queue_remembers(const struct ledger_queue *q);

struct ledger_received {
    struct queue_state state;
    struct message_row message; /* until the end of the turn */
    struct slice handle;        /* likewise */
};
/**
 * Receive up to `most` messages, fewer where they are large; those received too often go to the
 * dead-letter queue. Where those are many, *count may be 0 though there are others: who waits is
 * told in the next turn.
 *
 * @return OK (none: *count is 0); ERR_QUEUE_FULL: too many are in flight, and none was received;
 *         ERR_CORRUPT, ERR_IO
 */
enum err_code ledger_queue_receive(struct ledger *l,
                                   struct ledger_queue *q,
                                   size_t most,
                                   int64_t visibility_ms,
                                   struct ledger_received *out,
                                   size_t *count,
                                   struct err *err);
/* The same of a FIFO queue under an id: asked for again within five minutes, the messages it gave
 * are given again, under their receipts and hidden anew, as long as all of them are as they were.
 * At most LIMIT_QUEUE_BATCH of them; `id` is not empty. */
enum err_code ledger_queue_attempt(struct ledger *l,
                                   struct ledger_queue *q,
                                   struct slice id,
                                   size_t most,
                                   int64_t visibility_ms,
                                   struct ledger_received *out,
                                   size_t *count,
                                   struct err *err);
/* Of another queue that there is; one from before a purge is of none. Looks at all queues. */
bool ledger_queue_is_of_another(const struct ledger *l,
                                const struct ledger_queue *q,
                                const struct receipt *r);
enum queue_answer
ledger_queue_remove(struct ledger *l, struct ledger_queue *q, const struct receipt *r);
/* Would that delete it? */
bool ledger_queue_owns(struct ledger *l, struct ledger_queue *q, const struct receipt *r);
enum queue_answer ledger_queue_hide(struct ledger *l,
                                    struct ledger_queue *q,
                                    const struct receipt *r,
                                    int64_t visibility_ms);

/* ---- Move tasks ---- */

/* None is running. `destination` empty: each goes where it came from. @return its id */
uint64_t ledger_move_start(struct ledger *l,
                           struct ledger_queue *q,
                           struct slice destination,
                           uint32_t per_second);
/* The task of that id; NULL: it is not among the last. */
const struct move_task *ledger_move_find(const struct ledger_queue *q, uint64_t id);
/* The one that runs; NULL: none. */
const struct move_task *ledger_move_running(const struct ledger_queue *q);
void ledger_move_cancel(struct ledger *l, struct ledger_queue *q);

/* ---- Between the ledger's own files ---- */

enum err_code queues_load(struct ledger *l, struct err *err);
void queues_free(struct ledger *l);
/* What is due, and what is to be swept; as much as a turn may. */
enum err_code queues_due(struct ledger *l, struct err *err);
void queues_tell(struct ledger *l);
/* Counters and the like go into the batch that leaves. */
void queues_keep(struct ledger *l);
int64_t queues_wait_ms(const struct ledger *l, struct fleet_now now); /* INT64_MAX: none */
/* A batch is durable: bodies it pinned are not any more. */
void bodies_durable(struct ledger *l);
/* The turn is over: the oldest of those that can be read again go. */
void bodies_trim(struct ledger *l);
void bodies_free(struct ledger *l);

/* Its counters are to be written. */
void queue_changed(struct ledger *l, struct ledger_queue *q);
/* Its core changed: who waits may have something now. */
void queue_touched(struct ledger *l, struct ledger_queue *q);
/* It was looked through for messages: others may have what is left; what cannot be loaded before
 * a batch is durable is asked for again by and by. */
void queue_searched(struct ledger *l, struct ledger_queue *q);
/* When it is to be looked at next. */
void queue_time(struct ledger *l, struct ledger_queue *q);
/* Up to now, and what came to be too old is deleted. */
void queue_now(struct ledger *l, struct ledger_queue *q);

/* queue_row.c */
void message_put(struct ledger *l,
                 struct ledger_queue *q,
                 struct queue_place place,
                 const struct message_row *m,
                 bool held);
enum err_code message_get(struct ledger *l,
                          const struct ledger_queue *q,
                          struct queue_place place,
                          struct message_row *out,
                          struct err *err);
void message_delete(struct ledger *l,
                    const struct ledger_queue *q,
                    struct queue_place place,
                    bool received);
/* Load what it wants, as far as a turn may. */
enum err_code queue_fill(struct ledger *l, struct ledger_queue *q, struct err *err);
void queue_sweep_put(struct ledger *l, uint64_t number);
enum err_code queue_sweeps_load(struct ledger *l, struct err *err);
void queue_sweeps_run(struct ledger *l);
bool queue_sweeps_wait(const struct ledger *l); /* a turn is needed at once */
void queue_sweeps_free(struct ledger *l);

/* queue_message.c */
struct ledger_queue *queue_dead_letters(const struct ledger *l, const struct ledger_queue *q);
/* A message of another queue: as it is, or as a new one. */
void queue_accept(struct ledger *l, struct ledger_queue *q, struct message_row *m, bool anew);

/* A message that was received, or hidden anew, for who asked; its state's row is written. */
enum err_code queue_received(struct ledger *l,
                             struct ledger_queue *q,
                             const struct queue_state *s,
                             struct ledger_received *out,
                             struct err *err);

/* queue_attempt.c */
void queue_attempts_free(struct ledger_queue *q);

/* queue_move.c */
enum err_code queue_move_some(struct ledger *l, struct ledger_queue *q, struct err *err);
int64_t queue_move_due_ms(const struct ledger_queue *q);
enum err_code queue_moves_load(struct ledger *l, struct ledger_queue *q, struct err *err);
void queue_moves_keep(struct ledger *l, struct ledger_queue *q);

/* queue_dedup.c */
enum err_code queue_dedup_load(struct ledger *l, struct ledger_queue *q, struct err *err);
void queue_dedup_add(struct ledger *l,
                     struct ledger_queue *q,
                     struct dedup_key key,
                     uint64_t number);
void queue_dedup_turn(struct ledger *l, struct ledger_queue *q);
void queue_dedup_keep(struct ledger *l, struct ledger_queue *q);
int64_t queue_dedup_due_ms(const struct ledger_queue *q);
void queue_dedup_free(struct ledger_queue *q);

#endif
