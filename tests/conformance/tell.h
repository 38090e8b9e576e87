/* SPDX-License-Identifier: Apache-2.0 */
/* Says what a case's script has someone do, for players outside this process: a document in, a
 * document out.
 *
 *   {"case", "state", "function", "payload" (text), "submits", "nth"}: of the nth attempt at a task
 *   {"case", "activity" (its row in "tasks"), "input" (text)}: of who took an activity's task
 *   {"case"}: what is done to the execution itself
 *   -> {"deeds": [{"kind", "after_ms", "text", "error", "cause"}],
 *       "token": of the task, "refusal": why the case cannot be played,
 *       "bindings": {"SERVICE:ACTION": handler}} */
#ifndef STEPFLEET_TESTS_CONFORMANCE_TELL_H
#define STEPFLEET_TESTS_CONFORMANCE_TELL_H

#include "proto/base/json.h"

const struct json_node *tell(const struct json_node *question, struct arena *a);

#endif
