/* SPDX-License-Identifier: Apache-2.0 */
/* See engine_world.h. */
#include "tests/lib/engine_world.h"

#include "proto/base/limits.h"

#include <stdio.h>
#include <stdlib.h>

/* Every integration is bound to a handler of its own name, but for the coordinator's. */
static bool bound(const void *arg, struct slice service, struct slice action, struct slice *handler)
{
    (void)arg;
    (void)action;
    *handler = SLICE("handler");
    return !slice_eq_str(service, "lambda") && !slice_eq_str(service, "states") &&
           !slice_eq_str(service, "aws-sdk:sfn");
}

static bool has_activity(const void *arg, struct slice name)
{
    (void)arg;
    return !slice_eq_str(name, "gone");
}

void world_init(struct world *w, const char *definition)
{
    const struct asl_options options = {.bound = bound};
    struct asl_diagnostics found = {0};

    *w = (struct world){.now_ms = 1795410840123};
    arena_init(&w->a);
    if (asl_machine_parse(slice_str(definition), &options, &w->a, &found, &w->m, &w->err) != OK) {
        (void)fprintf(stderr, "%s\n", w->err.msg);
        abort();
    }
    w->rules = (struct engine_rules){.payload_bytes = LIMIT_PAYLOAD_BYTES,
                                     .history_events = LIMIT_HISTORY_EVENTS,
                                     .token_key = SLICE("a key for the tests"),
                                     .has_activity = has_activity};
    w->header = (struct execution_header){
        .rules = &w->rules,
        .account = 111111111111,
        .name = SLICE("run"),
        .arn = SLICE("arn:aws:states:eu-west-1:111111111111:execution:machine:run"),
        .machine_arn = SLICE("arn:aws:states:eu-west-1:111111111111:stateMachine:machine"),
        .machine_name = SLICE("machine"),
        .role_arn = SLICE("arn:aws:iam::111111111111:role/role"),
        .seed = 42,
    };
}

void world_fini(struct world *w)
{
    asl_machine_free(w->m);
    free(w->frames);
    arena_fini(&w->a);
}

struct slice world_doc(struct world *w, uint64_t ref)
{
    for (size_t i = 0; i < w->doc_count; i++) {
        if (w->docs[i].ref == ref) {
            return w->docs[i].text;
        }
    }
    return (struct slice){0};
}

static enum err_code
get_doc(void *arg, uint64_t ref, struct arena *a, struct slice *out, struct err *err)
{
    (void)a;
    *out = world_doc(arg, ref);
    return out->ptr != NULL ? OK : err_set(err, ERR_NOT_FOUND, "no such document");
}

struct doc_source world_docs(struct world *w)
{
    return (struct doc_source){get_doc, w};
}

static const struct frame *find(const void *arg, uint32_t id)
{
    const struct world *w = arg;

    for (size_t i = 0; i < w->frame_count; i++) {
        if (w->frames[i].id == id) {
            return &w->frames[i];
        }
    }
    return NULL;
}

static void load(struct world *w, struct doc *d)
{
    d->text = d->ref != 0 ? world_doc(w, d->ref) : (struct slice){0};
}

/* Texts of all that a live frame refers to, as a ledger has them. */
static void load_frame(struct world *w, struct frame *f)
{
    struct variable *variables = ARENA_ARRAY(&w->a, f->variable_count, struct variable);

    load(w, &f->input);
    load(w, &f->items);
    load(w, &f->item);
    load(w, &f->result);
    for (uint32_t i = 0; i < f->variable_count; i++) {
        variables[i] = f->variables[i];
        load(w, &variables[i].value);
    }
    f->variables = f->variable_count > 0 ? variables : NULL;
}

void world_load(struct world *w)
{
    if (w->header.input.ref != 0) {
        load(w, &w->header.input);
    }
    for (size_t i = 0; i < w->frame_count; i++) {
        load_frame(w, &w->frames[i]);
    }
}

enum step_status world_try(struct world *w, struct engine_event ev, struct step *out)
{
    struct frame_set table = {.items = w->frames, .count = w->frame_count};
    struct frame_set function = {.find = find, .arg = w};
    uint32_t *runnable = ARENA_ARRAY(&w->a, w->frame_count, uint32_t);

    world_load(w);
    for (size_t i = 0; i < w->frame_count; i++) {
        if (frame_is_runnable(&w->frames[i])) {
            runnable[ev.runnable_count++] = w->frames[i].id;
        }
    }
    ev.runnable = runnable;
    if (ev.now_ms == 0) {
        ev.now_ms = w->now_ms;
    }
    return engine_step(w->m, &w->header, w->by_function ? &function : &table, &ev, &w->a, out,
                       &w->err);
}

/* ---- carrying a step on ---- */

static void put_frame(struct world *w, const struct frame *f)
{
    size_t at = 0;

    while (at < w->frame_count && w->frames[at].id < f->id) {
        at++;
    }
    if (at == w->frame_count || w->frames[at].id != f->id) {
        w->frames = realloc(w->frames, (w->frame_count + 1) * sizeof(*w->frames));
        memmove(&w->frames[at + 1], &w->frames[at], (w->frame_count - at) * sizeof(*w->frames));
        w->frame_count++;
    }
    w->frames[at] = *f;
}

/* Frames whose parent has no such child any more are gone, and all below them. */
static void drop_dead(struct world *w)
{
    size_t kept = 0;

    for (size_t i = 0; i < w->frame_count; i++) {
        const struct frame f = w->frames[i];
        bool live = f.parent == ASL_NONE;

        for (size_t k = 0; k < kept && !live; k++) {
            const struct frame *p = &w->frames[k];

            live = p->id == f.parent && f.id >= p->first_child &&
                   f.id - p->first_child < p->child_count;
        }
        if (live) {
            w->frames[kept++] = f;
        }
    }
    w->frame_count = kept;
}

static void append(struct world *w, const struct step *s)
{
    w->docs = arena_grow(&w->a, w->docs, w->doc_count * sizeof(*w->docs),
                         (w->doc_count + s->doc_count) * sizeof(*w->docs));
    w->events = arena_grow(&w->a, w->events, w->event_count * sizeof(*w->events),
                           (w->event_count + s->event_count) * sizeof(*w->events));
    for (size_t i = 0; i < s->doc_count; i++) {
        w->docs[w->doc_count++] = s->docs[i];
    }
    for (size_t i = 0; i < s->event_count; i++) {
        w->events[w->event_count] = s->events[i];
        w->events[w->event_count++].doc.text = (struct slice){0};
    }
}

enum step_status world_step(struct world *w, struct engine_event ev)
{
    struct step s = {0};
    enum step_status status;

    w->header.sequence++;
    w->header.record_docs = 0;
    status = world_try(w, ev, &s);
    w->last = s;
    if (status != STEP_DONE && status != STEP_CONTINUE) {
        return status;
    }
    append(w, &s);
    w->header = s.header;
    for (size_t i = 0; i < s.frame_count; i++) {
        put_frame(w, &s.frames[i]);
    }
    drop_dead(w);
    execution_check(&w->header, &(struct frame_set){.items = w->frames, .count = w->frame_count},
                    true);
    w->frame = w->frames[0];
    return status;
}

unsigned world_run(struct world *w)
{
    unsigned steps = 0;

    while (world_step(w, (struct engine_event){.kind = ENGINE_CONTINUE}) != STEP_STALE) {
        steps++;
    }
    return steps;
}

const struct frame *world_frame(struct world *w, enum frame_status status, const char *state)
{
    for (size_t i = 0; i < w->frame_count; i++) {
        const struct frame *f = &w->frames[i];

        if (f->status == status &&
            (state == NULL || slice_eq_str(w->m->states[f->state].name, state))) {
            return f;
        }
    }
    return NULL;
}

enum step_status world_start(struct world *w, const char *input)
{
    w->header.input.text = slice_str(input);
    return world_step(w, (struct engine_event){.kind = ENGINE_START, .seed = 7});
}

enum step_status world_grant(struct world *w)
{
    return world_grant_frame(w, 0);
}

void world_init_granted(struct world *w, const char *definition)
{
    world_init(w, definition);
    world_start(w, "{}");
    world_grant(w);
}

enum step_status world_grant_frame(struct world *w, uint32_t frame)
{
    return world_step(w, (struct engine_event){.kind = ENGINE_TASK_GRANTED,
                                               .frame = frame,
                                               .token = {1, ++w->tokens},
                                               .worker = SLICE("worker-1")});
}

enum step_status world_succeed(struct world *w, const char *result)
{
    return world_step(w, (struct engine_event){.kind = ENGINE_TASK_SUCCEEDED,
                                               .token = {1, w->tokens},
                                               .result = slice_str(result)});
}

enum step_status world_succeed_frame(struct world *w, uint32_t frame, const char *result)
{
    return world_step(w, (struct engine_event){.kind = ENGINE_TASK_SUCCEEDED,
                                               .frame = frame,
                                               .token = find(w, frame)->token,
                                               .result = slice_str(result)});
}

enum step_status world_fail(struct world *w, const char *error, const char *cause)
{
    return world_fail_frame(w, 0, error, cause);
}

enum step_status
world_fail_frame(struct world *w, uint32_t frame, const char *error, const char *cause)
{
    return world_step(w, (struct engine_event){.kind = ENGINE_TASK_FAILED,
                                               .frame = frame,
                                               .token = find(w, frame)->token,
                                               .failure = {slice_str(error), slice_str(cause)}});
}

enum step_status world_timer(struct world *w)
{
    return world_timer_frame(w, 0);
}

enum step_status world_timer_frame(struct world *w, uint32_t frame)
{
    w->now_ms = find(w, frame)->due_ms;
    return world_step(w, (struct engine_event){.kind = ENGINE_TIMER, .frame = frame});
}

const char *world_event(struct world *w, size_t n)
{
    struct doc_source docs = world_docs(w);
    const struct json_node *event;
    struct json_builder b = json_build_object(&w->a);

    w->header.input.text = (struct slice){0};
    if (n == 0 || n > w->event_count ||
        history_render(w->m, &w->header, &w->events[n - 1], true, &docs, &w->a, &event, &w->err) !=
            OK) {
        return "(cannot be rendered)";
    }
    for (const struct json_node *e = json_first(event); e != NULL; e = json_next(event, e)) {
        if (!slice_eq_str(json_key(event, e), "timestamp")) {
            json_put(&b, json_key(event, e), e);
        }
    }
    return arena_str(&w->a, json_print(json_built(&b), &w->a));
}

const char *world_history(struct world *w)
{
    struct slice all = SLICE("");

    for (size_t i = 0; i < w->event_count; i++) {
        all = arena_printf(&w->a, "%.*s%s%s %llu", SLICE_FMT(all), i == 0 ? "" : ", ",
                           history_type_name(w->events[i].type),
                           (unsigned long long)w->events[i].previous);
    }
    return arena_str(&w->a, all);
}

const struct command *world_command(const struct world *w, enum command_kind kind)
{
    for (size_t i = 0; i < w->last.command_count; i++) {
        if (w->last.commands[i].kind == kind) {
            return &w->last.commands[i];
        }
    }
    return NULL;
}
