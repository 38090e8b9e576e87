/* SPDX-License-Identifier: Apache-2.0 */
/* Where records begin and end: an incremental walk over bytes in chunks of any size, at memory
 * speed. It knows all that lies behind it and keeps no bytes, so that a chunk's last byte counts as
 * soon as it was seen. What it checks is what cutting depends on: brackets and their kinds,
 * strings, commas between elements, depth; quotes of CSV. What is inside a record is check.h's.
 *
 *   JSON      '['            value          ','
 *      START -----> FIRST ----------> AFTER ----> VALUE --value--> AFTER
 *                     '------']'-> END <-']'-'
 *
 * The walk of a shard (items_walk_init with `inside`) begins in FIRST and ends in AFTER. Pure. */
#ifndef STEPFLEET_ITEMS_WALK_H
#define STEPFLEET_ITEMS_WALK_H

#include "proto/base/err.h"
#include "proto/base/limits.h"
#include "worker/items/format.h"

enum walk_state { WALK_START, WALK_FIRST, WALK_AFTER, WALK_VALUE, WALK_END };

struct items_walk {
    /* To be read. Offsets are of the object. */
    uint64_t at;      /* the next byte */
    uint64_t records; /* passed, wholly or in part */
    uint64_t first;   /* where the first of them begins; UINT64_MAX: none yet */
    uint64_t end;     /* behind the last record that has ended: a line with its break, an element */
    uint64_t close;   /* json: where the array's ']' is; UINT64_MAX: not yet */

    /* The walk's own. */
    bool json;
    bool inside;   /* a shard: no array around it, no mark before it */
    bool whole;    /* lines: all of it is one */
    bool quotes;   /* csv: quotes count */
    bool quoted;   /* behind a quote that is open */
    bool escaped;  /* json: behind a backslash that escapes the next byte */
    bool scalar;   /* json: behind a byte of a number or name */
    bool fresh;    /* lines: at a line's first byte */
    bool may_open; /* csv: a quote may open here */
    bool closed;   /* csv: behind a quote that closed */
    char delimiter;
    uint8_t mark; /* bytes of a byte order mark passed */
    enum walk_state state;
    uint32_t depth;
    uint64_t quote_at;                         /* the quote that is open */
    uint64_t kinds[LIMIT_JSON_DEPTH / 64 + 1]; /* bit d: the bracket that opened depth d is '{' */
    enum err_code wrong;
    uint64_t wrong_at;
    const char *expected;
};

/**
 * @param o       settled; WHOLE is one record that begins with the first byte
 * @param from    offset of the first byte that will be fed
 * @param inside  the bytes are a shard's, not an object's
 */
void items_walk_init(struct items_walk *w,
                     const struct items_options *o,
                     uint64_t from,
                     bool inside);

/**
 * Go on over `bytes`, up to the first record that begins at `stop_at` or later.
 *
 * @param[out] used  bytes walked; fewer than there are: the walk stands at a record's first byte
 * and is to be fed from there, with a later stop_at to get past it
 * @return OK; ERR_JSON, ERR_VALIDATION, ERR_TOO_LARGE (depth) with the offset and what was
 * expected; it stays so
 */
enum err_code items_walk_feed(struct items_walk *w,
                              struct slice bytes,
                              uint64_t stop_at,
                              size_t *used,
                              struct err *err);

/* There are no more bytes: is all closed? `end` is then behind the last record. */
enum err_code items_walk_finish(struct items_walk *w, struct err *err);

/* For walk_*.c: over the n (1..64) bytes at p, of which 64 can be read. Gives those walked. */
size_t walk_json_block(struct items_walk *w, const char *p, size_t n, uint64_t stop_at);
size_t walk_line_block(struct items_walk *w, const char *p, size_t n, uint64_t stop_at);
/* The first thing that is wrong. */
void walk_wrong(struct items_walk *w, enum err_code code, uint64_t at, const char *expected);

#endif
