/* SPDX-License-Identifier: Apache-2.0 */
/* What goes of job runs: the rows of a run's pieces once it is over (what they did is summed up in
 * its own row), and runs a job has too many of, the oldest first; of a job that was deleted, all.
 *
 *   over, and on disk ---> SWEEP_PIECES: rows of pieces and of sizes, then "open" ---.
 *   job deleted ---------> SWEEP_RUNS: a job's runs below a number, but for the last <'
 *
 * So many rows a turn, in its batch like all else; one sweep after the other. Each can be begun
 * again at any point and changes nothing that another one needs: a run that is swept is found as
 * open until nothing but its own row is left; a job's runs are found by its "sweep" row, where the
 * job itself does not say so any more. */
#include "coordinator/ledger/run.h"

#include <assert.h>

#include "coordinator/store/keys.h"

enum {
    SWEEP_EVERY = 64, /* ends of a job's runs: to look for too many costs as many as are kept */
    SWEEP_RUNS_A_TURN = 16, /* each is read before it goes */
};

enum sweep_kind { SWEEP_PIECES, SWEEP_RUNS };

struct sweep {
    struct list link; /* ledger.sweeps */
    enum sweep_kind kind;
    uint64_t run;  /* PIECES: which; RUNS: those below it */
    uint32_t keep; /* RUNS: the newest that stay, */
    uint32_t seen; /* and how many were seen so far */
    struct key at; /* where it goes on; empty: from the start */
    size_t job_len;
    char job[]; /* RUNS */
};

static struct slice sweep_job(const struct sweep *s)
{
    return slice_make(s->job, s->job_len);
}

static struct sweep *
sweep_new(struct ledger *l, enum sweep_kind kind, uint64_t run, struct slice job)
{
    struct sweep *s = mem_zalloc(1, sizeof(*s) + job.len);

    s->kind = kind;
    s->run = run;
    s->job_len = job.len;
    if (job.len != 0) {
        memcpy(s->job, job.ptr, job.len);
    }
    list_push_back(&l->sweeps, &s->link);
    return s;
}

static void sweep_free(struct sweep *s)
{
    list_remove(&s->link);
    mem_free(s);
}

void sweeps_free(struct ledger *l)
{
    while (!list_empty(&l->sweeps)) {
        sweep_free(container_of(l->sweeps.next, struct sweep, link));
    }
}

static struct sweep *sweep_find(const struct ledger *l, enum sweep_kind kind, uint64_t run)
{
    LIST_EACH(n, &l->sweeps)
    {
        struct sweep *s = container_of(n, struct sweep, link);

        if (s->kind == kind && s->run == run) {
            return s;
        }
    }
    return NULL;
}

void sweep_pieces(struct ledger *l, uint64_t run)
{
    (void)sweep_new(l, SWEEP_PIECES, run, SLICE(""));
}

/* It goes on behind that key. */
static void sweep_passed(struct sweep *s, struct slice key)
{
    assert(key.len < KEY_BYTES_MAX);
    memcpy(s->at.bytes, key.ptr, key.len);
    s->at.bytes[key.len] = '\0';
    s->at.len = key.len + 1;
}

static void delete_row(struct ledger *l, struct slice key)
{
    store_delete(l->filling, CF_JOB, key);
}

/* ---- runs of a job that is no more ---- */

static void sweep_job_below(struct ledger *l, struct slice job, uint64_t below)
{
    LIST_EACH(n, &l->sweeps)
    {
        struct sweep *s = container_of(n, struct sweep, link);

        if (s->kind == SWEEP_RUNS && s->keep == 0 && slice_eq(sweep_job(s), job)) {
            s->run = below; /* of a later job of its name: one row speaks for both */
            s->at.len = 0;
            return;
        }
    }
    (void)sweep_new(l, SWEEP_RUNS, below, job);
}

void sweep_job_deleted(struct ledger *l, struct slice job, uint64_t below)
{
    struct key key = key_job_sweep(l->config.account, job);

    buf_reset(&l->scratch);
    buf_put_u64be(&l->scratch, below);
    store_put(l->filling, CF_JOB, key_slice(&key), buf_slice(&l->scratch));
    sweep_job_below(l, job, below);
}

enum err_code sweeps_load(struct ledger *l, struct err *err)
{
    struct key from = key_job_sweeps(l->config.account);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(l->store, CF_JOB, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;
    bool bad = false;
    enum err_code rc;

    while (!bad && store_next(i, &key, &value)) {
        struct cursor c = cursor_make(value);

        sweep_job_below(l, slice_from(key, from.len), cursor_u64be(&c));
        bad = c.bad;
    }
    rc = store_iterator_end(i, err);
    return rc == OK && bad ? err_set(err, ERR_CORRUPT, "a deleted job's row is malformed") : rc;
}

/* ---- rows of a run's pieces ---- */

/* Rows of a prefix from where the sweep stands, up to *left; true: there are no more. */
static bool sweep_rows(struct ledger *l, struct sweep *s, struct key prefix, unsigned *left)
{
    struct key to = key_after(&prefix);
    struct slice from = s->at.len != 0 ? key_slice(&s->at) : key_slice(&prefix);
    struct store_iterator *i = store_iterate(l->store, CF_JOB, from, key_slice(&to), false);
    bool more = true;
    struct slice key;
    struct slice value;

    while (*left > 0 && (more = store_next(i, &key, &value))) {
        delete_row(l, key);
        sweep_passed(s, key);
        (*left)--;
    }
    (void)store_iterator_end(i,
                             NULL); /* what cannot be read stops the coordinator: is_readable() */
    if (!more) {
        s->at.len = 0;
    }
    return !more;
}

/* A run more is over. Of a job that is no more none is kept; else, now and then, too many go. */
static void sweep_after(struct ledger *l, uint64_t run)
{
    struct ledger_run_view v;
    struct ledger_job *job;
    struct err err;

    if (ledger_run_view(l, run, &v, &err) != OK) {
        return;
    }
    job = ledger_job_find(l, v.row->job);
    if (job == NULL) {
        sweep_job_deleted(l, v.row->job, run + 1);
    } else if (job->ended_runs++ % SWEEP_EVERY == 0) {
        sweep_new(l, SWEEP_RUNS, UINT64_MAX, job->name)->keep = LIMIT_JOB_RUNS_KEPT;
    }
}

/* Sizes before pieces: `at` is in the one or in the other. */
static bool sweep_run_pieces(struct ledger *l, struct sweep *s, unsigned *left)
{
    struct key pieces = key_job_pieces(l->config.account, s->run);
    struct key open = key_job_open(l->config.account, s->run);
    bool at_pieces = s->at.len != 0 && s->at.bytes[sizeof(uint64_t)] == 'p';

    if (!at_pieces && !sweep_rows(l, s, key_job_sizes_all(l->config.account, s->run), left)) {
        return false;
    }
    if (!sweep_rows(l, s, pieces, left)) {
        return false;
    }
    delete_row(l, key_slice(&open));
    sweep_after(l, s->run);
    return true;
}

/* ---- runs ---- */

/* It is not over, or about to be swept itself: then its turn comes. */
static bool run_is_needed(const struct ledger *l, uint64_t run)
{
    return run_find(l, run) != NULL || run_is_parked(l, run) ||
           sweep_find(l, SWEEP_PIECES, run) != NULL;
}

/* The number given last stays known, whichever runs are left. */
static void keep_number(struct ledger *l)
{
    struct key key = key_job_run_last(l->config.account);

    buf_reset(&l->scratch);
    buf_put_u64be(&l->scratch, l->next_run - 1);
    store_put(l->filling, CF_JOB, key_slice(&key), buf_slice(&l->scratch));
}

static void delete_run(struct ledger *l, uint64_t run, struct slice line)
{
    struct key key = key_job_run(l->config.account, run);
    struct job_run_row row;
    struct slice bytes;
    struct err err;

    if (run_read_row(l, run, &bytes, &err) == OK &&
        job_run_row_decode(bytes, &l->arena, &row, &err) == OK) {
        struct key id = key_job_run_id(l->config.account, row.id);

        delete_row(l, key_slice(&id));
    }
    delete_row(l, key_slice(&key));
    delete_row(l, line);
}

/* True: there are no more that may go. */
static bool sweep_lines(struct ledger *l, struct sweep *s, struct store_iterator *i)
{
    unsigned left = SWEEP_RUNS_A_TURN;
    struct slice key;
    struct slice value;
    uint64_t run;

    while (store_next(i, &key, &value)) {
        bool goes = key_job_line_parse(key, &run) && s->seen >= s->keep && !run_is_needed(l, run);

        if (goes && (left == 0 || notice_is_due(l, run))) {
            return false;
        }
        if (goes) {
            delete_run(l, run, key);
            keep_number(l);
            left--;
        }
        s->seen++;
        sweep_passed(s, key);
    }
    return true;
}

static bool sweep_runs(struct ledger *l, struct sweep *s)
{
    struct key prefix = key_job_lines(l->config.account, sweep_job(s));
    struct key first =
        s->run == UINT64_MAX ? prefix : key_job_line(l->config.account, sweep_job(s), s->run - 1);
    struct key row = key_job_sweep(l->config.account, sweep_job(s));
    struct key to = key_after(&prefix);
    struct store_iterator *i = store_iterate(
        l->store, CF_JOB, key_slice(s->at.len != 0 ? &s->at : &first), key_slice(&to), false);
    bool done = sweep_lines(l, s, i);

    (void)store_iterator_end(i, NULL);
    if (done && s->keep == 0) {
        delete_row(l, key_slice(&row));
    }
    return done;
}

void sweeps_run(struct ledger *l)
{
    unsigned left = LIMIT_JOB_DELETES_A_TURN;

    while (left > 0 && ledger_accepts(l) && !list_empty(&l->sweeps)) {
        struct sweep *s = container_of(l->sweeps.next, struct sweep, link);

        if (!(s->kind == SWEEP_PIECES ? sweep_run_pieces(l, s, &left) : sweep_runs(l, s))) {
            return;
        }
        sweep_free(s);
        left -= left > 0;
    }
}
