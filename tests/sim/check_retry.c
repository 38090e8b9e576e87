/* SPDX-License-Identifier: Apache-2.0 */
/* Retries, held to the definition: after a failed attempt another is scheduled only where a retrier
 * names its error and has attempts left, and not before its interval is over. */
#include <math.h>

#include "tests/sim/client.h"
#include "tests/sim/history.h"

enum { RETRIES_MAX = 8 };

/* What one state's entry has spent; a redrive begins anew. */
struct spent {
    unsigned of[RETRIES_MAX];
};

static bool names(const struct json_node *retrier, struct slice error)
{
    const struct json_node *list = json_member(retrier, SLICE("ErrorEquals"));

    for (const struct json_node *e = json_first(list); e != NULL; e = json_next(list, e)) {
        struct slice name = json_text(e);

        if (slice_eq(name, error) || slice_eq_str(name, "States.ALL") ||
            (slice_eq_str(name, "States.TaskFailed") && !slice_eq_str(error, "States.Timeout"))) {
            return true;
        }
    }
    return false;
}

static double number_or(const struct json_node *retrier, const char *field, double usual)
{
    double v;

    return json_double(json_member(retrier, slice_str(field)), &v) ? v : usual;
}

/* Milliseconds before the nth retry, at least. */
static int64_t least_ms(const struct json_node *retrier, unsigned n)
{
    double s = number_or(retrier, "IntervalSeconds", 1) *
               pow(number_or(retrier, "BackoffRate", 2), (double)n - 1);
    double most = number_or(retrier, "MaxDelaySeconds", 1e9);

    if (json_member(retrier, SLICE("JitterStrategy")) != NULL) {
        return 0;
    }
    return (int64_t)((s < most ? s : most) * 1000);
}

static const struct json_node *state_inside(const struct json_node *state, struct slice name)
{
    static const char *const processors[] = {"ItemProcessor", "Iterator"};
    const struct json_node *branches = json_member(state, SLICE("Branches"));
    const struct json_node *found = NULL;

    for (size_t i = 0; i < 2 && found == NULL; i++) {
        found = check_state(json_member(state, slice_str(processors[i])), name);
    }
    for (const struct json_node *b = branches != NULL ? json_first(branches) : NULL;
         b != NULL && found == NULL; b = json_next(branches, b)) {
        found = check_state(b, name);
    }
    return found;
}

/* A machine's states have names that are theirs alone. */
const struct json_node *check_state(const struct json_node *scope, struct slice name)
{
    const struct json_node *states = scope != NULL ? json_member(scope, SLICE("States")) : NULL;
    const struct json_node *found = states != NULL ? json_member(states, name) : NULL;

    for (const struct json_node *s = states != NULL ? json_first(states) : NULL;
         s != NULL && found == NULL; s = json_next(states, s)) {
        found = state_inside(s, name);
    }
    return found;
}

static bool ends_with(struct slice text, const char *end)
{
    struct slice tail = slice_str(end);

    return text.len >= tail.len && slice_eq(slice_from(text, text.len - tail.len), tail);
}

static bool is_silence(struct slice type)
{
    return ends_with(type, "TimedOut");
}

static bool is_failure(struct slice type)
{
    return ends_with(type, "Failed") || is_silence(type);
}

static void check_retry(struct sim *s,
                        const struct sim_execution *e,
                        const struct json_node *state,
                        const struct sim_event *failed,
                        const struct sim_event *again,
                        struct spent *spent)
{
    const struct json_node *retriers = json_member(state, SLICE("Retry"));
    unsigned i = 0;

    for (const struct json_node *r = retriers != NULL ? json_first(retriers) : NULL; r != NULL;
         r = json_next(retriers, r), i++) {
        if (is_silence(failed->type) && names(r, SLICE("States.HeartbeatTimeout"))) {
            return; /* its time or its heartbeat: the event does not say, and they count apart */
        }
        if (!names(r, failed->error)) {
            continue;
        }
        if (i < RETRIES_MAX && ++spent->of[i] > number_or(r, "MaxAttempts", 3)) {
            sim_violation(s, "%s retries %.*s more often than %.*s may", e->name,
                          SLICE_FMT(failed->error), SLICE_FMT(failed->name));
        }
        if (i < RETRIES_MAX && again->time_ms - failed->time_ms < least_ms(r, spent->of[i])) {
            sim_violation(s, "%s retries %.*s of %.*s after %lld ms", e->name,
                          SLICE_FMT(failed->error), SLICE_FMT(failed->name),
                          (long long)(again->time_ms - failed->time_ms));
        }
        return;
    }
    sim_violation(s, "%s retries %.*s, which no retrier of %.*s names", e->name,
                  SLICE_FMT(failed->error), SLICE_FMT(failed->name));
}

void check_retries(struct sim *s,
                   const struct sim_execution *e,
                   struct slice definition,
                   struct sim_history *h,
                   struct arena *a)
{
    struct spent *spent = ARENA_ARRAY(a, h->count, struct spent); /* by the state's entry */
    const struct json_node *machine;

    if (json_parse(definition, a, &machine, NULL) != OK) {
        return;
    }
    for (size_t i = 1; i < h->count; i++) {
        struct sim_event *ev = &h->events[i];
        struct sim_event *before = &h->events[ev->previous];

        if (ends_with(ev->type, "StateEntered")) { /* it says its name */
            ev->entry = i;
        } else if (slice_eq_str(ev->type, "ExecutionRedriven")) { /* what follows is of any state */
            memset(spent, 0, h->count * sizeof(*spent));
        } else {
            ev->entry = before->entry;
            ev->name = before->name;
        }
        if (ends_with(ev->type, "Scheduled") && is_failure(before->type) && ev->entry != 0) {
            check_retry(s, e, check_state(machine, ev->name), before, ev, &spent[ev->entry]);
        }
    }
}
