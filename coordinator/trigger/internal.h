/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a queue share: queue.c sends, receives and deletes; queue_rows.c is what is on
 * disk alone; queue_check.c the invariants, by brute force.
 *
 * Invariants: a message in memory is in `all`, in the order of places; READY ones of a
 * standard queue are in `ready`; IN FLIGHT ones in `flight` by their time. A FIFO group has all its
 * messages in memory, in order, and stands in `open` where it has some and none is in flight.
 * `by_number` has those that were received. EXPIRED ones are in `expired` alone, and not counted;
 * so are GONE ones in `gone`: received before the last start, deleted since, and a load may yet see
 * their rows.
 */
#ifndef STEPFLEET_TRIGGER_INTERNAL_H
#define STEPFLEET_TRIGGER_INTERNAL_H

#include "coordinator/trigger/queue.h"
#include "proto/base/hash.h"
#include "proto/base/heap.h"
#include "proto/base/limits.h"
#include "proto/base/list.h"

enum queue_status { QUEUE_READY, QUEUE_FLIES, QUEUE_EXPIRED, QUEUE_GONE };

/* Seconds a delay may have, and one for each side; a power of two. */
enum { QUEUE_DELAY_BUCKETS = 1024 };

struct queue_message {
    struct list link; /* queue.ready, .expired, .gone, queue_group.messages */
    struct list all;
    struct hash_node by_number; /* where count is not 0; GONE: in gone_by_number */
    struct heap_node flight;    /* its key: visible again */
    struct queue_place place;
    int64_t sent_ms;
    int64_t first_ms;
    int64_t last_ms;
    struct token receipt;
    struct queue_group *group; /* FIFO */
    uint32_t count;
    enum queue_status status;
};

struct queue_group {
    struct hash_node by_name;
    struct list link; /* queue.open */
    struct list messages;
    size_t in_flight;
    size_t name_len;
    char name[];
};

struct queue {
    struct queue_settings settings;
    uint64_t epoch;
    uint64_t counter; /* of receipts */
    uint64_t last_number;
    int64_t last_due_ms; /* FIFO: places stay in the order of sending */
    uint64_t total;
    size_t held; /* in `all` */
    size_t ready_most;
    size_t ready_count;
    struct list all;
    struct queue_message *unpassed; /* in `all`: the first one of before the start whose row no load
                                     * has come to yet; NULL: none */
    struct list ready;
    struct list expired;
    struct list gone;
    struct hash gone_by_number;
    struct heap flight;
    struct hash by_number;
    struct hash groups;
    struct list open;
    size_t open_count;
    int64_t sweep_ms; /* look for expired ones then */
    /* Rows alone: */
    struct queue_place ahead; /* they begin there */
    int64_t ahead_ms;         /* none of them is due before; INT64_MAX: there are none */
    uint64_t delayed;
    int64_t delayed_s; /* buckets up to this second are empty */
    uint32_t *delays;  /* QUEUE_DELAY_BUCKETS, by the second they are due in; NULL: none yet */
};

struct queue_message *
queue_hold(struct queue *q, struct queue_place place, int64_t sent_ms, struct slice group);
struct queue_message *queue_find(const struct queue *q, uint64_t number);
void queue_make_ready(struct queue *q, struct queue_message *m);
void queue_make_fly(struct queue *q, struct queue_message *m, int64_t visible_ms);
static inline bool queue_is_old(const struct queue *q, int64_t sent_ms, int64_t now_ms)
{
    return now_ms - sent_ms >= q->settings.retention_ms;
}

/* queue_rows.c */
/* It is out of the queue; its memory is not the caller's any more. */
void queue_forget(struct queue *q, struct queue_message *m);
void queue_forget_gone(struct queue *q);
void queue_put_ahead(struct queue *q, struct queue_place place, int64_t now_ms);
void queue_delays_turn(struct queue *q, int64_t now_ms);

#endif
