/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of job runs as tasks of the fleet: the ticket, what is granted for it, what workers
 * say of it. */
#include "coordinator/ledger/run.h"

#include <assert.h>

#include "proto/base/text.h"
#include "proto/host/log.h"

/* ---- tickets and grants ---- */

static struct slice piece_function(const struct ledger_run *r, enum job_phase phase)
{
    const struct job_definition *d = r->definition;
    struct slice handler = phase == JOB_MAP      ? d->handler
                           : phase == JOB_REDUCE ? d->shuffle.handler
                                                 : SLICE("");

    return handler.len != 0 ? handler : SLICE(JOB_BUILT_IN);
}

static struct run_piece *piece_new(struct ledger_run *r)
{
    struct run_piece *p = mem_zalloc(1, sizeof(*p));

    p->run = r;
    p->task.job = true;
    p->task.execution = p->task.lane = r->number | RUN_BIT;
    p->phase = r->row.header.phase;
    list_init(&p->of_run);
    list_init(&p->mail);
    return p;
}

void run_piece_end(struct ledger *l, struct run_piece *p)
{
    if (p->run->ticket == p) {
        p->run->ticket = NULL;
    }
    fleet_task_end(l->fleet, &p->task);
    list_remove(&p->mail);
    list_remove(&p->of_run);
    mem_free(p);
}

static void piece_granted(struct ledger *l, struct run_piece *p, struct fleet_worker *w)
{
    list_remove(&p->mail);
    list_push_back(&ledger_mail(w)->pieces, &p->mail);
    mail_due(l, w);
}

/* The worker has the ticket: it becomes the piece the core chooses, or nothing. */
static void piece_begin(struct ledger *l, struct run_piece *p, struct fleet_worker *w)
{
    struct ledger_run *r = p->run;
    struct job_outcome out;

    assert(r->ticket == p);
    r->ticket = NULL;
    if (job_run_want(r->core, w->name, l->now.wall_ms, &p->piece) == JOB_WANT_NOTHING) {
        run_piece_end(l, p);
        return;
    }
    p->phase = r->row.header.phase;
    list_push_back(&r->live, &p->of_run);
    job_run_granted(r->core, p->piece, p->task.token, w->name, l->now.wall_ms, &out);
    piece_granted(l, p, w);
    run_take(l, r, &out);
}

/* Whom it avoids, whatever the order. */
static uint64_t avoid_mark(const struct job_ticket *t)
{
    uint64_t mark = t->avoid_count;

    for (size_t i = 0; i < t->avoid_count; i++) {
        mark += hash_bytes(t->avoid[i], 0);
    }
    return mark;
}

static void ticket_set(struct ledger_run *r, const struct job_ticket *t)
{
    r->ticket->phase = r->row.header.phase;
    r->ticket->task.avoid = t->avoid;
    r->ticket->task.avoid_count = t->avoid_count;
    r->ticket_avoids = avoid_mark(t);
}

/* It keeps its place in the queue; but somebody may take it now who was avoided before. */
static void ticket_refresh(struct ledger *l, struct ledger_run *r, const struct job_ticket *t)
{
    uint64_t before = r->ticket_avoids;

    ticket_set(r, t);
    l->feed = l->feed || r->ticket_avoids != before;
}

/* The one there is stands for something else, or for nothing. */
static void ticket_drop_stale(struct ledger *l, struct ledger_run *r, const struct job_ticket *t)
{
    if (r->ticket != NULL && (!t->wanted || !slice_eq(piece_function(r, r->ticket->phase),
                                                      piece_function(r, r->row.header.phase)))) {
        run_piece_end(l, r->ticket);
    }
}

bool run_ticket(struct ledger *l, struct ledger_run *r, struct fleet_worker *prefer)
{
    struct job_ticket t;
    struct fleet_worker *w;

    for (;;) {
        job_run_ticket(r->core, l->now.wall_ms, &t);
        ticket_drop_stale(l, r, &t);
        if (!t.wanted) {
            return true;
        }
        if (r->ticket != NULL) {
            ticket_refresh(l, r, &t);
            return true;
        }
        if (!ledger_accepts(l) || l->grants_left == 0) {
            return false;
        }
        l->grants_left--;
        r->ticket = piece_new(r);
        ticket_set(r, &t);
        w = fleet_task_ready(l->fleet, &r->ticket->task, piece_function(r, r->ticket->phase),
                             prefer, l->now);
        if (w == NULL) {
            return true;
        }
        piece_begin(l, r->ticket, w);
        prefer = NULL; /* what waits is as much in its right now */
    }
}

void run_taken(struct ledger *l, struct fleet_task *t, struct fleet_worker *w)
{
    struct run_piece *p = run_piece_of(t);
    struct ledger_run *r = p->run;

    piece_begin(l, p, w);
    run_next(l, r, NULL); /* behind those that wait, whoever takes it */
}

void run_resend(struct ledger *l, struct fleet_task *t, struct fleet_worker *w)
{
    struct run_piece *p = run_piece_of(t);

    if (list_empty(&p->mail)) {
        log_info("a grant's reply was lost: sent again: worker=%.*s run=%.*s", SLICE_FMT(w->name),
                 SLICE_FMT(p->run->row.id));
        piece_granted(l, p, w);
    }
}

void run_piece_restore(struct ledger *l,
                       struct ledger_run *r,
                       uint32_t piece,
                       const struct job_attempt_state *at)
{
    struct run_piece *p = piece_new(r);

    p->piece = piece;
    p->task.holder = at->holder;
    list_push_back(&r->live, &p->of_run);
    ledger_clock_seen(l, at->granted_ms);
    fleet_task_restore(l->fleet, &p->task, piece_function(r, p->phase), at->worker, at->token,
                       at->granted_ms, l->now);
}

/* ---- for those who look ---- */

struct ledger_attempt *ledger_run_attempts(struct ledger *l, uint64_t number, size_t *count)
{
    const struct ledger_run *r = run_find(l, number);
    uint32_t live = r != NULL ? job_run_counts(r->core).attempts : 0;
    struct ledger_attempt *all = ARENA_ARRAY(&l->arena, live, struct ledger_attempt);

    *count = 0;
    if (r == NULL) {
        return all;
    }
    LIST_EACH(n, &r->live)
    {
        const struct run_piece *p = container_of(n, struct run_piece, of_run);
        struct job_piece_state state;

        job_run_piece(r->core, p->piece, &state);
        for (uint32_t i = 0; i < state.live_count; i++) {
            if (token_eq(state.live[i].token, p->task.token)) {
                all[(*count)++] =
                    (struct ledger_attempt){p->piece, state.live[i], p->bytes_in, p->bytes_out,
                                            slice_make(p->note, p->note_len)};
            }
        }
    }
    return all;
}

struct slice ledger_run_missing(struct ledger *l, uint64_t number)
{
    const struct ledger_run *r = run_find(l, number);
    struct slice function;
    size_t ready;
    size_t workers;

    if (r == NULL || r->row.header.phase == JOB_OVER) {
        return SLICE("");
    }
    function = piece_function(r, r->row.header.phase);
    fleet_function_counts(l->fleet, function, &ready, &workers);
    return workers == 0 ? function : SLICE("");
}

/* ---- leases ---- */

static struct slice event_of(struct ledger *l, const struct run_piece *p)
{
    const struct ledger_run *r = p->run;
    struct json_builder b = json_build_object(&l->arena);
    const struct json_node *arguments;
    struct err err;

    json_put(&b, SLICE("jobName"), json_string(b.a, r->row.job));
    json_put(&b, SLICE("jobRunId"), json_string(b.a, r->row.id));
    json_put(&b, SLICE("phase"), json_string(b.a, slice_str(job_phase_name(p->phase))));
    json_put(&b, SLICE("piece"), json_integer(b.a, p->piece));
    json_put(&b, SLICE("pieces"), json_integer(b.a, r->row.header.pieces));
    if (json_parse(r->row.arguments, &l->arena, &arguments, &err) == OK) {
        json_put(&b, SLICE("arguments"), arguments);
    }
    return json_print(json_built(&b), &l->arena);
}

static size_t fleet_slots(struct ledger *l)
{
    struct fleet_worker *w = NULL;
    size_t bucket = 0;
    size_t slots = 0;

    while ((w = fleet_worker_each(l->fleet, &bucket, w)) != NULL) {
        slots += w->slots;
    }
    return slots;
}

bool run_lease_fill(struct ledger *l, struct run_piece *p, struct ledger_lease *out)
{
    const struct ledger_run *r = p->run;
    struct ledger_piece *order = ARENA_NEW(&l->arena, struct ledger_piece);
    bool later = p->phase == JOB_REDUCE || p->phase == JOB_JOIN;

    *order = (struct ledger_piece){
        .run = r->row.id,
        .phase = p->phase,
        .piece = p->piece,
        .definition = r->row.definition,
        .arguments = r->row.arguments,
        .shards = r->row.header.shards,
        .partitions = r->row.header.partitions,
        .slots = p->phase == JOB_PLAN ? (uint32_t)fleet_slots(l) : 0,
        .plan = r->row.plan,
        .winners = later ? buf_slice(&r->before) : SLICE(""),
    };
    *out = (struct ledger_lease){
        .token = p->task.token,
        .function = piece_function(r, p->phase),
        .payload = event_of(l, p),
        .execution_name = r->row.id,
        .state = r->row.job,
        .attempt = 1,
        .piece = order,
    };
    p->task.sent_mono_ms = l->now.mono_ms;
    return true;
}

/* ---- what workers say ---- */

enum err_code run_task_progress(struct ledger *l,
                                struct fleet_task *t,
                                uint64_t bytes_in,
                                uint64_t bytes_out,
                                struct slice note)
{
    struct run_piece *p = run_piece_of(t);

    (void)job_run_progress(p->run->core, t->token, bytes_in, l->now.wall_ms);
    p->bytes_in = bytes_in;
    p->bytes_out = bytes_out;
    p->note_len = note.len < sizeof(p->note) ? note.len : sizeof(p->note);
    if (p->note_len != 0) {
        memcpy(p->note, note.ptr, p->note_len);
    }
    return OK;
}

/* An attempt is over: the core hears of it when its slot is free, so that what follows can have it.
 */
static struct ledger_run *
piece_over(struct ledger *l, struct fleet_task *t, struct token *token, struct fleet_worker **w)
{
    struct run_piece *p = run_piece_of(t);
    struct ledger_run *r = p->run;

    *token = t->token;
    *w = t->worker;
    run_piece_end(l, p);
    return r;
}

/* JOIN's upload comes to nothing with its attempt. */
static void drop_upload(struct ledger *l, struct ledger_run *r, struct token token)
{
    if (r->row.output.bucket.ptr != NULL && token_eq(r->row.upload, token) && r->object == NULL) {
        object_abort_for_run(l, r, &r->row.output);
        run_set_output(r, NULL, (struct token){0, 0});
        run_put(l, r);
    }
}

enum err_code run_task_fail(struct ledger *l, struct fleet_task *t, const struct failure *f)
{
    struct fleet_worker *w;
    struct token token;
    struct ledger_run *r = piece_over(l, t, &token, &w);
    struct job_outcome out;

    drop_upload(l, r, token);
    if (slice_eq_str(f->error, JOB_WORKER_LEFT)) {
        job_run_lost(r->core, token, l->now.wall_ms, &out);
    } else {
        job_run_failed(r->core, token, f->error, f->cause, l->now.wall_ms, &out);
    }
    run_outcome(l, r, &out, w);
    return OK;
}

enum err_code run_task_return(struct ledger *l, struct fleet_task *t)
{
    struct fleet_worker *w;
    struct token token;
    struct ledger_run *r = piece_over(l, t, &token, &w);
    struct job_outcome out;

    drop_upload(l, r, token);
    job_run_returned(r->core, token, l->now.wall_ms, &out);
    run_outcome(l, r, &out, NULL);
    return OK;
}

void run_lost(struct ledger *l, struct fleet_task *t)
{
    struct run_piece *p = run_piece_of(t);
    struct ledger_run *r = p->run;
    struct fleet_worker *w;
    struct token token;
    struct job_outcome out;

    if (r->ticket == p) { /* nobody offers its function: it waits anew */
        log_warn("no worker offers %.*s: job=%.*s run=%.*s",
                 SLICE_FMT(piece_function(r, r->row.header.phase)), SLICE_FMT(r->row.job),
                 SLICE_FMT(r->row.id));
        run_piece_end(l, p);
        run_next(l, r, NULL);
        return;
    }
    log_warn("a piece's worker is lost: job=%.*s run=%.*s piece=%u", SLICE_FMT(r->row.job),
             SLICE_FMT(r->row.id), p->piece);
    (void)piece_over(l, t, &token, &w);
    drop_upload(l, r, token);
    job_run_lost(r->core, token, l->now.wall_ms, &out);
    run_outcome(l, r, &out, NULL);
}

/* PLAN's answer: the bytes of each shard. */
static enum err_code take_plan(struct ledger *l,
                               struct fleet_task *t,
                               const struct ledger_piece_done *done,
                               struct err *err)
{
    struct fleet_worker *w;
    struct token token;
    struct ledger_run *r;
    struct cursor c = cursor_make(done->sizes);
    uint64_t *sizes = ARENA_ARRAY(&l->arena, done->sizes.len, uint64_t);
    struct job_outcome out;
    size_t count = 0;

    while (!cursor_done(&c) && !c.bad) {
        sizes[count++] = cursor_varint(&c);
    }
    if (c.bad) {
        return err_set(err, ERR_VALIDATION, "the sizes of a plan cannot be read");
    }
    r = piece_over(l, t, &token, &w);
    r->row.plan = token;
    run_put_sizes(l, r, sizes, count);
    job_run_planned(r->core, token, sizes, count, done->partitions, l->now.wall_ms, &out);
    run_outcome(l, r, &out, w);
    return OK;
}

enum err_code ledger_piece_succeed(struct ledger *l,
                                   struct fleet_worker *w,
                                   struct token token,
                                   const struct ledger_piece_done *done,
                                   struct err *err)
{
    struct fleet_task *t = fleet_task_find(l->fleet, token);
    struct ledger_run *r;
    struct job_outcome out;

    if (t == NULL || t->worker != w || !t->job) {
        return ERR_LEASE_LOST;
    }
    if (run_piece_of(t)->phase == JOB_PLAN) {
        return take_plan(l, t, done, err);
    }
    if (run_piece_of(t)->phase == JOB_JOIN) {
        return err_set(err, ERR_VALIDATION, "the piece that joins has an output");
    }
    r = piece_over(l, t, &token, &w);
    job_run_succeeded(r->core, token, &done->result, l->now.wall_ms, &out);
    run_outcome(l, r, &out, w);
    return OK;
}

/* ---- the output ---- */

/* Another run's output of that name is being completed: one that was stopped meanwhile, as its
 * execution was, which runs it again. It must not come after this one's. */
static bool is_being_written(const struct ledger *l, const struct ledger_run *r)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->runs, &bucket, n)) != NULL) {
        const struct ledger_run *other = container_of(n, struct ledger_run, by_number);

        if (other != r && other->object != NULL &&
            slice_eq(other->places.output_bucket, r->places.output_bucket) &&
            slice_eq(other->places.output_key, r->places.output_key)) {
            return true;
        }
    }
    return false;
}

enum err_code run_task_upload(struct ledger *l,
                              struct fleet_task *t,
                              const struct task_output *o,
                              struct err *err)
{
    struct run_piece *p = run_piece_of(t);
    struct ledger_run *r = p->run;

    if (p->phase != JOB_JOIN || !slice_eq(o->bucket, r->places.output_bucket) ||
        !slice_eq(o->key, r->places.output_key)) {
        return err_set(err, ERR_VALIDATION, "the run's output is %.*s/%.*s, not %.*s/%.*s",
                       SLICE_FMT(r->places.output_bucket), SLICE_FMT(r->places.output_key),
                       SLICE_FMT(o->bucket), SLICE_FMT(o->key));
    }
    if (r->row.output.bucket.ptr != NULL && token_eq(r->row.upload, t->token)) {
        return slice_eq(r->row.output.upload_id, o->upload_id)
                   ? OK /* said before */
                   : err_set(err, ERR_VALIDATION, "the attempt has another upload already");
    }
    if (r->object != NULL) {
        return err_set(err, ERR_BUSY, "the upload of the attempt before is not settled");
    }
    if (is_being_written(l, r)) {
        return err_set(err, ERR_BUSY, "another run's output of that name is not settled");
    }
    if (r->row.output.bucket.ptr != NULL) {
        object_abort_for_run(l, r, &r->row.output);
    }
    run_set_output(r, o, t->token);
    bucket_note(l, o->bucket);
    run_put(l, r);
    return OK;
}

enum err_code run_task_commit(struct ledger *l,
                              struct fleet_task *t,
                              const struct job_result *result,
                              struct slice parts,
                              struct ledger_commit *c)
{
    struct run_piece *p = run_piece_of(t);
    struct ledger_run *r = p->run;
    struct task_output o = r->row.output;
    struct job_outcome out;

    if (o.bucket.ptr == NULL || !token_eq(r->row.upload, t->token) || r->object != NULL) {
        return ERR_LEASE_LOST;
    }
    o.bucket = arena_copy(&l->arena, o.bucket);
    o.key = arena_copy(&l->arena, o.key);
    o.upload_id = arena_copy(&l->arena, o.upload_id);
    o.mark = arena_copy(&l->arena, o.mark);
    o.parts = parts;
    run_set_output(r, &o, t->token);
    r->row.joined = *result;
    r->row.joined.counters = NULL; /* copied by no row */
    r->row.joined.counter_count = 0;
    c->token = t->token;
    list_push_back(&r->commits, &c->link);
    job_run_committing(r->core, t->token, &out);
    out.header = true; /* the parts */
    run_piece_end(l, p);
    run_outcome(l, r, &out, NULL);
    object_complete_for_run(l, r);
    return OK;
}

static void wake_commits(struct ledger_run *r, enum err_code rc)
{
    struct list *n;

    while ((n = list_pop_front(&r->commits)) != NULL) {
        struct ledger_commit *c = container_of(n, struct ledger_commit, link);

        c->done(c, rc);
    }
}

void run_object_done(struct ledger *l, struct ledger_run *r, const struct object_request *o)
{
    struct token token = r->row.upload;
    struct job_outcome out;

    if (o->kind != OBJECT_COMPLETE) {
        return;
    }
    run_set_output(r, NULL, (struct token){0, 0});
    if (o->rc == OK) {
        job_run_succeeded(r->core, token, &r->row.joined, l->now.wall_ms, &out);
    } else {
        log_warn("an output could not be completed: run=%.*s: %s", SLICE_FMT(r->row.id),
                 o->err.msg);
        job_run_failed(r->core, token, SLICE("Job.CommitFailed"), slice_str(o->err.msg),
                       l->now.wall_ms, &out);
    }
    out.header = true; /* the output is settled */
    run_outcome(l, r, &out, NULL);
    wake_commits(r, o->rc == OK ? OK : ERR_LEASE_LOST);
}
