/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a definition; see source.h. json_parse makes the document. This scan goes over the
 * text beside it, for what a document no longer shows (names given twice) and for the words of a
 * refusal: the scan ends at the first thing wrong, where AWS's parser would, and says the same.
 * Whatever json_parse refuses and the scan lets pass is told in json_parse's own words.
 * Source: recorded answers of ValidateStateMachineDefinition; the texts of Jackson's
 * ReaderBasedJsonParser, which AWS shows. */
#include "coordinator/asl/source.h"
#include "coordinator/asl/diagnostics.h"
#include "proto/base/hash.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    SHOWN_CHARS = 500,    /* of the text, in messages */
    WORD_BYTES = 256,     /* of a word or name */
    MESSAGE_BYTES = 4096, /* holds SHOWN_CHARS of the widest characters */
};

#define VALUES "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

struct open {
    size_t at; /* of the bracket */
    bool object;
};

/* A name in one object, which is known by where it begins. */
struct seen {
    struct hash_node node;
    size_t object;
    struct slice name;
};

struct source {
    struct slice text;
    size_t at; /* the next byte */
    struct arena *texts;
    struct source_fault *fault;
    struct hash names;
    struct open open[LIMIT_JSON_DEPTH];
    size_t depth;
};

static bool is_tail(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* The first SHOWN_CHARS characters, and how many more there are. */
static struct slice shown(const struct source *s)
{
    size_t chars = 0;
    size_t i = 0;

    while (i < s->text.len && (is_tail(s->text.ptr[i]) || chars < SHOWN_CHARS)) {
        chars += !is_tail(s->text.ptr[i++]);
    }
    if (i == s->text.len) {
        return arena_printf(s->texts, "[Source: (String)\"%.*s\"", SLICE_FMT(s->text));
    }
    return arena_printf(s->texts, "[Source: (String)\"%.*s\"[truncated %zu chars]",
                        SLICE_FMT(slice_head(s->text, i)),
                        text_code_points(slice_from(s->text, i)));
}

/* Where the parser stands when it has read `at` bytes. Columns are of UTF-16. */
static struct slice where(const struct source *s, size_t at)
{
    size_t line = 1;
    size_t column = 1;

    for (size_t i = 0; i < at; i++) {
        char c = s->text.ptr[i];

        if (c == '\n' || (c == '\r' && (i + 1 == s->text.len || s->text.ptr[i + 1] != '\n'))) {
            line++;
            column = 1;
        } else {
            column += is_tail(c) ? 0 : (unsigned char)c >= 0xF0 ? 2 : 1;
        }
    }
    return arena_printf(s->texts, "%.*s; line: %zu, column: %zu]", SLICE_FMT(shown(s)), line,
                        column);
}

/* Always false. The fault stands where `s->at` is. */
__attribute__((format(printf, 2, 3))) static bool fail(struct source *s, const char *fmt, ...)
{
    char text[MESSAGE_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    s->fault->code = "INVALID_JSON_DESCRIPTION";
    s->fault->location = where(s, s->at);
    s->fault->message = arena_printf(s->texts, "%s\n at %.*s", text, SLICE_FMT(s->fault->location));
    return false;
}

/* Past one character; its text as messages show it. */
static struct slice take_char(struct source *s)
{
    size_t from = s->at++;
    unsigned char lead = (unsigned char)s->text.ptr[from];
    uint32_t code = lead < 0x80   ? lead
                    : lead < 0xE0 ? lead & 0x1Fu
                    : lead < 0xF0 ? lead & 0x0Fu
                                  : lead & 0x07u;

    while (s->at < s->text.len && is_tail(s->text.ptr[s->at])) {
        code = code << 6 | ((unsigned char)s->text.ptr[s->at++] & 0x3Fu);
    }
    if (code < 0x20 || (code >= 0x7F && code < 0xA0)) {
        return arena_printf(s->texts, "(CTRL-CHAR, code %u)", (unsigned)code);
    }
    return code > 0xFF ? arena_printf(s->texts, "'%.*s' (code %u / 0x%x)", (int)(s->at - from),
                                      s->text.ptr + from, (unsigned)code, (unsigned)code)
                       : arena_printf(s->texts, "'%.*s' (code %u)", (int)(s->at - from),
                                      s->text.ptr + from, (unsigned)code);
}

/* The character that stands here was not to be expected. */
static bool fail_char(struct source *s, const char *expected)
{
    struct slice found = take_char(s);

    return fail(s, "Unexpected character (%.*s): %s", SLICE_FMT(found), expected);
}

/* At the end of the text, white space skipped? */
static bool at_end(struct source *s)
{
    while (s->at < s->text.len && s->text.ptr[s->at] != '\0' &&
           strchr(" \t\r\n", s->text.ptr[s->at]) != NULL) {
        s->at++;
    }
    return s->at == s->text.len;
}

static char peek(const struct source *s)
{
    return s->text.ptr[s->at];
}

static const char *type_name(const struct source *s)
{
    return s->open[s->depth - 1].object ? "Object" : "Array";
}

static bool scan_escape(struct source *s)
{
    s->at++;
    if (s->at == s->text.len) {
        return fail(s, "Unexpected end-of-input in character escape sequence");
    }
    if (peek(s) != 'u') {
        struct slice found;

        if (peek(s) != '\0' && strchr("\"\\/bfnrt", peek(s)) != NULL) {
            s->at++;
            return true;
        }
        found = take_char(s);
        return fail(s, "Unrecognized character escape %.*s", SLICE_FMT(found));
    }
    s->at++;
    for (int i = 0; i < 4; i++, s->at++) {
        if (s->at == s->text.len) {
            return fail(s, "Unexpected end-of-input in character escape sequence");
        }
        if (peek(s) == '\0' || strchr("0123456789abcdefABCDEF", peek(s)) == NULL) {
            return fail_char(s, "expected a hex-digit for character escape sequence");
        }
    }
    return true;
}

/* The string whose opening quote is next; *out with its quotes. */
static bool scan_string(struct source *s, bool name, struct slice *out)
{
    size_t from = s->at++;

    for (;;) {
        if (s->at == s->text.len) {
            return fail(s, name ? "Unexpected end-of-input in field name"
                                : "Unexpected end-of-input: was expecting closing quote for a "
                                  "string value");
        }
        if (peek(s) == '"') {
            s->at++;
            *out = slice_make(s->text.ptr + from, s->at - from);
            return true;
        }
        if ((unsigned char)peek(s) < 0x20) {
            struct slice found = take_char(s);

            return fail(s,
                        "Illegal unquoted character (%.*s): has to be escaped using backslash to "
                        "be included in %s",
                        SLICE_FMT(found), name ? "name" : "string value");
        }
        if (peek(s) != '\\') {
            s->at++;
        } else if (!scan_escape(s)) {
            return false;
        }
    }
}

static bool is_word_char(char c)
{
    return (unsigned char)c >= 0x80 || c == '_' || c == '$' || (c >= '0' && c <= '9') ||
           ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* true, false, null, or a word that is none of them. */
static bool scan_word(struct source *s)
{
    size_t from = s->at;
    struct slice word;

    while (s->at < s->text.len && is_word_char(peek(s))) {
        s->at++;
    }
    word = slice_make(s->text.ptr + from, s->at - from);
    if (slice_eq_str(word, "true") || slice_eq_str(word, "false") || slice_eq_str(word, "null")) {
        return true;
    }
    return fail(s, "Unrecognized token '%.*s%s': was expecting " VALUES,
                SLICE_FMT(asl_text_cut(word, WORD_BYTES)), word.len > WORD_BYTES ? "..." : "");
}

/* Digits, one at least. */
static bool scan_digits(struct source *s, const char *wanted)
{
    size_t from = s->at;
    struct slice found;

    while (s->at < s->text.len && peek(s) >= '0' && peek(s) <= '9') {
        s->at++;
    }
    if (s->at > from) {
        return true;
    }
    if (s->at == s->text.len) {
        return fail(s, "Unexpected end-of-input in numeric value");
    }
    found = take_char(s);
    return fail(s, "Unexpected character (%.*s) in numeric value: %s", SLICE_FMT(found), wanted);
}

static bool scan_number(struct source *s)
{
    size_t first;

    s->at += peek(s) == '-';
    first = s->at;
    if (!scan_digits(s, "expected digit (0-9) to follow minus sign, for valid numeric value")) {
        return false;
    }
    if (s->text.ptr[first] == '0' && s->at > first + 1) {
        s->at = first + 1;
        return fail(s, "Invalid numeric value: Leading zeroes not allowed");
    }
    if (s->at < s->text.len && peek(s) == '.') {
        s->at++;
        if (!scan_digits(s, "Decimal point not followed by a digit")) {
            return false;
        }
    }
    if (s->at < s->text.len && (peek(s) == 'e' || peek(s) == 'E')) {
        s->at++;
        s->at += s->at < s->text.len && (peek(s) == '+' || peek(s) == '-');
        return scan_digits(s, "Exponent indicator not followed by a digit");
    }
    return true;
}

/* A name without its quotes and escapes. */
static struct slice decode(struct source *s, struct slice quoted)
{
    const struct json_node *v;
    struct err err;

    if (slice_find(quoted, '\\') < quoted.len && json_parse(quoted, s->texts, &v, &err) == OK) {
        return json_text(v);
    }
    return slice_make(quoted.ptr + 1, quoted.len - 2);
}

/* Has the innermost object the name already? */
static bool check_twice(struct source *s, struct slice name)
{
    size_t object = s->open[s->depth - 1].at;
    uint64_t hash = hash_bytes(name, (uintptr_t)s->text.ptr + object);
    struct seen *added;

    HASH_EACH_MATCH(node, &s->names, hash)
    {
        const struct seen *other = container_of(node, struct seen, node);

        if (other->object == object && slice_eq(other->name, name)) {
            return fail(s, "Duplicate field '%.*s'", SLICE_FMT(asl_text_cut(name, WORD_BYTES)));
        }
    }
    added = ARENA_NEW(s->texts, struct seen);
    added->object = object;
    added->name = name;
    hash_insert(&s->names, &added->node, hash);
    return true;
}

/* A name and its colon. */
static bool scan_name(struct source *s)
{
    struct slice quoted;

    if (at_end(s)) {
        return fail(s, "Unexpected end-of-input within/between Object entries");
    }
    if (peek(s) != '"') {
        return fail_char(s, "was expecting double-quote to start field name");
    }
    if (!scan_string(s, true, &quoted) || !check_twice(s, decode(s, quoted))) {
        return false;
    }
    if (at_end(s)) {
        return fail(s, "Unexpected end-of-input within/between Object entries");
    }
    if (peek(s) != ':') {
        return fail_char(s, "was expecting a colon to separate field name and value");
    }
    s->at++;
    return true;
}

static bool fail_open(struct source *s)
{
    const struct open *open = &s->open[s->depth - 1];

    return fail(s, "Unexpected end-of-input: expected close marker for %s (start marker at %.*s)",
                type_name(s), SLICE_FMT(where(s, open->at)));
}

static bool fail_marker(struct source *s, char found)
{
    struct slice start = s->depth == 0 ? SLICE("") : where(s, s->open[s->depth - 1].at);

    s->at++;
    return fail(s, "Unexpected close marker '%c': expected '%c' (for %s starting at %.*s)", found,
                found == ']' ? '}' : ']', s->depth == 0 ? "root" : type_name(s), SLICE_FMT(start));
}

static bool scan_scalar(struct source *s)
{
    struct slice text;
    char c = peek(s);

    if (c == '"') {
        return scan_string(s, false, &text);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return scan_number(s);
    }
    if (is_word_char(c)) {
        return scan_word(s);
    }
    return fail_char(s, c == '}' ? "expected a value" : "expected a valid value " VALUES);
}

/* After a value, or a bracket that opened: close what ends here; then past the comma. *more:
 * another value must come. */
static bool scan_between(struct source *s, bool opened, bool *more)
{
    *more = false;
    for (; s->depth > 0; s->depth--, opened = false) {
        bool object = s->open[s->depth - 1].object;

        if (at_end(s)) {
            return fail_open(s);
        }
        if (peek(s) != '}' && peek(s) != ']') {
            break;
        }
        if (object != (peek(s) == '}')) {
            return fail_marker(s, peek(s));
        }
        s->at++;
    }
    if (s->depth == 0) {
        return true;
    }
    *more = true;
    if (!opened) {
        if (peek(s) != ',') {
            return fail_char(s, s->open[s->depth - 1].object
                                    ? "was expecting comma to separate Object entries"
                                    : "was expecting comma to separate Array entries");
        }
        s->at++;
        if (at_end(s)) {
            return fail(s, "Unexpected end-of-input within/between %s entries", type_name(s));
        }
    }
    return !s->open[s->depth - 1].object || scan_name(s);
}

/* One value; *opened: it is a container's bracket. */
static bool scan_value(struct source *s, bool *opened)
{
    char c;

    *opened = false;
    if (at_end(s)) {
        return s->depth == 0 ||
               fail(s, "Unexpected end-of-input within/between %s entries", type_name(s));
    }
    c = peek(s);
    if (s->depth == 0 && (c == '}' || c == ']')) {
        return fail_marker(s, c);
    }
    if (c != '{' && c != '[') {
        return scan_scalar(s);
    }
    if (s->depth == LIMIT_JSON_DEPTH) {
        (void)fail(s, "Objects and arrays are nested more than %d levels deep", LIMIT_JSON_DEPTH);
        s->fault->code = "TOO_DEEPLY_NESTED";
        return false;
    }
    s->open[s->depth++] = (struct open){s->at, c == '{'};
    s->at++;
    *opened = true;
    return true;
}

/* What Jackson calls the token that begins with `c`. */
static const char *token_type(char c)
{
    switch (c) {
    case '{': return "START_OBJECT";
    case '[': return "START_ARRAY";
    case '"': return "VALUE_STRING";
    case 't': return "VALUE_TRUE";
    case 'f': return "VALUE_FALSE";
    case 'n': return "VALUE_NULL";
    default: return "VALUE_NUMBER_INT";
    }
}

/* After the one value there must be nothing. */
static bool scan_trailing(struct source *s)
{
    bool opened;
    char c;

    if (at_end(s)) {
        return true;
    }
    c = peek(s);
    return scan_value(s, &opened) &&
           fail(s,
                "Trailing token (of type %s) found after value (bound as "
                "`com.fasterxml.jackson.databind.JsonNode`): not allowed as per "
                "`DeserializationFeature.FAIL_ON_TRAILING_TOKENS`",
                token_type(c));
}

/* False with the fault, at the first thing that is wrong. */
static bool scan(struct source *s)
{
    bool more = true;
    bool opened;

    while (more) {
        if (!scan_value(s, &opened) || !scan_between(s, opened, &more)) {
            return false;
        }
    }
    return scan_trailing(s);
}

static bool is_blank(struct slice text)
{
    struct source s = {.text = text};

    return at_end(&s);
}

bool source_parse(struct slice text,
                  bool stored,
                  struct arena *a,
                  struct arena *texts,
                  const struct json_node **out,
                  struct source_fault *fault)
{
    struct source s = {.text = text, .texts = texts, .fault = fault};
    struct err err;
    bool good = true;

    *fault = (struct source_fault){
        "INVALID_JSON_DESCRIPTION", SLICE("The text is not valid UTF-8"), {NULL, 0}};
    if (!text_is_utf8(text)) {
        return false;
    }
    if (is_blank(text)) {
        fault->code = "MISSING_DESCRIPTION";
        fault->message = SLICE("The definition is empty");
        return false;
    }
    if (!stored) {
        good = scan(&s);
        hash_fini(&s.names);
    }
    if (good && json_parse(text, a, out, &err) != OK) {
        fault->message = arena_copy(texts, slice_str(err.msg));
        return false;
    }
    return good;
}
