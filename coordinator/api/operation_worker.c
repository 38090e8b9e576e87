/* SPDX-License-Identifier: Apache-2.0 */
/* The worker service: hello, a parked poll, reports, bye. Whatever arrives twice has the effect of
 * one: a lease's token settles it. Source: PROTOCOL.md. */
#include <string.h>

#include "coordinator/api/api.h"
#include "coordinator/backup/backup.h"
#include "coordinator/disk.h"
#include "coordinator/ledger/queue.h"
#include "proto/base/limits.h"
#include "proto/host/log.h"
#include "proto/stage.h"

static struct token token_of(const Stepfleet__Token *t)
{
    return t != NULL ? (struct token){t->epoch, t->counter} : (struct token){0, 0};
}

static Stepfleet__Token *token_message(struct arena *a, struct token t)
{
    Stepfleet__Token *m = arena_alloc(a, sizeof(*m));

    stepfleet__token__init(m);
    m->epoch = t.epoch;
    m->counter = t.counter;
    return m;
}

/* ---- leases and drops into a reply ---- */

static Stepfleet__JobPiece *piece_message(struct arena *a, const struct ledger_piece *p)
{
    Stepfleet__JobPiece *m = arena_alloc(a, sizeof(*m));

    stepfleet__job_piece__init(m);
    m->run = message_bytes(p->run);
    m->phase = (uint32_t)p->phase;
    m->piece = p->piece;
    m->definition = message_bytes(p->definition);
    m->arguments = message_bytes(p->arguments);
    m->shards = p->shards;
    m->partitions = p->partitions;
    m->slots = p->slots;
    m->plan = token_message(a, p->plan);
    m->winners = message_bytes(p->winners);
    return m;
}

static Stepfleet__Lease *lease_message(struct arena *a, const struct ledger_lease *l)
{
    Stepfleet__Lease *m = arena_alloc(a, sizeof(*m));

    stepfleet__lease__init(m);
    m->token = token_message(a, l->token);
    m->function = message_bytes(l->function);
    m->payload = message_bytes(l->payload);
    m->execution_arn = message_bytes(l->execution_arn);
    m->execution_name = message_bytes(l->execution_name);
    m->state = message_bytes(l->state);
    m->state_entry = l->state_entry;
    m->attempt = l->attempt;
    m->retry_count = l->retry_count;
    m->timeout_ms = (uint64_t)l->timeout_ms;
    m->heartbeat_ms = (uint64_t)l->heartbeat_ms;
    m->qualifier = message_bytes(l->qualifier);
    m->credentials = message_bytes(l->credentials);
    m->trace = message_bytes(l->trace);
    m->log_tail = l->log_tail;
    m->submits = l->submits;
    m->job = l->piece != NULL ? piece_message(a, l->piece) : NULL;
    return m;
}

static void take_mail(struct api *api,
                      struct fleet_worker *w,
                      Stepfleet__Lease ***leases,
                      size_t *lease_count,
                      Stepfleet__Token ***drops,
                      size_t *drop_count)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    struct ledger_lease *mail;
    struct token *tokens;

    ledger_take_mail(api->ledger, w, &mail, lease_count, &tokens, drop_count);
    *leases = ARENA_ARRAY(a, *lease_count, Stepfleet__Lease *);
    for (size_t i = 0; i < *lease_count; i++) {
        (*leases)[i] = lease_message(a, &mail[i]);
    }
    *drops = ARENA_ARRAY(a, *drop_count, Stepfleet__Token *);
    for (size_t i = 0; i < *drop_count; i++) {
        (*drops)[i] = token_message(a, tokens[i]);
    }
}

/* ---- hello ---- */

static bool negotiate(struct call *c, const Stepfleet__WorkerHelloRequest *q, uint32_t *version)
{
    if (q->version_min > WIRE_VERSION_MAX || q->version_max < WIRE_VERSION_MIN) {
        call_fail(
            c, ERR_VERSION,
            "worker %.100s (%.60s) speaks versions %u to %u of the protocol, this coordinator "
            "%d to %d: upgrade the older one",
            q->name, q->software, q->version_min, q->version_max, WIRE_VERSION_MIN,
            WIRE_VERSION_MAX);
        return false;
    }
    *version = q->version_max < WIRE_VERSION_MAX ? q->version_max : WIRE_VERSION_MAX;
    return true;
}

static struct slice owner_of(const struct call *c)
{
    return c->who != NULL ? slice_str(c->who->name) : SLICE("");
}

/* What its token lets it do; false: the call has failed. */
static bool may_offer(struct call *c, const struct fleet_offer *offers, size_t count)
{
    struct access *access = c->api->hooks.access;

    for (size_t i = 0; access != NULL && i < count; i++) {
        if (!access_offers(access, c->who, offers[i].function)) {
            call_fail(c, ERR_DENIED, "the token %s is not for function %.*s", c->who->name,
                      SLICE_FMT(slice_head(offers[i].function, LIMIT_NAME_CHARS)));
            return false;
        }
    }
    return true;
}

void operation_WORKER_HELLO(struct call *c)
{
    const Stepfleet__WorkerHelloRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct arena *a = ledger_turn_arena(l);
    Stepfleet__WorkerHelloReply r = STEPFLEET__WORKER_HELLO_REPLY__INIT;
    int64_t lease_ms = ledger_configuration(l)->fleet.lease_ms;
    struct fleet_offer *offers = ARENA_ARRAY(a, q->n_offers, struct fleet_offer);
    struct fleet_hello hello = {
        .name = slice_str(q->name),
        .instance = q->instance,
        .version = slice_str(q->software),
        .slots = q->slots,
        .offers = offers,
        .offer_count = q->n_offers,
        .labels = slice_str(q->labels),
        .owner = owner_of(c),
    };
    struct fleet_worker *w;
    struct err err;
    enum err_code rc;

    if (!negotiate(c, q, &r.version)) {
        return;
    }
    for (size_t i = 0; i < q->n_offers; i++) {
        offers[i] = (struct fleet_offer){slice_str(q->offers[i]->function), q->offers[i]->slots};
    }
    if (!may_offer(c, offers, q->n_offers)) {
        return;
    }
    rc = ledger_worker_hello(l, &hello, &w, &err);
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    log_info("worker registered: worker=%.*s slots=%u functions=%zu", SLICE_FMT(w->name), w->slots,
             q->n_offers);
    r.worker = w->id;
    r.lease_ms = (uint32_t)lease_ms;
    r.keep_alive_ms = (uint32_t)(lease_ms / 3);
    r.epoch = ledger_epoch(l);
    r.software = "stepfleet " STEPFLEET_VERSION;
    c->reply(c, &r.base);
}

/* Where tokens have changed since it was asked: is what it offers still its token's? */
static bool still_offers(struct call *c, struct fleet_worker *w)
{
    struct access *access = c->api->hooks.access;
    uint64_t version = access != NULL ? access_version(access) : 0;

    if (w->allowed == version) {
        return true;
    }
    for (size_t i = 0; i < w->offer_count; i++) {
        if (!access_offers(access, c->who, fleet_offered_function(&w->offers[i]))) {
            return false;
        }
    }
    w->allowed = version;
    return true;
}

static struct fleet_worker *known_worker(struct call *c, uint64_t id)
{
    struct fleet_worker *w = fleet_worker_find(ledger_fleet(c->api->ledger), id);

    if (w == NULL) {
        call_fail(c, ERR_WORKER_UNKNOWN, "no worker is registered under %llu: say hello",
                  (unsigned long long)id);
        return NULL;
    }
    if (!slice_eq(w->owner, owner_of(c))) {
        call_fail(c, ERR_DENIED, "worker %.*s is registered with another token",
                  SLICE_FMT(w->name));
        return NULL;
    }
    if (!still_offers(c, w)) {
        call_fail(c, ERR_WORKER_UNKNOWN, "the token %s is not for all that worker %.*s offers",
                  c->who->name, SLICE_FMT(w->name));
        return NULL;
    }
    fleet_worker_seen(ledger_fleet(c->api->ledger), w, ledger_now(c->api->ledger));
    return w;
}

static void
take_holds(struct call *c, struct fleet_worker *w, Stepfleet__Token **tokens, size_t count)
{
    struct arena *a = ledger_turn_arena(c->api->ledger);
    struct token *held = ARENA_ARRAY(a, count, struct token);

    for (size_t i = 0; i < count; i++) {
        held[i] = token_of(tokens[i]);
    }
    ledger_worker_holds(c->api->ledger, w, held, count);
}

/* ---- poll ---- */

static void poll_answer(struct call *c)
{
    struct fleet_worker *w = c->worker;
    Stepfleet__PollReply r = STEPFLEET__POLL_REPLY__INIT;

    call_unpark(c);
    ledger_mail(w)->shell = NULL;
    fleet_worker_carries(ledger_fleet(c->api->ledger), w, -1);
    take_mail(c->api, w, &r.leases, &r.n_leases, &r.drop, &r.n_drop);
    r.hand_back = w->cordon == FLEET_DRAINED;
    c->worker = NULL;
    c->reply(c, &r.base);
}

static void poll_gone(struct call *c)
{
    call_unpark(c);
    ledger_mail(c->worker)->shell = NULL;
    fleet_worker_carries(ledger_fleet(c->api->ledger), c->worker, -1);
    c->worker = NULL;
    call_fail(c, ERR_UNAVAILABLE, "the poll was given up");
}

void operation_WORKER_POLL(struct call *c)
{
    const Stepfleet__PollRequest *q = (const void *)c->request;
    struct fleet_worker *w = known_worker(c, q->worker);

    if (w == NULL) {
        return;
    }
    if (ledger_mail(w)->shell != NULL) {
        poll_gone(ledger_mail(w)->shell); /* the one before: its client asks anew */
    }
    take_holds(c, w, q->holds, q->n_holds);
    c->worker = w;
    ledger_mail(w)->shell = c;
    fleet_worker_carries(ledger_fleet(c->api->ledger), w, 1);
    call_park(c, LIMIT_POLL_MS, poll_answer, poll_gone);
    ledger_worker_feed(c->api->ledger, w);
    if (ledger_has_mail(w)) {
        poll_answer(c);
    }
}

void api_worker_mail(struct api *api, struct fleet_worker *w)
{
    (void)api;
    if (ledger_mail(w)->shell != NULL) {
        poll_answer(ledger_mail(w)->shell);
    }
}

void api_worker_gone(struct api *api, struct fleet_worker *w)
{
    (void)api;
    if (ledger_mail(w)->shell != NULL) {
        poll_gone(ledger_mail(w)->shell);
    }
}

/* ---- report ---- */

/* A report: answered at the end of its turn, so that the answer takes along the leases of what
 * became ready in it; or when all outputs that are being completed for it are settled. */
struct held_report {
    struct list link;  /* of api.reports */
    struct call *call; /* NULL: its client is gone */
    uint64_t worker;
    size_t open;
    size_t outcome_count;
    struct report_outcome {
        struct ledger_commit commit;
        struct held_report *report;
        struct token token;
        uint32_t status;
    } outcomes[];
};

static enum err_code
report_upload(struct call *c, struct fleet_worker *w, const Stepfleet__Upload *u)
{
    struct ledger *l = c->api->ledger;
    struct task_output o = {
        .bucket = message_slice(u->bucket),
        .key = message_slice(u->key),
        .upload_id = message_slice(u->upload_id),
        .mark = message_slice(u->mark),
    };
    struct err err;
    enum err_code rc;

    if (o.bucket.len == 0 || o.key.len == 0 || o.key.len > LIMIT_KEY_BYTES ||
        o.upload_id.len == 0 || o.upload_id.len > LIMIT_UPLOAD_ID_BYTES ||
        o.mark.len > LIMIT_MARK_BYTES) {
        return ERR_VALIDATION;
    }
    rc = ledger_task_upload(l, w, token_of(u->token), &o, &err);
    if (rc != OK && rc != ERR_LEASE_LOST) {
        log_warn("an upload was refused: worker=%.*s: %s", SLICE_FMT(w->name), err.msg);
    }
    return rc;
}

static enum err_code
report_submitted(struct call *c, struct fleet_worker *w, const Stepfleet__Submitted *s)
{
    struct err err;
    enum err_code rc =
        ledger_task_submit(c->api->ledger, w, token_of(s->token), message_slice(s->output), &err);

    if (rc != OK && rc != ERR_LEASE_LOST) {
        log_warn("a job's begin was refused: worker=%.*s: %s", SLICE_FMT(w->name), err.msg);
    }
    return rc;
}

static void report_send(struct held_report *r)
{
    struct call *c = r->call;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    struct fleet_worker *w = fleet_worker_find(ledger_fleet(c->api->ledger), r->worker);
    Stepfleet__ReportReply reply = STEPFLEET__REPORT_REPLY__INIT;

    reply.outcomes = ARENA_ARRAY(a, r->outcome_count, Stepfleet__Outcome *);
    for (size_t i = 0; i < r->outcome_count; i++) {
        Stepfleet__Outcome *o = arena_alloc(a, sizeof(*o));

        stepfleet__outcome__init(o);
        o->token = token_message(a, r->outcomes[i].token);
        o->status = r->outcomes[i].status;
        reply.outcomes[reply.n_outcomes++] = o;
    }
    if (w != NULL) {
        take_mail(c->api, w, &reply.leases, &reply.n_leases, &reply.drop, &reply.n_drop);
        reply.hand_back = w->cordon == FLEET_DRAINED;
    }
    c->held = NULL;
    c->reply(c, &reply.base);
}

static void commit_done(struct ledger_commit *commit, enum err_code rc)
{
    struct report_outcome *o = container_of(commit, struct report_outcome, commit);
    struct held_report *r = o->report;

    o->status = (uint32_t)rc;
    if (--r->open > 0) {
        return;
    }
    if (r->call != NULL) {
        call_unpark(r->call);
        report_send(r);
    }
    mem_free(r);
}

/* Its client is gone, or it took too long: the commits go on without it. */
static void report_gone(struct call *c)
{
    struct held_report *r = c->held;

    call_unpark(c);
    c->held = NULL;
    r->call = NULL;
    call_fail(c, ERR_UNAVAILABLE, "the outputs are still being completed");
}

/* A worker sends no more than that; one of another make may. */
static struct slice log_end(struct slice log)
{
    return log.len > LIMIT_LOG_TAIL_BYTES ? slice_from(log, log.len - LIMIT_LOG_TAIL_BYTES) : log;
}

/* What a piece of a job run did; counters past the bound are left out. */
static struct job_result job_result_of(struct arena *a, const Stepfleet__JobResult *q)
{
    size_t count = q->n_counters < LIMIT_JOB_COUNTERS ? q->n_counters : LIMIT_JOB_COUNTERS;
    struct job_counter *counters = ARENA_ARRAY(a, count, struct job_counter);

    for (size_t i = 0; i < count; i++) {
        counters[i] = (struct job_counter){
            .name = slice_head(slice_str(q->counters[i]->name), LIMIT_JOB_COUNTER_BYTES),
            .value = q->counters[i]->value,
        };
    }
    return (struct job_result){
        .bytes_in = q->bytes_in,
        .bytes_out = q->bytes_out,
        .records_in = q->records_in,
        .records_out = q->records_out,
        .rejected = q->rejected,
        .counters = counters,
        .counter_count = count,
    };
}

static enum err_code report_result(struct call *c,
                                   struct fleet_worker *w,
                                   const Stepfleet__Result *q,
                                   struct report_outcome *o)
{
    struct ledger *l = c->api->ledger;
    struct ledger_piece_done done = {.partitions = 0};
    struct buf parts = {0};
    struct err err = {.code = OK};
    enum err_code rc;

    if (q->job != NULL) {
        done.result = job_result_of(ledger_turn_arena(l), q->job);
        done.sizes = message_slice(q->job->sizes);
        done.partitions = q->job->partitions;
    }

    if (q->failed && q->timed_out) {
        rc = ledger_task_time_out(l, w, o->token, &err);
    } else if (q->failed) {
        struct failure f = {message_slice(q->error), message_slice(q->cause)};

        rc = ledger_task_fail(l, w, o->token, &f, &err);
    } else if (q->has_output && q->n_parts > LIMIT_PARTS) {
        rc = err_set(&err, ERR_VALIDATION, "an output has at most %d parts", LIMIT_PARTS);
    } else if (q->has_output) {
        for (size_t i = 0; i < q->n_parts; i++) {
            parts_encode(&parts, q->parts[i]->number, q->parts[i]->bytes,
                         message_slice(q->parts[i]->etag));
        }
        o->commit.done = commit_done;
        list_init(&o->commit.link);
        rc = ledger_task_commit(l, w, o->token, message_slice(q->result),
                                q->job != NULL ? &done.result : NULL, buf_slice(&parts), &o->commit,
                                &err);
        o->report->open += (size_t)(rc == OK);
    } else if (q->job != NULL) {
        rc = ledger_piece_succeed(l, w, o->token, &done, &err);
    } else {
        rc = ledger_task_succeed(l, w, o->token, message_slice(q->result),
                                 log_end(message_slice(q->log)), &err);
    }
    if (rc != OK && rc != ERR_LEASE_LOST) {
        log_warn("a result was refused: worker=%.*s: %s", SLICE_FMT(w->name), err.msg);
    }
    buf_fini(&parts);
    return rc;
}

static void
report_progress(struct call *c, struct fleet_worker *w, const Stepfleet__ReportRequest *q)
{
    for (size_t i = 0; i < q->n_progress; i++) {
        const Stepfleet__Progress *p = q->progress[i];

        if (ledger_task_progress(c->api->ledger, w, token_of(p->token), p->heartbeat, p->bytes_in,
                                 p->bytes_out, slice_str(p->note)) != OK) {
            ledger_worker_drop(c->api->ledger, w, token_of(p->token));
        }
    }
}

/* Uploads, submitted, results: an outcome each, in that order. */
static void
report_outcomes(struct held_report *r, struct fleet_worker *w, const Stepfleet__ReportRequest *q)
{
    struct report_outcome *o = r->outcomes;

    for (size_t i = 0; i < q->n_uploads; i++, o++) {
        o->report = r;
        o->token = token_of(q->uploads[i]->token);
        o->status = (uint32_t)report_upload(r->call, w, q->uploads[i]);
    }
    for (size_t i = 0; i < q->n_submitted; i++, o++) {
        o->report = r;
        o->token = token_of(q->submitted[i]->token);
        o->status = (uint32_t)report_submitted(r->call, w, q->submitted[i]);
    }
    for (size_t i = 0; i < q->n_results; i++, o++) {
        o->report = r;
        o->token = token_of(q->results[i]->token);
        o->status = (uint32_t)report_result(r->call, w, q->results[i], o);
    }
}

void operation_WORKER_REPORT(struct call *c)
{
    const Stepfleet__ReportRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct fleet_worker *w = known_worker(c, q->worker);
    size_t count = q->n_uploads + q->n_submitted + q->n_results;
    struct held_report *r;

    if (w == NULL) {
        return;
    }
    if (q->n_uploads > LIMIT_REPORTS || q->n_submitted > LIMIT_REPORTS ||
        q->n_results > LIMIT_REPORTS) {
        call_fail(c, ERR_TOO_LARGE, "a report has at most %d uploads, submitted and results each",
                  LIMIT_REPORTS);
        return;
    }
    r = mem_zalloc(1, sizeof(*r) + count * sizeof(r->outcomes[0]));
    r->call = c;
    r->worker = w->id;
    r->outcome_count = count;
    r->open = 1; /* this call itself: no commit may free it under our hands */
    list_init(&r->link);
    fleet_worker_carries(ledger_fleet(l), w, 1);
    ledger_worker_feed(l, w); /* who waits for a free slot goes before what follows from this */
    report_outcomes(r, w, q);
    report_progress(c, w, q);
    for (size_t i = 0; i < q->n_returned; i++) {
        (void)ledger_task_return(l, w, token_of(q->returned[i]));
    }
    if (q->draining) {
        fleet_worker_drain(ledger_fleet(l), w);
    }
    if (q->with_holds) {
        take_holds(c, w, q->holds, q->n_holds);
    }
    if (--r->open == 0) {
        list_push_back(&c->api->reports, &r->link);
        return;
    }
    /* Leases granted meanwhile go by the poll. */
    ledger_worker_feed(l, w);
    fleet_worker_carries(ledger_fleet(l), w, -1);
    c->held = r;
    call_park(c, LIMIT_COMMIT_MS, report_gone, report_gone);
}

void reports_turn(struct api *a)
{
    struct list *n;

    while ((n = list_pop_front(&a->reports)) != NULL) {
        struct held_report *r = container_of(n, struct held_report, link);
        struct fleet_worker *w = fleet_worker_find(ledger_fleet(a->ledger), r->worker);

        if (w != NULL) { /* else it left in the same turn */
            ledger_worker_feed(a->ledger, w);
            fleet_worker_carries(ledger_fleet(a->ledger), w, -1);
        }
        report_send(r);
        mem_free(r);
    }
}

/* ---- bye ---- */

void operation_WORKER_BYE(struct call *c)
{
    const Stepfleet__ByeRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct fleet_worker *w = fleet_worker_find(ledger_fleet(l), q->worker);
    Stepfleet__Empty r = STEPFLEET__EMPTY__INIT;

    if (w != NULL && slice_eq(w->owner, owner_of(c))) {
        for (size_t i = 0; i < q->n_returned; i++) {
            (void)ledger_task_return(l, w, token_of(q->returned[i]));
        }
        log_info("worker left: worker=%.*s", SLICE_FMT(w->name));
        ledger_worker_remove(l, w, "left");
    }
    c->reply(c, &r.base);
}

/* ---- the coordinator as seen by people ---- */

/* What is asked first of all: is there who does the work, and room for it? */
static void health_of_work(const struct api *api, Stepfleet__HealthReply *r)
{
    struct ledger *l = api->ledger;
    struct fleet *f = ledger_fleet(l);
    struct fleet_totals totals;
    const struct disk *d = api->hooks.disk;

    fleet_totals(f, &totals);
    r->open_executions = ledger_open_count(l);
    r->workers = totals.workers;
    r->slots = totals.slots;
    r->ready_tasks = fleet_ready_count(f);
    r->unoffered_tasks = fleet_unoffered_count(f);
    r->leased_tasks = fleet_leased_count(f);
    r->dead_letters = ledger_dead_letters(l);
    r->stalls = ledger_figures(l)->stalls;
    r->short_of_disk = ledger_is_short(l);
    r->refused_for_disk = ledger_figures(l)->refused_short;
    if (d != NULL) {
        r->disk_free_bytes = d->free_bytes;
        r->disk_size_bytes = d->size_bytes;
        r->disk_reserve_bytes = d->reserve_bytes;
    }
}

static void health_of_origin(const struct backup_origin *o, Stepfleet__HealthReply *r)
{
    if (o != NULL && o->name[0] != '\0') {
        r->restored_name = (char *)(uintptr_t)o->name;
        r->restored_made_ms = o->made_ms;
        r->restored_ms = o->restored_ms;
        r->restored_executions = o->executions;
    }
}

void operation_HEALTH(struct call *c)
{
    struct api *api = c->api;
    struct ledger *l = api->ledger;
    struct arena *a = ledger_turn_arena(l);
    const struct ledger_retention *retention = ledger_retention_figures(l);
    const struct ledger_deliveries deliveries = ledger_delivery_figures(l);
    Stepfleet__HealthReply r = STEPFLEET__HEALTH_REPLY__INIT;
    struct buf stats = {0};

    store_stats(ledger_store(l), &stats);
    r.software = "stepfleet " STEPFLEET_VERSION;
    r.epoch = ledger_epoch(l);
    r.version_min = WIRE_VERSION_MIN;
    r.version_max = WIRE_VERSION_MAX;
    r.up_ms = ledger_now(l).mono_ms - api->started_mono_ms;
    health_of_work(api, &r);
    health_of_origin(api->hooks.origin, &r);
    r.hot_executions = ledger_hot_count(l);
    r.batches = store_batch_number(ledger_store(l));
    r.transitions = ledger_transitions(l);
    r.store = message_bytes(arena_copy(a, buf_slice(&stats)));
    r.objects_root =
        api->hooks.objects_root != NULL ? (char *)(uintptr_t)api->hooks.objects_root : "";
    r.objects_endpoint =
        api->hooks.objects_endpoint != NULL ? (char *)(uintptr_t)api->hooks.objects_endpoint : "";
    r.objects_region =
        api->hooks.objects_region != NULL ? (char *)(uintptr_t)api->hooks.objects_region : "";
    r.account = arena_str(
        a, arena_printf(a, "%012llu", (unsigned long long)ledger_configuration(l)->account));
    r.region = (char *)(uintptr_t)ledger_configuration(l)->region;
    r.expired = retention->expired;
    r.archived = retention->archived;
    r.archive_problem = retention->failures != 0 ? (char *)(uintptr_t)retention->problem.msg : "";
    r.deliveries_waiting = deliveries.waiting;
    r.events_buried = deliveries.buried;
    r.events_lost = deliveries.lost;
    buf_fini(&stats);
    c->reply(c, &r.base);
}
