/* SPDX-License-Identifier: Apache-2.0 */
/* Where a stage's data is, from its event alone: the convention both sides follow, so that the
 * worker knows what to stream and the coordinator can check what a worker asks to commit.
 *
 *   input   executions/{executionId}/{previousStage}/output.json; the first stage reads initialData
 *   output  executions/{executionId}/{currentStage}/output.json
 *   bucket  workflowBucket
 *
 * Fields are checked against traversal: no '/', no control characters, not "." or "..", not empty.
 * An event may name its keys itself with inputKey and outputKey (inside a Map), checked
 * component-wise. Pure. Source: the conventions of the workflow document (README, Stages). */
#ifndef STEPFLEET_STAGE_H
#define STEPFLEET_STAGE_H

#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/base/json.h"

struct stage_places {
    struct slice bucket;
    struct slice input_key; /* len 0: none, read `initial` */
    struct slice output_key;
    const struct json_node *initial; /* initialData, NULL: absent */
};

/* ERR_VALIDATION: the event does not say, or says what it must not. */
enum err_code stage_find_places(const struct json_node *event,
                                struct arena *a,
                                struct stage_places *out,
                                struct err *err);

#endif
