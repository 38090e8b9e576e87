/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet task: success, failure, heartbeat of a task by its token. A token is a secret, and
 * arguments are seen by everyone on the machine: it may come from a file or standard input. */
#include "client/cli/commands.h"
#include "proto/base/limits.h"

enum { TOKEN_BYTES_MOST = 2048 }; /* AWS: of a task token */

struct token_source {
    const char *operand; /* the token; "-": from standard input; NULL: not given */
    const char *file;    /* --token-file */
};

static int load_token(struct cli *cli, const struct token_source *s, struct stepfleet_bytes *out)
{
    struct slice text = slice_str(s->operand);
    struct err err;
    int rc = CLI_DONE;

    if ((s->operand == NULL) == (s->file == NULL)) {
        (void)err_set(&err, ERR_USAGE,
                      "the task's token: TOKEN, - or --token-file FILE, one of them");
        return cli_usage(cli, &err);
    }
    if (s->file != NULL || strcmp(s->operand, "-") == 0) {
        rc = cli_read_file(cli, s->file != NULL ? s->file : "-", TOKEN_BYTES_MOST, &text);
    }
    while (rc == CLI_DONE && text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL) {
        text.len--;
    }
    *out = cli_bytes(text);
    return rc;
}

/* ---- success ---- */

static int load_output(struct cli *cli, const char *text, const char *file, struct slice *out)
{
    const struct json_node *ignored;
    struct err err;
    int rc = CLI_DONE;

    if (text != NULL && file != NULL) {
        (void)err_set(&err, ERR_USAGE, "--output and --output-file are one too many");
        return cli_usage(cli, &err);
    }
    *out = slice_str(text != NULL ? text : "{}");
    if (file != NULL) {
        rc = cli_read_file(cli, file, LIMIT_FRAME_BYTES, out);
    }
    return rc == CLI_DONE ? cli_check_json(cli, file != NULL ? file : "the output", *out, &ignored)
                          : rc;
}

static int one_from_stdin(const struct cli *cli, const struct token_source *s, const char *output)
{
    bool token_is = (s->operand != NULL && strcmp(s->operand, "-") == 0) ||
                    (s->file != NULL && strcmp(s->file, "-") == 0);
    struct err err;

    if (token_is && output != NULL && strcmp(output, "-") == 0) {
        (void)err_set(&err, ERR_USAGE, "standard input has one of them, token or output");
        return cli_usage(cli, &err);
    }
    return CLI_DONE;
}

static int run_success(struct cli *cli, int argc, char **argv)
{
    struct token_source source = {0};
    const char *text = NULL;
    const char *file = NULL;
    const struct arg options[] = {
        {"--token-file", 0, ARG_TEXT, &source.file, 0},
        {"--output", 0, ARG_TEXT, &text, 0},
        {"--output-file", 0, ARG_TEXT, &file, 0},
    };
    struct args a = {options, 3, &source.operand, 0, 1, 0};
    struct stepfleet_bytes token;
    struct stepfleet_error error;
    struct slice output;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = one_from_stdin(cli, &source, file)) != CLI_DONE ||
        (rc = load_token(cli, &source, &token)) != CLI_DONE ||
        (rc = load_output(cli, text, file, &output)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    return cli_finish(cli, stepfleet_task_success(cli->client, token, cli_bytes(output), &error),
                      &error);
}

static const struct command command_task_success = {
    .name = "success",
    .summary = "it is done, with this output",
    .help = "Usage: stepfleet task success TOKEN|--token-file FILE\n"
            "                              [--output JSON | --output-file FILE]\n"
            "\n"
            "Ends a task well. TOKEN is the task's token, - to read it from standard input.\n"
            "Arguments are seen by everyone on the machine, and who has the token ends the\n"
            "task: where others are, use - or --token-file.\n"
            "\n"
            "  --output JSON       what the task gives; {} without one\n"
            "  --output-file FILE  the same from a file, - for standard input\n"
            "\n"
            "Example:\n"
            "  stepfleet task success --token-file t --output '{\"approved\":true}'\n",
    .run = run_success,
};

/* ---- failure ---- */

static int run_failure(struct cli *cli, int argc, char **argv)
{
    struct token_source source = {0};
    const char *failure = NULL;
    const char *cause = NULL;
    const struct arg options[] = {
        {"--token-file", 0, ARG_TEXT, &source.file, 0},
        {"--error", 0, ARG_TEXT, &failure, 0},
        {"--cause", 0, ARG_TEXT, &cause, 0},
    };
    struct args a = {options, 3, &source.operand, 0, 1, 0};
    struct stepfleet_bytes token;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = load_token(cli, &source, &token)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    return cli_finish(
        cli,
        stepfleet_task_failure(cli->client, token, failure, cli_bytes(slice_str(cause)), &error),
        &error);
}

static const struct command command_task_failure = {
    .name = "failure",
    .summary = "it has failed",
    .help = "Usage: stepfleet task failure TOKEN|--token-file FILE [--error NAME] [--cause TEXT]\n"
            "\n"
            "Ends a task as failed; Retry and Catch of its state decide what follows. TOKEN as\n"
            "for `stepfleet task success`.\n"
            "\n"
            "Example:\n"
            "  stepfleet task failure --token-file t --error Rejected --cause 'too expensive'\n",
    .run = run_failure,
};

/* ---- heartbeat ---- */

static int run_heartbeat(struct cli *cli, int argc, char **argv)
{
    struct token_source source = {0};
    const struct arg options[] = {{"--token-file", 0, ARG_TEXT, &source.file, 0}};
    struct args a = {options, 1, &source.operand, 0, 1, 0};
    struct stepfleet_bytes token;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = load_token(cli, &source, &token)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    return cli_finish(cli, stepfleet_task_heartbeat(cli->client, token, &error), &error);
}

static const struct command command_task_heartbeat = {
    .name = "heartbeat",
    .summary = "it gets on: its HeartbeatSeconds begin anew",
    .help = "Usage: stepfleet task heartbeat TOKEN|--token-file FILE\n"
            "\n"
            "Says that a task gets on: its HeartbeatSeconds begin anew. Exit code 3 with\n"
            "TaskTimedOut where it is over: drop the work. TOKEN as for `stepfleet task\n"
            "success`.\n"
            "\n"
            "Example:\n"
            "  while sleep 30; do stepfleet task heartbeat --token-file t || break; done\n",
    .run = run_heartbeat,
};

/* ---- The group ---- */

static const struct command *const task_commands[] = {
    &command_task_success,
    &command_task_failure,
    &command_task_heartbeat,
};

static int run_task(struct cli *cli, int argc, char **argv)
{
    enum { COUNT = sizeof(task_commands) / sizeof(task_commands[0]) };

    return cli_group(cli, task_commands, COUNT, argc, argv,
                     "task what? success, failure or heartbeat");
}

const struct command command_task = {
    .name = "task",
    .summary = "end a task by its token: success, failure, heartbeat",
    .help = "Usage: stepfleet task COMMAND ...\n"
            "\n"
            "  success TOKEN    it is done, with this output\n"
            "  failure TOKEN    it has failed\n"
            "  heartbeat TOKEN  it gets on: its HeartbeatSeconds begin anew\n"
            "\n"
            "Tokens are those of activities (`stepfleet activity poll`) and of\n"
            ".waitForTaskToken tasks ($$.Task.Token). Each command has its own --help.\n"
            "\n"
            "Example:\n"
            "  stepfleet task success --token-file t --output '{\"approved\":true}'\n",
    .run = run_task,
};
