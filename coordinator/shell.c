/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and stopping. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/shell_internal.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"
#include "proto/host/log.h"
#include "proto/host/notify.h"

enum {
    TRIM_MS = 2000,
    STOP_LAST_MS = 60000, /* the database is closed after the stop; what a service manager adds */
};

static void closed(void *arg)
{
    (void)arg;
}

static void join_threads(struct shell *s)
{
    if (s->committer != NULL) {
        committer_close(s->committer);
    }
    if (s->objects != NULL) {
        object_threads_close(s->objects);
    }
    if (s->sender != NULL) {
        webhook_sender_close(s->sender);
    }
}

void shell_quit(struct shell *s)
{
    s->ended = true;
    uv_close((uv_handle_t *)&s->timer, NULL);
    sweeper_close(&s->sweeper);
    uv_close((uv_handle_t *)&s->trim, NULL);
    uv_close((uv_handle_t *)&s->look, NULL);
    uv_close((uv_handle_t *)&s->beat, NULL);
    uv_close((uv_handle_t *)&s->again, NULL);
    uv_close((uv_handle_t *)&s->signals[0], NULL);
    uv_close((uv_handle_t *)&s->signals[1], NULL);
    uv_close((uv_handle_t *)&s->renew, NULL);
    uv_close((uv_handle_t *)&s->wake, NULL);
    if (s->server != NULL) {
        rpc_server_close(s->server, closed, s);
    }
    if (s->http != NULL) {
        http_face_close(s->http, closed, s);
        s->http = NULL;
    }
}

static void shell_signal(uv_signal_t *handle, int number)
{
    struct shell *s = handle->data;

    if (s->stopping) {
        log_warn("second signal: ending at once");
        _exit(EXIT_FAILURE);
    }
    log_info("signal %d: stopping; executions go on at the next start", number);
    notify_say("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=%" PRId64,
               (s->config->stop_ms + STOP_LAST_MS) * 1000);
    s->stopping = true;
    s->stop_by_ms = clock_boot_ms() + s->config->stop_ms;
    shell_turn_begin(s);
    rpc_server_stop(s->server);
    if (s->http != NULL) {
        http_face_stop(s->http);
    }
    api_stop(&s->api);
    shell_turn_end(s);
}

/* Files that are read again when they are told to be. */
static void shell_renew(uv_signal_t *handle, int number)
{
    struct shell *s = handle->data;

    (void)number;
    if (s->audit != NULL) {
        audit_reopen(s->audit);
    }
    if (s->server != NULL && !s->ended) {
        rpc_server_renewed(s->server);
    }
}

static enum err_code no_thread(struct err *err)
{
    return err_set(err, ERR_NO_MEMORY, "no memory for a thread, or there are too many");
}

static enum err_code start_threads(struct shell *s, struct err *err)
{
    s->committer = committer_open(s->store, shell_wake, s);
    s->sender = webhook_sender_open(shell_wake, s);
    return s->committer != NULL && s->sender != NULL ? OK : no_thread(err);
}

static enum err_code init_loop(struct shell *s, struct err *err)
{
    const int numbers[] = {SIGTERM, SIGINT};
    int rv = uv_loop_init(&s->loop);

    if (rv != 0) {
        return err_set(err, ERR_INTERNAL, "no event loop: %s", uv_strerror(rv));
    }
    (void)uv_timer_init(&s->loop, &s->timer);
    sweeper_init(&s->sweeper, &s->loop);
    (void)uv_timer_init(&s->loop, &s->trim);
    (void)uv_timer_init(&s->loop, &s->look);
    notify_beat_start(&s->beat, &s->loop);
    (void)uv_idle_init(&s->loop, &s->again);
    (void)uv_async_init(&s->loop, &s->wake, shell_woken);
    s->timer.data = s->trim.data = s->look.data = s->again.data = s->wake.data = s;
    for (unsigned i = 0; i < 2; i++) {
        (void)uv_signal_init(&s->loop, &s->signals[i]);
        s->signals[i].data = s;
        (void)uv_signal_start(&s->signals[i], shell_signal, numbers[i]);
    }
    (void)uv_signal_init(&s->loop, &s->renew);
    s->renew.data = s;
    (void)uv_signal_start(&s->renew, shell_renew, SIGHUP);
    (void)pthread_mutex_init(&s->lock, NULL);
    list_init(&s->archived);
    return OK;
}

static enum err_code open_archive(struct shell *s, struct err *err)
{
    const struct execution_archive_config config = {
        .objects = &s->config->objects,
        .place = s->config->archive,
        .arg = s,
        .done = shell_archived,
    };

    return execution_archive_open(&s->api, &config, &s->archive, err);
}

static enum err_code open_trace(struct shell *s, struct err *err)
{
    enum err_code rc =
        otlp_open(&s->config->trace, "stepfleet-coordinator", s->config->listen, &s->otlp, err);

    return rc == OK ? execution_trace_open(&s->api, s->otlp, &s->trace, err) : rc;
}

static enum err_code open_server(struct shell *s, struct err *err)
{
    const struct rpc_config config = {
        .api = &s->api,
        .access = s->access,
        .listen = s->config->listen,
        .certificate = s->config->certificate,
        .key = s->config->key,
        .turn = shell_turn,
        .arg = s,
    };

    return rpc_server_open(&s->loop, &config, &s->server, err);
}

static enum err_code open_all(struct shell *s, struct err *err)
{
    const struct shell_config *c = s->config;
    struct store_config store = {
        .dir = c->data,
        .verify = c->verify,
        .accept_loss = c->accept_loss,
    };
    const struct ledger_hooks hooks = shell_hooks(s);
    struct api_hooks api = {
        .presigner = c->objects.endpoint != NULL ? &s->presigner : NULL,
        .presigned_s = c->presigned_s,
        .arg = s,
        .background = shell_background,
        .objects_root = c->objects.root,
        .objects_endpoint = c->objects.endpoint,
        .objects_region = c->objects.region,
        .disk = &s->disk,
        .backups = c->backups,
        .origin = &s->origin,
    };
    struct ledger_config ledger = c->ledger;
    enum err_code rc;

    s->objects =
        object_threads_open(&c->objects, shell_wake, s); /* the ledger may ask when it opens */
    rc = s->objects != NULL ? access_open(c->tokens, &s->access, err) : no_thread(err);
    if (rc == OK && c->audit_log != NULL) {
        rc = audit_open(c->audit_log, &s->audit, err);
        access_record(s->access, rc == OK ? s->audit : NULL);
    }
    if (rc == OK) {
        rc = store_open_rocks(&store, &s->store, err);
    }
    if (rc == OK) {
        rc = backup_origin(c->data, &s->origin, err);
    }
    if (rc == OK) {
        ledger.restored_ms = s->origin.restored_ms;
        rc = ledger_open(&ledger, s->store, &hooks, shell_now(), &s->ledger, err);
    }
    if (rc == OK && api.presigner != NULL) {
        rc = presigner_init(&s->presigner, &c->objects, err);
    }
    if (rc == OK) {
        api.access = s->access;
        api_init(&s->api, s->ledger, &api);
    }
    if (rc == OK && c->execution_logs != NULL) {
        rc = execution_log_open(&s->api, c->execution_logs, &s->log, err);
    }
    if (rc == OK && c->archive.bucket.len != 0) {
        rc = open_archive(s, err);
    }
    if (rc == OK && c->trace.endpoint != NULL) {
        rc = open_trace(s, err);
    }
    if (rc == OK) {
        rc = open_server(s, err);
    }
    if (rc == OK && c->http.http.listen != NULL) {
        rc = http_face_open(&s->loop, &s->api, &c->http, shell_turn, s, &s->http, err);
    }
    if (rc == OK) {
        rc = start_threads(s, err);
    }
    return rc;
}

static void say_origin(const struct backup_origin *o)
{
    char made[TEXT_TIME_BYTES];

    if (o->name[0] != '\0') {
        log_warn("the database was restored from a backup: what was acknowledged after it was made "
                 "is gone: backup=%s made=%.*s executions=%" PRIu64,
                 o->name, (int)text_format_time(o->made_ms, made), made, o->executions);
    }
}

static void say_ready(const struct shell *s)
{
    say_origin(&s->origin);
    log_info("ready: listen=%s data=%s epoch=%" PRIu64 " executions=%zu", s->config->listen,
             s->config->data, ledger_epoch(s->ledger), ledger_hot_count(s->ledger));
    if (s->http != NULL) {
        log_info("http: listen=%s port=%u access=%s", s->config->http.http.listen,
                 http_face_port(s->http), s->config->http.open ? "open" : "keys");
    }
    notify_say("READY=1\nSTATUS=serving on %s, epoch %" PRIu64, s->config->listen,
               ledger_epoch(s->ledger));
    if (s->config->ready_fd >= 0) {
        (void)!write(s->config->ready_fd, "ready\n", 6);
    }
}

static void sweeps_begin(void *arg)
{
    shell_turn_begin(arg);
}

static void sweeps_end(void *arg)
{
    shell_serve(arg);
    shell_turn_end(arg);
}

static void start_sweeps(struct shell *s)
{
    s->sweeper.config = s->config->sweeper;
    s->sweeper.store = s->store;
    s->sweeper.ledger = s->ledger;
    s->sweeper.objects = s->objects;
    s->sweeper.turn_begin = sweeps_begin;
    s->sweeper.turn_end = sweeps_end;
    s->sweeper.arg = s;
    sweeper_start(&s->sweeper);
}

enum err_code shell_run(const struct shell_config *config, struct err *err)
{
    struct shell *s = mem_zalloc(1, sizeof(*s));
    enum err_code rc;

    s->config = config;
    rc = init_loop(s, err);
    if (rc != OK) {
        mem_free(s);
        return rc;
    }
    rc = open_all(s, err);
    if (rc == OK) {
        start_sweeps(s);
        (void)uv_timer_start(&s->trim, shell_trim, TRIM_MS, TRIM_MS);
        say_ready(s);
        shell_look(&s->look);
        (void)uv_timer_start(&s->look, shell_look, LIMIT_DISK_LOOK_MS, LIMIT_DISK_LOOK_MS);
        shell_turn(s);
    } else {
        shell_quit(s);
    }
    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    join_threads(s);
    if (s->log != NULL) {
        execution_log_close(s->log);
    }
    if (s->archive != NULL) {
        execution_archive_close(s->archive);
    }
    if (s->trace != NULL) {
        execution_trace_close(s->trace);
    }
    if (s->otlp != NULL) {
        otlp_close(s->otlp);
    }
    if (s->ledger != NULL) {
        api_fini(&s->api);
        ledger_abandon_flight(s->ledger);
        ledger_close(s->ledger);
    }
    if (s->store != NULL) {
        store_close(s->store);
    }
    access_close(s->access);
    audit_close(s->audit);
    presigner_fini(&s->presigner);
    (void)uv_loop_close(&s->loop);
    mem_free(s);
    if (rc == OK) {
        log_info("stopped");
    }
    return rc;
}
