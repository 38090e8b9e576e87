/* SPDX-License-Identifier: Apache-2.0 */
/* text.c and text_double.c: numbers, units, times, ids, names, globs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base/limits.h"
#include "proto/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_text__integers(void **state)
{
    static const char *const bad[] = {"",   "-",   "+1",  " 1",  "1 ",
                                      "1x", "0x1", "--1", "1.0", "99999999999999999999999"};
    uint64_t u = 7;
    int64_t i = 7;

    (void)state;
    assert_true(text_parse_u64(SLICE("18446744073709551615"), &u));
    assert_true(u == UINT64_MAX);
    assert_true(text_parse_u64(SLICE("007"), &u));
    assert_int_equal(u, 7);
    assert_false(text_parse_u64(SLICE("18446744073709551616"), &u));
    assert_false(text_parse_u64(SLICE("-1"), &u));
    assert_true(text_parse_i64(SLICE("9223372036854775807"), &i));
    assert_true(i == INT64_MAX);
    assert_false(text_parse_i64(SLICE("9223372036854775808"), &i));
    assert_true(text_parse_i64(SLICE("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_false(text_parse_i64(SLICE("-9223372036854775809"), &i));
    assert_true(i == INT64_MIN);
    for (size_t n = 0; n < COUNT(bad); n++) {
        assert_false(text_parse_u64(slice_str(bad[n]), &u));
        assert_false(text_parse_i64(slice_str(bad[n]), &i));
    }
    assert_int_equal(u, 7);
}

static void test_text__bytes(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {
        {"64", 64},
        {"0", 0},
        {"64k", 65536},
        {"64KiB", 65536},
        {"2M", 2u << 20},
        {"1GiB", 1u << 30},
        {"3g", UINT64_C(3) << 30},
        {"1T", UINT64_C(1) << 40},
        {"16777215T", UINT64_C(16777215) << 40},
    };
    static const char *const bad[] = {"",      "k",  "1KB",       "1 k",
                                      "1kib",  "1P", "-1",        "1.5k",
                                      "1kiBx", "1B", "16777216T", "18446744073709551616"};
    uint64_t v = 7;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(text_parse_bytes(slice_str(good[i].text), &v));
        assert_true(v == good[i].value);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (text_parse_bytes(slice_str(bad[i]), &v)) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void test_text__durations(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"500ms", 500},
        {"20s", 20000},
        {"20", 20000},
        {"10m", 600000},
        {"2h", 7200000},
        {"1d", 86400000},
        {"0", 0},
        {"106751991167d", 9223372036828800000},
        {"9223372036854775807ms", INT64_MAX},
    };
    static const char *const bad[] = {
        "",     "ms",   "1 s",           "1w", "-1s",
        "1.5s", "1msx", "106751991168d", "1S", "9223372036854775808ms"};
    int64_t v = 7;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(text_parse_duration_ms(slice_str(good[i].text), &v));
        assert_true(v == good[i].value);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (text_parse_duration_ms(slice_str(bad[i]), &v)) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void test_text__doubles_are_read_to_the_nearest(void **state)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"0", 0},
        {"1", 1},
        {"-1.5", -1.5},
        {"007.50", 7.5},
        {"1e5", 1e5},
        {"1E+5", 1e5},
        {"123456789012345678901234567890", 0x1.8ee90ff6c373ep+96},
        {"0.1", 0x1.999999999999ap-4},
        {"0.30000000000000004", 0x1.3333333333334p-2},
        /* Half way between two doubles: to even; a bit more or less decides. */
        {"9007199254740993", 0x1p53},
        {"9007199254740995", 9007199254740996.0},
        {"9007199254740993.00000000000000000000000000000000000001", 9007199254740994.0},
        {"9007199254740992.99999999999999999999999999999999999999", 0x1p53},
        {"1.7976931348623157e308", 0x1.fffffffffffffp+1023},
        {"1.7976931348623158e308", 0x1.fffffffffffffp+1023},
        {"1.797693134862315808e308", HUGE_VAL},
        {"1e309", HUGE_VAL},
        {"-1e99999999999999999999", -HUGE_VAL},
        {"2.2250738585072014e-308", 0x1p-1022},
        {"2.2250738585072011e-308", 0x0.fffffffffffffp-1022},
        {"4.9e-324", 0x1p-1074},
        {"2.4703282292062328e-324", 0x1p-1074},
        {"2.4703282292062327e-324", 0},
        {"1e-400", 0},
        {"1e-99999999999999999999", 0},
        {"0e99999999999999999999", 0},
        {"1e23", 0x1.52d02c7e14af6p+76},
        {"8.5e22", 0x1.1ffdbf6b2b2ebp+76},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        double v = 7;

        if (!text_parse_double(slice_str(cases[i].text), &v) || v != cases[i].value) {
            fail_msg("%s: %a, want %a", cases[i].text, v, cases[i].value);
        }
    }
}

/* More digits than are kept: what is past them must still break a tie. */
static void test_text__digits_without_end_count(void **state)
{
    enum { LONG = 2000 };
    char text[LONG + 1];
    double v;

    (void)state;
    memset(text, '0', LONG);
    memcpy(text, "9007199254740993.", 17);
    assert_true(text_parse_double(slice_make(text, LONG), &v));
    assert_true(v == 0x1p53);
    text[LONG - 1] = '1';
    assert_true(text_parse_double(slice_make(text, LONG), &v));
    assert_true(v == 9007199254740994.0);
    memset(text, '0', LONG);
    memcpy(text, "0.", 2);
    memcpy(text + LONG - 6, "1e1993", 6);
    assert_true(text_parse_double(slice_make(text, LONG), &v));
    assert_true(v == 1.0);
}

static void test_text__refuses_what_is_no_double(void **state)
{
    static const char *const bad[] = {"",   "-",  ".5", "5.",   "1e",  "1e+", "+1",    "1.e5", "x",
                                      "1x", "1 ", " 1", "0x10", "inf", "NaN", "1e5.5", "1,5"};
    double v = 7;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (text_parse_double(slice_str(bad[i]), &v) || v != 7) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void test_text__numbers_are_known(void **state)
{
    static const char *const good[] = {"0", "-1", "+1", ".5", "1.", "-1.5e3", "1E+10", "007"};
    static const char *const bad[] = {"", ".", "-", "1e", "e1", "1x", "0x1", "1 ", "NaN", "--1"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(text_is_number(slice_str(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(text_is_number(slice_str(bad[i])));
    }
}

static void test_text__doubles_are_written_as_java_does(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {-100, "-100.0"},
        {0.001, "0.001"},
        {0.00123, "0.00123"},
        {0.00099, "9.9E-4"},
        {9999999, "9999999.0"},
        {1234567.125, "1234567.125"},
        {1e7, "1.0E7"},
        {1e10, "1.0E10"},
        {123456789, "1.23456789E8"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {1e23, "1.0E23"},
        {9007199254740993.0, "9.007199254740992E15"},
        {1e100, "1.0E100"},
        {-1.5e-10, "-1.5E-10"},
        {0x1.fffffffffffffp+1023, "1.7976931348623157E308"},
        {0x1p-1074, "4.9E-324"},
        {0x1p-1022, "2.2250738585072014E-308"},
        /* 2^-44: the farther of two neighbours reads back, the nearer does not. */
        {0x1p-44, "5.684341886080802E-14"},
        {HUGE_VAL, "Infinity"},
        {-HUGE_VAL, "-Infinity"},
        {(double)NAN, "NaN"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[TEXT_DOUBLE_BYTES];
        size_t len = text_format_double(cases[i].value, text);

        assert_string_equal(text, cases[i].text);
        assert_int_equal(len, strlen(text));
    }
}

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* Against the C library, which is right in the locale "C": what is written reads back, and what is
 * read is what it reads. */
static void test_text__doubles_agree_with_the_library(void **state)
{
    uint64_t seed = 88172645463325252u;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random(&seed);
        char text[128];
        double v;
        double back = 0;

        bits &= i % 4 == 0 ? UINT64_C(0x800fffffffffffff) : UINT64_MAX; /* subnormals too */
        memcpy(&v, &bits, sizeof(v));
        if (i % 4 == 1) { /* of a size that people use, with all its digits */
            v = (double)(int64_t)(bits >> 11) / 1000003.0;
        }
        if (!isfinite(v)) {
            continue;
        }
        (void)text_format_double(v, text);
        if (strtod(text, NULL) != v || !text_parse_double(slice_str(text), &back) || back != v) {
            fail_msg("%a as %s", v, text);
        }
        (void)snprintf(text, sizeof(text), "%.*e", i % 40, v);
        if (!text_parse_double(slice_str(text), &back) || back != strtod(text, NULL)) {
            fail_msg("%s as %a", text, back);
        }
    }
}

static void test_text__times_are_written(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {1795410840123, "2026-11-23T05:14:00.123Z"},
        {951782399999, "2000-02-28T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {951868800000, "2000-03-01T00:00:00.000Z"},
        {-2203891200000, "1900-03-01T00:00:00.000Z"},
        {-62135596800000, "0001-01-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "292278994-08-17T07:12:55.807Z"},
        {INT64_MIN, "-292275055-05-16T16:47:04.192Z"},
    };
    struct arena a = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[TEXT_TIME_BYTES];

        assert_int_equal(text_format_time(cases[i].ms, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
    assert_true(slice_eq_str(text_time(0, &a), "1970-01-01T00:00:00.000Z"));
    arena_fini(&a);
}

static void test_text__times_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2026-11-23T05:14:00.123Z", 1795410840123},
        {"2026-11-23T05:14:00.1Z", 1795410840100},
        {"2026-11-23T05:14:00.123999999Z", 1795410840123},
        {"2026-11-23T06:14:00.123+01:00", 1795410840123},
        {"2026-11-22T23:44:00.123-05:30", 1795410840123},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"1970-01-01T00:00:00-00:00", 0},
        {"0001-01-01T00:00:00Z", -62135596800000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 7;

        if (!text_parse_time(slice_str(cases[i].text), &ms) || ms != cases[i].ms) {
            fail_msg("%s: %lld", cases[i].text, (long long)ms);
        }
    }
}

static void test_text__times_that_are_none(void **state)
{
    static const char *const bad[] = {
        "",
        "2026-11-23",
        "2026-11-23T05:14Z",
        "2026-11-23T05:14:00",
        "2026-11-23t05:14:00Z",
        "2026-11-23T05:14:00z",
        "2026-11-23 05:14:00Z",
        "2026-11-23T05:14:00.Z",
        "2026-11-23T05:14:00.1234567890Z",
        "2026-11-23T05:14:00Z ",
        " 2026-11-23T05:14:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+1:00",
        "2026-1-01T00:00:00Z",
        "+026-01-01T00:00:00Z",
        "12026-01-01T00:00:00Z",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00ZZ",
    };
    int64_t ms = 7;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (text_parse_time(slice_str(bad[i]), &ms) || ms != 7) {
            fail_msg("%s", bad[i]);
        }
    }
}

/* Every day of 800 years, there and back. */
static void test_text__times_round_trip(void **state)
{
    (void)state;
    for (int64_t day = -150000; day < 150000; day++) {
        char text[TEXT_TIME_BYTES];
        int64_t ms = day * 86400000 + 43200001;
        int64_t back = 0;

        if (!text_parse_time(slice_make(text, text_format_time(ms, text)), &back) || back != ms) {
            fail_msg("%s", text);
        }
    }
}

static void test_text__uuid(void **state)
{
    uint8_t bytes[16];
    char text[TEXT_UUID_BYTES];

    (void)state;
    memset(bytes, 0xff, sizeof(bytes));
    text_format_uuid(bytes, text);
    assert_memory_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff", TEXT_UUID_BYTES);
    for (uint8_t i = 0; i < 16; i++) {
        bytes[i] = i;
    }
    text_format_uuid(bytes, text);
    assert_memory_equal(text, "00010203-0405-4607-8809-0a0b0c0d0e0f", TEXT_UUID_BYTES);
}

static void test_text__hex(void **state)
{
    uint8_t bytes[4] = {7, 7, 7, 7};
    char text[8];

    (void)state;
    assert_true(text_parse_hex(SLICE("00fFA9"), bytes));
    assert_memory_equal(bytes, "\x00\xff\xa9\x07", 4);
    text_format_hex(bytes, 4, text);
    assert_memory_equal(text, "00ffa907", 8);
    assert_false(text_parse_hex(SLICE("abc"), bytes));
    assert_false(text_parse_hex(SLICE("11gg"), bytes));
    assert_false(text_parse_hex(SLICE("1:"), bytes));
    assert_false(text_parse_hex(SLICE("1@"), bytes));
    assert_memory_equal(bytes, "\x00\xff\xa9\x07", 4);
    assert_true(text_parse_hex(SLICE(""), bytes));
}

static void test_text__utf8(void **state)
{
    static const struct slice bad[] = {
        SLICE_INIT("\x80"),
        SLICE_INIT("\xc3"),
        SLICE_INIT("\xc0\x80"),
        SLICE_INIT("\xc1\xbf"),
        SLICE_INIT("\xe0\x9f\xbf"),
        SLICE_INIT("\xed\xa0\x80"),
        SLICE_INIT("\xe2\x82"),
        SLICE_INIT("12345678\xff"),
        SLICE_INIT("\xf0\x8f\xbf\xbf"),
        SLICE_INIT("\xf4\x90\x80\x80"),
        SLICE_INIT("\xf0\x9f\x98"),
        SLICE_INIT("\xf8\x88\x80\x80\x80"),
        SLICE_INIT("\xc3\xc3"),
        SLICE_INIT("\xe2\x82(\xac"),
        SLICE_INIT("\xf0\x9f(\x80"),
    };
    struct slice good =
        SLICE("ascii all the way \xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
              "\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\0");

    (void)state;
    assert_true(text_is_utf8(good));
    assert_int_equal(text_code_points(good), 18 + 8 + 1);
    assert_true(text_is_utf8((struct slice){NULL, 0}));
    assert_int_equal(text_code_points((struct slice){NULL, 0}), 0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (text_is_utf8(bad[i])) {
            fail_msg("case %zu", i);
        }
    }
}

static void test_text__names(void **state)
{
    static const char refused[] = " \t\n?*<>{}[]\"#%\\^|~`$&,;:/\x01\x1f\x7f";
    static const char *const bad[] = {
        "",     "a\xc2\x85-",   "a\xc2\xa0", "\xe3\x80\x80", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf",
        "\xff", "\xe2\x80\xa8", "\xc2\x9f"};
    char name[2 * 81];

    (void)state;
    assert_true(text_is_name(SLICE("My-state_machine.v1(2)+='@!")));
    assert_true(text_is_name(SLICE("\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80")));
    for (size_t i = 0; refused[i] != '\0'; i++) {
        char text[3] = {'a', refused[i], 'b'};

        if (text_is_name(slice_make(text, 3))) {
            fail_msg("character %d", refused[i]);
        }
    }
    assert_false(text_is_name(SLICE("a\0b")));
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (text_is_name(slice_str(bad[i]))) {
            fail_msg("case %zu", i);
        }
    }
    for (size_t i = 0; i < sizeof(name); i += 2) {
        memcpy(name + i, "\xc3\xa9", 2);
    }
    assert_true(text_is_name(slice_make(name, 2 * 80)));
    assert_false(text_is_name(slice_make(name, 2 * 81)));
}

static void test_text__base64(void **state)
{
    static const char *const examples[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xef\xbe", "/+++"},
    };
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zg=a", "Z===", "====", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9v", "Zm9-"};
    struct arena a = {0};
    uint8_t out[8];
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        struct slice bytes = slice_str(examples[i][0]);

        assert_true(slice_eq_str(text_base64(bytes, &a), examples[i][1]));
        assert_true(text_parse_base64(slice_str(examples[i][1]), out, sizeof(out), &len));
        assert_int_equal(len, bytes.len);
        assert_memory_equal(out, bytes.ptr, len);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(text_parse_base64(slice_str(bad[i]), out, sizeof(out), &len));
    }
    assert_true(text_parse_base64(SLICE("Zm9vYmFyZm8="), out, 8, &len));
    assert_false(text_parse_base64(SLICE("Zm9vYmFyZm8="), out, 7, &len));
    arena_fini(&a);
}

static void test_text__http_date(void **state)
{
    struct arena a = {0};

    (void)state;
    assert_true(slice_eq_str(text_http_date(0, &a), "Thu, 01 Jan 1970 00:00:00 GMT"));
    assert_true(slice_eq_str(text_http_date(1795410840123, &a), "Mon, 23 Nov 2026 05:14:00 GMT"));
    arena_fini(&a);
}

static void test_text__globs(void **state)
{
    static const struct {
        const char *pattern;
        const char *s;
        bool match;
    } cases[] = {
        {"", "", true},          {"", "a", false},          {"*", "", true},
        {"*", "abc", true},      {"a*", "abc", true},       {"*c", "abc", true},
        {"*b*", "abc", true},    {"a*c", "abc", true},      {"a*d", "abc", false},
        {"a?c", "abc", true},    {"a?c", "ac", false},      {"?", "", false},
        {"**", "x", true},       {"a**c", "ac", true},      {"*ab", "aab", true},
        {"*aab", "aaaab", true}, {"a*b*c", "axbxbc", true}, {"a*b*c", "axbxb", false},
        {"abc", "abc", true},    {"abc", "abcd", false},    {"abcd", "abc", false},
        {"*?", "", false},       {"*?", "a", true},         {"a*", "b", false},
    };
    char many[200];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (text_glob(slice_str(cases[i].pattern), slice_str(cases[i].s)) != cases[i].match) {
            fail_msg("%s on %s", cases[i].pattern, cases[i].s);
        }
    }
    /* Would take for ever if each star were tried with each. */
    memset(many, 'a', sizeof(many));
    assert_false(text_glob(SLICE("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"), slice_make(many, 200)));
}

static void test_text__keeps_keys_below_where_they_belong(void **state)
{
    static const char *const bad[] = {"",     ".",    "..",    "/",    "a/",    "/a",      "a//b",
                                      "../a", "a/..", "a/./b", "a\\b", "a\x01", "a\x7f/b", "\xff"};
    static const char *const good[] = {"a", "a/b", "...", "a/..b/c.", ".a", "a b", "\xc3\xa4/b"};
    char longest[LIMIT_KEY_BYTES + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(text_is_key(slice_str(bad[i])));
        assert_false(text_is_key_part(slice_str(bad[i])));
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct slice key = slice_str(good[i]);

        assert_true(text_is_key(key));
        assert_int_equal(text_is_key_part(key), slice_find(key, '/') == key.len);
    }
    memset(longest, 'k', sizeof(longest));
    assert_true(text_is_key(slice_make(longest, LIMIT_KEY_BYTES)));
    assert_false(text_is_key(slice_make(longest, LIMIT_KEY_BYTES + 1)));
    assert_false(text_is_key(slice_make("a\0b", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text__integers),
        cmocka_unit_test(test_text__bytes),
        cmocka_unit_test(test_text__durations),
        cmocka_unit_test(test_text__doubles_are_read_to_the_nearest),
        cmocka_unit_test(test_text__digits_without_end_count),
        cmocka_unit_test(test_text__refuses_what_is_no_double),
        cmocka_unit_test(test_text__numbers_are_known),
        cmocka_unit_test(test_text__doubles_are_written_as_java_does),
        cmocka_unit_test(test_text__doubles_agree_with_the_library),
        cmocka_unit_test(test_text__times_are_written),
        cmocka_unit_test(test_text__times_are_read),
        cmocka_unit_test(test_text__times_that_are_none),
        cmocka_unit_test(test_text__times_round_trip),
        cmocka_unit_test(test_text__uuid),
        cmocka_unit_test(test_text__hex),
        cmocka_unit_test(test_text__utf8),
        cmocka_unit_test(test_text__names),
        cmocka_unit_test(test_text__base64),
        cmocka_unit_test(test_text__http_date),
        cmocka_unit_test(test_text__globs),
        cmocka_unit_test(test_text__keeps_keys_below_where_they_belong),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
