/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs and their runs. A run is "open" until it is over and the rows of its pieces are gone. */
#include "coordinator/check/internal.h"
#include "coordinator/store/row_job.h"

void check_job(struct check *c, const struct row_key *k, struct slice value)
{
    struct job_row row;
    struct err err;

    (void)k;
    (void)check_decoded(c, job_row_decode(value, &row, &err), &err);
}

static bool is_run(struct slice value, uint64_t run)
{
    struct cursor c = cursor_make(value);

    return cursor_u64be(&c) == run && !c.bad && cursor_done(&c);
}

void check_job_run(struct check *c, const struct row_key *k, struct slice value)
{
    uint64_t run = k->numbers[0];
    struct job_run_row row;
    struct err err;

    if (!check_decoded(c, job_run_row_decode(value, &c->arena, &row, &err), &err)) {
        return;
    }
    if (!check_has(c, CF_JOB, key_job_run_id(k->account, row.id)) ||
        (c->rc == OK && !is_run(buf_slice(&c->value), run))) {
        check_fault(c, "it cannot be found", "its id %.*s does not lead to it", SLICE_FMT(row.id));
    }
    if (!check_has(c, CF_JOB, key_job_line(k->account, row.job, run))) {
        check_fault(c, "it is not listed, and never deleted",
                    "it has no line in the list of job %.*s", SLICE_FMT(row.job));
    }
    if (!job_state_is_end(row.header.state) &&
        !check_has(c, CF_JOB, key_job_open(k->account, run))) {
        check_fault(c, "it does not go on after a start", "it is %s, and not among the open ones",
                    job_state_name(row.header.state));
    }
}

/* The run itself, decoded; false: told, or to be told elsewhere. */
static bool run_is_there(struct check *c, uint64_t account, uint64_t run, struct job_run_row *out)
{
    if (!check_has(c, CF_JOB, key_job_run(account, run))) {
        check_fault(c, "the row stays for ever", "there is no job run %llu",
                    (unsigned long long)run);
        return false;
    }
    return c->rc == OK && job_run_row_decode(buf_slice(&c->value), &c->arena, out, NULL) == OK;
}

void check_job_run_id(struct check *c, const struct row_key *k, struct slice value)
{
    struct cursor v = cursor_make(value);
    uint64_t run = cursor_u64be(&v);
    struct job_run_row row;

    if (v.bad || !cursor_done(&v)) {
        check_fault(c, "the run cannot be found", "it is not a number of 8 bytes");
    } else if (run_is_there(c, k->account, run, &row) && !slice_eq(row.id, k->name)) {
        check_fault(c, "another run is found", "run %llu is %.*s", (unsigned long long)run,
                    SLICE_FMT(row.id));
    }
}

void check_job_line(struct check *c, const struct row_key *k, struct slice value)
{
    uint64_t run = k->numbers[0];
    struct job_run_row row;

    check_empty(c, k, value);
    if (run_is_there(c, k->account, run, &row) && !slice_eq(row.job, k->name)) {
        check_fault(c, "it is listed twice", "the run is one of job %.*s", SLICE_FMT(row.job));
    }
    if (!check_has(c, CF_JOB, key_job(k->account, k->name)) &&
        !check_has(c, CF_JOB, key_job_sweep(k->account, k->name)) &&
        !check_has(c, CF_JOB, key_job_open(k->account, run))) {
        check_fault(c, "the run is never deleted", "its job is gone, and no sweep is to come");
    }
}

void check_job_open(struct check *c, const struct row_key *k, struct slice value)
{
    struct job_run_row row;

    check_empty(c, k, value);
    (void)run_is_there(c, k->account, k->numbers[0], &row);
}

static void check_is_open(struct check *c, const struct row_key *k)
{
    if (!check_has(c, CF_JOB, key_job_open(k->account, k->numbers[0]))) {
        check_fault(c, "the row stays for ever", "job run %llu is not among the open ones",
                    (unsigned long long)k->numbers[0]);
    }
}

void check_job_sizes(struct check *c, const struct row_key *k, struct slice value)
{
    struct cursor v = cursor_make(value);

    while (!cursor_done(&v) && !v.bad) {
        (void)cursor_varint(&v);
    }
    if (v.bad) {
        check_fault(c, "the run cannot go on", "the sizes are malformed");
    }
    check_is_open(c, k);
}

void check_job_piece(struct check *c, const struct row_key *k, struct slice value)
{
    struct job_piece_state row;
    struct err err;

    if (!check_decoded(c, job_piece_row_decode(value, &c->arena, &row, &err), &err)) {
        return;
    }
    if (row.phase != (enum job_phase)k->numbers[1] || row.piece != k->numbers[2]) {
        check_fault(c, "the run cannot go on", "the row is that of another piece");
    }
    check_is_open(c, k);
}
