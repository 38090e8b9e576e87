/* SPDX-License-Identifier: Apache-2.0 */
/* AWS::SNS::Subscription: it has no name, so it is the one of its topic with that endpoint. */
#include "client/cli/deploy.h"

#define ATTRIBUTES "RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy", NULL

static const char *const attributes[] = {ATTRIBUTES};
static const char *const properties[] = {"TopicArn", "Protocol", "Endpoint", ATTRIBUTES};

static const char *text_of(struct arena *a, const struct template_resource *r, const char *property)
{
    return arena_str(a, json_text(json_member(r->properties, slice_str(property))));
}

static enum err_code want(struct template_scope *s,
                          const struct template_resource *resource,
                          const struct json_node **out,
                          struct err *err)
{
    struct json_builder b = json_build_object(s->a);

    for (size_t i = 0; i < 3; i++) {
        if (!json_is(json_member(resource->properties, slice_str(properties[i])), JSON_STRING)) {
            return template_refuse(s, err, "a subscription has a %s", properties[i]);
        }
    }
    deploy_attributes_want(resource->properties, attributes, s->a, &b);
    /* There are no other endpoints here yet. */
    *out = strcmp(text_of(s->a, resource, "Protocol"), "sqs") == 0 ? json_built(&b) : NULL;
    return OK;
}

/* Its ARN; NULL: there is none. */
static int find(struct cli *cli, const struct template_resource *r, const char **arn)
{
    const char *topic = text_of(&cli->arena, r, "TopicArn");
    const char *protocol = text_of(&cli->arena, r, "Protocol");
    const char *endpoint = text_of(&cli->arena, r, "Endpoint");
    const char *token = "";
    struct stepfleet_error error;

    *arn = NULL;
    do {
        struct stepfleet_subscription_page *page;
        enum stepfleet_code code =
            stepfleet_subscription_list(cli->client, topic, token, &page, &error);

        if (code == STEPFLEET_TOPIC_NOT_FOUND) {
            return CLI_DONE;
        }
        if (code != STEPFLEET_OK) {
            return cli_refused(&error);
        }
        cli_keep(cli, page);
        for (size_t i = 0; i < page->count; i++) {
            const struct stepfleet_subscription *s = &page->subscriptions[i];

            if (strcmp(s->protocol, protocol) == 0 && strcmp(s->endpoint, endpoint) == 0) {
                *arn = s->arn;
            }
        }
        token = page->next_token;
    } while (*arn == NULL && token[0] != '\0');
    return CLI_DONE;
}

static int
look_up(struct cli *cli, const struct template_resource *resource, const struct json_node **out)
{
    struct json_builder b = json_build_object(&cli->arena);
    struct stepfleet_tags *found;
    struct stepfleet_error error;
    const char *arn;
    int rc = find(cli, resource, &arn);

    *out = NULL;
    if (rc != CLI_DONE || arn == NULL) {
        return rc;
    }
    if (stepfleet_subscription_attributes(cli->client, arn, &found, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, found);
    deploy_attributes_have(found, &cli->arena, &b);
    *out = json_built(&b);
    return CLI_DONE;
}

static int apply(struct cli *cli, const struct deploy_item *item)
{
    const struct template_resource *r = &item->resource;
    struct stepfleet_tags changed = deploy_attributes_changed(cli, item, attributes);
    struct stepfleet_error error;
    enum stepfleet_code code = STEPFLEET_OK;
    const char *arn;
    int rc = find(cli, r, &arn);

    if (rc != CLI_DONE) {
        return rc;
    }
    if (arn == NULL) {
        code = stepfleet_subscribe(
            cli->client, text_of(&cli->arena, r, "TopicArn"), text_of(&cli->arena, r, "Protocol"),
            text_of(&cli->arena, r, "Endpoint"), changed.tags, changed.count, &error);
    } else {
        for (size_t i = 0; i < changed.count && code == STEPFLEET_OK; i++) {
            code = stepfleet_subscription_set(cli->client, arn, &changed.tags[i], &error);
        }
    }
    return code == STEPFLEET_OK ? CLI_DONE : cli_refused(&error);
}

const struct deploy_kind deploy_subscription = {
    .properties = properties,
    .want = want,
    .read = look_up,
    .apply = apply,
};
