/* SPDX-License-Identifier: Apache-2.0 */
/* An entry of the log as text or as JSON. What stands as `key=%...` in the format is a field; so
 * a value, whatever a handler printed, never becomes a field by itself. Pure.
 *
 *   text  lease lost: worker=w1 execution=arn:... cause="a b"
 *   JSON  {"level":"warn","program":"worker","worker":"w1","execution":"arn:...","cause":"a b",
 *          "text":"lease lost"} */
#ifndef STEPFLEET_HOST_LOG_TEXT_H
#define STEPFLEET_HOST_LOG_TEXT_H

#include <stdarg.h>

#include "proto/base/slice.h"

enum { LOG_LINE_BYTES = 4096 };

struct log_head {
    const char *prefix; /* stands before all; may be empty */
    const char *time;   /* NULL: who reads it has its own */
    const char *level;
    const char *program;
};

/* One line with its line break, at most LOG_LINE_BYTES: what is longer is cut, and is valid JSON
 * all the same. Of printf's conversions: s, c, d, u, x, with lengths; of flags none, of precision
 * that of s. */
size_t log_text(char out[LOG_LINE_BYTES], const struct log_head *head, const char *fmt, va_list ap);
size_t log_json(char out[LOG_LINE_BYTES], const struct log_head *head, const char *fmt, va_list ap);

#endif
