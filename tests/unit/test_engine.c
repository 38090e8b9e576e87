/* SPDX-License-Identifier: Apache-2.0 */
/* The engine step by step: order and links of events, what is stale, the end, redrive, limits. */
#include "tests/lib/engine_case.h"

/* Runs for ever on an input without "stop". */
#define ROUND_AND_ROUND(pass)                                                                      \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\"," pass "\"Next\":\"C\"},"             \
    "\"C\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.stop\",\"IsPresent\":true,"         \
    "\"Next\":\"S\"}],\"Default\":\"A\"},\"S\":{\"Type\":\"Succeed\"}}}"
static const char looping[] = ROUND_AND_ROUND("");

/* ---- Order and links ---- */

static void test_engine__passes_chain_and_keep_one_document(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Next\":\"B\"},"
                   "\"B\":{\"Type\":\"Pass\",\"End\":true}}}");
    assert_int_equal(world_start(&w, "{\"x\":1}"), STEP_DONE);
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, PassStateEntered 0, PassStateExited 2, "
                        "PassStateEntered 3, PassStateExited 4, ExecutionSucceeded 5");
    assert_int_equal(w.header.status, EXECUTION_SUCCEEDED);
    assert_int_equal(w.header.open_frames, 0);
    assert_int_equal(w.doc_count, 1);
    assert_int_equal(w.header.output.ref, w.header.input.ref);
    assert_non_null(world_command(&w, COMMAND_CLOSED));
    world_fini(&w);
}

static void test_engine__input_is_shown_as_given_and_passed_on_compact(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, one_task);
    world_start(&w, " {\"x\" : 1}");
    assert_slice(world_doc(&w, w.header.input.ref), " {\"x\" : 1}");
    assert_slice(world_doc(&w, w.frame.input.ref), "{\"x\":1}");
    world_fini(&w);
}

static void test_engine__input_that_is_no_json_is_our_error(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, one_task);
    assert_int_equal(world_start(&w, "{"), STEP_FAILED);
    assert_int_equal(w.err.code, ERR_INVALID_EXECUTION_INPUT);
    assert_int_equal(w.last.event_count, 0);
    world_fini(&w);
}

static void test_engine__task_is_scheduled_granted_done(void **state)
{
    struct world w;
    const struct command *c;

    (void)state;
    world_init(&w, two_tasks);
    world_start(&w, "{\"x\":1}");
    c = world_command(&w, COMMAND_SCHEDULE_TASK);
    assert_non_null(c);
    assert_slice(c->function, "Echo");
    assert_slice(c->payload, "{\"x\":1}");
    assert_int_equal(w.frame.status, FRAME_READY);
    assert_int_equal(world_grant(&w), STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_LEASED);
    assert_int_equal(world_succeed(&w, "{\"y\":2}"), STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_READY);
    assert_int_equal(w.frame.attempt, 1);
    assert_slice(world_command(&w, COMMAND_SCHEDULE_TASK)->payload, "{\"y\":2}");
    assert_int_equal(w.last.doc_count, 1);
    world_grant(&w);
    world_succeed(&w, "{\"y\":2}");
    assert_int_equal(w.last.doc_count, 0); /* the result is the input again */
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, TaskStateEntered 0, LambdaFunctionScheduled 2, "
                        "LambdaFunctionStarted 3, LambdaFunctionSucceeded 4, TaskStateExited 5, "
                        "TaskStateEntered 6, LambdaFunctionScheduled 7, LambdaFunctionStarted 8, "
                        "LambdaFunctionSucceeded 9, TaskStateExited 10, ExecutionSucceeded 11");
    world_fini(&w);
}

static void test_engine__result_is_made_compact(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, one_task);
    world_succeed(&w, " {\"y\" : [ 1, 2 ] }\n");
    assert_slice(world_doc(&w, w.header.output.ref), "{\"y\":[1,2]}");
    world_fini(&w);
}

static void test_engine__gathers_steps_into_one_record(void **state)
{
    struct world w;
    struct step s = {0};
    struct frame_set none = {.items = &w.frame};
    struct engine_event ev = {.kind = ENGINE_START, .now_ms = 5};

    (void)state;
    world_init(&w, two_tasks);
    w.header.input.text = SLICE("{}");
    assert_int_equal(engine_step(w.m, &w.header, &none, &ev, &w.a, &s, &w.err), STEP_DONE);
    ev = (struct engine_event){.kind = ENGINE_TASK_GRANTED, .now_ms = 5, .token = {1, 1}};
    assert_int_equal(engine_step(w.m, &s.header, &none, &ev, &w.a, &s, &w.err), STEP_DONE);
    ev = (struct engine_event){
        .kind = ENGINE_TASK_SUCCEEDED, .now_ms = 6, .token = {1, 1}, .result = SLICE("[1]")};
    assert_int_equal(engine_step(w.m, &s.header, &none, &ev, &w.a, &s, &w.err), STEP_DONE);
    assert_int_equal(s.frame_count, 1);
    assert_int_equal(s.frames[0].state, 1);
    assert_int_equal(s.event_count, 8);
    assert_int_equal(s.doc_count, 2);
    assert_int_equal(DOC_SLOT(s.docs[1].ref), 1);
    world_fini(&w);
}

/* ---- Stale, missing, broken ---- */

static void test_engine__stale_token_changes_nothing(void **state)
{
    static const enum engine_event_kind kinds[] = {
        ENGINE_TASK_RETURNED,  ENGINE_TASK_UPLOAD, ENGINE_TASK_INTENT,
        ENGINE_TASK_SUCCEEDED, ENGINE_TASK_FAILED, ENGINE_TASK_TIMED_OUT,
    };
    struct world w;

    (void)state;
    world_init(&w, one_task);
    world_start(&w, "{}");
    assert_stale(&w, (struct engine_event){.kind = ENGINE_TASK_SUCCEEDED, .result = SLICE("{}")});
    world_grant(&w);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        assert_stale(&w, (struct engine_event){.kind = kinds[i],
                                               .token = {1, 99},
                                               .output = an_upload(),
                                               .result = SLICE("{}")});
        assert_stale(
            &w, (struct engine_event){
                    .kind = kinds[i], .frame = 1, .token = w.frame.token, .result = SLICE("{}")});
    }
    assert_stale(&w, (struct engine_event){.kind = ENGINE_TASK_GRANTED, .token = {1, 5}});
    assert_stale(&w, (struct engine_event){.kind = ENGINE_TIMER});
    assert_stale(&w, (struct engine_event){.kind = ENGINE_CONTINUE});
    assert_stale(&w, (struct engine_event){.kind = ENGINE_DEADLINE});
    assert_stale(&w, (struct engine_event){.kind = ENGINE_REDRIVE});
    assert_stale(&w, (struct engine_event){.kind = ENGINE_START});
    assert_stale(&w, (struct engine_event){.kind = ENGINE_UPLOAD_GONE});
    world_fini(&w);
}

static void test_engine__closed_execution_takes_nothing(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, one_task);
    world_succeed(&w, "{}");
    assert_stale(&w, (struct engine_event){
                         .kind = ENGINE_TASK_SUCCEEDED, .token = {1, 1}, .result = SLICE("{}")});
    assert_stale(&w, (struct engine_event){.kind = ENGINE_STOP});
    assert_stale(&w, (struct engine_event){.kind = ENGINE_REDRIVE});
    world_fini(&w);
}

static void test_engine__asks_for_the_frame_it_needs(void **state)
{
    struct world w;
    struct step s = {.need_frame = 77};
    struct frame_set none = {.items = NULL};
    struct engine_event ev = {.kind = ENGINE_TASK_GRANTED, .token = {1, 1}};

    (void)state;
    world_init(&w, one_task);
    world_start(&w, "{}");
    assert_int_equal(engine_step(w.m, &w.header, &none, &ev, &w.a, &s, &w.err), STEP_NEED_FRAME);
    assert_int_equal(s.need_frame, 0);
    assert_int_equal(s.event_count, 0);
    ev.kind = ENGINE_STOP;
    assert_int_equal(engine_step(w.m, &w.header, &none, &ev, &w.a, &s, &w.err), STEP_NEED_FRAME);
    world_fini(&w);
}

static void test_engine__document_not_loaded_is_our_error(void **state)
{
    struct world w;
    struct step s = {0};
    struct step before = s;
    struct frame_set set = {.items = &w.frame, .count = 1};
    struct engine_event ev = {.kind = ENGINE_TASK_SUCCEEDED, .token = {1, 1}, .result = SLICE("1")};

    (void)state;
    world_init_granted(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
                           ",\"ResultPath\":\"$.r\",\"End\":true}}}");
    w.frame.input.text = (struct slice){0};
    assert_int_equal(engine_step(w.m, &w.header, &set, &ev, &w.a, &s, &w.err), STEP_FAILED);
    assert_memory_equal(&s, &before, sizeof(s));
    assert_int_equal(w.err.code, ERR_INTERNAL);
    world_fini(&w);
}

static void test_engine__frame_of_no_state_is_our_error(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, one_task);
    world_start(&w, "{}");
    w.frames[0].state = 1;
    assert_int_equal(world_grant(&w), STEP_FAILED);
    assert_int_equal(w.err.code, ERR_CORRUPT);
    world_fini(&w);
}

static void test_engine__trial_step_is_free_of_effects(void **state)
{
    struct world w;
    struct step trial = {0};
    struct frame before;
    struct engine_event ev = {
        .kind = ENGINE_TASK_SUCCEEDED, .token = {1, 1}, .result = SLICE("{\"y\":2}")};

    (void)state;
    world_init_granted(&w, two_tasks);
    world_try(&w, ev, &trial);
    memset(&trial, 0, sizeof(trial));
    before = w.frame;
    assert_int_equal(world_try(&w, ev, &trial), STEP_DONE);
    assert_memory_equal(&before, &w.frame, sizeof(before));
    assert_false(trial.task_refused);
    ev.result = SLICE("nonsense");
    memset(&trial, 0, sizeof(trial));
    assert_int_equal(world_try(&w, ev, &trial), STEP_DONE);
    assert_true(trial.task_refused);
    assert_int_equal(world_succeed(&w, "{\"y\":2}"), STEP_DONE);
    assert_false(w.last.task_refused);
    world_fini(&w);
}

/* ---- The execution's end, and redrive ---- */

static void test_engine__stop_cancels_the_task(void **state)
{
    struct world w;
    const struct command *c;
    struct token token;

    (void)state;
    world_init_granted(&w, one_task);
    token = w.frame.token;
    assert_int_equal(world_step(&w, (struct engine_event){.kind = ENGINE_STOP,
                                                          .failure = {SLICE("E"), SLICE("why")}}),
                     STEP_DONE);
    c = world_command(&w, COMMAND_CANCEL_TASK);
    assert_non_null(c);
    assert_true(token_eq(c->token, token));
    assert_non_null(world_command(&w, COMMAND_CLOSED));
    assert_string_equal(world_event(&w, 5),
                        "{\"type\":\"ExecutionAborted\",\"id\":5,\"previousEventId\":0,"
                        "\"executionAbortedEventDetails\":{\"error\":\"E\",\"cause\":\"why\"}}");
    assert_int_equal(w.header.stop_ms, w.now_ms);
    world_fini(&w);
}

static void test_engine__deadline_times_out(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "{\"TimeoutSeconds\":5,\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\","
                   "\"Seconds\":60,\"End\":true}}}");
    world_start(&w, "{}");
    assert_int_equal(w.header.deadline_ms, w.now_ms + 5000);
    w.now_ms += 4999;
    assert_stale(&w, (struct engine_event){.kind = ENGINE_DEADLINE});
    w.now_ms += 1;
    assert_int_equal(world_kind(&w, ENGINE_DEADLINE), STEP_DONE);
    assert_int_equal(w.header.status, EXECUTION_TIMED_OUT);
    assert_null(w.header.error.ptr);
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, WaitStateEntered 0, ExecutionTimedOut 0");
    assert_int_equal(world_kind(&w, ENGINE_REDRIVE), STEP_DONE);
    assert_int_equal(w.header.deadline_ms, w.now_ms + 5000);
    assert_int_equal(w.frame.due_ms, w.now_ms + 60000);
    world_fini(&w);
}

static void test_engine__express_has_five_minutes(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, one_task);
    w.header.express = true;
    world_start(&w, "{}");
    assert_int_equal(w.header.deadline_ms, w.now_ms + LIMIT_EXPRESS_MS);
    world_kind(&w, ENGINE_STOP);
    assert_stale(&w, (struct engine_event){.kind = ENGINE_REDRIVE});
    world_fini(&w);
}

static void test_engine__redrive_goes_on_in_place(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, retried);
    world_fail(&w, "B", "");
    world_timer(&w);
    world_grant(&w);
    world_fail(&w, "B", "");
    assert_int_equal(w.header.status, EXECUTION_FAILED);
    w.now_ms += 1000;
    assert_int_equal(world_kind(&w, ENGINE_REDRIVE), STEP_DONE);
    assert_int_equal(w.header.status, EXECUTION_RUNNING);
    assert_int_equal(w.header.redrive_count, 1);
    assert_int_equal(w.header.redrive_ms, w.now_ms);
    assert_null(w.header.error.ptr);
    assert_int_equal(w.frame.status, FRAME_READY);
    assert_int_equal(w.frame.attempt, 3);
    assert_int_equal(w.frame.retry_count, 0);
    assert_non_null(world_command(&w, COMMAND_SCHEDULE_TASK));
    world_grant(&w);
    world_fail(&w, "B", "");
    assert_int_equal(w.frame.status, FRAME_TIMER); /* its retriers are fresh */
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, TaskStateEntered 0, LambdaFunctionScheduled 2, "
                        "LambdaFunctionStarted 3, LambdaFunctionFailed 4, "
                        "LambdaFunctionScheduled 5, LambdaFunctionStarted 6, "
                        "LambdaFunctionFailed 7, ExecutionFailed 8, ExecutionRedriven 9, "
                        "LambdaFunctionScheduled 10, LambdaFunctionStarted 11, "
                        "LambdaFunctionFailed 12");
    world_fini(&w);
}

static void test_engine__redrive_enters_other_states_again(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "{\"StartAt\":\"F\",\"States\":{\"F\":{\"Type\":\"Fail\",\"Error\":\"E\"}}}");
    world_start(&w, "{}");
    world_kind(&w, ENGINE_REDRIVE);
    assert_int_equal(w.header.status, EXECUTION_FAILED);
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, FailStateEntered 0, ExecutionFailed 2, "
                        "ExecutionRedriven 3, FailStateEntered 4, ExecutionFailed 5");
    world_fini(&w);
}

/* Each task is shown with the redrive it was scheduled after, not with the last one. */
static void test_engine__history_shows_the_redrive_of_then(void **state)
{
    struct doc_source docs;
    const struct json_node *event;
    struct world w;

    (void)state;
    world_init(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":"
                   "\"arn:aws:lambda:eu-west-1:111111111111:function:Echo\",\"Parameters\":"
                   "{\"e.$\":\"$$.Execution['RedriveCount','RedriveTime']\"},\"End\":true}}}");
    world_start(&w, "{}");
    for (int i = 0; i < 2; i++) {
        world_grant(&w);
        world_fail(&w, "E", "");
        w.now_ms += 1000;
        assert_int_equal(world_step(&w, (struct engine_event){.kind = ENGINE_REDRIVE}), STEP_DONE);
    }
    docs = world_docs(&w);
    assert_int_equal(w.events[7].type, HISTORY_LAMBDA_FUNCTION_SCHEDULED);
    assert_int_equal(
        history_render(w.m, &w.header, &w.events[7], true, &docs, &w.a, &event, &w.err), OK);
    assert_non_null(
        strstr(arena_str(&w.a, json_print(event, &w.a)),
               "\\\"RedriveCount\\\":1,\\\"RedriveTime\\\":\\\"2026-11-23T05:14:01.123Z\\\""));
    world_fini(&w);
}

/* ---- Limits ---- */

static void test_engine__step_is_bounded(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, looping);
    assert_int_equal(world_start(&w, "{}"), STEP_CONTINUE);
    assert_int_equal(w.last.event_count, 1 + 2 * LIMIT_STEP_TRANSITIONS);
    assert_int_equal(w.frame.status, FRAME_RUN);
    assert_int_equal(world_kind(&w, ENGINE_CONTINUE), STEP_CONTINUE);
    assert_int_equal(w.last.event_count, 2 * LIMIT_STEP_TRANSITIONS);
    world_fini(&w);
}

static void test_engine__stopped_between_steps_enters_on_redrive(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, looping);
    world_start(&w, "{}");
    assert_int_equal(world_kind(&w, ENGINE_STOP), STEP_DONE);
    assert_int_equal(w.header.status, EXECUTION_ABORTED);
    assert_int_equal(world_kind(&w, ENGINE_REDRIVE), STEP_CONTINUE);
    world_fini(&w);
}

static void test_engine__task_not_entered_yet_is_entered_by_redrive(void **state)
{
    struct world w;

    (void)state;
    world_init(&w,
               "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Parameters\":"
               "{\"n.$\":\"States.MathAdd($.n, 1)\"},\"Next\":\"C\"},\"C\":{\"Type\":\"Choice\","
               "\"Choices\":[{\"Variable\":\"$.n\",\"NumericEquals\":32,\"Next\":\"T\"}],"
               "\"Default\":\"A\"},\"T\":{" LAMBDA ",\"End\":true}}}");
    assert_int_equal(world_start(&w, "{\"n\":0}"), STEP_CONTINUE);
    assert_int_equal(w.frame.state, 2);
    world_kind(&w, ENGINE_STOP);
    assert_int_equal(world_kind(&w, ENGINE_REDRIVE), STEP_DONE);
    assert_int_equal(w.last.event_count, 3);
    assert_int_equal(w.last.events[1].type, HISTORY_TASK_STATE_ENTERED);
    assert_int_equal(w.frame.attempt, 1);
    world_fini(&w);
}

static void test_engine__equal_documents_are_kept_once(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "{\"StartAt\":\"A\",\"States\":{"
                   "\"A\":{\"Type\":\"Pass\",\"Result\":{\"a\":1},\"Next\":\"B\"},"
                   "\"B\":{\"Type\":\"Pass\",\"Result\":{\"b\":1},\"Next\":\"C\"},"
                   "\"C\":{\"Type\":\"Pass\",\"Result\":{\"a\":1},\"End\":true}}}");
    world_start(&w, "{}");
    assert_int_equal(w.doc_count, 3);
    assert_int_equal(w.header.output.ref, w.docs[1].ref);
    world_fini(&w);
}

static void test_engine__history_ends_at_its_limit(void **state)
{
    struct world w;
    enum step_status status;

    (void)state;
    world_init(&w, looping);
    status = world_start(&w, "{}");
    while (status == STEP_CONTINUE) {
        status = world_kind(&w, ENGINE_CONTINUE);
    }
    assert_int_equal(status, STEP_DONE);
    assert_int_equal(w.header.status, EXECUTION_FAILED);
    assert_int_equal(w.event_count, LIMIT_HISTORY_EVENTS);
    assert_int_equal(w.events[w.event_count - 1].id, LIMIT_HISTORY_EVENTS);
    assert_int_equal(w.events[w.event_count - 1].type, HISTORY_EXECUTION_FAILED);
    assert_slice(w.header.error, "States.Runtime");
    assert_slice(w.header.cause,
                 "The execution reached the maximum number of history events (25000).");
    world_fini(&w);
}

/* The frame waits for a grant with room for `room` events before the last. */
static void fill_history(struct world *w, uint64_t room)
{
    world_init(w, one_task);
    world_start(w, "{}");
    w->header.next_event = LIMIT_HISTORY_EVENTS - room;
}

static void test_engine__task_at_the_edge_of_history(void **state)
{
    struct world w;

    (void)state;
    fill_history(&w, 3); /* Started, Succeeded, Exited, and the last: just enough */
    world_grant(&w);
    world_succeed(&w, "{}");
    assert_int_equal(w.header.status, EXECUTION_SUCCEEDED);
    assert_int_equal(w.header.next_event, LIMIT_HISTORY_EVENTS + 1);
    world_fini(&w);
    fill_history(&w, 2);
    world_grant(&w);
    world_succeed(&w, "{}");
    assert_true(w.last.task_refused);
    assert_int_equal(w.header.status, EXECUTION_FAILED);
    assert_int_equal(w.header.next_event, LIMIT_HISTORY_EVENTS + 1);
    world_fini(&w);
    fill_history(&w, 0);
    assert_int_equal(world_grant(&w), STEP_DONE);
    assert_int_equal(w.header.status, EXECUTION_FAILED);
    assert_non_null(world_command(&w, COMMAND_CANCEL_TASK));
    world_fini(&w);
}

static void test_engine__result_limit(void **state)
{
    struct world w;
    char *most = text_of(LIMIT_PAYLOAD_BYTES);
    char *over = text_of(LIMIT_PAYLOAD_BYTES + 1);

    (void)state;
    world_init_granted(&w, one_task);
    world_succeed(&w, most);
    assert_int_equal(w.header.status, EXECUTION_SUCCEEDED);
    world_fini(&w);
    world_init_granted(&w, one_task);
    world_succeed(&w, over);
    assert_true(w.last.task_refused);
    assert_string_equal(
        world_event(&w, 5),
        "{\"type\":\"LambdaFunctionFailed\",\"id\":5,\"previousEventId\":4,"
        "\"lambdaFunctionFailedEventDetails\":{\"error\":\"States.DataLimitExceeded\",\"cause\":"
        "\"The state/task 'arn:aws:lambda:eu-west-1:111111111111:function:Echo' returned a result "
        "with a size exceeding the maximum number of bytes service limit.\"}}");
    world_fini(&w);
    test_free(most);
    test_free(over);
}

static void test_engine__merged_output_limit(void **state)
{
    struct world w;
    char *most = text_of(LIMIT_PAYLOAD_BYTES);

    (void)state;
    world_init_granted(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
                           ",\"ResultPath\":\"$.r\",\"End\":true}}}");
    world_succeed(&w, most);
    assert_true(w.last.task_refused);
    assert_slice(w.header.error, "States.DataLimitExceeded");
    assert_int_equal(w.events[4].type, HISTORY_LAMBDA_FUNCTION_SUCCEEDED);
    test_free(most);
    world_fini(&w);
}

static void test_engine__record_that_is_full_is_refused(void **state)
{
    struct world w;
    struct step s = {0};
    struct engine_event ev = {.kind = ENGINE_TASK_GRANTED, .token = {1, 1}};

    (void)state;
    world_init(&w, one_task);
    world_start(&w, "{}");
    w.header.record_docs = TURN_DOCS_MAX - TURN_DOCS_MARGIN;
    assert_int_equal(world_try(&w, ev, &s), STEP_DONE);
    memset(&s, 0, sizeof(s));
    w.header.record_docs++;
    assert_int_equal(world_try(&w, ev, &s), STEP_FAILED);
    assert_int_equal(w.err.code, ERR_TOO_LARGE);
    world_fini(&w);
}

static void test_engine__documents_cut_a_step(void **state)
{
    struct world w;
    struct step s = {0};

    (void)state;
    world_init(&w, ROUND_AND_ROUND("\"Parameters\":{\"n.$\":\"States.MathAdd($.n, 1)\"},"));
    assert_int_equal(world_start(&w, "{\"n\":0}"), STEP_CONTINUE);
    assert_int_equal(w.last.doc_count, 1 + LIMIT_STEP_TRANSITIONS / 2);
    w.header.record_docs = TURN_DOCS_MAX - TURN_DOCS_MARGIN - 2 * LIMIT_DEFINITION_DEPTH;
    assert_int_equal(world_try(&w, (struct engine_event){.kind = ENGINE_CONTINUE}, &s),
                     STEP_CONTINUE);
    assert_int_equal(s.doc_count, 1);
    world_fini(&w);
}

/* ---- Other states ---- */

static void test_engine__wait_waits_or_goes_on(void **state)
{
    struct world w;

    (void)state;
    world_init(&w,
               "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"SecondsPath\":\"$.s\","
               "\"End\":true}}}");
    world_start(&w, "{\"s\":2}");
    assert_int_equal(w.frame.due_ms, w.now_ms + 2000);
    assert_int_equal(world_timer(&w), STEP_DONE);
    assert_int_equal(w.header.status, EXECUTION_SUCCEEDED);
    world_fini(&w);
    world_init(&w,
               "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"SecondsPath\":\"$.s\","
               "\"End\":true}}}");
    world_start(&w, "{\"s\":0}");
    assert_int_equal(w.header.status, EXECUTION_SUCCEEDED);
    world_fini(&w);
}

static void test_engine__choice_chooses(void **state)
{
    static const char definition[] =
        "{\"StartAt\":\"C\",\"States\":{\"C\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$."
        "n\","
        "\"NumericEquals\":1,\"Next\":\"S\"}]},\"S\":{\"Type\":\"Succeed\"}}}";
    struct world w;

    (void)state;
    world_init(&w, definition);
    world_start(&w, "{\"n\":1}");
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, ChoiceStateEntered 0, ChoiceStateExited 2, "
                        "SucceedStateEntered 3, SucceedStateExited 4, ExecutionSucceeded 5");
    world_fini(&w);
    world_init(&w, definition);
    world_start(&w, "{\"n\":2}");
    assert_slice(w.header.error, "States.Runtime");
    world_fini(&w);
}

static void test_engine__says_what_it_waits_for(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, retried);
    world_start(&w, "{}");
    assert_slice(engine_waits_for(w.m, &w.frame, &w.a), "worker for function Echo");
    world_grant(&w);
    assert_slice(engine_waits_for(w.m, &w.frame, &w.a), "worker worker-1, attempt 1");
    world_fail(&w, "A", "");
    assert_slice(engine_waits_for(w.m, &w.frame, &w.a), "retry 1 of 2 at 2026-11-23T05:14:02.123Z");
    world_kind(&w, ENGINE_STOP);
    assert_slice(engine_waits_for(w.m, &w.frame, &w.a), "nothing");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine__passes_chain_and_keep_one_document),
        cmocka_unit_test(test_engine__equal_documents_are_kept_once),
        cmocka_unit_test(test_engine__input_is_shown_as_given_and_passed_on_compact),
        cmocka_unit_test(test_engine__input_that_is_no_json_is_our_error),
        cmocka_unit_test(test_engine__task_is_scheduled_granted_done),
        cmocka_unit_test(test_engine__result_is_made_compact),
        cmocka_unit_test(test_engine__gathers_steps_into_one_record),
        cmocka_unit_test(test_engine__stale_token_changes_nothing),
        cmocka_unit_test(test_engine__closed_execution_takes_nothing),
        cmocka_unit_test(test_engine__asks_for_the_frame_it_needs),
        cmocka_unit_test(test_engine__document_not_loaded_is_our_error),
        cmocka_unit_test(test_engine__frame_of_no_state_is_our_error),
        cmocka_unit_test(test_engine__trial_step_is_free_of_effects),
        cmocka_unit_test(test_engine__stop_cancels_the_task),
        cmocka_unit_test(test_engine__deadline_times_out),
        cmocka_unit_test(test_engine__express_has_five_minutes),
        cmocka_unit_test(test_engine__redrive_goes_on_in_place),
        cmocka_unit_test(test_engine__redrive_enters_other_states_again),
        cmocka_unit_test(test_engine__history_shows_the_redrive_of_then),
        cmocka_unit_test(test_engine__step_is_bounded),
        cmocka_unit_test(test_engine__stopped_between_steps_enters_on_redrive),
        cmocka_unit_test(test_engine__task_not_entered_yet_is_entered_by_redrive),
        cmocka_unit_test(test_engine__history_ends_at_its_limit),
        cmocka_unit_test(test_engine__task_at_the_edge_of_history),
        cmocka_unit_test(test_engine__result_limit),
        cmocka_unit_test(test_engine__merged_output_limit),
        cmocka_unit_test(test_engine__record_that_is_full_is_refused),
        cmocka_unit_test(test_engine__documents_cut_a_step),
        cmocka_unit_test(test_engine__wait_waits_or_goes_on),
        cmocka_unit_test(test_engine__choice_chooses),
        cmocka_unit_test(test_engine__says_what_it_waits_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
