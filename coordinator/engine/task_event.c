/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a task that is out: granted, handed back, uploading, about to commit, done,
 * failed, timed out. The token decides: one that is not the frame's own changes nothing
 * (STEP_STALE).
 *
 * An upload that was begun is in frame->output until it is completed (success after an intent) or
 * reported gone: it stays there over retries, transitions and the execution's end, and no grant is
 * taken while it is there, so that two attempts never write one object.
 * Source: DESIGN, Leases and output commit; histories as AWS recorded them. */
#include "coordinator/asl/jsonpath.h"
#include "coordinator/engine/step.h"

static struct task_output output_copy(struct turn *t, const struct task_output *o)
{
    return (struct task_output){
        .bucket = arena_copy(t->a, o->bucket),
        .key = arena_copy(t->a, o->key),
        .upload_id = arena_copy(t->a, o->upload_id),
        .mark = arena_copy(t->a, o->mark),
    };
}

static const struct task_history *history_of(const struct turn *t, const struct frame *f)
{
    return &task_histories[frame_state(t, f)->task.resource_kind];
}

static void record_started(struct turn *t, struct frame *f)
{
    struct history_event *e;

    if (!f->started) {
        e = turn_record(t, f, history_of(t, f)->started);
        e->worker = f->worker;
        f->started = true;
    }
}

static enum step_status granted(struct turn *t, struct frame *f)
{
    if (f->status != FRAME_READY || f->output.bucket.ptr != NULL) {
        return STEP_STALE;
    }
    frame_move(f, FRAME_LEASED);
    f->token = t->ev->token;
    f->worker = arena_copy(t->a, t->ev->worker);
    f->granted_ms = t->ev->now_ms;
    record_started(t, f);
    return STEP_DONE;
}

static enum step_status returned(struct turn *t, struct frame *f)
{
    if (f->status != FRAME_LEASED) {
        return STEP_STALE;
    }
    turn_abort_upload(t, f);
    frame_drop_lease(f);
    frame_move(f, FRAME_READY);
    return STEP_DONE;
}

static enum step_status upload(struct turn *t, struct frame *f)
{
    if (f->status != FRAME_LEASED || t->ev->output.bucket.ptr == NULL) {
        return STEP_STALE;
    }
    if (f->output.bucket.ptr != NULL) {
        return slice_eq(f->output.upload_id, t->ev->output.upload_id) ? STEP_DONE : STEP_STALE;
    }
    f->output = output_copy(t, &t->ev->output);
    return STEP_DONE;
}

/* An output too small for an upload comes with its place only now. */
static enum step_status intent(struct turn *t, struct frame *f)
{
    if (f->status != FRAME_LEASED) {
        return STEP_STALE;
    }
    if (f->output.bucket.ptr == NULL) {
        if (t->ev->output.bucket.ptr == NULL) {
            return STEP_STALE;
        }
        f->output = output_copy(t, &t->ev->output);
    }
    f->output.parts = arena_copy(t->a, t->ev->output.parts);
    f->output.result = arena_copy(t->a, t->ev->output.result);
    frame_move(f, FRAME_COMMITTING);
    return STEP_DONE;
}

/* An integration gives a function's error payload as it reads it: compact. A bare Lambda resource
 * gives the text as the function wrote it. Both as AWS recorded them. */
static struct failure as_shown(struct turn *t, const struct frame *f, struct failure why)
{
    const struct json_node *node;

    if (frame_state(t, f)->task.resource_kind == ASL_RESOURCE_INTEGRATION && why.cause.len > 0 &&
        why.cause.ptr[0] == '{' && json_parse(why.cause, t->a, &node, NULL) == OK) {
        why.cause = json_print(node, t->a);
    }
    return failure_cut(t, why);
}

/* The attempt is over without success: history, upload, then retry, catch or the end. */
static void
failed(struct turn *t, struct frame *f, struct failure why, bool timed_out, bool heartbeat)
{
    struct history_event *e;

    record_started(t, f);
    why = as_shown(t, f, why);
    e = turn_record(t, f, timed_out ? history_of(t, f)->timed_out : history_of(t, f)->failed);
    e->error = why.error;
    e->cause = why.cause;
    turn_abort_upload(t, f);
    flow_failed(t, f, why, true, heartbeat);
}

static enum step_status task_failed(struct turn *t, struct frame *f)
{
    if (f->status != FRAME_LEASED && f->status != FRAME_COMMITTING && f->status != FRAME_READY) {
        return STEP_STALE;
    }
    failed(t, f, t->ev->failure, false, false);
    return STEP_DONE;
}

static enum step_status task_timed_out(struct turn *t, struct frame *f)
{
    struct failure why = {.error = SLICE("States.Timeout")};

    if (f->status != FRAME_LEASED) {
        return STEP_STALE;
    }
    failed(t, f, why, true, t->ev->heartbeat);
    return STEP_DONE;
}

/* ---- Success ---- */

/* Does anything look at the result, so that lambda:invoke's wrapping is needed? */
static bool result_is_used(const struct asl_state *st)
{
    return st->result_selector != NULL || st->result_path.is != ASL_PATH_NULL;
}

/* "OutputPath": "$.Payload", as is common: the other members of the wrapping are never seen. */
static bool payload_alone(const struct asl_state *st)
{
    const struct asl_path *p = st->output_path.path;

    return st->result_selector == NULL && st->result_path.is == ASL_PATH_DEFAULT &&
           st->output_path.is == ASL_PATH_SET && p->root == PATH_INPUT && p->step_count > 0 &&
           p->steps[0].kind == PATH_NAME && slice_eq(p->steps[0].name, SLICE("Payload"));
}

static const struct json_node *
wrap(struct turn *t, const struct asl_state *st, struct value *payload)
{
    struct json_builder b;

    if (payload_alone(st)) {
        b = json_build_object(t->a);
        json_put(&b, SLICE("Payload"), value_node(t, payload));
        return json_built(&b);
    }
    return task_wrap(t->h, t->h->next_event, t->ev->now_ms, value_node(t, payload),
                     value_text(t, payload).len, t->a);
}

/* ResultSelector, ResultPath, OutputPath over the result. */
static bool make_output(struct turn *t,
                        struct frame *f,
                        struct value *result,
                        struct value *out,
                        struct failure *why)
{
    const struct asl_state *st = frame_state(t, f);
    uint64_t seed = chance_seed(t->h, CHANCE_OUTPUT, f->entered_event, f->attempt);
    struct value selected = *result;
    struct value placed;
    const struct json_node *node;
    struct asl_scope_data s;

    if (st->result_selector != NULL) {
        s = turn_scope(t, f, value_node(t, result), &seed);
        if (!asl_apply_template(st->result_selector, &s, &node, why)) {
            return false;
        }
        selected = value_of_node(node);
    }
    return flow_result_path(t, f, &selected, &placed, why) &&
           flow_path(t, f, &st->output_path, "OutputPath", &placed, out, why);
}

/* The Succeeded event. Where the wrapped result is the output as well, it is kept once, as that. */
static void record_succeeded(struct turn *t,
                             struct frame *f,
                             struct value *payload,
                             struct value *wrapped,
                             struct value *output)
{
    struct history_event *e = turn_record(t, f, history_of(t, f)->succeeded);
    bool integration = frame_state(t, f)->task.resource_kind == ASL_RESOURCE_INTEGRATION;

    if (integration && output != NULL && output->node != NULL && output->node == wrapped->node) {
        e->doc = value_keep(t, output, &f->input);
        return;
    }
    e->doc = value_keep(t, payload, &f->input);
    e->wrapped = integration;
}

static void succeed(struct turn *t, struct frame *f, struct value *payload, struct value *result)
{
    const struct asl_state *st = frame_state(t, f);
    struct value output;
    struct failure why = {0};

    if (!make_output(t, f, result, &output, &why)) {
        record_succeeded(t, f, payload, result, NULL);
        t->out->task_refused = true;
        flow_evaluation_failed(t, f, why);
        return;
    }
    if (value_too_large(t, &output)) {
        record_succeeded(t, f, payload, result, NULL);
        t->out->task_refused = true;
        flow_failed(t, f, flow_too_large(t, st->name), true, false);
        return;
    }
    record_succeeded(t, f, payload, result, &output);
    if (output.node != NULL && output.node == payload->node) {
        output = *payload;
    }
    flow_exit(t, f, &output, st->next);
}

/* The reported text as a value. False: it is not JSON. */
static bool read_result(struct turn *t, const struct frame *f, struct value *out)
{
    struct slice text = t->ev->result;
    const struct json_node *node;

    /* An echo of the input is known to be in order. */
    if (f->input.text.ptr != NULL && slice_eq(text, f->input.text)) {
        *out = value_of_doc(f->input);
        return true;
    }
    if (json_parse(text, t->a, &node, NULL) != OK) {
        return false;
    }
    *out = value_of_node(node);
    if (json_is_compact(text)) {
        out->doc.text = text;
        t->parsed_text = text;
        t->parsed = node;
    }
    return true;
}

/* Both below the limit, the wrapping measured only where it matters. */
static bool fits(struct turn *t, struct value *payload, struct value *result)
{
    enum { WRAPPING_BYTES_MAX = 2048 };
    size_t len = value_text(t, payload).len;

    return len <= LIMIT_PAYLOAD_BYTES &&
           (result->node == payload->node || len + WRAPPING_BYTES_MAX <= LIMIT_PAYLOAD_BYTES ||
            !value_too_large(t, result));
}

/* The result as the state sees it. False: there is none, with *why set. */
static bool take_result(struct turn *t,
                        struct frame *f,
                        struct value *payload,
                        struct value *result,
                        struct failure *why)
{
    const struct asl_state *st = frame_state(t, f);

    if (!read_result(t, f, payload)) {
        *why = (struct failure){
            SLICE("Runtime.MarshalError"),
            SLICE("{\"errorMessage\":\"The result of the function is not JSON\",\"errorType\":"
                  "\"Runtime.MarshalError\"}"),
        };
        return false;
    }
    *result = *payload;
    if (value_text(t, payload).len <= LIMIT_PAYLOAD_BYTES &&
        st->task.resource_kind == ASL_RESOURCE_INTEGRATION && result_is_used(st)) {
        *result = value_of_node(wrap(t, st, payload));
    }
    if (!fits(t, payload, result)) {
        *why = flow_too_large(t, task_resource_name(&st->task));
        return false;
    }
    return true;
}

static enum step_status task_succeeded(struct turn *t, struct frame *f)
{
    struct value payload;
    struct value result;
    struct failure why = {0};

    if (f->status == FRAME_COMMITTING) {
        f->output = (struct task_output){0};
    } else if (f->status == FRAME_LEASED) {
        turn_abort_upload(t, f);
    } else {
        return STEP_STALE;
    }
    if (take_result(t, f, &payload, &result, &why)) {
        succeed(t, f, &payload, &result);
    } else {
        t->out->task_refused = true;
        failed(t, f, why, false, false);
    }
    return STEP_DONE;
}

/* ---- Which of them ---- */

static enum step_status upload_gone(struct frame *f)
{
    if (f->output.bucket.ptr == NULL || f->status == FRAME_LEASED ||
        f->status == FRAME_COMMITTING) {
        return STEP_STALE;
    }
    f->output = (struct task_output){0};
    return STEP_DONE;
}

static enum step_status dispatch(struct turn *t, struct frame *f)
{
    enum engine_event_kind kind = t->ev->kind;

    if (kind != ENGINE_TASK_GRANTED && !token_eq(f->token, t->ev->token)) {
        return STEP_STALE;
    }
    switch (kind) {
    case ENGINE_TASK_GRANTED: return granted(t, f);
    case ENGINE_TASK_RETURNED: return returned(t, f);
    case ENGINE_TASK_UPLOAD: return upload(t, f);
    case ENGINE_TASK_INTENT: return intent(t, f);
    case ENGINE_TASK_SUCCEEDED: return task_succeeded(t, f);
    case ENGINE_TASK_FAILED: return task_failed(t, f);
    case ENGINE_TASK_TIMED_OUT: return task_timed_out(t, f);
    case ENGINE_START:
    case ENGINE_UPLOAD_GONE:
    case ENGINE_TIMER:
    case ENGINE_DEADLINE:
    case ENGINE_STOP:
    case ENGINE_REDRIVE:
    case ENGINE_CONTINUE: break;
    }
    return STEP_STALE;
}

enum step_status task_event(struct turn *t)
{
    enum step_status status;
    struct frame *f;

    if (t->ev->frame >= t->h->next_frame) {
        return STEP_STALE;
    }
    f = turn_frame(t, t->ev->frame);
    if (f == NULL) {
        return STEP_NEED_FRAME;
    }
    if (t->ev->kind == ENGINE_UPLOAD_GONE) {
        return upload_gone(f);
    }
    if (t->h->status != EXECUTION_RUNNING) {
        return STEP_STALE;
    }
    status = dispatch(t, f);
    if (status == STEP_DONE) {
        flow_run(t, f);
    }
    return status;
}
