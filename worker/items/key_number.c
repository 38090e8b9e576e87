/* SPDX-License-Identifier: Apache-2.0 */
/* Decimal texts to bytes that compare by value. No double is involved, so that nothing is rounded.
 */
#include "worker/items/key.h"

enum {
    NUMBER_NEGATIVE = 0x40,
    NUMBER_ZERO = 0x80,
    NUMBER_POSITIVE = 0xc0,
    EXPONENT_NEAR = 60,
    EXPONENT_BELOW = 0x10,
    EXPONENT_ABOVE = 0xf0,
};
#define EXPONENT_MAX INT64_C(0x40000000) /* one further off counts as this */

/* 0.digits * 10^exponent; digits, with a point perhaps among them, from the first that is not 0 up
 * to the last that is not. */
struct number {
    bool negative;
    struct slice digits;
    int64_t exponent;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct slice trim(struct slice s)
{
    while (s.len != 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s = slice_from(s, 1);
    }
    while (s.len != 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

static bool number_sign(struct slice *s)
{
    bool negative = slice_starts_with(*s, SLICE("-"));

    if (negative || slice_starts_with(*s, SLICE("+"))) {
        *s = slice_from(*s, 1);
    }
    return negative;
}

/* Behind the 'e'. */
static bool number_exponent(struct slice s, int64_t *out)
{
    bool negative = number_sign(&s);
    int64_t v = 0;

    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.ptr[i])) {
            return false;
        }
        v = v < EXPONENT_MAX ? v * 10 + (s.ptr[i] - '0') : v;
    }
    *out = negative ? -v : v;
    return true;
}

/* The mantissa: digits with at most one point, and at least one digit. */
static bool number_digits(struct slice s, struct number *n)
{
    size_t point = slice_find(s, '.');
    size_t first = SIZE_MAX;
    size_t last = 0;

    if (s.len == (size_t)(point < s.len)) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (i != point && !is_digit(s.ptr[i])) {
            return false;
        }
        if (i != point && s.ptr[i] != '0') {
            first = first == SIZE_MAX ? i : first;
            last = i + 1;
        }
    }
    if (first == SIZE_MAX) {
        n->digits = SLICE("");
        return true;
    }
    n->digits = slice_make(s.ptr + first, last - first);
    n->exponent += (int64_t)point - (int64_t)first + (first > point);
    return true;
}

static bool number_parse(struct slice text, struct number *n)
{
    struct slice s = trim(text);
    size_t e;

    *n = (struct number){.negative = number_sign(&s)};
    for (e = 0; e < s.len && s.ptr[e] != 'e' && s.ptr[e] != 'E'; e++) {
    }
    if (e < s.len && !number_exponent(slice_from(s, e + 1), &n->exponent)) {
        return false;
    }
    return number_digits(slice_head(s, e), n);
}

static void put_exponent(int64_t e, struct buf *out)
{
    if (e >= -EXPONENT_NEAR && e <= EXPONENT_NEAR) {
        buf_put_u8(out, (uint8_t)(0x80 + e));
        return;
    }
    e = e > EXPONENT_MAX ? EXPONENT_MAX : e < -EXPONENT_MAX ? -EXPONENT_MAX : e;
    buf_put_u8(out, e < 0 ? EXPONENT_BELOW : EXPONENT_ABOVE);
    buf_put_u32be(out, (uint32_t)(e + (INT64_C(1) << 31)));
}

static void put_digits(struct slice digits, struct buf *out)
{
    unsigned pair = 0;
    bool half = false;

    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = (unsigned)(digits.ptr[i] - '0');

        if (digits.ptr[i] == '.') {
            continue;
        }
        if (half) {
            buf_put_u8(out, (uint8_t)(pair + digit + 1));
        }
        pair = digit * 10;
        half = !half;
    }
    if (half) {
        buf_put_u8(out, (uint8_t)(pair + 1));
    }
    buf_put_u8(out, 0);
}

bool items_key_number(struct slice text, struct buf *out)
{
    struct number n;
    size_t from;

    if (!number_parse(text, &n)) {
        return false;
    }
    if (n.digits.len == 0) {
        buf_put_u8(out, NUMBER_ZERO);
        return true;
    }
    buf_put_u8(out, n.negative ? NUMBER_NEGATIVE : NUMBER_POSITIVE);
    from = out->len;
    put_exponent(n.exponent, out);
    put_digits(n.digits, out);
    for (size_t i = from; n.negative && i < out->len; i++) {
        out->ptr[i] = (char)~out->ptr[i];
    }
    return true;
}
