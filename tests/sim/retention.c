/* SPDX-License-Identifier: Apache-2.0 */
/* What goes for its age. In some worlds, when all is done, the coordinator comes again with a
 * retention that is over for all executions and an archive that is slow, fails, and loses answers;
 * it dies now and then meanwhile.
 *
 *  - Each ended execution is there whole or not at all: whenever the coordinator has died.
 *  - In the end none is there, and each was archived whole.
 *
 * Then the archive is put back where it came from, and the world is checked as any other: had
 * something else gone, or was archived otherwise than it was, it shows. */
#include "coordinator/ledger/ledger.h"
#include "coordinator/store/codec.h"
#include "coordinator/store/keys.h"
#include "tests/sim/job.h"

enum {
    RETENTION_MS = 1,
    RETENTION_ENDS_S = 4 * 3600, /* all is gone by then, wherever clocks stood */
    RETENTION_LOOK_US = 10 * SIM_SECOND,
    RETENTION_CRASHES = 6, /* at most */
    ACCOUNT = 42,          /* coordinator.c's */
};

struct ended {
    struct ended_execution at;
    struct key name;             /* of its row in NAME */
    struct store_batch *archive; /* its rows, as they were; NULL: it was not archived */
};

struct sim_retention {
    struct ended *ended;
    size_t count;
    size_t cap;
    unsigned crashes; /* yet to come */
};

/* ---- what is on the disk ---- */

static bool has_row(struct sim *s, enum store_cf cf, struct key key)
{
    struct buf value = {0};
    struct err err;
    bool has = store_get(coordinator_store(s), cf, key_slice(&key), &value, &err) == OK;

    buf_fini(&value);
    return has;
}

static struct key index_of(const struct ended_execution *e)
{
    return key_index(ACCOUNT, e->status, e->machine, e->start_ms, e->execution);
}

static bool is_there(struct sim *s, const struct ended *e)
{
    bool index = has_row(s, CF_INDEX, index_of(&e->at));

    if (index != has_row(s, CF_NAME, e->name) ||
        index != has_row(s, CF_EXECUTION, key_execution(ACCOUNT, e->at.execution, 0))) {
        sim_violation(s, "half of execution %llu is gone", (unsigned long long)e->at.execution);
    }
    return index;
}

static size_t count_there(struct sim *s)
{
    size_t there = 0;

    for (size_t i = 0; i < s->retention->count; i++) {
        there += is_there(s, &s->retention->ended[i]);
    }
    return there;
}

static void ended_add(struct sim *s, const struct ended_execution *at, struct slice bytes)
{
    struct sim_retention *r = s->retention;
    struct ledger_machine *m = ledger_machine_number(coordinator_ledger(s), at->machine);
    struct index_row row;
    struct err err;

    if (m != NULL && m->express) {
        return; /* kept for ever here */
    }
    if (index_row_decode(bytes, &row, &err) != OK) {
        sim_violation(s, "a row of the index cannot be read: %s", err.msg);
    }
    if (r->count == r->cap) {
        r->cap = r->cap != 0 ? 2 * r->cap : 64;
        r->ended = mem_realloc(r->ended, r->cap * sizeof(*r->ended));
    }
    r->ended[r->count++] =
        (struct ended){.at = *at, .name = key_name(ACCOUNT, at->machine, row.name)};
}

static void note_ended(struct sim *s, enum execution_status status)
{
    struct key from = key_index_status(ACCOUNT, status);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(coordinator_store(s), CF_INDEX, key_slice(&from), key_slice(&to), false);
    struct ended_execution e;
    struct slice key;
    struct slice value;
    uint64_t account;

    while (store_next(i, &key, &value)) {
        if (key_index_parse(key, &account, &e.status, &e.machine, &e.start_ms, &e.execution)) {
            ended_add(s, &e, value);
        }
    }
    (void)store_iterator_end(i, NULL);
}

/* ---- the archive ---- */

/* One that ended later than all others is not known yet. */
static struct ended *ended_of(struct sim *s, const struct ledger_archive *a)
{
    struct sim_retention *r = s->retention;

    for (size_t i = 0; i < r->count; i++) {
        if (r->ended[i].at.execution == a->execution) {
            return &r->ended[i];
        }
    }
    ended_add(s, &a->ended, slice_make(a->row, a->row_bytes));
    return &r->ended[r->count - 1];
}

static void keep_rows(struct sim *s, struct store_batch *b, enum store_cf cf, struct key from)
{
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(coordinator_store(s), cf, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;

    while (store_next(i, &key, &value)) {
        store_put(b, cf, key, value);
    }
    (void)store_iterator_end(i, NULL);
}

static void archive_rows(struct sim *s, struct ended *e)
{
    if (!is_there(s, e)) {
        sim_violation(s, "execution %llu is to be archived, and is gone",
                      (unsigned long long)e->at.execution);
    }
    if (e->archive == NULL) {
        e->archive = store_batch_new(coordinator_store(s));
    }
    store_batch_clear(e->archive);
    keep_rows(s, e->archive, CF_INDEX, index_of(&e->at));
    keep_rows(s, e->archive, CF_NAME, e->name);
    keep_rows(s, e->archive, CF_EXECUTION, key_execution_prefix(ACCOUNT, e->at.execution));
}

/* The answer may say that it failed, whether it did or not. */
static void archive_runs(struct sim *s, void *arg)
{
    struct ledger_archive *a = arg;
    uint64_t chance = sim_below(s, CHANCE_RETENTION, 10);

    if (chance != 0) {
        archive_rows(s, ended_of(s, a));
    }
    a->rc = chance < 2 ? err_set(&a->err, ERR_UNAVAILABLE, "the archive is away") : OK;
    sim_trace(s, &s->coordinator_node, "execution %llu is archived: %llu",
              (unsigned long long)a->execution, (unsigned long long)chance);
    coordinator_archive_done(s, a);
}

void retention_archive(struct sim *s, struct ledger_archive *a)
{
    sim_after(s, &s->coordinator_node, (int64_t)sim_below(s, CHANCE_RETENTION, SIM_SECOND),
              archive_runs, a, NULL);
}

/* ---- the world ---- */

/* A fault like others: the weather is not calm. Its clock is the system's again, wherever that was
 * put meanwhile. */
static void die(struct sim *s)
{
    s->options.faults_us = s->now_us;
    s->clock_us = 0;
    coordinator_crash(s);
}

static void crash(struct sim *s, void *arg)
{
    (void)arg;
    if (s->retention == NULL || s->retention->crashes == 0) {
        return;
    }
    s->retention->crashes--;
    die(s);
    (void)count_there(s);
    sim_after(s, NULL, (int64_t)sim_below(s, CHANCE_RETENTION, 5 * SIM_SECOND), crash, NULL, NULL);
}

static void run_until_gone(struct sim *s)
{
    int64_t end_us = s->now_us + (int64_t)RETENTION_ENDS_S * SIM_SECOND;
    int64_t look_us = s->now_us;
    size_t there = s->retention->count;

    while (there != 0) {
        if (s->now_us > end_us || !sim_step(s)) {
            sim_violation(s, "%zu executions that ended long ago do not go", there);
        }
        if (s->now_us >= look_us) {
            look_us = s->now_us + RETENTION_LOOK_US;
            there = count_there(s);
        }
    }
}

/* All of it, while the coordinator is down. */
static void restore(struct sim *s)
{
    struct sim_retention *r = s->retention;
    struct err err;

    for (size_t i = 0; i < r->count; i++) {
        struct ended *e = &r->ended[i];

        if (e->archive == NULL) {
            sim_violation(s, "execution %llu is gone, and was not archived",
                          (unsigned long long)e->at.execution);
        }
        if (store_write(coordinator_store(s), e->archive, &err) != OK) {
            sim_violation(s, "the archive cannot be put back: %s", err.msg);
        }
        store_batch_free(e->archive);
    }
    mem_free(r->ended);
    mem_free(r);
    s->retention = NULL;
}

void retention_check(struct sim *s)
{
    if (!sim_one_in(s, CHANCE_RETENTION, 3) || coordinator_ledger(s) == NULL) {
        return;
    }
    s->retention = mem_zalloc(1, sizeof(*s->retention));
    for (enum execution_status e = EXECUTION_SUCCEEDED; e <= EXECUTION_ABORTED; e++) {
        note_ended(s, e);
    }
    s->retention->crashes = (unsigned)sim_below(s, CHANCE_RETENTION, RETENTION_CRASHES);
    s->retention_ms = RETENTION_MS;
    die(s);
    sim_after(s, NULL, (int64_t)sim_below(s, CHANCE_RETENTION, 5 * SIM_SECOND), crash, NULL, NULL);
    run_until_gone(s);
    s->retention_ms = 0;
    die(s);
    restore(s);
    while (coordinator_ledger(s) == NULL) {
        (void)sim_step(s);
    }
}
