/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/model_player.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/hash.h"

enum { OFFERS = 16, TURNS = 20000 };

static const int64_t start_ms = 1795410840123; /* 2026-11-23T05:14:00.123Z */

unsigned player_below(struct player *p, unsigned n)
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
    Stepfleet__Offer offers[OFFERS];
    Stepfleet__Offer *list[OFFERS];
    struct api_ask ask;

    q.name = "player";
    q.instance = 1;
    q.version_min = WIRE_VERSION_MIN;
    q.version_max = WIRE_VERSION_MAX;
    q.software = "player";
    q.slots = PLAYER_PLANS;
    q.labels = "{}";
    q.offers = list;
    for (; model_functions[q.n_offers] != NULL; q.n_offers++) {
        assert_true(q.n_offers < OFFERS);
        stepfleet__offer__init(&offers[q.n_offers]);
        offers[q.n_offers].function = arena_str(&p->a, slice_str(model_functions[q.n_offers]));
        offers[q.n_offers].slots = PLAYER_PLANS;
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

static void create(struct player *p, const char *name, const char *type, struct slice definition)
{
    Stepfleet__MachineCreateRequest q = STEPFLEET__MACHINE_CREATE_REQUEST__INIT;
    struct api_ask ask;

    q.name = arena_str(&p->a, slice_str(name));
    q.definition = message_bytes(definition);
    q.type = arena_str(&p->a, slice_str(type));
    q.role_arn = "arn:aws:iam::111111111111:role/model";
    if (api_world_call(&p->w, &ask, RPC_MACHINE_CREATE, &q.base) != OK) {
        fail_msg("refused: %s", ask.err.msg);
    }
    api_ask_fini(&ask);
}

void player_open(struct player *p, uint64_t seed)
{
    *p = (struct player){.chance = ~seed};
    arena_init(&p->a);
    api_world_open(&p->w, start_ms, NULL, NULL);
    for (unsigned i = 0; i < PLAYER_ACTIVITIES; i++) {
        Stepfleet__ActivityCreateRequest q = STEPFLEET__ACTIVITY_CREATE_REQUEST__INIT;

        q.name = arena_str(&p->a, slice_str(model_activities[i]));
        call(p, RPC_ACTIVITY_CREATE, &q.base);
        ask_activity(p, i);
    }
    for (const struct model_fixture *f = model_fixtures; f->name != NULL; f++) {
        create(p, f->name, "STANDARD", slice_str(f->definition));
    }
    hello(p);
}

void player_close(struct player *p)
{
    api_world_close(&p->w);
    api_ask_fini(&p->poll);
    for (unsigned i = 0; i < PLAYER_ACTIVITIES; i++) {
        api_ask_fini(&p->activities[i]);
    }
    arena_fini(&p->a);
}

/* ---- tasks ---- */

static void plan(struct player *p, struct plan x)
{
    for (unsigned i = 0; i < PLAYER_PLANS; i++) {
        if (!p->plans[i].used) {
            p->plans[i] = x;
            p->plans[i].used = true;
            return;
        }
    }
    fail_msg("too much at once");
}

static int64_t after(struct player *p, const struct model_deed *d)
{
    return p->w.now.wall_ms + d->takes_us / 1000 + player_below(p, 3);
}

/* What a function does that hands its token on: it may have failed by itself, too. */
static void plan_token(struct player *p, struct plan x, struct slice token)
{
    struct plan by_token = x;

    by_token.lease = (struct token){0, 0};
    by_token.token = arena_copy(&p->a, token);
    if (x.deed.act == ACT_FAIL && player_below(p, 2) == 0) {
        plan(p, x);
        return;
    }
    by_token.due_ms += player_below(p, 2) * 1000;
    if (x.deed.act != ACT_HANG) {
        plan(p, by_token);
    } else if (player_below(p, 2) == 0) {
        return;
    }
    x.deed.act = ACT_SUCCEED;
    x.deed.result = SLICE("\"of no account\"");
    plan(p, x);
}

static void take_lease(struct player *p, const Stepfleet__Lease *l)
{
    struct plan x = {.lease = {l->token->epoch, l->token->counter}};
    const struct json_node *event;
    struct slice token;

    assert_int_equal(json_parse(arena_copy(&p->a, message_slice(l->payload)), &p->a, &event, NULL),
                     OK);
    model_handle(message_slice(l->function), event, player_below(p, 1000), &p->a, &x.deed);
    x.due_ms = after(p, &x.deed);
    token = json_text(json_member(event, SLICE("token")));
    if (token.len > 0) {
        plan_token(p, x, token);
    } else if (x.deed.act == ACT_BEAT) {
        x.until_ms = x.due_ms;
        x.due_ms = p->w.now.wall_ms + 1000;
        plan(p, x);
    } else if (x.deed.act != ACT_HANG) {
        plan(p, x);
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
        model_handle(slice_str(model_activities[which]), event, player_below(p, 1000), &p->a,
                     &x.deed);
        x.token = arena_copy(&p->a, message_slice(r->token));
        x.due_ms = after(p, &x.deed);
        if (x.deed.act != ACT_HANG) {
            plan(p, x);
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
    for (unsigned i = 0; i < PLAYER_PLANS; i++) {
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

    for (unsigned i = 0; i < PLAYER_PLANS; i++) {
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

    for (unsigned i = 0; i < PLAYER_ACTIVITIES; i++) {
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

void player_create(struct player *p, const struct model_machine *m)
{
    struct model_machine *mine = &p->machines[p->machine_count];

    *mine = *m;
    mine->definition = in_this_account(p, m->definition);
    create(p, mine->name, m->express ? "EXPRESS" : "STANDARD", mine->definition);
    p->machine_count++;
}

void player_start(struct player *p, const struct model_machine *m, struct slice input)
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

const Stepfleet__ExecutionDetail *player_describe(struct player *p, struct api_ask *ask)
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
    bool running = strcmp(player_describe(p, &ask)->status, "RUNNING") == 0;

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

bool player_redrive(struct player *p)
{
    Stepfleet__RedriveRequest q = STEPFLEET__REDRIVE_REQUEST__INIT;
    struct api_ask ask;
    enum err_code rc;

    q.execution = p->execution;
    q.client_token = "";
    rc = api_world_call(&p->w, &ask, RPC_EXECUTION_REDRIVE, &q.base);
    api_ask_fini(&ask);
    return rc == OK;
}

void player_play(struct player *p)
{
    for (unsigned turns = 0; turns < TURNS; turns++) {
        api_world_settle(&p->w);
        if (take(p) || act(p)) {
            continue;
        }
        if (!is_running(p)) {
            return;
        }
        if (p->stops > 0 && player_below(p, 4) == 0) {
            stop(p);
        } else {
            jump(p);
        }
    }
    fail_msg("it does not end");
}
