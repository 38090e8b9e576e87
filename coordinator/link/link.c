/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/link/link.h"

#include <pthread.h>
#include <stdio.h>

#include "coordinator/link/connection.h"
#include "proto/base/limits.h"
#include "proto/host/log.h"

static const struct slice scheme = SLICE_INIT("tls+tcp://");

/* ---- accepting ---- */

/* The one that waits longest of those from the newcomer's address, where these have half of the
 * places; else the one that waits longest of all. */
static void make_room(struct link *l, const struct link_connection *newcomer)
{
    struct link_connection *first = NULL;
    size_t of_address = 0;

    LIST_EACH(n, &l->states[LINK_STRANGER])
    {
        struct link_connection *c = container_of(n, struct link_connection, at);

        if (c != newcomer && strcmp(c->host, newcomer->host) == 0) {
            first = of_address == 0 ? c : first;
            of_address++;
        }
    }
    if (of_address < LIMIT_STRANGERS / 2) {
        first = container_of(l->states[LINK_STRANGER].next, struct link_connection, at);
    }
    link_connection_close(first);
}

static void accept_one(struct link *l)
{
    struct link_connection *c = link_connection_accept(l);

    l->accepts--;
    if (c != NULL && l->strangers > LIMIT_STRANGERS) {
        make_room(l, c);
    }
}

/* What is not accepted now waits in the system's own queue: libuv says so once. */
static void on_connection(uv_stream_t *listener, int status)
{
    struct link *l = listener->data;

    if (status < 0) {
        return;
    }
    if (l->accepts == 0 || l->count >= LIMIT_LINK_CONNECTIONS) {
        l->accepting_waits = true;
        return;
    }
    accept_one(l);
}

/* ---- timers ---- */

static void close_late(struct link *l, enum link_state state, int64_t limit_ms)
{
    int64_t now = (int64_t)uv_now(&l->loop);

    LIST_EACH_SAFE(n, after, &l->states[state])
    {
        struct link_connection *c = container_of(n, struct link_connection, at);

        if (now - c->since_ms < limit_ms) {
            return; /* those behind it came later */
        }
        if (state != LINK_STRANGER || !c->greeted) {
            link_connection_close(c);
        }
    }
}

static void close_stuck(struct link *l)
{
    int64_t now = (int64_t)uv_now(&l->loop);

    LIST_EACH_SAFE(n, after, &l->states[LINK_KNOWN])
    {
        struct link_connection *c = container_of(n, struct link_connection, at);

        if (c->unsent != 0 && now - c->written_ms > LIMIT_LINK_WRITE_MS) {
            link_connection_close(c);
        }
    }
}

static void on_tick(uv_timer_t *t)
{
    struct link *l = t->data;

    l->accepts = LIMIT_LINK_ACCEPTS;
    if (l->accepting_waits && l->count < LIMIT_LINK_CONNECTIONS) {
        l->accepting_waits = false;
        accept_one(l);
    }
    close_late(l, LINK_STRANGER, LIMIT_GREETING_MS);
    close_late(l, LINK_LEAVING, LIMIT_LINK_LINGER_MS);
    if (++l->ticks % LINK_LOOK_TICKS == 0) {
        close_stuck(l);
        tls_renew(&l->tls);
    }
}

/* ---- what the other thread asks ---- */

static void close_unknown(struct link *l)
{
    LIST_EACH_SAFE(n, after, &l->states[LINK_KNOWN])
    {
        struct link_connection *c = container_of(n, struct link_connection, at);

        if (!access_holds(l->config.access, &c->peer)) {
            link_connection_close(c);
        }
    }
}

static void end(struct link *l)
{
    for (int state = 0; state < LINK_CLOSED; state++) {
        LIST_EACH_SAFE(n, after, &l->states[state])
        {
            link_connection_close(container_of(n, struct link_connection, at));
        }
    }
    uv_close((uv_handle_t *)&l->listener, NULL);
    uv_close((uv_handle_t *)&l->tick, NULL);
    uv_close((uv_handle_t *)&l->asked, NULL);
}

static void on_asked(uv_async_t *asked)
{
    struct link *l = asked->data;
    struct list answers;
    struct list *n;
    bool renewed;
    bool quit;

    list_init(&answers);
    (void)pthread_mutex_lock(&l->lock);
    list_splice(&answers, &l->answers);
    renewed = l->renewed;
    l->renewed = false;
    quit = l->quit;
    (void)pthread_mutex_unlock(&l->lock);
    while ((n = list_pop_front(&answers)) != NULL) {
        struct link_answer *a = container_of(n, struct link_answer, link);

        link_connection_answer(l, a);
        l->hooks.sent(l->hooks.arg);
        mem_free(a);
    }
    link_connections_resume(l);
    if (renewed) {
        tls_renew(&l->tls);
        close_unknown(l);
    }
    if (quit) {
        end(l);
    }
}

struct link_answer *
link_answer_new(uint64_t connection, uint32_t number, size_t frame_len, char **frame)
{
    struct link_answer *a = mem_alloc(sizeof(*a) + SP_LENGTH_BYTES + frame_len);

    list_init(&a->link);
    a->connection = connection;
    a->len = SP_LENGTH_BYTES + frame_len;
    sp_put_length(frame_len, number, a->bytes);
    *frame = a->bytes + SP_LENGTH_BYTES;
    return a;
}

void link_answer(struct link *l, struct link_answer *a)
{
    bool wake;

    (void)pthread_mutex_lock(&l->lock);
    wake = list_empty(&l->answers);
    list_push_back(&l->answers, &a->link);
    if (wake) {
        (void)uv_async_send(&l->asked);
    }
    (void)pthread_mutex_unlock(&l->lock);
}

static void tell(struct link *l, bool renewed, bool quit)
{
    (void)pthread_mutex_lock(&l->lock);
    l->renewed = l->renewed || renewed;
    l->quit = quit;
    (void)uv_async_send(&l->asked);
    (void)pthread_mutex_unlock(&l->lock);
}

void link_renewed(struct link *l)
{
    tell(l, true, false);
}

/* ---- opening and closing ---- */

static enum err_code parse_listen(const char *url, struct place *out, struct err *err)
{
    struct slice u = slice_str(url);

    if (slice_starts_with(u, scheme) && place_parse(slice_from(u, scheme.len), out)) {
        return OK;
    }
    return err_set(err, ERR_CONFIG,
                   "cannot listen on %s: expected an address of this machine and a port "
                   "(tls+tcp://0.0.0.0:7233)",
                   url);
}

enum err_code link_check(const char *url, const char *certificate, const char *key, struct err *err)
{
    struct tls_context *tls = NULL;
    struct place place;
    enum err_code rc = parse_listen(url, &place, err);

    if (rc == OK) {
        rc = tls_context_new(certificate, key, &tls, err);
    }
    tls_context_free(tls);
    return rc;
}

static void *link_thread(void *arg)
{
    struct link *l = arg;

    (void)pthread_setname_np(pthread_self(), "link");
    (void)uv_run(&l->loop, UV_RUN_DEFAULT);
    return NULL;
}

static struct link *link_new(const struct link_config *config, const struct link_hooks *hooks)
{
    struct link *l = mem_zalloc(1, sizeof(*l));

    l->config = *config;
    l->hooks = *hooks;
    l->accepts = LIMIT_LINK_ACCEPTS;
    for (int i = 0; i < LINK_STATES; i++) {
        list_init(&l->states[i]);
    }
    list_init(&l->paused);
    list_init(&l->answers);
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)uv_loop_init(&l->loop);
    (void)uv_tcp_init(&l->loop, &l->listener);
    (void)uv_timer_init(&l->loop, &l->tick);
    (void)uv_async_init(&l->loop, &l->asked, on_asked);
    l->listener.data = l->tick.data = l->asked.data = l;
    return l;
}

static void link_free(struct link *l)
{
    struct list *n;

    while ((n = list_pop_front(&l->answers)) != NULL) {
        mem_free(container_of(n, struct link_answer, link));
    }
    (void)uv_loop_close(&l->loop);
    hash_fini(&l->by_id);
    tls_renewed_close(&l->tls);
    buf_fini(&l->wire);
    (void)pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

enum err_code link_open(const struct link_config *config,
                        const struct link_hooks *hooks,
                        struct link **out,
                        struct err *err)
{
    struct place place;
    struct link *l;
    unsigned port;
    enum err_code rc = parse_listen(config->listen, &place, err);

    if (rc != OK) {
        return rc;
    }
    l = link_new(config, hooks);
    rc = tls_renewed_open(&l->tls, config->certificate, config->key, err);
    if (rc == OK) {
        rc = place_listen(&place, &l->listener, on_connection, &port, err);
        if (rc != OK) {
            err_wrap(err, "cannot listen on %s", config->listen);
        }
    }
    (void)uv_timer_start(&l->tick, on_tick, LINK_TICK_MS, LINK_TICK_MS);
    if (rc == OK && pthread_create(&l->thread, NULL, link_thread, l) != 0) {
        rc = err_set(err, ERR_NO_MEMORY, "no memory for a thread, or there are too many");
    }
    if (rc != OK) {
        end(l);
        (void)uv_run(&l->loop, UV_RUN_DEFAULT);
        link_free(l);
        return rc;
    }
    *out = l;
    return OK;
}

void link_close(struct link *l)
{
    tell(l, false, true);
    (void)pthread_join(l->thread, NULL);
    link_free(l);
}
