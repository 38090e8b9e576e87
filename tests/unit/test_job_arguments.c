/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of a run: read, merged, bounded; the places they name; overrides; ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "proto/base/limits.h"
#include "proto/job/arguments.h"
#include "tests/lib/arena_case.h"

static enum err_code read_as(const char *text, struct job_arguments *out)
{
    const struct json_node *v;
    struct err err = {0};
    enum err_code rc;

    assert_int_equal(json_parse(slice_str(text), &a, &v, &err), OK);
    rc = job_arguments_read(v, &a, out, &err);
    assert_int_equal(err.code, rc);
    return rc;
}

static struct job_arguments read_ok(const char *text)
{
    struct job_arguments in = {.count = 0};

    assert_int_equal(read_as(text, &in), OK);
    return in;
}

static void is(struct job_arguments in, const char *text)
{
    assert_true(slice_eq_str(json_print(job_arguments_json(&in, &a), &a), text));
}

static void test_arguments__are_merged_by_key(void **state)
{
    struct job_arguments defaults = read_ok("{\"--b\":\"1\",\"--d\":\"2\",\"--a\":\"3\"}");
    struct job_arguments own = read_ok("{\"--d\":\"\",\"--c\":\"x\",\"--e\":\"z\"}");
    struct job_arguments none = {.count = 0};
    struct job_arguments out;
    struct err err;

    (void)state;
    assert_int_equal(job_arguments_merge(&defaults, &own, &a, &out, &err), OK);
    is(out, "{\"--a\":\"3\",\"--b\":\"1\",\"--c\":\"x\",\"--d\":\"\",\"--e\":\"z\"}");
    assert_true(slice_eq_str(job_arguments_find(&out, SLICE("--c"))->value, "x"));
    assert_null(job_arguments_find(&out, SLICE("--cc")));
    assert_int_equal(job_arguments_merge(&none, &own, &a, &out, &err), OK);
    is(out, "{\"--c\":\"x\",\"--d\":\"\",\"--e\":\"z\"}");
    assert_int_equal(job_arguments_merge(&none, &none, &a, &out, &err), OK);
    is(out, "{}");
    assert_int_equal(job_arguments_read(NULL, &a, &out, &err), OK);
    assert_int_equal(out.count, 0);
}

static void test_arguments__are_strings_under_keys_with_dashes(void **state)
{
    static const char *const bad[] = {"[]",
                                      "{\"x\":\"y\"}",
                                      "{\"-xy\":\"y\"}",
                                      "{\"--\":\"y\"}",
                                      "{\"--x\":1}",
                                      "{\"--x\":null}",
                                      "{\"--x\":{}}",
                                      "{\"--a b\":\"y\"}",
                                      "{\"--a=b\":\"y\"}",
                                      "{\"--a\\n\":\"y\"}",
                                      "{\"--a\":\"\\u0000\"}"};
    struct job_arguments out;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_as(bad[i], &out), ERR_VALIDATION);
    }
    (void)read_ok("{\"--execution-id\":\"\",\"--\xc3\xa4\":\"\xc3\xb6\"}");
}

/* `count` arguments of `bytes` each, key and value together. */
static struct job_arguments many(size_t count, size_t bytes)
{
    struct job_argument *items = ARENA_ARRAY(&a, count, struct job_argument);
    char *value = arena_alloc(&a, bytes);

    memset(value, 'v', bytes);
    for (size_t i = 0; i < count; i++) {
        struct slice key = arena_printf(&a, "--%08zu", i);

        items[i] = (struct job_argument){key, slice_make(value, bytes - key.len)};
    }
    return (struct job_arguments){items, count};
}

static void test_arguments__are_bounded(void **state)
{
    const size_t each = LIMIT_JOB_ARGUMENT_BYTES / LIMIT_JOB_ARGUMENTS;
    struct job_arguments most = many(LIMIT_JOB_ARGUMENTS, each);
    struct job_arguments more = many(LIMIT_JOB_ARGUMENTS + 1, 12);
    struct job_arguments longer = many(LIMIT_JOB_ARGUMENTS, each + 1);
    struct job_arguments one = read_ok("{\"--x\":\"y\"}");
    struct job_arguments out;
    struct err err;

    (void)state;
    assert_int_equal(job_arguments_read(job_arguments_json(&most, &a), &a, &out, &err), OK);
    assert_int_equal(job_arguments_read(job_arguments_json(&more, &a), &a, &out, &err),
                     ERR_VALIDATION);
    assert_int_equal(job_arguments_read(job_arguments_json(&longer, &a), &a, &out, &err),
                     ERR_VALIDATION);
    assert_int_equal(job_arguments_merge(&most, &most, &a, &out, &err), OK);
    assert_int_equal(job_arguments_merge(&most, &one, &a, &out, &err), ERR_VALIDATION);
}

/* ---- Places ---- */

static enum err_code find(const char *text, struct job_places *out)
{
    struct job_arguments in = read_ok(text);
    struct err err = {0};
    enum err_code rc = job_places_find(&in, out, &err);

    assert_int_equal(err.code, rc);
    return rc;
}

static void test_places__come_from_the_arguments(void **state)
{
    struct job_places p;

    (void)state;
    assert_int_equal(find("{\"--input-bucket\":\"in\",\"--input-key\":\"a/b.csv\","
                          "\"--output-bucket\":\"out\",\"--output-key\":\"a/b.csv\",\"--x\":\"y\"}",
                          &p),
                     OK);
    assert_int_equal(p.input_kind, JOB_INPUT_KEY);
    assert_true(slice_eq_str(p.input_bucket, "in"));
    assert_true(slice_eq_str(p.input, "a/b.csv"));
    assert_true(slice_eq_str(p.output_bucket, "out"));
    assert_true(slice_eq_str(p.output_key, "a/b.csv"));
    assert_int_equal(find("{\"--input-bucket\":\"in\",\"--input-prefix\":\"logs/2026/\","
                          "\"--output-key\":\"sum.json\"}",
                          &p),
                     OK);
    assert_int_equal(p.input_kind, JOB_INPUT_PREFIX);
    assert_true(slice_eq_str(p.input, "logs/2026/"));
    assert_true(slice_eq_str(p.output_bucket, "in"));
    assert_int_equal(find("{\"--input-bucket\":\"in\",\"--input-manifest\":\"m.json\","
                          "\"--output-key\":\"sum.json\"}",
                          &p),
                     OK);
    assert_int_equal(p.input_kind, JOB_INPUT_MANIFEST);
}

static void place_refused(const char *members, const char *named)
{
    struct job_arguments in = read_ok(arena_str(&a, arena_printf(&a, "{%s}", members)));
    struct job_places p = {.input_kind = JOB_INPUT_KEY};
    struct err err = {0};

    assert_int_equal(job_places_find(&in, &p, &err), ERR_VALIDATION);
    assert_null(p.input_bucket.ptr); /* untouched */
    if (strstr(err.msg, named) == NULL) {
        fail_msg("%s does not name %s", err.msg, named);
    }
}

#define BUCKET "\"--input-bucket\":\"b\","
#define OUTPUT "\"--output-key\":\"o\","

static void test_places__refuse_what_is_missing_or_twice(void **state)
{
    (void)state;
    place_refused("\"--input-key\":\"k\",\"--output-key\":\"o\"", "--input-bucket");
    place_refused(BUCKET "\"--output-key\":\"o\"", "--input-key");
    place_refused(BUCKET "\"--input-key\":\"k\"", "--output-key");
    place_refused(BUCKET OUTPUT "\"--input-key\":\"k\",\"--input-prefix\":\"p\"", "--input-prefix");
    place_refused(BUCKET OUTPUT "\"--input-manifest\":\"k\",\"--input-key\":\"p\"", "--input-key");
}

static void test_places__refuse_traversal(void **state)
{
    static const char *const bad[] = {"",   "..",   "../x",  "a/../b", "a/..",
                                      "/a", "a//b", "a/./b", "a\\\\b", "a\\u0001"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        place_refused(
            arena_str(&a, arena_printf(&a, BUCKET OUTPUT "\"--input-key\":\"%s\"", bad[i])),
            "--input-key");
        place_refused(
            arena_str(&a, arena_printf(&a, BUCKET OUTPUT "\"--input-prefix\":\"%s\"", bad[i])),
            "--input-prefix");
        place_refused(
            arena_str(&a, arena_printf(&a, BUCKET "\"--input-key\":\"k\",\"--output-key\":\"%s\"",
                                       bad[i])),
            "--output-key");
        place_refused(arena_str(&a, arena_printf(&a, "\"--input-bucket\":\"%s\"", bad[i])),
                      "--input-bucket");
    }
    place_refused(BUCKET OUTPUT "\"--input-key\":\"a/\"", "--input-key");
    place_refused(BUCKET OUTPUT "\"--input-prefix\":\"a//\"", "--input-prefix");
}

static void test_places__refuse_output_that_is_input(void **state)
{
    struct job_places p;

    (void)state;
    place_refused(BUCKET "\"--input-key\":\"k\",\"--output-key\":\"k\"", "--output-key");
    place_refused(BUCKET "\"--input-prefix\":\"a/\",\"--output-key\":\"a/b\"", "--output-key");
    assert_int_equal(find("{" BUCKET "\"--input-prefix\":\"a/\",\"--output-key\":\"ab\"}", &p), OK);
    assert_int_equal(find("{" BUCKET "\"--input-key\":\"k\",\"--output-bucket\":\"c\","
                          "\"--output-key\":\"k\"}",
                          &p),
                     OK);
}

/* ---- Overrides and ids ---- */

static enum err_code apply(int64_t timeout, int64_t workers, const char *type)
{
    const struct job_definition d = {.timeout_minutes = 9, .workers = 8};
    const struct job_overrides o = {timeout, workers, slice_str(type)};
    uint32_t minutes = 0;
    uint32_t count = 0;
    struct err err = {0};
    enum err_code rc = job_overrides_apply(&d, &o, &minutes, &count, &err);

    assert_int_equal(err.code, rc);
    assert_int_equal(minutes, rc != OK ? 0 : timeout < 0 ? 9 : timeout);
    assert_int_equal(count, rc != OK ? 0 : workers < 0 ? 8 : workers);
    return rc;
}

static void test_overrides__are_glues(void **state)
{
    static const char *const types[] = {"Standard", "G.025X", "G.1X", "G.2X",
                                        "G.4X",     "G.8X",   "Z.2X", ""};

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(apply(-1, -1, types[i]), OK);
    }
    assert_int_equal(apply(-1, -1, "G.3X"), ERR_VALIDATION);
    assert_int_equal(apply(1, 1, ""), OK);
    assert_int_equal(apply(LIMIT_JOB_TIMEOUT_MINUTES, LIMIT_JOB_LIVE, ""), OK);
    assert_int_equal(apply(0, -1, ""), ERR_VALIDATION);
    assert_int_equal(apply(LIMIT_JOB_TIMEOUT_MINUTES + 1, -1, ""), ERR_VALIDATION);
    assert_int_equal(apply(-1, 0, ""), ERR_VALIDATION);
    assert_int_equal(apply(-1, LIMIT_JOB_LIVE + 1, ""), ERR_VALIDATION);
}

static void test_run_ids__are_of_one_form(void **state)
{
    uint8_t chance[32] = {0xab, 1};
    char id[JOB_RUN_ID_BYTES];

    (void)state;
    job_run_id_format(chance, id);
    assert_memory_equal(id, "jr_ab01000", 10);
    assert_true(job_run_id_is(slice_make(id, sizeof(id))));
    assert_false(job_run_id_is(slice_make(id, sizeof(id) - 1)));
    id[3] = 'A';
    assert_false(job_run_id_is(slice_make(id, sizeof(id))));
    id[3] = 'g';
    assert_false(job_run_id_is(slice_make(id, sizeof(id))));
    id[3] = 'a';
    id[0] = 'k';
    assert_false(job_run_id_is(slice_make(id, sizeof(id))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments__are_merged_by_key),
        cmocka_unit_test(test_arguments__are_strings_under_keys_with_dashes),
        cmocka_unit_test(test_arguments__are_bounded),
        cmocka_unit_test(test_places__come_from_the_arguments),
        cmocka_unit_test(test_places__refuse_what_is_missing_or_twice),
        cmocka_unit_test(test_places__refuse_traversal),
        cmocka_unit_test(test_places__refuse_output_that_is_input),
        cmocka_unit_test(test_overrides__are_glues),
        cmocka_unit_test(test_run_ids__are_of_one_form),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
