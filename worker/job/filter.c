/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job/filter.h"

#include "proto/base/limits.h"

enum { FILTER_GOOD_BYTES = 256 * 1024 }; /* gathered before they are passed on */

bool filter_open(struct job_filter *f, struct job_source *src, struct job_rejects *rejects)
{
    struct err err;

    *f = (struct job_filter){.source = src, .rejects = rejects};
    if (items_check_init(&f->check, &src->head.options, source_header(src), &err) != OK) {
        task_fail_input(src->task, src->object.key, &err);
        return false;
    }
    items_records_init(&f->records, &src->head.options, src->unpack != NULL ? 0 : src->cut.begins,
                       LIMIT_RECORD_BYTES);
    f->begun = true;
    return true;
}

void filter_close(struct job_filter *f)
{
    if (f->begun) {
        items_records_fini(&f->records);
        items_check_fini(&f->check);
    }
    buf_fini(&f->good);
}

/* ---- The good ones ---- */

/* More bytes for the records; *wait: there are none now. */
static bool filter_feed(struct job_filter *f, bool *wait)
{
    struct slice some;
    bool end;

    source_taken(f->source, f->fed);
    f->fed = 0;
    if (!source_next(f->source, &some, &end)) {
        return false;
    }
    if (end) {
        items_records_finish(&f->records);
    } else if (some.len != 0) {
        items_records_feed(&f->records, some);
        f->fed = some.len;
    }
    *wait = !end && some.len == 0;
    return true;
}

static bool
filter_bad(struct job_filter *f, const struct items_record *record, const struct err *err)
{
    struct job_task *t = f->source->task;

    if (f->rejects != NULL) {
        return rejects_add(f->rejects, f->source->object.key, record->offset, err->msg);
    }
    stream_fail(t->s, JOB_BAD_RECORD, "input s3://%.*s/%.*s: %s", SLICE_FMT(t->places.input_bucket),
                SLICE_FMT(f->source->object.key), err->msg);
    return false;
}

/* One thing that the records give. */
static bool filter_pull(struct job_filter *f, bool *wait)
{
    struct items_record record;
    struct err err;

    switch (items_check_next(&f->check, &f->records, &record, &err)) {
    case ITEMS_RECORD:
        task_put_record(&f->source->head.options, record.bytes, &f->any, &f->good);
        return true;
    case ITEMS_BAD: return filter_bad(f, &record, &err);
    case ITEMS_MORE: return filter_feed(f, wait);
    case ITEMS_END: f->over = true; return true;
    case ITEMS_FAILED: break;
    }
    task_fail_input(f->source->task, f->source->object.key, &err);
    return false;
}

bool filter_next(struct job_filter *f, struct slice *out, bool *end)
{
    bool wait = false;

    if (f->given == f->good.len) {
        buf_reset(&f->good);
        f->given = 0;
    }
    while (f->given == 0 && f->good.len < FILTER_GOOD_BYTES && !f->over && !wait) {
        if (!filter_pull(f, &wait)) {
            return false;
        }
    }
    *out = slice_from(buf_slice(&f->good), f->given);
    *end = f->over && out->len == 0;
    return true;
}

void filter_taken(struct job_filter *f, size_t bytes)
{
    f->given += bytes;
}
