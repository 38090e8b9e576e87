/* SPDX-License-Identifier: Apache-2.0 */
/* Tape to text. A walk with its own stack, so that depth costs no recursion: the first levels lie
 * in the frame of the function, deeper ones (only built values have them) in a buffer. Source: RFC
 * 8259; only what must be escaped is, in the shortest way, hexadecimal in lower case. */
#include "proto/base/json.h"

#include <assert.h>

#include "proto/base/json_tape.h"
#include "proto/base/utf8.h"

enum {
    WALK_LEVELS = 64,
    WRITE_SLACK = 16, /* room() never asks for more than is written next, and this */
};

struct level {
    const struct json_node *at; /* next element or key; the end where none is left */
    const struct json_node *end;
    bool object;
};

struct walk {
    size_t depth;
    struct buf deep; /* levels past the first */
    struct level levels[WALK_LEVELS];
};

static struct level *walk_push(struct walk *w, const struct json_node *container)
{
    struct level *level;

    if (w->depth < WALK_LEVELS) {
        level = &w->levels[w->depth];
    } else {
        level = (struct level *)(void *)buf_reserve(&w->deep, sizeof(*level));
        w->deep.len += sizeof(*level);
    }
    level->at = container + 1;
    level->end = container + container->u.span;
    level->object = container->type == JSON_OBJECT;
    level->at = json_alive(level->at, level->end, level->object);
    w->depth++;
    return level;
}

/* Leave the innermost level; the one around it, or NULL. */
static struct level *walk_pop(struct walk *w)
{
    if (--w->depth == 0) {
        return NULL;
    }
    if (w->depth < WALK_LEVELS) {
        return &w->levels[w->depth - 1];
    }
    w->deep.len -= sizeof(struct level);
    return w->depth == WALK_LEVELS
               ? &w->levels[WALK_LEVELS - 1]
               : (struct level *)(void *)(w->deep.ptr + w->deep.len - sizeof(struct level));
}

/* First byte at or after p that cannot be written as it is. */
static const char *clean_end(const char *p, const char *end)
{
    for (;;) {
        p = json_plain_end(p, end);
        while (p != end && (uint8_t)*p >= 0x80) {
            size_t n = utf8_sequence(p, end);

            if (n == 0) {
                return p;
            }
            p += n;
        }
        if (p == end || (uint8_t)*p < 0x20 || *p == '"' || *p == '\\') {
            return p;
        }
    }
}

static size_t put_hex_escape(uint32_t unit, char out[6])
{
    static const char digits[] = "0123456789abcdef";

    out[0] = '\\';
    out[1] = 'u';
    for (unsigned i = 0; i < 4; i++) {
        out[2 + i] = digits[(unit >> (12 - 4 * i)) & 15];
    }
    return 6;
}

/* What stands for the byte, surrogate or broken UTF-8 at p: its length; *p moves past it. */
static size_t put_escape(const char **p, const char *end, char out[6])
{
    static const char values[] = "\b\f\n\r\t\"\\";
    static const char names[] = "bfnrt\"\\";
    const char *at = *p;
    const char *found = memchr(values, *at, sizeof(values) - 1);

    ++*p;
    if (found != NULL) {
        out[0] = '\\';
        out[1] = names[found - values];
        return 2;
    }
    if ((uint8_t)*at < 0x20) {
        return put_hex_escape((uint8_t)*at, out);
    }
    if ((uint8_t)*at == 0xed && end - at >= 3 && utf8_is_tail(at[1]) && utf8_is_tail(at[2])) {
        *p = at + 3;
        return put_hex_escape(utf8_decode(at, 3), out); /* a surrogate: all else from ed is valid */
    }
    return utf8_encode(0xfffd, out);
}

static size_t string_bytes(struct slice s)
{
    const char *p = s.len != 0 ? s.ptr : "";
    const char *end = p + s.len;
    size_t n = 2;
    char escape[6];

    for (;;) {
        const char *run = p;

        p = clean_end(p, end);
        n += (size_t)(p - run);
        if (p == end) {
            return n;
        }
        n += put_escape(&p, end, escape);
    }
}

struct writer {
    char *p;
    char *end;
    struct buf *out;
    bool pretty;
};

static void writer_grow(struct writer *w, size_t more)
{
    w->out->len = (size_t)(w->p - w->out->ptr);
    w->p = buf_reserve(w->out, more);
    w->end = w->out->ptr + w->out->cap;
}

static struct writer writer_open(struct buf *out, bool pretty)
{
    struct writer w = {.out = out, .pretty = pretty};

    w.p = buf_reserve(out, WRITE_SLACK);
    w.end = out->ptr + out->cap;
    return w;
}

static void writer_close(struct writer *w)
{
    w->out->len = (size_t)(w->p - w->out->ptr);
}

static inline void room(struct writer *w, size_t more)
{
    if ((size_t)(w->end - w->p) < more) {
        writer_grow(w, more);
    }
}

/* memcpy, whose call costs more than the copy for most keys and values. */
static inline char *put_bytes(char *p, const char *from, size_t len)
{
    if (len > 16) {
        memcpy(p, from, len);
    } else if (len >= 8) {
        memcpy(p, from, 8);
        memcpy(p + len - 8, from + len - 8, 8);
    } else if (len >= 4) {
        memcpy(p, from, 4);
        memcpy(p + len - 4, from + len - 4, 4);
    } else {
        for (size_t i = 0; i < len; i++) {
            p[i] = from[i];
        }
    }
    return p + len;
}

static void write_escaped(struct writer *w, struct slice s)
{
    const char *p = s.len != 0 ? s.ptr : "";
    const char *end = p + s.len;

    room(w, 1);
    *w->p++ = '"';
    for (;;) {
        const char *run = p;

        p = clean_end(p, end);
        room(w, (size_t)(p - run) + 8);
        w->p = put_bytes(w->p, run, (size_t)(p - run));
        if (p == end) {
            break;
        }
        w->p += put_escape(&p, end, w->p);
    }
    *w->p++ = '"';
}

static inline void write_string(struct writer *w, const struct json_node *v)
{
    char *p;

    if ((v->flags & JSON_PLAIN) == 0) {
        write_escaped(w, json_node_text(v));
        return;
    }
    room(w, (size_t)v->len + 2);
    p = w->p;
    *p++ = '"';
    p = put_bytes(p, v->u.text, v->len);
    *p++ = '"';
    w->p = p;
}

/* Text of what is neither a string nor a number nor a container with something in it. */
static struct slice word_of(const struct json_node *v)
{
    static const struct slice words[] = {
        [JSON_NULL] = SLICE_INIT("null"), [JSON_FALSE] = SLICE_INIT("false"),
        [JSON_TRUE] = SLICE_INIT("true"), [JSON_NUMBER] = SLICE_INIT(""),
        [JSON_STRING] = SLICE_INIT(""),   [JSON_ARRAY] = SLICE_INIT("[]"),
        [JSON_OBJECT] = SLICE_INIT("{}"),
    };

    return words[v->type];
}

static inline void write_leaf(struct writer *w, const struct json_node *v)
{
    struct slice text;

    if (v->type == JSON_STRING) {
        write_string(w, v);
        return;
    }
    text = v->type == JSON_NUMBER ? json_node_text(v) : word_of(v);
    room(w, text.len);
    w->p = put_bytes(w->p, text.ptr, text.len);
}

static inline void write_char(struct writer *w, char c)
{
    room(w, 1);
    *w->p++ = c;
}

/* For people: a new line, indented. */
static void write_line(struct writer *w, size_t depth)
{
    room(w, 1 + 2 * depth);
    *w->p++ = '\n';
    memset(w->p, ' ', 2 * depth);
    w->p += 2 * depth;
}

/* The next value of the level, its name written where it has one. */
static inline const struct json_node *
write_next(struct writer *w, const struct walk *walk, struct level *level)
{
    const struct json_node *v = level->at;

    if (w->pretty) {
        write_line(w, walk->depth);
    }
    if (level->object) {
        write_string(w, v);
        write_char(w, ':');
        if (w->pretty) {
            write_char(w, ' ');
        }
        v++;
    }
    level->at = json_alive(v + json_run(v), level->end, level->object);
    return v;
}

static void write_tree(struct writer *w, const struct json_node *v)
{
    struct walk walk;
    struct level *level = NULL;

    walk.depth = 0;
    walk.deep = (struct buf){0};
    for (;;) {
        v = json_resolve(v);
        if (json_is_container(v) && v->len != 0) {
            write_char(w, v->type == JSON_OBJECT ? '{' : '[');
            level = walk_push(&walk, v);
        } else {
            write_leaf(w, v);
            while (level != NULL && level->at == level->end) {
                char close = level->object ? '}' : ']';

                level = walk_pop(&walk);
                if (w->pretty) {
                    write_line(w, walk.depth);
                }
                write_char(w, close);
            }
            if (level == NULL) {
                break;
            }
            write_char(w, ',');
        }
        v = write_next(w, &walk, level);
    }
    buf_fini(&walk.deep);
}

void json_write(const struct json_node *v, struct buf *out)
{
    struct writer w = writer_open(out, false);

    write_tree(&w, v);
    writer_close(&w);
}

void json_write_pretty(const struct json_node *v, struct buf *out)
{
    struct writer w = writer_open(out, true);

    write_tree(&w, v);
    writer_close(&w);
}

void json_write_string(struct slice s, struct buf *out)
{
    struct writer w = writer_open(out, false);

    write_escaped(&w, s);
    writer_close(&w);
}

struct slice json_print(const struct json_node *v, struct arena *a)
{
    size_t len = json_written_bytes(v);
    struct buf out = {.cap = len + WRITE_SLACK};
    char *text = arena_alloc(a, out.cap);

    out.ptr = text;
    json_write(v, &out);
    assert(out.ptr == text && out.len == len);
    return buf_slice(&out);
}

/* What a node adds to the text by itself: brackets, commas and colons are its container's. */
static size_t node_bytes(const struct json_node *v)
{
    switch ((enum json_type)v->type) {
    case JSON_STRING:
        return (v->flags & JSON_PLAIN) != 0 ? (size_t)v->len + 2 : string_bytes(json_node_text(v));
    case JSON_NUMBER: return v->len;
    case JSON_ARRAY: return v->len == 0 ? 2 : 1 + (size_t)v->len;
    case JSON_OBJECT: return v->len == 0 ? 2 : 1 + 2 * (size_t)v->len;
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE: break;
    }
    return word_of(v).len;
}

/* Add up runs of nodes in the order they stand; those that references lead to wait in `runs`. */
static size_t run_bytes(struct buf *runs, const struct json_node *at, const struct json_node *end)
{
    size_t n = 0;

    while (at != end) {
        if (at->type == JSON_REFERENCE) {
            buf_put(runs, &at->u.target, sizeof(at->u.target));
            at += at->len;
        } else if ((at->flags & JSON_DEAD) != 0) {
            at += 1 + json_run(at + 1);
        } else {
            n += node_bytes(at++);
        }
    }
    return n;
}

size_t json_written_bytes(const struct json_node *v)
{
    struct buf runs = {0};
    size_t n;

    v = json_resolve(v);
    n = run_bytes(&runs, v, v + json_run(v));
    while (runs.len != 0) {
        runs.len -= sizeof(v);
        memcpy(&v, runs.ptr + runs.len, sizeof(v));
        n += run_bytes(&runs, v, v + json_run(v));
    }
    buf_fini(&runs);
    return n;
}
