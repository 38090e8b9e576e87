/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/ledger/figures.h"

#include <string.h>

#include "proto/base/limits.h"

const struct histogram_scale histogram_us = {
    .bounds = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
               1000000, 5000000},
    .unit = 1000000,
};

const struct histogram_scale histogram_ms = {
    .bounds = {5, 10, 50, 100, 500, 1000, 5000, 10000, 30000, 60000, 300000, 900000, 3600000,
               14400000, 86400000},
    .unit = 1000,
};

const struct histogram_scale histogram_bytes = {
    .bounds = {256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216},
    .unit = 1,
};

void histogram_add(struct histogram *h, const struct histogram_scale *s, uint64_t value)
{
    unsigned i = 0;

    while (i < HISTOGRAM_BOUNDS && s->bounds[i] != 0 && value > s->bounds[i]) {
        i++;
    }
    h->counts[i]++;
    h->sum += value;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        into->counts[i] += from->counts[i];
    }
    into->sum += from->sum;
}

void figures_init(struct figures *f)
{
    *f = (struct figures){.stages_other = mem_zalloc(1, sizeof(struct stage_figures))};
    list_init(&f->stages_named);
    list_init(&f->machines_named);
}

void figures_fini(struct figures *f)
{
    struct list *n;

    while ((n = list_pop_front(&f->stages_named)) != NULL) {
        mem_free(container_of(n, struct stage_figures, link));
    }
    hash_fini(&f->stages);
    mem_free(f->stages_other);
}

/* ---- machines and queues ---- */

struct machine_figures *figures_machine(struct figures *f, const void *owner)
{
    struct machine_figures *m;

    if (f->machine_count == LIMIT_FIGURE_NAMES) {
        return &f->machines;
    }
    f->machine_count++;
    m = mem_zalloc(1, sizeof(*m));
    m->owner = owner;
    list_push_back(&f->machines_named, &m->link);
    return m;
}

void figures_machine_end(struct figures *f, struct machine_figures *m)
{
    if (m == &f->machines) {
        return;
    }
    f->machines.started += m->started;
    f->machines.redriven += m->redriven;
    for (unsigned i = 0; i <= EXECUTION_ABORTED; i++) {
        f->machines.ended[i] += m->ended[i];
    }
    histogram_merge(&f->machines.duration, &m->duration);
    f->machine_count--;
    list_remove(&m->link);
    mem_free(m);
}

struct queue_figures *figures_queue(struct figures *f)
{
    if (f->queue_count == LIMIT_FIGURE_NAMES) {
        return &f->queues;
    }
    f->queue_count++;
    return mem_zalloc(1, sizeof(struct queue_figures));
}

void figures_queue_end(struct figures *f, struct queue_figures *q)
{
    if (q == &f->queues) {
        return;
    }
    f->queues.sent += q->sent;
    f->queues.received += q->received;
    f->queues.deleted += q->deleted;
    f->queues.buried += q->buried;
    f->queue_count--;
    mem_free(q);
}

/* ---- stages ---- */

static struct stage_figures *stage_find(const struct figures *f, struct slice function)
{
    HASH_EACH_MATCH(n, &f->stages, hash_bytes(function, 0))
    {
        struct stage_figures *s = container_of(n, struct stage_figures, by_name);

        if (slice_eq(slice_make(s->name, s->name_len), function)) {
            return s;
        }
    }
    return NULL;
}

void figures_stage_offered(struct figures *f, struct slice function)
{
    struct stage_figures *s;

    if (f->stages.count == LIMIT_FIGURE_NAMES || stage_find(f, function) != NULL) {
        return;
    }
    s = mem_zalloc(1, sizeof(*s) + function.len);
    s->name_len = function.len;
    memcpy(s->name, function.ptr, function.len);
    list_push_back(&f->stages_named, &s->link);
    hash_insert(&f->stages, &s->by_name, hash_bytes(function, 0));
}

struct stage_figures *figures_stage(struct figures *f, struct slice function)
{
    struct stage_figures *s = stage_find(f, function);

    return s != NULL ? s : f->stages_other;
}

void figures_stage_end(struct stage_figures *s, enum stage_outcome outcome, int64_t ms)
{
    s->ended[outcome]++;
    histogram_add(&s->duration, &histogram_ms, ms > 0 ? (uint64_t)ms : 0);
}
