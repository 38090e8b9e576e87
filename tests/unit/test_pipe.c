/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes, case by case: states, batches, parameters, records, what a run's output says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "coordinator/trigger/pipe_parameters.h"
#include "proto/base/limits.h"

static const struct pipe_settings ten = {.batch_size = 10, .waits = true, .input_bytes = 1000};

/* ---- states ---- */

static void test_pipe__goes_through_its_states(void **state)
{
    struct pipe *p = pipe_new(&ten, PIPE_CREATING, true);

    (void)state;
    assert_false(pipe_stop(p));
    assert_false(pipe_delete(p));
    assert_true(pipe_settle(p, false));
    assert_int_equal(pipe_state(p), PIPE_RUNNING);
    assert_false(pipe_settle(p, false));
    assert_false(pipe_start(p));
    assert_true(pipe_update(p, true));
    assert_true(pipe_settle(p, false));
    assert_int_equal(pipe_state(p), PIPE_RUNNING);
    assert_true(pipe_stop(p));
    assert_false(pipe_is_wanted(p));
    assert_true(pipe_settle(p, false));
    assert_int_equal(pipe_state(p), PIPE_STOPPED);
    assert_false(pipe_stop(p));
    assert_true(pipe_start(p));
    assert_true(pipe_is_wanted(p));
    assert_true(pipe_settle(p, true));
    assert_string_equal(pipe_state_name(pipe_state(p)), "START_FAILED");
    assert_true(pipe_update(p, false));
    assert_true(pipe_settle(p, false));
    assert_true(pipe_settle(p, false));
    assert_int_equal(pipe_state(p), PIPE_STOPPED);
    assert_true(pipe_delete(p));
    assert_false(pipe_delete(p));
    assert_true(pipe_is_over(p));
    pipe_free(p);
}

static void test_pipe__fails_to_be_made_or_changed(void **state)
{
    struct pipe *p = pipe_new(&ten, PIPE_CREATING, true);

    (void)state;
    assert_true(pipe_settle(p, true));
    assert_string_equal(pipe_state_name(pipe_state(p)), "CREATE_FAILED");
    assert_false(pipe_start(p));
    assert_true(pipe_delete(p));
    pipe_free(p);
    p = pipe_new(&ten, PIPE_STOPPED, false);
    assert_true(pipe_update(p, true));
    assert_true(pipe_settle(p, true));
    assert_string_equal(pipe_state_name(pipe_state(p)), "UPDATE_FAILED");
    assert_true(pipe_start(p));
    pipe_free(p);
    p = pipe_new(&ten, PIPE_CREATING, false);
    assert_true(pipe_settle(p, false));
    assert_int_equal(pipe_state(p), PIPE_STOPPED);
    pipe_free(p);
}

/* ---- batches ---- */

static struct pipe_item item(uint64_t number, const char *group, const char *input)
{
    struct pipe_item m = {
        .receipt = {1, {1, number}, {1, number}},
        .group = slice_str(group),
        .input = slice_str(input),
    };

    m.id[15] = (uint8_t)number;
    return m;
}

static void gather(struct pipe *p, uint64_t number, const char *group)
{
    struct pipe_item m = item(number, group, "{}");

    assert_true(pipe_gather(p, 1000, &m));
    assert_null(pipe_check(p));
}

static void assert_input(const struct pipe_batch *b, const char *wanted)
{
    struct arena a = {0};
    struct slice text = pipe_batch_input(b, &a);

    assert_int_equal(text.len, strlen(wanted));
    assert_memory_equal(text.ptr, wanted, text.len);
    arena_fini(&a);
}

static void test_pipe__gives_what_there_is_without_a_window(void **state)
{
    struct pipe *p = pipe_new(&ten, PIPE_RUNNING, true);
    struct pipe_batch *b;

    (void)state;
    assert_int_equal(pipe_wants(p), 10);
    assert_null(pipe_next(p, 1000));
    gather(p, 1, "");
    gather(p, 2, "");
    assert_int_equal(pipe_wants(p), 8);
    assert_true(pipe_is_due(p, 1000));
    b = pipe_next(p, 1000);
    assert_non_null(b);
    assert_int_equal(b->count, 2);
    assert_input(b, "[{},{}]");
    pipe_fly(p, b, 7);
    assert_null(pipe_check(p));
    assert_int_equal(pipe_in_flight(p), 1);
    assert_ptr_equal(pipe_flying(p), b);
    assert_null(pipe_next(p, 1000));
    pipe_end(p, b);
    assert_int_equal(pipe_in_flight(p), 0);
    assert_null(pipe_flying(p));
    pipe_free(p);
}

static void test_pipe__waits_for_its_window_or_a_full_batch(void **state)
{
    struct pipe_settings s = ten;
    struct pipe_batch *b;
    struct pipe *p;

    (void)state;
    s.window_ms = 5000;
    s.batch_size = 3;
    p = pipe_new(&s, PIPE_RUNNING, true);
    gather(p, 1, "");
    assert_int_equal(pipe_due_ms(p), 6000);
    assert_null(pipe_next(p, 5999));
    assert_false(pipe_is_due(p, 5999));
    gather(p, 1, ""); /* it came back meanwhile */
    b = pipe_next(p, 6000);
    assert_int_equal(b->count, 1);
    pipe_end(p, b);
    for (uint64_t i = 2; i <= 4; i++) {
        gather(p, i, "");
    }
    assert_int_equal(pipe_wants(p), 0); /* first the full one */
    b = pipe_next(p, 1000);
    assert_int_equal(b->count, 3);
    pipe_put_back(p, b);
    assert_ptr_equal(pipe_next(p, 1000), b);
    pipe_drop(b, 1);
    assert_input(b, "[{},{}]");
    assert_int_equal(b->items[1].id[15], 4);
    pipe_end(p, b);
    pipe_free(p);
}

static void test_pipe__bounds_a_batch_by_its_bytes(void **state)
{
    struct pipe_settings s = ten;
    struct pipe_item m;
    struct pipe_batch *b;
    struct pipe *p;

    (void)state;
    s.input_bytes = 9;
    p = pipe_new(&s, PIPE_RUNNING, true);
    m = item(1, "", "12345678");
    assert_false(pipe_gather(p, 1000, &m)); /* most + 1 with its brackets */
    m = item(2, "", "1234567");
    assert_true(pipe_gather(p, 1000, &m)); /* most */
    m = item(3, "", "\"a\"");
    assert_true(pipe_gather(p, 1000, &m));
    m = item(4, "", "\"b\"");
    assert_true(pipe_gather(p, 1000, &m)); /* ["a","b"] */
    m = item(5, "", "0");
    assert_true(pipe_gather(p, 1000, &m));
    b = pipe_next(p, 1000);
    assert_input(b, "[1234567]");
    pipe_end(p, b);
    b = pipe_next(p, 1000);
    assert_input(b, "[\"a\",\"b\"]");
    pipe_end(p, b);
    b = pipe_next(p, 1000);
    assert_input(b, "[0]");
    pipe_end(p, b);
    assert_null(pipe_next(p, 1000));
    pipe_free(p);
}

static void test_pipe__keeps_the_order_of_groups(void **state)
{
    struct pipe_settings s = ten;
    struct pipe_batch *first;
    struct pipe_batch *other;
    struct pipe *p;

    (void)state;
    s.batch_size = 1;
    s.ordered = true;
    p = pipe_new(&s, PIPE_RUNNING, true);
    gather(p, 1, "a");
    first = pipe_next(p, 1000);
    pipe_fly(p, first, 7);
    gather(p, 2, "a");
    gather(p, 3, "a");
    gather(p, 4, "b");
    other = pipe_next(p, 1000);
    assert_int_equal(other->items[0].id[15], 4);
    pipe_fly(p, other, 8);
    assert_null(pipe_check(p));
    assert_null(pipe_next(p, 1000));
    assert_false(pipe_is_due(p, 1000));
    pipe_end(p, first);
    first = pipe_next(p, 1000);
    assert_int_equal(first->items[0].id[15], 2);
    pipe_fly(p, first, 9);
    assert_null(pipe_next(p, 1000));
    pipe_end(p, first);
    first = pipe_next(p, 1000);
    assert_int_equal(first->items[0].id[15], 3);
    pipe_end(p, first);
    pipe_free(p);
}

static void test_pipe__has_so_many_in_flight_and_no_more(void **state)
{
    struct pipe_settings s = ten;
    struct pipe_batch *b = NULL;
    struct pipe *p;

    (void)state;
    s.batch_size = 1;
    p = pipe_new(&s, PIPE_RUNNING, true);
    for (uint64_t i = 1; i <= LIMIT_PIPE_BATCHES; i++) {
        struct pipe_item m = item(i, "", "{}");

        assert_int_equal(pipe_wants(p), 1);
        assert_true(pipe_gather(p, 1000, &m));
        b = pipe_next(p, 1000);
        pipe_fly(p, b, i);
    }
    assert_int_equal(pipe_wants(p), 0);
    assert_null(pipe_check(p));
    gather(p, LIMIT_PIPE_BATCHES + 1, "");
    assert_null(pipe_next(p, 1000));
    pipe_end(p, b);
    b = pipe_next(p, 1000);
    assert_non_null(b);
    pipe_end(p, b);
    assert_int_equal(pipe_wants(p), 1);
    pipe_free(p);
}

static void test_pipe__stops_when_nothing_is_in_flight(void **state)
{
    struct pipe *p = pipe_new(&ten, PIPE_RUNNING, true);
    struct pipe_batch *b;

    (void)state;
    gather(p, 1, "");
    b = pipe_next(p, 1000);
    pipe_fly(p, b, 7);
    gather(p, 2, "");
    assert_true(pipe_stop(p));
    assert_null(pipe_check(p)); /* what was gathered is let go */
    assert_int_equal(pipe_wants(p), 0);
    assert_null(pipe_next(p, 1000));
    assert_false(pipe_settle(p, false));
    assert_true(pipe_delete(p));
    assert_false(pipe_is_over(p));
    pipe_end(p, b);
    assert_true(pipe_is_over(p));
    pipe_free(p);
    p = pipe_new(&ten, PIPE_RUNNING, true);
    assert_true(pipe_settle(p, true)); /* it cannot run any more */
    assert_int_equal(pipe_state(p), PIPE_STOPPING);
    assert_true(pipe_is_wanted(p));
    pipe_free(p);
}

static void test_pipe__takes_new_settings_for_batches_to_come(void **state)
{
    struct pipe_settings s = ten;
    struct pipe *p = pipe_new(&ten, PIPE_RUNNING, true);
    struct pipe_batch *b;

    (void)state;
    gather(p, 1, "");
    gather(p, 2, "");
    assert_true(pipe_update(p, true));
    s.batch_size = 1;
    pipe_set(p, &s);
    assert_true(pipe_settle(p, false));
    assert_null(pipe_check(p));
    b = pipe_next(p, 1000);
    assert_int_equal(b->count, 2);
    pipe_end(p, b);
    assert_int_equal(pipe_wants(p), 1);
    pipe_free(p);
}

/* ---- what a run says ---- */

static void assert_outcome(const char *output, const char *wanted)
{
    struct pipe *p = pipe_new(&ten, PIPE_RUNNING, true);
    struct arena a = {0};
    struct pipe_batch *b;
    bool stays[3];

    for (uint64_t i = 1; i <= 3; i++) {
        gather(p, i, "");
    }
    b = pipe_next(p, 1000);
    pipe_outcome(b, slice_str(output), &a, stays);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(stays[i], wanted[i] == 's');
    }
    pipe_end(p, b);
    pipe_free(p);
    arena_fini(&a);
}

static void test_pipe__reads_what_failed_of_a_batch(void **state)
{
#define ID(n)          "{\"itemIdentifier\":\"00000000-0000-4000-8000-00000000000" n "\"}"
#define FAILURES(list) "{\"batchItemFailures\":" list "}"
    static const struct {
        const char *output;
        const char *wanted;
    } rows[] = {
        {"null", "ddd"},
        {"{}", "ddd"},
        {"[]", "ddd"},
        {"7", "ddd"},
        {FAILURES("null"), "ddd"},
        {FAILURES("[]"), "ddd"},
        {FAILURES("[" ID("2") "]"), "dsd"},
        {FAILURES("[" ID("1") "," ID("3") "," ID("1") "]"), "sds"},
        {FAILURES("[" ID("2") "," ID("9") "]"), "sss"},
        {FAILURES("[{\"itemIdentifier\":\"\"}]"), "sss"},
        {FAILURES("[{\"itemIdentifier\":null}]"), "sss"},
        {FAILURES("[{\"itemId\":\"x\"}]"), "sss"},
        {FAILURES("\"all\""), "sss"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_outcome(rows[i].output, rows[i].wanted);
    }
}

/* ---- parameters ---- */

static void assert_refused(const char *source, const char *target, bool fifo, const char *why)
{
    struct pipe_parameters p;
    struct arena a = {0};
    struct err err;

    assert_int_equal(pipe_parameters_read(slice_str(source), slice_str(target), fifo, &a, &p, &err),
                     ERR_VALIDATION);
    if (strstr(err.msg, why) == NULL) {
        fail_msg("%s %s: %s", source, target, err.msg);
    }
    arena_fini(&a);
}

static void test_pipe__refuses_wrong_parameters(void **state)
{
    static const struct {
        const char *source;
        const char *target;
        bool fifo;
        const char *why;
    } rows[] = {
        {"[]", "", false, "sourceParameters"},
        {"{\"KinesisStreamParameters\":{}}", "", false, "KinesisStreamParameters"},
        {"{\"SqsQueueParameters\":{\"BatchSize\":0}}", "", false,
         "Value '0' at 'sourceParameters.sqsQueueParameters.batchSize' failed to satisfy "
         "constraint: Member must have value greater than or equal to 1"},
        {"{\"SqsQueueParameters\":{\"BatchSize\":10001,\"MaximumBatchingWindowInSeconds\":1}}", "",
         false, "less than or equal to 10000"},
        {"{\"SqsQueueParameters\":{\"BatchSize\":1,\"MaximumBatchingWindowInSeconds\":301}}", "",
         false, "less than or equal to 300"},
        {"{\"SqsQueueParameters\":{\"BatchSize\":11}}", "", false, "greater than 0"},
        {"{\"SqsQueueParameters\":{\"BatchSize\":11}}", "", true, "10 for a FIFO queue"},
        {"{\"SqsQueueParameters\":{\"MaximumBatchingWindowInSeconds\":1}}", "", true, "FIFO"},
        {"{\"SqsQueueParameters\":{\"BatchSize\":\"1\"}}", "", false, "be a number"},
        {"{\"SqsQueueParameters\":[]}", "", false, "be an object"},
        {"{\"FilterCriteria\":[]}", "", false, "filterCriteria' failed to satisfy"},
        {"{\"FilterCriteria\":{\"Filters\":{}}}", "", false, "be a list"},
        {"{\"FilterCriteria\":{\"Filters\":[{\"Pattern\":\"{\"}]}}", "", false, "pattern"},
        {"{\"FilterCriteria\":{\"Filters\":[{}]}}", "", false, "pattern"},
        {"{\"FilterCriteria\":{\"Filters\":[{},{},{},{},{},{}]}}", "", false,
         "length less than or equal to 5"},
        {"", "{\"LambdaFunctionParameters\":{}}", false, "LambdaFunctionParameters"},
        {"", "{\"StepFunctionStateMachineParameters\":{\"InvocationType\":\"LATER\"}}", false,
         "enum value set: [REQUEST_RESPONSE, FIRE_AND_FORGET]"},
        {"", "{\"StepFunctionStateMachineParameters\":\"FIRE_AND_FORGET\"}", false, "be an object"},
        {"", "{\"StepFunctionStateMachineParameters\":{\"InvocationType\":1}}", false,
         "enum value"},
        {"", "{\"InputTemplate\":1}", false, "be a string"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_refused(rows[i].source, rows[i].target, rows[i].fifo, rows[i].why);
    }
}

static void test_pipe__reads_parameters(void **state)
{
    static const char source[] = "{\"SqsQueueParameters\":{\"BatchSize\":10000,"
                                 "\"MaximumBatchingWindowInSeconds\":300}}";
    static const char target[] =
        "{\"StepFunctionStateMachineParameters\":{\"InvocationType\":\"FIRE_AND_FORGET\"}}";
    struct pipe_parameters p;
    struct arena a = {0};
    struct err err;

    (void)state;
    assert_int_equal(pipe_parameters_read(SLICE(""), SLICE(""), true, &a, &p, &err), OK);
    assert_int_equal(p.batch_size, 10);
    assert_int_equal(p.window_ms, 0);
    assert_true(p.waits);
    assert_int_equal(
        pipe_parameters_read(slice_str(source), slice_str(target), false, &a, &p, &err), OK);
    assert_int_equal(p.batch_size, 10000);
    assert_int_equal(p.window_ms, 300000);
    assert_false(p.waits);
    assert_null(p.input);
    arena_fini(&a);
}

static void test_pipe__merges_parameters(void **state)
{
    struct arena a = {0};
    struct slice s = pipe_parameters_merge(SLICE("{\"A\":{\"x\":1,\"y\":2},\"B\":1}"),
                                           SLICE("{\"A\":{\"x\":3}}"), &a);

    (void)state;
    assert_true(slice_eq_str(s, "{\"A\":{\"x\":3},\"B\":1}"));
    s = pipe_parameters_merge(SLICE("{\"A\":1}"), SLICE("\"x\""), &a);
    assert_true(slice_eq_str(s, "\"x\"")); /* to be refused */
    s = pipe_parameters_merge(SLICE(""), SLICE("{\"A\":1}"), &a);
    assert_true(slice_eq_str(s, "{\"A\":1}"));
    arena_fini(&a);
}

/* ---- records ---- */

static const struct pipe_attribute attributes[] = {
    {SLICE_INIT("kind"), SLICE_INIT("String"), false, SLICE_INIT("x")},
    {SLICE_INIT("raw"), SLICE_INIT("Binary"), true, SLICE_INIT("hi")},
};

static struct pipe_message message(const char *body)
{
    return (struct pipe_message){
        .id = SLICE("19dd0b57-b21e-4ac1-bd88-01bbb068cb78"),
        .handle = SLICE("MessageReceiptHandle"),
        .body = slice_str(body),
        .sender = SLICE("123456789012"),
        .queue_arn = SLICE("arn:aws:sqs:us-east-1:123456789012:q"),
        .region = SLICE("us-east-1"),
        .receive_count = 1,
        .sent_ms = 1523232000000,
        .first_ms = 1523232000001,
    };
}

static void assert_record(const struct pipe_message *m, const char *wanted)
{
    struct arena a = {0};
    struct slice text = json_print(pipe_record(m, &a), &a);

    assert_string_equal(arena_str(&a, text), wanted);
    arena_fini(&a);
}

static void test_pipe__makes_the_record_of_a_message(void **state)
{
    struct pipe_message m = message("Hello from SQS!");

    (void)state;
    assert_record(
        &m, "{\"messageId\":\"19dd0b57-b21e-4ac1-bd88-01bbb068cb78\","
            "\"receiptHandle\":\"MessageReceiptHandle\",\"body\":\"Hello from SQS!\","
            "\"attributes\":{\"ApproximateReceiveCount\":\"1\",\"SentTimestamp\":\"1523232000000\","
            "\"SenderId\":\"123456789012\","
            "\"ApproximateFirstReceiveTimestamp\":\"1523232000001\"},\"messageAttributes\":{},"
            "\"md5OfBody\":\"7b270e59b47ff90a553787216d55d91d\",\"eventSource\":\"aws:sqs\","
            "\"eventSourceARN\":\"arn:aws:sqs:us-east-1:123456789012:q\","
            "\"awsRegion\":\"us-east-1\"}");
    m.group = SLICE("g");
    m.dedup = SLICE("d");
    m.sequence = SLICE("00000000000000000001");
    m.attributes = attributes;
    m.attribute_count = 2;
    assert_record(
        &m, "{\"messageId\":\"19dd0b57-b21e-4ac1-bd88-01bbb068cb78\","
            "\"receiptHandle\":\"MessageReceiptHandle\",\"body\":\"Hello from SQS!\","
            "\"attributes\":{\"ApproximateReceiveCount\":\"1\",\"SentTimestamp\":\"1523232000000\","
            "\"SequenceNumber\":\"00000000000000000001\",\"MessageGroupId\":\"g\","
            "\"SenderId\":\"123456789012\",\"MessageDeduplicationId\":\"d\","
            "\"ApproximateFirstReceiveTimestamp\":\"1523232000001\"},\"messageAttributes\":{"
            "\"kind\":{\"stringValue\":\"x\",\"stringListValues\":[],\"binaryListValues\":[],"
            "\"dataType\":\"String\"},\"raw\":{\"binaryValue\":\"aGk=\",\"stringListValues\":[],"
            "\"binaryListValues\":[],\"dataType\":\"Binary\"}},"
            "\"md5OfBody\":\"7b270e59b47ff90a553787216d55d91d\",\"eventSource\":\"aws:sqs\","
            "\"eventSourceARN\":\"arn:aws:sqs:us-east-1:123456789012:q\","
            "\"awsRegion\":\"us-east-1\"}");
}

static void test_pipe__filters_records(void **state)
{
#define FILTERS(list) "{\"FilterCriteria\":{\"Filters\":[" list "]}}"
    static const struct {
        const char *source;
        const char *body;
        bool wanted;
    } rows[] = {
        {"", "anything", true},
        {FILTERS(""), "anything", true},
        {FILTERS("{\"Pattern\":\"{\\\"body\\\":{\\\"kind\\\":[\\\"a\\\"]}}\"}"), "{\"kind\":\"a\"}",
         true},
        {FILTERS("{\"Pattern\":\"{\\\"body\\\":{\\\"kind\\\":[\\\"a\\\"]}}\"}"), "{\"kind\":\"b\"}",
         false},
        {FILTERS("{\"Pattern\":\"{\\\"body\\\":{\\\"kind\\\":[\\\"a\\\"]}}\"}"), "plain", false},
        {FILTERS("{\"Pattern\":\"{\\\"body\\\":[\\\"plain\\\"]}\"}"), "plain", true},
        {FILTERS("{\"Pattern\":\"{\\\"body\\\":[\\\"x\\\"]}\"},"
                 "{\"Pattern\":\"{\\\"eventSource\\\":[\\\"aws:sqs\\\"]}\"}"),
         "plain", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pipe_message m = message(rows[i].body);
        struct pipe_parameters p;
        struct arena a = {0};
        struct err err;

        assert_int_equal(
            pipe_parameters_read(slice_str(rows[i].source), SLICE(""), false, &a, &p, &err), OK);
        assert_int_equal(pipe_is_wanted_record(&p, pipe_record(&m, &a), &a), rows[i].wanted);
        arena_fini(&a);
    }
}

static void test_pipe__makes_input_by_its_template(void **state)
{
    static const struct {
        const char *target;
        const char *wanted;
    } rows[] = {
        {"{\"InputTemplate\":\"{\\\"n\\\":<$.body.n>,\\\"by\\\":\\\"<aws.pipes.pipe-name>\\\"}\"}",
         "{\"n\":7,\"by\":\"p\"}"},
        {"{\"InputTemplate\":\"<$.body>\"}", "{\"n\":7}"},
        {"{\"InputTemplate\":\"just text\"}", "\"just text\""},
    };
    const struct pipe_names names = {.name = SLICE("p")};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pipe_message m = message("{\"n\": 7}");
        struct pipe_parameters p;
        struct arena a = {0};
        struct err err;
        struct slice made;

        assert_int_equal(
            pipe_parameters_read(SLICE(""), slice_str(rows[i].target), false, &a, &p, &err), OK);
        made = pipe_input(&p, &names, 0, pipe_record(&m, &a), &a);
        assert_string_equal(arena_str(&a, made), rows[i].wanted);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipe__goes_through_its_states),
        cmocka_unit_test(test_pipe__fails_to_be_made_or_changed),
        cmocka_unit_test(test_pipe__gives_what_there_is_without_a_window),
        cmocka_unit_test(test_pipe__waits_for_its_window_or_a_full_batch),
        cmocka_unit_test(test_pipe__bounds_a_batch_by_its_bytes),
        cmocka_unit_test(test_pipe__keeps_the_order_of_groups),
        cmocka_unit_test(test_pipe__has_so_many_in_flight_and_no_more),
        cmocka_unit_test(test_pipe__stops_when_nothing_is_in_flight),
        cmocka_unit_test(test_pipe__takes_new_settings_for_batches_to_come),
        cmocka_unit_test(test_pipe__reads_what_failed_of_a_batch),
        cmocka_unit_test(test_pipe__refuses_wrong_parameters),
        cmocka_unit_test(test_pipe__reads_parameters),
        cmocka_unit_test(test_pipe__merges_parameters),
        cmocka_unit_test(test_pipe__makes_the_record_of_a_message),
        cmocka_unit_test(test_pipe__filters_records),
        cmocka_unit_test(test_pipe__makes_input_by_its_template),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
