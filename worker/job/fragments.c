/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job/fragments.h"

#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "worker/job/sink.h"

enum {
    FRAGMENT_FOOT_BYTES = 4096,               /* most headers are shorter */
    FRAGMENT_AT_ONCE_BYTES = 8 * 1024 * 1024, /* put together in memory */
    FRAGMENT_COPIES = 2500, /* of 10,000 parts: each may need another one before it, and its
                               bytes more for each 256 MiB */
};

/* ---- Finding ---- */

/* "<piece>-<epoch>.<counter>" */
static bool name_parse(struct slice name, uint64_t *piece, struct token *token)
{
    size_t dash = slice_find(name, '-');
    size_t dot = slice_find(name, '.');

    return dash < dot && dot < name.len && text_parse_u64(slice_head(name, dash), piece) &&
           text_parse_u64(slice_make(name.ptr + dash + 1, dot - dash - 1), &token->epoch) &&
           text_parse_u64(slice_from(name, dot + 1), &token->counter);
}

struct find {
    struct job_task *task;
    struct slice prefix;
    struct token *found; /* by piece */
    struct fragment_objects *out;
};

/* Does an object count that an attempt left, beside what was found before? Of a piece that was
 * begun once there is one; but where a coordinator was put back to what it was, there may be one of
 * what it has forgotten: that is older. */
static bool find_wants(const struct find *f, uint64_t piece, struct token token)
{
    const struct token winner = f->task->winners[piece];
    const struct token before = f->found[piece];

    if (winner.epoch != 0) {
        return token_eq(token, winner);
    }
    return token.epoch > before.epoch ||
           (token.epoch == before.epoch && token.counter > before.counter);
}

static bool find_take(void *arg, const struct s3_entry *e)
{
    struct find *f = arg;
    struct fragment_object *o;
    struct token token;
    uint64_t piece;

    if (slice_starts_with(e->key, f->prefix) &&
        name_parse(slice_from(e->key, f->prefix.len), &piece, &token) && piece < f->out->count &&
        find_wants(f, piece, token)) {
        o = &f->out->list[piece];
        f->out->bytes += e->size_bytes - o->size;
        f->found[piece] = token;
        o->key = arena_copy(&f->task->s->memory, e->key);
        o->size = o->bytes = e->size_bytes;
        o->found = true;
    }
    return true;
}

static struct slice find_prefix(struct job_task *t, char kind)
{
    struct arena *a = &t->s->memory;

    return kind == 'j'   ? arena_printf(a, "%.*srejected-m", SLICE_FMT(t->prefix))
           : kind == 'q' ? arena_printf(a, "%.*srejected-r", SLICE_FMT(t->prefix))
                         : arena_printf(a, "%.*s%c", SLICE_FMT(t->prefix), kind);
}

enum err_code fragments_find(struct job_task *t,
                             char kind,
                             bool all,
                             struct fragment_objects *out,
                             struct err *err)
{
    struct find f = {.task = t, .prefix = find_prefix(t, kind), .out = out};
    enum err_code rc;

    *out = (struct fragment_objects){.count = t->winner_count};
    out->list = ARENA_ARRAY(&t->s->memory, out->count, struct fragment_object);
    f.found = ARENA_ARRAY(&t->s->memory, out->count, struct token);
    rc = s3_list(t->s->client, t->places.output_bucket, f.prefix, find_take, &f, err);
    for (size_t i = 0; rc == OK && all && i < out->count; i++) {
        if (!out->list[i].found) {
            rc = err_set(err, ERR_NOT_FOUND, "the output of piece %zu is not there", i);
        }
    }
    return rc;
}

/* ---- Headers ---- */

static enum err_code header_read(struct job_task *t, struct fragment_object *o, struct err *err)
{
    size_t want = FRAGMENT_FOOT_BYTES;
    struct buf last = {0};
    size_t foot = 0;
    enum err_code rc;

    for (;;) {
        struct s3_range range = {.from = o->size > want ? o->size - want : 0, .to = o->size};

        buf_reset(&last);
        rc = o->size == 0 ? err_set(err, ERR_CORRUPT, "a fragment has no end")
                          : task_read_range(t, t->places.output_bucket, o->key, &range, &last, err);
        rc = rc != OK ? rc : sink_foot_read(buf_slice(&last), &foot, &o->header, err);
        if (rc != OK || foot <= last.len || last.len == o->size) {
            break;
        }
        want = foot;
    }
    if (rc == OK && foot > o->size) {
        rc = err_set(err, ERR_CORRUPT, "a fragment is shorter than its header");
    }
    if (rc == OK) {
        o->header = arena_copy(&t->s->memory, o->header);
        o->bytes = o->size - foot;
    }
    buf_fini(&last);
    return rc;
}

enum err_code
fragments_read_headers(struct job_task *t, struct fragment_objects *f, struct err *err)
{
    enum err_code rc = OK;

    f->bytes = 0;
    for (size_t i = 0; rc == OK && i < f->count; i++) {
        rc = header_read(t, &f->list[i], err);
        f->bytes += f->list[i].bytes;
    }
    return rc;
}

/* ---- Appending ---- */

uint64_t fragment_copy_min(uint64_t bytes)
{
    uint64_t least = bytes / FRAGMENT_COPIES;

    return least > LIMIT_PART_BYTES_MIN ? least : LIMIT_PART_BYTES_MIN;
}

static enum err_code append_through(struct job_task *t,
                                    struct s3_writer *w,
                                    struct slice key,
                                    const struct s3_range *range,
                                    struct err *err)
{
    struct s3_reader *r = NULL;
    struct slice some;
    uint64_t left = range->to - range->from;
    enum err_code rc =
        s3_reader_open_range(t->s->client, t->places.output_bucket, key, range, &r, err);

    while (rc == OK && left > 0) {
        rc = task_peek(t, r, &some, err);
        if (rc == OK && some.len == 0) {
            rc = err_set(err, ERR_CORRUPT, "the object is shorter than it was");
        }
        rc = rc != OK ? rc : task_write(t, w, some, err);
        if (rc == OK) {
            left -= some.len;
            s3_reader_consume(r, some.len);
            (void)atomic_fetch_add(&t->s->bytes_in, some.len);
        }
    }
    s3_reader_close(r);
    return rc;
}

static enum err_code append_copy(struct job_task *t,
                                 struct s3_writer *w,
                                 struct slice key,
                                 const struct s3_range *range,
                                 struct err *err)
{
    bool begun = false;
    enum err_code rc = OK;

    while (rc == OK && !begun) {
        rc = s3_writer_copy(w, t->places.output_bucket, key, range, &begun, err);
        if (rc == OK && !begun) {
            rc = stream_wait(t->s, err) ? OK : err->code;
        }
        if (rc == OK && stream_given_up(t->s)) {
            rc = err_set(err, ERR_CANCELLED, "the piece is to be ended");
        }
    }
    return rc;
}

/* A copy needs what is before it to be a part of its own: up to there bytes go through us. */
enum err_code fragment_append(struct job_task *t,
                              struct s3_writer *w,
                              struct slice key,
                              uint64_t from,
                              uint64_t to,
                              uint64_t copy_min,
                              struct err *err)
{
    enum err_code rc = OK;

    while (rc == OK && from < to) {
        size_t first = s3_writer_short(w);
        bool copies = to - from >= first + copy_min;
        struct s3_range range = {.from = from, .to = to};

        if (copies && first != 0) {
            range.to = from + first;
        } else if (copies && to - from > S3_COPY_BYTES) {
            range.to = from + S3_COPY_BYTES;
        }
        rc = copies && first == 0 ? append_copy(t, w, key, &range, err)
                                  : append_through(t, w, key, &range, err);
        from = range.to;
    }
    return rc;
}

/* ---- All of them ---- */

static enum err_code put_at_once(struct job_task *t,
                                 const struct fragment_objects *from,
                                 struct slice key,
                                 struct err *err)
{
    struct slice bucket = t->places.output_bucket;
    struct buf all = {0};
    enum err_code rc = OK;

    for (size_t i = 0; rc == OK && i < from->count; i++) {
        const struct fragment_object *o = &from->list[i];
        struct s3_range range = {.from = 0, .to = o->bytes};

        if (o->found && o->bytes != 0) {
            rc = task_read_range(t, bucket, o->key, &range, &all, err);
        }
    }
    rc = rc != OK ? rc : s3_put(t->s->client, bucket, key, SLICE(""), buf_slice(&all), err);
    buf_fini(&all);
    return rc;
}

static enum err_code put_append(struct job_task *t,
                                const struct fragment_objects *from,
                                struct s3_writer *w,
                                struct err *err)
{
    uint64_t copy_min = fragment_copy_min(from->bytes);
    enum err_code rc = OK;

    for (size_t i = 0; rc == OK && i < from->count; i++) {
        const struct fragment_object *o = &from->list[i];

        if (o->found) {
            rc = fragment_append(t, w, o->key, 0, o->bytes, copy_min, err);
        }
    }
    return rc;
}

enum err_code fragments_put(struct job_task *t,
                            const struct fragment_objects *from,
                            struct slice key,
                            struct slice mark,
                            struct err *err)
{
    struct slice bucket = t->places.output_bucket;
    struct s3_writer *w;
    struct err ignored;
    enum err_code rc;

    if (from->bytes <= FRAGMENT_AT_ONCE_BYTES) {
        return put_at_once(t, from, key, err);
    }
    rc = s3_writer_open(t->s->client, bucket, key, SLICE(""), mark, &w, err);
    if (rc != OK) {
        return rc;
    }
    rc = put_append(t, from, w, err);
    s3_writer_end(w);
    rc = rc != OK ? rc : task_complete(t, w, bucket, key, mark, err);
    if (rc != OK) {
        (void)s3_abort(t->s->client, bucket, key, s3_writer_upload_id(w), &ignored);
    }
    s3_writer_close(w);
    return rc;
}
