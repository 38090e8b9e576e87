/* SPDX-License-Identifier: Apache-2.0 */
/* DIR/synced: what was synced, known beside the log. It holds the number of the last batch, and how
 * long RocksDB's MANIFEST was when last looked at, and is written after every synced batch: after a
 * crash of the process it is exact. It is synced itself at most once a second, so after a loss of
 * power it may be behind, never ahead. Open, it is also the lock on the directory.
 *
 *   "SFSYNC01" (the digits: the database's format), number, manifest's number, manifest's bytes
 * (u64 LE each), crc32c of all that (u32 LE) */
#ifndef STEPFLEET_STORE_SYNCED_H
#define STEPFLEET_STORE_SYNCED_H

#include "proto/base/err.h"
#include "proto/base/slice.h"

struct synced {
    int fd;
    char *dir;
    uint64_t number;         /* of the last batch acknowledged */
    uint64_t manifest;       /* RocksDB's MANIFEST in use; 0: not known yet */
    uint64_t manifest_bytes; /* of it, on disk for certain */
    int64_t synced_ms;       /* monotonic: when this file was synced last */
};

/**
 * Open or create, and lock. It is created only in a directory without a database.
 *
 * @param accept_loss  create it beside a database too, take a damaged one for none
 * @return OK; ERR_IN_USE; ERR_CORRUPT (missing or damaged); ERR_IO; ERR_NO_SPACE
 */
enum err_code synced_open(const char *dir, bool accept_loss, struct synced *s, struct err *err);
/**
 * To look alone: nothing is made or written, and the lock, where there is the file, keeps every
 * coordinator out meanwhile. Without the file (a backup has none) nothing is known: number 0.
 *
 * @return OK; ERR_IN_USE; ERR_CORRUPT; ERR_IO
 */
enum err_code synced_open_to_look(const char *dir, struct synced *s, struct err *err);
/* Is the MANIFEST at least what it was? */
enum err_code synced_check(const struct synced *s, struct err *err);
/* A batch was synced. */
enum err_code synced_note(struct synced *s, uint64_t number, struct err *err);
/* Write all that is known, and sync. */
enum err_code synced_flush(struct synced *s, struct err *err);
void synced_close(struct synced *s);

#endif
