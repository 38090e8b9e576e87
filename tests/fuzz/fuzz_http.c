/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a client sends: cut into pieces of any sizes they are read to the same requests
 * as in one piece, and each request keeps what readers of it rely on; then it is understood as one
 * to an AWS service, signed or not. The first byte says how large the pieces are. */
#include <assert.h>
#include <string.h>

#include "coordinator/api/http/request.h"
#include "coordinator/http/reader.h"
#include "coordinator/http/sigv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS_MOST = 64 };

static void check_value(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        assert(s.ptr[i] != '\r' && s.ptr[i] != '\n' && s.ptr[i] != '\0');
    }
}

static void check_request(const struct http_request *r)
{
    size_t text = r->target.len;

    assert(r->method.len != 0 && r->target.len != 0);
    assert(r->target.len <= LIMIT_HTTP_TARGET_BYTES && r->header_count <= LIMIT_HTTP_HEADERS);
    assert(r->body.len <= LIMIT_HTTP_BODY_BYTES);
    for (size_t i = 0; i < r->header_count; i++) {
        const struct http_header *h = &r->headers[i];

        assert(h->name.len != 0 && slice_find(h->name, ' ') == h->name.len);
        check_value(h->value);
        text += h->name.len + h->value.len;
    }
    assert(text <= LIMIT_HTTP_HEAD_BYTES);
    assert(http_header(r, "content-length").ptr == NULL ||
           http_header(r, "transfer-encoding").ptr == NULL);
}

static bool find(void *arg,
                 const struct sigv4_claim *claim,
                 struct arena *a,
                 struct sign_mac *key,
                 enum access_role *role)
{
    const struct sign_scope scope = sigv4_scope(claim);

    (void)arg;
    *key = sign_key(SLICE("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), &scope, a);
    *role = ROLE_RUN;
    return slice_eq_str(claim->access_key, "AKIDEXAMPLE");
}

static void understand(const struct http_request *r, bool open)
{
    const struct aws_access access = {
        .open = open,
        .page_key = SLICE("key"),
        .now_ms = INT64_C(1440938160000),
        .find = find,
    };
    struct arena a = {0};
    struct aws_asked asked;
    struct err err = {0};
    enum err_code rc = aws_understand(r, &access, &a, &asked, &err);

    assert(rc == OK ? asked.request != NULL : err.code == rc && err.msg[0] != '\0');
    assert(rc == OK || aws_error_status(rc) >= 400);
    arena_fini(&a);
}

/* All requests in `bytes`, told in `out`. */
static void read_all(struct slice bytes, size_t step, struct buf *out)
{
    struct http_exchange *x = mem_zalloc(1, sizeof(*x));
    struct http_reader reader;
    size_t count = 0;

    http_reader_init(&reader);
    http_reader_next(&reader, x);
    while (bytes.len != 0 && count < REQUESTS_MOST) {
        bytes = slice_from(bytes, http_reader_feed(&reader, slice_head(bytes, step)));
        if (reader.phase == HTTP_PHASE_BAD) {
            assert(x->status >= 400 && x->why != NULL);
            /* Of two faults in one token, llhttp tells one whole and the other in pieces. */
            buf_put_str(out, "bad");
            break;
        }
        if (reader.phase == HTTP_PHASE_WHOLE) {
            check_request(&x->request);
            understand(&x->request, step % 2 == 0);
            buf_printf(out, "%.*s %.*s %zu [%.*s]\n", SLICE_FMT(x->request.method),
                       SLICE_FMT(x->request.target), x->request.header_count,
                       SLICE_FMT(x->request.body));
            if (!x->keep_alive) {
                break;
            }
            http_exchange_reset(x);
            http_reader_next(&reader, x);
            count++;
        }
    }
    http_exchange_fini(x);
    mem_free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_from(slice_make(data, size), 1);
    struct buf whole = {0};
    struct buf pieces = {0};

    if (size == 0) {
        return 0;
    }
    read_all(bytes, SIZE_MAX, &whole);
    read_all(bytes, (size_t)data[0] + 1, &pieces);
    assert(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
    buf_fini(&whole);
    buf_fini(&pieces);
    return 0;
}
