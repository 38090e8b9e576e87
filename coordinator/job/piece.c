/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of the phase: where each one is, which is next, and its row.
 *
 * Fresh ones are taken in order, so that two numbers say which are; those to be tried again wait in
 * a heap by their due time. */
#include "coordinator/job/internal.h"
#include "coordinator/job/speculation.h"

#include <assert.h>

#include "proto/base/sm.h"

enum {
    DUE_LOOKED_AT = 8, /* of those that are due: whether the worker has failed it before */
    ANOTHER_MS = 5000, /* so long past its due time another worker than the last is hoped for */
};

static const struct sm_state piece_states[] = {
    [JOB_PIECE_FRESH] = {"fresh", SM(JOB_PIECE_LIVE) | SM(JOB_PIECE_WAITING)},
    [JOB_PIECE_WAITING] = {"waiting", SM(JOB_PIECE_LIVE) | SM(JOB_PIECE_WAITING)},
    [JOB_PIECE_LIVE] = {"live", SM(JOB_PIECE_WAITING) | SM(JOB_PIECE_LIVE) | SM(JOB_PIECE_DONE) |
                                    SM(JOB_PIECE_GIVEN_UP)},
    [JOB_PIECE_DONE] = {"done", 0},
    [JOB_PIECE_GIVEN_UP] = {"given up", 0},
};

static void piece_move(struct job_run *r, struct job_piece *p, enum job_piece_status status)
{
    if (p->status == JOB_PIECE_LIVE && status != JOB_PIECE_LIVE) {
        r->live_pieces--;
    } else if (p->status != JOB_PIECE_LIVE && status == JOB_PIECE_LIVE) {
        r->live_pieces++;
    }
    p->status = (uint8_t)sm_move(piece_states, p->status, status);
}

void piece_wait(struct job_run *r, uint32_t piece, int64_t due_ms)
{
    struct job_piece *p = &r->pieces[piece];

    assert(p->attempts == 0);
    piece_move(r, p, JOB_PIECE_WAITING);
    heap_set(&r->waiting, &p->due, due_ms);
    worker_refuse_none(r);
}

void piece_take(struct job_run *r, uint32_t piece)
{
    struct job_piece *p = &r->pieces[piece];

    switch ((enum job_piece_status)p->status) {
    case JOB_PIECE_FRESH:
        assert(piece == r->next_fresh && piece_has_fresh(r));
        r->next_fresh++;
        break;
    case JOB_PIECE_WAITING: heap_remove(&r->waiting, &p->due); break;
    case JOB_PIECE_LIVE: assert(p->attempts == 1); break;
    case JOB_PIECE_DONE:
    case JOB_PIECE_GIVEN_UP: break; /* no edge leads from there */
    }
    piece_move(r, p, JOB_PIECE_LIVE);
}

void piece_finish(struct job_run *r, uint32_t piece, enum job_piece_status status)
{
    struct job_piece *p = &r->pieces[piece];

    assert(p->attempts == 0 && (status == JOB_PIECE_DONE || status == JOB_PIECE_GIVEN_UP));
    piece_move(r, p, status);
    r->done++;
    r->todo -= speculation_weight(p->bytes);
}

int64_t piece_delay_ms(const struct job_retry *retry, uint32_t failures)
{
    double cap = (double)retry->max_delay_ms;
    double delay = (double)retry->interval_ms;

    for (uint32_t i = 1; i < failures && delay < cap && retry->backoff_rate > 1.0; i++) {
        delay *= retry->backoff_rate;
    }
    return delay < cap ? (int64_t)delay : retry->max_delay_ms;
}

static void attempt_row(const struct job_attempt *at, struct job_attempt_state *out)
{
    *out = (struct job_attempt_state){
        .token = at->token,
        .worker = at->worker->name,
        .granted_ms = at->granted_ms,
        .speculative = at->speculative,
        .committing = at->committing,
    };
}

void piece_row(const struct job_run *r, uint32_t piece, struct job_piece_state *out)
{
    const struct job_piece *p = &r->pieces[piece];

    *out = (struct job_piece_state){
        .phase = r->header.phase,
        .piece = piece,
        .status = (enum job_piece_status)p->status,
        .failures = p->failures,
        .losses = p->losses,
    };
    if (p->avoid != 0) {
        out->avoid = r->workers[p->avoid - 1]->name;
    }
    if (out->status == JOB_PIECE_DONE) {
        out->winner = p->winner;
        return;
    }
    out->extra = p->open.extra;
    out->due_ms = out->status == JOB_PIECE_WAITING ? p->due.key : 0;
    for (const struct job_attempt *at = p->open.first; out->live_count < p->attempts;
         at = at->twin) {
        attempt_row(at, &out->live[out->live_count++]);
    }
}

/* It failed here last, and somebody else may take it soon. */
static bool piece_wants_another(const struct job_run *r,
                                const struct job_piece *p,
                                const struct job_worker *w,
                                int64_t now_ms)
{
    return w != NULL && p->avoid == w->index + 1 && now_ms - p->due.key < ANOTHER_MS &&
           worker_has_others(r, w, now_ms);
}

uint32_t piece_due(const struct job_run *r, const struct job_worker *w, int64_t now_ms)
{
    const struct job_piece *best = NULL;

    for (size_t i = 0; i < r->waiting.count && i < DUE_LOOKED_AT; i++) {
        const struct job_piece *p = container_of(r->waiting.nodes[i], struct job_piece, due);

        if (p->due.key <= now_ms && (best == NULL || p->due.key < best->due.key) &&
            !piece_wants_another(r, p, w, now_ms)) {
            best = p;
        }
    }
    return best != NULL ? (uint32_t)(best - r->pieces) : LIMIT_JOB_PIECES;
}
