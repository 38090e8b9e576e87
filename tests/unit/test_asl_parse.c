/* SPDX-License-Identifier: Apache-2.0 */
/* parse.c, state.c, fields.c, retry.c, check.c and the small state_*.c: what a definition becomes,
 * and what is said of one that is wrong. Texts marked "AWS" are recorded answers. */
#include <stdio.h>

#include "proto/base/limits.h"
#include "tests/lib/asl_refusal.h"

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
        {"[]", "SCHEMA_VALIDATION_FAILED: Expected value of type [OBJECT] at /"},
        {"", "MISSING_DESCRIPTION: The definition is empty at null"},
        {"{\"StartAt\":\"A\",\"States\":{}}",
         SCHEMA "Value cannot be empty at /States, MISSING_TRANSITION_TARGET: Missing 'Next' "
                "target: A at /StartAt, MISSING_END_STATE: Workflow has no terminal state at null"},
        {"{\"StartAt\":\"A\",\"States\":[]}",
         "SCHEMA_VALIDATION_FAILED: Expected value of type [OBJECT] at /States"},
        {"{\"StartAt\":\"A\",\"Stats\":1,\"Version\":\"2.0\",\"TimeoutSeconds\":-1,\"States\":{"
         "\"A\":{"
         "\"Type\":\"Succeed\"}}}",
         "SCHEMA_VALIDATION_FAILED: Field 'Stats' is not supported at /, SCHEMA_VALIDATION_FAILED: "
         "Value should be one of the following: [1.0] at /Version, SCHEMA_VALIDATION_FAILED: "
         "Minimum value is 0 at /TimeoutSeconds"},
        {"{'StartAt':'A','TimeoutSeconds':0,'States':{'A':{'Type':'Succeed'}}}", ""},
        {"{'StartAt':'A','QueryLanguage':'jsonpath','States':{'A':{'Type':'Succeed'}}}",
         SCHEMA "Value should be one of the following: [JSONPath, JSONata] at /QueryLanguage"},
        {"{'StartAt':'A','QueryLanguage':5,'States':{'A':{'Type':'Succeed'}}}",
         SCHEMA "Expected value of type [STRING] at /QueryLanguage"},
        {"{'States':{'A':{'Type':'Succeed'}}}", SCHEMA "These fields are required: [StartAt] at /"},
        {"{\"StartAt\":\"A\",\"States\":{\"A\":5}}",
         SCHEMA "Expected value of type [OBJECT] at /States/A, "
                "MISSING_END_STATE: Workflow has no terminal state at null"},
        {"  \n", "MISSING_DESCRIPTION: The definition is empty at null"},
        {"{\"StartAt\":\"\",\"States\":{\"\":{\"Type\":\"Succeed\"}}}",
         "INVALID_STATE_NAME: Invalid State name: State name cannot be empty at /States/"},
        {"{\"StartAt\":5,\"States\":{\"A\":{\"Type\":\"Succeed\"}}}",
         "SCHEMA_VALIDATION_FAILED: Expected value of type [STRING] at /StartAt"},
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
        {"\"End\":true", "SCHEMA_VALIDATION_FAILED: The field 'Type' is required at /States/S"},
        {"'Comment':'c'", SCHEMA "The field 'Type' is required at /States/S, "
                                 "MISSING_END_STATE: Workflow has no terminal state at null"},
        {"\"Type\":\"Nothing\",\"End\":true",
         "SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of "
         "these values: [Task, Wait, Pass, "
         "Succeed, Fail, Choice, Parallel, Map] at /States/S/Type"},
        {"\"Type\":\"Pass\"",
         SCHEMA "This object should have only one of the following fields: [Next, End] at "
                "/States/S, MISSING_END_STATE: Workflow has no terminal state at null"},
        {"\"Type\":\"Pass\",\"End\":true,\"Next\":\"S\"",
         "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [Next, End] "
         "at "
         "/States/S"},
        {"\"Type\":\"Pass\",\"End\":false",
         "SCHEMA_VALIDATION_FAILED: The field 'End' should have one of these values: [true] at "
         "/States/S/End, MISSING_END_STATE: Workflow has no terminal state at null"},
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
         "SCHEMA_VALIDATION_FAILED: Value must be a valid JSONPath. at /States/S/InputPath"},
        {"'Type':'Pass','End':true,'OutputPath':'$.'",
         SCHEMA "Value must be a valid JSONPath. at /States/S/OutputPath"},
        {"'Type':'Pass','End':true,'ResultPath':'a'",
         SCHEMA "Value must be a valid JSONPath. at /States/S/ResultPath"},
        {"'Type':'Pass','End':true,'InputPath':5",
         SCHEMA "Expected value of type [STRING] at /States/S/InputPath"},
        {"'Type':'Pass','End':true,'InputPath':null,'OutputPath':null,'ResultPath':null", ""},
        {"'Type':'Pass','End':true,'QueryLanguage':'JSONPATH'",
         SCHEMA "Value should be one of the following: [JSONPath, JSONata] at "
                "/States/S/QueryLanguage"},
        {"\"Type\":\"Pass\",\"End\":true,\"ResultPath\":\"$.*\"",
         "SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: '*' is not allowed at "
         "/States/S/ResultPath"},
        {"\"Type\":\"Pass\",\"End\":true,\"ResultPath\":\"$$.a\"",
         "SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: it must begin with '$.' or '$[' "
         "at "
         "/States/S/ResultPath"},
        {"\"Type\":\"Pass\",\"End\":true,\"Parameters\":\"$\"",
         "SCHEMA_VALIDATION_FAILED: Expected value of type [OBJECT] at /States/S/Parameters"},
        {"'Type':'Wait','End':true",
         SCHEMA "This object should have only one of the following fields: [SecondsPath, Seconds, "
                "TimestampPath, Timestamp] at /States/S"},
        {"'Type':'Wait','End':true,'Seconds':1,'Timestamp':'2016-12-05T21:29:29Z'",
         SCHEMA "There should only be one of the following fields: [SecondsPath, Seconds, "
                "TimestampPath, Timestamp] at /States/S"},
        {"'Type':'Wait','End':true,'Seconds':-1", SCHEMA "Minimum value is 0 at /States/S/Seconds"},
        {"'Type':'Wait','End':true,'Seconds':1.5",
         SCHEMA "Expected value of type Integer at /States/S/Seconds"},
        {"'Type':'Wait','End':true,'SecondsPath':'$.*'",
         SCHEMA "Value is not a Reference Path: '*' is not allowed at /States/S/SecondsPath"},
        {"\"Type\":\"Wait\",\"End\":true,\"Seconds\":100000000",
         "SCHEMA_VALIDATION_FAILED: Maximum value is 99999999 at /States/S/Seconds"},
        {"\"Type\":\"Wait\",\"End\":true,\"Seconds\":99999999", ""},
        {"\"Type\":\"Wait\",\"End\":true,\"Seconds\":\"5\"",
         "SCHEMA_VALIDATION_FAILED: Expected value of type Integer at /States/S/Seconds"},
        {"\"Type\":\"Wait\",\"End\":true,\"Timestamp\":\"2016-12-05 21:29:29Z\"",
         "SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at "
         "/States/S/Timestamp"},
        {"\"Type\":\"Fail\",\"Error\":\"a\",\"ErrorPath\":\"$.a\"",
         "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [Error, "
         "ErrorPath] at "
         "/States/S"},
        {"\"Type\":\"Fail\",\"CausePath\":\"States.Array(1)\"",
         SCHEMA "The value for the field 'CausePath' must be a valid JSONPath or a valid intrinsic "
                "function call at /States/S/CausePath"},
        {"\"Type\":\"Fail\",\"CausePath\":\"States.UUID(\"",
         SCHEMA "The value for the field 'CausePath' must be a valid JSONPath or a valid intrinsic "
                "function call at /States/S/CausePath"},
        {"\"Type\":\"Fail\",\"ErrorPath\":\"error\"",
         SCHEMA "Value must be a valid JSONPath. at /States/S/ErrorPath"},
        {"\"Type\":\"Fail\",\"ErrorPath\":\"$..e\"",
         SCHEMA "Value is not a Reference Path: '..' is not allowed at /States/S/ErrorPath"},
    };

    (void)state;
    check_state(examples, COUNT(examples), NULL);
}

/* Choice "S" with these fields beside its Type; "T" ends the machine. */
static void check_choice(const struct example *examples, size_t count)
{
    check_in("{'StartAt':'S','States':{'S':{'Type':'Choice',", examples, count,
             "},'T':{'Type':'Succeed'}}}", NULL);
}

#define RULE(fields) "'Choices':[{'Next':'T'," fields "}]"
#define AT_RULE      " at /States/S/Choices[0]"
#define OPERATORS                                                                                  \
    "[StringEquals, IsBoolean, StringLessThan, IsNumeric, BooleanEquals, "                         \
    "StringLessThanEqualsPath, NumericLessThan, NumericGreaterThan, NumericLessThanPath, "         \
    "StringMatches, TimestampLessThanEqualsPath, NumericEquals, TimestampGreaterThan, "            \
    "StringGreaterThanEqualsPath, TimestampGreaterThanEqualsPath, TimestampLessThanEquals, "       \
    "NumericLessThanEqualsPath, TimestampEquals, BooleanEqualsPath, IsTimestamp, "                 \
    "StringLessThanEquals, NumericLessThanEquals, StringLessThanPath, TimestampGreaterThanPath, "  \
    "StringGreaterThan, StringGreaterThanPath, IsString, StringEqualsPath, "                       \
    "TimestampEqualsPath, TimestampLessThan, StringGreaterThanEquals, NumericGreaterThanPath, "    \
    "NumericGreaterThanEquals, NumericEqualsPath, TimestampLessThanPath, IsNull, IsPresent, "      \
    "TimestampGreaterThanEquals, NumericGreaterThanEqualsPath]"

static void test_asl_parse__choice(void **state)
{
    static const struct example examples[] = {
        {"'Default':'T'", SCHEMA "These fields are required: [Choices] at /States/S"},
        {"'Choices':[]", SCHEMA "Value cannot be empty at /States/S/Choices"},
        {"'Choices':[5]", SCHEMA "Expected value of type [OBJECT]" AT_RULE},
        /* AWS */
        {"'Choices':[{'Variable':'$','StringMatches':'Test'}]",
         SCHEMA "These fields are required: [Next]" AT_RULE},
        {RULE("'Variable':'$.a'"),
         SCHEMA "This object should have only one of the following fields: " OPERATORS AT_RULE},
        {RULE("'Variable':'$.a','IsNull':true,'StringEquals':'b'"),
         SCHEMA "There should only be one of the following fields: " OPERATORS AT_RULE},
        {RULE("'Variable':'status','IsNull':true"), SCHEMA
         "Value is not a Reference Path: Reference path didn't start with '$'" AT_RULE "/Variable"},
        {RULE("'Variable':'$.a','StringEqualsPath':'b'"),
         SCHEMA "Value is not a Reference Path: Reference path didn't start with '$'" AT_RULE
                "/StringEqualsPath"},
        {RULE("'IsNull':true"), SCHEMA "The object must have only one of the following fields, "
                                       "[And, Or, Not, Variable, Condition]" AT_RULE},
        {RULE("'Variable':'$.a','IsNull':true,'And':[]"),
         SCHEMA "The object must have only one of the following fields, "
                "[And, Or, Not, Variable, Condition]" AT_RULE},
        {RULE("'Not':{'Variable':'$.a','IsNull':true,'Next':'T'}"),
         SCHEMA "Field 'Next' is not supported" AT_RULE "/Not"},
        {RULE("'And':[]"), SCHEMA "Value cannot be empty" AT_RULE "/And"},
        {RULE("'Or':[]"), SCHEMA "Value cannot be empty" AT_RULE "/Or"},
        {RULE("'Condition':true"),
         SCHEMA "The QueryLanguage is set to 'JSONPath', but field 'Condition' is only supported "
                "for the 'JSONata' QueryLanguage" AT_RULE},
        /* Ours */
        {RULE("'Variable':'$.a','IsNull':1"),
         SCHEMA "Expected value of type [BOOLEAN]" AT_RULE "/IsNull"},
        {RULE("'Variable':'$.a','NumericEquals':'1'"),
         SCHEMA "Expected value of type [NUMBER]" AT_RULE "/NumericEquals"},
        {RULE("'And':[5]"), SCHEMA "Expected value of type [OBJECT]" AT_RULE "/And[0]"},
        {RULE("'Not':{'Not':{}}"), SCHEMA "The object must have only one of the following fields, "
                                          "[And, Or, Not, Variable, Condition]" AT_RULE "/Not/Not"},
        {RULE("'And':[{'Variable':'$.a','IsNull':true}],'IsNull':true"),
         SCHEMA "Field 'IsNull' is not supported" AT_RULE},
        {RULE("'Variable':'$.a','IsNull':true,'Other':1"),
         SCHEMA "Field 'Other' is not supported" AT_RULE},
        {RULE("'Variable':'$.a','TimestampEquals':'x'"),
         SCHEMA "String does not match RFC3339 timestamp" AT_RULE "/TimestampEquals"},
        {RULE("'Variable':'$.a[','IsNull':true"),
         SCHEMA "Value is not a Reference Path: '[' must be followed by a quote, a number, '*' or "
                "'?('" AT_RULE "/Variable"},
        /* Variable may be any path, the right side names one node. */
        {RULE("'Variable':'$..a','IsNull':true"), ""},
        {RULE("'Variable':'$.a[?(@.b > 1)]','IsPresent':true"), ""},
        {RULE("'Variable':'$$.Execution.Name','StringEqualsPath':'$v.a'"), ""},
        {RULE("'Variable':'$.a','StringEqualsPath':'$..a'"),
         SCHEMA "Value is not a Reference Path: '..' is not allowed" AT_RULE "/StringEqualsPath"},
    };

    (void)state;
    check_choice(examples, COUNT(examples));
}

/* Each operator makes a rule of its own. */
static void test_asl_parse__choice_operators(void **state)
{
    static const struct example examples[] = {
#define CHOICE_OPERATOR(name, type, relation, twin)                                                \
    {RULE("'Variable':'$.a','" name "':" CHOICE_##type), ""},                                      \
        {twin ? RULE("'Variable':'$.a','" name "Path':'$.b'") : "'Choices':[" GOOD_RULE "]", ""},
#define CHOICE_STRING    "'a'"
#define CHOICE_NUMERIC   "1.5"
#define CHOICE_BOOLEAN   "true"
#define CHOICE_TIMESTAMP "'2001-01-01T12:00:00Z'"
#define GOOD_RULE        "{'Variable':'$.a','IsNull':true,'Next':'T'}"
#include "coordinator/asl/choice.def"
#undef CHOICE_OPERATOR
    };

    (void)state;
    check_choice(examples, COUNT(examples));
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
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"IntervalSeconds\":0}]", ""},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"IntervalSeconds\":-1}]",
         "SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/S/Retry[0]/IntervalSeconds"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"BackoffRate\":0.9}]",
         "SCHEMA_VALIDATION_FAILED: Minimum value is 1.0 at /States/S/Retry[0]/BackoffRate"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"BackoffRate\":1.0,\"MaxAttempts\":0}]", ""},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"MaxDelaySeconds\":31622400}]", ""},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"MaxDelaySeconds\":31622401}]",
         "SCHEMA_VALIDATION_FAILED: Maximum value is 31622400 at "
         "/States/S/Retry[0]/MaxDelaySeconds"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"IntervalSeconds\":5,\"MaxDelaySeconds\":1}]",
         ""},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"MaxDelaySeconds\":0}]",
         SCHEMA "Minimum value is 1 at /States/S/Retry[0]/MaxDelaySeconds"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"JitterStrategy\":\"HALF\"}]",
         SCHEMA "Value should be one of the following: [NONE, FULL] at "
                "/States/S/Retry[0]/JitterStrategy"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"States.ALL\",\"a\"]}]",
         SCHEMA "States.ALL must appear alone and at end of list at "
                "/States/S/Retry[0]/ErrorEquals[0]"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\",\"States.ALL\",5]}]",
         SCHEMA "States.ALL must appear alone and at end of list at "
                "/States/S/Retry[0]/ErrorEquals[1], " SCHEMA
                "Expected value of type [STRING] at /States/S/Retry[0]/ErrorEquals[2]"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"]},{\"ErrorEquals\":[\"a\"]}]",
         SCHEMA "States.ALL must appear alone and at end of list at "
                "/States/S/Retry[0]/ErrorEquals[0]"},
        {TASK "\"Catch\":[{\"ErrorEquals\":[\"a\"]}]",
         "SCHEMA_VALIDATION_FAILED: These fields are required: [Next] at /States/S/Catch[0]"},
        {TASK "\"Catch\":[{\"ErrorEquals\":[\"a\"],\"Next\":\"S\",\"Assign\":{}}]", ""},
        {TASK "\"Catch\":[{\"ErrorEquals\":[\"a\"],\"Next\":\"S\",\"Output\":{}}]",
         SCHEMA "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for "
                "the 'JSONata' QueryLanguage at /States/S/Catch[0]"},
        {TASK "\"Catch\":[{\"ErrorEquals\":[\"a\"],\"Next\":\"S\",\"ResultPath\":\"$..a\"}]",
         SCHEMA "Value is not a Reference Path: '..' is not allowed at "
                "/States/S/Catch[0]/ResultPath"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"MaxAttempts\":-1}]",
         SCHEMA "Minimum value is 0 at /States/S/Retry[0]/MaxAttempts"},
        {TASK "\"Retry\":[{\"ErrorEquals\":[\"a\"],\"Next\":\"S\"}]",
         SCHEMA "Field 'Next' is not supported at /States/S/Retry[0]"},
        {TASK "\"Retry\":[5]",
         "SCHEMA_VALIDATION_FAILED: Expected value of type [OBJECT] at /States/S/Retry[0]"},
        {TASK "\"TimeoutSeconds\":5,\"HeartbeatSeconds\":5",
         "SCHEMA_VALIDATION_FAILED: 'HeartbeatSeconds' must be smaller than 'TimeoutSeconds' at "
         "/States/S"},
        {TASK "\"TimeoutSeconds\":5,\"TimeoutSecondsPath\":\"$.t\"",
         "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: "
         "[TimeoutSeconds, "
         "TimeoutSecondsPath] at /States/S"},
    };

    (void)state;
    check_state(examples, COUNT(examples), NULL);
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
    "\"Catch\":[{\"ErrorEquals\":[\"A\",\"B\"],\"ResultPath\":\"$.e\",\"Next\":\"Sorry\","
    "\"Assign\":{\"e.$\":\"$.Error\"}}],"
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
    static const struct asl_options express = {.express = true};

    (void)state;
    assert_int_equal(asl_machine_parse(slice_str(stage), &express, &a, &found, &m, &err), OK);
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
    assert_true(slice_eq_str(st->name, "Stage1"));
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
    assert_non_null(st->catchers[0].assign);
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
    assert_int_equal(asl_machine_parse(text, NULL, &a, &found, &m, &err), OK);
    assert_int_equal(m->states[0].retriers[0].interval_s, 1);
    assert_int_equal(m->states[0].retriers[0].max_attempts, 3);
    assert_true(m->states[0].retriers[0].backoff_rate > 1.99);
    assert_int_equal(m->states[0].retriers[0].max_delay_s, 0);
    assert_false(m->states[0].retriers[0].jitter_full);
    asl_machine_free(m);
    arena_fini(&a);
}

/* Nothing to walk, nothing at all, a walk. */
static void test_asl_parse__path_fields(void **state)
{
    struct arena a = {0};
    struct asl_machine *m =
        good(&a,
             "{'StartAt':'S','States':{'S':{'Type':'Pass','End':true,'InputPath':'$',"
             "'OutputPath':null,'ResultPath':'$.a'}}}",
             NULL);
    const struct asl_state *st = &m->states[0];

    (void)state;
    assert_int_equal(st->input_path.is, ASL_PATH_DEFAULT);
    assert_int_equal(st->output_path.is, ASL_PATH_NULL);
    assert_int_equal(st->result_path.is, ASL_PATH_SET);
    assert_non_null(st->result_path.path);
    assert_true(slice_eq_str(st->result_path.text, "$.a"));
    asl_machine_free(m);
    arena_fini(&a);
}

/* What stands in the one state "S", and the warnings. */
static void check_warnings(const char *fields, const struct example *expected, size_t count)
{
    struct arena a = {0};
    struct asl_diagnostics found = {0};
    struct asl_machine *m = NULL;
    struct err err;
    struct slice text =
        arena_printf(&a, "{\"StartAt\":\"S\",\"States\":{\"S\":{%s}}}", quoted(&a, fields));

    assert_int_equal(asl_machine_parse(text, NULL, &a, &found, &m, &err), OK);
    assert_int_equal(found.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(found.items[i].severity, ASL_WARNING);
        assert_string_equal(found.items[i].code, expected[i].text);
        assert_string_equal(arena_str(&a, found.items[i].location), expected[i].expected);
    }
    asl_machine_free(m);
    arena_fini(&a);
}

/* Warnings stand beside success. */
static void test_asl_parse__path_like_values(void **state)
{
    static const struct example fail[] = {{"NO_PATH", "/States/S/Error"},
                                          {"NO_PATH", "/States/S/Cause"}};
    static const struct example template[] = {{"NO_DOLLAR", "/States/S/Parameters"}};
    static const struct example result[] = {{"PASS_RESULT_IS_STATIC", "/States/S/Result"}};

    (void)state;
    check_warnings("'Type':'Fail','Error':'$.e','Cause':'$$.c'", fail, 2);
    check_warnings("'Type':'Fail','Error':'$','Cause':'5 $.'", NULL, 0);
    check_warnings("'Type':'Pass','End':true,'Parameters':{'a':'$.b'}", template, 1);
    check_warnings("'Type':'Pass','End':true,'Result':{'a':['$.b']}", result, 1);
    check_warnings("'Type':'Pass','End':true,'Result':{'a.$':5}", result, 1);
    check_warnings("'Type':'Pass','End':true,'Result':{'a':'$5'}", NULL, 0);
}

/* Code, place and text of the first warning, as the API's documentation shows them. */
static void test_asl_parse__warnings(void **state)
{
    static const struct example examples[] = {
        {"'Type':'Pass','End':true,'Result':{'a':[{'c.$':'$.y'}],'d.$':'$.x'}",
         "PASS_RESULT_IS_STATIC at /States/S/Result: The value of 'c.$' will not evaluate as a "
         "JSONPath or Intrinsic Function at runtime. Instead of 'Result', use 'Parameters' to "
         "evaluate it as a JSONPath or Intrinsic Function at runtime."},
        {"'Type':'Pass','End':true,'Result':{'a':{},'b':[1,['$.y']]}",
         "PASS_RESULT_IS_STATIC at /States/S/Result: The value of 'b' will not evaluate as a "
         "JSONPath or Intrinsic Function at runtime. Instead of 'Result', use 'Parameters' to "
         "evaluate it as a JSONPath or Intrinsic Function at runtime."},
        {"'Type':'Fail','Cause':'$.c'",
         "NO_PATH at /States/S/Cause: The value of 'Cause' looks like a JSONPath. Instead of "
         "'Cause', use 'CausePath' to evaluate it as a JSONPath at runtime."},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct arena a = {0};
        struct asl_diagnostics found = {0};
        struct asl_machine *m = NULL;
        struct err err;
        const struct asl_diagnostic *d;
        struct slice text = arena_printf(&a, "{\"StartAt\":\"S\",\"States\":{\"S\":{%s}}}",
                                         quoted(&a, examples[i].text));

        assert_int_equal(asl_machine_parse(text, NULL, &a, &found, &m, &err), OK);
        assert_int_equal(found.count, 1);
        d = &found.items[0];
        assert_int_equal(d->severity, ASL_WARNING);
        assert_string_equal(
            arena_str(&a, arena_printf(&a, "%s at %.*s: %.*s", d->code, SLICE_FMT(d->location),
                                       SLICE_FMT(d->message))),
            examples[i].expected);
        asl_machine_free(m);
        arena_fini(&a);
    }
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
    assert_int_equal(asl_machine_parse(many(&b, 150, ",\"X\":1"), NULL, &a, &found, &m, &err),
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
        asl_machine_parse(many(&b, 150, ",\"Result\":{\"x.$\":1}"), NULL, &a, &found, &m, &err),
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
                    NULL)[0] == '\0',
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
        assert_int_equal(asl_machine_parse(text, NULL, &a, &found, &m, &err),
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
        assert_int_equal(refusal(&a, arena_str(&a, buf_slice(&b)), NULL)[0] == '\0',
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
    assert_string_equal(refusal(&a, arena_str(&a, buf_slice(&b)), NULL), "");
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
        cmocka_unit_test(test_asl_parse__choice_operators),
        cmocka_unit_test(test_asl_parse__retry_and_catch),
        cmocka_unit_test(test_asl_parse__machine),
        cmocka_unit_test(test_asl_parse__retry_defaults),
        cmocka_unit_test(test_asl_parse__path_fields),
        cmocka_unit_test(test_asl_parse__path_like_values),
        cmocka_unit_test(test_asl_parse__warnings),
        cmocka_unit_test(test_asl_parse__diagnostics_are_bounded),
        cmocka_unit_test(test_asl_parse__warnings_hide_no_error),
        cmocka_unit_test(test_asl_parse__limits),
        cmocka_unit_test(test_asl_parse__retrier_limit),
        cmocka_unit_test(test_asl_parse__deep_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
