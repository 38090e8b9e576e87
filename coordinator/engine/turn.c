/* SPDX-License-Identifier: Apache-2.0 */
/* The working set of one turn: frames copied on first touch, arrays of the step appended to.
 * Whoever wants to undo a turn keeps a copy of `struct step`: nothing it points at is changed
 * before turn_commit(), which cannot fail. */
#include "coordinator/engine/step.h"

/* The drawing is in engine.h. A failed frame runs again by a redrive. */
const struct sm_state frame_states[] = {
    [FRAME_RUN] = {"run", SM(FRAME_RUN) | SM(FRAME_TIMER) | SM(FRAME_READY) | SM(FRAME_JOIN) |
                              SM(FRAME_DONE) | SM(FRAME_FAILED)},
    [FRAME_TIMER] = {"timer", SM(FRAME_RUN) | SM(FRAME_FAILED)},
    [FRAME_READY] = {"ready", SM(FRAME_RUN) | SM(FRAME_LEASED) | SM(FRAME_TIMER) | SM(FRAME_DONE) |
                                  SM(FRAME_FAILED)},
    [FRAME_LEASED] = {"leased", SM(FRAME_RUN) | SM(FRAME_READY) | SM(FRAME_COMMITTING) |
                                    SM(FRAME_TIMER) | SM(FRAME_DONE) | SM(FRAME_FAILED)},
    [FRAME_COMMITTING] = {"committing",
                          SM(FRAME_RUN) | SM(FRAME_TIMER) | SM(FRAME_DONE) | SM(FRAME_FAILED)},
    [FRAME_JOIN] = {"join", SM(FRAME_RUN) | SM(FRAME_TIMER) | SM(FRAME_DONE) | SM(FRAME_FAILED)},
    [FRAME_DONE] = {"done", 0},
    [FRAME_FAILED] = {"failed", SM(FRAME_RUN)},
};

void frame_move(struct frame *f, enum frame_status to)
{
    f->status = (enum frame_status)sm_move(frame_states, f->status, to);
}

bool frame_is_open(const struct frame *f)
{
    return f->status != FRAME_DONE && f->status != FRAME_FAILED;
}

void frame_drop_lease(struct frame *f)
{
    f->token = (struct token){0};
    f->worker = (struct slice){0};
    f->granted_ms = 0;
    f->output.parts = (struct slice){0};
    f->output.result = (struct slice){0};
}

void turn_break(struct turn *t, enum err_code code, const char *what)
{
    if (t->rc == OK) {
        t->rc = err_set(t->err, code, "%s", what);
    }
}

/* Room for one more element of `size` bytes. */
static void *grown(struct arena *a, void *items, size_t count, size_t *cap, size_t size)
{
    size_t want = *cap == 0 ? 8 : *cap * 2;

    if (count < *cap) {
        return items;
    }
    items = arena_grow(a, items, *cap * size, want * size);
    *cap = want;
    return items;
}

static const struct frame *find(const struct frame *items, size_t count, uint32_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].id == id) {
            return &items[i];
        }
    }
    return NULL;
}

const struct frame *frame_set_find(const struct frame_set *set, uint32_t id)
{
    return find(set->items, set->count, id);
}

static struct frame *adopt(struct turn *t, const struct frame *f)
{
    struct frame *copy = arena_alloc(t->a, sizeof(*copy));

    *copy = *f;
    t->frames = grown(t->a, t->frames, t->frame_count, &t->frame_cap, sizeof(*t->frames));
    t->frames[t->frame_count++] = copy;
    return copy;
}

struct frame *turn_frame(struct turn *t, uint32_t id)
{
    const struct frame *f;

    for (size_t i = 0; i < t->frame_count; i++) {
        if (t->frames[i]->id == id) {
            return t->frames[i];
        }
    }
    f = find(t->out->frames, t->out->frame_count, id);
    if (f == NULL) {
        f = frame_set_find(t->given, id);
    }
    if (f == NULL) {
        t->out->need_frame = id;
        return NULL;
    }
    if (f->state >= t->m->state_count) {
        turn_break(t, ERR_CORRUPT, "a frame stands in a state its machine does not have");
        return NULL;
    }
    return adopt(t, f);
}

struct frame *turn_new_frame(struct turn *t)
{
    struct frame fresh = {.id = t->h->next_frame++, .parent = ASL_NONE, .status = FRAME_RUN};

    t->h->open_frames++;
    return adopt(t, &fresh);
}

static void commit_frame(struct turn *t, const struct frame *f)
{
    struct step *out = t->out;

    for (size_t i = 0; i < out->frame_count; i++) {
        if (out->frames[i].id == f->id) {
            out->frames[i] = *f;
            return;
        }
    }
    out->frames = grown(t->a, out->frames, out->frame_count, &out->frame_cap, sizeof(*out->frames));
    out->frames[out->frame_count++] = *f;
}

void turn_commit(struct turn *t)
{
    for (size_t i = 0; i < t->frame_count; i++) {
        commit_frame(t, t->frames[i]);
    }
}

static struct history_event *
append_event(struct turn *t, uint64_t previous, enum history_type type, uint32_t state)
{
    struct step *out = t->out;
    struct history_event *e;

    out->events = grown(t->a, out->events, out->event_count, &out->event_cap, sizeof(*out->events));
    e = &out->events[out->event_count++];
    *e = (struct history_event){.type = type,
                                .id = t->h->next_event++,
                                .previous = previous,
                                .time_ms = t->ev->now_ms,
                                .state = state};
    return e;
}

struct history_event *turn_record(struct turn *t, struct frame *f, enum history_type type)
{
    struct history_event *e;

    /* The last place belongs to the event that ends the execution. */
    if (!t->h->express && t->h->next_event >= LIMIT_HISTORY_EVENTS) {
        t->full = true;
        return ARENA_NEW(t->a, struct history_event);
    }
    e = append_event(t, f != NULL ? f->last_event : 0, type, f != NULL ? f->state : ASL_NONE);
    if (f != NULL) {
        f->last_event = e->id;
    }
    return e;
}

struct history_event *turn_record_end(struct turn *t, uint64_t previous, enum history_type type)
{
    return append_event(t, previous, type, ASL_NONE);
}

struct command *turn_command(struct turn *t, enum command_kind kind, const struct frame *f)
{
    struct step *out = t->out;
    struct command *c;

    out->commands =
        grown(t->a, out->commands, out->command_count, &out->command_cap, sizeof(*out->commands));
    c = &out->commands[out->command_count++];
    *c = (struct command){.kind = kind, .frame = ASL_NONE};
    if (f != NULL) {
        c->frame = f->id;
        c->token = f->token;
    }
    return c;
}

void turn_abort_upload(struct turn *t, const struct frame *f)
{
    const struct step *out = t->out;

    if (f->output.bucket.ptr == NULL) {
        return;
    }
    for (size_t i = t->first_command; i < out->command_count; i++) {
        if (out->commands[i].kind == COMMAND_ABORT_UPLOAD && out->commands[i].frame == f->id) {
            return;
        }
    }
    turn_command(t, COMMAND_ABORT_UPLOAD, f)->output = f->output;
}
