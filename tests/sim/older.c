/* SPDX-License-Identifier: Apache-2.0 */
/* Versions 1 and 2 of a transition record, written again from what record_format.h says of them,
 * and from nothing of the encoder there is now. */
#include "tests/sim/older.h"

#include "coordinator/store/record_format.h"

struct writer {
    unsigned version;
    struct buf *out;
    const struct record *r;
    int64_t base_ms;
    struct slice last;
};

static void put(struct writer *w, uint64_t v)
{
    buf_put_varint(w->out, v);
}

static void put_diff(struct writer *w, uint64_t v, uint64_t base)
{
    buf_put_svarint(w->out, (int64_t)(v - base));
}

static void put_ms(struct writer *w, int64_t ms)
{
    put_diff(w, (uint64_t)ms, (uint64_t)w->base_ms);
}

static void put_number(struct writer *w, uint32_t v)
{
    put(w, (uint32_t)(v + 1));
}

static void put_text(struct writer *w, struct slice s)
{
    if (s.ptr == NULL) {
        put(w, 0);
    } else if (s.len != 0 && slice_eq(s, w->last)) {
        put(w, 1);
    } else {
        put(w, s.len + 2);
        buf_put_slice(w->out, s);
        w->last = s.len != 0 ? s : w->last;
    }
}

static void put_ref(struct writer *w, uint64_t ref)
{
    uint64_t back = ref != 0 ? w->r->header.sequence - DOC_SEQUENCE(ref) : 0;
    unsigned slot = DOC_SLOT(ref);

    if (ref == 0) {
        put(w, 0);
    } else if (slot < SLOT_ESCAPE) {
        put(w, (back << 3 | slot) + 1);
    } else {
        put(w, (back << 3 | SLOT_ESCAPE) + 1);
        put(w, slot - SLOT_ESCAPE);
    }
}

static void put_variables(struct writer *w, const struct variable *all, uint32_t count)
{
    put(w, count);
    for (uint32_t i = 0; i < count; i++) {
        put_text(w, all[i].name);
        put_ref(w, all[i].value.ref);
    }
}

static void put_docs(struct writer *w)
{
    put(w, w->r->doc_count);
    for (size_t i = 0; i < w->r->doc_count; i++) {
        buf_put_bytes(w->out, w->r->docs[i].text);
    }
}

/* ---- header ---- */

static void put_fixed(struct writer *w)
{
    const struct execution_header *h = &w->r->header;
    bool parent = h->parent.execution != 0;

    put(w, h->account);
    put(w, h->id);
    put(w, h->machine);
    put(w, h->revision);
    buf_put_u8(w->out,
               (uint8_t)((h->express ? FIXED_EXPRESS : 0) |
                         (h->synchronous ? FIXED_SYNCHRONOUS : 0) | (parent ? FIXED_PARENT : 0)));
    put_text(w, h->name);
    put_text(w, h->arn);
    put_text(w, h->machine_arn);
    put_text(w, h->machine_name);
    put_text(w, h->role_arn);
    buf_put_u64le(w->out, h->seed);
    put_ms(w, h->start_ms);
    if (parent) {
        put(w, h->parent.execution);
        put(w, h->parent.frame);
        put(w, h->parent.attempt);
        put(w, h->parent.entered_event);
    }
    if (w->version == 1) {
        put(w, 0); /* a parent's execution */
    }
    put(w, h->map_run);
    put_ref(w, h->input.ref);
}

static unsigned header_flags(const struct record *r)
{
    const struct execution_header *h = &r->header;
    bool redriven = h->redrive_count != 0 || h->redrive_ms != 0 || h->redrive_tokens[0] != 0;

    return (h->deadline_ms != 0 ? HEADER_DEADLINE : 0u) |
           (h->next_frame != 1 || h->open_frames != 1 ? HEADER_FRAMES : 0u) |
           (r->whole_header ? HEADER_WHOLE : 0u) |
           (h->status != EXECUTION_RUNNING || h->stop_ms != 0 ? HEADER_CLOSED : 0u) |
           (h->output.ref != 0 ? HEADER_OUTPUT : 0u) | (redriven ? HEADER_REDRIVE : 0u) |
           (h->error.ptr != NULL || h->cause.ptr != NULL ? HEADER_FAILURE : 0u) |
           (h->record_docs != r->doc_count ? HEADER_DOCS : 0u) |
           (h->variable_bytes != 0 ? HEADER_VARIABLES : 0u);
}

static void put_header_parts(struct writer *w, unsigned flags)
{
    const struct execution_header *h = &w->r->header;

    if (flags & HEADER_DEADLINE) {
        put_ms(w, h->deadline_ms);
    }
    if (flags & HEADER_FRAMES) {
        put(w, h->next_frame);
        put(w, h->open_frames);
    }
    if (flags & HEADER_CLOSED) {
        buf_put_u8(w->out, (uint8_t)h->status);
        put_ms(w, h->stop_ms);
    }
    if (flags & HEADER_OUTPUT) {
        put_ref(w, h->output.ref);
    }
    if (flags & HEADER_REDRIVE) {
        put(w, h->redrive_count);
        put_ms(w, h->redrive_ms);
        buf_put_u64le(w->out, h->redrive_tokens[0]);
    }
    if (flags & HEADER_FAILURE) {
        put_text(w, h->error);
        put_text(w, h->cause);
    }
    if (flags & HEADER_DOCS) {
        put(w, h->record_docs);
    }
    if (flags & HEADER_VARIABLES) {
        put(w, h->variable_bytes);
    }
    if (flags & HEADER_WHOLE) {
        put_fixed(w);
    }
}

static void put_header(struct writer *w)
{
    const struct execution_header *h = &w->r->header;
    unsigned flags = header_flags(w->r);

    put(w, flags);
    put(w, h->sequence);
    put(w, h->sequence - w->r->lowest);
    buf_put_svarint(w->out, w->base_ms);
    put(w, h->next_event);
    put_header_parts(w, flags);
}

/* ---- events ---- */

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

static void put_more(struct writer *w, const struct history_event *e, unsigned more)
{
    put(w, more);
    if (more & MORE_RETRY) {
        put(w, e->retry_count);
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
        put(w, e->index);
    }
    if (more & MORE_ITEM) {
        put_ref(w, e->item.ref);
        put(w, e->item_index);
    }
    if (more & MORE_VARIABLES) {
        put_variables(w, e->variables, e->variable_count);
    }
    if (more & MORE_REDRIVES) {
        put(w, e->redrives);
    }
    if (more & MORE_TOKEN) {
        put(w, e->frame);
        put(w, e->attempt);
        put_diff(w, e->entered_event, e->id);
    }
}

static void put_event(struct writer *w, const struct history_event *e, uint32_t state, int64_t ms)
{
    unsigned more = more_flags(e);
    unsigned flags = (e->previous != e->id - 1 ? EVENT_PREVIOUS : 0u) |
                     (e->time_ms != ms ? EVENT_TIME : 0u) | (e->state != state ? EVENT_STATE : 0u) |
                     (e->doc.ref != 0 ? EVENT_DOC : 0u) |
                     (e->worker.ptr != NULL ? EVENT_WORKER : 0u) |
                     (e->entered_ms != 0 ? EVENT_ENTERED : 0u) | (more != 0 ? EVENT_MORE : 0u);

    put(w, (uint64_t)e->type);
    buf_put_u8(w->out, (uint8_t)flags);
    if (flags & EVENT_PREVIOUS) {
        put_diff(w, e->previous, e->id);
    }
    if (flags & EVENT_TIME) {
        put_diff(w, (uint64_t)e->time_ms, (uint64_t)ms);
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
        put_more(w, e, more);
    }
}

static void put_events(struct writer *w)
{
    const struct record *r = w->r;

    put(w, r->event_count);
    if (r->event_count != 0) {
        put_diff(w, r->events[0].id, r->header.next_event - r->event_count);
    }
    for (size_t i = 0; i < r->event_count; i++) {
        put_event(w, &r->events[i], i == 0 ? ASL_NONE : r->events[i - 1].state,
                  i == 0 ? w->base_ms : r->events[i - 1].time_ms);
    }
}

/* ---- frames ---- */

static bool has_output(const struct task_output *o)
{
    return o->bucket.ptr != NULL || o->key.ptr != NULL || o->upload_id.ptr != NULL ||
           o->mark.ptr != NULL || o->parts.ptr != NULL || o->result.ptr != NULL;
}

static bool has_children(const struct frame *f)
{
    return f->first_child != 0 || f->child_count != 0 || f->child_next != 0 || f->child_open != 0 ||
           f->concurrency != 0 || f->items_at != 0 || f->items.ref != 0;
}

static bool has_lease(const struct frame *f)
{
    return f->granted_ms != 0 || f->token.epoch != 0 || f->token.counter != 0 ||
           f->worker.ptr != NULL;
}

static unsigned frame_flags(const struct writer *w, const struct frame *f)
{
    uint32_t usual = w->version == 1 ? 1 : usual_attempt(f->status);
    bool place = f->id != 0 || f->parent != ASL_NONE || f->scope != 0 || f->index != 0;

    return (place ? FRAME_HAS_PLACE : 0u) | (f->started ? FRAME_HAS_STARTED : 0u) |
           (has_lease(f) ? FRAME_HAS_LEASE : 0u) |
           (f->due_ms != usual_due_ms(f) ? FRAME_HAS_DUE : 0u) |
           (f->attempt != usual ? FRAME_HAS_ATTEMPT : 0u) |
           (f->retry_count != 0 || f->retries != NULL ? FRAME_HAS_RETRY : 0u) |
           (f->timeout_ms != 0 || f->heartbeat_ms != 0 ? FRAME_HAS_TIMEOUTS : 0u) |
           (has_output(&f->output) ? FRAME_HAS_OUTPUT : 0u) |
           (has_children(f) ? FRAME_HAS_CHILDREN : 0u) |
           (f->item.ref != 0 || f->item_index != 0 ? FRAME_HAS_ITEM : 0u) |
           (f->result.ref != 0 ? FRAME_HAS_RESULT : 0u) |
           (f->variable_count != 0 ? FRAME_HAS_VARIABLES : 0u) |
           (f->submitted ? FRAME_HAS_SUBMITTED : 0u) |
           (f->deadline_ms != 0 ? FRAME_HAS_DEADLINE : 0u) |
           (f->beat_due_ms != 0 ? FRAME_HAS_BEAT : 0u) | (f->child != 0 ? FRAME_HAS_CHILD : 0u) |
           (f->answer.is != ANSWER_NONE ? FRAME_HAS_ANSWER : 0u);
}

static void put_retries(struct writer *w, const struct frame *f)
{
    put(w, f->retry_count);
    buf_put_u8(w->out, f->retries != NULL);
    if (f->retries != NULL) {
        put(w, f->retrier_count);
    }
    for (uint32_t i = 0; i < f->retrier_count; i++) {
        put(w, f->retries[i]);
    }
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

static void put_parts(struct writer *w, const struct frame *f, unsigned flags)
{
    if (flags & FRAME_HAS_PLACE) {
        put(w, f->id);
        put_number(w, f->parent);
        put_number(w, f->scope);
        put(w, f->index);
    }
    if (flags & FRAME_HAS_LEASE) {
        put_ms(w, f->granted_ms);
        put(w, f->token.epoch);
        put(w, f->token.counter);
        put_text(w, f->worker);
    }
    if (flags & FRAME_HAS_DUE) {
        put_ms(w, f->due_ms);
    }
    if (flags & FRAME_HAS_ATTEMPT) {
        put(w, f->attempt);
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
    put(w, f->first_child);
    put(w, f->child_count);
    put(w, f->child_next);
    put(w, f->child_open);
    put_number(w, f->concurrency);
    put(w, f->items_at);
    put_ref(w, f->items.ref);
}

static void put_rare_parts(struct writer *w, const struct frame *f, unsigned flags)
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
        put(w, f->child);
    }
    if (flags & FRAME_HAS_ANSWER) {
        buf_put_u8(w->out, (uint8_t)f->answer.is);
        put_text(w, f->answer.result);
        put_text(w, f->answer.error);
        put_text(w, f->answer.cause);
    }
}

static void put_frame(struct writer *w, const struct frame *f)
{
    unsigned flags = frame_flags(w, f);

    put(w, (w->version == 1 ? flags >> 1 : flags) | (unsigned)f->status);
    put_number(w, f->state);
    put_diff(w, f->entered_event, w->r->header.next_event);
    put_ms(w, f->entered_ms);
    put_diff(w, f->last_event, w->r->header.next_event - 1);
    put_ref(w, f->input.ref);
    put_parts(w, f, flags);
    put_rare_parts(w, f, flags);
}

/* ---- the whole ---- */

static bool is_of_version_1(const struct writer *w)
{
    const struct record *r = w->r;
    bool is = r->header.parent.execution == 0 && header_flags(r) <= HEADER_ALL_V1;

    for (size_t i = 0; i < r->event_count && is; i++) {
        is = more_flags(&r->events[i]) <= MORE_ALL_V1;
    }
    for (size_t i = 0; i < r->frame_count && is; i++) {
        is = frame_flags(w, &r->frames[i]) <= FRAME_FLAGS_ALL_V1 &&
             (unsigned)r->frames[i].status <= FRAME_STATUS_BITS_V1;
    }
    return is;
}

bool older_encode(const struct record *r, unsigned version, struct buf *out)
{
    struct writer w = {
        .version = version,
        .out = out,
        .r = r,
        .base_ms = r->event_count != 0   ? r->events[0].time_ms
                   : r->frame_count != 0 ? r->frames[0].entered_ms
                                         : 0,
    };

    for (size_t i = 1; i < REDRIVE_TOKENS; i++) {
        if (r->header.redrive_tokens[i] != 0) {
            return false; /* they remembered one */
        }
    }
    if (version == 1 && !is_of_version_1(&w)) {
        return false;
    }
    buf_put_u8(out, (uint8_t)version);
    put_docs(&w);
    put_header(&w);
    put_events(&w);
    put(&w, r->frame_count);
    for (size_t i = 0; i < r->frame_count; i++) {
        put_frame(&w, &r->frames[i]);
    }
    return true;
}
