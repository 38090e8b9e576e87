/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/cast.h"

#include <assert.h>
#include <stdio.h>

enum { SLOTS = 1000 };

/* A deed and whose task it is about. */
struct plan {
    struct plan *next;
    int64_t due_ms;
    struct deed deed;
    struct slice token; /* of the task */
    struct token lease; /* where a worker has it */
    bool log_tail;
};

/* Who asks for the tasks of one activity. */
struct stand {
    struct stand *next;
    const struct json_node *task;
    char *activity;
    struct api_ask ask; /* parked */
};

/* A request whose answer counts for nothing: a task may be over by then. */
static void call(struct cast *k, enum rpc method, const ProtobufCMessage *request)
{
    struct api_ask ask;

    (void)api_world_call(k->world, &ask, method, request);
    api_ask_fini(&ask);
}

/* ---- plans ---- */

/* `task`: whose they are. */
static void plan(struct cast *k, const struct deed *deeds, size_t count, struct plan task)
{
    struct plan **at = &k->plans;

    task.due_ms = k->world->now.wall_ms;
    for (size_t i = 0; i < count; i++) {
        struct plan *p = ARENA_NEW(k->a, struct plan);

        task.due_ms += deeds[i].after_ms;
        while (*at != NULL && (*at)->due_ms <= task.due_ms) {
            at = &(*at)->next;
        }
        *p = task;
        p->deed = deeds[i];
        p->next = *at;
        *at = p;
    }
}

int64_t cast_wait_ms(const struct cast *k)
{
    return k->plans == NULL ? -1 : k->plans->due_ms - k->world->now.wall_ms;
}

bool cast_has_operation(const struct cast *k)
{
    for (const struct plan *p = k->plans; p != NULL; p = p->next) {
        if (p->deed.kind == DEED_STOP || p->deed.kind == DEED_REDRIVE) {
            return true;
        }
    }
    return false;
}

/* ---- the worker ---- */

static void take_leases(struct cast *k, Stepfleet__Lease *const *leases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const Stepfleet__Lease *l = leases[i];
        struct script_task t = {
            .state = arena_copy(k->a, message_slice(l->state)),
            .function = arena_copy(k->a, message_slice(l->function)),
            .payload = arena_copy(k->a, message_slice(l->payload)),
            .submits = l->submits,
        };
        size_t deed_count;
        struct deed *deeds = script_play(k->script, &t, &deed_count);

        plan(k, deeds, deed_count,
             (struct plan){.token = script_token(t.payload, k->a),
                           .lease = {l->token->epoch, l->token->counter},
                           .log_tail = l->log_tail});
    }
}

static void poll(struct cast *k)
{
    Stepfleet__PollRequest q = STEPFLEET__POLL_REQUEST__INIT;

    q.worker = k->worker;
    api_world_ask(k->world, &k->poll, RPC_WORKER_POLL, &q.base);
}

static bool take_poll(struct cast *k)
{
    struct api_ask ask = k->poll;
    const Stepfleet__PollReply *r = ask.reply;

    if (k->worker == 0 || !ask.done) {
        return false;
    }
    if (ask.rc == OK) {
        take_leases(k, r->leases, r->n_leases);
    }
    api_ask_fini(&ask);
    poll(k);
    return true;
}

static void report(struct cast *k, const struct plan *p)
{
    Stepfleet__ReportRequest q = STEPFLEET__REPORT_REQUEST__INIT;
    Stepfleet__Token token = STEPFLEET__TOKEN__INIT;
    Stepfleet__Result result = STEPFLEET__RESULT__INIT;
    Stepfleet__Submitted submitted = STEPFLEET__SUBMITTED__INIT;
    Stepfleet__Result *results[] = {&result};
    Stepfleet__Submitted *submissions[] = {&submitted};
    struct api_ask ask;

    token.epoch = p->lease.epoch;
    token.counter = p->lease.counter;
    q.worker = k->worker;
    if (p->deed.kind == DEED_SUBMITTED) {
        submitted.token = &token;
        submitted.output = message_bytes(p->deed.text);
        q.submitted = submissions;
        q.n_submitted = 1;
    } else {
        result.token = &token;
        result.failed = p->deed.kind == DEED_FAILURE;
        result.result = message_bytes(p->deed.text);
        result.error = message_bytes(p->deed.error);
        result.cause = message_bytes(p->deed.cause);
        result.log = message_bytes(p->log_tail ? SLICE("START\nEND\n") : (struct slice){0});
        q.results = results;
        q.n_results = 1;
    }
    if (api_world_call(k->world, &ask, RPC_WORKER_REPORT, &q.base) == OK) {
        const Stepfleet__ReportReply *r = ask.reply;

        take_leases(k, r->leases, r->n_leases);
    }
    api_ask_fini(&ask);
}

static void hello(struct cast *k)
{
    Stepfleet__WorkerHelloRequest q = STEPFLEET__WORKER_HELLO_REQUEST__INIT;
    struct api_ask ask;

    q.name = "player";
    q.instance = 1;
    q.version_min = WIRE_VERSION_MIN;
    q.version_max = WIRE_VERSION_MAX;
    q.software = "player";
    q.slots = SLOTS;
    q.labels = "{}";
    q.offers = ARENA_ARRAY(k->a, k->function_count, Stepfleet__Offer *);
    for (size_t i = 0; i < k->function_count; i++) {
        Stepfleet__Offer *o = ARENA_NEW(k->a, Stepfleet__Offer);

        stepfleet__offer__init(o);
        o->function = arena_str(k->a, k->functions[i]);
        o->slots = SLOTS;
        q.offers[q.n_offers++] = o;
    }
    if (api_world_call(k->world, &ask, RPC_WORKER_HELLO, &q.base) != OK) {
        (void)fprintf(stderr, "the player's worker was refused: %s\n", ask.err.msg);
        api_ask_fini(&ask);
        return;
    }
    if (k->worker == 0) {
        k->worker = ((const Stepfleet__WorkerHelloReply *)ask.reply)->worker;
        poll(k);
    }
    api_ask_fini(&ask);
}

bool cast_offers(const struct cast *k, struct slice function)
{
    for (size_t i = 0; i < k->function_count; i++) {
        if (slice_eq(k->functions[i], function)) {
            return true;
        }
    }
    return false;
}

static void add_function(struct cast *k, struct slice function)
{
    size_t n = k->function_count;

    if (function.len != 0 && !cast_offers(k, function)) {
        k->functions =
            arena_grow(k->a, k->functions, n * sizeof(function), (n + 1) * sizeof(function));
        k->functions[k->function_count++] = arena_copy(k->a, function);
    }
}

void cast_offer(struct cast *k, struct slice function)
{
    add_function(k, function);
    hello(k);
}

/* ---- activities ---- */

static void stand_ask(struct cast *k, struct stand *x)
{
    Stepfleet__ActivityTaskRequest q = STEPFLEET__ACTIVITY_TASK_REQUEST__INIT;

    q.activity = x->activity;
    q.worker = arena_str(
        k->a, json_text(json_member(json_member(x->task, SLICE("worker")), SLICE("worker_name"))));
    api_world_ask(k->world, &x->ask, RPC_ACTIVITY_TASK, &q.base);
}

static bool stand_take(struct cast *k, struct stand *x)
{
    struct api_ask ask = x->ask;
    const Stepfleet__ActivityTaskReply *r = ask.reply;
    size_t count;
    struct deed *deeds;

    if (!ask.done) {
        return false;
    }
    if (ask.rc == OK && r->token.len != 0) {
        deeds =
            script_activity(k->script, x->task, arena_copy(k->a, message_slice(r->input)), &count);
        plan(k, deeds, count, (struct plan){.token = arena_copy(k->a, message_slice(r->token))});
    }
    api_ask_fini(&ask);
    stand_ask(k, x);
    return true;
}

static void stand_open(struct cast *k, const struct json_node *task)
{
    Stepfleet__ActivityCreateRequest create = STEPFLEET__ACTIVITY_CREATE_REQUEST__INIT;
    Stepfleet__ActivityRequest gone = STEPFLEET__ACTIVITY_REQUEST__INIT;
    struct stand *x;

    create.name = arena_str(k->a, json_text(json_member(task, SLICE("activity"))));
    call(k, RPC_ACTIVITY_CREATE, &create.base);
    if (json_is(json_member(task, SLICE("deleted_before_start")), JSON_TRUE)) {
        gone.activity = create.name;
        call(k, RPC_ACTIVITY_DELETE, &gone.base);
    } else if (json_member(task, SLICE("worker")) != NULL) {
        x = ARENA_NEW(k->a, struct stand);
        x->next = k->stands;
        x->task = task;
        x->activity = create.name;
        k->stands = x;
        stand_ask(k, x);
    }
}

/* ---- deeds ---- */

static void answer_success(struct cast *k, const struct plan *p)
{
    Stepfleet__TaskSuccessRequest q = STEPFLEET__TASK_SUCCESS_REQUEST__INIT;

    q.token = message_bytes(p->token);
    q.output = message_bytes(p->deed.text);
    call(k, RPC_TASK_SUCCESS, &q.base);
}

static void answer_failure(struct cast *k, const struct plan *p)
{
    Stepfleet__TaskFailureRequest q = STEPFLEET__TASK_FAILURE_REQUEST__INIT;

    q.token = message_bytes(p->token);
    q.error = arena_str(k->a, p->deed.error);
    q.has_error = p->deed.error.ptr != NULL;
    q.cause = message_bytes(p->deed.cause);
    q.has_cause = p->deed.cause.ptr != NULL;
    call(k, RPC_TASK_FAILURE, &q.base);
}

static void answer_heartbeat(struct cast *k, const struct plan *p)
{
    Stepfleet__TaskHeartbeatRequest q = STEPFLEET__TASK_HEARTBEAT_REQUEST__INIT;

    q.token = message_bytes(p->token);
    call(k, RPC_TASK_HEARTBEAT, &q.base);
}

static void stop(struct cast *k, const struct plan *p)
{
    Stepfleet__StopRequest q = STEPFLEET__STOP_REQUEST__INIT;

    q.execution = arena_str(k->a, k->execution);
    q.error = arena_str(k->a, p->deed.error);
    q.has_error = p->deed.error.ptr != NULL;
    q.cause = message_bytes(p->deed.cause);
    q.has_cause = p->deed.cause.ptr != NULL;
    call(k, RPC_EXECUTION_STOP, &q.base);
}

static void redrive(struct cast *k)
{
    Stepfleet__RedriveRequest q = STEPFLEET__REDRIVE_REQUEST__INIT;

    q.execution = arena_str(k->a, k->execution);
    call(k, RPC_EXECUTION_REDRIVE, &q.base);
}

bool cast_act(struct cast *k)
{
    struct plan *p = k->plans;

    if (p == NULL || p->due_ms > k->world->now.wall_ms) {
        return false;
    }
    k->plans = p->next;
    switch (p->deed.kind) {
    case DEED_SUBMITTED:
    case DEED_RESULT:
    case DEED_FAILURE: report(k, p); break;
    case DEED_HEARTBEAT: answer_heartbeat(k, p); break;
    case DEED_TOKEN_SUCCESS: answer_success(k, p); break;
    case DEED_TOKEN_FAILURE: answer_failure(k, p); break;
    case DEED_STOP: stop(k, p); break;
    case DEED_REDRIVE: redrive(k); break;
    }
    return true;
}

bool cast_take(struct cast *k)
{
    bool taken = take_poll(k);

    for (struct stand *x = k->stands; x != NULL; x = x->next) {
        taken = stand_take(k, x) || taken;
    }
    return taken;
}

/* ---- opening ---- */

void cast_open(struct cast *k, struct api_world *w, struct script *s)
{
    const struct json_node *tasks = json_member(s->c, SLICE("tasks"));
    struct script_binding *bindings;
    size_t count;

    *k = (struct cast){.world = w, .script = s, .a = s->a};
    for (const struct json_node *t = json_first(tasks); t != NULL; t = json_next(tasks, t)) {
        add_function(k, json_text(json_member(t, SLICE("function"))));
        if (json_member(t, SLICE("activity")) != NULL) {
            stand_open(k, t);
        }
    }
    bindings = script_bindings(s, &count);
    for (size_t i = 0; i < count; i++) {
        add_function(k, bindings[i].handler);
    }
    if (k->function_count > 0) {
        hello(k);
    }
}

void cast_follow(struct cast *k, struct slice execution)
{
    size_t count;
    struct deed *deeds = script_operations(k->script, &count);

    k->execution = arena_copy(k->a, execution);
    plan(k, deeds, count, (struct plan){0});
}

void cast_close(struct cast *k)
{
    if (k->worker != 0) {
        assert(k->poll.done);
        api_ask_fini(&k->poll);
    }
    for (struct stand *x = k->stands; x != NULL; x = x->next) {
        assert(x->ask.done);
        api_ask_fini(&x->ask);
    }
}
