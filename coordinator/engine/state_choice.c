/* SPDX-License-Identifier: Apache-2.0 */
/* Choice: the first rule that holds names the next state; the output is the input. Where a rule
 * matched, its Assign counts, not the state's, which is the Default's.
 * Source: Amazon States Language, states and variables. */
#include "coordinator/engine/step.h"

static void enter(struct turn *t, struct frame *f)
{
    const struct asl_state *st = frame_state(t, f);
    uint64_t seed = chance_seed(t->h, CHANCE_PARAMETERS, f->entered_event, 0);
    const struct asl_template *assign = st->assign;
    struct asl_scope_data s;
    struct value input;
    struct outcome out;
    struct failure why = {0};
    uint32_t next;
    size_t rule;

    if (!flow_input(t, f, &input)) {
        return;
    }
    s = turn_scope(t, f, st->choice.uses, &input, &seed);
    if (asl_choose(&st->choice, &s, &next, &rule, &why)) {
        if (rule < st->choice.rule_count) {
            assign = st->choice.rule_assign[rule];
        }
        if (flow_outcome(t, f, &input, assign, &input, &out, &why)) {
            flow_exit(t, f, &out, next);
            return;
        }
    }
    flow_evaluation_failed(t, f, why);
}

const struct engine_kind state_choice = {
    .enter = enter,
    .entered = HISTORY_CHOICE_STATE_ENTERED,
    .exited = HISTORY_CHOICE_STATE_EXITED,
};
