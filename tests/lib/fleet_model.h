/* SPDX-License-Identifier: Apache-2.0 */
/* A model of the fleet that is slow and plain: arrays, searched from end to end. It knows where
 * each task is, and says what the fleet must answer. test_fleet_model.c moves both. */
#ifndef STEPFLEET_TESTS_LIB_FLEET_MODEL_H
#define STEPFLEET_TESTS_LIB_FLEET_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/fleet/fleet.h"
#include "proto/base/limits.h"

enum {
    EPOCH = 9,
    TASKS = 48,
    WORKERS = 5,
    FUNCTIONS = 4,
    TIMERS = 4,
    LANES = 3,
    EXECUTIONS = 6,
    LEASE_MS = 500,
    NO_FUNCTION_MS = 900,
    RESEND_MS = 50,
};

#define NEVER INT64_MAX

/* A task's deadlines are points in time; -1 where a number names nothing. */
struct model_task {
    struct fleet_task real;
    int function;
    int worker;      /* index of the one that holds it */
    int absent;      /* index of the name it is kept under */
    uint64_t pushed; /* when it was put into its queue: the least waits longest */
    uint64_t order;
    int64_t ready_ms;
    int64_t timeout_due;
    int64_t heartbeat_due;
    int64_t orphan_due;
    int64_t sent_ms;
};

struct model_worker {
    struct fleet_worker *real; /* NULL: not registered */
    uint64_t instance;
    uint32_t slots;
    uint32_t offers[FUNCTIONS]; /* slots; 0: not offered */
    bool draining;
    unsigned carriers;
    uint64_t granted;          /* counter of the last grant */
    uint64_t given[FUNCTIONS]; /* likewise, of each offer since its hello */
    unsigned passed;           /* grants at once past others, one after the other */
    int zone;                  /* its only label */
    uint64_t hello;            /* number of its last hello */
    int64_t lost_due;
};

/* What is asked of a function. */
struct model_terms {
    int zone; /* 0: any */
    uint32_t concurrency;
    int32_t priority;
};

static struct {
    struct fleet *f;
    struct model_terms terms[FUNCTIONS];
    bool cordoned[WORKERS];
    size_t offered[FUNCTIONS]; /* workers, before the operation */
    unsigned picks[FUNCTIONS];
    uint64_t turn[FUNCTIONS][LANES]; /* the least is whose turn it is */
    uint64_t turns;
    uint64_t pushes;
    struct model_task tasks[TASKS];
    struct model_worker workers[WORKERS];
    struct fleet_timer timers[TIMERS];
    int64_t timer_due[TIMERS];
    int64_t alone_ms[FUNCTIONS];
    struct fleet_now now;
    struct token last; /* granted */
    uint64_t last_id;
    uint64_t hellos;
    uint64_t orders;
    uint64_t old_tokens;
    uint64_t seed;
    uint64_t random;
    unsigned operation;
    size_t grants;
    size_t handed; /* of them, slots handed over */
    size_t opened; /* of them, because a limit let go */
    size_t owed;   /* times that a slot was kept for another function */
} m;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("seed %llu, operation %u: %s", (unsigned long long)m.seed, m.operation,       \
                     #condition);                                                                  \
        }                                                                                          \
    } while (0)

static const struct slice functions[FUNCTIONS] = {SLICE_INIT("A"), SLICE_INIT("B"), SLICE_INIT("C"),
                                                  SLICE_INIT("D")};
static const struct slice names[WORKERS] = {SLICE_INIT("v"), SLICE_INIT("w"), SLICE_INIT("x"),
                                            SLICE_INIT("y"), SLICE_INIT("z")};

static inline uint32_t below(uint32_t bound)
{
    m.random += 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash_u64(m.random) % bound);
}

/* A random task in that status, or NULL. */
static inline struct model_task *task_in(unsigned status)
{
    uint32_t from = below(TASKS);

    for (uint32_t i = 0; i < TASKS; i++) {
        struct model_task *t = &m.tasks[(from + i) % TASKS];

        if (t->real.status == status) {
            return t;
        }
    }
    return NULL;
}

static inline struct model_worker *some_worker(void)
{
    struct model_worker *w = &m.workers[below(WORKERS)];

    return w->real != NULL ? w : NULL;
}

static inline int index_of(const struct fleet_worker *real)
{
    for (int i = 0; i < WORKERS; i++) {
        if (real != NULL && m.workers[i].real == real) {
            return i;
        }
    }
    return -1;
}

/* ---- What the model counts ---- */

static inline uint32_t leased(int worker, int function)
{
    uint32_t n = 0;

    for (int i = 0; i < TASKS; i++) {
        const struct model_task *t = &m.tasks[i];

        n += t->real.status == FLEET_TASK_LEASED && t->worker == worker &&
             (function < 0 || t->function == function);
    }
    return n;
}

static inline size_t queued(int function)
{
    size_t n = 0;

    for (int i = 0; i < TASKS; i++) {
        n += m.tasks[i].real.status == FLEET_TASK_READY && m.tasks[i].function == function;
    }
    return n;
}

static inline uint32_t leased_of(int function)
{
    uint32_t n = 0;

    for (int i = 0; i < TASKS; i++) {
        n += m.tasks[i].real.status == FLEET_TASK_LEASED && m.tasks[i].function == function;
    }
    return n;
}

static inline bool fits(int worker, int function)
{
    return m.workers[worker].real != NULL && m.workers[worker].offers[function] != 0 &&
           (m.terms[function].zone == 0 || m.terms[function].zone == m.workers[worker].zone);
}

static inline size_t offering(int function)
{
    size_t n = 0;

    for (int i = 0; i < WORKERS; i++) {
        n += fits(i, function);
    }
    return n;
}

static inline bool allowed(int function)
{
    return m.terms[function].concurrency == 0 ||
           leased_of(function) < m.terms[function].concurrency;
}

static inline bool can_take(int worker, int function)
{
    const struct model_worker *w = &m.workers[worker];

    return fits(worker, function) && allowed(function) && !w->draining && !m.cordoned[worker] &&
           w->carriers > 0 && leased(worker, -1) < w->slots &&
           leased(worker, function) < w->offers[function];
}

/* Does `a` go before `b` in one function's queue? */
static inline bool queued_before(const struct model_task *a, const struct model_task *b)
{
    uint64_t turn_a = m.turn[a->function][a->real.lane];
    uint64_t turn_b = m.turn[b->function][b->real.lane];

    if (turn_a != turn_b) {
        return turn_a < turn_b;
    }
    return a->real.execution != b->real.execution ? a->real.execution < b->real.execution
                                                  : a->order < b->order;
}

static inline struct model_task *queue_first(int function, bool longest)
{
    struct model_task *first = NULL;

    for (int i = 0; i < TASKS; i++) {
        struct model_task *t = &m.tasks[i];

        if (t->real.status == FLEET_TASK_READY && t->function == function &&
            (first == NULL || (longest ? t->pushed < first->pushed : queued_before(t, first)))) {
            first = t;
        }
    }
    return first;
}

static inline struct model_task *queue_head(int function)
{
    return queue_first(function, m.picks[function] % LIMIT_TURNS == LIMIT_TURNS - 1);
}

static inline bool waits_long(int function)
{
    return m.now.wall_ms - queue_first(function, true)->ready_ms > LIMIT_HANDOVER_MS;
}

/* ---- What the model expects ---- */

static inline bool better(int a, int b, int prefer)
{
    const struct model_worker *x = &m.workers[a];
    const struct model_worker *y = &m.workers[b];
    uint32_t free_x = (x->slots - leased(a, -1)) * y->slots;
    uint32_t free_y = (y->slots - leased(b, -1)) * x->slots;

    if (free_x != free_y) {
        return free_x > free_y;
    }
    if (a == prefer || b == prefer) {
        return a == prefer;
    }
    return x->granted != y->granted ? x->granted < y->granted : x->hello < y->hello;
}

/* Does the worker keep its slot for another function? Asked once for a grant at once. */
static inline bool owes(int worker, int function)
{
    bool passes = false;

    for (int fn = 0; fn < FUNCTIONS; fn++) {
        if (fn == function || queued(fn) == 0 || !can_take(worker, fn) ||
            m.terms[fn].priority < m.terms[function].priority) {
            continue;
        }
        if (m.terms[fn].priority > m.terms[function].priority) {
            m.owed++;
            return true;
        }
        passes = passes || waits_long(fn);
    }
    m.workers[worker].passed = passes ? m.workers[worker].passed + 1 : 0;
    m.owed += m.workers[worker].passed > LIMIT_TURNS;
    return m.workers[worker].passed > LIMIT_TURNS;
}

static inline int expect_worker(int function, int prefer)
{
    int best = -1;

    if (queued(function) != 0) {
        best = prefer >= 0 && can_take(prefer, function) && !waits_long(function) ? prefer : -1;
    } else {
        for (int i = 0; i < WORKERS; i++) {
            if (can_take(i, function) && (best < 0 || better(i, best, prefer))) {
                best = i;
            }
        }
    }
    return best >= 0 && owes(best, function) ? -1 : best;
}

static inline bool head_before(int worker, const struct model_task *a, const struct model_task *b)
{
    const uint64_t *given = m.workers[worker].given;
    int32_t priority_a = m.terms[a->function].priority;
    int32_t priority_b = m.terms[b->function].priority;

    if (priority_a != priority_b) {
        return priority_a > priority_b;
    }
    return given[a->function] != given[b->function] ? given[a->function] < given[b->function]
                                                    : a->order < b->order;
}

static inline struct model_task *expect_task(int worker)
{
    struct model_task *best = NULL;

    for (int fn = 0; fn < FUNCTIONS; fn++) {
        struct model_task *t = queue_head(fn);

        if (t != NULL && can_take(worker, fn) && (best == NULL || head_before(worker, t, best))) {
            best = t;
        }
    }
    return best;
}

static inline int64_t no_function_due(const struct model_task *t)
{
    int64_t from = m.alone_ms[t->function];

    if (t->real.status != FLEET_TASK_READY || offering(t->function) != 0) {
        return NEVER;
    }
    return (t->ready_ms > from ? t->ready_ms : from) + NO_FUNCTION_MS;
}

/* How long the task's deadline of that kind is past. */
static inline int64_t task_late(const struct model_task *t, enum fleet_due_kind kind)
{
    int64_t due = NEVER;
    int64_t clock = m.now.wall_ms;

    switch (kind) {
    case FLEET_DUE_TIMEOUT: due = t->timeout_due; break;
    case FLEET_DUE_HEARTBEAT: due = t->heartbeat_due; break;
    case FLEET_DUE_NO_FUNCTION: due = no_function_due(t); break;
    case FLEET_DUE_ORPHAN:
        due = t->orphan_due;
        clock = m.now.mono_ms;
        break;
    case FLEET_DUE_NONE:
    case FLEET_DUE_TIMER:
    case FLEET_DUE_WORKER:
    case FLEET_DUE_RATE: break;
    }
    return due == NEVER ? INT64_MIN : clock - due;
}

/* How long what is due first is past; INT64_MIN: nothing will be. */
static inline int64_t expect_late(void)
{
    int64_t late = INT64_MIN;

    for (int i = 0; i < TASKS; i++) {
        for (enum fleet_due_kind k = FLEET_DUE_TIMEOUT; k <= FLEET_DUE_ORPHAN; k++) {
            int64_t l = task_late(&m.tasks[i], k);

            late = l > late ? l : late;
        }
    }
    for (int i = 0; i < WORKERS; i++) {
        int64_t l = m.now.mono_ms - m.workers[i].lost_due;

        late = m.workers[i].real != NULL && l > late ? l : late;
    }
    for (int i = 0; i < TIMERS; i++) {
        int64_t l = m.now.wall_ms - m.timer_due[i];

        late = m.timer_due[i] != NEVER && l > late ? l : late;
    }
    return late;
}

#endif
