/* SPDX-License-Identifier: Apache-2.0 */
/* Which partition a key belongs to: by its hash, or by its place among splitters, so that the
 * partitions one after another are sorted as a whole. Records of one key are in one partition.
 * Pure. */
#ifndef STEPFLEET_ITEMS_PARTITION_H
#define STEPFLEET_ITEMS_PARTITION_H

#include "proto/base/slice.h"

/* 0 .. count - 1. */
uint32_t items_partition_hash(struct slice key, uint32_t count);

/* The number of splitters that are not above `key`: 0 .. count. */
uint32_t items_partition_range(const struct slice *splitters, uint32_t count, struct slice key);

/**
 * Splitters for partitions of about as many of the samples each.
 *
 * @param samples  keys in order
 * @param[out] out partitions - 1 slices; borrowed from the samples, ascending, no two alike
 * @return how many: fewer than partitions - 1 where keys repeat
 */
uint32_t items_partition_splitters(const struct slice *samples,
                                   size_t count,
                                   uint32_t partitions,
                                   struct slice *out);

#endif
