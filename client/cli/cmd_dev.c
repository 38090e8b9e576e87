/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet dev: a coordinator, workers and a directory as object store, in the foreground.
 *
 *   STARTING --answers--> SERVING --signal--> DRAINING --workers gone--> STOPPING --gone--> (end)
 *       '----------------signal---------------^            ^
 *   from anywhere, when the coordinator ends by itself: FALLEN, workers are stopped, its status is
 * ours
 *
 * Nothing is started again: what dies in front of a developer should be seen. A second signal kills
 * the workers, a third everything. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/child.h"
#include "client/cli/commands.h"
#include "proto/base/sm.h"

enum { DEV_WORKERS_MOST = 64, DEV_LOOK_MS = 100, DEV_ANSWER_MS = 250, DEV_ARGS = 16 };

enum dev_state { DEV_STARTING, DEV_SERVING, DEV_DRAINING, DEV_STOPPING, DEV_FALLEN };

static const struct sm_state dev_states[] = {
    [DEV_STARTING] = {"starting", SM(DEV_SERVING) | SM(DEV_DRAINING) | SM(DEV_FALLEN)},
    [DEV_SERVING] = {"serving", SM(DEV_DRAINING) | SM(DEV_FALLEN)},
    [DEV_DRAINING] = {"draining", SM(DEV_STOPPING) | SM(DEV_FALLEN)},
    [DEV_STOPPING] = {"stopping", 0},
    [DEV_FALLEN] = {"fallen", 0},
};

struct dev {
    struct cli *cli;
    enum dev_state state;
    const char *data;
    const char *listen;
    const char *http; /* NULL: AWS's clients do not come in */
    const char *worker_config;
    struct arg_list functions;
    uint32_t worker_count;
    int signals; /* signalfd */
    unsigned signal_count;
    struct child coordinator;
    struct child workers[DEV_WORKERS_MOST];
    uint32_t started;
};

static void dev_move(struct dev *d, enum dev_state to)
{
    d->state = (enum dev_state)sm_move(dev_states, d->state, to);
}

static void dev_say(const char *text)
{
    (void)fprintf(stderr, "%-11s | %s\n", "dev", text);
}

/* ---- Starting ---- */

static enum err_code make_directory(const char *path, struct err *err)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return err_set(err, ERR_IO, "cannot make the directory %s: %s", path, strerror(errno));
    }
    return OK;
}

static char *under(struct dev *d, const char *name)
{
    struct arena *a = &d->cli->arena;

    return arena_str(a, arena_printf(a, "%s/%s", d->data, name));
}

static enum err_code make_directories(struct dev *d, struct err *err)
{
    char absolute[PATH_MAX];
    enum err_code rc = make_directory(d->data, err);

    if (rc != OK) {
        return rc;
    }
    if (realpath(d->data, absolute) == NULL) {
        return err_set(err, ERR_IO, "cannot find %s: %s", d->data, strerror(errno));
    }
    d->data = arena_str(&d->cli->arena, slice_str(absolute));
    rc = make_directory(under(d, "objects"), err);
    return rc != OK ? rc : make_directory(under(d, "coordinator"), err);
}

/* Signals come as reads; the programs started get them unblocked. */
static enum err_code take_signals(struct dev *d, struct err *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return d->signals >= 0 ? OK : err_set(err, ERR_IO, "signals: %s", strerror(errno));
}

static enum err_code start_coordinator(struct dev *d, struct err *err)
{
    const char *argv[] = {
        child_program("stepfleet-coordinator", &d->cli->arena),
        "--data",
        under(d, "coordinator"),
        "--listen",
        d->listen,
        "--objects",
        under(d, "objects"),
        "--execution-logs",
        under(d, "logs"),
        d->http != NULL ? "--open" : NULL,
        "--http",
        d->http,
        NULL,
    };

    return child_start(&d->coordinator, "coordinator", (char *const *)(uintptr_t)argv, err);
}

static enum err_code start_worker(struct dev *d, uint32_t i, struct err *err)
{
    struct arena *a = &d->cli->arena;
    const char *argv[DEV_ARGS + 2 * ARG_LIST_MOST] = {child_program("stepfleet-worker", a)};
    const char *label = arena_str(a, arena_printf(a, "worker-%u", i + 1));
    size_t n = 1;

    argv[n++] = "--name";
    argv[n++] = arena_str(a, arena_printf(a, "dev-%u", i + 1));
    argv[n++] = "--coordinator";
    argv[n++] = d->listen;
    if (d->worker_config != NULL) {
        argv[n++] = "-c";
        argv[n++] = d->worker_config;
    }
    for (size_t f = 0; f < d->functions.count; f++) {
        argv[n++] = "--function";
        argv[n++] = d->functions.items[f];
    }
    return child_start(&d->workers[i], label, (char *const *)(uintptr_t)argv, err);
}

static void start_workers(struct dev *d)
{
    struct err err;

    if (d->worker_config == NULL && d->functions.count == 0) {
        dev_say("no workers: say --worker-config FILE or --function 'NAME=event COMMAND'");
        return;
    }
    for (; d->started < d->worker_count; d->started++) {
        if (start_worker(d, d->started, &err) != OK) {
            dev_say(err.msg);
            return;
        }
    }
}

/* Does it answer yet? */
static bool coordinator_answers(struct dev *d)
{
    struct stepfleet_options options = {
        .coordinator = d->listen, .connect_ms = 1, .timeout_ms = DEV_ANSWER_MS};
    struct stepfleet *client;
    struct stepfleet_health *health;
    bool answers = false;

    if (stepfleet_open(&options, &client, NULL) == STEPFLEET_OK) {
        answers = stepfleet_health(client, &health, NULL) == STEPFLEET_OK;
        if (answers) {
            stepfleet_release(health);
        }
        stepfleet_close(client);
    }
    return answers;
}

/* ---- Running ---- */

static bool workers_run(const struct dev *d)
{
    for (uint32_t i = 0; i < d->started; i++) {
        if (d->workers[i].running) {
            return true;
        }
    }
    return false;
}

static void workers_signal(const struct dev *d, int signal)
{
    for (uint32_t i = 0; i < d->started; i++) {
        child_signal(&d->workers[i], signal);
    }
}

static void on_stop_signal(struct dev *d)
{
    d->signal_count++;
    if (d->signal_count == 1 && (d->state == DEV_STARTING || d->state == DEV_SERVING)) {
        dev_say("draining the workers, then stopping; once more: kill them");
        dev_move(d, DEV_DRAINING);
        workers_signal(d, SIGTERM);
    } else {
        workers_signal(d, SIGKILL);
        if (d->signal_count > 2) {
            child_signal(&d->coordinator, SIGKILL);
        }
    }
}

static void say_end(const struct child *c)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%s ended with status %d", c->label, c->status);
    dev_say(text);
}

static void on_children(struct dev *d)
{
    for (uint32_t i = 0; i < d->started; i++) {
        if (child_reap(&d->workers[i]) && d->state != DEV_DRAINING && d->state != DEV_FALLEN) {
            say_end(&d->workers[i]);
        }
    }
    if (child_reap(&d->coordinator) && d->state != DEV_STOPPING) {
        say_end(&d->coordinator);
        dev_move(d, DEV_FALLEN);
        workers_signal(d, SIGTERM);
    }
}

static void read_signals(struct dev *d)
{
    struct signalfd_siginfo info;

    while (read(d->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) {
            on_stop_signal(d);
        }
    }
    on_children(d);
}

/* Wait for lines and signals; while it starts, not for long. */
static void dev_poll(struct dev *d)
{
    struct pollfd fds[DEV_WORKERS_MOST + 2] = {
        {.fd = d->signals, .events = POLLIN},
        {.fd = d->coordinator.fd, .events = POLLIN},
    };

    for (uint32_t i = 0; i < d->started; i++) {
        fds[i + 2] = (struct pollfd){.fd = d->workers[i].fd, .events = POLLIN};
    }
    (void)poll(fds, d->started + 2, d->state == DEV_STARTING ? DEV_LOOK_MS : -1);
    child_read(&d->coordinator);
    for (uint32_t i = 0; i < d->started; i++) {
        child_read(&d->workers[i]);
    }
    read_signals(d);
}

/* True while there is something to wait for. */
static bool dev_turn(struct dev *d)
{
    dev_poll(d);
    switch (d->state) {
    case DEV_STARTING:
        if (coordinator_answers(d)) {
            dev_move(d, DEV_SERVING);
            start_workers(d);
            (void)fprintf(stderr, "%-11s | ready at %s; Ctrl-C stops\n", "dev", d->listen);
        }
        return true;
    case DEV_SERVING: return true;
    case DEV_DRAINING:
        if (!workers_run(d)) {
            dev_move(d, DEV_STOPPING);
            child_signal(&d->coordinator, SIGTERM);
        }
        return true;
    case DEV_STOPPING: return d->coordinator.running;
    case DEV_FALLEN: return workers_run(d);
    }
    return false;
}

static int dev_run(struct dev *d)
{
    while (dev_turn(d)) {
    }
    child_fini(&d->coordinator);
    for (uint32_t i = 0; i < d->started; i++) {
        child_fini(&d->workers[i]);
    }
    (void)close(d->signals);
    return d->coordinator.status;
}

static int run_dev(struct cli *cli, int argc, char **argv)
{
    struct dev d = {.cli = cli, .data = "stepfleet-data", .worker_count = 1};
    const struct arg options[] = {
        {"--data", 0, ARG_TEXT, &d.data, 0},
        {"--workers", 0, ARG_NUMBER, &d.worker_count, DEV_WORKERS_MOST},
        {"--worker-config", 'c', ARG_TEXT, &d.worker_config, 0},
        {"--function", 'f', ARG_LIST, &d.functions, 0},
        {"--listen", 0, ARG_TEXT, &d.listen, 0},
        {"--http", 0, ARG_TEXT, &d.http, 0},
    };
    struct args a = {.options = options, .option_count = 6};
    struct err err;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc)) {
        return rc;
    }
    cli->coordinator = d.listen != NULL ? d.listen : cli->coordinator;
    if (take_signals(&d, &err) != OK) { /* before any thread that could get them */
        return cli_local(&err);
    }
    if ((rc = cli_connect(cli)) != CLI_DONE) { /* checks the URL; nothing is sent */
        return rc;
    }
    d.listen = stepfleet_coordinator(cli->client);
    if (make_directories(&d, &err) != OK) {
        return cli_local(&err);
    }
    (void)setenv("STEPFLEET_COORDINATOR", d.listen, 1);
    (void)setenv("STEPFLEET_OBJECTS_ROOT", under(&d, "objects"), 1);
    if (start_coordinator(&d, &err) != OK) {
        return cli_local(&err);
    }
    return dev_run(&d);
}

const struct command command_dev = {
    .name = "dev",
    .summary = "a coordinator and workers here, in the foreground",
    .help = "Usage: stepfleet dev [--data DIR] [--workers N] [--worker-config FILE]\n"
            "                     [--function 'NAME=KIND COMMAND']... [--listen URL]\n"
            "                     [--http URL]\n"
            "\n"
            "Runs a coordinator, workers and a directory as object store in the foreground, with\n"
            "their logs on standard error. Everything is kept in DIR and is there again the next\n"
            "time. Ctrl-C lets the workers finish what they do (again: kills them), then stops.\n"
            "Nothing is restarted: where the coordinator ends, so does this, with its status.\n"
            "\n"
            "  --data DIR                ./stepfleet-data without it\n"
            "  --workers N               how many workers, at most 64; 1 without it\n"
            "  -c, --worker-config FILE  what they offer: [function NAME] sections\n"
            "  -f, --function TEXT       one function they offer, without a file: 'NAME=echo',\n"
            "                            'NAME=event COMMAND' or 'NAME=stream COMMAND'\n"
            "  --listen URL              tcp://127.0.0.1:7233 without it\n"
            "  --http URL                where AWS's own clients come in, without access keys:\n"
            "                            http://127.0.0.1:8083\n"
            "\n"
            "Examples:\n"
            "  stepfleet dev --function 'hello=event python3 hello.py'\n"
            "  stepfleet dev -c worker.conf --workers 4 --listen ipc:///tmp/stepfleet.sock\n",
    .run = run_dev,
};
