/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/hash.h"

#include <assert.h>

#include "proto/base/arena.h"

enum { HASH_BUCKETS_MIN = 64 };

void hash_fini(struct hash *h)
{
    mem_free(h->buckets);
    *h = (struct hash){0};
}

static void hash_grow(struct hash *h)
{
    size_t count = h->buckets != NULL ? (h->mask + 1) * 2 : HASH_BUCKETS_MIN;
    struct hash_node **buckets = mem_zalloc(count, sizeof(*buckets));

    for (size_t i = 0; h->buckets != NULL && i <= h->mask; i++) {
        struct hash_node *next;

        for (struct hash_node *n = h->buckets[i]; n != NULL; n = next) {
            next = n->next;
            n->next = buckets[n->hash & (count - 1)];
            buckets[n->hash & (count - 1)] = n;
        }
    }
    mem_free(h->buckets);
    h->buckets = buckets;
    h->mask = count - 1;
}

void hash_insert(struct hash *h, struct hash_node *node, uint64_t hash)
{
    if (h->buckets == NULL || h->count > h->mask) {
        hash_grow(h);
    }
    node->hash = hash;
    node->next = h->buckets[hash & h->mask];
    h->buckets[hash & h->mask] = node;
    h->count++;
}

void hash_remove(struct hash *h, struct hash_node *node)
{
    struct hash_node **link = &h->buckets[node->hash & h->mask];

    while (*link != node) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    h->count--;
}

static struct hash_node *hash_same(struct hash_node *n, uint64_t hash)
{
    while (n != NULL && n->hash != hash) {
        n = n->next;
    }
    return n;
}

struct hash_node *hash_first(const struct hash *h, uint64_t hash)
{
    return h->buckets == NULL ? NULL : hash_same(h->buckets[hash & h->mask], hash);
}

struct hash_node *hash_next(struct hash_node *node)
{
    return hash_same(node->next, node->hash);
}

struct hash_node *hash_iterate(const struct hash *h, size_t *bucket, struct hash_node *node)
{
    if (node != NULL && node->next != NULL) {
        return node->next;
    }
    while (h->buckets != NULL && *bucket <= h->mask) {
        struct hash_node *n = h->buckets[(*bucket)++];

        if (n != NULL) {
            return n;
        }
    }
    return NULL;
}

uint64_t hash_bytes(struct slice s, uint64_t seed)
{
    uint64_t h = seed ^ 0xcbf29ce484222325u;

    while (s.len >= 8) {
        uint64_t word;

        memcpy(&word, s.ptr, 8);
        h = hash_u64(h ^ word);
        s = slice_from(s, 8);
    }
    for (size_t i = 0; i < s.len; i++) {
        h = (h ^ (uint8_t)s.ptr[i]) * 0x100000001b3u;
    }
    return hash_u64(h);
}
