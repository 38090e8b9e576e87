/* SPDX-License-Identifier: Apache-2.0 */
/* Logging configurations: what they ask for, what is refused, and which events a level wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "coordinator/ledger/log_rule.h"

#define TO(arn) "\"destinations\":[{\"cloudWatchLogsLogGroup\":{\"logGroupArn\":\"" arn "\"}}]"
#define GROUP   "arn:aws:logs:us-east-1:123456789012:log-group:"

static void is_read(const char *text, enum log_rule_level level, bool with_data, const char *group)
{
    struct arena a = {0};
    struct log_rule rule;
    struct err err;

    if (log_rule_read(slice_str(text), &a, &rule, &err) != OK) {
        fail_msg("%s: %s", text, err.msg);
    }
    assert_int_equal(rule.level, level);
    assert_int_equal(rule.with_data, with_data);
    assert_true(slice_eq_str(rule.group, group));
    arena_fini(&a);
}

static void is_refused(const char *text, enum err_code rc, const char *says)
{
    struct arena a = {0};
    struct log_rule rule;
    struct err err;

    assert_int_equal(log_rule_read(slice_str(text), &a, &rule, &err), rc);
    assert_int_equal(rule.level, LOG_RULE_OFF);
    if (strstr(err.msg, says) == NULL) {
        fail_msg("%s: %s", text, err.msg);
    }
    arena_fini(&a);
}

static void test_log_rule__what_is_asked_for(void **state)
{
    (void)state;
    is_read("", LOG_RULE_OFF, false, "");
    is_read("{}", LOG_RULE_OFF, false, "");
    is_read("{\"level\":\"OFF\",\"destinations\":[]}", LOG_RULE_OFF, false, "");
    is_read("{\"level\":\"ALL\"," TO(GROUP "g:*") "}", LOG_RULE_ALL, false, "g");
    is_read("{\"level\":\"ERROR\",\"includeExecutionData\":true," TO(GROUP "/aws/a.b_c-d#1") "}",
            LOG_RULE_ERROR, true, "/aws/a.b_c-d#1");
    is_read("{\"level\":\"FATAL\",\"includeExecutionData\":\"true\"," TO(GROUP "g:*") "}",
            LOG_RULE_FATAL, false, "g");
}

static void test_log_rule__what_is_refused(void **state)
{
    static const char one[] = "Must specify exactly one Log Destination";
    static const char found[] = "Log Destination not found";

    (void)state;
    is_refused("[]", ERR_LOGGING, "must be an object");
    is_refused("{", ERR_LOGGING, "must be an object");
    is_refused("{\"level\":\"SOME\"}", ERR_VALIDATION, "'SOME' at 'loggingConfiguration.level'");
    is_refused("{\"level\":1}", ERR_VALIDATION, "enum value set");
    is_refused("{\"level\":\"ALL\"}", ERR_LOGGING, one);
    is_refused("{\"level\":\"ALL\",\"destinations\":{\"a\":1}}", ERR_LOGGING, one);
    is_refused("{\"level\":\"ALL\",\"destinations\":[{},{}]}", ERR_LOGGING, one);
    is_refused("{\"level\":\"ALL\",\"destinations\":[1]}", ERR_LOGGING, found);
    is_refused("{\"level\":\"ALL\",\"destinations\":[{}]}", ERR_LOGGING, found);
    is_refused("{\"level\":\"ALL\"," TO("g") "}", ERR_LOGGING, found);
    is_refused("{\"level\":\"ALL\"," TO("arn:aws:s3:::log-group:g") "}", ERR_LOGGING, found);
    is_refused("{\"level\":\"ALL\"," TO(GROUP ":*") "}", ERR_LOGGING, found);
    is_refused("{\"level\":\"ALL\"," TO(GROUP "a b:*") "}", ERR_LOGGING, found);
    is_refused("{\"level\":\"ALL\"," TO(GROUP "a\\u0000b:*") "}", ERR_LOGGING, found);
}

static void test_log_rule__the_longest_group(void **state)
{
    char text[512];
    char name[202];

    (void)state;
    memset(name, 'g', 201);
    name[201] = '\0';
    (void)snprintf(text, sizeof(text), "{\"level\":\"ALL\"," TO(GROUP "%s:*") "}", name);
    is_refused(text, ERR_LOGGING, "not found");
    name[200] = '\0';
    (void)snprintf(text, sizeof(text), "{\"level\":\"ALL\"," TO(GROUP "%s:*") "}", name);
    is_read(text, LOG_RULE_ALL, false, name);
}

static void test_log_rule__what_a_level_wants(void **state)
{
    static const struct {
        enum history_type type;
        enum log_rule_level least;
    } rows[] = {
        {HISTORY_EXECUTION_STARTED, LOG_RULE_ALL},
        {HISTORY_EXECUTION_SUCCEEDED, LOG_RULE_ALL},
        {HISTORY_TASK_STATE_EXITED, LOG_RULE_ALL},
        {HISTORY_MAP_ITERATION_FAILED, LOG_RULE_ERROR},
        {HISTORY_LAMBDA_FUNCTION_SCHEDULE_FAILED, LOG_RULE_ERROR},
        {HISTORY_TASK_SUBMIT_FAILED, LOG_RULE_ERROR},
        {HISTORY_ACTIVITY_TIMED_OUT, LOG_RULE_ERROR},
        {HISTORY_PARALLEL_STATE_ABORTED, LOG_RULE_ERROR},
        {HISTORY_FAIL_STATE_ENTERED, LOG_RULE_ERROR},
        {HISTORY_EVALUATION_FAILED, LOG_RULE_ERROR},
        {HISTORY_EXECUTION_FAILED, LOG_RULE_FATAL},
        {HISTORY_EXECUTION_TIMED_OUT, LOG_RULE_FATAL},
        {HISTORY_EXECUTION_ABORTED, LOG_RULE_FATAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int level = LOG_RULE_OFF; level <= LOG_RULE_ALL; level++) {
            assert_int_equal(log_rule_wants((enum log_rule_level)level, rows[i].type),
                             level >= (int)rows[i].least);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_rule__what_is_asked_for),
        cmocka_unit_test(test_log_rule__what_is_refused),
        cmocka_unit_test(test_log_rule__the_longest_group),
        cmocka_unit_test(test_log_rule__what_a_level_wants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
