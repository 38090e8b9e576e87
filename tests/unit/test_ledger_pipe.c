/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes in the ledger: messages in, executions out, what one batch holds, what a restart finds;
 * crashed at every batch there is. */
#include <stdio.h>
#include <string.h>

#include "coordinator/ledger/pipe.h"
#include "coordinator/ledger/queue.h"
#include "proto/base/text.h"
#include "tests/lib/ledger_world.h"

#define PASS "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"End\":true}}}"
#define FAIL "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Fail\",\"Error\":\"E\"}}}"
#define WAIT                                                                                       \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}}"
#define TASK                                                                                       \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"End\":true,\"Resource\":"           \
    "\"arn:aws:lambda:us-east-1:000000000042:function:f\"}}}"
/* The first message of a batch is not dealt with. */
#define PARTLY                                                                                     \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"End\":true,\"Parameters\":"         \
    "{\"batchItemFailures\":[{\"itemIdentifier.$\":\"$[0].messageId\"}]}}}}"
#define FORGET   "{\"StepFunctionStateMachineParameters\":{\"InvocationType\":\"FIRE_AND_FORGET\"}}"
#define BATCH(n) "{\"SqsQueueParameters\":{\"BatchSize\":" #n "}}"

enum { WAIT_S = 60, VISIBILITY_S = 2, RECEIVES = 3, MESSAGES = 4, POINTS = 200 };

static const char *const functions[] = {"f", NULL};

/* ---- a queue, its dead letters, machines, a pipe ---- */

static void put_queue(struct ledger_world *w, const char *name, const char *dead_letters)
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

static int setup(void **state)
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

static int teardown(void **state)
{
    world_close(*state);
    mem_free(*state);
    return 0;
}

static void pipe_from(struct ledger_world *w,
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

static struct ledger_pipe *the_pipe(struct ledger_world *w)
{
    struct ledger_pipe *p = ledger_pipe_find(w->l, SLICE("p"));

    assert_non_null(p);
    return p;
}

static void send_one(struct ledger_world *w, const char *queue, const char *group, unsigned n)
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

static void send_all(struct ledger_world *w)
{
    world_begin(w);
    for (unsigned i = 0; i < MESSAGES; i++) {
        send_one(w, "q", "", i);
    }
    world_end(w);
}

/* Within a turn. */
static uint64_t count_left(struct ledger_world *w, const char *queue)
{
    struct queue_counts c;

    ledger_queue_counts(w->l, ledger_queue_find(w->l, slice_str(queue)), &c);
    return c.total;
}

static uint64_t left_in(struct ledger_world *w, const char *queue)
{
    uint64_t left;

    world_begin(w);
    left = count_left(w, queue);
    world_end(w);
    world_settle(w);
    return left;
}

/* Executions of a machine that are on disk. */
static size_t started_of(struct ledger_world *w, const char *machine)
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

static void assert_state(struct ledger_world *w, const char *wanted)
{
    assert_string_equal(pipe_state_name(the_pipe(w)->row.state), wanted);
    assert_null(pipe_check(the_pipe(w)->core));
}

/* ---- FIRE_AND_FORGET ---- */

static void test_ledger_pipe__starts_one_execution_a_message(void **state)
{
    struct ledger_world *w = *state;

    make_pipe(w, "pass", BATCH(1), FORGET);
    world_settle(w);
    assert_state(w, "RUNNING");
    send_all(w);
    world_settle(w);
    assert_int_equal(started_of(w, "pass"), MESSAGES);
    assert_int_equal(left_in(w, "q"), 0);
}

static void test_ledger_pipe__gives_a_batch_as_one_array(void **state)
{
    struct ledger_world *w = *state;

    make_pipe(w, "pass", "", FORGET);
    send_all(w);
    world_settle(w);
    assert_int_equal(started_of(w, "pass"), 1);
    assert_int_equal(left_in(w, "q"), 0);
}

/* Crash at every point: what was started was deleted, and what was deleted started. */
static void crash_forgetting(struct ledger_world *w, int point, bool *over)
{
    struct world_crash_point c = {.world = w, .left = point};

    send_all(w);
    for (unsigned i = 0; i < 200; i++) {
        if (!world_crash_commit(&c)) {
            world_advance(w, 500);
        }
    }
    world_settle(w);
    *over = !c.happened;
}

static void test_ledger_pipe__starts_each_once_whatever_crashes(void **state)
{
    bool over = false;

    (void)state;
    for (int point = 0; !over; point++) {
        void *inner = NULL;
        struct ledger_world *w;
        uint64_t left;

        assert_true(point < POINTS);
        (void)setup(&inner);
        w = inner;
        make_pipe(w, "pass", BATCH(1), FORGET);
        world_settle(w);
        crash_forgetting(w, point, &over);
        left = left_in(w, "q");
        assert_int_equal(left, 0);
        /* What was sent and not yet written when the crash came was never acknowledged. */
        assert_true(started_of(w, "pass") == MESSAGES || started_of(w, "pass") == 0);
        assert_int_equal(left_in(w, "dead"), 0);
        (void)teardown(&inner);
    }
}

/* ---- REQUEST_RESPONSE ---- */

static void test_ledger_pipe__deletes_when_the_run_has_succeeded(void **state)
{
    struct ledger_world *w = *state;

    world_hello(w, 0, functions);
    world_poll(w, 0);
    make_pipe(w, "task-x", BATCH(1), "");
    world_settle(w);
    world_begin(w);
    send_one(w, "q", "", 1);
    world_end(w);
    world_settle(w);
    assert_int_equal(w->workers[0].lease_count, 1);
    assert_non_null(strstr(w->workers[0].leases[0].payload, "\"body\":\"{\\\"n\\\":1}\""));
    assert_int_equal(pipe_in_flight(the_pipe(w)->core), 1);
    assert_int_equal(left_in(w, "q"), 1);
    (void)world_succeed(w, 0, 0, "{}");
    world_settle(w);
    assert_int_equal(left_in(w, "q"), 0);
    assert_int_equal(pipe_in_flight(the_pipe(w)->core), 0);
}

static void test_ledger_pipe__buries_what_always_fails(void **state)
{
    struct ledger_world *w = *state;
    struct ledger_received got;
    struct err err;
    size_t count;

    make_pipe(w, "fail-x", BATCH(1), "");
    send_all(w);
    world_settle(w);
    assert_int_equal(left_in(w, "q"), MESSAGES);
    world_advance(w, (RECEIVES + 1) * VISIBILITY_S * 1000);
    assert_int_equal(left_in(w, "q"), 0);
    assert_int_equal(left_in(w, "dead"), MESSAGES);
    world_begin(w);
    assert_int_equal(ledger_queue_receive(w->l, ledger_queue_find(w->l, SLICE("dead")), 1, 1000,
                                          &got, &count, &err),
                     OK);
    assert_int_equal(count, 1);
    assert_true(slice_eq_str(got.message.source, "q"));
    assert_int_equal(got.state.count, 1); /* dead letters count anew */
    world_end(w);
    world_settle(w);
}

/* All messages there are, as often as they may be received. */
static void receive_all(struct ledger_world *w, const char *queue)
{
    struct ledger_queue *q = ledger_queue_find(w->l, slice_str(queue));
    struct ledger_received got[LIMIT_QUEUE_BATCH];
    struct err err;
    size_t count;

    for (unsigned i = 0; i < RECEIVES; i++) {
        do {
            world_begin(w);
            assert_int_equal(
                ledger_queue_receive(w->l, q, LIMIT_QUEUE_BATCH, 1000, got, &count, &err), OK);
            world_end(w);
        } while (count != 0);
        world_settle(w);
        world_advance(w, 1000);
    }
}

/* More of them than a receive looks at: it gives nothing, and there is more. */
static void test_ledger_pipe__many_dead_letters_do_not_stop_it(void **state)
{
    enum { DEAD = 3 * LIMIT_QUEUE_RECEIVE_LOOKS };
    struct ledger_world *w = *state;

    world_begin(w);
    for (unsigned i = 0; i < DEAD; i++) {
        send_one(w, "q", "", i);
    }
    world_end(w);
    receive_all(w, "q");
    world_begin(w);
    send_one(w, "q", "", DEAD);
    world_end(w);
    world_settle(w);
    make_pipe(w, "pass", BATCH(1), FORGET);
    world_settle(w);
    assert_int_equal(started_of(w, "pass"), 1);
    assert_int_equal(left_in(w, "q"), 0);
    assert_int_equal(left_in(w, "dead"), DEAD);
}

static void test_ledger_pipe__who_polls_beside_it_is_told_too(void **state)
{
    struct ledger_world *w = *state;
    int somebody;

    make_pipe(w, "task-x", BATCH(1), "");
    world_settle(w);
    assert_state(w, "RUNNING");
    ledger_queue_find(w->l, SLICE("q"))->user = &somebody;
    send_all(w);
    assert_int_equal(w->queues_ready, 1);
    assert_int_equal(pipe_in_flight(the_pipe(w)->core), MESSAGES);
    ledger_queue_find(w->l, SLICE("q"))->user = NULL;
}

static void test_ledger_pipe__returns_what_a_batch_failed_at(void **state)
{
    struct ledger_world *w = *state;

    make_pipe(w, "partly-x", "", "");
    send_all(w);
    world_settle(w);
    assert_int_equal(left_in(w, "q"), 1);
}

static void test_ledger_pipe__comes_back_after_a_crash(void **state)
{
    struct ledger_world *w = *state;

    world_hello(w, 0, functions);
    world_poll(w, 0);
    make_pipe(w, "task-x", BATCH(1), "");
    world_begin(w);
    send_one(w, "q", "", 1);
    world_end(w);
    world_settle(w);
    assert_int_equal(w->workers[0].lease_count, 1);
    world_crash(w);
    assert_int_equal(pipe_in_flight(the_pipe(w)->core), 0);
    world_hello(w, 0, functions);
    world_poll(w, 0);
    world_settle(w);
    assert_int_equal(left_in(w, "q"), 1);
    world_poll(w, 0);
    world_advance(w, VISIBILITY_S * 1000 + 1000);
    assert_int_equal(w->workers[0].lease_count, 1);
    assert_non_null(strstr(w->workers[0].leases[0].payload, "\"ApproximateReceiveCount\":\"2\""));
    (void)world_succeed(w, 0, 0, "{}");
    world_settle(w);
    assert_int_equal(left_in(w, "q"), 0);
}

static void test_ledger_pipe__deals_with_each_whatever_crashes(void **state)
{
    bool over = false;

    (void)state;
    for (int point = 0; !over; point++) {
        void *inner = NULL;
        struct ledger_world *w;

        assert_true(point < POINTS);
        (void)setup(&inner);
        w = inner;
        make_pipe(w, "partly-x", BATCH(2), "");
        world_settle(w);
        crash_forgetting(w, point, &over);
        world_advance(w, 4 * RECEIVES * VISIBILITY_S * 1000);
        assert_int_equal(left_in(w, "q"), 0); /* a batch's last one is always its first */
        assert_true(left_in(w, "dead") <= MESSAGES);
        (void)teardown(&inner);
    }
}

/* ---- bounds ---- */

/* However many there are, a turn takes up no more than it has memory for. */
static void test_ledger_pipe__takes_large_messages_a_few_at_a_time(void **state)
{
    enum { COUNT = 12 };
    struct ledger_world *w = *state;
    char *body = mem_alloc(LIMIT_QUEUE_MESSAGE_BYTES);
    struct ledger_sent sent;

    memset(body, 'x', LIMIT_QUEUE_MESSAGE_BYTES);
    for (unsigned i = 0; i < COUNT; i++) {
        world_begin(w);
        ledger_queue_send(
            w->l, ledger_queue_find(w->l, SLICE("q")),
            &(struct message_row){.body = slice_make(body, LIMIT_QUEUE_MESSAGE_BYTES)}, 0, NULL,
            &sent);
        world_end(w);
        world_settle(w);
    }
    make_pipe(w, "pass",
              "{\"FilterCriteria\":{\"Filters\":[{\"Pattern\":\"{\\\"body\\\":[1]}\"}]}}", FORGET);
    world_begin(w);
    assert_in_range(count_left(w, "q"), 1, COUNT - 1);
    world_end(w);
    world_settle(w);
    assert_int_equal(left_in(w, "q"), 0);
    mem_free(body);
}

/* ---- states ---- */

static void test_ledger_pipe__stops_at_a_target_it_cannot_wait_for(void **state)
{
    struct ledger_world *w = *state;

    make_pipe(w, "pass", "", "");
    world_settle(w);
    assert_state(w, "STOPPED");
    assert_true(the_pipe(w)->row.wanted);
    assert_true(slice_ends_with(the_pipe(w)->row.reason, SLICE("type STANDARD.")));
    world_crash(w);
    world_settle(w);
    assert_state(w, "STOPPED");
    assert_true(slice_ends_with(the_pipe(w)->row.reason, SLICE("type STANDARD.")));
}

static void test_ledger_pipe__is_not_made_without_source_or_target(void **state)
{
    struct ledger_world *w = *state;

    make_pipe(w, "none", "", "");
    world_settle(w);
    assert_state(w, "CREATE_FAILED");
    world_begin(w);
    assert_true(ledger_pipe_delete(w->l, the_pipe(w)));
    world_end(w);
    world_settle(w);
    assert_null(ledger_pipe_find(w->l, SLICE("p")));
    world_begin(w);
    pipe_from(w, "none", "pass-x", "", "");
    world_end(w);
    world_settle(w);
    assert_state(w, "CREATE_FAILED");
}

static void test_ledger_pipe__stops_when_its_queue_goes(void **state)
{
    struct ledger_world *w = *state;

    make_pipe(w, "pass-x", "", "");
    world_settle(w);
    assert_state(w, "RUNNING");
    world_begin(w);
    ledger_queue_delete(w->l, ledger_queue_find(w->l, SLICE("q")));
    world_end(w);
    world_settle(w);
    assert_state(w, "STOPPED");
    world_begin(w);
    put_queue(w, "q", "dead");
    send_one(w, "q", "", 1);
    assert_true(ledger_pipe_start(w->l, the_pipe(w)));
    world_end(w);
    world_settle(w);
    assert_state(w, "RUNNING");
    assert_int_equal(left_in(w, "q"), 0);
}

static void test_ledger_pipe__stops_and_goes_when_nothing_is_in_flight(void **state)
{
    struct ledger_world *w = *state;

    world_hello(w, 0, functions);
    world_poll(w, 0);
    make_pipe(w, "task-x", BATCH(1), "");
    send_all(w);
    world_settle(w);
    world_begin(w);
    assert_true(ledger_pipe_stop(w->l, the_pipe(w)));
    world_end(w);
    world_settle(w);
    assert_state(w, "STOPPING");
    world_begin(w);
    send_one(w, "q", "", 9);
    assert_true(ledger_pipe_delete(w->l, the_pipe(w)));
    world_end(w);
    world_settle(w);
    assert_state(w, "DELETING");
    while (w->workers[0].lease_count != 0) {
        (void)world_succeed(w, 0, 0, "{}");
        world_poll(w, 0);
        world_settle(w);
    }
    assert_null(ledger_pipe_find(w->l, SLICE("p")));
    assert_int_equal(left_in(w, "q"), 1);
    world_crash(w);
    assert_null(ledger_pipe_find(w->l, SLICE("p")));
}

static void test_ledger_pipe__takes_up_a_backlog_when_it_starts(void **state)
{
    struct ledger_world *w = *state;

    for (unsigned i = 0; i < 40; i++) {
        send_all(w);
    }
    world_settle(w);
    make_pipe(w, "pass", BATCH(1), FORGET);
    world_settle(w);
    assert_int_equal(started_of(w, "pass"), 40 * MESSAGES);
    assert_int_equal(left_in(w, "q"), 0);
}

/* Where no more executions may be open, messages wait, and none becomes a dead letter by that. */
static void test_ledger_pipe__waits_for_room(void **state)
{
    struct ledger_world *w = *state;

    (void)world_machine(w, "wait", false, WAIT);
    world_settle(w);
    w->config.open_most = 2;
    world_crash(w); /* it is opened with that */
    make_pipe(w, "wait", BATCH(1), FORGET);
    send_all(w);
    world_settle(w);
    assert_int_equal(left_in(w, "q"), MESSAGES - 2);
    world_advance(w, 2 * RECEIVES * VISIBILITY_S * 1000);
    assert_int_equal(left_in(w, "q"), MESSAGES - 2);
    assert_int_equal(left_in(w, "dead"), 0);
    world_advance(w, WAIT_S * 1000);
    assert_int_equal(left_in(w, "q"), 0);
    assert_int_equal(started_of(w, "wait"), MESSAGES);
}

/* What is in flight ends as it began. */
static void test_ledger_pipe__changes_while_runs_are_in_flight(void **state)
{
    struct ledger_world *w = *state;
    struct pipe_row row;
    struct err err;

    world_hello(w, 0, functions);
    world_poll(w, 0);
    make_pipe(w, "task-x", BATCH(1), "");
    world_begin(w);
    send_one(w, "q", "", 1);
    world_end(w);
    world_settle(w);
    world_begin(w);
    row = the_pipe(w)->row;
    row.target = SLICE("arn:aws:states:us-east-1:000000000042:stateMachine:pass");
    row.target_parameters = SLICE(FORGET);
    assert_int_equal(ledger_pipe_change(w->l, the_pipe(w), &row, &err), OK);
    send_one(w, "q", "", 2);
    world_end(w);
    world_settle(w);
    assert_state(w, "RUNNING");
    assert_int_equal(started_of(w, "pass"), 1);
    assert_int_equal(left_in(w, "q"), 1);
    (void)world_succeed(w, 0, 0, "{}");
    world_settle(w);
    assert_int_equal(left_in(w, "q"), 0);
}

/* ---- filters, names, order ---- */

static void test_ledger_pipe__deletes_what_no_filter_wants(void **state)
{
    struct ledger_world *w = *state;

    make_pipe(w, "pass",
              "{\"SqsQueueParameters\":{\"BatchSize\":1},\"FilterCriteria\":{\"Filters\":[{"
              "\"Pattern\":\"{\\\"body\\\":{\\\"n\\\":[1,3]}}\"}]}}",
              FORGET);
    send_all(w);
    world_settle(w);
    assert_int_equal(started_of(w, "pass"), 2);
    assert_int_equal(left_in(w, "q"), 0);
    assert_int_equal(left_in(w, "dead"), 0);
}

static void test_ledger_pipe__names_executions_after_messages(void **state)
{
    static const struct tag tag = {SLICE_INIT(PIPE_NAME_TAG_KEY), SLICE_INIT(PIPE_NAME_TAG_VALUE)};
    struct ledger_world *w = *state;
    struct ledger_sent sent;
    char id[TEXT_UUID_BYTES];
    struct ledger_machine *m;
    uint64_t execution;
    struct err err;

    make_pipe(w, "pass", BATCH(1), FORGET);
    world_begin(w);
    ledger_tags_set(w->l, TAGS_PIPE, SLICE("p"), &(struct tags_row){&tag, 1});
    ledger_queue_send(w->l, ledger_queue_find(w->l, SLICE("q")),
                      &(struct message_row){.body = SLICE("1"), .sender = SLICE("me")}, 0, NULL,
                      &sent);
    world_end(w);
    world_settle(w);
    text_format_uuid(sent.id, id);
    m = ledger_machine_find(w->l, SLICE("pass"));
    assert_int_equal(
        ledger_execution_find(w->l, m, slice_make(id, TEXT_UUID_BYTES), &execution, &err), OK);
    assert_int_equal(left_in(w, "q"), 0);
}

/* A message that has had its execution takes none with it that has not. */
static void test_ledger_pipe__loses_none_behind_one_that_was_started(void **state)
{
    static const struct tag tag = {SLICE_INIT(PIPE_NAME_TAG_KEY), SLICE_INIT(PIPE_NAME_TAG_VALUE)};
    struct ledger_world *w = *state;
    struct ledger_sent sent;
    char id[TEXT_UUID_BYTES + 1] = {0};

    world_begin(w);
    ledger_queue_send(w->l, ledger_queue_find(w->l, SLICE("q")),
                      &(struct message_row){.body = SLICE("1"), .sender = SLICE("me")}, 0, NULL,
                      &sent);
    world_end(w);
    send_all(w);
    world_settle(w);
    text_format_uuid(sent.id, id);
    (void)world_started(w, "pass", id);
    world_begin(w);
    pipe_from(w, "q", "pass", "", FORGET);
    ledger_tags_set(w->l, TAGS_PIPE, SLICE("p"), &(struct tags_row){&tag, 1});
    world_end(w);
    world_settle(w);
    assert_int_equal(left_in(w, "q"), 0);
    assert_int_equal(started_of(w, "pass"), 2); /* the first by itself, the others as one batch */
}

static void test_ledger_pipe__keeps_the_order_of_a_group(void **state)
{
    struct ledger_world *w = *state;

    world_hello(w, 0, functions);
    world_poll(w, 0);
    world_begin(w);
    pipe_from(w, "q.fifo", "task-x", BATCH(1), "");
    for (unsigned i = 1; i <= 3; i++) {
        send_one(w, "q.fifo", "a", i);
    }
    send_one(w, "q.fifo", "b", 4);
    world_end(w);
    world_settle(w);
    assert_int_equal(w->workers[0].lease_count, 2); /* the first of each group */
    for (unsigned i = 1; i <= 3; i++) {
        char wanted[40];
        size_t at = w->workers[0].lease_count - 1;

        (void)snprintf(wanted, sizeof(wanted), "{\\\"n\\\":%u}", i);
        at = strstr(w->workers[0].leases[0].payload, wanted) != NULL ? 0 : at;
        assert_non_null(strstr(w->workers[0].leases[at].payload, wanted));
        assert_non_null(strstr(w->workers[0].leases[at].payload, "\"SequenceNumber\":\"1"));
        (void)world_succeed(w, 0, at, "{}");
        world_poll(w, 0);
        world_settle(w);
    }
    assert_int_equal(left_in(w, "q.fifo"), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(test_ledger_pipe__##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(starts_one_execution_a_message),
        CASE(gives_a_batch_as_one_array),
        cmocka_unit_test(test_ledger_pipe__starts_each_once_whatever_crashes),
        CASE(deletes_when_the_run_has_succeeded),
        CASE(buries_what_always_fails),
        CASE(many_dead_letters_do_not_stop_it),
        CASE(who_polls_beside_it_is_told_too),
        CASE(returns_what_a_batch_failed_at),
        CASE(comes_back_after_a_crash),
        cmocka_unit_test(test_ledger_pipe__deals_with_each_whatever_crashes),
        CASE(takes_large_messages_a_few_at_a_time),
        CASE(stops_at_a_target_it_cannot_wait_for),
        CASE(is_not_made_without_source_or_target),
        CASE(stops_when_its_queue_goes),
        CASE(stops_and_goes_when_nothing_is_in_flight),
        CASE(takes_up_a_backlog_when_it_starts),
        CASE(waits_for_room),
        CASE(changes_while_runs_are_in_flight),
        CASE(deletes_what_no_filter_wants),
        CASE(names_executions_after_messages),
        CASE(loses_none_behind_one_that_was_started),
        CASE(keeps_the_order_of_a_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
