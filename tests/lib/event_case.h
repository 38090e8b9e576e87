/* SPDX-License-Identifier: Apache-2.0 */
/* Events in a ledger under test: rules, what arrives in queues, and the dead letters of what does
 * not. Within a turn: put_queue(), put_one_of_mine(); the others make turns of their own. */
#ifndef STEPFLEET_TESTS_LIB_EVENT_CASE_H
#define STEPFLEET_TESTS_LIB_EVENT_CASE_H

#include <string.h>

#include "coordinator/ledger/queue.h"
#include "tests/lib/ledger_world.h"

#define PASS "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}"
#define FAIL                                                                                       \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Fail\",\"Error\":\"E\",\"Cause\":\"C\"}}}"
#define WAIT                                                                                       \
    "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}}"
#define SQS    "arn:aws:sqs:eu-x-1:000000000042:"
#define SNS    "arn:aws:sns:eu-x-1:000000000042:"
#define STATES "arn:aws:states:eu-x-1:000000000042:stateMachine:"

static inline void put_queue(struct ledger_world *w, const char *name)
{
    const struct queue_attributes a = {
        .fifo = strstr(name, ".fifo") != NULL,
        .content_dedup = true,
        .visibility_s = 30,
        .retention_s = 345600,
        .message_bytes = LIMIT_QUEUE_MESSAGE_BYTES,
    };

    (void)ledger_queue_put(w->l, slice_str(name), &a);
}

static inline void
put_queue_with(struct ledger_world *w, const char *name, const struct queue_attributes *a)
{
    world_begin(w);
    (void)ledger_queue_put(w->l, slice_str(name), a);
    world_end(w);
    world_settle(w);
}

static inline int setup(void **state)
{
    struct ledger_world *w = mem_alloc(sizeof(*w));

    world_open(w);
    world_begin(w);
    put_queue(w, "q");
    put_queue(w, "dead");
    put_queue(w, "q.fifo");
    world_end(w);
    (void)world_machine(w, "pass", false, PASS);
    (void)world_machine(w, "fail", false, FAIL);
    (void)world_machine(w, "wait", false, WAIT);
    (void)world_machine(w, "quick", true, PASS);
    world_settle(w);
    *state = w;
    return 0;
}

/* The rule `r` with one target. */
static inline void
put(struct ledger_world *w, const char *pattern, const struct target_texts *target)
{
    const struct rule_target t = {.id = SLICE("a"), .texts = *target};

    world_begin(w);
    ledger_rule_put(
        w->l, SLICE("r"),
        &(struct rule_row){
            .enabled = true, .pattern = slice_str(pattern), .targets = &t, .target_count = 1});
    world_end(w);
    world_settle(w);
}

static inline void put_to(struct ledger_world *w, const char *pattern, const char *arn)
{
    put(w, pattern, &(struct target_texts){.arn = slice_str(arn)});
}

static inline uint64_t start(struct ledger_world *w, const char *machine, const char *input)
{
    uint64_t id;

    world_begin(w);
    assert_int_equal(world_start(w, machine, "one", input, false, &id), OK);
    world_end(w);
    return id;
}

static inline uint64_t left_in(struct ledger_world *w, const char *queue)
{
    struct queue_counts c;

    world_begin(w);
    ledger_queue_counts(w->l, ledger_queue_find(w->l, slice_str(queue)), &c);
    world_end(w);
    world_settle(w);
    return c.visible + c.in_flight + c.delayed;
}

/* The next message of a queue, which stays; in `a`. */
struct letter {
    const struct json_node *body;
    struct message_attribute *attributes;
    size_t count;
};

static inline struct letter receive(struct ledger_world *w, const char *queue, struct arena *a)
{
    struct ledger_received r;
    struct letter out = {NULL, NULL, 0};
    size_t count = 0;
    struct err err;

    world_begin(w);
    assert_int_equal(ledger_queue_receive(w->l, ledger_queue_find(w->l, slice_str(queue)), 1, 30000,
                                          &r, &count, &err),
                     OK);
    assert_int_equal(count, 1);
    assert_int_equal(json_parse(arena_copy(a, r.message.body), a, &out.body, &err), OK);
    if (r.message.attributes.len != 0) {
        assert_int_equal(message_attributes_decode(arena_copy(a, r.message.attributes), a,
                                                   &out.attributes, &out.count, &err),
                         OK);
    }
    world_end(w);
    world_settle(w);
    return out;
}

static inline struct slice attribute(const struct letter *m, const char *name)
{
    for (size_t i = 0; i < m->count; i++) {
        if (slice_eq_str(m->attributes[i].name, name)) {
            return m->attributes[i].value;
        }
    }
    return slice_make(NULL, 0);
}

static inline struct slice text_at(const struct json_node *v, const char *name)
{
    return json_text(json_member(v, slice_str(name)));
}

/* In a turn, like the next one. */
static inline void put_with(struct ledger_world *w, const struct json_node *detail)
{
    struct json_builder none = json_build_array(ledger_turn_arena(w->l));
    struct event_head head = {.source = SLICE("mine"), .resources = json_built(&none)};

    (void)ledger_event_put(w->l, &head, detail);
}

static inline void put_one_of_mine(struct ledger_world *w)
{
    put_with(w, json_null());
}

static inline void put_mine(struct ledger_world *w)
{
    world_begin(w);
    put_one_of_mine(w);
    world_end(w);
}

#endif
