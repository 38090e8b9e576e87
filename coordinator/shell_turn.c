/* SPDX-License-Identifier: Apache-2.0 */
/* Turns, and what brings them about: what arrives, what is done, what is due; and two looks, at the
 * disk and at memory. */
#include <inttypes.h>
#include <malloc.h>

#include "coordinator/shell_internal.h"
#include "proto/host/clock.h"
#include "proto/host/log.h"

enum {
    STOP_POLL_MS = 50,
    /* Connections end so long after the last answer: nng 1.5, at the other side, does not notice an
     * end of TLS that comes together with one. */
    STOP_LINGER_MS = 150,
};

struct fleet_now shell_now(void)
{
    return (struct fleet_now){clock_wall_ms(), clock_boot_ms()};
}

/* ---- turns ---- */

void shell_serve(struct shell *s)
{
    rpc_server_serve(s->server);
    if (s->http != NULL) {
        http_face_serve(s->http);
    }
}

static void shell_timer(uv_timer_t *timer)
{
    shell_turn(timer->data);
}

static void shell_again(uv_idle_t *idle)
{
    shell_turn(idle->data);
}

/* A turn that is due at once must not be a timer: libuv runs timers until none is due, and one that
 * is set to 0 by its own callback is due for ever: requests and commits would not be heard. */
static void arm_timer(struct shell *s)
{
    struct fleet_now t = shell_now();
    int64_t wait = ledger_wait_ms(s->ledger, t);
    int64_t parked = api_wait_ms(&s->api);

    if (wait < 0 || (parked >= 0 && parked < wait)) {
        wait = parked;
    }
    if (s->stopping) {
        int64_t left = s->stop_by_ms - t.mono_ms + 1;

        wait = wait < 0 || left < wait ? left : wait;
        wait = wait < 0 || wait > STOP_POLL_MS ? STOP_POLL_MS : wait;
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

void shell_turn_begin(struct shell *s)
{
    s->turn_us = clock_mono_us();
    ledger_turn_begin(s->ledger, shell_now());
}

void shell_turn_end(struct shell *s)
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

        s->quiet_ms = !quiet ? 0 : s->quiet_ms != 0 ? s->quiet_ms : clock_boot_ms();
        quiet = quiet && clock_boot_ms() - s->quiet_ms >= STOP_LINGER_MS;
        /* A read under way holds its call: it is waited for in any case. */
        if (quiet || (clock_boot_ms() > s->stop_by_ms && s->api.reading == 0)) {
            shell_quit(s);
            return;
        }
    }
    arm_timer(s);
}

void shell_turn(void *arg)
{
    struct shell *s = arg;

    if (s->ended) {
        return;
    }
    shell_turn_begin(s);
    shell_serve(s);
    shell_turn_end(s);
}

/* ---- what is done elsewhere ---- */

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

void shell_woken(uv_async_t *handle)
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
    shell_turn_begin(s);
    if (committer_take(s->committer, &took, &rc, &err)) {
        count_commit(s, &took);
        ledger_commit_done(s->ledger, rc, &err);
    }
    take_objects(s);
    take_webhooks(s);
    archives_done(s, &archived);
    shell_serve(s); /* those that had to wait for the batch */
    shell_turn_end(s);
}

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
    shell_turn_begin(s);
    b->done(b->task);
    mem_free(b);
    shell_serve(s); /* what a late turn declares lost may have spoken meanwhile */
    shell_turn_end(s);
}

void shell_background(void *arg, void (*work)(void *task), void (*done)(void *task), void *task)
{
    struct shell *s = arg;
    struct background *b = mem_zalloc(1, sizeof(*b));

    *b = (struct background){.shell = s, .run = work, .done = done, .task = task};
    (void)uv_queue_work(&s->loop, &b->work, background_run, background_done);
}

/* ---- two looks ---- */

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

void shell_look(uv_timer_t *timer)
{
    struct shell *s = timer->data;

    if (!s->ended && disk_look(&s->disk, &s->config->disk_reserve, s->config->data)) {
        say_disk(&s->disk);
        shell_turn_begin(s);
        ledger_set_short(s->ledger, s->disk.is_short);
        shell_turn_end(s);
    }
}

/* A burst of executions leaves a heap of holes behind when they are parked or end: give it back. */
void shell_trim(uv_timer_t *timer)
{
    struct shell *s = timer->data;
    size_t held = ledger_held_count(s->ledger);

    if (held < s->held_peak / 2) {
        log_debug("memory is given back: held=%zu peak=%zu", held, s->held_peak);
        (void)malloc_trim(0);
        s->held_peak = held;
    }
}
