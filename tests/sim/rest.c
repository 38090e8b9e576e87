/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is left behind: looked for inside the ledger, since no answer would show it.
 *
 *  - All the time, each lease and each ready task of the fleet is of an execution that runs.
 *  - In calm weather what a worker runs has a lease, but for the moment that a stop takes to reach
 *    it. Calm: faults have stopped a while ago, and what they had under way is over.
 *  - Nor does the coordinator's clock stand still then: put back, it goes on at half its pace.
 *  - At the end nothing is kept for executions that have ended: no task, timer, call, upload,
 *    notice or waiter in memory, no row on disk but their own.
 *  - A child that was waited for ended no later than the execution that waited, whatever became of
 *    that. */
#include "coordinator/fleet/internal.h"
#include "coordinator/ledger/read.h"
#include "coordinator/ledger/run.h"
#include "coordinator/store/keys.h"
#include "tests/sim/job.h"
#include "tests/sim/trigger.h"

enum {
    REST_CALM_US = 60 * SIM_SECOND,
    REST_LOOK_US = SIM_SECOND,
    REST_CLOCK_US = 120 * SIM_SECOND,
    REST_STOP_US = 2 * SIM_SECOND, /* a stop takes less; what a worker holds it says later */
    REST_CHILD_MS = 60 * 1000,     /* and the stop of a child */
};

bool rest_is_untold(struct sim *s)
{
    return coordinator_ledger(s)->notice_count != 0;
}

/* ---- while it runs ---- */

static void check_task(struct sim *s, const struct ledger *l, const struct fleet_task *t)
{
    const struct hot *h = hot_find(l, t->execution);
    const struct hot_frame *hf = h != NULL ? hot_frame_find(l, h, t->frame) : NULL;
    bool leased = t->status == FLEET_TASK_LEASED;

    if (t->job) {
        return; /* check_job.c's */
    }
    if (hf == NULL || &hf->task != t || h->h.status != EXECUTION_RUNNING ||
        hf->f.status != (leased ? FRAME_LEASED : FRAME_READY)) {
        sim_violation(s, "the fleet has a task of frame %u of execution %llu, which %s", t->frame,
                      (unsigned long long)t->execution,
                      hf == NULL                         ? "is no more"
                      : h->h.status != EXECUTION_RUNNING ? "has ended"
                                                         : "does not ask for it");
    }
}

static void check_queue(struct sim *s, const struct ledger *l, const struct list *queue)
{
    LIST_EACH(n, queue)
    {
        check_task(s, l, container_of(n, struct fleet_task, link));
    }
}

static void check_fleet(struct sim *s, const struct ledger *l)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->fleet->tokens, &bucket, n)) != NULL) {
        check_task(s, l, container_of(n, struct fleet_task, by_token));
    }
    bucket = 0;
    while ((n = hash_iterate(&l->fleet->functions, &bucket, n)) != NULL) {
        const struct fleet_function *fn = container_of(n, struct fleet_function, by_name);

        check_queue(s, l, &fn->queue);
    }
}

static void check_run(struct sim *s, struct ledger *l, struct sim_task *t)
{
    struct lease_token mine = t->lease->grant.token;
    struct token token = {mine.epoch, mine.counter};

    if (t->stopping || fleet_task_find(l->fleet, token) != NULL) {
        t->orphan_us = 0;
    } else if (t->orphan_us == 0) {
        t->orphan_us = s->now_us;
    } else if (s->now_us - t->orphan_us > REST_STOP_US) {
        sim_violation(s, "%s runs %.*s of %.*s, whose lease is over, and is not told to stop",
                      t->worker->node->name, SLICE_FMT(t->lease->grant.state),
                      SLICE_FMT(t->lease->grant.execution_name));
    }
}

static void check_workers(struct sim *s, struct ledger *l)
{
    for (unsigned i = 0; i < s->options.workers; i++) {
        const struct sim_worker *k = s->workers[i];

        if (k == NULL || k->real.phase != WORKER_SERVING) {
            continue;
        }
        LIST_EACH(n, &k->tasks)
        {
            check_run(s, l, container_of(n, struct sim_task, link));
        }
    }
}

static void check_clock(struct sim *s, const struct ledger *l)
{
    int64_t wall_ms = ledger_now(l).wall_ms;
    int64_t passed_us = s->now_us - s->clock_us;

    if (passed_us < REST_CLOCK_US) {
        return;
    }
    if (s->clock_us != 0 && (wall_ms - s->clock_ms) * SIM_MS < passed_us / 3) {
        sim_violation(s, "the coordinator's clock has moved by %lld ms in %lld",
                      (long long)(wall_ms - s->clock_ms), (long long)(passed_us / SIM_MS));
    }
    s->clock_us = s->now_us;
    s->clock_ms = wall_ms;
}

static void look(struct sim *s, void *arg)
{
    struct ledger *l = s->coordinator_node.up ? coordinator_ledger(s) : NULL;

    (void)arg;
    sim_after(s, NULL, REST_LOOK_US, look, NULL, NULL);
    if (l == NULL) {
        return;
    }
    check_fleet(s, l);
    jobs_check_rows(s);
    triggers_check_rows(s);
    if (s->faulty) {
        return;
    }
    if (s->calm_ms == 0) {
        s->calm_ms = ledger_now(l).wall_ms;
    }
    if (s->now_us > s->options.faults_us + REST_CALM_US) {
        check_workers(s, l);
        check_clock(s, l);
    }
}

void rest_watch(struct sim *s)
{
    sim_after(s, NULL, REST_LOOK_US, look, NULL, NULL);
}

/* ---- at the end ---- */

static size_t activities_waiting(const struct ledger *l)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;
    size_t count = 0;

    while ((n = hash_iterate(&l->activities, &bucket, n)) != NULL) {
        count += container_of(n, struct ledger_activity, by_name)->waiting;
    }
    return count;
}

static size_t machines_open(const struct ledger *l)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;
    size_t count = 0;

    while ((n = hash_iterate(&l->machines_by_name, &bucket, n)) != NULL) {
        count += container_of(n, struct ledger_machine, by_name)->open_executions;
    }
    return count;
}

/* Frames of executions that are kept to be shown. */
static size_t kept_frames(const struct ledger *l)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;
    size_t count = 0;

    while ((n = hash_iterate(&l->hot_by_id, &bucket, n)) != NULL) {
        count += container_of(n, struct hot, by_id)->frame_count;
    }
    return count;
}

static size_t list_count(const struct list *all)
{
    size_t count = 0;

    LIST_EACH(n, all)
    {
        count++;
    }
    return count;
}

static size_t rows(struct ledger *l, enum store_cf cf, const struct key *prefix)
{
    struct key to = key_after(prefix);
    struct store_iterator *i =
        store_iterate(l->store, cf, key_slice(prefix), key_slice(&to), false);
    struct slice key;
    struct slice value;
    size_t count = 0;

    while (store_next(i, &key, &value)) {
        count++;
    }
    (void)store_iterator_end(i, NULL);
    return count;
}

static size_t meta_bytes(struct ledger *l, const char *name)
{
    struct key key = key_meta(name);
    struct buf b = {0};
    size_t bytes;
    struct err err;

    (void)store_get(l->store, CF_META, key_slice(&key), &b, &err);
    bytes = b.len;
    buf_fini(&b);
    return bytes;
}

struct left {
    const char *what;
    size_t count;
};

static struct key timers(const struct ledger *l)
{
    struct key k = key_timer(l->config.account, 0, 0);

    k.len = sizeof(uint64_t); /* the account */
    return k;
}

const char *rest_left(struct sim *s, size_t *count)
{
    struct ledger *l = coordinator_ledger(s);
    const struct heap *due = l->fleet->due;
    struct key timer = timers(l);
    struct key open_run = key_job_opens(l->config.account);
    struct key deliveries = key_deliveries(l->config.account);
    struct key running = key_index_status(l->config.account, EXECUTION_RUNNING);
    const struct left all[] = {
        {"open executions", l->open_count},
        {"open executions of machines", machines_open(l)},
        {"notices", l->notice_count},
        {"waiters", l->waiter_count},
        {"requests of the object store", l->object_count},
        {"uploads", l->uploads.count},
        {"job runs", l->runs.count + l->runs_parked.count},
        {"sweeps of rows", list_count(&l->sweeps)},
        {"deliveries", l->delivery_count},
        {"rows of deliveries", rows(l, CF_QUEUE, &deliveries)},
        {"dates of job runs", l->run_ticks.count},
        {"rows of open job runs", rows(l, CF_JOB, &open_run)},
        {"frames of nothing", l->frames.count - kept_frames(l)},
        {"calls", list_count(&l->calls) + list_count(&l->calls_out) + list_count(&l->calls_gone)},
        {"executions that go on", list_count(&l->continuing)},
        {"tasks of activities", activities_waiting(l)},
        {"ready tasks", fleet_ready_count(l->fleet)},
        {"leases", fleet_leased_count(l->fleet) + l->fleet->tokens.count},
        {"absent workers", l->fleet->absent.count},
        {"timers", due[FLEET_DUE_TIMER].count},
        {"timeouts", due[FLEET_DUE_TIMEOUT].count + due[FLEET_DUE_HEARTBEAT].count},
        {"orphans", due[FLEET_DUE_ORPHAN].count + due[FLEET_DUE_NO_FUNCTION].count},
        {"rows of timers", rows(l, CF_TIMER, &timer)},
        {"rows of what runs", rows(l, CF_INDEX, &running)},
        {"bytes of notices", meta_bytes(l, "notices")},
        {"bytes of waiters", meta_bytes(l, "waiters")},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].count != 0) {
            *count = all[i].count;
            return all[i].what;
        }
    }
    return NULL;
}

/* ---- children ---- */

static bool image_of(struct ledger *l, uint64_t id, struct image *im, struct arena *a)
{
    const struct record_source source = {
        .rules = &l->rules, .store = l->store, .account = l->config.account, .execution = id};
    struct err err;

    return image_read(&source, a, im, &err) == OK;
}

/* Whoever waited for the child has ended: in its own time, or when it was stopped. One that was
 * redriven has had several ends. */
static void check_child(struct sim *s,
                        struct ledger *l,
                        const struct parent_task *task,
                        struct slice child,
                        int64_t stop_ms,
                        struct arena *a)
{
    int64_t from_ms;
    struct image parent;

    if (task->execution == 0 || !image_of(l, task->execution, &parent, a) ||
        parent.header.redrive_count != 0) {
        return;
    }
    from_ms = parent.header.stop_ms > s->calm_ms ? parent.header.stop_ms : s->calm_ms;
    if (stop_ms > from_ms + REST_CHILD_MS) {
        sim_violation(s, "%.*s ended %lld ms after %.*s, which had waited for it", SLICE_FMT(child),
                      (long long)(stop_ms - from_ms), SLICE_FMT(parent.header.arn));
    }
}

static void check_children(struct sim *s, struct ledger *l, struct arena *a)
{
    for (uint64_t id = 1; id < l->next_execution; id++) {
        struct image im;

        if (image_of(l, id, &im, a)) {
            check_child(s, l, &im.header.parent, im.header.arn, im.header.stop_ms, a);
        }
        arena_reset(a);
    }
    for (uint64_t number = RUN_BIT + 1; number < l->next_run; number++) {
        struct job_run_row row;
        struct slice bytes;
        struct err err;

        if (run_read_row(l, number, &bytes, &err) == OK &&
            job_run_row_decode(bytes, a, &row, &err) == OK) {
            check_child(s, l, &row.parent, row.id, row.header.ended_ms, a);
        }
        arena_reset(a);
    }
}

void rest_check(struct sim *s)
{
    struct ledger *l = coordinator_ledger(s);
    struct arena a = {0};
    size_t count;
    const char *what = rest_left(s, &count);

    if (what != NULL) {
        sim_violation(s, "all is over, and there are %zu %s", count, what);
    }
    check_children(s, l, &a);
    arena_fini(&a);
}
