/* SPDX-License-Identifier: Apache-2.0 */
/* Room on the file system the database is on. Where no more than a reserve is left nothing new is
 * taken on (access/role.def says what is new), so that what runs can end, and what has ended can
 * go; a database that cannot be written ends its coordinator. */
#ifndef STEPFLEET_COORDINATOR_DISK_H
#define STEPFLEET_COORDINATOR_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/err.h"

/* The lesser of the two. */
struct disk_reserve {
    uint64_t bytes;
    unsigned percent; /* of the file system, up to 100 */
};

struct disk {
    uint64_t free_bytes; /* that the coordinator may use */
    uint64_t size_bytes; /* 0: not known, and it is not short */
    uint64_t reserve_bytes;
    bool is_short; /* from below the reserve until an eighth of it more is free */
};

/* What follows from these figures; true: `is_short` has changed. Pure. */
bool disk_judge(struct disk *d,
                const struct disk_reserve *reserve,
                uint64_t free_bytes,
                uint64_t size_bytes);
/* The same by those of the file system `path` is on; where it does not say nothing changes. */
bool disk_look(struct disk *d, const struct disk_reserve *reserve, const char *path);

/* "N", "N KiB", "N MiB", "N GiB" or "N%". NULL: the default, the lesser of LIMIT_DISK_PERCENT and
 * LIMIT_DISK_RESERVE_BYTES. ERR_CONFIG. */
enum err_code disk_reserve_parse(const char *text, struct disk_reserve *out, struct err *err);

#endif
