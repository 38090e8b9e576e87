/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about runs of jobs share. */
#ifndef STEPFLEET_CLI_JOB_RUN_H
#define STEPFLEET_CLI_JOB_RUN_H

#include "client/cli/cli.h"

/* How fast a phase gets on: from two looks at it. Zeroed: not looked at yet. */
struct job_pace {
    int64_t at_ms;
    uint64_t bytes;
    uint32_t done;
    const char *phase;     /* borrowed from the run looked at last: kept by the caller */
    double bytes_a_second; /* of late; 0: not known */
    double pieces_a_second;
};

/* Look again: the run as it is at that time. */
void job_pace_look(struct job_pace *p, const struct stepfleet_job_run *r, int64_t now_ms);
/* What the phase still takes; -1: not known. */
int64_t job_pace_left_ms(const struct job_pace *p, const struct stepfleet_job_run *r);
/* "RUNNING MAP  12 of 40 done, 8 running, 1 failed, 2 tried twice  34.2 MiB/s  12.0s left" */
struct slice
job_run_line(const struct job_pace *p, const struct stepfleet_job_run *r, struct arena *a);

bool job_run_is_open(const struct stepfleet_job_run *r);
/* Say how it ended: what it did on stdout, or error and cause on stderr; with --json all of it. */
int job_run_say_end(struct cli *cli, const struct stepfleet_job_run *r);
/* Wait for its end, without a word, and say it. */
int job_run_await(struct cli *cli, const char *run);

#endif
