/* SPDX-License-Identifier: Apache-2.0 */
/* State machines: create, update, describe, list, delete. Idempotent as AWS's are: by name and
 * definition. Source: AWS Step Functions API Reference. */
#include <string.h>

#include "coordinator/api/api.h"
#include "coordinator/asl/references.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

/* What was given, with AWS's defaults for what it leaves out; NULL: it is none. */
static const struct json_node *given_logging(struct api *api, struct slice given)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    struct slice text = given.len != 0 ? arena_copy(a, given) : SLICE("{}");
    struct json_builder b = json_build_object(a);
    const struct json_node *v;

    if (json_parse(text, a, &v, NULL) != OK || !json_is(v, JSON_OBJECT)) {
        return NULL;
    }
    json_put(&b, SLICE("includeExecutionData"), json_bool(false));
    json_put(&b, SLICE("level"), json_string(a, SLICE("OFF")));
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        json_put(&b, json_key(v, e), e);
    }
    return json_built(&b);
}

static bool is_same_logging(struct api *api, struct slice one, struct slice other)
{
    const struct json_node *x = given_logging(api, one);
    const struct json_node *y = given_logging(api, other);

    return x != NULL && y != NULL && json_equal(x, y);
}

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
                          const struct version *version,
                          const struct asl_diagnostics *found)
{
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__MachineReply r = STEPFLEET__MACHINE_REPLY__INIT;

    r.arn = arena_str(a, m->arn);
    r.time_ms = time_ms;
    r.revision = m->revision;
    r.revision_id = revision_id(c->api, m, m->revision);
    if (version != NULL) {
        r.version_arn = version_arn(a, m, version->number);
    }
    r.warnings = ARENA_ARRAY(a, found->count + 1, char *);
    for (size_t i = 0; i < found->count; i++) {
        r.warnings[r.n_warnings++] =
            arena_str(a, arena_printf(a, "%s: %.*s at %.*s", found->items[i].code,
                                      SLICE_FMT(found->items[i].message),
                                      SLICE_FMT(found->items[i].location)));
    }
    c->reply(c, &r.base);
}

/* What every answer to a change ends with: the version that was asked for, too. */
static void finish(struct call *c,
                   struct ledger_machine *m,
                   int64_t time_ms,
                   bool publish,
                   const char *description,
                   const struct asl_diagnostics *found)
{
    const struct version *version = NULL;
    struct err err;
    enum err_code rc = OK;

    if (publish) {
        rc = version_publish(c->api, m, slice_str(description), &version, &err);
    }
    if (rc == OK) {
        reply_machine(c, m, time_ms, version, found);
    } else {
        c->fail(c, rc, &err);
    }
}

/* Same name: the same definition, type, logging and tracing give the machine there is. */
static void create_again(struct call *c,
                         struct ledger_machine *m,
                         const Stepfleet__MachineCreateRequest *q,
                         bool express)
{
    const struct asl_machine *parsed;
    struct asl_diagnostics none = {0};
    struct err err;
    enum err_code rc;

    rc = m->deleting ? machine_deleting(m, &err)
                     : ledger_machine_parsed(c->api->ledger, m, 0, &parsed, &err);
    if (rc != OK) {
        c->fail(c, rc, &err);
    } else if (m->express == express &&
               is_same_logging(c->api, m->logging, message_slice(q->logging)) &&
               m->traced == (q->tracing != 0) &&
               slice_eq(parsed->definition, message_slice(q->definition))) {
        finish(c, m, m->created_ms, q->publish, q->version_description, &none);
    } else {
        call_fail(c, ERR_MACHINE_EXISTS, "State Machine Already Exists: '%.*s'", SLICE_FMT(m->arn));
    }
}

/* False: refused. */
static bool is_logging(struct call *c, ProtobufCBinaryData given)
{
    struct log_rule rule;
    struct err err;
    enum err_code rc =
        log_rule_read(message_slice(given), ledger_turn_arena(c->api->ledger), &rule, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
    }
    return rc == OK;
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

/* A version is asked for, or not, with a description that fits. False: refused. */
static bool is_publish(struct call *c, bool publish, const char *description)
{
    struct err err;
    enum err_code rc;

    if (!publish && description[0] != '\0') {
        call_fail(c, ERR_VALIDATION, "Version description can only be set when publish is true");
        return false;
    }
    rc = check_description(slice_str(description), "versionDescription", &err);
    if (rc != OK) {
        c->fail(c, rc, &err);
    }
    return rc == OK;
}

static void create_new(struct call *c,
                       const Stepfleet__MachineCreateRequest *q,
                       struct slice name,
                       bool express)
{
    struct ledger *l = c->api->ledger;
    struct asl_options options = definition_options(c->api, express);
    const struct machine_settings settings = {
        .role_arn = slice_str(q->role_arn),
        .logging = message_slice(q->logging),
        .traced = q->tracing != 0,
    };
    struct asl_diagnostics found = {0};
    struct asl_machine *parsed;
    struct ledger_machine *m;
    struct err err;
    enum err_code rc = asl_machine_parse(message_slice(q->definition), &options,
                                         ledger_turn_arena(l), &found, &parsed, &err);
    bool made = rc == OK;

    if (rc == OK) {
        rc = tags_put(c->api, TAGS_MACHINE, name, q->tags, q->n_tags, &err);
    }
    if (rc != OK) {
        if (made) {
            asl_machine_free(parsed);
        }
        c->fail(c, rc, &err);
        return;
    }
    m = ledger_machine_put(l, NULL, name, express, &settings, parsed);
    finish(c, m, m->created_ms, q->publish, q->version_description, &found);
}

void operation_MACHINE_CREATE(struct call *c)
{
    const Stepfleet__MachineCreateRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct slice name = slice_str(q->name);
    struct ledger_machine *m;
    bool express;

    if (!text_is_name(name)) {
        call_fail(c, ERR_INVALID_NAME, "Invalid Name: '%.*s'", SLICE_FMT(slice_head(name, 300)));
        return;
    }
    if (!is_role(c, q->role_arn, q->logging) || !is_logging(c, q->logging) ||
        !machine_type(c, q->type, &express) || !definition_fits(c, q->definition) ||
        !is_publish(c, q->publish, q->version_description)) {
        return;
    }
    m = ledger_machine_find(l, name);
    if (m != NULL) {
        create_again(c, m, q, express);
    } else if (ledger_machine_count(l) >= LIMIT_MACHINES) {
        call_fail(c, ERR_MACHINE_LIMIT, "State Machine Max Limit Exceeded");
    } else {
        create_new(c, q, name, express);
    }
}

/* What is not given stays. */
static struct machine_settings updated_settings(const struct ledger_machine *m,
                                                const Stepfleet__MachineUpdateRequest *q,
                                                struct arena *a)
{
    return (struct machine_settings){
        .role_arn = q->role_arn[0] != '\0' ? slice_str(q->role_arn) : arena_copy(a, m->role_arn),
        .logging = q->logging.len != 0 ? message_slice(q->logging) : arena_copy(a, m->logging),
        .traced = q->has_tracing ? q->tracing != 0 : m->traced,
    };
}

static bool
are_same_settings(struct api *api, const struct ledger_machine *m, const struct machine_settings *s)
{
    return slice_eq(s->role_arn, m->role_arn) && is_same_logging(api, s->logging, m->logging) &&
           s->traced == m->traced;
}

static void update_definition(struct call *c,
                              struct ledger_machine *m,
                              const Stepfleet__MachineUpdateRequest *q)
{
    struct ledger *l = c->api->ledger;
    struct arena *a = ledger_turn_arena(l);
    struct machine_settings settings = updated_settings(m, q, a);
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
    if (rc == OK && slice_eq(text, old->definition) && are_same_settings(c->api, m, &settings)) {
        finish(c, m, m->updated_ms, q->publish, q->version_description, &found);
        return;
    }
    if (rc == OK && q->publish) {
        rc = version_room(m, &err); /* of the revision that is to be */
    }
    if (rc == OK) {
        rc = asl_machine_parse(text, &options, a, &found, &parsed, &err);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    (void)ledger_machine_put(l, m, arena_copy(a, m->name), m->express, &settings, parsed);
    finish(c, m, m->updated_ms, q->publish, q->version_description, &found);
}

void operation_MACHINE_UPDATE(struct call *c)
{
    const Stepfleet__MachineUpdateRequest *q = (const void *)c->request;
    struct ledger_machine *m;
    struct err err;
    enum err_code rc = find_machine(c->api, q->machine, &m, &err);

    if (rc == OK && m->deleting) {
        rc = machine_deleting(m, &err);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
    } else if (q->definition.len == 0 && q->role_arn[0] == '\0' && q->logging.len == 0 &&
               !q->has_tracing) {
        call_fail(c, ERR_MISSING_PARAMETER,
                  "Either the definition, the role ARN, the LoggingConfiguration, or the "
                  "TracingConfiguration must be specified");
    } else if (is_role(c, q->role_arn, q->logging) && is_logging(c, q->logging) &&
               definition_fits(c, q->definition) &&
               is_publish(c, q->publish, q->version_description)) {
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
    const struct json_node *logging;

    stepfleet__machine_detail__init(d);
    d->arn = arena_str(a, m->arn);
    d->name = arena_str(a, m->name);
    d->type = m->express ? "EXPRESS" : "STANDARD";
    d->status = m->deleting ? "DELETING" : "ACTIVE";
    d->role_arn = arena_str(a, m->role_arn);
    d->revision = m->revision;
    d->created_ms = m->created_ms;
    d->updated_ms = m->updated_ms;
    d->revision_id = revision_id(api, m, m->revision);
    logging = given_logging(api, m->logging);
    d->logging = message_bytes(logging != NULL ? json_print(logging, a) : SLICE("{}"));
    d->tracing = m->traced;
}

/* A version is described as the machine it is of, under its own name. */
static void
describe_version(struct api *api, const struct qualified *at, Stepfleet__MachineDetail *d)
{
    struct arena *a = ledger_turn_arena(api->ledger);

    d->arn = version_arn(a, at->machine, at->version->number);
    d->created_ms = at->version->created_ms;
    d->description = arena_str(a, at->version->description);
}

/* `bare`: AWS says "{}" then. */
static void describe_definition(struct api *api,
                                const struct asl_machine *parsed,
                                bool bare,
                                Stepfleet__MachineDetail *d)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    const struct json_node *references = NULL;
    const struct json_node *v;

    if (bare) {
        d->definition = message_bytes(SLICE("{}"));
        return;
    }
    d->definition = message_bytes(parsed->definition);
    if (json_parse(parsed->definition, a, &v, NULL) == OK) {
        references = asl_variable_references(v, a);
    }
    if (references != NULL) {
        d->variable_references = message_bytes(json_print(references, a));
    }
}

void operation_MACHINE_DESCRIBE(struct call *c)
{
    const Stepfleet__MachineRequest *q = (const void *)c->request;
    Stepfleet__MachineDetail d;
    const struct asl_machine *parsed;
    uint32_t revision = q->revision;
    struct qualified at;
    struct err err;
    enum err_code rc = data_asked(c, q->included_data, &err);

    if (rc == OK) {
        rc = find_qualified(c->api, q->machine, &at, &err);
    }
    if (rc == OK && at.alias != NULL) {
        rc = err_set(&err, ERR_MACHINE_DOES_NOT_EXIST, "State Machine Does Not Exist: '%.300s'",
                     q->machine);
    }
    if (rc == OK) {
        revision = at.version != NULL ? at.version->revision : revision;
        rc = ledger_machine_parsed(c->api->ledger, at.machine, revision, &parsed, &err);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    describe_machine(c->api, at.machine, &d);
    if (revision != 0) {
        d.revision = revision;
        d.revision_id = revision_id(c->api, at.machine, revision);
    }
    if (at.version != NULL) {
        describe_version(c->api, &at, &d);
    }
    describe_definition(c->api, parsed, c->bare, &d);
    describe_functions(c->api, parsed, &d);
    c->reply(c, &d.base);
}

/* As the execution has it: under the revision it started with. */
static enum err_code machine_of_execution(struct call *c,
                                          const char *execution,
                                          struct ledger_machine **out,
                                          const struct asl_machine **parsed,
                                          uint32_t *revision,
                                          struct err *err)
{
    struct ledger *l = c->api->ledger;
    const struct execution_header *h;
    uint64_t id;
    enum err_code rc = find_execution(c->api, execution, &id, out, err);

    if (rc == OK) {
        rc = ledger_execution_load(l, id, err);
    }
    if (rc == OK) {
        h = ledger_execution_header(l, id);
        rc = h != NULL ? OK : err_set(err, ERR_INTERNAL, "a loaded execution is not there");
    }
    if (rc == OK) {
        *revision = h->revision;
        rc = ledger_machine_parsed(l, *out, h->revision, parsed, err);
    }
    return rc;
}

void operation_EXECUTION_MACHINE(struct call *c)
{
    const Stepfleet__ExecutionRequest *q = (const void *)c->request;
    const struct asl_machine *parsed;
    Stepfleet__MachineDetail d;
    struct ledger_machine *m;
    uint32_t revision;
    struct err err;
    enum err_code rc = data_asked(c, q->included_data, &err);

    if (rc == OK) {
        rc = machine_of_execution(c, q->execution, &m, &parsed, &revision, &err);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    describe_machine(c->api, m, &d);
    d.revision = revision;
    d.revision_id = revision_id(c->api, m, revision);
    describe_definition(c->api, parsed, c->bare, &d);
    c->reply(c, &d.base);
}

void operation_MACHINE_LIST(struct call *c)
{
    const Stepfleet__PageRequest *q = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__MachineListReply r = STEPFLEET__MACHINE_LIST_REPLY__INIT;
    size_t count;
    struct ledger_machine **all = ledger_machines(c->api->ledger, &count);
    struct slice after = slice_str(q->next_token);
    uint32_t max;

    if (!page_size(c, q->max_results, &max)) {
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
