/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/host/log_text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/utf8.h"

enum {
    MEMBERS_BYTES = LOG_LINE_BYTES / 2,
    ESCAPE_BYTES = 6, /* most that one character becomes */
    DIGITS_BYTES = 24,
};

/* Bytes that are being written, up to `most`. */
struct line {
    char *at;
    size_t len;
    size_t most;
};

/* All of it or nothing. */
static bool put(struct line *l, struct slice s)
{
    if (s.len > l->most - l->len) {
        return false;
    }
    if (s.len != 0) {
        memcpy(l->at + l->len, s.ptr, s.len);
    }
    l->len += s.len;
    return true;
}

static bool put_char(struct line *l, char c)
{
    return put(l, slice_make(&c, 1));
}

/* ---- a format and its arguments ---- */

struct arguments {
    va_list list;
};

struct value {
    struct slice text;
    bool number;
    char digits[DIGITS_BYTES];
};

/* What is made of them. */
struct sink {
    void (*literal)(struct sink *s, char c);
    void (*value)(struct sink *s, struct slice key, const struct value *v); /* key empty: none */
};

enum size { SIZE_INT, SIZE_LONG, SIZE_LONG_LONG, SIZE_SIZE };

static void take_signed(struct arguments *a, enum size size, struct value *out)
{
    long long n = size == SIZE_INT    ? va_arg(a->list, int)
                  : size == SIZE_LONG ? va_arg(a->list, long)
                                      : va_arg(a->list, long long);

    out->number = true;
    out->text = slice_make(out->digits, (size_t)snprintf(out->digits, DIGITS_BYTES, "%lld", n));
}

static void take_unsigned(struct arguments *a, enum size size, bool hex, struct value *out)
{
    unsigned long long n = size == SIZE_INT         ? va_arg(a->list, unsigned)
                           : size == SIZE_LONG      ? va_arg(a->list, unsigned long)
                           : size == SIZE_LONG_LONG ? va_arg(a->list, unsigned long long)
                                                    : va_arg(a->list, size_t);

    out->number = !hex;
    out->text = slice_make(out->digits,
                           (size_t)snprintf(out->digits, DIGITS_BYTES, hex ? "%llx" : "%llu", n));
}

static void take_text(struct arguments *a, int precision, struct value *out)
{
    const char *s = va_arg(a->list, const char *);
    size_t most = precision >= 0 ? (size_t)precision : LOG_LINE_BYTES;

    out->text = slice_make(s, most != 0 && s != NULL ? strnlen(s, most) : 0);
}

static const char *read_size(const char *at, enum size *size)
{
    *size = SIZE_INT;
    if (*at == 'z') {
        *size = SIZE_SIZE;
        return at + 1;
    }
    for (; *at == 'l'; at++) {
        *size = *size == SIZE_INT ? SIZE_LONG : SIZE_LONG_LONG;
    }
    return at;
}

static const char *read_precision(const char *at, struct arguments *a, int *precision)
{
    *precision = -1;
    if (*at != '.') {
        return at;
    }
    if (*++at == '*') {
        *precision = va_arg(a->list, int);
        return at + 1;
    }
    for (*precision = 0; *at >= '0' && *at <= '9'; at++) {
        *precision = *precision * 10 + (*at - '0');
    }
    return at;
}

/* The conversion behind a '%'. @return what follows it */
static const char *take(const char *at, struct arguments *a, struct value *out)
{
    enum size size;
    int precision;

    at = read_precision(at, a, &precision);
    at = read_size(at, &size);
    *out = (struct value){.number = false};
    switch (*at) {
    case 's': take_text(a, precision, out); break;
    case 'd': take_signed(a, size, out); break;
    case 'u': take_unsigned(a, size, false, out); break;
    case 'x': take_unsigned(a, size, true, out); break;
    case 'c':
        out->digits[0] = (char)va_arg(a->list, int);
        out->text = slice_make(out->digits, 1);
        break;
    default: assert(*at == '%'); out->text = SLICE("%");
    }
    return at + 1;
}

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

/* "key" where `at` stands behind "key=", at the beginning of a word; else empty. */
static struct slice key_before(const char *fmt, const char *at)
{
    const char *end = at;
    const char *from;

    if (end == fmt || *--end != '=') {
        return slice_make(at, 0);
    }
    for (from = end; from > fmt && is_key_char(from[-1]);) {
        from--;
    }
    return from == fmt || from[-1] == ' ' ? slice_make(from, (size_t)(end - from))
                                          : slice_make(at, 0);
}

static void walk(struct sink *s, const char *fmt, struct arguments *a)
{
    const char *at = fmt;

    while (*at != '\0') {
        if (*at != '%') {
            s->literal(s, *at++);
        } else {
            struct slice key = key_before(fmt, at);
            struct value v;

            at = take(at + 1, a, &v);
            s->value(s, key, &v);
        }
    }
}

/* ---- as text ---- */

struct text_sink {
    struct sink sink; /* first: its calls get back to us */
    struct line line;
};

/* One entry, one line, whatever a handler printed. */
static void put_plain(struct line *l, char c)
{
    (void)put_char(l, (unsigned char)c < ' ' || c == 0x7f ? ' ' : c);
}

static bool needs_quotes(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == '"' || s.ptr[i] == '=') {
            return true;
        }
    }
    return s.len == 0;
}

static void text_literal(struct sink *s, char c)
{
    put_plain(&((struct text_sink *)s)->line, c);
}

static void text_value(struct sink *s, struct slice key, const struct value *v)
{
    struct line *l = &((struct text_sink *)s)->line;
    bool quoted = key.len != 0 && needs_quotes(v->text);

    if (quoted) {
        (void)put_char(l, '"');
    }
    for (size_t i = 0; i < v->text.len; i++) {
        if (quoted && (v->text.ptr[i] == '"' || v->text.ptr[i] == '\\')) {
            (void)put_char(l, '\\');
        }
        put_plain(l, v->text.ptr[i]);
    }
    if (quoted) {
        (void)put_char(l, '"');
    }
}

static void put_word(struct line *l, const char *word)
{
    (void)put(l, slice_str(word));
    (void)put_char(l, ' ');
}

size_t log_text(char out[LOG_LINE_BYTES], const struct log_head *head, const char *fmt, va_list ap)
{
    struct text_sink s = {
        .sink = {text_literal, text_value},
        .line = {.at = out, .most = LOG_LINE_BYTES - 1},
    };
    struct arguments a;

    (void)put(&s.line, slice_str(head->prefix));
    if (head->time != NULL) {
        put_word(&s.line, head->time);
    }
    put_word(&s.line, head->level);
    put_word(&s.line, head->program);
    va_copy(a.list, ap);
    walk(&s.sink, fmt, &a);
    va_end(a.list);
    out[s.line.len++] = '\n';
    return s.line.len;
}

/* ---- as JSON ---- */

struct json_sink {
    struct sink sink; /* likewise */
    struct line text;
    struct line members;
};

static size_t put_escape(struct line *l, struct slice rest)
{
    size_t len = utf8_sequence(rest.ptr, slice_end(rest));
    unsigned char c = (unsigned char)rest.ptr[0];
    char code[ESCAPE_BYTES + 1];

    if (len == 0) {
        (void)put(l, SLICE("\xef\xbf\xbd")); /* U+FFFD */
        return 1;
    }
    if (c < ' ') {
        (void)snprintf(code, sizeof(code), "\\u%04x", c);
        (void)put(l, slice_make(code, ESCAPE_BYTES));
        return 1;
    }
    if (c == '"' || c == '\\') {
        (void)put_char(l, '\\');
    }
    (void)put(l, slice_make(rest.ptr, len));
    return len;
}

/* A string, as much of it as there is room for. */
static void put_string(struct line *l, struct slice s)
{
    (void)put_char(l, '"');
    l->most--; /* the closing quote's */
    while (s.len != 0 && l->most - l->len >= ESCAPE_BYTES) {
        s = slice_from(s, put_escape(l, s));
    }
    l->most++;
    (void)put_char(l, '"');
}

/* A member that has no room for a little of its value is left out. */
static void put_member(struct line *l, struct slice key, struct slice value, bool number)
{
    if (l->most - l->len < key.len + DIGITS_BYTES + ESCAPE_BYTES) {
        return;
    }
    (void)put(l, SLICE("\""));
    (void)put(l, key);
    (void)put(l, SLICE("\":"));
    if (number) {
        (void)put(l, value);
    } else {
        l->most--; /* the comma's */
        put_string(l, value);
        l->most++;
    }
    (void)put_char(l, ',');
}

static void json_literal(struct sink *s, char c)
{
    (void)put_char(&((struct json_sink *)s)->text, c);
}

/* " key=" is no part of the text, nor is a colon before it. */
static void drop_key(struct line *text, struct slice key)
{
    size_t len = text->len > key.len ? text->len - key.len - 1 : 0;

    while (len != 0 && (text->at[len - 1] == ' ' || text->at[len - 1] == ':')) {
        len--;
    }
    text->len = len;
}

static void json_value(struct sink *s, struct slice key, const struct value *v)
{
    struct json_sink *j = (struct json_sink *)s;

    if (key.len == 0) {
        struct slice room = v->text;

        room.len = room.len < j->text.most - j->text.len ? room.len : j->text.most - j->text.len;
        (void)put(&j->text, room);
        return;
    }
    drop_key(&j->text, key);
    put_member(&j->members, key, v->text, v->number);
}

size_t log_json(char out[LOG_LINE_BYTES], const struct log_head *head, const char *fmt, va_list ap)
{
    char text[LOG_LINE_BYTES];
    char members[MEMBERS_BYTES];
    struct json_sink s = {
        .sink = {json_literal, json_value},
        .text = {.at = text, .most = sizeof(text)},
        .members = {.at = members, .most = sizeof(members)},
    };
    struct line line = {.at = out, .most = LOG_LINE_BYTES - 2}; /* all but "}\n" */
    struct arguments a;

    va_copy(a.list, ap);
    walk(&s.sink, fmt, &a);
    va_end(a.list);
    (void)put(&line, slice_str(head->prefix));
    (void)put_char(&line, '{');
    if (head->time != NULL) {
        put_member(&line, SLICE("time"), slice_str(head->time), false);
    }
    put_member(&line, SLICE("level"), slice_str(head->level), false);
    put_member(&line, SLICE("program"), slice_str(head->program), false);
    (void)put(&line, slice_make(members, s.members.len));
    (void)put(&line, SLICE("\"text\":"));
    put_string(&line, slice_make(text, s.text.len));
    line.most += 2;
    (void)put(&line, SLICE("}\n"));
    return line.len;
}
