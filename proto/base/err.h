/* SPDX-License-Identifier: Apache-2.0 */
/* The one error type: a code and a sentence that says what was wrong, where, and what to do.
 * Errors are ours; a workflow's own failures (States.Timeout) are data and live in the engine.
 * Functions return the code and fill `struct err` beside it; on an error their outputs are
 * untouched. */
#ifndef STEPFLEET_BASE_ERR_H
#define STEPFLEET_BASE_ERR_H

#include <stdbool.h>

enum err_code {
#define ERR_CODE(code, number, name, retry, sentence) code = number,
#include "proto/base/err.def"
#undef ERR_CODE
};

enum { ERR_MSG_BYTES = 1024 };

struct err {
    enum err_code code;
    char msg[ERR_MSG_BYTES];
};

/* Set code and message; returns `code`, so that `return err_set(...)` reads well. `err` may be
 * NULL. */
enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "context: " before the message there is. */
void err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *err_name(enum err_code code);     /* public name, "InvalidArn" */
const char *err_sentence(enum err_code code); /* what it means in general */
bool err_retryable(enum err_code code);
/* The code of a number from the wire; ERR_INTERNAL where it is not ours. */
enum err_code err_from_number(unsigned number);

#endif
