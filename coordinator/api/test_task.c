/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/test_task.h"

/* ---- which may be ---- */

/* Whoever a stored definition may name, a new one needs a handler that is bound. */
static bool is_carried(const struct asl_task *task, const struct asl_options *options)
{
    struct slice handler;

    return task->carrier != ASL_BY_HANDLER ||
           (options->bound != NULL &&
            options->bound(options->arg, task->service, task->action, &handler));
}

enum err_code
test_task_check(const struct asl_task *task, const struct asl_options *options, struct err *err)
{
    if (task->carrier == ASL_BY_ACTIVITY || task->pattern != ASL_REQUEST_RESPONSE) {
        return err_set(err, ERR_INVALID_DEFINITION,
                       "TestState API does not support Activity tasks, '.sync' or "
                       "'.waitForTaskToken' service integration patterns when a mock is not "
                       "specified");
    }
    if (!is_carried(task, options)) {
        return err_set(err, ERR_INVALID_DEFINITION,
                       "No handler is bound to %.*s: it can be tested with a mock alone",
                       SLICE_FMT(task->resource));
    }
    return OK;
}

/* ---- the machine ---- */

static const struct json_node *
task_state(const struct asl_task *task, const struct inspect_order *order, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    json_put(&b, SLICE("Type"), json_string(a, SLICE("Task")));
    json_put(&b, SLICE("Resource"), json_string(a, task->resource));
    if (order->credentials != NULL) {
        json_put(&b, SLICE("Credentials"), order->credentials);
    }
    if (order->timeout_s != 0) {
        json_put(&b, SLICE("TimeoutSeconds"), json_integer(a, order->timeout_s));
    }
    /* One that is not the sooner of the two says nothing, and is not to be written. */
    if (order->heartbeat_s != 0 &&
        (order->timeout_s == 0 || order->heartbeat_s < order->timeout_s)) {
        json_put(&b, SLICE("HeartbeatSeconds"), json_integer(a, order->heartbeat_s));
    }
    json_put(&b, SLICE("End"), json_bool(true));
    return json_built(&b);
}

enum err_code test_task_machine(const struct asl_state *state,
                                const struct inspect_order *order,
                                const struct asl_options *options,
                                struct arena *a,
                                struct asl_machine **out,
                                struct err *err)
{
    struct json_builder states = json_build_object(a);
    struct json_builder b = json_build_object(a);
    struct asl_options stored = *options;
    struct asl_diagnostics found = {0};

    json_put(&states, state->name, task_state(&state->task, order, a));
    json_put(&b, SLICE("StartAt"), json_string(a, state->name));
    json_put(&b, SLICE("States"), json_built(&states));
    stored.stored = true; /* its parameters are its input */
    return asl_machine_parse(json_print(json_built(&b), a), &stored, a, &found, out, err);
}

/* ---- what it came to ---- */

/* A test says what went wrong, not where in a history that nobody sees. */
static struct slice
without_place(struct slice cause, const struct ledger_view *run, struct arena *a)
{
    const struct frame *f = run->frames[0].frame;
    struct slice place =
        engine_failure_place(run->machine->states[f->state].name, f->entered_event, a);

    return slice_starts_with(cause, place) ? slice_from(cause, place.len) : cause;
}

void test_task_work(const struct ledger_view *run, struct arena *a, struct inspect_work *out)
{
    const struct execution_header *h = run->header;

    *out = (struct inspect_work){
        .failure = {h->error, without_place(h->cause, run, a)},
        .kinds = run->failed_as,
    };
    if (h->status == EXECUTION_SUCCEEDED) {
        (void)json_parse(h->output.text, a, &out->result, NULL); /* our own text */
    } else if (h->status == EXECUTION_TIMED_OUT) {
        out->failure.error = SLICE("States.Timeout"); /* its five minutes are over */
        out->final = true;
    }
}
