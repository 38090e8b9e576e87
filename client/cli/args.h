/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: options anywhere among the operands, `--name VALUE` or `--name=VALUE`, `-o
 * VALUE`,
 * `--` ends them, a lone `-` is an operand. Pure but for the caller's variables it fills. */
#ifndef STEPFLEET_CLI_ARGS_H
#define STEPFLEET_CLI_ARGS_H

#include "proto/base/err.h"
#include "proto/base/slice.h"

enum arg_kind { ARG_FLAG, ARG_TEXT, ARG_NUMBER, ARG_LIST };

enum { ARG_LIST_MOST = 64 };

/* The values of an option that may come several times. */
struct arg_list {
    const char *items[ARG_LIST_MOST];
    size_t count;
};

struct arg {
    const char *name; /* "--input" */
    char letter;      /* 'o' for "-o"; 0: none */
    enum arg_kind kind;
    void *out; /* bool *, const char **, uint32_t *, struct arg_list *: left alone if not given */
    uint32_t most; /* of a number; the least is 1 */
};

struct args {
    const struct arg *options;
    size_t option_count;
    const char **operands; /* room for `operands_most` */
    size_t operands_least;
    size_t operands_most;
    size_t operand_count; /* out */
};

/* ERR_USAGE with what is wrong and, for an unknown option, which one may have been meant. */
enum err_code args_parse(struct args *a, int argc, char *const *argv, struct err *err);

/* The index of the name nearest to `given`, or `count` where none is near: at most two slips (a
 * letter more, less, other, or two swapped), and fewer than half of its letters; or a beginning of
 * it. */
size_t args_nearest(struct slice given, const char *const *names, size_t count);

#endif
