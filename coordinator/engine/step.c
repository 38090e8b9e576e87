/* SPDX-License-Identifier: Apache-2.0 */
/* engine_step(): one turn, all of it or nothing of it.
 *
 * Happy path: copy the header, let the event's handler work, write the changed frames into the
 * step. Stale, in need of a frame, or broken: the step is set back to what it was. */
#include "coordinator/engine/step.h"

static enum step_status timer(struct turn *t)
{
    struct frame *f;

    if (t->h->status != EXECUTION_RUNNING || t->ev->frame >= t->h->next_frame) {
        return STEP_STALE;
    }
    f = turn_frame(t, t->ev->frame);
    if (f == NULL || f->due_ms == 0 || t->ev->now_ms < f->due_ms) {
        return STEP_STALE;
    }
    if (f->status == FRAME_TOKEN || f->status == FRAME_CHILD) {
        return task_due(t, f);
    }
    if (f->status != FRAME_TIMER || engine_kind_of(t, f)->resume == NULL) {
        return STEP_STALE;
    }
    f->due_ms = 0;
    frame_move(f, FRAME_RUN);
    engine_kind_of(t, f)->resume(t, f);
    return STEP_DONE;
}

static enum step_status go_on(struct turn *t)
{
    for (size_t i = 0; i < t->ev->runnable_count; i++) {
        const struct frame *f = turn_peek(t, t->ev->runnable[i]);

        if (f != NULL && frame_is_runnable(f)) {
            turn_queue(t, f);
        }
    }
    return t->h->status == EXECUTION_RUNNING && t->queue_count > 0 ? STEP_DONE : STEP_STALE;
}

static enum step_status dispatch(struct turn *t)
{
    switch (t->ev->kind) {
    case ENGINE_START: return close_start(t);
    case ENGINE_TIMER: return timer(t);
    case ENGINE_DEADLINE: return close_deadline(t);
    case ENGINE_STOP: return close_stop(t);
    case ENGINE_REDRIVE: return close_redrive(t);
    case ENGINE_CONTINUE: return go_on(t);
    case ENGINE_TASK_GRANTED:
    case ENGINE_TASK_RETURNED:
    case ENGINE_TASK_UPLOAD:
    case ENGINE_TASK_INTENT:
    case ENGINE_TASK_SUBMITTED:
    case ENGINE_TASK_SUCCEEDED:
    case ENGINE_TASK_FAILED:
    case ENGINE_TASK_TIMED_OUT:
    case ENGINE_UPLOAD_GONE:
    case ENGINE_ACTIVITY_TAKEN:
    case ENGINE_CALL_DONE:
    case ENGINE_CHILD_ENDED:
    case ENGINE_TOKEN_SUCCEEDED:
    case ENGINE_TOKEN_FAILED:
    case ENGINE_TOKEN_HEARTBEAT: return task_event(t);
    }
    return STEP_STALE;
}

static enum step_status turn_take(struct turn *t)
{
    enum step_status status;

    t->out->task_refused = false;
    if (t->h->record_docs > TURN_DOCS_MAX - TURN_DOCS_MARGIN) {
        turn_break(t, ERR_TOO_LARGE, "the record is full: persist it first");
        return STEP_FAILED;
    }
    status = dispatch(t);
    if (status == STEP_DONE) {
        flow_run(t);
    }
    /* The history ran full on the way: what the turn did is no more than the last words. */
    if (status == STEP_DONE && t->full && t->h->status == EXECUTION_RUNNING) {
        close_full(t);
        t->out->task_refused = t->ev->kind == ENGINE_TASK_SUCCEEDED;
    }
    if (t->rc != OK) {
        return STEP_FAILED;
    }
    if (t->missing) {
        /* Where all frames can be asked for, the event's own is no more. */
        return t->given->find != NULL && t->out->need_frame == t->ev->frame ? STEP_STALE
                                                                            : STEP_NEED_FRAME;
    }
    if (status != STEP_DONE) {
        return status;
    }
    turn_commit(t);
    return t->cut && t->h->status == EXECUTION_RUNNING ? STEP_CONTINUE : STEP_DONE;
}

enum step_status engine_step(const struct asl_machine *m,
                             const struct execution_header *header,
                             const struct frame_set *frames,
                             const struct engine_event *ev,
                             struct arena *a,
                             struct step *out,
                             struct err *err)
{
    struct step before = *out;
    struct turn t = {.m = m,
                     .given = frames,
                     .ev = ev,
                     .a = a,
                     .out = out,
                     .h = &out->header,
                     .err = err,
                     .first_command = out->command_count};
    enum step_status status;
    uint32_t need;

    if (header != &out->header) {
        out->header = *header;
    }
    status = turn_take(&t);
    if (status != STEP_DONE && status != STEP_CONTINUE) {
        need = out->need_frame;
        *out = before;
        if (status == STEP_NEED_FRAME) {
            out->need_frame = need;
        }
    }
    return status;
}
