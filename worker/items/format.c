/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/format.h"

#include <assert.h>

static const char *const format_names[] = {
    [ITEMS_AUTO] = "auto", [ITEMS_LINES] = "lines", [ITEMS_JSONL] = "jsonl",
    [ITEMS_CSV] = "csv",   [ITEMS_JSON] = "json",   [ITEMS_WHOLE] = "whole",
};

bool items_format_parse(struct slice name, enum items_format *out)
{
    for (unsigned i = 0; i < sizeof(format_names) / sizeof(format_names[0]); i++) {
        if (slice_eq_str(name, format_names[i])) {
            *out = (enum items_format)i;
            return true;
        }
    }
    return false;
}

const char *items_format_name(enum items_format format)
{
    return format_names[format];
}

bool items_delimiter_valid(char c)
{
    bool digit = c >= '0' && c <= '9';
    bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

    return c > 0 && c < 0x7f && !digit && !letter && c != '"' && c != '\n' && c != '\r';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct slice without_space(struct slice s)
{
    while (s.len != 0 && is_space(s.ptr[0])) {
        s = slice_from(s, 1);
    }
    return s;
}

/* Text that begins with an object: one a line, or one in all? The first line tells: it closes what
 * it opens, and another object begins after it. */
static enum items_format format_of_objects(struct slice text)
{
    size_t line = slice_find(text, '\n');
    struct slice rest = without_space(slice_from(text, line));
    int depth = 0;

    for (size_t i = 0; i < line; i++) {
        depth += (text.ptr[i] == '{') - (text.ptr[i] == '}');
    }
    return line < text.len && depth == 0 && (rest.len == 0 || rest.ptr[0] == '{') ? ITEMS_JSONL
                                                                                  : ITEMS_WHOLE;
}

static enum items_format format_of_json(struct slice text)
{
    return text.len != 0 && text.ptr[0] == '{' ? format_of_objects(text) : ITEMS_JSON;
}

static bool is_gzip(struct slice head)
{
    return slice_starts_with(head, SLICE("\x1f\x8b"));
}

/* By the first bytes alone. A log's lines may begin with '[' too, but not before one of these. */
static enum items_format format_of_bytes(struct slice head)
{
    struct slice text = without_space(head);
    struct slice first = without_space(slice_from(text, 1));

    if (slice_find(head, '\0') < head.len) {
        return ITEMS_WHOLE; /* not text */
    }
    if (text.len != 0 && text.ptr[0] == '{') {
        return format_of_objects(text);
    }
    return text.len > 1 && text.ptr[0] == '[' && first.len != 0 &&
                   memchr("[{\"]", first.ptr[0], 4) != NULL
               ? ITEMS_JSON
               : ITEMS_LINES;
}

static bool ends_with_folded(struct slice key, const char *extension)
{
    size_t n = strlen(extension);

    if (key.len < n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = key.ptr[key.len - n + i];

        if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != extension[i]) {
            return false;
        }
    }
    return true;
}

static enum items_format format_of_object(struct slice key, struct slice head)
{
    static const struct {
        const char *extension;
        enum items_format format;
    } known[] = {
        {".csv", ITEMS_CSV},      {".tsv", ITEMS_CSV},         {".jsonl", ITEMS_JSONL},
        {".ndjson", ITEMS_JSONL}, {".jsonlines", ITEMS_JSONL}, {".txt", ITEMS_LINES},
        {".log", ITEMS_LINES},
    };

    if (is_gzip(head)) {
        return ITEMS_WHOLE;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (ends_with_folded(key, known[i].extension)) {
            return known[i].format;
        }
    }
    return ends_with_folded(key, ".json") ? format_of_json(without_space(head))
                                          : format_of_bytes(head);
}

struct items_options
items_options_settle(const struct items_options *o, struct slice key, struct slice head)
{
    struct items_options out = *o;

    if (slice_starts_with(head, SLICE("\xef\xbb\xbf"))) {
        head = slice_from(head, 3);
    }
    if (out.format == ITEMS_AUTO) {
        out.format = format_of_object(key, head);
    }
    if (out.delimiter == '\0') {
        out.delimiter = o->format == ITEMS_AUTO && ends_with_folded(key, ".tsv") ? '\t' : ',';
    }
    return out;
}

bool items_needs_scan(const struct items_options *o)
{
    return o->format == ITEMS_JSON || (o->format == ITEMS_CSV && o->quoted_breaks);
}

bool items_header_bytes(const struct items_options *o, struct slice head, bool whole, size_t *out)
{
    size_t line = slice_find(head, '\n');

    assert(!items_needs_scan(o));
    if (o->format != ITEMS_CSV || !o->header) {
        *out = 0;
        return true;
    }
    *out = line < head.len ? line + 1 : line;
    return whole || line < head.len;
}
