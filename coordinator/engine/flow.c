/* SPDX-License-Identifier: Apache-2.0 */
/* From state to state: enter, leave, fail. One loop runs a frame until it waits; every kind's work
 * is behind engine_kinds. Entered, Exited and the failing of a state look the same for all kinds.
 * Source: Amazon States Language, input and output processing and states and error handling;
 * histories as AWS recorded them. */
#include "coordinator/engine/step.h"
#include "proto/base/text.h"

const struct engine_kind engine_kinds[ENGINE_KINDS] = {
    [ASL_TASK] = {state_task_enter, state_task_resume, HISTORY_TASK_STATE_ENTERED,
                  HISTORY_TASK_STATE_EXITED},
    [ASL_PASS] = {state_pass_enter, NULL, HISTORY_PASS_STATE_ENTERED, HISTORY_PASS_STATE_EXITED},
    [ASL_CHOICE] = {state_choice_enter, NULL, HISTORY_CHOICE_STATE_ENTERED,
                    HISTORY_CHOICE_STATE_EXITED},
    [ASL_WAIT] = {state_wait_enter, state_wait_resume, HISTORY_WAIT_STATE_ENTERED,
                  HISTORY_WAIT_STATE_EXITED},
    [ASL_SUCCEED] = {state_succeed_enter, NULL, HISTORY_SUCCEED_STATE_ENTERED,
                     HISTORY_SUCCEED_STATE_EXITED},
    [ASL_FAIL] = {state_fail_enter, NULL, HISTORY_FAIL_STATE_ENTERED, 0},
};

const struct asl_state *frame_state(const struct turn *t, const struct frame *f)
{
    return &t->m->states[f->state];
}

static void enter(struct turn *t, struct frame *f)
{
    const struct engine_kind *kind = &engine_kinds[frame_state(t, f)->kind];
    struct history_event *e;

    if (kind->enter == NULL) {
        turn_break(t, ERR_INTERNAL, "a state of a kind this engine does not run");
        return;
    }
    e = turn_record(t, f, kind->entered);
    e->doc = f->input;
    f->entered_event = e->id;
    f->entered_ms = t->ev->now_ms;
    f->attempt = 0;
    f->retry_count = 0;
    f->retries = NULL;
    f->retrier_count = 0;
    f->started = false;
    kind->enter(t, f);
}

void flow_run(struct turn *t, struct frame *f)
{
    while (f->status == FRAME_RUN && t->rc == OK && !t->full) {
        if (t->transitions == LIMIT_STEP_TRANSITIONS ||
            t->h->record_docs > TURN_DOCS_MAX - TURN_DOCS_MARGIN) {
            t->cut = true;
            return;
        }
        t->transitions++;
        enter(t, f);
    }
}

void flow_exit(struct turn *t, struct frame *f, struct value *output, uint32_t next)
{
    struct history_event *e = turn_record(t, f, engine_kinds[frame_state(t, f)->kind].exited);

    e->doc = value_keep(t, output, &f->input);
    frame_drop_lease(f);
    if (next == ASL_NONE) {
        close_succeeded(t, f, output);
        return;
    }
    f->state = next;
    f->input = output->doc;
    f->entered_event = 0; /* not entered yet: a redrive must know */
    frame_move(f, FRAME_RUN);
}

bool flow_path(struct turn *t,
               const struct frame *f,
               const struct asl_path_field *p,
               const char *field,
               struct value *in,
               struct value *out,
               struct failure *why)
{
    const struct json_node *node;
    uint64_t no_chance = 0;
    struct asl_scope_data s;

    switch (p->is) {
    case ASL_PATH_DEFAULT: *out = *in; return true;
    case ASL_PATH_NULL: *out = value_of_text(SLICE("{}")); return true;
    case ASL_PATH_SET: break;
    }
    s = turn_path_scope(t, f, p->path, value_node(t, in), &no_chance);
    if (!asl_apply_path(p, field, &s, &node, why)) {
        return false;
    }
    *out = node == s.input ? *in : value_of_node(node);
    return true;
}

bool flow_result_path(struct turn *t,
                      const struct frame *f,
                      struct value *result,
                      struct value *out,
                      struct failure *why)
{
    const struct asl_path_field *p = &frame_state(t, f)->result_path;
    struct value raw = value_of_doc(f->input);
    const struct json_node *node;

    switch (p->is) {
    case ASL_PATH_DEFAULT: *out = *result; return true;
    case ASL_PATH_NULL: *out = raw; return true;
    case ASL_PATH_SET: break;
    }
    if (!asl_apply_result_path(p, value_node(t, &raw), value_node(t, result), t->a, &node, why)) {
        return false;
    }
    *out = value_of_node(node);
    return true;
}

bool flow_input(struct turn *t, struct frame *f, struct value *out)
{
    struct value raw = value_of_doc(f->input);
    struct failure why = {0};

    if (!flow_path(t, f, &frame_state(t, f)->input_path, "InputPath", &raw, out, &why)) {
        flow_evaluation_failed(t, f, why);
        return false;
    }
    return true;
}

void flow_finish(struct turn *t, struct frame *f, struct value *output, uint32_t next)
{
    struct value out;
    struct failure why = {0};

    if (!flow_path(t, f, &frame_state(t, f)->output_path, "OutputPath", output, &out, &why)) {
        flow_evaluation_failed(t, f, why);
    } else if (value_too_large(t, &out)) {
        flow_failed(t, f, flow_too_large(t, frame_state(t, f)->name), false, false);
    } else {
        flow_exit(t, f, &out, next);
    }
}

bool failure_is_runtime(struct failure why)
{
    return slice_eq(why.error, SLICE("States.Runtime"));
}

struct failure flow_too_large(struct turn *t, struct slice what)
{
    return (struct failure){
        SLICE("States.DataLimitExceeded"),
        arena_printf(t->a,
                     "The state/task '%.*s' returned a result with a size exceeding the maximum "
                     "number of bytes service limit.",
                     SLICE_FMT(what)),
    };
}

/* Bytes that are no text would break every JSON they come into. */
static struct slice readable(struct turn *t, struct slice s)
{
    char *copy = arena_alloc(t->a, s.len);

    for (size_t i = 0; i < s.len; i++) {
        copy[i] = (unsigned char)s.ptr[i] < 0x80 ? s.ptr[i] : '?';
    }
    return slice_make(copy, s.len);
}

static struct slice cut(struct turn *t, struct slice s, size_t max)
{
    if (s.ptr == NULL) {
        return s;
    }
    if (!text_is_utf8(s)) {
        s = readable(t, s);
    }
    if (s.len > max) {
        s.len = max;
        while (s.len > 0 && ((unsigned char)s.ptr[s.len] & 0xc0) == 0x80) {
            s.len--;
        }
    }
    return s;
}

struct failure failure_cut(struct turn *t, struct failure why)
{
    return (struct failure){cut(t, why.error, LIMIT_ERROR_BYTES),
                            cut(t, why.cause, LIMIT_CAUSE_BYTES)};
}

void flow_failed(struct turn *t, struct frame *f, struct failure why, bool task, bool heartbeat)
{
    why = failure_cut(t, why);
    if (failure_is_runtime(why) ||
        (!retry_take(t, f, why, task, heartbeat) && !catch_take(t, f, why, task, heartbeat))) {
        close_failed(t, f, why);
    }
}

void flow_evaluation_failed(struct turn *t, struct frame *f, struct failure why)
{
    if (failure_is_runtime(why)) {
        why.cause = arena_printf(t->a,
                                 "An error occurred while executing the state '%.*s' (entered at "
                                 "the event id #%llu). %.*s",
                                 SLICE_FMT(frame_state(t, f)->name),
                                 (unsigned long long)f->entered_event, SLICE_FMT(why.cause));
    }
    flow_failed(t, f, why, false, false);
}
