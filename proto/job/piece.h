/* SPDX-License-Identifier: Apache-2.0 */
/* What coordinator and worker must agree on about a piece of a job run, beside the messages: the
 * phases' numbers, the names of failures that mean something to the run, the function that every
 * worker with an object store offers, and where temporary objects lie. Pure. */
#ifndef STEPFLEET_JOB_PIECE_H
#define STEPFLEET_JOB_PIECE_H

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/token.h"

/*   PLAN ---> MAP ---> REDUCE ---> JOIN ---> CLEAN ---> OVER
 *    | |       |'---------------^   |         ^
 *    | '-------|---- no shards -^   |         |         A run that ends goes to CLEAN; where
 *    '-> OVER  '--------------------'---------'         no worker was at it yet, to OVER. */
enum job_phase {
    JOB_PLAN,   /* 1 piece */
    JOB_MAP,    /* a piece a shard */
    JOB_REDUCE, /* a piece a partition */
    JOB_JOIN,   /* 1 piece */
    JOB_CLEAN,  /* 1 piece, or 2: the second is due after the clean-up period */
    JOB_OVER,   /* none */
};
enum { JOB_PHASES = JOB_OVER + 1 };

/* ---- Failures that the run knows. Any other name is the handler's own, and is tried again. ----
 */

#define JOB_BAD_RECORD     "Job.BadRecord"     /* final, unless bad records are to be rejected */
#define JOB_INPUT_CHANGED  "Job.InputChanged"  /* final: the ETag is not the plan's */
#define JOB_INPUT_MISSING  "Job.InputMissing"  /* final */
#define JOB_INPUT_INVALID  "Job.InputInvalid"  /* final: not of the format it is said to be */
#define JOB_OUTPUT_REFUSED "Job.OutputRefused" /* final: the store will never take it */

/* ---- Failures of a piece that are tried again. ---- */

#define JOB_OUTPUT_INVALID "Job.OutputInvalid" /* what the handler wrote is not of its format */
#define JOB_STORE_FAILED   "Job.StoreFailed"   /* the object store, for now */
#define JOB_PIECE_INVALID  "Job.PieceInvalid"  /* the lease makes no sense to this worker */

/* ---- No failure of the piece: it costs no attempt. ---- */

#define JOB_WORKER_LEFT "Job.WorkerLeft" /* told to stop, it ended what it was at */

/* The function of PLAN, JOIN and CLEAN, and of REDUCE where it has no handler of its own. */
#define JOB_BUILT_IN "stepfleet:job"

/* ---- Temporary objects, all below "<directory of the output key>/.stepfleet/<run id>/" ----
 *
 *   plan-<token>               what PLAN found out: worker/job/plan_object.h
 *   m<piece>-<token>           what MAP's piece wrote, r<piece>-<token> what REDUCE's did
 *   rejected-m<piece>-<token>  records that MAP's piece put aside, JSON Lines
 *   rejected-r0-<token>        all of those, brought together by REDUCE's first piece
 *
 * A token is "<epoch>.<counter>" of the attempt's lease, so that no two attempts share a name. */

/* The prefix of all of them, with its '/' at the end. */
struct slice job_temporary_prefix(struct slice output_key, struct slice run, struct arena *a);
/* "m12-7.345": the letter says of which phase, 'p' stands for "plan", 'j' for "rejected-m", 'q' for
 * "rejected-r". */
struct slice job_temporary_name(char kind, uint32_t piece, struct token token, struct arena *a);

/* ---- Beside the output ---- */

/* "<directory of the output key>/rejected.jsonl": the run's bad records, where they are put aside.
 */
struct slice job_rejected_key(struct slice output_key, struct arena *a);
/* "<output key>.parts/<run id>/": of layout `parts`, those of all attempts; and of one. */
struct slice job_parts_prefix(struct slice output_key, struct slice run, struct arena *a);
struct slice job_parts_attempt_prefix(struct slice output_key,
                                      struct slice run,
                                      struct token attempt,
                                      struct arena *a);

/* ---- Whose output counts, as JobPiece.winners has it ----
 *
 * A piece that was begun once has left one object of a kind, or none: which one counts needs no
 * saying. Named are those that several attempts have begun. So a lease of 4,096 partitions' each
 * does not repeat a token for each of 100,000 shards. */

struct job_winner {
    uint32_t piece;
    struct token token;
};

/* `count` of them, in order of pieces. */
void job_winners_encode(const struct job_winner *winners, size_t count, struct buf *out);
/* Into tokens[pieces], zeroed: zero stays where any token will do. False: they make no sense. */
bool job_winners_decode(struct slice bytes, struct token *tokens, size_t pieces);

#endif
