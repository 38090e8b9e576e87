/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ARENA_ALIGN = 16,
    ARENA_CHUNK_BYTES = 32 * 1024,      /* ordinary chunk: one step of an ordinary execution fits */
    ARENA_KEPT_BYTES = 2 * 1024 * 1024, /* by a reset: a busy turn's; each reset looks at them */
};

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* usable bytes after the header */
};

_Static_assert(sizeof(struct arena_chunk) % ARENA_ALIGN == 0, "chunk data stays aligned");

_Noreturn void die_no_memory(size_t wanted)
{
    fprintf(stderr, "stepfleet: out of memory (%zu bytes wanted); ending\n", wanted);
    abort();
}

void *mem_alloc(size_t size)
{
    void *p = malloc(size != 0 ? size : 1);

    if (p == NULL) {
        die_no_memory(size);
    }
    return p;
}

void *mem_zalloc(size_t count, size_t size)
{
    void *p = calloc(count != 0 ? count : 1, size != 0 ? size : 1);

    if (p == NULL) {
        die_no_memory(count * size);
    }
    return p;
}

void *mem_realloc(void *ptr, size_t size)
{
    void *p = realloc(ptr, size != 0 ? size : 1);

    if (p == NULL) {
        die_no_memory(size);
    }
    return p;
}

char *mem_strdup(struct slice s)
{
    char *p = mem_alloc(s.len + 1);

    if (s.len != 0) {
        memcpy(p, s.ptr, s.len);
    }
    p[s.len] = '\0';
    return p;
}

void mem_free(void *ptr)
{
    free(ptr);
}

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

void arena_fini(struct arena *a)
{
    struct arena_chunk *next;

    for (struct arena_chunk *c = a->first; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    *a = (struct arena){0};
}

static void arena_use(struct arena *a, struct arena_chunk *c)
{
    a->current = c;
    a->next = (char *)(c + 1);
    a->end = a->next + c->size;
}

void arena_reset(struct arena *a)
{
    struct arena_chunk **link = &a->first;
    size_t kept = 0;

    while (*link != NULL) {
        struct arena_chunk *c = *link;

        if (c->size > ARENA_CHUNK_BYTES || kept + c->size > ARENA_KEPT_BYTES) {
            *link = c->next;
            a->held -= sizeof(*c) + c->size;
            free(c);
        } else {
            kept += c->size;
            link = &c->next;
        }
    }
    a->current = NULL;
    a->next = a->end = NULL;
    if (a->first != NULL) {
        arena_use(a, a->first);
    }
}

size_t arena_held_bytes(const struct arena *a)
{
    return a->held;
}

/* Make a chunk current that has room for `size`. */
static void arena_more(struct arena *a, size_t size)
{
    struct arena_chunk *c = a->current != NULL ? a->current->next : a->first;

    if (c == NULL || c->size < size) {
        size_t bytes = size > ARENA_CHUNK_BYTES ? size : ARENA_CHUNK_BYTES;

        c = mem_alloc(sizeof(*c) + bytes);
        c->size = bytes;
        a->held += sizeof(*c) + bytes;
        if (a->current != NULL) {
            c->next = a->current->next;
            a->current->next = c;
        } else {
            c->next = a->first;
            a->first = c;
        }
    }
    arena_use(a, c);
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t want;
    void *p;

    if (size > SIZE_MAX / 2) {
        die_no_memory(size);
    }
    want = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if ((size_t)(a->end - a->next) < want || a->next == NULL) {
        arena_more(a, want);
    }
    p = a->next;
    a->next += want;
    return p;
}

void *arena_zalloc(struct arena *a, size_t count, size_t size)
{
    size_t bytes;
    void *p;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        die_no_memory(SIZE_MAX);
    }
    p = arena_alloc(a, bytes);
    return memset(p, 0, bytes);
}

void *arena_grow(struct arena *a, void *ptr, size_t old_size, size_t new_size)
{
    size_t old = (old_size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    size_t want = (new_size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    void *p;

    assert(new_size >= old_size);
    if (ptr != NULL && (char *)ptr + old == a->next && want - old <= (size_t)(a->end - a->next)) {
        a->next += want - old;
        return ptr;
    }
    p = arena_alloc(a, new_size);
    if (old_size != 0) {
        memcpy(p, ptr, old_size);
    }
    return p;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    char *p = arena_alloc(a, s.len);

    if (s.len != 0) {
        memcpy(p, s.ptr, s.len);
    }
    return slice_make(p, s.len);
}

char *arena_str(struct arena *a, struct slice s)
{
    char *p = arena_alloc(a, s.len + 1);

    if (s.len != 0) {
        memcpy(p, s.ptr, s.len);
    }
    p[s.len] = '\0';
    return p;
}

struct slice arena_printf(struct arena *a, const char *fmt, ...)
{
    char mostly[256]; /* is room enough: what is longer is formatted twice */
    va_list ap;
    va_list again;
    int n;
    char *p;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(mostly, sizeof(mostly), fmt, ap);
    va_end(ap);
    assert(n >= 0);
    p = arena_alloc(a, (size_t)n + 1);
    if ((size_t)n < sizeof(mostly)) {
        memcpy(p, mostly, (size_t)n + 1);
    } else {
        (void)vsnprintf(p, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    return slice_make(p, (size_t)n);
}
