/* SPDX-License-Identifier: Apache-2.0 */
/* Succeed: the good end of a scope. Source: Amazon States Language, states. */
#include "coordinator/engine/step.h"

static void enter(struct turn *t, struct frame *f)
{
    struct value input;

    if (flow_input(t, f, &input)) {
        flow_finish(t, f, &input, &input, ASL_NONE);
    }
}

const struct engine_kind state_succeed = {
    .enter = enter,
    .entered = HISTORY_SUCCEED_STATE_ENTERED,
    .exited = HISTORY_SUCCEED_STATE_EXITED,
};
