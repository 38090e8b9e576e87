/* SPDX-License-Identifier: Apache-2.0 */
/* The bare coordinator: a turn takes what arrived, puts rows into the batch that is filling, and a
 * thread writes the batch before it while that goes on; what a turn answers leaves when its batch
 * is synced. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <pthread.h>
#include <string.h>
#include <uv.h>

#include "proto/base/limits.h"
#include "proto/base/list.h"
#include "tests/bench/limit.h"
#include "tests/bench/limit_rows.h"
#include "tests/bench/process.h"

enum { RUNS = 65536 /* a ring: more than are ever open */ };

struct bare_request {
    struct bare_server *s;
    nng_ctx ctx;
    nng_aio *aio;
    nng_msg *message; /* the request, then the reply */
    bool sending;
    struct list link;
};

struct bare_run {
    uint64_t id;
    uint64_t stage;
    int64_t start_ms;
    struct bare_request *waiter;
    struct list mail; /* in a worker's outbox */
    char document[LIMIT_DOCUMENT_BYTES];
};

struct bare_fleet {
    struct list outbox;
    uint32_t outbox_count;
    uint32_t leased;
    struct bare_request *poll;
};

struct bare_server {
    struct limit_rows rows;
    nng_socket socket;
    uv_loop_t loop;
    uv_async_t wake;
    struct bare_run *runs;
    uint64_t next;
    struct bare_fleet workers[LIMIT_LOOP_WORKERS];
    struct store_batch *filling;
    struct store_batch *spare;
    struct store_batch *flying;
    struct list filling_waits;
    struct list flying_waits;
    pthread_mutex_t lock;
    struct list arrived; /* locked */
    bool written;        /* locked */
};

/* ---- other threads ---- */

static void rows_written(void *arg)
{
    struct bare_server *s = arg;

    (void)pthread_mutex_lock(&s->lock);
    s->written = true;
    (void)pthread_mutex_unlock(&s->lock);
    (void)uv_async_send(&s->wake);
}

static void request_step(void *arg)
{
    struct bare_request *r = arg;
    struct bare_server *s = r->s;
    bool first;

    if (nng_aio_result(r->aio) != 0) {
        bench_die("server: %s", nng_strerror(nng_aio_result(r->aio)));
    }
    if (r->sending) {
        r->sending = false;
        nng_ctx_recv(r->ctx, r->aio);
        return;
    }
    r->message = nng_aio_get_msg(r->aio);
    (void)pthread_mutex_lock(&s->lock);
    first = list_empty(&s->arrived);
    list_push_back(&s->arrived, &r->link);
    if (first) {
        (void)uv_async_send(&s->wake);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- requests ---- */

/* The reply leaves with the batch that is filling. */
static void answer(struct bare_server *s, struct bare_request *r, nng_msg *reply)
{
    r->message = reply;
    list_push_back(store_batch_count(s->filling) != 0 ? &s->filling_waits : &s->flying_waits,
                   &r->link);
}

static struct bare_run *run_of(struct bare_server *s, uint64_t id)
{
    struct bare_run *run = &s->runs[id % RUNS];

    if (run->id != id) {
        bench_die("more executions than the ring holds");
    }
    return run;
}

static void lease(struct bare_fleet *w, struct bare_run *run)
{
    list_push_back(&w->outbox, &run->mail);
    w->outbox_count++;
}

static void serve_run(struct bare_server *s, struct bare_request *r, nng_msg *m)
{
    uint64_t id = s->next++;
    struct bare_run *run = &s->runs[id % RUNS];
    struct bare_fleet *w = &s->workers[s->workers[1].leased < s->workers[0].leased];

    if (w->leased == LIMIT_SLOTS) {
        bench_die("more executions than slots");
    }
    *run = (struct bare_run){.id = id, .start_ms = (int64_t)uv_now(&s->loop)};
    memcpy(run->document, limit_message_items(m)->document, LIMIT_DOCUMENT_BYTES);
    run->waiter = r;
    list_init(&run->mail);
    limit_rows_started(&s->rows, s->filling, id, run->start_ms);
    w->leased++;
    lease(w, run);
}

static void answer_run(struct bare_server *s, const struct bare_run *run)
{
    nng_msg *m = limit_message((struct limit_head){.kind = LIMIT_RUN, .count = 2});

    for (unsigned i = 0; i < 2; i++) {
        memcpy(limit_message_items(m)[i].document, run->document, LIMIT_DOCUMENT_BYTES);
    }
    answer(s, run->waiter, m);
}

static void take_result(struct bare_server *s, struct bare_fleet *w, const struct limit_item *item)
{
    struct bare_run *run = run_of(s, item->execution);

    memcpy(run->document, item->document, LIMIT_DOCUMENT_BYTES);
    limit_rows_result(&s->rows, s->filling, run->id, run->start_ms, ++run->stage);
    if (run->stage < LIMIT_STAGES) {
        lease(w, run);
        return;
    }
    w->leased--;
    answer_run(s, run);
}

static void answer_mail(struct bare_server *s, struct bare_fleet *w, struct bare_request *r)
{
    nng_msg *m = limit_message((struct limit_head){.kind = LIMIT_REPORT, .count = w->outbox_count});
    struct limit_item *item = limit_message_items(m);
    struct list *n;

    for (; (n = list_pop_front(&w->outbox)) != NULL; item++) {
        const struct bare_run *run = container_of(n, struct bare_run, mail);

        item->execution = run->id;
        item->stage = run->stage;
        memcpy(item->document, run->document, LIMIT_DOCUMENT_BYTES);
    }
    w->outbox_count = 0;
    answer(s, r, m);
}

static void serve(struct bare_server *s, struct bare_request *r)
{
    nng_msg *m = r->message;
    const struct limit_head *head = limit_message_head(m);
    struct bare_fleet *w = &s->workers[head->worker % LIMIT_LOOP_WORKERS];

    switch ((enum limit_kind)head->kind) {
    case LIMIT_RUN: serve_run(s, r, m); break;
    case LIMIT_POLL: w->poll = r; break;
    case LIMIT_REPORT:
        for (uint32_t i = 0; i < head->count; i++) {
            take_result(s, w, &limit_message_items(m)[i]);
        }
        answer_mail(s, w, r);
        break;
    }
    nng_msg_free(m);
}

/* ---- turns ---- */

static void let_go(struct list *waits)
{
    struct list *n;

    while ((n = list_pop_front(waits)) != NULL) {
        struct bare_request *r = container_of(n, struct bare_request, link);

        r->sending = true;
        nng_aio_set_msg(r->aio, r->message);
        nng_ctx_send(r->ctx, r->aio);
    }
}

static void send_batch(struct bare_server *s)
{
    if (s->flying != NULL || store_batch_count(s->filling) == 0) {
        return;
    }
    s->flying = s->filling;
    s->filling = s->spare;
    s->spare = NULL;
    list_splice(&s->flying_waits, &s->filling_waits);
    limit_rows_write(&s->rows, s->flying);
}

static void batch_done(struct bare_server *s)
{
    struct list waits;

    list_init(&waits);
    store_batch_clear(s->flying);
    s->spare = s->flying;
    s->flying = NULL;
    list_splice(&waits, &s->flying_waits);
    send_batch(s);
    let_go(&waits);
}

static void turn(uv_async_t *wake)
{
    struct bare_server *s = wake->data;
    struct list arrived;
    struct list *n;
    bool written;

    list_init(&arrived);
    (void)pthread_mutex_lock(&s->lock);
    list_splice(&arrived, &s->arrived);
    written = s->written;
    s->written = false;
    (void)pthread_mutex_unlock(&s->lock);
    if (written) {
        batch_done(s);
    }
    while ((n = list_pop_front(&arrived)) != NULL) {
        serve(s, container_of(n, struct bare_request, link));
    }
    for (unsigned i = 0; i < LIMIT_LOOP_WORKERS; i++) {
        struct bare_fleet *w = &s->workers[i];

        if (w->outbox_count != 0 && w->poll != NULL) {
            struct bare_request *poll = w->poll;

            w->poll = NULL;
            answer_mail(s, w, poll);
        }
    }
    send_batch(s);
    if (s->flying == NULL) {
        let_go(&s->flying_waits);
    }
}

/* ---- opening ---- */

static int open_requests(struct bare_server *s)
{
    int rv = 0;

    for (unsigned i = 0; i < LIMIT_CONTEXTS && rv == 0; i++) {
        struct bare_request *r = mem_zalloc(1, sizeof(*r));

        r->s = s;
        list_init(&r->link);
        rv = nng_ctx_open(&r->ctx, s->socket);
        rv = rv != 0 ? rv : nng_aio_alloc(&r->aio, request_step, r);
        if (rv == 0) {
            nng_ctx_recv(r->ctx, r->aio);
        }
    }
    return rv;
}

int limit_server(const char *dir, const char *url, const char *shape)
{
    struct bare_server *s = mem_zalloc(1, sizeof(*s));
    int rv;

    s->runs = mem_zalloc(RUNS, sizeof(*s->runs));
    s->next = 1;
    list_init(&s->filling_waits);
    list_init(&s->flying_waits);
    list_init(&s->arrived);
    for (unsigned i = 0; i < LIMIT_LOOP_WORKERS; i++) {
        list_init(&s->workers[i].outbox);
    }
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)uv_loop_init(&s->loop);
    (void)uv_async_init(&s->loop, &s->wake, turn);
    s->wake.data = s;
    limit_rows_open(&s->rows, dir, shape, rows_written, s);
    s->filling = store_batch_new(s->rows.store);
    s->spare = store_batch_new(s->rows.store);
    rv = nng_rep0_open(&s->socket);
    (void)nng_socket_set_size(s->socket, NNG_OPT_RECVMAXSZ, LIMIT_FRAME_BYTES);
    (void)nng_socket_set_bool(s->socket, NNG_OPT_TCP_NODELAY, true);
    rv = rv != 0 ? rv : open_requests(s);
    rv = rv != 0 ? rv : nng_listen(s->socket, url, NULL, 0);
    if (rv != 0) {
        bench_die("listen on %s: %s", url, nng_strerror(rv));
    }
    return uv_run(&s->loop, UV_RUN_DEFAULT);
}
