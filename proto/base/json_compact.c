/* SPDX-License-Identifier: Apache-2.0 */
/* Is a text already what json_write would make of it? One pass without a tape. A "yes" is always
 * right for JSON text; a "no" may be too careful: for objects of very many keys, for keys gone
 * through too many levels, and for escaped surrogates. For what is not JSON the answer means
 * nothing, but it is given without harm. */
#include "proto/base/json.h"

#include "proto/base/json_tape.h"
#include "proto/base/limits.h"

enum {
    COMPACT_KEYS = 32,      /* of one object: compared one by one */
    COMPACT_KEYS_OPEN = 256 /* of all objects open at once */
};

struct compact {
    size_t depth;
    size_t key_count;
    struct slice keys[COMPACT_KEYS_OPEN]; /* of the open objects, outermost first */
    uint16_t bases[LIMIT_JSON_DEPTH];     /* where the keys of each level begin */
};

/* Is the escape at p the one json_write uses? Its length, or 0. */
static size_t canonical_escape(const char *p, const char *end)
{
    char high;
    char low;

    if (end - p >= 2 && memchr("\"\\bfnrt", p[1], 7) != NULL) {
        return 2;
    }
    if (end - p < 6 || memcmp(p, "\\u00", 4) != 0) {
        return 0;
    }
    high = p[4];
    low = p[5];
    if (high == '0') { /* 08, 09, 0a, 0c, 0d have names */
        return (low >= '0' && low <= '7') || low == 'b' || low == 'e' || low == 'f' ? 6 : 0;
    }
    return high == '1' && ((low >= '0' && low <= '9') || (low >= 'a' && low <= 'f')) ? 6 : 0;
}

/* The closing quote of the string that begins at p, after its opening one; NULL where it is not
 * canonical. */
static const char *compact_string(const char *p, const char *end)
{
    for (;;) {
        p = json_plain_end(p, end);
        if (p == end) {
            return NULL;
        }
        if (*p == '"') {
            return p;
        }
        if (*p == '\\') {
            size_t n = canonical_escape(p, end);

            if (n == 0) {
                return NULL;
            }
            p += n;
        } else {
            while (p != end && (uint8_t)*p >= 0x80) {
                p++;
            }
            if (p != end && (uint8_t)*p < 0x20) {
                return NULL;
            }
        }
    }
}

/* Remember a key of the innermost object; false where it is there already, or no room is. */
static bool compact_key(struct compact *c, struct slice key)
{
    size_t base;

    if (c->depth == 0) {
        return false;
    }
    base = c->bases[c->depth - 1];
    if (c->key_count - base == COMPACT_KEYS || c->key_count == COMPACT_KEYS_OPEN) {
        return false;
    }
    for (size_t i = base; i < c->key_count; i++) {
        if (slice_eq(c->keys[i], key)) {
            return false;
        }
    }
    c->keys[c->key_count++] = key;
    return true;
}

static bool compact_bracket(struct compact *c, char bracket)
{
    if (bracket == '{' || bracket == '[') {
        if (c->depth == LIMIT_JSON_DEPTH) {
            return false;
        }
        c->bases[c->depth++] = (uint16_t)c->key_count;
        return true;
    }
    if (c->depth == 0) {
        return false;
    }
    c->key_count = c->bases[--c->depth];
    return true;
}

bool json_is_compact(struct slice text)
{
    const char *p = text.len != 0 ? text.ptr : "";
    const char *end = p + text.len;
    struct compact c;

    c.depth = 0;
    c.key_count = 0;
    while (p != end) {
        char ch = *p++;

        if (ch == '"') {
            const char *start = p;

            p = compact_string(p, end);
            if (p == NULL) {
                return false;
            }
            p++;
            if (p != end && *p == ':' &&
                !compact_key(&c, slice_make(start, (size_t)(p - start) - 1))) {
                return false;
            }
        } else if (ch <= ' ') {
            return false;
        } else if ((ch == '{' || ch == '[' || ch == '}' || ch == ']') && !compact_bracket(&c, ch)) {
            return false;
        }
    }
    return text.len != 0;
}
