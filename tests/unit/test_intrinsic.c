/* SPDX-License-Identifier: Apache-2.0 */
/* intrinsic_*.c and digest.c: every function, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/asl/digest.h"
#include "coordinator/asl/intrinsic.h"
#include "coordinator/asl/intrinsic_jackson.h"
#include "coordinator/asl/intrinsic_java.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/base/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The call's value over `input` as text; NULL where the call fails, with the cause. */
static const char *
call_cause(struct arena *a, const char *text, const char *input, uint64_t *seed, const char **cause)
{
    const struct json_node *in = NULL;
    const struct json_node *out;
    const char *why = NULL;
    const struct asl_intrinsic *f = asl_intrinsic_parse(slice_str(text), a, &why);
    struct failure failure = {0};

    assert_non_null(f);
    assert_int_equal(json_parse(slice_str(input), a, &in, NULL), OK);
    if (asl_intrinsic_value(f, &(struct asl_scope_data){.input = in, .seed = seed, .a = a}, &out,
                            &failure)) {
        return arena_str(a, json_print(out, a));
    }
    assert_string_equal(arena_str(a, failure.error), "States.Runtime");
    assert_true(failure.cause.len > 0);
    *cause = arena_str(a, failure.cause);
    return NULL;
}

static const char *call(struct arena *a, const char *text, const char *input, uint64_t *seed)
{
    const char *cause;

    return call_cause(a, text, input, seed, &cause);
}

struct example {
    const char *call;
    const char *input;
    const char *expected;
};

static void check(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena a = {0};
        uint64_t seed = 1;
        const char *got = call(&a, examples[i].call, examples[i].input, &seed);

        if (examples[i].expected == NULL) {
            assert_null(got);
        } else {
            assert_non_null(got);
            assert_string_equal(got, examples[i].expected);
        }
        arena_fini(&a);
    }
}

static void test_intrinsic__arrays(void **state)
{
    static const struct example examples[] = {
        {"States.Array()", "{}", "[]"},
        {"States.Array( 'x' , -1.5,true,null,$.a )", "{\"a\":{}}", "[\"x\",-1.5,true,null,{}]"},
        {"States.ArrayPartition($, 2)", "[1,2,3]", "[[1,2],[3]]"},
        {"States.ArrayPartition($, 2.6)", "[1,2,3]", "[[1,2],[3]]"},
        {"States.ArrayPartition($, 0.6)", "[1]", NULL},
        {"States.ArrayPartition($, -0.6)", "[1]", NULL},
        {"States.ArrayPartition($, 4)", "[]", "[]"},
        {"States.ArrayPartition($, 0)", "[1]", NULL},
        {"States.ArrayPartition($, 4)", "{}", NULL},
        {"States.ArrayContains($.a, $.v)",
         "{\"a\":[1,{\"x\":1,\"y\":[]}],\"v\":{\"x\":1,\"y\":[]}}", "true"},
        {"States.ArrayContains($.a, $.v)", "{\"a\":[{\"x\":1,\"y\":2}],\"v\":{\"y\":2,\"x\":1}}",
         "false"},
        {"States.ArrayContains($, true)", "[\"false\",\"true\"]", "true"},
        {"States.ArrayContains($, 1)", "[1.0]", "false"},
        {"States.ArrayContains($, null)", "[1,null]", "true"},
        {"States.ArrayContains($, false)", "[0,1,-1,-1.5]", "false"},
        {"States.ArrayContains($, '')", "[]", "false"},
        {"States.ArrayContains($, '')", "[\"\"]", "true"},
        {"States.ArrayContains($, 'a')", "[\"b\"]", "false"},
        {"States.ArrayRange(1, 9, 2)", "{}", "[1,3,5,7,9]"},
        {"States.ArrayRange(1, 9, 9)", "{}", "[1]"},
        {"States.ArrayRange(3, 1, -1)", "{}", "[3,2,1]"},
        {"States.ArrayRange(3, 1, 1)", "{}", "[]"},
        {"States.ArrayRange(1, 2, 0)", "{}", NULL},
        {"States.ArrayRange(1, 2, 0.49)", "{}", NULL},
        {"States.ArrayRange(1.6, 1.4, 1)", "{}", "[1]"},
        {"States.ArrayRange(5.4, -0.6, -2.4)", "{}", "[5,3,1]"},
        {"States.ArrayRange(1, 1001, 1)", "{}", NULL},
        {"States.ArrayRange(-2147483648, 2147483647, 1)", "{}", NULL},
        {"States.ArrayLength(States.ArrayRange(1, 1000, 1))", "{}", "1000"},
        {"States.ArrayGetItem($, 1)", "[5,6]", "6"},
        {"States.ArrayGetItem($, 2)", "[5,6]", NULL},
        {"States.ArrayGetItem($, -1)", "[5,6]", NULL},
        {"States.ArrayGetItem($, 1.2)", "[5,6]", "6"},
        {"States.ArrayGetItem($, 999)", "[]", "null"},
        {"States.ArrayGetItem($, '1')", "[5,6]", NULL},
        {"States.ArrayGetItem('', 0)", "{}", NULL},
        {"States.ArrayLength($)", "[1,[2]]", "2"},
        {"States.ArrayLength($)", "\"x\"", NULL},
        {"States.ArrayUnique($)", "[\"1\",1,1,1.0,{\"a\":1,\"b\":2},{\"b\":2,\"a\":1},null,null]",
         "[1.0,{\"a\":1,\"b\":2},null,\"1\",1]"},
        {"States.ArrayUnique($)", "[]", "[]"},
        {"States.ArrayUnique($)", "{}", NULL},
        {"States.ArrayUnique($)", "[true,false,true,false]", "[false,true]"},
        {"States.ArrayUnique($)", "[[1,2],[1,2],[2,1]]", "[[2,1],[1,2]]"},
        {"States.ArrayUnique($)", "[null,null,1,null]", "[null,1]"},
        {"States.ArrayUnique($)", "[\"a\",\"b\",\"a\",\"c\",\"b\"]", "[\"a\",\"b\",\"c\"]"},
        {"States.ArrayUnique($)", "[1,\"1\",1,\"01\"]", "[1,\"1\",\"01\"]"},
        {"States.ArrayUnique($)", "[-1,4294967296,1e2,\"\xf0\x9f\x98\x80\"]",
         "[-1,4294967296,\"\xf0\x9f\x98\x80\",1e2]"},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_intrinsic__text(void **state)
{
    static const struct example examples[] = {
        {"States.Format('{}', '')", "{}", "\"\""},
        {"States.Format('plain')", "{}", "\"plain\""},
        {"States.Format('{} {}', $.a, $.b)", "{\"a\":\"x\",\"b\":null}", "\"x null\""},
        {"States.Format('{}', $)", "{\"Arg1\":1,\"Arg2\":[],\"s\":\"t\",\"l\":[1,null]}",
         "\"{Arg1=1, Arg2=[], s=t, l=[1, null]}\""},
        {"States.Format('\\{\\} {} \\'q\\' \\\\', 1)", "{}", "\"{} 1 'q' \\\\\""},
        {"States.Format($.t, 1)", "{\"t\":\"<{}>\"}", "\"<1>\""},
        {"States.Format('{}')", "{}", NULL},
        {"States.Format('x', 1)", "{}", NULL},
        {"States.Format('{} {}', 1)", "{}", NULL},
        {"States.Format('Hello {', $)", "{}", NULL},
        {"States.Format('Hello {{}}', 1)", "{}", NULL},
        {"States.Format('}')", "{}", NULL},
        {"States.Format('{}|{}|{}|{}', 1.10, 1e10, -0, 100000000000000000000)", "{}",
         "\"1.1|1.0E10|0|100000000000000000000\""},
        {"States.Format($, 1)", "1", NULL},
        {"States.Format($)", "1", "\"1\""},
        {"States.Format($)", "{}", NULL},
        {"States.StringToJson($)", "\"{\\\"a\\\":[1]}\"", "{\"a\":[1]}"},
        {"States.StringToJson('')", "{}", "null"},
        {"States.StringToJson(' ')", "{}", "null"},
        {"States.StringToJson('-0')", "{}", "0"},
        {"States.StringToJson('nope')", "{}", NULL},
        {"States.StringToJson(1)", "{}", NULL},
        {"States.JsonToString($)", "{ \"a\" : [ 1 ] }", "\"{\\\"a\\\":[1]}\""},
        {"States.JsonToString($)", "[1.10,1e10,-0.0,1E-7,-0,12345678901234567890,1e999,0.1]",
         "\"[1.1,1.0E10,-0.0,1.0E-7,0,12345678901234567890,1e999,0.1]\""},
        {"States.JsonToString($)", "[\"1.10 \\\" 1e5\",{\"2.50\\\\\":2.50}]",
         "\"[\\\"1.10 \\\\\\\" 1e5\\\",{\\\"2.50\\\\\\\\\\\":2.5}]\""},
        {"States.JsonToString($)", "1.50", "\"1.5\""},
        {"States.StringSplit('1,2,3', ',')", "{}", "[\"1\",\"2\",\"3\"]"},
        {"States.StringSplit(',,,,', ',')", "{}", "[]"},
        {"States.StringSplit('This.is+a,test=string', '.+,=')", "{}",
         "[\"This\",\"is\",\"a\",\"test\",\"string\"]"},
        {"States.StringSplit(' a , b ', ',')", "{}", "[\" a \",\" b \"]"},
        {"States.StringSplit('a', '')", "{}", "[\"a\"]"},
        {"States.StringSplit('a\xe2\x82\xac"
         "b\xc3\xa9"
         "c', '\xe2\x82\xac')",
         "{}",
         "[\"a\",\"b\xc3\xa9"
         "c\"]"},
        {"States.StringSplit(1, ',')", "{}", NULL},
        {"States.JsonMerge($.a, $.b, false)",
         "{\"a\":{\"x\":{\"q\":1},\"y\":2},\"b\":{\"x\":{},\"z\":3}}",
         "{\"x\":{},\"y\":2,\"z\":3}"},
        {"States.JsonMerge($, $, true)", "{}", NULL},
        {"States.JsonMerge($, $, 'false')", "{\"a\":1}", "{\"a\":1}"},
        {"States.JsonMerge($, 1, false)", "{}", NULL},
    };

    (void)state;
    check(examples, COUNT(examples));
}

#define BAD "\"\xef\xbf\xbd" /* what Java makes of a run of bytes that is no UTF-8 */

static void test_intrinsic__base64_and_hash(void **state)
{
    static const struct example examples[] = {
        {"States.Base64Encode('')", "{}", "\"\""},
        {"States.Base64Encode('a')", "{}", "\"YQ==\""},
        {"States.Base64Encode('ab')", "{}", "\"YWI=\""},
        {"States.Base64Encode('Data to encode')", "{}", "\"RGF0YSB0byBlbmNvZGU=\""},
        {"States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", "{}", "\"Data to encode\""},
        {"States.Base64Decode('YQ')", "{}", "\"a\""},
        {"States.Base64Decode('Y')", "{}", "\"\""},
        {"States.Base64Decode(' Y Q= ')", "{}", "\"a\""},
        {"States.Base64Decode('YWI=YWI=')", "{}", "\"ab\""},
        {"States.Base64Decode('4p-T')", "{}", "\"\xe2\x9f\x93\""},
        {"States.Base64Decode('YWL/YQ==')", "{}",
         "\"ab\xef\xbf\xbd"
         "a\""},
        {"States.Base64Decode('4oI=')", "{}", BAD "\""},
        {"States.Base64Decode('4oJB')", "{}", BAD "A\""},
        {"States.Base64Decode('8J+YQQ==')", "{}", BAD "A\""},
        {"States.Base64Decode('8J8=')", "{}", BAD "\""},
        {"States.Base64Decode('7aCAQQ==')", "{}", BAD "A\""},
        {"States.Base64Decode('4ICA')", "{}", BAD "\xef\xbf\xbd\xef\xbf\xbd\""},
        {"States.Base64Decode('9JCA')", "{}", BAD "\xef\xbf\xbd\xef\xbf\xbd\""},
        {"States.Base64Decode('wK8=')", "{}", BAD "\xef\xbf\xbd\""},
        {"States.Base64Decode('9YCA')", "{}", BAD "\xef\xbf\xbd\xef\xbf\xbd\""},
        {"States.Base64Decode(5)", "{}", NULL},
        {"States.Base64Encode(5)", "{}", NULL},
        {"States.Hash('input data', 'MD5')", "{}", "\"812f45842bc6d66ee14572ce20db8e86\""},
        {"States.Hash('input data', 'SHA-1')", "{}",
         "\"aaff4a450a104cd177d28d18d74485e8cae074b7\""},
        {"States.Hash('abc', 'SHA-256')", "{}",
         "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""},
        {"States.Hash('abc', 'SHA-512')", "{}",
         "\"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c2"
         "3a3"
         "feebbd454d4423643ce80e2a9ac94fa54ca49f\""},
        {"States.Hash('abc', 'sha-512')", "{}", NULL},
        {"States.Hash(123, 'MD5')", "{}", "\"202cb962ac59075b964b07152d234b70\""},
        {"States.Hash('abc', 5)", "{}", NULL},
    };

    (void)state;
    check(examples, COUNT(examples));
}

/* The padding takes a block more from 56 bytes on, and from 112 for the wide ones: runs of 'a' on
 * both sides of that, against Python's hashlib. */
static void test_intrinsic__digest_blocks(void **state)
{
    static const struct {
        const char *algorithm;
        size_t len;
        const char *hex;
    } examples[] = {
        {"MD5", 55, "ef1772b6dff9a122358552954ad0df65"},
        {"MD5", 56, "3b0c8ac703f828b04c6c197006d17218"},
        {"SHA-1", 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
        {"SHA-256", 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
        {"SHA-256", 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
        {"SHA-384", 111,
         "3c37955051cb5c3026f94d551d5b5e2ac38d572ae4e07172085fed81f8466b8f90dc23a8ffcdea0b8d8e58e8f"
         "dacc80a"},
        {"SHA-384", 112,
         "187d4e07cb306103c69967bf544d0dfbe9042577599c73c330abc0cb64c61236d5ed565ee19119d8c31779a38"
         "f791fcd"},
        {"SHA-512", 111,
         "fa9121c7b32b9e01733d034cfc78cbf67f926c7ed83e82200ef86818196921760b4beff48404df811b9538282"
         "74461673"
         "c68d04e297b0eb7b2b4d60fc6b566a2"},
        {"SHA-512", 112,
         "c01d080efd492776a1c43bd23dd99d0a2e626d481e16782e75d54c2503b5dc32bd05f0f1ba33e568b88fd2d97"
         "0929b719"
         "ecbb152f58f130a407c8830604b70ca"},
    };
    char data[128];

    (void)state;
    memset(data, 'a', sizeof(data));
    for (size_t i = 0; i < COUNT(examples); i++) {
        uint8_t digest[DIGEST_BYTES_MAX];
        char hex[2 * DIGEST_BYTES_MAX + 1] = {0};
        size_t len = digest_compute(slice_str(examples[i].algorithm),
                                    slice_make(data, examples[i].len), digest);

        text_format_hex(digest, len, hex);
        assert_string_equal(hex, examples[i].hex);
    }
}

static void test_intrinsic__numbers(void **state)
{
    static const struct example examples[] = {
        {"States.MathAdd(1.5, 1.51)", "{}", "4"},
        {"States.MathAdd(-1.5, -1.51)", "{}", "-3"},
        {"States.MathAdd(-0.5, 0)", "{}", "0"},
        {"States.MathAdd(-2.5, 0)", "{}", "-2"},
        {"States.MathAdd(0.49999999999999994, 0)", "{}", "0"},
        {"States.MathAdd(2147483647.4, 0)", "{}", "2147483647"},
        {"States.MathAdd(2147483647.5, 0)", "{}", NULL},
        {"States.MathAdd(-2147483648.5, 0)", "{}", "-2147483648"},
        {"States.MathAdd(-2147483648.6, 0)", "{}", NULL},
        {"States.MathAdd(2147483647, 0)", "{}", "2147483647"},
        {"States.MathAdd(2147483647, 1)", "{}", NULL},
        {"States.MathAdd(-2147483648, 0)", "{}", "-2147483648"},
        {"States.MathAdd(-2147483648, -1)", "{}", NULL},
        {"States.MathAdd(2147483648, 0)", "{}", NULL},
        {"States.MathAdd(1e300, 0)", "{}", NULL},
        {"States.MathAdd('1', 0)", "{}", NULL},
        {"States.MathRandom(5, 6)", "{}", "5"},
        {"States.MathRandom(5, 5)", "{}", NULL},
        {"States.MathRandom(1.4, 1.6)", "{}", NULL},
        {"States.MathRandom(1.6, 2.9)", "{}", "1"},
        {"States.MathRandom(6, 5)", "{}", NULL},
    };

    (void)state;
    check(examples, COUNT(examples));
}

/* AWS's numbers for (1,100,42) to (-5,5,42); the JDK's for what follows: a power of two, both ends
 * of the seed, bounds of which half the draws are thrown away. */
static void test_intrinsic__seeded_random(void **state)
{
    static const struct example examples[] = {
        {"States.MathRandom(1, 100, 42)", "{}", "63"},
        {"States.MathRandom(1, 1000, 1)", "{}", "106"},
        {"States.MathRandom(1, 1000, 2)", "{}", "806"},
        {"States.MathRandom(1, 5, 42)", "{}", "3"},
        {"States.MathRandom(1, 10, -10)", "{}", "1"},
        {"States.MathRandom(2147483640, 2147483647, 1)", "{}", "2147483644"},
        {"States.MathRandom(-5, 5, 42)", "{}", "-5"},
        {"States.MathRandom(0, 1073741824, 7)", "{}", "784582118"},
        {"States.MathRandom(0, 2147483647, -2147483648)", "{}", "815634992"},
        {"States.MathRandom(-1073741824, 1073741823, 2147483647)", "{}", "257914457"},
        {"States.MathRandom(0, 1500000000, 12)", "{}", "128478812"},
        {"States.MathRandom(0, 1073741825, 3)", "{}", "152454210"},
        {"States.MathRandom(0, 1073741825, 5)", "{}", "379250092"},
        {"States.MathRandom(0, 1, 5)", "{}", "0"},
        {"States.MathRandom(-1, 2147483647, 5)", "{}", NULL}, /* 2^31 apart */
        {"States.MathRandom(1, 10, null)", "{}", NULL},
        {"States.MathRandom(1, 10, '5')", "{}", NULL},
        {"States.MathRandom(1, 10, 2147483648)", "{}", NULL},
    };

    (void)state;
    check(examples, COUNT(examples));
}

#define EVALUATING "There was an error while evaluating the intrinsic function: "
#define BRACE      EVALUATING "States.Format($.t, 1). Invalid template in States.Format: matching "
#define PLACES                                                                                     \
    "Invalid arguments in States.Format: number of arguments do not match the occurrences of {}."

/* AWS's words, but for the count of places. */
static void test_intrinsic__causes(void **state)
{
    static const struct example examples[] = {
        {"States.MathAdd('1',  0)", "{}",
         EVALUATING "States.MathAdd('1',  0). Invalid arguments in States.MathAdd"},
        {"States.Hash('a')", "{}", EVALUATING "States.Hash('a'). Invalid arguments in States.Hash"},
        {"States.Array(1, States.ArrayLength($))", "1",
         EVALUATING "States.Array(1, States.ArrayLength($)). Invalid arguments in "
                    "States.ArrayLength"},
        {"States.Format($.t, 1)", "{\"t\":\"{}{\"}", BRACE "'}' not found for '{'."},
        {"States.Format($.t, 1)", "{\"t\":\"Hello {{}}\"}", BRACE "'}' not found for '{'."},
        {"States.Format($.t, 1)", "{\"t\":\"\\\\{}\"}", BRACE "'{' not found for '}'."},
        {"States.Format('{}{}', 1)", "{}", EVALUATING "States.Format('{}{}', 1). " PLACES},
        {"States.Format('x', 1)", "{}", EVALUATING "States.Format('x', 1). " PLACES},
        {"States.Format($, 1)", "123", EVALUATING "States.Format($, 1). " PLACES},
        {"States.StringToJson($)", "\"{bad json}\"",
         EVALUATING "States.StringToJson($). Cannot convert String to Json in States.StringToJson, "
                    "caused by: Unexpected character ('b' (code 98)): was expecting double-quote "
                    "to start field name\n at [Source: REDACTED "
                    "(`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: "
                    "2]"},
        {"States.StringToJson($)", "\"1 2\"",
         EVALUATING "States.StringToJson($). Invalid arguments in States.StringToJson"},
        {"States.StringToJson($)", "1",
         EVALUATING "States.StringToJson($). Invalid arguments in States.StringToJson"},
        {"States.Array($.a[0])", "{\"a\":1}",
         "The function 'States.Array($.a[0])' had the following error: Filter: [0] can only be "
         "applied to arrays. Current context is: 1"},
        {"States.ArrayLength($.x)", "{ \"y\" : 1 }",
         "The function 'States.ArrayLength($.x)' had the following error: The JsonPath argument "
         "for the field '$.x' could not be found in the input '{\"y\":1}'"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct arena a = {0};
        uint64_t seed = 1;
        const char *cause = NULL;

        assert_null(call_cause(&a, examples[i].call, examples[i].input, &seed, &cause));
        assert_string_equal(cause, examples[i].expected);
        arena_fini(&a);
    }
}

#define VALUES "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
#define SOURCE "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: "
#define AT     "\n at " SOURCE

/* What Jackson says; "" where it has no objection to the first value. */
static void test_intrinsic__jackson(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } examples[] = {
        {"{\"a\":[1,-0,1.5e3,true,false,null,\"\\u00e9\\n\",{}]} x", ""},
        {"undefined", "Unrecognized token 'undefined': was expecting " VALUES AT "1, column: 10]"},
        {"\r\n\n [tru]", "Unrecognized token 'tru': was expecting " VALUES AT "3, column: 6]"},
        {"\r\xc3\xa9", "Unrecognized token '\xc3\xa9': was expecting " VALUES AT "2, column: 2]"},
        {"NaN", "Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to "
                "allow" AT "1, column: 4]"},
        {"{\"a\":1",
         "Unexpected end-of-input: expected close marker for Object (start marker at " SOURCE
         "1, column: 1])" AT "1, column: 7]"},
        {" [[", "Unexpected end-of-input: expected close marker for Array (start marker at " SOURCE
                "1, column: 3])" AT "1, column: 4]"},
        {"{\"a\"", "Unexpected end-of-input within/between Object entries" AT "1, column: 5]"},
        {"{\"a\":", "Unexpected end-of-input within/between Object entries" AT "1, column: 6]"},
        {"[1,", "Unexpected end-of-input within/between Array entries" AT "1, column: 4]"},
        {"\"abc", "Unexpected end-of-input: was expecting closing quote for a string value" AT
                  "1, column: 5]"},
        {"{\"a", "Unexpected end-of-input in field name" AT "1, column: 4]"},
        {"\"\\u1", "Unexpected end-of-input in character escape sequence" AT "1, column: 5]"},
        {"\"\\", "Unexpected end-of-input in character escape sequence" AT "1, column: 3]"},
        {"\"\\q\"", "Unrecognized character escape 'q' (code 113)" AT "1, column: 3]"},
        {"\"\\u12x4\"", "Unexpected character ('x' (code 120)): expected a hex-digit for character "
                        "escape sequence" AT "1, column: 6]"},
        {"[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array "
                  "entries" AT "1, column: 4]"},
        {"{\"a\":1 \"b\":2}", "Unexpected character ('\"' (code 34)): was expecting comma to "
                              "separate Object entries" AT "1, column: 8]"},
        {"{\"a\" 1}", "Unexpected character ('1' (code 49)): was expecting a colon to separate "
                      "field name and value" AT "1, column: 6]"},
        {"[1,]",
         "Unexpected character (']' (code 93)): expected a valid value " VALUES AT "1, column: 4]"},
        {"[1,}", "Unexpected character ('}' (code 125)): expected a value" AT "1, column: 4]"},
        {"\"\xf0\x9f\x98\x80\"\xf0\x9f\x98\x80", ""},
        {"[\"\xf0\x9f\x98\x80\",\xf0\x9f\x98\x80",
         "Unexpected character ('?' (code 55357 / 0xd83d)): "
         "expected a valid value " VALUES AT "1, column: 7]"},
        {"[1}", "Unexpected close marker '}': expected ']' (for Array starting at " SOURCE
                "1, column: 1])" AT "1, column: 3]"},
        {"]", "Unexpected close marker ']': expected '}' (for root starting at " SOURCE "1])" AT
              "1, column: 1]"},
        {"/**/1", "Unexpected character ('/' (code 47)): maybe a (non-standard) comment? (not "
                  "recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)" AT
                  "1, column: 1]"},
        {"[\x02", "Illegal character ((CTRL-CHAR, code 2)): only regular white space (\\r, \\n, "
                  "\\t) is allowed between tokens" AT "1, column: 2]"},
        {"\"\n\"", "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using "
                   "backslash to be included in string value" AT "1, column: 2]"},
        {"01", "Invalid numeric value: Leading zeroes not allowed" AT "1, column: 2]"},
        {"-x", "Unexpected character ('x' (code 120)) in numeric value: expected digit (0-9) to "
               "follow minus sign, for valid numeric value" AT "1, column: 2]"},
        {"-", "Unexpected end-of-inputNo digit following minus sign" AT "1, column: 2]"},
        {"1.", "Unexpected character ('.' (code 46)) in numeric value: Decimal point not followed "
               "by a digit" AT "1, column: 2]"},
        {"1e+", "Unexpected end-of-inputexpected a digit for number exponent" AT "1, column: 4]"},
        {"1x", "Unexpected character ('x' (code 120)): Expected space separating root-level "
               "values" AT "1, column: 2]"},
        {"+", "Unexpected end-of-input in a Number value" AT "1, column: 2]"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct arena a = {0};
        struct slice got = jackson_refusal(slice_str(examples[i].text), &a);
        struct slice start =
            SLICE("Cannot convert String to Json in States.StringToJson, caused by: ");

        assert_true(got.len == 0 || slice_starts_with(got, start));
        got = got.len == 0 ? SLICE("") : slice_from(got, start.len);
        assert_string_equal(arena_str(&a, got), examples[i].message);
        arena_fini(&a);
    }
}

/* Containers deeper than the stack's first size, and words longer than Jackson shows. */
static void test_intrinsic__jackson_limits(void **state)
{
    struct arena a = {0};
    char text[300];
    struct slice got;

    (void)state;
    memset(text, '[', sizeof(text));
    got = jackson_refusal(slice_make(text, 40), &a);
    assert_true(slice_ends_with(got, SLICE("1, column: 40])" AT "1, column: 41]")));
    for (size_t len = 255; len <= 257; len++) {
        memset(text, 'a', sizeof(text));
        got = jackson_refusal(slice_make(text, len), &a);
        assert_true(
            slice_ends_with(got, len == 255 ? SLICE("1, column: 256]") : SLICE("1, column: 257]")));
        assert_int_equal(strstr(arena_str(&a, got), "a...': was") != NULL, len > 255);
    }
    arena_fini(&a);
}

/* Each level doubles the backslashes: ten make 64 MB of 64 KB, and all are held at once. */
static void test_intrinsic__memory_limit(void **state)
{
    static const char nested[] = "States.JsonToString(States.JsonToString(States.JsonToString("
                                 "States.JsonToString(States.JsonToString(States.JsonToString("
                                 "States.JsonToString(States.JsonToString(States.JsonToString("
                                 "States.JsonToString($))))))))))";
    struct arena a = {0};
    char quotes[65536];
    const char *why;
    const struct asl_intrinsic *f = asl_intrinsic_parse(slice_str(nested), &a, &why);
    struct asl_scope_data s = {.a = &a};
    const struct json_node *out;
    struct failure failure = {0};

    (void)state;
    memset(quotes, '"', sizeof(quotes));
    s.input = json_string(&a, slice_make(quotes, sizeof(quotes)));
    assert_false(asl_intrinsic_value(f, &s, &out, &failure));
    assert_string_equal(arena_str(&a, failure.error), "States.DataLimitExceeded");
    assert_true(slice_ends_with(failure.cause, SLICE("makes the payload too large")));
    assert_true(arena_held_bytes(&a) < 256 * 1024 * 1024);
    arena_fini(&a);
}

/* 80,000 characters at 40,000 different ones. */
static void test_intrinsic__many_separators(void **state)
{
    struct arena a = {0};
    struct buf text = {0};
    uint64_t seed = 1;

    (void)state;
    buf_put_str(&text, "[\"");
    for (uint32_t i = 0; i < 80000; i++) {
        char c[4];

        buf_put(&text, c, utf8_encode(i % 2 == 0 ? 0x3000 + i / 2 % 20000 : 0x1F600, c));
    }
    buf_put_str(&text, "\",\"");
    for (uint32_t i = 0; i < 40000; i++) {
        char c[4];

        buf_put(&text, c, utf8_encode(0x3000 + i % 20000, c));
    }
    buf_put_str(&text, "\"]");
    assert_string_equal(call(&a, "States.ArrayLength(States.StringSplit($[0], $[1]))",
                             arena_str(&a, buf_slice(&text)), &seed),
                        "40000");
    buf_fini(&text);
    arena_fini(&a);
}

static void test_intrinsic__chance(void **state)
{
    struct arena a = {0};
    uint64_t seed = 42;
    uint64_t same = 42;
    const char *first = call(&a, "States.UUID()", "{}", &seed);
    const char *again = call(&a, "States.UUID()", "{}", &same);

    (void)state;
    assert_string_equal(first, again);
    assert_string_not_equal(first, call(&a, "States.UUID()", "{}", &seed));
    assert_int_equal(first[15], '4');
    again = call(&a, "States.MathRandom(0, 1000000, 9)", "{}", &seed);
    assert_string_equal(again, call(&a, "States.MathRandom(0, 1000000, 9)", "{}", &seed));
    for (int i = 0; i < 1000; i++) {
        int64_t n = 0;

        assert_true(
            text_parse_i64(slice_str(call(&a, "States.MathRandom(-3, 3)", "{}", &seed)), &n));
        assert_true(n >= -3 && n < 3);
    }
    arena_fini(&a);
}

/* Too few and too many arguments fail when the call is made. */
static void test_intrinsic__counts(void **state)
{
    static const struct example examples[] = {
        {"States.Hash()", "{}", NULL},
        {"States.Hash('a')", "{}", NULL},
        {"States.Hash('a','MD5',1)", "{}", NULL},
        {"States.UUID(1)", "{}", NULL},
        {"States.Format()", "{}", NULL},
        {"States.MathRandom(1,2,3,4)", "{}", NULL},
        {"States.ArrayLength($, $)", "[]", NULL},
        {"States.JsonMerge($, $)", "{}", NULL},
        {"States.JsonToString()", "{}", NULL},
    };

    (void)state;
    check(examples, COUNT(examples));
}

/* Object.hashCode of the same values, as Java's documentation defines it. */
static void test_intrinsic__java_hash(void **state)
{
    static const struct {
        const char *json;
        uint32_t hash;
    } examples[] = {
        {"null", 0},
        {"\"\"", 0},
        {"\"hello\"", 99162322},
        {"\"\xf0\x9f\x98\x80\"", 1772899},
        {"\"\\ud83d\"", 0xD83D},
        {"7", 7},
        {"-1", UINT32_MAX},
        {"4294967296", 1},
        {"1.5", 0x3FF80000},
        {"[1,2]", 994},
        {"[]", 1},
        {"{\"a\":1}", 96},
        {"{}", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct arena a = {0};
        const struct json_node *v = NULL;

        assert_int_equal(json_parse(slice_str(examples[i].json), &a, &v, NULL), OK);
        assert_int_equal(java_hash(v), examples[i].hash);
        arena_fini(&a);
    }
}

/* As many elements as fill a table of 2^n buckets or just do not: Java's growth, in its order. */
static void test_intrinsic__unique_buckets(void **state)
{
    struct arena a = {0};
    uint64_t seed = 1;

    (void)state;
    /* 16 is bucket 0 of 16, and bucket 16 of 32: 11 elements make 16 buckets, 12 make 32. */
    assert_string_equal(call(&a, "States.ArrayUnique($)", "[1,2,3,4,5,6,7,8,9,10,16]", &seed),
                        "[16,1,2,3,4,5,6,7,8,9,10]");
    assert_string_equal(call(&a, "States.ArrayUnique($)", "[1,2,3,4,5,6,7,8,9,10,16,11]", &seed),
                        "[1,2,3,4,5,6,7,8,9,10,11,16]");
    arena_fini(&a);
}

/* 10,000 characters are taken, one more is not. */
static void test_intrinsic__text_limit(void **state)
{
    (void)state;
    for (size_t len = LIMIT_INTRINSIC_TEXT_BYTES; len <= LIMIT_INTRINSIC_TEXT_BYTES + 1; len++) {
        struct arena a = {0};
        char *text = arena_alloc(&a, len + 3);
        uint64_t seed = 1;

        memset(text, 'A', len + 2);
        text[0] = text[len + 1] = '"';
        text[len + 2] = '\0';
        assert_int_equal(call(&a, "States.Base64Encode($)", text, &seed) != NULL,
                         len == LIMIT_INTRINSIC_TEXT_BYTES);
        assert_int_equal(call(&a, "States.Hash($, 'MD5')", text, &seed) != NULL,
                         len == LIMIT_INTRINSIC_TEXT_BYTES);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intrinsic__arrays),
        cmocka_unit_test(test_intrinsic__text),
        cmocka_unit_test(test_intrinsic__base64_and_hash),
        cmocka_unit_test(test_intrinsic__digest_blocks),
        cmocka_unit_test(test_intrinsic__numbers),
        cmocka_unit_test(test_intrinsic__seeded_random),
        cmocka_unit_test(test_intrinsic__causes),
        cmocka_unit_test(test_intrinsic__jackson),
        cmocka_unit_test(test_intrinsic__jackson_limits),
        cmocka_unit_test(test_intrinsic__memory_limit),
        cmocka_unit_test(test_intrinsic__many_separators),
        cmocka_unit_test(test_intrinsic__chance),
        cmocka_unit_test(test_intrinsic__counts),
        cmocka_unit_test(test_intrinsic__java_hash),
        cmocka_unit_test(test_intrinsic__unique_buckets),
        cmocka_unit_test(test_intrinsic__text_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
