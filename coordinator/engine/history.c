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

/* The parameters again, from the raw input and the context of that time. */
static enum err_code parameters(struct render *r, struct slice *out)
{
    struct execution_header header = *r->h;
    struct turn t = {.m = r->m, .a = r->a, .h = &header, .err = r->err};
    struct frame f = {.state = r->ev->state,
                      .entered_ms = r->ev->entered_ms,
                      .retry_count = r->ev->retry_count,
                      .input = r->ev->doc};
    struct value input;
    struct task_call call = {0};
    struct failure why = {0};
    enum err_code rc = load(r, r->ev->doc, &f.input.text);

    if (rc == OK) {
        rc = load(r, header.input, &header.input.text);
    }
    if (rc != OK) {
        return rc;
    }
    input = value_of_doc(f.input);
    if (!task_call(&t, &f, r->ev->seed, &input, &call, &why)) {
        return err_set(r->err, ERR_CORRUPT, "event %llu: its parameters cannot be made again: %.*s",
                       (unsigned long long)r->ev->id, SLICE_FMT(why.cause));
    }
    *out = value_text(&t, &call.parameters);
    return t.rc;
}

static enum err_code put_scheduled(struct render *r, bool integration)
{
    struct slice text = {0};
    enum err_code rc = r->data || integration ? parameters(r, &text) : OK;

    if (rc != OK) {
        return rc;
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
        break;
    case SHAPE_SCHEDULED: rc = put_scheduled(r, false); break;
    case SHAPE_WORKER: put_text(r, SLICE("workerName"), ev->worker); break;
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
