/* SPDX-License-Identifier: Apache-2.0 */
/* The server: one thread waits for whoever has sent, puts rows into the batch that is filling, and
 * lays what follows from them beside it; it is sent when the batch is synced. So much can be in
 * flight that the kernel's buffers hold all of it: a write never waits for a reader that waits for
 * us. */
#include "tests/bench/limit_sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "tests/bench/limit_rows.h"
#include "tests/bench/process.h"

enum {
    CONNECTIONS = LIMIT_LOOP_WORKERS + 1,
    RUNS = 65536,            /* a ring: more than are ever open */
    SOCKET_BYTES = 1 << 22,  /* asked for; all that is in flight fits half of what is given */
    EVENTS = CONNECTIONS + 2 /* the listener, and batches written */
};

struct connection {
    int fd;
    struct buf in;      /* the beginning of an item */
    struct buf filling; /* to be sent with the batch */
    struct buf flying;
};

struct sockets_run {
    int64_t start_ms;
    uint64_t stage;
    struct connection *worker;
};

struct sockets_server {
    struct limit_rows rows;
    struct connection connections[CONNECTIONS];
    unsigned connected;
    struct connection *client;
    struct connection *workers[LIMIT_LOOP_WORKERS];
    unsigned worker_count;
    struct sockets_run *runs;
    uint64_t next;
    struct store_batch *filling;
    struct store_batch *spare;
    struct store_batch *flying;
    int listener;
    int poll;
    int written;
};

/* ---- sockets ---- */

static void tune(int fd)
{
    const int on = 1;
    const int bytes = SOCKET_BYTES;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

void sockets_write(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len != 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n < 0) {
            bench_die("send: %s", strerror(errno));
        }
        at += n;
        len -= (size_t)n;
    }
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

int sockets_connect(uint16_t port, enum sockets_kind who)
{
    const struct sockaddr_in at = loopback(port);
    const struct sockets_item hello = {.kind = who};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    tune(fd);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof(at)) != 0) {
        bench_die("connect: %s", strerror(errno));
    }
    sockets_write(fd, &hello, sizeof(hello));
    return fd;
}

static void watch(struct sockets_server *s, int fd, void *what)
{
    struct epoll_event ev = {.events = EPOLLIN, .data = {.ptr = what}};

    if (fd < 0 || epoll_ctl(s->poll, EPOLL_CTL_ADD, fd, &ev) != 0) {
        bench_die("watch: %s", strerror(errno));
    }
}

/* ---- items ---- */

static void put_item(struct connection *to, const struct sockets_item *item)
{
    buf_put_slice(&to->filling, slice_make((const char *)item, sizeof(*item)));
}

static void serve_start(struct sockets_server *s, struct sockets_item *item)
{
    struct sockets_run *run = &s->runs[s->next % RUNS];

    if (s->worker_count == 0) {
        bench_die("a start, and no worker");
    }
    item->execution = s->next++;
    *run = (struct sockets_run){.start_ms = bench_now_ns() / 1000000,
                                .worker = s->workers[item->execution % s->worker_count]};
    limit_rows_started(&s->rows, s->filling, item->execution, run->start_ms);
    item->kind = SOCKETS_STAGE;
    put_item(run->worker, item);
}

static void serve_stage(struct sockets_server *s, const struct sockets_item *item)
{
    struct sockets_run *run = &s->runs[item->execution % RUNS];

    limit_rows_result(&s->rows, s->filling, item->execution, run->start_ms, ++run->stage);
    put_item(run->stage == LIMIT_STAGES ? s->client : run->worker, item);
}

static void serve(struct sockets_server *s, struct connection *c, struct sockets_item *item)
{
    switch ((enum sockets_kind)item->kind) {
    case SOCKETS_WORKER: s->workers[s->worker_count++] = c; break;
    case SOCKETS_CLIENT: s->client = c; break;
    case SOCKETS_START: serve_start(s, item); break;
    case SOCKETS_STAGE: serve_stage(s, item); break;
    }
}

/* ---- turns ---- */

/* A client may go, and the next may come. */
static void hang_up(struct sockets_server *s, struct connection *c)
{
    if (c != s->client) {
        bench_die("a worker has gone");
    }
    (void)close(c->fd);
    c->fd = -1;
    buf_reset(&c->in);
    s->client = NULL;
}

static void receive(struct sockets_server *s, struct connection *c)
{
    static char bytes[SOCKETS_IN_FLIGHT_MAX * sizeof(struct sockets_item)];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
    struct sockets_item item;
    struct slice rest;

    if (n <= 0) {
        hang_up(s, c);
        return;
    }
    buf_put_slice(&c->in, slice_make(bytes, (size_t)n));
    rest = buf_slice(&c->in);
    for (; rest.len >= sizeof(item); rest = slice_from(rest, sizeof(item))) {
        memcpy(&item, rest.ptr, sizeof(item));
        serve(s, c, &item);
    }
    memmove(bytes, rest.ptr, rest.len);
    buf_reset(&c->in);
    buf_put_slice(&c->in, slice_make(bytes, rest.len));
}

static void accept_one(struct sockets_server *s)
{
    struct connection *c = NULL;

    for (unsigned i = 0; i < CONNECTIONS && c == NULL; i++) {
        c = s->connections[i].fd < 0 ? &s->connections[i] : NULL;
    }
    if (c == NULL) {
        bench_die("more connections than there should be");
    }
    c->fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    tune(c->fd);
    watch(s, c->fd, c);
}

static void rows_written(void *arg)
{
    const struct sockets_server *s = arg;
    const uint64_t one = 1;

    (void)!write(s->written, &one, sizeof(one));
}

static void batch_done(struct sockets_server *s)
{
    uint64_t count;

    (void)!read(s->written, &count, sizeof(count));
    store_batch_clear(s->flying);
    s->spare = s->flying;
    s->flying = NULL;
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct connection *c = &s->connections[i];
        struct slice out = buf_slice(&c->flying);

        if (c->fd >= 0) {
            sockets_write(c->fd, out.ptr, out.len);
        }
        buf_reset(&c->flying);
    }
}

static void send_batch(struct sockets_server *s)
{
    if (s->flying != NULL || store_batch_count(s->filling) == 0) {
        return;
    }
    s->flying = s->filling;
    s->filling = s->spare;
    s->spare = NULL;
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct connection *c = &s->connections[i];
        struct buf empty = c->flying;

        c->flying = c->filling;
        c->filling = empty;
    }
    limit_rows_write(&s->rows, s->flying);
}

static void turn(struct sockets_server *s)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(s->poll, events, EVENTS, -1);

    for (int i = 0; i < n; i++) {
        void *what = events[i].data.ptr;

        if (what == &s->written) {
            batch_done(s);
        } else if (what == &s->listener) {
            accept_one(s);
        } else {
            receive(s, what);
        }
    }
    send_batch(s);
}

static void open_listener(struct sockets_server *s, uint16_t port)
{
    const struct sockaddr_in at = loopback(port);

    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0 || bind(s->listener, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
        listen(s->listener, CONNECTIONS) != 0) {
        bench_die("listen: %s", strerror(errno));
    }
}

int limit_sockets_server(const char *dir, uint16_t port, const char *shape)
{
    struct sockets_server *s = mem_zalloc(1, sizeof(*s));

    s->runs = mem_zalloc(RUNS, sizeof(*s->runs));
    s->next = 1;
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        s->connections[i].fd = -1;
    }
    limit_rows_open(&s->rows, dir, shape, rows_written, s);
    s->filling = store_batch_new(s->rows.store);
    s->spare = store_batch_new(s->rows.store);
    s->poll = epoll_create1(EPOLL_CLOEXEC);
    s->written = eventfd(0, EFD_CLOEXEC);
    open_listener(s, port);
    watch(s, s->listener, &s->listener);
    watch(s, s->written, &s->written);
    for (;;) {
        turn(s);
    }
}
