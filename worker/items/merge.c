/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/merge.h"

#include "proto/base/arena.h"

struct merge_head {
    uint64_t prefix; /* the key's first eight bytes as a number */
    struct items_entry entry;
    bool ended;
};

void items_merge_init(struct items_merge *m, struct items_run_reader *inputs, size_t count)
{
    *m = (struct items_merge){
        .inputs = inputs,
        .count = count,
        .heads = mem_zalloc(count, sizeof(*m->heads)),
        .losers = mem_zalloc(count, sizeof(*m->losers)),
    };
}

void items_merge_fini(struct items_merge *m)
{
    mem_free(m->heads);
    mem_free(m->losers);
    *m = (struct items_merge){0};
}

static uint64_t key_prefix(struct slice key)
{
    uint64_t v = 0;

    for (size_t i = 0; i < 8; i++) {
        v = v << 8 | (i < key.len ? (uint8_t)key.ptr[i] : 0);
    }
    return v;
}

/* Does input i's entry come before input j's? */
static bool merge_before(const struct items_merge *m, size_t i, size_t j)
{
    const struct merge_head *a = &m->heads[i];
    const struct merge_head *b = &m->heads[j];
    int c;

    if (a->ended || b->ended) {
        return !a->ended || (b->ended && i < j);
    }
    if (a->prefix != b->prefix) {
        return a->prefix < b->prefix;
    }
    c = slice_cmp(a->entry.key, b->entry.key);
    return c < 0 || (c == 0 && i < j);
}

/* The input's next entry to its head. ITEMS_RECORD also where it has ended. */
static enum items_pull merge_advance(struct items_merge *m, size_t i, struct err *err)
{
    struct merge_head *head = &m->heads[i];
    enum items_pull what = items_run_next(&m->inputs[i], &head->entry, err);

    if (what == ITEMS_RECORD) {
        head->prefix = key_prefix(head->entry.key);
    }
    head->ended = what == ITEMS_END;
    return head->ended ? ITEMS_RECORD : what;
}

/* Input i plays its way up from its leaf, the loser of each match staying there. */
static void merge_replay(struct items_merge *m, size_t i)
{
    size_t winner = i;

    for (size_t node = (i + m->count) / 2; node > 0; node /= 2) {
        if (merge_before(m, m->losers[node], winner)) {
            size_t loser = winner;

            winner = m->losers[node];
            m->losers[node] = loser;
        }
    }
    m->losers[0] = winner;
}

/* All matches, from the leaves up: leaf i is node count + i. */
static void merge_build(struct items_merge *m)
{
    size_t *winners = mem_zalloc(m->count, 2 * sizeof(*winners));

    for (size_t i = 0; i < m->count; i++) {
        winners[m->count + i] = i;
    }
    for (size_t node = m->count - 1; node > 0; node--) {
        size_t a = winners[2 * node];
        size_t b = winners[2 * node + 1];
        bool first = merge_before(m, a, b);

        winners[node] = first ? a : b;
        m->losers[node] = first ? b : a;
    }
    m->losers[0] = m->count > 1 ? winners[1] : 0;
    mem_free(winners);
    m->built = true;
}

static enum items_pull merge_prime(struct items_merge *m, size_t *input, struct err *err)
{
    for (; m->primed < m->count; m->primed++) {
        enum items_pull what = merge_advance(m, m->primed, err);

        if (what != ITEMS_RECORD) {
            *input = m->primed;
            return what;
        }
    }
    merge_build(m);
    return ITEMS_RECORD;
}

enum items_pull
items_merge_next(struct items_merge *m, struct items_entry *out, size_t *input, struct err *err)
{
    enum items_pull what = ITEMS_RECORD;

    if (m->count == 0) {
        return ITEMS_END;
    }
    if (!m->built) {
        what = merge_prime(m, input, err);
    } else if (m->given) {
        *input = m->losers[0];
        what = merge_advance(m, *input, err);
        if (what == ITEMS_RECORD) {
            merge_replay(m, *input);
            m->given = false;
        }
    }
    if (what != ITEMS_RECORD) {
        return what;
    }
    *input = m->losers[0];
    if (m->heads[*input].ended) {
        return ITEMS_END;
    }
    *out = m->heads[*input].entry;
    m->given = true;
    return ITEMS_RECORD;
}
