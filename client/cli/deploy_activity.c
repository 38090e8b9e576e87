/* SPDX-License-Identifier: Apache-2.0 */
/* AWS::StepFunctions::Activity: a name and tags. */
#include "client/cli/deploy.h"

static const char *const properties[] = {"Name", "Tags", NULL};

static enum err_code want(struct template_scope *s,
                          const struct template_resource *resource,
                          const struct json_node **out,
                          struct err *err)
{
    struct json_builder b = json_build_object(s->a);
    const struct json_node *tags = NULL;
    enum err_code rc = deploy_tags_want(s, resource->properties, &tags, err);

    if (rc == OK && tags != NULL) {
        json_put(&b, SLICE("tags"), tags);
    }
    if (rc == OK) {
        *out = json_built(&b);
    }
    return rc;
}

static int
look_up(struct cli *cli, const struct template_resource *resource, const struct json_node **out)
{
    struct json_builder b = json_build_object(&cli->arena);
    const struct json_node *tags = NULL;
    struct stepfleet_activity *activity;
    struct stepfleet_error error;
    enum stepfleet_code code = stepfleet_activity_describe(
        cli->client, arena_str(&cli->arena, resource->name), &activity, &error);
    int rc;

    if (code == STEPFLEET_ACTIVITY_DOES_NOT_EXIST) {
        *out = NULL;
        return CLI_DONE;
    }
    if (code != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, activity);
    rc = deploy_tags_read(cli, activity->arn, &tags);
    if (rc == CLI_DONE) {
        json_put(&b, SLICE("tags"), tags);
        *out = json_built(&b);
    }
    return rc;
}

static int apply(struct cli *cli, const struct deploy_item *item)
{
    struct stepfleet_activity *activity;
    struct stepfleet_error error;

    /* One that is there is fine. */
    if (stepfleet_activity_create(cli->client, arena_str(&cli->arena, item->resource.name),
                                  &activity, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, activity);
    return deploy_tags_apply(cli, activity->arn, item);
}

const struct deploy_kind deploy_activity = {
    .properties = properties,
    .want = want,
    .read = look_up,
    .apply = apply,
};
