/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/limit_rows.h"

#include <string.h>

#include "coordinator/store/keys.h"
#include "tests/bench/limit.h"
#include "tests/bench/process.h"

enum { ACCOUNT = 1, MACHINE = 1 };

static void put_record(struct limit_rows *r, struct store_batch *b, uint64_t id, uint64_t sequence)
{
    struct key key = key_execution(ACCOUNT, id, sequence);

    store_put(b, CF_EXECUTION, key_slice(&key), r->shape.record[sequence]);
}

void limit_rows_started(struct limit_rows *r, struct store_batch *b, uint64_t id, int64_t start_ms)
{
    struct key name = {.len = r->shape.name_key.len};
    struct key index = key_index(ACCOUNT, EXECUTION_RUNNING, MACHINE, start_ms, id);

    memcpy(name.bytes, r->shape.name_key.ptr, name.len);
    memcpy(name.bytes + name.len - sizeof(id), &id, sizeof(id));
    put_record(r, b, id, 0);
    store_put(b, CF_NAME, key_slice(&name), r->shape.name_row);
    store_put(b, CF_INDEX, key_slice(&index), r->shape.index_row);
}

static void put_ended(struct limit_rows *r, struct store_batch *b, uint64_t id, int64_t start_ms)
{
    struct key running = key_index(ACCOUNT, EXECUTION_RUNNING, MACHINE, start_ms, id);
    struct key ended = key_index(ACCOUNT, EXECUTION_SUCCEEDED, MACHINE, start_ms, id);

    store_delete(b, CF_INDEX, key_slice(&running));
    store_put(b, CF_INDEX, key_slice(&ended), r->shape.index_row);
}

void limit_rows_result(struct limit_rows *r,
                       struct store_batch *b,
                       uint64_t id,
                       int64_t start_ms,
                       uint64_t stage)
{
    put_record(r, b, id, stage);
    if (stage < LIMIT_STAGES) {
        return;
    }
    for (uint64_t more = stage + 1; more < r->shape.record_count; more++) {
        put_record(r, b, id, more);
    }
    put_ended(r, b, id, start_ms);
}

static void *write_thread(void *arg)
{
    struct limit_rows *r = arg;
    struct err err;

    (void)pthread_mutex_lock(&r->lock);
    for (;;) {
        struct store_batch *b;

        while (r->batch == NULL) {
            (void)pthread_cond_wait(&r->work, &r->lock);
        }
        b = r->batch;
        r->batch = NULL;
        (void)pthread_mutex_unlock(&r->lock);
        if (store_write(r->store, b, &err) != OK) {
            bench_die("%s", err.msg);
        }
        r->written(r->arg);
        (void)pthread_mutex_lock(&r->lock);
    }
    return NULL;
}

void limit_rows_write(struct limit_rows *r, struct store_batch *b)
{
    (void)pthread_mutex_lock(&r->lock);
    r->batch = b;
    (void)pthread_cond_signal(&r->work);
    (void)pthread_mutex_unlock(&r->lock);
}

void limit_rows_open(struct limit_rows *r,
                     const char *dir,
                     const char *shape,
                     void (*written)(void *arg),
                     void *arg)
{
    const struct store_config c = {.dir = dir};
    pthread_t thread;
    struct err err;

    *r = (struct limit_rows){.written = written, .arg = arg};
    shape_load(&r->shape, shape);
    if (r->shape.record_count <= LIMIT_STAGES) {
        bench_die("%s: the execution taken as a pattern has not ended", shape);
    }
    if (store_open_rocks(&c, &r->store, &err) != OK) {
        bench_die("%s", err.msg);
    }
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->work, NULL);
    if (pthread_create(&thread, NULL, write_thread, r) != 0) {
        bench_die("no thread");
    }
}
