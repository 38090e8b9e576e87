/* SPDX-License-Identifier: Apache-2.0 */
/* State machines out of CloudFormation templates. */
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
    struct template_machine m;
};

static enum err_code resolve(struct fixture *f, const char *text, const char *resource)
{
    const struct json_node *document;

    assert_int_equal(json_parse(slice_str(text), &f->a, &document, &f->err), OK);
    assert_true(template_is(document));
    return template_resolve(document, slice_str(resource), &place, &f->a, &f->m, &f->err);
}

#define MACHINE(properties)                                                                        \
    "{\"Type\":\"AWS::StepFunctions::StateMachine\",\"Properties\":{" properties "}}"
#define FUNCTION "\"F\":{\"Type\":\"AWS::Lambda::Function\"}"
#define NAMED                                                                                      \
    "\"G\":{\"Type\":\"AWS::Lambda::Function\",\"Properties\":{\"FunctionName\":"                  \
    "{\"Fn::Join\":[\"-\",[\"g\",{\"Ref\":\"Stage\"}]]}}}"
#define PARAMETERS "\"Parameters\":{\"Stage\":{\"Default\":\"beta\"},\"Bare\":{}}"
#define TEMPLATE(properties)                                                                       \
    "{" PARAMETERS ",\"Resources\":{" FUNCTION "," NAMED ",\"Q\":{\"Type\":\"AWS::SQS::Queue\"},"  \
    "\"X\":{\"Type\":\"AWS::Some::Thing\"},\"M\":" MACHINE(properties) "}}"

static void check(const char *text, const char *want)
{
    struct fixture f = {0};

    assert_int_equal(resolve(&f, text, NULL), OK);
    assert_string_equal(arena_str(&f.a, f.m.definition), want);
    arena_fini(&f.a);
}

static void check_refused(const char *text, const char *resource, const char *words)
{
    struct fixture f = {0};

    assert_int_not_equal(resolve(&f, text, resource), OK);
    if (strstr(f.err.msg, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", f.err.msg, words);
    }
    assert_null(f.m.definition.ptr);
    arena_fini(&f.a);
}

static void test_template__is_told_from_a_definition(void **state)
{
    struct fixture f = {0};
    const struct json_node *d;

    (void)state;
    assert_int_equal(json_parse(SLICE("{\"StartAt\":\"A\",\"States\":{}}"), &f.a, &d, &f.err), OK);
    assert_false(template_is(d));
    assert_int_equal(json_parse(SLICE("{\"Resources\":{},\"States\":{}}"), &f.a, &d, &f.err), OK);
    assert_false(template_is(d));
    assert_int_equal(json_parse(SLICE("[1]"), &f.a, &d, &f.err), OK);
    assert_false(template_is(d));
    arena_fini(&f.a);
}

static void test_template__plain_string_type_and_role(void **state)
{
    struct fixture f = {0};

    (void)state;
    assert_int_equal(resolve(&f,
                             "{\"Resources\":{\"R\":{\"Type\":\"AWS::IAM::Role\"},\"M\":" MACHINE(
                                 "\"DefinitionString\":\"{}\",\"StateMachineType\":\"EXPRESS\","
                                 "\"RoleArn\":{\"Fn::GetAtt\":[\"R\",\"Arn\"]}") "}}",
                             NULL),
                     OK);
    assert_true(slice_eq_str(f.m.resource, "M"));
    assert_true(slice_eq_str(f.m.definition, "{}"));
    assert_true(slice_eq_str(f.m.type, "EXPRESS"));
    assert_true(slice_eq_str(f.m.role_arn, "arn:aws:iam::123456789012:role/R"));
    arena_fini(&f.a);
}

static void test_template__join_puts_references_in(void **state)
{
    (void)state;
    check(
        TEMPLATE("\"DefinitionString\":{\"Fn::Join\":[\"\",[\"arn:\",{\"Ref\":\"AWS::Partition\"},"
                 "\":\",{\"Ref\":\"AWS::Region\"},\":\",{\"Ref\":\"AWS::AccountId\"}]]}"),
        "arn:aws:eu-west-1:123456789012");
    check(TEMPLATE("\"DefinitionString\":{\"Fn::Join\":[\" \",[{\"Fn::GetAtt\":[\"F\",\"Arn\"]},"
                   "{\"Fn::GetAtt\":\"G.Arn\"},{\"Ref\":\"F\"},{\"Ref\":\"G\"},{\"Ref\":\"Stage\"},"
                   "{\"Fn::GetAtt\":[\"Q\",\"Arn\"]},{\"Ref\":\"Q\"}]]}"),
          "arn:aws:lambda:eu-west-1:123456789012:function:F "
          "arn:aws:lambda:eu-west-1:123456789012:function:g-beta F g-beta beta "
          "arn:aws:sqs:eu-west-1:123456789012:Q "
          "https://sqs.eu-west-1.amazonaws.com/123456789012/Q");
}

static void test_template__sub_and_substitutions(void **state)
{
    (void)state;
    check(TEMPLATE("\"DefinitionString\":{\"Fn::Sub\":\"$ ${F.Arn} ${!Keep} ${Stage}$\"}"),
          "$ arn:aws:lambda:eu-west-1:123456789012:function:F ${Keep} beta$");
    check(TEMPLATE("\"DefinitionString\":{\"Fn::Sub\":[\"${A}${B}\",{\"A\":\"1\",\"B\":{\"Ref\":"
                   "\"Stage\"}}]}"),
          "1beta");
    check(TEMPLATE("\"DefinitionString\":\"${fn} ${other} ${!x}\",\"DefinitionSubstitutions\":"
                   "{\"fn\":{\"Fn::GetAtt\":[\"F\",\"Arn\"]}}"),
          "arn:aws:lambda:eu-west-1:123456789012:function:F ${other} ${!x}");
    check(TEMPLATE("\"Definition\":{\"StartAt\": \"A\"}"), "{\"StartAt\":\"A\"}");
}

static void test_template__several_machines_need_a_choice(void **state)
{
    static const char two[] = "{\"Resources\":{\"A\":" MACHINE(
        "\"DefinitionString\":\"1\"") ",\"B\":" MACHINE("\"DefinitionString\":\"2\"") "}}";
    struct fixture f = {0};

    (void)state;
    check_refused(two, NULL, "--resource: A, B");
    check_refused(two, "C", "no state machine \"C\"; it has: A, B");
    assert_int_equal(resolve(&f, two, "B"), OK);
    assert_true(slice_eq_str(f.m.definition, "2"));
    arena_fini(&f.a);
    check_refused("{\"Resources\":{}}", NULL, "has no AWS::StepFunctions::StateMachine");
}

static void test_template__names_what_it_does_not_understand(void **state)
{
    (void)state;
    check_refused(TEMPLATE("\"DefinitionString\":{\"Fn::ImportValue\":\"x\"}"), NULL,
                  "/Resources/M/Properties/DefinitionString: the function \"Fn::ImportValue\"");
    check_refused(TEMPLATE("\"DefinitionString\":{\"Ref\":\"Nobody\"}"), NULL,
                  "the reference \"Nobody\"");
    check_refused(TEMPLATE("\"DefinitionString\":{\"Ref\":\"X\"}"), NULL, "AWS::Some::Thing");
    check_refused(TEMPLATE("\"DefinitionString\":{\"Ref\":\"Bare\"}"), NULL,
                  "without a value or a Default");
    check_refused(TEMPLATE("\"DefinitionString\":{\"Fn::GetAtt\":[\"F\",\"Colour\"]}"), NULL,
                  "the attribute \"Colour\"");
    check_refused(TEMPLATE("\"DefinitionString\":{\"Fn::GetAtt\":[\"F\"]}"), NULL, "Fn::GetAtt");
    check_refused(TEMPLATE("\"DefinitionString\":{\"Fn::Join\":[\"\"]}"), NULL, "Fn::Join");
    check_refused(TEMPLATE("\"DefinitionString\":{\"Fn::Sub\":\"${F\"}"), NULL, "the open ${");
    check_refused(TEMPLATE("\"DefinitionString\":{}"), NULL, "a string is wanted here");
    check_refused(TEMPLATE("\"DefinitionS3Location\":{\"Bucket\":\"b\"}"), NULL,
                  "DefinitionS3Location");
}

/* Names that refer to one another in a circle end with an error, not with the stack. */
static void test_template__circles_end(void **state)
{
    (void)state;
    check_refused("{\"Resources\":{\"F\":{\"Type\":\"AWS::Lambda::Function\",\"Properties\":"
                  "{\"FunctionName\":{\"Ref\":\"F\"}}},\"M\":" MACHINE(
                      "\"DefinitionString\":{\"Ref\":\"F\"}") "}}",
                  NULL, "more than 16 deep");
}

/* `depth` joins around a string. */
static enum err_code resolve_nested(struct fixture *f, unsigned depth)
{
    struct buf b = {0};
    enum err_code rc;

    buf_put_str(&b, "{\"Resources\":{\"M\":{\"Type\":\"AWS::StepFunctions::StateMachine\","
                    "\"Properties\":{\"DefinitionString\":");
    for (unsigned i = 0; i < depth; i++) {
        buf_put_str(&b, "{\"Fn::Join\":[\"\",[");
    }
    buf_put_str(&b, "\"x\"");
    for (unsigned i = 0; i < depth; i++) {
        buf_put_str(&b, "]]}");
    }
    buf_put_str(&b, "}}}}");
    buf_put_u8(&b, 0);
    rc = resolve(f, b.ptr, NULL);
    arena_fini(&f->a);
    buf_fini(&b);
    return rc;
}

static void test_template__functions_nest_to_their_limit(void **state)
{
    struct fixture f = {0};

    (void)state;
    assert_int_equal(resolve_nested(&f, 16), OK);
    f = (struct fixture){0};
    assert_int_equal(resolve_nested(&f, 17), ERR_INVALID_DEFINITION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template__is_told_from_a_definition),
        cmocka_unit_test(test_template__plain_string_type_and_role),
        cmocka_unit_test(test_template__join_puts_references_in),
        cmocka_unit_test(test_template__sub_and_substitutions),
        cmocka_unit_test(test_template__several_machines_need_a_choice),
        cmocka_unit_test(test_template__names_what_it_does_not_understand),
        cmocka_unit_test(test_template__circles_end),
        cmocka_unit_test(test_template__functions_nest_to_their_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
