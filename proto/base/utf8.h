/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as text.c and json*.c share it: one sequence checked, and eight bytes looked at at once.
 * Source: RFC 3629, section 4 (no overlong forms, no surrogates, nothing past U+10FFFF). */
#ifndef STEPFLEET_BASE_UTF8_H
#define STEPFLEET_BASE_UTF8_H

#include "proto/base/slice.h"

#define UTF8_ONES  UINT64_C(0x0101010101010101)
#define UTF8_HIGHS UINT64_C(0x8080808080808080)

/* Eight bytes, the first in the lowest bits. */
static inline uint64_t utf8_load8(const char *p)
{
    uint64_t w;

    memcpy(&w, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    return w;
}

static inline bool utf8_is_tail(char c)
{
    return ((uint8_t)c & 0xc0) == 0x80;
}

/* Length of the three- or four-byte sequence at `p`, or 0. */
static inline size_t utf8_long_sequence(const char *p, size_t left)
{
    uint8_t c = (uint8_t)p[0];
    uint8_t d;

    if (left < 3 || !utf8_is_tail(p[1]) || !utf8_is_tail(p[2])) {
        return 0;
    }
    d = (uint8_t)p[1];
    if (c < 0xf0) {
        return (c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) ? 0 : 3;
    }
    if (left < 4 || !utf8_is_tail(p[3]) || c > 0xf4) {
        return 0;
    }
    return (c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f) ? 0 : 4;
}

/* Length of the sequence at `p` where it is a valid code point, else 0. */
static inline size_t utf8_sequence(const char *p, const char *end)
{
    uint8_t c = (uint8_t)*p;
    size_t left = (size_t)(end - p);

    if (c < 0x80) {
        return 1;
    }
    if (c < 0xe0) {
        return c >= 0xc2 && left >= 2 && utf8_is_tail(p[1]) ? 2 : 0;
    }
    return utf8_long_sequence(p, left);
}

/* The code point of a valid sequence of `len` bytes (a surrogate's three-byte form included). */
static inline uint32_t utf8_decode(const char *p, size_t len)
{
    uint32_t c = (uint8_t)p[0];

    if (len > 1) {
        c &= 0x7fu >> len;
    }
    for (size_t i = 1; i < len; i++) {
        c = c << 6 | ((uint8_t)p[i] & 0x3f);
    }
    return c;
}

/* Write the code point (surrogates in their three-byte form); returns its length, 1..4. */
static inline size_t utf8_encode(uint32_t c, char *out)
{
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    uint32_t lead = len == 1 ? 0 : (0xf00u >> len) & 0xff;

    for (size_t i = len; i-- > 1;) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (char)(lead | c);
    return len;
}

#endif
