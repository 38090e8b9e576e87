/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's state in words, for people and for AWS's status members. */
#include "coordinator/engine/step.h"
#include "proto/base/text.h"

const char *execution_status_name(enum execution_status s)
{
    switch (s) {
    case EXECUTION_RUNNING: return "RUNNING";
    case EXECUTION_SUCCEEDED: return "SUCCEEDED";
    case EXECUTION_FAILED: return "FAILED";
    case EXECUTION_TIMED_OUT: return "TIMED_OUT";
    case EXECUTION_ABORTED: return "ABORTED";
    case EXECUTION_PENDING_REDRIVE: return "PENDING_REDRIVE";
    }
    return "UNKNOWN";
}

/* The retrier that waits is not kept; where only one was ever used, it is that one. */
static struct slice retry_words(const struct asl_state *st, const struct frame *f, struct arena *a)
{
    struct slice when = text_time(f->due_ms, a);
    size_t used = 0;
    size_t last = 0;

    for (size_t i = 0; i < f->retrier_count && i < st->retrier_count; i++) {
        if (f->retries[i] > 0) {
            used++;
            last = i;
        }
    }
    if (used != 1) {
        return arena_printf(a, "retry %u at %.*s", f->retry_count, SLICE_FMT(when));
    }
    return arena_printf(a, "retry %u of %lld at %.*s", f->retries[last],
                        (long long)st->retriers[last].max_attempts, SLICE_FMT(when));
}

/* The function's name; empty where only the whole execution could tell it. */
static struct slice function_of(const struct asl_machine *m, const struct frame *f, struct arena *a)
{
    struct execution_header none = {.input.text = SLICE("{}")};
    struct step nothing = {0};
    struct err err;
    struct turn t = {.m = m, .a = a, .h = &none, .out = &nothing, .err = &err};
    struct value input = value_of_doc(f->input);
    struct task_call call = {0};
    struct failure why = {0};
    const struct asl_task *task = &m->states[f->state].task;

    if (!task_is_invoke(task)) {
        return task->function;
    }
    if (f->input.text.ptr == NULL || !task_call(&t, f, 0, &input, &call, &why) || t.rc != OK) {
        return (struct slice){0};
    }
    return call.function;
}

static struct slice ready_words(const struct asl_machine *m, const struct frame *f, struct arena *a)
{
    const struct asl_state *st = &m->states[f->state];
    struct slice function;

    if (f->output.bucket.ptr != NULL) {
        return SLICE("the abort of the last attempt's upload");
    }
    if (st->task.carrier == ASL_BY_ACTIVITY) {
        return arena_printf(a, "someone to take activity %.*s", SLICE_FMT(st->task.activity));
    }
    function = function_of(m, f, a);
    if (function.len == 0) {
        return arena_printf(a, "worker for the task of state %.*s", SLICE_FMT(st->name));
    }
    return arena_printf(a, "worker for function %.*s", SLICE_FMT(function));
}

static struct slice until_words(const struct frame *f, const char *what, struct arena *a)
{
    if (f->due_ms == 0) {
        return slice_str(what);
    }
    return arena_printf(a, "%s, until %.*s", what, SLICE_FMT(text_time(f->due_ms, a)));
}

static struct slice join_words(const struct asl_state *st, const struct frame *f, struct arena *a)
{
    const char *what = st->kind == ASL_MAP ? "items" : "branches";

    return arena_printf(a, "%u %s under way, %u of %u begun", f->child_open, what, f->child_next,
                        f->child_count);
}

static const char *child_words(const struct asl_state *st)
{
    return slice_eq_str(st->task.service, "glue") ? "the job run it started"
                                                  : "the execution it started";
}

struct slice engine_waits_for(const struct asl_machine *m, const struct frame *f, struct arena *a)
{
    const struct asl_state *st = &m->states[f->state];

    switch (f->status) {
    case FRAME_RUN: return SLICE("its turn");
    case FRAME_TIMER:
        if (st->kind == ASL_WAIT) {
            return arena_printf(a, "the time %.*s", SLICE_FMT(text_time(f->due_ms, a)));
        }
        return retry_words(st, f, a);
    case FRAME_READY: return ready_words(m, f, a);
    case FRAME_LEASED:
        return arena_printf(a, "worker %.*s, attempt %u", SLICE_FMT(f->worker), f->attempt);
    case FRAME_COMMITTING: return SLICE("the commit of its output");
    case FRAME_JOIN: return join_words(st, f, a);
    case FRAME_CALL: return SLICE("the coordinator's own call");
    case FRAME_TOKEN: return until_words(f, "its task token", a);
    case FRAME_CHILD: return until_words(f, child_words(st), a);
    case FRAME_DONE:
    case FRAME_FAILED: break;
    }
    return SLICE("nothing");
}
