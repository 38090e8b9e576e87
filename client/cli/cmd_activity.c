/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet activity: create, list, describe, delete, and poll for a task. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "client/cli/commands.h"
#include "client/cli/listing.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"
#include "proto/host/clock.h"

static const struct json_node *activity_json(const struct stepfleet_activity *v, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_text(&b, "activityArn", v->arn);
    reply_put_text(&b, "name", v->name);
    reply_put_time(&b, "creationDate", v->created_ms);
    reply_put_number(&b, "waitingTasks", v->waiting);
    return json_built(&b);
}

/* ---- create, describe ---- */

static int run_create(struct cli *cli, int argc, char **argv)
{
    const char *name = NULL;
    struct args a = {NULL, 0, &name, 1, 1, 0};
    struct stepfleet_activity *activity;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_activity_create(cli->client, name, &activity, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, activity);
    if (cli->json) {
        cli_put_json(cli, activity_json(activity, &cli->arena));
    } else {
        buf_printf(&cli->out, "%s\n", activity->arn);
    }
    return CLI_DONE;
}

static const struct command command_activity_create = {
    .name = "create",
    .summary = "make one; one that is there is fine",
    .help = "Usage: stepfleet activity create NAME\n"
            "\n"
            "Makes an activity and prints its ARN, which Task states name as their Resource.\n"
            "\n"
            "Example:\n"
            "  stepfleet activity create approval\n",
    .run = run_create,
};

static int run_describe(struct cli *cli, int argc, char **argv)
{
    const char *given = NULL;
    struct args a = {NULL, 0, &given, 1, 1, 0};
    struct stepfleet_activity *activity;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_activity_describe(cli->client, given, &activity, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, activity);
    if (cli->json) {
        cli_put_json(cli, activity_json(activity, &cli->arena));
        return CLI_DONE;
    }
    cli_put_field(cli, "name", slice_str(activity->name), STYLE_TITLE);
    cli_put_field(cli, "arn", slice_str(activity->arn), STYLE_PLAIN);
    cli_put_field(cli, "created", human_time(activity->created_ms, clock_wall_ms(), &cli->arena),
                  STYLE_PLAIN);
    cli_put_field(cli, "waiting",
                  arena_printf(&cli->arena, "%llu tasks", (unsigned long long)activity->waiting),
                  STYLE_PLAIN);
    return CLI_DONE;
}

static const struct command command_activity_describe = {
    .name = "describe",
    .summary = "one of them, and how many tasks wait in it",
    .help = "Usage: stepfleet activity describe ACTIVITY\n"
            "\n"
            "Shows an activity (by name or ARN) and how many tasks nobody took yet.\n"
            "\n"
            "Example:\n"
            "  stepfleet activity describe approval --json | jq .waitingTasks\n",
    .run = run_describe,
};

/* ---- list ---- */

static void list_activity(struct cli *cli, struct listing *l, const struct stepfleet_activity *v)
{
    struct arena *a = &cli->arena;

    json_push(&l->list, activity_json(v, a));
    table_str(&l->table, v->name);
    table_text(&l->table, arena_printf(a, "%llu", (unsigned long long)v->waiting));
    table_text(&l->table, human_time(v->created_ms, clock_wall_ms(), a));
}

static int list_activities(struct cli *cli, struct listing *l)
{
    struct stepfleet_activity_page *page;
    struct stepfleet_error error;

    if (stepfleet_activity_list(cli->client, LIMIT_PAGE_MAX, l->token, &page, &error) !=
        STEPFLEET_OK) {
        return cli_refused(&error);
    }
    for (size_t i = 0; i < page->count; i++) {
        list_activity(cli, l, &page->activities[i]);
    }
    l->token = page->next_token;
    cli_keep(cli, page);
    return CLI_DONE;
}

static int run_list(struct cli *cli, int argc, char **argv)
{
    static const struct listing_kind activities = {"activities", "NAME|>WAITING|CREATED", 0, 0,
                                                   list_activities};

    return listing_run(cli, argc, argv, &activities);
}

static const struct command command_activity_list = {
    .name = "list",
    .summary = "all of them",
    .help = "Usage: stepfleet activity list\n"
            "\n"
            "Lists every activity with how many of its tasks nobody took yet.\n"
            "\n"
            "Example:\n"
            "  stepfleet activity list --json | jq '.activities[].name'\n",
    .run = run_list,
};

/* ---- delete ---- */

static int run_delete(struct cli *cli, int argc, char **argv)
{
    return cli_by_name(cli, argc, argv, stepfleet_activity_delete);
}

static const struct command command_activity_delete = {
    .name = "delete",
    .summary = "remove it; its tasks wait on until their timeout",
    .help = "Usage: stepfleet activity delete ACTIVITY\n"
            "\n"
            "Deletes an activity (by name or ARN). Tasks that wait in it go on waiting until\n"
            "their timeout. One that is gone already is fine.\n"
            "\n"
            "Example:\n"
            "  stepfleet activity delete approval\n",
    .run = run_delete,
};

/* ---- poll ---- */

/* The token to a file that nobody else reads. */
static int write_token(const char *path, struct slice token)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, token.ptr, token.len) == (ssize_t)token.len;
    struct err err;

    if (!ok) {
        (void)err_set(&err, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    }
    if (fd >= 0 && close(fd) != 0 && ok) {
        (void)err_set(&err, ERR_IO, "cannot write %s: %s", path, strerror(errno));
        ok = false;
    }
    return ok ? CLI_DONE : cli_local(&err);
}

static void put_task(struct cli *cli, const struct stepfleet_activity_task *task, bool token_too)
{
    struct json_builder b = json_build_object(&cli->arena);

    if (cli->json) {
        if (token_too) {
            reply_put_bytes(&b, "taskToken", task->token);
        }
        reply_put_bytes(&b, "input", task->input);
        cli_put_json(cli, json_built(&b));
        return;
    }
    if (token_too) {
        buf_put_slice(&cli->out, cli_slice(task->token));
        buf_put_str(&cli->out, "\n");
    }
    buf_put_slice(&cli->out, cli_slice(task->input));
    buf_put_str(&cli->out, "\n");
}

static int run_poll(struct cli *cli, int argc, char **argv)
{
    const char *activity = NULL;
    const char *worker = NULL;
    const char *token_file = NULL;
    uint32_t wait_s = LIMIT_ACTIVITY_POLL_MS / 1000;
    const struct arg options[] = {
        {"--worker", 0, ARG_TEXT, &worker, 0},
        {"--wait", 0, ARG_NUMBER, &wait_s, LIMIT_ACTIVITY_POLL_MS / 1000},
        {"--token-file", 0, ARG_TEXT, &token_file, 0},
    };
    struct args a = {options, 3, &activity, 1, 1, 0};
    struct stepfleet_activity_task *task;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_activity_task(cli->client, activity, worker, wait_s * 1000, &task, &error) !=
        STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, task);
    if (task->token.len == 0) {
        (void)fprintf(stderr, "stepfleet: no task within %u s\n", wait_s);
        return CLI_FAILED;
    }
    if (token_file != NULL && (rc = write_token(token_file, cli_slice(task->token))) != CLI_DONE) {
        return rc;
    }
    put_task(cli, task, token_file == NULL);
    return CLI_DONE;
}

static const struct command command_activity_poll = {
    .name = "poll",
    .summary = "wait for a task and take it",
    .help = "Usage: stepfleet activity poll ACTIVITY [--worker NAME] [--wait SECONDS]\n"
            "                              [--token-file FILE]\n"
            "\n"
            "Waits for a task of an activity and takes it: prints its token on one line and its\n"
            "input on the next. Whoever has the token ends the task, with `stepfleet task\n"
            "success` or `failure`. Exit code 1 where no task came in time.\n"
            "\n"
            "  --worker NAME      who asks: the history shows it\n"
            "  --wait SECONDS     1 to 60 (default 60)\n"
            "  --token-file FILE  write the token there, readable by you alone, and print the\n"
            "                     input only\n"
            "\n"
            "Example:\n"
            "  stepfleet activity poll approval --token-file t >input.json &&\n"
            "    stepfleet task success --token-file t --output '{\"approved\":true}'\n",
    .run = run_poll,
};

/* ---- The group ---- */

static const struct command *const activity_commands[] = {
    &command_activity_create, &command_activity_list, &command_activity_describe,
    &command_activity_delete, &command_activity_poll,
};

static int run_activity(struct cli *cli, int argc, char **argv)
{
    enum { COUNT = sizeof(activity_commands) / sizeof(activity_commands[0]) };

    return cli_group(cli, activity_commands, COUNT, argc, argv,
                     "activity what? create, list, describe, delete or poll");
}

const struct command command_activity = {
    .name = "activity",
    .summary = "activities: create, list, describe, delete, poll",
    .help = "Usage: stepfleet activity COMMAND ...\n"
            "\n"
            "  create NAME    make one; one that is there is fine\n"
            "  list           all of them\n"
            "  describe NAME  one of them, and how many tasks wait in it\n"
            "  delete NAME    remove it; its tasks wait on until their timeout\n"
            "  poll NAME      wait for a task and take it\n"
            "\n"
            "Tasks of an activity are done by whoever asks for them: people, or programs that\n"
            "are no workers. Each command has its own --help.\n"
            "\n"
            "Example:\n"
            "  stepfleet activity create approval\n",
    .run = run_activity,
};
