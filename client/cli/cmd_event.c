/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet event: put. */
#include <stdio.h>

#include "client/cli/commands.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"

static int put_event(struct cli *cli, const char *const *operands, struct slice detail)
{
    struct json_builder b = json_build_object(&cli->arena);
    struct stepfleet_event_put *put;
    struct stepfleet_error error;

    if (stepfleet_event_put(cli->client, operands[0], operands[1], cli_bytes(detail), &put,
                            &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, put);
    if (put->id[0] == '\0') {
        (void)fprintf(stderr, "stepfleet: %s: %s\n", put->code, put->message);
        return CLI_REFUSED;
    }
    reply_put_text(&b, "eventId", put->id);
    if (cli->json) {
        cli_put_json(cli, json_built(&b));
    } else {
        buf_printf(&cli->out, "%s\n", put->id);
    }
    return CLI_DONE;
}

static int run_put(struct cli *cli, int argc, char **argv)
{
    const char *operands[3] = {NULL};
    struct args a = {NULL, 0, operands, 3, 3, 0};
    const struct json_node *ignored;
    struct slice detail;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc)) {
        return rc;
    }
    detail = slice_str(operands[2]);
    if (slice_eq_str(detail, "-") &&
        (rc = cli_read_file(cli, "-", LIMIT_EVENT_BYTES, &detail)) != CLI_DONE) {
        return rc;
    }
    if ((rc = cli_check_json(cli, "the detail", detail, &ignored)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    return put_event(cli, operands, detail);
}

static const struct command command_event_put = {
    .name = "put",
    .summary = "put one and print its id",
    .help =
        "Usage: stepfleet event put SOURCE DETAIL-TYPE DETAIL|-\n"
        "\n"
        "Puts an event: rules whose pattern it meets take it to their targets. The detail is a\n"
        "JSON object; - reads it from stdin.\n"
        "\n"
        "Example:\n"
        "  stepfleet event put shop order '{\"total\":20}'\n",
    .run = run_put,
};

static const struct command *const event_commands[] = {&command_event_put};

static int run_event(struct cli *cli, int argc, char **argv)
{
    return cli_group(cli, event_commands, 1, argc, argv, "event what? put");
}

const struct command command_event = {
    .name = "event",
    .summary = "events that rules take to their targets: put",
    .help = "Usage: stepfleet event put ...\n"
            "\n"
            "Events, as Amazon EventBridge has them. Each command has its own --help.\n",
    .run = run_event,
};
