/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures as they are checked: AWS's published examples (the Signature Version 4 test suite, the
 * IAM user guide), requests changed on the way, other times, and headers that cannot be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "coordinator/http/sigv4.h"

enum { HEADERS = 8 };

static const struct slice secret = SLICE_INIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
static const int64_t then_ms = INT64_C(1440938160000); /* 2015-08-30T12:36:00Z */

#define SCOPE "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "

struct world {
    struct http_header headers[HEADERS];
    struct http_request r;
    char authorization[1024];
    struct arena a;
    struct sigv4_claim claim;
    struct err err;
};

static void put(struct world *w, const char *name, const char *value)
{
    w->headers[w->r.header_count++] = (struct http_header){slice_str(name), slice_str(value)};
}

static void
begin(struct world *w, const char *method, const char *target, const char *headers, const char *sig)
{
    memset(w, 0, sizeof(*w));
    w->r.method = slice_str(method);
    w->r.target = slice_str(target);
    w->r.headers = w->headers;
    (void)snprintf(w->authorization, sizeof(w->authorization),
                   SCOPE "SignedHeaders=%s, Signature=%s", headers, sig);
    put(w, "host", "example.amazonaws.com");
    put(w, "x-amz-date", "20150830T123600Z");
    put(w, "authorization", w->authorization);
}

static enum err_code check(struct world *w, const char *service, int64_t now_ms)
{
    enum err_code rc = sigv4_read(&w->r, &w->a, &w->claim, &w->err);

    if (rc == OK) {
        const struct sign_scope scope = sigv4_scope(&w->claim);
        struct sign_mac key = sign_key(secret, &scope, &w->a);

        rc = sigv4_check(&w->r, &w->claim, &key, slice_str(service), now_ms, &w->a, &w->err);
    }
    arena_fini(&w->a);
    return rc;
}

static void is_good(struct world *w)
{
    if (check(w, "service", then_ms) != OK) {
        fail_msg("%.*s: %s", SLICE_FMT(w->r.target), w->err.msg);
    }
}

/* ---- what AWS publishes ---- */

static void test_sigv4__published_targets(void **state)
{
    static const char *const rows[][3] = {
        {"GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {"GET", "/?Param2=value2&Param1=value1",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"GET", "/\xe1\x88\xb4",
         "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        {"GET", "/example1/example2/../..",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"GET", "/./", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"GET", "//", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;

        begin(&w, rows[i][0], rows[i][1], "host;x-amz-date", rows[i][2]);
        is_good(&w);
    }
}

static void test_sigv4__published_headers(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "GET", "/", "host;my-header1;x-amz-date",
          "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea");
    put(&w, "my-header1", "value2");
    put(&w, "my-header1", "value2");
    put(&w, "my-header1", "value1");
    is_good(&w);
    begin(&w, "GET", "/", "host;my-header1;my-header2;x-amz-date",
          "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
    put(&w, "my-header1", " value1");
    put(&w, "my-header2", " \"a   b   c\"");
    is_good(&w);
}

static void test_sigv4__published_body(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "POST", "/", "content-type;host;x-amz-date",
          "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
    put(&w, "content-type", "application/x-www-form-urlencoded");
    w.r.body = SLICE("Param1=value1");
    is_good(&w);
    w.r.body = SLICE("Param1=value2");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INVALID);
}

static void test_sigv4__published_iam_example(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "GET", "/?Action=ListUsers&Version=2010-05-08", "", "");
    w.headers[0].value = SLICE("iam.amazonaws.com");
    w.headers[2].value =
        SLICE("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
              "SignedHeaders=content-type;host;x-amz-date, "
              "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    put(&w, "content-type", "application/x-www-form-urlencoded; charset=utf-8");
    assert_int_equal(check(&w, "iam", then_ms), OK);
    assert_int_equal(check(&w, "states", then_ms), ERR_SIGNATURE_INVALID);
    assert_non_null(strstr(w.err.msg, "scoped to correct service"));
}

/* ---- what is not signed, or otherwise ---- */

static void vanilla(struct world *w)
{
    begin(w, "GET", "/", "host;x-amz-date",
          "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

static void test_sigv4__any_change_is_seen(void **state)
{
    struct world w;

    (void)state;
    vanilla(&w);
    w.r.method = SLICE("PUT");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INVALID);
    vanilla(&w);
    w.r.target = SLICE("/?a");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INVALID);
    vanilla(&w);
    w.r.target = SLICE("/a");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INVALID);
    vanilla(&w);
    w.headers[0].value = SLICE("example.amazonaws.co");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INVALID);
    vanilla(&w);
    w.headers[1].value = SLICE("20150830T123601Z");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INVALID);
    vanilla(&w);
    w.r.body = SLICE("{}");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INVALID);
}

static void test_sigv4__what_decides_must_be_signed(void **state)
{
    struct world w;

    (void)state;
    vanilla(&w);
    put(&w, "x-amz-target", "AWSStepFunctions.DeleteStateMachine");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INVALID);
    assert_non_null(strstr(w.err.msg, "'x-amz-target' must be a 'SignedHeader'"));
    begin(&w, "GET", "/", "x-amz-date",
          "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INVALID);
    assert_non_null(strstr(w.err.msg, "'Host' must be a 'SignedHeader'"));
    begin(&w, "GET", "/", "host;x-amz-date;zebra",
          "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INVALID);
    assert_non_null(strstr(w.err.msg, "'zebra' is missing"));
}

static void test_sigv4__what_is_signed_is_sorted(void **state)
{
    static const char *const lists[] = {"x-amz-date;host", "host;host;x-amz-date",
                                        "host;;x-amz-date", ";host;x-amz-date"};

    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct world w;

        begin(&w, "GET", "/", lists[i],
              "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INCOMPLETE);
    }
}

static void test_sigv4__five_minutes(void **state)
{
    static const struct {
        int64_t off_ms;
        enum err_code rc;
    } rows[] = {
        {300000, OK},
        {300001, ERR_SIGNATURE_INVALID},
        {-300000, OK},
        {-300001, ERR_SIGNATURE_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;

        vanilla(&w);
        assert_int_equal(check(&w, "service", then_ms + rows[i].off_ms), rows[i].rc);
    }
}

static void test_sigv4__the_hash_of_the_payload(void **state)
{
    struct world w;

    (void)state;
    /* The hash is that of nothing, and there is a body. */
    begin(&w, "GET", "/", "host;x-amz-content-sha256;x-amz-date",
          "0000000000000000000000000000000000000000000000000000000000000000");
    put(&w, "x-amz-content-sha256",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    w.r.body = SLICE("x");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INVALID);
    assert_non_null(strstr(w.err.msg, "x-amz-content-sha256"));
    /* Unsigned, as the signer says: any body passes that test, and fails by its signature. */
    w.headers[3].value = SLICE("UNSIGNED-PAYLOAD");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INVALID);
    assert_non_null(strstr(w.err.msg, "does not match the signature you provided"));
}

/* Signed by hand with UNSIGNED-PAYLOAD: the body may be anything. */
static void test_sigv4__an_unsigned_payload(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "POST", "/", "host;x-amz-content-sha256;x-amz-date",
          "05e1b307416f2cbcf15dd86269efd55537182ee4416101af58762e96bba470bb");
    put(&w, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    w.r.body = SLICE("anything");
    is_good(&w);
    w.r.body = SLICE("anything else");
    is_good(&w);
}

static void test_sigv4__presigned(void **state)
{
    static const char target[] =
        "/?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request"
        "&X-Amz-Date=20150830T123600Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=3800303ef9be3158cea25f1a2df086e8180971f4b0f8ff5090113bf578c409f7";
    struct world w;

    (void)state;
    begin(&w, "GET", target, "", "");
    w.r.header_count = 1;
    assert_int_equal(check(&w, "service", then_ms), OK);
    assert_int_equal(check(&w, "service", then_ms + 600000), OK);
    assert_int_equal(check(&w, "service", then_ms + 600001), ERR_SIGNATURE_INVALID);
    assert_int_equal(check(&w, "service", then_ms - 300001), ERR_SIGNATURE_INVALID);
    w.r.method = SLICE("POST");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INVALID);
}

static void test_sigv4__presigned_that_cannot_be_read(void **state)
{
    static const char *const targets[] = {
        "/?X-Amz-Signature=00",
        "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00",
        "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=0&X-Amz-Signature=00",
        "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=604801&X-Amz-Signature=00",
        "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=9&X-Amz-Signature=00",
        "/?X-Amz-Signature=%zz",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct world w;

        begin(&w, "GET", targets[i], "", "");
        w.r.header_count = 1;
        assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INCOMPLETE);
    }
}

static void test_sigv4__headers_that_cannot_be_read(void **state)
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    static const char *const rows[] = {
        "Basic eDp5",
        "AWS4-HMAC-SHA512 Credential=a/20150830/r/s/aws4_request, SignedHeaders=host, Signature=%s",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=%s",
        "AWS4-HMAC-SHA256 Credential=a/20150830/r/s, SignedHeaders=host, Signature=%s",
        "AWS4-HMAC-SHA256 Credential=a/2015083/r/s/aws4_request, SignedHeaders=host, Signature=%s",
        "AWS4-HMAC-SHA256 Credential=a/20150831/r/s/aws4_request, SignedHeaders=host, Signature=%s",
        "AWS4-HMAC-SHA256 Credential=a/20150830/r/s/aws4_reques, SignedHeaders=host, Signature=%s",
        "AWS4-HMAC-SHA256 Credential=/20150830/r/s/aws4_request, SignedHeaders=host, Signature=%s",
        "AWS4-HMAC-SHA256 Credential=a/20150830/r/s/aws4_request, Signature=%s",
        "AWS4-HMAC-SHA256 Credential=a/20150830/r/s/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=a/20150830/r/s/aws4_request, SignedHeaders=host, Signature=0",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;

        begin(&w, "GET", "/", "", "");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(w.authorization, sizeof(w.authorization), rows[i], zeros);
#pragma GCC diagnostic pop
        w.headers[2].value = slice_str(w.authorization);
        if (check(&w, "service", then_ms) != ERR_SIGNATURE_INCOMPLETE) {
            fail_msg("%s", rows[i]);
        }
    }
}

static void test_sigv4__not_signed_at_all(void **state)
{
    struct world w;

    (void)state;
    vanilla(&w);
    w.r.header_count = 2;
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_MISSING);
    vanilla(&w);
    w.headers[1].name = SLICE("date");
    assert_int_equal(check(&w, "service", then_ms), ERR_SIGNATURE_INCOMPLETE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sigv4__published_targets),
        cmocka_unit_test(test_sigv4__published_headers),
        cmocka_unit_test(test_sigv4__published_body),
        cmocka_unit_test(test_sigv4__published_iam_example),
        cmocka_unit_test(test_sigv4__any_change_is_seen),
        cmocka_unit_test(test_sigv4__what_decides_must_be_signed),
        cmocka_unit_test(test_sigv4__what_is_signed_is_sorted),
        cmocka_unit_test(test_sigv4__five_minutes),
        cmocka_unit_test(test_sigv4__the_hash_of_the_payload),
        cmocka_unit_test(test_sigv4__an_unsigned_payload),
        cmocka_unit_test(test_sigv4__presigned),
        cmocka_unit_test(test_sigv4__presigned_that_cannot_be_read),
        cmocka_unit_test(test_sigv4__headers_that_cannot_be_read),
        cmocka_unit_test(test_sigv4__not_signed_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
