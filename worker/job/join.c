/* SPDX-License-Identifier: Apache-2.0 */
/* JOIN: the winners' fragments put together in order, as an upload that the coordinator records
 * before its first part and completes; of layout `parts`, an object each, and a manifest as that
 * upload. What was rejected is put together first, beside the output: it is there when the output
 * is. */
#include "proto/base/json.h"
#include "proto/base/limits.h"
#include "worker/job/fragments.h"
#include "worker/job/parts.h"
#include "worker/job/phases.h"
#include "worker/job/sink.h"
#include "worker/job/source.h"

struct join {
    struct job_task *task;
    struct items_options options; /* of the output */
    struct fragment_objects from;
    struct items_join items;
};

static bool join_fail(struct join *j, const struct err *err)
{
    task_fail_store(j->task, "output", j->task->places.output_key, err);
    return false;
}

/* ---- What there is ---- */

static bool join_headers(struct join *j)
{
    struct err err;

    if (!sink_has_foot(&j->options)) {
        return true;
    }
    if (fragments_read_headers(j->task, &j->from, &err) != OK) {
        return join_fail(j, &err);
    }
    for (size_t i = 0; i < j->from.count; i++) {
        if (items_join_header(&j->items, j->from.list[i].header, &err) != OK) {
            stream_fail(j->task->s, JOB_OUTPUT_INVALID, "what was written of piece %zu: %s", i,
                        err.msg);
            return false;
        }
    }
    return true;
}

static bool join_find(struct join *j)
{
    struct job_task *t = j->task;
    bool reduced = t->definition->shuffle.kind != JOB_SHUFFLE_NONE;
    struct plan_head head;
    struct err err;

    if (plan_read_head(t, &head, &err) != OK ||
        fragments_find(t, reduced ? 'r' : 'm', true, &j->from, &err) != OK) {
        return join_fail(j, &err);
    }
    j->options = task_output_options(t, &head.options);
    items_join_init(&j->items, &j->options);
    return join_headers(j);
}

/* ---- The coordinator's upload ---- */

static struct slice content_type(enum items_format format)
{
    switch (format) {
    case ITEMS_JSON: return SLICE("application/json");
    case ITEMS_JSONL: return SLICE("application/x-ndjson");
    case ITEMS_CSV: return SLICE("text/csv");
    case ITEMS_LINES: return SLICE("text/plain");
    case ITEMS_AUTO:
    case ITEMS_WHOLE: break;
    }
    return SLICE("application/octet-stream");
}

/* Begin it and wait until the coordinator has recorded it. */
static bool join_upload(struct join *j, struct slice type)
{
    struct job_task *t = j->task;
    const struct handler_upload to = {
        .bucket = t->places.output_bucket,
        .key = t->places.output_key,
        .mark = parts_mark(t),
    };
    struct err err;

    if (stream_upload(t->s, &to, type, &err) != OK) {
        return join_fail(j, &err);
    }
    while (!t->s->recorded && !stream_given_up(t->s)) {
        if (!stream_wait(t->s, &err)) {
            return join_fail(j, &err);
        }
    }
    return !stream_given_up(t->s);
}

/* All is written: until it has arrived. */
static bool join_arrive(struct join *j)
{
    struct stream *s = j->task->s;
    struct err err;

    (void)atomic_store(&s->bytes_out, s3_writer_bytes(s->writer));
    s3_writer_end(s->writer);
    while (!stream_given_up(s)) {
        if (stream_look(s, &err) != OK) {
            return join_fail(j, &err);
        }
        if (s->sent) {
            s->result.has_output = true;
            return true;
        }
        if (!stream_wait(s, &err)) {
            return join_fail(j, &err);
        }
    }
    return false;
}

/* ---- One object ---- */

static enum err_code join_fragments(struct join *j, struct s3_writer *w, struct err *err)
{
    struct job_task *t = j->task;
    uint64_t copy_min = fragment_copy_min(j->from.bytes);
    enum err_code rc = task_write(t, w, items_join_prefix(&j->items), err);

    for (size_t i = 0; rc == OK && i < j->from.count; i++) {
        const struct fragment_object *o = &j->from.list[i];
        uint64_t skip = items_join_skip(&j->items, o->bytes);

        rc = fragment_append(t, w, o->key, skip, o->bytes, copy_min, err);
        (void)atomic_store(&t->s->bytes_out, s3_writer_bytes(w));
    }
    return rc != OK ? rc : task_write(t, w, items_join_suffix(&j->items), err);
}

static bool join_object(struct join *j)
{
    struct err err;

    if (!join_upload(j, content_type(j->options.format))) {
        return false;
    }
    if (join_fragments(j, j->task->s->writer, &err) != OK) {
        return join_fail(j, &err);
    }
    return join_arrive(j);
}

/* ---- Objects and a manifest ---- */

static enum err_code
part_write(struct join *j, struct s3_writer *w, const struct fragment_object *o, struct err *err)
{
    struct items_join one;
    struct job_task *t = j->task;
    enum err_code rc;

    items_join_init(&one, &j->options);
    rc = items_join_header(&one, o->header, err);
    rc = rc != OK ? rc : task_write(t, w, items_join_prefix(&one), err);
    if (rc == OK) {
        rc = fragment_append(t, w, o->key, items_join_skip(&one, o->bytes), o->bytes,
                             fragment_copy_min(o->bytes), err);
    }
    rc = rc != OK ? rc : task_write(t, w, items_join_suffix(&one), err);
    items_join_fini(&one);
    return rc;
}

/* A part as an object of its own; *bytes: its size. */
static enum err_code part_put(struct join *j,
                              const struct fragment_object *o,
                              struct slice key,
                              uint64_t *bytes,
                              struct err *err)
{
    struct job_task *t = j->task;
    struct slice bucket = t->places.output_bucket;
    struct slice mark = parts_mark(t);
    struct s3_writer *w;
    struct err ignored;
    enum err_code rc =
        s3_writer_open(t->s->client, bucket, key, content_type(j->options.format), mark, &w, err);

    if (rc != OK) {
        return rc;
    }
    rc = part_write(j, w, o, err);
    *bytes = s3_writer_bytes(w);
    s3_writer_end(w);
    rc = rc != OK ? rc : task_complete(t, w, bucket, key, mark, err);
    if (rc != OK) {
        (void)s3_abort(t->s->client, bucket, key, s3_writer_upload_id(w), &ignored);
    }
    s3_writer_close(w);
    return rc;
}

static enum err_code parts_put(struct join *j, struct buf *manifest, struct err *err)
{
    const char *comma = "";
    enum err_code rc = OK;

    buf_put_slice(manifest, parts_manifest_head(j->task));
    buf_printf(manifest, "\"format\":\"%s\",\"parts\":[", items_format_name(j->options.format));
    for (size_t i = 0; rc == OK && i < j->from.count; i++) {
        const struct fragment_object *o = &j->from.list[i];
        struct slice key = parts_key(j->task, (uint32_t)i);
        uint64_t bytes = 0;

        if (o->bytes == 0) {
            continue;
        }
        rc = part_put(j, o, key, &bytes, err);
        buf_printf(manifest, "%s{\"key\":", comma);
        json_write_string(key, manifest);
        buf_printf(manifest, ",\"bytes\":%llu}", (unsigned long long)bytes);
        comma = ",";
    }
    buf_put_str(manifest, "]}\n");
    return rc;
}

static bool join_parts(struct join *j)
{
    struct buf manifest = {0};
    struct err err;
    bool well = parts_put(j, &manifest, &err) == OK || join_fail(j, &err);

    well = well && join_upload(j, SLICE("application/json"));
    if (well && task_write(j->task, j->task->s->writer, buf_slice(&manifest), &err) != OK) {
        well = join_fail(j, &err);
    }
    buf_fini(&manifest);
    return well && join_arrive(j);
}

/* ---- What was rejected ---- */

static bool join_rejected(struct join *j)
{
    struct job_task *t = j->task;
    bool reduced = t->definition->shuffle.kind != JOB_SHUFFLE_NONE;
    struct fragment_objects from;
    struct err err;
    enum err_code rc;

    if (t->definition->bad_records.policy != JOB_BAD_RECORDS_REJECT) {
        return true;
    }
    rc = fragments_find(t, reduced ? 'q' : 'j', false, &from, &err);
    if (rc == OK && from.bytes != 0) {
        rc = fragments_put(t, &from, task_rejected_key(t), parts_mark(t), &err);
    }
    return rc == OK || join_fail(j, &err);
}

void job_join(struct job_task *t)
{
    struct join j = {.task = t};

    if (join_find(&j) && join_rejected(&j) &&
        (t->definition->layout == JOB_LAYOUT_PARTS ? join_parts(&j) : join_object(&j))) {
        task_succeed(t);
    }
    items_join_fini(&j.items);
}
