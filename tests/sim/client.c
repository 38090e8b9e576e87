/* SPDX-License-Identifier: Apache-2.0 */
/* Clients: make machines, start, watch, stop and redrive executions, take activities' tasks and end
 * tasks by their tokens. What was not answered is asked again under the same keys, as libstepfleet
 * does; what an answer contradicts is a violation at once. */
#include "tests/sim/client.h"

#include <stdio.h>

#include "proto/base/text.h"

enum {
    CLIENT_TIMEOUT_US = 5 * SIM_SECOND,
    CLIENT_BACKOFF_US = 2 * SIM_SECOND,
    CLIENT_WAIT_MS = 15000,
};

/* A request that is asked until it has an answer. */
struct errand {
    struct sim *sim;
    struct sim_node *node;
    enum rpc method;
    const ProtobufCMessage *message;
    int64_t timeout_us;
    unsigned tries;
    bool after_stop; /* sent when its execution's stop was known to be acknowledged */
    void (*done)(struct errand *e, enum err_code rc, const void *reply);
    struct sim_execution *execution;
    unsigned number; /* of a machine, revision, activity */
    struct slice token;
    struct err err;
};

static void *keep(struct sim *s, size_t bytes)
{
    return arena_alloc(&s->clients->arena, bytes);
}

static uint64_t below(struct sim *s, uint64_t n)
{
    return sim_below(s, CHANCE_CLIENT, n);
}

static struct sim_node *any_client(struct sim *s)
{
    return &s->client_nodes[below(s, s->options.clients)];
}

/* ---- errands ---- */

static void errand_answered(struct sim *s,
                            void *arg,
                            enum err_code rc,
                            const struct err *err,
                            const void *reply);

static void errand_send(struct sim *s, void *arg)
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
        sim_after(s, e->node, (int64_t)below(s, CLIENT_BACKOFF_US), errand_send, e, NULL);
        return;
    }
    if (rc != OK) {
        e->err = *err;
    }
    e->done(e, rc, reply);
}

static struct errand *errand(struct sim *s,
                             struct sim_node *node,
                             enum rpc method,
                             const ProtobufCMessage *message,
                             void (*done)(struct errand *e, enum err_code rc, const void *reply))
{
    struct errand *e = keep(s, sizeof(*e));

    *e = (struct errand){.sim = s, .node = node, .method = method, .message = message};
    e->done = done;
    e->timeout_us = CLIENT_TIMEOUT_US;
    return e;
}

static _Noreturn void refused(const struct errand *e)
{
    sim_violation(e->sim, "%s of %s is refused: %s (%s)", rpc_name(e->method),
                  e->execution != NULL ? e->execution->name : "?", e->err.msg,
                  err_name(e->err.code));
}

static char *text_of(struct sim *s, struct slice text)
{
    return message_string(&s->clients->arena, text);
}

/* ---- tasks that end by their token ---- */

static void token_told_again(struct errand *e, enum err_code rc, const void *reply)
{
    (void)reply;
    if (rc == OK) {
        sim_violation(e->sim,
                      "a task that was ended is ended again: what was acknowledged is lost");
    }
}

static void token_again(struct sim *s, void *arg)
{
    struct errand *e = arg;

    e->tries = 0;
    e->done = token_told_again;
    errand_send(s, e);
}

static void token_told(struct errand *e, enum err_code rc, const void *reply)
{
    struct sim *s = e->sim;

    (void)reply;
    if (rc == OK && e->method != RPC_TASK_HEARTBEAT && below(s, 4) == 0) {
        sim_after(s, e->node, (int64_t)below(s, 10 * SIM_SECOND), token_again, e, NULL);
    } else if (rc != OK && rc != ERR_TASK_TIMED_OUT && rc != ERR_TASK_DOES_NOT_EXIST) {
        refused(e);
    }
}

static struct errand *token_success(struct sim *s, struct slice token, struct slice output)
{
    Stepfleet__TaskSuccessRequest *m = keep(s, sizeof(*m));

    stepfleet__task_success_request__init(m);
    m->token = message_bytes(token);
    m->output = message_bytes(output);
    return errand(s, any_client(s), RPC_TASK_SUCCESS, &m->base, token_told);
}

static struct errand *token_failure(struct sim *s, struct slice token, const struct model_deed *d)
{
    Stepfleet__TaskFailureRequest *m = keep(s, sizeof(*m));

    stepfleet__task_failure_request__init(m);
    m->token = message_bytes(token);
    m->has_error = m->has_cause = true;
    m->error = text_of(s, d->error);
    m->cause = message_bytes(d->cause);
    return errand(s, any_client(s), RPC_TASK_FAILURE, &m->base, token_told);
}

static struct errand *token_beat(struct sim *s, struct slice token)
{
    Stepfleet__TaskHeartbeatRequest *m = keep(s, sizeof(*m));

    stepfleet__task_heartbeat_request__init(m);
    m->token = message_bytes(token);
    return errand(s, any_client(s), RPC_TASK_HEARTBEAT, &m->base, token_told);
}

static void send_later(struct sim *s, struct errand *e, int64_t us)
{
    sim_after(s, e->node, us, errand_send, e, NULL);
}

/* The deed of whoever holds the token. */
static void token_deed(struct sim *s, struct slice function, struct slice token, struct slice event)
{
    struct arena *a = &s->clients->arena;
    const struct json_node *node;
    struct model_deed d;
    struct err err;

    if (json_parse(event, a, &node, &err) != OK) {
        sim_violation(s, "a task's input is no JSON: %s", err.msg);
    }
    model_handle(function, node, below(s, UINT64_MAX), a, &d);
    if (d.act == ACT_BEAT) {
        for (int64_t us = SIM_SECOND / 2; us < d.takes_us; us += SIM_SECOND / 2) {
            send_later(s, token_beat(s, token), us);
        }
    }
    if (d.act == ACT_FAIL) {
        send_later(s, token_failure(s, token, &d), d.takes_us);
    } else if (d.act != ACT_HANG) {
        send_later(s, token_success(s, token, d.result), d.takes_us);
    }
}

void clients_token(struct sim *s, struct slice function, struct slice token, struct slice event)
{
    struct arena *a = &s->clients->arena;

    token_deed(s, arena_copy(a, function), arena_copy(a, token), arena_copy(a, event));
}

/* ---- activities ---- */

struct poller {
    struct sim_node *node;
    unsigned activity;
};

static void activity_poll(struct sim *s, void *arg);

static void
activity_task(struct sim *s, void *arg, enum err_code rc, const struct err *err, const void *reply)
{
    struct poller *p = arg;
    const Stepfleet__ActivityTaskReply *r = reply;
    struct arena *a = &s->clients->arena;
    struct slice name = slice_str(model_activities[p->activity]);

    if (rc == OK && r->token.len != 0) {
        token_deed(s, name, arena_copy(a, message_slice(r->token)),
                   arena_copy(a, message_slice(r->input)));
    } else if (rc != OK && !err_retryable(rc)) {
        sim_violation(s, "an activity's task is refused: %s", err->msg);
    }
    sim_after(s, p->node, (int64_t)below(s, SIM_SECOND), activity_poll, p, NULL);
}

static void activity_poll(struct sim *s, void *arg)
{
    struct poller *p = arg;
    Stepfleet__ActivityTaskRequest m = STEPFLEET__ACTIVITY_TASK_REQUEST__INIT;

    m.activity = text_of(s, slice_str(model_activities[p->activity]));
    m.worker = p->node->name;
    m.timeout_ms = 10000;
    (void)sim_ask(s, p->node, RPC_ACTIVITY_TASK, &m.base, 20 * SIM_SECOND, activity_task, p);
}

static void pollers_begin(struct sim *s)
{
    for (unsigned i = 0; model_activities[i] != NULL; i++) {
        struct poller *p = keep(s, sizeof(*p));

        *p = (struct poller){.node = any_client(s), .activity = i};
        activity_poll(s, p);
    }
}

/* ---- executions ---- */

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
    if (rc != OK && rc != ERR_NOT_REDRIVABLE) {
        refused(x);
    }
    e->redrives_told += rc == OK;
    watch(x->sim, x->node, e);
}

static void redrive(struct sim *s, struct sim_node *node, struct sim_execution *e)
{
    Stepfleet__RedriveRequest *m = keep(s, sizeof(*m));
    struct errand *x = errand(s, node, RPC_EXECUTION_REDRIVE, &m->base, redriven);

    stepfleet__redrive_request__init(m);
    m->execution = text_of(s, e->arn);
    m->client_token =
        text_of(s, arena_printf(&s->clients->arena, "%s-%u", e->name, e->redrives_asked));
    e->redrives_asked++;
    x->execution = e;
    errand_send(s, x);
}

static void watched(struct errand *x, enum err_code rc, const void *reply)
{
    const Stepfleet__ExecutionDetail *d = reply;
    struct sim_execution *e = x->execution;
    struct sim *s = x->sim;

    if (rc != OK) {
        refused(x);
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
    } else if (strcmp(d->status, "SUCCEEDED") != 0 && e->redrives_asked < 3 && below(s, 2) == 0) {
        redrive(s, x->node, e);
    } else {
        execution_over(s, e);
    }
}

static void watch(struct sim *s, struct sim_node *node, struct sim_execution *e)
{
    Stepfleet__WaitRequest *m = keep(s, sizeof(*m));
    struct errand *x = errand(s, node, RPC_EXECUTION_WAIT, &m->base, watched);

    stepfleet__wait_request__init(m);
    m->execution = text_of(s, e->arn);
    m->seen = UINT64_MAX;
    m->timeout_ms = CLIENT_WAIT_MS;
    x->timeout_us = (int64_t)2 * CLIENT_WAIT_MS * SIM_MS;
    x->execution = e;
    errand_send(s, x);
}

static void stopped(struct errand *x, enum err_code rc, const void *reply)
{
    (void)reply;
    if (rc != OK) {
        refused(x);
    }
    x->execution->stop_told = true;
}

static void stop(struct sim *s, void *arg)
{
    struct sim_execution *e = arg;
    Stepfleet__StopRequest *m = keep(s, sizeof(*m));
    struct errand *x = errand(s, any_client(s), RPC_EXECUTION_STOP, &m->base, stopped);

    if (e->over || e->redrives_asked != 0) {
        return;
    }
    stepfleet__stop_request__init(m);
    m->execution = text_of(s, e->arn);
    e->stop_asked = true;
    x->execution = e;
    errand_send(s, x);
}

static void started(struct errand *x, enum err_code rc, const void *reply)
{
    const Stepfleet__StartReply *r = reply;
    struct sim_execution *e = x->execution;
    struct sim *s = x->sim;
    bool express = s->clients->machines[e->machine].revisions[0].express;

    if (rc != OK && rc != ERR_EXECUTION_EXISTS) {
        refused(x);
    }
    e->started = true;
    if (rc == OK) {
        e->start_ms = r->start_ms;
        e->arn = arena_copy(&s->clients->arena, slice_str(r->execution_arn));
    } else {
        e->arn = arena_printf(&s->clients->arena,
                              "arn:aws:states:us-east-1:000000000042:execution:m%u:%s", e->machine,
                              e->name);
    }
    if (express) {
        execution_over(s, e); /* asynchronous: nobody is told how it ends */
        return;
    }
    if (below(s, 8) == 0) {
        sim_after(s, x->node, (int64_t)below(s, 20 * SIM_SECOND), stop, e, NULL);
    }
    watch(s, x->node, e);
}

static void ran_synchronously(struct sim *s,
                              void *arg,
                              enum err_code rc,
                              const struct err *err,
                              const void *reply)
{
    struct sim_execution *e = arg;

    if (rc != OK && !err_retryable(rc)) {
        sim_violation(s, "a synchronous run is refused: %s", err->msg);
    }
    if (rc == OK) {
        check_synchronous(s, e, reply);
    }
    execution_over(s, e);
}

static void start(struct sim *s, struct sim_node *node, struct sim_execution *e)
{
    const struct sim_machine *sm = &s->clients->machines[e->machine];
    Stepfleet__StartRequest *m = keep(s, sizeof(*m));
    struct errand *x;

    stepfleet__start_request__init(m);
    m->machine = text_of(s, slice_str(sm->revisions[0].name));
    m->name = e->name;
    m->input = message_bytes(e->input);
    m->has_input = true;
    e->least_revision = sm->made;
    if (e->synchronous) {
        (void)sim_ask(s, node, RPC_EXECUTION_START_SYNC, &m->base, 400 * (int64_t)SIM_SECOND,
                      ran_synchronously, e);
        return;
    }
    x = errand(s, node, RPC_EXECUTION_START, &m->base, started);
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

enum { CLIENT_REVISIONS = 8 };

static void revision_made(struct errand *x, enum err_code rc, const void *reply)
{
    const Stepfleet__MachineReply *r = reply;
    struct sim_machine *m = &x->sim->clients->machines[x->number];

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
    Stepfleet__MachineUpdateRequest *m = keep(s, sizeof(*m));
    struct errand *x = errand(s, node, RPC_MACHINE_UPDATE, &m->base, revision_made);

    if (n < CLIENT_FIXED || sm->updating || sm->asked == CLIENT_REVISIONS) {
        return;
    }
    sm->revisions[sm->asked] = generate(s, n);
    stepfleet__machine_update_request__init(m);
    m->machine = text_of(s, slice_str(sm->revisions[0].name));
    m->definition = message_bytes(sm->revisions[sm->asked].definition);
    m->role_arn = text_of(s, SLICE(""));
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

/* ---- a client's life ---- */

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
    e->machine = (unsigned)below(s, s->options.machines);
    e->input = model_input(below(s, UINT64_MAX), &c->arena);
    e->synchronous = c->machines[e->machine].revisions[0].express && below(s, 2) == 0;
    start(s, node, e);
    if (below(s, 10) == 0) {
        update(s, node, (unsigned)below(s, s->options.machines));
    }
    sim_after(s, node, c->finishing ? 1 : (int64_t)below(s, 2 * (uint64_t)every_us + 1), next, node,
              NULL);
}

static void set_up(struct sim *s);

static void activity_made(struct errand *x, enum err_code rc, const void *reply)
{
    (void)reply;
    if (rc != OK) {
        refused(x);
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
    Stepfleet__ActivityCreateRequest *m = keep(s, sizeof(*m));

    stepfleet__activity_create_request__init(m);
    m->name = text_of(s, slice_str(model_activities[n]));
    errand_send(s, errand(s, &s->client_nodes[0], RPC_ACTIVITY_CREATE, &m->base, activity_made));
}

static void make_machine(struct sim *s, unsigned n)
{
    struct sim_machine *sm = &s->clients->machines[n];
    Stepfleet__MachineCreateRequest *m = keep(s, sizeof(*m));
    struct errand *x = errand(s, &s->client_nodes[0], RPC_MACHINE_CREATE, &m->base, machine_made);

    sm->revisions = keep(s, CLIENT_REVISIONS * sizeof(*sm->revisions));
    sm->revisions[0] = generate(s, n);
    sm->asked = 1;
    stepfleet__machine_create_request__init(m);
    m->name = text_of(s, slice_str(sm->revisions[0].name));
    m->definition = message_bytes(sm->revisions[0].definition);
    m->type = text_of(s, sm->revisions[0].express ? SLICE("EXPRESS") : SLICE("STANDARD"));
    m->role_arn = text_of(s, SLICE(""));
    x->number = n;
    errand_send(s, x);
}

/* One after the other; then clients begin. */
static void set_up(struct sim *s)
{
    struct sim_clients *c = s->clients;
    unsigned made = 0;

    if (model_activities[c->activities] != NULL) {
        make_activity(s, c->activities);
        return;
    }
    while (made < s->options.machines && c->machines[made].made != 0) {
        made++;
    }
    if (made < s->options.machines) {
        make_machine(s, made);
        return;
    }
    c->ready = true;
    pollers_begin(s);
    for (unsigned i = 0; i < s->options.clients; i++) {
        next(s, &s->client_nodes[i]);
    }
}

void clients_open(struct sim *s)
{
    struct sim_clients *c = mem_zalloc(1, sizeof(*c));

    s->clients = c;
    c->machines = ARENA_ARRAY(&c->arena, s->options.machines, struct sim_machine);
    c->executions = ARENA_ARRAY(&c->arena, s->options.executions, struct sim_execution);
    memset(c->machines, 0, s->options.machines * sizeof(*c->machines));
    memset(c->executions, 0, s->options.executions * sizeof(*c->executions));
    for (unsigned i = 0; i < s->options.clients; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "c%u", i);
        sim_node_init(s, &s->client_nodes[i], name);
        sim_node_start(s, &s->client_nodes[i]);
    }
    set_up(s);
}

bool clients_redrove(const struct sim *s, struct slice name)
{
    for (unsigned i = 0; i < s->clients->begun; i++) {
        const struct sim_execution *e = &s->clients->executions[i];

        if (slice_eq_str(name, e->name)) {
            return e->redrives_asked != 0;
        }
    }
    return false;
}

bool clients_are_done(const struct sim *s)
{
    return s->clients->over == s->options.executions;
}

void clients_finish(struct sim *s)
{
    s->clients->finishing = true;
}
