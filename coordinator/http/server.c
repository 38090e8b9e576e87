/* SPDX-License-Identifier: Apache-2.0 */
/* Listening, the bound on connections, the pool of exchanges, the end. */
#include <assert.h>

#include "coordinator/http/connection.h"
#include "coordinator/http/place.h"
#include "proto/base/arena.h"

enum { TICK_MS = 500, LOOK_TICKS = 4, POOLED = 256 };

/* ---- where to listen ---- */

static enum err_code url_parse(const char *url, struct place *out, bool *secure, struct err *err)
{
    struct slice u = slice_str(url);
    struct slice address;

    *secure = slice_starts_with(u, SLICE("https://"));
    if (!*secure && !slice_starts_with(u, SLICE("http://"))) {
        goto wrong;
    }
    address = slice_from(u, *secure ? strlen("https://") : strlen("http://"));
    if (slice_ends_with(address, SLICE("/"))) {
        address.len--;
    }
    if (!place_parse(address, out)) {
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
    enum err_code rc = url_parse(url, &place, secure, err);

    if (rc == OK) {
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
    tls_renewed_close(&s->tls);
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
    struct http_server *s = t->data;

    connections_tick(s);
    if (s->tls.context != NULL && ++s->ticks % LOOK_TICKS == 0) {
        tls_renew(&s->tls);
    }
}

/* ---- opening and closing ---- */

enum err_code http_server_open(uv_loop_t *loop,
                               const struct http_config *config,
                               const struct http_hooks *hooks,
                               struct http_server **out,
                               struct err *err)
{
    struct http_server *s;
    struct place place;
    bool secure;
    enum err_code rc = url_parse(config->listen, &place, &secure, err);

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
    if (secure) {
        rc = tls_renewed_open(&s->tls, config->certificate, config->key, err);
    }
    if (rc == OK) {
        rc = place_listen(&place, &s->listener, on_connection, &s->port, err);
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
    return s->tls.context != NULL ? tls_context_expires_s(s->tls.context) : 0;
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
