/* SPDX-License-Identifier: Apache-2.0 */
/* AWS::SNS::Topic: attributes and tags. */
#include "client/cli/deploy.h"

#define ATTRIBUTES                                                                                 \
    "DisplayName", "FifoTopic", "ContentBasedDeduplication", "FifoThroughputScope",                \
        "KmsMasterKeyId", NULL

static const char *const attributes[] = {ATTRIBUTES};
static const char *const properties[] = {"TopicName", "Tags", ATTRIBUTES};

static enum err_code want(struct template_scope *s,
                          const struct template_resource *resource,
                          const struct json_node **out,
                          struct err *err)
{
    return deploy_attributed_want(s, resource->properties, attributes, SLICE("FifoTopic"), out,
                                  err);
}

static int
look_up(struct cli *cli, const struct template_resource *resource, const struct json_node **out)
{
    const char *arn = arena_str(&cli->arena, resource->arn);
    struct stepfleet_tags *found;
    struct stepfleet_error error;
    enum stepfleet_code code = stepfleet_topic_attributes(cli->client, arn, &found, &error);

    if (code == STEPFLEET_TOPIC_NOT_FOUND) {
        *out = NULL;
        return CLI_DONE;
    }
    if (code != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, found);
    return deploy_attributed_read(cli, arn, found, out);
}

static int apply(struct cli *cli, const struct deploy_item *item)
{
    const char *arn = arena_str(&cli->arena, item->resource.arn);
    const char *name = arena_str(&cli->arena, item->resource.name);
    struct stepfleet_tags changed = deploy_attributes_changed(cli, item, attributes);
    struct stepfleet_error error;
    enum stepfleet_code code = STEPFLEET_OK;

    if (item->have == NULL) {
        code = stepfleet_topic_create(cli->client, name, changed.tags, changed.count, &error);
    } else {
        for (size_t i = 0; i < changed.count && code == STEPFLEET_OK; i++) {
            code = stepfleet_topic_set(cli->client, arn, &changed.tags[i], &error);
        }
    }
    return code == STEPFLEET_OK ? deploy_tags_apply(cli, arn, item) : cli_refused(&error);
}

const struct deploy_kind deploy_topic = {
    .properties = properties,
    .fixed = "FifoTopic",
    .want = want,
    .read = look_up,
    .apply = apply,
};
