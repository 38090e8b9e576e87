/* SPDX-License-Identifier: Apache-2.0 */
/* State machines: create, update, describe, list, delete. Idempotent as AWS's are: by name and
 * definition. Source: AWS Step Functions API Reference. */
#include <string.h>

#include "coordinator/api/api.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

/* AWS's, where none was given. */
static const char logging_default[] = "{\"includeExecutionData\":false,\"level\":\"OFF\"}";

bool machine_type(struct call *c, const char *type, bool *express)
{
    *express = strcmp(type, "EXPRESS") == 0;
    if (*express || type[0] == '\0' || strcmp(type, "STANDARD") == 0) {
        return true;
    }
    call_fail(c, ERR_VALIDATION,
              "1 validation error detected: Value '%.100s' at 'type' failed to satisfy "
              "constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]",
              type);
    return false;
}

bool definition_fits(struct call *c, ProtobufCBinaryData definition)
{
    if (definition.len <= LIMIT_DEFINITION_BYTES) {
        return true;
    }
    call_fail(c, ERR_VALIDATION,
              "1 validation error detected: Value at 'definition' failed to satisfy constraint: "
              "Member must have length less than or equal to %d",
              LIMIT_DEFINITION_BYTES);
    return false;
}

static void reply_machine(struct call *c,
                          const struct ledger_machine *m,
                          int64_t time_ms,
                          const struct asl_diagnostics *found)
{
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__MachineReply r = STEPFLEET__MACHINE_REPLY__INIT;

    r.arn = arena_str(a, m->arn);
    r.time_ms = time_ms;
    r.revision = m->revision;
    r.warnings = ARENA_ARRAY(a, found->count + 1, char *);
    for (size_t i = 0; i < found->count; i++) {
        r.warnings[r.n_warnings++] =
            arena_str(a, arena_printf(a, "%s: %.*s at %.*s", found->items[i].code,
                                      SLICE_FMT(found->items[i].message),
                                      SLICE_FMT(found->items[i].location)));
    }
    c->reply(c, &r.base);
}

/* Same name: the same definition, type and logging give the machine there is. */
static void create_again(struct call *c,
                         struct ledger_machine *m,
                         const Stepfleet__MachineCreateRequest *q,
                         bool express)
{
    const struct asl_machine *parsed;
    struct asl_diagnostics none = {0};
    struct err err;
    enum err_code rc;

    if (m->deleting) {
        call_fail(c, ERR_MACHINE_DELETING, "State Machine is being deleted: '%.*s'",
                  SLICE_FMT(m->arn));
        return;
    }
    rc = ledger_machine_parsed(c->api->ledger, m, 0, &parsed, &err);
    if (rc != OK) {
        c->fail(c, rc, &err);
    } else if (m->express == express && slice_eq(m->logging, message_slice(q->logging)) &&
               slice_eq(parsed->definition, message_slice(q->definition))) {
        reply_machine(c, m, m->created_ms, &none);
    } else {
        call_fail(c, ERR_MACHINE_EXISTS, "State Machine Already Exists: '%.*s'", SLICE_FMT(m->arn));
    }
}

/* Kept with every machine: bounded. False: refused. */
static bool is_role(struct call *c, const char *role_arn, ProtobufCBinaryData logging)
{
    if (strlen(role_arn) > LIMIT_ROLE_BYTES) {
        call_fail(c, ERR_INVALID_ARN, "Invalid Role Arn: longer than %d characters",
                  LIMIT_ROLE_BYTES);
        return false;
    }
    if (logging.len > LIMIT_LOGGING_BYTES) {
        call_fail(c, ERR_VALIDATION, "the logging configuration has over %d bytes",
                  LIMIT_LOGGING_BYTES);
        return false;
    }
    return true;
}

void operation_MACHINE_CREATE(struct call *c)
{
    const Stepfleet__MachineCreateRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct slice name = slice_str(q->name);
    struct asl_diagnostics found = {0};
    struct asl_options options;
    struct asl_machine *parsed;
    struct ledger_machine *m;
    struct err err;
    bool express;
    enum err_code rc;

    if (!text_is_name(name)) {
        call_fail(c, ERR_INVALID_NAME, "Invalid Name: '%.*s'", SLICE_FMT(slice_head(name, 300)));
        return;
    }
    if (!is_role(c, q->role_arn, q->logging) || !machine_type(c, q->type, &express) ||
        !definition_fits(c, q->definition)) {
        return;
    }
    m = ledger_machine_find(l, name);
    if (m != NULL) {
        create_again(c, m, q, express);
        return;
    }
    if (ledger_machine_count(l) >= LIMIT_MACHINES) {
        call_fail(c, ERR_MACHINE_LIMIT, "State Machine Max Limit Exceeded");
        return;
    }
    options = definition_options(c->api, express);
    rc = asl_machine_parse(message_slice(q->definition), &options, ledger_turn_arena(l), &found,
                           &parsed, &err);
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    m = ledger_machine_put(l, NULL, name, express, slice_str(q->role_arn),
                           message_slice(q->logging), parsed);
    reply_machine(c, m, m->created_ms, &found);
}

static void update_definition(struct call *c,
                              struct ledger_machine *m,
                              const Stepfleet__MachineUpdateRequest *q)
{
    struct ledger *l = c->api->ledger;
    struct arena *a = ledger_turn_arena(l);
    struct slice role =
        q->role_arn[0] != '\0' ? slice_str(q->role_arn) : arena_copy(a, m->role_arn);
    const struct asl_machine *old;
    struct slice text = message_slice(q->definition);
    struct asl_options options = definition_options(c->api, m->express);
    struct asl_diagnostics found = {0};
    struct asl_machine *parsed;
    struct err err;
    enum err_code rc = ledger_machine_parsed(l, m, 0, &old, &err);

    if (rc == OK && text.len == 0) {
        text = arena_copy(a, old->definition);
    }
    if (rc == OK && slice_eq(text, old->definition) && slice_eq(role, m->role_arn)) {
        reply_machine(c, m, m->updated_ms, &found);
        return;
    }
    if (rc == OK) {
        rc = asl_machine_parse(text, &options, a, &found, &parsed, &err);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    (void)ledger_machine_put(l, m, arena_copy(a, m->name), m->express, role,
                             arena_copy(a, m->logging), parsed);
    reply_machine(c, m, m->updated_ms, &found);
}

void operation_MACHINE_UPDATE(struct call *c)
{
    const Stepfleet__MachineUpdateRequest *q = (const void *)c->request;
    struct ledger_machine *m;
    struct err err;
    enum err_code rc = find_machine(c->api, q->machine, &m, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
    } else if (m->deleting) {
        call_fail(c, ERR_MACHINE_DELETING, "State Machine is being deleted: '%.*s'",
                  SLICE_FMT(m->arn));
    } else if (q->definition.len == 0 && q->role_arn[0] == '\0') {
        call_fail(c, ERR_MISSING_PARAMETER,
                  "Either the definition, the role ARN, the LoggingConfiguration, or the "
                  "TracingConfiguration must be specified");
    } else if (is_role(c, q->role_arn, (ProtobufCBinaryData){0, NULL}) &&
               definition_fits(c, q->definition)) {
        update_definition(c, m, q);
    }
}

/* The functions a machine's tasks name, as far as the definition says; and which no worker offers.
 */
static void
describe_functions(struct api *api, const struct asl_machine *parsed, Stepfleet__MachineDetail *d)
{
    struct arena *a = ledger_turn_arena(api->ledger);

    d->functions = ARENA_ARRAY(a, parsed->state_count + 1, char *);
    d->missing = ARENA_ARRAY(a, parsed->state_count + 1, char *);
    for (uint32_t i = 0; i < parsed->state_count; i++) {
        const struct asl_state *s = &parsed->states[i];
        struct slice f = s->kind == ASL_TASK ? asl_task_function(s) : (struct slice){NULL, 0};
        size_t ready;
        size_t workers;
        bool known = f.len == 0;

        for (size_t n = 0; n < d->n_functions && !known; n++) {
            known = slice_eq_str(f, d->functions[n]);
        }
        if (known) {
            continue;
        }
        d->functions[d->n_functions++] = arena_str(a, f);
        fleet_function_counts(ledger_fleet(api->ledger), f, &ready, &workers);
        if (workers == 0) {
            d->missing[d->n_missing++] = arena_str(a, f);
        }
    }
}

static void
describe_machine(struct api *api, const struct ledger_machine *m, Stepfleet__MachineDetail *d)
{
    struct arena *a = ledger_turn_arena(api->ledger);

    stepfleet__machine_detail__init(d);
    d->arn = arena_str(a, m->arn);
    d->name = arena_str(a, m->name);
    d->type = m->express ? "EXPRESS" : "STANDARD";
    d->status = m->deleting ? "DELETING" : "ACTIVE";
    d->role_arn = arena_str(a, m->role_arn);
    d->revision = m->revision;
    d->created_ms = m->created_ms;
    d->updated_ms = m->updated_ms;
    d->logging =
        message_bytes(m->logging.len != 0 ? arena_copy(a, m->logging) : slice_str(logging_default));
}

void operation_MACHINE_DESCRIBE(struct call *c)
{
    const Stepfleet__MachineRequest *q = (const void *)c->request;
    Stepfleet__MachineDetail d;
    const struct asl_machine *parsed;
    struct ledger_machine *m;
    struct err err;
    enum err_code rc = find_machine(c->api, q->machine, &m, &err);

    if (rc == OK) {
        rc = ledger_machine_parsed(c->api->ledger, m, q->revision, &parsed, &err);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    describe_machine(c->api, m, &d);
    if (q->revision != 0) {
        d.revision = q->revision;
    }
    d.definition = message_bytes(parsed->definition);
    describe_functions(c->api, parsed, &d);
    c->reply(c, &d.base);
}

void operation_MACHINE_LIST(struct call *c)
{
    const Stepfleet__PageRequest *q = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__MachineListReply r = STEPFLEET__MACHINE_LIST_REPLY__INIT;
    size_t count;
    struct ledger_machine **all = ledger_machines(c->api->ledger, &count);
    size_t max = q->max_results != 0 ? q->max_results : LIMIT_PAGE_DEFAULT;
    struct slice after = slice_str(q->next_token);

    if (max > LIMIT_PAGE_MAX) {
        call_fail(c, ERR_VALIDATION,
                  "1 validation error detected: Value '%u' at 'maxResults' failed to satisfy "
                  "constraint: Member must have value less than or equal to 1000",
                  q->max_results);
        return;
    }
    r.machines = ARENA_ARRAY(a, max, Stepfleet__MachineDetail *);
    for (size_t i = 0; i < count; i++) {
        if (after.len != 0 && slice_cmp(all[i]->name, after) <= 0) {
            continue;
        }
        if (r.n_machines == max) {
            r.next_token = r.machines[max - 1]->name; /* the list goes on after it */
            break;
        }
        r.machines[r.n_machines] = arena_alloc(a, sizeof(Stepfleet__MachineDetail));
        describe_machine(c->api, all[i], r.machines[r.n_machines++]);
    }
    c->reply(c, &r.base);
}

void operation_MACHINE_DELETE(struct call *c)
{
    const Stepfleet__MachineRequest *q = (const void *)c->request;
    Stepfleet__Empty r = STEPFLEET__EMPTY__INIT;
    struct ledger_machine *m;
    struct err err;
    enum err_code rc = find_machine(c->api, q->machine, &m, &err);

    if (rc != OK && rc != ERR_MACHINE_DOES_NOT_EXIST) {
        c->fail(c, rc, &err);
        return;
    }
    if (rc == OK) {
        ledger_machine_delete(c->api->ledger, m);
    }
    c->reply(c, &r.base);
}
