/* SPDX-License-Identifier: Apache-2.0 */
/* Rules: by a schedule, by a pattern of events, or by both. Idempotent by name. Source: Amazon
 * EventBridge API Reference; answers of AWS for the refusals. */
#include "coordinator/api/operation_rule.h"

#include <string.h>

#include "proto/base/limits.h"
#include "proto/base/text.h"

enum { ROLE_CHARS = 1600 };

#define BUS "default"

/* ---- Checks ---- */

bool rule_is_word(struct slice s, size_t most)
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
    if (rule_is_word(slice_str(name), LIMIT_RULE_NAME_CHARS)) {
        return true;
    }
    call_fail(c, ERR_VALIDATION,
              "1 validation error detected: Value '%.100s' at 'name' failed to satisfy constraint: "
              "Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+ and have length "
              "less than or equal to %d",
              name, LIMIT_RULE_NAME_CHARS);
    return false;
}

bool rule_bus_is_default(const char *bus)
{
    struct slice s = slice_str(bus);

    return s.len == 0 || slice_eq_str(s, BUS) ||
           (slice_starts_with(s, SLICE("arn:")) && slice_ends_with(s, SLICE(":event-bus/" BUS)));
}

static bool is_on_bus(struct call *c, const char *bus)
{
    if (rule_bus_is_default(bus)) {
        return true;
    }
    call_fail(c, ERR_RULE_DOES_NOT_EXIST, "Event bus %.100s does not exist.", bus);
    return false;
}

static void rule_missing(struct call *c, const char *name)
{
    call_fail(c, ERR_RULE_DOES_NOT_EXIST, "Rule %.100s does not exist on EventBus " BUS ".", name);
}

struct ledger_rule *rule_find(struct call *c, const char *name, const char *bus)
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

bool rule_pattern_compile(struct call *c, const char *text, const struct pattern **out)
{
    struct slice pattern = slice_str(text);
    struct err err;
    enum err_code rc =
        pattern.len <= LIMIT_RULE_PATTERN_BYTES
            ? pattern_compile(pattern, PATTERN_EVENTS, ledger_turn_arena(c->api->ledger), out, &err)
            : err_set(&err, ERR_VALIDATION, "Event pattern is not valid. Reason: it is too long");

    if (rc != OK) {
        call_fail(c, ERR_EVENT_PATTERN, "%s", err.msg);
    }
    return rc == OK;
}

static bool is_schedule(struct call *c, const Stepfleet__RulePutRequest *q)
{
    struct schedule s;
    struct err err;

    if (!rule_bus_is_default(q->bus)) {
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

static bool says_when(struct call *c, const Stepfleet__RulePutRequest *q)
{
    const struct pattern *ignored;

    if (q->pattern[0] == '\0' && q->expression[0] == '\0') {
        call_fail(c, ERR_VALIDATION,
                  "Parameter(s) EventPattern or ScheduleExpression must be specified.");
        return false;
    }
    return (q->expression[0] == '\0' || is_schedule(c, q)) && is_on_bus(c, q->bus) &&
           (q->pattern[0] == '\0' || rule_pattern_compile(c, q->pattern, &ignored));
}

bool rule_is_short(struct call *c, const char *what, const char *text, size_t most)
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
    row.pattern = slice_str(q->pattern);
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

    if (!is_named(c, q->name) || !is_state(c, q->state) || !says_when(c, q) ||
        !rule_is_short(c, "description", q->description, LIMIT_RULE_DESCRIPTION_BYTES) ||
        !rule_is_short(c, "roleArn", q->role_arn, ROLE_CHARS)) {
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
    m->pattern = arena_str(a, r->row.pattern);
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
    const struct ledger_rule *r = rule_find(c, q->name, q->bus);

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
    LIST_EACH(n, ledger_event_rules(c->api->ledger))
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
    const struct ledger_rule *r = rule_find(c, q->name, q->bus);
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
