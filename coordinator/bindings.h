/* SPDX-License-Identifier: Apache-2.0 */
/* [bind] of the configuration: which worker's handler carries out a service integration,
 *
 *   elasticmapreduce:addStep = run-emr-step
 *
 * for all its patterns. Fixed once read. */
#ifndef STEPFLEET_COORDINATOR_BINDINGS_H
#define STEPFLEET_COORDINATOR_BINDINGS_H

#include "proto/host/config.h"

struct binding {
    struct slice service; /* "elasticmapreduce", "aws-sdk:dynamodb" */
    struct slice action;  /* "addStep" */
    struct slice handler; /* a function's name, as workers offer it */
};

struct bindings {
    struct binding *items;
    size_t count;
};

/* All texts live in `file`, the table in `a`. ERR_CONFIG with file and line. */
enum err_code
bindings_read(struct config *file, struct arena *a, struct bindings *out, struct err *err);
/* As struct asl_options wants it; `arg` is a struct bindings. */
bool bindings_find(const void *arg,
                   struct slice service,
                   struct slice action,
                   struct slice *handler);

#endif
