/* SPDX-License-Identifier: Apache-2.0 */
/* MAP's side of a shuffle: what the handler writes, record by record, with its key and partition,
 * sorted in memory up to a budget, spilled to a file of the worker's where it is more; at the end
 * all of it merged into one file of runs (worker/items/run.h), the piece's temporary object. Behind
 * the run is the records' CSV header, as in a fragment (sink.h); where there is none, an empty one.
 *
 * Of a `join` a record is kept as a line of JSON that names the object it came from:
 *   {"source": "in/a.csv", "record": ...}    a JSON record as it is, any other as a string */
#ifndef STEPFLEET_JOB_SHUFFLE_H
#define STEPFLEET_JOB_SHUFFLE_H

#include "worker/items/fragment.h"
#include "worker/items/key.h"
#include "worker/items/sort.h"
#include "worker/job/plan_object.h"
#include "worker/job/rejects.h"
#include "worker/job/runs.h"

enum {
    SHUFFLE_SORT_BYTES = 128 * 1024 * 1024, /* a piece's records in memory, touched as they come */
};

struct shuffle {
    struct job_task *task;
    struct items_options options; /* of what the handler writes */
    struct slice source;          /* key of the object its records came from */
    struct job_rejects *rejects;  /* NULL: a bad record fails the piece */
    uint32_t partitions;
    struct slice *splitters; /* of a sort */
    size_t splitter_count;

    bool open;
    char *buffer; /* what the handler wrote last */
    struct items_fragment unwrap;
    struct items_records records;
    struct items_keys keys;
    bool keyed; /* `keys` are there */
    struct buf key;
    struct buf tagged; /* of a join */
    struct items_sorter sorter;

    int fd;                         /* of the spilled runs; -1: none yet */
    uint64_t fd_end;                /* bytes in it */
    struct items_run_part *spilled; /* `partitions` of them for each run */
    uint64_t *spilled_at;           /* where each run begins in the file */
    size_t spills;
};

/* @param head  of the plan. False: failed. */
bool shuffle_open(struct shuffle *h,
                  struct job_task *t,
                  const struct plan_head *head,
                  const struct items_options *o,
                  struct slice source,
                  struct job_rejects *rejects);
void shuffle_close(struct shuffle *h);
/* Where a handler's next bytes go, and that they are there. */
void shuffle_room(struct shuffle *h, char **where, size_t *room);
bool shuffle_put(struct shuffle *h, size_t bytes);
/* The same of bytes that are elsewhere. */
bool shuffle_put_slice(struct shuffle *h, struct slice bytes);
/* There are no more. */
bool shuffle_end(struct shuffle *h);
/* All of it becomes the piece's object. */
bool shuffle_finish(struct shuffle *h);

/* What REDUCE's records are, where MAP's output is `o`. */
struct items_options shuffle_options(const struct job_task *t, const struct items_options *o);
/* The keys of the job's definition, as items_keys_init() wants them; 0: the whole record. */
size_t shuffle_keys(const struct job_definition *d, struct items_key_spec out[LIMIT_JOB_KEYS]);

#endif
