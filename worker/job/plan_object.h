/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: what PLAN's piece found out, as an object that the pieces after it read a few bytes of.
 * The coordinator never sees it. Pure.
 *
 *   head    64 bytes: "SFPLAN01", format u8, delimiter u8, header u8, quoted breaks u8, shards u32,
 *           partitions u32, objects u32, splitters at u64, splitters bytes u64, 16 zeros, sum u64
 *   shards  one row of 56 bytes each: from u64, to u64, records u64, object at u64, object bytes
 *           u32, number of the object u32, zero u64, sum u64. Shard i's is at 64 + 56 * i
 *   objects what a shard's row points to: size u64, packing u8, key, ETag and CSV header (each
 *           with its length before it, a varint), sum u64
 *   splitters  of a sort: keys with their lengths before them, then sum u64
 *
 * Integers are little-endian. A sum is hash_bytes() of what is before it in its part, with the
 * part's place in the plan as seed, so that bytes of another place are found too. */
#ifndef STEPFLEET_JOB_PLAN_OBJECT_H
#define STEPFLEET_JOB_PLAN_OBJECT_H

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "worker/items/scan.h"

enum {
    PLAN_HEAD_BYTES = 64,
    PLAN_SHARD_BYTES = 56,
};

enum plan_packing { PLAN_PLAIN, PLAN_GZIP, PLAN_ZSTD };

struct plan_head {
    struct items_options options; /* of the input; settled */
    uint32_t shards;
    uint32_t partitions;
    uint32_t objects;
    uint64_t splitters_at;
    uint64_t splitters_bytes; /* 0: there are none */
};

struct plan_object {
    struct slice key;
    struct slice etag;
    struct slice header; /* csv, with its line break */
    uint64_t size;
    enum plan_packing packing;
};

struct plan_shard {
    struct items_shard at;
    uint32_t object;       /* its number */
    uint64_t object_at;    /* the object's entry in the plan */
    uint32_t object_bytes; /* of the entry */
};

/* Where the row of shard i is. */
static inline uint64_t plan_shard_at(uint32_t i)
{
    return PLAN_HEAD_BYTES + (uint64_t)PLAN_SHARD_BYTES * i;
}

/**
 * Append the whole plan.
 *
 * @param head       splitters_at and splitters_bytes are the result's own
 * @param shards     head->shards of them; object_at and object_bytes are filled in
 * @param splitters  head->partitions - 1 or fewer, ascending
 */
void plan_encode(struct plan_head *head,
                 const struct plan_object *objects,
                 struct plan_shard *shards,
                 const struct slice *splitters,
                 size_t splitter_count,
                 struct buf *out);

/* Of the plan's first PLAN_HEAD_BYTES, and so on; slices borrow from the bytes. ERR_CORRUPT,
 * ERR_INTEGRITY. */
enum err_code plan_head_decode(struct slice bytes, struct plan_head *out, struct err *err);
/* @param i  the shard whose row it is */
enum err_code
plan_shard_decode(struct slice bytes, uint32_t i, struct plan_shard *out, struct err *err);
/* @param at  where the entry is in the plan */
enum err_code
plan_object_decode(struct slice bytes, uint64_t at, struct plan_object *out, struct err *err);
/* @param[out] out  room for `most` */
enum err_code plan_splitters_decode(struct slice bytes,
                                    uint64_t at,
                                    struct slice *out,
                                    size_t most,
                                    size_t *count,
                                    struct err *err);

#endif
