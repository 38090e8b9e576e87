/* SPDX-License-Identifier: Apache-2.0 */
/* source.c: texts that are no JSON, or say a name twice, and what AWS's parser says of them. */
#include "proto/base/buf.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "tests/lib/asl_refusal.h"

#define BAD    "INVALID_JSON_DESCRIPTION: "
#define VALUES "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

/* What is said of the text: the part before Jackson's location, and the place it ends with. */
struct fault {
    const char *text;
    const char *says;
    const char *where;
};

static void check_faults(const struct fault *faults, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena a = {0};
        struct slice source =
            arena_printf(&a, "[Source: (String)\"%s\"; %s]", faults[i].text, faults[i].where);
        struct slice expected = arena_printf(&a, BAD "%s\n at %.*s at %.*s", faults[i].says,
                                             SLICE_FMT(source), SLICE_FMT(source));

        assert_string_equal(refusal(&a, faults[i].text, NULL), arena_str(&a, expected));
        arena_fini(&a);
    }
}

static void test_asl_source__words(void **state)
{
    static const struct fault faults[] = {
        /* AWS */
        {"not a definition", "Unrecognized token 'not': was expecting " VALUES,
         "line: 1, column: 4"},
        /* Jackson */
        {"{\"a\":\n trux}", "Unrecognized token 'trux': was expecting " VALUES,
         "line: 2, column: 6"},
        {"{\"a\":,}", "Unexpected character (',' (code 44)): expected a valid value " VALUES,
         "line: 1, column: 7"},
        {"[1,]", "Unexpected character (']' (code 93)): expected a valid value " VALUES,
         "line: 1, column: 5"},
        {"[1,}", "Unexpected character ('}' (code 125)): expected a value", "line: 1, column: 5"},
        {"{\"a\":1,}",
         "Unexpected character ('}' (code 125)): was expecting double-quote to start field name",
         "line: 1, column: 9"},
        {"{a:1}",
         "Unexpected character ('a' (code 97)): was expecting double-quote to start field name",
         "line: 1, column: 3"},
        {"{\"a\" 1}",
         "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and "
         "value",
         "line: 1, column: 7"},
        {"{\"a\":1 \"b\":2}",
         "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries",
         "line: 1, column: 9"},
        {"[1 2]",
         "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries",
         "line: 1, column: 5"},
        {"{\"a\":\"b\\x\"}", "Unrecognized character escape 'x' (code 120)", "line: 1, column: 10"},
        {"[\"\\u12g4\"]",
         "Unexpected character ('g' (code 103)): expected a hex-digit for character escape "
         "sequence",
         "line: 1, column: 8"},
        {"[\"a\nb\"]",
         "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to "
         "be included in string value",
         "line: 2, column: 1"},
        {"{\"a\tb\":1}",
         "Illegal unquoted character ((CTRL-CHAR, code 9)): has to be escaped using backslash to "
         "be included in name",
         "line: 1, column: 5"},
        {"[-a]",
         "Unexpected character ('a' (code 97)) in numeric value: expected digit (0-9) to follow "
         "minus sign, for valid numeric value",
         "line: 1, column: 4"},
        {"[01]", "Invalid numeric value: Leading zeroes not allowed", "line: 1, column: 3"},
        {"[1.]",
         "Unexpected character (']' (code 93)) in numeric value: Decimal point not followed by a "
         "digit",
         "line: 1, column: 5"},
        {"[1e]",
         "Unexpected character (']' (code 93)) in numeric value: Exponent indicator not followed "
         "by a digit",
         "line: 1, column: 5"},
        /* Columns are of UTF-16: one for the first letter, two for the second. */
        {"[\"\xc3\xa9\xf0\x9f\x98\x80\" x]",
         "Unexpected character ('x' (code 120)): was expecting comma to separate Array entries",
         "line: 1, column: 9"},
        /* Lines end as they like. */
        {"[\r1,\r\n\n x]", "Unrecognized token 'x': was expecting " VALUES, "line: 4, column: 3"},
        {"[\xe2\x82\xac]", "Unrecognized token '\xe2\x82\xac': was expecting " VALUES,
         "line: 1, column: 3"},
    };

    (void)state;
    check_faults(faults, COUNT(faults));
}

static void test_asl_source__ends(void **state)
{
    static const struct fault faults[] = {
        {"{",
         "Unexpected end-of-input: expected close marker for Object (start marker at [Source: "
         "(String)\"{\"; line: 1, column: 1])",
         "line: 1, column: 2"},
        {"[[1]",
         "Unexpected end-of-input: expected close marker for Array (start marker at [Source: "
         "(String)\"[[1]\"; line: 1, column: 1])",
         "line: 1, column: 5"},
        {"{\"a", "Unexpected end-of-input in field name", "line: 1, column: 4"},
        {"{\"a\"", "Unexpected end-of-input within/between Object entries", "line: 1, column: 5"},
        {"{\"a\":", "Unexpected end-of-input within/between Object entries", "line: 1, column: 6"},
        {"[1,", "Unexpected end-of-input within/between Array entries", "line: 1, column: 4"},
        {"[\"a", "Unexpected end-of-input: was expecting closing quote for a string value",
         "line: 1, column: 4"},
        {"[\"\\", "Unexpected end-of-input in character escape sequence", "line: 1, column: 4"},
        {"[-", "Unexpected end-of-input in numeric value", "line: 1, column: 3"},
        {"{]",
         "Unexpected close marker ']': expected '}' (for Object starting at [Source: "
         "(String)\"{]\"; line: 1, column: 1])",
         "line: 1, column: 3"},
        {"{} {}",
         "Trailing token (of type START_OBJECT) found after value (bound as "
         "`com.fasterxml.jackson.databind.JsonNode`): not allowed as per "
         "`DeserializationFeature.FAIL_ON_TRAILING_TOKENS`",
         "line: 1, column: 5"},
        {"{} x", "Unrecognized token 'x': was expecting " VALUES, "line: 1, column: 5"},
    };

    (void)state;
    check_faults(faults, COUNT(faults));
}

static void test_asl_source__names_given_twice(void **state)
{
    static const struct fault faults[] = {
        {"{\"a\":1,\"a\":2}", "Duplicate field 'a'", "line: 1, column: 11"},
        {"{\"a\":{\"b\":1},\"c\":[{\"b\":1,\"\\u0062\":2}]}", "Duplicate field 'b'",
         "line: 1, column: 34"},
    };
    static const struct example examples[] = {
        {"{'StartAt':'A','States':{'A':{'Type':'Succeed','Comment':'A'}},'Comment':'A'}", ""}};
    static const struct asl_options stored = {.stored = true};
    static const struct example kept[] = {
        {"{'StartAt':'B','StartAt':'A','States':{'A':{'Type':'Succeed'}}}", ""}};

    (void)state;
    check_faults(faults, COUNT(faults));
    check(examples, COUNT(examples));
    /* What was accepted once stays readable. */
    check_in("", kept, COUNT(kept), "", &stored);
}

/* The one diagnostic, which no frame cuts short. */
static const char *message(struct arena *a, const struct buf *text)
{
    struct asl_diagnostics found = {0};
    struct asl_machine *m = NULL;
    struct err err;

    assert_int_equal(asl_machine_parse(buf_slice(text), NULL, a, &found, &m, &err),
                     ERR_INVALID_DEFINITION);
    assert_int_equal(found.count, 1);
    return arena_str(
        a, arena_printf(a, "%s: %.*s", found.items[0].code, SLICE_FMT(found.items[0].message)));
}

/* Of a long text 500 characters are shown, of a long word 256 bytes, none cut in two. */
static void test_asl_source__long_texts(void **state)
{
    struct arena a = {0};
    struct buf b = {0};
    const char *says;

    (void)state;
    for (int i = 0; i < 510; i++) {
        buf_put_str(&b, "\xc3\xa9");
    }
    says = message(&a, &b);
    assert_non_null(strstr(says, "...': was expecting"));
    assert_non_null(strstr(says, "\"[truncated 10 chars]; line: 1, column: 511]"));
    assert_true(text_is_utf8(slice_str(says)));
    buf_fini(&b);
    arena_fini(&a);
}

static void test_asl_source__no_utf8(void **state)
{
    static const struct example examples[] = {
        {"{\"a\":\"\xff\"}", BAD "The text is not valid UTF-8 at null"},
        {"\"\xc3", BAD "The text is not valid UTF-8 at null"},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_asl_source__depth(void **state)
{
    (void)state;
    for (size_t depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
        struct arena a = {0};
        struct buf b = {0};
        const char *says;

        for (size_t i = 0; i < depth; i++) {
            buf_put_str(&b, "[");
        }
        for (size_t i = 0; i < depth; i++) {
            buf_put_str(&b, "]");
        }
        says = message(&a, &b);
        assert_non_null(strstr(says, depth == LIMIT_JSON_DEPTH
                                         ? "Expected value of type [OBJECT]"
                                         : "TOO_DEEPLY_NESTED: Objects and arrays are nested more "
                                           "than 512 levels deep"));
        buf_fini(&b);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asl_source__words),
        cmocka_unit_test(test_asl_source__ends),
        cmocka_unit_test(test_asl_source__names_given_twice),
        cmocka_unit_test(test_asl_source__long_texts),
        cmocka_unit_test(test_asl_source__no_utf8),
        cmocka_unit_test(test_asl_source__depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
