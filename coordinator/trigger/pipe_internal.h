/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a pipe share: pipe.c its states and batches; pipe_check.c its invariants;
 * pipe_outcome.c what the output of a run says of its batch. */
#ifndef STEPFLEET_TRIGGER_PIPE_INTERNAL_H
#define STEPFLEET_TRIGGER_PIPE_INTERNAL_H

#include <assert.h>

#include "coordinator/trigger/pipe.h"

struct pipe {
    struct pipe_settings settings;
    enum pipe_state state;
    bool wanted;
    struct pipe_batch *gathering; /* NULL: none; neither empty nor full */
    struct list due;
    struct list flight;
    size_t in_flight;
    struct hash groups; /* pipe_item.by_group */
};

bool batch_shares_group(const struct pipe_batch *a, const struct pipe_batch *b);

#endif
