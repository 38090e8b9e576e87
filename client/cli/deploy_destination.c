/* SPDX-License-Identifier: Apache-2.0 */
/* AWS::Events::ApiDestination: where a webhook is, how and how often it is asked. */
#include "client/cli/deploy.h"
#include "proto/base/limits.h"

static const char *const properties[] = {"Name",        "ConnectionArn",
                                         "HttpMethod",  "InvocationEndpoint",
                                         "Description", "InvocationRateLimitPerSecond",
                                         NULL};

/* The name in "arn:...:connection/NAME", with or without "/ID" behind it. */
static struct slice connection_name(struct slice arn)
{
    struct slice name = slice_from(arn, slice_find(arn, '/') + 1);

    return slice_head(name, slice_find(name, '/'));
}

static const struct json_node *form(struct arena *a,
                                    struct slice connection,
                                    struct slice method,
                                    struct slice url,
                                    struct slice description,
                                    const struct json_node *rate)
{
    struct json_builder b = json_build_object(a);

    json_put(&b, SLICE("connection"), json_string(a, connection_name(connection)));
    json_put(&b, SLICE("httpMethod"), json_string(a, method));
    json_put(&b, SLICE("invocationEndpoint"), json_string(a, url));
    json_put(&b, SLICE("description"), json_string(a, description));
    json_put(&b, SLICE("invocationRateLimitPerSecond"), rate);
    return json_built(&b);
}

static struct slice text_of(const struct json_node *p, const char *property)
{
    return json_text(json_member(p, slice_str(property)));
}

/* -1: it is no number of requests. */
static int64_t rate_of(const struct json_node *p)
{
    const struct json_node *v = json_member(p, SLICE("InvocationRateLimitPerSecond"));
    int64_t rate = LIMIT_WEBHOOK_RATE;

    return v == NULL || (json_i64(v, &rate) && rate > 0 && rate <= UINT32_MAX) ? rate : -1;
}

static enum err_code want(struct template_scope *s,
                          const struct template_resource *resource,
                          const struct json_node **out,
                          struct err *err)
{
    const struct json_node *p = resource->properties;
    int64_t rate = rate_of(p);

    if (rate < 0) {
        return template_refuse(s, err, "InvocationRateLimitPerSecond is a number above 0");
    }
    *out =
        form(s->a, text_of(p, "ConnectionArn"), text_of(p, "HttpMethod"),
             text_of(p, "InvocationEndpoint"), text_of(p, "Description"), json_integer(s->a, rate));
    return OK;
}

static int
look_up(struct cli *cli, const struct template_resource *resource, const struct json_node **out)
{
    struct stepfleet_webhook_destination *have;
    struct stepfleet_error error;
    enum stepfleet_code code = stepfleet_webhook_destination_describe(
        cli->client, arena_str(&cli->arena, resource->name), &have, &error);

    *out = NULL;
    if (code == STEPFLEET_RULE_DOES_NOT_EXIST) {
        return CLI_DONE;
    }
    if (code != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, have);
    *out = form(&cli->arena, slice_str(have->connection), slice_str(have->method),
                slice_str(have->url), slice_str(have->description),
                json_integer(&cli->arena, have->rate));
    return CLI_DONE;
}

static int apply(struct cli *cli, const struct deploy_item *item)
{
    struct arena *a = &cli->arena;
    const struct json_node *p = item->resource.properties;
    const struct stepfleet_webhook_destination destination = {
        .name = arena_str(a, item->resource.name),
        .connection = arena_str(a, text_of(p, "ConnectionArn")),
        .url = arena_str(a, text_of(p, "InvocationEndpoint")),
        .method = arena_str(a, text_of(p, "HttpMethod")),
        .rate = (uint32_t)rate_of(p),
        .description = arena_str(a, text_of(p, "Description")),
    };
    struct stepfleet_error error;
    enum stepfleet_code code =
        item->have == NULL
            ? stepfleet_webhook_destination_create(cli->client, &destination, &error)
            : stepfleet_webhook_destination_update(cli->client, &destination, &error);

    return code == STEPFLEET_OK ? CLI_DONE : cli_refused(&error);
}

const struct deploy_kind deploy_destination = {
    .properties = properties,
    .want = want,
    .read = look_up,
    .apply = apply,
};
