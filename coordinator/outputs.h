/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs of stages in a directory store, which has no lifecycle of its own as a bucket has: those
 * that are old enough are removed, and the directories they leave empty. Never those of an
 * execution that runs: those below executions/NAME/, as stages write them. */
#ifndef STEPFLEET_COORDINATOR_OUTPUTS_H
#define STEPFLEET_COORDINATOR_OUTPUTS_H

#include "client/s3/s3.h"
#include "coordinator/store/store.h"

struct outputs {
    struct store *store;
    uint64_t account;
    const char *root; /* of the directory store */
    struct slice bucket;
    int64_t before_ms; /* those last written before go */
};

/* On any thread; takes as long as there are objects. @param[out] removed  so many, on errors too.
 */
enum err_code
outputs_remove(struct s3_client *c, const struct outputs *o, size_t *removed, struct err *err);

#endif
