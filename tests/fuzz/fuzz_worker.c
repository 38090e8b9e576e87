/* SPDX-License-Identifier: Apache-2.0 */
/* What a coordinator, or whoever stands there, may answer a worker: whole frames one behind the
 * other, each beginning with the envelope's magic, and each given to the call of its method that
 * waits. The worker has an echo, so that each lease it takes is over at once; link_*() is ours, and
 * carries nothing. Whatever comes, it asks one thing at a time, and no more than it has slots. */
#include <assert.h>

#include "proto/host/log.h"
#include "worker/worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum err_code
link_open(struct link *l, uv_loop_t *loop, const struct link_settings *settings, struct err *err)
{
    (void)l;
    (void)loop;
    (void)settings;
    (void)err;
    return OK;
}

void link_close(struct link *l)
{
    arena_fini(&l->arena);
}

enum err_code
link_call_open(struct link *l, struct link_call *c, link_done done, void *user, struct err *err)
{
    (void)err;
    *c = (struct link_call){.link = l, .done = done, .user = user};
    return OK;
}

void link_call_close(struct link_call *c)
{
    c->busy = false;
}

void link_send(struct link_call *c, enum rpc method, const ProtobufCMessage *m, int timeout_ms)
{
    assert(!c->busy && timeout_ms > 0 && m->descriptor == rpc_request(method));
    assert(protobuf_c_message_get_packed_size(m) < LIMIT_FRAME_BYTES);
    c->busy = true;
    c->method = (uint16_t)method;
}

enum err_code link_ask(struct link *l,
                       enum rpc method,
                       const ProtobufCMessage *m,
                       int timeout_ms,
                       struct arena *a,
                       const void **reply,
                       struct err *err)
{
    (void)l;
    (void)method;
    (void)m;
    (void)timeout_ms;
    (void)a;
    (void)reply;
    return err_set(err, ERR_UNAVAILABLE, "nobody is asked");
}

/* The call that waits for an answer of that method; NULL: none. */
static struct link_call *waiting(struct worker *w, unsigned method)
{
    struct link_call *calls[] = {&w->hello,           &w->poll,           &w->tick, &w->upload,
                                 &w->reports[0].call, &w->reports[1].call};

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (calls[i]->busy && calls[i]->method == method) {
            return calls[i];
        }
    }
    return NULL;
}

static void answer(struct worker *w, struct slice frame)
{
    struct envelope e;
    struct err err;
    struct link_call *c;
    const void *m = NULL;
    enum err_code rc = envelope_decode(frame, &e, &err);

    if (rc != OK || (c = waiting(w, e.method)) == NULL) {
        return;
    }
    if (e.status != 0) {
        rc = err_set(&err, err_from_number(e.status), "refused");
    } else {
        m = message_unpack(rpc_reply(e.method), e.body, &w->link.arena, &err);
        rc = m != NULL ? OK : err.code;
    }
    c->busy = false;
    c->done(c, rc, m, &err);
    (void)uv_timer_stop(&w->retry); /* the wait is over */
    worker_flush(w);
    assert(w->table.busy == 0); /* no handler takes time */
}

static void end(struct worker *w, uv_loop_t *loop)
{
    struct err err;

    if (w->phase != WORKER_LEAVING) {
        w->hello.done(&w->hello, err_set(&err, ERR_DENIED, "end"), NULL, &err);
    }
    while (uv_loop_close(loop) != 0) {
        (void)uv_run(loop, UV_RUN_NOWAIT);
    }
    worker_fini(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slice magic = SLICE_INIT("SFL1");
    struct handler_function f = {.lease = {.name = SLICE("f"), .slots = 2}, .name = "f"};
    struct settings s = {.name = "w",
                         .coordinator = "c",
                         .slots = 2,
                         .labels = "{}",
                         .functions = &f,
                         .function_count = 1};
    struct slice text = slice_make(data, size);
    struct worker w;
    uv_loop_t loop;
    struct err err;

    log_init("fuzz", LOG_ERROR);
    assert(uv_loop_init(&loop) == 0 && worker_open(&w, &loop, &s, "/", NULL, &err) == OK);
    while (slice_starts_with(text, magic) && w.phase != WORKER_LEAVING) {
        size_t length = magic.len;

        while (length < text.len && !slice_starts_with(slice_from(text, length), magic)) {
            length++;
        }
        answer(&w, slice_head(text, length));
        text = slice_from(text, length);
    }
    end(&w, &loop);
    return 0;
}
