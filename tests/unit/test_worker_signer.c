/* SPDX-License-Identifier: Apache-2.0 */
/* What a task's signer asks the coordinator for, what it keeps, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/s3/request.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "worker/handler/signer.h"

/* A coordinator whose URLs say what they are of, and the how many-th answer they came in. */
struct world {
    struct handler_host host;
    struct signer signer;
    struct arena a;
    unsigned asked;    /* times */
    size_t last_count; /* requests of the last time */
    uint32_t valid_ms;
    size_t short_by; /* URLs that are missing */
    enum err_code rc;
};

static struct slice number_of(const Stepfleet__StoreRequest *m)
{
    for (size_t i = 0; i < m->n_query; i++) {
        if (slice_eq(message_slice(m->query[i]->name), SLICE("partNumber"))) {
            return message_slice(m->query[i]->value);
        }
    }
    return SLICE("-");
}

static enum err_code answer(struct handler_host *h,
                            Stepfleet__SignRequest *q,
                            struct arena *a,
                            const Stepfleet__SignReply **reply,
                            struct err *err)
{
    struct world *w = container_of(h, struct world, host);
    Stepfleet__SignReply *r = ARENA_NEW(a, Stepfleet__SignReply);

    w->asked++;
    w->last_count = q->n_requests;
    assert_int_equal(q->token->counter, 5);
    assert_in_range(q->n_requests, 1, LIMIT_SIGN);
    if (w->rc != OK) {
        return err_set(err, w->rc, "no");
    }
    stepfleet__sign_reply__init(r);
    r->valid_ms = w->valid_ms;
    r->n_urls = q->n_requests - w->short_by;
    r->urls = ARENA_ARRAY(a, q->n_requests, ProtobufCBinaryData);
    for (size_t i = 0; i < q->n_requests; i++) {
        const Stepfleet__StoreRequest *m = q->requests[i];

        r->urls[i] = message_bytes(arena_printf(a, "%s %.*s %.*s %u", m->method,
                                                SLICE_FMT(message_slice(m->key)),
                                                SLICE_FMT(number_of(m)), w->asked));
    }
    *reply = r;
    return OK;
}

static void world_open(struct world *w)
{
    *w = (struct world){.host = {.sign = answer}, .valid_ms = 3600000};
    signer_init(&w->signer, &w->host, (struct lease_token){7, 5});
}

static void world_close(struct world *w)
{
    signer_fini(&w->signer);
    arena_fini(&w->a);
}

static enum err_code sign(struct world *w, const struct request *r, struct slice *url)
{
    struct err err;

    return w->signer.base.sign(&w->signer.base, r, &w->a, url, &err);
}

static void assert_signed(struct world *w, const struct request *r, const char *expected)
{
    struct slice url;

    assert_int_equal(sign(w, r, &url), OK);
    if (!slice_eq_str(url, expected)) {
        fail_msg("%.*s, not %s", SLICE_FMT(url), expected);
    }
}

static struct request part(struct world *w, unsigned n)
{
    struct request r = {.method = "PUT", .bucket = SLICE("b"), .key = SLICE("k")};

    request_add_query(&r, SLICE("partNumber"), arena_printf(&w->a, "%u", n));
    request_add_query(&r, SLICE("uploadId"), SLICE("u"));
    return r;
}

static void test_signer__a_url_is_asked_for_once(void **state)
{
    const struct request get = {.method = "GET", .bucket = SLICE("b"), .key = SLICE("k")};
    const struct request head = {.method = "HEAD", .bucket = SLICE("b"), .key = SLICE("k")};
    struct world w;

    (void)state;
    world_open(&w);
    assert_signed(&w, &get, "GET k - 1");
    assert_signed(&w, &head, "HEAD k - 2");
    assert_signed(&w, &get, "GET k - 1");
    assert_int_equal(w.asked, 2);
    world_close(&w);
}

static void test_signer__parts_are_asked_for_ahead(void **state)
{
    struct world w;
    unsigned most = 0;

    (void)state;
    world_open(&w);
    for (unsigned n = 1; n <= 205; n++) { /* 1 GiB */
        struct request r = part(&w, n);
        struct slice url;

        assert_int_equal(sign(&w, &r, &url), OK);
        assert_true(slice_starts_with(url, arena_printf(&w.a, "PUT k %u ", n)));
        most = w.last_count > most ? (unsigned)w.last_count : most;
    }
    assert_int_equal(most, SIGNER_PARTS);
    assert_in_range(w.asked, 1, 16);
    world_close(&w);
}

static void test_signer__no_part_behind_the_last(void **state)
{
    struct world w;
    struct request r;

    (void)state;
    world_open(&w);
    r = part(&w, LIMIT_PARTS - 1);
    assert_signed(&w, &r, "PUT k 9999 1");
    assert_int_equal(w.last_count, 2);
    world_close(&w);
}

static void test_signer__covered_bytes_are_not_foreseen(void **state)
{
    struct world w;
    struct request r;

    (void)state;
    world_open(&w);
    r = part(&w, 8);
    r.payload_hash = sign_empty_hash;
    assert_signed(&w, &r, "PUT k 8 1");
    assert_int_equal(w.last_count, 1);
    r = part(&w, 8);
    request_add_header(&r, SLICE("x-amz-copy-source"), SLICE("/b/k"));
    assert_signed(&w, &r, "PUT k 8 2");
    assert_int_equal(w.last_count, 1);
    world_close(&w);
}

static void test_signer__one_that_expires_is_asked_for_again(void **state)
{
    const struct request get = {.method = "GET", .bucket = SLICE("b"), .key = SLICE("k")};
    struct world w;

    (void)state;
    world_open(&w);
    w.valid_ms = 0;
    assert_signed(&w, &get, "GET k - 1");
    assert_signed(&w, &get, "GET k - 2");
    w.valid_ms = 3600000;
    assert_signed(&w, &get, "GET k - 3");
    assert_signed(&w, &get, "GET k - 3");
    world_close(&w);
}

static void test_signer__many_are_forgotten_and_asked_for_again(void **state)
{
    struct world w;
    struct request r = {.method = "GET", .bucket = SLICE("b")};

    (void)state;
    world_open(&w);
    for (unsigned n = 0; n < 3 * SIGNER_URLS; n++) {
        struct slice url;

        r.key = arena_printf(&w.a, "k%u", n);
        assert_int_equal(sign(&w, &r, &url), OK);
        assert_true(w.signer.count <= SIGNER_URLS);
    }
    r.key = SLICE("k0");
    assert_signed(&w, &r, "GET k0 - 385");
    world_close(&w);
}

static void test_signer__what_the_coordinator_refuses_or_forgets(void **state)
{
    const struct request get = {.method = "GET", .bucket = SLICE("b"), .key = SLICE("k")};
    struct world w;
    struct slice url;

    (void)state;
    world_open(&w);
    w.rc = ERR_DENIED;
    assert_int_equal(sign(&w, &get, &url), ERR_DENIED);
    w.rc = OK;
    w.short_by = 1;
    assert_int_equal(sign(&w, &get, &url), ERR_MESSAGE);
    w.short_by = 0;
    assert_signed(&w, &get, "GET k - 3");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signer__a_url_is_asked_for_once),
        cmocka_unit_test(test_signer__parts_are_asked_for_ahead),
        cmocka_unit_test(test_signer__no_part_behind_the_last),
        cmocka_unit_test(test_signer__covered_bytes_are_not_foreseen),
        cmocka_unit_test(test_signer__one_that_expires_is_asked_for_again),
        cmocka_unit_test(test_signer__many_are_forgotten_and_asked_for_again),
        cmocka_unit_test(test_signer__what_the_coordinator_refuses_or_forgets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
