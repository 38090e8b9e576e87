/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet machine: list, show, delete; create and update are in cmd_machine_write.c, versions in
 * cmd_machine_version.c. */
#include "client/cli/commands.h"
#include "client/cli/listing.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"
#include "proto/host/clock.h"

/* ---- list ---- */

static void list_machine(struct cli *cli, struct listing *l, const struct stepfleet_machine *m)
{
    struct arena *a = &cli->arena;

    json_push(&l->list, reply_machine(m, a));
    table_str(&l->table, m->name);
    table_str(&l->table, m->type);
    table_text(&l->table, arena_printf(a, "%u", m->revision));
    table_text(&l->table, human_time(m->updated_ms, clock_wall_ms(), a));
    table_cell(&l->table, slice_str(m->status),
               strcmp(m->status, "ACTIVE") == 0 ? STYLE_PLAIN : STYLE_BUSY);
}

static int list_machines(struct cli *cli, struct listing *l)
{
    struct stepfleet_machine_page *page;
    struct stepfleet_error error;

    if (stepfleet_machine_list(cli->client, LIMIT_PAGE_MAX, l->token, &page, &error) !=
        STEPFLEET_OK) {
        return cli_refused(&error);
    }
    for (size_t i = 0; i < page->count; i++) {
        list_machine(cli, l, &page->machines[i]);
    }
    l->token = page->next_token;
    cli_keep(cli, page);
    return CLI_DONE;
}

static int run_list(struct cli *cli, int argc, char **argv)
{
    static const struct listing_kind machines = {
        "stateMachines", "NAME|TYPE|>REVISION|UPDATED|STATUS", 0, 0, list_machines};

    return listing_run(cli, argc, argv, &machines);
}

static const struct command command_machine_list = {
    .name = "list",
    .summary = "all of them",
    .help = "Usage: stepfleet machine list\n"
            "\n"
            "Lists every state machine with its type and the revision new executions run.\n"
            "\n"
            "Examples:\n"
            "  stepfleet machine list\n"
            "  stepfleet machine list --json | jq -r '.stateMachines[].stateMachineArn'\n",
    .run = run_list,
};

/* ---- show ---- */

static bool is_missing(const struct stepfleet_machine *m, const char *function)
{
    for (size_t i = 0; i < m->missing_count; i++) {
        if (strcmp(m->missing[i], function) == 0) {
            return true;
        }
    }
    return false;
}

static void put_functions(struct cli *cli, const struct stepfleet_machine *m)
{
    struct table t;

    if (m->function_count == 0) {
        return;
    }
    table_init(&t, &cli->arena, "FUNCTION|OFFERED NOW");
    for (size_t i = 0; i < m->function_count; i++) {
        bool missing = is_missing(m, m->functions[i]);

        table_str(&t, m->functions[i]);
        table_cell(&t, slice_str(missing ? "by no worker" : "yes"),
                   missing ? STYLE_BAD : STYLE_GOOD);
    }
    buf_put_str(&cli->out, "\n");
    cli_put_table(cli, &t);
}

static void put_machine(struct cli *cli, const struct stepfleet_machine *m)
{
    struct arena *a = &cli->arena;
    int64_t now_ms = clock_wall_ms();

    cli_put_field(cli, "name", slice_str(m->name), STYLE_TITLE);
    cli_put_field(cli, "arn", slice_str(m->arn), STYLE_PLAIN);
    cli_put_field(cli, "type", slice_str(m->type), STYLE_PLAIN);
    cli_put_field(cli, "status", slice_str(m->status), STYLE_PLAIN);
    cli_put_field(cli, "revision", arena_printf(a, "%u", m->revision), STYLE_PLAIN);
    cli_put_field(cli, "created", human_time(m->created_ms, now_ms, a), STYLE_PLAIN);
    cli_put_field(cli, "updated", human_time(m->updated_ms, now_ms, a), STYLE_PLAIN);
    cli_put_field(cli, "role", slice_str(m->role_arn), STYLE_PLAIN);
    put_functions(cli, m);
}

static int run_show(struct cli *cli, int argc, char **argv)
{
    bool definition = false;
    uint32_t revision = 0;
    const char *machine = NULL;
    const struct arg options[] = {
        {"--definition", 0, ARG_FLAG, &definition, 0},
        {"--revision", 0, ARG_NUMBER, &revision, UINT32_MAX},
    };
    struct args a = {options, 2, &machine, 1, 1, 0};
    struct stepfleet_machine *m;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_machine_describe(cli->client, machine, revision, &m, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, m);
    if (definition) {
        buf_put_slice(&cli->out, cli_slice(m->definition));
        buf_put_str(&cli->out, "\n");
    } else if (cli->json) {
        cli_put_json(cli, reply_machine(m, &cli->arena));
    } else {
        put_machine(cli, m);
    }
    return CLI_DONE;
}

static const struct command command_machine_show = {
    .name = "show",
    .summary = "one of them, and whether workers offer its functions",
    .help = "Usage: stepfleet machine show MACHINE [--revision N] [--definition]\n"
            "\n"
            "Shows a state machine (by name or ARN), or a version of it (pipeline:2), and which\n"
            "of the functions its tasks need are offered by a worker now.\n"
            "\n"
            "  --revision N   an older one (executions keep the revision they began with)\n"
            "  --definition   its Amazon States Language text alone, as it was given\n"
            "\n"
            "Examples:\n"
            "  stepfleet machine show pipeline\n"
            "  stepfleet machine show pipeline --definition | jq .StartAt\n",
    .run = run_show,
};

/* ---- delete ---- */

static int run_delete(struct cli *cli, int argc, char **argv)
{
    return cli_by_name(cli, argc, argv, stepfleet_machine_delete);
}

static const struct command command_machine_delete = {
    .name = "delete",
    .summary = "stop its executions and remove it",
    .help = "Usage: stepfleet machine delete MACHINE\n"
            "\n"
            "Deletes a state machine. Its running executions are stopped; until the last has\n"
            "ended its status is DELETING. One that is gone already is fine.\n"
            "\n"
            "Example:\n"
            "  stepfleet machine delete pipeline\n",
    .run = run_delete,
};

/* ---- The group ---- */

static const struct command *const machine_commands[] = {
    &command_machine_create,  &command_machine_update,   &command_machine_lint,
    &command_machine_list,    &command_machine_show,     &command_machine_delete,
    &command_machine_publish, &command_machine_versions, &command_machine_unpublish,
};

static int run_machine(struct cli *cli, int argc, char **argv)
{
    enum { COUNT = sizeof(machine_commands) / sizeof(machine_commands[0]) };

    return cli_group(cli, machine_commands, COUNT, argc, argv,
                     "machine what? create, update, lint, list, show, delete, publish, versions or "
                     "unpublish");
}

const struct command command_machine = {
    .name = "machine",
    .summary = "state machines and their versions: create, update, lint, list, show, ...",
    .help = "Usage: stepfleet machine COMMAND ...\n"
            "\n"
            "  create NAME FILE   from Amazon States Language or a CloudFormation template\n"
            "  update NAME FILE   a new definition; running executions keep theirs\n"
            "  lint FILE          what is wrong with a definition\n"
            "  list               all of them\n"
            "  show NAME          one of them, and whether workers offer its functions\n"
            "  delete NAME        stop its executions and remove it\n"
            "  publish NAME       the current revision under a number of its own\n"
            "  versions NAME      the versions there are, newest first\n"
            "  unpublish NAME:N   delete a version; its number is not given again\n"
            "\n"
            "Each has its own --help.\n"
            "\n"
            "Examples:\n"
            "  stepfleet machine create pipeline pipeline.asl.json\n"
            "  stepfleet machine create pipeline cdk.out/Stack.template.json\n",
    .run = run_machine,
};
