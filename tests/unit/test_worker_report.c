/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's side of leases and reports: what a lease carries, and what a report brings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/base/json.h"
#include "proto/base/limits.h"
#include "tests/lib/api_world.h"

static const char invoke[] =
    "{\"StartAt\":\"S\",\"States\":{\"S\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::"
    "lambda:invoke\",\"Parameters\":{\"FunctionName\":\"f\",\"Qualifier\":\"live\","
    "\"LogType\":\"Tail\"},\"Credentials\":{\"RoleArn\":\"arn:aws:iam::123456789012:role/r\"},"
    "\"OutputPath\":\"$.LogResult\",\"End\":true}}}";
static const char job[] =
    "{\"StartAt\":\"S\",\"States\":{\"S\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::batch:"
    "submitJob.sync\",\"Parameters\":{\"a\":1},\"End\":true}}}";

static bool bound(const void *arg, struct slice service, struct slice action, struct slice *handler)
{
    (void)arg;
    *handler = SLICE("f");
    return slice_eq_str(service, "batch") && slice_eq_str(action, "submitJob");
}

/* A worker of one function `f`, and the lease of an execution of `definition`. */
struct world {
    struct api_world api;
    struct arena a;
    char *arn;
    uint64_t worker;
    Stepfleet__Lease *lease; /* in the poll's answer */
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

static void world_hello(struct world *w)
{
    Stepfleet__WorkerHelloRequest hello = STEPFLEET__WORKER_HELLO_REQUEST__INIT;
    Stepfleet__Offer offer = STEPFLEET__OFFER__INIT;
    Stepfleet__Offer *offers[] = {&offer};

    offer.function = (char *)"f";
    offer.slots = 1;
    hello.name = (char *)"w";
    hello.version_min = WIRE_VERSION_MIN;
    hello.version_max = WIRE_VERSION_MAX;
    hello.slots = 1;
    hello.offers = offers;
    hello.n_offers = 1;
    w->worker =
        ((const Stepfleet__WorkerHelloReply *)call(w, RPC_WORKER_HELLO, &hello.base))->worker;
}

static void world_open(struct world *w, const char *definition)
{
    Stepfleet__MachineCreateRequest create = STEPFLEET__MACHINE_CREATE_REQUEST__INIT;
    Stepfleet__StartRequest start = STEPFLEET__START_REQUEST__INIT;
    Stepfleet__PollRequest poll = STEPFLEET__POLL_REQUEST__INIT;

    memset(w, 0, sizeof(*w));
    api_world_open(&w->api, 1700000000000, bound, NULL);
    create.name = (char *)"m";
    create.definition = message_bytes(slice_str(definition));
    (void)call(w, RPC_MACHINE_CREATE, &create.base);
    world_hello(w);
    start.machine = (char *)"m";
    w->arn = arena_str(
        &w->a, slice_str(((const Stepfleet__StartReply *)call(w, RPC_EXECUTION_START, &start.base))
                             ->execution_arn));
    poll.worker = w->worker;
    assert_int_equal(api_world_call(&w->api, &w->poll, RPC_WORKER_POLL, &poll.base), OK);
    assert_int_equal(((const Stepfleet__PollReply *)w->poll.reply)->n_leases, 1);
    w->lease = ((const Stepfleet__PollReply *)w->poll.reply)->leases[0];
}

static void world_close(struct world *w)
{
    api_ask_fini(&w->poll);
    api_ask_fini(&w->last);
    api_world_close(&w->api);
    arena_fini(&w->a);
}

static const Stepfleet__ReportReply *
report(struct world *w, Stepfleet__Submitted *submitted, Stepfleet__Result *result)
{
    Stepfleet__ReportRequest m = STEPFLEET__REPORT_REQUEST__INIT;

    m.worker = w->worker;
    m.submitted = &submitted;
    m.n_submitted = submitted != NULL;
    m.results = &result;
    m.n_results = result != NULL;
    return call(w, RPC_WORKER_REPORT, &m.base);
}

static Stepfleet__Result result_of(const struct world *w, struct slice text)
{
    Stepfleet__Result r = STEPFLEET__RESULT__INIT;

    r.token = w->lease->token;
    r.result = message_bytes(text);
    return r;
}

static Stepfleet__Submitted submitted_of(const struct world *w, struct slice text)
{
    Stepfleet__Submitted s = STEPFLEET__SUBMITTED__INIT;

    s.token = w->lease->token;
    s.output = message_bytes(text);
    return s;
}

static struct slice output(struct world *w)
{
    Stepfleet__ExecutionRequest m = STEPFLEET__EXECUTION_REQUEST__INIT;
    const Stepfleet__ExecutionDetail *d;

    m.execution = w->arn;
    d = call(w, RPC_EXECUTION_DESCRIBE, &m.base);
    assert_string_equal(d->status, "SUCCEEDED");
    return arena_copy(&w->a, message_slice(d->output));
}

/* How often history has `text`. */
static unsigned told(struct world *w, const char *text)
{
    Stepfleet__HistoryRequest m = STEPFLEET__HISTORY_REQUEST__INIT;
    const Stepfleet__HistoryReply *r;
    unsigned n = 0;

    m.execution = w->arn;
    r = call(w, RPC_EXECUTION_HISTORY, &m.base);
    for (size_t i = 0; i < r->n_events; i++) {
        n += memmem(r->events[i].data, r->events[i].len, text, strlen(text)) != NULL;
    }
    return n;
}

static void test_worker_report__lease_carries_what_the_state_asks_for(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, invoke);
    assert_true(slice_eq_str(message_slice(w.lease->function), "f"));
    assert_true(slice_eq_str(message_slice(w.lease->qualifier), "live"));
    assert_true(slice_eq_str(message_slice(w.lease->credentials),
                             "{\"RoleArn\":\"arn:aws:iam::123456789012:role/r\"}"));
    assert_true(w.lease->log_tail);
    assert_false(w.lease->submits);
    world_close(&w);
    world_open(&w, job);
    assert_int_equal(w.lease->qualifier.len, 0);
    assert_int_equal(w.lease->credentials.len, 0);
    assert_false(w.lease->log_tail);
    assert_true(w.lease->submits);
    world_close(&w);
}

/* The base64 text of what is left of a log: a line of 'a's, then 'b's. */
static void assert_log(size_t bytes, const char *begins)
{
    char log[LIMIT_LOG_TAIL_BYTES + 3];
    Stepfleet__Result r;
    struct slice text;
    struct world w;

    world_open(&w, invoke);
    memset(log, 'b', sizeof(log));
    memset(log, 'a', 3);
    r = result_of(&w, SLICE("1"));
    r.log = message_bytes(slice_make(log, bytes));
    assert_int_equal(report(&w, NULL, &r)->outcomes[0]->status, OK);
    text = output(&w);
    assert_int_equal(text.len, 2 + (LIMIT_LOG_TAIL_BYTES + 2) / 3 * 4);
    assert_true(slice_starts_with(slice_from(text, 1), slice_str(begins)));
    world_close(&w);
}

static void test_worker_report__log_is_cut_to_its_end(void **state)
{
    (void)state;
    assert_log(LIMIT_LOG_TAIL_BYTES, "YWFhYmJi");
    assert_log(LIMIT_LOG_TAIL_BYTES + 1, "YWFiYmJi");
    assert_log(LIMIT_LOG_TAIL_BYTES + 3, "YmJiYmJi");
}

static void test_worker_report__submitted_before_its_result(void **state)
{
    const Stepfleet__ReportReply *reply;
    Stepfleet__Submitted s;
    Stepfleet__Result r;
    struct world w;

    (void)state;
    world_open(&w, job);
    s = submitted_of(&w, SLICE("{\"JobId\":7}"));
    r = result_of(&w, SLICE("{\"Status\":\"SUCCEEDED\"}"));
    reply = report(&w, &s, &r);
    assert_int_equal(reply->n_outcomes, 2);
    assert_int_equal(reply->outcomes[0]->status, OK);
    assert_int_equal(reply->outcomes[1]->status, OK);
    assert_true(slice_eq_str(output(&w), "{\"Status\":\"SUCCEEDED\"}"));
    assert_int_equal(told(&w, "\"TaskSubmitted\""), 1);
    assert_int_equal(told(&w, "JobId"), 1);
    world_close(&w);
}

static void test_worker_report__submitted_twice_is_told_once(void **state)
{
    Stepfleet__Submitted s;
    Stepfleet__Result r;
    struct world w;

    (void)state;
    world_open(&w, job);
    s = submitted_of(&w, SLICE("{\"JobId\":7}"));
    assert_int_equal(report(&w, &s, NULL)->outcomes[0]->status, OK);
    assert_int_equal(told(&w, "\"TaskSubmitted\""), 1); /* at once */
    assert_int_equal(report(&w, &s, NULL)->outcomes[0]->status, OK);
    r = result_of(&w, SLICE("8"));
    assert_int_equal(report(&w, NULL, &r)->outcomes[0]->status, OK);
    assert_int_equal(report(&w, &s, NULL)->outcomes[0]->status, ERR_LEASE_LOST);
    assert_int_equal(told(&w, "\"TaskSubmitted\""), 1);
    assert_true(slice_eq_str(output(&w), "8"));
    world_close(&w);
}

static void test_worker_report__without_submitted_the_result_is_shown(void **state)
{
    Stepfleet__Result r;
    struct world w;

    (void)state;
    world_open(&w, job);
    r = result_of(&w, SLICE("{\"only\":1}"));
    assert_int_equal(report(&w, NULL, &r)->outcomes[0]->status, OK);
    assert_int_equal(told(&w, "\"TaskSubmitted\""), 1);
    assert_int_equal(told(&w, "only"), 4); /* submitted, succeeded, exited, the execution's end */
    world_close(&w);
}

static void test_worker_report__submitted_of_no_lease(void **state)
{
    Stepfleet__Token token = STEPFLEET__TOKEN__INIT;
    Stepfleet__Submitted s;
    struct world w;

    (void)state;
    world_open(&w, job);
    s = submitted_of(&w, SLICE("1"));
    token.epoch = w.lease->token->epoch;
    token.counter = w.lease->token->counter + 1;
    s.token = &token;
    assert_int_equal(report(&w, &s, NULL)->outcomes[0]->status, ERR_LEASE_LOST);
    s.token = NULL;
    assert_int_equal(report(&w, &s, NULL)->outcomes[0]->status, ERR_LEASE_LOST);
    assert_int_equal(told(&w, "\"TaskSubmitted\""), 0);
    world_close(&w);
}

static void test_worker_report__limit(void **state)
{
    Stepfleet__ReportRequest m = STEPFLEET__REPORT_REQUEST__INIT;
    Stepfleet__Submitted *all[LIMIT_REPORTS + 1];
    Stepfleet__Submitted s;
    struct api_ask ask = {0};
    struct world w;

    (void)state;
    world_open(&w, job);
    s = submitted_of(&w, SLICE("1"));
    for (size_t i = 0; i < LIMIT_REPORTS + 1; i++) {
        all[i] = &s;
    }
    m.worker = w.worker;
    m.submitted = all;
    m.n_submitted = LIMIT_REPORTS + 1;
    assert_int_equal(api_world_call(&w.api, &ask, RPC_WORKER_REPORT, &m.base), ERR_TOO_LARGE);
    api_ask_fini(&ask);
    assert_int_equal(told(&w, "\"TaskSubmitted\""), 0);
    m.n_submitted = LIMIT_REPORTS;
    assert_int_equal(
        ((const Stepfleet__ReportReply *)call(&w, RPC_WORKER_REPORT, &m.base))->n_outcomes,
        LIMIT_REPORTS);
    assert_int_equal(told(&w, "\"TaskSubmitted\""), 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker_report__lease_carries_what_the_state_asks_for),
        cmocka_unit_test(test_worker_report__log_is_cut_to_its_end),
        cmocka_unit_test(test_worker_report__submitted_before_its_result),
        cmocka_unit_test(test_worker_report__submitted_twice_is_told_once),
        cmocka_unit_test(test_worker_report__without_submitted_the_result_is_shown),
        cmocka_unit_test(test_worker_report__submitted_of_no_lease),
        cmocka_unit_test(test_worker_report__limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
