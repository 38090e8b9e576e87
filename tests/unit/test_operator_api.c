/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask, as operations: cordons and what a worker is told of them, terms of functions
 * bit by bit and page by page, figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "proto/base/limits.h"
#include "tests/lib/api_world.h"

struct world {
    struct api_world api;
    uint64_t worker;
    struct api_ask last;
};

static enum err_code try_call(struct world *w, enum rpc method, const ProtobufCMessage *m)
{
    api_ask_fini(&w->last);
    memset(&w->last, 0, sizeof(w->last));
    return api_world_call(&w->api, &w->last, method, m);
}

static const void *call(struct world *w, enum rpc method, const ProtobufCMessage *m)
{
    assert_int_equal(try_call(w, method, m), OK);
    return w->last.reply;
}

static void world_open(struct world *w)
{
    Stepfleet__WorkerHelloRequest hello = STEPFLEET__WORKER_HELLO_REQUEST__INIT;
    Stepfleet__Offer offer = STEPFLEET__OFFER__INIT;
    Stepfleet__Offer *offers[] = {&offer};

    memset(w, 0, sizeof(*w));
    api_world_open(&w->api, 1700000000000, NULL, NULL);
    offer.function = (char *)"f";
    offer.slots = 2;
    hello.name = (char *)"w";
    hello.version_min = WIRE_VERSION_MIN;
    hello.version_max = WIRE_VERSION_MAX;
    hello.slots = 2;
    hello.offers = offers;
    hello.n_offers = 1;
    w->worker =
        ((const Stepfleet__WorkerHelloReply *)call(w, RPC_WORKER_HELLO, &hello.base))->worker;
}

static void world_close(struct world *w)
{
    api_ask_fini(&w->last);
    api_world_close(&w->api);
}

/* ---- cordons ---- */

static enum err_code cordon(struct world *w, const char *worker, uint32_t how)
{
    Stepfleet__WorkerCordonRequest q = STEPFLEET__WORKER_CORDON_REQUEST__INIT;

    q.worker = (char *)(uintptr_t)worker;
    q.cordon = how;
    return try_call(w, RPC_WORKER_CORDON, &q.base);
}

static bool report_says(struct world *w)
{
    Stepfleet__ReportRequest q = STEPFLEET__REPORT_REQUEST__INIT;

    q.worker = w->worker;
    return ((const Stepfleet__ReportReply *)call(w, RPC_WORKER_REPORT, &q.base))->hand_back;
}

static void test_operator_api__a_drained_worker_is_told_at_once(void **state)
{
    Stepfleet__PollRequest poll = STEPFLEET__POLL_REQUEST__INIT;
    struct api_ask parked;
    struct world w;

    (void)state;
    world_open(&w);
    memset(&parked, 0, sizeof(parked));
    poll.worker = w.worker;
    api_world_ask(&w.api, &parked, RPC_WORKER_POLL, &poll.base);
    assert_int_equal(cordon(&w, "w", FLEET_CORDONED), OK);
    assert_false(parked.done);
    assert_false(report_says(&w));
    assert_int_equal(cordon(&w, "w", FLEET_DRAINED), OK);
    assert_true(((const Stepfleet__WorkerCordonReply *)w.last.reply)->registered);
    assert_true(parked.done);
    assert_true(((const Stepfleet__PollReply *)parked.reply)->hand_back);
    assert_true(report_says(&w)); /* and in each answer from then on */
    assert_int_equal(cordon(&w, "w", FLEET_OPEN), OK);
    assert_false(report_says(&w));
    api_ask_fini(&parked);
    world_close(&w);
}

static void test_operator_api__cordons_by_name(void **state)
{
    Stepfleet__Empty empty = STEPFLEET__EMPTY__INIT;
    const Stepfleet__WorkersReply *r;
    struct world w;
    char name[16];

    (void)state;
    world_open(&w);
    assert_int_equal(cordon(&w, "no/name", FLEET_CORDONED), ERR_INVALID_NAME);
    assert_int_equal(cordon(&w, "", FLEET_OPEN), ERR_INVALID_NAME);
    assert_int_equal(cordon(&w, "w", FLEET_DRAINED + 1), ERR_VALIDATION);
    assert_int_equal(cordon(&w, "absent", FLEET_DRAINED), OK);
    assert_false(((const Stepfleet__WorkerCordonReply *)w.last.reply)->registered);
    r = call(&w, RPC_WORKERS, &empty.base);
    assert_int_equal(r->n_workers, 2);
    assert_string_equal(r->workers[1]->name, "absent");
    assert_true(r->workers[1]->absent);
    assert_int_equal(r->workers[1]->cordon, FLEET_DRAINED);
    for (int i = 1; i < LIMIT_CORDONS; i++) {
        (void)snprintf(name, sizeof(name), "x%d", i);
        assert_int_equal(cordon(&w, name, FLEET_CORDONED), OK);
    }
    assert_int_equal(cordon(&w, "one-more", FLEET_CORDONED), ERR_QUOTA);
    assert_int_equal(cordon(&w, "absent", FLEET_CORDONED), OK);
    assert_int_equal(cordon(&w, "absent", FLEET_OPEN), OK);
    assert_int_equal(cordon(&w, "one-more", FLEET_CORDONED), OK);
    world_close(&w);
}

/* ---- functions ---- */

static Stepfleet__FunctionSetRequest set_request(const char *function)
{
    Stepfleet__FunctionSetRequest q = STEPFLEET__FUNCTION_SET_REQUEST__INIT;

    q.function = (char *)(uintptr_t)function;
    return q;
}

static void test_operator_api__what_is_not_given_stays(void **state)
{
    Stepfleet__FunctionSetRequest q = set_request("f");
    Stepfleet__FunctionRequest one = STEPFLEET__FUNCTION_REQUEST__INIT;
    Stepfleet__Tag tags[2] = {STEPFLEET__TAG__INIT, STEPFLEET__TAG__INIT};
    Stepfleet__Tag *labels[] = {&tags[0], &tags[1]};
    const Stepfleet__FunctionTerms *t;
    struct world w;

    (void)state;
    world_open(&w);
    q.has_labels = q.has_rate = true;
    q.labels = labels;
    q.n_labels = 2;
    q.rate_milli = LIMIT_RATE_MILLI;
    tags[0] = (Stepfleet__Tag){.base = tags[0].base, .key = (char *)"z", .value = (char *)"1"};
    tags[1] = (Stepfleet__Tag){.base = tags[1].base, .key = (char *)"a", .value = (char *)"2"};
    (void)call(&w, RPC_FUNCTION_SET, &q.base);
    q = set_request("f");
    q.has_priority = true;
    q.priority = -LIMIT_PRIORITY;
    t = call(&w, RPC_FUNCTION_SET, &q.base);
    assert_int_equal(t->n_labels, 2);
    assert_string_equal(t->labels[0]->key, "a"); /* sorted */
    assert_int_equal(t->rate_milli, LIMIT_RATE_MILLI);
    assert_int_equal(t->priority, -LIMIT_PRIORITY);
    q.priority--;
    assert_int_equal(try_call(&w, RPC_FUNCTION_SET, &q.base), ERR_VALIDATION);
    q = set_request("f");
    q.has_rate = true;
    q.rate_milli = LIMIT_RATE_MILLI + 1;
    assert_int_equal(try_call(&w, RPC_FUNCTION_SET, &q.base), ERR_VALIDATION);
    q = set_request("f");
    q.has_labels = true;
    q.labels = labels;
    q.n_labels = 2;
    tags[1].key = (char *)"z";
    assert_int_equal(try_call(&w, RPC_FUNCTION_SET, &q.base), ERR_VALIDATION);
    one.function = (char *)"f";
    (void)call(&w, RPC_FUNCTION_RESET, &one.base);
    (void)call(&w, RPC_FUNCTION_RESET, &one.base);
    t = call(&w, RPC_FUNCTION_DESCRIBE, &one.base);
    assert_int_equal(t->n_labels + t->rate_milli, 0);
    world_close(&w);
}

static void test_operator_api__lists_page_by_page(void **state)
{
    static const char *const names[] = {"b", "c", "a"};
    Stepfleet__PageRequest page = STEPFLEET__PAGE_REQUEST__INIT;
    Stepfleet__ScaleRequest scale = STEPFLEET__SCALE_REQUEST__INIT;
    const Stepfleet__FunctionListReply *r;
    const Stepfleet__ScaleReply *s;
    struct world w;

    (void)state;
    world_open(&w);
    for (size_t i = 0; i < 3; i++) {
        Stepfleet__FunctionSetRequest q = set_request(names[i]);

        (void)call(&w, RPC_FUNCTION_SET, &q.base);
    }
    page.max_results = 2;
    r = call(&w, RPC_FUNCTION_LIST, &page.base);
    assert_int_equal(r->n_functions, 2);
    assert_string_equal(r->next_token, "b");
    page.next_token = (char *)"b";
    r = call(&w, RPC_FUNCTION_LIST, &page.base);
    assert_int_equal(r->n_functions, 1);
    assert_string_equal(r->next_token, "");
    scale.max_results = 3;
    s = call(&w, RPC_SCALE, &scale.base);
    assert_string_equal(s->next_token, "c");
    scale.next_token = (char *)"c";
    s = call(&w, RPC_SCALE, &scale.base);
    assert_int_equal(s->n_functions, 1); /* "f", which nothing is asked of */
    assert_int_equal(s->functions[0]->slots, 2);
    page.max_results = 1001;
    assert_int_equal(try_call(&w, RPC_FUNCTION_LIST, &page.base), ERR_VALIDATION);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operator_api__a_drained_worker_is_told_at_once),
        cmocka_unit_test(test_operator_api__cordons_by_name),
        cmocka_unit_test(test_operator_api__what_is_not_given_stays),
        cmocka_unit_test(test_operator_api__lists_page_by_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
