/* SPDX-License-Identifier: Apache-2.0 */
/* Live attempts, and what comes under their tokens. Happy path: granted, progress, succeeded. Else:
 *
 *   failed     final: the run ends. Else the piece waits for its next attempt, unless its twin
 * still tries; past its retries, and without a twin, the run ends lost       free of charge for
 * some time; then as failed returned   as if it had never been granted stale      a token that is
 * not live: somebody else's end was recorded before. Nothing happens
 *
 * An attempt whose piece is done is no attempt any more: its token is stale at once, and the fleet
 * is told to end its lease. */
#include "coordinator/job/internal.h"
#include "coordinator/job/speculation.h"

#include <assert.h>

static uint64_t token_hash(struct token token)
{
    return hash_u64(token.counter ^ (token.epoch << 40));
}

struct job_attempt *attempt_find(const struct job_run *r, struct token token)
{
    HASH_EACH_MATCH(n, &r->tokens, token_hash(token))
    {
        struct job_attempt *at = container_of(n, struct job_attempt, by_token);

        if (token_eq(at->token, token)) {
            return at;
        }
    }
    return NULL;
}

static struct job_attempt *attempt_new(struct job_run *r)
{
    struct list *spare = list_pop_front(&r->spare);
    struct job_attempt *at = spare != NULL ? container_of(spare, struct job_attempt, link)
                                           : mem_alloc(sizeof(struct job_attempt));

    *at = (struct job_attempt){.token = {0}};
    return at;
}

/* The piece has a second attempt: all of it may turn out to be done twice. */
static void attempt_pair(struct job_run *r, struct job_piece *p, struct job_attempt *at)
{
    assert(p->open.first != NULL && p->open.first->worker != at->worker);
    at->twin = p->open.first;
    at->speculative = true;
    p->open.first->twin = at;
    r->reserved += piece_work(p);
    r->speculated++;
    heap_remove(&r->suspects, &p->open.first->suspect);
}

struct job_attempt *attempt_begin(struct job_run *r,
                                  uint32_t piece,
                                  struct token token,
                                  struct job_worker *w,
                                  int64_t granted_ms)
{
    struct job_piece *p = &r->pieces[piece];
    struct job_attempt *at = attempt_new(r);

    assert(attempt_find(r, token) == NULL && p->attempts < JOB_ATTEMPTS_A_PIECE);
    at->token = token;
    at->worker = w;
    at->piece = piece;
    at->granted_ms = at->seen_ms = granted_ms;
    at->mark[0] = at->mark[1] = (struct job_mark){granted_ms, 0};
    if (p->attempts == 1) {
        attempt_pair(r, p, at);
    } else {
        p->open.first = at;
    }
    p->attempts++;
    w->live++;
    r->attempts++;
    hash_insert(&r->tokens, &at->by_token, token_hash(token));
    list_push_back(&r->live, &at->link);
    return at;
}

void attempt_end(struct job_run *r, struct job_attempt *at)
{
    struct job_piece *p = &r->pieces[at->piece];

    if (at->twin != NULL) {
        assert(p->attempts == 2 && r->reserved >= piece_work(p));
        r->reserved -= piece_work(p);
        at->twin->twin = NULL;
    }
    p->open.first = at->twin;
    p->attempts--;
    at->worker->live--;
    r->attempts--;
    heap_remove(&r->suspects, &at->suspect);
    hash_remove(&r->tokens, &at->by_token);
    list_remove(&at->link);
    list_push_back(&r->spare, &at->link);
}

static void attempt_cancel(struct job_run *r, struct job_attempt *at)
{
    if (r->cancel_count == r->cancel_cap) {
        r->cancel_cap = r->cancel_cap != 0 ? r->cancel_cap * 2 : 4;
        r->cancels = mem_realloc(r->cancels, r->cancel_cap * sizeof(struct job_cancel));
    }
    r->cancels[r->cancel_count++] =
        (struct job_cancel){.token = at->token, .worker = at->worker->name, .piece = at->piece};
    attempt_end(r, at);
}

void attempt_cancel_all(struct job_run *r)
{
    while (!list_empty(&r->live)) {
        attempt_cancel(r, container_of(r->live.next, struct job_attempt, link));
    }
}

const struct job_attempt *attempt_committing(const struct job_run *r)
{
    const struct job_attempt *first;

    if (r->header.phase != JOB_JOIN || list_empty(&r->live)) {
        return NULL;
    }
    first =
        container_of(r->live.next, struct job_attempt, link); /* JOIN has one piece, one attempt */
    return first->committing ? first : NULL;
}

/* ---- Events ---- */

/* The live attempt the event is about; NULL: it is stale. */
static struct job_attempt *
event_begin(struct job_run *r, struct token token, struct job_outcome *out)
{
    struct job_attempt *at = attempt_find(r, token);

    run_outcome_begin(r, out);
    out->stale = at == NULL;
    return at;
}

/* The piece's row goes with the event. */
static void event_row(struct job_run *r, uint32_t piece, struct job_outcome *out)
{
    out->has_row = true;
    piece_row(r, piece, &out->row);
}

void job_run_granted(struct job_run *r,
                     uint32_t piece,
                     struct token token,
                     struct slice worker,
                     int64_t now_ms,
                     struct job_outcome *out)
{
    struct job_worker *w = worker_get(r, worker);

    assert(piece < r->header.pieces);
    run_outcome_begin(r, out);
    piece_take(r, piece);
    (void)attempt_begin(r, piece, token, w, now_ms);
    w->seen_ms = now_ms;
    r->spare_until_ms = 0;
    if (r->header.state == JOB_STARTING) {
        run_state_move(r, JOB_RUNNING, out);
    }
    event_row(r, piece, out);
}

bool job_run_progress(struct job_run *r, struct token token, uint64_t bytes, int64_t now_ms)
{
    struct job_attempt *at = attempt_find(r, token);

    if (at == NULL) {
        return false;
    }
    at->worker->seen_ms = now_ms;
    speculation_progress(r, at, bytes, now_ms);
    return true;
}

/* What was done beside another attempt counts as extra work. */
static void attempt_charge(struct job_run *r, const struct job_attempt *at)
{
    uint64_t cost = speculation_cost(r, at);

    r->pieces[at->piece].open.extra += cost;
    r->extra += cost;
}

/* Another was faster. Where it began first, its worker is slow: it has done no more than this. */
static void attempt_overtaken(struct job_run *r, struct job_attempt *at, int64_t now_ms)
{
    attempt_charge(r, at);
    if (!at->speculative) {
        worker_measure(at->worker, (double)speculation_cost(r, at), now_ms - at->granted_ms);
        worker_penalise(r, at->worker, now_ms);
    }
    attempt_cancel(r, at);
}

/* The attempt has won its piece. */
static void attempt_win(struct job_run *r,
                        struct job_attempt *at,
                        const struct job_result *result,
                        int64_t now_ms,
                        struct job_outcome *out)
{
    struct job_piece *p = &r->pieces[at->piece];
    double weight = speculation_weight(p->bytes);
    int64_t took_ms = now_ms - at->granted_ms;

    if (at->twin != NULL) {
        attempt_overtaken(r, at->twin, now_ms);
    }
    speculation_sample(&r->rates, weight, took_ms);
    worker_measure(at->worker, weight, took_ms);
    worker_succeeded(at->worker);
    at->worker->seen_ms = now_ms;
    if (p->avoid != 0 && p->avoid != at->worker->index + 1) {
        worker_penalise(r, r->workers[p->avoid - 1], now_ms);
    }
    event_row(r, at->piece, out); /* what the piece was, before it is done */
    out->row.status = JOB_PIECE_DONE;
    out->row.live_count = 0;
    out->row.winner = at->token;
    out->row.worker = at->worker->name;
    out->row.took_ms = took_ms;
    out->row.result = *result;
    if (out->row.result.counter_count > LIMIT_JOB_COUNTERS) {
        out->row.result.counter_count = LIMIT_JOB_COUNTERS; /* none of the others counts */
    }
    attempt_end(r, at);
    piece_finish(r, at->piece, JOB_PIECE_DONE);
    p->winner = out->row.winner;
    run_sum_add(r, &r->sum, &out->row.result);
}

void job_run_planned(struct job_run *r,
                     struct token token,
                     const uint64_t *bytes,
                     size_t shards,
                     uint32_t partitions,
                     int64_t now_ms,
                     struct job_outcome *out)
{
    struct job_attempt *at = event_begin(r, token, out);
    struct job_result nothing = {0};

    if (at == NULL) {
        return;
    }
    assert(r->header.phase == JOB_PLAN);
    attempt_win(r, at, &nothing, now_ms, out);
    run_plan(r, bytes, shards, partitions, now_ms, out);
    run_outcome_end(r, out);
}

void job_run_succeeded(struct job_run *r,
                       struct token token,
                       const struct job_result *result,
                       int64_t now_ms,
                       struct job_outcome *out)
{
    struct job_attempt *at = event_begin(r, token, out);
    struct slice why;

    if (at == NULL) {
        return;
    }
    assert(r->header.phase != JOB_PLAN);
    attempt_win(r, at, result, now_ms, out);
    why = run_rejects_too_many(r, false);
    if (why.len != 0) {
        run_end(r, JOB_FAILED, slice_str(JOB_BAD_RECORD), why, now_ms, out);
    } else if (r->done == r->header.pieces) {
        run_phase_over(r, now_ms, out);
    }
    run_outcome_end(r, out);
}

static bool failure_is_final(const struct job_run *r, struct slice error)
{
    static const char *const names[] = {JOB_INPUT_CHANGED, JOB_INPUT_MISSING, JOB_INPUT_INVALID,
                                        JOB_OUTPUT_REFUSED};

    if (slice_eq_str(error, JOB_BAD_RECORD)) {
        return r->settings.bad_records.policy != JOB_BAD_RECORDS_REJECT;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_eq_str(error, names[i])) {
            return true;
        }
    }
    return false;
}

/* No attempt of the piece is left, and none will come. */
static void piece_exhaust(struct job_run *r,
                          uint32_t piece,
                          struct slice error,
                          struct slice cause,
                          int64_t now_ms,
                          struct job_outcome *out)
{
    if (r->header.phase != JOB_CLEAN) {
        run_end_piece(r, piece, error, cause, now_ms, out);
        return;
    }
    piece_finish(r, piece, JOB_PIECE_GIVEN_UP); /* what is left there is the sweeper's */
    event_row(r, piece, out);
    if (r->done == r->header.pieces) {
        run_phase_over(r, now_ms, out);
    }
}

/* The attempt is over and its piece is not: it waits, unless a twin is at it. */
static void piece_again(struct job_run *r, uint32_t piece, int64_t due_ms, struct job_outcome *out)
{
    if (r->pieces[piece].attempts == 0) {
        piece_wait(r, piece, due_ms);
    }
    event_row(r, piece, out);
}

/* An attempt ends without success; true: that was the run's end, or part of it. */
static bool
attempt_drop(struct job_run *r, struct job_attempt *at, int64_t now_ms, struct job_outcome *out)
{
    if (at->twin != NULL) {
        attempt_charge(r, at);
    }
    attempt_end(r, at);
    if (r->header.state == JOB_STOPPING) {
        run_end(r, JOB_STOPPED, SLICE(""), SLICE(""), now_ms, out);
        return true;
    }
    return false;
}

static void attempt_fail(struct job_run *r,
                         struct job_attempt *at,
                         struct slice error,
                         struct slice cause,
                         int64_t now_ms,
                         struct job_outcome *out)
{
    uint32_t piece = at->piece;
    struct job_piece *p = &r->pieces[piece];

    if (attempt_drop(r, at, now_ms, out)) {
        return;
    }
    p->failures = (uint8_t)(p->failures + (p->failures < UINT8_MAX ? 1 : 0));
    r->failures++;
    p->avoid = at->worker->index + 1;
    worker_failed(r, at->worker, now_ms);
    if (r->header.phase != JOB_CLEAN && failure_is_final(r, error)) {
        run_end_piece(r, piece, error, cause, now_ms, out);
    } else if (p->failures > r->settings.retry.max_attempts && p->attempts == 0) {
        piece_exhaust(r, piece, error, cause, now_ms, out);
    } else {
        piece_again(r, piece, now_ms + piece_delay_ms(&r->settings.retry, p->failures), out);
    }
}

void job_run_failed(struct job_run *r,
                    struct token token,
                    struct slice error,
                    struct slice cause,
                    int64_t now_ms,
                    struct job_outcome *out)
{
    struct job_attempt *at = event_begin(r, token, out);

    if (at != NULL) {
        at->worker->seen_ms = now_ms;
        attempt_fail(r, at, error, cause, now_ms, out);
        run_outcome_end(r, out);
    }
}

void job_run_lost(struct job_run *r, struct token token, int64_t now_ms, struct job_outcome *out)
{
    struct job_attempt *at = event_begin(r, token, out);
    struct job_piece *p;

    if (at == NULL) {
        return;
    }
    p = &r->pieces[at->piece];
    if (p->losses >= LIMIT_JOB_LOSSES) {
        attempt_fail(r, at, slice_str(JOB_WORKER_LOST),
                     SLICE("The workers that had the piece were lost, time and again."), now_ms,
                     out);
    } else if (!attempt_drop(r, at, now_ms, out)) {
        p->losses++;
        r->losses++;
        piece_again(r, at->piece, now_ms, out);
    }
    run_outcome_end(r, out);
}

void job_run_returned(struct job_run *r,
                      struct token token,
                      int64_t now_ms,
                      struct job_outcome *out)
{
    struct job_attempt *at = event_begin(r, token, out);

    if (at != NULL && !attempt_drop(r, at, now_ms, out)) {
        piece_again(r, at->piece, 0, out);
    }
    run_outcome_end(r, out);
}

void job_run_committing(struct job_run *r, struct token token, struct job_outcome *out)
{
    struct job_attempt *at = event_begin(r, token, out);

    if (at != NULL) {
        assert(r->header.phase == JOB_JOIN);
        at->committing = true;
        event_row(r, at->piece, out);
    }
}

bool job_run_find(const struct job_run *r, struct token token, uint32_t *piece)
{
    const struct job_attempt *at = attempt_find(r, token);

    if (at != NULL) {
        *piece = at->piece;
    }
    return at != NULL;
}
