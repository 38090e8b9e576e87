/* SPDX-License-Identifier: Apache-2.0 */
/* Workers' processes: what each offers, and how it begins and ends. See worker.h. */
#include "tests/sim/job.h"
#include "tests/sim/operator.h"

enum {
    WORKER_SLOTS_MOST = 6,
    WORKER_DRAIN_SECONDS = 30,
    WORKER_JOB_FUNCTIONS = 3,
};

/* ---- settings ---- */

static uint64_t below(struct sim_worker *k, uint64_t n)
{
    return sim_below(k->sim, CHANCE_WORKER, n);
}

static void offer(struct sim_worker *k, const char *name)
{
    struct settings *s = &k->settings;
    struct handler_function *f = &s->functions[s->function_count++];

    f->name = f->command = name;
    f->lease.name = slice_str(name);
    f->lease.slots = 1 + (uint32_t)below(k, s->slots);
}

/* The first offers all there is, so that whatever is asked for can be done. */
static void settings_draw(struct sim_worker *k)
{
    struct settings *s = &k->settings;
    size_t count = 0;

    while (model_functions[count] != NULL) {
        count++;
    }
    s->name = k->node->name;
    s->coordinator = "the simulated one";
    s->labels = operator_labels(k->sim, k->number);
    s->slots = 1 + (uint32_t)below(k, WORKER_SLOTS_MOST);
    s->drain_ms = (int64_t)below(k, (uint64_t)WORKER_DRAIN_SECONDS * 1000);
    s->functions = mem_zalloc(count + WORKER_JOB_FUNCTIONS, sizeof(*s->functions));
    for (size_t i = 0; i < count; i++) {
        if (k->number == 0 || below(k, 3) != 0) {
            offer(k, model_functions[i]);
        }
    }
    if (s->function_count == 0) {
        offer(k, model_functions[0]);
    }
}

/* In a world with jobs. The names are settings' own and never change. */
static void settings_add_jobs(struct sim_worker *k)
{
    static const char *const names[WORKER_JOB_FUNCTIONS] = {JOB_BUILT_IN, MODEL_JOB_MAP,
                                                            MODEL_JOB_REDUCE};
    struct settings *s = &k->settings;

    k->slowness = 1;
    if (k->sim->jobs == NULL) {
        return;
    }
    k->slowness = sim_one_in(k->sim, CHANCE_JOB, 6) ? 8 : 1;
    for (unsigned i = 0; i < WORKER_JOB_FUNCTIONS; i++) {
        struct handler_function *f = &s->functions[s->function_count];

        if (k->number == 0 || sim_below(k->sim, CHANCE_JOB, 4) != 0) {
            s->function_count++;
            f->name = f->command = names[i];
            f->lease.name = slice_str(names[i]);
            f->lease.slots = s->slots;
        }
    }
}

/* ---- a process ---- */

void worker_start(struct sim *s, unsigned worker)
{
    struct sim_worker *k = mem_zalloc(1, sizeof(*k));
    struct err err;

    sim_node_start(s, &s->worker_nodes[worker]);
    s->workers[worker] = k;
    k->sim = s;
    k->number = worker;
    k->node = &s->worker_nodes[worker];
    k->loop.data = k;
    list_init(&k->tasks);
    list_init(&k->streams);
    list_init(&k->pieces);
    settings_draw(k);
    settings_add_jobs(k);
    k->older = sim_strikes(s, FAULT_UPGRADE, 2);
    worker_enter(k);
    if (worker_open(&k->real, &k->loop, &k->settings, "nowhere", NULL, &err) != OK) {
        sim_violation(s, "%s does not begin: %s", k->node->name, err.msg);
    }
    worker_exit(k);
}

/* What lease_table_fini() would have ended before. */
static void forget_dropped(struct lease_table *t)
{
    while (!list_empty(&t->dropped)) {
        const struct lease_result none = {.failed = true};
        struct arena memory = {0};

        (void)lease_finish(t, container_of(t->dropped.next, struct lease, link), &none, &memory);
    }
}

static void close_calls(struct worker *w)
{
    link_call_close(&w->hello);
    link_call_close(&w->poll);
    link_call_close(&w->tick);
    link_call_close(&w->upload);
    for (size_t i = 0; i < WORKER_RESULT_CALLS; i++) {
        link_call_close(&w->reports[i].call);
    }
}

static void process_free(struct sim_worker *k)
{
    k->sim->workers[k->number] = NULL;
    close_calls(&k->real);
    sim_tasks_free(k);
    streams_free(k);
    pieces_free(k);
    forget_dropped(&k->real.table);
    worker_fini(&k->real);
    mem_free(k->settings.functions);
    mem_free(k);
}

void worker_crashed(struct sim *s, unsigned worker)
{
    process_free(s->workers[worker]);
}

void worker_has_left(struct sim_worker *k)
{
    struct sim *s = k->sim;
    struct sim_node *node = k->node;

    if (k->real.refused) {
        sim_violation(s, "the coordinator refuses %s", node->name);
    }
    sim_trace(s, node, "has left");
    sim_node_crash(s, node);
    process_free(k);
    coordinator_lost(s, node);
}

/* One that leaves already is not told again: a second signal would end it at once. */
static void drains(struct sim *s, void *arg)
{
    struct sim_worker *k = arg;

    (void)s;
    if (k->real.phase == WORKER_SERVING) {
        worker_enter(k);
        worker_drain(&k->real);
        worker_exit(k);
    }
}

void worker_leave(struct sim *s, unsigned worker)
{
    struct sim_worker *k = s->workers[worker];

    sim_after(s, k->node, 0, drains, k, NULL); /* a signal waits while it stands still */
}

/* ---- the end of the world ---- */

void workers_check(struct sim *s)
{
    for (unsigned i = 0; i < s->options.workers; i++) {
        const struct sim_worker *k = s->workers[i];

        if (k == NULL) {
            continue;
        }
        if (!list_empty(&k->tasks) || k->real.table.busy != 0) {
            sim_violation(s, "%s still runs %u tasks", k->node->name, k->real.table.busy);
        }
        if (k->real.table.held.count != 0) {
            sim_violation(s, "%s still holds %zu leases", k->node->name, k->real.table.held.count);
        }
        if (!list_empty(&k->real.uploads_waiting) || !list_empty(&k->real.uploads_sent)) {
            sim_violation(s, "%s still has uploads to tell of", k->node->name);
        }
    }
}
