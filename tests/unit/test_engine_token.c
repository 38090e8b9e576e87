/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that do not end with a worker's report: tokens, activities, the coordinator's own calls,
 * executions that are waited for, .sync handlers. */
#include "coordinator/asl/digest.h"
#include "proto/base/text.h"
#include "tests/lib/engine_case.h"

#define TASK(resource, fields)                                                                     \
    "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":\"" resource             \
    "\"," fields "\"End\":true}}}"
#define SEND(fields)                                                                               \
    TASK("arn:aws:states:::sqs:sendMessage.waitForTaskToken",                                      \
         "\"Parameters\":{\"QueueUrl\":\"q\",\"MessageBody\":\"m\",\"t.$\":\"$$.Task.Token\"}"     \
         "," fields)
#define ACTIVITY(name, fields) TASK("arn:aws:states:eu-west-1:111111111111:activity:" name, fields)
#define START(pattern)                                                                             \
    TASK("arn:aws:states:::states:startExecution" pattern,                                         \
         "\"Parameters\":{\"StateMachineArn\":\"m\"},\"TimeoutSeconds\":60,")

static struct engine_event of_entry(const struct world *w, enum engine_event_kind kind)
{
    return (struct engine_event){
        .kind = kind, .entered_event = w->frame.entered_event, .attempt = w->frame.attempt};
}

static enum step_status end_by_token(struct world *w, const char *output)
{
    struct engine_event ev = of_entry(w, ENGINE_TOKEN_SUCCEEDED);

    ev.result = slice_str(output);
    return world_step(w, ev);
}

static enum step_status fail_by_token(struct world *w, const char *error)
{
    struct engine_event ev = of_entry(w, ENGINE_TOKEN_FAILED);

    ev.failure.error = error != NULL ? slice_str(error) : (struct slice){0};
    return world_step(w, ev);
}

/* ---- tokens ---- */

static void test_token__waits_for_its_holder(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, SEND("\"TimeoutSeconds\":600,\"HeartbeatSeconds\":20,"));
    world_start(&w, "{}");
    assert_string_equal(arena_str(&w.a, world_command(&w, COMMAND_SCHEDULE_TASK)->function),
                        "handler");
    world_grant(&w);
    assert_int_equal(world_succeed(&w, "{\"MessageId\":\"1\"}"), STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_TOKEN);
    assert_int_equal(w.frame.due_ms, w.now_ms + 20000);
    assert_int_equal(end_by_token(&w, "{\"a\": 1}"), STEP_DONE);
    assert_output(&w, "{\"a\":1}");
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, TaskStateEntered 0, TaskScheduled 2, TaskStarted 3, "
                        "TaskSubmitted 4, TaskSucceeded 5, TaskStateExited 6, "
                        "ExecutionSucceeded 7");
    assert_non_null(strstr(world_event(&w, 5), "\\\"MessageId\\\":\\\"1\\\""));
    assert_int_equal(end_by_token(&w, "2"), STEP_STALE);
    world_fini(&w);
}

static void test_token__is_the_same_when_history_is_read(void **state)
{
    struct world w;
    struct task_token token;
    struct slice text;

    (void)state;
    world_init(&w, SEND(""));
    world_start(&w, "{}");
    text = engine_task_token(&w.header, &w.frame, &w.a);
    assert_non_null(strstr(world_event(&w, 3), arena_str(&w.a, text)));
    assert_non_null(strstr(arena_str(&w.a, world_command(&w, COMMAND_SCHEDULE_TASK)->payload),
                           arena_str(&w.a, text)));
    assert_true(engine_task_token_parse(text, &token));
    assert_int_equal(token.entered_event, w.frame.entered_event);
    assert_int_equal(token.entered_ms, w.frame.entered_ms);
    assert_int_equal(token.attempt, 1);
    assert_true(engine_task_token_is(&w.header, &token));
    token.attempt = 2;
    assert_false(engine_task_token_is(&w.header, &token));
    token.attempt = 1;
    w.rules.token_key = SLICE("another key");
    assert_false(engine_task_token_is(&w.header, &token));
    assert_false(engine_task_token_parse(SLICE("NoSuchTaskToken"), &token));
    assert_false(engine_task_token_parse(SLICE(""), &token));
    assert_false(engine_task_token_parse(slice_head(text, text.len - 4), &token));
    world_fini(&w);
}

/* After a database was restored: the same numbers, handed out at another time. */
static void test_token__of_another_time_is_stale(void **state)
{
    struct world w;
    struct engine_event ev;

    (void)state;
    world_init_granted(&w, SEND(""));
    world_succeed(&w, "{}");
    ev = of_entry(&w, ENGINE_TOKEN_HEARTBEAT);
    ev.entered_ms = w.frame.entered_ms + 1;
    assert_int_equal(world_step(&w, ev), STEP_STALE);
    ev.entered_ms = w.frame.entered_ms;
    assert_int_equal(world_step(&w, ev), STEP_DONE);
    world_fini(&w);
}

/* As it was handed out before tokens said when their state was entered. */
static void test_token__of_version_1_is_taken(void **state)
{
    enum { HEAD = 25, KEY = 64 };
    uint8_t text[KEY + HEAD] = {0};
    uint8_t digest[DIGEST_BYTES_MAX];
    uint8_t bytes[HEAD + 16] = {1};
    struct task_token token;
    struct world w;

    (void)state;
    world_init(&w, SEND(""));
    world_start(&w, "{}");
    memcpy(text, w.rules.token_key.ptr, w.rules.token_key.len);
    bytes[8] = (uint8_t)w.header.id;
    bytes[16] = 1;
    bytes[24] = (uint8_t)w.frame.entered_event;
    memcpy(text + KEY, bytes, HEAD);
    digest_compute(SLICE("SHA-256"), slice_make(text, sizeof(text)), digest);
    memcpy(bytes + HEAD, digest, 16);
    assert_true(
        engine_task_token_parse(text_base64(slice_make(bytes, sizeof(bytes)), &w.a), &token));
    assert_int_equal(token.execution, w.header.id);
    assert_int_equal(token.entered_ms, 0);
    assert_true(engine_task_token_is(&w.header, &token));
    token.frame++;
    assert_false(engine_task_token_is(&w.header, &token));
    world_fini(&w);
}

static void test_token__heartbeats_move_the_due_time_but_not_the_deadline(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, SEND("\"TimeoutSeconds\":30,\"HeartbeatSeconds\":20,"));
    world_succeed(&w, "{}");
    w.now_ms += 15000;
    assert_int_equal(world_step(&w, of_entry(&w, ENGINE_TOKEN_HEARTBEAT)), STEP_DONE);
    assert_int_equal(w.frame.due_ms, w.frame.deadline_ms);
    assert_int_equal(world_timer(&w), STEP_DONE);
    assert_error(&w, "States.Timeout");
    assert_string_equal(history_type_name(w.events[5].type), "TaskTimedOut");
    world_fini(&w);
}

static void test_token__missed_heartbeat_has_both_names(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(
        &w, "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":"
            "\"arn:aws:states:::sqs:sendMessage.waitForTaskToken\",\"HeartbeatSeconds\":5,"
            "\"Parameters\":{\"QueueUrl\":\"q\",\"MessageBody\":\"m\",\"t.$\":\"$$.Task.Token\"},"
            "\"Catch\":[{\"ErrorEquals\":[\"States.HeartbeatTimeout\"],\"Next\":\"C\"}],"
            "\"End\":true},\"C\":{\"Type\":\"Pass\",\"End\":true}}}");
    world_succeed(&w, "{}");
    world_timer(&w);
    assert_output(&w, "{\"Error\":\"States.Timeout\",\"Cause\":\"\"}");
    world_fini(&w);
}

static void test_token__failure_without_error_is_caught_as_null(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(
        &w, "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":"
            "\"arn:aws:states:::sqs:sendMessage.waitForTaskToken\","
            "\"Parameters\":{\"QueueUrl\":\"q\",\"MessageBody\":\"m\",\"t.$\":\"$$.Task.Token\"},"
            "\"Catch\":[{\"ErrorEquals\":[\"States.ALL\"],\"Next\":\"C\"}],"
            "\"End\":true},\"C\":{\"Type\":\"Pass\",\"End\":true}}}");
    world_succeed(&w, "{}");
    assert_int_equal(fail_by_token(&w, NULL), STEP_DONE);
    assert_output(&w, "{\"Error\":null,\"Cause\":null}");
    world_fini(&w);
}

/* The holder is quicker than the answer of the call that gave it the token. */
static void test_token__early_answer_counts_when_the_call_ends(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, SEND(""));
    assert_int_equal(end_by_token(&w, "\"early\""), STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_LEASED);
    assert_int_equal(fail_by_token(&w, "late"), STEP_STALE);
    assert_int_equal(world_succeed(&w, "{\"MessageId\":\"1\"}"), STEP_DONE);
    assert_output(&w, "\"early\"");
    assert_non_null(strstr(world_history(&w), "TaskSubmitted 4, TaskSucceeded 5"));
    world_fini(&w);
}

static void test_token__early_answer_outlives_a_lost_worker(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, SEND(""));
    end_by_token(&w, "\"early\"");
    world_fail(&w, "Lambda.ServiceException", "lost");
    assert_output(&w, "\"early\"");
    world_fini(&w);
}

/* Its holder was told that it counts: another grant would make a second token. */
static void test_token__early_answer_outlives_a_lease_handed_back(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, SEND(""));
    end_by_token(&w, "\"early\"");
    assert_int_equal(
        world_step(&w, (struct engine_event){.kind = ENGINE_TASK_RETURNED, .token = w.frame.token}),
        STEP_DONE);
    assert_non_null(world_command(&w, COMMAND_CANCEL_TASK));
    assert_output(&w, "\"early\"");
    world_fini(&w);
}

static struct task_output upload(void)
{
    return (struct task_output){
        .bucket = SLICE("bucket"), .key = SLICE("key"), .upload_id = SLICE("1")};
}

/* An upload that nobody will complete must not stand in the way of the next state's grant. */
static void test_token__early_answer_ends_the_upload(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, SEND(""));
    world_step(&w, (struct engine_event){
                       .kind = ENGINE_TASK_UPLOAD, .token = w.frame.token, .output = upload()});
    end_by_token(&w, "\"early\"");
    world_fail(&w, "Lambda.ServiceException", "lost");
    assert_output(&w, "\"early\"");
    assert_non_null(world_command(&w, COMMAND_ABORT_UPLOAD));
    world_fini(&w);
}

static void start_committing(struct world *w)
{
    world_init(w, SEND(""));
    world_start(w, "{}");
    world_grant(w);
    world_step(w, (struct engine_event){
                      .kind = ENGINE_TASK_INTENT, .token = w->frame.token, .output = upload()});
    assert_int_equal(w->frame.status, FRAME_COMMITTING);
}

static void test_token__is_waited_for_after_a_commit(void **state)
{
    struct world w;

    (void)state;
    start_committing(&w);
    assert_int_equal(world_succeed(&w, "{}"), STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_TOKEN);
    end_by_token(&w, "1");
    assert_output(&w, "1");
    world_fini(&w);
}

static void test_token__answer_during_a_commit_is_kept(void **state)
{
    struct world w;

    (void)state;
    start_committing(&w);
    assert_int_equal(world_step(&w, of_entry(&w, ENGINE_TOKEN_HEARTBEAT)), STEP_DONE);
    assert_int_equal(end_by_token(&w, "1"), STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_COMMITTING);
    assert_int_equal(world_succeed(&w, "{}"), STEP_DONE);
    assert_output(&w, "1");
    world_fini(&w);
}

static void test_token__of_an_attempt_that_is_over_is_stale(void **state)
{
    struct world w;
    struct engine_event ev;

    (void)state;
    world_init_granted(
        &w, SEND("\"HeartbeatSeconds\":5,\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"]}],"));
    world_succeed(&w, "{}");
    ev = of_entry(&w, ENGINE_TOKEN_SUCCEEDED);
    ev.result = SLICE("1");
    world_timer(&w); /* the heartbeat is missed: a retry */
    assert_int_equal(world_step(&w, ev), STEP_STALE);
    world_timer(&w);
    world_grant(&w);
    world_succeed(&w, "{}");
    assert_int_equal(world_step(&w, ev), STEP_STALE);
    assert_int_equal(end_by_token(&w, "2"), STEP_DONE);
    assert_output(&w, "2");
    world_fini(&w);
}

static void test_token__invoke_shows_the_answer_as_submitted(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, TASK("arn:aws:states:::lambda:invoke.waitForTaskToken",
                                "\"Parameters\":{\"FunctionName\":\"f\",\"Payload\":{\"t.$\":"
                                "\"$$.Task.Token\"}},"));
    world_succeed(&w, "\"given\"");
    assert_non_null(strstr(world_event(&w, 5), "\\\"Payload\\\":\\\"given\\\""));
    assert_non_null(strstr(world_event(&w, 5), "StatusCode"));
    end_by_token(&w, "{\"x\":1}");
    assert_output(&w, "{\"x\":1}");
    assert_non_null(strstr(world_event(&w, 6), "\"output\":\"{\\\"x\\\":1}\""));
    world_fini(&w);
}

/* ---- activities ---- */

static void test_token__activity_is_taken_and_ended(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, ACTIVITY("work", "\"TimeoutSeconds\":5,"));
    world_start(&w, "{\"a\":1}");
    assert_string_equal(arena_str(&w.a, world_command(&w, COMMAND_SCHEDULE_TASK)->activity),
                        "work");
    assert_int_equal(world_grant(&w), STEP_STALE); /* no worker's */
    assert_int_equal(
        world_step(&w, (struct engine_event){.kind = ENGINE_ACTIVITY_TAKEN, .worker = SLICE("me")}),
        STEP_DONE);
    assert_int_equal(w.frame.status, FRAME_TOKEN);
    assert_int_equal(w.frame.due_ms, w.now_ms + 5000);
    end_by_token(&w, "{\"done\":true}");
    assert_output(&w, "{\"done\":true}");
    assert_string_equal(world_history(&w),
                        "ExecutionStarted 0, TaskStateEntered 0, ActivityScheduled 2, "
                        "ActivityStarted 3, ActivitySucceeded 4, TaskStateExited 5, "
                        "ExecutionSucceeded 6");
    assert_non_null(strstr(world_event(&w, 4), "\"workerName\":\"me\""));
    world_fini(&w);
}

static void test_token__activity_that_is_gone_fails_the_state(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, ACTIVITY("gone", ""));
    world_start(&w, "{}");
    assert_error(&w, "States.Runtime");
    assert_string_equal(
        arena_str(&w.a, w.header.cause),
        "An error occurred while executing the state 'T' (entered at the event id #2). The "
        "activity arn:aws:states:eu-west-1:111111111111:activity:gone does not exist.");
    assert_int_equal(w.event_count, 3);
    world_fini(&w);
}

/* ---- calls and children ---- */

static enum step_status call_done(struct world *w, const char *result, const char *error)
{
    struct engine_event ev = of_entry(w, ENGINE_CALL_DONE);

    ev.child = 77;
    if (error != NULL) {
        ev.failure.error = slice_str(error);
    } else {
        ev.result = slice_str(result);
    }
    return world_step(w, ev);
}

static void test_token__call_is_carried_out_by_the_coordinator(void **state)
{
    struct world w;
    const struct command *c;

    (void)state;
    world_init(&w, START(""));
    world_start(&w, "{}");
    c = world_command(&w, COMMAND_CALL);
    assert_string_equal(arena_str(&w.a, c->service), "states");
    assert_string_equal(arena_str(&w.a, c->action), "startExecution");
    assert_string_equal(arena_str(&w.a, c->payload), "{\"StateMachineArn\":\"m\"}");
    call_done(&w, "{\"ExecutionArn\":\"e\"}", NULL);
    assert_output(&w, "{\"ExecutionArn\":\"e\"}");
    assert_non_null(strstr(world_history(&w), "TaskScheduled 2, TaskStarted 3, TaskSucceeded 4"));
    world_fini(&w);
}

static void test_token__call_that_fails_fails_the_task(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, START(""));
    world_start(&w, "{}");
    call_done(&w, NULL, "StepFunctions.StateMachineDoesNotExistException");
    assert_error(&w, "StepFunctions.StateMachineDoesNotExistException");
    assert_string_equal(history_type_name(w.events[4].type), "TaskFailed");
    world_fini(&w);
}

static void test_token__child_is_waited_for(void **state)
{
    struct world w;
    struct engine_event ev;

    (void)state;
    world_init(&w, START(".sync:2"));
    world_start(&w, "{}");
    call_done(&w, "{\"ExecutionArn\":\"e\"}", NULL);
    assert_int_equal(w.frame.status, FRAME_CHILD);
    assert_int_equal(w.frame.child, 77);
    assert_int_equal(w.frame.due_ms, w.now_ms + 60000);
    ev = of_entry(&w, ENGINE_CHILD_ENDED);
    ev.result = SLICE("{\"Input\":\"{}\",\"Output\":\"[1,2]\",\"Status\":\"SUCCEEDED\"}");
    world_step(&w, ev);
    assert_output(&w, "{\"Input\":{},\"Output\":[1,2],\"Status\":\"SUCCEEDED\"}");
    assert_non_null(strstr(world_history(&w), "TaskSubmitted 4, TaskSucceeded 5"));
    world_fini(&w);
}

static void test_token__child_that_failed_is_the_cause(void **state)
{
    struct world w;
    struct engine_event ev;

    (void)state;
    world_init(&w, START(".sync"));
    world_start(&w, "{}");
    call_done(&w, "{}", NULL);
    ev = of_entry(&w, ENGINE_CHILD_ENDED);
    ev.failed = true;
    ev.result = SLICE("{\"Status\":\"FAILED\"}");
    world_step(&w, ev);
    assert_error(&w, "States.TaskFailed");
    assert_string_equal(arena_str(&w.a, w.header.cause), "{\"Status\":\"FAILED\"}");
    world_fini(&w);
}

static void test_token__child_is_stopped_with_its_parent_and_by_its_timeout(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, START(".sync"));
    world_start(&w, "{}");
    call_done(&w, "{}", NULL);
    world_timer(&w);
    assert_error(&w, "States.Timeout");
    assert_int_equal(world_command(&w, COMMAND_STOP_CHILD)->child, 77);
    world_fini(&w);
    world_init(&w, START(".sync"));
    world_start(&w, "{}");
    call_done(&w, "{}", NULL);
    world_step(&w, (struct engine_event){.kind = ENGINE_STOP});
    assert_int_equal(world_command(&w, COMMAND_STOP_CHILD)->child, 77);
    world_fini(&w);
}

/* ---- .sync handlers, and what lambda:invoke asks for besides ---- */

static void test_token__sync_handler_submits_and_ends(void **state)
{
    struct world w;
    struct engine_event ev = {.kind = ENGINE_TASK_SUBMITTED, .result = SLICE("{\"JobId\":1}")};

    (void)state;
    world_init(&w, TASK("arn:aws:states:::batch:submitJob.sync", "\"Parameters\":{},"));
    world_start(&w, "{}");
    assert_true(world_command(&w, COMMAND_SCHEDULE_TASK)->submits);
    world_grant(&w);
    ev.token = w.frame.token;
    assert_int_equal(world_step(&w, ev), STEP_DONE);
    assert_int_equal(world_step(&w, ev), STEP_DONE); /* said again: nothing more */
    world_succeed(&w, "{\"Status\":\"done\"}");
    assert_output(&w, "{\"Status\":\"done\"}");
    assert_non_null(strstr(world_history(&w), "TaskSubmitted 4, TaskSucceeded 5"));
    assert_non_null(strstr(world_event(&w, 5), "JobId"));
    world_fini(&w);
}

static void test_token__sync_handler_that_never_submits_shows_its_result(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, TASK("arn:aws:states:::batch:submitJob.sync", "\"Parameters\":{},"));
    world_succeed(&w, "{\"Status\":\"done\"}");
    assert_output(&w, "{\"Status\":\"done\"}");
    assert_non_null(strstr(world_event(&w, 5), "taskSubmittedEventDetails"));
    world_fini(&w);
}

/* Its worker would go on with a job that nobody waits for, and keep its slot. */
static void test_token__sync_handler_whose_answer_is_refused_is_cancelled(void **state)
{
    struct world w;
    struct engine_event ev = {.kind = ENGINE_TASK_SUBMITTED, .result = SLICE("not JSON")};

    (void)state;
    world_init_granted(&w, TASK("arn:aws:states:::batch:submitJob.sync", "\"Parameters\":{},"));
    ev.token = w.frame.token;
    assert_int_equal(world_step(&w, ev), STEP_DONE);
    assert_error(&w, "Runtime.MarshalError");
    assert_true(token_eq(world_command(&w, COMMAND_CANCEL_TASK)->token, ev.token));
    world_fini(&w);
}

static void test_token__log_tail_is_in_the_result(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, TASK("arn:aws:states:::lambda:invoke",
                        "\"Parameters\":{\"FunctionName\":\"f\",\"LogType\":\"Tail\"},"
                        "\"ResultSelector\":{\"log.$\":\"$.LogResult\"},"));
    world_start(&w, "{}");
    assert_true(world_command(&w, COMMAND_SCHEDULE_TASK)->log_tail);
    world_grant(&w);
    world_step(&w, (struct engine_event){.kind = ENGINE_TASK_SUCCEEDED,
                                         .token = w.frame.token,
                                         .result = SLICE("1"),
                                         .log = SLICE("hello")});
    assert_output(&w, "{\"log\":\"aGVsbG8=\"}");
    assert_non_null(strstr(world_event(&w, 5), "\\\"LogResult\\\":\\\"aGVsbG8=\\\""));
    world_fini(&w);
}

static void test_token__event_invocation_does_not_mind_the_function(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w,
                       TASK("arn:aws:states:::lambda:invoke",
                            "\"Parameters\":{\"FunctionName\":\"f\",\"InvocationType\":\"Event\"},"
                            "\"ResultSelector\":{\"code.$\":\"$.StatusCode\"},"));
    world_fail(&w, "Boom", "");
    assert_output(&w, "{\"code\":202}");
    world_fini(&w);
}

/* Nor does its upload stand in the way of what follows. */
static void test_token__event_invocation_does_not_mind_a_timeout(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w,
                       TASK("arn:aws:states:::lambda:invoke",
                            "\"Parameters\":{\"FunctionName\":\"f\",\"InvocationType\":\"Event\"},"
                            "\"ResultSelector\":{\"code.$\":\"$.StatusCode\"},"));
    world_step(&w, (struct engine_event){
                       .kind = ENGINE_TASK_UPLOAD, .token = w.frame.token, .output = upload()});
    world_step(&w, (struct engine_event){.kind = ENGINE_TASK_TIMED_OUT, .token = w.frame.token});
    assert_output(&w, "{\"code\":202}");
    assert_non_null(world_command(&w, COMMAND_ABORT_UPLOAD));
    world_fini(&w);
}

static void test_token__credentials_go_with_the_task(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, TASK("arn:aws:states:::lambda:invoke",
                        "\"Parameters\":{\"FunctionName\":\"f\"},"
                        "\"Credentials\":{\"RoleArn.$\":\"$.role\"},"));
    world_start(&w, "{\"role\":\"arn:aws:iam::1:role/r\"}");
    assert_string_equal(arena_str(&w.a, world_command(&w, COMMAND_SCHEDULE_TASK)->credentials),
                        "{\"RoleArn\":\"arn:aws:iam::1:role/r\"}");
    assert_non_null(
        strstr(world_event(&w, 3), "\"taskCredentials\":{\"roleArn\":\"arn:aws:iam::1:role/r\"}"));
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token__waits_for_its_holder),
        cmocka_unit_test(test_token__is_the_same_when_history_is_read),
        cmocka_unit_test(test_token__of_another_time_is_stale),
        cmocka_unit_test(test_token__of_version_1_is_taken),
        cmocka_unit_test(test_token__heartbeats_move_the_due_time_but_not_the_deadline),
        cmocka_unit_test(test_token__missed_heartbeat_has_both_names),
        cmocka_unit_test(test_token__failure_without_error_is_caught_as_null),
        cmocka_unit_test(test_token__early_answer_counts_when_the_call_ends),
        cmocka_unit_test(test_token__early_answer_outlives_a_lost_worker),
        cmocka_unit_test(test_token__early_answer_outlives_a_lease_handed_back),
        cmocka_unit_test(test_token__early_answer_ends_the_upload),
        cmocka_unit_test(test_token__is_waited_for_after_a_commit),
        cmocka_unit_test(test_token__answer_during_a_commit_is_kept),
        cmocka_unit_test(test_token__of_an_attempt_that_is_over_is_stale),
        cmocka_unit_test(test_token__invoke_shows_the_answer_as_submitted),
        cmocka_unit_test(test_token__activity_is_taken_and_ended),
        cmocka_unit_test(test_token__activity_that_is_gone_fails_the_state),
        cmocka_unit_test(test_token__call_is_carried_out_by_the_coordinator),
        cmocka_unit_test(test_token__call_that_fails_fails_the_task),
        cmocka_unit_test(test_token__child_is_waited_for),
        cmocka_unit_test(test_token__child_that_failed_is_the_cause),
        cmocka_unit_test(test_token__child_is_stopped_with_its_parent_and_by_its_timeout),
        cmocka_unit_test(test_token__sync_handler_submits_and_ends),
        cmocka_unit_test(test_token__sync_handler_that_never_submits_shows_its_result),
        cmocka_unit_test(test_token__sync_handler_whose_answer_is_refused_is_cancelled),
        cmocka_unit_test(test_token__log_tail_is_in_the_result),
        cmocka_unit_test(test_token__event_invocation_does_not_mind_the_function),
        cmocka_unit_test(test_token__event_invocation_does_not_mind_a_timeout),
        cmocka_unit_test(test_token__credentials_go_with_the_task),
    };

    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
