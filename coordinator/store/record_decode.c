/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a transition record back to structs. Nothing here trusts the bytes: the cursor turns
 * bad at the first wrong one and gives zeros from then on, counts are held against what is left
 * before memory is taken, and whatever is out of range is malformed. So is an execution that cannot
 * be: what execution_check() would end the program for is refused here, as far as one record shows
 * it. */
#include "coordinator/store/record_format.h"
#include "proto/base/limits.h"

struct reader {
    struct cursor c;
    unsigned version;
    struct arena *a;
    uint64_t sequence;
    uint64_t next_event;
    int64_t base_ms;
    struct slice last;
};

static uint64_t get_diff(struct reader *r, uint64_t base)
{
    return (uint64_t)cursor_svarint(&r->c) + base;
}

static int64_t get_ms(struct reader *r)
{
    return (int64_t)get_diff(r, (uint64_t)r->base_ms);
}

static uint32_t get_u32(struct reader *r)
{
    uint64_t v = cursor_varint(&r->c);

    r->c.bad = r->c.bad || v > UINT32_MAX;
    return (uint32_t)v;
}

static uint32_t get_number(struct reader *r)
{
    return get_u32(r) - 1;
}

/* Flags that this version does not know mean bytes it cannot read. */
static unsigned get_flags(struct reader *r, unsigned all)
{
    uint64_t v = cursor_varint(&r->c);

    r->c.bad = r->c.bad || v > all;
    return r->c.bad ? 0 : (unsigned)v;
}

static struct slice get_text(struct reader *r)
{
    uint64_t v = cursor_varint(&r->c);
    struct slice s;

    if (v == 0) {
        return (struct slice){NULL, 0};
    }
    if (v == 1) {
        r->c.bad = r->c.bad || r->last.len == 0;
        return r->last;
    }
    if (v - 2 > (uint64_t)(r->c.end - r->c.ptr)) {
        r->c.bad = true;
        return (struct slice){NULL, 0};
    }
    s = cursor_take(&r->c, (size_t)(v - 2));
    r->last = s.len != 0 ? s : r->last;
    return s;
}

static uint64_t get_ref(struct reader *r)
{
    uint64_t v = cursor_varint(&r->c);
    uint64_t back;
    uint64_t slot;

    if (v == 0) {
        return 0;
    }
    back = (v - 1) >> 3;
    slot = (v - 1) & 7;
    if (slot == SLOT_ESCAPE) {
        slot = cursor_varint(&r->c);
        slot = slot < RECORD_DOCS_MAX ? slot + SLOT_ESCAPE : RECORD_DOCS_MAX;
    }
    if (back > r->sequence || slot >= RECORD_DOCS_MAX) {
        r->c.bad = true;
        return 0;
    }
    return DOC_REF(r->sequence - back, slot);
}

/* How many follow; never more than the bytes left could hold. */
static size_t get_count(struct reader *r, size_t bytes_min)
{
    uint64_t n = cursor_varint(&r->c);

    if (r->c.bad || n > (uint64_t)(r->c.end - r->c.ptr) / bytes_min) {
        r->c.bad = true;
        return 0;
    }
    return (size_t)n;
}

static struct variable *get_variables(struct reader *r, uint32_t *count)
{
    size_t n = get_count(r, VARIABLE_BYTES_MIN);
    struct variable *variables = ARENA_ARRAY(r->a, n, struct variable);

    r->c.bad = r->c.bad || n == 0 || n > UINT32_MAX;
    for (size_t i = 0; i < n && !r->c.bad; i++) {
        variables[i].name = get_text(r);
        variables[i].value.ref = get_ref(r);
        r->c.bad = r->c.bad || variables[i].value.ref == 0;
    }
    *count = (uint32_t)n;
    return variables;
}

static void get_docs(struct reader *r, struct record *out)
{
    out->doc_count = get_count(r, 1);
    if (out->doc_count > RECORD_DOCS_MAX) {
        r->c.bad = true;
        return;
    }
    out->docs = ARENA_ARRAY(r->a, out->doc_count, struct doc);
    for (size_t i = 0; i < out->doc_count; i++) {
        out->docs[i].text = cursor_bytes(&r->c);
    }
}

static void get_parent(struct reader *r, struct parent_task *p)
{
    p->execution = cursor_varint(&r->c);
    p->frame = get_u32(r);
    p->attempt = get_u32(r);
    p->entered_event = cursor_varint(&r->c);
}

static unsigned fixed_known(unsigned version)
{
    return version == 1                       ? FIXED_ALL_V1
           : version < RECORD_VERSION_STARTED ? FIXED_ALL_V3
           : version < RECORD_VERSION_TRACED  ? FIXED_ALL_V4
                                              : FIXED_ALL;
}

static void get_fixed(struct reader *r, struct execution_header *h)
{
    unsigned flags;

    h->account = cursor_varint(&r->c);
    h->id = cursor_varint(&r->c);
    h->machine = cursor_varint(&r->c);
    h->revision = get_u32(r);
    flags = get_flags(r, fixed_known(r->version));
    h->express = (flags & FIXED_EXPRESS) != 0;
    h->synchronous = (flags & FIXED_SYNCHRONOUS) != 0;
    h->name = get_text(r);
    h->arn = get_text(r);
    h->machine_arn = get_text(r);
    h->machine_name = get_text(r);
    h->role_arn = get_text(r);
    h->seed = cursor_u64le(&r->c);
    h->start_ms = get_ms(r);
    if (flags & FIXED_PARENT) {
        get_parent(r, &h->parent);
    }
    if (flags & FIXED_VERSION) {
        h->version = get_u32(r);
        h->alias = get_text(r);
    }
    if (flags & FIXED_TRACE) {
        h->trace = get_text(r);
    }
    if (r->version == 1) {
        r->c.bad = cursor_varint(&r->c) != 0 || r->c.bad;
    }
    h->map_run = cursor_varint(&r->c);
    h->input.ref = get_ref(r);
}

static void get_redrive_tokens(struct reader *r, struct execution_header *h)
{
    size_t count = r->version >= 3 ? cursor_u8(&r->c) : 1;

    r->c.bad = r->c.bad || count > REDRIVE_TOKENS;
    for (size_t i = 0; i < count && !r->c.bad; i++) {
        h->redrive_tokens[i] = cursor_u64le(&r->c);
    }
}

static void get_header_parts(struct reader *r, struct execution_header *h, unsigned flags)
{
    if (flags & HEADER_DEADLINE) {
        h->deadline_ms = get_ms(r);
    }
    if (flags & HEADER_FRAMES) {
        h->next_frame = get_u32(r);
        h->open_frames = get_u32(r);
    }
    if (flags & HEADER_CLOSED) {
        uint8_t status = cursor_u8(&r->c);

        r->c.bad = r->c.bad || status > EXECUTION_PENDING_REDRIVE;
        h->status = r->c.bad ? EXECUTION_RUNNING : (enum execution_status)status;
        h->stop_ms = get_ms(r);
    }
    if (flags & HEADER_OUTPUT) {
        h->output.ref = get_ref(r);
    }
    if (flags & HEADER_REDRIVE) {
        h->redrive_count = get_u32(r);
        h->redrive_ms = get_ms(r);
        get_redrive_tokens(r, h);
    }
    if (flags & HEADER_FAILURE) {
        h->error = get_text(r);
        h->cause = get_text(r);
    }
    if (flags & HEADER_DOCS) {
        h->record_docs = get_u32(r);
    }
    if (flags & HEADER_VARIABLES) {
        h->variable_bytes = cursor_varint(&r->c);
    }
    if (flags & HEADER_WHOLE) {
        get_fixed(r, h);
    }
}

static void get_header(struct reader *r, struct record *out)
{
    struct execution_header *h = &out->header;
    unsigned flags = get_flags(r, r->version == 1 ? HEADER_ALL_V1 : HEADER_ALL);
    uint64_t back;

    h->sequence = r->sequence = cursor_varint(&r->c);
    back = cursor_varint(&r->c);
    out->whole_header = (flags & HEADER_WHOLE) != 0;
    if (r->sequence > SEQUENCE_MAX || back > r->sequence ||
        out->whole_header != (r->sequence == 0)) {
        r->c.bad = true;
        return;
    }
    out->lowest = r->sequence - back;
    r->base_ms = cursor_svarint(&r->c);
    h->next_event = r->next_event = cursor_varint(&r->c);
    h->next_frame = h->open_frames = 1;
    h->record_docs = (uint32_t)out->doc_count;
    get_header_parts(r, h, flags);
    for (size_t i = 0; i < out->doc_count; i++) {
        out->docs[i].ref = DOC_REF(r->sequence, i);
    }
}

static bool history_type_is_known(uint64_t type)
{
    switch (type) {
#define HISTORY_TYPE(type, number, name) case number:
#include "coordinator/engine/history.def"
#undef HISTORY_TYPE
        return true;
    default: return false;
    }
}

static void get_event_more(struct reader *r, struct history_event *e)
{
    unsigned more = get_flags(r, r->version == 1 ? MORE_ALL_V1 : MORE_ALL);

    e->wrapped = (more & MORE_WRAPPED) != 0;
    if (more & MORE_RETRY) {
        e->retry_count = get_u32(r);
    }
    if (more & MORE_FAILURE) {
        e->error = get_text(r);
        e->cause = get_text(r);
    }
    if (more & MORE_TIMEOUTS) {
        e->timeout_s = cursor_svarint(&r->c);
        e->heartbeat_s = cursor_svarint(&r->c);
    }
    if (more & MORE_SEED) {
        e->seed = cursor_u64le(&r->c);
    }
    if (more & MORE_INDEX) {
        e->index = cursor_varint(&r->c);
    }
    if (more & MORE_ITEM) {
        e->item.ref = get_ref(r);
        e->item_index = get_u32(r);
    }
    if (more & MORE_VARIABLES) {
        e->variables = get_variables(r, &e->variable_count);
    }
    if (more & MORE_REDRIVES) {
        e->redrives = get_u32(r);
    }
    if (more & MORE_TOKEN) {
        e->frame = get_u32(r);
        e->attempt = get_u32(r);
        e->entered_event = get_diff(r, e->id);
    }
}

/* `e` holds its id and the time and state of the event before. */
static void get_event(struct reader *r, struct history_event *e)
{
    uint64_t type = cursor_varint(&r->c);
    unsigned flags = get_flags(r, EVENT_ALL);

    if (r->c.bad || !history_type_is_known(type)) {
        r->c.bad = true;
        return;
    }
    e->type = (enum history_type)type;
    e->previous = flags & EVENT_PREVIOUS ? get_diff(r, e->id) : e->id - 1;
    if (flags & EVENT_TIME) {
        e->time_ms = (int64_t)get_diff(r, (uint64_t)e->time_ms);
    }
    if (flags & EVENT_STATE) {
        e->state = get_number(r);
    }
    if (flags & EVENT_DOC) {
        e->doc.ref = get_ref(r);
    }
    if (flags & EVENT_WORKER) {
        e->worker = get_text(r);
    }
    if (flags & EVENT_ENTERED) {
        e->entered_ms = get_ms(r);
    }
    if (flags & EVENT_MORE) {
        get_event_more(r, e);
    }
}

static void get_events(struct reader *r, struct record *out)
{
    size_t count = get_count(r, EVENT_BYTES_MIN);
    uint32_t state = ASL_NONE;
    int64_t time_ms = r->base_ms;
    uint64_t id = count != 0 ? get_diff(r, r->next_event - count) : 0;

    out->events = ARENA_ARRAY(r->a, count, struct history_event);
    out->event_count = count;
    for (size_t i = 0; i < count && !r->c.bad; i++) {
        struct history_event *e = &out->events[i];

        e->id = id + i;
        e->state = state;
        e->time_ms = time_ms;
        get_event(r, e);
        state = e->state;
        time_ms = e->time_ms;
    }
}

static void get_retries(struct reader *r, struct frame *f)
{
    uint32_t *retries;
    size_t count;

    f->retry_count = get_u32(r);
    if (cursor_u8(&r->c) == 0) {
        return;
    }
    count = get_count(r, 1);
    retries = ARENA_ARRAY(r->a, count, uint32_t);
    for (size_t i = 0; i < count; i++) {
        retries[i] = get_u32(r);
    }
    f->retries = retries;
    f->retrier_count = (uint32_t)count;
}

static void get_lease(struct reader *r, struct frame *f)
{
    f->granted_ms = get_ms(r);
    f->token.epoch = cursor_varint(&r->c);
    f->token.counter = cursor_varint(&r->c);
    f->worker = get_text(r);
    f->holder = r->version >= 3 ? get_u32(r) : 0;
}

static void get_output(struct reader *r, struct task_output *o)
{
    o->bucket = get_text(r);
    o->key = get_text(r);
    o->upload_id = get_text(r);
    o->mark = get_text(r);
    o->parts = get_text(r);
    o->result = get_text(r);
}

static void get_frame_parts(struct reader *r, struct frame *f, unsigned flags)
{
    if (flags & FRAME_HAS_PLACE) {
        f->id = get_u32(r);
        f->parent = get_number(r);
        f->scope = get_number(r);
        f->index = get_u32(r);
    }
    if (flags & FRAME_HAS_LEASE) {
        get_lease(r, f);
    }
    if (flags & FRAME_HAS_DUE) {
        f->due_ms = get_ms(r);
    }
    if (flags & FRAME_HAS_ATTEMPT) {
        f->attempt = get_u32(r);
    }
    if (flags & FRAME_HAS_RETRY) {
        get_retries(r, f);
    }
    if (flags & FRAME_HAS_TIMEOUTS) {
        f->timeout_ms = cursor_svarint(&r->c);
        f->heartbeat_ms = cursor_svarint(&r->c);
    }
    if (flags & FRAME_HAS_OUTPUT) {
        get_output(r, &f->output);
    }
}

static void get_children(struct reader *r, struct frame *f)
{
    f->first_child = get_u32(r);
    f->child_count = get_u32(r);
    f->child_next = get_u32(r);
    f->child_open = get_u32(r);
    f->concurrency = get_number(r);
    f->items_at = cursor_varint(&r->c);
    f->items.ref = get_ref(r);
}

static void get_item(struct reader *r, struct frame *f)
{
    uint64_t index;

    f->item.ref = get_ref(r);
    index = get_diff(r, f->index);
    r->c.bad = r->c.bad || index > UINT32_MAX;
    f->item_index = (uint32_t)index;
}

static void get_answer(struct reader *r, struct task_answer *x)
{
    switch (cursor_u8(&r->c)) {
    case ANSWER_NONE: x->is = ANSWER_NONE; break;
    case ANSWER_SUCCEEDED: x->is = ANSWER_SUCCEEDED; break;
    case ANSWER_FAILED: x->is = ANSWER_FAILED; break;
    default: r->c.bad = true; return;
    }
    x->result = get_text(r);
    x->error = get_text(r);
    x->cause = get_text(r);
}

static void get_frame_rare_parts(struct reader *r, struct frame *f, unsigned flags)
{
    if (flags & FRAME_HAS_CHILDREN) {
        get_children(r, f);
    }
    if (flags & FRAME_HAS_ITEM) {
        get_item(r, f);
    }
    if (flags & FRAME_HAS_RESULT) {
        f->result.ref = get_ref(r);
    }
    if (flags & FRAME_HAS_VARIABLES) {
        f->variables = get_variables(r, &f->variable_count);
    }
    if (flags & FRAME_HAS_DEADLINE) {
        f->deadline_ms = get_ms(r);
    }
    if (flags & FRAME_HAS_BEAT) {
        f->beat_due_ms = get_ms(r);
    }
    if (flags & FRAME_HAS_CHILD) {
        f->child = cursor_varint(&r->c);
    }
    if (flags & FRAME_HAS_ANSWER) {
        get_answer(r, &f->answer);
    }
}

/* Flags and status; version 1's flags stand one bit lower. */
static unsigned get_frame_flags(struct reader *r, struct frame *f)
{
    unsigned flags;
    unsigned status;

    if (r->version == 1) {
        flags = get_flags(r, FRAME_FLAGS_ALL_V1 >> 1);
        status = flags & FRAME_STATUS_BITS_V1;
        flags = (flags - status) << 1;
    } else {
        flags = get_flags(r, FRAME_FLAGS_ALL);
        status = flags & FRAME_STATUS_BITS;
        flags -= status;
    }
    if (status >= FRAME_STATUSES) {
        r->c.bad = true;
        return 0;
    }
    f->status = (enum frame_status)status;
    return flags;
}

static void get_frame(struct reader *r, struct frame *f)
{
    unsigned flags = get_frame_flags(r, f);

    f->parent = ASL_NONE;
    f->attempt = r->version == 1 ? 1 : usual_attempt(f->status);
    f->started = (flags & FRAME_HAS_STARTED) != 0;
    f->submitted = (flags & FRAME_HAS_SUBMITTED) != 0;
    f->state = get_number(r);
    f->entered_event = get_diff(r, r->next_event);
    f->entered_ms = get_ms(r);
    f->last_event = get_diff(r, r->next_event - 1);
    f->input.ref = get_ref(r);
    get_frame_parts(r, f, flags);
    get_frame_rare_parts(r, f, flags);
    if (!(flags & FRAME_HAS_DUE)) {
        f->due_ms = usual_due_ms(f);
    }
}

static void get_frames(struct reader *r, struct record *out)
{
    out->frame_count = get_count(r, FRAME_BYTES_MIN);
    out->frames = ARENA_ARRAY(r->a, out->frame_count, struct frame);
    for (size_t i = 0; i < out->frame_count && !r->c.bad; i++) {
        get_frame(r, &out->frames[i]);
    }
}

/* ---- What cannot be ---- */

static bool header_can_be(const struct execution_header *h)
{
    bool running = h->status == EXECUTION_RUNNING;
    bool failure = h->error.ptr != NULL || h->cause.ptr != NULL;

    if (running && (h->open_frames == 0 || h->stop_ms != 0 || failure)) {
        return false;
    }
    if (!running && h->status != EXECUTION_PENDING_REDRIVE && h->open_frames != 0) {
        return false;
    }
    return h->next_event >= 1 && h->open_frames <= h->next_frame &&
           h->record_docs <= RECORD_DOCS_MAX &&
           (h->status == EXECUTION_SUCCEEDED) == (h->output.ref != 0);
}

/* One reason to wait, and what that reason needs. */
static bool wait_can_be(const struct frame *f)
{
    bool leased = f->status == FRAME_LEASED || f->status == FRAME_COMMITTING;
    bool waits = f->status == FRAME_TOKEN || f->status == FRAME_CHILD;
    bool works = leased || waits || f->status == FRAME_CALL;
    bool token = f->token.epoch != 0 || f->token.counter != 0;

    if (leased != token || (works && !f->started) ||
        (f->status == FRAME_CHILD) != (f->child != 0)) {
        return false;
    }
    if (!works && (f->granted_ms != 0 || f->answer.is != ANSWER_NONE)) {
        return false;
    }
    return (f->status != FRAME_TIMER || f->due_ms > 0) && (waits || f->deadline_ms == 0) &&
           (f->status == FRAME_TOKEN || f->beat_due_ms == 0) &&
           (f->status != FRAME_READY || f->attempt > 0) &&
           (f->status != FRAME_COMMITTING || f->output.bucket.ptr != NULL) &&
           (f->status == FRAME_COMMITTING || f->output.result.ptr == NULL);
}

/* A join has children, and some of them are yet to end. Their numbers follow the frame's own. */
static bool children_can_be(const struct execution_header *h, const struct frame *f)
{
    bool join = f->status == FRAME_JOIN;

    if (f->child_count > h->next_frame || f->first_child > h->next_frame - f->child_count ||
        f->child_next > f->child_count || f->child_open > f->child_next) {
        return false;
    }
    if (join && (f->concurrency == 0 || (f->child_open == 0 && f->child_next == f->child_count))) {
        return false;
    }
    return (f->child_count == 0 || f->first_child > f->id) && (join || f->child_open == 0) &&
           (join || f->status == FRAME_FAILED || f->child_count == 0);
}

static bool variables_are_sorted(const struct frame *f)
{
    for (uint32_t i = 1; i < f->variable_count; i++) {
        if (slice_cmp(f->variables[i - 1].name, f->variables[i].name) >= 0) {
            return false;
        }
    }
    return true;
}

static bool frame_can_be(const struct execution_header *h, const struct frame *f)
{
    bool top = f->parent == ASL_NONE;
    bool done = f->status == FRAME_DONE;

    return f->id < h->next_frame && top == (f->id == 0) && (top || f->parent < f->id) &&
           f->last_event < h->next_event && f->entered_event <= f->last_event &&
           (done || f->input.ref != 0) && (!done || top || f->result.ref != 0) &&
           f->retrier_count <= LIMIT_RETRIERS && wait_can_be(f) && children_can_be(h, f) &&
           variables_are_sorted(f);
}

/* Each frame is there once, so that no more of them can be open than the header says. */
static bool record_can_be(const struct record *r)
{
    uint32_t open = 0;

    for (size_t i = 0; i < r->frame_count; i++) {
        const struct frame *f = &r->frames[i];

        if (!frame_can_be(&r->header, f)) {
            return false;
        }
        open += f->status != FRAME_DONE && f->status != FRAME_FAILED;
    }
    return header_can_be(&r->header) && open <= r->header.open_frames;
}

/* ---- The whole ---- */

static enum err_code record_version(struct cursor *c, struct err *err)
{
    uint8_t version = cursor_u8(c);

    if (c->bad || version == 0) {
        return err_set(err, ERR_CORRUPT, "a transition record has no format version");
    }
    if (version > RECORD_VERSION_TRACED) {
        return err_set(err, ERR_VERSION,
                       "a transition record has format version %u, this program knows up to %u",
                       (unsigned)version, (unsigned)RECORD_VERSION_TRACED);
    }
    return OK;
}

static enum err_code record_malformed(const struct cursor *c, struct slice bytes, struct err *err)
{
    return err_set(err, ERR_CORRUPT,
                   "a transition record of %zu bytes is malformed before byte %zu", bytes.len,
                   (size_t)(c->ptr - bytes.ptr));
}

enum err_code
record_decode(struct slice bytes, struct arena *a, struct record *out, struct err *err)
{
    struct reader r = {.c = cursor_make(bytes), .a = a};
    struct record rec = {0};
    enum err_code rc = record_version(&r.c, err);

    if (rc != OK) {
        return rc;
    }
    r.version = (uint8_t)bytes.ptr[0];
    get_docs(&r, &rec);
    if (!r.c.bad) {
        get_header(&r, &rec);
    }
    if (!r.c.bad) {
        get_events(&r, &rec);
    }
    if (!r.c.bad) {
        get_frames(&r, &rec);
    }
    if (r.c.bad || !cursor_done(&r.c)) {
        return record_malformed(&r.c, bytes, err);
    }
    if (!record_can_be(&rec)) {
        return err_set(err, ERR_CORRUPT, "a transition record shows an execution that cannot be");
    }
    *out = rec;
    return OK;
}

enum err_code record_doc(struct slice bytes, unsigned slot, struct slice *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    enum err_code rc = record_version(&c, err);
    struct slice text = {0};
    uint64_t count;

    if (rc != OK) {
        return rc;
    }
    count = cursor_varint(&c);
    if (!c.bad && slot >= count) {
        return err_set(err, ERR_NOT_FOUND, "a transition record has no document %u", slot);
    }
    for (unsigned i = 0; i <= slot && !c.bad; i++) {
        text = cursor_bytes(&c);
    }
    if (c.bad) {
        return record_malformed(&c, bytes, err);
    }
    *out = text;
    return OK;
}

void record_join(const struct execution_header *first, struct execution_header *later)
{
    later->account = first->account;
    later->id = first->id;
    later->machine = first->machine;
    later->revision = first->revision;
    later->version = first->version;
    later->alias = first->alias;
    later->trace = first->trace;
    later->express = first->express;
    later->synchronous = first->synchronous;
    later->name = first->name;
    later->arn = first->arn;
    later->machine_arn = first->machine_arn;
    later->machine_name = first->machine_name;
    later->role_arn = first->role_arn;
    later->seed = first->seed;
    later->start_ms = first->start_ms;
    later->parent = first->parent;
    later->map_run = first->map_run;
    later->input = first->input;
}
