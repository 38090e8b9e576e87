/* SPDX-License-Identifier: Apache-2.0 */
/* Choice: the first rule that holds names the next state; the output is the input.
 * Source: Amazon States Language, states. */
#include "coordinator/engine/step.h"

void state_choice_enter(struct turn *t, struct frame *f)
{
    const struct asl_state *st = frame_state(t, f);
    uint64_t seed = chance_seed(t->h, CHANCE_PARAMETERS, f->entered_event, 0);
    struct asl_scope_data s;
    struct value input;
    struct failure why = {0};
    uint32_t next;

    if (!flow_input(t, f, &input)) {
        return;
    }
    s = turn_scope(t, f, value_node(t, &input), &seed);
    if (!asl_choose(&st->choice, &s, &next, &why)) {
        flow_evaluation_failed(t, f, why);
        return;
    }
    flow_finish(t, f, &input, next);
}
