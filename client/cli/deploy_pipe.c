/* SPDX-License-Identifier: Apache-2.0 */
/* AWS::Pipes::Pipe: from a queue to a state machine. Its source never changes. Parameters are
 * compared with what AWS fills in where there are none, so that a filter or a template that is in
 * the file no more goes. A pipe that should run and does not is different from what is wanted. */
#include <stdio.h>

#include "client/cli/deploy.h"

static const char source_standard[] =
    "{\"SqsQueueParameters\":{\"BatchSize\":10},\"FilterCriteria\":{}}";
static const char target_standard[] =
    "{\"StepFunctionStateMachineParameters\":{\"InvocationType\":\"REQUEST_RESPONSE\"},"
    "\"InputTemplate\":\"\"}";

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

/* From a queue to a state machine, and nothing between. */
static bool is_known(const struct json_node *p)
{
    return slice_starts_with(json_text(json_member(p, SLICE("Source"))), SLICE("arn:aws:sqs:")) &&
           slice_starts_with(json_text(json_member(p, SLICE("Target"))),
                             SLICE("arn:aws:states:")) &&
           json_member(p, SLICE("Enrichment")) == NULL;
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

/* Parameters, with the standard ones for those that are not given. */
static const struct json_node *
whole(const struct json_node *given, const char *standard, struct arena *a)
{
    struct json_builder b = json_build_object(a);
    const struct json_node *v = NULL;

    (void)json_parse(slice_str(standard), a, &v, NULL);
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        json_put(&b, json_key(v, e), e);
    }
    for (const struct json_node *e = json_first(given); e != NULL; e = json_next(given, e)) {
        json_put(&b, json_key(given, e), e);
    }
    return json_built(&b);
}

/* Members that are numbers written as texts, such as a Ref of a parameter gives them, as numbers.
 */
static const struct json_node *numbers(const struct json_node *given, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (const struct json_node *e = json_first(given); e != NULL; e = json_next(given, e)) {
        const struct json_node *v = NULL;
        bool number = json_is(e, JSON_STRING) && json_parse(json_text(e), a, &v, NULL) == OK &&
                      json_is(v, JSON_NUMBER);

        json_put(&b, json_key(given, e), number ? v : e);
    }
    return json_built(&b);
}

static const struct json_node *source_parameters(const struct json_node *given, struct arena *a)
{
    const struct json_node *queue = json_member(given, SLICE("SqsQueueParameters"));
    struct json_builder b = json_build_object(a);

    for (const struct json_node *e = json_first(given); e != NULL; e = json_next(given, e)) {
        json_put(&b, json_key(given, e), e == queue ? numbers(e, a) : e);
    }
    return whole(json_built(&b), source_standard, a);
}

static enum err_code want(struct template_scope *s,
                          const struct template_resource *resource,
                          const struct json_node **out,
                          struct err *err)
{
    const struct json_node *p = resource->properties;
    struct json_builder b = json_build_object(s->a);

    if (!json_is(json_member(p, SLICE("Source")), JSON_STRING) ||
        !json_is(json_member(p, SLICE("Target")), JSON_STRING)) {
        return template_refuse(s, err, "a pipe has a Source and a Target");
    }
    if (!is_known(p)) {
        *out = NULL;
        return OK;
    }
    deploy_put_text(&b, "source", p, "Source", "");
    deploy_put_text(&b, "target", p, "Target", "");
    deploy_put_text(&b, "roleArn", p, "RoleArn", "");
    deploy_put_text(&b, "description", p, "Description", "");
    deploy_put_text(&b, "desiredState", p, "DesiredState", "RUNNING");
    json_put(&b, SLICE("sourceParameters"),
             source_parameters(json_member(p, SLICE("SourceParameters")), s->a));
    json_put(&b, SLICE("targetParameters"),
             whole(json_member(p, SLICE("TargetParameters")), target_standard, s->a));
    put_object(&b, "logConfiguration", p, "LogConfiguration");
    put_object(&b, "tags", p, "Tags");
    *out = json_built(&b);
    return OK;
}

/* ---- What there is ---- */

/* NULL: there is none. */
static const struct json_node *parsed(struct stepfleet_bytes text, struct arena *a)
{
    const struct json_node *v = NULL;

    return json_parse(cli_slice(text), a, &v, NULL) == OK ? v : NULL;
}

/* What it comes to, whatever was asked for. */
static const char *state_of(const struct stepfleet_pipe *pipe)
{
    static const char *const running[] = {"RUNNING", "CREATING", "STARTING", "UPDATING"};

    for (size_t i = 0; i < sizeof(running) / sizeof(running[0]); i++) {
        if (strcmp(pipe->current_state, running[i]) == 0) {
            return pipe->desired_state;
        }
    }
    return strcmp(pipe->desired_state, "RUNNING") == 0 ? pipe->current_state : pipe->desired_state;
}

static int
look_up(struct cli *cli, const struct template_resource *resource, const struct json_node **out)
{
    struct json_builder b = json_build_object(&cli->arena);
    const struct json_node *logging;
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
    deploy_put(&b, "source", pipe->source);
    deploy_put(&b, "target", pipe->target);
    deploy_put(&b, "roleArn", pipe->role_arn);
    deploy_put(&b, "description", pipe->description);
    deploy_put(&b, "desiredState", state_of(pipe));
    json_put(&b, SLICE("sourceParameters"),
             whole(parsed(pipe->source_parameters, b.a), source_standard, b.a));
    json_put(&b, SLICE("targetParameters"),
             whole(parsed(pipe->target_parameters, b.a), target_standard, b.a));
    logging = parsed(pipe->logging, b.a);
    if (logging != NULL) {
        json_put(&b, SLICE("logConfiguration"), logging);
    }
    json_put(&b, SLICE("tags"), tags);
    *out = json_built(&b);
    return CLI_DONE;
}

/* ---- Making and changing it ---- */

/* Absent where the template has none. */
static struct stepfleet_bytes
object_of(struct cli *cli, const struct deploy_item *item, const char *member)
{
    const struct json_node *v = json_member(item->want, slice_str(member));

    return v != NULL ? cli_bytes(json_print(v, &cli->arena)) : (struct stepfleet_bytes){0};
}

/* Is it as it was asked to be? It is no sooner than with its making that its parts are looked at.
 */
static int check_state(struct cli *cli, const struct deploy_item *item)
{
    struct stepfleet_pipe *pipe;
    struct stepfleet_error error;

    if (stepfleet_pipe_describe(cli->client, arena_str(&cli->arena, item->resource.name), &pipe,
                                &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, pipe);
    if (strcmp(state_of(pipe), pipe->desired_state) == 0) {
        return CLI_DONE;
    }
    (void)fprintf(stderr, "stepfleet: pipe %s is %s: %s\n", pipe->name, pipe->current_state,
                  pipe->state_reason);
    return CLI_REFUSED;
}

/* Was it made as it is wanted by a call whose answer was lost? */
static bool is_made(struct cli *cli, const struct deploy_item *item)
{
    const struct json_node *have = NULL;
    bool same = look_up(cli, &item->resource, &have) == CLI_DONE && have != NULL;

    for (const struct json_node *e = json_first(item->want); e != NULL && same;
         e = json_next(item->want, e)) {
        const struct json_node *v = json_member(have, json_key(item->want, e));

        same = v != NULL && json_equal(v, e);
    }
    return same;
}

static int make(struct cli *cli, const struct deploy_item *item, const struct stepfleet_pipe *pipe)
{
    struct stepfleet_error error;
    enum stepfleet_code code = stepfleet_pipe_create(cli->client, pipe, &error);

    return code == STEPFLEET_OK || (code == STEPFLEET_CONFLICT && is_made(cli, item))
               ? CLI_DONE
               : cli_refused(&error);
}

static int apply(struct cli *cli, const struct deploy_item *item)
{
    const struct stepfleet_pipe pipe = {
        .name = arena_str(&cli->arena, item->resource.name),
        .source = deploy_text(cli, item->want, "source"),
        .target = deploy_text(cli, item->want, "target"),
        .role_arn = deploy_text(cli, item->want, "roleArn"),
        .description = deploy_text(cli, item->want, "description"),
        .desired_state = deploy_text(cli, item->want, "desiredState"),
        .source_parameters = object_of(cli, item, "sourceParameters"),
        .target_parameters = object_of(cli, item, "targetParameters"),
        .logging = object_of(cli, item, "logConfiguration"),
        .tags = deploy_tags_wanted(cli, item), /* one of them may say how executions are called */
    };
    struct stepfleet_error error;
    int rc = CLI_DONE;

    if (item->have == NULL) {
        rc = make(cli, item, &pipe);
    } else {
        rc = stepfleet_pipe_update(cli->client, &pipe, &error) == STEPFLEET_OK
                 ? deploy_tags_apply(cli, arena_str(&cli->arena, item->resource.arn), item)
                 : cli_refused(&error);
    }
    return rc == CLI_DONE ? check_state(cli, item) : rc;
}

const struct deploy_kind deploy_pipe = {
    .properties = properties,
    .fixed = "source",
    .want = want,
    .read = look_up,
    .apply = apply,
};
