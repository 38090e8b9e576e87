/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks: what a connection and an API destination may say, their rows, what an answer means, and
 * the signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/store/row_webhook.h"
#include "coordinator/webhook_sign.h"
#include "proto/base/limits.h"

static enum err_code
read_auth(const char *type, const char *parameters, struct webhook_auth *auth, struct arena *a)
{
    const struct json_node *v = NULL;
    struct err err;

    assert_int_equal(json_parse(slice_str(parameters), a, &v, NULL), OK);
    return webhook_auth_read(slice_str(type), v, auth, &err);
}

static void test_webhook__connections(void **state)
{
    struct webhook_auth auth = {0};
    struct arena a = {0};

    (void)state;
    assert_int_equal(read_auth("API_KEY",
                               "{\"ApiKeyAuthParameters\":{\"ApiKeyName\":\"X-Key\","
                               "\"ApiKeyValue\":\"s3cret\"}}",
                               &auth, &a),
                     OK);
    assert_true(slice_eq_str(auth.secret, "s3cret"));
    assert_true(slice_eq_str(json_print(webhook_auth_json(&auth, &a), &a),
                             "{\"ApiKeyAuthParameters\":{\"ApiKeyName\":\"X-Key\"}}"));
    assert_int_equal(
        read_auth("", "{\"ApiKeyAuthParameters\":{\"ApiKeyValue\":\"new\"}}", &auth, &a), OK);
    assert_true(slice_eq_str(auth.name, "X-Key") && slice_eq_str(auth.secret, "new"));
    assert_int_equal(read_auth("BASIC",
                               "{\"BasicAuthParameters\":{\"Username\":\"u\",\"Password\":\"p\"}}",
                               &auth, &a),
                     OK);
    assert_int_equal(auth.kind, WEBHOOK_BASIC);
    assert_string_equal(webhook_auth_type(&auth), "BASIC");
    arena_fini(&a);
}

static void test_webhook__connections_that_may_not_be(void **state)
{
    static const char *const cases[][2] = {
        {"", "{}"},
        {"OAUTH_CLIENT_CREDENTIALS", "{}"},
        {"API_KEY", "{}"},
        {"API_KEY", "{\"ApiKeyAuthParameters\":{\"ApiKeyName\":\"a b\",\"ApiKeyValue\":\"v\"}}"},
        {"API_KEY",
         "{\"ApiKeyAuthParameters\":{\"ApiKeyName\":\"a\",\"ApiKeyValue\":\"v\\r\\nb:c\"}}"},
        {"API_KEY", "{\"ApiKeyAuthParameters\":{\"ApiKeyName\":\"Host\",\"ApiKeyValue\":\"v\"}}"},
        {"API_KEY",
         "{\"ApiKeyAuthParameters\":{\"ApiKeyName\":\"Webhook-Id\",\"ApiKeyValue\":\"v\"}}"},
        {"API_KEY", "{\"ApiKeyAuthParameters\":{\"ApiKeyName\":\"a\",\"ApiKeyValue\":\"v\"},"
                    "\"InvocationHttpParameters\":{}}"},
        {"BASIC", "{\"ApiKeyAuthParameters\":{\"ApiKeyName\":\"a\",\"ApiKeyValue\":\"v\"}}"},
        {"BASIC", "{\"BasicAuthParameters\":{\"Username\":\"u:v\",\"Password\":\"p\"}}"},
        {"BASIC", "{\"BasicAuthParameters\":{\"Username\":\"u\",\"Password\":\"\"}}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct webhook_auth auth = {0};
        struct arena a = {0};

        assert_int_equal(read_auth(cases[i][0], cases[i][1], &auth, &a), ERR_VALIDATION);
        assert_int_equal(auth.kind, 0);
        arena_fini(&a);
    }
}

static void test_webhook__endpoints(void **state)
{
    static const char *const good[] = {
        "https://example.com",  "https://example.com:8443/a?b=c",
        "http://localhost:1/x", "http://127.0.0.1/",
        "http://[::1]:80/",
    };
    static const char *const bad[] = {
        "",
        "http://example.com/",
        "http://localhost.example.com/",
        "http://localhost@example.com/",
        "http://127.0.0.1@example.com/",
        "http://127.0.0.1\\@example.com/",
        "http://localhost:1\\x/", /* what is a slash to some readers */
        "https://example.com/a\\b",
        "http://example.com#127.0.0.1",
        "http://127.0.0.2.example.com/",
        "https://",
        "https://u:p@example.com/",
        "https://example.com/a b",
        "ftp://localhost/",
        "file:///etc/passwd",
        "https://exa\nmple.com/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(webhook_is_endpoint(slice_str(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(webhook_is_endpoint(slice_str(bad[i])));
    }
    assert_true(webhook_is_method(SLICE("PATCH")));
    assert_false(webhook_is_method(SLICE("TRACE")));
}

static void test_webhook__answers(void **state)
{
    (void)state;
    assert_int_equal(webhook_judge(200), WEBHOOK_TAKEN);
    assert_int_equal(webhook_judge(299), WEBHOOK_TAKEN);
    assert_int_equal(webhook_judge(301), WEBHOOK_REFUSED);
    assert_int_equal(webhook_judge(400), WEBHOOK_REFUSED);
    assert_int_equal(webhook_judge(401), WEBHOOK_AGAIN);
    assert_int_equal(webhook_judge(429), WEBHOOK_AGAIN);
    assert_int_equal(webhook_judge(500), WEBHOOK_AGAIN);
}

/* That of the specification's own libraries. */
static void test_webhook__signature(void **state)
{
    struct arena a = {0};

    (void)state;
    assert_string_equal(webhook_sign(SLICE("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                                     "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
                                     SLICE("{\"test\": 2432232314}"), &a),
                        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    arena_fini(&a);
}

/* ---- rows ---- */

static const struct webhook_row connection = {
    .kind = WEBHOOK_CONNECTION,
    .name = SLICE_INIT("c"),
    .id = SLICE_INIT("id"),
    .created_ms = 1,
    .updated_ms = 2,
    .description = SLICE_INIT("description"),
    .auth = {WEBHOOK_BASIC, SLICE_INIT("user"), SLICE_INIT("secret")},
};

static const struct webhook_row destination = {
    .kind = WEBHOOK_DESTINATION,
    .name = SLICE_INIT("d"),
    .id = SLICE_INIT("id"),
    .connection = SLICE_INIT("c"),
    .endpoint = SLICE_INIT("https://x"),
    .method = SLICE_INIT("POST"),
    .rate = LIMIT_WEBHOOK_RATE,
};

static void check_row(const struct webhook_row *row)
{
    struct webhook_row out;
    struct buf b = {0};
    struct err err;

    webhook_row_encode(row, &b);
    assert_int_equal(webhook_row_decode(buf_slice(&b), &out, &err), OK);
    assert_int_equal(out.kind, row->kind);
    assert_int_equal(out.created_ms, row->created_ms);
    assert_int_equal(out.updated_ms, row->updated_ms);
    assert_int_equal(out.auth.kind, row->auth.kind);
    assert_int_equal(out.rate, row->rate);
    assert_true(slice_eq(out.name, row->name) && slice_eq(out.id, row->id));
    assert_true(slice_eq(out.description, row->description));
    assert_true(slice_eq(out.auth.name, row->auth.name));
    assert_true(slice_eq(out.auth.secret, row->auth.secret));
    assert_true(slice_eq(out.connection, row->connection));
    assert_true(slice_eq(out.endpoint, row->endpoint) && slice_eq(out.method, row->method));
    for (size_t len = 0; len < b.len; len++) {
        assert_int_equal(webhook_row_decode(slice_make(b.ptr, len), &out, &err), ERR_CORRUPT);
    }
    buf_put_u8(&b, 0);
    assert_int_equal(webhook_row_decode(buf_slice(&b), &out, &err), ERR_CORRUPT);
    b.ptr[0] = 2;
    assert_int_equal(webhook_row_decode(buf_slice(&b), &out, &err), ERR_VERSION);
    buf_fini(&b);
}

static void test_webhook__rows(void **state)
{
    struct webhook_row fast = destination;
    struct webhook_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    check_row(&connection);
    check_row(&destination);
    fast.rate++;
    webhook_row_encode(&fast, &b);
    assert_int_equal(webhook_row_decode(buf_slice(&b), &out, &err), ERR_CORRUPT);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_webhook__connections),
        cmocka_unit_test(test_webhook__connections_that_may_not_be),
        cmocka_unit_test(test_webhook__endpoints),
        cmocka_unit_test(test_webhook__answers),
        cmocka_unit_test(test_webhook__signature),
        cmocka_unit_test(test_webhook__rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
