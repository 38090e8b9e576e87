/* SPDX-License-Identifier: Apache-2.0 */
/* A task as AWS Lambda shows an invocation: its request id, the function's version, and the log
 * with the lines Lambda puts around a handler's own.
 * Source: AWS Lambda developer guide, "Log and monitor functions"; Invoke, LogType Tail. */
#ifndef STEPFLEET_WORKER_INVOCATION_H
#define STEPFLEET_WORKER_INVOCATION_H

#include "worker/handler/handler.h"

/* A UUID made of the lease's token: no other attempt has it. */
struct slice invocation_request_id(const struct lease_grant *g, struct arena *a);
/* The lease's qualifier, "$LATEST" without one. */
struct slice invocation_version(const struct lease_grant *g);

/* What a persistent handler is told of a task beside its event: JSON, of one level. */
struct slice invocation_begin(const struct lease *l, const char *directory, struct arena *a);

/* The last LIMIT_LOG_TAIL_BYTES of the invocation's log: START, what the handler wrote to stderr,
 * END, REPORT. Without a `tail` there was no process, and `exit` is zero. */
struct slice invocation_log(const struct lease *l,
                            const struct process_exit *exit,
                            const struct tail *tail,
                            struct arena *a);

#endif
