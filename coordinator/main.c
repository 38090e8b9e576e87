/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet-coordinator: arguments and configuration. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "coordinator/backup/backup.h"
#include "coordinator/check/command.h"
#include "coordinator/settings.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"
#include "proto/host/notify.h"

static const char usage[] =
    "Usage: stepfleet-coordinator [-c FILE] [--data DIR] [--listen URL] [--http URL [--open]]\n"
    "                             [--objects DIR] [--execution-logs DIR]\n"
    "       stepfleet-coordinator --restore BACKUP [-c FILE] [--data DIR]\n"
    "       stepfleet-coordinator --check DIR [--json]\n"
    "\n"
    "Owns state machines and their executions, and hands their tasks to workers.\n"
    "\n"
    "  -c, --config FILE   read this configuration; coordinator.conf(5) explains each key\n"
    "      --data DIR      where the database is; made where it is missing\n"
    "                      (default /var/lib/stepfleet)\n"
    "      --listen URL    where clients and workers reach it (default tcp://127.0.0.1:7233;\n"
    "                      ipc:///path); beyond loopback tls+tcp://0.0.0.0:7233, with\n"
    "                      certificate, key and tokens in the configuration\n"
    "      --http URL      where AWS's own clients reach it (the AWS CLI, SDKs), for example\n"
    "                      http://127.0.0.1:8083; without it they do not\n"
    "      --open          they need no access key; on loopback only\n"
    "      --objects DIR   keep the outputs of stages in this directory (else [objects] in the\n"
    "                      configuration, or S3_ENDPOINT and AWS_* in the environment)\n"
    "      --execution-logs DIR\n"
    "                      history events of machines that have a logging configuration go\n"
    "                      there as JSON lines, a file a log group; without it nowhere\n"
    "      --restore DIR   make the backup in this directory the database, in a data directory\n"
    "                      that is empty, and end; see `stepfleet backup --help`\n"
    "      --check DIR     read every row of the database in this data directory or backup, say\n"
    "                      what is wrong with it, change nothing, and end; no coordinator runs on\n"
    "                      it meanwhile\n"
    "      --json          of --check: what was found as JSON\n"
    "      --check-config  read the configuration, say what is wrong with it, and end\n"
    "      --log LEVEL     debug, info, warn or error (default info)\n"
    "      --accept-loss   open a database that has lost part of what was acknowledged, with what\n"
    "                      is left of it, once; without it such a database is refused\n"
    "      --ready-fd N    write a line to this descriptor once it serves\n"
    "  -h, --help          this text\n"
    "      --version       the version\n"
    "\n"
    "SIGTERM and SIGINT stop it in order; executions go on at the next start. It can be killed at\n"
    "any moment: what was acknowledged is on disk. SIGHUP reads certificate and tokens again and\n"
    "opens the audit log anew.\n"
    "\n"
    "Exit status: 0 stopped in order, 1 could not start or go on, 2 wrong usage. Of --check: 0 "
    "the\n"
    "database is whole, 1 it has faults, 2 it could not be looked at.\n";

struct options {
    const char *config;
    bool check;
    const char *restore;
    const char *database; /* to be checked */
    bool json;
    struct settings_line line;
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
        OPT_RESTORE,
        OPT_DATABASE,
        OPT_JSON,
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
        {"restore", required_argument, NULL, OPT_RESTORE},
        {"check", required_argument, NULL, OPT_DATABASE},
        {"json", no_argument, NULL, OPT_JSON},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPT_VERSION},
        {NULL, 0, NULL, 0},
    };
    int c;

    *o = (struct options){.line.ready_fd = -1};
    while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
        switch (c) {
        case 'c': o->config = optarg; break;
        case OPT_DATA: o->line.data = optarg; break;
        case OPT_LISTEN: o->line.listen = optarg; break;
        case OPT_HTTP: o->line.http = optarg; break;
        case OPT_OPEN: o->line.open = true; break;
        case OPT_OBJECTS: o->line.objects = optarg; break;
        case OPT_EXECUTION_LOGS: o->line.execution_logs = optarg; break;
        case OPT_CHECK: o->check = true; break;
        case OPT_LOG: o->line.log = optarg; break;
        case OPT_LOSS: o->line.accept_loss = true; break;
        case OPT_RESTORE: o->restore = optarg; break;
        case OPT_DATABASE: o->database = optarg; break;
        case OPT_JSON: o->json = true; break;
        case OPT_READY: o->line.ready_fd = atoi(optarg); break;
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
    if (o->json && o->database == NULL) {
        return err_set(err, ERR_USAGE, "--json is for --check: try --help");
    }
    return OK;
}

static enum err_code make_dir(const char *path, struct err *err)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return err_set(err, ERR_IO, "cannot make the directory %s: %s", path, strerror(errno));
    }
    return OK;
}

static enum err_code restore(const char *from, const char *data, struct err *err)
{
    struct backup_origin origin;
    char made[TEXT_TIME_BYTES];
    enum err_code rc = backup_restore(from, data, clock_wall_ms(), &origin, err);

    if (rc == OK) {
        (void)printf("restored %s into %s: as of %.*s, when %llu executions ran; what was "
                     "acknowledged after that is gone\n",
                     origin.name, data, (int)text_format_time(origin.made_ms, made), made,
                     (unsigned long long)origin.executions);
    }
    return rc;
}

static enum err_code run(const struct options *o, struct err *err)
{
    struct shell_config config = {0};
    struct config file = {0};
    struct arena a = {0};
    struct log_settings log;
    enum err_code rc = o->config != NULL ? config_load(o->config, &file, err) : OK;

    if (rc == OK) {
        rc = settings_read_log(&o->line, &file, &log, err);
    }
    if (rc == OK) {
        log_init("coordinator", log.level);
        log_format_set(log.format);
        rc = settings_read(&o->line, &file, &a, &config, err);
    }
    if (rc == OK && o->restore != NULL) {
        rc = restore(o->restore, config.data, err);
    } else if (rc == OK && !o->check) {
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
    if (rc == OK && o.database != NULL) {
        return (int)check_command(o.database, o.json);
    }
    notify_init();
    if (rc == OK) {
        rc = run(&o, &err);
    }
    if (rc != OK) {
        (void)fprintf(stderr, "stepfleet-coordinator: %s\n", err.msg);
    }
    return rc == OK ? EXIT_SUCCESS : rc == ERR_USAGE ? 2 : EXIT_FAILURE;
}
