/* SPDX-License-Identifier: Apache-2.0 */
/* Bad records put aside: a source's records one by one, those that are what their format says
 * passed on, the others told of (rejects.h), with offsets in the object's bytes, or in what a
 * packed object unpacks to. Or, to find out why a handler failed, the first bad one is the end. */
#ifndef STEPFLEET_JOB_FILTER_H
#define STEPFLEET_JOB_FILTER_H

#include "worker/items/check.h"
#include "worker/job/rejects.h"
#include "worker/job/source.h"

struct job_filter {
    struct job_source *source;
    struct job_rejects *rejects; /* NULL: the first bad record fails the task */
    struct items_records records;
    struct items_check check;
    bool begun;
    bool over;  /* the records have ended */
    bool any;   /* a good one was passed on */
    size_t fed; /* bytes of the source's that `records` has */
    struct buf good;
    size_t given; /* of them */
};

/* After the source's first byte is there. False: failed. */
bool filter_open(struct job_filter *f, struct job_source *src, struct job_rejects *rejects);
void filter_close(struct job_filter *f);
/* As source_next() and source_taken(). */
bool filter_next(struct job_filter *f, struct slice *out, bool *end);
void filter_taken(struct job_filter *f, size_t bytes);

#endif
