/* SPDX-License-Identifier: Apache-2.0 */
/* See engine_world.h. */
#include "tests/lib/engine_world.h"

#include <stdio.h>
#include <stdlib.h>

void world_init(struct world *w, const char *definition)
{
    struct asl_diagnostics found = {0};

    *w = (struct world){.now_ms = 1795410840123};
    arena_init(&w->a);
    if (asl_machine_parse(slice_str(definition), false, &w->a, &found, &w->m, &w->err) != OK) {
        (void)fprintf(stderr, "%s\n", w->err.msg);
        abort();
    }
    w->header = (struct execution_header){
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

enum step_status world_try(struct world *w, struct engine_event ev, struct step *out)
{
    struct frame_set set = {&w->frame, w->frame_count};

    if (w->header.input.ref != 0) {
        w->header.input.text = world_doc(w, w->header.input.ref);
    }
    if (w->frame_count > 0) {
        w->frame.input.text = world_doc(w, w->frame.input.ref);
    }
    if (ev.now_ms == 0) {
        ev.now_ms = w->now_ms;
    }
    return engine_step(w->m, &w->header, &set, &ev, &w->a, out, &w->err);
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
    struct frame_set set = {&w->frame, 1};
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
    if (s.frame_count > 0) {
        w->frame = s.frames[0];
        w->frame_count = 1;
    }
    execution_check(&w->header, &set);
    w->frame.input.text = (struct slice){0};
    return status;
}

enum step_status world_start(struct world *w, const char *input)
{
    w->header.input.text = slice_str(input);
    return world_step(w, (struct engine_event){.kind = ENGINE_START, .seed = 7});
}

enum step_status world_grant(struct world *w)
{
    return world_step(w, (struct engine_event){.kind = ENGINE_TASK_GRANTED,
                                               .token = {1, ++w->tokens},
                                               .worker = SLICE("worker-1")});
}

enum step_status world_succeed(struct world *w, const char *result)
{
    return world_step(w, (struct engine_event){.kind = ENGINE_TASK_SUCCEEDED,
                                               .token = {1, w->tokens},
                                               .result = slice_str(result)});
}

enum step_status world_fail(struct world *w, const char *error, const char *cause)
{
    return world_step(w, (struct engine_event){.kind = ENGINE_TASK_FAILED,
                                               .token = w->frame.token,
                                               .failure = {slice_str(error), slice_str(cause)}});
}

enum step_status world_timer(struct world *w)
{
    w->now_ms = w->frame.due_ms;
    return world_step(w, (struct engine_event){.kind = ENGINE_TIMER});
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
