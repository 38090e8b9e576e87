/* SPDX-License-Identifier: Apache-2.0 */
/* Fail: the bad end of a scope, under the error and cause it gives.
 * Source: Amazon States Language, states. */
#include "coordinator/engine/step.h"

static void enter(struct turn *t, struct frame *f)
{
    const struct asl_fail *fail = &frame_state(t, f)->fail;
    uint64_t seed = chance_seed(t->h, CHANCE_PARAMETERS, f->entered_event, 0);
    struct value input = value_of_doc(f->input);
    struct asl_scope_data s = turn_scope(
        t, f, asl_string_uses(&fail->error) | asl_string_uses(&fail->cause), &input, &seed);
    struct failure why = {0};
    struct failure failure = {0};

    if (!asl_string_value(&fail->error, "ErrorPath", &s, &failure.error, &why) ||
        !asl_string_value(&fail->cause, "CausePath", &s, &failure.cause, &why)) {
        flow_evaluation_failed(t, f, why);
    } else {
        flow_failed(t, f, failure, 0);
    }
}

const struct engine_kind state_fail = {
    .enter = enter,
    .entered = HISTORY_FAIL_STATE_ENTERED,
};
