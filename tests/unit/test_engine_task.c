/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks of the engine that end with a worker's report: failures and retries, leases that are handed
 * back, uploads, lambda:invoke. */
#include "tests/lib/engine_case.h"

#include <stdio.h>

static enum step_status world_upload(struct world *w)
{
    return world_step(w, (struct engine_event){.kind = ENGINE_TASK_UPLOAD,
                                               .token = w->frame.token,
                                               .output = an_upload()});
}

static enum step_status world_intent(struct world *w)
{
    return world_step(
        w, (struct engine_event){.kind = ENGINE_TASK_INTENT,
                                 .token = w->frame.token,
                                 .output = {.parts = SLICE("p"), .result = SLICE("{}")}});
}

/* ---- Failures ---- */

static void test_engine_task__retries_then_catches(void **state)
{
    struct world w;
    int64_t at;

    (void)state;
    world_init(&w, retried);
    world_start(&w, "{\"x\":1}");
    for (uint32_t n = 1; n <= 2; n++) {
        world_grant(&w);
        at = w.now_ms;
        assert_int_equal(world_fail(&w, "A", "because"), STEP_DONE);
        assert_int_equal(w.frame.status, FRAME_TIMER);
        assert_int_equal(w.frame.due_ms - at, 2000 * n);
        assert_int_equal(world_command(&w, COMMAND_SET_TIMER)->due_ms, w.frame.due_ms);
        assert_int_equal(w.frame.retry_count, n);
        assert_stale(&w, (struct engine_event){.kind = ENGINE_TIMER, .now_ms = w.frame.due_ms - 1});
        assert_int_equal(world_timer(&w), STEP_DONE);
        assert_int_equal(w.frame.attempt, n + 1);
    }
    world_grant(&w);
    assert_int_equal(world_fail(&w, "A", "because"), STEP_DONE);
    assert_int_equal(w.header.status, EXECUTION_SUCCEEDED);
    assert_slice(world_doc(&w, w.header.output.ref),
                 "{\"x\":1,\"why\":{\"Error\":\"A\",\"Cause\":\"because\"}}");
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, TaskStateEntered 0, LambdaFunctionScheduled 2, "
                        "LambdaFunctionStarted 3, LambdaFunctionFailed 4, "
                        "LambdaFunctionScheduled 5, LambdaFunctionStarted 6, "
                        "LambdaFunctionFailed 7, LambdaFunctionScheduled 8, "
                        "LambdaFunctionStarted 9, LambdaFunctionFailed 10, TaskStateExited 11, "
                        "PassStateEntered 12, PassStateExited 13, ExecutionSucceeded 14");
    world_fini(&w);
}

static void test_engine_task__each_retrier_counts_for_itself(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, retried);
    world_fail(&w, "B", "");
    assert_int_equal(w.frame.due_ms - w.now_ms, 1000);
    world_timer(&w);
    world_grant(&w);
    world_fail(&w, "A", "");
    assert_int_equal(w.frame.due_ms - w.now_ms, 2000);
    assert_int_equal(w.frame.retry_count, 2);
    world_timer(&w);
    world_grant(&w);
    world_fail(&w, "B", NULL);
    assert_int_equal(w.header.status, EXECUTION_FAILED);
    assert_slice(w.header.error, "B");
    assert_null(w.header.cause.ptr);
    assert_string_equal(world_event(&w, 12),
                        "{\"type\":\"ExecutionFailed\",\"id\":12,\"previousEventId\":11,"
                        "\"executionFailedEventDetails\":{\"error\":\"B\"}}");
    world_fini(&w);
}

static void test_engine_task__delay_grows_to_its_cap(void **state)
{
    struct asl_retrier r = {.interval_s = 3, .backoff_rate = 2.0, .max_delay_s = 10};

    (void)state;
    assert_int_equal(retry_delay_ms(&r, 1), 3000);
    assert_int_equal(retry_delay_ms(&r, 2), 6000);
    assert_int_equal(retry_delay_ms(&r, 3), 10000);
    assert_int_equal(retry_delay_ms(&r, 4000000000u), 10000);
    r.max_delay_s = 0;
    assert_int_equal(retry_delay_ms(&r, 4000000000u), (int64_t)LIMIT_TIMEOUT_SECONDS * 1000);
    r.backoff_rate = 1.5;
    assert_int_equal(retry_delay_ms(&r, 3), 6750);
    r.backoff_rate = 1.0;
    assert_int_equal(retry_delay_ms(&r, 4000000000u), 3000);
}

static void test_engine_task__jitter_stays_within_the_delay(void **state)
{
    bool differ = false;
    int64_t first = -1;

    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct world w;

        world_init(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
                       ",\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"],\"IntervalSeconds\":3,"
                       "\"JitterStrategy\":\"FULL\"}],\"End\":true}}}");
        w.header.seed = seed;
        world_start(&w, "{}");
        world_grant(&w);
        world_fail(&w, "E", "");
        assert_in_range(w.frame.due_ms - w.now_ms, 0, 3000);
        first = first < 0 ? w.frame.due_ms - w.now_ms : first;
        differ = differ || w.frame.due_ms - w.now_ms != first;
        world_fini(&w);
    }
    assert_true(differ);
}

static void test_engine_task__parameters_that_are_too_large_are_retried(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
                   ",\"Parameters\":{\"x.$\":\"States.Array($, $)\"},"
                   "\"Retry\":[{\"ErrorEquals\":[\"States.DataLimitExceeded\"],\"MaxAttempts\":2}],"
                   "\"End\":true}}}");
    w.rules.payload_bytes = 30;
    world_start(&w, "{\"a\":\"0123456789\"}");
    assert_int_equal(w.frame.status, FRAME_TIMER);
    assert_int_equal(world_timer(&w), STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_TIMER);
    assert_int_equal(world_timer(&w), STEP_DONE);
    assert_int_equal(w.header.status, EXECUTION_FAILED);
    assert_slice(w.header.error, "States.DataLimitExceeded");
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, TaskStateEntered 0, ExecutionFailed 2");
    world_fini(&w);
}

static void test_engine_task__runtime_error_is_not_caught(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w,
                       "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
                       ",\"OutputPath\":\"$.no\",\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"]}],"
                       "\"Catch\":[{\"ErrorEquals\":[\"States.Runtime\"],\"Next\":\"C\"}],"
                       "\"End\":true},\"C\":{\"Type\":\"Pass\",\"End\":true}}}");
    assert_int_equal(world_succeed(&w, "{\"a\":1}"), STEP_DONE);
    assert_true(w.last.task_refused);
    assert_int_equal(w.header.status, EXECUTION_FAILED);
    assert_slice(w.header.cause,
                 "An error occurred while executing the state 'T' (entered at the "
                 "event id #2). Invalid path '$.no' : No results for path: $['no']");
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, TaskStateEntered 0, LambdaFunctionScheduled 2, "
                        "LambdaFunctionStarted 3, LambdaFunctionSucceeded 4, ExecutionFailed 5");
    world_fini(&w);
}

static void test_engine_task__heartbeat_matches_both_names(void **state)
{
    static const char *const names[] = {"States.HeartbeatTimeout", "States.Timeout"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world w;
        char definition[1024];

        (void)snprintf(definition, sizeof(definition),
                       "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
                       ",\"TimeoutSeconds\":60,\"HeartbeatSeconds\":5,"
                       "\"Catch\":[{\"ErrorEquals\":[\"%s\"],\"Next\":\"C\"}],\"End\":true},"
                       "\"C\":{\"Type\":\"Pass\",\"End\":true}}}",
                       names[i]);
        world_init(&w, definition);
        world_start(&w, "{}");
        assert_int_equal(w.frame.timeout_ms, 60000);
        assert_int_equal(w.frame.heartbeat_ms, 5000);
        world_grant(&w);
        assert_int_equal(world_step(&w, (struct engine_event){.kind = ENGINE_TASK_TIMED_OUT,
                                                              .token = w.frame.token,
                                                              .heartbeat = true}),
                         STEP_DONE);
        assert_slice(world_doc(&w, w.header.output.ref),
                     "{\"Error\":\"States.Timeout\",\"Cause\":\"\"}");
        world_fini(&w);
    }
}

static void test_engine_task__timeout_has_no_cause(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, one_task);
    world_kind(&w, ENGINE_TASK_TIMED_OUT);
    assert_string_equal(world_event(&w, 5),
                        "{\"type\":\"LambdaFunctionTimedOut\",\"id\":5,\"previousEventId\":4,"
                        "\"lambdaFunctionTimedOutEventDetails\":{\"error\":\"States.Timeout\"}}");
    assert_slice(w.header.error, "States.Timeout");
    assert_null(w.header.cause.ptr);
    world_fini(&w);
}

static void test_engine_task__function_nobody_offers_fails_as_begun(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, one_task);
    world_start(&w, "{}");
    assert_int_equal(world_fail(&w, "Lambda.ResourceNotFoundException", "no"), STEP_DONE);
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, TaskStateEntered 0, LambdaFunctionScheduled 2, "
                        "LambdaFunctionStarted 3, LambdaFunctionFailed 4, ExecutionFailed 5");
    world_fini(&w);
}

static void test_engine_task__error_and_cause_are_cut(void **state)
{
    struct world w;
    char *error = text_of(LIMIT_ERROR_BYTES + 1);
    char *cause = text_of(LIMIT_CAUSE_BYTES + 1);

    (void)state;
    cause[LIMIT_CAUSE_BYTES - 1] = (char)0xc3; /* a letter over the edge goes whole */
    cause[LIMIT_CAUSE_BYTES] = (char)0xa4;
    world_init_granted(&w, one_task);
    world_fail(&w, error, cause);
    assert_int_equal(w.header.error.len, LIMIT_ERROR_BYTES);
    assert_int_equal(w.header.cause.len, LIMIT_CAUSE_BYTES - 1);
    test_free(error);
    test_free(cause);
    world_fini(&w);
}

static void test_engine_task__failure_that_is_no_text_stays_readable(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, one_task);
    world_fail(&w, "E\xff", "\xc3");
    assert_slice(w.header.error, "E?");
    assert_slice(w.header.cause, "?");
    world_fini(&w);
}

/* ---- Leases ---- */

static void test_engine_task__handed_back_spends_no_retry(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, retried);
    assert_int_equal(world_kind(&w, ENGINE_TASK_RETURNED), STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_READY);
    assert_int_equal(w.frame.attempt, 1);
    assert_int_equal(w.frame.retry_count, 0);
    assert_int_equal(w.last.event_count, 0);
    world_grant(&w);
    assert_int_equal(w.last.event_count, 0); /* Started once an attempt */
    world_succeed(&w, "{}");
    assert_int_equal(w.header.status, EXECUTION_SUCCEEDED);
    world_fini(&w);
}

/* ---- Uploads ---- */

static void test_engine_task__upload_is_committed(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, two_tasks);
    assert_int_equal(world_upload(&w), STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_LEASED);
    assert_slice(w.frame.output.upload_id, "u");
    assert_int_equal(world_upload(&w), STEP_DONE); /* told again */
    assert_int_equal(world_intent(&w), STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_COMMITTING);
    assert_slice(w.frame.output.result, "{}");
    assert_stale(&w, (struct engine_event){.kind = ENGINE_TASK_TIMED_OUT, .token = w.frame.token});
    assert_stale(&w, (struct engine_event){.kind = ENGINE_UPLOAD_GONE});
    assert_int_equal(world_succeed(&w, "{}"), STEP_DONE);
    assert_null(world_command(&w, COMMAND_ABORT_UPLOAD));
    assert_null(w.frame.output.bucket.ptr);
    assert_int_equal(w.frame.status, FRAME_READY);
    world_fini(&w);
}

static void test_engine_task__second_upload_of_an_attempt_is_refused(void **state)
{
    struct world w;
    struct engine_event ev = {.kind = ENGINE_TASK_UPLOAD, .output = an_upload()};

    (void)state;
    world_init_granted(&w, one_task);
    assert_stale(&w, (struct engine_event){.kind = ENGINE_TASK_INTENT, .token = w.frame.token});
    world_upload(&w);
    ev.token = w.frame.token;
    ev.output.upload_id = SLICE("other");
    assert_stale(&w, ev);
    world_fini(&w);
}

static void test_engine_task__failed_attempt_aborts_its_upload_before_the_next(void **state)
{
    struct world w;
    const struct command *c;

    (void)state;
    world_init_granted(&w, retried);
    world_upload(&w);
    world_fail(&w, "A", "");
    c = world_command(&w, COMMAND_ABORT_UPLOAD);
    assert_non_null(c);
    assert_slice(c->output.upload_id, "u");
    assert_slice(w.frame.output.upload_id, "u");
    world_timer(&w);
    assert_int_equal(w.frame.status, FRAME_READY);
    assert_int_equal(world_grant(&w), STEP_STALE);
    assert_int_equal(world_kind(&w, ENGINE_UPLOAD_GONE), STEP_DONE);
    assert_int_equal(world_grant(&w), STEP_DONE);
    world_fini(&w);
}

static void test_engine_task__failed_completion_is_a_failure(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, retried);
    world_upload(&w);
    world_intent(&w);
    assert_int_equal(world_fail(&w, "A", "gone"), STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_TIMER);
    assert_null(w.frame.output.result.ptr);
    assert_non_null(world_command(&w, COMMAND_ABORT_UPLOAD));
    world_fini(&w);
}

static void test_engine_task__upload_outlives_the_state_and_the_execution(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, two_tasks);
    world_upload(&w);
    assert_int_equal(world_succeed(&w, "{}"), STEP_DONE); /* no intent: nothing to commit */
    assert_non_null(world_command(&w, COMMAND_ABORT_UPLOAD));
    assert_int_equal(w.frame.state, 1);
    assert_slice(w.frame.output.upload_id, "u");
    assert_int_equal(world_step(&w, (struct engine_event){.kind = ENGINE_STOP}), STEP_DONE);
    assert_non_null(world_command(&w, COMMAND_ABORT_UPLOAD));
    assert_slice(w.frame.output.upload_id, "u");
    assert_int_equal(world_kind(&w, ENGINE_UPLOAD_GONE), STEP_DONE);
    assert_null(w.frame.output.bucket.ptr);
    assert_int_equal(w.header.status, EXECUTION_ABORTED);
    assert_stale(&w, (struct engine_event){.kind = ENGINE_UPLOAD_GONE});
    world_fini(&w);
}

/* ---- lambda:invoke ---- */

static void test_engine_task__invoke_discards_its_wrapping(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" INVOKE
                   ",\"Parameters\":{\"FunctionName\":\"f:live\",\"Payload.$\":\"$.x\"},"
                   "\"ResultPath\":null,\"End\":true}}}");
    world_start(&w, "{\"x\":{\"y\":1}}");
    assert_slice(world_command(&w, COMMAND_SCHEDULE_TASK)->function, "f");
    assert_slice(world_command(&w, COMMAND_SCHEDULE_TASK)->payload, "{\"y\":1}");
    world_grant(&w);
    world_succeed(&w, "\"done\"");
    assert_int_equal(w.last.doc_count, 1);
    assert_slice(w.last.docs[0].text, "\"done\"");
    assert_true(w.events[4].wrapped);
    assert_int_equal(w.header.output.ref, w.header.input.ref);
    world_fini(&w);
}

static void test_engine_task__invoke_keeps_its_wrapping_once(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" INVOKE
                   ",\"Parameters\":{\"FunctionName\":\"f\"},\"End\":true}}}");
    world_start(&w, "{}");
    assert_slice(world_command(&w, COMMAND_SCHEDULE_TASK)->payload, "{}");
    world_grant(&w);
    world_succeed(&w, "\"done\"");
    assert_int_equal(w.last.doc_count, 1);
    assert_false(w.events[4].wrapped);
    assert_int_equal(w.events[4].doc.ref, w.header.output.ref);
    world_fini(&w);
}

static void test_engine_task__invoke_selects_from_its_wrapping(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" INVOKE
                           ",\"Parameters\":{\"FunctionName\":\"f\"},"
                           "\"ResultSelector\":{\"p.$\":\"$.Payload\",\"s.$\":\"$.StatusCode\"},"
                           "\"End\":true}}}");
    world_succeed(&w, "\"done\"");
    assert_slice(world_doc(&w, w.header.output.ref), "{\"p\":\"done\",\"s\":200}");
    assert_true(w.events[4].wrapped);
    assert_slice(world_doc(&w, w.events[4].doc.ref), "\"done\"");
    world_fini(&w);
}

static void test_engine_task__invoke_output_beside_the_payload(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w,
                       "{\"StartAt\":\"T\",\"States\":{\"T\":{" INVOKE
                       ",\"Parameters\":{\"FunctionName\":\"f\"},\"OutputPath\":\"$.StatusCode\","
                       "\"End\":true}}}");
    world_succeed(&w, "\"done\"");
    assert_slice(world_doc(&w, w.header.output.ref), "200");
    world_fini(&w);
}

static void test_engine_task__invoke_output_is_the_payload(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" INVOKE
                           ",\"Parameters\":{\"FunctionName\":\"f\"},\"OutputPath\":\"$.Payload\","
                           "\"End\":true}}}");
    world_succeed(&w, "[\"done\"]");
    assert_int_equal(w.last.doc_count, 1);
    assert_slice(world_doc(&w, w.header.output.ref), "[\"done\"]");
    assert_true(w.events[4].wrapped);
    world_fini(&w);
}

static void invoke_with(struct world *w, const char *parameters)
{
    char definition[1024];

    (void)snprintf(definition, sizeof(definition),
                   "{\"StartAt\":\"T\",\"States\":{\"T\":{" INVOKE
                   ",\"Parameters\":%s,\"End\":true}}}",
                   parameters);
    world_init(w, definition);
    world_start(w, "{\"n\":7}");
}

static void test_engine_task__invoke_takes_a_text_as_the_body(void **state)
{
    struct world w;

    (void)state;
    invoke_with(&w, "{\"FunctionName\":\"f\",\"Payload\":\" [1, 2] \"}");
    assert_slice(world_command(&w, COMMAND_SCHEDULE_TASK)->payload, "[1,2]");
    world_fini(&w);
    invoke_with(&w, "{\"FunctionName\":\"f\",\"Payload\":null}");
    assert_slice(world_command(&w, COMMAND_SCHEDULE_TASK)->payload, "{}");
    world_fini(&w);
    invoke_with(&w, "{\"FunctionName\":\"f\",\"Payload\":\"hello\"}");
    assert_slice(w.header.error, "Lambda.InvalidRequestContentException");
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, TaskStateEntered 0, TaskScheduled 2, "
                        "TaskStarted 3, TaskFailed 4, ExecutionFailed 5");
    world_fini(&w);
}

static void test_engine_task__invoke_needs_a_function(void **state)
{
    struct world w;

    (void)state;
    invoke_with(&w, "{\"FunctionName.$\":\"$.n\",\"Payload\":1}");
    assert_slice(w.header.error, "States.Runtime");
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, TaskStateEntered 0, ExecutionFailed 2");
    world_fini(&w);
    invoke_with(&w, "{\"FunctionName\":\"f\",\"InvocationType\":\"Never\"}");
    assert_slice(w.header.error, "States.Runtime");
    world_fini(&w);
}

static void test_engine_task__names_of_functions(void **state)
{
    (void)state;
    assert_slice(asl_function_name(SLICE("f")), "f");
    assert_slice(asl_function_name(SLICE("f:prod")), "f");
    assert_slice(asl_function_name(SLICE("123456789012:function:f")), "f");
    assert_slice(asl_function_name(SLICE("function:f")), "f");
    assert_slice(asl_function_name(SLICE("arn:aws:lambda:us-east-1:1:function:my-f_1:$LATEST")),
                 "my-f_1");
    assert_slice(asl_function_name(SLICE("myfunction:1")), "myfunction");
    assert_slice(asl_function_name(SLICE("")), "");
}

static void test_engine_task__task_is_made_again_as_it_was(void **state)
{
    struct world w;
    struct command again;
    struct slice first;
    const char *uuid;

    (void)state;
    world_init(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" INVOKE
                   ",\"Parameters\":{\"FunctionName\":\"f\",\"Payload\":{\"u.$\":\"States.UUID()\","
                   "\"r.$\":\"$$.State.RetryCount\",\"t.$\":\"$$.State.EnteredTime\"}},"
                   "\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"]}],\"End\":true}}}");
    world_start(&w, "{}");
    first = world_command(&w, COMMAND_SCHEDULE_TASK)->payload;
    w.frame.input.text = SLICE("{}");
    assert_int_equal(engine_task(w.m, &w.header, NULL, &w.frame, &w.a, &again, &w.err), OK);
    assert_true(slice_eq(again.payload, first));
    uuid = arena_str(&w.a, slice_head(slice_from(first, strlen("{\"u\":\"")), 36));
    assert_non_null(strstr(world_event(&w, 3), uuid));
    assert_non_null(strstr(world_event(&w, 3), "2026-11-23T05:14:00.123Z"));
    world_grant(&w);
    world_fail(&w, "E", "");
    world_timer(&w);
    assert_false(slice_eq(world_command(&w, COMMAND_SCHEDULE_TASK)->payload, first));
    first = world_command(&w, COMMAND_SCHEDULE_TASK)->payload;
    world_grant(&w);
    w.frame.input.text = SLICE("{}");
    assert_int_equal(engine_task(w.m, &w.header, NULL, &w.frame, &w.a, &again, &w.err), OK);
    assert_true(slice_eq(again.payload, first));
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_task__retries_then_catches),
        cmocka_unit_test(test_engine_task__each_retrier_counts_for_itself),
        cmocka_unit_test(test_engine_task__delay_grows_to_its_cap),
        cmocka_unit_test(test_engine_task__jitter_stays_within_the_delay),
        cmocka_unit_test(test_engine_task__parameters_that_are_too_large_are_retried),
        cmocka_unit_test(test_engine_task__runtime_error_is_not_caught),
        cmocka_unit_test(test_engine_task__heartbeat_matches_both_names),
        cmocka_unit_test(test_engine_task__timeout_has_no_cause),
        cmocka_unit_test(test_engine_task__function_nobody_offers_fails_as_begun),
        cmocka_unit_test(test_engine_task__error_and_cause_are_cut),
        cmocka_unit_test(test_engine_task__failure_that_is_no_text_stays_readable),
        cmocka_unit_test(test_engine_task__handed_back_spends_no_retry),
        cmocka_unit_test(test_engine_task__upload_is_committed),
        cmocka_unit_test(test_engine_task__second_upload_of_an_attempt_is_refused),
        cmocka_unit_test(test_engine_task__failed_attempt_aborts_its_upload_before_the_next),
        cmocka_unit_test(test_engine_task__failed_completion_is_a_failure),
        cmocka_unit_test(test_engine_task__upload_outlives_the_state_and_the_execution),
        cmocka_unit_test(test_engine_task__invoke_discards_its_wrapping),
        cmocka_unit_test(test_engine_task__invoke_keeps_its_wrapping_once),
        cmocka_unit_test(test_engine_task__invoke_selects_from_its_wrapping),
        cmocka_unit_test(test_engine_task__invoke_output_beside_the_payload),
        cmocka_unit_test(test_engine_task__invoke_output_is_the_payload),
        cmocka_unit_test(test_engine_task__invoke_takes_a_text_as_the_body),
        cmocka_unit_test(test_engine_task__invoke_needs_a_function),
        cmocka_unit_test(test_engine_task__names_of_functions),
        cmocka_unit_test(test_engine_task__task_is_made_again_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
