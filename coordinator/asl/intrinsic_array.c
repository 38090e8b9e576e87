/* SPDX-License-Identifier: Apache-2.0 */
/* The intrinsic functions over arrays. Elements are shared with the arrays they come from. */
#include "coordinator/asl/intrinsic.h"
#include "coordinator/asl/intrinsic_number.h"
#include "proto/base/hash.h"

enum { RANGE_ELEMENTS_MAX = 1000 }; /* AWS's */

static bool is_array(const struct intrinsic_call *c, size_t i, struct slice *wrong)
{
    if (json_is(c->arguments[i], JSON_ARRAY)) {
        return true;
    }
    *wrong = arena_printf(c->a, "Argument %zu must be an array", i + 1);
    return false;
}

bool intrinsic_array(const struct intrinsic_call *c,
                     const struct json_node **out,
                     struct slice *wrong)
{
    struct json_builder b = json_build_array(c->a);

    (void)wrong;
    for (size_t i = 0; i < c->count; i++) {
        json_push(&b, c->arguments[i]);
    }
    *out = json_built(&b);
    return true;
}

bool intrinsic_array_partition(const struct intrinsic_call *c,
                               const struct json_node **out,
                               struct slice *wrong)
{
    const struct json_node *array = c->arguments[0];
    struct json_builder chunks = json_build_array(c->a);
    const struct json_node *e;
    int64_t size;

    if (!is_array(c, 0, wrong) || !intrinsic_integer(c, 1, &size, wrong)) {
        return false;
    }
    if (size <= 0) {
        *wrong = SLICE("The chunk size must be a positive integer");
        return false;
    }
    for (e = json_first(array); e != NULL;) {
        struct json_builder chunk = json_build_array(c->a);

        for (int64_t i = 0; i < size && e != NULL; i++, e = json_next(array, e)) {
            json_push(&chunk, e);
        }
        json_push(&chunks, json_built(&chunk));
    }
    *out = json_built(&chunks);
    return true;
}

bool intrinsic_array_contains(const struct intrinsic_call *c,
                              const struct json_node **out,
                              struct slice *wrong)
{
    const struct json_node *e;

    if (!is_array(c, 0, wrong)) {
        return false;
    }
    e = json_first(c->arguments[0]);
    while (e != NULL && !json_equal(e, c->arguments[1])) {
        e = json_next(c->arguments[0], e);
    }
    *out = json_bool(e != NULL);
    return true;
}

bool intrinsic_array_range(const struct intrinsic_call *c,
                           const struct json_node **out,
                           struct slice *wrong)
{
    struct json_builder b = json_build_array(c->a);
    int64_t first;
    int64_t last;
    int64_t step;

    if (!intrinsic_integer(c, 0, &first, wrong) || !intrinsic_integer(c, 1, &last, wrong) ||
        !intrinsic_integer(c, 2, &step, wrong)) {
        return false;
    }
    if (step == 0) {
        *wrong = SLICE("The step must not be 0");
        return false;
    }
    if ((last - first) / step >= RANGE_ELEMENTS_MAX) {
        *wrong =
            arena_printf(c->a, "The range must not have more than %d items", RANGE_ELEMENTS_MAX);
        return false;
    }
    for (int64_t i = first; step > 0 ? i <= last : i >= last; i += step) {
        json_push(&b, json_integer(c->a, i));
    }
    *out = json_built(&b);
    return true;
}

bool intrinsic_array_get_item(const struct intrinsic_call *c,
                              const struct json_node **out,
                              struct slice *wrong)
{
    int64_t index;

    if (!is_array(c, 0, wrong) || !intrinsic_integer(c, 1, &index, wrong)) {
        return false;
    }
    if (index < 0 || index >= (int64_t)json_count(c->arguments[0])) {
        *wrong = arena_printf(c->a, "The index %lld is out of range for an array of length %zu",
                              (long long)index, json_count(c->arguments[0]));
        return false;
    }
    *out = json_element(c->arguments[0], (size_t)index);
    return true;
}

bool intrinsic_array_length(const struct intrinsic_call *c,
                            const struct json_node **out,
                            struct slice *wrong)
{
    if (!is_array(c, 0, wrong)) {
        return false;
    }
    *out = json_integer(c->a, (int64_t)json_count(c->arguments[0]));
    return true;
}

/* Equal values (json_equal) hash alike: numbers by value, members in any order. */
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
        if (table[i].hash == hash && json_equal(table[i].value, v)) {
            return false;
        }
    }
    table[i] = (struct seen){v, hash};
    return true;
}

bool intrinsic_array_unique(const struct intrinsic_call *c,
                            const struct json_node **out,
                            struct slice *wrong)
{
    const struct json_node *array = c->arguments[0];
    struct json_builder b = json_build_array(c->a);
    size_t slots = 2;
    struct seen *table;

    if (!is_array(c, 0, wrong)) {
        return false;
    }
    while (slots < 2 * json_count(array)) {
        slots *= 2;
    }
    table = ARENA_ARRAY(c->a, slots, struct seen);
    for (const struct json_node *e = json_first(array); e != NULL; e = json_next(array, e)) {
        if (seen_add(table, slots - 1, e)) {
            json_push(&b, e);
        }
    }
    *out = json_built(&b);
    return true;
}
