/* SPDX-License-Identifier: Apache-2.0 */
/* AWS::Events::Rule: one that runs by a schedule and starts state machines. One that goes by an
 * event pattern, or has other targets, is not known here yet. */
#include "client/cli/deploy.h"

static const char *const properties[] = {
    "Name", "ScheduleExpression", "EventPattern", "State", "Description", "RoleArn", "Targets",
    NULL};

/* ---- What the template asks for ---- */

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

/* Every target is a state machine with its ARN, role and input at most. */
static bool is_known(const struct json_node *properties_of)
{
    static const char *const members[] = {"Id", "Arn", "RoleArn", "Input"};
    const struct json_node *targets = json_member(properties_of, SLICE("Targets"));

    for (const struct json_node *t = json_first(targets); t != NULL; t = json_next(targets, t)) {
        size_t known = 0;

        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
            known += json_member(t, slice_str(members[i])) != NULL;
        }
        if (known != json_count(t) ||
            !slice_starts_with(json_text(json_member(t, SLICE("Arn"))), SLICE("arn:aws:states:"))) {
            return false;
        }
    }
    return json_member(properties_of, SLICE("EventPattern")) == NULL;
}

/* {id: {"arn", "roleArn", "input"}}. */
static const struct json_node *want_targets(const struct json_node *targets, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (const struct json_node *t = json_first(targets); t != NULL; t = json_next(targets, t)) {
        struct json_builder one = json_build_object(a);

        put_text(&one, "arn", t, "Arn", "");
        put_text(&one, "roleArn", t, "RoleArn", "");
        put_text(&one, "input", t, "Input", "");
        json_put(&b, json_text(json_member(t, SLICE("Id"))), json_built(&one));
    }
    return json_built(&b);
}

static enum err_code want(struct template_scope *s,
                          const struct template_resource *resource,
                          const struct json_node **out,
                          struct err *err)
{
    const struct json_node *p = resource->properties;
    struct json_builder b = json_build_object(s->a);

    if (!is_known(p)) {
        *out = NULL;
        return OK;
    }
    if (!json_is(json_member(p, SLICE("ScheduleExpression")), JSON_STRING)) {
        return template_refuse(s, err, "a rule has a ScheduleExpression or an EventPattern");
    }
    put_text(&b, "scheduleExpression", p, "ScheduleExpression", "");
    put_text(&b, "state", p, "State", "ENABLED");
    put_text(&b, "description", p, "Description", "");
    put_text(&b, "roleArn", p, "RoleArn", "");
    json_put(&b, SLICE("targets"), want_targets(json_member(p, SLICE("Targets")), s->a));
    *out = json_built(&b);
    return OK;
}

/* ---- What there is ---- */

static void put(struct json_builder *b, const char *member, const char *text)
{
    json_put(b, slice_str(member), json_string(b->a, slice_str(text)));
}

static const struct json_node *have_targets(const struct stepfleet_rule_targets *targets,
                                            struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (size_t i = 0; i < targets->count; i++) {
        const struct stepfleet_rule_target *t = &targets->targets[i];
        struct json_builder one = json_build_object(a);

        put(&one, "arn", t->arn);
        put(&one, "roleArn", t->role_arn);
        put(&one, "input", t->input);
        json_put(&b, slice_str(t->id), json_built(&one));
    }
    return json_built(&b);
}

static int
look_up(struct cli *cli, const struct template_resource *resource, const struct json_node **out)
{
    const char *name = arena_str(&cli->arena, resource->name);
    struct json_builder b = json_build_object(&cli->arena);
    struct stepfleet_rule_targets *targets;
    struct stepfleet_rule *rule;
    struct stepfleet_error error;
    enum stepfleet_code code = stepfleet_rule_describe(cli->client, name, &rule, &error);

    *out = NULL;
    if (code == STEPFLEET_RULE_DOES_NOT_EXIST) {
        return CLI_DONE;
    }
    if (code != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, rule);
    if (stepfleet_rule_targets(cli->client, name, &targets, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, targets);
    put(&b, "scheduleExpression", rule->expression);
    put(&b, "state", rule->state);
    put(&b, "description", rule->description);
    put(&b, "roleArn", rule->role_arn);
    json_put(&b, SLICE("targets"), have_targets(targets, &cli->arena));
    *out = json_built(&b);
    return CLI_DONE;
}

/* ---- Making and changing it ---- */

static const char *text_of(struct cli *cli, const struct json_node *from, const char *member)
{
    return arena_str(&cli->arena, json_text(json_member(from, slice_str(member))));
}

static enum stepfleet_code put_targets(struct cli *cli,
                                       const struct deploy_item *item,
                                       const char *rule,
                                       struct stepfleet_error *error)
{
    const struct json_node *want_all = json_member(item->want, SLICE("targets"));
    struct stepfleet_rule_target *targets =
        ARENA_ARRAY(&cli->arena, json_count(want_all) + 1, struct stepfleet_rule_target);
    size_t count = 0;

    for (const struct json_node *t = json_first(want_all); t != NULL; t = json_next(want_all, t)) {
        targets[count++] = (struct stepfleet_rule_target){
            .id = arena_str(&cli->arena, json_key(want_all, t)),
            .arn = text_of(cli, t, "arn"),
            .role_arn = text_of(cli, t, "roleArn"),
            .input = text_of(cli, t, "input"),
        };
    }
    return count != 0 ? stepfleet_rule_targets_put(cli->client, rule, targets, count, error)
                      : STEPFLEET_OK;
}

/* Those that the template has no more. */
static enum stepfleet_code remove_targets(struct cli *cli,
                                          const struct deploy_item *item,
                                          const char *rule,
                                          struct stepfleet_error *error)
{
    const struct json_node *have = json_member(item->have, SLICE("targets"));
    const struct json_node *want_all = json_member(item->want, SLICE("targets"));
    const char **ids = ARENA_ARRAY(&cli->arena, json_count(have) + 1, const char *);
    size_t count = 0;

    for (const struct json_node *t = json_first(have); t != NULL; t = json_next(have, t)) {
        if (json_member(want_all, json_key(have, t)) == NULL) {
            ids[count++] = arena_str(&cli->arena, json_key(have, t));
        }
    }
    return count != 0 ? stepfleet_rule_targets_remove(cli->client, rule, ids, count, error)
                      : STEPFLEET_OK;
}

static int apply(struct cli *cli, const struct deploy_item *item)
{
    const struct stepfleet_rule rule = {
        .name = arena_str(&cli->arena, item->resource.name),
        .expression = text_of(cli, item->want, "scheduleExpression"),
        .state = text_of(cli, item->want, "state"),
        .description = text_of(cli, item->want, "description"),
        .role_arn = text_of(cli, item->want, "roleArn"),
    };
    struct stepfleet_error error;
    enum stepfleet_code code = stepfleet_rule_put(cli->client, &rule, &error);

    /* First those that go: there may be no more than five. */
    if (code == STEPFLEET_OK) {
        code = remove_targets(cli, item, rule.name, &error);
    }
    if (code == STEPFLEET_OK) {
        code = put_targets(cli, item, rule.name, &error);
    }
    return code == STEPFLEET_OK ? CLI_DONE : cli_refused(&error);
}

const struct deploy_kind deploy_rule = {
    .properties = properties,
    .want = want,
    .read = look_up,
    .apply = apply,
};
