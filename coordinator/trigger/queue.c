/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/internal.h"

#include <assert.h>

#include "proto/base/arena.h"

enum {
    SWEEP_MS = 60000, /* between looks for messages that are too old */
    ID_CHARS_MAX = 128,
};

bool queue_is_message_id(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~') {
            return false;
        }
    }
    return s.len <= ID_CHARS_MAX;
}

struct queue *queue_new(const struct queue_settings *s, uint64_t epoch)
{
    struct queue *q = mem_zalloc(1, sizeof(*q));

    q->settings = *s;
    q->epoch = epoch;
    q->ready_most = LIMIT_QUEUE_READY;
    q->sweep_ms = q->ahead_ms = INT64_MAX;
    list_init(&q->all);
    list_init(&q->ready);
    list_init(&q->expired);
    list_init(&q->gone);
    list_init(&q->open);
    return q;
}

/* ---- groups ---- */

static struct slice group_name(const struct queue_group *g)
{
    return slice_make(g->name, g->name_len);
}

static struct queue_group *group_get(struct queue *q, struct slice name)
{
    uint64_t hash = hash_bytes(name, 0);
    struct queue_group *g;

    HASH_EACH_MATCH(n, &q->groups, hash)
    {
        g = container_of(n, struct queue_group, by_name);
        if (slice_eq(group_name(g), name)) {
            return g;
        }
    }
    g = mem_zalloc(1, sizeof(*g) + name.len);
    g->name_len = name.len;
    if (name.len != 0) {
        memcpy(g->name, name.ptr, name.len);
    }
    list_init(&g->link);
    list_init(&g->messages);
    hash_insert(&q->groups, &g->by_name, hash);
    return g;
}

/* Into `open` or out of it, as its messages are; gone with the last of them. */
static void group_settle(struct queue *q, struct queue_group *g)
{
    bool opens = g->in_flight == 0 && !list_empty(&g->messages);
    bool is_open = !list_empty(&g->link);

    if (opens && !is_open) {
        list_push_back(&q->open, &g->link);
        q->open_count++;
    } else if (!opens && is_open) {
        list_remove(&g->link);
        q->open_count--;
    }
    if (list_empty(&g->messages)) {
        assert(g->in_flight == 0);
        hash_remove(&q->groups, &g->by_name);
        mem_free(g);
    }
}

/* ---- messages ---- */

struct queue_message *queue_find(const struct queue *q, uint64_t number)
{
    HASH_EACH_MATCH(n, &q->by_number, hash_u64(number))
    {
        struct queue_message *m = container_of(n, struct queue_message, by_number);

        if (m->place.number == number) {
            return m;
        }
    }
    return NULL;
}

static struct queue_message *next_of_all(const struct queue *q, const struct queue_message *m)
{
    return m->all.next == &q->all ? NULL : container_of(m->all.next, struct queue_message, all);
}

/* Behind all others, but for those that were received before the start. */
static void put_in_order(struct queue *q, struct queue_message *m)
{
    while (q->unpassed != NULL && queue_place_less(q->unpassed->place, m->place)) {
        q->unpassed = next_of_all(q, q->unpassed);
    }
    list_push_back(q->unpassed != NULL ? &q->unpassed->all : &q->all, &m->all);
}

/* In memory from now on: READY, behind all others. */
struct queue_message *
queue_hold(struct queue *q, struct queue_place place, int64_t sent_ms, struct slice group)
{
    struct queue_message *m = mem_zalloc(1, sizeof(*m));
    int64_t old_ms = sent_ms + q->settings.retention_ms;

    m->place = place;
    m->sent_ms = sent_ms;
    m->status = QUEUE_READY;
    put_in_order(q, m);
    q->held++;
    q->ready_count++;
    q->sweep_ms = q->sweep_ms < old_ms ? q->sweep_ms : old_ms;
    if (q->settings.fifo) {
        m->group = group_get(q, group);
        list_push_back(&m->group->messages, &m->link);
        group_settle(q, m->group);
    } else {
        list_push_back(&q->ready, &m->link);
    }
    return m;
}

void queue_make_fly(struct queue *q, struct queue_message *m, int64_t visible_ms)
{
    if (m->status == QUEUE_READY) {
        m->status = QUEUE_FLIES;
        q->ready_count--;
        if (m->group != NULL) {
            m->group->in_flight++;
            group_settle(q, m->group);
        } else {
            list_remove(&m->link);
        }
    }
    heap_set(&q->flight, &m->flight, visible_ms);
}

/* Behind all that is ready, so that one that always fails does not keep the others from being
 * received; but in a group it keeps its place. */
void queue_make_ready(struct queue *q, struct queue_message *m)
{
    assert(m->status == QUEUE_FLIES);
    heap_remove(&q->flight, &m->flight);
    m->status = QUEUE_READY;
    q->ready_count++;
    if (m->group != NULL) {
        m->group->in_flight--;
        group_settle(q, m->group);
    } else {
        list_push_back(&q->ready, &m->link);
    }
}

/* Out of the queue; its memory stays. */
static void take_out(struct queue *q, struct queue_message *m)
{
    struct queue_group *g = m->group;

    if (m->status == QUEUE_FLIES) {
        heap_remove(&q->flight, &m->flight);
        if (g != NULL) {
            g->in_flight--;
        }
    } else {
        q->ready_count--;
    }
    list_remove(&m->link);
    if (q->unpassed == m) {
        q->unpassed = next_of_all(q, m);
    }
    list_remove(&m->all);
    q->held--;
    q->total--;
    if (m->count != 0) {
        hash_remove(&q->by_number, &m->by_number);
    }
    if (g != NULL) {
        m->group = NULL;
        group_settle(q, g);
    }
}

static void drop(struct queue *q, struct queue_message *m)
{
    take_out(q, m);
    queue_forget(q, m);
}

void queue_free(struct queue *q)
{
    struct list *n;

    if (q == NULL) {
        return;
    }
    while (!list_empty(&q->all)) {
        drop(q, container_of(q->all.next, struct queue_message, all));
    }
    while ((n = list_pop_front(&q->expired)) != NULL) {
        mem_free(container_of(n, struct queue_message, link));
    }
    queue_forget_gone(q);
    heap_fini(&q->flight);
    hash_fini(&q->by_number);
    hash_fini(&q->groups);
    hash_fini(&q->gone_by_number);
    mem_free(q->delays);
    mem_free(q);
}

/* ---- time ---- */

/* Those at the head that nobody has, some at a time: they were sent about in this order. One that
 * is behind a younger one (it came from another queue) is found when its turn comes. */
static void sweep(struct queue *q, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    unsigned found = 0;

    LIST_EACH_SAFE(n, after, &q->all)
    {
        struct queue_message *m = container_of(n, struct queue_message, all);

        if (!queue_is_old(q, m->sent_ms, now_ms)) {
            next_ms = m->sent_ms + q->settings.retention_ms;
            break;
        }
        if (found == LIMIT_QUEUE_DELETES_A_TURN) {
            q->sweep_ms = now_ms;
            return;
        }
        if (m->status == QUEUE_READY) {
            take_out(q, m);
            m->status = QUEUE_EXPIRED;
            list_push_back(&q->expired, &m->link);
            found++;
        }
    }
    if (!list_empty(&q->all) && next_ms < now_ms + SWEEP_MS) {
        next_ms = now_ms + SWEEP_MS;
    }
    q->sweep_ms = list_empty(&q->all) ? INT64_MAX : next_ms;
}

void queue_turn(struct queue *q, int64_t now_ms)
{
    struct heap_node *n;

    queue_delays_turn(q, now_ms);
    while ((n = heap_min(&q->flight)) != NULL && n->key <= now_ms) {
        queue_make_ready(q, container_of(n, struct queue_message, flight));
    }
    if (q->sweep_ms <= now_ms) {
        sweep(q, now_ms);
    }
}

bool queue_expired(struct queue *q, struct queue_place *out)
{
    struct list *n = list_pop_front(&q->expired);
    struct queue_message *m;

    if (n == NULL) {
        return false;
    }
    m = container_of(n, struct queue_message, link);
    *out = m->place;
    queue_forget(q, m);
    return true;
}

void queue_bound(struct queue *q, size_t ready_most)
{
    q->ready_most = ready_most;
}

void queue_set(struct queue *q, const struct queue_settings *s, int64_t now_ms)
{
    assert(q->settings.fifo == s->fifo);
    q->settings = *s;
    q->sweep_ms = list_empty(&q->all) ? INT64_MAX : now_ms;
}

/* ---- sending ---- */

struct queue_place queue_send(struct queue *q,
                              int64_t now_ms,
                              int64_t delay_ms,
                              int64_t sent_ms,
                              struct slice group,
                              bool *held)
{
    struct queue_place place = {now_ms + delay_ms, ++q->last_number};
    bool room = q->ready_count < q->ready_most;
    int64_t first_ms = q->settings.fifo ? q->last_due_ms : q->ahead.due_ms;

    place.due_ms = place.due_ms > first_ms ? place.due_ms : first_ms;
    q->last_due_ms = place.due_ms;
    q->total++;
    *held = place.due_ms <= now_ms && q->ahead_ms > now_ms && room;
    if (*held) {
        (void)queue_hold(q, place, sent_ms, group);
        q->ahead = (struct queue_place){place.due_ms, place.number + 1};
    } else {
        queue_put_ahead(q, place, now_ms);
    }
    return place;
}

/* ---- receiving ---- */

static void state_of(const struct queue_message *m, struct queue_state *out)
{
    *out = (struct queue_state){
        .place = m->place,
        .sent_ms = m->sent_ms,
        .first_ms = m->first_ms,
        .last_ms = m->last_ms,
        .visible_ms = m->status == QUEUE_FLIES ? m->flight.key : 0,
        .count = m->count,
        .receipt = m->receipt,
        .group = m->group != NULL ? group_name(m->group) : slice_make(NULL, 0),
    };
}

/* The next one of the round's group, else the first of another that is not blocked. */
static struct queue_message *next_of_groups(const struct queue *q, struct queue_round *round)
{
    if (round->group != NULL) {
        return container_of(round->after, struct queue_message, link);
    }
    if (list_empty(&q->open)) {
        return NULL;
    }
    round->group = container_of(q->open.next, struct queue_group, link);
    round->after = round->group->messages.next;
    return container_of(round->after, struct queue_message, link);
}

static struct queue_message *next_ready(const struct queue *q, struct queue_round *round)
{
    if (q->settings.fifo) {
        return next_of_groups(q, round);
    }
    return list_empty(&q->ready) ? NULL : container_of(q->ready.next, struct queue_message, link);
}

/* The round goes on behind `m`, which may go, and its group with it. */
static void round_pass(struct queue_round *round, const struct queue_message *m)
{
    if (m->group != NULL) {
        round->after = m->link.next;
        round->group = round->after == &m->group->messages ? NULL : m->group;
    }
}

static void receive(struct queue *q, struct queue_message *m, int64_t now_ms, int64_t visibility_ms)
{
    if (m->count == 0) {
        m->first_ms = now_ms;
        hash_insert(&q->by_number, &m->by_number, hash_u64(m->place.number));
    }
    if (m->count < UINT32_MAX) {
        m->count++;
    }
    m->last_ms = now_ms;
    m->receipt = (struct token){q->epoch, ++q->counter};
    queue_make_fly(q, m, now_ms + visibility_ms);
}

enum queue_take queue_take(struct queue *q,
                           struct queue_round *round,
                           int64_t now_ms,
                           int64_t visibility_ms,
                           struct queue_state *out)
{
    struct queue_message *m = next_ready(q, round);
    bool dead;

    if (m == NULL) {
        return QUEUE_NONE;
    }
    assert(m->status == QUEUE_READY);
    dead = q->settings.max_receives != 0 && m->count >= q->settings.max_receives;
    if (dead || queue_is_old(q, m->sent_ms, now_ms)) {
        bool old = queue_is_old(q, m->sent_ms, now_ms);

        round_pass(round, m);
        state_of(m, out);
        out->group = slice_make(NULL, 0);
        drop(q, m);
        return old ? QUEUE_OLD : QUEUE_DEAD;
    }
    if (q->flight.count >= LIMIT_QUEUE_IN_FLIGHT) {
        return QUEUE_FULL;
    }
    round_pass(round, m);
    receive(q, m, now_ms, visibility_ms);
    state_of(m, out);
    return QUEUE_TAKEN;
}

bool queue_peek(const struct queue *q, struct queue_state *out)
{
    struct queue_round round = {0};
    const struct queue_message *m = next_ready(q, &round);

    if (m != NULL) {
        state_of(m, out);
    }
    return m != NULL;
}

bool queue_pull(struct queue *q, struct queue_state *out)
{
    struct queue_round round = {0};
    struct queue_message *m = next_ready(q, &round);

    if (m == NULL) {
        return false;
    }
    state_of(m, out);
    out->group = slice_make(NULL, 0);
    drop(q, m);
    return true;
}

/* ---- receipts ---- */

/* The message a receipt is of; NULL: it does nothing any more. */
static struct queue_message *
find_receipt(const struct queue *q, struct queue_place place, struct token receipt)
{
    struct queue_message *m = queue_find(q, place.number);

    return m != NULL && m->place.due_ms == place.due_ms && token_eq(m->receipt, receipt) ? m : NULL;
}

enum queue_answer queue_delete(struct queue *q, struct queue_place place, struct token receipt)
{
    struct queue_message *m = find_receipt(q, place, receipt);

    if (m == NULL) {
        return QUEUE_STALE;
    }
    if (q->settings.fifo && m->status != QUEUE_FLIES) {
        return QUEUE_NOT_IN_FLIGHT;
    }
    drop(q, m);
    return QUEUE_DONE;
}

bool queue_owns(const struct queue *q, struct queue_place place, struct token receipt)
{
    const struct queue_message *m = find_receipt(q, place, receipt);

    return m != NULL && (!q->settings.fifo || m->status == QUEUE_FLIES);
}

enum queue_answer queue_change(struct queue *q,
                               struct queue_place place,
                               struct token receipt,
                               int64_t now_ms,
                               int64_t visibility_ms,
                               struct queue_state *out)
{
    struct queue_message *m = find_receipt(q, place, receipt);

    if (m == NULL) {
        return QUEUE_STALE;
    }
    if (m->status != QUEUE_FLIES) {
        return QUEUE_NOT_IN_FLIGHT;
    }
    if (now_ms + visibility_ms > m->last_ms + LIMIT_QUEUE_VISIBILITY_S * INT64_C(1000)) {
        return QUEUE_TOO_LONG;
    }
    queue_make_fly(q, m, now_ms + visibility_ms);
    state_of(m, out);
    if (visibility_ms == 0) {
        queue_make_ready(q, m);
    }
    return QUEUE_DONE;
}

/* ---- what there is ---- */

void queue_counts(const struct queue *q, struct queue_counts *out)
{
    uint64_t hidden = q->flight.count + q->delayed;

    *out = (struct queue_counts){
        .total = q->total,
        .in_flight = q->flight.count,
        .delayed = q->delayed,
        .visible = q->total > hidden ? q->total - hidden : 0,
    };
}

uint64_t queue_last_number(const struct queue *q)
{
    return q->last_number;
}

size_t queue_held(const struct queue *q)
{
    return q->held;
}

bool queue_is_ready(const struct queue *q)
{
    if (q->flight.count >= LIMIT_QUEUE_IN_FLIGHT) {
        return false;
    }
    return q->settings.fifo ? q->open_count != 0 : !list_empty(&q->ready);
}

bool queue_is_fifo(const struct queue *q)
{
    return q->settings.fifo;
}

/* ---- moving ---- */

uint64_t queue_move_allowance(int64_t since_ms, uint64_t moved, uint32_t per_second, int64_t now_ms)
{
    uint64_t may = (uint64_t)(now_ms - since_ms) * per_second / 1000;

    return may > moved ? may - moved : 0;
}

int64_t queue_move_next_ms(int64_t since_ms, uint64_t moved, uint32_t per_second)
{
    return since_ms + (int64_t)(((moved + 1) * 1000 + per_second - 1) / per_second);
}
