/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants of a run, by brute force: nothing here relies on a count that it checks. */
#include "coordinator/job/internal.h"
#include "coordinator/job/speculation.h"

struct found {
    uint32_t status[JOB_PIECE_STATUSES];
    uint32_t attempts;
    uint64_t bytes;
    uint64_t work;
    uint64_t largest;
    uint64_t reserved;
    double todo;
};

static const char *check_attempts(const struct job_run *r, uint32_t piece, struct found *f)
{
    const struct job_piece *p = &r->pieces[piece];
    const struct job_attempt *first = p->open.first;

    if (p->attempts == 0 || p->attempts > JOB_ATTEMPTS_A_PIECE || first == NULL) {
        return "a live piece has no attempt, or too many";
    }
    if ((first->twin != NULL) != (p->attempts == 2) || first->piece != piece) {
        return "a piece's attempts are not those counted";
    }
    if (first->twin != NULL) {
        if (first->twin->twin != first || first->twin->piece != piece) {
            return "twins that do not know each other";
        }
        if (first->twin->worker == first->worker) {
            return "a piece is twice on one worker";
        }
        f->reserved += piece_work(p);
    }
    f->attempts += p->attempts;
    return NULL;
}

static const char *check_piece(const struct job_run *r, uint32_t piece, struct found *f)
{
    const struct job_piece *p = &r->pieces[piece];
    bool fresh = piece >= r->next_fresh && piece < r->fresh_end;

    f->status[p->status]++;
    f->bytes += p->bytes;
    f->work += piece_work(p);
    f->largest = piece_work(p) > f->largest ? piece_work(p) : f->largest;
    if (fresh != (p->status == JOB_PIECE_FRESH)) {
        return "a piece is fresh out of line";
    }
    if (heap_has(&p->due) != (p->status == JOB_PIECE_WAITING)) {
        return "a piece waits that is not waiting";
    }
    if (p->status != JOB_PIECE_DONE && p->status != JOB_PIECE_GIVEN_UP) {
        f->todo += speculation_weight(p->bytes);
    }
    if (p->status == JOB_PIECE_LIVE) {
        return check_attempts(r, piece, f);
    }
    return p->attempts != 0 ? "a piece has attempts and is not live" : NULL;
}

static const char *check_counts(const struct job_run *r, const struct found *f)
{
    uint32_t room = r->settings.workers != 0 ? r->settings.workers : LIMIT_JOB_LIVE;

    if (f->status[JOB_PIECE_LIVE] != r->live_pieces || f->attempts != r->attempts ||
        f->attempts != r->tokens.count) {
        return "live attempts are miscounted";
    }
    if (f->status[JOB_PIECE_DONE] + f->status[JOB_PIECE_GIVEN_UP] != r->done ||
        f->status[JOB_PIECE_WAITING] != r->waiting.count) {
        return "pieces are miscounted";
    }
    if (f->status[JOB_PIECE_GIVEN_UP] != 0 && r->header.phase != JOB_CLEAN) {
        return "a piece was given up";
    }
    if (f->bytes != r->bytes || f->reserved != r->reserved || f->todo != r->todo) {
        return "bytes are miscounted";
    }
    if (f->attempts > room) {
        return "more attempts than workers";
    }
    return r->header.pieces != 0 && r->done == r->header.pieces ? "the phase is over" : NULL;
}

static const char *check_workers(const struct job_run *r)
{
    uint64_t live = 0;

    for (uint32_t i = 0; i < r->worker_count; i++) {
        live += r->workers[i]->live;
        if (r->workers[i]->index != i) {
            return "a worker is out of its place";
        }
    }
    return live != r->attempts ? "the workers' attempts are miscounted" : NULL;
}

static const char *check_extra(const struct job_run *r, const struct found *f)
{
    uint64_t share = f->work / JOB_EXTRA_SHARE;
    uint64_t budget = share > f->largest ? share : f->largest;

    return r->extra + r->reserved > budget ? "too much is done twice" : NULL;
}

static const char *check_states(const struct job_run *r)
{
    const struct job_run_header *h = &r->header;
    bool cleaning = h->phase == JOB_CLEAN || h->phase == JOB_OVER;

    if (job_state_is_end(h->state) != cleaning) {
        return "state and phase do not agree";
    }
    if (h->state == JOB_STOPPING && attempt_committing(r) == NULL) {
        return "nothing is committed, and yet it does not stop";
    }
    return (h->state == JOB_WAITING || h->phase == JOB_OVER) != (h->pieces == 0)
               ? "pieces out of season"
               : NULL;
}

const char *job_run_check(const struct job_run *r)
{
    struct found f = {.attempts = 0};
    const char *why = check_states(r);

    for (uint32_t i = 0; why == NULL && i < r->header.pieces; i++) {
        why = check_piece(r, i, &f);
    }
    if (why == NULL) {
        why = check_counts(r, &f);
    }
    if (why == NULL) {
        why = check_workers(r);
    }
    return why == NULL ? check_extra(r, &f) : why;
}
