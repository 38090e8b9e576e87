/* SPDX-License-Identifier: Apache-2.0 */
/* AWS::Events::Rule: by a schedule, by a pattern of events, or by both, with its targets. One with
 * a target that cannot be one here is not known here yet. */
#include <stddef.h>

#include "client/cli/deploy.h"

static const char *const properties[] = {
    "Name", "ScheduleExpression", "EventPattern", "State", "Description", "RoleArn", "Targets",
    NULL};

/* ---- What the template asks for ---- */

/* What a template says of a target beside its Id: as texts, or as objects, which are texts of JSON
 * to the coordinator. */
static const struct member {
    const char *property;
    const char *name;
    bool object;
    size_t offset; /* in struct stepfleet_rule_target */
} members[] = {
    {"Arn", "arn", false, offsetof(struct stepfleet_rule_target, arn)},
    {"RoleArn", "roleArn", false, offsetof(struct stepfleet_rule_target, role_arn)},
    {"Input", "input", false, offsetof(struct stepfleet_rule_target, input)},
    {"InputPath", "inputPath", false, offsetof(struct stepfleet_rule_target, input_path)},
    {"InputTransformer", "inputTransformer", true,
     offsetof(struct stepfleet_rule_target, transformer)},
    {"SqsParameters", "sqsParameters", true, offsetof(struct stepfleet_rule_target, queue)},
    {"DeadLetterConfig", "deadLetterConfig", true,
     offsetof(struct stepfleet_rule_target, dead_letters)},
    {"RetryPolicy", "retryPolicy", true, offsetof(struct stepfleet_rule_target, retry)},
};

enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

static bool can_be_target(struct slice arn)
{
    return slice_starts_with(arn, SLICE("arn:aws:states:")) ||
           slice_starts_with(arn, SLICE("arn:aws:sqs:")) ||
           slice_starts_with(arn, SLICE("arn:aws:sns:")) ||
           slice_starts_with(arn, SLICE("arn:aws:lambda:")) ||
           slice_starts_with(arn, SLICE("arn:aws:events:"));
}

static bool is_known(const struct json_node *properties_of)
{
    const struct json_node *targets = json_member(properties_of, SLICE("Targets"));

    for (const struct json_node *t = json_first(targets); t != NULL; t = json_next(targets, t)) {
        size_t known = json_member(t, SLICE("Id")) != NULL;

        for (size_t i = 0; i < MEMBERS; i++) {
            known += json_member(t, slice_str(members[i].property)) != NULL;
        }
        if (known != json_count(t) || !can_be_target(json_text(json_member(t, SLICE("Arn"))))) {
            return false;
        }
    }
    return true;
}

static const struct json_node *want_target(const struct json_node *t, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (size_t i = 0; i < MEMBERS; i++) {
        const struct json_node *v = json_member(t, slice_str(members[i].property));

        if (!members[i].object) {
            deploy_put_text(&b, members[i].name, t, members[i].property, "");
        } else if (v != NULL) {
            json_put(&b, slice_str(members[i].name), v);
        }
    }
    return json_built(&b);
}

/* {id: {"arn", "roleArn", ...}}. */
static const struct json_node *want_targets(const struct json_node *targets, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (const struct json_node *t = json_first(targets); t != NULL; t = json_next(targets, t)) {
        json_put(&b, json_text(json_member(t, SLICE("Id"))), want_target(t, a));
    }
    return json_built(&b);
}

static enum err_code want(struct template_scope *s,
                          const struct template_resource *resource,
                          const struct json_node **out,
                          struct err *err)
{
    const struct json_node *p = resource->properties;
    const struct json_node *pattern = json_member(p, SLICE("EventPattern"));
    bool scheduled = json_is(json_member(p, SLICE("ScheduleExpression")), JSON_STRING);
    struct json_builder b = json_build_object(s->a);

    if (!is_known(p)) {
        *out = NULL;
        return OK;
    }
    if (!scheduled && !json_is(pattern, JSON_OBJECT)) {
        return template_refuse(s, err, "a rule has a ScheduleExpression or an EventPattern");
    }
    deploy_put_text(&b, "scheduleExpression", p, "ScheduleExpression", "");
    if (pattern != NULL) {
        json_put(&b, SLICE("eventPattern"), pattern);
    }
    deploy_put_text(&b, "state", p, "State", "ENABLED");
    deploy_put_text(&b, "description", p, "Description", "");
    deploy_put_text(&b, "roleArn", p, "RoleArn", "");
    json_put(&b, SLICE("targets"), want_targets(json_member(p, SLICE("Targets")), s->a));
    *out = json_built(&b);
    return OK;
}

/* ---- What there is ---- */

/* A text of JSON as what it says; an empty one as nothing. */
static void put_object(struct json_builder *b, const char *member, const char *text)
{
    const struct json_node *v;

    if (text[0] != '\0' && json_parse(slice_str(text), b->a, &v, NULL) == OK) {
        json_put(b, slice_str(member), v);
    }
}

static const char *const *field_of(const struct stepfleet_rule_target *t, const struct member *m)
{
    return (const char *const *)(const void *)((const char *)t + m->offset);
}

static const struct json_node *have_target(const struct stepfleet_rule_target *t, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (size_t i = 0; i < MEMBERS; i++) {
        const char *text = *field_of(t, &members[i]);

        if (members[i].object) {
            put_object(&b, members[i].name, text);
        } else {
            deploy_put(&b, members[i].name, text);
        }
    }
    return json_built(&b);
}

static const struct json_node *have_targets(const struct stepfleet_rule_targets *targets,
                                            struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (size_t i = 0; i < targets->count; i++) {
        json_put(&b, slice_str(targets->targets[i].id), have_target(&targets->targets[i], a));
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
    deploy_put(&b, "scheduleExpression", rule->expression);
    put_object(&b, "eventPattern", rule->pattern);
    deploy_put(&b, "state", rule->state);
    deploy_put(&b, "description", rule->description);
    deploy_put(&b, "roleArn", rule->role_arn);
    json_put(&b, SLICE("targets"), have_targets(targets, &cli->arena));
    *out = json_built(&b);
    return CLI_DONE;
}

/* ---- Making and changing it ---- */

static const char *json_of(struct cli *cli, const struct json_node *from, const char *member)
{
    const struct json_node *v = json_member(from, slice_str(member));

    return v != NULL ? arena_str(&cli->arena, json_print(v, &cli->arena)) : NULL;
}

static struct stepfleet_rule_target
target_of(struct cli *cli, const char *id, const struct json_node *want)
{
    struct stepfleet_rule_target t = {.id = id};

    for (size_t i = 0; i < MEMBERS; i++) {
        const char **field = (const char **)(uintptr_t)field_of(&t, &members[i]);

        *field = members[i].object ? json_of(cli, want, members[i].name)
                                   : deploy_text(cli, want, members[i].name);
    }
    return t;
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
        targets[count++] = target_of(cli, arena_str(&cli->arena, json_key(want_all, t)), t);
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
        .expression = deploy_text(cli, item->want, "scheduleExpression"),
        .state = deploy_text(cli, item->want, "state"),
        .description = deploy_text(cli, item->want, "description"),
        .role_arn = deploy_text(cli, item->want, "roleArn"),
        .pattern = json_of(cli, item->want, "eventPattern"),
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
