/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job/task.h"

#include <assert.h>

#include "proto/base/json.h"
#include "proto/base/limits.h"
#include "proto/wire.h"
#include "worker/handler/result.h"
#include "worker/items/cut.h"

/* ---- The lease ---- */

static struct token token_of(const Stepfleet__Token *t)
{
    return t != NULL ? (struct token){t->epoch, t->counter} : (struct token){0, 0};
}

/* Of the phase before: JOIN's is REDUCE where there is one. */
static bool read_winners(struct job_task *t, struct slice bytes)
{
    bool reduced = t->phase == JOB_JOIN && t->partitions != 0 && t->shards != 0;

    if (t->phase != JOB_REDUCE && t->phase != JOB_JOIN) {
        return true;
    }
    t->winner_count = reduced ? t->partitions : t->shards;
    t->winners = ARENA_ARRAY(&t->s->memory, t->winner_count, struct token);
    return job_winners_decode(bytes, t->winners, t->winner_count);
}

static enum err_code
read_places(struct job_task *t, struct slice text, struct arena *a, struct err *err)
{
    const struct json_node *object;
    struct job_arguments arguments;
    enum err_code rc = json_parse(text, a, &object, err);

    rc = rc != OK ? rc : job_arguments_read(object, a, &arguments, err);
    return rc != OK ? rc : job_places_find(&arguments, &t->places, err);
}

static enum err_code task_unpack(struct job_task *t, struct err *err)
{
    const struct lease_grant *g = &t->s->lease->grant;
    struct arena *a = &t->s->memory;
    const Stepfleet__JobPiece *m =
        message_unpack(&stepfleet__job_piece__descriptor, g->piece, a, err);
    enum err_code rc;

    if (m == NULL) {
        return err->code;
    }
    t->phase = (enum job_phase)m->phase;
    t->piece = m->piece;
    t->shards = m->shards;
    t->partitions = m->partitions;
    t->slots = m->slots;
    t->run = message_slice(m->run);
    t->self = (struct token){g->token.epoch, g->token.counter};
    t->plan = token_of(m->plan);
    if (m->phase >= JOB_OVER || t->shards > LIMIT_JOB_PIECES ||
        t->partitions > LIMIT_JOB_PARTITIONS || !job_run_id_is(t->run)) {
        return err_set(err, ERR_MESSAGE, "phase %u of run %.*s", m->phase,
                       SLICE_FMT(slice_head(t->run, 100)));
    }
    if (!read_winners(t, message_slice(m->winners))) {
        return err_set(err, ERR_MESSAGE, "the winners of the phase before cannot be read");
    }
    rc = job_definition_parse(message_slice(m->definition), a, &t->definition, err);
    rc = rc != OK ? rc : read_places(t, message_slice(m->arguments), a, err);
    if (rc == OK) {
        t->prefix = job_temporary_prefix(t->places.output_key, t->run, a);
    }
    return rc;
}

bool task_read(struct job_task *t, struct stream *s)
{
    struct err err;

    *t = (struct job_task){.s = s};
    if (task_unpack(t, &err) != OK) {
        stream_fail(s, JOB_PIECE_INVALID, "%s", err.msg);
        return false;
    }
    return true;
}

struct slice task_key(struct job_task *t, char kind, uint32_t piece, struct token token)
{
    struct arena *a = &t->s->memory;

    return arena_printf(a, "%.*s%.*s", SLICE_FMT(t->prefix),
                        SLICE_FMT(job_temporary_name(kind, piece, token, a)));
}

struct slice task_own_key(struct job_task *t, char kind)
{
    return task_key(t, kind, t->piece, t->self);
}

struct slice task_rejected_key(struct job_task *t)
{
    return job_rejected_key(t->places.output_key, &t->s->memory);
}

bool task_is_stream(struct job_task *t)
{
    const struct handler_function *f = handler_function(t->s->lease);

    if (f->kind != HANDLER_STREAM) {
        stream_fail(t->s, "Runtime.InvalidEntrypoint",
                    "function %s is no stream handler, as a job's must be", f->name);
    }
    return f->kind == HANDLER_STREAM;
}

/* ---- How it ends ---- */

void task_fail_input(struct job_task *t, struct slice key, const struct err *err)
{
    const char *name = JOB_STORE_FAILED;

    if (err->code == ERR_NOT_FOUND) {
        name = JOB_INPUT_MISSING;
    } else if (err->code == ERR_PRECONDITION) {
        name = JOB_INPUT_CHANGED;
    } else if (err->code == ERR_JSON || err->code == ERR_VALIDATION || err->code == ERR_TOO_LARGE) {
        name = JOB_INPUT_INVALID;
    }
    stream_fail(t->s, name, "input s3://%.*s/%.*s: %s", SLICE_FMT(t->places.input_bucket),
                SLICE_FMT(key), err->msg);
}

void task_fail_store(struct job_task *t, const char *what, struct slice key, const struct err *err)
{
    bool refused = err->code == ERR_DENIED || err->code == ERR_VALIDATION;

    stream_fail(t->s, refused ? JOB_OUTPUT_REFUSED : JOB_STORE_FAILED, "%s s3://%.*s/%.*s: %s",
                what, SLICE_FMT(t->places.output_bucket), SLICE_FMT(key), err->msg);
}

void task_succeed(struct job_task *t)
{
    struct lease_piece_result *done;

    if (stream_given_up(t->s)) {
        return;
    }
    done = ARENA_NEW(&t->s->memory, struct lease_piece_result);
    *done = t->done;
    t->s->result.piece = done;
    t->s->result.result = SLICE("{}");
}

static size_t
counters_read(struct job_task *t, const struct json_node *object, struct lease_counter *out)
{
    size_t n = 0;

    for (const struct json_node *e = json_first(object); e != NULL && n < LIMIT_JOB_COUNTERS;
         e = json_next(object, e)) {
        struct slice name = json_key(object, e);
        int64_t value;

        if (json_i64(e, &value) && value >= 0 && name.len != 0 &&
            name.len <= LIMIT_JOB_COUNTER_BYTES) {
            out[n++] = (struct lease_counter){arena_copy(&t->s->memory, name), (uint64_t)value};
        }
    }
    return n;
}

bool task_take_counters(struct job_task *t)
{
    struct stream *s = t->s;
    struct handler_end end = {
        .command = handler_function(s->lease)->command,
        .text = buf_slice(&s->text),
    };
    struct lease_counter *counters;
    const struct json_node *said;
    struct lease_result r;
    struct err err;

    if (stream_given_up(s)) {
        return false;
    }
    if (s->text.len == 0) {
        return true;
    }
    result_judge(&end, &s->memory, &r);
    if (r.failed || json_parse(r.result, &s->memory, &said, &err) != OK) {
        s->result = r;
        s->failed = true;
        return false;
    }
    said = json_is(said, JSON_OBJECT) ? json_member(said, SLICE("counters")) : NULL;
    if (json_is(said, JSON_OBJECT)) {
        counters = ARENA_ARRAY(&s->memory, LIMIT_JOB_COUNTERS, struct lease_counter);
        t->done.counter_count = counters_read(t, said, counters);
        t->done.counters = counters;
    }
    return true;
}

/* ---- The store ---- */

static enum err_code task_wait(struct job_task *t, struct err *err)
{
    if (!stream_wait(t->s, err)) {
        return err->code;
    }
    return stream_given_up(t->s) ? err_set(err, ERR_CANCELLED, "the piece is to be ended") : OK;
}

enum err_code task_peek(struct job_task *t, struct s3_reader *r, struct slice *out, struct err *err)
{
    bool end = false;
    enum err_code rc = OK;

    for (;;) {
        rc = s3_reader_peek(r, out, &end, err);
        if (rc != OK || end || out->len != 0) {
            return rc;
        }
        rc = task_wait(t, err);
        if (rc != OK) {
            return rc;
        }
    }
}

enum err_code task_read_range(struct job_task *t,
                              struct slice bucket,
                              struct slice key,
                              const struct s3_range *range,
                              struct buf *out,
                              struct err *err)
{
    struct s3_reader *r = NULL;
    struct slice some;
    enum err_code rc = s3_reader_open_range(t->s->client, bucket, key, range, &r, err);

    while (rc == OK) {
        rc = task_peek(t, r, &some, err);
        if (rc != OK || some.len == 0) {
            break;
        }
        buf_put_slice(out, some);
        s3_reader_consume(r, some.len);
    }
    s3_reader_close(r);
    return rc;
}

enum err_code
task_write(struct job_task *t, struct s3_writer *w, struct slice bytes, struct err *err)
{
    enum err_code rc = OK;
    char *where;
    size_t room;

    while (bytes.len != 0 && rc == OK) {
        rc = s3_writer_reserve(w, &where, &room, err);
        if (rc != OK) {
            return rc;
        }
        if (room == 0) {
            rc = task_wait(t, err);
            continue;
        }
        room = room < bytes.len ? room : bytes.len;
        memcpy(where, bytes.ptr, room);
        s3_writer_commit(w, room);
        bytes = slice_from(bytes, room);
    }
    return rc;
}

enum err_code task_complete(struct job_task *t,
                            struct s3_writer *w,
                            struct slice bucket,
                            struct slice key,
                            struct slice mark,
                            struct err *err)
{
    const struct s3_part *parts;
    struct s3_object object;
    size_t count;
    bool done;
    enum err_code rc = s3_writer_done(w, &done, &parts, &count, err);

    while (rc == OK && !done) {
        rc = task_wait(t, err);
        rc = rc != OK ? rc : s3_writer_done(w, &done, &parts, &count, err);
    }
    return rc != OK ? rc
                    : s3_complete(t->s->client, bucket, key, s3_writer_upload_id(w), mark, parts,
                                  count, &object, err);
}

/* ---- Formats ---- */

void task_put_record(const struct items_options *o, struct slice record, bool *any, struct buf *out)
{
    struct slice separator = items_separator(o);

    if (o->format == ITEMS_JSON && *any) {
        buf_put_slice(out, separator);
    }
    buf_put_slice(out, record);
    if (o->format != ITEMS_JSON) {
        buf_put_slice(out, separator);
    }
    *any = true;
}

static enum items_format items_format_of(enum job_format f)
{
    switch (f) {
    case JOB_FORMAT_AUTO: return ITEMS_AUTO;
    case JOB_FORMAT_LINES: return ITEMS_LINES;
    case JOB_FORMAT_JSONL: return ITEMS_JSONL;
    case JOB_FORMAT_CSV: return ITEMS_CSV;
    case JOB_FORMAT_JSON: return ITEMS_JSON;
    case JOB_FORMAT_WHOLE: return ITEMS_WHOLE;
    }
    return ITEMS_AUTO;
}

struct items_options task_input_options(const struct job_task *t)
{
    const struct job_input_settings *in = &t->definition->input;
    bool own = in->format == JOB_FORMAT_AUTO && in->delimiter == ','; /* a .tsv has tabs */

    return (struct items_options){
        .format = items_format_of(in->format),
        .delimiter = own ? '\0' : in->delimiter,
        .header = in->header,
        .quoted_breaks = in->quoted_line_breaks,
    };
}

struct items_options task_output_options(const struct job_task *t,
                                         const struct items_options *input)
{
    struct items_options o = *input;

    if (t->definition->output_format != JOB_FORMAT_AUTO) {
        o.format = items_format_of(t->definition->output_format);
    }
    return o;
}
