/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that make jobs and start, stop and watch runs of them. */
#include <stdio.h>

#include "proto/job/arguments.h"
#include "tests/sim/errand.h"
#include "tests/sim/job.h"

enum { RUN_WAIT_MS = 15000, RUN_STOP_US = 30 * SIM_SECOND, RUN_ONE_IN = 3 };

/* ---- jobs ---- */

static void put_job(struct sim *s,
                    const struct model_job *j,
                    void (*done)(struct errand *x, enum err_code rc, const void *reply))
{
    Stepfleet__JobPutRequest *m = client_keep(s, sizeof(*m));

    stepfleet__job_put_request__init(m);
    m->name = client_text(s, slice_str(j->name));
    m->definition = message_bytes(model_job_definition(j, &s->clients->arena));
    errand_send(s, errand_new(s, &s->client_nodes[0], RPC_JOB_PUT, &m->base, done));
}

static void job_made(struct errand *x, enum err_code rc, const void *reply)
{
    (void)reply;
    if (rc != OK) {
        errand_refused(x);
    }
    x->sim->jobs->made++;
    x->sim->jobs->ready(x->sim);
}

static void job_is_there(struct errand *x, enum err_code rc, const void *reply)
{
    (void)reply;
    if (rc != OK) {
        errand_refused(x);
    }
}

static void job_goes(struct sim *s, void *arg);

static void job_is_again(struct errand *x, enum err_code rc, const void *reply)
{
    (void)reply;
    if (rc != OK) {
        errand_refused(x);
    }
    if (x->sim->faulty) {
        sim_after(x->sim, x->node, (int64_t)sim_below(x->sim, CHANCE_JOB, 60 * SIM_SECOND),
                  job_goes, NULL, NULL);
    }
}

static void job_comes_again(struct sim *s, void *arg)
{
    (void)arg;
    put_job(s, &model_jobs[MODEL_JOB_DELETED], job_is_again);
}

bool client_make_job(struct sim *s, void (*ready)(struct sim *s))
{
    if (s->jobs == NULL || s->jobs->made == MODEL_JOBS) {
        return false;
    }
    s->jobs->ready = ready;
    put_job(s, &model_jobs[s->jobs->made], job_made);
    return true;
}

/* A job may be deleted while runs of it are under way, and be there again a while later. */
static void job_deleted(struct errand *x, enum err_code rc, const void *reply)
{
    struct sim *s = x->sim;

    (void)reply;
    if (rc != OK) {
        errand_refused(x);
    }
    s->jobs->deleted_us = s->now_us;
    sim_after(s, x->node, (int64_t)sim_below(s, CHANCE_JOB, 10 * SIM_SECOND), job_comes_again, x,
              NULL);
}

static void job_goes(struct sim *s, void *arg)
{
    Stepfleet__JobRequest *m = client_keep(s, sizeof(*m));

    (void)arg;
    stepfleet__job_request__init(m);
    m->job = client_text(s, slice_str(model_jobs[MODEL_JOB_DELETED].name));
    errand_send(s, errand_new(s, client_any(s), RPC_JOB_DELETE, &m->base, job_deleted));
}

/* ---- watching ---- */

static struct errand *
ask_of_run(struct sim *s,
           struct sim_node *node,
           struct sim_run *r,
           enum rpc method,
           void (*done)(struct errand *x, enum err_code rc, const void *reply))
{
    Stepfleet__JobRunRequest *m = client_keep(s, sizeof(*m));
    struct errand *x = errand_new(s, node, method, &m->base, done);

    stepfleet__job_run_request__init(m);
    m->run = r->id;
    m->job = client_text(s, slice_str(r->job->name));
    m->timeout_ms = RUN_WAIT_MS;
    x->timeout_us = (int64_t)2 * RUN_WAIT_MS * SIM_MS;
    x->run = r;
    return x;
}

static bool is_open(const char *state)
{
    return strcmp(state, "WAITING") == 0 || strcmp(state, "STARTING") == 0 ||
           strcmp(state, "RUNNING") == 0 || strcmp(state, "STOPPING") == 0;
}

static void run_watched(struct errand *x, enum err_code rc, const void *reply)
{
    const Stepfleet__JobRun *d = reply;
    struct sim_run *r = x->run;
    struct sim *s = x->sim;

    if (rc == ERR_JOB_NOT_FOUND && r->job == &model_jobs[MODEL_JOB_DELETED]) {
        r->over = true; /* it is, and went with its job */
        s->jobs->over++;
        return;
    }
    if (rc != OK) {
        errand_refused(x);
    }
    sim_trace(s, x->node, "%s of %s is %s, %s", r->id, r->job->name, d->state, d->phase);
    if (!is_open(d->state)) {
        r->over = true;
        s->jobs->over++;
        return;
    }
    if (jobs_run_stopped(s, r) && x->number != 0) {
        sim_violation(s, "%s is %s, though it was acknowledged as STOPPED", r->id, d->state);
    }
    x->number = jobs_run_stopped(s, r); /* asked again after that */
    errand_send(s, x);
}

/* ---- stopping ---- */

static void run_stopped(struct errand *x, enum err_code rc, const void *reply)
{
    const Stepfleet__JobRunReply *d = reply;
    struct sim_run *r = x->run;

    if (rc == ERR_JOB_NOT_FOUND && r->job == &model_jobs[MODEL_JOB_DELETED]) {
        return;
    }
    if (rc != OK) {
        errand_refused(x);
    }
    if (strcmp(d->state, "RUNNING") == 0 || strcmp(d->state, "STARTING") == 0) {
        sim_violation(x->sim, "%s is %s when its stop is acknowledged", r->id, d->state);
    }
    r->stopped_us = strcmp(d->state, "STOPPED") == 0 ? x->sim->now_us : 0;
}

static void run_stop(struct sim *s, void *arg)
{
    struct sim_run *r = arg;

    if (!r->over) {
        r->stop_asked = true;
        errand_send(s, ask_of_run(s, client_any(s), r, RPC_JOB_RUN_STOP, run_stopped));
    }
}

/* Of an execution's run it is the execution that is stopped, to be redriven at once. */
bool client_jobs_lose_patience(struct sim *s, struct slice mark)
{
    struct sim_run *r = jobs_run(s, slice_head(mark, slice_find(mark, '/')));
    struct slice name = slice_from(r->output, strlen("executions/"));

    if (!s->faulty || !sim_one_in(s, CHANCE_JOB, 3)) {
        return false;
    }
    if (!r->asked) {
        clients_lose_patience(s, slice_head(name, slice_find(name, '/')), 8 * SIM_MS);
    } else if (r->started && !r->stop_asked) {
        sim_after(s, NULL, (int64_t)sim_below(s, CHANCE_JOB, 8 * SIM_MS), run_stop, r, NULL);
    }
    return true;
}

/* ---- starting ---- */

static void run_started(struct errand *x, enum err_code rc, const void *reply)
{
    const Stepfleet__JobRunReply *d = reply;
    struct sim_run *r = x->run;
    struct sim *s = x->sim;

    if (rc == ERR_JOB_NOT_FOUND && r->job == &model_jobs[MODEL_JOB_DELETED]) {
        put_job(s, r->job, job_is_there); /* a deletion may have come late, and twice */
        sim_after(s, x->node, SIM_SECOND, errand_send, x, NULL);
        return;
    }
    if (rc == ERR_JOB_RUNS) {
        sim_after(s, x->node, SIM_SECOND, errand_send, x, NULL); /* when one of them has ended */
        return;
    }
    if (rc != OK) {
        errand_refused(x);
    }
    if (strcmp(d->run, r->id) != 0) {
        sim_violation(s, "%s is started as %s", r->id, d->run);
    }
    if (r->started) {
        return; /* asked for twice */
    }
    r->started = true;
    if (sim_one_in(s, CHANCE_JOB, RUN_ONE_IN)) {
        sim_after(s, x->node, (int64_t)sim_below(s, CHANCE_JOB, RUN_STOP_US), run_stop, r, NULL);
    }
    errand_send(s, ask_of_run(s, x->node, r, RPC_JOB_RUN_WAIT, run_watched));
}

static struct sim_run *run_draw(struct sim *s)
{
    struct arena *a = &s->clients->arena;
    uint64_t chance[4];
    char id[JOB_RUN_ID_BYTES];
    struct sim_run *r;

    for (unsigned i = 0; i < 4; i++) {
        chance[i] = hash_u64(sim_below(s, CHANCE_JOB, UINT64_MAX));
    }
    job_run_id_format((const uint8_t *)chance, id);
    r = jobs_run(s, slice_make(id, sizeof(id)));
    r->job = &model_jobs[sim_below(s, CHANCE_JOB, MODEL_JOBS_BRIEF)];
    r->input = model_input_name(sim_below(s, CHANCE_JOB, UINT64_MAX), a);
    r->output =
        arena_printf(a, "%s/r%u/job/output.json",
                     sim_one_in(s, CHANCE_JOB, 2) ? "executions" : "results", s->jobs->asked);
    r->workers = (unsigned)sim_below(s, CHANCE_JOB, 8);
    r->workers = r->workers <= 3 ? r->workers : 0;
    r->asked = true;
    return r;
}

static void run_start(struct sim *s, struct sim_node *node, struct sim_run *r)
{
    Stepfleet__JobRunStartRequest *m = client_keep(s, sizeof(*m));
    struct errand *x = errand_new(s, node, RPC_JOB_RUN_START, &m->base, run_started);
    struct arena *a = &s->clients->arena;

    stepfleet__job_run_start_request__init(m);
    m->job = client_text(s, slice_str(r->job->name));
    m->run = r->id;
    m->worker_type = client_text(s, SLICE(""));
    m->arguments =
        message_bytes(arena_printf(a,
                                   "{\"--input-bucket\":\"" SIM_JOB_BUCKET
                                   "\",\"--input-key\":\"%.*s\",\"--output-key\":\"%.*s\"}",
                                   SLICE_FMT(r->input), SLICE_FMT(r->output)));
    if (r->workers != 0) {
        m->has_workers = true;
        m->workers = r->workers;
    }
    x->run = r;
    errand_send(s, x);
}

static void run_next(struct sim *s, void *arg)
{
    struct sim_node *node = arg;
    struct sim_run *r;

    if (s->jobs->asked == s->options.runs) {
        return;
    }
    r = run_draw(s);
    s->jobs->asked++;
    run_start(s, node, r);
    if (sim_one_in(s, CHANCE_JOB, 4)) {
        run_start(s, client_any(s), r); /* the same run */
    }
    sim_after(s, node,
              (int64_t)sim_below(s, CHANCE_JOB,
                                 (uint64_t)s->options.faults_us * 2 / (s->options.runs + 1)),
              run_next, node, NULL);
}

void client_jobs_begin(struct sim *s)
{
    if (s->jobs == NULL) {
        return;
    }
    run_next(s, &s->client_nodes[0]);
    if (sim_one_in(s, CHANCE_JOB, 3)) {
        job_goes(s, NULL);
    }
}

bool client_jobs_are_done(const struct sim *s)
{
    return s->jobs == NULL ||
           (s->jobs->asked == s->options.runs && s->jobs->over == s->options.runs);
}
