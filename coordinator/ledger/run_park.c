/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that have ended and wait to clean up once more: out of memory but for a few texts, and what
 * the sweeper is told of runs, parked or not. */
#include "coordinator/ledger/run.h"

static struct run_parked *parked_find(const struct ledger *l, uint64_t number)
{
    HASH_EACH_MATCH(n, &l->runs_parked, hash_u64(number))
    {
        struct run_parked *p = container_of(n, struct run_parked, by_number);

        if (p->number == number) {
            return p;
        }
    }
    return NULL;
}

bool run_is_parked(const struct ledger *l, uint64_t number)
{
    return parked_find(l, number) != NULL;
}

static struct ledger_sweep run_sweep(const struct ledger_run *r)
{
    return (struct ledger_sweep){
        .bucket = r->places.output_bucket,
        .prefix = r->places.output_key,
        .exact = true,
        .ended_ms = r->row.header.ended_ms,
    };
}

void run_park(struct ledger *l, const struct ledger_run *r, int64_t due_ms)
{
    struct ledger_sweep sweep = run_sweep(r);
    struct run_parked *p =
        mem_zalloc(1, sizeof(*p) + r->row.id.len + sweep.bucket.len + sweep.prefix.len);
    char *at = p->texts;

    p->number = r->number;
    p->id = block_put(&at, r->row.id);
    p->sweep = sweep;
    p->sweep.bucket = block_put(&at, sweep.bucket);
    p->sweep.prefix = block_put(&at, sweep.prefix);
    hash_insert(&l->runs_parked, &p->by_number, hash_u64(r->number));
    heap_set(&l->runs_due, &p->due, due_ms);
}

void run_unpark(struct ledger *l, struct run_parked *p)
{
    hash_remove(&l->runs_parked, &p->by_number);
    heap_remove(&l->runs_due, &p->due);
    mem_free(p);
}

int64_t run_sleeps_ms(const struct ledger *l, const struct ledger_run *r)
{
    struct job_run_counts n = job_run_counts(r->core);
    bool idle = job_run_header(r->core)->phase == JOB_CLEAN && n.fresh == 0 && n.live == 0 &&
                r->object == NULL && r->ticket == NULL && list_empty(&r->commits);

    return idle ? job_run_wait_ms(r->core, l->now.wall_ms) : -1;
}

/* ---- for the sweeper ---- */

/* Also what was begun after the end, by a joiner that had not heard of it: one that is not recorded
 * for so long never will be. */
static struct ledger_sweep sweep_now(const struct ledger *l, struct ledger_sweep sweep)
{
    int64_t late_ms = l->now.wall_ms - l->config.job_clean_ms / 2;

    sweep.ended_ms = late_ms > sweep.ended_ms ? late_ms : sweep.ended_ms;
    return sweep;
}

size_t runs_sweeps(const struct ledger *l, struct ledger_sweep *out)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;
    size_t count = 0;

    while ((n = hash_iterate(&l->runs, &bucket, n)) != NULL) {
        const struct ledger_run *r = container_of(n, struct ledger_run, by_number);

        if (r->row.header.phase == JOB_CLEAN) {
            out[count++] = sweep_now(l, run_sweep(r));
        }
    }
    bucket = 0;
    while ((n = hash_iterate(&l->runs_parked, &bucket, n)) != NULL) {
        out[count++] = sweep_now(l, container_of(n, struct run_parked, by_number)->sweep);
    }
    return count;
}

/* The part of a key that is a run's id; empty: none is. */
static struct slice id_in_key(struct slice key)
{
    while (key.len != 0) {
        size_t slash = slice_find(key, '/');
        struct slice part = slice_head(key, slash);

        if (job_run_id_is(part)) {
            return part;
        }
        key = slice_from(key, slash < key.len ? slash + 1 : slash);
    }
    return SLICE("");
}

bool ledger_run_owns(const struct ledger *l, struct slice key)
{
    struct slice id = id_in_key(key);
    const struct ledger_run *r = id.len != 0 ? run_find_id(l, id) : NULL;
    struct hash_node *n = NULL;
    size_t bucket = 0;

    if (r != NULL) {
        return r->row.header.phase != JOB_OVER;
    }
    while (id.len != 0 && (n = hash_iterate(&l->runs_parked, &bucket, n)) != NULL) {
        if (slice_eq(container_of(n, struct run_parked, by_number)->id, id)) {
            return true;
        }
    }
    return false;
}
