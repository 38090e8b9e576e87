/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive hash table with chains; grows by doubling. The caller hashes and compares:
 *
 *     HASH_EACH_MATCH(n, &table, hash_u64(id)) { struct x *x = container_of(n, struct x, node); ...
 * }
 */
#ifndef STEPFLEET_BASE_HASH_H
#define STEPFLEET_BASE_HASH_H

#include "proto/base/list.h"
#include "proto/base/slice.h"

struct hash_node {
    struct hash_node *next;
    uint64_t hash;
};

struct hash {
    struct hash_node **buckets; /* NULL while empty */
    size_t mask;                /* buckets - 1, a power of two */
    size_t count;
};

void hash_fini(struct hash *h); /* nodes are the caller's */
void hash_insert(struct hash *h, struct hash_node *node, uint64_t hash);
/* The node must be in the table. */
void hash_remove(struct hash *h, struct hash_node *node);
/* First node of that hash, or NULL; then the next one. */
struct hash_node *hash_first(const struct hash *h, uint64_t hash);
struct hash_node *hash_next(struct hash_node *node);
/* All nodes: start with *bucket = 0 and node NULL. The node returned may be removed before the
 * next call only if its successor was asked for first. */
struct hash_node *hash_iterate(const struct hash *h, size_t *bucket, struct hash_node *node);

uint64_t hash_bytes(struct slice s, uint64_t seed);
static inline uint64_t hash_u64(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

#define HASH_EACH_MATCH(node, table, h)                                                            \
    for (struct hash_node *node = hash_first((table), (h)); node != NULL; node = hash_next(node))

#endif
