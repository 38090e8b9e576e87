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
    uint64_t seed = 0;
    unsigned uses = given->is == ASL_SECONDS_PATH ? asl_path_uses(given->path) : 0;
    struct asl_scope_data s = turn_scope(t, f, uses, effective, &seed);

    *out = 0;
    return given->is == ASL_SECONDS_NONE || asl_seconds_value(given, field, &s, out, why);
}

/* Both of the task's deadlines, into the frame. */
static bool deadlines(struct turn *t, struct frame *f, struct value *effective, struct failure *why)
{
    const struct asl_task *task = &frame_state(t, f)->task;
    int64_t timeout;
    int64_t heartbeat;

    if (!seconds(t, f, &task->timeout, "TimeoutSeconds", effective, &timeout, why) ||
        !seconds(t, f, &task->heartbeat, "HeartbeatSeconds", effective, &heartbeat, why)) {
        return false;
    }
    f->timeout_ms = timeout * 1000;
    f->heartbeat_ms = heartbeat * 1000;
    return true;
}

/* The service would not take the call, or only looked at it: history has it as begun and ended. */
static bool ended_at_once(struct turn *t, struct frame *f, struct task_call *call)
{
    if (call->refused.error.ptr != NULL) {
        task_record_started(t, f);
        task_fail(t, f, call->refused, ASL_FAILED_TASK);
        return true;
    }
    if (call->invocation == INVOKE_DRY_RUN) {
        task_record_started(t, f);
        task_take_empty(t, f, 204);
        return true;
    }
    return false;
}

/* What must be known to make the parameters again when history is read. */
static void record_scheduled(struct turn *t, struct frame *f, const struct reads *reads)
{
    const struct asl_state *st = frame_state(t, f);
    unsigned uses = asl_template_uses(st->parameters) | asl_template_uses(st->task.credentials) |
                    asl_path_uses(st->input_path.path);
    struct history_event *e = turn_record(t, f, task_histories[st->task.resource_kind].scheduled);

    e->doc = f->input;
    e->entered_ms = f->entered_ms;
    e->retry_count = f->retry_count;
    e->timeout_s = f->timeout_ms / 1000;
    e->heartbeat_s = f->heartbeat_ms / 1000;
    e->variables = reads->items;
    e->variable_count = (uint32_t)reads->count;
    if ((uses & ASL_USES_CHANCE) != 0) {
        e->seed = chance_seed(t->h, CHANCE_PARAMETERS, f->entered_event, f->attempt);
    }
    if ((uses & ASL_USES_CONTEXT) != 0) {
        e->item = f->item;
        e->item_index = f->item_index;
        e->redrives = t->h->redrive_count;
        e->index = (uint64_t)t->h->redrive_ms;
        e->frame = f->id;
        e->attempt = f->attempt;
        e->entered_event = f->entered_event;
    }
}

static void schedule(struct turn *t, struct frame *f, struct task_call *call)
{
    if (ended_at_once(t, f, call)) {
        return;
    }
    f->submitted = call->invocation == INVOKE_EVENT;
    if (frame_state(t, f)->task.carrier == ASL_BY_CALL) {
        task_call_out(t, f, call);
        return;
    }
    frame_move(f, FRAME_READY);
    task_command(t, f, call, turn_command(t, COMMAND_SCHEDULE_TASK, f));
}

/* An activity that is not there fails the state before anything is scheduled. */
static bool activity_is_there(struct turn *t, const struct frame *f, struct failure *why)
{
    const struct asl_task *task = &frame_state(t, f)->task;
    const struct engine_rules *rules = t->h->rules;

    if (task->carrier != ASL_BY_ACTIVITY || (rules != NULL && rules->has_activity != NULL &&
                                             rules->has_activity(rules->arg, task->activity))) {
        return true;
    }
    *why = flow_runtime(
        arena_printf(t->a, "The activity %.*s does not exist.", SLICE_FMT(task->resource)));
    return false;
}

static void begin(struct turn *t, struct frame *f)
{
    struct value input = value_of_doc(f->input);
    struct task_call call = {0};
    struct failure why = {0};
    struct reads reads = {0};
    bool made;

    f->attempt++;
    f->started = false;
    f->submitted = false;
    t->reads = &reads;
    made = activity_is_there(t, f, &why) &&
           task_call(t, f, chance_seed(t->h, CHANCE_PARAMETERS, f->entered_event, f->attempt),
                     &input, &call, &why);
    t->reads = NULL;
    if (!made || !deadlines(t, f, &call.effective, &why)) {
        flow_evaluation_failed(t, f, why);
    } else if (call.refused.error.ptr == NULL && value_too_large(t, &call.payload)) {
        flow_failed(t, f, flow_too_large(t, task_resource_name(&frame_state(t, f)->task)),
                    ASL_FAILED_TASK);
    } else {
        record_scheduled(t, f, &reads);
        schedule(t, f, &call);
    }
}

const struct engine_kind state_task = {
    .enter = begin,
    .resume = begin,
    .entered = HISTORY_TASK_STATE_ENTERED,
    .exited = HISTORY_TASK_STATE_EXITED,
    .aborted = HISTORY_TASK_STATE_ABORTED,
};
