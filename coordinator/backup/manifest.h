/* SPDX-License-Identifier: Apache-2.0 */
/* What a backup says of itself, in the file `manifest`, which is written last: a backup without a
 * whole one is none. Text, a line each:
 *
 *   stepfleet backup 1
 *   made 2026-11-24T08:40:00.000Z
 *   batch 4711                      the last one that was durable when it began: it has more
 *   executions 12                   that ran then
 *   file 65536 89abcdef 000012.sst  bytes, CRC-32C, name; of each file in `db`
 *   end 01234567                    CRC-32C of all lines before */
#ifndef STEPFLEET_BACKUP_MANIFEST_H
#define STEPFLEET_BACKUP_MANIFEST_H

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

struct manifest_file {
    uint64_t bytes;
    uint32_t crc;
    struct slice name; /* letters, digits, '.', '-', '_'; never a path */
};

struct manifest {
    int64_t made_ms;
    uint64_t batch;
    uint64_t executions;
    struct manifest_file *files;
    size_t count;
};

uint64_t manifest_bytes(const struct manifest *m); /* of all files */
void manifest_print(const struct manifest *m, struct buf *out);
/* Names point into `text`. ERR_CORRUPT: which line is wrong, or that its end is missing. */
enum err_code
manifest_parse(struct slice text, struct arena *a, struct manifest *out, struct err *err);

/* What a file of a database, and a backup, may be called. */
bool manifest_is_name(struct slice name);

#endif
