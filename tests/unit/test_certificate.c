/* SPDX-License-Identifier: Apache-2.0 */
/* Authorities and what they sign: names, how long, and what is refused. That mbedTLS and OpenSSL
 * take them is shown by tests/integration/test_secure.py. */
#include "client/cert/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static const int64_t day_ms = 24 * 60 * 60 * 1000;

static struct certificate_pair authority(struct arena *a, uint32_t days)
{
    struct certificate_pair ca;
    struct err err;

    assert_int_equal(certificate_authority("an authority", days, a, &ca, &err), OK);
    return ca;
}

static enum err_code issue(const struct certificate_pair *ca,
                           const char *name,
                           uint32_t days,
                           struct arena *a,
                           struct certificate_pair *out)
{
    struct err err;

    return certificate_issue(ca, &name, 1, days, a, out, &err);
}

static struct certificate_view view(struct slice pem, struct arena *a)
{
    struct certificate_view v;
    struct err err;

    assert_int_equal(certificate_view(pem, a, &v, &err), OK);
    return v;
}

static void test_certificate__has_its_names_and_its_time(void **state)
{
    const char *names[] = {"coordinator.lan", "*.cluster.lan", "10.0.0.1", "fd00::1"};
    struct arena a = {0};
    struct certificate_pair ca = authority(&a, 100);
    struct certificate_pair pair;
    struct certificate_view v;
    struct err err;
    int64_t now_ms = (int64_t)time(NULL) * 1000;

    (void)state;
    assert_int_equal(certificate_issue(&ca, names, 4, 10, &a, &pair, &err), OK);
    v = view(pair.certificate, &a);
    assert_int_equal(v.name_count, 4);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(v.names[i], names[i]);
    }
    assert_false(v.authority);
    assert_true(slice_eq_str(v.issuer, "CN=an authority"));
    assert_true(v.from_ms < now_ms);
    assert_true(v.until_ms > now_ms + 9 * day_ms && v.until_ms < now_ms + 11 * day_ms);
    assert_int_equal(v.fingerprint.len, 32 * 3 - 1);
    assert_true(slice_starts_with(pair.key, SLICE("-----BEGIN PRIVATE KEY-----")));
    arena_fini(&a);
}

static void test_certificate__is_never_longer_than_its_authority(void **state)
{
    struct arena a = {0};
    struct certificate_pair ca = authority(&a, 5);
    struct certificate_pair pair;

    (void)state;
    assert_int_equal(issue(&ca, "host", 100, &a, &pair), OK);
    assert_true(view(pair.certificate, &a).until_ms == view(ca.certificate, &a).until_ms);
    assert_true(view(ca.certificate, &a).authority);
    arena_fini(&a);
}

static void test_certificate__refuses_what_is_no_name(void **state)
{
    static const char *const wrong[] = {"", "a b", "a,DNS:b", "-x", ".x", "*", "é", "*.", "a*b"};
    struct arena a = {0};
    struct certificate_pair ca = authority(&a, 5);
    struct certificate_pair pair;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(issue(&ca, wrong[i], 1, &a, &pair), ERR_CONFIG);
    }
    arena_fini(&a);
}

static void test_certificate__is_signed_by_an_authority_alone(void **state)
{
    struct arena a = {0};
    struct certificate_pair ca = authority(&a, 5);
    struct certificate_pair other = authority(&a, 5);
    struct certificate_pair server;
    struct certificate_pair pair;
    struct certificate_view v;
    struct err err;

    (void)state;
    assert_int_equal(issue(&ca, "host", 1, &a, &server), OK);
    assert_int_equal(issue(&server, "host", 1, &a, &pair), ERR_CONFIG);
    other.certificate = ca.certificate; /* with a key of its own */
    assert_int_equal(issue(&other, "host", 1, &a, &pair), ERR_CONFIG);
    other.certificate = SLICE("no PEM");
    assert_int_equal(issue(&other, "host", 1, &a, &pair), ERR_CONFIG);
    assert_int_equal(certificate_view(SLICE("no PEM"), &a, &v, &err), ERR_CONFIG);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificate__has_its_names_and_its_time),
        cmocka_unit_test(test_certificate__is_never_longer_than_its_authority),
        cmocka_unit_test(test_certificate__refuses_what_is_no_name),
        cmocka_unit_test(test_certificate__is_signed_by_an_authority_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
