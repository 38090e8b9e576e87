/* SPDX-License-Identifier: Apache-2.0 */
/* AWS::Pipes::Pipe: from a queue to a state machine. Its source never changes. Of its parameters
 * those are compared that the template has: the others are what AWS fills in. */
#include "client/cli/deploy.h"

static const char *const properties[] = {"Name",
                                         "Source",
                                         "Target",
                                         "RoleArn",
                                         "Description",
                                         "DesiredState",
                                         "SourceParameters",
                                         "TargetParameters",
                                         "LogConfiguration",
                                         "Enrichment",
                                         "EnrichmentParameters",
                                         "Tags",
                                         NULL};

/* ---- What the template asks for ---- */

static bool has(const struct json_node *p, const char *property)
{
    return json_member(p, slice_str(property)) != NULL;
}

static void put_text(struct json_builder *b,
                     const char *member,
                     const struct json_node *from,
                     const char *property,
                     const char *standard)
{
    const struct json_node *v = json_member(from, slice_str(property));

    json_put(b, slice_str(member),
             json_is(v, JSON_STRING) ? v : json_string(b->a, slice_str(standard)));
}

static void put_object(struct json_builder *b,
                       const char *member,
                       const struct json_node *from,
                       const char *property)
{
    const struct json_node *v = json_member(from, slice_str(property));

    if (json_is(v, JSON_OBJECT)) {
        json_put(b, slice_str(member), v);
    }
}

static enum err_code want(struct template_scope *s,
                          const struct template_resource *resource,
                          const struct json_node **out,
                          struct err *err)
{
    const struct json_node *p = resource->properties;
    struct json_builder b = json_build_object(s->a);

    if (has(p, "Enrichment")) {
        *out = NULL;
        return OK;
    }
    if (!json_is(json_member(p, SLICE("Source")), JSON_STRING) ||
        !json_is(json_member(p, SLICE("Target")), JSON_STRING)) {
        return template_refuse(s, err, "a pipe has a Source and a Target");
    }
    put_text(&b, "source", p, "Source", "");
    put_text(&b, "target", p, "Target", "");
    put_text(&b, "roleArn", p, "RoleArn", "");
    put_text(&b, "description", p, "Description", "");
    put_text(&b, "desiredState", p, "DesiredState", "RUNNING");
    put_object(&b, "sourceParameters", p, "SourceParameters");
    put_object(&b, "targetParameters", p, "TargetParameters");
    put_object(&b, "logConfiguration", p, "LogConfiguration");
    put_object(&b, "tags", p, "Tags");
    *out = json_built(&b);
    return OK;
}

/* ---- What there is ---- */

/* The members of `have` that `want` has, all the way down. */
static const struct json_node *
within(const struct json_node *have, const struct json_node *wanted, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    if (!json_is(have, JSON_OBJECT) || !json_is(wanted, JSON_OBJECT)) {
        return have;
    }
    for (const struct json_node *e = json_first(wanted); e != NULL; e = json_next(wanted, e)) {
        const struct json_node *v = json_member(have, json_key(wanted, e));

        if (v != NULL) {
            json_put(&b, json_key(wanted, e), within(v, e, a));
        }
    }
    return json_built(&b);
}

static void put(struct json_builder *b, const char *member, const char *text)
{
    json_put(b, slice_str(member), json_string(b->a, slice_str(text)));
}

static void put_within(struct json_builder *b,
                       const char *member,
                       struct stepfleet_bytes text,
                       const struct template_resource *resource,
                       const char *property)
{
    const struct json_node *v = NULL;

    if (json_parse(cli_slice(text), b->a, &v, NULL) == OK) {
        json_put(b, slice_str(member),
                 within(v, json_member(resource->properties, slice_str(property)), b->a));
    }
}

static int
look_up(struct cli *cli, const struct template_resource *resource, const struct json_node **out)
{
    struct json_builder b = json_build_object(&cli->arena);
    const struct json_node *tags = NULL;
    struct stepfleet_pipe *pipe;
    struct stepfleet_error error;
    enum stepfleet_code code =
        stepfleet_pipe_describe(cli->client, arena_str(&cli->arena, resource->name), &pipe, &error);
    int rc;

    if (code == STEPFLEET_PIPE_NOT_FOUND) {
        *out = NULL;
        return CLI_DONE;
    }
    if (code != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, pipe);
    rc = deploy_tags_read(cli, arena_str(&cli->arena, resource->arn), &tags);
    if (rc != CLI_DONE) {
        return rc;
    }
    put(&b, "source", pipe->source);
    put(&b, "target", pipe->target);
    put(&b, "roleArn", pipe->role_arn);
    put(&b, "description", pipe->description);
    put(&b, "desiredState", pipe->desired_state);
    put_within(&b, "sourceParameters", pipe->source_parameters, resource, "SourceParameters");
    put_within(&b, "targetParameters", pipe->target_parameters, resource, "TargetParameters");
    put_within(&b, "logConfiguration", pipe->logging, resource, "LogConfiguration");
    json_put(&b, SLICE("tags"), tags);
    *out = json_built(&b);
    return CLI_DONE;
}

/* ---- Making and changing it ---- */

static const char *text_of(struct cli *cli, const struct deploy_item *item, const char *member)
{
    return arena_str(&cli->arena, json_text(json_member(item->want, slice_str(member))));
}

/* Absent where the template has none. */
static struct stepfleet_bytes
object_of(struct cli *cli, const struct deploy_item *item, const char *member)
{
    const struct json_node *v = json_member(item->want, slice_str(member));

    return v != NULL ? cli_bytes(json_print(v, &cli->arena)) : (struct stepfleet_bytes){0};
}

static int apply(struct cli *cli, const struct deploy_item *item)
{
    const struct stepfleet_pipe pipe = {
        .name = arena_str(&cli->arena, item->resource.name),
        .source = text_of(cli, item, "source"),
        .target = text_of(cli, item, "target"),
        .role_arn = text_of(cli, item, "roleArn"),
        .description = text_of(cli, item, "description"),
        .desired_state = text_of(cli, item, "desiredState"),
        .source_parameters = object_of(cli, item, "sourceParameters"),
        .target_parameters = object_of(cli, item, "targetParameters"),
        .logging = object_of(cli, item, "logConfiguration"),
    };
    struct stepfleet_error error;
    enum stepfleet_code code = item->have == NULL
                                   ? stepfleet_pipe_create(cli->client, &pipe, &error)
                                   : stepfleet_pipe_update(cli->client, &pipe, &error);

    return code == STEPFLEET_OK
               ? deploy_tags_apply(cli, arena_str(&cli->arena, item->resource.arn), item)
               : cli_refused(&error);
}

const struct deploy_kind deploy_pipe = {
    .properties = properties,
    .fixed = "source",
    .want = want,
    .read = look_up,
    .apply = apply,
};
