/* SPDX-License-Identifier: Apache-2.0 */
/* EXECUTION_RUN: started and waited for in one exchange, the same however often it is asked; and
 * what a report's answer takes along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/limits.h"
#include "tests/lib/api_world.h"

#define FUNCTION   "arn:aws:lambda:us-east-1:123456789012:function:f"
#define TASK(next) "{\"Type\":\"Task\",\"Resource\":\"" FUNCTION "\"," next "}"

static const char pair[] =
    "{\"StartAt\":\"A\",\"States\":{\"A\":" TASK("\"Next\":\"B\"") ",\"B\":" //
    TASK("\"End\":true") "}}";
static const char pass[] =
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"End\":true}}}";

struct world {
    struct api_world api;
    uint64_t worker;
    struct api_ask last;
};

static enum err_code try(struct world *w, enum rpc method, const ProtobufCMessage *m)
{
    api_ask_fini(&w->last);
    memset(&w->last, 0, sizeof(w->last));
    return api_world_call(&w->api, &w->last, method, m);
}

static const void *call(struct world *w, enum rpc method, const ProtobufCMessage *m)
{
    assert_int_equal(try(w, method, m), OK);
    return w->last.reply;
}

static void create(struct world *w, const char *name, const char *definition, const char *type)
{
    Stepfleet__MachineCreateRequest m = STEPFLEET__MACHINE_CREATE_REQUEST__INIT;

    m.name = (char *)(uintptr_t)name;
    m.definition = message_bytes(slice_str(definition));
    m.type = (char *)(uintptr_t)type;
    (void)call(w, RPC_MACHINE_CREATE, &m.base);
}

static void hello(struct world *w, uint32_t slots)
{
    Stepfleet__WorkerHelloRequest m = STEPFLEET__WORKER_HELLO_REQUEST__INIT;
    Stepfleet__Offer offer = STEPFLEET__OFFER__INIT;
    Stepfleet__Offer *offers[] = {&offer};

    offer.function = (char *)"f";
    offer.slots = slots;
    m.name = (char *)"w";
    m.version_min = WIRE_VERSION_MIN;
    m.version_max = WIRE_VERSION_MAX;
    m.slots = slots;
    m.offers = offers;
    m.n_offers = 1;
    w->worker = ((const Stepfleet__WorkerHelloReply *)call(w, RPC_WORKER_HELLO, &m.base))->worker;
}

static void world_open(struct world *w, uint32_t slots)
{
    memset(w, 0, sizeof(*w));
    api_world_open(&w->api, 1700000000000, NULL, NULL);
    create(w, "pair", pair, "STANDARD");
    create(w, "pass", pass, "STANDARD");
    create(w, "quick", pass, "EXPRESS");
    hello(w, slots);
}

static void world_close(struct world *w)
{
    api_ask_fini(&w->last);
    api_world_close(&w->api);
}

static Stepfleet__StartRequest run_of(const char *machine, const char *name, const char *input)
{
    Stepfleet__StartRequest m = STEPFLEET__START_REQUEST__INIT;

    m.machine = (char *)(uintptr_t)machine;
    m.name = (char *)(uintptr_t)name;
    m.has_input = true;
    m.input = message_bytes(slice_str(input));
    m.wait_ms = 5000;
    return m;
}

static const Stepfleet__ExecutionDetail *detail(const struct api_ask *ask)
{
    assert_true(ask->done);
    assert_int_equal(ask->rc, OK);
    return ask->reply;
}

static void poll(struct world *w, struct api_ask *ask)
{
    Stepfleet__PollRequest m = STEPFLEET__POLL_REQUEST__INIT;

    m.worker = w->worker;
    api_world_ask(&w->api, ask, RPC_WORKER_POLL, &m.base);
    api_world_settle(&w->api);
}

/* The task of `token` succeeded: said in the turn of what comes next. */
static void
report(struct world *w, struct api_ask *ask, const Stepfleet__Token *token, const char *text)
{
    Stepfleet__ReportRequest m = STEPFLEET__REPORT_REQUEST__INIT;
    Stepfleet__Result r = STEPFLEET__RESULT__INIT;
    Stepfleet__Result *results[] = {&r};

    r.token = (Stepfleet__Token *)(uintptr_t)token;
    r.result = message_bytes(slice_str(text));
    m.worker = w->worker;
    m.results = results;
    m.n_results = 1;
    api_world_arrive(&w->api, ask, RPC_WORKER_REPORT, &m.base);
}

static const Stepfleet__ReportReply *reported(const struct api_ask *ask)
{
    assert_true(ask->done);
    assert_int_equal(ask->rc, OK);
    return ask->reply;
}

static void test_run__is_answered_at_the_end(void **state)
{
    Stepfleet__StartRequest m = run_of("pair", "one", "{\"n\":1}");
    const Stepfleet__ReportReply *r;
    struct api_ask run = {.done = false};
    struct api_ask polled = {.done = false};
    struct api_ask told[2] = {{.done = false}};
    struct world w;

    (void)state;
    world_open(&w, 1);
    poll(&w, &polled);
    api_world_ask(&w.api, &run, RPC_EXECUTION_RUN, &m.base);
    api_world_settle(&w.api);
    assert_false(run.done);
    report(&w, &told[0], ((const Stepfleet__PollReply *)polled.reply)->leases[0]->token, "2");
    api_world_advance(&w.api, 0);
    r = reported(&told[0]);
    assert_int_equal(r->n_leases, 1); /* the next stage's lease came with the answer */
    assert_false(run.done);
    report(&w, &told[1], r->leases[0]->token, "3");
    api_world_advance(&w.api, 0);
    assert_string_equal(detail(&run)->status, "SUCCEEDED");
    assert_memory_equal(detail(&run)->output.data, "3", 1);
    api_ask_fini(&run);
    api_ask_fini(&polled);
    api_ask_fini(&told[0]);
    api_ask_fini(&told[1]);
    world_close(&w);
}

static void test_run__is_answered_when_its_time_is_over(void **state)
{
    Stepfleet__StartRequest m = run_of("pair", "one", "{}");
    struct api_ask run = {.done = false};
    struct world w;

    (void)state;
    world_open(&w, 1);
    api_world_ask(&w.api, &run, RPC_EXECUTION_RUN, &m.base);
    api_world_settle(&w.api);
    api_world_advance(&w.api, 4999);
    assert_false(run.done);
    api_world_advance(&w.api, 1);
    assert_string_equal(detail(&run)->status, "RUNNING");
    api_ask_fini(&run);
    world_close(&w);
}

static void test_run__again_is_the_same_execution(void **state)
{
    Stepfleet__StartRequest m = run_of("pass", "one", "{\"n\":1}");
    Stepfleet__StartRequest spaced = run_of("pass", "one", " { \"n\" : 1 } ");
    Stepfleet__StartRequest other = run_of("pass", "one", "{\"n\":2}");
    const Stepfleet__ExecutionDetail *d;
    struct err err;
    struct world w;

    (void)state;
    world_open(&w, 1);
    d = call(&w, RPC_EXECUTION_RUN, &m.base);
    assert_string_equal(d->status, "SUCCEEDED");
    d = call(&w, RPC_EXECUTION_RUN, &spaced.base);
    assert_string_equal(d->status, "SUCCEEDED");
    assert_int_equal(try(&w, RPC_EXECUTION_RUN, &other.base), ERR_EXECUTION_EXISTS);
    assert_int_equal(api_world_restart(&w.api, &err), OK);
    d = call(&w, RPC_EXECUTION_RUN, &m.base);
    assert_string_equal(d->status, "SUCCEEDED");
    assert_int_equal(d->redrive_count, 0);
    assert_int_equal(try(&w, RPC_EXECUTION_RUN, &other.base), ERR_EXECUTION_EXISTS);
    world_close(&w);
}

static void test_run__refuses_what_it_cannot(void **state)
{
    Stepfleet__StartRequest express = run_of("quick", "one", "{}");
    Stepfleet__StartRequest unknown = run_of("none", "one", "{}");
    Stepfleet__StartRequest badly = run_of("pass", "a b", "{}");
    Stepfleet__StartRequest broken = run_of("pass", "one", "{");
    struct world w;

    (void)state;
    world_open(&w, 1);
    assert_int_equal(try(&w, RPC_EXECUTION_RUN, &express.base), ERR_MACHINE_TYPE);
    assert_int_equal(try(&w, RPC_EXECUTION_RUN, &unknown.base), ERR_MACHINE_DOES_NOT_EXIST);
    assert_int_equal(try(&w, RPC_EXECUTION_RUN, &badly.base), ERR_INVALID_NAME);
    assert_int_equal(try(&w, RPC_EXECUTION_RUN, &broken.base), ERR_INVALID_EXECUTION_INPUT);
    world_close(&w);
}

/* Nothing is started that nobody could wait for. */
static void test_run__is_refused_whole_where_too_many_wait(void **state)
{
    Stepfleet__StartRequest m = run_of("pair", "last", "{}");
    Stepfleet__ExecutionRequest describe = STEPFLEET__EXECUTION_REQUEST__INIT;
    struct api_ask *runs = mem_zalloc(LIMIT_WAITS, sizeof(*runs));
    char name[16];
    struct world w;

    (void)state;
    world_open(&w, 1);
    for (unsigned i = 0; i < LIMIT_WAITS; i++) {
        Stepfleet__StartRequest one;

        (void)snprintf(name, sizeof(name), "r%u", i);
        one = run_of("pair", name, "{}");
        api_world_ask(&w.api, &runs[i], RPC_EXECUTION_RUN, &one.base);
    }
    api_world_settle(&w.api);
    assert_int_equal(try(&w, RPC_EXECUTION_RUN, &m.base), ERR_BUSY);
    describe.execution = (char *)"arn:aws:states:us-east-1:123456789012:execution:pair:last";
    assert_int_equal(try(&w, RPC_EXECUTION_DESCRIBE, &describe.base), ERR_EXECUTION_DOES_NOT_EXIST);
    api_world_advance(&w.api, 5000);
    for (unsigned i = 0; i < LIMIT_WAITS; i++) {
        assert_true(runs[i].done);
        api_ask_fini(&runs[i]);
    }
    mem_free(runs);
    world_close(&w);
}

/* A start that comes in the turn of a report goes out with the report's answer. */
static void test_report__takes_along_what_its_turn_made_ready(void **state)
{
    Stepfleet__StartRequest one = run_of("pair", "one", "{}");
    Stepfleet__StartRequest two = run_of("pair", "two", "{}");
    struct api_ask runs[2] = {{.done = false}};
    struct api_ask polled = {.done = false};
    struct api_ask told = {.done = false};
    struct world w;

    (void)state;
    world_open(&w, 2);
    poll(&w, &polled);
    api_world_ask(&w.api, &runs[0], RPC_EXECUTION_RUN, &one.base);
    api_world_settle(&w.api);
    report(&w, &told, ((const Stepfleet__PollReply *)polled.reply)->leases[0]->token, "2");
    api_world_ask(&w.api, &runs[1], RPC_EXECUTION_RUN, &two.base);
    api_world_settle(&w.api);
    assert_int_equal(reported(&told)->n_leases, 2);
    api_ask_fini(&polled);
    api_ask_fini(&told);
    api_world_advance(&w.api, 5000);
    api_ask_fini(&runs[0]);
    api_ask_fini(&runs[1]);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run__is_answered_at_the_end),
        cmocka_unit_test(test_run__is_answered_when_its_time_is_over),
        cmocka_unit_test(test_run__again_is_the_same_execution),
        cmocka_unit_test(test_run__refuses_what_it_cannot),
        cmocka_unit_test(test_run__is_refused_whole_where_too_many_wait),
        cmocka_unit_test(test_report__takes_along_what_its_turn_made_ready),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
