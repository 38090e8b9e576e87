/* SPDX-License-Identifier: Apache-2.0 */
/* AWS::StepFunctions::StateMachine: definition, type, role, logging configuration, tags. */
#include <stdio.h>

#include "client/cli/deploy.h"

static const char *const properties[] = {"StateMachineName", TEMPLATE_MACHINE_PROPERTIES,
                                         "LoggingConfiguration", "Tags", NULL};

/* ---- What the template asks for ---- */

/* CloudFormation's "IncludeExecutionData" is the API's "includeExecutionData". */
static struct slice api_name(struct slice name, struct arena *a)
{
    char *out = arena_str(a, name);

    if (out[0] >= 'A' && out[0] <= 'Z') {
        out[0] = (char)(out[0] - 'A' + 'a');
    }
    return slice_make(out, name.len);
}

static const struct json_node *api_names(const struct json_node *v, struct arena *a)
{
    struct json_builder b = json_is(v, JSON_ARRAY) ? json_build_array(a) : json_build_object(a);

    if (!json_is(v, JSON_ARRAY) && !json_is(v, JSON_OBJECT)) {
        return v;
    }
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        if (json_is(v, JSON_ARRAY)) {
            json_push(&b, api_names(e, a));
        } else {
            json_put(&b, api_name(json_key(v, e), a), api_names(e, a));
        }
    }
    return json_built(&b);
}

/* With the API's defaults for what is left out, as the coordinator answers. */
static const struct json_node *want_logging(const struct json_node *given, struct arena *a)
{
    const struct json_node *v = api_names(given, a);
    struct json_builder b = json_build_object(a);

    json_put(&b, SLICE("includeExecutionData"), json_bool(false));
    json_put(&b, SLICE("level"), json_string(a, SLICE("OFF")));
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        json_put(&b, json_key(v, e), e);
    }
    return json_built(&b);
}

static enum err_code want(struct template_scope *s,
                          const struct template_resource *resource,
                          const struct json_node **out,
                          struct err *err)
{
    const struct json_node *logging =
        json_member(resource->properties, SLICE("LoggingConfiguration"));
    struct json_builder b = json_build_object(s->a);
    struct template_machine m = {0};
    const struct json_node *tags = NULL;
    enum err_code rc = template_machine_read(s, resource->properties, &m, err);

    if (rc == OK && logging != NULL && !json_is(logging, JSON_OBJECT)) {
        rc = template_refuse(s, err, "LoggingConfiguration is an object");
    }
    if (rc == OK) {
        rc = deploy_tags_want(s, resource->properties, &tags, err);
    }
    if (rc != OK) {
        return rc;
    }
    json_put(&b, SLICE("type"), json_string(s->a, m.type.len != 0 ? m.type : SLICE("STANDARD")));
    json_put(&b, SLICE("definition"), json_string(s->a, m.definition));
    json_put(&b, SLICE("loggingConfiguration"), want_logging(logging, s->a));
    if (m.role_arn.len != 0) {
        json_put(&b, SLICE("roleArn"), json_string(s->a, m.role_arn));
    }
    if (tags != NULL) {
        json_put(&b, SLICE("tags"), tags);
    }
    *out = json_built(&b);
    return OK;
}

/* ---- What there is ---- */

static int members(struct cli *cli, const struct stepfleet_machine *m, const struct json_node **out)
{
    struct json_builder b = json_build_object(&cli->arena);
    const struct json_node *logging = NULL;
    const struct json_node *tags = NULL;
    struct slice text = m->logging.len != 0 ? cli_slice(m->logging) : SLICE("{}");
    int rc = cli_check_json(cli, "the machine's logging configuration", text, &logging);

    if (rc == CLI_DONE) {
        rc = deploy_tags_read(cli, m->arn, &tags);
    }
    if (rc != CLI_DONE) {
        return rc;
    }
    json_put(&b, SLICE("type"), json_string(&cli->arena, slice_str(m->type)));
    json_put(&b, SLICE("definition"), json_string(&cli->arena, cli_slice(m->definition)));
    json_put(&b, SLICE("loggingConfiguration"), logging);
    json_put(&b, SLICE("roleArn"), json_string(&cli->arena, slice_str(m->role_arn)));
    json_put(&b, SLICE("tags"), tags);
    *out = json_built(&b);
    return CLI_DONE;
}

static int
look_up(struct cli *cli, const struct template_resource *resource, const struct json_node **out)
{
    struct stepfleet_machine *m;
    struct stepfleet_error error;
    enum stepfleet_code code = stepfleet_machine_describe(
        cli->client, arena_str(&cli->arena, resource->name), 0, &m, &error);

    if (code == STEPFLEET_MACHINE_DOES_NOT_EXIST) {
        *out = NULL;
        return CLI_DONE;
    }
    if (code != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, m);
    if (strcmp(m->status, "DELETING") == 0) {
        (void)fprintf(stderr,
                      "stepfleet: StateMachineDeleting: %s is being deleted, until its last "
                      "execution has ended\n",
                      m->name);
        return CLI_REFUSED;
    }
    return members(cli, m, out);
}

/* ---- Making and changing it ---- */

static struct stepfleet_bytes text_of(const struct json_node *want, const char *member)
{
    return cli_bytes(json_text(json_member(want, slice_str(member))));
}

static const char *string_of(struct cli *cli, const struct json_node *want, const char *member)
{
    const struct json_node *v = json_member(want, slice_str(member));

    return v != NULL ? arena_str(&cli->arena, json_text(v)) : NULL;
}

/* A place that is no JSON pointer is in the text already. */
static void put_diagnostic(const struct deploy_item *item, const struct stepfleet_diagnostic *d)
{
    struct slice place = cli_slice(d->location);

    if (!slice_starts_with(place, SLICE("/"))) {
        place = SLICE("");
    }
    (void)fprintf(stderr, "stepfleet: %s %.*s%s%.*s: %s: %.*s\n", item->word,
                  SLICE_FMT(item->resource.name), place.len != 0 ? ":" : "", SLICE_FMT(place),
                  d->code, SLICE_FMT(cli_slice(d->message)));
}

static int check(struct cli *cli, const struct deploy_item *item)
{
    struct stepfleet_validation_query query = {
        .definition = text_of(item->want, "definition"),
        .type = string_of(cli, item->want, "type"),
        .severity = "ERROR",
    };
    struct stepfleet_validation *v;
    struct stepfleet_error error;

    if (stepfleet_machine_validate(cli->client, &query, &v, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, v);
    for (size_t i = 0; i < v->count; i++) {
        put_diagnostic(item, &v->diagnostics[i]);
    }
    return v->ok ? CLI_DONE : CLI_REFUSED;
}

static int apply(struct cli *cli, const struct deploy_item *item)
{
    struct stepfleet_machine_spec spec = {
        .name = arena_str(&cli->arena, item->resource.name),
        .definition = text_of(item->want, "definition"),
        .type = string_of(cli, item->want, "type"),
        .role_arn = string_of(cli, item->want, "roleArn"),
        .logging = cli_bytes(
            json_print(json_member(item->want, SLICE("loggingConfiguration")), &cli->arena)),
    };
    struct stepfleet_machine_change *change;
    struct stepfleet_error error;
    enum stepfleet_code code = item->have == NULL
                                   ? stepfleet_machine_create(cli->client, &spec, &change, &error)
                                   : stepfleet_machine_update(cli->client, &spec, &change, &error);

    if (code != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, change);
    for (size_t i = 0; i < change->warning_count; i++) {
        (void)fprintf(stderr, "stepfleet: warning: %s: %s\n", spec.name, change->warnings[i]);
    }
    return deploy_tags_apply(cli, change->arn, item);
}

const struct deploy_kind deploy_machine = {
    .properties = properties,
    .fixed = "type",
    .want = want,
    .read = look_up,
    .check = check,
    .apply = apply,
};
