/* SPDX-License-Identifier: Apache-2.0 */
/* The execution as a whole: start, the five ways to end, and redrive.
 * Source: Amazon States Language, execution history as AWS records it; AWS Step Functions API,
 * StopExecution and RedriveExecution. */
#include "coordinator/engine/inspect.h"
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
    turn_record_end(t, 0, HISTORY_EXECUTION_STARTED)->doc = h->input;
    f = turn_new_frame(t, h->next_frame++);
    f->scope = 0;
    f->state = t->m->scopes[0].start_at;
    f->input = value_keep(t, &input, &h->input);
    turn_queue(t, f);
    return STEP_DONE;
}

/* End the execution, without an event. */
static void end(struct turn *t, enum execution_status status, struct failure why)
{
    struct execution_header *h = t->h;

    h->status = status;
    h->stop_ms = t->ev->now_ms;
    h->error = why.error;
    h->cause = why.cause;
    turn_command(t, COMMAND_CLOSED, NULL);
}

void close_succeeded(struct turn *t, struct frame *f, struct value *output)
{
    if (turn_is_over(t)) {
        return; /* a full history: close_full() follows */
    }
    t->h->output = value_keep(t, output, &f->input);
    turn_record_end(t, f->last_event, HISTORY_EXECUTION_SUCCEEDED)->doc = t->h->output;
    frame_move(f, FRAME_DONE);
    t->h->open_frames--;
    end(t, EXECUTION_SUCCEEDED, (struct failure){0});
}

static void fail(struct turn *t, uint64_t previous, struct failure why)
{
    struct history_event *e = turn_record_end(t, previous, HISTORY_EXECUTION_FAILED);

    e->error = why.error;
    e->cause = why.cause;
    end(t, EXECUTION_FAILED, why);
}

/* End all frames that are open. False: one is not at hand. */
static bool end_frames(struct turn *t)
{
    struct frame *top = turn_frame(t, 0);

    if (top != NULL && frame_is_open(top)) {
        join_end_tree(t, top);
    }
    return !t->missing;
}

void close_failed(struct turn *t, struct frame *f, struct failure why)
{
    uint64_t last = f->last_event;

    if (!turn_is_over(t) && end_frames(t)) {
        fail(t, last, why);
    }
}

void close_full(struct turn *t)
{
    const struct frame *top = turn_peek(t, 0);
    struct failure why = {
        SLICE("States.Runtime"),
        arena_printf(t->a, "The execution reached the maximum number of history events (%llu).",
                     (unsigned long long)rules_history_events(t->h)),
    };

    if (top != NULL && end_frames(t)) {
        fail(t, t->h->next_event - 1, why);
    }
}

enum step_status close_stop(struct turn *t)
{
    struct failure why = failure_cut(t, t->ev->failure);
    struct history_event *e;

    if (t->h->status != EXECUTION_RUNNING) {
        return STEP_STALE;
    }
    if (!end_frames(t)) {
        return STEP_DONE; /* undone: a frame is missing */
    }
    e = turn_record_end(t, 0, HISTORY_EXECUTION_ABORTED);
    e->error = why.error;
    e->cause = why.cause;
    end(t, EXECUTION_ABORTED, why);
    return STEP_DONE;
}

enum step_status close_deadline(struct turn *t)
{
    const struct execution_header *h = t->h;

    if (h->status != EXECUTION_RUNNING || h->deadline_ms == 0 || t->ev->now_ms < h->deadline_ms) {
        return STEP_STALE;
    }
    if (!end_frames(t)) {
        return STEP_DONE; /* undone: a frame is missing */
    }
    turn_record_end(t, 0, HISTORY_EXECUTION_TIMED_OUT)->error = SLICE("States.Timeout");
    end(t, EXECUTION_TIMED_OUT, (struct failure){0});
    return STEP_DONE;
}

/* A state that can retry begins its work again as a retry would, branches and iterations that
 * failed go on in theirs, any other state is entered again. Counters of retries start anew,
 * attempts do not. */
void close_revive(struct turn *t, struct frame *f, uint64_t redriven)
{
    f->last_event = redriven;
    f->retry_count = 0;
    f->retries = NULL;
    f->retrier_count = 0;
    variables_resume(t, f);
    t->h->open_frames++;
    if (f->child_count > 0) {
        join_revive(t, f, redriven);
        return;
    }
    frame_move(f, FRAME_RUN);
    if (f->entered_event != 0 && engine_can_retry(frame_state(t, f)->kind)) {
        engine_kind_of(t, f)->resume(t, f);
    } else {
        turn_queue(t, f);
    }
}

static void reopen(struct turn *t)
{
    struct execution_header *h = t->h;

    h->status = EXECUTION_RUNNING;
    h->stop_ms = 0;
    h->redrive_count++;
    h->redrive_ms = t->ev->now_ms;
    memmove(&h->redrive_tokens[1], &h->redrive_tokens[0],
            sizeof(h->redrive_tokens) - sizeof(h->redrive_tokens[0]));
    h->redrive_tokens[0] = t->ev->redrive_token;
    h->deadline_ms = deadline_from(t, t->ev->now_ms);
    h->error = (struct slice){0};
    h->cause = (struct slice){0};
}

enum step_status close_redrive(struct turn *t)
{
    struct execution_header *h = t->h;
    struct history_event *e;
    struct frame *top;

    if (h->express || (h->status != EXECUTION_FAILED && h->status != EXECUTION_ABORTED &&
                       h->status != EXECUTION_TIMED_OUT)) {
        return STEP_STALE;
    }
    top = turn_frame(t, 0);
    if (top == NULL) {
        return STEP_DONE; /* undone: it is missing */
    }
    e = turn_record_end(t, h->next_event - 1, HISTORY_EXECUTION_REDRIVEN);
    e->retry_count = h->redrive_count + 1;
    if (slice_eq(h->error, SLICE("States.DataLimitExceeded"))) {
        join_drop(t, top); /* the same results would be too much again: all is done anew */
    }
    reopen(t);
    close_revive(t, top, e->id);
    return STEP_DONE;
}
