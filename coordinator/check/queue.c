/* SPDX-License-Identifier: Apache-2.0 */
/* Queues and topics. Counters come before the messages they count, and messages before the states
 * of those that were received: all of a queue's are held together at its last message. */
#include "coordinator/check/internal.h"
#include "coordinator/store/row_delivery.h"
#include "coordinator/store/row_queue.h"
#include "coordinator/store/row_topic.h"

static const char for_ever[] = "the row stays for ever";

void check_queue_last(struct check *c, const struct row_key *k, struct slice value)
{
    (void)k;
    if (value.len != sizeof(uint64_t)) {
        check_fault(c, "a coordinator does not start with it", "it is not a number of 8 bytes");
    }
}

void check_queue(struct check *c, const struct row_key *k, struct slice value)
{
    struct queue_row row;
    struct err err;
    uint64_t most;

    if (!check_decoded(c, queue_row_decode(value, &row, &err), &err)) {
        return;
    }
    most = row.number > row.generation ? row.number : row.generation;
    if (!check_has(c, CF_QUEUE, key_queue_counter(k->account, row.generation))) {
        check_fault(c, "a coordinator does not start with it", "its counters are not there");
    }
    if (!check_has(c, CF_QUEUE, key_queue_last(k->account))) {
        check_fault(c, "its number is given again", "there is no last queue number");
    } else if (c->rc == OK) {
        struct cursor last = cursor_make(buf_slice(&c->value));

        if (cursor_u64be(&last) < most) {
            check_fault(c, "its number is given again",
                        "its number %llu is above the last that was given",
                        (unsigned long long)most);
        }
    }
}

/* ---- counters and messages ---- */

static bool is_first_message(struct check *c, uint64_t account, uint64_t generation)
{
    struct key from = key_messages(account, generation);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(c->store, CF_QUEUE, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;
    bool found = store_next(i, &key, &value);

    c->rc = store_iterator_end(i, &c->err);
    return found;
}

/* Of one without messages; with them it is held against these at the last one. */
void check_queue_counter(struct check *c, const struct row_key *k, struct slice value)
{
    uint64_t generation = k->numbers[0];
    struct queue_counter_row row;
    struct err err;

    if (!check_decoded(c, queue_counter_decode(value, &row, &err), &err)) {
        return;
    }
    if (!numbers_has(&c->generations, k->account, generation)) {
        check_fault(c, for_ever, "no queue has these counters");
    } else if (row.total != 0 && !is_first_message(c, k->account, generation) && c->rc == OK) {
        check_fault(c, "the queue is shown with messages it does not have",
                    "they count %llu messages, and there are none", (unsigned long long)row.total);
    }
}

/* Rows that a sweep has begun to take away are not counted any more. */
static bool is_swept(struct check *c, const struct counting *n)
{
    return check_has(c, CF_QUEUE, key_queue_sweep(n->account, n->generation));
}

static void
check_counted(struct check *c, const struct counting *n, const struct queue_counter_row *row)
{
    struct key key = key_queue_counter(n->account, n->generation);

    if (row->total != n->count) {
        check_fault_at(c, CF_QUEUE, key_slice(&key), "the queue is shown with a wrong length",
                       "they count %llu messages, and there are %llu",
                       (unsigned long long)row->total, (unsigned long long)n->count);
    }
    if (row->last_number < n->highest) {
        check_fault_at(c, CF_QUEUE, key_slice(&key), "a message takes the place of another",
                       "the last number is %llu, and there is message %llu",
                       (unsigned long long)row->last_number, (unsigned long long)n->highest);
    }
    if (queue_place_less(n->first, row->head)) {
        check_fault_at(c, CF_QUEUE, key_slice(&key), "a message is never received",
                       "a message lies before the head of its queue");
    }
}

void check_message_end(struct check *c)
{
    struct counting n = c->counting;
    struct queue_counter_row row;

    c->counting.any = false;
    if (!n.any || is_swept(c, &n)) {
        return;
    }
    if (!numbers_has(&c->generations, n.account, n.generation)) {
        check_fault_at(c, CF_QUEUE, key_slice(&n.key), for_ever,
                       "no queue has the %llu messages of %llu", (unsigned long long)n.count,
                       (unsigned long long)n.generation);
    } else if (check_has(c, CF_QUEUE, key_queue_counter(n.account, n.generation)) && c->rc == OK &&
               queue_counter_decode(buf_slice(&c->value), &row, NULL) == OK) {
        check_counted(c, &n, &row);
    }
}

void check_message(struct check *c, const struct row_key *k, struct slice value)
{
    struct counting *n = &c->counting;
    struct queue_place place = {(int64_t)k->numbers[1], k->numbers[2]};
    struct message_row row;
    struct err err;

    if (!n->any || n->account != k->account || n->generation != k->numbers[0]) {
        check_message_end(c);
        *n = (struct counting){
            .any = true, .account = k->account, .generation = k->numbers[0], .first = place};
    }
    n->count++;
    n->highest = place.number > n->highest ? place.number : n->highest;
    memcpy(n->key.bytes, c->key.ptr, c->key.len);
    n->key.len = c->key.len;
    if (k->numbers[1] > INT64_MAX) {
        check_fault(c, "it is never received", "its time is none");
    }
    (void)check_decoded(c, message_row_decode(value, &row, &err), &err);
}

void check_message_state(struct check *c, const struct row_key *k, struct slice value)
{
    struct queue_place place = {(int64_t)k->numbers[1], k->numbers[2]};
    struct queue_state row;
    struct err err;

    if (!check_decoded(c, queue_state_decode(value, &row, &err), &err) ||
        k->numbers[1] > INT64_MAX ||
        check_has(c, CF_QUEUE, key_queue_sweep(k->account, k->numbers[0]))) {
        return;
    }
    if (!check_has(c, CF_QUEUE, key_message(k->account, k->numbers[0], place))) {
        check_fault(c, "it is received without a body, which is an error",
                    "there is no message of that place");
    }
}

/* ---- what else is known of a queue ---- */

void check_dedup(struct check *c, const struct row_key *k, struct slice value)
{
    struct dedup_row row;
    struct err err;

    if (check_decoded(c, dedup_row_decode(value, &c->arena, &row, &err), &err) &&
        !numbers_has(&c->queues, k->account, k->numbers[0])) {
        check_fault(c, for_ever, "there is no queue %llu", (unsigned long long)k->numbers[0]);
    }
}

void check_moves(struct check *c, const struct row_key *k, struct slice value)
{
    struct move_row row;
    struct err err;

    if (check_decoded(c, move_row_decode(value, &c->arena, &row, &err), &err) &&
        !numbers_has(&c->queues, k->account, k->numbers[0])) {
        check_fault(c, for_ever, "there is no queue %llu", (unsigned long long)k->numbers[0]);
    }
}

/* ---- topics and events ---- */

void check_topic(struct check *c, const struct row_key *k, struct slice value)
{
    struct topic_row row;
    struct err err;

    (void)k;
    (void)check_decoded(c, topic_row_decode(value, &c->arena, &row, &err), &err);
}

void check_subscription(struct check *c, const struct row_key *k, struct slice value)
{
    struct subscription_row row;
    struct err err;

    if (check_decoded(c, subscription_row_decode(value, &row, &err), &err) &&
        !check_has(c, CF_QUEUE, key_topic(k->account, row.topic))) {
        check_fault(c, "a coordinator does not start with it", "there is no topic %.*s",
                    SLICE_FMT(row.topic));
    }
}

void check_delivery(struct check *c, const struct row_key *k, struct slice value)
{
    struct delivery_row row;
    struct err err;

    (void)k;
    (void)check_decoded(c, delivery_row_decode(value, &row, &err), &err);
}
