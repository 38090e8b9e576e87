/* SPDX-License-Identifier: Apache-2.0 */
/* template.c and intrinsic.c: what a template makes of its input, what is refused, what is shared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/asl/template.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct json_node *json(struct arena *a, const char *text)
{
    const struct json_node *v = NULL;

    assert_int_equal(json_parse(slice_str(text), a, &v, NULL), OK);
    return v;
}

/* Compiled at /States/S/Parameters. */
static const struct asl_template *
compile(struct arena *a, const char *text, struct asl_diagnostics *found)
{
    static const struct asl_place root = {0};
    struct asl_place states = asl_place_member(&root, SLICE("States"));
    struct asl_place state = asl_place_member(&states, SLICE("S"));
    struct asl_place at = asl_place_member(&state, SLICE("Parameters"));
    struct template_parser tp = {a, a, found, 0};
    const struct asl_template *t = asl_template_parse(&tp, json(a, text), &at);
    size_t errors = 0;

    for (size_t i = 0; i < found->count; i++) {
        errors += found->items[i].severity == ASL_ERROR ? 1 : 0;
    }
    assert_int_equal(errors, tp.errors);
    return t;
}

/* The value, or "error: cause". */
static const char *apply(struct arena *a, const char *template, const char *input)
{
    struct asl_diagnostics found = {0};
    const struct asl_template *t = compile(a, template, &found);
    uint64_t seed = 7;
    struct asl_scope_data s = {.input = json(a, input),
                               .context = json(a, "{\"Execution\":{\"Name\":\"e\"}}"),
                               .seed = &seed,
                               .a = a};
    const struct json_node *v;
    struct failure why;

    assert_int_equal(found.count, 0);
    if (asl_apply_template(t, &s, &v, &why)) {
        return arena_str(a, json_print(v, a));
    }
    return arena_str(a, arena_printf(a, "%.*s: %.*s", SLICE_FMT(why.error), SLICE_FMT(why.cause)));
}

struct example {
    const char *template;
    const char *input;
    const char *expected;
};

static void test_template__values(void **state)
{
    static const struct example examples[] = {
        {"{\"a\":1}", "{}", "{\"a\":1}"},
        {"{\"a.$\":\"$.x\",\"b\":2}", "{\"x\":[1]}", "{\"a\":[1],\"b\":2}"},
        {"{\"a\":[{\"b.$\":\"$\"},3]}", "5", "{\"a\":[{\"b\":5},3]}"},
        {"{\"n.$\":\"$$.Execution.Name\"}", "{}", "{\"n\":\"e\"}"},
        {"{\"l.$\":\"$.x[*].y\"}", "{}", "{\"l\":[]}"},
        {"{\".$\":\"$\"}", "1", "{\"\":1}"},
        {"{\"f.$\":\"States.Format('{}-{}', $.a, States.JsonToString($.b))\"}",
         "{\"a\":1,\"b\":[\"x\"]}", "{\"f\":\"1-[\\\"x\\\"]\"}"},
        {"{\"a.$\":\"$.x[?(@.v > 1)]\"}", "{\"x\":[{\"v\":1},{\"v\":2}]}", "{\"a\":[{\"v\":2}]}"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct arena a = {0};

        assert_string_equal(apply(&a, examples[i].template, examples[i].input),
                            examples[i].expected);
        arena_fini(&a);
    }
}

static void test_template__missing(void **state)
{
    struct arena a = {0};

    (void)state;
    assert_string_equal(
        apply(&a, "{\"value.$\":\"$.x\"}", "{\"y\": 1}"),
        "States.Runtime: The JSONPath '$.x' specified for the field 'value.$' could "
        "not be found in the input '{\"y\":1}'");
    assert_string_equal(
        apply(&a, "{\"value.$\":\"$$.no\"}", "{}"),
        "States.Runtime: The JSONPath '$$.no' specified for the field 'value.$' could "
        "not be found in the input '{\"Execution\":{\"Name\":\"e\"}}'");
    assert_string_equal(
        apply(&a, "{\"v.$\":\"States.ArrayLength($.x)\"}", "{}"),
        "States.Runtime: The function 'States.ArrayLength($.x)' had the following error: The "
        "JsonPath argument for the field '$.x' could not be found in the input '{}'");
    assert_string_equal(
        apply(&a, "{\"v.$\":\"States.Array(1,States.Format('{}', $$.No.x))\"}", "{\"o\":1}"),
        "States.Runtime: The function 'States.Array(1,States.Format('{}', $$.No.x))' had the "
        "following error: The JsonPath argument for the field '$.No.x' could not be found in the "
        "input '{\"o\":1}'");
    assert_string_equal(apply(&a, "{\"v.$\":\"States.ArrayGetItem($, 3)\"}", "[1]"),
                        "States.Runtime: There was an error while evaluating the intrinsic "
                        "function: States.ArrayGetItem($, 3). Invalid arguments in "
                        "States.ArrayGetItem");
    assert_string_equal(apply(&a, "{\"v.$\":\"$\"}", "null"),
                        "States.Runtime: Unable to apply Path transformation to null or empty "
                        "input.");
    assert_string_equal(apply(&a, "{\"v.$\":\"$$.Execution.Name\"}", "null"), "{\"v\":\"e\"}");
    /* Past the end of an array is null to a path alone, and missing to a function. */
    assert_string_equal(apply(&a, "{\"v.$\":\"$.l[1]\"}", "{\"l\":[1]}"), "{\"v\":null}");
    assert_string_equal(
        apply(&a, "{\"v.$\":\"$.l[1].x\"}", "{\"l\":[1]}"),
        "States.Runtime: The JSONPath '$.l[1].x' specified for the field 'v.$' could not be found "
        "in the input '{\"l\":[1]}'");
    assert_string_equal(
        apply(&a, "{\"v.$\":\"States.Array($.l[1])\"}", "{\"l\":[1]}"),
        "States.Runtime: The function 'States.Array($.l[1])' had the following error: The JsonPath "
        "argument for the field '$.l[1]' could not be found in the input '{\"l\":[1]}'");
    arena_fini(&a);
}

#define ILLEGAL_ESCAPE                                                                             \
    "{\"a.$\":\"States.StringToJson('{\\\"text\\\":\\\"An \\\\\\\"escaped\\\\\\\" here\\\"}')\"}"

static void test_template__refused(void **state)
{
    static const char *const bad[] = {
        "{\"a.$\":1}",
        "{\"a.$\":null}",
        "{\"a.$\":\"x\"}",
        "{\"a.$\":\"\"}",
        "{\"a.$\":\"$.\"}",
        "{\"a.$\":\"States.Nothing()\"}",
        "{\"a.$\":\"States.Array(\"}",
        "{\"a.$\":\"States.Array(1,)\"}",
        "{\"a.$\":\"States.Array(1 2)\"}",
        "{\"a.$\":\"States.Array() x\"}",
        "{\"a.$\":\"States.Format('x)\"}",
        "{\"a.$\":\"States.Format(\\\"x\\\")\"}",
        ILLEGAL_ESCAPE, /* AWS */
        "{\"a.$\":\"States.Array($.)\"}",
        "{\"a.$\":\"States.Array([1])\"}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct arena a = {0};
        struct asl_diagnostics found = {0};

        compile(&a, bad[i], &found);
        assert_int_equal(found.count, 1);
        assert_string_equal(found.items[0].code, "SCHEMA_VALIDATION_FAILED");
        assert_string_equal(arena_str(&a, found.items[0].message),
                            "The value for the field 'a.$' must be a valid JSONPath or a valid "
                            "intrinsic function call");
        assert_string_equal(arena_str(&a, found.items[0].location), "/States/S/Parameters");
        arena_fini(&a);
    }
}

static void test_template__twins(void **state)
{
    struct arena a = {0};
    struct asl_diagnostics found = {0};

    (void)state;
    compile(&a, "{\"x\":0,\"a\":1,\"b\":2,\"a.$\":\"$.a\"}", &found);
    assert_int_equal(found.count, 1);
    assert_string_equal(arena_str(&a, found.items[0].message),
                        "The fields 'a' and 'a.$' cannot both be given");
    arena_fini(&a);
}

static void test_template__warns_of_a_missing_dollar(void **state)
{
    struct arena a = {0};
    struct asl_diagnostics found = {0};

    (void)state;
    compile(&a, "{\"p\":[{\"x\":\"$.a\"}],\"q\":\"$5\"}", &found);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.items[0].severity, ASL_WARNING);
    assert_string_equal(found.items[0].code, "NO_DOLLAR");
    assert_string_equal(arena_str(&a, found.items[0].location), "/States/S/Parameters/p[0]");
    arena_fini(&a);
}

/* A literal part is the definition's own node; a whole literal costs no memory at all. */
static void test_template__shares_literals(void **state)
{
    struct arena a = {0};
    struct arena none = {0};
    struct asl_diagnostics found = {0};
    const struct asl_template *whole = compile(&a, "{\"big\":[1,2,{\"x\":3}]}", &found);
    struct asl_scope_data s = {.input = json(&a, "{}"), .a = &none};
    const struct json_node *once;
    const struct json_node *twice;
    struct failure why;

    (void)state;
    assert_true(asl_apply_template(whole, &s, &once, &why));
    assert_true(asl_apply_template(whole, &s, &twice, &why));
    assert_ptr_equal(once, twice);
    assert_int_equal(arena_held_bytes(&none), 0);
    arena_fini(&a);
}

static void test_template__uses(void **state)
{
    static const struct {
        const char *text;
        unsigned uses;
    } examples[] = {
        {"{\"a\":\"$.x\"}", 0},
        {"{\"a.$\":\"$.x\"}", ASL_USES_INPUT},
        {"{\"a.$\":\"$.x[?(@.y == $.z)]\"}", ASL_USES_INPUT},
        {"{\"a\":[{\"b.$\":\"$$.x\"}]}", ASL_USES_CONTEXT},
        {"{\"a.$\":\"$v[0]\",\"b.$\":\"$.c\"}", ASL_USES_VARIABLES | ASL_USES_INPUT},
        {"{\"a.$\":\"States.Array(1, States.Array($v, $$.x))\"}",
         ASL_USES_VARIABLES | ASL_USES_CONTEXT | ASL_USES_INPUT},
        {"{\"a.$\":\"States.Array($$.x)\"}", ASL_USES_CONTEXT | ASL_USES_INPUT},
        {"{\"a\":{\"b.$\":\"States.UUID()\"}}", ASL_USES_CHANCE},
        {"{\"a\":[{\"b.$\":\"States.Array(1, States.MathRandom(1, 2))\"}]}", ASL_USES_CHANCE},
        {"{\"a.$\":\"States.MathRandom(1, 2, 3)\"}", 0},
    };

    (void)state;
    assert_int_equal(asl_template_uses(NULL), 0);
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct arena a = {0};
        struct asl_diagnostics found = {0};

        assert_int_equal(asl_template_uses(compile(&a, examples[i].text, &found)),
                         examples[i].uses);
        arena_fini(&a);
    }
}

/* 2,000 copies of 64 KB: refused long before they fill memory. */
static void test_template__memory_limit(void **state)
{
    struct arena a = {0};
    struct buf text = {0};
    struct buf input = {0};

    (void)state;
    buf_put_str(&text, "{");
    for (int i = 0; i < 2000; i++) {
        buf_printf(&text, "%s\"f%d.$\":\"States.JsonToString($)\"", i == 0 ? "" : ",", i);
    }
    buf_put_str(&text, "}");
    buf_put_str(&input, "\"");
    memset(buf_reserve(&input, 65536), 'x', 65536);
    input.len += 65536;
    buf_put_str(&input, "\"");
    assert_non_null(
        strstr(apply(&a, arena_str(&a, buf_slice(&text)), arena_str(&a, buf_slice(&input))),
               "States.DataLimitExceeded: The field 'f"));
    buf_fini(&text);
    buf_fini(&input);
    arena_fini(&a);
}

/* The fields share one bound of what their paths look at, and one of memory. */
static void test_template__paths_are_bounded(void **state)
{
    static const char *const paths[] = {"$..[?(@ == 2)]", "$..*"};
    static const char *const causes[] = {"States.Runtime: The path visits too many nodes",
                                         "States.DataLimitExceeded: The field 'f"};

    (void)state;
    for (size_t n = 0; n < COUNT(paths); n++) {
        struct arena a = {0};
        struct buf text = {0};
        struct buf input = {0};

        for (int i = 0; i < 60; i++) {
            buf_printf(&text, "%s\"f%d.$\":\"%s\"", i == 0 ? "{" : ",", i, paths[n]);
        }
        buf_put_str(&text, "}");
        for (int i = 0; i < 200000; i++) {
            buf_put_str(&input, i == 0 ? "[1" : ",1");
        }
        buf_put_str(&input, "]");
        assert_non_null(
            strstr(apply(&a, arena_str(&a, buf_slice(&text)), arena_str(&a, buf_slice(&input))),
                   causes[n]));
        buf_fini(&text);
        buf_fini(&input);
        arena_fini(&a);
    }
}

static void test_template__nesting_limit(void **state)
{
    static const char head[] = "{\"a.$\":\"";

    (void)state;
    for (size_t depth = 10; depth <= 11; depth++) {
        struct arena a = {0};
        struct asl_diagnostics found = {0};
        struct buf text = {0};

        buf_put_str(&text, head);
        for (size_t i = 0; i < depth; i++) {
            buf_put_str(&text, "States.Array(");
        }
        for (size_t i = 0; i < depth; i++) {
            buf_put_str(&text, ")");
        }
        buf_put_str(&text, "\"}");
        compile(&a, arena_str(&a, buf_slice(&text)), &found);
        assert_int_equal(found.count, depth == 10 ? 0 : 1);
        buf_fini(&text);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template__values),
        cmocka_unit_test(test_template__missing),
        cmocka_unit_test(test_template__refused),
        cmocka_unit_test(test_template__twins),
        cmocka_unit_test(test_template__warns_of_a_missing_dollar),
        cmocka_unit_test(test_template__shares_literals),
        cmocka_unit_test(test_template__uses),
        cmocka_unit_test(test_template__memory_limit),
        cmocka_unit_test(test_template__paths_are_bounded),
        cmocka_unit_test(test_template__nesting_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
