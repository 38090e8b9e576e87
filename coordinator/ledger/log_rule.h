/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine's loggingConfiguration asks for: which history events are written as log records,
 * with or without data, and to which log group. Pure. Source: AWS Step Functions API Reference,
 * LoggingConfiguration; CloudWatch Logs, names of log groups. */
#ifndef STEPFLEET_LEDGER_LOG_RULE_H
#define STEPFLEET_LEDGER_LOG_RULE_H

#include "coordinator/engine/engine.h"
#include "proto/base/arena.h"
#include "proto/base/err.h"

enum log_rule_level {
    LOG_RULE_OFF,
    LOG_RULE_FATAL, /* executions that did not succeed */
    LOG_RULE_ERROR, /* and whatever else failed */
    LOG_RULE_ALL,
};

struct log_rule {
    enum log_rule_level level;
    bool with_data;
    struct slice group; /* name of the log group; empty where the level is OFF */
};

/* Of a configuration's JSON text; empty: OFF. `group` is in `a`. ERR_LOGGING and ERR_VALIDATION, in
 * AWS's words. */
enum err_code
log_rule_read(struct slice configuration, struct arena *a, struct log_rule *out, struct err *err);
bool log_rule_wants(enum log_rule_level level, enum history_type type);

#endif
