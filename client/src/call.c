/* SPDX-License-Identifier: Apache-2.0 */
/* One call: envelope and message out, envelope and message in (reply.c), and when to send it again.
 *
 * The happy path: connect (the first time), send, wait, check that the reply is to this request,
 * unpack. Then each failure:
 *
 *   cannot connect                not sent: every call is tried again until the deadline
 *   refused: too much at once     not done: every call is tried again
 *   connection broke, no answer   may be done: tried again where a repeat is harmless
 *   refused: no room on its disk  the answer: none is made in the time of a call
 *   another refusal               likewise where its code is worth a retry, else it is the answer
 *
 * Pauses grow twofold with full jitter. A request keeps its id over its repeats, for the logs of
 * both sides. */
#include <nng/nng.h>
#include <nng/supplemental/util/platform.h>

#include "client/src/client.h"
#include "proto/base/limits.h"
#include "proto/host/clock.h"

struct attempt {
    struct slice frame;
    uint64_t request_id;
    enum rpc method;
    int64_t wait_ms;
    bool sent; /* out: it may have arrived */
};

static enum err_code transport_error(const struct stepfleet *c, int rv, struct err *err)
{
    bool late = rv == NNG_ETIMEDOUT;

    return err_set(err, late ? ERR_TIMED_OUT : ERR_UNAVAILABLE, "the coordinator at %s: %s", c->url,
                   late ? "no answer in time" : nng_strerror(rv));
}

/* Send the frame and receive one, on a context of its own. */
static int exchange(nng_ctx ctx, nng_aio *aio, struct attempt *t, nng_msg **reply)
{
    int64_t start_ms = clock_mono_ms();
    nng_msg *msg;
    int rv = nng_msg_alloc(&msg, t->frame.len);

    if (rv != 0) {
        return rv;
    }
    memcpy(nng_msg_body(msg), t->frame.ptr, t->frame.len);
    nng_aio_set_timeout(aio, (nng_duration)t->wait_ms);
    nng_aio_set_msg(aio, msg);
    nng_ctx_send(ctx, aio);
    nng_aio_wait(aio);
    rv = nng_aio_result(aio);
    if (rv != 0) {
        nng_msg_free(msg);
        return rv == NNG_ETIMEDOUT ? NNG_ECONNREFUSED : rv; /* no connection took it */
    }
    t->sent = true;
    t->wait_ms -= clock_mono_ms() - start_ms;
    nng_aio_set_timeout(aio, (nng_duration)(t->wait_ms > 0 ? t->wait_ms : 1));
    nng_ctx_recv(ctx, aio);
    nng_aio_wait(aio);
    rv = nng_aio_result(aio);
    if (rv == 0) {
        *reply = nng_aio_get_msg(aio);
    }
    return rv;
}

static enum err_code
call_exchange(struct stepfleet *c, struct attempt *t, nng_msg **reply, struct err *err)
{
    nng_ctx ctx;
    nng_aio *aio;
    int rv = nng_ctx_open(&ctx, c->socket);

    if (rv != 0) {
        return transport_error(c, rv, err);
    }
    rv = nng_aio_alloc(&aio, NULL, NULL);
    if (rv == 0) {
        rv = exchange(ctx, aio, t, reply);
        nng_aio_free(aio);
    }
    (void)nng_ctx_close(ctx);
    if (rv == NNG_ETIMEDOUT || rv == NNG_ECONNREFUSED) {
        connection_overdue(c);
    }
    return rv != 0 ? transport_error(c, rv, err) : OK;
}

static enum err_code
call_once(struct stepfleet *c, struct attempt *t, struct arena *a, void **out, struct err *err)
{
    nng_msg *reply = NULL;
    enum err_code rc = call_exchange(c, t, &reply, err);

    if (rc == OK) {
        rc = reply_read(slice_make(nng_msg_body(reply), nng_msg_len(reply)), t->method,
                        t->request_id, a, out, err);
        nng_msg_free(reply);
    }
    return rc;
}

/* Sleep before the next try; false where the deadline is before its end. */
static bool call_pause(unsigned tries, int64_t deadline_ms)
{
    uint64_t most = CLIENT_BACKOFF_MS;
    int64_t pause;

    for (unsigned i = 1; i < tries && most < CLIENT_BACKOFF_MAX_MS; i++) {
        most *= 2;
    }
    if (most > CLIENT_BACKOFF_MAX_MS) {
        most = CLIENT_BACKOFF_MAX_MS;
    }
    pause = 1 + (int64_t)(clock_random_u64() % most);
    if (clock_mono_ms() + pause >= deadline_ms) {
        return false;
    }
    nng_msleep((nng_duration)pause);
    return true;
}

static enum err_code
put_frame(struct envelope *e, const ProtobufCMessage *request, struct buf *frame, struct err *err)
{
    char head[WIRE_HEADER_BYTES];
    size_t body = protobuf_c_message_get_packed_size(request);

    if (body > LIMIT_FRAME_BYTES - sizeof(head) - CLIENT_NNG_BYTES - e->auth.len) {
        return err_set(err, ERR_TOO_LARGE, "a request of %zu bytes; the limit is %d", body,
                       LIMIT_FRAME_BYTES);
    }
    envelope_encode(e, head);
    buf_put(frame, head, sizeof(head));
    buf_put_slice(frame, e->auth);
    frame->len += protobuf_c_message_pack(request, (uint8_t *)(void *)buf_reserve(frame, body));
    return OK;
}

static enum err_code call_frame(struct stepfleet *c,
                                const struct call *call,
                                struct attempt *t,
                                struct buf *frame,
                                struct err *err)
{
    struct envelope e = {
        .version = WIRE_VERSION_MAX,
        .method = (uint16_t)call->method,
        .request_id = atomic_fetch_add(&c->next_request, 1),
    };
    enum err_code rc;

    (void)pthread_mutex_lock(&c->token_lock);
    e.auth = secret_file_get(&c->token);
    rc = put_frame(&e, call->request, frame, err);
    (void)pthread_mutex_unlock(&c->token_lock);
    t->frame = buf_slice(frame);
    t->request_id = e.request_id;
    t->method = e.method;
    return rc;
}

/* How long to wait for one answer before the request is sent again. */
static int64_t attempt_ms(const struct call *call, int64_t left_ms)
{
    int64_t one =
        call->repeat == REPEAT_SAFE ? CLIENT_ATTEMPT_MS + (int64_t)call->wait_ms : left_ms;

    one = one < left_ms ? one : left_ms;
    return one > 0 ? one : 1;
}

/* What never left, and what was turned away at the door, was not done. */
static bool call_may_repeat(const struct call *call, const struct attempt *t, enum err_code rc)
{
    return err_retryable(rc) && rc != ERR_DISK &&
           (call->repeat == REPEAT_SAFE || !t->sent || rc == ERR_BUSY);
}

static enum err_code call_tries(struct stepfleet *c,
                                const struct call *call,
                                struct attempt *t,
                                struct arena *a,
                                void **out,
                                struct err *err)
{
    int64_t deadline_ms = clock_mono_ms() + c->timeout_ms + call->wait_ms;

    for (unsigned tries = 1;; tries++) {
        enum err_code rc = connection_dial(c, deadline_ms, err);

        if (rc != OK) {
            return rc;
        }
        t->sent = false;
        t->wait_ms = attempt_ms(call, deadline_ms - clock_mono_ms());
        rc = call_once(c, t, a, out, err);
        if (rc == OK || !call_may_repeat(call, t, rc) || !call_pause(tries, deadline_ms)) {
            return rc;
        }
    }
}

enum err_code client_call(struct stepfleet *c,
                          const struct call *call,
                          struct arena *a,
                          void **out,
                          struct err *err)
{
    struct buf frame = {0};
    struct attempt t = {0};
    enum err_code rc = call_frame(c, call, &t, &frame, err);

    if (rc == OK) {
        rc = call_tries(c, call, &t, a, out, err);
    }
    buf_fini(&frame);
    return rc;
}
