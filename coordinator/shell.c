/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: the loop (the writer of everything in memory), one that commits batches, a few that talk
 * to the object store, libuv's pool for reads, nng's own, those of HTTP, of webhooks and of log
 * records. They meet in locked lists and uv_async. */
#include "coordinator/shell.h"

#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "coordinator/api/api.h"
#include "coordinator/api/execution_archive.h"
#include "coordinator/api/execution_log.h"
#include "coordinator/api/execution_trace.h"
#include "coordinator/api/rpc/server.h"
#include "coordinator/backup/backup.h"
#include "coordinator/committer.h"
#include "coordinator/object_threads.h"
#include "coordinator/webhook_sender.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"
#include "proto/host/log.h"
#include "proto/host/notify.h"

enum {
    TRIM_MS = 2000,
    STOP_POLL_MS = 50,
    STOP_LAST_MS = 60000, /* the database is closed after the stop; what a service manager adds */
};

struct shell {
    const struct shell_config *config;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_timer_t trim;
    uv_timer_t look; /* at the disk */
    struct disk disk;
    uv_timer_t beat;  /* what a service manager waits for */
    uv_idle_t again;  /* active: the next turn follows at once */
    size_t held_peak; /* things in memory at once, since memory was given back */
    uv_signal_t signals[2];
    uv_signal_t renew; /* SIGHUP */
    uv_async_t wake;
    struct store *store;
    struct ledger *ledger;
    struct api api;
    struct backup_origin origin; /* of the database */
    struct access *access;
    struct audit *audit;        /* NULL: there is none */
    struct presigner presigner; /* `api` has it */
    struct rpc_server *server;
    struct http_face *http;    /* NULL: none */
    struct execution_log *log; /* NULL: nobody writes one */
    struct otlp *otlp;         /* with `trace`; NULL: nothing is traced */
    struct execution_trace *trace;
    struct execution_archive *archive; /* NULL: there is none */
    struct webhook_sender *sender;
    struct object_threads *objects;
    struct committer *committer;
    struct sweeper sweeper;
    bool stopping;
    bool ended;
    int64_t stop_by_ms;
    int64_t turn_us; /* when the turn began */
    struct err *err;
    enum err_code rc;

    pthread_mutex_t lock;
    struct list archived; /* locked: ledger_archive.queued */
};

/* A machine that slept was not set ahead. */
static struct fleet_now now(void)
{
    return (struct fleet_now){clock_wall_ms(), clock_boot_ms()};
}

/* ---- what the ledger asks for ---- */

static void hook_commit(void *arg, struct store_batch *b)
{
    committer_put(((struct shell *)arg)->committer, b);
}

static void hook_failed(void *arg, const struct err *err)
{
    struct shell *s = arg;

    /* Nothing may leave any more: what is in memory is not what is on disk. */
    log_error("the database %s failed: %s; ending at once: what was acknowledged is on disk",
              s->config->data, err->msg);
    _exit(EXIT_FAILURE);
}

static void hook_object(void *arg, struct object_request *r)
{
    struct object_task *t = mem_zalloc(1, sizeof(*t));

    t->request = r;
    r->work = t;
    object_threads_put(((struct shell *)arg)->objects, t);
}

/* What has arrived at the faces; the fleet's first. */
static void serve(struct shell *s)
{
    rpc_server_serve(s->server);
    if (s->http != NULL) {
        http_face_serve(s->http);
    }
}

/* Answers of the object store. */
static void take_objects(struct shell *s)
{
    struct list done;
    struct list *n;

    list_init(&done);
    object_threads_take(s->objects, &done);
    while ((n = list_pop_front(&done)) != NULL) {
        struct object_task *t = container_of(n, struct object_task, link);

        if (t->request != NULL) {
            ledger_object_done(s->ledger, t->request);
        } else {
            figures_object(ledger_figures(s->ledger), OBJECTS_SWEEP, true);
            sweeper_done(&s->sweeper, t);
        }
        object_task_free(t);
    }
}

/* Answers of webhooks. */
static void take_webhooks(struct shell *s)
{
    struct list answered;
    struct list *n;

    list_init(&answered);
    webhook_sender_take(s->sender, &answered);
    while ((n = list_pop_front(&answered)) != NULL) {
        ledger_webhook_done(s->ledger, container_of(n, struct webhook_request, link));
    }
}

/* ---- the disk ---- */

static void say_disk(const struct disk *d)
{
    const uint64_t mib = (uint64_t)1 << 20;

    if (d->is_short) {
        log_error("the disk has no room but its reserve: nothing new is taken on until there is "
                  "more: free_mib=%" PRIu64 " reserve_mib=%" PRIu64 " size_mib=%" PRIu64,
                  d->free_bytes / mib, d->reserve_bytes / mib, d->size_bytes / mib);
    } else {
        log_info("the disk has room again: free_mib=%" PRIu64 " reserve_mib=%" PRIu64,
                 d->free_bytes / mib, d->reserve_bytes / mib);
    }
}

static void begin_turn(struct shell *s);
static void end_turn(struct shell *s);

static void shell_look(uv_timer_t *timer)
{
    struct shell *s = timer->data;

    if (!s->ended && disk_look(&s->disk, &s->config->disk_reserve, s->config->data)) {
        say_disk(&s->disk);
        begin_turn(s);
        ledger_set_short(s->ledger, s->disk.is_short);
        end_turn(s);
    }
}

/* ---- memory ---- */

/* A burst of executions leaves a heap of holes behind when they are parked or end: give it back. */
static void shell_trim(uv_timer_t *timer)
{
    struct shell *s = timer->data;
    size_t held = ledger_held_count(s->ledger);

    if (held < s->held_peak / 2) {
        log_debug("memory is given back: held=%zu peak=%zu", held, s->held_peak);
        (void)malloc_trim(0);
        s->held_peak = held;
    }
}

/* ---- turns ---- */

static void shell_turn(void *arg);

static void shell_timer(uv_timer_t *timer)
{
    shell_turn(timer->data);
}

static void shell_again(uv_idle_t *idle)
{
    shell_turn(idle->data);
}

static void shell_quit(struct shell *s);

/* A turn that is due at once must not be a timer: libuv runs timers until none is due, and one that
 * is set to 0 by its own callback is due for ever: requests and commits would not be heard. */
static void arm_timer(struct shell *s)
{
    struct fleet_now t = now();
    int64_t wait = ledger_wait_ms(s->ledger, t);
    int64_t parked = api_wait_ms(&s->api);

    if (wait < 0 || (parked >= 0 && parked < wait)) {
        wait = parked;
    }
    if (s->stopping) {
        int64_t left = s->stop_by_ms - t.mono_ms + 1;

        wait = wait < 0 || left < wait ? left : wait;
        wait = wait < 0 ? STOP_POLL_MS : wait;
    }
    if (wait == 0) {
        (void)uv_idle_start(&s->again, shell_again);
    } else {
        (void)uv_idle_stop(&s->again);
    }
    if (wait > 0) {
        (void)uv_timer_start(&s->timer, shell_timer, (uint64_t)wait, 0);
    } else {
        (void)uv_timer_stop(&s->timer);
    }
}

static void begin_turn(struct shell *s)
{
    s->turn_us = clock_mono_us();
    ledger_turn_begin(s->ledger, now());
}

static void end_turn(struct shell *s)
{
    api_turn(&s->api);
    ledger_turn_end(s->ledger);
    histogram_add(&ledger_figures(s->ledger)->turns, &histogram_us,
                  (uint64_t)(clock_mono_us() - s->turn_us));
    if (ledger_held_count(s->ledger) > s->held_peak) {
        s->held_peak = ledger_held_count(s->ledger);
    }
    if (s->stopping && !s->ended) {
        bool quiet = rpc_server_is_quiet(s->server) && ledger_is_quiet(s->ledger) &&
                     s->api.reading == 0 && (s->http == NULL || http_face_is_quiet(s->http));

        /* A read under way holds its call: it is waited for in any case. */
        if (quiet || (clock_boot_ms() > s->stop_by_ms && s->api.reading == 0)) {
            shell_quit(s);
            return;
        }
    }
    arm_timer(s);
}

static void shell_turn(void *arg)
{
    struct shell *s = arg;

    if (s->ended) {
        return;
    }
    begin_turn(s);
    serve(s);
    end_turn(s);
}

static void archives_done(struct shell *s, struct list *archived)
{
    struct list *n;

    while ((n = list_pop_front(archived)) != NULL) {
        ledger_archive_done(s->ledger, container_of(n, struct ledger_archive, queued));
    }
}

static void count_commit(struct shell *s, const struct commit_took *took)
{
    struct figures *f = ledger_figures(s->ledger);

    histogram_add(&f->commits, &histogram_us, took->us);
    histogram_add(&f->batches, &histogram_bytes, took->bytes);
}

/* A commit is done, or an answer of the object store or a webhook is there. */
static void shell_woken(uv_async_t *handle)
{
    struct shell *s = handle->data;
    struct list archived;
    struct commit_took took;
    enum err_code rc;
    struct err err;

    if (s->ended) {
        return;
    }
    list_init(&archived);
    (void)pthread_mutex_lock(&s->lock);
    list_splice(&archived, &s->archived);
    (void)pthread_mutex_unlock(&s->lock);
    begin_turn(s);
    if (committer_take(s->committer, &took, &rc, &err)) {
        count_commit(s, &took);
        ledger_commit_done(s->ledger, rc, &err);
    }
    take_objects(s);
    take_webhooks(s);
    archives_done(s, &archived);
    serve(s); /* those that had to wait for the batch */
    end_turn(s);
}

/* ---- background reads ---- */

struct background {
    uv_work_t work;
    struct shell *shell;
    void (*run)(void *task);
    void (*done)(void *task);
    void *task;
};

static void background_run(uv_work_t *w)
{
    struct background *b = container_of(w, struct background, work);

    b->run(b->task);
}

static void background_done(uv_work_t *w, int status)
{
    struct background *b = container_of(w, struct background, work);
    struct shell *s = b->shell;

    (void)status;
    begin_turn(s);
    b->done(b->task);
    mem_free(b);
    serve(s); /* what a late turn declares lost may have spoken meanwhile */
    end_turn(s);
}

static void
hook_background(void *arg, void (*work)(void *task), void (*done)(void *task), void *task)
{
    struct shell *s = arg;
    struct background *b = mem_zalloc(1, sizeof(*b));

    *b = (struct background){.shell = s, .run = work, .done = done, .task = task};
    (void)uv_queue_work(&s->loop, &b->work, background_run, background_done);
}

/* ---- the ledger's other hooks ---- */

static void hook_worker_mail(void *arg, struct fleet_worker *w)
{
    api_worker_mail(&((struct shell *)arg)->api, w);
}

static void hook_worker_gone(void *arg, struct fleet_worker *w)
{
    api_worker_gone(&((struct shell *)arg)->api, w);
}

static void hook_moved(void *arg, uint64_t execution)
{
    api_moved(&((struct shell *)arg)->api, execution);
}

static void hook_call(void *arg, struct ledger_call *c)
{
    api_call(&((struct shell *)arg)->api, c);
}

static void hook_call_gone(void *arg, struct ledger_call *c)
{
    api_call_gone(&((struct shell *)arg)->api, c);
}

static void hook_logged(void *arg, struct ledger_logged *x)
{
    execution_log_put(((struct shell *)arg)->log, x);
}

static void hook_traced(void *arg, struct ledger_logged *x)
{
    execution_trace_put(((struct shell *)arg)->trace, x);
}

static void hook_archive(void *arg, struct ledger_archive *a)
{
    execution_archive_put(((struct shell *)arg)->archive, a);
}

/* On a thread of the archive's. */
static void archive_done(void *arg, struct ledger_archive *a)
{
    struct shell *s = arg;

    (void)pthread_mutex_lock(&s->lock);
    list_push_back(&s->archived, &a->queued);
    (void)uv_async_send(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
}

static void hook_activity_ready(void *arg, struct ledger_activity *a)
{
    api_activity_ready(&((struct shell *)arg)->api, a);
}

static void hook_queue_ready(void *arg, struct ledger_queue *q)
{
    api_queue_ready(&((struct shell *)arg)->api, q);
}

static void hook_webhook(void *arg, struct webhook_request *r)
{
    webhook_sender_put(((struct shell *)arg)->sender, r);
}

/* On a thread of others: something is there to be taken. */
static void woken(void *arg)
{
    (void)uv_async_send(&((struct shell *)arg)->wake);
}

/* ---- starting and stopping ---- */

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

static void shell_quit(struct shell *s)
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
    begin_turn(s);
    rpc_server_stop(s->server);
    if (s->http != NULL) {
        http_face_stop(s->http);
    }
    api_stop(&s->api);
    end_turn(s);
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
    s->committer = committer_open(s->store, woken, s);
    s->sender = webhook_sender_open(woken, s);
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
        .done = archive_done,
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
    struct ledger_hooks hooks = {
        .arg = s,
        .commit = hook_commit,
        .object = hook_object,
        .worker_mail = hook_worker_mail,
        .moved = hook_moved,
        .worker_gone = hook_worker_gone,
        .call = hook_call,
        .call_gone = hook_call_gone,
        .activity_ready = hook_activity_ready,
        .queue_ready = hook_queue_ready,
        .webhook = hook_webhook,
        .logged = c->execution_logs != NULL ? hook_logged : NULL,
        .traced = c->trace.endpoint != NULL ? hook_traced : NULL,
        .archive = c->archive.bucket.len != 0 ? hook_archive : NULL,
        .failed = hook_failed,
    };
    struct api_hooks api = {
        .presigner = c->objects.endpoint != NULL ? &s->presigner : NULL,
        .presigned_s = c->presigned_s,
        .arg = s,
        .background = hook_background,
        .objects_root = c->objects.root,
        .objects_endpoint = c->objects.endpoint,
        .objects_region = c->objects.region,
        .disk = &s->disk,
        .backups = c->backups,
        .origin = &s->origin,
    };
    struct ledger_config ledger = c->ledger;
    enum err_code rc;

    s->objects = object_threads_open(&c->objects, woken, s); /* the ledger may ask when it opens */
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
        rc = ledger_open(&ledger, s->store, &hooks, now(), &s->ledger, err);
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
    begin_turn(arg);
}

static void sweeps_end(void *arg)
{
    serve(arg);
    end_turn(arg);
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
