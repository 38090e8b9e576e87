/* SPDX-License-Identifier: Apache-2.0 */
/* What of a run must be on disk, so that it can be built again after a restart: one header a run,
 * and one row a piece that is no longer fresh, each as it is now and not how it came to be.
 *
 * A run is rebuilt from its header, the sizes of the plan's shards, and the rows of the phase it is
 * in. Rows of earlier phases are not read again: their sums are in the header, their winners are
 * for the tasks of later phases. What is not kept, and learnt again: the progress of live attempts,
 * who has lately failed or been slow.
 *
 * Slices in what a run hands out are its own and last until its next event; in what it is given
 * they are borrowed for the call. */
#ifndef STEPFLEET_JOB_ROW_H
#define STEPFLEET_JOB_ROW_H

#include "proto/base/token.h"
#include "proto/job/piece.h"

/* Named as AWS Glue names them.
 *
 *   WAITING ---> STARTING ---> RUNNING ---> SUCCEEDED
 *      |             |            |-------> FAILED    the work's own fault
 *      |             |            |-------> TIMEOUT
 *      |             |            |-------> ERROR     ours: what a worker said makes no sense
 *      |             |            |-------> STOPPED
 *      |             |            '-------> STOPPING ---> SUCCEEDED | STOPPED
 *      |             '--- STOPPED, FAILED, TIMEOUT, ERROR too
 *      '----> STOPPED
 *
 * STOPPING: the output is being committed; whether it is decides the end. */
enum job_state {
    JOB_WAITING, /* for another run of its job to end */
    JOB_STARTING,
    JOB_RUNNING,
    JOB_STOPPING,
    JOB_STOPPED,
    JOB_SUCCEEDED,
    JOB_FAILED,
    JOB_TIMEOUT,
    JOB_ERROR,
};
enum { JOB_STATES = JOB_ERROR + 1 };

struct job_counter {
    struct slice name;
    uint64_t value;
};

/* What a piece, or all pieces of a phase, did. */
struct job_result {
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t records_in;
    uint64_t records_out;
    uint64_t rejected;
    const struct job_counter *counters; /* the handler's own */
    size_t counter_count;
};

struct job_run_header {
    enum job_state state;
    enum job_phase phase;
    int64_t created_ms;
    int64_t began_ms; /* STARTING; 0: not yet */
    int64_t ended_ms; /* 0: not yet */
    uint32_t pieces;  /* of the phase */
    uint32_t shards;
    uint32_t partitions;                /* as settled by the plan */
    struct job_result done[JOB_PHASES]; /* of the phases before this one; no counters */
    const struct job_counter *counters; /* of the phases before this one */
    size_t counter_count;
    uint32_t failures;   /* of attempts in the phases before this one, */
    uint32_t losses;     /* workers lost with one, */
    uint32_t speculated; /* pieces that were tried twice at once, */
    uint64_t extra;      /* and what was done twice, in bytes */
    struct slice error;  /* FAILED, TIMEOUT, ERROR */
    struct slice cause;
};

/*             grant            success
 *   FRESH ------------> LIVE ----------> DONE
 *              grant   ^ | | all attempts spent, CLEAN alone
 *   WAITING -----------' | '-----------> GIVEN_UP
 *      ^---- failed, lost, returned */
enum job_piece_status {
    JOB_PIECE_FRESH, /* has no row */
    JOB_PIECE_WAITING,
    JOB_PIECE_LIVE,
    JOB_PIECE_DONE,
    JOB_PIECE_GIVEN_UP,
};
enum { JOB_PIECE_STATUSES = JOB_PIECE_GIVEN_UP + 1 };

enum { JOB_ATTEMPTS_A_PIECE = 2 }; /* live at once: the second is speculation */

struct job_attempt_state {
    struct token token;
    struct slice worker;
    int64_t granted_ms;
    bool speculative;
    bool committing; /* JOIN: the intent to complete its output is on disk */
    uint32_t holder; /* the caller's: which process of the worker's name it is; the core gives 0 */
};

struct job_piece_state {
    enum job_phase phase;
    uint32_t piece;
    enum job_piece_status status;
    uint8_t failures;   /* that count against MaxAttempts */
    uint8_t losses;     /* workers lost with it */
    uint64_t extra;     /* work done twice: bytes, and a constant for each attempt */
    int64_t due_ms;     /* WAITING */
    struct slice avoid; /* the worker that failed it last; empty: none */
    struct job_attempt_state live[JOB_ATTEMPTS_A_PIECE]; /* LIVE */
    uint32_t live_count;
    struct token winner; /* DONE: whose output counts */
    struct slice worker; /* DONE: who did it, */
    int64_t took_ms;     /* and in what time */
    struct job_result result;
};

const char *job_state_name(enum job_state state); /* "RUNNING" */
const char *job_phase_name(enum job_phase phase); /* "MAP" */
static inline bool job_state_is_end(enum job_state state)
{
    return state >= JOB_STOPPED;
}

#endif
