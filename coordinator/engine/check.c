/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants of an execution, asserted after each step and each decode, in every build: going on
 * with a state that must not be would write it to disk. Cheap: a few comparisons a frame. */
#include "coordinator/engine/step.h"

#include <assert.h>

static bool token_is_zero(struct token x)
{
    return x.epoch == 0 && x.counter == 0;
}

static void check_header(const struct execution_header *h)
{
    assert(h->next_event >= 1);
    assert(h->express || h->next_event <= rules_history_events(h) + 2);
    assert(h->open_frames <= h->next_frame);
    assert(h->record_docs <= TURN_DOCS_MAX);
    if (h->status == EXECUTION_RUNNING) {
        assert(h->open_frames > 0);
        assert(h->stop_ms == 0);
        assert(h->error.ptr == NULL && h->cause.ptr == NULL);
    } else if (h->status != EXECUTION_PENDING_REDRIVE) {
        assert(h->open_frames == 0);
    }
    assert((h->status == EXECUTION_SUCCEEDED) == (h->output.ref != 0));
}

/* One reason to wait, and what that reason needs. */
static void check_wait(const struct frame *f)
{
    bool leased = f->status == FRAME_LEASED || f->status == FRAME_COMMITTING;
    bool working =
        leased || f->status == FRAME_CALL || f->status == FRAME_TOKEN || f->status == FRAME_CHILD;

    assert(leased == !token_is_zero(f->token));
    assert(working || f->granted_ms == 0);
    assert(f->status != FRAME_TIMER || f->due_ms > 0);
    assert(f->status == FRAME_TOKEN || f->status == FRAME_CHILD || f->deadline_ms == 0);
    assert(f->status == FRAME_TOKEN || f->beat_due_ms == 0);
    assert(f->status != FRAME_READY || f->attempt > 0);
    assert(f->status != FRAME_COMMITTING || f->output.bucket.ptr != NULL);
    assert(f->status == FRAME_COMMITTING || f->output.result.ptr == NULL);
    assert(working || f->answer.is == ANSWER_NONE);
    assert((f->status == FRAME_CHILD) == (f->child != 0));
    assert(!working || f->started);
}

/* Children: a run of numbers of its own, kept while the state is not left. */
static void check_children(const struct execution_header *h, const struct frame *f)
{
    assert(f->child_count == 0 || f->first_child > f->id);
    assert(f->child_count <= h->next_frame && f->first_child <= h->next_frame - f->child_count);
    assert(f->child_next <= f->child_count && f->child_open <= f->child_next);
    assert(f->status == FRAME_JOIN || f->child_open == 0);
    assert(f->status == FRAME_JOIN || f->status == FRAME_FAILED || f->child_count == 0);
    assert(f->status != FRAME_JOIN || (f->child_count > 0 && f->concurrency > 0));
    assert(f->status != FRAME_JOIN || f->child_open > 0 || f->child_next < f->child_count);
}

static void check_variables(const struct frame *f)
{
    for (uint32_t i = 0; i < f->variable_count; i++) {
        assert(f->variables[i].value.ref != 0);
        assert(i == 0 || slice_cmp(f->variables[i - 1].name, f->variables[i].name) < 0);
    }
}

static void check_frame(const struct execution_header *h, const struct frame *f)
{
    assert(f->id < h->next_frame);
    assert(f->parent == ASL_NONE || f->parent < f->id);
    assert((f->parent == ASL_NONE) == (f->id == 0));
    assert(f->last_event < h->next_event);
    assert(f->entered_event <= f->last_event);
    assert(f->input.ref != 0 || f->status == FRAME_DONE);
    assert(f->status != FRAME_DONE || f->parent == ASL_NONE || f->result.ref != 0);
    assert(f->retries != NULL || f->retrier_count == 0);
    assert(f->retrier_count <= LIMIT_RETRIERS);
    check_wait(f);
    check_children(h, f);
    check_variables(f);
}

void execution_check(const struct execution_header *h, const struct frame_set *frames, bool all)
{
    uint32_t open = 0;

    check_header(h);
    for (size_t i = 0; i < frames->count; i++) {
        check_frame(h, &frames->items[i]);
        open += frame_is_open(&frames->items[i]);
    }
    assert(open <= h->open_frames);
    assert(!all || open == h->open_frames);
}
