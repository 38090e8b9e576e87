/* SPDX-License-Identifier: Apache-2.0 */
/* Names in order, so that a page of a list costs what is on it. The names are their owners', found
 * again by container_of(); each is there once. To add or to remove one moves pointers alone: 80 KB
 * of them where there are ten thousand. */
#ifndef STEPFLEET_BASE_NAMES_H
#define STEPFLEET_BASE_NAMES_H

#include "proto/base/slice.h"

struct names {
    struct slice **each; /* by their bytes */
    size_t count;
    size_t cap;
};

void names_fini(struct names *n);
/* It stays where it is, and what it is, until it is removed. */
void names_insert(struct names *n, struct slice *name);
/* It must be there. */
void names_remove(struct names *n, const struct slice *name);
/* Where the first one is that is not before `name`; n->count: there is none. */
size_t names_seek(const struct names *n, struct slice name);
/* Where a page begins: of the names that begin with `prefix`, those behind `after`, which may be
 * empty: the first one. */
size_t names_page(const struct names *n, struct slice prefix, struct slice after);

#endif
