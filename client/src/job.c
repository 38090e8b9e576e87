/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs and their runs: plain structs to messages and back. A start without an id gets one here, so
 * that sending it again starts nothing twice. */
#include "client/src/client.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"

/* ---- calls ---- */

/* A reply of `bytes` whose arena has the message; NULL: *code says why not. */
static void *reply_to(struct stepfleet *c,
                      const struct call *call,
                      size_t bytes,
                      void **message,
                      enum stepfleet_code *code,
                      struct stepfleet_error *error)
{
    void *reply;

    *code = client_fetch_call(c, call, bytes, &reply, message, error);
    return reply;
}

static struct call call_of(enum rpc method, const ProtobufCMessage *request)
{
    return (struct call){.method = method, .request = request, .repeat = REPEAT_SAFE};
}

/* ---- jobs ---- */

static void job_fill(struct stepfleet_job *out, const Stepfleet__Job *m)
{
    *out = (struct stepfleet_job){
        .name = m->name,
        .definition = bytes_of(m->definition),
        .created_ms = m->created_ms,
        .updated_ms = m->updated_ms,
        .open_runs = m->open_runs,
    };
}

/* Put and describe answer alike. */
static enum stepfleet_code job_call(struct stepfleet *c,
                                    enum rpc method,
                                    const ProtobufCMessage *request,
                                    struct stepfleet_job **out,
                                    struct stepfleet_error *error)
{
    struct call call = call_of(method, request);
    enum stepfleet_code code;
    void *m;
    struct stepfleet_job *reply = reply_to(c, &call, sizeof(*reply), &m, &code, error);

    if (reply != NULL) {
        job_fill(reply, m);
        *out = reply;
    }
    return code;
}

enum stepfleet_code stepfleet_job_put(struct stepfleet *c,
                                      const char *name,
                                      struct stepfleet_bytes definition,
                                      bool update,
                                      struct stepfleet_job **out,
                                      struct stepfleet_error *error)
{
    Stepfleet__JobPutRequest q = STEPFLEET__JOB_PUT_REQUEST__INIT;

    q.name = text_to(name);
    q.definition = bytes_to(definition);
    q.update = update;
    return job_call(c, RPC_JOB_PUT, &q.base, out, error);
}

enum stepfleet_code stepfleet_job_describe(struct stepfleet *c,
                                           const char *job,
                                           struct stepfleet_job **out,
                                           struct stepfleet_error *error)
{
    Stepfleet__JobRequest q = STEPFLEET__JOB_REQUEST__INIT;

    q.job = text_to(job);
    return job_call(c, RPC_JOB_DESCRIBE, &q.base, out, error);
}

static void jobs_fill(struct stepfleet_job_page *out, const Stepfleet__JobListReply *m)
{
    struct stepfleet_job *jobs = ARENA_ARRAY(reply_arena(out), m->n_jobs, struct stepfleet_job);

    for (size_t i = 0; i < m->n_jobs; i++) {
        job_fill(&jobs[i], m->jobs[i]);
    }
    out->jobs = jobs;
    out->count = m->n_jobs;
    out->next_token = m->next_token;
}

enum stepfleet_code stepfleet_job_list(struct stepfleet *c,
                                       uint32_t max_results,
                                       const char *next_token,
                                       struct stepfleet_job_page **out,
                                       struct stepfleet_error *error)
{
    Stepfleet__PageRequest q = STEPFLEET__PAGE_REQUEST__INIT;
    struct call call = call_of(RPC_JOB_LIST, &q.base);
    struct stepfleet_job_page *reply;
    enum stepfleet_code code;
    void *m;

    q.max_results = max_results;
    q.next_token = text_to(next_token);
    reply = reply_to(c, &call, sizeof(*reply), &m, &code, error);
    if (reply != NULL) {
        jobs_fill(reply, m);
        *out = reply;
    }
    return code;
}

enum stepfleet_code
stepfleet_job_delete(struct stepfleet *c, const char *job, struct stepfleet_error *error)
{
    Stepfleet__JobRequest q = STEPFLEET__JOB_REQUEST__INIT;
    struct call call = call_of(RPC_JOB_DELETE, &q.base);
    struct arena a = {0};
    struct err err;
    enum err_code rc;
    void *m;

    q.job = text_to(job);
    rc = client_call(c, &call, &a, &m, &err);
    arena_fini(&a);
    return error_give(error, rc, &err);
}

/* ---- start, stop ---- */

enum { RUN_CHANCE_BYTES = 32, RUN_ID_BYTES = 3 + 2 * RUN_CHANCE_BYTES };

static char *fresh_run(char out[RUN_ID_BYTES + 1])
{
    uint8_t chance[RUN_CHANCE_BYTES];

    clock_random(chance, sizeof(chance));
    memcpy(out, "jr_", 3);
    text_format_hex(chance, sizeof(chance), out + 3);
    out[RUN_ID_BYTES] = '\0';
    return out;
}

static enum stepfleet_code run_call(struct stepfleet *c,
                                    enum rpc method,
                                    const ProtobufCMessage *request,
                                    struct stepfleet_job_started **out,
                                    struct stepfleet_error *error)
{
    struct call call = call_of(method, request);
    enum stepfleet_code code;
    void *m;
    struct stepfleet_job_started *reply = reply_to(c, &call, sizeof(*reply), &m, &code, error);

    if (reply != NULL) {
        const Stepfleet__JobRunReply *r = m;

        *reply = (struct stepfleet_job_started){r->job, r->run, r->state};
        *out = reply;
    }
    return code;
}

enum stepfleet_code stepfleet_job_run_start(struct stepfleet *c,
                                            const struct stepfleet_job_start *start,
                                            struct stepfleet_job_started **out,
                                            struct stepfleet_error *error)
{
    Stepfleet__JobRunStartRequest q = STEPFLEET__JOB_RUN_START_REQUEST__INIT;
    bool named = start->run != NULL && start->run[0] != '\0';
    char id[RUN_ID_BYTES + 1];

    q.job = text_to(start->job);
    q.run = named ? text_to(start->run) : fresh_run(id);
    q.arguments = bytes_to(start->arguments);
    q.timeout_minutes = start->timeout_minutes;
    q.has_timeout_minutes = start->timeout_minutes != 0;
    q.workers = start->workers;
    q.has_workers = start->workers != 0;
    q.worker_type = text_to(start->worker_type);
    return run_call(c, RPC_JOB_RUN_START, &q.base, out, error);
}

enum stepfleet_code stepfleet_job_run_stop(struct stepfleet *c,
                                           const char *run,
                                           struct stepfleet_job_started **out,
                                           struct stepfleet_error *error)
{
    Stepfleet__JobRunRequest q = STEPFLEET__JOB_RUN_REQUEST__INIT;

    q.run = text_to(run);
    return run_call(c, RPC_JOB_RUN_STOP, &q.base, out, error);
}

/* ---- runs as they are ---- */

static void phase_fill(struct stepfleet_job_phase *out, const Stepfleet__JobPhase *m)
{
    *out = (struct stepfleet_job_phase){
        .phase = m->phase,
        .bytes_in = m->bytes_in,
        .bytes_out = m->bytes_out,
        .records_in = m->records_in,
        .records_out = m->records_out,
        .rejected = m->rejected,
    };
}

static const struct stepfleet_job_attempt *
attempts_of(Stepfleet__JobAttempt *const *from, size_t count, struct arena *a)
{
    struct stepfleet_job_attempt *all = ARENA_ARRAY(a, count, struct stepfleet_job_attempt);

    for (size_t i = 0; i < count; i++) {
        all[i] = (struct stepfleet_job_attempt){
            .piece = from[i]->piece,
            .worker = from[i]->worker,
            .started_ms = from[i]->started_ms,
            .speculative = from[i]->speculative,
            .committing = from[i]->committing,
            .bytes_in = from[i]->bytes_in,
            .bytes_out = from[i]->bytes_out,
            .note = bytes_of(from[i]->note),
        };
    }
    return all;
}

static void pieces_fill(struct stepfleet_job_run *out, const Stepfleet__JobRun *m, struct arena *a)
{
    struct stepfleet_job_piece *all = ARENA_ARRAY(a, m->n_piece_states, struct stepfleet_job_piece);

    for (size_t i = 0; i < m->n_piece_states; i++) {
        const Stepfleet__JobPieceState *p = m->piece_states[i];

        all[i] = (struct stepfleet_job_piece){
            .piece = p->piece,
            .status = p->status,
            .failures = p->failures,
            .losses = p->losses,
            .worker = p->worker,
            .took_ms = p->took_ms,
            .due_ms = p->due_ms,
            .attempts = attempts_of(p->attempts, p->n_attempts, a),
            .attempt_count = p->n_attempts,
            .result = {.phase = ""},
            .bytes_extra = p->bytes_extra,
        };
        if (p->result != NULL) {
            phase_fill(&all[i].result, p->result);
        }
    }
    out->piece_states = all;
    out->piece_count = m->n_piece_states;
    out->next_piece = m->next_piece;
}

static void sums_fill(struct stepfleet_job_run *out, const Stepfleet__JobRun *m, struct arena *a)
{
    struct stepfleet_job_phase *phases = ARENA_ARRAY(a, m->n_phases, struct stepfleet_job_phase);
    struct stepfleet_job_counter *counters =
        ARENA_ARRAY(a, m->n_counters, struct stepfleet_job_counter);

    for (size_t i = 0; i < m->n_phases; i++) {
        phase_fill(&phases[i], m->phases[i]);
    }
    for (size_t i = 0; i < m->n_counters; i++) {
        counters[i] = (struct stepfleet_job_counter){m->counters[i]->name, m->counters[i]->value};
    }
    out->phases = phases;
    out->phase_count = m->n_phases;
    out->counters = counters;
    out->counter_count = m->n_counters;
}

static void run_fill(struct stepfleet_job_run *out, const Stepfleet__JobRun *m, struct arena *a)
{
    *out = (struct stepfleet_job_run){
        .run = m->run,
        .job = m->job,
        .state = m->state,
        .phase = m->phase,
        .created_ms = m->created_ms,
        .began_ms = m->began_ms,
        .ended_ms = m->ended_ms,
        .error = m->error,
        .cause = bytes_of(m->cause),
        .arguments = bytes_of(m->arguments),
        .definition = bytes_of(m->definition),
        .timeout_minutes = m->timeout_minutes,
        .workers = m->workers,
        .worker_type = m->worker_type,
        .shards = m->shards,
        .partitions = m->partitions,
        .failures = m->failures,
        .losses = m->losses,
        .speculated = m->speculated,
        .bytes_extra = m->bytes_extra,
        .pieces = m->pieces,
        .waiting = m->waiting,
        .live = m->live,
        .done = m->done,
        .attempts_live = m->attempts_live,
        .bytes_all = m->bytes_all,
        .bytes_done = m->bytes_done,
        .attempts = attempts_of(m->attempts, m->n_attempts, a),
        .attempt_count = m->n_attempts,
        .missing = m->missing,
    };
    sums_fill(out, m, a);
    pieces_fill(out, m, a);
}

/* Describe and wait answer alike. */
static enum stepfleet_code run_detail(struct stepfleet *c,
                                      const struct call *call,
                                      struct stepfleet_job_run **out,
                                      struct stepfleet_error *error)
{
    enum stepfleet_code code;
    void *m;
    struct stepfleet_job_run *reply = reply_to(c, call, sizeof(*reply), &m, &code, error);

    if (reply != NULL) {
        run_fill(reply, m, reply_arena(reply));
        *out = reply;
    }
    return code;
}

enum stepfleet_code stepfleet_job_run_describe(struct stepfleet *c,
                                               const struct stepfleet_job_run_query *query,
                                               struct stepfleet_job_run **out,
                                               struct stepfleet_error *error)
{
    Stepfleet__JobRunRequest q = STEPFLEET__JOB_RUN_REQUEST__INIT;
    struct call call = call_of(RPC_JOB_RUN_DESCRIBE, &q.base);

    q.run = text_to(query->run);
    q.job = text_to(query->job);
    q.phase = query->phase;
    q.from_piece = query->from_piece;
    q.max_pieces = query->max_pieces;
    return run_detail(c, &call, out, error);
}

enum stepfleet_code stepfleet_job_run_wait(struct stepfleet *c,
                                           const char *run,
                                           uint32_t wait_ms,
                                           struct stepfleet_job_run **out,
                                           struct stepfleet_error *error)
{
    Stepfleet__JobRunRequest q = STEPFLEET__JOB_RUN_REQUEST__INIT;
    struct call call = call_of(RPC_JOB_RUN_WAIT, &q.base);

    call.wait_ms = wait_ms != 0 && wait_ms < LIMIT_POLL_MS ? wait_ms : LIMIT_POLL_MS;
    q.run = text_to(run);
    q.timeout_ms = call.wait_ms;
    return run_detail(c, &call, out, error);
}

static void runs_fill(struct stepfleet_job_run_page *out, const Stepfleet__JobRunListReply *m)
{
    struct arena *a = reply_arena(out);
    struct stepfleet_job_run *runs = ARENA_ARRAY(a, m->n_runs, struct stepfleet_job_run);

    for (size_t i = 0; i < m->n_runs; i++) {
        run_fill(&runs[i], m->runs[i], a);
    }
    out->runs = runs;
    out->count = m->n_runs;
    out->next_token = m->next_token;
}

enum stepfleet_code stepfleet_job_run_list(struct stepfleet *c,
                                           const char *job,
                                           uint32_t max_results,
                                           const char *next_token,
                                           struct stepfleet_job_run_page **out,
                                           struct stepfleet_error *error)
{
    Stepfleet__JobRunListRequest q = STEPFLEET__JOB_RUN_LIST_REQUEST__INIT;
    struct call call = call_of(RPC_JOB_RUN_LIST, &q.base);
    struct stepfleet_job_run_page *reply;
    enum stepfleet_code code;
    void *m;

    q.job = text_to(job);
    q.max_results = max_results;
    q.next_token = text_to(next_token);
    reply = reply_to(c, &call, sizeof(*reply), &m, &code, error);
    if (reply != NULL) {
        runs_fill(reply, m);
        *out = reply;
    }
    return code;
}
