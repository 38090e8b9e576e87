/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet-worker: arguments, signals, the loop. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/host/notify.h"
#include "worker/job/job.h"
#include "worker/scratch.h"
#include "worker/worker.h"

static const char help[] =
    "stepfleet-worker: leases the tasks of state machines from a coordinator and runs them.\n"
    "\n"
    "usage: stepfleet-worker [-c FILE] [options]\n"
    "\n"
    "  -c, --config FILE       configuration; worker.conf(5) explains each key\n"
    "      --coordinator URL   tcp://127.0.0.1:7233 (the default), or ipc:///PATH\n"
    "                          or, on another machine, tls+tcp://HOST:PORT\n"
    "      --ca FILE           the authority that signed that one's certificate (PEM)\n"
    "      --token-file FILE       the token this worker shows; readable by its owner alone\n"
    "      --name NAME         of this worker, unique in the fleet; default: the host's name\n"
    "      --slots N           tasks at once; default: the most that one function has, which is\n"
    "                          one a processor, or 1024 of an echo\n"
    "      --function SPEC     offer a function; may be repeated\n"
    "      --log LEVEL         debug, info, warn, error\n"
    "      --check-config      say whether the configuration is right, and exit\n"
    "  -h, --help\n"
    "      --version\n"
    "\n"
    "A function is what a Task state's Resource names: its Lambda function ARN ends in "
    ":function:NAME.\n"
    "SPEC says how it is run:\n"
    "\n"
    "  NAME=echo               the input is the result; to try things out and to measure\n"
    "  'NAME=event COMMAND'    a process a task: JSON on stdin, JSON on stdout, exit status 0.\n"
    "                          A failure is any other exit; {\"errorType\":..., "
    "\"errorMessage\":...} on\n"
    "                          stdout names it for Retry and Catch.\n"
    "  'NAME=stream COMMAND'   a process between two objects: the previous stage's output on "
    "stdin,\n"
    "                          this stage's on stdout, of any size. Needs an object store:\n"
    "                          [objects] in FILE, or STEPFLEET_OBJECTS_ROOT, or S3_ENDPOINT with\n"
    "                          AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.\n"
    "\n"
    "No shell is involved: COMMAND is split at blanks, with '...' and \"...\" as in a shell.\n"
    "\n"
    "example:\n"
    "  stepfleet-worker --name here --function Hello=echo \\\n"
    "      --function 'Count=event python3 count.py' --function 'Pack=stream gzip -c'\n"
    "\n"
    "SIGTERM or SIGINT drains: no new tasks, those that run may finish (`drain`, 30 s by default), "
    "then\n"
    "the worker leaves. A second signal ends it at once.\n";

enum option_key {
    OPTION_COORDINATOR = 256,
    OPTION_CA,
    OPTION_TOKEN,
    OPTION_NAME,
    OPTION_SLOTS,
    OPTION_FUNCTION,
    OPTION_LOG,
    OPTION_CHECK,
    OPTION_VERSION,
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"coordinator", required_argument, NULL, OPTION_COORDINATOR},
    {"ca", required_argument, NULL, OPTION_CA},
    {"token-file", required_argument, NULL, OPTION_TOKEN},
    {"name", required_argument, NULL, OPTION_NAME},
    {"slots", required_argument, NULL, OPTION_SLOTS},
    {"function", required_argument, NULL, OPTION_FUNCTION},
    {"log", required_argument, NULL, OPTION_LOG},
    {"check-config", no_argument, NULL, OPTION_CHECK},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

struct command_line {
    struct settings_line settings;
    const char *functions[LIMIT_WORKER_FUNCTIONS];
    bool check;
    bool done; /* --help, --version */
};

static enum err_code take_option(struct command_line *line, int key, struct err *err)
{
    switch (key) {
    case 'c': line->settings.file = optarg; break;
    case OPTION_COORDINATOR: line->settings.coordinator = optarg; break;
    case OPTION_CA: line->settings.ca = optarg; break;
    case OPTION_TOKEN: line->settings.token_file = optarg; break;
    case OPTION_NAME: line->settings.name = optarg; break;
    case OPTION_SLOTS: line->settings.slots = optarg; break;
    case OPTION_LOG: line->settings.log = optarg; break;
    case OPTION_CHECK: line->check = true; break;
    case OPTION_FUNCTION:
        if (line->settings.function_count == LIMIT_WORKER_FUNCTIONS) {
            return err_set(err, ERR_USAGE, "more than %d functions", LIMIT_WORKER_FUNCTIONS);
        }
        line->functions[line->settings.function_count++] = optarg;
        break;
    case 'h':
        (void)fputs(help, stdout);
        line->done = true;
        break;
    case OPTION_VERSION:
        (void)printf("stepfleet-worker %s (protocol %d to %d)\n", STEPFLEET_VERSION,
                     WIRE_VERSION_MIN, WIRE_VERSION_MAX);
        line->done = true;
        break;
    default: return err_set(err, ERR_USAGE, "see stepfleet-worker --help");
    }
    return OK;
}

static enum err_code
read_command_line(int argc, char **argv, struct command_line *line, struct err *err)
{
    enum err_code rc = OK;
    int key;

    line->settings.functions = line->functions;
    while (rc == OK && (key = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        rc = take_option(line, key, err);
    }
    if (rc == OK && optind != argc) {
        rc = err_set(err, ERR_USAGE, "what is \"%s\"? see stepfleet-worker --help", argv[optind]);
    }
    return rc;
}

/* From the end of the drain until a worker is gone at the latest, with time to spare. */
enum { LAST_MS = 2 * (WORKER_LAST_MS + WORKER_BYE_MS) };

static void on_signal(uv_signal_t *signal, int number)
{
    struct worker *w = signal->data;

    (void)number;
    if (w->phase == WORKER_SERVING) {
        notify_say("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%lld",
                   (long long)(w->settings->drain_ms + LAST_MS) * 1000);
        worker_drain(w);
        return;
    }
    if (w->phase == WORKER_LEAVING && w->table.busy == 0) {
        return; /* a second at most, and all is in order */
    }
    log_warn("ended by a second signal; what runs is killed");
    _exit(EXIT_FAILURE); /* the supervisors see the closed sockets and kill what they hold */
}

/* Runs until the worker has left. */
static enum err_code serve(const struct settings *s, const char *work_dir, struct err *err)
{
    struct worker *w = mem_alloc(sizeof(*w));
    uv_signal_t signals[2];
    uv_timer_t beat;
    uv_loop_t loop;
    enum err_code rc;

    if (uv_loop_init(&loop) != 0) {
        mem_free(w);
        return err_set(err, ERR_INTERNAL, "no event loop");
    }
    rc = worker_open(w, &loop, s, work_dir, &job_pieces, err);
    if (rc != OK) {
        return rc; /* the program ends: the system takes what was opened */
    }
    for (int i = 0; i < 2; i++) {
        (void)uv_signal_init(&loop, &signals[i]);
        signals[i].data = w;
        (void)uv_signal_start(&signals[i], on_signal, i == 0 ? SIGTERM : SIGINT);
    }
    notify_beat_start(&beat, &loop);
    notify_say("READY=1\nSTATUS=looking for %s", s->coordinator);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    if (w->refused) {
        rc = err_set(err, ERR_DENIED, "the coordinator refuses this worker");
    }
    if (w->table.busy != 0) {
        _exit(EXIT_SUCCESS); /* it was too late for them: said in the log */
    }
    for (int i = 0; i < 2; i++) {
        uv_close((uv_handle_t *)&signals[i], NULL);
        (void)signal(i == 0 ? SIGTERM : SIGINT, SIG_IGN); /* it is leaving already */
    }
    uv_close((uv_handle_t *)&beat, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
    worker_fini(w);
    mem_free(w);
    return rc;
}

/* A task takes a handful of descriptors; handlers get a limit of their own. */
static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static enum err_code run(const struct settings *s, struct err *err)
{
    struct scratch scratch;
    enum err_code rc = scratch_open(&scratch, s->work_dir, err);

    if (rc != OK) {
        return rc;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    rc = serve(s, scratch.path, err);
    scratch_close(&scratch);
    return rc;
}

int main(int argc, char **argv)
{
    static struct command_line line;
    struct settings settings = {0};
    struct err err = {0};
    enum err_code rc = read_command_line(argc, argv, &line, &err);

    notify_init();
    if (rc == OK && line.done) {
        return EXIT_SUCCESS;
    }
    if (rc == OK) {
        rc = settings_load(&line.settings, &settings, &err);
    }
    if (rc == OK && line.check) {
        (void)printf("the configuration is right: worker %s, %u slots, %zu functions, %s\n",
                     settings.name, settings.slots, settings.function_count, settings.coordinator);
    } else if (rc == OK) {
        log_init("worker", settings.log);
        log_format_set(settings.log_format);
        rc = run(&settings, &err);
    }
    settings_fini(&settings);
    if (rc != OK) {
        (void)fprintf(stderr, "stepfleet-worker: %s\n", err.msg);
        return rc == ERR_USAGE ? 2 : EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
