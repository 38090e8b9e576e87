/* SPDX-License-Identifier: Apache-2.0 */
/* Whole CloudFormation templates: what their functions give, in which order their resources come,
 * and what is said of those that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "client/cli/template.h"

static const struct name_place place = {SLICE_INIT("eu-west-1"), SLICE_INIT("123456789012")};

struct fixture {
    struct arena a;
    struct err err;
    struct template_stack stack;
};

/* Of queues the name and the property under test, of all others nothing. */
static const char *const *wanted(struct slice type)
{
    static const char *const properties[] = {"QueueName", "X", NULL};

    return slice_eq_str(type, "AWS::SQS::Queue") ? properties : NULL;
}

static const struct json_node *parsed(struct fixture *f, const char *text)
{
    const struct json_node *v;

    if (json_parse(slice_str(text), &f->a, &v, &f->err) != OK) {
        fail_msg("%s: %s", f->err.msg, text);
    }
    return v;
}

static enum err_code read_stack(struct fixture *f, const char *text, const char *given)
{
    struct template_scope s = template_open(parsed(f, text), &place, &f->a);

    s.given = given != NULL ? parsed(f, given) : NULL;
    s.stack = SLICE("Shop");
    return template_stack_read(&s, wanted, &f->stack, &f->err);
}

#define WITH(more, x)                                                                              \
    "{" more "\"Resources\":{\"Q\":{\"Type\":\"AWS::SQS::Queue\",\"Properties\":{\"X\":" x "}},"   \
    "\"F\":{\"Type\":\"AWS::Lambda::Function\"},"                                                  \
    "\"N\":{\"Type\":\"AWS::SNS::Topic\",\"Properties\":{\"TopicName\":\"news\"}},"                \
    "\"G\":{\"Type\":\"AWS::SQS::Queue\",\"Condition\":\"Never\"},"                                \
    "\"W\":{\"Type\":\"AWS::SQS::Queue\",\"Condition\":\"Always\"}}}"
#define PARAMETERS                                                                                 \
    "\"Parameters\":{\"Stage\":{\"Type\":\"String\",\"Default\":\"beta\","                         \
    "\"AllowedValues\":[\"beta\",\"prod\"]},"                                                      \
    "\"Zones\":{\"Type\":\"CommaDelimitedList\",\"Default\":\"a, b ,c\"},"                         \
    "\"Count\":{\"Type\":\"Number\",\"Default\":3}},"
#define CONDITIONS                                                                                 \
    "\"Conditions\":{\"Always\":{\"Fn::Equals\":[\"1\",\"1\"]},"                                   \
    "\"Never\":{\"Fn::Not\":[{\"Condition\":\"Always\"}]},"                                        \
    "\"Prod\":{\"Fn::Equals\":[{\"Ref\":\"Stage\"},\"prod\"]},"                                    \
    "\"Any\":{\"Fn::Or\":[{\"Condition\":\"Prod\"},{\"Condition\":\"Always\"}]},"                  \
    "\"All\":{\"Fn::And\":[{\"Condition\":\"Prod\"},{\"Condition\":\"Always\"}]}},"
#define MAPPINGS "\"Mappings\":{\"M\":{\"eu-west-1\":{\"size\":\"big\",\"list\":[\"x\"]}}},"
#define FULL(x)  WITH(PARAMETERS CONDITIONS MAPPINGS, x)

/* The value of X. */
static void check_given(const char *x, const char *text, const char *given, const char *want)
{
    struct fixture f = {0};
    const struct json_node *value;

    if (read_stack(&f, text, given) != OK) {
        fail_msg("%s: %s", x, f.err.msg);
    }
    for (size_t i = 0; i < f.stack.count; i++) {
        if (slice_eq_str(f.stack.resources[i].id, "Q")) {
            value = json_member(f.stack.resources[i].properties, SLICE("X"));
            assert_string_equal(
                value == NULL ? "nothing" : arena_str(&f.a, json_print(value, &f.a)), want);
        }
    }
    arena_fini(&f.a);
}

#define CHECK(x, want)              check_given(x, FULL(x), NULL, want)
#define CHECK_GIVEN(x, given, want) check_given(x, FULL(x), given, want)

static void
check_refused(const char *text, const char *given, enum err_code code, const char *words)
{
    struct fixture f = {0};
    enum err_code rc = read_stack(&f, text, given);

    if (rc != code || strstr(f.err.msg, words) == NULL) {
        fail_msg("%d \"%s\" does not say \"%s\"", (int)rc, f.err.msg, words);
    }
    assert_int_equal(f.stack.count, 0);
    arena_fini(&f.a);
}

#define REFUSED(x, words) check_refused(FULL(x), NULL, ERR_INVALID_DEFINITION, words)

/* ---- Values ---- */

static void test_stack__plain_values_stay(void **state)
{
    (void)state;
    CHECK("{\"a\":[1,true,null,\"x\",{}],\"b\":1.50}", "{\"a\":[1,true,null,\"x\",{}],\"b\":1.50}");
    CHECK("{\"Ref\":\"a\",\"b\":1}", "{\"Ref\":\"a\",\"b\":1}");
}

static void test_stack__references(void **state)
{
    (void)state;
    CHECK("{\"a\":{\"Ref\":\"AWS::Region\"},\"b\":[{\"Ref\":\"Stage\"},{\"Ref\":\"Count\"}]}",
          "{\"a\":\"eu-west-1\",\"b\":[\"beta\",\"3\"]}");
    CHECK("[{\"Ref\":\"AWS::AccountId\"},{\"Ref\":\"AWS::Partition\"},{\"Ref\":\"AWS::URLSuffix\"},"
          "{\"Ref\":\"AWS::StackName\"}]",
          "[\"123456789012\",\"aws\",\"amazonaws.com\",\"Shop\"]");
    CHECK("[1,{\"Ref\":\"AWS::NoValue\"},2]", "[1,2]");
    CHECK("{\"a\":{\"Ref\":\"AWS::NoValue\"},\"b\":2}", "{\"b\":2}");
    CHECK("{\"Ref\":\"AWS::NoValue\"}", "nothing");
    CHECK("{\"Ref\":\"Zones\"}", "[\"a\",\"b\",\"c\"]");
    CHECK("[{\"Ref\":\"F\"},{\"Fn::GetAtt\":[\"F\",\"Arn\"]},{\"Ref\":\"N\"}]",
          "[\"Shop-F\",\"arn:aws:lambda:eu-west-1:123456789012:function:Shop-F\","
          "\"arn:aws:sns:eu-west-1:123456789012:news\"]");
    CHECK("[{\"Fn::GetAtt\":[\"N\",\"TopicName\"]},{\"Fn::GetAtt\":[\"W\",\"QueueUrl\"]}]",
          "[\"news\",\"https://sqs.eu-west-1.amazonaws.com/123456789012/Shop-W\"]");
    CHECK_GIVEN("{\"Ref\":\"Stage\"}", "{\"Stage\":\"prod\"}", "\"prod\"");
}

static void test_stack__functions(void **state)
{
    (void)state;
    CHECK("{\"Fn::Join\":[\"-\",[\"a\",1,true,{\"Ref\":\"Stage\"}]]}", "\"a-1-true-beta\"");
    CHECK("{\"Fn::Join\":[\"-\",{\"Ref\":\"Zones\"}]}", "\"a-b-c\"");
    CHECK("{\"Fn::Join\":[\"-\",[]]}", "\"\"");
    CHECK("{\"Fn::Sub\":\"${Stage}/${F.Arn}/${!Stage}\"}",
          "\"beta/arn:aws:lambda:eu-west-1:123456789012:function:Shop-F/${Stage}\"");
    CHECK("{\"Fn::Select\":[1,[\"a\",\"b\"]]}", "\"b\"");
    CHECK("{\"Fn::Select\":[\"2\",{\"Ref\":\"Zones\"}]}", "\"c\"");
    CHECK("{\"Fn::Select\":[0,[{\"k\":1}]]}", "{\"k\":1}");
    CHECK("{\"Fn::Split\":[\"::\",\"a::b:c::\"]}", "[\"a\",\"b:c\",\"\"]");
    CHECK("{\"Fn::Split\":[\"-\",\"abc\"]}", "[\"abc\"]");
    CHECK("{\"Fn::Select\":[2,{\"Fn::Split\":[\"/\",{\"Ref\":\"AWS::StackId\"}]}]}",
          "\"00000000-0000-4000-8000-000000000000\"");
    CHECK("{\"Fn::FindInMap\":[\"M\",{\"Ref\":\"AWS::Region\"},\"size\"]}", "\"big\"");
    CHECK("{\"Fn::FindInMap\":[\"M\",\"eu-west-1\",\"list\"]}", "[\"x\"]");
    CHECK("{\"Fn::Base64\":{\"Ref\":\"Stage\"}}", "\"YmV0YQ==\"");
}

static void test_stack__conditions(void **state)
{
    (void)state;
    CHECK("{\"Fn::If\":[\"Prod\",\"big\",\"small\"]}", "\"small\"");
    CHECK_GIVEN("{\"Fn::If\":[\"Prod\",\"big\",\"small\"]}", "{\"Stage\":\"prod\"}", "\"big\"");
    CHECK("[{\"Fn::If\":[\"Any\",1,2]},{\"Fn::If\":[\"All\",1,2]}]", "[1,2]");
    CHECK_GIVEN("{\"Fn::If\":[\"All\",1,2]}", "{\"Stage\":\"prod\"}", "1");
    CHECK("{\"k\":{\"Fn::If\":[\"Prod\",1,{\"Ref\":\"AWS::NoValue\"}]}}", "{}");
    /* The side that is not taken may name what is not there. */
    CHECK("{\"Fn::If\":[\"Always\",1,{\"Ref\":\"G\"}]}", "1");
}

static void test_stack__says_where_it_is_wrong(void **state)
{
    (void)state;
    REFUSED("{\"a\":[1,{\"Ref\":\"Nobody\"}]}",
            "/Resources/Q/Properties/X/a/1/Ref: the reference \"Nobody\"");
    REFUSED("{\"Fn::Join\":[\"\",[\"a\",{\"Ref\":\"Nobody\"}]]}",
            "/Resources/Q/Properties/X/Fn::Join/1/1/Ref: the reference \"Nobody\"");
    REFUSED("{\"Ref\":\"G\"}", "/Resources/Q/Properties/X/Ref: \"G\" is not made");
    REFUSED("{\"Fn::GetAtt\":[\"F\",\"Colour\"]}", "Fn::GetAtt: the attribute \"Colour\"");
    REFUSED("{\"Fn::GetAtt\":\"F\"}", "the argument of \"Fn::GetAtt\"");
    REFUSED("{\"Fn::Join\":[\"\",\"a\"]}", "Fn::Join: a list is wanted here");
    REFUSED("{\"Fn::Join\":[\"\",[[]]]}", "a string is wanted here");
    REFUSED("{\"Fn::Join\":[1,[]]}", "the argument of \"Fn::Join\"");
    REFUSED("{\"Fn::Select\":[3,{\"Ref\":\"Zones\"}]}", "has 3 elements and none at \"3\"");
    REFUSED("{\"Fn::Select\":[-1,[1]]}", "none at \"-1\"");
    REFUSED("{\"Fn::Split\":[\"\",\"a\"]}", "the argument of \"Fn::Split\"");
    REFUSED("{\"Fn::FindInMap\":[\"M\",\"us-east-1\",\"size\"]}", "Mappings has no \"us-east-1\"");
    REFUSED("{\"Fn::FindInMap\":[\"M\"]}", "the argument of \"Fn::FindInMap\"");
    REFUSED("{\"Fn::If\":[\"Nobody\",1,2]}", "the condition \"Nobody\"");
    REFUSED("{\"Fn::If\":[\"Any\",1]}", "the argument of \"Fn::If\"");
    REFUSED("{\"Fn::Equals\":[1,1]}", "the function \"Fn::Equals\"");
    REFUSED("{\"Fn::Transform\":{}}", "the function \"Fn::Transform\"");
    check_refused("{\"Conditions\":{\"C\":{\"Fn::Not\":[{\"Condition\":\"C\"}]}},\"Resources\":"
                  "{\"Q\":{\"Type\":\"T\",\"Condition\":\"C\"}}}",
                  NULL, ERR_INVALID_DEFINITION, "more than 16 deep");
    check_refused("{\"Conditions\":{\"C\":\"yes\"},\"Resources\":{\"Q\":{\"Type\":\"T\","
                  "\"Condition\":\"C\"}}}",
                  NULL, ERR_INVALID_DEFINITION, "/Conditions/C: a condition is wanted here");
}

/* The same of conditions, which are made of nothing but time. */
static void test_stack__conditions_that_multiply_have_their_bound(void **state)
{
    struct buf b = {0};

    (void)state;
    buf_put_str(&b, "{\"Conditions\":{");
    for (int i = 0; i < 7; i++) {
        buf_printf(&b, "\"C%d\":{\"Fn::And\":[", i);
        for (int k = 0; k < 20; k++) {
            buf_printf(&b, "%s{\"Condition\":\"C%d\"}", k == 0 ? "" : ",", i + 1);
        }
        buf_put_str(&b, "]},");
    }
    buf_put_str(&b, "\"C7\":{\"Fn::Equals\":[1,1]}},\"Resources\":{\"Q\":{\"Type\":\"T\","
                    "\"Condition\":\"C0\"}}}");
    buf_put_u8(&b, 0);
    check_refused(b.ptr, NULL, ERR_INVALID_DEFINITION, "conditions are more than is accepted");
    buf_fini(&b);
}

/* Names that double from level to level end before memory and time do. */
static void test_stack__what_multiplies_has_its_bound(void **state)
{
    struct buf b = {0};

    (void)state;
    buf_put_str(&b, "{\"Resources\":{");
    for (int i = 0; i < 6; i++) {
        buf_printf(&b,
                   "\"Q%d\":{\"Type\":\"AWS::SQS::Queue\",\"Properties\":{\"QueueName\":"
                   "{\"Fn::Join\":[\"\",[",
                   i);
        for (int k = 0; k < 60; k++) {
            buf_printf(&b, "%s{\"Ref\":\"Q%d\"}", k == 0 ? "" : ",", i + 1);
        }
        buf_put_str(&b, "]]}}},");
    }
    buf_put_str(&b, "\"Q6\":{\"Type\":\"AWS::SQS::Queue\"}}}");
    buf_put_u8(&b, 0);
    check_refused(b.ptr, NULL, ERR_INVALID_DEFINITION, "stand for more than is accepted");
    buf_fini(&b);
}

/* ---- Parameters ---- */

static void test_stack__parameters_are_checked(void **state)
{
    static const char bare[] = "{\"Parameters\":{\"P\":{\"Type\":\"String\"}},\"Resources\":"
                               "{\"Q\":{\"Type\":\"T\"}}}";
    static const char bounds[] =
        "{\"Parameters\":{\"N\":{\"Type\":\"Number\",\"MinValue\":1,\"MaxValue\":\"5\","
        "\"Default\":1},\"S\":{\"Type\":\"String\",\"MinLength\":2,\"MaxLength\":3,"
        "\"Default\":\"ab\"}},\"Resources\":{\"Q\":{\"Type\":\"T\"}}}";
    struct fixture f = {0};

    (void)state;
    check_refused(bounds, "{\"N\":\"x\"}", ERR_USAGE, "parameter \"N\" allows");
    check_refused(bounds, "{\"N\":\"0.9\"}", ERR_USAGE, "parameter \"N\" allows");
    check_refused(bounds, "{\"N\":\"6\"}", ERR_USAGE, "parameter \"N\" allows");
    check_refused(bounds, "{\"S\":\"a\"}", ERR_USAGE, "parameter \"S\" allows");
    check_refused(bounds, "{\"S\":\"abcd\"}", ERR_USAGE, "parameter \"S\" allows");
    assert_int_equal(read_stack(&f, bounds, "{\"N\":\"5\",\"S\":\"\u00e4\u00e4\u00e4\"}"), OK);
    arena_fini(&f.a);
    f = (struct fixture){0};
    check_refused(FULL("1"), "{\"Stge\":\"x\"}", ERR_USAGE, "has no parameter \"Stge\"");
    check_refused(FULL("1"), "{\"Stage\":\"x\"}", ERR_USAGE, "parameter \"Stage\" allows");
    check_refused(bare, NULL, ERR_USAGE, "say --parameter P=VALUE");
    assert_int_equal(read_stack(&f, bare, "{\"P\":\"\"}"), OK);
    arena_fini(&f.a);
}

/* ---- The order ---- */

static void check_order(const char *text, const char *want)
{
    struct fixture f = {0};
    struct buf b = {0};

    if (read_stack(&f, text, NULL) != OK) {
        fail_msg("%s", f.err.msg);
    }
    for (size_t i = 0; i < f.stack.count; i++) {
        buf_printf(&b, "%s%.*s", i == 0 ? "" : " ", SLICE_FMT(f.stack.resources[i].id));
    }
    buf_put_u8(&b, 0);
    assert_string_equal(b.ptr, want);
    buf_fini(&b);
    arena_fini(&f.a);
}

#define QUEUE(id, x) "\"" id "\":{\"Type\":\"AWS::SQS::Queue\",\"Properties\":{\"X\":" x "}}"

static void test_stack__each_comes_after_what_it_needs(void **state)
{
    (void)state;
    check_order(FULL("1"), "Q F N W");
    check_order(FULL("{\"Fn::Sub\":\"${W}${N.TopicName}\"}"), "F N W Q");
    check_order("{\"Resources\":{" QUEUE("A", "{\"Fn::GetAtt\":[\"B\",\"Arn\"]}") "," QUEUE(
                    "B", "{\"Ref\":\"C\"}") "," QUEUE("C", "1") "," QUEUE("D", "2") "}}",
                "C B A D");
    check_order("{\"Resources\":{\"A\":{\"Type\":\"T\",\"DependsOn\":[\"C\",\"B\"]},"
                "\"B\":{\"Type\":\"T\",\"DependsOn\":\"C\"},\"C\":{\"Type\":\"T\"}}}",
                "C B A");
    /* What a name is made of is needed as well. */
    check_order(
        "{\"Resources\":{" QUEUE("A", "{\"Ref\":\"B\"}") ",\"B\":{\"Type\":"
                                                         "\"AWS::SQS::Queue\",\"Properties\":{"
                                                         "\"QueueName\":{\"Ref\":\"C\"}}},\"C\":"
                                                         "{\"Type\":\"AWS::SNS::Topic\"}}}",
        "C B A");
    /* What is not made need not be waited for. */
    check_order("{\"Conditions\":{\"N\":{\"Fn::Equals\":[1,2]}},\"Resources\":{\"A\":{\"Type\":"
                "\"T\",\"DependsOn\":\"B\"},\"B\":{\"Type\":\"T\",\"Condition\":\"N\"}}}",
                "A");
}

static void test_stack__circles_are_named(void **state)
{
    (void)state;
    check_refused("{\"Resources\":{" QUEUE("A", "{\"Ref\":\"B\"}") "," QUEUE(
                      "B", "{\"Ref\":\"A\"}") "," QUEUE("C", "1") "}}",
                  NULL, ERR_INVALID_DEFINITION, "in a circle, among these: A, B");
    check_refused("{\"Resources\":{\"A\":{\"Type\":\"T\",\"DependsOn\":\"A\"}}}", NULL,
                  ERR_INVALID_DEFINITION, "in a circle, among these: A");
}

static void test_stack__shapes_are_checked(void **state)
{
    struct buf b = {0};

    (void)state;
    check_refused("{\"Resources\":{}}", NULL, ERR_INVALID_DEFINITION, "at least one");
    check_refused("{\"Resources\":[1]}", NULL, ERR_INVALID_DEFINITION, "at least one");
    check_refused("{\"Resources\":{\"A\":1}}", NULL, ERR_INVALID_DEFINITION,
                  "/Resources/A: a resource is an object with a Type");
    check_refused("{\"Resources\":{\"A\":{\"Type\":1}}}", NULL, ERR_INVALID_DEFINITION,
                  "an object with a Type");
    check_refused("{\"Resources\":{\"A\":{\"Type\":\"T\",\"DependsOn\":[\"A\",\"B\"]}}}", NULL,
                  ERR_INVALID_DEFINITION, "/Resources/A/DependsOn: the resource \"B\"");
    check_refused("{\"Resources\":{\"A\":{\"Type\":\"AWS::SQS::Queue\",\"Properties\":1}}}", NULL,
                  ERR_INVALID_DEFINITION, "/Resources/A/Properties: properties are an object");
    check_refused("{\"Transform\":\"AWS::Serverless-2016-10-31\",\"Resources\":{\"A\":{\"Type\":"
                  "\"T\"}}}",
                  NULL, ERR_INVALID_DEFINITION, "/Transform: only AWS");
    buf_put_str(&b, "{\"Resources\":{");
    for (int i = 0; i <= 500; i++) {
        buf_printf(&b, "%s\"R%d\":{\"Type\":\"T\"}", i == 0 ? "" : ",", i);
    }
    buf_put_str(&b, "}}");
    buf_put_u8(&b, 0);
    check_refused(b.ptr, NULL, ERR_INVALID_DEFINITION, "at most 500");
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stack__plain_values_stay),
        cmocka_unit_test(test_stack__references),
        cmocka_unit_test(test_stack__functions),
        cmocka_unit_test(test_stack__conditions),
        cmocka_unit_test(test_stack__says_where_it_is_wrong),
        cmocka_unit_test(test_stack__what_multiplies_has_its_bound),
        cmocka_unit_test(test_stack__conditions_that_multiply_have_their_bound),
        cmocka_unit_test(test_stack__parameters_are_checked),
        cmocka_unit_test(test_stack__each_comes_after_what_it_needs),
        cmocka_unit_test(test_stack__circles_are_named),
        cmocka_unit_test(test_stack__shapes_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
