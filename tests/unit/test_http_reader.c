/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes to requests: every request is read whole, then byte by byte, to the same end; what could be
 * read in two ways is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "coordinator/http/reader.h"
#include "proto/base/arena.h"

#define HOST "Host: h\r\n"

struct world {
    struct http_reader reader;
    struct http_exchange x;
    size_t used; /* of the bytes, when it was whole or bad */
};

static void end(struct world *w)
{
    http_exchange_fini(&w->x);
}

/* At most `step` bytes at a time. */
static enum http_phase read_by(struct world *w, struct slice bytes, size_t step)
{
    memset(w, 0, sizeof(*w));
    http_reader_init(&w->reader);
    http_reader_next(&w->reader, &w->x);
    while (w->used < bytes.len && w->reader.phase <= HTTP_PHASE_BODY) {
        /* A copy of exactly these bytes: one that is read beyond is seen. */
        struct slice rest = slice_head(slice_from(bytes, w->used), step);
        char *copy = mem_alloc(rest.len);

        memcpy(copy, rest.ptr, rest.len);
        w->used += http_reader_feed(&w->reader, slice_make(copy, rest.len));
        mem_free(copy);
    }
    return w->reader.phase;
}

static void is_refused(const char *bytes, size_t len, unsigned status)
{
    static const size_t steps[] = {SIZE_MAX, 1, 7};

    for (size_t i = 0; i < 3; i++) {
        struct world w;

        if (read_by(&w, slice_make(bytes, len), steps[i]) != HTTP_PHASE_BAD ||
            w.x.status != status) {
            fail_msg("phase %d, status %u, not %u, by %zu:\n%.*s", (int)w.reader.phase, w.x.status,
                     status, steps[i], (int)(len < 500 ? len : 500), bytes);
        }
        end(&w);
    }
}
#define REFUSED(text, status) is_refused(text, sizeof(text) - 1, status)

/* Whole, with the body `body`; `rest` bytes are left over. */
static void is_whole(struct slice bytes, const char *body, size_t rest)
{
    static const size_t steps[] = {SIZE_MAX, 1, 7};

    for (size_t i = 0; i < 3; i++) {
        struct world w;

        if (read_by(&w, bytes, steps[i]) != HTTP_PHASE_WHOLE) {
            fail_msg("phase %d, %s, by %zu:\n%.*s", (int)w.reader.phase, w.x.why, steps[i],
                     SLICE_FMT(slice_head(bytes, 500)));
        }
        assert_int_equal(bytes.len - w.used, rest);
        assert_true(slice_eq_str(w.x.request.body, body));
        end(&w);
    }
}
#define WHOLE(text, body, rest) is_whole(SLICE(text), body, rest)

/* ---- what is read ---- */

static void test_http_reader__a_request(void **state)
{
    static const struct slice bytes =
        SLICE_INIT("POST /a?b=c HTTP/1.1\r\nHost:  example \r\nX-EMPTY:\r\nX-Amz-Target: S.Op\t\r\n"
                   "Content-Length: 2\r\n\r\n{}");

    (void)state;
    for (size_t step = 1; step < bytes.len + 1; step++) {
        struct world w;

        assert_int_equal(read_by(&w, bytes, step), HTTP_PHASE_WHOLE);
        assert_int_equal(w.used, bytes.len);
        assert_true(slice_eq_str(w.x.request.method, "POST"));
        assert_true(slice_eq_str(w.x.request.target, "/a?b=c"));
        assert_true(slice_eq_str(w.x.request.body, "{}"));
        assert_int_equal(w.x.request.header_count, 4);
        assert_true(slice_eq_str(http_header(&w.x.request, "host"), "example"));
        assert_true(slice_eq_str(http_header(&w.x.request, "x-empty"), ""));
        assert_true(slice_eq_str(http_header(&w.x.request, "x-amz-target"), "S.Op"));
        assert_null(http_header(&w.x.request, "x-amz").ptr);
        assert_true(w.x.keep_alive);
        end(&w);
    }
}

static void test_http_reader__bodies(void **state)
{
    (void)state;
    WHOLE("GET / HTTP/1.1\r\n" HOST "\r\n", "", 0);
    WHOLE("GET / HTTP/1.1\r\n" HOST "\r\nGET", "", 3);
    WHOLE("POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "", 0);
    WHOLE("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcPOST /", "abc", 6);
    WHOLE("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
          "1\r\na\r\nA;x=y\r\nbcdefghijk\r\n0\r\n\r\nP",
          "abcdefghijk", 1);
    WHOLE("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", "", 0);
    WHOLE("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
          "1\r\na\r\n0\r\nContent-Length: 9\r\nX: y\r\n\r\n",
          "a", 0);
    WHOLE("\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "", 0);
    WHOLE("GET / HTTP/1.0\r\n\r\n", "", 0);
}

static void test_http_reader__keep_alive(void **state)
{
    static const struct {
        const char *text;
        bool keep_alive;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;

        assert_int_equal(read_by(&w, slice_str(rows[i].text), SIZE_MAX), HTTP_PHASE_WHOLE);
        assert_int_equal(w.x.keep_alive, rows[i].keep_alive);
        end(&w);
    }
}

/* One connection, three requests, as they follow each other in one piece. */
static void test_http_reader__one_after_the_other(void **state)
{
    static const struct slice bytes = SLICE_INIT(
        "POST /1 HTTP/1.1\r\n" HOST "X: 1\r\nContent-Length: 1\r\n\r\na"
        "POST /2 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n"
        "GET /3 HTTP/1.1\r\n" HOST "\r\n");
    static const char *const targets[] = {"/1", "/2", "/3"};
    static const char *const bodies[] = {"a", "b", ""};

    (void)state;
    for (size_t step = 1; step <= bytes.len; step += 3) {
        struct world w = {0};
        struct slice rest = bytes;

        http_reader_init(&w.reader);
        for (size_t i = 0; i < 3; i++) {
            http_exchange_reset(&w.x);
            http_reader_next(&w.reader, &w.x);
            while (w.reader.phase <= HTTP_PHASE_BODY) {
                assert_true(rest.len != 0);
                rest = slice_from(rest, http_reader_feed(&w.reader, slice_head(rest, step)));
            }
            assert_int_equal(w.reader.phase, HTTP_PHASE_WHOLE);
            assert_true(slice_eq_str(w.x.request.target, targets[i]));
            assert_true(slice_eq_str(w.x.request.body, bodies[i]));
            assert_int_equal(w.x.request.header_count, i == 0 ? 3 : i == 1 ? 2 : 1);
        }
        assert_int_equal(rest.len, 0);
        end(&w);
    }
}

static void test_http_reader__what_is_expected(void **state)
{
    struct world w;

    (void)state;
    assert_int_equal(read_by(&w,
                             SLICE("POST / HTTP/1.1\r\n" HOST
                                   "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n"),
                             SIZE_MAX),
                     HTTP_PHASE_BODY);
    assert_true(w.x.expects);
    end(&w);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n", 417);
}

/* ---- what is refused ---- */

static void test_http_reader__two_lengths(void **state)
{
    (void)state;
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
            "0\r\n\r\n",
            400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
            "0\r\n\r\n",
            400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400);
}

static void test_http_reader__lengths_that_are_none(void **state)
{
    (void)state;
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\na", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\na", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length: 1 1\r\n\r\na", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\na", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length : 1\r\n\r\na", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length\r\n\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400);
}

static void test_http_reader__codings_that_are_none(void **state)
{
    (void)state;
    REFUSED("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 501);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501);
    REFUSED("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
            "FFFFFFFFFFFFFFFFF\r\n",
            400);
}

static void test_http_reader__lines_that_are_none(void **state)
{
    (void)state;
    REFUSED("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400); /* TLS where there is none */
    REFUSED("GET / HTTP/1.1\n" HOST "\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X y: a\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400);
    REFUSED("GET /\x01 HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("get / HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET / HTTP/1.2\r\n" HOST "\r\n", 400);
    REFUSED("GET / HTTP/2.0\r\n" HOST "\r\n", 505);
    REFUSED("GET / HTTP/9.9\r\n" HOST "\r\n", 400);
    REFUSED("CONNECT h:1 HTTP/1.1\r\n" HOST "\r\n", 405);
}

/* Where a chunk or a body ends must not hang on what counts as the end of a line. */
static void test_http_reader__framing_that_is_none(void **state)
{
    (void)state;
#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
    REFUSED(CHUNKED "1\na\r\n0\r\n\r\n", 400);
    REFUSED(CHUNKED "1\r\na\n0\r\n\r\n", 400);
    REFUSED(CHUNKED "1;x\ny\r\na\r\n0\r\n\r\n", 400);
    REFUSED(CHUNKED "1;x\ry\r\na\r\n0\r\n\r\n", 400);
    REFUSED(CHUNKED "1;x=\"\n\"\r\na\r\n0\r\n\r\n", 400);
    REFUSED(CHUNKED "1\r\na\r\n0\r\n\n", 400);
    REFUSED(CHUNKED "1\r\na\r\n0\n\r\n", 400);
    REFUSED(CHUNKED "0\r\nX: y\n\r\n", 400);
    REFUSED(CHUNKED "0\r\nX: y\r\n\n", 400);
    REFUSED(CHUNKED "0\r\nX: y\rZ: z\r\n\r\n", 400);
    WHOLE(CHUNKED "3\r\na\nb\r\n1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n", "a\nb\r\n", 0);
#undef CHUNKED
}

static void test_http_reader__lines_that_go_on(void **state)
{
    (void)state;
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n X: y\r\n" HOST "\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n 1\r\n\r\na", 400);
}

static void test_http_reader__a_return_alone(void **state)
{
    (void)state;
    REFUSED("GET / HTTP/1.1\r" HOST "\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X:\rContent-Length: 1\r\n\r\na", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\r\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "\r\r\n", 400);
    REFUSED("\r\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400);
}

static void test_http_reader__hosts(void **state)
{
    (void)state;
    REFUSED("GET / HTTP/1.1\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400);
}

/* ---- limits: at the most, and one more ---- */

static void put_many(struct buf *b, char c, size_t count)
{
    memset(buf_reserve(b, count), c, count);
    b->len += count;
}

static void target_of(struct buf *b, size_t bytes)
{
    buf_reset(b);
    buf_put_str(b, "GET /");
    put_many(b, 'a', bytes - 1);
    buf_put_str(b, " HTTP/1.1\r\n" HOST "\r\n");
}

static void test_http_reader__the_longest_target(void **state)
{
    struct buf b = {0};

    (void)state;
    target_of(&b, LIMIT_HTTP_TARGET_BYTES);
    is_whole(buf_slice(&b), "", 0);
    target_of(&b, LIMIT_HTTP_TARGET_BYTES + 1);
    is_refused(b.ptr, b.len, 414);
    buf_fini(&b);
}

/* Its text in all: target, names, values. */
static void head_of(struct buf *b, size_t bytes)
{
    buf_reset(b);
    buf_put_str(b, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    put_many(b, 'a', bytes - strlen("/hosthx"));
    buf_put_str(b, "\r\n\r\n");
}

static void test_http_reader__the_largest_head(void **state)
{
    struct buf b = {0};

    (void)state;
    head_of(&b, LIMIT_HTTP_HEAD_BYTES);
    is_whole(buf_slice(&b), "", 0);
    head_of(&b, LIMIT_HTTP_HEAD_BYTES + 1);
    is_refused(b.ptr, b.len, 431);
    buf_fini(&b);
}

static void headers_of(struct buf *b, int count)
{
    buf_reset(b);
    buf_put_str(b, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 1; i < count; i++) {
        buf_printf(b, "X-%d: y\r\n", i);
    }
    buf_put_str(b, "\r\n");
}

static void test_http_reader__the_most_headers(void **state)
{
    struct buf b = {0};

    (void)state;
    headers_of(&b, LIMIT_HTTP_HEADERS);
    is_whole(buf_slice(&b), "", 0);
    headers_of(&b, LIMIT_HTTP_HEADERS + 1);
    is_refused(b.ptr, b.len, 431);
    b.len -= strlen("\r\n");
    buf_put_str(&b, "\n"); /* what is wrong first is told, however it was cut */
    is_refused(b.ptr, b.len, 431);
    buf_fini(&b);
}

static void body_of(struct buf *b, size_t bytes, bool chunked)
{
    buf_reset(b);
    buf_put_str(b, "POST / HTTP/1.1\r\n" HOST);
    if (chunked) {
        buf_printf(b, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", bytes);
    } else {
        buf_printf(b, "Content-Length: %zu\r\n\r\n", bytes);
    }
    put_many(b, 'a', bytes);
    buf_put_str(b, chunked ? "\r\n0\r\n\r\n" : "");
}

static void test_http_reader__the_largest_body(void **state)
{
    struct buf b = {0};

    (void)state;
    for (int chunked = 0; chunked < 2; chunked++) {
        struct world w;

        body_of(&b, LIMIT_HTTP_BODY_BYTES, chunked != 0);
        assert_int_equal(read_by(&w, buf_slice(&b), 65536), HTTP_PHASE_WHOLE);
        assert_int_equal(w.x.request.body.len, LIMIT_HTTP_BODY_BYTES);
        end(&w);
        body_of(&b, (size_t)LIMIT_HTTP_BODY_BYTES + 1, chunked != 0);
        assert_int_equal(read_by(&w, buf_slice(&b), 65536), HTTP_PHASE_BAD);
        assert_int_equal(w.x.status, 413);
        end(&w);
    }
    buf_fini(&b);
}

/* A length alone is enough to refuse: the bytes need not come. */
static void test_http_reader__a_length_too_large(void **state)
{
    (void)state;
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length: 4194305\r\n\r\n", 413);
}

static void test_http_reader__chunks_of_nothing_but_framing(void **state)
{
    struct buf b = {0};
    struct world w;

    (void)state;
    buf_put_str(&b, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;");
    put_many(&b, 'x', (size_t)2 * LIMIT_HTTP_FRAMING_BYTES);
    assert_int_equal(read_by(&w, buf_slice(&b), 65536), HTTP_PHASE_BAD);
    assert_int_equal(w.x.status, 413);
    assert_true(w.used <= LIMIT_HTTP_FRAMING_BYTES + 2 * 65536);
    end(&w);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_reader__a_request),
        cmocka_unit_test(test_http_reader__bodies),
        cmocka_unit_test(test_http_reader__keep_alive),
        cmocka_unit_test(test_http_reader__one_after_the_other),
        cmocka_unit_test(test_http_reader__what_is_expected),
        cmocka_unit_test(test_http_reader__two_lengths),
        cmocka_unit_test(test_http_reader__lengths_that_are_none),
        cmocka_unit_test(test_http_reader__codings_that_are_none),
        cmocka_unit_test(test_http_reader__lines_that_are_none),
        cmocka_unit_test(test_http_reader__framing_that_is_none),
        cmocka_unit_test(test_http_reader__lines_that_go_on),
        cmocka_unit_test(test_http_reader__a_return_alone),
        cmocka_unit_test(test_http_reader__hosts),
        cmocka_unit_test(test_http_reader__the_longest_target),
        cmocka_unit_test(test_http_reader__the_largest_head),
        cmocka_unit_test(test_http_reader__the_most_headers),
        cmocka_unit_test(test_http_reader__the_largest_body),
        cmocka_unit_test(test_http_reader__a_length_too_large),
        cmocka_unit_test(test_http_reader__chunks_of_nothing_but_framing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
