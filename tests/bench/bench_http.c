/* SPDX-License-Identifier: Apache-2.0 */
/* Durable StartExecution over HTTP, kept alive on 64 connections, unsigned and signed, beside the
 * same over RPC with as many requests in flight. Prints a line of JSON for each.
 *
 *   bench_http BIN DIR [SECONDS]   BIN: the directory of the programs; DIR: one to work in */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "client/s3/sign.h"
#include "tests/bench/http_load.h"

enum { CONNECTIONS = HTTP_LOAD_CONNECTIONS, WARM_MS = 1000, SAMPLES_MOST = 4000000 };

static const char definition[] =
    "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}";

/* ---- requests ---- */

static struct slice body_of(struct http_bench *b)
{
    return arena_printf(&b->a, "{\"stateMachineArn\":\"%s\",\"input\":\"{}\"}", b->real.machine);
}

static struct slice request_of(struct http_bench *b, const char *more)
{
    struct slice body = body_of(b);

    return arena_printf(&b->a,
                        "POST / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                        "X-Amz-Target: AWSStepFunctions.StartExecution\r\n"
                        "Content-Type: application/x-amz-json-1.0\r\n%sContent-Length: %zu\r\n"
                        "\r\n%.*s",
                        b->port, more, body.len, SLICE_FMT(body));
}

static const Stepfleet__AccessKey *make_key(struct http_bench *b)
{
    Stepfleet__KeyCreateRequest q = STEPFLEET__KEY_CREATE_REQUEST__INIT;
    char role[] = "run";

    q.role = role;
    return real_reply(RPC_KEY_CREATE, load_ask(b->real.url, real_request(RPC_KEY_CREATE, &q.base)),
                      &b->a);
}

/* A signature is good for five minutes, and for every repeat: what is measured is the check. */
static struct slice signed_request(struct http_bench *b)
{
    const Stepfleet__AccessKey *key = make_key(b);
    struct timespec now;
    char time[SIGN_TIME_BYTES];
    char hash[SIGN_HEX_BYTES];
    char signature[SIGN_HEX_BYTES];
    struct sign_pair headers[] = {
        {SLICE("content-type"), SLICE("application/x-amz-json-1.0")},
        {SLICE("host"), arena_printf(&b->a, "127.0.0.1:%u", b->port)},
        {SLICE("x-amz-date"), slice_make(time, sizeof(time))},
        {SLICE("x-amz-target"), SLICE("AWSStepFunctions.StartExecution")},
    };
    struct sign_request r = {.method = SLICE("POST"),
                             .path = SLICE("/"),
                             .headers = headers,
                             .header_count = sizeof(headers) / sizeof(headers[0]),
                             .payload_hash = slice_make(hash, sizeof(hash))};
    struct sign_scope scope = {slice_make(time, 8), SLICE("us-east-1"), SLICE("states")};

    struct sign_mac by;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    sign_time(now.tv_sec * INT64_C(1000), time);
    sign_hash(body_of(b), hash);
    by = sign_key(slice_str(key->secret), &scope, &b->a);
    sign_signature(&by, &scope, slice_make(time, sizeof(time)), sign_canonical(&r, &b->a), &b->a,
                   signature);
    return request_of(
        b, arena_str(&b->a, arena_printf(&b->a,
                                         "X-Amz-Date: %.*s\r\nAuthorization: AWS4-HMAC-SHA256 "
                                         "Credential=%s/%.*s/us-east-1/states/aws4_request, "
                                         "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
                                         "Signature=%.*s\r\n",
                                         SIGN_TIME_BYTES, time, key->id, 8, time, SIGN_HEX_BYTES,
                                         signature)));
}

/* ---- the window ---- */

struct window {
    int64_t from_ns;
    int64_t to_ns;
    uint32_t *samples_us;
    size_t count;
};

static void note(struct window *w, const struct http_connection *c, int64_t now_ns)
{
    if (now_ns >= w->from_ns && now_ns < w->to_ns && w->count < SAMPLES_MOST) {
        w->samples_us[w->count++] = (uint32_t)((now_ns - c->sent_ns) / 1000);
    }
}

static void drive(struct http_bench *b, struct slice request, struct load_result *out)
{
    struct http_connection *all = mem_zalloc(CONNECTIONS, sizeof(*all));
    struct epoll_event events[CONNECTIONS];
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct window w = {.samples_us = mem_alloc(SAMPLES_MOST * sizeof(uint32_t))};

    w.from_ns = bench_now_ns() + WARM_MS * INT64_C(1000000);
    w.to_ns = w.from_ns + b->run_ms * 1000000;
    for (int i = 0; i < CONNECTIONS; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data = {.ptr = &all[i]}};

        http_connect(&all[i], b->port);
        (void)epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &ev);
        http_send(&all[i], request);
    }
    while (bench_now_ns() < w.to_ns) {
        int n = epoll_wait(poll, events, CONNECTIONS, 100);

        for (int i = 0; i < n; i++) {
            struct http_connection *c = events[i].data.ptr;

            if (http_read(c)) {
                note(&w, c, bench_now_ns());
                http_send(c, request);
            }
        }
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        (void)close(all[i].fd);
    }
    (void)close(poll);
    load_summarize(w.samples_us, w.count, b->run_ms * 1000000, out);
    mem_free(w.samples_us);
    mem_free(all);
}

static void print(const char *what, const struct load_result *r)
{
    printf("{\"face\": \"%s\", \"starts_per_s\": %.0f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", what,
           (double)r->executions / r->seconds, r->p50_ms, r->p99_ms);
    (void)fflush(stdout);
}

static void over_http(struct http_bench *b, bool open)
{
    struct load_result out = {0};

    http_bench_coordinator(b, open);
    drive(b, open ? request_of(b, "") : signed_request(b), &out);
    print(open ? "http" : "http, signed", &out);
    real_end(&b->real, true);
}

static void over_rpc(struct http_bench *b)
{
    const struct load_plan plan = {.url = b->real.url,
                                   .in_flight = CONNECTIONS,
                                   .warm_ms = WARM_MS,
                                   .run_ms = b->run_ms,
                                   .first = (uint64_t)bench_now_ns() / 1000,
                                   .next = real_next,
                                   .arg = &b->real};
    struct load_result out = {0};

    http_bench_coordinator(b, true);
    real_machine(&b->real, slice_str(definition));
    load_run_plan(&plan, &out);
    print("rpc", &out);
    real_end(&b->real, true);
}

int main(int argc, char **argv)
{
    static struct http_bench b;

    http_bench_begin(&b, argc, argv, "http");
    over_rpc(&b);
    over_http(&b, true);
    over_http(&b, false);
    http_bench_end(&b);
    return 0;
}
