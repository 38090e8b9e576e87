/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of one object: finding one by table, and settling those that came more than once. The
 * first keeps its place and takes the last one's value, as in Java's LinkedHashMap; linear in the
 * number of keys, few or many. */
#include "proto/base/json_tape.h"

#include "proto/base/hash.h"

enum { FEW_KEYS = 32 }; /* so many are compared one by one */

uint32_t *
json_key_slot(uint32_t *slots, size_t mask, const struct json_node *object, struct slice key)
{
    /* The seed differs from run to run, so that nobody can prepare keys that collide; what comes
     * out does not depend on it. */
    size_t i = hash_bytes(key, (uintptr_t)slots) & mask;

    while (slots[i] != 0 && !slice_eq(json_node_text(object + slots[i]), key)) {
        i = (i + 1) & mask;
    }
    return &slots[i];
}

/* The key came again: its first member takes over the later value, the later member is dead. */
static void supersede(struct json_keys *keys,
                      struct json_node *object,
                      struct json_node *first,
                      struct json_node *again)
{
    size_t run = json_run(first + 1);

    if (run == 1 && json_run(again + 1) == 1) {
        first[1] = again[1];
    } else {
        first[1] = (struct json_node){
            .type = JSON_REFERENCE,
            .len = (uint32_t)run,
            .u.shift = again - first,
        };
        keys->shifts = true;
    }
    again->flags |= JSON_DEAD;
    object->len--;
}

static void dedupe_few(struct json_keys *keys, struct json_node *object)
{
    const struct json_node *end = object + object->u.span;
    struct json_node *known[FEW_KEYS];
    size_t count = 0;
    uint64_t seen = 0; /* marks of the keys so far: most keys need no comparison */

    for (struct json_node *key = object + 1; key != end; key += 1 + json_run(key + 1)) {
        struct slice name = json_node_text(key);
        unsigned mark = name.len == 0 ? 0
                                      : (unsigned)name.len * 7 + (uint8_t)name.ptr[0] +
                                            (uint8_t)name.ptr[name.len - 1] * 5u;
        uint64_t bit = UINT64_C(1) << (mark & 63);
        size_t i = (seen & bit) != 0 ? 0 : count;

        while (i < count && !slice_eq(json_node_text(known[i]), name)) {
            i++;
        }
        if (i < count) {
            supersede(keys, object, known[i], key);
        } else {
            known[count++] = key;
            seen |= bit;
        }
    }
}

static void dedupe_many(struct json_keys *keys, struct json_node *object)
{
    const struct json_node *end = object + object->u.span;
    size_t cap = 2 * FEW_KEYS;

    while (cap < 2 * (size_t)object->len) {
        cap *= 2;
    }
    if (cap > keys->slot_cap) {
        keys->slots = arena_alloc(keys->a, cap * sizeof(*keys->slots));
        keys->slot_cap = cap;
    }
    memset(keys->slots, 0, cap * sizeof(*keys->slots));
    for (struct json_node *key = object + 1; key != end; key += 1 + json_run(key + 1)) {
        uint32_t *slot = json_key_slot(keys->slots, cap - 1, object, json_node_text(key));

        if (*slot == 0) {
            *slot = (uint32_t)(key - object);
        } else {
            supersede(keys, object, object + *slot, key);
        }
    }
}

void json_dedupe(struct json_keys *keys, struct json_node *object)
{
    if (object->len > FEW_KEYS) {
        dedupe_many(keys, object);
    } else if (object->len > 1) {
        dedupe_few(keys, object);
    }
}
