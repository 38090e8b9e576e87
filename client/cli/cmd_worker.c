/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet worker: who is there, and who is to take no more: list, cordon, uncordon, drain. */
#include <time.h>

#include "client/cli/commands.h"

enum { LOOK_MS = 200 }; /* how often a worker that is waited for is asked after */

/* ---- list ---- */

static int run_list(struct cli *cli, int argc, char **argv)
{
    return command_workers.run(cli, argc, argv);
}

static const struct command command_worker_list = {
    .name = "list",
    .summary = "who is there, and what each offers",
    .help = "Usage: stepfleet worker list\n"
            "\n"
            "The same as `stepfleet workers`.\n"
            "\n"
            "Example:\n"
            "  stepfleet worker list\n",
    .run = run_list,
};

/* ---- cordon, uncordon, drain ---- */

static void put_cordoned(struct cli *cli, const char *name, const struct stepfleet_cordoned *c)
{
    if (cli->json) {
        struct json_builder b = json_build_object(&cli->arena);

        json_put(&b, SLICE("name"), json_string(b.a, slice_str(name)));
        json_put(&b, SLICE("registered"), json_bool(c->registered));
        json_put(&b, SLICE("leased"), json_integer(b.a, c->leased));
        cli_put_json(cli, json_built(&b));
    } else if (!c->registered) {
        buf_printf(&cli->out, "%s is not here: it holds when it comes\n", name);
    } else if (c->leased != 0) {
        buf_printf(&cli->out, "%s has %u tasks yet\n", name, c->leased);
    }
}

/* Say it, and with `wait` again until the worker holds nothing. */
static int say(struct cli *cli, const char *name, enum stepfleet_cordon cordon, bool wait)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    struct stepfleet_cordoned c;
    struct stepfleet_error error;

    while (stepfleet_worker_cordon(cli->client, name, cordon, &c, &error) == STEPFLEET_OK) {
        if (!wait || c.leased == 0) {
            put_cordoned(cli, name, &c);
            return CLI_DONE;
        }
        (void)nanosleep(&look, NULL);
    }
    return cli_refused(&error);
}

static int run_named(struct cli *cli, int argc, char **argv, enum stepfleet_cordon cordon)
{
    const char *name = NULL;
    bool wait = false;
    const struct arg options[] = {{"--wait", 'w', ARG_FLAG, &wait, 0}};
    struct args a = {options, cordon == STEPFLEET_DRAINED ? 1 : 0, &name, 1, 1, 0};
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    return say(cli, name, cordon, wait);
}

static int run_cordon(struct cli *cli, int argc, char **argv)
{
    return run_named(cli, argc, argv, STEPFLEET_CORDONED);
}

static int run_uncordon(struct cli *cli, int argc, char **argv)
{
    return run_named(cli, argc, argv, STEPFLEET_OPEN);
}

static int run_drain(struct cli *cli, int argc, char **argv)
{
    return run_named(cli, argc, argv, STEPFLEET_DRAINED);
}

static const struct command command_worker_cordon = {
    .name = "cordon",
    .summary = "give it no new tasks",
    .help = "Usage: stepfleet worker cordon NAME\n"
            "\n"
            "The worker of that name gets no new tasks from now on; what it has it goes on with.\n"
            "That holds over restarts, its own and the coordinator's, until `uncordon`, and for a\n"
            "worker that has yet to come.\n"
            "\n"
            "Example:\n"
            "  stepfleet worker cordon w3\n",
    .run = run_cordon,
};

static const struct command command_worker_uncordon = {
    .name = "uncordon",
    .summary = "give it tasks again",
    .help = "Usage: stepfleet worker uncordon NAME\n"
            "\n"
            "Takes back `cordon` and `drain`. One that is not cordoned is fine.\n"
            "\n"
            "Example:\n"
            "  stepfleet worker uncordon w3\n",
    .run = run_uncordon,
};

static const struct command command_worker_drain = {
    .name = "drain",
    .summary = "cordon it, and have it hand back what it has not begun",
    .help =
        "Usage: stepfleet worker drain [--wait] NAME\n"
        "\n"
        "Cordons the worker and has it hand back what it has not begun, which costs no retry.\n"
        "What it has begun it ends. The worker stays registered: stop it when it holds nothing,\n"
        "or `uncordon` it.\n"
        "\n"
        "  -w, --wait  until it holds no task\n"
        "\n"
        "Example:\n"
        "  stepfleet worker drain --wait w3 && ssh host3 systemctl restart stepfleet-worker\n"
        "  stepfleet worker uncordon w3\n",
    .run = run_drain,
};

/* ---- The group ---- */

static const struct command *const worker_commands[] = {
    &command_worker_list,
    &command_worker_cordon,
    &command_worker_uncordon,
    &command_worker_drain,
};

static int run_worker(struct cli *cli, int argc, char **argv)
{
    enum { COUNT = sizeof(worker_commands) / sizeof(worker_commands[0]) };

    return cli_group(cli, worker_commands, COUNT, argc, argv,
                     "worker what? list, cordon, uncordon or drain");
}

const struct command command_worker = {
    .name = "worker",
    .summary = "who is to take no more tasks: list, cordon, uncordon, drain",
    .help = "Usage: stepfleet worker COMMAND ...\n"
            "\n"
            "  list           who is there, and what each offers\n"
            "  cordon NAME    give it no new tasks\n"
            "  uncordon NAME  give it tasks again\n"
            "  drain NAME     cordon it, and have it hand back what it has not begun\n"
            "\n"
            "Each command has its own --help.\n"
            "\n"
            "Example:\n"
            "  stepfleet worker drain --wait w3\n",
    .run = run_worker,
};
