/* SPDX-License-Identifier: Apache-2.0 */
/* Plays one conformance case: the shell around the engine, without clock, disk or workers.
 * Every step's execution is checked, its header and frames are carried on as a ledger would, and
 * its documents are kept by ref, with their texts taken out of the frames in between. */
#ifndef STEPFLEET_TESTS_CONFORMANCE_PLAYER_H
#define STEPFLEET_TESTS_CONFORMANCE_PLAYER_H

#include "coordinator/engine/engine.h"

/* The result object, or NULL where the definition is refused (`err` says by what). */
const struct json_node *player_run(const struct json_node *c, struct arena *a, struct err *err);

/* Does the result agree with the case's "expect", member by member? Differences go to stderr. */
bool player_agrees(const struct json_node *c, const struct json_node *result, struct arena *a);

#endif
