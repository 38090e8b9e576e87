/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/http_load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { READY_MS = 20000 };

void http_bench_begin(struct http_bench *b, int argc, char **argv, const char *name)
{
    if (argc < 3) {
        (void)fprintf(stderr, "usage: %s BIN DIR [SECONDS]\n", argv[0]);
        exit(2);
    }
    b->run_ms = argc > 3 ? strtol(argv[3], NULL, 10) * 1000 : 5000;
    (void)snprintf(b->bin, sizeof(b->bin), "%s/stepfleet-coordinator", argv[1]);
    bench_fresh_dir(argv[2], name, b->real.data, sizeof(b->real.data));
    (void)snprintf(b->real.log, sizeof(b->real.log), "%s/%s.log", argv[2], name);
    bench_free_url(b->rpc, sizeof(b->rpc));
    b->real.url = b->rpc;
    bench_free_url(b->http, sizeof(b->http));
    b->port = (uint16_t)strtoul(strrchr(b->http, ':') + 1, NULL, 10);
    memmove(b->http + 1, b->http, strlen(b->http) + 1); /* "tcp" becomes "http" */
    memcpy(b->http, "http", 4);
}

void http_bench_end(struct http_bench *b)
{
    arena_fini(&b->a);
    bench_remove_dir(b->real.data);
}

void http_bench_coordinator(struct http_bench *b, bool open)
{
    const char *argv[] = {b->bin,   "--data", b->real.data, "--listen", b->real.url,
                          "--http", b->http,  "--log",      "warn",     open ? "--open" : NULL,
                          NULL};

    b->real.coordinator = process_start(argv, b->real.log);
    for (int64_t by = bench_now_ns() + READY_MS * INT64_C(1000000);
         !real_answers(&b->real, 1000);) {
        process_check(b->real.coordinator, b->real.log);
        if (bench_now_ns() > by) {
            bench_die("the coordinator does not answer: see %s", b->real.log);
        }
    }
}

void http_connect(struct http_connection *c, uint16_t port)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&at, sizeof(at)) != 0) {
        bench_die("connect: %s", strerror(errno));
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void http_send(struct http_connection *c, struct slice request)
{
    c->sent_ns = bench_now_ns();
    c->got = 0;
    if (send(c->fd, request.ptr, request.len, MSG_NOSIGNAL) != (ssize_t)request.len) {
        bench_die("send: %s", strerror(errno));
    }
}

bool http_read(struct http_connection *c)
{
    ssize_t n = recv(c->fd, c->answer + c->got, sizeof(c->answer) - 1 - c->got, 0);
    const char *body;
    const char *length;

    if (n <= 0) {
        bench_die("the connection broke");
    }
    c->got += (size_t)n;
    c->answer[c->got] = '\0';
    body = strstr(c->answer, "\r\n\r\n");
    length = strstr(c->answer, "Content-Length: ");
    if (body == NULL || length == NULL ||
        c->got < (size_t)(body + 4 - c->answer) + strtoul(length + 16, NULL, 10)) {
        return false;
    }
    if (strncmp(c->answer, "HTTP/1.1 200 ", 13) != 0) {
        bench_die("refused: %s", c->answer);
    }
    return true;
}

struct slice http_body(const struct http_connection *c)
{
    return slice_str(strstr(c->answer, "\r\n\r\n") + 4);
}
