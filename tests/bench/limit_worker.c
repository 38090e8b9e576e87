/* SPDX-License-Identifier: Apache-2.0 */
/* The bare worker: what a poll or a report's answer brings goes back at once, as many in one report
 * as have gathered while both report calls were out. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <string.h>
#include <uv.h>

#include "proto/base/arena.h"
#include "proto/base/limits.h"
#include "proto/base/list.h"
#include "tests/bench/limit.h"
#include "tests/bench/process.h"
#include "tests/bench/real.h"

enum { REPORT_CALLS = 2 };

struct bare_call {
    struct bare_worker *w;
    nng_ctx ctx;
    nng_aio *aio;
    bool sent; /* nng's thread */
    bool busy; /* loop */
    struct list ended;
};

struct bare_worker {
    uint32_t number;
    nng_socket socket;
    uv_loop_t loop;
    uv_async_t wake;
    struct bare_call poll;
    struct bare_call reports[REPORT_CALLS];
    struct limit_item results[LIMIT_SLOTS];
    size_t count;
    pthread_mutex_t lock;
    struct list ended; /* locked */
};

nng_msg *limit_message(struct limit_head head)
{
    nng_msg *m;

    if (nng_msg_alloc(&m, sizeof(head) + head.count * sizeof(struct limit_item)) != 0) {
        die_no_memory(sizeof(head));
    }
    memcpy(nng_msg_body(m), &head, sizeof(head));
    return m;
}

struct limit_head *limit_message_head(nng_msg *m)
{
    struct limit_head *head = nng_msg_body(m);

    if (nng_msg_len(m) != sizeof(*head) + head->count * sizeof(struct limit_item)) {
        bench_die("a message of another length");
    }
    return head;
}

struct limit_item *limit_message_items(nng_msg *m)
{
    return (void *)((char *)nng_msg_body(m) + sizeof(struct limit_head));
}

nng_msg *limit_next(void *arg, struct load_run *run, nng_msg *reply)
{
    nng_msg *m;

    (void)arg;
    if (run->step == 1) {
        if (limit_message_head(reply)->count != 2) {
            bench_die("the limit answered something else");
        }
        return NULL;
    }
    m = limit_message((struct limit_head){.kind = LIMIT_RUN, .count = 1});
    real_document(run->number, limit_message_items(m)->document);
    return m;
}

/* ---- nng's threads ---- */

static void call_step(void *arg)
{
    struct bare_call *c = arg;
    struct bare_worker *w = c->w;
    bool first;

    if (nng_aio_result(c->aio) != 0) {
        bench_die("worker: %s", nng_strerror(nng_aio_result(c->aio)));
    }
    if (!c->sent) {
        c->sent = true;
        nng_ctx_recv(c->ctx, c->aio);
        return;
    }
    (void)pthread_mutex_lock(&w->lock);
    first = list_empty(&w->ended);
    list_push_back(&w->ended, &c->ended);
    (void)pthread_mutex_unlock(&w->lock);
    if (first) {
        (void)uv_async_send(&w->wake);
    }
}

/* ---- the loop's thread ---- */

static void call_send(struct bare_call *c, nng_msg *m)
{
    c->busy = true;
    c->sent = false;
    nng_aio_set_msg(c->aio, m);
    nng_ctx_send(c->ctx, c->aio);
}

static void flush(struct bare_worker *w)
{
    for (unsigned i = 0; i < REPORT_CALLS && w->count != 0; i++) {
        struct limit_head head = {
            .kind = LIMIT_REPORT, .count = (uint32_t)w->count, .worker = w->number};
        nng_msg *m;

        if (w->reports[i].busy) {
            continue;
        }
        m = limit_message(head);
        memcpy(limit_message_items(m), w->results, w->count * sizeof(w->results[0]));
        w->count = 0;
        call_send(&w->reports[i], m);
    }
    if (!w->poll.busy) {
        call_send(&w->poll,
                  limit_message((struct limit_head){.kind = LIMIT_POLL, .worker = w->number}));
    }
}

static void call_done(struct bare_worker *w, struct bare_call *c)
{
    nng_msg *m = nng_aio_get_msg(c->aio);
    uint32_t count = limit_message_head(m)->count;

    if (w->count + count > LIMIT_SLOTS) {
        bench_die("more leases than slots");
    }
    memcpy(&w->results[w->count], limit_message_items(m), count * sizeof(w->results[0]));
    w->count += count;
    nng_msg_free(m);
    c->busy = false;
}

static void woken(uv_async_t *wake)
{
    struct bare_worker *w = wake->data;
    struct list ended;
    struct list *n;

    list_init(&ended);
    (void)pthread_mutex_lock(&w->lock);
    list_splice(&ended, &w->ended);
    (void)pthread_mutex_unlock(&w->lock);
    while ((n = list_pop_front(&ended)) != NULL) {
        call_done(w, container_of(n, struct bare_call, ended));
        flush(w);
    }
}

static int call_open(struct bare_worker *w, struct bare_call *c)
{
    int rv = nng_ctx_open(&c->ctx, w->socket);

    c->w = w;
    list_init(&c->ended);
    return rv != 0 ? rv : nng_aio_alloc(&c->aio, call_step, c);
}

int limit_worker(const char *url, uint32_t number)
{
    struct bare_worker *w = mem_zalloc(1, sizeof(*w));
    int rv = nng_req0_open(&w->socket);

    w->number = number;
    (void)pthread_mutex_init(&w->lock, NULL);
    list_init(&w->ended);
    (void)uv_loop_init(&w->loop);
    (void)uv_async_init(&w->loop, &w->wake, woken);
    w->wake.data = w;
    (void)nng_socket_set_ms(w->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    (void)nng_socket_set_size(w->socket, NNG_OPT_RECVMAXSZ, LIMIT_FRAME_BYTES);
    (void)nng_socket_set_bool(w->socket, NNG_OPT_TCP_NODELAY, true);
    for (unsigned i = 0; i < REPORT_CALLS && rv == 0; i++) {
        rv = call_open(w, &w->reports[i]);
    }
    rv = rv != 0 ? rv : call_open(w, &w->poll);
    rv = rv != 0 ? rv : nng_dial(w->socket, url, NULL, NNG_FLAG_NONBLOCK);
    if (rv != 0) {
        bench_die("worker: %s", nng_strerror(rv));
    }
    flush(w);
    return uv_run(&w->loop, UV_RUN_DEFAULT);
}
