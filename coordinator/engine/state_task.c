/* SPDX-License-Identifier: Apache-2.0 */
/* Task: scheduled at entry, after a retry's timer, and by a redrive. What happens to it while it is
 * out is task_event.c.
 * Source: Amazon States Language, states and error handling. */
#include "coordinator/engine/step.h"

static bool seconds(struct turn *t,
                    const struct frame *f,
                    const struct asl_seconds *given,
                    const char *field,
                    struct value *effective,
                    int64_t *out,
                    struct failure *why)
{
    struct asl_scope_data s = {.a = t->a};
    uint64_t seed = 0;

    *out = 0;
    if (given->is == ASL_SECONDS_NONE) {
        return true;
    }
    if (given->is == ASL_SECONDS_PATH) {
        s = turn_path_scope(t, f, given->path, value_node(t, effective), &seed);
    }
    return asl_seconds_value(given, field, &s, out, why);
}

/* The service would not take the call: history has it as begun and failed. */
static void refused(struct turn *t, struct frame *f, struct failure why)
{
    const struct task_history *h = &task_histories[frame_state(t, f)->task.resource_kind];
    struct history_event *e;

    turn_record(t, f, h->started);
    e = turn_record(t, f, h->failed);
    e->error = why.error;
    e->cause = why.cause;
    flow_failed(t, f, why, true, false);
}

static void schedule(struct turn *t,
                     struct frame *f,
                     struct task_call *call,
                     int64_t timeout,
                     int64_t heartbeat)
{
    const struct asl_state *st = frame_state(t, f);
    struct history_event *e;
    struct command *c;

    f->attempt++;
    f->started = false;
    f->timeout_ms = timeout * 1000;
    f->heartbeat_ms = heartbeat * 1000;
    frame_move(f, FRAME_READY);
    e = turn_record(t, f, task_histories[st->task.resource_kind].scheduled);
    e->doc = f->input;
    e->entered_ms = f->entered_ms;
    e->retry_count = f->retry_count;
    e->timeout_s = timeout;
    e->heartbeat_s = heartbeat;
    if (st->parameters != NULL && asl_template_is_random(st->parameters)) {
        e->seed = chance_seed(t->h, CHANCE_PARAMETERS, f->entered_event, f->attempt);
    }
    if (call->refused.error.ptr != NULL) {
        refused(t, f, call->refused);
        return;
    }
    c = turn_command(t, COMMAND_SCHEDULE_TASK, f);
    c->function = call->function;
    c->payload = value_text(t, &call->payload);
}

void state_task_resume(struct turn *t, struct frame *f)
{
    const struct asl_task *task = &frame_state(t, f)->task;
    uint64_t seed = chance_seed(t->h, CHANCE_PARAMETERS, f->entered_event, f->attempt + 1);
    struct value input = value_of_doc(f->input);
    struct task_call call = {0};
    struct failure why = {0};
    int64_t timeout;
    int64_t heartbeat;

    if (!task_call(t, f, seed, &input, &call, &why) ||
        !seconds(t, f, &task->timeout, "TimeoutSecondsPath", &call.effective, &timeout, &why) ||
        !seconds(t, f, &task->heartbeat, "HeartbeatSecondsPath", &call.effective, &heartbeat,
                 &why)) {
        flow_evaluation_failed(t, f, why);
    } else if (call.refused.error.ptr == NULL && value_too_large(t, &call.payload)) {
        flow_failed(t, f, flow_too_large(t, task_resource_name(task)), true, false);
    } else {
        schedule(t, f, &call, timeout, heartbeat);
    }
}

void state_task_enter(struct turn *t, struct frame *f)
{
    state_task_resume(t, f);
}
