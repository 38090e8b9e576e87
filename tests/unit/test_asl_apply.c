/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c and errors.c: path fields, waits, seconds, Fail's texts, and what a retrier means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "coordinator/asl/eval.h"
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
    if (asl_machine_parse(text, false, &f->a, &found, &f->m, &err) != OK) {
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
    assert_string_equal(arena_str(&f.a, why.error), "States.ResultPathMatchFailure");
    assert_string_equal(arena_str(&f.a, why.cause),
                        "Unable to apply ReferencePath $.r to input true");
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
    check_timeout("{}", 0, "Invalid path '$.t' : No results for path: $['t']");
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
        bool task;
        bool heartbeat;
        bool expected;
    } examples[] = {
        {"A", "A", true, false, true},
        {"A", "B", true, false, false},
        {"States.ALL", "B", false, false, true},
        {"States.ALL", "States.Runtime", true, false, false},
        {"States.Runtime", "States.Runtime", true, false, false},
        {"States.ALL", "States.Timeout", true, false, true},
        {"States.ALL", "States.DataLimitExceeded", true, false, true},
        {"States.TaskFailed", "B", true, false, true},
        {"States.TaskFailed", "B", false, false, false},
        {"States.TaskFailed", "States.Timeout", true, false, false},
        {"States.TaskFailed", "States.Timeout", true, true, false},
        {"States.Timeout", "States.Timeout", true, true, true},
        {"States.HeartbeatTimeout", "States.Timeout", true, true, true},
        {"States.HeartbeatTimeout", "States.Timeout", true, false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct slice patterns[] = {SLICE("Other"), slice_str(examples[i].pattern)};

        assert_int_equal(asl_error_matches(patterns, 2, slice_str(examples[i].error),
                                           examples[i].task, examples[i].heartbeat),
                         examples[i].expected);
        assert_false(asl_error_matches(patterns, 1, slice_str(examples[i].error), examples[i].task,
                                       examples[i].heartbeat));
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
        cmocka_unit_test(test_asl_apply__fail_texts),
        cmocka_unit_test(test_asl_apply__error_matches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
