/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: sent, received, hidden, deleted, moved to where dead letters go; each within the batch
 * of its turn. */
#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/queue.h"
#include "coordinator/store/keys.h"

struct ledger_queue *queue_dead_letters(const struct ledger *l, const struct ledger_queue *q)
{
    struct slice name = q->row.attributes.dead_letters;

    return name.len != 0 ? ledger_queue_find(l, name) : NULL;
}

/* ---- sending ---- */

/* The same for the same message of the same queue, so that a repeat has the first one's without
 * looking it up. */
static void
message_id(const struct ledger *l, const struct ledger_queue *q, uint64_t number, uint8_t id[16])
{
    uint64_t secret[2];
    uint64_t half[2];

    memcpy(secret, l->token_key, sizeof(secret));
    half[0] = hash_u64(secret[0] ^ hash_u64(q->row.number) ^ number);
    half[1] = hash_u64(secret[1] + hash_u64(half[0]) + number);
    memcpy(id, half, sizeof(half));
}

static uint64_t
put_message(struct ledger *l, struct ledger_queue *q, struct message_row *m, int64_t delay_ms)
{
    bool held;
    struct queue_place place =
        queue_send(q->core, l->now.wall_ms, delay_ms, m->sent_ms, m->group, &held);

    message_put(l, q, place, m, held);
    q->figures->sent++;
    queue_changed(l, q);
    queue_touched(l, q);
    return place.number;
}

void ledger_queue_send(struct ledger *l,
                       struct ledger_queue *q,
                       const struct message_row *m,
                       int64_t delay_ms,
                       const struct dedup_key *dedup,
                       struct ledger_sent *out)
{
    struct message_row row = *m;

    *out = (struct ledger_sent){0};
    queue_now(l, q);
    if (dedup != NULL && dedup_find(&q->dedup, *dedup, l->now.wall_ms, &out->number)) {
        out->repeat = true;
        message_id(l, q, out->number, out->id);
        return;
    }
    row.sent_ms = l->now.wall_ms;
    message_id(l, q, queue_last_number(q->core) + 1, row.id);
    memcpy(out->id, row.id, sizeof(row.id));
    out->number = put_message(l, q, &row, delay_ms);
    if (dedup != NULL) {
        queue_dedup_add(l, q, *dedup, out->number);
    }
}

/* A dead letter keeps its id and, in a standard queue, its age; one that is moved back is new. */
void queue_accept(struct ledger *l, struct ledger_queue *q, struct message_row *m, bool anew)
{
    queue_now(l, q);
    if (anew || q->row.attributes.fifo) {
        m->sent_ms = l->now.wall_ms;
    }
    if (anew) {
        message_id(l, q, queue_last_number(q->core) + 1, m->id);
    }
    (void)put_message(l, q, m, 0);
}

/* ---- receiving ---- */

static void put_state(struct ledger *l, const struct ledger_queue *q, const struct queue_state *s)
{
    struct key key = key_queue_state(l->config.account, q->row.generation, s->place);

    buf_reset(&l->scratch);
    queue_state_encode(s, &l->scratch);
    store_put(l->filling, CF_QUEUE, key_slice(&key), buf_slice(&l->scratch));
}

static enum err_code
bury(struct ledger *l, struct ledger_queue *q, const struct queue_state *s, struct err *err)
{
    struct ledger_queue *to = queue_dead_letters(l, q);
    struct message_row m;
    enum err_code rc = message_get(l, q, s->place, &m, err);

    if (rc == OK) {
        m.source = q->name;
        queue_accept(l, to, &m, false);
        q->figures->buried++;
        message_delete(l, q, s->place, true);
        queue_changed(l, q);
    }
    return rc;
}

enum err_code queue_received(struct ledger *l,
                             struct ledger_queue *q,
                             const struct queue_state *s,
                             struct ledger_received *out,
                             struct err *err)
{
    struct receipt receipt = {q->row.generation, s->place, s->receipt};

    put_state(l, q, s);
    q->figures->received++;
    out->state = *s;
    out->state.group = arena_copy(&l->arena, s->group);
    out->handle = receipt_text(&receipt, &l->arena);
    return message_get(l, q, s->place, &out->message, err);
}

/* One more; *more is false where there is none. */
static enum err_code receive_one(struct ledger *l,
                                 struct ledger_queue *q,
                                 struct queue_round *round,
                                 int64_t visibility_ms,
                                 struct ledger_received *out,
                                 size_t *count,
                                 bool *more,
                                 struct err *err)
{
    struct queue_state s;
    enum err_code rc = queue_fill(l, q, err);

    if (rc != OK) {
        return rc;
    }
    switch (queue_take(q->core, round, l->now.wall_ms, visibility_ms, &s)) {
    case QUEUE_TAKEN: return queue_received(l, q, &s, &out[(*count)++], err);
    case QUEUE_DEAD: return bury(l, q, &s, err);
    case QUEUE_OLD:
        message_delete(l, q, s.place, s.count != 0);
        queue_changed(l, q);
        return OK;
    case QUEUE_FULL: /* of a FIFO queue AWS says nothing */
        if (*count == 0 && !q->row.attributes.fifo) {
            return err_set(err, ERR_QUEUE_FULL, "Too many messages in flight: %d",
                           LIMIT_QUEUE_IN_FLIGHT);
        }
        break;
    case QUEUE_NONE: break;
    }
    *more = false;
    return OK;
}

/* Dead letters may be many: what is left of them waits for the next turn. */
static bool may_look(const struct ledger *l, unsigned looks)
{
    return looks == 0 || (looks < LIMIT_QUEUE_RECEIVE_LOOKS && ledger_accepts(l));
}

enum err_code ledger_queue_receive(struct ledger *l,
                                   struct ledger_queue *q,
                                   size_t most,
                                   int64_t visibility_ms,
                                   struct ledger_received *out,
                                   size_t *count,
                                   struct err *err)
{
    struct queue_round round = {0};
    bool more = true;
    size_t bytes = 0;
    enum err_code rc = OK;

    *count = 0;
    queue_now(l, q);
    for (unsigned looks = 0; rc == OK && more && *count < most &&
                             bytes < LIMIT_QUEUE_RECEIVE_BYTES && may_look(l, looks);
         looks++) {
        size_t before = *count;

        rc = receive_one(l, q, &round, visibility_ms, out, count, &more, err);
        if (rc == OK && *count > before) {
            bytes += out[before].message.body.len + out[before].message.attributes.len;
        }
    }
    queue_searched(l, q);
    return rc;
}

/* ---- receipts ---- */

bool ledger_queue_is_of_another(const struct ledger *l,
                                const struct ledger_queue *q,
                                const struct receipt *r)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;

    while (r->queue != q->row.generation && (n = hash_iterate(&l->queues, &bucket, n)) != NULL) {
        if (container_of(n, struct ledger_queue, by_name)->row.generation == r->queue) {
            return true;
        }
    }
    return false;
}

enum queue_answer
ledger_queue_remove(struct ledger *l, struct ledger_queue *q, const struct receipt *r)
{
    enum queue_answer answer;

    if (r->queue != q->row.generation) {
        return QUEUE_STALE; /* it was purged since */
    }
    queue_now(l, q);
    answer = queue_delete(q->core, r->place, r->token);
    if (answer == QUEUE_DONE) {
        message_delete(l, q, r->place, true);
        q->figures->deleted++;
        queue_changed(l, q);
    }
    queue_touched(l, q);
    return answer;
}

bool ledger_queue_owns(struct ledger *l, struct ledger_queue *q, const struct receipt *r)
{
    queue_now(l, q);
    return r->queue == q->row.generation && queue_owns(q->core, r->place, r->token);
}

enum queue_answer ledger_queue_hide(struct ledger *l,
                                    struct ledger_queue *q,
                                    const struct receipt *r,
                                    int64_t visibility_ms)
{
    struct queue_state s;
    enum queue_answer answer;

    if (r->queue != q->row.generation) {
        return QUEUE_STALE;
    }
    queue_now(l, q);
    answer = queue_change(q->core, r->place, r->token, l->now.wall_ms, visibility_ms, &s);
    if (answer == QUEUE_DONE) {
        put_state(l, q, &s);
    }
    queue_touched(l, q);
    return answer;
}
