/* SPDX-License-Identifier: Apache-2.0 */
/* MAP: a shard's records on the handler's stdin, with what its format wants around them, its stdout
 * as a fragment in the piece's own temporary object, or, for a shuffle, as sorted runs. A shard
 * without records begins no handler, and a shuffle may have none: then its records are the shard's.
 *
 * Records go to the handler unlooked at, unless bad ones are to be rejected. Where it fails, the
 * shard is read once more to see whether a bad record is why: that has a place, and trying again
 * would be in vain. */
#include "proto/base/json.h"
#include "worker/job/filter.h"
#include "worker/job/phases.h"
#include "worker/job/shuffle.h"
#include "worker/job/sink.h"

enum map_at { MAP_BEFORE, MAP_RECORDS, MAP_AFTER, MAP_END };

struct map {
    struct job_task *task;
    struct job_source source;
    struct job_filter filter; /* where bad records are looked for */
    struct job_rejects rejects;
    bool filters; /* all records are looked at before the handler has them */
    bool rejecting;
    bool shuffles;
    struct job_sink sink;
    struct shuffle shuffle;
    struct items_around around;
    enum map_at at;
};

static struct map *map_of(struct stream *s)
{
    return s->data;
}

/* ---- Input ---- */

static bool map_records(struct map *m, struct slice *out, bool *end)
{
    return m->filters ? filter_next(&m->filter, out, end) : source_next(&m->source, out, end);
}

static bool map_next(struct stream *s, struct slice *out, bool *end)
{
    struct map *m = map_of(s);
    bool over = false;

    *end = false;
    *out = m->around.before;
    if (m->at == MAP_BEFORE && out->len == 0) {
        m->at = MAP_RECORDS;
    }
    if (m->at == MAP_RECORDS) {
        if (!map_records(m, out, &over)) {
            return false;
        }
        m->at = over ? MAP_AFTER : MAP_RECORDS;
    }
    if (m->at == MAP_AFTER) {
        *out = m->around.after;
        m->at = out->len == 0 ? MAP_END : MAP_AFTER;
    }
    *end = m->at == MAP_END;
    return true;
}

static void map_taken(struct stream *s, size_t bytes)
{
    struct map *m = map_of(s);

    switch (m->at) {
    case MAP_BEFORE: m->around.before = slice_from(m->around.before, bytes); break;
    case MAP_RECORDS:
        if (m->filters) {
            filter_taken(&m->filter, bytes);
        } else {
            source_taken(&m->source, bytes);
        }
        break;
    case MAP_AFTER: m->around.after = slice_from(m->around.after, bytes); break;
    case MAP_END: break;
    }
}

/* ---- Output ---- */

static bool map_room(struct stream *s, char **where, size_t *room)
{
    struct map *m = map_of(s);

    if (m->shuffles) {
        shuffle_room(&m->shuffle, where, room);
        return true;
    }
    return sink_room(&m->sink, where, room);
}

static void map_put(struct stream *s, size_t bytes)
{
    struct map *m = map_of(s);

    (void)(m->shuffles ? shuffle_put(&m->shuffle, bytes) : sink_put(&m->sink, bytes));
}

static void map_put_all(struct stream *s)
{
    struct map *m = map_of(s);

    (void)(m->shuffles ? shuffle_end(&m->shuffle) : sink_end(&m->sink));
}

/* What is shuffled goes to the store when the handler has ended well. */
static void map_look(struct stream *s)
{
    struct map *m = map_of(s);

    s->sent = m->shuffles || (sink_look(&m->sink) && m->sink.done);
}

static const struct stream_ends map_ends = {
    .next = map_next,
    .taken = map_taken,
    .room = map_room,
    .put = map_put,
    .put_all = map_put_all,
    .look = map_look,
};

/* ---- Without a handler ---- */

enum { MAP_ALONE_BYTES = 256 * 1024 }; /* between two looks at what the loop says */

/* What is there of the shard goes into the shuffle; *end: that was all. False: failed. */
static bool map_step(struct map *m, bool *end)
{
    struct stream *s = m->task->s;
    struct slice some;
    struct err err;

    if (!map_next(s, &some, end)) {
        return false;
    }
    if (*end) {
        return shuffle_end(&m->shuffle);
    }
    if (some.len == 0) {
        if (!stream_wait(s, &err)) {
            task_fail_input(m->task, m->source.object.key, &err);
        }
        return !stream_given_up(s);
    }
    some = slice_head(some, MAP_ALONE_BYTES);
    if (!shuffle_put_slice(&m->shuffle, some)) {
        return false;
    }
    (void)atomic_fetch_add(&s->bytes_out, some.len);
    map_taken(s, some.len);
    return true;
}

/* What a handler that changes nothing would do. */
static void map_alone(struct map *m)
{
    struct stream *s = m->task->s;
    bool end = false;

    while (!end && !stream_given_up(s) && map_step(m, &end)) {
        stream_hear(s);
    }
}

/* ---- Why the handler failed ---- */

/* Not what is our failure, or its time that was over. */
static bool is_handlers_own(const struct stream *s)
{
    struct slice error = s->result.error;

    return s->failed && s->ended && !s->stopping && !s->result.timed_out &&
           !slice_starts_with(error, SLICE("Job.")) &&
           !slice_eq_str(error, "Lambda.ServiceException") &&
           !slice_eq_str(error, "Sandbox.Timedout");
}

/* To the first bad record, which fails the task, or to the end. */
static void map_look_for_bad(struct job_task *t)
{
    struct job_source source;
    struct job_filter filter = {.source = NULL};
    struct slice some;
    struct err err;
    bool any = false;
    bool end = false;
    bool well = source_open(&source, t, t->piece) && source_await(&source, &any) && any &&
                filter_open(&filter, &source, NULL);

    while (well && !end && !stream_given_up(t->s)) {
        well = filter_next(&filter, &some, &end);
        filter_taken(&filter, some.len);
        well = well && (end || some.len != 0 || stream_wait(t->s, &err));
    }
    filter_close(&filter);
    source_close(&source);
}

/* The bad record instead of the handler's own words, which come behind it. */
static void map_explain(struct map *m)
{
    struct stream *s = m->task->s;
    struct lease_result own = s->result;
    struct json_builder b = json_build_object(&s->memory);
    const struct json_node *found;
    struct err err;

    if (m->filters || m->source.head.options.format == ITEMS_WHOLE || !is_handlers_own(s)) {
        return;
    }
    s->failed = false;
    map_look_for_bad(m->task);
    if (!s->failed || !slice_eq_str(s->result.error, JOB_BAD_RECORD) ||
        json_parse(s->result.cause, &s->memory, &found, &err) != OK) {
        s->result = own;
    } else {
        json_put(&b, SLICE("errorType"), json_member(found, SLICE("errorType")));
        json_put(&b, SLICE("errorMessage"), json_member(found, SLICE("errorMessage")));
        json_put(&b, SLICE("handler"), json_string(&s->memory, own.cause));
        s->result.cause = json_print(json_built(&b), &s->memory);
    }
    s->failed = true;
}

/* ---- The whole ---- */

static bool map_open_output(struct map *m, const struct items_options *output)
{
    struct job_rejects *rejects = m->rejecting ? &m->rejects : NULL;

    if (m->shuffles) {
        return shuffle_open(&m->shuffle, m->task, &m->source.head, output, m->source.object.key,
                            rejects);
    }
    sink_open(&m->sink, m->task, output, 'm');
    return true;
}

static bool map_finish(struct map *m)
{
    if (!task_take_counters(m->task)) {
        return false;
    }
    if (!m->shuffles) {
        m->task->done.records_out = sink_records(&m->sink);
    }
    return (!m->shuffles || shuffle_finish(&m->shuffle)) &&
           (!m->rejecting || rejects_finish(&m->rejects));
}

/* The handler, and all that it wrote in its place. */
static void map_handle(struct map *m, const struct items_options *output)
{
    struct job_task *t = m->task;
    enum job_bad_records policy = t->definition->bad_records.policy;

    m->around = items_around(&m->source.head.options, source_header(&m->source));
    m->filters = policy != JOB_BAD_RECORDS_HANDLER && m->source.head.options.format != ITEMS_WHOLE;
    m->rejecting = m->filters && policy == JOB_BAD_RECORDS_REJECT;
    rejects_open(&m->rejects, t);
    if ((m->filters && !filter_open(&m->filter, &m->source, m->rejecting ? &m->rejects : NULL)) ||
        !map_open_output(m, output)) {
        return;
    }
    t->s->recorded = true; /* nobody else's affair */
    if (t->definition->handler.len != 0) {
        stream_handle(t->s, &map_ends);
        map_explain(m);
    } else {
        map_alone(m);
    }
    if (map_finish(m)) {
        task_succeed(t);
    }
}

/* A shard without records. */
static bool map_nothing(struct map *m, const struct items_options *output)
{
    return m->shuffles ? map_open_output(m, output) && shuffle_finish(&m->shuffle)
                       : sink_nothing(m->task, output, 'm');
}

void job_map(struct job_task *t)
{
    struct map m = {.task = t, .shuffles = t->definition->shuffle.kind != JOB_SHUFFLE_NONE};
    struct items_options output;
    bool any;

    t->s->data = &m;
    if (t->definition->handler.len != 0 && !task_is_stream(t)) {
        return;
    }
    if (source_open(&m.source, t, t->piece) && source_await(&m.source, &any)) {
        output = task_output_options(t, &m.source.head.options);
        if (any) {
            map_handle(&m, &output);
        } else if (map_nothing(&m, &output)) {
            task_succeed(t);
        }
    }
    filter_close(&m.filter);
    rejects_close(&m.rejects);
    shuffle_close(&m.shuffle);
    sink_close(&m.sink);
    source_close(&m.source);
}
