/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c and errors.c: path fields, waits, seconds, Fail's texts, and what a retrier means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "coordinator/asl/jsonpath.h"
#include "proto/base/limits.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DAY_MS       INT64_C(86400000)

/* A machine of one state with these fields; `f` gives back its arena and machine. */
struct fixture {
    struct arena a;
    struct asl_machine *m;
    const struct asl_state *st;
    struct asl_scope_data s;
};

static void setup(struct fixture *f, const char *fields, const char *input)
{
    struct asl_diagnostics found = {0};
    struct err err = {0};
    struct slice text;

    memset(f, 0, sizeof(*f));
    text = arena_printf(&f->a, "{\"StartAt\":\"S\",\"States\":{\"S\":{%s}}}", fields);
    if (asl_machine_parse(text, NULL, &f->a, &found, &f->m, &err) != OK) {
        fail_msg("%s", err.msg);
    }
    f->st = &f->m->states[0];
    f->s.a = &f->a;
    assert_int_equal(json_parse(slice_str(input), &f->a, &f->s.input, NULL), OK);
}

static void teardown(struct fixture *f)
{
    asl_machine_free(f->m);
    arena_fini(&f->a);
}

static void test_asl_apply__paths(void **state)
{
    struct fixture f;
    const struct json_node *v;
    struct failure why;

    (void)state;
    setup(&f, "\"Type\":\"Succeed\",\"InputPath\":\"$.a\",\"OutputPath\":null", "{\"a\":1}");
    assert_true(asl_apply_path(&f.st->input_path, "InputPath", &f.s, &v, &why));
    assert_string_equal(arena_str(&f.a, json_print(v, &f.a)), "1");
    assert_true(asl_apply_path(&f.st->output_path, "OutputPath", &f.s, &v, &why));
    assert_string_equal(arena_str(&f.a, json_print(v, &f.a)), "{}");
    teardown(&f);
    setup(&f, "\"Type\":\"Succeed\",\"InputPath\":\"$\",\"OutputPath\":\"$.no.such\"", "{\"a\":1}");
    assert_int_equal(f.st->input_path.is, ASL_PATH_DEFAULT);
    assert_true(asl_apply_path(&f.st->input_path, "InputPath", &f.s, &v, &why));
    assert_ptr_equal(v, f.s.input);
    assert_false(asl_apply_path(&f.st->output_path, "OutputPath", &f.s, &v, &why));
    assert_string_equal(arena_str(&f.a, why.error), "States.Runtime");
    assert_string_equal(arena_str(&f.a, why.cause),
                        "Invalid path '$.no.such' : Missing property in path $['no']");
    f.s.input = json_null();
    assert_false(asl_apply_path(&f.st->output_path, "OutputPath", &f.s, &v, &why));
    assert_string_equal(arena_str(&f.a, why.error), "States.Runtime");
    assert_string_equal(arena_str(&f.a, why.cause),
                        "Unable to apply Path transformation to null or empty input.");
    assert_true(asl_apply_path(&f.st->input_path, "InputPath", &f.s, &v, &why));
    assert_ptr_equal(v, f.s.input);
    teardown(&f);
}

static void test_asl_apply__result_path(void **state)
{
    struct fixture f;
    const struct json_node *v;
    struct failure why;

    (void)state;
    setup(&f, "\"Type\":\"Pass\",\"End\":true,\"ResultPath\":\"$.r\"", "{\"a\":1}");
    assert_true(asl_apply_result_path(&f.st->result_path, f.s.input, json_null(), &f.a, &v, &why));
    assert_string_equal(arena_str(&f.a, json_print(v, &f.a)), "{\"a\":1,\"r\":null}");
    assert_false(
        asl_apply_result_path(&f.st->result_path, json_bool(true), json_null(), &f.a, &v, &why));
    assert_string_equal(arena_str(&f.a, why.error), "States.ReferencePathConflict");
    assert_string_equal(arena_str(&f.a, why.cause),
                        "Unable to apply ReferencePath $.r to input true");
    assert_false(asl_apply_result_path(&f.st->result_path, json_string(&f.a, SLICE("i")),
                                       json_null(), &f.a, &v, &why));
    assert_string_equal(arena_str(&f.a, why.cause),
                        "Unable to apply ReferencePath $.r to input \"i\"");
    assert_int_equal(json_parse(SLICE("[1]"), &f.a, &f.s.input, NULL), OK);
    assert_false(asl_apply_result_path(&f.st->result_path, f.s.input, json_null(), &f.a, &v, &why));
    assert_string_equal(arena_str(&f.a, why.cause), "Unable to apply step \"r\" to input [1]");
    teardown(&f);
    setup(&f, "\"Type\":\"Pass\",\"End\":true,\"ResultPath\":\"$.a.r\"", "{\"a\":1}");
    assert_false(asl_apply_result_path(&f.st->result_path, f.s.input, json_null(), &f.a, &v, &why));
    assert_string_equal(arena_str(&f.a, why.cause),
                        "Unable to apply step \"r\" to input {\"a\":1}");
    teardown(&f);
    setup(&f, "\"Type\":\"Pass\",\"End\":true,\"ResultPath\":null", "{\"a\":1}");
    assert_true(asl_apply_result_path(&f.st->result_path, f.s.input, json_null(), &f.a, &v, &why));
    assert_ptr_equal(v, f.s.input);
    teardown(&f);
}

/* The end in ms counted from 1,000,000, or the cause. */
static void check_wait(const char *field, const char *input, int64_t until, const char *cause)
{
    struct fixture f;
    struct failure why = {0};
    char fields[256];
    int64_t got = 0;

    snprintf(fields, sizeof(fields), "\"Type\":\"Wait\",\"End\":true,%s", field);
    setup(&f, fields, input);
    if (cause == NULL) {
        assert_true(asl_wait_until(&f.st->wait, &f.s, 1000000, &got, &why));
        assert_true(got == until);
    } else {
        assert_false(asl_wait_until(&f.st->wait, &f.s, 1000000, &got, &why));
        assert_string_equal(arena_str(&f.a, why.error), "States.Runtime");
        assert_string_equal(arena_str(&f.a, why.cause), cause);
    }
    teardown(&f);
}

static void test_asl_apply__wait(void **state)
{
    static const char at[] = "\"SecondsPath\":\"$.x\"";
    static const char when[] = "\"TimestampPath\":\"$.t\"";

    (void)state;
    check_wait("\"Seconds\":5", "{}", 1005000, NULL);
    check_wait("\"Seconds\":0", "{}", 1000000, NULL);
    check_wait("\"Timestamp\":\"1970-01-01T00:00:01.5Z\"", "{}", 1500, NULL);
    check_wait(at, "{\"x\":7}", 1007000, NULL);
    check_wait(at, "{\"x\":\"7\"}", 1007000, NULL);
    check_wait(at, "{}", 0, "The SecondsPath parameter does not reference an input value: $.x");
    check_wait(at, "{\"x\":1.5}", 0,
               "The SecondsPath parameter cannot be parsed as a long value: $.x == 1.5");
    check_wait(at, "{\"x\":\"a\"}", 0,
               "The SecondsPath parameter cannot be parsed as a long value: $.x == a");
    check_wait(at, "{\"x\":-1}", 0,
               "The SecondsPath parameter references a negative value: $.x == -1");
    check_wait(at, "{\"x\":9223372036854775807}", 0, "Wait state delay is too long.");
    check_wait(when, "{\"t\":\"2016-01-01T00:00:00+01:00\"}", INT64_C(1451602800000), NULL);
    check_wait(when, "{}", 0, "The TimestampPath parameter does not reference an input value: $.t");
    check_wait(when, "{\"t\":\"2016-13-05T21:29:29Z\"}", 0,
               "The TimestampPath parameter does not reference a valid ISO-8601 extended offset "
               "date-time format string: $.t == 2016-13-05T21:29:29Z");
    check_wait(when, "{\"t\":5}", 0,
               "The TimestampPath parameter does not reference a valid ISO-8601 extended offset "
               "date-time format string: $.t == 5");
}

/* LIMIT_WAIT_DAYS is the first that is too long. */
static void test_asl_apply__wait_limit(void **state)
{
    char input[64];

    (void)state;
    snprintf(input, sizeof(input), "{\"x\":%lld}",
             (long long)(LIMIT_WAIT_DAYS * DAY_MS / 1000 - 1));
    check_wait("\"SecondsPath\":\"$.x\"", input, LIMIT_WAIT_DAYS * DAY_MS - 1000 + 1000000, NULL);
    snprintf(input, sizeof(input), "{\"x\":%lld}", (long long)(LIMIT_WAIT_DAYS * DAY_MS / 1000));
    check_wait("\"SecondsPath\":\"$.x\"", input, 0, "Wait state delay is too long.");
    check_wait("\"Timestamp\":\"2093-01-19T00:00:00Z\"", "{}", 0, "Wait state delay is too long.");
}

static void check_timeout(const char *input, int64_t seconds, const char *cause)
{
    struct fixture f;
    struct failure why = {0};
    int64_t got = -1;

    setup(&f,
          "\"Type\":\"Task\",\"End\":true,\"Resource\":\"arn:aws:lambda:r:1:function:f\","
          "\"TimeoutSecondsPath\":\"$.t\",\"HeartbeatSeconds\":3",
          input);
    assert_true(asl_seconds_value(&f.st->task.heartbeat, "HeartbeatSeconds", &f.s, &got, &why));
    assert_int_equal(got, 3);
    assert_int_equal(asl_seconds_value(&f.st->task.timeout, "TimeoutSeconds", &f.s, &got, &why),
                     cause == NULL);
    if (cause == NULL) {
        assert_true(got == seconds);
    } else {
        assert_string_equal(arena_str(&f.a, why.cause), cause);
    }
    teardown(&f);
}

static void test_asl_apply__seconds(void **state)
{
    (void)state;
    check_timeout("{\"t\":1}", 1, NULL);
    check_timeout("{\"t\":\"60\"}", 60, NULL);
    check_timeout("{\"t\":99999999}", LIMIT_TIMEOUT_SECONDS, NULL);
    check_timeout(
        "{\"t\":100000000}", 0,
        "The TimeoutSecondsPath field refers to value \"100000000\" which is not between 1 and "
        "99999999: $.t");
    check_timeout("{\"t\":0}", 0,
                  "The TimeoutSecondsPath field refers to value \"0\" which is not between 1 and "
                  "99999999: $.t");
    check_timeout(
        "{\"t\":\"x\"}", 0,
        "The TimeoutSecondsPath field refers to value \"x\" which is not a valid integer: $.t");
    check_timeout(
        "{\"t\":1.0}", 0,
        "The TimeoutSecondsPath field refers to value \"1.0\" which is not a valid integer: $.t");
    check_timeout("{}", 0, "Invalid path '$.t' : No results for path: $['t']");
}

static bool items(struct fixture *f, const struct asl_map *m, const char *expected)
{
    const struct json_node *v;
    struct failure why;

    if (asl_map_items(m, &f->s, &v, &why)) {
        assert_string_equal(arena_str(&f->a, json_print(v, &f->a)), expected);
        return true;
    }
    assert_string_equal(arena_str(&f->a, arena_printf(&f->a, "%.*s: %.*s", SLICE_FMT(why.error),
                                                      SLICE_FMT(why.cause))),
                        expected);
    return false;
}

static struct asl_path_field path_field(struct fixture *f, const char *text)
{
    const char *why;

    return (struct asl_path_field){
        .is = ASL_PATH_SET,
        .path = asl_path_parse(slice_str(text), PATH_ANY, &f->a, &why),
        .text = slice_str(text),
    };
}

static void test_asl_apply__map_items(void **state)
{
    struct fixture f = {0};
    struct asl_map m = {0};

    (void)state;
    f.s = (struct asl_scope_data){.a = &f.a};
    assert_int_equal(json_parse(SLICE("{\"d\":{\"l\":[1,2]},\"x\":1}"), &f.a, &f.s.input, NULL),
                     OK);
    f.s.context = f.s.input;
    assert_false(items(&f, &m, "States.Runtime: Reference path \"$\" must point to array."));
    m.items_path = path_field(&f, "$.d.l");
    assert_true(items(&f, &m, "[1,2]"));
    m.items_path = path_field(&f, "$.d.l[*]");
    assert_true(items(&f, &m, "[1,2]"));
    m.items_path = path_field(&f, "$.x");
    assert_false(items(&f, &m, "States.Runtime: Reference path \"$.x\" must point to array."));
    m.items_path = path_field(&f, "$$.x");
    assert_false(items(&f, &m, "States.Runtime: Reference path \"$.x\" must point to array."));
    m.items_path = path_field(&f, "$.d.m");
    assert_false(items(&f, &m,
                       "States.ReferencePathConflict: Unable to apply step \"m\" to input "
                       "{\"d\":{\"l\":[1,2]},\"x\":1}"));
    m.items_path = path_field(&f, "$l");
    assert_false(items(&f, &m, "States.Runtime: Invalid path '$l' : No results for path: $['l']"));
    f.s.input = json_built(&(struct json_builder){.a = &f.a});
    m = (struct asl_map){0};
    assert_true(items(&f, &m, "[]"));
    arena_fini(&f.a);
}

static void check_concurrency(const char *input, int64_t expected, const char *cause)
{
    struct fixture f = {0};
    struct asl_map m = {0};
    struct asl_path_field path = path_field(&f, "$.n");
    struct failure why = {0};
    int64_t got = -1;

    f.s.a = &f.a;
    assert_int_equal(json_parse(slice_str(input), &f.a, &f.s.input, NULL), OK);
    m.max_concurrency.is = ASL_SECONDS_PATH;
    m.max_concurrency.path = path.path;
    m.max_concurrency.text = path.text;
    assert_int_equal(asl_map_concurrency(&m, &f.s, &got, &why), cause == NULL);
    assert_int_equal(got, cause == NULL ? expected : -1);
    assert_string_equal(arena_str(&f.a, why.cause), cause == NULL ? "" : cause);
    arena_fini(&f.a);
}

static void test_asl_apply__map_concurrency(void **state)
{
    struct asl_map m = {0};
    struct failure why;
    int64_t got = -1;

    (void)state;
    assert_true(asl_map_concurrency(&m, NULL, &got, &why));
    assert_int_equal(got, 0);
    m.max_concurrency = (struct asl_seconds){.is = ASL_SECONDS_LITERAL, .seconds = 7};
    assert_true(asl_map_concurrency(&m, NULL, &got, &why));
    assert_int_equal(got, 7);
    check_concurrency("{\"n\":0}", 0, NULL);
    check_concurrency("{\"n\":1000000}", 1000000, NULL);
    check_concurrency("{\"n\":\"1\"}", 1, NULL);
    check_concurrency("{\"n\":-1}", 0, "MaxConcurrency cannot be negative.");
    check_concurrency("{}", 0, "Invalid path '$.n' : No results for path: $['n']");
    check_concurrency("{\"n\":{}}", 0,
                      "The MaxConcurrencyPath field refers to value \"{}\" which is not a valid "
                      "integer: $.n");
    check_concurrency("{\"n\":\"NoNumber\"}", 0,
                      "The MaxConcurrencyPath field refers to value \"NoNumber\" which is not a "
                      "valid integer: $.n");
}

static void test_asl_apply__fail_texts(void **state)
{
    struct fixture f;
    struct slice error;
    struct slice cause;
    struct failure why;

    (void)state;
    setup(&f, "\"Type\":\"Fail\",\"Error\":\"\",\"CausePath\":\"States.Format('{}!', $.c)\"",
          "{\"c\":\"why\"}");
    assert_true(asl_string_value(&f.st->fail.error, "ErrorPath", &f.s, &error, &why));
    assert_true(error.ptr != NULL && error.len == 0);
    assert_true(asl_string_value(&f.st->fail.cause, "CausePath", &f.s, &cause, &why));
    assert_string_equal(arena_str(&f.a, cause), "why!");
    teardown(&f);
    setup(&f, "\"Type\":\"Fail\",\"ErrorPath\":\"$.ErrorX\"", "{\"Error\":1}");
    assert_true(asl_string_value(&f.st->fail.cause, "CausePath", &f.s, &cause, &why));
    assert_null(cause.ptr);
    assert_false(asl_string_value(&f.st->fail.error, "ErrorPath", &f.s, &error, &why));
    assert_string_equal(
        arena_str(&f.a, why.cause),
        "The JSONPath '$.ErrorX' specified for the field 'ErrorPath' could not be found "
        "in the input '{\"Error\":1}'");
    teardown(&f);
}

static void test_asl_apply__error_matches(void **state)
{
    static const struct {
        const char *pattern;
        const char *error;
        unsigned kinds;
        bool expected;
    } examples[] = {
        {"A", "A", ASL_FAILED_TASK, true},
        {"A", "B", ASL_FAILED_TASK, false},
        {"States.ALL", "B", 0, true},
        {"States.ALL", "States.Runtime", ASL_FAILED_TASK, false},
        {"States.Runtime", "States.Runtime", ASL_FAILED_TASK, false},
        {"States.ALL", "States.Timeout", ASL_FAILED_TASK, true},
        {"States.ALL", "States.DataLimitExceeded", ASL_FAILED_TASK, true},
        {"States.TaskFailed", "B", ASL_FAILED_TASK, true},
        {"States.TaskFailed", "B", 0, false},
        {"States.TaskFailed", "States.Timeout", ASL_FAILED_TASK, false},
        {"States.TaskFailed", "States.Timeout", ASL_FAILED_TASK | ASL_FAILED_HEARTBEAT, false},
        {"States.Timeout", "States.Timeout", ASL_FAILED_TASK | ASL_FAILED_HEARTBEAT, true},
        {"States.HeartbeatTimeout", "States.Timeout", ASL_FAILED_TASK | ASL_FAILED_HEARTBEAT, true},
        {"States.HeartbeatTimeout", "States.Timeout", ASL_FAILED_TASK, false},
        {"States.BranchFailed", "B", ASL_FAILED_BRANCH, true},
        {"States.BranchFailed", "B", ASL_FAILED_TASK, false},
        {"States.BranchFailed", "States.Runtime", ASL_FAILED_BRANCH, false},
        {"States.TaskFailed", "B", ASL_FAILED_BRANCH, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct slice patterns[] = {SLICE("Other"), slice_str(examples[i].pattern)};

        assert_int_equal(
            asl_error_matches(patterns, 2, slice_str(examples[i].error), examples[i].kinds),
            examples[i].expected);
        assert_false(
            asl_error_matches(patterns, 1, slice_str(examples[i].error), examples[i].kinds));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asl_apply__paths),
        cmocka_unit_test(test_asl_apply__result_path),
        cmocka_unit_test(test_asl_apply__wait),
        cmocka_unit_test(test_asl_apply__wait_limit),
        cmocka_unit_test(test_asl_apply__seconds),
        cmocka_unit_test(test_asl_apply__map_items),
        cmocka_unit_test(test_asl_apply__map_concurrency),
        cmocka_unit_test(test_asl_apply__fail_texts),
        cmocka_unit_test(test_asl_apply__error_matches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
