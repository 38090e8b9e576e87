/* SPDX-License-Identifier: Apache-2.0 */
/* Clients: make machines, start, watch, stop and redrive executions. What was not answered is asked
 * again under the same keys, as libstepfleet does; what an answer contradicts is a violation at
 * once. */
#include "tests/sim/errand.h"
#include "tests/sim/job.h"
#include "tests/sim/operator.h"
#include "tests/sim/trigger.h"

#include <stdio.h>

#include "proto/base/text.h"

enum {
    CLIENT_TIMEOUT_US = 5 * SIM_SECOND,
    CLIENT_BACKOFF_US = 2 * SIM_SECOND,
    CLIENT_WAIT_MS = 15000,
};

void *client_keep(struct sim *s, size_t bytes)
{
    return arena_alloc(&s->clients->arena, bytes);
}

uint64_t client_below(struct sim *s, uint64_t n)
{
    return sim_below(s, CHANCE_CLIENT, n);
}

struct sim_node *client_any(struct sim *s)
{
    return &s->client_nodes[client_below(s, s->options.clients)];
}

/* ---- errands ---- */

static void errand_answered(struct sim *s,
                            void *arg,
                            enum err_code rc,
                            const struct err *err,
                            const void *reply);

void errand_send(struct sim *s, void *arg)
{
    struct errand *e = arg;

    e->tries++;
    e->after_stop = e->execution != NULL && e->execution->stop_told;
    (void)sim_ask(s, e->node, e->method, e->message, e->timeout_us, errand_answered, e);
}

static void errand_answered(struct sim *s,
                            void *arg,
                            enum err_code rc,
                            const struct err *err,
                            const void *reply)
{
    struct errand *e = arg;

    sim_trace(s, e->node, "%s is answered %s", rpc_name(e->method), err_name(rc));
    if (rc != OK && err_retryable(rc)) {
        sim_after(s, e->node, (int64_t)client_below(s, CLIENT_BACKOFF_US), errand_send, e, NULL);
        return;
    }
    if (rc != OK) {
        e->err = *err;
    }
    e->done(e, rc, reply);
}

struct errand *errand_new(struct sim *s,
                          struct sim_node *node,
                          enum rpc method,
                          const ProtobufCMessage *message,
                          void (*done)(struct errand *e, enum err_code rc, const void *reply))
{
    struct errand *e = client_keep(s, sizeof(*e));

    *e = (struct errand){.sim = s, .node = node, .method = method, .message = message};
    e->done = done;
    e->timeout_us = CLIENT_TIMEOUT_US;
    return e;
}

_Noreturn void errand_refused(const struct errand *e)
{
    sim_violation(e->sim, "%s of %s is refused: %s (%s)", rpc_name(e->method),
                  e->execution != NULL ? e->execution->name : "?", e->err.msg,
                  err_name(e->err.code));
}

char *client_text(struct sim *s, struct slice text)
{
    return message_string(&s->clients->arena, text);
}

/* Is that the answer of a machine that is deleted, as it was asked to be? Its executions are found
 * through it, and so no more. */
static bool is_deleted(const struct sim *s, unsigned machine, enum err_code rc)
{
    return s->clients->machines[machine].delete_asked &&
           (rc == ERR_MACHINE_DELETING || rc == ERR_MACHINE_DOES_NOT_EXIST ||
            rc == ERR_EXECUTION_DOES_NOT_EXIST);
}

/* ---- executions ---- */

static bool is_crowd(const struct sim *s, unsigned machine)
{
    return s->clients->crowd && machine == s->options.machines;
}

/* The last one of a world that has jobs runs them. */
static bool is_of_jobs(const struct sim *s, unsigned machine)
{
    return s->jobs != NULL && machine + 1 == s->clients->machine_count;
}

static void execution_over(struct sim *s, struct sim_execution *e)
{
    if (!e->over) {
        e->over = true;
        s->clients->over++;
    }
}

static void watch(struct sim *s, struct sim_node *node, struct sim_execution *e);

static void redriven(struct errand *x, enum err_code rc, const void *reply)
{
    struct sim_execution *e = x->execution;

    (void)reply;
    if (rc != OK && rc != ERR_NOT_REDRIVABLE && !is_deleted(x->sim, e->machine, rc)) {
        errand_refused(x);
    }
    e->redrives_told += rc == OK;
    watch(x->sim, x->node, e);
}

static void redrive(struct sim *s, struct sim_node *node, struct sim_execution *e)
{
    Stepfleet__RedriveRequest *m = client_keep(s, sizeof(*m));
    struct errand *x = errand_new(s, node, RPC_EXECUTION_REDRIVE, &m->base, redriven);

    stepfleet__redrive_request__init(m);
    m->execution = client_text(s, e->arn);
    m->client_token =
        client_text(s, arena_printf(&s->clients->arena, "%s-%u", e->name, e->redrives_asked));
    e->redrives_asked++;
    x->execution = e;
    errand_send(s, x);
}

static void watched(struct errand *x, enum err_code rc, const void *reply)
{
    const Stepfleet__ExecutionDetail *d = reply;
    struct sim_execution *e = x->execution;
    struct sim *s = x->sim;

    if (is_deleted(s, e->machine, rc)) {
        execution_over(s, e);
        return;
    }
    if (rc != OK) {
        errand_refused(x);
    }
    sim_trace(s, x->node, "%s is %s: %s %s %s", e->name, d->status,
              d->n_frames != 0 ? d->frames[0]->state : "-",
              d->n_frames != 0 ? d->frames[0]->status : "-",
              d->n_frames != 0 ? d->frames[0]->waits_for : "-");
    if (x->after_stop && e->redrives_asked == 0 && strcmp(d->status, "RUNNING") == 0) {
        sim_violation(s, "%s runs, though its stop was acknowledged", e->name);
    }
    if (strcmp(d->status, "RUNNING") == 0) {
        errand_send(s, x);
    } else if (strcmp(d->status, "SUCCEEDED") != 0 && e->redrives_asked < 3 &&
               (client_below(s, 2) == 0 || (e->impatient && e->redrives_asked == 0))) {
        redrive(s, x->node, e);
    } else {
        execution_over(s, e);
    }
}

static void watch(struct sim *s, struct sim_node *node, struct sim_execution *e)
{
    Stepfleet__WaitRequest *m = client_keep(s, sizeof(*m));
    struct errand *x = errand_new(s, node, RPC_EXECUTION_WAIT, &m->base, watched);

    stepfleet__wait_request__init(m);
    m->execution = client_text(s, e->arn);
    m->seen = UINT64_MAX;
    m->timeout_ms = CLIENT_WAIT_MS;
    x->timeout_us = (int64_t)2 * CLIENT_WAIT_MS * SIM_MS;
    x->execution = e;
    errand_send(s, x);
}

static void stopped(struct errand *x, enum err_code rc, const void *reply)
{
    (void)reply;
    if (is_deleted(x->sim, x->execution->machine, rc)) {
        return;
    }
    if (rc != OK) {
        errand_refused(x);
    }
    x->execution->stop_told = true;
}

static void stop(struct sim *s, void *arg)
{
    struct sim_execution *e = arg;
    Stepfleet__StopRequest *m = client_keep(s, sizeof(*m));
    struct errand *x = errand_new(s, client_any(s), RPC_EXECUTION_STOP, &m->base, stopped);

    if (e->over || e->redrives_asked != 0) {
        return;
    }
    stepfleet__stop_request__init(m);
    m->execution = client_text(s, e->arn);
    e->stop_asked = true;
    x->execution = e;
    errand_send(s, x);
}

static void started(struct sim *s, struct sim_node *node, struct sim_execution *e)
{
    if (s->clients->machines[e->machine].revisions[0].express) {
        execution_over(s, e); /* asynchronous: nobody is told how it ends */
        return;
    }
    if (is_crowd(s, e->machine)) { /* when its children sleep */
        sim_after(s, node, (int64_t)(client_below(s, 20) + 3) * SIM_SECOND, stop, e, NULL);
    } else if (client_below(s, 8) == 0) {
        sim_after(s, node, (int64_t)client_below(s, 20 * SIM_SECOND), stop, e, NULL);
    }
    watch(s, node, e);
}

static void check_not_late(struct sim *s, const struct sim_execution *e)
{
    if (e->late) {
        sim_violation(s, "%s is started, though the deletion of m%u was acknowledged before",
                      e->name, e->machine);
    }
}

static void was_started(struct errand *x, enum err_code rc, const void *reply)
{
    const Stepfleet__StartReply *r = reply;
    struct sim_execution *e = x->execution;
    struct arena *a = &x->sim->clients->arena;

    if (is_deleted(x->sim, e->machine, rc)) {
        execution_over(x->sim, e); /* it was started before, or never */
        return;
    }
    if (rc != OK && rc != ERR_EXECUTION_EXISTS) {
        errand_refused(x);
    }
    check_not_late(x->sim, e);
    e->started = true;
    if (rc == OK) {
        e->start_ms = r->start_ms;
        e->arn = arena_copy(a, slice_str(r->execution_arn));
    } else {
        e->arn = arena_printf(a, "arn:aws:states:us-east-1:000000000042:execution:m%u:%s",
                              e->machine, e->name);
    }
    started(x->sim, x->node, e);
}

/* The same name and input is the same run, however often it is asked for. */
static void was_run(struct errand *x, enum err_code rc, const void *reply)
{
    const Stepfleet__ExecutionDetail *d = reply;
    struct sim_execution *e = x->execution;

    if (is_deleted(x->sim, e->machine, rc)) {
        execution_over(x->sim, e);
        return;
    }
    if (rc != OK) {
        errand_refused(x);
    }
    check_not_late(x->sim, e);
    e->started = true;
    e->start_ms = d->start_ms;
    e->arn = arena_copy(&x->sim->clients->arena, slice_str(d->execution_arn));
    started(x->sim, x->node, e);
}

static void ran_synchronously(struct sim *s,
                              void *arg,
                              enum err_code rc,
                              const struct err *err,
                              const void *reply)
{
    struct sim_execution *e = arg;

    if (rc != OK && !err_retryable(rc) && !is_deleted(s, e->machine, rc)) {
        sim_violation(s, "a synchronous run is refused: %s", err->msg);
    }
    if (rc == OK) {
        check_not_late(s, e);
        check_synchronous(s, e, reply);
    }
    execution_over(s, e);
}

static void start(struct sim *s, struct sim_node *node, struct sim_execution *e)
{
    const struct sim_machine *sm = &s->clients->machines[e->machine];
    Stepfleet__StartRequest *m = client_keep(s, sizeof(*m));
    struct errand *x;

    stepfleet__start_request__init(m);
    m->machine = client_text(s, slice_str(sm->revisions[0].name));
    m->name = e->name;
    m->input = message_bytes(e->input);
    m->has_input = true;
    e->least_revision = sm->made;
    e->late = sm->delete_told;
    if (e->synchronous) {
        (void)sim_ask(s, node, RPC_EXECUTION_START_SYNC, &m->base, 400 * (int64_t)SIM_SECOND,
                      ran_synchronously, e);
        return;
    }
    if (!sm->revisions[0].express && client_below(s, 4) == 0) {
        m->wait_ms = (uint32_t)client_below(s, CLIENT_WAIT_MS);
        x = errand_new(s, node, RPC_EXECUTION_RUN, &m->base, was_run);
        x->timeout_us = (int64_t)2 * CLIENT_WAIT_MS * SIM_MS;
    } else {
        x = errand_new(s, node, RPC_EXECUTION_START, &m->base, was_started);
    }
    x->execution = e;
    errand_send(s, x);
}

/* ---- machines ---- */

/* A machine's type stays what it was; the same definition again would be no revision. */
static struct model_machine generate(struct sim *s, unsigned n)
{
    struct sim_clients *c = s->clients;
    const struct sim_machine *m = &c->machines[n];
    unsigned below = n < CLIENT_FIXED ? n : CLIENT_FIXED;
    struct model_machine out;

    do {
        model_generate(sim_below(s, CHANCE_MACHINE, UINT64_MAX), below, c->fixed, &c->arena, &out);
    } while (m->asked != 0 && (out.express != m->revisions[0].express ||
                               slice_eq(out.definition, m->revisions[m->asked - 1].definition)));
    (void)snprintf(out.name, sizeof(out.name), "m%u", n);
    if (n < CLIENT_FIXED) {
        c->fixed[n] = out;
    }
    return out;
}

enum { CLIENT_REVISIONS = 8, CLIENT_CROWDS = 1, CLIENT_JOB_EXECUTIONS = 3 };

static void revision_made(struct errand *x, enum err_code rc, const void *reply)
{
    const Stepfleet__MachineReply *r = reply;
    struct sim_machine *m = &x->sim->clients->machines[x->number];

    if (is_deleted(x->sim, x->number, rc)) {
        return; /* and is updated no more */
    }
    if (rc != OK) {
        sim_violation(x->sim, "a definition is refused: %s: %.*s", x->err.msg,
                      SLICE_FMT(m->revisions[m->asked - 1].definition));
    }
    sim_trace(x->sim, x->node, "m%u has revision %u", x->number, r->revision);
    if (r->revision != m->asked) {
        sim_violation(x->sim, "m%u has revision %u; %u definitions were asked for", x->number,
                      r->revision, m->asked);
    }
    m->made = m->asked;
    m->updating = false;
}

static void update(struct sim *s, struct sim_node *node, unsigned n)
{
    struct sim_machine *sm = &s->clients->machines[n];
    Stepfleet__MachineUpdateRequest *m = client_keep(s, sizeof(*m));
    struct errand *x = errand_new(s, node, RPC_MACHINE_UPDATE, &m->base, revision_made);

    if (n < CLIENT_FIXED || sm->updating || sm->delete_asked || sm->asked == CLIENT_REVISIONS) {
        return;
    }
    sm->revisions[sm->asked] = generate(s, n);
    stepfleet__machine_update_request__init(m);
    m->machine = client_text(s, slice_str(sm->revisions[0].name));
    m->definition = message_bytes(sm->revisions[sm->asked].definition);
    m->role_arn = client_text(s, SLICE(""));
    sm->asked++;
    sm->updating = true;
    x->number = n;
    errand_send(s, x);
}

struct slice client_definition(const struct sim *s, unsigned machine, unsigned revision)
{
    const struct sim_machine *m = &s->clients->machines[machine];

    return revision != 0 && revision <= m->asked ? m->revisions[revision - 1].definition
                                                 : (struct slice){NULL, 0};
}

static void machine_deleted(struct errand *x, enum err_code rc, const void *reply)
{
    (void)reply;
    if (rc != OK) {
        errand_refused(x);
    }
    x->sim->clients->machines[x->number].delete_told = true;
}

/* Of those that no other starts. What runs of it is stopped. */
static void delete_one(struct sim *s, void *arg)
{
    unsigned n =
        CLIENT_FIXED + (unsigned)sim_below(s, CHANCE_DELETE, s->options.machines - CLIENT_FIXED);
    Stepfleet__MachineRequest *m = client_keep(s, sizeof(*m));
    struct errand *x = errand_new(s, client_any(s), RPC_MACHINE_DELETE, &m->base, machine_deleted);

    (void)arg;
    stepfleet__machine_request__init(m);
    m->machine = client_text(s, slice_str(s->clients->machines[n].revisions[0].name));
    s->clients->machines[n].delete_asked = true;
    x->number = n;
    errand_send(s, x);
}

/* ---- a client's life ---- */

static unsigned any_machine(struct sim *s)
{
    struct sim_clients *c = s->clients;

    if (c->crowd && c->crowds < CLIENT_CROWDS && client_below(s, 20) == 0) {
        c->crowds++;
        return s->options.machines;
    }
    if (s->jobs != NULL && c->of_jobs < CLIENT_JOB_EXECUTIONS && sim_one_in(s, CHANCE_JOB, 20)) {
        c->of_jobs++;
        return c->machine_count - 1;
    }
    return (unsigned)client_below(s, s->options.machines);
}

static void next(struct sim *s, void *arg)
{
    struct sim_node *node = arg;
    struct sim_clients *c = s->clients;
    int64_t every_us =
        s->options.faults_us * s->options.clients / (int64_t)(s->options.executions + 1);
    struct sim_execution *e;

    if (c->begun == s->options.executions) {
        return;
    }
    e = &c->executions[c->begun];
    (void)snprintf(e->name, sizeof(e->name), "e%u", c->begun++);
    e->machine = any_machine(s);
    e->input = model_input(client_below(s, UINT64_MAX), &c->arena);
    e->synchronous = c->machines[e->machine].revisions[0].express && client_below(s, 2) == 0;
    start(s, node, e);
    if (client_below(s, 10) == 0) {
        update(s, node, (unsigned)client_below(s, s->options.machines));
    }
    sim_after(s, node, c->finishing ? 1 : (int64_t)client_below(s, 2 * (uint64_t)every_us + 1),
              next, node, NULL);
}

static void set_up(struct sim *s);

static void activity_made(struct errand *x, enum err_code rc, const void *reply)
{
    (void)reply;
    if (rc != OK) {
        errand_refused(x);
    }
    x->sim->clients->activities++;
    set_up(x->sim);
}

static void machine_made(struct errand *x, enum err_code rc, const void *reply)
{
    revision_made(x, rc, reply);
    set_up(x->sim);
}

static void make_activity(struct sim *s, unsigned n)
{
    Stepfleet__ActivityCreateRequest *m = client_keep(s, sizeof(*m));

    stepfleet__activity_create_request__init(m);
    m->name = client_text(s, slice_str(model_activities[n]));
    errand_send(s,
                errand_new(s, &s->client_nodes[0], RPC_ACTIVITY_CREATE, &m->base, activity_made));
}

void send_machine(struct sim *s,
                  const char *name,
                  bool express,
                  struct slice definition,
                  void (*done)(struct errand *x, enum err_code rc, const void *reply),
                  unsigned number)
{
    Stepfleet__MachineCreateRequest *m = client_keep(s, sizeof(*m));
    struct errand *x = errand_new(s, &s->client_nodes[0], RPC_MACHINE_CREATE, &m->base, done);

    stepfleet__machine_create_request__init(m);
    m->name = client_text(s, slice_str(name));
    m->definition = message_bytes(definition);
    m->type = client_text(s, express ? SLICE("EXPRESS") : SLICE("STANDARD"));
    m->role_arn = client_text(s, SLICE(""));
    x->number = number;
    errand_send(s, x);
}

static void make_machine(struct sim *s, unsigned n)
{
    struct sim_machine *sm = &s->clients->machines[n];

    sm->revisions = client_keep(s, CLIENT_REVISIONS * sizeof(*sm->revisions));
    if (is_crowd(s, n)) {
        model_crowd(n, &s->clients->arena, &sm->revisions[0]);
    } else if (is_of_jobs(s, n)) {
        model_job_machine(sim_below(s, CHANCE_JOB, UINT32_MAX), n, &s->clients->arena,
                          &sm->revisions[0]);
    } else {
        sm->revisions[0] = generate(s, n);
    }
    sm->asked = 1;
    send_machine(s, sm->revisions[0].name, sm->revisions[0].express, sm->revisions[0].definition,
                 machine_made, n);
}

static void fixture_made(struct errand *x, enum err_code rc, const void *reply)
{
    (void)reply;
    if (rc != OK) {
        errand_refused(x);
    }
    x->sim->clients->fixtures++;
    set_up(x->sim);
}

/* One after the other; then clients begin. */
static void set_up(struct sim *s)
{
    struct sim_clients *c = s->clients;
    const struct model_fixture *f;
    unsigned made = 0;

    if (model_activities[c->activities] != NULL) {
        make_activity(s, c->activities);
        return;
    }
    f = &model_fixtures[c->fixtures];
    if (f->name != NULL) {
        send_machine(s, f->name, false, slice_str(f->definition), fixture_made, 0);
        return;
    }
    while (made < c->machine_count && c->machines[made].made != 0) {
        made++;
    }
    if (made < c->machine_count) {
        make_machine(s, made);
        return;
    }
    if (client_make_job(s, set_up) || client_make_trigger(s, set_up)) {
        return;
    }
    c->ready = true;
    pollers_begin(s);
    client_jobs_begin(s);
    client_triggers_begin(s);
    client_tests_begin(s);
    if (s->options.machines > CLIENT_FIXED && sim_one_in(s, CHANCE_DELETE, 6)) {
        sim_after(s, NULL, (int64_t)sim_below(s, CHANCE_DELETE, (uint64_t)s->options.faults_us),
                  delete_one, NULL, NULL);
    }
    for (unsigned i = 0; i < s->options.clients; i++) {
        next(s, &s->client_nodes[i]);
    }
}

void clients_open(struct sim *s)
{
    struct sim_clients *c = mem_zalloc(1, sizeof(*c));

    s->clients = c;
    c->crowd = sim_one_in(s, CHANCE_MACHINE, 6) && s->open_most == 0; /* it would wait for room */
    c->machine_count = s->options.machines + c->crowd + (s->jobs != NULL);
    c->machines = ARENA_ARRAY(&c->arena, c->machine_count, struct sim_machine);
    c->executions = ARENA_ARRAY(&c->arena, s->options.executions, struct sim_execution);
    memset(c->machines, 0, c->machine_count * sizeof(*c->machines));
    memset(c->executions, 0, s->options.executions * sizeof(*c->executions));
    for (unsigned i = 0; i < s->options.clients; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "c%u", i);
        sim_node_init(s, &s->client_nodes[i], name);
        sim_node_start(s, &s->client_nodes[i]);
    }
    set_up(s);
}

static struct sim_execution *execution_find(const struct sim *s, struct slice name)
{
    for (unsigned i = 0; i < s->clients->begun; i++) {
        if (slice_eq_str(name, s->clients->executions[i].name)) {
            return &s->clients->executions[i];
        }
    }
    return NULL;
}

void clients_lose_patience(struct sim *s, struct slice name, uint64_t within_us)
{
    struct sim_execution *e = execution_find(s, name);

    if (e != NULL && e->started && !s->clients->machines[e->machine].revisions[0].express) {
        e->impatient = true;
        sim_after(s, NULL, (int64_t)client_below(s, within_us), stop, e, NULL);
    }
}

bool clients_redrove(const struct sim *s, struct slice name)
{
    const struct sim_execution *e = execution_find(s, name);

    return e != NULL && e->redrives_asked != 0;
}

bool clients_are_done(const struct sim *s)
{
    return s->clients->over == s->options.executions && s->clients->tests_open == 0 &&
           operator_is_done(s);
}

void clients_finish(struct sim *s)
{
    s->clients->finishing = true;
}
