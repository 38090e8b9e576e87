/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/operation_job.h"

#include <stdarg.h>
#include <stdio.h>

#include "coordinator/access/role.h"
#include "coordinator/disk.h"
#include "proto/base/limits.h"

enum { SYNC_LATE_MS = 10000 };

/* Calls that wait for news of one execution. */
struct wait_queue {
    struct hash_node node;
    uint64_t execution;
    struct list calls;
};

void api_init(struct api *a, struct ledger *l, const struct api_hooks *hooks)
{
    *a = (struct api){.ledger = l, .hooks = *hooks, .started_mono_ms = ledger_now(l).mono_ms};
    list_init(&a->called);
    list_init(&a->answered);
    list_init(&a->reports);
}

void api_stop(struct api *a)
{
    struct heap_node *n;

    a->stopping = true;
    backup_stop(a);
    while ((n = heap_min(&a->deadlines)) != NULL) {
        struct call *c = container_of(n, struct call, deadline);

        c->gone(c);
    }
}

void api_fini(struct api *a)
{
    task_calls_forget(a);
    backup_forget(a);
    heap_fini(&a->deadlines);
    hash_fini(&a->waits);
}

struct operation {
    unsigned method;
    void (*run)(struct call *c);
};

static const struct operation operations[] = {
#define RPC(method, number, request, reply, repeat) {number, operation_##method},
#include "proto/rpc.def"
#undef RPC
};

/* What tasks ask for is part of what runs. */
static bool is_refused(const struct api *a, const struct call *c)
{
    return ledger_is_short(a->ledger) && c->task == NULL && method_grows(c->method);
}

static void refuse(struct call *c)
{
    const struct disk *d = c->api->hooks.disk;
    uint64_t mib = (uint64_t)1 << 20;

    ledger_figures(c->api->ledger)->refused_short++;
    call_fail(c, ERR_DISK,
              "nothing new is taken on: the coordinator's disk has %llu MiB free, and keeps %llu "
              "for what runs",
              (unsigned long long)(d != NULL ? d->free_bytes / mib : 0),
              (unsigned long long)(d != NULL ? d->reserve_bytes / mib : 0));
}

void api_dispatch(struct api *a, struct call *c)
{
    c->api = a;
    if (is_refused(a, c)) {
        refuse(c);
        return;
    }
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (operations[i].method == c->method) {
            operations[i].run(c);
            return;
        }
    }
    call_fail(c, ERR_UNKNOWN_METHOD, "no operation has the number %u", c->method);
}

struct asl_options definition_options(const struct api *a, bool express)
{
    const struct ledger_config *config = ledger_configuration(a->ledger);

    return (struct asl_options){
        .express = express,
        .bound = config->bound,
        .arg = config->bound_arg,
    };
}

size_t payload_bytes(const struct api *a)
{
    size_t lifted = ledger_configuration(a->ledger)->payload_bytes;

    return lifted != 0 ? lifted : LIMIT_PAYLOAD_BYTES;
}

void call_fail(struct call *c, enum err_code code, const char *fmt, ...)
{
    struct err err;
    va_list ap;

    err.code = code;
    va_start(ap, fmt);
    (void)vsnprintf(err.msg, sizeof(err.msg), fmt, ap);
    va_end(ap);
    c->fail(c, code, &err);
}

void reply_empty(struct call *c, enum err_code rc, const struct err *err)
{
    Stepfleet__Empty r = STEPFLEET__EMPTY__INIT;

    if (rc == OK) {
        c->reply(c, &r.base);
    } else {
        c->fail(c, rc, err);
    }
}

/* ---- parked calls ---- */

void call_park(struct call *c,
               int64_t for_ms,
               void (*expired)(struct call *c),
               void (*gone)(struct call *c))
{
    c->expired = expired;
    c->gone = gone;
    heap_set(&c->api->deadlines, &c->deadline, ledger_now(c->api->ledger).mono_ms + for_ms);
}

void call_unpark(struct call *c)
{
    heap_remove(&c->api->deadlines, &c->deadline);
    c->expired = NULL;
    c->gone = NULL;
}

void api_turn(struct api *a)
{
    struct heap_node *n;

    while ((n = heap_min(&a->deadlines)) != NULL && n->key <= ledger_now(a->ledger).mono_ms) {
        struct call *c = container_of(n, struct call, deadline);

        c->expired(c);
    }
    task_calls_turn(a);
    reports_turn(a);
}

int64_t api_wait_ms(const struct api *a)
{
    const struct heap_node *n = heap_min(&a->deadlines);
    int64_t wait;

    if (task_calls_wait(a)) {
        return 0;
    }
    if (n == NULL) {
        return -1;
    }
    wait = n->key - ledger_now(a->ledger).mono_ms;
    return wait > 0 ? wait : 0;
}

/* ---- waiting for news of an execution ---- */

static struct wait_queue *queue_find(const struct api *a, uint64_t execution)
{
    HASH_EACH_MATCH(n, &a->waits, hash_u64(execution))
    {
        struct wait_queue *q = container_of(n, struct wait_queue, node);

        if (q->execution == execution) {
            return q;
        }
    }
    return NULL;
}

bool call_can_wait(const struct call *c)
{
    return !call_holds_context(c) || c->api->waiting < LIMIT_WAITS;
}

static void queue_leave(struct call *c)
{
    struct wait_queue *q = queue_find(c->api, c->execution);

    list_remove(&c->link);
    c->api->waiting -= call_holds_context(c);
    if (q != NULL && list_empty(&q->calls)) {
        hash_remove(&c->api->waits, &q->node);
        mem_free(q);
    }
    call_unpark(c);
}

static void wait_gone(struct call *c)
{
    queue_leave(c);
    state_test_free(c->test);
    c->test = NULL;
    call_fail(c, ERR_UNAVAILABLE, "the coordinator is stopping");
}

static bool is_running(const struct call *c)
{
    const struct execution_header *h = ledger_execution_header(c->api->ledger, c->execution);

    return h != NULL && h->status == EXECUTION_RUNNING;
}

/* No time is up for it: only a clock that was put back makes it late. */
static bool waits_for_end(const struct call *c)
{
    return c->method == RPC_EXECUTION_START_SYNC || c->test != NULL;
}

/* Answer with what there is, of an execution or a job run. The execution may have left memory
 * meanwhile: describe it from disk. A synchronous run is answered by its end alone: that is late
 * where the clock was put back. */
static void wait_answer(struct call *c)
{
    struct ledger_view v;
    Stepfleet__ExecutionDetail d = STEPFLEET__EXECUTION_DETAIL__INIT;

    if (waits_for_end(c) && is_running(c)) {
        call_park(c, SYNC_LATE_MS, wait_answer, wait_gone);
        return;
    }
    queue_leave(c);
    if (c->test != NULL) {
        state_test_ended(c);
    } else if ((c->execution & RUN_BIT) != 0) {
        describe_run(c, c->execution, NULL);
    } else if (ledger_execution_view(c->api->ledger, c->execution, &v)) {
        describe_view(c->api, &v, &d);
        reply_execution(c, &d);
    } else {
        describe_stored(c, c->execution);
    }
}

void wait_for(struct call *c, uint64_t execution, uint64_t seen, int64_t timeout_ms)
{
    struct wait_queue *q = queue_find(c->api, execution);

    if (q == NULL) {
        q = mem_zalloc(1, sizeof(*q));
        q->execution = execution;
        list_init(&q->calls);
        hash_insert(&c->api->waits, &q->node, hash_u64(execution));
    }
    c->execution = execution;
    c->seen = seen;
    list_push_back(&q->calls, &c->link);
    c->api->waiting += call_holds_context(c);
    call_park(c, timeout_ms, wait_answer, wait_gone);
    if (c->api->stopping) {
        wait_gone(c); /* its read was under way when the others were let go */
    }
}

void wait_for_end(struct call *c, uint64_t execution)
{
    wait_for(c, execution, UINT64_MAX, LIMIT_EXPRESS_MS + SYNC_LATE_MS);
}

/* A run's news is its end: each call is answered. */
static void run_moved(struct wait_queue *q)
{
    bool last = false;

    while (!last) { /* the queue goes with its last call */
        last = q->calls.next->next == &q->calls;
        wait_answer(container_of(q->calls.next, struct call, link));
    }
}

void api_moved(struct api *a, uint64_t execution)
{
    struct wait_queue *q = queue_find(a, execution);
    const struct execution_header *h =
        q != NULL ? ledger_execution_header(a->ledger, execution) : NULL;

    if (q != NULL && (execution & RUN_BIT) != 0) {
        run_moved(q);
        return;
    }
    if (h == NULL) {
        return;
    }
    LIST_EACH_SAFE(n, after, &q->calls)
    {
        struct call *c = container_of(n, struct call, link);
        bool last = after == &q->calls; /* the queue goes with its last call */

        if (h->status != EXECUTION_RUNNING || h->next_event - 1 > c->seen) {
            wait_answer(c);
        }
        if (last) {
            return;
        }
    }
}
