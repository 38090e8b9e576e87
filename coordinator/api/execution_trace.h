/* SPDX-License-Identifier: Apache-2.0 */
/* Ended executions as spans: one of the execution, below it one of each state, each iteration of a
 * Map, and below those one of each attempt of a task. They are made of the history when the
 * execution has ended, on a thread of their own; while it runs nothing is kept for them. What
 * became too old or too much is left out (otlp.h). A redriven execution is told of again, whole,
 * under the same ids. */
#ifndef STEPFLEET_API_EXECUTION_TRACE_H
#define STEPFLEET_API_EXECUTION_TRACE_H

#include "client/otlp/otlp.h"
#include "coordinator/api/api.h"

struct execution_trace;

/* Needs `api` and `otlp` to the end. ERR_NO_MEMORY: no thread. */
enum err_code execution_trace_open(struct api *api,
                                   struct otlp *otlp,
                                   struct execution_trace **out,
                                   struct err *err);
/* Tell of it, and free it. On the loop's thread. */
void execution_trace_put(struct execution_trace *x, struct ledger_logged *ended);
/* Ends with what is under way; the rest is left out. */
void execution_trace_close(struct execution_trace *x);

#endif
