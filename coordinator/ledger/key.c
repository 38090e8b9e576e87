/* SPDX-License-Identifier: Apache-2.0 */
/* Access keys: who may ask over HTTP, and what. All of them are in memory, by id. */
#include "coordinator/ledger/internal.h"
#include "coordinator/store/keys.h"

static struct slice keep(char **at, struct slice s)
{
    struct slice kept = slice_make(*at, s.len);

    if (s.len != 0) {
        memcpy(*at, s.ptr, s.len);
    }
    *at += s.len;
    return kept;
}

/* In its place among the others. */
static struct ledger_key *key_new(struct ledger *l, struct slice id, const struct access_row *row)
{
    struct ledger_key *k = mem_zalloc(1, sizeof(*k) + id.len + row->secret.len + row->note.len);
    struct list *before = &l->keys;
    char *at = k->text;

    k->id = keep(&at, id);
    k->secret = keep(&at, row->secret);
    k->note = keep(&at, row->note);
    k->role = row->role;
    k->created_ms = row->created_ms;
    while (before->prev != &l->keys &&
           slice_cmp(container_of(before->prev, struct ledger_key, link)->id, id) > 0) {
        before = before->prev;
    }
    list_push_back(before, &k->link);
    l->key_count++;
    l->keys_version++;
    return k;
}

static void key_free(struct ledger *l, struct ledger_key *k)
{
    list_remove(&k->link);
    l->key_count--;
    l->keys_version++;
    explicit_bzero(k->text, k->id.len + k->secret.len + k->note.len);
    mem_free(k);
}

void keys_free(struct ledger *l)
{
    while (!list_empty(&l->keys)) {
        key_free(l, container_of(l->keys.next, struct ledger_key, link));
    }
}

static enum err_code
key_load(struct ledger *l, struct slice id, struct slice value, struct err *err)
{
    struct access_row row;
    enum err_code rc = access_row_decode(value, &row, err);

    if (rc == OK) {
        (void)key_new(l, id, &row);
    }
    return rc;
}

enum err_code keys_load(struct ledger *l, struct err *err)
{
    struct key all = key_accesses(l->config.account);

    return rows_load(l, CF_MACHINE, &all, key_load, err);
}

const struct list *ledger_keys(const struct ledger *l)
{
    return &l->keys;
}

size_t ledger_key_count(const struct ledger *l)
{
    return l->key_count;
}

uint64_t ledger_keys_version(const struct ledger *l)
{
    return l->keys_version;
}

struct ledger_key *ledger_key_find(const struct ledger *l, struct slice id)
{
    LIST_EACH(n, &l->keys)
    {
        struct ledger_key *k = container_of(n, struct ledger_key, link);

        if (slice_eq(k->id, id)) {
            return k;
        }
    }
    return NULL;
}

struct ledger_key *ledger_key_put(struct ledger *l,
                                  struct slice id,
                                  struct slice secret,
                                  enum access_role role,
                                  struct slice note)
{
    const struct access_row row = {l->now.wall_ms, role, secret, note};
    struct key key = key_access(l->config.account, id);

    buf_reset(&l->scratch);
    access_row_encode(&row, &l->scratch);
    store_put(l->filling, CF_MACHINE, key_slice(&key), buf_slice(&l->scratch));
    return key_new(l, id, &row);
}

void ledger_key_delete(struct ledger *l, struct ledger_key *k)
{
    struct key key = key_access(l->config.account, k->id);

    store_delete(l->filling, CF_MACHINE, key_slice(&key));
    key_free(l, k);
}
