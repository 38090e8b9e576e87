/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/row_queue.h"

#include "coordinator/store/row.h"
#include "proto/base/limits.h"

enum { ROW_VERSION = 1 };

enum queue_flag {
    QUEUE_FIFO = 1,
    QUEUE_CONTENT = 2,
    QUEUE_DEDUP_GROUP = 4,
    QUEUE_LIMIT_GROUP = 8,
    QUEUE_SSE = 16,
    QUEUE_FLAGS = 31,
};

enum message_flag {
    MESSAGE_GROUP = 1,
    MESSAGE_DEDUP = 2,
    MESSAGE_TRACE = 4,
    MESSAGE_SOURCE = 8,
    MESSAGE_ATTRIBUTES = 16,
    MESSAGE_MD5 = 32,
    MESSAGE_FLAGS = 63,
};

/* How many follow, of at least so many bytes each. */
static size_t get_count(struct cursor *c, size_t bytes_min)
{
    uint64_t n = cursor_varint(c);

    c->bad = c->bad || n > (size_t)(c->end - c->ptr) / bytes_min;
    return c->bad ? 0 : (size_t)n;
}

/* A member that is there where its flag says so. */
static void put_optional(struct buf *out, struct slice s)
{
    if (s.len != 0) {
        buf_put_bytes(out, s);
    }
}

static struct slice get_optional(struct cursor *c, bool there)
{
    return there ? cursor_bytes(c) : slice_make(NULL, 0);
}

/* ---- queues ---- */

static uint8_t queue_flags(const struct queue_attributes *a)
{
    return (uint8_t)((a->fifo ? QUEUE_FIFO : 0) | (a->content_dedup ? QUEUE_CONTENT : 0) |
                     (a->dedup_by_group ? QUEUE_DEDUP_GROUP : 0) |
                     (a->limit_by_group ? QUEUE_LIMIT_GROUP : 0) | (a->sse ? QUEUE_SSE : 0));
}

void queue_row_encode(const struct queue_row *r, struct buf *out)
{
    const struct queue_attributes *a = &r->attributes;

    buf_put_u8(out, ROW_VERSION);
    buf_put_u8(out, queue_flags(a));
    buf_put_varint(out, r->number);
    buf_put_varint(out, r->generation);
    buf_put_svarint(out, r->created_ms);
    buf_put_svarint(out, r->updated_ms);
    buf_put_svarint(out, r->purged_ms);
    buf_put_varint(out, a->visibility_s);
    buf_put_varint(out, a->retention_s);
    buf_put_varint(out, a->delay_s);
    buf_put_varint(out, a->wait_s);
    buf_put_varint(out, a->message_bytes);
    buf_put_varint(out, a->kms_reuse_s);
    buf_put_varint(out, a->max_receives);
    buf_put_bytes(out, a->policy);
    buf_put_bytes(out, a->redrive_policy);
    buf_put_bytes(out, a->redrive_allow);
    buf_put_bytes(out, a->kms_key);
    buf_put_bytes(out, a->dead_letters);
}

static void get_attributes(struct cursor *c, uint8_t flags, struct queue_attributes *a)
{
    a->fifo = (flags & QUEUE_FIFO) != 0;
    a->content_dedup = (flags & QUEUE_CONTENT) != 0;
    a->dedup_by_group = (flags & QUEUE_DEDUP_GROUP) != 0;
    a->limit_by_group = (flags & QUEUE_LIMIT_GROUP) != 0;
    a->sse = (flags & QUEUE_SSE) != 0;
    a->visibility_s = row_u32(c);
    a->retention_s = row_u32(c);
    a->delay_s = row_u32(c);
    a->wait_s = row_u32(c);
    a->message_bytes = row_u32(c);
    a->kms_reuse_s = row_u32(c);
    a->max_receives = row_u32(c);
    a->policy = cursor_bytes(c);
    a->redrive_policy = cursor_bytes(c);
    a->redrive_allow = cursor_bytes(c);
    a->kms_key = cursor_bytes(c);
    a->dead_letters = cursor_bytes(c);
}

enum err_code queue_row_decode(struct slice bytes, struct queue_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct queue_row r = {0};
    enum err_code rc = row_begin(&c, "queue", ROW_VERSION, NULL, err);
    uint8_t flags;

    if (rc != OK) {
        return rc;
    }
    flags = cursor_u8(&c);
    c.bad = c.bad || flags > QUEUE_FLAGS;
    r.number = cursor_varint(&c);
    r.generation = cursor_varint(&c);
    r.created_ms = cursor_svarint(&c);
    r.updated_ms = cursor_svarint(&c);
    r.purged_ms = cursor_svarint(&c);
    get_attributes(&c, flags, &r.attributes);
    rc = row_end(&c, "queue", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}

/* ---- messages ---- */

void message_row_encode(const struct message_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_u8(out, (uint8_t)((r->group.len != 0 ? MESSAGE_GROUP : 0) |
                              (r->dedup.len != 0 ? MESSAGE_DEDUP : 0) |
                              (r->trace.len != 0 ? MESSAGE_TRACE : 0) |
                              (r->source.len != 0 ? MESSAGE_SOURCE : 0) |
                              (r->attributes.len != 0 ? MESSAGE_ATTRIBUTES : 0) |
                              (r->body_md5.len != 0 ? MESSAGE_MD5 : 0)));
    buf_put(out, r->id, sizeof(r->id));
    buf_put_svarint(out, r->sent_ms);
    buf_put_bytes(out, r->sender);
    put_optional(out, r->group);
    put_optional(out, r->dedup);
    put_optional(out, r->trace);
    put_optional(out, r->source);
    put_optional(out, r->attributes);
    put_optional(out, r->body_md5);
    buf_put_slice(out, r->body); /* to the end */
}

enum err_code message_row_decode(struct slice bytes, struct message_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct message_row r = {0};
    enum err_code rc = row_begin(&c, "message", ROW_VERSION, NULL, err);
    struct slice id;
    uint8_t flags;

    if (rc != OK) {
        return rc;
    }
    flags = cursor_u8(&c);
    c.bad = c.bad || flags > MESSAGE_FLAGS;
    id = cursor_take(&c, sizeof(r.id));
    r.sent_ms = cursor_svarint(&c);
    r.sender = cursor_bytes(&c);
    r.group = get_optional(&c, (flags & MESSAGE_GROUP) != 0);
    r.dedup = get_optional(&c, (flags & MESSAGE_DEDUP) != 0);
    r.trace = get_optional(&c, (flags & MESSAGE_TRACE) != 0);
    r.source = get_optional(&c, (flags & MESSAGE_SOURCE) != 0);
    r.attributes = get_optional(&c, (flags & MESSAGE_ATTRIBUTES) != 0);
    r.body_md5 = get_optional(&c, (flags & MESSAGE_MD5) != 0);
    c.bad = c.bad || (r.body_md5.len != 0 && r.body_md5.len != MESSAGE_MD5_BYTES);
    if (!c.bad) {
        memcpy(r.id, id.ptr, sizeof(r.id));
        r.body = cursor_take(&c, (size_t)(c.end - c.ptr));
    }
    rc = row_end(&c, "message", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}

void message_attributes_encode(const struct message_attribute *items, size_t n, struct buf *out)
{
    buf_put_varint(out, n);
    for (size_t i = 0; i < n; i++) {
        buf_put_bytes(out, items[i].name);
        buf_put_bytes(out, items[i].type);
        buf_put_u8(out, items[i].binary);
        buf_put_bytes(out, items[i].value);
    }
}

enum err_code message_attributes_decode(struct slice bytes,
                                        struct arena *a,
                                        struct message_attribute **items,
                                        size_t *n,
                                        struct err *err)
{
    struct cursor c = cursor_make(bytes);
    size_t count = get_count(&c, 4);
    struct message_attribute *all = ARENA_ARRAY(a, count + 1, struct message_attribute);
    enum err_code rc;

    for (size_t i = 0; i < count; i++) {
        all[i].name = cursor_bytes(&c);
        all[i].type = cursor_bytes(&c);
        all[i].binary = cursor_u8(&c) != 0;
        all[i].value = cursor_bytes(&c);
    }
    rc = row_end(&c, "message attributes", err);
    if (rc == OK) {
        *items = all;
        *n = count;
    }
    return rc;
}

/* ---- states ---- */

void queue_state_encode(const struct queue_state *s, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_svarint(out, s->sent_ms);
    buf_put_svarint(out, s->first_ms - s->sent_ms);
    buf_put_svarint(out, s->last_ms - s->first_ms);
    buf_put_svarint(out, s->visible_ms - s->last_ms);
    buf_put_varint(out, s->count);
    buf_put_varint(out, s->receipt.epoch);
    buf_put_varint(out, s->receipt.counter);
    buf_put_bytes(out, s->group);
}

/* A time so long after another; what overflows cannot have been written. */
static int64_t get_after(struct cursor *c, int64_t ms)
{
    int64_t after = cursor_svarint(c);

    if (after > INT64_MAX / 2 || after < -(INT64_MAX / 2) || ms > INT64_MAX / 4 || ms < 0) {
        c->bad = true;
        return 0;
    }
    return ms + after;
}

enum err_code queue_state_decode(struct slice bytes, struct queue_state *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct queue_state s = {.place = out->place};
    enum err_code rc = row_begin(&c, "received message", ROW_VERSION, NULL, err);

    if (rc != OK) {
        return rc;
    }
    s.sent_ms = cursor_svarint(&c);
    s.first_ms = get_after(&c, s.sent_ms);
    s.last_ms = get_after(&c, s.first_ms);
    s.visible_ms = get_after(&c, s.last_ms);
    s.count = row_u32(&c);
    c.bad = c.bad || s.count == 0;
    s.receipt.epoch = cursor_varint(&c);
    s.receipt.counter = cursor_varint(&c);
    s.group = cursor_bytes(&c);
    rc = row_end(&c, "received message", err);
    if (rc == OK) {
        *out = s;
    }
    return rc;
}

/* ---- counters ---- */

void queue_counter_encode(const struct queue_counter_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_varint(out, r->total);
    buf_put_varint(out, r->last_number);
    buf_put_svarint(out, r->time_ms);
    buf_put_svarint(out, r->head.due_ms);
    buf_put_varint(out, r->head.number);
}

enum err_code
queue_counter_decode(struct slice bytes, struct queue_counter_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct queue_counter_row r = {0};
    enum err_code rc = row_begin(&c, "queue counter", ROW_VERSION, NULL, err);

    if (rc != OK) {
        return rc;
    }
    r.total = cursor_varint(&c);
    r.last_number = cursor_varint(&c);
    r.time_ms = cursor_svarint(&c);
    r.head.due_ms = cursor_svarint(&c);
    r.head.number = cursor_varint(&c);
    c.bad = c.bad || r.total > r.last_number || r.time_ms < 0 || r.head.due_ms < 0;
    rc = row_end(&c, "queue counter", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}

/* ---- deduplication ---- */

enum { DEDUP_BYTES_MIN = 17 };

void dedup_row_encode(const struct dedup_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_svarint(out, r->until_ms);
    buf_put_varint(out, r->count);
    for (size_t i = 0; i < r->count; i++) {
        buf_put_u64le(out, r->items[i].key.high);
        buf_put_u64le(out, r->items[i].key.low);
        buf_put_varint(out, r->items[i].number);
    }
}

enum err_code
dedup_row_decode(struct slice bytes, struct arena *a, struct dedup_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct dedup_row r = {0};
    struct dedup_entry *items;
    enum err_code rc = row_begin(&c, "deduplication", ROW_VERSION, NULL, err);

    if (rc != OK) {
        return rc;
    }
    r.until_ms = cursor_svarint(&c);
    r.count = get_count(&c, DEDUP_BYTES_MIN);
    r.items = items = ARENA_ARRAY(a, r.count + 1, struct dedup_entry);
    for (size_t i = 0; i < r.count; i++) {
        items[i].key.high = cursor_u64le(&c);
        items[i].key.low = cursor_u64le(&c);
        items[i].number = cursor_varint(&c);
    }
    rc = row_end(&c, "deduplication", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}

/* ---- move tasks ---- */

void move_row_encode(const struct move_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_varint(out, r->count);
    for (size_t i = 0; i < r->count; i++) {
        const struct move_task *t = &r->items[i];

        buf_put_varint(out, t->id);
        buf_put_u8(out, (uint8_t)t->status);
        buf_put_svarint(out, t->started_ms);
        buf_put_varint(out, t->per_second);
        buf_put_varint(out, t->moved);
        buf_put_varint(out, t->to_move);
        buf_put_bytes(out, t->destination);
        buf_put_bytes(out, t->reason);
    }
}

static void get_task(struct cursor *c, struct move_task *t)
{
    uint8_t status;

    t->id = cursor_varint(c);
    status = cursor_u8(c);
    c->bad = c->bad || status < MOVE_RUNNING || status > MOVE_FAILED;
    t->status = (enum move_status)status;
    t->started_ms = cursor_svarint(c);
    t->per_second = row_u32(c);
    t->moved = cursor_varint(c);
    t->to_move = cursor_varint(c);
    t->destination = cursor_bytes(c);
    t->reason = cursor_bytes(c);
}

enum err_code
move_row_decode(struct slice bytes, struct arena *a, struct move_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct move_row r = {0};
    struct move_task *items;
    enum err_code rc = row_begin(&c, "move tasks", ROW_VERSION, NULL, err);

    if (rc != OK) {
        return rc;
    }
    r.count = get_count(&c, 8);
    c.bad = c.bad || r.count > LIMIT_QUEUE_MOVE_TASKS;
    r.count = c.bad ? 0 : r.count;
    r.items = items = ARENA_ARRAY(a, r.count + 1, struct move_task);
    for (size_t i = 0; i < r.count; i++) {
        get_task(&c, &items[i]);
    }
    rc = row_end(&c, "move tasks", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}
