/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/outputs.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "coordinator/store/codec.h"
#include "coordinator/store/keys.h"
#include "proto/base/hash.h"
#include "proto/base/limits.h"

#define OUTPUTS_PREFIX "executions/"

/* ---- what runs ---- */

/* Hashes of the names of all executions that run, in order. Two names with the same hash: an output
 * is kept that need not be. */
static int by_hash(const void *a, const void *b)
{
    uint64_t x;
    uint64_t y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

/* An Express one's row says NAME:UUID. */
static uint64_t name_hash(struct slice name)
{
    return hash_bytes(slice_head(name, slice_find(name, ':')), 0);
}

static enum err_code running_read(const struct outputs *o, struct buf *hashes, struct err *err)
{
    struct key from = key_index_status(o->account, EXECUTION_RUNNING);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(o->store, CF_INDEX, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;
    enum err_code rc = OK;

    buf_reset(hashes);
    while (rc == OK && store_next(i, &key, &value)) {
        struct index_row row;
        uint64_t hash;

        rc = index_row_decode(value, &row, err);
        if (rc == OK) {
            hash = name_hash(row.name);
            buf_put(hashes, &hash, sizeof(hash));
        }
    }
    if (rc != OK) {
        (void)store_iterator_end(i, NULL);
        return rc;
    }
    if (hashes->len != 0) {
        qsort(hashes->ptr, hashes->len / sizeof(uint64_t), sizeof(uint64_t), by_hash);
    }
    return store_iterator_end(i, err);
}

/* ---- what goes ---- */

/* Some of the objects that are old enough. */
struct round {
    const struct outputs *o;
    struct buf running; /* hashes */
    struct arena arena;
    struct slice keys[LIMIT_OUTPUT_KEYS];
    size_t count;
};

static bool is_running(const struct round *r, struct slice key)
{
    struct slice rest = slice_from(key, sizeof(OUTPUTS_PREFIX) - 1);
    uint64_t hash = name_hash(slice_head(rest, slice_find(rest, '/')));

    return r->running.len != 0 && bsearch(&hash, r->running.ptr, r->running.len / sizeof(hash),
                                          sizeof(hash), by_hash) != NULL;
}

static bool round_each(void *arg, const struct s3_entry *e)
{
    struct round *r = arg;

    if (e->time_ms < r->o->before_ms && !is_running(r, e->key)) {
        r->keys[r->count++] = arena_copy(&r->arena, e->key);
    }
    return r->count < LIMIT_OUTPUT_KEYS;
}

/* It may have been written anew since it was listed, by a redrive. */
static bool is_old(struct round *r, struct slice key)
{
    struct slice path = arena_printf(&r->arena, "%s/%.*s/%.*s", r->o->root, SLICE_FMT(r->o->bucket),
                                     SLICE_FMT(key));
    struct stat st;

    return stat(arena_str(&r->arena, path), &st) == 0 &&
           (int64_t)st.st_mtim.tv_sec * 1000 < r->o->before_ms;
}

/* What runs is read again when all are listed: what has begun since is not among them. */
static enum err_code
round_run(struct s3_client *c, struct round *r, size_t *removed, struct err *err)
{
    enum err_code rc;

    r->count = 0;
    arena_reset(&r->arena);
    rc = s3_list(c, r->o->bucket, SLICE(OUTPUTS_PREFIX), round_each, r, err);
    if (rc == OK) {
        rc = running_read(r->o, &r->running, err);
    }
    for (size_t i = 0; rc == OK && i < r->count; i++) {
        if (!is_running(r, r->keys[i]) && is_old(r, r->keys[i])) {
            rc = s3_delete(c, r->o->bucket, r->keys[i], err);
            *removed += rc == OK;
        }
    }
    return rc;
}

enum err_code
outputs_remove(struct s3_client *c, const struct outputs *o, size_t *removed, struct err *err)
{
    struct round *r = mem_zalloc(1, sizeof(*r));
    enum err_code rc = running_read(o, &r->running, err);

    r->o = o;
    *removed = 0;
    if (rc == OK) {
        do {
            rc = round_run(c, r, removed, err);
        } while (rc == OK && r->count == LIMIT_OUTPUT_KEYS);
    }
    arena_fini(&r->arena);
    buf_fini(&r->running);
    mem_free(r);
    return rc;
}
