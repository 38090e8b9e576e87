/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker tells: results, uploads, and the tick (keep-alive, progress, submissions, leases
 * handed back).
 * Each stays as it is until it is answered, and is told again where it was not heard. */
#include <assert.h>

#include "proto/base/text.h"
#include "proto/host/clock.h"
#include "proto/host/log.h"
#include "worker/handler/result.h"
#include "worker/worker.h"

static struct lease_token token_of(const Stepfleet__Token *t)
{
    return t != NULL ? (struct lease_token){t->epoch, t->counter} : (struct lease_token){0, 0};
}

static Stepfleet__Token *token_message(struct worker *w, struct lease_token token)
{
    Stepfleet__Token *t = arena_alloc(&w->arena, sizeof(*t));

    stepfleet__token__init(t);
    t->epoch = token.epoch;
    t->counter = token.counter;
    return t;
}

/* A lease whose result is on its way is left out: the coordinator may have ended it by then, would
 * take the token for an unknown one and spend an answer on saying so. If the result never arrives
 * the grant comes again, and the token is known here. */
size_t report_holds(struct worker *w, Stepfleet__Token ***out)
{
    size_t bucket = 0;
    size_t n = 0;

    *out = ARENA_ARRAY(&w->arena, w->table.held.count, Stepfleet__Token *);
    for (struct lease *l = lease_each(&w->table, &bucket, NULL); l != NULL;
         l = lease_each(&w->table, &bucket, l)) {
        if (l->state != LEASE_SENT) {
            (*out)[n++] = token_message(w, l->grant.token);
        }
    }
    return n;
}

static bool outcome_is_for(const Stepfleet__Outcome *o, struct lease_token token)
{
    struct lease_token t = token_of(o->token);

    return t.epoch == token.epoch && t.counter == token.counter;
}

/* ---- Submissions: on their own while the task runs, else before its result ---- */

/* Wire bytes of a submission, near enough. */
static size_t submission_bytes(const struct lease *l)
{
    return lease_has_submission(l) ? 32 + l->submission.len : 0;
}

static void add_submission(struct worker *w, Stepfleet__ReportRequest *m, const struct lease *l)
{
    Stepfleet__Submitted *s = arena_alloc(&w->arena, sizeof(*s));

    if (m->submitted == NULL) {
        m->submitted = arena_alloc(&w->arena, LIMIT_REPORTS * sizeof(m->submitted[0]));
    }
    stepfleet__submitted__init(s);
    s->token = token_message(w, l->grant.token);
    s->output = message_bytes(l->submission);
    m->submitted[m->n_submitted++] = s;
}

/* A lease that is lost is left to its drop or to its result's answer: a submission may reach the
 * coordinator twice, and once after the result. */
static void submission_answered(struct worker *w, const Stepfleet__Outcome *o)
{
    struct lease *l = lease_find(&w->table, token_of(o->token));
    enum err_code rc = err_from_number(o->status);

    if (l == NULL || !lease_has_submission(l) || (rc != OK && err_retryable(rc))) {
        return; /* the next look at running tasks tells it again, or the result does */
    }
    if (rc != OK && rc != ERR_LEASE_LOST) {
        log_warn("what was said of a job was refused: %s execution=%.*s state=%.*s", err_name(rc),
                 SLICE_FMT(l->grant.execution_name), SLICE_FMT(l->grant.state));
    }
    lease_forget_submission(l);
}

/* ---- Results ---- */

static Stepfleet__Part **parts_message(struct worker *w, const struct lease_result *r)
{
    Stepfleet__Part **parts = ARENA_ARRAY(&w->arena, r->part_count, Stepfleet__Part *);

    for (size_t i = 0; i < r->part_count; i++) {
        Stepfleet__Part *p = arena_alloc(&w->arena, sizeof(*p));

        stepfleet__part__init(p);
        p->number = r->parts[i].number;
        p->bytes = r->parts[i].bytes;
        p->etag = message_bytes(slice_str(r->parts[i].etag));
        parts[i] = p;
    }
    return parts;
}

static Stepfleet__JobCounter **counters_message(struct worker *w,
                                                const struct lease_piece_result *p)
{
    Stepfleet__JobCounter **counters =
        ARENA_ARRAY(&w->arena, p->counter_count, Stepfleet__JobCounter *);

    for (size_t i = 0; i < p->counter_count; i++) {
        Stepfleet__JobCounter *c = arena_alloc(&w->arena, sizeof(*c));

        stepfleet__job_counter__init(c);
        c->name = message_string(&w->arena, p->counters[i].name);
        c->value = p->counters[i].value;
        counters[i] = c;
    }
    return counters;
}

static Stepfleet__JobResult *piece_message(struct worker *w, const struct lease_result *r)
{
    const struct lease_piece_result *p = r->piece;
    Stepfleet__JobResult *m = arena_alloc(&w->arena, sizeof(*m));

    stepfleet__job_result__init(m);
    m->bytes_in = r->bytes_in;
    m->bytes_out = r->bytes_out;
    m->records_in = p->records_in;
    m->records_out = p->records_out;
    m->rejected = p->rejected;
    m->n_counters = p->counter_count;
    m->counters = counters_message(w, p);
    m->sizes = message_bytes(p->sizes);
    m->partitions = p->partitions;
    return m;
}

static Stepfleet__Result *result_message(struct worker *w, const struct lease *l)
{
    const struct lease_result *r = &l->result;
    Stepfleet__Result *m = arena_alloc(&w->arena, sizeof(*m));

    stepfleet__result__init(m);
    m->token = token_message(w, l->grant.token);
    m->failed = r->failed;
    m->result = message_bytes(r->result);
    m->error = message_bytes(r->error);
    m->cause = message_bytes(r->cause);
    m->has_output = r->has_output;
    m->n_parts = r->part_count;
    m->parts = parts_message(w, r);
    m->bytes_in = r->bytes_in;
    m->bytes_out = r->bytes_out;
    m->log = message_bytes(r->log);
    m->timed_out = r->timed_out;
    m->job = r->piece != NULL && !r->failed ? piece_message(w, r) : NULL;
    return m;
}

/* Wire bytes of a result, near enough. */
static size_t result_bytes(const struct lease_result *r)
{
    size_t piece = r->piece != NULL ? r->piece->sizes.len + r->piece->counter_count * 80 : 0;

    return 64 + r->result.len + r->error.len + r->cause.len + r->log.len + r->part_count * 64 +
           piece;
}

static void send_results(struct worker *w, struct worker_report *report)
{
    Stepfleet__ReportRequest m = STEPFLEET__REPORT_REQUEST__INIT;
    size_t bytes = 0;
    struct lease *l;

    report->count = 0;
    m.worker = w->id;
    m.results = arena_alloc(&w->arena, w->results_max * sizeof(m.results[0]));
    while (report->count < w->results_max && bytes < WORKER_RESULT_BYTES &&
           (l = lease_take(&w->table)) != NULL) {
        bytes += result_bytes(&l->result) + submission_bytes(l);
        if (lease_has_submission(l)) {
            add_submission(w, &m, l);
        }
        m.results[report->count] = result_message(w, l);
        report->leases[report->count++] = l;
    }
    m.n_results = report->count;
    report->submitted = m.n_submitted;
    link_send(&report->call, RPC_WORKER_REPORT, &m.base, WORKER_REPORT_MS);
    arena_reset(&w->arena);
}

void report_results(struct worker *w)
{
    for (size_t i = 0; i < WORKER_RESULT_CALLS && !list_empty(&w->table.finished); i++) {
        if (!w->reports[i].call.busy) {
            send_results(w, &w->reports[i]);
        }
    }
}

static void results_put_back(struct worker *w, struct worker_report *report)
{
    while (report->count > 0) {
        lease_put_back(&w->table, report->leases[--report->count]);
    }
}

/* The coordinator will not have this result, and would not another time. */
static void result_refused(struct worker *w, struct lease *l, enum err_code rc)
{
    if (l->result.failed) {
        log_error("result refused and dropped: %s execution=%.*s state=%.*s", err_name(rc),
                  SLICE_FMT(l->grant.execution_name), SLICE_FMT(l->grant.state));
        lease_forget(&w->table, l);
        return;
    }
    result_fail(&l->result, &l->memory, "Runtime.MarshalError",
                "the coordinator refused the result: %s", err_sentence(rc));
    lease_put_back(&w->table, l);
}

static void result_answered(struct worker *w, struct lease *l, enum err_code rc)
{
    if (rc == OK) {
        lease_forget(&w->table, l);
    } else if (rc == ERR_LEASE_LOST) {
        log_info("lease lost: its result counts for nothing execution=%.*s state=%.*s attempt=%u",
                 SLICE_FMT(l->grant.execution_name), SLICE_FMT(l->grant.state), l->grant.attempt);
        lease_forget(&w->table, l);
    } else if (err_retryable(rc)) {
        lease_put_back(&w->table, l);
    } else {
        result_refused(w, l, rc);
    }
}

/* Last to first, so that what is put back keeps its order. */
static void results_answered(struct worker *w,
                             struct worker_report *report,
                             const Stepfleet__ReportReply *reply)
{
    Stepfleet__Outcome **outcomes;

    if (reply->n_outcomes != report->submitted + report->count) {
        log_warn("the coordinator answered for %zu results of %zu: told again", reply->n_outcomes,
                 report->submitted + report->count);
        results_put_back(w, report);
        return;
    }
    for (size_t i = 0; i < report->submitted; i++) {
        submission_answered(w, reply->outcomes[i]);
    }
    outcomes = reply->outcomes + report->submitted;
    while (report->count > 0) {
        size_t i = --report->count;

        if (outcome_is_for(outcomes[i], report->leases[i]->grant.token)) {
            result_answered(w, report->leases[i], err_from_number(outcomes[i]->status));
        } else {
            lease_put_back(&w->table, report->leases[i]);
        }
    }
}

void report_results_done(struct link_call *c,
                         enum err_code rc,
                         const void *m,
                         const struct err *err)
{
    struct worker *w = c->user;
    struct worker_report *report = container_of(c, struct worker_report, call);
    const Stepfleet__ReportReply *reply = m;

    if (rc == OK) {
        w->results_max = LIMIT_REPORTS;
        results_answered(w, report, reply);
        worker_call_heard(w);
        worker_take_drops(w, reply->drop, reply->n_drop);
        worker_take_leases(w, reply->leases, reply->n_leases, reply->hand_back);
    } else if (rc != ERR_WORKER_UNKNOWN && !err_retryable(rc) && report->count == 1) {
        report->count = 0;
        result_refused(w, report->leases[0], rc);
    } else {
        if (rc != ERR_WORKER_UNKNOWN && !err_retryable(rc)) {
            w->results_max = 1; /* one of them is to blame: find it */
        }
        results_put_back(w, report);
        worker_call_failed(w, rc, err);
    }
    worker_flush(w);
}

/* ---- Uploads ---- */

static Stepfleet__Upload *upload_message(struct worker *w, const struct worker_upload *u)
{
    Stepfleet__Upload *m = arena_alloc(&w->arena, sizeof(*m));

    stepfleet__upload__init(m);
    m->token = token_message(w, u->token);
    m->bucket = message_bytes(u->upload.bucket);
    m->key = message_bytes(u->upload.key);
    m->upload_id = message_bytes(u->upload.upload_id);
    m->mark = message_bytes(u->upload.mark);
    return m;
}

void report_uploads(struct worker *w)
{
    Stepfleet__ReportRequest m = STEPFLEET__REPORT_REQUEST__INIT;

    if (w->upload.busy || list_empty(&w->uploads_waiting)) {
        return;
    }
    m.worker = w->id;
    m.uploads = arena_alloc(&w->arena, LIMIT_REPORTS * sizeof(m.uploads[0]));
    while (m.n_uploads < LIMIT_REPORTS && !list_empty(&w->uploads_waiting)) {
        struct list *n = list_pop_front(&w->uploads_waiting);

        m.uploads[m.n_uploads++] = upload_message(w, container_of(n, struct worker_upload, link));
        list_push_back(&w->uploads_sent, n);
    }
    link_send(&w->upload, RPC_WORKER_REPORT, &m.base, WORKER_REPORT_MS);
    arena_reset(&w->arena);
}

void report_forget_upload(struct worker *w, struct lease_token token)
{
    LIST_EACH_SAFE(n, after, &w->uploads_waiting)
    {
        struct worker_upload *u = container_of(n, struct worker_upload, link);

        if (u->token.epoch == token.epoch && u->token.counter == token.counter) {
            list_remove(n);
            mem_free(u);
        }
    }
}

/* The handler that waits for it may be gone by now. */
static void upload_answered(struct worker *w, struct worker_upload *u, enum err_code rc)
{
    struct lease *l = lease_find(&w->table, u->token);
    bool waits = l != NULL && l->state == LEASE_RUNNING;

    if (waits && rc != OK && err_retryable(rc)) {
        list_push_back(&w->uploads_waiting, &u->link);
        return;
    }
    mem_free(u);
    if (waits && rc == ERR_LEASE_LOST) {
        worker_drop(w, l);
    } else if (waits) {
        handler_upload_recorded(l, rc);
    }
}

void report_uploads_done(struct link_call *c,
                         enum err_code rc,
                         const void *m,
                         const struct err *err)
{
    struct worker *w = c->user;
    const Stepfleet__ReportReply *reply = m;
    bool again = rc == ERR_WORKER_UNKNOWN; /* it will be asked again under the new number */
    size_t i = 0;

    for (struct list *n = list_pop_front(&w->uploads_sent); n != NULL;
         n = list_pop_front(&w->uploads_sent)) {
        struct worker_upload *u = container_of(n, struct worker_upload, link);
        enum err_code one = rc;

        if (rc == OK) {
            one = i < reply->n_outcomes && outcome_is_for(reply->outcomes[i], u->token)
                      ? err_from_number(reply->outcomes[i]->status)
                      : ERR_IO;
        }
        i++;
        upload_answered(w, u, again ? ERR_UNAVAILABLE : one);
    }
    if (rc == OK) {
        worker_call_heard(w);
        worker_take_drops(w, reply->drop, reply->n_drop);
        worker_take_leases(w, reply->leases, reply->n_leases, reply->hand_back);
    } else {
        worker_call_failed(w, rc, err);
    }
    worker_flush(w);
}

/* ---- The tick ---- */

/* How often a task's progress is told: often enough for its heartbeat. */
static int64_t progress_every_ms(const struct lease *l)
{
    int64_t third = (int64_t)(l->grant.heartbeat_ms / 3);

    return third == 0 || third > WORKER_PROGRESS_MS ? WORKER_PROGRESS_MS : third;
}

/* NULL: it did not move, or was told of just now. */
static Stepfleet__Progress *progress_message(struct worker *w, struct lease *l, int64_t now)
{
    struct handler_progress p;
    Stepfleet__Progress *m;
    uint64_t moved;

    if (now - l->told_ms < progress_every_ms(l)) {
        return NULL;
    }
    handler_progress(l, &p);
    moved = p.bytes_in + p.bytes_out + p.beats;
    if (moved == l->moved) {
        return NULL;
    }
    l->moved = moved;
    l->told_ms = now;
    m = arena_alloc(&w->arena, sizeof(*m));
    stepfleet__progress__init(m);
    m->token = token_message(w, l->grant.token);
    m->heartbeat = true;
    m->bytes_in = p.bytes_in;
    m->bytes_out = p.bytes_out;
    if (text_is_utf8(slice_str(p.note))) {
        m->note = message_string(&w->arena, slice_str(p.note));
    }
    return m;
}

static void tick_progress(struct worker *w, Stepfleet__ReportRequest *m)
{
    int64_t now = clock_mono_ms();

    m->progress = arena_alloc(&w->arena, LIMIT_REPORTS * sizeof(m->progress[0]));
    LIST_EACH(n, &w->table.running)
    {
        Stepfleet__Progress *p = progress_message(w, container_of(n, struct lease, link), now);

        if (p != NULL) {
            m->progress[m->n_progress++] = p;
        }
        if (m->n_progress == LIMIT_REPORTS) {
            break;
        }
    }
}

/* What has no room now goes with the next tick. */
static void tick_submissions(struct worker *w, Stepfleet__ReportRequest *m)
{
    size_t bytes = 0;

    LIST_EACH(n, &w->table.running)
    {
        const struct lease *l = container_of(n, struct lease, link);

        if (m->n_submitted == LIMIT_REPORTS || bytes >= WORKER_RESULT_BYTES) {
            break;
        }
        if (lease_has_submission(l)) {
            bytes += submission_bytes(l);
            add_submission(w, m, l);
        }
    }
}

static void tick_returned(struct worker *w, Stepfleet__ReportRequest *m)
{
    m->returned = arena_alloc(&w->arena, LIMIT_REPORTS * sizeof(m->returned[0]));
    LIST_EACH(n, &w->table.returned)
    {
        struct lease *l = container_of(n, struct lease, link);

        if (m->n_returned < LIMIT_REPORTS) {
            l->asked = true;
            m->returned[m->n_returned++] = token_message(w, l->grant.token);
        }
    }
}

void report_tick(struct worker *w)
{
    Stepfleet__ReportRequest m = STEPFLEET__REPORT_REQUEST__INIT;

    if (w->tick.busy || !w->tick_wanted) {
        return;
    }
    w->tick_wanted = false;
    m.worker = w->id;
    m.draining = w->phase != WORKER_SERVING;
    tick_progress(w, &m);
    tick_submissions(w, &m);
    tick_returned(w, &m);
    if (w->holds_due) {
        w->holds_due = false;
        m.with_holds = true;
        m.n_holds = report_holds(w, &m.holds);
    }
    if (m.with_holds || (m.draining && !w->drain_told) || m.n_progress != 0 || m.n_submitted != 0 ||
        m.n_returned != 0) {
        link_send(&w->tick, RPC_WORKER_REPORT, &m.base, w->tick_ms);
    }
    arena_reset(&w->arena);
}

static void returned_answered(struct worker *w, bool heard)
{
    LIST_EACH_SAFE(n, after, &w->table.returned)
    {
        struct lease *l = container_of(n, struct lease, link);

        if (l->asked && heard) {
            lease_forget(&w->table, l);
        } else {
            l->asked = false;
            w->tick_wanted = true;
        }
    }
}

/* Signs of life that were not heard are given again. */
static void progress_unheard(struct worker *w)
{
    LIST_EACH(n, &w->table.running)
    {
        struct lease *l = container_of(n, struct lease, link);

        l->moved = 0;
        l->told_ms = 0;
    }
}

void report_tick_done(struct link_call *c, enum err_code rc, const void *m, const struct err *err)
{
    struct worker *w = c->user;
    const Stepfleet__ReportReply *reply = m;

    returned_answered(w, rc == OK);
    if (rc == OK) {
        for (size_t i = 0; i < reply->n_outcomes; i++) {
            submission_answered(w, reply->outcomes[i]);
        }
        w->drain_told = w->drain_told || w->phase != WORKER_SERVING;
        worker_call_heard(w);
        worker_take_drops(w, reply->drop, reply->n_drop);
        worker_take_leases(w, reply->leases, reply->n_leases, reply->hand_back);
    } else {
        progress_unheard(w);
        w->tick_wanted = true;
        worker_call_failed(w, rc, err);
    }
    worker_flush(w);
}
