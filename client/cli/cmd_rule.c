/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet rule: create, list, show, target, untarget, enable, disable, delete. */
#include "client/cli/commands.h"
#include "client/cli/listing.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"

/* ---- create ---- */

static int run_create(struct cli *cli, int argc, char **argv)
{
    struct stepfleet_rule rule = {0};
    bool disabled = false;
    const struct arg options[] = {
        {"--pattern", 0, ARG_TEXT, &rule.pattern, 0},
        {"--schedule", 0, ARG_TEXT, &rule.expression, 0},
        {"--description", 0, ARG_TEXT, &rule.description, 0},
        {"--disabled", 0, ARG_FLAG, &disabled, 0},
    };
    struct args a = {options, 4, &rule.name, 1, 1, 0};
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    rule.state = disabled ? "DISABLED" : "ENABLED";
    return stepfleet_rule_put(cli->client, &rule, &error) == STEPFLEET_OK ? CLI_DONE
                                                                          : cli_refused(&error);
}

static const struct command command_rule_create = {
    .name = "create",
    .summary = "make one, or change it; its targets stay",
    .help = "Usage: stepfleet rule create NAME [--pattern JSON] [--schedule EXPRESSION]\n"
            "       [--description TEXT] [--disabled]\n"
            "\n"
            "Makes a rule, or changes the one of that name, which keeps its targets.\n"
            "\n"
            "  --pattern JSON         which events it wants, as EventBridge has it\n"
            "  --schedule EXPRESSION  when it runs: rate(...) or cron(...)\n"
            "  --description TEXT     for people\n"
            "  --disabled             it does nothing until it is enabled\n"
            "\n"
            "Example:\n"
            "  stepfleet rule create failures --pattern \\\n"
            "    '{\"source\":[\"aws.states\"],\"detail\":{\"status\":[\"FAILED\"]}}'\n",
    .run = run_create,
};

/* ---- list ---- */

static void put_rule(struct json_builder *b, const struct stepfleet_rule *r)
{
    reply_put_text(b, "name", r->name);
    reply_put_text(b, "state", r->state);
    reply_put_text(b, "scheduleExpression", r->expression);
    reply_put_text(b, "eventPattern", r->pattern);
    reply_put_text(b, "description", r->description);
}

static int list_rules(struct cli *cli, struct listing *l)
{
    struct stepfleet_rule_page *page;
    struct stepfleet_error error;

    if (stepfleet_rule_list(cli->client, l->of, LIMIT_PAGE_MAX, l->token, &page, &error) !=
        STEPFLEET_OK) {
        return cli_refused(&error);
    }
    for (size_t i = 0; i < page->count; i++) {
        const struct stepfleet_rule *r = &page->rules[i];
        struct json_builder one = json_build_object(&cli->arena);

        put_rule(&one, r);
        json_push(&l->list, json_built(&one));
        table_str(&l->table, r->name);
        table_str(&l->table, r->state);
        table_str(&l->table, r->expression[0] != '\0' ? r->expression : r->pattern);
    }
    l->token = page->next_token;
    cli_keep(cli, page);
    return CLI_DONE;
}

static int run_list(struct cli *cli, int argc, char **argv)
{
    static const struct listing_kind rules = {"rules", "NAME|STATE|WHEN", 0, 1, list_rules};

    return listing_run(cli, argc, argv, &rules);
}

static const struct command command_rule_list = {
    .name = "list",
    .summary = "their names, and when they run",
    .help = "Usage: stepfleet rule list [PREFIX]\n"
            "\n"
            "Lists rules by name, all of them or those that begin so.\n",
    .run = run_list,
};

/* ---- show ---- */

static const struct json_node *target_json(const struct stepfleet_rule_target *t, struct arena *a)
{
    const struct {
        const char *name;
        const char *text;
    } members[] = {
        {"id", t->id},
        {"arn", t->arn},
        {"roleArn", t->role_arn},
        {"input", t->input},
        {"inputPath", t->input_path},
        {"inputTransformer", t->transformer},
        {"sqsParameters", t->queue},
        {"deadLetterConfig", t->dead_letters},
        {"retryPolicy", t->retry},
    };
    struct json_builder b = json_build_object(a);

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i].text[0] != '\0') {
            reply_put_text(&b, members[i].name, members[i].text);
        }
    }
    return json_built(&b);
}

static void show_json(struct cli *cli,
                      const struct stepfleet_rule *r,
                      const struct stepfleet_rule_targets *targets)
{
    struct json_builder b = json_build_object(&cli->arena);
    struct json_builder list = json_build_array(&cli->arena);

    put_rule(&b, r);
    for (size_t i = 0; i < targets->count; i++) {
        json_push(&list, target_json(&targets->targets[i], &cli->arena));
    }
    json_put(&b, SLICE("targets"), json_built(&list));
    cli_put_json(cli, json_built(&b));
}

static void show_text(struct cli *cli,
                      const struct stepfleet_rule *r,
                      const struct stepfleet_rule_targets *targets)
{
    struct table t;

    cli_put_field(cli, "name", slice_str(r->name), STYLE_PLAIN);
    cli_put_field(cli, "state", slice_str(r->state), STYLE_PLAIN);
    cli_put_field(cli, "schedule", slice_str(r->expression), STYLE_PLAIN);
    cli_put_field(cli, "pattern", slice_str(r->pattern), STYLE_PLAIN);
    cli_put_field(cli, "about", slice_str(r->description), STYLE_PLAIN);
    table_init(&t, &cli->arena, "TARGET|ARN");
    for (size_t i = 0; i < targets->count; i++) {
        table_str(&t, targets->targets[i].id);
        table_str(&t, targets->targets[i].arn);
    }
    cli_put_table(cli, &t);
}

/* Its targets; CLI_DONE or an exit code. */
static int targets_of(struct cli *cli, const char *rule, struct stepfleet_rule_targets **out)
{
    struct stepfleet_error error;

    if (stepfleet_rule_targets(cli->client, rule, out, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, *out);
    return CLI_DONE;
}

static int run_show(struct cli *cli, int argc, char **argv)
{
    const char *name = NULL;
    struct args a = {NULL, 0, &name, 1, 1, 0};
    struct stepfleet_rule_targets *targets;
    struct stepfleet_rule *rule;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_rule_describe(cli->client, name, &rule, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, rule);
    rc = targets_of(cli, name, &targets);
    if (rc == CLI_DONE && cli->json) {
        show_json(cli, rule, targets);
    } else if (rc == CLI_DONE) {
        show_text(cli, rule, targets);
    }
    return rc;
}

static const struct command command_rule_show = {
    .name = "show",
    .summary = "what it wants, and who gets it",
    .help = "Usage: stepfleet rule show RULE\n"
            "\n"
            "Shows a rule and its targets; with --json all that they say.\n",
    .run = run_show,
};

/* ---- target, untarget ---- */

struct retries {
    uint32_t most;
    uint32_t age_s;
};

/* As EventBridge has them; what was not given stays absent. */
static void set_objects(struct cli *cli,
                        struct stepfleet_rule_target *t,
                        const char *group,
                        const char *dead_letters,
                        const struct retries *retries)
{
    struct json_builder queue = json_build_object(&cli->arena);
    struct json_builder letters = json_build_object(&cli->arena);
    struct json_builder policy = json_build_object(&cli->arena);

    if (group != NULL) {
        reply_put_text(&queue, "MessageGroupId", group);
        t->queue = arena_str(&cli->arena, json_print(json_built(&queue), &cli->arena));
    }
    if (dead_letters != NULL) {
        reply_put_text(&letters, "Arn", dead_letters);
        t->dead_letters = arena_str(&cli->arena, json_print(json_built(&letters), &cli->arena));
    }
    if (retries->most != 0) {
        reply_put_number(&policy, "MaximumRetryAttempts", retries->most);
    }
    if (retries->age_s != 0) {
        reply_put_number(&policy, "MaximumEventAgeInSeconds", retries->age_s);
    }
    if (retries->most != 0 || retries->age_s != 0) {
        t->retry = arena_str(&cli->arena, json_print(json_built(&policy), &cli->arena));
    }
}

static int run_target(struct cli *cli, int argc, char **argv)
{
    const char *operands[3] = {NULL};
    const char *group = NULL;
    const char *dead_letters = NULL;
    struct retries retries = {0, 0};
    struct stepfleet_rule_target t = {0};
    const struct arg options[] = {
        {"--input", 0, ARG_TEXT, &t.input, 0},
        {"--input-path", 0, ARG_TEXT, &t.input_path, 0},
        {"--transformer", 0, ARG_TEXT, &t.transformer, 0},
        {"--group", 0, ARG_TEXT, &group, 0},
        {"--dead-letters", 0, ARG_TEXT, &dead_letters, 0},
        {"--retries", 0, ARG_NUMBER, &retries.most, LIMIT_DELIVERY_RETRIES},
        {"--max-age", 0, ARG_NUMBER, &retries.age_s, LIMIT_DELIVERY_AGE_S},
        {"--role-arn", 0, ARG_TEXT, &t.role_arn, 0},
    };
    struct args a = {options, 8, operands, 3, 3, 0};
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    t.id = operands[1];
    t.arn = operands[2];
    set_objects(cli, &t, group, dead_letters, &retries);
    return stepfleet_rule_targets_put(cli->client, operands[0], &t, 1, &error) == STEPFLEET_OK
               ? CLI_DONE
               : cli_refused(&error);
}

static const struct command command_rule_target = {
    .name = "target",
    .summary = "add a target, or change it",
    .help = "Usage: stepfleet rule target RULE ID ARN [--input JSON | --input-path PATH |\n"
            "       --transformer JSON] [--group GROUP] [--dead-letters ARN] [--retries N]\n"
            "       [--max-age SECONDS] [--role-arn ARN]\n"
            "\n"
            "Adds a target to a rule, or changes the one of that id: a queue, a topic, a state\n"
            "machine, a function that workers offer, or an API destination.\n"
            "\n"
            "  --input JSON        what it gets, instead of the event\n"
            "  --input-path PATH   the part of the event that it gets\n"
            "  --transformer JSON  an InputTransformer, as EventBridge has it\n"
            "  --group GROUP       of messages to a FIFO queue\n"
            "  --dead-letters ARN  of the queue for what cannot be delivered\n"
            "  --retries N         tries after the first one (default: 185)\n"
            "  --max-age SECONDS   and for at most so long (default: a day)\n"
            "  --role-arn ARN      kept and shown\n"
            "\n"
            "Example:\n"
            "  stepfleet rule target failures 1 arn:aws:sns:us-east-1:123456789012:alerts\n",
    .run = run_target,
};

static int run_untarget(struct cli *cli, int argc, char **argv)
{
    const char *operands[1 + LIMIT_RULE_TARGETS] = {NULL};
    struct args a = {NULL, 0, operands, 2, 1 + LIMIT_RULE_TARGETS, 0};
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    return stepfleet_rule_targets_remove(cli->client, operands[0], operands + 1,
                                         a.operand_count - 1, &error) == STEPFLEET_OK
               ? CLI_DONE
               : cli_refused(&error);
}

static const struct command command_rule_untarget = {
    .name = "untarget",
    .summary = "take targets away",
    .help = "Usage: stepfleet rule untarget RULE ID...\n"
            "\n"
            "Takes targets away from a rule, by their ids. One that is gone is fine.\n",
    .run = run_untarget,
};

/* ---- enable, disable, delete ---- */

static int run_on(struct cli *cli,
                  int argc,
                  char **argv,
                  enum stepfleet_code (*act)(struct stepfleet *c,
                                             const char *name,
                                             struct stepfleet_error *error))
{
    const char *name = NULL;
    struct args a = {NULL, 0, &name, 1, 1, 0};
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    return act(cli->client, name, &error) == STEPFLEET_OK ? CLI_DONE : cli_refused(&error);
}

static int run_enable(struct cli *cli, int argc, char **argv)
{
    return run_on(cli, argc, argv, stepfleet_rule_enable);
}

static const struct command command_rule_enable = {
    .name = "enable",
    .summary = "it is carried out from now on",
    .help = "Usage: stepfleet rule enable RULE\n"
            "\n"
            "Turns a rule on. What it missed is not made up for.\n",
    .run = run_enable,
};

static int run_disable(struct cli *cli, int argc, char **argv)
{
    return run_on(cli, argc, argv, stepfleet_rule_disable);
}

static const struct command command_rule_disable = {
    .name = "disable",
    .summary = "it does nothing from now on",
    .help = "Usage: stepfleet rule disable RULE\n"
            "\n"
            "Turns a rule off. What is on its way to its targets is delivered yet.\n",
    .run = run_disable,
};

/* First its targets: a rule that has some is not deleted. */
static enum stepfleet_code
delete_whole(struct stepfleet *c, const char *name, struct stepfleet_error *error)
{
    struct stepfleet_rule_targets *targets;
    const char *ids[LIMIT_RULE_TARGETS];
    enum stepfleet_code code = stepfleet_rule_targets(c, name, &targets, error);
    size_t count = 0;

    if (code != STEPFLEET_OK) {
        return code;
    }
    while (count < targets->count && count < LIMIT_RULE_TARGETS) {
        ids[count] = targets->targets[count].id;
        count++;
    }
    if (count != 0) {
        code = stepfleet_rule_targets_remove(c, name, ids, count, error);
    }
    stepfleet_release(targets);
    return code == STEPFLEET_OK ? stepfleet_rule_delete(c, name, error) : code;
}

static int run_delete(struct cli *cli, int argc, char **argv)
{
    return run_on(cli, argc, argv, delete_whole);
}

static const struct command command_rule_delete = {
    .name = "delete",
    .summary = "delete one and its targets",
    .help = "Usage: stepfleet rule delete RULE\n"
            "\n"
            "Deletes a rule and what it says of its targets.\n",
    .run = run_delete,
};

/* ---- the group ---- */

static const struct command *const rule_commands[] = {
    &command_rule_create,   &command_rule_list,   &command_rule_show,    &command_rule_target,
    &command_rule_untarget, &command_rule_enable, &command_rule_disable, &command_rule_delete,
};

static int run_rule(struct cli *cli, int argc, char **argv)
{
    enum { COUNT = sizeof(rule_commands) / sizeof(rule_commands[0]) };

    return cli_group(cli, rule_commands, COUNT, argc, argv,
                     "rule what? create, list, show, target, untarget, enable, disable or delete");
}

const struct command command_rule = {
    .name = "rule",
    .summary = "rules: create, list, show, target, untarget, enable, disable, delete",
    .help =
        "Usage: stepfleet rule create|list|show|target|untarget|enable|disable|delete ...\n"
        "\n"
        "Rules take events to their targets, as Amazon EventBridge has them; its clients reach\n"
        "the same ones over HTTP. Each command has its own --help.\n",
    .run = run_rule,
};
