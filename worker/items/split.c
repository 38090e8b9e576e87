/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/split.h"

#include <assert.h>

enum {
    SPLIT_BYTES_MIN = 8 * 1024 * 1024,   /* below, a task costs more than its bytes */
    SPLIT_BYTES_MAX = 256 * 1024 * 1024, /* above, a lost worker costs too much */
    SPLIT_A_WORKER = 4,                  /* so that the last shards find idle workers */
};

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

uint64_t items_shard_bytes(uint64_t size, const struct items_wish *wish)
{
    uint64_t least = ceil_div(size, LIMIT_JOB_PIECES);
    uint64_t bytes = wish->bytes;

    if (bytes == 0 && wish->count != 0) {
        bytes = ceil_div(size, wish->count);
    } else if (bytes == 0) {
        uint64_t workers = wish->workers != 0 ? wish->workers : 1;

        bytes = ceil_div(size, workers) / SPLIT_A_WORKER;
        bytes = bytes < SPLIT_BYTES_MIN ? SPLIT_BYTES_MIN : bytes;
        bytes = bytes > SPLIT_BYTES_MAX ? SPLIT_BYTES_MAX : bytes;
    }
    bytes = bytes < least ? least : bytes;
    return bytes != 0 ? bytes : 1;
}

struct items_split items_split(const struct items_options *o,
                               uint64_t begin,
                               uint64_t size,
                               const struct items_wish *wish)
{
    struct items_split s = {begin, size, 0};

    assert(begin <= size && !items_needs_scan(o));
    if (o->format == ITEMS_WHOLE) {
        s.count = size > begin;
    } else {
        s.count = ceil_div(size - begin, items_shard_bytes(size - begin, wish));
    }
    return s;
}

/* i of count parts: the first (bytes % count) ones are a byte larger. */
static uint64_t split_edge(const struct items_split *s, uint64_t i)
{
    uint64_t each = (s->size - s->begin) / s->count;
    uint64_t larger = (s->size - s->begin) % s->count;

    return s->begin + each * i + (i < larger ? i : larger);
}

struct items_shard items_split_shard(const struct items_split *s, uint64_t i)
{
    assert(i < s->count);
    return (struct items_shard){.from = split_edge(s, i), .to = split_edge(s, i + 1)};
}
