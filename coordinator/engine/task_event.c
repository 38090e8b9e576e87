/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a task that is out: granted, handed back, uploading, about to commit, submitted,
 * done, failed, timed out; taken from its activity, called by the coordinator, ended by its token
 * or by the execution it started. The token decides (or the state's entry and the attempt): one
 * that is not the frame's own changes nothing (STEP_STALE).
 *
 * An upload that was begun is in frame->output until it is completed (success after an intent) or
 * reported gone: it stays there over retries, transitions and the execution's end, and no grant is
 * taken while it is there, so that two attempts never write one object.
 *
 * A task's token may come back before the call that hands it on has been answered: the answer is
 * kept in frame->answer, and counts when the call ends.
 * Source: DESIGN, Leases and output commit; histories as AWS recorded them. */
#include "coordinator/engine/step.h"

static const struct asl_task *task_of(const struct turn *t, const struct frame *f)
{
    return &frame_state(t, f)->task;
}

static bool is_sync(const struct asl_task *task)
{
    return task->pattern == ASL_SYNC || task->pattern == ASL_SYNC2;
}

static struct task_output output_copy(struct turn *t, const struct task_output *o)
{
    return (struct task_output){
        .bucket = arena_copy(t->a, o->bucket),
        .key = arena_copy(t->a, o->key),
        .upload_id = arena_copy(t->a, o->upload_id),
        .mark = arena_copy(t->a, o->mark),
    };
}

static struct slice slice_kept(struct turn *t, struct slice s)
{
    return s.ptr == NULL ? s : arena_copy(t->a, s);
}

/* ---- waiting without a worker ---- */

/* The frame waits in `status` for its token or its child, no longer than the state says. */
static void wait_for_end(struct turn *t, struct frame *f, enum frame_status status)
{
    int64_t began_ms = f->granted_ms != 0 ? f->granted_ms : t->ev->now_ms;

    frame_move(f, status);
    f->granted_ms = began_ms;
    f->token = (struct token){0};
    f->deadline_ms = f->timeout_ms > 0 ? began_ms + f->timeout_ms : 0;
    f->beat_due_ms =
        status == FRAME_TOKEN && f->heartbeat_ms > 0 ? t->ev->now_ms + f->heartbeat_ms : 0;
    f->due_ms = f->deadline_ms;
    if (f->beat_due_ms != 0 && (f->due_ms == 0 || f->beat_due_ms < f->due_ms)) {
        f->due_ms = f->beat_due_ms;
    }
    if (f->due_ms != 0) {
        turn_command(t, COMMAND_SET_TIMER, f)->due_ms = f->due_ms;
    }
}

enum step_status task_due(struct turn *t, struct frame *f)
{
    task_time_out(t, f, f->beat_due_ms != 0 && f->due_ms == f->beat_due_ms);
    return STEP_DONE;
}

static void apply_answer(struct turn *t, struct frame *f)
{
    struct task_answer answer = f->answer;

    turn_abort_upload(t, f);
    f->answer = (struct task_answer){0};
    if (answer.is == ANSWER_SUCCEEDED) {
        task_take_result(t, f, answer.result);
    } else {
        task_fail(t, f, (struct failure){answer.error, answer.cause},
                  ASL_FAILED_TASK | FAILED_BY_TOKEN);
    }
}

/* The call that hands the token on has been answered. */
static void call_answered(struct turn *t, struct frame *f, struct slice text)
{
    if (!task_record_submitted(t, f, text)) {
        return;
    }
    if (f->answer.is != ANSWER_NONE) {
        apply_answer(t, f);
    } else {
        wait_for_end(t, f, FRAME_TOKEN);
    }
}

/* ---- workers ---- */

static enum step_status granted(struct turn *t, struct frame *f)
{
    if (f->status != FRAME_READY || f->output.bucket.ptr != NULL ||
        task_of(t, f)->carrier == ASL_BY_ACTIVITY) {
        return STEP_STALE;
    }
    frame_move(f, FRAME_LEASED);
    f->token = t->ev->token;
    f->worker = arena_copy(t->a, t->ev->worker);
    f->holder = t->ev->holder;
    f->granted_ms = t->ev->now_ms;
    task_record_started(t, f);
    return STEP_DONE;
}

static enum step_status returned(struct turn *t, struct frame *f)
{
    if (f->status != FRAME_LEASED) {
        return STEP_STALE;
    }
    if (f->answer.is != ANSWER_NONE) {
        turn_command(t, COMMAND_CANCEL_TASK, f); /* before what follows is scheduled */
        apply_answer(t, f);
        return STEP_DONE;
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

static enum step_status submitted(struct turn *t, struct frame *f)
{
    if (f->status != FRAME_LEASED || !is_sync(task_of(t, f))) {
        return STEP_STALE;
    }
    /* Where that fails the attempt, its worker is still at work. */
    if (!f->submitted && !task_record_submitted(t, f, t->ev->result)) {
        turn_command(t, COMMAND_CANCEL_TASK, f)->token = t->ev->token;
    }
    return STEP_DONE;
}

static enum step_status succeeded(struct turn *t, struct frame *f)
{
    const struct asl_task *task = task_of(t, f);

    if (f->status == FRAME_COMMITTING) {
        f->output = (struct task_output){0};
    } else if (f->status == FRAME_LEASED) {
        turn_abort_upload(t, f);
    } else {
        return STEP_STALE;
    }
    if (task->pattern == ASL_WAIT_FOR_TASK_TOKEN) {
        call_answered(t, f, t->ev->result);
    } else if (task_is_invoke(task) && f->submitted) {
        task_take_empty(t, f, 202);
    } else if (!is_sync(task) || f->submitted || task_record_submitted(t, f, t->ev->result)) {
        task_take_result(t, f, t->ev->result);
    }
    return STEP_DONE;
}

/* The attempt ends without a result, and yet not in a failure: its token's holder was quicker, or
 * nobody waits for what the function gives. */
static bool ends_well(struct turn *t, struct frame *f)
{
    if (f->answer.is != ANSWER_NONE) {
        apply_answer(t, f);
        return true;
    }
    if (f->status != FRAME_READY && f->submitted && task_is_invoke(task_of(t, f))) {
        turn_abort_upload(t, f);
        task_take_empty(t, f, 202);
        return true;
    }
    return false;
}

static enum step_status failed(struct turn *t, struct frame *f)
{
    if (f->status != FRAME_LEASED && f->status != FRAME_COMMITTING && f->status != FRAME_READY) {
        return STEP_STALE;
    }
    if (!ends_well(t, f)) {
        task_fail(t, f, t->ev->failure, ASL_FAILED_TASK);
    }
    return STEP_DONE;
}

static enum step_status timed_out(struct turn *t, struct frame *f)
{
    if (f->status != FRAME_LEASED) {
        return STEP_STALE;
    }
    if (!ends_well(t, f)) {
        task_time_out(t, f, t->ev->heartbeat);
    }
    return STEP_DONE;
}

static enum step_status upload_gone(struct frame *f)
{
    if (f->output.bucket.ptr == NULL || f->status == FRAME_LEASED ||
        f->status == FRAME_COMMITTING) {
        return STEP_STALE;
    }
    f->output = (struct task_output){0};
    return STEP_DONE;
}

static enum step_status worker_event(struct turn *t, struct frame *f)
{
    enum engine_event_kind kind = t->ev->kind;

    if (kind == ENGINE_TASK_GRANTED) {
        return granted(t, f);
    }
    if (!token_eq(f->token, t->ev->token)) {
        return STEP_STALE;
    }
    switch ((int)kind) {
    case ENGINE_TASK_RETURNED: return returned(t, f);
    case ENGINE_TASK_UPLOAD: return upload(t, f);
    case ENGINE_TASK_INTENT: return intent(t, f);
    case ENGINE_TASK_SUBMITTED: return submitted(t, f);
    case ENGINE_TASK_SUCCEEDED: return succeeded(t, f);
    case ENGINE_TASK_FAILED: return failed(t, f);
    default: return timed_out(t, f);
    }
}

/* ---- activities ---- */

static enum step_status activity_taken(struct turn *t, struct frame *f)
{
    if (f->status != FRAME_READY || task_of(t, f)->carrier != ASL_BY_ACTIVITY) {
        return STEP_STALE;
    }
    f->worker = slice_kept(t, t->ev->worker);
    task_record_started(t, f);
    wait_for_end(t, f, FRAME_TOKEN);
    return STEP_DONE;
}

/* ---- tasks known by their state's entry and attempt ---- */

/* Somebody may have the token already, though what hands it on has not been answered. */
static bool call_is_out(const struct frame *f)
{
    return f->status == FRAME_LEASED || f->status == FRAME_COMMITTING || f->status == FRAME_CALL;
}

static enum step_status token_ended(struct turn *t, struct frame *f)
{
    const struct engine_event *ev = t->ev;
    bool good = ev->kind == ENGINE_TOKEN_SUCCEEDED;

    if ((f->status != FRAME_TOKEN && !call_is_out(f)) || !task_hands_out_token(task_of(t, f)) ||
        f->answer.is != ANSWER_NONE) {
        return STEP_STALE;
    }
    f->answer = (struct task_answer){
        .is = good ? ANSWER_SUCCEEDED : ANSWER_FAILED,
        .result = good ? arena_copy(t->a, ev->result) : (struct slice){0},
        .error = slice_kept(t, ev->failure.error),
        .cause = slice_kept(t, ev->failure.cause),
    };
    if (f->status == FRAME_TOKEN) {
        apply_answer(t, f);
    }
    return STEP_DONE;
}

static enum step_status token_heartbeat(struct turn *t, struct frame *f)
{
    if (!task_hands_out_token(task_of(t, f)) || f->answer.is != ANSWER_NONE) {
        return STEP_STALE;
    }
    if (call_is_out(f)) {
        return STEP_DONE; /* the heartbeat's clock runs from the call's answer */
    }
    if (f->status != FRAME_TOKEN) {
        return STEP_STALE;
    }
    if (f->heartbeat_ms > 0) {
        f->beat_due_ms = t->ev->now_ms + f->heartbeat_ms;
        f->due_ms = f->deadline_ms != 0 && f->deadline_ms < f->beat_due_ms ? f->deadline_ms
                                                                           : f->beat_due_ms;
        turn_command(t, COMMAND_SET_TIMER, f)->due_ms = f->due_ms;
    }
    return STEP_DONE;
}

void task_call_out(struct turn *t, struct frame *f, struct task_call *call)
{
    frame_move(f, FRAME_CALL);
    f->granted_ms = t->ev->now_ms;
    task_record_started(t, f);
    task_command(t, f, call, turn_command(t, COMMAND_CALL, f));
}

static enum step_status call_done(struct turn *t, struct frame *f)
{
    const struct asl_task *task = task_of(t, f);
    const struct engine_event *ev = t->ev;

    if (f->status != FRAME_CALL) {
        return STEP_STALE;
    }
    if (f->answer.is != ANSWER_NONE && ev->failure.error.ptr != NULL) {
        apply_answer(t, f);
    } else if (ev->failure.error.ptr != NULL) {
        task_fail(t, f, ev->failure, ASL_FAILED_TASK);
    } else if (task->pattern == ASL_WAIT_FOR_TASK_TOKEN) {
        call_answered(t, f, ev->result);
    } else if (!is_sync(task)) {
        task_take_result(t, f, ev->result);
    } else if (task_record_submitted(t, f, ev->result)) {
        f->child = ev->child;
        wait_for_end(t, f, FRAME_CHILD);
    }
    return STEP_DONE;
}

/* .sync:2 gives the child's input and output as JSON, .sync as text. */
static struct slice child_result(struct turn *t, const struct frame *f, struct slice text)
{
    struct json_builder b = json_build_object(t->a);
    const struct json_node *whole;

    if (task_of(t, f)->pattern != ASL_SYNC2 || json_parse(text, t->a, &whole, NULL) != OK) {
        return text;
    }
    for (const struct json_node *e = json_first(whole); e != NULL; e = json_next(whole, e)) {
        struct slice key = json_key(whole, e);
        const struct json_node *v = e;

        if (slice_eq_str(key, "Input") || slice_eq_str(key, "Output")) {
            (void)json_parse(json_text(e), t->a, &v, NULL);
        }
        json_put(&b, key, v);
    }
    return json_print(json_built(&b), t->a);
}

static enum step_status child_ended(struct turn *t, struct frame *f)
{
    if (f->status != FRAME_CHILD) {
        return STEP_STALE;
    }
    if (t->ev->failed) {
        task_fail(t, f, (struct failure){SLICE("States.TaskFailed"), t->ev->result},
                  ASL_FAILED_TASK);
    } else {
        task_take_result(t, f, child_result(t, f, t->ev->result));
    }
    return STEP_DONE;
}

static enum step_status entry_event(struct turn *t, struct frame *f)
{
    if (f->entered_event != t->ev->entered_event || f->attempt != t->ev->attempt ||
        (t->ev->entered_ms != 0 && f->entered_ms != t->ev->entered_ms)) {
        return STEP_STALE;
    }
    switch ((int)t->ev->kind) {
    case ENGINE_CALL_DONE: return call_done(t, f);
    case ENGINE_CHILD_ENDED: return child_ended(t, f);
    case ENGINE_TOKEN_HEARTBEAT: return token_heartbeat(t, f);
    default: return token_ended(t, f);
    }
}

/* ---- which of them ---- */

enum step_status task_event(struct turn *t)
{
    enum engine_event_kind kind = t->ev->kind;
    struct frame *f;

    if (t->ev->frame >= t->h->next_frame) {
        return STEP_STALE;
    }
    f = turn_frame(t, t->ev->frame);
    if (f == NULL) {
        return STEP_STALE; /* or in need of it: see turn.missing */
    }
    if (kind == ENGINE_UPLOAD_GONE) {
        return upload_gone(f);
    }
    if (t->h->status != EXECUTION_RUNNING || frame_state(t, f)->kind != ASL_TASK) {
        return STEP_STALE;
    }
    if (kind == ENGINE_ACTIVITY_TAKEN) {
        return activity_taken(t, f);
    }
    return kind >= ENGINE_CALL_DONE ? entry_event(t, f) : worker_event(t, f);
}
