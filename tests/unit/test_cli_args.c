/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's pure parts: arguments, names, tables, figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "client/cli/args.h"
#include "client/cli/name.h"
#include "client/cli/table.h"

struct values {
    bool flag;
    const char *text;
    uint32_t number;
    struct arg_list list;
    const char *operands[2];
    size_t operand_count;
};

/* Parse a NULL-terminated command line into `v`. */
static enum err_code parse(struct values *v, const char *const *argv, struct err *err)
{
    const struct arg options[] = {
        {"--flag", 'f', ARG_FLAG, &v->flag, 0},
        {"--input", 0, ARG_TEXT, &v->text, 0},
        {"--limit", 'n', ARG_NUMBER, &v->number, 1000},
        {"--function", 0, ARG_LIST, &v->list, 0},
    };
    struct args a = {options, 4, v->operands, 1, 2, 0};
    int argc = 0;
    enum err_code rc;

    while (argv[argc] != NULL) {
        argc++;
    }
    rc = args_parse(&a, argc, (char *const *)(uintptr_t)argv, err);
    v->operand_count = a.operand_count;
    return rc;
}

#define PARSE(v, err, ...) parse((v), (const char *const[]){__VA_ARGS__, NULL}, (err))

static void test_args__options_among_operands(void **state)
{
    struct values v = {0};
    struct err err;

    (void)state;
    assert_int_equal(PARSE(&v, &err, "one", "--flag", "--input=a=b", "-n", "7", "two"), OK);
    assert_true(v.flag);
    assert_string_equal(v.text, "a=b");
    assert_int_equal(v.number, 7);
    assert_int_equal(v.operand_count, 2);
    assert_string_equal(v.operands[1], "two");
}

static void test_args__values_may_look_like_options(void **state)
{
    struct values v = {0};
    struct err err;

    (void)state;
    assert_int_equal(PARSE(&v, &err, "--input", "--flag", "x"), OK);
    assert_string_equal(v.text, "--flag");
    assert_false(v.flag);
    assert_int_equal(PARSE(&v, &err, "--", "--flag", "-"), OK);
    assert_string_equal(v.operands[0], "--flag");
    assert_string_equal(v.operands[1], "-");
    assert_false(v.flag);
}

static void test_args__numbers_have_bounds(void **state)
{
    struct values v = {0};
    struct err err;

    (void)state;
    assert_int_equal(PARSE(&v, &err, "-n", "1000", "x"), OK);
    assert_int_equal(v.number, 1000);
    assert_int_equal(PARSE(&v, &err, "-n", "1001", "x"), ERR_USAGE);
    assert_int_equal(PARSE(&v, &err, "-n", "0", "x"), ERR_USAGE);
    assert_int_equal(PARSE(&v, &err, "-n", "1e3", "x"), ERR_USAGE);
    assert_int_equal(PARSE(&v, &err, "x", "-n"), ERR_USAGE);
}

static void test_args__refuses_what_does_not_fit(void **state)
{
    struct values v = {0};
    struct err err;

    (void)state;
    assert_int_equal(PARSE(&v, &err, "--flag"), ERR_USAGE);
    assert_string_equal(err.msg, "an argument is missing");
    assert_int_equal(PARSE(&v, &err, "a", "b", "c"), ERR_USAGE);
    assert_int_equal(PARSE(&v, &err, "a", "--flag=yes"), ERR_USAGE);
    assert_int_equal(PARSE(&v, &err, "a", "--imput", "x"), ERR_USAGE);
    assert_string_equal(err.msg, "there is no option --imput; did you mean --input?");
    assert_int_equal(PARSE(&v, &err, "a", "--zzz"), ERR_USAGE);
    assert_string_equal(err.msg, "there is no option --zzz");
}

static void test_args__lists_gather_to_their_limit(void **state)
{
    const char *argv[2 * (ARG_LIST_MOST + 1) + 2] = {"operand"};
    struct values v = {0};
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARG_LIST_MOST; i++) {
        argv[1 + 2 * i] = "--function";
        argv[2 + 2 * i] = "f";
    }
    assert_int_equal(parse(&v, argv, &err), OK);
    assert_int_equal(v.list.count, ARG_LIST_MOST);
    argv[1 + 2 * ARG_LIST_MOST] = "--function";
    argv[2 + 2 * ARG_LIST_MOST] = "f";
    v.list.count = 0;
    assert_int_equal(parse(&v, argv, &err), ERR_USAGE);
}

static void test_args__nearest_name(void **state)
{
    static const char *const names[] = {"dev", "start", "stop", "history", "workers"};

    (void)state;
    assert_int_equal(args_nearest(SLICE("strat"), names, 5), 1);
    assert_int_equal(args_nearest(SLICE("hist"), names, 5), 3);
    assert_int_equal(args_nearest(SLICE("worker"), names, 5), 4);
    assert_int_equal(args_nearest(SLICE("dve"), names, 5), 0);
    assert_int_equal(args_nearest(SLICE("banana"), names, 5), 5);
    assert_int_equal(args_nearest(SLICE("dxx"), names, 5), 5); /* two slips in three letters */
    assert_int_equal(args_nearest(SLICE(""), names, 5), 5);
    assert_int_equal(args_nearest(SLICE("startstartstartstartstartstartstart"), names, 5), 5);
}

/* ---- Names ---- */

static const struct name_place place = {SLICE_INIT("eu-west-1"), SLICE_INIT("123456789012")};

static void check_arn(const char *given, const char *machine, const char *want)
{
    struct arena a = {0};
    struct slice out = {0};
    struct err err;

    assert_int_equal(
        name_execution_arn(slice_str(given), slice_str(machine), &place, &a, &out, &err), OK);
    assert_true(slice_eq_str(out, want));
    arena_fini(&a);
}

static void test_name__short_names_become_arns(void **state)
{
    (void)state;
    check_arn("m/e", NULL, "arn:aws:states:eu-west-1:123456789012:execution:m:e");
    check_arn("e", "m", "arn:aws:states:eu-west-1:123456789012:execution:m:e");
    check_arn("e", "arn:aws:states:x:y:stateMachine:m",
              "arn:aws:states:eu-west-1:123456789012:execution:m:e");
    check_arn("m/e:1-2", NULL, "arn:aws:states:eu-west-1:123456789012:express:m:e:1-2");
    check_arn("arn:aws:states:x:y:execution:m:e", "other", "arn:aws:states:x:y:execution:m:e");
}

static void test_name__refuses_what_is_none(void **state)
{
    struct arena a = {0};
    struct slice out = {0};
    struct err err;

    (void)state;
    assert_int_equal(name_execution_arn(SLICE("e"), SLICE(""), &place, &a, &out, &err), ERR_USAGE);
    assert_int_equal(name_execution_arn(SLICE("m/e f"), SLICE(""), &place, &a, &out, &err),
                     ERR_USAGE);
    assert_int_equal(name_execution_arn(SLICE("m n/e"), SLICE(""), &place, &a, &out, &err),
                     ERR_USAGE);
    assert_int_equal(name_execution_arn(SLICE("/e"), SLICE(""), &place, &a, &out, &err), ERR_USAGE);
    assert_int_equal(name_execution_arn(SLICE("m/"), SLICE(""), &place, &a, &out, &err), ERR_USAGE);
    assert_null(out.ptr);
    arena_fini(&a);
}

static void test_name__parts_of_arns(void **state)
{
    (void)state;
    assert_true(slice_eq_str(name_of_machine(SLICE("arn:aws:states:r:a:stateMachine:m")), "m"));
    assert_true(slice_eq_str(name_of_machine(SLICE("m")), "m"));
    assert_true(slice_eq_str(name_of_machine(SLICE("arn:aws:states:r:a:stateMachine:m:2")), "m"));
    assert_true(slice_eq_str(name_of_version(SLICE("arn:aws:states:r:a:stateMachine:m:2")), "m:2"));
    assert_true(slice_eq_str(name_of_version(SLICE("m:live")), "m:live"));
    assert_true(slice_eq_str(name_of_execution(SLICE("arn:aws:states:r:a:execution:m:e")), "e"));
    assert_true(slice_eq_str(name_of_execution(SLICE("arn:aws:states:r:a:express:m:e:u")), "e"));
    assert_int_equal(name_of_execution(SLICE("arn:")).len, 0);
}

/* ---- Tables and figures ---- */

static void check_table(const struct table *t, bool colour, size_t width, const char *want)
{
    struct buf b = {0};

    table_write(t, colour, width, &b);
    buf_put_u8(&b, 0);
    assert_string_equal(b.ptr, want);
    buf_fini(&b);
}

static void test_table__aligns_columns(void **state)
{
    struct arena a = {0};
    struct table t;

    (void)state;
    table_init(&t, &a, "NAME|>SIZE|WHY");
    table_str(&t, "a");
    table_str(&t, "10");
    table_str(&t, "");
    table_str(&t, "\xc3\xa4hnlich"); /* eight bytes, seven characters */
    table_str(&t, "7");
    table_str(&t, "because it is so");
    check_table(&t, false, 0,
                "NAME     SIZE  WHY\na          10\n\xc3\xa4hnlich     7  because it is so\n");
    check_table(&t, false, 24,
                "NAME     SIZE  WHY\na          10\n\xc3\xa4hnlich     7  because \xe2\x80\xa6\n");
    arena_fini(&a);
}

static void test_table__colours_only_where_wanted(void **state)
{
    struct arena a = {0};
    struct table t;

    (void)state;
    table_init(&t, &a, "A|B");
    table_cell(&t, SLICE("x"), STYLE_BAD);
    table_cell(&t, SLICE("y"), STYLE_PLAIN);
    check_table(&t, false, 0, "A  B\nx  y\n");
    check_table(&t, true, 0, "\033[1mA\033[0m  \033[1mB\033[0m\n\033[31mx\033[0m  y\n");
    arena_fini(&a);
}

static void test_table__no_cell_plays_with_the_terminal(void **state)
{
    struct arena a = {0};

    (void)state;
    assert_true(slice_eq_str(table_clean(SLICE("a\033[2Jb\nc\x7f"
                                               "d\xc2\x9b"
                                               "e"),
                                         &a),
                             "a [2Jb c d  e"));
    assert_true(slice_eq_str(table_clean(SLICE("\xc3\xa4 ok"), &a), "\xc3\xa4 ok"));
    arena_fini(&a);
}

static void test_human__figures(void **state)
{
    struct arena a = {0};

    (void)state;
    assert_true(slice_eq_str(human_bytes(0, &a), "0 B"));
    assert_true(slice_eq_str(human_bytes(1023, &a), "1023 B"));
    assert_true(slice_eq_str(human_bytes(1024, &a), "1.0 KiB"));
    assert_true(slice_eq_str(human_bytes(1536, &a), "1.5 KiB"));
    assert_true(slice_eq_str(human_bytes(UINT64_MAX, &a), "15.9 EiB"));
    assert_true(slice_eq_str(human_span(-5, &a), "0.0s"));
    assert_true(slice_eq_str(human_span(59999, &a), "59.9s"));
    assert_true(slice_eq_str(human_span(60000, &a), "1m 00s"));
    assert_true(slice_eq_str(human_span(3600000, &a), "1h 00m"));
    assert_true(slice_eq_str(human_span(86400000, &a), "1d 00h"));
    arena_fini(&a);
}

static void test_human__times_are_short_on_their_day(void **state)
{
    struct arena a = {0};
    int64_t noon = INT64_C(1795435200000); /* 2026-11-23 12:00 UTC */

    (void)state;
    (void)setenv("TZ", "UTC", 1);
    tzset();
    assert_true(slice_eq_str(human_time(noon, noon + 1000, &a), "12:00:00"));
    assert_true(slice_eq_str(human_time(noon, noon + 86400000, &a), "2026-11-23 12:00"));
    assert_int_equal(human_time(0, noon, &a).len, 0);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_args__options_among_operands),
        cmocka_unit_test(test_args__values_may_look_like_options),
        cmocka_unit_test(test_args__numbers_have_bounds),
        cmocka_unit_test(test_args__refuses_what_does_not_fit),
        cmocka_unit_test(test_args__lists_gather_to_their_limit),
        cmocka_unit_test(test_args__nearest_name),
        cmocka_unit_test(test_name__short_names_become_arns),
        cmocka_unit_test(test_name__refuses_what_is_none),
        cmocka_unit_test(test_name__parts_of_arns),
        cmocka_unit_test(test_table__aligns_columns),
        cmocka_unit_test(test_table__colours_only_where_wanted),
        cmocka_unit_test(test_table__no_cell_plays_with_the_terminal),
        cmocka_unit_test(test_human__figures),
        cmocka_unit_test(test_human__times_are_short_on_their_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
