/* SPDX-License-Identifier: Apache-2.0 */
/* A growing run of bytes on the heap, and little-endian, varint writing into it; and a cursor that
 * reads the same back from bytes nobody vouches for. A zeroed buf is empty and ready. */
#ifndef STEPFLEET_BASE_BUF_H
#define STEPFLEET_BASE_BUF_H

#include "proto/base/slice.h"

struct buf {
    char *ptr;
    size_t len;
    size_t cap;
};

void buf_fini(struct buf *b);
static inline void buf_reset(struct buf *b)
{
    b->len = 0;
}
static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->ptr, b->len};
}

/* Room for `more` bytes beyond len; returns where they go, never NULL. */
char *buf_reserve(struct buf *b, size_t more);
void buf_put(struct buf *b, const void *bytes, size_t len);
void buf_put_slice(struct buf *b, struct slice s);
void buf_put_str(struct buf *b, const char *s);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As "%llu", for where printf is too slow. */
void buf_put_decimal(struct buf *b, uint64_t v);

/* Fixed width. LE for records; BE for keys, so that they sort by value. */
void buf_put_u32le(struct buf *b, uint32_t v);
void buf_put_u64le(struct buf *b, uint64_t v);
void buf_put_u32be(struct buf *b, uint32_t v);
void buf_put_u64be(struct buf *b, uint64_t v);
/* LEB128; signed values zig-zag first. */
void buf_put_varint(struct buf *b, uint64_t v);
void buf_put_svarint(struct buf *b, int64_t v);
/* varint length, then the bytes. */
void buf_put_bytes(struct buf *b, struct slice s);

/* Reads from the front; the first short or malformed read sets `bad` and every later one gives 0.
 */
struct cursor {
    const char *ptr;
    const char *end;
    bool bad;
};

static inline struct cursor cursor_make(struct slice s)
{
    return (struct cursor){s.ptr, slice_end(s), false};
}
static inline bool cursor_done(const struct cursor *c)
{
    return c->ptr == c->end;
}
uint8_t cursor_u8(struct cursor *c);
uint32_t cursor_u32le(struct cursor *c);
uint64_t cursor_u64le(struct cursor *c);
uint32_t cursor_u32be(struct cursor *c);
uint64_t cursor_u64be(struct cursor *c);
uint64_t cursor_varint(struct cursor *c);
int64_t cursor_svarint(struct cursor *c);
/* `len` bytes, borrowed from the source. */
struct slice cursor_take(struct cursor *c, size_t len);
/* What buf_put_bytes wrote, borrowed from the source. */
struct slice cursor_bytes(struct cursor *c);

#endif
