/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/sort.h"

#include <assert.h>

#include "proto/base/arena.h"

/* A record in memory, 8-aligned: record bytes u64, then what is sorted by
 * (partition u32 big-endian, key), then the record. */
struct sort_ref {
    uint64_t prefix; /* eight bytes of what is sorted by, as a number */
    uint32_t at;     /* the record, in units of eight bytes */
    uint32_t len;    /* of what is sorted by */
};

enum {
    SORT_UNIT = 8,
    SORT_HEAD_BYTES = 8,
    SORT_PARTITION_BYTES = 4,
    SORT_FEW = 16,   /* as many are sorted by insertion */
    SORT_AHEAD = 16, /* records asked of memory before they are read */
    SORT_DEEP = 256, /* bytes alike from which on whole keys are compared: bounds the recursion */
};

void items_sorter_init(struct items_sorter *s, size_t bytes)
{
    assert(bytes >= SORTER_BYTES_MIN && bytes <= SORTER_BYTES_MAX);
    bytes -= bytes % SORT_UNIT;
    *s = (struct items_sorter){.memory = mem_alloc(bytes), .bytes = bytes};
}

void items_sorter_fini(struct items_sorter *s)
{
    mem_free(s->memory);
    *s = (struct items_sorter){0};
}

void items_sorter_reset(struct items_sorter *s)
{
    s->used = 0;
    s->count = 0;
    s->sorted = false;
    s->written = 0;
}

/* The references: they grow down, so that the last one put comes first until they are sorted. */
static struct sort_ref *sorter_refs(const struct items_sorter *s)
{
    return (struct sort_ref *)(void *)(s->memory + s->bytes) - s->count;
}

static const char *ref_key(const char *memory, const struct sort_ref *r)
{
    return memory + (size_t)r->at * SORT_UNIT + SORT_HEAD_BYTES;
}

/* The eight bytes from `depth` on, as far as there are, as a number that compares as they do. What
 * lies behind the key is memory of the sorter: a record, references. */
static uint64_t ref_word(const char *memory, const struct sort_ref *r, size_t depth)
{
    size_t left = r->len > depth ? r->len - depth : 0;
    uint64_t w;

    if (left == 0) {
        return 0;
    }
    w = __builtin_bswap64(utf8_load8(ref_key(memory, r) + depth));
    return left >= 8 ? w : w & ~(UINT64_MAX >> (8 * left));
}

/* Records lie in memory in the order in which they came: ask for the one that is wanted soon. */
static void ref_fetch(const char *memory, const struct sort_ref *refs, size_t i, size_t n)
{
    if (i + SORT_AHEAD < n) {
        const char *p = memory + (size_t)refs[i + SORT_AHEAD].at * SORT_UNIT;

        __builtin_prefetch(p);
        __builtin_prefetch(p + 64);
    }
}

enum err_code items_sorter_put(struct items_sorter *s,
                               uint32_t partition,
                               const struct items_entry *e,
                               struct err *err)
{
    size_t len = SORT_HEAD_BYTES + SORT_PARTITION_BYTES + e->key.len + e->record.len;
    size_t size = (len + SORT_UNIT - 1) & ~(size_t)(SORT_UNIT - 1);
    size_t refs = 2 * sizeof(struct sort_ref) * (s->count + 1);
    struct buf out = {s->memory, s->used, s->bytes};
    struct sort_ref *r;

    assert(e->key.len <= LIMIT_SORT_KEY_BYTES && e->record.len <= LIMIT_RECORD_BYTES);
    assert(!s->sorted);
    if (refs > s->bytes || size > s->bytes - refs || s->used > s->bytes - refs - size) {
        return s->count == 0 ? err_set(err, ERR_TOO_LARGE,
                                       "a record of %zu bytes, and %zu to sort in", len, s->bytes)
                             : err_set(err, ERR_BUSY, "no more records fit");
    }
    buf_put_u64le(&out, e->record.len);
    buf_put_u32be(&out, partition);
    buf_put_slice(&out, e->key);
    buf_put_slice(&out, e->record);
    s->count++;
    r = sorter_refs(s);
    *r = (struct sort_ref){0, (uint32_t)(s->used / SORT_UNIT),
                           (uint32_t)(SORT_PARTITION_BYTES + e->key.len)};
    r->prefix = ref_word(s->memory, r, 0);
    s->used += size;
    return OK;
}

/* ---- Sorting ---- */

struct sort_job {
    const char *memory;
    struct sort_ref *room; /* as many as there are to sort */
    size_t depth;          /* bytes that are known to be alike, before the prefix */
    bool whole;            /* the prefix does not settle it: compare all that is left */
};

static int ref_compare(const struct sort_job *j, const struct sort_ref *a, const struct sort_ref *b)
{
    size_t skip = j->depth;
    struct slice x = slice_make(ref_key(j->memory, a), a->len);
    struct slice y = slice_make(ref_key(j->memory, b), b->len);

    return slice_cmp(slice_from(x, skip), slice_from(y, skip));
}

static inline bool
ref_after(const struct sort_job *j, const struct sort_ref *a, const struct sort_ref *b)
{
    return a->prefix != b->prefix ? a->prefix > b->prefix : j->whole && ref_compare(j, a, b) > 0;
}

static void sort_few(const struct sort_job *j, struct sort_ref *refs, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct sort_ref r = refs[i];
        size_t k = i;

        for (; k > 0 && ref_after(j, &refs[k - 1], &r); k--) {
            refs[k] = refs[k - 1];
        }
        refs[k] = r;
    }
}

/* Merge the sorted runs [0, half) and [half, n); the first one goes through the room. */
static void sort_merge(const struct sort_job *j, struct sort_ref *refs, size_t half, size_t n)
{
    const struct sort_ref *a = j->room;
    const struct sort_ref *a_end = j->room + half;
    const struct sort_ref *b = refs + half;
    const struct sort_ref *b_end = refs + n;
    struct sort_ref *out = refs;

    memcpy(j->room, refs, half * sizeof(*refs));
    while (a != a_end && b != b_end) {
        bool second = ref_after(j, a, b);
        const struct sort_ref *next = second ? b : a;

        *out++ = *next;
        b += second;
        a += !second;
    }
    memcpy(out, a, (size_t)(a_end - a) * sizeof(*out));
}

/* Stable, by prefix (and all behind it where j->whole): runs of a few, then merges of runs twice as
 * long each time; what is in order already is left alone. */
static void sort_by_prefix(const struct sort_job *j, struct sort_ref *refs, size_t n)
{
    for (size_t i = 0; i < n; i += SORT_FEW) {
        sort_few(j, refs + i, n - i < SORT_FEW ? n - i : SORT_FEW);
    }
    for (size_t run = SORT_FEW; run < n; run *= 2) {
        for (size_t i = 0; i + run < n; i += 2 * run) {
            size_t end = n - i < 2 * run ? n - i : 2 * run;

            if (ref_after(j, &refs[i + run - 1], &refs[i + run])) {
                sort_merge(j, refs + i, run, end);
            }
        }
    }
}

static void sort_from(struct sort_job *j, struct sort_ref *refs, size_t n, size_t depth);

/* References whose prefixes are alike, in the order they came. */
static void sort_alike(struct sort_job *j, struct sort_ref *refs, size_t n, size_t depth)
{
    uint32_t least = UINT32_MAX;
    uint32_t most = 0;

    for (size_t i = 0; i < n; i++) {
        least = refs[i].len < least ? refs[i].len : least;
        most = refs[i].len > most ? refs[i].len : most;
    }
    if (most <= depth + 8 && least == most) {
        return; /* they are equal */
    }
    if (least <= depth + 8 || depth >= SORT_DEEP) {
        j->depth = depth;
        j->whole = true;
        sort_by_prefix(j, refs, n);
        j->whole = false;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ref_fetch(j->memory, refs, i, n);
        refs[i].prefix = ref_word(j->memory, &refs[i], depth + 8);
    }
    sort_from(j, refs, n, depth + 8);
}

/* By what stands from `depth` on, whose first eight bytes are the prefixes. */
static void sort_from(struct sort_job *j, struct sort_ref *refs, size_t n, size_t depth)
{
    size_t from = 0;

    sort_by_prefix(j, refs, n);
    for (size_t i = 1; i <= n; i++) {
        if (i == n || refs[i].prefix != refs[from].prefix) {
            if (i - from > 1) {
                sort_alike(j, refs + from, i - from, depth);
            }
            from = i;
        }
    }
}

void items_sorter_sort(struct items_sorter *s)
{
    struct sort_ref *refs = sorter_refs(s);
    struct sort_job j = {.memory = s->memory, .room = refs - s->count};

    if (s->sorted) {
        return;
    }
    for (size_t i = 0; i < s->count / 2; i++) {
        struct sort_ref r = refs[i];

        refs[i] = refs[s->count - 1 - i];
        refs[s->count - 1 - i] = r;
    }
    sort_from(&j, refs, s->count, 0);
    s->sorted = true;
}

struct items_entry items_sorter_entry(const struct items_sorter *s, size_t i, uint32_t *partition)
{
    const struct sort_ref *r = &sorter_refs(s)[i];
    const char *key = ref_key(s->memory, r);

    assert(s->sorted && i < s->count);
    *partition = (uint32_t)(ref_word(s->memory, r, 0) >> 32);
    return (struct items_entry){
        slice_make(key + SORT_PARTITION_BYTES, r->len - SORT_PARTITION_BYTES),
        slice_make(key + r->len, (size_t)utf8_load8(key - SORT_HEAD_BYTES)),
    };
}

bool items_sorter_write(struct items_sorter *s, struct items_run_writer *w, size_t most)
{
    items_sorter_sort(s);
    while (s->written < s->count && w->out->len < most) {
        uint32_t partition;
        struct items_entry e;

        ref_fetch(s->memory, sorter_refs(s), s->written, s->count);
        e = items_sorter_entry(s, s->written++, &partition);
        items_run_put(w, partition, &e);
    }
    return s->written == s->count;
}
