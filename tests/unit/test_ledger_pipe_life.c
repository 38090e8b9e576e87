/* SPDX-License-Identifier: Apache-2.0 */
/* The states of pipes in the ledger: made, stopped, changed, gone, while messages are in flight. */
#include "tests/lib/pipe_case.h"

#define WAIT                                                                                       \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}}"

enum { WAIT_S = 60 };

static void test_ledger_pipe_life__stops_at_a_target_it_cannot_wait_for(void **state)
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

static void test_ledger_pipe_life__is_not_made_without_source_or_target(void **state)
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

static void test_ledger_pipe_life__stops_when_its_queue_goes(void **state)
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

static void test_ledger_pipe_life__stops_and_goes_when_nothing_is_in_flight(void **state)
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

static void test_ledger_pipe_life__takes_up_a_backlog_when_it_starts(void **state)
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
static void test_ledger_pipe_life__waits_for_room(void **state)
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
static void test_ledger_pipe_life__changes_while_runs_are_in_flight(void **state)
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

int main(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(test_ledger_pipe_life__##name, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(stops_at_a_target_it_cannot_wait_for),
        CASE(is_not_made_without_source_or_target),
        CASE(stops_when_its_queue_goes),
        CASE(stops_and_goes_when_nothing_is_in_flight),
        CASE(takes_up_a_backlog_when_it_starts),
        CASE(waits_for_room),
        CASE(changes_while_runs_are_in_flight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
