/* SPDX-License-Identifier: Apache-2.0 */
/* Which failures a retrier or catcher means. States.Runtime is never caught, named or not.
 * Source: Amazon States Language, error handling; recorded: a catcher naming States.Runtime did not
 * stop the failure. */
#include "coordinator/asl/eval.h"

static bool one_matches(struct slice pattern, struct slice error, unsigned kinds)
{
    if (slice_eq(pattern, error) || slice_eq_str(pattern, "States.ALL")) {
        return true;
    }
    if (slice_eq_str(pattern, "States.TaskFailed")) {
        return (kinds & ASL_FAILED_TASK) != 0 && !slice_eq_str(error, "States.Timeout");
    }
    if (slice_eq_str(pattern, "States.HeartbeatTimeout")) {
        return (kinds & ASL_FAILED_HEARTBEAT) != 0;
    }
    return (kinds & ASL_FAILED_BRANCH) != 0 && slice_eq_str(pattern, "States.BranchFailed");
}

bool asl_error_matches(const struct slice *errors, size_t count, struct slice error, unsigned kinds)
{
    if (slice_eq_str(error, "States.Runtime")) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (one_matches(errors[i], error, kinds)) {
            return true;
        }
    }
    return false;
}
