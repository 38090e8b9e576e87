/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job/rejects.h"

#include "proto/base/json.h"

enum { REJECTS_BYTES = 256 * 1024 }; /* gathered before they are sent */

void rejects_open(struct job_rejects *r, struct job_task *t)
{
    *r = (struct job_rejects){.task = t, .key = task_own_key(t, 'j')};
}

void rejects_close(struct job_rejects *r)
{
    struct job_task *t = r->task;
    struct err err;

    if (r->writer != NULL) {
        (void)s3_abort(t->s->client, t->places.output_bucket, r->key,
                       s3_writer_upload_id(r->writer), &err);
        s3_writer_close(r->writer);
    }
    buf_fini(&r->lines);
}

static bool rejects_fail(struct job_rejects *r, const struct err *err)
{
    task_fail_store(r->task, "rejected records", r->key, err);
    return false;
}

static bool rejects_write(struct job_rejects *r)
{
    struct job_task *t = r->task;
    struct err err;
    enum err_code rc = OK;

    if (r->writer == NULL) {
        rc = s3_writer_open(t->s->client, t->places.output_bucket, r->key, SLICE(""), SLICE(""),
                            &r->writer, &err);
    }
    if (rc != OK) {
        r->writer = NULL;
    } else {
        rc = task_write(t, r->writer, buf_slice(&r->lines), &err);
    }
    buf_reset(&r->lines);
    return rc == OK || rejects_fail(r, &err);
}

bool rejects_add(struct job_rejects *r, struct slice object, uint64_t offset, const char *reason)
{
    buf_put_str(&r->lines, "{\"object\":");
    json_write_string(object, &r->lines);
    buf_printf(&r->lines, ",\"offset\":%llu,\"reason\":", (unsigned long long)offset);
    json_write_string(slice_str(reason), &r->lines);
    buf_put_str(&r->lines, "}\n");
    r->count++;
    return r->lines.len < REJECTS_BYTES || rejects_write(r);
}

bool rejects_finish(struct job_rejects *r)
{
    struct job_task *t = r->task;
    struct err err;

    t->done.rejected = r->count;
    if (r->count == 0) {
        return true;
    }
    if (!rejects_write(r)) {
        return false;
    }
    s3_writer_end(r->writer);
    if (task_complete(t, r->writer, t->places.output_bucket, r->key, SLICE(""), &err) != OK) {
        return rejects_fail(r, &err);
    }
    s3_writer_close(r->writer);
    r->writer = NULL;
    return true;
}
