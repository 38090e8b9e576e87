/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of streams: how large parts are, how much of them is kept in memory, how long a
 * retry waits. Pure: sizes, times and chance are arguments.
 *
 * A stream's length is not known when it begins, a part must be kept until the store has it, and an
 * upload has at most 10,000 parts. So parts have the base size for the first 8,000 (39 GiB at 5
 * MiB), then double every 90, which passes S3's largest object, 5 TiB, before the 10,000th. A
 * writer keeps its parts in a pool of memory of the base size, and larger ones in files (body.h).
 * Source: AWS S3 user guide, "Amazon S3 multipart upload limits"; AWS Architecture Blog,
 * "Exponential Backoff And Jitter". */
#ifndef STEPFLEET_S3_PLAN_H
#define STEPFLEET_S3_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PLAN_PART_BYTES = 5 * 1024 * 1024, /* default, S3's least: a store spends hardly more on them */
    PLAN_PARALLEL = 3,                 /* default */
    PLAN_PARALLEL_MAX = 16,
    PLAN_ATTEMPTS = 8,
    PLAN_STALL_MS = 20000,
    PLAN_STEADY_PARTS = 8000,
    PLAN_DOUBLE_PARTS = 90,
    PLAN_RING_BYTES = 1024 * 1024, /* of a reader: four times what curl brings at once */
    PLAN_BACKOFF_BASE_MS = 50,
    PLAN_BACKOFF_CAP_MS = 5000,
};

#define PLAN_PART_BYTES_MAX   (UINT64_C(5) << 30) /* S3: one part */
#define PLAN_OBJECT_BYTES_MAX (UINT64_C(5) << 40) /* S3: one object */

/* Size of part `number` (from 1); 0 past the last one there may be. */
uint64_t plan_part_bytes(uint64_t base_bytes, uint32_t number);
/* What a writer keeps in memory: the parts in flight, and a quarter of the next to go on with until
 * one of them has arrived. */
uint64_t plan_pool_bytes(uint64_t base_bytes, unsigned parallel);

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
