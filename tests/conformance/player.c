/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/player.h"

#include <stdio.h>

#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "tests/conformance/cast.h"

enum { STEPS_MAX = 1000000 };

static const int64_t player_start_ms = 1795410840123;          /* 2026-11-23T05:14:00.123Z */
static const int64_t player_horizon_ms = 2 * 24 * 3600 * 1000; /* one that never ends is left */

struct player {
    const struct json_node *c;
    struct arena *a;
    struct script script;
    struct api_world world;
    struct cast cast;
    struct api_ask sync; /* the synchronous run */
    bool synchronous;
    struct json_builder result;
};

static const struct json_node *member(const struct player *p, const char *key)
{
    return json_member(p->c, slice_str(key));
}

static bool member_is(const struct player *p, const char *key, const char *text)
{
    return slice_eq_str(json_text(member(p, key)), text);
}

static bool flag(const struct player *p, const char *key)
{
    return json_is(json_member(member(p, "flags"), slice_str(key)), JSON_TRUE);
}

static void put_text(struct json_builder *b, const char *key, struct slice text, struct arena *a)
{
    json_put(b, slice_str(key), json_string(a, arena_copy(a, text)));
}

static void put_error(struct player *p, const char *key, const struct api_ask *ask)
{
    struct json_builder b = json_build_object(p->a);

    put_text(&b, "code", slice_str(err_name(ask->rc)), p->a);
    put_text(&b, "message", slice_str(ask->err.msg), p->a);
    json_put(&p->result, slice_str(key), json_built(&b));
}

/* ---- what the case gives ---- */

/* The name the case's texts have for a thing, so that they show the same placeholder; or `other`.
 */
static char *bound_name(const struct player *p, const char *word, const char *other)
{
    const struct json_node *all = member(p, "bindings");
    struct slice pattern = arena_printf(p->a, "*%s*", word);

    for (const struct json_node *b = json_first(all); b != NULL; b = json_next(all, b)) {
        struct slice name = json_text(json_element(b, 0));

        if (text_glob(pattern, json_text(json_element(b, 1))) && text_is_name(name)) {
            return arena_str(p->a, name);
        }
    }
    return arena_str(p->a, slice_str(other));
}

static char *machine_name(const struct player *p)
{
    const struct json_node *mocks = json_member(member(p, "mock_config"), SLICE("StateMachines"));

    return json_first(mocks) != NULL ? arena_str(p->a, json_key(mocks, json_first(mocks)))
                                     : bound_name(p, "state?machine?name", "machine");
}

static struct slice definition_text(const struct player *p)
{
    const struct json_node *text = member(p, "definition_text");

    return text != NULL ? json_text(text) : json_print(member(p, "definition"), p->a);
}

/* The input with one member put in: "input_time" gives a time so many days from now, "input_fill" a
 * long text. */
static const struct json_node *filled_input(const struct player *p, const struct json_node *input)
{
    const struct json_node *at = member(p, "input_time");
    const struct json_node *fill = member(p, "input_fill");
    struct json_builder b = json_build_object(p->a);
    int64_t days;

    if (at == NULL && fill == NULL) {
        return input;
    }
    for (const struct json_node *e = json_first(input); e != NULL; e = json_next(input, e)) {
        json_put(&b, json_key(input, e), e);
    }
    if (json_i64(json_member(at, SLICE("days_from_now")), &days)) {
        json_put(&b, slice_from(json_text(json_member(at, SLICE("path"))), 2),
                 json_string(p->a, text_time(p->world.now.wall_ms + days * 86400000, p->a)));
    }
    if (fill != NULL) {
        json_put(&b, json_text(json_member(fill, SLICE("member"))),
                 json_string(p->a, script_repeated(fill, p->a)));
    }
    return json_built(&b);
}

/* False: the execution is started without one. */
static bool input_text(const struct player *p, struct slice *out)
{
    const struct json_node *text = member(p, "input_text");
    const struct json_node *input = member(p, "input");

    if (json_is(text, JSON_STRING)) {
        *out = json_text(text);
        return true;
    }
    if (input == NULL || json_is(text, JSON_NULL)) {
        return false;
    }
    *out = json_print(filled_input(p, input), p->a);
    return true;
}

/* ---- machines ---- */

static enum err_code create_machine(struct player *p,
                                    char *name,
                                    struct slice definition,
                                    const char *type,
                                    struct api_ask *ask)
{
    Stepfleet__MachineCreateRequest q = STEPFLEET__MACHINE_CREATE_REQUEST__INIT;

    q.name = name;
    q.definition = message_bytes(definition);
    q.type = arena_str(p->a, slice_str(type));
    q.role_arn = "arn:aws:iam::111111111111:role/conformance";
    return api_world_call(&p->world, ask, RPC_MACHINE_CREATE, &q.base);
}

static const char *type_of(const struct json_node *v)
{
    return slice_eq_str(json_text(json_member(v, SLICE("type"))), "EXPRESS") ? "EXPRESS"
                                                                             : "STANDARD";
}

/* Started by name, or by the case with its input. */
static void start_other(struct player *p, char *name, const struct json_node *input)
{
    Stepfleet__StartRequest q = STEPFLEET__START_REQUEST__INIT;
    struct api_ask ask;

    q.machine = name;
    q.has_input = true;
    q.input = message_bytes(json_print(input, p->a));
    (void)api_world_call(&p->world, &ask, RPC_EXECUTION_START, &q.base);
    api_ask_fini(&ask);
}

/* The other machines of the case, but for those whose part is the cast's. */
static void create_others(struct player *p)
{
    const struct json_node *all = member(p, "aux_state_machines");
    const struct json_node *tasks = member(p, "tasks");
    bool played = false;

    for (const struct json_node *t = json_first(tasks); t != NULL; t = json_next(tasks, t)) {
        played = played || json_member(t, SLICE("callback")) != NULL ||
                 json_member(t, SLICE("worker")) != NULL;
    }
    for (const struct json_node *x = json_first(all); x != NULL; x = json_next(all, x)) {
        char *name = arena_str(p->a, json_text(json_member(x, SLICE("state_machine_name"))));
        const struct json_node *input = json_member(x, SLICE("started_by_test_with_input"));
        struct api_ask ask;

        if (input != NULL && played) {
            continue;
        }
        if (create_machine(p, name, json_print(json_member(x, SLICE("definition")), p->a),
                           type_of(x), &ask) != OK) {
            (void)fprintf(stderr, "%.*s: machine %s is refused: %s\n",
                          SLICE_FMT(json_text(member(p, "id"))), name, ask.err.msg);
        } else if (input != NULL) {
            start_other(p, name, input);
        }
        api_ask_fini(&ask);
    }
}

/* ---- results ---- */

static void put_detail(struct player *p, const Stepfleet__ExecutionDetail *d)
{
    const struct json_node *output;

    put_text(&p->result, "status", slice_str(d->status), p->a);
    if (d->has_output &&
        json_parse(arena_copy(p->a, message_slice(d->output)), p->a, &output, NULL) == OK) {
        json_put(&p->result, SLICE("output"), output);
    }
    if (d->has_error) {
        put_text(&p->result, "error", slice_str(d->error), p->a);
    }
    if (d->has_cause) {
        put_text(&p->result, "cause", message_slice(d->cause), p->a);
    }
}

static bool
history_page(struct player *p, struct json_builder *events, Stepfleet__HistoryRequest *q)
{
    struct api_ask ask;
    enum err_code rc = api_world_call(&p->world, &ask, RPC_EXECUTION_HISTORY, &q->base);
    const Stepfleet__HistoryReply *r = ask.reply;

    if (rc != OK) {
        (void)fprintf(stderr, "%.*s: history: %s\n", SLICE_FMT(json_text(member(p, "id"))),
                      ask.err.msg);
        api_ask_fini(&ask);
        return false;
    }
    for (size_t i = 0; i < r->n_events; i++) {
        const struct json_node *event = NULL;

        (void)json_parse(arena_copy(p->a, message_slice(r->events[i])), p->a, &event, NULL);
        json_push(events, event);
    }
    q->next_token = arena_str(p->a, slice_str(r->next_token));
    api_ask_fini(&ask);
    return q->next_token[0] != '\0';
}

static void put_history(struct player *p)
{
    Stepfleet__HistoryRequest q = STEPFLEET__HISTORY_REQUEST__INIT;
    struct json_builder events = json_build_array(p->a);

    q.execution = arena_str(p->a, p->cast.execution);
    q.max_results = LIMIT_PAGE_MAX;
    while (history_page(p, &events, &q)) {
    }
    json_put(&p->result, SLICE("history"), json_built(&events));
}

static void put_execution(struct player *p, bool express)
{
    Stepfleet__ExecutionRequest q = STEPFLEET__EXECUTION_REQUEST__INIT;
    struct api_ask ask;

    q.execution = arena_str(p->a, p->cast.execution);
    if (api_world_call(&p->world, &ask, RPC_EXECUTION_DESCRIBE, &q.base) == OK) {
        put_detail(p, ask.reply);
    }
    api_ask_fini(&ask);
    if (!express) {
        put_history(p); /* AWS keeps none of an Express execution */
    }
}

/* ---- the execution ---- */

static void start(struct player *p)
{
    Stepfleet__StartRequest q = STEPFLEET__START_REQUEST__INIT;
    struct slice input = {0};
    struct api_ask ask;

    q.machine = machine_name(p);
    q.name = bound_name(p, "execution?name", "run");
    q.has_input = input_text(p, &input);
    q.input = message_bytes(input);
    if (p->synchronous) {
        api_world_ask(&p->world, &p->sync, RPC_EXECUTION_START_SYNC, &q.base);
        return;
    }
    if (api_world_call(&p->world, &ask, RPC_EXECUTION_START, &q.base) == OK) {
        const Stepfleet__StartReply *r = ask.reply;

        cast_follow(&p->cast, slice_str(r->execution_arn));
    } else {
        put_error(p, "start_error", &ask);
    }
    api_ask_fini(&ask);
}

/* A function that only the case's mocked responses play is offered when it is asked for. */
static bool offer_missing(struct player *p, const Stepfleet__ExecutionDetail *d)
{
    for (size_t i = 0; i < d->n_frames; i++) {
        const Stepfleet__Frame *f = d->frames[i];
        struct slice function = slice_str(f->function);

        if (strcmp(f->status, "READY") == 0 && !cast_offers(&p->cast, function) &&
            script_offers(&p->script, slice_str(f->state), function)) {
            cast_offer(&p->cast, function);
            return true;
        }
    }
    return false;
}

enum outlook { GOES_ON, HAS_MORE, HAS_ENDED };

static enum outlook look(struct player *p)
{
    Stepfleet__ExecutionRequest q = STEPFLEET__EXECUTION_REQUEST__INIT;
    enum outlook outlook = GOES_ON;
    struct api_ask ask;

    if (p->synchronous) {
        return p->sync.done ? HAS_ENDED : GOES_ON;
    }
    if (p->cast.execution.len == 0) {
        return HAS_ENDED;
    }
    q.execution = arena_str(p->a, p->cast.execution);
    if (api_world_call(&p->world, &ask, RPC_EXECUTION_DESCRIBE, &q.base) == OK) {
        const Stepfleet__ExecutionDetail *d = ask.reply;

        if (strcmp(d->status, "RUNNING") != 0) {
            outlook = cast_has_operation(&p->cast) ? GOES_ON : HAS_ENDED;
        } else if (offer_missing(p, d)) {
            outlook = HAS_MORE;
        }
    } else {
        (void)fprintf(stderr, "describe: %s\n", ask.err.msg);
        outlook = HAS_ENDED;
    }
    api_ask_fini(&ask);
    return outlook;
}

/* The clock jumps to what is due next; false: nothing is, or not within the horizon. */
static bool jump(struct player *p)
{
    int64_t wait = api_world_wait_ms(&p->world);
    int64_t planned = cast_wait_ms(&p->cast);

    if (wait < 0 || (planned >= 0 && planned < wait)) {
        wait = planned;
    }
    if (wait < 0 || p->world.now.wall_ms - player_start_ms > player_horizon_ms) {
        return false;
    }
    api_world_advance(&p->world, wait);
    return true;
}

static void run(struct player *p)
{
    for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
        enum outlook outlook;

        api_world_settle(&p->world);
        if (cast_take(&p->cast) || cast_act(&p->cast)) {
            continue;
        }
        outlook = look(p);
        if (outlook == HAS_ENDED ||
            (outlook == GOES_ON && (flag(p, "expect_running") || !jump(p)))) {
            return;
        }
    }
}

static void play_execution(struct player *p)
{
    const char *type = type_of(p->c);
    struct api_ask ask;

    cast_open(&p->cast, &p->world, &p->script);
    create_others(p);
    if (create_machine(p, machine_name(p), definition_text(p), type, &ask) != OK) {
        put_error(p, "create_error", &ask);
        api_ask_fini(&ask);
        return;
    }
    api_ask_fini(&ask);
    start(p);
    run(p);
    if (p->synchronous) {
        if (p->sync.done && p->sync.rc == OK) {
            put_detail(p, p->sync.reply);
        }
    } else if (p->cast.execution.len != 0) {
        put_execution(p, strcmp(type, "EXPRESS") == 0);
    }
}

/* ---- definitions only ---- */

static void play_creation(struct player *p)
{
    struct api_ask ask;

    if (create_machine(p, machine_name(p), definition_text(p), type_of(p->c), &ask) != OK) {
        put_error(p, "create_error", &ask);
    }
    api_ask_fini(&ask);
}

static const struct json_node *diagnostic(const Stepfleet__Diagnostic *d, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    put_text(&b, "severity", slice_str(d->severity), a);
    put_text(&b, "code", slice_str(d->code), a);
    put_text(&b, "message", message_slice(d->message), a);
    if (d->has_location) {
        put_text(&b, "location", message_slice(d->location), a);
    }
    return json_built(&b);
}

static void put_verdict(struct player *p, const Stepfleet__ValidateReply *r)
{
    struct json_builder b = json_build_object(p->a);
    struct json_builder found = json_build_array(p->a);

    for (size_t i = 0; i < r->n_diagnostics; i++) {
        json_push(&found, diagnostic(r->diagnostics[i], p->a));
    }
    put_text(&b, "result", slice_str(r->result), p->a);
    json_put(&b, SLICE("diagnostics"), json_built(&found));
    json_put(&b, SLICE("truncated"), json_bool(r->truncated));
    json_put(&p->result, SLICE("response"), json_built(&b));
}

static void play_validation(struct player *p)
{
    Stepfleet__ValidateRequest q = STEPFLEET__VALIDATE_REQUEST__INIT;
    const struct json_node *request = member(p, "request");
    int64_t max = 0;
    struct api_ask ask;

    (void)json_i64(json_member(request, SLICE("maxResults")), &max);
    q.definition = message_bytes(definition_text(p));
    q.type = arena_str(p->a, json_text(json_member(request, SLICE("type"))));
    q.severity = arena_str(p->a, json_text(json_member(request, SLICE("severity"))));
    q.max_results = (uint32_t)max;
    if (api_world_call(&p->world, &ask, RPC_MACHINE_VALIDATE, &q.base) == OK) {
        put_verdict(p, ask.reply);
    } else {
        put_error(p, "error", &ask);
    }
    api_ask_fini(&ask);
}

/* ---- the whole ---- */

static bool bound(const void *arg, struct slice service, struct slice action, struct slice *handler)
{
    return script_binds(arg, service, action, handler);
}

const struct json_node *player_run(const struct json_node *c, struct arena *a)
{
    struct player *p = mem_zalloc(1, sizeof(*p));
    const struct json_node *result;

    p->c = c;
    p->a = a;
    p->result = json_build_object(a);
    p->synchronous = member_is(p, "kind", "sync_execution");
    json_put(&p->result, SLICE("id"), member(p, "id"));
    script_init(&p->script, c, a);
    api_world_open(&p->world, player_start_ms, bound, &p->script);
    if (member_is(p, "kind", "create_error")) {
        play_creation(p);
    } else if (member_is(p, "kind", "validate")) {
        play_validation(p);
    } else {
        play_execution(p);
    }
    api_world_close(&p->world);
    cast_close(&p->cast);
    if (p->synchronous) {
        api_ask_fini(&p->sync);
    }
    result = json_built(&p->result);
    mem_free(p);
    return result;
}
