/* SPDX-License-Identifier: Apache-2.0 */
/* A run from its header and rows: what was read from disk is believed only where it fits together.
 * What is learnt of workers and of what is usual is learnt again from the rows that are done. */
#include "coordinator/job/internal.h"
#include "coordinator/job/speculation.h"

#include <assert.h>

static enum err_code corrupt(struct err *err, const char *why)
{
    return err_set(err, ERR_CORRUPT, "the job run on disk cannot be: %s", why);
}

static const char *header_fault(const struct job_run_settings *s,
                                const struct job_run_header *h,
                                const uint64_t *sizes)
{
    if ((unsigned)h->state >= JOB_STATES || (unsigned)h->phase >= JOB_PHASES) {
        return "no such state or phase";
    }
    if ((h->state == JOB_WAITING || h->state == JOB_STARTING) && h->phase != JOB_PLAN) {
        return "it has not begun, and is past its plan";
    }
    if (h->state == JOB_WAITING && h->pieces != 0) {
        return "it waits, and has pieces";
    }
    if (h->phase == JOB_REDUCE && !s->shuffle) {
        return "it reduces what was not shuffled";
    }
    if ((h->phase == JOB_MAP || h->phase == JOB_REDUCE) &&
        (h->shards == 0 || (s->shuffle && h->partitions == 0))) {
        return "it has no shards, or no partitions";
    }
    if (h->counter_count > LIMIT_JOB_COUNTERS || h->shards > LIMIT_JOB_PIECES) {
        return "too many counters or shards";
    }
    return run_plan_fault(sizes, h->phase == JOB_MAP ? h->shards : 0, h->partitions);
}

static void header_keep(struct job_run *r, const struct job_run_header *h)
{
    struct job_result counters = {.counters = h->counters, .counter_count = h->counter_count};

    r->header = *h;
    run_sum_add(r, &r->settled, &counters);
    r->header.counters = r->settled.counters;
    r->header.counter_count = r->settled.result.counter_count;
    r->header.error = arena_copy(&r->texts, h->error);
    r->header.cause = arena_copy(&r->texts, h->cause);
}

enum err_code job_run_restore(const struct job_run_settings *settings,
                              const struct job_run_header *header,
                              const uint64_t *sizes,
                              struct job_run **out,
                              struct err *err)
{
    const char *why = header_fault(settings, header, sizes);
    struct job_run *r;

    if (why != NULL) {
        return corrupt(err, why);
    }
    r = job_run_new(settings, header->created_ms);
    header_keep(r, header);
    if (header->state != JOB_WAITING) {
        run_phase_fill(r, sizes);
    }
    if (r->header.pieces != header->pieces) {
        job_run_free(r);
        return corrupt(err, "its phase has another number of pieces");
    }
    *out = r;
    return OK;
}

static const char *row_fault(const struct job_run *r, const struct job_piece_state *row)
{
    bool clean_again = r->header.phase == JOB_CLEAN && row->piece == 1;

    if (row->phase != r->header.phase || row->piece >= r->header.pieces) {
        return "a row of another phase";
    }
    if (row->piece != r->next_fresh && !clean_again) {
        return "a row is missing, or out of order";
    }
    if (r->pieces[row->piece].status != (clean_again ? JOB_PIECE_WAITING : JOB_PIECE_FRESH)) {
        return "a row comes twice";
    }
    if (row->status == JOB_PIECE_DONE && row->result.counter_count > LIMIT_JOB_COUNTERS) {
        return "too many counters";
    }
    return row->extra > INT64_MAX ? "a piece was done too often" : NULL;
}

static enum err_code restore_attempt(struct job_run *r,
                                     uint32_t piece,
                                     const struct job_attempt_state *row,
                                     struct err *err)
{
    const struct job_attempt *first = r->pieces[piece].open.first;
    struct job_worker *w = worker_get(r, row->worker);
    struct job_attempt *at;

    if (attempt_find(r, row->token) != NULL || r->attempts == LIMIT_JOB_LIVE) {
        return corrupt(err, "a token comes twice, or there are too many");
    }
    if (first != NULL && first->worker == w) {
        return corrupt(err, "a piece is twice on one worker");
    }
    if (row->committing && r->header.phase != JOB_JOIN) {
        return corrupt(err, "what is no output is committed");
    }
    at = attempt_begin(r, piece, row->token, w, row->granted_ms);
    at->speculative = row->speculative;
    at->committing = row->committing;
    w->seen_ms = row->granted_ms > w->seen_ms ? row->granted_ms : w->seen_ms;
    return OK;
}

static enum err_code
restore_live(struct job_run *r, const struct job_piece_state *row, struct err *err)
{
    bool twice = r->header.phase == JOB_MAP || r->header.phase == JOB_REDUCE;
    enum err_code rc = OK;

    if (row->live_count == 0 || row->live_count > (twice ? JOB_ATTEMPTS_A_PIECE : 1)) {
        return corrupt(err, "a live piece has no attempt, or too many");
    }
    r->live_pieces++;
    for (uint32_t i = 0; rc == OK && i < row->live_count; i++) {
        rc = restore_attempt(r, row->piece, &row->live[i], err);
    }
    return rc;
}

static void restore_done(struct job_run *r, const struct job_piece_state *row)
{
    struct job_piece *p = &r->pieces[row->piece];
    double weight = speculation_weight(p->bytes);

    r->done++;
    r->todo -= weight;
    if (row->status == JOB_PIECE_GIVEN_UP) {
        return;
    }
    p->winner = row->winner;
    speculation_sample(&r->rates, weight, row->took_ms);
    worker_measure(worker_get(r, row->worker), weight, row->took_ms);
    run_sum_add(r, &r->sum, &row->result);
}

static enum err_code
restore_status(struct job_run *r, const struct job_piece_state *row, struct err *err)
{
    switch (row->status) {
    case JOB_PIECE_FRESH: break;
    case JOB_PIECE_WAITING:
        heap_set(&r->waiting, &r->pieces[row->piece].due, row->due_ms);
        return OK;
    case JOB_PIECE_LIVE: return restore_live(r, row, err);
    case JOB_PIECE_DONE:
    case JOB_PIECE_GIVEN_UP: restore_done(r, row); return OK;
    }
    return corrupt(err, "a row of no status");
}

enum err_code
job_run_restore_piece(struct job_run *r, const struct job_piece_state *row, struct err *err)
{
    const char *why = row_fault(r, row);
    struct job_piece *p;

    if (why != NULL) {
        return corrupt(err, why);
    }
    p = &r->pieces[row->piece];
    heap_remove(&r->waiting, &p->due);
    r->next_fresh += p->status == JOB_PIECE_FRESH ? 1 : 0;
    p->status = (uint8_t)row->status;
    p->failures = row->failures;
    p->losses = row->losses;
    r->failures += row->failures;
    r->losses += row->losses;
    p->avoid = row->avoid.len != 0 ? worker_get(r, row->avoid)->index + 1 : 0;
    p->open.extra = row->extra;
    r->extra += row->extra;
    return restore_status(r, row, err);
}

enum err_code job_run_restored(struct job_run *r, struct err *err)
{
    const char *why = job_run_check(r);

    return why == NULL ? OK : corrupt(err, why);
}
