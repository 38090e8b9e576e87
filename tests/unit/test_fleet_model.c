/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet against its model: random operations from a seed, done to both. After each one the two
 * agree on who holds what, on every count, on what is due and when. A failure prints the seed and
 * the operation. */
#include "tests/lib/fleet_model.h"

enum { OPERATIONS = 50000, SEEDS = 6 };

static size_t dues[FLEET_DUE_ORPHAN + 1]; /* over all runs */

/* ---- What happens to the model ---- */

static void now_none(struct model_task *t)
{
    t->worker = t->absent = -1;
    t->timeout_due = t->heartbeat_due = t->orphan_due = NEVER;
}

/* It was put into its queue. */
static void now_queued(struct model_task *t)
{
    bool alone = true;

    for (int i = 0; i < TASKS; i++) {
        const struct model_task *o = &m.tasks[i];

        alone = alone && (o == t || o->real.status != FLEET_TASK_READY ||
                          o->function != t->function || o->real.lane != t->real.lane);
    }
    if (alone) {
        m.turn[t->function][t->real.lane] = ++m.turns;
    }
    now_none(t);
    t->ready_ms = m.now.wall_ms;
    t->pushed = ++m.pushes;
}

/* What is forgotten of a queue that is empty. */
static void now_empty(void)
{
    for (int fn = 0; fn < FUNCTIONS; fn++) {
        m.picks[fn] = queued(fn) != 0 ? m.picks[fn] : 0;
    }
}

static void now_leased(struct model_task *t, int64_t granted_ms)
{
    t->timeout_due = t->real.timeout_ms != 0 ? granted_ms + t->real.timeout_ms : NEVER;
    t->heartbeat_due = t->real.heartbeat_ms != 0 ? m.now.wall_ms + t->real.heartbeat_ms : NEVER;
}

/* The real one has been granted to `worker`: its token is one that never was. */
static void now_granted(struct model_task *t, int worker)
{
    struct token token = t->real.token;

    CHECK(t->real.status == FLEET_TASK_LEASED);
    CHECK(token.epoch == EPOCH && token.counter > m.last.counter);
    CHECK(t->real.worker == m.workers[worker].real);
    m.last = token;
    m.grants++;
    t->worker = worker;
    t->absent = -1;
    t->sent_ms = m.now.mono_ms;
    m.workers[worker].granted = token.counter;
    m.workers[worker].given[t->function] = token.counter;
    now_leased(t, m.now.wall_ms);
}

/* The same, off its queue. */
static void now_picked(struct model_task *t, int worker)
{
    m.turn[t->function][t->real.lane] = ++m.turns;
    m.picks[t->function]++;
    m.workers[worker].passed = 0;
    now_granted(t, worker);
    now_empty();
}

static void end(struct model_task *t)
{
    fleet_task_end(m.f, &t->real);
    now_none(t);
}

static void now_alone(void)
{
    for (int fn = 0; fn < FUNCTIONS; fn++) {
        if (m.offered[fn] != 0 && offering(fn) == 0) {
            m.alone_ms[fn] = m.now.wall_ms;
        }
    }
}

/* All leases of the worker came to `lost`; they are failed, or handed back. */
static void end_lost(struct list *lost, int worker)
{
    struct list *node;

    CHECK((list_empty(lost) ? 0 : 1) == (leased(worker, -1) != 0));
    while ((node = list_pop_front(lost)) != NULL) {
        struct fleet_task *real = container_of(node, struct fleet_task, link);
        struct model_task *t = container_of(real, struct model_task, real);

        CHECK(t->worker == worker && real->worker == NULL && real->status == FLEET_TASK_LEASED);
        if (below(8) == 0) {
            fleet_task_return(m.f, real, m.now);
            now_queued(t);
        } else {
            end(t);
        }
    }
    CHECK(leased(worker, -1) == 0);
}

static void remove_worker(int i)
{
    struct model_worker *w = &m.workers[i];
    struct list lost;

    list_init(&lost);
    fleet_worker_remove(m.f, w->real, &lost);
    w->real = NULL;
    now_alone();
    end_lost(&lost, i);
}

/* ---- Operations ---- */

/* In every other run workers come and reports end tasks seldom, so that more waits and is late. */
static bool seldom(void)
{
    return m.seed % 2 == 0 && below(16) != 0;
}

static void do_ready(void)
{
    struct model_task *t = task_in(FLEET_TASK_NONE);
    struct model_worker *prefer = some_worker();
    struct fleet_worker *got;
    bool over; /* a slot handed over, before others */
    int want;

    if (t == NULL) {
        return;
    }
    t->function = (int)below(FUNCTIONS);
    t->order = ++m.orders;
    t->real.lane = below(LANES);
    t->real.execution = below(EXECUTIONS);
    t->real.timeout_ms = below(3) == 0 ? 1 + below(400) : 0;
    t->real.heartbeat_ms = below(3) == 0 ? 1 + below(200) : 0;
    over = queued(t->function) != 0;
    want = expect_worker(t->function, prefer != NULL ? (int)(prefer - m.workers) : -1);
    got = fleet_task_ready(m.f, &t->real, functions[t->function],
                           prefer != NULL ? prefer->real : NULL, m.now);
    CHECK(index_of(got) == want);
    if (got != NULL) {
        now_granted(t, want);
        m.handed += over;
    } else {
        now_queued(t);
    }
}

/* Feed the worker, at most so many tasks. */
static void feed(int i, uint32_t most)
{
    for (uint32_t n = 0; n < most; n++) {
        struct model_task *want = expect_task(i);
        struct fleet_task *got = fleet_task_next(m.f, m.workers[i].real, m.now);

        CHECK(got == (want != NULL ? &want->real : NULL));
        if (want == NULL) {
            return;
        }
        now_picked(want, i);
    }
}

static void do_next(void)
{
    struct model_worker *w = some_worker();

    if (w != NULL) {
        feed((int)(w - m.workers), below(4));
    }
}

/* Whatever let go since: what is granted is the head of its queue, to one that can take it. */
static void do_opened(void)
{
    struct fleet_task *got;
    struct fleet_worker *real;

    while ((got = fleet_task_opened(m.f, m.now, &real)) != NULL) {
        struct model_task *t = container_of(got, struct model_task, real);
        int w = index_of(real);

        /* As the model has it: it waits, and nobody has it. */
        t->real.status = FLEET_TASK_READY;
        CHECK(t->worker < 0 && t == queue_head(t->function));
        CHECK(can_take(w, t->function));
        t->real.status = FLEET_TASK_LEASED;
        now_picked(t, w);
        m.opened++;
    }
}

/* Every worker is fed: no slot is free for anything that waits. */
static void do_turn_end(void)
{
    if (below(8) != 0) {
        return;
    }
    for (int i = 0; i < WORKERS; i++) {
        if (m.workers[i].real != NULL) {
            feed(i, TASKS);
        }
    }
    do_opened();
    for (int i = 0; i < WORKERS; i++) {
        for (int fn = 0; fn < FUNCTIONS; fn++) {
            CHECK(queued(fn) == 0 || !can_take(i, fn));
        }
    }
}

static void do_terms(void)
{
    static const struct slice zones[] = {SLICE_INIT(""), SLICE_INIT("a"), SLICE_INIT("b")};
    int fn = (int)below(FUNCTIONS);
    struct model_terms *terms = &m.terms[fn];
    struct fleet_label label = {SLICE("zone"), SLICE("")};

    if (below(4) != 0) {
        return;
    }
    terms->zone = below(6) == 0 ? 1 + (int)below(2) : 0;
    terms->concurrency = below(3) == 0 ? 1 + below(5) : 0;
    terms->priority = (int32_t)below(3) - 1;
    label.value = zones[terms->zone];
    fleet_terms_set(m.f, functions[fn],
                    below(8) == 0 && terms->zone == 0 && terms->concurrency == 0 &&
                            terms->priority == 0
                        ? NULL
                        : &(struct fleet_terms){&label, terms->zone != 0, terms->concurrency, 0,
                                                terms->priority},
                    m.now);
    now_alone();
}

static void do_cordon(void)
{
    int i = (int)below(WORKERS);

    if (below(4) == 0) {
        m.cordoned[i] = below(6) == 0;
        fleet_cordon(m.f, names[i], m.cordoned[i] ? FLEET_DRAINED : FLEET_OPEN);
        CHECK(fleet_cordon_of(m.f, names[i]) == (m.cordoned[i] ? FLEET_DRAINED : FLEET_OPEN));
    }
}

static void do_end(void)
{
    struct model_task *t = task_in(below(4) == 0 ? FLEET_TASK_READY : FLEET_TASK_LEASED);
    struct token token;

    if (t != NULL && !seldom()) {
        token = t->real.token;
        end(t);
        CHECK(t->real.status == FLEET_TASK_NONE && fleet_task_find(m.f, token) == NULL);
    }
}

static void do_return(void)
{
    struct model_task *t = task_in(FLEET_TASK_LEASED);

    if (t != NULL && !seldom()) {
        fleet_task_return(m.f, &t->real, m.now);
        now_queued(t);
    }
}

static void do_heartbeat(void)
{
    struct model_task *t = task_in(FLEET_TASK_LEASED);

    if (t != NULL) {
        fleet_task_heartbeat(m.f, &t->real, m.now);
        now_leased(t, t->timeout_due - t->real.timeout_ms);
    }
}

static void do_restore(void)
{
    struct model_task *t = task_in(FLEET_TASK_NONE);
    int name = (int)below(WORKERS);
    int64_t granted_ms = m.now.wall_ms - below(100);

    if (t == NULL) {
        return;
    }
    t->function = (int)below(FUNCTIONS);
    t->order = ++m.orders;
    t->real.lane = below(LANES);
    t->real.execution = below(EXECUTIONS);
    t->real.timeout_ms = below(4) == 0 ? 1 + below(400) : 0;
    t->real.heartbeat_ms = below(4) == 0 ? 1 + below(200) : 0;
    fleet_task_restore(m.f, &t->real, functions[t->function], names[name],
                       (struct token){EPOCH - 1, ++m.old_tokens}, granted_ms, m.now);
    now_none(t);
    now_leased(t, granted_ms);
    t->sent_ms = INT64_MIN / 2;
    if (m.workers[name].real != NULL) {
        t->worker = name;
    } else {
        t->absent = name;
        t->orphan_due = m.now.mono_ms + LEASE_MS;
    }
}

static size_t make_offers(struct fleet_offer *offers, uint32_t *slots)
{
    size_t count = 0;
    uint32_t first = below(FUNCTIONS);

    memset(slots, 0, FUNCTIONS * sizeof(*slots));
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        uint32_t fn = (first + i) % FUNCTIONS;

        if (count == 0 || below(3) == 0) {
            slots[fn] = 1 + below(6);
            offers[count++] = (struct fleet_offer){functions[fn], slots[fn]};
        }
    }
    return count;
}

/* The leases kept under its name are the new worker's. */
static void now_back(int i)
{
    for (int j = 0; j < TASKS; j++) {
        struct model_task *t = &m.tasks[j];

        if (t->real.status == FLEET_TASK_LEASED && t->absent == i) {
            t->absent = -1;
            t->orphan_due = NEVER;
            t->worker = i;
        }
    }
}

static void do_hello(void)
{
    int i = (int)below(WORKERS);
    struct model_worker *w = &m.workers[i];
    struct fleet_worker *before = w->real;
    uint64_t instance = w->instance + (below(2) == 0);
    bool same = before != NULL && instance == w->instance;
    struct fleet_offer offers[FUNCTIONS];
    struct fleet_hello h = {.name = names[i], .instance = instance, .slots = 1 + below(8)};
    struct fleet_worker *got;
    struct list lost;

    if (seldom()) {
        return;
    }
    w->zone = (int)below(3);
    h.labels = w->zone == 0   ? SLICE("")
               : w->zone == 1 ? SLICE("{\"zone\":\"a\"}")
                              : SLICE("{\"x\":\"y\",\"zone\":\"b\"}");
    h.offers = offers;
    h.offer_count = make_offers(offers, w->offers);
    list_init(&lost);
    CHECK(fleet_worker_hello(m.f, &h, m.now, &got, &lost, NULL) == OK);
    CHECK(same ? got == before && got->id <= m.last_id : got->id > m.last_id);
    if (!same) {
        w->draining = false;
        w->carriers = 0;
        w->granted = 0;
        w->passed = 0;
        m.last_id = got->id;
    }
    memset(w->given, 0, sizeof(w->given));
    w->real = got;
    w->instance = instance;
    w->slots = h.slots;
    w->hello = ++m.hellos;
    w->lost_due = m.now.mono_ms + LEASE_MS;
    now_alone();
    if (before != NULL && !same) {
        end_lost(&lost, i);
    }
    CHECK(list_empty(&lost));
    now_back(i);
    if (below(4) != 0) {
        fleet_worker_carries(m.f, got, 1);
        w->carriers++;
    }
}

static void do_worker(void)
{
    struct model_worker *w = some_worker();

    if (w == NULL) {
        return;
    }
    switch (below(16)) {
    case 0:
        fleet_worker_drain(m.f, w->real);
        w->draining = true;
        break;
    case 1: remove_worker((int)(w - m.workers)); break;
    case 2:
        if (w->carriers > 0) {
            fleet_worker_carries(m.f, w->real, -1);
            w->carriers--;
        }
        break;
    case 3:
    case 4:
        fleet_worker_carries(m.f, w->real, 1);
        w->carriers++;
        break;
    default:
        fleet_worker_seen(m.f, w->real, m.now);
        w->lost_due = m.now.mono_ms + LEASE_MS;
        break;
    }
}

struct held {
    int worker;
    bool says[TASKS]; /* the worker names it */
    bool resent[TASKS];
    size_t unknown;
};

static void held_resend(void *arg, struct fleet_task *real)
{
    struct held *h = arg;
    struct model_task *t = container_of(real, struct model_task, real);
    ptrdiff_t i = t - m.tasks;

    CHECK(!h->resent[i] && !h->says[i] && t->worker == h->worker);
    CHECK(m.now.mono_ms - t->sent_ms > RESEND_MS);
    h->resent[i] = true;
}

static void held_unknown(void *arg, struct token token)
{
    struct held *h = arg;
    struct fleet_task *real = fleet_task_find(m.f, token);

    CHECK(real == NULL || container_of(real, struct model_task, real)->worker != h->worker);
    h->unknown++;
}

static void do_holds(void)
{
    struct model_worker *w = some_worker();
    struct held h = {.worker = w != NULL ? index_of(w->real) : -1};
    struct token tokens[TASKS + 1];
    size_t count = 0;
    size_t unknown = 1;

    if (w == NULL) {
        return;
    }
    for (int i = 0; i < TASKS; i++) {
        if (m.tasks[i].real.status == FLEET_TASK_LEASED && below(3) != 0) {
            h.says[i] = true;
            unknown += m.tasks[i].worker != h.worker;
            tokens[count++] = m.tasks[i].real.token;
        }
    }
    tokens[count++] = (struct token){EPOCH, m.last.counter + 1};
    fleet_worker_holds(m.f, w->real, tokens, count, RESEND_MS, m.now, held_resend, held_unknown,
                       &h);
    CHECK(h.unknown == unknown);
    for (int i = 0; i < TASKS; i++) {
        struct model_task *t = &m.tasks[i];
        bool want = t->real.status == FLEET_TASK_LEASED && t->worker == h.worker && !h.says[i] &&
                    m.now.mono_ms - t->sent_ms > RESEND_MS;

        CHECK(h.resent[i] == want);
        t->sent_ms = want ? m.now.mono_ms : t->sent_ms;
        CHECK(!want || t->real.sent_mono_ms == m.now.mono_ms);
    }
}

static void do_timer(void)
{
    uint32_t i = below(TIMERS);

    if (below(3) == 0) {
        fleet_timer_clear(m.f, &m.timers[i]);
        m.timer_due[i] = NEVER;
    } else {
        m.timer_due[i] = m.now.wall_ms + below(300);
        fleet_timer_set(m.f, &m.timers[i], m.timer_due[i]);
    }
}

static void later(int64_t *due, int64_t ms)
{
    if (*due != NEVER) {
        *due += ms;
    }
}

/* The loop stood still: the clocks went on, and every promise is longer. */
static void do_extend(void)
{
    int64_t ms = below(2000);

    m.now.wall_ms += ms;
    m.now.mono_ms += ms;
    fleet_extend(m.f, ms);
    for (int i = 0; i < TASKS; i++) {
        later(&m.tasks[i].timeout_due, ms);
        later(&m.tasks[i].heartbeat_due, ms);
        later(&m.tasks[i].orphan_due, ms);
        later(&m.tasks[i].ready_ms, ms);
    }
    for (int i = 0; i < WORKERS; i++) {
        m.workers[i].lost_due += ms;
    }
    for (int i = 0; i < FUNCTIONS; i++) {
        m.alone_ms[i] += ms;
    }
}

/* One thing that is due, if anything is: the one that is due longest. */
static bool one_due(void)
{
    int64_t late = expect_late();
    struct fleet_due due = fleet_next_due(m.f, m.now);
    ptrdiff_t i;

    CHECK((due.kind != FLEET_DUE_NONE) == (late >= 0));
    switch (due.kind) {
    case FLEET_DUE_NONE:
    case FLEET_DUE_RATE: return false;
    case FLEET_DUE_TIMER:
        i = due.timer - m.timers;
        CHECK(m.now.wall_ms - m.timer_due[i] == late);
        m.timer_due[i] = NEVER;
        break;
    case FLEET_DUE_WORKER:
        i = index_of(due.worker);
        CHECK(m.now.mono_ms - m.workers[i].lost_due == late);
        remove_worker((int)i);
        break;
    case FLEET_DUE_TIMEOUT:
    case FLEET_DUE_HEARTBEAT:
    case FLEET_DUE_NO_FUNCTION:
    case FLEET_DUE_ORPHAN:
        CHECK(task_late(container_of(due.task, struct model_task, real), due.kind) == late);
        end(container_of(due.task, struct model_task, real));
        break;
    }
    dues[due.kind]++;
    return true;
}

static void do_time(void)
{
    int64_t late;

    m.now.wall_ms += below(60) == 0 ? below(1000) : below(12);
    m.now.mono_ms += below(60) == 0 ? below(400) : below(20);
    while (one_due()) {
    }
    late = expect_late();
    CHECK(fleet_wait_ms(m.f, m.now) == (late == INT64_MIN ? -1 : -late));
}

/* ---- Agreement ---- */

static void check_worker(int i)
{
    const struct model_worker *w = &m.workers[i];
    size_t held = 0;

    CHECK(fleet_worker_find_name(m.f, names[i]) == w->real);
    if (w->real == NULL) {
        CHECK(leased(i, -1) == 0);
        return;
    }
    CHECK(fleet_worker_find(m.f, w->real->id) == w->real);
    CHECK(w->real->leased == leased(i, -1));
    CHECK(w->real->draining == w->draining && w->real->carriers == w->carriers);
    LIST_EACH(node, &w->real->leases)
    {
        CHECK(container_of(node, struct fleet_task, link)->worker == w->real);
        held++;
    }
    CHECK(held == w->real->leased);
    for (size_t k = 0; k < w->real->offer_count; k++) {
        const struct fleet_offered *o = &w->real->offers[k];
        int fn = -1;

        for (int t = 0; t < TASKS; t++) {
            if (m.tasks[t].real.offered == o) {
                fn = m.tasks[t].function;
                break;
            }
        }
        CHECK(o->leased == (fn < 0 ? 0 : leased(i, fn)));
    }
}

static void check_agreement(void)
{
    size_t in_status[3] = {0};

    for (int i = 0; i < TASKS; i++) {
        const struct model_task *t = &m.tasks[i];

        in_status[t->real.status]++;
        CHECK(t->real.status != FLEET_TASK_LEASED ||
              fleet_task_find(m.f, t->real.token) == &t->real);
        CHECK(t->real.status == FLEET_TASK_LEASED ? (t->worker >= 0) != (t->absent >= 0)
                                                  : t->worker < 0 && t->absent < 0);
        CHECK(index_of(t->real.worker) == t->worker);
    }
    CHECK(in_status[FLEET_TASK_READY] == fleet_ready_count(m.f));
    CHECK(in_status[FLEET_TASK_LEASED] == fleet_leased_count(m.f));
    for (int fn = 0; fn < FUNCTIONS; fn++) {
        size_t ready;
        size_t workers;

        fleet_function_counts(m.f, functions[fn], &ready, &workers);
        CHECK(ready == queued(fn) && workers == offering(fn));
    }
    for (int i = 0; i < WORKERS; i++) {
        check_worker(i);
    }
}

static void operate(void)
{
    static void (*const operations[])(void) = {
        do_ready,  do_ready,   do_ready,  do_ready, do_ready,  do_ready,  do_next,   do_next,
        do_next,   do_end,     do_end,    do_end,   do_return, do_time,   do_time,   do_time,
        do_worker, do_worker,  do_worker, do_hello, do_holds,  do_timer,  do_time,   do_heartbeat,
        do_next,   do_restore, do_worker, do_ready, do_terms,  do_cordon, do_opened, do_turn_end,
    };

    for (int fn = 0; fn < FUNCTIONS; fn++) {
        m.offered[fn] = offering(fn);
    }

    if (below(500) == 0) {
        do_extend();
    } else {
        operations[below(sizeof(operations) / sizeof(operations[0]))]();
    }
    now_empty();
    check_agreement();
}

static void model_start(uint64_t seed)
{
    memset(&m, 0, sizeof(m));
    m.f = fleet_new(&(struct fleet_config){LEASE_MS, NO_FUNCTION_MS}, EPOCH);
    m.seed = seed;
    m.random = seed << 32;
    m.now = (struct fleet_now){1000000, 77};
    for (int i = 0; i < TASKS; i++) {
        now_none(&m.tasks[i]);
    }
    for (int i = 0; i < TIMERS; i++) {
        m.timer_due[i] = NEVER;
    }
}

/* Nothing is lost: one worker that takes everything gets every task that waits. */
static void model_finish(void)
{
    struct fleet_offer offers[FUNCTIONS];
    struct fleet_hello h = {
        .name = SLICE("last"), .slots = TASKS, .offers = offers, .offer_count = FUNCTIONS};
    size_t waiting = fleet_ready_count(m.f);
    struct fleet_worker *w;
    struct list lost;

    for (int i = 0; i < FUNCTIONS; i++) {
        offers[i] = (struct fleet_offer){functions[i], TASKS};
    }
    list_init(&lost);
    for (int i = 0; i < FUNCTIONS; i++) {
        fleet_terms_set(m.f, functions[i], NULL, m.now);
    }
    CHECK(fleet_terms_count(m.f) == 0);
    CHECK(fleet_worker_hello(m.f, &h, m.now, &w, &lost, NULL) == OK);
    fleet_worker_carries(m.f, w, 1);
    while (fleet_task_next(m.f, w, m.now) != NULL) {
        waiting--;
    }
    CHECK(waiting == 0 && fleet_ready_count(m.f) == 0);
    for (int i = 0; i < TASKS; i++) {
        fleet_task_end(m.f, &m.tasks[i].real);
    }
    CHECK(fleet_leased_count(m.f) == 0 && w->leased == 0);
    fleet_free(m.f);
}

static void test_fleet_model__agrees(void **state)
{
    size_t handed = 0;
    size_t opened = 0;
    size_t owed = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        model_start(seed);
        for (m.operation = 1; m.operation <= OPERATIONS; m.operation++) {
            operate();
        }
        CHECK(m.grants > OPERATIONS / 250);
        handed += m.handed;
        opened += m.opened;
        owed += m.owed;
        model_finish();
    }
    for (enum fleet_due_kind k = FLEET_DUE_TIMER; k <= FLEET_DUE_ORPHAN; k++) {
        assert_true(dues[k] > SEEDS * 10); /* the runs came by everything */
    }
    assert_true(handed > SEEDS * 10);
    assert_true(opened > SEEDS * 10);
    assert_true(owed > SEEDS * 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fleet_model__agrees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
