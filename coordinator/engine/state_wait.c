/* SPDX-License-Identifier: Apache-2.0 */
/* Wait: a timer, or straight on where the time has come already. The frame keeps nothing but its
 * due time; paths are read again when it fires, which gives the same. Source: Amazon States
 * Language, states. */
#include "coordinator/engine/step.h"

void state_wait_enter(struct turn *t, struct frame *f)
{
    const struct asl_wait *w = &frame_state(t, f)->wait;
    struct asl_scope_data s = {.a = t->a};
    uint64_t seed = 0;
    struct value input;
    struct failure why = {0};
    int64_t until_ms;

    if (!flow_input(t, f, &input)) {
        return;
    }
    if (w->is == ASL_WAIT_SECONDS_PATH || w->is == ASL_WAIT_TIMESTAMP_PATH) {
        s = turn_path_scope(t, f, w->path, value_node(t, &input), &seed);
    }
    if (!asl_wait_until(w, &s, t->ev->now_ms, &until_ms, &why)) {
        flow_evaluation_failed(t, f, why);
        return;
    }
    if (until_ms <= t->ev->now_ms) {
        flow_finish(t, f, &input, frame_state(t, f)->next);
        return;
    }
    frame_move(f, FRAME_TIMER);
    f->due_ms = until_ms;
    turn_command(t, COMMAND_SET_TIMER, f)->due_ms = until_ms;
}

void state_wait_resume(struct turn *t, struct frame *f)
{
    struct value input;

    if (flow_input(t, f, &input)) {
        flow_finish(t, f, &input, frame_state(t, f)->next);
    }
}
