/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler's end means: the result, or the failure's error and cause, in the words AWS Lambda
 * uses for a function that fails, so that Retry and Catch rules written for it hold. Pure; all
 * texts are made in the arena.
 *
 *   exit 0, JSON on stdout (nothing: null)     success
 *   exit 0, anything else                      Runtime.MarshalError
 *   longer than the function's output_max      Function.ResponseSizeTooLarge
 *   other exit, with {"errorType", ...}        that errorType (Lambda.Unknown without one); cause:
 * that JSON other exit, killed by a signal             Runtime.ExitError, with the end of stderr
 *   too many processes                         Runtime.ExitError
 *   the function's own timeout                 Sandbox.Timedout
 *   the lease's deadline                       States.Timeout
 *   it cannot be run                           Runtime.InvalidEntrypoint
 *
 * A persistent handler says so itself: RESULT is an exit 0, FAILURE another exit; where it ends
 * without a word, any exit is a failure. What makes no sense is Runtime.MarshalError.
 * Source: AWS Lambda developer guide, "Error handling and automatic retries"; reference, errors. */
#ifndef STEPFLEET_WORKER_RESULT_H
#define STEPFLEET_WORKER_RESULT_H

#include <stdarg.h>

#include "worker/lease/lease.h"
#include "worker/process/process.h"

enum handler_word {
    HANDLER_EXIT, /* it is no persistent one: its exit says it all */
    HANDLER_NO_WORD,
    HANDLER_RESULT,
    HANDLER_FAILURE,
};

struct handler_end {
    struct process_exit exit;
    enum handler_word word;
    const char *broken; /* how a persistent one broke the framing, and was ended for; NULL */
    const char *command;
    struct slice text; /* what it said as its result, or as its error */
    bool text_cut;     /* there was more than the limit */
    size_t text_max;
    struct slice tail;   /* of stderr */
    int64_t timeout_ms;  /* the function's own */
    int64_t deadline_ms; /* the lease's */
};

/* All but the success: true where *r is the failure. */
bool result_failure(const struct handler_end *e, struct arena *a, struct lease_result *r);
/* Of a handler whose text is its result. */
void result_judge(const struct handler_end *e, struct arena *a, struct lease_result *r);
/* A failure with cause {"errorType": error, "errorMessage": formatted}. */
void result_fail(struct lease_result *r, struct arena *a, const char *error, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void result_vfail(struct lease_result *r,
                  struct arena *a,
                  const char *error,
                  const char *fmt,
                  va_list ap);

/* The mark of a stage's output: ARN/state entry/attempt/epoch.counter; the execution's name stands
 * for an ARN that is too long. */
struct slice result_mark(const struct lease_grant *g, struct arena *a);

#endif
