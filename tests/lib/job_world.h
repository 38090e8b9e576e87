/* SPDX-License-Identifier: Apache-2.0 */
/* A small world around one job run: workers of given speeds that work, report, fail, stand still
 * and die, a disk that keeps what row.h says, and a coordinator that can be restarted from it. Time
 * goes in steps. After every event the run is held to a model that is slow and plain: what the
 * world itself has seen happen to each piece. What is wrong ends the program and names the seed. */
#ifndef STEPFLEET_TESTS_LIB_JOB_WORLD_H
#define STEPFLEET_TESTS_LIB_JOB_WORLD_H

#include "coordinator/job/run.h"

enum {
    JOB_WORLD_WORKERS = 16,
    JOB_WORLD_STEP_MS = 25,
    JOB_WORLD_START_MS = 1000000,
};

struct job_world_worker {
    double speed; /* bytes a ms, of each of its slots */
    unsigned slots;
    unsigned fail;                /* of a thousand attempts */
    int64_t still_from, still_to; /* since the start, ms: its handlers stand still then */
    int64_t away_until;           /* dead until then */
    unsigned live;
};

struct job_world_config {
    uint64_t seed;
    struct job_world_worker workers[JOB_WORLD_WORKERS];
    unsigned worker_count;
    uint32_t shards;
    uint64_t bytes_min, bytes_max; /* of a shard */
    struct job_run_settings settings;
    uint32_t partitions;  /* that the plan proposes */
    double uneven;        /* attempts are by as much faster or slower than their workers */
    int64_t report_ms;    /* between progress reports; 0: there are none */
    unsigned restart;     /* of the coordinator, in a thousand steps */
    unsigned kill;        /* of a worker, in ten thousand steps */
    unsigned give_back;   /* of a thousand grants */
    unsigned bad_record;  /* of a thousand pieces: one rejected */
    int64_t faults_until; /* since the start, ms: no fault after that */
    int64_t stop_ms;      /* since the start; 0: never */
};

struct job_world_result {
    enum job_state state;
    int64_t took_ms;      /* from the start of MAP to the end */
    uint64_t bytes;       /* of all shards */
    uint64_t extra_bytes; /* done by attempts that another had overtaken */
    unsigned second;      /* attempts */
    unsigned restarts;
    unsigned lost;
    unsigned failed;
    unsigned stale;
    uint64_t events;
};

/* Workers of equal speed but for the first `slow`, which are `factor` times slower. */
void job_world_workers(struct job_world_config *c,
                       unsigned count,
                       unsigned slots,
                       unsigned slow,
                       double factor);
/* A run of so many shards of 4 to 28 MiB, as definitions have it by default. */
struct job_world_config job_world_config(uint64_t seed, uint32_t shards);
/* The whole run, until nothing is left of it. Ends the program where the run is wrong, or does not
 * end within `bound_ms` of the world's time. */
struct job_world_result job_world_run(const struct job_world_config *c, int64_t bound_ms);

#endif
