/* SPDX-License-Identifier: Apache-2.0 */
/* The planner's look at a whole object that cannot be cut blindly: fed with its bytes from the
 * first to the last, in chunks of any size, it gives shards that begin and end exactly at records.
 * What is between two shards of a JSON array (commas, white space) belongs to neither; CSV's shards
 * follow one another without gaps. A shard has at least `shard_bytes` bytes from its first record
 * to the next shard's, but for the last one.
 *
 * Memory: 24 bytes a shard, LIMIT_JOB_PIECES of them. Pure. */
#ifndef STEPFLEET_ITEMS_SCAN_H
#define STEPFLEET_ITEMS_SCAN_H

#include "worker/items/walk.h"

struct items_shard {
    uint64_t from;    /* offset of its first byte */
    uint64_t to;      /* behind its last byte */
    uint64_t records; /* scanned: how many (CSV: empty lines count); by arithmetic: 0, not known */
};

struct items_scan {
    struct items_walk walk;
    uint64_t shard_bytes;
    uint64_t stop_at;
    bool header;             /* the next record is the header */
    bool open;               /* a shard is open: the list's last */
    uint64_t records_before; /* the open shard's first record */

    /* The result, after items_scan_finish(). */
    struct items_shard *shards; /* the scan's own */
    size_t count;
    size_t cap;
    uint64_t header_bytes; /* csv: the object's first bytes are the header, with its line break */
    uint64_t records;      /* of all shards */
};

/* @param o            settled; any format but WHOLE
 * @param shard_bytes  1 or more */
void items_scan_init(struct items_scan *s, const struct items_options *o, uint64_t shard_bytes);
void items_scan_fini(struct items_scan *s);

/* The bytes that follow those before. Errors as items_walk_feed()'s; ERR_TOO_LARGE past
 * LIMIT_JOB_PIECES. A scan that failed can only be ended with items_scan_fini(). */
enum err_code items_scan_feed(struct items_scan *s, struct slice bytes, struct err *err);

/* There are no more. No shards where there are no records ("[]", an empty CSV file); a JSON file
 * without any bytes is an error. */
enum err_code items_scan_finish(struct items_scan *s, struct err *err);

#endif
