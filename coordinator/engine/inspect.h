/* SPDX-License-Identifier: Apache-2.0 */
/* One state alone, as AWS's TestState runs it: its input, what its fields make of it one after the
 * other, and what it ends with, where the work of a Task, Parallel or Map is given as its result or
 * its failure. Pure, and without an execution. JSONPath states alone.
 *
 * Source: AWS Step Functions API Reference, TestState; recorded answers of it. */
#ifndef STEPFLEET_ENGINE_INSPECT_H
#define STEPFLEET_ENGINE_INSPECT_H

#include "coordinator/engine/engine.h"

/* What the state's work came to. */
struct inspect_mock {
    const struct json_node *result; /* NULL: it failed */
    struct failure failure;
};

struct inspect_request {
    const struct asl_machine *machine;
    const struct asl_state *state;
    const struct json_node *source; /* the state as written */
    const struct json_node *input;
    const struct json_node *context;
    const struct json_node *variables; /* object; NULL: none */
    const struct inspect_mock *mock;   /* NULL: the state needs none */
    uint32_t retries;                  /* of the retrier that matches, so far */
    bool has_failures;
    uint32_t failures; /* iterations of a Map that failed */
    int64_t now_ms;
    uint64_t seed;
};

enum inspect_status { INSPECT_SUCCEEDED, INSPECT_FAILED, INSPECT_RETRIABLE, INSPECT_CAUGHT };

struct inspect_result {
    enum inspect_status status;
    const struct json_node *output; /* NULL: none */
    struct failure failure;         /* not SUCCEEDED */
    struct slice next;              /* empty: none */
    const struct json_node *data;   /* AWS's inspectionData */
};

/* Texts of the result are in `a`, or the request's. */
void engine_inspect(const struct inspect_request *q, struct arena *a, struct inspect_result *out);

/* Has the kind a Retry, and with it the context's State.RetryCount? */
bool engine_can_retry(enum asl_kind kind);

#endif
