/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/rpc/server.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "coordinator/api/rpc/request.h"
#include "coordinator/link/link.h"
#include "proto/base/limits.h"
#include "proto/base/sm.h"
#include "proto/base/text.h"

static const struct sm_state rpc_states[] = {
    [RPC_RECEIVING] = {"receiving", SM(RPC_ARRIVED) | SM(RPC_ENDED)},
    [RPC_ARRIVED] = {"arrived", SM(RPC_OPEN) | SM(RPC_SENDING)},
    [RPC_OPEN] = {"open", SM(RPC_ANSWERED)},
    [RPC_ANSWERED] = {"answered", SM(RPC_SENDING)},
    [RPC_SENDING] = {"sending", SM(RPC_RECEIVING) | SM(RPC_ENDED)},
    [RPC_ENDED] = {"ended", 0},
};

enum {
    TURN_BYTES_MAX = 64 * 1024 * 1024, /* of requests: they are in memory to the turn's end */
    LOOK_MS = 500,                     /* between looks at tokens and who was refused */
};

struct rpc_server {
    struct api *api;
    struct access *access;
    void (*turn)(void *arg);
    void *arg;
    struct rpc_sockets *sockets; /* one of the two */
    struct rpc_secure *secure;
    size_t busy;         /* OPEN, ANSWERED; loop only */
    bool stopping;       /* loop only */
    struct list workers; /* arrived, not yet dispatched, from workers; loop only */
    struct list backlog; /* likewise, from others */
    struct list open;    /* loop only: what operations have */
    uv_async_t wake;
    uv_timer_t look;
    unsigned handles; /* of those two, to be closed */
    pthread_mutex_t lock;
    struct list arrived; /* locked */
    uint64_t *gone;      /* locked: connections that were closed */
    size_t gone_count;
    size_t gone_cap;
    bool closed; /* locked */
    atomic_size_t sending;
    atomic_bool draining; /* tell the loop when the last reply is out */
    void (*on_closed)(void *arg);
    void *closed_arg;
};

static struct rpc_request *request_of(struct call *c)
{
    return container_of(c, struct rpc_request, call);
}

void rpc_move(struct rpc_request *r, enum rpc_state to)
{
    r->state = (enum rpc_state)sm_move(rpc_states, r->state, to);
}

/* ---- the transports' threads ---- */

void rpc_arrived(struct rpc_server *s, struct rpc_request *r)
{
    bool wake;

    (void)pthread_mutex_lock(&s->lock);
    wake = list_empty(&s->arrived);
    list_push_back(&s->arrived, &r->link);
    if (wake) {
        (void)uv_async_send(&s->wake);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

void rpc_sent(struct rpc_server *s)
{
    if (atomic_fetch_sub(&s->sending, 1) == 1 && atomic_load(&s->draining)) {
        (void)uv_async_send(&s->wake);
    }
}

void rpc_gone(struct rpc_server *s, uint64_t connection)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->gone_count == s->gone_cap) {
        s->gone_cap = s->gone_cap != 0 ? s->gone_cap * 2 : 16;
        s->gone = mem_realloc(s->gone, s->gone_cap * sizeof(*s->gone));
    }
    s->gone[s->gone_count++] = connection;
    if (!s->closed) {
        (void)uv_async_send(&s->wake);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- replies: the loop's thread ---- */

static void rpc_durable(struct ledger_wait *w)
{
    struct rpc_request *r = container_of(w, struct rpc_request, call.wait);
    struct rpc_server *s = r->server;

    s->busy--;
    audit_put(r->audit);
    r->audit = NULL;
    rpc_move(r, RPC_SENDING);
    (void)atomic_fetch_add(&s->sending, 1);
    r->transport->send(r);
}

static void rpc_answer(struct rpc_request *r, enum err_code status, const ProtobufCMessage *body)
{
    struct envelope e = {
        .version = WIRE_VERSION_MAX,
        .method = r->envelope.method,
        .status = (uint16_t)status,
        .request_id = r->envelope.request_id,
    };
    size_t bytes = protobuf_c_message_get_packed_size(body);
    char *at = r->transport->room(r, WIRE_HEADER_BYTES + bytes);

    envelope_encode(&e, at);
    (void)protobuf_c_message_pack(body, (uint8_t *)at + WIRE_HEADER_BYTES);
    rpc_move(r, RPC_ANSWERED);
    list_remove(&r->opened);
    ledger_wait_durable(r->server->api->ledger, &r->call.wait);
}

static struct audit_entry *record_begin(const struct rpc_request *r,
                                        const ProtobufCMessage *request)
{
    char number[24];
    int len = snprintf(number, sizeof(number), "%" PRIu64, r->envelope.request_id);
    const struct audit_asked asked = {
        .who = &r->who,
        .method = r->envelope.method,
        .request_id = slice_make(number, (size_t)len),
        .request = request,
    };

    return audit_begin(access_audit(r->server->access), &asked);
}

static void rpc_respond(struct call *c, const ProtobufCMessage *message)
{
    audit_end(request_of(c)->audit, NULL, message);
    rpc_answer(request_of(c), OK, message);
}

static void rpc_fail(struct call *c, enum err_code code, const struct err *err)
{
    Stepfleet__ErrorBody body = STEPFLEET__ERROR_BODY__INIT;
    struct rpc_request *r = request_of(c);

    if (r->audit == NULL && audit_is_refusal(code)) {
        r->audit = record_begin(r, NULL);
    }
    audit_end(r->audit, err_name(code), NULL);
    body.code = (char *)(uintptr_t)err_name(code);
    body.message = (char *)(uintptr_t)err->msg;
    if (code == ERR_VERSION) {
        body.version_min = WIRE_VERSION_MIN;
        body.version_max = WIRE_VERSION_MAX;
    }
    rpc_answer(r, code, &body.base);
}

/* ---- requests: the loop's thread ---- */

static void rpc_serve_one(struct rpc_server *s, struct rpc_request *r)
{
    struct arena *a = ledger_turn_arena(s->api->ledger);
    const ProtobufCMessageDescriptor *d;
    struct err err;
    enum err_code rc;

    rpc_move(r, RPC_OPEN);
    list_push_back(&s->open, &r->opened);
    s->busy++;
    r->envelope = (struct envelope){0};
    r->call = (struct call){.api = s->api, .reply = rpc_respond, .fail = rpc_fail, .who = &r->who};
    r->call.wait.durable = rpc_durable;
    rc = envelope_decode(r->frame, &r->envelope, &err);
    r->call.method = r->envelope.method;
    d = rpc_request(r->envelope.method);
    if (rc == OK && d == NULL) {
        rc =
            err_set(&err, ERR_UNKNOWN_METHOD, "no operation has the number %u", r->envelope.method);
    }
    if (rc == OK) {
        /* The message's bytes are copied once into the turn's arena by unpacking. */
        r->call.request = message_unpack(d, r->envelope.body, a, &err);
        rc = r->call.request != NULL ? OK : err.code;
    }
    if (rc == OK && audit_is_control(r->call.method)) {
        r->audit = record_begin(r, r->call.request);
    }
    if (s->stopping && rc == OK) {
        rc = err_set(&err, ERR_UNAVAILABLE, "the coordinator is stopping");
    }
    if (rc != OK) {
        rpc_fail(&r->call, rc, &err);
        return;
    }
    api_dispatch(s->api, &r->call);
}

/* Clients that went away: what they had parked is forgotten. */
static void rpc_forget(struct rpc_server *s, const uint64_t *gone, size_t count)
{
    LIST_EACH_SAFE(n, after, &s->open)
    {
        struct rpc_request *r = container_of(n, struct rpc_request, opened);

        for (size_t i = 0; i < count && r->call.gone != NULL; i++) {
            if (gone[i] == r->connection) {
                r->call.gone(&r->call);
                break;
            }
        }
    }
}

/* Workers go first: their reports and polls take along what the others make ready. */
static void rpc_sort(struct rpc_server *s, struct list *arrived)
{
    struct list *n;

    while ((n = list_pop_front(arrived)) != NULL) {
        const struct rpc_request *r = container_of(n, struct rpc_request, link);
        unsigned method = envelope_method(r->frame);
        bool worker = method == RPC_WORKER_POLL || method == RPC_WORKER_REPORT;

        list_push_back(worker ? &s->workers : &s->backlog, n);
    }
}

static bool rpc_is_served(const struct rpc_server *s)
{
    return list_empty(&s->workers) && list_empty(&s->backlog);
}

static struct rpc_request *rpc_next(struct rpc_server *s)
{
    struct list *n = list_pop_front(&s->workers);

    n = n != NULL ? n : list_pop_front(&s->backlog);
    return n != NULL ? container_of(n, struct rpc_request, link) : NULL;
}

void rpc_server_serve(struct rpc_server *s)
{
    struct list arrived;
    struct rpc_request *r;
    uint64_t *gone;
    size_t gone_count;
    size_t bytes = 0;

    list_init(&arrived);
    (void)pthread_mutex_lock(&s->lock);
    list_splice(&arrived, &s->arrived);
    gone = s->gone;
    gone_count = s->gone_count;
    s->gone = NULL;
    s->gone_count = s->gone_cap = 0;
    (void)pthread_mutex_unlock(&s->lock);
    rpc_sort(s, &arrived);
    while (bytes < TURN_BYTES_MAX && ledger_accepts(s->api->ledger) && (r = rpc_next(s)) != NULL) {
        bytes += r->frame.len;
        rpc_serve_one(s, r);
    }
    if (bytes >= TURN_BYTES_MAX && !rpc_is_served(s)) {
        (void)uv_async_send(&s->wake); /* the rest in the next turn */
    }
    if (gone_count != 0) {
        rpc_forget(s, gone, gone_count);
    }
    mem_free(gone);
}

static void rpc_free(uv_handle_t *h)
{
    struct rpc_server *s = h->data;

    if (--s->handles > 0) {
        return;
    }
    if (s->sockets != NULL) {
        rpc_sockets_free(s->sockets);
    }
    if (s->secure != NULL) {
        rpc_secure_free(s->secure);
    }
    (void)pthread_mutex_destroy(&s->lock);
    mem_free(s->gone);
    s->on_closed(s->closed_arg);
    mem_free(s);
}

static void rpc_wake(uv_async_t *handle)
{
    struct rpc_server *s = handle->data;

    if (!s->closed) {
        s->turn(s->arg);
    }
}

static void look_at_connections(struct rpc_server *s, bool renewed)
{
    if (s->sockets != NULL) {
        rpc_sockets_look(s->sockets, renewed);
    } else if (renewed) {
        rpc_secure_renewed(s->secure);
    }
}

void rpc_server_renewed(struct rpc_server *s)
{
    (void)access_renew(s->access, true);
    look_at_connections(s, true);
}

static void rpc_look(uv_timer_t *t)
{
    struct rpc_server *s = t->data;

    look_at_connections(s, access_renew(s->access, false));
}

/* ---- opening and closing ---- */

/* "127.0.0.1:7233", "[::1]:7233", "localhost:7233": an address of this machine alone and a port. A
 * name that only begins like one is a name, and may lead anywhere. */
static bool is_loopback(struct slice address)
{
    size_t colon = slice_rfind(address, ':');
    struct slice host = slice_head(address, colon);
    char text[INET_ADDRSTRLEN];
    struct in_addr v4;
    uint64_t port;

    if (colon == address.len || !text_parse_u64(slice_from(address, colon + 1), &port) ||
        port == 0 || port > UINT16_MAX) {
        return false;
    }
    if (slice_eq_str(host, "localhost") || slice_eq_str(host, "[::1]")) {
        return true;
    }
    if (host.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == IN_LOOPBACKNET;
}

static bool is_tls(const char *url)
{
    return slice_starts_with(slice_str(url), SLICE("tls+tcp://"));
}

static enum err_code check_tls(const struct rpc_config *c, struct err *err)
{
    if (c->certificate == NULL || c->key == NULL) {
        return err_set(err, ERR_CONFIG,
                       "cannot listen on %s: it takes certificate and key (`stepfleet cert` makes "
                       "them)",
                       c->listen);
    }
    if (!access_asks(c->access)) {
        return err_set(err, ERR_CONFIG,
                       "cannot listen on %s: it takes tokens (`stepfleet token` makes them)",
                       c->listen);
    }
    return link_check(c->listen, c->certificate, c->key, err);
}

enum err_code rpc_server_check(const struct rpc_config *c, struct err *err)
{
    struct slice u = slice_str(c->listen);

    if (is_tls(c->listen)) {
        return check_tls(c, err);
    }
    if (c->certificate != NULL || c->key != NULL) {
        return err_set(err, ERR_CONFIG, "certificate and key are of tls+tcp://, and listen is %s",
                       c->listen);
    }
    if (slice_starts_with(u, SLICE("tcp://")) && is_loopback(slice_from(u, strlen("tcp://")))) {
        return OK;
    }
    if (slice_starts_with(u, SLICE("ipc://")) && u.len > strlen("ipc://")) {
        return OK;
    }
    return err_set(err, ERR_CONFIG,
                   "cannot listen on %s: without TLS only loopback is allowed "
                   "(tcp://127.0.0.1:7233, ipc:///path); other machines come in by "
                   "tls+tcp://0.0.0.0:7233",
                   c->listen);
}

enum err_code rpc_server_open(uv_loop_t *loop,
                              const struct rpc_config *config,
                              struct rpc_server **out,
                              struct err *err)
{
    struct rpc_server *s;
    enum err_code rc = rpc_server_check(config, err);

    if (rc != OK) {
        return rc;
    }
    s = mem_zalloc(1, sizeof(*s));
    s->api = config->api;
    s->access = config->access;
    s->turn = config->turn;
    s->arg = config->arg;
    list_init(&s->arrived);
    list_init(&s->workers);
    list_init(&s->backlog);
    list_init(&s->open);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)uv_async_init(loop, &s->wake, rpc_wake);
    (void)uv_timer_init(loop, &s->look);
    s->wake.data = s->look.data = s;
    s->handles = 2;
    if (access_asks(s->access)) {
        (void)uv_timer_start(&s->look, rpc_look, LOOK_MS, LOOK_MS);
    }
    *out = s;
    return is_tls(config->listen)
               ? rpc_secure_open(s, config, &s->secure, err)
               : rpc_sockets_open(s, s->access, config->listen, &s->sockets, err);
}

void rpc_server_stop(struct rpc_server *s)
{
    s->stopping = true;
    atomic_store(&s->draining, true);
}

bool rpc_server_is_quiet(struct rpc_server *s)
{
    return atomic_load(&s->sending) == 0 && s->busy == 0 && rpc_is_served(s);
}

void rpc_server_close(struct rpc_server *s, void (*closed)(void *arg), void *arg)
{
    s->on_closed = closed;
    s->closed_arg = arg;
    (void)pthread_mutex_lock(&s->lock);
    s->closed = true;
    (void)pthread_mutex_unlock(&s->lock);
    atomic_store(&s->draining, false);
    if (s->sockets != NULL) {
        rpc_sockets_close(s->sockets);
    }
    if (s->secure != NULL) {
        rpc_secure_close(s->secure);
    }
    uv_close((uv_handle_t *)&s->wake, rpc_free);
    uv_close((uv_handle_t *)&s->look, rpc_free);
}
