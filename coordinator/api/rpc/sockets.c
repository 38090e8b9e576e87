/* SPDX-License-Identifier: Apache-2.0 */
/* Requests over nng, on this machine alone: one REP socket, a fixed number of contexts, each one
 * request in hand. nng's threads look at the gate and hand over what passes.
 *
 * A pipe is known from its begin to its end by its id. One that shows no token does no harm but by
 * being there: past their bound the oldest such pipe goes. A refused one is closed when the next
 * look, a tick later, finds it: to close it at once would lose the refusal. */
#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <pthread.h>
#include <stdio.h>

#include "coordinator/api/rpc/request.h"
#include "proto/base/limits.h"

struct rpc_pipe {
    struct hash_node by_id;
    struct list link; /* strangers */
    nng_pipe pipe;
    struct access_peer peer;
    bool refused;
};

struct rpc_call {
    struct rpc_request request;
    struct rpc_sockets *sockets;
    nng_ctx ctx;
    nng_aio *aio;
    nng_msg *message; /* the request while ARRIVED, the reply from ANSWERED on */
    bool refusal;     /* SENDING: formed at the gate, nothing the server knows of */
};

struct rpc_sockets {
    struct rpc_server *server;
    struct access *access;
    nng_socket socket;
    bool opened;
    struct rpc_call *calls;
    size_t count;

    pthread_mutex_t lock;
    /* locked: */
    struct hash pipes;
    struct list strangers; /* have shown nothing good yet, the oldest first */
    size_t stranger_count;
    bool refused; /* some pipe is, since they were looked at */
};

static struct rpc_call *call_of(struct rpc_request *r)
{
    return container_of(r, struct rpc_call, request);
}

static uint64_t id_of(nng_pipe pipe)
{
    return (uint64_t)(uint32_t)nng_pipe_id(pipe);
}

/* ---- pipes: nng's threads ---- */

/* Where it comes from: an address, or the process at the other end of a Unix socket. */
static void name_address(nng_pipe pipe, char out[CALLER_ADDRESS_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "";
    nng_sockaddr at;
    uint64_t pid;
    uint64_t uid;

    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid) == 0 &&
        nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0) {
        (void)snprintf(out, CALLER_ADDRESS_BYTES, "pid %" PRIu64 " uid %" PRIu64, pid, uid);
    } else if (nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &at) != 0) {
        return;
    } else if (at.s_family == NNG_AF_INET) {
        (void)inet_ntop(AF_INET, &at.s_in.sa_addr, host, sizeof(host));
        (void)snprintf(out, CALLER_ADDRESS_BYTES, "%s:%u", host, ntohs(at.s_in.sa_port));
    } else if (at.s_family == NNG_AF_INET6) {
        (void)inet_ntop(AF_INET6, at.s_in6.sa_addr, host, sizeof(host));
        (void)snprintf(out, CALLER_ADDRESS_BYTES, "[%s]:%u", host, ntohs(at.s_in6.sa_port));
    }
}

static struct rpc_pipe *pipe_find(struct rpc_sockets *s, uint64_t id)
{
    HASH_EACH_MATCH(n, &s->pipes, hash_u64(id))
    {
        struct rpc_pipe *p = container_of(n, struct rpc_pipe, by_id);

        if (id_of(p->pipe) == id) {
            return p;
        }
    }
    return NULL;
}

static void pipe_begins(nng_pipe pipe, nng_pipe_ev ev, void *arg)
{
    struct rpc_sockets *s = arg;
    nng_pipe oldest = NNG_PIPE_INITIALIZER;
    struct rpc_pipe *p;
    bool full;

    (void)ev;
    if (!access_asks(s->access)) {
        return;
    }
    p = mem_zalloc(1, sizeof(*p));
    p->pipe = pipe;
    name_address(pipe, p->peer.who.address);
    (void)pthread_mutex_lock(&s->lock);
    full = s->stranger_count >= LIMIT_STRANGERS;
    if (full) {
        oldest = container_of(s->strangers.next, struct rpc_pipe, link)->pipe;
    }
    hash_insert(&s->pipes, &p->by_id, hash_u64(id_of(pipe)));
    list_push_back(&s->strangers, &p->link);
    s->stranger_count++;
    (void)pthread_mutex_unlock(&s->lock);
    if (full) {
        (void)nng_pipe_close(oldest);
    }
}

static void pipe_ends(nng_pipe pipe, nng_pipe_ev ev, void *arg)
{
    struct rpc_sockets *s = arg;
    struct rpc_pipe *p;

    (void)ev;
    (void)pthread_mutex_lock(&s->lock);
    p = pipe_find(s, id_of(pipe));
    if (p != NULL) {
        s->stranger_count -= p->peer.version == 0;
        hash_remove(&s->pipes, &p->by_id);
        list_remove(&p->link);
    }
    (void)pthread_mutex_unlock(&s->lock);
    mem_free(p);
    rpc_gone(s->server, id_of(pipe));
}

/* What the gate says of a request, and who it is from. */
static enum gate pipe_look(struct rpc_call *c, struct buf *refusal)
{
    struct rpc_sockets *s = c->sockets;
    enum gate gate = GATE_CLOSE;
    struct rpc_pipe *p;

    (void)pthread_mutex_lock(&s->lock);
    p = pipe_find(s, c->request.connection);
    if (p != NULL) {
        bool stranger = p->peer.version == 0;

        gate = gate_look(s->access, &p->peer, c->request.frame, refusal);
        p->refused = p->refused || gate == GATE_CLOSE;
        s->refused = s->refused || p->refused;
        c->request.who = p->peer.who;
        if (stranger && p->peer.version != 0) {
            s->stranger_count--;
            list_remove(&p->link);
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
    return gate;
}

/* ---- requests: nng's threads ---- */

static void receive(struct rpc_call *c)
{
    nng_ctx_recv(c->ctx, c->aio);
}

static nng_msg *message_new(size_t bytes)
{
    nng_msg *m;

    if (nng_msg_alloc(&m, bytes) != 0) {
        die_no_memory(bytes);
    }
    return m;
}

static void refuse(struct rpc_call *c, const struct buf *refusal)
{
    nng_msg *m = message_new(refusal->len);

    memcpy(nng_msg_body(m), refusal->ptr, refusal->len);
    nng_msg_free(c->message);
    c->message = NULL;
    c->refusal = true;
    rpc_move(&c->request, RPC_SENDING);
    nng_aio_set_msg(c->aio, m);
    nng_ctx_send(c->ctx, c->aio);
}

/* Without tokens nothing is known of a pipe: what is recorded is asked when it is wanted. */
static void name_caller(struct rpc_call *c)
{
    struct rpc_request *r = &c->request;

    r->who.address[0] = '\0';
    if (access_audit(c->sockets->access) != NULL && audit_is_control(envelope_method(r->frame))) {
        name_address(nng_msg_get_pipe(c->message), r->who.address);
    }
}

static void arrived(struct rpc_call *c)
{
    struct rpc_request *r = &c->request;
    struct buf refusal = {0};

    c->message = nng_aio_get_msg(c->aio);
    r->frame = slice_make(nng_msg_body(c->message), nng_msg_len(c->message));
    r->connection = id_of(nng_msg_get_pipe(c->message));
    rpc_move(r, RPC_ARRIVED);
    if (!access_asks(c->sockets->access)) {
        name_caller(c);
        rpc_arrived(c->sockets->server, r);
    } else if (pipe_look(c, &refusal) == GATE_PASS) {
        rpc_arrived(c->sockets->server, r);
    } else {
        refuse(c, &refusal);
        buf_fini(&refusal);
    }
}

static void sent(struct rpc_call *c, int rv)
{
    if (rv != 0) {
        nng_msg_free(nng_aio_get_msg(c->aio)); /* its client is gone */
    }
    if (!c->refusal) {
        rpc_sent(c->sockets->server);
    }
    c->refusal = false;
    if (rv == NNG_ECLOSED) {
        rpc_move(&c->request, RPC_ENDED);
        return;
    }
    rpc_move(&c->request, RPC_RECEIVING);
    receive(c);
}

static void aio_done(void *arg)
{
    struct rpc_call *c = arg;
    int rv = nng_aio_result(c->aio);

    if (c->request.state == RPC_SENDING) {
        sent(c, rv);
    } else if (rv == 0) {
        arrived(c);
    } else if (rv == NNG_ECLOSED || rv == NNG_ECANCELED) {
        rpc_move(&c->request, RPC_ENDED);
    } else {
        receive(c);
    }
}

/* ---- answers: the loop's thread ---- */

static char *room(struct rpc_request *r, size_t bytes)
{
    struct rpc_call *c = call_of(r);

    nng_msg_free(c->message);
    c->message = message_new(bytes);
    return nng_msg_body(c->message);
}

static void send_answer(struct rpc_request *r)
{
    struct rpc_call *c = call_of(r);

    nng_aio_set_msg(c->aio, c->message);
    c->message = NULL;
    nng_ctx_send(c->ctx, c->aio);
}

static const struct rpc_transport transport = {room, send_answer};

/* ---- opening and closing ---- */

static enum err_code open_contexts(struct rpc_sockets *s, struct err *err)
{
    s->calls = mem_zalloc(LIMIT_CONTEXTS, sizeof(*s->calls));
    for (size_t i = 0; i < LIMIT_CONTEXTS; i++) {
        struct rpc_call *c = &s->calls[i];
        int rv;

        c->sockets = s;
        c->request.server = s->server;
        c->request.transport = &transport;
        c->request.state = RPC_RECEIVING;
        list_init(&c->request.link);
        list_init(&c->request.opened);
        rv = nng_ctx_open(&c->ctx, s->socket);
        if (rv == 0) {
            rv = nng_aio_alloc(&c->aio, aio_done, c);
        }
        if (rv != 0) {
            return err_set(err, ERR_IO, "open a context: %s", nng_strerror(rv));
        }
        s->count++;
    }
    return OK;
}

static enum err_code listen_on(struct rpc_sockets *s, const char *url, struct err *err)
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

enum err_code rpc_sockets_open(struct rpc_server *server,
                               struct access *access,
                               const char *url,
                               struct rpc_sockets **out,
                               struct err *err)
{
    struct rpc_sockets *s = mem_zalloc(1, sizeof(*s));
    int rv = nng_rep0_open(&s->socket);
    enum err_code rc = rv == 0 ? OK : err_set(err, ERR_IO, "open: %s", nng_strerror(rv));

    s->server = server;
    s->access = access;
    s->opened = rv == 0;
    list_init(&s->strangers);
    (void)pthread_mutex_init(&s->lock, NULL);
    *out = s;
    if (rc == OK) {
        rc = open_contexts(s, err);
    }
    if (rc == OK) {
        (void)nng_pipe_notify(s->socket, NNG_PIPE_EV_ADD_PRE, pipe_begins, s);
        (void)nng_pipe_notify(s->socket, NNG_PIPE_EV_REM_POST, pipe_ends, s);
        rc = listen_on(s, url, err);
    }
    for (size_t i = 0; i < s->count && rc == OK; i++) {
        receive(&s->calls[i]);
    }
    return rc;
}

static bool is_unwanted(const struct rpc_sockets *s, const struct rpc_pipe *p)
{
    return p->refused || (p->peer.version != 0 && !access_holds(s->access, &p->peer));
}

/* They are closed outside of the lock: nng calls pipe_ends() for each. */
void rpc_sockets_look(struct rpc_sockets *s, bool renewed)
{
    struct hash_node *n = NULL;
    nng_pipe *unwanted;
    size_t bucket = 0;
    size_t count = 0;

    (void)pthread_mutex_lock(&s->lock);
    if (!renewed && !s->refused) {
        (void)pthread_mutex_unlock(&s->lock);
        return;
    }
    s->refused = false;
    unwanted = mem_zalloc(s->pipes.count + 1, sizeof(*unwanted));
    while ((n = hash_iterate(&s->pipes, &bucket, n)) != NULL) {
        const struct rpc_pipe *p = container_of(n, struct rpc_pipe, by_id);

        if (is_unwanted(s, p)) {
            unwanted[count++] = p->pipe;
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < count; i++) {
        (void)nng_pipe_close(unwanted[i]);
    }
    mem_free(unwanted);
}

void rpc_sockets_close(struct rpc_sockets *s)
{
    if (s->opened) {
        (void)nng_close(s->socket);
    }
}

void rpc_sockets_free(struct rpc_sockets *s)
{
    struct hash_node *n;
    size_t bucket = 0;

    for (size_t i = 0; i < s->count; i++) {
        nng_aio_free(s->calls[i].aio); /* waits for its callback */
        audit_drop(s->calls[i].request.audit);
        if (s->calls[i].message != NULL) {
            nng_msg_free(s->calls[i].message);
        }
    }
    while ((n = hash_iterate(&s->pipes, &bucket, NULL)) != NULL) {
        hash_remove(&s->pipes, n);
        mem_free(container_of(n, struct rpc_pipe, by_id));
        bucket = 0;
    }
    hash_fini(&s->pipes);
    (void)pthread_mutex_destroy(&s->lock);
    mem_free(s->calls);
    mem_free(s);
}
