/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/table.h"

#include <assert.h>

#include "proto/base/text.h"

enum { TABLE_COLUMNS = 16, TABLE_GAP = 2 };

static bool is_control(const unsigned char *p, const unsigned char *end)
{
    return *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p + 1 < end && p[1] >= 0x80 && p[1] < 0xa0);
}

/* Half of a pair: three bytes that JSON may mean and no terminal may see. */
static bool is_surrogate(const unsigned char *p, const unsigned char *end)
{
    return end - p >= 3 && p[0] == 0xed && p[1] >= 0xa0;
}

struct slice table_clean(struct slice text, struct arena *a)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    const unsigned char *end = p + text.len;
    char *copy = NULL;

    for (size_t i = 0; i < text.len; i++) {
        if (is_control(p + i, end)) {
            copy = copy != NULL ? copy : arena_str(a, text);
            copy[i] = ' ';
            if (p[i] == 0xc2) {
                copy[++i] = ' ';
            }
        } else if (is_surrogate(p + i, end)) {
            copy = copy != NULL ? copy : arena_str(a, text);
            memcpy(copy + i, "\xef\xbf\xbd", 3);
            i += 2;
        }
    }
    return copy != NULL ? slice_make(copy, text.len) : text;
}

void table_cell(struct table *t, struct slice text, enum style style)
{
    if (t->count == t->cap) {
        size_t cap = t->cap != 0 ? t->cap * 2 : 64;

        t->cells = arena_grow(t->a, t->cells, t->cap * sizeof(*t->cells), cap * sizeof(*t->cells));
        t->cap = cap;
    }
    t->cells[t->count++] = (struct table_cell){table_clean(text, t->a), style};
}

void table_init(struct table *t, struct arena *a, const char *titles)
{
    struct slice rest = slice_str(titles);

    *t = (struct table){.a = a};
    for (;;) {
        size_t bar = slice_find(rest, '|');
        struct slice title = slice_head(rest, bar);

        if (slice_starts_with(title, SLICE(">"))) {
            t->right |= UINT32_C(1) << t->columns;
            title = slice_from(title, 1);
        }
        table_cell(t, title, STYLE_TITLE);
        t->columns++;
        assert(t->columns <= TABLE_COLUMNS);
        if (bar == rest.len) {
            return;
        }
        rest = slice_from(rest, bar + 1);
    }
}

static size_t text_width(struct slice s)
{
    return text_is_utf8(s) ? text_code_points(s) : s.len;
}

/* The first `width` characters, the last of them an ellipsis where some are lost. */
static struct slice cut(struct slice s, size_t width, struct arena *a)
{
    size_t bytes = 0;

    if (text_width(s) <= width) {
        return s;
    }
    for (size_t n = 0; n + 1 < width; n++) {
        do {
            bytes++;
        } while (bytes < s.len && ((unsigned char)s.ptr[bytes] & 0xc0) == 0x80);
    }
    return width == 0 ? SLICE("") : arena_printf(a, "%.*s\u2026", (int)bytes, s.ptr);
}

static void pad(struct buf *out, size_t count)
{
    memset(buf_reserve(out, count), ' ', count);
    out->len += count;
}

static void cell_write(const struct table_cell *c, bool colour, struct buf *out)
{
    bool styled = colour && c->style != STYLE_PLAIN && c->text.len != 0;

    if (styled) {
        buf_put_str(out, human_style(c->style));
    }
    buf_put_slice(out, c->text);
    if (styled) {
        buf_put_str(out, HUMAN_STYLE_END);
    }
}

static void row_write(const struct table *t,
                      const struct table_cell *row,
                      const size_t *widths,
                      bool colour,
                      struct buf *out)
{
    for (size_t i = 0; i < t->columns; i++) {
        bool last = i + 1 == t->columns;
        struct table_cell c = row[i];
        size_t width;

        c.text = last ? cut(c.text, widths[i], t->a) : c.text;
        width = text_width(c.text);
        if ((t->right >> i & 1) != 0) {
            pad(out, widths[i] - width);
        }
        cell_write(&c, colour, out);
        if ((t->right >> i & 1) == 0 && !last) {
            pad(out, widths[i] - width);
        }
        if (!last) {
            pad(out, TABLE_GAP);
        }
    }
    while (out->len > 0 && out->ptr[out->len - 1] == ' ') {
        out->len--; /* an empty last cell leaves no trailing spaces */
    }
    buf_put_str(out, "\n");
}

void table_write(const struct table *t, bool colour, size_t width, struct buf *out)
{
    size_t widths[TABLE_COLUMNS] = {0};
    size_t used = 0;

    assert(t->count % t->columns == 0);
    for (size_t i = 0; i < t->count; i++) {
        size_t w = text_width(t->cells[i].text);

        widths[i % t->columns] = w > widths[i % t->columns] ? w : widths[i % t->columns];
    }
    for (size_t i = 0; i + 1 < t->columns; i++) {
        used += widths[i] + TABLE_GAP;
    }
    if (width != 0 && used + widths[t->columns - 1] > width) {
        size_t least = text_width(t->cells[t->columns - 1].text);

        widths[t->columns - 1] = width > used + least ? width - used : least;
    }
    for (size_t i = 0; i < t->count; i += t->columns) {
        row_write(t, &t->cells[i], widths, colour, out);
    }
}
