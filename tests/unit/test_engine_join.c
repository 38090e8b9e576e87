/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel and Map in the engine: children, their order and links in history, failures that stop
 * the others, retries, redrive, bounds. */
#include "tests/lib/engine_case.h"

#include <stdio.h>

#define PASS_SCOPE "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}"
#define TASK_SCOPE "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA ",\"End\":true}}}"
#define MAP(fields, processor)                                                                     \
    "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\"," fields                               \
    "\"ItemProcessor\":" processor ",\"End\":true}}}"
#define PARALLEL(fields, branches)                                                                 \
    "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Parallel\"," fields                          \
    "\"Branches\":[" branches "],\"Next\":\"Z\"},\"Z\":{\"Type\":\"Pass\",\"End\":true}}}"
#define RETRY_ONCE          "\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"],\"MaxAttempts\":1}],"
#define BRANCH(name, state) "{\"StartAt\":\"" name "\",\"States\":{\"" name "\":{" state "}}}"

static void assert_history_has(struct world *w, const char *part)
{
    if (strstr(world_history(w), part) == NULL) {
        print_error("%s\n", world_history(w));
        fail();
    }
}

static uint32_t child(const struct world *w, uint32_t index)
{
    return w->frame.first_child + index;
}

/* Every task that is ready. */
static void grant_all(struct world *w)
{
    const struct frame *f;

    while ((f = world_frame(w, FRAME_READY, NULL)) != NULL) {
        assert_int_equal(world_grant_frame(w, f->id), STEP_DONE);
    }
}

/* ---- Map ---- */

static void test_join__map_one_at_a_time_links_as_aws_does(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MAP("\"MaxConcurrency\":1,", PASS_SCOPE));
    assert_int_equal(world_start(&w, "[1,\"a,]\\\"\",{\"b\":[2]}]"), STEP_DONE);
    assert_output(&w, "[1,\"a,]\\\"\",{\"b\":[2]}]");
    assert_string_equal(
        world_history(&w),
        "ExecutionStarted 0, MapStateEntered 0, MapStateStarted 2, MapIterationStarted 3, "
        "PassStateEntered 4, PassStateExited 5, MapIterationSucceeded 6, MapIterationStarted 6, "
        "PassStateEntered 8, PassStateExited 9, MapIterationSucceeded 10, MapIterationStarted 10, "
        "PassStateEntered 12, PassStateExited 13, MapIterationSucceeded 14, MapStateSucceeded 15, "
        "MapStateExited 15, ExecutionSucceeded 17");
    assert_int_equal(w.frame_count, 1); /* the children are no more */
    assert_non_null(strstr(world_event(&w, 3), "\"mapStateStartedEventDetails\":{\"length\":3}"));
    assert_non_null(strstr(world_event(&w, 8),
                           "\"mapIterationStartedEventDetails\":{\"name\":\"M\",\"index\":1}"));
    world_fini(&w);
}

static void test_join__map_begins_as_many_as_it_may(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MAP("\"MaxConcurrency\":2,", TASK_SCOPE));
    assert_int_equal(world_start(&w, "[1,2,3]"), STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_JOIN);
    assert_int_equal(w.frame.child_open, 2);
    assert_int_equal(w.frame.child_next, 2);
    grant_all(&w);
    assert_int_equal(world_succeed_frame(&w, child(&w, 1), "\"two\""), STEP_DONE);
    assert_int_equal(w.frame.child_next, 3);
    assert_non_null(world_command(&w, COMMAND_SCHEDULE_TASK));
    assert_int_equal(world_frame(&w, FRAME_DONE, NULL)->index, 1);
    grant_all(&w);
    assert_int_equal(world_succeed_frame(&w, child(&w, 0), "\"one\""), STEP_DONE);
    assert_int_equal(world_succeed_frame(&w, child(&w, 2), "\"three\""), STEP_DONE);
    assert_output(&w, "[\"one\",\"two\",\"three\"]");
    world_fini(&w);
}

static void test_join__inline_map_runs_at_most_forty(void **state)
{
    struct world w;
    struct slice items = SLICE("[0");

    (void)state;
    world_init(&w, MAP("\"MaxConcurrency\":0,", TASK_SCOPE));
    for (int i = 1; i < 100; i++) {
        items = arena_printf(&w.a, "%.*s,%d", SLICE_FMT(items), i);
    }
    world_start(&w, arena_str(&w.a, arena_printf(&w.a, "%.*s]", SLICE_FMT(items))));
    world_run(&w);
    assert_int_equal(w.frame.child_open, 40);
    assert_int_equal(w.frame.child_next, 40);
    world_fini(&w);
}

static void test_join__map_over_nothing_gives_nothing(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MAP("", PASS_SCOPE));
    assert_int_equal(world_start(&w, "[]"), STEP_DONE);
    assert_output(&w, "[]");
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, MapStateEntered 0, MapStateStarted 2, "
                        "MapStateSucceeded 3, MapStateExited 3, ExecutionSucceeded 5");
    world_fini(&w);
}

static void test_join__item_selector_sees_item_and_input(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MAP("\"ItemsPath\":\"$.items\",\"ItemSelector\":{\"v.$\":\"$$.Map.Item.Value\","
                       "\"i.$\":\"$$.Map.Item.Index\",\"c.$\":\"$.common\"},",
                       "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"Parameters\":{"
                       "\"in.$\":\"$\",\"index.$\":\"$$.Map.Item.Index\","
                       "\"value.$\":\"$$.Map.Item.Value\"},\"End\":true}}}"));
    assert_int_equal(world_start(&w, "{\"common\":7,\"items\":[\"x\"]}"), STEP_DONE);
    assert_output(&w, "[{\"in\":{\"v\":\"x\",\"i\":0,\"c\":7},\"index\":0,\"value\":\"x\"}]");
    world_fini(&w);
}

static void test_join__item_selector_that_fails_fails_the_map(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MAP("\"ItemSelector\":{\"v.$\":\"$$.Map.Item.Value.x\"},\"MaxConcurrency\":2,",
                       TASK_SCOPE));
    assert_int_equal(world_start(&w, "[{\"x\":1},{}]"), STEP_DONE);
    assert_error(&w, "States.Runtime");
    assert_int_equal(w.header.open_frames, 0);
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, MapStateEntered 0, MapStateStarted 2, "
                        "MapIterationStarted 3, ExecutionFailed 3");
    world_fini(&w);
}

/* An item that fails: its own events, then the others are stopped, then the Map fails. */
static void test_join__failed_item_stops_the_others(void **state)
{
    struct world w;
    unsigned cancelled = 0;

    (void)state;
    world_init(&w, MAP("", TASK_SCOPE));
    world_start(&w, "[1,2,3]");
    grant_all(&w);
    assert_int_equal(world_succeed_frame(&w, child(&w, 0), "1"), STEP_DONE);
    assert_int_equal(world_fail_frame(&w, child(&w, 1), "Boom", "why"), STEP_DONE);
    assert_error(&w, "Boom");
    assert_int_equal(w.header.open_frames, 0);
    for (size_t i = 0; i < w.last.command_count; i++) {
        cancelled += w.last.commands[i].kind == COMMAND_CANCEL_TASK &&
                     w.last.commands[i].frame == child(&w, 2);
    }
    assert_int_equal(cancelled, 1);
    assert_history_has(
        &w, "LambdaFunctionFailed 14, MapIterationFailed 19, TaskStateAborted 19, "
            "MapIterationAborted 19, TaskStateAborted 19, MapStateFailed 19, ExecutionFailed 24");
    world_fini(&w);
}

/* Two tasks whose time is over at one moment: one fails the Map, both have timed out. */
static void test_join__tasks_due_at_once_have_all_timed_out(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MAP("", "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
                           ",\"TimeoutSeconds\":5,\"End\":true}}}"));
    world_start(&w, "[1,2,3]");
    world_grant_frame(&w, child(&w, 0));
    world_grant_frame(&w, child(&w, 1));
    w.now_ms += 4000;
    world_grant_frame(&w, child(&w, 2));
    w.now_ms += 1000;
    world_step(&w, (struct engine_event){.kind = ENGINE_TASK_TIMED_OUT,
                                         .frame = child(&w, 0),
                                         .token = world_frame(&w, FRAME_LEASED, NULL)->token});
    assert_error(&w, "States.Timeout");
    assert_history_has(&w, "LambdaFunctionTimedOut 13, LambdaFunctionTimedOut 14, "
                           "MapIterationFailed 16, TaskStateAborted 16, MapIterationAborted 16, "
                           "TaskStateAborted 16, MapIterationAborted 16, TaskStateAborted 16, "
                           "MapStateFailed 16, ExecutionFailed 24");
    world_fini(&w);
}

static void test_join__map_retry_begins_all_items_again(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MAP("\"Retry\":[{\"ErrorEquals\":[\"Boom\"],\"MaxAttempts\":1}],", TASK_SCOPE));
    world_start(&w, "[1,2]");
    grant_all(&w);
    world_succeed_frame(&w, child(&w, 0), "1");
    world_fail_frame(&w, child(&w, 1), "Boom", "");
    assert_int_equal(w.frame.status, FRAME_TIMER);
    assert_int_equal(w.frame_count, 1);
    assert_non_null(world_command(&w, COMMAND_DROP_FRAMES));
    assert_int_equal(world_timer(&w), STEP_DONE);
    assert_int_equal(w.frame.child_next, 2);
    assert_history_has(
        &w,
        "MapIterationFailed 15, TaskStateAborted 15, MapStateStarted 15, MapIterationStarted 18");
    grant_all(&w);
    world_fail_frame(&w, child(&w, 0), "Boom", "");
    assert_error(&w, "Boom");
    world_fini(&w);
}

static void test_join__map_catch_goes_on_and_drops_children(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"ItemProcessor\":"
                   "{\"StartAt\":\"F\",\"States\":{\"F\":{\"Type\":\"Fail\",\"Error\":\"E\"}}},"
                   "\"Catch\":[{\"ErrorEquals\":[\"States.ALL\"],\"ResultPath\":null,"
                   "\"Next\":\"C\"}],\"End\":true},\"C\":{\"Type\":\"Pass\",\"End\":true}}}");
    assert_int_equal(world_start(&w, "[1]"), STEP_DONE);
    assert_output(&w, "[1]");
    assert_int_equal(w.frame_count, 1);
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, MapStateEntered 0, MapStateStarted 2, "
                        "MapIterationStarted 3, FailStateEntered 4, MapIterationFailed 5, "
                        "MapStateFailed 5, MapStateExited 7, PassStateEntered 8, "
                        "PassStateExited 9, ExecutionSucceeded 10");
    world_fini(&w);
}

static void test_join__result_too_large_fails_the_map(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MAP("", TASK_SCOPE));
    w.rules.payload_bytes = 64;
    world_start(&w, "[1,2]");
    grant_all(&w);
    world_succeed_frame(&w, child(&w, 0), "\"0123456789012345678901234567890123456789\"");
    world_succeed_frame(&w, child(&w, 1), "\"0123456789012345678901234567890123456789\"");
    assert_error(&w, "States.DataLimitExceeded");
    world_fini(&w);
}

/* ---- Parallel ---- */

static void test_join__parallel_gives_results_in_order_of_branches(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, PARALLEL("\"Parameters\":{\"x.$\":\"$.a\"},",
                            BRANCH("A", LAMBDA ",\"End\":true") "," BRANCH(
                                "B", "\"Type\":\"Pass\",\"End\":true")));
    world_start(&w, "{\"a\":1}");
    assert_int_equal(w.frame.child_open, 1);
    grant_all(&w);
    world_succeed_frame(&w, child(&w, 0), "\"a\"");
    assert_output(&w, "[\"a\",{\"x\":1}]");
    assert_string_equal(
        world_history(&w),
        "ExecutionStarted 0, ParallelStateEntered 0, ParallelStateStarted 2, "
        "TaskStateEntered 3, LambdaFunctionScheduled 4, PassStateEntered 3, PassStateExited 6, "
        "LambdaFunctionStarted 5, LambdaFunctionSucceeded 8, TaskStateExited 9, "
        "ParallelStateSucceeded 10, ParallelStateExited 10, PassStateEntered 12, "
        "PassStateExited 13, ExecutionSucceeded 14");
    world_fini(&w);
}

static void test_join__parallel_failure_aborts_what_is_open(void **state)
{
    struct world w;

    (void)state;
    world_init(&w,
               PARALLEL("\"Catch\":[{\"ErrorEquals\":[\"States.BranchFailed\"],\"Next\":\"Z\"}],",
                        BRANCH("A", LAMBDA ",\"End\":true") "," BRANCH(
                            "B", "\"Type\":\"Wait\",\"Seconds\":9,\"End\":true")));
    world_start(&w, "{}");
    grant_all(&w);
    world_fail_frame(&w, child(&w, 0), "Boom", "c");
    assert_output(&w, "{\"Error\":\"Boom\",\"Cause\":\"c\"}");
    assert_history_has(&w, "LambdaFunctionFailed 7, TaskStateAborted 8, WaitStateAborted 8, "
                           "ParallelStateFailed 8, ParallelStateExited 11, PassStateEntered 12");
    world_fini(&w);
}

static void test_join__runtime_error_in_a_branch_is_caught_by_nothing(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, PARALLEL("\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"]}],"
                            "\"Catch\":[{\"ErrorEquals\":[\"States.ALL\"],\"Next\":\"Z\"}],",
                            BRANCH("A", "\"Type\":\"Pass\",\"InputPath\":\"$.no\",\"End\":true")));
    world_start(&w, "{}");
    assert_error(&w, "States.Runtime");
    assert_int_equal(w.header.open_frames, 0);
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, ParallelStateEntered 0, ParallelStateStarted 2, "
                        "PassStateEntered 3, ExecutionFailed 4");
    world_fini(&w);
}

/* What fails after all branches have ended well follows that they have. */
static void test_join__result_that_cannot_be_selected_fails_after_success(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, PARALLEL("\"ResultSelector\":{\"x.$\":\"$.no\"},",
                            BRANCH("A", "\"Type\":\"Pass\",\"End\":true")));
    world_start(&w, "{}");
    assert_error(&w, "States.Runtime");
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, ParallelStateEntered 0, ParallelStateStarted 2, "
                        "PassStateEntered 3, PassStateExited 4, ParallelStateSucceeded 5, "
                        "ExecutionFailed 6");
    world_fini(&w);
}

/* A Map in a Parallel in a Map: stopped from below, all of it. */
static void test_join__nested_children_are_stopped_with_their_parents(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, PARALLEL("", BRANCH("A", LAMBDA ",\"End\":true") "," BRANCH(
                                    "B", "\"Type\":\"Map\",\"ItemsPath\":\"$.i\",\"ItemProcessor\":"
                                         "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
                                         ",\"End\":true}}},\"End\":true")));
    world_start(&w, "{\"i\":[1,2]}");
    world_run(&w);
    grant_all(&w);
    assert_int_equal(w.header.open_frames, 5);
    world_fail_frame(&w, child(&w, 0), "Boom", "");
    assert_error(&w, "Boom");
    assert_int_equal(w.header.open_frames, 0);
    assert_history_has(&w, "MapStateAborted 17, MapIterationAborted 17, TaskStateAborted 17, "
                           "MapIterationAborted 17, TaskStateAborted 17, ParallelStateFailed 17");
    world_fini(&w);
}

/* ---- Stopping, redrive, bounds ---- */

static void test_join__stop_ends_all_frames(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MAP("", TASK_SCOPE));
    world_start(&w, "[1,2,3]");
    grant_all(&w);
    assert_int_equal(world_step(&w, (struct engine_event){.kind = ENGINE_STOP}), STEP_DONE);
    assert_int_equal(w.header.status, EXECUTION_ABORTED);
    assert_int_equal(w.header.open_frames, 0);
    assert_int_equal(w.last.event_count, 1); /* ExecutionAborted alone */
    world_fini(&w);
}

static void test_join__redrive_runs_what_failed_again(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MAP("\"MaxConcurrency\":2,", TASK_SCOPE));
    world_start(&w, "[1,2,3]");
    grant_all(&w);
    world_succeed_frame(&w, child(&w, 0), "\"kept\"");
    grant_all(&w);
    world_fail_frame(&w, child(&w, 1), "Boom", "");
    assert_error(&w, "Boom");
    assert_int_equal(world_step(&w, (struct engine_event){.kind = ENGINE_REDRIVE}), STEP_DONE);
    assert_int_equal(w.header.status, EXECUTION_RUNNING);
    assert_int_equal(w.frame.status, FRAME_JOIN);
    assert_int_equal(w.frame.child_open, 2);
    grant_all(&w);
    world_succeed_frame(&w, child(&w, 1), "2");
    world_succeed_frame(&w, child(&w, 2), "3");
    assert_output(&w, "[\"kept\",2,3]");
    world_fini(&w);
}

static void test_join__redrive_after_too_much_data_runs_all_again(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MAP("", TASK_SCOPE));
    w.rules.payload_bytes = 32;
    world_start(&w, "[1,2]");
    grant_all(&w);
    world_succeed_frame(&w, child(&w, 0), "\"01234567890123456\"");
    world_succeed_frame(&w, child(&w, 1), "\"01234567890123456\"");
    assert_error(&w, "States.DataLimitExceeded");
    assert_int_equal(world_step(&w, (struct engine_event){.kind = ENGINE_REDRIVE}), STEP_DONE);
    world_run(&w);
    assert_history_has(&w, "ExecutionRedriven 19, MapStateStarted 20");
    assert_int_equal(w.frame.child_open, 2);
    grant_all(&w);
    world_succeed_frame(&w, child(&w, 0), "1");
    world_succeed_frame(&w, child(&w, 1), "2");
    assert_output(&w, "[1,2]");
    world_fini(&w);
}

/* Stopped in its backoff it has no children; it goes on with the retry, and is not entered again.
 */
static void test_join__redrive_in_backoff_begins_in_place(void **state)
{
    static const char *const machines[] = {
        MAP(RETRY_ONCE, BRANCH("F", "\"Type\":\"Fail\"")),
        PARALLEL(RETRY_ONCE, BRANCH("F", "\"Type\":\"Fail\"")),
    };
    static const char *const parts[] = {
        "ExecutionAborted 0, ExecutionRedriven 7, MapStateStarted 8, MapIterationStarted 9",
        "ExecutionAborted 0, ExecutionRedriven 5, ParallelStateStarted 6, FailStateEntered 7",
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world w;

        world_init(&w, machines[i]);
        world_start(&w, "[1]");
        assert_int_equal(w.frame.status, FRAME_TIMER);
        assert_int_equal(world_step(&w, (struct engine_event){.kind = ENGINE_STOP}), STEP_DONE);
        assert_int_equal(world_step(&w, (struct engine_event){.kind = ENGINE_REDRIVE}), STEP_DONE);
        assert_history_has(&w, parts[i]);
        assert_int_equal(w.frame.status, FRAME_TIMER); /* its retriers are fresh */
        world_fini(&w);
    }
}

/* The first fails again at once and the Map with it, before the others have begun again. */
static void test_join__redrive_that_fails_at_once_leaves_the_others(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MAP("", "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
                           ",\"Parameters\":{\"x.$\":\"$.x\"},\"End\":true}}}"));
    world_start(&w, "[{},{\"x\":1},{\"x\":2}]");
    for (int i = 0; i < 3; i++) {
        assert_error(&w, "States.Runtime");
        assert_int_equal(w.header.open_frames, 0);
        assert_int_equal(world_step(&w, (struct engine_event){.kind = ENGINE_REDRIVE}), STEP_DONE);
    }
    assert_non_null(strstr(world_history(&w), "ExecutionFailed 7, ExecutionRedriven 8, "
                                              "ExecutionFailed 9, ExecutionRedriven 10"));
    world_fini(&w);
}

/* A thousand items of Pass states: bounded steps, each touching few frames. */
static void test_join__large_map_goes_on_in_bounded_steps(void **state)
{
    struct world w;
    struct buf items = {0};
    unsigned steps = 1;
    size_t touched = 0;

    (void)state;
    world_init(&w, MAP("\"MaxConcurrency\":1,", PASS_SCOPE));
    w.by_function = true;
    for (int i = 0; i < 1000; i++) {
        buf_put_slice(&items, i == 0 ? SLICE("[1") : SLICE(",1"));
    }
    buf_put_slice(&items, SLICE("]"));
    world_start(&w, arena_str(&w.a, buf_slice(&items)));
    while (w.header.status == EXECUTION_RUNNING) {
        assert_true(w.last.event_count <= 4 * LIMIT_STEP_TRANSITIONS);
        touched = w.last.frame_count > touched ? w.last.frame_count : touched;
        assert_int_not_equal(world_step(&w, (struct engine_event){.kind = ENGINE_CONTINUE}),
                             STEP_STALE);
        steps++;
    }
    assert_true(steps >= 2 * 1000 / LIMIT_STEP_TRANSITIONS);
    assert_true(touched <= LIMIT_STEP_TRANSITIONS + 1);
    assert_int_equal(world_doc(&w, w.header.output.ref).len, items.len);
    buf_fini(&items);
    world_fini(&w);
}

static void test_join__many_branches_are_begun_in_bounded_steps(void **state)
{
    struct world w;
    struct buf text = {0};

    (void)state;
    buf_put_slice(&text, SLICE("{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Parallel\","
                               "\"Branches\":["));
    for (int i = 0; i < 300; i++) {
        char branch[128];

        (void)snprintf(branch, sizeof(branch),
                       "%s{\"StartAt\":\"P%d\",\"States\":{\"P%d\":{\"Type\":\"Pass\","
                       "\"End\":true}}}",
                       i == 0 ? "" : ",", i, i);
        buf_put_slice(&text, slice_str(branch));
    }
    buf_put_slice(&text, SLICE("],\"End\":true}}}"));
    buf_put_u8(&text, 0);
    world_init(&w, text.ptr);
    world_start(&w, "{}");
    assert_true(world_run(&w) >= 8);
    assert_int_equal(w.header.status, EXECUTION_SUCCEEDED);
    buf_fini(&text);
    world_fini(&w);
}

/* `depth` Parallel states around a task and `passes` Pass states, all of which assign. */
static const char *nested(struct buf *b, int depth, int passes)
{
    char text[200];

    for (int i = 0; i < depth; i++) {
        (void)snprintf(text, sizeof(text),
                       "{\"StartAt\":\"L%d\",\"States\":{\"L%d\":{\"Type\":\"Parallel\",\"Assign\":"
                       "{\"l%d\":%d},\"End\":true,\"Branches\":[",
                       i, i, i, i);
        buf_put_slice(b, slice_str(text));
    }
    buf_put_slice(b, SLICE("{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
                           ",\"Assign\":{\"t\":0},\"ResultPath\":\"$.r\",\"Next\":\"P1\"}"));
    for (int i = 1; i <= passes; i++) {
        (void)snprintf(text, sizeof(text),
                       ",\"P%d\":{\"Type\":\"Pass\",\"Result\":%d,\"Assign\":{\"p%d\":%d},", i,
                       1000 + i, i, i);
        buf_put_slice(b, slice_str(text));
        (void)snprintf(text, sizeof(text), "\"Next\":\"P%d\"}", i + 1);
        buf_put_slice(b, i == passes ? SLICE("\"End\":true}}}") : slice_str(text));
    }
    for (int i = 0; i < depth; i++) {
        buf_put_slice(b, SLICE("]}}}"));
    }
    buf_put(b, "", 1);
    return b->ptr;
}

/* The scopes that one transition ends all at once have room for what they keep. */
static void test_join__all_scopes_may_end_at_once(void **state)
{
    (void)state;
    for (int passes = 40; passes < 70; passes++) {
        struct buf b = {0};
        struct world w;
        uint32_t task;

        world_init(&w, nested(&b, LIMIT_DEFINITION_DEPTH - 1, passes));
        world_start(&w, "{}");
        (void)world_run(&w);
        task = world_frame(&w, FRAME_READY, NULL)->id;
        world_grant_frame(&w, task);
        assert_int_not_equal(world_succeed_frame(&w, task, "{\"q\":1}"), STEP_FAILED);
        (void)world_run(&w);
        assert_int_equal(w.header.status, EXECUTION_SUCCEEDED);
        world_fini(&w);
        buf_fini(&b);
    }
}

static void test_join__full_history_ends_a_map(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MAP("", TASK_SCOPE));
    w.rules.history_events = 12;
    world_start(&w, "[1,2,3,4]");
    assert_error(&w, "States.Runtime");
    assert_int_equal(w.header.open_frames, 0);
    assert_int_equal(w.event_count, 12);
    assert_non_null(strstr(arena_str(&w.a, w.header.cause), "(12)"));
    world_fini(&w);
}

/* Wherever the limit falls: at the end of an iteration, of the Map, at a result that fails. */
static void test_join__history_may_be_full_at_any_event(void **state)
{
    (void)state;
    for (uint64_t most = 4; most <= 14; most++) {
        struct world w;

        world_init(&w, MAP("\"ResultSelector\":{\"x.$\":\"$.no\"},", PASS_SCOPE));
        w.rules.history_events = most;
        world_start(&w, "[1,2]");
        (void)world_run(&w);
        assert_error(&w, "States.Runtime");
        assert_true(w.event_count <= most);
        assert_int_equal(strstr(arena_str(&w.a, w.header.cause), "maximum number") != NULL,
                         most <= 12);
        world_fini(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join__map_one_at_a_time_links_as_aws_does),
        cmocka_unit_test(test_join__map_begins_as_many_as_it_may),
        cmocka_unit_test(test_join__inline_map_runs_at_most_forty),
        cmocka_unit_test(test_join__map_over_nothing_gives_nothing),
        cmocka_unit_test(test_join__item_selector_sees_item_and_input),
        cmocka_unit_test(test_join__item_selector_that_fails_fails_the_map),
        cmocka_unit_test(test_join__failed_item_stops_the_others),
        cmocka_unit_test(test_join__tasks_due_at_once_have_all_timed_out),
        cmocka_unit_test(test_join__map_retry_begins_all_items_again),
        cmocka_unit_test(test_join__map_catch_goes_on_and_drops_children),
        cmocka_unit_test(test_join__result_too_large_fails_the_map),
        cmocka_unit_test(test_join__parallel_gives_results_in_order_of_branches),
        cmocka_unit_test(test_join__parallel_failure_aborts_what_is_open),
        cmocka_unit_test(test_join__runtime_error_in_a_branch_is_caught_by_nothing),
        cmocka_unit_test(test_join__result_that_cannot_be_selected_fails_after_success),
        cmocka_unit_test(test_join__nested_children_are_stopped_with_their_parents),
        cmocka_unit_test(test_join__stop_ends_all_frames),
        cmocka_unit_test(test_join__redrive_runs_what_failed_again),
        cmocka_unit_test(test_join__redrive_after_too_much_data_runs_all_again),
        cmocka_unit_test(test_join__redrive_in_backoff_begins_in_place),
        cmocka_unit_test(test_join__redrive_that_fails_at_once_leaves_the_others),
        cmocka_unit_test(test_join__large_map_goes_on_in_bounded_steps),
        cmocka_unit_test(test_join__many_branches_are_begun_in_bounded_steps),
        cmocka_unit_test(test_join__all_scopes_may_end_at_once),
        cmocka_unit_test(test_join__full_history_ends_a_map),
        cmocka_unit_test(test_join__history_may_be_full_at_any_event),
    };

    return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}
