/* SPDX-License-Identifier: Apache-2.0 */
/* worker/handler/handler.h in the simulator: what a handler does is model_handle()'s, how long it
 * takes and how it dies is chance. As with real ones
 *
 *  - the lease's timeout kills it, and that is told in the words of worker/handler/result.c;
 *  - one that is stopped takes a moment, or the whole grace where it does not listen; its end is
 *    told whatever it would have said;
 *  - `finished` comes once, never inside a call of the host's. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "tests/sim/job.h"
#include "worker/handler/result.h"

enum {
    TASK_BEAT_US = 200 * SIM_MS,
    TASK_STOP_US = 100 * SIM_MS, /* at most, of a handler that listens */
};

/* ---- steps ---- */

struct task_event {
    unsigned worker;
    uint64_t task;
    uint64_t turn;
    task_step step;
};

static struct sim_task *task_find(const struct sim_worker *k, uint64_t number)
{
    LIST_EACH(n, &k->tasks)
    {
        struct sim_task *t = container_of(n, struct sim_task, link);

        if (t->number == number) {
            return t;
        }
    }
    return NULL;
}

static void task_steps(struct sim *s, void *arg)
{
    struct task_event e = *(struct task_event *)arg;
    struct sim_worker *k = s->workers[e.worker];
    struct sim_task *t = task_find(k, e.task);

    mem_free(arg);
    if (t != NULL && t->turn == e.turn) {
        worker_enter(k);
        e.step(t);
        worker_exit(k);
    }
}

static void task_set(struct sim_task *t, int64_t us, task_step step)
{
    struct sim_worker *k = t->worker;
    struct task_event *e = mem_alloc(sizeof(*e));

    *e = (struct task_event){k->number, t->number, ++t->turn, step};
    sim_after(k->sim, k->node, us, task_steps, e, mem_free);
}

int64_t sim_task_takes_us(struct sim_task *t)
{
    uint64_t most = (uint64_t)t->deed.takes_us;

    return (int64_t)(most / 2 + sim_below(t->worker->sim, CHANCE_WORKER, most + 1));
}

/* ---- ends ---- */

void sim_task_end(struct sim_task *t)
{
    struct handler_host *host = &t->worker->real.host;

    list_remove(&t->link);
    host->finished(host, t->lease, &t->result, &t->memory);
    arena_fini(&t->memory);
    mem_free(t);
}

void sim_task_fail(struct sim_task *t, const char *error, const char *format, ...)
{
    char text[1024];
    va_list ap;

    if (t->failed) {
        return;
    }
    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    t->failed = true;
    result_fail(&t->result, &t->memory, error, "%s", text);
}

/* In the words real handlers' ends are told in. */
static void task_killed(struct sim_task *t, enum process_cause cause)
{
    const struct handler_end end = {
        .exit = {.cause = cause},
        .command = handler_function(t->lease)->command,
        .deadline_ms = (int64_t)t->lease->grant.timeout_ms,
    };

    if (!t->failed) {
        t->failed = result_failure(&end, &t->memory, &t->result);
    }
}

static void task_stopped(struct sim_task *t)
{
    task_killed(t, PROCESS_STOPPED);
    sim_task_end(t);
}

static void task_is_late(struct sim_task *t)
{
    task_killed(t, PROCESS_TIMED_OUT);
    if (t->stream != NULL) {
        stream_finish(t);
    } else {
        sim_task_end(t);
    }
}

void sim_task_after(struct sim_task *t, int64_t us, task_step step)
{
    int64_t now_us = t->worker->sim->now_us;

    if (t->deadline_us - now_us <= us) {
        us = t->deadline_us > now_us ? t->deadline_us - now_us : 0;
        step = task_is_late;
    }
    task_set(t, us, step);
}

static void task_does(struct sim_task *t)
{
    const struct model_deed *d = &t->deed;

    if (d->act == ACT_FAIL) {
        t->failed = true;
        t->result = (struct lease_result){.failed = true, .error = d->error, .cause = d->cause};
    } else {
        t->result = (struct lease_result){.result = d->result};
    }
    sim_task_end(t);
}

/* ---- beginning ---- */

/* Its task ends by a token, which the handler hands on: what it says itself is of no interest. */
static void hand_on_token(struct sim_task *t)
{
    const struct json_node *token = json_member(t->event, SLICE("token"));

    if (json_is(token, JSON_STRING)) {
        clients_token(t->worker->sim, t->lease->grant.function, json_text(token),
                      t->lease->grant.payload);
        grant_hands_on(t->worker, t->lease);
        t->deed.act = t->deed.act == ACT_STREAM ? ACT_STREAM : ACT_SUCCEED;
        t->deed.result = SLICE("null");
    }
}

static void task_reads(struct sim_task *t)
{
    struct sim *s = t->worker->sim;
    struct err err;

    if (json_parse(t->lease->grant.payload, &t->memory, &t->event, &err) != OK) {
        sim_violation(s, "a payload is not JSON: %s", err.msg);
    }
    model_handle(t->lease->grant.function, t->event, sim_below(s, CHANCE_WORKER, UINT64_MAX),
                 &t->memory, &t->deed);
    hand_on_token(t);
}

static void task_begins(struct sim_task *t)
{
    int64_t timeout_us = (int64_t)t->lease->grant.timeout_ms * SIM_MS;

    t->deadline_us = timeout_us > 0 ? t->began_us + timeout_us : INT64_MAX;
    switch (t->deed.act) {
    case ACT_SUCCEED:
    case ACT_FAIL:
    case ACT_BEAT: sim_task_after(t, sim_task_takes_us(t), task_does); break;
    case ACT_HANG:
        if (timeout_us > 0) {
            sim_task_after(t, timeout_us, task_is_late);
        }
        break;
    case ACT_STREAM: stream_start(t); break;
    }
}

bool handler_start(struct handler_host *h,
                   struct lease *l,
                   struct lease_result *r,
                   struct arena *memory)
{
    struct sim_worker *k = container_of(h, struct sim_worker, real.host);
    struct sim_task *t = mem_zalloc(1, sizeof(*t));

    (void)r;
    (void)memory;
    t->worker = k;
    t->lease = l;
    t->number = ++k->last_task;
    t->began_us = k->sim->now_us;
    list_push_back(&k->tasks, &t->link);
    l->run = t;
    grant_begun(k, l);
    if (l->grant.piece.len != 0) {
        piece_start(t);
        return true;
    }
    task_reads(t);
    sim_trace(k->sim, k->node, "runs %.*s of %.*s, attempt %u", SLICE_FMT(l->grant.state),
              SLICE_FMT(l->grant.execution_name), l->grant.attempt);
    task_begins(t);
    return true;
}

/* ---- while it runs ---- */

void handler_stop(struct lease *l, bool at_once)
{
    struct sim_task *t = l->run;
    struct sim *s = t->worker->sim;
    bool deaf = sim_one_in(s, CHANCE_WORKER, 4);
    int64_t us = deaf ? (int64_t)PROCESS_GRACE_MS * SIM_MS
                      : (int64_t)sim_below(s, CHANCE_WORKER, TASK_STOP_US);

    assert(!at_once); /* nothing but a second signal does that, and it ends the process */
    if (t->stopping) {
        return;
    }
    t->stopping = true;
    t->deadline_us = INT64_MAX;
    if (t->stream != NULL) {
        stream_stop(t, us);
    } else if (t->piece != NULL) {
        piece_stop(t, us);
    } else {
        sim_task_after(t, us, task_stopped);
    }
}

void handler_progress(const struct lease *l, struct handler_progress *out)
{
    const struct sim_task *t = l->run;

    *out = (struct handler_progress){0};
    if (t->deed.act == ACT_BEAT) {
        out->beats = 1 + (uint64_t)((t->worker->sim->now_us - t->began_us) / TASK_BEAT_US);
        (void)snprintf(out->note, sizeof(out->note), "beat %llu", (unsigned long long)out->beats);
    } else if (t->stream != NULL) {
        stream_progress(t, out);
    } else if (t->piece != NULL) {
        piece_progress(t, out);
    }
}

void handler_upload_recorded(struct lease *l, enum err_code rc)
{
    struct sim_task *t = l->run;

    if (t->piece != NULL) {
        piece_recorded(t, rc);
    } else {
        stream_recorded(t, rc);
    }
}

void sim_tasks_free(struct sim_worker *k)
{
    for (struct list *n = list_pop_front(&k->tasks); n != NULL; n = list_pop_front(&k->tasks)) {
        struct sim_task *t = container_of(n, struct sim_task, link);

        arena_fini(&t->memory);
        mem_free(t);
    }
}
