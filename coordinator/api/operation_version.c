/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of state machines: publish, list, delete. Source: AWS Step Functions API Reference. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/api/api.h"
#include "coordinator/api/code.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum err_code check_description(struct slice text, const char *member, struct err *err)
{
    if (!text_is_utf8(text)) {
        return err_set(err, ERR_VALIDATION, "the %s is not UTF-8", member);
    }
    if (text_code_points(text) > LIMIT_DESCRIPTION_CHARS) {
        return err_set(err, ERR_VALIDATION,
                       "1 validation error detected: Value at '%s' failed to satisfy constraint: "
                       "Member must have length less than or equal to %d",
                       member, LIMIT_DESCRIPTION_CHARS);
    }
    return OK;
}

static bool is_published(const struct ledger_machine *m)
{
    const struct versions_row *v = &m->versions;

    return v->count != 0 && v->items[v->count - 1].revision == m->revision;
}

enum err_code version_room(const struct ledger_machine *m, struct err *err)
{
    return m->versions.count < LIMIT_VERSIONS
               ? OK
               : err_set(err, ERR_QUOTA, "a state machine has at most %d versions", LIMIT_VERSIONS);
}

enum err_code version_publish(struct api *api,
                              struct ledger_machine *m,
                              struct slice description,
                              const struct version **out,
                              struct err *err)
{
    enum err_code rc;

    if (is_published(m)) {
        *out = &m->versions.items[m->versions.count - 1]; /* a revision has one version */
        return OK;
    }
    rc = version_room(m, err);
    if (rc == OK) {
        rc = check_description(description, "description", err);
    }
    if (rc == OK) {
        *out = ledger_version_publish(api->ledger, m, description);
    }
    return rc;
}

char *version_arn(struct arena *a, const struct ledger_machine *m, uint32_t version)
{
    return arena_str(a, arena_printf(a, "%.*s:%u", SLICE_FMT(m->arn), version));
}

/* A UUID that names one revision of one machine, as long as there are both. */
char *revision_id(struct api *api, const struct ledger_machine *m, uint32_t revision)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    struct code code;
    char *text;

    if (revision <= 1) {
        return (char *)(uintptr_t) ""; /* it was never updated */
    }
    code = code_of(ledger_rules(api->ledger)->token_key,
                   arena_printf(a, "revision %" PRIu64 " %" PRIu32, m->number, revision));
    text = arena_zalloc(a, TEXT_UUID_BYTES + 1, 1);
    text_format_uuid(code.bytes, text);
    return text;
}

static Stepfleet__Version *
version_message(struct api *api, const struct ledger_machine *m, const struct version *v)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    Stepfleet__Version *out = arena_alloc(a, sizeof(*out));

    stepfleet__version__init(out);
    out->arn = version_arn(a, m, v->number);
    out->created_ms = v->created_ms;
    return out;
}

/* "INITIAL" is the revision of a machine that was never updated. */
static bool is_current(struct api *api, const struct ledger_machine *m, const char *given)
{
    return given[0] == '\0' || strcmp(given, revision_id(api, m, m->revision)) == 0 ||
           (m->revision <= 1 && strcmp(given, "INITIAL") == 0);
}

void operation_VERSION_PUBLISH(struct call *c)
{
    const Stepfleet__VersionPublishRequest *q = (const void *)c->request;
    const struct version *v;
    struct ledger_machine *m;
    struct err err;
    enum err_code rc = find_machine(c->api, q->machine, &m, &err);

    if (rc == OK && m->deleting) {
        rc = machine_deleting(m, &err);
    }
    if (rc == OK && !is_current(c->api, m, q->revision_id)) {
        rc = err_set(&err, ERR_CONFLICT,
                     "Failed to publish the State Machine version for revision %.64s. The current "
                     "State Machine revision is %s.",
                     q->revision_id,
                     m->revision > 1 ? revision_id(c->api, m, m->revision) : "INITIAL");
    }
    if (rc == OK) {
        rc = version_publish(c->api, m, slice_str(q->description), &v, &err);
    }
    if (rc == OK) {
        c->reply(c, &version_message(c->api, m, v)->base);
    } else {
        c->fail(c, rc, &err);
    }
}

/* Those of one page, the newest first; `after` is a number. */
void operation_VERSION_LIST(struct call *c)
{
    const Stepfleet__MachinePageRequest *q = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__VersionListReply r = STEPFLEET__VERSION_LIST_REPLY__INIT;
    struct ledger_machine *m;
    uint64_t before = UINT64_MAX;
    struct err err;
    uint32_t max;
    enum err_code rc = find_machine(c->api, q->machine, &m, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    if (!page_size(c, q->max_results, &max)) {
        return;
    }
    if (q->next_token[0] != '\0' && !text_parse_u64(slice_str(q->next_token), &before)) {
        call_fail(c, ERR_INVALID_TOKEN, "Invalid Token: 'Invalid token'");
        return;
    }
    r.versions = ARENA_ARRAY(a, max, Stepfleet__Version *);
    for (size_t i = m->versions.count; i-- > 0;) {
        const struct version *v = &m->versions.items[i];

        if (v->number >= before) {
            continue;
        }
        if (r.n_versions == max) {
            r.next_token = arena_str(a, arena_printf(a, "%u", v->number + 1));
            break;
        }
        r.versions[r.n_versions++] = version_message(c->api, m, v);
    }
    c->reply(c, &r.base);
}

/* The aliases that send starts to a version: "[a, b]"; empty: none. */
static struct slice aliases_of(struct api *api, const struct ledger_machine *m, uint32_t version)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    struct slice out = {NULL, 0};

    for (size_t i = 0; i < m->versions.alias_count; i++) {
        const struct alias *alias = &m->versions.aliases[i];
        bool refers = false;

        for (size_t n = 0; n < alias->route_count; n++) {
            refers = refers || alias->routes[n].version == version;
        }
        if (refers) {
            out = arena_printf(a, "%.*s%s%.*s", SLICE_FMT(out), out.len != 0 ? ", " : "",
                               SLICE_FMT(alias->name));
        }
    }
    return out;
}

void operation_VERSION_DELETE(struct call *c)
{
    const Stepfleet__VersionRequest *q = (const void *)c->request;
    Stepfleet__Empty r = STEPFLEET__EMPTY__INIT;
    struct qualified at;
    struct slice aliases;
    struct err err;
    enum err_code rc = find_qualified(c->api, q->version, &at, &err);

    if (rc == ERR_MACHINE_DOES_NOT_EXIST) {
        c->reply(c, &r.base); /* one that is gone is fine */
        return;
    }
    if (rc == OK && at.version == NULL) {
        rc = err_set(&err, ERR_VALIDATION, "'%.300s' is no ARN of a version", q->version);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    aliases = aliases_of(c->api, at.machine, at.version->number);
    if (aliases.len != 0) {
        call_fail(c, ERR_CONFLICT,
                  "Version to be deleted must not be referenced by an alias. Current list of "
                  "aliases referencing this version: [%.*s]",
                  SLICE_FMT(aliases));
        return;
    }
    ledger_version_delete(c->api->ledger, at.machine, at.version->number);
    c->reply(c, &r.base);
}
