/* SPDX-License-Identifier: Apache-2.0 */
/* A state's stage as a stream: store -> handler -> store, in constant memory.
 *
 *   1. the places, from the event; the input is opened and its first bytes awaited (a handler is
 * not begun for an input that is not there); the upload is begun
 *   2. the handler runs while the coordinator records the upload (stream_pump.c)
 *   3. the parts are the result */
#include "client/otlp/otlp.h"
#include "proto/base/json.h"
#include "proto/host/clock.h"
#include "proto/stage.h"
#include "worker/handler/invocation.h"
#include "worker/handler/result.h"
#include "worker/handler/stream.h"

struct stage {
    struct stage_places places;
    struct slice name;    /* currentStage */
    struct slice initial; /* what is left of initialData */
    struct s3_reader *reader;
    /* Wall clock; 0: not yet. */
    int64_t input_ms;
    int64_t input_end_ms;
    int64_t output_ms;
    int64_t output_end_ms;
};

static struct stage *stage_of(struct stream *s)
{
    return s->data;
}

/* Only of the input is it the workflow's affair that there is none. */
static void fail_input(struct stream *s, const struct err *err)
{
    const struct stage_places *p = &stage_of(s)->places;

    stream_fail(s, err->code == ERR_NOT_FOUND ? "S3.NoSuchKeyException" : "S3.S3Exception",
                "input object s3://%.*s/%.*s: %s", SLICE_FMT(p->bucket), SLICE_FMT(p->input_key),
                err->msg);
}

static void fail_output(struct stream *s, const struct err *err)
{
    const struct stage_places *p = &stage_of(s)->places;

    stream_fail(s, "S3.S3Exception", "output object s3://%.*s/%.*s: %s", SLICE_FMT(p->bucket),
                SLICE_FMT(p->output_key), err->msg);
}

/* ---- 1. Places, input, upload ---- */

static bool find_places(struct stream *s)
{
    struct stage *g = stage_of(s);
    const struct json_node *event;
    struct err err;
    enum err_code rc = json_parse(s->lease->grant.payload, &s->memory, &event, &err);

    if (rc == OK) {
        rc = stage_find_places(event, &s->memory, &g->places, &err);
    }
    if (rc != OK) {
        stream_fail(s, "States.TaskFailed", "%s", err.msg);
        return false;
    }
    g->name = json_text(json_member(event, SLICE("currentStage")));
    if (g->places.input_key.len == 0 && g->places.initial != NULL) {
        g->initial = json_print(g->places.initial, &s->memory);
    }
    return true;
}

/* Opens the input and waits for its first bytes, so that one that is not there is found out now. */
static bool open_input(struct stream *s)
{
    struct stage *g = stage_of(s);
    struct slice got = {0};
    bool end = false;
    struct err err;
    enum err_code rc;

    if (g->places.input_key.len == 0) {
        return true;
    }
    g->input_ms = clock_wall_ms();
    rc = s3_reader_open(s->client, g->places.bucket, g->places.input_key, &g->reader, &err);
    while (rc == OK && !stream_given_up(s)) {
        rc = s3_reader_peek(g->reader, &got, &end, &err);
        if (rc != OK || got.len > 0 || end) {
            break;
        }
        rc = stream_wait(s, &err) ? OK : err.code;
    }
    if (rc != OK) {
        fail_input(s, &err);
    }
    return !stream_given_up(s);
}

static bool open_output(struct stream *s)
{
    const struct stage_places *p = &stage_of(s)->places;
    const struct handler_upload to = {
        .bucket = p->bucket,
        .key = p->output_key,
        .mark = result_mark(&s->lease->grant, &s->memory),
    };
    struct err err;

    stage_of(s)->output_ms = clock_wall_ms();
    if (stream_upload(s, &to, SLICE("application/json"), &err) != OK) {
        fail_output(s, &err);
        return false;
    }
    return true;
}

/* ---- 2. The ends of the pump ---- */

static bool stage_next(struct stream *s, struct slice *out, bool *end)
{
    struct stage *g = stage_of(s);
    struct err err;

    *end = false;
    if (g->reader == NULL) {
        *out = g->initial;
        *end = g->initial.len == 0;
        return true;
    }
    if (s3_reader_peek(g->reader, out, end, &err) != OK) {
        fail_input(s, &err);
        return false;
    }
    if (*end && g->input_end_ms == 0) {
        g->input_end_ms = clock_wall_ms();
    }
    return true;
}

static void stage_taken(struct stream *s, size_t bytes)
{
    struct stage *g = stage_of(s);

    if (g->reader != NULL) {
        s3_reader_consume(g->reader, bytes);
    } else {
        g->initial = slice_from(g->initial, bytes);
    }
    (void)atomic_fetch_add(&s->bytes_in, bytes);
}

static bool stage_room(struct stream *s, char **where, size_t *room)
{
    struct err err;

    if (s3_writer_reserve(s->writer, where, room, &err) != OK) {
        fail_output(s, &err);
        return false;
    }
    return true;
}

static void stage_put(struct stream *s, size_t bytes)
{
    s3_writer_commit(s->writer, bytes);
}

static void stage_put_all(struct stream *s)
{
    s3_writer_end(s->writer);
}

static void stage_look(struct stream *s)
{
    struct err err;

    if (stream_look(s, &err) != OK) {
        fail_output(s, &err);
    }
    if (s->sent) {
        stage_of(s)->output_end_ms = clock_wall_ms();
    }
}

static const struct stream_ends stage_ends = {
    .next = stage_next,
    .taken = stage_taken,
    .room = stage_room,
    .put = stage_put,
    .put_all = stage_put_all,
    .look = stage_look,
};

/* ---- 3. The result ---- */

/* The handler's own words, or ours. */
static void succeed(struct stream *s)
{
    struct slice stage = stage_of(s)->name.len != 0 ? stage_of(s)->name : s->lease->grant.state;
    struct buf text = {0};

    if (s->text.len != 0) {
        struct handler_end end = {
            .command = handler_function(s->lease)->command,
            .text = buf_slice(&s->text),
        };
        struct lease_result r;

        result_judge(&end, &s->memory, &r);
        r.parts = s->result.parts;
        r.part_count = s->result.part_count;
        s->result = r;
        s->failed = r.failed;
    } else {
        buf_put_str(&text, "{\"status\":\"SUCCESS\",\"stage\":");
        json_write_string(stage, &text);
        buf_printf(&text, ",\"bytesIn\":%llu,\"bytesOut\":%llu}",
                   (unsigned long long)atomic_load(&s->bytes_in),
                   (unsigned long long)atomic_load(&s->bytes_out));
        s->result.result = arena_copy(&s->memory, buf_slice(&text));
        buf_fini(&text);
    }
    s->result.has_output = !s->failed;
    if (s->lease->grant.log_tail && !s->failed) {
        s->result.log = invocation_log(s->lease, &s->exit, &s->run.tail, &s->memory);
    }
}

/* ---- 4. What a trace is told ---- */

static void tell_transfer(struct stream *s,
                          struct slice name,
                          struct slice key,
                          int64_t from_ms,
                          int64_t to_ms,
                          uint64_t bytes)
{
    struct otlp_span span = {
        .id = clock_random_u64() | 1,
        .kind = OTLP_CLIENT,
        .name = name,
        .start_us = from_ms * 1000,
        .end_us = (to_ms != 0 ? to_ms : clock_wall_ms()) * 1000,
        .failed = to_ms == 0,
    };

    if (from_ms != 0 && trace_parse_xray(s->lease->grant.trace, &span.trace)) {
        otlp_span_text(&span, "stepfleet.bucket", stage_of(s)->places.bucket);
        otlp_span_text(&span, "stepfleet.key", key);
        otlp_span_number(&span, "stepfleet.bytes", (int64_t)bytes);
        otlp_put(s->host->otlp, &span);
    }
}

static void tell_transfers(struct stream *s)
{
    const struct stage *g = stage_of(s);

    if (s->host->otlp != NULL && s->lease->grant.trace.len != 0) {
        tell_transfer(s, SLICE("store GET"), g->places.input_key, g->input_ms, g->input_end_ms,
                      atomic_load(&s->bytes_in));
        tell_transfer(s, SLICE("store PUT"), g->places.output_key, g->output_ms, g->output_end_ms,
                      atomic_load(&s->bytes_out));
    }
}

static void stage_run(struct stream *s)
{
    struct stage g = {0};

    s->data = &g;
    if (find_places(s) && open_input(s) && open_output(s)) {
        stream_handle(s, &stage_ends);
        if (!stream_given_up(s)) {
            succeed(s);
        }
    }
    tell_transfers(s);
    s3_reader_close(g.reader);
}

static bool
stage_start(struct handler_host *h, struct lease *l, struct lease_result *r, struct arena *memory)
{
    return stream_start(h, l, stage_run, r, memory);
}

const struct handler_ops handler_stream = {
    .name = "stream",
    .start = stage_start,
    .stop = stream_stop,
    .progress = stream_progress,
    .upload_recorded = stream_upload_recorded,
};
