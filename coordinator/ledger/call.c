/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that tasks ask for, carried out by the operations' own layer: queued while steps are
 * taken, handed out when the turn ends, answered in that turn or a later one.
 *
 *   queued ---as many as a turn may---> out ---its answer---> the frame's next step
 *     '--- the frame leaves its state ---+--> forgotten; the one that is out is told to hurry
 *
 * What waits to be made is no more than its frame: what it asks for is made again when its turn
 * comes. A call is at least once: it is made again after a restart, under the same name, by a frame
 * that still waits for it. Its answer counts once: the frame has moved on. */
#include "coordinator/ledger/internal.h"
#include "proto/base/text.h"
#include "proto/host/log.h"

/* ---- waiting to be made ---- */

void call_queue(struct ledger *l, struct hot_frame *hf)
{
    call_leave(l, hf); /* of an attempt before */
    list_push_back(&l->calls, &hf->calling);
}

void call_leave(struct ledger *l, struct hot_frame *hf)
{
    list_remove(&hf->calling);
    if (hf->call != NULL) {
        hf->call->asks = NULL;
        list_remove(&hf->call->link);
        list_push_back(&l->calls_gone, &hf->call->link);
        hf->call = NULL;
    }
}

/* ---- making ---- */

/* The same for every repeat of one attempt, and no other's. */
static void default_name(const struct hot_frame *hf, char text[TEXT_UUID_BYTES])
{
    const struct execution_header *h = &hf->hot->h;
    uint64_t high = hash_u64(h->seed ^ hash_u64(hf->f.entered_event));
    uint64_t low = hash_u64(high + hf->f.attempt);
    uint8_t bytes[16];

    high = hash_u64(low ^ h->id);
    memcpy(bytes, &high, sizeof(high));
    memcpy(bytes + sizeof(high), &low, sizeof(low));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    text_format_uuid(bytes, text);
}

static struct ledger_call *call_new(struct hot_frame *hf)
{
    const struct command *o = hf->order;
    struct ledger_call *c = mem_zalloc(1, sizeof(*c) + TEXT_UUID_BYTES + o->service.len +
                                              o->action.len + o->payload.len);
    char *at = c->text;

    default_name(hf, at);
    c->default_name = slice_make(at, TEXT_UUID_BYTES);
    at += TEXT_UUID_BYTES;
    c->service = block_put(&at, o->service);
    c->action = block_put(&at, o->action);
    c->parameters = block_put(&at, o->payload);
    c->task = (struct parent_task){
        .execution = hf->hot->h.id,
        .frame = hf->f.id,
        .attempt = hf->f.attempt,
        .entered_event = hf->f.entered_event,
    };
    c->waits =
        slice_ends_with(o->action, SLICE(".sync")) || slice_ends_with(o->action, SLICE(".sync:2"));
    c->asks = hf;
    return c;
}

static void call_free(struct ledger_call *c)
{
    list_remove(&c->link);
    mem_free(c);
}

void calls_free(struct ledger *l)
{
    list_splice(&l->calls_out, &l->calls_gone);
    while (!list_empty(&l->calls_out)) {
        call_free(container_of(l->calls_out.next, struct ledger_call, link));
    }
}

static void call_make(struct ledger *l, struct hot_frame *hf)
{
    struct err err;

    list_remove(&hf->calling);
    if (task_order(l, hf, &err) != OK) {
        log_error("a call cannot be made again: execution=%.*s: %s", SLICE_FMT(hf->hot->h.arn),
                  err.msg);
        return;
    }
    hf->call = call_new(hf);
    list_push_back(&l->calls_out, &hf->call->link);
    l->hooks.call(l->hooks.arg, hf->call);
}

/* Those that ended come before those that begin: what executions have to tell each other must not
 * grow without end. */
static bool may_call(const struct ledger *l)
{
    return ledger_accepts(l) && l->notice_count == 0 && !list_empty(&l->calls);
}

static void tell_gone(struct ledger *l)
{
    struct list *n;

    while ((n = list_pop_front(&l->calls_gone)) != NULL) {
        list_push_back(&l->calls_out, n);
        l->hooks.call_gone(l->hooks.arg, container_of(n, struct ledger_call, link));
    }
}

void calls_run(struct ledger *l)
{
    tell_gone(l);
    for (unsigned i = 0; i < LIMIT_CALLS_A_TURN && may_call(l); i++) {
        call_make(l, container_of(l->calls.next, struct hot_frame, calling));
    }
}

/* ---- its answer ---- */

static void take_answer(struct ledger *l, struct hot *h, struct engine_event *ev)
{
    struct err err;

    if (ledger_step(l, h, ev, NULL, &err) == STEP_FAILED) {
        log_error("a call's answer could not be taken: execution=%.*s: %s", SLICE_FMT(h->h.arn),
                  err.msg);
    }
}

void ledger_call_done(struct ledger *l,
                      struct ledger_call *c,
                      struct slice result,
                      const struct failure *failure,
                      uint64_t child)
{
    struct hot_frame *hf = c->asks;
    struct engine_event ev = {
        .kind = ENGINE_CALL_DONE,
        .frame = c->task.frame,
        .entered_event = c->task.entered_event,
        .attempt = c->task.attempt,
        .result = result,
        .child = child,
    };

    if (failure != NULL) {
        ev.failure = *failure;
    }
    if (hf != NULL) {
        hf->call = NULL;
        take_answer(l, hf->hot, &ev);
        if (child != 0) {
            notice_when_ended(l, child, &c->task);
        }
    } else if (child != 0) {
        notice_stop(l, child); /* the task has ended meanwhile: nobody waits for it */
    }
    call_free(c);
}
