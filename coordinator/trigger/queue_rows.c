/* SPDX-License-Identifier: Apache-2.0 */
/* What of a queue is rows alone: what is delayed, and what was sent when there was no room. Whoever
 * holds the rows gives them in order of their places, from the queue's `ahead` on. */
#include <assert.h>

#include "coordinator/trigger/internal.h"
#include "proto/base/arena.h"

/* ---- what is delayed, by the second it is due in: counted, not held ---- */

static int64_t due_second(int64_t due_ms)
{
    return (due_ms + 999) / 1000;
}

static uint32_t *bucket(struct queue *q, int64_t second)
{
    return &q->delays[(uint64_t)second % QUEUE_DELAY_BUCKETS];
}

static void delay_add(struct queue *q, int64_t due_ms, int64_t now_ms)
{
    int64_t second = due_second(due_ms);

    queue_delays_turn(q, now_ms);
    if (due_ms <= now_ms || second <= q->delayed_s) {
        return;
    }
    if (q->delays == NULL) {
        q->delays = mem_zalloc(QUEUE_DELAY_BUCKETS, sizeof(*q->delays));
    }
    if (second - q->delayed_s < QUEUE_DELAY_BUCKETS) {
        (*bucket(q, second))++;
        q->delayed++;
    }
}

/* It is here before its second is over. */
static void delay_remove(struct queue *q, int64_t due_ms)
{
    int64_t second = due_second(due_ms);

    if (q->delays != NULL && second > q->delayed_s && second - q->delayed_s < QUEUE_DELAY_BUCKETS &&
        *bucket(q, second) != 0) {
        (*bucket(q, second))--;
        q->delayed--;
    }
}

void queue_delays_turn(struct queue *q, int64_t now_ms)
{
    int64_t now_s = now_ms / 1000;

    while (q->delayed != 0 && q->delayed_s < now_s) {
        uint32_t *n = bucket(q, ++q->delayed_s);

        q->delayed -= *n;
        *n = 0;
    }
    q->delayed_s = q->delayed_s > now_s ? q->delayed_s : now_s;
}

/* ---- rows ---- */

void queue_put_ahead(struct queue *q, struct queue_place place, int64_t now_ms)
{
    q->ahead_ms = q->ahead_ms < place.due_ms ? q->ahead_ms : place.due_ms;
    delay_add(q, place.due_ms, now_ms);
}

/* One whose row no load has come to yet: whoever loads may see the row though it is deleted. */
void queue_forget(struct queue *q, struct queue_message *m)
{
    if (queue_place_less(m->place, q->ahead)) {
        mem_free(m);
        return;
    }
    m->status = QUEUE_GONE;
    list_push_back(&q->gone, &m->link);
    hash_insert(&q->gone_by_number, &m->by_number, hash_u64(m->place.number));
}

static void forget_for_good(struct queue *q, struct queue_message *m)
{
    hash_remove(&q->gone_by_number, &m->by_number);
    list_remove(&m->link);
    mem_free(m);
}

void queue_forget_gone(struct queue *q)
{
    while (!list_empty(&q->gone)) {
        forget_for_good(q, container_of(q->gone.next, struct queue_message, link));
    }
}

/* True: it was there. */
static bool is_gone(struct queue *q, uint64_t number)
{
    HASH_EACH_MATCH(n, &q->gone_by_number, hash_u64(number))
    {
        struct queue_message *m = container_of(n, struct queue_message, by_number);

        if (m->place.number == number) {
            forget_for_good(q, m);
            return true;
        }
    }
    return false;
}

int64_t queue_wants_ms(const struct queue *q, struct queue_place *from)
{
    bool room = q->settings.fifo
                    ? q->held < LIMIT_QUEUE_FIFO_WINDOW && q->open_count < LIMIT_QUEUE_FIFO_OPEN
                    : q->ready_count < q->ready_most / 2;

    *from = q->ahead;
    return room ? q->ahead_ms : INT64_MAX;
}

enum queue_load queue_load(struct queue *q,
                           int64_t now_ms,
                           struct queue_place place,
                           int64_t sent_ms,
                           struct slice group)
{
    if (queue_find(q, place.number) != NULL || is_gone(q, place.number)) {
        return QUEUE_KNOWN;
    }
    delay_remove(q, place.due_ms);
    if (queue_is_old(q, sent_ms, now_ms)) {
        q->total--;
        return QUEUE_LOADED_OLD;
    }
    (void)queue_hold(q, place, sent_ms, group);
    return QUEUE_LOADED;
}

void queue_load_end(struct queue *q, struct queue_place next, int64_t due_ms)
{
    assert(next.due_ms >= q->ahead.due_ms);
    q->ahead = next;
    q->ahead_ms = due_ms;
    if (due_ms == INT64_MAX) {
        queue_forget_gone(q); /* all rows were passed */
    }
}

int64_t queue_stale_ms(const struct queue *q)
{
    struct queue_place from;

    return queue_wants_ms(q, &from) != INT64_MAX ? from.due_ms + q->settings.retention_ms
                                                 : INT64_MAX;
}

struct queue_place queue_head(const struct queue *q)
{
    const struct queue_message *m =
        list_empty(&q->all) ? NULL : container_of(q->all.next, struct queue_message, all);

    return m != NULL && queue_place_less(m->place, q->ahead) ? m->place : q->ahead;
}

int64_t queue_next_ms(const struct queue *q)
{
    const struct heap_node *n = heap_min(&q->flight);

    return n != NULL && n->key < q->sweep_ms ? n->key : q->sweep_ms;
}

/* ---- opening ---- */

void queue_restore(struct queue *q, uint64_t total, uint64_t last_number, struct queue_place head)
{
    assert(q->total == 0);
    q->total = total;
    q->last_number = last_number;
    q->ahead = head;
    q->ahead_ms = total != 0 ? head.due_ms : INT64_MAX;
}

void queue_restore_state(struct queue *q, const struct queue_state *s)
{
    struct queue_message *first = q->unpassed;
    struct queue_message *m;

    assert(s->count != 0);
    q->unpassed = NULL; /* they come in order */
    m = queue_hold(q, s->place, s->sent_ms, s->group);
    q->unpassed = first != NULL ? first : m;
    m->first_ms = s->first_ms;
    m->last_ms = s->last_ms;
    m->count = s->count;
    m->receipt = s->receipt;
    hash_insert(&q->by_number, &m->by_number, hash_u64(s->place.number));
    queue_make_fly(q, m, s->visible_ms);
}

void queue_restore_delayed(struct queue *q, int64_t now_ms, int64_t due_ms)
{
    q->last_due_ms = q->last_due_ms > due_ms ? q->last_due_ms : due_ms;
    delay_add(q, due_ms, now_ms);
}
