/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/scan.h"

#include <assert.h>

#include "proto/base/arena.h"

enum { SCAN_SHARDS_FIRST = 64 };

void items_scan_init(struct items_scan *s, const struct items_options *o, uint64_t shard_bytes)
{
    assert(shard_bytes > 0 && o->format != ITEMS_AUTO && o->format != ITEMS_WHOLE);
    *s = (struct items_scan){
        .shard_bytes = shard_bytes,
        .header = o->format == ITEMS_CSV && o->header,
    };
    items_walk_init(&s->walk, o, 0, false);
}

void items_scan_fini(struct items_scan *s)
{
    mem_free(s->shards);
    *s = (struct items_scan){0};
}

static void scan_close(struct items_scan *s)
{
    if (s->open) {
        struct items_shard *shard = &s->shards[s->count - 1];

        shard->to = s->walk.end;
        shard->records = s->walk.records - s->records_before;
        s->records += shard->records;
        s->open = false;
    }
}

static void scan_open(struct items_scan *s)
{
    if (s->count == s->cap) {
        s->cap = s->cap != 0 ? s->cap * 2 : SCAN_SHARDS_FIRST;
        s->shards = mem_realloc(s->shards, s->cap * sizeof(*s->shards));
    }
    s->shards[s->count++] = (struct items_shard){.from = s->walk.at};
    s->records_before = s->walk.records;
    s->open = true;
}

/* The walk stands at a record that is the header, or begins a shard. */
static enum err_code scan_stopped(struct items_scan *s, struct err *err)
{
    uint64_t at = s->walk.at;

    if (s->header) {
        s->header = false;
        s->stop_at = at + 1;
        return OK;
    }
    if (s->count == LIMIT_JOB_PIECES) {
        return err_set(err, ERR_TOO_LARGE,
                       "more than %d shards at byte %llu: they must be larger than %llu bytes",
                       LIMIT_JOB_PIECES, (unsigned long long)at,
                       (unsigned long long)s->shard_bytes);
    }
    if (s->count == 0 && !s->walk.json) {
        s->header_bytes = s->walk.records != 0 ? at : 0;
    }
    scan_close(s);
    scan_open(s);
    s->stop_at = s->shard_bytes > UINT64_MAX - at ? UINT64_MAX : at + s->shard_bytes;
    return OK;
}

enum err_code items_scan_feed(struct items_scan *s, struct slice bytes, struct err *err)
{
    enum err_code rc = OK;

    while (rc == OK && bytes.len != 0) {
        size_t used;

        rc = items_walk_feed(&s->walk, bytes, s->stop_at, &used, err);
        if (rc != OK) {
            break;
        }
        bytes = slice_from(bytes, used);
        if (bytes.len != 0) {
            rc = scan_stopped(s, err);
        }
    }
    return rc;
}

enum err_code items_scan_finish(struct items_scan *s, struct err *err)
{
    enum err_code rc = items_walk_finish(&s->walk, err);

    if (rc == OK) {
        if (s->count == 0 && s->walk.records != 0) {
            s->header_bytes = s->walk.at; /* it is all there is */
        }
        scan_close(s);
    }
    return rc;
}
