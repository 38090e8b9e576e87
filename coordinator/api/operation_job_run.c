/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of jobs: start, stop, wait, list. A start is idempotent by the run's id: whoever wants it to
 * be safe to repeat makes one. Source: AWS Glue, StartJobRun, BatchStopJobRun, GetJobRuns. */
#include "coordinator/api/operation_job.h"

#include "coordinator/api/aws_json.h"
#include "coordinator/api/reading.h"
#include "coordinator/store/keys.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum err_code
find_run(struct api *a, const char *job, const char *id, uint64_t *out, struct err *err)
{
    struct ledger_run_view v;
    enum err_code rc = ledger_run_find(a->ledger, slice_str(id), out, err);

    if (rc == OK && job[0] != '\0') {
        rc = ledger_run_view(a->ledger, *out, &v, err);
        rc = rc == OK && !slice_eq_str(v.row->job, job) ? ERR_NOT_FOUND : rc;
    }
    if (rc == ERR_NOT_FOUND) {
        rc = err_set(err, ERR_JOB_NOT_FOUND, "Job run %.*s not found",
                     SLICE_FMT(slice_head(slice_str(id), 300)));
    }
    return rc;
}

/* ---- start, stop ---- */

/* A task's run has one id in every repeat of one attempt, and no other's. */
static struct slice task_run_id(const struct call *c, struct arena *a)
{
    char *text = arena_alloc(a, JOB_RUN_ID_BYTES);
    uint64_t chance[4];

    for (size_t i = 0; i < 4; i++) {
        chance[i] = hash_bytes(c->task->default_name, i + 1);
    }
    job_run_id_format((const uint8_t *)chance, text);
    return slice_make(text, JOB_RUN_ID_BYTES);
}

static enum err_code start_prepare(struct call *c,
                                   const Stepfleet__JobRunStartRequest *q,
                                   struct ledger_run_start *s,
                                   struct err *err)
{
    struct arena *a = ledger_turn_arena(c->api->ledger);

    s->id = c->task != NULL ? task_run_id(c, a) : slice_str(q->run);
    s->overrides = (struct job_overrides){
        .timeout_minutes = q->has_timeout_minutes ? (int64_t)q->timeout_minutes : -1,
        .workers = q->has_workers ? (int64_t)q->workers : -1,
        .worker_type = slice_str(q->worker_type),
    };
    if (c->task != NULL && c->task->waits) {
        s->parent = c->task->task;
    }
    if (s->id.len != 0 && !job_run_id_is(s->id)) {
        return err_set(err, ERR_VALIDATION,
                       "A run's id is \"jr_\" and 64 hexadecimal digits, not '%.*s'",
                       SLICE_FMT(slice_head(s->id, 100)));
    }
    if (q->arguments.len == 0) {
        return OK;
    }
    if (json_parse(message_slice(q->arguments), a, &s->arguments, err) != OK) {
        err_wrap(err, "Arguments");
        return err->code = ERR_VALIDATION;
    }
    return OK;
}

static Stepfleet__JobRunReply *run_message(const struct ledger_run_view *v, struct arena *a)
{
    Stepfleet__JobRunReply *m = ARENA_NEW(a, Stepfleet__JobRunReply);

    stepfleet__job_run_reply__init(m);
    m->job = arena_str(a, v->row->job);
    m->run = arena_str(a, v->row->id);
    m->state = (char *)(uintptr_t)job_state_name(v->row->header.state);
    return m;
}

static void reply_run(struct call *c, uint64_t number)
{
    struct ledger_run_view v;
    struct err err;
    enum err_code rc = ledger_run_view(c->api->ledger, number, &v, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    c->started = number;
    c->reply(c, &run_message(&v, ledger_turn_arena(c->api->ledger))->base);
}

/* A new run, or the one that an earlier request of the same kind has started. */
static enum err_code start_run(struct call *c,
                               const char *job,
                               struct ledger_run_start *s,
                               uint64_t *out,
                               struct err *err)
{
    struct ledger *l = c->api->ledger;
    enum err_code rc = s->id.len != 0 ? ledger_run_find(l, s->id, out, err) : ERR_NOT_FOUND;
    struct slice id;

    if (rc == OK) {
        return ledger_run_repeats(l, *out, slice_str(job), s, err);
    }
    rc = rc == ERR_NOT_FOUND ? find_job(c->api, job, &s->job, err) : rc;
    return rc == OK ? ledger_run_start(l, s, out, &id, err) : rc;
}

void operation_JOB_RUN_START(struct call *c)
{
    const Stepfleet__JobRunStartRequest *q = (const void *)c->request;
    struct ledger_run_start s = {.job = NULL};
    uint64_t number;
    struct err err;
    enum err_code rc = start_prepare(c, q, &s, &err);

    rc = rc == OK ? start_run(c, q->job, &s, &number, &err) : rc;
    if (rc == OK) {
        reply_run(c, number);
    } else {
        c->fail(c, rc, &err);
    }
}

void operation_JOB_RUN_STOP(struct call *c)
{
    const Stepfleet__JobRunRequest *q = (const void *)c->request;
    uint64_t number;
    struct err err;
    enum err_code rc = find_run(c->api, q->job, q->run, &number, &err);

    if (rc == OK) {
        ledger_run_stop(c->api->ledger, number);
        reply_run(c, number);
    } else {
        c->fail(c, rc, &err);
    }
}

/* ---- stop of many ---- */

static Stepfleet__JobRunRefusal *refusal_message(const Stepfleet__JobRunStopBatchRequest *q,
                                                 char *run,
                                                 enum err_code code,
                                                 const struct err *why,
                                                 struct arena *a)
{
    Stepfleet__JobRunRefusal *m = ARENA_NEW(a, Stepfleet__JobRunRefusal);
    struct json_builder detail = json_build_object(a);

    json_put(&detail, SLICE("ErrorCode"), json_string(a, slice_str(glue_error_name(code))));
    json_put(&detail, SLICE("ErrorMessage"), json_string(a, arena_copy(a, slice_str(why->msg))));
    stepfleet__job_run_refusal__init(m);
    m->job = q->job;
    m->run = run;
    m->detail = message_bytes(json_print(json_built(&detail), a));
    return m;
}

/* One of them: as JOB_RUN_STOP, but that AWS refuses what has ended. */
static enum err_code stop_one(struct call *c,
                              const char *job,
                              const char *id,
                              struct ledger_run_view *out,
                              struct err *err)
{
    uint64_t number;
    enum err_code rc = find_run(c->api, job, id, &number, err);

    if (rc == OK) {
        rc = ledger_run_view(c->api->ledger, number, out, err);
    }
    if (rc == OK && job_state_is_end(out->row->header.state)) {
        rc = err_set(err, ERR_CONFLICT, "Job run %.100s has ended: %s", id,
                     job_state_name(out->row->header.state));
    }
    if (rc == OK) {
        ledger_run_stop(c->api->ledger, number);
        rc = ledger_run_view(c->api->ledger, number, out, err);
    }
    return rc;
}

void operation_JOB_RUN_STOP_BATCH(struct call *c)
{
    const Stepfleet__JobRunStopBatchRequest *q = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__JobRunStopBatchReply r = STEPFLEET__JOB_RUN_STOP_BATCH_REPLY__INIT;

    if (q->n_runs == 0 || q->n_runs > LIMIT_JOB_STOPS) {
        call_fail(c, ERR_VALIDATION, "1 to %d runs can be stopped at once, not %zu",
                  LIMIT_JOB_STOPS, q->n_runs);
        return;
    }
    r.done = ARENA_ARRAY(a, q->n_runs, Stepfleet__JobRunReply *);
    r.failed = ARENA_ARRAY(a, q->n_runs, Stepfleet__JobRunRefusal *);
    for (size_t i = 0; i < q->n_runs; i++) {
        struct ledger_run_view v;
        struct err err;
        enum err_code rc = stop_one(c, q->job, q->runs[i], &v, &err);

        if (rc == OK) {
            r.done[r.n_done++] = run_message(&v, a);
        } else {
            r.failed[r.n_failed++] = refusal_message(q, q->runs[i], rc, &err, a);
        }
    }
    c->reply(c, &r.base);
}

/* ---- describe, wait ---- */

void operation_JOB_RUN_DESCRIBE(struct call *c)
{
    const Stepfleet__JobRunRequest *q = (const void *)c->request;
    uint64_t number;
    uint32_t max;
    struct err err;
    enum err_code rc = find_run(c->api, q->job, q->run, &number, &err);

    if (rc == OK && q->phase >= JOB_OVER) {
        rc = err_set(&err, ERR_VALIDATION, "a run has no phase %u with pieces", q->phase);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
    } else if (page_size(c, q->max_pieces, &max)) {
        describe_run(c, number, q);
    }
}

void operation_JOB_RUN_WAIT(struct call *c)
{
    const Stepfleet__JobRunRequest *q = (const void *)c->request;
    int64_t for_ms =
        q->timeout_ms != 0 && q->timeout_ms < LIMIT_POLL_MS ? q->timeout_ms : LIMIT_POLL_MS;
    struct ledger_run_view v;
    uint64_t number;
    struct err err;
    enum err_code rc = find_run(c->api, q->job, q->run, &number, &err);

    if (rc == OK) {
        rc = ledger_run_view(c->api->ledger, number, &v, &err);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
    } else if (job_state_is_end(v.row->header.state)) {
        describe_run(c, number, NULL);
    } else if (!call_can_wait(c)) {
        call_fail(c, ERR_BUSY, "too many synchronous runs and waits at once");
    } else {
        wait_for(c, number, UINT64_MAX, for_ms);
    }
}

/* ---- list ---- */

static enum err_code list_row(struct reading *r, uint64_t number, Stepfleet__JobRun *out)
{
    struct key key = key_job_run(r->source.account, number);
    struct job_run_row row;
    struct buf b = {0};
    enum err_code rc = store_get(r->source.store, CF_JOB, key_slice(&key), &b, &r->err);

    if (rc == OK) {
        rc = job_run_row_decode(arena_copy(&r->arena, buf_slice(&b)), &r->arena, &row, &r->err);
    }
    if (rc == OK) {
        describe_run_row(&row, !r->call->aws, &r->arena, out);
    }
    buf_fini(&b);
    return rc;
}

/* The token is the number of the last run there was. */
static void list_work(struct reading *r)
{
    Stepfleet__JobRunListReply *reply = ARENA_NEW(&r->arena, Stepfleet__JobRunListReply);
    struct slice job = slice_str(r->asked);
    struct key prefix = key_job_lines(r->source.account, job);
    struct key to = key_after(&prefix);
    struct key from = prefix;
    struct store_iterator *i;
    struct slice key;
    struct slice value;
    uint64_t number = 0;

    if (r->token.len != 0) {
        (void)text_parse_u64(r->token, &number);
        from = key_job_line(r->source.account, job, number - 1);
    }
    stepfleet__job_run_list_reply__init(reply);
    reply->runs = ARENA_ARRAY(&r->arena, r->max, Stepfleet__JobRun *);
    i = store_iterate(r->source.store, CF_JOB, key_slice(&from), key_slice(&to), false);
    while (r->rc == OK && store_next(i, &key, &value)) {
        if (reply->n_runs == r->max) {
            reply->next_token =
                arena_str(&r->arena, arena_printf(&r->arena, "%llu", (unsigned long long)number));
            break;
        }
        if (!key_job_line_parse(key, &number)) {
            continue;
        }
        reply->runs[reply->n_runs] = ARENA_NEW(&r->arena, Stepfleet__JobRun);
        r->rc = list_row(r, number, reply->runs[reply->n_runs]);
        reply->n_runs += r->rc == OK;
        r->rc = r->rc == ERR_NOT_FOUND ? OK : r->rc; /* it has gone since its line was read */
    }
    if (r->rc != OK) {
        (void)store_iterator_end(i, NULL);
        return;
    }
    r->rc = store_iterator_end(i, &r->err);
    r->reply = &reply->base;
}

void operation_JOB_RUN_LIST(struct call *c)
{
    const Stepfleet__JobRunListRequest *q = (const void *)c->request;
    struct ledger_job *job;
    struct reading *r;
    uint64_t number = 0;
    uint32_t max;
    struct err err;
    enum err_code rc = find_job(c->api, q->job, &job, &err);

    if (rc == OK && q->next_token[0] != '\0' &&
        (!text_parse_u64(slice_str(q->next_token), &number) || (number & RUN_BIT) == 0)) {
        rc = err_set(&err, ERR_INVALID_TOKEN, "Invalid Token");
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    if (c->aws && q->max_results > LIMIT_GLUE_PAGE) {
        call_fail(c, ERR_VALIDATION, "MaxResults is at most %d", LIMIT_GLUE_PAGE);
        return;
    }
    if (!page_size(c, q->max_results, &max)) {
        return;
    }
    r = reading_new(c, list_work);
    r->max = max;
    r->asked = arena_str(&r->arena, job->name);
    r->token = arena_copy(&r->arena, slice_str(q->next_token));
    reading_begin(r);
}
