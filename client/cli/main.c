/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet: run AWS Step Functions state machines on one's own machines. One command a
 * cmd_<name>.c. */
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/cli/commands.h"

static const struct command *const commands[] = {
    &command_dev,     &command_deploy, &command_machine,  &command_alias, &command_tag,
    &command_start,   &command_show,   &command_list,     &command_watch, &command_history,
    &command_output,  &command_stop,   &command_redrive,  &command_job,   &command_activity,
    &command_task,    &command_queue,  &command_rule,     &command_event, &command_key,
    &command_workers, &command_worker, &command_function, &command_scale, &command_health,
    &command_bucket,  &command_backup, &command_cert,     &command_token,
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static const struct command command_none = {
    .name = "stepfleet",
    .help = "Usage: stepfleet [--coordinator URL] [--json] COMMAND ...\n"
            "\n"
            "Runs AWS Step Functions state machines on your own machines.\n"
            "\n",
};

static void put_help(struct buf *out)
{
    buf_put_str(out, command_none.help);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        buf_printf(out, "  %-9s  %s\n", commands[i]->name, commands[i]->summary);
    }
    buf_put_str(
        out, "\n"
             "  --coordinator URL  where it listens: tcp://127.0.0.1:7233 (default) or\n"
             "                     ipc:///PATH, or tls+tcp://HOST:PORT on another machine;\n"
             "                     also from STEPFLEET_COORDINATOR\n"
             "  --ca FILE          the authority (PEM) that signed that one's certificate; also\n"
             "                     from STEPFLEET_CA\n"
             "  --token-file FILE  the token to show, where one is asked for; also from\n"
             "                     STEPFLEET_TOKEN_FILE\n"
             "  --json             one JSON document instead of text for people\n"
             "  -h, --help         of any command: what it does, with examples\n"
             "  -V, --version\n"
             "\n"
             "Exit codes: 0 done; 1 the execution failed, timed out or was aborted, lint\n"
             "found an error, poll no task, deploy something that is not known here; 2 wrong\n"
             "command line or input; 3 refused (the error's AWS name is shown); 4 the\n"
             "coordinator cannot be reached; 5 a local file, program or output failed.\n"
             "\n"
             "Begin with:\n"
             "  stepfleet dev --function 'hello=event python3 hello.py' &\n"
             "  stepfleet machine create hello hello.asl.json\n"
             "  stepfleet start hello --input '{\"who\":\"world\"}' --wait\n");
}

static bool want_colour(bool tty)
{
    const char *none = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return tty && (none == NULL || none[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

static void look_at_terminal(struct cli *cli)
{
    struct winsize size;

    cli->tty = isatty(STDOUT_FILENO) == 1;
    cli->colour = want_colour(cli->tty);
    if (cli->tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        cli->width = size.ws_col;
    }
}

static bool takes_value(const char *option)
{
    return strcmp(option, "--coordinator") == 0 || strcmp(option, "--ca") == 0 ||
           strcmp(option, "--token-file") == 0;
}

/* How many arguments stand before the command's name: the global options. */
static int leading_options(int argc, char **argv)
{
    int at = 1;

    while (at < argc && argv[at][0] == '-') {
        at += takes_value(argv[at]) ? 2 : 1;
    }
    return at < argc ? at : argc;
}

static int run(struct cli *cli, int argc, char **argv)
{
    int at = leading_options(argc, argv);
    bool version = false;
    const struct arg own[] = {{"--version", 'V', ARG_FLAG, &version, 0}};
    struct args a = {.options = own, .option_count = 1};
    bool help = false;
    int rc;

    for (int i = 1; i < at; i++) {
        help = help || strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
    }
    if (help || argc == 1 || (at < argc && strcmp(argv[at], "help") == 0)) {
        put_help(&cli->out);
        return argc == 1 ? CLI_USAGE : CLI_DONE;
    }
    if (!cli_args(cli, &a, at - 1, argv + 1, &rc)) {
        return rc;
    }
    if (version) {
        buf_printf(&cli->out, "stepfleet %s\n", stepfleet_version());
        return CLI_DONE;
    }
    if (at == argc) {
        struct err err;

        (void)err_set(&err, ERR_USAGE, "which command?");
        return cli_usage(cli, &err);
    }
    return cli_dispatch(cli, commands, COMMAND_COUNT, argc - at, argv + at);
}

int main(int argc, char **argv)
{
    struct cli cli = {.command = &command_none};
    int rc;
    int flushed;

    (void)signal(SIGPIPE, SIG_IGN);
    look_at_terminal(&cli);
    rc = run(&cli, argc, argv);
    flushed = cli_flush(&cli);
    cli_fini(&cli);
    return rc != CLI_DONE ? rc : flushed;
}
