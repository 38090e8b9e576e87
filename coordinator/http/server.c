/* SPDX-License-Identifier: Apache-2.0 */
/* Listening, the bound on connections, the pool of exchanges, the end. */
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>

#include "coordinator/http/connection.h"
#include "proto/base/text.h"

enum { TICK_MS = 500, BACKLOG = 1024, POOLED = 256 };

/* ---- where to listen ---- */

struct place {
    bool secure;
    bool local;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
};

static bool host_parse(struct slice host, uint16_t port, struct place *out)
{
    char text[INET6_ADDRSTRLEN];
    bool bracketed = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';

    host = slice_eq_str(host, "localhost") ? SLICE("127.0.0.1") : host;
    host = bracketed ? slice_make(host.ptr + 1, host.len - 2) : host;
    if (host.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    memset(&out->at, 0, sizeof(out->at));
    if (!bracketed && inet_pton(AF_INET, text, &out->at.v4.sin_addr) == 1) {
        out->at.v4.sin_family = AF_INET;
        out->at.v4.sin_port = htons(port);
        out->local = ntohl(out->at.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
        return true;
    }
    if (bracketed && inet_pton(AF_INET6, text, &out->at.v6.sin6_addr) == 1) {
        out->at.v6.sin6_family = AF_INET6;
        out->at.v6.sin6_port = htons(port);
        out->local = IN6_IS_ADDR_LOOPBACK(&out->at.v6.sin6_addr);
        return true;
    }
    return false;
}

static enum err_code place_parse(const char *url, struct place *out, struct err *err)
{
    struct slice u = slice_str(url);
    struct slice address;
    size_t colon;
    uint64_t port = 0;

    out->secure = slice_starts_with(u, SLICE("https://"));
    if (!out->secure && !slice_starts_with(u, SLICE("http://"))) {
        goto wrong;
    }
    address = slice_from(u, out->secure ? strlen("https://") : strlen("http://"));
    if (slice_ends_with(address, SLICE("/"))) {
        address.len--;
    }
    colon = slice_rfind(address, ':');
    if (colon == address.len || !text_parse_u64(slice_from(address, colon + 1), &port) ||
        port > UINT16_MAX || !host_parse(slice_head(address, colon), (uint16_t)port, out)) {
        goto wrong;
    }
    return OK;
wrong:
    return err_set(err, ERR_CONFIG,
                   "cannot listen on %s: expected http:// or https://, an address and a port "
                   "(http://127.0.0.1:8083)",
                   url);
}

enum err_code http_listen_check(const char *url, bool *secure, bool *local, struct err *err)
{
    struct place place;
    enum err_code rc = place_parse(url, &place, err);

    if (rc == OK) {
        *secure = place.secure;
        *local = place.local;
    }
    return rc;
}

/* ---- exchanges ---- */

struct http_exchange *server_exchange(struct http_server *s)
{
    struct list *n = list_pop_front(&s->pool);
    struct http_exchange *x;

    if (n != NULL) {
        s->pooled--;
        return container_of(n, struct http_exchange, link);
    }
    x = mem_zalloc(1, sizeof(*x));
    list_init(&x->link);
    return x;
}

static void exchange_free(struct http_exchange *x)
{
    http_exchange_fini(x);
    mem_free(x);
}

void server_exchange_back(struct http_server *s, struct http_exchange *x)
{
    if (s->pooled == POOLED) {
        exchange_free(x);
        return;
    }
    http_exchange_reset(x);
    list_push_front(&s->pool, &x->link); /* the one whose memory is warm */
    s->pooled++;
}

/* ---- connections ---- */

/* Room for one more: an idle one goes for it, the one that is idle longest. */
static bool make_room(struct http_server *s)
{
    if (s->count < s->max) {
        return true;
    }
    if (!list_empty(&s->states[CONNECTION_IDLE])) {
        connection_close(
            container_of(s->states[CONNECTION_IDLE].next, struct http_connection, link));
    }
    return false; /* when it is gone */
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct http_server *s = listener->data;

    if (status < 0 || s->stopping) {
        return;
    }
    if (make_room(s)) {
        connection_accept(s);
    } else {
        s->accepting_waits = true; /* libuv calls no more until it is accepted */
    }
}

static void server_free(struct http_server *s)
{
    struct list *n;

    while (!list_empty(&s->states[CONNECTION_CLOSED])) {
        struct http_connection *c =
            container_of(s->states[CONNECTION_CLOSED].next, struct http_connection, link);

        list_remove(&c->link);
        exchange_free(c->x); /* never answered */
        tls_free(c->tls);
        buf_fini(&c->ahead);
        buf_fini(&c->flying);
        buf_fini(&c->waiting);
        mem_free(c);
    }
    while ((n = list_pop_front(&s->pool)) != NULL) {
        exchange_free(container_of(n, struct http_exchange, link));
    }
    tls_context_free(s->tls);
    buf_fini(&s->scratch);
    buf_fini(&s->wire);
    s->closed(s->closed_arg);
    mem_free(s);
}

static void server_maybe_free(struct http_server *s)
{
    if (s->closing && s->count == 0 && s->handles == 0) {
        server_free(s);
    }
}

void server_connection_gone(struct http_server *s)
{
    s->count--;
    if (s->accepting_waits && !s->stopping) {
        s->accepting_waits = false;
        connection_accept(s);
    }
    server_maybe_free(s);
}

static void on_tick(uv_timer_t *t)
{
    connections_tick(t->data);
}

/* ---- opening and closing ---- */

static enum err_code listen_on(struct http_server *s, const struct place *place, struct err *err)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    int len = sizeof(at);
    int rv = uv_tcp_bind(&s->listener, &place->at.any, 0);

    if (rv == 0) {
        rv = uv_listen((uv_stream_t *)&s->listener, BACKLOG, on_connection);
    }
    if (rv == 0) {
        rv = uv_tcp_getsockname(&s->listener, &at.any, &len);
    }
    if (rv == UV_EADDRINUSE) {
        return err_set(err, ERR_IN_USE, "something listens there already");
    }
    if (rv != 0) {
        return err_set(err, ERR_IO, "%s", uv_strerror(rv));
    }
    s->port = ntohs(at.any.sa_family == AF_INET ? at.v4.sin_port : at.v6.sin6_port);
    return OK;
}

enum err_code http_server_open(uv_loop_t *loop,
                               const struct http_config *config,
                               const struct http_hooks *hooks,
                               struct http_server **out,
                               struct err *err)
{
    struct http_server *s;
    struct place place;
    enum err_code rc = place_parse(config->listen, &place, err);

    if (rc != OK) {
        return rc;
    }
    s = mem_zalloc(1, sizeof(*s));
    s->loop = loop;
    s->hooks = *hooks;
    s->max = config->connections != 0 ? config->connections : LIMIT_HTTP_CONNECTIONS;
    list_init(&s->pool);
    for (int i = 0; i < CONNECTION_STATES; i++) {
        list_init(&s->states[i]);
    }
    (void)uv_tcp_init(loop, &s->listener);
    (void)uv_timer_init(loop, &s->tick);
    s->listener.data = s->tick.data = s;
    s->handles = 2;
    *out = s;
    if (place.secure) {
        rc = tls_context_new(config->certificate, config->key, &s->tls, err);
    }
    if (rc == OK) {
        rc = listen_on(s, &place, err);
    }
    if (rc == OK) {
        (void)uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
    } else {
        err_wrap(err, "cannot listen on %s", config->listen);
    }
    return rc;
}

int64_t http_server_expires_s(const struct http_server *s)
{
    return s->tls != NULL ? tls_context_expires_s(s->tls) : 0;
}

unsigned http_server_port(const struct http_server *s)
{
    return s->port;
}

static void on_handle_closed(uv_handle_t *h)
{
    struct http_server *s = h->data;

    s->handles--;
    server_maybe_free(s);
}

static void close_all(struct http_server *s, enum connection_state state)
{
    while (!list_empty(&s->states[state])) {
        connection_close(container_of(s->states[state].next, struct http_connection, link));
    }
}

void http_server_stop(struct http_server *s)
{
    if (!s->stopping) {
        s->stopping = true;
        uv_close((uv_handle_t *)&s->listener, on_handle_closed);
        close_all(s, CONNECTION_IDLE);
    }
}

bool http_server_is_quiet(const struct http_server *s)
{
    return s->open == 0 && list_empty(&s->states[CONNECTION_REPLY]);
}

void http_server_close(struct http_server *s, void (*closed)(void *arg), void *arg)
{
    assert(!s->closing);
    http_server_stop(s);
    s->closing = true;
    s->closed = closed;
    s->closed_arg = arg;
    uv_close((uv_handle_t *)&s->tick, on_handle_closed);
    for (int state = 0; state < CONNECTION_CLOSED; state++) {
        close_all(s, (enum connection_state)state);
    }
}
