/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that ask the object store: what the ledger wants of it, uploads that nobody may own any
 * more, outputs that are old. One thread puts and takes, any number of them work in between. */
#ifndef STEPFLEET_COORDINATOR_OBJECT_THREADS_H
#define STEPFLEET_COORDINATOR_OBJECT_THREADS_H

#include "client/s3/s3.h"
#include "coordinator/ledger/ledger.h"
#include "coordinator/outputs.h"

/* A ledger's request, or a bucket to sweep of uploads, or of outputs that are old. */
struct object_task {
    struct list link;
    struct object_request *request; /* NULL: sweep `bucket` */
    struct outputs *outputs;        /* NULL: of uploads */
    struct slice bucket;
    struct slice prefix;
    bool exact; /* the key that `prefix` is alone */
    struct arena arena;
    struct s3_entry *found; /* sweep: uploads old enough */
    size_t found_count;
    int64_t older_than_ms;
};

struct object_threads;

/**
 * @param objects  lives as long; where it names no store there are no threads, and what is put
 * waits
 * @param woken    is called on one of the threads where something is to be taken
 * @return NULL: no thread can be started
 */
struct object_threads *
object_threads_open(const struct s3_config *objects, void (*woken)(void *arg), void *arg);
bool object_threads_have_store(const struct object_threads *o);
/* It is theirs until it is taken. */
void object_threads_put(struct object_threads *o, struct object_task *t);
/* Appends those that are done, to be freed by the caller. */
void object_threads_take(struct object_threads *o, struct list *done);
/* Waits for what is under way; what was not taken is freed. */
void object_threads_close(struct object_threads *o);
void object_task_free(struct object_task *t);

#endif
