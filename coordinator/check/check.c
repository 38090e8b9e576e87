/* SPDX-License-Identifier: Apache-2.0 */
/* The walk, and the table of what each kind of row is held against. */
#include "coordinator/check/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/check/internal.h"
#include "coordinator/store/backend.h"
#include "coordinator/store/row_fleet.h"
#include "coordinator/store/row_pipe.h"
#include "coordinator/store/row_queue.h"
#include "coordinator/store/row_rule.h"
#include "coordinator/store/row_version.h"
#include "coordinator/store/row_webhook.h"

enum { PROGRESS_ROWS = 1 << 16 };

/* ---- what is known ---- */

void numbers_add(struct numbers *n, uint64_t account, uint64_t number)
{
    if (n->count == n->cap) {
        n->cap = n->cap != 0 ? n->cap * 2 : 64;
        n->items = mem_realloc(n->items, n->cap * sizeof(*n->items));
    }
    n->items[n->count++] = (struct number){account, number};
}

static int by_number(const void *a, const void *b)
{
    const struct number *x = a;
    const struct number *y = b;

    return x->account != y->account ? (x->account > y->account) - (x->account < y->account)
                                    : (x->number > y->number) - (x->number < y->number);
}

void numbers_sort(struct numbers *n)
{
    if (n->count != 0) {
        qsort(n->items, n->count, sizeof(*n->items), by_number);
    }
}

bool numbers_has(const struct numbers *n, uint64_t account, uint64_t number)
{
    const struct number wanted = {account, number};

    return n->count != 0 && bsearch(&wanted, n->items, n->count, sizeof(wanted), by_number) != NULL;
}

/* ---- telling ---- */

static void tell(struct check *c,
                 enum store_cf cf,
                 struct slice key,
                 const char *follows,
                 const char *fmt,
                 va_list args)
{
    char what[ERR_MSG_BYTES];
    struct check_fault f = {.cf = cf, .key = key, .what = what, .follows = follows};

    (void)vsnprintf(what, sizeof(what), fmt, args);
    c->report->faults++;
    if (c->hooks != NULL && c->hooks->fault != NULL) {
        c->hooks->fault(c->hooks->arg, &f);
    }
}

void check_fault(struct check *c, const char *follows, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    tell(c, c->cf, c->key, follows, fmt, args);
    va_end(args);
}

void check_fault_at(struct check *c,
                    enum store_cf cf,
                    struct slice key,
                    const char *follows,
                    const char *fmt,
                    ...)
{
    va_list args;

    va_start(args, fmt);
    tell(c, cf, key, follows, fmt, args);
    va_end(args);
}

bool check_decoded(struct check *c, enum err_code rc, const struct err *err)
{
    if (rc != OK) {
        check_fault(c, "a coordinator does not start with it, or does without it", "%s", err->msg);
    }
    return rc == OK;
}

bool check_has(struct check *c, enum store_cf cf, struct key key)
{
    enum err_code rc;

    if (c->rc != OK) {
        return true;
    }
    buf_reset(&c->value);
    rc = store_get(c->store, cf, key_slice(&key), &c->value, &c->err);
    if (rc != OK && rc != ERR_NOT_FOUND) {
        c->rc = rc;
    }
    return rc != ERR_NOT_FOUND;
}

/* ---- rows that stand for themselves, and those of machines ---- */

static const char *const meta_names[] = {
    STORE_META_FORMAT, STORE_META_BATCH, "epoch",   "buckets",    "settled",
    "token_key",       "notices",        "waiters", "executions", "restored",
};

static void check_meta(struct check *c, const struct row_key *k, struct slice value)
{
    struct cursor v = cursor_make(value);

    for (size_t i = 0; i < sizeof(meta_names) / sizeof(meta_names[0]); i++) {
        if (!slice_eq_str(k->name, meta_names[i])) {
            continue;
        }
        if (slice_eq_str(k->name, STORE_META_FORMAT) && cursor_u64be(&v) != STORE_FORMAT) {
            check_fault(c, "a coordinator refuses it", "it is not the format %d", STORE_FORMAT);
        }
        return;
    }
    check_fault(c, "nothing reads it", "there is no such row");
}

void check_empty(struct check *c, const struct row_key *k, struct slice value)
{
    (void)k;
    if (value.len != 0) {
        check_fault(c, "nothing reads them", "it has %zu bytes where there are none", value.len);
    }
}

static void check_number(struct check *c, const struct row_key *k, struct slice value)
{
    (void)k;
    if (value.len != sizeof(uint64_t)) {
        check_fault(c, "a coordinator does not start with it", "it is not a number of 8 bytes");
    }
}

static void check_machine(struct check *c, const struct row_key *k, struct slice value)
{
    struct machine_row row;
    struct err err;

    if (!check_decoded(c, machine_row_decode(value, &row, &err), &err)) {
        return;
    }
    if (!slice_eq(row.name, k->name)) {
        check_fault(c, "it is found under the wrong name", "the row names %.*s",
                    SLICE_FMT(row.name));
    }
    if (!check_has(c, CF_MACHINE, key_revision(k->account, row.machine, row.revision))) {
        check_fault(c, "no execution of it can be started",
                    "machine %llu has no definition of revision %u",
                    (unsigned long long)row.machine, row.revision);
    }
    if (!check_has(c, CF_MACHINE, key_machine_counter(k->account))) {
        check_fault(c, "its number is given again", "there is no last machine number");
    } else if (c->value.len == sizeof(uint64_t)) {
        struct cursor last = cursor_make(buf_slice(&c->value));

        if (cursor_u64le(&last) < row.machine) {
            check_fault(c, "its number is given again",
                        "its number %llu is above the last that was given",
                        (unsigned long long)row.machine);
        }
    }
}

/* Revisions outlive their machine: ended executions are shown by them. */
static void check_revision(struct check *c, const struct row_key *k, struct slice value)
{
    struct revision_row row;
    struct err err;

    (void)k;
    (void)check_decoded(c, revision_row_decode(value, &row, &err), &err);
}

static bool has_version(const struct versions_row *row, uint32_t number)
{
    for (size_t i = 0; i < row->count; i++) {
        if (row->items[i].number == number) {
            return true;
        }
    }
    return false;
}

static void check_aliases(struct check *c, const struct versions_row *row)
{
    for (size_t i = 0; i < row->alias_count; i++) {
        const struct alias *a = &row->aliases[i];

        for (size_t r = 0; r < a->route_count; r++) {
            if (!has_version(row, a->routes[r].version)) {
                check_fault(c, "what is started by the alias fails",
                            "alias %.*s leads to version %u, which there is not",
                            SLICE_FMT(a->name), a->routes[r].version);
            }
        }
    }
}

static void check_versions(struct check *c, const struct row_key *k, struct slice value)
{
    uint64_t machine = k->numbers[0];
    struct versions_row row;
    struct err err;

    if (!check_decoded(c, versions_row_decode(value, &c->arena, &row, &err), &err)) {
        return;
    }
    if (!numbers_has(&c->machines, k->account, machine)) {
        check_fault(c, "the row stays for ever", "there is no machine %llu",
                    (unsigned long long)machine);
    }
    for (size_t i = 0; i < row.count; i++) {
        if (!check_has(c, CF_MACHINE, key_revision(k->account, machine, row.items[i].revision))) {
            check_fault(c, "what is started by the version fails",
                        "version %u has no definition of revision %u", row.items[i].number,
                        row.items[i].revision);
        }
    }
    check_aliases(c, &row);
}

static bool tagged_is_there(struct check *c, const struct row_key *k)
{
    switch (k->numbers[0]) {
    case 'm': return check_has(c, CF_MACHINE, key_machine(k->account, k->name));
    case 'a': return check_has(c, CF_MACHINE, key_activity(k->account, k->name));
    case 'p': return check_has(c, CF_MACHINE, key_pipe(k->account, k->name));
    case 'q': return check_has(c, CF_QUEUE, key_queue(k->account, k->name));
    case 't': return check_has(c, CF_QUEUE, key_topic(k->account, k->name));
    default: return false;
    }
}

static void check_tags(struct check *c, const struct row_key *k, struct slice value)
{
    struct tags_row row;
    struct err err;

    if (check_decoded(c, tags_row_decode(value, &c->arena, &row, &err), &err) &&
        !tagged_is_there(c, k)) {
        check_fault(c, "the next of that name has these tags", "what is tagged is not there");
    }
}

static void check_activity(struct check *c, const struct row_key *k, struct slice value)
{
    struct activity_row row;
    struct err err;

    (void)k;
    (void)check_decoded(c, activity_row_decode(value, &row, &err), &err);
}

static void check_access_key(struct check *c, const struct row_key *k, struct slice value)
{
    struct access_row row;
    struct err err;

    (void)k;
    (void)check_decoded(c, access_row_decode(value, &row, &err), &err);
}

/* What it reads from and hands to may be gone: then it says so itself. */
static void check_pipe(struct check *c, const struct row_key *k, struct slice value)
{
    struct pipe_row row;
    struct err err;

    (void)k;
    (void)check_decoded(c, pipe_row_decode(value, &row, &err), &err);
}

/* Targets may be gone, as with AWS: what cannot be delivered is a dead letter. */
static void check_rule_row(struct check *c, const struct row_key *k, struct slice value)
{
    struct rule_row row;
    struct err err;

    (void)k;
    if (!check_decoded(c, rule_row_decode(value, &c->arena, &row, &err), &err)) {
        return;
    }
    for (size_t i = 1; i < row.target_count; i++) {
        if (slice_cmp(row.targets[i - 1].id, row.targets[i].id) >= 0) {
            check_fault(c, "a target may not be found by its id", "its targets are out of order");
        }
    }
}

static void check_webhook(struct check *c, const struct row_key *k, struct slice value)
{
    struct webhook_row row;
    struct err err;

    if (!check_decoded(c, webhook_row_decode(value, &row, &err), &err)) {
        return;
    }
    if (row.kind != (enum webhook_kind)k->numbers[0] || !slice_eq(row.name, k->name)) {
        check_fault(c, "it is found as what it is not", "the row is of another kind or name");
    }
}

static void check_function(struct check *c, const struct row_key *k, struct slice value)
{
    struct fleet_terms row;
    struct err err;

    (void)k;
    (void)check_decoded(c, terms_row_decode(value, &c->arena, &row, &err), &err);
}

static void check_cordon(struct check *c, const struct row_key *k, struct slice value)
{
    enum fleet_cordon row;
    struct err err;

    (void)k;
    (void)check_decoded(c, cordon_row_decode(value, &row, &err), &err);
}

/* ---- the table ---- */

static const struct line {
    check_row *row;
    const char *rule;
} lines[ROW_KINDS] = {
    [ROW_META] = {check_meta, "it has a name that is known"},
    [ROW_MACHINE] = {check_machine, "its definition; the last machine number"},
    [ROW_REVISION] = {check_revision, "nothing: it outlives its machine"},
    [ROW_MACHINE_LAST] = {check_number, "nothing"},
    [ROW_ACTIVITY] = {check_activity, "nothing"},
    [ROW_ACCESS_KEY] = {check_access_key, "nothing"},
    [ROW_VERSIONS] = {check_versions, "its machine, each version's definition; alias: versions"},
    [ROW_TAGS] = {check_tags, "what is tagged"},
    [ROW_PIPE] = {check_pipe, "nothing: source and target may be gone"},
    [ROW_RULE] = {check_rule_row, "nothing: targets may be gone"},
    [ROW_WEBHOOK] = {check_webhook, "its name and kind"},
    [ROW_FUNCTION] = {check_function, "nothing"},
    [ROW_CORDON] = {check_cordon, "nothing"},
    [ROW_NAME] = {check_name, "its execution"},
    [ROW_INDEX] = {check_index, "its execution; parked: its timer"},
    [ROW_EXECUTION] = {check_record, "records and history without holes; its line and name; "
                                     "running: machine, definition, documents"},
    [ROW_JOB] = {check_job, "nothing"},
    [ROW_JOB_RUN] = {check_job_run, "its id, its line; not over: open"},
    [ROW_JOB_RUN_ID] = {check_job_run_id, "its run"},
    [ROW_JOB_LINE] = {check_job_line, "its run; its job, or the sweep of a deleted one"},
    [ROW_JOB_OPEN] = {check_job_open, "its run"},
    [ROW_JOB_SWEEP] = {check_number, "nothing"},
    [ROW_JOB_RUN_LAST] = {check_number, "nothing"},
    [ROW_JOB_SIZES] = {check_job_sizes, "its run, open"},
    [ROW_JOB_PIECE] = {check_job_piece, "its run, open"},
    [ROW_QUEUE] = {check_queue, "its counters; the last queue number"},
    [ROW_QUEUE_LAST] = {check_queue_last, "nothing"},
    [ROW_MESSAGE] = {check_message, "its queue or a sweep; counted by its queue's counters"},
    [ROW_MESSAGE_STATE] = {check_message_state, "its message"},
    [ROW_QUEUE_COUNTER] = {check_queue_counter, "its queue or a sweep; as many messages"},
    [ROW_DEDUP] = {check_dedup, "its queue or a sweep"},
    [ROW_MOVES] = {check_moves, "its queue"},
    [ROW_QUEUE_SWEEP] = {check_empty, "nothing"},
    [ROW_TOPIC] = {check_topic, "nothing"},
    [ROW_SUBSCRIPTION] = {check_subscription, "its topic; its queue may be gone"},
    [ROW_DELIVERY] = {check_delivery, "nothing: rule and target may be gone"},
    [ROW_TIMER] = {check_timer, "its execution, parked until then"},
};

const char *check_rule(enum row_kind kind)
{
    return lines[kind].row != NULL ? lines[kind].rule : NULL;
}

/* ---- the walk ---- */

static void learn_row(struct check *c, const struct row_key *k, struct slice value)
{
    struct machine_row machine;
    struct queue_row queue;

    if (k == NULL) {
        return; /* told when it is looked at */
    }
    if (k->kind == ROW_MACHINE && machine_row_decode(value, &machine, NULL) == OK) {
        numbers_add(&c->machines, k->account, machine.machine);
    } else if (k->kind == ROW_QUEUE && queue_row_decode(value, &queue, NULL) == OK) {
        numbers_add(&c->queues, k->account, queue.number);
        numbers_add(&c->generations, k->account, queue.generation);
    } else if (k->kind == ROW_QUEUE_SWEEP) {
        numbers_add(&c->queues, k->account, k->numbers[0]);
        numbers_add(&c->generations, k->account, k->numbers[0]);
    }
}

static void look_row(struct check *c, const struct row_key *k, struct slice value)
{
    struct check_count *count = k != NULL ? &c->report->kinds[k->kind] : &c->report->unknown;

    count->rows++;
    count->bytes += c->key.len + value.len;
    if (k != NULL) {
        lines[k->kind].row(c, k, value);
    } else {
        check_fault(c, "nothing reads it", "there is no kind of row with such a key");
    }
    if (++c->rows % PROGRESS_ROWS == 0 && c->hooks != NULL && c->hooks->progress != NULL) {
        c->hooks->progress(c->hooks->arg, c->rows);
    }
}

/* Each row of a range; without a key where that is of no kind. */
static void walk(struct check *c,
                 enum store_cf cf,
                 struct slice from,
                 struct slice to,
                 void (*each)(struct check *c, const struct row_key *k, struct slice value))
{
    struct store_iterator *i;
    struct row_key k;
    struct slice key;
    struct slice value;
    enum err_code rc;

    if (c->rc != OK) {
        return;
    }
    i = store_iterate(c->store, cf, from, to, false);
    while (c->rc == OK && store_next(i, &key, &value)) {
        c->cf = cf;
        c->key = key;
        arena_reset(&c->arena);
        each(c, row_key_parse(cf, key, &k) ? &k : NULL, value);
    }
    rc = store_iterator_end(i, c->rc == OK ? &c->err : NULL);
    c->rc = c->rc == OK ? rc : c->rc;
}

static void learn_range(struct check *c, enum store_cf cf, struct key from)
{
    struct key to = key_after(&from);

    walk(c, cf, key_slice(&from), key_slice(&to), learn_row);
}

/* The first account from *account on that has rows in the family. */
static bool next_account(struct check *c, enum store_cf cf, uint64_t *account)
{
    struct buf from = {0};
    struct store_iterator *i;
    struct slice key;
    struct slice value;
    bool found;
    enum err_code rc;

    if (c->rc != OK) {
        return false;
    }
    buf_put_u64be(&from, *account);
    i = store_iterate(c->store, cf, buf_slice(&from), SLICE(""), false);
    found = store_next(i, &key, &value);
    if (found) {
        struct cursor k = cursor_make(key);

        *account = cursor_u64be(&k);
        found = !k.bad;
    }
    rc = store_iterator_end(i, &c->err);
    c->rc = rc;
    buf_fini(&from);
    return found && rc == OK;
}

static void learn(struct check *c)
{
    uint64_t account = 0;

    for (; next_account(c, CF_MACHINE, &account); account++) {
        learn_range(c, CF_MACHINE, key_machines(account));
    }
    for (account = 0; next_account(c, CF_QUEUE, &account); account++) {
        learn_range(c, CF_QUEUE, key_queues(account));
        learn_range(c, CF_QUEUE, key_queue_sweeps(account));
    }
    numbers_sort(&c->machines);
    numbers_sort(&c->queues);
    numbers_sort(&c->generations);
}

static void check_format_is_there(struct check *c)
{
    if (!check_has(c, CF_META, key_meta(STORE_META_FORMAT))) {
        check_fault_at(c, CF_META, SLICE(STORE_META_FORMAT), "a coordinator refuses it",
                       "the database does not say which format it has");
    }
}

enum err_code check_store(struct store *s,
                          const struct check_hooks *hooks,
                          struct check_report *out,
                          struct err *err)
{
    struct check c = {.store = s, .hooks = hooks, .report = out};

    *out = (struct check_report){.faults = 0};
    learn(&c);
    check_format_is_there(&c);
    for (int cf = 0; cf < CF_COUNT; cf++) {
        walk(&c, (enum store_cf)cf, SLICE(""), SLICE(""), look_row);
        if (c.rc == OK && cf == CF_EXECUTION) {
            check_record_end(&c);
        } else if (c.rc == OK && cf == CF_QUEUE) {
            check_message_end(&c);
        }
    }
    arena_fini(&c.passing.arena);
    arena_fini(&c.arena);
    buf_fini(&c.value);
    mem_free(c.machines.items);
    mem_free(c.queues.items);
    mem_free(c.generations.items);
    if (c.rc != OK && err != NULL) {
        *err = c.err;
    }
    return c.rc;
}
