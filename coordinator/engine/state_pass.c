/* SPDX-License-Identifier: Apache-2.0 */
/* Pass: Result, or Parameters over the input, or the input itself; put into the raw input.
 * Source: Amazon States Language, states. */
#include "coordinator/engine/step.h"

/* What the state makes of its effective input. */
static bool
make(struct turn *t, struct frame *f, struct value *input, struct value *out, struct failure *why)
{
    const struct asl_state *st = frame_state(t, f);
    uint64_t seed = chance_seed(t->h, CHANCE_PARAMETERS, f->entered_event, 0);

    *out = *input;
    if (st->parameters != NULL && !flow_template(t, f, st->parameters, seed, input, out, why)) {
        return false;
    }
    if (st->result != NULL) {
        *out = value_of_node(st->result);
    }
    return true;
}

static void enter(struct turn *t, struct frame *f)
{
    struct value input;
    struct value result;
    struct value output;
    struct failure why = {0};

    if (!flow_input(t, f, &input)) {
        return;
    }
    if (make(t, f, &input, &result, &why) && flow_result_path(t, f, &result, &output, &why)) {
        flow_finish(t, f, &output, &result, frame_state(t, f)->next);
    } else {
        flow_evaluation_failed(t, f, why);
    }
}

const struct engine_kind state_pass = {
    .enter = enter,
    .entered = HISTORY_PASS_STATE_ENTERED,
    .exited = HISTORY_PASS_STATE_EXITED,
};
