/* SPDX-License-Identifier: Apache-2.0 */
/* A secret in a file of its own: one line, readable by its owner alone, read again when the file
 * has changed, so that it is exchanged under a program that runs. One thread at a time. */
#ifndef STEPFLEET_HOST_SECRET_H
#define STEPFLEET_HOST_SECRET_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "proto/base/err.h"
#include "proto/base/limits.h"
#include "proto/base/slice.h"

struct secret_file {
    const char *path; /* borrowed; NULL: there is no secret */
    int64_t looked_ms;
    struct timespec modified;
    ino_t inode;
    size_t bytes;
    char text[LIMIT_TOKEN_BYTES];
};

/* ERR_CONFIG: it cannot be read, others can read it, or it holds no line of 1 to LIMIT_TOKEN_BYTES
 * printable characters. */
enum err_code secret_file_open(struct secret_file *s, const char *path, struct err *err);
/* What it holds now, empty where there is none. Whether the file has changed is looked at once a
 * second; one that cannot be read any more leaves what was read. */
struct slice secret_file_get(struct secret_file *s);

#endif
