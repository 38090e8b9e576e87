/* SPDX-License-Identifier: Apache-2.0 */
/* One job run, case by case: its phases, its pieces' attempts, its ends. Second attempts and whom
 * to avoid: test_job_speculation.c. Whole runs in a world that fails: test_job_random.c. */
#include "tests/lib/job_case.h"

#include <stdio.h>

/* ---- Phases ---- */

static void test_run__goes_through_its_phases(void **state)
{
    struct job_run_settings s = job_case_settings;
    struct job_case c;

    (void)state;
    s.shuffle = true;
    s.clean_again_ms = 5000;
    c = case_map_even(&s, 2);
    assert_true(c.out.header && c.out.phase_began && c.out.has_row);
    assert_int_equal(c.out.row.phase, JOB_PLAN);
    assert_int_equal(c.out.row.status, JOB_PIECE_DONE);
    case_is(&c, JOB_RUNNING, JOB_MAP);
    assert_int_equal(job_run_header(c.r)->pieces, 2);
    assert_int_equal(case_take(&c, "a"), 0);
    assert_int_equal(case_take(&c, "b"), 1);
    case_succeed(&c, 3);
    assert_false(c.out.header);
    case_succeed(&c, 2);
    assert_true(c.out.header && c.out.phase_began);
    assert_int_equal(c.out.row.phase, JOB_MAP); /* of the phase that is over */
    assert_int_equal(c.out.row.piece, 0);
    case_is(&c, JOB_RUNNING, JOB_REDUCE);
    assert_int_equal(job_run_header(c.r)->pieces, 3);
    assert_int_equal(job_run_header(c.r)->partitions, 3);
    assert_int_equal(job_run_header(c.r)->done[JOB_MAP].bytes_out, 20);
    assert_int_equal(job_run_counts(c.r).bytes, 18); /* spread evenly, rounded down */
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(case_take(&c, "a"), i);
        case_succeed(&c, c.counter);
    }
    case_is(&c, JOB_RUNNING, JOB_JOIN);
    assert_int_equal(case_take(&c, "a"), 0);
    assert_int_equal(case_take(&c, "b"), NONE);
    case_succeed(&c, c.counter);
    assert_true(c.out.ended && c.out.header && c.out.phase_began);
    case_is(&c, JOB_SUCCEEDED, JOB_CLEAN);
    assert_int_equal(case_take(&c, "a"), 0);
    case_succeed(&c, c.counter);
    assert_false(c.out.ended);
    case_is(&c, JOB_SUCCEEDED, JOB_CLEAN);
    assert_int_equal(case_take(&c, "a"), NONE); /* once more, later */
    assert_int_equal(job_run_wait_ms(c.r, c.now_ms), 5000);
    c.now_ms += 5000;
    assert_int_equal(case_take(&c, "a"), 1);
    case_succeed(&c, c.counter);
    case_is(&c, JOB_SUCCEEDED, JOB_OVER);
    assert_int_equal(case_take(&c, "a"), NONE);
    assert_int_equal(job_run_wait_ms(c.r, c.now_ms), -1);
    job_run_free(c.r);
}

static void test_run__joins_nothing_where_there_are_no_shards(void **state)
{
    struct job_run_settings s = job_case_settings;
    struct job_case c;

    (void)state;
    s.shuffle = true;
    c = case_map_even(&s, 0);
    case_is(&c, JOB_RUNNING, JOB_JOIN);
    assert_int_equal(case_take(&c, "a"), 0);
    case_succeed(&c, c.counter);
    case_is(&c, JOB_SUCCEEDED, JOB_CLEAN);
    job_run_free(c.r);
}

static void plan_is_refused(size_t shards, uint64_t bytes, uint32_t partitions)
{
    struct job_run_settings s = job_case_settings;
    struct job_case c;
    uint64_t *sizes = test_calloc(shards, sizeof(*sizes));

    for (size_t i = 0; i < shards; i++) {
        sizes[i] = bytes;
    }
    s.shuffle = true;
    c = case_begin(&s);
    (void)case_take(&c, "a");
    job_run_planned(c.r, tok(1), sizes, shards, partitions, c.now_ms, &c.out);
    assert_true(c.out.ended);
    case_is(&c, JOB_ERROR, JOB_CLEAN); /* the plan that was refused is there yet */
    assert_true(slice_eq_str(job_run_header(c.r)->error, JOB_BAD_PLAN));
    assert_true(job_run_header(c.r)->cause.len > 0);
    job_run_free(c.r);
    test_free(sizes);
}

static void test_run__refuses_plans_past_the_bounds(void **state)
{
    uint64_t *sizes = test_calloc(LIMIT_JOB_PIECES, sizeof(*sizes));
    struct job_case c = case_map(&job_case_settings, sizes, LIMIT_JOB_PIECES);

    (void)state;
    case_is(&c, JOB_RUNNING, JOB_MAP); /* just as many as may be */
    job_run_free(c.r);
    test_free(sizes);
    plan_is_refused(LIMIT_JOB_PIECES + 1, 0, 1);
    plan_is_refused(1, 0, LIMIT_JOB_PARTITIONS + 1);
    plan_is_refused(2, (uint64_t)INT64_MAX, 1);
    plan_is_refused(2, UINT64_MAX, 1);
}

static void test_run__takes_the_definitions_partitions(void **state)
{
    struct job_run_settings s = job_case_settings;
    struct job_case c;

    (void)state;
    s.shuffle = true;
    s.partitions = 7;
    c = case_map_even(&s, 1);
    assert_int_equal(job_run_header(c.r)->partitions, 7);
    job_run_free(c.r);
}

/* ---- Attempts ---- */

static void test_run__gives_out_fresh_pieces_in_order_and_retries_first(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 4);

    (void)state;
    assert_int_equal(case_take(&c, "a"), 0);
    assert_int_equal(case_take(&c, "b"), 1);
    case_fail(&c, 2, "Handler.Failed");
    assert_int_equal(c.out.row.status, JOB_PIECE_WAITING);
    assert_int_equal(c.out.row.failures, 1);
    assert_int_equal(c.out.row.due_ms, c.now_ms + 1000);
    assert_true(slice_eq_str(c.out.row.avoid, "a"));
    assert_int_equal(case_take(&c, "a"), 2); /* not due yet */
    c.now_ms += 1000;
    assert_int_equal(case_take(&c, "a"), 3); /* due, but it failed here, and b is there */
    assert_int_equal(case_take(&c, "b"), 0);
    job_run_free(c.r);
}

static void test_run__waits_longer_each_time_and_then_fails(void **state)
{
    static const int64_t delays[] = {1000, 3000};
    struct job_case c = case_map_even(&job_case_settings, 2);
    const struct job_run_header *h = job_run_header(c.r);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(case_take(&c, "a"), 0);
        case_fail(&c, c.counter, "Handler.Failed");
        assert_int_equal(c.out.row.due_ms, c.now_ms + delays[i]);
        c.now_ms += delays[i];
    }
    assert_int_equal(case_take(&c, "a"), 0);
    assert_int_equal(case_take(&c, "b"), 1);
    case_fail(&c, c.counter - 1, "Handler.Failed");
    assert_true(c.out.ended && c.out.header && !c.out.has_row);
    assert_int_equal(c.out.cancel_count, 1); /* b's */
    assert_true(token_eq(c.out.cancels[0].token, tok(c.counter)));
    assert_true(slice_eq_str(c.out.cancels[0].worker, "b"));
    assert_int_equal(c.out.cancels[0].piece, 1);
    case_is(&c, JOB_FAILED, JOB_CLEAN);
    assert_int_equal(h->ended_ms, c.now_ms);
    assert_true(slice_eq_str(h->error, "Handler.Failed"));
    assert_true(slice_eq_str(h->cause, "Shard 0 of 2 failed in attempt 3: why"));
    job_run_free(c.r);
}

static void test_run__bounds_the_delay(void **state)
{
    struct job_run_settings s = job_case_settings;
    struct job_case c;

    (void)state;
    s.retry.max_attempts = 100;
    s.timeout_ms = INT64_MAX / 2;
    c = case_map_even(&s, 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(case_take(&c, "a"), 0);
        case_fail(&c, c.counter, "Handler.Failed");
        assert_true(c.out.row.due_ms <= c.now_ms + 5000);
        c.now_ms = c.out.row.due_ms;
    }
    case_is(&c, JOB_RUNNING, JOB_MAP);
    job_run_free(c.r);
}

static void test_run__fails_at_once_where_trying_again_is_no_use(void **state)
{
    static const char *const errors[] = {JOB_INPUT_CHANGED, JOB_INPUT_MISSING, JOB_INPUT_INVALID,
                                         JOB_OUTPUT_REFUSED};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct job_case c = case_map_even(&job_case_settings, 2);

        assert_int_equal(case_take(&c, "a"), 0);
        case_fail(&c, c.counter, errors[i]);
        case_is(&c, JOB_FAILED, JOB_CLEAN);
        assert_true(slice_eq_str(job_run_header(c.r)->error, errors[i]));
        job_run_free(c.r);
    }
}

static void test_run__forgives_lost_workers_up_to_a_bound(void **state)
{
    struct job_run_settings s = job_case_settings;
    struct job_case c;

    (void)state;
    s.retry.max_attempts = 0;
    c = case_map_even(&s, 1);
    for (int i = 0; i < LIMIT_JOB_LOSSES; i++) {
        assert_int_equal(case_take(&c, "a"), 0); /* at once */
        case_lose(&c, c.counter);
        assert_int_equal(c.out.row.failures, 0);
        assert_int_equal(c.out.row.losses, i + 1);
    }
    assert_int_equal(case_take(&c, "a"), 0);
    case_lose(&c, c.counter);
    case_is(&c, JOB_FAILED, JOB_CLEAN);
    assert_true(slice_eq_str(job_run_header(c.r)->error, JOB_WORKER_LOST));
    job_run_free(c.r);
}

static void test_run__takes_back_what_was_not_begun(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 3);

    (void)state;
    assert_int_equal(case_take(&c, "a"), 0);
    assert_int_equal(case_take(&c, "a"), 1);
    case_fail(&c, 2, "Handler.Failed");
    c.now_ms += 2000; /* long due */
    case_return(&c, 3);
    assert_int_equal(c.out.row.failures + c.out.row.losses, 0);
    assert_int_equal(case_take(&c, "b"), 1); /* before the other */
    assert_int_equal(case_take(&c, "b"), 0);
    job_run_free(c.r);
}

static void test_run__hopes_for_another_worker_for_a_while(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 2);

    (void)state;
    assert_int_equal(case_take(&c, "b"), 0); /* and keeps it */
    assert_int_equal(case_take(&c, "a"), 1);
    case_fail(&c, c.counter, "Handler.Failed");
    c.now_ms += 1000 + 4999;
    case_tick(&c, 0);
    assert_int_equal(case_take(&c, "a"), NONE);
    case_tick(&c, LIMIT_JOB_TICK_MS);
    assert_int_equal(case_take(&c, "a"), 1);
    job_run_free(c.r);
}

static void test_run__is_set_as_its_definition_says(void **state)
{
    const struct job_definition d = {.retry = {.max_attempts = 7, .interval_ms = 9},
                                     .bad_records = {.max_count = 5},
                                     .shuffle = {.kind = JOB_SHUFFLE_SORT, .partitions = 6},
                                     .timeout_minutes = 1,
                                     .workers = 2,
                                     .speculate = true};
    struct job_run_settings s = job_run_settings_of(&d, 3, 4, 8);

    (void)state;
    assert_int_equal(s.timeout_ms, 180000);
    assert_int_equal(s.workers, 4);
    assert_int_equal(s.clean_again_ms, 8);
    assert_int_equal(s.retry.max_attempts, 7);
    assert_int_equal(s.bad_records.max_count, 5);
    assert_int_equal(s.partitions, 6);
    assert_true(s.shuffle && s.speculate);
    s = job_run_settings_of(&(struct job_definition){.speculate = false}, 1, 0, 0);
    assert_false(s.shuffle || s.speculate);
}

/* Who got nothing is asked again as soon as there is something, and not only at the next tick. */
static void test_run__offers_what_comes_back_to_everybody(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 1);
    struct job_ticket t;
    uint32_t piece;

    (void)state;
    assert_int_equal(case_take(&c, "a"), 0);
    assert_int_equal(job_run_want(c.r, SLICE("b"), c.now_ms, &piece), JOB_WANT_NOTHING);
    case_return(&c, c.counter);
    job_run_ticket(c.r, c.now_ms, &t);
    assert_true(t.wanted && t.avoid_count == 0);
    assert_int_equal(case_take(&c, "b"), 0);
    job_run_free(c.r);
}

static void stale(struct job_case *c, uint64_t counter)
{
    struct job_result nothing = {0};
    struct job_run_counts before = job_run_counts(c->r);
    struct job_run_counts after;
    uint32_t piece;

    job_run_succeeded(c->r, tok(counter), &nothing, c->now_ms, &c->out);
    assert_true(c->out.stale && !c->out.has_row && !c->out.header);
    case_fail(c, counter, JOB_INPUT_CHANGED);
    assert_true(c->out.stale);
    case_lose(c, counter);
    assert_true(c->out.stale);
    case_return(c, counter);
    assert_true(c->out.stale);
    assert_false(job_run_progress(c->r, tok(counter), 5, c->now_ms));
    assert_false(job_run_find(c->r, tok(counter), &piece));
    after = job_run_counts(c->r);
    assert_int_equal(before.attempts, after.attempts);
    assert_int_equal(before.waiting, after.waiting);
    assert_int_equal(before.done, after.done);
}

static void test_run__changes_nothing_for_a_stale_token(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 3);
    uint32_t piece = NONE;

    (void)state;
    stale(&c, 1); /* the plan's */
    assert_int_equal(case_take(&c, "a"), 0);
    case_lose(&c, 2);
    stale(&c, 2);
    assert_int_equal(case_take(&c, "b"), 0);
    assert_true(job_run_find(c.r, tok(3), &piece));
    assert_int_equal(piece, 0);
    stale(&c, 2); /* somebody else has the piece now */
    case_succeed(&c, 3);
    stale(&c, 3);
    stale(&c, 77);
    job_run_planned(c.r, tok(1), NULL, 0, 0, c.now_ms, &c.out);
    assert_true(c.out.stale);
    job_run_committing(c.r, tok(1), &c.out);
    assert_true(c.out.stale);
    case_is(&c, JOB_RUNNING, JOB_MAP);
    job_run_free(c.r);
}

static void test_run__holds_to_the_number_of_workers(void **state)
{
    struct job_run_settings s = job_case_settings;
    struct job_case c;

    (void)state;
    s.workers = 2;
    c = case_map_even(&s, 4);
    assert_int_equal(case_take(&c, "a"), 0);
    assert_int_equal(case_take(&c, "a"), 1);
    assert_int_equal(case_take(&c, "b"), NONE);
    case_fail(&c, 2, "Handler.Failed");
    assert_int_equal(case_take(&c, "b"), 2);
    assert_int_equal(case_take(&c, "b"), NONE);
    case_succeed(&c, c.counter);
    assert_int_equal(case_take(&c, "b"), 3);
    job_run_free(c.r);
}

static void test_run__bounds_the_attempts_of_a_run(void **state)
{
    uint64_t *sizes = test_calloc(LIMIT_JOB_LIVE + 1, sizeof(*sizes));
    struct job_case c = case_map(&job_case_settings, sizes, LIMIT_JOB_LIVE + 1);
    uint32_t piece;

    (void)state;
    for (uint32_t i = 0; i < LIMIT_JOB_LIVE; i++) {
        assert_int_equal(job_run_want(c.r, SLICE("a"), c.now_ms, &piece), JOB_WANT_FRESH);
        job_run_granted(c.r, piece, tok(++c.counter), SLICE("a"), c.now_ms, &c.out);
    }
    assert_int_equal(case_take(&c, "a"), NONE);
    case_succeed(&c, c.counter);
    assert_int_equal(case_take(&c, "a"), LIMIT_JOB_LIVE);
    job_run_free(c.r);
    test_free(sizes);
}

/* ---- Bad records ---- */

static struct job_case bad_records(uint64_t max_count, double max_percent, bool shuffle)
{
    struct job_run_settings s = job_case_settings;
    struct job_case c;

    s.bad_records.max_count = max_count;
    s.bad_records.max_percent = max_percent;
    s.shuffle = shuffle;
    s.partitions = 1;
    c = case_map_even(&s, 2);
    assert_int_equal(case_take(&c, "a"), 0);
    assert_int_equal(case_take(&c, "a"), 1);
    return c;
}

static void test_run__counts_bad_records_at_once(void **state)
{
    struct job_case c = bad_records(5, 0, false);

    (void)state;
    case_reject(&c, 2, 6);
    assert_true(c.out.has_row && c.out.ended); /* the piece is done, and the run is not */
    assert_int_equal(c.out.row.status, JOB_PIECE_DONE);
    assert_int_equal(c.out.cancel_count, 1);
    case_is(&c, JOB_FAILED, JOB_CLEAN);
    assert_true(slice_eq_str(job_run_header(c.r)->error, JOB_BAD_RECORD));
    assert_int_equal(job_run_header(c.r)->done[JOB_MAP].rejected, 6);
    (void)case_take(&c, "a");
    case_succeed(&c, c.counter); /* what failed the run does not fail its cleaning */
    case_is(&c, JOB_FAILED, JOB_OVER);
    job_run_free(c.r);
    c = bad_records(6, 0, false);
    case_reject(&c, 2, 3);
    case_reject(&c, 3, 3);
    case_is(&c, JOB_RUNNING, JOB_JOIN);
    job_run_free(c.r);
}

static void test_run__judges_the_share_of_bad_records_at_the_end(void **state)
{
    struct job_case c = bad_records(0, 5, false);

    (void)state;
    case_reject(&c, 2, 10); /* 10 % of what was read so far */
    case_is(&c, JOB_RUNNING, JOB_MAP);
    case_reject(&c, 3, 0); /* 5 % of all */
    case_is(&c, JOB_RUNNING, JOB_JOIN);
    job_run_free(c.r);
    c = bad_records(0, 5, false);
    case_reject(&c, 2, 11);
    case_reject(&c, 3, 0);
    case_is(&c, JOB_FAILED, JOB_CLEAN);
    job_run_free(c.r);
}

static void test_run__adds_the_bad_records_of_both_phases(void **state)
{
    struct job_case c = bad_records(0, 5, true);

    (void)state;
    case_reject(&c, 2, 6);
    case_reject(&c, 3, 0);
    case_is(&c, JOB_RUNNING, JOB_REDUCE);
    (void)case_take(&c, "a");
    case_reject(&c, c.counter, 5); /* 11 of the 200 that were read, whatever REDUCE read */
    case_is(&c, JOB_FAILED, JOB_CLEAN);
    job_run_free(c.r);
}

static void test_run__fails_for_one_bad_record_where_that_is_the_policy(void **state)
{
    struct job_run_settings s = job_case_settings;
    struct job_case c;

    (void)state;
    s.bad_records.policy = JOB_BAD_RECORDS_FAIL;
    c = case_map_even(&s, 2);
    (void)case_take(&c, "a");
    case_fail(&c, c.counter, JOB_BAD_RECORD);
    case_is(&c, JOB_FAILED, JOB_CLEAN);
    job_run_free(c.r);
    c = case_map_even(&s, 2);
    (void)case_take(&c, "a");
    case_reject(&c, c.counter, 1);
    case_is(&c, JOB_FAILED, JOB_CLEAN);
    job_run_free(c.r);
    c = case_map_even(&job_case_settings, 2); /* rejecting, it is a failure like others */
    (void)case_take(&c, "a");
    case_fail(&c, c.counter, JOB_BAD_RECORD);
    case_is(&c, JOB_RUNNING, JOB_MAP);
    job_run_free(c.r);
}

static void test_run__adds_up_counters(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 2);
    char names[LIMIT_JOB_COUNTERS + 1][8];
    struct job_counter counters[LIMIT_JOB_COUNTERS + 1];
    struct job_result result = {.counters = counters, .counter_count = LIMIT_JOB_COUNTERS + 1};
    const struct job_run_header *h = job_run_header(c.r);

    (void)state;
    for (size_t i = 0; i < LIMIT_JOB_COUNTERS + 1; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "c%zu", i);
        counters[i] = (struct job_counter){slice_str(names[i]), i};
    }
    (void)case_take(&c, "a");
    (void)case_take(&c, "a");
    job_run_succeeded(c.r, tok(2), &result, c.now_ms, &c.out);
    assert_int_equal(c.out.row.result.counter_count, LIMIT_JOB_COUNTERS);
    assert_int_equal(job_run_result(c.r, JOB_MAP).counter_count, LIMIT_JOB_COUNTERS);
    assert_int_equal(h->counter_count, 0); /* of the phases before this one */
    result.counter_count = 3;
    job_run_succeeded(c.r, tok(3), &result, c.now_ms, &c.out);
    assert_int_equal(h->counter_count, LIMIT_JOB_COUNTERS); /* one more is dropped */
    assert_true(slice_eq_str(h->counters[2].name, "c2"));
    assert_int_equal(h->counters[2].value, 4);
    assert_int_equal(h->counters[3].value, 3);
    job_run_free(c.r);
}

static void test_run__drops_counters_with_long_names(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 1);
    char name[LIMIT_JOB_COUNTER_BYTES + 1];
    struct job_counter counters[] = {{slice_make(name, sizeof(name)), 1},
                                     {slice_make(name, sizeof(name) - 1), 2}};
    struct job_result result = {.counters = counters, .counter_count = 2};

    (void)state;
    memset(name, 'n', sizeof(name));
    (void)case_take(&c, "a");
    job_run_succeeded(c.r, tok(2), &result, c.now_ms, &c.out);
    assert_int_equal(job_run_header(c.r)->counter_count, 1);
    assert_int_equal(job_run_header(c.r)->counters[0].value, 2);
    job_run_free(c.r);
}

/* ---- Ends ---- */

static void stop(struct job_case *c)
{
    job_run_stop(c->r, c->now_ms, &c->out);
    case_check(c);
}

static void test_run__stops_at_any_time(void **state)
{
    struct job_case c = {.now_ms = 5};

    (void)state;
    c.r = job_run_new(&job_case_settings, 5);
    stop(&c);
    assert_true(c.out.ended);
    case_is(&c, JOB_STOPPED, JOB_OVER);
    job_run_free(c.r);
    c = case_begin(&job_case_settings);
    stop(&c);
    case_is(&c, JOB_STOPPED, JOB_OVER);
    job_run_free(c.r);
    c = case_begin(&job_case_settings);
    (void)case_take(&c, "a");
    stop(&c);
    assert_int_equal(c.out.cancel_count, 1);
    case_is(&c, JOB_STOPPED, JOB_CLEAN); /* its plan may be there, or come yet */
    job_run_free(c.r);
    c = case_map_even(&job_case_settings, 3);
    (void)case_take(&c, "a");
    (void)case_take(&c, "b");
    case_fail(&c, 3, "Handler.Failed");
    stop(&c);
    assert_int_equal(c.out.cancel_count, 1);
    assert_true(c.out.ended && c.out.header && c.out.phase_began);
    case_is(&c, JOB_STOPPED, JOB_CLEAN);
    stop(&c); /* it has: nothing more happens */
    assert_false(c.out.ended || c.out.header || c.out.stale);
    job_run_timeout(c.r, c.now_ms, &c.out);
    assert_false(c.out.ended || c.out.header);
    case_is(&c, JOB_STOPPED, JOB_CLEAN);
    job_run_free(c.r);
}

static struct job_case committing(void)
{
    struct job_case c = case_map_even(&job_case_settings, 0);

    (void)case_take(&c, "a");
    job_run_committing(c.r, tok(c.counter), &c.out);
    assert_true(c.out.has_row && c.out.row.live[0].committing);
    return c;
}

static void test_run__lets_a_commit_decide_its_end(void **state)
{
    struct job_case c = committing();

    (void)state;
    stop(&c);
    assert_true(c.out.header && !c.out.ended && c.out.cancel_count == 0);
    case_is(&c, JOB_STOPPING, JOB_JOIN);
    stop(&c);
    assert_false(c.out.header);
    case_succeed(&c, c.counter);
    case_is(&c, JOB_SUCCEEDED, JOB_CLEAN); /* the output is there */
    job_run_free(c.r);
    c = committing();
    stop(&c);
    case_fail(&c, c.counter, "S3.Failed");
    assert_true(c.out.ended);
    case_is(&c, JOB_STOPPED, JOB_CLEAN);
    assert_int_equal(job_run_header(c.r)->error.len, 0);
    job_run_free(c.r);
    c = committing();
    case_tick(&c, 60001); /* past the deadline */
    case_is(&c, JOB_RUNNING, JOB_JOIN);
    assert_true(job_run_wait_ms(c.r, c.now_ms) > 0); /* it is not asked again and again */
    job_run_timeout(c.r, c.now_ms, &c.out);
    case_is(&c, JOB_RUNNING, JOB_JOIN);
    case_fail(&c, c.counter, "S3.Failed");
    case_is(&c, JOB_RUNNING, JOB_JOIN);
    assert_int_equal(job_run_wait_ms(c.r, c.now_ms), 0);
    case_tick(&c, 0);
    case_is(&c, JOB_TIMEOUT, JOB_CLEAN);
    job_run_free(c.r);
}

static void test_run__times_out(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 1);

    (void)state;
    assert_int_equal(job_run_wait_ms(c.r, c.now_ms), 60000);
    (void)case_take(&c, "a");
    case_tick(&c, 59999);
    case_is(&c, JOB_RUNNING, JOB_MAP);
    assert_int_equal(job_run_wait_ms(c.r, c.now_ms), 1);
    case_tick(&c, 1);
    assert_true(c.out.ended && c.out.cancel_count == 1);
    case_is(&c, JOB_TIMEOUT, JOB_CLEAN);
    assert_true(slice_eq_str(job_run_header(c.r)->error, "States.Timeout"));
    assert_true(
        slice_eq_str(job_run_header(c.r)->cause, "The run has not ended within 1 minutes."));
    case_tick(&c, 100000); /* cleaning has no deadline */
    case_is(&c, JOB_TIMEOUT, JOB_CLEAN);
    job_run_free(c.r);
    c = case_begin(&job_case_settings);
    case_tick(&c, 60000);
    case_is(&c, JOB_TIMEOUT, JOB_OVER);
    job_run_free(c.r);
}

static void test_run__gives_cleaning_up_and_keeps_its_end(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 1);

    (void)state;
    (void)case_take(&c, "a");
    stop(&c);
    for (int i = 0; i < 3; i++) {
        c.now_ms += 10000;
        assert_int_equal(case_take(&c, "a"), 0);
        case_fail(&c, c.counter, JOB_OUTPUT_REFUSED); /* final elsewhere */
    }
    assert_int_equal(c.out.row.status, JOB_PIECE_GIVEN_UP);
    case_is(&c, JOB_STOPPED, JOB_OVER);
    job_run_free(c.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run__goes_through_its_phases),
        cmocka_unit_test(test_run__joins_nothing_where_there_are_no_shards),
        cmocka_unit_test(test_run__refuses_plans_past_the_bounds),
        cmocka_unit_test(test_run__takes_the_definitions_partitions),
        cmocka_unit_test(test_run__gives_out_fresh_pieces_in_order_and_retries_first),
        cmocka_unit_test(test_run__waits_longer_each_time_and_then_fails),
        cmocka_unit_test(test_run__bounds_the_delay),
        cmocka_unit_test(test_run__fails_at_once_where_trying_again_is_no_use),
        cmocka_unit_test(test_run__forgives_lost_workers_up_to_a_bound),
        cmocka_unit_test(test_run__takes_back_what_was_not_begun),
        cmocka_unit_test(test_run__hopes_for_another_worker_for_a_while),
        cmocka_unit_test(test_run__is_set_as_its_definition_says),
        cmocka_unit_test(test_run__offers_what_comes_back_to_everybody),
        cmocka_unit_test(test_run__changes_nothing_for_a_stale_token),
        cmocka_unit_test(test_run__holds_to_the_number_of_workers),
        cmocka_unit_test(test_run__bounds_the_attempts_of_a_run),
        cmocka_unit_test(test_run__counts_bad_records_at_once),
        cmocka_unit_test(test_run__judges_the_share_of_bad_records_at_the_end),
        cmocka_unit_test(test_run__adds_the_bad_records_of_both_phases),
        cmocka_unit_test(test_run__fails_for_one_bad_record_where_that_is_the_policy),
        cmocka_unit_test(test_run__adds_up_counters),
        cmocka_unit_test(test_run__drops_counters_with_long_names),
        cmocka_unit_test(test_run__stops_at_any_time),
        cmocka_unit_test(test_run__lets_a_commit_decide_its_end),
        cmocka_unit_test(test_run__times_out),
        cmocka_unit_test(test_run__gives_cleaning_up_and_keeps_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
