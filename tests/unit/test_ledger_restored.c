/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger over a database that was restored from a backup: what was leased when it was made is
 * leased anew, whoever comes, and no time of before is over. */
#include "tests/lib/ledger_job_case.h"

static const char *const timed =
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":"
    "\"arn:aws:lambda:eu-x-1:000000000042:function:f\",\"TimeoutSeconds\":60,\"End\":true}}}";
static const char *const functions[] = {"f", NULL};

/* What is on disk is a copy from now on, and opened an hour later. */
static void restore(struct ledger_world *w)
{
    w->now.wall_ms += HOUR_MS;
    w->config.restored_ms = w->now.wall_ms;
    world_crash(w);
    world_settle(w);
}

static uint64_t leased(struct ledger_world *w)
{
    uint64_t id;

    world_machine(w, "m", false, timed);
    (void)world_ready(w, functions);
    id = world_started(w, "m", "e");
    world_settle(w);
    assert_int_equal(w->workers[0].lease_count, 1);
    return id;
}

/* Who held it has done it since, and takes no grant of that token again. */
static void test_ledger_restored__who_held_it_is_given_it_anew(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t id = leased(w);
    struct token before = k->leases[0].token;

    world_forget(k, 0);
    restore(w);
    (void)world_ready(w, functions);
    world_settle(w);
    assert_int_equal(k->lease_count, 1);
    assert_true(k->leases[0].token.epoch > before.epoch);
    assert_int_equal(k->leases[0].attempt, 1);
    assert_int_equal(world_succeed(w, 0, 0, "1"), OK);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    world_check_history(w, id);
}

/* Who still holds it is told to drop it; it ends once. */
static void test_ledger_restored__a_lease_of_before_counts_for_nothing(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t id = leased(w);
    struct token before = k->leases[0].token;

    restore(w);
    (void)world_ready(w, functions);
    world_settle(w);
    assert_int_equal(k->dropped, 1);
    assert_int_equal(k->lease_count, 1);
    assert_true(k->leases[0].token.epoch > before.epoch);
    assert_int_equal(world_succeed(w, 0, 0, "1"), OK);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
}

/* Its worker is gone for good: another does it, and nothing has failed. */
static void test_ledger_restored__another_worker_may_do_it(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[1];
    uint64_t id = leased(w);

    restore(w);
    world_hello(w, 1, functions);
    world_poll(w, 1);
    world_settle(w);
    assert_int_equal(k->lease_count, 1);
    assert_int_equal(world_succeed(w, 1, 0, "1"), OK);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
}

/* Killed before they were given back, they are at the next open; leases of since are leases. */
static void test_ledger_restored__once_only_and_over_crashes(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t id = leased(w);
    struct token since;

    world_forget(k, 0);
    w->now.wall_ms += HOUR_MS;
    w->config.restored_ms = w->now.wall_ms;
    world_crash(w);
    world_crash(w);
    (void)world_ready(w, functions);
    world_settle(w);
    assert_int_equal(k->lease_count, 1);
    since = k->leases[0].token;
    world_crash(w);
    (void)world_ready(w, functions);
    world_advance(w, 5000);
    assert_int_equal(k->lease_count, 1);
    assert_true(token_eq(k->leases[0].token, since));
    assert_int_equal(world_succeed(w, 0, 0, "1"), OK);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
}

/* Pieces of job runs likewise; none of their attempts is used up. */
static void test_ledger_restored__pieces_of_a_job_run(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t run = planned(w, plain, 3);

    assert_int_equal(k->lease_count, 3);
    while (k->lease_count > 0) {
        world_forget(k, 0);
    }
    restore(w);
    (void)ready(w, 0);
    assert_int_equal(k->lease_count, 3);
    assert_int_equal(k->leases[0].attempt, 1);
    work_to(w, run, JOB_CLEAN);
    ends(w, run, JOB_SUCCEEDED);
}

int main(void)
{
#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(test_ledger_restored__##name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(who_held_it_is_given_it_anew), T(a_lease_of_before_counts_for_nothing),
        T(another_worker_may_do_it),     T(once_only_and_over_crashes),
        T(pieces_of_a_job_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
