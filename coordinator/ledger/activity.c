/* SPDX-License-Identifier: Apache-2.0 */
/* Activities: their rows, and the queues of tasks that wait to be taken. A queue is no row: after a
 * restart the frames that wait stand in it again.
 *
 * A deleted activity's tasks go on waiting, as with AWS: it stays in memory, found by nobody, until
 * the last of them has ended, and an activity made again under its name has them. */
#include <assert.h>
#include <stdlib.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/store/keys.h"
#include "proto/host/log.h"

static struct slice copy(struct slice s)
{
    return slice_make(mem_strdup(s), s.len);
}

/* By name, those deleted too. */
static struct ledger_activity *activity_any(const struct ledger *l, struct slice name)
{
    HASH_EACH_MATCH(n, &l->activities, hash_bytes(name, 0))
    {
        struct ledger_activity *a = container_of(n, struct ledger_activity, by_name);

        if (slice_eq(a->name, name)) {
            return a;
        }
    }
    return NULL;
}

/* As one that is deleted: it is there when it has a row. */
static struct ledger_activity *activity_new(struct ledger *l, struct slice name)
{
    struct ledger_activity *a = mem_zalloc(1, sizeof(*a));
    struct buf arn = {0};

    buf_printf(&arn, "arn:aws:states:%s:%012llu:activity:%.*s", l->config.region,
               (unsigned long long)l->config.account, SLICE_FMT(name));
    a->name = copy(name);
    a->arn = copy(buf_slice(&arn));
    buf_fini(&arn);
    a->deleted = true;
    list_init(&a->ready);
    list_init(&a->link);
    hash_insert(&l->activities, &a->by_name, hash_bytes(a->name, 0));
    l->activities_deleted++;
    return a;
}

static void activity_restore(struct ledger *l, struct ledger_activity *a, int64_t created_ms)
{
    assert(a->deleted);
    a->deleted = false;
    a->created_ms = created_ms;
    l->activities_deleted--;
}

static void activity_free(struct ledger *l, struct ledger_activity *a)
{
    assert(list_empty(&a->ready));
    l->activities_deleted -= (size_t)a->deleted;
    list_remove(&a->link);
    hash_remove(&l->activities, &a->by_name);
    mem_free((void *)(uintptr_t)a->name.ptr);
    mem_free((void *)(uintptr_t)a->arn.ptr);
    mem_free(a);
}

void activities_free(struct ledger *l)
{
    struct hash_node *n;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->activities, &bucket, NULL)) != NULL) {
        activity_free(l, container_of(n, struct ledger_activity, by_name));
        bucket = 0;
    }
    hash_fini(&l->activities);
}

static enum err_code
activity_load(struct ledger *l, struct slice name, struct slice value, struct err *err)
{
    struct activity_row row;
    enum err_code rc = activity_row_decode(value, &row, err);

    if (rc == OK) {
        activity_restore(l, activity_new(l, name), row.created_ms);
    }
    return rc;
}

enum err_code activities_load(struct ledger *l, struct err *err)
{
    struct key all = key_activities(l->config.account);

    return rows_load(l, CF_MACHINE, &all, activity_load, err);
}

/* ---- what there is ---- */

struct ledger_activity *ledger_activity_find(struct ledger *l, struct slice name)
{
    struct ledger_activity *a = activity_any(l, name);

    return a != NULL && !a->deleted ? a : NULL;
}

bool activity_exists(const void *ledger, struct slice name)
{
    const struct ledger_activity *a = activity_any(ledger, name);

    return a != NULL && !a->deleted;
}

size_t ledger_activity_count(const struct ledger *l)
{
    return l->activities.count - l->activities_deleted;
}

static int by_name(const void *a, const void *b)
{
    const struct ledger_activity *const *x = a;
    const struct ledger_activity *const *y = b;

    return slice_cmp((*x)->name, (*y)->name);
}

struct ledger_activity **ledger_activities(struct ledger *l, size_t *count)
{
    struct ledger_activity **all =
        ARENA_ARRAY(&l->arena, l->activities.count + 1, struct ledger_activity *);
    struct hash_node *n = NULL;
    size_t bucket = 0;

    *count = 0;
    while ((n = hash_iterate(&l->activities, &bucket, n)) != NULL) {
        struct ledger_activity *a = container_of(n, struct ledger_activity, by_name);

        if (!a->deleted) {
            all[(*count)++] = a;
        }
    }
    qsort(all, *count, sizeof(struct ledger_activity *), by_name);
    return all;
}

/* ---- made and deleted ---- */

static void activity_ready(struct ledger *l, struct ledger_activity *a)
{
    if (!a->deleted && a->waiting != 0 && list_empty(&a->link)) {
        list_push_back(&l->activities_ready, &a->link);
    }
}

struct ledger_activity *ledger_activity_put(struct ledger *l, struct slice name)
{
    struct ledger_activity *a = activity_any(l, name);
    struct activity_row row = {.created_ms = l->now.wall_ms};
    struct key key = key_activity(l->config.account, name);

    if (a == NULL) {
        a = activity_new(l, name);
    }
    if (!a->deleted) {
        return a;
    }
    activity_restore(l, a, row.created_ms);
    activity_ready(l, a);
    buf_reset(&l->scratch);
    activity_row_encode(&row, &l->scratch);
    store_put(l->filling, CF_MACHINE, key_slice(&key), buf_slice(&l->scratch));
    return a;
}

void ledger_activity_delete(struct ledger *l, struct ledger_activity *a)
{
    struct key key = key_activity(l->config.account, a->name);

    assert(!a->deleted);
    store_delete(l->filling, CF_MACHINE, key_slice(&key));
    ledger_tags_set(l, TAGS_ACTIVITY, a->name, &(struct tags_row){0});
    a->deleted = true;
    a->user = NULL;
    l->activities_deleted++;
    list_remove(&a->link);
    if (a->waiting == 0) {
        activity_free(l, a);
    }
}

/* ---- queues ---- */

void activity_enqueue(struct ledger *l, struct hot_frame *hf, struct slice name)
{
    struct ledger_activity *a = activity_any(l, name);

    assert(hf->activity == NULL);
    if (a == NULL) {
        a = activity_new(l, name);
    }
    hf->activity = a;
    list_push_back(&a->ready, &hf->queue);
    a->waiting++;
    activity_ready(l, a);
}

void activity_leave(struct ledger *l, struct hot_frame *hf)
{
    struct ledger_activity *a = hf->activity;

    if (a == NULL) {
        return;
    }
    hf->activity = NULL;
    list_remove(&hf->queue);
    if (--a->waiting == 0 && a->deleted) {
        activity_free(l, a);
    }
}

/* The one that was entered first; among those of one moment, the one that was started first. */
static int by_entry(const void *a, const void *b)
{
    const struct hot_frame *x = *(struct hot_frame *const *)a;
    const struct hot_frame *y = *(struct hot_frame *const *)b;

    if (x->f.entered_ms != y->f.entered_ms) {
        return x->f.entered_ms < y->f.entered_ms ? -1 : 1;
    }
    if (x->hot != y->hot) {
        return x->hot->h.id < y->hot->h.id ? -1 : 1;
    }
    return (x->f.entered_event > y->f.entered_event) - (x->f.entered_event < y->f.entered_event);
}

static void activity_sort(struct ledger *l, struct ledger_activity *a)
{
    struct hot_frame **all = ARENA_ARRAY(&l->arena, a->waiting + 1, struct hot_frame *);
    struct list *n;
    size_t count = 0;

    while ((n = list_pop_front(&a->ready)) != NULL) {
        all[count++] = container_of(n, struct hot_frame, queue);
    }
    qsort(all, count, sizeof(struct hot_frame *), by_entry);
    for (size_t i = 0; i < count; i++) {
        list_push_back(&a->ready, &all[i]->queue);
    }
}

void activities_sort(struct ledger *l)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->activities, &bucket, n)) != NULL) {
        activity_sort(l, container_of(n, struct ledger_activity, by_name));
    }
}

void activities_tell(struct ledger *l)
{
    struct list ready;
    struct list *n;

    list_init(&ready);
    list_splice(&ready, &l->activities_ready);
    while ((n = list_pop_front(&ready)) != NULL) {
        struct ledger_activity *a = container_of(n, struct ledger_activity, link);

        if (a->waiting != 0) {
            l->hooks.activity_ready(l->hooks.arg, a);
        }
    }
}

/* False: it could not be handed out, and is out of the queue. */
static bool take_task(struct ledger *l,
                      struct hot_frame *hf,
                      struct slice worker,
                      struct slice *token,
                      struct slice *input)
{
    struct engine_event ev = {.kind = ENGINE_ACTIVITY_TAKEN, .frame = hf->f.id, .worker = worker};
    struct hot *h = hf->hot;
    struct err err = {0};
    enum step_status status;

    activity_leave(l, hf);
    if (task_order(l, hf, &err) != OK) {
        log_error("an activity's task cannot be made again: execution=%.*s: %s",
                  SLICE_FMT(h->h.arn), err.msg);
        return false;
    }
    *input = hf->order->payload;
    *token = engine_task_token(&h->h, &hf->f, &l->arena);
    status = ledger_step(l, h, &ev, NULL, &err);
    if (status != STEP_DONE && status != STEP_CONTINUE) {
        log_error("an activity's task cannot be taken: execution=%.*s: %s", SLICE_FMT(h->h.arn),
                  err.msg);
        return false;
    }
    hf = hot_frame_find(l, h, ev.frame);
    return hf != NULL && hf->f.status == FRAME_TOKEN; /* else it was the history's last event */
}

bool ledger_activity_take(struct ledger *l,
                          struct ledger_activity *a,
                          struct slice worker,
                          struct slice *token,
                          struct slice *input)
{
    assert(!a->deleted);
    while (!list_empty(&a->ready)) {
        if (take_task(l, container_of(a->ready.next, struct hot_frame, queue), worker, token,
                      input)) {
            return true;
        }
    }
    return false;
}
