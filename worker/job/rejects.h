/* SPDX-License-Identifier: Apache-2.0 */
/* Bad records of a piece, told of in an object of their own, a line of JSON each:
 *   {"object": "in/a.csv", "offset": 123, "reason": "..."}
 * There is no object where there is no bad record. */
#ifndef STEPFLEET_JOB_REJECTS_H
#define STEPFLEET_JOB_REJECTS_H

#include "worker/job/task.h"

struct job_rejects {
    struct job_task *task;
    struct slice key;
    struct buf lines;         /* not in the store's hands yet */
    struct s3_writer *writer; /* NULL: none was begun */
    uint64_t count;
};

void rejects_open(struct job_rejects *r, struct job_task *t);
void rejects_close(struct job_rejects *r);
/* May wait for the store. False: failed. */
bool rejects_add(struct job_rejects *r, struct slice object, uint64_t offset, const char *reason);
/* No more: the object is there now, and the task's result says how many. False: failed. */
bool rejects_finish(struct job_rejects *r);

#endif
