/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/http/connection.h"

#include <assert.h>

#include "coordinator/http/place.h"
#include "proto/base/sm.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"

enum { KEEP_ALIVE_SECONDS = 60, KEPT_BYTES = 4096 };

static const struct sm_state states[] = {
    [CONNECTION_IDLE] = {"idle", SM(CONNECTION_HEAD) | SM(CONNECTION_BODY) | SM(CONNECTION_OPEN) |
                                     SM(CONNECTION_REPLY) | SM(CONNECTION_CLOSED)},
    [CONNECTION_HEAD] = {"head", SM(CONNECTION_BODY) | SM(CONNECTION_OPEN) | SM(CONNECTION_REPLY) |
                                     SM(CONNECTION_CLOSED)},
    [CONNECTION_BODY] = {"body",
                         SM(CONNECTION_OPEN) | SM(CONNECTION_REPLY) | SM(CONNECTION_CLOSED)},
    [CONNECTION_OPEN] = {"open", SM(CONNECTION_REPLY) | SM(CONNECTION_CLOSED)},
    [CONNECTION_REPLY] = {"reply",
                          SM(CONNECTION_IDLE) | SM(CONNECTION_LINGER) | SM(CONNECTION_CLOSED)},
    [CONNECTION_LINGER] = {"linger", SM(CONNECTION_CLOSED)},
    [CONNECTION_CLOSED] = {"closed", 0},
};

/* How long in a state; 0: as long as it takes. */
static const int64_t limits_ms[CONNECTION_STATES] = {
    [CONNECTION_IDLE] = LIMIT_HTTP_IDLE_MS,     [CONNECTION_HEAD] = LIMIT_HTTP_HEAD_MS,
    [CONNECTION_BODY] = LIMIT_HTTP_BODY_MS,     [CONNECTION_REPLY] = LIMIT_HTTP_WRITE_MS,
    [CONNECTION_LINGER] = LIMIT_HTTP_LINGER_MS,
};

static int64_t now_ms(const struct http_connection *c)
{
    return (int64_t)uv_now(c->server->loop);
}

static void set_state(struct http_connection *c, enum connection_state to)
{
    if (c->state != to) {
        c->state = (enum connection_state)sm_move(states, c->state, to);
        list_remove(&c->link);
        list_push_back(&c->server->states[to], &c->link);
        c->since_ms = now_ms(c);
    }
}

static bool takes_bytes(const struct http_connection *c)
{
    return c->state == CONNECTION_IDLE || c->state == CONNECTION_HEAD ||
           c->state == CONNECTION_BODY;
}

/* ---- closing ---- */

static void release_exchange(struct http_connection *c)
{
    if (c->x != NULL) {
        c->server->held -= c->held;
        c->held = 0;
        server_exchange_back(c->server, c->x);
        c->x = NULL;
    }
}

static void connection_free(struct http_connection *c)
{
    list_remove(&c->link);
    release_exchange(c);
    tls_free(c->tls);
    buf_fini(&c->ahead);
    buf_fini(&c->flying);
    buf_fini(&c->waiting);
    mem_free(c);
}

static void on_closed(uv_handle_t *h)
{
    struct http_connection *c = h->data;
    struct http_server *s = c->server;

    c->gone = true;
    if (!c->open) {
        connection_free(c);
    }
    server_connection_gone(s);
}

void connection_close(struct http_connection *c)
{
    if (c->state == CONNECTION_CLOSED) {
        return;
    }
    set_state(c, CONNECTION_CLOSED);
    if (!c->open) {
        release_exchange(c);
    }
    uv_close(&c->uv.handle, on_closed);
}

/* ---- reading on and off ---- */

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    struct http_connection *c = h->data;

    (void)suggested;
    *out = uv_buf_init(c->server->read, sizeof(c->server->read));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b);

static size_t ahead_bytes(const struct http_connection *c)
{
    return c->ahead.len - c->taken;
}

/* While a request is in hand the rest is read all the same, to see the client leave; within a
 * bound. */
static void read_on_or_off(struct http_connection *c)
{
    bool want = !c->eof && c->state != CONNECTION_CLOSED && ahead_bytes(c) < LIMIT_HTTP_AHEAD_BYTES;

    if (want && !c->reading) {
        c->reading = uv_read_start(&c->uv.stream, on_alloc, on_read) == 0;
    } else if (!want && c->reading) {
        (void)uv_read_stop(&c->uv.stream);
        c->reading = false;
    }
}

/* ---- writing ---- */

static void replied(struct http_connection *c);
static void fly(struct http_connection *c);

static void on_written(uv_write_t *w, int status)
{
    struct http_connection *c = w->data;

    c->writing = false;
    buf_reset(&c->flying);
    if (c->state == CONNECTION_CLOSED) {
        return;
    }
    if (status < 0) {
        connection_close(c);
        return;
    }
    if (c->waiting.len != 0) {
        struct buf b = c->flying;

        c->flying = c->waiting;
        c->waiting = b;
        fly(c);
        return;
    }
    if (c->flying.cap > KEPT_BYTES) {
        buf_fini(&c->flying);
    }
    if (c->state == CONNECTION_REPLY) {
        replied(c);
    }
}

static void fly(struct http_connection *c)
{
    uv_buf_t b = uv_buf_init(c->flying.ptr, (unsigned)c->flying.len);

    c->write.data = c;
    c->writing = uv_write(&c->write, &c->uv.stream, &b, 1, on_written) == 0;
    if (!c->writing) {
        connection_close(c);
    }
}

/* What the socket does not take at once is kept, and written when it does. */
static void send_wire(struct http_connection *c, struct slice bytes)
{
    if (c->writing) {
        buf_put_slice(&c->waiting, bytes);
        return;
    }
    if (bytes.len != 0) {
        uv_buf_t b = uv_buf_init((char *)(uintptr_t)bytes.ptr, (unsigned)bytes.len);
        int n = uv_try_write(&c->uv.stream, &b, 1);

        if (n < 0 && n != UV_EAGAIN) {
            connection_close(c);
            return;
        }
        bytes = slice_from(bytes, n > 0 ? (size_t)n : 0);
    }
    if (bytes.len != 0) {
        buf_put_slice(&c->flying, bytes);
        fly(c);
    }
}

static void send_tls(struct http_connection *c)
{
    struct buf *wire = &c->server->wire;

    buf_reset(wire);
    tls_wire(c->tls, wire);
    send_wire(c, buf_slice(wire));
}

static void send_bytes(struct http_connection *c, struct slice bytes)
{
    if (c->tls == NULL) {
        send_wire(c, bytes);
    } else if (tls_write(c->tls, bytes)) {
        send_tls(c);
    } else {
        connection_close(c);
    }
}

/* ---- the last word ---- */

static void on_shutdown(uv_shutdown_t *r, int status)
{
    (void)r;
    (void)status;
}

/* The client may still be sending: to close now would make its system throw away the answer. */
static void linger(struct http_connection *c)
{
    set_state(c, CONNECTION_LINGER);
    buf_fini(&c->ahead);
    c->taken = 0;
    if (c->eof) {
        connection_close(c);
        return;
    }
    if (c->tls != NULL) {
        tls_end(c->tls);
        send_tls(c);
    }
    if (c->state == CONNECTION_LINGER) {
        (void)uv_shutdown(&c->shutdown, &c->uv.stream, on_shutdown);
        read_on_or_off(c);
    }
}

/* ---- answers ---- */

static const char *reason(unsigned status)
{
    switch (status) {
#define XX(number, name, string)                                                                   \
    case number: return #string;
        HTTP_STATUS_MAP(XX)
#undef XX
    default: return "";
    }
}

/* Made once a second. */
static const char *date_header(struct http_server *s)
{
    int64_t ms = clock_wall_ms();
    struct arena a = {0};

    if (ms / 1000 != s->date_s) {
        s->date_s = ms / 1000;
        (void)snprintf(s->date, sizeof(s->date), "Date: %.*s\r\n",
                       SLICE_FMT(text_http_date(ms, &a)));
        arena_fini(&a);
    }
    return s->date;
}

static void
compose(struct http_server *s, const struct http_answer *a, bool head_only, const char *more)
{
    struct buf *b = &s->scratch;

    buf_reset(b);
    buf_put_str(b, "HTTP/1.1 ");
    buf_put_decimal(b, a->status);
    buf_put_str(b, " ");
    buf_put_str(b, reason(a->status));
    if (a->content_type != NULL) {
        buf_put_str(b, "\r\nContent-Type: ");
        buf_put_str(b, a->content_type);
    }
    buf_put_str(b, "\r\nContent-Length: ");
    buf_put_decimal(b, a->body.len);
    buf_put_str(b, "\r\n");
    buf_put_str(b, date_header(s));
    buf_put_slice(b, a->headers);
    buf_put_str(b, more);
    buf_put_str(b, "\r\n");
    if (!head_only) {
        buf_put_slice(b, a->body);
    }
}

static const char *connection_header(const struct http_connection *c)
{
    if (c->last) {
        return "Connection: close\r\n";
    }
    return c->reader.parser.http_minor == 0 ? "Connection: keep-alive\r\n" : "";
}

static void say(struct http_connection *c, const struct http_answer *a, bool last)
{
    struct http_server *s = c->server;
    bool head_only = c->x != NULL && slice_eq_str(c->x->request.method, "HEAD");

    c->last = last;
    compose(s, a, head_only, connection_header(c));
    set_state(c, CONNECTION_REPLY);
    send_bytes(c, buf_slice(&s->scratch));
    if (c->state == CONNECTION_REPLY && !c->writing) {
        replied(c);
    }
}

void http_peer(const struct http_request *r, char *out, size_t size)
{
    const struct http_connection *c = container_of(r, struct http_exchange, request)->connection;
    union place_address at;
    int len = sizeof(at);

    out[0] = '\0';
    if (uv_tcp_getpeername(&c->uv.tcp, &at.any, &len) == 0) {
        place_name(&at, out, size);
    }
}

void http_answer(struct http_request *r, const struct http_answer *a)
{
    struct http_exchange *x = container_of(r, struct http_exchange, request);
    struct http_connection *c = x->connection;

    assert(c->open);
    c->open = false;
    c->server->open--;
    if (c->state != CONNECTION_CLOSED) {
        say(c, a, !x->keep_alive || c->server->stopping || (c->eof && ahead_bytes(c) == 0));
    } else if (c->gone) {
        connection_free(c);
    } else {
        release_exchange(c);
    }
}

static const char *refusal_name(unsigned status)
{
    switch (status) {
    case 408: return "RequestTimeoutException";
    case 413: return "RequestEntityTooLargeException";
    case 503: return "ServiceUnavailable";
    default: return "BadRequestException";
    }
}

/* What follows in the stream has no meaning any more. */
static void refuse(struct http_connection *c, unsigned status, const char *why)
{
    char body[256];
    int n = snprintf(body, sizeof(body), "{\"__type\":\"%s\",\"message\":\"%s\"}",
                     refusal_name(status), why);
    const struct http_answer a = {
        .status = status,
        .content_type = "application/json",
        .body = slice_make(body, (size_t)n),
    };

    say(c, &a, true);
}

/* ---- requests ---- */

static void open_request(struct http_connection *c)
{
    struct http_server *s = c->server;
    struct http_exchange *x = c->x;

    set_state(c, CONNECTION_OPEN);
    c->open = true;
    s->open++;
    s->hooks.request(s->hooks.arg, &x->request);
    if (c->x == x && c->open && c->eof) {
        s->hooks.left(s->hooks.arg, &x->request);
    }
}

static void reader_moved(struct http_connection *c)
{
    struct http_exchange *x = c->x;

    switch (c->reader.phase) {
    case HTTP_PHASE_IDLE: break;
    case HTTP_PHASE_HEAD: set_state(c, CONNECTION_HEAD); break;
    case HTTP_PHASE_BODY:
        set_state(c, CONNECTION_BODY);
        if (x->expects && x->body.len == 0) {
            x->expects = false;
            send_bytes(c, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
        }
        break;
    case HTTP_PHASE_WHOLE: open_request(c); break;
    case HTTP_PHASE_BAD: refuse(c, x->status, x->why); break;
    }
}

/* All bodies together have their bound: whoever comes last is asked to come again. */
static bool has_room(struct http_connection *c)
{
    size_t bytes = c->x->body.cap;

    c->server->held += bytes - c->held;
    c->held = bytes;
    return c->server->held <= LIMIT_HTTP_HELD_BYTES || c->reader.phase != HTTP_PHASE_BODY;
}

/* Read requests until one is in hand, or the bytes are at their end. @return the rest. */
static struct slice pump(struct http_connection *c, struct slice bytes)
{
    c->pumping = true;
    while (bytes.len != 0 && takes_bytes(c)) {
        if (c->x == NULL) {
            c->x = server_exchange(c->server);
            c->x->connection = c;
            http_reader_next(&c->reader, c->x);
        }
        bytes = slice_from(bytes, http_reader_feed(&c->reader, bytes));
        if (has_room(c)) {
            reader_moved(c);
        } else {
            refuse(c, 503, "too many requests are in hand");
        }
    }
    c->pumping = false;
    return bytes;
}

/* Those that were sent ahead. */
static void pump_ahead(struct http_connection *c)
{
    struct slice rest = pump(c, slice_from(buf_slice(&c->ahead), c->taken));

    c->taken = c->ahead.len - rest.len;
    if (rest.len == 0) {
        buf_fini(&c->ahead);
        c->taken = 0;
    }
    if (c->eof && takes_bytes(c)) {
        connection_close(c); /* it will not be whole any more */
        return;
    }
    read_on_or_off(c);
}

static void replied(struct http_connection *c)
{
    release_exchange(c);
    if (c->last) {
        linger(c);
        return;
    }
    set_state(c, CONNECTION_IDLE);
    if (!c->pumping) {
        pump_ahead(c);
    }
}

/* ---- bytes ---- */

static void keep_ahead(struct http_connection *c, struct slice bytes)
{
    size_t left = ahead_bytes(c);

    if (c->taken != 0) {
        memmove(c->ahead.ptr, c->ahead.ptr + c->taken, left);
        c->ahead.len = left;
        c->taken = 0;
    }
    buf_put_slice(&c->ahead, bytes);
}

static void plain_bytes(struct http_connection *c, struct slice bytes)
{
    if (c->state == CONNECTION_LINGER || c->state == CONNECTION_CLOSED) {
        return;
    }
    if (ahead_bytes(c) == 0) {
        bytes = pump(c, bytes);
    }
    if (bytes.len != 0 && c->state != CONNECTION_LINGER && c->state != CONNECTION_CLOSED) {
        keep_ahead(c, bytes);
    }
}

static void client_ended(struct http_connection *c, bool broken)
{
    struct http_server *s = c->server;

    c->eof = true;
    if (c->open) {
        struct http_request *r = &c->x->request;

        if (broken) {
            connection_close(c);
        }
        s->hooks.left(s->hooks.arg, r);
    } else if (broken || c->state != CONNECTION_REPLY) {
        connection_close(c);
    }
}

/* @return false: the other side has ended it. */
static bool tls_bytes(struct http_connection *c, struct slice wire)
{
    char *plain = c->server->plain;
    int n;

    if (c->state == CONNECTION_IDLE && c->x == NULL) {
        set_state(c, CONNECTION_HEAD); /* a handshake has its time, too */
    }
    tls_feed(c->tls, wire);
    while ((n = tls_read(c->tls, plain, sizeof(c->server->plain))) > 0) {
        plain_bytes(c, slice_make(plain, (size_t)n));
    }
    if (c->state != CONNECTION_CLOSED) {
        send_tls(c);
    }
    return n == 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct http_connection *c = stream->data;

    if (n == 0 || c->eof || c->state == CONNECTION_CLOSED) {
        return;
    }
    if (n < 0) {
        client_ended(c, n != UV_EOF);
    } else if (c->tls == NULL) {
        plain_bytes(c, slice_make(b->base, (size_t)n));
    } else if (!tls_bytes(c, slice_make(b->base, (size_t)n)) && c->state != CONNECTION_CLOSED) {
        client_ended(c, false);
    }
    if (c->state != CONNECTION_CLOSED) {
        read_on_or_off(c);
    }
}

/* ---- from the server ---- */

void connection_accept(struct http_server *s)
{
    struct http_connection *c = mem_zalloc(1, sizeof(*c));
    int rv;

    c->server = s;
    c->state = CONNECTION_IDLE;
    list_init(&c->link);
    list_push_back(&s->states[CONNECTION_IDLE], &c->link);
    c->since_ms = now_ms(c);
    http_reader_init(&c->reader);
    (void)uv_tcp_init(s->loop, &c->uv.tcp);
    c->uv.handle.data = c;
    s->count++;
    rv = uv_accept((uv_stream_t *)&s->listener, &c->uv.stream);
    if (rv != 0) {
        connection_close(c);
        return;
    }
    (void)uv_tcp_nodelay(&c->uv.tcp, 1);
    (void)uv_tcp_keepalive(&c->uv.tcp, 1, KEEP_ALIVE_SECONDS);
    if (s->tls.context != NULL) {
        c->tls = tls_new(s->tls.context);
    }
    read_on_or_off(c);
}

static void timed_out(struct http_connection *c)
{
    bool asked = c->x != NULL && (c->state == CONNECTION_HEAD || c->state == CONNECTION_BODY);

    if (asked) {
        refuse(c, 408, "the request did not come in time");
    } else {
        connection_close(c);
    }
}

void connections_tick(struct http_server *s)
{
    int64_t now = (int64_t)uv_now(s->loop);

    for (int state = 0; state < CONNECTION_STATES; state++) {
        while (limits_ms[state] != 0 && !list_empty(&s->states[state])) {
            struct http_connection *c =
                container_of(s->states[state].next, struct http_connection, link);

            if (now - c->since_ms < limits_ms[state]) {
                break;
            }
            timed_out(c);
        }
    }
}
