/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the column family JOB: jobs, their runs, and the pieces of a run's phases. As in codec.h:
 * a version byte, then the members; decoded slices borrow from the bytes, arrays are in `a`. A
 * later version is ERR_VERSION, what cannot be is ERR_CORRUPT. */
#ifndef STEPFLEET_STORE_ROW_JOB_H
#define STEPFLEET_STORE_ROW_JOB_H

#include "coordinator/engine/engine.h"
#include "coordinator/job/row.h"
#include "proto/base/buf.h"

struct job_row {
    int64_t created_ms;
    int64_t updated_ms;
    struct slice definition; /* JSON, every member written out */
};
void job_row_encode(const struct job_row *r, struct buf *out);
enum err_code job_row_decode(struct slice bytes, struct job_row *out, struct err *err);

/* A run as it is. What it was started with does not change: definition to parent. */
struct job_run_row {
    struct slice id; /* "jr_..." */
    struct slice job;
    struct slice definition; /* as it was then */
    struct slice arguments;  /* JSON object: merged */
    struct slice worker_type;
    uint32_t timeout_minutes;
    uint32_t workers;
    uint32_t attempt; /* of Glue: 0 */
    struct parent_task parent;
    struct job_run_header header;
    struct token plan;         /* of the attempt whose plan counts; zero: none yet */
    struct task_output output; /* JOIN's upload, as in a frame; bucket.ptr NULL: none */
    struct token upload;       /* whose it is */
    struct job_result joined;  /* what that attempt did, once it has reported; no counters */
};
void job_run_row_encode(const struct job_run_row *r, struct buf *out);
enum err_code
job_run_row_decode(struct slice bytes, struct arena *a, struct job_run_row *out, struct err *err);

void job_piece_row_encode(const struct job_piece_state *r, struct buf *out);
enum err_code job_piece_row_decode(struct slice bytes,
                                   struct arena *a,
                                   struct job_piece_state *out,
                                   struct err *err);

#endif
