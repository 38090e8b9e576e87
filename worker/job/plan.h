/* SPDX-License-Identifier: Apache-2.0 */
/* PLAN's own seams: inputs.c finds the objects there are to be read, plan.c cuts them into shards,
 * sample.c looks at keys. */
#ifndef STEPFLEET_JOB_PLAN_H
#define STEPFLEET_JOB_PLAN_H

#include "worker/items/split.h"
#include "worker/job/plan_object.h"
#include "worker/job/task.h"

enum {
    PLAN_LOOK_BYTES = LIMIT_HEADER_BYTES + 1, /* of an object's front: its format, its header */
    PLAN_MANIFEST_BYTES = 64 * 1024 * 1024,
};

struct plan {
    struct job_task *task;
    struct arena texts;
    struct plan_object *objects;
    size_t object_count;
    size_t object_cap;
    struct plan_shard *shards;
    size_t shard_count;
    size_t shard_cap;
    struct items_options options;
    bool settled;         /* `options` are */
    uint64_t bytes;       /* of all objects */
    uint64_t shard_bytes; /* to be aimed at */
};

/* Fills `objects`, with sizes and ETags. False: failed. */
bool plan_find_inputs(struct plan *p);
/* Splitters for the partitions of a sort, in the plan's memory. False: failed. */
bool plan_sample(struct plan *p, uint32_t partitions, struct slice **out, size_t *count);

#endif
