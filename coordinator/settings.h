/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's configuration: file, then command line, checked whole before anything begins.
 * deploy/coordinator.conf explains each key. */
#ifndef STEPFLEET_COORDINATOR_SETTINGS_H
#define STEPFLEET_COORDINATOR_SETTINGS_H

#include "coordinator/shell.h"
#include "proto/host/config.h"
#include "proto/host/log.h"

/* What the command line says; NULL and false where it does not. */
struct settings_line {
    const char *data;
    const char *listen;
    const char *http;
    const char *objects;
    const char *execution_logs;
    const char *log;
    int ready_fd;
    bool open;
    bool accept_loss;
};

struct log_settings {
    enum log_level level;
    enum log_format format;
};

/**
 * @param file      loaded, or empty; what is made of it points into it, into `line` and into `a`
 * @param[out] log  is set before anything else is read, so that what follows can be logged
 * @return OK; ERR_CONFIG and the like: which key has which value, and what was expected
 */
enum err_code settings_read_log(const struct settings_line *line,
                                struct config *file,
                                struct log_settings *log,
                                struct err *err);
enum err_code settings_read(const struct settings_line *line,
                            struct config *file,
                            struct arena *a,
                            struct shell_config *out,
                            struct err *err);

#endif
