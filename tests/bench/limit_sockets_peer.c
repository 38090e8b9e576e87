/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends beside the bare server: a worker that sends back what it gets, and a client that begins
 * another execution for each that ended. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/base/arena.h"
#include "tests/bench/limit_sockets.h"
#include "tests/bench/process.h"
#include "tests/bench/real.h"

enum { SAMPLES_MAX = 1 << 24 };

struct sockets_client {
    int fd;
    const struct load_plan *plan;
    uint64_t number;
    int64_t begun_ns[SOCKETS_IN_FLIGHT_MAX];
    unsigned running;
    int64_t window_ns; /* it opened; 0: not yet */
    bool closed;
    uint32_t *samples_us;
    size_t sample_count;
};

/* Whole items, as many as there are; those of a connection that ends are none. */
static size_t read_items(int fd, struct sockets_item *items, size_t max)
{
    char *at = (char *)items;
    size_t len = 0;

    do {
        ssize_t n = recv(fd, at + len, max * sizeof(*items) - len, 0);

        if (n <= 0) {
            bench_die("recv: %s", n < 0 ? strerror(errno) : "the server has gone");
        }
        len += (size_t)n;
    } while (len % sizeof(*items) != 0);
    return len / sizeof(*items);
}

int limit_sockets_worker(uint16_t port)
{
    static struct sockets_item items[SOCKETS_IN_FLIGHT_MAX];
    int fd = sockets_connect(port, SOCKETS_WORKER);

    for (;;) {
        sockets_write(fd, items, read_items(fd, items, SOCKETS_IN_FLIGHT_MAX) * sizeof(items[0]));
    }
}

static void begin(struct sockets_client *c, uint32_t slot)
{
    struct sockets_item item = {.kind = SOCKETS_START, .slot = slot};

    real_document(c->number++, item.document);
    c->begun_ns[slot] = bench_now_ns();
    sockets_write(c->fd, &item, sizeof(item));
    c->running++;
}

static void ended(struct sockets_client *c, const struct sockets_item *item, int64_t now)
{
    if (item->slot >= c->plan->in_flight) {
        bench_die("an execution nobody began");
    }
    c->running--;
    if (c->window_ns != 0 && !c->closed && c->sample_count < SAMPLES_MAX) {
        c->samples_us[c->sample_count++] = (uint32_t)((now - c->begun_ns[item->slot]) / 1000);
    }
    if (!c->closed) {
        begin(c, item->slot);
    }
}

/* The window opens and closes between two messages. */
static void
look_at_clock(struct sockets_client *c, int64_t begun, int64_t now, struct load_result *out)
{
    if (c->window_ns == 0 && now - begun >= c->plan->warm_ms * 1000000) {
        c->window_ns = now;
        c->plan->window(c->plan->arg, false);
    } else if (c->window_ns != 0 && !c->closed && now - c->window_ns >= c->plan->run_ms * 1000000) {
        c->closed = true;
        c->plan->window(c->plan->arg, true);
        load_summarize(c->samples_us, c->sample_count, now - c->window_ns, out);
    }
}

void limit_sockets_load(uint16_t port, const struct load_plan *plan, struct load_result *out)
{
    static struct sockets_item items[SOCKETS_IN_FLIGHT_MAX];
    struct sockets_client *c = mem_zalloc(1, sizeof(*c));
    int64_t begun = bench_now_ns();

    if (plan->in_flight > SOCKETS_IN_FLIGHT_MAX) {
        bench_die("at most %d in flight", SOCKETS_IN_FLIGHT_MAX);
    }
    c->plan = plan;
    c->number = plan->first;
    c->samples_us = mem_alloc(SAMPLES_MAX * sizeof(c->samples_us[0]));
    c->fd = sockets_connect(port, SOCKETS_CLIENT);
    for (uint32_t i = 0; i < plan->in_flight; i++) {
        begin(c, i);
    }
    while (c->running != 0) {
        size_t n = read_items(c->fd, items, SOCKETS_IN_FLIGHT_MAX);
        int64_t now = bench_now_ns();

        for (size_t i = 0; i < n; i++) {
            ended(c, &items[i], now);
        }
        look_at_clock(c, begun, now, out);
    }
    mem_free(c->samples_us);
    mem_free(c);
}
