/* SPDX-License-Identifier: Apache-2.0 */
/* Events that clients put, and patterns tried out. Source: Amazon EventBridge API Reference;
 * answers of AWS for the refusals. */
#include "coordinator/api/api.h"
#include "coordinator/api/operation_rule.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

/* ---- PutEvents ---- */

static struct event_entry entry_of(const Stepfleet__EventEntry *m)
{
    return (struct event_entry){
        .source = slice_str(m->source),
        .detail_type = slice_str(m->detail_type),
        .detail = message_slice(m->detail),
        .resources = (const char *const *)m->resources,
        .resource_count = m->n_resources,
        .has_time = m->has_time_ms,
    };
}

static bool are_few(struct call *c, const Stepfleet__EventsPutRequest *q)
{
    size_t bytes = 0;

    for (size_t i = 0; i < q->n_entries; i++) {
        struct event_entry e = entry_of(q->entries[i]);

        bytes += event_entry_bytes(&e);
    }
    if (q->n_entries == 0 || q->n_entries > LIMIT_EVENT_ENTRIES) {
        call_fail(
            c, ERR_VALIDATION,
            "1 validation error detected: Value '[PutEventsRequestEntry]' at 'entries' failed "
            "to satisfy constraint: Member must have length %s than or equal to %d",
            q->n_entries == 0 ? "greater" : "less", q->n_entries == 0 ? 1 : LIMIT_EVENT_ENTRIES);
        return false;
    }
    if (bytes > LIMIT_EVENT_BYTES) {
        call_fail(c, ERR_VALIDATION, "Total size of the entries in the request is over the limit.");
        return false;
    }
    return true;
}

static const struct json_node *resources_of(const Stepfleet__EventEntry *m, struct arena *a)
{
    struct json_builder b = json_build_array(a);

    for (size_t i = 0; i < m->n_resources; i++) {
        json_push(&b, json_string(a, slice_str(m->resources[i])));
    }
    return json_built(&b);
}

/* Where no rule can listen it is taken, and nothing comes of it, as with AWS. */
static struct event_fault put_event(struct api *api,
                                    const Stepfleet__EventEntry *m,
                                    const struct json_node *detail,
                                    Stepfleet__EventResult *r)
{
    struct ledger *l = api->ledger;
    size_t targets = 0;
    struct event_head head = {
        .source = slice_str(m->source),
        .detail_type = slice_str(m->detail_type),
        .time_ms = m->has_time_ms ? m->time_ms : ledger_now(l).wall_ms,
        .resources = resources_of(m, ledger_turn_arena(l)),
    };

    if (!rule_bus_is_default(m->bus)) {
        head.id = ledger_uuid(l);
    } else {
        targets = ledger_event_put(l, &head, detail);
    }
    if (targets != 0) {
        return (struct event_fault){
            "InvalidArgument",
            arena_printf(ledger_turn_arena(l),
                         "The event would go to %zu targets of rules, and its copies be longer "
                         "than %d bytes: put a shorter one, or fewer of them at once, or let fewer "
                         "rules match it.",
                         targets, LIMIT_EVENT_COPIES_BYTES)};
    }
    r->event = arena_str(ledger_turn_arena(l), head.id);
    return (struct event_fault){0};
}

void operation_EVENTS_PUT(struct call *c)
{
    const Stepfleet__EventsPutRequest *q = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__EventsPutReply reply = STEPFLEET__EVENTS_PUT_REPLY__INIT;

    if (!are_few(c, q)) {
        return;
    }
    reply.entries = ARENA_ARRAY(a, q->n_entries, Stepfleet__EventResult *);
    for (size_t i = 0; i < q->n_entries; i++) {
        struct event_entry e = entry_of(q->entries[i]);
        Stepfleet__EventResult *r = arena_alloc(a, sizeof(*r));
        const struct json_node *detail;
        struct event_fault fault = event_entry_check(&e, a, &detail);

        stepfleet__event_result__init(r);
        if (fault.code == NULL) {
            fault = put_event(c->api, q->entries[i], detail, r);
        }
        if (fault.code != NULL) {
            r->code = arena_str(a, slice_str(fault.code));
            r->message = arena_str(a, fault.message);
            reply.failed++;
        }
        reply.entries[reply.n_entries++] = r;
    }
    c->reply(c, &reply.base);
}

/* ---- TestEventPattern ---- */

/* All that AWS asks of an event. */
static bool is_event(const struct json_node *v)
{
    static const char *const names[] = {"id",   "detail-type", "source",   "account",
                                        "time", "region",      "resources"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (json_member(v, slice_str(names[i])) == NULL) {
            return false;
        }
    }
    return true;
}

void operation_EVENT_PATTERN_TEST(struct call *c)
{
    const Stepfleet__EventPatternTestRequest *q = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__EventPatternTestReply r = STEPFLEET__EVENT_PATTERN_TEST_REPLY__INIT;
    const struct pattern *pattern;
    const struct json_node *event;

    if (!rule_pattern_compile(c, q->pattern, &pattern)) {
        return;
    }
    if (json_parse(message_slice(q->event), a, &event, NULL) != OK || !is_event(event)) {
        call_fail(c, ERR_VALIDATION, "Parameter Event is not valid.");
        return;
    }
    r.matches = pattern_matches(pattern, event);
    c->reply(c, &r.base);
}
