/* SPDX-License-Identifier: Apache-2.0 */
/* The execution as a whole: start, the five ways to end, and redrive.
 * Source: Amazon States Language, execution history as AWS records it; AWS Step Functions API,
 * StopExecution and RedriveExecution. */
#include "coordinator/engine/step.h"
#include "proto/base/hash.h"

static int64_t deadline_from(const struct turn *t, int64_t from_ms)
{
    int64_t limit_ms = t->m->timeout_seconds * 1000;

    if (t->h->express && (limit_ms == 0 || limit_ms > LIMIT_EXPRESS_MS)) {
        limit_ms = LIMIT_EXPRESS_MS;
    }
    return limit_ms == 0 ? 0 : from_ms + limit_ms;
}

/* History shows the input as it was given; states see it compact. */
static bool start_input(struct turn *t, struct value *given, struct value *input)
{
    *given = value_of_text(t->h->input.text);
    if (json_parse(given->doc.text, t->a, &given->node, t->err) != OK) {
        turn_break(t, ERR_INVALID_EXECUTION_INPUT, "the execution's input is not JSON");
        return false;
    }
    *input = json_is_compact(given->doc.text) ? *given : value_of_node(given->node);
    return true;
}

enum step_status close_start(struct turn *t)
{
    struct execution_header *h = t->h;
    struct value given;
    struct value input;
    struct frame *f;

    if (h->next_event > 1) {
        return STEP_STALE;
    }
    h->seed = hash_u64(h->seed ^ hash_u64(t->ev->seed));
    h->status = EXECUTION_RUNNING;
    h->next_event = 1;
    h->start_ms = h->start_ms != 0 ? h->start_ms : t->ev->now_ms;
    h->deadline_ms = deadline_from(t, h->start_ms);
    if (!start_input(t, &given, &input)) {
        return STEP_FAILED;
    }
    h->input = value_keep(t, &given, NULL);
    turn_record(t, NULL, HISTORY_EXECUTION_STARTED)->doc = h->input;
    f = turn_new_frame(t);
    f->scope = 0;
    f->state = t->m->scopes[0].start_at;
    f->input = value_keep(t, &input, &h->input);
    flow_run(t, f);
    return STEP_DONE;
}

void close_with(struct turn *t, enum execution_status status, struct failure why)
{
    struct execution_header *h = t->h;

    h->status = status;
    h->stop_ms = t->ev->now_ms;
    h->error = why.error;
    h->cause = why.cause;
    turn_command(t, COMMAND_CLOSED, NULL);
}

static void end_frame(struct turn *t, struct frame *f, enum frame_status to)
{
    if (f->status == FRAME_READY || f->status == FRAME_LEASED || f->status == FRAME_COMMITTING) {
        turn_command(t, COMMAND_CANCEL_TASK, f);
    }
    turn_abort_upload(t, f);
    frame_drop_lease(f);
    frame_move(f, to);
    t->h->open_frames--;
}

void close_succeeded(struct turn *t, struct frame *f, struct value *output)
{
    if (t->full) {
        close_full(t, f);
        return;
    }
    t->h->output = value_keep(t, output, &f->input);
    turn_record_end(t, f->last_event, HISTORY_EXECUTION_SUCCEEDED)->doc = t->h->output;
    frame_move(f, FRAME_DONE);
    t->h->open_frames--;
    close_with(t, EXECUTION_SUCCEEDED, (struct failure){0});
}

static void fail(struct turn *t, struct frame *f, struct failure why)
{
    struct history_event *e = turn_record_end(t, f->last_event, HISTORY_EXECUTION_FAILED);

    e->error = why.error;
    e->cause = why.cause;
    frame_move(f, FRAME_FAILED);
    t->h->open_frames--;
    close_with(t, EXECUTION_FAILED, why);
}

void close_failed(struct turn *t, struct frame *f, struct failure why)
{
    if (t->full) {
        close_full(t, f);
        return;
    }
    frame_drop_lease(f);
    fail(t, f, failure_cut(t, why));
}

void close_full(struct turn *t, struct frame *f)
{
    struct failure why = {
        SLICE("States.Runtime"),
        SLICE("The execution reached the maximum number of history events (25000)."),
    };
    struct history_event *e = turn_record_end(t, f->last_event, HISTORY_EXECUTION_FAILED);

    _Static_assert(LIMIT_HISTORY_EVENTS == 25000, "the text above says so");
    e->error = why.error;
    e->cause = why.cause;
    end_frame(t, f, FRAME_FAILED);
    close_with(t, EXECUTION_FAILED, why);
}

/* End all frames that are open. False: one is not at hand. */
static bool end_frames(struct turn *t)
{
    for (uint32_t id = 0; id < t->h->next_frame; id++) {
        struct frame *f = turn_frame(t, id);

        if (f == NULL) {
            return false;
        }
        if (frame_is_open(f)) {
            end_frame(t, f, FRAME_FAILED);
        }
    }
    return true;
}

enum step_status close_stop(struct turn *t)
{
    struct failure why = failure_cut(t, t->ev->failure);
    struct history_event *e;

    if (t->h->status != EXECUTION_RUNNING) {
        return STEP_STALE;
    }
    if (!end_frames(t)) {
        return STEP_NEED_FRAME;
    }
    e = turn_record_end(t, 0, HISTORY_EXECUTION_ABORTED);
    e->error = why.error;
    e->cause = why.cause;
    close_with(t, EXECUTION_ABORTED, why);
    return STEP_DONE;
}

enum step_status close_deadline(struct turn *t)
{
    const struct execution_header *h = t->h;

    if (h->status != EXECUTION_RUNNING || h->deadline_ms == 0 || t->ev->now_ms < h->deadline_ms) {
        return STEP_STALE;
    }
    if (!end_frames(t)) {
        return STEP_NEED_FRAME;
    }
    turn_record_end(t, 0, HISTORY_EXECUTION_TIMED_OUT);
    close_with(t, EXECUTION_TIMED_OUT, (struct failure){0});
    return STEP_DONE;
}

/* Go on where the frame failed: a task is scheduled again in its state, any other state is entered
 * again. Counters of retries start anew, attempts do not. */
static void revive(struct turn *t, struct frame *f, uint64_t redriven)
{
    f->last_event = redriven;
    f->retry_count = 0;
    f->retries = NULL;
    f->retrier_count = 0;
    frame_move(f, FRAME_RUN);
    t->h->open_frames++;
    if (frame_state(t, f)->kind == ASL_TASK && f->entered_event != 0) {
        state_task_resume(t, f);
    }
    flow_run(t, f);
}

static void reopen(struct turn *t)
{
    struct execution_header *h = t->h;

    h->status = EXECUTION_RUNNING;
    h->stop_ms = 0;
    h->redrive_count++;
    h->redrive_ms = t->ev->now_ms;
    h->redrive_token = t->ev->redrive_token;
    h->deadline_ms = deadline_from(t, t->ev->now_ms);
    h->error = (struct slice){0};
    h->cause = (struct slice){0};
}

enum step_status close_redrive(struct turn *t)
{
    struct execution_header *h = t->h;
    struct history_event *e;
    uint64_t redriven;

    if (h->express || (h->status != EXECUTION_FAILED && h->status != EXECUTION_ABORTED &&
                       h->status != EXECUTION_TIMED_OUT)) {
        return STEP_STALE;
    }
    reopen(t);
    e = turn_record_end(t, h->next_event - 1, HISTORY_EXECUTION_REDRIVEN);
    e->retry_count = h->redrive_count;
    redriven = e->id;
    for (uint32_t id = 0; id < h->next_frame; id++) {
        struct frame *f = turn_frame(t, id);

        if (f == NULL) {
            return STEP_NEED_FRAME;
        }
        if (f->status == FRAME_FAILED && h->status == EXECUTION_RUNNING) {
            revive(t, f, redriven);
        }
    }
    return STEP_DONE;
}
