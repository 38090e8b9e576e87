/* SPDX-License-Identifier: Apache-2.0 */
/* The path of a byte: reader -> (unpack -> unwrap | cut) -> pieces. What a chunk gives is taken
 * wholly before the next chunk is looked at. Where shards are from arithmetic, the bytes behind the
 * shard's end that its last record has are not known: a little more than the shard is asked for,
 * then more and more. */
#include "worker/job/source.h"

#include "proto/base/limits.h"

enum {
    SOURCE_HEAD_BYTES = 65536, /* of a plan: most are read at once */
    SOURCE_GAP_BYTES = 65536,  /* behind a shard's end, at first */
    SOURCE_UNPACK_BYTES = 256 * 1024,
};

/* ---- The plan's rows ---- */

struct plan_window {
    struct job_task *task;
    struct slice key;
    struct buf front; /* the plan's first bytes */
};

static enum err_code window_open(struct plan_window *w, struct job_task *t, struct err *err)
{
    const struct s3_range front = {.from = 0, .to = SOURCE_HEAD_BYTES};

    *w = (struct plan_window){.task = t, .key = task_key(t, 'p', 0, t->plan)};
    return task_read_range(t, t->places.output_bucket, w->key, &front, &w->front, err);
}

/* Bytes [at, at + len) of the plan, in `hold` where they are not at hand. */
static enum err_code window_get(struct plan_window *w,
                                uint64_t at,
                                size_t len,
                                struct buf *hold,
                                struct slice *out,
                                struct err *err)
{
    const struct s3_range range = {.from = at, .to = at + len};
    enum err_code rc = OK;

    buf_reset(hold);
    if (at + len <= w->front.len) {
        *out = slice_make(w->front.ptr + at, len);
        return OK;
    }
    rc = task_read_range(w->task, w->task->places.output_bucket, w->key, &range, hold, err);
    *out = buf_slice(hold);
    return rc;
}

enum err_code plan_read_head(struct job_task *t, struct plan_head *out, struct err *err)
{
    struct plan_window w;
    enum err_code rc = window_open(&w, t, err);

    rc = rc != OK ? rc : plan_head_decode(buf_slice(&w.front), out, err);
    buf_fini(&w.front);
    return rc;
}

enum err_code plan_read_splitters(struct job_task *t,
                                  const struct plan_head *head,
                                  struct slice **out,
                                  size_t *count,
                                  struct err *err)
{
    const struct s3_range range = {.from = head->splitters_at,
                                   .to = head->splitters_at + head->splitters_bytes};
    struct slice key = task_key(t, 'p', 0, t->plan);
    struct buf bytes = {0};
    enum err_code rc;

    *count = 0;
    if (head->splitters_bytes == 0) {
        return OK;
    }
    *out = ARENA_ARRAY(&t->s->memory, LIMIT_JOB_PARTITIONS, struct slice);
    rc = task_read_range(t, t->places.output_bucket, key, &range, &bytes, err);
    if (rc == OK) {
        rc = plan_splitters_decode(arena_copy(&t->s->memory, buf_slice(&bytes)), head->splitters_at,
                                   *out, LIMIT_JOB_PARTITIONS, count, err);
    }
    buf_fini(&bytes);
    return rc;
}

static enum err_code
source_read_rows(struct job_source *src, struct plan_window *w, uint32_t shard, struct err *err)
{
    struct arena *a = &src->task->s->memory;
    struct buf hold = {0};
    struct slice bytes;
    enum err_code rc = plan_head_decode(buf_slice(&w->front), &src->head, err);

    if (rc == OK && shard >= src->head.shards) {
        rc = err_set(err, ERR_CORRUPT, "the plan has no shard %u", shard);
    }
    rc = rc != OK ? rc : window_get(w, plan_shard_at(shard), PLAN_SHARD_BYTES, &hold, &bytes, err);
    rc = rc != OK ? rc : plan_shard_decode(bytes, shard, &src->shard, err);
    if (rc == OK) {
        rc = window_get(w, src->shard.object_at, src->shard.object_bytes, &hold, &bytes, err);
    }
    if (rc == OK) {
        rc = plan_object_decode(arena_copy(a, bytes), src->shard.object_at, &src->object, err);
    }
    buf_fini(&hold);
    return rc;
}

/* ---- The object ---- */

/* The next stretch of the object. */
static bool source_read_on(struct job_source *src)
{
    struct job_task *t = src->task;
    struct s3_range range = {.from = src->at, .etag = src->object.etag};
    struct err err;

    s3_reader_close(src->reader);
    src->reader = NULL;
    range.to = src->object.size - src->at > src->gap ? src->at + src->gap : src->object.size;
    src->at = range.to;
    src->gap = src->gap < (UINT64_C(1) << 40) ? SOURCE_GAP_BYTES + src->gap * 2 : src->gap;
    if (s3_reader_open_range(t->s->client, t->places.input_bucket, src->object.key, &range,
                             &src->reader, &err) != OK) {
        src->reader = NULL;
        task_fail_input(t, src->object.key, &err);
        return false;
    }
    return true;
}

bool source_open(struct job_source *src, struct job_task *t, uint32_t shard)
{
    struct plan_window w;
    struct err err;
    enum err_code rc;

    *src = (struct job_source){.task = t};
    rc = window_open(&w, t, &err);
    rc = rc != OK ? rc : source_read_rows(src, &w, shard, &err);
    buf_fini(&w.front);
    if (rc != OK) {
        task_fail_store(t, "plan", w.key, &err);
        return false;
    }
    items_cut_init(&src->cut, &src->head.options, src->shard.at);
    items_walk_init(&src->walk, &src->head.options, src->shard.at.from, true);
    src->at = items_cut_read_from(&src->cut);
    src->gap = src->shard.at.to - src->at + (src->cut.exact ? 0 : SOURCE_GAP_BYTES);
    if (src->object.packing != PLAN_PLAIN) {
        src->at = 0;
        src->gap = src->object.size;
        src->unpack = unpack_new(src->object.packing);
        src->unpacked = mem_alloc(SOURCE_UNPACK_BYTES);
        items_fragment_init(&src->unwrap, &src->head.options);
    }
    return source_read_on(src);
}

void source_close(struct job_source *src)
{
    s3_reader_close(src->reader);
    if (src->unpack != NULL) {
        items_fragment_fini(&src->unwrap);
    }
    unpack_free(src->unpack);
    mem_free(src->unpacked);
}

struct slice source_header(const struct job_source *src)
{
    return src->unpack != NULL ? buf_slice(&src->unwrap.header) : src->object.header;
}

/* ---- Bytes ---- */

static bool source_fail(struct job_source *src, const struct err *err)
{
    task_fail_input(src->task, src->object.key, err);
    return false;
}

/* The comma at the front of a JSON array's fragment is nobody's here. */
static void source_unwrapped(struct job_source *src, const struct items_pieces *p)
{
    src->pieces[0] = src->head.options.format == ITEMS_JSON ? SLICE("") : p->before;
    src->pieces[1] = p->bytes;
}

/* A round of unpacking; of `chunk` what was used is consumed. */
static bool source_unpack(struct job_source *src, struct slice chunk)
{
    struct slice left = chunk;
    struct items_pieces pieces;
    struct err err;
    enum err_code rc = unpack_some(src->unpack, &left, src->unpacked, SOURCE_UNPACK_BYTES,
                                   &src->unpacked_bytes, &err);

    if (rc == OK) {
        s3_reader_consume(src->reader, chunk.len - left.len);
        (void)atomic_fetch_add(&src->task->s->bytes_in, chunk.len - left.len);
        rc = items_fragment_feed(&src->unwrap, slice_make(src->unpacked, src->unpacked_bytes),
                                 &pieces, &err);
    }
    if (rc != OK) {
        return source_fail(src, &err);
    }
    source_unwrapped(src, &pieces);
    return true;
}

static bool source_unpack_end(struct job_source *src)
{
    struct items_pieces pieces;
    struct err err;

    if (unpack_end(src->unpack, &err) != OK ||
        items_fragment_finish(&src->unwrap, &pieces, &err) != OK) {
        return source_fail(src, &err);
    }
    src->packed_end = true;
    source_unwrapped(src, &pieces);
    return true;
}

/* What the unpacker still holds comes without more packed bytes. */
static bool source_packed(struct job_source *src, bool *wait)
{
    struct slice chunk;
    bool end;
    struct err err;

    if (src->unpacked_bytes == SOURCE_UNPACK_BYTES) {
        return source_unpack(src, SLICE(""));
    }
    if (s3_reader_peek(src->reader, &chunk, &end, &err) != OK) {
        return source_fail(src, &err);
    }
    if (chunk.len != 0) {
        return source_unpack(src, chunk);
    }
    *wait = !end;
    return end ? source_unpack_end(src) : true;
}

static bool source_plain(struct job_source *src, bool *wait)
{
    struct slice chunk;
    bool end;
    struct err err;

    if (s3_reader_peek(src->reader, &chunk, &end, &err) != OK) {
        return source_fail(src, &err);
    }
    if (end) {
        return source_read_on(src);
    }
    *wait = chunk.len == 0;
    src->pieces[1] = items_cut_feed(&src->cut, chunk);
    src->chunk = chunk.len;
    if (src->pieces[1].len == 0) {
        s3_reader_consume(src->reader, chunk.len);
        src->chunk = 0;
    }
    return true;
}

static bool source_over(const struct job_source *src)
{
    if (src->unpack != NULL) {
        return src->packed_end;
    }
    return items_cut_done(&src->cut) || src->cut.at >= src->object.size;
}

/* Count the records of what has just come. */
static bool source_count(struct job_source *src)
{
    struct err err;

    for (size_t i = 0; i < 2; i++) {
        size_t used;

        if (items_walk_feed(&src->walk, src->pieces[i], UINT64_MAX, &used, &err) != OK) {
            return source_fail(src, &err);
        }
    }
    src->task->done.records_in = src->walk.records;
    return true;
}

bool source_next(struct job_source *src, struct slice *out, bool *end)
{
    bool wait = false;

    *end = false;
    while (src->pieces[0].len + src->pieces[1].len == 0 && !wait) {
        if (source_over(src)) {
            *end = true;
            break;
        }
        if (!(src->unpack != NULL ? source_packed(src, &wait) : source_plain(src, &wait)) ||
            !source_count(src)) {
            return false;
        }
    }
    *out = src->pieces[0].len != 0 ? src->pieces[0] : src->pieces[1];
    return true;
}

void source_taken(struct job_source *src, size_t bytes)
{
    struct slice *p = src->pieces[0].len != 0 ? &src->pieces[0] : &src->pieces[1];

    *p = slice_from(*p, bytes);
    if (src->unpack == NULL) {
        (void)atomic_fetch_add(&src->task->s->bytes_in, bytes);
    }
    if (src->pieces[1].len == 0 && src->chunk != 0) {
        s3_reader_consume(src->reader, src->chunk);
        src->chunk = 0;
    }
}

bool source_await(struct job_source *src, bool *any)
{
    struct stream *s = src->task->s;
    struct slice some;
    bool end = false;
    struct err err;

    while (!stream_given_up(s)) {
        if (!source_next(src, &some, &end)) {
            return false;
        }
        if (some.len != 0 || end) {
            *any = some.len != 0;
            return true;
        }
        if (!stream_wait(s, &err)) {
            return source_fail(src, &err);
        }
    }
    return false;
}
