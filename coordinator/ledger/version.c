/* SPDX-License-Identifier: Apache-2.0 */
/* Versions and aliases of state machines, and tags of machines and activities: all in memory, with
 * one row a machine, and one a tagged thing. A version is a revision that keeps its number for
 * ever; an alias sends each start to one of at most two versions. */
#include <assert.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/store/keys.h"
#include "proto/base/text.h"

/* ---- versions and aliases ---- */

static void versions_put(struct ledger *l, const struct ledger_machine *m)
{
    struct key key = key_versions(l->config.account, m->number);

    buf_reset(&l->scratch);
    versions_row_encode(&m->versions, &l->scratch);
    store_put(l->filling, CF_MACHINE, key_slice(&key), buf_slice(&l->scratch));
}

/* What was changed is written, and read again from what was written: texts in it may be the turn's.
 */
static void versions_set(struct ledger *l, struct ledger_machine *m, const struct versions_row *row)
{
    struct arena fresh = {0};
    struct err err;
    enum err_code rc;

    m->versions = *row;
    versions_put(l, m);
    rc =
        versions_row_decode(arena_copy(&fresh, buf_slice(&l->scratch)), &fresh, &m->versions, &err);
    assert(rc == OK);
    (void)rc;
    arena_fini(&m->versions_arena);
    m->versions_arena = fresh;
}

void versions_free(struct ledger_machine *m)
{
    arena_fini(&m->versions_arena);
    m->versions = (struct versions_row){0};
}

void versions_delete(struct ledger *l, struct ledger_machine *m)
{
    struct key key = key_versions(l->config.account, m->number);

    if (m->versions.last != 0) {
        store_delete(l->filling, CF_MACHINE, key_slice(&key));
    }
}

static enum err_code
versions_load_one(struct ledger *l, struct slice rest, struct slice value, struct err *err)
{
    struct cursor c = cursor_make(rest);
    struct ledger_machine *m = ledger_machine_number(l, cursor_u64be(&c));

    if (m == NULL) {
        return OK; /* of a machine that went while its row was written */
    }
    return versions_row_decode(arena_copy(&m->versions_arena, value), &m->versions_arena,
                               &m->versions, err);
}

enum err_code versions_load(struct ledger *l, struct err *err)
{
    struct key all = key_versions_all(l->config.account);

    return rows_load(l, CF_MACHINE, &all, versions_load_one, err);
}

const struct version *ledger_version_find(const struct ledger_machine *m, uint32_t number)
{
    for (size_t i = 0; i < m->versions.count; i++) {
        if (m->versions.items[i].number == number) {
            return &m->versions.items[i];
        }
    }
    return NULL;
}

const struct version *
ledger_version_publish(struct ledger *l, struct ledger_machine *m, struct slice description)
{
    struct versions_row row = m->versions;
    struct version *items = ARENA_ARRAY(&l->arena, row.count + 1, struct version);

    if (row.count != 0) {
        memcpy(items, row.items, row.count * sizeof(*items));
    }
    items[row.count++] = (struct version){
        .number = ++row.last,
        .revision = m->revision,
        .created_ms = l->now.wall_ms,
        .description = description,
    };
    row.items = items;
    versions_set(l, m, &row);
    return &m->versions.items[m->versions.count - 1];
}

void ledger_version_delete(struct ledger *l, struct ledger_machine *m, uint32_t number)
{
    struct versions_row row = m->versions;
    struct version *items = ARENA_ARRAY(&l->arena, row.count + 1, struct version);
    size_t kept = 0;

    for (size_t i = 0; i < row.count; i++) {
        if (row.items[i].number != number) {
            items[kept++] = row.items[i];
        }
    }
    row.items = items;
    row.count = kept;
    versions_set(l, m, &row);
}

const struct alias *ledger_alias_find(const struct ledger_machine *m, struct slice name)
{
    for (size_t i = 0; i < m->versions.alias_count; i++) {
        if (slice_eq(m->versions.aliases[i].name, name)) {
            return &m->versions.aliases[i];
        }
    }
    return NULL;
}

bool ledger_qualified(const struct ledger_machine *m,
                      struct slice name,
                      const struct version **version,
                      const struct alias **alias)
{
    uint64_t number;

    *version = NULL;
    *alias = NULL;
    if (name.len == 0) {
        return true;
    }
    if (!text_parse_u64(name, &number)) {
        *alias = ledger_alias_find(m, name);
    } else if (number <= UINT32_MAX) {
        *version = ledger_version_find(m, (uint32_t)number);
    }
    return *alias != NULL || *version != NULL;
}

/* The aliases but that one, with room for one more. */
static struct alias *aliases_but(struct ledger *l, struct versions_row *row, struct slice name)
{
    struct alias *items = ARENA_ARRAY(&l->arena, row->alias_count + 1, struct alias);
    size_t kept = 0;

    for (size_t i = 0; i < row->alias_count; i++) {
        if (!slice_eq(row->aliases[i].name, name)) {
            items[kept++] = row->aliases[i];
        }
    }
    row->aliases = items;
    row->alias_count = kept;
    return items;
}

const struct alias *
ledger_alias_put(struct ledger *l, struct ledger_machine *m, const struct alias *alias)
{
    struct versions_row row = m->versions;
    struct alias *items = aliases_but(l, &row, alias->name);
    size_t at = row.alias_count++;

    while (at != 0 && slice_cmp(items[at - 1].name, alias->name) > 0) {
        items[at] = items[at - 1];
        at--;
    }
    items[at] = *alias;
    versions_set(l, m, &row);
    return &m->versions.aliases[at];
}

void ledger_alias_delete(struct ledger *l, struct ledger_machine *m, struct slice name)
{
    struct versions_row row = m->versions;

    (void)aliases_but(l, &row, name);
    versions_set(l, m, &row);
}

/* ---- tags ---- */

struct tagged {
    struct hash_node node;
    struct slice key; /* of the row, behind the prefix */
    struct arena arena;
    struct tags_row tags;
};

static struct tagged *tagged_find(const struct ledger *l, struct slice key)
{
    HASH_EACH_MATCH(n, &l->tagged, hash_bytes(key, 0))
    {
        struct tagged *t = container_of(n, struct tagged, node);

        if (slice_eq(t->key, key)) {
            return t;
        }
    }
    return NULL;
}

static struct tagged *tagged_new(struct ledger *l, struct slice key)
{
    struct tagged *t = mem_zalloc(1, sizeof(*t));

    t->key = slice_make(mem_strdup(key), key.len);
    hash_insert(&l->tagged, &t->node, hash_bytes(key, 0));
    return t;
}

static void tagged_free(struct ledger *l, struct tagged *t)
{
    hash_remove(&l->tagged, &t->node);
    arena_fini(&t->arena);
    mem_free((void *)(uintptr_t)t->key.ptr);
    mem_free(t);
}

void tags_free(struct ledger *l)
{
    struct hash_node *n;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->tagged, &bucket, NULL)) != NULL) {
        tagged_free(l, container_of(n, struct tagged, node));
        bucket = 0;
    }
    hash_fini(&l->tagged);
}

static enum err_code
tagged_load(struct ledger *l, struct slice place, struct slice value, struct err *err)
{
    struct tagged *t = tagged_new(l, place);

    return tags_row_decode(arena_copy(&t->arena, value), &t->arena, &t->tags, err);
}

enum err_code tags_load(struct ledger *l, struct err *err)
{
    struct key all = key_tags_all(l->config.account);

    return rows_load(l, CF_MACHINE, &all, tagged_load, err);
}

static struct slice tags_key(struct ledger *l, enum tag_kind kind, struct slice name)
{
    return arena_printf(&l->arena, "%c%.*s", (char)kind, SLICE_FMT(name));
}

const struct tags_row *ledger_tags(struct ledger *l, enum tag_kind kind, struct slice name)
{
    static const struct tags_row none;
    const struct tagged *t = tagged_find(l, tags_key(l, kind, name));

    return t != NULL ? &t->tags : &none;
}

void ledger_tags_set(struct ledger *l,
                     enum tag_kind kind,
                     struct slice name,
                     const struct tags_row *tags)
{
    struct slice place = tags_key(l, kind, name);
    struct key key = key_tags(l->config.account, place);
    struct tagged *t = tagged_find(l, place);
    struct arena fresh = {0};
    struct err err;
    enum err_code rc;

    if (tags->count == 0) {
        if (t != NULL) {
            store_delete(l->filling, CF_MACHINE, key_slice(&key));
            tagged_free(l, t);
        }
        return;
    }
    t = t != NULL ? t : tagged_new(l, place);
    buf_reset(&l->scratch);
    tags_row_encode(tags, &l->scratch);
    store_put(l->filling, CF_MACHINE, key_slice(&key), buf_slice(&l->scratch));
    rc = tags_row_decode(arena_copy(&fresh, buf_slice(&l->scratch)), &fresh, &t->tags, &err);
    assert(rc == OK);
    (void)rc;
    arena_fini(&t->arena);
    t->arena = fresh;
}
