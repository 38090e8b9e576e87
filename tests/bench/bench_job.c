/* SPDX-License-Identifier: Apache-2.0 */
/* What a run of 100,000 shards costs the coordinator's core: for each shard a ticket, the choice, a
 * grant, two reports of progress and a success; and the ticks between. Prints microseconds of
 * processor time a shard, the memory the run takes, and how long it takes to restore half way.
 *
 * usage: bench_job [shards] */
#include "coordinator/job/run.h"
#include "proto/base/arena.h"
#include "proto/base/limits.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SHARD_BYTES = 64 * 1024 * 1024, PIECE_MS = 2000, NAME_BYTES = 16 };

static int64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct bench {
    struct job_run *r;
    struct job_run_settings settings;
    uint64_t *sizes;
    uint32_t shards;
    unsigned workers;
    unsigned slots;
    char (*names)[NAME_BYTES];
    uint64_t counter;
    uint64_t done; /* token counters up to this one are over */
    int64_t now_ms;
    size_t largest_bytes;
    struct job_piece_state *rows; /* NULL: not kept */
};

static void keep(struct bench *b, const struct job_outcome *out)
{
    if (b->rows != NULL && out->has_row && out->row.phase == JOB_MAP) {
        struct job_piece_state *row = &b->rows[out->row.piece];

        *row = out->row;
        row->worker = slice_str(b->names[row->winner.counter % b->workers]);
    }
}

static void grant(struct bench *b)
{
    struct slice worker = slice_str(b->names[(b->counter + 1) % b->workers]);
    struct job_outcome out;
    struct job_ticket t;
    uint32_t piece;

    job_run_ticket(b->r, b->now_ms, &t);
    if (!t.wanted || job_run_want(b->r, worker, b->now_ms, &piece) == JOB_WANT_NOTHING) {
        abort();
    }
    job_run_granted(b->r, piece, (struct token){1, ++b->counter}, worker, b->now_ms, &out);
}

static void report(struct bench *b, uint64_t bytes)
{
    for (uint64_t i = b->done + 1; i <= b->counter; i++) {
        (void)job_run_progress(b->r, (struct token){1, i}, bytes, b->now_ms);
    }
}

/* All slots work in step: one piece each. Ticks as they are due. */
static void round_of_pieces(struct bench *b)
{
    struct job_result result = {.bytes_in = SHARD_BYTES, .records_in = 1000};
    struct job_outcome out;

    while (b->counter - b->done < (uint64_t)b->workers * b->slots &&
           job_run_counts(b->r).fresh != 0) {
        grant(b);
    }
    for (int step = 0; step < PIECE_MS / LIMIT_JOB_TICK_MS; step++) {
        b->now_ms += LIMIT_JOB_TICK_MS;
        if (step % 2 == 0) {
            report(b, (uint64_t)(step + 1) * (SHARD_BYTES / 4));
        }
        job_run_tick(b->r, b->now_ms, &out);
    }
    while (b->done < b->counter) {
        job_run_succeeded(b->r, (struct token){1, ++b->done}, &result, b->now_ms, &out);
        keep(b, &out);
    }
}

static void begin(struct bench *b)
{
    struct job_outcome out;

    b->now_ms = 1000000;
    b->r = job_run_new(&b->settings, b->now_ms);
    job_run_begin(b->r, b->now_ms, &out);
    grant(b);
    job_run_planned(b->r, (struct token){1, ++b->done}, b->sizes, b->shards, 0, b->now_ms, &out);
}

/* The same run up to its half, read again. */
static void restore_half(struct bench *b)
{
    struct job_run_header header;
    struct job_run *again;
    int64_t began;
    uint32_t rows;

    b->rows = mem_zalloc(b->shards, sizeof(*b->rows));
    b->counter = b->done = 0;
    begin(b);
    while (job_run_counts(b->r).done < b->shards / 2) {
        round_of_pieces(b);
    }
    rows = job_run_counts(b->r).done;
    header = *job_run_header(b->r);
    began = now_ns();
    if (job_run_restore(&b->settings, &header, b->sizes, &again, NULL) != OK) {
        abort();
    }
    for (uint32_t i = 0; i < rows; i++) {
        if (job_run_restore_piece(again, &b->rows[i], NULL) != OK) {
            abort();
        }
    }
    if (job_run_restored(again, NULL) != OK) {
        abort();
    }
    (void)printf("%40s %6.1f ms to restore %u rows\n", "", (double)(now_ns() - began) / 1e6, rows);
    job_run_free(again);
    job_run_free(b->r);
    mem_free(b->rows);
}

static void measure(uint32_t shards, unsigned workers, unsigned slots)
{
    struct bench b = {.settings = {.timeout_ms = INT64_MAX / 2, .speculate = true},
                      .shards = shards,
                      .workers = workers,
                      .slots = slots};
    size_t before;
    size_t held = 0;
    int64_t began;

    b.sizes = mem_zalloc(shards, sizeof(*b.sizes));
    b.names = mem_zalloc(workers, sizeof(*b.names));
    for (uint32_t i = 0; i < shards; i++) {
        b.sizes[i] = SHARD_BYTES;
    }
    for (unsigned i = 0; i < workers; i++) {
        (void)snprintf(b.names[i], NAME_BYTES, "w%u", i);
    }
    before = mallinfo2().uordblks + mallinfo2().hblkhd;
    began = now_ns();
    begin(&b);
    while (job_run_header(b.r)->phase == JOB_MAP) {
        round_of_pieces(&b);
        if (held == 0) {
            held = mallinfo2().uordblks + mallinfo2().hblkhd - before;
        }
    }
    (void)printf("%6u shards, %4u workers of %2u slots %6.2f us a shard, %5.1f MiB\n", shards,
                 workers, slots, (double)(now_ns() - began) / 1e3 / shards,
                 (double)held / 1024 / 1024);
    job_run_free(b.r);
    restore_half(&b);
    mem_free(b.sizes);
    mem_free(b.names);
}

int main(int argc, char **argv)
{
    uint32_t shards = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : LIMIT_JOB_PIECES;

    measure(shards, 4, 4);
    measure(shards, 64, 8);
    measure(shards, 1000, 8);
    return EXIT_SUCCESS;
}
