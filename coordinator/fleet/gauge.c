/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of functions, for whoever adds workers and takes them away: counted when they are asked
 * for, over the workers that offer the function.
 *
 * Wanted are workers for what runs on those that take new leases, and for what waits as far as it
 * may be granted: up to the concurrency, and of a rate what a second brings (more workers would not
 * make it go faster). A worker is taken to have as many slots as those that are here have on
 * average; where none is, as many as the last one had, else one. */
#include "coordinator/fleet/internal.h"

/* What of the queue could be leased now, if there were slots. */
static size_t gauge_grantable(const struct fleet_function *fn)
{
    const struct fleet_terms *terms = &fn->terms;
    size_t most = fn->ready;

    if (terms->concurrency != 0) {
        size_t room = terms->concurrency > fn->leased ? terms->concurrency - fn->leased : 0;

        most = most < room ? most : room;
    }
    if (terms->rate_milli != 0) {
        size_t second = terms->rate_milli > 1000 ? terms->rate_milli / 1000 : 1;

        most = most < second ? most : second;
    }
    return most;
}

static void gauge_offers(const struct fleet_function *fn, struct fleet_gauge *g)
{
    size_t runs = 0; /* on the workers that are counted */
    size_t each = fn->last_slots != 0 ? fn->last_slots : 1;
    size_t load;

    LIST_EACH(n, &fn->offers)
    {
        const struct fleet_offered *o = container_of(n, struct fleet_offered, of_function);

        if (!o->worker->draining && o->worker->cordon == FLEET_OPEN) {
            g->workers++;
            g->slots += o->slots;
            runs += o->leased;
        }
    }
    if (g->workers != 0) {
        each = g->slots / g->workers;
    }
    load = runs + gauge_grantable(fn);
    g->wanted = (load + each - 1) / each;
}

static void gauge_fill(struct fleet *f, const struct fleet_function *fn, struct fleet_gauge *g)
{
    const struct fleet_task *longest = fleet_queue_longest(fn);

    *g = (struct fleet_gauge){
        .function = fn->name,
        .terms = &fn->terms,
        .ready = fn->ready,
        .leased = fn->leased,
        .oldest_ms = longest != NULL ? fleet_clock_latest(f) - longest->ready_ms : 0,
    };
    gauge_offers(fn, g);
}

void fleet_gauge(struct fleet *f,
                 struct slice function,
                 struct fleet_now now,
                 struct fleet_gauge *out)
{
    static const struct fleet_terms none;
    const struct fleet_function *fn = fleet_function_find(f, function);

    (void)fleet_clock_wall(f, now);
    if (fn != NULL) {
        gauge_fill(f, fn, out);
    } else {
        *out = (struct fleet_gauge){.function = function, .terms = &none};
    }
}

void fleet_gauge_each(struct fleet *f,
                      struct fleet_now now,
                      void (*visit)(void *arg, const struct fleet_gauge *g),
                      void *arg)
{
    size_t bucket = 0;
    struct hash_node *n = NULL;

    (void)fleet_clock_wall(f, now);
    while ((n = hash_iterate(&f->functions, &bucket, n)) != NULL) {
        struct fleet_gauge g;

        gauge_fill(f, container_of(n, struct fleet_function, by_name), &g);
        visit(arg, &g);
    }
}
