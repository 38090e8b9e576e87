/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/host/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/text.h"
#include "proto/host/clock.h"
#include "proto/host/log_text.h"

static const char *const log_names[] =
    {[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
static const char *log_program = "stepfleet";
static enum log_level log_least = LOG_INFO;
static enum log_format log_as = LOG_TEXT;
static bool log_journal;

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

/* systemd says in JOURNAL_STREAM which file its journal reads; is it stderr? */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device;
    unsigned long long inode;
    struct stat s;

    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &s) == 0 && s.st_dev == device && s.st_ino == inode;
}

void log_format_set(enum log_format format)
{
    log_as = format;
    log_journal = is_journal();
}

bool log_parse_format(struct slice name, enum log_format *out)
{
    if (!slice_eq_str(name, "text") && !slice_eq_str(name, "json")) {
        return false;
    }
    *out = slice_eq_str(name, "json") ? LOG_JSON : LOG_TEXT;
    return true;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    /* As sd-daemon(3) has them. */
    static const char *const priorities[] = {
        [LOG_DEBUG] = "<7>", [LOG_INFO] = "<6>", [LOG_WARN] = "<4>", [LOG_ERROR] = "<3>"};
    char line[LOG_LINE_BYTES];
    char when[TEXT_TIME_BYTES + 1];
    struct log_head head = {.prefix = "", .level = log_names[level], .program = log_program};
    size_t len;
    va_list ap;

    if (!log_enabled(level)) {
        return;
    }
    if (log_journal) {
        head.prefix = priorities[level];
    } else {
        when[text_format_time(clock_wall_ms(), when)] = '\0';
        head.time = when;
    }
    va_start(ap, fmt);
    len = log_as == LOG_JSON ? log_json(line, &head, fmt, ap) : log_text(line, &head, fmt, ap);
    va_end(ap);
    if (write(STDERR_FILENO, line, len) < 0) {
        return; /* nobody reads: there is nowhere to say so */
    }
}
