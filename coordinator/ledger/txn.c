/* SPDX-License-Identifier: Apache-2.0 */
/* Stepping an execution and recording the step: one put a transition, with the grants that follow
 * from it in the same record, and the rows that change at start, close and redrive alone.
 *
 *   txn_begin -> txn_step (the event) -> txn_commit: commands -> grants stepped in -> record ->
 * memory */
#include <assert.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/pipe.h"
#include "coordinator/store/keys.h"
#include "proto/host/log.h"

void txn_begin(struct txn *t, struct ledger *l, struct hot *h, struct fleet_worker *prefer)
{
    *t = (struct txn){.l = l, .h = h, .prefer = prefer};
}

const struct frame *txn_frame(const struct txn *t, uint32_t id)
{
    const struct frame_set stored = hot_frames(t->h);

    for (size_t i = 0; i < t->s.frame_count; i++) {
        if (t->s.frames[i].id == id) {
            return &t->s.frames[i];
        }
    }
    return frame_set_find(&stored, id);
}

enum step_status txn_step(struct txn *t, struct engine_event *ev, struct err *err)
{
    struct ledger *l = t->l;
    bool begun = t->s.frame_count != 0 || t->s.event_count != 0;
    struct frame_set frames = hot_frames(t->h); /* it looks into the step's own by itself */

    ev->now_ms = l->now.wall_ms;
    ev->seed = ledger_random(l);
    return engine_step(t->h->revision->parsed, begun ? &t->s.header : &t->h->h, &frames, ev,
                       &l->arena, &t->s, err);
}

/* ---- rows ---- */

static void put_index(struct ledger *l, const struct hot *h, const struct execution_header *header)
{
    struct index_row row = {
        .name = hot_key(&h->h),
        .version = header->version,
        .alias = h->h.alias,
        .stop_ms = header->stop_ms,
        .redrive_count = header->redrive_count,
        .redrive_ms = header->redrive_ms,
    };
    struct key key =
        key_index(header->account, header->status, header->machine, header->start_ms, header->id);

    buf_reset(&l->scratch);
    index_row_encode(&row, &l->scratch);
    store_put(l->filling, CF_INDEX, key_slice(&key), buf_slice(&l->scratch));
}

static void
delete_index(struct ledger *l, const struct execution_header *header, enum execution_status status)
{
    struct key key =
        key_index(header->account, status, header->machine, header->start_ms, header->id);

    store_delete(l->filling, CF_INDEX, key_slice(&key));
}

static void put_name(struct ledger *l, const struct hot *h)
{
    struct name_row row = {.execution = h->h.id, .start_ms = h->h.start_ms};
    struct key key = key_name(h->h.account, h->h.machine, hot_key(&h->h));

    buf_reset(&l->scratch);
    name_row_encode(&row, &l->scratch);
    store_put(l->filling, CF_NAME, key_slice(&key), buf_slice(&l->scratch));
}

/* It was parked and moves again: its TIMER row goes, and its line in the index says so. */
static void unpark_rows(struct ledger *l, struct hot *h, const struct execution_header *header)
{
    struct key key = key_timer(header->account, h->parked_ms, header->id);

    store_delete(l->filling, CF_TIMER, key_slice(&key));
    h->parked_ms = 0;
    if (header->status == EXECUTION_RUNNING && h->h.status == EXECUTION_RUNNING) {
        put_index(l, h, header);
    }
}

/* ---- records ---- */

/* The frames of the record are its own from now on: the first of all frames says from which record
 * on a load must read. */
static uint64_t claim_frames(struct txn *t, uint64_t sequence)
{
    const struct hot_frame *first;

    for (size_t i = 0; i < t->s.frame_count; i++) {
        hot_frame_claim(hot_frame_get(t->l, t->h, t->s.frames[i].id), sequence);
    }
    assert(!list_empty(&t->h->frames)); /* the top level has one to the end */
    first = container_of(t->h->frames.next, struct hot_frame, of_hot);
    assert(first->sequence <= sequence);
    return first->sequence;
}

static void put_record(struct ledger *l,
                       const struct execution_header *h,
                       uint64_t sequence,
                       struct slice record)
{
    struct key key = key_execution(h->account, h->id, sequence);

    store_put(l->filling, CF_EXECUTION, key_slice(&key), record);
}

/* Express: records gather in memory; an asynchronous one's first goes to disk at once (the start is
 * acknowledged), the others when it closes. One that gathers without end is stopped. */
static void keep_express(struct txn *t, struct slice record)
{
    struct hot *h = t->h;

    if (h->record_count == h->record_cap) {
        h->record_cap = h->record_cap != 0 ? h->record_cap * 2 : 8;
        h->records = mem_realloc(h->records, h->record_cap * sizeof(struct slice));
    }
    h->records[h->record_count++] = slice_make(mem_strdup(record), record.len);
    h->record_bytes += record.len;
    if (h->kept) {
        t->l->kept_bytes += record.len; /* its upload was settled after its end */
    }
    if (hot_is_too_large(h) && t->s.header.status == EXECUTION_RUNNING) {
        notice_stop(t->l, h->h.id);
    }
    if (!h->recorded) {
        return;
    }
    if (h->record_count == 1) {
        put_record(t->l, &t->s.header, 0, record);
    } else if (t->s.header.status != EXECUTION_RUNNING) {
        for (size_t i = 1; i < h->record_count; i++) {
            put_record(t->l, &t->s.header, i, h->records[i]);
        }
    }
}

static void put_rows(struct txn *t, bool first)
{
    struct ledger *l = t->l;
    struct hot *h = t->h;
    const struct execution_header *now = &t->s.header;

    if (h->parked_ms != 0) {
        unpark_rows(l, h, now);
    }
    if (first) {
        put_name(l, h);
        if (now->status == EXECUTION_RUNNING) {
            put_index(l, h, now);
        }
    }
    if (now->status != h->h.status) {
        if (!first) {
            delete_index(l, now, h->h.status);
        }
        put_index(l, h, now);
    } else if (now->redrive_count != h->h.redrive_count) {
        put_index(l, h, now); /* redriven, and ended the same way in one step */
    }
}

static void put_step(struct txn *t)
{
    struct ledger *l = t->l;
    uint64_t sequence = t->s.header.sequence;
    bool first = sequence == 0;
    struct buf record = {0};

    if (first) {
        /* Rows are named after the header: it must be there before them. */
        enum execution_status status = t->s.header.status;

        hot_take_header(l, t->h, &t->s.header);
        t->h->h.status = EXECUTION_RUNNING;
        t->s.header.status = status;
        if (!t->h->named) {
            hot_name(l, t->h);
        }
    }
    record_encode(&t->s, claim_frames(t, sequence), &record);
    if (t->s.header.express) {
        keep_express(t, buf_slice(&record));
    } else {
        put_record(l, &t->s.header, sequence, buf_slice(&record));
    }
    buf_fini(&record);
    logged_step(l, t->h, &t->s, sequence);
    if (t->h->recorded) {
        put_rows(t, first);
    }
}

/* Closed, or redriven; or both in one step, which counts for nothing. */
static void count_open(const struct txn *t)
{
    const struct execution_header *h = &t->s.header;
    struct machine_figures *f = t->h->machine->figures;
    bool was = t->h->h.status == EXECUTION_RUNNING;
    bool is = h->status == EXECUTION_RUNNING;

    f->started += h->sequence == 0 ? 1 : 0;
    if (was && !is) {
        t->h->machine->open_executions--;
        t->l->open_count--;
        f->ended[h->status]++;
        histogram_add(&f->duration, &histogram_ms,
                      h->stop_ms > h->start_ms ? (uint64_t)(h->stop_ms - h->start_ms) : 0);
    } else if (!was && is) {
        t->h->machine->open_executions++;
        t->l->open_count++;
        f->redriven++;
    }
}

/* What was stepped becomes what there is. */
static void take_step(struct txn *t)
{
    struct ledger *l = t->l;
    struct hot *h = t->h;

    count_open(t);
    t->s.header.sequence++;
    t->s.header.record_docs = 0;
    for (size_t i = 0; i < t->s.frame_count; i++) {
        struct hot_frame *hf = hot_frame_find(l, h, t->s.frames[i].id);

        hot_frame_take(l, hf, &t->s.frames[i]);
        hot_frame_time(l, hf);
    }
    hot_take_header(l, h, &t->s.header);
    l->transitions++;
}

/* ---- commands ---- */

static void schedule_task(struct txn *t, const struct command *c)
{
    if (txn_frame(t, c->frame) != NULL) {
        task_schedule(t, hot_frame_get(t->l, t->h, c->frame), c);
    }
}

static void make_call(struct txn *t, const struct command *c)
{
    struct hot_frame *hf;

    if (txn_frame(t, c->frame) != NULL) {
        hf = hot_frame_get(t->l, t->h, c->frame);
        task_set_order(t->l, hf, c);
        call_queue(t->l, hf);
    }
}

static void cancel_task(struct txn *t, const struct command *c)
{
    struct hot_frame *hf = hot_frame_find(t->l, t->h, c->frame);

    if (hf == NULL) {
        return; /* made and ended within this record */
    }
    if (hf->task.status == FLEET_TASK_LEASED && hf->task.worker != NULL) {
        ledger_worker_drop(t->l, hf->task.worker, hf->task.token);
        t->l->feed = true;
    }
    fleet_task_end(t->l->fleet, &hf->task);
    activity_leave(t->l, hf);
    list_remove(&hf->mail);
    hf->held = false;
}

static void abort_upload(struct txn *t, const struct command *c)
{
    if (txn_frame(t, c->frame) != NULL) {
        object_abort(t->l, hot_frame_get(t->l, t->h, c->frame), &c->output);
    }
}

static void step_forget(struct step *s, size_t at)
{
    s->frame_count--;
    memmove(&s->frames[at], &s->frames[at + 1], (s->frame_count - at) * sizeof(*s->frames));
}

/* Frames first .. first + count - 1 are no more, nor are those below them: as deep as scopes stand
 * in scopes. What is not in the record need not be read from it. */
static void drop_frames(struct txn *t, uint32_t first, uint32_t count)
{
    struct step *s = &t->s;

    for (size_t i = 0; i < s->frame_count;) {
        struct frame f = s->frames[i];

        if (f.id - first >= count) {
            i++;
            continue;
        }
        step_forget(s, i);
        if (f.child_count != 0) {
            drop_frames(t, f.first_child, f.child_count);
            i = 0; /* they stood anywhere */
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        struct hot_frame *hf = hot_frame_find(t->l, t->h, first + i);

        if (hf != NULL) {
            struct frame f = hf->f;

            hot_frame_drop(t->l, hf);
            if (f.child_count != 0) {
                drop_frames(t, f.first_child, f.child_count);
            }
        }
    }
}

static void closed(struct txn *t)
{
    const struct execution_header *h = &t->s.header;

    t->h->failed_as = t->s.failed_as;
    fleet_timer_clear(t->l->fleet, &t->h->deadline);
    notice_ended(t->l, h);
    pipe_run_ended(t->l, h);
    delivery_run_ended(t->l, h);
}

static void run_commands(struct txn *t)
{
    for (; t->commands_done < t->s.command_count; t->commands_done++) {
        /* A grant stepped in below may move the array. */
        struct command c = t->s.commands[t->commands_done];

        switch (c.kind) {
        case COMMAND_SCHEDULE_TASK: schedule_task(t, &c); break;
        case COMMAND_CANCEL_TASK: cancel_task(t, &c); break;
        case COMMAND_CALL: make_call(t, &c); break;
        case COMMAND_STOP_CHILD: notice_stop(t->l, c.child); break;
        case COMMAND_DROP_FRAMES: drop_frames(t, c.first, c.count); break;
        case COMMAND_ABORT_UPLOAD: abort_upload(t, &c); break;
        case COMMAND_SET_TIMER: break; /* the frame says so too: take_step() */
        case COMMAND_CLOSED: closed(t); break;
        }
    }
}

static void set_deadline(struct txn *t)
{
    const struct execution_header *h = &t->h->h;

    if (h->status == EXECUTION_RUNNING && h->deadline_ms != 0 && !heap_has(&t->h->deadline.heap)) {
        fleet_timer_set(t->l->fleet, &t->h->deadline, h->deadline_ms);
    }
}

/* An ended execution leaves memory when that is durable; a synchronous Express is kept to be shown,
 * where it can be found. */
static void retire(struct ledger *l, struct hot *h)
{
    list_remove(&h->lru);
    if (h->recorded || h->machine->passing) {
        list_push_back(&l->closed, &h->lru);
        return;
    }
    list_push_back(&l->kept, &h->lru);
    if (!h->kept) {
        h->kept = true;
        l->kept_count++;
        l->kept_bytes += h->record_bytes;
    }
}

void txn_commit(struct txn *t)
{
    struct ledger *l = t->l;
    struct hot *h = t->h;
    enum execution_status was = h->h.status;
    bool began = t->s.header.sequence == 0 || t->s.header.redrive_count != h->h.redrive_count;

    run_commands(t);
    if (t->s.frame_count == 0 && t->s.event_count == 0) {
        return;
    }
    execution_check(&t->s.header,
                    &(struct frame_set){.items = t->s.frames, .count = t->s.frame_count}, false);
    put_step(t);
    take_step(t);
    event_step(l, &h->h, began, was);
    set_deadline(t);
    hot_touch(l, h);
    hot_moved(l, h);
    hot_queue(l, h);
    if (h->h.status != EXECUTION_RUNNING) {
        retire(l, h);
    }
}

enum step_status ledger_step(struct ledger *l,
                             struct hot *h,
                             struct engine_event *ev,
                             struct fleet_worker *prefer,
                             struct err *err)
{
    struct txn t;
    enum step_status status;

    txn_begin(&t, l, h, prefer);
    status = txn_step(&t, ev, err);
    if (status == STEP_DONE || status == STEP_CONTINUE) {
        txn_commit(&t);
    }
    assert(status != STEP_NEED_FRAME); /* all frames are in memory */
    return status;
}
