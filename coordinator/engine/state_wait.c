/* SPDX-License-Identifier: Apache-2.0 */
/* Wait: a timer, or straight on where the time has come already. The frame keeps nothing but its
 * due time; paths are read again when it fires, which gives the same. Source: Amazon States
 * Language, states. */
#include "coordinator/engine/step.h"

static void resume(struct turn *t, struct frame *f)
{
    struct value input;

    if (flow_input(t, f, &input)) {
        flow_finish(t, f, &input, &input, frame_state(t, f)->next);
    }
}

static void enter(struct turn *t, struct frame *f)
{
    const struct asl_wait *w = &frame_state(t, f)->wait;
    bool path = w->is == ASL_WAIT_SECONDS_PATH || w->is == ASL_WAIT_TIMESTAMP_PATH;
    struct asl_scope_data s;
    uint64_t seed = 0;
    struct value input;
    struct failure why = {0};
    int64_t until_ms;

    if (!flow_input(t, f, &input)) {
        return;
    }
    s = turn_scope(t, f, path ? asl_path_uses(w->path) : 0, &input, &seed);
    if (!asl_wait_until(w, &s, t->ev->now_ms, &until_ms, &why)) {
        flow_evaluation_failed(t, f, why);
    } else if (until_ms <= t->ev->now_ms) {
        flow_finish(t, f, &input, &input, frame_state(t, f)->next);
    } else {
        frame_move(f, FRAME_TIMER);
        f->due_ms = until_ms;
        turn_command(t, COMMAND_SET_TIMER, f)->due_ms = until_ms;
    }
}

const struct engine_kind state_wait = {
    .enter = enter,
    .resume = resume,
    .entered = HISTORY_WAIT_STATE_ENTERED,
    .exited = HISTORY_WAIT_STATE_EXITED,
    .aborted = HISTORY_WAIT_STATE_ABORTED,
};
