/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/script.h"

#include "coordinator/engine/engine.h"
#include "proto/base/text.h"

enum { ANSWER_MS = 100 }; /* between the deeds of whoever has a task token */

struct script_state {
    struct script_state *next;
    struct slice name;
    unsigned played;
};

struct deeds {
    struct arena *a;
    struct deed *items;
    size_t count;
    size_t cap;
};

static struct deed *add(struct deeds *d, enum deed_kind kind, int64_t after_ms)
{
    if (d->count == d->cap) {
        size_t cap = d->cap != 0 ? 2 * d->cap : 8;

        d->items = arena_grow(d->a, d->items, d->cap * sizeof(*d->items), cap * sizeof(*d->items));
        d->cap = cap;
    }
    d->items[d->count] = (struct deed){.kind = kind, .after_ms = after_ms};
    return &d->items[d->count++];
}

static const struct json_node *member(const struct json_node *v, const char *key)
{
    return json_member(v, slice_str(key));
}

/* ptr NULL where there is none. */
static struct slice text_member(const struct json_node *v, const char *key)
{
    const struct json_node *m = member(v, key);

    return json_is(m, JSON_STRING) ? json_text(m) : (struct slice){0};
}

static int64_t number_member(const struct json_node *v, const char *key, int64_t otherwise)
{
    int64_t n = otherwise;

    (void)json_i64(member(v, key), &n);
    return n;
}

/* Seconds with fractions to ms. */
static int64_t seconds_member(const struct json_node *v, const char *key, int64_t otherwise)
{
    double n;

    return json_double(member(v, key), &n) ? (int64_t)(n * 1000) : otherwise;
}

void script_init(struct script *s, const struct json_node *c, struct arena *a)
{
    *s = (struct script){.c = c, .a = a};
}

const char *script_refusal(const struct json_node *c)
{
    struct slice kind = text_member(c, "kind");
    struct slice language = text_member(c, "query_language");

    if (slice_eq_str(kind, "test_state")) {
        return "tests of states are asked for over HTTP";
    }
    if (slice_eq_str(kind, "api")) {
        return "scripts of API calls need AWS's HTTP protocol";
    }
    if (language.len != 0 && !slice_eq_str(language, "JSONPath")) {
        return "JSONata is not supported yet";
    }
    if (slice_eq_str(text_member(c, "class"), "distributed-map")) {
        return "distributed Map is not supported yet";
    }
    return NULL;
}

/* ---- What there is of a state ---- */

static const struct json_node *scope_state(const struct json_node *scope, struct slice name)
{
    const struct json_node *states = member(scope, "States");
    const struct json_node *found = json_member(states, name);

    for (const struct json_node *e = json_first(states); e != NULL && found == NULL;
         e = json_next(states, e)) {
        found = script_state(e, name);
    }
    return found;
}

const struct json_node *script_state(const struct json_node *definition, struct slice name)
{
    const struct json_node *branches = member(definition, "Branches");
    const struct json_node *found = scope_state(definition, name);

    if (found == NULL) {
        found = scope_state(member(definition, "ItemProcessor"), name);
    }
    if (found == NULL) {
        found = scope_state(member(definition, "Iterator"), name);
    }
    for (const struct json_node *b = json_first(branches); b != NULL && found == NULL;
         b = json_next(branches, b)) {
        found = scope_state(b, name);
    }
    return found;
}

static bool hands_out_token(const struct script *s, struct slice state)
{
    const struct json_node *d = script_state(member(s->c, "definition"), state);

    return slice_ends_with(text_member(d, "Resource"), SLICE(".waitForTaskToken"));
}

/* How often it was played before. */
static unsigned count_play(struct script *s, struct slice state)
{
    struct script_state *x = s->states;

    while (x != NULL && !slice_eq(x->name, state)) {
        x = x->next;
    }
    if (x == NULL) {
        x = ARENA_NEW(s->a, struct script_state);
        *x = (struct script_state){.next = s->states, .name = arena_copy(s->a, state)};
        s->states = x;
    }
    return x->played++;
}

static const struct json_node *observed(const struct script *s, struct slice state, unsigned nth)
{
    const struct json_node *all = member(s->c, "observed_tasks");

    for (const struct json_node *t = json_first(all); t != NULL; t = json_next(all, t)) {
        if (slice_eq(text_member(t, "state"), state) && nth-- == 0) {
            return t;
        }
    }
    return NULL;
}

/* "0", or a run "1-3". */
static bool is_nth(struct slice key, unsigned nth)
{
    size_t dash = slice_find(key, '-');
    uint64_t from;
    uint64_t to;

    if (!text_parse_u64(slice_head(key, dash), &from)) {
        return false;
    }
    return dash == key.len
               ? nth == from
               : text_parse_u64(slice_from(key, dash + 1), &to) && nth >= from && nth <= to;
}

/* The mocked responses of a state, of the one test case there is. */
static const struct json_node *mocked(const struct script *s, struct slice state)
{
    const struct json_node *config = member(s->c, "mock_config");
    const struct json_node *machine = json_first(member(config, "StateMachines"));
    const struct json_node *test = json_first(member(machine, "TestCases"));

    return json_member(member(config, "MockedResponses"), json_text(json_member(test, state)));
}

static const struct json_node *mock(const struct script *s, struct slice state, unsigned nth)
{
    const struct json_node *all = mocked(s, state);

    for (const struct json_node *r = json_first(all); r != NULL; r = json_next(all, r)) {
        if (is_nth(json_key(all, r), nth)) {
            return r;
        }
    }
    return NULL;
}

static const struct json_node *
task_with(const struct script *s, const char *key, struct slice value)
{
    const struct json_node *tasks = member(s->c, "tasks");

    for (const struct json_node *t = json_first(tasks); t != NULL; t = json_next(tasks, t)) {
        const struct json_node *v = member(t, key);

        if (v != NULL && (value.ptr == NULL || slice_eq(json_text(v), value))) {
            return t;
        }
    }
    return NULL;
}

/* ---- Bindings ---- */

static bool is_integration(struct slice service, struct slice action)
{
    static const char *const names[][2] = {
#define INTEGRATION(service, action, ...) {service, action},
#include "coordinator/asl/integration.def"
#undef INTEGRATION
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_eq_str(service, names[i][0]) && slice_eq_str(action, names[i][1])) {
            return true;
        }
    }
    return slice_starts_with(service, SLICE("aws-sdk:"));
}

/* Are other accounts called with the credentials a state gives? One coordinator has one account:
 * a handler does it. */
static bool is_cross_account(const struct script *s)
{
    return json_is(member(member(s->c, "flags"), "credentials"), JSON_TRUE);
}

/* The names that script_binds() makes are none of functions. */
static bool is_handler(struct slice function)
{
    return slice_find(function, '.') != function.len;
}

bool script_binds(const struct script *s,
                  struct slice service,
                  struct slice action,
                  struct slice *handler)
{
    bool own = slice_eq_str(service, "states") || slice_eq_str(service, "aws-sdk:sfn");
    char *text;

    if (slice_eq_str(service, "lambda") || !is_integration(service, action) ||
        (own && !is_cross_account(s) && member(s->c, "mock_config") == NULL)) {
        return false;
    }
    text = arena_str(s->a, arena_printf(s->a, "%.*s.%.*s", SLICE_FMT(service), SLICE_FMT(action)));
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == ':' ? '.' : *c;
    }
    *handler = slice_str(text);
    return true;
}

struct found_bindings {
    const struct script *s;
    struct script_binding *items;
    size_t count;
};

static void add_binding(struct found_bindings *f, struct slice integration)
{
    size_t colon = slice_rfind(integration, ':');
    struct slice handler;

    for (size_t i = 0; i < f->count; i++) {
        if (slice_eq(f->items[i].integration, integration)) {
            return;
        }
    }
    if (script_binds(f->s, slice_head(integration, colon), slice_from(integration, colon + 1),
                     &handler)) {
        f->items = arena_grow(f->s->a, f->items, f->count * sizeof(*f->items),
                              (f->count + 1) * sizeof(*f->items));
        f->items[f->count++] = (struct script_binding){integration, handler};
    }
}

/* "Resource" wherever it is, the pattern (".sync") left away. */
static void find_bindings(struct found_bindings *f, const struct json_node *v)
{
    struct slice prefix = SLICE("arn:aws:states:::");
    struct slice resource = text_member(v, "Resource");

    if (slice_starts_with(resource, prefix)) {
        resource = slice_from(resource, prefix.len);
        add_binding(f, slice_head(resource, slice_find(resource, '.')));
    }
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        find_bindings(f, e);
    }
}

struct script_binding *script_bindings(const struct script *s, size_t *count)
{
    struct found_bindings f = {.s = s};

    find_bindings(&f, member(s->c, "definition"));
    find_bindings(&f, member(s->c, "aux_state_machines"));
    *count = f.count;
    return f.items;
}

bool script_offers(const struct script *s, struct slice state, struct slice function)
{
    return is_handler(function) || mocked(s, state) != NULL ||
           task_with(s, "function", function) != NULL;
}

/* ---- By token ---- */

static struct slice token_in(const struct json_node *v, struct arena *a)
{
    const struct json_node *inner;
    struct task_token token;
    struct slice found = {0};

    if (json_is(v, JSON_STRING)) {
        if (engine_task_token_parse(json_text(v), &token)) {
            return json_text(v);
        }
        if (slice_starts_with(json_text(v), SLICE("{")) &&
            json_parse(json_text(v), a, &inner, NULL) == OK) {
            return token_in(inner, a);
        }
        return found;
    }
    for (const struct json_node *e = json_first(v); e != NULL && found.len == 0;
         e = json_next(v, e)) {
        found = token_in(e, a);
    }
    return found;
}

struct slice script_token(struct slice payload, struct arena *a)
{
    const struct json_node *v;

    return json_parse(payload, a, &v, NULL) == OK ? token_in(v, a) : (struct slice){0};
}

/* What a responder reads: the body that was sent, or all there is. */
static const struct json_node *message_of(const struct json_node *parameters, struct arena *a)
{
    static const char *const bodies[] = {"MessageBody", "Message", "Payload", "Input"};
    const struct json_node *inner;

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        const struct json_node *body = member(parameters, bodies[i]);

        if (json_is(body, JSON_OBJECT)) {
            return body;
        }
        if (json_is(body, JSON_STRING) && json_parse(json_text(body), a, &inner, NULL) == OK &&
            json_is(inner, JSON_OBJECT)) {
            return inner;
        }
    }
    return parameters;
}

/* "$message.NAME as JSON text"; a JSON text, which stands for itself; other words, which say that
 * it is the whole of what was read. */
static struct slice output_of(struct slice given, const struct json_node *message, struct arena *a)
{
    size_t dot = slice_find(given, '.');
    const struct json_node *ignored;

    if (slice_starts_with(given, SLICE("$")) && dot < slice_find(given, ' ')) {
        given = slice_from(given, dot + 1);
        return json_print(json_member(message, slice_head(given, slice_find(given, ' '))), a);
    }
    return json_parse(given, a, &ignored, NULL) == OK ? given : json_print(message, a);
}

/* The actions of a responder: {"op", "times", "seconds" before each, "output" | "error", "cause"}.
 */
static void
add_actions(struct deeds *d, const struct json_node *actions, const struct json_node *message)
{
    for (const struct json_node *x = json_first(actions); x != NULL; x = json_next(actions, x)) {
        struct slice op = text_member(x, "op");
        int64_t times = number_member(x, "times", 1);
        enum deed_kind kind = slice_eq_str(op, "SendTaskSuccess")   ? DEED_TOKEN_SUCCESS
                              : slice_eq_str(op, "SendTaskFailure") ? DEED_TOKEN_FAILURE
                                                                    : DEED_HEARTBEAT;

        for (; times > 0; times--) {
            struct deed *deed = add(d, kind, seconds_member(x, "seconds", ANSWER_MS));

            deed->text = output_of(text_member(x, "output"), message, d->a);
            deed->error = text_member(x, "error");
            deed->cause = text_member(x, "cause");
        }
    }
}

/* ---- Functions ---- */

struct slice script_repeated(const struct json_node *spec, struct arena *a)
{
    size_t count = (size_t)number_member(spec, "count", 0);
    char *text = arena_alloc(a, count);

    memset(text, text_member(spec, "char").ptr[0], count);
    return slice_make(text, count);
}

static void add_raise(struct deeds *d, const struct json_node *t)
{
    const struct json_node *payload = member(t, "payload");
    struct deed *deed = add(d, DEED_FAILURE, seconds_member(t, "seconds", 0));

    deed->error = text_member(t, "errorType");
    deed->cause = text_member(t, "payload_text");
    if (deed->cause.ptr == NULL && payload != NULL) {
        deed->cause = json_print(payload, d->a);
    }
}

/* "times": a function that raises does so that often, then it gives its event back. */
static void add_behaviour(struct deeds *d,
                          const struct json_node *t,
                          unsigned nth,
                          const struct script_task *task)
{
    struct slice how = text_member(t, "behaviour");
    struct deed *deed;

    if (slice_eq_str(how, "raise") && nth < number_member(t, "times", INT32_MAX)) {
        add_raise(d, t);
        return;
    }
    deed = add(d, DEED_RESULT, seconds_member(t, "seconds", 0));
    deed->text = task->payload;
    if (slice_eq_str(how, "constant")) {
        deed->text = json_print(member(t, "value"), d->a);
    } else if (slice_eq_str(how, "large_output")) {
        deed->text =
            json_print(json_string(d->a, script_repeated(member(t, "value_repeat"), d->a)), d->a);
    }
}

/* ---- Services ---- */

/* A recorded value: an object, or the JSON text that stood there. */
static struct slice recorded_text(const struct json_node *v, struct arena *a)
{
    const struct json_node *inner;

    if (json_is(v, JSON_STRING) && json_parse(json_text(v), a, &inner, NULL) == OK) {
        return json_text(v);
    }
    return json_print(v, a);
}

/* A cause that was recorded as an object stood there as its text; ptr NULL: there was none. */
static struct slice recorded_cause(const struct json_node *v, struct arena *a)
{
    if (v == NULL || json_is(v, JSON_STRING)) {
        return v == NULL ? (struct slice){0} : json_text(v);
    }
    return json_print(v, a);
}

/* What a function or handler answered. Behind a lambda:invoke is a function that gives its payload;
 * the rest is put around it. */
static struct slice
answer_text(const struct json_node *output, struct slice function, struct arena *a)
{
    const struct json_node *payload = member(output, "Payload");

    return payload != NULL && !is_handler(function) ? json_print(payload, a)
                                                    : recorded_text(output, a);
}

/* How something ended, by its answer (NULL: none) or failure: at the call, or by its token. */
static void add_end(struct deeds *d,
                    bool by_token,
                    struct slice function,
                    const struct json_node *output,
                    const struct json_node *failure,
                    const char *error,
                    const char *cause)
{
    struct deed *deed;

    if (failure != NULL) {
        deed = add(d, by_token ? DEED_TOKEN_FAILURE : DEED_FAILURE, by_token ? ANSWER_MS : 0);
        deed->error = text_member(failure, error);
        deed->cause = recorded_cause(member(failure, cause), d->a);
    } else if (output != NULL) {
        deed = add(d, by_token ? DEED_TOKEN_SUCCESS : DEED_RESULT, by_token ? ANSWER_MS : 0);
        deed->text = answer_text(output, function, d->a);
    }
}

/* A call whose answer is followed by something: the token's end, or the job's. */
static void add_begin(struct deeds *d,
                      const struct json_node *submitted,
                      const struct script_task *t,
                      bool by_token)
{
    struct deed *deed;

    if (by_token || (t->submits && submitted != NULL)) {
        deed = add(d, by_token ? DEED_RESULT : DEED_SUBMITTED, 0);
        deed->text = submitted != NULL ? answer_text(submitted, t->function, d->a) : SLICE("{}");
    }
}

static void add_observed(struct deeds *d,
                         const struct json_node *o,
                         const struct json_node *actions,
                         const struct script_task *t,
                         bool by_token)
{
    struct slice outcome = text_member(o, "outcome");
    const struct json_node *submitted = member(o, "submitted");
    bool failed = slice_eq_str(outcome, "Failed");

    if (failed && submitted == NULL) {
        by_token = false; /* the call itself failed */
    } else {
        add_begin(d, submitted, t, by_token);
    }
    if (actions != NULL && by_token) {
        return;
    }
    if (failed || slice_eq_str(outcome, "Succeeded")) {
        add_end(d, by_token, t->function, member(o, "output"), failed ? o : NULL, "error", "cause");
    }
}

static void
add_mock(struct deeds *d, const struct json_node *m, const struct script_task *t, bool by_token)
{
    add_begin(d, NULL, t, by_token);
    add_end(d, by_token, t->function, member(m, "Return"), member(m, "Throw"), "Error", "Cause");
}

/* The actions of who reads what this service sends, or else of whoever there is. */
static const struct json_node *responder(const struct script *s, struct slice handler)
{
    struct slice service = slice_head(handler, slice_find(handler, '.'));
    const struct json_node *t = task_with(s, "callback", service);

    return member(t != NULL ? t : task_with(s, "callback", (struct slice){0}), "actions");
}

struct deed *script_play(struct script *s, const struct script_task *t, size_t *count)
{
    struct deeds d = {.a = s->a};
    bool by_token = hands_out_token(s, t->state);
    unsigned nth = count_play(s, t->state);
    const struct json_node *function = task_with(s, "function", t->function);
    const struct json_node *actions = by_token ? responder(s, t->function) : NULL;
    const struct json_node *seen = observed(s, t->state, nth);
    const struct json_node *payload;

    if (function != NULL && !(seen != NULL && is_cross_account(s))) {
        add_behaviour(&d, function, nth, t);
    } else if (seen != NULL) {
        add_observed(&d, seen, actions, t, by_token);
    } else if (mocked(s, t->state) != NULL) {
        add_mock(&d, mock(s, t->state, nth), t, by_token);
    } else {
        add(&d, DEED_RESULT, 0)->text = SLICE("{}");
    }
    if (actions != NULL && json_parse(t->payload, s->a, &payload, NULL) == OK) {
        add_actions(&d, actions, message_of(payload, s->a));
    }
    *count = d.count;
    return d.items;
}

struct deed *
script_activity(struct script *s, const struct json_node *task, struct slice input, size_t *count)
{
    struct deeds d = {.a = s->a};
    const struct json_node *message;

    if (json_parse(input, s->a, &message, NULL) == OK) {
        add_actions(&d, member(member(task, "worker"), "actions"), message);
    }
    *count = d.count;
    return d.items;
}

struct deed *script_operations(struct script *s, size_t *count)
{
    struct deeds d = {.a = s->a};
    const struct json_node *all = member(s->c, "operations");

    for (const struct json_node *x = json_first(all); x != NULL; x = json_next(all, x)) {
        bool stop = slice_eq_str(text_member(x, "op"), "StopExecution");
        struct deed *deed =
            add(&d, stop ? DEED_STOP : DEED_REDRIVE, seconds_member(x, "seconds", 0));

        deed->error = text_member(x, "error");
        deed->cause = text_member(x, "cause");
    }
    *count = d.count;
    return d.items;
}
