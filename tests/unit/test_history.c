/* SPDX-License-Identifier: Apache-2.0 */
/* Events as AWS shows them: names of members, what is left out, what is made again. */
#include "tests/lib/engine_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const char lambda[] =
    "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":"
    "\"arn:aws:lambda:eu-west-1:111111111111:function:Echo\",\"TimeoutSeconds\":9,"
    "\"InputPath\":\"$.in\",\"Parameters\":{\"v.$\":\"$.x\"},\"End\":true}}}";
static const char invoke[] =
    "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":"
    "\"arn:aws:states:::lambda:invoke\",\"TimeoutSeconds\":9,\"HeartbeatSeconds\":3,"
    "\"Parameters\":{\"FunctionName\":\"Echo\",\"Payload\":{\"n.$\":\"$$.Execution.Name\","
    "\"c.$\":\"$$.State.RetryCount\"}},\"ResultPath\":null,"
    "\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"],\"MaxAttempts\":1}],\"End\":true}}}";

static void render_is(struct world *w, size_t n, bool data, const char *want)
{
    struct doc_source docs = world_docs(w);
    const struct json_node *event = NULL;

    w->header.input.text = (struct slice){0};
    assert_int_equal(
        history_render(w->m, &w->header, &w->events[n - 1], data, &docs, &w->a, &event, &w->err),
        OK);
    assert_string_equal(arena_str(&w->a, json_print(event, &w->a)), want);
}

static void test_history__names_every_type(void **state)
{
    (void)state;
    assert_string_equal(history_type_name(HISTORY_EXECUTION_STARTED), "ExecutionStarted");
    assert_string_equal(history_type_name(HISTORY_EVALUATION_FAILED), "EvaluationFailed");
    assert_string_equal(history_type_name((enum history_type)63), "Unknown");
    for (int i = 1; i <= 62; i++) {
        assert_string_not_equal(history_type_name((enum history_type)i), "Unknown");
    }
}

static void test_history__lambda_task(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, lambda);
    world_start(&w, "{\"in\":{\"x\":\"\\\"\"}}");
    world_grant(&w);
    world_succeed(&w, "[1]");
    render_is(
        &w, 1, true,
        "{\"timestamp\":1795410840.123,\"type\":\"ExecutionStarted\",\"id\":1,"
        "\"previousEventId\":0,\"executionStartedEventDetails\":{\"input\":"
        "\"{\\\"in\\\":{\\\"x\\\":\\\"\\\\\\\"\\\"}}\",\"inputDetails\":{\"truncated\":false},"
        "\"roleArn\":\"arn:aws:iam::111111111111:role/role\"}}");
    render_is(&w, 2, false,
              "{\"timestamp\":1795410840.123,\"type\":\"TaskStateEntered\",\"id\":2,"
              "\"previousEventId\":0,\"stateEnteredEventDetails\":{\"name\":\"T\"}}");
    render_is(&w, 3, true,
              "{\"timestamp\":1795410840.123,\"type\":\"LambdaFunctionScheduled\",\"id\":3,"
              "\"previousEventId\":2,\"lambdaFunctionScheduledEventDetails\":{\"resource\":"
              "\"arn:aws:lambda:eu-west-1:111111111111:function:Echo\",\"input\":"
              "\"{\\\"v\\\":\\\"\\\\\\\"\\\"}\",\"inputDetails\":{\"truncated\":false},"
              "\"timeoutInSeconds\":9}}");
    render_is(&w, 4, true,
              "{\"timestamp\":1795410840.123,\"type\":\"LambdaFunctionStarted\",\"id\":4,"
              "\"previousEventId\":3}");
    render_is(&w, 5, true,
              "{\"timestamp\":1795410840.123,\"type\":\"LambdaFunctionSucceeded\",\"id\":5,"
              "\"previousEventId\":4,\"lambdaFunctionSucceededEventDetails\":{\"output\":\"[1]\","
              "\"outputDetails\":{\"truncated\":false}}}");
    render_is(
        &w, 6, true,
        "{\"timestamp\":1795410840.123,\"type\":\"TaskStateExited\",\"id\":6,"
        "\"previousEventId\":5,\"stateExitedEventDetails\":{\"name\":\"T\",\"output\":\"[1]\","
        "\"outputDetails\":{\"truncated\":false}}}");
    render_is(&w, 7, false,
              "{\"timestamp\":1795410840.123,\"type\":\"ExecutionSucceeded\",\"id\":7,"
              "\"previousEventId\":6,\"executionSucceededEventDetails\":{}}");
    world_fini(&w);
}

static void test_history__integration_task(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w, invoke);
    world_fail(&w, "E", "{ \"errorMessage\": \"m\" }");
    world_timer(&w);
    world_grant(&w);
    assert_string_equal(
        world_event(&w, 3),
        "{\"type\":\"TaskScheduled\",\"id\":3,\"previousEventId\":2,\"taskScheduledEventDetails\":"
        "{\"resourceType\":\"lambda\",\"resource\":\"invoke\",\"region\":\"eu-west-1\","
        "\"parameters\":\"{\\\"FunctionName\\\":\\\"Echo\\\",\\\"Payload\\\":{\\\"n\\\":"
        "\\\"run\\\","
        "\\\"c\\\":0}}\",\"timeoutInSeconds\":9,\"heartbeatInSeconds\":3}}");
    assert_string_equal(world_event(&w, 4),
                        "{\"type\":\"TaskStarted\",\"id\":4,\"previousEventId\":3,"
                        "\"taskStartedEventDetails\":{\"resourceType\":\"lambda\","
                        "\"resource\":\"invoke\"}}");
    assert_string_equal(world_event(&w, 5),
                        "{\"type\":\"TaskFailed\",\"id\":5,\"previousEventId\":4,"
                        "\"taskFailedEventDetails\":{\"resourceType\":\"lambda\","
                        "\"resource\":\"invoke\",\"error\":\"E\","
                        "\"cause\":\"{\\\"errorMessage\\\":\\\"m\\\"}\"}}");
    assert_non_null(strstr(world_event(&w, 6), "\\\"c\\\":1"));
    world_fini(&w);
}

static void test_history__wrapping_is_made_again_as_it_was(void **state)
{
    struct world w;
    const struct json_node *event;
    const struct json_node *output;
    const struct json_node *headers;
    struct doc_source docs;

    (void)state;
    world_init_granted(&w, invoke);
    world_succeed(&w, "{\"y\":1}");
    docs = world_docs(&w);
    assert_int_equal(
        history_render(w.m, &w.header, &w.events[4], true, &docs, &w.a, &event, &w.err), OK);
    event = json_member(event, SLICE("taskSucceededEventDetails"));
    assert_int_equal(
        json_parse(json_text(json_member(event, SLICE("output"))), &w.a, &output, NULL), OK);
    assert_string_equal(arena_str(&w.a, json_print(json_member(output, SLICE("Payload")), &w.a)),
                        "{\"y\":1}");
    headers = json_member(json_member(output, SLICE("SdkHttpMetadata")), SLICE("HttpHeaders"));
    assert_true(slice_eq(json_text(json_member(headers, SLICE("Content-Length"))), SLICE("7")));
    assert_true(slice_eq(json_text(json_member(headers, SLICE("Date"))),
                         SLICE("Mon, 23 Nov 2026 05:14:00 GMT")));
    assert_true(slice_eq(json_text(json_member(headers, SLICE("x-amzn-RequestId"))),
                         json_text(json_member(json_member(output, SLICE("SdkResponseMetadata")),
                                               SLICE("RequestId")))));
    assert_string_equal(world_event(&w, 5), world_event(&w, 5));
    world_fini(&w);
}

static void test_history__output_has_the_wrapping_history_shows(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(&w,
                       "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":"
                       "\"arn:aws:states:::lambda:invoke\",\"Parameters\":{\"FunctionName\":\"f\"},"
                       "\"ResultPath\":\"$.r\",\"End\":true}}}");
    world_succeed(&w, "5");
    assert_true(w.events[4].wrapped);
    {
        struct doc_source docs = world_docs(&w);
        const struct json_node *event;
        struct slice shown;
        struct slice output = world_doc(&w, w.header.output.ref);

        assert_int_equal(
            history_render(w.m, &w.header, &w.events[4], true, &docs, &w.a, &event, &w.err), OK);
        shown = json_text(
            json_member(json_member(event, SLICE("taskSucceededEventDetails")), SLICE("output")));
        assert_int_equal(output.len, shown.len + strlen("{\"r\":}"));
        assert_memory_equal(output.ptr + strlen("{\"r\":"), shown.ptr, shown.len);
    }
    world_fini(&w);
}

static void test_history__without_data(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, lambda);
    world_start(&w, "{\"in\":{\"x\":1}}");
    render_is(&w, 1, false,
              "{\"timestamp\":1795410840.123,\"type\":\"ExecutionStarted\",\"id\":1,"
              "\"previousEventId\":0,\"executionStartedEventDetails\":{"
              "\"roleArn\":\"arn:aws:iam::111111111111:role/role\"}}");
    render_is(&w, 3, false,
              "{\"timestamp\":1795410840.123,\"type\":\"LambdaFunctionScheduled\",\"id\":3,"
              "\"previousEventId\":2,\"lambdaFunctionScheduledEventDetails\":{\"resource\":"
              "\"arn:aws:lambda:eu-west-1:111111111111:function:Echo\",\"timeoutInSeconds\":9}}");
    world_fini(&w);
}

static void test_history__ends_without_reason_have_empty_details(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, lambda);
    world_start(&w, "{\"in\":{\"x\":1}}");
    world_step(&w, (struct engine_event){.kind = ENGINE_STOP});
    assert_string_equal(world_event(&w, 4),
                        "{\"type\":\"ExecutionAborted\",\"id\":4,\"previousEventId\":0,"
                        "\"executionAbortedEventDetails\":{}}");
    world_step(&w, (struct engine_event){.kind = ENGINE_REDRIVE});
    assert_string_equal(world_event(&w, 5),
                        "{\"type\":\"ExecutionRedriven\",\"id\":5,\"previousEventId\":4,"
                        "\"executionRedrivenEventDetails\":{\"redriveCount\":1}}");
    world_fini(&w);
}

static void test_history__damage_is_an_error(void **state)
{
    struct world w;
    struct doc_source docs;
    struct history_event e;
    const struct json_node *event;

    (void)state;
    world_init(&w, lambda);
    world_start(&w, "{\"in\":{\"x\":1}}");
    docs = world_docs(&w);
    e = w.events[1];
    e.state = 1;
    assert_int_equal(history_render(w.m, &w.header, &e, true, &docs, &w.a, &event, &w.err),
                     ERR_CORRUPT);
    e = w.events[1];
    e.doc.ref = 12345;
    assert_int_equal(history_render(w.m, &w.header, &e, true, &docs, &w.a, &event, &w.err),
                     ERR_NOT_FOUND);
    e = w.events[2];
    e.doc = (struct doc){.text = SLICE("{}")};
    assert_int_equal(history_render(w.m, &w.header, &e, true, &docs, &w.a, &event, &w.err),
                     ERR_CORRUPT);
    e = w.events[1];
    e.type = (enum history_type)1000;
    assert_int_equal(history_render(w.m, &w.header, &e, true, &docs, &w.a, &event, &w.err), OK);
    world_fini(&w);
}

static void test_history__context_object(void **state)
{
    struct world w;
    const struct json_node *c;

    (void)state;
    world_init(&w, lambda);
    world_start(&w, "{\"in\":{\"x\":1}}");
    w.header.input.text = world_doc(&w, w.header.input.ref);
    c = engine_context(w.m, &w.header, &w.frame, &w.a);
    assert_string_equal(
        arena_str(&w.a, json_print(c, &w.a)),
        "{\"Execution\":{\"Id\":\"arn:aws:states:eu-west-1:111111111111:execution:machine:run\","
        "\"Input\":{\"in\":{\"x\":1}},\"StartTime\":\"2026-11-23T05:14:00.123Z\",\"Name\":\"run\","
        "\"RoleArn\":\"arn:aws:iam::111111111111:role/role\",\"RedriveCount\":0},"
        "\"StateMachine\":{\"Id\":\"arn:aws:states:eu-west-1:111111111111:stateMachine:machine\","
        "\"Name\":\"machine\"},\"State\":{\"Name\":\"T\",\"EnteredTime\":"
        "\"2026-11-23T05:14:00.123Z\",\"RetryCount\":0}}");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history__names_every_type),
        cmocka_unit_test(test_history__lambda_task),
        cmocka_unit_test(test_history__integration_task),
        cmocka_unit_test(test_history__wrapping_is_made_again_as_it_was),
        cmocka_unit_test(test_history__output_has_the_wrapping_history_shows),
        cmocka_unit_test(test_history__without_data),
        cmocka_unit_test(test_history__ends_without_reason_have_empty_details),
        cmocka_unit_test(test_history__damage_is_an_error),
        cmocka_unit_test(test_history__context_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
