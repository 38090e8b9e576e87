/* SPDX-License-Identifier: Apache-2.0 */
/* Executions that start executions: a task that waits for its child is told when that has ended, a
 * child nobody waits for any more is stopped. The task that started an execution is in its header;
 * those that asked for the same one again, by its name and input, and wait for it too, are in a
 * META row.
 *
 * One such notice leads to the next, as deep and as wide as executions are nested: a turn tells a
 * bounded number. The others are in the batch that holds their cause, as one META row, until they
 * have been told: no restart leaves a task waiting for what has happened. Telling one twice changes
 * nothing. */
#include "coordinator/ledger/run.h"
#include "coordinator/store/keys.h"
#include "proto/host/log.h"

static void notice_add(struct ledger *l, const struct notice *n)
{
    if (l->notice_count == l->notice_cap) {
        l->notice_cap = l->notice_cap != 0 ? l->notice_cap * 2 : 16;
        l->notices = mem_realloc(l->notices, l->notice_cap * sizeof(*l->notices));
    }
    l->notices[l->notice_count++] = *n;
}

void notice_stop(struct ledger *l, uint64_t child)
{
    notice_add(l, &(struct notice){.stop = true, .child = child});
}

void notice_run_ended(struct ledger *l, uint64_t run, const struct parent_task *task)
{
    notice_add(l, &(struct notice){.child = run, .task = *task});
}

bool notice_is_due(const struct ledger *l, uint64_t child)
{
    for (size_t i = 0; i < l->notice_count; i++) {
        if (l->notices[i].child == child && !l->notices[i].stop) {
            return true;
        }
    }
    return false;
}

enum { READ_NOTICES = 8 }; /* what is read from disk takes the time of so many */

/* Into memory. NULL: it cannot be had, and that is logged. */
static struct hot *bring(struct ledger *l, uint64_t id)
{
    struct hot *h = hot_find(l, id);
    struct err err;

    if (h != NULL && !h->parking) {
        return h;
    }
    if (h == NULL) {
        l->notices_left -= l->notices_left < READ_NOTICES ? l->notices_left : READ_NOTICES;
    }
    if (ledger_execution_load(l, id, &err) != OK) {
        log_error("a nested execution cannot be read: number=%llu: %s", (unsigned long long)id,
                  err.msg);
        return NULL;
    }
    return hot_find(l, id);
}

/* ---- tasks and the rows of both ---- */

static void put_task(struct buf *b, const struct parent_task *task)
{
    buf_put_varint(b, task->execution);
    buf_put_varint(b, task->frame);
    buf_put_varint(b, task->attempt);
    buf_put_varint(b, task->entered_event);
}

static struct parent_task get_task(struct cursor *c)
{
    struct parent_task task = {.execution = cursor_varint(c)};

    task.frame = (uint32_t)cursor_varint(c);
    task.attempt = (uint32_t)cursor_varint(c);
    task.entered_event = cursor_varint(c);
    return task;
}

static bool is_same_task(const struct parent_task *a, const struct parent_task *b)
{
    return a->execution == b->execution && a->frame == b->frame && a->attempt == b->attempt &&
           a->entered_event == b->entered_event;
}

/* What is in the scratch, or nothing, for the META row of that name. */
static void keep_row(struct ledger *l, const char *name)
{
    struct key key = key_meta(name);

    if (l->scratch.len == 0) {
        store_delete(l->filling, CF_META, key_slice(&key));
    } else {
        store_put(l->filling, CF_META, key_slice(&key), buf_slice(&l->scratch));
    }
}

/* ---- tasks that wait for what they did not start ---- */

bool ledger_can_wait(const struct ledger *l)
{
    return l->waiter_count < LIMIT_WAITERS;
}

static void waiter_add(struct ledger *l, const struct waiter *w)
{
    if (l->waiter_count == l->waiter_cap) {
        l->waiter_cap = l->waiter_cap != 0 ? l->waiter_cap * 2 : 16;
        l->waiters = mem_realloc(l->waiters, l->waiter_cap * sizeof(*l->waiters));
    }
    l->waiters[l->waiter_count++] = *w;
}

static void waiters_keep(struct ledger *l)
{
    buf_reset(&l->scratch);
    for (size_t i = 0; i < l->waiter_count; i++) {
        buf_put_varint(&l->scratch, l->waiters[i].child);
        put_task(&l->scratch, &l->waiters[i].task);
    }
    keep_row(l, "waiters");
}

void waiters_load(struct ledger *l, struct slice row)
{
    struct cursor c = cursor_make(row);

    while (!cursor_done(&c) && !c.bad) {
        struct waiter w = {.child = cursor_varint(&c)};

        w.task = get_task(&c);
        if (!c.bad) {
            waiter_add(l, &w);
        }
    }
    if (c.bad) {
        log_error("what tasks wait for executions that others started cannot be read in full");
    }
}

void notice_when_ended(struct ledger *l, uint64_t child, const struct parent_task *task)
{
    const struct hot *h;

    if ((child & RUN_BIT) != 0) {
        if (run_has_ended(l, child)) {
            notice_run_ended(l, child, task);
        }
        return; /* else it knows its parent from its start on */
    }
    h = bring(l, child);
    if (h == NULL) {
        return;
    }
    if (h->h.status != EXECUTION_RUNNING) {
        notice_add(l, &(struct notice){.child = child, .task = *task});
    } else if (!is_same_task(&h->h.parent, task)) {
        waiter_add(l, &(struct waiter){.child = child, .task = *task});
        waiters_keep(l);
    }
}

void notice_ended(struct ledger *l, const struct execution_header *child)
{
    size_t left = 0;

    if (child->parent.execution != 0) {
        notice_add(l, &(struct notice){.child = child->id, .task = child->parent});
    }
    for (size_t i = 0; i < l->waiter_count; i++) {
        struct waiter w = l->waiters[i];

        if (w.child == child->id) {
            notice_add(l, &(struct notice){.child = w.child, .task = w.task});
        } else {
            l->waiters[left++] = w;
        }
    }
    if (left != l->waiter_count) {
        l->waiter_count = left;
        waiters_keep(l);
    }
}

/* ---- a child has ended ---- */

static void put_text(struct json_builder *b, const char *key, struct slice text)
{
    if (text.ptr != NULL) {
        json_put(b, slice_str(key), json_string(b->a, text));
    }
}

/* A document as JSON text, and that it is there. */
static void
put_doc(struct json_builder *b, const char *key, const char *details_key, const struct doc *d)
{
    struct json_builder details = json_build_object(b->a);

    if (d->text.ptr != NULL) {
        put_text(b, key, d->text);
        json_put(&details, SLICE("Included"), json_bool(true));
        json_put(b, slice_str(details_key), json_built(&details));
    }
}

/* The ended child as AWS gives it to the task that waited: PascalCase, in alphabetical order, times
 * in milliseconds. */
static struct slice describe(const struct execution_header *h, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    put_text(&b, "Cause", h->cause);
    put_text(&b, "Error", h->error);
    put_text(&b, "ExecutionArn", h->arn);
    put_doc(&b, "Input", "InputDetails", &h->input);
    put_text(&b, "Name", h->name);
    put_doc(&b, "Output", "OutputDetails", &h->output);
    json_put(&b, SLICE("StartDate"), json_integer(a, h->start_ms));
    put_text(&b, "StateMachineArn", h->machine_arn);
    put_text(&b, "Status", slice_str(execution_status_name(h->status)));
    json_put(&b, SLICE("StopDate"), json_integer(a, h->stop_ms));
    return json_print(json_built(&b), a);
}

/* Does the task wait for a child yet? */
static bool task_waits(const struct ledger *l, const struct hot *h, const struct parent_task *task)
{
    const struct hot_frame *hf = hot_frame_find(l, h, task->frame);

    return h->h.status == EXECUTION_RUNNING && hf != NULL && hf->f.status == FRAME_CHILD &&
           hf->f.attempt == task->attempt && hf->f.entered_event == task->entered_event;
}

/* False: it cannot be read, and that is logged. */
static bool describe_child(struct ledger *l, uint64_t id, bool *failed, struct slice *out)
{
    const struct hot *child;
    struct err err;

    if ((id & RUN_BIT) != 0) {
        if (run_describe(l, id, failed, out, &err) != OK) {
            log_error("a job run cannot be read: %s", err.msg);
            return false;
        }
        return true;
    }
    child = bring(l, id);
    if (child == NULL) {
        return false;
    }
    *failed = child->h.status != EXECUTION_SUCCEEDED;
    *out = describe(&child->h, &l->arena);
    return true;
}

static void tell_ended(struct ledger *l, const struct notice *n)
{
    struct hot *h = bring(l, n->task.execution);
    struct engine_event ev = {
        .kind = ENGINE_CHILD_ENDED,
        .frame = n->task.frame,
        .entered_event = n->task.entered_event,
        .attempt = n->task.attempt,
        .child = n->child,
    };
    struct err err;

    if (h == NULL || !task_waits(l, h, &n->task)) {
        return;
    }
    if (!describe_child(l, n->child, &ev.failed, &ev.result)) {
        return;
    }
    if (ledger_step(l, h, &ev, NULL, &err) == STEP_FAILED) {
        log_error("the end of a child could not be taken: execution=%.*s: %s", SLICE_FMT(h->h.arn),
                  err.msg);
    }
}

/* ---- a child, or one that is too large, is to be stopped ---- */

static void stop_child(struct ledger *l, uint64_t child)
{
    struct engine_event ev = {.kind = ENGINE_STOP};
    struct hot *h;
    struct err err;

    if ((child & RUN_BIT) != 0) {
        ledger_run_stop(l, child);
        return;
    }
    h = bring(l, child);
    if (h != NULL && h->h.express && !hot_is_too_large(h)) {
        return; /* it has started over since: Express executions are nobody's children */
    }
    if (h != NULL && hot_is_too_large(h)) {
        ev.failure.error = SLICE("States.Runtime");
        ev.failure.cause =
            arena_printf(&l->arena, "The execution reached the maximum size of its history (%d).",
                         LIMIT_EXPRESS_BYTES);
    }
    if (h != NULL && ledger_step(l, h, &ev, NULL, &err) == STEP_FAILED) {
        log_error("a child could not be stopped: execution=%.*s: %s", SLICE_FMT(h->h.arn), err.msg);
    }
}

/* ---- in turns ---- */

static void notice_run(struct ledger *l, const struct notice *n)
{
    if (n->stop) {
        stop_child(l, n->child);
    } else {
        tell_ended(l, n);
    }
}

void notices_run(struct ledger *l)
{
    size_t told = 0;

    while (told < l->notice_count && l->notices_left > 0 && ledger_accepts(l)) {
        struct notice n = l->notices[told++]; /* what follows from it stands behind all others */

        l->notices_left--;
        notice_run(l, &n);
    }
    l->notice_count -= told;
    if (told != 0 && l->notice_count != 0) {
        memmove(l->notices, l->notices + told, l->notice_count * sizeof(*l->notices));
    }
}

void notices_keep(struct ledger *l)
{
    if (l->notice_count == 0 && !l->notices_kept) {
        return;
    }
    l->notices_kept = l->notice_count != 0;
    buf_reset(&l->scratch);
    for (size_t i = 0; i < l->notice_count; i++) {
        const struct notice *n = &l->notices[i];

        buf_put_u8(&l->scratch, n->stop);
        buf_put_varint(&l->scratch, n->child);
        put_task(&l->scratch, &n->task);
    }
    keep_row(l, "notices");
}

void notices_load(struct ledger *l, struct slice row)
{
    struct cursor c = cursor_make(row);

    l->notices_kept = true;
    while (!cursor_done(&c) && !c.bad) {
        struct notice n = {.stop = cursor_u8(&c) != 0};

        n.child = cursor_varint(&c);
        n.task = get_task(&c);
        if (!c.bad) {
            notice_add(l, &n);
        }
    }
    if (c.bad) {
        log_error("what executions have to tell others cannot be read in full");
    }
}
