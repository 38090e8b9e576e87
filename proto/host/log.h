/* SPDX-License-Identifier: Apache-2.0 */
/* One line an entry on stderr: time, level, program, message, then key=value pairs, or JSON that
 * has them as members (log_text.h). The same keys everywhere: execution state task attempt lease
 * job run piece worker. Only shells log, once, where an error stops. Never a secret. Any thread.
 *
 * Where stderr is systemd's journal, an entry has its priority in front, and no time: the journal
 * has that itself. */
#ifndef STEPFLEET_HOST_LOG_H
#define STEPFLEET_HOST_LOG_H

#include <stdbool.h>

#include "proto/base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* `program` must live for ever. */
void log_init(const char *program, enum log_level least);
/* "debug", "info", "warn", "error". */
bool log_parse_level(struct slice name, enum log_level *out);
enum log_format { LOG_TEXT, LOG_JSON };
/* From now on; before it is text. */
void log_format_set(enum log_format format);
/* "text", "json". */
bool log_parse_format(struct slice name, enum log_format *out);
bool log_enabled(enum log_level level);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_enabled(LOG_DEBUG)) {                                                              \
            log_line(LOG_DEBUG, __VA_ARGS__);                                                      \
        }                                                                                          \
    } while (0)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
