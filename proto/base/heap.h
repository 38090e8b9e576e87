/* SPDX-License-Identifier: Apache-2.0 */
/* Binary heap of intrusive nodes, least key first; equal keys in order of insertion. Keys are
 * milliseconds of whichever clock the owner uses. */
#ifndef STEPFLEET_BASE_HEAP_H
#define STEPFLEET_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t key;
    uint64_t order;
    size_t index; /* place + 1 in the heap; 0: not in it */
};

struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t cap;
    uint64_t next_order;
};

void heap_fini(struct heap *h); /* nodes are the caller's */
/* Insert, or move where it is in already. */
void heap_set(struct heap *h, struct heap_node *node, int64_t key);
/* Likewise, but among equal keys the least `order` first. A heap is filled by one of the two. */
void heap_set_order(struct heap *h, struct heap_node *node, int64_t key, uint64_t order);
/* Take out; nothing happens where it is not in. */
void heap_remove(struct heap *h, struct heap_node *node);
/* The least, or NULL. */
static inline struct heap_node *heap_min(const struct heap *h)
{
    return h->count != 0 ? h->nodes[0] : NULL;
}
/* Does `a` come out before `b`, of the same heap? */
static inline bool heap_before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}
static inline bool heap_has(const struct heap_node *node)
{
    return node->index != 0;
}

#endif
