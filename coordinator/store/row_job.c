/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/row_job.h"

#include "coordinator/store/row.h"
#include "proto/base/limits.h"

enum { JOB_ROW_VERSION = 1 };

/* Flags of a run's row and of a live attempt. */
enum { RUN_HAS_OUTPUT = 1 };
enum { LIVE_SPECULATIVE = 1, LIVE_COMMITTING = 2 };

static uint64_t get_below(struct cursor *c, uint64_t bound)
{
    uint64_t v = cursor_varint(c);

    c->bad = c->bad || v >= bound;
    return c->bad ? 0 : v;
}

static void put_token(struct buf *out, struct token t)
{
    buf_put_varint(out, t.epoch);
    buf_put_varint(out, t.counter);
}

static struct token get_token(struct cursor *c)
{
    struct token t = {.epoch = cursor_varint(c)};

    t.counter = cursor_varint(c);
    return t;
}

/* A slice that may be absent, and present but empty. */
static void put_text(struct buf *out, struct slice s)
{
    buf_put_u8(out, s.ptr != NULL);
    if (s.ptr != NULL) {
        buf_put_bytes(out, s);
    }
}

static struct slice get_text(struct cursor *c)
{
    uint8_t there = cursor_u8(c);

    c->bad = c->bad || there > 1;
    return there == 1 ? cursor_bytes(c) : (struct slice){NULL, 0};
}

/* ---- jobs ---- */

void job_row_encode(const struct job_row *r, struct buf *out)
{
    buf_put_u8(out, JOB_ROW_VERSION);
    buf_put_svarint(out, r->created_ms);
    buf_put_svarint(out, r->updated_ms);
    buf_put_bytes(out, r->definition);
}

enum err_code job_row_decode(struct slice bytes, struct job_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    enum err_code rc = row_begin(&c, "job", JOB_ROW_VERSION, NULL, err);

    if (rc != OK) {
        return rc;
    }
    out->created_ms = cursor_svarint(&c);
    out->updated_ms = cursor_svarint(&c);
    out->definition = cursor_bytes(&c);
    return row_end(&c, "job", err);
}

/* ---- results ---- */

static void put_counters(struct buf *out, const struct job_counter *counters, size_t count)
{
    buf_put_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        buf_put_bytes(out, counters[i].name);
        buf_put_varint(out, counters[i].value);
    }
}

static const struct job_counter *get_counters(struct cursor *c, struct arena *a, size_t *count)
{
    struct job_counter *counters;

    *count = (size_t)get_below(c, LIMIT_JOB_COUNTERS + 1);
    counters = ARENA_ARRAY(a, *count, struct job_counter);
    for (size_t i = 0; i < *count; i++) {
        counters[i].name = cursor_bytes(c);
        counters[i].value = cursor_varint(c);
    }
    return counters;
}

static void put_sums(struct buf *out, const struct job_result *r)
{
    buf_put_varint(out, r->bytes_in);
    buf_put_varint(out, r->bytes_out);
    buf_put_varint(out, r->records_in);
    buf_put_varint(out, r->records_out);
    buf_put_varint(out, r->rejected);
}

static void get_sums(struct cursor *c, struct job_result *r)
{
    r->bytes_in = cursor_varint(c);
    r->bytes_out = cursor_varint(c);
    r->records_in = cursor_varint(c);
    r->records_out = cursor_varint(c);
    r->rejected = cursor_varint(c);
}

/* ---- runs ---- */

static void put_header(struct buf *out, const struct job_run_header *h)
{
    buf_put_varint(out, h->state);
    buf_put_varint(out, h->phase);
    buf_put_svarint(out, h->created_ms);
    buf_put_svarint(out, h->began_ms);
    buf_put_svarint(out, h->ended_ms);
    buf_put_varint(out, h->pieces);
    buf_put_varint(out, h->shards);
    buf_put_varint(out, h->partitions);
    for (size_t i = 0; i < JOB_PHASES; i++) {
        put_sums(out, &h->done[i]);
    }
    put_counters(out, h->counters, h->counter_count);
    buf_put_varint(out, h->failures);
    buf_put_varint(out, h->losses);
    buf_put_varint(out, h->speculated);
    buf_put_varint(out, h->extra);
    put_text(out, h->error);
    put_text(out, h->cause);
}

static void get_header(struct cursor *c, struct arena *a, struct job_run_header *h)
{
    *h = (struct job_run_header){.state = (enum job_state)get_below(c, JOB_STATES)};
    h->phase = (enum job_phase)get_below(c, JOB_PHASES);
    h->created_ms = cursor_svarint(c);
    h->began_ms = cursor_svarint(c);
    h->ended_ms = cursor_svarint(c);
    h->pieces = row_u32(c);
    h->shards = row_u32(c);
    h->partitions = row_u32(c);
    for (size_t i = 0; i < JOB_PHASES; i++) {
        get_sums(c, &h->done[i]);
    }
    h->counters = get_counters(c, a, &h->counter_count);
    h->failures = row_u32(c);
    h->losses = row_u32(c);
    h->speculated = row_u32(c);
    h->extra = cursor_varint(c);
    h->error = get_text(c);
    h->cause = get_text(c);
}

static void put_parent(struct buf *out, const struct parent_task *p)
{
    buf_put_varint(out, p->execution);
    buf_put_varint(out, p->frame);
    buf_put_varint(out, p->attempt);
    buf_put_varint(out, p->entered_event);
}

static struct parent_task get_parent(struct cursor *c)
{
    struct parent_task p = {.execution = cursor_varint(c)};

    p.frame = row_u32(c);
    p.attempt = row_u32(c);
    p.entered_event = cursor_varint(c);
    return p;
}

static void put_output(struct buf *out, const struct task_output *o)
{
    buf_put_bytes(out, o->bucket);
    buf_put_bytes(out, o->key);
    buf_put_bytes(out, o->upload_id);
    buf_put_bytes(out, o->mark);
    put_text(out, o->parts);
}

static struct task_output get_output(struct cursor *c)
{
    struct task_output o = {.bucket = cursor_bytes(c)};

    o.key = cursor_bytes(c);
    o.upload_id = cursor_bytes(c);
    o.mark = cursor_bytes(c);
    o.parts = get_text(c);
    return o;
}

void job_run_row_encode(const struct job_run_row *r, struct buf *out)
{
    bool has_output = r->output.bucket.ptr != NULL;

    buf_put_u8(out, JOB_ROW_VERSION);
    buf_put_u8(out, has_output ? RUN_HAS_OUTPUT : 0);
    buf_put_bytes(out, r->id);
    buf_put_bytes(out, r->job);
    buf_put_bytes(out, r->definition);
    buf_put_bytes(out, r->arguments);
    buf_put_bytes(out, r->worker_type);
    buf_put_varint(out, r->timeout_minutes);
    buf_put_varint(out, r->workers);
    buf_put_varint(out, r->attempt);
    put_parent(out, &r->parent);
    put_header(out, &r->header);
    put_token(out, r->plan);
    if (has_output) {
        put_output(out, &r->output);
        put_token(out, r->upload);
        put_sums(out, &r->joined);
    }
}

enum err_code
job_run_row_decode(struct slice bytes, struct arena *a, struct job_run_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    enum err_code rc = row_begin(&c, "job run", JOB_ROW_VERSION, NULL, err);
    uint8_t flags;

    if (rc != OK) {
        return rc;
    }
    flags = cursor_u8(&c);
    c.bad = c.bad || flags > RUN_HAS_OUTPUT;
    *out = (struct job_run_row){.id = cursor_bytes(&c)};
    out->job = cursor_bytes(&c);
    out->definition = cursor_bytes(&c);
    out->arguments = cursor_bytes(&c);
    out->worker_type = cursor_bytes(&c);
    out->timeout_minutes = row_u32(&c);
    out->workers = row_u32(&c);
    out->attempt = row_u32(&c);
    out->parent = get_parent(&c);
    get_header(&c, a, &out->header);
    out->plan = get_token(&c);
    if ((flags & RUN_HAS_OUTPUT) != 0) {
        out->output = get_output(&c);
        out->upload = get_token(&c);
        get_sums(&c, &out->joined);
    }
    return row_end(&c, "job run", err);
}

/* ---- pieces ---- */

static void put_live(struct buf *out, const struct job_attempt_state *at)
{
    put_token(out, at->token);
    buf_put_bytes(out, at->worker);
    buf_put_svarint(out, at->granted_ms);
    buf_put_u8(out, (uint8_t)((at->speculative ? LIVE_SPECULATIVE : 0) |
                              (at->committing ? LIVE_COMMITTING : 0)));
    buf_put_varint(out, at->holder);
}

static void get_live(struct cursor *c, struct job_attempt_state *at)
{
    uint8_t flags;

    at->token = get_token(c);
    at->worker = cursor_bytes(c);
    at->granted_ms = cursor_svarint(c);
    flags = cursor_u8(c);
    c->bad = c->bad || flags > (LIVE_SPECULATIVE | LIVE_COMMITTING);
    at->speculative = (flags & LIVE_SPECULATIVE) != 0;
    at->committing = (flags & LIVE_COMMITTING) != 0;
    at->holder = row_u32(c);
}

void job_piece_row_encode(const struct job_piece_state *r, struct buf *out)
{
    buf_put_u8(out, JOB_ROW_VERSION);
    buf_put_varint(out, r->phase);
    buf_put_varint(out, r->piece);
    buf_put_varint(out, r->status);
    buf_put_u8(out, r->failures);
    buf_put_u8(out, r->losses);
    buf_put_varint(out, r->extra);
    if (r->status == JOB_PIECE_WAITING) {
        buf_put_svarint(out, r->due_ms);
    }
    buf_put_bytes(out, r->avoid);
    if (r->status == JOB_PIECE_LIVE) {
        buf_put_u8(out, (uint8_t)r->live_count);
        for (uint32_t i = 0; i < r->live_count; i++) {
            put_live(out, &r->live[i]);
        }
    }
    if (r->status == JOB_PIECE_DONE) {
        put_token(out, r->winner);
        buf_put_bytes(out, r->worker);
        buf_put_svarint(out, r->took_ms);
        put_sums(out, &r->result);
        put_counters(out, r->result.counters, r->result.counter_count);
    }
}

static void get_done(struct cursor *c, struct arena *a, struct job_piece_state *r)
{
    r->winner = get_token(c);
    r->worker = cursor_bytes(c);
    r->took_ms = cursor_svarint(c);
    get_sums(c, &r->result);
    r->result.counters = get_counters(c, a, &r->result.counter_count);
}

enum err_code job_piece_row_decode(struct slice bytes,
                                   struct arena *a,
                                   struct job_piece_state *out,
                                   struct err *err)
{
    struct cursor c = cursor_make(bytes);
    enum err_code rc = row_begin(&c, "piece", JOB_ROW_VERSION, NULL, err);

    if (rc != OK) {
        return rc;
    }
    *out = (struct job_piece_state){.phase = (enum job_phase)get_below(&c, JOB_PHASES)};
    out->piece = row_u32(&c);
    out->status = (enum job_piece_status)get_below(&c, JOB_PIECE_STATUSES);
    out->failures = cursor_u8(&c);
    out->losses = cursor_u8(&c);
    out->extra = cursor_varint(&c);
    if (out->status == JOB_PIECE_WAITING) {
        out->due_ms = cursor_svarint(&c);
    }
    out->avoid = cursor_bytes(&c);
    if (out->status == JOB_PIECE_LIVE) {
        out->live_count = cursor_u8(&c);
        c.bad = c.bad || out->live_count > JOB_ATTEMPTS_A_PIECE;
        for (uint32_t i = 0; !c.bad && i < out->live_count; i++) {
            get_live(&c, &out->live[i]);
        }
    }
    if (out->status == JOB_PIECE_DONE) {
        get_done(&c, a, out);
    }
    return row_end(&c, "piece", err);
}
