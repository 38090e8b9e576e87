/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a job: which phase it is in, which pieces of it are done, who may do the next one,
 * which end it takes. Pure: time comes in as arguments, events are functions, and what is to be
 * done about them comes back in a job_outcome. The attempts' leases, heartbeats and tokens are the
 * fleet's; where data lies and what a shard is are the plan's. Nothing here is on disk: row.h says
 * what the caller keeps.
 *
 * The caller keeps one ticket of the run among the fleet's ready tasks while job_run_ticket() wants
 * one. When a worker takes it, job_run_want() says which piece it is, and job_run_granted() that it
 * is so: the choice is made as late as can be.
 *
 * Invariants, all checked by job_run_check(): the first recorded end of a piece and of the run
 * wins; a token that is not live changes nothing; a piece has at most two attempts, on two workers;
 * at most `workers` attempts are live; what is done twice is at most a twentieth of the phase, or
 * one piece.
 *
 * Costs: an event costs O(log pieces), a tick O(live attempts), planning and restoring a phase
 * O(pieces). Memory: 56 bytes a piece, none of earlier phases. */
#ifndef STEPFLEET_JOB_RUN_H
#define STEPFLEET_JOB_RUN_H

#include "coordinator/job/row.h"
#include "proto/job/definition.h"

/* ---- Failures the room gives. Those it knows are in piece.h; any other name is the handler's own,
 * and is tried again. ---- */

#define JOB_WORKER_LOST "Job.WorkerLost" /* given by job_run_lost() */
#define JOB_BAD_PLAN    "Job.BadPlan"    /* of ERROR */

/* ---- Life ---- */

struct job_run_settings {
    uint32_t workers;   /* attempts at once; 0: no bound */
    int64_t timeout_ms; /* from STARTING */
    struct job_retry retry;
    struct job_bad_record_settings bad_records;
    bool speculate;
    bool shuffle;
    uint32_t partitions;    /* 0: the plan's */
    int64_t clean_again_ms; /* after the end, once more; 0: not again */
};

/* Of a definition and what job_overrides_apply() made of it. */
struct job_run_settings job_run_settings_of(const struct job_definition *d,
                                            uint32_t timeout_minutes,
                                            uint32_t workers,
                                            int64_t clean_again_ms);

struct job_run;
struct job_run *job_run_new(const struct job_run_settings *settings, int64_t now_ms); /* WAITING */
void job_run_free(struct job_run *r);

/* ---- After a restart ---- */

/**
 * Build a run again: first this, then each row of the header's phase, in order of pieces, then
 * job_run_restored(). Live attempts are held under their old tokens by workers of the old names.
 *
 * @param sizes  bytes of each shard, header->shards of them; read where the phase is MAP
 * @return ERR_CORRUPT: header or row cannot be; `*out` untouched, or to be freed
 */
enum err_code job_run_restore(const struct job_run_settings *settings,
                              const struct job_run_header *header,
                              const uint64_t *sizes,
                              struct job_run **out,
                              struct err *err);
enum err_code
job_run_restore_piece(struct job_run *r, const struct job_piece_state *row, struct err *err);
enum err_code job_run_restored(struct job_run *r, struct err *err);

/* ---- What is to be done about an event ---- */

struct job_cancel {
    struct token token;
    struct slice worker;
    uint32_t piece; /* of the phase the attempt belongs to */
};

/* Written in one batch, before anything of it is acted on. Slices and arrays last until the run's
 * next event. */
struct job_outcome {
    bool stale;       /* no live attempt has that token: nothing has happened */
    bool header;      /* job_run_header() is to be written */
    bool phase_began; /* its pieces wait: fresh ones have no rows */
    bool ended;       /* the state is final now, whatever is still to be cleaned up */
    bool has_row;     /* `row` is to be written */
    struct job_piece_state row;
    const struct job_cancel *cancels; /* leases to be ended, workers to be told */
    size_t cancel_count;
};

/* ---- Events ---- */

/* WAITING becomes STARTING: the run may have a ticket. */
void job_run_begin(struct job_run *r, int64_t now_ms, struct job_outcome *out);
/* A worker has been given the piece job_run_want() chose for it, under a new token. */
void job_run_granted(struct job_run *r,
                     uint32_t piece,
                     struct token token,
                     struct slice worker,
                     int64_t now_ms,
                     struct job_outcome *out);
/* PLAN has succeeded. No shards: the output will be empty, and valid.
 *
 * @param bytes       of each shard
 * @param partitions  that the plan proposes; used where there is a shuffle and no other number
 * A plan past the bounds of limits.h ends the run as ERROR. */
void job_run_planned(struct job_run *r,
                     struct token token,
                     const uint64_t *bytes,
                     size_t shards,
                     uint32_t partitions,
                     int64_t now_ms,
                     struct job_outcome *out);
/* All that the attempt has read so far. False: the token is stale. Nothing to be written. */
bool job_run_progress(struct job_run *r, struct token token, uint64_t bytes, int64_t now_ms);
/* Of any phase but PLAN. Counters past the bounds of limits.h are dropped; those in the outcome's
 * row are the caller's. */
void job_run_succeeded(struct job_run *r,
                       struct token token,
                       const struct job_result *result,
                       int64_t now_ms,
                       struct job_outcome *out);
void job_run_failed(struct job_run *r,
                    struct token token,
                    struct slice error,
                    struct slice cause,
                    int64_t now_ms,
                    struct job_outcome *out);
/* Its worker is gone: free of charge up to LIMIT_JOB_LOSSES a piece, then a failure like any other.
 */
void job_run_lost(struct job_run *r, struct token token, int64_t now_ms, struct job_outcome *out);
/* Handed back unbegun: first in line again, and free of charge. */
void job_run_returned(struct job_run *r,
                      struct token token,
                      int64_t now_ms,
                      struct job_outcome *out);
/* JOIN's attempt has reported, and the intent to complete its output goes to disk with this: until
 * it succeeded or failed, stop and timeout wait for it. */
void job_run_committing(struct job_run *r, struct token token, struct job_outcome *out);
/* Time has passed: to be called when job_run_wait_ms() says so. */
void job_run_tick(struct job_run *r, int64_t now_ms, struct job_outcome *out);
void job_run_stop(struct job_run *r, int64_t now_ms, struct job_outcome *out);
/* The time is over, whatever the clock says; a tick past the deadline does the same. */
void job_run_timeout(struct job_run *r, int64_t now_ms, struct job_outcome *out);

/* ---- Who gets what ---- */

/* Asked for after each event. */
struct job_ticket {
    bool wanted;               /* something can be given now */
    const struct slice *avoid; /* names of workers that should not take it, */
    size_t avoid_count;        /* and would get nothing; until the run's next event */
};
void job_run_ticket(struct job_run *r, int64_t now_ms, struct job_ticket *out);

enum job_want { JOB_WANT_NOTHING, JOB_WANT_RETRY, JOB_WANT_FRESH, JOB_WANT_SPECULATION };
/* What the worker that took the ticket gets. JOB_WANT_NOTHING: the ticket goes back, and the worker
 * is among those it avoids until the next tick, or until there is something new. */
enum job_want job_run_want(struct job_run *r, struct slice worker, int64_t now_ms, uint32_t *piece);

/* Until job_run_tick() has something to do; 0: now; -1: never, without another event. */
int64_t job_run_wait_ms(const struct job_run *r, int64_t now_ms);

/* ---- Looking ---- */

/* As it is to be written. */
const struct job_run_header *job_run_header(const struct job_run *r);
/* The piece of a live attempt; false: the token is stale. */
bool job_run_find(const struct job_run *r, struct token token, uint32_t *piece);
/* The row of a piece of this phase, as it is; without the result of one that is done. */
void job_run_piece(const struct job_run *r, uint32_t piece, struct job_piece_state *out);

struct job_run_counts {
    uint32_t fresh;
    uint32_t waiting;
    uint32_t live; /* pieces */
    uint32_t done; /* or given up */
    uint32_t attempts;
    uint32_t failures;   /* of attempts in this phase, */
    uint32_t losses;     /* workers lost with one, */
    uint32_t speculated; /* and pieces that were tried twice at once; after a restart: that are */
    uint64_t bytes;      /* of the phase's pieces */
    uint64_t extra;      /* of them done twice, by speculation */
};
struct job_run_counts job_run_counts(const struct job_run *r);
/* The sums of the phase, with what is done of it so far. Counters: where it is the present phase,
 * its own; those of earlier ones are in the header, together. */
struct job_result job_run_result(const struct job_run *r, enum job_phase phase);

/* All invariants, by brute force: for tests, and after a restore. NULL, or what is broken. */
const char *job_run_check(const struct job_run *r);

#endif
