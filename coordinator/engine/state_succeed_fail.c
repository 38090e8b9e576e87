/* SPDX-License-Identifier: Apache-2.0 */
/* Succeed and Fail: the ends of a scope.
 * Source: Amazon States Language, states. */
#include "coordinator/engine/step.h"

void state_succeed_enter(struct turn *t, struct frame *f)
{
    struct value input;

    if (flow_input(t, f, &input)) {
        flow_finish(t, f, &input, ASL_NONE);
    }
}

void state_fail_enter(struct turn *t, struct frame *f)
{
    const struct asl_fail *fail = &frame_state(t, f)->fail;
    uint64_t seed = chance_seed(t->h, CHANCE_PARAMETERS, f->entered_event, 0);
    struct value input = value_of_doc(f->input);
    struct asl_scope_data s = {.a = t->a, .seed = &seed};
    struct failure why = {0};
    struct failure failure = {0};

    if (fail->error.is > ASL_STRING_LITERAL || fail->cause.is > ASL_STRING_LITERAL) {
        s = turn_scope(t, f, value_node(t, &input), &seed);
    }
    if (!asl_string_value(&fail->error, "ErrorPath", &s, &failure.error, &why) ||
        !asl_string_value(&fail->cause, "CausePath", &s, &failure.cause, &why)) {
        flow_evaluation_failed(t, f, why);
        return;
    }
    close_failed(t, f, failure);
}
