/* SPDX-License-Identifier: Apache-2.0 */
/* The working set of one turn: frames copied on first touch, arrays of the step appended to.
 * Whoever wants to undo a turn keeps a copy of `struct step`: nothing it points at is changed
 * before turn_commit(), which cannot fail. */
#include "coordinator/engine/step.h"

/* The drawing is in engine.h. A failed frame runs again by a redrive. */
#define ENDS (SM(FRAME_DONE) | SM(FRAME_FAILED))
const struct sm_state frame_states[] = {
    [FRAME_RUN] = {"run", SM(FRAME_RUN) | SM(FRAME_TIMER) | SM(FRAME_READY) | SM(FRAME_CALL) |
                              SM(FRAME_JOIN) | ENDS},
    [FRAME_TIMER] = {"timer", SM(FRAME_RUN) | SM(FRAME_FAILED)},
    /* Nobody has its token: it does not end well from here. */
    [FRAME_READY] = {"ready",
                     SM(FRAME_RUN) | SM(FRAME_LEASED) | SM(FRAME_TOKEN) | SM(FRAME_FAILED)},
    [FRAME_LEASED] = {"leased", SM(FRAME_RUN) | SM(FRAME_READY) | SM(FRAME_COMMITTING) |
                                    SM(FRAME_TOKEN) | ENDS},
    [FRAME_COMMITTING] = {"committing", SM(FRAME_RUN) | SM(FRAME_TOKEN) | ENDS},
    [FRAME_JOIN] = {"join", SM(FRAME_RUN) | SM(FRAME_TIMER) | ENDS},
    [FRAME_DONE] = {"done", 0},
    [FRAME_FAILED] = {"failed", SM(FRAME_RUN) | SM(FRAME_JOIN)},
    [FRAME_CALL] = {"call", SM(FRAME_RUN) | SM(FRAME_TOKEN) | SM(FRAME_CHILD) | ENDS},
    [FRAME_TOKEN] = {"token", SM(FRAME_RUN) | ENDS},
    [FRAME_CHILD] = {"child", SM(FRAME_RUN) | ENDS},
};
#undef ENDS

void frame_move(struct frame *f, enum frame_status to)
{
    f->status = (enum frame_status)sm_move(frame_states, f->status, to);
}

bool frame_is_open(const struct frame *f)
{
    return f->status != FRAME_DONE && f->status != FRAME_FAILED;
}

bool frame_is_runnable(const struct frame *f)
{
    return f->status == FRAME_RUN || (f->status == FRAME_JOIN && f->child_next < f->child_count &&
                                      f->child_open < f->concurrency);
}

void frame_drop_lease(struct frame *f)
{
    f->token = (struct token){0};
    f->worker = (struct slice){0};
    f->holder = 0;
    f->granted_ms = 0;
    f->child = 0;
    f->answer = (struct task_answer){0};
    f->output.parts = (struct slice){0};
    f->output.result = (struct slice){0};
}

void frame_drop_timer(struct turn *t, struct frame *f)
{
    if (f->due_ms != 0) {
        turn_command(t, COMMAND_SET_TIMER, f);
    }
    f->due_ms = 0;
    f->deadline_ms = 0;
    f->beat_due_ms = 0;
}

void frame_end(struct turn *t, struct frame *f)
{
    if (f->status == FRAME_READY || f->status == FRAME_LEASED || f->status == FRAME_COMMITTING) {
        turn_command(t, COMMAND_CANCEL_TASK, f);
    }
    if (f->status == FRAME_CHILD) {
        turn_command(t, COMMAND_STOP_CHILD, f)->child = f->child;
    }
    turn_abort_upload(t, f);
    frame_drop_timer(t, f);
    frame_drop_lease(f);
    variables_suspend(t, f);
    f->child_open = 0;
    frame_move(f, FRAME_FAILED);
    t->h->open_frames--;
}

void turn_break(struct turn *t, enum err_code code, const char *what)
{
    if (t->rc == OK) {
        t->rc = err_set(t->err, code, "%s", what);
    }
}

bool turn_is_over(const struct turn *t)
{
    return t->rc != OK || t->missing || t->full;
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

const struct frame *frame_set_find(const struct frame_set *set, uint32_t id)
{
    if (set->find != NULL) {
        return set->find(set->arg, id);
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i].id == id) {
            return &set->items[i];
        }
    }
    return NULL;
}

/* ---- the working copies, by number ---- */

/* Where the number stands in the table, or would. The table is never full. */
static size_t probe(const struct turn *t, uint32_t id)
{
    size_t at = (id * UINT32_C(2654435769)) & (t->table_size - 1);

    while (t->table[at] != 0 && t->slots[t->table[at] - 1].frame->id != id) {
        at = (at + 1) & (t->table_size - 1);
    }
    return at;
}

static void rehash(struct turn *t)
{
    t->table_size = t->table_size == 0 ? 16 : t->table_size * 2;
    t->table = ARENA_ARRAY(t->a, t->table_size, uint32_t);
    for (size_t i = 0; i < t->slot_count; i++) {
        t->table[probe(t, t->slots[i].frame->id)] = (uint32_t)i + 1;
    }
}

static struct frame *adopt(struct turn *t, const struct frame *f, size_t at)
{
    struct frame *copy = arena_alloc(t->a, sizeof(*copy));

    *copy = *f;
    if ((t->slot_count + 1) * 2 > t->table_size) {
        rehash(t);
    }
    t->slots = grown(t->a, t->slots, t->slot_count, &t->slot_cap, sizeof(*t->slots));
    t->slots[t->slot_count++] = (struct turn_slot){copy, at};
    t->table[probe(t, copy->id)] = (uint32_t)t->slot_count;
    return copy;
}

static struct frame *adopted(const struct turn *t, uint32_t id)
{
    size_t at = t->table_size == 0 ? 0 : probe(t, id);

    return t->table_size == 0 || t->table[at] == 0 ? NULL : t->slots[t->table[at] - 1].frame;
}

/* As the steps before this one in the same record left it, or as the caller knows it. */
static const struct frame *known(struct turn *t, uint32_t id, size_t *at)
{
    const struct frame *f;

    for (*at = 0; *at < t->out->frame_count; ++*at) {
        if (t->out->frames[*at].id == id) {
            return &t->out->frames[*at];
        }
    }
    *at = SIZE_MAX;
    f = t->given != NULL ? frame_set_find(t->given, id) : NULL;
    if (f == NULL) {
        t->out->need_frame = id;
        t->missing = true;
    } else if (f->state >= t->m->state_count) {
        turn_break(t, ERR_CORRUPT, "a frame stands in a state its machine does not have");
        return NULL;
    }
    return f;
}

struct frame *turn_frame(struct turn *t, uint32_t id)
{
    struct frame *mine = adopted(t, id);
    const struct frame *f;
    size_t at;

    if (mine != NULL) {
        return mine;
    }
    f = known(t, id, &at);
    return f != NULL ? adopt(t, f, at) : NULL;
}

const struct frame *turn_peek(struct turn *t, uint32_t id)
{
    const struct frame *mine = adopted(t, id);
    size_t at;

    return mine != NULL ? mine : known(t, id, &at);
}

struct frame *turn_new_frame(struct turn *t, uint32_t id)
{
    struct frame fresh = {.id = id, .parent = ASL_NONE, .status = FRAME_RUN};

    t->h->open_frames++;
    return adopt(t, &fresh, SIZE_MAX);
}

void turn_commit(struct turn *t)
{
    struct step *out = t->out;

    for (size_t i = 0; i < t->slot_count; i++) {
        if (t->slots[i].at != SIZE_MAX) {
            out->frames[t->slots[i].at] = *t->slots[i].frame;
            continue;
        }
        out->frames =
            grown(t->a, out->frames, out->frame_count, &out->frame_cap, sizeof(*out->frames));
        out->frames[out->frame_count++] = *t->slots[i].frame;
    }
}

void turn_queue(struct turn *t, const struct frame *f)
{
    t->queue = grown(t->a, t->queue, t->queue_count, &t->queue_cap, sizeof(*t->queue));
    t->queue[t->queue_count++] = f->id;
}

/* ---- what a turn gives ---- */

size_t rules_payload_bytes(const struct execution_header *h)
{
    return h->rules != NULL ? h->rules->payload_bytes : LIMIT_PAYLOAD_BYTES;
}

uint64_t rules_history_events(const struct execution_header *h)
{
    return h->rules != NULL ? h->rules->history_events : LIMIT_HISTORY_EVENTS;
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

struct history_event *
turn_record_leaf(struct turn *t, uint64_t previous, enum history_type type, uint32_t state)
{
    /* The last place belongs to the event that ends the execution. */
    if (!t->h->express && t->h->next_event >= rules_history_events(t->h)) {
        t->full = true;
        return ARENA_NEW(t->a, struct history_event);
    }
    return append_event(t, previous, type, state);
}

struct history_event *turn_record(struct turn *t, struct frame *f, enum history_type type)
{
    struct history_event *e = turn_record_leaf(t, f->last_event, type, f->state);

    if (!t->full) {
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
