/* SPDX-License-Identifier: Apache-2.0 */
/* Reading text as Jackson does, up to what it refuses; see intrinsic_jackson.h. Nothing is built:
 * the text is only walked, with the containers it is in on a stack. Places are bytes while walking;
 * lines and columns, which Java counts in UTF-16 units, are worked out for the message. */
#include "coordinator/asl/intrinsic_jackson.h"
#include "proto/base/utf8.h"

#define VALUES "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

#define SOURCE "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); "

enum { TOKEN_CHARACTERS_MAX = 256 }; /* Jackson's, of one it does not know */

enum container { ROOT, ARRAY, OBJECT };

struct level {
    enum container is;
    bool begun; /* an entry has been read */
    size_t start;
};

struct walk {
    struct slice text;
    size_t at;
    struct level *levels; /* the outermost is the root */
    size_t depth;         /* of the innermost */
    size_t cap;
    struct arena *a;
    struct slice message; /* set by what fails */
};

static const char *const container_names[] =
    {[ROOT] = "root", [ARRAY] = "Array", [OBJECT] = "Object"};

static bool is_end(const struct walk *w)
{
    return w->at >= w->text.len;
}

static char peek(const struct walk *w)
{
    return is_end(w) ? '\0' : w->text.ptr[w->at];
}

static bool is_digit(const struct walk *w)
{
    return peek(w) >= '0' && peek(w) <= '9';
}

/* The character at byte `at`; *bytes is 3 for a surrogate that stands alone. */
static uint32_t character_at(const struct walk *w, size_t at, size_t *bytes)
{
    *bytes = utf8_sequence(w->text.ptr + at, w->text.ptr + w->text.len);
    *bytes = *bytes == 0 ? 3 : *bytes;
    return utf8_decode(w->text.ptr + at, *bytes);
}

/* "[Source: REDACTED ...; line: 1, column: 2]" of byte `at`. */
static struct slice location(const struct walk *w, size_t at)
{
    size_t line = 1;
    size_t column = 1;

    for (size_t i = 0, n; i < at; i += n) {
        uint32_t c = character_at(w, i, &n);

        column += c >= 0x10000 ? 2 : 1;
        if (c == '\n' || (c == '\r' && !(i + 1 < w->text.len && w->text.ptr[i + 1] == '\n'))) {
            line++;
            column = 1;
        }
    }
    return arena_printf(w->a, SOURCE "line: %zu, column: %zu]", line, column);
}

static bool fail_at(struct walk *w, size_t at, struct slice message)
{
    w->message =
        arena_printf(w->a, "%.*s\n at %.*s", SLICE_FMT(message), SLICE_FMT(location(w, at)));
    return false;
}

static bool fail_end(struct walk *w, const char *where)
{
    return fail_at(w, w->text.len, arena_printf(w->a, "Unexpected end-of-input%s", where));
}

static bool fail_between(struct walk *w)
{
    return fail_end(w, w->levels[w->depth].is == ARRAY ? " within/between Array entries"
                                                       : " within/between Object entries");
}

/* "'b' (code 98)" of the character at byte `at`; of those past U+FFFF Java sees the first half. */
static struct slice described(const struct walk *w, size_t at)
{
    size_t n;
    uint32_t c = character_at(w, at, &n);
    struct slice shown = slice_make(w->text.ptr + at, n);

    if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
        return arena_printf(w->a, "(CTRL-CHAR, code %u)", c);
    }
    if (c >= 0x10000) {
        c = 0xD7C0 + (c >> 10);
    }
    if (c >= 0xD800 && c < 0xE000) {
        shown = SLICE("?");
    }
    return c > 0xFF ? arena_printf(w->a, "'%.*s' (code %u / 0x%x)", SLICE_FMT(shown), c, c)
                    : arena_printf(w->a, "'%.*s' (code %u)", SLICE_FMT(shown), c);
}

/* `before`, the description of the character here, `after` and `more`. */
static bool fail_character(struct walk *w, const char *before, const char *after, const char *more)
{
    return fail_at(
        w, w->at,
        arena_printf(w->a, "%s%.*s%s%s", before, SLICE_FMT(described(w, w->at)), after, more));
}

static bool fail_unexpected(struct walk *w, const char *expected)
{
    return fail_character(w, "Unexpected character (", "): ", expected);
}

static bool fail_number(struct walk *w, const char *expected)
{
    return fail_character(w, "Unexpected character (", ") in numeric value: ", expected);
}

/* What stands between tokens. */
static bool skip_space(struct walk *w)
{
    while (!is_end(w) && (unsigned char)peek(w) <= ' ') {
        if (strchr(" \t\r\n", peek(w)) == NULL || peek(w) == '\0') {
            return fail_character(
                w, "Illegal character (",
                "): ", "only regular white space (\\r, \\n, \\t) is allowed between tokens");
        }
        w->at++;
    }
    return peek(w) != '/' ||
           fail_unexpected(w, "maybe a (non-standard) comment? (not recognized as one since "
                              "Feature 'ALLOW_COMMENTS' not enabled for parser)");
}

/* The backslash is next. */
static bool walk_escape(struct walk *w)
{
    char kind;

    w->at++;
    kind = peek(w);
    if (is_end(w)) {
        return fail_end(w, " in character escape sequence");
    }
    if (kind == '\0' || strchr("\"\\/bfnrtu", kind) == NULL) {
        return fail_character(w, "Unrecognized character escape ", "", "");
    }
    w->at++;
    for (int i = 0; kind == 'u' && i < 4; i++, w->at++) {
        if (is_end(w)) {
            return fail_end(w, " in character escape sequence");
        }
        if (peek(w) == '\0' || strchr("0123456789abcdefABCDEF", peek(w)) == NULL) {
            return fail_unexpected(w, "expected a hex-digit for character escape sequence");
        }
    }
    return true;
}

/* The opening quote is next. */
static bool walk_string(struct walk *w, bool name)
{
    for (w->at++; peek(w) != '"';) {
        if (is_end(w)) {
            return fail_end(w, name ? " in field name"
                                    : ": was expecting closing quote for a string value");
        }
        if ((unsigned char)peek(w) < ' ') {
            return fail_character(w, "Illegal unquoted character (",
                                  "): has to be escaped using backslash to be included in ",
                                  name ? "name" : "string value");
        }
        if (peek(w) != '\\') {
            w->at++;
        } else if (!walk_escape(w)) {
            return false;
        }
    }
    w->at++;
    return true;
}

static void walk_digits(struct walk *w)
{
    while (is_digit(w)) {
        w->at++;
    }
}

static bool walk_fraction(struct walk *w)
{
    if (peek(w) != '.') {
        return true;
    }
    if (w->at + 1 < w->text.len) { /* at the end Jackson shows the point itself */
        w->at++;
    }
    if (!is_digit(w)) {
        return fail_number(w, "Decimal point not followed by a digit");
    }
    walk_digits(w);
    return true;
}

static bool walk_exponent(struct walk *w)
{
    if (peek(w) != 'e' && peek(w) != 'E') {
        return true;
    }
    w->at++;
    if (peek(w) == '+' || peek(w) == '-') {
        w->at++;
    }
    if (is_end(w)) {
        return fail_end(w, "expected a digit for number exponent"); /* no space: Jackson's */
    }
    if (!is_digit(w)) {
        return fail_number(w, "Exponent indicator not followed by a digit");
    }
    walk_digits(w);
    return true;
}

/* The '+' is next. */
static bool walk_plus(struct walk *w)
{
    w->at++;
    return is_end(w)
               ? fail_end(w, " in a Number value")
               : fail_at(w, w->at,
                         SLICE("Unexpected character ('+' (code 43)) in numeric value: JSON spec "
                               "does not allow numbers to have plus signs: enable "
                               "`JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow"));
}

static bool walk_number(struct walk *w)
{
    if (peek(w) == '-') {
        w->at++;
        if (is_end(w)) {
            return fail_end(w, "No digit following minus sign");
        }
        if (peek(w) == '.') {
            return fail_unexpected(w, "expected a valid value " VALUES);
        }
        if (!is_digit(w)) {
            return fail_number(
                w, "expected digit (0-9) to follow minus sign, for valid numeric value");
        }
    }
    if (peek(w) == '0') {
        w->at++;
        if (is_digit(w)) {
            return fail_at(w, w->at, SLICE("Invalid numeric value: Leading zeroes not allowed"));
        }
    }
    walk_digits(w);
    if (!walk_fraction(w) || !walk_exponent(w)) {
        return false;
    }
    if (w->depth == 0 && !is_end(w) && strchr(" \t\r\n", peek(w)) == NULL) {
        return fail_unexpected(w, "Expected space separating root-level values");
    }
    return true;
}

/* Java's identifiers: the letters beyond Latin-1's signs are taken whole, without Unicode's tables.
 */
static bool is_word(uint32_t c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
           (!first && c >= '0' && c <= '9') || (c >= 0xC0 && c < 0x2000) ||
           (c >= 0x20A0 && c < 0x20D0) || (c >= 0x3040 && c < 0xD800);
}

/* true, false, null; any other word fails. */
static bool walk_word(struct walk *w)
{
    size_t from = w->at;
    size_t count = 0;
    struct slice word;
    size_t n;

    while (!is_end(w) && count < TOKEN_CHARACTERS_MAX &&
           is_word(character_at(w, w->at, &n), false)) {
        w->at += n;
        count++;
    }
    word = slice_make(w->text.ptr + from, w->at - from);
    if (slice_eq_str(word, "true") || slice_eq_str(word, "false") || slice_eq_str(word, "null")) {
        return true;
    }
    if (slice_eq_str(word, "NaN") || slice_eq_str(word, "Infinity")) {
        return fail_at(w, w->at,
                       arena_printf(w->a,
                                    "Non-standard token '%.*s': enable "
                                    "`JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow",
                                    SLICE_FMT(word)));
    }
    return fail_at(w, w->at,
                   arena_printf(w->a, "Unrecognized token '%.*s%s': was expecting " VALUES,
                                SLICE_FMT(word), count == TOKEN_CHARACTERS_MAX ? "..." : ""));
}

static void push(struct walk *w, enum container is)
{
    if (++w->depth == w->cap) {
        w->levels = arena_grow(w->a, w->levels, w->cap * sizeof(*w->levels),
                               2 * w->cap * sizeof(*w->levels));
        w->cap *= 2;
    }
    w->levels[w->depth] = (struct level){.is = is, .start = w->at};
    w->at++;
}

static bool walk_value(struct walk *w)
{
    size_t n;

    switch (peek(w)) {
    case '"': return walk_string(w, false);
    case '[': push(w, ARRAY); return true;
    case '{': push(w, OBJECT); return true;
    case '+': return walk_plus(w);
    case '}':
        if (w->levels[w->depth].is == ARRAY) {
            return fail_unexpected(w, "expected a value");
        }
        break;
    default: break;
    }
    if (is_digit(w) || peek(w) == '-') {
        return walk_number(w);
    }
    return is_word(character_at(w, w->at, &n), true)
               ? walk_word(w)
               : fail_unexpected(w, "expected a valid value " VALUES);
}

/* "name" : and up to the value. */
static bool walk_name(struct walk *w)
{
    if (peek(w) != '"') {
        return fail_unexpected(w, "was expecting double-quote to start field name");
    }
    if (!walk_string(w, true) || !skip_space(w)) {
        return false;
    }
    if (!is_end(w) && peek(w) != ':') {
        return fail_unexpected(w, "was expecting a colon to separate field name and value");
    }
    w->at += is_end(w) ? 0 : 1;
    return skip_space(w) && (!is_end(w) || fail_between(w));
}

static bool walk_entry(struct walk *w)
{
    struct level *l = &w->levels[w->depth];

    if (l->begun) {
        if (peek(w) != ',') {
            return fail_unexpected(w, l->is == ARRAY
                                          ? "was expecting comma to separate Array entries"
                                          : "was expecting comma to separate Object entries");
        }
        w->at++;
        if (!skip_space(w)) {
            return false;
        }
        if (is_end(w)) {
            return fail_between(w);
        }
    }
    l->begun = true;
    return (l->is != OBJECT || walk_name(w)) && walk_value(w);
}

/* Where Jackson says a container began; its root began nowhere. */
static struct slice start_of(const struct walk *w)
{
    return w->depth == 0 ? SLICE(SOURCE "line: 1]") : location(w, w->levels[w->depth].start);
}

static bool walk_close(struct walk *w)
{
    const struct level *l = &w->levels[w->depth];
    char close = peek(w);

    if (l->is != (close == ']' ? ARRAY : OBJECT)) {
        return fail_at(w, w->at,
                       arena_printf(w->a,
                                    "Unexpected close marker '%c': expected '%c' (for %s starting "
                                    "at %.*s)",
                                    close, close == ']' ? '}' : ']', container_names[l->is],
                                    SLICE_FMT(start_of(w))));
    }
    w->depth--;
    w->at++;
    return true;
}

/* The first value, whole; false with the message where it is none. */
static bool walk_text(struct walk *w)
{
    do {
        if (!skip_space(w)) {
            return false;
        }
        if (is_end(w)) {
            return fail_end(
                w, arena_str(w->a,
                             arena_printf(
                                 w->a, ": expected close marker for %s (start marker at %.*s)",
                                 container_names[w->levels[w->depth].is], SLICE_FMT(start_of(w)))));
        }
        if (!(peek(w) == ']' || peek(w) == '}' ? walk_close(w) : walk_entry(w))) {
            return false;
        }
    } while (w->depth > 0);
    return true;
}

/* What Jackson says; empty: nothing. */
static struct slice message_of(struct slice text, struct arena *a)
{
    struct walk w = {.text = text, .cap = 16, .a = a};

    w.levels = ARENA_ARRAY(a, w.cap, struct level);
    return walk_text(&w) ? (struct slice){NULL, 0} : w.message;
}

struct slice jackson_refusal(struct slice text, struct arena *a)
{
    struct slice message = message_of(text, a);

    return message.len == 0
               ? message
               : arena_printf(a,
                              "Cannot convert String to Json in States.StringToJson, caused by: "
                              "%.*s",
                              SLICE_FMT(message));
}

struct slice jackson_reason(struct slice text, struct arena *a)
{
    struct slice message = message_of(text, a);

    return slice_head(message, slice_find(message, '\n'));
}
