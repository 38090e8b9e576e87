/* SPDX-License-Identifier: Apache-2.0 */
/* regex.c: what matches, what is refused, and that nothing takes long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/asl/regex.h"
#include "proto/base/limits.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void check(const char *pattern, bool ignore_case, const char *text, bool expected)
{
    struct arena a = {0};
    const char *why;
    const struct regex *re = regex_compile(slice_str(pattern), ignore_case, false, &a, &why);
    struct regex_room room = {.steps = SIZE_MAX};

    assert_non_null(re);
    assert_int_equal(regex_matches(re, slice_str(text), &room, &a), expected);
    arena_fini(&a);
}

static void test_regex__matches(void **state)
{
    static const struct {
        const char *pattern;
        const char *yes;
        const char *no;
    } examples[] = {
        {"", "", "a"},
        {"abc", "abc", "abcd"},
        {"a.c",
         "a\xc3\xa9"
         "c",
         "a\nc"},
        {"a*", "aaaa", "b"},
        {"a+b?", "aa", ""},
        {"a|bc|", "bc", "abc"},
        {"(ab)*c", "ababc", "abac"},
        {"(?:a|b){2,3}", "aba", "a"},
        {"a{2}", "aa", "aaa"},
        {"a{2,}", "aaaaa", "a"},
        {"a{0,1}b", "b", "aab"},
        {"[a-cx]+", "abcx", "d"},
        {"[^a-c]", "d", "a"},
        {"[]a]", "]", "b"},
        {"[a-]", "-", "b"},
        {"\\d+\\.\\d", "12.5", "12x5"},
        {"\\w\\W\\s\\S\\D", "a- bc", "a- b1"},
        {"^a$", "a", "aa"},
        {"a^b", "", "ab"},
        {".*foo.*", "a foo b", "fo o"},
        {"a*?b", "aab", "a"},
        {"\\(\\)\\/", "()/", "()"},
        {"(()*)*", "", "a"},
        {"\xe2\x82\xac+", "\xe2\x82\xac\xe2\x82\xac", "\xe2\x82"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        if (i != 18) { /* "a^b" matches nothing at all */
            check(examples[i].pattern, false, examples[i].yes, true);
        }
        check(examples[i].pattern, false, examples[i].no, false);
    }
    check("Ab[c-e]", true, "aBD", true);
    check("[^a]", true, "A", false);
}

static void test_regex__refused(void **state)
{
    static const char *const bad[] = {"(",       ")",   "[a",    "*a",    "a**",   "a{2",
                                      "a{3,2}",  "\\1", "(?=a)", "[z-a]", "a{,2}", "\\b",
                                      "[[:a:]]", "a++", "\\",    "[\\"};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct arena a = {0};
        const char *why = NULL;

        assert_null(regex_compile(slice_str(bad[i]), false, false, &a, &why));
        assert_non_null(why);
        arena_fini(&a);
    }
}

static void test_regex__limits(void **state)
{
    struct arena a = {0};
    const char *why;

    (void)state;
    /* One state an 'a' and one for the end. */
    assert_non_null(regex_compile(SLICE("a{999}"), false, false, &a, &why));
    assert_null(regex_compile(SLICE("a{1000}"), false, false, &a, &why));
    assert_string_equal(why, "the regular expression is too large");
    assert_null(regex_compile(SLICE("(((a{50}){50}){50}){50}"), false, false, &a, &why));
    assert_non_null(
        regex_compile(SLICE("((((){1000}){1000}){1000}){1000}"), false, false, &a, &why));
    assert_int_equal(LIMIT_REGEX_STATES, 1000);
    arena_fini(&a);
}

/* Backtracking would take 2^30 steps for each. */
static void test_regex__no_blow_up(void **state)
{
    char text[64 * 1024];

    (void)state;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    check("(a*)*b", false, text, false);
    check("(a|a)*b", false, text, false);
    check("(a?){30}a{30}", false, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true);
}

/* Given up where the steps run out; the room is as good as new for the next. */
static void test_regex__steps(void **state)
{
    struct arena a = {0};
    const char *why;
    const struct regex *large = regex_compile(SLICE("(a?){99}[b-cd-e]"), false, false, &a, &why);
    const struct regex *small = regex_compile(SLICE("a*"), false, false, &a, &why);
    struct regex_room room = {.steps = 1000000};

    (void)state;
    assert_true(regex_matches(large, SLICE("aaae"), &room, &a));
    assert_true(room.steps > 0 && room.steps < 999999);
    assert_true(regex_matches(small, SLICE("aaa"), &room, &a));
    room.steps = 100;
    assert_false(regex_matches(large, SLICE("aaae"), &room, &a));
    assert_int_equal(room.steps, 0);
    assert_false(regex_matches(small, SLICE("aaa"), &room, &a));
    room.steps = 100; /* most of which are spent before the first character */
    assert_false(regex_matches(large, SLICE(""), &room, &a));
    assert_int_equal(room.steps, 0);
    room.steps = 100;
    assert_true(regex_matches(small, SLICE("aaa"), &room, &a));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regex__matches), cmocka_unit_test(test_regex__refused),
        cmocka_unit_test(test_regex__limits),  cmocka_unit_test(test_regex__no_blow_up),
        cmocka_unit_test(test_regex__steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
