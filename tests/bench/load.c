/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load.h"

#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/limits.h"
#include "tests/bench/process.h"

enum { SAMPLES_MAX = 1 << 20, ASK_MS = 30000 };

struct load;

struct slot {
    struct load *load;
    nng_ctx ctx;
    nng_aio *aio;
    bool sent;
    int64_t begun_ns;
    struct load_run run;
};

struct load {
    const struct load_plan *plan;
    nng_socket socket;
    struct slot *slots;
    atomic_bool stop;
    atomic_bool counting;
    atomic_ullong started;
    atomic_ullong ended; /* while counting */
    atomic_uint sample_count;
    uint32_t *samples_us;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    unsigned running; /* locked */
};

static void slot_idle(struct slot *s)
{
    struct load *l = s->load;

    (void)pthread_mutex_lock(&l->lock);
    if (--l->running == 0) {
        (void)pthread_cond_signal(&l->idle);
    }
    (void)pthread_mutex_unlock(&l->lock);
}

static void slot_send(struct slot *s, nng_msg *request)
{
    s->sent = false;
    nng_aio_set_msg(s->aio, request);
    nng_ctx_send(s->ctx, s->aio);
}

static void slot_begin(struct slot *s)
{
    struct load *l = s->load;

    uint64_t started = atomic_fetch_add(&l->started, 1);

    if (atomic_load(&l->stop) || (l->plan->count != 0 && started >= l->plan->count)) {
        slot_idle(s);
        return;
    }
    s->run.number = l->plan->first + started;
    s->run.step = 0;
    s->begun_ns = bench_now_ns();
    slot_send(s, l->plan->next(l->plan->arg, &s->run, NULL));
}

static void slot_ended(struct slot *s)
{
    struct load *l = s->load;

    if (atomic_load(&l->counting)) {
        unsigned i = atomic_fetch_add(&l->sample_count, 1);

        (void)atomic_fetch_add(&l->ended, 1);
        if (i < SAMPLES_MAX) {
            l->samples_us[i] = (uint32_t)((bench_now_ns() - s->begun_ns) / 1000);
        }
    }
    slot_begin(s);
}

static void slot_step(void *arg)
{
    struct slot *s = arg;
    int rv = nng_aio_result(s->aio);
    nng_msg *reply;
    nng_msg *request;

    if (rv != 0) {
        bench_die("request: %s", nng_strerror(rv));
    }
    if (!s->sent) {
        s->sent = true;
        nng_ctx_recv(s->ctx, s->aio);
        return;
    }
    reply = nng_aio_get_msg(s->aio);
    s->run.step++;
    request = s->load->plan->next(s->load->plan->arg, &s->run, reply);
    nng_msg_free(reply);
    arena_reset(&s->run.a);
    if (request != NULL) {
        slot_send(s, request);
    } else {
        slot_ended(s);
    }
}

static int open_socket(const char *url, nng_socket *out)
{
    int rv = nng_req0_open(out);

    if (rv == 0) {
        (void)nng_socket_set_ms(*out, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
        (void)nng_socket_set_size(*out, NNG_OPT_RECVMAXSZ, LIMIT_FRAME_BYTES);
        (void)nng_socket_set_bool(*out, NNG_OPT_TCP_NODELAY, true);
        rv = nng_dial(*out, url, NULL, 0);
        if (rv != 0) {
            (void)nng_close(*out);
        }
    }
    return rv;
}

static void open_slots(struct load *l)
{
    int rv = open_socket(l->plan->url, &l->socket);

    l->slots = mem_zalloc(l->plan->in_flight, sizeof(*l->slots));
    for (unsigned i = 0; i < l->plan->in_flight && rv == 0; i++) {
        struct slot *s = &l->slots[i];

        s->load = l;
        rv = nng_ctx_open(&s->ctx, l->socket);
        if (rv == 0) {
            rv = nng_aio_alloc(&s->aio, slot_step, s);
        }
    }
    if (rv != 0) {
        bench_die("connect to %s: %s", l->plan->url, nng_strerror(rv));
    }
}

static void close_slots(struct load *l)
{
    for (unsigned i = 0; i < l->plan->in_flight; i++) {
        nng_aio_free(l->slots[i].aio);
        arena_fini(&l->slots[i].run.a);
    }
    (void)nng_close(l->socket);
    mem_free(l->slots);
}

static void wait_idle(struct load *l)
{
    (void)pthread_mutex_lock(&l->lock);
    while (l->running != 0) {
        (void)pthread_cond_wait(&l->idle, &l->lock);
    }
    (void)pthread_mutex_unlock(&l->lock);
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

void load_summarize(uint32_t *samples_us, size_t n, int64_t ns, struct load_result *out)
{
    *out = (struct load_result){.executions = n, .seconds = (double)ns / 1e9};
    if (n != 0) {
        qsort(samples_us, n, sizeof(samples_us[0]), compare_u32);
        out->p50_ms = samples_us[n / 2] / 1e3;
        out->p99_ms = samples_us[n * 99 / 100] / 1e3;
    }
}

static void result_fill(struct load *l, int64_t ns, struct load_result *out)
{
    size_t n = atomic_load(&l->sample_count);

    load_summarize(l->samples_us, n < SAMPLES_MAX ? n : SAMPLES_MAX, ns, out);
    out->executions = atomic_load(&l->ended);
}

static void window(struct load *l, bool end)
{
    atomic_store(&l->counting, !end);
    if (l->plan->window != NULL) {
        l->plan->window(l->plan->arg, end);
    }
}

void load_run_plan(const struct load_plan *plan, struct load_result *out)
{
    struct load *l = mem_zalloc(1, sizeof(*l));
    int64_t begun;
    int64_t ended;

    l->plan = plan;
    l->running = plan->in_flight;
    l->samples_us = mem_alloc(SAMPLES_MAX * sizeof(l->samples_us[0]));
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->idle, NULL);
    open_slots(l);
    if (plan->count != 0) {
        window(l, false);
    }
    begun = bench_now_ns();
    for (unsigned i = 0; i < plan->in_flight; i++) {
        slot_begin(&l->slots[i]);
    }
    if (plan->count == 0) {
        bench_sleep_ms(plan->warm_ms);
        window(l, false);
        begun = bench_now_ns();
        bench_sleep_ms(plan->run_ms);
    } else {
        wait_idle(l);
    }
    window(l, true);
    ended = bench_now_ns();
    atomic_store(&l->stop, true);
    wait_idle(l);
    result_fill(l, ended - begun, out);
    close_slots(l);
    (void)pthread_mutex_destroy(&l->lock);
    (void)pthread_cond_destroy(&l->idle);
    mem_free(l->samples_us);
    mem_free(l);
}

nng_msg *load_try(const char *url, nng_msg *request, int timeout_ms)
{
    nng_socket socket;
    nng_msg *reply = NULL;

    if (open_socket(url, &socket) != 0) {
        nng_msg_free(request);
        return NULL;
    }
    (void)nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, timeout_ms);
    if (nng_sendmsg(socket, request, 0) != 0) {
        nng_msg_free(request);
    } else if (nng_recvmsg(socket, &reply, 0) != 0) {
        reply = NULL;
    }
    (void)nng_close(socket);
    return reply;
}

nng_msg *load_ask(const char *url, nng_msg *request)
{
    nng_msg *reply = load_try(url, request, ASK_MS);

    if (reply == NULL) {
        bench_die("%s does not answer", url);
    }
    return reply;
}
