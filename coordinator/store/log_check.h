/* SPDX-License-Identifier: Apache-2.0 */
/* A look at RocksDB's logs before RocksDB sees them, because opening is not undone: what recovery
 * leaves out is gone afterwards. One writer syncs each batch before the next begins, so a crash can
 * tear the last batch alone. Damage with a whole batch behind it was synced once, and is refused; a
 * torn end was never acknowledged, unless what is known beside the log says otherwise, and is cut
 * off, so that RocksDB can be told to take nothing but whole logs.
 * Source: RocksDB's log format (blocks of 32 KiB, records of crc32c, length, type). */
#ifndef STEPFLEET_STORE_LOG_CHECK_H
#define STEPFLEET_STORE_LOG_CHECK_H

#include "proto/base/err.h"
#include "proto/base/slice.h"

struct log_found {
    bool any;       /* a whole batch is in the logs */
    uint64_t first; /* its number, of the first */
    uint64_t last;  /* of the last one */
    uint64_t cut;   /* bytes of a torn end, cut off */
};

/* Walk all logs of `dir`. `synced`: number of the last batch known to be acknowledged; a torn end
 * is not cut off where that one is missing. ERR_CORRUPT, ERR_IO. */
enum err_code log_check(const char *dir, uint64_t synced, struct log_found *out, struct err *err);

#endif
