/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that writes the ledger's batches, one at a time, while the next one fills. */
#ifndef STEPFLEET_COORDINATOR_COMMITTER_H
#define STEPFLEET_COORDINATOR_COMMITTER_H

#include "coordinator/store/store.h"

struct committer;

/* Of one batch. */
struct commit_took {
    uint64_t us;
    uint64_t bytes;
};

/**
 * @param store  outlives it
 * @param woken  is called on its thread where a batch was written, or could not be
 * @return NULL: no thread can be started
 */
struct committer *committer_open(struct store *store, void (*woken)(void *arg), void *arg);
/* The batch stays the caller's, and as it is until it is taken. None is under way. */
void committer_put(struct committer *c, struct store_batch *b);
/* @return a batch was written, or not: `rc`, and `err` where it is not OK; how long it took */
bool committer_take(struct committer *c,
                    struct commit_took *took,
                    enum err_code *rc,
                    struct err *err);
/* Waits for the batch under way. */
void committer_close(struct committer *c);

#endif
