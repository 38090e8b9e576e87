/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job/job.h"

#include "worker/job/phases.h"

static void job_work(struct stream *s)
{
    static void (*const phases[])(struct job_task * t) = {
        [JOB_PLAN] = job_plan, [JOB_MAP] = job_map,     [JOB_REDUCE] = job_reduce,
        [JOB_JOIN] = job_join, [JOB_CLEAN] = job_clean,
    };
    struct job_task t;

    if (task_read(&t, s)) {
        phases[t.phase](&t);
    }
}

static bool
job_start(struct handler_host *h, struct lease *l, struct lease_result *r, struct arena *memory)
{
    return stream_start(h, l, job_work, r, memory);
}

const struct handler_ops job_pieces = {
    .name = "job",
    .start = job_start,
    .stop = stream_stop,
    .progress = stream_progress,
    .upload_recorded = stream_upload_recorded,
};
