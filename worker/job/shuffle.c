/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job/shuffle.h"

#include <unistd.h>

#include "proto/base/json.h"
#include "worker/items/cut.h"
#include "worker/items/partition.h"
#include "worker/job/sink.h"
#include "worker/job/source.h"

enum {
    SHUFFLE_READ_BYTES = 256 * 1024,
    SHUFFLE_WRITE_BYTES = 1024 * 1024,
};

/* ---- Beginning and end ---- */

struct items_options shuffle_options(const struct job_task *t, const struct items_options *o)
{
    struct items_options out = *o;

    if (t->definition->shuffle.kind == JOB_SHUFFLE_JOIN) {
        out.format = ITEMS_JSONL;
    }
    return out;
}

size_t shuffle_keys(const struct job_definition *d, struct items_key_spec out[LIMIT_JOB_KEYS])
{
    for (size_t i = 0; i < d->shuffle.key_count; i++) {
        const struct job_key *k = &d->shuffle.keys[i];

        out[i] = (struct items_key_spec){
            .path = k->path.len == 0 && k->column.len == 0 ? SLICE("$") : k->path,
            .column = k->column,
            .type = k->number ? ITEMS_KEY_NUMBER : ITEMS_KEY_TEXT,
            .descending = k->descending,
        };
    }
    return d->shuffle.key_count;
}

bool shuffle_open(struct shuffle *h,
                  struct job_task *t,
                  const struct plan_head *head,
                  const struct items_options *o,
                  struct slice source,
                  struct job_rejects *rejects)
{
    struct err err;

    *h = (struct shuffle){.task = t,
                          .options = *o,
                          .source = source,
                          .rejects = rejects,
                          .partitions = t->partitions,
                          .fd = -1};
    if (h->partitions == 0 ||
        plan_read_splitters(t, head, &h->splitters, &h->splitter_count, &err) != OK) {
        stream_fail(t->s, JOB_PIECE_INVALID, "%s",
                    h->partitions == 0 ? "a shuffle has partitions" : err.msg);
        return false;
    }
    h->open = true;
    h->buffer = mem_alloc(SHUFFLE_READ_BYTES);
    items_fragment_init(&h->unwrap, o);
    items_records_init(&h->records, o, 0, LIMIT_RECORD_BYTES);
    items_sorter_init(&h->sorter, SHUFFLE_SORT_BYTES);
    return true;
}

void shuffle_close(struct shuffle *h)
{
    if (!h->open) {
        return;
    }
    if (h->keyed) {
        items_keys_fini(&h->keys);
    }
    if (h->fd >= 0) {
        (void)close(h->fd);
    }
    items_sorter_fini(&h->sorter);
    items_records_fini(&h->records);
    items_fragment_fini(&h->unwrap);
    buf_fini(&h->key);
    buf_fini(&h->tagged);
    mem_free(h->spilled);
    mem_free(h->spilled_at);
    mem_free(h->buffer);
}

static bool shuffle_fail(struct shuffle *h, const char *name, const struct err *err)
{
    stream_fail(h->task->s, name, "what the handler wrote, for the shuffle: %s", err->msg);
    return false;
}

/* ---- Spilling ---- */

/* What is sorted in memory becomes a run behind those spilled before. */
static enum err_code spill_write(struct shuffle *h, struct items_run_part *parts, struct err *err)
{
    struct items_run_writer w;
    struct buf out = {0};
    bool over = false;
    enum err_code rc = OK;

    items_run_writer_init(&w, &out, h->partitions);
    while (rc == OK && !over) {
        over = items_sorter_write(&h->sorter, &w, SHUFFLE_WRITE_BYTES);
        if (over) {
            items_run_finish(&w);
        }
        rc = runs_append(h->fd, buf_slice(&out), err);
        buf_reset(&out);
    }
    memcpy(parts, w.parts, h->partitions * sizeof(parts[0]));
    h->fd_end += w.offset;
    items_run_writer_fini(&w);
    buf_fini(&out);
    return rc;
}

static bool shuffle_spill(struct shuffle *h)
{
    size_t n = h->spills + 1;
    struct err err;
    enum err_code rc = OK;

    if (h->fd < 0) {
        rc = runs_file(h->task->s->host->work_dir, &h->fd, &err);
    }
    if (rc == OK) {
        h->spilled = mem_realloc(h->spilled, n * h->partitions * sizeof(h->spilled[0]));
        h->spilled_at = mem_realloc(h->spilled_at, n * sizeof(h->spilled_at[0]));
        h->spilled_at[h->spills] = h->fd_end;
        rc = spill_write(h, h->spilled + h->spills * h->partitions, &err);
    }
    if (rc != OK) {
        stream_fail(h->task->s, JOB_STORE_FAILED, "%s", err.msg);
        return false;
    }
    h->spills = n;
    items_sorter_reset(&h->sorter);
    return true;
}

/* ---- Records ---- */

static uint32_t shuffle_partition(const struct shuffle *h, struct slice key)
{
    uint32_t p;

    if (h->task->definition->shuffle.kind != JOB_SHUFFLE_SORT) {
        return items_partition_hash(key, h->partitions);
    }
    p = items_partition_range(h->splitters, (uint32_t)h->splitter_count, key);
    return p < h->partitions ? p : h->partitions - 1;
}

/* A record of a join, with where it came from. */
static struct slice shuffle_tag(struct shuffle *h, struct slice record)
{
    bool json = h->options.format == ITEMS_JSON || h->options.format == ITEMS_JSONL;

    buf_reset(&h->tagged);
    buf_put_str(&h->tagged, "{\"source\":");
    json_write_string(h->source, &h->tagged);
    buf_put_str(&h->tagged, ",\"record\":");
    if (json) {
        buf_put_slice(&h->tagged, record);
        for (size_t i = 0; i < h->tagged.len; i++) { /* white space: a line break in no string */
            h->tagged.ptr[i] = h->tagged.ptr[i] == '\n' ? ' ' : h->tagged.ptr[i];
        }
    } else {
        json_write_string(record, &h->tagged);
    }
    buf_put_str(&h->tagged, "}");
    return buf_slice(&h->tagged);
}

static bool shuffle_keep(struct shuffle *h, const struct items_entry *e)
{
    uint32_t partition = shuffle_partition(h, e->key);
    struct err err;
    enum err_code rc = items_sorter_put(&h->sorter, partition, e, &err);

    if (rc == ERR_BUSY) {
        if (!shuffle_spill(h)) {
            return false;
        }
        rc = items_sorter_put(&h->sorter, partition, e, &err);
    }
    return rc == OK || shuffle_fail(h, JOB_OUTPUT_INVALID, &err);
}

/* The keys need the header, which comes before the first record. */
static bool shuffle_begin_keys(struct shuffle *h)
{
    struct items_key_spec specs[LIMIT_JOB_KEYS];
    size_t count = shuffle_keys(h->task->definition, specs);
    struct err err;

    if (h->keyed || count == 0) {
        return true;
    }
    if (items_keys_init(&h->keys, specs, count, &h->options, buf_slice(&h->unwrap.header), &err) !=
        OK) {
        return shuffle_fail(h, JOB_OUTPUT_INVALID, &err);
    }
    h->keyed = true;
    return true;
}

static enum err_code
shuffle_make_key(struct shuffle *h, const struct items_record *record, struct err *err)
{
    buf_reset(&h->key);
    if (h->keyed) {
        return items_keys_make(&h->keys, record, &h->key, err);
    }
    if (record->bytes.len > LIMIT_SORT_KEY_BYTES) {
        return err_set(err, ERR_TOO_LARGE,
                       "byte %llu: a record that is its own key has more than "
                       "%d bytes",
                       (unsigned long long)record->offset, LIMIT_SORT_KEY_BYTES);
    }
    buf_put_slice(&h->key, record->bytes);
    return OK;
}

static bool shuffle_take(struct shuffle *h, const struct items_record *record)
{
    struct items_entry e;
    struct err err;

    if (shuffle_make_key(h, record, &err) != OK) {
        return h->rejects != NULL ? rejects_add(h->rejects, h->source, record->offset, err.msg)
                                  : shuffle_fail(h, JOB_BAD_RECORD, &err);
    }
    e.key = buf_slice(&h->key);
    e.record = h->task->definition->shuffle.kind == JOB_SHUFFLE_JOIN ? shuffle_tag(h, record->bytes)
                                                                     : record->bytes;
    h->task->done.records_out++;
    return shuffle_keep(h, &e);
}

/* All records that are there. */
static bool shuffle_pull(struct shuffle *h)
{
    struct items_record record;
    struct err err;

    for (;;) {
        switch (items_records_next(&h->records, &record, &err)) {
        case ITEMS_RECORD:
            if (!shuffle_take(h, &record)) {
                return false;
            }
            break;
        case ITEMS_MORE:
        case ITEMS_END: return true;
        case ITEMS_BAD:
        case ITEMS_FAILED: return shuffle_fail(h, JOB_OUTPUT_INVALID, &err);
        }
    }
}

static bool shuffle_feed(struct shuffle *h, const struct items_pieces *pieces)
{
    if (pieces->before.len != 0 && h->options.format != ITEMS_JSON) {
        items_records_feed(&h->records, pieces->before);
        if (!shuffle_pull(h)) {
            return false;
        }
    }
    if (pieces->bytes.len == 0) {
        return true;
    }
    items_records_feed(&h->records, pieces->bytes);
    return shuffle_begin_keys(h) && shuffle_pull(h);
}

void shuffle_room(struct shuffle *h, char **where, size_t *room)
{
    *where = h->buffer;
    *room = SHUFFLE_READ_BYTES;
}

bool shuffle_put_slice(struct shuffle *h, struct slice bytes)
{
    struct items_pieces pieces;
    struct err err;

    if (items_fragment_feed(&h->unwrap, bytes, &pieces, &err) != OK) {
        return shuffle_fail(h, JOB_OUTPUT_INVALID, &err);
    }
    return shuffle_feed(h, &pieces);
}

bool shuffle_put(struct shuffle *h, size_t bytes)
{
    return shuffle_put_slice(h, slice_make(h->buffer, bytes));
}

bool shuffle_end(struct shuffle *h)
{
    struct items_pieces pieces;
    struct err err;

    if (items_fragment_finish(&h->unwrap, &pieces, &err) != OK) {
        return shuffle_fail(h, JOB_OUTPUT_INVALID, &err);
    }
    if (!shuffle_feed(h, &pieces)) {
        return false;
    }
    items_records_finish(&h->records);
    return shuffle_pull(h);
}

/* ---- The object ---- */

/* All runs that were spilled, as one: partition after partition. */
static enum err_code shuffle_merge(struct shuffle *h,
                                   uint32_t partition,
                                   struct items_run_writer *to,
                                   struct s3_writer *w,
                                   struct err *err)
{
    struct run_piece *pieces = mem_zalloc(h->spills, sizeof(*pieces));
    size_t count = h->spills;
    struct items_entry e;
    struct run_merge m;
    bool end = false;
    int fd = -1;
    enum err_code rc;

    for (size_t i = 0; i < count; i++) {
        const struct items_run_part *part = &h->spilled[i * h->partitions + partition];

        pieces[i] = (struct run_piece){h->fd, h->spilled_at[i] + part->offset, *part};
    }
    rc = runs_reduce(h->task->s->host->work_dir, pieces, &count, &fd, err);
    run_merge_open(&m, pieces, rc == OK ? count : 0, NULL, NULL);
    while (rc == OK && !end) {
        rc = run_merge_next(&m, &e, &end, err);
        if (rc == OK && !end) {
            items_run_put(to, partition, &e);
        }
        if (rc == OK && to->out->len >= SHUFFLE_WRITE_BYTES) {
            rc = task_write(h->task, w, buf_slice(to->out), err);
            buf_reset(to->out);
        }
    }
    run_merge_close(&m);
    if (fd >= 0) {
        (void)close(fd);
    }
    mem_free(pieces);
    return rc;
}

static enum err_code shuffle_write(struct shuffle *h, struct s3_writer *w, struct err *err)
{
    struct items_run_writer to;
    struct buf out = {0};
    bool over = h->spills != 0;
    enum err_code rc = OK;

    items_run_writer_init(&to, &out, h->partitions);
    while (rc == OK && !over) {
        over = items_sorter_write(&h->sorter, &to, SHUFFLE_WRITE_BYTES);
        rc = task_write(h->task, w, buf_slice(&out), err);
        buf_reset(&out);
    }
    for (uint32_t i = 0; rc == OK && h->spills != 0 && i < h->partitions; i++) {
        rc = shuffle_merge(h, i, &to, w, err);
    }
    if (rc == OK) {
        items_run_finish(&to);
        sink_put_foot(buf_slice(&h->unwrap.header), &out);
        rc = task_write(h->task, w, buf_slice(&out), err);
    }
    items_run_writer_fini(&to);
    buf_fini(&out);
    return rc;
}

bool shuffle_finish(struct shuffle *h)
{
    struct job_task *t = h->task;
    struct slice bucket = t->places.output_bucket;
    struct slice key = task_own_key(t, 'm');
    struct s3_writer *w = NULL;
    struct err ignored;
    struct err err;
    enum err_code rc;

    if (h->spills != 0 && !shuffle_spill(h)) {
        return false;
    }
    rc = s3_writer_open(t->s->client, bucket, key, SLICE(""), SLICE(""), &w, &err);
    if (rc == OK) {
        rc = shuffle_write(h, w, &err);
        s3_writer_end(w);
        rc = rc != OK ? rc : task_complete(t, w, bucket, key, SLICE(""), &err);
        if (rc != OK) {
            (void)s3_abort(t->s->client, bucket, key, s3_writer_upload_id(w), &ignored);
        }
        s3_writer_close(w);
    }
    if (rc != OK) {
        task_fail_store(t, "sorted records", key, &err);
    }
    return rc == OK;
}
