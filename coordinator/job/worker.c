/* SPDX-License-Identifier: Apache-2.0 */
/* Who has worked for the run, how fast and how well. By name, so that what is known outlasts a
 * worker's restart; names not seen for longest are forgotten past LIMIT_JOB_WORKERS.
 *
 * A worker is avoided for a while, each time twice as long, where what it failed succeeded on
 * another, where it fails time after time, and where its attempt was overtaken by a second one; and
 * only while there is somebody else to do the work. */
#include "coordinator/job/speculation.h"

#include <assert.h>

enum {
    AVOID_MS = 5000,       /* the first time */
    AVOID_LEVEL_MAX = 7,   /* 320 s */
    FAILED_IN_ROW_MAX = 1, /* more are the worker's fault */
    PRESENT_MS = 30000,    /* seen so lately: expected to come again */
};

/* What is older counts less: of the last four pieces or so. */
static const double rate_decay = 0.75;

static struct job_worker *worker_find(const struct job_run *r, struct slice name)
{
    HASH_EACH_MATCH(n, &r->names, hash_bytes(name, 0))
    {
        struct job_worker *w = container_of(n, struct job_worker, by_name);

        if (slice_eq(w->name, name)) {
            return w;
        }
    }
    return NULL;
}

static void worker_free(struct job_run *r, struct job_worker *w)
{
    assert(w->live == 0);
    hash_remove(&r->names, &w->by_name);
    list_remove(&w->avoided);
    list_remove(&w->refused);
    mem_free(w);
}

/* The place of the one that has been away for longest; worker_count: all have attempts. */
static uint32_t worker_oldest(const struct job_run *r)
{
    uint32_t oldest = r->worker_count;

    for (uint32_t i = 0; i < r->worker_count; i++) {
        if (r->workers[i]->live == 0 &&
            (oldest == r->worker_count || r->workers[i]->seen_ms < r->workers[oldest]->seen_ms)) {
            oldest = i;
        }
    }
    return oldest;
}

/* Where a new one goes. What pieces remember of a forgotten worker is then said of the new one:
 * `avoid` is a preference, no more. */
static uint32_t worker_place(struct job_run *r)
{
    uint32_t i = r->worker_count < LIMIT_JOB_WORKERS ? r->worker_count : worker_oldest(r);

    if (i < r->worker_count) {
        worker_free(r, r->workers[i]);
        return i;
    }
    if (r->worker_count == r->worker_cap) {
        r->worker_cap = r->worker_cap != 0 ? r->worker_cap * 2 : 16;
        r->workers = mem_realloc(r->workers, r->worker_cap * sizeof(struct job_worker *));
    }
    return r->worker_count++;
}

struct job_worker *worker_get(struct job_run *r, struct slice name)
{
    struct job_worker *w = worker_find(r, name);
    char *text;

    if (w != NULL) {
        return w;
    }
    w = mem_zalloc(1, sizeof(*w) + name.len);
    text = (char *)(w + 1);
    if (name.len != 0) {
        memcpy(text, name.ptr, name.len);
    }
    w->name = slice_make(text, name.len);
    list_init(&w->avoided);
    list_init(&w->refused);
    w->index = worker_place(r);
    r->workers[w->index] = w;
    hash_insert(&r->names, &w->by_name, hash_bytes(name, 0));
    return w;
}

void worker_measure(struct job_worker *w, double weight, int64_t took_ms)
{
    w->weight = w->weight * rate_decay + weight;
    w->ms = w->ms * rate_decay + (took_ms > 0 ? (double)took_ms : 1.0);
}

double worker_rate(const struct job_run *r, const struct job_worker *w)
{
    return w->ms > 0 ? w->weight / w->ms : w->prior * r->median;
}

void worker_succeeded(struct job_worker *w)
{
    w->failed_in_row = 0;
    if (w->avoid_level > 0) {
        w->avoid_level--;
    }
}

void worker_penalise(struct job_run *r, struct job_worker *w, int64_t now_ms)
{
    if (w->avoid_level < AVOID_LEVEL_MAX) {
        w->avoid_level++;
    }
    w->avoid_until_ms = now_ms + ((int64_t)AVOID_MS << (w->avoid_level - 1));
    list_remove(&w->avoided);
    list_push_back(&r->avoided, &w->avoided);
}

void worker_failed(struct job_run *r, struct job_worker *w, int64_t now_ms)
{
    if (++w->failed_in_row > FAILED_IN_ROW_MAX) {
        worker_penalise(r, w, now_ms);
    }
}

bool worker_has_others(const struct job_run *r, const struct job_worker *w, int64_t now_ms)
{
    for (uint32_t i = 0; i < r->worker_count; i++) {
        const struct job_worker *o = r->workers[i];

        if (o != w && o->avoid_until_ms <= now_ms &&
            (o->live > 0 || now_ms - o->seen_ms <= PRESENT_MS)) {
            return true;
        }
    }
    return false;
}

bool worker_is_avoided(const struct job_run *r, const struct job_worker *w, int64_t now_ms)
{
    return w->avoid_until_ms > now_ms && worker_has_others(r, w, now_ms);
}

void worker_refuse(struct job_run *r, struct job_worker *w)
{
    list_remove(&w->refused);
    list_push_back(&r->refused, &w->refused);
}

void worker_refuse_none(struct job_run *r)
{
    while (list_pop_front(&r->refused) != NULL) {
    }
}

void workers_forgive(struct job_run *r, int64_t now_ms)
{
    LIST_EACH_SAFE(node, after, &r->avoided)
    {
        if (container_of(node, struct job_worker, avoided)->avoid_until_ms <= now_ms) {
            list_remove(node);
        }
    }
}

void workers_begin_phase(struct job_run *r)
{
    double median = speculation_median(&r->rates);

    for (uint32_t i = 0; i < r->worker_count; i++) {
        struct job_worker *w = r->workers[i];

        if (w->ms > 0 && median > 0) {
            w->prior = w->weight / w->ms / median;
        }
        w->weight = w->ms = 0;
    }
    worker_refuse_none(r);
}

void workers_fini(struct job_run *r)
{
    for (uint32_t i = 0; i < r->worker_count; i++) {
        r->workers[i]->live = 0;
        worker_free(r, r->workers[i]);
    }
    mem_free(r->workers);
    hash_fini(&r->names);
}
