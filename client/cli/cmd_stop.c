/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet stop: end an execution as ABORTED. */
#include "client/cli/commands.h"
#include "client/cli/reply_json.h"

static int run_stop(struct cli *cli, int argc, char **argv)
{
    const char *given = NULL;
    const char *machine = NULL;
    const char *failure = NULL;
    const char *cause = NULL;
    const char *arn;
    const struct arg options[] = {
        {"--machine", 'm', ARG_TEXT, &machine, 0},
        {"--error", 0, ARG_TEXT, &failure, 0},
        {"--cause", 0, ARG_TEXT, &cause, 0},
    };
    struct args a = {options, 3, &given, 1, 1, 0};
    struct json_builder b = json_build_object(&cli->arena);
    struct stepfleet_error error;
    int64_t stop_ms;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = cli_execution(cli, given, machine, &arn)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_execution_stop(cli->client, arn, failure, cli_bytes(slice_str(cause)), &stop_ms,
                                 &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    if (cli->json) {
        reply_put_time(&b, "stopDate", stop_ms);
        cli_put_json(cli, json_built(&b));
    }
    return CLI_DONE;
}

const struct command command_stop = {
    .name = "stop",
    .summary = "end an execution as ABORTED",
    .help = "Usage: stepfleet stop EXECUTION [--machine MACHINE] [--error NAME] [--cause TEXT]\n"
            "\n"
            "Stops a running execution: it ends ABORTED, and workers are told to drop what they\n"
            "do for it. One that has ended stays as it ended. It can be redriven.\n"
            "\n"
            "EXECUTION is an ARN, MACHINE/NAME, or NAME with --machine.\n"
            "\n"
            "Example:\n"
            "  stepfleet stop pipeline/day-1 --error Operator --cause 'wrong input'\n",
    .run = run_stop,
};
