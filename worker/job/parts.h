/* SPDX-License-Identifier: Apache-2.0 */
/* An output of layout `parts`: one object a piece of the last phase, and a manifest at the output
 * key, which is what the coordinator commits:
 *
 *   {"run":"jr_...","format":"csv","parts":[{"key":"...","bytes":123},...]}
 *
 * Part i is "<output key>.parts/<run id>/part-00000i", valid data of its format by itself; a piece
 * that gave nothing has none. The manifest begins with the run's id, so that its first bytes tell
 * whose parts count. */
#ifndef STEPFLEET_JOB_PARTS_H
#define STEPFLEET_JOB_PARTS_H

#include "worker/job/task.h"

/* "<output key>.parts/<run id>/" */
struct slice parts_prefix(struct job_task *t);
struct slice parts_key(struct job_task *t, uint32_t i);
/* The mark of the run's output, whatever its layout. */
struct slice parts_mark(struct job_task *t);
/* How the manifest begins: nothing else of the run does. */
struct slice parts_manifest_head(struct job_task *t);
/* Is the object at the output key this run's manifest? */
enum err_code parts_committed(struct job_task *t, bool *out, struct err *err);

#endif
