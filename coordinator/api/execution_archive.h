/* SPDX-License-Identifier: Apache-2.0 */
/* Ended executions into the object store, before their rows go: a few threads, each with a client
 * of its own, one object an execution (archive_text.h says which, and what is in it). A short one
 * is put at once, a long one streams up in constant memory. The ledger is told once it is durable,
 * or what went wrong; it asks again, for as long as it takes. */
#ifndef STEPFLEET_API_EXECUTION_ARCHIVE_H
#define STEPFLEET_API_EXECUTION_ARCHIVE_H

#include "client/s3/s3.h"
#include "coordinator/api/archive_text.h"

struct execution_archive;

struct execution_archive_config {
    const struct s3_config *objects; /* lives to the end */
    struct archive_place place;      /* likewise */
    void *arg;
    void (*done)(void *arg, struct ledger_archive *a); /* on a thread of the archive's */
};

/* Needs `api` to the end. */
enum err_code execution_archive_open(struct api *api,
                                     const struct execution_archive_config *config,
                                     struct execution_archive **out,
                                     struct err *err);
/* Archive it, then `done`. On the loop's thread. */
void execution_archive_put(struct execution_archive *x, struct ledger_archive *a);
/* Ends what is under way; the rest is not done, and the ledger's still. */
void execution_archive_close(struct execution_archive *x);

#endif
