/* SPDX-License-Identifier: Apache-2.0 */
/* The engine step by step: order and links of events, tokens, retries, uploads, limits, redrive. */
#include "coordinator/engine/step.h"
#include "tests/lib/engine_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LAMBDA                                                                                     \
    "\"Type\":\"Task\",\"Resource\":\"arn:aws:lambda:eu-west-1:111111111111:function:Echo\""
#define INVOKE "\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::lambda:invoke\""

static const char one_task[] = "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA ",\"End\":true}}}";
static const char two_tasks[] = "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA ",\"Next\":\"U\"},"
                                "\"U\":{" LAMBDA ",\"End\":true}}}";
static const char retried[] =
    "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
    ",\"Retry\":[{\"ErrorEquals\":[\"A\"],\"IntervalSeconds\":2,\"MaxAttempts\":2},"
    "{\"ErrorEquals\":[\"States.ALL\"],\"MaxAttempts\":1,\"BackoffRate\":1}],"
    "\"Catch\":[{\"ErrorEquals\":[\"A\"],\"ResultPath\":\"$.why\",\"Next\":\"C\"}],\"End\":true},"
    "\"C\":{\"Type\":\"Pass\",\"End\":true}}}";
/* Runs for ever on an input without "stop". */
#define ROUND_AND_ROUND(pass)                                                                      \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\"," pass "\"Next\":\"C\"},"             \
    "\"C\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.stop\",\"IsPresent\":true,"         \
    "\"Next\":\"S\"}],\"Default\":\"A\"},\"S\":{\"Type\":\"Succeed\"}}}"
static const char looping[] = ROUND_AND_ROUND("");

static struct task_output an_upload(void)
{
    return (struct task_output){.bucket = SLICE("b"), .key = SLICE("k"), .upload_id = SLICE("u")};
}

static enum step_status world_kind(struct world *w, enum engine_event_kind kind)
{
    return world_step(w, (struct engine_event){.kind = kind, .token = w->frame.token});
}

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

static void assert_slice(struct slice s, const char *want)
{
    assert_int_equal(s.len, strlen(want));
    assert_memory_equal(s.ptr, want, s.len);
}

static char *text_of(size_t len)
{
    char *text = test_malloc(len + 1);

    memset(text, 'x', len);
    text[0] = text[len - 1] = '"';
    text[len] = '\0';
    return text;
}

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
    world_init(&w, one_task);
    world_start(&w, "{}");
    world_grant(&w);
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

static void assert_stale(struct world *w, struct engine_event ev)
{
    struct step s = {.event_count = 3, .task_refused = true};
    struct step before = s;

    assert_int_equal(world_try(w, ev, &s), STEP_STALE);
    assert_memory_equal(&s, &before, sizeof(s));
}

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
    world_init(&w, one_task);
    world_start(&w, "{}");
    world_grant(&w);
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
    world_init(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
                   ",\"ResultPath\":\"$.r\",\"End\":true}}}");
    world_start(&w, "{}");
    world_grant(&w);
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
    world_init(&w, two_tasks);
    world_start(&w, "{}");
    world_grant(&w);
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

/* ---- Failures ---- */

static void test_engine__retries_then_catches(void **state)
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

static void test_engine__each_retrier_counts_for_itself(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, retried);
    world_start(&w, "{}");
    world_grant(&w);
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

static void test_engine__delay_grows_to_its_cap(void **state)
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

static void test_engine__jitter_stays_within_the_delay(void **state)
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

static void test_engine__parameters_that_are_too_large_are_retried(void **state)
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

static void test_engine__runtime_error_is_not_caught(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
                   ",\"OutputPath\":\"$.no\",\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"]}],"
                   "\"Catch\":[{\"ErrorEquals\":[\"States.Runtime\"],\"Next\":\"C\"}],"
                   "\"End\":true},\"C\":{\"Type\":\"Pass\",\"End\":true}}}");
    world_start(&w, "{}");
    world_grant(&w);
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

static void test_engine__heartbeat_matches_both_names(void **state)
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

static void test_engine__timeout_has_no_cause(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, one_task);
    world_start(&w, "{}");
    world_grant(&w);
    world_kind(&w, ENGINE_TASK_TIMED_OUT);
    assert_string_equal(world_event(&w, 5),
                        "{\"type\":\"LambdaFunctionTimedOut\",\"id\":5,\"previousEventId\":4,"
                        "\"lambdaFunctionTimedOutEventDetails\":{\"error\":\"States.Timeout\"}}");
    assert_slice(w.header.error, "States.Timeout");
    assert_null(w.header.cause.ptr);
    world_fini(&w);
}

static void test_engine__function_nobody_offers_fails_as_begun(void **state)
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

static void test_engine__error_and_cause_are_cut(void **state)
{
    struct world w;
    char *error = text_of(LIMIT_ERROR_BYTES + 1);
    char *cause = text_of(LIMIT_CAUSE_BYTES + 1);

    (void)state;
    cause[LIMIT_CAUSE_BYTES - 1] = (char)0xc3; /* a letter over the edge goes whole */
    cause[LIMIT_CAUSE_BYTES] = (char)0xa4;
    world_init(&w, one_task);
    world_start(&w, "{}");
    world_grant(&w);
    world_fail(&w, error, cause);
    assert_int_equal(w.header.error.len, LIMIT_ERROR_BYTES);
    assert_int_equal(w.header.cause.len, LIMIT_CAUSE_BYTES - 1);
    test_free(error);
    test_free(cause);
    world_fini(&w);
}

static void test_engine__failure_that_is_no_text_stays_readable(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, one_task);
    world_start(&w, "{}");
    world_grant(&w);
    world_fail(&w, "E\xff", "\xc3");
    assert_slice(w.header.error, "E?");
    assert_slice(w.header.cause, "?");
    world_fini(&w);
}

/* ---- Leases ---- */

static void test_engine__handed_back_spends_no_retry(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, retried);
    world_start(&w, "{}");
    world_grant(&w);
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

static void test_engine__upload_is_committed(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two_tasks);
    world_start(&w, "{}");
    world_grant(&w);
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

static void test_engine__second_upload_of_an_attempt_is_refused(void **state)
{
    struct world w;
    struct engine_event ev = {.kind = ENGINE_TASK_UPLOAD, .output = an_upload()};

    (void)state;
    world_init(&w, one_task);
    world_start(&w, "{}");
    world_grant(&w);
    assert_stale(&w, (struct engine_event){.kind = ENGINE_TASK_INTENT, .token = w.frame.token});
    world_upload(&w);
    ev.token = w.frame.token;
    ev.output.upload_id = SLICE("other");
    assert_stale(&w, ev);
    world_fini(&w);
}

static void test_engine__failed_attempt_aborts_its_upload_before_the_next(void **state)
{
    struct world w;
    const struct command *c;

    (void)state;
    world_init(&w, retried);
    world_start(&w, "{}");
    world_grant(&w);
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

static void test_engine__failed_completion_is_a_failure(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, retried);
    world_start(&w, "{}");
    world_grant(&w);
    world_upload(&w);
    world_intent(&w);
    assert_int_equal(world_fail(&w, "A", "gone"), STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_TIMER);
    assert_null(w.frame.output.result.ptr);
    assert_non_null(world_command(&w, COMMAND_ABORT_UPLOAD));
    world_fini(&w);
}

static void test_engine__upload_outlives_the_state_and_the_execution(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two_tasks);
    world_start(&w, "{}");
    world_grant(&w);
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

/* ---- The execution's end, and redrive ---- */

static void test_engine__stop_cancels_the_task(void **state)
{
    struct world w;
    const struct command *c;
    struct token token;

    (void)state;
    world_init(&w, one_task);
    world_start(&w, "{}");
    world_grant(&w);
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
    world_init(&w, retried);
    world_start(&w, "{}");
    world_grant(&w);
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
    world_init(&w, one_task);
    world_start(&w, "{}");
    world_grant(&w);
    world_succeed(&w, most);
    assert_int_equal(w.header.status, EXECUTION_SUCCEEDED);
    world_fini(&w);
    world_init(&w, one_task);
    world_start(&w, "{}");
    world_grant(&w);
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
    world_init(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
                   ",\"ResultPath\":\"$.r\",\"End\":true}}}");
    world_start(&w, "{}");
    world_grant(&w);
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

/* ---- lambda:invoke ---- */

static void test_engine__invoke_discards_its_wrapping(void **state)
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

static void test_engine__invoke_keeps_its_wrapping_once(void **state)
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

static void test_engine__invoke_selects_from_its_wrapping(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" INVOKE
                   ",\"Parameters\":{\"FunctionName\":\"f\"},"
                   "\"ResultSelector\":{\"p.$\":\"$.Payload\",\"s.$\":\"$.StatusCode\"},"
                   "\"End\":true}}}");
    world_start(&w, "{}");
    world_grant(&w);
    world_succeed(&w, "\"done\"");
    assert_slice(world_doc(&w, w.header.output.ref), "{\"p\":\"done\",\"s\":200}");
    assert_true(w.events[4].wrapped);
    assert_slice(world_doc(&w, w.events[4].doc.ref), "\"done\"");
    world_fini(&w);
}

static void test_engine__invoke_output_beside_the_payload(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" INVOKE
                   ",\"Parameters\":{\"FunctionName\":\"f\"},\"OutputPath\":\"$.StatusCode\","
                   "\"End\":true}}}");
    world_start(&w, "{}");
    world_grant(&w);
    world_succeed(&w, "\"done\"");
    assert_slice(world_doc(&w, w.header.output.ref), "200");
    world_fini(&w);
}

static void test_engine__invoke_output_is_the_payload(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "{\"StartAt\":\"T\",\"States\":{\"T\":{" INVOKE
                   ",\"Parameters\":{\"FunctionName\":\"f\"},\"OutputPath\":\"$.Payload\","
                   "\"End\":true}}}");
    world_start(&w, "{}");
    world_grant(&w);
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

static void test_engine__invoke_takes_a_text_as_the_body(void **state)
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

static void test_engine__invoke_needs_a_function(void **state)
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

static void test_engine__names_of_functions(void **state)
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

static void test_engine__task_is_made_again_as_it_was(void **state)
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
        cmocka_unit_test(test_engine__retries_then_catches),
        cmocka_unit_test(test_engine__each_retrier_counts_for_itself),
        cmocka_unit_test(test_engine__delay_grows_to_its_cap),
        cmocka_unit_test(test_engine__jitter_stays_within_the_delay),
        cmocka_unit_test(test_engine__parameters_that_are_too_large_are_retried),
        cmocka_unit_test(test_engine__runtime_error_is_not_caught),
        cmocka_unit_test(test_engine__heartbeat_matches_both_names),
        cmocka_unit_test(test_engine__timeout_has_no_cause),
        cmocka_unit_test(test_engine__function_nobody_offers_fails_as_begun),
        cmocka_unit_test(test_engine__error_and_cause_are_cut),
        cmocka_unit_test(test_engine__failure_that_is_no_text_stays_readable),
        cmocka_unit_test(test_engine__handed_back_spends_no_retry),
        cmocka_unit_test(test_engine__upload_is_committed),
        cmocka_unit_test(test_engine__second_upload_of_an_attempt_is_refused),
        cmocka_unit_test(test_engine__failed_attempt_aborts_its_upload_before_the_next),
        cmocka_unit_test(test_engine__failed_completion_is_a_failure),
        cmocka_unit_test(test_engine__upload_outlives_the_state_and_the_execution),
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
        cmocka_unit_test(test_engine__invoke_discards_its_wrapping),
        cmocka_unit_test(test_engine__invoke_keeps_its_wrapping_once),
        cmocka_unit_test(test_engine__invoke_selects_from_its_wrapping),
        cmocka_unit_test(test_engine__invoke_output_is_the_payload),
        cmocka_unit_test(test_engine__invoke_output_beside_the_payload),
        cmocka_unit_test(test_engine__invoke_takes_a_text_as_the_body),
        cmocka_unit_test(test_engine__invoke_needs_a_function),
        cmocka_unit_test(test_engine__names_of_functions),
        cmocka_unit_test(test_engine__task_is_made_again_as_it_was),
        cmocka_unit_test(test_engine__wait_waits_or_goes_on),
        cmocka_unit_test(test_engine__choice_chooses),
        cmocka_unit_test(test_engine__says_what_it_waits_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
