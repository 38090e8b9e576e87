/* SPDX-License-Identifier: Apache-2.0 */
/* From disk to memory: recovery at start, executions loaded when something comes for them.
 *
 * A load reads record 0 (what never changes), the last record, and those from its `lowest` on; of
 * each frame the newest version counts. */
#include <stdlib.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/read.h"
#include "coordinator/ledger/retention.h"
#include "coordinator/store/keys.h"
#include "proto/host/log.h"

/* ---- loading ---- */

/* The index row says whether it is parked. */
static int64_t load_parked(struct ledger *l, const struct execution_header *h, struct err *err)
{
    struct key key = key_index(h->account, h->status, h->machine, h->start_ms, h->id);
    struct index_row row = {0};
    struct buf b = {0};
    int64_t parked = 0;

    if (h->status == EXECUTION_RUNNING &&
        store_get(l->store, CF_INDEX, key_slice(&key), &b, err) == OK &&
        index_row_decode(buf_slice(&b), &row, err) == OK) {
        parked = row.parked_ms;
    }
    buf_fini(&b);
    return parked;
}

static struct record_source source_of(const struct ledger *l, uint64_t id)
{
    return (struct record_source){
        .rules = &l->rules,
        .store = l->store,
        .account = l->config.account,
        .execution = id,
    };
}

static int by_sequence(const void *a, const void *b)
{
    const struct image_frame *const *x = a;
    const struct image_frame *const *y = b;

    return ((*x)->sequence > (*y)->sequence) - ((*x)->sequence < (*y)->sequence);
}

/* The frames, in the order of the records that hold them. */
static void load_frames(struct ledger *l, struct hot *h, const struct image *im)
{
    const struct image_frame **sorted = arena_alloc(&l->arena, im->frame_count * sizeof(*sorted));

    for (size_t i = 0; i < im->frame_count; i++) {
        sorted[i] = &im->held[i];
    }
    qsort(sorted, im->frame_count, sizeof(*sorted), by_sequence);
    for (size_t i = 0; i < im->frame_count; i++) {
        struct hot_frame *hf = hot_frame_get(l, h, sorted[i]->frame->id);

        hot_frame_claim(hf, sorted[i]->sequence);
        hot_frame_take(l, hf, sorted[i]->frame);
    }
}

/* The clock may have been put back while nothing ran. */
static void note_times(struct ledger *l, const struct image *im)
{
    ledger_clock_seen(l, im->header.start_ms);
    ledger_clock_seen(l, im->header.redrive_ms);
    for (size_t i = 0; i < im->frame_count; i++) {
        ledger_clock_seen(l, im->frames[i].entered_ms);
        ledger_clock_seen(l, im->frames[i].granted_ms);
    }
}

static enum err_code
load_into(struct ledger *l, struct hot *h, const struct image *im, struct err *err)
{
    enum err_code rc;

    h->machine = ledger_machine_number(l, im->header.machine);
    if (h->machine == NULL) {
        return err_set(err, ERR_MACHINE_DOES_NOT_EXIST, "the machine of %.*s is gone",
                       SLICE_FMT(im->header.arn));
    }
    rc = machine_revision_get(l, h->machine, im->header.revision, &h->revision, err);
    if (rc != OK) {
        return rc;
    }
    hot_take_header(l, h, &im->header);
    hot_name(l, h);
    note_times(l, im);
    load_frames(l, h, im);
    execution_check(&im->header, &(struct frame_set){.items = im->frames, .count = im->frame_count},
                    true);
    h->h.sequence++;
    h->h.record_docs = 0;
    h->recorded = true;
    h->parked_ms = load_parked(l, &im->header, err);
    return OK;
}

enum err_code hot_load(struct ledger *l, uint64_t id, struct hot **out, struct err *err)
{
    struct hot *h = hot_find(l, id);
    struct record_source source = source_of(l, id);
    struct image im;
    enum err_code rc;

    if (h != NULL) {
        *out = h;
        return OK;
    }
    if (retention_is_gone(l, id)) {
        return err_set(err, ERR_EXECUTION_DOES_NOT_EXIST, "execution %llu was over for too long",
                       (unsigned long long)id);
    }
    rc = image_read(&source, &l->arena, &im, err);
    if (rc != OK) {
        return rc;
    }
    h = hot_new(l, id);
    rc = load_into(l, h, &im, err);
    if (rc != OK) {
        err_wrap(err, "load execution %llu", (unsigned long long)id);
        hot_free(l, h);
        return rc;
    }
    list_push_back(h->h.status == EXECUTION_RUNNING ? &l->lru : &l->closed, &h->lru);
    *out = h;
    return OK;
}

/* ---- going on ---- */

static void resume_task(struct ledger *l, struct hot_frame *hf)
{
    struct err err;

    if (task_order(l, hf, &err) != OK) {
        log_error("a task cannot be made again: execution=%.*s: %s", SLICE_FMT(hf->hot->h.arn),
                  err.msg);
        return;
    }
    hf->task.attempt = hf->f.attempt;
    hf->task.timeout_ms = hf->f.timeout_ms;
    hf->task.heartbeat_ms = hf->f.heartbeat_ms;
    if (hf->f.status == FRAME_LEASED) {
        hf->task.holder = hf->f.holder;
        fleet_task_restore(l->fleet, &hf->task, hf->order->function, hf->f.worker, hf->f.token,
                           hf->f.granted_ms, l->now);
        return;
    }
    if (hf->f.output.bucket.ptr != NULL) {
        hf->held = true;
        object_abort(l, hf, &hf->f.output);
    } else if (hf->order->activity.len != 0) {
        activity_enqueue(l, hf, hf->order->activity);
    } else { /* nothing can carry yet: it is queued */
        (void)fleet_task_ready(l->fleet, &hf->task, hf->order->function, NULL, l->now);
    }
}

static void resume_frame(struct ledger *l, struct hot_frame *hf)
{
    switch (hf->f.status) {
    case FRAME_READY:
    case FRAME_LEASED: resume_task(l, hf); return;
    case FRAME_COMMITTING: object_complete(l, hf); return;
    case FRAME_CALL: call_queue(l, hf); break;
    case FRAME_TIMER:
    case FRAME_TOKEN:
    case FRAME_CHILD: hot_frame_time(l, hf); break;
    case FRAME_RUN:
    case FRAME_JOIN: /* among the runnable where it can go on */
    case FRAME_DONE:
    case FRAME_FAILED: break;
    }
    if (hf->f.output.bucket.ptr != NULL) {
        object_abort(l, hf, &hf->f.output);
    }
}

void hot_resume(struct ledger *l, struct hot *h)
{
    if (h->h.status != EXECUTION_RUNNING) {
        return;
    }
    LIST_EACH(n, &h->frames)
    {
        resume_frame(l, container_of(n, struct hot_frame, of_hot));
    }
    hot_queue(l, h);
    if (h->h.deadline_ms != 0) {
        fleet_timer_set(l->fleet, &h->deadline, h->h.deadline_ms);
    }
}

/* An Express start that was acknowledged and not ended: from the beginning again, under its name,
 * with all of its time: else a long outage would end each by its deadline. */
static enum err_code restart_express(struct ledger *l, uint64_t id, struct err *err)
{
    struct record_source source = source_of(l, id);
    struct ledger_start s = {.restart_of = id};
    struct image im;
    struct key key;
    uint64_t again;
    enum err_code rc = image_read(&source, &l->arena, &im, err);

    if (rc != OK) {
        return rc;
    }
    s.machine = ledger_machine_number(l, im.header.machine);
    if (s.machine == NULL) {
        return OK; /* deleted meanwhile: nobody waits for it */
    }
    s.revision = im.header.revision;
    s.version = im.header.version;
    s.alias = im.header.alias;
    s.trace = im.header.trace;
    s.name = im.header.name;
    s.arn = im.header.arn;
    s.input = im.header.input.text;
    s.parent = im.header.parent;
    s.machine->open_executions--; /* counted when it was found, and again when it starts */
    l->open_count--;
    key =
        key_index(im.header.account, EXECUTION_RUNNING, im.header.machine, im.header.start_ms, id);
    store_delete(l->filling, CF_INDEX, key_slice(&key));
    log_info("Express execution starts over: execution=%.*s", SLICE_FMT(s.arn));
    return ledger_start(l, &s, &again, err);
}

static enum err_code
recover_one(struct ledger *l, uint64_t id, struct ledger_machine *m, struct err *err)
{
    struct hot *h;
    enum err_code rc;

    if (m->express) {
        return restart_express(l, id, err);
    }
    rc = hot_load(l, id, &h, err);
    if (rc == OK) {
        hot_resume(l, h);
    }
    return rc;
}

/* Ids of what runs and is not parked; the open executions are counted on the way. */
static enum err_code running_ids(struct ledger *l, struct buf *ids, struct err *err)
{
    struct key from = key_index_status(l->config.account, EXECUTION_RUNNING);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(l->store, CF_INDEX, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;
    enum err_code rc = OK;

    while (rc == OK && store_next(i, &key, &value)) {
        struct index_row row;
        struct ledger_machine *m;
        enum execution_status status;
        uint64_t account;
        uint64_t machine;
        uint64_t id;
        int64_t start_ms;

        if (!key_index_parse(key, &account, &status, &machine, &start_ms, &id)) {
            rc = err_set(err, ERR_CORRUPT, "a key of the index cannot be read");
            break;
        }
        ledger_clock_seen(l, start_ms);
        rc = index_row_decode(value, &row, err);
        m = ledger_machine_number(l, machine);
        if (rc == OK && m != NULL) {
            l->open_count++;
            m->open_executions++;
            if (row.parked_ms == 0) {
                buf_put(ids, &id, sizeof(id));
                buf_put(ids, &machine, sizeof(machine));
            }
        }
    }
    if (rc == OK) {
        return store_iterator_end(i, err);
    }
    (void)store_iterator_end(i, NULL);
    return rc;
}

/* What those that went before were given: there may be no row left of the last one. */
static enum err_code last_number(struct ledger *l, uint64_t *out, struct err *err)
{
    struct key key = key_meta("executions");
    struct buf b = {0};
    enum err_code rc = store_get(l->store, CF_META, key_slice(&key), &b, err);

    *out = 0;
    if (rc == OK) {
        struct cursor c = cursor_make(buf_slice(&b));

        *out = cursor_u64be(&c);
        rc = c.bad ? err_set(err, ERR_CORRUPT, "the counter of executions cannot be read") : OK;
    }
    buf_fini(&b);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

static enum err_code last_execution(struct ledger *l, struct err *err)
{
    struct key from = key_execution_prefix(l->config.account, 0);
    struct key to = key_execution_prefix(l->config.account + 1, 0);
    struct store_iterator *i =
        store_iterate(l->store, CF_EXECUTION, key_slice(&from), key_slice(&to), true);
    struct slice key;
    struct slice value;
    uint64_t account;
    uint64_t sequence;
    uint64_t stored = 0;
    uint64_t given;
    enum err_code rc;

    if (store_next(i, &key, &value)) {
        (void)key_execution_parse(key, &account, &stored, &sequence);
    }
    rc = store_iterator_end(i, err);
    if (rc == OK) {
        rc = last_number(l, &given, err);
    }
    if (rc == OK) {
        l->next_execution = (stored > given ? stored : given) + 1;
    }
    return rc;
}

enum err_code ledger_recover(struct ledger *l, struct err *err)
{
    struct buf ids = {0};
    struct cursor c;
    enum err_code rc = last_execution(l, err);

    if (rc == OK) {
        rc = running_ids(l, &ids, err);
    }
    c = cursor_make(buf_slice(&ids));
    while (rc == OK && !cursor_done(&c)) {
        uint64_t id;
        uint64_t machine;

        memcpy(&id, cursor_take(&c, sizeof(id)).ptr, sizeof(id));
        memcpy(&machine, cursor_take(&c, sizeof(machine)).ptr, sizeof(machine));
        rc = recover_one(l, id, ledger_machine_number(l, machine), err);
        dropped_free(l);
        arena_reset(&l->arena);
        l->turn++; /* orders made in the arena are gone */
    }
    if (rc == OK) {
        activities_sort(l);
    }
    buf_fini(&ids);
    return rc;
}

enum err_code ledger_execution_load(struct ledger *l, uint64_t id, struct err *err)
{
    struct hot *h = hot_find(l, id);
    enum err_code rc;

    if (h != NULL) {
        if (h->parking) { /* not gone yet: it stays */
            h->parking = false;
            list_remove(&h->lru);
            list_push_back(&l->lru, &h->lru);
        }
        return OK;
    }
    rc = hot_load(l, id, &h, err);
    if (rc == OK) {
        hot_resume(l, h);
    }
    return rc;
}
