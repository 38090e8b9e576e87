/* SPDX-License-Identifier: Apache-2.0 */
/* json*.c: what is JSON and what is not (after the cases of the public JSONTestSuite), reading,
 * writing, comparing, building. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/base/json.h"
#include "proto/base/limits.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

/* Parse a copy of exactly the text's size, so that reading past it is seen. */
static enum err_code parse(struct slice text, const struct json_node **out, struct err *err)
{
    char *copy = mem_alloc(text.len);
    enum err_code rc;

    memcpy(copy, text.ptr, text.len);
    rc = json_parse(slice_make(copy, text.len), &arena, out, err);
    mem_free(copy);
    return rc == OK ? json_parse(text, &arena, out, err) : rc;
}

static const struct json_node *doc(const char *text)
{
    const struct json_node *v = NULL;
    struct err err = {0};

    if (parse(slice_str(text), &v, &err) != OK) {
        fail_msg("%s: %s", text, err.msg);
    }
    return v;
}

static void assert_slice(struct slice s, const char *want)
{
    if (!slice_eq_str(s, want)) {
        fail_msg("have %.*s, want %s", SLICE_FMT(s), want);
    }
}

static void assert_text(const struct json_node *v, const char *want)
{
    struct buf out = {0};

    json_write(v, &out);
    assert_slice(buf_slice(&out), want);
    assert_int_equal(json_written_bytes(v), strlen(want));
    assert_slice(json_print(v, &arena), want);
    buf_fini(&out);
}

static void test_json__accepts_what_is_json(void **state)
{
    static const struct {
        const char *text;
        const char *written;
    } cases[] = {
        {"[[]   ]", "[[]]"},
        {"[\"\"]", "[\"\"]"},
        {"[]", "[]"},
        {"{}", "{}"},
        {"[false]", "[false]"},
        {"[null, 1, \"1\", {}]", "[null,1,\"1\",{}]"},
        {"[null]", "[null]"},
        {"[1\n]", "[1]"},
        {" [1]", "[1]"},
        {"[1,null,null,null,2]", "[1,null,null,null,2]"},
        {"[2] ", "[2]"},
        {"[123e65]", "[123e65]"},
        {"[0e+1]", "[0e+1]"},
        {"[0e1]", "[0e1]"},
        {"[ 4]", "[4]"},
        {"[-0.0000000000000000000000000000000000000000000001]",
         "[-0.0000000000000000000000000000000000000000000001]"},
        {"[20e1]", "[20e1]"},
        {"[-0]", "[-0]"},
        {"[-123]", "[-123]"},
        {"[-1]", "[-1]"},
        {"[1E22]", "[1E22]"},
        {"[1E-2]", "[1E-2]"},
        {"[1E+2]", "[1E+2]"},
        {"[123.456e78]", "[123.456e78]"},
        {"[-1e+9999]", "[-1e+9999]"},
        {"[100000000000000000000]", "[100000000000000000000]"},
        {"{\"asd\":\"sdf\", \"dfg\":\"fgh\"}", "{\"asd\":\"sdf\",\"dfg\":\"fgh\"}"},
        {"{\"\":0}", "{\"\":0}"},
        {"{\"foo\\u0000bar\": 42}", "{\"foo\\u0000bar\":42}"},
        {"{\"a\":[]}", "{\"a\":[]}"},
        {"{\n\"a\": \"b\"\n}", "{\"a\":\"b\"}"},
        {"[\"\\u0060\\u012a\\u12AB\"]", "[\"`\xc4\xaa\xe1\x8a\xab\"]"},
        {"[\"\\uD801\\udc37\"]", "[\"\xf0\x90\x90\xb7\"]"},
        {"[\"\\ud83d\\ude39\\ud83d\\udc8d\"]", "[\"\xf0\x9f\x98\xb9\xf0\x9f\x92\x8d\"]"},
        {"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "[\"\\\"\\\\/\\b\\f\\n\\r\\t\"]"},
        {"[\"\\\\u0000\"]", "[\"\\\\u0000\"]"},
        {"[\"a/*b*/c/*d//e\"]", "[\"a/*b*/c/*d//e\"]"},
        {"[\"\\u0012\\u001F\"]", "[\"\\u0012\\u001f\"]"},
        {"[\"\\uFFFF\\uFDD0\\uDBFF\\uDFFE\"]", "[\"\xef\xbf\xbf\xef\xb7\x90\xf4\x8f\xbf\xbe\"]"},
        {"[\"\xef\xbf\xbf\xf4\x8f\xbf\xbf\xc2\x80\xe2\x80\xa8\x7f\"]",
         "[\"\xef\xbf\xbf\xf4\x8f\xbf\xbf\xc2\x80\xe2\x80\xa8\x7f\"]"},
        {"false", "false"},
        {"42", "42"},
        {"-0.1", "-0.1"},
        {"null", "null"},
        {"\"asd\"", "\"asd\""},
        {"true", "true"},
        {"\"\"", "\"\""},
        {"[\"a\"]\n", "[\"a\"]"},
        {"[true]", "[true]"},
        {"\t\r\n                  [] ", "[]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_text(doc(cases[i].text), cases[i].written);
    }
}

/* Each on its own is refused. */
static const struct slice not_json[] = {
    SLICE_INIT(""),
    SLICE_INIT(" "),
    SLICE_INIT("[1 true]"),
    SLICE_INIT("[a\xe5]"),
    SLICE_INIT("[\"\": 1]"),
    SLICE_INIT("[\"\"],"),
    SLICE_INIT("[,1]"),
    SLICE_INIT("[1,,2]"),
    SLICE_INIT("[\"x\"]]"),
    SLICE_INIT("[\"\",]"),
    SLICE_INIT("[\"x\""),
    SLICE_INIT("[x"),
    SLICE_INIT("[3[4]]"),
    SLICE_INIT("[\xff]"),
    SLICE_INIT("[1:2]"),
    SLICE_INIT("[1;2]"),
    SLICE_INIT("[,]"),
    SLICE_INIT("[-]"),
    SLICE_INIT("[   , \"\"]"),
    SLICE_INIT("[\"a\",\n4\n,1,"),
    SLICE_INIT("[1,]"),
    SLICE_INIT("[\"\va\"\\f]"),
    SLICE_INIT("[*]"),
    SLICE_INIT("[1,\n1\n,1"),
    SLICE_INIT("[{}"),
    SLICE_INIT("[fals]"),
    SLICE_INIT("[nul]"),
    SLICE_INIT("[tru]"),
    SLICE_INIT("123\0"),
    SLICE_INIT("[++1234]"),
    SLICE_INIT("[+1]"),
    SLICE_INIT("[-01]"),
    SLICE_INIT("[-1.0.]"),
    SLICE_INIT("[-2.]"),
    SLICE_INIT("[-NaN]"),
    SLICE_INIT("[.-1]"),
    SLICE_INIT("[.2e-3]"),
    SLICE_INIT("[0.1.2]"),
    SLICE_INIT("[0.3e+]"),
    SLICE_INIT("[0.e1]"),
    SLICE_INIT("[0E]"),
    SLICE_INIT("[0E+]"),
    SLICE_INIT("[1.0e-]"),
    SLICE_INIT("[1 000.0]"),
    SLICE_INIT("[1eE2]"),
    SLICE_INIT("[2.e+3]"),
    SLICE_INIT("[9.e+]"),
    SLICE_INIT("[Inf]"),
    SLICE_INIT("[NaN]"),
    SLICE_INIT("[\xef\xbc\x91]"),
    SLICE_INIT("[1+2]"),
    SLICE_INIT("[0x1]"),
    SLICE_INIT("[Infinity]"),
    SLICE_INIT("[- 1]"),
    SLICE_INIT("[-012]"),
    SLICE_INIT("[1ea]"),
    SLICE_INIT("[1e1\xe5]"),
    SLICE_INIT("[2.]"),
    SLICE_INIT("[.123]"),
    SLICE_INIT("[1.2a-3]"),
    SLICE_INIT("[012]"),
    SLICE_INIT("[1.8011670033376514H-308]"),
    SLICE_INIT("-"),
    SLICE_INIT("[\"x\", truth]"),
    SLICE_INIT("{[: \"x\"}\n"),
    SLICE_INIT("{\"x\", null}"),
    SLICE_INIT("{\"x\"::\"b\"}"),
    SLICE_INIT("{key: 'value'}"),
    SLICE_INIT("{\"a\":\"a\" 123}"),
    SLICE_INIT("{\"a\" b}"),
    SLICE_INIT("{:\"b\"}"),
    SLICE_INIT("{\"a\" \"b\"}"),
    SLICE_INIT("{\"a\":"),
    SLICE_INIT("{\"a\""),
    SLICE_INIT("{1:1}"),
    SLICE_INIT("{'a':0}"),
    SLICE_INIT("{\"id\":0,,,,,}"),
    SLICE_INIT("{\"id\":0,}"),
    SLICE_INIT("{\"a\":\"b\"}/**/"),
    SLICE_INIT("{\"a\":\"b\"}#"),
    SLICE_INIT("{\"a\":\"b\",,\"c\":\"d\"}"),
    SLICE_INIT("{a: \"b\"}"),
    SLICE_INIT("{\"a\":\"a"),
    SLICE_INIT("{ \"foo\" : \"bar\", \"a\" }"),
    SLICE_INIT("{]"),
    SLICE_INIT("[}"),
    SLICE_INIT("[\"\\uD800\\\"]"),
    SLICE_INIT("[\"\\uD800\\u\"]"),
    SLICE_INIT("[\"\\uD800\\u1x\"]"),
    SLICE_INIT("[\xc3\xa9]"),
    SLICE_INIT("[\"\\\0\"]"),
    SLICE_INIT("[\"\\x00\"]"),
    SLICE_INIT("[\"\\\\\\\"]"),
    SLICE_INIT("[\"\\\t\"]"),
    SLICE_INIT("[\"\\\xf0\x9f\x8c\x80\"]"),
    SLICE_INIT("[\"\\\"]"),
    SLICE_INIT("[\"\\u00A\"]"),
    SLICE_INIT("[\"\\uqqqq\"]"),
    SLICE_INIT("[\"\\a\"]"),
    SLICE_INIT("[\"\\u"),
    SLICE_INIT("\""),
    SLICE_INIT("[\\u0020\"asd\"]"),
    SLICE_INIT("[\\n]"),
    SLICE_INIT("['single']"),
    SLICE_INIT("abc"),
    SLICE_INIT("[\"\\"),
    SLICE_INIT("[\"a\0a\"]"),
    SLICE_INIT("[\"new\nline\"]"),
    SLICE_INIT("[\"\t\"]"),
    SLICE_INIT("\"\\UA66D\""),
    SLICE_INIT("\"\"x"),
    SLICE_INIT("<.>"),
    SLICE_INIT("[<null>]"),
    SLICE_INIT("[1]x"),
    SLICE_INIT("[\"asd]"),
    SLICE_INIT("a\xc3\xa5"),
    SLICE_INIT("[True]"),
    SLICE_INIT("1]"),
    SLICE_INIT("{\"x\": true,"),
    SLICE_INIT("[][]"),
    SLICE_INIT("]"),
    SLICE_INIT("\xef\xbb\xbf{}"),
    SLICE_INIT("[\x0c]"),
    SLICE_INIT("[\xe2\x81\xa0]"),
    SLICE_INIT("{\"a\":/*comment*/\"b\"}"),
    SLICE_INIT("{\"a\": true} \"x\""),
    SLICE_INIT("nul"),
    /* UTF-8: overlong, cut off, surrogates, past the end, lone tails. */
    SLICE_INIT("[\"\xc0\x80\"]"),
    SLICE_INIT("[\"\xc1\xbf\"]"),
    SLICE_INIT("[\"\xe0\x9f\xbf\"]"),
    SLICE_INIT("[\"\xed\xa0\x80\"]"),
    SLICE_INIT("[\"\xf0\x8f\xbf\xbf\"]"),
    SLICE_INIT("[\"\xf4\x90\x80\x80\"]"),
    SLICE_INIT("[\"\xf5\x80\x80\x80\"]"),
    SLICE_INIT("[\"\x80\"]"),
    SLICE_INIT("[\"\xe2\x82\"]"),
    SLICE_INIT("[\"\xf0\x9f\x98\"]"),
    SLICE_INIT("[\"\xc3\"]"),
    SLICE_INIT("\"\xf0\x9f\x98"),
    SLICE_INIT("\"abcdefg\x1fxyz\""),
};

static void test_json__refuses_what_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(not_json) / sizeof(not_json[0]); i++) {
        const struct json_node *v = NULL;
        struct err err = {0};

        if (parse(not_json[i], &v, &err) != ERR_JSON || v != NULL || err.code != ERR_JSON) {
            fail_msg("accepted: %.*s", SLICE_FMT(not_json[i]));
        }
    }
}

static void test_json__says_where_and_what(void **state)
{
    static const struct {
        const char *text;
        const char *msg;
    } cases[] = {
        {"{\n  \"a\": 1,\n  \"bcd\": [1 2]}", "line 3, column 13: expected ',' or ']'"},
        {"[\"\xc3\xa9\xc3\xa9\" x]", "line 1, column 7: expected ',' or ']'"},
        {"{\"a\":1 \"b\"}", "line 1, column 8: expected ',' or '}'"},
        {"{\"a\" 1}", "line 1, column 6: expected ':'"},
        {"{\"a\":1,}", "line 1, column 8: expected '\"' of a key"},
        {"[1,]", "line 1, column 4: expected a value"},
        {"[", "line 1, column 2: expected a value, but the text ends here"},
        {"\n\n", "line 3, column 1: expected a value, but the text ends here"},
        {"[\"a",
         "line 1, column 4: expected '\"' at the end of the string, but the text ends here"},
        {"01", "line 1, column 2: expected no digit after a leading 0"},
        {"1 2", "line 1, column 3: expected nothing after the value"},
        {"-x", "line 1, column 2: expected a digit"},
        {"\"\\x\"", "line 1, column 3: expected one of \" \\ / b f n r t u after the backslash"},
        {"\"\\u12\"", "line 1, column 2: expected four hexadecimal digits after \\u"},
        {"\"\x01\"", "line 1, column 2: expected no control character in a string (escape it)"},
        {"\"\xff\"", "line 1, column 2: expected valid UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct json_node *v = NULL;
        struct err err = {0};

        assert_int_equal(parse(slice_str(cases[i].text), &v, &err), ERR_JSON);
        assert_string_equal(err.msg, cases[i].msg);
    }
    assert_int_equal(json_parse(SLICE("["), &arena, &(const struct json_node *){NULL}, NULL),
                     ERR_JSON);
}

/* `depth` arrays and objects in turn around a 1. */
static struct slice nested(size_t depth)
{
    struct buf b = {0};
    struct slice s;

    for (size_t i = 0; i < depth; i++) {
        buf_put_str(&b, i % 2 == 0 ? "[" : "{\"k\":");
    }
    buf_put_u8(&b, '1');
    for (size_t i = depth; i-- > 0;) {
        buf_put_str(&b, i % 2 == 0 ? "]" : "}");
    }
    s = arena_copy(&arena, buf_slice(&b));
    buf_fini(&b);
    return s;
}

static void test_json__depth_is_limited(void **state)
{
    const struct json_node *v = NULL;
    const struct json_node *most;
    struct err err;
    struct slice text = nested(LIMIT_JSON_DEPTH);

    (void)state;
    assert_int_equal(json_parse(text, &arena, &v, &err), OK);
    assert_int_equal(json_depth(v), LIMIT_JSON_DEPTH);
    assert_slice(json_print(v, &arena), arena_str(&arena, text));
    assert_true(json_is_compact(text));
    most = v;
    assert_int_equal(json_parse(nested(LIMIT_JSON_DEPTH + 1), &arena, &v, &err), ERR_TOO_LARGE);
    assert_ptr_equal(v, most);
    assert_non_null(strstr(err.msg, "line 1, column "));
    /* Siblings do not add up. */
    assert_int_equal(json_depth(doc("[[],[[]],{\"a\":{}}]")), 3);
    assert_int_equal(json_depth(doc("7")), 0);
    assert_int_equal(json_depth(NULL), 0);
}

static void test_json__size_is_limited(void **state)
{
    size_t most = LIMIT_JSON_BYTES;
    char *text = mem_alloc(most + 1);
    const struct json_node *v = NULL;
    struct err err;

    (void)state;
    memset(text, ' ', most + 1);
    text[0] = '7';
    assert_int_equal(json_parse(slice_make(text, most + 1), &arena, &v, &err), ERR_TOO_LARGE);
    assert_null(v);
    assert_int_equal(json_parse(slice_make(text, most), &arena, &v, &err), OK);
    assert_text(v, "7");
    mem_free(text);
}

static void test_json__last_duplicate_wins_at_the_place_of_the_first(void **state)
{
    const struct json_node *v;

    (void)state;
    assert_text(doc("{\"a\":1,\"b\":2,\"a\":3}"), "{\"a\":3,\"b\":2}");
    assert_text(doc("{\"a\":1,\"a\":[1,{\"x\":2}]}"), "{\"a\":[1,{\"x\":2}]}");
    assert_text(doc("{\"a\":{\"x\":[1,2]},\"b\":0,\"a\":true,\"c\":9}"),
                "{\"a\":true,\"b\":0,\"c\":9}");
    assert_text(doc("{\"a\":[1],\"a\":[2,3],\"a\":{\"z\":[4]},\"b\":[]}"),
                "{\"a\":{\"z\":[4]},\"b\":[]}");
    assert_text(doc("{\"a\":1,\"a\":[2],\"a\":3,\"a\":[4]}"), "{\"a\":[4]}");
    assert_text(doc("{\"a\":{\"b\":1,\"b\":[2]},\"a\":{\"b\":[3],\"b\":{\"c\":4,\"c\":5}}}"),
                "{\"a\":{\"b\":{\"c\":5}}}");
    assert_text(doc("{\"\\u0061\":1,\"a\":2,\"\":3,\"\":4}"), "{\"a\":2,\"\":4}");
    v = doc("[{\"k\":[1],\"k\":[2],\"m\":3},4]");
    assert_int_equal(json_count(json_element(v, 0)), 2);
    assert_text(json_member(json_element(v, 0), SLICE("k")), "[2]");
    assert_text(json_element(v, 1), "4");
    assert_true(json_equal(v, doc("[{\"m\":3,\"k\":[2]},4]")));
}

/* n keys, each `times` times; the values say which came last. */
static struct slice many_keys(unsigned n, unsigned times)
{
    struct buf b = {0};
    struct slice s;

    for (unsigned i = 0; i < n * times; i++) {
        buf_printf(&b, "%s\"key%u\":[%u]", i == 0 ? "{" : ",", i % n, i);
    }
    buf_put_str(&b, "}");
    s = arena_copy(&arena, buf_slice(&b));
    buf_fini(&b);
    return s;
}

static void test_json__many_keys(void **state)
{
    static const unsigned counts[] = {1, 2, 15, 16, 31, 32, 33, 64, 100, 5000};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        for (unsigned times = 1; times <= 3; times++) {
            unsigned n = counts[i];
            const struct json_node *v = NULL;
            char key[32];
            char value[32];
            unsigned at = 0;

            assert_int_equal(json_parse(many_keys(n, times), &arena, &v, NULL), OK);
            assert_int_equal(json_count(v), n);
            for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
                (void)snprintf(key, sizeof(key), "key%u", at);
                (void)snprintf(value, sizeof(value), "%u", at + n * (times - 1));
                assert_slice(json_key(v, e), key);
                assert_slice(json_text(json_first(e)), value);
                at++;
            }
            assert_int_equal(at, n);
            assert_int_equal(json_print(v, &arena).len, json_written_bytes(v));
        }
    }
}

static void test_json__walks(void **state)
{
    const struct json_node *v = doc("{\"a\":[1,[2,3],{\"b\":4}],\"c\":\"d\",\"e\":null}");
    const struct json_node *list = json_member(v, SLICE("a"));
    const struct json_node *e = json_first(v);

    (void)state;
    assert_slice(json_key(v, e), "a");
    e = json_next(v, e);
    assert_slice(json_key(v, e), "c");
    assert_slice(json_text(e), "d");
    e = json_next(v, e);
    assert_true(json_is(e, JSON_NULL));
    assert_null(json_next(v, e));
    assert_int_equal(json_count(list), 3);
    assert_text(json_element(list, 1), "[2,3]");
    assert_text(json_element(list, 2), "{\"b\":4}");
    assert_null(json_element(list, 3));
    assert_text(json_element(doc("[7,8,9]"), 2), "9");
    assert_null(json_member(v, SLICE("x")));
    assert_null(json_first(doc("[]")));
    assert_null(json_first(doc("{}")));
}

static void test_json__wrong_kind_is_no_value(void **state)
{
    const struct json_node *n = doc("1");

    (void)state;
    assert_null(json_member(n, SLICE("a")));
    assert_null(json_member(doc("[1]"), SLICE("a")));
    assert_null(json_element(doc("{\"a\":1}"), 0));
    assert_null(json_first(n));
    assert_int_equal(json_count(n), 0);
    assert_int_equal(json_count(doc("\"abc\"")), 0);
    assert_int_equal(json_text(doc("true")).len, 0);
    assert_int_equal(json_text(doc("[\"a\"]")).len, 0);
    assert_null(json_member(NULL, SLICE("a")));
    assert_null(json_first(NULL));
    assert_int_equal(json_type(NULL), JSON_NULL);
    assert_false(json_is(NULL, JSON_NULL));
    assert_true(json_is_bool(doc("true")));
    assert_true(json_is_bool(doc("false")));
    assert_false(json_is_bool(n));
}

static void test_json__decodes_strings(void **state)
{
    (void)state;
    assert_slice(json_text(doc("\"a\\n\\u00e9\\ud83d\\ude00\\/\"")),
                 "a\n\xc3\xa9\xf0\x9f\x98\x80/");
    assert_true(slice_eq(json_text(doc("\"a\\u0000b\"")), SLICE("a\0b")));
    assert_slice(json_text(doc("\"no escape at all, and long enough\"")),
                 "no escape at all, and long enough");
}

static void test_json__keeps_lone_surrogates(void **state)
{
    (void)state;
    assert_slice(json_text(doc("\"\\ud800\"")), "\xed\xa0\x80");
    assert_text(doc("\"\\uD800\""), "\"\\ud800\"");
    assert_text(doc("\"x\\uDFFFy\""), "\"x\\udfffy\"");
    assert_text(doc("\"\\ud800\\ud800\\udc00\""), "\"\\ud800\xf0\x90\x80\x80\"");
    assert_text(doc("\"\\ud800\\u0041\""), "\"\\ud800A\"");
    assert_text(doc("\"\\udc00\\ud800\""), "\"\\udc00\\ud800\"");
    assert_text(doc("\"\\ud800\\n\""), "\"\\ud800\\n\"");
}

static void test_json__writes_strings_that_are_not_utf8(void **state)
{
    struct buf out = {0};

    (void)state;
    json_write_string(SLICE("a\xff\xe2\x82z\xc3\xa9\xed\xa0\x80\xf0\x9f\x98\""), &out);
    assert_slice(buf_slice(&out), "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xc3\xa9\\ud800"
                                  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\\"\"");
    buf_reset(&out);
    json_write_string((struct slice){NULL, 0}, &out);
    assert_slice(buf_slice(&out), "\"\"");
    buf_fini(&out);
}

static void test_json__writes_for_people(void **state)
{
    struct buf out = {0};

    (void)state;
    json_write_pretty(doc("{\"a\":[1,{\"b\":[]},{}],\"c\":{\"d\":null}}"), &out);
    assert_slice(buf_slice(&out), "{\n"
                                  "  \"a\": [\n"
                                  "    1,\n"
                                  "    {\n"
                                  "      \"b\": []\n"
                                  "    },\n"
                                  "    {}\n"
                                  "  ],\n"
                                  "  \"c\": {\n"
                                  "    \"d\": null\n"
                                  "  }\n"
                                  "}");
    buf_reset(&out);
    json_write_pretty(doc("[]"), &out);
    assert_slice(buf_slice(&out), "[]");
    buf_fini(&out);
}

static void test_json__knows_compact_text(void **state)
{
    static const char *const yes[] = {
        "{}",
        "[]",
        "1",
        "\"\"",
        "null",
        "[1,2.50,1E5,\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\"]",
        "{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}",
        "[\"\xc3\xa9\xf0\x9f\x98\x80\"]",
        "[\"\\u000b\\u000e\\u000f\\u0007\\u0010\\u001a \"]",
        "{\"a\":\":\",\"b\":\"a\"}",
        "{\"x\":{\"a\":1},\"a\":2}",
        "[\"12345678\\n12345678\xc3\xa9 12345678\"]",
    };
    static const char *const no[] = {
        "{ }",
        "[1, 2]",
        " 1",
        "1\n",
        "{\"a\" :1}",
        "{\"a\":1,\"b\":2,\"a\":3}",
        "[\"\\/\"]",
        "[\"\\u0041\"]",
        "[\"\\u001F\"]",
        "[\"\\u000a\"]",
        "[\"\\u0008\"]",
        "[\"\\u000c\"]",
        "[\"\\u0009\"]",
        "[\"\\u000d\"]",
        "[\"\\u0020\"]",
        "[\"\\ud83d\\ude00\"]",
        "[\"\\u00e9\"]",
        "[\"\\u0022\"]",
        "{\"x\":{\"a\":1,\"a\":1}}",
        "",
        "[\"\\u005c\"]",
        "[\"abc",
        "[\"\\u00",
        "}",
        "\"a\":1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        assert_text(doc(yes[i]), yes[i]);
        if (!json_is_compact(slice_str(yes[i]))) {
            fail_msg("is compact: %s", yes[i]);
        }
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        if (json_is_compact(slice_str(no[i]))) {
            fail_msg("is not compact: %s", no[i]);
        }
    }
    assert_true(json_is_compact(many_keys(32, 1)));
    assert_false(json_is_compact(many_keys(31, 2)));
    assert_false(json_is_compact(many_keys(5000, 2)));
}

static void test_json__integers(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-0.0e5", true, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"92233720368547758070e-1", true, INT64_MAX},
        {"-9.223372036854775808e18", true, INT64_MIN},
        {"9.223372036854775808e18", false, 0},
        {"1.0", true, 1},
        {"1e2", true, 100},
        {"0.05e2", true, 5},
        {"120e-1", true, 12},
        {"0.5", false, 0},
        {"1.5", false, 0},
        {"125e-1", false, 0},
        {"1e18", true, 1000000000000000000},
        {"1e19", false, 0},
        {"1e99999999999999999999999", false, 0},
        {"0e99999999999999999999999", true, 0},
        {"1e-99999999999999999999999", false, 0},
        {"\"1\"", false, 0},
        {"null", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t v = 4711;
        bool ok = json_i64(doc(cases[i].text), &v);

        if (ok != cases[i].ok || v != (ok ? cases[i].value : 4711)) {
            fail_msg("%s: %d %lld", cases[i].text, ok, (long long)v);
        }
    }
    assert_true(json_is_integer_text(doc("-12")));
    assert_false(json_is_integer_text(doc("1.0")));
    assert_false(json_is_integer_text(doc("1e2")));
    assert_false(json_is_integer_text(doc("true")));
}

static void test_json__doubles(void **state)
{
    double d = 0;

    (void)state;
    assert_true(json_double(doc("-2.5e3"), &d));
    assert_true(d == -2500.0);
    assert_true(json_double(doc("9007199254740993"), &d));
    assert_true(d == 9007199254740992.0);
    assert_false(json_double(doc("\"1\""), &d));
    assert_false(json_double(NULL, &d));
}

static void test_json__equality(void **state)
{
    static const struct {
        const char *x;
        const char *y;
        bool equal;
    } cases[] = {
        {"1", "1.0", true},
        {"1", "10e-1", true},
        {"0.1", "1e-1", true},
        {"100", "1E2", true},
        {"1200", "0.0012e6", true},
        {"12.50", "1.25e1", true},
        {"0", "-0.0", true},
        {"0e5", "0", true},
        {"0", "1", false},
        {"1", "-1", false},
        {"1", "10", false},
        {"101", "11", false},
        {"9007199254740993", "9007199254740992", false},
        {"9007199254740993", "9007199254740993.0", true},
        {"1e400", "1e401", false},
        {"1e400", "10e399", true},
        {"0.123", "0.1234", false},
        {"1", "\"1\"", false},
        {"null", "false", false},
        {"true", "true", true},
        {"true", "false", false},
        {"\"a\"", "\"\\u0061\"", true},
        {"\"a\"", "\"b\"", false},
        {"[]", "{}", false},
        {"[]", "[ ]", true},
        {"[1,2]", "[2,1]", false},
        {"[1,2]", "[1]", false},
        {"[[1],[2]]", "[[1],[2.0]]", true},
        {"[[1],[2]]", "[[1],[3]]", false},
        {"{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", true},
        {"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"y\":2,\"x\":1}}", true},
        {"{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"y\":2,\"x\":3}}", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct json_node *x = doc(cases[i].x);
        const struct json_node *y = doc(cases[i].y);

        if (json_equal(x, y) != cases[i].equal || json_equal(y, x) != cases[i].equal) {
            fail_msg("%s and %s", cases[i].x, cases[i].y);
        }
    }
    assert_true(json_equal(NULL, json_null()));
}

static void test_json__equality_of_large_objects_in_any_order(void **state)
{
    struct json_builder up = json_build_object(&arena);
    struct json_builder down = json_build_object(&arena);
    struct json_builder other = json_build_object(&arena);
    const struct json_node *x;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        int back = 19999 - i;

        json_put(&up, arena_printf(&arena, "k%d", i), json_integer(&arena, i));
        json_put(&down, arena_printf(&arena, "k%d", back), json_integer(&arena, back));
        json_put(&other, arena_printf(&arena, "k%d", back),
                 json_integer(&arena, back == 10000 ? 1 : back));
    }
    x = json_built(&up);
    assert_true(json_equal(x, json_built(&down)));
    assert_false(json_equal(x, json_built(&other)));
}

static void test_json__builds(void **state)
{
    const struct json_node *part = doc("{\"x\":[1,2],\"y\":\"a\\nb\"}");
    struct json_builder list = json_build_array(&arena);
    struct json_builder b = json_build_object(&arena);
    const struct json_node *v;

    (void)state;
    json_push(&list, part);
    json_push(&list, json_member(part, SLICE("x")));
    json_push(&list, json_bool(true));
    json_push(&list, json_bool(false));
    json_push(&list, json_null());
    json_push(&list, NULL);
    json_push(&list, doc("[]"));
    json_put(&b, SLICE("list"), json_built(&list));
    json_put(&b, SLICE("n"), json_integer(&arena, INT64_MIN));
    json_put(&b, SLICE("q\"\n"), json_string(&arena, SLICE("\x01\"\xc3\xa9")));
    json_put(&b, SLICE("r"), json_real(&arena, 0.1));
    json_put(&b, SLICE("t"), json_number_text(&arena, SLICE("1e5")));
    v = json_built(&b);
    assert_text(v, "{\"list\":[{\"x\":[1,2],\"y\":\"a\\nb\"},[1,2],true,false,null,null,[]],"
                   "\"n\":-9223372036854775808,\"q\\\"\\n\":\"\\u0001\\\"\xc3\xa9\",\"r\":0.1,"
                   "\"t\":1e5}");
    assert_int_equal(json_depth(v), 4);
    assert_text(json_element(json_member(v, SLICE("list")), 1), "[1,2]");
    assert_text(json_member(json_first(json_member(v, SLICE("list"))), SLICE("x")), "[1,2]");
    assert_int_equal(json_type(json_member(v, SLICE("list"))), JSON_ARRAY);
    assert_true(json_equal(v, doc(arena_str(&arena, json_print(v, &arena)))));
    assert_false(json_is_integer_text(json_member(v, SLICE("t"))));
}

static void test_json__builds_what_is_empty_or_put_twice(void **state)
{
    struct json_builder b = json_build_object(&arena);
    struct json_builder list = json_build_array(&arena);

    (void)state;
    assert_text(json_built(&b), "{}");
    assert_text(json_built(&list), "[]");
    json_put(&b, SLICE("a"), doc("[1]"));
    json_put(&b, SLICE("b"), doc("2"));
    json_put(&b, SLICE("a"), doc("3"));
    json_put(&b, SLICE("b"), doc("[4]"));
    assert_text(json_built(&b), "{\"a\":3,\"b\":[4]}");
    for (int i = 0; i < 300; i++) {
        json_put(&b, arena_printf(&arena, "%d", i % 100), json_integer(&arena, i));
    }
    assert_int_equal(json_count(json_built(&b)), 100);
    assert_true(json_is(json_real(&arena, 1e308 * 10), JSON_NULL));
}

/* Built values may be as deep as they like: nothing recurses. */
static void test_json__deep_builds_cost_no_stack(void **state)
{
    enum { DEEP = 70000 };
    const struct json_node *x = json_integer(&arena, 1);
    const struct json_node *y = json_integer(&arena, 2);
    struct buf out = {0};

    (void)state;
    for (int i = 0; i < DEEP; i++) {
        struct json_builder b = json_build_array(&arena);
        struct json_builder c = json_build_array(&arena);

        json_push(&b, x);
        json_push(&c, y);
        x = json_built(&b);
        y = json_built(&c);
    }
    json_write(x, &out);
    assert_int_equal(out.len, 2 * DEEP + 1);
    assert_int_equal(out.ptr[DEEP], '1');
    assert_int_equal(out.ptr[2 * DEEP], ']');
    assert_int_equal(json_written_bytes(x), out.len);
    assert_false(json_equal(x, y));
    assert_int_equal(json_depth(x), UINT16_MAX);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_json__accepts_what_is_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__refuses_what_is_not, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__says_where_and_what, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__depth_is_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__size_is_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__last_duplicate_wins_at_the_place_of_the_first,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__many_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__walks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__wrong_kind_is_no_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__decodes_strings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__keeps_lone_surrogates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__writes_strings_that_are_not_utf8, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_json__writes_for_people, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__knows_compact_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__integers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__doubles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__equality, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__equality_of_large_objects_in_any_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_json__builds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json__builds_what_is_empty_or_put_twice, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_json__deep_builds_cost_no_stack, setup, teardown),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
