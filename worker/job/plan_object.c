/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job/plan_object.h"

#include <assert.h>

#include "proto/base/hash.h"
#include "proto/base/limits.h"

static const char plan_magic[] = "SFPLAN01";

/* ---- Writing ---- */

/* The part that began at `at` of the plan is whole. */
static void put_sum(struct buf *out, size_t base, size_t at)
{
    buf_put_u64le(out, hash_bytes(slice_from(buf_slice(out), base + at), at));
}

static void put_head(const struct plan_head *h, struct buf *out, size_t base)
{
    buf_put(out, plan_magic, sizeof(plan_magic) - 1);
    buf_put_u8(out, (uint8_t)h->options.format);
    buf_put_u8(out, (uint8_t)h->options.delimiter);
    buf_put_u8(out, h->options.header);
    buf_put_u8(out, h->options.quoted_breaks);
    buf_put_u32le(out, h->shards);
    buf_put_u32le(out, h->partitions);
    buf_put_u32le(out, h->objects);
    buf_put_u64le(out, h->splitters_at);
    buf_put_u64le(out, h->splitters_bytes);
    buf_put_u64le(out, 0);
    buf_put_u64le(out, 0);
    put_sum(out, base, 0);
}

static void put_shard(const struct plan_shard *s, struct buf *out, size_t base)
{
    size_t at = out->len - base;

    buf_put_u64le(out, s->at.from);
    buf_put_u64le(out, s->at.to);
    buf_put_u64le(out, s->at.records);
    buf_put_u64le(out, s->object_at);
    buf_put_u32le(out, s->object_bytes);
    buf_put_u32le(out, s->object);
    buf_put_u64le(out, 0);
    put_sum(out, base, at);
}

static void put_object(const struct plan_object *o, struct buf *out, size_t base)
{
    size_t at = out->len - base;

    buf_put_u64le(out, o->size);
    buf_put_u8(out, (uint8_t)o->packing);
    buf_put_bytes(out, o->key);
    buf_put_bytes(out, o->etag);
    buf_put_bytes(out, o->header);
    put_sum(out, base, at);
}

static void put_splitters(const struct slice *splitters, size_t count, struct buf *out, size_t base)
{
    size_t at = out->len - base;

    for (size_t i = 0; i < count; i++) {
        buf_put_bytes(out, splitters[i]);
    }
    put_sum(out, base, at);
}

/* Entries are written behind rows that point to them: the rows first hold zeros. */
void plan_encode(struct plan_head *head,
                 const struct plan_object *objects,
                 struct plan_shard *shards,
                 const struct slice *splitters,
                 size_t splitter_count,
                 struct buf *out)
{
    size_t base = out->len;
    size_t front = (size_t)plan_shard_at(head->shards);
    struct buf rows = {0};
    size_t i = 0;

    memset(buf_reserve(out, front), 0, front);
    out->len += front;
    for (uint32_t o = 0; o < head->objects; o++) {
        uint64_t at = out->len - base;

        put_object(&objects[o], out, base);
        for (; i < head->shards && shards[i].object == o; i++) {
            shards[i].object_at = at;
            shards[i].object_bytes = (uint32_t)(out->len - base - at);
        }
    }
    assert(i == head->shards);
    head->splitters_at = out->len - base;
    if (splitter_count != 0) {
        put_splitters(splitters, splitter_count, out, base);
    }
    head->splitters_bytes = out->len - base - head->splitters_at;
    put_head(head, &rows, 0);
    for (i = 0; i < head->shards; i++) {
        put_shard(&shards[i], &rows, 0);
    }
    memcpy(out->ptr + base, rows.ptr, rows.len);
    buf_fini(&rows);
}

/* ---- Reading ---- */

/* The part without its sum. */
static enum err_code
take_sum(struct slice bytes, uint64_t at, const char *what, struct cursor *out, struct err *err)
{
    struct cursor sum;

    if (bytes.len < 8) {
        return err_set(err, ERR_CORRUPT, "the plan's %s is cut off", what);
    }
    sum = cursor_make(slice_from(bytes, bytes.len - 8));
    bytes.len -= 8;
    if (cursor_u64le(&sum) != hash_bytes(bytes, at)) {
        return err_set(err, ERR_INTEGRITY, "the plan's %s is not what was written", what);
    }
    *out = cursor_make(bytes);
    return OK;
}

enum err_code plan_head_decode(struct slice bytes, struct plan_head *out, struct err *err)
{
    struct plan_head h = {.shards = 0};
    struct cursor c;
    enum err_code rc = take_sum(slice_head(bytes, PLAN_HEAD_BYTES), 0, "head", &c, err);
    uint8_t format;

    if (rc != OK) {
        return rc;
    }
    if (!slice_eq_str(cursor_take(&c, sizeof(plan_magic) - 1), plan_magic)) {
        return err_set(err, ERR_CORRUPT, "the object is no plan of this version");
    }
    format = cursor_u8(&c);
    h.options.format = (enum items_format)format;
    h.options.delimiter = (char)cursor_u8(&c);
    h.options.header = cursor_u8(&c) != 0;
    h.options.quoted_breaks = cursor_u8(&c) != 0;
    h.shards = cursor_u32le(&c);
    h.partitions = cursor_u32le(&c);
    h.objects = cursor_u32le(&c);
    h.splitters_at = cursor_u64le(&c);
    h.splitters_bytes = cursor_u64le(&c);
    if (c.bad || format == ITEMS_AUTO || format > ITEMS_WHOLE || h.shards > LIMIT_JOB_PIECES ||
        h.partitions > LIMIT_JOB_PARTITIONS) {
        return err_set(err, ERR_CORRUPT, "the plan's head cannot be");
    }
    *out = h;
    return OK;
}

enum err_code
plan_shard_decode(struct slice bytes, uint32_t i, struct plan_shard *out, struct err *err)
{
    struct plan_shard s = {.object = 0};
    struct cursor c;
    enum err_code rc = take_sum(bytes, plan_shard_at(i), "row of a shard", &c, err);

    if (rc != OK) {
        return rc;
    }
    s.at.from = cursor_u64le(&c);
    s.at.to = cursor_u64le(&c);
    s.at.records = cursor_u64le(&c);
    s.object_at = cursor_u64le(&c);
    s.object_bytes = cursor_u32le(&c);
    s.object = cursor_u32le(&c);
    if (c.bad || s.at.from >= s.at.to) {
        return err_set(err, ERR_CORRUPT, "the plan's row of shard %u cannot be", i);
    }
    *out = s;
    return OK;
}

enum err_code
plan_object_decode(struct slice bytes, uint64_t at, struct plan_object *out, struct err *err)
{
    struct plan_object o = {.size = 0};
    struct cursor c;
    enum err_code rc = take_sum(bytes, at, "entry of an object", &c, err);
    uint8_t packing;

    if (rc != OK) {
        return rc;
    }
    o.size = cursor_u64le(&c);
    packing = cursor_u8(&c);
    o.packing = (enum plan_packing)packing;
    o.key = cursor_bytes(&c);
    o.etag = cursor_bytes(&c);
    o.header = cursor_bytes(&c);
    if (c.bad || !cursor_done(&c) || packing > PLAN_ZSTD || o.key.len == 0) {
        return err_set(err, ERR_CORRUPT, "the plan's entry of an object cannot be");
    }
    *out = o;
    return OK;
}

enum err_code plan_splitters_decode(struct slice bytes,
                                    uint64_t at,
                                    struct slice *out,
                                    size_t most,
                                    size_t *count,
                                    struct err *err)
{
    struct cursor c;
    size_t n = 0;
    enum err_code rc = take_sum(bytes, at, "list of splitters", &c, err);

    if (rc != OK) {
        return rc;
    }
    while (!cursor_done(&c) && !c.bad && n < most) {
        out[n++] = cursor_bytes(&c);
    }
    if (c.bad || !cursor_done(&c)) {
        return err_set(err, ERR_CORRUPT, "the plan's list of splitters cannot be");
    }
    *count = n;
    return OK;
}
