/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs of simulated worlds and what their runs must come to, whatever goes wrong on the way: told
 * from the job and the input alone, without shards, attempts or phases.
 *
 * An input's name says all there is in it: "in/KIND-COUNT-SALT". Record k has a value of 0 to 999;
 * MAP leaves out every fifth of them by value, and writes "value k\n". A job that sorts writes them
 * in order of value and k, others in the order of the input. */
#ifndef STEPFLEET_TESTS_SIM_MODEL_JOB_H
#define STEPFLEET_TESTS_SIM_MODEL_JOB_H

#include "proto/base/buf.h"
#include "proto/job/piece.h"
#include "tests/sim/model.h"

#define MODEL_JOB_MAP    "JOBMAP"
#define MODEL_JOB_REDUCE "JOBREDUCE"

enum { MODEL_JOB_VALUES = 1000, MODEL_JOB_RECORDS = 24 };

struct model_job {
    const char *name;
    unsigned concurrent; /* MaxConcurrentRuns */
    unsigned workers;    /* 0: no bound */
    unsigned retries;
    unsigned timeout_minutes;
    bool sorts;
    bool reduces;      /* by a handler of its own */
    bool rejects;      /* bad records, */
    unsigned bad_most; /* up to so many */
    bool lasts;        /* for many minutes: it ends in time where it is stopped */
};
/* The one that is deleted now and then, with those of its runs that are over. */
enum { MODEL_JOBS = 8, MODEL_JOBS_BRIEF = 7, MODEL_JOB_DELETED = 4 };

/* An argument of the runs no task waits for. */
#define MODEL_JOB_ALONE "--nobody-waits"
extern const struct model_job model_jobs[MODEL_JOBS];
/* NULL: there is none of that name. */
const struct model_job *model_job_find(struct slice name);
/* As JOB_PUT takes it, in `a`. */
struct slice model_job_definition(const struct model_job *j, struct arena *a);

struct model_input {
    bool bad;             /* some of its records are */
    bool wild;            /* its plan makes no sense */
    enum job_phase fails; /* where `error` comes */
    const char *error;    /* final; NULL: none */
    unsigned count;
    uint64_t salt;
};
/* A name by chance, in `a`; and what it says. False: it is none. */
struct slice model_input_name(uint64_t chance, struct arena *a);
bool model_input_read(struct slice name, struct model_input *out);

struct model_record {
    unsigned value;
    bool bad;
    bool kept; /* goes into the output */
};
struct model_record model_record(const struct model_input *in, unsigned k);

/* What the run must come to, where it comes to its own end. */
struct model_job_end {
    const char *error; /* FAILED, or ERROR where its plan is wild; NULL: SUCCEEDED */
    unsigned read;
    unsigned kept;
    unsigned rejected;
    struct buf output;
};
void model_job_run(const struct model_job *j, struct slice input, struct model_job_end *out);

/* A machine whose tasks run jobs, side by side and one after the other. */
void model_job_machine(uint64_t chance, unsigned n, struct arena *a, struct model_machine *out);

#endif
