/* SPDX-License-Identifier: Apache-2.0 */
/* Job runs in the simulator: the product's runs, tickets, pieces and leases, over
 *
 *   model_job.c     jobs, their inputs, and what a run must come to
 *   client_job.c    clients that start runs, stop them and watch them
 *   worker_piece.c  a piece in a worker: as worker/job does it, on the simulated store
 *   objects_job.c   the store's requests for that
 *
 * and under job.c, which knows every run that was seen and what was said of it, and check_job.c,
 * which looks into the ledger after each turn and each second.
 *
 * What must hold:
 *  - of a piece one success is accepted, and the leases of later pieces name that one; an object
 *    that a lease names is there;
 *  - what is made visible has every record once and in order, when its JOIN has told it, and only
 *    where the run succeeds; a stop that was acknowledged as done stays so;
 *  - no more runs, attempts and second attempts at once than may be;
 *  - memory and rows say the same, and after any crash the rows are what memory was;
 *  - every run ends once faults stop, and nothing temporary is left of it. */
#ifndef STEPFLEET_TESTS_SIM_JOB_H
#define STEPFLEET_TESTS_SIM_JOB_H

#include "proto/job/piece.h"
#include "tests/sim/model_job.h"
#include "tests/sim/worker.h"

#define SIM_JOB_BUCKET "work"

struct sim_jobs {
    struct arena arena;
    struct hash runs;             /* sim_run.by_id */
    unsigned made;                /* jobs */
    void (*ready)(struct sim *s); /* goes on when one more is */
    unsigned asked;               /* runs that clients have begun to start */
    unsigned over;                /* of them */
    int64_t deleted_us;           /* a deletion of MODEL_JOB_DELETED was answered last; 0: never */
};

/* A run as it was seen, by whomever. */
struct sim_run {
    struct hash_node by_id;
    char id[68];
    size_t number; /* in the order they were seen */
    const struct model_job *job;
    struct slice input;
    struct slice output;
    bool alone;       /* no task waits for it: a redrive may start another beside it */
    unsigned workers; /* NumberOfWorkers it was started with; 0: the job's */
    bool asked;       /* by a client: what follows is its */
    bool started;     /* acknowledged */
    bool stop_asked;
    int64_t stopped_us;  /* acknowledged as STOPPED; 0: never */
    bool over;           /* its client asks no more of it */
    bool listed;         /* at the end */
    unsigned commits;    /* its output was made visible */
    struct list winners; /* sim_winner */
};

/* ---- job.c ---- */

void jobs_open(struct sim *s);
/* The one of that id, new where there is none. */
struct sim_run *jobs_run(struct sim *s, struct slice id);
/* It was acknowledged as stopped, and its job was not deleted since: then its id is forgotten, and
 * a late repeat of its start begins another. */
bool jobs_run_stopped(const struct sim *s, const struct sim_run *r);
/* A lease of a piece is delivered: what of it must be the same each time, as a number. */
uint64_t jobs_delivered(struct sim_worker *k, const Stepfleet__Lease *m);
/* The output of that attempt counts for the piece: the same each time somebody says so. */
void jobs_won(struct sim *s,
              struct sim_run *r,
              enum job_phase phase,
              uint32_t piece,
              struct lease_token token);
/* A success of a piece was accepted. */
void jobs_accepted(struct sim *s, struct slice what, struct lease_token token);
/* Is it the mark of a run's output? */
bool jobs_is_mark(struct slice mark);
/* It becomes visible. */
void jobs_committed(struct sim *s, const char *key, const char *mark, struct slice bytes);
/* At the end: the object is what its run made. */
void jobs_check_output(struct sim *s,
                       const char *key,
                       const char *mark,
                       struct slice bytes,
                       bool damaged);
/* Is that a lease yet? What was overtaken may find anything. */
bool jobs_holds(struct sim *s, struct lease_token token);
/* A lease names an object that is not there. */
void jobs_missing(struct sim_worker *k, struct lease_token token, struct slice key);
/* The token that ends a name; false: there is none. */
bool jobs_name_token(const char *name, struct lease_token *out);
/* The token of the attempt whose temporary object that is; false: it is none. */
bool jobs_key_token(const char *key, struct lease_token *out);

/* ---- client_job.c ---- */

/* One more job is made, then `ready` goes on. False: all there are to be are there. */
bool client_make_job(struct sim *s, void (*ready)(struct sim *s));
/* The output of that mark is being completed: somebody may stop the run now. */
bool client_jobs_lose_patience(struct sim *s, struct slice mark);
/* Runs are started from now on. */
void client_jobs_begin(struct sim *s);
bool client_jobs_are_done(const struct sim *s);

/* ---- check_job.c ---- */

/* After a turn: what the ledger has in memory. */
void jobs_check_turn(struct sim *s);
/* Each second: rows on disk. */
void jobs_check_rows(struct sim *s);
/* At the end, of every run there is. */
void jobs_check_world(struct sim *s);

/* ---- worker_piece.c ---- */

void piece_start(struct sim_task *t);
/* Its task is to be ended in `us`. */
void piece_stop(struct sim_task *t, int64_t us);
void piece_recorded(struct sim_task *t, enum err_code rc);
void piece_progress(const struct sim_task *t, struct handler_progress *out);
void pieces_free(struct sim_worker *k);

#endif
