/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/link/connection.h"

#include <assert.h>
#include <stdio.h>

#include "coordinator/access/gate.h"
#include "proto/base/limits.h"
#include "proto/base/sm.h"

enum {
    KEEP_ALIVE_SECONDS = 60,
    FIRST_ID = 1, /* of connections, in the upper half: nng's pipes have the lower */
};

static const struct sm_state states[] = {
    [LINK_STRANGER] = {"stranger", SM(LINK_KNOWN) | SM(LINK_LEAVING) | SM(LINK_CLOSED)},
    [LINK_KNOWN] = {"known", SM(LINK_LEAVING) | SM(LINK_CLOSED)},
    [LINK_LEAVING] = {"leaving", SM(LINK_CLOSED)},
    [LINK_CLOSED] = {"closed", 0},
};

static int64_t now_ms(const struct link *l)
{
    return (int64_t)uv_now(&l->loop);
}

static void set_state(struct link_connection *c, enum link_state to)
{
    struct link *l = c->link;

    l->strangers -= c->state == LINK_STRANGER;
    c->state = (enum link_state)sm_move(states, c->state, to);
    list_remove(&c->at);
    list_push_back(&l->states[to], &c->at);
    c->since_ms = now_ms(l);
}

static bool takes_bytes(const struct link_connection *c)
{
    return c->state == LINK_STRANGER || c->state == LINK_KNOWN;
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *h)
{
    struct link_connection *c = h->data;

    list_remove(&c->at);
    c->link->count--;
    tls_free(c->tls);
    sp_reader_fini(&c->reader);
    buf_fini(&c->ahead);
    explicit_bzero(&c->peer, sizeof(c->peer));
    mem_free(c);
}

void link_connection_close(struct link_connection *c)
{
    struct link *l = c->link;

    if (c->state == LINK_CLOSED) {
        return;
    }
    set_state(c, LINK_CLOSED);
    hash_remove(&l->by_id, &c->by_id);
    list_remove(&c->paused);
    if (c->asked) {
        l->hooks.gone(l->hooks.arg, c->id);
    }
    uv_close(&c->uv.handle, on_closed);
}

/* ---- reading on and off ---- */

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    struct link_connection *c = h->data;

    (void)suggested;
    *out = uv_buf_init(c->link->read, sizeof(c->link->read));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b);

static void read_on_or_off(struct link_connection *c)
{
    bool want =
        c->state != LINK_CLOSED && list_empty(&c->paused) && c->unsent <= LIMIT_LINK_UNSENT_BYTES;

    if (want && !c->reading) {
        c->reading = uv_read_start(&c->uv.stream, on_alloc, on_read) == 0;
    } else if (!want && c->reading) {
        (void)uv_read_stop(&c->uv.stream);
        c->reading = false;
    }
}

/* ---- writing ---- */

struct link_write {
    uv_write_t write;
    struct link_connection *connection;
    struct buf bytes;
};

static void on_written(uv_write_t *write, int status)
{
    struct link_write *w = container_of(write, struct link_write, write);
    struct link_connection *c = w->connection;

    c->unsent -= w->bytes.len;
    c->written_ms = now_ms(c->link);
    buf_fini(&w->bytes);
    mem_free(w);
    if (status < 0) {
        link_connection_close(c);
    } else if (c->state != LINK_CLOSED) {
        read_on_or_off(c);
    }
}

/* What the system does not take at once. */
static void write_later(struct link_connection *c, struct slice bytes)
{
    struct link_write *w = mem_zalloc(1, sizeof(*w));
    uv_buf_t b;

    w->connection = c;
    buf_put_slice(&w->bytes, bytes);
    b = uv_buf_init(w->bytes.ptr, (unsigned)w->bytes.len);
    c->written_ms = c->unsent == 0 ? now_ms(c->link) : c->written_ms;
    c->unsent += bytes.len;
    if (uv_write(&w->write, &c->uv.stream, &b, 1, on_written) != 0) {
        c->unsent -= bytes.len;
        buf_fini(&w->bytes);
        mem_free(w);
        link_connection_close(c);
    }
}

/* What TLS has for the other side. */
static void flush(struct link_connection *c)
{
    struct buf *wire = &c->link->wire;
    struct slice bytes;
    uv_buf_t b;
    int n = 0;

    buf_reset(wire);
    tls_wire(c->tls, wire);
    bytes = buf_slice(wire);
    if (bytes.len == 0 || c->state == LINK_CLOSED) {
        return;
    }
    if (c->unsent == 0) {
        b = uv_buf_init(wire->ptr, (unsigned)wire->len);
        n = uv_try_write(&c->uv.stream, &b, 1);
    }
    if (n < 0 && n != UV_EAGAIN) {
        link_connection_close(c);
        return;
    }
    bytes = slice_from(bytes, n > 0 ? (size_t)n : 0);
    if (bytes.len != 0) {
        write_later(c, bytes);
    }
}

static void say(struct link_connection *c, struct slice plain)
{
    if (!tls_write(c->tls, plain)) {
        link_connection_close(c);
    }
}

/* ---- what comes ---- */

static void say_frame(struct link_connection *c, struct slice frame)
{
    char length[SP_LENGTH_BYTES];

    sp_put_length(frame.len, c->reader.request, length);
    say(c, slice_make(length, sizeof(length)));
    if (c->state != LINK_CLOSED) {
        say(c, frame);
    }
}

static void on_shutdown(uv_shutdown_t *r, int status)
{
    (void)r;
    (void)status;
}

/* It reads why; closed at once, its system might throw that away. */
static void leave(struct link_connection *c)
{
    set_state(c, LINK_LEAVING);
    tls_end(c->tls);
    flush(c);
    if (c->state == LINK_LEAVING) {
        (void)uv_shutdown(&c->shutdown, &c->uv.stream, on_shutdown);
    }
}

static void greet(struct link_connection *c)
{
    struct buf greeting = {0};

    c->greeted = true;
    sp_put_greeting(&greeting);
    say(c, buf_slice(&greeting));
    buf_fini(&greeting);
}

static void head_is_there(struct link_connection *c)
{
    struct buf refusal = {0};
    enum gate gate = gate_look(c->link->config.access, &c->peer, sp_frame(&c->reader), &refusal);

    c->skip = gate != GATE_PASS;
    if (c->skip) {
        say_frame(c, buf_slice(&refusal));
    }
    if (c->state == LINK_STRANGER && gate != GATE_CLOSE) {
        set_state(c, LINK_KNOWN);
    }
    if (gate == GATE_CLOSE && c->state != LINK_CLOSED) {
        leave(c);
    }
    buf_fini(&refusal);
}

static void frame_is_there(struct link_connection *c)
{
    struct link *l = c->link;
    struct link_request r = {
        .connection = c->id,
        .number = c->reader.request,
        .who = &c->peer.who,
        .frame = sp_take(&c->reader),
    };

    if (c->skip) {
        c->skip = false;
        buf_fini(&r.frame);
        return;
    }
    c->asked = true;
    l->in_hand++;
    l->hooks.request(l->hooks.arg, &r);
}

static void read_event(struct link_connection *c, enum sp_event event)
{
    switch (event) {
    case SP_MORE: break;
    case SP_GREETED: greet(c); break;
    case SP_HEAD: head_is_there(c); break;
    case SP_FRAME: frame_is_there(c); break;
    case SP_BAD: link_connection_close(c); break;
    }
}

/* As far as requests may be in hand; the rest is kept, and more of it not read. */
static void plain_bytes(struct link_connection *c, struct slice bytes)
{
    struct link *l = c->link;
    enum sp_event event = SP_MORE;

    /* A frame may have nothing behind its head. */
    while ((bytes.len != 0 || event == SP_HEAD) && takes_bytes(c) && l->in_hand < LIMIT_CONTEXTS) {
        bytes = slice_from(bytes, sp_feed(&c->reader, bytes, &event));
        read_event(c, event);
    }
    if (bytes.len != 0 && takes_bytes(c)) {
        buf_put_slice(&c->ahead, bytes);
        if (list_empty(&c->paused)) {
            list_push_back(&l->paused, &c->paused);
        }
    }
}

/* @return whether the connection goes on. */
static bool tls_bytes(struct link_connection *c, struct slice wire)
{
    char *plain = c->link->plain;
    int n;

    tls_feed(c->tls, wire);
    while ((n = tls_read(c->tls, plain, sizeof(c->link->plain))) > 0) {
        if (list_empty(&c->paused)) {
            plain_bytes(c, slice_make(plain, (size_t)n));
        } else {
            buf_put(&c->ahead, plain, (size_t)n);
        }
    }
    flush(c);
    return n == 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct link_connection *c = stream->data;

    if (n == 0 || c->state == LINK_CLOSED) {
        return;
    }
    if (n < 0 || !tls_bytes(c, slice_make(b->base, (size_t)n))) {
        link_connection_close(c);
    } else {
        read_on_or_off(c);
    }
}

/* ---- from the link ---- */

static struct link_connection *connection_new(struct link *l)
{
    struct link_connection *c = mem_zalloc(1, sizeof(*c));

    c->link = l;
    c->id = (uint64_t)(FIRST_ID + l->last_id++) << 32;
    c->state = LINK_STRANGER;
    c->since_ms = now_ms(l);
    list_init(&c->at);
    list_init(&c->paused);
    list_push_back(&l->states[LINK_STRANGER], &c->at);
    hash_insert(&l->by_id, &c->by_id, hash_u64(c->id));
    sp_reader_init(&c->reader);
    c->tls = tls_new(l->tls.context);
    (void)uv_tcp_init(&l->loop, &c->uv.tcp);
    c->uv.handle.data = c;
    l->count++;
    l->strangers++;
    return c;
}

static void name_address(struct link_connection *c)
{
    union place_address at;
    int len = sizeof(at);

    if (uv_tcp_getpeername(&c->uv.tcp, &at.any, &len) != 0) {
        return;
    }
    if (at.any.sa_family == AF_INET) {
        (void)uv_ip4_name(&at.v4, c->host, sizeof(c->host));
    } else {
        (void)uv_ip6_name(&at.v6, c->host, sizeof(c->host));
    }
    place_name(&at, c->peer.who.address, sizeof(c->peer.who.address));
}

struct link_connection *link_connection_accept(struct link *l)
{
    struct link_connection *c = connection_new(l);

    if (uv_accept((uv_stream_t *)&l->listener, &c->uv.stream) != 0) {
        link_connection_close(c);
        return NULL;
    }
    name_address(c);
    (void)uv_tcp_nodelay(&c->uv.tcp, 1);
    (void)uv_tcp_keepalive(&c->uv.tcp, 1, KEEP_ALIVE_SECONDS);
    read_on_or_off(c);
    return c;
}

static struct link_connection *connection_find(struct link *l, uint64_t id)
{
    HASH_EACH_MATCH(n, &l->by_id, hash_u64(id))
    {
        struct link_connection *c = container_of(n, struct link_connection, by_id);

        if (c->id == id) {
            return c;
        }
    }
    return NULL;
}

void link_connection_answer(struct link *l, const struct link_answer *a)
{
    struct link_connection *c = connection_find(l, a->connection);

    assert(l->in_hand > 0);
    l->in_hand--;
    if (c != NULL && takes_bytes(c)) {
        say(c, slice_make(a->bytes, a->len));
        flush(c);
        read_on_or_off(c);
    }
}

void link_connections_resume(struct link *l)
{
    while (!list_empty(&l->paused) && l->in_hand < LIMIT_CONTEXTS) {
        struct link_connection *c = container_of(l->paused.next, struct link_connection, paused);
        struct buf ahead = c->ahead;

        list_remove(&c->paused);
        c->ahead = (struct buf){0};
        plain_bytes(c, buf_slice(&ahead));
        buf_fini(&ahead);
        if (c->state != LINK_CLOSED) {
            flush(c);
            read_on_or_off(c);
        }
    }
}
