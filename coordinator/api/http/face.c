/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/http/face.h"

#include <assert.h>
#include <signal.h>
#include <sys/resource.h>

#include "coordinator/api/http/call.h"
#include "proto/base/limits.h"
#include "proto/host/clock.h"

enum { FILES_KEPT = 2048 }; /* of the process's, for all but connections */

enum err_code http_face_check(const struct http_face_config *config, struct err *err)
{
    bool secure;
    bool local;
    enum err_code rc = http_listen_check(config->http.listen, &secure, &local, err);

    if (rc != OK) {
        return rc;
    }
    if (!local && config->open) {
        return err_set(err, ERR_CONFIG,
                       "cannot listen on %s: without access keys only loopback is allowed",
                       config->http.listen);
    }
    if (!local && !secure) {
        return err_set(err, ERR_CONFIG,
                       "cannot listen on %s: without TLS only loopback is allowed (https://, with "
                       "certificate and key)",
                       config->http.listen);
    }
    if (secure != (config->http.certificate != NULL) || secure != (config->http.key != NULL)) {
        return err_set(err, ERR_CONFIG, "certificate and key belong to https://, both of them");
    }
    return scrape_check(&config->metrics, local, err);
}

/* As many connections as the process may have files for. */
static size_t connections_most(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return LIMIT_HTTP_CONNECTIONS;
    }
    if (files.rlim_cur < files.rlim_max) {
        struct rlimit more = {files.rlim_max, files.rlim_max};

        files.rlim_cur = setrlimit(RLIMIT_NOFILE, &more) == 0 ? more.rlim_cur : files.rlim_cur;
    }
    if (files.rlim_cur >= LIMIT_HTTP_CONNECTIONS + FILES_KEPT) {
        return LIMIT_HTTP_CONNECTIONS;
    }
    return files.rlim_cur > 2 * (rlim_t)FILES_KEPT ? (size_t)files.rlim_cur - FILES_KEPT
                                                   : (size_t)files.rlim_cur / 2;
}
enum err_code http_face_open(uv_loop_t *loop,
                             struct api *api,
                             const struct http_face_config *config,
                             void (*turn)(void *arg),
                             void *arg,
                             struct http_face **out,
                             struct err *err)
{
    struct http_config http = config->http;
    struct http_face *f;
    struct http_hooks hooks = face_thread_hooks;
    enum err_code rc = http_face_check(config, err);

    if (rc != OK) {
        return rc;
    }
    f = mem_zalloc(1, sizeof(*f));
    f->api = api;
    f->turn = turn;
    f->arg = arg;
    f->access_open = config->open;
    f->secure = config->http.certificate != NULL;
    f->metrics = config->metrics;
    f->started_s = clock_wall_ms() / 1000;
    list_init(&f->backlog);
    list_init(&f->dispatched);
    list_init(&f->arrived);
    list_init(&f->left);
    list_init(&f->leaving);
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)uv_async_init(loop, &f->wake, face_turn_wake);
    f->wake.data = f;
    face_thread_init(f);
    (void)signal(SIGPIPE, SIG_IGN); /* a client that is gone is an error of its write */
    signers_renew(&f->signers, api->ledger);
    *out = f;
    hooks.arg = f;
    http.connections = connections_most();
    rc = http_server_open(&f->loop, &http, &hooks, &f->server, err);
    if (rc == OK && pthread_create(&f->thread, NULL, face_thread, f) != 0) {
        rc = err_set(err, ERR_NO_MEMORY, "no memory for a thread, or there are too many");
    }
    f->running = rc == OK;
    return rc;
}

unsigned http_face_port(const struct http_face *f)
{
    return http_server_port(f->server);
}

static void tell_thread(struct http_face *f, bool quit)
{
    (void)pthread_mutex_lock(&f->lock);
    f->stop = true;
    f->quit = quit;
    (void)uv_async_send(&f->asked);
    (void)pthread_mutex_unlock(&f->lock);
}

void http_face_stop(struct http_face *f)
{
    f->stopping = true;
    tell_thread(f, false);
}

bool http_face_is_quiet(const struct http_face *f)
{
    return atomic_load(&f->quiet) && f->busy == 0 && list_empty(&f->backlog);
}

static void face_free(uv_handle_t *handle)
{
    struct http_face *f = handle->data;

    while (!list_empty(&f->all)) {
        http_call_free(container_of(f->all.next, struct http_call, all_link));
    }
    signers_fini(&f->signers);
    buf_fini(&f->lines);
    (void)pthread_mutex_destroy(&f->lock);
    f->on_closed(f->closed_arg);
    mem_free(f);
}

void http_face_close(struct http_face *f, void (*closed)(void *arg), void *arg)
{
    int rv;

    f->on_closed = closed;
    f->closed_arg = arg;
    tell_thread(f, true);
    if (f->running) {
        (void)pthread_join(f->thread, NULL);
    } else {
        (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    }
    rv = uv_loop_close(&f->loop);
    assert(rv == 0);
    (void)rv;
    uv_close((uv_handle_t *)&f->wake, face_free);
}
