/* SPDX-License-Identifier: Apache-2.0 */
/* ValidateStateMachineDefinition: a definition checked, and nothing kept. Source: AWS Step
 * Functions API Reference. */
#include <string.h>

#include "coordinator/api/api.h"
#include "proto/base/limits.h"

/* "WARNING" (also ""): all; "ERROR": errors alone. False: anything else, and the call has failed.
 */
static bool least_severity(struct call *c, const char *severity, enum asl_severity *least)
{
    *least = strcmp(severity, "ERROR") == 0 ? ASL_ERROR : ASL_WARNING;
    if (*least == ASL_ERROR || severity[0] == '\0' || strcmp(severity, "WARNING") == 0) {
        return true;
    }
    call_fail(c, ERR_VALIDATION,
              "1 validation error detected: Value '%.100s' at 'severity' failed to satisfy "
              "constraint: Member must satisfy enum value set: [ERROR, WARNING]",
              severity);
    return false;
}

static bool most_results(struct call *c, uint32_t asked, size_t *most)
{
    *most = asked != 0 ? asked : LIMIT_DIAGNOSTICS;
    if (*most <= LIMIT_DIAGNOSTICS) {
        return true;
    }
    call_fail(c, ERR_VALIDATION,
              "1 validation error detected: Value '%u' at 'maxResults' failed to satisfy "
              "constraint: Member must have value less than or equal to %d",
              asked, LIMIT_DIAGNOSTICS);
    return false;
}

static Stepfleet__Diagnostic *diagnostic(const struct asl_diagnostic *d, struct arena *a)
{
    Stepfleet__Diagnostic *m = arena_alloc(a, sizeof(*m));

    stepfleet__diagnostic__init(m);
    m->severity = d->severity == ASL_ERROR ? "ERROR" : "WARNING";
    m->code = (char *)(uintptr_t)d->code;
    m->message = message_bytes(d->message);
    m->has_location = d->location.ptr != NULL;
    m->location = message_bytes(d->location);
    return m;
}

static void reply_found(struct call *c,
                        const struct asl_diagnostics *found,
                        enum asl_severity least,
                        size_t most,
                        bool failed)
{
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__ValidateReply r = STEPFLEET__VALIDATE_REPLY__INIT;

    r.result = failed ? "FAIL" : "OK";
    r.diagnostics = ARENA_ARRAY(a, most, Stepfleet__Diagnostic *);
    for (size_t i = 0; i < found->count; i++) {
        if (found->items[i].severity == ASL_WARNING && least == ASL_ERROR) {
            continue;
        }
        if (r.n_diagnostics == most) {
            r.truncated = true;
            break;
        }
        r.diagnostics[r.n_diagnostics++] = diagnostic(&found->items[i], a);
    }
    c->reply(c, &r.base);
}

void operation_MACHINE_VALIDATE(struct call *c)
{
    const Stepfleet__ValidateRequest *q = (const void *)c->request;
    struct slice text = message_slice(q->definition);
    struct asl_diagnostics found = {0};
    struct asl_machine *parsed = NULL;
    struct asl_options options;
    enum asl_severity least;
    struct err err;
    size_t most;
    bool express;
    enum err_code rc;

    if (!machine_type(c, q->type, &express) || !least_severity(c, q->severity, &least) ||
        !most_results(c, q->max_results, &most) || !definition_fits(c, q->definition)) {
        return;
    }
    options = definition_options(c->api, express);
    options.lint = true;
    rc =
        asl_machine_parse(text, &options, ledger_turn_arena(c->api->ledger), &found, &parsed, &err);
    if (rc != OK && rc != ERR_INVALID_DEFINITION) {
        c->fail(c, rc, &err);
        return;
    }
    if (rc == OK) {
        asl_machine_free(parsed);
    }
    reply_found(c, &found, least, most, rc != OK);
}
