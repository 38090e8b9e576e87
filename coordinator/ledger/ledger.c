/* SPDX-License-Identifier: Apache-2.0 */
/* The turn, and the batch on its way to disk. */
#include "coordinator/ledger/ledger.h"

#include <assert.h>

#include "coordinator/ledger/pipe.h"
#include "coordinator/ledger/queue.h"
#include "coordinator/ledger/retention.h"
#include "coordinator/ledger/run.h"
#include "proto/base/text.h"
#include "proto/host/log.h"

enum {
    STALL_MS = 3000,       /* a turn that comes so late was held up: leases are given that time */
    TICK_MS = 100,         /* parking and other housekeeping */
    CONTINUES_A_TURN = 16, /* executions that go on after a bounded step */
};

/* ---- the turn ---- */

void ledger_turn_begin(struct ledger *l, struct fleet_now now)
{
    int64_t late = now.mono_ms - l->next_turn_ms;

    if (l->next_turn_ms != 0 && late > STALL_MS) {
        log_warn("the loop stood still for %lld ms: leases are extended", (long long)late);
        fleet_extend(l->fleet, late);
        l->figures.stalls++;
    }
    clock_go_on(l, now);
}

void ledger_set_short(struct ledger *l, bool is_short)
{
    l->is_short = is_short;
}

bool ledger_is_short(const struct ledger *l)
{
    return l->is_short;
}

/* Those named by an ENGINE_CONTINUE that can still go on stand behind those that were not. */
static void
rotate(struct ledger *l, const struct hot *h, const uint32_t *ids, size_t count, uint64_t sequence)
{
    for (size_t i = 0; i < count; i++) {
        struct hot_frame *hf = hot_frame_find(l, h, ids[i]);

        if (hf != NULL && hf->sequence == sequence && !list_empty(&hf->runnable)) {
            list_remove(&hf->runnable);
            list_push_back(&hf->hot->runnable, &hf->runnable);
        }
    }
}

/* Nothing came of it: they are not asked again before something else happens to them. */
static void give_up(struct ledger *l, const struct hot *h, const uint32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct hot_frame *hf = hot_frame_find(l, h, ids[i]);

        if (hf != NULL) {
            list_remove(&hf->runnable);
        }
    }
}

static void go_on(struct ledger *l, struct hot *h)
{
    uint32_t ids[LIMIT_STEP_TRANSITIONS];
    struct engine_event ev = {.kind = ENGINE_CONTINUE, .runnable = ids};
    uint64_t sequence = h->h.sequence;
    enum step_status status;
    struct err err = {0};

    LIST_EACH(n, &h->runnable)
    {
        if (ev.runnable_count == LIMIT_STEP_TRANSITIONS) {
            break;
        }
        ids[ev.runnable_count++] = container_of(n, struct hot_frame, runnable)->f.id;
    }
    status = ledger_step(l, h, &ev, NULL, &err);
    if (status == STEP_DONE || status == STEP_CONTINUE) {
        rotate(l, h, ids, ev.runnable_count, sequence);
        return;
    }
    log_error("an execution cannot go on: execution=%.*s: %s", SLICE_FMT(h->h.arn), err.msg);
    give_up(l, h, ids, ev.runnable_count);
}

static void run_continuing(struct ledger *l)
{
    struct list again;

    list_init(&again);
    list_splice(&again, &l->continuing);
    for (unsigned i = 0; i < CONTINUES_A_TURN && ledger_accepts(l) && !list_empty(&again); i++) {
        go_on(l, container_of(list_pop_front(&again), struct hot, continuing));
    }
    list_splice(&again, &l->continuing); /* those not reached go first next time */
    list_splice(&l->continuing, &again);
}

static void tell_moved(struct ledger *l)
{
    struct list *n;

    while ((n = list_pop_front(&l->moved)) != NULL) {
        struct hot *h = container_of(n, struct hot, moved_link);

        h->moved = false;
        l->hooks.moved(l->hooks.arg, h->h.id);
    }
    while ((n = list_pop_front(&l->runs_moved)) != NULL) {
        l->hooks.moved(l->hooks.arg, container_of(n, struct ledger_run, moved)->number);
    }
}

/* Slots came free, or tasks were handed back, without a request of a worker that could take what
 * waits: those with a parked poll can. */
static void feed_parked(struct ledger *l)
{
    struct fleet_worker *w = NULL;
    size_t bucket = 0;

    if (!l->feed) {
        return;
    }
    l->feed = false;
    while (fleet_ready_count(l->fleet) != 0 &&
           (w = fleet_worker_each(l->fleet, &bucket, w)) != NULL) {
        ledger_worker_feed(l, w);
    }
}

static void deliver_mail(struct ledger *l)
{
    struct list mail;
    struct list *n;

    list_init(&mail);
    list_splice(&mail, &l->mail);
    while ((n = list_pop_front(&mail)) != NULL) {
        struct ledger_mail *m = container_of(n, struct ledger_mail, link);

        if (ledger_has_mail(m->worker)) {
            l->hooks.worker_mail(l->hooks.arg, m->worker);
        }
    }
}

static void let_waits_go(struct list *waits)
{
    struct list *n;

    while ((n = list_pop_front(waits)) != NULL) {
        struct ledger_wait *w = container_of(n, struct ledger_wait, link);

        w->durable(w);
    }
}

/* What follows from what has happened: it is in the batch that holds why. */
static void run_consequences(struct ledger *l)
{
    notices_run(l);
    deliveries_run(l);
}

static void send_batch(struct ledger *l)
{
    if (l->flying != NULL) {
        return;
    }
    run_consequences(l);
    queues_keep(l);
    notices_keep(l); /* what an execution tells another is in the batch that holds why */
    if (store_batch_count(l->filling) == 0) {
        list_splice(&l->ready_waits, &l->filling_waits); /* for deliveries that came to nothing */
        return;
    }
    l->flying = l->filling;
    l->filling = l->spare;
    l->spare = NULL;
    l->filling_number++;
    list_splice(&l->flying_waits, &l->filling_waits);
    l->hooks.commit(l->hooks.arg, l->flying);
}

/* Ended and parked executions leave memory once that is on disk; of synchronous Express ones, once
 * those that wait for them were told, the last few stay. */
static void free_closed(struct ledger *l)
{
    while (l->kept_count > LIMIT_EXPRESS_KEPT || l->kept_bytes > LIMIT_EXPRESS_KEPT_BYTES) {
        hot_free(l, container_of(l->kept.next, struct hot, lru));
    }
    while (!list_empty(&l->closed)) {
        struct hot *h = container_of(l->closed.next, struct hot, lru);

        if (!hot_is_durable(l, h)) {
            return;
        }
        hot_free(l, h);
    }
}

static void turn_over(struct ledger *l)
{
    int64_t wait = ledger_wait_ms(l, l->now);

    dropped_free(l);
    bodies_trim(l);
    arena_reset(&l->arena);
    l->turn++;
    l->notices_left = LIMIT_NOTICES_A_TURN;
    l->grants_left = LIMIT_JOB_GRANTS_A_TURN;
    l->deliveries_left = LIMIT_DELIVERIES_A_TURN;
    l->next_turn_ms = l->now.mono_ms + (wait >= 0 ? wait : INT64_MAX / 2);
}

/* What could not be read might have said anything: nothing of this turn may become durable. */
static bool is_readable(struct ledger *l, struct err *err)
{
    if (store_is_readable(l->store)) {
        return true;
    }
    (void)err_set(err, ERR_IO, "a read of the database failed");
    return false;
}

void ledger_turn_end(struct ledger *l)
{
    struct err err;

    if (restored_return(l)) { /* else the time of a lease that counts no more would be over */
        ledger_due(l);
    }
    runs_due(l);
    if (!l->is_short) {
        event_rules_due(l);
    }
    run_continuing(l);
    notices_run(l);
    calls_run(l);
    notices_run(l);
    objects_retry(l);
    machines_delete_some(l);
    sweeps_run(l);
    retention_run(l);
    if (l->now.mono_ms >= l->tick_ms) {
        l->tick_ms = l->now.mono_ms + TICK_MS;
        ledger_park_idle(l);
    }
    if (ledger_load_due(l, &err) != OK || runs_wake(l, &err) != OK || queues_due(l, &err) != OK ||
        pipes_run(l, &err) != OK || deliveries_try(l, &err) != OK || !is_readable(l, &err)) {
        l->hooks.failed(l->hooks.arg, &err);
        return;
    }
    run_consequences(l);
    activities_tell(l);
    queues_tell(l);
    feed_parked(l);
    feed_opened(l);
    run_consequences(l);
    tell_moved(l);
    deliver_mail(l);
    send_batch(l);
    let_waits_go(&l->ready_waits);
    free_closed(l);
    runs_retire(l);
    turn_over(l);
}

/* A batch keeps its memory for the next; one that was far too large (an Express execution's end)
 * does not. */
static void take_back(struct ledger *l)
{
    if (store_batch_bytes(l->flying) > 2 * (size_t)LIMIT_BATCH_BYTES) {
        store_batch_free(l->flying);
        l->spare = store_batch_new(l->store);
    } else {
        store_batch_clear(l->flying);
        l->spare = l->flying;
    }
    l->flying = NULL;
}

void ledger_abandon_flight(struct ledger *l)
{
    if (l->flying != NULL) {
        l->spare = l->flying;
        l->flying = NULL;
    }
}

void ledger_commit_done(struct ledger *l, enum err_code rc, const struct err *err)
{
    struct list waits;

    assert(l->flying != NULL);
    if (rc != OK) {
        l->hooks.failed(l->hooks.arg, err);
        return;
    }
    take_back(l);
    l->durable_number++;
    bodies_durable(l);
    deliveries_durable(l);
    list_init(&waits);
    list_splice(&waits, &l->flying_waits);
    send_batch(l);
    let_waits_go(&waits);
}

void ledger_wait_durable(struct ledger *l, struct ledger_wait *w)
{
    if (store_batch_count(l->filling) != 0 || !list_empty(&l->deliveries_new)) {
        list_push_back(&l->filling_waits, &w->link);
    } else if (l->flying != NULL) {
        list_push_back(&l->flying_waits, &w->link);
    } else {
        list_push_back(&l->ready_waits, &w->link);
    }
}

int64_t ledger_wait_ms(const struct ledger *l, struct fleet_now now)
{
    const struct heap_node *retry = heap_min(&l->object_retries);
    const struct heap_node *tick = heap_min(&l->run_ticks);
    const struct heap_node *parked = heap_min(&l->runs_due);
    const struct heap_node *rule = heap_min(&l->rules_due);
    int64_t wait;
    int64_t others[10];

    if (!ledger_accepts(l)) {
        return -1; /* the commit that is under way */
    }
    if (!list_empty(&l->continuing) || !list_empty(&l->ready_waits) || !list_empty(&l->mail) ||
        !list_empty(&l->calls) || !list_empty(&l->calls_gone) ||
        !list_empty(&l->activities_ready) || !list_empty(&l->sweeps) || l->notice_count != 0 ||
        l->voided_count != 0) {
        return 0;
    }
    now.wall_ms = clock_wall_at(l, now);
    wait = fleet_wait_ms(l->fleet, now);
    others[0] = l->window_next_ms - now.wall_ms;
    others[1] =
        !list_empty(&l->lru) || !list_empty(&l->deleting) ? l->tick_ms - now.mono_ms : INT64_MAX;
    others[2] = retry != NULL && l->flying == NULL ? retry->key - now.mono_ms : INT64_MAX;
    others[3] = tick != NULL ? tick->key - now.mono_ms : INT64_MAX;
    others[4] = parked != NULL ? parked->key - now.wall_ms : INT64_MAX;
    others[5] = queues_wait_ms(l, now);
    others[6] = pipes_wait_ms(l, now);
    others[7] = rule != NULL && !l->is_short ? rule->key - now.wall_ms : INT64_MAX;
    others[8] = retention_wait_ms(l, now);
    others[9] = deliveries_wait_ms(l, now);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (wait < 0 || others[i] < wait) {
            wait = others[i] > 0 ? others[i] : 0;
        }
    }
    return wait;
}

bool filling_has_room(const struct ledger *l)
{
    return store_batch_bytes(l->filling) < LIMIT_BATCH_BYTES;
}

bool ledger_accepts(const struct ledger *l)
{
    return store_batch_bytes(l->filling) + l->deliveries_new_bytes < LIMIT_BATCH_BYTES;
}

bool ledger_is_quiet(const struct ledger *l)
{
    return l->flying == NULL && store_batch_count(l->filling) == 0 && list_empty(&l->ready_waits);
}

/* ---- what the shell may know ---- */

struct arena *ledger_turn_arena(struct ledger *l)
{
    return &l->arena;
}

struct fleet_now ledger_now(const struct ledger *l)
{
    return l->now;
}

struct fleet *ledger_fleet(struct ledger *l)
{
    return l->fleet;
}

struct store *ledger_store(struct ledger *l)
{
    return l->store;
}

uint64_t ledger_epoch(const struct ledger *l)
{
    return l->epoch;
}

const struct ledger_config *ledger_configuration(const struct ledger *l)
{
    return &l->config;
}

const struct engine_rules *ledger_rules(const struct ledger *l)
{
    return &l->rules;
}

uint64_t ledger_random(struct ledger *l)
{
    l->seed += 0x9e3779b97f4a7c15u;
    return hash_u64(l->seed);
}

struct slice ledger_uuid(struct ledger *l)
{
    uint64_t bytes[2] = {ledger_random(l), ledger_random(l)};
    char *text = arena_alloc(&l->arena, TEXT_UUID_BYTES);

    text_format_uuid((const uint8_t *)bytes, text);
    return slice_make(text, TEXT_UUID_BYTES);
}

size_t ledger_open_count(const struct ledger *l)
{
    return l->open_count;
}

size_t ledger_hot_count(const struct ledger *l)
{
    return l->hot_by_id.count;
}

size_t ledger_held_count(const struct ledger *l)
{
    return l->hot_by_id.count + l->frames.count + l->docs.count;
}

uint64_t ledger_transitions(const struct ledger *l)
{
    return l->transitions;
}

struct figures *ledger_figures(struct ledger *l)
{
    return &l->figures;
}
