/* SPDX-License-Identifier: Apache-2.0 */
/* Opening over a store, and closing. */
#include <assert.h>

#include "coordinator/ledger/ledger.h"
#include "coordinator/ledger/pipe.h"
#include "coordinator/ledger/queue.h"
#include "coordinator/ledger/retention.h"
#include "coordinator/ledger/run.h"
#include "coordinator/ledger/topic.h"
#include "coordinator/ledger/webhook.h"
#include "coordinator/store/keys.h"

/* In seconds; a later one was never taken, and its milliseconds are no number. */
static const uint64_t epoch_max = INT64_MAX / 1000;

/* A new epoch, above every one before and at least the wall clock's seconds, so that a restored
 * backup repeats none; on disk before anything is granted under it. */
static enum err_code take_epoch(struct ledger *l, struct err *err)
{
    struct key key = key_meta("epoch");
    struct buf b = {0};
    uint64_t last = 0;
    uint64_t wall_s = (uint64_t)(l->now.wall_ms / 1000);
    enum err_code rc = store_get(l->store, CF_META, key_slice(&key), &b, err);

    if (rc == OK) {
        struct cursor c = cursor_make(buf_slice(&b));

        last = cursor_u64le(&c);
        if (c.bad || last > epoch_max) {
            rc = err_set(err, ERR_CORRUPT, "the epoch cannot be read");
        } else {
            ledger_clock_seen(l, (int64_t)last * 1000);
        }
    } else if (rc == ERR_NOT_FOUND) {
        rc = OK;
    }
    if (rc == OK) {
        rc = restored_note(l, last, err);
    }
    if (rc == OK) {
        l->epoch = last + 1 > wall_s ? last + 1 : wall_s;
        buf_reset(&b);
        buf_put_u64le(&b, l->epoch);
        store_put(l->filling, CF_META, key_slice(&key), buf_slice(&b));
        rc = store_write(l->store, l->filling, err);
        store_batch_clear(l->filling);
    }
    buf_fini(&b);
    return rc;
}

/* One META row, where there is one, to `take`. */
static enum err_code load_row(struct ledger *l,
                              const char *name,
                              void (*take)(struct ledger *l, struct slice row),
                              struct err *err)
{
    struct key key = key_meta(name);
    struct buf b = {0};
    enum err_code rc = store_get(l->store, CF_META, key_slice(&key), &b, err);

    if (rc == OK) {
        take(l, buf_slice(&b));
    }
    buf_fini(&b);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

enum err_code rows_load(
    struct ledger *l,
    enum store_cf cf,
    const struct key *prefix,
    enum err_code (*load)(struct ledger *l, struct slice rest, struct slice value, struct err *err),
    struct err *err)
{
    struct key to = key_after(prefix);
    struct store_iterator *i =
        store_iterate(l->store, cf, key_slice(prefix), key_slice(&to), false);
    struct slice key;
    struct slice value;
    enum err_code rc = OK;

    while (rc == OK && store_next(i, &key, &value)) {
        rc = load(l, slice_from(key, prefix->len), value, err);
    }
    if (rc != OK) {
        (void)store_iterator_end(i, NULL);
        return rc;
    }
    return store_iterator_end(i, err);
}

static enum err_code load_meta(struct ledger *l, struct err *err)
{
    enum err_code rc = load_row(l, "buckets", buckets_load, err);

    if (rc == OK) {
        rc = load_row(l, "settled", settled_load, err);
    }
    if (rc == OK) {
        rc = load_row(l, "notices", notices_load, err);
    }
    if (rc == OK) {
        rc = load_row(l, "waiters", waiters_load, err);
    }
    return rc == OK ? token_key_load(l, err) : rc;
}

static void ledger_init(struct ledger *l)
{
    struct list *lists[] = {
        &l->filling_waits,
        &l->flying_waits,
        &l->ready_waits,
        &l->lru,
        &l->continuing,
        &l->closed,
        &l->kept,
        &l->moved,
        &l->mail,
        &l->objects,
        &l->deleting,
        &l->idle_docs,
        &l->calls,
        &l->calls_out,
        &l->activities_ready,
        &l->calls_gone,
        &l->runs_over,
        &l->runs_moved,
        &l->keys,
        &l->sweeps,
        &l->queues_ready,
        &l->queues_dirty,
        &l->queue_sweeps,
        &l->bodies_pinned,
        &l->bodies_idle,
        &l->logged,
        &l->event_rules,
        &l->pipes_ready,
        &l->deliveries_new,
        &l->deliveries_fresh,
        &l->deliveries,
        &l->deliveries_over,
        &l->webhooks_out,
        &l->places_waiting,
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        list_init(lists[i]);
    }
    arena_init(&l->arena);
    if (l->config.job_clean_ms == 0) {
        l->config.job_clean_ms = LIMIT_JOB_CLEAN_MS;
    }
    if (l->config.open_most == 0) {
        l->config.open_most = LIMIT_OPEN_EXECUTIONS;
    }
    l->rules = (struct engine_rules){
        .payload_bytes =
            l->config.payload_bytes != 0 ? l->config.payload_bytes : LIMIT_PAYLOAD_BYTES,
        .history_events =
            l->config.history_events != 0 ? l->config.history_events : LIMIT_HISTORY_EVENTS,
        .token_key = slice_make(l->token_key, sizeof(l->token_key)),
        .has_activity = activity_exists,
        .arg = l,
    };
    l->retention = retention_new();
    l->filling = store_batch_new(l->store);
    l->spare = store_batch_new(l->store);
    l->turn = 1;
    l->notices_left = LIMIT_NOTICES_A_TURN;
    l->grants_left = LIMIT_JOB_GRANTS_A_TURN;
    l->deliveries_left = LIMIT_DELIVERIES_A_TURN;
}

/* In this order: each may look for what those before it have loaded. */
static enum err_code (*const loads[])(struct ledger *l, struct err *err) = {
    machines_load,    activities_load, keys_load,       versions_load,  tags_load,
    event_rules_load, deliveries_load, webhooks_load,   functions_load, cordons_load,
    ledger_recover,   queues_load,     pipes_load,      topics_load,    jobs_load,
    sweeps_load,      runs_load,       ledger_load_due,
};

enum err_code ledger_open(const struct ledger_config *config,
                          struct store *store,
                          const struct ledger_hooks *hooks,
                          struct fleet_now now,
                          struct ledger **out,
                          struct err *err)
{
    struct ledger *l = mem_zalloc(1, sizeof(*l));
    enum err_code rc;

    l->config = *config;
    l->hooks = *hooks;
    l->store = store;
    l->now = l->slew = now;
    l->seed = config->seed;
    ledger_init(l);
    figures_init(&l->figures);
    rc = load_meta(l, err);
    if (rc == OK) {
        rc = take_epoch(l, err);
    }
    l->durable_number = store_batch_number(store);
    l->filling_number = l->durable_number + 1;
    l->fleet = fleet_new(&config->fleet, l->epoch);
    for (size_t i = 0; rc == OK && i < sizeof(loads) / sizeof(loads[0]); i++) {
        rc = loads[i](l, err);
    }
    if (rc == OK) {
        restored_load(l);
    }
    if (rc != OK) {
        err_wrap(err, "open the ledger");
        ledger_close(l);
        return rc;
    }
    *out = l;
    return OK;
}

void ledger_close(struct ledger *l)
{
    struct hash_node *n;
    size_t bucket = 0;
    struct fleet_worker *w;

    assert(l->flying == NULL);
    while ((n = hash_iterate(&l->hot_by_id, &bucket, NULL)) != NULL) {
        hot_free(l, container_of(n, struct hot, by_id));
        bucket = 0;
    }
    runs_free(l); /* before their workers: nothing is lost, the next open goes on with them */
    bucket = 0;
    while ((w = fleet_worker_each(l->fleet, &bucket, NULL)) != NULL) {
        ledger_worker_remove(l, w, "left");
        bucket = 0;
    }
    objects_free(l);
    retention_free(l->retention);
    pipes_free(l); /* before their queues */
    topics_free(l);
    queues_free(l);
    sweeps_free(l);
    jobs_free(l);
    calls_free(l);
    activities_free(l);
    keys_free(l);
    event_rules_free(l);
    deliveries_free(l);
    webhooks_free(l);
    tags_free(l);
    logged_free(l);
    machines_free(l);
    dropped_free(l);
    fleet_free(l->fleet);
    store_batch_free(l->filling);
    if (l->spare != NULL) {
        store_batch_free(l->spare);
    }
    heap_fini(&l->object_retries);
    hash_fini(&l->hot_by_id);
    hash_fini(&l->hot_by_name);
    hash_fini(&l->uploads);
    hash_fini(&l->frames);
    hash_fini(&l->docs);
    mem_free(l->notices);
    mem_free(l->waiters);
    buf_fini(&l->buckets);
    buf_fini(&l->doubtful);
    mem_free(l->settled);
    mem_free(l->voided);
    figures_fini(&l->figures);
    buf_fini(&l->scratch);
    arena_fini(&l->arena);
    mem_free(l);
}
