/* SPDX-License-Identifier: Apache-2.0 */
/* choice.c and state_choice.c: which state a Choice goes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/asl/eval.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Where a Choice with this one rule (its fields but Next) goes: "Yes", "No" (the Default), or the
 * cause of the failure. */
static const char *choose(struct arena *a, const char *rule, const char *input)
{
    struct slice text = arena_printf(
        a,
        "{\"StartAt\":\"C\",\"States\":{\"C\":{\"Type\":\"Choice\",\"Choices\":[{%s,\"Next\":"
        "\"Yes\"}],"
        "\"Default\":\"No\"},\"Yes\":{\"Type\":\"Succeed\"},\"No\":{\"Type\":\"Succeed\"}}}",
        rule);
    struct asl_diagnostics found = {0};
    struct asl_scope_data s = {.a = a};
    struct asl_machine *m = NULL;
    struct failure why = {0};
    struct err err;
    const char *result;
    uint32_t next = 0;
    size_t rule_number = 9;

    assert_int_equal(asl_machine_parse(text, NULL, a, &found, &m, &err), OK);
    assert_int_equal(json_parse(slice_str(input), a, &s.input, NULL), OK);
    if (asl_choose(&m->states[0].choice, &s, &next, &rule_number, &why)) {
        result = arena_str(a, m->states[next].name);
        assert_int_equal(rule_number, slice_eq_str(m->states[next].name, "No") ? 1 : 0);
    } else {
        assert_string_equal(arena_str(a, why.error), "States.Runtime");
        result = arena_str(a, why.cause);
    }
    asl_machine_free(m);
    return result;
}

struct example {
    const char *rule;
    const char *input;
    bool yes;
};

static void check(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena a = {0};

        assert_string_equal(choose(&a, examples[i].rule, examples[i].input),
                            examples[i].yes ? "Yes" : "No");
        arena_fini(&a);
    }
}

#define X "\"Variable\":\"$.x\","

static void test_choice__strings(void **state)
{
    static const struct example examples[] = {
        {X "\"StringEquals\":\"a\"", "{\"x\":\"a\"}", true},
        {X "\"StringEquals\":\"a\"", "{\"x\":\"b\"}", false},
        {X "\"StringEquals\":\"1\"", "{\"x\":1}", false},
        {X "\"StringLessThan\":\"b\"", "{\"x\":\"a\"}", true},
        {X "\"StringLessThan\":\"a\"", "{\"x\":\"a\"}", false},
        {X "\"StringLessThanEquals\":\"a\"", "{\"x\":\"a\"}", true},
        {X "\"StringGreaterThan\":\"A\"", "{\"x\":\"AB\"}", true},
        {X "\"StringGreaterThan\":\"ABC\"", "{\"x\":\"AB\"}", false},
        {X "\"StringGreaterThanEquals\":\"A\"", "{\"x\":\"A\"}", true},
        /* By UTF-16 code units U+10000 comes before U+FFFD. */
        {X "\"StringLessThan\":\"\\uFFFD\"", "{\"x\":\"\\uD800\\uDC00\"}", true},
        {X "\"StringGreaterThan\":\"\\uD800\\uDC00\"", "{\"x\":\"\\uFFFD\"}", true},
        {X "\"StringEqualsPath\":\"$.y\"", "{\"x\":\"a\",\"y\":\"a\"}", true},
        {X "\"StringEqualsPath\":\"$.y\"", "{\"x\":\"a\",\"y\":1}", false},
        {X "\"StringLessThanPath\":\"$.y\"", "{\"x\":\"a\",\"y\":\"b\"}", true},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_choice__wildcards(void **state)
{
    static const struct example examples[] = {
        {X "\"StringMatches\":\"*.log\"", "{\"x\":\"a.log\"}", true},
        {X "\"StringMatches\":\"*.log\"", "{\"x\":\"a.log.gz\"}", false},
        {X "\"StringMatches\":\"*\"", "{\"x\":\"\"}", true},
        {X "\"StringMatches\":\"\"", "{\"x\":\"\"}", true},
        {X "\"StringMatches\":\"\"", "{\"x\":\"a\"}", false},
        {X "\"StringMatches\":\"a*b*c\"", "{\"x\":\"a-bb-bc-c\"}", true},
        {X "\"StringMatches\":\"a\\\\*c\"", "{\"x\":\"a*c\"}", true},
        {X "\"StringMatches\":\"a\\\\*c\"", "{\"x\":\"abc\"}", false},
        {X "\"StringMatches\":\"a\\\\\\\\*\"", "{\"x\":\"a\\\\b\"}", true},
        {X "\"StringMatches\":\"*\"", "{\"x\":1}", false},
        {X "\"StringMatches\":\"ab*ab\"", "{\"x\":\"ab\"}", false},
        {X "\"StringMatches\":\"ab*ab\"", "{\"x\":\"abab\"}", true},
        {X "\"StringMatches\":\"*aab*\"", "{\"x\":\"aaab\"}", true},
        {X "\"StringMatches\":\"*abab*b\"", "{\"x\":\"abaabab\"}", false},
        {X "\"StringMatches\":\"*abab*b\"", "{\"x\":\"abaababb\"}", true},
        {X "\"StringMatches\":\"**\"", "{\"x\":\"\"}", true},
        {X "\"StringMatches\":\"a**b*\"", "{\"x\":\"ab\"}", true},
        {X "\"StringMatches\":\"*\\\\*\"", "{\"x\":\"a*\"}", true},
        {X "\"StringMatches\":\"*\\\\*\"", "{\"x\":\"a*b\"}", false},
        {X "\"StringMatches\":\"a\\\\\"", "{\"x\":\"a\\\\\"}", true},
        {X "\"StringMatches\":\"a\\\\b\"", "{\"x\":\"a\\\\b\"}", true},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static const char *repeat(struct arena *a, const char *head, size_t n, const char *tail)
{
    char *text = arena_alloc(a, n);

    memset(text, 'a', n);
    return arena_str(a, arena_printf(a, "%s%.*s%s", head, (int)n, text, tail));
}

/* 10^10 comparisons, were each place tried anew. */
static void test_choice__long_wildcards(void **state)
{
    struct arena a = {0};
    const char *input = repeat(&a, "{\"x\":\"", 250000, "\"}");

    (void)state;
    assert_string_equal(choose(&a, repeat(&a, X "\"StringMatches\":\"*", 100000, "b*\""), input),
                        "No");
    assert_string_equal(choose(&a, repeat(&a, X "\"StringMatches\":\"*", 100000, "*a\""), input),
                        "Yes");
    arena_fini(&a);
}

/* A path that is given up may have found something: IsPresent must not say it did not. */
static void test_choice__variable_given_up(void **state)
{
    struct arena a = {0};
    struct buf input = {0};

    (void)state;
    for (int i = 0; i < 2000; i++) {
        buf_put_str(&input, i == 0 ? "{\"x\":[[]" : ",[]");
    }
    buf_put_str(&input, "]}");
    assert_string_equal(choose(&a,
                               "\"Variable\":\"$.x[?(@ != $.x[?(@ == 1)])]\",\"IsPresent\":true",
                               arena_str(&a, buf_slice(&input))),
                        "The path visits too many nodes");
    buf_fini(&input);
    arena_fini(&a);
}

/* Many rules share one bound: each of these looks at nearly as much as a path may. */
static void test_choice__many_variables_end(void **state)
{
    struct arena a = {0};
    struct buf rules = {0};
    struct buf input = {0};

    (void)state;
    for (int i = 0; i < 60; i++) {
        buf_put_str(&rules, i == 0 ? "\"Or\":[{" : ",{");
        buf_put_str(&rules, "\"Variable\":\"$..[?(@ == 'x')]\",\"IsNull\":true}");
    }
    buf_put_str(&rules, "]");
    for (int i = 0; i < 200000; i++) {
        buf_put_str(&input, i == 0 ? "[1" : ",1");
    }
    buf_put_str(&input, "]");
    assert_string_equal(
        choose(&a, arena_str(&a, buf_slice(&rules)), arena_str(&a, buf_slice(&input))),
        "The path visits too many nodes");
    buf_fini(&rules);
    buf_fini(&input);
    arena_fini(&a);
}

static void test_choice__numbers(void **state)
{
    static const struct example examples[] = {
        {X "\"NumericEquals\":1", "{\"x\":1.0}", true},
        {X "\"NumericEquals\":1", "{\"x\":\"1\"}", false},
        {X "\"NumericEquals\":1", "{\"x\":true}", false},
        {X "\"NumericEquals\":9007199254740993", "{\"x\":9007199254740992}", false},
        {X "\"NumericLessThan\":0", "{\"x\":-0.5}", true},
        {X "\"NumericGreaterThan\":1e2", "{\"x\":101}", true},
        {X "\"NumericLessThanEquals\":5", "{\"x\":5}", true},
        {X "\"NumericGreaterThanEquals\":5", "{\"x\":4.9}", false},
        {X "\"NumericEqualsPath\":\"$.y\"", "{\"x\":2,\"y\":2.0}", true},
        {X "\"NumericGreaterThanEqualsPath\":\"$.y\"", "{\"x\":8,\"y\":false}", true},
        {X "\"NumericGreaterThanPath\":\"$.y\"", "{\"x\":7,\"y\":[6]}", true},
        {X "\"NumericGreaterThanPath\":\"$.y\"", "{\"x\":7,\"y\":\"7.5\"}", false},
        {X "\"NumericGreaterThanPath\":\"$.y\"", "{\"x\":1,\"y\":true}", false},
        {X "\"NumericGreaterThanPath\":\"$.y\"", "{\"x\":null,\"y\":-1}", false},
        {X "\"BooleanEquals\":true", "{\"x\":true}", true},
        {X "\"BooleanEquals\":false", "{\"x\":true}", false},
        {X "\"BooleanEquals\":false", "{\"x\":null}", false},
        {X "\"BooleanEqualsPath\":\"$.y\"", "{\"x\":false,\"y\":false}", true},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_choice__times(void **state)
{
    static const struct example examples[] = {
        {X "\"TimestampEquals\":\"2012-10-09T19:00:55Z\"", "{\"x\":\"2012-10-09T20:00:55+01:00\"}",
         true},
        {X "\"TimestampEquals\":\"2012-10-09T19:00:55Z\"", "{\"x\":\"2012-10-09\"}", false},
        {X "\"TimestampEquals\":\"2012-10-09T19:00:55.1234567Z\"",
         "{\"x\":\"2012-10-09T20:00:55.123456700+01:00\"}", true},
        {X "\"TimestampLessThan\":\"2012-10-09T19:00:55.123456789Z\"",
         "{\"x\":\"2012-10-09T19:00:55.123456788Z\"}", true},
        {X "\"TimestampGreaterThan\":\"2012-10-09T19:00:55Z\"",
         "{\"x\":\"2012-10-09T19:00:55.000000001Z\"}", true},
        {X "\"TimestampLessThan\":\"2012-10-09T19:00:55Z\"", "{\"x\":\"2012-10-09T19:00:54.9Z\"}",
         true},
        {X "\"TimestampGreaterThan\":\"2012-10-09T19:00:55Z\"", "{\"x\":\"2012-10-09T19:00:55Z\"}",
         false},
        {X "\"TimestampLessThanEquals\":\"2012-10-09T19:00:55Z\"",
         "{\"x\":\"2012-10-09T19:00:55Z\"}", true},
        {X "\"TimestampGreaterThanEqualsPath\":\"$.y\"",
         "{\"x\":\"2012-10-09T19:00:56Z\",\"y\":\"2012-10-09T19:00:55Z\"}", true},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_choice__types(void **state)
{
    static const struct example examples[] = {
        {X "\"IsNull\":true", "{\"x\":null}", true},
        {X "\"IsNull\":false", "{\"x\":0}", true},
        {X "\"IsPresent\":true", "{\"x\":null}", true},
        {X "\"IsPresent\":true", "{}", false},
        {X "\"IsPresent\":false", "{}", true},
        {X "\"IsNumeric\":true", "{\"x\":1.5}", true},
        {X "\"IsNumeric\":true", "{\"x\":\"1\"}", false},
        {X "\"IsString\":true", "{\"x\":\"\"}", true},
        {X "\"IsBoolean\":true", "{\"x\":false}", true},
        {X "\"IsTimestamp\":true", "{\"x\":\"2012-10-09T19:00:55Z\"}", true},
        {X "\"IsTimestamp\":true", "{\"x\":\"2012-10-09T19:00:55\"}", false},
        {X "\"IsTimestamp\":false", "{\"x\":5}", true},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_choice__combined(void **state)
{
    static const struct example examples[] = {
        {"\"And\":[{" X "\"IsPresent\":true},{" X "\"NumericEquals\":1}]", "{\"x\":1}", true},
        {"\"And\":[{" X "\"IsPresent\":true},{" X "\"NumericEquals\":1}]", "{}", false},
        {"\"Or\":[{" X "\"IsPresent\":false},{" X "\"NumericEquals\":1}]", "{}", true},
        {"\"Or\":[{" X "\"NumericEquals\":2},{" X "\"NumericEquals\":1}]", "{\"x\":1}", true},
        {"\"Or\":[{" X "\"NumericEquals\":2},{" X "\"NumericEquals\":1}]", "{\"x\":3}", false},
        {"\"Not\":{" X "\"NumericEquals\":1}", "{\"x\":1}", false},
        {"\"Not\":{\"Not\":{" X "\"NumericEquals\":1}}", "{\"x\":1}", true},
        {"\"Not\":{\"And\":[{" X "\"NumericEquals\":1},{\"Or\":[{" X "\"IsNull\":true}]}]}",
         "{\"x\":1}", true},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_choice__missing_variable(void **state)
{
    struct arena a = {0};

    (void)state;
    assert_string_equal(
        choose(&a, X "\"NumericEquals\":1", "{}"),
        "Invalid path '$.x': The choice state's condition path references an invalid value.");
    assert_string_equal(
        choose(&a, X "\"StringEqualsPath\":\"$.y\"", "{\"x\":\"a\"}"),
        "Invalid path '$.y': The choice state's condition path references an invalid value.");
    assert_string_equal(
        choose(&a, "\"And\":[{" X "\"IsNull\":false}]", "{}"),
        "Invalid path '$.x': The choice state's condition path references an invalid value.");
    arena_fini(&a);
}

static void test_choice__no_default(void **state)
{
    static const struct slice text = SLICE_INIT(
        "{\"StartAt\":\"C\",\"States\":{\"C\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$"
        "\","
        "\"IsNull\":true,\"Next\":\"C2\"},{\"Variable\":\"$\",\"IsBoolean\":true,\"Next\":\"C\"}]},"
        "\"C2\":{\"Type\":\"Succeed\"}}}");
    struct arena a = {0};
    struct asl_diagnostics found = {0};
    struct asl_machine *m = NULL;
    struct asl_scope_data s = {.input = json_integer(&a, 1), .a = &a};
    struct failure why = {0};
    struct err err;
    uint32_t next = 9;
    size_t rule_number = 9;

    (void)state;
    assert_int_equal(asl_machine_parse(text, NULL, &a, &found, &m, &err), OK);
    assert_false(asl_choose(&m->states[0].choice, &s, &next, &rule_number, &why));
    assert_string_equal(arena_str(&a, why.error), "States.Runtime");
    assert_string_equal(arena_str(&a, why.cause), "Failed to transition out of the state. The "
                                                  "state does not point to a next state.");
    assert_int_equal(next, 9);
    /* The first rule that holds is taken. */
    s.input = json_bool(false);
    assert_true(asl_choose(&m->states[0].choice, &s, &next, &rule_number, &why));
    assert_int_equal(next, 0);
    assert_int_equal(rule_number, 1);
    asl_machine_free(m);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice__strings),
        cmocka_unit_test(test_choice__wildcards),
        cmocka_unit_test(test_choice__long_wildcards),
        cmocka_unit_test(test_choice__variable_given_up),
        cmocka_unit_test(test_choice__many_variables_end),
        cmocka_unit_test(test_choice__numbers),
        cmocka_unit_test(test_choice__times),
        cmocka_unit_test(test_choice__types),
        cmocka_unit_test(test_choice__combined),
        cmocka_unit_test(test_choice__missing_variable),
        cmocka_unit_test(test_choice__no_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
