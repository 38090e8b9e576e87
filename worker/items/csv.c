/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/csv.h"

struct csv_fields csv_fields_of(struct slice record, char delimiter)
{
    if (slice_ends_with(record, SLICE("\r"))) {
        record.len--;
    }
    return (struct csv_fields){
        .at = record.len != 0 ? record.ptr : "",
        .end = record.len != 0 ? slice_end(record) : "",
        .delimiter = delimiter,
    };
}

/* The closing quote of the field whose first byte is `p`, or NULL. */
static const char *csv_closing(const char *p, const char *end)
{
    while (p < end) {
        p = memchr(p, '"', (size_t)(end - p));
        if (p == NULL || p + 1 == end || p[1] != '"') {
            return p;
        }
        p += 2;
    }
    return NULL;
}

static bool csv_wrong(struct csv_fields *c, const char *at, const char *expected)
{
    c->at = at;
    c->wrong = expected;
    return false;
}

static bool csv_quoted(struct csv_fields *c, struct csv_field *out)
{
    const char *from = c->at + 1;
    const char *close = csv_closing(from, c->end);

    if (close == NULL) {
        return csv_wrong(c, c->at, "'\"' at the end of the field");
    }
    if (close + 1 != c->end && close[1] != c->delimiter) {
        return csv_wrong(c, close + 1, "a delimiter after the closing '\"'");
    }
    *out = (struct csv_field){slice_make(from, (size_t)(close - from)), true};
    c->at = close + 1 != c->end ? close + 2 : NULL;
    return true;
}

bool csv_fields_next(struct csv_fields *c, struct csv_field *out)
{
    struct slice rest;
    size_t quote;

    if (c->at == NULL || c->wrong != NULL) {
        return false;
    }
    if (c->at != c->end && *c->at == '"') {
        return csv_quoted(c, out);
    }
    rest = slice_make(c->at, (size_t)(c->end - c->at));
    rest = slice_head(rest, slice_find(rest, c->delimiter));
    quote = slice_find(rest, '"');
    if (quote != rest.len) {
        return csv_wrong(c, c->at + quote, "no '\"' within a field that does not begin with one");
    }
    *out = (struct csv_field){rest, false};
    c->at = rest.ptr + rest.len != c->end ? rest.ptr + rest.len + 1 : NULL;
    return true;
}

size_t csv_fields_count(struct slice record, char delimiter)
{
    struct csv_fields c = csv_fields_of(record, delimiter);
    struct csv_field f;
    size_t n = 0;

    while (csv_fields_next(&c, &f)) {
        n++;
    }
    return c.wrong == NULL ? n : SIZE_MAX;
}

struct slice csv_field_value(const struct csv_field *f, struct buf *out)
{
    struct slice left = f->text;

    if (!f->quoted || slice_find(left, '"') == left.len) {
        return f->text;
    }
    buf_reset(out);
    while (left.len != 0) {
        size_t n = slice_find(left, '"');

        buf_put_slice(out, slice_head(left, n + 1));
        left = slice_from(left, n + 2);
    }
    return buf_slice(out);
}
