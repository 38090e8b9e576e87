/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger's turn: what waits for which batch, grants and their ways, reports, time. Crashes are
 * in test_ledger_crash.c, parking and the like in test_ledger_idle.c. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/ledger_world.h"

static const char *const one[] = {"f", NULL};

#define TASK(name, rest)                                                                           \
    "\"" name "\":{\"Type\":\"Task\",\"Resource\":"                                                \
    "\"arn:aws:lambda:eu-x-1:000000000042:function:f\"," rest "}"
static const char *const task = "{\"StartAt\":\"A\",\"States\":{" TASK("A", "\"End\":true") "}}";
static const char *const chain =
    "{\"StartAt\":\"A\",\"States\":{" TASK("A", "\"Next\":\"B\"") "," TASK("B",
                                                                           "\"End\":true") "}}";
static const char *const then_waits = "{\"StartAt\":\"A\",\"States\":{" TASK(
    "A",
    "\"Next\":\"B\"") ",\"B\":{\"Type\":\"Wait\",\"Seconds\":9,\"End\":true}}}";
static const char *const timed = "{\"StartAt\":\"A\",\"States\":{" TASK(
    "A",
    "\"TimeoutSeconds\":60,\"HeartbeatSeconds\":10,\"End\":true") "}}";
static const char *const retried = "{\"StartAt\":\"A\",\"States\":{" TASK(
    "A",
    "\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"],\"IntervalSeconds\":1,"
    "\"BackoffRate\":1.0,\"MaxAttempts\":1}],\"End\":true") "}}";
static const char *const loop =
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Next\":\"B\"},\"B\":{\"Type\":"
    "\"Choice\","
    "\"Choices\":[{\"Variable\":\"$\",\"IsString\":true,\"Next\":\"C\"}],\"Default\":\"A\"},"
    "\"C\":{\"Type\":\"Succeed\"}}}";
static const char *const fails =
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Fail\",\"Error\":\"No\"}}}";
static const char *const pass =
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"End\":true}}}";

/* ---- replies ---- */

static void test_ledger__replies_wait_for_the_batch_they_saw(void **state)
{
    struct ledger_world *w = *state;
    struct world_wait *before;
    struct world_wait *after;
    struct world_wait *next;
    uint64_t id;

    world_machine(w, "m", false, task);
    world_settle(w);
    world_begin(w);
    before = world_wait(w);
    assert_int_equal(world_start(w, "m", "e", "{}", false, &id), OK);
    after = world_wait(w);
    assert_false(before->gone); /* never inside the call */
    world_end(w);
    assert_true(before->gone);
    assert_false(after->gone);
    world_begin(w);
    next = world_wait(w); /* a read: it may have seen what is in flight */
    world_end(w);
    assert_false(next->gone);
    assert_true(world_commit(w));
    assert_true(after->gone && next->gone);
}

static void test_ledger__what_fills_meanwhile_waits_for_its_own_batch(void **state)
{
    struct ledger_world *w = *state;
    struct world_wait *first;
    struct world_wait *second;
    uint64_t id;

    world_machine(w, "m", false, task);
    world_settle(w);
    world_begin(w);
    assert_int_equal(world_start(w, "m", "e1", "{}", false, &id), OK);
    first = world_wait(w);
    world_end(w);
    world_begin(w);
    assert_int_equal(world_start(w, "m", "e2", "{}", false, &id), OK);
    second = world_wait(w);
    world_end(w);
    assert_true(world_commit(w));
    assert_true(first->gone && !second->gone);
    assert_true(world_commit(w));
    assert_true(second->gone);
}

static void test_ledger__a_failed_write_lets_nothing_go(void **state)
{
    struct ledger_world *w = *state;
    struct world_wait *x;
    uint64_t id;

    world_machine(w, "m", false, task);
    world_settle(w);
    store_memory_fail(w->store, store_batch_number(w->store) + 1, ERR_NO_SPACE);
    world_begin(w);
    assert_int_equal(world_start(w, "m", "e", "{}", false, &id), OK);
    x = world_wait(w);
    world_end(w);
    assert_true(world_commit(w));
    assert_true(w->failed);
    assert_false(x->gone);
}

static void test_ledger__a_name_is_taken_before_it_is_on_disk(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id;
    uint64_t again;

    world_machine(w, "m", false, pass);
    world_settle(w);
    world_begin(w);
    assert_int_equal(world_start(w, "m", "e", "{}", false, &id), OK);
    assert_int_equal(world_start(w, "m", "e", "{}", false, &again), ERR_EXECUTION_EXISTS);
    world_end(w);
    world_begin(w); /* it has ended, and is in flight */
    assert_int_equal(world_start(w, "m", "e", "{}", false, &again), ERR_EXECUTION_EXISTS);
    assert_int_equal(id, again);
    world_end(w);
    world_settle(w);
    assert_int_equal(ledger_hot_count(w->l), 0);
    world_begin(w); /* on disk alone */
    assert_int_equal(world_start(w, "m", "e", "{}", false, &again), ERR_EXECUTION_EXISTS);
    assert_int_equal(id, again);
    world_end(w);
}

/* ---- grants ---- */

static void test_ledger__a_grant_is_mailed_when_it_is_on_disk(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, one);
    uint64_t id;

    world_machine(w, "m", false, task);
    world_settle(w);
    id = world_started(w, "m", "e");
    assert_false(k->parked); /* the reply is made */
    assert_int_equal(k->lease_count, 0);
    assert_true(world_commit(w));
    assert_int_equal(k->lease_count, 1);
    assert_int_equal(w->commits, 2); /* machine; start and grant in one record */
    assert_int_equal(world_succeed(w, 0, 0, "{\"r\":1}"), OK);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    world_check_history(w, id);
}

static void test_ledger__a_report_brings_the_next_lease(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, one);
    uint64_t id;

    world_machine(w, "m", false, chain);
    id = world_started(w, "m", "e");
    world_settle(w);
    assert_int_equal(k->lease_count, 1);
    assert_int_equal(world_succeed(w, 0, 0, "1"), OK);
    world_settle(w);
    assert_int_equal(k->lease_count, 1);
    assert_string_equal(k->leases[0].state, "B");
    assert_string_equal(k->leases[0].payload, "1");
    assert_int_equal(world_succeed(w, 0, 0, "2"), OK);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    world_check_end(w);
}

static void test_ledger__a_stale_token_changes_nothing(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, one);
    struct world_lease old;
    struct err err;
    uint64_t id;

    world_machine(w, "m", false, chain);
    id = world_started(w, "m", "e");
    world_settle(w);
    old = k->leases[0];
    assert_int_equal(world_succeed(w, 0, 0, "1"), OK);
    world_settle(w);
    world_begin(w);
    assert_int_equal(ledger_task_succeed(w->l, k->w, old.token, SLICE("9"), SLICE(""), &err),
                     ERR_LEASE_LOST);
    assert_int_equal(ledger_task_return(w->l, k->w, old.token), ERR_LEASE_LOST);
    world_end(w);
    assert_null(w->flying);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
}

static void test_ledger__a_lost_reply_is_sent_again_and_unknown_tokens_dropped(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, one);

    world_machine(w, "m", false, task);
    world_settle(w);
    w->lose_replies = true;
    (void)world_started(w, "m", "e");
    world_settle(w);
    w->lose_replies = false;
    assert_int_equal(k->lease_count, 0);
    world_poll(w, 0);
    assert_true(k->parked); /* too early to say that it was lost */
    world_advance(w, LIMIT_RESEND_MS + 1);
    k->parked = false;
    fleet_worker_carries(w->l->fleet, k->w, -1);
    k->leases[k->lease_count++] = (struct world_lease){.token = {1, 1}};
    world_poll(w, 0);
    world_settle(w);
    assert_int_equal(k->dropped, 1);
    assert_int_equal(k->lease_count, 1);
    assert_string_equal(k->leases[0].execution, "e");
}

static void test_ledger__a_lost_workers_tasks_fail_and_are_tried_again(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id;

    (void)world_ready(w, one);
    world_machine(w, "m", false, retried);
    id = world_started(w, "m", "e");
    world_settle(w);
    world_begin(w);
    ledger_worker_remove(w->l, w->workers[0].w, "was not heard of");
    world_end(w);
    world_settle(w);
    world_forget(&w->workers[0], 0);
    world_hello(w, 1, one);
    world_poll(w, 1);
    world_advance(w, 1100);
    assert_int_equal(w->workers[1].lease_count, 1);
    assert_int_equal(w->workers[1].leases[0].attempt, 2);
    assert_int_equal(world_fail(w, 1, 0, "Boom"), OK); /* no retry is left */
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
    world_check_history(w, id);
}

static void test_ledger__a_worker_not_heard_of_is_lost(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, one);
    uint64_t id;

    world_machine(w, "m", false, task);
    id = world_started(w, "m", "e");
    world_settle(w);
    for (unsigned i = 0; i < 16; i++) { /* turn by turn: a stall would give it time */
        w->now.mono_ms += 1000;
        w->now.wall_ms += 1000;
        world_turn(w);
        world_settle(w);
    }
    assert_null(k->w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
}

static void test_ledger__a_stall_extends_leases(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, one);
    uint64_t id;

    world_machine(w, "m", false, task);
    id = world_started(w, "m", "e");
    world_settle(w);
    w->now.mono_ms += 100000; /* stopped, or asleep */
    w->now.wall_ms += 100000;
    world_turn(w);
    world_settle(w);
    assert_non_null(k->w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
}

static void test_ledger__a_returned_task_goes_to_a_worker_that_waits(void **state)
{
    struct ledger_world *w = *state;

    (void)world_ready(w, one);
    world_machine(w, "m", false, task);
    (void)world_started(w, "m", "e");
    world_settle(w);
    world_hello(w, 1, one);
    world_poll(w, 1);
    world_settle(w);
    fleet_worker_drain(w->l->fleet, w->workers[0].w);
    assert_int_equal(world_return(w, 0, 0), OK);
    world_settle(w);
    assert_int_equal(w->workers[1].lease_count, 1); /* without another word of it */
    assert_int_equal(w->workers[1].leases[0].attempt, 1);
    assert_int_equal(w->workers[1].leases[0].retry_count, 0);
}

static void test_ledger__a_stopped_executions_slot_goes_to_what_waits(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k;
    struct engine_event stop = {.kind = ENGINE_STOP};
    struct err err;
    uint64_t ids[WORLD_SLOTS + 1];
    char name[8];

    k = world_ready(w, one);
    world_machine(w, "m", false, task);
    for (unsigned i = 0; i <= WORLD_SLOTS; i++) {
        (void)snprintf(name, sizeof(name), "e%u", i);
        ids[i] = world_started(w, "m", name);
        world_settle(w);
        world_poll(w, 0);
        world_settle(w);
    }
    assert_int_equal(k->lease_count, WORLD_SLOTS);
    assert_true(k->parked);
    world_begin(w);
    assert_int_equal(ledger_execution_event(w->l, ids[0], &stop, &err), OK);
    world_end(w);
    world_settle(w);
    assert_int_equal(k->dropped, 1);
    assert_int_equal(k->lease_count, WORLD_SLOTS);
    assert_int_equal(fleet_ready_count(w->l->fleet), 0);
}

static void test_ledger__timeouts_and_missed_heartbeats_fail_the_task(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, one);
    uint64_t quiet;
    uint64_t slow;

    world_machine(w, "m", false, timed);
    quiet = world_started(w, "m", "quiet");
    world_settle(w);
    world_advance(w, 11000);
    assert_int_equal(world_status(w, quiet, NULL), EXECUTION_FAILED);
    world_poll(w, 0);
    world_settle(w);
    assert_int_equal(k->lease_count, 0); /* it was told */
    world_poll(w, 0);
    slow = world_started(w, "m", "slow");
    world_settle(w);
    for (unsigned i = 0; i < 13; i++) {
        assert_int_equal(world_status(w, slow, NULL), EXECUTION_RUNNING);
        world_begin(w);
        assert_int_equal(
            ledger_task_progress(w->l, k->w, k->leases[0].token, true, i, i, SLICE("note")), OK);
        world_end(w);
        world_advance(w, 4900);
    }
    assert_int_equal(world_status(w, slow, NULL), EXECUTION_FAILED);
    world_check_end(w);
}

static void test_ledger__progress_is_of_the_state_that_made_it(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, one);
    struct ledger_view v;
    uint64_t id;

    world_machine(w, "m", false, then_waits);
    id = world_started(w, "m", "e");
    world_settle(w);
    world_begin(w);
    assert_int_equal(
        ledger_task_progress(w->l, k->w, k->leases[0].token, true, 7, 8, SLICE("note")), OK);
    assert_true(ledger_execution_view(w->l, id, &v));
    assert_int_equal(v.frames[0].bytes_in, 7);
    assert_int_equal(v.frames[0].bytes_out, 8);
    world_end(w);
    assert_int_equal(world_succeed(w, 0, 0, "1"), OK);
    world_settle(w);
    world_begin(w);
    assert_true(ledger_execution_view(w->l, id, &v));
    assert_int_equal(v.frames[0].bytes_in, 0);
    assert_int_equal(v.frames[0].bytes_out, 0);
    assert_int_equal(v.frames[0].note.len, 0);
    world_end(w);
    world_advance(w, 9000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    world_check_end(w);
}

static void test_ledger__a_function_nobody_offers_fails(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id;

    world_machine(w, "m", false, task);
    id = world_started(w, "m", "e");
    world_advance(w, 59000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    world_advance(w, 2000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
}

/* ---- bounded turns, counters ---- */

static void test_ledger__a_pass_loop_does_not_hold_the_turn(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event stop = {.kind = ENGINE_STOP};
    struct err err;
    uint64_t before;
    uint64_t id;

    world_machine(w, "m", false, loop);
    id = world_started(w, "m", "e");
    assert_int_equal(ledger_wait_ms(w->l, w->now), 0);
    before = ledger_transitions(w->l);
    world_turn(w);
    assert_true(ledger_transitions(w->l) - before <= 2);
    (void)world_commit(w);
    world_begin(w);
    assert_int_equal(ledger_execution_event(w->l, id, &stop, &err), OK);
    world_end(w);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_ABORTED);
    world_check_history(w, id);
}

static void test_ledger__a_pass_loop_ends_with_its_history(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id;

    world_machine(w, "m", false, loop);
    id = world_started(w, "m", "e");
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
    world_check_history(w, id);
    assert_int_equal(w->l->open_count, 0);
}

/* What a list says of it. */
static uint32_t listed_redrives(struct ledger_world *w, const struct execution_header *h)
{
    struct key key = key_index(h->account, h->status, h->machine, h->start_ms, h->id);
    struct index_row row = {0};
    struct buf b = {0};
    struct err err;

    assert_int_equal(store_get(w->store, CF_INDEX, key_slice(&key), &b, &err), OK);
    assert_int_equal(index_row_decode(buf_slice(&b), &row, &err), OK);
    buf_fini(&b);
    return row.redrive_count;
}

static void test_ledger__a_redrive_that_fails_at_once_counts_nothing_open(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event redrive = {.kind = ENGINE_REDRIVE};
    struct execution_header h;
    struct err err;
    uint64_t id;

    world_machine(w, "m", false, fails);
    id = world_started(w, "m", "e");
    world_settle(w);
    for (unsigned n = 1; n <= 3; n++) {
        world_begin(w);
        assert_int_equal(ledger_execution_load(w->l, id, &err), OK);
        assert_int_equal(ledger_execution_event(w->l, id, &redrive, &err), OK);
        world_end(w);
        world_settle(w);
        assert_int_equal(w->l->open_count, 0);
        assert_int_equal(world_status(w, id, &h), EXECUTION_FAILED);
        assert_int_equal(h.redrive_count, n);
    }
    assert_int_equal(world_index(w, EXECUTION_FAILED), 1);
    assert_int_equal(world_index(w, EXECUTION_RUNNING), 0);
    assert_int_equal(listed_redrives(w, &h), 3);
    world_check_history(w, id);
    world_check_end(w);
}

static void test_ledger__a_redrive_counts_as_open(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event redrive = {.kind = ENGINE_REDRIVE};
    struct err err;
    uint64_t id;

    world_machine(w, "m", false, fails);
    id = world_started(w, "m", "e");
    world_settle(w);
    w->l->open_count = LIMIT_OPEN_EXECUTIONS; /* as if so many ran */
    world_begin(w);
    assert_int_equal(ledger_execution_load(w->l, id, &err), OK);
    assert_int_equal(ledger_execution_event(w->l, id, &redrive, &err), ERR_EXECUTION_LIMIT);
    w->l->open_count--;
    assert_int_equal(ledger_execution_event(w->l, id, &redrive, &err), OK);
    w->l->open_count = 0;
    world_end(w);
    world_settle(w);
}

/* ---- what a lease carries ---- */

static void test_ledger__a_lease_says_how_the_function_is_called(void **state)
{
    static const char *const definition =
        "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":"
        "\"arn:aws:states:::lambda:invoke\",\"Parameters\":{\"FunctionName\":\"f\",\"Qualifier\":"
        "\"live\",\"LogType\":\"Tail\",\"Payload\":{}},\"Credentials\":{\"RoleArn\":"
        "\"arn:aws:iam::000000000042:role/r\"},\"End\":true}}}";
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, one);

    world_machine(w, "m", false, definition);
    (void)world_started(w, "m", "e");
    world_settle(w);
    for (unsigned i = 0; i < 2; i++) { /* from the step, and made again after a restart */
        assert_int_equal(k->lease_count, 1);
        assert_string_equal(k->leases[0].qualifier, "live");
        assert_non_null(strstr(k->leases[0].credentials, "role/r"));
        assert_true(k->leases[0].log_tail);
        assert_false(k->leases[0].submits);
        world_forget(k, 0);
        world_crash(w);
        (void)world_ready(w, one);
        world_advance(w, LIMIT_RESEND_MS + 1);
    }
}

static bool bind_all(const void *arg, struct slice service, struct slice action, struct slice *out)
{
    (void)arg;
    (void)service;
    (void)action;
    *out = SLICE("f");
    return true;
}

static void test_ledger__a_submitted_job_is_recorded_once(void **state)
{
    static const char *const definition =
        "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":"
        "\"arn:aws:states:::glue:startJobRun.sync\",\"Parameters\":{\"JobName\":\"j\"},"
        "\"End\":true}}}";
    struct ledger_world *w = *state;
    struct world_worker *k;
    struct execution_header h;
    struct err err;
    uint64_t id;

    w->config.bound = bind_all;
    world_crash(w);
    k = world_ready(w, one);
    world_machine(w, "m", false, definition);
    id = world_started(w, "m", "e");
    world_settle(w);
    assert_int_equal(k->lease_count, 1);
    assert_true(k->leases[0].submits);
    for (unsigned i = 0; i < 2; i++) { /* said again, where the answer was lost */
        world_begin(w);
        assert_int_equal(
            ledger_task_submit(w->l, k->w, k->leases[0].token, SLICE("{\"id\":1}"), &err), OK);
        world_end(w);
        world_settle(w);
    }
    assert_int_equal(world_status(w, id, &h), EXECUTION_RUNNING);
    assert_int_equal(h.next_event - 1, 5); /* started, entered, scheduled, started, submitted */
    assert_int_equal(h.sequence, 1);       /* with the grant, and submitted */
    assert_int_equal(world_succeed(w, 0, 0, "{}"), OK);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    world_begin(w);
    assert_int_equal(ledger_task_submit(w->l, k->w, (struct token){1, 1}, SLICE("{}"), &err),
                     ERR_LEASE_LOST);
    world_end(w);
}

static void test_ledger__an_integration_bound_no_more_goes_on(void **state)
{
    static const char *const definition =
        "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":10,\"Next\":\"A\"},"
        "\"A\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::sns:publish\","
        "\"Parameters\":{\"Message\":\"j\"},\"End\":true}}}";
    static const char *const sns[] = {"sns:publish", NULL};
    struct ledger_world *w = *state;
    uint64_t id;

    w->config.bound = bind_all;
    world_crash(w);
    world_machine(w, "m", false, definition);
    id = world_started(w, "m", "e");
    world_settle(w);
    w->config.bound = NULL;
    world_crash(w);
    (void)world_ready(w, sns);
    world_advance(w, 10100);
    assert_int_equal(world_succeed(w, 0, 0, "{}"), OK);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
}

static void test_ledger__replies_carry_no_more_leases_than_fit(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k;
    struct buf input = {0};
    struct ledger_lease *leases;
    struct token *drops;
    size_t count;
    size_t dropped;
    size_t all = 0;
    uint64_t id;
    struct fleet_offer offer = {SLICE("f"), 64};
    struct fleet_hello h = {
        .name = SLICE("w0"), .instance = 1, .slots = 64, .offers = &offer, .offer_count = 1};
    struct err err;
    char name[8];

    buf_put_slice(&input, SLICE("\""));
    for (unsigned i = 0; i < 200000; i++) {
        buf_put(&input, "x", 1);
    }
    buf_put(&input, "\"", 2);
    world_machine(w, "m", false, task);
    k = &w->workers[0];
    for (unsigned i = 0; i < 64; i++) {
        (void)snprintf(name, sizeof(name), "e%u", i);
        world_begin(w);
        assert_int_equal(world_start(w, "m", name, input.ptr, false, &id), OK);
        world_end(w);
        world_settle(w);
    }
    buf_fini(&input);
    world_begin(w);
    assert_int_equal(ledger_worker_hello(w->l, &h, &k->w, &err), OK);
    fleet_worker_carries(w->l->fleet, k->w, 1);
    ledger_worker_feed(w->l, k->w);
    while (ledger_has_mail(k->w)) {
        ledger_take_mail(w->l, k->w, &leases, &count, &drops, &dropped);
        assert_in_range(count, 1, 30); /* 200 KB each, in a frame of 8 MB */
        all += count;
    }
    fleet_worker_carries(w->l->fleet, k->w, -1);
    assert_int_equal(all, 64);
    world_end(w);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_ledger__##name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(replies_wait_for_the_batch_they_saw),
        T(what_fills_meanwhile_waits_for_its_own_batch),
        T(a_failed_write_lets_nothing_go),
        T(a_name_is_taken_before_it_is_on_disk),
        T(a_grant_is_mailed_when_it_is_on_disk),
        T(a_report_brings_the_next_lease),
        T(a_stale_token_changes_nothing),
        T(a_lost_reply_is_sent_again_and_unknown_tokens_dropped),
        T(a_lost_workers_tasks_fail_and_are_tried_again),
        T(a_worker_not_heard_of_is_lost),
        T(a_stall_extends_leases),
        T(a_returned_task_goes_to_a_worker_that_waits),
        T(a_stopped_executions_slot_goes_to_what_waits),
        T(timeouts_and_missed_heartbeats_fail_the_task),
        T(progress_is_of_the_state_that_made_it),
        T(a_function_nobody_offers_fails),
        T(a_pass_loop_does_not_hold_the_turn),
        T(a_pass_loop_ends_with_its_history),
        T(a_redrive_that_fails_at_once_counts_nothing_open),
        T(a_redrive_counts_as_open),
        T(a_lease_says_how_the_function_is_called),
        T(a_submitted_job_is_recorded_once),
        T(an_integration_bound_no_more_goes_on),
        T(replies_carry_no_more_leases_than_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
