/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/talk.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/process.h"

enum { SAMPLES_MOST = 4000000, READ_BYTES = 64 * 1024 };

struct window {
    int64_t from_ns;
    int64_t to_ns;
    uint32_t *samples_us;
    size_t count;
    uint64_t things;
    bool open;
};

/* ---- one connection ---- */

static void talk_connect(struct talk *t, uint16_t port)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int on = 1;

    t->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (t->fd < 0 || connect(t->fd, (const struct sockaddr *)&at, sizeof(at)) != 0) {
        bench_die("connect: %s", strerror(errno));
    }
    (void)setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    t->ended = false;
}

static void talk_close(struct talk *t)
{
    (void)close(t->fd);
    t->fd = -1;
}

static void talk_send(struct talk *t)
{
    buf_reset(&t->in);
    if (send(t->fd, t->out.ptr, t->out.len, MSG_NOSIGNAL) != (ssize_t)t->out.len) {
        bench_die("send: %s", strerror(errno));
    }
}

/* A NUL stands behind what has come. */
static void talk_read(struct talk *t)
{
    char *at = buf_reserve(&t->in, READ_BYTES);
    ssize_t n = recv(t->fd, at, READ_BYTES - 1, 0);

    if (n < 0 || (n == 0 && t->in.len == 0)) {
        bench_die("the connection broke: %s", n < 0 ? strerror(errno) : "no answer");
    }
    at[n] = '\0';
    t->in.len += (size_t)n;
    t->ended = n == 0;
}

static void talk_end(struct talk *t)
{
    if (t->fd >= 0) {
        talk_close(t);
    }
    buf_fini(&t->in);
    buf_fini(&t->out);
}

/* ---- all of them ---- */

static void watch(int poll, struct talk *t)
{
    struct epoll_event ev = {.events = EPOLLIN, .data = {.ptr = t}};

    (void)epoll_ctl(poll, EPOLL_CTL_ADD, t->fd, &ev);
}

static void ask_next(const struct talk_plan *p, struct talk *t, int poll)
{
    if (t->fd < 0) {
        talk_connect(t, p->port);
        watch(poll, t);
    }
    if (t->step == 0) {
        t->begun_ns = bench_now_ns();
        t->round++;
    }
    buf_reset(&t->out);
    p->tongue->ask(p, t);
    talk_send(t);
}

static void note(struct window *w, const struct talk *t, unsigned things)
{
    int64_t now_ns = bench_now_ns();

    if (things != 0 && now_ns >= w->from_ns && now_ns < w->to_ns) {
        w->things += things;
        if (w->count < SAMPLES_MOST) {
            w->samples_us[w->count++] = (uint32_t)((now_ns - t->begun_ns) / 1000);
        }
    }
}

static void on_bytes(const struct talk_plan *p, struct talk *t, int poll, struct window *w)
{
    talk_read(t);
    if (p->tongue->is_whole(t)) {
        note(w, t, p->tongue->heard(p, t));
        if (t->ended) {
            talk_close(t);
        }
        ask_next(p, t, poll);
    } else if (t->ended) {
        bench_die("the connection broke within an answer");
    }
}

static void open_window(const struct talk_plan *p, struct window *w)
{
    if (!w->open && bench_now_ns() >= w->from_ns) {
        w->open = true;
        p->window();
    }
}

static void talk_loop(const struct talk_plan *p, int poll, struct window *w)
{
    struct epoll_event *events = mem_zalloc(p->connections, sizeof(*events));

    while (bench_now_ns() < w->to_ns) {
        int n = epoll_wait(poll, events, (int)p->connections, 100);

        open_window(p, w);
        for (int i = 0; i < n; i++) {
            on_bytes(p, events[i].data.ptr, poll, w);
        }
    }
    mem_free(events);
}

void talk_run(const struct talk_plan *p, struct load_result *out)
{
    struct talk *all = mem_zalloc(p->connections, sizeof(*all));
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct window w = {.samples_us = mem_alloc(SAMPLES_MOST * sizeof(uint32_t))};

    w.from_ns = bench_now_ns() + p->warm_ms * INT64_C(1000000);
    w.to_ns = w.from_ns + p->run_ms * INT64_C(1000000);
    for (unsigned i = 0; i < p->connections; i++) {
        all[i].fd = -1;
        all[i].number = i;
        ask_next(p, &all[i], poll);
    }
    talk_loop(p, poll, &w);
    for (unsigned i = 0; i < p->connections; i++) {
        talk_end(&all[i]);
    }
    (void)close(poll);
    load_summarize(w.samples_us, w.count, w.to_ns - w.from_ns, out);
    out->executions = w.things;
    mem_free(w.samples_us);
    mem_free(all);
}
