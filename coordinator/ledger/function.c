/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask of functions and workers. The fleet has it in memory and decides by it; here
 * it is put into rows and read from them. */
#include <stdlib.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/store/keys.h"
#include "coordinator/store/row_fleet.h"

/* ---- Terms ---- */

void ledger_function_set(struct ledger *l, struct slice function, const struct fleet_terms *terms)
{
    struct key key = key_function(l->config.account, function);

    if (terms != NULL) {
        buf_reset(&l->scratch);
        terms_row_encode(terms, &l->scratch);
        store_put(l->filling, CF_MACHINE, key_slice(&key), buf_slice(&l->scratch));
    } else if (fleet_terms_of(l->fleet, function) != NULL) {
        store_delete(l->filling, CF_MACHINE, key_slice(&key));
    } else {
        return;
    }
    fleet_terms_set(l->fleet, function, terms, l->now);
}

static enum err_code
function_load(struct ledger *l, struct slice name, struct slice value, struct err *err)
{
    struct fleet_terms terms;
    enum err_code rc = terms_row_decode(value, &l->arena, &terms, err);

    if (rc == OK) {
        fleet_terms_set(l->fleet, name, &terms, l->now);
    }
    return rc;
}

enum err_code functions_load(struct ledger *l, struct err *err)
{
    struct key all = key_functions(l->config.account);

    return rows_load(l, CF_MACHINE, &all, function_load, err);
}

/* ---- Cordons ---- */

void ledger_worker_cordon(struct ledger *l, struct slice worker, enum fleet_cordon cordon)
{
    struct key key = key_cordon(l->config.account, worker);
    struct fleet_worker *w = fleet_worker_find_name(l->fleet, worker);

    if (fleet_cordon_of(l->fleet, worker) == cordon) {
        return;
    }
    if (cordon == FLEET_OPEN) {
        store_delete(l->filling, CF_MACHINE, key_slice(&key));
        l->feed = true;
    } else {
        buf_reset(&l->scratch);
        cordon_row_encode(cordon, &l->scratch);
        store_put(l->filling, CF_MACHINE, key_slice(&key), buf_slice(&l->scratch));
    }
    fleet_cordon(l->fleet, worker, cordon);
    if (w != NULL && cordon == FLEET_DRAINED) {
        ledger_mail(w)->hand_back = true;
        mail_due(l, w);
    }
}

static enum err_code
cordon_load(struct ledger *l, struct slice name, struct slice value, struct err *err)
{
    enum fleet_cordon cordon;
    enum err_code rc = cordon_row_decode(value, &cordon, err);

    if (rc == OK) {
        fleet_cordon(l->fleet, name, cordon);
    }
    return rc;
}

enum err_code cordons_load(struct ledger *l, struct err *err)
{
    struct key all = key_cordons(l->config.account);

    return rows_load(l, CF_MACHINE, &all, cordon_load, err);
}

/* ---- Figures ---- */

struct gauges {
    struct arena *a;
    struct fleet_gauge *each;
    size_t count;
    size_t cap;
};

static void gauge_add(void *arg, const struct fleet_gauge *g)
{
    struct gauges *all = arg;

    if (all->count == all->cap) {
        size_t more = all->cap != 0 ? all->cap * 2 : 16;

        all->each = arena_grow(all->a, all->each, all->cap * sizeof(*g), more * sizeof(*g));
        all->cap = more;
    }
    all->each[all->count++] = *g;
}

static int by_function(const void *a, const void *b)
{
    const struct fleet_gauge *x = a;
    const struct fleet_gauge *y = b;

    return slice_cmp(x->function, y->function);
}

struct fleet_gauge *ledger_scale(struct ledger *l, size_t *count)
{
    struct gauges all = {.a = &l->arena};

    fleet_gauge_each(l->fleet, l->now, gauge_add, &all);
    if (all.count != 0) {
        qsort(all.each, all.count, sizeof(*all.each), by_function);
    }
    *count = all.count;
    return all.each;
}
