/* SPDX-License-Identifier: Apache-2.0 */
/* Every token that was ever delivered, and what must hold of it:
 *
 *  - it is for one attempt of one state entry, of one function, with one payload, however often it
 *    is delivered, and one process's alone;
 *  - a handler is started for it at most once;
 *  - of all tokens of one attempt (one that was handed back has several) one is begun, and one
 *    result accepted. Not so of an Express execution, which starts over after a crash;
 *  - an output is visible when its acceptance is heard, not before its result was told, and is
 * never written twice. */
#include "proto/base/text.h"
#include "tests/sim/job.h"

static uint64_t token_hash(struct lease_token t)
{
    return hash_u64(t.counter ^ hash_u64(t.epoch));
}

static struct lease_token token_of(const Stepfleet__Token *t)
{
    return (struct lease_token){t->epoch, t->counter};
}

struct sim_grant *grant_find(struct sim *s, struct lease_token token)
{
    HASH_EACH_MATCH(n, &s->grants, token_hash(token))
    {
        struct sim_grant *g = container_of(n, struct sim_grant, by_token);

        if (g->token.epoch == token.epoch && g->token.counter == token.counter) {
            return g;
        }
    }
    return NULL;
}

static struct sim_grant *grant_known(struct sim_worker *k, struct lease_token t)
{
    struct sim_grant *g = grant_find(k->sim, t);

    if (g == NULL) {
        sim_violation(k->sim, "%s speaks of token %llu.%llu, which was never delivered",
                      k->node->name, (unsigned long long)t.epoch, (unsigned long long)t.counter);
    }
    return g;
}

/* ---- one attempt ---- */

static struct slice attempt_of(const struct sim_grant *g)
{
    return slice_head(g->what, g->attempt_len);
}

/* "ARN/state entry/attempt/epoch.counter" */
struct sim_grant *grant_of_mark(struct sim *s, struct slice mark)
{
    size_t attempt_len = slice_rfind(mark, '/');
    struct slice token = slice_from(mark, attempt_len + 1);
    size_t dot = slice_find(token, '.');
    struct sim_grant *g = NULL;
    struct lease_token t;

    if (text_parse_u64(slice_head(token, dot), &t.epoch) &&
        text_parse_u64(slice_from(token, dot + 1), &t.counter)) {
        g = grant_find(s, t);
    }
    return g != NULL && slice_eq(slice_head(mark, attempt_len), attempt_of(g)) ? g : NULL;
}

static bool starts_over(const struct sim_grant *g)
{
    static const char express[] = ":express:";

    for (struct slice at = g->what; at.len > 0; at = slice_from(at, 1)) {
        if (slice_starts_with(at, slice_str(express))) {
            return true;
        }
    }
    return false;
}

/* Another token of the same attempt that was begun, or accepted; NULL: none. */
static const struct sim_grant *
grant_beside(struct sim *s, const struct sim_grant *g, bool (*is)(const struct sim_grant *))
{
    if (g->job || starts_over(g)) {
        return NULL; /* a piece has as many attempts as it needs: job.c */
    }
    HASH_EACH_MATCH(n, &s->attempts, hash_bytes(attempt_of(g), 0))
    {
        const struct sim_grant *o = container_of(n, struct sim_grant, by_attempt);

        if (o != g && slice_eq(attempt_of(o), attempt_of(g)) && is(o)) {
            return o;
        }
    }
    return NULL;
}

static bool is_begun(const struct sim_grant *g)
{
    return g->begun;
}

static bool is_accepted(const struct sim_grant *g)
{
    return g->accepted;
}

bool grant_has_written(struct sim *s, struct slice attempt)
{
    HASH_EACH_MATCH(n, &s->attempts, hash_bytes(attempt, 0))
    {
        const struct sim_grant *g = container_of(n, struct sim_grant, by_attempt);

        if (g->written && slice_eq(attempt_of(g), attempt)) {
            return true;
        }
    }
    return false;
}

/* ---- delivered ---- */

static struct slice what_of_task(const Stepfleet__Lease *m, struct arena *a, size_t *attempt_len)
{
    struct slice attempt =
        arena_printf(a, "%.*s/%llu/%u", SLICE_FMT(message_slice(m->execution_arn)),
                     (unsigned long long)m->state_entry, m->attempt);

    *attempt_len = attempt.len;
    return arena_printf(a, "%.*s/%.*s/%.*s/%.*s", SLICE_FMT(attempt),
                        SLICE_FMT(message_slice(m->execution_name)),
                        SLICE_FMT(message_slice(m->state)), SLICE_FMT(message_slice(m->function)));
}

static struct slice what_of(const Stepfleet__Lease *m, struct arena *a, size_t *attempt_len)
{
    if (m->job != NULL) {
        *attempt_len = m->job->run.len;
        return arena_printf(a, "%.*s/%u/%u/%.*s", SLICE_FMT(message_slice(m->job->run)),
                            m->job->phase, m->job->piece, SLICE_FMT(message_slice(m->function)));
    }
    return what_of_task(m, a, attempt_len);
}

/* What must be the same each time it is delivered. */
static uint64_t payload_of(struct sim_worker *k, const Stepfleet__Lease *m)
{
    uint64_t payload = hash_bytes(message_slice(m->payload), 0);

    return m->job != NULL ? payload ^ jobs_delivered(k, m) : payload;
}

static void
grant_add(struct sim_worker *k, const Stepfleet__Lease *m, struct slice what, size_t attempt_len)
{
    struct sim_grant *g = mem_zalloc(1, sizeof(*g));

    g->token = token_of(m->token);
    g->worker = k->number;
    g->instance = k->real.instance;
    g->what = slice_make(mem_strdup(what), what.len);
    g->attempt_len = attempt_len;
    g->payload = payload_of(k, m);
    g->job = m->job != NULL;
    hash_insert(&k->sim->grants, &g->by_token, token_hash(g->token));
    hash_insert(&k->sim->attempts, &g->by_attempt, hash_bytes(attempt_of(g), 0));
}

static void grant_again(struct sim_worker *k,
                        const struct sim_grant *g,
                        const Stepfleet__Lease *m,
                        struct slice what)
{
    if (!slice_eq(g->what, what)) {
        sim_violation(k->sim, "token %llu.%llu is of %.*s, and then of %.*s",
                      (unsigned long long)g->token.epoch, (unsigned long long)g->token.counter,
                      SLICE_FMT(g->what), SLICE_FMT(what));
    }
    if (g->payload != payload_of(k, m)) {
        sim_violation(k->sim, "token %llu.%llu of %.*s comes again with another payload: %.*s",
                      (unsigned long long)g->token.epoch, (unsigned long long)g->token.counter,
                      SLICE_FMT(what), SLICE_FMT(message_slice(m->payload)));
    }
    if (g->worker != k->number || g->instance != k->real.instance) {
        sim_violation(k->sim,
                      "token %llu.%llu of %.*s was given to a process of w%u, and now to %s of %s",
                      (unsigned long long)g->token.epoch, (unsigned long long)g->token.counter,
                      SLICE_FMT(what), g->worker,
                      g->worker == k->number ? "the next process" : "a process", k->node->name);
    }
}

void grant_delivered(struct sim_worker *k, const Stepfleet__Lease *m)
{
    const struct sim_grant *g = grant_find(k->sim, token_of(m->token));
    struct arena a = {0};
    size_t attempt_len;
    struct slice what = what_of(m, &a, &attempt_len);

    sim_trace(k->sim, k->node, "is %s %llu.%llu %.*s", g == NULL ? "given" : "given again",
              (unsigned long long)m->token->epoch, (unsigned long long)m->token->counter,
              SLICE_FMT(what));
    if (g == NULL) {
        grant_add(k, m, what, attempt_len);
    } else {
        grant_again(k, g, m, what);
    }
    arena_fini(&a);
}

/* ---- begun, told, accepted ---- */

void grant_begun(struct sim_worker *k, const struct lease *l)
{
    struct sim_grant *g = grant_known(k, l->grant.token);
    const struct sim_grant *other = grant_beside(k->sim, g, is_begun);

    if (g->begun) {
        sim_violation(k->sim, "%s runs %.*s twice under one token", k->node->name,
                      SLICE_FMT(g->what));
    }
    if (other != NULL) {
        sim_violation(k->sim, "%.*s runs in %s, and was run in w%u under another token",
                      SLICE_FMT(g->what), k->node->name, other->worker);
    }
    if (k->real.table.busy > k->settings.slots) {
        sim_violation(k->sim, "%s runs more than it has slots", k->node->name);
    }
    g->begun = true;
}

void grant_hands_on(struct sim_worker *k, const struct lease *l)
{
    grant_known(k, l->grant.token)->hands_on = true;
}

void grant_writes(struct sim_worker *k, const struct lease *l, struct slice bytes)
{
    grant_known(k, l->grant.token)->output = hash_bytes(bytes, 0);
}

void grant_told(struct sim_worker *k, const Stepfleet__Result *r)
{
    struct sim_grant *g = grant_known(k, token_of(r->token));

    if (!g->begun || g->accepted) {
        sim_violation(k->sim, "%s tells the end of %.*s, which %s", k->node->name,
                      SLICE_FMT(g->what), g->begun ? "was accepted" : "it never ran");
    }
    g->told = true;
    g->told_well = !r->failed;
    g->told_output = !r->failed && r->has_output; /* one that is refused becomes a failure */
}

void grant_accepted(struct sim_worker *k, const Stepfleet__Token *t)
{
    struct sim_grant *g = grant_known(k, token_of(t));
    const struct sim_grant *other = grant_beside(k->sim, g, is_accepted);

    if (!g->told || g->accepted || other != NULL) {
        sim_violation(k->sim, "a result of %.*s is accepted %s", SLICE_FMT(g->what),
                      g->told ? "twice" : "that nobody told");
    }
    if (g->told_output && !g->written) {
        sim_violation(k->sim, "the output of %.*s is accepted, and not there", SLICE_FMT(g->what));
    }
    g->accepted = true;
    if (g->job && g->told_well) {
        jobs_accepted(k->sim, g->what, g->token);
    }
}
