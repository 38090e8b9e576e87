/* SPDX-License-Identifier: Apache-2.0 */
/* How `stepfleet job watch` reckons a run's pace, and the line it shows of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/cli/job_run.h"

enum { MIB = 1024 * 1024 };

static struct stepfleet_job_run run(const char *phase, uint32_t done, uint64_t bytes)
{
    return (struct stepfleet_job_run){
        .state = "RUNNING",
        .phase = phase,
        .error = "",
        .missing = "",
        .pieces = 10,
        .done = done,
        .bytes_all = 100 * (uint64_t)MIB,
        .bytes_done = bytes,
    };
}

static void assert_line(const struct job_pace *p, const struct stepfleet_job_run *r, const char *is)
{
    struct arena a = {0};

    assert_string_equal(arena_str(&a, job_run_line(p, r, &a)), is);
    arena_fini(&a);
}

static void test_cli_job__the_pace_is_that_of_late(void **state)
{
    struct job_pace p = {0};
    struct stepfleet_job_run r = run("MAP", 0, 0);

    (void)state;
    job_pace_look(&p, &r, 1000);
    assert_int_equal(job_pace_left_ms(&p, &r), -1);
    r = run("MAP", 1, 10 * MIB);
    job_pace_look(&p, &r, 2000);
    assert_int_equal(job_pace_left_ms(&p, &r), 9000);
    r = run("MAP", 1, 40 * MIB);
    job_pace_look(&p, &r, 3000); /* 30 MiB/s, after 10: 20 */
    assert_int_equal(job_pace_left_ms(&p, &r), 3000);
    job_pace_look(&p, &r, 3000); /* no time has passed */
    assert_int_equal(job_pace_left_ms(&p, &r), 3000);
    r = run("JOIN", 0, 0);
    job_pace_look(&p, &r, 4000); /* another phase has another pace */
    assert_int_equal(job_pace_left_ms(&p, &r), -1);
}

static void test_cli_job__pieces_count_where_bytes_do_not(void **state)
{
    struct job_pace p = {0};
    struct stepfleet_job_run r = run("MAP", 2, 0);

    (void)state;
    r.bytes_all = 0;
    job_pace_look(&p, &r, 1000);
    r.done = 6;
    job_pace_look(&p, &r, 3000);
    assert_int_equal(job_pace_left_ms(&p, &r), 2000);
}

static void test_cli_job__a_line_says_what_there_is(void **state)
{
    struct job_pace p = {0};
    struct stepfleet_job_run r = run("MAP", 3, 10 * MIB);

    (void)state;
    assert_line(&p, &r, "RUNNING MAP  3 of 10 done");
    job_pace_look(&p, &r, 1000);
    r.bytes_done = 12 * MIB;
    job_pace_look(&p, &r, 2000);
    r.live = 4;
    r.failures = 1;
    r.losses = 2;
    r.speculated = 5;
    r.missing = "h\n";
    assert_line(&p, &r,
                "RUNNING MAP  3 of 10 done, 4 running, 1 failed, 2 lost, 5 tried twice  2.0 MiB/s  "
                "44.0s left  no worker offers h ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cli_job__the_pace_is_that_of_late),
        cmocka_unit_test(test_cli_job__pieces_count_where_bytes_do_not),
        cmocka_unit_test(test_cli_job__a_line_says_what_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
