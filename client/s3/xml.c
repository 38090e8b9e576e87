/* SPDX-License-Identifier: Apache-2.0 */
#include "client/s3/xml.h"

void xml_init(struct xml *x, struct slice text)
{
    *x = (struct xml){.text = text};
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf"))) {
        x->at = 3;
    }
}

static bool xml_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice xml_rest(const struct xml *x)
{
    return slice_from(x->text, x->at);
}

/* Offset of `needle` in s, or s.len. */
static size_t xml_find(struct slice s, struct slice needle)
{
    const char *p = s.len == 0 ? NULL : memmem(s.ptr, s.len, needle.ptr, needle.len);

    return p == NULL ? s.len : (size_t)(p - s.ptr);
}

/* Go past the next `end`; false where there is none. */
static bool xml_skip_past(struct xml *x, struct slice end)
{
    size_t n = xml_find(xml_rest(x), end);

    if (n == xml_rest(x).len) {
        return false;
    }
    x->at += n + end.len;
    return true;
}

/* Length of a tag's inside up to its '>', which may also stand in a quoted attribute; s.len: none.
 */
static size_t xml_tag_length(struct slice s)
{
    char quote = 0;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (quote != 0) {
            quote = c == quote ? (char)0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            return i;
        } else if (c == '<') {
            break;
        }
    }
    return s.len;
}

/* The name a tag begins with, without its namespace prefix; empty where there is none. */
static struct slice xml_tag_name(struct slice tag)
{
    size_t n = 0;
    size_t colon;

    while (n < tag.len && !xml_is_space(tag.ptr[n]) && tag.ptr[n] != '/' && tag.ptr[n] != '=') {
        n++;
    }
    tag = slice_head(tag, n);
    colon = slice_find(tag, ':');
    return colon == tag.len ? tag : slice_from(tag, colon + 1);
}

static enum xml_kind xml_open(struct xml *x, struct slice tag, struct slice *value)
{
    struct slice name = xml_tag_name(tag);

    if (name.len == 0 || x->depth == XML_DEPTH || (x->depth == 0 && x->begun)) {
        return XML_BAD;
    }
    x->begun = true;
    x->empty = slice_ends_with(tag, SLICE("/"));
    x->names[x->depth++] = name;
    *value = name;
    return XML_OPEN;
}

static enum xml_kind xml_close(struct xml *x, struct slice name, struct slice *value)
{
    if (x->depth == 0 || !slice_eq(name, x->names[x->depth - 1])) {
        return XML_BAD;
    }
    x->depth--;
    *value = name;
    return XML_CLOSE;
}

/* At '<' of an element's tag. */
static enum xml_kind xml_tag(struct xml *x, struct slice *value)
{
    struct slice tag = slice_from(xml_rest(x), 1);
    size_t n = xml_tag_length(tag);

    if (n == tag.len) {
        return XML_BAD;
    }
    tag = slice_head(tag, n);
    x->at += n + 2;
    if (tag.len > 0 && tag.ptr[0] == '/') {
        return xml_close(x, xml_tag_name(slice_from(tag, 1)), value);
    }
    return xml_open(x, tag, value);
}

/* Between tags: white space outside the root is nothing, other text there is an error. */
static bool xml_text(struct xml *x, struct slice *value)
{
    *value = slice_head(xml_rest(x), slice_find(xml_rest(x), '<'));
    x->at += value->len;
    return x->depth > 0;
}

static bool xml_is_blank(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!xml_is_space(s.ptr[i])) {
            return false;
        }
    }
    return true;
}

static enum xml_kind xml_step(struct xml *x, struct slice *value)
{
    for (;;) {
        struct slice rest = xml_rest(x);

        if (rest.len == 0) {
            return x->begun && x->depth == 0 ? XML_END : XML_BAD;
        }
        if (rest.ptr[0] != '<') {
            if (xml_text(x, value)) {
                return XML_TEXT;
            }
            if (!xml_is_blank(*value)) {
                return XML_BAD;
            }
        } else if (slice_starts_with(rest, SLICE("<?"))) {
            if (!xml_skip_past(x, SLICE("?>"))) {
                return XML_BAD;
            }
        } else if (slice_starts_with(rest, SLICE("<!--"))) {
            if (!xml_skip_past(x, SLICE("-->"))) {
                return XML_BAD;
            }
        } else if (slice_starts_with(rest, SLICE("<!"))) {
            return XML_BAD;
        } else {
            return xml_tag(x, value);
        }
    }
}

enum xml_kind xml_next(struct xml *x, struct slice *value)
{
    enum xml_kind kind;

    *value = (struct slice){"", 0};
    if (x->broken) {
        return XML_BAD;
    }
    if (x->empty) {
        x->empty = false;
        kind = xml_close(x, x->names[x->depth - 1], value);
    } else {
        kind = xml_step(x, value);
    }
    x->broken = kind == XML_BAD;
    return kind;
}

/* UTF-8 of a code point; 0 where it is none that text may hold. */
static size_t xml_put_utf8(uint32_t c, char *out)
{
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
        return 0;
    }
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* "#38" or "#x26"; false past the last code point or on another character. */
static bool xml_number(struct slice s, uint32_t *out)
{
    uint32_t base = s.len > 1 && s.ptr[1] == 'x' ? 16 : 10;
    struct slice digits = slice_from(s, base == 16 ? 2 : 1);

    *out = 0;
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.ptr[i];
        uint32_t digit;

        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if (base == 16 && (c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (uint32_t)((c | 0x20) - 'a') + 10;
        } else {
            return false;
        }
        *out = *out * base + digit;
        if (*out > 0x10ffff) {
            return false;
        }
    }
    return digits.len > 0;
}

/* One reference without '&' and ';' as UTF-8; 0 where it is malformed. */
static size_t xml_reference(struct slice name, char *out)
{
    static const struct {
        struct slice name;
        char c;
    } entities[] = {
        {SLICE_INIT("lt"), '<'},   {SLICE_INIT("gt"), '>'},    {SLICE_INIT("amp"), '&'},
        {SLICE_INIT("quot"), '"'}, {SLICE_INIT("apos"), '\''},
    };
    uint32_t c;

    if (name.len > 0 && name.ptr[0] == '#') {
        return xml_number(name, &c) ? xml_put_utf8(c, out) : 0;
    }
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
        if (slice_eq(name, entities[i].name)) {
            out[0] = entities[i].c;
            return 1;
        }
    }
    return 0;
}

bool xml_decode(struct slice raw, struct arena *a, struct slice *out)
{
    char *p = arena_alloc(a, raw.len); /* a reference is never shorter than its UTF-8 */
    size_t n = 0;
    size_t i = 0;

    while (i < raw.len) {
        if (raw.ptr[i] != '&') {
            p[n++] = raw.ptr[i++];
        } else {
            struct slice rest = slice_from(raw, i + 1);
            size_t end = slice_find(rest, ';');
            size_t put = end < rest.len ? xml_reference(slice_head(rest, end), p + n) : 0;

            if (put == 0) {
                return false;
            }
            n += put;
            i += end + 2;
        }
    }
    *out = slice_make(p, n);
    return true;
}

struct slice xml_encode(struct slice s, struct arena *a)
{
    char *p = arena_alloc(a, s.len * 6);
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        struct slice put = slice_make(s.ptr + i, 1);

        switch (s.ptr[i]) {
        case '<': put = SLICE("&lt;"); break;
        case '>': put = SLICE("&gt;"); break;
        case '&': put = SLICE("&amp;"); break;
        case '"': put = SLICE("&quot;"); break;
        case '\r': put = SLICE("&#13;"); break;
        default: break;
        }
        memcpy(p + n, put.ptr, put.len);
        n += put.len;
    }
    return slice_make(p, n);
}
