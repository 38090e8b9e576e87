/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet machine publish, versions and unpublish: revisions under numbers of their own. */
#include "client/cli/commands.h"
#include "client/cli/human.h"
#include "client/cli/listing.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"
#include "proto/host/clock.h"

static const struct json_node *version_json(const struct stepfleet_version *v, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_text(&b, "stateMachineVersionArn", v->arn);
    reply_put_time(&b, "creationDate", v->created_ms);
    return json_built(&b);
}

/* ---- publish ---- */

static int run_publish(struct cli *cli, int argc, char **argv)
{
    const char *machine = NULL;
    const char *description = NULL;
    const struct arg options[] = {{"--description", 0, ARG_TEXT, &description, 0}};
    struct args a = {options, 1, &machine, 1, 1, 0};
    struct stepfleet_version *version;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_version_publish(cli->client, machine, description, &version, &error) !=
        STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, version);
    if (cli->json) {
        cli_put_json(cli, version_json(version, &cli->arena));
    } else {
        buf_printf(&cli->out, "%s\n", version->arn);
    }
    return CLI_DONE;
}

const struct command command_machine_publish = {
    .name = "publish",
    .summary = "the current revision under a number of its own",
    .help = "Usage: stepfleet machine publish MACHINE [--description TEXT]\n"
            "\n"
            "Makes a version of a machine's current revision and prints its ARN. It never\n"
            "changes, whatever `machine update` does; MACHINE:NUMBER starts it. A revision that\n"
            "has a version keeps it.\n"
            "\n"
            "Example:\n"
            "  stepfleet machine publish pipeline --description 'with retries'\n"
            "  stepfleet start pipeline:1 --wait\n",
    .run = run_publish,
};

/* ---- versions ---- */

static int list_versions(struct cli *cli, struct listing *l)
{
    struct stepfleet_version_page *page;
    struct stepfleet_error error;

    if (stepfleet_version_list(cli->client, l->of, LIMIT_PAGE_MAX, l->token, &page, &error) !=
        STEPFLEET_OK) {
        return cli_refused(&error);
    }
    for (size_t i = 0; i < page->count; i++) {
        const struct stepfleet_version *v = &page->versions[i];

        json_push(&l->list, version_json(v, &cli->arena));
        table_text(&l->table, name_of_version(slice_str(v->arn)));
        table_text(&l->table, human_time(v->created_ms, clock_wall_ms(), &cli->arena));
    }
    l->token = page->next_token;
    cli_keep(cli, page);
    return CLI_DONE;
}

static int run_versions(struct cli *cli, int argc, char **argv)
{
    static const struct listing_kind versions = {"stateMachineVersions", "VERSION|CREATED", 1, 1,
                                                 list_versions};

    return listing_run(cli, argc, argv, &versions);
}

const struct command command_machine_versions = {
    .name = "versions",
    .summary = "the versions there are, newest first",
    .help = "Usage: stepfleet machine versions MACHINE\n"
            "\n"
            "Lists the versions of a machine, newest first. `machine show MACHINE:NUMBER` shows\n"
            "one.\n"
            "\n"
            "Example:\n"
            "  stepfleet machine versions pipeline\n",
    .run = run_versions,
};

/* ---- unpublish ---- */

static int run_unpublish(struct cli *cli, int argc, char **argv)
{
    return cli_by_name(cli, argc, argv, stepfleet_version_delete);
}

const struct command command_machine_unpublish = {
    .name = "unpublish",
    .summary = "delete a version; its number is not given again",
    .help = "Usage: stepfleet machine unpublish MACHINE:NUMBER\n"
            "\n"
            "Deletes a version (given so, or by its ARN). What it started goes on. One that an\n"
            "alias leads to is refused; one that is gone already is fine.\n"
            "\n"
            "Example:\n"
            "  stepfleet machine unpublish pipeline:1\n",
    .run = run_unpublish,
};
