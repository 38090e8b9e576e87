/* SPDX-License-Identifier: Apache-2.0 */
/* Move tasks: what is visible in a dead-letter queue goes where it came from, or to one queue, at a
 * rate. Source: Amazon SQS API Reference, StartMessageMoveTask.
 *
 *   RUNNING ---nothing is visible any more---> COMPLETED
 *      '---cancelled---> CANCELLED   '---no queue to move one to---> FAILED */
#include <assert.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/queue.h"
#include "coordinator/store/keys.h"

static struct move_task *running(const struct ledger_queue *q)
{
    return q->move_count != 0 && q->moves[0].status == MOVE_RUNNING ? &q->moves[0] : NULL;
}

const struct move_task *ledger_move_running(const struct ledger_queue *q)
{
    return running(q);
}

const struct move_task *ledger_move_find(const struct ledger_queue *q, uint64_t id)
{
    for (size_t i = 0; i < q->move_count; i++) {
        if (q->moves[i].id == id) {
            return &q->moves[i];
        }
    }
    return NULL;
}

/* ---- rows ---- */

static void moves_changed(struct ledger *l, struct ledger_queue *q)
{
    q->moves_changed = true;
    queue_changed(l, q);
}

void queue_moves_keep(struct ledger *l, struct ledger_queue *q)
{
    struct key key = key_moves(l->config.account, q->row.number);
    struct move_row row = {q->moves, q->move_count};

    if (!q->moves_changed) {
        return;
    }
    q->moves_changed = false;
    buf_reset(&l->scratch);
    move_row_encode(&row, &l->scratch);
    store_put(l->filling, CF_QUEUE, key_slice(&key), buf_slice(&l->scratch));
}

/* The tasks anew, in an arena of their own, `first` before those there were. */
static void take_tasks(struct ledger_queue *q,
                       const struct move_task *first,
                       const struct move_task *others,
                       size_t count)
{
    struct arena fresh = {0};
    struct move_task *tasks = ARENA_ARRAY(&fresh, LIMIT_QUEUE_MOVE_TASKS, struct move_task);
    size_t n = 0;

    if (first != NULL) {
        tasks[n++] = *first;
    }
    for (size_t i = 0; i < count && n < LIMIT_QUEUE_MOVE_TASKS; i++) {
        tasks[n++] = others[i];
    }
    for (size_t i = 0; i < n; i++) {
        tasks[i].destination = arena_copy(&fresh, tasks[i].destination);
        tasks[i].reason = arena_copy(&fresh, tasks[i].reason);
    }
    arena_fini(&q->moves_arena);
    q->moves_arena = fresh;
    q->moves = tasks;
    q->move_count = n;
}

/* Its rate counts from here on: what a restart took is not made up for. */
static void rate_from_now(const struct ledger *l, struct ledger_queue *q)
{
    q->move_since_ms = l->now.wall_ms;
    q->move_since = q->moves[0].moved;
}

enum err_code queue_moves_load(struct ledger *l, struct ledger_queue *q, struct err *err)
{
    struct key key = key_moves(l->config.account, q->row.number);
    struct buf b = {0};
    struct move_row row;
    enum err_code rc = store_get(l->store, CF_QUEUE, key_slice(&key), &b, err);

    if (rc == OK) {
        rc = move_row_decode(buf_slice(&b), &l->arena, &row, err);
    }
    if (rc == OK) {
        take_tasks(q, NULL, row.items, row.count);
        if (running(q) != NULL) {
            rate_from_now(l, q);
        }
    }
    buf_fini(&b);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

/* ---- begun and ended ---- */

uint64_t ledger_move_start(struct ledger *l,
                           struct ledger_queue *q,
                           struct slice destination,
                           uint32_t per_second)
{
    struct queue_counts counts;
    struct move_task t = {
        .id = q->move_count != 0 ? q->moves[0].id + 1 : 1,
        .status = MOVE_RUNNING,
        .started_ms = l->now.wall_ms,
        .per_second = per_second,
        .destination = destination,
    };

    assert(running(q) == NULL);
    ledger_queue_counts(l, q, &counts);
    t.to_move = counts.visible;
    take_tasks(q, &t, q->moves, q->move_count);
    rate_from_now(l, q);
    moves_changed(l, q);
    queue_time(l, q);
    return t.id;
}

static void
move_end(struct ledger *l, struct ledger_queue *q, enum move_status status, const char *reason)
{
    struct move_task *t = running(q);

    t->status = status;
    t->reason = slice_str(reason);
    moves_changed(l, q);
}

void ledger_move_cancel(struct ledger *l, struct ledger_queue *q)
{
    move_end(l, q, MOVE_CANCELLED, "");
    queue_time(l, q);
}

/* ---- at work ---- */

static uint32_t rate_of(const struct move_task *t)
{
    return t->per_second != 0 ? t->per_second : LIMIT_QUEUE_MOVES_PER_S;
}

int64_t queue_move_due_ms(const struct ledger_queue *q)
{
    const struct move_task *t = running(q);

    return t == NULL ? INT64_MAX
                     : queue_move_next_ms(q->move_since_ms, t->moved - q->move_since, rate_of(t));
}

/* One message, or the task's end. */
static enum err_code move_one(struct ledger *l, struct ledger_queue *q, struct err *err)
{
    struct move_task *t = running(q);
    struct ledger_queue *to;
    struct queue_state s;
    struct queue_place from;
    struct message_row m;
    enum err_code rc = queue_fill(l, q, err);

    if (rc != OK) {
        return rc;
    }
    if (!queue_peek(q->core, &s)) {
        if (queue_wants_ms(q->core, &from) > l->now.wall_ms) {
            move_end(l, q, MOVE_COMPLETED, "");
        }
        return OK;
    }
    rc = message_get(l, q, s.place, &m, err);
    if (rc != OK) {
        return rc;
    }
    to = ledger_queue_find(l, t->destination.len != 0 ? t->destination : m.source);
    if (to == NULL) {
        move_end(l, q, MOVE_FAILED,
                 t->destination.len != 0 || m.source.len != 0
                     ? "AWS.SimpleQueueService.NonExistentQueue"
                     : "CouldNotDetermineMessageSource"); /* it was sent there itself */
        return OK;
    }
    (void)queue_pull(q->core, &s);
    m.source = slice_make(NULL, 0);
    queue_accept(l, to, &m, true);
    message_delete(l, q, s.place, s.count != 0);
    t->moved++;
    moves_changed(l, q);
    return OK;
}

enum err_code queue_move_some(struct ledger *l, struct ledger_queue *q, struct err *err)
{
    struct move_task *t = running(q);
    enum err_code rc = OK;
    uint64_t left;

    if (t == NULL) {
        return OK;
    }
    left = queue_move_allowance(q->move_since_ms, t->moved - q->move_since, rate_of(t),
                                l->now.wall_ms);
    left = left < LIMIT_QUEUE_MOVES_A_TURN ? left : LIMIT_QUEUE_MOVES_A_TURN;
    while (rc == OK && left-- != 0 && running(q) != NULL && ledger_accepts(l)) {
        rc = move_one(l, q, err);
    }
    return rc;
}
