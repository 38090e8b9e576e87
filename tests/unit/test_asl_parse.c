/* SPDX-License-Identifier: Apache-2.0 */
/* parse.c, fields.c, retry.c, state_*.c, check.c: what a definition becomes, and what is said of
 * one that is wrong. Texts marked "AWS" are recorded answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "coordinator/asl/machine.h"
#include "proto/base/limits.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LAMBDA       "\"Resource\":\"arn:aws:lambda:us-east-1:123456789012:function:f\""

/* The refusal without AWS's frame, one problem a part; "" where the definition is good. */
static const char *refusal(struct arena *a, const char *text, bool express)
{
    static const char head[] = "Invalid State Machine Definition: '";
    struct asl_diagnostics found = {0};
    struct asl_machine *m = NULL;
    struct err err = {0};
    struct slice msg;

    if (asl_machine_parse(slice_str(text), express, a, &found, &m, &err) == OK) {
        asl_machine_free(m);
        return "";
    }
    assert_int_equal(err.code, ERR_INVALID_DEFINITION);
    assert_null(m);
    msg = slice_str(err.msg);
    assert_true(slice_starts_with(msg, slice_str(head)) && slice_ends_with(msg, SLICE("'")));
    return arena_str(a, slice_head(slice_from(msg, sizeof(head) - 1), msg.len - sizeof(head)));
}

struct example {
    const char *text;
    const char *expected;
};

/* Each text as it stands. */
static void check(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena a = {0};

        assert_string_equal(refusal(&a, examples[i].text, false), examples[i].expected);
        arena_fini(&a);
    }
}

/* Each text as the fields of the one state "S". */
static void check_state(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena a = {0};
        const char *text = arena_str(
            &a, arena_printf(&a, "{\"StartAt\":\"S\",\"States\":{\"S\":{%s}}}", examples[i].text));

        assert_string_equal(refusal(&a, text, false), examples[i].expected);
        arena_fini(&a);
    }
}

static void test_asl_parse__document(void **state)
{
    static const struct example examples[] = {
        /* AWS */
        {"{\"Comment\":\"BASE_INVALID_DER\",\"StartAt\":\"State_1\"}",
         "SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /"},
        {"{}", "SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /"},
        {"not a definition",
         "INVALID_JSON_DESCRIPTION: Unrecognized token 'not': was expecting (JSON String, Number, "
         "Array, "
         "Object or token 'null', 'true' or 'false')\n at [Source: (String)\"not a definition\"; "
         "line: "
         "1, column: 4] at [Source: (String)\"not a definition\"; line: 1, column: 4]"},
        /* Ours */
        {"[]", "SCHEMA_VALIDATION_FAILED: Expected value of type Object at /"},
        {"", "MISSING_DESCRIPTION: The definition is empty at null"},
        {"{\"StartAt\":\"A\",\"States\":{}}",
         "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States"},
        {"{\"StartAt\":\"A\",\"States\":[]}",
         "SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States"},
        {"{\"StartAt\":\"A\",\"Stats\":1,\"Version\":\"2.0\",\"TimeoutSeconds\":0,\"States\":{"
         "\"A\":{"
         "\"Type\":\"Succeed\"}}}",
         "SCHEMA_VALIDATION_FAILED: Field 'Stats' is not supported at /, SCHEMA_VALIDATION_FAILED: "
         "The "
         "field 'Version' should have one of these values: [1.0] at /Version, "
         "SCHEMA_VALIDATION_FAILED: "
         "Minimum value is 1 at /TimeoutSeconds"},
        {"{\"StartAt\":\"A\",\"States\":{\"A\":5}}",
         "SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/A"},
        {"{\"StartAt\":5,\"States\":{\"A\":{\"Type\":\"Succeed\"}}}",
         "SCHEMA_VALIDATION_FAILED: Expected value of type String at /StartAt"},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_asl_parse__graph(void **state)
{
    static const struct example examples[] = {
        /* AWS */
        {"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Next\":\"B\"},\"B\":{\"Type\":"
         "\"Pass\","
         "\"Next\":\"A\"}}}",
         "MISSING_END_STATE: Workflow has no terminal state at null"},
        {"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Next\":\"A\"},\"C\":{\"Type\":"
         "\"Pass\","
         "\"End\":true}}}",
         "MISSING_TRANSITION_TARGET: State \"C\" is not reachable. at /States/C"},
        {"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Next\":\"NOPE\"}}}",
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Next, "
         "MISSING_END_STATE: "
         "Workflow has no terminal state at null"},
        {"{\"StartAt\":\"pass1\",\"States\":{\"pass1\":{\"Type\":\"Pass\",\"Next\":\"pass3\"},"
         "\"pass2\":{"
         "\"Type\":\"Pass\",\"End\":true}}}",
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 at /States/pass1/Next, "
         "MISSING_TRANSITION_TARGET: State \"pass2\" is not reachable. at /States/pass2"},
        {"{\"StartAt\":\"Not sure\",\"States\":{\"Success\":{\"Type\":\"Succeed\"}}}",
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: Not sure at /StartAt, "
         "MISSING_TRANSITION_TARGET: State \"Success\" is not reachable. at /States/Success"},
        {"{\"StartAt\":\"C\",\"States\":{\"C\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$"
         "\","
         "\"IsNull\":true,\"Next\":\"x\"}],\"Default\":\"y\"},\"T\":{\"Type\":\"Task\"," LAMBDA
         ",\"Catch\":[{\"ErrorEquals\":[\"e\"],\"Next\":\"z\"}],\"End\":true}}}",
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: x at /States/C/Choices[0]/Next, "
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: y at /States/C/Default, "
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: z at /States/T/Catch[0]/Next, "
         "MISSING_TRANSITION_TARGET: State \"T\" is not reachable. at /States/T"},
        /* Only a Catch leads to B. */
        {"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\"," LAMBDA
         ",\"Catch\":[{\"ErrorEquals\":[\"e\"],\"Next\":\"B\"}],\"End\":true},\"B\":{\"Type\":"
         "\"Fail\"}}}",
         ""},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_asl_parse__state(void **state)
{
    static const struct example examples[] = {
        {"\"End\":true",
         "SCHEMA_VALIDATION_FAILED: These fields are required: [Type] at /States/S"},
        {"\"Type\":\"Nothing\"", "SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of "
                                 "these values: [Task, Wait, Pass, "
                                 "Succeed, Fail, Choice, Parallel, Map] at /States/S/Type"},
        {"\"Type\":\"Pass\"",
         "SCHEMA_VALIDATION_FAILED: One of these fields is required: [Next, End] at /States/S"},
        {"\"Type\":\"Pass\",\"End\":true,\"Next\":\"S\"",
         "SCHEMA_VALIDATION_FAILED: Only one of these fields can be given: [Next, End] at "
         "/States/S"},
        {"\"Type\":\"Pass\",\"End\":false",
         "SCHEMA_VALIDATION_FAILED: The field 'End' should have one of these values: [true] at "
         "/States/S/End"},
        {"\"Type\":\"Wait\",\"Seconds\":1,\"End\":true,\"ResultPath\":null",
         "SCHEMA_VALIDATION_FAILED: Field 'ResultPath' is not supported at /States/S"},
        {"\"Type\":\"Pass\",\"End\":true,\"Retry\":[]",
         "SCHEMA_VALIDATION_FAILED: Field 'Retry' is not supported at /States/S"},
        {"\"Type\":\"Succeed\",\"End\":true",
         "SCHEMA_VALIDATION_FAILED: Field 'End' is not supported at /States/S"},
        {"\"Type\":\"Pass\",\"End\":true,\"Output\":{}",
         "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is "
         "only "
         "supported for the 'JSONata' QueryLanguage at /States/S"},
        {"\"Type\":\"Pass\",\"End\":true,\"InputPath\":\"a\"",
         "SCHEMA_VALIDATION_FAILED: Value is not a valid JSONPath: a path must begin with '$' at "
         "/States/S/InputPath"},
        {"\"Type\":\"Pass\",\"End\":true,\"ResultPath\":\"$.*\"",
         "SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: '*' is not allowed at "
         "/States/S/ResultPath"},
        {"\"Type\":\"Pass\",\"End\":true,\"ResultPath\":\"$$.a\"",
         "SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: it must begin with '$.' or '$[' "
         "at "
         "/States/S/ResultPath"},
        {"\"Type\":\"Pass\",\"End\":true,\"Parameters\":\"$\"",
         "SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/S/Parameters"},
        {"\"Type\":\"Wait\",\"End\":true", "SCHEMA_VALIDATION_FAILED: One of these fields is "
                                           "required: [Seconds, SecondsPath, Timestamp, "
                                           "TimestampPath] at /States/S"},
        {"\"Type\":\"Wait\",\"End\":true,\"Seconds\":100000000",
         "SCHEMA_VALIDATION_FAILED: Maximum value is 99999999 at /States/S/Seconds"},
        {"\"Type\":\"Wait\",\"End\":true,\"Seconds\":99999999", ""},
        {"\"Type\":\"Wait\",\"End\":true,\"Seconds\":\"5\"",
         "SCHEMA_VALIDATION_FAILED: Expected value of type Integer at /States/S/Seconds"},
        {"\"Type\":\"Wait\",\"End\":true,\"Timestamp\":\"2016-12-05 21:29:29Z\"",
         "SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at "
         "/States/S/Timestamp"},
        {"\"Type\":\"Fail\",\"Error\":\"a\",\"ErrorPath\":\"$.a\"",
         "SCHEMA_VALIDATION_FAILED: Only one of these fields can be given: [Error, ErrorPath] at "
         "/States/S"},
        {"\"Type\":\"Fail\",\"CausePath\":\"States.Array(1)\"",
         "SCHEMA_VALIDATION_FAILED: The value for the field 'CausePath' must be a valid JSONPath "
         "or a "
         "valid intrinsic function call: that function gives no string at /States/S/CausePath"},
    };

    (void)state;
    check_state(examples, COUNT(examples));
}

static void test_asl_parse__choice(void **state)
{
    static const struct example examples[] = {
        {"\"Type\":\"Choice\"",
         "SCHEMA_VALIDATION_FAILED: These fields are required: [Choices] at /States/S"},
        {"\"Type\":\"Choice\",\"Choices\":[]",
         "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/S/Choices"},
        /* AWS */
        {"\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$\",\"StringMatches\":\"Test\"}]",
         "SCHEMA_VALIDATION_FAILED: These fields are required: [Next] at /States/S/Choices[0]"},
        {"\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.a\",\"Next\":\"S\"}]",
         "SCHEMA_VALIDATION_FAILED: A choice rule must have exactly one comparison operator at "
         "/States/S/Choices[0]"},
        {"\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.a\",\"IsNull\":1,\"Next\":\"S\"}]",
         "SCHEMA_VALIDATION_FAILED: Expected value of type Boolean at /States/S/Choices[0]/IsNull"},
        {"\"Type\":\"Choice\",\"Choices\":[{\"IsNull\":true,\"Next\":\"S\"}]",
         "SCHEMA_VALIDATION_FAILED: These fields are required: [Variable] at /States/S/Choices[0]"},
        {"\"Type\":\"Choice\",\"Choices\":[{\"Not\":{\"Variable\":\"$.a\",\"IsNull\":true,\"Next\":"
         "\"S\"},"
         "\"Next\":\"S\"}]",
         "SCHEMA_VALIDATION_FAILED: Field 'Next' is not supported at /States/S/Choices[0]/Not"},
        {"\"Type\":\"Choice\",\"Choices\":[{\"And\":[],\"Next\":\"S\"}]",
         "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/S/Choices[0]/And"},
        {"\"Type\":\"Choice\",\"Choices\":[{\"And\":[5],\"Next\":\"S\"}]",
         "SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/S/Choices[0]/And[0]"},
        {"\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.a\",\"TimestampEquals\":\"x\","
         "\"Next\":\"S\"}]",
         "SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at "
         "/States/S/Choices[0]/TimestampEquals"},
        {"\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$..a\",\"IsNull\":true,\"Next\":\"S\"}]",
         "SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: '..' is not allowed at "
         "/States/S/Choices[0]/Variable"},
    };

    (void)state;
    check_state(examples, COUNT(examples));
}

#define TASK "\"Type\":\"Task\",\"End\":true," LAMBDA ","

static void test_asl_parse__retry_and_catch(void **state)
{
    static const struct example examples[] = {
        {TASK "\"Retry\":[],\"Catch\":[]", ""},
        {TASK "\"Retry\":[{}]", "SCHEMA_VALIDATION_FAILED: These fields are required: "
                                "[ErrorEquals] at /States/S/Retry[0]"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[]}]",
         "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/S/Retry[0]/ErrorEquals"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"IntervalSeconds\":0}]",
         "SCHEMA_VALIDATION_FAILED: Minimum value is 1 at /States/S/Retry[0]/IntervalSeconds"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"BackoffRate\":0.9}]",
         "SCHEMA_VALIDATION_FAILED: Minimum value is 1.0 at /States/S/Retry[0]/BackoffRate"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"BackoffRate\":1.0,\"MaxAttempts\":0}]", ""},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"MaxDelaySeconds\":31622400}]",
         "SCHEMA_VALIDATION_FAILED: Maximum value is 31622399 at "
         "/States/S/Retry[0]/MaxDelaySeconds"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"MaxDelaySeconds\":1}]",
         "SCHEMA_VALIDATION_FAILED: 'MaxDelaySeconds' must be greater than 'IntervalSeconds' at "
         "/States/S/Retry[0]/MaxDelaySeconds"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"JitterStrategy\":\"HALF\"}]",
         "SCHEMA_VALIDATION_FAILED: The field 'JitterStrategy' should have one of these values: "
         "[FULL, "
         "NONE] at /States/S/Retry[0]/JitterStrategy"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"States.ALL\",\"a\"]}]",
         "SCHEMA_VALIDATION_FAILED: 'States.ALL' must be the only value in 'ErrorEquals' and must "
         "be in "
         "the last retrier or catcher at /States/S/Retry[0]/ErrorEquals"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"]},{\"ErrorEquals\":[\"a\"]}]",
         "SCHEMA_VALIDATION_FAILED: 'States.ALL' must be the only value in 'ErrorEquals' and must "
         "be in "
         "the last retrier or catcher at /States/S/Retry[0]/ErrorEquals"},
        {TASK "\"Catch\":[{\"ErrorEquals\":[\"a\"]}]",
         "SCHEMA_VALIDATION_FAILED: These fields are required: [Next] at /States/S/Catch[0]"},
        {TASK "\"Catch\":[{\"ErrorEquals\":[\"a\"],\"Next\":\"S\",\"Assign\":{}}]",
         "NOT_SUPPORTED: Field 'Assign' is not supported yet at /States/S/Catch[0]/Assign"},
        {TASK "\"Retry\":[5]",
         "SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/S/Retry[0]"},
        {TASK "\"TimeoutSeconds\":5,\"HeartbeatSeconds\":5",
         "SCHEMA_VALIDATION_FAILED: 'HeartbeatSeconds' must be smaller than 'TimeoutSeconds' at "
         "/States/S"},
        {TASK "\"TimeoutSeconds\":5,\"TimeoutSecondsPath\":\"$.t\"",
         "SCHEMA_VALIDATION_FAILED: Only one of these fields can be given: [TimeoutSeconds, "
         "TimeoutSecondsPath] at /States/S"},
    };

    (void)state;
    check_state(examples, COUNT(examples));
}

#define RESOURCE "\"Type\":\"Task\",\"End\":true,\"Resource\":"

static void test_asl_parse__resources(void **state)
{
    static const struct example examples[] = {
        /* AWS */
        {RESOURCE "\"arn:aws:states:::dynamodb:query\"",
         "SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::dynamodb:query is not "
         "recognized. The value is not a valid resource ARN, or the resource is not available in "
         "this "
         "region. at /States/S/Resource"},
        {RESOURCE "\"createToken\"",
         "SCHEMA_VALIDATION_FAILED: Value is not a valid resource ARN at /States/S/Resource"},
        /* Ours */
        {RESOURCE "\"arn:aws:states:::glue:startJobRun.sync\"",
         "NOT_SUPPORTED: Service integration 'glue:startJobRun.sync' is not supported yet at "
         "/States/S/Resource"},
        {RESOURCE "\"arn:aws:states:::aws-sdk:s3:getObject\"",
         "NOT_SUPPORTED: Service integration 'aws-sdk:s3:getObject' is not supported yet at "
         "/States/S/Resource"},
        {RESOURCE "\"arn:aws:states:us-east-1:1:activity:a\"",
         "NOT_SUPPORTED: Activity resources are not supported yet at /States/S/Resource"},
        {RESOURCE
         "\"arn:aws:states:::lambda:invoke.sync:2\",\"Parameters\":{\"FunctionName\":\"f\"}",
         "NOT_SUPPORTED: Service integration 'lambda:invoke.sync:2' is not supported yet at "
         "/States/S/Resource"},
        {RESOURCE "\"arn:aws:lambda:r:1:function:f:\"",
         "SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:lambda:r:1:function:f: is not "
         "recognized. The value is not a valid resource ARN, or the resource is not available in "
         "this "
         "region. at /States/S/Resource"},
        {RESOURCE "\"arn:aws:states:::lambda:invoke\",\"Parameters\":{\"Payload\":1,\"Func\":2}",
         "SCHEMA_VALIDATION_FAILED: The field 'Func' is not supported by Step Functions at "
         "/States/S/Parameters, SCHEMA_VALIDATION_FAILED: The field 'FunctionName' is required but "
         "was "
         "missing at /States/S/Parameters"},
        {RESOURCE "\"arn:aws:states:::lambda:invoke\",\"Parameters\":{\"FunctionName.$\":\"$.f\"}",
         ""},
        {"\"Type\":\"Map\",\"End\":true,\"ItemProcessor\":{}",
         "NOT_SUPPORTED: State type 'Map' is not supported yet at /States/S/Type"},
        {"\"Type\":\"Pass\",\"End\":true,\"Assign\":{}",
         "NOT_SUPPORTED: Field 'Assign' is not supported yet at /States/S/Assign"},
        {"\"Type\":\"Pass\",\"End\":true,\"QueryLanguage\":\"JSONata\"",
         "NOT_SUPPORTED: QueryLanguage 'JSONata' is not supported yet at /States/S/QueryLanguage"},
    };

    (void)state;
    check_state(examples, COUNT(examples));
}

/* AWS; the second text has two blanks before " at". */
static void test_asl_parse__express(void **state)
{
    static const struct example examples[] = {
        {RESOURCE "\"arn:aws:states:::glue:startJobRun.sync\"",
         "SCHEMA_VALIDATION_FAILED: Express state machine does not support '.sync' service "
         "integration "
         "at /States/S/Resource"},
        {RESOURCE "\"arn:aws:states:::sns:publish.waitForTaskToken\"",
         "SCHEMA_VALIDATION_FAILED: Express state machine does not support '.waitForTaskToken' "
         "service "
         "integration  at /States/S/Resource"},
        {RESOURCE "\"arn:aws:states:us-east-1:1:activity:a\"",
         "SCHEMA_VALIDATION_FAILED: Express state machine does not support Activity ARN at "
         "/States/S/Resource"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct arena a = {0};
        const char *text = arena_str(
            &a, arena_printf(&a, "{\"StartAt\":\"S\",\"States\":{\"S\":{%s}}}", examples[i].text));

        assert_string_equal(refusal(&a, text, true), examples[i].expected);
        arena_fini(&a);
    }
}

/* A pipeline stage as CDK writes it. */
static const char stage[] =
    "{\"StartAt\":\"Check\",\"TimeoutSeconds\":9,\"States\":{"
    "\"Check\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.from\",\"IsPresent\":true,"
    "\"Next\":"
    "\"Done\"}],\"Default\":\"Stage1\"},"
    "\"Stage1\":{\"Next\":\"Done\",\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"],"
    "\"IntervalSeconds\":20,"
    "\"MaxAttempts\":2,\"BackoffRate\":1.5,\"MaxDelaySeconds\":60,\"JitterStrategy\":\"FULL\"}],"
    "\"Catch\":[{\"ErrorEquals\":[\"A\",\"B\"],\"ResultPath\":\"$.e\",\"Next\":\"Sorry\"}],"
    "\"Type\":\"Task\",\"ResultPath\":null,\"Resource\":\"arn:aws:states:::lambda:invoke\","
    "\"Parameters\":{"
    "\"FunctionName\":\"arn:aws:lambda:us-east-1:123456789012:function:Stage1\",\"Payload\":{"
    "\"executionId.$\":\"$$.Execution.Name\",\"initialData.$\":\"States.StringToJson($[0].body)\"}}"
    "},"
    "\"Done\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:lambda:eu-west-1:1:function:end:live\","
    "\"End\":true},"
    "\"Sorry\":{\"Type\":\"Fail\",\"Error\":\"x\"}}}";

static void test_asl_parse__machine(void **state)
{
    struct arena a = {0};
    struct asl_diagnostics found = {0};
    struct asl_machine *m = NULL;
    const struct asl_state *st;
    struct err err;

    (void)state;
    assert_int_equal(asl_machine_parse(slice_str(stage), true, &a, &found, &m, &err), OK);
    assert_int_equal(found.count, 0);
    assert_int_equal(m->state_count, 4);
    assert_int_equal(m->scope_count, 1);
    assert_int_equal(m->scopes[0].start_at, 0);
    assert_int_equal(m->scopes[0].owner, ASL_NONE);
    assert_int_equal(m->timeout_seconds, 9);
    assert_true(slice_eq_str(m->definition, stage));

    st = &m->states[0];
    assert_int_equal(st->kind, ASL_CHOICE);
    assert_int_equal(st->next, ASL_NONE);
    assert_int_equal(st->choice.rule_count, 1);
    assert_int_equal(st->choice.rule_next[0], 2);
    assert_int_equal(st->choice.default_next, 1);

    st = &m->states[1];
    assert_true(slice_eq_str(st->name, "Stage1") && slice_eq_str(st->pointer, "/States/Stage1"));
    assert_int_equal(st->next, 2);
    assert_false(st->end);
    assert_int_equal(st->result_path.is, ASL_PATH_NULL);
    assert_int_equal(st->input_path.is, ASL_PATH_DEFAULT);
    assert_non_null(st->parameters);
    assert_null(st->result_selector);
    assert_int_equal(st->task.resource_kind, ASL_RESOURCE_INTEGRATION);
    assert_true(slice_eq_str(st->task.service, "lambda") &&
                slice_eq_str(st->task.action, "invoke"));
    assert_int_equal(st->retrier_count, 1);
    assert_int_equal(st->retriers[0].interval_s, 20);
    assert_int_equal(st->retriers[0].max_attempts, 2);
    assert_true(st->retriers[0].backoff_rate > 1.49 && st->retriers[0].backoff_rate < 1.51);
    assert_int_equal(st->retriers[0].max_delay_s, 60);
    assert_true(st->retriers[0].jitter_full);
    assert_int_equal(st->catcher_count, 1);
    assert_int_equal(st->catchers[0].error_count, 2);
    assert_int_equal(st->catchers[0].next, 3);
    assert_int_equal(st->catchers[0].result_path.is, ASL_PATH_SET);

    st = &m->states[2];
    assert_int_equal(st->task.resource_kind, ASL_RESOURCE_LAMBDA);
    assert_true(slice_eq_str(st->task.function, "end") &&
                slice_eq_str(st->task.region, "eu-west-1"));
    assert_int_equal(st->next, ASL_NONE);
    assert_true(st->end);
    assert_int_equal(st->task.timeout.is, ASL_SECONDS_NONE);
    asl_machine_free(m);
    arena_fini(&a);
}

static void test_asl_parse__retry_defaults(void **state)
{
    static const struct slice text = SLICE_INIT("{\"StartAt\":\"S\",\"States\":{\"S\":{" TASK
                                                "\"Retry\":[{\"ErrorEquals\":[\"a\"]}]}}}");
    struct arena a = {0};
    struct asl_diagnostics found = {0};
    struct asl_machine *m = NULL;
    struct err err;

    (void)state;
    assert_int_equal(asl_machine_parse(text, false, &a, &found, &m, &err), OK);
    assert_int_equal(m->states[0].retriers[0].interval_s, 1);
    assert_int_equal(m->states[0].retriers[0].max_attempts, 3);
    assert_true(m->states[0].retriers[0].backoff_rate > 1.99);
    assert_int_equal(m->states[0].retriers[0].max_delay_s, 0);
    assert_false(m->states[0].retriers[0].jitter_full);
    asl_machine_free(m);
    arena_fini(&a);
}

/* Warnings stand beside success. */
static void test_asl_parse__warnings(void **state)
{
    static const struct slice text = SLICE_INIT(
        "{\"StartAt\":\"S\",\"States\":{\"S\":{\"Type\":\"Pass\",\"End\":true,\"Result\":{\"a\":[{"
        "\"x.$\":\"$.y\"}]}}}}");
    struct arena a = {0};
    struct asl_diagnostics found = {0};
    struct asl_machine *m = NULL;
    struct err err;

    (void)state;
    assert_int_equal(asl_machine_parse(text, false, &a, &found, &m, &err), OK);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.items[0].severity, ASL_WARNING);
    assert_string_equal(found.items[0].code, "PASS_RESULT_IS_STATIC");
    asl_machine_free(m);
    arena_fini(&a);
}

/* `count` states of which each has `part` wrong. */
static struct slice many(struct buf *b, size_t count, const char *part)
{
    buf_put_str(b, "{\"StartAt\":\"0\",\"States\":{");
    for (size_t i = 0; i < count; i++) {
        buf_printf(b, "%s\"%zu\":{\"Type\":\"Pass\",\"End\":true%s}", i == 0 ? "" : ",", i, part);
    }
    buf_put_str(b, "}}");
    return buf_slice(b);
}

static void test_asl_parse__diagnostics_are_bounded(void **state)
{
    struct arena a = {0};
    struct asl_diagnostics found = {0};
    struct asl_machine *m = NULL;
    struct buf b = {0};
    struct err err;

    (void)state;
    assert_int_equal(asl_machine_parse(many(&b, 150, ",\"X\":1"), false, &a, &found, &m, &err),
                     ERR_INVALID_DEFINITION);
    assert_int_equal(found.count, ASL_DIAGNOSTICS_MAX);
    assert_null(m);
    buf_fini(&b);
    arena_fini(&a);
}

/* However many warnings, the error behind them refuses the machine and is told. */
static void test_asl_parse__warnings_hide_no_error(void **state)
{
    struct arena a = {0};
    struct asl_diagnostics found = {0};
    struct asl_machine *m = NULL;
    struct buf b = {0};
    struct err err;

    (void)state;
    assert_int_equal(
        asl_machine_parse(many(&b, 150, ",\"Result\":{\"x.$\":1}"), false, &a, &found, &m, &err),
        ERR_INVALID_DEFINITION);
    assert_int_equal(found.items[0].severity, ASL_WARNING);
    assert_int_equal(found.items[found.count - 1].severity, ASL_ERROR);
    assert_non_null(strstr(err.msg, "is not reachable"));
    buf_fini(&b);
    arena_fini(&a);
}

static void test_asl_parse__limits(void **state)
{
    static const char tail[] = "{\"Type\":\"Succeed\"}}}";

    (void)state;
    for (size_t len = LIMIT_NAME_CHARS; len <= LIMIT_NAME_CHARS + 1; len++) {
        struct arena a = {0};
        struct buf name = {0};

        for (size_t i = 0; i < len; i++) {
            buf_put_str(&name, "\xc3\xa9"); /* characters count, not bytes */
        }
        assert_int_equal(
            refusal(&a,
                    arena_str(&a, arena_printf(&a, "{\"StartAt\":\"%.*s\",\"States\":{\"%.*s\":%s",
                                               SLICE_FMT(buf_slice(&name)),
                                               SLICE_FMT(buf_slice(&name)), tail)),
                    false)[0] == '\0',
            len == LIMIT_NAME_CHARS);
        buf_fini(&name);
        arena_fini(&a);
    }
    for (size_t len = LIMIT_DEFINITION_BYTES; len <= LIMIT_DEFINITION_BYTES + 1; len++) {
        struct arena a = {0};
        struct asl_diagnostics found = {0};
        struct asl_machine *m = NULL;
        struct slice text = arena_printf(&a, "%-*s", (int)len, stage);
        struct err err;

        assert_int_equal(text.len, len);
        assert_int_equal(asl_machine_parse(text, false, &a, &found, &m, &err),
                         len == LIMIT_DEFINITION_BYTES ? OK : ERR_TOO_LARGE);
        asl_machine_free(m);
        arena_fini(&a);
    }
}

static void test_asl_parse__retrier_limit(void **state)
{
    (void)state;
    for (size_t count = LIMIT_RETRIERS; count <= LIMIT_RETRIERS + 1; count++) {
        struct arena a = {0};
        struct buf b = {0};

        buf_put_str(&b, "{\"StartAt\":\"S\",\"States\":{\"S\":{" TASK "\"Retry\":[");
        for (size_t i = 0; i < count; i++) {
            buf_printf(&b, "%s{\"ErrorEquals\":[\"a\"]}", i == 0 ? "" : ",");
        }
        buf_put_str(&b, "]}}}");
        assert_int_equal(refusal(&a, arena_str(&a, buf_slice(&b)), false)[0] == '\0',
                         count == LIMIT_RETRIERS);
        buf_fini(&b);
        arena_fini(&a);
    }
}

/* Nesting as deep as the document may be must not exhaust the stack. */
static void test_asl_parse__deep_rules(void **state)
{
    struct arena a = {0};
    struct buf b = {0};
    size_t depth = LIMIT_JSON_DEPTH - 8;

    (void)state;
    buf_put_str(
        &b,
        "{\"StartAt\":\"C\",\"States\":{\"C\":{\"Type\":\"Choice\",\"Choices\":[{\"Next\":\"D\","
        "\"Not\":");
    for (size_t i = 0; i < depth; i++) {
        buf_put_str(&b, "{\"Not\":");
    }
    buf_put_str(&b, "{\"Variable\":\"$\",\"IsNull\":true}");
    for (size_t i = 0; i < depth; i++) {
        buf_put_str(&b, "}");
    }
    buf_put_str(&b, "}]},\"D\":{\"Type\":\"Succeed\"}}}");
    assert_string_equal(refusal(&a, arena_str(&a, buf_slice(&b)), false), "");
    buf_fini(&b);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asl_parse__document),
        cmocka_unit_test(test_asl_parse__graph),
        cmocka_unit_test(test_asl_parse__state),
        cmocka_unit_test(test_asl_parse__choice),
        cmocka_unit_test(test_asl_parse__retry_and_catch),
        cmocka_unit_test(test_asl_parse__resources),
        cmocka_unit_test(test_asl_parse__express),
        cmocka_unit_test(test_asl_parse__machine),
        cmocka_unit_test(test_asl_parse__retry_defaults),
        cmocka_unit_test(test_asl_parse__warnings),
        cmocka_unit_test(test_asl_parse__diagnostics_are_bounded),
        cmocka_unit_test(test_asl_parse__warnings_hide_no_error),
        cmocka_unit_test(test_asl_parse__limits),
        cmocka_unit_test(test_asl_parse__retrier_limit),
        cmocka_unit_test(test_asl_parse__deep_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
