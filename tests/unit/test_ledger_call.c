/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that are the coordinator's own operations, and executions that start executions: whoever
 * waits for a child is told once, whatever crashes. */
#include <stdio.h>

#include "tests/lib/ledger_world.h"

#define NESTED(action, parameters, rest)                                                           \
    "{\"StartAt\":\"N\",\"States\":{\"N\":{\"Type\":\"Task\",\"Resource\":"                        \
    "\"arn:aws:states:::states:" action "\",\"Parameters\":{\"StateMachineArn\":"                  \
    "\"arn:aws:states:eu-x-1:000000000042:stateMachine:child\",\"Input\":{\"n\":1}" parameters     \
    "}," rest "\"End\":true}}}"
#define WAIT(seconds)                                                                              \
    "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":" seconds                 \
    ",\"End\":true}}}"

static const char *const waits_for_it = NESTED("startExecution.sync", "", "");
static const char *const waits_for_c = NESTED("startExecution.sync:2", ",\"Name\":\"c\"", "");
static const char *const leaves_it = NESTED("startExecution", ",\"Name\":\"c\"", "");
static const char *const catches =
    "{\"StartAt\":\"N\",\"States\":{\"N\":{\"Type\":\"Task\",\"Resource\":"
    "\"arn:aws:states:::states:startExecution.sync\",\"Parameters\":{\"StateMachineArn\":"
    "\"arn:aws:states:eu-x-1:000000000042:stateMachine:child\",\"Name\":\"c\"},\"Catch\":[{"
    "\"ErrorEquals\":[\"States.ALL\"],\"Next\":\"S\"}],\"End\":true},\"S\":{\"Type\":\"Pass\","
    "\"End\":true}}}";
static const char *const pass =
    "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"Result\":{\"a\":1},\"End\":true}}}";
static const char *const fails =
    "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Fail\",\"Error\":\"No\",\"Cause\":\"way\"}}}";
static const char *const brief = WAIT("2");
static const char *const minutes = WAIT("600");

/* The parent's id. */
static uint64_t started(struct ledger_world *w, const char *parent, const char *child)
{
    world_machine(w, "parent", false, parent);
    world_machine(w, "child", false, child);
    world_settle(w);
    return world_started(w, "parent", "p");
}

static uint64_t child_of(struct ledger_world *w)
{
    struct ledger_machine *m = ledger_machine_find(w->l, SLICE("child"));
    struct err err;
    uint64_t id = 0;

    assert_int_equal(ledger_execution_find(w->l, m, SLICE("c"), &id, &err), OK);
    return id;
}

static struct slice member(const struct json_node *v, const char *key)
{
    return json_text(json_member(v, slice_str(key)));
}

static const struct json_node *output_of(struct ledger_world *w, uint64_t id, struct arena *a)
{
    const struct json_node *v;
    struct err err;

    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    assert_int_equal(json_parse(world_result(w, id, a), a, &v, &err), OK);
    return v;
}

static void stop(struct ledger_world *w, uint64_t id)
{
    struct engine_event ev = {.kind = ENGINE_STOP};
    struct err err;

    world_begin(w);
    assert_int_equal(ledger_execution_load(w->l, id, &err), OK);
    assert_int_equal(ledger_execution_event(w->l, id, &ev, &err), OK);
    world_end(w);
}

/* ---- a child that is waited for ---- */

static void test_ledger_call__an_ended_child_is_described_to_its_parent(void **state)
{
    struct ledger_world *w = *state;
    const struct json_node *v;
    struct arena a = {0};
    uint64_t id = started(w, waits_for_it, pass);

    world_settle(w);
    v = output_of(w, id, &a);
    assert_true(slice_eq_str(member(v, "Input"), "{\"n\":1}"));
    assert_true(slice_eq_str(member(v, "Output"), "{\"a\":1}"));
    assert_true(slice_eq_str(member(v, "Status"), "SUCCEEDED"));
    assert_true(slice_starts_with(member(v, "ExecutionArn"),
                                  SLICE("arn:aws:states:eu-x-1:000000000042:execution:child:")));
    assert_true(slice_eq_str(member(v, "StateMachineArn"),
                             "arn:aws:states:eu-x-1:000000000042:stateMachine:child"));
    assert_true(
        json_is(json_member(json_member(v, SLICE("InputDetails")), SLICE("Included")), JSON_TRUE));
    assert_true(
        json_is(json_member(json_member(v, SLICE("OutputDetails")), SLICE("Included")), JSON_TRUE));
    assert_true(json_is(json_member(v, SLICE("StartDate")), JSON_NUMBER));
    assert_true(json_is(json_member(v, SLICE("StopDate")), JSON_NUMBER));
    assert_int_equal(json_count(v), 10);
    world_check_history(w, id);
    world_check_end(w);
    arena_fini(&a);
}

static void test_ledger_call__a_failed_child_fails_its_task(void **state)
{
    struct ledger_world *w = *state;
    const struct json_node *cause;
    const struct json_node *v;
    struct arena a = {0};
    struct err err;
    uint64_t id = started(w, catches, fails);

    world_settle(w);
    v = output_of(w, id, &a);
    assert_true(slice_eq_str(member(v, "Error"), "States.TaskFailed"));
    assert_int_equal(json_parse(member(v, "Cause"), &a, &cause, &err), OK);
    assert_true(slice_eq_str(member(cause, "Error"), "No"));
    assert_true(slice_eq_str(member(cause, "Cause"), "way"));
    assert_true(slice_eq_str(member(cause, "Status"), "FAILED"));
    assert_null(json_member(cause, SLICE("Output")));
    assert_null(json_member(cause, SLICE("OutputDetails")));
    arena_fini(&a);
}

static void test_ledger_call__both_are_parked_and_the_child_brings_its_parent_back(void **state)
{
    struct ledger_world *w = *state;
    struct execution_header h;
    uint64_t id = started(w, waits_for_c, minutes);

    world_advance(w, 3000);
    assert_int_equal(ledger_hot_count(w->l), 0);
    assert_int_equal(world_rows(w, CF_TIMER), 2);
    world_crash(w);
    assert_int_equal(ledger_hot_count(w->l), 0);
    world_advance(w, 600000);
    assert_int_equal(world_status(w, id, &h), EXECUTION_SUCCEEDED);
    assert_in_range(h.stop_ms - h.start_ms, 600000, 600200);
    assert_int_equal(world_rows(w, CF_TIMER), 0);
    assert_int_equal(world_index(w, EXECUTION_RUNNING), 0);
    world_check_history(w, id);
    world_check_end(w);
}

static void test_ledger_call__a_stopped_parent_stops_its_child(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id = started(w, waits_for_c, minutes);
    uint64_t child;

    world_advance(w, 3000); /* both are on disk alone */
    child = child_of(w);
    stop(w, id);
    assert_true(world_commit(w)); /* in one batch */
    assert_int_equal(world_status(w, id, NULL), EXECUTION_ABORTED);
    assert_int_equal(world_status(w, child, NULL), EXECUTION_ABORTED);
    world_settle(w);
    assert_int_equal(ledger_hot_count(w->l), 0);
    world_check_end(w);
}

static void test_ledger_call__a_stopped_child_fails_its_parents_task(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id = started(w, waits_for_c, minutes);

    world_advance(w, 3000);
    stop(w, child_of(w));
    assert_true(world_commit(w));
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
    world_settle(w);
    world_check_history(w, id);
    world_check_end(w);
}

/* The frame that waited is no more when its child has ended. */
static void test_ledger_call__a_child_ends_after_its_parents_state(void **state)
{
    static const char *const definition =
        "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Parallel\",\"Branches\":[{\"StartAt\":"
        "\"N\",\"States\":{\"N\":{\"Type\":\"Task\",\"Resource\":"
        "\"arn:aws:states:::states:startExecution.sync\",\"Parameters\":{\"StateMachineArn\":"
        "\"arn:aws:states:eu-x-1:000000000042:stateMachine:child\",\"Name\":\"c\"},\"End\":true}}},"
        "{"
        "\"StartAt\":\"V\",\"States\":{\"V\":{\"Type\":\"Wait\",\"Seconds\":5,\"Next\":\"F\"},"
        "\"F\":{\"Type\":\"Fail\",\"Error\":\"No\"}}}],\"Catch\":[{\"ErrorEquals\":[\"States.ALL\"]"
        ","
        "\"Next\":\"E\"}],\"Next\":\"E\"},\"E\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}}";
    struct ledger_world *w = *state;
    uint64_t id = started(w, definition, minutes);

    world_advance(w, 6000);
    assert_int_equal(world_status(w, child_of(w), NULL), EXECUTION_ABORTED);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    world_advance(w, 60000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    world_check_history(w, id);
    world_check_end(w);
}

/* A commit is told in the middle of a turn: the next batch leaves at once, and with it all that
 * follows from what is in it. */
static void test_ledger_call__a_batch_that_leaves_early_is_whole(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event ev = {.kind = ENGINE_STOP};
    struct store_batch *b;
    struct err err;
    uint64_t id = started(w, waits_for_c, minutes);
    uint64_t child;

    world_settle(w);
    child = child_of(w);
    (void)world_started(w, "child", "other");
    b = w->flying;
    assert_non_null(b);
    w->flying = NULL;
    assert_int_equal(store_write(w->store, b, &err), OK);
    world_begin(w);
    assert_int_equal(ledger_execution_event(w->l, child, &ev, &err), OK);
    ledger_commit_done(w->l, OK, &err);
    world_write_unheard(w);
    world_crash(w); /* what filled since then is lost */
    assert_int_equal(world_status(w, child, NULL), EXECUTION_ABORTED);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
}

static void test_ledger_call__a_parent_may_be_a_child(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id;

    world_machine(w, "grandparent", false,
                  "{\"StartAt\":\"N\",\"States\":{\"N\":{\"Type\":\"Task\",\"Resource\":"
                  "\"arn:aws:states:::states:startExecution.sync\",\"Parameters\":{"
                  "\"StateMachineArn\":\"arn:aws:states:eu-x-1:000000000042:stateMachine:parent\"},"
                  "\"End\":true}}}");
    world_machine(w, "parent", false, waits_for_c);
    world_machine(w, "child", false, brief);
    id = world_started(w, "grandparent", "g");
    world_advance(w, 1900);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    world_advance(w, 200);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    assert_int_equal(w->l->notice_count, 0);
    world_check_end(w);
}

/* ---- a child that others wait for as well ---- */

static void check_told(struct ledger_world *w, uint64_t id, const char *child)
{
    struct arena a = {0};
    const struct json_node *v = output_of(w, id, &a);

    assert_true(slice_ends_with(member(v, "ExecutionArn"), slice_str(child)));
    world_check_history(w, id);
    arena_fini(&a);
}

static void test_ledger_call__all_tasks_that_asked_for_it_are_told(void **state)
{
    struct ledger_world *w = *state;
    uint64_t ids[3] = {started(w, waits_for_c, minutes)};

    ids[1] = world_started(w, "parent", "p1");
    world_advance(w, 10000);
    ids[2] = world_started(w, "parent", "p2"); /* it is on disk alone by now */
    world_advance(w, 10000);
    assert_int_equal(w->l->waiter_count, 2);
    assert_int_equal(ledger_hot_count(w->l), 0); /* who waits need not be in memory */
    world_crash(w);
    world_advance(w, 600000);
    for (unsigned i = 0; i < 3; i++) {
        check_told(w, ids[i], ":child:c");
    }
    assert_int_equal(w->l->waiter_count, 0);
    world_crash(w);
    assert_int_equal(w->l->waiter_count, 0); /* nor on disk */
    assert_int_equal(w->l->notice_count, 0);
    assert_int_equal(world_index(w, EXECUTION_SUCCEEDED), 4);
    world_check_end(w);
}

static void test_ledger_call__who_asks_for_it_after_its_end_is_refused(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id = started(w, waits_for_c, brief);

    world_advance(w, 3000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    id = world_started(w, "parent", "late");
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
    assert_int_equal(w->l->waiter_count, 0);
}

/* As with AWS: who is stopped stops what it waits for, whoever else does. */
static void test_ledger_call__one_that_is_stopped_stops_it_for_all(void **state)
{
    struct ledger_world *w = *state;
    uint64_t first = started(w, waits_for_c, minutes);
    uint64_t second = world_started(w, "parent", "p1");

    world_settle(w);
    stop(w, second);
    assert_true(world_commit(w)); /* in one batch */
    assert_int_equal(world_status(w, second, NULL), EXECUTION_ABORTED);
    assert_int_equal(world_status(w, child_of(w), NULL), EXECUTION_ABORTED);
    assert_int_equal(world_status(w, first, NULL), EXECUTION_FAILED);
    world_settle(w);
    assert_int_equal(w->l->waiter_count, 0);
    world_check_end(w);
}

/* ---- calls ---- */

static void test_ledger_call__a_child_that_is_left_goes_its_own_way(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id = started(w, leaves_it, minutes);
    uint64_t child;

    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    child = child_of(w);
    assert_int_equal(world_status(w, child, NULL), EXECUTION_RUNNING);
    world_advance(w, 601000);
    assert_int_equal(world_status(w, child, NULL), EXECUTION_SUCCEEDED);
}

static void test_ledger_call__an_answer_that_comes_too_late_is_thrown_away(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id;
    uint64_t child;

    w->slow_calls = true;
    id = started(w, waits_for_c, minutes);
    assert_true(world_calls(w)); /* begun, not answered */
    assert_int_equal(w->call_count, 1);
    child = child_of(w);
    stop(w, id);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_ABORTED);
    assert_int_equal(world_status(w, child, NULL), EXECUTION_ABORTED); /* nobody waits for it */
    assert_true(list_empty(&w->l->calls) && list_empty(&w->l->calls_out));
    world_check_end(w);
}

static void test_ledger_call__a_call_is_made_again_after_a_restart(void **state)
{
    struct ledger_world *w = *state;
    char name[WORLD_TEXT];
    uint64_t id;

    w->hold_calls = true;
    id = started(w, waits_for_it, pass);
    world_settle(w);
    assert_int_equal(w->call_count, 1);
    (void)snprintf(name, sizeof(name), "%.*s", SLICE_FMT(w->calls[0]->default_name));
    assert_int_equal(w->calls[0]->default_name.len, 36);
    world_crash(w);
    world_turn(w);
    assert_int_equal(w->calls_made, 2);
    assert_true(slice_eq_str(w->calls[0]->default_name, name)); /* a repeat that can be known */
    w->hold_calls = false;
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
}

/* One that is out is told; one that is not made yet never is. */
static void test_ledger_call__a_call_nobody_waits_for_is_told_so(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id;

    w->hold_calls = true;
    id = started(w, waits_for_c, pass);
    assert_int_equal(w->calls_made, 1);
    assert_int_equal(w->calls_gone, 0);
    stop(w, id);
    assert_int_equal(w->calls_gone, 1);
    w->hold_calls = false;
    world_settle(w); /* answered too late: what it began is stopped */
    assert_int_equal(w->calls_gone, 1);
    assert_int_equal(world_status(w, child_of(w), NULL), EXECUTION_SUCCEEDED);
    assert_true(list_empty(&w->l->calls_out) && list_empty(&w->l->calls_gone));
    world_check_end(w);
}

static void test_ledger_call__a_stopped_one_is_not_called(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event ev = {.kind = ENGINE_STOP};
    struct err err;
    uint64_t id = 0;

    world_machine(w, "parent", false, waits_for_c);
    world_machine(w, "child", false, pass);
    world_begin(w);
    assert_int_equal(world_start(w, "parent", "p", "{}", false, &id), OK);
    assert_int_equal(ledger_execution_event(w->l, id, &ev, &err), OK);
    world_end(w);
    world_settle(w);
    assert_int_equal(w->calls_made, 0);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_ABORTED);
}

static void test_ledger_call__a_turn_makes_no_more_calls_than_it_may(void **state)
{
    struct ledger_world *w = *state;
    char name[8];
    uint64_t id;

    w->hold_calls = true;
    world_machine(w, "parent", false, waits_for_it);
    world_machine(w, "child", false, pass);
    world_begin(w);
    for (unsigned i = 0; i <= LIMIT_CALLS_A_TURN; i++) {
        (void)snprintf(name, sizeof(name), "p%u", i);
        assert_int_equal(world_start(w, "parent", name, "{}", false, &id), OK);
    }
    world_end(w);
    assert_int_equal(w->calls_made, LIMIT_CALLS_A_TURN);
    assert_int_equal(ledger_wait_ms(w->l, w->now), 0);
    world_turn(w);
    assert_int_equal(w->calls_made, LIMIT_CALLS_A_TURN + 1);
    w->hold_calls = false;
    world_settle(w);
    assert_int_equal(world_index(w, EXECUTION_SUCCEEDED), 2 * (LIMIT_CALLS_A_TURN + 1));
    world_check_end(w);
}

/* ---- crashes ---- */

static void run(struct world_crash_point *c, uint64_t id)
{
    struct ledger_world *w = c->world;

    for (unsigned i = 0; i < 1000; i++) {
        bool moved = world_crash_commit(c);

        moved = world_calls(w) || moved;
        if (moved) {
            continue;
        }
        if (ledger_hot_count(w->l) == 0 && w->l->open_count == 0 && w->flying == NULL) {
            assert_true(world_status(w, id, NULL) != EXECUTION_RUNNING);
            return;
        }
        world_advance(w, 500);
    }
    fail_msg("the run does not end");
}

static void crash_everywhere(const char *child, bool slow, enum execution_status expected)
{
    unsigned points = 0;

    for (bool happened = true; happened; points++) {
        struct ledger_world w;
        struct world_crash_point c = {.world = &w, .left = (int)points};
        uint64_t id;

        world_open(&w);
        w.slow_calls = slow;
        id = started(&w, waits_for_c, child);
        (void)world_commit(&w);
        run(&c, id);
        assert_int_equal(world_status(&w, id, NULL), expected);
        world_check_history(&w, id);
        world_check_history(&w, child_of(&w));
        assert_int_equal(world_rows(&w, CF_NAME),
                         2); /* one child, however often it was asked for */
        world_check_end(&w);
        happened = c.happened;
        world_close(&w);
    }
    assert_true(points > 2);
}

static void test_ledger_call__nested_with_a_crash_at_every_point(void **state)
{
    (void)state;
    crash_everywhere(pass, false, EXECUTION_SUCCEEDED);
    crash_everywhere(brief, false, EXECUTION_SUCCEEDED);
    crash_everywhere(fails, false, EXECUTION_FAILED);
}

/* A child that is started in one batch and answered for in a later one: it may have ended before,
 * and the call may come twice. */
static void test_ledger_call__slow_answers_with_a_crash_at_every_point(void **state)
{
    (void)state;
    crash_everywhere(pass, true, EXECUTION_SUCCEEDED);
    crash_everywhere(brief, true, EXECUTION_SUCCEEDED);
    crash_everywhere(fails, true, EXECUTION_FAILED);
}

static void test_ledger_call__two_that_wait_with_a_crash_at_every_point(void **state)
{
    unsigned points = 0;

    (void)state;
    for (bool happened = true; happened; points++) {
        struct ledger_world w;
        struct world_crash_point c = {.world = &w, .left = (int)points};
        uint64_t first;
        uint64_t second;

        world_open(&w);
        first = started(&w, waits_for_c, brief);
        (void)world_commit(&w);
        second = world_started(&w, "parent", "p1");
        (void)world_commit(&w);
        run(&c, first);
        assert_int_equal(world_rows(&w, CF_NAME), 3); /* one child */
        check_told(&w, first, ":child:c");
        check_told(&w, second, ":child:c");
        assert_int_equal(w.l->waiter_count, 0);
        world_check_end(&w);
        happened = c.happened;
        world_close(&w);
    }
    assert_true(points > 2);
}

int main(void)
{
#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(test_ledger_call__##name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(an_ended_child_is_described_to_its_parent),
        T(a_failed_child_fails_its_task),
        T(both_are_parked_and_the_child_brings_its_parent_back),
        T(a_stopped_parent_stops_its_child),
        T(a_stopped_child_fails_its_parents_task),
        T(a_child_ends_after_its_parents_state),
        T(a_batch_that_leaves_early_is_whole),
        T(a_parent_may_be_a_child),
        T(all_tasks_that_asked_for_it_are_told),
        T(who_asks_for_it_after_its_end_is_refused),
        T(one_that_is_stopped_stops_it_for_all),
        T(a_child_that_is_left_goes_its_own_way),
        T(an_answer_that_comes_too_late_is_thrown_away),
        T(a_call_is_made_again_after_a_restart),
        T(a_call_nobody_waits_for_is_told_so),
        T(a_stopped_one_is_not_called),
        T(a_turn_makes_no_more_calls_than_it_may),
        cmocka_unit_test(test_ledger_call__nested_with_a_crash_at_every_point),
        cmocka_unit_test(test_ledger_call__slow_answers_with_a_crash_at_every_point),
        cmocka_unit_test(test_ledger_call__two_that_wait_with_a_crash_at_every_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
