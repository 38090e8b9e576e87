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
    const struct json_node *node;
    struct asl_scope_data s;

    *out = *input;
    if (st->parameters != NULL) {
        s = turn_scope(t, f, value_node(t, input), &seed);
        if (!asl_apply_template(st->parameters, &s, &node, why)) {
            return false;
        }
        *out = value_of_node(node);
    }
    if (st->result != NULL) {
        *out = value_of_node(st->result);
    }
    return true;
}

void state_pass_enter(struct turn *t, struct frame *f)
{
    struct value input;
    struct value result;
    struct value output;
    struct failure why = {0};

    if (!flow_input(t, f, &input)) {
        return;
    }
    if (!make(t, f, &input, &result, &why) || !flow_result_path(t, f, &result, &output, &why)) {
        flow_evaluation_failed(t, f, why);
        return;
    }
    flow_finish(t, f, &output, frame_state(t, f)->next);
}
