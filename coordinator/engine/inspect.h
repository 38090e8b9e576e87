/* SPDX-License-Identifier: Apache-2.0 */
/* One state alone, as AWS's TestState runs it: its input, what its fields make of it one after the
 * other, and what it ends with, where the work of a Task, Parallel or Map is given as its result or
 * its failure. A Task whose work is not given says what is to be done, and is looked at again, by
 * the same request, when that is known. Pure, and without an execution. JSONPath states alone.
 *
 * Source: AWS Step Functions API Reference, TestState; recorded answers of it. */
#ifndef STEPFLEET_ENGINE_INSPECT_H
#define STEPFLEET_ENGINE_INSPECT_H

#include "coordinator/engine/engine.h"

/* What the state's work came to: by a mock, or when it was done. */
struct inspect_work {
    const struct json_node *result; /* NULL: it failed */
    struct failure failure;
    unsigned kinds; /* of the failure, beside the state's own: enum asl_failure_kind */
    bool final;     /* neither retrier nor catcher is asked about it */
};

/* The work of a Task that is to be done. */
struct inspect_order {
    const struct json_node *arguments;
    const struct json_node *credentials; /* NULL: none */
    int64_t timeout_s;                   /* 0: none */
    int64_t heartbeat_s;                 /* likewise */
};

struct inspect_request {
    const struct asl_machine *machine;
    const struct asl_state *state;
    const struct json_node *source; /* the state as written */
    const struct json_node *input;
    const struct json_node *context;
    const struct json_node *variables; /* object; NULL: none */
    const struct inspect_work *work;   /* NULL: the state has none, or a Task's is not done yet */
    uint32_t retries;                  /* of the retrier that matches, so far */
    bool has_failures;
    uint32_t failures; /* iterations of a Map that failed */
    int64_t now_ms;
    uint64_t seed;
};

enum inspect_status {
    INSPECT_SUCCEEDED,
    INSPECT_FAILED,
    INSPECT_RETRIABLE,
    INSPECT_CAUGHT,
    INSPECT_ORDERED, /* no end yet: `order` is to be done first */
};

struct inspect_result {
    enum inspect_status status;
    const struct json_node *output; /* NULL: none */
    struct failure failure;         /* FAILED, RETRIABLE, CAUGHT */
    struct slice next;              /* empty: none */
    const struct json_node *data;   /* AWS's inspectionData */
    struct inspect_order order;     /* ORDERED */
};

/* Texts of the result are in `a`, or the request's. */
void engine_inspect(const struct inspect_request *q, struct arena *a, struct inspect_result *out);

/* Has the kind a Retry, and with it the context's State.RetryCount? */
bool engine_can_retry(enum asl_kind kind);

#endif
