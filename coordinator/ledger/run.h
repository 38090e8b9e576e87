/* SPDX-License-Identifier: Apache-2.0 */
/* Job runs in memory: what the files about them share. The core (coordinator/job) decides; here its
 * outcomes become rows, leases and notices.
 *
 *   job.c       definitions
 *   run.c       a run from its start to its end; outcomes; its rows
 *   run_load.c  and back from them
 *   run_task.c  its pieces as tasks: the ticket, grants, what workers say
 *   run_park.c  out of memory while it only waits
 *   run_delete.c  rows that are needed no more
 *
 * A run has a number as executions have, of a space of its own (RUN_BIT), and is in memory until
 * its phase is OVER and that is on disk; then the rows of its pieces go. One that has ended and
 * only waits to clean up once more is parked meanwhile. One ticket of it stands among the fleet's
 * ready tasks while the core wants one; a worker that takes it gets the piece the core chooses
 * then. */
#ifndef STEPFLEET_LEDGER_RUN_H
#define STEPFLEET_LEDGER_RUN_H

#include "coordinator/job/run.h"
#include "coordinator/ledger/internal.h"
#include "coordinator/store/row_job.h"
#include "proto/job/arguments.h"

/* The ticket, or a live attempt. */
struct run_piece {
    struct fleet_task task; /* task.job */
    struct ledger_run *run;
    enum job_phase phase;
    uint32_t piece;
    struct list of_run; /* ledger_run.live */
    struct list mail;   /* in its worker's outbox of pieces */
    uint64_t bytes_in;
    uint64_t bytes_out;
    char note[120];
    size_t note_len;
};

/* A run that has nothing to do before that time: its rows are all there is of it, and where its
 * output was to be, for the sweeper. */
struct run_parked {
    struct hash_node by_number;
    struct heap_node due; /* wall */
    uint64_t number;
    struct slice id; /* in `texts`, as those of `sweep` */
    struct ledger_sweep sweep;
    char texts[];
};

struct ledger_run {
    struct hash_node by_number;
    struct hash_node by_id; /* once it is settled */
    uint64_t number;
    struct arena texts;     /* of `row`, but for its header, output and plan */
    struct job_run_row row; /* header: as of the last event */
    const struct job_definition *definition;
    struct job_places places;
    struct job_run *core;
    struct ledger_job *job; /* NULL: it was deleted meanwhile */
    struct run_piece *ticket;
    uint64_t ticket_avoids; /* a mark of whom it avoids */
    struct list live;
    struct job_winner *winners; /* of the phase: those that leases of the next one will name */
    size_t winner_count;
    size_t winner_cap;
    struct buf before;             /* those of the phase before, as JobPiece has them */
    struct buf output;             /* the texts of row.output */
    struct object_request *object; /* on its way; NULL: none */
    struct list commits;           /* ledger_commit */
    struct heap_node tick;         /* mono */
    uint64_t batch;                /* that holds its last row */
    struct list over;              /* among those to leave memory */
    struct list moved;             /* hooks.moved at the end of the turn */
};

/* ---- run.c ---- */

struct ledger_run *run_find(const struct ledger *l, uint64_t number);
struct ledger_run *run_find_id(const struct ledger *l, struct slice id);
/* Zeroed but for its number: run_settle() fills it. */
struct ledger_run *run_new(struct ledger *l, uint64_t number);
/* What the row says, parsed; the row's texts are copied. */
enum err_code run_settle(struct ledger *l,
                         struct ledger_run *r,
                         const struct job_run_row *row,
                         struct job_run_settings *settings,
                         struct err *err);
/* Where the row says that its piece is done, and was begun more than once, its winner is noted. */
void run_note_winner(struct ledger_run *r, const struct job_piece_state *row);
/* The phase is over: its winners are what leases of the next one have. */
void run_keep_winners(struct ledger_run *r);
/* Rows, leases, notices; then what it wants next. `w`: whose report led here, or NULL. */
void run_outcome(struct ledger *l,
                 struct ledger_run *r,
                 const struct job_outcome *out,
                 struct fleet_worker *w);
/* The same, but for what it wants next. */
void run_take(struct ledger *l, struct ledger_run *r, const struct job_outcome *out);
void run_put(struct ledger *l, struct ledger_run *r);
void run_set_output(struct ledger_run *r, const struct task_output *o, struct token upload);
void run_next(struct ledger *l, struct ledger_run *r, struct fleet_worker *prefer);
void run_put_sizes(struct ledger *l,
                   const struct ledger_run *r,
                   const uint64_t *bytes,
                   size_t count);
void runs_free(struct ledger *l);
void runs_due(struct ledger *l);
/* Is it the upload of a run's output? */
bool runs_upload(const struct ledger *l, struct slice upload_id);
/* Those that are over, or have to wait for long, leave memory once that is durable. */
void runs_retire(struct ledger *l);
/* Or cannot be read: that is for those who are told to find out. */
bool run_has_ended(struct ledger *l, uint64_t number);
/* As AWS's GetJobRun describes it; ERR_NOT_FOUND. */
enum err_code
run_describe(struct ledger *l, uint64_t number, bool *failed, struct slice *out, struct err *err);

/* ---- run_load.c ---- */

enum err_code runs_load(struct ledger *l, struct err *err);
/* Parked ones that are due. Bounded work a call. */
enum err_code runs_wake(struct ledger *l, struct err *err);
/* The bytes of a run's row, in the turn's arena. */
enum err_code run_read_row(struct ledger *l, uint64_t number, struct slice *out, struct err *err);

/* ---- run_park.c ---- */

/* Milliseconds until the last piece there is is due: nothing else can happen; -1: it can. */
int64_t run_sleeps_ms(const struct ledger *l, const struct ledger_run *r);
/* What is kept of it when it leaves memory until then. */
void run_park(struct ledger *l, const struct ledger_run *r, int64_t due_ms);
bool run_is_parked(const struct ledger *l, uint64_t number);
void run_unpark(struct ledger *l, struct run_parked *p);
/* The outputs of those that have ended and are cleaned up; how many. */
size_t runs_sweeps(const struct ledger *l, struct ledger_sweep *out);

/* ---- run_delete.c ---- */

/* The run is over, and that is on disk: what is left of its pieces goes. */
void sweep_pieces(struct ledger *l, uint64_t run);
/* There is no such job any more: its runs below that number go, once they are over. */
void sweep_job_deleted(struct ledger *l, struct slice job, uint64_t below);
/* As much as a turn may do. */
void sweeps_run(struct ledger *l);
enum err_code sweeps_load(struct ledger *l, struct err *err);
void sweeps_free(struct ledger *l);

/* ---- run_task.c ---- */

static inline struct run_piece *run_piece_of(struct fleet_task *t)
{
    return container_of(t, struct run_piece, task);
}

/* A ticket, where one is wanted; granted as often as workers take it at once. The one there is
 * keeps its place in the queue while its function is the phase's, so that no run goes before
 * another time and again. False: the turn has done enough, and it is to be tried again. */
bool run_ticket(struct ledger *l, struct ledger_run *r, struct fleet_worker *prefer);
/* A worker has taken the ticket. */
void run_taken(struct ledger *l, struct fleet_task *t, struct fleet_worker *w);
void run_resend(struct ledger *l, struct fleet_task *t, struct fleet_worker *w);
/* Its worker is gone, or nobody came for it. */
void run_lost(struct ledger *l, struct fleet_task *t);
/* The attempt is over for the fleet. */
void run_piece_end(struct ledger *l, struct run_piece *p);
/* A live attempt of before a restart. */
void run_piece_restore(struct ledger *l,
                       struct ledger_run *r,
                       uint32_t piece,
                       const struct job_attempt_state *at);
bool run_lease_fill(struct ledger *l, struct run_piece *p, struct ledger_lease *out);
void run_object_done(struct ledger *l, struct ledger_run *r, const struct object_request *o);

enum err_code run_task_progress(struct ledger *l,
                                struct fleet_task *t,
                                uint64_t bytes_in,
                                uint64_t bytes_out,
                                struct slice note);
enum err_code run_task_upload(struct ledger *l,
                              struct fleet_task *t,
                              const struct task_output *o,
                              struct err *err);
enum err_code run_task_fail(struct ledger *l, struct fleet_task *t, const struct failure *f);
enum err_code run_task_return(struct ledger *l, struct fleet_task *t);
enum err_code run_task_commit(struct ledger *l,
                              struct fleet_task *t,
                              const struct job_result *result,
                              struct slice parts,
                              struct ledger_commit *c);

#endif
