/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes in the ledger: messages in, executions out, what one batch holds, what a restart finds;
 * crashed at every batch there is. */
#include "proto/base/text.h"
#include "tests/lib/pipe_case.h"

enum { POINTS = 200 };

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
        (void)world_teardown(&inner);
    }
}

/* Messages wait in their queue; none is received meanwhile. */
static void test_ledger_pipe__holds_still_while_the_disk_is_short(void **state)
{
    struct ledger_world *w = *state;

    make_pipe(w, "pass", BATCH(1), FORGET);
    world_settle(w);
    world_begin(w);
    ledger_set_short(w->l, true);
    world_end(w);
    send_all(w);
    world_advance(w, 5000);
    assert_int_equal(started_of(w, "pass"), 0);
    assert_int_equal(left_in(w, "q"), MESSAGES);
    assert_true(ledger_wait_ms(w->l, w->now) != 0); /* nor does it turn round and round */
    world_begin(w);
    ledger_set_short(w->l, false);
    world_end(w);
    world_settle(w);
    assert_int_equal(started_of(w, "pass"), MESSAGES);
    assert_int_equal(left_in(w, "q"), 0);
    assert_int_equal(left_in(w, "dead"), 0);
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
        (void)world_teardown(&inner);
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

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(test_ledger_pipe__##name, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(starts_one_execution_a_message),
        CASE(holds_still_while_the_disk_is_short),
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
        CASE(deletes_what_no_filter_wants),
        CASE(names_executions_after_messages),
        CASE(loses_none_behind_one_that_was_started),
        CASE(keeps_the_order_of_a_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
