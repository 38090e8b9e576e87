/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of jobs, of their runs and of the pieces of those: what is written comes back as it was;
 * whatever is cut short, or says what cannot be, is refused. And their keys, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "coordinator/store/keys.h"
#include "coordinator/store/row_job.h"
#include "proto/base/limits.h"

static const struct job_counter counters[] = {{SLICE_INIT("seen"), 7},
                                              {SLICE_INIT(""), UINT64_MAX}};

static struct job_result result(uint64_t n)
{
    return (struct job_result){
        .bytes_in = n,
        .bytes_out = n + 1,
        .records_in = n + 2,
        .records_out = n + 3,
        .rejected = n + 4,
        .counters = counters,
        .counter_count = 2,
    };
}

static void same_sums(const struct job_result *a, const struct job_result *b)
{
    assert_int_equal(a->bytes_in, b->bytes_in);
    assert_int_equal(a->bytes_out, b->bytes_out);
    assert_int_equal(a->records_in, b->records_in);
    assert_int_equal(a->records_out, b->records_out);
    assert_int_equal(a->rejected, b->rejected);
}

static void same_counters(const struct job_counter *got, size_t count)
{
    assert_int_equal(count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(slice_eq(got[i].name, counters[i].name));
        assert_int_equal(got[i].value, counters[i].value);
    }
}

/* ---- cut short, of a later version, with something behind it ---- */

typedef enum err_code decode(struct slice bytes, struct arena *a, struct err *err);

static enum err_code decode_job(struct slice bytes, struct arena *a, struct err *err)
{
    struct job_row row;

    (void)a;
    return job_row_decode(bytes, &row, err);
}

static enum err_code decode_run(struct slice bytes, struct arena *a, struct err *err)
{
    struct job_run_row row;

    return job_run_row_decode(bytes, a, &row, err);
}

static enum err_code decode_piece(struct slice bytes, struct arena *a, struct err *err)
{
    struct job_piece_state row;

    return job_piece_row_decode(bytes, a, &row, err);
}

static void refuses(struct buf *b, decode *f)
{
    struct arena a = {0};
    struct err err;

    for (size_t len = 0; len < b->len; len++) {
        assert_int_equal(f(slice_make(b->ptr, len), &a, &err), ERR_CORRUPT);
        arena_reset(&a);
    }
    assert_int_equal(f(buf_slice(b), &a, &err), OK);
    buf_put_u8(b, 0);
    assert_int_equal(f(buf_slice(b), &a, &err), ERR_CORRUPT);
    b->ptr[0]++;
    assert_int_equal(f(buf_slice(b), &a, &err), ERR_VERSION);
    arena_fini(&a);
    buf_fini(b);
}

/* ---- jobs ---- */

static void test_row_job__a_job_comes_back(void **state)
{
    struct job_row in = {.created_ms = -5, .updated_ms = 1700000000000, .definition = SLICE("{}")};
    struct job_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    job_row_encode(&in, &b);
    assert_int_equal(job_row_decode(buf_slice(&b), &out, &err), OK);
    assert_int_equal(out.created_ms, in.created_ms);
    assert_int_equal(out.updated_ms, in.updated_ms);
    assert_true(slice_eq(out.definition, in.definition));
    refuses(&b, decode_job);
}

/* ---- runs ---- */

static struct job_run_row run_row(void)
{
    struct job_run_row r = {
        .id = SLICE("jr_1"),
        .job = SLICE("j"),
        .definition = SLICE("{\"Handler\":\"h\"}"),
        .arguments = SLICE("{}"),
        .worker_type = SLICE("G.1X"),
        .timeout_minutes = 2880,
        .workers = UINT32_MAX,
        .attempt = 1,
        .parent = {.execution = UINT64_MAX, .frame = 3, .attempt = 2, .entered_event = 9},
        .plan = {1700000000, 12},
    };

    r.header = (struct job_run_header){
        .state = JOB_ERROR,
        .phase = JOB_REDUCE,
        .created_ms = 1,
        .began_ms = 2,
        .ended_ms = 0,
        .pieces = 4096,
        .shards = LIMIT_JOB_PIECES,
        .partitions = 4096,
        .counters = counters,
        .counter_count = 2,
        .failures = 11,
        .losses = 12,
        .speculated = 13,
        .extra = UINT64_MAX,
        .cause = SLICE(""),
    };
    for (uint64_t i = 0; i < JOB_PHASES; i++) {
        r.header.done[i] = result(i * 1000);
    }
    return r;
}

static void same_header(const struct job_run_header *a, const struct job_run_header *b)
{
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->phase, b->phase);
    assert_int_equal(a->created_ms, b->created_ms);
    assert_int_equal(a->began_ms, b->began_ms);
    assert_int_equal(a->ended_ms, b->ended_ms);
    assert_int_equal(a->pieces, b->pieces);
    assert_int_equal(a->shards, b->shards);
    assert_int_equal(a->partitions, b->partitions);
    assert_int_equal(a->failures, b->failures);
    assert_int_equal(a->losses, b->losses);
    assert_int_equal(a->speculated, b->speculated);
    assert_int_equal(a->extra, b->extra);
    assert_int_equal(a->error.ptr == NULL, b->error.ptr == NULL);
    assert_int_equal(a->cause.ptr == NULL, b->cause.ptr == NULL);
    assert_true(slice_eq(a->error, b->error) && slice_eq(a->cause, b->cause));
    for (size_t i = 0; i < JOB_PHASES; i++) {
        same_sums(&a->done[i], &b->done[i]);
    }
    same_counters(a->counters, a->counter_count);
}

static void same_run(const struct job_run_row *a, const struct job_run_row *b)
{
    assert_true(slice_eq(a->id, b->id) && slice_eq(a->job, b->job));
    assert_true(slice_eq(a->definition, b->definition) && slice_eq(a->arguments, b->arguments));
    assert_true(slice_eq(a->worker_type, b->worker_type));
    assert_int_equal(a->timeout_minutes, b->timeout_minutes);
    assert_int_equal(a->workers, b->workers);
    assert_int_equal(a->attempt, b->attempt);
    assert_memory_equal(&a->parent, &b->parent, sizeof(a->parent));
    assert_true(token_eq(a->plan, b->plan) && token_eq(a->upload, b->upload));
    same_header(&a->header, &b->header);
    assert_int_equal(a->output.bucket.ptr == NULL, b->output.bucket.ptr == NULL);
    if (a->output.bucket.ptr != NULL) {
        assert_true(slice_eq(a->output.key, b->output.key));
        assert_true(slice_eq(a->output.upload_id, b->output.upload_id));
        assert_true(slice_eq(a->output.mark, b->output.mark));
        assert_int_equal(a->output.parts.ptr == NULL, b->output.parts.ptr == NULL);
        same_sums(&a->joined, &b->joined);
    }
}

static void comes_back(const struct job_run_row *in)
{
    struct arena a = {0};
    struct job_run_row out;
    struct buf b = {0};
    struct err err;

    job_run_row_encode(in, &b);
    assert_int_equal(job_run_row_decode(buf_slice(&b), &a, &out, &err), OK);
    same_run(&out, in);
    refuses(&b, decode_run);
    arena_fini(&a);
}

static void test_row_job__a_run_comes_back(void **state)
{
    struct job_run_row r = run_row();

    (void)state;
    comes_back(&r);
    r.header.error = SLICE("Boom");
    r.output = (struct task_output){
        .bucket = SLICE("b"),
        .key = SLICE("k"),
        .upload_id = SLICE("u"),
        .mark = SLICE("m"),
    };
    r.upload = (struct token){3, 4};
    r.joined = result(5);
    comes_back(&r);
    r.output.parts = SLICE("");
    comes_back(&r);
}

static void refused_run(const struct job_run_row *r)
{
    struct arena a = {0};
    struct job_run_row out;
    struct buf b = {0};
    struct err err;

    job_run_row_encode(r, &b);
    assert_int_equal(job_run_row_decode(buf_slice(&b), &a, &out, &err), ERR_CORRUPT);
    buf_fini(&b);
    arena_fini(&a);
}

static void test_row_job__a_run_that_cannot_be_is_refused(void **state)
{
    struct job_counter many[LIMIT_JOB_COUNTERS + 1] = {{SLICE_INIT("x"), 1}};
    struct job_run_row r = run_row();

    (void)state;
    r.header.state = (enum job_state)JOB_STATES;
    refused_run(&r);
    r = run_row();
    r.header.phase = (enum job_phase)JOB_PHASES;
    refused_run(&r);
    r = run_row();
    r.header.counters = many;
    r.header.counter_count = LIMIT_JOB_COUNTERS + 1;
    refused_run(&r);
}

/* ---- pieces ---- */

static struct job_piece_state piece_row(enum job_piece_status status)
{
    struct job_piece_state p = {
        .phase = JOB_MAP,
        .piece = 99999,
        .status = status,
        .failures = 255,
        .losses = 8,
        .extra = 1 << 20,
        .avoid = SLICE("bad"),
    };

    if (status == JOB_PIECE_WAITING) {
        p.due_ms = 1700000000000;
    }
    if (status == JOB_PIECE_LIVE) {
        p.live_count = 2;
        p.live[0] = (struct job_attempt_state){{1, 2}, SLICE_INIT("w0"), 5, false, true, 77};
        p.live[1] = (struct job_attempt_state){{1, 3}, SLICE_INIT("w1"), 6, true, false, 0};
    }
    if (status == JOB_PIECE_DONE) {
        p.winner = (struct token){7, 8};
        p.worker = SLICE("w");
        p.took_ms = 1234;
        p.result = result(50);
    }
    return p;
}

static void same_piece(const struct job_piece_state *a, const struct job_piece_state *b)
{
    assert_int_equal(a->phase, b->phase);
    assert_int_equal(a->piece, b->piece);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->failures, b->failures);
    assert_int_equal(a->losses, b->losses);
    assert_int_equal(a->extra, b->extra);
    assert_int_equal(a->due_ms, b->due_ms);
    assert_true(slice_eq(a->avoid, b->avoid) && slice_eq(a->worker, b->worker));
    assert_int_equal(a->live_count, b->live_count);
    for (uint32_t i = 0; i < a->live_count; i++) {
        assert_true(token_eq(a->live[i].token, b->live[i].token));
        assert_true(slice_eq(a->live[i].worker, b->live[i].worker));
        assert_int_equal(a->live[i].granted_ms, b->live[i].granted_ms);
        assert_int_equal(a->live[i].speculative, b->live[i].speculative);
        assert_int_equal(a->live[i].committing, b->live[i].committing);
        assert_int_equal(a->live[i].holder, b->live[i].holder);
    }
    assert_true(token_eq(a->winner, b->winner));
    assert_int_equal(a->took_ms, b->took_ms);
    same_sums(&a->result, &b->result);
}

static void test_row_job__a_piece_comes_back(void **state)
{
    (void)state;
    for (int status = 0; status < JOB_PIECE_STATUSES; status++) {
        struct job_piece_state in = piece_row((enum job_piece_status)status);
        struct job_piece_state out;
        struct arena a = {0};
        struct buf b = {0};
        struct err err;

        job_piece_row_encode(&in, &b);
        assert_int_equal(job_piece_row_decode(buf_slice(&b), &a, &out, &err), OK);
        same_piece(&out, &in);
        if (status == JOB_PIECE_DONE) {
            same_counters(out.result.counters, out.result.counter_count);
        }
        refuses(&b, decode_piece);
        arena_fini(&a);
    }
}

static void refused_piece(const struct job_piece_state *p)
{
    struct arena a = {0};
    struct job_piece_state out;
    struct buf b = {0};
    struct err err;

    job_piece_row_encode(p, &b);
    assert_int_equal(job_piece_row_decode(buf_slice(&b), &a, &out, &err), ERR_CORRUPT);
    buf_fini(&b);
    arena_fini(&a);
}

static void test_row_job__a_piece_that_cannot_be_is_refused(void **state)
{
    struct job_counter many[LIMIT_JOB_COUNTERS + 1] = {{SLICE_INIT("x"), 1}};
    struct job_piece_state p = piece_row(JOB_PIECE_FRESH);

    (void)state;
    p.status = (enum job_piece_status)JOB_PIECE_STATUSES;
    refused_piece(&p);
    p = piece_row(JOB_PIECE_FRESH);
    p.phase = (enum job_phase)JOB_PHASES;
    refused_piece(&p);
    p = piece_row(JOB_PIECE_DONE);
    p.result.counters = many;
    p.result.counter_count = LIMIT_JOB_COUNTERS + 1;
    refused_piece(&p);
}

/* A row for each of 100,000 shards: that they are small is what such a run lives by. */
static void test_row_job__a_piece_is_small(void **state)
{
    struct job_piece_state p = piece_row(JOB_PIECE_DONE);
    struct buf b = {0};

    (void)state;
    p.winner = (struct token){1790000000, 300000};
    p.worker = SLICE("worker-0123.example");
    p.result.counter_count = 0;
    p.avoid = SLICE("");
    job_piece_row_encode(&p, &b);
    assert_true(b.len < 64);
    buf_fini(&b);
}

/* ---- keys ---- */

static void below(struct key a, struct key b)
{
    assert_true(slice_cmp(key_slice(&a), key_slice(&b)) < 0);
}

static void test_row_job__keys_are_in_order(void **state)
{
    struct key line = key_job_line(42, SLICE("j"), 7);
    struct key all = key_job_lines(42, SLICE("j"));
    uint64_t run = 0;

    (void)state;
    below(key_job_line(42, SLICE("j"), 8), line); /* the newest first */
    below(line, key_job_lines(42, SLICE("ja")));
    assert_true(slice_starts_with(key_slice(&line), key_slice(&all)));
    assert_true(key_job_line_parse(key_slice(&line), &run));
    assert_int_equal(run, 7);
    assert_false(key_job_line_parse(SLICE("short"), &run));
    below(key_job_piece(42, 7, JOB_MAP, 255), key_job_piece(42, 7, JOB_MAP, 256));
    below(key_job_piece(42, 7, JOB_MAP, UINT32_MAX), key_job_piece(42, 7, JOB_REDUCE, 0));
    below(key_job_piece(42, 7, JOB_OVER, UINT32_MAX), key_job_pieces(42, 8));
    below(key_job_sizes(42, 7, UINT32_MAX), key_job_sizes_all(42, 8));
    below(key_job_run(42, UINT64_MAX), key_job_run(43, 0));
    below(key_job_sweeps(42), key_job_sweep(42, SLICE("j")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_job__a_job_comes_back),
        cmocka_unit_test(test_row_job__a_run_comes_back),
        cmocka_unit_test(test_row_job__a_run_that_cannot_be_is_refused),
        cmocka_unit_test(test_row_job__a_piece_comes_back),
        cmocka_unit_test(test_row_job__a_piece_that_cannot_be_is_refused),
        cmocka_unit_test(test_row_job__a_piece_is_small),
        cmocka_unit_test(test_row_job__keys_are_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
