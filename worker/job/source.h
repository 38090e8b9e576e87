/* SPDX-License-Identifier: Apache-2.0 */
/* A shard's records as bytes: read out of its object as the plan found it, unpacked where it is
 * packed, cut at its records, without what stands around them (brackets, CSV header). In constant
 * memory, and without waiting: what has not come yet is asked for again. */
#ifndef STEPFLEET_JOB_SOURCE_H
#define STEPFLEET_JOB_SOURCE_H

#include "worker/items/cut.h"
#include "worker/items/fragment.h"
#include "worker/job/task.h"
#include "worker/job/unpack.h"

struct job_source {
    struct job_task *task;
    struct plan_head head;
    struct plan_shard shard;
    struct plan_object object;

    struct s3_reader *reader;
    uint64_t at;  /* behind what the reader is to bring */
    uint64_t gap; /* how much the next reader brings */
    struct items_cut cut;
    size_t chunk;           /* bytes of the reader to be consumed when `pieces` are */
    struct slice pieces[2]; /* what is there now, in order */

    struct unpack *unpack; /* NULL: it is not packed */
    char *unpacked;
    size_t unpacked_bytes; /* the last round's */
    struct items_fragment unwrap;
    bool packed_end;
    struct items_walk walk; /* counts records */
};

/* The plan's rows for that shard, and the object's first bytes asked for. False: failed. */
bool source_open(struct job_source *src, struct job_task *t, uint32_t shard);
void source_close(struct job_source *src);
/* The next bytes, until they are taken; empty: none now, unless *end. False: failed. */
bool source_next(struct job_source *src, struct slice *out, bool *end);
void source_taken(struct job_source *src, size_t bytes);
/* The input's header, with its line break; whole once the first byte was given. */
struct slice source_header(const struct job_source *src);
/* Wait for the first byte: false where it failed, or is to end. *any: there is one. */
bool source_await(struct job_source *src, bool *any);

/* Of the plan that counts. ERR_* as the store gives them. */
enum err_code plan_read_head(struct job_task *t, struct plan_head *out, struct err *err);
/* Its splitters, in the task's memory. */
enum err_code plan_read_splitters(struct job_task *t,
                                  const struct plan_head *head,
                                  struct slice **out,
                                  size_t *count,
                                  struct err *err);

#endif
