/* SPDX-License-Identifier: Apache-2.0 */
/* From state to state: enter, leave, fail. One loop lets the frames in the queue go on until they
 * wait; every kind's work is behind `kinds`. Entered, Exited and the failing of a state look the
 * same for all kinds.
 * Source: Amazon States Language, input and output processing and states and error handling;
 * histories as AWS recorded them. */
#include "coordinator/engine/step.h"
#include "proto/base/text.h"

static const struct engine_kind *const kinds[] = {
#define ASL_KIND(kind, name, word) [ASL_##kind] = &state_##word,
#include "coordinator/asl/kind.def"
#undef ASL_KIND
};

const struct asl_state *frame_state(const struct turn *t, const struct frame *f)
{
    return &t->m->states[f->state];
}

const struct engine_kind *engine_kind_of(const struct turn *t, const struct frame *f)
{
    return kinds[frame_state(t, f)->kind];
}

static void enter(struct turn *t, struct frame *f)
{
    const struct engine_kind *kind = engine_kind_of(t, f);
    struct history_event *e = turn_record(t, f, kind->entered);

    e->doc = f->input;
    f->entered_event = e->id;
    f->entered_ms = t->ev->now_ms;
    f->attempt = 0;
    f->retry_count = 0;
    f->retries = NULL;
    f->retrier_count = 0;
    f->started = false;
    f->submitted = false;
    if (!t->full) {
        kind->enter(t, f);
    }
}

/* Has the turn done what one turn may? A transition keeps few documents, but where it ends a scope
 * it may end all the scopes around, each with an output and what it assigns. */
static bool has_enough(const struct turn *t)
{
    return t->transitions == LIMIT_STEP_TRANSITIONS ||
           t->h->record_docs > TURN_DOCS_MAX - TURN_DOCS_MARGIN - 2 * LIMIT_DEFINITION_DEPTH;
}

void flow_run(struct turn *t)
{
    while (t->queue_next < t->queue_count && t->h->status == EXECUTION_RUNNING &&
           !turn_is_over(t)) {
        struct frame *f = turn_frame(t, t->queue[t->queue_next]);

        if (f == NULL) {
            return;
        }
        if (!frame_is_runnable(f)) {
            t->queue_next++;
            continue;
        }
        if (has_enough(t)) {
            t->cut = true;
            return;
        }
        t->transitions++;
        if (f->status == FRAME_RUN) {
            enter(t, f);
        } else {
            join_spawn(t, f);
        }
    }
}

bool flow_outcome(struct turn *t,
                  struct frame *f,
                  struct value *placed,
                  const struct asl_template *assign,
                  struct value *seen,
                  struct outcome *out,
                  struct failure *why)
{
    const struct asl_state *st = frame_state(t, f);

    if (!flow_path(t, f, &st->output_path, "OutputPath", placed, &out->output, why)) {
        return false;
    }
    if (value_too_large(t, &out->output)) {
        *why = flow_too_large(t, st->name);
        return false;
    }
    return variables_evaluate(t, f, assign, seen, &out->assigned, why);
}

void flow_exit(struct turn *t, struct frame *f, struct outcome *out, uint32_t next)
{
    struct history_event *e = turn_record(t, f, engine_kind_of(t, f)->exited);

    e->doc = value_keep(t, &out->output, &f->input);
    variables_assign(t, f, &out->assigned, e);
    frame_drop_timer(t, f);
    frame_drop_lease(f);
    join_drop(t, f);
    if (next != ASL_NONE) {
        f->state = next;
        f->input = out->output.doc;
        f->entered_event = 0; /* not entered yet: a redrive must know */
        frame_move(f, FRAME_RUN);
        turn_queue(t, f);
    } else if (f->parent != ASL_NONE) {
        join_child_done(t, f, &out->output);
    } else {
        close_succeeded(t, f, &out->output);
    }
}

void flow_finish(struct turn *t,
                 struct frame *f,
                 struct value *placed,
                 struct value *seen,
                 uint32_t next)
{
    struct outcome out;
    struct failure why = {0};

    if (flow_outcome(t, f, placed, frame_state(t, f)->assign, seen, &out, &why)) {
        flow_exit(t, f, &out, next);
    } else {
        flow_evaluation_failed(t, f, why);
    }
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
    s = turn_scope(t, f, asl_path_uses(p->path), in, &no_chance);
    if (!asl_apply_path(p, field, &s, &node, why)) {
        return false;
    }
    *out = node == in->node ? *in : value_of_node(node);
    return true;
}

bool flow_template(struct turn *t,
                   const struct frame *f,
                   const struct asl_template *template,
                   uint64_t seed,
                   struct value *in,
                   struct value *out,
                   struct failure *why)
{
    struct asl_scope_data s = turn_scope(t, f, asl_template_uses(template), in, &seed);
    const struct json_node *node;

    if (!asl_apply_template(template, &s, &node, why)) {
        return false;
    }
    *out = value_of_node(node);
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

bool flow_result(struct turn *t,
                 const struct frame *f,
                 struct value *result,
                 struct value *out,
                 struct failure *why)
{
    const struct asl_state *st = frame_state(t, f);
    uint64_t seed = chance_seed(t->h, CHANCE_OUTPUT, f->entered_event, f->attempt);
    struct value selected = *result;

    if (st->result_selector != NULL &&
        !flow_template(t, f, st->result_selector, seed, result, &selected, why)) {
        return false;
    }
    return flow_result_path(t, f, &selected, out, why);
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

bool failure_is_runtime(struct failure why)
{
    return slice_eq(why.error, SLICE("States.Runtime"));
}

struct failure flow_runtime(struct slice cause)
{
    return (struct failure){SLICE("States.Runtime"), cause};
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

/* Only states with scopes inside have an event of their own for it. */
static void record_failed(struct turn *t, struct frame *f)
{
    if (f->status == FRAME_JOIN) {
        (void)turn_record(t, f, engine_kind_of(t, f)->failed);
    }
}

void flow_failed(struct turn *t, struct frame *f, struct failure why, unsigned kinds_of)
{
    why = failure_cut(t, why);
    if (failure_is_runtime(why)) {
        close_failed(t, f, why); /* whatever scope it is in: nothing takes it, no state sees it */
        return;
    }
    if (retry_take(t, f, why, kinds_of)) {
        return;
    }
    record_failed(t, f);
    switch (catch_take(t, f, &why, kinds_of)) {
    case CATCH_NONE: break;
    case CATCH_TAKEN: return;
    case CATCH_FAILED: /* the state fails anew, and no more in the way it did */
        kinds_of = 0;
        why = failure_cut(t, why);
        if (!failure_is_runtime(why)) {
            record_failed(t, f);
        }
        break;
    }
    if (f->parent == ASL_NONE || failure_is_runtime(why)) {
        t->out->failed_as = kinds_of;
        close_failed(t, f, why);
    } else {
        join_child_failed(t, f, why, kinds_of);
    }
}

struct slice engine_failure_place(struct slice state, uint64_t entered_event, struct arena *a)
{
    return arena_printf(
        a, "An error occurred while executing the state '%.*s' (entered at the event id #%llu). ",
        SLICE_FMT(state), (unsigned long long)entered_event);
}

struct failure flow_placed(struct turn *t, const struct frame *f, struct failure why)
{
    if (failure_is_runtime(why)) {
        struct slice place = engine_failure_place(frame_state(t, f)->name, f->entered_event, t->a);

        why.cause = arena_printf(t->a, "%.*s%.*s", SLICE_FMT(place), SLICE_FMT(why.cause));
    }
    return why;
}

void flow_evaluation_failed(struct turn *t, struct frame *f, struct failure why)
{
    bool task = frame_state(t, f)->kind == ASL_TASK &&
                slice_eq(why.error, SLICE("States.DataLimitExceeded"));

    flow_failed(t, f, flow_placed(t, f, why), task ? ASL_FAILED_TASK : 0);
}
