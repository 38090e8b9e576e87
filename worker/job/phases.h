/* SPDX-License-Identifier: Apache-2.0 */
/* What a piece of each phase does, from its beginning to its end: the stream fails, or the task
 * succeeds. */
#ifndef STEPFLEET_JOB_PHASES_H
#define STEPFLEET_JOB_PHASES_H

#include "worker/job/task.h"

void job_plan(struct job_task *t);
void job_map(struct job_task *t);
void job_reduce(struct job_task *t);
void job_join(struct job_task *t);
void job_clean(struct job_task *t);

#endif
