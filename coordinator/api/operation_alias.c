/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases of state machines, each of one or two versions by weight: create, update, describe, list,
 * delete. Idempotent by name and routes. Source: AWS Step Functions API Reference. */
#include <string.h>

#include "coordinator/api/api.h"
#include "proto/base/limits.h"

static const char name_pattern[] = "^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$";

/* ---- what is asked for ---- */

static bool is_alias_name(struct slice s)
{
    bool digits = true;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.';

        if (!letter && (c < '0' || c > '9')) {
            return false;
        }
        digits = digits && !letter;
    }
    return s.len != 0 && !digits;
}

static enum err_code check_name(const char *name, struct err *err)
{
    if (strlen(name) > LIMIT_NAME_CHARS) {
        return err_set(err, ERR_VALIDATION,
                       "1 validation error detected: Value '%.300s' at 'name' failed to satisfy "
                       "constraint: Member must have length less than or equal to %d",
                       name, LIMIT_NAME_CHARS);
    }
    if (!is_alias_name(slice_str(name))) {
        return err_set(err, ERR_VALIDATION,
                       "1 validation error detected: Value '%.300s' at 'name' failed to satisfy "
                       "constraint: Member must satisfy regular expression pattern: %s",
                       name, name_pattern);
    }
    return OK;
}

static enum err_code routes_invalid(Stepfleet__Route *const *routes,
                                    size_t count,
                                    const char *why,
                                    bool weights,
                                    struct arena *a,
                                    struct err *err)
{
    struct slice said = {NULL, 0};

    for (size_t i = 0; i < count; i++) {
        const char *comma = i != 0 ? ", " : "";

        said = weights ? arena_printf(a, "%.*s%s%u", SLICE_FMT(said), comma, routes[i]->weight)
                       : arena_printf(a, "%.*s%s%s", SLICE_FMT(said), comma, routes[i]->version);
    }
    return err_set(err, ERR_VALIDATION, "%s Received: [%.*s]", why, SLICE_FMT(said));
}

/* The versions, all of one machine. */
static enum err_code routes_find(struct api *api,
                                 Stepfleet__Route *const *routes,
                                 size_t count,
                                 struct ledger_machine **machine,
                                 struct alias *out,
                                 struct err *err)
{
    struct arena *a = ledger_turn_arena(api->ledger);

    *machine = NULL;
    out->route_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct qualified at;
        enum err_code rc = find_qualified(api, routes[i]->version, &at, err);

        if (rc == ERR_INVALID_ARN) {
            return rc;
        }
        if (rc != OK) {
            return err_set(err, ERR_NOT_FOUND,
                           "Request references a resource that does not exist.");
        }
        if (at.version == NULL) {
            return routes_invalid(routes, count,
                                  "Routing configuration must contain state machine version ARNs.",
                                  false, a, err);
        }
        if (at.machine->deleting) {
            return machine_deleting(at.machine, err);
        }
        if ((*machine != NULL && *machine != at.machine) ||
            (i != 0 && out->routes[0].version == at.version->number)) {
            return routes_invalid(routes, count,
                                  "Routing configuration must contain distinct version ARNs of one "
                                  "state machine.",
                                  false, a, err);
        }
        *machine = at.machine;
        out->routes[out->route_count++] = (struct route){at.version->number, routes[i]->weight};
    }
    return OK;
}

static enum err_code routes_read(struct api *api,
                                 Stepfleet__Route *const *routes,
                                 size_t count,
                                 struct ledger_machine **machine,
                                 struct alias *out,
                                 struct err *err)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    uint64_t sum = 0;

    if (count == 0 || count > ROUTES_MOST) {
        return err_set(err, ERR_VALIDATION,
                       "1 validation error detected: Value at 'routingConfiguration' failed to "
                       "satisfy constraint: Member must have length %s than or equal to %d",
                       count == 0 ? "greater" : "less", count == 0 ? 1 : ROUTES_MOST);
    }
    for (size_t i = 0; i < count; i++) {
        sum += routes[i]->weight;
    }
    if (sum != 100) {
        return routes_invalid(routes, count, "Sum of routing configuration weights must equal 100.",
                              true, a, err);
    }
    return routes_find(api, routes, count, machine, out, err);
}

static bool is_same_route(const struct alias *x, const struct alias *y)
{
    if (x->route_count != y->route_count || !slice_eq(x->description, y->description)) {
        return false;
    }
    for (size_t i = 0; i < x->route_count; i++) {
        if (x->routes[i].version != y->routes[i].version ||
            x->routes[i].weight != y->routes[i].weight) {
            return false;
        }
    }
    return true;
}

/* ---- answers ---- */

static char *alias_arn(struct arena *a, const struct ledger_machine *m, struct slice name)
{
    return arena_str(a, arena_printf(a, "%.*s:%.*s", SLICE_FMT(m->arn), SLICE_FMT(name)));
}

static Stepfleet__Alias *
alias_message(struct api *api, const struct ledger_machine *m, const struct alias *alias)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    Stepfleet__Alias *out = arena_alloc(a, sizeof(*out));

    stepfleet__alias__init(out);
    out->arn = alias_arn(a, m, alias->name);
    out->name = arena_str(a, alias->name);
    out->description = arena_str(a, alias->description);
    out->created_ms = alias->created_ms;
    out->updated_ms = alias->updated_ms;
    out->routes = ARENA_ARRAY(a, alias->route_count, Stepfleet__Route *);
    for (size_t i = 0; i < alias->route_count; i++) {
        Stepfleet__Route *route = arena_alloc(a, sizeof(*route));

        stepfleet__route__init(route);
        route->version = version_arn(a, m, alias->routes[i].version);
        route->weight = alias->routes[i].weight;
        out->routes[out->n_routes++] = route;
    }
    return out;
}

static void
reply_alias(struct call *c, enum err_code rc, const struct qualified *at, const struct err *err)
{
    if (rc == OK) {
        c->reply(c, &alias_message(c->api, at->machine, at->alias)->base);
    } else {
        c->fail(c, rc, err);
    }
}

/* ---- the operations ---- */

static enum err_code alias_create(struct call *c,
                                  const Stepfleet__AliasCreateRequest *q,
                                  struct qualified *out,
                                  struct err *err)
{
    int64_t now_ms = ledger_now(c->api->ledger).wall_ms;
    struct alias alias = {
        .name = slice_str(q->name),
        .description = slice_str(q->description),
        .created_ms = now_ms,
        .updated_ms = now_ms,
    };
    enum err_code rc = check_name(q->name, err);

    if (rc == OK) {
        rc = check_description(slice_str(q->description), "description", err);
    }
    if (rc == OK) {
        rc = routes_read(c->api, q->routes, q->n_routes, &out->machine, &alias, err);
    }
    if (rc != OK) {
        return rc;
    }
    out->alias = ledger_alias_find(out->machine, alias.name);
    if (out->alias != NULL) {
        return is_same_route(out->alias, &alias)
                   ? OK
                   : err_set(err, ERR_CONFLICT,
                             "Failed to create alias because an alias with the same name and a "
                             "different routing configuration already exists.");
    }
    if (out->machine->versions.alias_count >= LIMIT_ALIASES) {
        return err_set(err, ERR_QUOTA, "a state machine has at most %d aliases", LIMIT_ALIASES);
    }
    out->alias = ledger_alias_put(c->api->ledger, out->machine, &alias);
    return OK;
}

void operation_ALIAS_CREATE(struct call *c)
{
    const Stepfleet__AliasCreateRequest *q = (const void *)c->request;
    struct qualified at;
    struct err err;

    reply_alias(c, alias_create(c, q, &at, &err), &at, &err);
}

/* One that must be there. */
static enum err_code
find_alias(struct api *api, const char *arn, struct qualified *out, struct err *err)
{
    enum err_code rc = find_qualified(api, arn, out, err);

    if (rc == ERR_INVALID_ARN || (rc == OK && out->alias != NULL)) {
        return rc;
    }
    return err_set(err, ERR_NOT_FOUND, "Request references a resource that does not exist.");
}

static enum err_code alias_update(struct call *c,
                                  const Stepfleet__AliasUpdateRequest *q,
                                  struct qualified *at,
                                  struct err *err)
{
    struct ledger_machine *m;
    struct alias alias;
    enum err_code rc = find_alias(c->api, q->alias, at, err);

    if (rc == OK && !q->has_description && q->n_routes == 0) {
        return err_set(err, ERR_VALIDATION,
                       "Either the description or the routing configuration must be specified");
    }
    if (rc != OK) {
        return rc;
    }
    alias = *at->alias;
    alias.updated_ms = ledger_now(c->api->ledger).wall_ms;
    if (q->has_description) {
        alias.description = slice_str(q->description);
        rc = check_description(slice_str(q->description), "description", err);
    }
    if (rc == OK && q->n_routes != 0) {
        rc = routes_read(c->api, q->routes, q->n_routes, &m, &alias, err);
        if (rc == OK && m != at->machine) {
            rc = err_set(err, ERR_VALIDATION,
                         "Routing configuration must contain versions of the alias's own state "
                         "machine.");
        }
    }
    if (rc == OK) {
        at->alias = ledger_alias_put(c->api->ledger, at->machine, &alias);
    }
    return rc;
}

void operation_ALIAS_UPDATE(struct call *c)
{
    const Stepfleet__AliasUpdateRequest *q = (const void *)c->request;
    struct qualified at;
    struct err err;

    reply_alias(c, alias_update(c, q, &at, &err), &at, &err);
}

void operation_ALIAS_DESCRIBE(struct call *c)
{
    const Stepfleet__AliasRequest *q = (const void *)c->request;
    struct qualified at;
    struct err err;

    reply_alias(c, find_alias(c->api, q->alias, &at, &err), &at, &err);
}

void operation_ALIAS_DELETE(struct call *c)
{
    const Stepfleet__AliasRequest *q = (const void *)c->request;
    Stepfleet__Empty r = STEPFLEET__EMPTY__INIT;
    struct qualified at;
    struct err err;
    enum err_code rc = find_alias(c->api, q->alias, &at, &err);

    if (rc != OK && rc != ERR_NOT_FOUND) {
        c->fail(c, rc, &err);
        return;
    }
    if (rc == OK) {
        ledger_alias_delete(c->api->ledger, at.machine,
                            arena_copy(ledger_turn_arena(c->api->ledger), at.alias->name));
    }
    c->reply(c, &r.base);
}

static bool leads_to(const struct alias *alias, uint32_t version)
{
    bool leads = false;

    for (size_t i = 0; i < alias->route_count; i++) {
        leads = leads || alias->routes[i].version == version;
    }
    return leads;
}

/* Those of a machine, or of one of its versions, by name; a page goes on behind the last name of
 * the one before. */
void operation_ALIAS_LIST(struct call *c)
{
    const Stepfleet__MachinePageRequest *q = (const void *)c->request;
    Stepfleet__AliasListReply r = STEPFLEET__ALIAS_LIST_REPLY__INIT;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    struct qualified at;
    struct err err;
    uint32_t max;
    enum err_code rc = find_qualified(c->api, q->machine, &at, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    if (!page_size(c, q->max_results, &max)) {
        return;
    }
    r.aliases = ARENA_ARRAY(a, max, Stepfleet__Alias *);
    for (size_t i = 0; i < at.machine->versions.alias_count; i++) {
        const struct alias *alias = &at.machine->versions.aliases[i];

        if (slice_cmp(alias->name, slice_str(q->next_token)) <= 0 ||
            (at.version != NULL && !leads_to(alias, at.version->number))) {
            continue;
        }
        if (r.n_aliases == max) {
            r.next_token = r.aliases[max - 1]->name;
            break;
        }
        r.aliases[r.n_aliases++] = alias_message(c->api, at.machine, alias);
    }
    c->reply(c, &r.base);
}
