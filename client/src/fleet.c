/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet and the coordinator themselves: workers and health. */
#include "client/src/client.h"

static enum stepfleet_code ask(struct stepfleet *c,
                               enum rpc method,
                               size_t bytes,
                               void **reply,
                               void **message,
                               struct stepfleet_error *error)
{
    Stepfleet__Empty q = STEPFLEET__EMPTY__INIT;

    return client_fetch(c, method, &q.base, bytes, reply, message, error);
}

static void
worker_fill(struct stepfleet_worker *out, const Stepfleet__WorkerView *w, struct arena *a)
{
    struct stepfleet_offer *offers = ARENA_ARRAY(a, w->n_offers, struct stepfleet_offer);

    for (size_t i = 0; i < w->n_offers; i++) {
        offers[i] = (struct stepfleet_offer){w->offers[i]->function, w->offers[i]->slots};
    }
    *out = (struct stepfleet_worker){
        .name = w->name,
        .software = w->software,
        .labels = w->labels,
        .slots = w->slots,
        .leased = w->leased,
        .draining = w->draining,
        .cordon = w->cordon <= STEPFLEET_DRAINED ? (enum stepfleet_cordon)w->cordon
                                                 : STEPFLEET_CORDONED, /* whichever it will be */
        .absent = w->absent,
        .seen_ago_ms = w->seen_ago_ms,
        .hello_ms = w->hello_ms,
        .offers = offers,
        .offer_count = w->n_offers,
    };
}

enum stepfleet_code stepfleet_workers(struct stepfleet *c,
                                      struct stepfleet_workers **out,
                                      struct stepfleet_error *error)
{
    struct stepfleet_worker *workers;
    const Stepfleet__WorkersReply *m;
    struct arena *a;
    void *reply;
    void *message;
    enum stepfleet_code rc = ask(c, RPC_WORKERS, sizeof(**out), &reply, &message, error);

    if (rc != STEPFLEET_OK) {
        return rc;
    }
    m = message;
    a = reply_arena(reply);
    workers = ARENA_ARRAY(a, m->n_workers, struct stepfleet_worker);
    for (size_t i = 0; i < m->n_workers; i++) {
        worker_fill(&workers[i], m->workers[i], a);
    }
    *out = reply;
    **out = (struct stepfleet_workers){workers, m->n_workers};
    return STEPFLEET_OK;
}

static void health_fill(struct stepfleet_health *out, const Stepfleet__HealthReply *m)
{
    *out = (struct stepfleet_health){
        .software = m->software,
        .epoch = m->epoch,
        .version_min = m->version_min,
        .version_max = m->version_max,
        .up_ms = m->up_ms,
        .ready_tasks = m->ready_tasks,
        .leased_tasks = m->leased_tasks,
        .hot_executions = m->hot_executions,
        .batches = m->batches,
        .transitions = m->transitions,
        .store = bytes_of(m->store),
        .objects_root = m->objects_root,
        .objects_endpoint = m->objects_endpoint,
        .objects_region = m->objects_region,
        .account = m->account,
        .region = m->region,
        .expired = m->expired,
        .archived = m->archived,
        .archive_problem = m->archive_problem,
        .open_executions = m->open_executions,
        .workers = m->workers,
        .slots = m->slots,
        .unoffered_tasks = m->unoffered_tasks,
        .dead_letters = m->dead_letters,
        .stalls = m->stalls,
        .disk_free_bytes = m->disk_free_bytes,
        .disk_size_bytes = m->disk_size_bytes,
        .disk_reserve_bytes = m->disk_reserve_bytes,
        .short_of_disk = m->short_of_disk != 0,
        .refused_for_disk = m->refused_for_disk,
        .restored_name = m->restored_name,
        .restored_made_ms = m->restored_made_ms,
        .restored_ms = m->restored_ms,
        .restored_executions = m->restored_executions,
        .deliveries_waiting = m->deliveries_waiting,
        .events_buried = m->events_buried,
        .events_lost = m->events_lost,
    };
}

enum stepfleet_code
stepfleet_health(struct stepfleet *c, struct stepfleet_health **out, struct stepfleet_error *error)
{
    void *reply;
    void *m;
    enum stepfleet_code rc = ask(c, RPC_HEALTH, sizeof(**out), &reply, &m, error);

    if (rc != STEPFLEET_OK) {
        return rc;
    }
    health_fill(reply, m);
    *out = reply;
    return STEPFLEET_OK;
}
