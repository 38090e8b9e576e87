/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers write, made into fragments, and fragments into a whole.
 *
 *  json         ',' and what stands between the brackets, from the first element on; nothing where
 *               there is none. All but the first fragment that has bytes are joined as they are, of
 *               that one the first byte is left out; '[' goes before, ']' behind all
 *  lines, jsonl the lines, the last one with a line break
 *  csv          the rows, likewise; the header is kept beside, and goes before all
 *  whole        the bytes
 *
 * Output that is not of the format is refused: JSON that is no array, is not closed, or has bytes
 * behind it, whose brackets, strings or commas between elements are wrong; CSV with a quote that is
 * out of place. The elements themselves are not parsed: who wants that feeds `bytes` of each of the
 * pieces to record.h and check.h too. An empty
 * output is an error for JSON alone; elsewhere it is a fragment without bytes (for CSV, one that
 * has no header and leaves it to the others). Pure. */
#ifndef STEPFLEET_ITEMS_FRAGMENT_H
#define STEPFLEET_ITEMS_FRAGMENT_H

#include "proto/base/buf.h"
#include "worker/items/walk.h"

struct items_fragment {
    struct items_walk walk;
    bool header_open; /* csv: its end has not come yet */
    bool lines;       /* the last one is to have a line break */
    bool unended;     /* the last byte was none */

    struct buf header; /* csv: with its line break; empty: there was none */
    uint64_t bytes;    /* of the fragment so far */
};

/* What of a chunk goes into the fragment: two slices, either may be empty, the first of static
 * storage, the second of the chunk. */
struct items_pieces {
    struct slice before;
    struct slice bytes;
};

/* @param o  of the output; settled */
void items_fragment_init(struct items_fragment *f, const struct items_options *o);
void items_fragment_fini(struct items_fragment *f);
/* The bytes that follow those before. Errors as items_walk_feed()'s, with offsets in the output;
 * ERR_TOO_LARGE for a header past LIMIT_HEADER_BYTES. */
enum err_code items_fragment_feed(struct items_fragment *f,
                                  struct slice chunk,
                                  struct items_pieces *out,
                                  struct err *err);
/* There are no more. `out->before` may be a last line break. */
enum err_code
items_fragment_finish(struct items_fragment *f, struct items_pieces *out, struct err *err);

/* Fragments put together in order. Zeroed but for the format: nothing is joined yet. */
struct items_join {
    enum items_format format;
    bool begun;        /* a fragment with bytes was joined */
    struct buf header; /* csv: the first there was */
};

void items_join_init(struct items_join *j, const struct items_options *o);
void items_join_fini(struct items_join *j);
/* CSV: the next fragment's header; an empty one says nothing. ERR_VALIDATION where it is another
 * than those before. To be called for all fragments before the prefix is asked for. */
enum err_code items_join_header(struct items_join *j, struct slice header, struct err *err);
/* The next fragment has `bytes`: how many at its front are left out? */
uint64_t items_join_skip(struct items_join *j, uint64_t bytes);
/* What goes before the first fragment and behind the last; borrowed from `j`. */
struct slice items_join_prefix(const struct items_join *j);
struct slice items_join_suffix(const struct items_join *j);

#endif
