/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants of a queue, by brute force: nothing here relies on a count that it checks. */
#include "coordinator/trigger/internal.h"

struct found {
    size_t held;
    size_t ready;
    size_t flying;
    size_t received;
};

static bool in_list(const struct list *list, const struct list *node)
{
    LIST_EACH(n, list)
    {
        if (n == node) {
            return true;
        }
    }
    return false;
}

static const char *check_message(const struct queue *q, const struct queue_message *m)
{
    if (m->status == QUEUE_EXPIRED || m->status == QUEUE_GONE) {
        return "an expired message is still in the queue";
    }
    if ((m->status == QUEUE_FLIES) != heap_has(&m->flight)) {
        return "a message is in flight and has no time, or has one and is not";
    }
    if ((m->group != NULL) != q->settings.fifo) {
        return "a message of a FIFO queue has no group, or one of another has";
    }
    if (m->count == 0 && m->status == QUEUE_FLIES) {
        return "a message is in flight that was never received";
    }
    if ((m->count != 0) != (queue_find(q, m->place.number) == m)) {
        return "a message that was received cannot be found, or another can";
    }
    if (m->place.due_ms > q->ahead.due_ms && m->count == 0) {
        return "a message is in memory whose row is ahead";
    }
    return NULL;
}

static const char *check_order(const struct list *messages)
{
    const struct queue_message *before = NULL;

    LIST_EACH(n, messages)
    {
        const struct queue_message *m = container_of(n, struct queue_message, link);

        if (before != NULL && before->place.number >= m->place.number) {
            return "a group is out of order";
        }
        before = m;
    }
    return NULL;
}

static const char *check_groups(const struct queue *q)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;
    size_t open = 0;

    while ((n = hash_iterate(&q->groups, &bucket, n)) != NULL) {
        const struct queue_group *g = container_of(n, struct queue_group, by_name);
        size_t flying = 0;

        if (list_empty(&g->messages)) {
            return "a group has no message";
        }
        LIST_EACH(at, &g->messages)
        {
            flying += container_of(at, struct queue_message, link)->status == QUEUE_FLIES;
        }
        if (flying != g->in_flight || (flying == 0) != in_list(&q->open, &g->link)) {
            return "a group is open and blocked, or neither";
        }
        open += flying == 0;
        if (check_order(&g->messages) != NULL) {
            return check_order(&g->messages);
        }
    }
    return open == q->open_count ? NULL : "groups are open that are none";
}

static const char *check_places(const struct queue *q)
{
    struct queue_place before = {-1, 0};

    LIST_EACH(n, &q->all)
    {
        const struct queue_message *m = container_of(n, struct queue_message, all);

        if (!queue_place_less(before, m->place)) {
            return "messages are not in the order of their places";
        }
        before = m->place;
    }
    return NULL;
}

const char *queue_check(const struct queue *q)
{
    struct found f = {0};
    const char *wrong = check_places(q);

    if (wrong != NULL) {
        return wrong;
    }

    LIST_EACH(n, &q->all)
    {
        const struct queue_message *m = container_of(n, struct queue_message, all);

        wrong = check_message(q, m);
        if (wrong != NULL) {
            return wrong;
        }
        f.held++;
        f.ready += m->status == QUEUE_READY;
        f.flying += m->status == QUEUE_FLIES;
        f.received += m->count != 0;
    }
    if (f.held != q->held || f.ready != q->ready_count || f.flying != q->flight.count ||
        f.received != q->by_number.count) {
        return "messages are not those counted";
    }
    if (q->held + q->delayed > q->total) {
        return "there are more messages than in all";
    }
    return check_groups(q);
}
