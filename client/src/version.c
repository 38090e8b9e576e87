/* SPDX-License-Identifier: Apache-2.0 */
/* Versions and aliases of machines: plain structs to messages and back. */
#include "client/src/client.h"

/* ---- versions ---- */

enum stepfleet_code stepfleet_version_publish(struct stepfleet *c,
                                              const char *machine,
                                              const char *description,
                                              struct stepfleet_version **out,
                                              struct stepfleet_error *error)
{
    Stepfleet__VersionPublishRequest q = STEPFLEET__VERSION_PUBLISH_REQUEST__INIT;
    const Stepfleet__Version *m;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.machine = text_to(machine);
    q.description = text_to(description);
    rc = client_fetch(c, RPC_VERSION_PUBLISH, &q.base, sizeof(**out), &reply, &message, error);
    if (rc == STEPFLEET_OK) {
        m = message;
        *out = reply;
        **out = (struct stepfleet_version){m->arn, m->created_ms};
    }
    return rc;
}

/* The request for a page of versions or of aliases. */
static Stepfleet__MachinePageRequest
page_request(const char *machine, uint32_t max_results, const char *next_token)
{
    Stepfleet__MachinePageRequest q = STEPFLEET__MACHINE_PAGE_REQUEST__INIT;

    q.machine = text_to(machine);
    q.max_results = max_results;
    q.next_token = text_to(next_token);
    return q;
}

enum stepfleet_code stepfleet_version_list(struct stepfleet *c,
                                           const char *machine,
                                           uint32_t max_results,
                                           const char *next_token,
                                           struct stepfleet_version_page **out,
                                           struct stepfleet_error *error)
{
    Stepfleet__MachinePageRequest q = page_request(machine, max_results, next_token);
    const Stepfleet__VersionListReply *m;
    struct stepfleet_version *each;
    void *reply;
    void *message;
    enum stepfleet_code rc =
        client_fetch(c, RPC_VERSION_LIST, &q.base, sizeof(**out), &reply, &message, error);

    if (rc != STEPFLEET_OK) {
        return rc;
    }
    m = message;
    each = ARENA_ARRAY(reply_arena(reply), m->n_versions, struct stepfleet_version);
    for (size_t i = 0; i < m->n_versions; i++) {
        each[i] = (struct stepfleet_version){m->versions[i]->arn, m->versions[i]->created_ms};
    }
    *out = reply;
    **out = (struct stepfleet_version_page){each, m->n_versions, m->next_token};
    return STEPFLEET_OK;
}

enum stepfleet_code
stepfleet_version_delete(struct stepfleet *c, const char *version, struct stepfleet_error *error)
{
    Stepfleet__VersionRequest q = STEPFLEET__VERSION_REQUEST__INIT;

    q.version = text_to(version);
    return client_tell(c, RPC_VERSION_DELETE, &q.base, error);
}

/* ---- aliases ---- */

static void alias_fill(struct stepfleet_alias *out, const Stepfleet__Alias *m, struct arena *a)
{
    struct stepfleet_route *routes = ARENA_ARRAY(a, m->n_routes, struct stepfleet_route);

    for (size_t i = 0; i < m->n_routes; i++) {
        routes[i] = (struct stepfleet_route){m->routes[i]->version, m->routes[i]->weight};
    }
    *out = (struct stepfleet_alias){
        .arn = m->arn,
        .name = m->name,
        .description = m->description,
        .routes = routes,
        .route_count = m->n_routes,
        .created_ms = m->created_ms,
        .updated_ms = m->updated_ms,
    };
}

/* Create, update and describe answer alike. */
static enum stepfleet_code alias_call(struct stepfleet *c,
                                      enum rpc method,
                                      const ProtobufCMessage *request,
                                      struct stepfleet_alias **out,
                                      struct stepfleet_error *error)
{
    void *reply;
    void *message;
    enum stepfleet_code rc =
        client_fetch(c, method, request, sizeof(**out), &reply, &message, error);

    if (rc == STEPFLEET_OK) {
        alias_fill(reply, message, reply_arena(reply));
        *out = reply;
    }
    return rc;
}

static Stepfleet__Route **
routes_to(const struct stepfleet_route *routes, size_t count, struct arena *a)
{
    Stepfleet__Route **out = ARENA_ARRAY(a, count, Stepfleet__Route *);

    for (size_t i = 0; i < count; i++) {
        out[i] = arena_alloc(a, sizeof(*out[i]));
        stepfleet__route__init(out[i]);
        out[i]->version = text_to(routes[i].version);
        out[i]->weight = routes[i].weight;
    }
    return out;
}

enum stepfleet_code stepfleet_alias_create(struct stepfleet *c,
                                           const char *name,
                                           const char *description,
                                           const struct stepfleet_route *routes,
                                           size_t route_count,
                                           struct stepfleet_alias **out,
                                           struct stepfleet_error *error)
{
    Stepfleet__AliasCreateRequest q = STEPFLEET__ALIAS_CREATE_REQUEST__INIT;
    struct arena a = {0};
    enum stepfleet_code rc;

    q.name = text_to(name);
    q.description = text_to(description);
    q.routes = routes_to(routes, route_count, &a);
    q.n_routes = route_count;
    rc = alias_call(c, RPC_ALIAS_CREATE, &q.base, out, error);
    arena_fini(&a);
    return rc;
}

enum stepfleet_code stepfleet_alias_update(struct stepfleet *c,
                                           const char *alias,
                                           const char *description,
                                           const struct stepfleet_route *routes,
                                           size_t route_count,
                                           struct stepfleet_alias **out,
                                           struct stepfleet_error *error)
{
    Stepfleet__AliasUpdateRequest q = STEPFLEET__ALIAS_UPDATE_REQUEST__INIT;
    struct arena a = {0};
    enum stepfleet_code rc;

    q.alias = text_to(alias);
    q.description = text_to(description);
    q.has_description = description != NULL;
    q.routes = routes_to(routes, route_count, &a);
    q.n_routes = route_count;
    rc = alias_call(c, RPC_ALIAS_UPDATE, &q.base, out, error);
    arena_fini(&a);
    return rc;
}

enum stepfleet_code stepfleet_alias_describe(struct stepfleet *c,
                                             const char *alias,
                                             struct stepfleet_alias **out,
                                             struct stepfleet_error *error)
{
    Stepfleet__AliasRequest q = STEPFLEET__ALIAS_REQUEST__INIT;

    q.alias = text_to(alias);
    return alias_call(c, RPC_ALIAS_DESCRIBE, &q.base, out, error);
}

enum stepfleet_code stepfleet_alias_list(struct stepfleet *c,
                                         const char *machine,
                                         uint32_t max_results,
                                         const char *next_token,
                                         struct stepfleet_alias_page **out,
                                         struct stepfleet_error *error)
{
    Stepfleet__MachinePageRequest q = page_request(machine, max_results, next_token);
    const Stepfleet__AliasListReply *m;
    struct stepfleet_alias *each;
    void *reply;
    void *message;
    enum stepfleet_code rc =
        client_fetch(c, RPC_ALIAS_LIST, &q.base, sizeof(**out), &reply, &message, error);

    if (rc != STEPFLEET_OK) {
        return rc;
    }
    m = message;
    each = ARENA_ARRAY(reply_arena(reply), m->n_aliases, struct stepfleet_alias);
    for (size_t i = 0; i < m->n_aliases; i++) {
        alias_fill(&each[i], m->aliases[i], reply_arena(reply));
    }
    *out = reply;
    **out = (struct stepfleet_alias_page){each, m->n_aliases, m->next_token};
    return STEPFLEET_OK;
}

enum stepfleet_code
stepfleet_alias_delete(struct stepfleet *c, const char *alias, struct stepfleet_error *error)
{
    Stepfleet__AliasRequest q = STEPFLEET__ALIAS_REQUEST__INIT;

    q.alias = text_to(alias);
    return client_tell(c, RPC_ALIAS_DELETE, &q.base, error);
}
