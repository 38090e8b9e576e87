/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's side of leases and reports: what a lease carries, and what a report brings;
 * where that is a failure, also redrives and their client tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
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

#define TIMED(resource)                                                                            \
    "{\"StartAt\":\"S\",\"States\":{\"S\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:" resource     \
    "\",\"TimeoutSeconds\":60,\"End\":true}}}"
static const char function[] = TIMED("lambda:us-east-1:111111111111:function:f");
static const char integration[] =
    TIMED("states:::lambda:invoke\",\"Parameters\":{\"FunctionName\":\"f\"},\"Comment\":\"");

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

/* ---- timeouts ---- */

/* Of an event, all but when it was; its history ends with '\n' a line. */
static void put_untimed(struct world *w, ProtobufCBinaryData event, struct buf *out)
{
    const struct json_node *v;
    struct err err;

    assert_int_equal(json_parse(message_slice(event), &w->a, &v, &err), OK);
    for (const struct json_node *m = json_first(v); m != NULL; m = json_next(v, m)) {
        if (!slice_eq_str(json_key(v, m), "timestamp")) {
            buf_put_slice(out, json_key(v, m));
            buf_put_slice(out, json_print(m, &w->a));
        }
    }
    buf_put_str(out, "\n");
}

static void history(struct world *w, struct buf *out)
{
    Stepfleet__HistoryRequest m = STEPFLEET__HISTORY_REQUEST__INIT;
    const Stepfleet__HistoryReply *r;

    m.execution = w->arn;
    r = call(w, RPC_EXECUTION_HISTORY, &m.base);
    for (size_t i = 0; i < r->n_events; i++) {
        put_untimed(w, r->events[i], out);
    }
}

/* Time goes on without a stall, which would extend the lease. */
static void pass(struct world *w, int64_t ms)
{
    while (ms > 0) {
        int64_t step = api_world_wait_ms(&w->api);

        step = step < 0 || step > ms ? ms : step;
        api_world_advance(&w->api, step);
        ms -= step;
    }
}

/* The worker's own clock is a little ahead of the coordinator's, or a little behind. */
static void time_out(const char *definition, bool worker_first, struct buf *out)
{
    Stepfleet__Result r;
    struct world w;

    world_open(&w, definition);
    assert_int_equal(w.lease->timeout_ms, 60000);
    r = result_of(&w, SLICE(""));
    r.failed = r.timed_out = true;
    r.error = message_bytes(SLICE("States.Timeout"));
    r.cause = message_bytes(SLICE("cmd: Task timed out after 60.00 seconds"));
    pass(&w, worker_first ? 59990 : 60000);
    assert_int_equal(report(&w, NULL, &r)->outcomes[0]->status, worker_first ? OK : ERR_LEASE_LOST);
    history(&w, out);
    world_close(&w);
}

static void assert_timed_out(const char *definition, const char *type)
{
    struct buf first = {0};
    struct buf second = {0};

    time_out(definition, true, &first);
    time_out(definition, false, &second);
    buf_put_u8(&first, 0);
    buf_put_u8(&second, 0);
    assert_string_equal(first.ptr, second.ptr);
    assert_non_null(strstr(first.ptr, type));
    assert_non_null(strstr(first.ptr, "\"error\":\"States.Timeout\""));
    assert_null(strstr(first.ptr, "\"cause\""));
    buf_fini(&first);
    buf_fini(&second);
}

static void test_worker_report__who_sees_a_timeout_first_is_not_told(void **state)
{
    (void)state;
    assert_timed_out(function, "LambdaFunctionTimedOut");
    assert_timed_out(integration, "TaskTimedOut");
}

/* Of the function's own time, which is no business of the state's; and beside a success nothing. */
static void test_worker_report__other_failures_are_no_timeouts(void **state)
{
    Stepfleet__Result r;
    struct world w;

    (void)state;
    world_open(&w, function);
    r = result_of(&w, SLICE(""));
    r.failed = true;
    r.error = message_bytes(SLICE("Sandbox.Timedout"));
    assert_int_equal(report(&w, NULL, &r)->outcomes[0]->status, OK);
    assert_int_equal(told(&w, "LambdaFunctionTimedOut"), 0);
    assert_int_equal(told(&w, "\"LambdaFunctionFailed\""), 1);
    world_close(&w);
    world_open(&w, function);
    r = result_of(&w, SLICE("7"));
    r.timed_out = true;
    assert_int_equal(report(&w, NULL, &r)->outcomes[0]->status, OK);
    assert_true(slice_eq_str(output(&w), "7"));
    world_close(&w);
}

static void test_worker_report__a_timeout_of_no_lease(void **state)
{
    Stepfleet__Token token = STEPFLEET__TOKEN__INIT;
    Stepfleet__Result r;
    struct world w;

    (void)state;
    world_open(&w, function);
    r = result_of(&w, SLICE(""));
    r.failed = r.timed_out = true;
    token.epoch = w.lease->token->epoch;
    token.counter = w.lease->token->counter + 1;
    r.token = &token;
    assert_int_equal(report(&w, NULL, &r)->outcomes[0]->status, ERR_LEASE_LOST);
    assert_int_equal(told(&w, "TimedOut"), 0);
    world_close(&w);
}

/* ---- redrives ---- */

/* The worker takes the lease there is, and fails it. */
static void fail_lease(struct world *w)
{
    Stepfleet__PollRequest m = STEPFLEET__POLL_REQUEST__INIT;
    Stepfleet__Result r;

    if (w->lease == NULL) {
        api_ask_fini(&w->poll);
        m.worker = w->worker;
        assert_int_equal(api_world_call(&w->api, &w->poll, RPC_WORKER_POLL, &m.base), OK);
        assert_int_equal(((const Stepfleet__PollReply *)w->poll.reply)->n_leases, 1);
        w->lease = ((const Stepfleet__PollReply *)w->poll.reply)->leases[0];
    }
    r = result_of(w, SLICE(""));
    r.failed = true;
    r.error = message_bytes(SLICE("Boom"));
    assert_int_equal(report(w, NULL, &r)->outcomes[0]->status, OK);
    w->lease = NULL;
}

static enum err_code redrive(struct world *w, const char *token, int64_t *redriven_ms)
{
    Stepfleet__RedriveRequest m = STEPFLEET__REDRIVE_REQUEST__INIT;
    enum err_code rc;

    m.execution = w->arn;
    m.client_token = (char *)(uintptr_t)token;
    api_ask_fini(&w->last);
    memset(&w->last, 0, sizeof(w->last));
    rc = api_world_call(&w->api, &w->last, RPC_EXECUTION_REDRIVE, &m.base);
    if (rc == OK) {
        *redriven_ms = ((const Stepfleet__TimeReply *)w->last.reply)->time_ms;
    }
    return rc;
}

static void test_worker_report__a_redrive_is_known_by_its_last_tokens(void **state)
{
    enum { REDRIVES = REDRIVE_TOKENS + 1 };
    int64_t last_ms = 0;
    int64_t ms = 0;
    char token[REDRIVES][8];
    struct world w;

    (void)state;
    world_open(&w, function);
    for (unsigned n = 0; n < REDRIVES; n++) { /* each fails again, and is redriven again */
        fail_lease(&w);
        (void)snprintf(token[n], sizeof(token[n]), "t%u", n);
        api_world_advance(&w.api, 1000);
        assert_int_equal(redrive(&w, token[n], &last_ms), OK);
        assert_int_equal(told(&w, "ExecutionRedriven"), n + 1);
    }
    for (unsigned n = 1; n < REDRIVES; n++) { /* while it runs: late repeats */
        api_world_advance(&w.api, 1000);
        assert_int_equal(redrive(&w, token[n], &ms), OK);
        assert_int_equal(ms, last_ms);
    }
    assert_int_equal(redrive(&w, token[0], &ms), ERR_NOT_REDRIVABLE); /* forgotten */
    assert_int_equal(redrive(&w, "another", &ms), ERR_NOT_REDRIVABLE);
    fail_lease(&w);
    for (unsigned n = 1; n < REDRIVES; n++) { /* and as it has failed */
        assert_int_equal(redrive(&w, token[n], &ms), OK);
        assert_int_equal(ms, last_ms);
    }
    assert_int_equal(told(&w, "ExecutionRedriven"), REDRIVES);
    world_close(&w);
}

static void test_worker_report__a_redrive_without_a_token_is_always_another(void **state)
{
    int64_t ms;
    struct world w;

    (void)state;
    world_open(&w, function);
    fail_lease(&w);
    assert_int_equal(redrive(&w, "t", &ms), OK);
    fail_lease(&w);
    assert_int_equal(redrive(&w, "", &ms), OK);
    assert_int_equal(redrive(&w, "", &ms), ERR_NOT_REDRIVABLE);
    assert_int_equal(redrive(&w, "t", &ms), OK); /* it is remembered beyond that */
    fail_lease(&w);
    assert_int_equal(redrive(&w, "", &ms), OK);
    assert_int_equal(told(&w, "ExecutionRedriven"), 3);
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
        cmocka_unit_test(test_worker_report__who_sees_a_timeout_first_is_not_told),
        cmocka_unit_test(test_worker_report__other_failures_are_no_timeouts),
        cmocka_unit_test(test_worker_report__a_timeout_of_no_lease),
        cmocka_unit_test(test_worker_report__a_redrive_is_known_by_its_last_tokens),
        cmocka_unit_test(test_worker_report__a_redrive_without_a_token_is_always_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
