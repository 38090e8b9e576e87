/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/run.h"

#include <assert.h>

#include "proto/base/arena.h"
#include "proto/base/hash.h"
#include "proto/base/utf8.h"

static const char run_magic[] = "SFRUN001";

/* ---- Sums ---- */

enum { SUM_LANES = 4, SUM_STEP = SUM_LANES * 8 };

/* Lanes side by side: each word waits for the one before it in its own lane alone. */
uint64_t items_run_sum(struct slice bytes, uint64_t seed)
{
    uint64_t lanes[SUM_LANES] = {seed, ~seed, seed << 1 | 1, ~(seed << 1)};

    for (; bytes.len >= SUM_STEP; bytes = slice_from(bytes, SUM_STEP)) {
        for (size_t i = 0; i < SUM_LANES; i++) {
            lanes[i] = hash_u64(lanes[i] ^ utf8_load8(bytes.ptr + 8 * i));
        }
    }
    for (size_t i = 1; i < SUM_LANES; i++) {
        lanes[0] = hash_u64(lanes[0]) ^ lanes[i];
    }
    return hash_bytes(bytes, lanes[0]);
}

/* ---- Writing ---- */

void items_run_writer_init(struct items_run_writer *w, struct buf *out, uint32_t partitions)
{
    assert(partitions > 0 && partitions <= LIMIT_JOB_PARTITIONS);
    *w = (struct items_run_writer){
        .out = out,
        .parts = mem_zalloc(partitions, sizeof(*w->parts)),
        .partitions = partitions,
    };
}

void items_run_writer_fini(struct items_run_writer *w)
{
    buf_fini(&w->frame);
    mem_free(w->parts);
    *w = (struct items_run_writer){0};
}

static void writer_flush(struct items_run_writer *w)
{
    if (w->frame.len == 0) {
        return;
    }
    buf_put_u32le(w->out, (uint32_t)w->frame.len);
    buf_put_u64le(w->out, items_run_sum(buf_slice(&w->frame), w->offset));
    buf_put_slice(w->out, buf_slice(&w->frame));
    w->offset += RUN_FRAME_HEAD_BYTES + w->frame.len;
    buf_reset(&w->frame);
}

static void writer_put(struct items_run_writer *w, struct slice bytes)
{
    while (bytes.len != 0) {
        struct slice part = slice_head(bytes, LIMIT_RUN_FRAME_BYTES - w->frame.len);

        buf_put_slice(&w->frame, part);
        bytes = slice_from(bytes, part.len);
        if (w->frame.len == LIMIT_RUN_FRAME_BYTES) {
            writer_flush(w);
        }
    }
}

/* End the partitions before `next`. */
static void writer_advance(struct items_run_writer *w, uint32_t next)
{
    if (w->current < next) {
        writer_flush(w);
    }
    while (w->current < next) {
        struct items_run_part *part = &w->parts[w->current++];

        part->bytes = w->offset - part->offset;
        if (w->current < w->partitions) {
            w->parts[w->current].offset = w->offset;
        }
    }
}

static struct slice put_varint(char *to, uint64_t v)
{
    size_t n = 0;

    while (v >= 0x80) {
        to[n++] = (char)(v | 0x80);
        v >>= 7;
    }
    to[n++] = (char)v;
    return slice_make(to, n);
}

void items_run_put(struct items_run_writer *w, uint32_t partition, const struct items_entry *e)
{
    char head[20];
    size_t n;

    assert(partition >= w->current && partition < w->partitions);
    assert(e->key.len <= LIMIT_SORT_KEY_BYTES && e->record.len <= LIMIT_RECORD_BYTES);
    writer_advance(w, partition);
    n = put_varint(head, e->key.len).len;
    n += put_varint(head + n, e->record.len).len;
    writer_put(w, slice_make(head, n));
    writer_put(w, e->key);
    writer_put(w, e->record);
    w->parts[partition].records++;
}

void items_run_finish(struct items_run_writer *w)
{
    struct buf tail = {0};

    writer_advance(w, w->partitions);
    for (uint32_t i = 0; i < w->partitions; i++) {
        buf_put_u64le(&tail, w->parts[i].offset);
        buf_put_u64le(&tail, w->parts[i].bytes);
        buf_put_u64le(&tail, w->parts[i].records);
    }
    buf_put_u64le(&tail, w->offset);
    buf_put_u32le(&tail, w->partitions);
    buf_put_u64le(&tail, items_run_sum(buf_slice(&tail), w->offset));
    buf_put_str(&tail, run_magic);
    buf_put_slice(w->out, buf_slice(&tail));
    w->offset += tail.len;
    buf_fini(&tail);
}

/* ---- Index ---- */

enum err_code items_run_trailer_read(struct slice last,
                                     uint64_t file_bytes,
                                     struct items_run_trailer *out,
                                     struct err *err)
{
    struct cursor c = cursor_make(last);
    struct items_run_trailer t;
    uint64_t index;
    bool magic;

    t.index_offset = cursor_u64le(&c);
    t.partitions = cursor_u32le(&c);
    t.sum = cursor_u64le(&c);
    magic = slice_eq_str(cursor_take(&c, sizeof(run_magic) - 1), run_magic);
    index = (uint64_t)t.partitions * RUN_INDEX_ROW_BYTES + RUN_TRAILER_BYTES;
    if (c.bad || !cursor_done(&c) || !magic || t.partitions == 0 ||
        t.partitions > LIMIT_JOB_PARTITIONS || index > file_bytes ||
        t.index_offset != file_bytes - index) {
        return err_set(err, ERR_CORRUPT, "the last bytes are not those of a run of %llu bytes",
                       (unsigned long long)file_bytes);
    }
    *out = t;
    return OK;
}

static uint64_t index_sum(const struct items_run_trailer *t, struct slice index)
{
    struct buf all = {0};
    uint64_t sum;

    buf_put_slice(&all, index);
    buf_put_u64le(&all, t->index_offset);
    buf_put_u32le(&all, t->partitions);
    sum = items_run_sum(buf_slice(&all), t->index_offset);
    buf_fini(&all);
    return sum;
}

enum err_code items_run_index_read(const struct items_run_trailer *t,
                                   struct slice index,
                                   struct items_run_part *parts,
                                   struct err *err)
{
    struct cursor c = cursor_make(index);
    uint64_t end = 0;

    if (index.len != (size_t)t->partitions * RUN_INDEX_ROW_BYTES || index_sum(t, index) != t->sum) {
        return err_set(err, ERR_INTEGRITY, "a run's index has another sum than was written");
    }
    for (uint32_t i = 0; i < t->partitions; i++) {
        struct items_run_part *p = &parts[i];

        *p = (struct items_run_part){cursor_u64le(&c), cursor_u64le(&c), cursor_u64le(&c)};
        if (p->offset != end || p->bytes > t->index_offset - end) {
            return err_set(err, ERR_CORRUPT, "partition %u of a run is not where it should be", i);
        }
        end += p->bytes;
    }
    return end == t->index_offset
               ? OK
               : err_set(err, ERR_CORRUPT, "a run's partitions end before its index begins");
}

/* ---- Reading ---- */

void items_run_reader_init(struct items_run_reader *r, const struct items_run_part *part)
{
    *r = (struct items_run_reader){.part = *part};
}

void items_run_reader_fini(struct items_run_reader *r)
{
    buf_fini(&r->frame);
    buf_fini(&r->entry);
    *r = (struct items_run_reader){0};
}

void items_run_feed(struct items_run_reader *r, struct slice chunk)
{
    assert(r->chunk.len == 0);
    r->chunk = chunk;
}

static enum items_pull
run_failed(struct items_run_reader *r, enum err_code code, const char *what, struct err *err)
{
    (void)err_set(err, code, "a run, byte %llu: %s",
                  (unsigned long long)(r->part.offset + r->taken), what);
    return ITEMS_FAILED;
}

/* Bring the frame's buffer to `len` bytes. False: the chunk is over. */
static bool frame_fill(struct items_run_reader *r, size_t len)
{
    struct slice part = slice_head(r->chunk, len - r->frame.len);

    buf_put_slice(&r->frame, part);
    r->chunk = slice_from(r->chunk, part.len);
    return r->frame.len == len;
}

/* The next frame, whole and with the right sum: ITEMS_RECORD. */
static enum items_pull reader_frame(struct items_run_reader *r, struct err *err)
{
    struct cursor c;
    uint64_t sum;
    size_t len;

    if (r->frame.len < RUN_FRAME_HEAD_BYTES && !frame_fill(r, RUN_FRAME_HEAD_BYTES)) {
        return ITEMS_MORE;
    }
    c = cursor_make(slice_head(buf_slice(&r->frame), RUN_FRAME_HEAD_BYTES));
    len = cursor_u32le(&c);
    sum = cursor_u64le(&c);
    if (len == 0 || len > LIMIT_RUN_FRAME_BYTES ||
        RUN_FRAME_HEAD_BYTES + len > r->part.bytes - r->taken) {
        return run_failed(r, ERR_CORRUPT, "no frame can be as long", err);
    }
    if (!frame_fill(r, RUN_FRAME_HEAD_BYTES + len)) {
        return ITEMS_MORE;
    }
    if (items_run_sum(slice_from(buf_slice(&r->frame), RUN_FRAME_HEAD_BYTES),
                      r->part.offset + r->taken) != sum) {
        return run_failed(r, ERR_INTEGRITY, "the frame has another sum than was written", err);
    }
    r->taken += r->frame.len;
    r->frame_at = RUN_FRAME_HEAD_BYTES;
    return ITEMS_RECORD;
}

/* The entry at the front of `bytes`: its length; 0: it is not whole; SIZE_MAX: it can be none. */
static size_t entry_read(struct slice bytes, struct items_entry *out)
{
    struct cursor c = cursor_make(bytes);
    uint64_t key = cursor_varint(&c);
    uint64_t record = cursor_varint(&c);

    if (c.bad) {
        return bytes.len >= 20 ? SIZE_MAX : 0;
    }
    if (key > LIMIT_SORT_KEY_BYTES || record > LIMIT_RECORD_BYTES) {
        return SIZE_MAX;
    }
    out->key = cursor_take(&c, (size_t)key);
    out->record = cursor_take(&c, (size_t)record);
    return c.bad ? 0 : (size_t)(c.ptr - bytes.ptr);
}

/* Bytes that the entry gathered so far lacks, one where its lengths are not there yet. */
static size_t entry_lacks(struct slice have)
{
    struct cursor c = cursor_make(have);
    uint64_t key = cursor_varint(&c);
    uint64_t record = cursor_varint(&c);

    return c.bad ? 1 : (size_t)(key + record) - (size_t)(c.end - c.ptr);
}

/* Take the next entry out of the frame: ITEMS_MORE where it goes on in the next one. */
static enum items_pull
reader_entry(struct items_run_reader *r, struct items_entry *out, struct err *err)
{
    struct slice left = slice_from(buf_slice(&r->frame), r->frame_at);
    size_t n = r->entry.len == 0 ? entry_read(left, out) : 0;

    if (n == 0) {
        do {
            struct slice more =
                slice_head(left, r->entry.len == 0 ? left.len : entry_lacks(buf_slice(&r->entry)));

            buf_put_slice(&r->entry, more);
            left = slice_from(left, more.len);
            n = entry_read(buf_slice(&r->entry), out);
        } while (n == 0 && left.len != 0);
        r->entry_given = n != 0;
        r->frame_at = r->frame.len - left.len;
    } else if (n != SIZE_MAX) {
        r->frame_at += n;
    }
    if (n == SIZE_MAX) {
        return run_failed(r, ERR_CORRUPT, "no entry can be as long", err);
    }
    r->records += n != 0;
    return n != 0 ? ITEMS_RECORD : ITEMS_MORE;
}

static enum items_pull reader_end(struct items_run_reader *r, struct err *err)
{
    return r->entry.len != 0 || r->records != r->part.records
               ? run_failed(r, ERR_CORRUPT, "a partition ends before its last record does", err)
               : ITEMS_END;
}

enum items_pull items_run_next(struct items_run_reader *r, struct items_entry *out, struct err *err)
{
    if (r->entry_given) {
        buf_reset(&r->entry);
        r->entry_given = false;
    }
    for (;;) {
        enum items_pull what;

        if (r->frame_at != 0 && r->frame_at < r->frame.len) {
            what = reader_entry(r, out, err);
            if (what != ITEMS_MORE) {
                return what;
            }
        }
        if (r->frame_at == r->frame.len) {
            buf_reset(&r->frame);
            r->frame_at = 0;
            if (r->taken == r->part.bytes) {
                return reader_end(r, err);
            }
        }
        what = reader_frame(r, err);
        if (what != ITEMS_RECORD) {
            return what;
        }
    }
}
