/* SPDX-License-Identifier: Apache-2.0 */
/* Events and the targets of rules: envelopes, entries of PutEvents, what may be said of a target,
 * what it gets, when it is tried again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/trigger/event.h"
#include "coordinator/trigger/target.h"
#include "proto/base/limits.h"

#define SQS    "arn:aws:sqs:eu-x-1:000000000042:"
#define SNS    "arn:aws:sns:eu-x-1:000000000042:"
#define STATES "arn:aws:states:eu-x-1:000000000042:stateMachine:"

static const struct target_place place = {SLICE_INIT("eu-x-1"), 42};

static void test_event__has_its_envelope(void **state)
{
    struct arena a = {0};
    struct json_builder none = json_build_array(&a);
    const struct event_head head = {
        .id = SLICE("i"),
        .source = SLICE("s"),
        .detail_type = SLICE("d"),
        .region = SLICE("r"),
        .account = 42,
        .time_ms = 1763884800999,
        .resources = json_built(&none),
    };

    (void)state;
    assert_true(slice_eq_str(
        json_print(event_make(&head, json_bool(true), &a), &a),
        "{\"version\":\"0\",\"id\":\"i\",\"detail-type\":\"d\",\"source\":\"s\",\"account\":"
        "\"000000000042\",\"time\":\"2025-11-23T08:00:00Z\",\"region\":\"r\",\"resources\":[],"
        "\"detail\":true}"));
    arena_fini(&a);
}

static void test_event__entries_are_checked(void **state)
{
    static const struct {
        const char *texts[3];
        const char *code;
    } cases[] = {
        {{"s", "d", "{\"a\":1}"}, NULL},
        {{"", "d", "{}"}, "InvalidArgument"},
        {{"s", "", "{}"}, "InvalidArgument"},
        {{"s", "d", ""}, "InvalidArgument"},
        {{"s", "d", "[]"}, "MalformedDetail"},
        {{"s", "d", "{"}, "MalformedDetail"},
        {{"aws.s3", "d", "{}"}, "NotAuthorizedForSourceException"},
    };
    static const char *const resources[] = {"12", "345"};
    struct event_entry e = {.resources = resources, .resource_count = 2, .has_time = true};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct event_entry one = {.source = slice_str(cases[i].texts[0]),
                                        .detail_type = slice_str(cases[i].texts[1]),
                                        .detail = slice_str(cases[i].texts[2])};
        const struct json_node *detail = NULL;
        struct arena a = {0};
        struct event_fault fault = event_entry_check(&one, &a, &detail);

        assert_true(fault.code == cases[i].code ||
                    slice_eq_str(slice_str(fault.code), cases[i].code));
        assert_true((fault.code == NULL) == (fault.message.len == 0));
        arena_fini(&a);
    }
    e.source = SLICE("1234567");
    assert_int_equal(event_entry_bytes(&e), 7 + 5 + 14);
}

/* ---- targets ---- */

static enum err_code compile(struct target_texts t, struct arena *a, struct target *out)
{
    struct err err;

    return target_compile(&t, SLICE("a"), &place, a, out, &err);
}

static void test_event__targets_that_may_be(void **state)
{
    struct arena a = {0};
    struct target t;

    (void)state;
    assert_int_equal(compile((struct target_texts){.arn = SLICE(SQS "q")}, &a, &t), OK);
    assert_int_equal(t.kind, TARGET_QUEUE);
    assert_true(slice_eq_str(t.name, "q"));
    assert_int_equal(t.retries.most, LIMIT_DELIVERY_RETRIES);
    assert_int_equal(t.retries.age_ms, (int64_t)LIMIT_DELIVERY_AGE_S * 1000);
    assert_int_equal(compile((struct target_texts){.arn = SLICE(SNS "t")}, &a, &t), OK);
    assert_int_equal(t.kind, TARGET_TOPIC);
    assert_int_equal(compile((struct target_texts){.arn = SLICE(STATES "m")}, &a, &t), OK);
    assert_int_equal(t.kind, TARGET_MACHINE);
    assert_int_equal(
        compile(
            (struct target_texts){.arn = SLICE("arn:aws:lambda:eu-x-1:000000000042:function:f")},
            &a, &t),
        OK);
    assert_int_equal(t.kind, TARGET_HANDLER);
    assert_int_equal(
        compile((struct target_texts){.arn = SLICE("arn:aws:events:eu-x-1:000000000042:"
                                                   "api-destination/d/id")},
                &a, &t),
        OK);
    assert_int_equal(t.kind, TARGET_WEBHOOK);
    assert_true(slice_eq_str(t.name, "d/id"));
    assert_int_equal(
        compile((struct target_texts){.arn = SLICE(SQS "q.fifo"),
                                      .queue = SLICE("{\"MessageGroupId\":\"g\"}"),
                                      .dead_letters = SLICE("{\"Arn\":\"" SQS "d\"}"),
                                      .retry = SLICE("{\"MaximumRetryAttempts\":0,"
                                                     "\"MaximumEventAgeInSeconds\":60}")},
                &a, &t),
        OK);
    assert_true(slice_eq_str(t.group, "g"));
    assert_true(slice_eq_str(t.dead_letters, "d"));
    assert_int_equal(t.retries.most, 0);
    assert_int_equal(t.retries.age_ms, 60000);
    arena_fini(&a);
}

static void test_event__targets_that_may_not_be(void **state)
{
    static const struct target_texts cases[] = {
        {.arn = SLICE_INIT("")},
        {.arn = SLICE_INIT("arn:aws:sqs:eu-x-2:000000000042:q")},
        {.arn = SLICE_INIT("arn:aws:sqs:eu-x-1:000000000043:q")},
        {.arn = SLICE_INIT(SQS)},
        {.arn = SLICE_INIT(STATES "m:1")},
        {.arn = SLICE_INIT("arn:aws:logs:eu-x-1:000000000042:log-group:g")},
        {.arn = SLICE_INIT(SNS "t.fifo")},
        {.arn = SLICE_INIT(SQS "q.fifo")},
        {.arn = SLICE_INIT(SQS "q"), .input = SLICE_INIT("{")},
        {.arn = SLICE_INIT(SQS "q"), .input_path = SLICE_INIT("no")},
        {.arn = SLICE_INIT(SQS "q"), .input = SLICE_INIT("1"), .input_path = SLICE_INIT("$")},
        {.arn = SLICE_INIT(SQS "q"), .transformer = SLICE_INIT("{}")},
        {.arn = SLICE_INIT(SQS "q"), .transformer = SLICE_INIT("{\"InputTemplate\":\"<no>\"}")},
        {.arn = SLICE_INIT(SNS "t"), .queue = SLICE_INIT("{\"MessageGroupId\":\"g\"}")},
        {.arn = SLICE_INIT(SQS "q"), .dead_letters = SLICE_INIT("{\"Arn\":\"" SQS "d.fifo\"}")},
        {.arn = SLICE_INIT(SQS "q"), .dead_letters = SLICE_INIT("{\"Arn\":\"" SNS "t\"}")},
        {.arn = SLICE_INIT(SQS "q"), .retry = SLICE_INIT("{\"MaximumRetryAttempts\":186}")},
        {.arn = SLICE_INIT(SQS "q"), .retry = SLICE_INIT("{\"MaximumEventAgeInSeconds\":59}")},
        {.arn = SLICE_INIT(SQS "q"), .retry = SLICE_INIT("{\"MaximumEventAgeInSeconds\":86401}")},
        {.arn = SLICE_INIT(SQS "q"), .retry = SLICE_INIT("1")},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena a = {0};
        struct target t;

        assert_int_equal(compile(cases[i], &a, &t), ERR_VALIDATION);
        arena_fini(&a);
    }
}

/* ---- tries ---- */

static void test_event__waits_double_up_to_their_most(void **state)
{
    const struct target_retries r = {LIMIT_DELIVERY_RETRIES, INT64_C(86400000)};
    int64_t due_ms;

    (void)state;
    assert_null(target_retry(&r, 1, 0, 0, 0, &due_ms));
    assert_int_equal(due_ms, 1000);
    assert_null(target_retry(&r, 2, 0, 0, 0, &due_ms));
    assert_int_equal(due_ms, 2000);
    assert_null(target_retry(&r, 9, 0, 0, 0, &due_ms));
    assert_int_equal(due_ms, 256000);
    assert_null(target_retry(&r, 10, 0, 0, 0, &due_ms));
    assert_int_equal(due_ms, LIMIT_DELIVERY_WAIT_MS);
    assert_null(target_retry(&r, LIMIT_DELIVERY_RETRIES, 0, 0, 500, &due_ms));
    assert_int_equal(due_ms, LIMIT_DELIVERY_WAIT_MS - 500);
    for (uint64_t chance = 0; chance < 5000; chance++) {
        assert_null(target_retry(&r, 1, 0, 0, chance, &due_ms));
        assert_in_range(due_ms, 500, 1000);
    }
}

static void test_event__is_tried_no_more(void **state)
{
    const struct target_retries r = {2, 60000};
    int64_t due_ms;

    (void)state;
    assert_null(target_retry(&r, 2, 0, 0, 0, &due_ms));
    assert_string_equal(target_retry(&r, 3, 0, 0, 0, &due_ms), "MaximumRetryAttempts");
    assert_null(target_retry(&r, 1, 0, 59000, 0, &due_ms));
    assert_string_equal(target_retry(&r, 1, 0, 59001, 0, &due_ms), "MaximumEventAgeInSeconds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event__has_its_envelope),
        cmocka_unit_test(test_event__entries_are_checked),
        cmocka_unit_test(test_event__targets_that_may_be),
        cmocka_unit_test(test_event__targets_that_may_not_be),
        cmocka_unit_test(test_event__waits_double_up_to_their_most),
        cmocka_unit_test(test_event__is_tried_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
