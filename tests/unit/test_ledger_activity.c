/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that no worker of ours does: activities, their queues and their tokens; tasks that wait for
 * a token after their call; over crashes, restarts, parking. */
#include <stdio.h>

#include "tests/lib/ledger_world.h"

static const char *const functions[] = {"f", NULL};

#define ACTIVITY(rest)                                                                             \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":"                        \
    "\"arn:aws:states:eu-x-1:000000000042:activity:act\"," rest "\"End\":true}}}"
#define CALLBACK(rest)                                                                             \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":"                        \
    "\"arn:aws:states:::lambda:invoke.waitForTaskToken\",\"Parameters\":{\"FunctionName\":\"f\","  \
    "\"Payload\":{\"t.$\":\"$$.Task.Token\"}}," rest "\"End\":true}}}"

static const char *const plain = ACTIVITY("");
static const char *const timed = ACTIVITY("\"TimeoutSeconds\":600,");
static const char *const callback = CALLBACK("");
static const char *const beating = CALLBACK("\"HeartbeatSeconds\":100,\"TimeoutSeconds\":1000,");

static void check_output(struct ledger_world *w, uint64_t id, const char *expected)
{
    struct arena a = {0};

    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    assert_true(slice_eq_str(world_result(w, id, &a), expected));
    arena_fini(&a);
}

/* The worker has the token: it is what the function was given. */
static bool handed_out(struct ledger_world *w, char token[WORLD_TEXT])
{
    struct world_worker *k = &w->workers[0];
    struct arena a = {0};
    const struct json_node *v;
    struct err err;

    world_hello(w, 0, functions);
    world_poll(w, 0);
    world_settle(w);
    if (k->lease_count == 0) {
        return false;
    }
    assert_int_equal(json_parse(slice_str(k->leases[0].payload), &a, &v, &err), OK);
    (void)snprintf(token, WORLD_TEXT, "%.*s", SLICE_FMT(json_text(json_member(v, SLICE("t")))));
    arena_fini(&a);
    return true;
}

/* It hands the token on. */
static bool handed_on(struct ledger_world *w, char token[WORLD_TEXT])
{
    if (!handed_out(w, token)) {
        return false;
    }
    assert_int_equal(world_succeed(w, 0, 0, "null"), OK);
    world_settle(w);
    return true;
}

/* An execution of it whose activity's task is taken. */
static uint64_t taken_of(struct ledger_world *w, const char *definition, struct world_token *taken)
{
    uint64_t id;

    world_activity(w, "act");
    world_machine(w, "m", false, definition);
    id = world_started(w, "m", "e");
    assert_true(world_take(w, "act", taken));
    return id;
}

/* ---- queues ---- */

static void test_ledger_activity__tasks_are_taken_in_order_and_end_by_their_token(void **state)
{
    struct ledger_world *w = *state;
    struct world_token first;
    struct world_token second;
    uint64_t id;
    uint64_t other;

    world_activity(w, "act");
    world_machine(w, "m", false, plain);
    id = world_started(w, "m", "e1");
    assert_int_equal(w->tasks_waited, 1);
    other = world_started(w, "m", "e2");
    assert_int_equal(w->tasks_waited, 2);
    assert_int_equal(ledger_activity_find(w->l, SLICE("act"))->waiting, 2);
    assert_true(world_take(w, "act", &first));
    assert_string_equal(first.input, "{}");
    assert_true(world_take(w, "act", &second));
    assert_false(world_take(w, "act", &second));
    assert_int_equal(world_send(w, first.text, "{\"r\":1}"), OK);
    assert_int_equal(world_send(w, second.text, NULL), OK);
    world_settle(w);
    check_output(w, id, "{\"r\":1}");
    assert_int_equal(world_status(w, other, NULL), EXECUTION_FAILED);
    world_check_history(w, id);
    world_check_end(w);
}

static void test_ledger_activity__a_restart_keeps_the_order(void **state)
{
    struct ledger_world *w = *state;
    struct world_token taken;
    uint64_t ids[5];
    char name[8];

    world_activity(w, "act");
    world_machine(w, "m", false, plain);
    for (unsigned i = 0; i < 5; i++) {
        (void)snprintf(name, sizeof(name), "e%u", i);
        ids[i] = world_started(w, "m", name);
        world_advance(w, 10);
    }
    assert_true(world_take(w, "act", &taken)); /* and the reply never left */
    world_crash(w);
    world_turn(w);
    assert_int_equal(w->tasks_waited, 5 + 1);
    assert_int_equal(ledger_activity_find(w->l, SLICE("act"))->waiting, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(world_take(w, "act", &taken));
        (void)snprintf(name, sizeof(name), "%u", i);
        assert_int_equal(world_send(w, taken.text, name), OK);
        world_settle(w);
        check_output(w, ids[i], name);
    }
}

static void test_ledger_activity__a_stopped_execution_leaves_the_queue(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event stop = {.kind = ENGINE_STOP};
    struct world_token taken;
    struct err err;
    uint64_t id;

    world_activity(w, "act");
    world_machine(w, "m", false, plain);
    id = world_started(w, "m", "e");
    world_begin(w);
    assert_int_equal(ledger_execution_event(w->l, id, &stop, &err), OK);
    world_end(w);
    assert_int_equal(ledger_activity_find(w->l, SLICE("act"))->waiting, 0);
    assert_false(world_take(w, "act", &taken));
    world_settle(w);
    assert_int_equal(ledger_hot_count(w->l), 0);
}

static void delete_activity(struct ledger_world *w, const char *name)
{
    world_begin(w);
    ledger_activity_delete(w->l, ledger_activity_find(w->l, slice_str(name)));
    world_end(w);
}

static void test_ledger_activity__tasks_of_a_deleted_one_wait(void **state)
{
    struct ledger_world *w = *state;
    struct world_token taken;
    uint64_t id;

    world_activity(w, "act");
    world_machine(w, "m", false, plain);
    id = world_started(w, "m", "e");
    delete_activity(w, "act");
    assert_null(ledger_activity_find(w->l, SLICE("act")));
    assert_int_equal(ledger_activity_count(w->l), 0);
    world_settle(w);
    world_crash(w);
    assert_null(ledger_activity_find(w->l, SLICE("act")));
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    w->tasks_waited = 0;
    world_activity(w, "act"); /* made again: it has them */
    assert_int_equal(w->tasks_waited, 1);
    assert_true(world_take(w, "act", &taken));
    assert_int_equal(world_send(w, taken.text, "1"), OK);
    world_settle(w);
    check_output(w, id, "1");
    delete_activity(w, "act");
    assert_int_equal(w->l->activities.count, 0);
}

static void test_ledger_activity__a_deleted_one_goes_with_its_last_task(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event stop = {.kind = ENGINE_STOP};
    struct err err;
    uint64_t id;

    world_activity(w, "act");
    world_machine(w, "m", false, plain);
    id = world_started(w, "m", "e");
    delete_activity(w, "act");
    assert_int_equal(w->l->activities.count, 1);
    world_begin(w);
    assert_int_equal(ledger_execution_event(w->l, id, &stop, &err), OK);
    world_end(w);
    assert_int_equal(w->l->activities.count + w->l->activities_deleted, 0);
    world_settle(w);
}

static void test_ledger_activity__they_are_listed_by_name_and_stay(void **state)
{
    struct ledger_world *w = *state;
    struct ledger_activity **all;
    int64_t created_ms;
    size_t count;

    world_activity(w, "b");
    world_activity(w, "a");
    world_activity(w, "c");
    created_ms = ledger_activity_find(w->l, SLICE("a"))->created_ms;
    world_advance(w, 1000);
    world_activity(w, "a"); /* the one there is */
    delete_activity(w, "c");
    world_settle(w);
    world_crash(w);
    world_begin(w);
    all = ledger_activities(w->l, &count);
    assert_int_equal(count, 2);
    assert_true(slice_eq_str(all[0]->name, "a") && slice_eq_str(all[1]->name, "b"));
    assert_int_equal(all[0]->created_ms, created_ms);
    assert_true(slice_eq_str(all[0]->arn, "arn:aws:states:eu-x-1:000000000042:activity:a"));
    world_end(w);
}

/* ---- tokens ---- */

static void test_ledger_activity__a_token_is_good_once(void **state)
{
    struct ledger_world *w = *state;
    struct world_token taken;
    uint64_t id;

    id = taken_of(w, plain, &taken);
    assert_int_equal(world_beat(w, taken.text), OK);
    assert_int_equal(world_send(w, taken.text, "1"), OK);
    assert_int_equal(world_send(w, taken.text, "2"), ERR_TASK_TIMED_OUT);
    assert_int_equal(world_beat(w, taken.text), ERR_TASK_TIMED_OUT);
    world_settle(w);
    assert_int_equal(ledger_hot_count(w->l), 0);
    assert_int_equal(world_send(w, taken.text, NULL), ERR_TASK_TIMED_OUT); /* from disk */
    world_settle(w);
    check_output(w, id, "1");
    assert_int_equal(ledger_hot_count(w->l), 0);
}

static void test_ledger_activity__a_token_must_be_genuine(void **state)
{
    struct ledger_world *w = *state;
    struct world_token taken;
    struct task_token t;
    struct err err;

    (void)taken_of(w, plain, &taken);
    assert_true(engine_task_token_parse(slice_str(taken.text), &t));
    world_begin(w);
    t.mac[3] ^= 1;
    assert_int_equal(ledger_token_succeed(w->l, &t, SLICE("1"), &err), ERR_TASK_DOES_NOT_EXIST);
    t.mac[3] ^= 1;
    t.frame++;
    assert_int_equal(ledger_token_succeed(w->l, &t, SLICE("1"), &err), ERR_TASK_DOES_NOT_EXIST);
    t.frame--;
    t.execution += 1000;
    assert_int_equal(ledger_token_heartbeat(w->l, &t, &err), ERR_TASK_DOES_NOT_EXIST);
    t.execution -= 1000;
    assert_int_equal(ledger_token_succeed(w->l, &t, SLICE("1"), &err), OK);
    world_end(w);
}

static void test_ledger_activity__the_token_key_stays(void **state)
{
    struct ledger_world *w = *state;
    struct world_token taken;
    uint64_t id;

    id = taken_of(w, plain, &taken);
    world_settle(w);
    w->config.secret = SLICE("another secret of thirty two byte");
    world_crash(w);
    assert_int_equal(world_send(w, taken.text, "1"), OK);
    world_settle(w);
    check_output(w, id, "1");
}

static void test_ledger_activity__the_first_open_needs_a_secret(void **state)
{
    struct ledger_world w = {0};
    struct store *store = store_open_memory();
    struct ledger_config config = {.account = 1, .region = "r", .fleet = {15000, 60000}};
    struct ledger_hooks hooks = {.arg = &w};
    struct fleet_now now = {.wall_ms = 1, .mono_ms = 1};
    struct ledger *l;
    struct err err;

    (void)state;
    assert_int_equal(ledger_open(&config, store, &hooks, now, &l, &err), ERR_CONFIG);
    config.secret = SLICE("0123456789abcdef0123456789abcde"); /* one byte too short */
    assert_int_equal(ledger_open(&config, store, &hooks, now, &l, &err), ERR_CONFIG);
    store_close(store);
}

/* An answer that was acknowledged counts, whenever the crash comes. */
static void test_ledger_activity__an_acknowledged_answer_survives_every_crash(void **state)
{
    unsigned points = 0;

    (void)state;
    for (bool happened = true; happened; points++) {
        struct ledger_world w;
        struct world_crash_point c = {.world = &w, .left = (int)points};
        struct world_token taken = {0};
        struct world_wait *acknowledged;
        uint64_t id;

        world_open(&w);
        world_activity(&w, "act");
        world_machine(&w, "m", false, plain);
        world_settle(&w);
        id = world_started(&w, "m", "e");
        (void)world_commit(&w);
        while (w.flying != NULL || !world_take(&w, "act", &taken)) {
            (void)world_crash_commit(&c);
        }
        while (world_crash_commit(&c)) {
        }
        if (world_send(&w, taken.text, "1") == ERR_TASK_TIMED_OUT) {
            assert_true(world_take(&w, "act", &taken)); /* taken, and lost by the crash */
            assert_int_equal(world_send(&w, taken.text, "1"), OK);
        }
        world_begin(&w);
        acknowledged = world_wait(&w);
        world_end(&w);
        while (world_crash_commit(&c)) {
        }
        if (acknowledged->gone) {
            check_output(&w, id, "1");
        }
        world_check_history(&w, id);
        happened = c.happened;
        world_close(&w);
    }
    assert_true(points > 3);
}

/* ---- tasks that wait for their token ---- */

static void test_ledger_activity__a_wait_for_a_token_is_parked(void **state)
{
    struct ledger_world *w = *state;
    char token[WORLD_TEXT];
    uint64_t id;

    world_machine(w, "m", false, callback);
    id = world_started(w, "m", "e");
    assert_true(handed_on(w, token));
    world_advance(w, 3000);
    assert_int_equal(ledger_hot_count(w->l), 0); /* without any due time */
    assert_int_equal(world_rows(w, CF_TIMER), 1);
    world_crash(w);
    assert_int_equal(ledger_hot_count(w->l), 0);
    assert_int_equal(world_beat(w, token), OK);
    world_advance(w, 3000);
    assert_int_equal(ledger_hot_count(w->l), 0);
    assert_int_equal(world_rows(w, CF_TIMER), 1);
    assert_int_equal(world_send(w, token, "{\"ok\":true}"), OK);
    world_settle(w);
    check_output(w, id, "{\"ok\":true}");
    assert_int_equal(world_rows(w, CF_TIMER), 0);
    assert_int_equal(world_index(w, EXECUTION_RUNNING), 0);
    world_check_history(w, id);
    world_check_end(w);
}

/* The token was used before its task was handed back: the next state's task is another one. */
static void test_ledger_activity__a_lease_handed_back_after_its_token_was_used(void **state)
{
    struct ledger_world *w = *state;
    char token[WORLD_TEXT];
    uint64_t id;

    world_machine(w, "m", false,
                  "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":"
                  "\"arn:aws:states:::lambda:invoke.waitForTaskToken\",\"Parameters\":{"
                  "\"FunctionName\":\"f\",\"Payload\":{\"t.$\":\"$$.Task.Token\"}},\"Next\":\"B\"},"
                  "\"B\":{\"Type\":\"Task\",\"Resource\":"
                  "\"arn:aws:lambda:eu-x-1:000000000042:function:f\",\"End\":true}}}");
    id = world_started(w, "m", "e");
    assert_true(handed_out(w, token));
    world_poll(w, 0);
    assert_int_equal(world_send(w, token, "1"), OK);
    assert_int_equal(world_return(w, 0, 0), OK);
    world_settle(w);
    assert_int_equal(w->workers[0].lease_count, 1);
    assert_int_equal(world_succeed(w, 0, 0, "2"), OK);
    world_settle(w);
    check_output(w, id, "2");
}

static void test_ledger_activity__a_parked_one_without_a_due_time_is_parked_again(void **state)
{
    struct ledger_world *w = *state;
    char token[WORLD_TEXT];
    uint64_t id;

    world_machine(w, "m", false, callback);
    id = world_started(w, "m", "e");
    assert_true(handed_on(w, token));
    world_advance(w, 3000);
    w->now.wall_ms += INT64_C(366) * 24 * 3600 * 1000; /* a year of which nothing was seen */
    w->now.mono_ms += 1000;
    world_crash(w);
    world_advance(w, 3000);
    assert_int_equal(ledger_hot_count(w->l), 0);
    assert_int_equal(world_rows(w, CF_TIMER), 1);
    assert_int_equal(world_send(w, token, "1"), OK);
    world_settle(w);
    check_output(w, id, "1");
    assert_int_equal(world_rows(w, CF_TIMER), 0);
}

static void test_ledger_activity__a_heartbeat_keeps_a_parked_wait_alive(void **state)
{
    struct ledger_world *w = *state;
    struct execution_header h;
    char token[WORLD_TEXT];
    uint64_t id;

    world_machine(w, "m", false, beating);
    id = world_started(w, "m", "e");
    assert_true(handed_on(w, token));
    for (unsigned i = 0; i < 4; i++) {
        world_advance(w, 90000);
        assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
        if (i == 2) {
            world_crash(w);
        }
        assert_int_equal(world_beat(w, token), OK);
        world_settle(w);
    }
    world_advance(w, 99000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    world_advance(w, 2000);
    assert_int_equal(world_status(w, id, &h), EXECUTION_FAILED);
    assert_int_equal(world_send(w, token, "1"), ERR_TASK_TIMED_OUT);
    assert_int_equal(world_rows(w, CF_TIMER), 0);
    world_check_history(w, id);
}

static void test_ledger_activity__a_timeout_ends_a_task_that_was_taken(void **state)
{
    struct ledger_world *w = *state;
    struct world_token taken;
    uint64_t id;

    id = taken_of(w, timed, &taken);
    world_advance(w, 3000);
    assert_int_equal(ledger_hot_count(w->l), 0);
    world_advance(w, 596000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    world_advance(w, 2000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
    assert_int_equal(world_send(w, taken.text, "1"), ERR_TASK_TIMED_OUT);
}

static void test_ledger_activity__waiting_for_a_token_with_a_crash_at_every_point(void **state)
{
    unsigned points = 0;

    (void)state;
    for (bool happened = true; happened; points++) {
        struct ledger_world w;
        struct world_crash_point c = {.world = &w, .left = (int)points};
        char token[WORLD_TEXT];
        uint64_t id;

        world_open(&w);
        world_machine(&w, "m", false, beating);
        world_settle(&w);
        id = world_started(&w, "m", "e");
        (void)world_commit(&w);
        world_hello(&w, 0, functions);
        world_poll(&w, 0);
        while (world_crash_commit(&c)) {
        }
        if (!handed_on(&w, token)) {
            fail_msg("no lease");
        }
        for (enum err_code rc = ERR_INTERNAL; rc != ERR_TASK_TIMED_OUT;) {
            rc = world_beat(&w, token);
            while (world_crash_commit(&c)) {
            }
            rc = rc == OK ? world_send(&w, token, "1") : rc;
            while (world_crash_commit(&c)) {
            }
        }
        check_output(&w, id, "1");
        world_check_history(&w, id);
        happened = c.happened;
        world_close(&w);
    }
    assert_true(points > 5);
}

int main(void)
{
#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(test_ledger_activity__##name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(tasks_are_taken_in_order_and_end_by_their_token),
        T(a_restart_keeps_the_order),
        T(a_stopped_execution_leaves_the_queue),
        T(tasks_of_a_deleted_one_wait),
        T(a_deleted_one_goes_with_its_last_task),
        T(they_are_listed_by_name_and_stay),
        T(a_token_is_good_once),
        T(a_token_must_be_genuine),
        T(the_token_key_stays),
        cmocka_unit_test(test_ledger_activity__the_first_open_needs_a_secret),
        cmocka_unit_test(test_ledger_activity__an_acknowledged_answer_survives_every_crash),
        T(a_wait_for_a_token_is_parked),
        T(a_lease_handed_back_after_its_token_was_used),
        T(a_parked_one_without_a_due_time_is_parked_again),
        T(a_heartbeat_keeps_a_parked_wait_alive),
        T(a_timeout_ends_a_task_that_was_taken),
        cmocka_unit_test(test_ledger_activity__waiting_for_a_token_with_a_crash_at_every_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
