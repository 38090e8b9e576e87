/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet as a whole: made, freed, counted. */
#include "coordinator/fleet/internal.h"

#include <assert.h>

#include "proto/base/arena.h"

struct fleet *fleet_new(const struct fleet_config *config, uint64_t epoch)
{
    struct fleet *f = mem_zalloc(1, sizeof(*f));

    assert(config->lease_ms > 0 && config->no_function_ms >= 0);
    f->config = *config;
    f->epoch = epoch;
    list_init(&f->spare_lanes);
    return f;
}

static void fleet_free_workers(struct fleet *f)
{
    size_t bucket = 0;
    struct fleet_worker *w = fleet_worker_each(f, &bucket, NULL);

    while (w != NULL) {
        struct fleet_worker *after = fleet_worker_each(f, &bucket, w);

        fleet_worker_free(w);
        w = after;
    }
}

static void fleet_free_functions(struct fleet *f)
{
    size_t bucket = 0;
    struct hash_node *n = hash_iterate(&f->functions, &bucket, NULL);

    while (n != NULL) {
        struct hash_node *after = hash_iterate(&f->functions, &bucket, n);
        struct fleet_function *fn = container_of(n, struct fleet_function, by_name);

        mem_free(fn->label_block);
        mem_free(fn);
        n = after;
    }
}

static void fleet_free_absent(struct fleet *f)
{
    size_t bucket = 0;
    struct hash_node *n = hash_iterate(&f->absent, &bucket, NULL);

    while (n != NULL) {
        struct hash_node *after = hash_iterate(&f->absent, &bucket, n);

        mem_free(container_of(n, struct fleet_absent, by_name));
        n = after;
    }
}

/* No task is looked at: the caller may have freed them already. */
void fleet_free(struct fleet *f)
{
    if (f == NULL) {
        return;
    }
    fleet_free_workers(f);
    fleet_free_functions(f);
    fleet_free_absent(f);
    fleet_queue_fini(f);
    fleet_cordon_fini(f);
    for (size_t i = 0; i < sizeof(f->due) / sizeof(f->due[0]); i++) {
        heap_fini(&f->due[i]);
    }
    heap_fini(&f->opened);
    hash_fini(&f->tokens);
    hash_fini(&f->functions);
    hash_fini(&f->workers_by_id);
    hash_fini(&f->workers_by_name);
    hash_fini(&f->absent);
    mem_free(f);
}

size_t fleet_unoffered_count(const struct fleet *f)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;
    size_t count = 0;

    while ((n = hash_iterate(&f->functions, &bucket, n)) != NULL) {
        const struct fleet_function *fn = container_of(n, struct fleet_function, by_name);

        count += fn->workers == 0 ? fn->ready : 0;
    }
    return count;
}

size_t fleet_ready_count(const struct fleet *f)
{
    return f->ready;
}

size_t fleet_leased_count(const struct fleet *f)
{
    return f->leased;
}
