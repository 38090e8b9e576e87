/* SPDX-License-Identifier: Apache-2.0 */
/* log_text.c: entries as text and as JSON; what is cut is whole all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/json.h"
#include "proto/host/log.h"
#include "proto/host/log_text.h"

enum { TEXT, JSON, JOURNAL };

static char line[LOG_LINE_BYTES + 1];

__attribute__((format(printf, 2, 3))) static const char *entry(int kind, const char *fmt, ...)
{
    struct log_head head = {.prefix = "", .time = "T", .level = "warn", .program = "worker"};
    va_list ap;
    size_t len;

    if (kind == JOURNAL) {
        head.prefix = "<4>";
        head.time = NULL;
    }
    va_start(ap, fmt);
    len = kind == JSON ? log_json(line, &head, fmt, ap) : log_text(line, &head, fmt, ap);
    va_end(ap);
    assert_true(len != 0 && len <= LOG_LINE_BYTES && line[len - 1] == '\n');
    line[len - 1] = '\0';
    assert_int_equal(strlen(line), len - 1);
    return line;
}

#define HEAD "{\"time\":\"T\",\"level\":\"warn\",\"program\":\"worker\","

static void test_log__fields_are_members(void **state)
{
    (void)state;
    assert_string_equal(entry(TEXT, "lease lost: worker=%s attempt=%u", "w1", 3),
                        "T warn worker lease lost: worker=w1 attempt=3");
    assert_string_equal(entry(JSON, "lease lost: worker=%s attempt=%u", "w1", 3),
                        HEAD "\"worker\":\"w1\",\"attempt\":3,\"text\":\"lease lost\"}");
    assert_string_equal(entry(JSON, "a step failed: execution=%.*s: %s", 3, "arnx", "no disk"),
                        HEAD "\"execution\":\"arn\",\"text\":\"a step failed: no disk\"}");
    assert_string_equal(entry(JSON, "worker=%s", "w"), HEAD "\"worker\":\"w\",\"text\":\"\"}");
    assert_string_equal(entry(JOURNAL, "stopped"), "<4>warn worker stopped");
}

static void test_log__every_conversion(void **state)
{
    static const char *const fmt = "%d %ld %lld %u %lu %llu %zu %x %c %s %.2s %.*s %%";
    const char *expected = "-1 -2 -3 1 2 18446744073709551615 4 ff c s ab a %";

    (void)state;
    assert_string_equal(entry(TEXT, fmt, -1, -2L, -3LL, 1u, 2ul, UINT64_MAX + 0ull, (size_t)4, 255,
                              'c', "s", "abc", 1, "abc") +
                            strlen("T warn worker "),
                        expected);
    assert_string_equal(entry(JSON, "a n=%lld m=%zu h=%x", -3LL, (size_t)4, 255),
                        HEAD "\"n\":-3,\"m\":4,\"h\":\"ff\",\"text\":\"a\"}");
}

/* What a handler printed is neither a line nor a field of its own. */
static void test_log__values_cannot_forge(void **state)
{
    static const char evil[] = "x\n2026 error execution=\"y\" \\ \x01\xff\xc3\xa9";

    (void)state;
    assert_string_equal(entry(TEXT, "failed: cause=%s", evil),
                        "T warn worker failed: cause=\"x 2026 error execution=\\\"y\\\" \\\\  "
                        "\xff\xc3\xa9\"");
    assert_string_equal(entry(TEXT, "failed: %s", "a\r\nb"), "T warn worker failed: a  b");
    assert_string_equal(entry(TEXT, "failed: cause=%s", "a\"b"),
                        "T warn worker failed: cause=\"a\\\"b\"");
    assert_string_equal(entry(TEXT, "failed: cause=%s", ""), "T warn worker failed: cause=\"\"");
    assert_string_equal(entry(JSON, "failed: cause=%s", evil),
                        HEAD "\"cause\":\"x\\u000a2026 error execution=\\\"y\\\" \\\\ \\u0001"
                             "\xef\xbf\xbd\xc3\xa9\",\"text\":\"failed\"}");
    assert_string_equal(entry(JSON, "it says %s", "execution=y"),
                        HEAD "\"text\":\"it says execution=y\"}");
}

/* Whatever is too long, the line is JSON. */
static void test_log__cut_and_whole(void **state)
{
    struct arena a = {0};

    (void)state;
    for (size_t n = 500; n < 5000; n++) {
        const struct json_node *v;
        char *text = mem_alloc(n + 1);

        memset(text, n % 3 == 0 ? 1 : n % 3 == 1 ? '"' : 'x', n);
        text[n] = '\0';
        (void)entry(TEXT, "%s cause=%s", text, text);
        (void)entry(JSON, "%.*s%s error=%s cause=%s execution=%s", (int)(n % 7), "yyyyyy", text,
                    text, text, text);
        assert_int_equal(json_parse(slice_str(line), &a, &v, NULL), OK);
        arena_reset(&a);
        mem_free(text);
    }
    arena_fini(&a);
}

static void test_log__formats_by_name(void **state)
{
    enum log_format f = LOG_TEXT;

    (void)state;
    assert_true(log_parse_format(SLICE("json"), &f));
    assert_int_equal(f, LOG_JSON);
    assert_true(log_parse_format(SLICE("text"), &f));
    assert_int_equal(f, LOG_TEXT);
    assert_false(log_parse_format(SLICE("JSON"), &f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log__fields_are_members),
        cmocka_unit_test(test_log__every_conversion),
        cmocka_unit_test(test_log__values_cannot_forge),
        cmocka_unit_test(test_log__cut_and_whole),
        cmocka_unit_test(test_log__formats_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
