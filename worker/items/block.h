/* SPDX-License-Identifier: Apache-2.0 */
/* Sixty-four bytes looked at at once: which of them are a given character, as bits of a word, the
 * first byte lowest; and what is inside quotes. SSE2, which every x86-64 has, or eight bytes at a
 * time in a register; the two agree bit by bit (a test holds them to it).
 * Source: Langdale and Lemire, Parsing Gigabytes of JSON per Second, section 3.1. */
#ifndef STEPFLEET_ITEMS_BLOCK_H
#define STEPFLEET_ITEMS_BLOCK_H

#include "proto/base/utf8.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BLOCK_BYTES = 64 };

/* The same without vectors: bit i is set where (p[i] | fold) == c. */
static inline uint64_t block_find_portable(const char *p, char c, uint8_t fold)
{
    const uint64_t lows = UTF8_ONES * 0x7f;
    uint64_t bits = 0;

    for (unsigned i = 0; i < BLOCK_BYTES / 8; i++) {
        uint64_t x = (utf8_load8(p + (size_t)8 * i) | UTF8_ONES * fold) ^ (UTF8_ONES * (uint8_t)c);
        uint64_t zero = ~(((x & lows) + lows) | x | lows); /* the high bit of each byte that is 0 */

        bits |= ((zero >> 7) * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
    }
    return bits;
}

/* Bit i is set where (p[i] | fold) == c. All 64 bytes are read. */
static inline uint64_t block_find_folded(const char *p, char c, uint8_t fold)
{
#ifdef __SSE2__
    const __m128i want = _mm_set1_epi8(c);
    const __m128i set = _mm_set1_epi8((char)fold);
    uint64_t bits = 0;

    for (unsigned i = 0; i < BLOCK_BYTES / 16; i++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + (size_t)16 * i));
        __m128i same = _mm_cmpeq_epi8(_mm_or_si128(v, set), want);

        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(same) << (16 * i);
    }
    return bits;
#else
    return block_find_portable(p, c, fold);
#endif
}

static inline uint64_t block_find(const char *p, char c)
{
    return block_find_folded(p, c, 0);
}

/* The lowest n bits, n in 1..64. */
static inline uint64_t block_low(size_t n)
{
    return ~UINT64_C(0) >> (BLOCK_BYTES - n);
}

/* All bits above i. */
static inline uint64_t block_above(unsigned i)
{
    return ~UINT64_C(0) << i << 1;
}

static inline unsigned block_first(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

/* The place behind the highest bit. */
static inline unsigned block_last(uint64_t bits)
{
    return 64 - (unsigned)__builtin_clzll(bits);
}

/* How many bits are set. (The compiler's own needs a library where the processor is not known.) */
static inline unsigned block_count(uint64_t bits)
{
    bits -= bits >> 1 & UTF8_ONES * 0x55;
    bits = (bits & UTF8_ONES * 0x33) + (bits >> 2 & UTF8_ONES * 0x33);
    bits = (bits + (bits >> 4)) & UTF8_ONES * 0x0f;
    return (unsigned)(bits * UTF8_ONES >> 56);
}

/* Bit i: is it inside, after the quotes up to and with i? An opening quote is, a closing one not.
 */
static inline uint64_t block_inside(uint64_t quotes, bool inside)
{
    quotes ^= quotes << 1;
    quotes ^= quotes << 2;
    quotes ^= quotes << 4;
    quotes ^= quotes << 8;
    quotes ^= quotes << 16;
    quotes ^= quotes << 32;
    return inside ? ~quotes : quotes;
}

/* Which of `n` bytes a backslash before them escapes; *carry: the first of this block, then of the
 * next. */
static inline uint64_t block_escaped(uint64_t slashes, bool *carry, size_t n)
{
    uint64_t escaped = *carry;
    uint64_t left = slashes & ~escaped;

    *carry = false;
    while (left != 0) {
        unsigned i = block_first(left);

        if (i + 1 == n) {
            *carry = true;
            break;
        }
        escaped |= UINT64_C(2) << i;
        left &= ~(UINT64_C(3) << i);
    }
    return escaped;
}

#endif
