/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet and the coordinator themselves: workers and health. */
#include "client/src/client.h"

static enum err_code
ask(struct stepfleet *c, enum rpc method, struct arena *a, void **message, struct err *err)
{
    Stepfleet__Empty q = STEPFLEET__EMPTY__INIT;
    struct call call = {.method = method, .request = &q.base, .repeat = REPEAT_SAFE};

    return client_call(c, &call, a, message, err);
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
    struct stepfleet_workers *reply = reply_new(sizeof(*reply));
    struct arena *a = reply_arena(reply);
    struct stepfleet_worker *workers;
    const Stepfleet__WorkersReply *m;
    struct err err;
    void *message;
    enum err_code rc = ask(c, RPC_WORKERS, a, &message, &err);

    if (rc != OK) {
        stepfleet_release(reply);
        return error_give(error, rc, &err);
    }
    m = message;
    workers = ARENA_ARRAY(a, m->n_workers, struct stepfleet_worker);
    for (size_t i = 0; i < m->n_workers; i++) {
        worker_fill(&workers[i], m->workers[i], a);
    }
    reply->workers = workers;
    reply->count = m->n_workers;
    *out = reply;
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
    };
}

enum stepfleet_code
stepfleet_health(struct stepfleet *c, struct stepfleet_health **out, struct stepfleet_error *error)
{
    struct stepfleet_health *reply = reply_new(sizeof(*reply));
    struct err err;
    void *m;
    enum err_code rc = ask(c, RPC_HEALTH, reply_arena(reply), &m, &err);

    if (rc != OK) {
        stepfleet_release(reply);
        return error_give(error, rc, &err);
    }
    health_fill(reply, m);
    *out = reply;
    return STEPFLEET_OK;
}
