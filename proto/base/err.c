/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    if (err == NULL) {
        return code;
    }
    err->code = code;
    va_start(ap, fmt);
    (void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    return code;
}

void err_wrap(struct err *err, const char *fmt, ...)
{
    char old[ERR_MSG_BYTES];
    va_list ap;
    int n;

    if (err == NULL) {
        return;
    }
    memcpy(old, err->msg, sizeof(old));
    va_start(ap, fmt);
    n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(err->msg)) {
        int room = (int)sizeof(err->msg) - n - 3;

        (void)snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, ": %.*s", room > 0 ? room : 0,
                       old);
    }
}

struct err_row {
    enum err_code code;
    const char *name;
    bool retry;
    const char *sentence;
};

static const struct err_row err_rows[] = {
#define ERR_CODE(code, number, name, retry, sentence) {code, name, retry, sentence},
#include "proto/base/err.def"
#undef ERR_CODE
};

static const struct err_row *err_row(unsigned number)
{
    for (size_t i = 0; i < sizeof(err_rows) / sizeof(err_rows[0]); i++) {
        if ((unsigned)err_rows[i].code == number) {
            return &err_rows[i];
        }
    }
    return &err_rows[1]; /* ERR_INTERNAL */
}

const char *err_name(enum err_code code)
{
    return err_row((unsigned)code)->name;
}

const char *err_sentence(enum err_code code)
{
    return err_row((unsigned)code)->sentence;
}

bool err_retryable(enum err_code code)
{
    return err_row((unsigned)code)->retry;
}

enum err_code err_from_number(unsigned number)
{
    return err_row(number)->code;
}
