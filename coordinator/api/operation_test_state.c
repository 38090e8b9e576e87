/* SPDX-License-Identifier: Apache-2.0 */
/* TestState: one state run alone over what the caller gives. Nothing of it is kept, and nothing is
 * waited for but a Task without a mock, which is really carried out, by a run of it alone:
 *
 *   read ---its end is known---------------------------------> answered
 *     '------a Task is to be done---> PARKED ---run's end-------^
 *
 * Source: AWS Step Functions API Reference, TestState; recorded answers of it. */
#include <string.h>

#include "coordinator/api/api.h"
#include "coordinator/api/mock_schema.h"
#include "coordinator/api/test_task.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

#define ALONE     "StateName" /* what a state that is given alone is called */
#define EXECUTION "TestState" /* what its machine and its execution are called */

struct state_test {
    struct call *call;
    const Stepfleet__TestStateRequest *q; /* in its own turn alone, like `err` */
    struct err *err;
    struct arena arena;
    struct arena *a; /* that: all texts of `request` are in it */
    struct asl_machine *machine;
    struct inspect_request request;
    struct inspect_work work; /* once there is one */
    bool shown;               /* the answer has what each field made of the input */
};

/* What came in the request, for as long as the test takes. */
static struct slice given(struct state_test *t, ProtobufCBinaryData text)
{
    return arena_copy(t->a, message_slice(text));
}

static enum err_code invalid(struct state_test *t, const char *what)
{
    return err_set(t->err, ERR_VALIDATION, "%s", what);
}

/* ---- the state ---- */

static void add_target(struct json_builder *states, const struct json_node *name, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    if (json_is(name, JSON_STRING) && !slice_eq_str(json_text(name), ALONE)) {
        json_put(&b, SLICE("Type"), json_string(a, SLICE("Succeed")));
        json_put(states, json_text(name), json_built(&b));
    }
}

/* Where the entries of a list lead. */
static void add_targets(struct json_builder *states, const struct json_node *list, struct arena *a)
{
    if (!json_is(list, JSON_ARRAY)) {
        return;
    }
    for (const struct json_node *e = json_first(list); e != NULL; e = json_next(list, e)) {
        if (json_is(e, JSON_OBJECT)) {
            add_target(states, json_member(e, SLICE("Next")), a);
        }
    }
}

/* A machine around a state, in which it leads where it says. */
static struct slice machine_around(const struct json_node *state, struct arena *a)
{
    struct json_builder states = json_build_object(a);
    struct json_builder b = json_build_object(a);

    json_put(&states, SLICE(ALONE), state);
    add_target(&states, json_member(state, SLICE("Next")), a);
    add_target(&states, json_member(state, SLICE("Default")), a);
    add_targets(&states, json_member(state, SLICE("Choices")), a);
    add_targets(&states, json_member(state, SLICE("Catch")), a);
    json_put(&b, SLICE("StartAt"), json_string(a, SLICE(ALONE)));
    json_put(&b, SLICE("States"), json_built(&states));
    return json_print(json_built(&b), a);
}

/* The state of that name as it is written, in whatever scope. */
static const struct json_node *find_source(const struct json_node *v, struct slice name)
{
    const struct json_node *states =
        json_is(v, JSON_OBJECT) ? json_member(v, SLICE("States")) : NULL;
    const struct json_node *found = states != NULL ? json_member(states, name) : NULL;

    if (!json_is(v, JSON_OBJECT) && !json_is(v, JSON_ARRAY)) {
        return NULL;
    }
    for (const struct json_node *e = json_first(v); e != NULL && found == NULL;
         e = json_next(v, e)) {
        found = find_source(e, name);
    }
    return found;
}

static enum err_code read_state(struct state_test *t)
{
    struct slice text = given(t, t->q->definition);
    struct slice name = slice_str(t->q->state_name);
    struct asl_options options = definition_options(t->call->api, false);
    struct asl_diagnostics found = {0};
    const struct json_node *v;
    enum err_code rc = json_parse(text, t->a, &v, t->err);
    bool alone = rc == OK && json_is(v, JSON_OBJECT) && json_member(v, SLICE("States")) == NULL;

    if (alone) {
        text = machine_around(v, t->a);
        name = SLICE(ALONE);
    } else if (rc == OK && json_is(v, JSON_OBJECT) && name.len == 0) {
        return invalid(t, "A state name is needed where the definition is a state machine");
    }
    options.stored = true;
    options.lint = true;
    rc = asl_machine_parse(text, &options, t->a, &found, &t->machine, t->err);
    for (uint32_t i = 0; rc == OK && i < t->machine->state_count; i++) {
        if (slice_eq(t->machine->states[i].name, name)) {
            t->request.state = &t->machine->states[i];
        }
    }
    if (rc != OK) {
        return rc;
    }
    t->request.machine = t->machine;
    if (t->request.state == NULL) {
        return invalid(t, "State not found in definition");
    }
    if (t->request.state->query_language == ASL_JSONATA) {
        return err_set(t->err, ERR_INVALID_DEFINITION, "JSONata is not supported yet");
    }
    t->request.source = alone ? v : find_source(v, name);
    return OK;
}

/* ---- what it is run over ---- */

static enum err_code read_json(struct state_test *t,
                               ProtobufCBinaryData text,
                               const char *otherwise,
                               const char *refusal,
                               const struct json_node **out)
{
    struct slice s = text.len != 0 ? given(t, text) : slice_str(otherwise);

    if (s.len == 0 || json_parse(s, t->a, out, NULL) == OK) {
        return OK;
    }
    return invalid(t, refusal);
}

static const struct json_node *text_node(struct state_test *t, const char *text)
{
    return json_string(t->a, arena_copy(t->a, slice_str(text)));
}

/* As an Express execution of a machine without a name would have it. */
static const struct json_node *made_context(struct state_test *t)
{
    const struct ledger_config *config = ledger_configuration(t->call->api->ledger);
    const struct json_node *now = json_string(t->a, text_time(t->request.now_ms, t->a));
    struct json_builder execution = json_build_object(t->a);
    struct json_builder machine = json_build_object(t->a);
    struct json_builder state = json_build_object(t->a);
    struct json_builder b = json_build_object(t->a);
    struct slice arn = arena_printf(t->a, "arn:aws:states:%s:%012llu:", config->region,
                                    (unsigned long long)config->account);

    json_put(
        &execution, SLICE("Id"),
        json_string(t->a, arena_printf(t->a, "%.*sexpress:" EXECUTION ":" EXECUTION ":" EXECUTION,
                                       SLICE_FMT(arn))));
    json_put(&execution, SLICE("Input"), t->request.input);
    json_put(&execution, SLICE("Name"), text_node(t, EXECUTION));
    json_put(&execution, SLICE("RoleArn"), text_node(t, t->q->role_arn));
    json_put(&execution, SLICE("StartTime"), now);
    json_put(&machine, SLICE("Id"),
             json_string(t->a, arena_printf(t->a, "%.*sstateMachine:" EXECUTION, SLICE_FMT(arn))));
    json_put(&machine, SLICE("Name"), text_node(t, EXECUTION));
    json_put(&state, SLICE("Name"), json_string(t->a, t->request.state->name));
    json_put(&state, SLICE("EnteredTime"), now);
    if (engine_can_retry(t->request.state->kind)) {
        json_put(&state, SLICE("RetryCount"), json_integer(t->a, t->request.retries));
    }
    json_put(&b, SLICE("Execution"), json_built(&execution));
    json_put(&b, SLICE("StateMachine"), json_built(&machine));
    json_put(&b, SLICE("State"), json_built(&state));
    return json_built(&b);
}

static bool has_token(const struct asl_state *s)
{
    return s->kind == ASL_TASK && s->task.pattern != ASL_REQUEST_RESPONSE;
}

static enum err_code read_context(struct state_test *t)
{
    enum err_code rc =
        read_json(t, t->q->context, "", "Invalid Context object provided: it must be JSON",
                  &t->request.context);

    if (rc != OK) {
        return rc;
    }
    if (t->request.context == NULL) {
        t->request.context = made_context(t);
    } else if (!json_is(t->request.context, JSON_OBJECT)) {
        return invalid(t, "Invalid Context object provided: it must be an object");
    } else if (json_member(t->request.context, SLICE("Task")) != NULL &&
               !has_token(t->request.state)) {
        return invalid(t, "Invalid Context object provided: Context object contains 'Task' when "
                          "state is not a Task state with a '.sync' or '.waitForTaskToken' service "
                          "integration pattern");
    }
    return OK;
}

static enum err_code read_data(struct state_test *t)
{
    enum err_code rc;

    if (t->q->input.len > payload_bytes(t->call->api)) {
        return err_set(t->err, ERR_VALIDATION,
                       "1 validation error detected: Value at 'input' failed to satisfy "
                       "constraint: Member must have length less than or equal to %zu",
                       payload_bytes(t->call->api));
    }
    rc = read_json(t, t->q->input, "{}", "", &t->request.input);
    if (rc != OK) {
        return err_set(t->err, ERR_INVALID_EXECUTION_INPUT,
                       "Invalid State Machine Execution Input: the input is not JSON");
    }
    rc = read_json(t, t->q->variables, "", "The variables must be JSON", &t->request.variables);
    if (rc == OK && t->request.variables != NULL && !json_is(t->request.variables, JSON_OBJECT)) {
        rc = invalid(t, "The variables must be an object");
    }
    return rc == OK ? read_context(t) : rc;
}

/* ---- the mock, and how often it was tried ---- */

static bool needs_mock(const struct asl_state *s)
{
    return s->kind == ASL_TASK || s->kind == ASL_PARALLEL || s->kind == ASL_MAP;
}

/* It will be carried out. */
static enum err_code check_task(struct state_test *t)
{
    const struct asl_options options = definition_options(t->call->api, true);

    if (!call_can_wait(t->call)) {
        return err_set(t->err, ERR_BUSY, "too many calls wait for executions");
    }
    return test_task_check(&t->request.state->task, &options, t->err);
}

static enum err_code no_mock(struct state_test *t)
{
    const struct asl_state *s = t->request.state;

    if (t->request.has_failures) {
        return invalid(t, "TestState does not support MapIterationFailureCount when a mock is not "
                          "specified.");
    }
    if (s->kind == ASL_PARALLEL || s->kind == ASL_MAP) {
        return err_set(t->err, ERR_INVALID_DEFINITION,
                       "TestState API does not support Map or Parallel states. Supported state "
                       "types include: [Task, Wait, Pass, Succeed, Fail, Choice]");
    }
    if (s->kind != ASL_TASK) {
        return OK;
    }
    return t->q->role_arn[0] == '\0'
               ? invalid(t, "RoleArn must be specified when testing a Task state")
               : check_task(t);
}

static struct slice member_text(const struct json_node *v, const char *name)
{
    const struct json_node *m = json_member(v, slice_str(name));

    return json_is(m, JSON_STRING) ? json_text(m) : (struct slice){NULL, 0};
}

static enum err_code
read_mode(struct state_test *t, const struct json_node *mock, struct slice *out)
{
    const struct json_node *v = json_member(mock, SLICE("fieldValidationMode"));

    *out = v != NULL ? member_text(mock, "fieldValidationMode") : SLICE("STRICT");
    if (slice_eq_str(*out, "STRICT") || slice_eq_str(*out, "PRESENT") ||
        slice_eq_str(*out, "NONE")) {
        return OK;
    }
    return err_set(t->err, ERR_VALIDATION,
                   "1 validation error detected: Value '%.*s' at 'mock.fieldValidationMode' failed "
                   "to satisfy constraint: Member must satisfy enum value set: [STRICT, PRESENT, "
                   "NONE]",
                   SLICE_FMT(slice_head(*out, 100)));
}

/* Held against the schema of what it stands for, as strictly as is asked. */
static enum err_code check_result(struct state_test *t, struct slice mode)
{
    if (t->work.result == NULL || t->request.state->kind != ASL_TASK ||
        slice_eq_str(mode, "NONE")) {
        return OK;
    }
    return mock_schema_check(&t->request.state->task, t->work.result, slice_eq_str(mode, "STRICT"),
                             t->a, t->err);
}

static enum err_code read_mock(struct state_test *t)
{
    const struct json_node *mock = NULL;
    const struct json_node *error;
    struct slice result;
    struct slice mode;
    enum err_code rc = read_json(t, t->q->mock, "", "", &mock);

    if (rc != OK || mock == NULL) {
        return rc == OK ? no_mock(t) : rc;
    }
    if (!needs_mock(t->request.state)) {
        return err_set(t->err, ERR_VALIDATION,
                       "State type '%s' is not supported when a mock is specified",
                       asl_kind_name(t->request.state->kind));
    }
    if (t->q->reveal_secrets) {
        return invalid(t, "TestState does not support RevealSecrets when a mock is specified.");
    }
    rc = read_mode(t, mock, &mode);
    if (rc != OK) {
        return rc;
    }
    result = member_text(mock, "result");
    error = json_member(mock, SLICE("errorOutput"));
    if ((result.ptr != NULL) == json_is(error, JSON_OBJECT)) {
        return invalid(t, "A test mock should have only one of the following fields: [result, "
                          "errorOutput].");
    }
    if (result.ptr != NULL && json_parse(result, t->a, &t->work.result, NULL) != OK) {
        return invalid(t, "Mocked result must be valid JSON");
    }
    if (result.ptr == NULL) {
        t->work.failure =
            (struct failure){member_text(error, "error"), member_text(error, "cause")};
    }
    t->request.work = &t->work;
    return check_result(t, mode);
}

static enum err_code read_count(struct state_test *t, const struct json_node *v, uint32_t *out)
{
    int64_t n;

    if (!json_i64(v, &n) || n < 0 || n > INT32_MAX) {
        return invalid(t, "The counts of a state configuration are whole numbers from 0 on");
    }
    *out = (uint32_t)n;
    return OK;
}

/* Is it in a branch of the state, or in what it does with each item? However deep. */
static bool is_inside(const struct state_test *t, const struct asl_state *s)
{
    const struct asl_machine *m = t->machine;
    uint32_t owner = m->scopes[s->scope].owner;

    while (owner != ASL_NONE && &m->states[owner] != t->request.state) {
        owner = m->scopes[m->states[owner].scope].owner;
    }
    return owner != ASL_NONE;
}

/* The state inside a Parallel or a Map whose failure the mocked one is: a Task's is matched by
 * States.TaskFailed. */
static enum err_code read_origin(struct state_test *t, struct slice name)
{
    const struct asl_machine *m = t->machine;

    for (uint32_t i = 0; i < m->state_count; i++) {
        const struct asl_state *s = &m->states[i];

        if (slice_eq(s->name, name) && is_inside(t, s)) {
            t->work.kinds = s->kind == ASL_TASK ? (unsigned)ASL_FAILED_TASK : 0;
            return OK;
        }
    }
    return err_set(t->err, ERR_VALIDATION,
                   "The state '%.*s', which is to have caused the error, is not inside the state",
                   SLICE_FMT(slice_head(name, 80)));
}

static enum err_code read_configuration(struct state_test *t)
{
    const struct json_node *v = NULL;
    const struct json_node *retries;
    const struct json_node *failures;
    struct slice origin;
    enum err_code rc = read_json(t, t->q->configuration, "", "", &v);

    if (rc != OK || v == NULL) {
        return rc;
    }
    retries = json_member(v, SLICE("retrierRetryCount"));
    failures = json_member(v, SLICE("mapIterationFailureCount"));
    origin = member_text(v, "errorCausedByState");
    if (retries != NULL) {
        rc = read_count(t, retries, &t->request.retries);
    }
    if (rc == OK && failures != NULL) {
        t->request.has_failures = true;
        rc = read_count(t, failures, &t->request.failures);
    }
    return rc == OK && origin.ptr != NULL ? read_origin(t, origin) : rc;
}

/* ---- the answer ---- */

static const char *const status_names[] = {
    [INSPECT_SUCCEEDED] = "SUCCEEDED",
    [INSPECT_FAILED] = "FAILED",
    [INSPECT_RETRIABLE] = "RETRIABLE",
    [INSPECT_CAUGHT] = "CAUGHT_ERROR",
};

static void reply(struct state_test *t, const struct inspect_result *r)
{
    Stepfleet__TestStateReply m = STEPFLEET__TEST_STATE_REPLY__INIT;

    m.status = (char *)(uintptr_t)status_names[r->status];
    m.next_state = arena_str(t->a, r->next);
    if (r->output != NULL) {
        m.output = message_bytes(json_print(r->output, t->a));
    }
    if (r->status != INSPECT_SUCCEEDED) {
        m.error = arena_str(t->a, r->failure.error);
        m.cause = message_bytes(r->failure.cause);
    }
    if (t->shown) {
        m.data = message_bytes(json_print(r->data, t->a));
    }
    t->call->reply(t->call, &m.base);
}

static enum err_code read_level(struct state_test *t)
{
    const char *level = t->q->level;

    t->shown = strcmp(level, "DEBUG") == 0 || strcmp(level, "TRACE") == 0;
    if (t->shown || level[0] == '\0' || strcmp(level, "INFO") == 0) {
        return OK;
    }
    return err_set(t->err, ERR_VALIDATION,
                   "1 validation error detected: Value '%.100s' at 'inspectionLevel' failed to "
                   "satisfy constraint: Member must satisfy enum value set: [INFO, DEBUG, TRACE]",
                   level);
}

/* The call waits for its end. */
static enum err_code start_task(struct state_test *t, const struct inspect_order *order)
{
    const struct asl_state *state = t->request.state;
    const struct asl_options options = definition_options(t->call->api, true);
    struct asl_machine *machine;
    uint64_t id;
    enum err_code rc = test_task_machine(state, order, &options, t->a, &machine, t->err);

    if (rc == OK) {
        rc = ledger_start_unlisted(t->call->api->ledger, SLICE(EXECUTION), machine,
                                   json_print(order->arguments, t->a), &id, t->err);
    }
    if (rc == OK) {
        t->call->test = t;
        wait_for_end(t->call, id);
    }
    return rc;
}

static enum err_code run(struct state_test *t)
{
    struct inspect_result result;

    engine_inspect(&t->request, t->a, &result);
    if (result.status == INSPECT_ORDERED) {
        return start_task(t, &result.order);
    }
    reply(t, &result);
    state_test_free(t);
    return OK;
}

void state_test_ended(struct call *c)
{
    struct state_test *t = c->test;
    struct ledger_view v;

    c->test = NULL;
    if (!ledger_execution_view(c->api->ledger, c->execution, &v)) {
        call_fail(c, ERR_INTERNAL, "the run of a test is not there");
        state_test_free(t);
        return;
    }
    test_task_work(&v, t->a, &t->work);
    t->request.work = &t->work;
    (void)run(t); /* nothing is left to be done */
}

void state_test_free(struct state_test *t)
{
    if (t == NULL) {
        return;
    }
    if (t->machine != NULL) {
        asl_machine_free(t->machine);
    }
    arena_fini(&t->arena);
    mem_free(t);
}

static struct state_test *test_new(struct call *c, struct err *err)
{
    struct state_test *t = mem_zalloc(1, sizeof(*t));

    t->call = c;
    t->q = (const void *)c->request;
    t->err = err;
    t->a = &t->arena;
    t->request.now_ms = ledger_now(c->api->ledger).wall_ms;
    t->request.seed = ledger_random(c->api->ledger);
    arena_init(t->a);
    return t;
}

void operation_TEST_STATE(struct call *c)
{
    enum err_code (*const steps[])(struct state_test * t) = {
        read_level, read_state, read_configuration, read_data, read_mock, run};
    const Stepfleet__TestStateRequest *q = (const void *)c->request;
    struct state_test *t;
    struct err err;
    enum err_code rc = OK;

    if (!definition_fits(c, q->definition)) {
        return;
    }
    t = test_new(c, &err);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && rc == OK; i++) {
        rc = steps[i](t);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        state_test_free(t);
    }
}
