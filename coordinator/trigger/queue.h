/* SPDX-License-Identifier: Apache-2.0 */
/* One queue, as Amazon SQS has them: which message may be received, by whose receipt it is gone,
 * what is due. Pure: times are arguments (milliseconds, wall, never backwards), bodies are not
 * here.
 *
 *   sent ---> AHEAD (rows alone) ---loaded in order---> READY ---received---> IN FLIGHT ---deleted
 *     '--- nothing is ahead of it, and there is room -->  ^  '--- once too often: to its
 * dead-letter |        queue; too old: gone
 *                                                        '--- its time is over, or is set to 0 ---
 *
 * A message has a *place*: when it is due first, then its number, in the order of its rows' keys.
 * The places below `ahead` are in memory, all others are rows alone, and so is what is delayed: a
 * queue of millions costs memory for the few thousand at its head, and for what was received. In a
 * FIFO queue places follow the order of sending, and the first 120,000 are looked at for a group
 * that is not blocked, as AWS does.
 *
 * Each receive gives a *receipt*, a fencing token no other receive ever had; an older one does
 * nothing. Source: Amazon SQS Developer Guide and API Reference. */
#ifndef STEPFLEET_TRIGGER_QUEUE_H
#define STEPFLEET_TRIGGER_QUEUE_H

#include "proto/base/slice.h"
#include "proto/base/token.h"

struct queue;
struct queue_group;
struct list;

struct queue_settings {
    bool fifo; /* for ever */
    int64_t retention_ms;
    uint32_t max_receives; /* then it goes to the dead-letter queue; 0: never */
};

struct queue_place {
    int64_t due_ms;  /* visible first */
    uint64_t number; /* from 1, in the order of sending */
};
static inline bool queue_place_less(struct queue_place a, struct queue_place b)
{
    return a.due_ms != b.due_ms ? a.due_ms < b.due_ms : a.number < b.number;
}

/* May it be the id of a group, or of deduplication? At most 128 printable ASCII characters, none
 * of them a space; also none at all: there is none. */
bool queue_is_message_id(struct slice s);

/* What is to be known of a message that was received. */
struct queue_state {
    struct queue_place place;
    int64_t sent_ms;
    int64_t first_ms;   /* received first */
    int64_t last_ms;    /* and last */
    int64_t visible_ms; /* again, from then on */
    uint32_t count;     /* of receives; 0: none yet */
    struct token receipt;
    struct slice group; /* of a FIFO queue: the queue's, until its next call */
};

/* `epoch` is that of this open of the coordinator. */
struct queue *queue_new(const struct queue_settings *s, uint64_t epoch);
void queue_free(struct queue *q); /* NULL is fine */
/* So many are kept in memory before anybody asks for them; LIMIT_QUEUE_READY at first. */
void queue_bound(struct queue *q, size_t ready_most);
/* New settings but for `fifo`. */
void queue_set(struct queue *q, const struct queue_settings *s, int64_t now_ms);

/* Bring it up to `now_ms`: what was in flight too long is ready again. Before all that follows. */
void queue_turn(struct queue *q, int64_t now_ms);
/* Messages that are too old, one by one: gone from the queue, their rows may go. All that a turn
 * found, before the next one. */
bool queue_expired(struct queue *q, struct queue_place *out);
/* When queue_turn() is needed next; INT64_MAX: not by itself. */
int64_t queue_next_ms(const struct queue *q);

/* ---- messages ---- */

/* A new message. `sent_ms` is now, or when it was sent to the queue it comes from.
 *
 * @param[out] held  it is in memory; else its row alone will have it
 * @return its place: its row goes there */
struct queue_place queue_send(struct queue *q,
                              int64_t now_ms,
                              int64_t delay_ms,
                              int64_t sent_ms,
                              struct slice group,
                              bool *held);

/* One receive, of several messages: zeroed before the first. */
struct queue_round {
    struct queue_group *group; /* whose messages are given, though it is blocked by them */
    struct list *after;
};

enum queue_take {
    QUEUE_TAKEN, /* *out is its state: for its row */
    QUEUE_NONE,  /* nothing is ready */
    QUEUE_DEAD,  /* received too often: gone from the queue, to be moved; ask on */
    QUEUE_OLD,   /* likewise, and of nobody's interest */
    QUEUE_FULL,  /* 120,000 are in flight */
};
enum queue_take queue_take(struct queue *q,
                           struct queue_round *round,
                           int64_t now_ms,
                           int64_t visibility_ms,
                           struct queue_state *out);
/* The first ready message as it is, and out of the queue, without a receive; false: there is none.
 */
bool queue_peek(const struct queue *q, struct queue_state *out);
bool queue_pull(struct queue *q, struct queue_state *out);

enum queue_answer {
    QUEUE_DONE,
    QUEUE_STALE,         /* no such message, or received again since: nothing was done */
    QUEUE_NOT_IN_FLIGHT, /* its time is over */
    QUEUE_TOO_LONG,      /* past 12 hours from its receive */
};
/* FIFO: a receipt whose time is over does not delete any more (QUEUE_NOT_IN_FLIGHT). */
enum queue_answer queue_delete(struct queue *q, struct queue_place place, struct token receipt);
/* Would that delete it? */
bool queue_owns(const struct queue *q, struct queue_place place, struct token receipt);
/* From now on it is hidden for that long; 0: it is ready. */
enum queue_answer queue_change(struct queue *q,
                               struct queue_place place,
                               struct token receipt,
                               int64_t now_ms,
                               int64_t visibility_ms,
                               struct queue_state *out);

struct queue_counts {
    uint64_t total;
    uint64_t in_flight;
    uint64_t delayed;
    uint64_t visible; /* the others */
};
void queue_counts(const struct queue *q, struct queue_counts *out);
uint64_t queue_last_number(const struct queue *q);
/* May somebody receive something, as far as is known without a load? */
bool queue_is_ready(const struct queue *q);
bool queue_is_fifo(const struct queue *q);

/* ---- rows ---- */

/* When the first of the rows alone is due that there is room for; INT64_MAX: none. From then on it
 * wants the rows from `*from` on that are due. */
int64_t queue_wants_ms(const struct queue *q, struct queue_place *from);
enum queue_load {
    QUEUE_LOADED,
    QUEUE_KNOWN,      /* it was received: its state is here already, or it is deleted */
    QUEUE_LOADED_OLD, /* too old, and not in the queue any more: its rows may go */
};
enum queue_load queue_load(struct queue *q,
                           int64_t now_ms,
                           struct queue_place place,
                           int64_t sent_ms,
                           struct slice group);
/* All before `next` were loaded; the row there, or after it, is due at `due_ms` (INT64_MAX: there
 * is none). */
void queue_load_end(struct queue *q, struct queue_place next, int64_t due_ms);

/* No message has its rows before that place: a load after a restart begins there. */
struct queue_place queue_head(const struct queue *q);
/* When the first of the rows alone may be too old, though nobody receives: then it wants a load.
 * INT64_MAX: it wants none. */
int64_t queue_stale_ms(const struct queue *q);

/* Opening: its counters (`head` is not in the future), then the states of what was received by
 * place, then the due times of what is delayed. */
void queue_restore(struct queue *q, uint64_t total, uint64_t last_number, struct queue_place head);
void queue_restore_state(struct queue *q, const struct queue_state *s);
void queue_restore_delayed(struct queue *q, int64_t now_ms, int64_t due_ms);

/* The invariants, by brute force; NULL: they hold. */
const char *queue_check(const struct queue *q);
/* Messages in memory. */
size_t queue_held(const struct queue *q);

/* ---- moving messages at a rate ---- */

/* How many more may be moved of `moved` since `since_ms`. */
uint64_t
queue_move_allowance(int64_t since_ms, uint64_t moved, uint32_t per_second, int64_t now_ms);
/* When the next one may be. */
int64_t queue_move_next_ms(int64_t since_ms, uint64_t moved, uint32_t per_second);

#endif
