/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of job runs: what a worker does with a lease that has a JobPiece. Each is a task with a
 * thread of its own (worker/handler/stream.h), on which all its calls of the object store are made.
 *
 *   plan.c    PLAN: what there is to be read, cut into shards; the plan object
 *   map.c     MAP: a shard through the handler, into a fragment or a run
 *   reduce.c  REDUCE: a partition of all runs, merged, through the handler or as it is
 *   join.c    JOIN: fragments put together, as the upload the coordinator commits
 *   clean.c   CLEAN: what is temporary goes
 *
 * They share the task (task.h), the plan object (plan_object.h), where a shard's records come from
 * (source.h), and where a fragment goes (sink.h). */
#ifndef STEPFLEET_JOB_JOB_H
#define STEPFLEET_JOB_JOB_H

#include "worker/handler/handler.h"

/* For handler_host.pieces. */
extern const struct handler_ops job_pieces;

#endif
