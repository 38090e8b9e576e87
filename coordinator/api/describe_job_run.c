/* SPDX-License-Identifier: Apache-2.0 */
/* A job run as a message. What moves (counts, live attempts) is taken from memory in the turn that
 * was asked; a run that is over, and the rows of pieces, are read from the store on another thread,
 * when all that the turn may have seen is there. */
#include "coordinator/api/operation_job.h"

#include "coordinator/api/reading.h"
#include "coordinator/store/keys.h"
#include "proto/base/limits.h"

static char *name(const char *s)
{
    return (char *)(uintptr_t)s; /* protobuf-c wants its strings mutable */
}

/* ---- from the row ---- */

static Stepfleet__JobPhase *
phase_message(enum job_phase phase, const struct job_result *r, struct arena *a)
{
    Stepfleet__JobPhase *m = ARENA_NEW(a, Stepfleet__JobPhase);

    stepfleet__job_phase__init(m);
    m->phase = name(job_phase_name(phase));
    m->bytes_in = r->bytes_in;
    m->bytes_out = r->bytes_out;
    m->records_in = r->records_in;
    m->records_out = r->records_out;
    m->rejected = r->rejected;
    return m;
}

static bool is_nothing(const struct job_result *r)
{
    return r->bytes_in == 0 && r->bytes_out == 0 && r->records_in == 0 && r->records_out == 0 &&
           r->rejected == 0;
}

/* Those that have done something. */
static void put_phases(const struct job_run_header *h, struct arena *a, Stepfleet__JobRun *out)
{
    out->phases = ARENA_ARRAY(a, JOB_PHASES, Stepfleet__JobPhase *);
    for (enum job_phase p = JOB_PLAN; p < JOB_OVER; p++) {
        if (!is_nothing(&h->done[p])) {
            out->phases[out->n_phases++] = phase_message(p, &h->done[p], a);
        }
    }
}

static Stepfleet__JobCounter *
counter_get(Stepfleet__JobRun *out, struct slice counter, struct arena *a)
{
    Stepfleet__JobCounter *m;

    for (size_t i = 0; i < out->n_counters; i++) {
        if (slice_eq_str(counter, out->counters[i]->name)) {
            return out->counters[i];
        }
    }
    m = ARENA_NEW(a, Stepfleet__JobCounter);
    stepfleet__job_counter__init(m);
    m->name = message_string(a, counter);
    return out->counters[out->n_counters++] = m;
}

/* The header has those of the phases before; those of this one come on top. */
static void put_counters(const struct job_run_header *h,
                         const struct job_result *now,
                         struct arena *a,
                         Stepfleet__JobRun *out)
{
    out->n_counters = 0;
    out->counters = ARENA_ARRAY(a, h->counter_count + now->counter_count, Stepfleet__JobCounter *);
    for (size_t i = 0; i < h->counter_count; i++) {
        counter_get(out, h->counters[i].name, a)->value += h->counters[i].value;
    }
    for (size_t i = 0; i < now->counter_count; i++) {
        counter_get(out, now->counters[i].name, a)->value += now->counters[i].value;
    }
}

/* As AWS Glue says it. */
static void put_told(const struct job_run_row *row, struct arena *a, Stepfleet__JobRun *out)
{
    struct ledger_run_told told = ledger_run_tell(row, a);

    out->attempt = row->attempt;
    out->started_ms = told.started_ms;
    out->modified_ms = told.modified_ms;
    out->execution_s = told.execution_s;
    out->message = message_bytes(arena_copy(a, told.message));
}

void describe_run_row(const struct job_run_row *row,
                      bool brief,
                      struct arena *a,
                      Stepfleet__JobRun *out)
{
    const struct job_run_header *h = &row->header;
    const struct job_result nothing = {0};

    stepfleet__job_run__init(out);
    put_told(row, a, out);
    out->run = message_string(a, row->id);
    out->job = message_string(a, row->job);
    out->state = name(job_state_name(h->state));
    out->phase = name(job_phase_name(h->phase));
    out->created_ms = h->created_ms;
    out->began_ms = h->began_ms;
    out->ended_ms = h->ended_ms;
    out->error = message_string(a, h->error);
    out->cause = message_bytes(arena_copy(a, h->cause));
    out->timeout_minutes = row->timeout_minutes;
    out->workers = row->workers;
    out->worker_type = message_string(a, row->worker_type);
    out->shards = h->shards;
    out->partitions = h->partitions;
    out->failures = h->failures;
    out->losses = h->losses;
    out->speculated = h->speculated;
    out->bytes_extra = h->extra;
    put_phases(h, a, out);
    put_counters(h, &nothing, a, out);
    if (!brief) {
        out->arguments = message_bytes(arena_copy(a, row->arguments));
        out->definition = message_bytes(arena_copy(a, row->definition));
    }
}

/* ---- from memory ---- */

static Stepfleet__JobAttempt *
attempt_message(uint32_t piece, const struct job_attempt_state *at, struct arena *a)
{
    Stepfleet__JobAttempt *m = ARENA_NEW(a, Stepfleet__JobAttempt);

    stepfleet__job_attempt__init(m);
    m->piece = piece;
    m->worker = message_string(a, at->worker);
    m->started_ms = at->granted_ms;
    m->speculative = at->speculative;
    m->committing = at->committing;
    return m;
}

/* A page of them: those that are at it for longest. */
static void put_attempts(struct ledger *l, uint64_t number, struct arena *a, Stepfleet__JobRun *out)
{
    size_t count;
    const struct ledger_attempt *all = ledger_run_attempts(l, number, &count);

    out->attempts = ARENA_ARRAY(a, LIMIT_PAGE_MAX, Stepfleet__JobAttempt *);
    for (size_t i = 0; i < count; i++) {
        out->bytes_done += all[i].state.speculative ? 0 : all[i].bytes_in;
        if (i < LIMIT_PAGE_MAX) {
            Stepfleet__JobAttempt *m = attempt_message(all[i].piece, &all[i].state, a);

            m->bytes_in = all[i].bytes_in;
            m->bytes_out = all[i].bytes_out;
            m->note = message_bytes(arena_copy(a, all[i].note));
            out->attempts[out->n_attempts++] = m;
        }
    }
}

static void put_live(struct ledger *l,
                     uint64_t number,
                     const struct job_run *core,
                     struct arena *a,
                     Stepfleet__JobRun *out)
{
    enum job_phase phase = job_run_header(core)->phase;
    struct job_run_counts n = job_run_counts(core);
    struct job_result result = job_run_result(core, phase);

    out->pieces = job_run_header(core)->pieces;
    out->waiting = n.fresh + n.waiting;
    out->live = n.live;
    out->done = n.done;
    out->attempts_live = n.attempts;
    out->failures += n.failures;
    out->losses += n.losses;
    out->speculated += n.speculated;
    out->bytes_extra += n.extra;
    out->bytes_all = n.bytes;
    out->bytes_done = result.bytes_in;
    put_attempts(l, number, a, out);
    if (!is_nothing(&result)) {
        out->phases[out->n_phases++] = phase_message(phase, &result, a);
    }
    put_counters(job_run_header(core), &result, a, out);
    out->missing = message_string(a, ledger_run_missing(l, number));
}

/* ---- pieces, from the store ---- */

static const char *piece_status(const struct job_run_row *row, const struct job_piece_state *p)
{
    bool now = row->header.phase == p->phase;

    switch (p->status) {
    case JOB_PIECE_FRESH: break;
    case JOB_PIECE_WAITING: return now ? "waiting" : "ended"; /* with its phase */
    case JOB_PIECE_LIVE: return now ? "live" : "ended";
    case JOB_PIECE_DONE: return "done";
    case JOB_PIECE_GIVEN_UP: return "given up";
    }
    return "fresh";
}

static Stepfleet__JobPieceState *
piece_message(const struct job_run_row *row, const struct job_piece_state *p, struct arena *a)
{
    Stepfleet__JobPieceState *m = ARENA_NEW(a, Stepfleet__JobPieceState);

    stepfleet__job_piece_state__init(m);
    m->piece = p->piece;
    m->status = name(piece_status(row, p));
    m->failures = p->failures;
    m->losses = p->losses;
    m->due_ms = p->due_ms;
    m->took_ms = p->took_ms;
    m->bytes_extra = p->extra;
    m->worker = message_string(a, p->status == JOB_PIECE_DONE ? p->worker : p->avoid);
    m->attempts = ARENA_ARRAY(a, p->live_count, Stepfleet__JobAttempt *);
    for (uint32_t i = 0; i < p->live_count; i++) {
        m->attempts[m->n_attempts++] = attempt_message(p->piece, &p->live[i], a);
    }
    if (p->status == JOB_PIECE_DONE) {
        m->result = phase_message(p->phase, &p->result, a);
    }
    return m;
}

/* What a reading of a run is about. */
struct run_read {
    uint64_t number;
    bool hot; /* the message is made already */
    uint32_t phase;
    uint32_t from;
    uint32_t pieces; /* 0: none */
    Stepfleet__JobRun message;
};

static enum err_code read_row(struct reading *r, uint64_t number, struct job_run_row *out)
{
    struct key key = key_job_run(r->source.account, number);
    struct buf b = {0};
    enum err_code rc = store_get(r->source.store, CF_JOB, key_slice(&key), &b, &r->err);

    if (rc == OK) {
        rc = job_run_row_decode(arena_copy(&r->arena, buf_slice(&b)), &r->arena, out, &r->err);
    }
    buf_fini(&b);
    return rc;
}

static enum err_code
read_pieces(struct reading *r, struct run_read *q, const struct job_run_row *row)
{
    struct key prefix = key_job_phase(r->source.account, q->number, q->phase);
    struct key from = key_job_piece(r->source.account, q->number, q->phase, q->from);
    struct key to = key_after(&prefix);
    struct store_iterator *i =
        store_iterate(r->source.store, CF_JOB, key_slice(&from), key_slice(&to), false);
    enum err_code rc = OK;
    struct slice key;
    struct slice value;

    q->message.piece_states = ARENA_ARRAY(&r->arena, q->pieces, Stepfleet__JobPieceState *);
    while (rc == OK && store_next(i, &key, &value)) {
        struct job_piece_state state;

        rc = job_piece_row_decode(value, &r->arena, &state, &r->err);
        if (rc == OK && q->message.n_piece_states == q->pieces) {
            q->message.next_piece = state.piece;
            break;
        }
        if (rc == OK) {
            q->message.piece_states[q->message.n_piece_states++] =
                piece_message(row, &state, &r->arena);
        }
    }
    if (rc != OK) {
        (void)store_iterator_end(i, NULL);
        return rc;
    }
    return store_iterator_end(i, &r->err);
}

static void run_work(struct reading *r)
{
    struct run_read *q = r->asked;
    struct job_run_row row;

    r->rc = read_row(r, q->number, &row);
    if (r->rc == ERR_NOT_FOUND) { /* it has gone with its job since it was found */
        r->rc = err_set(&r->err, ERR_JOB_NOT_FOUND, "The job run was not found");
    }
    if (r->rc == OK && !q->hot) {
        describe_run_row(&row, false, &r->arena, &q->message);
    }
    if (r->rc == OK && q->pieces != 0) {
        r->rc = read_pieces(r, q, &row);
    }
    r->reply = &q->message.base;
}

void describe_run(struct call *c, uint64_t number, const Stepfleet__JobRunRequest *asked)
{
    struct reading *r = reading_new(c, run_work);
    struct run_read *q = ARENA_NEW(&r->arena, struct run_read);
    struct ledger_run_view v;
    struct err err;

    q->number = number;
    if (asked != NULL) {
        q->phase = asked->phase;
        q->from = asked->from_piece;
        q->pieces = asked->max_pieces;
    }
    if (ledger_run_view(c->api->ledger, number, &v, &err) == OK && v.core != NULL) {
        describe_run_row(v.row, false, &r->arena, &q->message);
        put_live(c->api->ledger, number, v.core, &r->arena, &q->message);
        q->hot = true;
    }
    r->asked = q;
    reading_begin(r);
}
