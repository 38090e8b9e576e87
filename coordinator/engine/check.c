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
    assert(h->express || h->next_event <= LIMIT_HISTORY_EVENTS + 2);
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

    assert(leased == !token_is_zero(f->token));
    assert(leased || f->granted_ms == 0);
    assert(f->status != FRAME_TIMER || f->due_ms > 0);
    assert(f->status != FRAME_READY || f->attempt > 0);
    assert(f->status != FRAME_COMMITTING || f->output.bucket.ptr != NULL);
    assert(f->status == FRAME_COMMITTING || f->output.result.ptr == NULL);
    assert(f->status == FRAME_JOIN || f->join_open == 0);
    assert(!leased || f->started);
}

static void check_frame(const struct execution_header *h, const struct frame *f)
{
    assert(f->id < h->next_frame);
    assert(f->parent == ASL_NONE || f->parent < f->id);
    assert(f->last_event < h->next_event);
    assert(f->entered_event <= f->last_event);
    assert(f->input.ref != 0);
    assert(f->retries != NULL || f->retrier_count == 0);
    assert(f->retrier_count <= LIMIT_RETRIERS);
    check_wait(f);
}

void execution_check(const struct execution_header *h, const struct frame_set *frames)
{
    uint32_t open = 0;

    check_header(h);
    for (size_t i = 0; i < frames->count; i++) {
        check_frame(h, &frames->items[i]);
        open += frame_is_open(&frames->items[i]);
    }
    assert(open <= h->open_frames);
    assert(frames->count < h->next_frame || open == h->open_frames);
}
