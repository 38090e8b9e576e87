/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet-coordinator: arguments and configuration. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/s3/settings.h"
#include "coordinator/api/rpc/server.h"
#include "coordinator/bindings.h"
#include "coordinator/shell.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"
#include "proto/host/config.h"
#include "proto/host/log.h"

static const char usage[] =
    "Usage: stepfleet-coordinator [-c FILE] [--data DIR] [--listen URL] [--http URL [--open]]\n"
    "                             [--objects DIR] [--execution-logs DIR]\n"
    "\n"
    "Owns state machines and their executions, and hands their tasks to workers.\n"
    "\n"
    "  -c, --config FILE   read this configuration (deploy/coordinator.conf explains each key)\n"
    "      --data DIR      where the database is; made where it is missing\n"
    "                      (default /var/lib/stepfleet)\n"
    "      --listen URL    where clients and workers reach it: loopback only, until it has\n"
    "                      TLS and credentials (default tcp://127.0.0.1:7233; ipc:///path)\n"
    "      --http URL      where AWS's own clients reach it (the AWS CLI, SDKs), for example\n"
    "                      http://127.0.0.1:8083; without it they do not\n"
    "      --open          they need no access key; on loopback only\n"
    "      --objects DIR   keep the outputs of stages in this directory (else [objects] in the\n"
    "                      configuration, or S3_ENDPOINT and AWS_* in the environment)\n"
    "      --execution-logs DIR\n"
    "                      history events of machines that have a logging configuration go\n"
    "                      there as JSON lines, a file a log group; without it nowhere\n"
    "      --check-config  read the configuration, say what is wrong with it, and end\n"
    "      --log LEVEL     debug, info, warn or error (default info)\n"
    "      --accept-loss   open a database that has lost part of what was acknowledged, with what\n"
    "                      is left of it, once; without it such a database is refused\n"
    "      --ready-fd N    write a line to this descriptor once it serves\n"
    "  -h, --help          this text\n"
    "      --version       the version\n"
    "\n"
    "SIGTERM and SIGINT stop it in order; executions go on at the next start. It can be killed at\n"
    "any moment: what was acknowledged is on disk.\n"
    "\n"
    "Exit status: 0 stopped in order, 1 could not start or go on, 2 wrong usage.\n";

struct options {
    const char *config;
    const char *data;
    const char *listen;
    const char *http;
    const char *objects;
    const char *execution_logs;
    const char *log;
    int ready_fd;
    bool open;
    bool check;
    bool accept_loss;
};

static enum err_code parse_options(int argc, char **argv, struct options *o, struct err *err)
{
    enum {
        OPT_DATA = 256,
        OPT_LISTEN,
        OPT_HTTP,
        OPT_OPEN,
        OPT_OBJECTS,
        OPT_EXECUTION_LOGS,
        OPT_CHECK,
        OPT_LOG,
        OPT_READY,
        OPT_LOSS,
        OPT_VERSION
    };
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"data", required_argument, NULL, OPT_DATA},
        {"listen", required_argument, NULL, OPT_LISTEN},
        {"http", required_argument, NULL, OPT_HTTP},
        {"open", no_argument, NULL, OPT_OPEN},
        {"execution-logs", required_argument, NULL, OPT_EXECUTION_LOGS},
        {"objects", required_argument, NULL, OPT_OBJECTS},
        {"check-config", no_argument, NULL, OPT_CHECK},
        {"log", required_argument, NULL, OPT_LOG},
        {"ready-fd", required_argument, NULL, OPT_READY},
        {"accept-loss", no_argument, NULL, OPT_LOSS},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPT_VERSION},
        {NULL, 0, NULL, 0},
    };
    int c;

    *o = (struct options){.ready_fd = -1};
    while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
        switch (c) {
        case 'c': o->config = optarg; break;
        case OPT_DATA: o->data = optarg; break;
        case OPT_LISTEN: o->listen = optarg; break;
        case OPT_HTTP: o->http = optarg; break;
        case OPT_OPEN: o->open = true; break;
        case OPT_OBJECTS: o->objects = optarg; break;
        case OPT_EXECUTION_LOGS: o->execution_logs = optarg; break;
        case OPT_CHECK: o->check = true; break;
        case OPT_LOG: o->log = optarg; break;
        case OPT_LOSS: o->accept_loss = true; break;
        case OPT_READY: o->ready_fd = atoi(optarg); break;
        case 'h': (void)fputs(usage, stdout); exit(EXIT_SUCCESS);
        case OPT_VERSION:
            (void)puts("stepfleet-coordinator " STEPFLEET_VERSION);
            exit(EXIT_SUCCESS);
        default: return err_set(err, ERR_USAGE, "try stepfleet-coordinator --help");
        }
    }
    if (optind < argc) {
        return err_set(err, ERR_USAGE, "unexpected argument \"%s\": try --help", argv[optind]);
    }
    return OK;
}

static const char *
choose(const char *option, struct config *file, const char *key, const char *otherwise)
{
    const char *set = config_get(file, "coordinator", key, NULL);

    return option != NULL ? option : set != NULL ? set : otherwise;
}

static enum err_code read_account(const char *text, uint64_t *out, struct err *err)
{
    if (strlen(text) != 12 || !text_parse_u64(slice_str(text), out)) {
        return err_set(err, ERR_CONFIG, "account = %s: expected twelve digits", text);
    }
    return OK;
}

static enum err_code read_lease(struct config *file, int64_t *out, struct err *err)
{
    int64_t ms;
    enum err_code rc = config_duration_ms(file, "coordinator", "lease", 15000, &ms, err);

    if (rc != OK) {
        return rc;
    }
    if (ms < LIMIT_LEASE_MS_MIN || ms > LIMIT_LEASE_MS_MAX) {
        return err_set(err, ERR_CONFIG, "lease: from %dms to %dh", LIMIT_LEASE_MS_MIN,
                       LIMIT_LEASE_MS_MAX / (60 * 60 * 1000));
    }
    *out = ms;
    return OK;
}

/* Never none: how many pieces CLEAN has must be the same after a restart. */
static enum err_code read_job_clean(struct config *file, int64_t *out, struct err *err)
{
    int64_t ms;
    enum err_code rc =
        config_duration_ms(file, "coordinator", "job_clean_up", LIMIT_JOB_CLEAN_MS, &ms, err);

    if (rc == OK && ms < LIMIT_JOB_CLEAN_MS_MIN) {
        rc = err_set(err, ERR_CONFIG, "job_clean_up: at least %dms", LIMIT_JOB_CLEAN_MS_MIN);
    }
    if (rc == OK) {
        *out = ms;
    }
    return rc;
}

static enum err_code read_retention(struct config *file, struct shell_config *out, struct err *err)
{
    struct ledger_config *l = &out->ledger;
    const int64_t day_ms = 24 * 60 * 60 * 1000;
    enum err_code rc = config_duration_ms(file, "coordinator", "retention",
                                          LIMIT_RETENTION_DAYS * day_ms, &l->retention_ms, err);

    if (rc == OK) {
        rc = config_duration_ms(file, "coordinator", "retention_express",
                                LIMIT_RETENTION_EXPRESS_DAYS * day_ms, &l->retention_express_ms,
                                err);
    }
    if (rc == OK) {
        rc = config_duration_ms(file, "coordinator", "retention_outputs",
                                LIMIT_RETENTION_OUTPUTS_DAYS * day_ms, &out->outputs_ms, err);
    }
    return rc;
}

/* Kept where the outputs of stages are. */
static enum err_code read_archive(struct config *file, struct shell_config *out, struct err *err)
{
    const char *archive = config_get(file, "coordinator", "archive", NULL);

    if (archive == NULL) {
        return OK;
    }
    if (!out->ledger.objects) {
        return err_set(err, ERR_CONFIG, "archive: there is no object store: see [objects]");
    }
    return archive_place_parse(archive, &out->archive, err);
}

/* AWS's quotas, and how far they are lifted. */
static enum err_code read_limits(struct config *file, struct ledger_config *l, struct err *err)
{
    uint64_t payload;
    enum err_code rc =
        config_bytes(file, "limits", "payload_bytes", LIMIT_PAYLOAD_BYTES, &payload, err);

    if (rc == OK && (payload < LIMIT_PAYLOAD_BYTES || payload > LIMIT_PAYLOAD_BYTES_MAX)) {
        rc = err_set(err, ERR_CONFIG, "payload_bytes: from %d (AWS's quota) to %d",
                     LIMIT_PAYLOAD_BYTES, LIMIT_PAYLOAD_BYTES_MAX);
    }
    if (rc == OK) {
        rc = config_u64(file, "limits", "history_events", LIMIT_HISTORY_EVENTS,
                        LIMIT_HISTORY_EVENTS_MAX, LIMIT_HISTORY_EVENTS, &l->history_events, err);
    }
    if (rc == OK) {
        l->payload_bytes = (size_t)payload;
    }
    return rc;
}

/* Where AWS's clients come in, and who may. */
static enum err_code read_http(const struct options *o,
                               struct config *file,
                               struct http_face_config *out,
                               struct err *err)
{
    const char *listen = config_get(file, "http", "listen", NULL);
    const char *access = config_get(file, "http", "access", "keys");

    out->http.listen = o->http != NULL ? o->http : listen;
    out->http.certificate = config_get(file, "http", "certificate", NULL);
    out->http.key = config_get(file, "http", "key", NULL);
    out->open = o->open || strcmp(access, "open") == 0;
    if (strcmp(access, "open") != 0 && strcmp(access, "keys") != 0) {
        return err_set(err, ERR_CONFIG, "access = %s: expected keys or open", access);
    }
    return out->http.listen != NULL ? http_face_check(out, err) : OK;
}

static enum err_code
read_bindings(struct config *file, struct arena *a, struct ledger_config *l, struct err *err)
{
    struct bindings *b = ARENA_NEW(a, struct bindings);

    l->bound = bindings_find;
    l->bound_arg = b;
    return bindings_read(file, a, b, err);
}

/* For a database that is made now; an older one has its own. */
static struct slice fresh_secret(struct arena *a)
{
    enum { SECRET_BYTES = 32 };
    void *bytes = arena_alloc(a, SECRET_BYTES);

    clock_random(bytes, SECRET_BYTES);
    return slice_make(bytes, SECRET_BYTES);
}

static enum err_code read_config(const struct options *o,
                                 struct config *file,
                                 struct arena *a,
                                 struct shell_config *out,
                                 struct err *err)
{
    struct ledger_config *l = &out->ledger;
    enum err_code rc;

    out->data = choose(o->data, file, "data", "/var/lib/stepfleet");
    out->listen = choose(o->listen, file, "listen", "tcp://127.0.0.1:7233");
    out->execution_logs = choose(o->execution_logs, file, "execution_logs", NULL);
    out->ready_fd = o->ready_fd;
    out->accept_loss = o->accept_loss;
    l->region = choose(NULL, file, "region", "us-east-1");
    l->seed = clock_random_u64();
    l->secret = fresh_secret(a);
    rc = rpc_server_check_url(out->listen, err);
    if (rc == OK) {
        rc = read_account(choose(NULL, file, "account", "123456789012"), &l->account, err);
    }
    if (rc == OK) {
        rc = read_lease(file, &l->fleet.lease_ms, err);
    }
    if (rc == OK) {
        rc = config_duration_ms(file, "coordinator", "no_function", 60000, &l->fleet.no_function_ms,
                                err);
    }
    if (rc == OK) {
        rc = config_duration_ms(file, "coordinator", "stop", 10000, &out->stop_ms, err);
    }
    if (rc == OK) {
        rc = config_duration_ms(file, "coordinator", "sweep_interval", 600000,
                                &out->sweep_interval_ms, err);
    }
    if (rc == OK) {
        rc = config_duration_ms(file, "coordinator", "sweep_age", 3600000, &out->sweep_age_ms, err);
    }
    if (rc == OK) {
        rc = read_job_clean(file, &l->job_clean_ms, err);
    }
    if (rc == OK) {
        rc = read_retention(file, out, err);
    }
    if (rc == OK) {
        rc = config_bool(file, "coordinator", "verify", true, &out->verify, err);
    }
    if (rc == OK) {
        rc = read_limits(file, l, err);
    }
    if (rc == OK) {
        rc = read_http(o, file, &out->http, err);
    }
    if (rc == OK) {
        rc = read_bindings(file, a, l, err);
    }
    if (rc == OK) {
        rc = s3_settings_load(file, a, &out->objects, err);
    }
    if (rc == OK && o->objects != NULL) {
        out->objects = (struct s3_config){.root = o->objects, .region = out->objects.region};
    }
    l->objects = out->objects.root != NULL || out->objects.endpoint != NULL;
    if (rc == OK) {
        rc = read_archive(file, out, err);
    }
    return rc == OK ? config_check_used(file, err) : rc;
}

static enum err_code make_dir(const char *path, struct err *err)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return err_set(err, ERR_IO, "cannot make the directory %s: %s", path, strerror(errno));
    }
    return OK;
}

static enum err_code run(const struct options *o, struct err *err)
{
    struct shell_config config = {0};
    struct config file = {0};
    struct arena a = {0};
    enum log_level level = LOG_INFO;
    const char *log;
    enum err_code rc = OK;

    if (o->config != NULL) {
        rc = config_load(o->config, &file, err);
    }
    if (rc == OK) {
        log = choose(o->log, &file, "log", "info");
        if (!log_parse_level(slice_str(log), &level)) {
            rc = err_set(err, ERR_CONFIG, "log = %s: expected debug, info, warn or error", log);
        }
    }
    if (rc == OK) {
        log_init("coordinator", level);
        rc = read_config(o, &file, &a, &config, err);
    }
    if (rc == OK && !o->check) {
        rc = make_dir(config.data, err);
        if (rc == OK) {
            rc = shell_run(&config, err);
        }
    }
    config_fini(&file);
    arena_fini(&a);
    return rc;
}

enum { HEAPS = 2 }; /* glibc makes one a thread otherwise: memory for threads that hardly use it */

int main(int argc, char **argv)
{
    struct options o;
    struct err err;
    enum err_code rc = parse_options(argc, argv, &o, &err);

    (void)mallopt(M_ARENA_MAX, HEAPS);
    if (rc == OK) {
        rc = run(&o, &err);
    }
    if (rc != OK) {
        (void)fprintf(stderr, "stepfleet-coordinator: %s\n", err.msg);
    }
    return rc == OK ? EXIT_SUCCESS : rc == ERR_USAGE ? 2 : EXIT_FAILURE;
}
