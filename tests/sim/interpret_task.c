/* SPDX-License-Identifier: Apache-2.0 */
/* What a task's attempt comes to: its function's deed, or the execution it starts.
 * Source: Amazon States Language, tasks; results of lambda:invoke and startExecution as AWS gives
 * them. */
#include "tests/sim/interpret.h"

#include <stdlib.h>

static const char invoke[] = "arn:aws:states:::lambda:invoke";
static const char start[] = "arn:aws:states:::states:startExecution";

/* What is behind the last colon of a function's, activity's or machine's ARN; or a bare name. */
static struct slice name_of(struct slice arn)
{
    size_t colon = slice_rfind(arn, ':');

    return colon == arn.len ? arn : slice_from(arn, colon + 1);
}

/* ---- deeds ---- */

static struct verdict deed_verdict(const struct model_deed *d,
                                   const struct json_node *state,
                                   struct slice function,
                                   struct arena *a)
{
    const struct json_node *result;
    struct verdict x;

    switch (d->act) {
    case ACT_SUCCEED:
    case ACT_BEAT:
    case ACT_STREAM:
        if (json_parse(d->result, a, &result, NULL) != OK) {
            model_die("a result", d->result);
        }
        return model_gives(result);
    case ACT_FAIL:
        x = model_failed("", d->cause, OF_TASK);
        x.error = d->error;
        return x;
    case ACT_HANG:
        if (model_member(state, "TimeoutSeconds") == NULL) {
            model_die("a task that hangs for ever", function);
        }
        return model_failed("States.Timeout", (struct slice){NULL, 0}, OF_TASK);
    }
    return model_runtime();
}

/* The first try of what may fail by luck has bad luck: its Task must retry that. */
static struct verdict call(const struct view *v,
                           const struct json_node *state,
                           struct slice function,
                           const struct json_node *event)
{
    struct model_deed deed;

    model_handle(function, event, v->tries == 0 ? 1 : 0, v->a, &deed);
    return deed_verdict(&deed, state, function, v->a);
}

/* lambda:invoke's result around a payload. */
static struct verdict wrapped(struct verdict x, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    if (x.failed) {
        return x;
    }
    json_put(&b, SLICE("ExecutedVersion"), json_string(a, SLICE("$LATEST")));
    json_put(&b, SLICE("Payload"), x.output);
    json_put(&b, SLICE("SdkHttpMetadata"), model_unknown(a));
    json_put(&b, SLICE("SdkResponseMetadata"), model_unknown(a));
    json_put(&b, SLICE("StatusCode"), json_integer(a, 200));
    x.output = json_built(&b);
    return x;
}

/* ---- executions that are started ---- */

static const struct json_node *included(struct arena *a)
{
    struct json_builder b = json_build_object(a);

    json_put(&b, SLICE("Included"), json_bool(true));
    return json_built(&b);
}

/* What .sync and .sync:2 give of one that succeeded. As text, a document's members are in no order
 * that could be told. */
static const struct json_node *description(const struct execution_run *x,
                                           const struct json_node *output,
                                           bool parsed,
                                           struct arena *a)
{
    struct json_builder b = json_build_object(a);

    json_put(&b, SLICE("ExecutionArn"), model_unknown(a));
    json_put(&b, SLICE("Input"), parsed ? x->input : model_unknown(a));
    json_put(&b, SLICE("InputDetails"), included(a));
    json_put(&b, SLICE("Name"), model_unknown(a));
    json_put(&b, SLICE("Output"), parsed ? output : model_unknown(a));
    json_put(&b, SLICE("OutputDetails"), included(a));
    json_put(&b, SLICE("StartDate"), model_unknown(a));
    json_put(&b, SLICE("StateMachineArn"), model_unknown(a));
    json_put(&b, SLICE("Status"), json_string(a, SLICE("SUCCEEDED")));
    json_put(&b, SLICE("StopDate"), model_unknown(a));
    return json_built(&b);
}

static struct verdict
start_child(const struct view *v, const struct json_node *parameters, struct slice pattern)
{
    struct interpreter *in = v->scope->x->in;
    struct execution_run x = {in, model_member(parameters, "Input"), 0};
    struct slice machine = name_of(json_text(model_member(parameters, "StateMachineArn")));
    const struct json_node *definition;
    struct verdict end;
    struct slice text;

    if (pattern.len == 0) {
        return model_gives(model_unknown(v->a)); /* nobody waits for it */
    }
    text = in->run->child != NULL ? in->run->child(in->run->arg, machine) : (struct slice){NULL, 0};
    if (text.ptr == NULL || json_parse(text, v->a, &definition, NULL) != OK) {
        model_die("the definition of a child", machine);
    }
    end = model_execute(&x, definition);
    if (end.failed) {
        end = model_failed("States.TaskFailed", (struct slice){NULL, 0}, OF_TASK);
        end.any_cause = true;
        return end;
    }
    return model_gives(description(&x, end.output, slice_eq_str(pattern, ".sync:2"), v->a));
}

/* ---- which of them ---- */

static struct verdict invoke_function(const struct view *v,
                                      const struct json_node *state,
                                      const struct json_node *parameters,
                                      struct slice pattern)
{
    struct slice function = name_of(json_text(model_member(parameters, "FunctionName")));
    const struct json_node *event = model_member(parameters, "Payload");
    struct verdict x = call(v, state, function, event);

    return pattern.len == 0 ? wrapped(x, v->a) : x;
}

/* The fleet's own troubles must be retried without end, or nothing could be told. */
static void check_first_retrier(const struct json_node *state)
{
    const struct json_node *first = json_element(model_member(state, "Retry"), 0);
    int64_t most = 0;

    if (!json_i64(model_member(first, "MaxAttempts"), &most) || most < 1000000) {
        model_die("a task that does not retry the fleet's troubles", SLICE(""));
    }
}

struct verdict model_attempt(const struct view *v, const struct json_node *state)
{
    struct slice resource = json_text(model_member(state, "Resource"));
    const struct json_node *template = model_member(state, "Parameters");
    const struct json_node *parameters = v->input;

    check_first_retrier(state);
    if (template != NULL && !model_template(v, template, &parameters)) {
        return model_runtime();
    }
    if (slice_starts_with(resource, slice_str(invoke))) {
        return invoke_function(v, state, parameters, slice_from(resource, strlen(invoke)));
    }
    if (slice_starts_with(resource, slice_str(start))) {
        return start_child(v, parameters, slice_from(resource, strlen(start)));
    }
    return call(v, state, name_of(resource), parameters);
}
