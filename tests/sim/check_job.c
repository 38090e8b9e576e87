/* SPDX-License-Identifier: Apache-2.0 */
/* Job runs, looked at inside the ledger: after each turn what is in memory, each second the rows on
 * disk, and at the end what each run came to, as clients are told it. */
#include "coordinator/ledger/run.h"
#include "coordinator/store/keys.h"
#include "coordinator/store/memory.h"
#include "tests/sim/job.h"

enum { CHECK_LATE_MS = 60000 };

/* ---- memory ---- */

static const char *check_live(struct ledger *l, const struct ledger_run *r)
{
    uint32_t leases = 0;
    uint32_t committing = r->object != NULL && r->row.output.parts.ptr != NULL;
    uint32_t piece;

    LIST_EACH(n, &r->live)
    {
        const struct run_piece *p = container_of(n, struct run_piece, of_run);

        leases++;
        if (fleet_task_find(l->fleet, p->task.token) != &p->task) {
            return "an attempt has no lease";
        }
        if (!job_run_find(r->core, p->task.token, &piece) || piece != p->piece) {
            return "a lease is of no live attempt";
        }
    }
    return leases + committing != job_run_counts(r->core).attempts ? "leases are not its attempts"
                                                                   : NULL;
}

/* What nobody has begun waits for a worker, unless as many are at it as may be. */
static const char *check_ticket(const struct ledger *l, const struct ledger_run *r)
{
    struct job_run_counts c = job_run_counts(r->core);
    uint32_t room = r->row.workers != 0 ? r->row.workers : LIMIT_JOB_LIVE;

    if (heap_has(&r->tick) && r->tick.key <= ledger_now(l).mono_ms) {
        return NULL; /* it is its turn next */
    }
    if (job_run_header(r->core)->phase == JOB_OVER) {
        return r->ticket != NULL ? "a run that is over has a ticket" : NULL;
    }
    return c.fresh > 0 && c.attempts < room && r->ticket == NULL && ledger_accepts(l) &&
                   job_run_header(r->core)->state != JOB_STOPPING &&
                   job_run_header(r->core)->state != JOB_WAITING
               ? "there is work, and no ticket"
               : NULL;
}

static const char *check_memory(struct ledger *l, const struct ledger_run *r)
{
    const char *why = job_run_check(r->core);

    if (why == NULL && r->row.header.phase != JOB_OVER) {
        why = check_live(l, r);
    }
    return why == NULL ? check_ticket(l, r) : why;
}

/* As many runs of a job as it says, and no more than may be. */
static void check_open_runs(struct sim *s, const struct ledger *l)
{
    unsigned open[MODEL_JOBS] = {0};
    struct hash_node *n = NULL;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->runs, &bucket, n)) != NULL) {
        const struct ledger_run *r = container_of(n, struct ledger_run, by_number);

        open[model_job_find(r->row.job) - model_jobs] +=
            !job_state_is_end(job_run_header(r->core)->state);
    }
    for (unsigned i = 0; i < MODEL_JOBS; i++) {
        const struct ledger_job *job = ledger_job_find(l, slice_str(model_jobs[i].name));

        if (job != NULL && (open[i] > model_jobs[i].concurrent || job->open_runs != open[i])) {
            sim_violation(s, "%u runs of %s are open; it counts %zu and may have %u", open[i],
                          model_jobs[i].name, job->open_runs, model_jobs[i].concurrent);
        }
    }
}

void jobs_check_turn(struct sim *s)
{
    struct ledger *l = coordinator_ledger(s);
    struct hash_node *n = NULL;
    size_t bucket = 0;

    if (l->runs.count == 0) {
        return;
    }
    while ((n = hash_iterate(&l->runs, &bucket, n)) != NULL) {
        const struct ledger_run *r = container_of(n, struct ledger_run, by_number);
        const char *why = check_memory(l, r);

        if (why != NULL) {
            sim_violation(s, "%.*s of %.*s, in %s, %s: %s", SLICE_FMT(r->row.id),
                          SLICE_FMT(r->row.job), job_phase_name(job_run_header(r->core)->phase),
                          job_state_name(job_run_header(r->core)->state), why);
        }
    }
    check_open_runs(s, l);
}

/* ---- rows ---- */

static bool row_read(struct ledger *l, struct key key, struct buf *out)
{
    struct err err;

    buf_reset(out);
    return store_get(l->store, CF_JOB, key_slice(&key), out, &err) == OK;
}

static bool same_live(const struct job_piece_state *x, const struct job_piece_state *y)
{
    for (uint32_t i = 0; i < x->live_count; i++) {
        bool found = false;

        for (uint32_t j = 0; j < y->live_count; j++) {
            found = found || (token_eq(x->live[i].token, y->live[j].token) &&
                              slice_eq(x->live[i].worker, y->live[j].worker) &&
                              x->live[i].committing == y->live[j].committing &&
                              x->live[i].speculative == y->live[j].speculative &&
                              x->live[i].granted_ms == y->live[j].granted_ms);
        }
        if (!found) {
            return false;
        }
    }
    return x->live_count == y->live_count;
}

static bool same_piece(const struct job_piece_state *row, const struct job_piece_state *memory)
{
    return row->phase == memory->phase && row->piece == memory->piece &&
           row->status == memory->status && row->failures == memory->failures &&
           row->losses == memory->losses && row->due_ms == memory->due_ms &&
           (row->status != JOB_PIECE_DONE || token_eq(row->winner, memory->winner)) &&
           (row->status == JOB_PIECE_DONE || row->extra == memory->extra) && same_live(row, memory);
}

/* Of CLEAN's second piece, which waits from the phase's beginning on, the row may be yet to come.
 */
static const char *check_piece_row(struct ledger *l,
                                   const struct ledger_run *r,
                                   uint32_t i,
                                   struct buf *b,
                                   struct arena *a)
{
    struct job_piece_state memory;
    struct job_piece_state row;
    struct err err;

    job_run_piece(r->core, i, &memory);
    if (!row_read(l, key_job_piece(l->config.account, r->number, memory.phase, i), b)) {
        return memory.status == JOB_PIECE_FRESH || memory.phase == JOB_CLEAN ? NULL
                                                                             : "a piece has no row";
    }
    if (job_piece_row_decode(buf_slice(b), a, &row, &err) != OK) {
        return "a piece's row cannot be read";
    }
    return same_piece(&row, &memory) ? NULL : "a piece's row is not as it is";
}

static const char *
check_rows(struct ledger *l, const struct ledger_run *r, struct buf *b, struct arena *a)
{
    const struct job_run_header *h = job_run_header(r->core);
    struct job_run_row row;
    const char *why = NULL;
    struct err err;

    if (!row_read(l, key_job_run(l->config.account, r->number), b) ||
        job_run_row_decode(buf_slice(b), a, &row, &err) != OK) {
        return "its row cannot be read";
    }
    if (row.header.state != h->state || row.header.phase != h->phase ||
        row.header.pieces != h->pieces || row.header.began_ms != h->began_ms ||
        row.header.ended_ms != h->ended_ms || !slice_eq(row.header.error, h->error) ||
        memcmp(row.header.done, h->done, sizeof(h->done)) != 0) {
        return "its row is not as it is";
    }
    if (!token_eq(row.plan, r->row.plan) || !token_eq(row.upload, r->row.upload) ||
        !slice_eq(row.output.upload_id, r->row.output.upload_id)) {
        return "its plan or upload is not as it is on disk";
    }
    for (uint32_t i = 0; why == NULL && i < h->pieces; i++) {
        why = check_piece_row(l, r, i, b, a);
    }
    return why;
}

void jobs_check_rows(struct sim *s)
{
    struct ledger *l = coordinator_ledger(s);
    struct hash_node *n = NULL;
    struct arena a = {0};
    struct buf b = {0};
    size_t bucket = 0;

    if (l->runs.count == 0 || l->flying != NULL || store_batch_count(l->filling) != 0) {
        return;
    }
    coordinator_reads_well(s, true);
    while ((n = hash_iterate(&l->runs, &bucket, n)) != NULL) {
        const struct ledger_run *r = container_of(n, struct ledger_run, by_number);
        const char *why = check_rows(l, r, &b, &a);

        if (why != NULL) {
            sim_violation(s, "%.*s of %.*s, in %s, %s: %s", SLICE_FMT(r->row.id),
                          SLICE_FMT(r->row.job), job_phase_name(job_run_header(r->core)->phase),
                          job_state_name(job_run_header(r->core)->state), why);
        }
        arena_reset(&a);
    }
    coordinator_reads_well(s, false);
    buf_fini(&b);
    arena_fini(&a);
}

/* ---- at the end ---- */

static bool is(const Stepfleet__JobRun *d, const char *state)
{
    return strcmp(d->state, state) == 0;
}

static const Stepfleet__JobPhase *phase_of(const Stepfleet__JobRun *d, const char *name)
{
    static const Stepfleet__JobPhase nothing = STEPFLEET__JOB_PHASE__INIT;

    for (size_t i = 0; i < d->n_phases; i++) {
        if (strcmp(d->phases[i]->phase, name) == 0) {
            return d->phases[i];
        }
    }
    return &nothing;
}

static uint64_t counter_of(const Stepfleet__JobRun *d, const char *name)
{
    for (size_t i = 0; i < d->n_counters; i++) {
        if (strcmp(d->counters[i]->name, name) == 0) {
            return d->counters[i]->value;
        }
    }
    return 0;
}

/* Each shard counts once, whoever tried it. */
static void check_sums(struct sim *s,
                       const struct sim_run *r,
                       const Stepfleet__JobRun *d,
                       const struct model_job_end *end)
{
    const Stepfleet__JobPhase *map = phase_of(d, "MAP");
    const Stepfleet__JobPhase *reduce = phase_of(d, "REDUCE");

    if (map->records_in != end->read || map->records_out != end->kept ||
        map->rejected != end->rejected || counter_of(d, "seen") != end->read ||
        (r->job->sorts && reduce->records_out != end->kept)) {
        sim_violation(s, "%s over %.*s counts %llu, %llu, %llu, %llu; it is %u, %u, %u", r->id,
                      SLICE_FMT(r->input), (unsigned long long)map->records_in,
                      (unsigned long long)map->records_out, (unsigned long long)map->rejected,
                      (unsigned long long)counter_of(d, "seen"), end->read, end->kept,
                      end->rejected);
    }
}

/* The input's doing: others are tried again. */
static bool is_final(const char *error)
{
    static const char *const names[] = {JOB_BAD_RECORD,    JOB_INPUT_CHANGED,  JOB_INPUT_MISSING,
                                        JOB_INPUT_INVALID, JOB_OUTPUT_REFUSED, JOB_BAD_PLAN};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(error, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void check_failed(struct sim *s,
                         const struct sim_run *r,
                         const Stepfleet__JobRun *d,
                         const struct model_job_end *end)
{
    bool own = end->error != NULL && strcmp(d->error, end->error) == 0;
    bool ours = own && strcmp(end->error, JOB_BAD_PLAN) == 0;

    if (ours != is(d, "ERROR") || (!own && (is_final(d->error) || r->job->retries > 10))) {
        sim_violation(s, "%s of %s over %.*s failed of %s: %.*s", r->id, r->job->name,
                      SLICE_FMT(r->input), d->error, SLICE_FMT(message_slice(d->cause)));
    }
}

static void check_time(struct sim *s, const struct sim_run *r, const Stepfleet__JobRun *d)
{
    int64_t due_ms = d->began_ms + 60000 * (int64_t)d->timeout_minutes;

    if (is(d, "TIMEOUT") && d->ended_ms < due_ms) {
        sim_violation(s, "%s timed out after %lld ms", r->id,
                      (long long)(d->ended_ms - d->began_ms));
    }
    if (!is(d, "TIMEOUT") && d->ended_ms > due_ms + CHECK_LATE_MS &&
        d->ended_ms > s->calm_ms + CHECK_LATE_MS) {
        sim_violation(s, "%s ended after %lld ms, and had %u minutes", r->id,
                      (long long)(d->ended_ms - d->began_ms), d->timeout_minutes);
    }
}

static void
check_run(struct sim *s, const struct sim_run *r, const Stepfleet__JobRun *d, struct arena *a)
{
    struct slice prefix = job_temporary_prefix(r->output, slice_str(r->id), a);
    const char *left = objects_any_below(s, SIM_JOB_BUCKET, prefix);
    bool well = is(d, "SUCCEEDED");
    struct model_job_end end;

    model_job_run(r->job, r->input, &end);
    if (strcmp(d->phase, "OVER") != 0 || left != NULL) {
        sim_violation(s, "%s is %s, in %s, and there is %s", r->id, d->state, d->phase,
                      left != NULL ? left : "nothing left");
    }
    if (well != (r->commits == 1) || (well && end.error != NULL)) {
        sim_violation(s, "%s over %.*s is %s, and its output was made visible %u times", r->id,
                      SLICE_FMT(r->input), d->state, r->commits);
    }
    if (well) {
        check_sums(s, r, d, &end);
    } else if (is(d, "FAILED") || is(d, "ERROR")) {
        check_failed(s, r, d, &end);
    } else if (!is(d, "TIMEOUT") && !(is(d, "STOPPED") && (r->stop_asked || !r->asked))) {
        sim_violation(s, "%s is %s: %s", r->id, d->state, d->error);
    }
    if (jobs_run_stopped(s, r) && !is(d, "STOPPED")) {
        sim_violation(s, "%s is %s, and was acknowledged as stopped", r->id, d->state);
    }
    check_time(s, r, d);
    buf_fini(&end.output);
}

/* A run that no lease was given of is known by its id alone. */
static void check_each(struct sim *s, const struct model_job *j, const char *id, struct arena *a)
{
    Stepfleet__JobRunRequest q = STEPFLEET__JOB_RUN_REQUEST__INIT;
    struct sim_run *r = jobs_run(s, slice_str(id));
    const Stepfleet__JobRun *d;

    q.run = r->id;
    d = check_ask(s, RPC_JOB_RUN_DESCRIBE, &q.base, a);
    if (r->output.ptr == NULL) {
        const struct json_node *v = NULL;
        struct err err;

        (void)json_parse(message_slice(d->arguments), a, &v, &err);
        r->job = j;
        r->input = arena_copy(&s->jobs->arena, json_text(json_member(v, SLICE("--input-key"))));
        r->output = arena_copy(&s->jobs->arena, json_text(json_member(v, SLICE("--output-key"))));
    }
    check_run(s, r, d, a);
    r->listed = true;
}

/* Runs are listed by their job, and a late repeat may have deleted it for good. */
static void ensure_job(struct sim *s, const struct model_job *j, struct arena *a)
{
    Stepfleet__JobPutRequest q = STEPFLEET__JOB_PUT_REQUEST__INIT;

    q.name = message_string(a, slice_str(j->name));
    q.definition = message_bytes(model_job_definition(j, a));
    (void)check_ask(s, RPC_JOB_PUT, &q.base, a);
}

static void check_job(struct sim *s, const struct model_job *j)
{
    Stepfleet__JobRunListRequest q = STEPFLEET__JOB_RUN_LIST_REQUEST__INIT;
    const Stepfleet__JobRunListReply *reply;
    struct arena a = {0};

    q.job = message_string(&a, slice_str(j->name));
    ensure_job(s, j, &a);
    do {
        reply = check_ask(s, RPC_JOB_RUN_LIST, &q.base, &a);
        for (size_t i = 0; i < reply->n_runs; i++) {
            check_each(s, j, reply->runs[i]->run, &a);
        }
        q.next_token = reply->next_token;
    } while (q.next_token[0] != '\0');
    arena_fini(&a);
}

void jobs_check_world(struct sim *s)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;

    if (s->jobs == NULL) {
        return;
    }
    for (unsigned i = 0; i < MODEL_JOBS; i++) {
        check_job(s, &model_jobs[i]);
    }
    while ((n = hash_iterate(&s->jobs->runs, &bucket, n)) != NULL) {
        const struct sim_run *r = container_of(n, struct sim_run, by_id);

        if (!r->listed && r->job != &model_jobs[MODEL_JOB_DELETED]) {
            sim_violation(s, "%s was seen, and is in no list", r->id);
        }
    }
}
