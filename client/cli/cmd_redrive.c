/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet redrive: let an execution go on where it failed. */
#include "client/cli/commands.h"
#include "client/cli/reply_json.h"

static int run_redrive(struct cli *cli, int argc, char **argv)
{
    const char *given = NULL;
    const char *machine = NULL;
    bool wait = false;
    const char *arn;
    const struct arg options[] = {
        {"--machine", 'm', ARG_TEXT, &machine, 0},
        {"--wait", 0, ARG_FLAG, &wait, 0},
    };
    struct args a = {options, 2, &given, 1, 1, 0};
    struct json_builder b = json_build_object(&cli->arena);
    struct stepfleet_error error;
    int64_t redrive_ms;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = cli_execution(cli, given, machine, &arn)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_execution_redrive(cli->client, arn, NULL, &redrive_ms, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    if (wait) {
        return execution_await(cli, arn);
    }
    if (cli->json) {
        reply_put_time(&b, "redriveDate", redrive_ms);
        cli_put_json(cli, json_built(&b));
    }
    return CLI_DONE;
}

const struct command command_redrive = {
    .name = "redrive",
    .summary = "let a failed execution go on where it failed",
    .help = "Usage: stepfleet redrive EXECUTION [--machine MACHINE] [--wait]\n"
            "\n"
            "A failed, stopped or timed-out Standard execution goes on at the state that\n"
            "failed, under the same name and with the outputs of the stages before it. Retry\n"
            "counters begin anew. Up to 14 days after its end.\n"
            "\n"
            "  --wait  wait for its end, as `start --wait` does\n"
            "\n"
            "EXECUTION is an ARN, MACHINE/NAME, or NAME with --machine.\n"
            "\n"
            "Example:\n"
            "  stepfleet redrive pipeline/day-1 --wait\n",
    .run = run_redrive,
};
