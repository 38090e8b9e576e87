/* SPDX-License-Identifier: Apache-2.0 */
/* States with scopes inside: a Parallel's branches and a Map's iterations are frames of their own,
 * numbered first_child + i, whose parent waits in JOIN until the last of them has ended.
 *
 *   join_begin -> join_spawn -> (children run) -> join_child_done ... join_finish
 *                                              -> join_child_failed: the others are stopped, then
 *                                                 the parent's state fails: retry, catch, or its
 * own scope's end
 *
 * History: what ends or aborts an iteration is a leaf; the next iteration follows the last state
 * event of the one that made room for it. The parent's last_event stands for "what comes next here
 * follows this" all along.
 * Source: Amazon States Language, states; histories as AWS recorded them. */
#include "coordinator/engine/step.h"

static bool is_map(const struct turn *t, const struct frame *f)
{
    return frame_state(t, f)->kind == ASL_MAP;
}

bool join_begin(struct turn *t,
                struct frame *f,
                size_t count,
                uint32_t concurrency,
                struct failure *why)
{
    if (count >= UINT32_MAX - t->h->next_frame) {
        *why = flow_runtime(SLICE("The execution has had too many branches and iterations."));
        return false;
    }
    f->first_child = t->h->next_frame;
    f->child_count = (uint32_t)count;
    f->child_next = 0;
    f->child_open = 0;
    f->concurrency = concurrency;
    t->h->next_frame += (uint32_t)count;
    frame_move(f, FRAME_JOIN);
    return true;
}

struct frame *join_child(struct turn *t, struct frame *parent, uint32_t scope)
{
    struct frame *child = turn_new_frame(t, parent->first_child + parent->child_next);

    child->parent = parent->id;
    child->scope = scope;
    child->index = parent->child_next;
    child->state = t->m->scopes[scope].start_at;
    child->item = parent->item;
    child->item_index = parent->item_index;
    child->last_event = parent->last_event;
    parent->child_next++;
    parent->child_open++;
    turn_queue(t, child);
    return child;
}

void join_spawn(struct turn *t, struct frame *f)
{
    if (is_map(t, f)) {
        map_spawn(t, f);
        return;
    }
    join_child(t, f, frame_state(t, f)->parallel.branches[f->child_next])->input = f->items;
}

/* ---- children that end well ---- */

/* A leaf of the parent's Map about one iteration. */
static uint64_t record_iteration(struct turn *t,
                                 const struct frame *parent,
                                 const struct frame *child,
                                 uint64_t previous,
                                 enum history_type type)
{
    struct history_event *e = turn_record_leaf(t, previous, type, parent->state);

    e->index = child->index;
    return e->id;
}

void join_child_done(struct turn *t, struct frame *f, struct value *output)
{
    struct frame *parent = turn_frame(t, f->parent);
    uint64_t last = f->last_event;

    if (parent == NULL || turn_is_over(t)) {
        return;
    }
    f->result = value_keep(t, output, &f->input);
    f->input = (struct doc){0};
    f->item = (struct doc){0};
    f->retries = NULL;
    f->retrier_count = 0;
    variables_drop(t, f);
    frame_move(f, FRAME_DONE);
    t->h->open_frames--;
    parent->child_open--;
    if (is_map(t, parent)) {
        last = record_iteration(t, parent, f, f->last_event, HISTORY_MAP_ITERATION_SUCCEEDED);
    }
    if (turn_is_over(t)) {
        return; /* a full history: close_full() follows */
    }
    parent->last_event = parent->child_next < parent->child_count ? f->last_event : last;
    if (parent->child_open == 0 && parent->child_next == parent->child_count) {
        join_finish(t, parent);
    } else {
        turn_queue(t, parent);
    }
}

/* The children's results as one array, in their order. */
static bool gather(struct turn *t, const struct frame *f, struct value *out)
{
    struct buf text = {0};

    buf_put_slice(&text, SLICE("["));
    for (uint32_t i = 0; i < f->child_count; i++) {
        const struct frame *child = turn_peek(t, f->first_child + i);
        struct value result;

        if (child == NULL) {
            break;
        }
        result = value_of_doc(child->result);
        if (result.doc.text.ptr == NULL) {
            turn_break(t, ERR_INTERNAL, "a child's result is not loaded");
            break;
        }
        buf_put_slice(&text, i == 0 ? SLICE("") : SLICE(","));
        buf_put_slice(&text, result.doc.text);
    }
    buf_put_slice(&text, SLICE("]"));
    *out = value_of_text(arena_copy(t->a, buf_slice(&text)));
    buf_fini(&text);
    return !turn_is_over(t);
}

void join_finish(struct turn *t, struct frame *f)
{
    const struct asl_state *st = frame_state(t, f);
    struct outcome out;
    struct value result;
    struct value placed;
    struct failure why = {0};
    uint64_t succeeded;

    if (!gather(t, f, &result)) {
        return;
    }
    if (value_text(t, &result).len > rules_payload_bytes(t->h)) {
        flow_failed(t, f, flow_too_large(t, st->name), 0);
        return;
    }
    succeeded = turn_record_leaf(t, f->last_event,
                                 is_map(t, f) ? HISTORY_MAP_STATE_SUCCEEDED
                                              : HISTORY_PARALLEL_STATE_SUCCEEDED,
                                 f->state)
                    ->id;
    if (turn_is_over(t)) {
        return; /* a full history: close_full() follows */
    }
    if (flow_result(t, f, &result, &placed, &why) &&
        flow_outcome(t, f, &placed, st->assign, &result, &out, &why)) {
        flow_exit(t, f, &out, st->next);
    } else {
        f->last_event = succeeded;
        flow_evaluation_failed(t, f, why);
    }
}

/* ---- children that fail, and are stopped ---- */

/* Something was under way in the state: history says that it was given up. */
static void record_abort(struct turn *t, const struct frame *f, uint64_t previous)
{
    enum history_type type = engine_kind_of(t, f)->aborted;

    if (type != 0 && f->entered_event != 0) {
        turn_record_leaf(t, previous, type, f->state);
    }
}

static void abort_children(struct turn *t, const struct frame *parent, uint64_t previous);

static void
abort_child(struct turn *t, const struct frame *parent, struct frame *child, uint64_t previous)
{
    if (is_map(t, parent)) {
        record_iteration(t, parent, child, previous, HISTORY_MAP_ITERATION_ABORTED);
    }
    record_abort(t, child, previous);
    if (child->status == FRAME_JOIN) {
        abort_children(t, child, previous);
    }
    frame_end(t, child);
}

static void abort_children(struct turn *t, const struct frame *parent, uint64_t previous)
{
    for (uint32_t i = 0; i < parent->child_next; i++) {
        const struct frame *child = turn_peek(t, parent->first_child + i);

        if (child == NULL) {
            return;
        }
        if (frame_is_open(child)) {
            abort_child(t, parent, turn_frame(t, child->id), previous);
        }
    }
}

/* Tasks beside the failed one whose own time is over at this very moment: history says so first. */
static void record_due(struct turn *t, const struct frame *parent)
{
    for (uint32_t i = 0; i < parent->child_next; i++) {
        const struct frame *child = turn_peek(t, parent->first_child + i);

        if (child == NULL) {
            return;
        }
        if (child->status == FRAME_LEASED && child->timeout_ms > 0 &&
            child->granted_ms + child->timeout_ms <= t->ev->now_ms) {
            task_record_timeout(t, turn_frame(t, child->id));
        }
    }
}

void join_stop(struct turn *t, struct frame *f)
{
    abort_children(t, f, f->last_event);
    f->child_open = 0;
}

void join_child_failed(struct turn *t, struct frame *f, struct failure why, unsigned kinds)
{
    struct frame *parent = turn_frame(t, f->parent);

    if (parent == NULL || turn_is_over(t)) {
        return;
    }
    record_due(t, parent);
    if (is_map(t, parent)) {
        record_iteration(t, parent, f, f->last_event, HISTORY_MAP_ITERATION_FAILED);
        kinds &= ~(unsigned)ASL_FAILED_BRANCH; /* a branch inside failed, none of this state */
    } else {
        kinds |= ASL_FAILED_BRANCH;
    }
    if (frame_state(t, f)->kind == ASL_TASK) {
        record_abort(t, f, f->last_event);
    }
    frame_end(t, f);
    parent->last_event = f->last_event;
    join_stop(t, parent);
    if (!turn_is_over(t)) {
        flow_failed(t, parent, why, kinds);
    }
}

void join_drop(struct turn *t, struct frame *f)
{
    struct command *c;

    if (f->child_count > 0) {
        c = turn_command(t, COMMAND_DROP_FRAMES, f);
        c->first = f->first_child;
        c->count = f->child_count;
    }
    f->first_child = 0;
    f->child_count = 0;
    f->child_next = 0;
    f->child_open = 0;
    f->concurrency = 0;
    f->items_at = 0;
    f->items = (struct doc){0};
}

void join_end_tree(struct turn *t, struct frame *f)
{
    for (uint32_t i = 0; f->status == FRAME_JOIN && i < f->child_next; i++) {
        const struct frame *child = turn_peek(t, f->first_child + i);

        if (child == NULL) {
            return;
        }
        if (frame_is_open(child)) {
            join_end_tree(t, turn_frame(t, child->id));
        }
    }
    frame_end(t, f);
}

/* ---- redrive ---- */

/* All that failed are open before the first goes on: what it does at once finds them so. */
static void reopen_children(struct turn *t, struct frame *f)
{
    for (uint32_t i = 0; i < f->child_next; i++) {
        const struct frame *child = turn_peek(t, f->first_child + i);

        if (child == NULL) {
            return;
        }
        f->child_open += child->status == FRAME_FAILED;
    }
}

void join_revive(struct turn *t, struct frame *f, uint64_t redriven)
{
    frame_move(f, FRAME_JOIN);
    reopen_children(t, f);
    if (f->child_open == 0 && f->child_next == f->child_count) {
        join_finish(t, f);
        return;
    }
    /* One that fails at once may take the state with it: the others stay as they are. */
    for (uint32_t i = 0; f->status == FRAME_JOIN && !turn_is_over(t) && i < f->child_next; i++) {
        const struct frame *child = turn_peek(t, f->first_child + i);

        if (child != NULL && child->status == FRAME_FAILED) {
            close_revive(t, turn_frame(t, child->id), redriven);
        }
    }
    if (f->status == FRAME_JOIN) {
        turn_queue(t, f);
    }
}
