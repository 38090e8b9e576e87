/* SPDX-License-Identifier: Apache-2.0 */
/* What stays of job runs and what goes, through crashes; what leaves memory meanwhile; and how runs
 * share the workers there are. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/ledger_job_case.h"

/* ---- rows of pieces ---- */

static size_t rows_of_pieces(struct ledger_world *w)
{
    return world_job_rows(w, 'p') + world_job_rows(w, 's');
}

static void test_ledger_job_life__a_run_that_is_over_keeps_one_row(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run = planned(w, shuffled, 3);
    struct ledger_run_view v;
    struct err err;

    work_to(w, run, JOB_CLEAN);
    assert_true(world_job_rows(w, 'p') > 5); /* somebody may want to look at them yet */
    assert_int_equal(world_job_rows(w, 's'), 1);
    ends(w, run, JOB_SUCCEEDED);
    assert_int_equal(rows_of_pieces(w), 0);
    assert_int_equal(world_job_rows(w, 'r'), 1);
    assert_int_equal(world_job_rows(w, 'n'), 1);
    assert_int_equal(world_job_rows(w, 'l'), 1);
    world_begin(w);
    assert_int_equal(ledger_run_view(w->l, run, &v, &err), OK);
    assert_null(v.core);
    assert_int_equal(v.row->header.done[JOB_MAP].records_in, 15);
    world_end(w);
}

/* Troubles of all phases are in it. */
static void test_ledger_job_life__what_went_wrong_is_summed_up(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run = planned(w, plain, 4);

    assert_int_equal(world_fail(w, 0, 0, "Boom"), OK);
    world_advance(w, 10000);
    work_to(w, run, JOB_JOIN);
    assert_int_equal(world_run_header(w, run).failures, 1);
    (void)ready(w, 0);
    assert_int_equal(world_fail(w, 0, 0, "Boom"), OK);
    world_advance(w, 10000);
    ends(w, run, JOB_SUCCEEDED);
    assert_int_equal(world_run_header(w, run).failures, 2);
    assert_int_equal(world_run_header(w, run).losses, 0);
}

/* A run of many shards that is about to be over. */
static uint64_t nearly_over(struct ledger_world *w, size_t shards)
{
    uint64_t run = planned(w, plain, shards);

    while (world_run_header(w, run).phase == JOB_MAP) {
        struct world_worker *k = ready(w, 0);

        while (k->lease_count > 0) {
            assert_int_equal(world_piece(w, 0, 0, 0, 0), OK);
        }
        world_settle(w);
    }
    work_to(w, run, JOB_CLEAN);
    assert_int_equal(world_piece(w, 0, 0, 0, 0), OK);
    world_settle(w);
    world_advance(w, HOUR_MS - 60 * 1000);
    return run;
}

/* No turn deletes them all. */
static void test_ledger_job_life__rows_go_in_turns(void **state)
{
    enum { SHARDS = 6 * LIMIT_JOB_DELETES_A_TURN };
    struct ledger_world *w = *state;
    uint64_t run = nearly_over(w, SHARDS);
    size_t before = rows_of_pieces(w);
    unsigned turns = 0;

    assert_true(before > SHARDS);
    w->now.wall_ms += HOUR_MS;
    w->now.mono_ms += HOUR_MS;
    while (world_run_header(w, run).phase != JOB_OVER) {
        struct world_report none = {0};

        (void)world_job_work(w, 0, &none);
        world_turn(w);
        (void)world_commit(w);
    }
    while (rows_of_pieces(w) != 0) {
        size_t left;

        world_turn(w);
        (void)world_commit(w); /* which is a turn, too */
        left = rows_of_pieces(w);
        assert_true(before - left <= 2 * LIMIT_JOB_DELETES_A_TURN);
        before = left;
        assert_true(turns++ < 10);
    }
    assert_true(turns >= 3);
    world_settle(w);
    assert_true(case_is_rid(w));
    is(w, run, JOB_SUCCEEDED, JOB_OVER);
}

/* It goes on where a crash at any point has left it. */
static void test_ledger_job_life__rows_go_though_it_crashes(void **state)
{
    enum { SHARDS = 2 * LIMIT_JOB_DELETES_A_TURN };
    struct ledger_world *w = *state;
    uint64_t run = nearly_over(w, SHARDS);
    unsigned crashes = 0;

    world_advance(w, HOUR_MS);
    for (unsigned turns = 0; !case_is_rid(w); turns++) {
        struct world_report none = {0};

        (void)world_job_work(w, 0, &none);
        world_turn(w);
        if (turns % 2 == 0) {
            (void)world_commit(w);
        }
        if (turns % 3 == 1) {
            world_crash(w);
            crashes++;
        }
        assert_true(turns < 100);
    }
    world_settle(w);
    assert_true(crashes > 2);
    assert_int_equal(rows_of_pieces(w), 0);
    assert_int_equal(world_job_rows(w, 'r'), 1);
    is(w, run, JOB_SUCCEEDED, JOB_OVER);
    world_check_end(w);
}

/* ---- in memory ---- */

/* The sweeper looks for what its joining may have left, and for nothing else of it. */
static void is_swept(struct ledger_world *w, uint64_t run)
{
    struct ledger_run_view v;
    struct ledger_sweep *all;
    struct err err;
    size_t count;
    int64_t late_ms;

    world_begin(w);
    late_ms = w->l->now.wall_ms - w->l->config.job_clean_ms / 2;
    assert_int_equal(ledger_run_view(w->l, run, &v, &err), OK);
    all = ledger_sweeps(w->l, &count);
    assert_true(count != 0 && all[count - 1].exact);
    assert_true(slice_eq_str(all[count - 1].bucket, "work"));
    assert_true(slice_eq_str(all[count - 1].prefix, "out/j"));
    assert_int_equal(all[count - 1].ended_ms,
                     late_ms > v.row->header.ended_ms ? late_ms : v.row->header.ended_ms);
    assert_true(ledger_run_owns(
        w->l, arena_printf(&w->l->arena, "out/.stepfleet/%.*s/m1-7.7", SLICE_FMT(v.row->id))));
    world_end(w);
}

/* Between its end and the second cleaning it is nowhere but on disk. */
static void test_ledger_job_life__a_run_that_waits_is_parked(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run = nearly_over(w, 3);
    size_t commits = w->commits;

    assert_int_equal(w->l->runs.count, 0);
    assert_int_equal(w->l->runs_parked.count, 1);
    is(w, run, JOB_SUCCEEDED, JOB_CLEAN);
    is_swept(w, run);
    world_crash(w);
    world_advance(w, 1000);
    is_swept(w, run);
    assert_int_equal(w->l->runs.count, 0);
    assert_int_equal(w->l->runs_parked.count, 1);
    world_begin(w);
    ledger_run_stop(w->l, run);
    world_end(w);
    world_settle(w);
    assert_int_equal(w->commits, commits); /* it has ended */
    world_advance(w, 2 * 60 * 1000);
    (void)ready(w, 0);
    assert_int_equal(w->workers[0].lease_count, 1);
    assert_int_equal(w->workers[0].leases[0].phase, JOB_CLEAN);
    assert_int_equal(w->workers[0].leases[0].piece, 1);
    assert_int_equal(world_piece(w, 0, 0, 0, 0), OK);
    world_settle(w);
    assert_true(case_is_rid(w));
}

/* ---- how many runs a job keeps ---- */

/* So many runs that come to nothing at once. */
static uint64_t fail_runs(struct ledger_world *w, const char *job, unsigned count)
{
    uint64_t run = 0;

    for (unsigned i = 0; i < count; i++) {
        run = world_run(w, job);
        world_begin(w);
        ledger_run_stop(w->l, run);
        world_end(w);
        world_settle(w);
    }
    return run;
}

static enum err_code find(struct ledger_world *w, uint64_t run)
{
    struct ledger_run_view v;
    struct err err;
    enum err_code rc;

    world_begin(w);
    rc = ledger_run_view(w->l, run, &v, &err);
    world_end(w);
    return rc;
}

static void test_ledger_job_life__a_job_keeps_its_last_runs(void **state)
{
    enum { MORE = 200 };
    struct ledger_world *w = *state;
    uint64_t *listed;
    uint64_t last;
    size_t count;
    struct err err;

    world_job(w, "j", plain);
    world_job(w, "k", plain);
    (void)fail_runs(w, "k", 3);
    last = fail_runs(w, "j", LIMIT_JOB_RUNS_KEPT + MORE);
    world_begin(w);
    assert_int_equal(ledger_runs(w->l, SLICE("j"), 0, 5000, &listed, &count, &err), OK);
    assert_in_range(count, LIMIT_JOB_RUNS_KEPT, LIMIT_JOB_RUNS_KEPT + 64);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(listed[i], last - i); /* the newest */
    }
    world_end(w);
    assert_int_equal(world_job_rows(w, 'r'), count + 3);
    assert_int_equal(world_job_rows(w, 'n'), count + 3);
    assert_int_equal(find(w, last), OK);
    assert_int_equal(find(w, last - LIMIT_JOB_RUNS_KEPT - MORE + 1), ERR_NOT_FOUND);
}

/* With the job, its runs; but for one that is not over, which goes when it is. No number comes
 * again. */
static void test_ledger_job_life__a_deleted_jobs_runs_go(void **state)
{
    struct ledger_world *w = *state;
    uint64_t other;
    uint64_t run;

    world_job(w, "k", plain);
    other = fail_runs(w, "k", 1);
    run = planned(w, plain, 1);
    world_begin(w);
    ledger_job_delete(w->l, ledger_job_find(w->l, SLICE("k")));
    ledger_job_delete(w->l, ledger_job_find(w->l, SLICE("j")));
    world_end(w);
    assert_true(world_commit(w));
    world_crash(w); /* nothing of it was done */
    world_settle(w);
    assert_int_equal(find(w, other), ERR_NOT_FOUND);
    assert_int_equal(world_job_rows(w, 'r'), 1);
    assert_int_equal(world_job_rows(w, 't'), 0);
    work_to(w, run, JOB_CLEAN);
    for (unsigned i = 0; !case_is_rid(w); i++) {
        struct world_report none = {0};

        while (world_job_work(w, 0, &none)) {
            world_settle(w);
        }
        world_advance(w, HOUR_MS / 60);
        assert_true(i < 100);
    }
    assert_int_equal(world_job_rows(w, 'r') + world_job_rows(w, 'n') + world_job_rows(w, 'l'), 0);
    assert_int_equal(world_job_rows(w, 't'), 0);
    world_crash(w);
    world_job(w, "j", plain);
    assert_true(world_run(w, "j") > other);
}

/* Those of the next job of its name stay. */
static void test_ledger_job_life__a_job_made_again_has_its_own_runs(void **state)
{
    struct ledger_world *w = *state;
    uint64_t before;
    uint64_t after;

    world_job(w, "j", plain);
    before = fail_runs(w, "j", 40);
    world_begin(w);
    ledger_job_delete(w->l, ledger_job_find(w->l, SLICE("j")));
    world_end(w);
    world_job(w, "j", plain);
    after = world_run(w, "j");
    world_settle(w);
    assert_int_equal(find(w, before), ERR_NOT_FOUND);
    assert_int_equal(find(w, after), OK);
    assert_int_equal(world_job_rows(w, 'r'), 1);
    world_begin(w);
    ledger_run_stop(w->l, after);
    world_end(w);
    world_settle(w);
    assert_int_equal(find(w, after), OK);
}

/* Whatever the job is by then: only what was given before it was deleted goes. */
static void test_ledger_job_life__only_runs_below_go(void **state)
{
    struct ledger_world *w = *state;
    uint64_t last;

    world_job(w, "j", plain);
    last = fail_runs(w, "j", 40);
    world_begin(w);
    sweep_job_deleted(w->l, SLICE("j"), last - 1);
    world_end(w);
    assert_true(world_commit(w));
    world_crash(w);
    world_settle(w);
    assert_int_equal(world_job_rows(w, 'l'), 2);
    assert_int_equal(find(w, last), OK);
    assert_int_equal(find(w, last - 1), OK);
    assert_int_equal(find(w, last - 2), ERR_NOT_FOUND);
}

/* ---- two runs, and few workers ---- */

/* The job of a lease: its worker is told as the state. */
static unsigned of_job(const struct world_worker *k, const char *job)
{
    unsigned count = 0;

    for (size_t i = 0; i < k->lease_count; i++) {
        count += k->leases[i].phase == JOB_MAP && strcmp(k->leases[i].job_name, job) == 0;
    }
    return count;
}

/* As long as the first one is at it, the second is given as much. */
static void test_ledger_job_life__no_run_starves(void **state)
{
    enum { SHARDS = 60 };
    struct ledger_world *w = *state;
    struct world_worker *k = ready(w, 0);
    unsigned given[2] = {0, 0};
    unsigned both = 0;

    for (unsigned i = 0; i < 2; i++) {
        world_job(w, i == 0 ? "a" : "b", plain);
        (void)world_run(w, i == 0 ? "a" : "b");
        world_settle(w);
        (void)ready(w, 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        size_t plan = world_lease_of(k, JOB_PLAN);

        assert_true(plan < k->lease_count);
        assert_int_equal(world_piece(w, 0, plan, SHARDS, 0), OK);
        world_settle(w);
        (void)ready(w, 0);
    }
    assert_int_equal(of_job(k, "a") + of_job(k, "b"), WORLD_SLOTS);
    for (unsigned i = 0; i < SHARDS; i++) {
        assert_int_equal(world_piece(w, 0, i % WORLD_SLOTS, 0, 0), OK);
        world_advance(w, 700); /* ticks of both runs are between */
        (void)ready(w, 0);
        assert_int_equal(k->lease_count, WORLD_SLOTS);
        given[strcmp(k->leases[WORLD_SLOTS - 1].job_name, "b") == 0]++;
        both += of_job(k, "a") != 0 && of_job(k, "b") != 0;
    }
    assert_in_range(given[0], SHARDS / 2 - 2, SHARDS / 2 + 2);
    assert_in_range(given[1], SHARDS / 2 - 2, SHARDS / 2 + 2);
    assert_true(both > SHARDS - WORLD_SLOTS);
}

static const char *const stage =
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"End\":true,\"Resource\":"
    "\"arn:aws:lambda:eu-x-1:000000000042:function:h\"}}}";

static void start_stage(struct ledger_world *w, unsigned n)
{
    char name[16];
    uint64_t id;

    (void)snprintf(name, sizeof(name), "e%u", n);
    world_begin(w);
    assert_int_equal(world_start(w, "m", name, "{}", false, &id), OK);
    world_end(w);
    world_settle(w);
}

/* Stages of the same function come as fast as they are done, and each waits longer than the time
 * from one tick of the run to the next: the run's piece waits as long as they do, and no longer. */
static void test_ledger_job_life__a_run_keeps_its_place_among_stages(void **state)
{
    enum { WAITING = 2 * WORLD_SLOTS };
    struct ledger_world *w = *state;
    struct world_worker *k = ready(w, 0);
    unsigned started = 0;

    world_job(w, "a", "{\"Handler\":\"h\",\"NumberOfWorkers\":2}");
    (void)world_run(w, "a");
    (void)world_machine(w, "m", false, stage);
    world_settle(w);
    while (started < WORLD_SLOTS - 1) {
        start_stage(w, started++);
    }
    (void)ready(w, 0);
    assert_int_equal(world_piece(w, 0, world_lease_of(k, JOB_PLAN), 60, 0), OK);
    world_settle(w);
    assert_int_equal(of_job(k, "a"), 1);
    while (started < WORLD_SLOTS - 1 + WAITING) {
        start_stage(w, started++); /* behind the run's ticket */
    }
    for (unsigned i = 0; i < 2 * WAITING && of_job(k, "a") < 2; i++) {
        size_t n = 0;

        while (k->leases[n].job) {
            n++;
        }
        world_advance(w, LIMIT_JOB_TICK_MS + 100);
        assert_int_equal(world_succeed(w, 0, n, "{}"), OK);
        start_stage(w, started++);
        (void)ready(w, 0);
        assert_int_equal(k->lease_count, WORLD_SLOTS);
    }
    assert_int_equal(of_job(k, "a"), 2);
}

/* A worker that failed a few times is avoided for some seconds; then it is given what waits, though
 * nothing else happens. */
static void test_ledger_job_life__who_is_not_avoided_any_more_is_fed(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run = planned(w, plain, 40);
    struct world_worker *k = ready(w, 0);
    struct world_worker *other = ready(w, 1);

    assert_int_equal(k->lease_count, WORLD_SLOTS);
    assert_int_equal(other->lease_count, WORLD_SLOTS);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(world_fail(w, 1, 0, "Boom"), OK);
        world_settle(w);
    }
    while (other->lease_count > 0) {
        assert_int_equal(world_piece(w, 1, 0, 0, 0), OK);
        world_settle(w);
    }
    (void)ready(w, 1);
    assert_int_equal(other->lease_count, 0);
    is(w, run, JOB_RUNNING, JOB_MAP);
    for (unsigned i = 0; i < 20 && other->lease_count == 0; i++) {
        assert_true(other->parked);
        world_advance(w, 500);
    }
    assert_int_equal(other->lease_count, WORLD_SLOTS);
}

/* ---- leases ---- */

/* Only those that had a rival are named; after a restart, too. */
static void test_ledger_job_life__leases_name_winners_that_had_rivals(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t run = planned(w, shuffled, 4);
    uint32_t piece = k->leases[1].piece;
    struct token first = k->leases[1].token;
    struct token winner = first;

    assert_int_equal(world_fail(w, 0, 1, "Boom"), OK);
    world_advance(w, 10000);
    (void)ready(w, 0);
    for (size_t i = 0; i < k->lease_count; i++) {
        winner = k->leases[i].piece == piece ? k->leases[i].token : winner;
    }
    assert_false(token_eq(winner, first));
    assert_int_equal(world_return(w, 0, 0), OK); /* what was not begun is no rival */
    work_to(w, run, JOB_REDUCE);
    (void)ready(w, 0);
    assert_int_equal(k->leases[0].winners, 1);
    assert_true(token_eq(k->leases[0].winner[piece], winner));
    while (k->lease_count > 0) {
        world_forget(k, 0);
    }
    world_crash(w);
    (void)ready(w, 0);
    assert_int_equal(k->leases[0].phase, JOB_REDUCE);
    assert_int_equal(k->leases[0].winners, 1);
    assert_true(token_eq(k->leases[0].winner[piece], winner));
    ends(w, run, JOB_SUCCEEDED);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(test_ledger_job_life__##name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_run_that_is_over_keeps_one_row),
        TEST(what_went_wrong_is_summed_up),
        TEST(rows_go_in_turns),
        TEST(rows_go_though_it_crashes),
        TEST(a_run_that_waits_is_parked),
        TEST(a_job_keeps_its_last_runs),
        TEST(a_deleted_jobs_runs_go),
        TEST(a_job_made_again_has_its_own_runs),
        TEST(only_runs_below_go),
        TEST(no_run_starves),
        TEST(a_run_keeps_its_place_among_stages),
        TEST(who_is_not_avoided_any_more_is_fed),
        TEST(leases_name_winners_that_had_rivals),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
