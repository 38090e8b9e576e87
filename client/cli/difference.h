/* SPDX-License-Identifier: Apache-2.0 */
/* Where two JSON values differ. Texts that are JSON themselves, as definitions are, are compared as
 * such. Pure. */
#ifndef STEPFLEET_CLI_DIFFERENCE_H
#define STEPFLEET_CLI_DIFFERENCE_H

#include "proto/base/json.h"

enum { DIFFERENCES_SHOWN = 20 };

struct difference {
    struct slice path;            /* "definition/States/A/Next" */
    const struct json_node *from; /* NULL: it was not there */
    const struct json_node *to;   /* NULL: it is not there any more */
    bool layout;                  /* the same JSON, in other words: white space, order, escapes */
};

struct differences {
    struct difference items[DIFFERENCES_SHOWN]; /* the first of them */
    size_t count;                               /* all of them */
};

/* All lives in the arena and the values. */
void difference_find(const struct json_node *from,
                     const struct json_node *to,
                     struct arena *a,
                     struct differences *out);
/* "B" -> "C", each side cut at so many bytes. */
struct slice difference_text(const struct difference *d, struct arena *a);

#endif
