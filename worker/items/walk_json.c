/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON array, a block at a time. Inside an element only brackets are looked at one by one;
 * between elements also commas and what begins there. Source: RFC 8259. */
#include "worker/items/block.h"
#include "worker/items/walk.h"

/* What the bytes of a block are. Those of the second group are found only where the walk is between
 * elements. */
struct json_block {
    const char *p;
    size_t n;
    uint64_t stop_at;
    uint64_t quotes;
    uint64_t inside;
    uint64_t open;
    uint64_t close;

    bool between;
    uint64_t content; /* not white space */
    uint64_t events;  /* what the state moves by */
};

static void json_find_between(const struct items_walk *w, struct json_block *b)
{
    uint64_t space = block_find(b->p, ' ') | block_find(b->p, '\n') | block_find(b->p, '\r') |
                     block_find(b->p, '\t');
    uint64_t marks =
        b->open | b->close | ((block_find(b->p, ',') | block_find(b->p, ':')) & ~b->inside);
    uint64_t scalar = ~(space | marks | b->quotes | b->inside);

    b->content = (~space | b->inside) & block_low(b->n);
    b->events = marks | (b->quotes & b->inside) | (scalar & ~(scalar << 1 | (uint64_t)w->scalar));
    b->between = true;
}

static void json_push(struct items_walk *w, const struct json_block *b, unsigned i)
{
    uint64_t bit = UINT64_C(1) << (w->depth % 64);
    uint64_t *kinds = &w->kinds[w->depth / 64];

    if (w->depth == LIMIT_JSON_DEPTH) {
        walk_wrong(w, ERR_TOO_LARGE, w->at + i, "no deeper nesting");
        return;
    }
    *kinds = b->p[i] == '{' ? *kinds | bit : *kinds & ~bit;
    w->depth++;
}

static void json_pop(struct items_walk *w, const struct json_block *b, unsigned i)
{
    uint32_t depth = w->depth - 1;
    bool object = (w->kinds[depth / 64] >> (depth % 64) & 1) != 0;

    if ((b->p[i] == '}') != object) {
        walk_wrong(w, ERR_JSON, w->at + i, object ? "'}'" : "']'");
        return;
    }
    w->depth = depth;
}

/* The element before byte `i` of the block has ended. */
static void json_end(struct items_walk *w, const struct json_block *b, unsigned i)
{
    uint64_t content = b->content & ~block_above(i) & ~(UINT64_C(1) << i);

    if (content != 0) {
        w->end = w->at + block_last(content);
    }
}

static void json_begin(struct items_walk *w, const struct json_block *b, unsigned i)
{
    if (w->state == WALK_AFTER) {
        walk_wrong(w, ERR_JSON, w->at + i, w->inside ? "','" : "',' or ']'");
        return;
    }
    if (w->records++ == 0) {
        w->first = w->at + i;
    }
    w->state = WALK_AFTER;
    if ((b->open >> i & 1) != 0) {
        json_push(w, b, i);
    }
}

static void json_close(struct items_walk *w, const struct json_block *b, unsigned i)
{
    if (w->inside || w->state == WALK_VALUE || b->p[i] != ']') {
        walk_wrong(w, ERR_JSON, w->at + i, w->state == WALK_AFTER ? "',' or ']'" : "an element");
        return;
    }
    if (w->state == WALK_AFTER) {
        json_end(w, b, i);
    }
    w->close = w->at + i;
    w->state = WALK_END;
    w->depth = 0;
}

/* Outside of the array. */
static void json_outside(struct items_walk *w, const struct json_block *b, unsigned i)
{
    if (w->state == WALK_END) {
        walk_wrong(w, ERR_JSON, w->at + i, "nothing after the array");
    } else if (b->p[i] != '[') {
        walk_wrong(w, ERR_JSON, w->at + i, "'[' of an array");
    } else {
        json_push(w, b, i);
        w->state = WALK_FIRST;
    }
}

/* Byte `i`, between elements. False: it is where to stop. */
static bool json_event(struct items_walk *w, const struct json_block *b, unsigned i)
{
    if (w->depth == 0) {
        json_outside(w, b, i);
    } else if (b->p[i] == ',') {
        if (w->state != WALK_AFTER) {
            walk_wrong(w, ERR_JSON, w->at + i, "an element");
            return true;
        }
        json_end(w, b, i);
        w->state = WALK_VALUE;
    } else if ((b->close >> i & 1) != 0) {
        json_close(w, b, i);
    } else if (b->p[i] == ':') {
        walk_wrong(w, ERR_JSON, w->at + i, w->state == WALK_AFTER ? "','" : "an element");
    } else if (w->state != WALK_AFTER && w->at + i >= b->stop_at) {
        return false;
    } else {
        json_begin(w, b, i);
    }
    return true;
}

/* Over the bytes of `todo`. Gives where to stop, or n. */
static size_t json_bytes(struct items_walk *w, struct json_block *b, uint64_t todo)
{
    while (w->wrong == OK) {
        bool between = w->depth <= 1;
        uint64_t next;
        unsigned i;

        if (between && !b->between) {
            json_find_between(w, b);
        }
        next = (between ? b->events : b->open | b->close) & todo;
        if (next == 0) {
            break;
        }
        i = block_first(next);
        todo &= block_above(i);
        if (between) {
            if (!json_event(w, b, i)) {
                return i;
            }
        } else if ((b->open >> i & 1) != 0) {
            json_push(w, b, i);
        } else {
            json_pop(w, b, i);
        }
    }
    return b->n;
}

/* What the next block has to know. */
static void json_carry(struct items_walk *w, const struct json_block *b)
{
    uint64_t opened = b->quotes & b->inside;

    w->quoted = (b->inside >> (b->n - 1) & 1) != 0;
    if (w->quoted && opened != 0) {
        w->quote_at = w->at + block_last(opened) - 1;
    }
    if (w->depth == 1 && b->between) {
        uint64_t content = b->content;
        uint64_t last = UINT64_C(1) << (b->n - 1);
        bool mark = ((b->open | b->close | b->quotes) & last) != 0 || b->p[b->n - 1] == ',';

        w->scalar = (content & last) != 0 && !w->quoted && !mark;
        if (w->state == WALK_AFTER && content != 0) {
            w->end = w->at + block_last(content);
        }
    } else {
        w->scalar = false;
    }
}

size_t walk_json_block(struct items_walk *w, const char *p, size_t n, uint64_t stop_at)
{
    struct json_block b = {.p = p, .n = n, .stop_at = stop_at};
    uint64_t slashes = block_find(p, '\\') & block_low(n);
    uint64_t todo = block_low(n);
    uint64_t stray;
    size_t walked;

    b.quotes = block_find(p, '"') & todo;
    if (slashes != 0 || w->escaped) {
        b.quotes &= ~block_escaped(slashes, &w->escaped, n);
    }
    b.inside = block_inside(b.quotes, w->quoted);
    b.open = block_find_folded(p, '{', 0x20) & ~b.inside;
    b.close = block_find_folded(p, '}', 0x20) & ~b.inside;
    stray = slashes & ~b.inside;
    if (stray != 0) {
        todo &= ~block_above(block_first(stray));
    }
    walked = json_bytes(w, &b, todo);
    if (walked < n) {
        w->quoted = w->escaped = w->scalar = false;
        return walked;
    }
    if (stray != 0) {
        walk_wrong(w, ERR_JSON, w->at + block_first(stray), "no '\\' outside a string");
    }
    json_carry(w, &b);
    return n;
}
