/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures against AWS's published examples (S3 API reference, "Signature Calculations for the
 * Authorization Header") and one that botocore computed, and the canonical forms one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "client/s3/sign.h"

static const struct sign_keys example_keys = {
    SLICE_INIT("AKIAIOSFODNN7EXAMPLE"),
    SLICE_INIT("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    SLICE_INIT("us-east-1"),
};

static const int64_t example_ms = INT64_C(1369353600000); /* 2013-05-24T00:00:00Z */

static void assert_slice(struct slice s, const char *expected)
{
    if (!slice_eq_str(s, expected)) {
        print_error("%.*s\n!= %s\n", SLICE_FMT(s), expected);
        fail();
    }
}

static void assert_signature(struct sign_request *r, const char *signature)
{
    struct arena a = {0};
    struct slice got;

    sign_time(example_ms, r->time);
    got = sign_authorization(&example_keys, r, &a);
    assert_slice(slice_from(got, got.len - SIGN_HEX_BYTES), signature);
    arena_fini(&a);
}

#define HOST                                                                                       \
    {                                                                                              \
        SLICE_INIT("host"), SLICE_INIT("examplebucket.s3.amazonaws.com")                           \
    }
#define DATE                                                                                       \
    {                                                                                              \
        SLICE_INIT("x-amz-date"), SLICE_INIT("20130524T000000Z")                                   \
    }
#define EMPTY_HASH                                                                                 \
    {                                                                                              \
        SLICE_INIT("x-amz-content-sha256"),                                                        \
            SLICE_INIT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")         \
    }

static void test_sign__aws_get_object(void **state)
{
    const struct sign_pair headers[] = {
        HOST, DATE, {SLICE_INIT("range"), SLICE_INIT("bytes=0-9")}, EMPTY_HASH};
    struct sign_request r = {
        .method = SLICE("GET"),
        .path = SLICE("/test.txt"),
        .headers = headers,
        .header_count = 4,
        .payload_hash = sign_empty_hash,
    };

    (void)state;
    assert_signature(&r, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void test_sign__aws_put_object(void **state)
{
    struct sign_pair headers[] = {
        {SLICE_INIT("date"), SLICE_INIT("Fri, 24 May 2013 00:00:00 GMT")},
        HOST,
        DATE,
        {SLICE_INIT("x-amz-storage-class"), SLICE_INIT("REDUCED_REDUNDANCY")},
        {SLICE_INIT("x-amz-content-sha256"), {NULL, 0}}};
    struct sign_request r = {.method = SLICE("PUT"), .headers = headers, .header_count = 5};
    char hash[SIGN_HEX_BYTES];
    struct arena a = {0};

    (void)state;
    sign_hash(SLICE("Welcome to Amazon S3."), hash);
    r.payload_hash = headers[4].value = slice_make(hash, sizeof(hash));
    r.path = sign_encode(SLICE("/test$file.text"), true, &a);
    assert_slice(r.path, "/test%24file.text");
    assert_signature(&r, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    arena_fini(&a);
}

static void test_sign__aws_query_without_value(void **state)
{
    const struct sign_pair headers[] = {EMPTY_HASH, HOST, DATE};
    const struct sign_pair query[] = {{SLICE_INIT("lifecycle"), SLICE_INIT("")}};
    struct sign_request r = {.method = SLICE("GET"),
                             .path = SLICE("/"),
                             .headers = headers,
                             .header_count = 3,
                             .payload_hash = sign_empty_hash};
    struct arena a = {0};

    (void)state;
    r.query = sign_query(query, 1, &a);
    assert_slice(r.query, "lifecycle=");
    assert_signature(&r, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    arena_fini(&a);
}

static void test_sign__aws_list_objects(void **state)
{
    const struct sign_pair headers[] = {DATE, EMPTY_HASH, HOST};
    const struct sign_pair query[] = {{SLICE_INIT("prefix"), SLICE_INIT("J")},
                                      {SLICE_INIT("max-keys"), SLICE_INIT("2")}};
    struct sign_request r = {.method = SLICE("GET"),
                             .path = SLICE("/"),
                             .headers = headers,
                             .header_count = 3,
                             .payload_hash = sign_empty_hash};
    struct arena a = {0};

    (void)state;
    r.query = sign_query(query, 2, &a);
    assert_slice(r.query, "max-keys=2&prefix=J");
    assert_signature(&r, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
    arena_fini(&a);
}

/* A session token, an odd key, an upload's query, a mark; the signature is botocore's. */
static void test_sign__botocore_part_with_token(void **state)
{
    char hash[SIGN_HEX_BYTES];
    const struct sign_pair query[] = {{SLICE_INIT("uploadId"), SLICE_INIT("2~x/y+")},
                                      {SLICE_INIT("partNumber"), SLICE_INIT("2")}};
    const struct sign_pair headers[] = {
        {SLICE_INIT("x-amz-security-token"), SLICE_INIT("TOKEN/with+odd=chars")},
        {SLICE_INIT("x-amz-meta-stepfleet-mark"), SLICE_INIT("m 1")},
        {SLICE_INIT("host"), SLICE_INIT("127.0.0.1:9701")},
        DATE,
        {SLICE_INIT("x-amz-content-sha256"), slice_make(hash, sizeof(hash))}};
    struct sign_request r = {.method = SLICE("PUT"), .headers = headers, .header_count = 5};
    struct arena a = {0};

    (void)state;
    sign_hash(SLICE("hello"), hash);
    r.payload_hash = slice_make(hash, sizeof(hash));
    r.path = sign_encode(SLICE("/b/a b/\xc3\xbc+%=&(1).json"), true, &a);
    r.query = sign_query(query, 2, &a);
    assert_slice(r.path, "/b/a%20b/%C3%BC%2B%25%3D%26%281%29.json");
    assert_slice(r.query, "partNumber=2&uploadId=2~x%2Fy%2B");
    assert_signature(&r, "a7835b548f141e7beafe5680c1f2123ff9791ddf1521cebb883c59fc2cec164b");
    arena_fini(&a);
}

static void test_sign__encode_and_decode(void **state)
{
    struct arena a = {0};
    char all[256];
    struct slice back;

    (void)state;
    for (size_t i = 0; i < sizeof(all); i++) {
        all[i] = (char)i;
    }
    assert_true(sign_decode(sign_encode(slice_make(all, 256), false, &a), &a, &back));
    assert_true(slice_eq(back, slice_make(all, 256)));
    assert_slice(sign_encode(SLICE("azAZ09-_.~"), false, &a), "azAZ09-_.~");
    assert_slice(sign_encode(SLICE("a/b c+*"), true, &a), "a/b%20c%2B%2A");
    assert_slice(sign_encode(SLICE("a/b"), false, &a), "a%2Fb");
    assert_true(sign_decode(SLICE("a+b%2b%2B"), &a, &back));
    assert_slice(back, "a b++");
    assert_false(sign_decode(SLICE("a%"), &a, &back));
    assert_false(sign_decode(SLICE("a%2"), &a, &back));
    assert_false(sign_decode(SLICE("a%2g"), &a, &back));
    arena_fini(&a);
}

/* A name that is another's prefix comes first whatever follows it, and equal names sort by value.
 */
static void test_sign__query_is_sorted_by_name_then_value(void **state)
{
    const struct sign_pair query[] = {{SLICE_INIT("a-b"), SLICE_INIT("")},
                                      {SLICE_INIT("b"), SLICE_INIT("2")},
                                      {SLICE_INIT("a"), SLICE_INIT("z")},
                                      {SLICE_INIT("b"), SLICE_INIT("1")}};
    struct arena a = {0};

    (void)state;
    assert_slice(sign_query(query, 4, &a), "a=z&a-b=&b=1&b=2");
    assert_slice(sign_query(query, 0, &a), "");
    arena_fini(&a);
}

static void test_sign__canonical_headers(void **state)
{
    const struct sign_pair headers[] = {{SLICE_INIT("x-amz-date-more"), SLICE_INIT(" a  b\t c ")},
                                        {SLICE_INIT("x-amz-date"), SLICE_INIT("d")},
                                        {SLICE_INIT("host"), SLICE_INIT("h")}};
    struct sign_request r = {.method = SLICE("GET"),
                             .path = SLICE("/"),
                             .headers = headers,
                             .header_count = 3,
                             .payload_hash = SLICE("UNSIGNED-PAYLOAD")};
    struct arena a = {0};

    (void)state;
    assert_slice(sign_canonical(&r, &a), "GET\n/\n\nhost:h\nx-amz-date:d\nx-amz-date-more:a b c\n\n"
                                         "host;x-amz-date;x-amz-date-more\nUNSIGNED-PAYLOAD");
    arena_fini(&a);
}

static void test_sign__hash_of_nothing(void **state)
{
    char hash[SIGN_HEX_BYTES];

    (void)state;
    sign_hash((struct slice){NULL, 0}, hash);
    assert_true(slice_eq(slice_make(hash, sizeof(hash)), sign_empty_hash));
}

static void openssl_hmac(unsigned char key[SIGN_MAC_BYTES], size_t len, struct slice text)
{
    unsigned bytes = SIGN_MAC_BYTES;

    assert_non_null(
        HMAC(EVP_sha256(), key, (int)len, (const unsigned char *)text.ptr, text.len, key, &bytes));
}

/* Of any length: HMAC hashes those that are longer than its block. */
static void test_sign__keys_of_secrets(void **state)
{
    const struct sign_scope scope = {SLICE("20130524"), SLICE("us-east-1"), SLICE("s3")};
    const struct slice chain[] = {scope.date, scope.region, scope.service, SLICE("aws4_request")};
    unsigned char wanted[256] = "AWS4";
    struct arena a = {0};

    (void)state;
    for (size_t len = 0; len < 200; len++) {
        struct sign_mac key;

        memcpy(wanted, "AWS4", 4);
        for (size_t i = 0; i < len; i++) {
            wanted[4 + i] = (unsigned char)(' ' + i % 90);
        }
        key =
            sign_key(slice_make(arena_copy(&a, slice_make(wanted + 4, len)).ptr, len), &scope, &a);
        for (size_t i = 0; i < 4; i++) {
            openssl_hmac(wanted, i == 0 ? 4 + len : SIGN_MAC_BYTES, chain[i]);
        }
        assert_memory_equal(key.bytes, wanted, SIGN_MAC_BYTES);
        arena_reset(&a);
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sign__aws_get_object),
        cmocka_unit_test(test_sign__aws_put_object),
        cmocka_unit_test(test_sign__aws_query_without_value),
        cmocka_unit_test(test_sign__aws_list_objects),
        cmocka_unit_test(test_sign__botocore_part_with_token),
        cmocka_unit_test(test_sign__encode_and_decode),
        cmocka_unit_test(test_sign__query_is_sorted_by_name_then_value),
        cmocka_unit_test(test_sign__canonical_headers),
        cmocka_unit_test(test_sign__hash_of_nothing),
        cmocka_unit_test(test_sign__keys_of_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
