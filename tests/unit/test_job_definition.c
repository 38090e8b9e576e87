/* SPDX-License-Identifier: Apache-2.0 */
/* Job definitions: what is kept, what is filled in, what is refused and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "proto/base/limits.h"
#include "proto/job/definition.h"
#include "tests/lib/arena_case.h"

static const struct job_definition *parsed(const char *text)
{
    const struct job_definition *d = NULL;
    struct err err = {0};

    if (job_definition_parse(slice_str(text), &a, &d, &err) != OK) {
        fail_msg("%s: %s", text, err.msg);
    }
    return d;
}

/* Refused for all of these, in this order, and for nothing else. */
static void refused(const char *text, const char *faults)
{
    const struct job_definition *d = NULL;
    char expected[ERR_MSG_BYTES];
    struct err err = {0};

    assert_int_equal(job_definition_parse(slice_str(text), &a, &d, &err), ERR_INVALID_DEFINITION);
    assert_null(d);
    (void)snprintf(expected, sizeof(expected), "Invalid Job Definition: '%s'", faults);
    assert_string_equal(err.msg, expected);
}

#define FAULT(text) "SCHEMA_VALIDATION_FAILED: " text

/* A definition with that member, refused for that. */
static void member_refused(const char *member, const char *fault)
{
    char text[2048];
    char full[ERR_MSG_BYTES];

    (void)snprintf(text, sizeof(text), "{\"Handler\":\"h\",%s}", member);
    (void)snprintf(full, sizeof(full), FAULT("%s"), fault);
    refused(text, full);
}

static void test_definition__fills_in_defaults(void **state)
{
    const struct job_definition *d = parsed("{\"Handler\":\"filter\"}");

    (void)state;
    assert_true(slice_eq_str(d->handler, "filter"));
    assert_int_equal(d->input.format, JOB_FORMAT_AUTO);
    assert_int_equal(d->input.delimiter, ',');
    assert_true(d->input.header && d->input.quoted_line_breaks && d->speculate);
    assert_int_equal(d->output_format, JOB_FORMAT_AUTO);
    assert_int_equal(d->layout, JOB_LAYOUT_OBJECT);
    assert_int_equal(d->shard_bytes + d->shard_count + d->workers, 0);
    assert_int_equal(d->max_concurrent_runs, 1);
    assert_int_equal(d->timeout_minutes, 2880);
    assert_int_equal(d->retry.max_attempts, 4);
    assert_int_equal(d->retry.interval_ms, 1000);
    assert_true(d->retry.backoff_rate == 2.0);
    assert_int_equal(d->retry.max_delay_ms, 60000);
    assert_int_equal(d->bad_records.policy, JOB_BAD_RECORDS_HANDLER);
    assert_int_equal(d->shuffle.kind, JOB_SHUFFLE_NONE);
    assert_int_equal(d->default_arguments.count, 0);
}

static const char full[] =
    "{\"Handler\":\"filter\","
    "\"Input\":{\"Format\":\"csv\",\"Delimiter\":\"\\t\",\"Header\":false,"
    "\"QuotedLineBreaks\":false},"
    "\"Output\":{\"Format\":\"jsonl\",\"Layout\":\"parts\"},"
    "\"Shards\":{\"Bytes\":1048576,\"Count\":0},"
    "\"NumberOfWorkers\":7,\"MaxConcurrentRuns\":3,\"Timeout\":60,"
    "\"Retry\":{\"MaxAttempts\":0,\"IntervalSeconds\":20,\"BackoffRate\":1.5,"
    "\"MaxDelaySeconds\":300},"
    "\"BadRecords\":{\"Policy\":\"reject\",\"MaxCount\":10,\"MaxPercent\":0.5},"
    "\"Shuffle\":{\"Kind\":\"sort\",\"Keys\":["
    "{\"Path\":\"$.a['b c'][3]\",\"Type\":\"number\",\"Descending\":true},"
    "{\"Column\":\"name\",\"Type\":\"text\",\"Descending\":false}],"
    "\"Partitions\":12,\"Handler\":\"reduce\"},"
    "\"Speculate\":false,\"DefaultArguments\":{\"--x\":\"y\",\"--z\":\"\"}}";

static void test_definition__keeps_everything(void **state)
{
    const struct job_definition *d = parsed(full);

    (void)state;
    assert_int_equal(d->input.format, JOB_FORMAT_CSV);
    assert_int_equal(d->input.delimiter, '\t');
    assert_false(d->input.header || d->input.quoted_line_breaks || d->speculate);
    assert_int_equal(d->output_format, JOB_FORMAT_JSONL);
    assert_int_equal(d->layout, JOB_LAYOUT_PARTS);
    assert_int_equal(d->shard_bytes, 1048576);
    assert_int_equal(d->workers, 7);
    assert_int_equal(d->max_concurrent_runs, 3);
    assert_int_equal(d->timeout_minutes, 60);
    assert_int_equal(d->retry.max_attempts, 0);
    assert_int_equal(d->retry.interval_ms, 20000);
    assert_int_equal(d->retry.max_delay_ms, 300000);
    assert_true(d->retry.backoff_rate == 1.5 && d->bad_records.max_percent == 0.5);
    assert_int_equal(d->bad_records.policy, JOB_BAD_RECORDS_REJECT);
    assert_int_equal(d->bad_records.max_count, 10);
    assert_int_equal(d->shuffle.kind, JOB_SHUFFLE_SORT);
    assert_int_equal(d->shuffle.key_count, 2);
    assert_true(slice_eq_str(d->shuffle.keys[0].path, "$.a['b c'][3]"));
    assert_true(d->shuffle.keys[0].number && d->shuffle.keys[0].descending);
    assert_true(slice_eq_str(d->shuffle.keys[1].column, "name"));
    assert_int_equal(d->shuffle.partitions, 12);
    assert_true(slice_eq_str(d->shuffle.handler, "reduce"));
    assert_int_equal(d->default_arguments.count, 2);
    assert_true(slice_eq_str(d->default_arguments.items[0].value, "y"));
}

static void test_definition__prints_what_it_parses(void **state)
{
    struct slice text = job_definition_print(parsed(full), &a);
    struct slice defaults = job_definition_print(parsed("{\"Handler\":\"h\"}"), &a);
    struct slice lines =
        job_definition_print(parsed("{\"Handler\":\"h\",\"Input\":{\"Format\":\"lines\"}}"), &a);

    (void)state;
    assert_true(slice_eq_str(text, full));
    assert_true(slice_eq(job_definition_print(parsed(arena_str(&a, defaults)), &a), defaults));
    assert_true(slice_eq(job_definition_print(parsed(arena_str(&a, lines)), &a), lines));
}

static void test_definition__refuses_what_is_no_definition(void **state)
{
    (void)state;
    refused("[]", FAULT("Expected value of type [OBJECT] at /"));
    refused("{}", FAULT("These fields are required: [Handler] at /"));
    refused("{\"Handler\":7}", FAULT("Expected value of type [STRING] at /Handler"));
    refused("{\"Handler\":\"a b\"}",
            FAULT("Value is not a handler's name: 1 to 80 printable characters without spaces at "
                  "/Handler"));
    member_refused("\"Hander\":\"h\"", "Field 'Hander' is not supported at /");
    member_refused("\"Retry\":[]", "Expected value of type [OBJECT] at /Retry");
    member_refused("\"Speculate\":\"yes\"", "Expected value of type [BOOLEAN] at /Speculate");
}

static void test_definition__refuses_text_that_is_no_json_or_too_long(void **state)
{
    const struct job_definition *d;
    char *text = test_calloc(1, LIMIT_DEFINITION_BYTES + 1);
    struct err err;

    (void)state;
    assert_int_equal(job_definition_parse(SLICE("{"), &a, &d, &err), ERR_INVALID_DEFINITION);
    assert_non_null(strstr(err.msg, "INVALID_JSON_DESCRIPTION"));
    memset(text, ' ', LIMIT_DEFINITION_BYTES + 1);
    memcpy(text, "{\"Handler\":\"h\"}", 15);
    assert_int_equal(job_definition_parse(slice_make(text, LIMIT_DEFINITION_BYTES), &a, &d, &err),
                     OK);
    assert_int_equal(
        job_definition_parse(slice_make(text, LIMIT_DEFINITION_BYTES + 1), &a, &d, &err),
        ERR_INVALID_DEFINITION);
    test_free(text);
}

/* An integer member: what is in range is kept, and one beyond each end is refused. */
static void range(const char *outer, const char *name, long long min, long long max)
{
    const char *open = outer[0] != '\0' ? ":{" : "";
    const char *close = outer[0] != '\0' ? "}" : "";
    char text[256];
    char fault[512];

    for (int i = 0; i < 4; i++) {
        long long value = i == 0 ? min : i == 1 ? max : i == 2 ? min - 1 : max + 1;

        (void)snprintf(text, sizeof(text), "%s%s%s%s\"%s\":%lld%s", outer[0] != '\0' ? "\"" : "",
                       outer, outer[0] != '\0' ? "\"" : "", open, name, value, close);
        if (i < 2) {
            (void)snprintf(fault, sizeof(fault), "{\"Handler\":\"h\",%s}", text);
            (void)parsed(fault);
            continue;
        }
        (void)snprintf(fault, sizeof(fault), "%s value is %lld at %s%s/%s",
                       i == 2 ? "Minimum" : "Maximum", i == 2 ? min : max,
                       outer[0] != '\0' ? "/" : "", outer, name);
        member_refused(text, fault);
    }
    (void)snprintf(text, sizeof(text), "%s%s%s%s\"%s\":1.5%s", outer[0] != '\0' ? "\"" : "", outer,
                   outer[0] != '\0' ? "\"" : "", open, name, close);
    (void)snprintf(fault, sizeof(fault), "Expected value of type Integer at %s%s/%s",
                   outer[0] != '\0' ? "/" : "", outer, name);
    member_refused(text, fault);
}

static void test_definition__holds_numbers_to_their_ranges(void **state)
{
    (void)state;
    range("", "NumberOfWorkers", 0, LIMIT_JOB_LIVE);
    range("", "MaxConcurrentRuns", 1, LIMIT_JOB_RUNS);
    range("", "Timeout", 1, LIMIT_JOB_TIMEOUT_MINUTES);
    range("Shards", "Count", 0, LIMIT_JOB_PIECES);
    range("Retry", "MaxAttempts", 0, LIMIT_JOB_RETRIES);
    range("Retry", "MaxDelaySeconds", 1, LIMIT_JOB_DELAY_SECONDS);
    range("Retry", "IntervalSeconds", 1, LIMIT_JOB_DELAY_SECONDS);
    member_refused("\"Shards\":{\"Bytes\":65535}", "Minimum value is 65536, or 0 at /Shards/Bytes");
    (void)parsed("{\"Handler\":\"h\",\"Shards\":{\"Bytes\":65536}}");
    member_refused("\"Retry\":{\"BackoffRate\":0.9}", "Minimum value is 1 at /Retry/BackoffRate");
    member_refused("\"Retry\":{\"BackoffRate\":101}", "Maximum value is 100 at /Retry/BackoffRate");
    member_refused("\"Retry\":{\"BackoffRate\":\"2\"}",
                   "Expected value of type [NUMBER] at /Retry/BackoffRate");
    member_refused("\"BadRecords\":{\"Policy\":\"reject\",\"MaxPercent\":100.1}",
                   "Maximum value is 100 at /BadRecords/MaxPercent");
}

static void test_definition__refuses_words_nobody_knows(void **state)
{
    (void)state;
    member_refused(
        "\"Input\":{\"Format\":\"CSV\"}",
        "Value should be one of the following: [auto, lines, jsonl, csv, json, whole] at "
        "/Input/Format");
    member_refused("\"Output\":{\"Layout\":\"\"}",
                   "Value should be one of the following: [object, parts] at /Output/Layout");
    member_refused(
        "\"BadRecords\":{\"Policy\":\"skip\"}",
        "Value should be one of the following: [handler, fail, reject] at /BadRecords/Policy");
    member_refused("\"Input\":{\"Delimiter\":\"ab\"}",
                   "Value must be one ASCII character, and neither a quote nor a line break at "
                   "/Input/Delimiter");
    member_refused("\"Input\":{\"Delimiter\":\"\\n\"}",
                   "Value must be one ASCII character, and neither a quote nor a line break at "
                   "/Input/Delimiter");
}

static void test_definition__refuses_settings_that_contradict_each_other(void **state)
{
    (void)state;
    member_refused("\"Input\":{\"Format\":\"json\",\"Delimiter\":\";\"}",
                   "Only a Format of csv or auto has it at /Input/Delimiter");
    member_refused("\"Shards\":{\"Bytes\":1048576,\"Count\":4}",
                   "There should only be one of the following fields: [Bytes, Count] at /Shards");
    member_refused("\"Input\":{\"Format\":\"whole\"},\"Shards\":{\"Count\":4}",
                   "An Input of Format whole is never split at /Shards");
    member_refused("\"Retry\":{\"IntervalSeconds\":30,\"MaxDelaySeconds\":29}",
                   "Value is less than IntervalSeconds at /Retry/MaxDelaySeconds");
    assert_int_equal(
        parsed("{\"Handler\":\"h\",\"Retry\":{\"IntervalSeconds\":90}}")->retry.max_delay_ms,
        90000); /* the default gives way */
    member_refused("\"BadRecords\":{\"MaxCount\":4}",
                   "Only the Policy reject has MaxCount and MaxPercent at /BadRecords");
    member_refused("\"Input\":{\"Format\":\"whole\"},\"Shuffle\":{\"Kind\":\"distinct\"}",
                   "What has the Format whole has no records to shuffle at /Shuffle");
}

static void key_refused(const char *key, const char *fault)
{
    char text[1024];

    (void)snprintf(text, sizeof(text),
                   "\"Shuffle\":{\"Kind\":\"group\",\"Handler\":\"r\",\"Keys\":[%s]}", key);
    member_refused(text, fault);
}

static void test_definition__refuses_shuffles_that_cannot_be(void **state)
{
    static const char *const bad[] = {"",      "a",     "$.",      "$..a",  "$.a.",   "$[",
                                      "$[*]",  "$[-1]", "$['']",   "$['a'", "$['a]",  "$.a b",
                                      "$.a[x", "$a",    "$.a[1]b", "$.*",   "$[1,2]", "$[?(@.a)]"};
    static const char *const good[] = {"$",      "$.a",        "$.a.b-c",   "$['a b']",
                                       "$[0].x", "$['a'][12]", "$.\xc3\xa4"};
    const struct job_definition *d;
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(text, sizeof(text), "{\"Path\":\"%s\"}", bad[i]);
        key_refused(text, "Value is not a Reference Path such as $.customer.id at "
                          "/Shuffle/Keys[0]/Path");
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        (void)snprintf(text, sizeof(text),
                       "{\"Handler\":\"h\",\"Shuffle\":{\"Kind\":\"sort\",\"Keys\":[{\"Path\":"
                       "\"%s\"}]}}",
                       good[i]);
        (void)parsed(text);
    }
    for (int len = LIMIT_JOB_PATH_BYTES; len <= LIMIT_JOB_PATH_BYTES + 1; len++) {
        char key[LIMIT_JOB_PATH_BYTES + 128];

        (void)snprintf(key, sizeof(key),
                       "{\"Handler\":\"h\",\"Shuffle\":{\"Kind\":\"sort\",\"Keys\":[{\"Path\":"
                       "\"$.%0*d\"}]}}",
                       len - 2, 0);
        assert_int_equal(job_definition_parse(slice_str(key), &a, &d, NULL),
                         len > LIMIT_JOB_PATH_BYTES ? ERR_INVALID_DEFINITION : OK);
    }
    key_refused("7", "Expected value of type [OBJECT] at /Shuffle/Keys[0]");
    key_refused("{},{\"Kolumn\":1}", "Field 'Kolumn' is not supported at /Shuffle/Keys[1]");
    key_refused("{\"Column\":\"\"}",
                "Value is not the name of a column at /Shuffle/Keys[0]/Column");
    key_refused("{\"Path\":\"$\",\"Column\":\"a\"}",
                "There should only be one of the following fields: [Path, Column] at "
                "/Shuffle/Keys[0]");
    key_refused("{\"Descending\":true}",
                "Only the Kind sort has an order at /Shuffle/Keys[0]/Descending");
    key_refused("{},{},{},{},{},{},{},{},{}", "There are more than 8 keys at /Shuffle/Keys");
    key_refused("", "There should be at least one key at /Shuffle/Keys");
    member_refused("\"Shuffle\":{\"Kind\":\"join\",\"Keys\":[{}]}",
                   "These fields are required: [Handler] at /Shuffle");
    member_refused("\"Shuffle\":{\"Keys\":[{}],\"Handler\":\"r\"}",
                   "These fields are required: [Kind] at /Shuffle");
    (void)parsed("{\"Handler\":\"h\",\"Shuffle\":{\"Kind\":\"distinct\"}}"); /* by whole records */
}

static void test_definition__a_shuffle_needs_no_handler(void **state)
{
    static const char sort[] = "\"Shuffle\":{\"Kind\":\"sort\",\"Keys\":[{\"Path\":\"$.k\"}]}";
    const struct job_definition *d;
    struct slice text;

    (void)state;
    d = parsed(arena_str(&a, arena_printf(&a, "{%s}", sort)));
    assert_int_equal(d->handler.len, 0);
    text = job_definition_print(d, &a);
    assert_true(slice_eq(job_definition_print(parsed(arena_str(&a, text)), &a), text));
    (void)parsed(arena_str(&a, arena_printf(&a,
                                            "{\"Input\":{\"Format\":\"csv\"},"
                                            "\"Output\":{\"Format\":\"csv\"},%s}",
                                            sort)));
    refused(arena_str(&a, arena_printf(&a, "{\"Output\":{\"Format\":\"json\"},%s}", sort)),
            FAULT("Without a Handler the Output's Format is the Input's at /"));
}

static void test_definition__names_all_that_is_wrong(void **state)
{
    (void)state;
    refused("{\"Handler\":\"h\",\"Timeout\":0,\"x\":1,\"Shards\":{\"Count\":-1},"
            "\"DefaultArguments\":{\"x\":\"y\"}}",
            FAULT("Field 'x' is not supported at /, ")
                FAULT("Minimum value is 0 at /Shards/Count, ")
                    FAULT("Minimum value is 1 at /Timeout, ")
                        FAULT("'x' is not an argument's key: \"--\" and a name without spaces or "
                              "'=' at /DefaultArguments"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition__fills_in_defaults),
        cmocka_unit_test(test_definition__keeps_everything),
        cmocka_unit_test(test_definition__prints_what_it_parses),
        cmocka_unit_test(test_definition__refuses_what_is_no_definition),
        cmocka_unit_test(test_definition__refuses_text_that_is_no_json_or_too_long),
        cmocka_unit_test(test_definition__holds_numbers_to_their_ranges),
        cmocka_unit_test(test_definition__refuses_words_nobody_knows),
        cmocka_unit_test(test_definition__refuses_settings_that_contradict_each_other),
        cmocka_unit_test(test_definition__refuses_shuffles_that_cannot_be),
        cmocka_unit_test(test_definition__a_shuffle_needs_no_handler),
        cmocka_unit_test(test_definition__names_all_that_is_wrong),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
