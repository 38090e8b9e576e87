/* SPDX-License-Identifier: Apache-2.0 */
/* MaxConcurrency, held to history: of each run of a Map no more iterations are under way at any
 * event than its definition says. After a redrive history does not tell which run an iteration is
 * of: it is looked at up to there. */
#include "proto/base/limits.h"
#include "tests/sim/client.h"
#include "tests/sim/history.h"

/* What an event stands in. Events are named by their numbers; 0: none. */
struct around {
    size_t iteration; /* its MapIterationStarted */
    size_t run;       /* MapIterationStarted: of this MapStateStarted */
    int64_t running;  /* MapStateStarted: iterations under way */
};

static bool is_type(const struct sim_event *e, const char *type)
{
    return slice_eq_str(e->type, type);
}

/* Did the Map fail, or begin, of itself, and not after one of its iterations? */
static bool is_by_itself(const struct sim_event *before)
{
    return is_type(before, "MapStateEntered") || is_type(before, "MapStateStarted") ||
           is_type(before, "MapStateSucceeded") || is_type(before, "MapIterationSucceeded");
}

/* The iteration that is around the Map of the one around `before`. */
static size_t outside(const struct around *all, size_t before)
{
    return all[all[all[before].iteration].run].iteration;
}

static int64_t most_at_once(const struct json_node *machine, struct slice map)
{
    int64_t most = 0;

    (void)json_i64(json_member(check_state(machine, map), SLICE("MaxConcurrency")), &most);
    return most == 0 ? LIMIT_MAP_CONCURRENCY : most;
}

static void begins(struct sim *s,
                   const struct sim_execution *e,
                   const struct sim_history *h,
                   size_t i,
                   int64_t most,
                   struct around *all)
{
    size_t before = h->events[i].previous;
    struct around *run;

    all[i].run =
        is_type(&h->events[before], "MapStateStarted") ? before : all[all[before].iteration].run;
    all[i].iteration = i;
    run = &all[all[i].run];
    run->running++;
    if (all[i].run == 0 || run->running > most) {
        sim_violation(s, "%s runs %lld iterations of %.*s at once, and may run %lld", e->name,
                      (long long)run->running, SLICE_FMT(h->events[i].name), (long long)most);
    }
}

void check_maps(struct sim *s,
                const struct sim_execution *e,
                struct slice definition,
                const struct sim_history *h,
                struct arena *a)
{
    struct around *all = ARENA_ARRAY(a, h->count, struct around);
    const struct json_node *machine;

    if (json_parse(definition, a, &machine, NULL) != OK) {
        return;
    }
    memset(all, 0, h->count * sizeof(*all));
    for (size_t i = 1; i < h->count && !is_type(&h->events[i], "ExecutionRedriven"); i++) {
        const struct sim_event *ev = &h->events[i];
        size_t before = ev->previous;

        all[i].iteration = all[before].iteration;
        if (is_type(ev, "MapIterationStarted")) {
            begins(s, e, h, i, most_at_once(machine, ev->name), all);
        } else if (is_type(ev, "MapIterationSucceeded")) {
            all[all[all[before].iteration].run].running--;
            all[i].iteration = outside(all, before);
        } else if ((is_type(ev, "MapStateFailed") || is_type(ev, "MapStateStarted")) &&
                   !is_by_itself(&h->events[before])) {
            all[i].iteration = outside(all, before); /* failed by an iteration, or tried again */
        }
    }
}
