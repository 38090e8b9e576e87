/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of streams: how large parts are, which ranges a read asks for, how long a retry
 * waits. Pure: sizes, times and chance are arguments.
 *
 * A stream's length is not known when it begins, a part must be kept until the store has it, and an
 * upload has at most 10,000 parts. So parts have the base size for the first 4,500 (35 GiB at 8
 * MiB), then double every 500, which passes S3's largest object, 5 TiB, before the 10,000th. While
 * parts grow there are fewer buffers, so that the memory of a writer stays (parallel + 1) * base up
 * to parts of that size (60 GiB at the defaults); beyond it a writer has one buffer of one part.
 * Source: AWS S3 user guide, "Amazon S3 multipart upload limits"; AWS Architecture Blog,
 * "Exponential Backoff And Jitter". */
#ifndef STEPFLEET_S3_PLAN_H
#define STEPFLEET_S3_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PLAN_PART_BYTES = 8 * 1024 * 1024, /* default; four of them and three ranges: below 48 MiB */
    PLAN_PARALLEL = 3,                 /* default; more gained nothing on loopback */
    PLAN_PARALLEL_MAX = 16,
    PLAN_ATTEMPTS = 8,
    PLAN_STALL_MS = 20000,
    PLAN_STEADY_PARTS = 4500,
    PLAN_DOUBLE_PARTS = 500,
    PLAN_BACKOFF_BASE_MS = 50,
    PLAN_BACKOFF_CAP_MS = 5000,
};

#define PLAN_PART_BYTES_MAX   (UINT64_C(5) << 30) /* S3: one part */
#define PLAN_OBJECT_BYTES_MAX (UINT64_C(5) << 40) /* S3: one object */

/* Size of part `number` (from 1); 0 past the last one there may be. */
uint64_t plan_part_bytes(uint64_t base_bytes, uint32_t number);
/* How many buffers of part_bytes a writer may hold: at least 1, at most parallel + 1. */
unsigned plan_buffers(uint64_t base_bytes, unsigned parallel, uint64_t part_bytes);
/* A reader's range: half a part, so that reading takes less memory than writing. */
size_t plan_range_bytes(size_t base_bytes);
/* Length of range `index` of an object: 0 past its end. */
uint64_t plan_range_length(uint64_t object_bytes, uint64_t range_bytes, uint64_t index);

/* Failures in a row of one request. */
struct plan_tries {
    unsigned failed;
    int64_t first_ms; /* when the first of them was */
};

/* Full jitter: uniform in 0 .. min(cap, base * 2^(failed - 1)). */
int64_t plan_backoff_ms(unsigned failed, uint64_t random);
/* Count a failure; the wait before the next try, or -1: give up. `away`: the server could not be
 * reached or said that it cannot serve now; that is ridden out for as long as attempts_max tries at
 * the longest wait would last (35 s by default, a restart), however many tries that takes. */
int64_t plan_retry_ms(struct plan_tries *tries,
                      unsigned attempts_max,
                      bool away,
                      int64_t now_ms,
                      uint64_t random);

#endif
