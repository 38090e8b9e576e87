/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's session: hello, the parked poll, what replies bring, draining and leaving. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "proto/host/clock.h"
#include "proto/host/notify.h"
#include "proto/job/piece.h"
#include "worker/handler/result.h"
#include "worker/worker.h"

static struct lease_token token_of(const Stepfleet__Token *t)
{
    return t != NULL ? (struct lease_token){t->epoch, t->counter} : (struct lease_token){0, 0};
}

/* ---- Timers that only give cause to look again ---- */

static void on_retry(uv_timer_t *t)
{
    worker_flush(t->data);
}

static void on_keep_alive(uv_timer_t *t)
{
    struct worker *w = t->data;

    w->holds_due = true;
    w->tick_wanted = true;
    worker_flush(w);
}

static void on_look(uv_timer_t *t)
{
    struct worker *w = t->data;

    if (list_empty(&w->table.running)) {
        (void)uv_timer_stop(t);
        return;
    }
    w->tick_wanted = true;
    worker_flush(w);
}

/* ---- Tasks ---- */

static struct lease_result shutting_down(struct worker *w, const struct lease *l, struct arena *a)
{
    bool piece = l->grant.piece.len != 0;
    struct lease_result r;

    result_fail(&r, a, piece ? JOB_WORKER_LEFT : "Lambda.ServiceException",
                "worker %s is shutting down", w->settings->name);
    return r;
}

/* Begin what waits for this function, as far as there are slots. */
static void begin_of(struct worker *w, struct lease_function *f)
{
    struct lease *l;

    while ((l = lease_begin(&w->table, f)) != NULL) {
        struct arena memory = {0};
        struct lease_result r;

        if (!handler_start(&w->host, l, &r, &memory)) {
            (void)lease_finish(&w->table, l, &r, &memory);
        } else if (!uv_is_active((uv_handle_t *)&w->look)) {
            (void)uv_timer_start(&w->look, on_look, WORKER_LOOK_MS, WORKER_LOOK_MS);
        }
    }
}

static void begin_all(struct worker *w)
{
    for (size_t i = 0; w->table.waiting > 0 && i < w->settings->function_count; i++) {
        begin_of(w, &w->settings->functions[i].lease);
    }
}

static void task_finished(struct handler_host *h,
                          struct lease *l,
                          const struct lease_result *r,
                          struct arena *memory)
{
    struct worker *w = container_of(h, struct worker, host);
    struct lease_result told = *r;

    if (w->cut_short && r->failed) {
        told = shutting_down(w, l, memory);
    }
    report_forget_upload(w, l->grant.token);
    if (r->failed && l->state == LEASE_RUNNING) {
        log_info("task failed execution=%.*s state=%.*s attempt=%u error=%.*s cause=%.*s",
                 SLICE_FMT(l->grant.execution_name), SLICE_FMT(l->grant.state), l->grant.attempt,
                 SLICE_FMT(told.error), SLICE_FMT(slice_head(told.cause, 512)));
    }
    (void)lease_finish(&w->table, l, &told, memory);
    begin_all(w);
    worker_flush(w);
}

static void task_uploading(struct handler_host *h, struct lease *l, const struct handler_upload *u)
{
    struct worker *w = container_of(h, struct worker, host);
    struct worker_upload *wait;

    if (l->state != LEASE_RUNNING) {
        return; /* dropped: it is being ended */
    }
    wait = mem_zalloc(1, sizeof(*wait));
    wait->token = l->grant.token;
    wait->upload = *u;
    list_push_back(&w->uploads_waiting, &wait->link);
    worker_flush(w);
}

static void task_submitted(struct handler_host *h, struct lease *l, struct slice text)
{
    struct worker *w = container_of(h, struct worker, host);

    if (l->state == LEASE_RUNNING) { /* else dropped: it is being ended */
        lease_submit(l, text);
        w->tick_wanted = true;
        worker_flush(w);
    }
}

void worker_drop(struct worker *w, struct lease *l)
{
    report_forget_upload(w, l->grant.token);
    if (lease_drop(&w->table, l)) {
        log_info("lease dropped: its handler is ended execution=%.*s state=%.*s attempt=%u",
                 SLICE_FMT(l->grant.execution_name), SLICE_FMT(l->grant.state), l->grant.attempt);
        handler_stop(l, false);
    }
}

void worker_take_drops(struct worker *w, Stepfleet__Token *const *drops, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct lease *l = lease_find(&w->table, token_of(drops[i]));

        if (l != NULL) {
            worker_drop(w, l);
        }
    }
}

/* What has not begun goes back. */
static void return_waiting(struct worker *w)
{
    size_t bucket = 0;

    for (struct lease *l = lease_each(&w->table, &bucket, NULL); l != NULL;
         l = lease_each(&w->table, &bucket, l)) {
        if (l->state == LEASE_WAITING) {
            lease_return(&w->table, l);
            w->tick_wanted = true;
        }
    }
}

/* `begins`: it may be begun; else it goes back. */
static void take_grant(struct worker *w, const struct lease_grant *g, bool begins)
{
    enum lease_granted granted;
    struct lease *l;

    if (w->table.held.count >= 2 * LIMIT_WORKER_SLOTS) {
        log_warn("more leases than any worker has slots: one left aside");
        return;
    }
    granted = lease_grant(&w->table, g, &l);
    if (granted == LEASE_NOT_OFFERED || (granted == LEASE_NEW && !begins)) {
        lease_return(&w->table, l);
        w->tick_wanted = true;
    } else if (granted == LEASE_NEW) {
        begin_of(w, l->function);
    }
}

/* A piece of a job run stays packed: who does it takes it apart. */
static void pack_piece(const Stepfleet__JobPiece *m, struct buf *out)
{
    size_t bytes = stepfleet__job_piece__get_packed_size(m);

    out->len = stepfleet__job_piece__pack(m, (uint8_t *)buf_reserve(out, bytes));
}

static void take_lease(struct worker *w, const Stepfleet__Lease *m, bool begins)
{
    struct buf piece = {0};
    struct lease_grant g = {
        .token = token_of(m->token),
        .function = message_slice(m->function),
        .qualifier = message_slice(m->qualifier),
        .credentials = message_slice(m->credentials),
        .payload = message_slice(m->payload),
        .trace = message_slice(m->trace),
        .execution_arn = message_slice(m->execution_arn),
        .execution_name = message_slice(m->execution_name),
        .state = message_slice(m->state),
        .state_entry = m->state_entry,
        .attempt = m->attempt,
        .retry_count = m->retry_count,
        .timeout_ms = m->timeout_ms,
        .heartbeat_ms = m->heartbeat_ms,
        .log_tail = m->log_tail,
        .submits = m->submits,
    };

    if (m->job != NULL) {
        pack_piece(m->job, &piece);
        g.piece = buf_slice(&piece);
    }
    take_grant(w, &g, begins);
    buf_fini(&piece);
}

void worker_take_leases(struct worker *w,
                        Stepfleet__Lease *const *leases,
                        size_t count,
                        bool hand_back)
{
    bool begins = w->phase == WORKER_SERVING && !hand_back;

    for (size_t i = 0; i < count; i++) {
        take_lease(w, leases[i], begins);
    }
    if (hand_back) {
        return_waiting(w);
    }
}

/* On a task's thread: the instance never changes, and the link is open as long as tasks run. */
static enum err_code task_sign(struct handler_host *h,
                               Stepfleet__SignRequest *q,
                               struct arena *a,
                               const Stepfleet__SignReply **reply,
                               struct err *err)
{
    struct worker *w = container_of(h, struct worker, host);
    const void *m;
    enum err_code rc;

    q->instance = w->instance;
    rc = link_ask(&w->link, RPC_WORKER_SIGN, &q->base, WORKER_SIGN_MS, a, &m, err);
    if (rc == OK) {
        *reply = m;
    }
    return rc;
}

/* ---- Trouble with the coordinator ---- */

/* To the service manager. */
static void say_serving(const struct worker *w)
{
    if (w->phase == WORKER_SERVING) {
        notify_say("STATUS=serving %s as %s", w->settings->coordinator, w->settings->name);
    }
}

void worker_call_heard(struct worker *w)
{
    if (w->said != OK) {
        w->said = OK;
        log_info("the coordinator answers again");
        say_serving(w);
    }
    w->retry_ms = 0;
}

static void wait_before_retry(struct worker *w)
{
    uint64_t wait;

    if (uv_is_active((uv_handle_t *)&w->retry)) {
        return; /* several calls fail together: one failure */
    }
    w->retry_ms = w->retry_ms == 0 ? WORKER_RETRY_MIN_MS : w->retry_ms * 2;
    if (w->retry_ms > WORKER_RETRY_MAX_MS) {
        w->retry_ms = WORKER_RETRY_MAX_MS;
    }
    wait = (uint64_t)w->retry_ms / 2 + clock_random_u64() % ((uint64_t)w->retry_ms / 2 + 1);
    (void)uv_timer_start(&w->retry, on_retry, wait, 0);
}

void worker_call_failed(struct worker *w, enum err_code rc, const struct err *err)
{
    if (w->phase == WORKER_LEAVING) {
        return;
    }
    if (rc == ERR_WORKER_UNKNOWN) {
        if (w->id != 0 && clock_mono_ms() - w->hello_ms < WORKER_HELLO_MS) {
            wait_before_retry(w); /* forgotten at once: another of our name does the same */
        }
        w->id = 0;
        return;
    }
    if (w->said == OK || (w->said != rc && !err_retryable(rc))) {
        w->said = rc;
        log_warn("coordinator %s: %s (%s); trying again until it answers", w->settings->coordinator,
                 err->msg, err_name(rc));
        notify_say("STATUS=%s does not answer: trying again", w->settings->coordinator);
    }
    wait_before_retry(w);
}

/* ---- The end ---- */

static void close_timer(uv_timer_t *t)
{
    uv_close((uv_handle_t *)t, NULL);
}

static void worker_close(struct worker *w)
{
    link_call_close(&w->hello);
    link_call_close(&w->poll);
    link_call_close(&w->tick);
    link_call_close(&w->upload);
    for (size_t i = 0; i < WORKER_RESULT_CALLS; i++) {
        link_call_close(&w->reports[i].call);
    }
    link_close(&w->link);
    close_timer(&w->keep_alive);
    close_timer(&w->look);
    close_timer(&w->retry);
    close_timer(&w->drain);
    uv_stop(w->loop);
}

/* ---- Hello ---- */

static void offers_message(struct worker *w, Stepfleet__WorkerHelloRequest *m)
{
    const struct settings *s = w->settings;

    m->offers = ARENA_ARRAY(&w->arena, s->function_count, Stepfleet__Offer *);
    for (size_t i = 0; i < s->function_count; i++) {
        Stepfleet__Offer *o = arena_alloc(&w->arena, sizeof(*o));

        stepfleet__offer__init(o);
        o->function = message_string(&w->arena, s->functions[i].lease.name);
        o->slots = s->functions[i].lease.slots;
        m->offers[m->n_offers++] = o;
    }
}

static void send_hello(struct worker *w)
{
    Stepfleet__WorkerHelloRequest m = STEPFLEET__WORKER_HELLO_REQUEST__INIT;
    char software[] = "stepfleet " STEPFLEET_VERSION;

    if (w->hello.busy) {
        return;
    }
    m.name = message_string(&w->arena, slice_str(w->settings->name));
    m.instance = w->instance;
    m.version_min = WIRE_VERSION_MIN;
    m.version_max = WIRE_VERSION_MAX;
    m.software = software;
    m.slots = w->settings->slots;
    m.labels = message_string(&w->arena, slice_str(w->settings->labels));
    offers_message(w, &m);
    link_send(&w->hello, RPC_WORKER_HELLO, &m.base, WORKER_HELLO_MS);
    arena_reset(&w->arena);
}

static void registered(struct worker *w, const Stepfleet__WorkerHelloReply *m)
{
    uint64_t keep_alive = m->keep_alive_ms != 0 ? m->keep_alive_ms : WORKER_POLL_SLACK_MS;

    if (w->epoch != 0 && w->epoch == m->epoch) {
        log_warn(
            "the coordinator had forgotten this worker: it stood still for too long, or another "
            "worker is named %s too",
            w->settings->name);
    }
    w->id = m->worker;
    w->epoch = m->epoch;
    w->hello_ms = clock_mono_ms();
    w->drain_told = false;
    w->tick_wanted = w->tick_wanted || w->phase == WORKER_DRAINING;
    w->tick_ms = keep_alive < WORKER_TICK_MIN_MS ? WORKER_TICK_MIN_MS
                 : keep_alive < WORKER_REPORT_MS ? (int)keep_alive
                                                 : WORKER_REPORT_MS;
    (void)uv_timer_start(&w->keep_alive, on_keep_alive, keep_alive, keep_alive);
    say_serving(w);
    log_info("registered with %s id=%llu worker=%s coordinator=%s keep_alive_ms=%llu", m->software,
             (unsigned long long)w->id, w->settings->name, w->settings->coordinator,
             (unsigned long long)keep_alive);
}

static void on_hello(struct link_call *c, enum err_code rc, const void *m, const struct err *err)
{
    struct worker *w = c->user;
    const Stepfleet__WorkerHelloReply *reply = m;

    if (rc == OK && (reply->version < WIRE_VERSION_MIN || reply->version > WIRE_VERSION_MAX ||
                     reply->worker == 0)) {
        log_error("the coordinator speaks version %u; this worker %d to %d", reply->version,
                  WIRE_VERSION_MIN, WIRE_VERSION_MAX);
        wait_before_retry(w);
    } else if (rc == OK) {
        worker_call_heard(w);
        registered(w, reply);
    } else if (rc == ERR_VALIDATION || rc == ERR_DENIED) {
        log_error("the coordinator refuses this worker: %s", err->msg);
        w->refused = true;
        w->phase = WORKER_LEAVING;
        worker_close(w);
    } else {
        worker_call_failed(w, rc, err);
    }
    worker_flush(w);
}

/* ---- Poll ---- */

static void send_poll(struct worker *w)
{
    Stepfleet__PollRequest m = STEPFLEET__POLL_REQUEST__INIT;

    if (w->poll.busy) {
        return;
    }
    m.worker = w->id;
    m.n_holds = report_holds(w, &m.holds);
    link_send(&w->poll, RPC_WORKER_POLL, &m.base, LIMIT_POLL_MS + WORKER_POLL_SLACK_MS);
    arena_reset(&w->arena);
}

static void on_poll(struct link_call *c, enum err_code rc, const void *m, const struct err *err)
{
    struct worker *w = c->user;
    const Stepfleet__PollReply *reply = m;

    if (rc == OK) {
        worker_call_heard(w);
        worker_take_drops(w, reply->drop, reply->n_drop);
        worker_take_leases(w, reply->leases, reply->n_leases, reply->hand_back);
    } else {
        worker_call_failed(w, rc, err);
    }
    worker_flush(w);
}

/* ---- Draining and leaving ---- */

static void on_bye(struct link_call *c, enum err_code rc, const void *m, const struct err *err)
{
    (void)rc;
    (void)m;
    (void)err;
    worker_close(c->user);
}

static void leave(struct worker *w)
{
    Stepfleet__ByeRequest m = STEPFLEET__BYE_REQUEST__INIT;

    w->phase = WORKER_LEAVING;
    if (w->id == 0 || w->hello.busy) { /* it knows nothing of us that a bye would change */
        worker_close(w);
        return;
    }
    w->hello.done = on_bye;
    m.worker = w->id;
    link_send(&w->hello, RPC_WORKER_BYE, &m.base, WORKER_BYE_MS);
}

static void on_too_late(uv_timer_t *t)
{
    struct worker *w = t->data;

    log_warn("leaving with %zu leases unreported: the coordinator does not answer",
             w->table.held.count);
    if (w->phase == WORKER_DRAINING) {
        leave(w);
    }
}

static void on_drained(uv_timer_t *t)
{
    struct worker *w = t->data;

    w->cut_short = true;
    LIST_EACH(n, &w->table.running)
    {
        handler_stop(container_of(n, struct lease, link), false);
    }
    (void)uv_timer_start(t, on_too_late, WORKER_LAST_MS, 0);
}

void worker_drain(struct worker *w)
{
    assert(w->phase == WORKER_SERVING);
    w->phase = WORKER_DRAINING;
    w->tick_wanted = true;
    keeper_drain(&w->keeper);
    return_waiting(w);
    log_info("draining: %u tasks run yet, for at most %lld ms", w->table.busy,
             (long long)w->settings->drain_ms);
    (void)uv_timer_start(&w->drain, on_drained, (uint64_t)w->settings->drain_ms, 0);
    worker_flush(w);
}

void worker_flush(struct worker *w)
{
    if (w->phase == WORKER_LEAVING) {
        return;
    }
    if (w->phase == WORKER_DRAINING && lease_table_idle(&w->table)) {
        leave(w);
        return;
    }
    if (uv_is_active((uv_handle_t *)&w->retry)) {
        return;
    }
    if (w->id == 0) {
        send_hello(w);
        return;
    }
    report_results(w);
    report_uploads(w);
    report_tick(w);
    send_poll(w);
}

/* ---- Beginning and end ---- */

static void open_timer(struct worker *w, uv_timer_t *t)
{
    (void)uv_timer_init(w->loop, t);
    t->data = w;
}

static enum err_code open_calls(struct worker *w, struct err *err)
{
    struct link *l = &w->link;
    enum err_code rc = link_call_open(l, &w->hello, on_hello, w, err);

    rc = rc != OK ? rc : link_call_open(l, &w->poll, on_poll, w, err);
    rc = rc != OK ? rc : link_call_open(l, &w->tick, report_tick_done, w, err);
    rc = rc != OK ? rc : link_call_open(l, &w->upload, report_uploads_done, w, err);
    for (size_t i = 0; rc == OK && i < WORKER_RESULT_CALLS; i++) {
        rc = link_call_open(l, &w->reports[i].call, report_results_done, w, err);
    }
    return rc;
}

/* Is a function persistent? */
static bool keeps(const struct settings *s)
{
    for (size_t i = 0; i < s->function_count; i++) {
        if (s->functions[i].persistent) {
            return true;
        }
    }
    return false;
}

enum err_code worker_open(struct worker *w,
                          uv_loop_t *loop,
                          const struct settings *settings,
                          const char *work_dir,
                          const struct handler_ops *pieces,
                          struct err *err)
{
    enum err_code rc;

    *w = (struct worker){.loop = loop, .settings = settings, .results_max = LIMIT_REPORTS};
    w->instance = clock_random_u64();
    w->host = (struct handler_host){
        .loop = loop,
        .work_dir = work_dir,
        .objects = &settings->objects,
        .pieces = pieces,
        .keeper = &w->keeper,
        .finished = task_finished,
        .uploading = task_uploading,
        .submitted = task_submitted,
        .sign = task_sign,
    };
    list_init(&w->uploads_waiting);
    list_init(&w->uploads_sent);
    lease_table_init(&w->table, settings->slots);
    for (size_t i = 0; i < settings->function_count; i++) {
        (void)lease_table_offer(&w->table, &settings->functions[i].lease);
    }
    open_timer(w, &w->keep_alive);
    open_timer(w, &w->look);
    open_timer(w, &w->retry);
    open_timer(w, &w->drain);
    rc = keeper_open(&w->keeper, work_dir, keeps(settings), err);
    if (rc == OK && settings->trace.endpoint != NULL) {
        rc = otlp_open(&settings->trace, "stepfleet-worker", settings->name, &w->host.otlp, err);
    }
    rc = rc != OK ? rc : link_open(&w->link, loop, &settings->link, err);
    rc = rc != OK ? rc : open_calls(w, err);
    if (rc == OK) {
        worker_flush(w);
    }
    return rc;
}

static void uploads_fini(struct list *l)
{
    for (struct list *n = list_pop_front(l); n != NULL; n = list_pop_front(l)) {
        mem_free(container_of(n, struct worker_upload, link));
    }
}

void worker_fini(struct worker *w)
{
    keeper_close(&w->keeper);
    if (w->host.otlp != NULL) {
        otlp_close(w->host.otlp);
    }
    uploads_fini(&w->uploads_waiting);
    uploads_fini(&w->uploads_sent);
    lease_table_fini(&w->table);
    arena_fini(&w->arena);
}
