/* SPDX-License-Identifier: Apache-2.0 */
/* Plays one conformance case against the real operations and the real ledger, under a clock that
 * jumps to what is due next: waits cost nothing. What is around the execution plays by the case.
 *
 * Beside the members of recorded cases, ours may have: "operations", what is done to the execution
 * ([{"op": "StopExecution" | "RedriveExecution", "seconds", "error", "cause"}]); "times" with a
 * function that raises; "seconds" with any behaviour and any action; "input_fill"
 * ({"member", "char", "count"}), a long text in the input. */
#ifndef STEPFLEET_TESTS_CONFORMANCE_PLAYER_H
#define STEPFLEET_TESTS_CONFORMANCE_PLAYER_H

#include "proto/base/json.h"

/* The result: an object, as a checker of cases reads it. In `a`. */
const struct json_node *player_run(const struct json_node *c, struct arena *a);

/* Does a result agree with the case's "expect"? Each part by itself; differences go to stderr. */
struct agreement {
    bool result;  /* status, output, error; refusals: the code */
    bool history; /* types, ids, links, and the details that are expected */
    bool cause;   /* causes; refusals: the message, diagnostics whole */
};
struct agreement
player_agrees(const struct json_node *c, const struct json_node *result, struct arena *a);

#endif
