/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded events as AWS's GetExecutionHistory shows them. What was not kept is made again: a
 * task's parameters from the state's raw input, lambda:invoke's wrapping from the payload. Source:
 * Amazon States Language, execution history as AWS records it; event details as AWS recorded them;
 * botocore's model for member names. */
#include "coordinator/engine/step.h"

const char *history_type_name(enum history_type type)
{
    static const char *const names[] = {
#define HISTORY_TYPE(type, number, name) [number] = name,
#include "coordinator/engine/history.def"
#undef HISTORY_TYPE
    };

    return (size_t)type < sizeof(names) / sizeof(names[0]) && names[type] != NULL ? names[type]
                                                                                  : "Unknown";
}

/* What stands in an event's details. */
enum shape {
    SHAPE_NONE,
    SHAPE_STARTED, /* input, roleArn */
    SHAPE_OUTPUT,
    SHAPE_FAILURE, /* error, cause: absent where unset */
    SHAPE_REDRIVEN,
    SHAPE_ENTERED,
    SHAPE_EXITED,
    SHAPE_SCHEDULED,      /* Lambda, activity: resource, input */
    SHAPE_WORKER,         /* activity: workerName */
    SHAPE_TASK_SCHEDULED, /* integration: resourceType, resource, region, parameters */
    SHAPE_TASK,           /* resourceType, resource */
    SHAPE_TASK_OUTPUT,
    SHAPE_TASK_FAILURE,
    SHAPE_ITERATION, /* name of the Map, index */
    SHAPE_LENGTH,    /* of a Map */
};

struct details {
    const char *member;
    enum shape shape;
};

#define ENTERED                                                                                    \
    {                                                                                              \
        "stateEnteredEventDetails", SHAPE_ENTERED                                                  \
    }
#define EXITED                                                                                     \
    {                                                                                              \
        "stateExitedEventDetails", SHAPE_EXITED                                                    \
    }

static const struct details details_of[] = {
    [HISTORY_ACTIVITY_SCHEDULED] = {"activityScheduledEventDetails", SHAPE_SCHEDULED},
    [HISTORY_ACTIVITY_STARTED] = {"activityStartedEventDetails", SHAPE_WORKER},
    [HISTORY_ACTIVITY_SUCCEEDED] = {"activitySucceededEventDetails", SHAPE_OUTPUT},
    [HISTORY_ACTIVITY_FAILED] = {"activityFailedEventDetails", SHAPE_FAILURE},
    [HISTORY_ACTIVITY_TIMED_OUT] = {"activityTimedOutEventDetails", SHAPE_FAILURE},
    [HISTORY_CHOICE_STATE_ENTERED] = ENTERED,
    [HISTORY_CHOICE_STATE_EXITED] = EXITED,
    [HISTORY_PASS_STATE_ENTERED] = ENTERED,
    [HISTORY_PASS_STATE_EXITED] = EXITED,
    [HISTORY_SUCCEED_STATE_ENTERED] = ENTERED,
    [HISTORY_SUCCEED_STATE_EXITED] = EXITED,
    [HISTORY_WAIT_STATE_ENTERED] = ENTERED,
    [HISTORY_WAIT_STATE_EXITED] = EXITED,
    [HISTORY_TASK_STATE_ENTERED] = ENTERED,
    [HISTORY_TASK_STATE_EXITED] = EXITED,
    [HISTORY_MAP_STATE_ENTERED] = ENTERED,
    [HISTORY_MAP_STATE_EXITED] = EXITED,
    [HISTORY_MAP_STATE_STARTED] = {"mapStateStartedEventDetails", SHAPE_LENGTH},
    [HISTORY_MAP_ITERATION_STARTED] = {"mapIterationStartedEventDetails", SHAPE_ITERATION},
    [HISTORY_MAP_ITERATION_SUCCEEDED] = {"mapIterationSucceededEventDetails", SHAPE_ITERATION},
    [HISTORY_MAP_ITERATION_FAILED] = {"mapIterationFailedEventDetails", SHAPE_ITERATION},
    [HISTORY_MAP_ITERATION_ABORTED] = {"mapIterationAbortedEventDetails", SHAPE_ITERATION},
    [HISTORY_PARALLEL_STATE_ENTERED] = ENTERED,
    [HISTORY_PARALLEL_STATE_EXITED] = EXITED,
    [HISTORY_FAIL_STATE_ENTERED] = ENTERED,
    [HISTORY_EXECUTION_STARTED] = {"executionStartedEventDetails", SHAPE_STARTED},
    [HISTORY_EXECUTION_SUCCEEDED] = {"executionSucceededEventDetails", SHAPE_OUTPUT},
    [HISTORY_EXECUTION_FAILED] = {"executionFailedEventDetails", SHAPE_FAILURE},
    [HISTORY_EXECUTION_TIMED_OUT] = {"executionTimedOutEventDetails", SHAPE_FAILURE},
    [HISTORY_EXECUTION_ABORTED] = {"executionAbortedEventDetails", SHAPE_FAILURE},
    [HISTORY_EXECUTION_REDRIVEN] = {"executionRedrivenEventDetails", SHAPE_REDRIVEN},
    [HISTORY_LAMBDA_FUNCTION_SCHEDULED] = {"lambdaFunctionScheduledEventDetails", SHAPE_SCHEDULED},
    [HISTORY_LAMBDA_FUNCTION_SUCCEEDED] = {"lambdaFunctionSucceededEventDetails", SHAPE_OUTPUT},
    [HISTORY_LAMBDA_FUNCTION_FAILED] = {"lambdaFunctionFailedEventDetails", SHAPE_FAILURE},
    [HISTORY_LAMBDA_FUNCTION_TIMED_OUT] = {"lambdaFunctionTimedOutEventDetails", SHAPE_FAILURE},
    [HISTORY_TASK_SCHEDULED] = {"taskScheduledEventDetails", SHAPE_TASK_SCHEDULED},
    [HISTORY_TASK_STARTED] = {"taskStartedEventDetails", SHAPE_TASK},
    [HISTORY_TASK_SUBMITTED] = {"taskSubmittedEventDetails", SHAPE_TASK_OUTPUT},
    [HISTORY_TASK_SUCCEEDED] = {"taskSucceededEventDetails", SHAPE_TASK_OUTPUT},
    [HISTORY_TASK_FAILED] = {"taskFailedEventDetails", SHAPE_TASK_FAILURE},
    [HISTORY_TASK_TIMED_OUT] = {"taskTimedOutEventDetails", SHAPE_TASK_FAILURE},
};

/* One rendering. */
struct render {
    const struct asl_machine *m;
    const struct execution_header *h;
    const struct history_event *ev;
    bool data;
    const struct doc_source *docs;
    struct arena *a;
    struct err *err;
    struct json_builder b; /* the details */
};

static enum err_code load(struct render *r, struct doc d, struct slice *out)
{
    if (d.text.ptr != NULL || d.ref == 0) {
        *out = d.text;
        return OK;
    }
    return r->docs->get(r->docs->arg, d.ref, r->a, out, r->err);
}

static void put_text(struct render *r, struct slice key, struct slice text)
{
    json_put(&r->b, key, json_string(r->a, text));
}

/* "input" or "output" with its sibling. */
static void put_data(struct render *r, bool input, struct slice text)
{
    struct json_builder b = json_build_object(r->a);

    if (r->data) {
        json_put(&b, SLICE("truncated"), json_bool(false));
        put_text(r, input ? SLICE("input") : SLICE("output"), text);
        json_put(&r->b, input ? SLICE("inputDetails") : SLICE("outputDetails"), json_built(&b));
    }
}

static enum err_code put_doc(struct render *r, bool input)
{
    struct slice text = {0};
    enum err_code rc = r->data ? load(r, r->ev->doc, &text) : OK;

    if (rc == OK) {
        put_data(r, input, text);
    }
    return rc;
}

static void put_failure(struct render *r)
{
    if (r->ev->error.ptr != NULL) {
        put_text(r, SLICE("error"), r->ev->error);
    }
    if (r->ev->cause.ptr != NULL) {
        put_text(r, SLICE("cause"), r->ev->cause);
    }
}

static const struct asl_task *task_of(const struct render *r)
{
    return &r->m->states[r->ev->state].task;
}

static void put_resource(struct render *r)
{
    put_text(r, SLICE("resourceType"), task_of(r)->service);
    put_text(r, SLICE("resource"), task_of(r)->action);
}

/* The region of the task, or where its ARN names none, of the execution. */
static struct slice region_of(const struct render *r)
{
    struct slice arn = r->h->arn;

    if (task_of(r)->region.len > 0) {
        return task_of(r)->region;
    }
    for (int i = 0; i < 3; i++) {
        arn = slice_from(arn, slice_find(arn, ':') + 1);
    }
    return slice_head(arn, slice_find(arn, ':'));
}

static void put_limits(struct render *r)
{
    if (r->ev->timeout_s > 0) {
        json_put(&r->b, SLICE("timeoutInSeconds"), json_integer(r->a, r->ev->timeout_s));
    }
    if (r->ev->heartbeat_s > 0) {
        json_put(&r->b, SLICE("heartbeatInSeconds"), json_integer(r->a, r->ev->heartbeat_s));
    }
}

/* What the state assigned: each value as JSON text. */
static enum err_code put_assigned(struct render *r)
{
    struct json_builder values = json_build_object(r->a);
    struct json_builder details = json_build_object(r->a);
    const struct json_node *set;
    struct slice text = {0};
    enum err_code rc;

    if (!r->data || r->ev->variable_count == 0) {
        return OK;
    }
    rc = load(r, r->ev->variables[0].value, &text);
    if (rc == OK) {
        rc = json_parse(text, r->a, &set, r->err);
    }
    if (rc != OK) {
        return rc;
    }
    for (const struct json_node *e = json_first(set); e != NULL; e = json_next(set, e)) {
        json_put(&values, json_key(set, e), json_string(r->a, json_print(e, r->a)));
    }
    json_put(&details, SLICE("truncated"), json_bool(false));
    json_put(&r->b, SLICE("assignedVariables"), json_built(&values));
    json_put(&r->b, SLICE("assignedVariablesDetails"), json_built(&details));
    return OK;
}

/* The documents that the parameters were made from. */
static enum err_code
load_sources(struct render *r, struct execution_header *h, struct frame *f, struct variable *read)
{
    enum err_code rc = load(r, r->ev->doc, &f->input.text);

    if (rc == OK) {
        rc = load(r, h->input, &h->input.text);
    }
    if (rc == OK && f->item.ref != 0) {
        rc = load(r, f->item, &f->item.text);
    }
    for (uint32_t i = 0; i < f->variable_count && rc == OK; i++) {
        read[i] = r->ev->variables[i];
        rc = load(r, read[i].value, &read[i].value.text);
    }
    return rc;
}

/* The task's call again, from the raw input, the variables and the context of that time. */
static enum err_code remake(struct render *r, struct turn *t, struct task_call *call)
{
    const struct history_event *ev = r->ev;
    struct variable *read = ARENA_ARRAY(r->a, ev->variable_count, struct variable);
    struct frame f = {.id = ev->frame,
                      .parent = ASL_NONE,
                      .state = ev->state,
                      .entered_ms = ev->entered_ms,
                      .entered_event = ev->entered_event,
                      .attempt = ev->attempt,
                      .retry_count = ev->retry_count,
                      .item = ev->item,
                      .item_index = ev->item_index,
                      .variables = read,
                      .variable_count = ev->variable_count,
                      .input = ev->doc};
    struct value input;
    struct failure why = {0};
    enum err_code rc = load_sources(r, t->h, &f, read);

    if (rc != OK) {
        return rc;
    }
    input = value_of_doc(f.input);
    if (!task_call(t, &f, ev->seed, &input, call, &why)) {
        return err_set(r->err, ERR_CORRUPT, "event %llu: its parameters cannot be made again: %.*s",
                       (unsigned long long)ev->id, SLICE_FMT(why.cause));
    }
    return t->rc;
}

/* "RoleArn" of the definition is "roleArn" here. */
static void put_credentials(struct render *r, const struct json_node *given)
{
    struct json_builder b = json_build_object(r->a);
    const struct json_node *role = json_member(given, SLICE("RoleArn"));

    if (role != NULL) {
        json_put(&b, SLICE("roleArn"), role);
        json_put(&r->b, SLICE("taskCredentials"), json_built(&b));
    }
}

static enum err_code put_scheduled(struct render *r, bool integration)
{
    struct execution_header header = *r->h;
    struct step nothing = {0};
    struct turn t = {.m = r->m, .a = r->a, .h = &header, .out = &nothing, .err = r->err};
    struct task_call call = {0};
    struct slice text = {0};
    enum err_code rc = OK;

    header.redrive_count = r->ev->redrives;
    header.redrive_ms = (int64_t)r->ev->index;
    if (r->data || integration || task_of(r)->credentials != NULL) {
        rc = remake(r, &t, &call);
        if (rc != OK) {
            return rc;
        }
        text = value_text(&t, &call.parameters);
    }
    if (integration) {
        put_resource(r);
        put_text(r, SLICE("region"), region_of(r));
        put_text(r, SLICE("parameters"), text);
    } else {
        put_text(r, SLICE("resource"), task_of(r)->resource);
        put_data(r, true, text);
    }
    put_limits(r);
    put_credentials(r, call.credentials.node);
    return OK;
}

static enum err_code put_task_output(struct render *r)
{
    const struct json_node *payload;
    struct slice text = {0};
    enum err_code rc = r->data ? load(r, r->ev->doc, &text) : OK;

    if (rc != OK) {
        return rc;
    }
    put_resource(r);
    if (r->data && r->ev->wrapped) {
        rc = json_parse(text, r->a, &payload, r->err);
        if (rc != OK) {
            return rc;
        }
        text =
            json_print(task_wrap(r->h, r->ev->id, r->ev->time_ms, payload, text.len, r->a), r->a);
    }
    put_data(r, false, text);
    return OK;
}

static enum err_code put_details(struct render *r, enum shape shape)
{
    const struct history_event *ev = r->ev;
    enum err_code rc = OK;

    switch (shape) {
    case SHAPE_NONE: break;
    case SHAPE_STARTED:
        rc = put_doc(r, true);
        put_text(r, SLICE("roleArn"), r->h->role_arn);
        break;
    case SHAPE_OUTPUT: rc = put_doc(r, false); break;
    case SHAPE_FAILURE: put_failure(r); break;
    case SHAPE_REDRIVEN:
        json_put(&r->b, SLICE("redriveCount"), json_integer(r->a, ev->retry_count));
        break;
    case SHAPE_ENTERED:
        put_text(r, SLICE("name"), r->m->states[ev->state].name);
        rc = put_doc(r, true);
        break;
    case SHAPE_EXITED:
        put_text(r, SLICE("name"), r->m->states[ev->state].name);
        rc = put_doc(r, false);
        if (rc == OK) {
            rc = put_assigned(r);
        }
        break;
    case SHAPE_ITERATION:
        put_text(r, SLICE("name"), r->m->states[ev->state].name);
        json_put(&r->b, SLICE("index"), json_integer(r->a, (int64_t)ev->index));
        break;
    case SHAPE_LENGTH:
        json_put(&r->b, SLICE("length"), json_integer(r->a, (int64_t)ev->index));
        break;
    case SHAPE_SCHEDULED: rc = put_scheduled(r, false); break;
    case SHAPE_WORKER:
        if (ev->worker.len > 0) {
            put_text(r, SLICE("workerName"), ev->worker);
        }
        break;
    case SHAPE_TASK_SCHEDULED: rc = put_scheduled(r, true); break;
    case SHAPE_TASK: put_resource(r); break;
    case SHAPE_TASK_OUTPUT: rc = put_task_output(r); break;
    case SHAPE_TASK_FAILURE:
        put_resource(r);
        put_failure(r);
        break;
    }
    return rc;
}

static bool needs_state(enum shape shape)
{
    return shape >= SHAPE_ENTERED;
}

static const struct json_node *timestamp(int64_t ms, struct arena *a)
{
    return json_number_text(a,
                            arena_printf(a, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000)));
}

enum err_code history_render(const struct asl_machine *m,
                             const struct execution_header *h,
                             const struct history_event *ev,
                             bool include_data,
                             const struct doc_source *docs,
                             struct arena *a,
                             const struct json_node **out,
                             struct err *err)
{
    struct render r = {m, h, ev, include_data, docs, a, err, json_build_object(a)};
    struct json_builder b = json_build_object(a);
    struct details d = {0};
    enum err_code rc;

    if ((size_t)ev->type < sizeof(details_of) / sizeof(details_of[0])) {
        d = details_of[ev->type];
    }
    if (needs_state(d.shape) && ev->state >= m->state_count) {
        return err_set(err, ERR_CORRUPT, "event %llu names a state its machine does not have",
                       (unsigned long long)ev->id);
    }
    rc = put_details(&r, d.shape);
    if (rc != OK) {
        return rc;
    }
    json_put(&b, SLICE("timestamp"), timestamp(ev->time_ms, a));
    json_put(&b, SLICE("type"), json_string(a, slice_str(history_type_name(ev->type))));
    json_put(&b, SLICE("id"), json_integer(a, (int64_t)ev->id));
    json_put(&b, SLICE("previousEventId"), json_integer(a, (int64_t)ev->previous));
    if (d.member != NULL) {
        json_put(&b, slice_str(d.member), json_built(&r.b));
    }
    *out = json_built(&b);
    return OK;
}
