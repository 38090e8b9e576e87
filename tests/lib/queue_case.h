/* SPDX-License-Identifier: Apache-2.0 */
/* Queues in a ledger under test: they are made, sent to, received from, counted. Within a turn,
 * but for what makes turns of its own: make(), check_counts(), send_many(). */
#ifndef STEPFLEET_TESTS_LIB_QUEUE_CASE_H
#define STEPFLEET_TESTS_LIB_QUEUE_CASE_H

#include <stdio.h>

#include "coordinator/ledger/queue.h"
#include "tests/lib/ledger_world.h"

enum { MOST = 10, HOUR_MS = 3600 * 1000 };

static inline struct queue_attributes plain(bool fifo)
{
    return (struct queue_attributes){
        .fifo = fifo,
        .visibility_s = 30,
        .retention_s = 345600,
        .message_bytes = LIMIT_QUEUE_MESSAGE_BYTES,
    };
}

static inline void make(struct ledger_world *w, const char *name, const struct queue_attributes *a)
{
    world_begin(w);
    (void)ledger_queue_put(w->l, slice_str(name), a);
    world_end(w);
    world_settle(w);
}

static inline struct ledger_queue *find(struct ledger_world *w, const char *name)
{
    struct ledger_queue *q = ledger_queue_find(w->l, slice_str(name));

    assert_non_null(q);
    return q;
}

static inline struct ledger_sent send(struct ledger_world *w,
                                      const char *queue,
                                      const char *body,
                                      const char *group,
                                      int64_t delay_ms)
{
    const struct message_row m = {
        .body = slice_str(body), .group = slice_str(group), .sender = SLICE("me")};
    struct ledger_sent sent;

    ledger_queue_send(w->l, find(w, queue), &m, delay_ms, NULL, &sent);
    return sent;
}

/* A message as who received it has it. */
struct got {
    char body[32];
    uint8_t id[16];
    uint32_t count;
    struct receipt receipt;
    char source[32];
};

static inline size_t receive(struct ledger_world *w,
                             const char *queue,
                             size_t most,
                             int64_t visibility_ms,
                             struct got *out)
{
    struct ledger_received r[MOST];
    struct err err;
    size_t count;

    assert_int_equal(
        ledger_queue_receive(w->l, find(w, queue), most, visibility_ms, r, &count, &err), OK);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(out[i].body, sizeof(out[i].body), "%.*s", SLICE_FMT(r[i].message.body));
        (void)snprintf(out[i].source, sizeof(out[i].source), "%.*s",
                       SLICE_FMT(r[i].message.source));
        memcpy(out[i].id, r[i].message.id, sizeof(out[i].id));
        out[i].count = r[i].state.count;
        assert_true(receipt_parse(r[i].handle, &out[i].receipt));
    }
    return count;
}

static inline void check_counts(struct ledger_world *w,
                                const char *queue,
                                uint64_t visible,
                                uint64_t in_flight,
                                uint64_t delayed)
{
    struct queue_counts c;

    world_begin(w);
    ledger_queue_counts(w->l, find(w, queue), &c);
    assert_int_equal(c.visible, visible);
    assert_int_equal(c.in_flight, in_flight);
    assert_int_equal(c.delayed, delayed);
    assert_null(queue_check(find(w, queue)->core));
    world_end(w);
}

static inline void send_many(struct ledger_world *w, const char *queue, unsigned count)
{
    struct got got[MOST];

    world_begin(w);
    for (unsigned i = 0; i < count; i++) {
        (void)send(w, queue, "x", "", 0);
    }
    (void)receive(w, queue, MOST, HOUR_MS, got);
    world_end(w);
}

#endif
