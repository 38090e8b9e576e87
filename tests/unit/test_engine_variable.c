/* SPDX-License-Identifier: Apache-2.0 */
/* Variables in the engine: set at a state's exit, seen by what follows and by scopes inside. */
#include "tests/lib/engine_case.h"

#define MACHINE(states)          "{\"StartAt\":\"A\",\"States\":{" states "}}"
#define PASS(name, fields, next) "\"" name "\":{\"Type\":\"Pass\"," fields next "}"
#define END                      ",\"End\":true"
#define NEXT(name)               ",\"Next\":\"" name "\""

static void assert_run(const char *definition, const char *input, const char *output)
{
    struct world w;

    world_init(&w, definition);
    world_start(&w, input);
    (void)world_run(&w);
    assert_output(&w, output);
    world_fini(&w);
}

static void test_variable__assign_is_seen_by_the_next_state(void **state)
{
    (void)state;
    assert_run(
        MACHINE(PASS("A", "\"Assign\":{\"x.$\":\"$.a\",\"y\":{\"z\":[1]}}", NEXT("B")) "," PASS(
            "B", "\"Parameters\":{\"x.$\":\"$x\",\"z.$\":\"$y.z[0]\"}", END)),
        "{\"a\":42}", "{\"x\":42,\"z\":1}");
}

static void test_variable__assign_reads_values_of_entry(void **state)
{
    (void)state;
    /* Two are swapped, and the state's own output does not see what it assigns. */
    assert_run(
        MACHINE(PASS("A", "\"Assign\":{\"x\":1,\"y\":2}", NEXT("B")) "," PASS(
            "B", "\"Parameters\":{\"before.$\":\"$x\"},\"Assign\":{\"x.$\":\"$y\",\"y.$\":\"$x\"}",
            NEXT("C")) "," PASS("C",
                                "\"ResultPath\":\"$.after\",\"Parameters\":{\"x.$\":\"$x\","
                                "\"y.$\":\"$y\"}",
                                END)),
        "{}", "{\"before\":1,\"after\":{\"x\":2,\"y\":1}}");
}

static void test_variable__history_shows_what_was_assigned(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MACHINE(PASS("A", "\"Assign\":{\"n\":42,\"s\":\"x\"}",
                                NEXT("B")) "," PASS("B", "\"Assign\":{}", END)));
    world_start(&w, "{}");
    assert_non_null(strstr(world_event(&w, 3),
                           "\"assignedVariables\":{\"n\":\"42\",\"s\":\"\\\"x\\\"\"},"
                           "\"assignedVariablesDetails\":{\"truncated\":false}"));
    assert_null(strstr(world_event(&w, 5), "assignedVariables"));
    world_fini(&w);
}

static void test_variable__setting_one_again_leaves_the_others(void **state)
{
    (void)state;
    assert_run(MACHINE(PASS("A", "\"Assign\":{\"x\":1,\"y\":2}", NEXT("B")) "," PASS(
                   "B", "\"Assign\":{\"x\":3}",
                   NEXT("C")) "," PASS("C", "\"Parameters\":{\"x.$\":\"$x\",\"y.$\":\"$y\"}", END)),
               "{}", "{\"x\":3,\"y\":2}");
}

static void test_variable__inner_scopes_see_outer_ones(void **state)
{
    (void)state;
    assert_run(MACHINE(PASS(
                   "A", "\"Assign\":{\"x\":5,\"items\":[1,2]}",
                   NEXT("M")) ","
                              "\"M\":{\"Type\":\"Map\",\"ItemsPath\":\"$items\",\"ItemProcessor\":{"
                              "\"StartAt\":\"I\",\"States\":{" PASS(
                                  "I", "\"Assign\":{\"inner.$\":\"States.MathAdd($x, $)\"}",
                                  NEXT("J")) "," PASS("J", "\"Parameters\":{\"sum.$\":\"$inner\"}",
                                                      END) "}},"
                                                           "\"End\":true}"),
               "{}", "[{\"sum\":6},{\"sum\":7}]");
}

static void test_variable__inner_ones_end_with_their_scope(void **state)
{
    struct world w;

    (void)state;
    world_init(
        &w, MACHINE("\"A\":{\"Type\":\"Parallel\",\"Branches\":[{\"StartAt\":\"I\","
                    "\"States\":{" PASS("I", "\"Assign\":{\"inner\":\"abc\"}",
                                        END) "}}],"
                                             "\"Next\":\"B\"}," PASS(
                                                 "B", "\"Parameters\":{\"v.$\":\"$inner\"}", END)));
    world_start(&w, "{}");
    assert_int_equal(w.header.status, EXECUTION_FAILED);
    assert_int_equal(w.header.variable_bytes, 0);
    world_fini(&w);
}

static void test_variable__choice_rule_assigns_in_place_of_the_state(void **state)
{
    static const char definition[] =
        MACHINE("\"A\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.n\",\"NumericEquals\":1,"
                "\"Assign\":{\"why\":\"rule\"},\"Next\":\"B\"},{\"Variable\":\"$.n\","
                "\"NumericEquals\":2,\"Next\":\"C\"}],\"Assign\":{\"why\":\"default\"},"
                "\"Default\":\"B\"}," PASS("B", "\"Parameters\":{\"why.$\":\"$why\"}",
                                           END) "," PASS("C", "\"Result\":\"nothing\"", END));

    (void)state;
    assert_run(definition, "{\"n\":1}", "{\"why\":\"rule\"}");
    assert_run(definition, "{\"n\":3}", "{\"why\":\"default\"}");
    assert_run(definition, "{\"n\":2}", "\"nothing\"");
}

static void test_variable__catcher_assigns_from_the_error(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(
        &w, MACHINE("\"A\":{" INVOKE ",\"Parameters\":{\"FunctionName\":\"f\"},"
                    "\"Assign\":{\"never\":1},\"Catch\":[{\"ErrorEquals\":[\"E\"],"
                    "\"Assign\":{\"e.$\":\"$.Error\"},\"ResultPath\":null,\"Next\":\"B\"}],"
                    "\"End\":true}," PASS("B", "\"Parameters\":{\"e.$\":\"$e\"}", END)));
    world_fail(&w, "E", "c");
    assert_output(&w, "{\"e\":\"E\"}");
    world_fini(&w);
}

static void test_variable__task_assigns_from_its_raw_result(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(
        &w, MACHINE("\"A\":{" INVOKE ",\"Parameters\":{\"FunctionName\":\"f\"},"
                    "\"ResultSelector\":{\"only\":true},\"Assign\":{\"p.$\":\"$.Payload\","
                    "\"code.$\":\"$.StatusCode\"},\"Next\":\"B\"}," PASS(
                        "B", "\"Parameters\":{\"p.$\":\"$p\",\"code.$\":\"$code\"}", END)));
    world_succeed(&w, "[7]");
    assert_output(&w, "{\"p\":[7],\"code\":200}");
    world_fini(&w);
}

/* History is read when the variable has another value already. */
static void test_variable__parameters_are_made_again_from_values_of_then(void **state)
{
    struct world w;

    (void)state;
    world_init_granted(
        &w, MACHINE(PASS("A", "\"Assign\":{\"x\":1,\"other\":2}",
                         NEXT("T")) ","
                                    "\"T\":{" INVOKE
                                    ",\"Parameters\":{\"FunctionName\":\"f\",\"Payload\":{"
                                    "\"x.$\":\"$x\"}},\"Assign\":{\"x\":9},\"Next\":\"B\"}," PASS(
                                        "B", "\"Parameters\":{\"x.$\":\"$x\"}", END)));
    world_succeed(&w, "1");
    assert_output(&w, "{\"x\":9}");
    assert_int_equal(w.events[4].variable_count, 1);
    assert_non_null(strstr(world_event(&w, 5), "\\\"Payload\\\":{\\\"x\\\":1}"));
    world_fini(&w);
}

static void test_variable__bytes_are_counted_and_limited(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MACHINE(PASS("A", "\"Assign\":{\"x.$\":\"$\"}", NEXT("B")) "," PASS(
                       "B", "\"Assign\":{\"y.$\":\"States.Array($x, $x)\"}", END)));
    w.rules.payload_bytes = 20;
    world_start(&w, "\"0123456789\"");
    assert_int_equal(w.header.status, EXECUTION_FAILED);
    assert_string_equal(arena_str(&w.a, w.header.error), "States.DataLimitExceeded");
    assert_int_equal(w.header.variable_bytes, 0); /* it has failed */
    world_fini(&w);
}

/* Those of an attempt that has failed are no more, but for a redrive, which has them again. */
static void test_variable__bytes_of_failed_scopes_do_not_count(void **state)
{
    struct world w;

    (void)state;
    world_init(&w,
               MACHINE("\"A\":{\"Type\":\"Parallel\",\"Retry\":[{\"ErrorEquals\":[\"E\"],"
                       "\"MaxAttempts\":1}],\"Branches\":[{\"StartAt\":\"B\",\"States\":{" PASS(
                           "B", "\"Assign\":{\"x\":\"12345678\"}",
                           NEXT("C")) ",\"C\":{" INVOKE
                                      ",\"Parameters\":{\"FunctionName\":\"F\"},\"End\":true}}}],"
                                      "\"End\":true}"));
    world_start(&w, "{}");
    assert_int_equal(w.header.variable_bytes, 10);
    world_grant_frame(&w, world_frame(&w, FRAME_READY, "C")->id);
    world_fail_frame(&w, world_frame(&w, FRAME_LEASED, "C")->id, "E", "");
    assert_int_equal(w.header.variable_bytes, 0);
    world_timer(&w);
    assert_int_equal(w.header.variable_bytes, 10);
    world_grant_frame(&w, world_frame(&w, FRAME_READY, "C")->id);
    world_fail_frame(&w, world_frame(&w, FRAME_LEASED, "C")->id, "E", "");
    assert_int_equal(w.header.status, EXECUTION_FAILED);
    assert_int_equal(w.header.variable_bytes, 0);
    world_step(&w, (struct engine_event){.kind = ENGINE_REDRIVE});
    assert_int_equal(w.header.variable_bytes, 10);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variable__assign_is_seen_by_the_next_state),
        cmocka_unit_test(test_variable__assign_reads_values_of_entry),
        cmocka_unit_test(test_variable__history_shows_what_was_assigned),
        cmocka_unit_test(test_variable__setting_one_again_leaves_the_others),
        cmocka_unit_test(test_variable__inner_scopes_see_outer_ones),
        cmocka_unit_test(test_variable__inner_ones_end_with_their_scope),
        cmocka_unit_test(test_variable__choice_rule_assigns_in_place_of_the_state),
        cmocka_unit_test(test_variable__catcher_assigns_from_the_error),
        cmocka_unit_test(test_variable__task_assigns_from_its_raw_result),
        cmocka_unit_test(test_variable__parameters_are_made_again_from_values_of_then),
        cmocka_unit_test(test_variable__bytes_are_counted_and_limited),
        cmocka_unit_test(test_variable__bytes_of_failed_scopes_do_not_count),
    };

    return cmocka_run_group_tests_name("variable", tests, NULL, NULL);
}
