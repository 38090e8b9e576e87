/* SPDX-License-Identifier: Apache-2.0 */
/* What speculation is worth and what it costs, over many seeds: the time from the plan to the end,
 * against the good workers alone, and the bytes that were done twice. Pieces take 0.25 to 1.8 s; a
 * run's time has the join in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lib/job_world.h"

enum { SEEDS = 25, SHARDS = 200, BOUND_MS = 3600 * 1000, STILL_UNTIL = 600 * 1000 };

/* The worst of all seeds. */
struct figures {
    double time;  /* against `alone` */
    double extra; /* share of the bytes */
    unsigned second;
};

struct shape {
    unsigned workers;
    unsigned slots;
    unsigned slow;      /* of them, by 8 */
    bool silent;        /* they report no progress */
    int64_t still_from; /* the first stands still, for as long as a run takes, and longer */
};

static struct job_world_config shaped(uint64_t seed, const struct shape *s)
{
    struct job_world_config c = job_world_config(seed, SHARDS);

    job_world_workers(&c, s->workers, s->slots, s->slow, 8);
    c.report_ms = s->silent ? 0 : 500;
    if (s->still_from != 0) {
        c.workers[0].still_from = s->still_from;
        c.workers[0].still_to = STILL_UNTIL;
    }
    return c;
}

static struct figures measure(const struct shape *s, const struct shape *alone)
{
    struct figures worst = {.time = 0};

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct job_world_config c = shaped(seed, s);
        struct job_world_config a = shaped(seed, alone);
        struct job_world_result got = job_world_run(&c, BOUND_MS);
        double time = (double)got.took_ms / (double)job_world_run(&a, BOUND_MS).took_ms;
        double extra = (double)got.extra_bytes / (double)got.bytes;

        assert_int_equal(got.state, JOB_SUCCEEDED);
        worst.time = time > worst.time ? time : worst.time;
        worst.extra = extra > worst.extra ? extra : worst.extra;
        worst.second += got.second;
    }
    print_message("          time x %.3f, done twice %.2f %%, %.1f second attempts a run\n",
                  worst.time, worst.extra * 100, (double)worst.second / SEEDS);
    return worst;
}

static void holds(const struct shape *s, const struct shape *alone, double time, double extra)
{
    struct figures f = measure(s, alone);

    assert_true(f.time <= time);
    assert_true(f.extra <= extra);
}

static void test_figures__one_of_four_is_slow(void **state)
{
    (void)state;
    holds(&(struct shape){4, 1, .slow = 1}, &(struct shape){3, 1, .slow = 0}, 1.15, 0.05);
    holds(&(struct shape){4, 1, .slow = 1, .silent = true},
          &(struct shape){3, 1, .slow = 0, .silent = true}, 1.15, 0.05);
    holds(&(struct shape){4, 4, .slow = 1}, &(struct shape){3, 4, .slow = 0}, 1.15, 0.05);
}

static void test_figures__one_of_ten_is_slow(void **state)
{
    (void)state;
    holds(&(struct shape){10, 1, .slow = 1}, &(struct shape){9, 1, .slow = 0}, 1.15, 0.05);
}

static void test_figures__all_are_equal(void **state)
{
    const struct shape few = {4, 1, .slow = 0};
    const struct shape many = {10, 4, .slow = 0};

    (void)state;
    holds(&few, &few, 1.0, 0.01);
    holds(&many, &many, 1.0, 0.01);
}

static void test_figures__one_stands_still(void **state)
{
    (void)state;
    holds(&(struct shape){4, 1, .still_from = 20000}, &(struct shape){3, 1, .slow = 0}, 1.15, 0.05);
    holds(&(struct shape){4, 4, .still_from = 3000}, &(struct shape){3, 4, .slow = 0}, 1.15, 0.05);
    holds(&(struct shape){4, 1, .silent = true, .still_from = 20000},
          &(struct shape){3, 1, .slow = 0}, 1.15, 0.05);
}

/* The figures above are speculation's doing. */
static void test_figures__a_slow_worker_costs_more_without(void **state)
{
    unsigned longer = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct job_world_config c = job_world_config(seed, 12);
        int64_t with_ms;

        job_world_workers(&c, 4, 1, 1, 8);
        with_ms = job_world_run(&c, BOUND_MS).took_ms;
        c.settings.speculate = false;
        longer += job_world_run(&c, BOUND_MS).took_ms > with_ms ? 1 : 0;
    }
    assert_true(longer > SEEDS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures__one_of_four_is_slow),
        cmocka_unit_test(test_figures__one_of_ten_is_slow),
        cmocka_unit_test(test_figures__all_are_equal),
        cmocka_unit_test(test_figures__one_stands_still),
        cmocka_unit_test(test_figures__a_slow_worker_costs_more_without),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
