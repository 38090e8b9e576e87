/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes in a ledger under test: a queue, its dead letters, machines and the pipe `p`. Within a
 * turn: put_queue(), pipe_from(), send_one(), count_left(); the others make turns of their own. */
#ifndef STEPFLEET_TESTS_LIB_PIPE_CASE_H
#define STEPFLEET_TESTS_LIB_PIPE_CASE_H

#include <stdio.h>
#include <string.h>

#include "coordinator/ledger/pipe.h"
#include "coordinator/ledger/queue.h"
#include "tests/lib/ledger_world.h"

#define PASS "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"End\":true}}}"
#define FAIL "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Fail\",\"Error\":\"E\"}}}"
#define TASK                                                                                       \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"End\":true,\"Resource\":"           \
    "\"arn:aws:lambda:us-east-1:000000000042:function:f\"}}}"
/* The first message of a batch is not dealt with. */
#define PARTLY                                                                                     \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"End\":true,\"Parameters\":"         \
    "{\"batchItemFailures\":[{\"itemIdentifier.$\":\"$[0].messageId\"}]}}}}"
#define FORGET   "{\"StepFunctionStateMachineParameters\":{\"InvocationType\":\"FIRE_AND_FORGET\"}}"
#define BATCH(n) "{\"SqsQueueParameters\":{\"BatchSize\":" #n "}}"

enum { VISIBILITY_S = 2, RECEIVES = 3, MESSAGES = 4 };

static const char *const functions[] = {"f", NULL};

static inline void put_queue(struct ledger_world *w, const char *name, const char *dead_letters)
{
    const struct queue_attributes a = {
        .fifo = strstr(name, ".fifo") != NULL,
        .visibility_s = VISIBILITY_S,
        .retention_s = 345600,
        .message_bytes = LIMIT_QUEUE_MESSAGE_BYTES,
        .dead_letters = slice_str(dead_letters),
        .max_receives = dead_letters[0] != '\0' ? RECEIVES : 0,
    };

    (void)ledger_queue_put(w->l, slice_str(name), &a);
}

static inline int setup(void **state)
{
    struct ledger_world *w = mem_alloc(sizeof(*w));

    world_open(w);
    world_begin(w);
    put_queue(w, "dead", "");
    put_queue(w, "q", "dead");
    put_queue(w, "q.fifo", "");
    world_end(w);
    world_settle(w);
    (void)world_machine(w, "pass", false, PASS);
    (void)world_machine(w, "pass-x", true, PASS);
    (void)world_machine(w, "fail-x", true, FAIL);
    (void)world_machine(w, "task-x", true, TASK);
    (void)world_machine(w, "partly-x", true, PARTLY);
    *state = w;
    return 0;
}

static inline void pipe_from(struct ledger_world *w,
                             const char *queue,
                             const char *machine,
                             const char *source,
                             const char *target)
{
    char source_arn[80];
    char target_arn[80];
    struct ledger_pipe *p;
    struct err err;

    (void)snprintf(source_arn, sizeof(source_arn), "arn:aws:sqs:us-east-1:000000000042:%s", queue);
    (void)snprintf(target_arn, sizeof(target_arn),
                   "arn:aws:states:us-east-1:000000000042:stateMachine:%s", machine);
    assert_int_equal(ledger_pipe_put(w->l, SLICE("p"),
                                     &(struct pipe_row){
                                         .wanted = true,
                                         .source = slice_str(source_arn),
                                         .target = slice_str(target_arn),
                                         .source_parameters = slice_str(source),
                                         .target_parameters = slice_str(target),
                                     },
                                     &p, &err),
                     OK);
}

static void
make_pipe(struct ledger_world *w, const char *machine, const char *source, const char *target)
{
    world_begin(w);
    pipe_from(w, "q", machine, source, target);
    world_end(w);
}

static inline struct ledger_pipe *the_pipe(struct ledger_world *w)
{
    struct ledger_pipe *p = ledger_pipe_find(w->l, SLICE("p"));

    assert_non_null(p);
    return p;
}

static inline void
send_one(struct ledger_world *w, const char *queue, const char *group, unsigned n)
{
    char body[32];
    struct ledger_sent sent;

    (void)snprintf(body, sizeof(body), "{\"n\":%u}", n);
    ledger_queue_send(w->l, ledger_queue_find(w->l, slice_str(queue)),
                      &(struct message_row){.body = slice_str(body),
                                            .group = slice_str(group),
                                            .sender = SLICE("me")},
                      0, NULL, &sent);
}

static inline void send_all(struct ledger_world *w)
{
    world_begin(w);
    for (unsigned i = 0; i < MESSAGES; i++) {
        send_one(w, "q", "", i);
    }
    world_end(w);
}

/* Within a turn. */
static inline uint64_t count_left(struct ledger_world *w, const char *queue)
{
    struct queue_counts c;

    ledger_queue_counts(w->l, ledger_queue_find(w->l, slice_str(queue)), &c);
    return c.total;
}

static inline uint64_t left_in(struct ledger_world *w, const char *queue)
{
    uint64_t left;

    world_begin(w);
    left = count_left(w, queue);
    world_end(w);
    world_settle(w);
    return left;
}

/* Executions of a machine that are on disk. */
static inline size_t started_of(struct ledger_world *w, const char *machine)
{
    struct ledger_machine *m = ledger_machine_find(w->l, slice_str(machine));
    struct key from = key_name(WORLD_ACCOUNT, m->number, SLICE(""));
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(w->store, CF_NAME, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;
    struct err err;
    size_t count = 0;

    while (store_next(i, &key, &value)) {
        count++;
    }
    assert_int_equal(store_iterator_end(i, &err), OK);
    return count;
}

static inline void assert_state(struct ledger_world *w, const char *wanted)
{
    assert_string_equal(pipe_state_name(the_pipe(w)->row.state), wanted);
    assert_null(pipe_check(the_pipe(w)->core));
}

#endif
