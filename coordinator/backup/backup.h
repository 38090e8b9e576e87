/* SPDX-License-Identifier: Apache-2.0 */
/* Backups of a running coordinator's database, and the way back.
 *
 *   ROOT/.NAME.partial/db   copy --> sums, synced --> manifest, synced --> ROOT/NAME
 *
 * A crash leaves a partial one, which the next backup of any name removes. Restored is into a
 * directory that is empty, and a file `restoring` in it says that it is not whole yet; at the end
 * `restored` tells what it is of. Blocks: for the pool's threads and for programs that do nothing
 * else. */
#ifndef STEPFLEET_BACKUP_BACKUP_H
#define STEPFLEET_BACKUP_BACKUP_H

#include "coordinator/backup/files.h"
#include "coordinator/store/store.h"
#include "proto/base/limits.h"

/**
 * @param root        a directory; only this program's writes there
 * @param name        manifest_is_name()
 * @param now_ms      when it is made, wall clock
 * @param executions  that run
 * @return OK; ERR_CONFLICT (there is one of that name); ERR_CANCELLED; ERR_IO, ERR_NO_SPACE;
 * as store_copy()
 */
enum err_code backup_make(struct store *store,
                          const char *root,
                          const char *name,
                          int64_t now_ms,
                          uint64_t executions,
                          struct file_progress *progress,
                          struct err *err);

/* There is one of that name. */
bool backup_exists(const char *root, const char *name);

struct backup_found {
    struct slice name;
    struct manifest manifest;
    struct err damage; /* its code is OK where the manifest can be read */
};
/* Those that are whole by their names, by name; LIMIT_BACKUPS at most. ERR_IO. */
enum err_code backup_list(const char *root,
                          struct arena *a,
                          struct backup_found **out,
                          size_t *count,
                          struct err *err);

/* What a database was restored from. */
struct backup_origin {
    char name[LIMIT_BACKUP_NAME_BYTES + 1]; /* "": it was not */
    int64_t made_ms;
    int64_t restored_ms;
    uint64_t executions; /* that ran when the backup was made */
};

/**
 * The backup in the directory `from` becomes the database in `data`, which is made where it is
 * missing. Every file is held against its sum on the way.
 *
 * @return OK; ERR_CORRUPT (with the file's name); ERR_CONFLICT (`data` is not empty); ERR_IO
 */
enum err_code backup_restore(const char *from,
                             const char *data,
                             int64_t now_ms,
                             struct backup_origin *out,
                             struct err *err);
/* Of the database in `data`. ERR_CORRUPT: what says it cannot be read. */
enum err_code backup_origin(const char *data, struct backup_origin *out, struct err *err);

#endif
