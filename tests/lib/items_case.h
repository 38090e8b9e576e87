/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of worker/items share: chance from a seed, random texts of each format, chunkings,
 * and a reader of each format that goes byte by byte and is plainly right. Expects cmocka. */
#ifndef STEPFLEET_TESTS_ITEMS_CASE_H
#define STEPFLEET_TESTS_ITEMS_CASE_H

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/hash.h"
#include "proto/base/limits.h"
#include "worker/items/format.h"

static inline uint64_t case_random(uint64_t *seed)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    return hash_u64(*seed);
}

/* 0 .. n - 1 */
static inline size_t case_below(uint64_t *seed, size_t n)
{
    return (size_t)(case_random(seed) % n);
}

/* Off a text's front: a chunk of a random size, now and then of one byte; copied, so that a reader
 * past its end is seen. */
struct case_chunks {
    struct slice left;
    size_t most;
    uint64_t seed;
    char *copy;
};

static inline bool case_chunk(struct case_chunks *c, struct slice *out)
{
    size_t n = c->most <= 1 ? 1 : 1 + case_below(&c->seed, c->most);

    mem_free(c->copy);
    c->copy = NULL;
    if (c->left.len == 0) {
        return false;
    }
    n = n < c->left.len ? n : c->left.len;
    c->copy = mem_alloc(n);
    memcpy(c->copy, c->left.ptr, n);
    *out = slice_make(c->copy, n);
    c->left = slice_from(c->left, n);
    return true;
}

/* 1, or anything up to more than a block. */
static inline struct case_chunks case_chunks_of(struct slice text, uint64_t *seed)
{
    static const size_t most[] = {1, 3, 64, 100, 300, 5000};

    return (struct case_chunks){
        .left = text, .most = most[case_below(seed, 6)], .seed = case_random(seed)};
}

/* ---- Texts ---- */

static inline void case_space(uint64_t *seed, struct buf *out)
{
    static const char space[] = " \n\t\r";

    while (case_below(seed, 4) == 0) {
        size_t n = case_below(seed, 20) == 0 ? 80 : 1;

        while (n-- > 0) {
            buf_put_u8(out, (uint8_t)space[case_below(seed, 4)]);
        }
    }
}

static inline void case_string(uint64_t *seed, struct buf *out)
{
    static const char *const parts[] = {"a", "\\\"", "\\\\", "]",       "{",   ",",        "[",
                                        "}", ":",    " ",    "\\u0041", "\\n", "\xc3\xa9", "xyz"};

    buf_put_u8(out, '"');
    for (size_t n = case_below(seed, case_below(seed, 8) == 0 ? 90 : 6); n > 0; n--) {
        buf_put_str(out, parts[case_below(seed, 14)]);
    }
    buf_put_u8(out, '"');
}

static inline void case_value(uint64_t *seed, unsigned depth, struct buf *out)
{
    static const char *const scalars[] = {"1", "-2.5e3", "true", "false", "null", "12345678901"};
    size_t kind = case_below(seed, depth > 4 ? 3 : 6);

    if (kind < 2) {
        buf_put_str(out, scalars[case_below(seed, 6)]);
        return;
    }
    if (kind == 2) {
        case_string(seed, out);
        return;
    }
    buf_put_u8(out, kind == 3 ? '[' : '{');
    for (size_t n = case_below(seed, 4), i = 0; i < n; i++) {
        case_space(seed, out);
        if (i != 0) {
            buf_put_u8(out, ',');
            case_space(seed, out);
        }
        if (kind != 3) {
            case_string(seed, out);
            case_space(seed, out);
            buf_put_u8(out, ':');
            case_space(seed, out);
        }
        case_value(seed, depth + 1, out);
    }
    case_space(seed, out);
    buf_put_u8(out, kind == 3 ? ']' : '}');
}

static inline void case_json(uint64_t *seed, size_t count, struct buf *out)
{
    if (case_below(seed, 8) == 0) {
        buf_put_str(out, "\xef\xbb\xbf");
    }
    case_space(seed, out);
    buf_put_u8(out, '[');
    for (size_t i = 0; i < count; i++) {
        case_space(seed, out);
        if (i != 0) {
            buf_put_u8(out, ',');
            case_space(seed, out);
        }
        case_value(seed, 0, out);
    }
    case_space(seed, out);
    buf_put_u8(out, ']');
    case_space(seed, out);
}

static inline void case_field(uint64_t *seed, bool breaks, struct buf *out)
{
    static const char *const parts[] = {"a", "bc", "\"\"", ",", "\xc3\xa9", " ", "\n", "\r\n"};
    bool quoted = case_below(seed, 3) == 0;
    size_t n = case_below(seed, case_below(seed, 20) == 0 ? 100 : 5);

    buf_put_str(out, quoted ? "\"" : "");
    for (; n > 0; n--) {
        buf_put_str(out,
                    quoted ? parts[case_below(seed, breaks ? 8 : 6)] : parts[case_below(seed, 2)]);
    }
    buf_put_str(out, quoted ? "\"" : "");
}

static inline void case_csv(uint64_t *seed, size_t count, bool breaks, struct buf *out)
{
    buf_put_str(out, breaks && case_below(seed, 8) == 0 ? "\xef\xbb\xbf" : "");
    for (size_t i = 0; i < count; i++) {
        if (case_below(seed, 8) == 0) {
            buf_put_str(out, case_below(seed, 2) == 0 ? "\n" : "\r\n"); /* an empty line */
        }
        case_field(seed, breaks, out);
        for (size_t f = 0; f < 2; f++) {
            buf_put_u8(out, ',');
            case_field(seed, breaks, out);
        }
        if (i + 1 < count || case_below(seed, 2) == 0) {
            buf_put_str(out, case_below(seed, 3) == 0 ? "\r\n" : "\n");
        }
    }
}

static inline void case_lines(uint64_t *seed, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = case_below(seed, case_below(seed, 10) == 0 ? 300 : 12);

        while (n-- > 0) {
            buf_put_u8(out, (uint8_t)('a' + case_below(seed, 26)));
        }
        if (i + 1 < count || case_below(seed, 2) == 0) {
            buf_put_str(out, case_below(seed, 5) == 0 ? "\r\n" : "\n");
        }
    }
}

static inline struct slice
case_text(uint64_t *seed, const struct items_options *o, size_t count, struct buf *out)
{
    buf_reset(out);
    switch (o->format) {
    case ITEMS_JSON: case_json(seed, count, out); break;
    case ITEMS_CSV: case_csv(seed, count, o->quoted_breaks, out); break;
    case ITEMS_JSONL:
        for (size_t i = 0; i < count; i++) {
            buf_printf(out, "{\"i\":%zu}%s", i, i + 1 < count || i % 2 == 0 ? "\n" : "");
        }
        break;
    case ITEMS_AUTO:
    case ITEMS_LINES:
    case ITEMS_WHOLE: case_lines(seed, count, out); break;
    }
    return buf_slice(out);
}

/* A few bytes of it changed, for what is no longer of the format. */
static inline void case_damage(uint64_t *seed, struct buf *text)
{
    static const char bytes[] = "[]{},:\"\\ \n\r1a\xef";

    for (size_t n = 1 + case_below(seed, 3); n > 0 && text->len != 0; n--) {
        size_t at = case_below(seed, text->len);

        switch (case_below(seed, 3)) {
        case 0: text->ptr[at] = bytes[case_below(seed, sizeof(bytes) - 1)]; break;
        case 1: text->len = at; break;
        default:
            memmove(text->ptr + at, text->ptr + at + 1, text->len - at - 1);
            text->len--;
            break;
        }
    }
}

/* ---- The plain readers ---- */

struct case_records {
    struct slice *list; /* without their line breaks, of the text */
    size_t count;
    bool wrong;
    size_t wrong_at;
};

static inline void case_record(struct case_records *r, struct slice text, size_t from, size_t to)
{
    r->list = mem_realloc(r->list, (r->count + 1) * sizeof(*r->list));
    r->list[r->count++] = slice_make(text.ptr + from, to - from);
}

static inline size_t case_wrong(struct case_records *r, size_t at)
{
    if (!r->wrong) {
        r->wrong = true;
        r->wrong_at = at;
    }
    return SIZE_MAX;
}

static inline size_t case_skip_space(struct slice t, size_t i)
{
    while (i < t.len && strchr(" \n\r\t", t.ptr[i]) != NULL && t.ptr[i] != '\0') {
        i++;
    }
    return i;
}

static inline size_t case_skip_string(struct case_records *r, struct slice t, size_t i)
{
    for (size_t k = i + 1; k < t.len; k++) {
        if (t.ptr[k] == '\\') {
            k++;
        } else if (t.ptr[k] == '"') {
            return k + 1;
        }
    }
    return case_wrong(r, i);
}

static inline size_t case_skip_container(struct case_records *r, struct slice t, size_t i)
{
    char want[LIMIT_JSON_DEPTH];
    size_t depth = 0;

    while (i < t.len) {
        char c = t.ptr[i];

        if (c == '"') {
            i = case_skip_string(r, t, i);
            if (i == SIZE_MAX) {
                return i;
            }
            continue;
        }
        if (c == '\\') {
            return case_wrong(r, i);
        }
        if (c == '[' || c == '{') {
            if (depth + 1 == LIMIT_JSON_DEPTH) {
                return case_wrong(r, i);
            }
            want[depth++] = c == '[' ? ']' : '}';
        } else if (c == ']' || c == '}') {
            if (c != want[--depth]) {
                return case_wrong(r, i);
            }
            if (depth == 0) {
                return i + 1;
            }
        }
        i++;
    }
    return case_wrong(r, t.len);
}

static inline size_t case_skip_element(struct case_records *r, struct slice t, size_t i)
{
    if (i == t.len || strchr(",]}:\\", t.ptr[i]) != NULL) {
        return case_wrong(r, i);
    }
    if (t.ptr[i] == '"') {
        return case_skip_string(r, t, i);
    }
    if (t.ptr[i] == '[' || t.ptr[i] == '{') {
        return case_skip_container(r, t, i);
    }
    while (i < t.len && (t.ptr[i] == '\0' || strchr(" \n\r\t,[]{}:\"\\", t.ptr[i]) == NULL)) {
        i++;
    }
    return i;
}

static inline size_t case_mark(struct case_records *r, struct slice t)
{
    for (size_t i = 0; i < 3; i++) {
        if (i == t.len || t.ptr[i] != "\xef\xbb\xbf"[i]) {
            return i == 0 ? 0 : case_wrong(r, i);
        }
    }
    return 3;
}

static inline void case_read_json(struct case_records *r, struct slice t)
{
    size_t i = case_mark(r, t);

    if (i == SIZE_MAX) {
        return;
    }
    i = case_skip_space(t, i);
    if (i == t.len || t.ptr[i] != '[') {
        (void)case_wrong(r, i);
        return;
    }
    i = case_skip_space(t, i + 1);
    if (i == t.len || t.ptr[i] != ']') {
        for (;;) {
            size_t from = i;

            i = case_skip_element(r, t, i);
            if (i == SIZE_MAX) {
                return;
            }
            case_record(r, t, from, i);
            i = case_skip_space(t, i);
            if (i == t.len || (t.ptr[i] != ',' && t.ptr[i] != ']')) {
                (void)case_wrong(r, i);
                return;
            }
            if (t.ptr[i] == ']') {
                break;
            }
            i = case_skip_space(t, i + 1);
        }
    }
    i = case_skip_space(t, i + 1);
    if (i != t.len) {
        (void)case_wrong(r, i);
    }
}

/* CSV with quoted line breaks; records as they stand, blank ones too. */
static inline void case_read_csv(struct case_records *r, struct slice t, char delimiter)
{
    enum { BEGIN, PLAIN, QUOTED, CLOSED } state = BEGIN;
    size_t i = case_mark(r, t);
    size_t from = i;
    size_t quote = 0;

    for (; i < t.len; i++) {
        char c = t.ptr[i];

        if (state == QUOTED) {
            state = c == '"' ? CLOSED : QUOTED;
        } else if (c == '"' && state != PLAIN) {
            quote = state == BEGIN ? i : quote;
            state = QUOTED;
        } else if (c == '"' || (state == CLOSED && c != delimiter && c != '\r' && c != '\n')) {
            (void)case_wrong(r, i);
            return;
        } else if (c == '\n') {
            case_record(r, t, from, i);
            from = i + 1;
            state = BEGIN;
        } else {
            state = c == delimiter ? BEGIN : PLAIN;
        }
    }
    if (i == SIZE_MAX) {
        return;
    }
    if (state == QUOTED) {
        (void)case_wrong(r, quote);
    } else if (from < t.len) {
        case_record(r, t, from, t.len);
    }
}

static inline void case_read_lines(struct case_records *r, struct slice t)
{
    while (t.len != 0) {
        size_t n = slice_find(t, '\n');

        case_record(r, t, 0, n);
        t = slice_from(t, n + 1);
    }
}

static inline struct case_records case_read(const struct items_options *o, struct slice t)
{
    struct case_records r = {0};

    if (o->format == ITEMS_JSON) {
        case_read_json(&r, t);
    } else if (items_needs_scan(o)) {
        case_read_csv(&r, t, o->delimiter);
    } else {
        case_read_lines(&r, t);
    }
    return r;
}

/* Is a line no record? */
static inline bool case_blank(const struct items_options *o, struct slice s)
{
    size_t i = 0;

    while (i < s.len && (s.ptr[i] == '\r' || (o->format == ITEMS_JSONL && s.ptr[i] == ' '))) {
        i++;
    }
    return i == s.len && (o->format == ITEMS_JSONL || o->format == ITEMS_CSV);
}

#endif
