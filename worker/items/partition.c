/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/partition.h"

#include <assert.h>

#include "proto/base/hash.h"

uint32_t items_partition_hash(struct slice key, uint32_t count)
{
    assert(count > 0);
    return (uint32_t)(hash_bytes(key, 0) % count);
}

uint32_t items_partition_range(const struct slice *splitters, uint32_t count, struct slice key)
{
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (slice_cmp(splitters[middle], key) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t items_partition_splitters(const struct slice *samples,
                                   size_t count,
                                   uint32_t partitions,
                                   struct slice *out)
{
    uint32_t n = 0;

    for (uint32_t i = 1; i < partitions && count != 0; i++) {
        struct slice key = samples[(uint64_t)count * i / partitions];

        /* One that is the least key would leave the partition before it empty. */
        if (slice_cmp(key, n == 0 ? samples[0] : out[n - 1]) > 0) {
            out[n++] = key;
        }
    }
    return n;
}
