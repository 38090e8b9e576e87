/* SPDX-License-Identifier: Apache-2.0 */
/* intrinsic_*.c and digest.c: every function, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/asl/digest.h"
#include "coordinator/asl/intrinsic.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The call's value over `input` as text; NULL for States.IntrinsicFailure. */
static const char *call(struct arena *a, const char *text, const char *input, uint64_t *seed)
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
    assert_string_equal(arena_str(a, failure.error), "States.IntrinsicFailure");
    assert_true(failure.cause.len > 0);
    return NULL;
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
        {"States.ArrayPartition($, 1.5)", "[1,2,3]", "[[1,2],[3]]"},
        {"States.ArrayPartition($, 4)", "[]", "[]"},
        {"States.ArrayPartition($, 0)", "[1]", NULL},
        {"States.ArrayPartition($, 4)", "{}", NULL},
        {"States.ArrayContains($.a, $.v)", "{\"a\":[{\"x\":1,\"y\":2}],\"v\":{\"y\":2.0,\"x\":1}}",
         "true"},
        {"States.ArrayContains($, 'a')", "[\"b\"]", "false"},
        {"States.ArrayRange(1, 9, 2)", "{}", "[1,3,5,7,9]"},
        {"States.ArrayRange(1, 9, 9)", "{}", "[1]"},
        {"States.ArrayRange(3, 1, -1)", "{}", "[3,2,1]"},
        {"States.ArrayRange(3, 1, 1)", "{}", "[]"},
        {"States.ArrayRange(1, 2, 0)", "{}", NULL},
        {"States.ArrayRange(1, 1001, 1)", "{}", NULL},
        {"States.ArrayRange(-2147483648, 2147483647, 1)", "{}", NULL},
        {"States.ArrayLength(States.ArrayRange(1, 1000, 1))", "{}", "1000"},
        {"States.ArrayGetItem($, 1)", "[5,6]", "6"},
        {"States.ArrayGetItem($, 2)", "[5,6]", NULL},
        {"States.ArrayGetItem($, -1)", "[5,6]", NULL},
        {"States.ArrayLength($)", "[1,[2]]", "2"},
        {"States.ArrayLength($)", "\"x\"", NULL},
        {"States.ArrayUnique($)",
         "[1,1.0,\"1\",{\"a\":1,\"b\":2},{\"b\":2,\"a\":1},[1],[1],0,-0.0,null,null]",
         "[1,\"1\",{\"a\":1,\"b\":2},[1],0,null]"},
        {"States.ArrayUnique($)", "[]", "[]"},
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
        {"States.Format($)", "1", NULL},
        {"States.StringToJson($)", "\"{\\\"a\\\":[1]}\"", "{\"a\":[1]}"},
        {"States.StringToJson('')", "{}", "null"},
        {"States.StringToJson(' ')", "{}", "null"},
        {"States.StringToJson('-0')", "{}", "0"},
        {"States.StringToJson('nope')", "{}", NULL},
        {"States.StringToJson(1)", "{}", NULL},
        {"States.JsonToString($)", "{ \"a\" : [ 1 ] }", "\"{\\\"a\\\":[1]}\""},
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
        {"States.JsonMerge($, 1, false)", "{}", NULL},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_intrinsic__base64_and_hash(void **state)
{
    static const struct example examples[] = {
        {"States.Base64Encode('')", "{}", "\"\""},
        {"States.Base64Encode('a')", "{}", "\"YQ==\""},
        {"States.Base64Encode('ab')", "{}", "\"YWI=\""},
        {"States.Base64Encode('Data to encode')", "{}", "\"RGF0YSB0byBlbmNvZGU=\""},
        {"States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", "{}", "\"Data to encode\""},
        {"States.Base64Decode('YQ')", "{}", "\"a\""},
        {"States.Base64Decode('Y')", "{}", NULL},
        {"States.Base64Decode('Y Q=')", "{}", NULL},
        {"States.Base64Decode('/w==')", "{}", NULL},
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
        {"States.MathAdd(2147483647, 0)", "{}", "2147483647"},
        {"States.MathAdd(2147483647, 1)", "{}", NULL},
        {"States.MathAdd(-2147483648, 0)", "{}", "-2147483648"},
        {"States.MathAdd(-2147483648, -1)", "{}", NULL},
        {"States.MathAdd(2147483648, 0)", "{}", NULL},
        {"States.MathAdd(1e300, 0)", "{}", NULL},
        {"States.MathAdd('1', 0)", "{}", NULL},
        {"States.MathRandom(5, 6)", "{}", "5"},
        {"States.MathRandom(5, 5)", "{}", NULL},
        {"States.MathRandom(6, 5)", "{}", NULL},
    };

    (void)state;
    check(examples, COUNT(examples));
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
    assert_string_equal(call(&a, "States.MathRandom(0, 1000000, 9)", "{}", &seed),
                        call(&a, "States.MathRandom(0, 1000000, 9)", "{}", &seed));
    for (int i = 0; i < 1000; i++) {
        int64_t n = 0;

        assert_true(
            text_parse_i64(slice_str(call(&a, "States.MathRandom(-3, 3)", "{}", &seed)), &n));
        assert_true(n >= -3 && n < 3);
    }
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
        cmocka_unit_test(test_intrinsic__chance),
        cmocka_unit_test(test_intrinsic__text_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
