/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/rpc/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/limits.h"
#include "proto/base/sm.h"
#include "proto/base/text.h"
#include "proto/host/log.h"

enum rpc_state {
    RPC_RECEIVING, /* nng's */
    RPC_ARRIVED,   /* in the locked list */
    RPC_OPEN,      /* an operation has it */
    RPC_ANSWERED,  /* the reply waits to be durable */
    RPC_SENDING,   /* nng's */
    RPC_ENDED,     /* the socket is closed */
};

static const struct sm_state rpc_states[] = {
    [RPC_RECEIVING] = {"receiving", SM(RPC_ARRIVED) | SM(RPC_ENDED)},
    [RPC_ARRIVED] = {"arrived", SM(RPC_OPEN)},
    [RPC_OPEN] = {"open", SM(RPC_ANSWERED)},
    [RPC_ANSWERED] = {"answered", SM(RPC_SENDING)},
    [RPC_SENDING] = {"sending", SM(RPC_RECEIVING) | SM(RPC_ENDED)},
    [RPC_ENDED] = {"ended", 0},
};

enum { TURN_BYTES_MAX = 64 * 1024 * 1024 }; /* of requests: they are in memory to the turn's end */

struct rpc_call {
    struct call call; /* first: its calls get back to us */
    struct rpc_server *server;
    enum rpc_state state; /* nng's thread in RECEIVING and SENDING, else the loop's */
    bool open;            /* loop only: state is OPEN */
    nng_ctx ctx;
    nng_aio *aio;
    nng_msg *message; /* the request while ARRIVED, the reply from ANSWERED on */
    uint32_t pipe;
    struct envelope envelope;
    struct list link; /* arrived */
};

struct rpc_server {
    uv_loop_t *loop;
    struct api *api;
    void (*turn)(void *arg);
    void *arg;
    nng_socket socket;
    struct rpc_call *calls;
    size_t count;
    size_t busy;         /* OPEN, ANSWERED; loop only */
    bool stopping;       /* loop only */
    struct list workers; /* arrived, not yet dispatched, from workers; loop only */
    struct list backlog; /* likewise, from others */
    uv_async_t wake;
    pthread_mutex_t lock;
    struct list arrived; /* locked */
    uint32_t *gone;      /* locked: pipes that were closed */
    size_t gone_count;
    size_t gone_cap;
    bool closed; /* locked */
    atomic_size_t sending;
    atomic_bool draining; /* tell the loop when the last reply is out */
    void (*on_closed)(void *arg);
    void *closed_arg;
};

static struct rpc_call *rpc_of(struct call *c)
{
    return container_of(c, struct rpc_call, call);
}

static void rpc_move(struct rpc_call *r, enum rpc_state to)
{
    r->state = (enum rpc_state)sm_move(rpc_states, r->state, to);
}

/* ---- nng's threads ---- */

static void rpc_receive(struct rpc_call *r)
{
    nng_ctx_recv(r->ctx, r->aio);
}

static void rpc_arrived(struct rpc_call *r)
{
    struct rpc_server *s = r->server;
    bool wake;

    r->message = nng_aio_get_msg(r->aio);
    r->pipe = (uint32_t)nng_pipe_id(nng_msg_get_pipe(r->message));
    rpc_move(r, RPC_ARRIVED);
    (void)pthread_mutex_lock(&s->lock);
    wake = list_empty(&s->arrived);
    list_push_back(&s->arrived, &r->link);
    if (wake) {
        (void)uv_async_send(&s->wake);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

static void rpc_sent(struct rpc_call *r, int rv)
{
    struct rpc_server *s = r->server;

    if (rv != 0) {
        nng_msg_free(nng_aio_get_msg(r->aio)); /* its client is gone */
    }
    if (atomic_fetch_sub(&s->sending, 1) == 1 && atomic_load(&s->draining)) {
        (void)uv_async_send(&s->wake);
    }
    if (rv == NNG_ECLOSED) {
        rpc_move(r, RPC_ENDED);
        return;
    }
    rpc_move(r, RPC_RECEIVING);
    rpc_receive(r);
}

static void rpc_aio_done(void *arg)
{
    struct rpc_call *r = arg;
    int rv = nng_aio_result(r->aio);

    if (r->state == RPC_SENDING) {
        rpc_sent(r, rv);
    } else if (rv == 0) {
        rpc_arrived(r);
    } else if (rv == NNG_ECLOSED || rv == NNG_ECANCELED) {
        rpc_move(r, RPC_ENDED);
    } else {
        rpc_receive(r);
    }
}

static void rpc_pipe_gone(nng_pipe pipe, nng_pipe_ev ev, void *arg)
{
    struct rpc_server *s = arg;

    (void)ev;
    (void)pthread_mutex_lock(&s->lock);
    if (s->gone_count == s->gone_cap) {
        s->gone_cap = s->gone_cap != 0 ? s->gone_cap * 2 : 16;
        s->gone = mem_realloc(s->gone, s->gone_cap * sizeof(*s->gone));
    }
    s->gone[s->gone_count++] = (uint32_t)nng_pipe_id(pipe);
    if (!s->closed) {
        (void)uv_async_send(&s->wake);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- replies: the loop's thread ---- */

static void rpc_durable(struct ledger_wait *w)
{
    struct rpc_call *r = container_of(w, struct rpc_call, call.wait);
    struct rpc_server *s = r->server;

    s->busy--;
    rpc_move(r, RPC_SENDING);
    nng_aio_set_msg(r->aio, r->message);
    r->message = NULL;
    (void)atomic_fetch_add(&s->sending, 1);
    nng_ctx_send(r->ctx, r->aio);
}

static void rpc_answer(struct rpc_call *r, enum err_code status, const ProtobufCMessage *body)
{
    struct envelope e = {
        .version = WIRE_VERSION_MAX,
        .method = r->envelope.method,
        .status = (uint16_t)status,
        .request_id = r->envelope.request_id,
    };
    size_t bytes = protobuf_c_message_get_packed_size(body);
    char *at;

    if (nng_msg_alloc(&r->message, WIRE_HEADER_BYTES + bytes) != 0) {
        die_no_memory(bytes);
    }
    at = nng_msg_body(r->message);
    envelope_encode(&e, at);
    (void)protobuf_c_message_pack(body, (uint8_t *)at + WIRE_HEADER_BYTES);
    rpc_move(r, RPC_ANSWERED);
    r->open = false;
    ledger_wait_durable(r->server->api->ledger, &r->call.wait);
}

static void rpc_respond(struct call *c, const ProtobufCMessage *message)
{
    rpc_answer(rpc_of(c), OK, message);
}

static void rpc_fail(struct call *c, enum err_code code, const struct err *err)
{
    Stepfleet__ErrorBody body = STEPFLEET__ERROR_BODY__INIT;

    body.code = (char *)(uintptr_t)err_name(code);
    body.message = (char *)(uintptr_t)err->msg;
    if (code == ERR_VERSION) {
        body.version_min = WIRE_VERSION_MIN;
        body.version_max = WIRE_VERSION_MAX;
    }
    rpc_answer(rpc_of(c), code, &body.base);
}

/* ---- requests: the loop's thread ---- */

static void rpc_serve_one(struct rpc_server *s, struct rpc_call *r)
{
    struct arena *a = ledger_turn_arena(s->api->ledger);
    nng_msg *message = r->message;
    struct slice frame = slice_make(nng_msg_body(message), nng_msg_len(message));
    const ProtobufCMessageDescriptor *d;
    struct err err;
    enum err_code rc;

    rpc_move(r, RPC_OPEN);
    r->open = true;
    s->busy++;
    r->message = NULL;
    r->envelope = (struct envelope){0};
    r->call = (struct call){.api = s->api, .reply = rpc_respond, .fail = rpc_fail};
    r->call.wait.durable = rpc_durable;
    rc = envelope_decode(frame, &r->envelope, &err);
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
    nng_msg_free(message);
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
static void rpc_forget(struct rpc_server *s, const uint32_t *pipes, size_t count)
{
    for (size_t i = 0; i < s->count; i++) {
        struct rpc_call *r = &s->calls[i];

        if (!r->open || r->call.gone == NULL) {
            continue;
        }
        for (size_t n = 0; n < count; n++) {
            if (pipes[n] == r->pipe) {
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
        const struct rpc_call *r = container_of(n, struct rpc_call, link);
        struct slice frame = slice_make(nng_msg_body(r->message), nng_msg_len(r->message));
        unsigned method = envelope_method(frame);
        bool worker = method == RPC_WORKER_POLL || method == RPC_WORKER_REPORT;

        list_push_back(worker ? &s->workers : &s->backlog, n);
    }
}

static bool rpc_is_served(const struct rpc_server *s)
{
    return list_empty(&s->workers) && list_empty(&s->backlog);
}

static struct rpc_call *rpc_next(struct rpc_server *s)
{
    struct list *n = list_pop_front(&s->workers);

    n = n != NULL ? n : list_pop_front(&s->backlog);
    return n != NULL ? container_of(n, struct rpc_call, link) : NULL;
}

void rpc_server_serve(struct rpc_server *s)
{
    struct list arrived;
    struct rpc_call *r;
    uint32_t *gone;
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
        bytes += nng_msg_len(r->message);
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

    for (size_t i = 0; i < s->count; i++) {
        nng_aio_free(s->calls[i].aio); /* waits for its callback */
        if (s->calls[i].message != NULL) {
            nng_msg_free(s->calls[i].message);
        }
    }
    (void)pthread_mutex_destroy(&s->lock);
    mem_free(s->gone);
    mem_free(s->calls);
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

/* TLS and tokens come with clusters; until then nothing listens beyond this machine. */
enum err_code rpc_server_check_url(const char *url, struct err *err)
{
    struct slice u = slice_str(url);

    if (slice_starts_with(u, SLICE("tcp://")) && is_loopback(slice_from(u, strlen("tcp://")))) {
        return OK;
    }
    if (slice_starts_with(u, SLICE("ipc://")) && u.len > strlen("ipc://")) {
        return OK;
    }
    return err_set(err, ERR_CONFIG,
                   "cannot listen on %s: without TLS and credentials only loopback is allowed "
                   "(tcp://127.0.0.1:7233, ipc:///path)",
                   url);
}

static enum err_code open_contexts(struct rpc_server *s, struct err *err)
{
    s->calls = mem_zalloc(LIMIT_CONTEXTS, sizeof(*s->calls));
    for (size_t i = 0; i < LIMIT_CONTEXTS; i++) {
        struct rpc_call *r = &s->calls[i];
        int rv;

        r->server = s;
        r->state = RPC_RECEIVING;
        list_init(&r->link);
        rv = nng_ctx_open(&r->ctx, s->socket);
        if (rv == 0) {
            rv = nng_aio_alloc(&r->aio, rpc_aio_done, r);
        }
        if (rv != 0) {
            return err_set(err, ERR_IO, "open a context: %s", nng_strerror(rv));
        }
        s->count++;
    }
    return OK;
}

static enum err_code listen_on(struct rpc_server *s, const char *url, struct err *err)
{
    nng_listener listener;
    int rv = nng_listener_create(&listener, s->socket, url);

    if (rv == 0) {
        rv = nng_listener_set_size(listener, NNG_OPT_RECVMAXSZ, LIMIT_FRAME_BYTES);
    }
    if (rv == 0 && strncmp(url, "tcp", 3) == 0) {
        (void)nng_listener_set_bool(listener, NNG_OPT_TCP_KEEPALIVE, true);
        (void)nng_listener_set_bool(listener, NNG_OPT_TCP_NODELAY, true);
    }
    if (rv == 0) {
        rv = nng_listener_start(listener, 0);
    }
    if (rv == NNG_EADDRINUSE) {
        return err_set(
            err, ERR_IN_USE,
            "cannot listen on %s: something listens there already (another coordinator?)", url);
    }
    return rv == 0 ? OK : err_set(err, ERR_IO, "cannot listen on %s: %s", url, nng_strerror(rv));
}

enum err_code rpc_server_open(uv_loop_t *loop,
                              struct api *api,
                              const char *url,
                              void (*turn)(void *arg),
                              void *arg,
                              struct rpc_server **out,
                              struct err *err)
{
    struct rpc_server *s;
    enum err_code rc = rpc_server_check_url(url, err);
    int rv;

    if (rc != OK) {
        return rc;
    }
    s = mem_zalloc(1, sizeof(*s));
    s->loop = loop;
    s->api = api;
    s->turn = turn;
    s->arg = arg;
    list_init(&s->arrived);
    list_init(&s->workers);
    list_init(&s->backlog);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)uv_async_init(loop, &s->wake, rpc_wake);
    s->wake.data = s;
    rv = nng_rep0_open(&s->socket);
    rc = rv == 0 ? open_contexts(s, err) : err_set(err, ERR_IO, "open: %s", nng_strerror(rv));
    if (rc == OK) {
        (void)nng_pipe_notify(s->socket, NNG_PIPE_EV_REM_POST, rpc_pipe_gone, s);
        rc = listen_on(s, url, err);
    }
    *out = s;
    for (size_t i = 0; i < s->count && rc == OK; i++) {
        rpc_receive(&s->calls[i]);
    }
    return rc;
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
    (void)nng_close(s->socket);
    uv_close((uv_handle_t *)&s->wake, rpc_free);
}
