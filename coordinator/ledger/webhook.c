/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/ledger/webhook.h"

#include <assert.h>
#include <stdlib.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/store/keys.h"

/* ---- in memory ---- */

static uint64_t hash_of(enum webhook_kind kind, struct slice name)
{
    return hash_bytes(name, (uint64_t)kind);
}

struct ledger_webhook *
ledger_webhook_find(const struct ledger *l, enum webhook_kind kind, struct slice name)
{
    HASH_EACH_MATCH(n, &l->webhooks, hash_of(kind, name))
    {
        struct ledger_webhook *w = container_of(n, struct ledger_webhook, by_name);

        if (w->row.kind == kind && slice_eq(w->row.name, name)) {
            return w;
        }
    }
    return NULL;
}

bool ledger_webhook_is(const struct ledger_webhook *w, struct slice arn)
{
    return slice_eq(w->arn, arn) ||
           slice_eq(slice_head(w->arn, w->arn.len - w->row.id.len - 1), arn);
}

static int by_name(const void *a, const void *b)
{
    const struct ledger_webhook *const *x = a;
    const struct ledger_webhook *const *y = b;

    return slice_cmp((*x)->row.name, (*y)->row.name);
}

struct ledger_webhook **ledger_webhooks(struct ledger *l, enum webhook_kind kind, size_t *count)
{
    struct ledger_webhook **all =
        ARENA_ARRAY(&l->arena, l->webhooks.count + 1, struct ledger_webhook *);
    struct hash_node *n = NULL;
    size_t bucket = 0;

    *count = 0;
    while ((n = hash_iterate(&l->webhooks, &bucket, n)) != NULL) {
        struct ledger_webhook *w = container_of(n, struct ledger_webhook, by_name);

        if (w->row.kind == kind) {
            all[(*count)++] = w;
        }
    }
    qsort(all, *count, sizeof(struct ledger_webhook *), by_name);
    return all;
}

static struct slice arn_of(const struct ledger *l, const struct webhook_row *r, struct arena *a)
{
    return arena_printf(a, "arn:aws:events:%s:%012llu:%s/%.*s/%.*s", l->config.region,
                        (unsigned long long)l->config.account,
                        r->kind == WEBHOOK_CONNECTION ? "connection" : "api-destination",
                        SLICE_FMT(r->name), SLICE_FMT(r->id));
}

/* What `bytes` say, which are copied. */
static enum err_code take(struct ledger *l, struct slice bytes, struct err *err)
{
    struct arena texts = {0};
    struct ledger_webhook *w;
    struct webhook_row row;
    enum err_code rc = webhook_row_decode(arena_copy(&texts, bytes), &row, err);

    if (rc != OK) {
        arena_fini(&texts);
        return rc;
    }
    w = ledger_webhook_find(l, row.kind, row.name);
    if (w == NULL) {
        w = mem_zalloc(1, sizeof(*w));
        hash_insert(&l->webhooks, &w->by_name, hash_of(row.kind, row.name));
    }
    arena_fini(&w->texts);
    w->texts = texts;
    w->row = row;
    w->arn = arn_of(l, &row, &w->texts);
    return OK;
}

static void webhook_free(struct ledger *l, struct ledger_webhook *w)
{
    hash_remove(&l->webhooks, &w->by_name);
    arena_fini(&w->texts);
    mem_free(w);
}

/* ---- rows ---- */

static struct key key_of(const struct ledger *l, const struct webhook_row *r)
{
    return key_webhook(l->config.account, (uint8_t)r->kind, r->name);
}

struct ledger_webhook *ledger_webhook_put(struct ledger *l, const struct webhook_row *row)
{
    struct webhook_row made = *row;
    struct key key = key_of(l, row);
    enum err_code rc;

    made.updated_ms = l->now.wall_ms;
    if (made.id.len == 0) {
        made.created_ms = l->now.wall_ms;
        made.id = ledger_uuid(l);
    }
    buf_reset(&l->scratch);
    webhook_row_encode(&made, &l->scratch);
    store_put(l->filling, CF_MACHINE, key_slice(&key), buf_slice(&l->scratch));
    rc = take(l, buf_slice(&l->scratch), NULL);
    assert(rc == OK);
    (void)rc;
    return ledger_webhook_find(l, row->kind, slice_from(key_slice(&key), key.len - row->name.len));
}

void ledger_webhook_delete(struct ledger *l, struct ledger_webhook *w)
{
    struct key key = key_of(l, &w->row);

    store_delete(l->filling, CF_MACHINE, key_slice(&key));
    webhook_free(l, w);
}

static enum err_code load(struct ledger *l, struct slice rest, struct slice value, struct err *err)
{
    (void)rest;
    return take(l, value, err);
}

enum err_code webhooks_load(struct ledger *l, struct err *err)
{
    struct key all = key_webhooks(l->config.account);

    return rows_load(l, CF_MACHINE, &all, load, err);
}

void webhooks_free(struct ledger *l)
{
    struct hash_node *n;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->webhooks, &bucket, NULL)) != NULL) {
        webhook_free(l, container_of(n, struct ledger_webhook, by_name));
        bucket = 0;
    }
    hash_fini(&l->webhooks);
}
