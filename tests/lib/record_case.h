/* SPDX-License-Identifier: Apache-2.0 */
/* Transition records for tests: random ones that keep the engine's promises, with usual, small,
 * large and extreme values alike. */
#ifndef STEPFLEET_TESTS_LIB_RECORD_CASE_H
#define STEPFLEET_TESTS_LIB_RECORD_CASE_H

#include "tests/lib/record_same.h"

/* ---- Random structs ---- */

struct chance {
    uint64_t state;
    struct arena a;
};

static uint64_t chance_u64(struct chance *c)
{
    uint64_t z = (c->state += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t chance_below(struct chance *c, uint64_t n)
{
    return chance_u64(c) % n;
}

/* Usual, small, large and extreme values alike. */
static uint64_t chance_number(struct chance *c)
{
    switch (chance_below(c, 5)) {
    case 0: return 0;
    case 1: return chance_below(c, 4);
    case 2: return chance_below(c, 100000);
    case 3: return UINT64_MAX - chance_below(c, 3);
    default: return chance_u64(c);
    }
}

static int64_t chance_ms(struct chance *c)
{
    switch (chance_below(c, 4)) {
    case 0: return 0;
    case 1: return (int64_t)chance_number(c);
    default: return (int64_t)(1700000000000u + chance_below(c, 5000));
    }
}

static uint32_t chance_u32(struct chance *c)
{
    return (uint32_t)chance_number(c);
}

/* NULL, empty, or some bytes; few different ones, so that texts repeat. */
static struct slice chance_text(struct chance *c)
{
    static const char texts[] = "worker-1worker-2States.TaskFailed\0\xff the cause was long";
    size_t from;

    switch (chance_below(c, 5)) {
    case 0: return (struct slice){NULL, 0};
    case 1: return slice_make(texts, 0);
    case 2: return SLICE("the-same-again");
    default:
        from = (size_t)chance_below(c, sizeof(texts) - 1);
        return slice_make(texts + from, sizeof(texts) - 1 - from);
    }
}

static uint64_t chance_kept_ref(struct chance *c, uint64_t sequence)
{
    uint64_t back = chance_below(c, 2) == 0 ? 0 : chance_below(c, sequence + 1);

    return DOC_REF(sequence - back, chance_below(c, 2) == 0 ? 0 : chance_below(c, 255));
}

static uint64_t chance_ref(struct chance *c, uint64_t sequence)
{
    return chance_below(c, 3) == 0 ? 0 : chance_kept_ref(c, sequence);
}

static const struct variable *chance_variables(struct chance *c, uint64_t sequence, uint32_t *count)
{
    static const char *const names[] = {"", "a", "ab", "the-same-again", "\xff"};
    struct variable *variables = ARENA_ARRAY(&c->a, 5, struct variable);

    *count = 0;
    for (int i = 0; i < 5; i++) {
        if (chance_below(c, 2) == 0) {
            variables[*count].name = slice_str(names[i]);
            variables[(*count)++].value.ref = chance_kept_ref(c, sequence);
        }
    }
    return variables;
}

/* Status, and what it asks for. */
static void chance_status(struct chance *c, struct execution_header *h)
{
    h->status = (enum execution_status)chance_below(c, 6);
    if (h->status == EXECUTION_RUNNING) {
        h->open_frames = 1 + (uint32_t)chance_below(c, h->next_frame);
        return;
    }
    h->open_frames = h->status == EXECUTION_PENDING_REDRIVE
                         ? (uint32_t)chance_below(c, (uint64_t)h->next_frame + 1)
                         : 0;
    h->output.ref = h->status == EXECUTION_SUCCEEDED ? chance_kept_ref(c, h->sequence) : 0;
    h->stop_ms = chance_ms(c);
    h->error = chance_text(c);
    h->cause = chance_text(c);
}

static void chance_header(struct chance *c, struct execution_header *h, bool plain)
{
    h->sequence = chance_below(c, 3) == 0   ? 0
                  : chance_below(c, 2) == 0 ? chance_below(c, 50)
                                            : chance_below(c, UINT64_C(1) << 55);
    h->next_event = chance_number(c);
    h->next_event += h->next_event == 0;
    h->next_frame = h->open_frames = 1;
    if (plain) {
        return;
    }
    h->next_frame = chance_u32(c);
    h->next_frame += h->next_frame == 0;
    chance_status(c, h);
    h->deadline_ms = chance_ms(c);
    h->redrive_count = chance_u32(c);
    h->redrive_ms = chance_ms(c);
    for (size_t i = 0; i < REDRIVE_TOKENS; i++) {
        h->redrive_tokens[i] = chance_number(c);
    }
    h->record_docs = (uint32_t)chance_below(c, 256);
    h->variable_bytes = chance_number(c);
}

static void chance_fixed(struct chance *c, struct execution_header *h)
{
    h->account = chance_number(c);
    h->id = chance_number(c);
    h->machine = chance_number(c);
    h->revision = chance_u32(c);
    h->version = chance_below(c, 2) != 0 ? chance_u32(c) : 0;
    h->alias = chance_text(c);
    h->alias = h->alias.len != 0 ? h->alias : (struct slice){NULL, 0}; /* none, as it comes back */
    h->express = chance_below(c, 2) != 0;
    h->synchronous = chance_below(c, 2) != 0;
    h->name = chance_text(c);
    h->arn = chance_text(c);
    h->machine_arn = chance_text(c);
    h->machine_name = chance_text(c);
    h->role_arn = chance_text(c);
    h->seed = chance_number(c);
    h->start_ms = chance_ms(c);
    h->parent = (struct parent_task){.execution = chance_number(c),
                                     .frame = chance_u32(c),
                                     .attempt = chance_u32(c),
                                     .entered_event = chance_number(c)};
    h->map_run = chance_number(c);
    h->input.ref = chance_ref(c, h->sequence);
}

static enum history_type chance_type(struct chance *c)
{
    static const enum history_type types[] = {
#define HISTORY_TYPE(type, number, name) HISTORY_##type,
#include "coordinator/engine/history.def"
#undef HISTORY_TYPE
    };

    return types[chance_below(c, sizeof(types) / sizeof(types[0]))];
}

static void chance_event(struct chance *c, uint64_t sequence, struct history_event *e)
{
    bool plain = chance_below(c, 2) != 0;

    e->type = chance_type(c);
    e->previous = plain ? e->id - 1 : chance_number(c);
    e->time_ms = chance_ms(c);
    e->state = chance_below(c, 2) != 0 ? ASL_NONE : chance_u32(c);
    e->doc.ref = chance_ref(c, sequence);
    e->worker = chance_text(c);
    e->entered_ms = chance_ms(c);
    if (!plain) {
        e->wrapped = chance_below(c, 2) != 0;
        e->retry_count = chance_u32(c);
        e->seed = chance_number(c);
        e->timeout_s = (int64_t)chance_number(c);
        e->heartbeat_s = (int64_t)chance_number(c);
        e->error = chance_text(c);
        e->cause = chance_text(c);
        e->index = chance_number(c);
        e->variables = chance_variables(c, sequence, &e->variable_count);
        e->item.ref = chance_ref(c, sequence);
        e->item_index = chance_u32(c);
        e->redrives = chance_u32(c);
        e->frame = chance_u32(c);
        e->attempt = chance_u32(c);
        e->entered_event = chance_number(c);
    }
}

static void chance_output(struct chance *c, struct task_output *o)
{
    o->bucket = chance_text(c);
    o->key = chance_text(c);
    o->upload_id = chance_text(c);
    o->mark = chance_text(c);
    o->parts = chance_text(c);
    o->result = chance_text(c);
}

static void chance_retries(struct chance *c, struct frame *f)
{
    uint32_t *retries;

    f->retrier_count = (uint32_t)chance_below(c, 4);
    retries = ARENA_ARRAY(&c->a, f->retrier_count, uint32_t);
    for (uint32_t i = 0; i < f->retrier_count; i++) {
        retries[i] = chance_u32(c);
    }
    f->retries = retries;
}

/* Of a JOIN, or a FAILED frame that was one; its number is not the last. */
static void chance_children(struct chance *c, const struct execution_header *h, struct frame *f)
{
    bool join = f->status == FRAME_JOIN;

    f->first_child = f->id + 1 + (uint32_t)chance_below(c, h->next_frame - f->id - 1);
    f->child_count = 1 + (uint32_t)chance_below(c, h->next_frame - f->first_child);
    f->child_next = (uint32_t)chance_below(c, (uint64_t)f->child_count + 1);
    f->child_open = join ? (uint32_t)chance_below(c, (uint64_t)f->child_next + 1) : 0;
    if (join && f->child_open == 0 && f->child_next == f->child_count) {
        f->child_open = 1;
    }
    f->concurrency = chance_u32(c) | 1;
    f->items_at = chance_number(c);
    f->items.ref = chance_ref(c, h->sequence);
}

static struct task_answer chance_answer(struct chance *c)
{
    switch (chance_below(c, 4)) {
    case 0: return (struct task_answer){.is = ANSWER_SUCCEEDED, .result = chance_text(c)};
    case 1:
        return (struct task_answer){
            .is = ANSWER_FAILED, .error = chance_text(c), .cause = chance_text(c)};
    default: return (struct task_answer){.is = ANSWER_NONE};
    }
}

static void chance_times(struct chance *c, struct frame *f)
{
    bool token = f->status == FRAME_TOKEN;

    f->deadline_ms = token || f->status == FRAME_CHILD ? chance_ms(c) : 0;
    f->beat_due_ms = token ? chance_ms(c) : 0;
    f->due_ms = chance_below(c, 2) == 0 ? chance_ms(c)
                : f->beat_due_ms == 0 || (f->deadline_ms != 0 && f->deadline_ms < f->beat_due_ms)
                    ? f->deadline_ms
                    : f->beat_due_ms;
    f->timeout_ms = (int64_t)chance_number(c);
    f->heartbeat_ms = (int64_t)chance_number(c);
}

/* Most members, of any value. */
static void chance_parts(struct chance *c, const struct execution_header *h, struct frame *f)
{
    f->id = (uint32_t)chance_below(c, h->next_frame);
    f->parent = f->id == 0 ? ASL_NONE : (uint32_t)chance_below(c, f->id);
    f->scope = chance_u32(c);
    f->index = chance_u32(c);
    f->attempt = chance_u32(c);
    f->retry_count = chance_u32(c);
    if (chance_below(c, 2) != 0) {
        chance_retries(c, f);
    }
    f->submitted = chance_below(c, 2) != 0;
    chance_times(c, f);
    f->worker = chance_text(c);
    f->holder = (uint32_t)chance_number(c);
    chance_output(c, &f->output);
    f->item.ref = chance_ref(c, h->sequence);
    f->item_index = chance_below(c, 2) == 0 ? f->index : chance_u32(c);
    f->result.ref = chance_ref(c, h->sequence);
    f->variables = chance_variables(c, h->sequence, &f->variable_count);
}

/* Give it what its status asks for, and nothing that it forbids. */
static void settle_frame(struct chance *c, const struct execution_header *h, struct frame *f)
{
    bool leased = f->status == FRAME_LEASED || f->status == FRAME_COMMITTING;
    bool works =
        leased || f->status == FRAME_CALL || f->status == FRAME_TOKEN || f->status == FRAME_CHILD;

    if (leased) {
        f->token = (struct token){1 + chance_below(c, UINT64_MAX), chance_number(c)};
    }
    if (works) {
        f->started = true;
        f->granted_ms = chance_ms(c);
        f->answer = chance_answer(c);
    }
    f->child = f->status == FRAME_CHILD ? 1 + chance_below(c, UINT64_MAX) : 0;
    f->due_ms = f->status == FRAME_TIMER && f->due_ms <= 0 ? 1 : f->due_ms;
    f->attempt += f->status == FRAME_READY && f->attempt == 0;
    if (f->status == FRAME_COMMITTING) {
        f->output.bucket = SLICE("bucket");
    } else {
        f->output.result = (struct slice){0};
    }
    if (f->status == FRAME_JOIN || f->status == FRAME_FAILED) {
        chance_children(c, h, f);
    }
    if (f->status == FRAME_DONE && f->result.ref == 0) {
        f->result.ref = chance_kept_ref(c, h->sequence);
    }
}

static enum frame_status chance_frame_status(struct chance *c, bool open)
{
    if (open) {
        return (enum frame_status)chance_below(c, FRAME_STATUSES);
    }
    return chance_below(c, 2) == 0 ? FRAME_DONE : FRAME_FAILED;
}

static void
chance_frame(struct chance *c, const struct execution_header *h, bool open, struct frame *f)
{
    *f = (struct frame){.parent = ASL_NONE, .attempt = (uint32_t)chance_below(c, 3)};
    f->state = chance_u32(c);
    f->status = chance_frame_status(c, open);
    f->last_event = chance_below(c, h->next_event);
    f->entered_event = f->last_event - chance_below(c, f->last_event / 2 + 1);
    f->entered_ms = chance_ms(c);
    f->started = chance_below(c, 2) != 0;
    f->input.ref = f->status == FRAME_DONE ? 0 : chance_kept_ref(c, h->sequence);
    if (chance_below(c, 3) != 0) {
        chance_parts(c, h, f);
    }
    if (f->id == h->next_frame - 1 && (f->status == FRAME_JOIN || f->status == FRAME_FAILED)) {
        f->status = open ? FRAME_RUN : FRAME_DONE; /* no numbers are left for children */
    }
    settle_frame(c, h, f);
}

static void chance_step(struct chance *c, struct step *s)
{
    *s = (struct step){0};
    chance_header(c, &s->header, chance_below(c, 2) != 0);
    if (s->header.sequence == 0) {
        chance_fixed(c, &s->header);
    }
    s->doc_count = chance_below(c, 10) == 0 ? 255 : (size_t)chance_below(c, 3);
    s->docs = ARENA_ARRAY(&c->a, s->doc_count, struct doc);
    for (size_t i = 0; i < s->doc_count; i++) {
        s->docs[i].text = chance_text(c);
        s->docs[i].ref = DOC_REF(s->header.sequence, i);
    }
    s->event_count = (size_t)chance_below(c, 8);
    s->events = ARENA_ARRAY(&c->a, s->event_count, struct history_event);
    for (size_t i = 0; i < s->event_count; i++) {
        s->events[i].id =
            i == 0 ? chance_number(c) : s->events[0].id + (uint64_t)i; /* anywhere, in a row */
        chance_event(c, s->header.sequence, &s->events[i]);
    }
    s->frame_count = (size_t)chance_below(c, 4);
    s->frames = ARENA_ARRAY(&c->a, s->frame_count, struct frame);
    for (size_t i = 0; i < s->frame_count; i++) {
        chance_frame(c, &s->header, i < s->header.open_frames, &s->frames[i]);
    }
}

#endif
