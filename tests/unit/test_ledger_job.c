/* SPDX-License-Identifier: Apache-2.0 */
/* Job runs in the ledger: from their plan to their clean-up, with workers that fail, leave and are
 * slow, an object store that does not answer, and crashes at every point there is. */
#include <string.h>

#include "tests/lib/ledger_job_case.h"

/* ---- to their end ---- */

static void test_ledger_job__from_plan_to_clean(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t run = planned(w, plain, 3);
    struct token plan;

    is(w, run, JOB_RUNNING, JOB_MAP);
    assert_int_equal(k->lease_count, 3);
    assert_string_equal(k->leases[0].function, "h");
    assert_int_equal(k->leases[0].shards, 3);
    plan = k->leases[0].plan;
    assert_true(plan.epoch != 0);
    work_to(w, run, JOB_JOIN);
    (void)ready(w, 0);
    assert_int_equal(k->lease_count, 1);
    assert_string_equal(k->leases[0].function, "stepfleet:job");
    assert_int_equal(k->leases[0].winners, 0); /* each was begun once */
    assert_true(token_eq(k->leases[0].plan, plan));
    ends(w, run, JOB_SUCCEEDED);
    assert_int_equal(world_object(w, "out/j")->writes, 1);
    assert_int_equal(world_run_header(w, run).done[JOB_MAP].records_in, 15);
    assert_int_equal(world_run_header(w, run).done[JOB_JOIN].records_out, 7);
}

static void test_ledger_job__a_shuffle_reduces_what_the_shards_wrote(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t run = planned(w, shuffled, 3);

    work_to(w, run, JOB_REDUCE);
    (void)ready(w, 0);
    assert_int_equal(k->lease_count, 2);
    assert_string_equal(k->leases[0].function, "reduce");
    assert_int_equal(k->leases[1].winners, 0);
    assert_int_equal(k->leases[1].partitions, 2);
    ends(w, run, JOB_SUCCEEDED);
}

/* And after a restart nobody thinks that there were winners. */
static void test_ledger_job__nothing_to_read_is_joined_all_the_same(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t run = planned(w, shuffled, 0);

    is(w, run, JOB_RUNNING, JOB_JOIN);
    assert_int_equal(k->lease_count, 1);
    assert_int_equal(k->leases[0].winners, 0);
    while (k->lease_count > 0) {
        world_forget(k, 0); /* its grant was lost with the worker's memory */
    }
    world_crash(w);
    (void)ready(w, 0);
    assert_int_equal(k->lease_count, 1);
    assert_int_equal(k->leases[0].winners, 0);
    ends(w, run, JOB_SUCCEEDED);
}

/* ---- attempts ---- */

static void test_ledger_job__a_piece_is_tried_again_and_then_the_run_fails(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t run = planned(w, plain, 2);

    for (unsigned i = 0; i < 3; i++) {
        size_t n = 0;

        while (n < k->lease_count && k->leases[n].piece != 1) {
            n++;
        }
        assert_true(n < k->lease_count);
        assert_int_equal(world_fail(w, 0, n, "Boom"), OK);
        (void)ready(w, 0);
        if (i < 2) {
            is(w, run, JOB_RUNNING, JOB_MAP);
            for (unsigned s = 0; s < 8; s++) {
                world_advance(w, 1000);
                (void)ready(w, 0);
            }
        }
    }
    is(w, run, JOB_FAILED, JOB_CLEAN);
    assert_int_equal(k->dropped, 1); /* the other piece's attempt */
    assert_int_equal(ledger_job_find(w->l, SLICE("j"))->open_runs, 0);
    ends(w, run, JOB_FAILED);
    assert_null(world_object(w, "out/j"));
}

static void test_ledger_job__a_lost_worker_costs_no_attempt(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run = planned(w, plain, 2);
    struct world_worker *k;

    assert_int_equal(w->workers[0].lease_count, 2);
    world_begin(w);
    ledger_worker_remove(w->l, w->workers[0].w, "left");
    world_end(w);
    while (w->workers[0].lease_count > 0) {
        world_forget(&w->workers[0], 0);
    }
    k = ready(w, 1);
    assert_int_equal(k->lease_count, 2);
    assert_int_equal(job_run_counts(run_find(w->l, run)->core).losses, 2);
    assert_int_equal(job_run_counts(run_find(w->l, run)->core).failures, 0);
    ends(w, run, JOB_SUCCEEDED);
}

static void test_ledger_job__what_is_handed_back_is_given_again(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run = planned(w, plain, 1);

    (void)ready(w, 1);
    assert_int_equal(world_return(w, 0, 0), OK);
    world_settle(w);
    assert_int_equal(w->workers[0].lease_count + w->workers[1].lease_count, 1);
    assert_int_equal(job_run_counts(run_find(w->l, run)->core).failures, 0);
    ends(w, run, JOB_SUCCEEDED);
}

/* Other pieces' rate says that one takes too long: another worker tries it too. */
static void test_ledger_job__a_slow_piece_is_tried_twice(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run = planned(w, plain, 8);
    struct world_worker *k = &w->workers[0];

    assert_int_equal(k->lease_count, 8);
    world_advance(w, 100);
    while (k->lease_count > 1) {
        assert_int_equal(world_piece(w, 0, k->lease_count - 1, 0, 0), OK);
        world_settle(w);
    }
    for (unsigned i = 0; i < 40 && w->workers[1].lease_count == 0; i++) {
        (void)ready(w, 1);
        world_begin(w);
        (void)ledger_task_progress(w->l, k->w, k->leases[0].token, true, 1, 1, SLICE(""));
        world_end(w);
        world_advance(w, 500);
    }
    assert_int_equal(w->workers[1].lease_count, 1);
    assert_int_equal(w->workers[1].leases[0].piece, k->leases[0].piece);
    assert_int_equal(job_run_counts(run_find(w->l, run)->core).speculated, 1);
    assert_int_equal(world_piece(w, 1, 0, 0, 0), OK);
    world_settle(w);
    is(w, run, JOB_RUNNING, JOB_JOIN);
    (void)ready(w, 0);
    assert_int_equal(k->dropped, 1);
    ends(w, run, JOB_SUCCEEDED);
}

/* ---- ends that are not its own ---- */

static void stop(struct ledger_world *w, uint64_t run)
{
    world_begin(w);
    ledger_run_stop(w->l, run);
    world_end(w);
    world_settle(w);
}

static void test_ledger_job__stopped_before_anything_was_done(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run;

    world_job(w, "j", plain);
    run = world_run(w, "j");
    world_settle(w);
    assert_int_equal(world_job_rows(w, 'o'), 1);
    world_begin(w);
    ledger_run_stop(w->l, run);
    assert_int_equal(fleet_ready_count(w->l->fleet), 0); /* no ticket of what is over */
    world_end(w);
    stop(w, run);
    is(w, run, JOB_STOPPED, JOB_OVER);
    assert_int_equal(w->l->runs.count, 0);
    assert_int_equal(world_job_rows(w, 'o'), 0);
    assert_int_equal(fleet_ready_count(w->l->fleet), 0);
    assert_int_equal(ready(w, 0)->lease_count, 0);
}

static void test_ledger_job__stopped_in_its_midst(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run = planned(w, plain, 3);

    stop(w, run);
    is(w, run, JOB_STOPPED, JOB_CLEAN);
    (void)ready(w, 0);
    assert_int_equal(w->workers[0].dropped, 3);
    ends(w, run, JOB_STOPPED);
}

static void test_ledger_job__stopped_while_it_commits(void **state)
{
    struct ledger_world *w = *state;
    struct world_report report;
    uint64_t run = planned(w, plain, 1);

    work_to(w, run, JOB_JOIN);
    (void)ready(w, 0);
    assert_int_equal(world_join_upload(w, 0, 0), OK);
    world_settle(w);
    (void)ready(w, 0);
    assert_int_equal(world_join(w, 0, 0, &report), OK);
    world_begin(w);
    ledger_run_stop(w->l, run);
    world_end(w);
    is(w, run, JOB_STOPPING, JOB_JOIN);
    world_settle(w);
    is(w, run, JOB_SUCCEEDED, JOB_CLEAN);
    assert_true(report.answered && report.rc == OK);
    ends(w, run, JOB_SUCCEEDED);
}

static void test_ledger_job__its_time_is_over(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run = planned(w, "{\"Handler\":\"h\",\"Timeout\":1}", 2);

    world_advance(w, 59000);
    is(w, run, JOB_RUNNING, JOB_MAP);
    world_advance(w, 2000);
    is(w, run, JOB_TIMEOUT, JOB_CLEAN);
    ends(w, run, JOB_TIMEOUT);
}

/* ---- the output ---- */

/* In JOIN, with its upload open. */
static uint64_t joining(struct ledger_world *w)
{
    uint64_t run = planned(w, plain, 1);

    work_to(w, run, JOB_JOIN);
    (void)ready(w, 0);
    assert_int_equal(world_join_upload(w, 0, 0), OK);
    world_settle(w);
    (void)ready(w, 0);
    return run;
}

static bool owns(struct ledger_world *w, const char *before, struct slice id, const char *behind)
{
    return ledger_run_owns(w->l,
                           arena_printf(&w->l->arena, "%s%.*s%s", before, SLICE_FMT(id), behind));
}

/* The sweep of the run's output key, or NULL. */
static const struct ledger_sweep *sweep_of_run(struct ledger_world *w)
{
    size_t count;
    const struct ledger_sweep *all = ledger_sweeps(w->l, &count);

    for (size_t i = 0; i < count; i++) {
        if (all[i].exact) {
            assert_true(slice_eq_str(all[i].prefix, "out/j"));
            return &all[i];
        }
        assert_true(slice_eq_str(all[i].prefix, "executions/") && all[i].ended_ms == 0);
    }
    return NULL;
}

/* What is left of it is the run's until it is over; an upload of its output that nobody recorded
 * is looked for then. */
static void test_ledger_job__its_leavings_are_looked_for(void **state)
{
    static const char other[] =
        "jr_00000000000000000000000000000000000000000000000000000000000000ff";
    struct ledger_world *w = *state;
    uint64_t run = joining(w);
    char text[JOB_RUN_ID_BYTES];
    struct slice id = slice_make(text, sizeof(text));

    memcpy(text, run_find(w->l, run)->row.id.ptr, sizeof(text)); /* it goes with the run */
    assert_true(owns(w, "out/.stepfleet/", id, "/m0-7.9"));
    assert_true(owns(w, "", id, ""));
    assert_false(owns(w, "out/.stepfleet/x", id, "/m0-7.9"));
    assert_false(owns(w, "out/.stepfleet/", slice_str(other), "/m0-7.9"));
    assert_null(sweep_of_run(w));
    stop(w, run);
    is(w, run, JOB_STOPPED, JOB_CLEAN);
    assert_int_equal(sweep_of_run(w)->ended_ms, world_run_header(w, run).ended_ms);
    assert_true(owns(w, "out/.stepfleet/", id, "/m0-7.9"));
    ends(w, run, JOB_STOPPED);
    assert_false(owns(w, "out/.stepfleet/", id, "/m0-7.9"));
    assert_null(sweep_of_run(w));
}

static void test_ledger_job__an_output_is_intended_then_completed(void **state)
{
    struct ledger_world *w = *state;
    struct world_report report;
    uint64_t run = joining(w);

    assert_false(ledger_upload_is_stray(w->l, SLICE("out/j"), SLICE("up-1")));
    assert_int_equal(world_piece(w, 0, 0, 0, 0), ERR_VALIDATION); /* JOIN has an output */
    (void)ready(w, 0);
    world_advance(w, LIMIT_RESEND_MS + 1);
    poll_again(w);
    assert_int_equal(w->workers[0].lease_count, 1);
    w->workers[0].leases[0].upload = 1;
    assert_int_equal(world_join(w, 0, 0, &report), OK);
    assert_int_equal(w->request_count, 0); /* the intent is not on disk */
    assert_true(world_commit(w));
    assert_int_equal(w->request_count, 1);
    world_settle(w);
    assert_true(report.answered);
    ends(w, run, JOB_SUCCEEDED);
}

/* What its pieces write is nobody's business but its own CLEAN's, however long they take. */
static void test_ledger_job__temporary_uploads_are_not_swept(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run = planned(w, plain, 2);
    const struct ledger_run *r = run_find(w->l, run);
    struct arena a = {0};
    struct slice key = arena_printf(&a, "out/.stepfleet/%.*s/m0-1.2", SLICE_FMT(r->row.id));

    assert_false(ledger_upload_is_stray(w->l, key, SLICE("up-9")));
    assert_true(ledger_upload_is_stray(w->l, SLICE("out/.stepfleet/jr_0/m0-1.2"), SLICE("up-9")));
    stop(w, run);
    assert_false(ledger_upload_is_stray(w->l, key, SLICE("up-9")));
    ends(w, run, JOB_STOPPED);
    assert_true(ledger_upload_is_stray(w->l, key, SLICE("up-9")));
    arena_fini(&a);
}

static void test_ledger_job__an_answer_in_doubt_is_asked_for_again(void **state)
{
    struct ledger_world *w = *state;
    struct world_report report;
    uint64_t run = joining(w);

    assert_int_equal(world_join(w, 0, 0, &report), OK);
    assert_true(world_commit(w));
    w->lose_answers = true;
    assert_true(world_objects(w));
    w->lose_answers = false;
    w->store_down = true;
    world_advance(w, 5000);
    is(w, run, JOB_RUNNING, JOB_JOIN);
    w->store_down = false;
    world_advance(w, 60000);
    assert_true(report.answered && report.rc == OK);
    assert_int_equal(world_object(w, "out/j")->writes, 1);
    ends(w, run, JOB_SUCCEEDED);
}

/* A run that is stopped while it commits, and the same again: the first may not write last. */
static void test_ledger_job__one_run_writes_after_the_other(void **state)
{
    struct ledger_world *w = *state;
    struct world_report report;
    uint64_t first = planned(w, "{\"Handler\":\"h\",\"MaxConcurrentRuns\":2," RETRY "}", 1);
    uint64_t second;

    work_to(w, first, JOB_JOIN);
    (void)ready(w, 0);
    assert_int_equal(world_join_upload(w, 0, 0), OK);
    world_settle(w);
    (void)ready(w, 0);
    assert_int_equal(world_join(w, 0, 0, &report), OK);
    assert_true(world_commit(w));
    w->store_down = true;
    stop(w, first);
    is(w, first, JOB_STOPPING, JOB_JOIN);
    second = world_run(w, "j");
    work_to(w, second, JOB_JOIN);
    (void)ready(w, 0);
    assert_int_equal(world_join_upload(w, 0, 0), ERR_BUSY);
    w->store_down = false;
    world_advance(w, 10000);
    is(w, first, JOB_SUCCEEDED, JOB_CLEAN);
    work_to(w, second, JOB_CLEAN);
    is(w, second, JOB_SUCCEEDED, JOB_CLEAN);
    assert_int_equal(world_object(w, "out/j")->writes, 2);
}

static void test_ledger_job__an_upload_that_is_gone_is_made_again(void **state)
{
    struct ledger_world *w = *state;
    struct world_report report;
    uint64_t run = joining(w);

    w->uploads[0].state = UPLOAD_GONE;
    assert_int_equal(world_join(w, 0, 0, &report), OK);
    world_settle(w);
    assert_true(report.answered && report.rc == ERR_LEASE_LOST);
    is(w, run, JOB_RUNNING, JOB_JOIN);
    ends(w, run, JOB_SUCCEEDED);
    assert_int_equal(world_object(w, "out/j")->writes, 1);
}

static void test_ledger_job__an_attempt_that_fails_leaves_no_upload(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run = joining(w);

    assert_int_equal(world_fail(w, 0, 0, "Boom"), OK);
    world_settle(w);
    assert_int_equal(w->uploads[0].state, UPLOAD_GONE);
    ends(w, run, JOB_SUCCEEDED);
    assert_int_equal(w->upload_count, 2);
}

/* Restarted with its completion on the way, it is no lease that could be lost. */
static void test_ledger_job__a_commit_outlives_its_worker_and_a_restart(void **state)
{
    struct ledger_world *w = *state;
    struct world_report report;
    uint64_t run = joining(w);

    assert_int_equal(world_join(w, 0, 0, &report), OK);
    assert_true(world_commit(w));
    world_crash(w);
    w->store_down = true;
    world_advance(w, 60000); /* the worker never comes back */
    is(w, run, JOB_RUNNING, JOB_JOIN);
    assert_int_equal(job_run_counts(run_find(w->l, run)->core).losses, 0);
    w->store_down = false;
    world_advance(w, 60000);
    is(w, run, JOB_SUCCEEDED, JOB_CLEAN);
    assert_int_equal(world_run_header(w, run).done[JOB_JOIN].records_out, 7);
    while (w->workers[0].lease_count > 0) {
        world_forget(&w->workers[0], 0);
    }
    ends(w, run, JOB_SUCCEEDED);
}

/* ---- definitions ---- */

static void test_ledger_job__as_many_runs_as_may(void **state)
{
    struct ledger_world *w = *state;
    struct ledger_run_start s = {.overrides = {.timeout_minutes = -1, .workers = -1}};
    uint64_t run = planned(w, plain, 1);
    struct slice id;
    uint64_t other;
    struct err err;

    world_begin(w);
    s.job = ledger_job_find(w->l, SLICE("j"));
    assert_int_equal(json_parse(SLICE("{\"--input-bucket\":\"b\",\"--input-key\":\"k\","
                                      "\"--output-key\":\"o\"}"),
                                ledger_turn_arena(w->l), &s.arguments, &err),
                     OK);
    assert_int_equal(ledger_run_start(w->l, &s, &other, &id, &err), ERR_JOB_RUNS);
    world_end(w);
    work_to(w, run, JOB_CLEAN);
    (void)world_run(w, "j");
    world_settle(w);
    assert_int_equal(w->l->runs.count, 2);
}

static void test_ledger_job__a_deleted_jobs_run_goes_on_and_counts_for_the_next(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run = planned(w, plain, 1);

    world_begin(w);
    ledger_job_delete(w->l, ledger_job_find(w->l, SLICE("j")));
    world_end(w);
    world_settle(w);
    world_crash(w);
    assert_int_equal(ledger_job_count(w->l), 0);
    assert_int_equal(w->l->runs.count, 1);
    world_job(w, "j", shuffled);
    assert_int_equal(ledger_job_find(w->l, SLICE("j"))->open_runs, 1);
    ends(w, run, JOB_SUCCEEDED);
    assert_int_equal(ledger_job_find(w->l, SLICE("j"))->open_runs, 0);
}

static void test_ledger_job__a_definition_that_is_wrong_changes_nothing(void **state)
{
    struct ledger_world *w = *state;
    struct ledger_job *job;
    struct err err;

    world_job(w, "j", plain);
    world_begin(w);
    assert_int_equal(ledger_job_put(w->l, SLICE("j"), SLICE("{}"), &job, &err),
                     ERR_INVALID_DEFINITION);
    assert_int_equal(ledger_job_put(w->l, SLICE("k"), SLICE("{}"), &job, &err),
                     ERR_INVALID_DEFINITION);
    world_end(w);
    assert_int_equal(ledger_job_count(w->l), 1);
    assert_true(slice_eq_str(ledger_job_find(w->l, SLICE("j"))->parsed->handler, "h"));
    for (unsigned i = 0; i < 1000; i++) {
        world_job(w, "j", i % 2 == 0 ? shuffled : plain);
        world_settle(w);
    }
    assert_true(ledger_job_find(w->l, SLICE("j"))->texts.held < 65536);
}

/* ---- crashes ---- */

/* Another process of the worker's name does not go on with what the one before had. */
static void test_ledger_job__a_lease_is_its_processs(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t run = planned(w, plain, 1);
    struct token before = k->leases[0].token;

    world_crash(w);
    while (k->lease_count > 0) {
        world_forget(k, 0);
    }
    k->w = NULL;
    k->parked = false;
    k->instance = 77;
    (void)ready(w, 0);
    assert_int_equal(k->lease_count, 1);
    assert_false(token_eq(k->leases[0].token, before));
    ends(w, run, JOB_SUCCEEDED);
}

/* Until the run is over; time goes on where that is what is waited for. */
static void run_crashing(struct world_crash_point *c, uint64_t run)
{
    struct world_report report = {.answered = true};
    struct ledger_world *w = c->world;

    for (unsigned i = 0; i < 5000; i++) {
        bool crashed = c->happened;
        bool moved = world_crash_commit(c) || world_crash_objects(c);

        if (!crashed && c->happened) {
            report = (struct world_report){.answered = true};
        }
        moved = world_job_work(w, 0, &report) || moved;
        if (moved) {
            continue;
        }
        if (case_is_rid(w) && w->flying == NULL) {
            return;
        }
        world_advance(w, job_state_is_end(world_run_header(w, run).state) ? 60000 : 500);
    }
    fail_msg("the run does not end");
}

static void crash_everywhere(const char *definition, unsigned least)
{
    unsigned points = 0;

    for (bool happened = true; happened; points++) {
        struct ledger_world w;
        struct world_crash_point c = {.left = (int)points};
        uint64_t run;

        world_open(&w);
        c.world = &w;
        world_job(&w, "j", definition);
        run = world_run(&w, "j");
        world_settle(&w); /* acknowledged */
        run_crashing(&c, run);
        is(&w, run, JOB_SUCCEEDED, JOB_OVER);
        assert_int_equal(world_object(&w, "out/j")->writes, 1);
        assert_int_equal(world_job_rows(&w, 'o'), 0);
        assert_int_equal(ledger_job_find(w.l, SLICE("j"))->open_runs, 0);
        world_sweep(&w);
        world_check_end(&w);
        happened = c.happened;
        world_close(&w);
    }
    assert_true(points > least);
}

static void test_ledger_job__a_crash_at_every_point(void **state)
{
    crash_everywhere(plain, 15);
    crash_everywhere(shuffled, 20);
    (void)state;
}

static void test_ledger_job__a_start_not_written_never_was(void **state)
{
    struct ledger_world *w = *state;
    uint64_t run;

    world_job(w, "j", plain);
    world_settle(w);
    run = world_run(w, "j");
    world_crash(w);
    assert_int_equal(w->l->runs.count, 0);
    assert_int_equal(ledger_job_find(w->l, SLICE("j"))->open_runs, 0);
    assert_int_equal(world_run(w, "j"), run); /* the number may be used again */
}

/* ---- bounds ---- */

static void test_ledger_job__ten_thousand_empty_shards(void **state)
{
    enum { SHARDS = 10000 };
    struct ledger_world *w = *state;
    uint64_t run = planned(w, plain, SHARDS);
    uint64_t commits = w->commits;

    for (unsigned i = 0; world_run_header(w, run).phase == JOB_MAP; i++) {
        struct world_worker *k = ready(w, 0);

        assert_true(i < SHARDS);
        while (k->lease_count > 0) {
            assert_int_equal(world_piece(w, 0, 0, 0, 0), OK);
        }
        world_settle(w);
    }
    assert_true(w->commits - commits < 2 * SHARDS);
    assert_int_equal(world_run_header(w, run).done[JOB_MAP].records_in, 5 * SHARDS);
    world_crash(w);
    assert_int_equal(run_find(w->l, run)->before.len, 0); /* no lease names any */
    (void)ready(w, 0);
    ends(w, run, JOB_SUCCEEDED);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(test_ledger_job__##name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(from_plan_to_clean),
        TEST(a_shuffle_reduces_what_the_shards_wrote),
        TEST(nothing_to_read_is_joined_all_the_same),
        TEST(a_piece_is_tried_again_and_then_the_run_fails),
        TEST(a_lost_worker_costs_no_attempt),
        TEST(what_is_handed_back_is_given_again),
        TEST(a_slow_piece_is_tried_twice),
        TEST(stopped_before_anything_was_done),
        TEST(stopped_in_its_midst),
        TEST(stopped_while_it_commits),
        TEST(its_time_is_over),
        TEST(its_leavings_are_looked_for),
        TEST(an_output_is_intended_then_completed),
        TEST(temporary_uploads_are_not_swept),
        TEST(an_answer_in_doubt_is_asked_for_again),
        TEST(one_run_writes_after_the_other),
        TEST(an_upload_that_is_gone_is_made_again),
        TEST(an_attempt_that_fails_leaves_no_upload),
        TEST(a_commit_outlives_its_worker_and_a_restart),
        TEST(as_many_runs_as_may),
        TEST(a_deleted_jobs_run_goes_on_and_counts_for_the_next),
        TEST(a_definition_that_is_wrong_changes_nothing),
        TEST(a_lease_is_its_processs),
        TEST(a_start_not_written_never_was),
        TEST(ten_thousand_empty_shards),
        cmocka_unit_test(test_ledger_job__a_crash_at_every_point),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
