/* SPDX-License-Identifier: Apache-2.0 */
/* Crashes. A run of stages is crashed at every point there is, one after the other: before each
 * batch is written, after it is written and before anybody knows, after each completed output and
 * before its answer. And random work with random crashes, from a seed. Whatever was acknowledged
 * ends, each output is written once, histories are whole. What fails to be read ends it like a
 * crash. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/ledger_world.h"

static const char *const functions[] = {"f", "s1", "s2", NULL};

/* An execution of it whose first task worker 0 has. */
static uint64_t begun(struct ledger_world *w, const char *definition)
{
    uint64_t id;

    world_machine(w, "m", false, definition);
    world_hello(w, 0, functions);
    world_poll(w, 0);
    id = world_started(w, "m", "e");
    world_settle(w);
    return id;
}

/* A worker does the next thing about its first lease. */
static bool work(struct ledger_world *w, unsigned worker, struct world_report *report)
{
    struct world_worker *k = &w->workers[worker];

    if (k->w == NULL) {
        world_hello(w, worker, functions);
        return true;
    }
    if (!k->parked) {
        world_poll(w, worker);
        return true;
    }
    if (k->lease_count == 0 || (report->worker != NULL && !report->answered)) {
        return false;
    }
    if (k->leases[0].function[0] == 'f') {
        (void)world_succeed(w, worker, 0, "{\"done\":true}");
    } else if (k->leases[0].upload == 0) {
        (void)world_upload(w, worker, 0);
    } else if (world_upload(w, worker, 0) == OK) { /* said again: the first time may be lost */
        (void)world_output(w, worker, 0, "{}", report);
    } else { /* refused: an attempt has one upload */
        (void)world_fail(w, worker, 0, "Lambda.ServiceException");
    }
    return true;
}

/* Until nothing moves; time goes on where that is what is waited for. */
static void run(struct world_crash_point *c, uint64_t id)
{
    struct world_report report = {.answered = true};
    struct ledger_world *w = c->world;

    for (unsigned i = 0; i < 3000; i++) {
        bool crashed = c->happened;
        bool moved = world_crash_commit(c) || world_crash_objects(c);

        if (!crashed && c->happened) {
            report = (struct world_report){.answered = true};
        }
        moved = work(w, 0, &report) || moved;
        if (moved) {
            continue;
        }
        if (ledger_hot_count(w->l) == 0 && w->flying == NULL) {
            assert_true(world_status(w, id, NULL) != EXECUTION_RUNNING);
            return;
        }
        world_advance(w, 500);
    }
    fail_msg("the run does not end");
}

static void test_ledger_crash__two_stages_at_every_point(void **state)
{
    unsigned points = 0;

    for (bool happened = true; happened; points++) {
        struct ledger_world w;
        struct world_crash_point c = {.left = (int)points};
        uint64_t id;

        world_open(&w);
        c.world = &w;
        world_machine(&w, "m", false, world_two_stages);
        world_settle(&w);
        id = world_started(&w, "m", "e");
        (void)world_commit(&w); /* acknowledged */
        run(&c, id);
        assert_int_equal(world_status(&w, id, NULL), EXECUTION_SUCCEEDED);
        world_check_history(&w, id);
        assert_int_equal(w.object_count, 2);
        assert_int_equal(w.objects[0].writes, 1);
        assert_int_equal(w.objects[1].writes, 1);
        world_check_end(&w);
        happened = c.happened;
        world_close(&w);
    }
    assert_true(points > 15);
    (void)state;
}

static void test_ledger_crash__a_start_not_written_never_was(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id;

    world_machine(w, "m", false, world_two_stages);
    world_settle(w);
    id = world_started(w, "m", "e");
    world_crash(w);
    assert_int_equal(ledger_hot_count(w->l), 0);
    assert_int_equal(w->l->open_count, 0);
    assert_int_equal(world_started(w, "m", "e"), id); /* the number may be used again */
    world_settle(w);
    assert_int_equal(w->l->open_count, 1);
}

static void test_ledger_crash__leases_have_one_interval_to_be_claimed(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t id;
    struct token token;

    id = begun(w, world_two_stages);
    token = k->leases[0].token;
    world_crash(w);
    world_advance(w, 14000);
    world_hello(w, 0, functions);
    world_poll(w, 0);
    world_advance(w, 10000);
    assert_int_equal(k->lease_count, 1);
    assert_true(token_eq(k->leases[0].token, token));
    world_crash(w);
    world_advance(w, 15500); /* and now it does not come */
    world_hello(w, 0, functions);
    world_poll(w, 0);
    world_settle(w);
    assert_int_equal(k->dropped, 1);
    world_poll(w, 0);
    world_advance(w, 2000);
    assert_int_equal(k->lease_count, 1);
    assert_int_equal(k->leases[0].attempt, 2);
    assert_true(k->leases[0].token.epoch > token.epoch);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
}

/* With nothing else to write: what is asked of the object store on loading has no batch to wait
 * for. */
static void test_ledger_crash__an_intent_is_completed_without_other_work(void **state)
{
    struct ledger_world *w = *state;
    struct world_report report;
    uint64_t id;

    id = begun(w, world_one_stage);
    assert_int_equal(world_upload(w, 0, 0), OK);
    assert_int_equal(world_output(w, 0, 0, "{}", &report), OK);
    while (world_commit(w)) {
    }
    assert_int_equal(w->request_count, 1);
    world_crash(w);
    world_turn(w);
    assert_null(w->flying);
    assert_int_equal(w->request_count, 1);
    assert_true(ledger_wait_ms(w->l, w->now) > 0); /* nor does it spin */
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    assert_int_equal(w->objects[0].writes, 1);
}

static void test_ledger_crash__a_lost_completion_answer_is_asked_again(void **state)
{
    struct ledger_world *w = *state;
    struct world_report report;
    uint64_t id;

    id = begun(w, world_one_stage);
    assert_int_equal(world_upload(w, 0, 0), OK);
    assert_int_equal(world_output(w, 0, 0, "{}", &report), OK);
    w->lose_answers = true;
    world_advance(w, 40000);
    assert_false(report.answered);
    w->lose_answers = false;
    world_advance(w, 31000);
    assert_true(report.answered);
    assert_int_equal(report.rc, OK);
    assert_int_equal(w->objects[0].writes, 1);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
}

static void test_ledger_crash__redrive_after_a_restart(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event redrive = {.kind = ENGINE_REDRIVE};
    struct world_crash_point c = {.world = w, .left = -1};
    struct err err;
    uint64_t id;

    id = begun(w, world_two_stages);
    assert_int_equal(world_upload(w, 0, 0), OK);
    assert_int_equal(world_fail(w, 0, 0, "Boom"), OK);
    while (world_commit(w)) {
    } /* the upload is not aborted yet */
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
    world_crash(w);
    assert_int_equal(ledger_hot_count(w->l), 0);
    world_begin(w);
    assert_int_equal(ledger_execution_load(w->l, id, &err), OK);
    assert_int_equal(ledger_execution_event(w->l, id, &redrive, &err), OK);
    assert_int_equal(w->l->open_count, 1);
    world_end(w);
    world_settle(w);
    assert_int_equal(w->uploads[0].state, UPLOAD_GONE);
    run(&c, id);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    world_check_history(w, id);
    world_check_end(w);
}

/* ---- who comes back ---- */

#define TASK(rest)                                                                                 \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":"                        \
    "\"arn:aws:lambda:eu-x-1:000000000042:function:f\"," rest "\"End\":true}}}"
static const char *const task = TASK("");
static const char *const retried =
    TASK("\"Retry\":[{\"ErrorEquals\":[\"Lambda.ServiceException\"],\"IntervalSeconds\":1}],");

/* One execution, whose task the first worker holds. */
static uint64_t leased_one(struct ledger_world *w, const char *definition)
{
    uint64_t id;

    id = begun(w, definition);
    assert_int_equal(w->workers[0].lease_count, 1);
    return id;
}

/* The coordinator is another, and the worker says hello to it with what it holds. */
static void come_back(struct ledger_world *w)
{
    world_crash(w);
    world_hello(w, 0, functions);
    world_poll(w, 0);
    world_settle(w);
}

/* How it failed, from disk. */
static void assert_failed(struct ledger_world *w, uint64_t id, const char *error, const char *cause)
{
    struct record_source source = {.store = w->store, .account = WORLD_ACCOUNT, .execution = id};
    struct arena a = {0};
    struct image im;
    struct err err;

    assert_int_equal(image_read(&source, &a, &im, &err), OK);
    assert_int_equal(im.header.status, EXECUTION_FAILED);
    assert_true(slice_eq_str(im.header.error, error));
    assert_true(slice_eq_str(im.header.cause, cause));
    arena_fini(&a);
}

static void test_ledger_crash__another_process_gets_no_old_lease(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t id = leased_one(w, task);

    k->instance += 10;
    world_forget(k, 0); /* it knows of nothing */
    come_back(w);
    assert_failed(w, id, "Lambda.ServiceException", "The worker w0 was started anew.");
    world_advance(w, LIMIT_RESEND_MS + 1);
    assert_int_equal(k->lease_count, 0);
    assert_int_equal(fleet_leased_count(w->l->fleet), 0);
    world_check_history(w, id);
}

/* What the one before held is run again by the definition's own rules, under another token. */
static void test_ledger_crash__another_process_gets_the_next_attempt(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t id = leased_one(w, retried);
    struct token token = k->leases[0].token;

    k->instance += 10;
    come_back(w); /* even if it says that it holds it */
    assert_int_equal(k->dropped, 1);
    world_poll(w, 0);
    world_advance(w, 1100);
    assert_int_equal(k->lease_count, 1);
    assert_int_equal(k->leases[0].attempt, 2);
    assert_int_equal(k->leases[0].retry_count, 1);
    assert_true(k->leases[0].token.epoch > token.epoch);
    assert_int_equal(world_succeed(w, 0, 0, "{}"), OK);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    world_check_history(w, id);
}

static void test_ledger_crash__the_same_process_keeps_its_lease(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t id = leased_one(w, task);
    struct token token = k->leases[0].token;

    for (unsigned i = 0; i < 2; i++) { /* also by what was written after a restart */
        come_back(w);
        assert_int_equal(k->dropped, 0);
        assert_int_equal(k->lease_count, 1);
        assert_true(token_eq(k->leases[0].token, token));
    }
    assert_int_equal(world_succeed(w, 0, 0, "{}"), OK);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
}

/* ---- what cannot be read ---- */

static enum err_code read_fault(void *arg, struct err *err)
{
    (void)arg;
    return err_set(err, ERR_IO, "told to");
}

/* The program has ended, nothing is on disk, and another one goes on from what was. */
static void assert_ended(struct ledger_world *w, uint64_t batches)
{
    assert_true(w->failed);
    assert_null(w->flying);
    assert_int_equal(store_batch_number(w->store), batches);
    store_memory_read_fault(w->store, NULL, NULL);
    store_memory_reopen(w->store);
    w->failed = false;
    world_crash(w);
}

static void test_ledger_crash__a_turn_that_could_not_read_leaves_nothing(void **state)
{
    struct ledger_world *w = *state;
    struct world_wait *told;
    uint64_t batches;
    uint64_t id;

    world_machine(w, "m", false, task);
    world_settle(w);
    batches = store_batch_number(w->store);
    world_begin(w);
    store_memory_read_fault(w->store, read_fault, NULL);
    assert_int_equal(world_start(w, "m", "e", "{}", false, &id), OK); /* is the name taken? */
    store_memory_read_fault(w->store, NULL, NULL);
    told = world_wait(w);
    world_end(w);
    assert_false(told->gone);
    assert_ended(w, batches);
    assert_int_equal(ledger_hot_count(w->l), 0);
    assert_int_equal(world_rows(w, CF_NAME), 0);
    world_settle(w);
    assert_false(w->failed);
}

/* A batch is on its way as a read fails beside it: it may be written or not, and is not told. */
static void test_ledger_crash__a_read_that_fails_beside_a_batch_ends_it(void **state)
{
    struct ledger_world *w = *state;
    struct world_wait *told;
    struct buf b = {0};
    uint64_t batches;
    struct err err;
    uint64_t id;

    world_machine(w, "m", false, task);
    world_settle(w);
    batches = store_batch_number(w->store);
    world_begin(w);
    assert_int_equal(world_start(w, "m", "e", "{}", false, &id), OK);
    told = world_wait(w);
    world_end(w);
    assert_non_null(w->flying);
    store_memory_read_fault(w->store, read_fault, NULL);
    assert_int_equal(store_get(w->store, CF_META, SLICE("x"), &b, &err), ERR_IO);
    assert_true(world_commit(w));
    assert_false(told->gone);
    assert_ended(w, batches);
    assert_int_equal(world_rows(w, CF_NAME), 0);
}

/* What one execution has to tell another that cannot be read: it is told after all. */
static void test_ledger_crash__a_parent_that_cannot_be_read_is_told_later(void **state)
{
    static const char *const parent =
        "{\"StartAt\":\"N\",\"States\":{\"N\":{\"Type\":\"Task\",\"Resource\":"
        "\"arn:aws:states:::states:startExecution.sync\",\"Parameters\":{\"StateMachineArn\":"
        "\"arn:aws:states:eu-x-1:000000000042:stateMachine:m\"},\"End\":true}}}";
    struct ledger_world *w = *state;
    uint64_t batches;
    uint64_t id;

    world_machine(w, "m", false, task);
    world_machine(w, "parent", false, parent);
    world_hello(w, 0, functions);
    world_poll(w, 0);
    id = world_started(w, "parent", "p");
    world_advance(w, 3000);
    assert_int_equal(ledger_hot_count(w->l), 1); /* the child; its parent is parked */
    assert_int_equal(w->workers[0].lease_count, 1);
    batches = store_batch_number(w->store);
    store_memory_read_fault(w->store, read_fault, NULL);
    assert_int_equal(world_succeed(w, 0, 0, "{}"), OK);
    assert_ended(w, batches);
    world_hello(w, 0, functions);
    world_poll(w, 0);
    world_settle(w);
    assert_int_equal(w->workers[0].lease_count, 1); /* its report was not heard */
    assert_int_equal(world_succeed(w, 0, 0, "{}"), OK);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    world_check_history(w, id);
}

/* ---- random work ---- */

enum { RANDOM_EXECUTIONS = 24, RANDOM_OPERATIONS = 400, RANDOM_SEEDS = 50 };

struct random_execution {
    char name[16];
    const char *machine;
    struct world_wait *acknowledged;
};

struct random_run {
    struct ledger_world w;
    struct random_execution all[RANDOM_EXECUTIONS];
    size_t count;
    struct world_report reports[WORLD_WORKERS];
};

static const char *const waiting =
    "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":70,\"Next\":\"A\"},"
    "\"A\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:lambda:eu-x-1:000000000042:function:f\","
    "\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"],\"IntervalSeconds\":2,\"MaxAttempts\":9}],"
    "\"TimeoutSeconds\":300,\"End\":true}}}";

static const char *const mapped =
    "{\"StartAt\":\"L\",\"States\":{\"L\":{\"Type\":\"Pass\",\"Result\":[1,2,3,4,5],\"Next\":\"B\"}"
    ","
    "\"B\":{\"Type\":\"Parallel\",\"Branches\":[{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":"
    "\"Map\",\"MaxConcurrency\":2,\"ItemProcessor\":{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":"
    "\"Task\",\"Resource\":\"arn:aws:lambda:eu-x-1:000000000042:function:f\",\"Retry\":[{"
    "\"ErrorEquals\":[\"States.ALL\"],\"IntervalSeconds\":2,\"MaxAttempts\":9}],\"TimeoutSeconds\":"
    "300,"
    "\"End\":true}}},\"End\":true}}},{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\","
    "\"Seconds\":30,\"End\":true}}}],\"Next\":\"E\"},\"E\":{\"Type\":\"Pass\",\"End\":true}}}";
static const char *const nested =
    "{\"StartAt\":\"N\",\"States\":{\"N\":{\"Type\":\"Task\",\"Resource\":"
    "\"arn:aws:states:::states:startExecution.sync\",\"Parameters\":{\"StateMachineArn\":"
    "\"arn:aws:states:eu-x-1:000000000042:stateMachine:waiting\"},\"TimeoutSeconds\":900,"
    "\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"],\"MaxAttempts\":1}],\"End\":true}}}";
static const char *const asked =
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":"
    "\"arn:aws:states:eu-x-1:000000000042:activity:act\",\"TimeoutSeconds\":300,\"End\":true}}}";

static void random_start(struct random_run *r)
{
    static const char *const machines[] = {"stages", "waiting", "mapped", "nested", "asked"};
    struct random_execution *e = &r->all[r->count];
    uint64_t id;

    if (r->count == RANDOM_EXECUTIONS) {
        return;
    }
    (void)snprintf(e->name, sizeof(e->name), "e%zu", r->count++);
    e->machine = machines[world_random(&r->w, 5)];
    world_begin(&r->w);
    assert_int_equal(world_start(&r->w, e->machine, e->name, "{}", false, &id), OK);
    e->acknowledged = world_wait(&r->w);
    world_end(&r->w);
}

static void random_event(struct random_run *r, enum engine_event_kind kind)
{
    const struct random_execution *e;
    struct engine_event ev = {.kind = kind};
    struct ledger_machine *m;
    struct err err;
    uint64_t id;

    if (r->count == 0) {
        return;
    }
    e = &r->all[world_random(&r->w, r->count)];
    world_begin(&r->w);
    m = ledger_machine_find(r->w.l, slice_str(e->machine));
    if (ledger_execution_find(r->w.l, m, slice_str(e->name), &id, &err) == OK) {
        assert_int_equal(ledger_execution_load(r->w.l, id, &err), OK);
        (void)ledger_execution_event(r->w.l, id, &ev, &err);
    }
    world_end(&r->w);
}

static void random_worker(struct random_run *r)
{
    unsigned n = (unsigned)world_random(&r->w, WORLD_WORKERS);
    struct world_worker *k = &r->w.workers[n];
    bool idle = k->w == NULL || k->lease_count == 0 ||
                (r->reports[n].worker != NULL && !r->reports[n].answered);

    switch (world_random(&r->w, 12)) {
    case 0:
        if (!idle) {
            (void)world_fail(&r->w, n, 0, "Lambda.ServiceException");
        }
        break;
    case 1:
        if (!idle) {
            (void)world_return(&r->w, n, 0);
        }
        break;
    case 2:
        if (k->w != NULL) {
            k->instance += 10; /* started anew: it knows of nothing */
            while (k->lease_count > 0) {
                world_forget(k, 0);
            }
            if (r->reports[n].worker != NULL && !r->reports[n].answered) {
                ledger_commit_forget(&r->reports[n].commit);
            }
            r->reports[n].worker = NULL;
            world_hello(&r->w, n, functions);
        }
        break;
    default: (void)work(&r->w, n, &r->reports[n]); break;
    }
}

/* A task is taken; its answer comes, or never does. */
static void random_answer(struct random_run *r)
{
    struct world_token taken;

    if (world_take(&r->w, "act", &taken) && world_random(&r->w, 3) != 0) {
        assert_int_equal(world_send(&r->w, taken.text, world_random(&r->w, 4) != 0 ? "1" : NULL),
                         OK);
    }
}

static void random_crash(struct random_run *r)
{
    if (r->w.flying != NULL && world_random(&r->w, 2) == 0) {
        world_write_unheard(&r->w);
    }
    world_crash(&r->w);
    memset(r->reports, 0, sizeof(r->reports));
}

static void random_operation(struct random_run *r)
{
    switch (world_random(&r->w, 18)) {
    case 16: random_answer(r); break;
    case 17: (void)world_calls(&r->w); break;
    case 0:
    case 1: random_start(r); break;
    case 2:
        if (world_random(&r->w, 4) == 0) {
            random_crash(r);
        }
        break;
    case 3: random_event(r, world_random(&r->w, 3) == 0 ? ENGINE_STOP : ENGINE_REDRIVE); break;
    case 4: world_advance(&r->w, (int64_t)world_random(&r->w, 40000)); break;
    case 5: (void)world_objects(&r->w); break;
    case 6: r->w.store_down = world_random(&r->w, 3) == 0; break;
    case 7: r->w.lose_replies = world_random(&r->w, 3) == 0; break;
    case 8:
    case 9:
    case 10: (void)world_commit(&r->w); break;
    default: random_worker(r); break;
    }
}

static void random_end(struct random_run *r)
{
    r->w.store_down = r->w.lose_replies = false;
    for (unsigned i = 0; i < 4000 && r->w.l->open_count != 0; i++) {
        bool moved = false;

        world_settle(&r->w);
        for (unsigned n = 0; n < WORLD_WORKERS; n++) {
            moved = work(&r->w, n, &r->reports[n]) || moved;
        }
        random_answer(r);
        if (!moved) {
            world_advance(&r->w, 5000);
        }
    }
    world_settle(&r->w);
    world_advance(&r->w, 60000);
    world_sweep(&r->w);
}

static void random_check(struct random_run *r)
{
    struct err err;
    uint64_t id;

    assert_int_equal(r->w.l->open_count, 0);
    assert_int_equal(ledger_hot_count(r->w.l), 0);
    assert_int_equal(world_rows(&r->w, CF_TIMER), 0);
    assert_int_equal(world_index(&r->w, EXECUTION_RUNNING), 0);
    assert_int_equal(world_rows(&r->w, CF_INDEX), world_rows(&r->w, CF_NAME));
    assert_int_equal(fleet_leased_count(r->w.l->fleet), 0);
    assert_int_equal(fleet_ready_count(r->w.l->fleet), 0);
    for (size_t i = 0; i < r->count; i++) {
        const struct random_execution *e = &r->all[i];
        enum err_code rc =
            ledger_execution_find(r->w.l, ledger_machine_find(r->w.l, slice_str(e->machine)),
                                  slice_str(e->name), &id, &err);

        assert_true(rc == OK || !e->acknowledged->gone);
        if (rc == OK) {
            assert_true(world_status(&r->w, id, NULL) != EXECUTION_RUNNING);
            world_check_history(&r->w, id);
        }
    }
    world_check_end(&r->w);
}

static void test_ledger_crash__random_work(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= RANDOM_SEEDS; seed++) {
        struct random_run r;

        memset(&r, 0, sizeof(r));
        world_open(&r.w);
        r.w.random = seed;
        world_machine(&r.w, "stages", false, world_two_stages);
        world_machine(&r.w, "waiting", false, waiting);
        world_machine(&r.w, "mapped", false, mapped);
        world_machine(&r.w, "nested", false, nested);
        world_machine(&r.w, "asked", false, asked);
        world_activity(&r.w, "act");
        world_settle(&r.w);
        print_message("seed %llu\n", (unsigned long long)seed);
        for (unsigned i = 0; i < RANDOM_OPERATIONS; i++) {
            random_operation(&r);
        }
        random_end(&r);
        random_check(&r);
        world_close(&r.w);
    }
}

int main(void)
{
#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(test_ledger_crash__##name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ledger_crash__two_stages_at_every_point),
        T(a_start_not_written_never_was),
        T(leases_have_one_interval_to_be_claimed),
        T(an_intent_is_completed_without_other_work),
        T(a_lost_completion_answer_is_asked_again),
        T(redrive_after_a_restart),
        T(another_process_gets_no_old_lease),
        T(another_process_gets_the_next_attempt),
        T(the_same_process_keeps_its_lease),
        T(a_turn_that_could_not_read_leaves_nothing),
        T(a_read_that_fails_beside_a_batch_ends_it),
        T(a_parent_that_cannot_be_read_is_told_later),
        cmocka_unit_test(test_ledger_crash__random_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
