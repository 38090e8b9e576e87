/* SPDX-License-Identifier: Apache-2.0 */
/* The disk's half of both limits: the rows a real run left, under new keys, and a thread that
 * writes one synced batch after the other. */
#ifndef STEPFLEET_BENCH_LIMIT_ROWS_H
#define STEPFLEET_BENCH_LIMIT_ROWS_H

#include <pthread.h>

#include "coordinator/store/store.h"
#include "tests/bench/shape.h"

struct limit_rows {
    struct shape shape;
    struct store *store;
    void (*written)(void *arg); /* the batch given last is on disk; on the writing thread */
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct store_batch *batch; /* locked: to be written */
};

/* Open a database in `dir`, take the rows of `shape` as the pattern, start the thread. */
void limit_rows_open(struct limit_rows *r,
                     const char *dir,
                     const char *shape,
                     void (*written)(void *arg),
                     void *arg);
/* What a start leaves. */
void limit_rows_started(struct limit_rows *r, struct store_batch *b, uint64_t id, int64_t start_ms);
/* What the result of stage 1, 2, ... leaves; the last ends the execution. */
void limit_rows_result(struct limit_rows *r,
                       struct store_batch *b,
                       uint64_t id,
                       int64_t start_ms,
                       uint64_t stage);
/* Write a batch; one at a time. */
void limit_rows_write(struct limit_rows *r, struct store_batch *b);

#endif
