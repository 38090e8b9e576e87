/* SPDX-License-Identifier: Apache-2.0 */
/* Messages through a queue over HTTP, kept alive on 64 connections: each sends one of 1 KB,
 * receives one and deletes it, over and over. Prints a line of JSON for a standard and for a FIFO
 * queue of 64 groups.
 *
 *   bench_queue BIN DIR [SECONDS]   BIN: the directory of the programs; DIR: one to work in */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/bench/http_load.h"

enum { CONNECTIONS = HTTP_LOAD_CONNECTIONS, WARM_MS = 1000, BODY_BYTES = 1024 };

enum step { STEP_SEND, STEP_RECEIVE, STEP_DELETE };

struct cycle {
    struct http_connection c;
    enum step step;
    unsigned number;
    uint64_t sent;
    char receipt[256];
};

struct run {
    struct http_bench *b;
    const char *queue; /* URL */
    bool fifo;
    uint64_t cycles; /* within the window */
    uint64_t empty;  /* receives that found nothing: another had it */
    struct arena a;  /* of one request */
};

static struct slice request_of(struct run *r, const char *operation, struct slice body)
{
    return arena_printf(&r->a,
                        "POST / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nX-Amz-Target: AmazonSQS.%s\r\n"
                        "Content-Type: application/x-amz-json-1.0\r\nContent-Length: %zu\r\n\r\n"
                        "%.*s",
                        r->b->port, operation, body.len, SLICE_FMT(body));
}

static struct slice send_request(struct run *r, struct cycle *x)
{
    char text[BODY_BYTES + 1];
    struct slice fifo = SLICE("");

    memset(text, 'x', BODY_BYTES);
    text[BODY_BYTES] = '\0';
    if (r->fifo) {
        fifo = arena_printf(
            &r->a, ",\"MessageGroupId\":\"g%u\",\"MessageDeduplicationId\":\"%u-%" PRIu64 "\"",
            x->number, x->number, ++x->sent);
    }
    return request_of(r, "SendMessage",
                      arena_printf(&r->a, "{\"QueueUrl\":\"%s\",\"MessageBody\":\"%s\"%.*s}",
                                   r->queue, text, SLICE_FMT(fifo)));
}

/* The next request of a connection, by its last answer. */
static void go_on(struct run *r, struct cycle *x)
{
    struct slice request = {NULL, 0};

    arena_reset(&r->a);
    switch (x->step) {
    case STEP_SEND: request = send_request(r, x); break;
    case STEP_RECEIVE:
        request =
            request_of(r, "ReceiveMessage", arena_printf(&r->a, "{\"QueueUrl\":\"%s\"}", r->queue));
        break;
    case STEP_DELETE:
        request = request_of(r, "DeleteMessage",
                             arena_printf(&r->a, "{\"QueueUrl\":\"%s\",\"ReceiptHandle\":\"%s\"}",
                                          r->queue, x->receipt));
        break;
    }
    http_send(&x->c, request);
}

/* The receipt handle of an answer; false: it has none. */
static bool read_receipt(struct cycle *x)
{
    static const char name[] = "\"ReceiptHandle\":\"";
    const char *at = strstr(x->c.answer, name);
    size_t len;

    if (at == NULL) {
        return false;
    }
    at += sizeof(name) - 1;
    len = strcspn(at, "\"");
    if (len >= sizeof(x->receipt)) {
        bench_die("a receipt handle is too long");
    }
    memcpy(x->receipt, at, len);
    x->receipt[len] = '\0';
    return true;
}

static void answered(struct run *r, struct cycle *x, bool counts)
{
    switch (x->step) {
    case STEP_SEND: x->step = STEP_RECEIVE; break;
    case STEP_RECEIVE:
        x->step = read_receipt(x) ? STEP_DELETE : STEP_RECEIVE;
        r->empty += counts && x->step == STEP_RECEIVE;
        break;
    case STEP_DELETE:
        x->step = STEP_SEND;
        r->cycles += counts;
        break;
    }
    go_on(r, x);
}

static void drive(struct run *r)
{
    struct cycle *all = mem_zalloc(CONNECTIONS, sizeof(*all));
    struct epoll_event events[CONNECTIONS];
    int poll = epoll_create1(EPOLL_CLOEXEC);
    int64_t from_ns = bench_now_ns() + WARM_MS * INT64_C(1000000);
    int64_t to_ns = from_ns + r->b->run_ms * 1000000;

    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data = {.ptr = &all[i]}};

        all[i].number = i;
        http_connect(&all[i].c, r->b->port);
        (void)epoll_ctl(poll, EPOLL_CTL_ADD, all[i].c.fd, &ev);
        go_on(r, &all[i]);
    }
    while (bench_now_ns() < to_ns) {
        int n = epoll_wait(poll, events, CONNECTIONS, 100);

        for (int i = 0; i < n; i++) {
            struct cycle *x = events[i].data.ptr;

            if (http_read(&x->c)) {
                answered(r, x, bench_now_ns() >= from_ns);
            }
        }
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        (void)close(all[i].c.fd);
    }
    (void)close(poll);
    mem_free(all);
}

/* One request by itself. */
static void ask(struct run *r, struct slice request)
{
    struct http_connection c = {0};

    http_connect(&c, r->b->port);
    http_send(&c, request);
    while (!http_read(&c)) {
    }
    (void)close(c.fd);
}

static void measure(struct http_bench *b, bool fifo)
{
    struct run r = {.b = b, .fifo = fifo};
    const char *name = fifo ? "bench.fifo" : "bench";
    double seconds = (double)b->run_ms / 1000;
    int64_t cpu_ns;

    r.queue = arena_str(&b->a, arena_printf(&b->a, "%s/123456789012/%s", b->http, name));
    http_bench_coordinator(b, true);
    ask(&r, request_of(&r, "CreateQueue",
                       arena_printf(&r.a, "{\"QueueName\":\"%s\"%s}", name,
                                    fifo ? ",\"Attributes\":{\"FifoQueue\":\"true\"}" : "")));
    cpu_ns = process_cpu_ns(b->real.coordinator);
    drive(&r);
    cpu_ns = process_cpu_ns(b->real.coordinator) - cpu_ns;
    printf("{\"queue\": \"%s\", \"cycles_per_s\": %.0f, \"requests_per_s\": %.0f, "
           "\"empty_receives\": %" PRIu64 ", \"cpu_us_per_cycle\": %.1f, \"rss_kib\": %" PRId64
           "}\n",
           fifo ? "fifo" : "standard", (double)r.cycles / seconds,
           (double)(3 * r.cycles + r.empty) / seconds, r.empty,
           (double)cpu_ns / 1000 / (double)(r.cycles + 1) * seconds /
               (seconds + (double)WARM_MS / 1000),
           process_status_kib(b->real.coordinator, "VmRSS:"));
    (void)fflush(stdout);
    real_end(&b->real, true);
    arena_fini(&r.a);
}

int main(int argc, char **argv)
{
    static struct http_bench b;

    http_bench_begin(&b, argc, argv, "queue");
    measure(&b, false);
    measure(&b, true);
    http_bench_end(&b);
    return 0;
}
