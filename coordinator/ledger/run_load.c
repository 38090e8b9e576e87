/* SPDX-License-Identifier: Apache-2.0 */
/* Job runs back from disk: those that are not over are built again from their rows when the ledger
 * opens, with their live attempts as leases that wait for their workers. */
#include "coordinator/ledger/run.h"
#include "coordinator/store/keys.h"

static enum err_code
load_sizes(struct ledger *l, const struct ledger_run *r, uint64_t **out, struct err *err)
{
    struct key from = key_job_sizes_all(l->config.account, r->number);
    struct key to = key_after(&from);
    uint32_t shards = r->row.header.shards;
    uint64_t *sizes = ARENA_ARRAY(&l->arena, shards, uint64_t);
    struct store_iterator *i;
    struct slice key;
    struct slice value;
    uint32_t count = 0;
    enum err_code rc;

    i = store_iterate(l->store, CF_JOB, key_slice(&from), key_slice(&to), false);
    while (store_next(i, &key, &value)) {
        struct cursor c = cursor_make(value);

        while (!cursor_done(&c) && !c.bad && count < shards) {
            sizes[count++] = cursor_varint(&c);
        }
    }
    rc = store_iterator_end(i, err);
    *out = sizes;
    return rc == OK && count != shards
               ? err_set(err, ERR_CORRUPT, "the plan of a job run has %u shards, not %u", count,
                         shards)
               : rc;
}

/* Each row of a phase to `each`. */
static enum err_code phase_rows(struct ledger *l,
                                struct ledger_run *r,
                                enum job_phase phase,
                                enum err_code (*each)(struct ledger *l,
                                                      struct ledger_run *r,
                                                      const struct job_piece_state *row,
                                                      struct err *err),
                                struct err *err)
{
    struct key from = key_job_phase(l->config.account, r->number, phase);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(l->store, CF_JOB, key_slice(&from), key_slice(&to), false);
    enum err_code rc = OK;
    struct arena a; /* of one row: there may be a hundred thousand */
    struct slice key;
    struct slice value;

    arena_init(&a);
    while (rc == OK && store_next(i, &key, &value)) {
        struct job_piece_state row;

        arena_reset(&a);
        rc = job_piece_row_decode(value, &a, &row, err);
        if (rc == OK) {
            rc = each(l, r, &row, err);
        }
    }
    arena_fini(&a);
    if (rc != OK) {
        (void)store_iterator_end(i, NULL);
        return rc;
    }
    return store_iterator_end(i, err);
}

static enum err_code restore_winner(struct ledger *l,
                                    struct ledger_run *r,
                                    const struct job_piece_state *row,
                                    struct err *err)
{
    (void)l;
    (void)err;
    run_note_winner(r, row);
    return OK;
}

static enum err_code restore_piece(struct ledger *l,
                                   struct ledger_run *r,
                                   const struct job_piece_state *row,
                                   struct err *err)
{
    enum err_code rc = job_run_restore_piece(r->core, row, err);

    if (rc != OK) {
        return rc;
    }
    for (uint32_t i = 0; i < row->live_count; i++) {
        /* The worker of one that is committing has done all it can: it is no lease any more. */
        if (!row->live[i].committing) {
            run_piece_restore(l, r, row->piece, &row->live[i]);
        }
    }
    return restore_winner(l, r, row, err);
}

/* JOIN and REDUCE need the winners of the phase before. */
static enum err_code restore_before(struct ledger *l, struct ledger_run *r, struct err *err)
{
    const struct job_run_header *h = &r->row.header;
    bool reduced = h->phase == JOB_JOIN && h->partitions != 0 && h->shards != 0;
    enum err_code rc;

    if (h->phase != JOB_REDUCE && h->phase != JOB_JOIN) {
        return OK;
    }
    rc = phase_rows(l, r, reduced ? JOB_REDUCE : JOB_MAP, restore_winner, err);
    run_keep_winners(r);
    return rc;
}

static enum err_code
restore(struct ledger *l, struct ledger_run *r, const struct job_run_row *row, struct err *err)
{
    struct job_run_settings settings;
    uint64_t *sizes = NULL;
    enum err_code rc = run_settle(l, r, row, &settings, err);

    if (rc == OK && row->header.phase == JOB_MAP) {
        rc = load_sizes(l, r, &sizes, err);
    }
    if (rc == OK) {
        rc = job_run_restore(&settings, &row->header, sizes, &r->core, err);
    }
    if (rc == OK) {
        rc = restore_before(l, r, err);
    }
    if (rc != OK) {
        return rc;
    }
    rc = phase_rows(l, r, row->header.phase, restore_piece, err);
    if (rc == OK) {
        rc = job_run_restored(r->core, err);
    }
    if (rc != OK) {
        return rc;
    }
    r->row.header = *job_run_header(r->core);
    if (r->job != NULL && !job_state_is_end(r->row.header.state)) {
        r->job->open_runs++;
    }
    if (r->row.output.parts.ptr != NULL) {
        object_complete_for_run(l, r);
    }
    run_next(l, r, NULL);
    return OK;
}

enum err_code run_read_row(struct ledger *l, uint64_t number, struct slice *out, struct err *err)
{
    struct key key = key_job_run(l->config.account, number);
    struct buf b = {0};
    enum err_code rc = store_get(l->store, CF_JOB, key_slice(&key), &b, err);

    if (rc == OK) {
        *out = arena_copy(&l->arena, buf_slice(&b));
    }
    buf_fini(&b);
    return rc;
}

static enum err_code run_load(struct ledger *l, uint64_t number, struct err *err)
{
    struct job_run_row row;
    struct slice bytes;
    enum err_code rc = run_read_row(l, number, &bytes, err);

    if (rc == OK) {
        rc = job_run_row_decode(bytes, &l->arena, &row, err);
    }
    if (rc == OK && row.header.phase == JOB_OVER) {
        sweep_pieces(l, number);
    } else if (rc == OK) {
        rc = restore(l, run_new(l, number), &row, err);
    }
    if (rc != OK) {
        err_wrap(err, "load job run %llu", (unsigned long long)(number & ~RUN_BIT));
    }
    return rc;
}

/* What was known to be given when runs were deleted last. */
static enum err_code load_last(struct ledger *l, uint64_t *out, struct err *err)
{
    struct key key = key_job_run_last(l->config.account);
    struct buf b = {0};
    enum err_code rc = store_get(l->store, CF_JOB, key_slice(&key), &b, err);

    *out = RUN_BIT;
    if (rc == OK) {
        struct cursor c = cursor_make(buf_slice(&b));

        *out = cursor_u64be(&c);
        rc = c.bad ? err_set(err, ERR_CORRUPT, "the last number of a job run is malformed") : OK;
    }
    buf_fini(&b);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

/* The number after the last one given. */
static enum err_code load_next(struct ledger *l, struct err *err)
{
    struct key from = key_job_runs(l->config.account);
    struct key to = key_after(&from);
    struct store_iterator *i;
    struct slice key;
    struct slice value;
    uint64_t last;
    enum err_code rc = load_last(l, &last, err);

    if (rc != OK) {
        return rc;
    }
    i = store_iterate(l->store, CF_JOB, key_slice(&from), key_slice(&to), true);
    if (store_next(i, &key, &value)) {
        struct cursor c = cursor_make(slice_from(key, key.len - sizeof(uint64_t)));
        uint64_t newest = cursor_u64be(&c);

        last = newest > last ? newest : last;
    }
    l->next_run = last + 1;
    return store_iterator_end(i, err);
}

enum err_code runs_load(struct ledger *l, struct err *err)
{
    struct key from = key_job_opens(l->config.account);
    struct key to = key_after(&from);
    struct store_iterator *i;
    struct slice key;
    struct slice value;
    enum err_code rc = load_next(l, err);

    if (rc != OK) {
        return rc;
    }
    i = store_iterate(l->store, CF_JOB, key_slice(&from), key_slice(&to), false);
    while (rc == OK && store_next(i, &key, &value)) {
        struct cursor c = cursor_make(slice_from(key, key.len - sizeof(uint64_t)));

        rc = run_load(l, cursor_u64be(&c), err);
    }
    if (rc != OK) {
        (void)store_iterator_end(i, NULL);
        return rc;
    }
    return store_iterator_end(i, err);
}

enum err_code runs_wake(struct ledger *l, struct err *err)
{
    enum { WAKES_A_TURN = 64 };
    enum err_code rc = OK;
    struct heap_node *n;

    for (unsigned i = 0; rc == OK && i < WAKES_A_TURN && ledger_accepts(l) &&
                         (n = heap_min(&l->runs_due)) != NULL && n->key <= l->now.wall_ms;
         i++) {
        struct run_parked *p = container_of(n, struct run_parked, due);
        uint64_t number = p->number;

        run_unpark(l, p);
        rc = run_load(l, number, err);
    }
    return rc;
}
