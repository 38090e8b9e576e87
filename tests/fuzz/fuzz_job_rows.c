/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as rows of jobs, runs and pieces, and as a lease's winners: refused, or the same when
 * written and read again. And any header and rows as a run to go on with: refused, or a run that
 * holds its invariants and takes events. The first byte says which. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/job/run.h"
#include "coordinator/store/row_job.h"
#include "proto/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHARDS = 64 };

/* ---- rows ---- */

static void fuzz_job(struct slice bytes)
{
    struct job_row row;
    struct buf b = {0};
    struct err err;

    if (job_row_decode(bytes, &row, &err) == OK) {
        job_row_encode(&row, &b);
        assert(job_row_decode(buf_slice(&b), &row, &err) == OK);
    }
    buf_fini(&b);
}

static void fuzz_run(struct slice bytes, struct arena *a)
{
    struct job_run_row row;
    struct buf once = {0};
    struct buf twice = {0};
    struct err err;

    if (job_run_row_decode(bytes, a, &row, &err) == OK) {
        job_run_row_encode(&row, &once);
        assert(job_run_row_decode(buf_slice(&once), a, &row, &err) == OK);
        job_run_row_encode(&row, &twice);
        assert(slice_eq(buf_slice(&once), buf_slice(&twice)));
    }
    buf_fini(&once);
    buf_fini(&twice);
}

static void fuzz_piece(struct slice bytes, struct arena *a)
{
    struct job_piece_state row;
    struct buf once = {0};
    struct buf twice = {0};
    struct err err;

    if (job_piece_row_decode(bytes, a, &row, &err) == OK) {
        job_piece_row_encode(&row, &once);
        assert(job_piece_row_decode(buf_slice(&once), a, &row, &err) == OK);
        job_piece_row_encode(&row, &twice);
        assert(slice_eq(buf_slice(&once), buf_slice(&twice)));
    }
    buf_fini(&once);
    buf_fini(&twice);
}

static void fuzz_winners(struct slice bytes, struct arena *a)
{
    struct token *tokens = ARENA_ARRAY(a, SHARDS, struct token);
    struct token *again = ARENA_ARRAY(a, SHARDS, struct token);
    struct job_winner winners[SHARDS];
    struct buf b = {0};
    size_t count = 0;

    if (!job_winners_decode(bytes, tokens, SHARDS)) {
        return;
    }
    for (uint32_t i = 0; i < SHARDS; i++) {
        if (tokens[i].epoch != 0 || tokens[i].counter != 0) {
            winners[count++] = (struct job_winner){i, tokens[i]};
        }
    }
    job_winners_encode(winners, count, &b);
    assert(job_winners_decode(buf_slice(&b), again, SHARDS));
    for (uint32_t i = 0; i < SHARDS; i++) {
        assert(token_eq(tokens[i], again[i]));
    }
    buf_fini(&b);
}

/* ---- a run to go on with ---- */

static const struct job_run_settings settings = {
    .timeout_ms = 3600000,
    .retry = {.max_attempts = 2, .interval_ms = 1000, .backoff_rate = 2, .max_delay_ms = 5000},
    .speculate = true,
    .shuffle = true,
    .clean_again_ms = 60000,
};

/* Each piece of bytes has its length before it, in one byte. */
static struct slice next(struct slice *left)
{
    size_t len = left->len != 0 ? (uint8_t)left->ptr[0] : 0;
    struct slice rest = slice_from(*left, left->len != 0);
    struct slice out = slice_head(rest, len < rest.len ? len : rest.len);

    *left = slice_from(rest, out.len);
    return out;
}

static struct job_run *restore(struct slice left, struct arena *a)
{
    uint64_t sizes[SHARDS];
    struct job_piece_state row;
    struct job_run_row header;
    struct job_run *r = NULL;
    struct err err;

    for (size_t i = 0; i < SHARDS; i++) {
        sizes[i] = 1000 * (i + 1);
    }
    if (job_run_row_decode(next(&left), a, &header, &err) != OK || header.header.shards > SHARDS ||
        job_run_restore(&settings, &header.header, sizes, &r, &err) != OK) {
        return NULL;
    }
    while (left.len != 0) {
        if (job_piece_row_decode(next(&left), a, &row, &err) != OK ||
            job_run_restore_piece(r, &row, &err) != OK) {
            job_run_free(r);
            return NULL;
        }
    }
    if (job_run_restored(r, &err) != OK) {
        assert(err.code == ERR_CORRUPT);
        job_run_free(r);
        return NULL;
    }
    return r;
}

static void check(const struct job_run *r)
{
    const char *why = job_run_check(r);

    if (why != NULL) {
        (void)fprintf(stderr, "the run does not hold: %s\n", why);
        abort();
    }
}

/* A worker comes by now and then, and does what it is given. */
static void go_on(struct job_run *r)
{
    int64_t now_ms = job_run_header(r)->created_ms;
    const struct job_result did = {.bytes_in = 1, .bytes_out = 2};
    struct job_outcome out;

    now_ms = now_ms < 0 || now_ms > INT64_MAX / 4 ? 0 : now_ms;
    for (uint64_t i = 0; i < 100 && job_run_header(r)->phase != JOB_OVER; i++) {
        struct token token = {UINT64_MAX, i};
        struct job_ticket t;
        uint32_t piece;

        now_ms += 1000;
        job_run_tick(r, now_ms, &out);
        job_run_ticket(r, now_ms, &t);
        if (job_run_want(r, SLICE("fuzz"), now_ms, &piece) != JOB_WANT_NOTHING) {
            job_run_granted(r, piece, token, SLICE("fuzz"), now_ms, &out);
            if (job_run_header(r)->phase != JOB_PLAN) {
                job_run_succeeded(r, token, &did, now_ms, &out);
            } else {
                job_run_planned(r, token, NULL, 0, 1, now_ms, &out);
            }
        }
        check(r);
    }
    job_run_stop(r, now_ms, &out);
    check(r);
}

static void fuzz_restore(struct slice bytes, struct arena *a)
{
    struct job_run *r = restore(bytes, a);

    if (r != NULL) {
        go_on(r);
        job_run_free(r);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_make(data, size);
    struct arena a = {0};

    if (size == 0) {
        return 0;
    }
    bytes = slice_from(bytes, 1);
    switch (data[0] % 5) {
    case 0: fuzz_job(bytes); break;
    case 1: fuzz_run(bytes, &a); break;
    case 2: fuzz_piece(bytes, &a); break;
    case 3: fuzz_winners(bytes, &a); break;
    default: fuzz_restore(bytes, &a); break;
    }
    arena_fini(&a);
    return 0;
}
