/* SPDX-License-Identifier: Apache-2.0 */
/* What FIFO queues remember of what was sent: in memory by digest, on disk one row for all that a
 * batch added, which goes when the last of them is forgotten. */
#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/queue.h"
#include "coordinator/store/keys.h"

struct dedup_key
ledger_dedup_key(const struct ledger_queue *q, struct slice group, struct slice id, struct arena *a)
{
    return dedup_key_of(id, q->row.attributes.dedup_by_group ? &group : NULL, a);
}

bool ledger_queue_remembers(const struct ledger_queue *q)
{
    return q->dedup.by_key.count < LIMIT_QUEUE_DEDUPS;
}

struct dedup_kept {
    struct list link;
    uint64_t first;
    int64_t until_ms;
};

static void keep_row(struct ledger_queue *q, uint64_t first, int64_t until_ms)
{
    struct dedup_kept *k = mem_alloc(sizeof(*k));

    k->first = first;
    k->until_ms = until_ms;
    list_push_back(&q->dedup_rows, &k->link);
}

enum err_code queue_dedup_load(struct ledger *l, struct ledger_queue *q, struct err *err)
{
    struct key from = key_dedups(l->config.account, q->row.number);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(l->store, CF_QUEUE, key_slice(&from), key_slice(&to), false);
    enum err_code rc = OK;
    struct arena a = {0};
    struct slice key;
    struct slice value;

    while (rc == OK && store_next(i, &key, &value)) {
        struct cursor c = cursor_make(slice_from(key, from.len));
        uint64_t first = cursor_u64be(&c);
        struct dedup_row row;

        arena_reset(&a);
        rc = dedup_row_decode(value, &a, &row, err);
        for (size_t n = 0; rc == OK && n < row.count; n++) {
            dedup_put(&q->dedup, row.items[n].key, row.items[n].number, row.until_ms);
        }
        if (rc == OK) {
            keep_row(q, first, row.until_ms);
        }
    }
    arena_fini(&a);
    if (rc != OK) {
        (void)store_iterator_end(i, NULL);
        return rc;
    }
    return store_iterator_end(i, err);
}

void queue_dedup_add(struct ledger *l,
                     struct ledger_queue *q,
                     struct dedup_key key,
                     uint64_t number)
{
    if (q->fresh_count == q->fresh_cap) {
        q->fresh_cap = q->fresh_cap != 0 ? 2 * q->fresh_cap : 16;
        q->fresh = mem_realloc(q->fresh, q->fresh_cap * sizeof(*q->fresh));
    }
    q->fresh[q->fresh_count++] = (struct dedup_entry){key, number};
    dedup_put(&q->dedup, key, number, l->now.wall_ms + LIMIT_QUEUE_DEDUP_MS);
}

void queue_dedup_keep(struct ledger *l, struct ledger_queue *q)
{
    struct dedup_row row = {
        .until_ms = l->now.wall_ms + LIMIT_QUEUE_DEDUP_MS,
        .items = q->fresh,
        .count = q->fresh_count,
    };
    struct key key;

    if (q->fresh_count == 0) {
        return;
    }
    key = key_dedup(l->config.account, q->row.number, q->fresh[0].number);
    buf_reset(&l->scratch);
    dedup_row_encode(&row, &l->scratch);
    store_put(l->filling, CF_QUEUE, key_slice(&key), buf_slice(&l->scratch));
    keep_row(q, q->fresh[0].number, row.until_ms);
    q->fresh_count = 0;
}

int64_t queue_dedup_due_ms(const struct ledger_queue *q)
{
    return list_empty(&q->dedup_rows)
               ? INT64_MAX
               : container_of(q->dedup_rows.next, struct dedup_kept, link)->until_ms;
}

static void delete_first(struct ledger *l, struct ledger_queue *q)
{
    struct dedup_kept *k = container_of(q->dedup_rows.next, struct dedup_kept, link);
    struct key key = key_dedup(l->config.account, q->row.number, k->first);

    store_delete(l->filling, CF_QUEUE, key_slice(&key));
    list_remove(&k->link);
    mem_free(k);
}

void queue_dedup_turn(struct ledger *l, struct ledger_queue *q)
{
    dedup_turn(&q->dedup, l->now.wall_ms);
    for (unsigned n = 0; n < LIMIT_QUEUE_DELETES_A_TURN && queue_dedup_due_ms(q) <= l->now.wall_ms;
         n++) {
        delete_first(l, q);
    }
}

void queue_dedup_free(struct ledger_queue *q)
{
    struct list *n;

    while ((n = list_pop_front(&q->dedup_rows)) != NULL) {
        mem_free(container_of(n, struct dedup_kept, link));
    }
    dedup_fini(&q->dedup);
    mem_free(q->fresh);
}
