/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/host/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/base/text.h"
#include "proto/host/clock.h"

enum { LOG_LINE_BYTES = 4096 };

static const char *const log_names[] =
    {[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
static const char *log_program = "stepfleet";
static enum log_level log_least = LOG_INFO;

void log_init(const char *program, enum log_level least)
{
    log_program = program;
    log_least = least;
}

bool log_parse_level(struct slice name, enum log_level *out)
{
    for (unsigned i = 0; i < sizeof(log_names) / sizeof(log_names[0]); i++) {
        if (slice_eq_str(name, log_names[i])) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return level >= log_least;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    char line[LOG_LINE_BYTES];
    char when[TEXT_TIME_BYTES];
    size_t n = text_format_time(clock_wall_ms(), when);
    int len;
    va_list ap;

    if (!log_enabled(level)) {
        return;
    }
    len = snprintf(line, sizeof(line), "%.*s %s %s ", (int)n, when, log_names[level], log_program);
    va_start(ap, fmt);
    len += vsnprintf(line + len, sizeof(line) - (size_t)len, fmt, ap);
    va_end(ap);
    if ((size_t)len > sizeof(line) - 2) {
        len = (int)sizeof(line) - 2;
    }
    for (int i = 0; i < len; i++) { /* one entry, one line, whatever a handler printed */
        if (line[i] == '\n' || line[i] == '\r') {
            line[i] = ' ';
        }
    }
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, (size_t)len) < 0) {
        return; /* nobody reads: there is nowhere to say so */
    }
}
