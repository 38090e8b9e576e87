/* SPDX-License-Identifier: Apache-2.0 */
/* A step's outcome to the bytes of a transition record. What it asserts are the engine's promises:
 * ids of events in a row, documents numbered by their slot, no reference ahead of its record. */
#include "coordinator/store/record_format.h"

#include <assert.h>

struct writer {
    struct buf *out;
    uint64_t sequence;
    uint64_t next_event;
    int64_t base_ms;
    struct slice last; /* text */
};

static void put_diff(struct writer *w, uint64_t value, uint64_t base)
{
    buf_put_svarint(w->out, (int64_t)(value - base));
}

static void put_ms(struct writer *w, int64_t ms)
{
    put_diff(w, (uint64_t)ms, (uint64_t)w->base_ms);
}

/* A number of a state, scope or frame, which may be ASL_NONE. */
static void put_number(struct writer *w, uint32_t v)
{
    buf_put_varint(w->out, (uint32_t)(v + 1));
}

/* 0: absent, 1: the one before again, else length + 2 and the bytes. */
static void put_text(struct writer *w, struct slice s)
{
    if (s.ptr == NULL) {
        buf_put_varint(w->out, 0);
    } else if (s.len != 0 && slice_eq(s, w->last)) {
        buf_put_varint(w->out, 1);
    } else {
        buf_put_varint(w->out, s.len + 2);
        buf_put_slice(w->out, s);
        w->last = s.len != 0 ? s : w->last;
    }
}

static void put_ref(struct writer *w, uint64_t ref)
{
    uint64_t back;
    unsigned slot;

    if (ref == 0) {
        buf_put_varint(w->out, 0);
        return;
    }
    assert(DOC_SEQUENCE(ref) <= w->sequence);
    back = w->sequence - DOC_SEQUENCE(ref);
    slot = DOC_SLOT(ref);
    buf_put_varint(w->out, (back << 3 | (slot < SLOT_ESCAPE ? slot : SLOT_ESCAPE)) + 1);
    if (slot >= SLOT_ESCAPE) {
        buf_put_varint(w->out, slot - SLOT_ESCAPE);
    }
}

/* The value of each is kept. */
static void put_variables(struct writer *w, const struct variable *variables, uint32_t count)
{
    buf_put_varint(w->out, count);
    for (uint32_t i = 0; i < count; i++) {
        assert(variables[i].value.ref != 0);
        put_text(w, variables[i].name);
        put_ref(w, variables[i].value.ref);
    }
}

static void put_docs(struct writer *w, const struct step *s)
{
    assert(s->doc_count <= RECORD_DOCS_MAX);
    buf_put_varint(w->out, s->doc_count);
    for (size_t i = 0; i < s->doc_count; i++) {
        assert(s->docs[i].ref == DOC_REF(w->sequence, i));
        buf_put_bytes(w->out, s->docs[i].text);
    }
}

static size_t redrive_tokens(const struct execution_header *h)
{
    size_t n = REDRIVE_TOKENS;

    while (n > 0 && h->redrive_tokens[n - 1] == 0) {
        n--;
    }
    return n;
}

static unsigned header_flags(const struct execution_header *h, size_t doc_count)
{
    bool frames = h->next_frame != 1 || h->open_frames != 1;
    bool closed = h->status != EXECUTION_RUNNING || h->stop_ms != 0;
    bool redriven = h->redrive_count != 0 || h->redrive_ms != 0 || redrive_tokens(h) != 0;
    bool failure = h->error.ptr != NULL || h->cause.ptr != NULL;

    return (h->deadline_ms != 0 ? HEADER_DEADLINE : 0u) | (frames ? HEADER_FRAMES : 0u) |
           (h->sequence == 0 ? HEADER_WHOLE : 0u) | (closed ? HEADER_CLOSED : 0u) |
           (h->output.ref != 0 ? HEADER_OUTPUT : 0u) | (redriven ? HEADER_REDRIVE : 0u) |
           (failure ? HEADER_FAILURE : 0u) | (h->record_docs != doc_count ? HEADER_DOCS : 0u) |
           (h->variable_bytes != 0 ? HEADER_VARIABLES : 0u);
}

static bool parent_is_set(const struct parent_task *p)
{
    return p->execution != 0 || p->frame != 0 || p->attempt != 0 || p->entered_event != 0;
}

static void put_parent(struct writer *w, const struct parent_task *p)
{
    buf_put_varint(w->out, p->execution);
    buf_put_varint(w->out, p->frame);
    buf_put_varint(w->out, p->attempt);
    buf_put_varint(w->out, p->entered_event);
}

static bool version_is_set(const struct execution_header *h)
{
    return h->version != 0 || h->alias.len != 0;
}

/* What never changes after the start. */
static void put_fixed(struct writer *w, const struct execution_header *h)
{
    unsigned flags = (h->express ? FIXED_EXPRESS : 0u) | (h->synchronous ? FIXED_SYNCHRONOUS : 0u) |
                     (parent_is_set(&h->parent) ? FIXED_PARENT : 0u) |
                     (version_is_set(h) ? FIXED_VERSION : 0u) |
                     (h->trace.len != 0 ? FIXED_TRACE : 0u);

    buf_put_varint(w->out, h->account);
    buf_put_varint(w->out, h->id);
    buf_put_varint(w->out, h->machine);
    buf_put_varint(w->out, h->revision);
    buf_put_u8(w->out, (uint8_t)flags);
    put_text(w, h->name);
    put_text(w, h->arn);
    put_text(w, h->machine_arn);
    put_text(w, h->machine_name);
    put_text(w, h->role_arn);
    buf_put_u64le(w->out, h->seed);
    put_ms(w, h->start_ms);
    if (flags & FIXED_PARENT) {
        put_parent(w, &h->parent);
    }
    if (flags & FIXED_VERSION) {
        buf_put_varint(w->out, h->version);
        put_text(w, h->alias);
    }
    if (flags & FIXED_TRACE) {
        put_text(w, h->trace);
    }
    buf_put_varint(w->out, h->map_run);
    put_ref(w, h->input.ref);
}

static void
put_header(struct writer *w, const struct execution_header *h, uint64_t lowest, size_t doc_count)
{
    unsigned flags = header_flags(h, doc_count);

    assert(lowest <= h->sequence && h->sequence <= SEQUENCE_MAX);
    buf_put_varint(w->out, flags);
    buf_put_varint(w->out, h->sequence);
    buf_put_varint(w->out, h->sequence - lowest);
    buf_put_svarint(w->out, w->base_ms);
    buf_put_varint(w->out, h->next_event);
    if (flags & HEADER_DEADLINE) {
        put_ms(w, h->deadline_ms);
    }
    if (flags & HEADER_FRAMES) {
        buf_put_varint(w->out, h->next_frame);
        buf_put_varint(w->out, h->open_frames);
    }
    if (flags & HEADER_CLOSED) {
        buf_put_u8(w->out, (uint8_t)h->status);
        put_ms(w, h->stop_ms);
    }
    if (flags & HEADER_OUTPUT) {
        put_ref(w, h->output.ref);
    }
    if (flags & HEADER_REDRIVE) {
        buf_put_varint(w->out, h->redrive_count);
        put_ms(w, h->redrive_ms);
        buf_put_u8(w->out, (uint8_t)redrive_tokens(h));
        for (size_t i = 0; i < redrive_tokens(h); i++) {
            buf_put_u64le(w->out, h->redrive_tokens[i]);
        }
    }
    if (flags & HEADER_FAILURE) {
        put_text(w, h->error);
        put_text(w, h->cause);
    }
    if (flags & HEADER_DOCS) {
        buf_put_varint(w->out, h->record_docs);
    }
    if (flags & HEADER_VARIABLES) {
        buf_put_varint(w->out, h->variable_bytes);
    }
    if (flags & HEADER_WHOLE) {
        put_fixed(w, h);
    }
}

static unsigned more_flags(const struct history_event *e)
{
    bool token = e->frame != 0 || e->attempt != 0 || e->entered_event != 0;

    return (e->wrapped ? MORE_WRAPPED : 0u) | (e->retry_count != 0 ? MORE_RETRY : 0u) |
           (e->error.ptr != NULL || e->cause.ptr != NULL ? MORE_FAILURE : 0u) |
           (e->timeout_s != 0 || e->heartbeat_s != 0 ? MORE_TIMEOUTS : 0u) |
           (e->seed != 0 ? MORE_SEED : 0u) | (e->index != 0 ? MORE_INDEX : 0u) |
           (e->item.ref != 0 || e->item_index != 0 ? MORE_ITEM : 0u) |
           (e->variable_count != 0 ? MORE_VARIABLES : 0u) |
           (e->redrives != 0 ? MORE_REDRIVES : 0u) | (token ? MORE_TOKEN : 0u);
}

static void put_event_more(struct writer *w, const struct history_event *e, unsigned more)
{
    buf_put_varint(w->out, more);
    if (more & MORE_RETRY) {
        buf_put_varint(w->out, e->retry_count);
    }
    if (more & MORE_FAILURE) {
        put_text(w, e->error);
        put_text(w, e->cause);
    }
    if (more & MORE_TIMEOUTS) {
        buf_put_svarint(w->out, e->timeout_s);
        buf_put_svarint(w->out, e->heartbeat_s);
    }
    if (more & MORE_SEED) {
        buf_put_u64le(w->out, e->seed);
    }
    if (more & MORE_INDEX) {
        buf_put_varint(w->out, e->index);
    }
    if (more & MORE_ITEM) {
        put_ref(w, e->item.ref);
        buf_put_varint(w->out, e->item_index);
    }
    if (more & MORE_VARIABLES) {
        put_variables(w, e->variables, e->variable_count);
    }
    if (more & MORE_REDRIVES) {
        buf_put_varint(w->out, e->redrives);
    }
    if (more & MORE_TOKEN) {
        buf_put_varint(w->out, e->frame);
        buf_put_varint(w->out, e->attempt);
        put_diff(w, e->entered_event, e->id);
    }
}

/* `before`: the event before, or of the first what stands for it. */
static void
put_event(struct writer *w, const struct history_event *e, const struct history_event *before)
{
    unsigned more = more_flags(e);
    unsigned flags = (e->previous != e->id - 1 ? EVENT_PREVIOUS : 0u) |
                     (e->time_ms != before->time_ms ? EVENT_TIME : 0u) |
                     (e->state != before->state ? EVENT_STATE : 0u) |
                     (e->doc.ref != 0 ? EVENT_DOC : 0u) |
                     (e->worker.ptr != NULL ? EVENT_WORKER : 0u) |
                     (e->entered_ms != 0 ? EVENT_ENTERED : 0u) | (more != 0 ? EVENT_MORE : 0u);

    buf_put_varint(w->out, (uint64_t)e->type);
    buf_put_u8(w->out, (uint8_t)flags);
    if (flags & EVENT_PREVIOUS) {
        put_diff(w, e->previous, e->id);
    }
    if (flags & EVENT_TIME) {
        put_diff(w, (uint64_t)e->time_ms, (uint64_t)before->time_ms);
    }
    if (flags & EVENT_STATE) {
        put_number(w, e->state);
    }
    if (flags & EVENT_DOC) {
        put_ref(w, e->doc.ref);
    }
    if (flags & EVENT_WORKER) {
        put_text(w, e->worker);
    }
    if (flags & EVENT_ENTERED) {
        put_ms(w, e->entered_ms);
    }
    if (flags & EVENT_MORE) {
        put_event_more(w, e, more);
    }
}

static void put_events(struct writer *w, const struct step *s)
{
    struct history_event before = {.state = ASL_NONE, .time_ms = w->base_ms};

    buf_put_varint(w->out, s->event_count);
    if (s->event_count != 0) {
        put_diff(w, s->events[0].id, w->next_event - s->event_count);
    }
    for (size_t i = 0; i < s->event_count; i++) {
        assert(i == 0 || s->events[i].id == before.id + 1);
        put_event(w, &s->events[i], &before);
        before = s->events[i];
    }
}

static bool output_is_set(const struct task_output *o)
{
    return o->bucket.ptr != NULL || o->key.ptr != NULL || o->upload_id.ptr != NULL ||
           o->mark.ptr != NULL || o->parts.ptr != NULL || o->result.ptr != NULL;
}

static bool children_are_set(const struct frame *f)
{
    return f->first_child != 0 || f->child_count != 0 || f->child_next != 0 || f->child_open != 0 ||
           f->concurrency != 0 || f->items_at != 0 || f->items.ref != 0;
}

static bool answer_is_set(const struct task_answer *x)
{
    return x->is != ANSWER_NONE || x->result.ptr != NULL || x->error.ptr != NULL ||
           x->cause.ptr != NULL;
}

/* Of the parts that most frames are without. */
static unsigned frame_rare_flags(const struct frame *f)
{
    return (children_are_set(f) ? FRAME_HAS_CHILDREN : 0u) |
           (f->item.ref != 0 || f->item_index != 0 ? FRAME_HAS_ITEM : 0u) |
           (f->result.ref != 0 ? FRAME_HAS_RESULT : 0u) |
           (f->variable_count != 0 ? FRAME_HAS_VARIABLES : 0u) |
           (f->submitted ? FRAME_HAS_SUBMITTED : 0u) |
           (f->deadline_ms != 0 ? FRAME_HAS_DEADLINE : 0u) |
           (f->beat_due_ms != 0 ? FRAME_HAS_BEAT : 0u) | (f->child != 0 ? FRAME_HAS_CHILD : 0u) |
           (answer_is_set(&f->answer) ? FRAME_HAS_ANSWER : 0u);
}

static unsigned frame_flags(const struct frame *f)
{
    bool place = f->id != 0 || f->parent != ASL_NONE || f->scope != 0 || f->index != 0;
    bool lease = f->granted_ms != 0 || f->token.epoch != 0 || f->token.counter != 0 ||
                 f->worker.ptr != NULL || f->holder != 0;
    bool retry = f->retry_count != 0 || f->retries != NULL;

    return (place ? FRAME_HAS_PLACE : 0u) | (f->started ? FRAME_HAS_STARTED : 0u) |
           (lease ? FRAME_HAS_LEASE : 0u) | (f->due_ms != usual_due_ms(f) ? FRAME_HAS_DUE : 0u) |
           (f->attempt != usual_attempt(f->status) ? FRAME_HAS_ATTEMPT : 0u) |
           (retry ? FRAME_HAS_RETRY : 0u) |
           (f->timeout_ms != 0 || f->heartbeat_ms != 0 ? FRAME_HAS_TIMEOUTS : 0u) |
           (output_is_set(&f->output) ? FRAME_HAS_OUTPUT : 0u) | frame_rare_flags(f);
}

static void put_retries(struct writer *w, const struct frame *f)
{
    assert(f->retries != NULL || f->retrier_count == 0);
    buf_put_varint(w->out, f->retry_count);
    buf_put_u8(w->out, f->retries != NULL ? 1 : 0);
    if (f->retries != NULL) {
        buf_put_varint(w->out, f->retrier_count);
    }
    for (uint32_t i = 0; i < f->retrier_count; i++) {
        buf_put_varint(w->out, f->retries[i]);
    }
}

static void put_lease(struct writer *w, const struct frame *f)
{
    put_ms(w, f->granted_ms);
    buf_put_varint(w->out, f->token.epoch);
    buf_put_varint(w->out, f->token.counter);
    put_text(w, f->worker);
    buf_put_varint(w->out, f->holder);
}

static void put_output(struct writer *w, const struct task_output *o)
{
    put_text(w, o->bucket);
    put_text(w, o->key);
    put_text(w, o->upload_id);
    put_text(w, o->mark);
    put_text(w, o->parts);
    put_text(w, o->result);
}

static void put_frame_parts(struct writer *w, const struct frame *f, unsigned flags)
{
    if (flags & FRAME_HAS_PLACE) {
        buf_put_varint(w->out, f->id);
        put_number(w, f->parent);
        put_number(w, f->scope);
        buf_put_varint(w->out, f->index);
    }
    if (flags & FRAME_HAS_LEASE) {
        put_lease(w, f);
    }
    if (flags & FRAME_HAS_DUE) {
        put_ms(w, f->due_ms);
    }
    if (flags & FRAME_HAS_ATTEMPT) {
        buf_put_varint(w->out, f->attempt);
    }
    if (flags & FRAME_HAS_RETRY) {
        put_retries(w, f);
    }
    if (flags & FRAME_HAS_TIMEOUTS) {
        buf_put_svarint(w->out, f->timeout_ms);
        buf_put_svarint(w->out, f->heartbeat_ms);
    }
    if (flags & FRAME_HAS_OUTPUT) {
        put_output(w, &f->output);
    }
}

static void put_children(struct writer *w, const struct frame *f)
{
    buf_put_varint(w->out, f->first_child);
    buf_put_varint(w->out, f->child_count);
    buf_put_varint(w->out, f->child_next);
    buf_put_varint(w->out, f->child_open);
    put_number(w, f->concurrency);
    buf_put_varint(w->out, f->items_at);
    put_ref(w, f->items.ref);
}

static void put_answer(struct writer *w, const struct task_answer *x)
{
    buf_put_u8(w->out, (uint8_t)x->is);
    put_text(w, x->result);
    put_text(w, x->error);
    put_text(w, x->cause);
}

static void put_frame_rare_parts(struct writer *w, const struct frame *f, unsigned flags)
{
    if (flags & FRAME_HAS_CHILDREN) {
        put_children(w, f);
    }
    if (flags & FRAME_HAS_ITEM) {
        put_ref(w, f->item.ref);
        put_diff(w, f->item_index, f->index);
    }
    if (flags & FRAME_HAS_RESULT) {
        put_ref(w, f->result.ref);
    }
    if (flags & FRAME_HAS_VARIABLES) {
        put_variables(w, f->variables, f->variable_count);
    }
    if (flags & FRAME_HAS_DEADLINE) {
        put_ms(w, f->deadline_ms);
    }
    if (flags & FRAME_HAS_BEAT) {
        put_ms(w, f->beat_due_ms);
    }
    if (flags & FRAME_HAS_CHILD) {
        buf_put_varint(w->out, f->child);
    }
    if (flags & FRAME_HAS_ANSWER) {
        put_answer(w, &f->answer);
    }
}

static void put_frame(struct writer *w, const struct frame *f)
{
    unsigned flags = frame_flags(f);

    buf_put_varint(w->out, flags | (unsigned)f->status);
    put_number(w, f->state);
    put_diff(w, f->entered_event, w->next_event);
    put_ms(w, f->entered_ms);
    put_diff(w, f->last_event, w->next_event - 1);
    put_ref(w, f->input.ref);
    put_frame_parts(w, f, flags);
    put_frame_rare_parts(w, f, flags);
}

/* The oldest that can say it. */
static uint8_t record_version(const struct execution_header *h)
{
    if (h->sequence != 0) {
        return RECORD_VERSION;
    }
    return h->trace.len != 0   ? RECORD_VERSION_TRACED
           : version_is_set(h) ? RECORD_VERSION_STARTED
                               : RECORD_VERSION;
}

void record_encode(const struct step *s, uint64_t lowest, struct buf *out)
{
    struct writer w = {
        .out = out,
        .sequence = s->header.sequence,
        .next_event = s->header.next_event,
        .base_ms = s->event_count != 0   ? s->events[0].time_ms
                   : s->frame_count != 0 ? s->frames[0].entered_ms
                                         : 0,
    };

    buf_put_u8(out, record_version(&s->header));
    put_docs(&w, s);
    put_header(&w, &s->header, lowest, s->doc_count);
    put_events(&w, s);
    buf_put_varint(out, s->frame_count);
    for (size_t i = 0; i < s->frame_count; i++) {
        put_frame(&w, &s->frames[i]);
    }
}
