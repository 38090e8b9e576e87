/* SPDX-License-Identifier: Apache-2.0 */
/* The outputs of stages: upload, intent, completion, and what comes between them. */
#include "tests/lib/ledger_world.h"

static const char *const one[] = {"f", NULL};
static const char *const stages[] = {"s1", "s2", NULL};

#define TASK(name, rest)                                                                           \
    "\"" name "\":{\"Type\":\"Task\",\"Resource\":"                                                \
    "\"arn:aws:lambda:eu-x-1:000000000042:function:f\"," rest "}"

static void test_ledger_output__an_output_is_intended_then_completed(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, stages);
    struct world_report report;
    uint64_t id;

    world_machine(w, "m", false, world_one_stage);
    id = world_started(w, "m", "e");
    world_settle(w);
    assert_int_equal(world_upload(w, 0, 0), OK);
    world_settle(w);
    assert_false(
        ledger_upload_is_stray(w->l, SLICE("executions/e/Stage1/output.json"), SLICE("up-1")));
    assert_int_equal(world_output(w, 0, 0, "{}", &report), OK);
    assert_int_equal(w->request_count, 0); /* the intent is not on disk */
    assert_true(world_commit(w));
    assert_int_equal(w->request_count, 1);
    assert_false(report.answered);
    world_settle(w);
    assert_true(report.answered);
    assert_int_equal(report.rc, OK);
    assert_int_equal(world_object(w, "executions/e/Stage1/output.json")->writes, 1);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    /* A store that lists it still may share its bytes with the object. */
    assert_false(
        ledger_upload_is_stray(w->l, SLICE("executions/e/Stage1/output.json"), SLICE("up-1")));
    assert_int_equal(k->lease_count, 0);
    world_check_end(w);
}

/* The second stage's payload and the execution's output lie in the first one's result. */
static void test_ledger_output__a_result_outlives_the_frame_it_was_kept_in(void **state)
{
    static const char *const definition = "{\"StartAt\":\"A\",\"States\":{" TASK(
        "A", "\"Next\":\"B\"") "," TASK("B", "\"Next\":\"C\"") ",\"C\":{\"Type\":\"Succeed\"}}}";
    static const char *const event = "{\"executionId\":\"e\",\"currentStage\":\"A\","
                                     "\"previousStage\":null,\"workflowBucket\":\"work\"}";
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, one);
    struct world_report report;
    uint64_t id;

    world_machine(w, "m", false, definition);
    world_begin(w);
    assert_int_equal(world_start(w, "m", "e", event, false, &id), OK);
    world_end(w);
    world_settle(w);
    for (unsigned i = 0; i < 2; i++) {
        static const char *const next = "{\"executionId\":\"e\",\"currentStage\":\"B\","
                                        "\"previousStage\":\"A\",\"workflowBucket\":\"work\"}";

        assert_int_equal(world_upload(w, 0, 0), OK);
        world_poll(w, 0);
        assert_int_equal(world_output(w, 0, 0, next, &report), OK);
        world_settle(w);
        assert_int_equal(report.rc, OK);
        if (i == 0) {
            assert_string_equal(k->leases[0].payload, next);
        }
    }
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    world_check_history(w, id);
}

static void test_ledger_output__a_result_that_would_fail_aborts_the_upload(void **state)
{
    struct ledger_world *w = *state;
    struct world_report report;
    uint64_t id;

    (void)world_ready(w, stages);
    world_machine(w, "m", false, world_one_stage);
    id = world_started(w, "m", "e");
    world_settle(w);
    assert_int_equal(world_upload(w, 0, 0), OK);
    assert_int_equal(world_output(w, 0, 0, "this is no JSON", &report), ERR_LEASE_LOST);
    world_settle(w);
    assert_int_equal(w->uploads[0].state, UPLOAD_GONE);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
    assert_int_equal(w->object_count, 0);
}

static void test_ledger_output__a_returned_task_is_ready_when_its_upload_is_gone(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, stages);

    world_machine(w, "m", false, world_one_stage);
    (void)world_started(w, "m", "e");
    world_settle(w);
    assert_int_equal(world_upload(w, 0, 0), OK);
    world_poll(w, 0);
    assert_int_equal(world_return(w, 0, 0), OK);
    while (world_commit(w)) {
    }
    assert_int_equal(k->lease_count, 0); /* not before */
    world_settle(w);
    assert_int_equal(w->uploads[0].state, UPLOAD_GONE);
    assert_int_equal(k->lease_count, 1);
    assert_int_equal(k->leases[0].attempt, 1);
}

static void
test_ledger_output__no_attempt_is_granted_before_the_last_ones_upload_is_settled(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, stages);

    world_machine(w, "m", false, world_one_stage);
    (void)world_started(w, "m", "e");
    world_settle(w);
    assert_int_equal(world_upload(w, 0, 0), OK);
    w->store_down = true;
    assert_int_equal(world_fail(w, 0, 0, "Lambda.ServiceException"), OK);
    world_poll(w, 0);
    world_advance(w, 120000);
    assert_int_equal(k->lease_count, 0);
    w->store_down = false;
    world_advance(w, 31000);
    assert_int_equal(w->uploads[0].state, UPLOAD_GONE);
    world_poll(w, 0);
    world_settle(w);
    assert_int_equal(k->lease_count, 1);
    assert_int_equal(k->leases[0].attempt, 2);
}

static void test_ledger_output__an_upload_goes_where_the_event_says_alone(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, stages);
    struct task_output o = {SLICE("work"), SLICE("executions/other/Stage1/output.json"),
                            SLICE("id"),   SLICE("mark"),
                            {NULL, 0},     {NULL, 0}};
    struct err err;

    world_machine(w, "m", false, world_one_stage);
    (void)world_started(w, "m", "e");
    world_settle(w);
    world_begin(w);
    assert_int_equal(ledger_task_upload(w->l, k->w, k->leases[0].token, &o, &err), ERR_VALIDATION);
    o.bucket = SLICE("elsewhere");
    o.key = SLICE("executions/e/Stage1/output.json");
    assert_int_equal(ledger_task_upload(w->l, k->w, k->leases[0].token, &o, &err), ERR_VALIDATION);
    o.bucket = SLICE("work");
    assert_int_equal(ledger_task_upload(w->l, k->w, k->leases[0].token, &o, &err), OK);
    assert_int_equal(ledger_task_upload(w->l, k->w, k->leases[0].token, &o, &err), OK); /* repeat */
    o.upload_id = SLICE("second");
    assert_int_equal(ledger_task_upload(w->l, k->w, k->leases[0].token, &o, &err), ERR_VALIDATION);
    world_end(w);
    world_settle(w);
    assert_false(
        ledger_upload_is_stray(w->l, SLICE("executions/e/Stage1/output.json"), SLICE("id")));
    assert_true(
        ledger_upload_is_stray(w->l, SLICE("executions/e/Stage1/output.json"), SLICE("second")));
}

static void test_ledger_output__a_sweep_that_fails_is_not_repeated(void **state)
{
    struct ledger_world *w = *state;

    w->store_down = true;
    world_begin(w);
    ledger_sweep_upload(w->l, SLICE("work"), SLICE("k"), SLICE("left"));
    world_end(w);
    assert_int_equal(w->request_count, 1);
    world_advance(w, 120000);
    assert_int_equal(w->l->object_count, 0);
}

static void test_ledger_output__stop_while_an_output_is_completed(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event stop = {.kind = ENGINE_STOP};
    struct world_report report;
    struct err err;
    uint64_t id;

    (void)world_ready(w, stages);
    world_machine(w, "m", false, world_two_stages);
    id = world_started(w, "m", "e");
    world_settle(w);
    assert_int_equal(world_upload(w, 0, 0), OK);
    world_settle(w);
    assert_int_equal(world_output(w, 0, 0, "{}", &report), OK);
    while (world_commit(w)) {
    }
    assert_int_equal(w->request_count, 1); /* out, not answered */
    world_begin(w);
    assert_int_equal(ledger_execution_event(w->l, id, &stop, &err), OK);
    world_end(w);
    while (world_commit(w)) {
    }
    assert_true(report.answered); /* it left memory: nothing of it is waited for */
    assert_int_equal(report.rc, ERR_LEASE_LOST);
    assert_int_equal(ledger_hot_count(w->l), 0);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_ABORTED);
    world_check_end(w);
}

/* An intent whose completion has not left, or did not arrive, as is known before the stop or after
 * it: the object is not to be seen. */
enum completion { NOT_LEFT, NOT_ARRIVED, ON_ITS_WAY };

static void stop_before_the_completion(struct ledger_world *w, enum completion is)
{
    struct engine_event stop = {.kind = ENGINE_STOP};
    struct world_report report;
    struct err err;
    uint64_t id;

    (void)world_ready(w, stages);
    world_machine(w, "m", false, world_one_stage);
    id = world_started(w, "m", "e");
    world_settle(w);
    assert_int_equal(world_upload(w, 0, 0), OK);
    world_settle(w);
    assert_int_equal(world_output(w, 0, 0, "{}", &report), OK);
    w->store_down = true;
    if (is == NOT_ARRIVED) {
        world_settle(w);
    }
    while (is == ON_ITS_WAY && w->request_count == 0) {
        assert_true(world_commit(w));
    }
    world_begin(w);
    assert_int_equal(ledger_execution_event(w->l, id, &stop, &err), OK);
    world_end(w);
    if (is == ON_ITS_WAY) {
        assert_true(world_objects(w));
    }
    w->store_down = false;
    world_advance(w, 40000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_ABORTED);
    assert_int_equal(w->uploads[0].state, UPLOAD_GONE);
    assert_null(world_object(w, "executions/e/Stage1/output.json"));
    assert_int_equal(report.rc, ERR_LEASE_LOST);
    world_check_end(w);
}

static void test_ledger_output__a_stop_calls_off_a_completion_that_has_not_left(void **state)
{
    stop_before_the_completion(*state, NOT_LEFT);
}

static void test_ledger_output__a_stop_calls_off_a_completion_that_did_not_arrive(void **state)
{
    stop_before_the_completion(*state, NOT_ARRIVED);
}

static void test_ledger_output__a_stop_calls_off_a_completion_that_is_on_its_way(void **state)
{
    stop_before_the_completion(*state, ON_ITS_WAY);
}

/* An answer about an upload of an earlier life must not be taken for the one there is now. */
static void test_ledger_output__a_late_answer_settles_only_its_own_upload(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = world_ready(w, stages);
    struct engine_event stop = {.kind = ENGINE_STOP};
    struct engine_event redrive = {.kind = ENGINE_REDRIVE};
    struct object_request *late;
    struct world_report report;
    struct err err;
    uint64_t id;

    world_machine(w, "m", false, world_one_stage);
    id = world_started(w, "m", "e");
    world_settle(w);
    assert_int_equal(world_upload(w, 0, 0), OK);
    assert_int_equal(world_output(w, 0, 0, "{}", &report), OK);
    while (world_commit(w)) {
    }
    late = w->requests[--w->request_count]; /* on its way for long */
    world_begin(w);
    assert_int_equal(ledger_execution_event(w->l, id, &stop, &err), OK);
    world_end(w);
    world_settle(w);
    world_begin(w);
    assert_int_equal(ledger_execution_load(w->l, id, &err), OK);
    assert_int_equal(ledger_execution_event(w->l, id, &redrive, &err), OK);
    world_end(w);
    world_poll(w, 0);
    world_settle(w); /* the first upload is aborted, the next attempt granted */
    assert_int_equal(k->lease_count, 1);
    assert_int_equal(world_upload(w, 0, 0), OK);
    assert_int_equal(world_output(w, 0, 0, "{}", &report), OK);
    while (world_commit(w)) {
    }
    assert_int_equal(w->request_count, 1);
    late->rc = err_set(&late->err, ERR_NOT_FOUND, "no such upload");
    world_begin(w);
    ledger_object_done(w->l, late);
    world_end(w);
    assert_false(report.answered);
    world_settle(w);
    assert_int_equal(report.rc, OK);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
}

int main(void)
{
#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(test_ledger_output__##name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(an_output_is_intended_then_completed),
        T(a_result_outlives_the_frame_it_was_kept_in),
        T(a_result_that_would_fail_aborts_the_upload),
        T(a_returned_task_is_ready_when_its_upload_is_gone),
        T(no_attempt_is_granted_before_the_last_ones_upload_is_settled),
        T(an_upload_goes_where_the_event_says_alone),
        T(a_sweep_that_fails_is_not_repeated),
        T(stop_while_an_output_is_completed),
        T(a_stop_calls_off_a_completion_that_has_not_left),
        T(a_stop_calls_off_a_completion_that_did_not_arrive),
        T(a_stop_calls_off_a_completion_that_is_on_its_way),
        T(a_late_answer_settles_only_its_own_upload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
