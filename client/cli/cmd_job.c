/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet job: definitions (create, update, list, show, delete), and the group itself. */
#include "client/cli/commands.h"
#include "client/cli/listing.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"
#include "proto/host/clock.h"

/* ---- create, update ---- */

static int run_put(struct cli *cli, int argc, char **argv, bool update)
{
    const char *operands[2] = {NULL, NULL};
    struct args a = {NULL, 0, operands, 2, 2, 0};
    const struct json_node *ignored;
    struct stepfleet_error error;
    struct stepfleet_job *job;
    struct slice text;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = cli_read_file(cli, operands[1], LIMIT_DEFINITION_BYTES, &text)) != CLI_DONE ||
        (rc = cli_check_json(cli, operands[1], text, &ignored)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_job_put(cli->client, operands[0], cli_bytes(text), update, &job, &error) !=
        STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, job);
    if (cli->json) {
        cli_put_json(cli, reply_job(job, &cli->arena));
    } else {
        buf_printf(&cli->out, "%s\n", job->name);
    }
    return CLI_DONE;
}

static int run_create(struct cli *cli, int argc, char **argv)
{
    return run_put(cli, argc, argv, false);
}

static int run_update(struct cli *cli, int argc, char **argv)
{
    return run_put(cli, argc, argv, true);
}

static const struct command command_job_create = {
    .name = "create",
    .summary = "from its definition",
    .help = "Usage: stepfleet job create NAME FILE\n"
            "\n"
            "Makes a job: a handler through which the records of one large input go, sharded over\n"
            "many workers. FILE (- for standard input) is its definition, a JSON object. Creating\n"
            "the very same job again is fine; another definition under that name is refused: that\n"
            "is `job update`.\n"
            "\n"
            "  Handler            the function that workers run for each shard; a Shuffle needs\n"
            "                     none, and takes the records as they are\n"
            "  Input, Output      {\"Format\": \"auto|lines|jsonl|csv|json|whole\"}\n"
            "  NumberOfWorkers    attempts at once; without it, as many as the fleet takes\n"
            "  MaxConcurrentRuns  1 without it\n"
            "  Timeout            minutes (2880)\n"
            "  Retry, BadRecords, Shuffle, Shards, Speculate, DefaultArguments\n"
            "\n"
            "Example:\n"
            "  echo '{\"Handler\":\"filter\"}' | stepfleet job create filter -\n",
    .run = run_create,
};

static const struct command command_job_update = {
    .name = "update",
    .summary = "another definition; runs keep theirs",
    .help = "Usage: stepfleet job update NAME FILE\n"
            "\n"
            "Gives a job another definition (as `job create` takes it). Runs that were started\n"
            "before go on with the one they began with.\n"
            "\n"
            "Example:\n"
            "  stepfleet job update filter filter.json\n",
    .run = run_update,
};

/* ---- list ---- */

static int list_jobs(struct cli *cli, struct listing *l)
{
    struct stepfleet_job_page *page;
    struct stepfleet_error error;

    if (stepfleet_job_list(cli->client, LIMIT_PAGE_MAX, l->token, &page, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    for (size_t i = 0; i < page->count; i++) {
        const struct stepfleet_job *job = &page->jobs[i];

        json_push(&l->list, reply_job(job, &cli->arena));
        table_str(&l->table, job->name);
        table_text(&l->table,
                   arena_printf(&cli->arena, "%llu", (unsigned long long)job->open_runs));
        table_text(&l->table, human_time(job->updated_ms, clock_wall_ms(), &cli->arena));
    }
    l->token = page->next_token;
    cli_keep(cli, page);
    return CLI_DONE;
}

static int run_list(struct cli *cli, int argc, char **argv)
{
    static const struct listing_kind jobs = {"jobs", "NAME|>RUNNING|UPDATED", 0, 0, list_jobs};

    return listing_run(cli, argc, argv, &jobs);
}

static const struct command command_job_list = {
    .name = "list",
    .summary = "all of them",
    .help = "Usage: stepfleet job list\n"
            "\n"
            "Lists every job with how many of its runs have not ended.\n"
            "\n"
            "Example:\n"
            "  stepfleet job list --json | jq '.jobs[].name'\n",
    .run = run_list,
};

/* ---- show, delete ---- */

static int run_show(struct cli *cli, int argc, char **argv)
{
    const char *given = NULL;
    bool definition = false;
    const struct arg options[] = {{"--definition", 0, ARG_FLAG, &definition, 0}};
    struct args a = {options, 1, &given, 1, 1, 0};
    struct stepfleet_error error;
    struct stepfleet_job *job;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_job_describe(cli->client, given, &job, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, job);
    if (definition) {
        buf_put_slice(&cli->out, cli_slice(job->definition));
        buf_put_str(&cli->out, "\n");
    } else if (cli->json) {
        cli_put_json(cli, reply_job(job, &cli->arena));
    } else {
        int64_t now_ms = clock_wall_ms();

        cli_put_field(cli, "name", slice_str(job->name), STYLE_TITLE);
        cli_put_field(cli, "created", human_time(job->created_ms, now_ms, &cli->arena),
                      STYLE_PLAIN);
        cli_put_field(cli, "updated", human_time(job->updated_ms, now_ms, &cli->arena),
                      STYLE_PLAIN);
        cli_put_field(cli, "running",
                      arena_printf(&cli->arena, "%llu runs", (unsigned long long)job->open_runs),
                      STYLE_PLAIN);
        cli_put_field(cli, "definition", cli_slice(job->definition), STYLE_PLAIN);
    }
    return CLI_DONE;
}

static const struct command command_job_show = {
    .name = "show",
    .summary = "one of them, and its definition",
    .help = "Usage: stepfleet job show NAME [--definition]\n"
            "\n"
            "Shows a job. Its definition has every member written out that was left to its\n"
            "default.\n"
            "\n"
            "  --definition  that alone\n"
            "\n"
            "Example:\n"
            "  stepfleet job show filter --definition | jq .Retry\n",
    .run = run_show,
};

static int run_delete(struct cli *cli, int argc, char **argv)
{
    return cli_by_name(cli, argc, argv, stepfleet_job_delete);
}

static const struct command command_job_delete = {
    .name = "delete",
    .summary = "remove it; its runs go on",
    .help = "Usage: stepfleet job delete NAME\n"
            "\n"
            "Deletes a job. Runs that were started go on to their end. One that is gone\n"
            "already is fine.\n"
            "\n"
            "Example:\n"
            "  stepfleet job delete filter\n",
    .run = run_delete,
};

/* ---- The group ---- */

static const struct command *const job_commands[] = {
    &command_job_create, &command_job_update, &command_job_list, &command_job_show,
    &command_job_delete, &command_job_run,    &command_job_runs, &command_job_status,
    &command_job_watch,  &command_job_stop,
};

static int run_job(struct cli *cli, int argc, char **argv)
{
    enum { COUNT = sizeof(job_commands) / sizeof(job_commands[0]) };

    return cli_group(cli, job_commands, COUNT, argc, argv,
                     "job what? create, update, list, show, delete, run, runs, status, watch or "
                     "stop");
}

const struct command command_job = {
    .name = "job",
    .summary = "sharded jobs: create, run, watch, stop, ...",
    .help = "Usage: stepfleet job COMMAND ...\n"
            "\n"
            "  create NAME FILE  make one from its definition\n"
            "  update NAME FILE  another definition; runs keep theirs\n"
            "  list              all of them\n"
            "  show NAME         one of them, and its definition\n"
            "  delete NAME       remove it; its runs go on\n"
            "  run NAME          start a run; --wait for its end\n"
            "  runs NAME         its runs, newest first\n"
            "  status RUN        one run: how far it is, who is at it\n"
            "  watch RUN         the same live, to its end\n"
            "  stop RUN          end it\n"
            "\n"
            "A job takes one large input through a handler, sharded over many workers. A state\n"
            "arn:aws:states:::glue:startJobRun.sync runs one as a stage. Each command has its\n"
            "own --help.\n"
            "\n"
            "Example:\n"
            "  stepfleet job run filter --arg --input-bucket=work --arg --input-key=in.jsonl \\\n"
            "    --arg --output-key=out.jsonl --wait\n",
    .run = run_job,
};
