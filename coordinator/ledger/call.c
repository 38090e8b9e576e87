/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that tasks ask for, carried out by the operations' own layer: queued while steps are
 * taken, handed out when the turn ends, answered in that turn or a later one.
 *
 * A call is at least once: it is made again after a restart, under the same name, by a frame that
 * still waits for it. Its answer counts once: the frame has moved on. */
#include "coordinator/ledger/internal.h"
#include "proto/base/text.h"
#include "proto/host/log.h"

/* The same for every repeat of one attempt, and no other's. */
static struct slice
default_name(const struct execution_header *h, const struct frame *f, struct arena *a)
{
    char *text = arena_alloc(a, TEXT_UUID_BYTES);
    uint64_t high = hash_u64(h->seed ^ hash_u64(f->entered_event));
    uint64_t low = hash_u64(high + f->attempt);
    uint8_t bytes[16];

    high = hash_u64(low ^ h->id);
    memcpy(bytes, &high, sizeof(high));
    memcpy(bytes + sizeof(high), &low, sizeof(low));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    text_format_uuid(bytes, text);
    return slice_make(text, TEXT_UUID_BYTES);
}

void call_queue(struct ledger *l,
                const struct execution_header *h,
                const struct frame *f,
                const struct command *c)
{
    struct ledger_call *call;

    if (f == NULL) {
        return; /* made and ended within one record */
    }
    call = mem_zalloc(1, sizeof(*call));
    call->service = arena_copy(&call->arena, c->service);
    call->action = arena_copy(&call->arena, c->action);
    call->parameters = arena_copy(&call->arena, c->payload);
    call->credentials = arena_copy(&call->arena, c->credentials);
    call->default_name = default_name(h, f, &call->arena);
    call->task = (struct parent_task){
        .execution = h->id,
        .frame = f->id,
        .attempt = f->attempt,
        .entered_event = f->entered_event,
    };
    call->waits =
        slice_ends_with(c->action, SLICE(".sync")) || slice_ends_with(c->action, SLICE(".sync:2"));
    list_push_back(&l->calls, &call->link);
}

static void call_free(struct ledger_call *c)
{
    list_remove(&c->link);
    arena_fini(&c->arena);
    mem_free(c);
}

void calls_free(struct ledger *l)
{
    list_splice(&l->calls, &l->calls_out);
    while (!list_empty(&l->calls)) {
        call_free(container_of(l->calls.next, struct ledger_call, link));
    }
}

/* Does the frame still wait for it? */
static bool is_wanted(const struct ledger *l, const struct parent_task *task)
{
    const struct hot *h = hot_find(l, task->execution);
    const struct hot_frame *hf = h != NULL ? hot_frame_find(l, h, task->frame) : NULL;

    return hf != NULL && hf->f.status == FRAME_CALL && hf->f.attempt == task->attempt &&
           hf->f.entered_event == task->entered_event;
}

/* Those that ended come before those that begin: what executions have to tell each other must not
 * grow without end. */
static bool may_call(const struct ledger *l)
{
    return ledger_accepts(l) && l->notice_count == 0 && !list_empty(&l->calls);
}

void calls_run(struct ledger *l)
{
    for (unsigned i = 0; i < LIMIT_CALLS_A_TURN && may_call(l); i++) {
        struct ledger_call *c = container_of(l->calls.next, struct ledger_call, link);

        if (!is_wanted(l, &c->task)) {
            call_free(c);
            continue;
        }
        list_remove(&c->link);
        list_push_back(&l->calls_out, &c->link);
        l->hooks.call(l->hooks.arg, c);
    }
}

void ledger_call_done(struct ledger *l,
                      struct ledger_call *c,
                      struct slice result,
                      const struct failure *failure,
                      uint64_t child)
{
    struct hot *h = hot_find(l, c->task.execution);
    struct engine_event ev = {
        .kind = ENGINE_CALL_DONE,
        .frame = c->task.frame,
        .entered_event = c->task.entered_event,
        .attempt = c->task.attempt,
        .result = result,
        .child = child,
    };
    struct err err;

    if (failure != NULL) {
        ev.failure = *failure;
    }
    if (h != NULL && is_wanted(l, &c->task)) {
        if (ledger_step(l, h, &ev, NULL, &err) == STEP_FAILED) {
            log_error("a call's answer could not be taken: execution=%.*s: %s", SLICE_FMT(h->h.arn),
                      err.msg);
        }
        if (child != 0) {
            notice_if_ended(l, child, &c->task);
        }
    } else if (child != 0) {
        notice_stop(l, child); /* the task has ended meanwhile: nobody waits for it */
    }
    call_free(c);
}
