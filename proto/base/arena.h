/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that lives until a reset: bump allocation from chunks that are kept for the next round.
 * Allocation never fails: where memory runs out the program ends (die_no_memory), which is safe,
 * since nothing was acknowledged that is not on disk. One thread owns an arena. */
#ifndef STEPFLEET_BASE_ARENA_H
#define STEPFLEET_BASE_ARENA_H

#include "proto/base/slice.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *first;   /* all chunks, in the order they are filled */
    struct arena_chunk *current; /* the one being filled; NULL before the first allocation */
    char *next;                  /* free part of the current chunk */
    char *end;
    size_t held; /* bytes of all chunks */
};

/* A zeroed arena is empty and ready. */
void arena_init(struct arena *a);
void arena_fini(struct arena *a);
/* Everything given out is gone; ordinary chunks are kept up to a bound, all others freed: what one
 * large round took costs the rounds after it nothing. */
void arena_reset(struct arena *a);
/* Bytes held from the system. Costs nothing: evaluation asks between any two values. */
size_t arena_held_bytes(const struct arena *a);

/* `size` bytes aligned to 16, not cleared. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);
/* `count * size` bytes, zeroed; the product is checked. */
void *arena_zalloc(struct arena *a, size_t count, size_t size);
/* Make `ptr` (old_size bytes, from this arena or NULL) hold new_size; extends in place when last.
 */
void *arena_grow(struct arena *a, void *ptr, size_t old_size, size_t new_size);
struct slice arena_copy(struct arena *a, struct slice s);
/* NUL-terminated copy. */
char *arena_str(struct arena *a, struct slice s);
/* printf into the arena. */
struct slice arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(a, type)          ((type *)arena_zalloc((a), 1, sizeof(type)))
#define ARENA_ARRAY(a, count, type) ((type *)arena_zalloc((a), (count), sizeof(type)))

/* Say that memory ran out and end the program at once. */
_Noreturn void die_no_memory(size_t wanted);
/* malloc, calloc, realloc that never return NULL. */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t count, size_t size);
void *mem_realloc(void *ptr, size_t size);
char *mem_strdup(struct slice s); /* NUL-terminated */
void mem_free(void *ptr);

#endif
