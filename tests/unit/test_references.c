/* SPDX-License-Identifier: Apache-2.0 */
/* Which variables the states of a definition refer to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/asl/references.h"

#define ONE(fields) "{\"States\":{\"S\":{" fields "}}}"

static void refers(const char *definition, const char *expected)
{
    struct arena a = {0};
    const struct json_node *v;
    const struct json_node *found;

    assert_int_equal(json_parse(slice_str(definition), &a, &v, NULL), OK);
    found = asl_variable_references(v, &a);
    if (expected == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_string_equal(arena_str(&a, json_print(found, &a)), expected);
    }
    arena_fini(&a);
}

static void test_references__paths_and_templates(void **state)
{
    (void)state;
    refers(ONE("\"InputPath\":\"$x\""), "{\"S\":[\"x\"]}");
    refers(ONE("\"Parameters\":{\"a\":{\"b.$\":\"$b.c[0]\"},\"c.$\":\"$a\"}"),
           "{\"S\":[\"a\",\"b\"]}");
    refers(ONE("\"Choices\":[{\"And\":[{\"Variable\":\"$v\",\"StringEqualsPath\":\"$w\"}]}]"),
           "{\"S\":[\"v\",\"w\"]}");
    refers(ONE("\"Assign\":{\"x.$\":\"$y\"}"), "{\"S\":[\"y\"]}");
    refers(ONE("\"Parameters\":{\"a.$\":\"States.Format('{} $no', $yes, States.Array($other))\"}"),
           "{\"S\":[\"other\",\"yes\"]}");
    refers(ONE("\"Parameters\":{\"a.$\":\"States.Format('it\\\\'s $no', $y\xc3\xa4)\"}"),
           "{\"S\":[\"y\xc3\xa4\"]}");
}

static void test_references__none(void **state)
{
    (void)state;
    refers(ONE("\"InputPath\":\"$\",\"OutputPath\":\"$.a\""), NULL);
    refers(ONE("\"InputPath\":\"$$.Execution.Id\""), NULL);
    refers(ONE("\"Parameters\":{\"a\":\"$text\"},\"Comment\":\"$text\""), NULL);
    refers(ONE("\"InputPath\":null"), NULL);
    refers("{}", NULL);
    refers("[]", NULL);
    refers("{\"States\":[1]}", NULL);
}

static void test_references__scopes_inside_have_their_own(void **state)
{
    (void)state;
    refers("{\"States\":{\"M\":{\"ItemsPath\":\"$items\",\"ItemProcessor\":{\"States\":{\"I\":"
           "{\"InputPath\":\"$i\"}}}},\"P\":{\"Branches\":[{\"States\":{\"B\":{\"InputPath\":"
           "\"$b\"}}},{\"States\":{\"C\":{\"OutputPath\":\"$c\"}}}]}}}",
           "{\"M\":[\"items\"],\"I\":[\"i\"],\"B\":[\"b\"],\"C\":[\"c\"]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references__paths_and_templates),
        cmocka_unit_test(test_references__none),
        cmocka_unit_test(test_references__scopes_inside_have_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
