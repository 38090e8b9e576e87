/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/limit_http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/http/http.h"
#include "proto/base/arena.h"
#include "tests/bench/process.h"

enum { ROOM_BYTES = 256 * 1024 * 1024 };

/* ---- HTTP ---- */

static void on_request(void *arg, struct http_request *r)
{
    static const struct http_answer a = {
        .status = 200,
        .content_type = "application/x-amz-json-1.0",
        .body = SLICE_INIT("{\"executionArn\":\"arn:aws:states:us-east-1:123456789012:execution:"
                           "bench:1\",\"startDate\":1795478286.333}"),
    };

    (void)arg;
    http_answer(r, &a);
}

static void on_left(void *arg, struct http_request *r)
{
    (void)arg;
    (void)r;
}

int limit_http_server(uint16_t port)
{
    const struct http_hooks hooks = {.request = on_request, .left = on_left};
    char url[64];
    const struct http_config config = {.listen = url};
    struct http_server *server = NULL;
    uv_loop_t loop;
    struct err err = {0};

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
    if (uv_loop_init(&loop) != 0 || http_server_open(&loop, &config, &hooks, &server, &err) != OK) {
        bench_die("echo: %s", err.msg);
    }
    return uv_run(&loop, UV_RUN_DEFAULT);
}

/* ---- the disk ---- */

double limit_sync(const char *dir, unsigned rows, unsigned bytes, int64_t ms)
{
    size_t len = (size_t)rows * bytes;
    char *batch = mem_zalloc(1, len);
    char path[512];
    int64_t begun = bench_now_ns();
    int64_t until = begun + ms * INT64_C(1000000);
    unsigned syncs = 0;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/sync", dir);
    fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    (void)fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, ROOM_BYTES); /* as databases do */
    while (bench_now_ns() < until) {
        if (fd < 0 || write(fd, batch, len) != (ssize_t)len || fdatasync(fd) != 0) {
            bench_die("%s: %s", path, strerror(errno));
        }
        syncs++;
    }
    (void)close(fd);
    (void)unlink(path);
    mem_free(batch);
    return syncs / ((double)(bench_now_ns() - begun) / 1e9);
}
