/* SPDX-License-Identifier: Apache-2.0 */
/* The intrinsic functions over numbers, and UUID. MathAdd rounds half up, recorded with AWS; every
 * other function drops the fraction, as AWS was seen to do. With a seed MathRandom gives AWS's
 * numbers, which are java.util.Random's; its bounds must then be an int apart. */
#include "coordinator/asl/intrinsic_java.h"
#include "coordinator/asl/intrinsic_number.h"
#include "proto/base/text.h"

bool intrinsic_integer(const struct intrinsic_call *c, size_t i, int64_t *out)
{
    double x;

    if (!json_double(c->arguments[i], &x) ||
        !(x > (double)INT32_MIN - 1 && x < (double)INT32_MAX + 1)) {
        return false;
    }
    *out = (int64_t)x;
    return true;
}

/* floor(x + 0.5) */
static bool rounded(const struct intrinsic_call *c, size_t i, int64_t *out)
{
    double x;

    if (!json_double(c->arguments[i], &x) || !(x >= INT32_MIN - 0.5 && x < INT32_MAX + 0.5)) {
        return false;
    }
    *out = (int64_t)x;
    *out -= (double)*out > x ? 1 : 0;
    *out += x - (double)*out >= 0.5 ? 1 : 0; /* x + 0.5 itself might be rounded up to a whole */
    return true;
}

bool intrinsic_math_add(const struct intrinsic_call *c, const struct json_node **out)
{
    int64_t x;
    int64_t y;

    if (!rounded(c, 0, &x) || !rounded(c, 1, &y) || x + y < INT32_MIN || x + y > INT32_MAX) {
        return false;
    }
    *out = json_integer(c->a, x + y);
    return true;
}

bool intrinsic_math_random(const struct intrinsic_call *c, const struct json_node **out)
{
    int64_t low;
    int64_t high;
    int64_t seed;
    int64_t above;

    if (!intrinsic_integer(c, 0, &low) || !intrinsic_integer(c, 1, &high) || low >= high) {
        return false;
    }
    if (c->count == 3) {
        if (!intrinsic_integer(c, 2, &seed) || high - low > INT32_MAX) {
            return false;
        }
        above = java_random(seed, (int32_t)(high - low));
    } else {
        above = (int64_t)(intrinsic_chance(c->seed) % (uint64_t)(high - low));
    }
    *out = json_integer(c->a, low + above);
    return true;
}

bool intrinsic_uuid(const struct intrinsic_call *c, const struct json_node **out)
{
    uint64_t chance[2] = {intrinsic_chance(c->seed), intrinsic_chance(c->seed)};
    uint8_t bytes[sizeof(chance)];
    char *text = arena_alloc(c->a, TEXT_UUID_BYTES);

    memcpy(bytes, chance, sizeof(chance));
    text_format_uuid(bytes, text);
    *out = json_string(c->a, slice_make(text, TEXT_UUID_BYTES));
    return true;
}
