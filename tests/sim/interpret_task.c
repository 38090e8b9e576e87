/* SPDX-License-Identifier: Apache-2.0 */
/* What a task's attempt comes to: its function's deed, or the execution it starts.
 * Source: Amazon States Language, tasks; results of lambda:invoke and startExecution as AWS gives
 * them. */
#include "tests/sim/interpret.h"
#include "tests/sim/model_job.h"

#include <stdlib.h>

static const char invoke[] = "arn:aws:states:::lambda:invoke";
static const char start_job[] = "arn:aws:states:::glue:startJobRun";
static const char start[] = "arn:aws:states:::states:startExecution";

/* What is behind the last colon of a function's, activity's or machine's ARN; or a bare name. */
static struct slice name_of(struct slice arn)
{
    size_t colon = slice_rfind(arn, ':');

    return colon == arn.len ? arn : slice_from(arn, colon + 1);
}

/* ---- deeds ---- */

static struct verdict told_by_service(const char *error)
{
    struct verdict x = model_failed(error, (struct slice){NULL, 0}, OF_TASK);

    x.any_cause = true;
    return x;
}

/* Its deadline: the coordinator's own, which has no cause, or in the words of a worker that cannot
 * say that it was the deadline. */
static struct verdict
timed_out(const struct view *v, const struct json_node *state, struct slice function)
{
    struct interpreter *in = v->scope->x->in;
    struct slice resource = json_text(model_member(state, "Resource"));
    bool worker = slice_rfind(resource, '.') == resource.len &&
                  !slice_starts_with(resource, SLICE("arn:aws:states:us"));
    int64_t seconds;

    if (!json_i64(model_member(state, "TimeoutSeconds"), &seconds)) {
        model_die("a task that hangs for ever", function);
    }
    if (!worker || !in->run->older || model_choose(in, 2) == 0) {
        return model_failed("States.Timeout", (struct slice){NULL, 0}, OF_TASK);
    }
    return model_failed("States.Timeout",
                        arena_printf(v->a,
                                     "{\"errorType\":\"States.Timeout\",\"errorMessage\":\"%.*s: "
                                     "Task timed out after %lld.00 seconds\"}",
                                     SLICE_FMT(function), (long long)seconds),
                        OF_TASK);
}

static struct verdict deed_verdict(const struct view *v,
                                   const struct model_deed *d,
                                   const struct json_node *state,
                                   struct slice function)
{
    struct arena *a = v->a;
    const struct json_node *result;
    struct verdict x;

    switch (d->act) {
    case ACT_SUCCEED:
    case ACT_BEAT:
    case ACT_STREAM:
        if (d->result.len >= MODEL_BULK_BYTES) {
            return told_by_service("States.DataLimitExceeded");
        }
        if (json_parse(d->result, a, &result, NULL) != OK) {
            model_die("a result", d->result);
        }
        return model_gives(result);
    case ACT_FAIL:
        x = model_failed("", d->cause, OF_TASK);
        x.error = d->error;
        return x;
    case ACT_HANG: return timed_out(v, state, function);
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
    return deed_verdict(v, &deed, state, function);
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

/* It gets the token, and ends the task: with what it was given, or not well. */
static struct verdict relayed(const struct json_node *input, struct slice machine)
{
    return slice_eq_str(machine, "relay") ? model_gives(model_member(input, "out"))
                                          : model_failed("Refused", SLICE("by a machine"), OF_TASK);
}

static struct slice child_definition(const struct model_run *run, struct slice machine)
{
    for (const struct model_fixture *f = model_fixtures; f->name != NULL; f++) {
        if (slice_eq_str(machine, f->name)) {
            return slice_str(f->definition);
        }
    }
    return run->child != NULL ? run->child(run->arg, machine) : (struct slice){NULL, 0};
}

/* A child that has a name may be another task's too: it has ended when this one asks for it, or is
 * stopped with the other. */
static bool is_lost(const struct view *v, const struct json_node *parameters, struct verdict *x)
{
    static const char *const ends[] = {"StepFunctions.ExecutionAlreadyExistsException",
                                       "States.TaskFailed"};
    unsigned which =
        model_member(parameters, "Name") != NULL ? model_choose(v->scope->x->in, 3) : 0;

    if (which != 0) {
        *x = told_by_service(ends[which - 1]);
    }
    return which != 0;
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
    if (slice_eq_str(pattern, ".waitForTaskToken")) {
        return relayed(x.input, machine);
    }
    if (is_lost(v, parameters, &end)) {
        return end;
    }
    text = child_definition(in->run, machine);
    if (text.ptr == NULL || json_parse(text, v->a, &definition, NULL) != OK) {
        model_die("the definition of a child", machine);
    }
    end = model_execute(&x, definition);
    if (end.failed) {
        return told_by_service("States.TaskFailed");
    }
    return model_gives(description(&x, end.output, slice_eq_str(pattern, ".sync:2"), v->a));
}

/* ---- jobs ---- */

/* Whatever goes wrong on the way is tried again, and so it ends as the job and its input say. */
static struct verdict
run_job(const struct view *v, const struct json_node *parameters, struct slice pattern)
{
    struct slice name = json_text(model_member(parameters, "JobName"));
    const struct model_job *job = model_job_find(name);
    const struct json_node *arguments = model_member(parameters, "Arguments");
    struct json_builder b = json_build_object(v->a);
    struct model_job_end end;

    if (pattern.len == 0) {
        return model_gives(model_unknown(v->a)); /* nobody waits for it */
    }
    if (job == NULL) {
        model_die("a job", name);
    }
    model_job_run(job, json_text(model_member(arguments, "--input-key")), &end);
    buf_fini(&end.output);
    if (end.error != NULL) {
        return told_by_service("States.TaskFailed");
    }
    json_put(&b, SLICE("JobName"), json_string(v->a, name));
    json_put(&b, SLICE("JobRunState"), json_string(v->a, SLICE("SUCCEEDED")));
    return model_gives(json_built(&b));
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
    if (slice_starts_with(resource, slice_str(start_job))) {
        return run_job(v, parameters, slice_from(resource, strlen(start_job)));
    }
    if (slice_starts_with(resource, slice_str(start))) {
        return start_child(v, parameters, slice_from(resource, strlen(start)));
    }
    return call(v, state, name_of(resource), parameters);
}
