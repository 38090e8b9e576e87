/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "proto/base/arena.h"

void buf_fini(struct buf *b)
{
    mem_free(b->ptr);
    *b = (struct buf){0};
}

char *buf_reserve(struct buf *b, size_t more)
{
    size_t need;

    if (__builtin_add_overflow(b->len, more, &need) || need > SIZE_MAX / 2) {
        die_no_memory(more);
    }
    if (need > b->cap || b->ptr == NULL) {
        size_t cap = b->cap != 0 ? b->cap * 2 : 256;

        b->cap = cap > need ? cap : need;
        b->ptr = mem_realloc(b->ptr, b->cap);
    }
    return b->ptr + b->len;
}

void buf_put(struct buf *b, const void *bytes, size_t len)
{
    char *p = buf_reserve(b, len);

    if (len != 0) {
        memcpy(p, bytes, len);
    }
    b->len += len;
}

void buf_put_slice(struct buf *b, struct slice s)
{
    buf_put(b, s.ptr, s.len);
}

void buf_put_str(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_put_u8(struct buf *b, uint8_t v)
{
    *buf_reserve(b, 1) = (char)v;
    b->len++;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    enum { MOSTLY = 64 }; /* formatted once; what is longer, twice */
    char *at = buf_reserve(b, MOSTLY);
    size_t room = b->cap - b->len;
    va_list ap;
    va_list again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(at, room, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    if ((size_t)n >= room) {
        (void)vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
    }
    va_end(again);
    b->len += (size_t)n;
}

void buf_put_decimal(struct buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    buf_put(b, digits + at, sizeof(digits) - at);
}

static void buf_put_le(struct buf *b, uint64_t v, unsigned bytes)
{
    char *p = buf_reserve(b, bytes);

    for (unsigned i = 0; i < bytes; i++) {
        p[i] = (char)(v >> (8 * i));
    }
    b->len += bytes;
}

static void buf_put_be(struct buf *b, uint64_t v, unsigned bytes)
{
    char *p = buf_reserve(b, bytes);

    for (unsigned i = 0; i < bytes; i++) {
        p[bytes - 1 - i] = (char)(v >> (8 * i));
    }
    b->len += bytes;
}

void buf_put_u32le(struct buf *b, uint32_t v)
{
    buf_put_le(b, v, 4);
}

void buf_put_u64le(struct buf *b, uint64_t v)
{
    buf_put_le(b, v, 8);
}

void buf_put_u32be(struct buf *b, uint32_t v)
{
    buf_put_be(b, v, 4);
}

void buf_put_u64be(struct buf *b, uint64_t v)
{
    buf_put_be(b, v, 8);
}

void buf_put_varint(struct buf *b, uint64_t v)
{
    char *p = buf_reserve(b, 10);
    size_t n = 0;

    while (v >= 0x80) {
        p[n++] = (char)(v | 0x80);
        v >>= 7;
    }
    p[n++] = (char)v;
    b->len += n;
}

void buf_put_svarint(struct buf *b, int64_t v)
{
    buf_put_varint(b, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

void buf_put_bytes(struct buf *b, struct slice s)
{
    buf_put_varint(b, s.len);
    buf_put_slice(b, s);
}

struct slice cursor_take(struct cursor *c, size_t len)
{
    struct slice s;

    if (c->bad || len > (size_t)(c->end - c->ptr)) {
        c->bad = true;
        return (struct slice){"", 0};
    }
    s = slice_make(c->ptr, len);
    c->ptr += len;
    return s;
}

static uint64_t cursor_le(struct cursor *c, unsigned bytes)
{
    struct slice s = cursor_take(c, bytes);
    uint64_t v = 0;

    for (size_t i = 0; i < s.len; i++) {
        v |= (uint64_t)(uint8_t)s.ptr[i] << (8 * i);
    }
    return v;
}

static uint64_t cursor_be(struct cursor *c, unsigned bytes)
{
    struct slice s = cursor_take(c, bytes);
    uint64_t v = 0;

    for (size_t i = 0; i < s.len; i++) {
        v = v << 8 | (uint8_t)s.ptr[i];
    }
    return v;
}

uint8_t cursor_u8(struct cursor *c)
{
    return (uint8_t)cursor_le(c, 1);
}

uint32_t cursor_u32le(struct cursor *c)
{
    return (uint32_t)cursor_le(c, 4);
}

uint64_t cursor_u64le(struct cursor *c)
{
    return cursor_le(c, 8);
}

uint32_t cursor_u32be(struct cursor *c)
{
    return (uint32_t)cursor_be(c, 4);
}

uint64_t cursor_u64be(struct cursor *c)
{
    return cursor_be(c, 8);
}

uint64_t cursor_varint(struct cursor *c)
{
    uint64_t v = 0;

    for (unsigned shift = 0; !c->bad; shift += 7) {
        uint8_t byte;

        if (c->ptr == c->end || shift > 63) {
            c->bad = true;
            return 0;
        }
        byte = (uint8_t)*c->ptr++;
        if (shift == 63 && byte > 1) {
            c->bad = true;
            return 0;
        }
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return v;
        }
    }
    return 0;
}

int64_t cursor_svarint(struct cursor *c)
{
    uint64_t v = cursor_varint(c);

    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

struct slice cursor_bytes(struct cursor *c)
{
    uint64_t len = cursor_varint(c);

    if (len > (uint64_t)(c->end - c->ptr)) {
        c->bad = true;
    }
    return cursor_take(c, c->bad ? 0 : (size_t)len);
}
