/* SPDX-License-Identifier: Apache-2.0 */
/* Receives of FIFO queues under an id of the caller's (ReceiveRequestAttemptId): who lost the
 * answer asks again and has the same messages, though they are in flight. In memory alone: over a
 * restart they are as others that nobody deleted. Source: Amazon SQS API Reference,
 * ReceiveMessage. */
#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/queue.h"

struct queue_attempt {
    struct list link; /* ledger_queue.attempts, the oldest first */
    int64_t until_ms;
    struct receipt receipts[LIMIT_QUEUE_BATCH];
    size_t count;
    size_t id_len;
    char id[];
};

static void attempt_free(struct ledger_queue *q, struct queue_attempt *t)
{
    list_remove(&t->link);
    q->attempt_count--;
    mem_free(t);
}

static struct queue_attempt *oldest(const struct ledger_queue *q)
{
    return list_empty(&q->attempts) ? NULL
                                    : container_of(q->attempts.next, struct queue_attempt, link);
}

void queue_attempts_free(struct ledger_queue *q)
{
    while (oldest(q) != NULL) {
        attempt_free(q, oldest(q));
    }
}

static struct queue_attempt *
attempt_find(const struct ledger *l, struct ledger_queue *q, struct slice id)
{
    while (oldest(q) != NULL && oldest(q)->until_ms <= l->now.wall_ms) {
        attempt_free(q, oldest(q));
    }
    LIST_EACH(n, &q->attempts)
    {
        struct queue_attempt *t = container_of(n, struct queue_attempt, link);

        if (slice_eq(slice_make(t->id, t->id_len), id)) {
            return t;
        }
    }
    return NULL;
}

static void attempt_keep(const struct ledger *l,
                         struct ledger_queue *q,
                         struct slice id,
                         const struct ledger_received *got,
                         size_t count)
{
    struct queue_attempt *t = mem_zalloc(1, sizeof(*t) + id.len);

    if (q->attempt_count == LIMIT_QUEUE_ATTEMPTS) {
        attempt_free(q, oldest(q));
    }
    t->until_ms = l->now.wall_ms + LIMIT_QUEUE_DEDUP_MS;
    t->id_len = id.len;
    memcpy(t->id, id.ptr, id.len);
    for (; t->count < count; t->count++) {
        const struct queue_state *s = &got[t->count].state;

        t->receipts[t->count] = (struct receipt){q->row.generation, s->place, s->receipt};
    }
    list_push_back(&q->attempts, &t->link);
    q->attempt_count++;
}

/* Are all of its messages as it left them? */
static bool holds(struct ledger *l, struct ledger_queue *q, const struct queue_attempt *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (!ledger_queue_owns(l, q, &t->receipts[i])) {
            return false;
        }
    }
    return true;
}

/* The same messages, hidden anew. False: one may not be hidden for that long any more. */
static bool hide_again(struct ledger *l,
                       struct ledger_queue *q,
                       const struct queue_attempt *t,
                       int64_t visibility_ms,
                       struct queue_state *states)
{
    for (size_t i = 0; i < t->count; i++) {
        if (queue_change(q->core, t->receipts[i].place, t->receipts[i].token, l->now.wall_ms,
                         visibility_ms, &states[i]) != QUEUE_DONE) {
            return false;
        }
    }
    return true;
}

enum err_code ledger_queue_attempt(struct ledger *l,
                                   struct ledger_queue *q,
                                   struct slice id,
                                   size_t most,
                                   int64_t visibility_ms,
                                   struct ledger_received *out,
                                   size_t *count,
                                   struct err *err)
{
    struct queue_attempt *t = attempt_find(l, q, id);
    struct queue_state states[LIMIT_QUEUE_BATCH];
    enum err_code rc = OK;

    if (t != NULL && t->count <= most && holds(l, q, t) &&
        hide_again(l, q, t, visibility_ms, states)) {
        for (*count = 0; *count < t->count && rc == OK; ++*count) {
            rc = queue_received(l, q, &states[*count], &out[*count], err);
        }
        queue_touched(l, q);
        return rc;
    }
    if (t != NULL) {
        attempt_free(q, t);
    }
    rc = ledger_queue_receive(l, q, most, visibility_ms, out, count, err);
    if (rc == OK && *count != 0) {
        attempt_keep(l, q, id, out, *count);
    }
    return rc;
}
