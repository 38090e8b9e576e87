/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that take activities' tasks, and end tasks by their tokens. */
#include "tests/sim/errand.h"

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
    if (rc == OK && e->method != RPC_TASK_HEARTBEAT && client_below(s, 4) == 0) {
        sim_after(s, e->node, (int64_t)client_below(s, 10 * SIM_SECOND), token_again, e, NULL);
    } else if (rc != OK && rc != ERR_TASK_TIMED_OUT && rc != ERR_TASK_DOES_NOT_EXIST) {
        errand_refused(e);
    }
}

static struct errand *token_success(struct sim *s, struct slice token, struct slice output)
{
    Stepfleet__TaskSuccessRequest *m = client_keep(s, sizeof(*m));

    stepfleet__task_success_request__init(m);
    m->token = message_bytes(token);
    m->output = message_bytes(output);
    return errand_new(s, client_any(s), RPC_TASK_SUCCESS, &m->base, token_told);
}

static struct errand *token_failure(struct sim *s, struct slice token, const struct model_deed *d)
{
    Stepfleet__TaskFailureRequest *m = client_keep(s, sizeof(*m));

    stepfleet__task_failure_request__init(m);
    m->token = message_bytes(token);
    m->has_error = m->has_cause = true;
    m->error = client_text(s, d->error);
    m->cause = message_bytes(d->cause);
    return errand_new(s, client_any(s), RPC_TASK_FAILURE, &m->base, token_told);
}

static struct errand *token_beat(struct sim *s, struct slice token)
{
    Stepfleet__TaskHeartbeatRequest *m = client_keep(s, sizeof(*m));

    stepfleet__task_heartbeat_request__init(m);
    m->token = message_bytes(token);
    return errand_new(s, client_any(s), RPC_TASK_HEARTBEAT, &m->base, token_told);
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
    model_handle(function, node, client_below(s, UINT64_MAX), a, &d);
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
    sim_after(s, p->node, (int64_t)client_below(s, SIM_SECOND), activity_poll, p, NULL);
}

static void activity_poll(struct sim *s, void *arg)
{
    struct poller *p = arg;
    Stepfleet__ActivityTaskRequest m = STEPFLEET__ACTIVITY_TASK_REQUEST__INIT;

    m.activity = client_text(s, slice_str(model_activities[p->activity]));
    m.worker = p->node->name;
    m.timeout_ms = 10000;
    (void)sim_ask(s, p->node, RPC_ACTIVITY_TASK, &m.base, 20 * SIM_SECOND, activity_task, p);
}

void pollers_begin(struct sim *s)
{
    for (unsigned i = 0; model_activities[i] != NULL; i++) {
        struct poller *p = client_keep(s, sizeof(*p));

        *p = (struct poller){.node = client_any(s), .activity = i};
        activity_poll(s, p);
    }
}
