/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/cut.h"

void items_cut_init(struct items_cut *c, const struct items_options *o, struct items_shard shard)
{
    bool exact = items_needs_scan(o) || o->format == ITEMS_WHOLE;
    bool first = exact || shard.from == 0;

    *c = (struct items_cut){
        .from = shard.from,
        .to = shard.to,
        .at = first ? shard.from : shard.from - 1,
        .begins = shard.from,
        .exact = exact,
        .state = shard.from == shard.to ? CUT_DONE
                 : first                ? CUT_IN
                                        : CUT_SEEK,
    };
}

/* Bytes of `chunk` up to and with the first line break at offset `from` or later; UINT64_MAX: none.
 */
static uint64_t cut_line_end(const struct items_cut *c, struct slice chunk, uint64_t from)
{
    uint64_t skip = from > c->at ? from - c->at : 0;
    struct slice rest;
    size_t n;

    if (skip >= chunk.len) {
        return UINT64_MAX;
    }
    rest = slice_from(chunk, (size_t)skip);
    n = slice_find(rest, '\n');
    return n == rest.len ? UINT64_MAX : skip + n + 1;
}

/* Bytes of `chunk` before the run begins. A line break that is the shard's last byte begins none
 * here, so that within a long record no more than the shard is looked at. */
static size_t cut_seek(struct items_cut *c, struct slice chunk)
{
    uint64_t begin = cut_line_end(c, chunk, c->from - 1);

    if (begin == UINT64_MAX) {
        begin = chunk.len;
        if (c->at + begin + 1 < c->to) {
            return chunk.len;
        }
        c->begins = c->to;
    } else {
        c->begins = c->at + begin;
    }
    c->state = c->begins >= c->to ? CUT_DONE : CUT_IN;
    return (size_t)begin;
}

/* Bytes of `chunk` up to the run's end. */
static size_t cut_end(struct items_cut *c, struct slice chunk)
{
    uint64_t end = c->exact ? c->to - c->at : cut_line_end(c, chunk, c->to - 1);

    if (end > chunk.len) {
        return chunk.len;
    }
    c->state = CUT_DONE;
    return (size_t)end;
}

struct slice items_cut_feed(struct items_cut *c, struct slice chunk)
{
    size_t begin = c->state == CUT_SEEK ? cut_seek(c, chunk) : 0;
    size_t end = begin;

    if (c->state == CUT_IN) {
        end = cut_end(c, chunk);
    }
    c->at += chunk.len;
    return slice_head(slice_from(chunk, begin), end - begin);
}

struct items_around items_around(const struct items_options *o, struct slice header)
{
    switch (o->format) {
    case ITEMS_JSON: return (struct items_around){SLICE("["), SLICE("]")};
    case ITEMS_CSV: return (struct items_around){o->header ? header : SLICE(""), SLICE("")};
    case ITEMS_AUTO:
    case ITEMS_LINES:
    case ITEMS_JSONL:
    case ITEMS_WHOLE: break;
    }
    return (struct items_around){SLICE(""), SLICE("")};
}

struct slice items_separator(const struct items_options *o)
{
    return o->format == ITEMS_JSON    ? SLICE(",\n") /* for handlers that read line by line */
           : o->format == ITEMS_WHOLE ? SLICE("")
                                      : SLICE("\n");
}
