/* SPDX-License-Identifier: Apache-2.0 */
/* deploy without a coordinator: what a template asks for, where two values differ, what tasks need.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "client/cli/deploy.h"
#include "client/cli/needs.h"

static const struct name_place place = {SLICE_INIT("us-east-1"), SLICE_INIT("123456789012")};

static const struct json_node *parsed(struct arena *a, const char *text)
{
    const struct json_node *v;
    struct err err;

    if (json_parse(slice_str(text), a, &v, &err) != OK) {
        fail_msg("%s: %s", err.msg, text);
    }
    return v;
}

/* ---- Differences ---- */

static void check_difference(const char *from, const char *to, const char *want)
{
    struct arena a = {0};
    struct differences d;
    struct buf b = {0};

    difference_find(parsed(&a, from), parsed(&a, to), &a, &d);
    for (size_t i = 0; i < d.count && i < DIFFERENCES_SHOWN; i++) {
        buf_printf(&b, "%s%.*s: %.*s", i == 0 ? "" : "; ", SLICE_FMT(d.items[i].path),
                   SLICE_FMT(difference_text(&d.items[i], &a)));
    }
    buf_put_u8(&b, 0);
    assert_string_equal(b.ptr, want);
    buf_fini(&b);
    arena_fini(&a);
}

static void test_difference__names_what_differs(void **state)
{
    (void)state;
    check_difference("{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2],\"a\":1.0}", "");
    check_difference("{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2}}", "a/b: 1 -> 2");
    check_difference("{\"a\":1}", "{\"b\":2}", "a: 1 -> nothing; b: nothing -> 2");
    check_difference("{\"a\":[1,2,3]}", "{\"a\":[1,4]}", "a/1: 2 -> 4; a/2: 3 -> nothing");
    check_difference("{\"a\":[1]}", "{\"a\":{\"0\":1}}", "a: [1] -> {\"0\":1}");
    check_difference("{\"a\":null}", "{\"a\":false}", "a: null -> false");
}

static void test_difference__looks_into_texts_that_are_json(void **state)
{
    (void)state;
    check_difference("{\"d\":\"{\\\"x\\\":[1]}\"}", "{\"d\":\"{\\\"x\\\":[2]}\"}", "d/x/0: 1 -> 2");
    check_difference("{\"d\":\"{\\\"x\\\": 1}\"}", "{\"d\":\"{\\\"x\\\":1}\"}",
                     "d: the same, written in another way");
    check_difference("{\"d\":\"1\"}", "{\"d\":\"1.0\"}", "d: \"1\" -> \"1.0\"");
    check_difference("{\"d\":\"{}\"}", "{\"d\":\"{\"}", "d: \"{}\" -> \"{\"");
}

static void test_difference__counts_past_what_it_shows(void **state)
{
    struct arena a = {0};
    struct json_builder from = json_build_array(&a);
    struct json_builder to = json_build_array(&a);
    struct differences d;

    (void)state;
    for (int i = 0; i < DIFFERENCES_SHOWN + 5; i++) {
        json_push(&from, json_integer(&a, i));
        json_push(&to, json_integer(&a, i + 1));
    }
    difference_find(json_built(&from), json_built(&to), &a, &d);
    assert_int_equal(d.count, DIFFERENCES_SHOWN + 5);
    arena_fini(&a);
}

static void test_difference__long_values_are_cut_between_characters(void **state)
{
    struct arena a = {0};
    struct difference d = {.path = SLICE("p")};
    struct slice text;

    (void)state;
    d.from = parsed(&a, "\"12345678901234567890123456789012345678901234567890123456789\xc3\xa9z\"");
    text = difference_text(&d, &a);
    assert_string_equal(
        arena_str(&a, text),
        "\"12345678901234567890123456789012345678901234567890123456789... -> nothing");
    arena_fini(&a);
}

/* ---- Needs ---- */

static void check_needs(const char *definition, const char *functions, const char *jobs)
{
    struct arena a = {0};
    struct needs n = needs_none(&a);

    needs_add(&n, parsed(&a, definition));
    assert_string_equal(arena_str(&a, json_print(json_built(&n.functions), &a)), functions);
    assert_string_equal(arena_str(&a, json_print(json_built(&n.jobs), &a)), jobs);
    arena_fini(&a);
}

#define TASK(resource, more) "{\"Type\":\"Task\",\"Resource\":\"" resource "\"" more "}"
#define INVOKE(name)                                                                               \
    TASK("arn:aws:states:::lambda:invoke.waitForTaskToken",                                        \
         ",\"Parameters\":{\"FunctionName\":\"" name "\"}")

static void test_needs__functions_and_jobs_by_name(void **state)
{
    (void)state;
    check_needs(
        "{\"States\":{\"A\":" TASK("arn:aws:lambda:us-east-1:1:function:one:7", "") ",\"B\":" //
        INVOKE("arn:aws:lambda:us-east-1:1:function:two") ",\"C\":" INVOKE("three:live")      //
        ",\"D\":" INVOKE("two") ",\"E\":" TASK(
            "arn:aws:states:::glue:startJobRun.sync", //
            ",\"Arguments\":{\"JobName\":\"etl\"}") ",\"F\":" TASK("arn:aws:states:::sqs:"
                                                                   "sendMessage",
                                                                   "") "}}",
        "{\"one\":null,\"two\":null,\"three\":null}", "{\"etl\":null}");
}

static void test_needs__looks_inside_and_not_at_expressions(void **state)
{
    (void)state;
    check_needs(
        "{\"States\":{\"P\":{\"Type\":\"Parallel\",\"Branches\":[{\"States\":{"
        "\"A\":" INVOKE(
            "in-branch") "}}]},\"M\":{\"Type\":\"Map\",\"ItemProcessor\":{"
                         "\"States\":{\"A\":" INVOKE(
                             "in-map") "}}},\"O\":{"
                                       "\"Type\":"
                                       "\"Map\","
                                       "\"Iterator\":{"
                                       "\"States\":{"
                                       "\"A\":" INVOKE("in-old-map") "}}},\"X\":" INVOKE(
                                           "{% $f %}") ",\"Y\":" TASK("arn:aws:"
                                                                      "states:::"
                                                                      "lambda:"
                                                                      "invoke",
                                                                      ",\"Paramete"
                                                                      "rs\":{"
                                                                      "\"FunctionN"
                                                                      "ame.$\":\"$"
                                                                      ".f\"}") ","
                                                                               "\""
                                                                               "Z"
                                                                               "\""
                                                                               ":{"
                                                                               "\""
                                                                               "Ty"
                                                                               "pe"
                                                                               "\""
                                                                               ":"
                                                                               "\""
                                                                               "Pa"
                                                                               "ss"
                                                                               "\""
                                                                               ","
                                                                               "\""
                                                                               "Re"
                                                                               "su"
                                                                               "lt"
                                                                               "\""
                                                                               ":" INVOKE(
                                                                                   "in-data") "}}}",
        "{\"in-branch\":null,\"in-map\":null,\"in-old-map\":null}", "{}");
    check_needs("[1]", "{}", "{}");
    check_needs("{\"States\":{\"A\":1,\"B\":{\"Type\":\"Parallel\",\"Branches\":[1]}}}", "{}",
                "{}");
}

/* ---- The plan, before the coordinator is asked ---- */

struct fixture {
    struct arena a;
    struct err err;
    struct deploy_plan plan;
};

static enum err_code begin(struct fixture *f, const char *resources)
{
    struct slice text = arena_printf(&f->a, "{\"Resources\":{%s}}", resources);
    struct template_scope s = template_open(parsed(&f->a, arena_str(&f->a, text)), &place, &f->a);
    struct template_stack stack;
    enum err_code rc;

    s.stack = SLICE("Shop");
    rc = template_stack_read(&s, deploy_properties, &stack, &f->err);
    return rc == OK ? deploy_plan_begin(&s, &stack, &f->plan, &f->err) : rc;
}

static void check_want(const char *resource, const char *name, const char *want)
{
    struct fixture f = {0};

    if (begin(&f, resource) != OK) {
        fail_msg("%s", f.err.msg);
    }
    assert_int_equal(f.plan.count, 1);
    assert_string_equal(arena_str(&f.a, f.plan.items[0].resource.name), name);
    assert_string_equal(arena_str(&f.a, json_print(f.plan.items[0].want, &f.a)), want);
    arena_fini(&f.a);
}

static void check_refused(const char *resource, const char *words)
{
    struct fixture f = {0};

    assert_int_equal(begin(&f, resource), ERR_INVALID_DEFINITION);
    if (strstr(f.err.msg, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", f.err.msg, words);
    }
    assert_int_equal(f.plan.count, 0);
    arena_fini(&f.a);
}

#define MACHINE(properties)                                                                        \
    "\"M\":{\"Type\":\"AWS::StepFunctions::StateMachine\",\"Properties\":{" properties "}}"
#define ACTIVITY(properties)                                                                       \
    "\"A\":{\"Type\":\"AWS::StepFunctions::Activity\",\"Properties\":{" properties "}}"

static void test_plan__what_is_wanted_of_machines(void **state)
{
    (void)state;
    check_want(MACHINE("\"DefinitionString\":\"{}\""), "Shop-M",
               "{\"type\":\"STANDARD\",\"definition\":\"{}\",\"loggingConfiguration\":"
               "{\"includeExecutionData\":false,\"level\":\"OFF\"}}");
    check_want(MACHINE("\"StateMachineName\":\"flow\",\"StateMachineType\":\"EXPRESS\","
                       "\"Definition\":{\"StartAt\":\"${a}\"},\"DefinitionSubstitutions\":"
                       "{\"a\":{\"Ref\":\"AWS::Region\"}},\"RoleArn\":\"arn:r\","
                       "\"LoggingConfiguration\":{\"Level\":\"ALL\",\"Destinations\":["
                       "{\"CloudWatchLogsLogGroup\":{\"LogGroupArn\":\"arn:l\"}}]},"
                       "\"Tags\":[{\"Key\":\"Team\",\"Value\":\"x\"}]"),
               "flow",
               "{\"type\":\"EXPRESS\",\"definition\":\"{\\\"StartAt\\\":\\\"us-east-1\\\"}\","
               "\"loggingConfiguration\":{\"includeExecutionData\":false,\"level\":\"ALL\","
               "\"destinations\":[{\"cloudWatchLogsLogGroup\":{\"logGroupArn\":\"arn:l\"}}]},"
               "\"roleArn\":\"arn:r\",\"tags\":{\"Team\":\"x\"}}");
}

static void test_plan__what_is_wanted_of_activities(void **state)
{
    (void)state;
    check_want(ACTIVITY("\"Name\":\"approve\""), "approve", "{}");
    check_want(ACTIVITY("\"Tags\":[]"), "Shop-A", "{\"tags\":{}}");
}

#define OF(type, properties) "\"X\":{\"Type\":\"" type "\",\"Properties\":{" properties "}}"

static void test_plan__what_is_wanted_of_queues_and_topics(void **state)
{
    (void)state;
    check_want(OF("AWS::SQS::Queue", "\"VisibilityTimeout\":600,\"RedrivePolicy\":{"
                                     "\"maxReceiveCount\":3},\"FifoQueue\":true"),
               "Shop-X.fifo",
               "{\"VisibilityTimeout\":\"600\",\"RedrivePolicy\":{\"maxReceiveCount\":3},"
               "\"FifoQueue\":\"true\"}");
    check_want(OF("AWS::SQS::Queue", "\"FifoQueue\":false,\"QueueName\":\"q\""), "q", "{}");
    check_want(OF("AWS::SNS::Topic", "\"DisplayName\":\"n\",\"FifoTopic\":false"), "Shop-X",
               "{\"DisplayName\":\"n\"}");
    check_want(OF("AWS::SNS::Topic", "\"FifoTopic\":true,\"ContentBasedDeduplication\":true"),
               "Shop-X.fifo", "{\"FifoTopic\":\"true\",\"ContentBasedDeduplication\":\"true\"}");
    check_want(OF("AWS::SNS::Subscription",
                  "\"TopicArn\":\"t\",\"Protocol\":\"sqs\",\"Endpoint\":\"q\","
                  "\"RawMessageDelivery\":true"),
               "Shop-X", "{\"RawMessageDelivery\":\"true\"}");
    check_refused(OF("AWS::SNS::Subscription", "\"TopicArn\":\"t\",\"Endpoint\":\"q\""),
                  "a subscription has a Protocol");
}

static void test_plan__what_is_wanted_of_rules(void **state)
{
    (void)state;
    check_want(OF("AWS::Events::Rule",
                  "\"ScheduleExpression\":\"rate(1 day)\",\"Targets\":[{\"Id\":\"T\",\"Arn\":"
                  "\"arn:aws:states:r:a:stateMachine:m\",\"Input\":\"1\"}]"),
               "Shop-X",
               "{\"scheduleExpression\":\"rate(1 day)\",\"state\":\"ENABLED\","
               "\"description\":\"\",\"roleArn\":\"\",\"targets\":{\"T\":{\"arn\":"
               "\"arn:aws:states:r:a:stateMachine:m\",\"roleArn\":\"\",\"input\":\"1\","
               "\"inputPath\":\"\"}}}");
    check_want(OF("AWS::Events::Rule",
                  "\"EventPattern\":{\"source\":[\"s\"]},\"Targets\":[{\"Id\":\"T\",\"Arn\":"
                  "\"arn:aws:sns:r:a:t\",\"RetryPolicy\":{\"MaximumRetryAttempts\":3}}]"),
               "Shop-X",
               "{\"scheduleExpression\":\"\",\"eventPattern\":{\"source\":[\"s\"]},\"state\":"
               "\"ENABLED\",\"description\":\"\",\"roleArn\":\"\",\"targets\":{\"T\":{\"arn\":"
               "\"arn:aws:sns:r:a:t\",\"roleArn\":\"\",\"input\":\"\",\"inputPath\":\"\","
               "\"retryPolicy\":{\"MaximumRetryAttempts\":3}}}}");
    check_refused(OF("AWS::Events::Rule", "\"State\":\"ENABLED\""),
                  "a ScheduleExpression or an EventPattern");
}

/* Of a kind that is known, but more than that. */
static void test_plan__what_is_more_than_is_known(void **state)
{
    static const char *const resources[] = {
        OF("AWS::Events::Rule", "\"ScheduleExpression\":\"rate(1 day)\",\"Targets\":[{\"Id\":"
                                "\"T\",\"Arn\":\"arn:aws:ecs:r:a:cluster/c\"}]"),
        OF("AWS::Events::Rule", "\"ScheduleExpression\":\"rate(1 day)\",\"Targets\":[{\"Id\":"
                                "\"T\",\"Arn\":\"arn:aws:states:r:a:stateMachine:m\","
                                "\"EcsParameters\":{}}]"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        struct fixture f = {0};

        assert_int_equal(begin(&f, resources[i]), OK);
        assert_int_equal(f.plan.items[0].change, DEPLOY_LATER);
        assert_null(f.plan.items[0].kind);
        arena_fini(&f.a);
    }
}

static void test_plan__says_where_it_is_wrong(void **state)
{
    (void)state;
    check_refused(MACHINE(""), "/Resources/M/Properties: the state machine has neither");
    check_refused(MACHINE("\"DefinitionString\":\"{}\",\"LoggingConfiguration\":1"),
                  "LoggingConfiguration is an object");
    check_refused(MACHINE("\"DefinitionString\":\"{}\",\"Tags\":{}"), "Tags is a list");
    check_refused(ACTIVITY("\"Tags\":[{\"Key\":\"a\"}]"),
                  "/Resources/A/Properties: Tags is a list");
    check_refused(ACTIVITY("\"Name\":\"a b\""), "\"a b\" is no name");
    check_refused(ACTIVITY("\"Name\":\"\""), "\"\" is no name");
}

static void check_fate(const char *type, enum deploy_change change, bool applied)
{
    struct fixture f = {0};
    struct slice text = arena_printf(&f.a,
                                     "\"R\":{\"Type\":\"%s\",\"Properties\":"
                                     "{\"X\":{\"Fn::GetAtt\":[\"Nobody\",\"Arn\"]}}}",
                                     type);

    assert_int_equal(begin(&f, arena_str(&f.a, text)), OK);
    assert_int_equal(f.plan.items[0].change, change);
    assert_int_equal(deploy_plan_count(&f.plan, change), 1);
    assert_int_equal(f.plan.items[0].kind != NULL, applied);
    assert_int_equal(f.plan.items[0].why[0] == '\0', applied);
    arena_fini(&f.a);
}

/* Nothing is read of what is not applied: it may be as odd as it likes. */
static void test_plan__what_is_left_out_and_why(void **state)
{
    (void)state;
    check_fate("AWS::StepFunctions::Activity", DEPLOY_SAME, true);
    check_fate("AWS::IAM::Role", DEPLOY_LEFT, false);
    check_fate("AWS::IAM::ManagedPolicy", DEPLOY_LEFT, false);
    check_fate("AWS::Lambda::Function", DEPLOY_LEFT, false);
    check_fate("AWS::Lambda::Permission", DEPLOY_LEFT, false);
    check_fate("AWS::CDK::Metadata", DEPLOY_LEFT, false);
    check_fate("AWS::EC2::Instance", DEPLOY_LATER, false);
    check_fate("Custom::Thing", DEPLOY_LATER, false);
}

static void test_plan__properties_that_mean_nothing_are_named(void **state)
{
    struct fixture f = {0};

    (void)state;
    assert_int_equal(begin(&f, MACHINE("\"DefinitionString\":\"{}\",\"TracingConfiguration\":{},"
                                       "\"Tags\":[]")),
                     OK);
    assert_string_equal(arena_str(&f.a, json_print(f.plan.items[0].ignored, &f.a)),
                        "[\"TracingConfiguration\"]");
    arena_fini(&f.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_difference__names_what_differs),
        cmocka_unit_test(test_difference__looks_into_texts_that_are_json),
        cmocka_unit_test(test_difference__counts_past_what_it_shows),
        cmocka_unit_test(test_difference__long_values_are_cut_between_characters),
        cmocka_unit_test(test_needs__functions_and_jobs_by_name),
        cmocka_unit_test(test_needs__looks_inside_and_not_at_expressions),
        cmocka_unit_test(test_plan__what_is_wanted_of_machines),
        cmocka_unit_test(test_plan__what_is_wanted_of_activities),
        cmocka_unit_test(test_plan__what_is_wanted_of_queues_and_topics),
        cmocka_unit_test(test_plan__what_is_wanted_of_rules),
        cmocka_unit_test(test_plan__what_is_more_than_is_known),
        cmocka_unit_test(test_plan__says_where_it_is_wrong),
        cmocka_unit_test(test_plan__what_is_left_out_and_why),
        cmocka_unit_test(test_plan__properties_that_mean_nothing_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
