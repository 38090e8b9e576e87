/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of job runs in the ledger share: a run with its plan made, workers that do what
 * there is, and a look at what is left. */
#ifndef STEPFLEET_TESTS_LIB_LEDGER_JOB_CASE_H
#define STEPFLEET_TESTS_LIB_LEDGER_JOB_CASE_H

#include "coordinator/ledger/run.h"
#include "tests/lib/ledger_world.h"

enum { HOUR_MS = 3600 * 1000 };

#define RETRY "\"Retry\":{\"MaxAttempts\":2,\"IntervalSeconds\":1,\"BackoffRate\":1.0}"
static const char *const plain = "{\"Handler\":\"h\"," RETRY "}";
static const char *const shuffled = "{\"Handler\":\"h\"," RETRY ",\"Shuffle\":{\"Kind\":\"group\","
                                    "\"Keys\":[{\"Path\":\"$.k\"}],\"Handler\":\"reduce\"}}";

static inline void
is(struct ledger_world *w, uint64_t run, enum job_state state, enum job_phase phase)
{
    struct job_run_header h = world_run_header(w, run);

    assert_string_equal(job_state_name(h.state), job_state_name(state));
    assert_string_equal(job_phase_name(h.phase), job_phase_name(phase));
}

/* A worker that is there, with a parked poll. */
static inline struct world_worker *ready(struct ledger_world *w, unsigned worker)
{
    if (w->workers[worker].w == NULL) {
        world_hello(w, worker, world_job_functions);
    }
    world_poll(w, worker);
    world_settle(w);
    return &w->workers[worker];
}

/* A run of that definition whose plan has been made by worker 0. */
static inline uint64_t planned(struct ledger_world *w, const char *definition, size_t shards)
{
    struct world_worker *k = ready(w, 0);
    uint64_t run;

    world_job(w, "j", definition);
    run = world_run(w, "j");
    world_settle(w);
    assert_int_equal(k->lease_count, 1);
    assert_string_equal(k->leases[0].function, "stepfleet:job");
    assert_int_equal(world_piece(w, 0, 0, shards, 2), OK);
    world_settle(w);
    (void)ready(w, 0);
    return run;
}

/* Worker 0, and the others that are there, each do the next thing; false: there is none. */
static inline bool work(struct ledger_world *w, struct world_report reports[WORLD_WORKERS])
{
    bool moved = false;

    for (unsigned i = 0; i < WORLD_WORKERS; i++) {
        if (i == 0 || w->workers[i].w != NULL) {
            moved = world_job_work(w, i, &reports[i]) || moved;
        }
    }
    world_settle(w);
    return moved;
}

/* All there is to do is done until the run is in that phase. */
static inline void work_to(struct ledger_world *w, uint64_t run, enum job_phase phase)
{
    struct world_report reports[WORLD_WORKERS] = {0};

    for (unsigned i = 0; world_run_header(w, run).phase != phase; i++) {
        assert_true(i < 100000);
        if (!work(w, reports)) {
            world_advance(w, 100);
        }
    }
}

/* The worker's poll is answered, and it says again what it holds. */
static inline void poll_again(struct ledger_world *w)
{
    world_begin(w);
    if (w->workers[0].parked) {
        world_answer_poll(&w->workers[0]);
    }
    world_end(w);
    (void)ready(w, 0);
}

/* All runs are over, and the rows of their pieces are gone. */
static inline bool case_is_rid(struct ledger_world *w)
{
    return w->l->runs.count == 0 && w->l->runs_parked.count == 0 && list_empty(&w->l->sweeps) &&
           world_job_rows(w, 'o') == 0;
}

/* The second cleaning, an hour later, and then nothing is left. */
static inline void ends(struct ledger_world *w, uint64_t run, enum job_state state)
{
    struct world_report reports[WORLD_WORKERS] = {0};

    work_to(w, run, JOB_CLEAN);
    is(w, run, state, JOB_CLEAN);
    for (unsigned i = 0; i < 10; i++) {
        while (work(w, reports)) {
        }
        world_advance(w, 1000);
    }
    assert_int_equal(w->l->runs_parked.count, 1); /* for what is written late */
    assert_int_equal(w->l->runs.count, 0);
    for (unsigned i = 0; i < 60; i++) {
        (void)ready(w, 0);
        world_advance(w, HOUR_MS / 60);
    }
    work_to(w, run, JOB_OVER);
    world_settle(w);
    is(w, run, state, JOB_OVER);
    assert_true(case_is_rid(w));
    assert_int_equal(world_job_rows(w, 'p'), 0);
    assert_int_equal(world_job_rows(w, 's'), 0);
    assert_int_equal(fleet_ready_count(w->l->fleet), 0);
    assert_int_equal(fleet_leased_count(w->l->fleet), 0);
    world_check_end(w);
}

#endif
