/* SPDX-License-Identifier: Apache-2.0 */
/* Files with keys and secrets: made whole or not at all, under their mode from the first byte, and
 * never over one that is there unless that is asked for. */
#ifndef STEPFLEET_CLI_NEW_FILE_H
#define STEPFLEET_CLI_NEW_FILE_H

#include <sys/types.h>

#include "proto/base/err.h"
#include "proto/base/slice.h"

struct new_file {
    const char *path;
    mode_t mode;  /* exactly, whatever the umask says */
    bool replace; /* one that is there: whoever reads it sees the old or the new */
};

/* ERR_IN_USE: there is one; ERR_IO. */
enum err_code new_file_write(const struct new_file *f, struct slice bytes, struct err *err);

#endif
