/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about jobs share.
 *
 *   operation_job.c      definitions
 *   operation_job_run.c  runs: start, stop, wait, list
 *   describe_job_run.c   a run as a message, from memory and from the store */
#ifndef STEPFLEET_API_OPERATION_JOB_H
#define STEPFLEET_API_OPERATION_JOB_H

#include "coordinator/api/api.h"
#include "coordinator/store/row_job.h"

/* ERR_JOB_NOT_FOUND, in AWS Glue's words. */
enum err_code find_job(struct api *a, const char *name, struct ledger_job **out, struct err *err);
/* The number of the run of that id and, where one is named, of that job; ERR_JOB_NOT_FOUND. */
enum err_code
find_run(struct api *a, const char *job, const char *id, uint64_t *out, struct err *err);

/* What a run's row says of it: all but its pieces; in `a`. `brief`: without its documents. */
void describe_run_row(const struct job_run_row *row,
                      bool brief,
                      struct arena *a,
                      Stepfleet__JobRun *out);
/* Reply with the run, its pieces as asked for: what is in memory now, and the rest from the store,
 * read on another thread. `asked` may be NULL. */
void describe_run(struct call *c, uint64_t number, const Stepfleet__JobRunRequest *asked);

#endif
