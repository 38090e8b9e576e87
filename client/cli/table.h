/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned columns. Cells are cleaned of control characters, so that no name or cause can play with
 * the terminal. Widths count code points. Pure. */
#ifndef STEPFLEET_CLI_TABLE_H
#define STEPFLEET_CLI_TABLE_H

#include "client/cli/human.h"
#include "proto/base/buf.h"

struct table_cell {
    struct slice text;
    enum style style;
};

struct table {
    struct arena *a;
    size_t columns;
    uint32_t right; /* bit i: column i is aligned to the right */
    struct table_cell *cells;
    size_t count; /* cells, titles included */
    size_t cap;
};

/* `titles`: "NAME|STATUS|BYTES"; a '>' before one aligns its column to the right. */
void table_init(struct table *t, struct arena *a, const char *titles);
void table_cell(struct table *t, struct slice text, enum style style);
static inline void table_text(struct table *t, struct slice text)
{
    table_cell(t, text, STYLE_PLAIN);
}
static inline void table_str(struct table *t, const char *text)
{
    table_cell(t, slice_str(text), STYLE_PLAIN);
}
/* Rows must be full. width 0: as wide as it is; else the last column is cut so that lines fit. */
void table_write(const struct table *t, bool colour, size_t width, struct buf *out);
/* Control characters (C0, DEL, C1) become spaces, half a surrogate pair U+FFFD; a copy only where
 * there are some. */
struct slice table_clean(struct slice text, struct arena *a);

#endif
