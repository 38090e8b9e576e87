/* SPDX-License-Identifier: Apache-2.0 */
/* nng's framing, byte by byte and all at once: the same events, and nothing believed too early. */
#include "coordinator/link/sp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base/limits.h"
#include "proto/wire.h"

static const char greeting[SP_GREETING_BYTES] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

static void put_request(struct buf *out, uint32_t number, struct slice auth, struct slice body)
{
    const struct envelope e = {.version = 1, .method = RPC_HEALTH, .request_id = 7, .auth = auth};
    char length[SP_LENGTH_BYTES];
    char head[WIRE_HEADER_BYTES];

    sp_put_length(sizeof(head) + auth.len + body.len, number, length);
    envelope_encode(&e, head);
    buf_put(out, length, sizeof(length));
    buf_put(out, head, sizeof(head));
    buf_put_slice(out, auth);
    buf_put_slice(out, body);
}

/* The event after all of `bytes`, or the first that is not SP_MORE; *left is what was not taken. */
static enum sp_event feed(struct sp_reader *r, struct slice bytes, size_t step, struct slice *left)
{
    enum sp_event event = SP_MORE;

    *left = bytes;
    do {
        size_t n = sp_feed(r, slice_head(*left, step), &event);

        *left = slice_from(*left, n);
    } while (event == SP_MORE && left->len != 0);
    return event;
}

static void read_two(size_t step)
{
    struct sp_reader r;
    struct buf in = {0};
    struct buf frame;
    struct slice left;

    buf_put(&in, greeting, sizeof(greeting));
    put_request(&in, 0x80000001u, SLICE("secret"), SLICE("body"));
    put_request(&in, 0x80000002u, SLICE(""), SLICE(""));
    sp_reader_init(&r);
    assert_int_equal(feed(&r, buf_slice(&in), step, &left), SP_GREETED);
    assert_int_equal(feed(&r, left, step, &left), SP_HEAD);
    assert_int_equal(sp_frame(&r).len, WIRE_HEADER_BYTES + 6);
    assert_int_equal(feed(&r, left, step, &left), SP_FRAME);
    assert_int_equal(r.request, 0x80000001u);
    frame = sp_take(&r);
    assert_true(slice_ends_with(buf_slice(&frame), SLICE("secretbody")));
    buf_fini(&frame);
    assert_int_equal(feed(&r, left, step, &left), SP_HEAD);
    assert_int_equal(left.len, 0);
    assert_int_equal(feed(&r, left, step, &left), SP_FRAME); /* with nothing behind its head */
    frame = sp_take(&r);
    assert_int_equal(frame.len, WIRE_HEADER_BYTES);
    buf_fini(&frame);
    assert_int_equal(feed(&r, left, step, &left), SP_MORE);
    sp_reader_fini(&r);
    buf_fini(&in);
}

static void test_sp__reads_the_same_in_any_pieces(void **state)
{
    (void)state;
    for (size_t step = 1; step < 100; step++) {
        read_two(step);
    }
}

static enum sp_event after_greeting(const char *bytes, size_t len)
{
    struct sp_reader r;
    struct slice left;
    enum sp_event event;

    sp_reader_init(&r);
    assert_int_equal(feed(&r, slice_make(greeting, sizeof(greeting)), 8, &left), SP_GREETED);
    event = feed(&r, slice_make(bytes, len), len, &left);
    sp_reader_fini(&r);
    return event;
}

static void test_sp__refuses_lengths_it_cannot_have(void **state)
{
    static const size_t lens[] = {0, WIRE_HEADER_BYTES - 1, LIMIT_FRAME_BYTES - 3, SIZE_MAX / 2};
    char length[SP_LENGTH_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        sp_put_length(lens[i], 1, length);
        assert_int_equal(after_greeting(length, sizeof(length)), SP_BAD);
    }
    sp_put_length(LIMIT_FRAME_BYTES - 4, 1, length);
    assert_int_equal(after_greeting(length, sizeof(length)), SP_MORE);
    sp_put_length(WIRE_HEADER_BYTES, 1, length);
    assert_int_equal(after_greeting(length, sizeof(length)), SP_MORE);
}

static void test_sp__refuses_credentials_beyond_the_frame(void **state)
{
    struct buf in = {0};

    (void)state;
    put_request(&in, 1, SLICE("secret"), SLICE(""));
    sp_put_length(WIRE_HEADER_BYTES + 5, 1, in.ptr);
    assert_int_equal(after_greeting(in.ptr, in.len), SP_BAD);
    sp_put_length(LIMIT_FRAME_BYTES - 4, 1, in.ptr);
    in.ptr[SP_LENGTH_BYTES + 11] = 0x10; /* 4,102 of them */
    assert_int_equal(after_greeting(in.ptr, in.len), SP_BAD);
    buf_fini(&in);
}

static void test_sp__speaks_with_req_sockets_alone(void **state)
{
    struct sp_reader r;
    struct slice left;
    struct buf rep = {0};

    (void)state;
    sp_put_greeting(&rep);
    sp_reader_init(&r);
    assert_int_equal(feed(&r, buf_slice(&rep), 8, &left), SP_BAD);
    assert_int_equal(feed(&r, slice_make(greeting, sizeof(greeting)), 8, &left), SP_BAD);
    sp_reader_fini(&r);
    buf_fini(&rep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sp__reads_the_same_in_any_pieces),
        cmocka_unit_test(test_sp__refuses_lengths_it_cannot_have),
        cmocka_unit_test(test_sp__refuses_credentials_beyond_the_frame),
        cmocka_unit_test(test_sp__speaks_with_req_sockets_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
