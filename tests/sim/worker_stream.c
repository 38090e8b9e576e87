/* SPDX-License-Identifier: Apache-2.0 */
/* A handler that writes an object, as worker/handler/stream_pump.c runs one:
 *
 *   places and input --> upload begun --> told, process spawned --+-- recorded --+--> bytes put -->
 * end
 *                                                                 '-- it ends ---'
 *
 * It ends for a stop or a failure at any point: what was begun and is not known to be recorded is
 * aborted first. A begin, once asked for, is waited for; bytes under way are not. */
#include "proto/stage.h"
#include "tests/sim/worker.h"
#include "worker/handler/result.h"

enum {
    STREAM_OPEN_US = 20 * SIM_MS, /* at most, until the input's first bytes are there */
    STREAM_KILL_US = 5 * SIM_MS,
};

struct sim_output {
    struct list link;      /* in sim_worker.streams */
    struct sim_task *task; /* NULL: it did not wait for the store */
    bool busy;             /* the store has yet to answer */
    bool recorded;         /* the coordinator knows the upload */
    bool ended;            /* the process has */
    bool finishing;
    struct stage_places places;
    struct handler_upload upload; /* upload_id.ptr NULL: not begun */
    struct s3_part part;
    uint64_t bytes_in;
    uint64_t bytes_out;
};

static void stream_free(struct sim_output *st)
{
    list_remove(&st->link);
    mem_free(st);
}

static void stream_end(struct sim_task *t)
{
    struct sim_output *st = t->stream;

    st->task = NULL;
    if (!st->busy) {
        stream_free(st);
    }
    t->stream = NULL;
    sim_task_end(t);
}

static const char *text_of(struct sim_task *t, struct slice s)
{
    return arena_str(&t->memory, s);
}

static void fail_output(struct sim_task *t, const char *why)
{
    const struct stage_places *p = &t->stream->places;

    sim_task_fail(t, "S3.S3Exception", "output object s3://%.*s/%.*s: %s", SLICE_FMT(p->bucket),
                  SLICE_FMT(p->output_key), why);
}

/* ---- the end ---- */

static void stream_aborted(struct sim *s, void *arg, enum err_code rc)
{
    struct sim_output *st = arg;
    struct sim_worker *k = st->task->worker;

    (void)s;
    (void)rc; /* the sweeper's, then */
    worker_enter(k);
    st->busy = false;
    stream_end(st->task);
    worker_exit(k);
}

void stream_finish(struct sim_task *t)
{
    struct sim_output *st = t->stream;

    if (st->finishing) {
        return;
    }
    st->finishing = true;
    t->deadline_us = INT64_MAX;
    sim_task_fail(t, "Lambda.ServiceException", "%s was ended by its worker",
                  handler_function(t->lease)->command);
    if (st->upload.upload_id.ptr == NULL || st->recorded) {
        stream_end(t);
        return;
    }
    st->busy = true;
    objects_abort(t->worker->sim, t->worker->node, text_of(t, st->upload.upload_id), stream_aborted,
                  st);
}

void stream_stop(struct sim_task *t, int64_t us)
{
    const struct sim_output *st = t->stream;

    if (!st->finishing && !(st->busy && st->upload.upload_id.ptr == NULL)) {
        sim_task_after(t, us, stream_finish);
    }
}

/* ---- bytes ---- */

static void stream_succeed(struct sim_task *t)
{
    struct sim_output *st = t->stream;
    struct s3_part *part = ARENA_NEW(&t->memory, struct s3_part);

    *part = (struct s3_part){.number = 1, .bytes = t->deed.bytes.len};
    objects_etag(t->deed.bytes, part->etag);
    t->result = (struct lease_result){
        .result = t->deed.result,
        .has_output = true,
        .parts = part,
        .part_count = 1,
        .bytes_in = st->bytes_in,
        .bytes_out = st->bytes_out,
    };
    stream_end(t);
}

static void stream_put(struct sim *s, void *arg, enum err_code rc)
{
    struct sim_output *st = arg;
    struct sim_task *t = st->task;
    struct sim_worker *k;

    (void)s;
    st->busy = false;
    if (t == NULL) {
        stream_free(st);
        return;
    }
    if (t->stopping) {
        return; /* its end is on its way */
    }
    k = t->worker;
    worker_enter(k);
    if (rc == OK) {
        st->bytes_out = t->deed.bytes.len;
        stream_succeed(t);
    } else {
        fail_output(t, err_sentence(rc));
        stream_finish(t);
    }
    worker_exit(k);
}

static void stream_goes_on(struct sim_task *t)
{
    struct sim_output *st = t->stream;
    struct sim_worker *k = t->worker;

    if (!st->ended || !st->recorded || t->stopping || st->finishing) {
        return;
    }
    grant_writes(k, t->lease, t->deed.bytes);
    st->busy = true;
    objects_put(k->sim, k->node, text_of(t, st->upload.upload_id), t->deed.bytes, stream_put, st);
}

static void stream_process_ends(struct sim_task *t)
{
    t->stream->ended = true;
    t->deadline_us = INT64_MAX;
    stream_goes_on(t);
}

void stream_recorded(struct sim_task *t, enum err_code rc)
{
    if (rc == OK) {
        t->stream->recorded = true;
        stream_goes_on(t);
        return;
    }
    sim_task_fail(t, "States.TaskFailed", "the coordinator refused the upload of the output: %s",
                  err_sentence(rc));
    sim_task_after(t, STREAM_KILL_US, stream_finish);
}

void stream_progress(const struct sim_task *t, struct handler_progress *out)
{
    out->bytes_in = t->stream->bytes_in;
    out->bytes_out = t->stream->bytes_out;
}

/* ---- the beginning ---- */

static void stream_spawns(struct sim_task *t)
{
    struct sim_worker *k = t->worker;
    int64_t timeout_us = (int64_t)t->lease->grant.timeout_ms * SIM_MS;

    t->deadline_us = timeout_us > 0 ? k->sim->now_us + timeout_us : INT64_MAX;
    sim_task_after(t, sim_task_takes_us(t), stream_process_ends);
    k->real.host.uploading(&k->real.host, t->lease, &t->stream->upload);
}

static void stream_began(struct sim *s, void *arg, const char *upload_id)
{
    struct sim_output *st = arg;
    struct sim_task *t = st->task;
    struct sim_worker *k = t->worker;

    (void)s;
    worker_enter(k);
    st->busy = false;
    if (upload_id == NULL) {
        fail_output(t, err_sentence(ERR_UNAVAILABLE));
        stream_finish(t);
    } else {
        st->upload = (struct handler_upload){
            .bucket = st->places.bucket,
            .key = st->places.output_key,
            .upload_id = arena_copy(&t->memory, slice_str(upload_id)),
            .mark = result_mark(&t->lease->grant, &t->memory),
        };
        if (t->stopping) {
            stream_finish(t);
        } else {
            stream_spawns(t);
        }
    }
    worker_exit(k);
}

/* Only of the input is it the workflow's affair that there is none. */
static bool stream_reads(struct sim_task *t)
{
    struct sim *s = t->worker->sim;
    const struct stage_places *p = &t->stream->places;
    bool refused = sim_strikes(s, FAULT_STORE, 50);
    struct slice input;

    if (p->input_key.len == 0) {
        return true;
    }
    input = objects_get(s, text_of(t, p->bucket), text_of(t, p->input_key), NULL);
    t->stream->bytes_in = input.len;
    if (refused || input.ptr == NULL) {
        sim_task_fail(t, refused ? "S3.S3Exception" : "S3.NoSuchKeyException",
                      "input object s3://%.*s/%.*s: %s", SLICE_FMT(p->bucket),
                      SLICE_FMT(p->input_key),
                      err_sentence(refused ? ERR_UNAVAILABLE : ERR_NOT_FOUND));
    }
    return !t->failed;
}

static bool stream_finds_places(struct sim_task *t)
{
    struct stage_places *p = &t->stream->places;
    struct err err;

    if (stage_find_places(t->event, &t->memory, p, &err) != OK) {
        sim_task_fail(t, "States.TaskFailed", "%s", err.msg);
        return false;
    }
    if (!slice_eq(p->bucket, t->deed.bucket) || !slice_eq(p->output_key, t->deed.key)) {
        sim_violation(t->worker->sim, "the output of a stage goes to %.*s, the model says %.*s",
                      SLICE_FMT(p->output_key), SLICE_FMT(t->deed.key));
    }
    return true;
}

static void stream_opens(struct sim_task *t)
{
    struct sim_worker *k = t->worker;
    struct sim_output *st = t->stream;

    if (!stream_finds_places(t) || !stream_reads(t)) {
        stream_finish(t);
        return;
    }
    objects_check_settled(k->sim, text_of(t, st->places.output_key),
                          text_of(t, st->places.input_key),
                          text_of(t, result_mark(&t->lease->grant, &t->memory)));
    st->busy = true;
    objects_begin(k->sim, k->node, text_of(t, st->places.bucket), text_of(t, st->places.output_key),
                  text_of(t, result_mark(&t->lease->grant, &t->memory)), stream_began, st);
}

void stream_start(struct sim_task *t)
{
    struct sim_output *st = mem_zalloc(1, sizeof(*st));

    st->task = t;
    t->stream = st;
    t->deadline_us = INT64_MAX; /* it is the process' */
    list_push_back(&t->worker->streams, &st->link);
    sim_task_after(t, (int64_t)sim_below(t->worker->sim, CHANCE_WORKER, STREAM_OPEN_US),
                   stream_opens);
}

void streams_free(struct sim_worker *k)
{
    while (!list_empty(&k->streams)) {
        stream_free(container_of(k->streams.next, struct sim_output, link));
    }
}
