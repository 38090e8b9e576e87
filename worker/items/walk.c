/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/walk.h"

#include "worker/items/block.h"

void items_walk_init(struct items_walk *w,
                     const struct items_options *o,
                     uint64_t from,
                     bool inside)
{
    *w = (struct items_walk){
        .at = from,
        .first = UINT64_MAX,
        .end = from,
        .close = UINT64_MAX,
        .json = o->format == ITEMS_JSON,
        .inside = inside,
        .whole = o->format == ITEMS_WHOLE,
        .quotes = o->format == ITEMS_CSV && o->quoted_breaks,
        .fresh = true,
        .may_open = true,
        .delimiter = o->delimiter,
        .state = inside ? WALK_FIRST : WALK_START,
        .depth = inside ? 1 : 0,
    };
    if (inside || from != 0 || (o->format != ITEMS_JSON && o->format != ITEMS_CSV)) {
        w->mark = 3;
    }
}

void walk_wrong(struct items_walk *w, enum err_code code, uint64_t at, const char *expected)
{
    if (w->wrong == OK) {
        w->wrong = code;
        w->wrong_at = at;
        w->expected = expected;
    }
}

static enum err_code walk_tell(const struct items_walk *w, struct err *err)
{
    return w->wrong == OK ? OK
                          : err_set(err, w->wrong, "byte %llu: expected %s",
                                    (unsigned long long)w->wrong_at, w->expected);
}

/* A byte order mark stands at the very beginning, or it is none. Gives its bytes among these. */
static size_t walk_mark(struct items_walk *w, struct slice bytes)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t n = 0;

    while (w->mark < 3 && n < bytes.len) {
        if (bytes.ptr[n] != mark[w->mark]) {
            if (w->mark != 0) {
                walk_wrong(w, w->json ? ERR_JSON : ERR_VALIDATION, w->at,
                           "the rest of a byte order mark");
            }
            w->mark = 3;
            break;
        }
        w->mark++;
        w->at++;
        n++;
    }
    return n;
}

static size_t walk_block(struct items_walk *w, const char *p, size_t n, uint64_t stop_at)
{
    return w->json ? walk_json_block(w, p, n, stop_at) : walk_line_block(w, p, n, stop_at);
}

/* The last bytes of a chunk, fewer than a block, in one whose others are of no meaning. */
static size_t walk_rest(struct items_walk *w, const char *p, size_t n, uint64_t stop_at)
{
    char block[BLOCK_BYTES];

    memset(block, ' ', sizeof(block));
    memcpy(block, p, n);
    return walk_block(w, block, n, stop_at);
}

enum err_code items_walk_feed(struct items_walk *w,
                              struct slice bytes,
                              uint64_t stop_at,
                              size_t *used,
                              struct err *err)
{
    size_t done = walk_mark(w, bytes);

    while (w->wrong == OK && done < bytes.len) {
        size_t left = bytes.len - done;
        size_t n = left < BLOCK_BYTES ? left : BLOCK_BYTES;
        size_t walked = n == BLOCK_BYTES ? walk_block(w, bytes.ptr + done, n, stop_at)
                                         : walk_rest(w, bytes.ptr + done, n, stop_at);

        done += walked;
        w->at += walked;
        if (walked < n) {
            break;
        }
    }
    *used = done;
    return walk_tell(w, err);
}

static void walk_finish_json(struct items_walk *w)
{
    if (w->quoted) {
        walk_wrong(w, ERR_JSON, w->quote_at, "'\"' at the end of the string that begins here");
    } else if (w->state == WALK_START) {
        walk_wrong(w, ERR_JSON, w->at, "'[' of an array, and found no more bytes");
    } else if (!w->inside && w->state != WALK_END) {
        walk_wrong(w, ERR_JSON, w->at, "']' at the end of the array, and found no more bytes");
    } else if (w->inside && (w->state == WALK_VALUE || w->depth > 1)) {
        walk_wrong(w, ERR_JSON, w->at, "the rest of an element, and found no more bytes");
    }
}

enum err_code items_walk_finish(struct items_walk *w, struct err *err)
{
    if (w->wrong != OK) {
        return walk_tell(w, err);
    }
    if (w->mark != 0 && w->mark < 3) {
        walk_wrong(w, w->json ? ERR_JSON : ERR_VALIDATION, w->at, "the rest of a byte order mark");
    } else if (w->json) {
        walk_finish_json(w);
    } else if (w->quoted) {
        walk_wrong(w, ERR_VALIDATION, w->quote_at, "'\"' at the end of the field that begins here");
    } else {
        w->end = w->at;
    }
    return walk_tell(w, err);
}
