/* SPDX-License-Identifier: Apache-2.0 */
/* Stages, held to what they wrote: the attempt that succeeded, as history has it, is one whose
 * output became visible; and what is visible at the end is of the last of them, or of a later one
 * that was stopped when its completion had left. */
#include "tests/sim/client.h"
#include "tests/sim/history.h"
#include "tests/sim/worker.h"

/* One attempt of a stage, by its TaskScheduled. */
struct stage_attempt {
    struct slice stage;
    uint64_t entry; /* of its state */
    unsigned attempt;
};

static bool is_type(const struct sim_event *e, const char *type)
{
    return slice_eq_str(e->type, type);
}

static struct stage_attempt attempt_of(const struct sim_history *h, size_t scheduled)
{
    struct stage_attempt x = {.stage = h->events[scheduled].stage};

    for (size_t i = scheduled; i > 0 && x.entry == 0; i--) {
        const struct sim_event *e = &h->events[i];

        if (is_type(e, "TaskStateEntered") && slice_eq(e->name, x.stage)) {
            x.entry = i;
        }
        x.attempt += is_type(e, "TaskScheduled") && slice_eq(e->stage, x.stage);
    }
    return x;
}

static size_t scheduled_of(const struct sim_history *h, size_t event)
{
    while (event != 0 && !is_type(&h->events[event], "TaskScheduled")) {
        event = h->events[event].previous;
    }
    return event;
}

static struct slice
attempt_text(const struct sim_execution *e, const struct stage_attempt *x, struct arena *a)
{
    return arena_printf(a, "%.*s/%llu/%u", SLICE_FMT(e->arn), (unsigned long long)x->entry,
                        x->attempt);
}

static void check_visible(struct sim *s,
                          const struct sim_execution *e,
                          const struct stage_attempt *x,
                          struct arena *a)
{
    struct slice key =
        arena_printf(a, "executions/%s/%.*s/output.json", e->name, SLICE_FMT(x->stage));
    uint64_t entry = 0;
    uint64_t attempt = 0;
    struct slice arn;
    const char *mark = "nobody";
    struct slice bytes = objects_get(s, "work", arena_str(a, key), &mark);

    if (bytes.ptr == NULL || !objects_read_mark(mark, &arn, &entry, &attempt) ||
        !slice_eq(arn, e->arn) || entry < x->entry || (entry == x->entry && attempt < x->attempt)) {
        sim_violation(s, "attempt %u of %.*s of %s has succeeded, and %.*s is of %s", x->attempt,
                      SLICE_FMT(x->stage), e->name, SLICE_FMT(key), mark);
    }
}

void check_stages(struct sim *s,
                  const struct sim_execution *e,
                  const struct sim_history *h,
                  struct arena *a)
{
    for (size_t i = 1; i < h->count; i++) {
        size_t scheduled = is_type(&h->events[i], "TaskSucceeded") ? scheduled_of(h, i) : 0;
        struct stage_attempt x;

        if (scheduled == 0 || h->events[scheduled].stage.len == 0 ||
            h->count - 1 == s->history_events) {
            continue; /* a success that fills the history is taken back */
        }
        x = attempt_of(h, scheduled);
        if (!grant_has_written(s, attempt_text(e, &x, a))) {
            sim_violation(s,
                          "attempt %u of %.*s of %s has succeeded, and its output was never there",
                          x.attempt, SLICE_FMT(x.stage), e->name);
        }
        if (!s->clients->machines[e->machine].revisions[0].express) {
            check_visible(s, e, &x, a); /* of those several may have the name, and so the object */
        }
    }
}
