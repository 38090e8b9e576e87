/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/heap.h"

#include <assert.h>

#include "proto/base/arena.h"

void heap_fini(struct heap *h)
{
    mem_free(h->nodes);
    *h = (struct heap){0};
}

static void heap_place(struct heap *h, size_t i, struct heap_node *node)
{
    h->nodes[i] = node;
    node->index = i + 1;
}

static void heap_up(struct heap *h, size_t i, struct heap_node *node)
{
    while (i > 0 && heap_before(node, h->nodes[(i - 1) / 2])) {
        heap_place(h, i, h->nodes[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_place(h, i, node);
}

static void heap_down(struct heap *h, size_t i, struct heap_node *node)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < h->count && heap_before(h->nodes[child + 1], h->nodes[child])) {
            child++;
        }
        if (child >= h->count || !heap_before(h->nodes[child], node)) {
            break;
        }
        heap_place(h, i, h->nodes[child]);
        i = child;
    }
    heap_place(h, i, node);
}

void heap_set(struct heap *h, struct heap_node *node, int64_t key)
{
    heap_set_order(h, node, key, h->next_order++);
}

void heap_set_order(struct heap *h, struct heap_node *node, int64_t key, uint64_t order)
{
    heap_remove(h, node);
    if (h->count == h->cap) {
        h->cap = h->cap != 0 ? h->cap * 2 : 64;
        h->nodes = mem_realloc(h->nodes, h->cap * sizeof(struct heap_node *));
    }
    node->key = key;
    node->order = order;
    heap_up(h, h->count++, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    size_t i = node->index;
    struct heap_node *last;

    if (i == 0) {
        return;
    }
    i--;
    assert(h->nodes[i] == node);
    node->index = 0;
    last = h->nodes[--h->count];
    if (last == node) {
        return;
    }
    if (i > 0 && heap_before(last, h->nodes[(i - 1) / 2])) {
        heap_up(h, i, last);
    } else {
        heap_down(h, i, last);
    }
}
