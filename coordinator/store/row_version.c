/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/row_version.h"

#include "coordinator/store/row.h"
#include "proto/base/limits.h"

enum { ROW_VERSION = 1 };

/* How many of a list follow; never more than there may be. */
static size_t get_count(struct cursor *c, size_t most)
{
    uint64_t n = cursor_varint(c);

    c->bad = c->bad || n > most;
    return c->bad ? 0 : (size_t)n;
}

/* ---- versions and aliases ---- */

static void put_version(struct buf *out, const struct version *v)
{
    buf_put_varint(out, v->number);
    buf_put_varint(out, v->revision);
    buf_put_svarint(out, v->created_ms);
    buf_put_bytes(out, v->description);
}

static void put_alias(struct buf *out, const struct alias *a)
{
    buf_put_bytes(out, a->name);
    buf_put_bytes(out, a->description);
    buf_put_svarint(out, a->created_ms);
    buf_put_svarint(out, a->updated_ms);
    buf_put_varint(out, a->route_count);
    for (size_t i = 0; i < a->route_count; i++) {
        buf_put_varint(out, a->routes[i].version);
        buf_put_varint(out, a->routes[i].weight);
    }
}

void versions_row_encode(const struct versions_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_varint(out, r->last);
    buf_put_varint(out, r->count);
    for (size_t i = 0; i < r->count; i++) {
        put_version(out, &r->items[i]);
    }
    buf_put_varint(out, r->alias_count);
    for (size_t i = 0; i < r->alias_count; i++) {
        put_alias(out, &r->aliases[i]);
    }
}

static void get_version(struct cursor *c, struct version *v)
{
    v->number = row_u32(c);
    v->revision = row_u32(c);
    v->created_ms = cursor_svarint(c);
    v->description = cursor_bytes(c);
}

static void get_alias(struct cursor *c, struct alias *a)
{
    a->name = cursor_bytes(c);
    a->description = cursor_bytes(c);
    a->created_ms = cursor_svarint(c);
    a->updated_ms = cursor_svarint(c);
    a->route_count = get_count(c, ROUTES_MOST);
    for (size_t i = 0; i < a->route_count; i++) {
        a->routes[i].version = row_u32(c);
        a->routes[i].weight = row_u32(c);
    }
}

enum err_code
versions_row_decode(struct slice bytes, struct arena *a, struct versions_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct versions_row r = {0};
    struct version *items;
    struct alias *aliases;
    enum err_code rc = row_begin(&c, "versions", ROW_VERSION, NULL, err);

    if (rc != OK) {
        return rc;
    }
    r.last = row_u32(&c);
    r.count = get_count(&c, LIMIT_VERSIONS);
    r.items = items = ARENA_ARRAY(a, r.count + 1, struct version);
    for (size_t i = 0; i < r.count; i++) {
        get_version(&c, &items[i]);
    }
    r.alias_count = get_count(&c, LIMIT_ALIASES);
    r.aliases = aliases = ARENA_ARRAY(a, r.alias_count + 1, struct alias);
    for (size_t i = 0; i < r.alias_count; i++) {
        get_alias(&c, &aliases[i]);
    }
    rc = row_end(&c, "versions", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}

/* ---- tags ---- */

void tags_row_encode(const struct tags_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_varint(out, r->count);
    for (size_t i = 0; i < r->count; i++) {
        buf_put_bytes(out, r->items[i].key);
        buf_put_bytes(out, r->items[i].value);
    }
}

enum err_code
tags_row_decode(struct slice bytes, struct arena *a, struct tags_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct tags_row r = {0};
    struct tag *items;
    enum err_code rc = row_begin(&c, "tags", ROW_VERSION, NULL, err);

    if (rc != OK) {
        return rc;
    }
    r.count = get_count(&c, LIMIT_TAGS);
    r.items = items = ARENA_ARRAY(a, r.count + 1, struct tag);
    for (size_t i = 0; i < r.count; i++) {
        items[i].key = cursor_bytes(&c);
        items[i].value = cursor_bytes(&c);
    }
    rc = row_end(&c, "tags", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}
