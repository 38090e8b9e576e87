/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions of jobs, and their runs as operations see them. */
#include <stdlib.h>

#include "coordinator/ledger/run.h"
#include "coordinator/store/keys.h"

/* ---- definitions ---- */

struct ledger_job *ledger_job_find(const struct ledger *l, struct slice name)
{
    HASH_EACH_MATCH(n, &l->jobs, hash_bytes(name, 0))
    {
        struct ledger_job *job = container_of(n, struct ledger_job, by_name);

        if (slice_eq(job->name, name)) {
            return job;
        }
    }
    return NULL;
}

size_t ledger_job_count(const struct ledger *l)
{
    return l->jobs.count;
}

static int by_name(const void *a, const void *b)
{
    const struct ledger_job *const *x = a;
    const struct ledger_job *const *y = b;

    return slice_cmp((*x)->name, (*y)->name);
}

struct ledger_job **ledger_jobs(struct ledger *l, size_t *count)
{
    struct ledger_job **all = ARENA_ARRAY(&l->arena, l->jobs.count + 1, struct ledger_job *);
    struct hash_node *n = NULL;
    size_t bucket = 0;

    *count = 0;
    while ((n = hash_iterate(&l->jobs, &bucket, n)) != NULL) {
        all[(*count)++] = container_of(n, struct ledger_job, by_name);
    }
    qsort(all, *count, sizeof(struct ledger_job *), by_name);
    return all;
}

static void job_free(struct ledger *l, struct ledger_job *job)
{
    hash_remove(&l->jobs, &job->by_name);
    arena_fini(&job->texts);
    mem_free(job);
}

void jobs_free(struct ledger *l)
{
    struct hash_node *n;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->jobs, &bucket, NULL)) != NULL) {
        job_free(l, container_of(n, struct ledger_job, by_name));
        bucket = 0;
    }
    hash_fini(&l->jobs);
}

static struct ledger_job *job_new(struct ledger *l, struct slice name, int64_t created_ms)
{
    struct ledger_job *job = mem_zalloc(1, sizeof(*job) + name.len);
    char *at = job->text;

    job->name = block_put(&at, name);
    job->created_ms = created_ms;
    arena_init(&job->texts);
    hash_insert(&l->jobs, &job->by_name, hash_bytes(name, 0));
    return job;
}

/* Runs have copies of what they need of a definition: that of before goes. */
static enum err_code job_define(struct ledger_job *job, struct slice definition, struct err *err)
{
    const struct job_definition *parsed;
    struct arena texts;
    enum err_code rc;

    arena_init(&texts);
    rc = job_definition_parse(definition, &texts, &parsed, err);
    if (rc != OK) {
        arena_fini(&texts);
        return rc;
    }
    arena_fini(&job->texts);
    job->texts = texts;
    job->parsed = parsed;
    job->definition = job_definition_print(parsed, &job->texts);
    return OK;
}

/* Each run of that name that has not ended. */
static void job_adopt_runs(struct ledger *l, struct ledger_job *job)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->runs, &bucket, n)) != NULL) {
        struct ledger_run *r = container_of(n, struct ledger_run, by_number);

        if (slice_eq(r->row.job, job->name) && !job_state_is_end(job_run_header(r->core)->state)) {
            r->job = job;
            job->open_runs++;
        }
    }
}

static void job_put(struct ledger *l, const struct ledger_job *job)
{
    struct key key = key_job(l->config.account, job->name);
    struct job_row row = {
        .created_ms = job->created_ms,
        .updated_ms = job->updated_ms,
        .definition = job->definition,
    };

    buf_reset(&l->scratch);
    job_row_encode(&row, &l->scratch);
    store_put(l->filling, CF_JOB, key_slice(&key), buf_slice(&l->scratch));
}

enum err_code ledger_job_put(struct ledger *l,
                             struct slice name,
                             struct slice definition,
                             struct ledger_job **out,
                             struct err *err)
{
    struct ledger_job *job = ledger_job_find(l, name);
    bool fresh = job == NULL;
    enum err_code rc;

    if (fresh) {
        job = job_new(l, name, l->now.wall_ms);
    }
    rc = job_define(job, definition, err);
    if (rc != OK) {
        if (fresh) {
            job_free(l, job);
        }
        return rc;
    }
    if (fresh) {
        job_adopt_runs(l, job);
    }
    job->updated_ms = l->now.wall_ms;
    job_put(l, job);
    *out = job;
    return OK;
}

void ledger_job_delete(struct ledger *l, struct ledger_job *job)
{
    struct key key = key_job(l->config.account, job->name);
    struct hash_node *n = NULL;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->runs, &bucket, n)) != NULL) {
        struct ledger_run *r = container_of(n, struct ledger_run, by_number);

        r->job = r->job == job ? NULL : r->job;
    }
    store_delete(l->filling, CF_JOB, key_slice(&key));
    sweep_job_deleted(l, job->name, l->next_run);
    job_free(l, job);
}

static enum err_code
job_load(struct ledger *l, struct slice name, struct slice value, struct err *err)
{
    struct job_row row;
    enum err_code rc = job_row_decode(value, &row, err);
    struct ledger_job *job;

    if (rc != OK) {
        return rc;
    }
    job = job_new(l, name, row.created_ms);
    job->updated_ms = row.updated_ms;
    return job_define(job, row.definition, err);
}

enum err_code jobs_load(struct ledger *l, struct err *err)
{
    struct key all = key_jobs(l->config.account);

    return rows_load(l, CF_JOB, &all, job_load, err);
}

/* ---- runs, looked at ---- */

enum err_code ledger_run_find(struct ledger *l, struct slice id, uint64_t *number, struct err *err)
{
    const struct ledger_run *r = run_find_id(l, id);
    struct key key;
    struct buf b = {0};
    struct cursor c;
    enum err_code rc;

    if (r != NULL) {
        *number = r->number;
        return OK;
    }
    if (!job_run_id_is(id)) {
        return err_set(err, ERR_NOT_FOUND, "no such job run");
    }
    key = key_job_run_id(l->config.account, id);
    rc = store_get(l->store, CF_JOB, key_slice(&key), &b, err);
    c = cursor_make(buf_slice(&b));
    *number = cursor_u64be(&c);
    buf_fini(&b);
    return rc == OK && c.bad ? err_set(err, ERR_CORRUPT, "the number of a job run is malformed")
                             : rc;
}

enum err_code
ledger_run_view(struct ledger *l, uint64_t number, struct ledger_run_view *out, struct err *err)
{
    struct ledger_run *r = run_find(l, number);
    struct job_run_row *row;
    struct slice bytes;
    enum err_code rc;

    if (r != NULL) {
        r->row.header = *job_run_header(r->core);
        *out = (struct ledger_run_view){&r->row, r->core};
        return OK;
    }
    row = ARENA_NEW(&l->arena, struct job_run_row);
    rc = run_read_row(l, number, &bytes, err);
    if (rc == OK) {
        rc = job_run_row_decode(bytes, &l->arena, row, err);
    }
    *out = (struct ledger_run_view){row, NULL};
    return rc;
}

enum err_code ledger_runs(struct ledger *l,
                          struct slice job,
                          uint64_t before,
                          size_t most,
                          uint64_t **out,
                          size_t *count,
                          struct err *err)
{
    struct key prefix = key_job_lines(l->config.account, job);
    struct key from = before != 0 ? key_job_line(l->config.account, job, before - 1) : prefix;
    struct key to = key_after(&prefix);
    struct store_iterator *i =
        store_iterate(l->store, CF_JOB, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;

    *out = ARENA_ARRAY(&l->arena, most, uint64_t);
    *count = 0;
    while (*count < most && store_next(i, &key, &value)) {
        if (key_job_line_parse(key, &(*out)[*count])) {
            (*count)++;
        }
    }
    return store_iterator_end(i, err);
}
