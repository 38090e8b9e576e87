/* SPDX-License-Identifier: Apache-2.0 */
/* pattern*.c, matcher*.c, wildcard.c, address.c: which events patterns want, what is refused and in
 * which words, what matching costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/trigger/address.h"
#include "coordinator/trigger/pattern.h"
#include "coordinator/trigger/wildcard.h"
#include "proto/base/limits.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct pattern *compile(struct arena *a, const char *text, enum pattern_dialect d)
{
    const struct pattern *p = NULL;
    struct err err = {0};

    if (pattern_compile(slice_str(text), d, a, &p, &err) != OK) {
        fail_msg("%s: %s", text, err.msg);
    }
    return p;
}

static bool matches_text(const struct pattern *p, const char *event)
{
    const struct json_node *v = NULL;
    struct arena a = {0};
    bool yes;

    assert_int_equal(json_parse(slice_str(event), &a, &v, NULL), OK);
    yes = pattern_matches(p, v);
    arena_fini(&a);
    return yes;
}

struct example {
    const char *pattern;
    const char *event;
    bool matches;
};

static void check(const struct example *examples, size_t count, enum pattern_dialect d)
{
    for (size_t i = 0; i < count; i++) {
        struct arena a = {0};

        if (matches_text(compile(&a, examples[i].pattern, d), examples[i].event) !=
            examples[i].matches) {
            fail_msg("%s on %s", examples[i].pattern, examples[i].event);
        }
        arena_fini(&a);
    }
}

#define A(conditions) "{\"a\":[" conditions "]}"
#define YES(conditions, value)                                                                     \
    {                                                                                              \
        A(conditions), "{\"a\":" value "}", true                                                   \
    }
#define NO(conditions, value)                                                                      \
    {                                                                                              \
        A(conditions), "{\"a\":" value "}", false                                                  \
    }

static void test_pattern__literals(void **state)
{
    static const struct example examples[] = {
        YES("\"x\"", "\"x\""),
        NO("\"x\"", "\"X\""),
        NO("\"x\"", "1"),
        YES("\"\"", "\"\""),
        NO("\"\"", "null"),
        YES("\"x\",\"y\"", "\"y\""),
        YES("\"\\u0078\"", "\"x\""),
        YES("1", "1"),
        YES("1", "1.0"),
        YES("3.5e1", "35"),
        NO("1", "\"1\""),
        NO("\"1\"", "1"),
        YES("123456789012345678901", "123456789012345678901"),
        NO("123456789012345678901", "123456789012345678902"),
        YES("true", "true"),
        NO("true", "false"),
        NO("true", "\"true\""),
        YES("null", "null"),
        NO("null", "\"\""),
        NO("null", "[]"), /* recorded with AWS */
        NO("null", "{}"),
        {A("null"), "{}", false},
        {A("\"x\""), "{\"b\":\"x\"}", false},
        {"{\"a\":[\"x\"],\"b\":[1]}", "{\"b\":1,\"a\":\"x\",\"c\":2}", true},
        {"{\"a\":[\"x\"],\"b\":[1]}", "{\"b\":2,\"a\":\"x\"}", false},
    };

    (void)state;
    check(examples, COUNT(examples), PATTERN_EVENTS);
}

static void test_pattern__texts(void **state)
{
    static const struct example examples[] = {
        YES("{\"prefix\":\"ab\"}", "\"abc\""),
        NO("{\"prefix\":\"ab\"}", "\"a\""),
        NO("{\"prefix\":\"1\"}", "12"),
        YES("{\"prefix\":\"\"}", "\"\""),
        YES("{\"suffix\":\".png\"}", "\"x.png\""),
        NO("{\"suffix\":\".png\"}", "\"x.PNG\""),
        YES("{\"exactly\":\"x\"}", "\"x\""),
        YES("{\"equals-ignore-case\":\"aLIce\"}", "\"AliCe\""),
        NO("{\"equals-ignore-case\":\"alice\"}", "\"alic\""),
        YES("{\"equals-ignore-case\":\"\\u00c9\\u0414\\u03a9\\u0141\"}",
            "\"\\u00e9\\u0434\\u03c9\\u0142\""),
        NO("{\"equals-ignore-case\":\"\\u00d7\"}", "\"\\u00f7\""),
        YES("{\"equals-ignore-case\":\"\\u0100\\u0460\\u04c1\\u0400\"}",
            "\"\\u0101\\u0461\\u04c2\\u0450\""),
        YES("{\"equals-ignore-case\":\"\"}", "\"\""),
        YES("{\"prefix\":{\"equals-ignore-case\":\"EVENTb\"}}", "\"eventBridge\""),
        NO("{\"prefix\":{\"equals-ignore-case\":\"EVENTb\"}}", "\"event\""),
        YES("{\"suffix\":{\"equals-ignore-case\":\"\\u00c9x\"}}", "\"a\\u00e9X\""),
        NO("{\"suffix\":{\"equals-ignore-case\":\"\\u00c9x\"}}", "\"X\""),
        YES("{\"wildcard\":\"a*c\"}", "\"abbc\""),
        YES("{\"wildcard\":\"a*c\"}", "\"ac\""),
        NO("{\"wildcard\":\"a*c\"}", "\"abcd\""),
        NO("{\"wildcard\":\"ab*ba\"}", "\"aba\""),
        YES("{\"wildcard\":\"*\"}", "\"\""),
        NO("{\"wildcard\":\"*\"}", "1"),
        YES("{\"wildcard\":\"*b*\"}", "\"abc\""),
        YES("{\"wildcard\":\"*abab*c*\"}", "\"abaababxc\""),
        NO("{\"wildcard\":\"*abab*c*\"}", "\"cabaababx\""),
        YES("{\"wildcard\":\"*aabaaac*\"}", "\"aabaaabaaac\""),
        YES("{\"wildcard\":\"a\\\\*b\\\\\\\\*\"}", "\"a*b\\\\c\""),
        NO("{\"wildcard\":\"a\\\\*b\"}", "\"axb\""),
    };

    (void)state;
    check(examples, COUNT(examples), PATTERN_EVENTS);
}

static void test_pattern__numbers(void **state)
{
    static const struct example examples[] = {
        YES("{\"numeric\":[\"=\",301.8]}", "3.018e2"),
        NO("{\"numeric\":[\"=\",301.8]}", "\"301.8\""),
        YES("{\"numeric\":[\"<\",10]}", "9.999999"),
        NO("{\"numeric\":[\"<\",10]}", "10"),
        YES("{\"numeric\":[\"<=\",10]}", "10"),
        YES("{\"numeric\":[\"<=\",10]}", "-5000000000"),
        NO("{\"numeric\":[\"<=\",10]}", "-5000000001"), /* AWS compares no such number */
        YES("{\"numeric\":[\">\",0]}", "5000000000"),
        NO("{\"numeric\":[\">\",0]}", "5000000001"),
        NO("{\"numeric\":[\">\",0]}", "0"),
        YES("{\"numeric\":[\">=\",0]}", "-0"),
        YES("{\"numeric\":[\">\",0,\"<=\",5]}", "5"),
        NO("{\"numeric\":[\">\",0,\"<\",5]}", "5"),
        NO("{\"numeric\":[\">\",0,\"<=\",5]}", "0"),
        NO("{\"numeric\":[\">\",0]}", "null"),
        NO("{\"numeric\":[\">\",0]}", "true"),
    };

    (void)state;
    check(examples, COUNT(examples), PATTERN_EVENTS);
}

static void test_pattern__anything_but(void **state)
{
    static const struct example examples[] = {
        YES("{\"anything-but\":\"x\"}", "\"y\""),
        NO("{\"anything-but\":\"x\"}", "\"x\""),
        YES("{\"anything-but\":\"x\"}", "null"), /* recorded with AWS */
        YES("{\"anything-but\":\"x\"}", "1"),
        {A("{\"anything-but\":\"x\"}"), "{}", false},
        NO("{\"anything-but\":\"x\"}", "[]"),
        NO("{\"anything-but\":\"x\"}", "[\"x\"]"),
        YES("{\"anything-but\":\"x\"}", "[\"x\",\"y\"]"),
        NO("{\"anything-but\":[\"x\",\"y\"]}", "\"y\""),
        NO("{\"anything-but\":[1,2]}", "2.0"),
        YES("{\"anything-but\":0}", "1"),
        YES("{\"anything-but\":[1,2]}", "\"1\""),
        NO("{\"anything-but\":{\"prefix\":\"us-\"}}", "\"us-east-1\""),
        YES("{\"anything-but\":{\"prefix\":\"us-\"}}", "\"eu\""),
        YES("{\"anything-but\":{\"prefix\":\"1\"}}", "1"),
        NO("{\"anything-but\":{\"prefix\":[\"a\",\"b\"]}}", "\"bc\""),
        NO("{\"anything-but\":{\"suffix\":\".png\"}}", "\"x.png\""),
        NO("{\"anything-but\":{\"equals-ignore-case\":[\"x\",\"y\"]}}", "\"Y\""),
        NO("{\"anything-but\":{\"wildcard\":\"*/lib/*\"}}", "\"/usr/lib/x\""),
        YES("{\"anything-but\":{\"wildcard\":[\"*/lib/*\",\"*.o\"]}}", "\"/usr/lib\""),
    };

    (void)state;
    check(examples, COUNT(examples), PATTERN_EVENTS);
}

static void test_pattern__addresses(void **state)
{
    static const struct example examples[] = {
        YES("{\"cidr\":\"10.0.0.0/24\"}", "\"10.0.0.255\""),
        NO("{\"cidr\":\"10.0.0.0/24\"}", "\"10.0.1.0\""),
        YES("{\"cidr\":\"0.0.0.0/0\"}", "\"255.255.255.255\""),
        NO("{\"cidr\":\"0.0.0.0/0\"}", "\"::1\""),
        YES("{\"cidr\":\"10.0.0.7/32\"}", "\"10.0.0.7\""),
        NO("{\"cidr\":\"10.0.0.7/24\"}", "\"10.0.0.6\""), /* from the address given */
        YES("{\"cidr\":\"10.0.0.0/31\"}", "\"10.0.0.1\""),
        NO("{\"cidr\":\"10.0.0.0/24\"}", "\"10.0.0\""),
        NO("{\"cidr\":\"10.0.0.0/24\"}", "\"10.0.0.256\""),
        NO("{\"cidr\":\"10.0.0.0/24\"}", "\"host\""),
        NO("{\"cidr\":\"10.0.0.0/24\"}", "10"),
        YES("{\"cidr\":\"2001:db8::/32\"}", "\"2001:DB8:ffff::1\""),
        NO("{\"cidr\":\"2001:db8::/32\"}", "\"2001:db9::\""),
        YES("{\"cidr\":\"::/0\"}", "\"1:2:3:4:5:6:7:8\""),
        YES("\"2001:db8::1\"", "\"2001:db8:0:0:0:0:0:1\""),
        YES("\"10.0.0.1\"", "\"10.0.0.1\""),
        NO("\"10.0.0.1\"", "\"10.0.0.2\""),
    };

    (void)state;
    check(examples, COUNT(examples), PATTERN_EVENTS);
}

static void test_pattern__address_forms(void **state)
{
    static const char *const good[] = {"0.0.0.0",
                                       "1.2.3.4",
                                       "::",
                                       "::1",
                                       "1::",
                                       "1:2::8",
                                       "a:B::",
                                       "1:2:3:4:5:6:7::",
                                       "::2:3:4:5:6:7:8",
                                       "1:2:3:4:5:6:7:8"};
    static const char *const bad[] = {
        "",       "1.2.3",     "1.2.3.4.5",         "1.2.3.4.",
        "1..3.4", "256.1.1.1", "1.2.3.0004",        ":",
        ":1",     "1:",        "1:2:3:4:5:6:7",     "12345::",
        "::1::",  ":::",       "1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8",
        "g::",    "::1.2.3.4", "-1.2.3.4"};
    struct address out;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(address_parse(slice_str(good[i]), &out));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (address_parse(slice_str(bad[i]), &out)) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void test_pattern__presence(void **state)
{
    static const struct example examples[] = {
        YES("{\"exists\":true}", "null"),
        YES("{\"exists\":true}", "[1]"),
        NO("{\"exists\":true}", "[]"),
        NO("{\"exists\":true}", "{\"b\":1}"), /* of values alone; recorded with AWS */
        {A("{\"exists\":true}"), "{}", false},
        {A("{\"exists\":false}"), "{}", true},
        NO("{\"exists\":false}", "null"),
        YES("{\"exists\":false}", "[]"),
        YES("{\"exists\":false}", "{\"b\":1}"),
        NO("{\"exists\":false}", "[[1]]"),
        {A("{\"exists\":false},\"x\""), "{}", true},
        {A("{\"exists\":false},\"x\""), "{\"a\":\"x\"}", true},
        {A("{\"exists\":false},\"x\""), "{\"a\":\"y\"}", false},
        {"{\"a\":{\"b\":{\"c\":[{\"exists\":false}]}}}", "{\"z\":1}", true},
        {"{\"a\":{\"b\":{\"c\":[{\"exists\":false}]}}}", "{\"a\":1}", true},
        {"{\"a\":{\"b\":{\"c\":[{\"exists\":false}]}}}", "{\"a\":{\"b\":{\"c\":0}}}", false},
        {"{\"a\":{\"b\":{\"c\":[{\"exists\":false}]}}}", "{\"a.b\":{\"c\":0}}", false},
        /* recorded with AWS */
        {"{\"d\":{\"n\":{\"h\":{\"S\":[{\"anything-but\":[\"roses\"]},{\"exists\":false}]}}}}",
         "{\"d\":{\"n\":{\"p\":{\"N\":\"789\"}}}}", true},
        /* absent of the whole event, not of one element */
        {"{\"r\":{\"x\":[{\"exists\":false}]}}", "{\"r\":[{\"x\":1},{\"y\":2}]}", false},
        {"{\"r\":{\"x\":[{\"exists\":false}],\"y\":[2]}}", "{\"r\":[{\"y\":2},{}]}", true},
    };

    (void)state;
    check(examples, COUNT(examples), PATTERN_EVENTS);
}

#define DOTS "{\"a\":{\"b\":[1]}}"

static void test_pattern__names(void **state)
{
    static const struct example examples[] = {
        {DOTS, "{\"a\":{\"b\":1}}", true},
        {DOTS, "{\"a.b\":1}", true}, /* recorded with AWS, as all with dots */
        {"{\"a.b\":[1]}", "{\"a\":{\"b\":1}}", true},
        {"{\"a.b\":[1]}", "{\"a.b\":1}", true},
        {"{\"a.b.c\":[1]}", "{\"a.b\":{\"c\":1}}", true},
        {"{\"a.b.c\":[1]}", "{\"a\":{\"b.c\":1}}", true},
        {"{\"a.b.c\":[1]}", "{\"a\":{\"b\":{\"c\":2}}}", false},
        {"{\"a\":{\"b\":{\"c\":[1]}}}", "{\"a.b.c\":1}", true},
        {"{\"a\":{\"b\":[1],\"c\":[2]}}", "{\"a.b\":1,\"a.c\":2}", true},
        {"{\"a\":{\"b\":[1],\"c\":[2]}}", "{\"a.b\":1,\"a\":{\"c\":2}}", true},
        {"{\"a\":{\"b\":[1],\"c\":[2]}}", "{\"a.b\":1,\"a\":{\"c\":3}}", false},
        {"{\"a\":{\"b\":[1]},\"a.c\":[2]}", "{\"a\":{\"b\":1,\"c\":2}}", true},
        {"{\"a\":[1],\"a.b\":[2]}", "{\"a\":[1,{\"b\":2}]}", true},
        {"{\"a\":[1],\"a.b\":[2]}", "{\"a\":{\"b\":2}}", false},
        {"{\"a.b\":[1],\"a\":{\"b\":[2]}}", "{\"a\":{\"b\":2}}", true}, /* the last one counts */
        {"{\"a.b\":[1],\"a\":{\"b\":[2]}}", "{\"a\":{\"b\":1}}", false},
        {"{\"\":[1]}", "{\"\":1}", true},
        {"{\"a.\":[1]}", "{\"a\":{\"\":1}}", true},
        {"{\"a.\":[1]}", "{\"a\":1}", false},
        {"{\"b\":[1]}", "{\"a.b\":1}", false},
        {"{\"A\":[1]}", "{\"a\":1}", false},
        {DOTS, "[{\"a\":{\"b\":1}}]", false},
        {DOTS, "\"a\"", false},
    };

    (void)state;
    check(examples, COUNT(examples), PATTERN_EVENTS);
}

static void test_pattern__arrays(void **state)
{
    static const struct example examples[] = {
        YES("\"y\"", "[\"x\",\"y\"]"),
        NO("\"y\"", "[\"x\",[]]"),
        YES("\"y\"", "[\"x\",[[\"y\"]]]"),
        {"{\"r\":{\"x\":[1],\"y\":[2]}}", "{\"r\":[{\"x\":1,\"y\":2}]}", true},
        /* of one element together */
        {"{\"r\":{\"x\":[1],\"y\":[2]}}", "{\"r\":[{\"x\":1},{\"y\":2}]}", false},
        {"{\"r.x\":[1],\"r.y\":[2]}", "{\"r\":[{\"x\":1},{\"y\":2}]}", false},
        {"{\"r\":{\"x\":[1],\"y\":[2]}}", "{\"r\":[[{\"x\":1}],[{\"y\":2,\"x\":[0,1]}]]}", true},
        /* recorded with SNS */
        {"{\"R\":{\"s\":{\"o\":{\"k\":[{\"prefix\":\"auto-\"}]}},\"n\":[{\"prefix\":\"C:\"}]}}",
         "{\"R\":[{\"n\":\"C:P\",\"s\":{\"o\":[[{\"k\":\"auto-1\",\"z\":1}]]}},"
         "{\"n\":\"R:D\",\"s\":{\"o\":{\"k\":\"home\"}}}]}",
         true},
        {"{\"R\":{\"s\":{\"o\":{\"k\":[{\"prefix\":\"auto-\"}]}},\"n\":[{\"prefix\":\"C:\"}]}}",
         "{\"R\":[{\"n\":\"R:D\",\"s\":{\"o\":{\"k\":\"auto-1\"}}},"
         "{\"n\":\"C:P\",\"s\":{\"o\":{\"k\":\"home\"}}}]}",
         false},
    };

    (void)state;
    check(examples, COUNT(examples), PATTERN_EVENTS);
}

#define OR                                                                                         \
    "{\"$or\":[{\"m\":[\"c\",\"r\"]},{\"n\":[\"e\"]}],"                                            \
    "\"d\":{\"s\":[\"S\"],\"$or\":[{\"f\":[\"w\"]},{\"t\":[\"A\"]}]}}"

static void test_pattern__or(void **state)
{
    static const struct example examples[] = {
        {OR, "{\"m\":\"c\",\"d\":{\"s\":\"S\",\"f\":\"w\"}}", true},
        {OR, "{\"m\":\"r\",\"d\":{\"s\":\"S\",\"t\":\"A\"}}", true},
        {OR, "{\"n\":\"e\",\"d\":{\"s\":\"S\",\"f\":\"w\"}}", true},
        {OR, "{\"m\":\"c\",\"d\":{\"s\":\"w\",\"t\":\"A\"}}", false},
        {OR, "{\"m\":\"c\",\"d\":{\"s\":\"S\",\"t\":\"c\"}}", false},
        {OR, "{\"m\":\"c\",\"d\":{\"t\":\"A\"}}", false},
        {OR, "{\"m\":\"c\",\"s\":\"S\"}", false},
        {OR, "{\"d\":{\"s\":\"S\",\"f\":\"w\"}}", false},
        {"{\"$or\":[{\"a\":[1],\"b\":[2]},{\"c\":[3]}]}", "{\"a\":1,\"b\":2}", true},
        {"{\"$or\":[{\"a\":[1],\"b\":[2]},{\"c\":[3]}]}", "{\"a\":1,\"b\":3}", false},
        {"{\"$or\":[{\"a\":{\"b\":[1]}},{\"a\":[{\"exists\":false}]}]}", "{\"a\":{\"b\":2}}", true},
        {"{\"$or\":[{\"a\":{\"b\":[1]}},{\"a\":[{\"exists\":false}]}]}", "{\"a\":2}", false},
        {"{\"r\":{\"k\":[1],\"$or\":[{\"x\":[1]},{\"y\":[1]}]}}", "{\"r\":[{\"k\":1},{\"y\":1}]}",
         false},
        {"{\"r\":{\"k\":[1],\"$or\":[{\"x\":[1]},{\"y\":[1]}]}}", "{\"r\":[{},{\"y\":1,\"k\":1}]}",
         true},
    };

    (void)state;
    check(examples, COUNT(examples), PATTERN_EVENTS);
}

struct refusal {
    const char *pattern;
    const char *why;
};

static void check_refusals(const struct refusal *refusals,
                           size_t count,
                           enum pattern_dialect d,
                           const char *before)
{
    for (size_t i = 0; i < count; i++) {
        const struct pattern *p = NULL;
        struct arena a = {0};
        struct err err = {0};

        assert_int_equal(pattern_compile(slice_str(refusals[i].pattern), d, &a, &p, &err),
                         ERR_VALIDATION);
        assert_int_equal(err.code, ERR_VALIDATION);
        assert_null(p);
        if (strncmp(err.msg, before, strlen(before)) != 0 ||
            strcmp(err.msg + strlen(before), refusals[i].why) != 0) {
            fail_msg("%s: %s", refusals[i].pattern, err.msg);
        }
        arena_fini(&a);
    }
}

/* Most are recorded with AWS. */
static void test_pattern__refused(void **state)
{
    static const struct refusal refusals[] = {
        {"[\"a\"]", "Filter is not an object"},
        {"{}", "Empty objects are not allowed"},
        {"{\"a\":{}}", "Empty objects are not allowed"},
        {"{\"int\":42}", "\"int\" must be an object or an array"},
        {"{\"a\":\"b\"}", "\"a\" must be an object or an array"},
        {"{\"a\":[]}", "Empty arrays are not allowed"},
        {"{\"key\":[[\"value\"]]}", "Match value must be String, number, true, false, or null"},
        {A("{}"), "Match expression name not found"},
        {A("{\"EXISTS\":true}"), "Unrecognized match type EXISTS"},
        {A("{\"suffix\":\"v\",\"prefix\":\"w\"}"), "Only one key allowed in match expression"},
        {A("{\"prefix\":[\"x\"]}"), "prefix match pattern must be a string"},
        {A("{\"suffix\":123}"), "suffix match pattern must be a string"},
        {A("{\"suffix\":null}"), "suffix match pattern must be a string"},
        {A("{\"prefix\":{}}"), "Prefix expression name not found"},
        {A("{\"suffix\":{\"x\":1}}"), "Unsupported suffix pattern: x"},
        {A("{\"prefix\":{\"equals-ignore-case\":1}}"),
         "equals-ignore-case match pattern must be a string"},
        {A("{\"prefix\":{\"equals-ignore-case\":\"a\",\"b\":1}}"),
         "Only one key allowed in match expression"},
        {A("{\"equals-ignore-case\":[\"x\"]}"),
         "equals-ignore-case match pattern must be a string"},
        {A("{\"exactly\":1}"), "exact match pattern must be a string"},
        {A("{\"exists\":null}"), "exists match pattern must be either true or false."},
        {A("{\"exists\":\"no\"}"), "exists match pattern must be either true or false."},
        {A("{\"wildcard\":123}"), "wildcard match pattern must be a string"},
        {A("{\"wildcard\":\"arn:aws:events:us-east-1:**:x/*\"}"),
         "Consecutive wildcard characters at pos 26"},
        {A("{\"wildcard\":\"a\\\\b\"}"), "Invalid escape character at pos 2"},
        {A("{\"wildcard\":\"a\\\\\"}"), "Invalid escape character at pos 2"},
        {A("{\"cidr\":[\"x\"]}"), "prefix match pattern must be a string"},
        {A("{\"cidr\":\"10.0.0.0\"}"), "Malformed CIDR, one '/' required"},
        {A("{\"cidr\":\"10.0.0.0/\"}"), "Malformed CIDR, one '/' required"},
        {A("{\"cidr\":\"10.0.0.0/1/2\"}"), "Malformed CIDR, one '/' required"},
        {A("{\"cidr\":\"10.0.0.0/xx\"}"), "Malformed CIDR, mask bits must be an integer"},
        {A("{\"cidr\":\"10.0.0.0/-1\"}"), "Malformed CIDR, mask bits must not be negative"},
        {A("{\"cidr\":\"10.0.0.0/33\"}"), "IPv4 mask bits must be < 33"},
        {A("{\"cidr\":\"::/129\"}"), "IPv6 mask bits must be < 129"},
        {A("{\"cidr\":\"xx.11.xx/8\"}"), "Nonstandard IP address: xx.11.xx"},
    };

    (void)state;
    check_refusals(refusals, COUNT(refusals), PATTERN_EVENTS,
                   "Event pattern is not valid. Reason: ");
}

#define NUMERIC(list) A("{\"numeric\":" list "}")
#define BUT(value)    A("{\"anything-but\":" value "}")
#define MIXED                                                                                      \
    "Inside anything but list, either all values are number or string, mixed type is not "         \
    "supported"
#define NOT_LISTED "Value of anything-but must be an array or single string/number value."
#define FOLDED                                                                                     \
    "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
#define BOUNDS "Value must be between -5.0E9 and 5.0E9, inclusive"

static void test_pattern__refused_numbers(void **state)
{
    static const struct refusal refusals[] = {
        {NUMERIC("1"), "Value of numeric must be an array."},
        {NUMERIC("[]"), "Invalid member in numeric match: ]"},
        {NUMERIC("[1,\"<=\"]"), "Invalid member in numeric match: 1"},
        {NUMERIC("[null]"), "Invalid member in numeric match: null"},
        {NUMERIC("[\"operator\"]"), "Unrecognized numeric range operator: operator"},
        {NUMERIC("[\"=\",\"000\"]"), "Value of equals must be numeric"},
        {NUMERIC("[\">=\"]"), "Value of >= must be numeric"},
        {NUMERIC("[\"<\",100,\">\",10]"), "Too many elements in numeric expression"},
        {NUMERIC("[\">=\",1,\">\",2]"), "Bad numeric range operator: >"},
        {NUMERIC("[\">\",3,\"<\",1]"), "Bottom must be less than top"},
        {NUMERIC("[\">=\",3,\"<=\",3]"), "Bottom must be less than top"},
        {NUMERIC("[\">\",20,\"<=\"]"), "Value of <= must be numeric"},
        {NUMERIC("[\">\",20,30]"), "Bad value in numeric range: 30"},
        {NUMERIC("[\">\",20,\"test\"]"), "Bad numeric range operator: test"},
        {NUMERIC("[\">\",\"20\",\"<\",\"30\"]"), "Value of > must be numeric"},
        {NUMERIC("[\">\",20,\"<\",\"30\"]"), "Value of < must be numeric"},
        {NUMERIC("[\">\",20,\"<\",30,\"<\",50]"), "Too many terms in numeric range expression"},
        {NUMERIC("[\">\",5000000001]"), BOUNDS},
        {NUMERIC("[\"=\",-5000000001]"), BOUNDS},
        {A("{\"numeric\":[\"=\",1],\"x\":1}"), "Too many elements in numeric expression"},
        {BUT("null"), NOT_LISTED},
        {BUT("[]"), MIXED},
        {BUT("[1,\"a\"]"), MIXED},
        {BUT("[null]"), "Inside anything but list, start|null|boolean is not supported."},
        {BUT("[5000000001]"), BOUNDS},
        {BUT("{}"), "Anything-But expression name not found"},
        {BUT("{\"exists\":false}"), "Unsupported anything-but pattern: exists"},
        {BUT("{\"prefix\":{\"equals-ignore-case\":\"f\"}}"), NOT_LISTED},
        {BUT("{\"prefix\":123}"), "prefix/suffix match pattern must be a string"},
        {BUT("{\"suffix\":[123,\".txt\"]}"), "prefix/suffix match pattern must be a string"},
        {BUT("{\"prefix\":\"\"}"), "Null prefix/suffix not allowed"},
        {BUT("{\"equals-ignore-case\":123}"), FOLDED},
        {BUT("{\"equals-ignore-case\":[123,456]}"), FOLDED},
        {BUT("{\"wildcard\":[123,\"*\"]}"), "wildcard match pattern must be a string"},
        {BUT("{\"wildcard\":\"**\"}"), "Consecutive wildcard characters at pos 1"},
        {BUT("{\"prefix\":\"a\",\"suffix\":\"b\"}"), "Too many elements in numeric expression"},
        {A("{\"anything-but\":\"a\",\"x\":1}"), "Too many elements in numeric expression"},
    };

    (void)state;
    check_refusals(refusals, COUNT(refusals), PATTERN_EVENTS,
                   "Event pattern is not valid. Reason: ");
}

static void test_pattern__refused_or(void **state)
{
    static const struct refusal refusals[] = {
        {"{\"$or\":{\"a\":[1]}}", "It must be an Array followed with $or."},
        {"{\"$or\":[{\"a\":[1]}]}", "There must have at least 2 Objects in $or relationship."},
        {"{\"$or\":[]}", "There must have at least 2 Objects in $or relationship."},
        {"{\"$or\":[{\"a\":[1]},2]}", "Only JSON object is allowed in array of $or relationship."},
        {"{\"$or\":[{\"a\":[1]},{}]}", "Empty objects are not allowed"},
        {"{\"$or\":[{\"a\":{\"prefix\":[1]}},{\"b\":[1]}]}",
         "prefix is Ruler reserved fieldName which cannot be used inside $or."},
    };

    (void)state;
    check_refusals(refusals, COUNT(refusals), PATTERN_EVENTS,
                   "Event pattern is not valid. Reason: ");
}

/* What pipes and topics leave out. */
static void test_pattern__dialects(void **state)
{
    static const struct refusal pipes[] = {
        {A("{\"wildcard\":\"*\"}"), "Unrecognized match type wildcard"},
        {BUT("{\"prefix\":\"a\"}"), "Unsupported anything-but pattern: prefix"},
    };
    static const struct refusal topics[] = {
        {"{", "failed to parse JSON."},
        {"[]", "Filter is not an object"},
        {A("{\"wildcard\":\"*\"}"), "Unrecognized match type wildcard"},
        {BUT("{\"suffix\":\"test\"}"), "Unsupported anything-but pattern: suffix"},
        {BUT("{\"prefix\":false}"), "prefix match pattern must be a string"},
        {A("{\"prefix\":{\"equals-ignore-case\":\"x\"}}"), "prefix match pattern must be a string"},
        {"{\"key\":{\"suffix\":\"value\"}}", "\"suffix\" must be an object or an array"},
    };
    static const struct refusal nested[] = {
        {"{\"object\":{\"key\":[{\"prefix\":\"auto-\"}]}}", ""},
        {"{\"$or\":[{\"a\":{\"b\":[1]}},{\"c\":[1]}]}", ""},
    };
    static const struct example kept[] = {
        YES("{\"anything-but\":{\"prefix\":\"test-\"}}", "\"x\""),
        YES("null,{\"anything-but\":\"whatever\"}", "\"x\""),
        {A("null,{\"anything-but\":\"whatever\"}"), "{}", false},
        {"{\"$or\":[{\"a\":[1]},{\"b.c\":[1]}]}", "{\"b.c\":1}", true},
    };

    (void)state;
    check_refusals(pipes, COUNT(pipes), PATTERN_PIPES, "Event pattern is not valid. Reason: ");
    check_refusals(topics, COUNT(topics), PATTERN_SNS_ATTRIBUTES, "FilterPolicy: ");
    check_refusals(topics, COUNT(topics), PATTERN_SNS_BODY, "FilterPolicy: ");
    check_refusals(nested, COUNT(nested), PATTERN_SNS_ATTRIBUTES,
                   "Filter policy scope MessageAttributes does not support nested filter policy");
    check(kept, COUNT(kept), PATTERN_SNS_ATTRIBUTES);
}

/* "value" as often as is wanted, in a list. */
static void put_values(struct buf *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_printf(b, "%s\"v%zu\"", i == 0 ? "[" : ",", i);
    }
    buf_put_str(b, "]");
}

static enum err_code compile_buf(struct buf *b, enum pattern_dialect d, struct err *err)
{
    const struct pattern *p;
    struct arena a = {0};
    enum err_code rc = pattern_compile(buf_slice(b), d, &a, &p, err);

    arena_fini(&a);
    buf_reset(b);
    return rc;
}

/* The arithmetic of AWS's own examples, and its recorded answers. */
static void test_pattern__combinations(void **state)
{
    struct buf b = {0};
    struct err err;

    (void)state;
    buf_put_str(&b, "{\"a\":");
    put_values(&b, LIMIT_FILTER_COMBINATIONS);
    buf_put_str(&b, "}");
    assert_int_equal(compile_buf(&b, PATTERN_SNS_ATTRIBUTES, &err), OK);
    buf_put_str(&b, "{\"a\":");
    put_values(&b, LIMIT_FILTER_COMBINATIONS + 1);
    buf_put_str(&b, "}");
    assert_int_equal(compile_buf(&b, PATTERN_SNS_ATTRIBUTES, &err), ERR_VALIDATION);
    assert_string_equal(err.msg, "FilterPolicy: Filter policy is too complex");
    for (size_t last = 2; last <= 3; last++) { /* 4 x 3, 3 x 2, last: 144 and 216 */
        buf_put_str(&b, "{\"a\":{\"b\":{\"c\":");
        put_values(&b, 4);
        buf_put_str(&b, "}},\"d\":{\"e\":");
        put_values(&b, 3);
        buf_put_str(&b, "},\"f\":");
        put_values(&b, last);
        buf_put_str(&b, "}");
        assert_int_equal(compile_buf(&b, PATTERN_SNS_BODY, &err), last == 2 ? OK : ERR_VALIDATION);
    }
    for (size_t ids = 7; ids <= 8; ids++) { /* 3 x 6 + 3 x 4 x 4 + 3 x 4 x ids: 150 and 162 */
        buf_put_str(&b, "{\"s\":");
        put_values(&b, 3);
        buf_put_str(&b, ",\"$or\":[{\"m\":");
        put_values(&b, 6);
        buf_put_str(&b, "},{\"t\":");
        put_values(&b, 4);
        buf_put_str(&b, ",\"$or\":[{\"i\":");
        put_values(&b, 4);
        buf_put_str(&b, "},{\"j\":");
        put_values(&b, ids);
        buf_put_str(&b, "}]}]}");
        assert_int_equal(compile_buf(&b, PATTERN_SNS_ATTRIBUTES, &err),
                         ids == 7 ? OK : ERR_VALIDATION);
    }
    buf_fini(&b);
}

static void test_pattern__bounds(void **state)
{
    struct buf b = {0};
    struct err err;

    (void)state;
    for (size_t more = 0; more <= 1; more++) {
        buf_put_str(&b, "{\"a\":[\"");
        while (b.len + 4 < LIMIT_PATTERN_BYTES + more) {
            buf_put_str(&b, "x");
        }
        buf_put_str(&b, "\"]} ");
        assert_int_equal(compile_buf(&b, PATTERN_EVENTS, &err), more == 0 ? OK : ERR_VALIDATION);
    }
    for (size_t more = 0; more <= 1; more++) {
        buf_put_str(&b, "{\"a");
        for (size_t i = 1; i < LIMIT_PATTERN_DEPTH + more; i++) {
            buf_put_str(&b, ".a");
        }
        buf_put_str(&b, "\":[1]}");
        assert_int_equal(compile_buf(&b, PATTERN_EVENTS, &err), more == 0 ? OK : ERR_VALIDATION);
    }
    for (size_t keys = LIMIT_FILTER_KEYS; keys <= LIMIT_FILTER_KEYS + 1; keys++) {
        for (size_t i = 0; i < keys; i++) {
            buf_printf(&b, "%s\"k%zu\":[1]", i == 0 ? "{" : ",", i);
        }
        buf_put_str(&b, "}");
        assert_int_equal(compile_buf(&b, PATTERN_SNS_BODY, &err),
                         keys == LIMIT_FILTER_KEYS ? OK : ERR_VALIDATION);
    }
    assert_string_equal(err.msg, "FilterPolicy: Filter policy can not have more than 5 keys");
    buf_fini(&b);
}

/* Stars that would make a matcher that tries each place start again a million million times. */
static void test_pattern__wildcard_is_linear(void **state)
{
    enum { LONG = 100000, PIECE = 400 };
    const struct wildcard *w = NULL;
    struct buf pattern = {0};
    struct buf text = {0};
    struct arena a = {0};

    (void)state;
    for (int star = 0; star < 4; star++) {
        buf_put_str(&pattern, "*");
        memset(buf_reserve(&pattern, PIECE), 'a', PIECE);
        pattern.len += PIECE;
        buf_put_str(&pattern, "b");
    }
    buf_put_str(&pattern, "*");
    memset(buf_reserve(&text, LONG), 'a', LONG);
    text.len += LONG;
    assert_int_equal(wildcard_compile(buf_slice(&pattern), &a, &w, NULL), OK);
    assert_false(wildcard_matches(w, buf_slice(&text)));
    for (int i = 0; i < 4; i++) {
        text.ptr[LONG / 5 * (i + 1)] = 'b';
    }
    assert_true(wildcard_matches(w, buf_slice(&text)));
    arena_fini(&a);
    buf_fini(&pattern);
    buf_fini(&text);
}

/* An event of thousands of names with dots beside thousands of elements ends, as no match. */
static void test_pattern__visits_end(void **state)
{
    const struct json_node *event = NULL;
    struct arena a = {0};
    struct buf b = {0};

    (void)state;
    buf_put_str(&b, "{");
    for (int i = 0; i < 8000; i++) {
        buf_printf(&b, "\"x.%d\":0,", i);
    }
    buf_put_str(&b, "\"r\":[");
    for (int i = 0; i < 8000; i++) {
        buf_put_str(&b, "{\"y\":1},");
    }
    buf_put_str(&b, "{\"y\":2}]}");
    assert_int_equal(json_parse(buf_slice(&b), &a, &event, NULL), OK);
    assert_true(
        pattern_matches(compile(&a, "{\"x.1\":[0],\"r\":{\"y\":[1]}}", PATTERN_EVENTS), event));
    assert_false(pattern_matches(compile(&a, "{\"r\":{\"y\":[2]}}", PATTERN_EVENTS), event));
    buf_fini(&b);
    arena_fini(&a);
}

static void test_pattern__looks_into(void **state)
{
    static const struct example examples[] = {
        {"{\"body\":{\"a\":[1]}}", "body", true},
        {"{\"body.a\":[1]}", "body", true},
        {"{\"$or\":[{\"x\":[1]},{\"body\":{\"a\":[1]}}]}", "body", true},
        {"{\"body\":[\"a\"]}", "body", false},
        {"{\"x\":[\"a\"]}", "body", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct arena a = {0};

        assert_int_equal(pattern_looks_into(compile(&a, examples[i].pattern, PATTERN_PIPES),
                                            slice_str(examples[i].event)),
                         examples[i].matches);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pattern__literals),
        cmocka_unit_test(test_pattern__texts),
        cmocka_unit_test(test_pattern__numbers),
        cmocka_unit_test(test_pattern__anything_but),
        cmocka_unit_test(test_pattern__addresses),
        cmocka_unit_test(test_pattern__address_forms),
        cmocka_unit_test(test_pattern__presence),
        cmocka_unit_test(test_pattern__names),
        cmocka_unit_test(test_pattern__arrays),
        cmocka_unit_test(test_pattern__or),
        cmocka_unit_test(test_pattern__refused),
        cmocka_unit_test(test_pattern__refused_numbers),
        cmocka_unit_test(test_pattern__refused_or),
        cmocka_unit_test(test_pattern__dialects),
        cmocka_unit_test(test_pattern__combinations),
        cmocka_unit_test(test_pattern__bounds),
        cmocka_unit_test(test_pattern__wildcard_is_linear),
        cmocka_unit_test(test_pattern__visits_end),
        cmocka_unit_test(test_pattern__looks_into),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
