/* SPDX-License-Identifier: Apache-2.0 */
/* What benchmarks over HTTP share: a coordinator of its own that listens for it, and connections
 * with one request each in flight. */
#ifndef STEPFLEET_BENCH_HTTP_LOAD_H
#define STEPFLEET_BENCH_HTTP_LOAD_H

#include "proto/base/buf.h"
#include "tests/bench/process.h"
#include "tests/bench/real.h"

enum { HTTP_LOAD_CONNECTIONS = 64 };

struct http_bench {
    struct real real;
    char bin[512];
    char rpc[64];  /* URL */
    char http[64]; /* likewise */
    uint16_t port;
    int64_t run_ms;
    struct arena a;
};

/* From the arguments BIN DIR [SECONDS]; `name` is that of its files in DIR. */
void http_bench_begin(struct http_bench *b, int argc, char **argv, const char *name);
void http_bench_end(struct http_bench *b);
/* Start it and wait until it answers; real_end(&b->real) ends it. */
void http_bench_coordinator(struct http_bench *b, bool open);

/* A request is out, or its answer is read. */
struct http_connection {
    int fd;
    int64_t sent_ns;
    size_t got; /* bytes of the answer */
    char answer[8192];
};

void http_connect(struct http_connection *c, uint16_t port);
void http_send(struct http_connection *c, struct slice request);
/* Read what has come; true: the answer is whole, and it is a good one. */
bool http_read(struct http_connection *c);
/* The body of a whole answer. */
struct slice http_body(const struct http_connection *c);

#endif
