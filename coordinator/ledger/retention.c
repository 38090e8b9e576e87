/* SPDX-License-Identifier: Apache-2.0 */
/* Ended executions that have been kept long enough.
 *
 * Nothing is written for it while an execution lives: the index has them by status, machine and
 * start, so that a pass reads, of each status and machine, the oldest first, and stops at the first
 * one that was started too late to have been over for long enough. What it reads in vain is what
 * ran long and ended lately: once a pass.
 *
 *   pass: index rows, oldest start first ---ended too lately--> passed over, until the next pass
 *           |  over for long enough                    .-failed: the pass ends, and begins anew
 * later
 *           |---Standard, archive---> handed out ---done--> as it was? ---.
 *           '-------------------------------------------------------------'--> all rows, in one
 * batch
 *
 * All rows of one go in one batch: at no moment, and after no crash, is there half of one. A batch
 * takes a bounded number of them, so that a backlog goes as fast as batches do and stalls nothing.
 * One that is in memory, or whose end is still to be told to a task that waits for it, stays until
 * a later pass. What is deleted and not yet durable is known (retention_is_gone): rows are read
 * until then, and a redrive of such a one would leave half of it.
 *
 * The first pass comes a while after the start: a machine whose clock was wrong may have set it by
 * then.
 *
 * Source: Step Functions developer guide, quotas ("Execution history retention time"). */
#include "coordinator/ledger/retention.h"

#include "coordinator/ledger/internal.h"
#include "coordinator/store/keys.h"
#include "proto/host/log.h"

enum {
    SINGLE_DELETES = 64,     /* records of one; what it has more goes as a range */
    PASSES_A_RETENTION = 64, /* so late is deleted, at most, what is kept for a short time */
    PASS_MS_MIN = 1000,
    PASS_MS_MAX = 10 * 60 * 1000,
    ARCHIVE_RETRY_MS = 1000, /* doubled each time */
    ARCHIVE_RETRY_MS_MAX = 5 * 60 * 1000,
};

static const enum execution_status ended[] = {EXECUTION_SUCCEEDED, EXECUTION_FAILED,
                                              EXECUTION_TIMED_OUT, EXECUTION_ABORTED};
enum { ENDED = sizeof(ended) / sizeof(ended[0]) };

struct gone {
    uint64_t execution;
    uint64_t batch; /* that deletes its rows */
};

struct retention {
    bool opened;
    bool passing;
    bool full;            /* no more may be handed out: the pass stands still */
    size_t status;        /* in `ended`: what the pass is at, */
    struct key to;        /* and of it has passed what is at or behind this; empty: nothing */
    int64_t next_ms;      /* mono: the next pass */
    uint64_t batch;       /* the last one that deletes, */
    unsigned deletes;     /* so many executions */
    struct buf gone;      /* of struct gone, the oldest first */
    struct list archives; /* ledger_archive.link: handed out */
    size_t archive_count;
    struct ledger_retention figures;
};

struct retention *retention_new(void)
{
    struct retention *r = mem_zalloc(1, sizeof(*r));

    list_init(&r->archives);
    return r;
}

void retention_free(struct retention *r)
{
    struct list *n;

    while ((n = list_pop_front(&r->archives)) != NULL) {
        mem_free(container_of(n, struct ledger_archive, link));
    }
    buf_fini(&r->gone);
    mem_free(r);
}

const struct ledger_retention *ledger_retention_figures(const struct ledger *l)
{
    return &l->retention->figures;
}

/* ---- what is on its way out ---- */

static struct gone gone_at(const struct retention *r, size_t i)
{
    struct gone g;

    memcpy(&g, r->gone.ptr + i * sizeof(g), sizeof(g));
    return g;
}

bool retention_is_gone(const struct ledger *l, uint64_t execution)
{
    const struct retention *r = l->retention;

    for (size_t i = 0; i < r->gone.len / sizeof(struct gone); i++) {
        struct gone g = gone_at(r, i);

        if (g.execution == execution && g.batch > l->durable_number) {
            return true;
        }
    }
    return false;
}

/* Those whose batch is on disk are not read any more. */
static void gone_trim(const struct ledger *l, struct retention *r)
{
    size_t durable = 0;

    while (durable < r->gone.len / sizeof(struct gone) &&
           gone_at(r, durable).batch <= l->durable_number) {
        durable++;
    }
    if (durable != 0) {
        r->gone.len -= durable * sizeof(struct gone);
        memmove(r->gone.ptr, r->gone.ptr + durable * sizeof(struct gone), r->gone.len);
    }
}

static bool is_handed_out(const struct retention *r, uint64_t execution)
{
    LIST_EACH(n, &r->archives)
    {
        if (container_of(n, struct ledger_archive, link)->execution == execution) {
            return true;
        }
    }
    return false;
}

/* Nobody has it in hand. */
static bool may_go(const struct ledger *l, uint64_t execution)
{
    return hot_find(l, execution) == NULL && !retention_is_gone(l, execution) &&
           !is_handed_out(l->retention, execution) && !notice_is_due(l, execution);
}

/* ---- deleting ---- */

static void delete_records(struct ledger *l, uint64_t execution)
{
    struct key from = key_execution_prefix(l->config.account, execution);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(l->store, CF_EXECUTION, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;

    for (unsigned n = 0; store_next(i, &key, &value); n++) {
        if (n == SINGLE_DELETES) {
            store_delete_range(l->filling, CF_EXECUTION, key, key_slice(&to));
            break;
        }
        store_delete(l->filling, CF_EXECUTION, key);
    }
    (void)store_iterator_end(i, NULL); /* a read that failed stops the coordinator */
}

/* No number is given twice, whatever rows are left: tokens and tasks name executions by it. */
static void keep_last_number(struct ledger *l)
{
    struct key key = key_meta("executions");

    buf_reset(&l->scratch);
    buf_put_u64be(&l->scratch, l->next_execution - 1);
    store_put(l->filling, CF_META, key_slice(&key), buf_slice(&l->scratch));
}

static void delete_execution(struct ledger *l, const struct ended_execution *e, struct slice name)
{
    struct retention *r = l->retention;
    struct key index =
        key_index(l->config.account, e->status, e->machine, e->start_ms, e->execution);
    struct key named = key_name(l->config.account, e->machine, name);
    struct gone g = {e->execution, l->filling_number};

    if (r->batch != l->filling_number) {
        gone_trim(l, r);
        keep_last_number(l);
        r->batch = l->filling_number;
        r->deletes = 0;
    }
    store_delete(l->filling, CF_INDEX, key_slice(&index));
    store_delete(l->filling, CF_NAME, key_slice(&named));
    delete_records(l, e->execution);
    buf_put(&r->gone, &g, sizeof(g));
    r->deletes++;
    r->figures.expired++;
}

static bool batch_has_room(const struct ledger *l)
{
    const struct retention *r = l->retention;

    return ledger_accepts(l) &&
           (r->batch != l->filling_number || r->deletes < LIMIT_RETENTION_DELETES_A_BATCH);
}

/* ---- archiving ---- */

static void hand_out(struct ledger *l, const struct ended_execution *e, struct slice row)
{
    struct ledger_archive *a = mem_zalloc(1, sizeof(*a) + row.len);

    a->execution = e->execution;
    a->ended = *e;
    a->row_bytes = row.len;
    memcpy(a->row, row.ptr, row.len);
    list_push_back(&l->retention->archives, &a->link);
    l->retention->archive_count++;
    l->hooks.archive(l->hooks.arg, a);
}

/* Is its row in the index as it was? It may have been redriven, and be over again. */
static bool is_as_it_was(struct ledger *l, const struct ledger_archive *a)
{
    struct key key = key_index(l->config.account, a->ended.status, a->ended.machine,
                               a->ended.start_ms, a->execution);
    struct buf row = {0};
    struct err err;
    bool same = store_get(l->store, CF_INDEX, key_slice(&key), &row, &err) == OK &&
                slice_eq(buf_slice(&row), slice_make(a->row, a->row_bytes));

    buf_fini(&row);
    return same;
}

static void archived(struct ledger *l, const struct ledger_archive *a)
{
    struct index_row row;
    struct err err;

    l->retention->figures.failures = 0;
    if (may_go(l, a->execution) && is_as_it_was(l, a) &&
        index_row_decode(slice_make(a->row, a->row_bytes), &row, &err) == OK) {
        delete_execution(l, &a->ended, row.name);
        l->retention->figures.archived++;
    }
}

/* Nothing goes that is not archived: all of it is tried again, ever less often. */
static void archive_failed(struct ledger *l, const struct err *err)
{
    struct retention *r = l->retention;
    unsigned doublings = r->figures.failures < 9 ? r->figures.failures : 9;
    int64_t wait = (int64_t)ARCHIVE_RETRY_MS << doublings;

    r->figures.problem = *err;
    if (!r->passing && r->figures.failures != 0 && r->next_ms > l->now.mono_ms) {
        return; /* handed out beside one that has failed already */
    }
    r->figures.failures++;
    r->passing = false;
    r->next_ms = l->now.mono_ms + (wait < ARCHIVE_RETRY_MS_MAX ? wait : ARCHIVE_RETRY_MS_MAX);
    log_warn("ended executions cannot be archived and are kept: %s; trying again", err->msg);
}

void ledger_archive_done(struct ledger *l, struct ledger_archive *a)
{
    struct retention *r = l->retention;

    list_remove(&a->link);
    r->archive_count--;
    r->full = false;
    if (a->rc == OK) {
        archived(l, a);
    } else if (a->unreadable) {
        log_error("an ended execution cannot be archived and is kept: number=%llu: %s",
                  (unsigned long long)a->execution, a->err.msg);
    } else {
        archive_failed(l, &a->err);
    }
    mem_free(a);
}

/* ---- a pass ---- */

/* Those of that machine that had ended by then go; below 0: none. */
static int64_t cutoff_ms(struct ledger *l, const struct ledger_machine *m)
{
    int64_t kept_ms =
        m != NULL && m->express ? l->config.retention_express_ms : l->config.retention_ms;

    return kept_ms != 0 ? l->now.wall_ms - kept_ms : -1;
}

/* False: it cannot be dealt with now, and the pass stands still before it. */
static bool expire(struct ledger *l, const struct ended_execution *e, struct slice bytes)
{
    struct retention *r = l->retention;
    const struct ledger_machine *m = ledger_machine_number(l, e->machine);
    struct index_row row;
    struct err err;

    if (index_row_decode(bytes, &row, &err) != OK) {
        log_error("an ended execution's row cannot be read: number=%llu: %s",
                  (unsigned long long)e->execution, err.msg);
        return true;
    }
    if (row.stop_ms > cutoff_ms(l, m) || !may_go(l, e->execution)) {
        return true;
    }
    if (l->hooks.archive == NULL || (m != NULL && m->express)) {
        delete_execution(l, e, row.name);
        return true;
    }
    r->full = r->archive_count == LIMIT_ARCHIVES;
    if (!r->full) {
        hand_out(l, e, bytes);
    }
    return !r->full;
}

enum walked { WALKED_ALL, WALKED_MACHINE, WALKED_SOME };

/* Rows of one status from where the pass stands, up to *looks. */
static enum walked walk(struct ledger *l, struct store_iterator *i, unsigned *looks)
{
    struct retention *r = l->retention;
    struct ended_execution e;
    struct slice key;
    struct slice value;
    uint64_t account;

    while (*looks > 0 && batch_has_room(l)) {
        if (!store_next(i, &key, &value)) {
            return WALKED_ALL;
        }
        (*looks)--;
        if (key_index_parse(key, &account, &e.status, &e.machine, &e.start_ms, &e.execution)) {
            if (e.start_ms > cutoff_ms(l, ledger_machine_number(l, e.machine))) {
                r->to = key_index_machine(account, e.status, e.machine);
                return WALKED_MACHINE; /* its others were started later still */
            }
            if (!expire(l, &e, value)) {
                return WALKED_SOME;
            }
        }
        memcpy(r->to.bytes, key.ptr, key.len);
        r->to.len = key.len;
    }
    return WALKED_SOME;
}

static void pass_later(struct ledger *l)
{
    struct retention *r = l->retention;
    int64_t shortest = l->config.retention_ms;
    int64_t wait;

    if (shortest == 0 ||
        (l->config.retention_express_ms != 0 && l->config.retention_express_ms < shortest)) {
        shortest = l->config.retention_express_ms;
    }
    wait = shortest / PASSES_A_RETENTION;
    wait = wait > PASS_MS_MIN ? wait : PASS_MS_MIN;
    r->passing = false;
    r->next_ms = l->now.mono_ms + (wait < PASS_MS_MAX ? wait : PASS_MS_MAX);
}

static bool goes_on(const struct ledger *l)
{
    return l->retention->passing && !l->retention->full && batch_has_room(l);
}

static void pass(struct ledger *l)
{
    struct retention *r = l->retention;
    unsigned looks = LIMIT_RETENTION_LOOKS_A_TURN;

    while (looks > 0 && goes_on(l)) {
        struct key from = key_index_status(l->config.account, ended[r->status]);
        struct key end = key_after(&from);
        struct store_iterator *i = store_iterate(l->store, CF_INDEX, key_slice(&from),
                                                 key_slice(r->to.len != 0 ? &r->to : &end), true);
        enum walked how = walk(l, i, &looks);

        (void)store_iterator_end(i, NULL);
        looks -= looks > 0; /* to seek costs something, too */
        if (how == WALKED_ALL) {
            r->to.len = 0;
            r->status++;
        }
        if (r->status == ENDED) {
            pass_later(l);
        }
    }
}

static bool is_wanted(const struct ledger *l)
{
    return l->config.retention_ms != 0 || l->config.retention_express_ms != 0;
}

void retention_run(struct ledger *l)
{
    struct retention *r = l->retention;

    if (!is_wanted(l)) {
        return;
    }
    if (!r->opened) {
        r->opened = true;
        pass_later(l);
    }
    if (!r->passing && l->now.mono_ms >= r->next_ms) {
        r->passing = true;
        r->status = 0;
        r->to.len = 0;
    }
    pass(l);
}

int64_t retention_wait_ms(const struct ledger *l, struct fleet_now now)
{
    const struct retention *r = l->retention;

    if (!is_wanted(l)) {
        return INT64_MAX;
    }
    if (!r->passing) {
        return r->next_ms - now.mono_ms;
    }
    return goes_on(l) ? 0 : INT64_MAX; /* a commit, or what was archived, brings it on */
}
