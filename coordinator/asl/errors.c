/* SPDX-License-Identifier: Apache-2.0 */
/* Which failures a retrier or catcher means. States.Runtime is never caught, named or not.
 * Source: Amazon States Language, error handling; recorded: a catcher naming States.Runtime did not
 * stop the failure. */
#include "coordinator/asl/eval.h"

static bool one_matches(struct slice pattern, struct slice error, bool task, bool heartbeat)
{
    if (slice_eq(pattern, error) || slice_eq_str(pattern, "States.ALL")) {
        return true;
    }
    if (slice_eq_str(pattern, "States.TaskFailed")) {
        return task && !slice_eq_str(error, "States.Timeout");
    }
    return heartbeat && slice_eq_str(pattern, "States.HeartbeatTimeout");
}

bool asl_error_matches(const struct slice *errors,
                       size_t count,
                       struct slice error,
                       bool task,
                       bool heartbeat)
{
    if (slice_eq_str(error, "States.Runtime")) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (one_matches(errors[i], error, task, heartbeat)) {
            return true;
        }
    }
    return false;
}
