/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a run share. One idea a file:
 *
 *   run.c          the whole: new, phases, the ends a run takes
 *   piece.c        the phase's pieces: which waits, which is next; their rows
 *   attempt.c      live attempts, and the events that come under their tokens
 *   worker.c       who has worked for the run, how fast, how well
 *   speculation.c  second attempts; what is usual
 *   ticket.c       who gets which piece, and when to look again
 *   restore.c      a run from its rows
 *   check.c        the invariants, by brute force
 *
 * Invariants: pieces from `next_fresh` up to `fresh_end` are FRESH, and no others; WAITING ones are
 * in `waiting` by their due time, LIVE ones have their attempts in a chain. A worker's `live`
 * counts its attempts. Nothing is live in a run that is OVER. */
#ifndef STEPFLEET_JOB_INTERNAL_H
#define STEPFLEET_JOB_INTERNAL_H

#include "coordinator/job/run.h"
#include "proto/base/hash.h"
#include "proto/base/heap.h"
#include "proto/base/limits.h"
#include "proto/base/list.h"

enum {
    JOB_RATE_STEPS = 8, /* of the histogram, to an octave */
    JOB_RATE_OCTAVES = 64,
    JOB_PIECE_BASE = 256 * 1024, /* bytes: what a piece's beginning is taken to cost */
    JOB_EXTRA_SHARE = 20,        /* a twentieth of the phase's work may be done twice */
    JOB_SUSPECT_TICKS = 2,       /* an attempt that is suspect so often in a row is a candidate */
};

struct job_piece {
    uint64_t bytes;
    struct heap_node due; /* WAITING */
    union {
        struct {
            struct job_attempt *first; /* LIVE; its twin is the second */
            uint64_t extra;            /* done twice so far */
        } open;
        struct token winner; /* DONE */
    };
    uint32_t avoid; /* index of the worker that failed it last, and 1; 0: none */
    uint8_t status; /* enum job_piece_status */
    uint8_t failures;
    uint8_t losses;
    uint8_t attempts; /* live */
};

/* What is to be done for it, in bytes. */
static inline uint64_t piece_work(const struct job_piece *p)
{
    return p->bytes + JOB_PIECE_BASE;
}

struct job_mark {
    int64_t ms;
    uint64_t bytes;
};

struct job_attempt {
    struct hash_node by_token;
    struct list link;         /* in the run's `live`, or `spare` */
    struct heap_node suspect; /* a candidate: the least key needs longest */
    struct token token;
    struct job_worker *worker;
    struct job_attempt *twin; /* the piece's other attempt, or NULL */
    uint32_t piece;
    uint32_t suspect_ticks;
    int64_t granted_ms;
    bool speculative;
    bool committing;
    bool reported;           /* progress, at least once */
    int64_t seen_ms;         /* when it last did, or its grant */
    int64_t gap_ms;          /* between its reports, about */
    uint64_t bytes;          /* its progress */
    struct job_mark mark[2]; /* one and two windows ago: the rate of late is from mark[0] on */
};

struct job_worker {
    struct hash_node by_name;
    struct list avoided; /* in the run's `avoided`, until then */
    struct list refused; /* in the run's `refused`: got nothing since the last look */
    struct slice name;   /* its bytes are the worker's */
    uint32_t index;
    uint32_t live;
    int64_t seen_ms;
    int64_t avoid_until_ms;
    uint32_t avoid_level; /* each is twice as long */
    uint32_t failed_in_row;
    double weight; /* of the pieces it has finished of late, */
    double ms;     /* and the time that took; 0: none in this phase */
    double prior;  /* its rate against the median of an earlier phase; 0: not known */
};

struct job_rates {
    uint32_t total;
    uint32_t counts[JOB_RATE_OCTAVES * JOB_RATE_STEPS];
};

/* The counters a struct job_result points to. */
struct job_sum {
    struct job_result result;
    struct job_counter counters[LIMIT_JOB_COUNTERS]; /* names are the run's */
};

struct job_run {
    struct job_run_settings settings;
    struct job_run_header header;
    struct job_sum settled; /* counters of earlier phases: what the header shows */
    struct arena texts;     /* names of counters, error, cause */
    /* The phase. */
    struct job_sum sum;
    struct job_piece *pieces;
    uint32_t next_fresh;
    uint32_t fresh_end;
    uint32_t live_pieces;
    uint32_t done;
    uint32_t failures; /* for people, and so the next two */
    uint32_t losses;
    uint32_t speculated;
    struct heap waiting;
    uint64_t bytes;   /* of all pieces */
    uint64_t work;    /* the same with what their beginnings cost */
    uint64_t largest; /* of one piece */
    double todo;      /* weight of what is not done */
    /* Attempts. */
    struct hash tokens;
    struct list live;
    struct list spare;
    uint32_t attempts;
    /* Speculation. */
    struct heap suspects;
    struct job_rates rates;
    double median;          /* as of the last look, and so the next two */
    double speed;           /* of all live attempts */
    double moved;           /* weight that live attempts have behind them */
    uint64_t extra;         /* work done twice */
    uint64_t reserved;      /* of pieces with two attempts: they may be */
    int64_t looked_ms;      /* when speculation_tick() last looked; 0: never in this phase */
    int64_t spare_until_ms; /* slow workers are kept waiting up to then; 0: none is */
    /* Workers. */
    struct hash names;
    struct job_worker **workers;
    uint32_t worker_count;
    uint32_t worker_cap;
    struct list avoided;
    struct list refused;
    /* What an outcome points to. */
    struct job_cancel *cancels;
    size_t cancel_count;
    size_t cancel_cap;
    struct slice *names_avoided;
    size_t names_cap;
};

/* ---- run.c ---- */

/* How many pieces the phase has. */
uint32_t run_phase_pieces(const struct job_run *r, enum job_phase phase);
/* Why such a plan cannot be carried out, or NULL. */
const char *run_plan_fault(const uint64_t *bytes, size_t shards, uint32_t partitions);
/* The phase's pieces are there, all fresh (but the second of CLEAN). `sizes`: of MAP's. */
void run_phase_fill(struct job_run *r, const uint64_t *sizes);
/* Every piece is done: on to the next phase, or to the run's end. */
void run_phase_over(struct job_run *r, int64_t now_ms, struct job_outcome *out);
/* On to that phase, in the same event. */
void run_phase_begin(struct job_run *r,
                     enum job_phase phase,
                     const uint64_t *sizes,
                     struct job_outcome *out);
/* PLAN has said what there is. */
void run_plan(struct job_run *r,
              const uint64_t *bytes,
              size_t shards,
              uint32_t partitions,
              int64_t now_ms,
              struct job_outcome *out);
/* FAILED by that piece's failure. */
void run_end_piece(struct job_run *r,
                   uint32_t piece,
                   struct slice error,
                   struct slice cause,
                   int64_t now_ms,
                   struct job_outcome *out);
/* It ends so, now; texts are copied. */
void run_end(struct job_run *r,
             enum job_state state,
             struct slice error,
             struct slice cause,
             int64_t now_ms,
             struct job_outcome *out);
void run_state_move(struct job_run *r, enum job_state state, struct job_outcome *out);
/* An event begins. */
void run_outcome_begin(struct job_run *r, struct job_outcome *out);
/* Cancels are known once the event is over. */
void run_outcome_end(const struct job_run *r, struct job_outcome *out);
/* Add the counts and counters; names past LIMIT_JOB_COUNTERS, and longer than
 * LIMIT_JOB_COUNTER_BYTES, are dropped. */
void run_sum_add(struct job_run *r, struct job_sum *sum, const struct job_result *more);
/* More bad records than may be: why, or an empty slice. `end`: of the phase. */
struct slice run_rejects_too_many(struct job_run *r, bool end);

/* ---- piece.c ---- */

/* In `waiting`, due then. */
void piece_wait(struct job_run *r, uint32_t piece, int64_t due_ms);
/* Out of where it waited or was fresh: LIVE. */
void piece_take(struct job_run *r, uint32_t piece);
void piece_finish(struct job_run *r, uint32_t piece, enum job_piece_status status);
/* When a piece that failed so often is tried again. */
int64_t piece_delay_ms(const struct job_retry *retry, uint32_t failures);
/* Its row, but winner's worker, time and result. */
void piece_row(const struct job_run *r, uint32_t piece, struct job_piece_state *out);
/* One that is due, longest first, and that `w` (NULL: anyone) may have; LIMIT_JOB_PIECES: none. */
uint32_t piece_due(const struct job_run *r, const struct job_worker *w, int64_t now_ms);
static inline bool piece_has_fresh(const struct job_run *r)
{
    return r->next_fresh < r->fresh_end;
}

/* ---- attempt.c ---- */

struct job_attempt *attempt_find(const struct job_run *r, struct token token);
/* Live from now on, or since before a restart. */
struct job_attempt *attempt_begin(struct job_run *r,
                                  uint32_t piece,
                                  struct token token,
                                  struct job_worker *w,
                                  int64_t granted_ms);
/* Its token is stale from here on; the piece keeps its twin. */
void attempt_end(struct job_run *r, struct job_attempt *at);
/* All of them, and their workers are to be told. */
void attempt_cancel_all(struct job_run *r);
/* The one that is being committed, or NULL. */
const struct job_attempt *attempt_committing(const struct job_run *r);

/* ---- worker.c ---- */

/* The one of that name, new where there is none. */
struct job_worker *worker_get(struct job_run *r, struct slice name);
/* It has finished so much in that time, or has been overtaken in the midst of it. */
void worker_measure(struct job_worker *w, double weight, int64_t took_ms);
/* Weight a ms: measured, or by what it was before against what is usual now; 0: not known. */
double worker_rate(const struct job_run *r, const struct job_worker *w);
void worker_succeeded(struct job_worker *w);
void worker_failed(struct job_run *r, struct job_worker *w, int64_t now_ms);
/* Avoided for a while; the next while is twice as long. */
void worker_penalise(struct job_run *r, struct job_worker *w, int64_t now_ms);
/* Is it avoided, and is there another that is not? */
bool worker_is_avoided(const struct job_run *r, const struct job_worker *w, int64_t now_ms);
/* Some worker beside this one (NULL: any) has lately been there and is not avoided. */
bool worker_has_others(const struct job_run *r, const struct job_worker *w, int64_t now_ms);
void worker_refuse(struct job_run *r, struct job_worker *w);
void worker_refuse_none(struct job_run *r);
/* Those whose while is over are not avoided any more. */
void workers_forgive(struct job_run *r, int64_t now_ms);
/* Another phase has another measure. */
void workers_begin_phase(struct job_run *r);
void workers_fini(struct job_run *r);

#endif
