/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/http/reader.h"

#include <assert.h>
#include <strings.h>

enum { KEPT_BYTES = 64 * 1024 }; /* of a buffer in the pool: one large request is no rule */

static struct http_reader *reader_of(llhttp_t *p)
{
    return p->data;
}

/* A callback's refusal: llhttp stops there. */
static int refuse(struct http_reader *r, unsigned status, const char *why)
{
    if (r->x->status == 0) {
        r->x->status = status;
        r->x->why = why;
    }
    return HPE_USER;
}

/* ---- the head ---- */

static int take_text(struct http_reader *r, const char *at, size_t len, struct http_span *span)
{
    struct http_exchange *x = r->x;

    if (x->text.len + len > LIMIT_HTTP_HEAD_BYTES) {
        return refuse(r, 431, "the head of the request is too large");
    }
    buf_put(&x->text, at, len);
    span->len += len;
    return 0;
}

static int on_url(llhttp_t *p, const char *at, size_t len)
{
    struct http_reader *r = reader_of(p);

    if (r->x->target.len + len > LIMIT_HTTP_TARGET_BYTES) {
        return refuse(r, 414, "the target of the request is too long");
    }
    return take_text(r, at, len, &r->x->target);
}

/* The header before is whole when the next one begins, or the head ends. */
static void close_value(struct http_exchange *x)
{
    if (x->in_value) {
        x->header_count++;
        x->in_value = false;
    }
}

static int on_header_field(llhttp_t *p, const char *at, size_t len)
{
    struct http_reader *r = reader_of(p);
    struct http_exchange *x = r->x;
    size_t from = x->text.len;
    int rc;

    if (r->phase == HTTP_PHASE_BODY) {
        return 0; /* a trailer: read over */
    }
    close_value(x);
    if (x->header_count == LIMIT_HTTP_HEADERS) {
        return refuse(r, 431, "the request has too many headers");
    }
    if (x->names[x->header_count].len == 0) {
        x->names[x->header_count].from = from;
    }
    rc = take_text(r, at, len, &x->names[x->header_count]);
    for (size_t i = from; i < x->text.len; i++) {
        char c = x->text.ptr[i];

        x->text.ptr[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return rc;
}

static int on_header_field_complete(llhttp_t *p)
{
    struct http_reader *r = reader_of(p);
    struct http_exchange *x = r->x;

    if (r->phase == HTTP_PHASE_BODY) {
        return 0;
    }
    if (x->names[x->header_count].len == 0) {
        return refuse(r, 400, "a header has no name");
    }
    x->in_value = true;
    x->values[x->header_count] = (struct http_span){x->text.len, 0};
    return 0;
}

static int on_header_value(llhttp_t *p, const char *at, size_t len)
{
    struct http_reader *r = reader_of(p);
    struct http_exchange *x = r->x;

    if (r->phase == HTTP_PHASE_BODY) {
        return 0;
    }
    return take_text(r, at, len, &x->values[x->header_count]);
}

static struct slice span_slice(const struct http_exchange *x, struct http_span s)
{
    return slice_make(x->text.ptr + s.from, s.len);
}

/* Spans become slices when nothing moves the text any more. */
static void fill_request(struct http_exchange *x, const char *method)
{
    for (size_t i = 0; i < x->header_count; i++) {
        x->headers[i] = (struct http_header){
            .name = span_slice(x, x->names[i]),
            .value = span_slice(x, x->values[i]),
        };
        while (x->headers[i].value.len != 0 &&
               strchr(" \t", x->headers[i].value.ptr[x->headers[i].value.len - 1]) != NULL) {
            x->headers[i].value.len--;
        }
    }
    x->request.method = slice_str(method);
    x->request.target = span_slice(x, x->target);
    x->request.headers = x->headers;
    x->request.header_count = x->header_count;
}

static size_t count_headers(const struct http_exchange *x, struct slice name)
{
    size_t n = 0;

    for (size_t i = 0; i < x->header_count; i++) {
        n += slice_eq(x->headers[i].name, name);
    }
    return n;
}

static bool is_word(struct slice s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.ptr, word, s.len) == 0;
}

/* Where its body ends must be said once, in one way. llhttp refuses most of this by itself:
 * whatever its version lets pass must not hang on it. */
static int check_length(struct http_reader *r)
{
    const struct http_exchange *x = r->x;
    size_t lengths = count_headers(x, SLICE("content-length"));
    size_t codings = count_headers(x, SLICE("transfer-encoding"));

    if (lengths > 1 || codings > 1 || lengths + codings > 1) {
        return refuse(r, 400, "the length of the body is given more than once");
    }
    if (codings == 1 && r->parser.http_minor == 0) {
        return refuse(r, 400, "HTTP/1.0 has no transfer coding");
    }
    if (codings == 1 && !is_word(http_header(&x->request, "transfer-encoding"), "chunked")) {
        return refuse(r, 501, "the transfer coding is not known here");
    }
    if ((codings == 1 && (r->parser.flags & F_CHUNKED) == 0) ||
        (lengths == 1 && (r->parser.flags & F_CONTENT_LENGTH) == 0)) {
        return refuse(r, 400, "the length of the body cannot be read");
    }
    if (lengths == 1 && r->parser.content_length > LIMIT_HTTP_BODY_BYTES) {
        return refuse(r, 413, "the body is too large");
    }
    return 0;
}

static int check_expect(struct http_reader *r)
{
    struct http_exchange *x = r->x;
    struct slice expect = http_header(&x->request, "expect");

    if (expect.ptr == NULL || r->parser.http_minor == 0) {
        return 0;
    }
    if (!is_word(expect, "100-continue")) {
        return refuse(r, 417, "only 100-continue can be expected");
    }
    x->expects = true;
    return 0;
}

static int check_head(struct http_reader *r)
{
    const struct http_exchange *x = r->x;
    size_t hosts = count_headers(x, SLICE("host"));
    int rc;

    if (r->parser.http_major != 1 || r->parser.http_minor > 1) {
        return refuse(r, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    }
    if (r->parser.method == HTTP_CONNECT) {
        return refuse(r, 405, "this is no proxy");
    }
    if (hosts > 1 || (hosts == 0 && r->parser.http_minor == 1)) {
        return refuse(r, 400, "the request must have one Host");
    }
    rc = check_length(r);
    return rc != 0 ? rc : check_expect(r);
}

static int on_headers_complete(llhttp_t *p)
{
    struct http_reader *r = reader_of(p);
    struct http_exchange *x = r->x;

    close_value(x);
    fill_request(x, llhttp_method_name((llhttp_method_t)p->method));
    p->upgrade = 0; /* an offer that is not taken */
    x->keep_alive = llhttp_should_keep_alive(p) == 1;
    r->phase = HTTP_PHASE_BODY;
    r->body_raw = 0;
    return check_head(r);
}

/* ---- the body ---- */

/* CR and LF stand together or not at all. */
static bool tears_line_end(char before, char c)
{
    return (c == '\n') != (before == '\r');
}

/* So it is in chunks' sizes and extensions, and in trailers: what is between the bytes of a body,
 * up to `end`. */
static int check_framing(struct http_reader *r, const char *end)
{
    for (; r->framing < end; r->framing++) {
        if (tears_line_end(r->before, *r->framing)) {
            return refuse(r, 400, "a line of the body's framing does not end with CR LF");
        }
        r->before = *r->framing;
    }
    return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t len)
{
    struct http_reader *r = reader_of(p);
    int rc = check_framing(r, at);

    if (rc != 0) {
        return rc;
    }
    r->framing = at + len;
    r->before = '\0';
    if (r->x->body.len + len > LIMIT_HTTP_BODY_BYTES) {
        return refuse(r, 413, "the body is too large");
    }
    buf_put(&r->x->body, at, len);
    return 0;
}

static int on_message_complete(llhttp_t *p)
{
    struct http_reader *r = reader_of(p);

    r->x->request.body = buf_slice(&r->x->body);
    r->phase = HTTP_PHASE_WHOLE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- */

void http_reader_init(struct http_reader *r)
{
    memset(r, 0, sizeof(*r));
    llhttp_init(&r->parser, HTTP_REQUEST, &settings);
    r->parser.data = r;
}

void http_reader_next(struct http_reader *r, struct http_exchange *x)
{
    r->x = x;
    r->phase = HTTP_PHASE_IDLE;
    r->head_over = r->head_begun = r->line_begun = false;
    r->before = '\0';
    llhttp_resume(&r->parser);
}

/* What is between the bytes of a body has its own bound: chunks of one byte, endless extensions. */
static int check_framing_size(struct http_reader *r, size_t used)
{
    r->body_raw += used;
    if (r->body_raw > r->x->body.len && r->body_raw - r->x->body.len > LIMIT_HTTP_FRAMING_BYTES) {
        return refuse(r, 413, "the body's chunks are too many");
    }
    return 0;
}

/* Every line of a head ends with CR LF, and begins a header: llhttp takes LF alone as well, and
 * lines that go on. The bytes before the first that must not be: what is wrong before it is told
 * first, however the bytes were cut. */
static size_t well_formed(struct http_reader *r, struct slice bytes)
{
    size_t i = 0;

    for (; i < bytes.len && !r->head_over; i++) {
        char c = bytes.ptr[i];
        bool goes_on = (c == ' ' || c == '\t') && r->before == '\n' && r->head_begun;

        if (goes_on || tears_line_end(r->before, c)) {
            return i;
        }
        if (c == '\n') {
            r->head_over = r->head_begun && !r->line_begun;
            r->line_begun = false;
        } else if (c != '\r') {
            r->head_begun = r->line_begun = true;
        }
        r->before = c;
    }
    r->framing = bytes.ptr + i;
    return bytes.len;
}

static size_t bad_bytes(struct http_reader *r, size_t used)
{
    (void)refuse(r, 400, "the bytes are no HTTP/1.1 request");
    r->phase = HTTP_PHASE_BAD;
    return used;
}

size_t http_reader_feed(struct http_reader *r, struct slice bytes)
{
    bool in_body = r->phase == HTTP_PHASE_BODY;
    size_t used = bytes.len;
    size_t good;
    llhttp_errno_t rc;

    assert(r->phase <= HTTP_PHASE_BODY && r->x != NULL);
    if (bytes.len == 0) {
        return 0;
    }
    if (r->phase == HTTP_PHASE_IDLE) {
        r->phase = HTTP_PHASE_HEAD;
    }
    r->framing = bytes.ptr;
    good = well_formed(r, bytes);
    rc = llhttp_execute(&r->parser, bytes.ptr, good);
    if (rc == HPE_PAUSED && r->phase == HTTP_PHASE_WHOLE) {
        used = (size_t)(llhttp_get_error_pos(&r->parser) - bytes.ptr);
    } else if (rc != HPE_OK || good < bytes.len) {
        return bad_bytes(r, used);
    }
    if (check_framing(r, bytes.ptr + used) != 0 ||
        (in_body && r->phase == HTTP_PHASE_BODY && check_framing_size(r, used) != 0)) {
        return bad_bytes(r, used);
    }
    return used;
}

/* ---- exchanges ---- */

static void shrink(struct buf *b)
{
    if (b->cap > KEPT_BYTES) {
        buf_fini(b);
    }
    buf_reset(b);
}

void http_exchange_reset(struct http_exchange *x)
{
    size_t headers = x->header_count;

    shrink(&x->text);
    shrink(&x->body);
    for (size_t i = 0; i <= headers && i < LIMIT_HTTP_HEADERS; i++) {
        x->names[i] = (struct http_span){0, 0};
    }
    x->request = (struct http_request){0};
    x->target = (struct http_span){0, 0};
    x->header_count = 0;
    x->in_value = x->keep_alive = x->expects = false;
    x->status = 0;
    x->why = NULL;
    x->connection = NULL;
}

void http_exchange_fini(struct http_exchange *x)
{
    buf_fini(&x->text);
    buf_fini(&x->body);
}

struct slice http_header(const struct http_request *r, const char *name)
{
    struct slice wanted = slice_str(name);

    for (size_t i = 0; i < r->header_count; i++) {
        if (slice_eq(r->headers[i].name, wanted)) {
            return r->headers[i].value;
        }
    }
    return (struct slice){NULL, 0};
}
