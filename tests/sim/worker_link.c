/* SPDX-License-Identifier: Apache-2.0 */
/* worker/link.h over the simulated network. What comes and goes is shown to worker_grant.c. */
#include <assert.h>

#include "tests/sim/worker.h"

static struct sim_worker *worker_of(const struct link_call *c)
{
    return container_of(c->link, struct sim_worker, real.link);
}

/* ---- what is seen ---- */

static bool is_results(const struct sim_worker *k, const struct link_call *c)
{
    for (size_t i = 0; i < WORKER_RESULT_CALLS; i++) {
        if (c == &k->real.reports[i].call) {
            return true;
        }
    }
    return false;
}

/* Outcomes are of submissions first. */
static void
see_outcomes(struct sim_worker *k, const struct link_call *c, const Stepfleet__ReportReply *r)
{
    if (!is_results(k, c)) {
        return;
    }
    for (size_t i = container_of(c, const struct worker_report, call)->submitted; i < r->n_outcomes;
         i++) {
        if (r->outcomes[i]->status == OK) {
            grant_accepted(k, r->outcomes[i]->token);
        }
    }
}

static void see_leases(struct sim_worker *k, Stepfleet__Lease *const *leases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        grant_delivered(k, leases[i]);
    }
}

static void see_reply(struct sim_worker *k, const struct link_call *c, const void *reply)
{
    const Stepfleet__PollReply *poll = reply;
    const Stepfleet__ReportReply *report = reply;

    if (c->method == RPC_WORKER_POLL) {
        see_leases(k, poll->leases, poll->n_leases);
    } else if (c->method == RPC_WORKER_REPORT) {
        see_outcomes(k, c, report);
        see_leases(k, report->leases, report->n_leases);
    }
}

/* Is it told to hand back what it has not begun? */
static bool hands_back(const struct link_call *c, const void *reply)
{
    const Stepfleet__PollReply *poll = reply;
    const Stepfleet__ReportReply *report = reply;

    return c->method == RPC_WORKER_POLL ? poll->hand_back
                                        : c->method == RPC_WORKER_REPORT && report->hand_back;
}

/* What the latest version added to a report, left out. */
static void make_older(const ProtobufCMessage *m)
{
    const Stepfleet__ReportRequest *q = (const void *)m;

    for (size_t i = 0; i < q->n_results; i++) {
        q->results[i]->timed_out = false;
    }
}

static void see_request(struct sim_worker *k, enum rpc method, const ProtobufCMessage *m)
{
    const Stepfleet__ReportRequest *q = (const void *)m;

    for (size_t i = 0; method == RPC_WORKER_REPORT && i < q->n_results; i++) {
        grant_told(k, q->results[i]);
    }
}

/* ---- link.h ---- */

enum err_code
link_open(struct link *l, uv_loop_t *loop, const struct link_settings *settings, struct err *err)
{
    (void)loop;
    (void)settings;
    (void)err;
    *l = (struct link){.next_request = 0};
    return OK;
}

void link_close(struct link *l)
{
    (void)l;
}

enum err_code
link_call_open(struct link *l, struct link_call *c, link_done done, void *user, struct err *err)
{
    (void)err;
    *c = (struct link_call){.link = l, .done = done, .user = user};
    return OK;
}

void link_call_close(struct link_call *c)
{
    if (c->busy) {
        sim_forget(worker_of(c)->sim, c->request);
        c->busy = false;
    }
}

static void
call_answered(struct sim *s, void *arg, enum err_code rc, const struct err *err, const void *reply)
{
    struct link_call *c = arg;
    struct sim_worker *k = worker_of(c);
    bool back = rc == OK && hands_back(c, reply);

    worker_enter(k);
    c->busy = false;
    if (rc == OK) {
        see_reply(k, c, reply);
    }
    c->done(c, rc, reply, err);
    if (back && k->real.table.waiting != 0) {
        sim_violation(s, "%s keeps %u tasks that it has not begun, and is drained", k->node->name,
                      k->real.table.waiting);
    }
    worker_exit(k);
}

/* Nobody here is without the store's keys. */
enum err_code link_ask(struct link *l,
                       enum rpc method,
                       const ProtobufCMessage *m,
                       int timeout_ms,
                       struct arena *a,
                       const void **reply,
                       struct err *err)
{
    (void)l;
    (void)method;
    (void)m;
    (void)timeout_ms;
    (void)a;
    (void)reply;
    return err_set(err, ERR_UNAVAILABLE, "nobody is asked");
}

void link_send(struct link_call *c, enum rpc method, const ProtobufCMessage *m, int timeout_ms)
{
    struct sim_worker *k = worker_of(c);

    assert(!c->busy);
    see_request(k, method, m);
    if (k->older && method == RPC_WORKER_REPORT) {
        make_older(m);
    }
    c->busy = true;
    c->method = (uint16_t)method;
    c->request =
        sim_ask(k->sim, k->node, method, m, (int64_t)timeout_ms * SIM_MS, call_answered, c);
}
