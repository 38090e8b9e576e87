/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet machine create and update: a definition's text, or the one inside a template. */
#include <stdio.h>
#include <string.h>

#include "client/cli/commands.h"
#include "client/cli/machine_source.h"
#include "client/cli/reply_json.h"

static void
put_change(struct cli *cli, const struct stepfleet_machine_change *change, const char *time_name)
{
    struct json_builder b = json_build_object(&cli->arena);
    struct json_builder warnings = json_build_array(&cli->arena);

    for (size_t i = 0; i < change->warning_count; i++) {
        (void)fprintf(stderr, "stepfleet: warning: %s\n", change->warnings[i]);
        json_push(&warnings, json_string(&cli->arena, slice_str(change->warnings[i])));
    }
    if (!cli->json) {
        buf_printf(&cli->out, "%s\n", change->arn);
        return;
    }
    reply_put_text(&b, "stateMachineArn", change->arn);
    reply_put_time(&b, time_name, change->time_ms);
    reply_put_number(&b, "revision", change->revision);
    json_put(&b, SLICE("warnings"), json_built(&warnings));
    cli_put_json(cli, json_built(&b));
}

/* --logging LEVEL: with data, into the group that AWS's console would make for the machine. */
static const struct json_node *level_logging(struct cli *cli,
                                             const struct name_place *place,
                                             const char *machine,
                                             const char *level)
{
    struct arena *a = &cli->arena;
    struct json_builder b = json_build_object(a);
    struct json_builder destinations = json_build_array(a);
    struct json_builder destination = json_build_object(a);
    struct json_builder group = json_build_object(a);
    struct slice name = name_of_machine(slice_str(machine));

    json_put(&b, SLICE("level"), json_string(a, slice_str(level)));
    if (strcmp(level, "OFF") != 0) {
        json_put(&group, SLICE("logGroupArn"),
                 json_string(a, arena_printf(a,
                                             "arn:aws:logs:%.*s:%.*s:log-group:/aws/vendedlogs/"
                                             "states/%.*s-Logs:*",
                                             SLICE_FMT(place->region), SLICE_FMT(place->account),
                                             SLICE_FMT(name))));
        json_put(&destination, SLICE("cloudWatchLogsLogGroup"), json_built(&group));
        json_push(&destinations, json_built(&destination));
        json_put(&b, SLICE("includeExecutionData"), json_bool(true));
        json_put(&b, SLICE("destinations"), json_built(&destinations));
    }
    return json_built(&b);
}

/* A level, or the whole configuration as JSON. CLI_DONE or an exit code. */
static int
read_logging(struct cli *cli, const char *machine, const char *given, struct stepfleet_bytes *out)
{
    struct name_place place;
    int rc;

    if (given == NULL || given[0] == '{') {
        *out = cli_bytes(slice_str(given != NULL ? given : ""));
        return CLI_DONE;
    }
    rc = cli_place(cli, &place);
    if (rc == CLI_DONE) {
        *out = cli_bytes(json_print(level_logging(cli, &place, machine, given), &cli->arena));
    }
    return rc;
}

static int run_create(struct cli *cli, int argc, char **argv)
{
    const char *operands[2] = {NULL, NULL};
    const char *type = NULL;
    const char *role_arn = NULL;
    const char *logging = NULL;
    struct machine_source source = {0};
    const struct arg options[] = {
        {"--type", 0, ARG_TEXT, &type, 0},
        {"--role-arn", 0, ARG_TEXT, &role_arn, 0},
        {"--logging", 0, ARG_TEXT, &logging, 0},
        {"--resource", 0, ARG_TEXT, &source.resource, 0},
    };
    struct args a = {options, 4, operands, 2, 2, 0};
    struct stepfleet_machine_spec spec;
    struct stepfleet_machine_change *change;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc)) {
        return rc;
    }
    source.file = operands[1];
    if ((rc = machine_source_load(cli, &source)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    spec = (struct stepfleet_machine_spec){
        .name = operands[0],
        .definition = cli_bytes(source.machine.definition),
        .type = machine_source_chosen(cli, type, source.machine.type),
        .role_arn = machine_source_chosen(cli, role_arn, source.machine.role_arn),
    };
    if ((rc = read_logging(cli, operands[0], logging, &spec.logging)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_machine_create(cli->client, &spec, &change, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, change);
    put_change(cli, change, "creationDate");
    return CLI_DONE;
}

const struct command command_machine_create = {
    .name = "create",
    .summary = "from Amazon States Language or a CloudFormation template",
    .help =
        "Usage: stepfleet machine create NAME FILE [--type STANDARD|EXPRESS]\n"
        "                                [--role-arn ARN] [--logging LEVEL|JSON]\n"
        "                                [--resource LOGICAL_ID]\n"
        "\n"
        "Makes a state machine and prints its ARN. FILE (- for standard input) is its\n"
        "definition in Amazon States Language, or a CloudFormation template as the AWS CDK\n"
        "writes them: then its AWS::StepFunctions::StateMachine is taken, with references\n"
        "put in. Creating the very same machine again is fine; another definition under\n"
        "that name is refused: that is `machine update`.\n"
        "\n"
        "  --type          STANDARD (default) or EXPRESS (at most 5 minutes, kept in memory)\n"
        "  --role-arn      kept and shown; nothing here checks it\n"
        "  --logging       which history events are logged: ALL, ERROR, FATAL or OFF (default),\n"
        "                  with their data, in the group /aws/vendedlogs/states/NAME-Logs, a\n"
        "                  file of the coordinator's; or AWS's whole loggingConfiguration\n"
        "  --resource      which machine of a template that has several\n"
        "\n"
        "Examples:\n"
        "  stepfleet machine create pipeline pipeline.asl.json\n"
        "  stepfleet machine create pipeline cdk.out/Stack.template.json\n"
        "  generate-definition | stepfleet machine create quick - --type EXPRESS\n",
    .run = run_create,
};

static int run_update(struct cli *cli, int argc, char **argv)
{
    const char *operands[2] = {NULL, NULL};
    const char *role_arn = NULL;
    const char *logging = NULL;
    struct machine_source source = {0};
    const struct arg options[] = {
        {"--role-arn", 0, ARG_TEXT, &role_arn, 0},
        {"--logging", 0, ARG_TEXT, &logging, 0},
        {"--resource", 0, ARG_TEXT, &source.resource, 0},
    };
    struct args a = {options, 3, operands, 1, 2, 0};
    struct stepfleet_machine_spec spec;
    struct stepfleet_machine_change *change;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc)) {
        return rc;
    }
    source.file = operands[1];
    if (source.file != NULL && (rc = machine_source_load(cli, &source)) != CLI_DONE) {
        return rc;
    }
    if ((rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    spec = (struct stepfleet_machine_spec){
        .name = operands[0],
        .definition = cli_bytes(source.machine.definition),
        .role_arn = machine_source_chosen(cli, role_arn, source.machine.role_arn),
    };
    if ((rc = read_logging(cli, operands[0], logging, &spec.logging)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_machine_update(cli->client, &spec, &change, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, change);
    put_change(cli, change, "updateDate");
    return CLI_DONE;
}

const struct command command_machine_update = {
    .name = "update",
    .summary = "a new definition; running executions keep theirs",
    .help = "Usage: stepfleet machine update MACHINE [FILE] [--role-arn ARN]\n"
            "                                [--logging LEVEL|JSON]\n"
            "                                [--resource LOGICAL_ID]\n"
            "\n"
            "Gives a machine a new definition, role or logging (each as `machine create` takes\n"
            "it), or several of them. Executions that run keep the definition they began with;\n"
            "the same definition again makes no new revision.\n"
            "\n"
            "Examples:\n"
            "  stepfleet machine update pipeline pipeline.asl.json\n"
            "  stepfleet machine update pipeline --role-arn arn:aws:iam::123456789012:role/r\n"
            "  stepfleet machine update pipeline --logging ERROR\n",
    .run = run_update,
};
