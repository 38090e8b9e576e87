/* SPDX-License-Identifier: Apache-2.0 */
/* Second attempts, and whom to avoid, case by case. A piece usually takes a second here: 8 MiB, as
 * fast as `a` is. What all of it is worth: test_job_figures.c. */
#include "coordinator/job/speculation.h"
#include "tests/lib/job_case.h"

#include <stdio.h>

#define BEGINNING ((uint64_t)JOB_PIECE_BASE)

enum { OF_B = 2 }; /* the token after the plan's: b has piece 0 */

/* Worker b has piece 0 since a second, of which it has done `done`; a has done all the others. */
static struct job_case b_is_left(const struct job_run_settings *s, size_t shards, uint64_t done)
{
    struct job_case c = case_map_even(s, shards);

    assert_int_equal(case_take(&c, "b"), 0);
    for (uint32_t i = 1; i < shards; i++) {
        assert_int_equal(case_take(&c, "a"), i);
    }
    c.now_ms += 1000;
    for (uint64_t i = 1; i < shards; i++) {
        case_succeed(&c, OF_B + i);
    }
    if (done != 0) {
        case_progress(&c, OF_B, done);
    }
    case_tick(&c, 0);
    return c;
}

static bool wanted(struct job_case *c)
{
    struct job_ticket t;

    job_run_ticket(c->r, c->now_ms, &t);
    return t.wanted;
}

static bool avoids(struct job_case *c, const char *worker)
{
    struct job_ticket t;

    job_run_ticket(c->r, c->now_ms, &t);
    for (size_t i = 0; i < t.avoid_count; i++) {
        if (slice_eq_str(t.avoid[i], worker)) {
            return true;
        }
    }
    return false;
}

static void test_speculation__tries_again_what_takes_too_long(void **state)
{
    struct job_case c = b_is_left(&job_case_settings, 4, 1 * MIB);
    uint32_t piece;

    (void)state;
    assert_false(wanted(&c)); /* suspect once is not enough */
    case_tick(&c, LIMIT_JOB_TICK_MS - 1);
    assert_false(wanted(&c));
    case_progress(&c, OF_B, 1 * MIB + MIB / 2);
    case_tick(&c, 1);
    assert_true(wanted(&c));
    assert_int_equal(job_run_want(c.r, SLICE("b"), c.now_ms, &piece), JOB_WANT_NOTHING);
    assert_true(avoids(&c, "b"));
    assert_int_equal(job_run_want(c.r, SLICE("a"), c.now_ms, &piece), JOB_WANT_SPECULATION);
    assert_int_equal(case_take(&c, "a"), 0);
    assert_int_equal(c.out.row.live_count, 2);
    assert_false(c.out.row.live[0].speculative);
    assert_true(c.out.row.live[1].speculative);
    case_tick(&c, 5000);
    assert_false(wanted(&c)); /* never a third */
    case_succeed(&c, c.counter);
    assert_int_equal(c.out.cancel_count, 1);
    assert_true(token_eq(c.out.cancels[0].token, tok(OF_B)));
    assert_true(slice_eq_str(c.out.cancels[0].worker, "b"));
    assert_true(slice_eq_str(c.out.row.worker, "a"));
    assert_int_equal(c.out.row.extra, BEGINNING + MIB + MIB / 2); /* what b has done */
    case_is(&c, JOB_RUNNING, JOB_JOIN);
    assert_true(avoids(&c, "b")); /* it was overtaken */
    assert_int_equal(case_take(&c, "b"), NONE);
    c.now_ms += 5000;
    assert_false(avoids(&c, "b"));
    job_run_free(c.r);
}

static void test_speculation__lets_the_first_one_win_too(void **state)
{
    struct job_case c = b_is_left(&job_case_settings, 4, 1 * MIB);

    (void)state;
    case_tick(&c, LIMIT_JOB_TICK_MS);
    assert_int_equal(case_take(&c, "a"), 0);
    case_progress(&c, c.counter, 3 * MIB);
    case_succeed(&c, OF_B);
    assert_int_equal(c.out.cancel_count, 1);
    assert_true(token_eq(c.out.cancels[0].token, tok(c.counter)));
    assert_int_equal(c.out.row.extra, BEGINNING + 3 * MIB);
    assert_false(avoids(&c, "a")); /* nothing to blame it for */
    job_run_free(c.r);
}

static void test_speculation__leaves_alone_what_is_as_fast_as_usual(void **state)
{
    struct job_case c = b_is_left(&job_case_settings, 4, 7 * MIB);

    (void)state;
    for (int i = 1; i <= 3; i++) {
        case_tick(&c, LIMIT_JOB_TICK_MS);
        assert_false(wanted(&c));
        case_progress(&c, OF_B, 7 * MIB + (uint64_t)i * MIB / 4);
    }
    job_run_free(c.r);
}

/* 1.6 s more, where a fresh attempt takes 1 s: too little to become suspect, enough to stay so. */
static void test_speculation__is_slow_to_change_its_mind(void **state)
{
    struct job_case c = b_is_left(&job_case_settings, 4, 3 * MIB + 80 * 1024);

    (void)state;
    c.now_ms += LIMIT_JOB_TICK_MS;
    case_progress(&c, OF_B, 3 * MIB + 80 * 1024 + 7 * MIB / 6);
    case_tick(&c, 0);
    assert_false(wanted(&c));
    job_run_free(c.r);
    c = b_is_left(&job_case_settings, 4, 1 * MIB); /* 7 s more */
    c.now_ms += LIMIT_JOB_TICK_MS;
    case_progress(&c, OF_B, 1 * MIB + 5 * MIB / 3);
    case_tick(&c, 0);
    assert_true(wanted(&c));
    c.now_ms += LIMIT_JOB_TICK_MS;
    case_progress(&c, OF_B, 7 * MIB); /* and now it hurries */
    case_tick(&c, 0);
    assert_false(wanted(&c));
    job_run_free(c.r);
}

static void test_speculation__sees_what_stands_still(void **state)
{
    struct job_case c = b_is_left(&job_case_settings, 4, 7 * MIB); /* nearly done, in no time */

    (void)state;
    for (int i = 0; i < 4; i++) {
        c.now_ms += LIMIT_JOB_TICK_MS;
        case_progress(&c, OF_B, 7 * MIB);
        case_tick(&c, 0);
    }
    assert_true(wanted(&c));
    assert_int_equal(case_take(&c, "a"), 0);
    job_run_free(c.r);
}

/* Handlers that read in leaps: nothing for seven windows, and yet in time. */
static void test_speculation__lets_progress_come_in_leaps(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 2);

    (void)state;
    assert_int_equal(case_take(&c, "a"), 0);
    c.now_ms += 8000; /* a piece takes 8 s here */
    case_succeed(&c, c.counter);
    assert_int_equal(case_take(&c, "b"), 1);
    for (int i = 0; i < 20; i++) {
        c.now_ms += LIMIT_JOB_TICK_MS;
        case_progress(&c, c.counter, 1 * MIB);
        case_tick(&c, 0);
        assert_false(wanted(&c));
    }
    for (int i = 0; i < 8; i++) { /* 14 s */
        c.now_ms += LIMIT_JOB_TICK_MS;
        case_progress(&c, c.counter, 1 * MIB);
        case_tick(&c, 0);
    }
    assert_true(wanted(&c));
    job_run_free(c.r);
}

static void test_speculation__sees_what_does_not_report_any_more(void **state)
{
    struct job_case c = b_is_left(&job_case_settings, 4, 7 * MIB);

    (void)state;
    for (int i = 0; i < 60; i++) {
        case_tick(&c, LIMIT_JOB_TICK_MS);
    }
    assert_true(wanted(&c));
    job_run_free(c.r);
}

/* A handler that has all its input, if only in a pipe, and does nothing with it. */
static void test_speculation__sees_what_has_read_all_and_does_not_end(void **state)
{
    struct job_case c = b_is_left(&job_case_settings, 4, 8 * MIB);

    (void)state;
    case_tick(&c, LIMIT_JOB_TICK_MS);
    assert_false(wanted(&c));
    for (int i = 0; i < 12; i++) {
        case_tick(&c, LIMIT_JOB_TICK_MS);
    }
    assert_true(wanted(&c));
    assert_int_equal(case_take(&c, "a"), 0);
    job_run_free(c.r);
}

static void test_speculation__goes_by_the_clock_without_progress(void **state)
{
    struct job_case c = b_is_left(&job_case_settings, 4, 0); /* 1 s: as long as the others */

    (void)state;
    assert_false(wanted(&c));
    case_tick(&c, 400);
    assert_false(wanted(&c));
    case_tick(&c, 500); /* 1.9 s: past one and a half, taken to need as long again */
    assert_false(wanted(&c));
    case_tick(&c, 500);
    assert_true(wanted(&c));
    assert_int_equal(case_take(&c, "a"), 0);
    case_succeed(&c, c.counter);
    assert_int_equal(c.out.row.extra, BEGINNING + 8 * MIB); /* it may have done all of it */
    job_run_free(c.r);
}

static void test_speculation__waits_for_what_is_fresh_or_due(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 3);

    (void)state;
    assert_int_equal(case_take(&c, "b"), 0);
    assert_int_equal(case_take(&c, "a"), 1);
    c.now_ms += 1000;
    case_succeed(&c, c.counter);
    for (int i = 0; i < 10; i++) {
        case_tick(&c, LIMIT_JOB_TICK_MS);
    }
    assert_int_equal(case_take(&c, "a"), 2); /* b takes much too long, but this one is fresh */
    assert_false(wanted(&c));                /* it was not looked at so far */
    case_succeed(&c, c.counter);
    case_tick(&c, LIMIT_JOB_TICK_MS);
    case_tick(&c, LIMIT_JOB_TICK_MS);
    assert_int_equal(case_take(&c, "a"), 0);
    case_return(&c, c.counter);
    assert_int_equal(c.out.row.live_count, 1); /* b is still at it */
    case_return(&c, OF_B);
    assert_int_equal(case_take(&c, "b"), 0); /* due, and so no second attempt */
    assert_false(wanted(&c));
    job_run_free(c.r);
}

static void test_speculation__can_be_turned_off(void **state)
{
    struct job_run_settings s = job_case_settings;
    struct job_case c;

    (void)state;
    s.speculate = false;
    c = b_is_left(&s, 4, 1 * MIB);
    for (int i = 0; i < 20; i++) {
        case_tick(&c, LIMIT_JOB_TICK_MS);
        assert_false(wanted(&c));
    }
    job_run_free(c.r);
}

static void test_speculation__is_no_failure_of_the_other(void **state)
{
    struct job_run_settings s = job_case_settings;
    struct job_case c;

    (void)state;
    s.retry.max_attempts = 0;
    c = b_is_left(&s, 4, 1 * MIB);
    case_tick(&c, LIMIT_JOB_TICK_MS);
    assert_int_equal(case_take(&c, "a"), 0);
    case_fail(&c, OF_B, "Handler.Failed"); /* past its retries: but a still tries */
    case_is(&c, JOB_RUNNING, JOB_MAP);
    assert_int_equal(c.out.row.status, JOB_PIECE_LIVE);
    assert_int_equal(c.out.row.live_count, 1);
    assert_int_equal(c.out.row.extra, BEGINNING + MIB);
    case_succeed(&c, c.counter);
    case_is(&c, JOB_RUNNING, JOB_JOIN);
    job_run_free(c.r);
    c = b_is_left(&s, 4, 1 * MIB);
    case_tick(&c, LIMIT_JOB_TICK_MS);
    assert_int_equal(case_take(&c, "a"), 0);
    case_lose(&c, OF_B);
    assert_int_equal(c.out.row.status, JOB_PIECE_LIVE);
    assert_true(c.out.row.live[0].speculative);
    case_fail(&c, c.counter, "Handler.Failed");
    case_is(&c, JOB_FAILED, JOB_CLEAN);
    job_run_free(c.r);
}

/* 40 pieces, of which b has 10 that stand still: a twentieth is two. */
static void test_speculation__does_little_twice(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 40);

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(case_take(&c, i < 10 ? "b" : "a"), i);
    }
    c.now_ms += 1000;
    for (uint64_t i = 10; i < 40; i++) {
        case_succeed(&c, OF_B + i);
    }
    for (int i = 0; i < 10; i++) {
        case_tick(&c, LIMIT_JOB_TICK_MS);
    }
    assert_int_equal(case_take(&c, "a"), 0);
    assert_int_equal(case_take(&c, "a"), 1);
    assert_int_equal(case_take(&c, "a"), NONE); /* 2 of 40 are under way */
    case_succeed(&c, c.counter);
    assert_int_equal(job_run_counts(c.r).extra, BEGINNING + 8 * MIB); /* b never said what it did */
    case_tick(&c, LIMIT_JOB_TICK_MS);
    assert_int_equal(case_take(&c, "a"), NONE);
    job_run_free(c.r);
}

/* Where nobody knows the sizes, pieces are taken to cost their beginnings. */
static void test_speculation__does_little_twice_where_sizes_are_not_known(void **state)
{
    uint64_t bytes[40] = {0};
    struct job_case c = case_map(&job_case_settings, bytes, 40);

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(case_take(&c, i < 10 ? "b" : "a"), i);
    }
    c.now_ms += 1000;
    for (uint64_t i = 10; i < 40; i++) {
        case_succeed(&c, OF_B + i);
    }
    for (int i = 0; i < 10; i++) {
        case_tick(&c, LIMIT_JOB_TICK_MS);
    }
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(case_take(&c, "a"), i);
        case_succeed(&c, c.counter);
    }
    assert_int_equal(case_take(&c, "a"), NONE);
    job_run_free(c.r);
}

static void test_speculation__does_one_piece_twice_in_a_short_phase(void **state)
{
    struct job_case c = b_is_left(&job_case_settings, 2, 1 * MIB);

    (void)state;
    case_tick(&c, LIMIT_JOB_TICK_MS);
    assert_int_equal(case_take(&c, "a"), 0);
    job_run_free(c.r);
}

/* ---- Workers ---- */

/* b is 20 times slower than a, which has a piece under way; one fresh piece is left. */
static struct job_case one_is_left(void)
{
    struct job_case c = case_map_even(&job_case_settings, 12);

    assert_int_equal(case_take(&c, "b"), 0);
    for (uint32_t i = 1; i < 10; i++) {
        assert_int_equal(case_take(&c, "a"), i);
        c.now_ms += 1000;
        case_succeed(&c, c.counter);
    }
    c.now_ms += 11000;
    case_succeed(&c, OF_B);
    assert_int_equal(case_take(&c, "a"), 10);
    case_tick(&c, 0);
    return c;
}

static void test_speculation__spares_the_last_pieces_slow_workers(void **state)
{
    struct job_case c = one_is_left();

    (void)state;
    assert_int_equal(case_take(&c, "b"), NONE); /* a has done both before b has one */
    assert_true(wanted(&c));
    assert_true(avoids(&c, "b"));
    assert_int_equal(case_take(&c, "new"), 11); /* of whom nothing is known */
    job_run_free(c.r);
    c = one_is_left();
    assert_int_equal(case_take(&c, "b"), NONE);
    for (int i = 0; i < 20; i++) {
        case_tick(&c, LIMIT_JOB_TICK_MS);
    }
    assert_false(avoids(&c, "b"));
    assert_int_equal(case_take(&c, "b"), 11); /* a has not come */
    job_run_free(c.r);
}

static void test_speculation__joins_with_no_slow_worker(void **state)
{
    struct job_case c = one_is_left();

    (void)state;
    case_succeed(&c, c.counter);
    assert_int_equal(case_take(&c, "a"), 11);
    case_succeed(&c, c.counter);
    case_is(&c, JOB_RUNNING, JOB_JOIN);
    for (uint32_t i = 0; i < c.r->worker_count; i++) {
        assert_true(c.r->workers[i]->ms == 0); /* another phase, another measure */
    }
    assert_int_equal(case_take(&c, "b"), NONE);
    assert_int_equal(case_take(&c, "a"), 0);
    job_run_free(c.r);
}

static void test_speculation__avoids_who_fails_time_after_time(void **state)
{
    struct job_run_settings s = job_case_settings;
    struct job_case c;
    int64_t until_ms[3];

    (void)state;
    s.retry.max_attempts = 100;
    s.timeout_ms = 3600000;
    c = case_map_even(&s, 20);
    for (uint32_t i = 0; i < 3; i++) {
        while (!avoids(&c, "b")) {
            assert_int_not_equal(case_take(&c, "b"), NONE);
            case_fail(&c, c.counter, "Handler.Failed");
        }
        assert_int_equal(case_take(&c, "b"), NONE);
        for (until_ms[i] = 0; avoids(&c, "b"); until_ms[i] += 1000) {
            c.now_ms += 1000;
            /* a is there all the time */
            assert_int_not_equal(case_take(&c, "a"), NONE);
            case_return(&c, c.counter);
        }
    }
    assert_int_equal(until_ms[0], 5000);
    assert_int_equal(until_ms[1], 10000);
    assert_int_equal(until_ms[2], 20000);
    job_run_free(c.r);
}

static void test_speculation__avoids_who_fails_what_others_can_do(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 8);

    (void)state;
    assert_int_equal(case_take(&c, "b"), 0);
    case_fail(&c, c.counter, "Handler.Failed");
    assert_false(avoids(&c, "b")); /* once may be the piece's fault */
    c.now_ms += 1000;
    assert_int_equal(case_take(&c, "a"), 0);
    case_succeed(&c, c.counter);
    assert_true(avoids(&c, "b"));
    job_run_free(c.r);
}

static void test_speculation__avoids_nobody_where_nobody_else_is(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 8);

    (void)state;
    c.now_ms += 31000; /* nothing was heard of a */
    for (int i = 0; i < 4; i++) {
        assert_int_not_equal(case_take(&c, "b"), NONE);
        case_fail(&c, c.counter, "Handler.Failed");
        assert_false(avoids(&c, "b"));
        c.now_ms += 500;
    }
    job_run_free(c.r);
}

/* A run that waits for nothing but its second cleaning wakes nobody up meanwhile. */
static void test_speculation__looks_at_nothing_once_nobody_is_avoided(void **state)
{
    struct job_run_settings s = job_case_settings;
    struct job_case c;

    (void)state;
    s.clean_again_ms = 3600000;
    c = case_map_even(&s, 8);
    for (int i = 0; i < 2; i++) {
        assert_int_not_equal(case_take(&c, "b"), NONE);
        case_fail(&c, c.counter, "Handler.Failed");
    }
    job_run_stop(c.r, c.now_ms, &c.out);
    assert_int_equal(case_take(&c, "a"), 0);
    case_succeed(&c, c.counter);
    case_tick(&c, 0);
    assert_int_equal(job_run_wait_ms(c.r, c.now_ms), LIMIT_JOB_TICK_MS); /* b is avoided */
    case_tick(&c, 5000);
    assert_int_equal(job_run_wait_ms(c.r, c.now_ms), 3600000 - 5000);
    job_run_free(c.r);
}

/* A name more than are remembered: the one not seen for longest is forgotten, never one at work. */
static void test_speculation__remembers_so_many_workers(void **state)
{
    struct job_case c = case_map_even(&job_case_settings, 2);
    char name[16];

    (void)state;
    assert_int_equal(case_take(&c, "a"), 0);
    for (int i = 0; i < 2 * LIMIT_JOB_WORKERS; i++) {
        uint32_t piece;

        (void)snprintf(name, sizeof(name), "n%d", i);
        c.now_ms++;
        assert_int_equal(job_run_want(c.r, slice_str(name), c.now_ms, &piece), JOB_WANT_FRESH);
    }
    assert_int_equal(c.r->worker_count, LIMIT_JOB_WORKERS);
    case_check(&c);
    case_succeed(&c, c.counter);
    assert_true(slice_eq_str(c.out.row.worker, "a"));
    job_run_free(c.r);
}

/* ---- What is usual ---- */

static void test_speculation__knows_the_median(void **state)
{
    static const double rates[] = {1e-30, 1e-3, 0.7, 1, 100, 12345, 1e9, 1e30};
    struct job_rates *r = test_calloc(1, sizeof(*r));

    (void)state;
    assert_true(speculation_median(r) == 0);
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        *r = (struct job_rates){.total = 0};
        for (int n = 0; n < 3; n++) {
            speculation_sample(r, rates[i] * 1000, 1000);
        }
        speculation_sample(r, rates[i] * 500, 1000);
        speculation_sample(r, rates[i] * 9000, 1000);
        if (rates[i] > 1e-6 && rates[i] < 1e11) {
            assert_true(speculation_median(r) > rates[i] * 0.93);
            assert_true(speculation_median(r) < rates[i] * 1.07);
        } else {
            assert_true(speculation_median(r) > 0);
        }
    }
    speculation_sample(r, 5, 0); /* no time at all */
    test_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_speculation__tries_again_what_takes_too_long),
        cmocka_unit_test(test_speculation__lets_the_first_one_win_too),
        cmocka_unit_test(test_speculation__leaves_alone_what_is_as_fast_as_usual),
        cmocka_unit_test(test_speculation__is_slow_to_change_its_mind),
        cmocka_unit_test(test_speculation__sees_what_stands_still),
        cmocka_unit_test(test_speculation__lets_progress_come_in_leaps),
        cmocka_unit_test(test_speculation__sees_what_does_not_report_any_more),
        cmocka_unit_test(test_speculation__sees_what_has_read_all_and_does_not_end),
        cmocka_unit_test(test_speculation__goes_by_the_clock_without_progress),
        cmocka_unit_test(test_speculation__waits_for_what_is_fresh_or_due),
        cmocka_unit_test(test_speculation__can_be_turned_off),
        cmocka_unit_test(test_speculation__is_no_failure_of_the_other),
        cmocka_unit_test(test_speculation__does_little_twice),
        cmocka_unit_test(test_speculation__does_little_twice_where_sizes_are_not_known),
        cmocka_unit_test(test_speculation__does_one_piece_twice_in_a_short_phase),
        cmocka_unit_test(test_speculation__spares_the_last_pieces_slow_workers),
        cmocka_unit_test(test_speculation__joins_with_no_slow_worker),
        cmocka_unit_test(test_speculation__avoids_who_fails_time_after_time),
        cmocka_unit_test(test_speculation__avoids_who_fails_what_others_can_do),
        cmocka_unit_test(test_speculation__avoids_nobody_where_nobody_else_is),
        cmocka_unit_test(test_speculation__looks_at_nothing_once_nobody_is_avoided),
        cmocka_unit_test(test_speculation__remembers_so_many_workers),
        cmocka_unit_test(test_speculation__knows_the_median),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
