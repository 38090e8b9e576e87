/* SPDX-License-Identifier: Apache-2.0 */
/* What is on disk of messages, and their bodies in memory.
 *
 * A body whose row is not durable can be read from nowhere else: it is pinned until then, and so
 * are the places of messages that are rows alone, so that a load sees them as if they were there.
 * After that it goes when there are too many. What is deleted or purged as a whole is swept: its
 * rows are under a generation that nothing refers to any more. */
#include <assert.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/queue.h"
#include "coordinator/store/keys.h"

struct queue_body {
    struct hash_node node;
    struct list link;    /* bodies_pinned by batch, or bodies_idle */
    struct list pending; /* ledger_queue.pending: a row alone, and not durable */
    uint64_t generation;
    struct queue_place place;
    uint64_t batch;
    bool held; /* the message is in memory: somebody may soon want it */
    size_t len;
    char bytes[];
};

static bool place_eq(struct queue_place a, struct queue_place b)
{
    return a.due_ms == b.due_ms && a.number == b.number;
}

static struct queue_place place_after(struct queue_place p)
{
    return (struct queue_place){p.due_ms, p.number + 1};
}

/* ---- bodies ---- */

static size_t body_cost(const struct queue_body *b)
{
    return sizeof(*b) + b->len;
}

static uint64_t body_hash(uint64_t generation, uint64_t number)
{
    return hash_u64(number ^ hash_u64(generation));
}

static struct queue_body *
body_find(const struct ledger *l, uint64_t generation, struct queue_place place)
{
    HASH_EACH_MATCH(n, &l->bodies, body_hash(generation, place.number))
    {
        struct queue_body *b = container_of(n, struct queue_body, node);

        if (b->generation == generation && place_eq(b->place, place)) {
            return b;
        }
    }
    return NULL;
}

static struct queue_body *body_new(struct ledger *l,
                                   uint64_t generation,
                                   struct queue_place place,
                                   struct slice bytes,
                                   uint64_t batch,
                                   bool held)
{
    struct queue_body *b = mem_alloc(sizeof(*b) + bytes.len);

    *b = (struct queue_body){
        .generation = generation, .place = place, .batch = batch, .held = held, .len = bytes.len};
    memcpy(b->bytes, bytes.ptr, bytes.len);
    list_init(&b->pending);
    hash_insert(&l->bodies, &b->node, body_hash(generation, place.number));
    if (batch > l->durable_number) {
        list_push_back(&l->bodies_pinned, &b->link);
    } else {
        list_push_back(&l->bodies_idle, &b->link);
        l->bodies_bytes += body_cost(b);
    }
    return b;
}

static void body_free(struct ledger *l, struct queue_body *b)
{
    if (b->batch <= l->durable_number) {
        l->bodies_bytes -= body_cost(b);
    }
    hash_remove(&l->bodies, &b->node);
    list_remove(&b->link);
    list_remove(&b->pending);
    mem_free(b);
}

/* Those of messages that are rows alone go at once: their turn comes when they are loaded. */
void bodies_durable(struct ledger *l)
{
    while (!list_empty(&l->bodies_pinned)) {
        struct queue_body *b = container_of(l->bodies_pinned.next, struct queue_body, link);

        if (b->batch > l->durable_number) {
            return;
        }
        list_remove(&b->pending);
        list_remove(&b->link);
        list_push_back(&l->bodies_idle, &b->link);
        l->bodies_bytes += body_cost(b);
        if (!b->held) {
            body_free(l, b);
        }
    }
}

void bodies_trim(struct ledger *l)
{
    while (l->bodies_bytes > LIMIT_QUEUE_BODIES_BYTES) {
        body_free(l, container_of(l->bodies_idle.next, struct queue_body, link));
    }
}

void bodies_free(struct ledger *l)
{
    struct hash_node *n;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->bodies, &bucket, NULL)) != NULL) {
        body_free(l, container_of(n, struct queue_body, node));
        bucket = 0;
    }
    hash_fini(&l->bodies);
}

/* ---- messages ---- */

/* The first delayed message of each batch bounds what a load may pass. */
static void note_delayed(const struct ledger *l, struct ledger_queue *q, int64_t due_ms)
{
    struct queue_delayed *d = &q->delayed[l->filling_number % 2];

    if (d->batch != l->filling_number || due_ms < d->due_ms) {
        *d = (struct queue_delayed){l->filling_number, due_ms};
    }
}

static int64_t delayed_bound(const struct ledger *l, const struct ledger_queue *q)
{
    int64_t bound = INT64_MAX;

    for (size_t i = 0; i < 2; i++) {
        const struct queue_delayed *d = &q->delayed[i];

        if (d->batch > l->durable_number && d->due_ms < bound) {
            bound = d->due_ms;
        }
    }
    return bound;
}

void message_put(struct ledger *l,
                 struct ledger_queue *q,
                 struct queue_place place,
                 const struct message_row *m,
                 bool held)
{
    struct key key = key_message(l->config.account, q->row.generation, place);
    struct queue_body *b;

    buf_reset(&l->scratch);
    message_row_encode(m, &l->scratch);
    store_put(l->filling, CF_QUEUE, key_slice(&key), buf_slice(&l->scratch));
    b = body_new(l, q->row.generation, place, buf_slice(&l->scratch), l->filling_number, held);
    if (!held && place.due_ms <= l->now.wall_ms) {
        list_push_back(&q->pending, &b->pending);
    } else if (!held) {
        note_delayed(l, q, place.due_ms);
    }
}

enum err_code message_get(struct ledger *l,
                          const struct ledger_queue *q,
                          struct queue_place place,
                          struct message_row *out,
                          struct err *err)
{
    const struct queue_body *b = body_find(l, q->row.generation, place);
    struct key key = key_message(l->config.account, q->row.generation, place);
    struct buf read = {0};
    struct slice bytes;
    enum err_code rc;

    if (b != NULL) {
        return message_row_decode(slice_make(b->bytes, b->len), out, err);
    }
    rc = store_get(l->store, CF_QUEUE, key_slice(&key), &read, err);
    if (rc == ERR_NOT_FOUND) {
        rc = err_set(err, ERR_CORRUPT, "a message's row is not there");
    }
    if (rc == OK) {
        bytes = arena_copy(&l->arena, buf_slice(&read));
        rc = message_row_decode(bytes, out, err);
    }
    buf_fini(&read);
    if (rc != OK) {
        err_wrap(err, "read message %llu of queue %.*s", (unsigned long long)place.number,
                 SLICE_FMT(q->name));
    }
    return rc;
}

void message_delete(struct ledger *l,
                    const struct ledger_queue *q,
                    struct queue_place place,
                    bool received)
{
    struct key key = key_message(l->config.account, q->row.generation, place);
    struct queue_body *b = body_find(l, q->row.generation, place);

    store_delete(l->filling, CF_QUEUE, key_slice(&key));
    if (received) {
        key = key_queue_state(l->config.account, q->row.generation, place);
        store_delete(l->filling, CF_QUEUE, key_slice(&key));
    }
    if (b != NULL) {
        body_free(l, b);
    }
}

/* ---- loading by window ---- */

/* Rows that are durable and those that are not yet, as one run in the order of their places. */
struct fill {
    struct ledger *l;
    struct ledger_queue *q;
    struct store_iterator *durable;
    bool have; /* a durable row: */
    struct queue_place place;
    struct slice value;
    size_t bytes;
    struct err *err;
};

static enum err_code next_durable(struct fill *f)
{
    struct slice key;

    f->have = store_next(f->durable, &key, &f->value);
    return !f->have || key_place_parse(key, &f->place)
               ? OK
               : err_set(f->err, ERR_CORRUPT, "a message's key is malformed");
}

static struct queue_body *first_pending(const struct ledger_queue *q)
{
    return list_empty(&q->pending) ? NULL
                                   : container_of(q->pending.next, struct queue_body, pending);
}

static enum err_code load_one(struct fill *f, struct queue_place place, struct slice bytes)
{
    struct message_row m;
    enum err_code rc = message_row_decode(bytes, &m, f->err);

    if (rc != OK) {
        return rc;
    }
    f->bytes += bytes.len;
    switch (queue_load(f->q->core, f->l->now.wall_ms, place, m.sent_ms, m.group)) {
    case QUEUE_KNOWN: break;
    case QUEUE_LOADED_OLD:
        message_delete(f->l, f->q, place, false);
        queue_changed(f->l, f->q);
        break;
    case QUEUE_LOADED:
        if (body_find(f->l, f->q->row.generation, place) == NULL) {
            (void)body_new(f->l, f->q->row.generation, place, bytes, f->l->durable_number, true);
        }
        break;
    }
    return OK;
}

/* The next of both; OK with *more false: there is none that may be loaded now, and the first that
 * comes later is due at *due_ms. */
static enum err_code
load_next(struct fill *f, int64_t until_ms, struct queue_place *at, bool *more, int64_t *due_ms)
{
    struct queue_body *b = first_pending(f->q);
    bool pending = b != NULL && (!f->have || !queue_place_less(f->place, b->place));
    struct queue_place place = pending ? b->place : f->place;
    enum err_code rc;

    *more = (pending || f->have) && place.due_ms < until_ms;
    if (!*more) {
        *due_ms = pending || f->have ? place.due_ms : INT64_MAX;
        return OK;
    }
    *at = place_after(place);
    if (!pending) {
        rc = load_one(f, place, f->value);
        return rc == OK ? next_durable(f) : rc;
    }
    list_remove(&b->pending);
    b->held = true;
    rc = load_one(f, place, slice_make(b->bytes, b->len));
    return rc == OK && f->have && place_eq(f->place, place) ? next_durable(f) : rc;
}

static enum err_code fill_from(struct fill *f, struct queue_place at)
{
    int64_t bound = delayed_bound(f->l, f->q);
    int64_t until_ms = f->l->now.wall_ms + 1 < bound ? f->l->now.wall_ms + 1 : bound;
    int64_t due_ms = f->l->now.wall_ms;
    bool more = true;
    enum err_code rc = next_durable(f);

    for (size_t n = 0;
         rc == OK && more && n < LIMIT_QUEUE_LOAD && f->bytes < LIMIT_QUEUE_LOAD_BYTES; n++) {
        rc = load_next(f, until_ms, &at, &more, &due_ms);
    }
    queue_load_end(f->q->core, at, due_ms < bound ? due_ms : bound);
    return rc;
}

enum err_code queue_fill(struct ledger *l, struct ledger_queue *q, struct err *err)
{
    struct key prefix = key_messages(l->config.account, q->row.generation);
    struct key to = key_after(&prefix);
    struct fill f = {.l = l, .q = q, .err = err};
    struct queue_place at;
    struct key from;
    enum err_code rc;

    if (queue_wants_ms(q->core, &at) > l->now.wall_ms) {
        return OK;
    }
    from = key_message(l->config.account, q->row.generation, at);
    f.durable = store_iterate(l->store, CF_QUEUE, key_slice(&from), key_slice(&to), false);
    rc = fill_from(&f, at);
    if (rc != OK) {
        (void)store_iterator_end(f.durable, NULL);
        err_wrap(err, "load messages of queue %.*s", SLICE_FMT(q->name));
        return rc;
    }
    return store_iterator_end(f.durable, err);
}

/* ---- what is deleted as a whole ---- */

enum sweep_rows { SWEEP_MESSAGES, SWEEP_STATES, SWEEP_DEDUPS, SWEEP_OVER };

struct queue_sweep {
    struct list link;
    uint64_t number; /* what is under it: a queue's, or a generation of its messages */
    uint64_t batch;  /* once that is durable nothing is added any more */
    enum sweep_rows rows;
    struct key at; /* where it goes on; len 0: from the first row */
};

static void sweep_new(struct ledger *l, uint64_t number, uint64_t batch)
{
    struct queue_sweep *s = mem_zalloc(1, sizeof(*s));

    s->number = number;
    s->batch = batch;
    list_push_back(&l->queue_sweeps, &s->link);
}

void queue_sweep_put(struct ledger *l, uint64_t number)
{
    struct key key = key_queue_sweep(l->config.account, number);

    store_put(l->filling, CF_QUEUE, key_slice(&key), SLICE(""));
    sweep_new(l, number, l->filling_number);
}

enum err_code queue_sweeps_load(struct ledger *l, struct err *err)
{
    struct key from = key_queue_sweeps(l->config.account);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(l->store, CF_QUEUE, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;

    while (store_next(i, &key, &value)) {
        struct cursor c = cursor_make(slice_from(key, from.len));

        sweep_new(l, cursor_u64be(&c), 0);
    }
    return store_iterator_end(i, err);
}

void queue_sweeps_free(struct ledger *l)
{
    struct list *n;

    while ((n = list_pop_front(&l->queue_sweeps)) != NULL) {
        mem_free(container_of(n, struct queue_sweep, link));
    }
}

static struct queue_sweep *first_sweep(const struct ledger *l)
{
    struct queue_sweep *s = list_empty(&l->queue_sweeps)
                                ? NULL
                                : container_of(l->queue_sweeps.next, struct queue_sweep, link);

    return s != NULL && s->batch <= l->durable_number ? s : NULL;
}

bool queue_sweeps_wait(const struct ledger *l)
{
    return first_sweep(l) != NULL;
}

static struct key sweep_prefix(const struct ledger *l, const struct queue_sweep *s)
{
    switch (s->rows) {
    case SWEEP_MESSAGES: return key_messages(l->config.account, s->number);
    case SWEEP_STATES: return key_queue_states(l->config.account, s->number);
    case SWEEP_DEDUPS:
    case SWEEP_OVER: break;
    }
    return key_dedups(l->config.account, s->number);
}

/* As many rows as a turn may; false: there are more. Where a read fails the turn does. */
static bool sweep_some(struct ledger *l, struct queue_sweep *s)
{
    struct key prefix = sweep_prefix(l, s);
    struct key to = key_after(&prefix);
    struct key from = s->at.len != 0 ? s->at : prefix;
    struct store_iterator *i =
        store_iterate(l->store, CF_QUEUE, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;
    size_t n = 0;

    while (n < LIMIT_QUEUE_DELETES_A_TURN && store_next(i, &key, &value)) {
        store_delete(l->filling, CF_QUEUE, key);
        assert(key.len < KEY_BYTES_MAX);
        memcpy(s->at.bytes, key.ptr, key.len);
        s->at.bytes[key.len] = '\0'; /* behind it */
        s->at.len = key.len + 1;
        n++;
    }
    (void)store_iterator_end(i, NULL);
    return n < LIMIT_QUEUE_DELETES_A_TURN;
}

void queue_sweeps_run(struct ledger *l)
{
    struct queue_sweep *s = first_sweep(l);
    struct key key;

    if (s == NULL || !ledger_accepts(l) || !sweep_some(l, s)) {
        return;
    }
    s->at.len = 0;
    if (++s->rows != SWEEP_OVER) {
        return;
    }
    key = key_queue_counter(l->config.account, s->number);
    store_delete(l->filling, CF_QUEUE, key_slice(&key));
    key = key_queue_sweep(l->config.account, s->number);
    store_delete(l->filling, CF_QUEUE, key_slice(&key));
    list_remove(&s->link);
    mem_free(s);
}
