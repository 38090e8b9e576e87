/* SPDX-License-Identifier: Apache-2.0 */
/* Targets of rules: what gets their events. Idempotent by their ids. All of a request are put, or
 * none. Source: Amazon EventBridge API Reference; answers of AWS for the refusals. */
#include <string.h>

#include "coordinator/api/operation_rule.h"
#include "proto/base/limits.h"

enum { TARGET_ID_CHARS = 64, ARN_CHARS = 1600 };

static struct rule_target target_of(const Stepfleet__RuleTarget *m)
{
    return (struct rule_target){
        .id = slice_str(m->id),
        .role_arn = slice_str(m->role_arn),
        .texts =
            {
                .arn = slice_str(m->arn),
                .input = slice_str(m->input),
                .input_path = slice_str(m->input_path),
                .transformer = message_slice(m->input_transformer),
                .queue = message_slice(m->queue),
                .dead_letters = message_slice(m->dead_letter),
                .retry = message_slice(m->retry_policy),
            },
    };
}

/* What it names need not be there yet. */
static bool is_target(struct call *c, const Stepfleet__RuleTarget *m)
{
    struct ledger *l = c->api->ledger;
    const struct target_place place = ledger_target_place(l);
    const struct rule_target t = target_of(m);
    struct target ignored;
    struct err err;

    if (!rule_is_word(t.id, TARGET_ID_CHARS)) {
        call_fail(c, ERR_VALIDATION,
                  "1 validation error detected: Value '%.100s' at 'targets.1.member.id' failed to "
                  "satisfy constraint: Member must satisfy regular expression pattern: "
                  "[\\.\\-_A-Za-z0-9]+",
                  m->id);
        return false;
    }
    if (!rule_is_short(c, "arn", m->arn, ARN_CHARS) ||
        !rule_is_short(c, "roleArn", m->role_arn, ARN_CHARS) ||
        !rule_is_short(c, "input", m->input, LIMIT_RULE_INPUT_BYTES)) {
        return false;
    }
    if (target_compile(&t.texts, t.id, &place, ledger_turn_arena(l), &ignored, &err) != OK) {
        c->fail(c, err.code, &err);
        return false;
    }
    return true;
}

/* In its place by id, instead of one that has it; false: there are too many. */
static bool add_target(struct rule_target *targets, size_t *count, const Stepfleet__RuleTarget *m)
{
    const struct rule_target t = target_of(m);
    size_t at = 0;

    while (at < *count && slice_cmp(targets[at].id, t.id) < 0) {
        at++;
    }
    if (at == *count || !slice_eq(targets[at].id, t.id)) {
        if (*count == LIMIT_RULE_TARGETS) {
            return false;
        }
        memmove(targets + at + 1, targets + at, (*count - at) * sizeof(*targets));
        (*count)++;
    }
    targets[at] = t;
    return true;
}

/* Targets that come where there were none have nothing to make up for. */
static void set_targets(struct call *c,
                        const struct ledger_rule *r,
                        const struct rule_target *targets,
                        size_t count)
{
    Stepfleet__RuleTargetsDone done = STEPFLEET__RULE_TARGETS_DONE__INIT;
    struct rule_row row = r->row;

    if (row.target_count == 0) {
        row.seen_ms = ledger_now(c->api->ledger).wall_ms;
    }
    row.targets = targets;
    row.target_count = count;
    done.rule = arena_str(ledger_turn_arena(c->api->ledger), r->name);
    ledger_rule_put(c->api->ledger, r->name, &row);
    c->reply(c, &done.base);
}

void operation_RULE_TARGETS_PUT(struct call *c)
{
    const Stepfleet__RuleTargetsRequest *q = (const void *)c->request;
    const struct ledger_rule *r = rule_find(c, q->rule, q->bus);
    struct rule_target *targets =
        ARENA_ARRAY(ledger_turn_arena(c->api->ledger), LIMIT_RULE_TARGETS + 1, struct rule_target);
    size_t count = 0;

    if (r == NULL) {
        return;
    }
    count = r->row.target_count;
    for (size_t i = 0; i < count; i++) {
        targets[i] = r->row.targets[i];
    }
    for (size_t i = 0; i < q->n_targets; i++) {
        if (!is_target(c, q->targets[i])) {
            return;
        }
        if (!add_target(targets, &count, q->targets[i])) {
            call_fail(c, ERR_RULE_LIMIT,
                      "The requested resource exceeds the maximum number allowed.");
            return;
        }
    }
    set_targets(c, r, targets, count);
}

void operation_RULE_TARGETS_REMOVE(struct call *c)
{
    const Stepfleet__RuleTargetsRemoveRequest *q = (const void *)c->request;
    const struct ledger_rule *r = rule_find(c, q->rule, q->bus);
    struct rule_target targets[LIMIT_RULE_TARGETS];
    size_t count = 0;

    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->row.target_count; i++) {
        bool goes = false;

        for (size_t k = 0; k < q->n_ids; k++) {
            goes = goes || slice_eq_str(r->row.targets[i].id, q->ids[k]);
        }
        if (!goes) {
            targets[count++] = r->row.targets[i];
        }
    }
    set_targets(c, r, targets, count);
}

static Stepfleet__RuleTarget *target_message(const struct rule_target *t, struct arena *a)
{
    Stepfleet__RuleTarget *m = arena_alloc(a, sizeof(*m));

    stepfleet__rule_target__init(m);
    m->id = arena_str(a, t->id);
    m->arn = arena_str(a, t->texts.arn);
    m->role_arn = arena_str(a, t->role_arn);
    m->input = arena_str(a, t->texts.input);
    m->input_path = arena_str(a, t->texts.input_path);
    m->input_transformer = message_bytes(t->texts.transformer);
    m->queue = message_bytes(t->texts.queue);
    m->dead_letter = message_bytes(t->texts.dead_letters);
    m->retry_policy = message_bytes(t->texts.retry);
    return m;
}

void operation_RULE_TARGETS_LIST(struct call *c)
{
    const Stepfleet__RuleTargetListRequest *q = (const void *)c->request;
    const struct ledger_rule *r = rule_find(c, q->rule, q->bus);
    Stepfleet__RuleTargetListReply list = STEPFLEET__RULE_TARGET_LIST_REPLY__INIT;
    struct arena *a = ledger_turn_arena(c->api->ledger);

    if (r == NULL) {
        return;
    }
    list.targets = ARENA_ARRAY(a, LIMIT_RULE_TARGETS, Stepfleet__RuleTarget *);
    for (size_t i = 0; i < r->row.target_count; i++) {
        list.targets[list.n_targets++] = target_message(&r->row.targets[i], a);
    }
    c->reply(c, &list.base);
}
