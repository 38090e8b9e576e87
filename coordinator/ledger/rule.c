/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that run by a schedule: their rows, when they are due, and the executions they start.
 *
 * A time that has come starts an execution of each target and moves the row's seen_ms in one batch:
 * after a crash it has happened once, or is due again. Times that passed while the coordinator was
 * down are one, the last (schedule_due()). The wall clock of the ledger never runs backwards, so no
 * time comes twice. A target that cannot be started (its machine is gone) is said in the log. */
#include <assert.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/store/keys.h"
#include "proto/base/text.h"
#include "proto/host/log.h"

/* ---- In memory ---- */

static struct ledger_rule *rule_new(struct ledger *l, struct slice name)
{
    struct ledger_rule *r = mem_zalloc(1, sizeof(*r));
    struct list *before = &l->schedules;

    r->name = slice_make(mem_strdup(name), name.len);
    while (before->prev != &l->schedules &&
           slice_cmp(container_of(before->prev, struct ledger_rule, link)->name, name) > 0) {
        before = before->prev;
    }
    list_push_back(before, &r->link);
    l->rule_count++;
    return r;
}

static void rule_free(struct ledger *l, struct ledger_rule *r)
{
    heap_remove(&l->rules_due, &r->due);
    list_remove(&r->link);
    l->rule_count--;
    arena_fini(&r->texts);
    mem_free((void *)(uintptr_t)r->name.ptr);
    mem_free(r);
}

void schedules_free(struct ledger *l)
{
    while (!list_empty(&l->schedules)) {
        rule_free(l, container_of(l->schedules.next, struct ledger_rule, link));
    }
    heap_fini(&l->rules_due);
}

/* When it is due next, if ever. */
static void rule_arm(struct ledger *l, struct ledger_rule *r)
{
    int64_t due_ms;

    if (r->row.enabled && r->row.target_count != 0 &&
        schedule_next(&r->schedule, r->row.began_ms, r->row.seen_ms, &due_ms)) {
        heap_set(&l->rules_due, &r->due, due_ms);
    } else {
        heap_remove(&l->rules_due, &r->due);
    }
}

/* What `bytes` say of it, which are copied. */
static enum err_code
rule_set(struct ledger *l, struct ledger_rule *r, struct slice bytes, struct err *err)
{
    struct arena texts = {0};
    struct schedule schedule;
    struct rule_row row;
    enum err_code rc = rule_row_decode(arena_copy(&texts, bytes), &texts, &row, err);

    if (rc == OK) {
        rc = schedule_compile(row.expression, &schedule, err);
    }
    if (rc != OK) {
        arena_fini(&texts);
        return rc;
    }
    arena_fini(&r->texts);
    r->texts = texts;
    r->row = row;
    r->schedule = schedule;
    rule_arm(l, r);
    return OK;
}

enum err_code schedules_load(struct ledger *l, struct err *err)
{
    struct key from = key_rules(l->config.account);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(l->store, CF_MACHINE, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;
    enum err_code rc = OK;

    while (rc == OK && store_next(i, &key, &value)) {
        struct slice name = slice_from(key, from.len);

        rc = rule_set(l, rule_new(l, name), value, err);
        if (rc != OK) {
            err_wrap(err, "rule %.*s", SLICE_FMT(name));
        }
    }
    if (rc != OK) {
        (void)store_iterator_end(i, NULL);
        return rc;
    }
    return store_iterator_end(i, err);
}

/* ---- What there is ---- */

const struct list *ledger_schedules(const struct ledger *l)
{
    return &l->schedules;
}

size_t ledger_rule_count(const struct ledger *l)
{
    return l->rule_count;
}

struct ledger_rule *ledger_rule_find(const struct ledger *l, struct slice name)
{
    LIST_EACH(n, &l->schedules)
    {
        struct ledger_rule *r = container_of(n, struct ledger_rule, link);

        if (slice_eq(r->name, name)) {
            return r;
        }
    }
    return NULL;
}

struct slice ledger_rule_arn(struct ledger *l, struct slice name)
{
    return arena_printf(&l->arena, "arn:aws:events:%s:%012llu:rule/%.*s", l->config.region,
                        (unsigned long long)l->config.account, SLICE_FMT(name));
}

/* ---- Made, changed, deleted ---- */

static void rule_write(struct ledger *l, const struct ledger_rule *r, const struct rule_row *row)
{
    struct key key = key_rule(l->config.account, r->name);

    buf_reset(&l->scratch);
    rule_row_encode(row, &l->scratch);
    store_put(l->filling, CF_MACHINE, key_slice(&key), buf_slice(&l->scratch));
}

void ledger_rule_put(struct ledger *l, struct slice name, const struct rule_row *row)
{
    struct ledger_rule *r = ledger_rule_find(l, name);
    enum err_code rc;

    if (r == NULL) {
        r = rule_new(l, name);
    }
    rule_write(l, r, row);
    rc = rule_set(l, r, buf_slice(&l->scratch), NULL);
    assert(rc == OK);
    (void)rc;
}

void ledger_rule_delete(struct ledger *l, struct ledger_rule *r)
{
    struct key key = key_rule(l->config.account, r->name);

    store_delete(l->filling, CF_MACHINE, key_slice(&key));
    rule_free(l, r);
}

/* ---- What is due ---- */

/* "2026-11-23T05:14:00Z". */
static struct slice event_time(struct ledger *l, int64_t ms)
{
    return arena_printf(&l->arena, "%.19sZ", text_time(ms, &l->arena).ptr);
}

static struct slice event_text(struct ledger *l, struct slice id, struct slice rule, int64_t ms)
{
    return arena_printf(&l->arena,
                        "{\"version\":\"0\",\"id\":\"%.*s\",\"detail-type\":\"Scheduled Event\","
                        "\"source\":\"aws.events\",\"account\":\"%012llu\",\"time\":\"%.*s\","
                        "\"region\":\"%s\",\"resources\":[\"%.*s\"],\"detail\":{}}",
                        SLICE_FMT(id), (unsigned long long)l->config.account,
                        SLICE_FMT(event_time(l, ms)), l->config.region,
                        SLICE_FMT(ledger_rule_arn(l, rule)));
}

static void start_target(struct ledger *l,
                         const struct ledger_rule *r,
                         const struct rule_target *t,
                         struct slice id,
                         struct slice event)
{
    struct ledger_machine *m =
        ledger_machine_find(l, slice_from(t->arn, slice_rfind(t->arn, ':') + 1));
    struct ledger_start s = {.machine = m, .input = t->input.len != 0 ? t->input : event};
    struct err err = {.msg = "the state machine is gone"};
    uint64_t execution;
    enum err_code rc = ERR_MACHINE_DOES_NOT_EXIST;

    if (m != NULL && !m->deleting) {
        s.name = arena_printf(&l->arena, "%.*s_%.*s", SLICE_FMT(id), SLICE_FMT(ledger_uuid(l)));
        s.arn = ledger_start_arn(l, &s);
        rc = ledger_start(l, &s, &execution, &err);
    }
    if (rc != OK) {
        log_warn("a rule's target could not be started: rule=%.*s target=%.*s: %s",
                 SLICE_FMT(r->name), SLICE_FMT(t->id), err.msg);
    }
}

/* Its time has come. */
static void rule_run(struct ledger *l, struct ledger_rule *r)
{
    int64_t now_ms = l->now.wall_ms;
    int64_t due_ms;

    if (schedule_due(&r->schedule, r->row.began_ms, r->row.seen_ms, now_ms, &due_ms)) {
        struct slice id = ledger_uuid(l);
        struct slice event = event_text(l, id, r->name, due_ms);

        for (size_t i = 0; i < r->row.target_count; i++) {
            start_target(l, r, &r->row.targets[i], id, event);
        }
    }
    r->row.seen_ms = now_ms;
    rule_write(l, r, &r->row);
    rule_arm(l, r);
}

void schedules_due(struct ledger *l)
{
    size_t started = 0;
    struct heap_node *n;

    while (started < LIMIT_RULE_STARTS_A_TURN && (n = heap_min(&l->rules_due)) != NULL &&
           n->key <= l->now.wall_ms) {
        struct ledger_rule *r = container_of(n, struct ledger_rule, due);

        if (l->open_count + r->row.target_count > l->config.open_most) {
            heap_set(&l->rules_due, n, l->now.wall_ms + LIMIT_RULE_RETRY_MS);
            continue;
        }
        started += r->row.target_count;
        rule_run(l, r);
    }
}
