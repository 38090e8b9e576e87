/* SPDX-License-Identifier: Apache-2.0 */
/* resource.c, state_task.c: what a Task's Resource names and who carries it out. Texts marked "AWS"
 * are recorded answers. */
#include "tests/lib/asl_refusal.h"

#define RESOURCE  "'Type':'Task','End':true,'Resource':"
#define CALL(arn) RESOURCE "'arn:aws:states:::" arn "'"
#define UNKNOWN(arn)                                                                               \
    SCHEMA "The resource provided " arn " is not recognized. The value is not a valid resource "   \
           "ARN, or the resource is not available in this region. at /States/S/Resource"
#define NO_CALL(arn) UNKNOWN("arn:aws:states:::" arn)
#define START        ",'Parameters':{'StateMachineArn':'m'}"
#define INVOKE       ",'Parameters':{'FunctionName':'f'}"
#define GLUE         ",'Parameters':{'JobName':'j'}"
#define ANY          ",'Parameters':{}"
#define NO_PARAMETERS(arn)                                                                         \
    SCHEMA "Parameters field is required for resource ARN: arn:aws:states:::" arn                  \
           " at /States/S/Resource"

/* A handler for everything of "acme", for "glue:startJobRun" and, if asked, for our own. */
static char handler_name[] = "worker"; /* need not outlive the parse */

static bool bound(const void *arg, struct slice service, struct slice action, struct slice *handler)
{
    bool all = arg != NULL;

    *handler = slice_str(handler_name);
    return all || slice_eq_str(service, "acme") ||
           (slice_eq_str(service, "glue") && slice_eq_str(action, "startJobRun"));
}

static const struct asl_options binding = {.bound = bound};
static const struct asl_options binding_all = {.bound = bound, .arg = ""};

static void test_asl_resource__names(void **state)
{
    static const struct example examples[] = {
        /* AWS */
        {CALL("dynamodb:query"), NO_CALL("dynamodb:query")},
        {RESOURCE "'createToken'",
         SCHEMA "Value is not a valid resource ARN at /States/S/Resource"},
        /* Ours */
        {"'Type':'Task','End':true", SCHEMA "These fields are required: [Resource] at /States/S"},
        {RESOURCE "5", SCHEMA "Expected value of type [STRING] at /States/S/Resource"},
        {CALL("batch:submitJob.sync"), NO_CALL("batch:submitJob.sync")},
        {CALL("aws-sdk:s3:getObject"), NO_CALL("aws-sdk:s3:getObject")},
        {CALL("aws-sdk:sfn:describeExecution.sync"), NO_CALL("aws-sdk:sfn:describeExecution.sync")},
        {CALL("aws-sdk:sfn:deleteEverything"), NO_CALL("aws-sdk:sfn:deleteEverything")},
        {CALL("aws-sdk::startExecution"), NO_CALL("aws-sdk::startExecution")},
        {CALL("lambda:invoke.sync") INVOKE, NO_CALL("lambda:invoke.sync")},
        {CALL("lambda:invoke.sync:2") INVOKE, NO_CALL("lambda:invoke.sync:2")},
        {CALL("lambda:invoke.later") INVOKE, NO_CALL("lambda:invoke.later")},
        {CALL("lambda:") INVOKE, NO_CALL("lambda:")},
        {CALL("states:stopExecution") START, NO_CALL("states:stopExecution")},
        {RESOURCE "'arn:aws:states:us-east-1::lambda:invoke'",
         UNKNOWN("arn:aws:states:us-east-1::lambda:invoke")},
        {RESOURCE "'arn:aws:s3:r:1:x'", UNKNOWN("arn:aws:s3:r:1:x")},
        {RESOURCE "'arn:aws:lambda:r:1:layer:f'", UNKNOWN("arn:aws:lambda:r:1:layer:f")},
        {RESOURCE "'arn:aws:lambda:r:1:function:f:'", UNKNOWN("arn:aws:lambda:r:1:function:f:")},
        {RESOURCE "'arn:aws:lambda:r:1:function:'", UNKNOWN("arn:aws:lambda:r:1:function:")},
        {RESOURCE "'arn:aws:lambda:r:1:function:f:1:2'",
         UNKNOWN("arn:aws:lambda:r:1:function:f:1:2")},
        {RESOURCE "'arn:aws:states:r:1:activity:'", UNKNOWN("arn:aws:states:r:1:activity:")},
        {RESOURCE "'arn:aws:states:r:1:activity:a b'", UNKNOWN("arn:aws:states:r:1:activity:a b")},
        {RESOURCE "'arn:aws:states:r:1:stateMachine:m'",
         UNKNOWN("arn:aws:states:r:1:stateMachine:m")},
    };

    (void)state;
    check_state(examples, COUNT(examples), NULL);
}

static void test_asl_resource__parameters(void **state)
{
    static const struct example examples[] = {
        {CALL("lambda:invoke") ",'Parameters':{'Payload':1,'Func':2}", SCHEMA
         "The field \"Func\" is not supported by Step Functions at /States/S/Parameters, " SCHEMA
         "The field 'FunctionName' is required but was missing at /States/S/Parameters"},
        {CALL("lambda:invoke") ",'Parameters':{}",
         SCHEMA "The field 'FunctionName' is required but was missing at /States/S/Parameters"},
        /* AWS */
        {CALL("lambda:invoke"), NO_PARAMETERS("lambda:invoke")},
        /* Ours */
        {CALL("lambda:invoke.waitForTaskToken"), NO_PARAMETERS("lambda:invoke.waitForTaskToken")},
        {CALL("aws-sdk:sfn:listStateMachines"), NO_PARAMETERS("aws-sdk:sfn:listStateMachines")},
        {CALL("aws-sdk:sfn:listStateMachines") ANY, ""},
        {"'QueryLanguage':'JSONata'," CALL("lambda:invoke"),
         SCHEMA "Arguments field is required for resource ARN: arn:aws:states:::lambda:invoke at "
                "/States/S/Resource"},
        {"'QueryLanguage':'JSONata'," CALL("lambda:invoke") ",'Arguments':{'FunctionName.$':'f'}",
         SCHEMA "The field \"FunctionName.$\" is not supported by Step Functions at "
                "/States/S/Arguments, " SCHEMA
                "The field 'FunctionName' is required but was missing at /States/S/Arguments"},
        {CALL("lambda:invoke") ",'Parameters':{'FunctionName.$':'$.f','Payload.$':'$','Qualifier':"
                               "'1','InvocationType':'Event','LogType':'Tail','ClientContext':''}",
         ""},
        {CALL("states:startExecution.sync:2") ",'Parameters':{'Input':1,'Machine':'$'}", SCHEMA
         "The field \"Machine\" is not supported by Step Functions at /States/S/Parameters, " SCHEMA
         "The field 'StateMachineArn' is required but was missing at /States/S/Parameters"},
        /* AWS: refused when it is called */
        {CALL("lambda:invoke") ",'Parameters':{'FunctionName':'f','TaskToken.$':'$$.Task.Token'}",
         ""},
        {CALL("states:startExecution") ",'Parameters':{'StateMachineArn.$':'$.m','Input':{},"
                                       "'Name.$':'$.n','TraceHeader':''}",
         ""},
        {"'QueryLanguage':'JSONata'," CALL("lambda:invoke") ",'Arguments':{'Payload':1}",
         SCHEMA "The field 'FunctionName' is required but was missing at /States/S/Arguments"},
    };

    (void)state;
    check_state(examples, COUNT(examples), NULL);
}

#define SORRY(what) SCHEMA "Express state machine does not support " what " at /States/S/Resource"
#define NO_SYNC     SORRY("'.sync' service integration")
#define NO_TOKEN    SORRY("'.waitForTaskToken' service integration ")

/* AWS; the second text has two blanks before " at". */
static void test_asl_resource__express(void **state)
{
    static const struct asl_options express = {.express = true, .bound = bound};
    static const struct example examples[] = {
        {CALL("glue:startJobRun.sync"), NO_SYNC},
        {CALL("batch:submitJob.sync") ANY, NO_SYNC},
        {CALL("states:startExecution.sync:2") START, NO_SYNC},
        {CALL("sns:publish.waitForTaskToken"), NO_TOKEN},
        {CALL("acme:do.waitForTaskToken"), NO_TOKEN},
        {CALL("aws-sdk:sfn:describeExecution.waitForTaskToken"), NO_TOKEN},
        {RESOURCE "'arn:aws:states:us-east-1:1:activity:a'", SORRY("Activity ARN")},
        {CALL("states:startExecution") START, ""},
        {CALL("glue:startJobRun") GLUE, ""},
    };

    (void)state;
    check_state(examples, COUNT(examples), &express);
}

/* Where a name may be carried out by someone. */
static void test_asl_resource__bindings(void **state)
{
    static const struct asl_options lint = {.lint = true};
    static const struct asl_options stored = {.stored = true};
    static const struct example with[] = {
        {CALL("glue:startJobRun") GLUE, ""},
        {CALL("glue:startJobRun.sync") GLUE, ""},
        {CALL("glue:startJobRun.waitForTaskToken"), NO_CALL("glue:startJobRun.waitForTaskToken")},
        {CALL("acme:do"), ""},
        {CALL("acme:do.sync"), ""},
        {CALL("acme:do.waitForTaskToken"), ""},
        {CALL("acme:do.sync:3"), NO_CALL("acme:do.sync:3")},
        {CALL("acme:"), NO_CALL("acme:")},
        {CALL("sqs:sendMessage"), NO_CALL("sqs:sendMessage")},
    };
    static const struct example linted[] = {
        {CALL("sqs:sendMessage.waitForTaskToken") ",'Parameters':{'QueueUrl':'q'}",
         SCHEMA "The field 'MessageBody' is required but was missing at /States/S/Parameters"},
        {CALL("sqs:sendMessage.sync"), NO_CALL("sqs:sendMessage.sync")},
        {CALL("aws-sdk:s3:getObject.waitForTaskToken") ANY, ""},
        {CALL("aws-sdk:s3:getObject.sync"), NO_CALL("aws-sdk:s3:getObject.sync")},
        {CALL("acme:do"), NO_CALL("acme:do")},
    };
    static const struct example kept[] = {
        {CALL("acme:do.sync"), ""},
        {CALL("aws-sdk:s3:getObject"), ""},
        {CALL("sqs:sendMessage"), ""},
    };

    (void)state;
    check_state(with, COUNT(with), &binding);
    check_state(linted, COUNT(linted), &lint);
    check_state(kept, COUNT(kept), &stored);
}

static void
check_task(const char *fields, const struct asl_options *options, const struct asl_task *expected)
{
    struct arena a = {0};
    const char *text =
        arena_str(&a, arena_printf(&a, "{'StartAt':'S','States':{'S':{%s}}}", fields));
    struct asl_machine *m = good(&a, text, options);
    const struct asl_task *t = &m->states[0].task;

    handler_name[0] = 'x';
    assert_int_equal(t->resource_kind, expected->resource_kind);
    assert_int_equal(t->carrier, expected->carrier);
    assert_int_equal(t->pattern, expected->pattern);
    assert_true(slice_eq(t->service, expected->service));
    assert_true(slice_eq(t->action, expected->action));
    assert_true(slice_eq(t->function, expected->function));
    assert_true(slice_eq(t->qualifier, expected->qualifier));
    assert_true(slice_eq(t->activity, expected->activity));
    assert_true(slice_eq(t->region, expected->region));
    handler_name[0] = 'w';
    asl_machine_free(m);
    arena_fini(&a);
}

static void test_asl_resource__carriers(void **state)
{
    static const struct asl_options stored = {.stored = true};

    (void)state;
    check_task(RESOURCE "'arn:aws:lambda:eu-west-1:1:function:f:live'", NULL,
               &(struct asl_task){.resource_kind = ASL_RESOURCE_LAMBDA,
                                  .carrier = ASL_BY_FUNCTION,
                                  .function = SLICE("f"),
                                  .qualifier = SLICE("live"),
                                  .region = SLICE("eu-west-1")});
    check_task(RESOURCE "'arn:aws:states:r:1:activity:act'", NULL,
               &(struct asl_task){.resource_kind = ASL_RESOURCE_ACTIVITY,
                                  .carrier = ASL_BY_ACTIVITY,
                                  .activity = SLICE("act"),
                                  .region = SLICE("r")});
    check_task(
        CALL("lambda:invoke.waitForTaskToken") ",'Parameters':{'FunctionName':'1:function:g'}",
        NULL,
        &(struct asl_task){.resource_kind = ASL_RESOURCE_INTEGRATION,
                           .carrier = ASL_BY_FUNCTION,
                           .pattern = ASL_WAIT_FOR_TASK_TOKEN,
                           .service = SLICE("lambda"),
                           .action = SLICE("invoke.waitForTaskToken"),
                           .function = SLICE("g")});
    check_task(CALL("states:startExecution.sync:2") START, NULL,
               &(struct asl_task){.resource_kind = ASL_RESOURCE_INTEGRATION,
                                  .carrier = ASL_BY_CALL,
                                  .pattern = ASL_SYNC2,
                                  .service = SLICE("states"),
                                  .action = SLICE("startExecution.sync:2")});
    check_task(CALL("aws-sdk:sfn:sendTaskSuccess") ANY, NULL,
               &(struct asl_task){.resource_kind = ASL_RESOURCE_INTEGRATION,
                                  .carrier = ASL_BY_CALL,
                                  .service = SLICE("aws-sdk:sfn"),
                                  .action = SLICE("sendTaskSuccess")});
    check_task(CALL("glue:startJobRun.sync") GLUE, &binding,
               &(struct asl_task){.resource_kind = ASL_RESOURCE_INTEGRATION,
                                  .carrier = ASL_BY_HANDLER,
                                  .pattern = ASL_SYNC,
                                  .service = SLICE("glue"),
                                  .action = SLICE("startJobRun.sync"),
                                  .function = SLICE("worker")});
    /* A binding goes before our own. */
    check_task(CALL("lambda:invoke") INVOKE, &binding_all,
               &(struct asl_task){.resource_kind = ASL_RESOURCE_INTEGRATION,
                                  .carrier = ASL_BY_HANDLER,
                                  .service = SLICE("lambda"),
                                  .action = SLICE("invoke"),
                                  .function = SLICE("worker")});
    check_task(CALL("aws-sdk:s3:getObject.waitForTaskToken"), &stored,
               &(struct asl_task){.resource_kind = ASL_RESOURCE_INTEGRATION,
                                  .carrier = ASL_BY_HANDLER,
                                  .pattern = ASL_WAIT_FOR_TASK_TOKEN,
                                  .service = SLICE("aws-sdk:s3"),
                                  .action = SLICE("getObject.waitForTaskToken"),
                                  .function = SLICE("aws-sdk:s3:getObject")});
}

#define TASK RESOURCE "'arn:aws:lambda:r:1:function:f',"

static void test_asl_resource__credentials(void **state)
{
    static const struct example examples[] = {
        /* AWS */
        {TASK "'Credentials':{}",
         SCHEMA "The field 'RoleArn' is required but was missing at /States/S/Credentials"},
        /* Ours */
        {TASK "'Credentials':{'RoleArn':'r'}", ""},
        {TASK "'Credentials':{'RoleArn.$':'$.r'}", ""},
        {TASK "'Credentials':{'RoleArn.$':'$role'}", ""},
        {TASK "'Credentials':{'RoleArn':'r','RoleArn.$':'$.r'}",
         SCHEMA "The fields 'RoleArn' and 'RoleArn.$' cannot both be given at "
                "/States/S/Credentials"},
        {TASK "'Credentials':{'RoleArn':5}",
         SCHEMA "Expected value of type [STRING] at /States/S/Credentials/RoleArn"},
        {TASK "'Credentials':{'RoleArn':'r','Other':1}",
         SCHEMA "The field \"Other\" is not supported by Step Functions at /States/S/Credentials"},
        {RESOURCE "'arn:aws:states:r:1:activity:a','Credentials':{'RoleArn':'r'}",
         SCHEMA "The field 'Credentials' is not supported for activities at "
                "/States/S/Credentials"},
        {TASK "'Credentials':'r'",
         SCHEMA "Expected value of type [OBJECT] at /States/S/Credentials"},
    };
    struct arena a = {0};
    struct asl_machine *m;

    (void)state;
    check_state(examples, COUNT(examples), NULL);
    m = good(&a, "{'StartAt':'S','States':{'S':{" TASK "'Credentials':{'RoleArn':'r'}}}}", NULL);
    assert_non_null(m->states[0].task.credentials);
    asl_machine_free(m);
    arena_fini(&a);
}

static void test_asl_resource__deadlines(void **state)
{
    static const struct example examples[] = {
        {TASK "'TimeoutSeconds':5,'HeartbeatSeconds':4", ""},
        {TASK "'TimeoutSeconds':5,'HeartbeatSeconds':5",
         SCHEMA "'HeartbeatSeconds' must be smaller than 'TimeoutSeconds' at /States/S"},
        {TASK "'TimeoutSecondsPath':'$.t','HeartbeatSeconds':5", ""},
        {TASK "'TimeoutSeconds':99999999", ""},
        {TASK "'TimeoutSeconds':100000000",
         SCHEMA "Maximum value is 99999999 at /States/S/TimeoutSeconds"},
        {TASK "'HeartbeatSeconds':0", SCHEMA "Minimum value is 1 at /States/S/HeartbeatSeconds"},
        {TASK "'TimeoutSecondsPath':'$..t'",
         SCHEMA "Value is not a Reference Path: '..' is not allowed at "
                "/States/S/TimeoutSecondsPath"},
        {TASK "'HeartbeatSeconds':1,'HeartbeatSecondsPath':'$.h'",
         SCHEMA "There should only be one of the following fields: [HeartbeatSeconds, "
                "HeartbeatSecondsPath] "
                "at /States/S"},
    };

    (void)state;
    check_state(examples, COUNT(examples), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asl_resource__names),
        cmocka_unit_test(test_asl_resource__parameters),
        cmocka_unit_test(test_asl_resource__express),
        cmocka_unit_test(test_asl_resource__bindings),
        cmocka_unit_test(test_asl_resource__carriers),
        cmocka_unit_test(test_asl_resource__credentials),
        cmocka_unit_test(test_asl_resource__deadlines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
