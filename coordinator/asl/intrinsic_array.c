/* SPDX-License-Identifier: Apache-2.0 */
/* The intrinsic functions over arrays. Elements are shared with the arrays they come from. */
#include "coordinator/asl/intrinsic.h"
#include "coordinator/asl/intrinsic_java.h"
#include "coordinator/asl/intrinsic_number.h"
#include "proto/base/hash.h"

enum { RANGE_ELEMENTS_MAX = 1000 }; /* AWS's */

bool intrinsic_array(const struct intrinsic_call *c, const struct json_node **out)
{
    struct json_builder b = json_build_array(c->a);

    for (size_t i = 0; i < c->count; i++) {
        json_push(&b, c->arguments[i]);
    }
    *out = json_built(&b);
    return true;
}

bool intrinsic_array_partition(const struct intrinsic_call *c, const struct json_node **out)
{
    const struct json_node *array = c->arguments[0];
    struct json_builder chunks = json_build_array(c->a);
    int64_t size;

    if (!json_is(array, JSON_ARRAY) || !intrinsic_integer(c, 1, &size) || size <= 0) {
        return false;
    }
    for (const struct json_node *e = json_first(array); e != NULL;) {
        struct json_builder chunk = json_build_array(c->a);

        for (int64_t i = 0; i < size && e != NULL; i++, e = json_next(array, e)) {
            json_push(&chunk, e);
        }
        json_push(&chunks, json_built(&chunk));
    }
    *out = json_built(&chunks);
    return true;
}

/* AWS compares what the values print as: true is found among ["true"], and an object only with its
 * members in the same order. */
bool intrinsic_array_contains(const struct intrinsic_call *c, const struct json_node **out)
{
    struct buf text = {0};
    bool found = false;
    size_t len;

    if (!json_is(c->arguments[0], JSON_ARRAY)) {
        return false;
    }
    java_write(c->arguments[1], &text);
    len = text.len;
    for (const struct json_node *e = json_first(c->arguments[0]); e != NULL && !found;
         e = json_next(c->arguments[0], e)) {
        text.len = len;
        java_write(e, &text);
        found = slice_eq(slice_head(buf_slice(&text), len), slice_from(buf_slice(&text), len));
    }
    buf_fini(&text);
    *out = json_bool(found);
    return true;
}

bool intrinsic_array_range(const struct intrinsic_call *c, const struct json_node **out)
{
    struct json_builder b = json_build_array(c->a);
    int64_t first;
    int64_t last;
    int64_t step;

    if (!intrinsic_integer(c, 0, &first) || !intrinsic_integer(c, 1, &last) ||
        !intrinsic_integer(c, 2, &step) || step == 0 ||
        (last - first) / step >= RANGE_ELEMENTS_MAX) {
        return false;
    }
    for (int64_t i = first; step > 0 ? i <= last : i >= last; i += step) {
        json_push(&b, json_integer(c->a, i));
    }
    *out = json_built(&b);
    return true;
}

/* Of an empty array AWS gives null whatever the index. */
bool intrinsic_array_get_item(const struct intrinsic_call *c, const struct json_node **out)
{
    size_t count = json_count(c->arguments[0]);
    int64_t index;

    if (!json_is(c->arguments[0], JSON_ARRAY) || !intrinsic_integer(c, 1, &index) ||
        (count > 0 && (index < 0 || index >= (int64_t)count))) {
        return false;
    }
    *out = count == 0 ? json_null() : json_element(c->arguments[0], (size_t)index);
    return true;
}

bool intrinsic_array_length(const struct intrinsic_call *c, const struct json_node **out)
{
    if (!json_is(c->arguments[0], JSON_ARRAY)) {
        return false;
    }
    *out = json_integer(c->a, (int64_t)json_count(c->arguments[0]));
    return true;
}

/* Values that are java_equal hash alike: numbers by value, members in any order. 64 bits, so that
 * what is made to collide in Java's 32 does not collide here. */
static uint64_t value_hash(const struct json_node *v)
{
    enum json_type type = json_type(v);
    uint64_t hash = hash_u64((uint64_t)type + 1);
    double number = 0;

    if (type == JSON_STRING) {
        return hash_bytes(json_text(v), hash);
    }
    if (json_double(v, &number)) {
        number += 0.0; /* -0 is 0 */
        return hash_bytes(slice_make(&number, sizeof(number)), hash);
    }
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        hash = type == JSON_ARRAY ? hash_u64(hash ^ value_hash(e))
                                  : hash + hash_u64(hash_bytes(json_key(v, e), 0) ^ value_hash(e));
    }
    return hash;
}

/* Open addressing over the elements kept; a slot holds the element and its hash. */
struct seen {
    const struct json_node *value;
    uint64_t hash;
};

static bool seen_add(struct seen *table, size_t mask, const struct json_node *v)
{
    uint64_t hash = value_hash(v);
    size_t i = (size_t)hash & mask;

    for (; table[i].value != NULL; i = (i + 1) & mask) {
        if (table[i].hash == hash && java_equal(table[i].value, v)) {
            return false;
        }
    }
    table[i] = (struct seen){v, hash};
    return true;
}

/* The first of equal elements, in their order; how many. */
static size_t
keep_first(const struct json_node *array, struct arena *a, const struct json_node **kept)
{
    size_t slots = 2;
    size_t count = 0;
    struct seen *table;

    while (slots < 2 * json_count(array)) {
        slots *= 2;
    }
    table = ARENA_ARRAY(a, slots, struct seen);
    for (const struct json_node *e = json_first(array); e != NULL; e = json_next(array, e)) {
        if (seen_add(table, slots - 1, e)) {
            kept[count++] = e;
        }
    }
    return count;
}

/* What java.util.HashMap makes of `given` elements: a power of two, at most three quarters full. */
static size_t java_buckets(size_t given)
{
    size_t buckets = 16;

    while (buckets < given / 3 * 4 + given % 3 * 4 / 3 + 1) {
        buckets *= 2;
    }
    return buckets;
}

/* AWS hands out the elements of a HashSet: bucket by bucket. A counting sort by bucket. */
bool intrinsic_array_unique(const struct intrinsic_call *c, const struct json_node **out)
{
    const struct json_node *array = c->arguments[0];
    size_t buckets = java_buckets(json_count(array));
    struct json_builder b = json_build_array(c->a);
    const struct json_node **kept;
    const struct json_node **sorted;
    size_t *starts;
    uint32_t *at;
    size_t count;

    if (!json_is(array, JSON_ARRAY)) {
        return false;
    }
    kept = ARENA_ARRAY(c->a, json_count(array), const struct json_node *);
    count = keep_first(array, c->a, kept);
    sorted = ARENA_ARRAY(c->a, count, const struct json_node *);
    starts = ARENA_ARRAY(c->a, buckets + 1, size_t);
    at = ARENA_ARRAY(c->a, count, uint32_t);
    for (size_t i = 0; i < count; i++) {
        uint32_t hash = java_hash(kept[i]);

        at[i] = (hash ^ hash >> 16) & (uint32_t)(buckets - 1);
        starts[at[i] + 1]++;
    }
    for (size_t i = 0; i < buckets; i++) {
        starts[i + 1] += starts[i];
    }
    for (size_t i = 0; i < count; i++) {
        sorted[starts[at[i]]++] = kept[i];
    }
    for (size_t i = 0; i < count; i++) {
        json_push(&b, sorted[i]);
    }
    *out = json_built(&b);
    return true;
}
