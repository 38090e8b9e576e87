/* SPDX-License-Identifier: Apache-2.0 */
/* WORKER_SIGN from end to end in the coordinator: who asks, under which token, for what; and that
 * a stage of two executions has the places of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/s3/s3.h"
#include "proto/base/limits.h"
#include "tests/lib/api_world.h"

enum { INSTANCE = 77 };

static const char definition[] =
    "{\"StartAt\":\"S\",\"States\":{\"S\":{\"Type\":\"Task\",\"Resource\":"
    "\"arn:aws:lambda:us-east-1:111111111111:function:f\",\"End\":true}}}";

static bool
unbound(const void *arg, struct slice service, struct slice action, struct slice *handler)
{
    (void)arg;
    (void)service;
    (void)action;
    (void)handler;
    return false;
}

/* A worker that holds the stages of two executions, "e1" and "e2". */
struct world {
    struct api_world api;
    struct presigner presigner;
    struct arena a;
    struct api_ask last;
    uint64_t worker;
    Stepfleet__Token token; /* e1's */
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
    Stepfleet__WorkerHelloRequest q = STEPFLEET__WORKER_HELLO_REQUEST__INIT;
    Stepfleet__Offer offer = STEPFLEET__OFFER__INIT;
    Stepfleet__Offer *offers[] = {&offer};

    offer.function = (char *)"f";
    offer.slots = q.slots = 2;
    q.name = (char *)"w";
    q.instance = INSTANCE;
    q.version_min = q.version_max = WIRE_VERSION_MAX;
    q.offers = offers;
    q.n_offers = 1;
    w->worker = ((const Stepfleet__WorkerHelloReply *)call(w, RPC_WORKER_HELLO, &q.base))->worker;
}

static void start(struct world *w, const char *name)
{
    Stepfleet__StartRequest q = STEPFLEET__START_REQUEST__INIT;

    q.machine = (char *)"m";
    q.name = arena_str(&w->a, slice_str(name));
    q.has_input = true;
    q.input = message_bytes(arena_printf(&w->a,
                                         "{\"executionId\":\"%s\",\"currentStage\":\"B\","
                                         "\"previousStage\":\"A\",\"workflowBucket\":\"b\"}",
                                         name));
    (void)call(w, RPC_EXECUTION_START, &q.base);
}

static void take_hooks(struct world *w)
{
    w->api.api.hooks.presigner = &w->presigner;
    w->api.api.hooks.presigned_s = 60;
}

static void world_open(struct world *w)
{
    const struct s3_config store = {
        .endpoint = "http://s:1", .region = "r", .access_key = "AK", .secret_key = "sesame"};
    Stepfleet__MachineCreateRequest create = STEPFLEET__MACHINE_CREATE_REQUEST__INIT;
    Stepfleet__PollRequest poll = STEPFLEET__POLL_REQUEST__INIT;
    const Stepfleet__PollReply *r;
    struct err err;

    memset(w, 0, sizeof(*w));
    api_world_open(&w->api, 1700000000000, unbound, NULL);
    w->api.config.objects = true;
    assert_int_equal(api_world_restart(&w->api, &err), OK);
    assert_int_equal(presigner_init(&w->presigner, &store, &err), OK);
    take_hooks(w);
    create.name = (char *)"m";
    create.definition = message_bytes(slice_str(definition));
    (void)call(w, RPC_MACHINE_CREATE, &create.base);
    hello(w);
    start(w, "e1");
    start(w, "e2");
    poll.worker = w->worker;
    r = call(w, RPC_WORKER_POLL, &poll.base);
    assert_int_equal(r->n_leases, 2);
    w->token = (Stepfleet__Token)STEPFLEET__TOKEN__INIT;
    w->token.epoch = r->leases[0]->token->epoch;
    w->token.counter = r->leases[0]->token->counter;
}

static void world_close(struct world *w)
{
    api_ask_fini(&w->last);
    api_world_close(&w->api);
    presigner_fini(&w->presigner);
    arena_fini(&w->a);
}

static enum err_code ask(struct world *w,
                         uint64_t instance,
                         const Stepfleet__Token *token,
                         Stepfleet__StoreRequest **requests,
                         size_t count)
{
    Stepfleet__SignRequest q = STEPFLEET__SIGN_REQUEST__INIT;

    q.instance = instance;
    q.token = (Stepfleet__Token *)(uintptr_t)token;
    q.requests = requests;
    q.n_requests = count;
    api_ask_fini(&w->last);
    memset(&w->last, 0, sizeof(w->last));
    return api_world_call(&w->api, &w->last, RPC_WORKER_SIGN, &q.base);
}

static Stepfleet__StoreRequest read_of(const char *key)
{
    Stepfleet__StoreRequest m = STEPFLEET__STORE_REQUEST__INIT;

    m.method = (char *)"GET";
    m.bucket = message_bytes(SLICE("b"));
    m.key = message_bytes(slice_str(key));
    return m;
}

/* GET of a key, by whom. */
static enum err_code
get(struct world *w, uint64_t instance, const Stepfleet__Token *token, const char *key)
{
    Stepfleet__StoreRequest m = read_of(key);
    Stepfleet__StoreRequest *requests[] = {&m};

    return ask(w, instance, token, requests, 1);
}

static const char own_input[] = "executions/e1/A/output.json";

static void test_sign__its_own_input_for_a_while(void **state)
{
    const Stepfleet__SignReply *r;
    struct world w;

    (void)state;
    world_open(&w);
    assert_int_equal(get(&w, INSTANCE, &w.token, own_input), OK);
    r = w.last.reply;
    assert_int_equal(r->n_urls, 1);
    assert_int_equal(r->valid_ms, 60000);
    assert_true(slice_starts_with(message_slice(r->urls[0]),
                                  SLICE("http://s:1/b/executions/e1/A/output.json?X-Amz-")));
    world_close(&w);
}

static void test_sign__not_another_executions(void **state)
{
    Stepfleet__StoreRequest own = read_of(own_input);
    Stepfleet__StoreRequest other = read_of("executions/e2/A/output.json");
    Stepfleet__StoreRequest *both[] = {&own, &other};
    struct world w;

    (void)state;
    world_open(&w);
    assert_int_equal(get(&w, INSTANCE, &w.token, "executions/e2/A/output.json"), ERR_DENIED);
    assert_int_equal(ask(&w, INSTANCE, &w.token, both, 2), ERR_DENIED);
    assert_int_equal(get(&w, INSTANCE, &w.token, "executions/e1/x/../A/output.json"), ERR_DENIED);
    assert_int_equal(get(&w, INSTANCE, &w.token, ""), ERR_DENIED);
    world_close(&w);
}

static void test_sign__not_for_others_nor_under_a_stale_token(void **state)
{
    Stepfleet__ReportRequest report = STEPFLEET__REPORT_REQUEST__INIT;
    Stepfleet__Result result = STEPFLEET__RESULT__INIT;
    Stepfleet__Result *results[] = {&result};
    Stepfleet__Token none = STEPFLEET__TOKEN__INIT;
    struct world w;

    (void)state;
    world_open(&w);
    assert_int_equal(get(&w, INSTANCE + 1, &w.token, own_input), ERR_LEASE_LOST);
    assert_int_equal(get(&w, INSTANCE, &none, own_input), ERR_LEASE_LOST);
    assert_int_equal(get(&w, INSTANCE, NULL, own_input), ERR_LEASE_LOST);
    result.token = &w.token;
    result.result = message_bytes(SLICE("{}"));
    report.worker = w.worker;
    report.results = results;
    report.n_results = 1;
    (void)call(&w, RPC_WORKER_REPORT, &report.base);
    assert_int_equal(get(&w, INSTANCE, &w.token, own_input), ERR_LEASE_LOST);
    world_close(&w);
}

static void test_sign__after_a_restart_once_the_worker_is_back(void **state)
{
    struct world w;
    struct err err;

    (void)state;
    world_open(&w);
    assert_int_equal(api_world_restart(&w.api, &err), OK);
    take_hooks(&w);
    assert_int_equal(get(&w, INSTANCE, &w.token, own_input), ERR_UNAVAILABLE);
    hello(&w);
    assert_int_equal(get(&w, INSTANCE, &w.token, own_input), OK);
    world_close(&w);
}

static void test_sign__as_many_as_the_limit(void **state)
{
    Stepfleet__StoreRequest own = read_of(own_input);
    Stepfleet__StoreRequest *requests[LIMIT_SIGN + 1];
    struct world w;

    (void)state;
    world_open(&w);
    for (size_t i = 0; i <= LIMIT_SIGN; i++) {
        requests[i] = &own;
    }
    assert_int_equal(ask(&w, INSTANCE, &w.token, requests, LIMIT_SIGN), OK);
    assert_int_equal(ask(&w, INSTANCE, &w.token, requests, LIMIT_SIGN + 1), ERR_VALIDATION);
    assert_int_equal(ask(&w, INSTANCE, &w.token, NULL, 0), ERR_VALIDATION);
    w.api.api.hooks.presigner = NULL;
    assert_int_equal(ask(&w, INSTANCE, &w.token, requests, 1), ERR_VALIDATION);
    world_close(&w);
}

static void test_sign__a_request_of_too_many_parts(void **state)
{
    Stepfleet__StoreRequest m = read_of(own_input);
    Stepfleet__StoreRequest *requests[] = {&m};
    Stepfleet__StorePair pair = STEPFLEET__STORE_PAIR__INIT;
    Stepfleet__StorePair *pairs[REQUEST_QUERY_MAX + 1];
    struct world w;

    (void)state;
    world_open(&w);
    for (size_t i = 0; i <= REQUEST_QUERY_MAX; i++) {
        pairs[i] = &pair;
    }
    m.query = pairs;
    m.n_query = REQUEST_QUERY_MAX + 1;
    assert_int_equal(ask(&w, INSTANCE, &w.token, requests, 1), ERR_DENIED);
    m.n_query = 0;
    m.headers = pairs;
    m.n_headers = REQUEST_HEADERS_MAX + 1;
    assert_int_equal(ask(&w, INSTANCE, &w.token, requests, 1), ERR_DENIED);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sign__its_own_input_for_a_while),
        cmocka_unit_test(test_sign__not_another_executions),
        cmocka_unit_test(test_sign__not_for_others_nor_under_a_stale_token),
        cmocka_unit_test(test_sign__after_a_restart_once_the_worker_is_back),
        cmocka_unit_test(test_sign__as_many_as_the_limit),
        cmocka_unit_test(test_sign__a_request_of_too_many_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
