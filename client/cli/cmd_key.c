/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet key: access keys of clients that come over HTTP: create, list, delete. A secret is
 * shown once, when its key is made, and is never taken from the command line. */
#include "client/cli/commands.h"
#include "client/cli/human.h"
#include "client/cli/reply_json.h"
#include "proto/host/clock.h"

static const struct json_node *key_json(const struct stepfleet_key *k, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_text(&b, "accessKeyId", k->id);
    if (k->secret[0] != '\0') {
        reply_put_text(&b, "secretAccessKey", k->secret);
    }
    reply_put_text(&b, "role", k->role);
    reply_put_time(&b, "creationDate", k->created_ms);
    reply_put_text(&b, "note", k->note);
    return json_built(&b);
}

/* ---- create ---- */

/* As ~/.aws/credentials has it: it may be appended there as it is. */
static void put_profile(struct cli *cli, const struct stepfleet_key *k, const char *profile)
{
    buf_printf(&cli->out, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", profile,
               k->id, k->secret);
}

static int run_create(struct cli *cli, int argc, char **argv)
{
    const char *role = "run";
    const char *note = NULL;
    const char *profile = "stepfleet";
    const struct arg options[] = {
        {"--role", 0, ARG_TEXT, &role, 0},
        {"--note", 0, ARG_TEXT, &note, 0},
        {"--profile", 0, ARG_TEXT, &profile, 0},
    };
    struct args a = {.options = options, .option_count = 3};
    struct stepfleet_error error;
    struct stepfleet_key *key;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_key_create(cli->client, role, note, &key, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, key);
    if (cli->json) {
        cli_put_json(cli, key_json(key, &cli->arena));
    } else {
        put_profile(cli, key, profile);
    }
    return CLI_DONE;
}

static const struct command command_key_create = {
    .name = "create",
    .summary = "make one; its secret is shown this once",
    .help = "Usage: stepfleet key create [--role ROLE] [--note TEXT] [--profile NAME]\n"
            "\n"
            "Makes an access key and prints it as a profile of ~/.aws/credentials. The secret is\n"
            "shown this once.\n"
            "\n"
            "  --role ROLE     read: describe, list, history; run: and start, stop, redrive, do\n"
            "                  tasks (default); admin: and create, update, delete\n"
            "  --note TEXT     whose it is, for `stepfleet key list`\n"
            "  --profile NAME  what the profile is called (default stepfleet)\n"
            "\n"
            "Example:\n"
            "  stepfleet key create --role admin --note ci >>~/.aws/credentials\n"
            "  aws --profile stepfleet --endpoint-url http://127.0.0.1:8083 \\\n"
            "    stepfunctions list-state-machines\n",
    .run = run_create,
};

/* ---- list ---- */

static int run_list(struct cli *cli, int argc, char **argv)
{
    struct args a = {0};
    struct json_builder list = json_build_array(&cli->arena);
    struct stepfleet_error error;
    struct stepfleet_keys *keys;
    struct table t;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_key_list(cli->client, &keys, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, keys);
    table_init(&t, &cli->arena, "KEY|ROLE|CREATED|NOTE");
    for (size_t i = 0; i < keys->count; i++) {
        const struct stepfleet_key *k = &keys->keys[i];

        table_str(&t, k->id);
        table_str(&t, k->role);
        table_text(&t, human_time(k->created_ms, clock_wall_ms(), &cli->arena));
        table_str(&t, k->note);
        json_push(&list, key_json(k, &cli->arena));
    }
    cli_put_list(cli, "keys", &list, &t);
    return CLI_DONE;
}

static const struct command command_key_list = {
    .name = "list",
    .summary = "all of them, without their secrets",
    .help = "Usage: stepfleet key list\n"
            "\n"
            "Lists the access keys, what each may do, and whose it is.\n"
            "\n"
            "Example:\n"
            "  stepfleet key list --json | jq '.keys[].accessKeyId'\n",
    .run = run_list,
};

/* ---- delete ---- */

static int run_delete(struct cli *cli, int argc, char **argv)
{
    return cli_by_name(cli, argc, argv, stepfleet_key_delete);
}

static const struct command command_key_delete = {
    .name = "delete",
    .summary = "refuse whatever is signed by it from now on",
    .help = "Usage: stepfleet key delete KEY\n"
            "\n"
            "Deletes an access key, given by its id. One that is gone already is fine.\n"
            "\n"
            "Example:\n"
            "  stepfleet key delete AKIAQ3EGRIVTHG2C7XKB\n",
    .run = run_delete,
};

/* ---- The group ---- */

static const struct command *const key_commands[] = {
    &command_key_create,
    &command_key_list,
    &command_key_delete,
};

static int run_key(struct cli *cli, int argc, char **argv)
{
    enum { COUNT = sizeof(key_commands) / sizeof(key_commands[0]) };

    return cli_group(cli, key_commands, COUNT, argc, argv, "key what? create, list or delete");
}

const struct command command_key = {
    .name = "key",
    .summary = "access keys of AWS's clients: create, list, delete",
    .help = "Usage: stepfleet key COMMAND ...\n"
            "\n"
            "  create      make one; its secret is shown this once\n"
            "  list        all of them, without their secrets\n"
            "  delete KEY  refuse whatever is signed by it from now on\n"
            "\n"
            "Clients that come over HTTP (the AWS CLI, the SDKs) sign what they ask by an access\n"
            "key; the [http] section of the coordinator's configuration says where they come in.\n"
            "Each command has its own --help.\n"
            "\n"
            "Example:\n"
            "  stepfleet key create --role run >>~/.aws/credentials\n",
    .run = run_key,
};
