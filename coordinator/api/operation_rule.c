/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that run by a schedule, and their targets: state machines. Idempotent by name and by the
 * targets' ids. Source: Amazon EventBridge API Reference; answers of AWS for the refusals. */
#include <string.h>

#include "coordinator/api/api.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum { TARGET_ID_CHARS = 64, ROLE_CHARS = 1600 };

#define BUS "default"

/* ---- Checks ---- */

/* [\.\-_A-Za-z0-9]+ */
static bool is_word(struct slice s, size_t most)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '-' || c == '_')) {
            return false;
        }
    }
    return s.len != 0 && s.len <= most;
}

static bool is_named(struct call *c, const char *name)
{
    if (is_word(slice_str(name), LIMIT_RULE_NAME_CHARS)) {
        return true;
    }
    call_fail(c, ERR_VALIDATION,
              "1 validation error detected: Value '%.100s' at 'name' failed to satisfy constraint: "
              "Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+ and have length "
              "less than or equal to %d",
              name, LIMIT_RULE_NAME_CHARS);
    return false;
}

/* Its name, or the end of its ARN. */
static bool is_default_bus(const char *bus)
{
    struct slice s = slice_str(bus);

    return s.len == 0 || slice_eq_str(s, BUS) ||
           (slice_starts_with(s, SLICE("arn:")) && slice_ends_with(s, SLICE(":event-bus/" BUS)));
}

static bool is_on_bus(struct call *c, const char *bus)
{
    if (is_default_bus(bus)) {
        return true;
    }
    call_fail(c, ERR_RULE_DOES_NOT_EXIST, "Event bus %.100s does not exist.", bus);
    return false;
}

static void rule_missing(struct call *c, const char *name)
{
    call_fail(c, ERR_RULE_DOES_NOT_EXIST, "Rule %.100s does not exist on EventBus " BUS ".", name);
}

/* NULL: it was said that there is none. */
static struct ledger_rule *find_rule(struct call *c, const char *name, const char *bus)
{
    struct ledger_rule *r;

    if (!is_on_bus(c, bus)) {
        return NULL;
    }
    r = ledger_rule_find(c->api->ledger, slice_str(name));
    if (r == NULL) {
        rule_missing(c, name);
    }
    return r;
}

/* ---- Rules ---- */

static bool is_state(struct call *c, const char *state)
{
    if (state[0] == '\0' || strcmp(state, "ENABLED") == 0 || strcmp(state, "DISABLED") == 0) {
        return true;
    }
    call_fail(
        c, ERR_VALIDATION,
        "1 validation error detected: Value '%.100s' at 'state' failed to satisfy constraint: "
        "Member must satisfy enum value set: [ENABLED, DISABLED]",
        state);
    return false;
}

static bool is_scheduled(struct call *c, const Stepfleet__RulePutRequest *q)
{
    struct schedule s;
    struct err err;

    if (q->pattern[0] != '\0') {
        call_fail(c, ERR_VALIDATION, "EventPattern is not supported here yet.");
        return false;
    }
    if (q->expression[0] == '\0') {
        call_fail(c, ERR_VALIDATION,
                  "Parameter(s) EventPattern or ScheduleExpression must be specified.");
        return false;
    }
    if (!is_default_bus(q->bus)) {
        call_fail(c, ERR_VALIDATION,
                  "ScheduleExpression is supported only on the default event bus.");
        return false;
    }
    if (schedule_compile(slice_str(q->expression), &s, &err) != OK || s.kind == SCHEDULE_AT) {
        call_fail(c, ERR_VALIDATION, "Parameter ScheduleExpression is not valid.");
        return false;
    }
    return true;
}

static bool is_short(struct call *c, const char *what, const char *text, size_t most)
{
    if (text_code_points(slice_str(text)) <= most) {
        return true;
    }
    call_fail(
        c, ERR_VALIDATION,
        "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must "
        "have length less than or equal to %zu",
        what, most);
    return false;
}

/* A rate goes on counting where the expression stays; times before now are not made up for where
 * it was not on. */
static void put_rule(struct call *c, const Stepfleet__RulePutRequest *q)
{
    struct ledger *l = c->api->ledger;
    const struct ledger_rule *old = ledger_rule_find(l, slice_str(q->name));
    int64_t now_ms = ledger_now(l).wall_ms;
    struct rule_row row = {.created_ms = now_ms, .began_ms = now_ms, .seen_ms = now_ms};
    Stepfleet__RuleArnReply r = STEPFLEET__RULE_ARN_REPLY__INIT;

    if (old != NULL) {
        row = old->row;
    }
    if (old != NULL && !slice_eq_str(old->row.expression, q->expression)) {
        row.began_ms = row.seen_ms = now_ms;
    }
    if (old != NULL && !old->row.enabled) {
        row.seen_ms = now_ms;
    }
    row.enabled = strcmp(q->state, "DISABLED") != 0;
    row.expression = slice_str(q->expression);
    row.description = slice_str(q->description);
    row.role_arn = slice_str(q->role_arn);
    ledger_rule_put(l, slice_str(q->name), &row);
    r.arn = arena_str(ledger_turn_arena(l), ledger_rule_arn(l, slice_str(q->name)));
    c->reply(c, &r.base);
}

void operation_RULE_PUT(struct call *c)
{
    const Stepfleet__RulePutRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;

    if (!is_named(c, q->name) || !is_state(c, q->state) || !is_scheduled(c, q) ||
        !is_short(c, "description", q->description, LIMIT_RULE_DESCRIPTION_BYTES) ||
        !is_short(c, "roleArn", q->role_arn, ROLE_CHARS)) {
        return;
    }
    if (ledger_rule_find(l, slice_str(q->name)) == NULL && ledger_rule_count(l) >= LIMIT_RULES) {
        call_fail(c, ERR_RULE_LIMIT, "The requested resource exceeds the maximum number allowed.");
        return;
    }
    put_rule(c, q);
}

static Stepfleet__Rule *rule_message(struct api *api, const struct ledger_rule *r)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    Stepfleet__Rule *m = arena_alloc(a, sizeof(*m));

    stepfleet__rule__init(m);
    m->name = arena_str(a, r->name);
    m->arn = arena_str(a, ledger_rule_arn(api->ledger, r->name));
    m->expression = arena_str(a, r->row.expression);
    m->state = r->row.enabled ? "ENABLED" : "DISABLED";
    m->description = arena_str(a, r->row.description);
    m->role_arn = arena_str(a, r->row.role_arn);
    m->bus = BUS;
    m->created_by =
        arena_str(a, arena_printf(a, "%012llu",
                                  (unsigned long long)ledger_configuration(api->ledger)->account));
    return m;
}

void operation_RULE_DESCRIBE(struct call *c)
{
    const Stepfleet__RuleRequest *q = (const void *)c->request;
    const struct ledger_rule *r = find_rule(c, q->name, q->bus);

    if (r != NULL) {
        c->reply(c, &rule_message(c->api, r)->base);
    }
}

void operation_RULE_LIST(struct call *c)
{
    const Stepfleet__RuleListRequest *q = (const void *)c->request;
    Stepfleet__RuleListReply r = STEPFLEET__RULE_LIST_REPLY__INIT;
    struct slice after = slice_str(q->next_token);
    uint32_t max;

    if (!is_on_bus(c, q->bus) || !page_size(c, q->max_results, &max)) {
        return;
    }
    r.rules = ARENA_ARRAY(ledger_turn_arena(c->api->ledger), max, Stepfleet__Rule *);
    LIST_EACH(n, ledger_schedules(c->api->ledger))
    {
        const struct ledger_rule *rule = container_of(n, struct ledger_rule, link);

        if (!slice_starts_with(rule->name, slice_str(q->prefix)) ||
            (after.len != 0 && slice_cmp(rule->name, after) <= 0)) {
            continue;
        }
        if (r.n_rules == max) {
            r.next_token = r.rules[max - 1]->name; /* the list goes on after it */
            break;
        }
        r.rules[r.n_rules++] = rule_message(c->api, rule);
    }
    c->reply(c, &r.base);
}

void operation_RULE_DELETE(struct call *c)
{
    const Stepfleet__RuleRequest *q = (const void *)c->request;
    struct ledger_rule *r = ledger_rule_find(c->api->ledger, slice_str(q->name));

    if (!is_on_bus(c, q->bus)) {
        return;
    }
    if (r != NULL && r->row.target_count != 0) {
        call_fail(c, ERR_VALIDATION, "Rule can't be deleted since it has targets.");
        return;
    }
    if (r != NULL) {
        ledger_rule_delete(c->api->ledger, r);
    }
    reply_empty(c, OK, NULL);
}

static void enable(struct call *c, bool enabled)
{
    const Stepfleet__RuleRequest *q = (const void *)c->request;
    const struct ledger_rule *r = find_rule(c, q->name, q->bus);
    struct rule_row row;

    if (r == NULL) {
        return;
    }
    if (r->row.enabled != enabled) {
        row = r->row;
        row.enabled = enabled;
        row.seen_ms = ledger_now(c->api->ledger).wall_ms;
        ledger_rule_put(c->api->ledger, r->name, &row);
    }
    reply_empty(c, OK, NULL);
}

void operation_RULE_ENABLE(struct call *c)
{
    enable(c, true);
}

void operation_RULE_DISABLE(struct call *c)
{
    enable(c, false);
}

/* ---- Targets ---- */

static bool is_supported(struct call *c, const Stepfleet__RuleTarget *t)
{
    const char *refused = t->input_path[0] != '\0'        ? "InputPath"
                          : t->input_transformer.len != 0 ? "InputTransformer"
                          : t->dead_letter.len != 0       ? "DeadLetterConfig"
                          : t->retry_policy.len != 0      ? "RetryPolicy"
                                                          : NULL;

    if (refused != NULL) {
        call_fail(c, ERR_VALIDATION, "%s of a target is not supported here yet.", refused);
    }
    return refused == NULL;
}

/* A state machine of this coordinator, by its unqualified ARN; it need not be there yet. */
static bool is_machine(struct call *c, const char *text)
{
    struct arn arn;
    struct err err;

    if (arn_parse(ledger_configuration(c->api->ledger), slice_str(text), &arn, &err) == OK &&
        arn.kind == ARN_MACHINE && arn.name.len == 0) {
        return true;
    }
    call_fail(c, ERR_VALIDATION,
              "Parameter %.200s is not valid. Reason: Provided Arn is not in correct format: a "
              "target here is a state machine.",
              text);
    return false;
}

static bool is_target(struct call *c, const Stepfleet__RuleTarget *t)
{
    const struct json_node *ignored;
    struct slice input = slice_str(t->input);

    if (!is_word(slice_str(t->id), TARGET_ID_CHARS)) {
        call_fail(c, ERR_VALIDATION,
                  "1 validation error detected: Value '%.100s' at 'targets.1.member.id' failed to "
                  "satisfy constraint: Member must satisfy regular expression pattern: "
                  "[\\.\\-_A-Za-z0-9]+",
                  t->id);
        return false;
    }
    if (!is_supported(c, t) || !is_machine(c, t->arn) ||
        !is_short(c, "roleArn", t->role_arn, ROLE_CHARS) ||
        !is_short(c, "input", t->input, LIMIT_RULE_INPUT_BYTES)) {
        return false;
    }
    if (input.len != 0 &&
        json_parse(input, ledger_turn_arena(c->api->ledger), &ignored, NULL) != OK) {
        call_fail(c, ERR_VALIDATION, "Parameter Input is not valid. Reason: Input is not JSON.");
        return false;
    }
    return true;
}

/* In its place by id, instead of one that has it; false: there are too many. */
static bool add_target(struct rule_target *targets, size_t *count, const Stepfleet__RuleTarget *t)
{
    size_t at = 0;

    while (at < *count && slice_cmp(targets[at].id, slice_str(t->id)) < 0) {
        at++;
    }
    if (at == *count || !slice_eq_str(targets[at].id, t->id)) {
        if (*count == LIMIT_RULE_TARGETS) {
            return false;
        }
        memmove(targets + at + 1, targets + at, (*count - at) * sizeof(*targets));
        (*count)++;
    }
    targets[at] = (struct rule_target){
        .id = slice_str(t->id),
        .arn = slice_str(t->arn),
        .role_arn = slice_str(t->role_arn),
        .input = slice_str(t->input),
    };
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
    const struct ledger_rule *r = find_rule(c, q->rule, q->bus);
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
    const struct ledger_rule *r = find_rule(c, q->rule, q->bus);
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

void operation_RULE_TARGETS_LIST(struct call *c)
{
    const Stepfleet__RuleTargetListRequest *q = (const void *)c->request;
    const struct ledger_rule *r = find_rule(c, q->rule, q->bus);
    Stepfleet__RuleTargetListReply list = STEPFLEET__RULE_TARGET_LIST_REPLY__INIT;
    struct arena *a = ledger_turn_arena(c->api->ledger);

    if (r == NULL) {
        return;
    }
    list.targets = ARENA_ARRAY(a, LIMIT_RULE_TARGETS, Stepfleet__RuleTarget *);
    for (size_t i = 0; i < r->row.target_count; i++) {
        const struct rule_target *t = &r->row.targets[i];
        Stepfleet__RuleTarget *m = arena_alloc(a, sizeof(*m));

        stepfleet__rule_target__init(m);
        m->id = arena_str(a, t->id);
        m->arn = arena_str(a, t->arn);
        m->role_arn = arena_str(a, t->role_arn);
        m->input = arena_str(a, t->input);
        list.targets[list.n_targets++] = m;
    }
    c->reply(c, &list.base);
}
