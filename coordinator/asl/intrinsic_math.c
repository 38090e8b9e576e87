/* SPDX-License-Identifier: Apache-2.0 */
/* The intrinsic functions over numbers, and UUID. */
#include "coordinator/asl/intrinsic_number.h"
#include "proto/base/text.h"

bool intrinsic_integer(const struct intrinsic_call *c, size_t i, int64_t *out, struct slice *wrong)
{
    double x;

    if (!json_double(c->arguments[i], &x)) {
        *wrong = arena_printf(c->a, "Argument %zu must be a number", i + 1);
        return false;
    }
    x += 0.5;
    if (!(x >= INT32_MIN && x < (double)INT32_MAX + 1)) {
        *wrong = arena_printf(c->a, "Argument %zu must be between %lld and %lld", i + 1,
                              (long long)INT32_MIN, (long long)INT32_MAX);
        return false;
    }
    *out = (int64_t)x;
    *out -= (double)*out > x ? 1 : 0;
    return true;
}

bool intrinsic_math_add(const struct intrinsic_call *c,
                        const struct json_node **out,
                        struct slice *wrong)
{
    int64_t x;
    int64_t y;

    if (!intrinsic_integer(c, 0, &x, wrong) || !intrinsic_integer(c, 1, &y, wrong)) {
        return false;
    }
    if (x + y < INT32_MIN || x + y > INT32_MAX) {
        *wrong = SLICE("The sum does not fit into 32 bits");
        return false;
    }
    *out = json_integer(c->a, x + y);
    return true;
}

bool intrinsic_math_random(const struct intrinsic_call *c,
                           const struct json_node **out,
                           struct slice *wrong)
{
    int64_t low;
    int64_t high;
    int64_t given = 0;
    uint64_t seed;

    if (!intrinsic_integer(c, 0, &low, wrong) || !intrinsic_integer(c, 1, &high, wrong) ||
        (c->count == 3 && !intrinsic_integer(c, 2, &given, wrong))) {
        return false;
    }
    if (low >= high) {
        *wrong = SLICE("The start must be less than the end");
        return false;
    }
    seed = (uint64_t)given;
    *out = json_integer(c->a, low + (int64_t)(intrinsic_chance(c->count == 3 ? &seed : c->seed) %
                                              (uint64_t)(high - low)));
    return true;
}

bool intrinsic_uuid(const struct intrinsic_call *c,
                    const struct json_node **out,
                    struct slice *wrong)
{
    uint64_t chance[2] = {intrinsic_chance(c->seed), intrinsic_chance(c->seed)};
    uint8_t bytes[sizeof(chance)];
    char *text = arena_alloc(c->a, TEXT_UUID_BYTES);

    (void)wrong;
    memcpy(bytes, chance, sizeof(chance));
    text_format_uuid(bytes, text);
    *out = json_string(c->a, slice_make(text, TEXT_UUID_BYTES));
    return true;
}
