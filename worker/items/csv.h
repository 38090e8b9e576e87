/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of one CSV record, which has no line break at its end; a '\r' there is none of the
 * last field's. Pure. Source: RFC 4180. */
#ifndef STEPFLEET_ITEMS_CSV_H
#define STEPFLEET_ITEMS_CSV_H

#include "proto/base/buf.h"

struct csv_fields {
    const char *at; /* the next field's first byte; NULL: there is none */
    const char *end;
    char delimiter;
    const char *wrong; /* what was expected; NULL: nothing is wrong */
};

struct csv_field {
    struct slice text; /* without the quotes around it */
    bool quoted;       /* a '"' in it is doubled */
};

struct csv_fields csv_fields_of(struct slice record, char delimiter);
/* False: there are no more, or `wrong` is set and `at` is where. */
bool csv_fields_next(struct csv_fields *c, struct csv_field *out);
/* The number of fields; SIZE_MAX where one is wrong. */
size_t csv_fields_count(struct slice record, char delimiter);
/* What the field means: as it is, or in `out`, which is overwritten. */
struct slice csv_field_value(const struct csv_field *f, struct buf *out);

#endif
