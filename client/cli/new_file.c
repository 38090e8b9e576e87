/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/cli.h"

static enum err_code system_fail(const struct new_file *f, struct err *err)
{
    return err_set(err, ERR_IO, "cannot write %s: %s", f->path, strerror(errno));
}

/* Under its name at last. link() takes no name that is there. */
static enum err_code put_in_place(const struct new_file *f, const char *made, struct err *err)
{
    if (f->replace) {
        return rename(made, f->path) == 0 ? OK : system_fail(f, err);
    }
    if (link(made, f->path) != 0) {
        return errno == EEXIST ? err_set(err, ERR_IN_USE, "%s is there already (--force)", f->path)
                               : system_fail(f, err);
    }
    (void)unlink(made);
    return OK;
}

enum err_code new_file_write(const struct new_file *f, struct slice bytes, struct err *err)
{
    char made[4096];
    enum err_code rc = OK;
    int fd;

    if ((size_t)snprintf(made, sizeof(made), "%s.XXXXXX", f->path) >= sizeof(made)) {
        return err_set(err, ERR_IO, "cannot write %s: the name is too long", f->path);
    }
    fd = mkstemp(made);
    if (fd < 0) {
        return system_fail(f, err);
    }
    if (fchmod(fd, f->mode) != 0) {
        rc = system_fail(f, err);
    }
    if (rc == OK) {
        rc = cli_write(fd, bytes, err);
    }
    if (rc == OK && fsync(fd) != 0) {
        rc = system_fail(f, err);
    }
    if (close(fd) != 0 && rc == OK) {
        rc = system_fail(f, err);
    }
    if (rc == OK) {
        rc = put_in_place(f, made, err);
    }
    if (rc != OK) {
        (void)unlink(made);
    }
    return rc;
}
