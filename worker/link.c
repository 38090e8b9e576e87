/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/link.h"

#include <assert.h>
#include <nng/protocol/reqrep0/req.h>
#include <string.h>

#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/log.h"

enum { REDIAL_MIN_MS = 50, REDIAL_MAX_MS = 2000 };

/* A name may begin with 127, too. */
static bool is_loopback(const char *url)
{
    static const char *const local[] = {"tcp://localhost:", "tcp://[::1]:"};

    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        if (strncmp(url, local[i], strlen(local[i])) == 0) {
            return true;
        }
    }
    return strncmp(url, "tcp://127.", 10) == 0 && url[10 + strspn(url + 10, "0123456789.")] == ':';
}

static const char *check_clear(const char *url)
{
    struct slice rest = slice_str(url);
    uint64_t port;

    if (strncmp(url, "ipc://", 6) == 0) {
        return url[6] == '/' ? NULL : "an ipc address holds an absolute path: ipc:///run/x.sock";
    }
    if (strncmp(url, "tcp://", 6) != 0) {
        return "an address is tls+tcp://HOST:PORT, tcp://127.0.0.1:PORT or ipc:///PATH";
    }
    rest = slice_from(rest, slice_rfind(rest, ':') + 1);
    if (!text_parse_u64(rest, &port) || port == 0 || port > 65535) {
        return "it has no port: tcp://127.0.0.1:7233";
    }
    if (is_loopback(url)) {
        return NULL;
    }
    return "only this machine is spoken to in the clear: another one is tls+tcp://HOST:PORT";
}

enum err_code link_check(const struct link_settings *settings, struct err *err)
{
    const char *wrong;

    if (dial_is_tls(settings->url)) {
        return dial_check_tls(settings->url, settings->ca, err);
    }
    wrong = check_clear(settings->url);
    return wrong == NULL ? OK
                         : err_set(err, ERR_CONFIG, "coordinator %s: %s", settings->url, wrong);
}

/* ---- nng's threads ---- */

static void call_ended(struct link_call *c, int error, nng_msg *reply)
{
    struct link *l = c->link;
    bool first;

    (void)pthread_mutex_lock(&l->lock);
    c->error = error;
    c->reply = reply;
    first = list_empty(&l->ended);
    list_push_back(&l->ended, &c->ended);
    (void)pthread_mutex_unlock(&l->lock);
    if (first) {
        (void)uv_async_send(&l->wake);
    }
}

static void call_step(void *arg)
{
    struct link_call *c = arg;
    int error = nng_aio_result(c->aio);

    if (!c->sent && error == 0) {
        c->sent = true;
        nng_ctx_recv(c->ctx, c->aio);
        return;
    }
    if (!c->sent) {
        nng_msg_free(nng_aio_get_msg(c->aio)); /* what was not sent is still ours */
    }
    call_ended(c, error, error == 0 ? nng_aio_get_msg(c->aio) : NULL);
}

/* ---- The loop's thread ---- */

static enum err_code refusal(const struct envelope *e, struct arena *a, struct err *err)
{
    const Stepfleet__ErrorBody *b =
        message_unpack(&stepfleet__error_body__descriptor, e->body, a, err);
    enum err_code rc = err_from_number(e->status);

    if (rc == OK) {
        rc = ERR_INTERNAL;
    }
    return err_set(err, rc, "%s", b != NULL ? b->message : err_sentence(rc));
}

/* The message, a copy in `a`, of the reply to that request. */
static enum err_code reply_decode(nng_msg *reply,
                                  uint16_t method,
                                  uint64_t request,
                                  struct arena *a,
                                  const void **message,
                                  struct err *err)
{
    struct slice frame = slice_make(nng_msg_body(reply), nng_msg_len(reply));
    struct envelope e;
    enum err_code rc = envelope_decode(frame, &e, err);

    if (rc != OK) {
        return rc;
    }
    if (e.method != method || e.request_id != request) {
        return err_set(err, ERR_MESSAGE, "the reply is not to this request");
    }
    if (e.status != 0) {
        return refusal(&e, a, err);
    }
    *message = message_unpack(rpc_reply(method), e.body, a, err);
    return *message != NULL ? OK : ERR_MESSAGE;
}

/* ---- Why nobody answers, on a thread of the pool ---- */

static void try_dial(uv_work_t *work)
{
    struct link *l = container_of(work, struct link, probe);

    l->probe_rv = dial_try(l->probe_socket, l->settings->url, l->settings->ca);
}

static void tried_dial(uv_work_t *work, int status)
{
    struct link *l = container_of(work, struct link, probe);
    struct err err;

    l->probing = false;
    (void)nng_close(l->probe_socket);
    if (status == 0 && (l->probe_rv == NNG_EPEERAUTH || l->probe_rv == NNG_ECRYPTO)) {
        dial_explain(l->settings->url, l->settings->ca, l->probe_rv, &err);
        log_error("%s", err.msg);
    }
}

/* nng dials again and again in the background, and says nothing of a certificate it refuses. */
static void ask_why(struct link *l)
{
    if (!l->probing && dial_is_tls(l->settings->url) && nng_req0_open(&l->probe_socket) == 0) {
        l->probing = true;
        (void)uv_queue_work(l->wake.loop, &l->probe, try_dial, tried_dial);
    }
}

static enum err_code nng_failure(int error, struct err *err)
{
    return error == NNG_ETIMEDOUT ? err_set(err, ERR_TIMED_OUT, "the coordinator did not answer")
                                  : err_set(err, ERR_UNAVAILABLE, "%s", nng_strerror(error));
}

static void call_done(struct link_call *c)
{
    const void *message = NULL;
    nng_msg *reply = c->reply;
    struct err err = {0};
    enum err_code rc;

    rc = c->error != 0
             ? nng_failure(c->error, &err)
             : reply_decode(reply, c->method, c->request, &c->link->arena, &message, &err);
    if (c->error == NNG_ETIMEDOUT) {
        dial_renew(&c->link->dial);
        ask_why(c->link);
    }
    c->reply = NULL;
    c->busy = false;
    if (reply != NULL) { /* the message is a copy in the arena */
        nng_msg_free(reply);
    }
    c->done(c, rc, message, &err);
}

static void on_wake(uv_async_t *wake)
{
    struct link *l = wake->data;
    struct list ended;

    list_init(&ended);
    (void)pthread_mutex_lock(&l->lock);
    list_splice(&ended, &l->ended);
    (void)pthread_mutex_unlock(&l->lock);
    for (struct list *n = list_pop_front(&ended); n != NULL; n = list_pop_front(&ended)) {
        call_done(container_of(n, struct link_call, ended));
        arena_reset(&l->arena);
    }
}

enum err_code
link_call_open(struct link *l, struct link_call *c, link_done done, void *user, struct err *err)
{
    int rc;

    *c = (struct link_call){.link = l, .done = done, .user = user};
    list_init(&c->ended);
    rc = nng_ctx_open(&c->ctx, l->socket);
    if (rc == 0) {
        rc = nng_aio_alloc(&c->aio, call_step, c);
    }
    return rc == 0 ? OK : err_set(err, ERR_INTERNAL, "no nng context: %s", nng_strerror(rc));
}

void link_call_close(struct link_call *c)
{
    if (c->aio == NULL) {
        return;
    }
    nng_aio_stop(c->aio); /* call_step() has run to its end when this returns */
    nng_aio_free(c->aio);
    c->aio = NULL;
    (void)nng_ctx_close(c->ctx);
    (void)pthread_mutex_lock(&c->link->lock);
    list_remove(&c->ended);
    (void)pthread_mutex_unlock(&c->link->lock);
    if (c->reply != NULL) {
        nng_msg_free(c->reply);
        c->reply = NULL;
    }
}

/* The token may be read again meanwhile, by another thread that asks. */
static nng_msg *
request_encode(struct link *l, uint16_t method, uint64_t request, const ProtobufCMessage *m)
{
    size_t bytes = protobuf_c_message_get_packed_size(m);
    struct envelope e = {.version = WIRE_VERSION_MAX, .method = method, .request_id = request};
    nng_msg *out;
    char *at;

    (void)pthread_mutex_lock(&l->lock);
    e.auth = secret_file_get(&l->token);
    if (nng_msg_alloc(&out, WIRE_HEADER_BYTES + e.auth.len + bytes) != 0) {
        die_no_memory(bytes);
    }
    at = nng_msg_body(out);
    envelope_encode(&e, at);
    memcpy(at + WIRE_HEADER_BYTES, e.auth.ptr, e.auth.len);
    (void)pthread_mutex_unlock(&l->lock);
    (void)protobuf_c_message_pack(m, (uint8_t *)at + WIRE_HEADER_BYTES + e.auth.len);
    return out;
}

void link_send(struct link_call *c, enum rpc method, const ProtobufCMessage *m, int timeout_ms)
{
    assert(!c->busy);
    c->busy = true;
    c->sent = false;
    c->method = (uint16_t)method;
    c->request = ++c->link->next_request;
    nng_aio_set_timeout(c->aio, timeout_ms);
    nng_aio_set_msg(c->aio, request_encode(c->link, c->method, c->request, m));
    nng_ctx_send(c->ctx, c->aio);
}

/* ---- Other threads ---- */

/* Send, then receive; *reply is the caller's. */
static int exchange(nng_ctx ctx, nng_aio *aio, nng_msg *request, nng_msg **reply)
{
    int error;

    nng_aio_set_msg(aio, request);
    nng_ctx_send(ctx, aio);
    nng_aio_wait(aio);
    error = nng_aio_result(aio);
    if (error != 0) {
        nng_msg_free(request);
        return error;
    }
    nng_ctx_recv(ctx, aio);
    nng_aio_wait(aio);
    error = nng_aio_result(aio);
    *reply = error == 0 ? nng_aio_get_msg(aio) : NULL;
    return error;
}

enum err_code link_ask(struct link *l,
                       enum rpc method,
                       const ProtobufCMessage *m,
                       int timeout_ms,
                       struct arena *a,
                       const void **reply,
                       struct err *err)
{
    uint64_t request = ++l->next_request;
    nng_msg *answer = NULL;
    nng_aio *aio = NULL;
    nng_ctx ctx;
    enum err_code rc;
    int error = nng_ctx_open(&ctx, l->socket);

    if (error != 0) {
        return nng_failure(error, err);
    }
    error = nng_aio_alloc(&aio, NULL, NULL);
    if (error == 0) {
        nng_aio_set_timeout(aio, timeout_ms);
        error = exchange(ctx, aio, request_encode(l, (uint16_t)method, request, m), &answer);
    }
    rc = error != 0 ? nng_failure(error, err)
                    : reply_decode(answer, (uint16_t)method, request, a, reply, err);
    if (answer != NULL) {
        nng_msg_free(answer);
    }
    nng_aio_free(aio);
    (void)nng_ctx_close(ctx);
    return rc;
}

/* ---- The link ---- */

enum err_code
link_open(struct link *l, uv_loop_t *loop, const struct link_settings *settings, struct err *err)
{
    int rc;

    l->settings = settings;
    if (secret_file_open(&l->token, settings->token_file, err) != OK) {
        return ERR_CONFIG;
    }
    rc = nng_req0_open(&l->socket);
    if (rc != 0) {
        return err_set(err, ERR_INTERNAL, "no nng socket: %s", nng_strerror(rc));
    }
    (void)pthread_mutex_init(&l->lock, NULL);
    list_init(&l->ended);
    l->wake.data = l;
    if (uv_async_init(loop, &l->wake, on_wake) != 0) {
        return err_set(err, ERR_INTERNAL, "no async handle");
    }
    (void)nng_socket_set_ms(l->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    (void)nng_socket_set_size(l->socket, NNG_OPT_RECVMAXSZ, LIMIT_FRAME_BYTES);
    (void)nng_socket_set_ms(l->socket, NNG_OPT_RECONNMINT, REDIAL_MIN_MS);
    (void)nng_socket_set_ms(l->socket, NNG_OPT_RECONNMAXT, REDIAL_MAX_MS);
    (void)nng_socket_set_bool(l->socket, NNG_OPT_TCP_KEEPALIVE, true);
    (void)nng_socket_set_bool(l->socket, NNG_OPT_TCP_NODELAY, true);
    rc = dial_begin(&l->dial, l->socket, settings->url, settings->ca, NNG_FLAG_NONBLOCK);
    return rc == 0
               ? OK
               : err_set(err, ERR_CONFIG, "coordinator %s: %s", settings->url, nng_strerror(rc));
}

static void on_closed(uv_handle_t *h)
{
    struct link *l = h->data;

    (void)pthread_mutex_destroy(&l->lock);
    arena_fini(&l->arena);
}

void link_close(struct link *l)
{
    (void)nng_close(l->socket);
    if (l->probing) {
        (void)nng_close(l->probe_socket); /* it ends at once */
    }
    uv_close((uv_handle_t *)&l->wake, on_closed);
}
