/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's model against the product, without faults: random machines run through the real
 * operations and ledger, their tasks by model_handle(), and must end as the model says. Some are
 * stopped on their way, and what did not succeed is redriven. Beside them machines for what is
 * easily got wrong, with the outcomes written out, which both must give.
 *
 * STEPFLEET_RANDOM="FROM COUNT" runs other seeds, and more of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/hash.h"
#include "tests/lib/api_world.h"
#include "tests/sim/model.h"
#include "tests/sim/model_cases.h"

enum { SEEDS = 250, MACHINES = 3, PLANS = 256, REDRIVES = 2, ACTIVITIES = 3, TURNS = 20000 };

static const int64_t start_ms = 1795410840123; /* 2026-11-23T05:14:00.123Z */

/* What is to be said of a task, and when. */
struct plan {
    bool used;
    int64_t due_ms;
    int64_t until_ms;   /* it shows signs of life up to then */
    struct token lease; /* epoch 0: by its task token */
    struct slice token;
    struct model_deed deed;
};

struct player {
    struct api_world w;
    struct arena a;
    uint64_t chance;
    struct model_machine machines[MACHINES];
    unsigned machine_count;
    struct plan plans[PLANS];
    uint64_t worker;
    struct api_ask poll;
    struct api_ask activities[ACTIVITIES];
    char *execution;
    unsigned stops; /* yet to be asked for */
};

static struct {
    unsigned long long seed;
    const char *definition;
    unsigned succeeded, failed, redriven, untold, several;
} seen;

static void say_seed(void)
{
    if (seen.definition != NULL) {
        (void)fprintf(stderr, "seed %llu: %s\n", seen.seed, seen.definition);
    }
}

static void say_seed_of_abort(int number)
{
    (void)number;
    say_seed();
}

static int say_seed_of_failure(void **state)
{
    (void)state;
    say_seed();
    return 0;
}

static unsigned below(struct player *p, unsigned n)
{
    p->chance = hash_u64(p->chance + 0x9e3779b97f4a7c15u);
    return (unsigned)(p->chance % n);
}

static void call(struct player *p, enum rpc method, const ProtobufCMessage *request)
{
    struct api_ask ask;

    (void)api_world_call(&p->w, &ask, method, request);
    api_ask_fini(&ask);
}

/* ---- the world ---- */

static void poll(struct player *p)
{
    Stepfleet__PollRequest q = STEPFLEET__POLL_REQUEST__INIT;

    q.worker = p->worker;
    api_world_ask(&p->w, &p->poll, RPC_WORKER_POLL, &q.base);
}

static void hello(struct player *p)
{
    Stepfleet__WorkerHelloRequest q = STEPFLEET__WORKER_HELLO_REQUEST__INIT;
    Stepfleet__Offer offers[16];
    Stepfleet__Offer *list[16];
    struct api_ask ask;

    q.name = "player";
    q.instance = 1;
    q.version_min = WIRE_VERSION_MIN;
    q.version_max = WIRE_VERSION_MAX;
    q.software = "player";
    q.slots = PLANS;
    q.labels = "{}";
    q.offers = list;
    for (; model_functions[q.n_offers] != NULL; q.n_offers++) {
        assert_true(q.n_offers < 16);
        stepfleet__offer__init(&offers[q.n_offers]);
        offers[q.n_offers].function = arena_str(&p->a, slice_str(model_functions[q.n_offers]));
        offers[q.n_offers].slots = PLANS;
        list[q.n_offers] = &offers[q.n_offers];
    }
    assert_int_equal(api_world_call(&p->w, &ask, RPC_WORKER_HELLO, &q.base), OK);
    p->worker = ((const Stepfleet__WorkerHelloReply *)ask.reply)->worker;
    api_ask_fini(&ask);
    poll(p);
}

static void ask_activity(struct player *p, unsigned i)
{
    Stepfleet__ActivityTaskRequest q = STEPFLEET__ACTIVITY_TASK_REQUEST__INIT;

    q.activity = arena_str(&p->a, slice_str(model_activities[i]));
    q.worker = "holder";
    api_world_ask(&p->w, &p->activities[i], RPC_ACTIVITY_TASK, &q.base);
}

static void player_open(struct player *p, uint64_t seed)
{
    *p = (struct player){.chance = ~seed};
    arena_init(&p->a);
    api_world_open(&p->w, start_ms, NULL, NULL);
    for (unsigned i = 0; i < ACTIVITIES; i++) {
        Stepfleet__ActivityCreateRequest q = STEPFLEET__ACTIVITY_CREATE_REQUEST__INIT;

        q.name = arena_str(&p->a, slice_str(model_activities[i]));
        call(p, RPC_ACTIVITY_CREATE, &q.base);
        ask_activity(p, i);
    }
    hello(p);
}

static void player_close(struct player *p)
{
    api_world_close(&p->w);
    api_ask_fini(&p->poll);
    for (unsigned i = 0; i < ACTIVITIES; i++) {
        api_ask_fini(&p->activities[i]);
    }
    arena_fini(&p->a);
}

/* ---- tasks ---- */

static struct plan *plan(struct player *p, struct plan x)
{
    for (unsigned i = 0; i < PLANS; i++) {
        if (!p->plans[i].used) {
            p->plans[i] = x;
            p->plans[i].used = true;
            return &p->plans[i];
        }
    }
    fail_msg("too much at once");
    return NULL;
}

static int64_t after(struct player *p, const struct model_deed *d)
{
    return p->w.now.wall_ms + d->takes_us / 1000 + below(p, 3);
}

/* What a function does that hands its token on: it may have failed by itself, too. */
static void plan_token(struct player *p, struct plan x, struct slice token)
{
    struct plan by_token = x;

    by_token.lease = (struct token){0, 0};
    by_token.token = arena_copy(&p->a, token);
    if (x.deed.act == ACT_FAIL && below(p, 2) == 0) {
        (void)plan(p, x);
        return;
    }
    by_token.due_ms += below(p, 2) * 1000;
    if (x.deed.act != ACT_HANG) {
        (void)plan(p, by_token);
    } else if (below(p, 2) == 0) {
        return;
    }
    x.deed.act = ACT_SUCCEED;
    x.deed.result = SLICE("\"of no account\"");
    (void)plan(p, x);
}

static void take_lease(struct player *p, const Stepfleet__Lease *l)
{
    struct plan x = {.lease = {l->token->epoch, l->token->counter}};
    const struct json_node *event;
    struct slice token;

    assert_int_equal(json_parse(arena_copy(&p->a, message_slice(l->payload)), &p->a, &event, NULL),
                     OK);
    model_handle(message_slice(l->function), event, below(p, 1000), &p->a, &x.deed);
    x.due_ms = after(p, &x.deed);
    token = json_text(json_member(event, SLICE("token")));
    if (token.len > 0) {
        plan_token(p, x, token);
    } else if (x.deed.act == ACT_BEAT) {
        x.until_ms = x.due_ms;
        x.due_ms = p->w.now.wall_ms + 1000;
        (void)plan(p, x);
    } else if (x.deed.act != ACT_HANG) {
        (void)plan(p, x);
    }
}

static bool take_poll(struct player *p)
{
    struct api_ask ask = p->poll;
    const Stepfleet__PollReply *r = ask.reply;

    if (!ask.done) {
        return false;
    }
    for (size_t i = 0; ask.rc == OK && i < r->n_leases; i++) {
        take_lease(p, r->leases[i]);
    }
    api_ask_fini(&ask);
    poll(p);
    return true;
}

static bool take_activity(struct player *p, unsigned which)
{
    struct api_ask ask = p->activities[which];
    const Stepfleet__ActivityTaskReply *r = ask.reply;
    struct plan x = {0};
    const struct json_node *event;

    if (!ask.done) {
        return false;
    }
    if (ask.rc == OK && r->token.len > 0) {
        assert_int_equal(
            json_parse(arena_copy(&p->a, message_slice(r->input)), &p->a, &event, NULL), OK);
        model_handle(slice_str(model_activities[which]), event, below(p, 1000), &p->a, &x.deed);
        x.token = arena_copy(&p->a, message_slice(r->token));
        x.due_ms = after(p, &x.deed);
        if (x.deed.act != ACT_HANG) {
            (void)plan(p, x);
        }
    }
    api_ask_fini(&ask);
    ask_activity(p, which);
    return true;
}

static void answer_token(struct player *p, const struct plan *x)
{
    Stepfleet__TaskSuccessRequest good = STEPFLEET__TASK_SUCCESS_REQUEST__INIT;
    Stepfleet__TaskFailureRequest bad = STEPFLEET__TASK_FAILURE_REQUEST__INIT;

    if (x->deed.act == ACT_FAIL) {
        bad.token = message_bytes(x->token);
        bad.error = arena_str(&p->a, x->deed.error);
        bad.cause = message_bytes(x->deed.cause);
        bad.has_error = bad.has_cause = true;
        call(p, RPC_TASK_FAILURE, &bad.base);
    } else {
        good.token = message_bytes(x->token);
        good.output = message_bytes(x->deed.result);
        call(p, RPC_TASK_SUCCESS, &good.base);
    }
}

static void report(struct player *p, const struct plan *x, bool alive)
{
    Stepfleet__ReportRequest q = STEPFLEET__REPORT_REQUEST__INIT;
    Stepfleet__Token token = STEPFLEET__TOKEN__INIT;
    Stepfleet__Result result = STEPFLEET__RESULT__INIT;
    Stepfleet__Progress progress = STEPFLEET__PROGRESS__INIT;
    Stepfleet__Result *results[] = {&result};
    Stepfleet__Progress *beats[] = {&progress};
    const Stepfleet__ReportReply *r;
    struct api_ask ask;

    token.epoch = x->lease.epoch;
    token.counter = x->lease.counter;
    q.worker = p->worker;
    if (alive) {
        progress.token = &token;
        progress.heartbeat = true;
        q.progress = beats;
        q.n_progress = 1;
    } else {
        result.token = &token;
        result.failed = x->deed.act == ACT_FAIL;
        result.result = message_bytes(x->deed.result);
        result.error = message_bytes(x->deed.error);
        result.cause = message_bytes(x->deed.cause);
        q.results = results;
        q.n_results = 1;
    }
    assert_int_equal(api_world_call(&p->w, &ask, RPC_WORKER_REPORT, &q.base), OK);
    r = ask.reply;
    for (size_t i = 0; i < r->n_leases; i++) {
        take_lease(p, r->leases[i]);
    }
    api_ask_fini(&ask);
}

/* False: nothing is due. */
static bool act(struct player *p)
{
    for (unsigned i = 0; i < PLANS; i++) {
        struct plan x = p->plans[i];

        if (!x.used || x.due_ms > p->w.now.wall_ms) {
            continue;
        }
        if (x.until_ms > p->w.now.wall_ms) {
            p->plans[i].due_ms += 1000;
            report(p, &x, true);
        } else {
            p->plans[i].used = false;
            if (x.lease.epoch == 0) {
                answer_token(p, &x);
            } else {
                report(p, &x, false);
            }
        }
        return true;
    }
    return false;
}

static void jump(struct player *p)
{
    int64_t wait = api_world_wait_ms(&p->w);

    for (unsigned i = 0; i < PLANS; i++) {
        int64_t mine = p->plans[i].due_ms - p->w.now.wall_ms;

        if (p->plans[i].used && (wait < 0 || mine < wait)) {
            wait = mine;
        }
    }
    assert_true(wait >= 0);
    api_world_advance(&p->w, wait);
}

static bool take(struct player *p)
{
    bool taken = take_poll(p);

    for (unsigned i = 0; i < ACTIVITIES; i++) {
        taken = take_activity(p, i) || taken;
    }
    return taken;
}

/* ---- executions ---- */

/* The words of the account that the world has. */
static struct slice in_this_account(struct player *p, struct slice definition)
{
    char *text = arena_str(&p->a, definition);

    for (char *at = text; (at = strstr(at, "000000000042")) != NULL;) {
        memset(at, '1', 12);
    }
    return slice_str(text);
}

static void create(struct player *p, const struct model_machine *m)
{
    Stepfleet__MachineCreateRequest q = STEPFLEET__MACHINE_CREATE_REQUEST__INIT;
    struct api_ask ask;

    p->machines[p->machine_count] = *m;
    p->machines[p->machine_count].definition = in_this_account(p, m->definition);
    q.name = p->machines[p->machine_count].name;
    q.definition = message_bytes(p->machines[p->machine_count].definition);
    q.type = m->express ? "EXPRESS" : "STANDARD";
    q.role_arn = "arn:aws:iam::111111111111:role/model";
    if (api_world_call(&p->w, &ask, RPC_MACHINE_CREATE, &q.base) != OK) {
        fail_msg("refused: %s", ask.err.msg);
    }
    api_ask_fini(&ask);
    p->machine_count++;
}

static void start(struct player *p, const struct model_machine *m, struct slice input)
{
    Stepfleet__StartRequest q = STEPFLEET__START_REQUEST__INIT;
    struct api_ask ask;

    q.machine = arena_str(&p->a, slice_str(m->name));
    q.name = "";
    q.has_input = true;
    q.input = message_bytes(input);
    if (api_world_call(&p->w, &ask, RPC_EXECUTION_START, &q.base) != OK) {
        fail_msg("not started: %s", ask.err.msg);
    }
    p->execution =
        arena_str(&p->a, slice_str(((const Stepfleet__StartReply *)ask.reply)->execution_arn));
    api_ask_fini(&ask);
}

static const Stepfleet__ExecutionDetail *describe(struct player *p, struct api_ask *ask)
{
    Stepfleet__ExecutionRequest q = STEPFLEET__EXECUTION_REQUEST__INIT;

    q.execution = p->execution;
    if (api_world_call(&p->w, ask, RPC_EXECUTION_DESCRIBE, &q.base) != OK) {
        fail_msg("not described: %s", ask->err.msg);
    }
    return ask->reply;
}

static bool is_running(struct player *p)
{
    struct api_ask ask;
    bool running = strcmp(describe(p, &ask)->status, "RUNNING") == 0;

    api_ask_fini(&ask);
    return running;
}

static void stop(struct player *p)
{
    Stepfleet__StopRequest q = STEPFLEET__STOP_REQUEST__INIT;

    p->stops--;
    q.execution = p->execution;
    call(p, RPC_EXECUTION_STOP, &q.base);
}

static bool redrive(struct player *p)
{
    Stepfleet__RedriveRequest q = STEPFLEET__REDRIVE_REQUEST__INIT;
    struct api_ask ask;
    enum err_code rc;

    q.execution = p->execution;
    q.client_token = "";
    rc = api_world_call(&p->w, &ask, RPC_EXECUTION_REDRIVE, &q.base);
    api_ask_fini(&ask);
    seen.redriven += rc == OK;
    return rc == OK;
}

static void play(struct player *p)
{
    for (unsigned turns = 0; turns < TURNS; turns++) {
        api_world_settle(&p->w);
        if (take(p) || act(p)) {
            continue;
        }
        if (!is_running(p)) {
            return;
        }
        if (p->stops > 0 && below(p, 4) == 0) {
            stop(p);
        } else {
            jump(p);
        }
    }
    fail_msg("it does not end");
}

/* ---- against the model ---- */

static struct slice child_definition(void *arg, struct slice machine)
{
    const struct player *p = arg;

    for (unsigned i = 0; i < p->machine_count; i++) {
        if (slice_eq_str(machine, p->machines[i].name)) {
            return p->machines[i].definition;
        }
    }
    return (struct slice){NULL, 0};
}

static bool same_text(struct slice expected, bool has, struct slice got)
{
    return (expected.ptr != NULL) == has && slice_eq(expected, got);
}

static bool
agrees(struct player *p, const Stepfleet__ExecutionDetail *d, const struct model_outcome *o)
{
    const struct json_node *x;
    const struct json_node *y;

    if (o->failed) {
        return strcmp(d->status, "FAILED") == 0 &&
               same_text(o->error, d->has_error, slice_str(d->error)) &&
               (o->any_cause || same_text(o->cause, d->has_cause, message_slice(d->cause)));
    }
    return strcmp(d->status, "SUCCEEDED") == 0 && json_parse(o->output, &p->a, &x, NULL) == OK &&
           json_parse(arena_copy(&p->a, message_slice(d->output)), &p->a, &y, NULL) == OK &&
           json_equal(x, y);
}

static void say_outcomes(const Stepfleet__ExecutionDetail *d,
                         struct slice input,
                         const struct model_outcome *outcomes,
                         size_t count)
{
    (void)fprintf(stderr, "input %.*s\nproduct: %s output=%.*s error=%s cause=%.*s\n",
                  SLICE_FMT(input), d->status, SLICE_FMT(message_slice(d->output)), d->error,
                  SLICE_FMT(message_slice(d->cause)));
    for (size_t i = 0; i < count; i++) {
        const struct model_outcome *o = &outcomes[i];

        (void)fprintf(stderr, "model: %s output=%.*s error=%.*s cause=%.*s%s\n",
                      o->failed ? "FAILED" : "SUCCEEDED", SLICE_FMT(o->output), SLICE_FMT(o->error),
                      SLICE_FMT(o->cause), o->any_cause ? " (any)" : "");
    }
}

/* It has ended, after so many redrives: as the model says? */
static void
check(struct player *p, const struct model_machine *m, struct slice input, unsigned redrives)
{
    struct model_run run = {m->definition, input, redrives, child_definition, p};
    struct model_outcome outcomes[MODEL_OUTCOMES];
    size_t count = model_run(&run, &p->a, outcomes);
    struct api_ask ask;
    const Stepfleet__ExecutionDetail *d = describe(p, &ask);
    bool agreed = count == 0;

    for (size_t i = 0; i < count && !agreed; i++) {
        agreed = agrees(p, d, &outcomes[i]);
    }
    if (!agreed) {
        say_outcomes(d, input, outcomes, count);
        fail_msg("%s ends otherwise", m->name);
    }
    seen.untold += count == 0;
    seen.several += count > 1;
    seen.succeeded += strcmp(d->status, "SUCCEEDED") == 0;
    seen.failed += strcmp(d->status, "FAILED") == 0;
    api_ask_fini(&ask);
}

static bool was_stopped(struct player *p)
{
    struct api_ask ask;
    bool aborted = strcmp(describe(p, &ask)->status, "ABORTED") == 0;

    api_ask_fini(&ask);
    return aborted;
}

static void run_machine(struct player *p, const struct model_machine *m, struct slice input)
{
    start(p, m, input);
    p->stops = m->express ? 0 : (below(p, 6) == 0);
    for (unsigned redrives = 0;; redrives++) {
        play(p);
        if (!was_stopped(p)) {
            check(p, m, input, redrives);
            if (redrives >= REDRIVES) {
                return;
            }
        }
        if (!redrive(p)) {
            return; /* it has succeeded, or is Express */
        }
    }
}

static void run_seed(uint64_t seed)
{
    struct player p;

    seen.seed = seed;
    player_open(&p, seed);
    for (unsigned i = 0; i < MACHINES; i++) {
        struct model_machine m;

        model_generate(hash_u64(seed * MACHINES + i), i, p.machines, &p.a, &m);
        seen.definition = arena_str(&p.a, m.definition);
        create(&p, &m);
        run_machine(&p, &p.machines[i], model_input(hash_u64(seed + i), &p.a));
    }
    player_close(&p);
    seen.definition = NULL;
}

static void test_sim_model__random_machines_end_as_the_model_says(void **state)
{
    const char *wanted = getenv("STEPFLEET_RANDOM");
    unsigned long long from = 1;
    unsigned long long count = SEEDS;
    char *end;

    (void)state;
    if (wanted != NULL) {
        from = strtoull(wanted, &end, 10);
        count = strtoull(end, NULL, 10);
    }
    for (unsigned long long i = 0; i < count; i++) {
        run_seed(from + i);
    }
    if (wanted != NULL) {
        print_message("%u succeeded, %u failed, %u redriven, %u not told, %u of several\n",
                      seen.succeeded, seen.failed, seen.redriven, seen.untold, seen.several);
        return;
    }
    assert_true(seen.succeeded > count);
    assert_true(seen.failed > count / 2);
    assert_true(seen.redriven > count / 10);
    assert_true(seen.several > count / 50);
    assert_true(seen.untold < count / 20);
}

/* ---- cases ---- */

/* "= OUTPUT", "! Error", "! Error: cause" */
static struct model_outcome written_outcome(const char *text)
{
    struct slice rest = slice_from(slice_str(text), 2);
    size_t colon = slice_find(rest, ':');
    struct slice cause = slice_from(rest, colon + 2);

    if (text[0] == '=') {
        return (struct model_outcome){.output = rest};
    }
    return (struct model_outcome){
        .failed = true,
        .error = slice_head(rest, colon),
        .cause = colon < rest.len ? cause : (struct slice){NULL, 0},
        .any_cause = slice_eq_str(cause, "*"),
    };
}

static bool
same_outcome(struct player *p, const struct model_outcome *x, const struct model_outcome *y)
{
    const struct json_node *vx;
    const struct json_node *vy;

    if (x->failed || y->failed) {
        return x->failed == y->failed && slice_eq(x->error, y->error) &&
               x->any_cause == y->any_cause &&
               (x->any_cause || same_text(x->cause, y->cause.ptr != NULL, y->cause));
    }
    return json_parse(x->output, &p->a, &vx, NULL) == OK &&
           json_parse(y->output, &p->a, &vy, NULL) == OK && json_equal(vx, vy);
}

/* The model gives just what is written. */
static void check_written(struct player *p, const struct model_case *c, const struct model_run *run)
{
    struct model_outcome outcomes[MODEL_OUTCOMES];
    size_t count = model_run(run, &p->a, outcomes);
    size_t written = 0;

    for (; written < 4 && c->outcomes[written] != NULL; written++) {
        struct model_outcome o = written_outcome(c->outcomes[written]);
        bool found = false;

        for (size_t i = 0; i < count && !found; i++) {
            found = same_outcome(p, &o, &outcomes[i]);
        }
        if (!found) {
            fail_msg("%s: the model does not have %s", c->name, c->outcomes[written]);
        }
    }
    if (count != written) {
        fail_msg("%s: the model has %zu outcomes", c->name, count);
    }
}

static void run_case(const struct model_case *c, uint64_t seed)
{
    struct slice input = slice_str(c->input);
    struct model_machine child = {"m0", .definition = slice_str(c->child)};
    struct model_machine m = {"m1", .definition = slice_str(c->definition)};
    struct player p;
    struct model_run run;

    player_open(&p, seed);
    seen.definition = c->definition;
    if (c->child != NULL) {
        create(&p, &child);
    }
    create(&p, &m);
    m = p.machines[p.machine_count - 1];
    run = (struct model_run){m.definition, input, c->redrives, child_definition, &p};
    check_written(&p, c, &run);
    start(&p, &m, input);
    play(&p);
    for (unsigned i = 0; i < c->redrives; i++) {
        assert_true(redrive(&p));
        play(&p);
    }
    check(&p, &m, input, c->redrives);
    player_close(&p);
    seen.definition = NULL;
}

static void test_sim_model__knows_what_is_easily_got_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(model_cases) / sizeof(model_cases[0]); i++) {
        for (uint64_t seed = 0; seed < 4; seed++) {
            run_case(&model_cases[i], seed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_sim_model__knows_what_is_easily_got_wrong,
                                  say_seed_of_failure),
        cmocka_unit_test_teardown(test_sim_model__random_machines_end_as_the_model_says,
                                  say_seed_of_failure),
    };

    (void)signal(SIGABRT, say_seed_of_abort);
    return cmocka_run_group_tests_name("sim_model", tests, NULL, NULL);
}
