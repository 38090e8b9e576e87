/* SPDX-License-Identifier: Apache-2.0 */
/* Ended executions that were kept long enough: all their rows go, and no others; over crashes at
 * every batch; after they were archived, where they are; and a database under steady load stays as
 * small as what is kept. */
#include <stdio.h>
#include <string.h>

#include "coordinator/ledger/retention.h"
#include "tests/lib/ledger_world.h"

enum { DAY_MS = 24 * 3600 * 1000, KEPT_MS = 10 * 1000, ROUND_MS = 1000 };

static const char *const pass =
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"End\":true}}}";
static const char *const fails =
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Fail\",\"Error\":\"E\"}}}";
static const char *const waits = "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\","
                                 "\"Seconds\":3600,\"End\":true}}}";
static const char *const nests =
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":"
    "\"arn:aws:states:::states:startExecution.sync\",\"Parameters\":{\"StateMachineArn\":"
    "\"arn:aws:states:eu-x-1:000000000042:stateMachine:waits\",\"Name\":\"child\"},\"End\":true}}}";

static int setup(void **state)
{
    struct ledger_world *w = mem_alloc(sizeof(*w));

    world_open(w);
    w->config.retention_ms = KEPT_MS;
    w->config.retention_express_ms = KEPT_MS;
    world_crash(w);
    *state = w;
    return 0;
}

/* The execution is found by its name. */
static bool is_there(struct ledger_world *w, const char *machine, const char *name)
{
    struct err err;
    uint64_t id;
    enum err_code rc;

    world_begin(w);
    rc = ledger_execution_find(w->l, ledger_machine_find(w->l, slice_str(machine)), slice_str(name),
                               &id, &err);
    world_end(w);
    assert_true(rc == OK || rc == ERR_NOT_FOUND);
    return rc == OK;
}

static void assert_no_rows(struct ledger_world *w)
{
    assert_int_equal(world_rows(w, CF_NAME), 0);
    assert_int_equal(world_rows(w, CF_INDEX), 0);
    assert_int_equal(world_rows(w, CF_EXECUTION), 0);
    assert_int_equal(world_rows(w, CF_TIMER), 0);
}

static void assert_all_rows(struct ledger_world *w, size_t executions, size_t records)
{
    assert_int_equal(world_rows(w, CF_NAME), executions);
    assert_int_equal(world_rows(w, CF_INDEX), executions);
    assert_int_equal(world_rows(w, CF_EXECUTION), records);
}

/* ---- going ---- */

static void test_ledger_retention__all_rows_go_in_time(void **state)
{
    struct ledger_world *w = *state;

    world_machine(w, "m", false, pass);
    world_machine(w, "f", false, fails);
    world_machine(w, "x", true, pass);
    (void)world_started(w, "m", "a");
    (void)world_started(w, "f", "a");
    (void)world_started(w, "x", "a");
    world_advance(w, KEPT_MS - 100);
    assert_int_equal(world_rows(w, CF_INDEX), 3);
    assert_true(is_there(w, "m", "a"));
    world_advance(w, ROUND_MS + 200);
    assert_no_rows(w);
    assert_false(is_there(w, "m", "a"));
    assert_int_equal(ledger_retention_figures(w->l)->expired, 3);
    (void)world_started(w, "m", "a"); /* the name is free again */
    world_settle(w);
    assert_true(is_there(w, "m", "a"));
}

static void test_ledger_retention__never_means_never(void **state)
{
    struct ledger_world *w = *state;

    w->config.retention_ms = 0;
    world_crash(w);
    world_machine(w, "m", false, pass);
    world_machine(w, "x", true, pass);
    (void)world_started(w, "m", "a");
    (void)world_started(w, "x", "a");
    for (unsigned day = 0; day < 100; day++) {
        w->now.wall_ms += DAY_MS;
        world_advance(w, 2 * ROUND_MS);
    }
    assert_true(is_there(w, "m", "a"));
    assert_false(is_there(w, "x", "a"));
    assert_int_equal(world_rows(w, CF_INDEX), 1);
}

static void test_ledger_retention__what_runs_stays(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id;

    world_machine(w, "waits", false, waits);
    world_machine(w, "m", false, pass);
    id = world_started(w, "waits", "long");
    (void)world_started(w, "m", "short");
    world_advance(w, 3600 * 1000 - 1000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    assert_int_equal(world_rows(w, CF_INDEX), 1);
    world_advance(w, KEPT_MS);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED); /* it counts from its end */
    world_advance(w, 2 * ROUND_MS + 1000);
    assert_no_rows(w);
}

/* A machine's executions go after it has gone, too. */
static void test_ledger_retention__of_a_deleted_machine(void **state)
{
    struct ledger_world *w = *state;
    struct ledger_machine *m = world_machine(w, "m", false, pass);

    (void)world_started(w, "m", "a");
    world_settle(w);
    world_begin(w);
    ledger_machine_delete(w->l, m);
    world_end(w);
    world_advance(w, 5000);
    assert_int_equal(ledger_machine_count(w->l), 0);
    assert_int_equal(world_rows(w, CF_INDEX), 1);
    world_advance(w, KEPT_MS);
    assert_no_rows(w);
}

/* More records than go one by one: the rest is a range, and its neighbours are whole. */
static void test_ledger_retention__long_histories_go_whole(void **state)
{
    struct ledger_world *w = *state;
    struct store_batch *b = store_batch_new(w->store);
    struct err err;
    uint64_t id;
    uint64_t next;

    world_machine(w, "m", false, pass);
    world_machine(w, "waits", false, waits);
    id = world_started(w, "m", "long");
    next = world_started(w, "waits", "next");
    world_settle(w);
    for (uint64_t n = 1; n < 1000; n++) { /* of a history; what they say is not read */
        struct key key = key_execution(WORLD_ACCOUNT, id, n);

        store_put(b, CF_EXECUTION, key_slice(&key), SLICE("record"));
    }
    assert_int_equal(store_write(w->store, b, &err), OK);
    store_batch_free(b);
    world_crash(w);
    assert_int_equal(world_rows(w, CF_EXECUTION), 1000 + 1);
    world_turn(w); /* its first pass is a round away */
    w->now.wall_ms += KEPT_MS + ROUND_MS;
    w->now.mono_ms += KEPT_MS + ROUND_MS;
    world_turn(w);
    assert_int_equal(ledger_retention_figures(w->l)->expired, 1);
    assert_in_range(store_batch_count(w->flying), 1, 100); /* most of them as a range */
    world_advance(w, 2 * ROUND_MS);
    assert_all_rows(w, 1, 1);
    assert_int_equal(world_status(w, next, NULL), EXECUTION_RUNNING);
}

/* No number is given twice, should the last one's rows be gone. */
static void test_ledger_retention__numbers_go_on(void **state)
{
    struct ledger_world *w = *state;
    uint64_t before;

    world_machine(w, "m", false, pass);
    (void)world_started(w, "m", "a");
    before = world_started(w, "m", "b");
    world_advance(w, KEPT_MS + 2 * ROUND_MS);
    assert_no_rows(w);
    world_crash(w);
    assert_true(world_started(w, "m", "c") > before);
}

/* ---- what is in hand ---- */

/* Between the deletion and its commit it is not there: neither found, nor loaded and redriven. */
static void test_ledger_retention__gone_before_it_is_durable(void **state)
{
    struct ledger_world *w = *state;
    struct err err;
    uint64_t again;
    uint64_t id;

    world_machine(w, "f", false, fails);
    id = world_started(w, "f", "a");
    world_settle(w);
    w->now.wall_ms += KEPT_MS + 1;
    w->now.mono_ms += KEPT_MS + 1;
    world_turn(w);
    assert_non_null(w->flying);
    assert_int_equal(world_rows(w, CF_INDEX), 1); /* as it is on disk yet */
    assert_false(is_there(w, "f", "a"));
    world_begin(w);
    assert_int_equal(ledger_execution_load(w->l, id, &err), ERR_EXECUTION_DOES_NOT_EXIST);
    assert_int_equal(world_start(w, "f", "a", "{}", false, &again), OK);
    world_end(w);
    world_settle(w);
    assert_true(again != id);
    assert_true(is_there(w, "f", "a"));
    assert_int_equal(world_status(w, again, NULL), EXECUTION_FAILED);
    assert_int_equal(world_rows(w, CF_INDEX), 1);
    assert_int_equal(world_rows(w, CF_NAME), 1);
}

/* While the deletion is under way a further pass does not find it again. */
static void test_ledger_retention__goes_once(void **state)
{
    struct ledger_world *w = *state;

    world_machine(w, "m", false, pass);
    (void)world_started(w, "m", "a");
    world_settle(w);
    w->now.wall_ms += KEPT_MS + 1;
    w->now.mono_ms += KEPT_MS + 1;
    world_turn(w);
    assert_non_null(w->flying);
    w->now.wall_ms += 2 * ROUND_MS;
    w->now.mono_ms += 2 * ROUND_MS;
    world_turn(w);
    world_turn(w);
    assert_int_equal(world_rows(w, CF_INDEX), 1); /* as it is on disk yet */
    assert_int_equal(ledger_retention_figures(w->l)->expired, 1);
    world_settle(w);
    assert_no_rows(w);
}

/* Redriven in the turn that would delete it: on disk it is still one that was over for too long. */
static void test_ledger_retention__redriven_just_in_time(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event ev = {.kind = ENGINE_REDRIVE};
    struct err err;
    uint64_t id;

    world_machine(w, "f", false, fails);
    id = world_started(w, "f", "a");
    world_settle(w);
    w->now.wall_ms += KEPT_MS + 1;
    w->now.mono_ms += KEPT_MS + 1;
    world_begin(w);
    assert_int_equal(ledger_execution_load(w->l, id, &err), OK);
    assert_int_equal(ledger_execution_event(w->l, id, &ev, &err), OK);
    world_end(w);
    world_settle(w);
    assert_true(is_there(w, "f", "a"));
    world_check_history(w, id);
    assert_int_equal(world_rows(w, CF_INDEX), 1);
    world_advance(w, KEPT_MS + 2 * ROUND_MS);
    assert_no_rows(w);
}

/* A task waits for a child that has ended: what it has to be told is read from the child's rows. */
static void test_ledger_retention__a_parent_is_told_first(void **state)
{
    struct ledger_world *w = *state;
    struct execution_header h;
    uint64_t parent;

    world_machine(w, "waits", false, waits);
    world_machine(w, "nests", false, nests);
    parent = world_started(w, "nests", "parent");
    world_advance(w, 3600 * 1000 + 100);
    assert_int_equal(world_status(w, parent, &h), EXECUTION_SUCCEEDED);
    world_check_history(w, parent);
    world_advance(w, KEPT_MS + 3 * ROUND_MS);
    assert_no_rows(w);
    world_check_end(w);
}

static void test_ledger_retention__a_notice_keeps_the_child(void **state)
{
    struct ledger_world *w = *state;
    struct parent_task task = {.execution = 4711};
    uint64_t id;

    world_machine(w, "m", false, pass);
    id = world_started(w, "m", "child");
    world_settle(w);
    w->now.wall_ms += KEPT_MS + 1;
    w->now.mono_ms += KEPT_MS + 1;
    ledger_turn_begin(w->l, w->now);
    notice_run_ended(w->l, id, &task); /* somebody is to be told that `id` has ended */
    retention_run(w->l);
    assert_false(retention_is_gone(w->l, id));
    w->l->notice_count = 0;
    ledger_turn_end(w->l);
    world_advance(w, 2 * ROUND_MS);
    assert_no_rows(w);
}

/* ---- many, and crashes ---- */

/* Slices: no batch takes more than some, and all of them go. */
static void test_ledger_retention__a_backlog_goes_in_slices(void **state)
{
    struct ledger_world *w = *state;
    enum { EXECUTIONS = 1000 };
    unsigned batches = 0;
    char name[16];

    world_machine(w, "m", false, pass);
    for (unsigned i = 0; i < EXECUTIONS; i++) {
        (void)snprintf(name, sizeof(name), "e%u", i);
        (void)world_started(w, "m", name);
    }
    world_settle(w);
    assert_int_equal(world_rows(w, CF_INDEX), EXECUTIONS);
    w->now.wall_ms += KEPT_MS + 1;
    w->now.mono_ms += KEPT_MS + 1;
    world_turn(w);
    while (world_rows(w, CF_INDEX) != 0) {
        size_t before = world_rows(w, CF_INDEX);

        assert_true(world_commit(w));
        assert_in_range(before - world_rows(w, CF_INDEX), 1, 64);
        world_turn(w);
        batches++;
    }
    assert_in_range(batches, EXECUTIONS / 64, EXECUTIONS / 64 + 2);
    world_settle(w);
    assert_no_rows(w);
}

/* From a turn to the next. */
static void pass_time(struct ledger_world *w, int64_t ms)
{
    world_turn(w);
    w->now.wall_ms += ms;
    w->now.mono_ms += ms;
    world_turn(w);
}

/* A machine that started with a wrong clock has a while to set it. */
static void test_ledger_retention__not_at_once_after_a_start(void **state)
{
    struct ledger_world *w = *state;

    world_machine(w, "m", false, pass);
    (void)world_started(w, "m", "a");
    world_settle(w);
    w->now.wall_ms += 400 * (int64_t)DAY_MS;
    world_crash(w);
    pass_time(w, ROUND_MS - 1);
    world_settle(w);
    assert_true(is_there(w, "m", "a"));
    pass_time(w, 1);
    world_settle(w);
    assert_no_rows(w);
}

/* A crash at each batch, before and after it is written: each execution is there whole or not at
 * all, and in the end none is. */
static void test_ledger_retention__crashes_leave_no_halves(void **state)
{
    struct ledger_world *w = *state;
    enum { EXECUTIONS = 200 };
    char name[16];
    unsigned crashes = 0;

    world_machine(w, "m", false, pass);
    for (unsigned i = 0; i < EXECUTIONS; i++) {
        (void)snprintf(name, sizeof(name), "e%u", i);
        (void)world_started(w, "m", name);
    }
    world_settle(w);
    w->now.wall_ms += KEPT_MS + 1;
    w->now.mono_ms += KEPT_MS + 1;
    while (world_rows(w, CF_INDEX) != 0) {
        size_t left;

        pass_time(w, ROUND_MS);
        if (crashes++ % 2 == 1) {
            world_write_unheard(w);
        }
        world_crash(w);
        left = world_rows(w, CF_INDEX);
        assert_all_rows(w, left, left); /* these have one record each */
        for (unsigned i = 0; i < EXECUTIONS; i++) {
            struct err err;
            uint64_t id;

            (void)snprintf(name, sizeof(name), "e%u", i);
            left -= ledger_execution_find(w->l, ledger_machine_find(w->l, SLICE("m")),
                                          slice_str(name), &id, &err) == OK;
        }
        assert_int_equal(left, 0);
    }
    assert_true(crashes > 4);
    assert_no_rows(w);
}

/* Load that does not end: there is never more than what is kept, and a little. */
static void test_ledger_retention__steady_load_stays_bounded(void **state)
{
    struct ledger_world *w = *state;
    enum { A_SECOND = 10, SECONDS = 120 };
    size_t most = 0;
    char name[16];

    world_machine(w, "m", false, pass);
    for (unsigned i = 0; i < A_SECOND * SECONDS; i++) {
        (void)snprintf(name, sizeof(name), "e%u", i);
        (void)world_started(w, "m", name);
        world_advance(w, 1000 / A_SECOND);
        most = world_rows(w, CF_INDEX) > most ? world_rows(w, CF_INDEX) : most;
    }
    assert_in_range(most, A_SECOND * KEPT_MS / 1000, A_SECOND * (KEPT_MS + 2 * ROUND_MS) / 1000);
    assert_int_equal(ledger_retention_figures(w->l)->expired + world_rows(w, CF_INDEX),
                     A_SECOND * SECONDS);
}

/* ---- archived first ---- */

static void answer(struct ledger_world *w, enum err_code rc, bool unreadable)
{
    size_t count = w->archive_count;

    w->archive_count = 0;
    world_begin(w);
    for (size_t i = 0; i < count; i++) {
        struct ledger_archive *a = w->archives[i];

        a->rc = rc;
        a->unreadable = unreadable;
        if (rc != OK) {
            (void)err_set(&a->err, rc, "the place is away");
        }
        ledger_archive_done(w->l, a);
    }
    world_end(w);
    world_settle(w);
}

static void archiving(struct ledger_world *w)
{
    w->archive = true;
    world_crash(w);
}

static void test_ledger_retention__nothing_goes_before_it_is_archived(void **state)
{
    struct ledger_world *w = *state;

    archiving(w);
    world_machine(w, "m", false, pass);
    world_machine(w, "x", true, pass);
    (void)world_started(w, "m", "a");
    (void)world_started(w, "x", "a"); /* Express: AWS keeps no history, nor is it archived */
    world_advance(w, KEPT_MS + 2 * ROUND_MS);
    assert_int_equal(w->archive_count, 1);
    world_advance(w, 100 * KEPT_MS); /* it takes its time */
    assert_int_equal(w->archive_count, 1);
    assert_all_rows(w, 1, 1);
    answer(w, OK, false);
    assert_no_rows(w);
    assert_int_equal(ledger_retention_figures(w->l)->archived, 1);
}

static void test_ledger_retention__a_place_that_is_away(void **state)
{
    struct ledger_world *w = *state;
    char name[16];

    archiving(w);
    world_machine(w, "m", false, pass);
    for (unsigned i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "e%u", i);
        (void)world_started(w, "m", name);
    }
    world_advance(w, KEPT_MS + 2 * ROUND_MS);
    assert_int_equal(w->archive_count, 16); /* so many at once */
    for (unsigned failures = 1; failures < 5; failures++) {
        answer(w, ERR_UNAVAILABLE, false);
        assert_all_rows(w, 40, 40);
        assert_int_equal(ledger_retention_figures(w->l)->failures, failures);
        world_advance(w, (500 << failures) - 10);
        assert_int_equal(w->archive_count, 0);
        world_advance(w, 20);
        assert_int_equal(w->archive_count, 16);
    }
    while (w->archive_count != 0) {
        answer(w, OK, false);
    }
    assert_no_rows(w);
    assert_int_equal(ledger_retention_figures(w->l)->failures, 0);
    assert_int_equal(ledger_retention_figures(w->l)->archived, 40);
}

/* One that cannot be read stays, and holds back no other. */
static void test_ledger_retention__one_that_cannot_be_read(void **state)
{
    struct ledger_world *w = *state;

    archiving(w);
    world_machine(w, "m", false, pass);
    (void)world_started(w, "m", "bad");
    world_advance(w, KEPT_MS + 2 * ROUND_MS);
    answer(w, ERR_CORRUPT, true);
    assert_all_rows(w, 1, 1);
    (void)world_started(w, "m", "good");
    world_advance(w, KEPT_MS + 2 * ROUND_MS);
    assert_int_equal(ledger_retention_figures(w->l)->failures, 0);
    while (w->archive_count != 0) {
        w->archives[0]->rc = OK;
        answer(w, OK, false);
    }
    assert_no_rows(w);
}

/* Redriven while it was being archived: what was archived is not what there is. */
static void test_ledger_retention__redriven_meanwhile(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event ev = {.kind = ENGINE_REDRIVE};
    struct err err;
    uint64_t id;

    archiving(w);
    world_machine(w, "f", false, fails);
    id = world_started(w, "f", "a");
    world_advance(w, KEPT_MS + 2 * ROUND_MS);
    assert_int_equal(w->archive_count, 1);
    world_begin(w);
    assert_int_equal(ledger_execution_load(w->l, id, &err), OK);
    assert_int_equal(ledger_execution_event(w->l, id, &ev, &err), OK);
    world_end(w);
    world_settle(w);
    answer(w, OK, false);
    assert_true(is_there(w, "f", "a"));
    world_check_history(w, id);
    world_advance(w, KEPT_MS + 2 * ROUND_MS);
    assert_int_equal(w->archive_count, 1);
    answer(w, OK, false);
    assert_no_rows(w);
}

/* Redriven in the turn in which it comes back: on disk it is still as it was. */
static void test_ledger_retention__redriven_at_that_moment(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event ev = {.kind = ENGINE_REDRIVE};
    struct err err;
    uint64_t id;

    archiving(w);
    world_machine(w, "f", false, fails);
    id = world_started(w, "f", "a");
    world_advance(w, KEPT_MS + 2 * ROUND_MS);
    assert_int_equal(w->archive_count, 1);
    w->archive_count = 0;
    world_begin(w);
    assert_int_equal(ledger_execution_load(w->l, id, &err), OK);
    assert_int_equal(ledger_execution_event(w->l, id, &ev, &err), OK);
    w->archives[0]->rc = OK;
    ledger_archive_done(w->l, w->archives[0]);
    world_end(w);
    world_settle(w);
    assert_true(is_there(w, "f", "a"));
    world_check_history(w, id);
}

/* A crash while it is archived, and one when it was and nobody knew: it is archived again. */
static void test_ledger_retention__archived_at_least_once(void **state)
{
    struct ledger_world *w = *state;

    archiving(w);
    world_machine(w, "m", false, pass);
    (void)world_started(w, "m", "a");
    for (unsigned i = 0; i < 3; i++) {
        world_advance(w, KEPT_MS + 2 * ROUND_MS);
        assert_int_equal(w->archive_count, 1);
        world_crash(w);
        assert_all_rows(w, 1, 1);
    }
    world_advance(w, ROUND_MS);
    answer(w, OK, false);
    assert_no_rows(w);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_ledger_retention__all_rows_go_in_time),
        TEST(test_ledger_retention__never_means_never),
        TEST(test_ledger_retention__what_runs_stays),
        TEST(test_ledger_retention__of_a_deleted_machine),
        TEST(test_ledger_retention__long_histories_go_whole),
        TEST(test_ledger_retention__numbers_go_on),
        TEST(test_ledger_retention__gone_before_it_is_durable),
        TEST(test_ledger_retention__goes_once),
        TEST(test_ledger_retention__redriven_just_in_time),
        TEST(test_ledger_retention__a_parent_is_told_first),
        TEST(test_ledger_retention__a_notice_keeps_the_child),
        TEST(test_ledger_retention__a_backlog_goes_in_slices),
        TEST(test_ledger_retention__not_at_once_after_a_start),
        TEST(test_ledger_retention__crashes_leave_no_halves),
        TEST(test_ledger_retention__steady_load_stays_bounded),
        TEST(test_ledger_retention__nothing_goes_before_it_is_archived),
        TEST(test_ledger_retention__a_place_that_is_away),
        TEST(test_ledger_retention__one_that_cannot_be_read),
        TEST(test_ledger_retention__redriven_meanwhile),
        TEST(test_ledger_retention__redriven_at_that_moment),
        TEST(test_ledger_retention__archived_at_least_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
