/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets which piece: what is to be tried again and due, then what is fresh, in order, then
 * second attempts. And when to look again. */
#include "coordinator/job/internal.h"
#include "coordinator/job/speculation.h"

#include <assert.h>

/* May there be one more attempt at all? */
static bool run_has_room(const struct job_run *r)
{
    return r->header.state != JOB_WAITING && r->header.state != JOB_STOPPING &&
           r->header.phase != JOB_OVER &&
           r->attempts < (r->settings.workers != 0 ? r->settings.workers : LIMIT_JOB_LIVE);
}

/* A piece nobody is at; false: there is none for the worker. */
static bool choose_idle(struct job_run *r,
                        const struct job_worker *w,
                        int64_t now_ms,
                        uint32_t *piece,
                        enum job_want *kind)
{
    uint32_t due = piece_due(r, w, now_ms);

    if (due == LIMIT_JOB_PIECES && !piece_has_fresh(r)) {
        return false;
    }
    *kind = due != LIMIT_JOB_PIECES ? JOB_WANT_RETRY : JOB_WANT_FRESH;
    *piece = due != LIMIT_JOB_PIECES ? due : r->next_fresh;
    return !speculation_spares(r, w, speculation_weight(r->pieces[*piece].bytes), now_ms);
}

enum job_want job_run_want(struct job_run *r, struct slice worker, int64_t now_ms, uint32_t *piece)
{
    struct job_worker *w = worker_get(r, worker);
    enum job_want kind = JOB_WANT_NOTHING;
    uint32_t chosen;

    w->seen_ms = now_ms;
    if (!run_has_room(r) || !list_empty(&w->refused) || worker_is_avoided(r, w, now_ms)) {
        return JOB_WANT_NOTHING;
    }
    if (choose_idle(r, w, now_ms, &chosen, &kind)) {
        *piece = chosen;
        return kind;
    }
    if (speculation_choose(r, w, now_ms, &chosen)) {
        *piece = chosen;
        return JOB_WANT_SPECULATION;
    }
    worker_refuse(r, w);
    return JOB_WANT_NOTHING;
}

static void ticket_avoid(struct job_run *r, struct job_ticket *out, struct slice name)
{
    if (out->avoid_count == r->names_cap) {
        r->names_cap = r->names_cap != 0 ? r->names_cap * 2 : 8;
        r->names_avoided = mem_realloc(r->names_avoided, r->names_cap * sizeof(struct slice));
    }
    r->names_avoided[out->avoid_count++] = name;
    out->avoid = r->names_avoided;
}

void job_run_ticket(struct job_run *r, int64_t now_ms, struct job_ticket *out)
{
    bool others;

    *out = (struct job_ticket){.wanted = false};
    if (!run_has_room(r) || (piece_due(r, NULL, now_ms) == LIMIT_JOB_PIECES &&
                             !piece_has_fresh(r) && speculation_first(r) == NULL)) {
        return;
    }
    out->wanted = true;
    others = !list_empty(&r->avoided) && worker_has_others(r, NULL, now_ms);
    LIST_EACH(node, &r->avoided)
    {
        const struct job_worker *w = container_of(node, struct job_worker, avoided);

        if (others && w->avoid_until_ms > now_ms && list_empty(&w->refused)) {
            ticket_avoid(r, out, w->name);
        }
    }
    LIST_EACH(node, &r->refused)
    {
        ticket_avoid(r, out, container_of(node, struct job_worker, refused)->name);
    }
}

static void sooner(int64_t *due_ms, int64_t other_ms)
{
    *due_ms = other_ms < *due_ms ? other_ms : *due_ms;
}

static int64_t run_deadline(const struct job_run *r)
{
    bool runs = r->header.state == JOB_STARTING || r->header.state == JOB_RUNNING;

    return runs && attempt_committing(r) == NULL ? r->header.began_ms + r->settings.timeout_ms
                                                 : INT64_MAX;
}

/* When the next look at the attempts, and at whom to avoid, is due. */
static int64_t run_look(const struct job_run *r)
{
    bool any = r->attempts != 0 || !list_empty(&r->refused) || !list_empty(&r->avoided);

    return any && r->header.phase != JOB_OVER ? r->looked_ms + LIMIT_JOB_TICK_MS : INT64_MAX;
}

int64_t job_run_wait_ms(const struct job_run *r, int64_t now_ms)
{
    const struct heap_node *n = heap_min(&r->waiting);
    int64_t due_ms = run_deadline(r);

    sooner(&due_ms, run_look(r));
    if (n != NULL && n->key > now_ms) {
        sooner(&due_ms, n->key);
    }
    return due_ms == INT64_MAX ? -1 : due_ms > now_ms ? due_ms - now_ms : 0;
}

void job_run_tick(struct job_run *r, int64_t now_ms, struct job_outcome *out)
{
    run_outcome_begin(r, out);
    if (run_deadline(r) <= now_ms) {
        job_run_timeout(r, now_ms, out);
    } else if (run_look(r) <= now_ms) {
        worker_refuse_none(r);
        workers_forgive(r, now_ms);
        speculation_tick(r, now_ms);
    }
}
