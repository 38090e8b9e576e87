/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet backup: copies of the coordinator's database while it runs: create, list. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/cli/commands.h"
#include "client/cli/human.h"
#include "client/cli/reply_json.h"
#include "proto/host/clock.h"

enum { LOOK_MS = 200 };

static const struct json_node *backup_json(const struct stepfleet_backup *k, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_text(&b, "name", k->name);
    reply_put_text(&b, "state", k->state);
    if (k->problem[0] != '\0') {
        reply_put_text(&b, "problem", k->problem);
    }
    if (k->made_ms != 0) {
        reply_put_time(&b, "madeDate", k->made_ms);
    }
    reply_put_number(&b, "bytes", k->bytes);
    reply_put_number(&b, "files", k->files);
    reply_put_number(&b, "batch", k->batch);
    reply_put_number(&b, "executions", k->executions);
    return json_built(&b);
}

/* ---- create ---- */

/* NULL: it is not there. One that is made, or failed, comes before a whole one of its name. */
static const struct stepfleet_backup *find(const struct stepfleet_backups *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->backups[i].name, name) == 0) {
            return &all->backups[i];
        }
    }
    return NULL;
}

/* In place, on a terminal alone. */
static void put_progress(const struct stepfleet_backup *b)
{
    struct arena a = {0};

    if (b->of_bytes != 0 && isatty(STDERR_FILENO) == 1) {
        (void)fprintf(stderr, "\r%.*s of %.*s\033[K", SLICE_FMT(human_bytes(b->bytes, &a)),
                      SLICE_FMT(human_bytes(b->of_bytes, &a)));
    }
    arena_fini(&a);
}

static void end_progress(void)
{
    if (isatty(STDERR_FILENO) == 1) {
        (void)fputs("\r\033[K", stderr);
    }
}

/* It is not being made any more. NULL: nothing is known of it. */
static int say_end(struct cli *cli, const char *name, const struct stepfleet_backup *b)
{
    if (b == NULL || strcmp(b->state, "DONE") != 0) {
        (void)fprintf(stderr, "stepfleet: the backup %s failed: %s\n", name,
                      b != NULL ? b->problem : "the coordinator was started again meanwhile");
        return CLI_FAILED;
    }
    if (cli->json) {
        cli_put_json(cli, backup_json(b, &cli->arena));
    } else {
        buf_printf(&cli->out, "%s\n", name);
    }
    return CLI_DONE;
}

/* Until it is made or has failed. */
static int await(struct cli *cli, const char *name)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    const struct stepfleet_backup *b;
    struct stepfleet_backups *all;
    struct stepfleet_error error;

    while (stepfleet_backup_list(cli->client, &all, &error) == STEPFLEET_OK) {
        b = find(all, name);
        if (b == NULL || strcmp(b->state, "MAKING") != 0) {
            cli_keep(cli, all);
            end_progress();
            return say_end(cli, name, b);
        }
        put_progress(b);
        stepfleet_release(all);
        (void)nanosleep(&look, NULL);
    }
    return cli_refused(&error);
}

static const char *name_of_now(struct arena *a)
{
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm tm;
    char text[32];

    (void)gmtime_r(&now, &tm);
    (void)strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &tm);
    return arena_str(a, slice_str(text));
}

static int run_create(struct cli *cli, int argc, char **argv)
{
    const char *name = NULL;
    bool no_wait = false;
    const struct arg options[] = {{"--no-wait", 0, ARG_FLAG, &no_wait, 0}};
    struct args a = {options, 1, &name, 0, 1, 0};
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (name == NULL) {
        name = name_of_now(&cli->arena);
    }
    if (stepfleet_backup_start(cli->client, name, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    if (!no_wait) {
        return await(cli, name);
    }
    buf_printf(&cli->out, "%s\n", name);
    return CLI_DONE;
}

static const struct command command_backup_create = {
    .name = "create",
    .summary = "make one, while the coordinator runs",
    .help = "Usage: stepfleet backup create [NAME] [--no-wait]\n"
            "\n"
            "Copies the coordinator's database, as of some moment of the call, into the directory\n"
            "NAME (by default the time) below [backup] directory on the coordinator's host, and\n"
            "waits until it is whole. On the database's own file system the files are links and\n"
            "take room only as the database changes. Prints the name.\n"
            "\n"
            "      --no-wait   only begin; `stepfleet backup list` says how far it is\n"
            "\n"
            "On another host: stepfleet-coordinator --restore DIR/NAME --data /var/lib/stepfleet\n"
            "\n"
            "Example:\n"
            "  stepfleet backup create before-upgrade\n",
    .run = run_create,
};

/* ---- list ---- */

static int run_list(struct cli *cli, int argc, char **argv)
{
    struct args a = {0};
    struct json_builder list = json_build_array(&cli->arena);
    struct stepfleet_backups *all;
    struct stepfleet_error error;
    struct table t;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_backup_list(cli->client, &all, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, all);
    table_init(&t, &cli->arena, "NAME|STATE|MADE|>SIZE|>RUNNING|PROBLEM");
    for (size_t i = 0; i < all->count; i++) {
        const struct stepfleet_backup *b = &all->backups[i];

        table_str(&t, b->name);
        table_str(&t, b->state);
        table_text(&t, b->made_ms != 0 ? human_time(b->made_ms, clock_wall_ms(), &cli->arena)
                                       : SLICE("-"));
        table_text(&t, human_bytes(b->bytes, &cli->arena));
        table_text(&t, arena_printf(&cli->arena, "%llu", (unsigned long long)b->executions));
        table_str(&t, b->problem);
        json_push(&list, backup_json(b, &cli->arena));
    }
    cli_put_list(cli, "backups", &list, &t);
    return CLI_DONE;
}

static const struct command command_backup_list = {
    .name = "list",
    .summary = "those there are, and the one being made",
    .help = "Usage: stepfleet backup list\n"
            "\n"
            "Lists backups by name: when each was made, its size, and how many executions ran\n"
            "then. The one being made comes first, or the one that failed last. Old ones go by\n"
            "removing their directories.\n"
            "\n"
            "Example:\n"
            "  stepfleet backup list\n",
    .run = run_list,
};

/* ---- the group ---- */

static const struct command *const backup_commands[] = {
    &command_backup_create,
    &command_backup_list,
};

static int run_backup(struct cli *cli, int argc, char **argv)
{
    enum { COUNT = sizeof(backup_commands) / sizeof(backup_commands[0]) };

    return cli_group(cli, backup_commands, COUNT, argc, argv, "backup what? create or list");
}

const struct command command_backup = {
    .name = "backup",
    .summary = "copies of the coordinator's database: create, list",
    .help = "Usage: stepfleet backup COMMAND ...\n"
            "\n"
            "  create [NAME]  make one, while the coordinator runs\n"
            "  list           those there are, and the one being made\n"
            "\n"
            "They are made on the coordinator's host, in [backup] directory of its configuration.\n"
            "`stepfleet-coordinator --restore` makes a database of one.\n",
    .run = run_backup,
};
