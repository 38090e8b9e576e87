/* SPDX-License-Identifier: Apache-2.0 */
/* Lines, and CSV whose quoted fields may hold line breaks, a block at a time. Each quote turns
 * inside into outside and back, a doubled one twice; so that this stays true a quote must stand
 * where a field begins or ends, which is checked. Source: RFC 4180. */
#include "worker/items/block.h"
#include "worker/items/walk.h"

/* What the quotes of a block make of it. */
struct line_quotes {
    uint64_t inside; /* bytes that line breaks and delimiters do not count in */
    uint64_t opened; /* quotes that begin a field */
    unsigned bad;    /* the first byte that breaks the rule, or 64 */
};

static struct line_quotes
line_quotes(const struct items_walk *w, const char *p, uint64_t valid, uint64_t quotes)
{
    uint64_t inside = block_inside(quotes, w->quoted);
    uint64_t edge = (block_find(p, w->delimiter) | block_find(p, '\n') | quotes) & valid;
    uint64_t opens = quotes & inside;
    uint64_t behind = ((quotes & ~inside) << 1 | (uint64_t)w->closed) & valid;
    uint64_t bad =
        (opens & ~(edge << 1 | (uint64_t)w->may_open)) | (behind & ~(edge | block_find(p, '\r')));

    return (struct line_quotes){
        .inside = inside,
        .opened = opens & ~behind,
        .bad = bad == 0 ? BLOCK_BYTES : block_first(bad),
    };
}

static void line_wrong(struct items_walk *w, char c, unsigned i)
{
    walk_wrong(w, ERR_VALIDATION, w->at + i,
               c == '"' ? "no '\"' within a field that does not begin with one"
                        : "a delimiter or a line break after the closing '\"'");
}

/* The first record of `starts` at or behind stop_at, or n. */
static size_t line_stop(const struct items_walk *w, uint64_t starts, size_t n, uint64_t stop_at)
{
    uint64_t skip = stop_at > w->at ? stop_at - w->at : 0;

    if (skip >= n) {
        return n;
    }
    starts &= ~UINT64_C(0) << skip;
    return starts == 0 ? n : block_first(starts);
}

static void line_count(struct items_walk *w, uint64_t starts)
{
    if (starts == 0) {
        return;
    }
    if (w->records == 0) {
        w->first = w->at + block_first(starts);
    }
    w->records += block_count(starts);
    w->end = w->at + block_last(starts) - 1;
}

static void line_carry(struct items_walk *w, const char *p, size_t n, const struct line_quotes *q)
{
    char last = p[n - 1];

    w->quoted = (q->inside >> (n - 1) & 1) != 0;
    if (q->opened != 0) {
        w->quote_at = w->at + block_last(q->opened) - 1;
    }
    w->fresh = last == '\n' && !w->quoted && !w->whole;
    w->closed = w->quotes && last == '"' && !w->quoted;
    w->may_open = last == '\n' || last == '"' || last == w->delimiter;
}

size_t walk_line_block(struct items_walk *w, const char *p, size_t n, uint64_t stop_at)
{
    uint64_t valid = block_low(n);
    uint64_t quotes = w->quotes ? block_find(p, '"') & valid : 0;
    uint64_t breaks = w->whole ? 0 : block_find(p, '\n') & valid;
    struct line_quotes q = {.bad = BLOCK_BYTES};
    uint64_t starts;
    size_t stop;

    if (quotes != 0 || w->quoted || w->closed) {
        q = line_quotes(w, p, valid, quotes);
        breaks &= ~q.inside;
    }
    starts = (breaks << 1 | (uint64_t)w->fresh) & valid;
    stop = line_stop(w, starts, n, stop_at);
    if (q.bad < stop) {
        line_wrong(w, p[q.bad], q.bad);
        return n;
    }
    if (stop < n) {
        line_count(w, starts & ~(~UINT64_C(0) << stop));
        w->end = w->at + stop;
        w->quoted = w->closed = false;
        w->fresh = w->may_open = true;
        return stop;
    }
    line_count(w, starts);
    line_carry(w, p, n, &q);
    return n;
}
