/* SPDX-License-Identifier: Apache-2.0 */
/* Rules: their rows, and when those that run by a schedule are due.
 *
 * A time that has come gives each target an event and moves the row's seen_ms in one batch: after a
 * crash it has happened once, or is due again. Times that passed while the coordinator was down are
 * one, the last (schedule_due()). The wall clock of the ledger never runs backwards, so no time
 * comes twice. */
#include <assert.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/store/keys.h"

/* ---- In memory ---- */

static struct ledger_rule *rule_new(struct ledger *l, struct slice name)
{
    struct ledger_rule *r = mem_zalloc(1, sizeof(*r));
    struct list *before = &l->event_rules;

    r->name = slice_make(mem_strdup(name), name.len);
    while (before->prev != &l->event_rules &&
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
    l->listeners -= r->listens;
    arena_fini(&r->texts);
    mem_free((void *)(uintptr_t)r->name.ptr);
    mem_free(r);
}

void event_rules_free(struct ledger *l)
{
    while (!list_empty(&l->event_rules)) {
        rule_free(l, container_of(l->event_rules.next, struct ledger_rule, link));
    }
    heap_fini(&l->rules_due);
}

/* When it is due next, if ever; and whether it wants events. */
static void rule_arm(struct ledger *l, struct ledger_rule *r)
{
    bool on = r->row.enabled && r->row.target_count != 0;
    int64_t due_ms;

    l->listeners -= r->listens;
    r->listens = on && r->pattern != NULL;
    l->listeners += r->listens;
    if (on && r->row.expression.len != 0 &&
        schedule_next(&r->schedule, r->row.began_ms, r->row.seen_ms, &due_ms)) {
        heap_set(&l->rules_due, &r->due, due_ms);
    } else {
        heap_remove(&l->rules_due, &r->due);
    }
}

/* Schedule, pattern and targets of `r->row`; all memory is its own. */
static enum err_code rule_compile(const struct ledger *l, struct ledger_rule *r, struct err *err)
{
    const struct target_place place = ledger_target_place(l);
    enum err_code rc = OK;

    if (r->row.expression.len != 0) {
        rc = schedule_compile(r->row.expression, &r->schedule, err);
    }
    if (rc == OK && r->row.pattern.len != 0) {
        rc = pattern_compile(r->row.pattern, PATTERN_EVENTS, &r->texts, &r->pattern, err);
    }
    r->targets = ARENA_ARRAY(&r->texts, r->row.target_count + 1, struct target);
    for (size_t i = 0; rc == OK && i < r->row.target_count; i++) {
        const struct rule_target *t = &r->row.targets[i];

        rc = target_compile(&t->texts, t->id, &place, &r->texts, &r->targets[i], err);
    }
    return rc;
}

/* What `bytes` say of it, which are copied. */
static enum err_code
rule_set(struct ledger *l, struct ledger_rule *r, struct slice bytes, struct err *err)
{
    struct ledger_rule fresh = {0};
    enum err_code rc =
        rule_row_decode(arena_copy(&fresh.texts, bytes), &fresh.texts, &fresh.row, err);

    if (rc == OK) {
        rc = rule_compile(l, &fresh, err);
    }
    if (rc != OK) {
        arena_fini(&fresh.texts);
        return rc;
    }
    arena_fini(&r->texts);
    r->texts = fresh.texts;
    r->row = fresh.row;
    r->schedule = fresh.schedule;
    r->pattern = fresh.pattern;
    r->targets = fresh.targets;
    rule_arm(l, r);
    return OK;
}

enum err_code event_rules_load(struct ledger *l, struct err *err)
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

const struct list *ledger_event_rules(const struct ledger *l)
{
    return &l->event_rules;
}

size_t ledger_rule_count(const struct ledger *l)
{
    return l->rule_count;
}

struct ledger_rule *ledger_rule_find(const struct ledger *l, struct slice name)
{
    LIST_EACH(n, &l->event_rules)
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

static const struct json_node *
scheduled_event(struct ledger *l, const struct ledger_rule *r, struct slice id, int64_t ms)
{
    struct json_builder resources = json_build_array(&l->arena);
    struct json_builder detail = json_build_object(&l->arena);
    struct event_head head = {
        .id = id,
        .source = SLICE("aws.events"),
        .detail_type = SLICE("Scheduled Event"),
        .region = slice_str(l->config.region),
        .account = l->config.account,
        .time_ms = ms,
    };

    json_push(&resources, json_string(&l->arena, ledger_rule_arn(l, r->name)));
    head.resources = json_built(&resources);
    return event_make(&head, json_built(&detail), &l->arena);
}

/* Its time has come. */
static void rule_run(struct ledger *l, struct ledger_rule *r)
{
    int64_t now_ms = l->now.wall_ms;
    int64_t due_ms;

    if (schedule_due(&r->schedule, r->row.began_ms, r->row.seen_ms, now_ms, &due_ms)) {
        struct slice id = ledger_uuid(l);

        rule_give(l, r, id, scheduled_event(l, r, id, due_ms));
    }
    r->row.seen_ms = now_ms;
    rule_write(l, r, &r->row);
    rule_arm(l, r);
}

void event_rules_due(struct ledger *l)
{
    struct heap_node *n;

    for (unsigned i = 0; i < LIMIT_RULE_RUNS_A_TURN && ledger_accepts(l) &&
                         (n = heap_min(&l->rules_due)) != NULL && n->key <= l->now.wall_ms;
         i++) {
        rule_run(l, container_of(n, struct ledger_rule, due));
    }
}
