/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel: every branch gets the same input and runs in a frame of its own.
 * Source: Amazon States Language, states. */
#include "coordinator/engine/step.h"

/* InputPath, then Parameters. */
static bool branch_input(struct turn *t, struct frame *f, struct value *out, struct failure *why)
{
    const struct asl_state *st = frame_state(t, f);
    uint64_t seed = chance_seed(t->h, CHANCE_PARAMETERS, f->entered_event, f->retry_count);
    struct value raw = value_of_doc(f->input);
    struct value effective;

    if (!flow_path(t, f, &st->input_path, "InputPath", &raw, &effective, why)) {
        return false;
    }
    *out = effective;
    if (st->parameters != NULL &&
        !flow_template(t, f, st->parameters, seed, &effective, out, why)) {
        return false;
    }
    if (value_too_large(t, out)) {
        *why = flow_too_large(t, st->name);
        return false;
    }
    return true;
}

/* At entry, for a retry, and where a redrive runs all branches again. */
static void begin(struct turn *t, struct frame *f)
{
    uint32_t branches = (uint32_t)frame_state(t, f)->parallel.branch_count;
    struct value input;
    struct failure why = {0};

    if (!branch_input(t, f, &input, &why) || !join_begin(t, f, branches, branches, &why)) {
        flow_evaluation_failed(t, f, why);
        return;
    }
    f->items = value_keep(t, &input, &f->input);
    turn_record(t, f, HISTORY_PARALLEL_STATE_STARTED);
    turn_queue(t, f);
}

const struct engine_kind state_parallel = {
    .enter = begin,
    .resume = begin,
    .entered = HISTORY_PARALLEL_STATE_ENTERED,
    .exited = HISTORY_PARALLEL_STATE_EXITED,
    .failed = HISTORY_PARALLEL_STATE_FAILED,
    .aborted = HISTORY_PARALLEL_STATE_ABORTED,
};
