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
    struct turn t = {.m = m, .a = a, .h = &none};
    struct value input = value_of_doc(f->input);
    struct task_call call = {0};
    struct failure why = {0};
    const struct asl_task *task = &m->states[f->state].task;

    if (task->resource_kind != ASL_RESOURCE_INTEGRATION) {
        return task->function;
    }
    if (f->input.text.ptr == NULL || !task_call(&t, f, 0, &input, &call, &why) || t.rc != OK) {
        return (struct slice){0};
    }
    return call.function;
}

struct slice engine_waits_for(const struct asl_machine *m, const struct frame *f, struct arena *a)
{
    const struct asl_state *st = &m->states[f->state];
    struct slice function;

    switch (f->status) {
    case FRAME_RUN: return SLICE("its turn");
    case FRAME_TIMER:
        if (st->kind == ASL_TASK) {
            return retry_words(st, f, a);
        }
        return arena_printf(a, "the time %.*s", SLICE_FMT(text_time(f->due_ms, a)));
    case FRAME_READY:
        function = function_of(m, f, a);
        if (f->output.bucket.ptr != NULL) {
            return SLICE("the abort of the last attempt's upload");
        }
        if (function.len == 0) {
            return arena_printf(a, "worker for the task of state %.*s", SLICE_FMT(st->name));
        }
        return arena_printf(a, "worker for function %.*s", SLICE_FMT(function));
    case FRAME_LEASED:
        return arena_printf(a, "worker %.*s, attempt %u", SLICE_FMT(f->worker), f->attempt);
    case FRAME_COMMITTING: return SLICE("the commit of its output");
    case FRAME_JOIN: return arena_printf(a, "%u branches", f->join_open);
    case FRAME_DONE:
    case FRAME_FAILED: break;
    }
    return SLICE("nothing");
}
