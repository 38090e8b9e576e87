/* SPDX-License-Identifier: Apache-2.0 */
/* The directory tasks' directories are made in: the one configured, or one of the worker's own,
 * ${TMPDIR:-/tmp}/stepfleet-worker-XXXXXX.
 *
 * A worker that is killed cannot remove its own, so each holds a lock in it for as long as it
 * lives, and one that starts removes what others of its user left: directories of that name with a
 * lock file that nobody holds. One without that file is let be: whoever made it may be about to
 * lock it. A worker whose lock was taken in that moment finds its directory gone, and makes
 * another. */
#ifndef STEPFLEET_WORKER_SCRATCH_H
#define STEPFLEET_WORKER_SCRATCH_H

#include "proto/base/err.h"

struct scratch {
    char *path;
    int lock; /* held; -1: the directory is not our own */
};

/* `configured` NULL: one of our own. Removes what dead workers left. */
enum err_code scratch_open(struct scratch *s, const char *configured, struct err *err);
/* Removes our own. No task runs any more. */
void scratch_close(struct scratch *s);

#endif
