/* SPDX-License-Identifier: Apache-2.0 */
/* State machines: plain structs to messages and back. */
#include "client/src/client.h"

static void change_fill(struct stepfleet_machine_change *out, const Stepfleet__MachineReply *m)
{
    out->arn = m->arn;
    out->time_ms = m->time_ms;
    out->revision = m->revision;
    out->warnings = (const char *const *)m->warnings;
    out->warning_count = m->n_warnings;
}

/* Create and update answer alike. */
static enum stepfleet_code machine_change(struct stepfleet *c,
                                          enum rpc method,
                                          const ProtobufCMessage *request,
                                          struct stepfleet_machine_change **out,
                                          struct stepfleet_error *error)
{
    void *reply;
    void *m;
    enum stepfleet_code rc = client_fetch(c, method, request, sizeof(**out), &reply, &m, error);

    if (rc != STEPFLEET_OK) {
        return rc;
    }
    change_fill(reply, m);
    *out = reply;
    return STEPFLEET_OK;
}

enum stepfleet_code stepfleet_machine_create(struct stepfleet *c,
                                             const struct stepfleet_machine_spec *spec,
                                             struct stepfleet_machine_change **out,
                                             struct stepfleet_error *error)
{
    Stepfleet__MachineCreateRequest q = STEPFLEET__MACHINE_CREATE_REQUEST__INIT;

    q.name = text_to(spec->name);
    q.definition = bytes_to(spec->definition);
    q.type = text_to(spec->type);
    q.role_arn = text_to(spec->role_arn);
    q.logging = bytes_to(spec->logging);
    return machine_change(c, RPC_MACHINE_CREATE, &q.base, out, error);
}

enum stepfleet_code stepfleet_machine_update(struct stepfleet *c,
                                             const struct stepfleet_machine_spec *spec,
                                             struct stepfleet_machine_change **out,
                                             struct stepfleet_error *error)
{
    Stepfleet__MachineUpdateRequest q = STEPFLEET__MACHINE_UPDATE_REQUEST__INIT;

    q.machine = text_to(spec->name);
    q.definition = bytes_to(spec->definition);
    q.role_arn = text_to(spec->role_arn);
    q.logging = bytes_to(spec->logging);
    return machine_change(c, RPC_MACHINE_UPDATE, &q.base, out, error);
}

static void machine_fill(struct stepfleet_machine *out, const Stepfleet__MachineDetail *m)
{
    *out = (struct stepfleet_machine){
        .arn = m->arn,
        .name = m->name,
        .type = m->type,
        .status = m->status,
        .definition = bytes_of(m->definition),
        .role_arn = m->role_arn,
        .revision = m->revision,
        .created_ms = m->created_ms,
        .updated_ms = m->updated_ms,
        .functions = (const char *const *)m->functions,
        .function_count = m->n_functions,
        .missing = (const char *const *)m->missing,
        .missing_count = m->n_missing,
        .logging = bytes_of(m->logging),
    };
}

enum stepfleet_code stepfleet_machine_describe(struct stepfleet *c,
                                               const char *machine,
                                               uint32_t revision,
                                               struct stepfleet_machine **out,
                                               struct stepfleet_error *error)
{
    Stepfleet__MachineRequest q = STEPFLEET__MACHINE_REQUEST__INIT;
    void *reply;
    enum stepfleet_code rc;
    void *m;

    q.machine = text_to(machine);
    q.revision = revision;
    rc = client_fetch(c, RPC_MACHINE_DESCRIBE, &q.base, sizeof(**out), &reply, &m, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    machine_fill(reply, m);
    *out = reply;
    return STEPFLEET_OK;
}

static void page_fill(struct stepfleet_machine_page *out, const Stepfleet__MachineListReply *m)
{
    struct stepfleet_machine *machines =
        ARENA_ARRAY(reply_arena(out), m->n_machines, struct stepfleet_machine);

    for (size_t i = 0; i < m->n_machines; i++) {
        machine_fill(&machines[i], m->machines[i]);
    }
    out->machines = machines;
    out->count = m->n_machines;
    out->next_token = m->next_token;
}

enum stepfleet_code stepfleet_machine_list(struct stepfleet *c,
                                           uint32_t max_results,
                                           const char *next_token,
                                           struct stepfleet_machine_page **out,
                                           struct stepfleet_error *error)
{
    Stepfleet__PageRequest q = STEPFLEET__PAGE_REQUEST__INIT;
    void *reply;
    enum stepfleet_code rc;
    void *m;

    q.max_results = max_results;
    q.next_token = text_to(next_token);
    rc = client_fetch(c, RPC_MACHINE_LIST, &q.base, sizeof(**out), &reply, &m, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    page_fill(reply, m);
    *out = reply;
    return STEPFLEET_OK;
}

enum stepfleet_code
stepfleet_machine_delete(struct stepfleet *c, const char *machine, struct stepfleet_error *error)
{
    Stepfleet__MachineRequest q = STEPFLEET__MACHINE_REQUEST__INIT;

    q.machine = text_to(machine);
    return client_tell(c, RPC_MACHINE_DELETE, &q.base, error);
}

static void validation_fill(struct stepfleet_validation *out, const Stepfleet__ValidateReply *m)
{
    struct stepfleet_diagnostic *diagnostics =
        ARENA_ARRAY(reply_arena(out), m->n_diagnostics, struct stepfleet_diagnostic);

    for (size_t i = 0; i < m->n_diagnostics; i++) {
        const Stepfleet__Diagnostic *d = m->diagnostics[i];

        diagnostics[i] = (struct stepfleet_diagnostic){
            .severity = d->severity,
            .code = d->code,
            .message = bytes_of(d->message),
            .location = optional_bytes(d->has_location, d->location),
        };
    }
    out->ok = strcmp(m->result, "OK") == 0;
    out->diagnostics = diagnostics;
    out->count = m->n_diagnostics;
    out->truncated = m->truncated;
}

enum stepfleet_code stepfleet_machine_validate(struct stepfleet *c,
                                               const struct stepfleet_validation_query *query,
                                               struct stepfleet_validation **out,
                                               struct stepfleet_error *error)
{
    Stepfleet__ValidateRequest q = STEPFLEET__VALIDATE_REQUEST__INIT;
    void *reply;
    enum stepfleet_code rc;
    void *m;

    q.definition = bytes_to(query->definition);
    q.type = text_to(query->type);
    q.severity = text_to(query->severity);
    q.max_results = query->max_results;
    rc = client_fetch(c, RPC_MACHINE_VALIDATE, &q.base, sizeof(**out), &reply, &m, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    validation_fill(reply, m);
    *out = reply;
    return STEPFLEET_OK;
}
