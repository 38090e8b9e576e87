/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a shard: which of an object's bytes are the records that begin in [from, to). They are
 * one run of bytes, so that each chunk read gives one slice of itself. Where the shards are from a
 * scan the run is the shard. Where they are from arithmetic, reading begins one byte before `from`,
 * so that a line that begins exactly there is seen to, and goes on behind `to` up to the end of the
 * line that begins before it. Shards that follow one another give each record once, in order; one
 * that lies within a single long record gives none. Pure. */
#ifndef STEPFLEET_ITEMS_CUT_H
#define STEPFLEET_ITEMS_CUT_H

#include "worker/items/scan.h"

enum cut_state { CUT_SEEK, CUT_IN, CUT_DONE };

struct items_cut {
    uint64_t from;
    uint64_t to;
    uint64_t at;     /* the next byte to be fed */
    uint64_t begins; /* where the run begins, once it is not CUT_SEEK */
    bool exact;
    enum cut_state state;
};

/* Where to begin reading. */
static inline uint64_t items_cut_read_from(const struct items_cut *c)
{
    return c->at;
}
/* Behind the last byte to be read; UINT64_MAX: it shows, read until items_cut_done(). */
static inline uint64_t items_cut_read_to(const struct items_cut *c)
{
    return c->exact ? c->to : UINT64_MAX;
}
/* Are all records there? The object's end is an end too. */
static inline bool items_cut_done(const struct items_cut *c)
{
    return c->state == CUT_DONE;
}

void items_cut_init(struct items_cut *c, const struct items_options *o, struct items_shard shard);
/* The part of `chunk`, the bytes from items_cut_read_from() on and then those that follow, that
 * belongs to the shard; borrowed from it. */
struct slice items_cut_feed(struct items_cut *c, struct slice chunk);

/* What a handler is to be given before and after a shard's bytes, so that it reads valid data of
 * the format. */
struct items_around {
    struct slice before;
    struct slice after;
};
/* @param header  the input's header with its line break; borrowed for as long as the result */
struct items_around items_around(const struct items_options *o, struct slice header);

/* Between records that are put together anew, taken out of their places in objects (items_record
 * has them without line breaks); it goes behind the last one too, but for JSON's. */
struct slice items_separator(const struct items_options *o);

#endif
