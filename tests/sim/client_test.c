/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that test a state whose Task is really carried out. Each is asked once: nobody knows
 * afterwards whether it was done. What is answered must be what the function gives, or one of the
 * fleet's troubles; nothing of it may be among the executions that are looked at in the end. */
#include "tests/sim/errand.h"

enum {
    TESTS_ONE_IN = 4, /* worlds */
    TESTS = 6,
    TEST_TIMEOUT_US = 400 * SIM_SECOND, /* its five minutes, and time to say so */
};

/* Those that give the same each time, and one that gives nothing. */
static const char *const functions[] = {"ECHO", "COUNT", "LIST", "SLOW", "BOOM", "PICKY", "HANG"};

struct test {
    const char *function;
    struct slice input;
};

static bool is_trouble(struct slice error)
{
    return slice_starts_with(error, SLICE("Lambda.")) || slice_eq_str(error, "States.Timeout");
}

static bool is_told(const struct model_deed *d, const Stepfleet__TestStateReply *r)
{
    if (slice_eq_str(slice_str(r->status), "SUCCEEDED")) {
        return d->act == ACT_SUCCEED && slice_eq(message_slice(r->output), d->result);
    }
    return is_trouble(slice_str(r->error)) ||
           (d->act == ACT_FAIL && slice_eq(slice_str(r->error), d->error));
}

static void
tested(struct sim *s, void *arg, enum err_code rc, const struct err *err, const void *reply)
{
    const Stepfleet__TestStateReply *r = reply;
    const struct test *t = arg;
    const struct json_node *event;
    struct model_deed deed;

    s->clients->tests_open--;
    if (rc != OK && !err_retryable(rc)) {
        sim_violation(s, "a test of %s is refused: %s", t->function, err->msg);
    }
    if (rc != OK) {
        return;
    }
    (void)json_parse(t->input, &s->clients->arena, &event, NULL);
    model_handle(slice_str(t->function), event, 0, &s->clients->arena, &deed);
    if (!is_told(&deed, r)) {
        sim_violation(s, "a test of %s gives %s, error '%s', output %.*s", t->function, r->status,
                      r->error, SLICE_FMT(message_slice(r->output)));
    }
}

static void test(struct sim *s, void *arg)
{
    struct test *t = client_keep(s, sizeof(*t));
    struct arena *a = &s->clients->arena;
    Stepfleet__TestStateRequest *m = client_keep(s, sizeof(*m));

    (void)arg;
    t->function = functions[sim_below(s, CHANCE_TEST, sizeof(functions) / sizeof(functions[0]))];
    t->input = model_input(sim_below(s, CHANCE_TEST, UINT64_MAX), a);
    stepfleet__test_state_request__init(m);
    m->definition = message_bytes(
        arena_printf(a,
                     "{\"Type\":\"Task\",\"Resource\":\"arn:aws:lambda:us-east-1:000000000042:"
                     "function:%s\",\"TimeoutSeconds\":20,\"End\":true}",
                     t->function));
    m->input = message_bytes(t->input);
    m->role_arn = client_text(s, SLICE("arn:aws:iam::000000000042:role/r"));
    (void)sim_ask(s, &s->client_nodes[sim_below(s, CHANCE_TEST, s->options.clients)],
                  RPC_TEST_STATE, &m->base, TEST_TIMEOUT_US, tested, t);
}

void client_tests_begin(struct sim *s)
{
    if (!sim_one_in(s, CHANCE_TEST, TESTS_ONE_IN)) {
        return;
    }
    s->clients->tests_open = TESTS;
    for (unsigned i = 0; i < TESTS; i++) {
        sim_after(s, NULL, (int64_t)sim_below(s, CHANCE_TEST, (uint64_t)s->options.faults_us), test,
                  NULL, NULL);
    }
}
