/* SPDX-License-Identifier: Apache-2.0 */
/* Presigned URLs against AWS's published example (S3 API reference, "Authenticating Requests: Using
 * Query Parameters"), and requests built by a client whose keys are elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/s3/presign.h"
#include "client/s3/s3.h"

static const int64_t example_ms = INT64_C(1369353600000); /* 2013-05-24T00:00:00Z */

static struct presigner presigner_of(const char *endpoint, const char *token)
{
    const struct s3_config config = {
        .endpoint = endpoint,
        .region = "us-east-1",
        .access_key = "AKIAIOSFODNN7EXAMPLE",
        .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        .session_token = token,
    };
    struct presigner p;
    struct err err;

    assert_int_equal(presigner_init(&p, &config, &err), OK);
    return p;
}

static void assert_url(struct slice url, const char *expected)
{
    if (!slice_eq_str(url, expected)) {
        print_error("%.*s\n!= %s\n", SLICE_FMT(url), expected);
        fail();
    }
}

static bool has(struct slice text, const char *part)
{
    struct slice p = slice_str(part);

    for (; text.len >= p.len; text = slice_from(text, 1)) {
        if (slice_starts_with(text, p)) {
            return true;
        }
    }
    return false;
}

/* The example addresses its bucket by the host's name: here the key stands where buckets do. */
static void test_presign__aws_example(void **state)
{
    struct presigner p = presigner_of("https://examplebucket.s3.amazonaws.com", NULL);
    const struct request r = {.method = "GET", .bucket = SLICE("test.txt")};
    struct arena a = {0};

    (void)state;
    for (int i = 0; i < 2; i++) { /* with a new key, and with the day's */
        assert_url(presign(&p, &r, example_ms, 86400, &a),
                   "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-"
                   "SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
                   "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-"
                   "SignedHeaders=host&X-Amz-Signature="
                   "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    }
    arena_fini(&a);
    presigner_fini(&p);
}

static void test_presign__the_key_is_of_its_day(void **state)
{
    struct presigner p = presigner_of("http://h:1", NULL);
    struct presigner fresh = presigner_of("http://h:1", NULL);
    const struct request r = {.method = "GET", .bucket = SLICE("b"), .key = SLICE("k")};
    struct arena a = {0};

    (void)state;
    (void)presign(&p, &r, example_ms, 1, &a);
    assert_true(slice_eq(presign(&p, &r, example_ms + 86400000, 1, &a),
                         presign(&fresh, &r, example_ms + 86400000, 1, &a)));
    arena_fini(&a);
    presigner_fini(&p);
    presigner_fini(&fresh);
}

static void test_presign__covers_headers_body_and_token(void **state)
{
    struct presigner p = presigner_of("http://h:1/base", "TOKEN");
    struct request r = {.method = "PUT", .bucket = SLICE("b"), .key = SLICE("a/%2F \xc3\xbc")};
    struct arena a = {0};
    struct slice url;

    (void)state;
    request_add_header(&r, SLICE("x-amz-copy-source"), SLICE("/b/k"));
    r.payload_hash = sign_empty_hash;
    url = presign(&p, &r, example_ms, 60, &a);
    assert_true(slice_starts_with(url, SLICE("http://h:1/base/b/a/%252F%20%C3%BC?")));
    assert_true(has(url, "X-Amz-Security-Token=TOKEN&"));
    assert_true(has(url, "SignedHeaders=host%3Bx-amz-content-sha256%3Bx-amz-copy-source&"));
    assert_false(has(url, "bPxRfiCY"));
    arena_fini(&a);
    presigner_fini(&p);
}

/* ---- A client without keys ---- */

struct signer {
    struct s3_signer base;
    struct presigner presigner;
    struct request asked; /* last */
    enum err_code rc;
};

static enum err_code sign(struct s3_signer *base,
                          const struct request *r,
                          struct arena *a,
                          struct slice *url,
                          struct err *err)
{
    struct signer *s = (struct signer *)base;

    s->asked = *r;
    if (s->rc != OK) {
        return err_set(err, s->rc, "no");
    }
    *url = presign(&s->presigner, r, example_ms, 60, a);
    return OK;
}

struct keyless {
    struct signer signer;
    struct request_site site;
    struct request r;
    struct request_wire wire;
    struct arena a;
};

/* A part whose bytes have a hash, with a header that is covered and one that is not. */
static void keyless_open(struct keyless *k, const char *ours, const char *coordinators)
{
    struct err err;

    *k =
        (struct keyless){.signer = {.base = {sign}, .presigner = presigner_of(coordinators, NULL)}};
    assert_int_equal(request_site_parse(slice_str(ours), &k->site, &err), OK);
    k->site.signer = &k->signer.base;
    k->r = (struct request){
        .method = "PUT", .bucket = SLICE("b"), .key = SLICE("k"), .payload_hash = sign_empty_hash};
    request_add_header(&k->r, SLICE("content-type"), SLICE("text/plain"));
    request_add_header(&k->r, SLICE("x-amz-meta-stepfleet-mark"), SLICE("m"));
}

static enum err_code keyless_build(struct keyless *k)
{
    struct err err;

    return request_build(&k->site, &k->r, example_ms, &k->a, &k->wire, &err);
}

static void keyless_close(struct keyless *k)
{
    presigner_fini(&k->signer.presigner);
    arena_fini(&k->a);
}

static void test_presign__a_client_sends_what_was_signed(void **state)
{
    struct keyless k;

    (void)state;
    keyless_open(&k, "http://localhost:1", "http://localhost:1");
    assert_int_equal(keyless_build(&k), OK);
    assert_int_equal(k.signer.asked.header_count, 1);
    assert_int_equal(k.signer.asked.payload_hash.len, 0);
    assert_int_equal(k.wire.line_count, 2);
    assert_string_equal(k.wire.lines[0], "content-type: text/plain");
    assert_string_equal(k.wire.lines[1], "x-amz-meta-stepfleet-mark: m");
    assert_true(slice_starts_with(slice_str(k.wire.url), SLICE("http://localhost:1/b/k?X-Amz-")));

    k.site.sign_payload = true;
    assert_int_equal(keyless_build(&k), OK);
    assert_true(slice_eq(k.signer.asked.payload_hash, sign_empty_hash));
    assert_int_equal(k.wire.line_count, 3);
    assert_string_equal(k.wire.lines[2],
                        "x-amz-content-sha256: "
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    keyless_close(&k);
}

static void test_presign__a_url_of_another_place_is_not_used(void **state)
{
    static const char *const others[] = {"http://localhost:12", "https://localhost:1",
                                         "http://localhost:1/x"};
    struct keyless k;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        keyless_open(&k, "http://localhost:1", others[i]);
        assert_int_equal(keyless_build(&k), ERR_CONFIG);
        keyless_close(&k);
    }
    keyless_open(&k, "http://localhost:1", "http://localhost:1");
    k.signer.rc = ERR_UNAVAILABLE;
    assert_int_equal(keyless_build(&k), ERR_UNAVAILABLE);
    keyless_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presign__aws_example),
        cmocka_unit_test(test_presign__the_key_is_of_its_day),
        cmocka_unit_test(test_presign__covers_headers_body_and_token),
        cmocka_unit_test(test_presign__a_client_sends_what_was_signed),
        cmocka_unit_test(test_presign__a_url_of_another_place_is_not_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
