/* SPDX-License-Identifier: Apache-2.0 */
/* Every run that was seen, which attempts' successes were accepted, and what became visible. */
#include "tests/sim/job.h"

#include <stdio.h>

#include "coordinator/ledger/ledger.h"
#include "proto/base/text.h"
#include "proto/job/arguments.h"

/* Whose output counts for a piece: as an acceptance, a lease or what is in the store said first. */
struct sim_winner {
    struct list link;
    enum job_phase phase;
    uint32_t piece;
    struct lease_token token;
};

void jobs_open(struct sim *s)
{
    if (s->options.runs != 0 && sim_one_in(s, CHANCE_JOB, 3)) {
        s->jobs = mem_zalloc(1, sizeof(*s->jobs));
    }
}

struct sim_run *jobs_run(struct sim *s, struct slice id)
{
    uint64_t hash = hash_bytes(id, 0);
    struct sim_run *r;

    HASH_EACH_MATCH(n, &s->jobs->runs, hash)
    {
        r = container_of(n, struct sim_run, by_id);
        if (slice_eq_str(id, r->id)) {
            return r;
        }
    }
    r = mem_zalloc(1, sizeof(*r));
    (void)snprintf(r->id, sizeof(r->id), "%.*s", SLICE_FMT(id));
    r->number = s->jobs->runs.count;
    list_init(&r->winners);
    hash_insert(&s->jobs->runs, &r->by_id, hash);
    return r;
}

bool jobs_run_stopped(const struct sim *s, const struct sim_run *r)
{
    bool forgotten =
        r->job == &model_jobs[MODEL_JOB_DELETED] && s->jobs->deleted_us >= r->stopped_us;

    return r->stopped_us != 0 && !forgotten;
}

/* ---- winners ---- */

void jobs_won(struct sim *s,
              struct sim_run *r,
              enum job_phase phase,
              uint32_t piece,
              struct lease_token token)
{
    struct sim_winner *w;

    LIST_EACH(n, &r->winners)
    {
        w = container_of(n, struct sim_winner, link);
        if (w->phase != phase || w->piece != piece) {
            continue;
        }
        if (w->token.epoch != token.epoch || w->token.counter != token.counter) {
            sim_violation(s,
                          "piece %u of phase %u of %s is won by %llu.%llu, and then by %llu.%llu",
                          piece, phase, r->id, (unsigned long long)w->token.epoch,
                          (unsigned long long)w->token.counter, (unsigned long long)token.epoch,
                          (unsigned long long)token.counter);
        }
        return;
    }
    w = mem_zalloc(1, sizeof(*w));
    *w = (struct sim_winner){.phase = phase, .piece = piece, .token = token};
    list_push_back(&r->winners, &w->link);
}

/* CLEAN's first piece is done again where its end was not written: nobody's output hangs on it. */
void jobs_accepted(struct sim *s, struct slice what, struct lease_token token)
{
    unsigned phase;
    unsigned piece;
    char text[128];
    char id[68];

    (void)snprintf(text, sizeof(text), "%.*s", SLICE_FMT(slice_head(what, sizeof(text) - 1)));
    if (sscanf(text, "%67[^/]/%u/%u/", id, &phase, &piece) != 3) {
        sim_violation(s, "a success of what is no piece: %s", text);
    }
    jobs_won(s, jobs_run(s, slice_str(id)), (enum job_phase)phase, piece, token);
}

/* ---- leases ---- */

static void see_winners(struct sim *s, struct sim_run *r, const Stepfleet__JobPiece *p)
{
    bool reduced = p->phase == JOB_JOIN && r->job->sorts && p->shards != 0;
    bool later = p->phase == JOB_REDUCE || p->phase == JOB_JOIN;
    uint32_t pieces = !later ? 0 : reduced ? p->partitions : p->shards;
    struct arena a = {0};
    struct token *named = ARENA_ARRAY(&a, pieces, struct token);

    if (!job_winners_decode(message_slice(p->winners), named, pieces)) {
        sim_violation(s, "the winners of a lease of phase %u of %s cannot be read", p->phase,
                      r->id);
    }
    for (uint32_t i = 0; i < pieces; i++) {
        if (named[i].epoch != 0) {
            jobs_won(s, r, reduced ? JOB_REDUCE : JOB_MAP, i,
                     (struct lease_token){named[i].epoch, named[i].counter});
        }
    }
    arena_fini(&a);
}

/* What the run was started with. */
static void
see_places(struct sim *s, struct sim_run *r, struct slice job, const Stepfleet__JobPiece *p)
{
    struct job_arguments arguments;
    struct job_places places;
    const struct json_node *v;
    struct arena a = {0};
    struct err err;

    if (json_parse(message_slice(p->arguments), &a, &v, &err) != OK ||
        job_arguments_read(v, &a, &arguments, &err) != OK ||
        job_places_find(&arguments, &places, &err) != OK) {
        sim_violation(s, "the arguments of %s cannot be read: %s", r->id, err.msg);
    }
    r->job = model_job_find(job);
    r->input = arena_copy(&s->jobs->arena, places.input);
    r->output = arena_copy(&s->jobs->arena, places.output_key);
    r->alone = json_member(v, slice_str(MODEL_JOB_ALONE)) != NULL;
    arena_fini(&a);
}

uint64_t jobs_delivered(struct sim_worker *k, const Stepfleet__Lease *m)
{
    const Stepfleet__JobPiece *p = m->job;
    struct sim_run *r = jobs_run(k->sim, message_slice(p->run));
    const uint64_t numbers[] = {p->phase, p->piece, p->shards, p->partitions};
    uint64_t same =
        hash_bytes(message_slice(p->winners), hash_bytes(message_slice(p->definition), 0));

    if (r->output.ptr == NULL) {
        see_places(k->sim, r, message_slice(m->state), p);
    }
    if (r->job == NULL) {
        sim_violation(k->sim, "a lease is of a run of no job: %s", r->id);
    }
    see_winners(k->sim, r, p);
    if (p->phase == JOB_MAP || p->phase == JOB_REDUCE) {
        jobs_won(k->sim, r, JOB_PLAN, 0, (struct lease_token){p->plan->epoch, p->plan->counter});
    }
    same = hash_bytes(slice_make((const char *)numbers, sizeof(numbers)), same);
    return hash_bytes(message_slice(p->arguments), same);
}

/* ---- outputs ---- */

bool jobs_is_mark(struct slice mark)
{
    return slice_starts_with(mark, SLICE("jr_"));
}

static struct sim_run *run_of_mark(struct sim *s, const char *mark)
{
    struct slice text = slice_str(mark);

    return jobs_run(s, slice_head(text, slice_find(text, '/')));
}

static void check_bytes(struct sim *s, const struct sim_run *r, const char *key, struct slice bytes)
{
    struct model_job_end end;

    model_job_run(r->job, r->input, &end);
    if (!slice_eq_str(r->output, key) || end.error != NULL ||
        !slice_eq(bytes, buf_slice(&end.output))) {
        sim_violation(s, "%s of %s over %.*s makes %s: %.*s; it is %s: %.*s", r->id, r->job->name,
                      SLICE_FMT(r->input), key, SLICE_FMT(bytes),
                      end.error != NULL ? end.error : "to make", SLICE_FMT(buf_slice(&end.output)));
    }
    buf_fini(&end.output);
}

/* Of the runs that one state of an execution waits for a later one begins when the one before is
 * over, or was to be stopped with the execution: what that one writes yet it writes before. */
static void check_order(struct sim *s, const struct sim_run *r)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;

    while ((n = hash_iterate(&s->jobs->runs, &bucket, n)) != NULL) {
        const struct sim_run *o = container_of(n, struct sim_run, by_id);

        if (!r->alone && o->number > r->number && o->commits != 0 &&
            slice_eq(o->output, r->output)) {
            sim_violation(s, "%s is written by %s, and was by %s, which began later",
                          arena_str(&s->jobs->arena, r->output), r->id, o->id);
        }
    }
}

void jobs_committed(struct sim *s, const char *key, const char *mark, struct slice bytes)
{
    struct sim_run *r = run_of_mark(s, mark);

    check_bytes(s, r, key, bytes);
    check_order(s, r);
    if (jobs_run_stopped(s, r)) {
        sim_violation(s, "the output of %s becomes visible, though its stop was acknowledged",
                      r->id);
    }
    if (r->commits++ != 0 && r->job != &model_jobs[MODEL_JOB_DELETED]) {
        sim_violation(s, "the output of %s becomes visible twice", r->id);
    }
}

void jobs_check_output(struct sim *s,
                       const char *key,
                       const char *mark,
                       struct slice bytes,
                       bool damaged)
{
    const struct sim_run *r = run_of_mark(s, mark);

    check_bytes(s, r, key, bytes);
    if (damaged) {
        sim_violation(s, "%s of %s was made, and its bytes are gone", key, r->id);
    }
}

/* ---- temporary objects ---- */

bool jobs_name_token(const char *name, struct lease_token *out)
{
    struct slice text = slice_str(name);
    struct slice token = slice_from(text, slice_rfind(text, '-') + 1);
    size_t dot = slice_find(token, '.');

    return dot < token.len && text_parse_u64(slice_head(token, dot), &out->epoch) &&
           text_parse_u64(slice_from(token, dot + 1), &out->counter);
}

bool jobs_key_token(const char *key, struct lease_token *out)
{
    return strstr(key, "/.stepfleet/") != NULL && jobs_name_token(key, out);
}

bool jobs_holds(struct sim *s, struct lease_token token)
{
    struct ledger *l = s->coordinator_node.up ? coordinator_ledger(s) : NULL;

    return l != NULL &&
           fleet_task_find(ledger_fleet(l), (struct token){token.epoch, token.counter}) != NULL;
}

void jobs_missing(struct sim_worker *k, struct lease_token token, struct slice key)
{
    if (jobs_holds(k->sim, token)) {
        sim_violation(k->sim, "%s reads %.*s for a lease it holds, and it is not there",
                      k->node->name, SLICE_FMT(key));
    }
}
