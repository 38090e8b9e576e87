/* SPDX-License-Identifier: Apache-2.0 */
/* AWS::Events::Connection: how a webhook is shown who asks. Secrets are neither compared nor shown:
 * the coordinator says none. They are set when the connection is made, and with any other change;
 * one that has changed alone is not noticed. */
#include "client/cli/deploy.h"

static const char *const properties[] = {"Name", "AuthorizationType", "AuthParameters",
                                         "Description", NULL};

static const struct kind {
    const char *type;
    const char *member;
    const char *name;
    const char *secret;
} kinds[] = {
    {"API_KEY", "ApiKeyAuthParameters", "ApiKeyName", "ApiKeyValue"},
    {"BASIC", "BasicAuthParameters", "Username", "Password"},
};

/* NULL: there is none such here. */
static const struct kind *kind_of(const struct json_node *p)
{
    struct slice type = json_text(json_member(p, SLICE("AuthorizationType")));
    const struct json_node *all = json_member(p, SLICE("AuthParameters"));

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (slice_eq_str(type, kinds[i].type)) {
            return json_count(all) == 1 && json_member(all, slice_str(kinds[i].member)) != NULL
                       ? &kinds[i]
                       : NULL;
        }
    }
    return NULL;
}

/* {member: {name: ...}}, as the coordinator says it. */
static const struct json_node *
without_secret(const struct kind *k, const struct json_node *own, struct arena *a)
{
    struct json_builder all = json_build_object(a);
    struct json_builder one = json_build_object(a);

    json_put(&one, slice_str(k->name),
             json_string(a, json_text(json_member(own, slice_str(k->name)))));
    json_put(&all, slice_str(k->member), json_built(&one));
    return json_built(&all);
}

static enum err_code want(struct template_scope *s,
                          const struct template_resource *resource,
                          const struct json_node **out,
                          struct err *err)
{
    const struct json_node *p = resource->properties;
    const struct kind *k = kind_of(p);
    const struct json_node *own;
    struct json_builder b = json_build_object(s->a);

    *out = NULL;
    if (k == NULL) {
        return OK;
    }
    own = json_member(json_member(p, SLICE("AuthParameters")), slice_str(k->member));
    if (slice_starts_with(json_text(json_member(own, slice_str(k->secret))), SLICE("{{resolve:"))) {
        return template_refuse(s, err,
                               "%s is a secret kept elsewhere: make it a parameter of the template",
                               k->secret);
    }
    json_put(&b, SLICE("authorizationType"), json_string(s->a, slice_str(k->type)));
    json_put(&b, SLICE("authParameters"), without_secret(k, own, s->a));
    json_put(&b, SLICE("description"),
             json_string(s->a, json_text(json_member(p, SLICE("Description")))));
    *out = json_built(&b);
    return OK;
}

static int
look_up(struct cli *cli, const struct template_resource *resource, const struct json_node **out)
{
    struct arena *a = &cli->arena;
    struct json_builder b = json_build_object(a);
    const struct json_node *parameters = json_null();
    struct stepfleet_webhook_connection *have;
    struct stepfleet_error error;
    enum stepfleet_code code = stepfleet_webhook_connection_describe(
        cli->client, arena_str(a, resource->name), &have, &error);

    *out = NULL;
    if (code == STEPFLEET_RULE_DOES_NOT_EXIST) {
        return CLI_DONE;
    }
    if (code != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, have);
    (void)json_parse(slice_str(have->parameters), a, &parameters, NULL);
    json_put(&b, SLICE("authorizationType"), json_string(a, slice_str(have->type)));
    json_put(&b, SLICE("authParameters"), parameters);
    json_put(&b, SLICE("description"), json_string(a, slice_str(have->description)));
    *out = json_built(&b);
    return CLI_DONE;
}

static int apply(struct cli *cli, const struct deploy_item *item)
{
    struct arena *a = &cli->arena;
    const struct json_node *p = item->resource.properties;
    const struct stepfleet_webhook_connection connection = {
        .name = arena_str(a, item->resource.name),
        .type = arena_str(a, json_text(json_member(p, SLICE("AuthorizationType")))),
        .parameters = arena_str(a, json_print(json_member(p, SLICE("AuthParameters")), a)),
        .description = arena_str(a, json_text(json_member(p, SLICE("Description")))),
    };
    struct stepfleet_error error;
    enum stepfleet_code code =
        item->have == NULL ? stepfleet_webhook_connection_create(cli->client, &connection, &error)
                           : stepfleet_webhook_connection_update(cli->client, &connection, &error);

    return code == STEPFLEET_OK ? CLI_DONE : cli_refused(&error);
}

const struct deploy_kind deploy_connection = {
    .properties = properties,
    .want = want,
    .read = look_up,
    .apply = apply,
};
