/* SPDX-License-Identifier: Apache-2.0 */
/* REDUCE: one partition of all that MAP's winners sorted, merged by key, and streamed through the
 * reduce handler, or, where there is none, into the fragment as it is. `distinct` passes the first
 * record of each key on. A few runs are merged as the store brings them, side by side; many are
 * brought first, into a file of the worker's without a name: memory does not grow with them. The
 * piece of partition 0 also puts together what MAP rejected, for the joiner, which knows REDUCE's
 * winners alone. */
#include <unistd.h>

#include "worker/items/cut.h"
#include "worker/job/fragments.h"
#include "worker/job/phases.h"
#include "worker/job/runs.h"
#include "worker/job/shuffle.h"
#include "worker/job/sink.h"
#include "worker/job/source.h"

enum {
    REDUCE_LAST_BYTES = 16384,      /* of a run: its index and header, mostly */
    REDUCE_FEED_BYTES = 256 * 1024, /* of records made ready at once */
    REDUCE_STREAMS = 32,            /* runs read side by side: a connection and a reader's memory
                                       each */
};

enum reduce_at { REDUCE_BEFORE, REDUCE_RECORDS, REDUCE_AFTER, REDUCE_END };

/* A run that is merged as it comes. */
struct reduce_stream {
    struct fragment_object *object;
    struct s3_reader *reader; /* NULL: not begun, or over */
    size_t fed;               /* bytes of the reader's that the merge has */
};

struct reduce {
    struct job_task *task;
    struct items_options records; /* what MAP left */
    struct items_options output;
    struct fragment_objects from;
    struct items_join headers;
    struct items_run_part *parts; /* of the run that is looked at */
    struct run_piece *pieces;
    struct reduce_stream *streams; /* of each */
    size_t count;
    int brought; /* the file they were brought into; -1: none */
    uint64_t brought_bytes;
    int merged; /* the file that rounds of merging left; -1: none */

    struct run_merge merge;
    bool over; /* it has no more */
    struct buf ready;
    size_t given; /* of `ready` */
    bool any;
    struct buf last; /* key of the record before: distinct */
    bool has_last;
    struct items_around around;
    enum reduce_at at;
    struct job_sink sink;
};

static struct reduce *reduce_of(struct stream *s)
{
    return s->data;
}

static bool reduce_fail(struct reduce *r, struct slice key, const struct err *err)
{
    task_fail_store(r->task, "sorted records", key, err);
    return false;
}

/* ---- Bringing the runs ---- */

/* The index of a run out of the object's last bytes; *want: how many of them it takes. */
static enum err_code run_look(struct reduce *r,
                              struct fragment_object *o,
                              struct slice last,
                              uint64_t *want,
                              struct err *err)
{
    struct items_run_trailer trailer;
    struct slice rest;
    uint64_t index;
    size_t foot;
    enum err_code rc = sink_foot_read(last, &foot, &o->header, err);

    *want = rc == OK ? foot + RUN_TRAILER_BYTES : 0;
    if (rc != OK || *want > last.len) {
        return rc;
    }
    rest = slice_head(last, last.len - foot);
    rc = items_run_trailer_read(slice_from(rest, rest.len - RUN_TRAILER_BYTES), o->size - foot,
                                &trailer, err);
    if (rc == OK && trailer.partitions != r->task->partitions) {
        rc = err_set(err, ERR_CORRUPT, "the run has %u partitions", trailer.partitions);
    }
    index = rc == OK ? o->size - foot - RUN_TRAILER_BYTES - trailer.index_offset : 0;
    *want += index;
    if (rc != OK || *want > last.len) {
        return rc;
    }
    rest = slice_head(rest, rest.len - RUN_TRAILER_BYTES);
    rc = items_run_index_read(&trailer, slice_from(rest, rest.len - (size_t)index), r->parts, err);
    if (rc == OK) {
        o->header = arena_copy(&r->task->s->memory, o->header);
        rc = items_join_header(&r->headers, o->header, err);
    }
    return rc;
}

static enum err_code run_index(struct reduce *r, struct fragment_object *o, struct err *err)
{
    uint64_t want = REDUCE_LAST_BYTES;
    uint64_t have = 0;
    struct buf last = {0};
    enum err_code rc = OK;

    while (rc == OK && have < want) {
        struct s3_range range = {.from = o->size > want ? o->size - want : 0, .to = o->size};

        if (o->size == 0 || (have != 0 && have == o->size)) {
            rc = err_set(err, ERR_CORRUPT, "the object is too short for a run");
            break;
        }
        buf_reset(&last);
        rc = task_read_range(r->task, r->task->places.output_bucket, o->key, &range, &last, err);
        have = last.len;
        rc = rc != OK ? rc : run_look(r, o, buf_slice(&last), &want, err);
    }
    buf_fini(&last);
    return rc;
}

/* What of it is this partition's. */
static enum err_code run_find(struct reduce *r, struct fragment_object *o, struct err *err)
{
    const struct items_run_part *part = &r->parts[r->task->piece];
    enum err_code rc = run_index(r, o, err);

    if (rc == OK && part->bytes != 0) {
        r->streams[r->count] = (struct reduce_stream){.object = o};
        r->pieces[r->count++] = (struct run_piece){.fd = -1, .part = *part};
        r->task->done.records_in += part->records;
    }
    return rc;
}

/* The next bytes of run i; as run_bring. */
static enum err_code stream_bring(void *arg, size_t i, struct slice *out, struct err *err)
{
    struct reduce *r = arg;
    struct job_task *t = r->task;
    struct reduce_stream *from = &r->streams[i];
    enum err_code rc;

    s3_reader_consume(from->reader, from->fed);
    from->fed = 0;
    rc = task_peek(t, from->reader, out, err);
    if (rc == OK && out->len == 0) {
        rc = err_set(err, ERR_CORRUPT, "s3://%.*s/%.*s is shorter than it was",
                     SLICE_FMT(t->places.output_bucket), SLICE_FMT(from->object->key));
    }
    if (rc == OK) {
        from->fed = out->len;
        (void)atomic_fetch_add(&t->s->bytes_in, out->len);
    }
    return rc;
}

static enum err_code stream_open(struct reduce *r, size_t i, struct err *err)
{
    const struct items_run_part *part = &r->pieces[i].part;
    const struct s3_range range = {.from = part->offset, .to = part->offset + part->bytes};
    struct reduce_stream *from = &r->streams[i];
    enum err_code rc = s3_reader_open_range(r->task->s->client, r->task->places.output_bucket,
                                            from->object->key, &range, &from->reader, err);

    if (rc != OK) {
        from->reader = NULL;
    }
    return rc;
}

static void stream_close(struct reduce_stream *from)
{
    s3_reader_close(from->reader);
    from->reader = NULL;
}

/* One after the other into a file. */
static enum err_code bring_one(struct reduce *r, size_t i, struct err *err)
{
    struct run_piece *p = &r->pieces[i];
    uint64_t left = p->part.bytes;
    struct slice some;
    enum err_code rc = stream_open(r, i, err);

    p->fd = r->brought;
    p->at = r->brought_bytes;
    while (rc == OK && left > 0) {
        rc = stream_bring(r, i, &some, err);
        rc = rc != OK ? rc : runs_append(r->brought, some, err);
        if (rc == OK) {
            left -= some.len;
            r->brought_bytes += some.len;
        }
    }
    stream_close(&r->streams[i]);
    return rc;
}

static enum err_code bring_all(struct reduce *r, struct err *err)
{
    const char *directory = r->task->s->host->work_dir;
    enum err_code rc = runs_file(directory, &r->brought, err);

    for (size_t i = 0; rc == OK && i < r->count; i++) {
        rc = bring_one(r, i, err);
    }
    return rc != OK ? rc : runs_reduce(directory, r->pieces, &r->count, &r->merged, err);
}

static bool reduce_bring(struct reduce *r)
{
    struct job_task *t = r->task;
    struct plan_head head;
    struct err err;
    enum err_code rc = plan_read_head(t, &head, &err);

    rc = rc != OK ? rc : fragments_find(t, 'm', true, &r->from, &err);
    if (rc != OK) {
        return reduce_fail(r, t->prefix, &err);
    }
    r->output = task_output_options(t, &head.options);
    r->records = shuffle_options(t, &r->output);
    items_join_init(&r->headers, &r->records);
    r->parts = ARENA_ARRAY(&t->s->memory, t->partitions, struct items_run_part);
    r->pieces = ARENA_ARRAY(&t->s->memory, r->from.count, struct run_piece);
    r->streams = ARENA_ARRAY(&t->s->memory, r->from.count, struct reduce_stream);
    for (size_t i = 0; i < r->from.count; i++) {
        if (run_find(r, &r->from.list[i], &err) != OK) {
            return reduce_fail(r, r->from.list[i].key, &err);
        }
    }
    for (size_t i = 0; rc == OK && r->count <= REDUCE_STREAMS && i < r->count; i++) {
        rc = stream_open(r, i, &err);
    }
    if (rc == OK && r->count > REDUCE_STREAMS) {
        rc = bring_all(r, &err);
    }
    return rc == OK || reduce_fail(r, t->prefix, &err);
}

/* ---- The records in order ---- */

static bool reduce_repeats(struct reduce *r, struct slice key)
{
    bool same = r->has_last && slice_eq(buf_slice(&r->last), key);

    if (r->task->definition->shuffle.kind != JOB_SHUFFLE_DISTINCT) {
        return false;
    }
    buf_reset(&r->last);
    buf_put_slice(&r->last, key);
    r->has_last = true;
    return same;
}

/* Records, as many as are worth a write. */
static bool reduce_ready(struct reduce *r)
{
    struct items_entry e;
    struct err err;

    buf_reset(&r->ready);
    r->given = 0;
    while (!r->over && r->ready.len < REDUCE_FEED_BYTES) {
        if (run_merge_next(&r->merge, &e, &r->over, &err) != OK) {
            return reduce_fail(r, r->task->prefix, &err);
        }
        if (!r->over && !reduce_repeats(r, e.key)) {
            task_put_record(&r->records, e.record, &r->any, &r->ready);
        }
    }
    return true;
}

static bool reduce_next(struct stream *s, struct slice *out, bool *end)
{
    struct reduce *r = reduce_of(s);

    *end = false;
    *out = r->around.before;
    if (r->at == REDUCE_BEFORE && out->len == 0) {
        r->at = REDUCE_RECORDS;
    }
    if (r->at == REDUCE_RECORDS) {
        if (r->given == r->ready.len && !reduce_ready(r)) {
            return false;
        }
        *out = slice_from(buf_slice(&r->ready), r->given);
        r->at = out->len == 0 ? REDUCE_AFTER : REDUCE_RECORDS;
    }
    if (r->at == REDUCE_AFTER) {
        *out = r->around.after;
        r->at = out->len == 0 ? REDUCE_END : REDUCE_AFTER;
    }
    *end = r->at == REDUCE_END;
    return true;
}

static void reduce_taken(struct stream *s, size_t bytes)
{
    struct reduce *r = reduce_of(s);

    switch (r->at) {
    case REDUCE_BEFORE: r->around.before = slice_from(r->around.before, bytes); break;
    case REDUCE_RECORDS: r->given += bytes; break;
    case REDUCE_AFTER: r->around.after = slice_from(r->around.after, bytes); break;
    case REDUCE_END: break;
    }
}

/* ---- Into the fragment ---- */

static bool reduce_room(struct stream *s, char **where, size_t *room)
{
    return sink_room(&reduce_of(s)->sink, where, room);
}

static void reduce_put(struct stream *s, size_t bytes)
{
    (void)sink_put(&reduce_of(s)->sink, bytes);
}

static void reduce_put_all(struct stream *s)
{
    (void)sink_end(&reduce_of(s)->sink);
}

static void reduce_look(struct stream *s)
{
    struct reduce *r = reduce_of(s);

    s->sent = sink_look(&r->sink) && r->sink.done;
}

static const struct stream_ends reduce_ends = {
    .next = reduce_next,
    .taken = reduce_taken,
    .room = reduce_room,
    .put = reduce_put,
    .put_all = reduce_put_all,
    .look = reduce_look,
};

/* What a handler that changes nothing would do; *end: all was put. False: wait. */
static bool reduce_step(struct reduce *r, bool *end)
{
    struct stream *s = r->task->s;
    struct slice some;
    char *where;
    size_t room;

    if (!sink_room(&r->sink, &where, &room) || room == 0 || !reduce_next(s, &some, end)) {
        return false;
    }
    if (*end) {
        return sink_end(&r->sink);
    }
    some = slice_head(some, room);
    memcpy(where, some.ptr, some.len);
    (void)atomic_fetch_add(&s->bytes_out, some.len);
    reduce_taken(s, some.len);
    return sink_put(&r->sink, some.len);
}

static void reduce_alone(struct reduce *r)
{
    struct stream *s = r->task->s;
    bool end = false;
    struct err err;

    while (!stream_given_up(s) && !r->sink.done) {
        stream_hear(s);
        if (!end && reduce_step(r, &end)) {
            continue;
        }
        if (end && !sink_look(&r->sink)) {
            return;
        }
        if (!r->sink.done && !stream_given_up(s) && !stream_wait(s, &err)) {
            (void)reduce_fail(r, r->sink.key, &err);
        }
    }
}

static void reduce_do(struct reduce *r)
{
    struct job_task *t = r->task;

    r->around = items_around(&r->records, items_join_prefix(&r->headers));
    sink_open(&r->sink, t, &r->output, 'r');
    t->s->recorded = true; /* nobody else's affair */
    run_merge_open(&r->merge, r->pieces, r->count, r->brought >= 0 ? NULL : stream_bring, r);
    if (t->definition->shuffle.handler.len != 0) {
        stream_handle(t->s, &reduce_ends);
    } else {
        reduce_alone(r);
    }
    if (task_take_counters(t)) {
        t->done.records_out = sink_records(&r->sink);
        task_succeed(t);
    }
}

/* ---- What MAP rejected ---- */

static bool reduce_rejected(struct reduce *r)
{
    struct job_task *t = r->task;
    struct slice key = task_own_key(t, 'q');
    struct fragment_objects from;
    struct err err;
    enum err_code rc;

    if (t->piece != 0 || t->definition->bad_records.policy != JOB_BAD_RECORDS_REJECT) {
        return true;
    }
    rc = fragments_find(t, 'j', false, &from, &err);
    if (rc == OK && from.bytes != 0) {
        rc = fragments_put(t, &from, key, SLICE(""), &err);
    }
    return rc == OK || reduce_fail(r, key, &err);
}

void job_reduce(struct job_task *t)
{
    struct reduce r = {.task = t, .brought = -1, .merged = -1};

    t->s->data = &r;
    if (t->piece >= t->partitions) {
        stream_fail(t->s, JOB_PIECE_INVALID, "there is no partition %u", t->piece);
        return;
    }
    if ((t->definition->shuffle.handler.len == 0 || task_is_stream(t)) && reduce_bring(&r) &&
        reduce_rejected(&r)) {
        if (r.count != 0) {
            reduce_do(&r);
        } else if (sink_nothing(t, &r.output, 'r')) {
            task_succeed(t);
        }
    }
    run_merge_close(&r.merge);
    for (size_t i = 0; r.brought < 0 && i < r.count; i++) {
        stream_close(&r.streams[i]);
    }
    sink_close(&r.sink);
    items_join_fini(&r.headers);
    buf_fini(&r.ready);
    buf_fini(&r.last);
    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? r.brought : r.merged;

        if (fd >= 0) {
            (void)close(fd);
        }
    }
}
