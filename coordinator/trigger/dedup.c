/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/dedup.h"

#include "coordinator/asl/digest.h"
#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/text.h"

enum { SHA256_BYTES = 32 };

struct entry {
    struct hash_node node;
    struct list age;
    struct dedup_key key;
    uint64_t number;
    int64_t until_ms;
};

static struct slice sha256(struct slice s, struct arena *a)
{
    uint8_t *digest = arena_alloc(a, DIGEST_BYTES_MAX);

    (void)digest_compute(SLICE("SHA-256"), s, digest);
    return slice_make(digest, SHA256_BYTES);
}

struct slice dedup_content_id(struct slice body, struct arena *a)
{
    char *hex = arena_alloc(a, 2 * (size_t)SHA256_BYTES);

    text_format_hex(sha256(body, a).ptr, SHA256_BYTES, hex);
    return slice_make(hex, 2 * (size_t)SHA256_BYTES);
}

struct dedup_key dedup_key_of(struct slice id, const struct slice *group, struct arena *a)
{
    struct slice text =
        group == NULL ? id : arena_printf(a, "%.*s %.*s", SLICE_FMT(*group), SLICE_FMT(id));
    struct cursor c = cursor_make(sha256(text, a));
    struct dedup_key key = {.high = cursor_u64be(&c)};

    key.low = cursor_u64be(&c);
    return key;
}

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
