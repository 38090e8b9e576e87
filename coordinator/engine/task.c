/* SPDX-License-Identifier: Apache-2.0 */
/* What a task is given, and what its result looks like. Neither is kept: both are made again from
 * the state's raw input and the payload, with the same chance, when history is read or a grant is
 * repeated. Source: Amazon States Language, states; TaskScheduled and TaskSucceeded events as AWS
 * recorded them.
 */
#include "coordinator/engine/step.h"
#include "proto/base/text.h"

const struct task_history task_histories[] = {
    [ASL_RESOURCE_LAMBDA] = {HISTORY_LAMBDA_FUNCTION_SCHEDULED, HISTORY_LAMBDA_FUNCTION_STARTED,
                             HISTORY_LAMBDA_FUNCTION_SUCCEEDED, HISTORY_LAMBDA_FUNCTION_FAILED,
                             HISTORY_LAMBDA_FUNCTION_TIMED_OUT},
    [ASL_RESOURCE_INTEGRATION] = {HISTORY_TASK_SCHEDULED, HISTORY_TASK_STARTED,
                                  HISTORY_TASK_SUCCEEDED, HISTORY_TASK_FAILED,
                                  HISTORY_TASK_TIMED_OUT},
    [ASL_RESOURCE_ACTIVITY] = {HISTORY_ACTIVITY_SCHEDULED, HISTORY_ACTIVITY_STARTED,
                               HISTORY_ACTIVITY_SUCCEEDED, HISTORY_ACTIVITY_FAILED,
                               HISTORY_ACTIVITY_TIMED_OUT},
};

bool task_is_invoke(const struct asl_task *task)
{
    return task->resource_kind == ASL_RESOURCE_INTEGRATION && task->carrier == ASL_BY_FUNCTION;
}

bool task_hands_out_token(const struct asl_task *task)
{
    return task->pattern == ASL_WAIT_FOR_TASK_TOKEN || task->carrier == ASL_BY_ACTIVITY;
}

struct slice task_resource_name(const struct asl_task *task)
{
    return task->resource_kind == ASL_RESOURCE_INTEGRATION ? task->service : task->resource;
}

static bool
unusable(struct turn *t, struct value *parameters, const char *text, struct failure *why)
{
    struct slice shown = value_text(t, parameters);

    *why = flow_runtime(
        arena_printf(t->a, "The Parameters '%.*s' could not be used to start the Task: [%s]",
                     SLICE_FMT(shown), text));
    return false;
}

/* A string is the body itself, as Lambda's API takes it; anything else is its JSON. */
static void invoke_payload(struct turn *t, const struct json_node *given, struct task_call *out)
{
    const struct json_node *node;
    struct slice body;

    if (given == NULL || json_is(given, JSON_NULL)) {
        out->payload = value_of_text(SLICE("{}"));
        return;
    }
    out->payload = value_of_node(given);
    if (!json_is(given, JSON_STRING)) {
        return;
    }
    body = json_text(given);
    if (json_parse(body, t->a, &node, NULL) == OK) {
        out->payload = json_is_compact(body) ? value_of_text(body) : value_of_node(node);
        return;
    }
    out->refused = (struct failure){
        SLICE("Lambda.InvalidRequestContentException"),
        SLICE(
            "Could not parse request body into json: Could not parse payload into json (Service: "
            "AWSLambda; Status Code: 400; Error Code: InvalidRequestContentException; Request ID: "
            "null; Proxy: null)"),
    };
}

/* One of a parameter's words, or the first where it is absent. */
static bool one_of(struct turn *t,
                   struct task_call *out,
                   const char *field,
                   const char *const *words,
                   unsigned *which,
                   struct failure *why)
{
    const struct json_node *v = json_member(value_node(t, &out->parameters), slice_str(field));

    *which = 0;
    if (v == NULL || json_is(v, JSON_NULL)) {
        return true;
    }
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (json_is(v, JSON_STRING) && slice_eq_str(json_text(v), words[i])) {
            *which = i;
            return true;
        }
    }
    return unusable(
        t, &out->parameters,
        arena_str(t->a, arena_printf(t->a, "The value for the field '%s' is not valid", field)),
        why);
}

static bool invoke_options(struct turn *t, struct task_call *out, struct failure *why)
{
    static const char *const types[] = {
        [INVOKE_AND_WAIT] = "RequestResponse",
        [INVOKE_EVENT] = "Event",
        [INVOKE_DRY_RUN] = "DryRun",
        NULL,
    };
    static const char *const logs[] = {"None", "Tail", NULL};
    unsigned type;
    unsigned log;

    if (!one_of(t, out, "InvocationType", types, &type, why) ||
        !one_of(t, out, "LogType", logs, &log, why)) {
        return false;
    }
    out->invocation = (enum invocation)type;
    out->log_tail = log == 1;
    return true;
}

static bool invoke_call(struct turn *t, struct task_call *out, struct failure *why)
{
    const struct json_node *p = value_node(t, &out->parameters);
    const struct json_node *name = json_member(p, SLICE("FunctionName"));
    const struct json_node *qualifier = json_member(p, SLICE("Qualifier"));

    if (name == NULL) {
        return unusable(t, &out->parameters, "The field 'FunctionName' is required but was missing",
                        why);
    }
    if (!json_is(name, JSON_STRING) || asl_function_name(json_text(name)).len == 0) {
        return unusable(t, &out->parameters,
                        "The value for the field 'FunctionName' must be the name of a function",
                        why);
    }
    out->function = asl_function_name(json_text(name));
    out->qualifier =
        qualifier != NULL ? json_text(qualifier) : asl_function_qualifier(json_text(name));
    invoke_payload(t, json_member(p, SLICE("Payload")), out);
    return invoke_options(t, out, why);
}

/* Names that only their values' paths hid when the definition was created. */
static bool
check_names(struct turn *t, const struct asl_state *st, struct task_call *call, struct failure *why)
{
    bool checked = st->parameters != NULL && st->task.allowed != NULL;
    const struct json_node *p = checked ? value_node(t, &call->parameters) : NULL;

    for (const struct json_node *e = json_first(p); e != NULL; e = json_next(p, e)) {
        const char *const *known = st->task.allowed;

        while (*known != NULL && !slice_eq_str(json_key(p, e), *known)) {
            known++;
        }
        if (*known == NULL) {
            return unusable(
                t, &call->parameters,
                arena_str(t->a, arena_printf(t->a,
                                             "The field \"%.*s\" is not supported by Step "
                                             "Functions",
                                             SLICE_FMT(json_key(p, e)))),
                why);
        }
    }
    return true;
}

bool task_call(struct turn *t,
               const struct frame *f,
               uint64_t seed,
               struct value *input,
               struct task_call *out,
               struct failure *why)
{
    const struct asl_state *st = frame_state(t, f);
    const struct asl_task *task = &st->task;

    if (!flow_path(t, f, &st->input_path, "InputPath", input, &out->effective, why)) {
        return false;
    }
    out->parameters = out->effective;
    if ((st->parameters != NULL &&
         !flow_template(t, f, st->parameters, seed, &out->effective, &out->parameters, why)) ||
        (task->credentials != NULL &&
         !flow_template(t, f, task->credentials, seed, &out->effective, &out->credentials, why)) ||
        !check_names(t, st, out, why)) {
        return false;
    }
    if (task_is_invoke(task)) {
        return invoke_call(t, out, why);
    }
    out->function = task->function;
    out->qualifier = task->qualifier;
    out->payload = out->parameters;
    return true;
}

void task_command(struct turn *t, const struct frame *f, struct task_call *call, struct command *c)
{
    const struct asl_task *task = &frame_state(t, f)->task;

    c->function = call->function;
    c->qualifier = call->qualifier;
    c->activity = task->carrier == ASL_BY_ACTIVITY ? task->activity : (struct slice){0};
    c->payload = value_text(t, &call->payload);
    if (call->credentials.node != NULL) {
        c->credentials = value_text(t, &call->credentials);
    }
    c->log_tail = call->log_tail;
    c->submits = task->carrier == ASL_BY_HANDLER &&
                 (task->pattern == ASL_SYNC || task->pattern == ASL_SYNC2);
    c->service = task->service;
    c->action = task->action;
}

static struct slice request_id(const struct execution_header *h, uint64_t event, struct arena *a)
{
    uint64_t words[2] = {chance_seed(h, CHANCE_REQUEST, event, 0),
                         chance_seed(h, CHANCE_REQUEST, event, 1)};
    uint8_t bytes[16];
    char *out = arena_alloc(a, TEXT_UUID_BYTES);

    memcpy(bytes, words, sizeof(bytes));
    text_format_uuid(bytes, out);
    return slice_make(out, TEXT_UUID_BYTES);
}

static struct slice
trace_id(const struct execution_header *h, uint64_t event, int64_t time_ms, struct arena *a)
{
    return arena_printf(a, "Root=1-%08llx-%08llx%016llx;Parent=%016llx;Sampled=0",
                        (unsigned long long)(time_ms / 1000) & 0xffffffff,
                        (unsigned long long)chance_seed(h, CHANCE_TRACE, event, 0) & 0xffffffff,
                        (unsigned long long)chance_seed(h, CHANCE_TRACE, event, 1),
                        (unsigned long long)chance_seed(h, CHANCE_TRACE, event, 2));
}

/* The members beside the payload, as text: it has no part that must be escaped. */
static struct slice metadata(const struct execution_header *h,
                             uint64_t event,
                             int64_t time_ms,
                             size_t payload_bytes,
                             int status,
                             struct arena *a)
{
    struct slice id = request_id(h, event, a);
    struct slice trace = trace_id(h, event, time_ms, a);
    struct slice date = text_http_date(time_ms, a);

    return arena_printf(
        a,
        "{\"SdkHttpMetadata\":{\"AllHttpHeaders\":{\"X-Amz-Executed-Version\":[\"$LATEST\"],"
        "\"x-amzn-Remapped-Content-Length\":[\"0\"],\"Connection\":[\"keep-alive\"],"
        "\"x-amzn-RequestId\":[\"%.*s\"],\"Content-Length\":[\"%zu\"],\"Date\":[\"%.*s\"],"
        "\"X-Amzn-Trace-Id\":[\"%.*s\"],\"Content-Type\":[\"application/json\"]},"
        "\"HttpHeaders\":{\"Connection\":\"keep-alive\",\"Content-Length\":\"%zu\","
        "\"Content-Type\":\"application/json\",\"Date\":\"%.*s\","
        "\"X-Amz-Executed-Version\":\"$LATEST\",\"x-amzn-Remapped-Content-Length\":\"0\","
        "\"x-amzn-RequestId\":\"%.*s\",\"X-Amzn-Trace-Id\":\"%.*s\"},\"HttpStatusCode\":%d},"
        "\"SdkResponseMetadata\":{\"RequestId\":\"%.*s\"}}",
        SLICE_FMT(id), payload_bytes, SLICE_FMT(date), SLICE_FMT(trace), payload_bytes,
        SLICE_FMT(date), SLICE_FMT(id), SLICE_FMT(trace), status, SLICE_FMT(id));
}

/* The members that any answer of lambda:invoke has, around its own. */
static const struct json_node *wrap(const struct execution_header *h,
                                    uint64_t event,
                                    int64_t time_ms,
                                    const struct json_node *payload,
                                    size_t payload_bytes,
                                    int status,
                                    struct arena *a)
{
    struct json_builder b = json_build_object(a);
    const struct json_node *rest = NULL;

    (void)json_parse(metadata(h, event, time_ms, payload_bytes, status, a), a, &rest, NULL);
    json_put(&b, SLICE("ExecutedVersion"), json_string(a, SLICE("$LATEST")));
    json_put(&b, SLICE("Payload"), payload);
    json_put(&b, SLICE("SdkHttpMetadata"), json_member(rest, SLICE("SdkHttpMetadata")));
    json_put(&b, SLICE("SdkResponseMetadata"), json_member(rest, SLICE("SdkResponseMetadata")));
    json_put(&b, SLICE("StatusCode"), json_integer(a, status));
    return json_built(&b);
}

const struct json_node *task_wrap(const struct execution_header *h,
                                  uint64_t event,
                                  int64_t time_ms,
                                  const struct json_node *payload,
                                  size_t payload_bytes,
                                  struct arena *a)
{
    return wrap(h, event, time_ms, payload, payload_bytes, 200, a);
}

const struct json_node *task_wrap_empty(const struct execution_header *h,
                                        uint64_t event,
                                        int64_t time_ms,
                                        int status,
                                        struct arena *a)
{
    return wrap(h, event, time_ms, json_string(a, SLICE("")), 0, status, a);
}

enum err_code engine_task(const struct asl_machine *m,
                          const struct execution_header *h,
                          const struct frame_set *frames,
                          const struct frame *f,
                          struct arena *a,
                          struct command *out,
                          struct err *err)
{
    struct execution_header header = *h;
    struct step none = {0};
    struct turn t = {.m = m, .a = a, .h = &header, .out = &none, .given = frames, .err = err};
    struct value input = value_of_doc(f->input);
    struct task_call call = {0};
    struct failure why = {0};
    uint64_t seed = chance_seed(h, CHANCE_PARAMETERS, f->entered_event, f->attempt);

    if (f->state >= m->state_count || m->states[f->state].kind != ASL_TASK) {
        return err_set(err, ERR_CORRUPT, "frame %u is not in a task", f->id);
    }
    if (!task_call(&t, f, seed, &input, &call, &why)) {
        return err_set(err, ERR_CORRUPT, "the parameters of '%.*s' cannot be made again: %.*s",
                       SLICE_FMT(m->states[f->state].name), SLICE_FMT(why.cause));
    }
    *out = (struct command){
        .kind =
            m->states[f->state].task.carrier == ASL_BY_CALL ? COMMAND_CALL : COMMAND_SCHEDULE_TASK,
        .frame = f->id,
        .token = f->token,
    };
    task_command(&t, f, &call, out);
    return t.missing ? err_set(err, ERR_INTERNAL, "frame %u is not at hand", out->frame) : t.rc;
}
