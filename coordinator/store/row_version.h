/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of versions and aliases of a machine, and of tags: a version byte, then the members in a
 * fixed order, as row_codec.c has it. Decoded texts point into the bytes, lists lie in the arena.
 */
#ifndef STEPFLEET_STORE_ROW_VERSION_H
#define STEPFLEET_STORE_ROW_VERSION_H

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

struct version {
    uint32_t number; /* from 1; never given again */
    uint32_t revision;
    int64_t created_ms;
    struct slice description;
};

enum { ROUTES_MOST = 2 };

struct route {
    uint32_t version;
    uint32_t weight; /* of 100 */
};

struct alias {
    struct slice name;
    struct slice description;
    int64_t created_ms;
    int64_t updated_ms;
    struct route routes[ROUTES_MOST];
    size_t route_count;
};

struct versions_row {
    uint32_t last; /* number given last; 0: none ever */
    const struct version *items;
    size_t count; /* in the order of their numbers */
    const struct alias *aliases;
    size_t alias_count; /* by name */
};
void versions_row_encode(const struct versions_row *r, struct buf *out);
enum err_code
versions_row_decode(struct slice bytes, struct arena *a, struct versions_row *out, struct err *err);

struct tag {
    struct slice key;
    struct slice value;
};

struct tags_row {
    const struct tag *items;
    size_t count;
};
void tags_row_encode(const struct tags_row *r, struct buf *out);
enum err_code
tags_row_decode(struct slice bytes, struct arena *a, struct tags_row *out, struct err *err);

#endif
