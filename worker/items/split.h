/* SPDX-License-Identifier: Apache-2.0 */
/* Shards by arithmetic alone, for formats whose records end at line breaks: the bytes are divided
 * evenly wherever that falls, and who reads a shard repairs its edges (cut.h). No list is needed:
 * shard i is a function of i. Pure. */
#ifndef STEPFLEET_ITEMS_SPLIT_H
#define STEPFLEET_ITEMS_SPLIT_H

#include "worker/items/scan.h"

/* What is asked for; 0: not asked. `bytes` wins over `count`. */
struct items_wish {
    uint64_t bytes;   /* of a shard */
    uint64_t count;   /* of shards */
    uint64_t workers; /* there to run them: where neither is asked, several for each */
};

/* Bytes of a shard of `size` bytes in all, 1 or more: what is asked for, but so much that there are
 * no more than LIMIT_JOB_PIECES. */
uint64_t items_shard_bytes(uint64_t size, const struct items_wish *wish);

struct items_split {
    uint64_t begin;
    uint64_t size;  /* behind the last byte */
    uint64_t count; /* shards, 0 where there are no bytes */
};

/**
 * @param o       settled; WHOLE gives one shard
 * @param begin   the first byte that counts: a header's length (items_header_bytes)
 * @param size    the object's bytes in all
 */
struct items_split items_split(const struct items_options *o,
                               uint64_t begin,
                               uint64_t size,
                               const struct items_wish *wish);
/* @param i  0 .. count - 1 */
struct items_shard items_split_shard(const struct items_split *s, uint64_t i);

#endif
