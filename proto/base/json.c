/* SPDX-License-Identifier: Apache-2.0 */
/* Text to tape, and reading the tape. The parser is a loop, not a recursion: an open container
 * keeps its parent's place where its span will be. It visits each byte once, and each key once more
 * when its object closes, to find keys that came twice (json_keys.c). Building is in json_build.c,
 * writing in json_write.c, the values of numbers and equality in json_value.c. Source: RFC 8259;
 * what the tape looks like: json_tape.h. */
#include "proto/base/json.h"

#include <assert.h>

#include "proto/base/json_tape.h"
#include "proto/base/limits.h"
#include "proto/base/utf8.h"

enum {
    TAPE_NODES_MIN = 8,
    TAPE_NODES_FIRST = 1024, /* at most so many before the text shows what it needs */
    TAPE_BYTES_A_NODE = 10,  /* of text, as documents go */
};

const struct json_node json_node_null = {.type = JSON_NULL};

struct parser {
    const char *end;
    struct json_node *tape;
    size_t count;
    size_t cap;
    size_t open;  /* index of the innermost open container */
    size_t depth; /* containers open */
    struct arena *a;
    struct json_keys keys;
    enum err_code wrong;
    const char *wrong_at;
    const char *expected;
};

static const char *parse_wrong(struct parser *ps, const char *at, const char *expected)
{
    ps->wrong = ERR_JSON;
    ps->wrong_at = at;
    ps->expected = expected;
    return NULL;
}

static void tape_grow(struct parser *ps, size_t cap)
{
    ps->tape = arena_grow(ps->a, ps->tape, ps->cap * sizeof(*ps->tape), cap * sizeof(*ps->tape));
    ps->cap = cap;
}

static inline struct json_node *tape_push(struct parser *ps)
{
    if (ps->count == ps->cap) {
        tape_grow(ps, ps->cap * 2);
    }
    return &ps->tape[ps->count++];
}

static inline bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static inline const char *skip_space(const char *p, const char *end)
{
    while (p != end && is_space(*p)) {
        p++;
        while (end - p >= 8 && utf8_load8(p) == UTF8_ONES * ' ') {
            p += 8;
        }
    }
    return p;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline const char *skip_digits(const char *p, const char *end)
{
    while (p != end && is_digit(*p)) {
        p++;
    }
    return p;
}

/* Of a number, from the point or the exponent on. */
static const char *parse_number_rest(struct parser *ps, const char *p)
{
    const char *end = ps->end;
    const char *from;

    if (p != end && *p == '.') {
        from = ++p;
        p = skip_digits(p, end);
        if (p == from) {
            return parse_wrong(ps, p, "expected a digit");
        }
    }
    if (p != end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p != end && (*p == '+' || *p == '-')) {
            p++;
        }
        from = p;
        p = skip_digits(p, end);
        if (p == from) {
            return parse_wrong(ps, p, "expected a digit");
        }
    }
    return p;
}

static const char *parse_number(struct parser *ps, const char *p)
{
    const char *end = ps->end;
    const char *start = p;
    const char *first;
    const char *whole;

    p += *p == '-';
    first = p;
    p = skip_digits(p, end);
    if (p == first) {
        return parse_wrong(ps, p, "expected a digit");
    }
    if (*first == '0' && p - first > 1) {
        return parse_wrong(ps, first + 1, "expected no digit after a leading 0");
    }
    whole = p;
    if (p != end && (*p == '.' || *p == 'e' || *p == 'E')) {
        p = parse_number_rest(ps, p);
        if (p == NULL) {
            return NULL;
        }
    }
    *tape_push(ps) = (struct json_node){
        .type = JSON_NUMBER,
        .flags = p == whole ? JSON_INTEGER : 0,
        .len = (uint32_t)(p - start),
        .u.text = start,
    };
    return p;
}

static const char *
parse_literal(struct parser *ps, const char *p, struct slice literal, enum json_type type)
{
    if (!slice_starts_with(slice_make(p, (size_t)(ps->end - p)), literal)) {
        return parse_wrong(ps, p, "expected a value");
    }
    *tape_push(ps) = (struct json_node){.type = (uint8_t)type};
    return p + literal.len;
}

const char *json_plain_end(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t w = utf8_load8(p);
        uint64_t quote = w ^ (UTF8_ONES * '"');
        uint64_t slash = w ^ (UTF8_ONES * '\\');
        /* The lowest high bit set is right; those above it may come from a borrow. */
        uint64_t stop =
            ((w - UTF8_ONES * 0x20) | (quote - UTF8_ONES) | (slash - UTF8_ONES) | w) & UTF8_HIGHS;

        if (stop != 0) {
            return p + __builtin_ctzll(stop) / 8;
        }
        p += 8;
    }
    while (p != end && (uint8_t)*p >= 0x20 && (uint8_t)*p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }
    return p;
}

/* The value of four hexadecimal digits, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t v = 0;

    if (end - p < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        char lower = (char)(c | 0x20);

        if (is_digit(c)) {
            v = v * 16 + (c - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            v = v * 16 + (lower - 'a' + 10);
        } else {
            return -1;
        }
    }
    return v;
}

/* Past the escape whose backslash is at p. */
static const char *parse_escape(struct parser *ps, const char *p)
{
    const char *end = ps->end;

    if (end - p >= 2 && p[1] != 'u' && memchr("\"\\/bfnrt", p[1], 8) != NULL) {
        return p + 2;
    }
    if (end - p < 2 || p[1] != 'u') {
        return parse_wrong(ps, p + 1, "expected one of \" \\ / b f n r t u after the backslash");
    }
    if (hex4(p + 2, end) < 0) {
        return parse_wrong(ps, p, "expected four hexadecimal digits after \\u");
    }
    return p + 6;
}

/* Decode the \u escape at p, with its other half where it is one of a pair, to *out. */
static const char *decode_unicode(const char *p, const char *end, char **out)
{
    int32_t c = hex4(p + 2, end);

    p += 6;
    if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        int32_t low = hex4(p + 2, end);

        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            p += 6;
        }
    }
    *out += utf8_encode((uint32_t)c, *out);
    return p;
}

/* The node's text, checked already, with its escapes decoded into the arena. */
static void decode_string(struct arena *a, struct json_node *node)
{
    static const char names[] = "bfnrt";
    static const char values[] = "\b\f\n\r\t";
    const char *p = node->u.text;
    const char *end = p + node->len;
    char *start = arena_alloc(a, node->len);
    char *out = start;

    while (p != end) {
        size_t run = slice_find(slice_make(p, (size_t)(end - p)), '\\');
        const char *name;

        memcpy(out, p, run);
        out += run;
        p += run;
        if (p == end) {
            break;
        }
        if (p[1] == 'u') {
            p = decode_unicode(p, end, &out);
            continue;
        }
        name = memchr(names, p[1], sizeof(names) - 1);
        *out++ = name != NULL ? values[name - names] : p[1];
        p += 2;
    }
    node->u.text = start;
    node->len = (uint32_t)(out - start);
}

/* Over the sequences past ASCII at p. */
static const char *parse_wide(struct parser *ps, const char *p)
{
    do {
        size_t n = utf8_sequence(p, ps->end);

        if (n == 0) {
            return parse_wrong(ps, p, "expected valid UTF-8");
        }
        p += n;
    } while (p != ps->end && (uint8_t)*p >= 0x80);
    return p;
}

/* The string whose opening quote is before p. */
static const char *parse_string(struct parser *ps, const char *p)
{
    const char *start = p;
    bool escaped = false;
    struct json_node *node;

    for (;;) {
        p = json_plain_end(p, ps->end);
        if (p == ps->end) {
            return parse_wrong(ps, p, "expected '\"' at the end of the string");
        }
        if (*p == '"') {
            break;
        }
        if (*p == '\\') {
            escaped = true;
            p = parse_escape(ps, p);
        } else if ((uint8_t)*p >= 0x80) {
            p = parse_wide(ps, p);
        } else {
            p = parse_wrong(ps, p, "expected no control character in a string (escape it)");
        }
        if (p == NULL) {
            return NULL;
        }
    }
    node = tape_push(ps);
    *node = (struct json_node){
        .type = JSON_STRING,
        .flags = escaped ? 0 : JSON_PLAIN,
        .len = (uint32_t)(p - start),
        .u.text = start,
    };
    if (escaped) {
        decode_string(ps->a, node);
    }
    return p + 1;
}

/* A member's name and colon, from white space before to white space after. */
static const char *parse_key(struct parser *ps, const char *p)
{
    p = skip_space(p, ps->end);
    if (p == ps->end || *p != '"') {
        return parse_wrong(ps, p, "expected '\"' of a key");
    }
    p = parse_string(ps, p + 1);
    if (p == NULL) {
        return NULL;
    }
    p = skip_space(p, ps->end);
    if (p == ps->end || *p != ':') {
        return parse_wrong(ps, p, "expected ':'");
    }
    return p + 1;
}

static const char *parse_scalar(struct parser *ps, const char *p)
{
    switch (*p) {
    case '"': return parse_string(ps, p + 1);
    case 't': return parse_literal(ps, p, SLICE("true"), JSON_TRUE);
    case 'f': return parse_literal(ps, p, SLICE("false"), JSON_FALSE);
    case 'n': return parse_literal(ps, p, SLICE("null"), JSON_NULL);
    case '-': return parse_number(ps, p);
    default: return is_digit(*p) ? parse_number(ps, p) : parse_wrong(ps, p, "expected a value");
    }
}

static const char *parse_open(struct parser *ps, const char *p)
{
    if (ps->depth == LIMIT_JSON_DEPTH) {
        (void)parse_wrong(ps, p, "expected no deeper nesting");
        ps->wrong = ERR_TOO_LARGE;
        return NULL;
    }
    *tape_push(ps) = (struct json_node){
        .type = *p == '{' ? JSON_OBJECT : JSON_ARRAY,
        .depth = 1,
        .u.span = ps->open,
    };
    ps->open = ps->count - 1;
    ps->depth++;
    return p + 1;
}

static void parse_close(struct parser *ps)
{
    struct json_node *node = &ps->tape[ps->open];
    size_t parent = node->u.span;

    node->u.span = ps->count - ps->open;
    if (node->type == JSON_OBJECT) {
        json_dedupe(&ps->keys, node);
    }
    ps->open = parent;
    if (--ps->depth != 0 && ps->tape[parent].depth <= node->depth) {
        ps->tape[parent].depth = (uint16_t)(node->depth + 1);
    }
}

static inline char closing(const struct json_node *container)
{
    return container->type == JSON_OBJECT ? '}' : ']';
}

/* After a value: close what ends here; then stand at the next value, or at the end (depth 0). */
static const char *parse_after(struct parser *ps, const char *p)
{
    while (ps->depth != 0) {
        struct json_node *open = &ps->tape[ps->open];
        bool object = open->type == JSON_OBJECT;

        open->len++;
        p = skip_space(p, ps->end);
        if (p != ps->end && *p == ',') {
            return object ? parse_key(ps, p + 1) : p + 1;
        }
        if (p == ps->end || *p != closing(open)) {
            return parse_wrong(ps, p, object ? "expected ',' or '}'" : "expected ',' or ']'");
        }
        p++;
        parse_close(ps);
    }
    return p;
}

/* One value with all it holds. */
static const char *parse_tape(struct parser *ps, const char *p)
{
    do {
        p = skip_space(p, ps->end);
        if (p == ps->end) {
            return parse_wrong(ps, p, "expected a value");
        }
        if (*p != '{' && *p != '[') {
            p = parse_scalar(ps, p);
        } else {
            p = parse_open(ps, p);
            if (p == NULL) {
                return NULL;
            }
            p = skip_space(p, ps->end);
            if (p == ps->end || *p != closing(&ps->tape[ps->open])) {
                p = ps->tape[ps->open].type == JSON_OBJECT ? parse_key(ps, p) : p;
                continue; /* at its first value */
            }
            p++;
            parse_close(ps);
        }
        if (p != NULL) {
            p = parse_after(ps, p);
        }
    } while (p != NULL && ps->depth != 0);
    return p;
}

/* The tape stays where it is from now on. */
static void parse_fix_references(struct parser *ps)
{
    for (size_t i = 0; i < ps->count; i++) {
        struct json_node *node = &ps->tape[i];

        if (node->type == JSON_REFERENCE) {
            node->u.target = node + node->u.shift;
        }
    }
}

/* "line 3, column 14: expected ..."; columns are code points. */
static enum err_code parse_error(const struct parser *ps, struct slice text, struct err *err)
{
    struct slice before = slice_head(text, text.len - (size_t)(ps->end - ps->wrong_at));
    size_t line = 1;
    size_t column = 1;

    for (size_t i = 0; i < before.len; i++) {
        if (before.ptr[i] == '\n') {
            line++;
            column = 1;
        } else {
            column += !utf8_is_tail(before.ptr[i]);
        }
    }
    return err_set(err, ps->wrong, "line %zu, column %zu: %s%s", line, column, ps->expected,
                   ps->wrong_at == ps->end ? ", but the text ends here" : "");
}

enum err_code
json_parse(struct slice text, struct arena *a, const struct json_node **out, struct err *err)
{
    const char *p = text.len != 0 ? text.ptr : "";
    struct parser ps = {.end = p + text.len, .a = a, .keys.a = a};
    size_t guess = text.len / TAPE_BYTES_A_NODE + TAPE_NODES_MIN;

    if (text.len > LIMIT_JSON_BYTES) {
        return err_set(err, ERR_TOO_LARGE, "JSON text of %zu bytes: %d are the most", text.len,
                       (int)LIMIT_JSON_BYTES);
    }
    tape_grow(&ps, guess < TAPE_NODES_FIRST ? guess : TAPE_NODES_FIRST);
    p = parse_tape(&ps, p);
    if (p != NULL) {
        p = skip_space(p, ps.end);
        if (p != ps.end) {
            p = parse_wrong(&ps, p, "expected nothing after the value");
        }
    }
    if (p == NULL) {
        return parse_error(&ps, text, err);
    }
    assert(ps.depth == 0 && ps.count != 0);
    if (ps.keys.shifts) {
        parse_fix_references(&ps);
    }
    *out = ps.tape;
    return OK;
}

enum json_type json_type(const struct json_node *v)
{
    return (enum json_type)json_resolve(v)->type;
}

bool json_is_bool(const struct json_node *v)
{
    return json_is(v, JSON_TRUE) || json_is(v, JSON_FALSE);
}

struct slice json_text(const struct json_node *v)
{
    v = json_resolve(v);
    return v->type == JSON_STRING || v->type == JSON_NUMBER ? json_node_text(v) : SLICE("");
}

size_t json_count(const struct json_node *v)
{
    v = json_resolve(v);
    return json_is_container(v) ? v->len : 0;
}

size_t json_depth(const struct json_node *v)
{
    v = json_resolve(v);
    return json_is_container(v) ? v->depth : 0;
}

/* The value at or after `at`, which is a sibling's place or the end. */
static const struct json_node *value_from(const struct json_node *container,
                                          const struct json_node *at)
{
    const struct json_node *end = container + container->u.span;
    bool object = container->type == JSON_OBJECT;

    at = json_alive(at, end, object);
    return at == end ? NULL : at + object;
}

const struct json_node *json_first(const struct json_node *container)
{
    container = json_resolve(container);
    return json_is_container(container) ? value_from(container, container + 1) : NULL;
}

const struct json_node *json_next(const struct json_node *container, const struct json_node *at)
{
    container = json_resolve(container);
    assert(json_is_container(container) && at > container && at < container + container->u.span);
    return value_from(container, at + json_run(at));
}

struct slice json_key(const struct json_node *object, const struct json_node *at)
{
    assert(json_is(object, JSON_OBJECT) && at != NULL);
    return json_node_text(at - 1);
}

const struct json_node *json_member(const struct json_node *object, struct slice key)
{
    if (!json_is(object, JSON_OBJECT)) {
        return NULL;
    }
    for (const struct json_node *e = json_first(object); e != NULL; e = json_next(object, e)) {
        if (slice_eq(json_node_text(e - 1), key)) {
            return e;
        }
    }
    return NULL;
}

const struct json_node *json_element(const struct json_node *array, size_t index)
{
    const struct json_node *e;

    array = json_resolve(array);
    if (array->type != JSON_ARRAY || index >= array->len) {
        return NULL;
    }
    if (array->u.span == (size_t)array->len + 1) {
        return array + 1 + index; /* all of one node each */
    }
    e = array + 1;
    while (index-- != 0) {
        e += json_run(e);
    }
    return e;
}
