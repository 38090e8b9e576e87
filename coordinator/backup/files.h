/* SPDX-License-Identifier: Apache-2.0 */
/* Files and directories as backups need them: whole, synced, or an error with the path in it.
 * Paths live in the caller's arena. */
#ifndef STEPFLEET_BACKUP_FILES_H
#define STEPFLEET_BACKUP_FILES_H

#include <stdatomic.h>
#include <stdbool.h>

#include "coordinator/backup/manifest.h"

/* Of long work: written by whoever does it, but for `stop`, which ends it. */
struct file_progress {
    _Atomic uint64_t bytes;
    _Atomic uint64_t of_bytes; /* 0: not known yet */
    _Atomic bool stop;
};

/* From errno. ERR_NO_SPACE, ERR_IO. */
enum err_code files_error(const char *what, const char *path, struct err *err);

const char *path_of(const char *directory, struct slice name, struct arena *a);
bool path_exists(const char *path);

struct file_entry {
    struct slice name;
    uint64_t bytes;
};
struct file_list {
    struct file_entry *files;
    size_t count;
};
/* All but "." and "..", in no order. */
enum err_code
files_list(const char *directory, struct arena *a, struct file_list *out, struct err *err);
/* A file, or a directory with what is in it. */
enum err_code files_remove(const char *path, struct arena *a, struct err *err);

/* 0700; one that is there is fine. */
enum err_code directory_make(const char *path, struct err *err);
enum err_code directory_sync(const char *path, struct err *err);

/* A new file of these bytes, 0600, synced. */
enum err_code file_put(const char *path, struct slice bytes, struct err *err);
/* ERR_CORRUPT: it is longer, or not there. */
enum err_code
file_get(const char *path, size_t most, struct arena *a, struct slice *out, struct err *err);
/* Its length and sum into *out, and have it synced. ERR_CANCELLED: it was stopped. */
enum err_code file_sum(const char *path,
                       struct manifest_file *out,
                       struct file_progress *progress,
                       struct err *err);
/* A new file, synced. ERR_CORRUPT: what was copied is not what `f` says. */
enum err_code
file_copy(const char *from, const char *to, const struct manifest_file *f, struct err *err);

#endif
