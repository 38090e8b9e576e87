/* SPDX-License-Identifier: Apache-2.0 */
/* Whole runs in worlds where handlers fail, workers die and stand still, and the coordinator is
 * restarted from what it wrote: every piece succeeds exactly once by the run's account, and once
 * the faults stop the run ends. The world holds the run to its model after every event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lib/job_world.h"

enum { SEEDS = 60, BOUND_MS = 3600 * 1000 };

/* Three good workers, a slow one, one that fails often. */
static struct job_world_config faulty(uint64_t seed, uint32_t shards)
{
    struct job_world_config c = job_world_config(seed, shards);

    job_world_workers(&c, 5, 1 + (unsigned)(seed % 3), 1, 6);
    c.workers[1].fail = 300;
    c.settings.retry.max_attempts = 100;
    c.settings.retry.max_delay_ms = 4000;
    c.workers[2].fail = 20;
    c.workers[3].still_from = 3000;
    c.workers[3].still_to = 60000;
    c.restart = 40;
    c.kill = 30;
    c.give_back = 20;
    c.faults_until = 90000;
    return c;
}

static void test_random__succeeds_through_failures_losses_and_restarts(void **state)
{
    struct job_world_result sum = {.state = JOB_WAITING};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct job_world_config c = faulty(seed, 60);
        struct job_world_result r;

        c.report_ms = seed % 4 == 0 ? 0 : 500;
        r = job_world_run(&c, BOUND_MS);
        assert_int_equal(r.state, JOB_SUCCEEDED);
        sum.restarts += r.restarts;
        sum.lost += r.lost;
        sum.failed += r.failed;
        sum.second += r.second;
        sum.stale += r.stale;
    }
    /* All of it did happen. */
    assert_true(sum.restarts > SEEDS && sum.lost > SEEDS && sum.failed > SEEDS);
    assert_true(sum.second > SEEDS / 4 && sum.stale > SEEDS / 4);
}

static void test_random__succeeds_with_a_shuffle(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS / 2; seed++) {
        struct job_world_config c = faulty(seed, (uint32_t)(seed % 40));

        c.settings.shuffle = true;
        c.partitions = (uint32_t)(seed % 17);
        assert_int_equal(job_world_run(&c, BOUND_MS).state, JOB_SUCCEEDED);
    }
}

static void test_random__succeeds_with_few_attempts_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS / 2; seed++) {
        struct job_world_config c = faulty(seed, 30);

        c.settings.workers = 1 + (uint32_t)(seed % 4);
        c.settings.speculate = seed % 2 == 0;
        assert_int_equal(job_world_run(&c, BOUND_MS).state, JOB_SUCCEEDED);
    }
}

static void test_random__ends_where_only_bad_workers_are_left(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS / 2; seed++) {
        struct job_world_config c = job_world_config(seed, 20);

        job_world_workers(&c, 3, 1, 0, 1);
        c.settings.retry.max_attempts = 100;
        c.settings.retry.max_delay_ms = 4000;
        c.faults_until = BOUND_MS;
        for (unsigned i = 0; i < 3; i++) {
            c.workers[i].fail = 500;
        }
        assert_int_equal(job_world_run(&c, BOUND_MS).state, JOB_SUCCEEDED);
    }
}

static void test_random__stops_and_fails_as_it_should(void **state)
{
    unsigned ends[JOB_STATES] = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct job_world_config c = faulty(seed, 20);

        c.settings.shuffle = seed % 2 == 0;
        c.partitions = 5;
        c.settings.retry.max_attempts = 1;
        c.settings.bad_records.max_count = seed % 5;
        c.bad_record = 30;
        c.settings.timeout_ms = (int64_t)(5000 + seed * 1000);
        c.stop_ms = (int64_t)(seed % 3) * 5000;
        ends[job_world_run(&c, BOUND_MS).state]++;
    }
    assert_true(ends[JOB_STOPPED] > 0 && ends[JOB_FAILED] > 0 && ends[JOB_TIMEOUT] > 0);
    assert_int_equal(ends[JOB_ERROR], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random__succeeds_through_failures_losses_and_restarts),
        cmocka_unit_test(test_random__succeeds_with_a_shuffle),
        cmocka_unit_test(test_random__succeeds_with_few_attempts_at_once),
        cmocka_unit_test(test_random__ends_where_only_bad_workers_are_left),
        cmocka_unit_test(test_random__stops_and_fails_as_it_should),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
