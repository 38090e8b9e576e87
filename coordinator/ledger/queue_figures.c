/* SPDX-License-Identifier: Apache-2.0 */
/* What metrics want to know of queues: all of them in any order, ages, and which are for dead
 * letters. */
#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/queue.h"

struct ledger_queue *
ledger_queue_each(const struct ledger *l, size_t *bucket, struct ledger_queue *q)
{
    struct hash_node *n = hash_iterate(&l->queues, bucket, q != NULL ? &q->by_name : NULL);

    return n != NULL ? container_of(n, struct ledger_queue, by_name) : NULL;
}

/* The head of what a clock that was wrong has left is at 0: it says nothing. */
int64_t ledger_queue_age_ms(const struct ledger *l, const struct ledger_queue *q)
{
    struct queue_place head = queue_head(q->core);
    struct queue_counts counts;

    queue_counts(q->core, &counts);
    return counts.total != 0 && head.due_ms != 0 && head.due_ms < l->now.wall_ms
               ? l->now.wall_ms - head.due_ms
               : 0;
}

static void mark(const struct ledger *l, struct slice name)
{
    struct ledger_queue *q = name.len != 0 ? ledger_queue_find(l, name) : NULL;

    if (q != NULL) {
        q->is_dead_letters = true;
    }
}

static void mark_of_rule(const struct ledger *l, const struct ledger_rule *r)
{
    for (size_t i = 0; i < r->row.target_count; i++) {
        mark(l, r->targets[i].dead_letters);
    }
}

void ledger_queues_mark(struct ledger *l)
{
    struct ledger_queue *q = NULL;
    size_t bucket = 0;

    while ((q = ledger_queue_each(l, &bucket, q)) != NULL) {
        q->is_dead_letters = false;
    }
    bucket = 0;
    while ((q = ledger_queue_each(l, &bucket, q)) != NULL) {
        mark(l, q->row.attributes.dead_letters);
    }
    LIST_EACH(n, &l->event_rules)
    {
        mark_of_rule(l, container_of(n, struct ledger_rule, link));
    }
}

uint64_t ledger_dead_letters(struct ledger *l)
{
    struct ledger_queue *q = NULL;
    size_t bucket = 0;
    uint64_t sum = 0;

    ledger_queues_mark(l);
    while ((q = ledger_queue_each(l, &bucket, q)) != NULL) {
        struct queue_counts counts;

        queue_counts(q->core, &counts);
        sum += q->is_dead_letters ? counts.total : 0;
    }
    return sum;
}
