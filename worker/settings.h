/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's configuration: file, then command line, checked whole before anything begins.
 * deploy/worker.conf explains each key. */
#ifndef STEPFLEET_WORKER_SETTINGS_H
#define STEPFLEET_WORKER_SETTINGS_H

#include "client/otlp/otlp.h"
#include "proto/host/config.h"
#include "proto/host/log.h"
#include "worker/handler/handler.h"
#include "worker/link.h"

enum {
    SETTINGS_ECHO_SLOTS = 1024,            /* an echo costs nothing */
    SETTINGS_OUTPUT_BYTES = 1024 * 1024,   /* of an event handler, by default */
    SETTINGS_OUTPUT_MAX = 6 * 1024 * 1024, /* AWS Lambda's; a frame holds it */
    SETTINGS_DRAIN_MS = 30000,
    SETTINGS_IDLE_MS = 5 * 60 * 1000,
    SETTINGS_FILES = 1024, /* open in a handler's process, by default: AWS Lambda's */
};

struct settings {
    const char *name;
    const char *coordinator;
    struct link_settings link; /* its way there */
    uint32_t slots;
    int64_t drain_ms;
    enum log_level log;
    enum log_format log_format;
    const char *work_dir; /* NULL: one of its own, made and removed */
    const char *labels;   /* JSON object text */
    struct s3_config objects;
    struct otlp_config trace;
    struct handler_function *functions;
    size_t function_count;
    struct arena arena; /* owns it all */
};

/* What the command line says; NULL and 0 where it does not. */
struct settings_line {
    const char *file;
    const char *name;
    const char *coordinator;
    const char *ca;
    const char *token_file;
    const char *log;
    const char *slots;
    const char **functions; /* "NAME=KIND" or "NAME=KIND COMMAND" */
    size_t function_count;
};

/* ERR_CONFIG, ERR_NOT_FOUND, ERR_USAGE. settings_fini() afterwards, on failure too. */
enum err_code
settings_load(const struct settings_line *line, struct settings *out, struct err *err);
void settings_fini(struct settings *s);

#endif
