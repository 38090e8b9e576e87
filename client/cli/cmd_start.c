/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet start, and waiting for an execution's end. */
#include <stdio.h>

#include "client/cli/commands.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"

int execution_say_end(struct cli *cli, const struct stepfleet_execution *e)
{
    bool succeeded = strcmp(e->status, "SUCCEEDED") == 0;

    if (cli->json) {
        cli_put_json(cli, reply_execution(e, &cli->arena));
    } else if (succeeded) {
        buf_put_slice(&cli->out, cli_slice(e->output));
        buf_put_str(&cli->out, "\n");
    } else {
        struct slice error = table_clean(slice_str(e->error), &cli->arena);
        struct slice cause = table_clean(cli_slice(e->cause), &cli->arena);

        (void)fprintf(stderr, "stepfleet: %s%s%.*s%s%.*s\n", e->status, e->has_error ? ": " : "",
                      SLICE_FMT(error), cause.len != 0 ? ": " : "", SLICE_FMT(cause));
    }
    return succeeded ? CLI_DONE : CLI_FAILED;
}

int execution_await(struct cli *cli, const char *arn)
{
    for (;;) {
        struct stepfleet_execution *e;
        struct stepfleet_error error;

        if (stepfleet_execution_wait(cli->client, arn, UINT64_MAX, LIMIT_POLL_MS, &e, &error) !=
            STEPFLEET_OK) {
            return cli_refused(&error);
        }
        if (!execution_is_open(e)) {
            cli_keep(cli, e);
            return execution_say_end(cli, e);
        }
        stepfleet_release(e);
    }
}

bool execution_is_open(const struct stepfleet_execution *e)
{
    return strcmp(e->status, "RUNNING") == 0 || strcmp(e->status, "PENDING_REDRIVE") == 0;
}

struct start_options {
    const char *machine;
    const char *name;
    const char *input;
    const char *input_file;
    bool wait;
    bool sync;
};

/* The input's text, checked; absent where none is given. */
static int load_input(struct cli *cli, const struct start_options *o, struct stepfleet_bytes *out)
{
    const struct json_node *ignored;
    struct slice text = slice_str(o->input);
    struct err err;
    int rc = CLI_DONE;

    if (o->input != NULL && o->input_file != NULL) {
        (void)err_set(&err, ERR_USAGE, "--input and --input-file are one too many");
        return cli_usage(cli, &err);
    }
    if (o->input_file != NULL) {
        rc = cli_read_file(cli, o->input_file, LIMIT_FRAME_BYTES, &text);
    }
    if (rc == CLI_DONE && text.ptr != NULL) {
        rc = cli_check_json(cli, o->input_file != NULL ? o->input_file : "the input", text,
                            &ignored);
    }
    *out = cli_bytes(text);
    return rc;
}

static int start_sync(struct cli *cli, const struct stepfleet_start *start)
{
    struct stepfleet_execution *e;
    struct stepfleet_error error;

    if (stepfleet_execution_start_sync(cli->client, start, &e, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, e);
    return execution_say_end(cli, e);
}

static void put_started(struct cli *cli, const struct stepfleet_started *s)
{
    struct json_builder b = json_build_object(&cli->arena);

    if (!cli->json) {
        buf_printf(&cli->out, "%s\n", s->execution_arn);
        return;
    }
    reply_put_text(&b, "executionArn", s->execution_arn);
    reply_put_text(&b, "name", s->name);
    reply_put_time(&b, "startDate", s->start_ms);
    cli_put_json(cli, json_built(&b));
}

static int start_async(struct cli *cli, const struct stepfleet_start *start, bool wait)
{
    struct stepfleet_started *s;
    struct stepfleet_error error;

    if (stepfleet_execution_start(cli->client, start, &s, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, s);
    if (!wait) {
        put_started(cli, s);
        return CLI_DONE;
    }
    (void)fprintf(stderr, "%s\n", s->execution_arn);
    return execution_await(cli, s->execution_arn);
}

static int run_start(struct cli *cli, int argc, char **argv)
{
    struct start_options o = {0};
    const struct arg options[] = {
        {"--name", 0, ARG_TEXT, &o.name, 0},
        {"--input", 0, ARG_TEXT, &o.input, 0},
        {"--input-file", 0, ARG_TEXT, &o.input_file, 0},
        {"--wait", 0, ARG_FLAG, &o.wait, 0},
        {"--sync", 0, ARG_FLAG, &o.sync, 0},
    };
    struct args a = {options, 5, &o.machine, 1, 1, 0};
    struct stepfleet_start start = {0};
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = load_input(cli, &o, &start.input)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    start.machine = o.machine;
    start.name = o.name;
    return o.sync ? start_sync(cli, &start) : start_async(cli, &start, o.wait);
}

const struct command command_start = {
    .name = "start",
    .summary = "start an execution; --wait for its output",
    .help = "Usage: stepfleet start MACHINE [--name NAME] [--input JSON | --input-file FILE]\n"
            "                       [--wait | --sync]\n"
            "\n"
            "Starts an execution and prints its ARN. Its name is the executionId under which\n"
            "stages keep their outputs; without --name it is a UUID. Starting a running one of\n"
            "the same name with the same input again is fine; of an Express machine it is\n"
            "another run.\n"
            "\n"
            "  --input JSON       its input; {} without one\n"
            "  --input-file FILE  the same from a file, - for standard input\n"
            "  --wait             wait for its end: the output on standard output (the ARN on\n"
            "                     standard error), exit code 1 where it did not succeed\n"
            "  --sync             Express machines: run it and wait, at most once\n"
            "\n"
            "Examples:\n"
            "  stepfleet start pipeline --input '[{\"body\":\"{\\\"day\\\":1}\"}]'\n"
            "  stepfleet start pipeline --name day-1 --input-file day-1.json --wait | jq .\n"
            "  stepfleet start quick --sync --input '{\"n\":1}'\n",
    .run = run_start,
};
