/* SPDX-License-Identifier: Apache-2.0 */
/* History events as log records, for machines whose loggingConfiguration asks for them: a JSON
 * object on a line, in a file a log group, DIRECTORY/GROUP.jsonl with '~' for each '/' of its name.
 * On a thread of its own, which reads what is durable and appends; a file may be moved away at any
 * time. As AWS's, records are written as well as can be: what has not been written yet is lost with
 * the program, and where the disk is full, or far too slow, they are left out, which is said.
 *
 * Source: AWS Step Functions developer guide, "Using CloudWatch Logs to log execution history". */
#ifndef STEPFLEET_API_EXECUTION_LOG_H
#define STEPFLEET_API_EXECUTION_LOG_H

#include "coordinator/api/api.h"

struct execution_log;

/* `directory` is made where it is missing; its parent must be there. Needs `api` to the end. */
enum err_code execution_log_open(struct api *api,
                                 const char *directory,
                                 struct execution_log **out,
                                 struct err *err);
/* Write it, and free it. On the loop's thread. */
void execution_log_put(struct execution_log *g, struct ledger_logged *x);
/* Writes what it has, and ends. */
void execution_log_close(struct execution_log *g);

#endif
