/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: put, describe, list, delete. Idempotent by name and definition, as state machines are: the
 * same definition again is fine, another one is refused unless the job is to be updated. */
#include "coordinator/api/operation_job.h"

#include "coordinator/api/reading.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum err_code find_job(struct api *a, const char *name, struct ledger_job **out, struct err *err)
{
    *out = ledger_job_find(a->ledger, slice_str(name));
    if (*out == NULL) {
        return err_set(err, ERR_JOB_NOT_FOUND, "Job with name: %.*s not found",
                       SLICE_FMT(slice_head(slice_str(name), 300)));
    }
    return OK;
}

/* What AWS Glue's Job says of the definition. */
static void put_settings(const struct ledger_job *job, struct arena *a, Stepfleet__Job *m)
{
    struct json_builder execution = json_build_object(a);
    const struct job_definition *d;
    struct err err;

    if (job_definition_parse(job->definition, a, &d, &err) != OK) {
        return; /* never: it was checked when it was put */
    }
    json_put(&execution, SLICE("MaxConcurrentRuns"), json_integer(a, d->max_concurrent_runs));
    m->execution = message_bytes(json_print(json_built(&execution), a));
    m->default_arguments =
        message_bytes(json_print(job_arguments_json(&d->default_arguments, a), a));
    m->timeout_minutes = d->timeout_minutes;
    m->workers = d->workers;
}

static Stepfleet__Job *job_message(struct call *c, const struct ledger_job *job, bool all)
{
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__Job *m = arena_alloc(a, sizeof(*m));

    stepfleet__job__init(m);
    m->name = arena_str(a, job->name);
    if (all) {
        m->definition = message_bytes(job->definition);
    }
    m->created_ms = job->created_ms;
    m->updated_ms = job->updated_ms;
    m->open_runs = job->open_runs;
    if (c->aws) {
        put_settings(job, a, m);
    }
    return m;
}

/* ---- put ---- */

/* May it be made, or be defined so? *same: it is already. */
static enum err_code put_check(struct call *c,
                               const Stepfleet__JobPutRequest *q,
                               const struct ledger_job *job,
                               bool *same,
                               struct err *err)
{
    struct ledger *l = c->api->ledger;
    struct arena *a = ledger_turn_arena(l);
    struct slice name = slice_str(q->name);
    const struct job_definition *parsed;
    enum err_code rc = OK;

    *same = false;
    if (!text_is_name(name)) {
        rc = err_set(err, ERR_INVALID_NAME, "Invalid Name: '%.*s'",
                     SLICE_FMT(slice_head(name, 300)));
    } else if (q->update && job == NULL) {
        rc = err_set(err, ERR_JOB_NOT_FOUND, "Job with name: %.*s not found", SLICE_FMT(name));
    } else if (job == NULL && ledger_job_count(l) >= LIMIT_JOBS) {
        rc = err_set(err, ERR_BUSY, "there are %d jobs: no more may be", LIMIT_JOBS);
    }
    if (rc == OK) {
        rc = job_definition_parse(message_slice(q->definition), a, &parsed, err);
    }
    if (rc != OK || job == NULL) {
        return rc;
    }
    *same = slice_eq(job_definition_print(parsed, a), job->definition);
    return *same || q->update
               ? OK
               : err_set(err, ERR_CONFLICT, "Job '%.*s' exists with another definition",
                         SLICE_FMT(name));
}

void operation_JOB_PUT(struct call *c)
{
    const Stepfleet__JobPutRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct ledger_job *job = ledger_job_find(l, slice_str(q->name));
    bool same;
    struct err err;
    enum err_code rc = put_check(c, q, job, &same, &err);

    if (rc == OK && !same) {
        rc = ledger_job_put(l, slice_str(q->name), message_slice(q->definition), &job, &err);
    }
    if (rc == OK) {
        c->reply(c, &job_message(c, job, true)->base);
    } else {
        c->fail(c, rc, &err);
    }
}

/* ---- describe, list, delete ---- */

void operation_JOB_DESCRIBE(struct call *c)
{
    const Stepfleet__JobRequest *q = (const void *)c->request;
    struct ledger_job *job;
    struct err err;
    enum err_code rc = find_job(c->api, q->job, &job, &err);

    if (rc == OK) {
        c->reply(c, &job_message(c, job, true)->base);
    } else {
        c->fail(c, rc, &err);
    }
}

void operation_JOB_LIST(struct call *c)
{
    const Stepfleet__PageRequest *q = (const void *)c->request;
    Stepfleet__JobListReply r = STEPFLEET__JOB_LIST_REPLY__INIT;
    struct slice after = slice_str(q->next_token);
    struct ledger_job **all;
    size_t count;
    uint32_t max;

    if (!page_size(c, q->max_results, &max)) {
        return;
    }
    all = ledger_jobs(c->api->ledger, &count);
    r.jobs = ARENA_ARRAY(ledger_turn_arena(c->api->ledger), max, Stepfleet__Job *);
    r.names = ARENA_ARRAY(ledger_turn_arena(c->api->ledger), max, char *);
    for (size_t i = 0; i < count; i++) {
        if (after.len != 0 && slice_cmp(all[i]->name, after) <= 0) {
            continue;
        }
        if (r.n_jobs == max) {
            r.next_token = r.jobs[max - 1]->name; /* the list goes on after it */
            break;
        }
        r.jobs[r.n_jobs++] = job_message(c, all[i], false);
        if (c->aws) {
            r.names[r.n_names++] = r.jobs[r.n_jobs - 1]->name;
        }
    }
    c->reply(c, &r.base);
}

void operation_JOB_DELETE(struct call *c)
{
    const Stepfleet__JobRequest *q = (const void *)c->request;
    struct ledger_job *job = ledger_job_find(c->api->ledger, slice_str(q->job));
    Stepfleet__Empty r = STEPFLEET__EMPTY__INIT;

    if (job != NULL) {
        ledger_job_delete(c->api->ledger, job);
    }
    c->reply(c, &r.base);
}
