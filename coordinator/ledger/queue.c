/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/ledger/queue.h"

#include <assert.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/pipe.h"
#include "coordinator/store/keys.h"

/* After a load that has to wait for a batch. */
enum { AGAIN_MS = 5 };

/* ---- what there is ---- */

struct ledger_queue *ledger_queue_find(const struct ledger *l, struct slice name)
{
    HASH_EACH_MATCH(n, &l->queues, hash_bytes(name, 0))
    {
        struct ledger_queue *q = container_of(n, struct ledger_queue, by_name);

        if (slice_eq(q->name, name)) {
            return q;
        }
    }
    return NULL;
}

size_t ledger_queue_count(const struct ledger *l)
{
    return l->queues.count;
}

size_t ledger_queue_page(const struct ledger *l, struct slice prefix, struct slice after)
{
    return names_page(&l->queue_names, prefix, after);
}

struct ledger_queue *ledger_queue_at(const struct ledger *l, size_t i)
{
    return i < l->queue_names.count
               ? container_of(l->queue_names.each[i], struct ledger_queue, name)
               : NULL;
}

void ledger_queue_counts(struct ledger *l, struct ledger_queue *q, struct queue_counts *out)
{
    queue_now(l, q);
    queue_counts(q->core, out);
    queue_touched(l, q);
}

/* ---- in memory ---- */

static struct ledger_queue *queue_new_of(struct ledger *l, struct slice name)
{
    struct slice arn = arena_printf(&l->arena, "arn:aws:sqs:%s:%012llu:%.*s", l->config.region,
                                    (unsigned long long)l->config.account, SLICE_FMT(name));
    struct ledger_queue *q = mem_zalloc(1, sizeof(*q) + name.len + arn.len);
    char *at = q->text;

    q->name = block_put(&at, name);
    q->arn = block_put(&at, arn);
    list_init(&q->ready);
    list_init(&q->pipes);
    list_init(&q->dirty);
    list_init(&q->pending);
    list_init(&q->dedup_rows);
    list_init(&q->attempts);
    dedup_init(&q->dedup);
    q->figures = figures_queue(&l->figures);
    hash_insert(&l->queues, &q->by_name, hash_bytes(q->name, 0));
    names_insert(&l->queue_names, &q->name);
    return q;
}

static void queue_free_of(struct ledger *l, struct ledger_queue *q)
{
    while (list_pop_front(&q->pending) != NULL) {
    }
    pipes_leave(l, q);
    figures_queue_end(&l->figures, q->figures);
    hash_remove(&l->queues, &q->by_name);
    names_remove(&l->queue_names, &q->name);
    heap_remove(&l->queues_due, &q->due);
    list_remove(&q->ready);
    list_remove(&q->dirty);
    queue_dedup_free(q);
    queue_attempts_free(q);
    queue_free(q->core);
    arena_fini(&q->texts);
    arena_fini(&q->moves_arena);
    mem_free(q);
}

void queues_free(struct ledger *l)
{
    while (l->queue_names.count != 0) { /* from the end: no name moves */
        queue_free_of(l, ledger_queue_at(l, l->queue_names.count - 1));
    }
    hash_fini(&l->queues);
    names_fini(&l->queue_names);
    heap_fini(&l->queues_due);
    queue_sweeps_free(l);
    bodies_free(l);
}

/* Without a dead-letter queue, or with one that is no more, a message stays. */
static struct queue_settings settings_of(const struct ledger *l, const struct ledger_queue *q)
{
    return (struct queue_settings){
        .fifo = q->row.attributes.fifo,
        .retention_ms = (int64_t)q->row.attributes.retention_s * 1000,
        .max_receives = queue_dead_letters(l, q) != NULL ? q->row.attributes.max_receives : 0,
    };
}

static void settle(struct ledger *l, struct ledger_queue *q)
{
    struct queue_settings s = settings_of(l, q);

    queue_set(q->core, &s, l->now.wall_ms);
    queue_time(l, q);
}

/* The next queue that sends its dead letters to one of that name; NULL: there is none. */
static struct ledger_queue *
next_source(const struct ledger *l, struct slice name, size_t *bucket, struct hash_node **at)
{
    while ((*at = hash_iterate(&l->queues, bucket, *at)) != NULL) {
        struct ledger_queue *q = container_of(*at, struct ledger_queue, by_name);

        if (slice_eq(q->row.attributes.dead_letters, name)) {
            return q;
        }
    }
    return NULL;
}

/* A queue came or went that others send their dead letters to. */
static void settle_sources(struct ledger *l, struct slice name)
{
    struct hash_node *at = NULL;
    struct ledger_queue *q;
    size_t bucket = 0;

    while ((q = next_source(l, name, &bucket, &at)) != NULL) {
        settle(l, q);
    }
}

bool ledger_queue_has_sources(const struct ledger *l, const struct ledger_queue *q)
{
    struct hash_node *at = NULL;
    size_t bucket = 0;

    return next_source(l, q->name, &bucket, &at) != NULL;
}

/* Its row, with texts of its own. */
static void queue_take_row(struct ledger_queue *q, const struct queue_row *row)
{
    struct arena fresh = {0};
    struct queue_row copy = *row;
    struct queue_attributes *a = &copy.attributes;

    a->policy = arena_copy(&fresh, a->policy);
    a->redrive_policy = arena_copy(&fresh, a->redrive_policy);
    a->redrive_allow = arena_copy(&fresh, a->redrive_allow);
    a->kms_key = arena_copy(&fresh, a->kms_key);
    a->dead_letters = arena_copy(&fresh, a->dead_letters);
    q->row = copy;
    arena_fini(&q->texts);
    q->texts = fresh;
}

/* ---- time ---- */

/* Of what all queues keep in memory before anybody asks for it. */
static size_t ready_share(const struct ledger *l)
{
    size_t share = LIMIT_QUEUE_READY_ALL / (l->queues.count != 0 ? l->queues.count : 1);

    share = share < LIMIT_QUEUE_READY ? share : LIMIT_QUEUE_READY;
    return share > LIMIT_QUEUE_READY_MIN ? share : LIMIT_QUEUE_READY_MIN;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Does anybody wait for messages of it? */
static bool is_wanted(const struct ledger_queue *q)
{
    return q->user != NULL || pipes_want(q);
}

void queue_time(struct ledger *l, struct ledger_queue *q)
{
    struct queue_place from;
    int64_t due_ms = earlier(queue_next_ms(q->core), queue_dedup_due_ms(q));
    int64_t wants_ms = queue_wants_ms(q->core, &from);

    due_ms = earlier(due_ms, queue_move_due_ms(q));
    if (wants_ms > l->now.wall_ms) {
        due_ms = earlier(due_ms, wants_ms);
    } else if (is_wanted(q) || queue_stale_ms(q->core) < l->now.wall_ms + AGAIN_MS) {
        due_ms = earlier(due_ms, l->now.wall_ms + AGAIN_MS);
    } else {
        due_ms = earlier(due_ms, queue_stale_ms(q->core));
    }
    if (due_ms == INT64_MAX) {
        heap_remove(&l->queues_due, &q->due);
    } else if (!heap_has(&q->due) || q->due.key != due_ms) {
        heap_set(&l->queues_due, &q->due, due_ms);
    }
}

static void wake(struct ledger *l, struct ledger_queue *q)
{
    if (q->user != NULL && list_empty(&q->ready)) {
        list_push_back(&l->queues_ready, &q->ready);
    }
    pipes_wake(l, q);
}

void queue_touched(struct ledger *l, struct ledger_queue *q)
{
    struct queue_place from;

    if (queue_is_ready(q->core) || queue_wants_ms(q->core, &from) <= l->now.wall_ms) {
        wake(l, q);
    }
    queue_time(l, q);
}

void queue_searched(struct ledger *l, struct ledger_queue *q)
{
    if (queue_is_ready(q->core)) {
        wake(l, q);
    }
    queue_time(l, q);
}

void queue_changed(struct ledger *l, struct ledger_queue *q)
{
    if (list_empty(&q->dirty)) {
        list_push_back(&l->queues_dirty, &q->dirty);
    }
}

void queue_now(struct ledger *l, struct ledger_queue *q)
{
    struct queue_place place;
    bool gone = false;

    queue_bound(q->core, ready_share(l));
    queue_turn(q->core, l->now.wall_ms);
    while (queue_expired(q->core, &place)) {
        message_delete(l, q, place, true); /* perhaps: the row of its state may not be there */
        gone = true;
    }
    queue_dedup_turn(l, q);
    if (gone) {
        queue_changed(l, q);
    }
}

void ledger_queue_waits(struct ledger *l, struct ledger_queue *q)
{
    assert(q->user != NULL);
    queue_touched(l, q);
}

enum err_code queues_due(struct ledger *l, struct err *err)
{
    struct heap_node *n;
    enum err_code rc = OK;

    while (rc == OK && ledger_accepts(l) && (n = heap_min(&l->queues_due)) != NULL &&
           n->key <= l->now.wall_ms) {
        struct ledger_queue *q = container_of(n, struct ledger_queue, due);
        bool stale = queue_stale_ms(q->core) <= l->now.wall_ms;

        queue_now(l, q);
        rc = queue_move_some(l, q, err);
        if (rc == OK && stale) {
            rc = queue_fill(l, q, err);
        }
        queue_touched(l, q);
        if (stale || (heap_has(&q->due) && q->due.key <= l->now.wall_ms)) {
            break; /* it goes on in the next turn */
        }
    }
    if (rc == OK) {
        queue_sweeps_run(l);
    }
    return rc;
}

int64_t queues_wait_ms(const struct ledger *l, struct fleet_now now)
{
    const struct heap_node *due = heap_min(&l->queues_due);
    int64_t wait;

    if (!list_empty(&l->queues_ready) || queue_sweeps_wait(l)) {
        return 0;
    }
    if (due == NULL) {
        return INT64_MAX;
    }
    wait = due->key - now.wall_ms;
    return wait > 0 ? wait : 0;
}

void queues_tell(struct ledger *l)
{
    struct list ready;
    struct list *n;

    list_init(&ready);
    list_splice(&ready, &l->queues_ready);
    while (ledger_accepts(l) && (n = list_pop_front(&ready)) != NULL) {
        struct ledger_queue *q = container_of(n, struct ledger_queue, ready);

        if (q->user != NULL) {
            l->hooks.queue_ready(l->hooks.arg, q);
            queue_time(l, q);
        }
    }
    list_splice(&ready, &l->queues_ready); /* those not reached go first next time */
    list_splice(&l->queues_ready, &ready);
}

/* ---- rows ---- */

static void queue_put_row(struct ledger *l, const struct ledger_queue *q)
{
    struct key key = key_queue(l->config.account, q->name);

    buf_reset(&l->scratch);
    queue_row_encode(&q->row, &l->scratch);
    store_put(l->filling, CF_QUEUE, key_slice(&key), buf_slice(&l->scratch));
}

/* A number that was never given, for a queue or for what its messages are under. */
static uint64_t next_number(struct ledger *l)
{
    struct key key = key_queue_last(l->config.account);

    l->last_queue++;
    buf_reset(&l->scratch);
    buf_put_u64be(&l->scratch, l->last_queue);
    store_put(l->filling, CF_QUEUE, key_slice(&key), buf_slice(&l->scratch));
    return l->last_queue;
}

static void keep_counter(struct ledger *l, const struct ledger_queue *q)
{
    struct key key = key_queue_counter(l->config.account, q->row.generation);
    struct queue_counts counts;
    struct queue_counter_row row = {
        .last_number = queue_last_number(q->core),
        .time_ms = l->now.wall_ms,
        .head = queue_head(q->core),
    };

    queue_counts(q->core, &counts);
    row.total = counts.total;
    buf_reset(&l->scratch);
    queue_counter_encode(&row, &l->scratch);
    store_put(l->filling, CF_QUEUE, key_slice(&key), buf_slice(&l->scratch));
}

void queues_keep(struct ledger *l)
{
    struct list *n;

    while ((n = list_pop_front(&l->queues_dirty)) != NULL) {
        struct ledger_queue *q = container_of(n, struct ledger_queue, dirty);

        keep_counter(l, q);
        queue_dedup_keep(l, q);
        queue_moves_keep(l, q);
        queue_time(l, q);
    }
}

/* ---- made, changed, purged, deleted ---- */

static void queue_open_core(struct ledger *l, struct ledger_queue *q)
{
    struct queue_settings s = settings_of(l, q);

    q->core = queue_new(&s, l->epoch);
}

struct ledger_queue *
ledger_queue_put(struct ledger *l, struct slice name, const struct queue_attributes *a)
{
    struct ledger_queue *q = queue_new_of(l, name);
    struct queue_row row = {
        .number = next_number(l),
        .generation = next_number(l),
        .created_ms = l->now.wall_ms,
        .updated_ms = l->now.wall_ms,
        .attributes = *a,
    };

    queue_take_row(q, &row);
    queue_open_core(l, q);
    queue_put_row(l, q);
    queue_changed(l, q);
    settle_sources(l, q->name);
    return q;
}

void ledger_queue_set(struct ledger *l, struct ledger_queue *q, const struct queue_attributes *a)
{
    struct queue_row row = q->row;

    row.updated_ms = l->now.wall_ms;
    row.attributes = *a;
    queue_take_row(q, &row);
    queue_put_row(l, q);
    settle(l, q);
    queue_now(l, q);
    queue_touched(l, q);
}

void ledger_queue_purge(struct ledger *l, struct ledger_queue *q)
{
    uint64_t last = queue_last_number(q->core);

    queue_sweep_put(l, q->row.generation);
    q->row.generation = next_number(l);
    q->row.purged_ms = l->now.wall_ms;
    while (list_pop_front(&q->pending) != NULL) {
    }
    memset(q->delayed, 0, sizeof(q->delayed));
    queue_free(q->core);
    queue_open_core(l, q);
    queue_restore(q->core, 0, last, (struct queue_place){0, 0});
    queue_put_row(l, q);
    queue_changed(l, q);
    queue_touched(l, q);
}

void ledger_queue_delete(struct ledger *l, struct ledger_queue *q)
{
    struct key key = key_queue(l->config.account, q->name);
    struct key moves = key_moves(l->config.account, q->row.number);
    struct slice name = arena_copy(&l->arena, q->name);

    assert(q->user == NULL);
    store_delete(l->filling, CF_QUEUE, key_slice(&key));
    store_delete(l->filling, CF_QUEUE, key_slice(&moves));
    queue_sweep_put(l, q->row.generation);
    if (q->row.attributes.fifo) {
        queue_sweep_put(l, q->row.number); /* what it remembers of what was sent */
    }
    ledger_tags_set(l, TAGS_QUEUE, q->name, &(struct tags_row){0});
    queue_free_of(l, q);
    settle_sources(l, name);
}

/* ---- opening ---- */

/* ERR_NOT_FOUND without a message: a new queue has none yet. */
static enum err_code load_counter(struct ledger *l, struct ledger_queue *q, struct err *err)
{
    struct key key = key_queue_counter(l->config.account, q->row.generation);
    struct queue_counter_row row;
    struct buf b = {0};
    enum err_code rc = store_get(l->store, CF_QUEUE, key_slice(&key), &b, err);

    if (rc == OK) {
        rc = queue_counter_decode(buf_slice(&b), &row, err);
    }
    if (rc == OK) {
        ledger_clock_seen(l, row.time_ms);
        if (row.head.due_ms > l->now.wall_ms) {
            row.head = (struct queue_place){0, 0}; /* by a clock that was wrong: it says nothing */
        }
        queue_restore(q->core, row.total, row.last_number, row.head);
    }
    buf_fini(&b);
    return rc == ERR_NOT_FOUND ? err_set(err, ERR_CORRUPT, "its counters are not there") : rc;
}

static enum err_code load_states(struct ledger *l, struct ledger_queue *q, struct err *err)
{
    struct key prefix = key_queue_states(l->config.account, q->row.generation);
    struct key from = key_queue_state(l->config.account, q->row.generation, queue_head(q->core));
    struct key to = key_after(&prefix);
    struct store_iterator *i =
        store_iterate(l->store, CF_QUEUE, key_slice(&from), key_slice(&to), false);
    enum err_code rc = OK;
    struct slice key;
    struct slice value;

    while (rc == OK && store_next(i, &key, &value)) {
        struct queue_state s;

        rc = key_place_parse(key, &s.place) ? queue_state_decode(value, &s, err)
                                            : err_set(err, ERR_CORRUPT, "a key is malformed");
        if (rc == OK) {
            ledger_clock_seen(l, s.first_ms); /* it was due by then */
            queue_restore_state(q->core, &s);
        }
    }
    if (rc != OK) {
        (void)store_iterator_end(i, NULL);
        return rc;
    }
    return store_iterator_end(i, err);
}

/* What is not due yet: counted. */
static enum err_code load_delayed(struct ledger *l, struct ledger_queue *q, struct err *err)
{
    struct key prefix = key_messages(l->config.account, q->row.generation);
    struct key from = key_message(l->config.account, q->row.generation,
                                  (struct queue_place){l->now.wall_ms + 1, 0});
    struct key to = key_after(&prefix);
    struct store_iterator *i =
        store_iterate(l->store, CF_QUEUE, key_slice(&from), key_slice(&to), false);
    struct queue_place place;
    struct slice key;
    struct slice value;

    while (store_next(i, &key, &value)) {
        if (key_place_parse(key, &place)) {
            queue_restore_delayed(q->core, l->now.wall_ms, place.due_ms);
        }
    }
    return store_iterator_end(i, err);
}

static enum err_code load_messages(struct ledger *l, struct ledger_queue *q, struct err *err)
{
    enum err_code rc;

    queue_open_core(l, q);
    rc = load_counter(l, q, err);
    if (rc == OK) {
        rc = load_states(l, q, err);
    }
    if (rc == OK) {
        rc = load_delayed(l, q, err);
    }
    if (rc == OK) {
        rc = queue_dedup_load(l, q, err);
    }
    if (rc == OK) {
        rc = queue_moves_load(l, q, err);
    }
    if (rc == OK) {
        queue_time(l, q);
    } else {
        err_wrap(err, "load queue %.*s", SLICE_FMT(q->name));
    }
    return rc;
}

static enum err_code load_last(struct ledger *l, struct err *err)
{
    struct key key = key_queue_last(l->config.account);
    struct buf b = {0};
    enum err_code rc = store_get(l->store, CF_QUEUE, key_slice(&key), &b, err);

    if (rc == OK) {
        struct cursor c = cursor_make(buf_slice(&b));

        l->last_queue = cursor_u64be(&c);
        rc = c.bad ? err_set(err, ERR_CORRUPT, "the last number of a queue is malformed") : OK;
    }
    buf_fini(&b);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

static enum err_code load_rows(struct ledger *l, struct err *err)
{
    struct key from = key_queues(l->config.account);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(l->store, CF_QUEUE, key_slice(&from), key_slice(&to), false);
    enum err_code rc = OK;
    struct slice key;
    struct slice value;

    while (rc == OK && store_next(i, &key, &value)) {
        struct queue_row row;

        rc = queue_row_decode(value, &row, err);
        if (rc == OK) {
            queue_take_row(queue_new_of(l, slice_from(key, from.len)), &row);
        }
    }
    if (rc != OK) {
        (void)store_iterator_end(i, NULL);
        return rc;
    }
    return store_iterator_end(i, err);
}

enum err_code queues_load(struct ledger *l, struct err *err)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;
    enum err_code rc = load_last(l, err);

    if (rc == OK) {
        rc = load_rows(l, err);
    }
    while (rc == OK && (n = hash_iterate(&l->queues, &bucket, n)) != NULL) {
        rc = load_messages(l, container_of(n, struct ledger_queue, by_name), err);
    }
    return rc == OK ? queue_sweeps_load(l, err) : rc;
}
