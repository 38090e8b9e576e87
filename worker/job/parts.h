/* SPDX-License-Identifier: Apache-2.0 */
/* An output of layout `parts`: one object a piece of the last phase, and a manifest at the output
 * key, which is what the coordinator commits:
 *
 *   {"run":"jr_...","attempt":"7.345","format":"csv","parts":[{"key":"...","bytes":123},...]}
 *
 * Part i is "<output key>.parts/<run id>/<attempt>/part-00000i", valid data of its format by
 * itself; a piece that gave nothing has none. The attempt is JOIN's, so that what a lost one left
 * behind is told from what counts. The manifest begins with run and attempt: its first bytes tell
 * whose parts count. */
#ifndef STEPFLEET_JOB_PARTS_H
#define STEPFLEET_JOB_PARTS_H

#include "worker/job/task.h"

/* "<output key>.parts/<run id>/": of all attempts */
struct slice parts_prefix(struct job_task *t);
/* Of this one. */
struct slice parts_key(struct job_task *t, uint32_t i);
/* "<run id>/<attempt>": the mark of the run's output, whatever its layout. */
struct slice parts_mark(struct job_task *t);
/* How the manifest begins: no other attempt's does. */
struct slice parts_manifest_head(struct job_task *t);
/* Whose parts the manifest at the output key names: the prefix of their keys; empty: none of this
 * run's. */
enum err_code parts_committed(struct job_task *t, struct slice *out, struct err *err);

#endif
