/* SPDX-License-Identifier: Apache-2.0 */
/* What the winning attempts of the phase before left: their objects' sizes, by one list of them
 * all, and of CSV their headers. */
#ifndef STEPFLEET_JOB_FRAGMENTS_H
#define STEPFLEET_JOB_FRAGMENTS_H

#include "worker/job/task.h"

struct fragment_object {
    struct slice key;
    uint64_t size;
    bool found;
    uint64_t bytes; /* of them, the fragment's */
    struct slice header;
};

struct fragment_objects {
    struct fragment_object *list; /* by piece; in the task's memory */
    size_t count;
    uint64_t bytes; /* of all */
};

/* The objects of that kind ('m', 'r', 'j', 'q') of the winners. `all`: one that is missing is an
 * error, ERR_NOT_FOUND; else it has not been found. */
enum err_code fragments_find(struct job_task *t,
                             char kind,
                             bool all,
                             struct fragment_objects *out,
                             struct err *err);
/* Take the feet off that have headers. */
enum err_code
fragments_read_headers(struct job_task *t, struct fragment_objects *f, struct err *err);

/* Those that were found, one behind the other, as an object. One that is small is there at once,
 * without an upload that could be left behind; the mark is a larger one's. */
enum err_code fragments_put(struct job_task *t,
                            const struct fragment_objects *from,
                            struct slice key,
                            struct slice mark,
                            struct err *err);

/* Append [from, to) of an object of the run's: by the store itself where it is `copy_min` or more.
 */
enum err_code fragment_append(struct job_task *t,
                              struct s3_writer *w,
                              struct slice key,
                              uint64_t from,
                              uint64_t to,
                              uint64_t copy_min,
                              struct err *err);
/* The least that is worth a copy, so that an object of `bytes` needs no more parts than it may. */
uint64_t fragment_copy_min(uint64_t bytes);

#endif
