/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job/sink.h"

#include <assert.h>

#include "proto/base/limits.h"

enum {
    SINK_BUFFER_BYTES = 256 * 1024,
    SINK_SMALL_BYTES = 1024 * 1024, /* put at once: one request instead of four */
};

static const char sink_magic[] = "SFHEAD01";

void sink_open(struct job_sink *k, struct job_task *t, const struct items_options *o, char kind)
{
    *k = (struct job_sink){.task = t, .options = *o, .key = task_own_key(t, kind)};
    items_fragment_init(&k->fragment, o);
    k->buffer = mem_alloc(SINK_BUFFER_BYTES);
}

void sink_close(struct job_sink *k)
{
    struct err err;

    if (k->buffer == NULL) {
        return;
    }
    if (k->writer != NULL && !k->done) {
        (void)s3_abort(k->task->s->client, k->task->places.output_bucket, k->key,
                       s3_writer_upload_id(k->writer), &err);
    }
    s3_writer_close(k->writer);
    items_fragment_fini(&k->fragment);
    buf_fini(&k->small);
    buf_fini(&k->foot);
    mem_free(k->buffer);
}

static bool sink_fail(struct job_sink *k, const struct err *err)
{
    task_fail_store(k->task, "temporary object", k->key, err);
    return false;
}

/* It is not small any more: what was kept goes first. */
static bool sink_begin(struct job_sink *k)
{
    struct err err;

    if (s3_writer_open(k->task->s->client, k->task->places.output_bucket, k->key, SLICE(""),
                       SLICE(""), &k->writer, &err) != OK) {
        k->writer = NULL;
        return sink_fail(k, &err);
    }
    k->pieces[0] = buf_slice(&k->small);
    return true;
}

/* To the writer, as far as it has room. */
static bool sink_send(struct job_sink *k, struct slice *p)
{
    struct err err;

    while (p->len != 0) {
        char *where;
        size_t room;

        if (s3_writer_reserve(k->writer, &where, &room, &err) != OK) {
            return sink_fail(k, &err);
        }
        if (room == 0) {
            return true;
        }
        room = room < p->len ? room : p->len;
        memcpy(where, p->ptr, room);
        s3_writer_commit(k->writer, room);
        *p = slice_from(*p, room);
    }
    return true;
}

enum { SINK_PIECES = sizeof(((struct job_sink *)NULL)->pieces) / sizeof(struct slice) };

static size_t sink_waiting(const struct job_sink *k)
{
    size_t bytes = 0;

    for (size_t i = 0; i < SINK_PIECES; i++) {
        bytes += k->pieces[i].len;
    }
    return bytes;
}

static bool sink_empty(const struct job_sink *k)
{
    return sink_waiting(k) == 0;
}

static bool sink_flush(struct job_sink *k)
{
    bool small = k->writer == NULL && k->small.len + sink_waiting(k) <= SINK_SMALL_BYTES;

    if (k->writer == NULL && !small && !sink_begin(k)) {
        return false;
    }
    for (size_t i = 0; i < SINK_PIECES; i++) {
        if (small) {
            buf_put_slice(&k->small, k->pieces[i]);
            k->pieces[i] = SLICE("");
        } else if (!sink_send(k, &k->pieces[i])) {
            return false;
        } else if (k->pieces[i].len != 0) {
            break;
        }
    }
    return true;
}

bool sink_room(struct job_sink *k, char **where, size_t *room)
{
    if (!sink_flush(k)) {
        return false;
    }
    *where = k->buffer;
    *room = sink_empty(k) ? SINK_BUFFER_BYTES : 0;
    return true;
}

static bool sink_invalid(struct job_sink *k, const struct err *err)
{
    stream_fail(k->task->s, JOB_OUTPUT_INVALID, "what the handler wrote is not %s: %s",
                items_format_name(k->options.format), err->msg);
    return false;
}

bool sink_put(struct job_sink *k, size_t bytes)
{
    struct items_pieces pieces;
    struct err err;

    if (items_fragment_feed(&k->fragment, slice_make(k->buffer, bytes), &pieces, &err) != OK) {
        return sink_invalid(k, &err);
    }
    k->pieces[1] = pieces.before;
    k->pieces[2] = pieces.bytes;
    return sink_flush(k);
}

void sink_put_foot(struct slice header, struct buf *out)
{
    buf_put_slice(out, header);
    buf_put_u32le(out, (uint32_t)header.len);
    buf_put_str(out, sink_magic);
}

bool sink_end(struct job_sink *k)
{
    struct items_pieces pieces;
    struct err err;

    assert(sink_empty(k)); /* who writes asks for room, and hears of the end instead of bytes */
    if (items_fragment_finish(&k->fragment, &pieces, &err) != OK) {
        return sink_invalid(k, &err);
    }
    if (sink_has_foot(&k->options)) {
        sink_put_foot(buf_slice(&k->fragment.header), &k->foot);
    }
    k->pieces[1] = pieces.before;
    k->pieces[2] = buf_slice(&k->foot);
    return sink_flush(k);
}

bool sink_nothing(struct job_task *t, const struct items_options *o, char kind)
{
    struct slice key = task_own_key(t, kind);
    struct buf foot = {0};
    struct err err;
    enum err_code rc;

    if (sink_has_foot(o)) {
        sink_put_foot(SLICE(""), &foot);
    }
    rc = s3_put(t->s->client, t->places.output_bucket, key, SLICE(""), buf_slice(&foot), &err);
    buf_fini(&foot);
    if (rc != OK) {
        task_fail_store(t, "temporary object", key, &err);
    }
    return rc == OK;
}

uint64_t sink_records(const struct job_sink *k)
{
    return k->fragment.walk.records - (k->fragment.header.len != 0);
}

/* All of it is there: is the object? */
static enum err_code sink_complete(struct job_sink *k, struct err *err)
{
    struct job_task *t = k->task;
    struct slice bucket = t->places.output_bucket;
    const struct s3_part *parts;
    struct s3_object object;
    size_t count;
    bool arrived = false;
    enum err_code rc;

    if (k->writer == NULL) {
        rc = s3_put(t->s->client, bucket, k->key, SLICE(""), buf_slice(&k->small), err);
        k->done = rc == OK;
        return rc;
    }
    rc = s3_writer_done(k->writer, &arrived, &parts, &count, err);
    if (rc == OK && arrived) {
        rc = s3_complete(t->s->client, bucket, k->key, s3_writer_upload_id(k->writer), SLICE(""),
                         parts, count, &object, err);
        k->done = rc == OK;
    }
    return rc;
}

bool sink_look(struct job_sink *k)
{
    struct err err;

    if (!sink_flush(k)) {
        return false;
    }
    if (!k->closed && sink_empty(k)) {
        if (k->writer != NULL) {
            s3_writer_end(k->writer);
        }
        k->closed = true;
    }
    if (k->closed && !k->done && sink_complete(k, &err) != OK) {
        return sink_fail(k, &err);
    }
    return true;
}

enum err_code
sink_foot_read(struct slice last, size_t *foot_bytes, struct slice *header, struct err *err)
{
    struct cursor c;
    size_t bytes;

    if (last.len < SINK_FOOT_BYTES || !slice_ends_with(last, slice_str(sink_magic))) {
        return err_set(err, ERR_CORRUPT, "a fragment's end is not as it was written");
    }
    c = cursor_make(slice_from(last, last.len - SINK_FOOT_BYTES));
    bytes = cursor_u32le(&c);
    if (bytes > LIMIT_HEADER_BYTES + 1) {
        return err_set(err, ERR_CORRUPT, "a fragment's header cannot have %zu bytes", bytes);
    }
    *foot_bytes = bytes + SINK_FOOT_BYTES;
    *header = SLICE("");
    if (*foot_bytes <= last.len) {
        *header = slice_head(slice_from(last, last.len - *foot_bytes), bytes);
    }
    return OK;
}
