/* SPDX-License-Identifier: Apache-2.0 */
/* A command line to an argument vector, without a shell: blanks separate; '...' is taken as it is;
 * in
 * "..." a backslash stands before " or \; elsewhere before any character. Nothing is expanded: no
 * variables, no globs, no pipes. Splitting is pure; resolving looks at the file system. */
#ifndef STEPFLEET_WORKER_COMMAND_H
#define STEPFLEET_WORKER_COMMAND_H

#include "proto/base/arena.h"
#include "proto/base/err.h"

/* *argv ends with NULL. ERR_CONFIG: nothing in it, or a quote without its end. */
enum err_code
command_split(struct slice line, struct arena *a, char ***argv, size_t *argc, struct err *err);

/* The executable file of a name: itself where it has a '/', else the first in `path` (as PATH).
 * NULL: none. */
const char *command_resolve(const char *name, const char *path, struct arena *a);

#endif
