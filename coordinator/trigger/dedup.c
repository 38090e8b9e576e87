/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/dedup.h"

#include "proto/base/arena.h"

struct entry {
    struct hash_node node;
    struct list age;
    struct dedup_key key;
    uint64_t number;
    int64_t until_ms;
};

void dedup_init(struct dedup *d)
{
    *d = (struct dedup){0};
    list_init(&d->by_age);
}

static uint64_t hash_of(struct dedup_key key)
{
    return hash_u64(key.high ^ hash_u64(key.low));
}

static void forget(struct dedup *d, struct entry *e)
{
    hash_remove(&d->by_key, &e->node);
    list_remove(&e->age);
    mem_free(e);
}

void dedup_fini(struct dedup *d)
{
    while (!list_empty(&d->by_age)) {
        forget(d, container_of(d->by_age.next, struct entry, age));
    }
    hash_fini(&d->by_key);
}

static struct entry *find(const struct dedup *d, struct dedup_key key)
{
    HASH_EACH_MATCH(n, &d->by_key, hash_of(key))
    {
        struct entry *e = container_of(n, struct entry, node);

        if (e->key.high == key.high && e->key.low == key.low) {
            return e;
        }
    }
    return NULL;
}

bool dedup_find(const struct dedup *d, struct dedup_key key, int64_t now_ms, uint64_t *number)
{
    const struct entry *e = find(d, key);

    if (e == NULL || e->until_ms <= now_ms) {
        return false;
    }
    *number = e->number;
    return true;
}

void dedup_put(struct dedup *d, struct dedup_key key, uint64_t number, int64_t until_ms)
{
    struct entry *old = find(d, key);
    struct entry *e = mem_zalloc(1, sizeof(*e));

    if (old != NULL) {
        forget(d, old);
    }
    e->key = key;
    e->number = number;
    e->until_ms = until_ms;
    hash_insert(&d->by_key, &e->node, hash_of(key));
    list_push_back(&d->by_age, &e->age);
}

void dedup_turn(struct dedup *d, int64_t now_ms)
{
    while (!list_empty(&d->by_age)) {
        struct entry *e = container_of(d->by_age.next, struct entry, age);

        if (e->until_ms > now_ms) {
            return;
        }
        forget(d, e);
    }
}
