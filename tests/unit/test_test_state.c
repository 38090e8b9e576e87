/* SPDX-License-Identifier: Apache-2.0 */
/* TestState of a Task that is carried out: its work goes the way of any task's, the answer is what
 * the state makes of it, and nothing of it is left. And whose failure a mocked one is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/json.h"
#include "proto/base/limits.h"
#include "tests/lib/api_world.h"

#define TASK(resource, rest)                                                                       \
    "{\"Type\":\"Task\",\"Resource\":\"arn:aws:" resource "\"," rest "\"End\":true}"
#define FUNCTION     "lambda:us-east-1:111111111111:function:f"
#define CATCH(error) "\"Catch\":[{\"ErrorEquals\":[\"" error "\"],\"Next\":\"Rescue\"}],"

static const char role[] = "arn:aws:iam::111111111111:role/r";

static bool bound(const void *arg, struct slice service, struct slice action, struct slice *handler)
{
    (void)arg;
    *handler = SLICE("f");
    return slice_eq_str(service, "dynamodb") && slice_eq_str(action, "putItem");
}

/* A worker of one function `f`, and a test that is on its way. */
struct world {
    struct api_world api;
    uint64_t worker;
    struct api_ask test;
    struct api_ask poll;
    struct api_ask last;
};

static const void *call(struct world *w, enum rpc method, const ProtobufCMessage *m)
{
    api_ask_fini(&w->last);
    memset(&w->last, 0, sizeof(w->last));
    assert_int_equal(api_world_call(&w->api, &w->last, method, m), OK);
    return w->last.reply;
}

static void hello(struct world *w)
{
    Stepfleet__WorkerHelloRequest m = STEPFLEET__WORKER_HELLO_REQUEST__INIT;
    Stepfleet__Offer offer = STEPFLEET__OFFER__INIT;
    Stepfleet__Offer *offers[] = {&offer};

    offer.function = (char *)"f";
    offer.slots = 1;
    m.name = (char *)"w";
    m.version_min = WIRE_VERSION_MIN;
    m.version_max = WIRE_VERSION_MAX;
    m.slots = 1;
    m.offers = offers;
    m.n_offers = 1;
    w->worker = ((const Stepfleet__WorkerHelloReply *)call(w, RPC_WORKER_HELLO, &m.base))->worker;
}

static int setup(void **state)
{
    struct world *w = mem_zalloc(1, sizeof(*w));

    api_world_open(&w->api, 1700000000000, bound, NULL);
    hello(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    api_ask_fini(&w->last);
    api_ask_fini(&w->poll);
    api_world_close(&w->api);
    api_ask_fini(&w->test);
    mem_free(w);
    return 0;
}

/* ---- what is asked, and what a worker says ---- */

static void ask(struct world *w, const char *definition, const char *input)
{
    Stepfleet__TestStateRequest m = STEPFLEET__TEST_STATE_REQUEST__INIT;
    /* What comes in a request is there for its turn alone. */
    char *text = arena_str(&w->last.arena, slice_str(definition));
    char *given = arena_str(&w->last.arena, slice_str(input));

    api_ask_fini(&w->test);
    memset(&w->test, 0, sizeof(w->test));
    m.definition = message_bytes(slice_str(text));
    m.input = message_bytes(slice_str(given));
    m.role_arn = (char *)(uintptr_t)role;
    m.level = (char *)"DEBUG";
    api_world_ask(&w->api, &w->test, RPC_TEST_STATE, &m.base);
    memset(text, '!', strlen(text));
    memset(given, '!', strlen(given));
    api_world_settle(&w->api);
}

/* A mocked failure "E", of the state `origin` inside. */
static void ask_failing(struct world *w, const char *definition, const char *origin)
{
    Stepfleet__TestStateRequest m = STEPFLEET__TEST_STATE_REQUEST__INIT;
    char configuration[64];

    api_ask_fini(&w->test);
    memset(&w->test, 0, sizeof(w->test));
    (void)snprintf(configuration, sizeof(configuration), "{\"errorCausedByState\":\"%s\"}", origin);
    m.definition = message_bytes(slice_str(definition));
    m.input = message_bytes(SLICE("[]"));
    m.mock = message_bytes(SLICE("{\"errorOutput\":{\"error\":\"E\"}}"));
    m.configuration = message_bytes(slice_str(configuration));
    (void)api_world_call(&w->api, &w->test, RPC_TEST_STATE, &m.base);
}

/* The one lease there is. */
static const Stepfleet__Lease *leased(struct world *w)
{
    Stepfleet__PollRequest m = STEPFLEET__POLL_REQUEST__INIT;
    const Stepfleet__PollReply *r;

    api_ask_fini(&w->poll);
    memset(&w->poll, 0, sizeof(w->poll));
    m.worker = w->worker;
    assert_int_equal(api_world_call(&w->api, &w->poll, RPC_WORKER_POLL, &m.base), OK);
    r = w->poll.reply;
    assert_int_equal(r->n_leases, 1);
    return r->leases[0];
}

static uint32_t report(struct world *w, Stepfleet__Result *result)
{
    Stepfleet__ReportRequest m = STEPFLEET__REPORT_REQUEST__INIT;
    const Stepfleet__ReportReply *r;

    result->token = ((const Stepfleet__PollReply *)w->poll.reply)->leases[0]->token;
    m.worker = w->worker;
    m.results = &result;
    m.n_results = 1;
    r = call(w, RPC_WORKER_REPORT, &m.base);
    return r->outcomes[0]->status;
}

static void succeed(struct world *w, const char *text)
{
    Stepfleet__Result r = STEPFLEET__RESULT__INIT;

    r.result = message_bytes(slice_str(text));
    assert_int_equal(report(w, &r), OK);
}

static void fail_with(struct world *w, const char *error, const char *cause)
{
    Stepfleet__Result r = STEPFLEET__RESULT__INIT;

    r.failed = true;
    r.error = message_bytes(slice_str(error));
    r.cause = message_bytes(slice_str(cause));
    assert_int_equal(report(w, &r), OK);
}

/* Time that passes with the loop at work: after a jump it would give leases the time it stood. */
static void pass(struct world *w, int64_t ms)
{
    for (; ms > 1000; ms -= 1000) {
        api_world_advance(&w->api, 1000);
    }
    api_world_advance(&w->api, ms);
}

/* ---- what came of it ---- */

static const Stepfleet__TestStateReply *answer(struct world *w)
{
    assert_true(w->test.done);
    assert_string_equal(w->test.rc == OK ? "" : w->test.err.msg, "");
    return w->test.reply;
}

static void assert_text(ProtobufCBinaryData text, const char *expected)
{
    char found[1024];

    (void)snprintf(found, sizeof(found), "%.*s", (int)text.len, (const char *)text.data);
    assert_string_equal(found, expected);
}

static void assert_failed(struct world *w, const char *status, const char *error, const char *next)
{
    const Stepfleet__TestStateReply *r = answer(w);

    assert_string_equal(r->status, status);
    assert_string_equal(r->error, error);
    assert_string_equal(r->next_state, next);
}

static size_t rows(struct world *w, enum store_cf cf)
{
    struct store_iterator *i =
        store_iterate(w->api.store, cf, SLICE(""), SLICE("\xff\xff\xff\xff"), false);
    struct slice key;
    struct slice value;
    size_t count = 0;

    while (store_next(i, &key, &value)) {
        count++;
    }
    assert_int_equal(store_iterator_end(i, NULL), OK);
    return count;
}

static void assert_nothing_left(struct world *w)
{
    static const enum store_cf written[] = {CF_MACHINE, CF_EXECUTION, CF_NAME, CF_INDEX, CF_TIMER};

    for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
        assert_int_equal(rows(w, written[i]), 0);
    }
    assert_int_equal(ledger_held_count(w->api.ledger), 0);
    assert_int_equal(ledger_open_count(w->api.ledger), 0);
}

/* ---- carried out ---- */

static void test_test_state__the_result_goes_through_the_states_fields(void **state)
{
    struct world *w = *state;
    const Stepfleet__Lease *l;
    const Stepfleet__TestStateReply *r;

    ask(w,
        TASK("states:::lambda:invoke",
             "\"Parameters\":{\"FunctionName\":\"f\",\"Payload.$\":\"$.in\"},"
             "\"TimeoutSecondsPath\":\"$.t\",\"HeartbeatSeconds\":5,"
             "\"Credentials\":{\"RoleArn.$\":\"$.role\"},"
             "\"ResultSelector\":{\"got.$\":\"$.Payload\"},\"ResultPath\":\"$.out\","),
        "{\"in\":[1, 2],\"t\":60,\"role\":\"arn:aws:iam::222222222222:role/other\"}");
    assert_false(w->test.done);
    l = leased(w);
    assert_text(l->function, "f");
    assert_text(l->payload, "[1,2]");
    assert_text(l->state, "StateName");
    assert_text(l->credentials, "{\"RoleArn\":\"arn:aws:iam::222222222222:role/other\"}");
    assert_int_equal(l->timeout_ms, 60000);
    assert_int_equal(l->heartbeat_ms, 5000);
    succeed(w, "{\"a\": 1}");
    r = answer(w);
    assert_string_equal(r->status, "SUCCEEDED");
    assert_text(r->output, "{\"in\":[1,2],\"t\":60,\"role\":\"arn:aws:iam::222222222222:role/"
                           "other\",\"out\":{\"got\":{\"a\":1}}}");
    assert_nothing_left(w);
}

static void test_test_state__a_bare_function_and_a_bound_handler(void **state)
{
    struct world *w = *state;

    ask(w, TASK(FUNCTION, ""), "{\"b\":2}");
    assert_text(leased(w)->payload, "{\"b\":2}");
    succeed(w, "\"text\"");
    assert_text(answer(w)->output, "\"text\"");
    assert_text(answer(w)->data,
                "{\"input\":\"{\\\"b\\\":2}\",\"afterInputPath\":\"{\\\"b\\\":2}\","
                "\"afterParameters\":\"{\\\"b\\\":2}\",\"result\":\"\\\"text\\\"\","
                "\"afterResultSelector\":\"\\\"text\\\"\",\"afterResultPath\":\"\\\"text\\\"\"}");
    ask(w, TASK("states:::dynamodb:putItem", "\"Parameters\":{\"k\":1},"), "{}");
    assert_text(leased(w)->payload, "{\"k\":1}");
    succeed(w, "{}");
    assert_string_equal(answer(w)->status, "SUCCEEDED");
    assert_nothing_left(w);
}

static void test_test_state__what_the_coordinator_does_itself_is_done(void **state)
{
    struct world *w = *state;
    Stepfleet__ActivityRequest m = STEPFLEET__ACTIVITY_REQUEST__INIT;

    ask(w, TASK("states:::aws-sdk:sfn:createActivity", "\"Parameters\":{\"Name\":\"made\"},"),
        "{}");
    assert_string_equal(answer(w)->status, "SUCCEEDED");
    m.activity = (char *)"made";
    assert_string_equal(
        ((const Stepfleet__Activity *)call(w, RPC_ACTIVITY_DESCRIBE, &m.base))->name, "made");
    ask(w, TASK("states:::aws-sdk:sfn:createActivity", "\"Parameters\":{\"Name\":\"no name\"},"),
        "{}");
    assert_failed(w, "FAILED", "Sfn.InvalidNameException", "");
}

/* ---- failures ---- */

static void test_test_state__a_failure_is_retriable_caught_or_for_good(void **state)
{
    static const char both[] =
        TASK(FUNCTION, "\"Retry\":[{\"ErrorEquals\":[\"Again\"]}]," CATCH("States.TaskFailed"));
    struct world *w = *state;

    ask(w, both, "{}");
    (void)leased(w);
    fail_with(w, "Again", "why");
    assert_failed(w, "RETRIABLE", "Again", "");
    assert_text(answer(w)->cause, "why");
    ask(w, both, "{}");
    (void)leased(w);
    fail_with(w, "Other", "why");
    assert_failed(w, "CAUGHT_ERROR", "Other", "Rescue");
    assert_text(answer(w)->output, "{\"Error\":\"Other\",\"Cause\":\"why\"}");
    ask(w, TASK(FUNCTION, CATCH("Again")), "{}");
    (void)leased(w);
    fail_with(w, "Other", "why");
    assert_failed(w, "FAILED", "Other", "");
    assert_nothing_left(w);
}

static void test_test_state__its_deadlines_are_those_of_any_task(void **state)
{
    struct world *w = *state;

    ask(w,
        TASK(FUNCTION,
             "\"TimeoutSeconds\":9,\"HeartbeatSeconds\":3," CATCH("States.HeartbeatTimeout")),
        "{}");
    (void)leased(w);
    pass(w, 2999);
    assert_false(w->test.done);
    pass(w, 1);
    assert_failed(w, "CAUGHT_ERROR", "States.Timeout", "Rescue");
    ask(w, TASK(FUNCTION, "\"TimeoutSeconds\":9," CATCH("States.HeartbeatTimeout")), "{}");
    (void)leased(w);
    pass(w, 8999);
    assert_false(w->test.done);
    pass(w, 1);
    assert_failed(w, "FAILED", "States.Timeout", "");
    assert_nothing_left(w);
}

static void test_test_state__a_lost_worker_and_a_function_nobody_offers(void **state)
{
    struct world *w = *state;
    Stepfleet__ByeRequest bye = STEPFLEET__BYE_REQUEST__INIT;

    ask(w, TASK(FUNCTION, CATCH("Lambda.ServiceException")), "{}");
    (void)leased(w);
    bye.worker = w->worker;
    (void)call(w, RPC_WORKER_BYE, &bye.base);
    assert_failed(w, "CAUGHT_ERROR", "Lambda.ServiceException", "Rescue");
    ask(w, TASK(FUNCTION, ""), "{}");
    assert_false(w->test.done);
    pass(w, 1000);
    assert_failed(w, "FAILED", "Lambda.ResourceNotFoundException", "");
    assert_nothing_left(w);
}

static void test_test_state__five_minutes_end_it_whatever_it_catches(void **state)
{
    struct world *w = *state;
    Stepfleet__Result late = STEPFLEET__RESULT__INIT;

    ask(w, TASK(FUNCTION, "\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"]}]," CATCH("States.ALL")),
        "{}");
    (void)leased(w);
    pass(w, LIMIT_EXPRESS_MS - 1);
    assert_false(w->test.done);
    pass(w, 1);
    assert_failed(w, "FAILED", "States.Timeout", "");
    late.result = message_bytes(SLICE("1"));
    assert_int_equal(report(w, &late), ERR_LEASE_LOST);
    assert_nothing_left(w);
}

static void test_test_state__arguments_that_cannot_be_used(void **state)
{
    struct world *w = *state;

    ask(w, TASK("states:::lambda:invoke", "\"Parameters\":{\"FunctionName.$\":\"$.f\"},"),
        "{\"f\":5}");
    assert_failed(w, "FAILED", "States.Runtime", "");
    assert_text(answer(w)->cause,
                "The Parameters '{\"FunctionName\":5}' could not be used to start "
                "the Task: [The value for the field 'FunctionName' must be the "
                "name of a function]");
    ask(w, TASK(FUNCTION, "\"TimeoutSecondsPath\":\"$.none\","), "{}");
    assert_failed(w, "FAILED", "States.Runtime", "");
    assert_nothing_left(w);
}

/* ---- not carried out ---- */

static void test_test_state__refused_without_a_mock(void **state)
{
    static const char *const definitions[] = {
        TASK("states:::states:startExecution.sync", "\"Parameters\":{\"StateMachineArn\":\"m\"},"),
        TASK("states:::lambda:invoke.waitForTaskToken", "\"Parameters\":{\"FunctionName\":\"f\"},"),
        TASK("states:us-east-1:111111111111:activity:a", ""),
        TASK("states:::dynamodb:getItem", "\"Parameters\":{\"k\":1},"),
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(definitions) / sizeof(definitions[0]); i++) {
        ask(w, definitions[i], "{}");
        assert_true(w->test.done);
        assert_int_equal(w->test.rc, ERR_INVALID_DEFINITION);
        assert_non_null(strstr(w->test.err.msg, "mock"));
    }
    assert_nothing_left(w);
}

/* ---- whose failure a mocked one is ---- */

static void test_test_state__a_failed_task_inside_is_a_failed_task(void **state)
{
    static const char map[] =
        "{\"Type\":\"Map\",\"ItemProcessor\":{\"StartAt\":\"P\",\"States\":{\"P\":{"
        "\"Type\":\"Parallel\",\"End\":true,\"Branches\":[{\"StartAt\":\"T\",\"States\":{\"T\":"
        "{\"Type\":\"Task\",\"Resource\":\"arn:aws:" FUNCTION "\",\"Next\":\"F\"},\"F\":{"
        "\"Type\":\"Fail\"}}}]}}}," CATCH("States.TaskFailed") "\"End\":true}";
    struct world *w = *state;

    ask_failing(w, map, "T");
    assert_failed(w, "CAUGHT_ERROR", "E", "Rescue");
    ask_failing(w, map, "F");
    assert_failed(w, "FAILED", "E", "");
    ask_failing(w, map, "Rescue"); /* it is beside the state, not inside */
    assert_int_equal(w->test.rc, ERR_VALIDATION);
    ask_failing(w, map, "None");
    assert_int_equal(w->test.rc, ERR_VALIDATION);
}

static void test_test_state__a_coordinator_that_stops_answers_so(void **state)
{
    struct world *w = *state;
    struct err err;

    ask(w, TASK(FUNCTION, ""), "{}");
    assert_false(w->test.done);
    assert_int_equal(api_world_restart(&w->api, &err), OK);
    assert_true(w->test.done);
    assert_int_equal(w->test.rc, ERR_UNAVAILABLE);
    assert_nothing_left(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_test_state__the_result_goes_through_the_states_fields),
        TEST(test_test_state__a_bare_function_and_a_bound_handler),
        TEST(test_test_state__what_the_coordinator_does_itself_is_done),
        TEST(test_test_state__a_failure_is_retriable_caught_or_for_good),
        TEST(test_test_state__its_deadlines_are_those_of_any_task),
        TEST(test_test_state__a_lost_worker_and_a_function_nobody_offers),
        TEST(test_test_state__five_minutes_end_it_whatever_it_catches),
        TEST(test_test_state__arguments_that_cannot_be_used),
        TEST(test_test_state__refused_without_a_mock),
        TEST(test_test_state__a_failed_task_inside_is_a_failed_task),
        TEST(test_test_state__a_coordinator_that_stops_answers_so),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
