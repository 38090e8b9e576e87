/* SPDX-License-Identifier: Apache-2.0 */
/* What a world has of queues, pipes and rules, every message that was sent or seen, and what each
 * answer of a receive must hold to. */
#include "tests/sim/trigger.h"

#include <stdio.h>

#include "coordinator/ledger/ledger.h"
#include "proto/base/limits.h"

enum { TRIGGER_ONE_IN = 4 };

static uint64_t below(struct sim *s, uint64_t n)
{
    return sim_below(s, CHANCE_TRIGGER, n);
}

/* ---- what there is ---- */

static void draw_queue(struct sim *s, enum sim_queue_of of, const char *name, bool fifo)
{
    struct sim_triggers *t = s->triggers;
    struct sim_queue *q = &t->queues[of];

    (void)snprintf(q->name, sizeof(q->name), "%s%s", name, fifo ? ".fifo" : "");
    q->fifo = fifo;
    q->piped = of == QUEUE_OF_STANDARD || of == QUEUE_OF_EXPRESS;
    q->visibility_s = (of == QUEUE_OF_EXPRESS ? 6 : 2) + (unsigned)below(s, 20); /* than a run */
    if (of == QUEUE_OF_DEAD || of == QUEUE_OF_DEAD_FIFO) {
        return;
    }
    q->delay_s = below(s, 3) == 0 ? (unsigned)below(s, 6) : 0;
    if (below(s, 3) != 0) {
        q->dead = &t->queues[fifo ? QUEUE_OF_DEAD_FIFO : QUEUE_OF_DEAD];
        q->receives = 1 + (unsigned)below(s, 4);
    }
}

/* A batch of more than one is gathered from what a FIFO queue or a long window gives. */
static void draw_pipes(struct sim *s)
{
    struct sim_triggers *t = s->triggers;

    t->named = below(s, 2) == 0;
    for (unsigned i = 0; i < 2; i++) {
        t->batches[i] = below(s, 2) == 0 ? 1 : 1 + (unsigned)below(s, 4);
        t->windows[i] =
            !t->queues[QUEUE_OF_STANDARD + i].fifo && below(s, 3) == 0 ? (unsigned)below(s, 10) : 0;
    }
}

#define CHANGES_OF_PS                                                                              \
    "{\"source\":[\"aws.states\"],\"detail-type\":[\"Step Functions Execution Status Change\"],"   \
    "\"detail\":{\"stateMachineArn\":[\"arn:aws:states:us-east-1:000000000042:stateMachine:ps\"]"

static void draw_listeners(struct sim *s)
{
    struct sim_triggers *t = s->triggers;

    t->ends_only = sim_one_in(s, CHANCE_EVENT, 4);
    t->listeners[LISTENER_CHANGES] = (struct sim_listener){
        .name = "changes",
        .pattern = t->ends_only ? CHANGES_OF_PS ",\"status\":[{\"anything-but\":\"RUNNING\"}]}}"
                                : CHANGES_OF_PS "}}",
        .starts = sim_one_in(s, CHANCE_EVENT, 2),
        .lines = sim_one_in(s, CHANCE_EVENT, 2),
    };
    t->listeners[LISTENER_POSTS] = (struct sim_listener){
        .name = "posts",
        .pattern = "{\"source\":[\"sim\"],\"detail\":{\"kind\":[\"wanted\"]}}",
    };
    t->event_queues[EVENT_QUEUE] = (struct sim_queue){.name = "events", .visibility_s = 30};
    t->event_queues[EVENT_LINE] = (struct sim_queue){
        .name = "events.fifo", .visibility_s = 30, .fifo = true, .by_content = true};
}

void triggers_open(struct sim *s)
{
    struct sim_triggers *t;

    if (s->options.messages == 0 || !sim_one_in(s, CHANCE_TRIGGER, TRIGGER_ONE_IN)) {
        return;
    }
    t = s->triggers = mem_zalloc(1, sizeof(*t));
    list_init(&t->order);
    t->narrow = sim_one_in(s, CHANCE_EVENT, 4);
    t->crowded = t->narrow || s->open_most != 0;
    draw_queue(s, QUEUE_OF_DEAD, "dead", false);
    draw_queue(s, QUEUE_OF_DEAD_FIFO, "dead", true);
    draw_queue(s, QUEUE_OF_PLAIN, "plain", false);
    draw_queue(s, QUEUE_OF_LINE, "line", true);
    draw_queue(s, QUEUE_OF_STANDARD, "to-standard", below(s, 2) == 0);
    draw_queue(s, QUEUE_OF_EXPRESS, "to-express", below(s, 2) == 0);
    t->queues[QUEUE_OF_PLAIN].subscribed = true;
    t->queues[QUEUE_OF_STANDARD].subscribed = !t->queues[QUEUE_OF_STANDARD].fifo;
    if (below(s, 4) == 0) {
        t->queues[QUEUE_OF_PLAIN].retention_s = LIMIT_QUEUE_RETENTION_S_MIN;
    }
    draw_pipes(s);
    t->rules[0] = (struct sim_rule){.name = "each-minute", .expression = "rate(1 minute)"};
    t->rules[1] = (struct sim_rule){.name = "by-the-clock", .expression = "cron(* * * * ? *)"};
    for (unsigned i = 0; i < SIM_RULES; i++) {
        t->rules[i].targets = 1 + (unsigned)below(s, 2);
    }
    draw_listeners(s);
}

struct sim_queue *triggers_queue(struct sim *s, struct slice name)
{
    for (unsigned i = 0; i < SIM_QUEUES; i++) {
        if (slice_eq_str(name, s->triggers->queues[i].name)) {
            return &s->triggers->queues[i];
        }
    }
    sim_violation(s, "there is a queue %.*s", SLICE_FMT(name));
}

/* ---- messages ---- */

static struct sim_letter *letter_find(const struct sim *s, struct slice id)
{
    HASH_EACH_MATCH(n, &s->triggers->letters, hash_bytes(id, 0))
    {
        struct sim_letter *m = container_of(n, struct sim_letter, by_id);

        if (slice_eq_str(id, m->id)) {
            return m;
        }
    }
    return NULL;
}

/* The parcel a body is: {"m":"17",...}. */
static unsigned parcel_of(struct sim *s, struct slice body)
{
    struct arena a = {0};
    const struct json_node *v = NULL;
    uint64_t m = UINT64_MAX;

    if (json_parse(body, &a, &v, NULL) == OK) {
        (void)text_parse_u64(json_text(json_member(v, SLICE("m"))), &m);
    }
    arena_fini(&a);
    if (m >= s->triggers->sent) {
        sim_violation(s, "%.*s is received, and nobody sent it", SLICE_FMT(body));
    }
    return (unsigned)m;
}

static struct sim_letter *
letter_new(struct sim *s, struct slice id, unsigned parcel, struct sim_queue *queue)
{
    struct sim_triggers *t = s->triggers;
    const struct sim_parcel *p = &t->parcels[parcel];
    struct sim_letter *m = arena_zalloc(&t->arena, 1, sizeof(*m));

    if (p->queue != NULL ? p->queue != queue : !queue->subscribed) {
        sim_violation(s, "%u is in %s, and was not sent there", parcel, queue->name);
    }
    (void)snprintf(m->id, sizeof(m->id), "%.*s", SLICE_FMT(id));
    m->parcel = parcel;
    m->origin = queue;
    hash_insert(&t->letters, &m->by_id, hash_bytes(id, 0));
    list_push_back(&t->order, &m->link);
    return m;
}

struct sim_letter *triggers_letter(struct sim *s,
                                   struct slice id,
                                   struct slice body,
                                   struct sim_queue *queue,
                                   bool firm)
{
    unsigned parcel = parcel_of(s, body);
    struct sim_letter *m = letter_find(s, id);

    if (m == NULL) {
        m = letter_new(s, id, parcel, queue);
    } else if (!m->firm && m->parcel != parcel) {
        m->parcel = parcel; /* the id was given again */
        m->succeeded = false;
    }
    if (m->parcel != parcel || m->origin != queue) {
        sim_violation(s, "message %s, number %u of %s, is %.*s of %s", m->id, m->parcel,
                      m->origin->name, SLICE_FMT(body), queue->name);
    }
    m->firm = m->firm || firm;
    return m;
}

/* ---- receives ---- */

struct sim_receive triggers_ask(struct sim *s, struct sim_queue *q, int64_t visibility_ms)
{
    struct sim_receive r = {.queue = q, .us = s->now_us, .visibility_ms = visibility_ms};

    q->unanswered++;
    if (s->coordinator_node.up) {
        r.wall_ms = ledger_now(coordinator_ledger(s)).wall_ms;
        r.life = s->coordinator_node.life;
    }
    return r;
}

/* The coordinator that is up is the one it was asked of: its clock has only gone on. */
static bool is_same_life(const struct sim *s, const struct sim_receive *r)
{
    return s->coordinator_node.up && s->coordinator_node.life == r->life;
}

static struct slice told(const Stepfleet__Message *m, const char *name)
{
    for (size_t i = 0; i < m->n_told; i++) {
        if (strcmp(m->told[i]->key, name) == 0) {
            return slice_str(m->told[i]->value);
        }
    }
    return SLICE("");
}

int64_t triggers_told_number(const Stepfleet__Message *m, const char *name)
{
    uint64_t n = 0;

    (void)text_parse_u64(told(m, name), &n);
    return (int64_t)n;
}

struct receipt_seen {
    struct hash_node node;
    const char *text;
};

static const char *receipt_is_new(struct sim *s, const struct sim_letter *m, const char *text)
{
    struct sim_triggers *t = s->triggers;
    uint64_t hash = hash_bytes(slice_str(text), 0);
    struct receipt_seen *r;

    HASH_EACH_MATCH(n, &t->receipts, hash)
    {
        if (strcmp(container_of(n, struct receipt_seen, node)->text, text) == 0) {
            sim_violation(s, "a receipt of %s is given twice", m->id);
        }
    }
    r = arena_zalloc(&t->arena, 1, sizeof(*r));
    r->text = arena_str(&t->arena, slice_str(text));
    hash_insert(&t->receipts, &r->node, hash);
    return r->text;
}

/* A dead letter keeps its id; it was received as often as it may be first. */
static void to_dead(struct sim *s, struct sim_letter *m, const struct sim_queue *q)
{
    const struct sim_queue *from = m->origin;

    if (from->dead != q) {
        sim_violation(s, "%s of %s is received in %s", m->id, from->name, q->name);
    }
    if (!from->piped && m->received + from->unanswered < from->receives) {
        sim_violation(s, "%s of %s is a dead letter after %u receives", m->id, from->name,
                      m->received);
    }
    m->counts = 0;
    m->received = m->count = m->deleted_count = 0;
    m->hidden_ms = m->deleted_us = 0;
    m->receipt = m->old_receipt = NULL;
    m->token = (struct token){0};
    m->delete_asked = false;
    m->dead_us = s->now_us;
    s->triggers->dead++;
}

/* Of one queue tokens grow with each receive: answers may come in another order. */
static bool is_newer(struct token t, struct token than)
{
    return t.epoch != than.epoch ? t.epoch > than.epoch : t.counter > than.counter;
}

static struct token token_of(struct sim *s, const char *receipt)
{
    struct receipt r;

    if (!receipt_parse(slice_str(receipt), &r)) {
        sim_violation(s, "%s is no receipt", receipt);
    }
    return r.token;
}

static void check_count(struct sim *s,
                        const struct sim_letter *m,
                        const struct sim_receive *r,
                        int64_t count,
                        bool newer)
{
    const struct sim_queue *q = r->queue;

    if (count < 1 || count > 63 || (m->counts >> count & 1) != 0 || newer != (count > m->count)) {
        sim_violation(s, "%s is received for the %lldth time, after the %uth", m->id,
                      (long long)count, m->count);
    }
    if (count > m->received + q->unanswered + 1 || (q->receives != 0 && count > q->receives)) {
        sim_violation(s,
                      "%s is received for the %lldth time; %u are known of, %u in doubt, %s may "
                      "be %u",
                      m->id, (long long)count, m->received, q->unanswered, q->name, q->receives);
    }
    if (m->deleted_us != 0 && r->us > m->deleted_us && count == m->deleted_count + 1) {
        sim_violation(s, "%s is received, and its deletion was acknowledged", m->id);
    }
}

static void
check_times(struct sim *s, const struct sim_letter *m, const struct sim_receive *r, bool newer)
{
    const struct sim_queue *q = r->queue;

    if (m->told && q == m->origin && m->first_ms < m->sent_ms + (int64_t)q->delay_s * SIM_MS) {
        sim_violation(s, "%s is received %lld ms after it was sent, in a queue that waits %u s",
                      m->id, (long long)(m->first_ms - m->sent_ms), q->delay_s);
    }
    if (q->retention_s != 0 && m->first_ms - m->sent_ms >= (int64_t)q->retention_s * SIM_MS) {
        sim_violation(s, "%s is received, and was sent %lld ms before", m->id,
                      (long long)(m->first_ms - m->sent_ms));
    }
    if (newer && m->hidden_ms != 0 && is_same_life(s, r) &&
        ledger_now(coordinator_ledger(s)).wall_ms < m->hidden_ms) {
        sim_violation(s, "%s is received, and is hidden for %lld ms more", m->id,
                      (long long)(m->hidden_ms - ledger_now(coordinator_ledger(s)).wall_ms));
    }
    if (q->purged_us != 0 && m->told && m->told_us < q->purge_us && r->us > q->purged_us) {
        sim_violation(s, "%s is received, and was purged", m->id);
    }
}

/* When it may be received again, if that is known. */
static void set_hidden(const struct sim *s,
                       struct sim_letter *m,
                       const struct sim_receive *r,
                       int64_t count,
                       int64_t first_ms)
{
    int64_t from_ms = count == 1 ? first_ms : is_same_life(s, r) ? r->wall_ms : 0;

    m->hidden_ms = from_ms != 0 ? from_ms + r->visibility_ms : 0;
}

static void take_sequence(struct sim *s, struct sim_letter *m, struct slice text)
{
    if (m->sequence[0] != '\0' && !slice_eq_str(text, m->sequence)) {
        sim_violation(s, "%s is number %.*s, and was %s", m->id, SLICE_FMT(text), m->sequence);
    }
    (void)snprintf(m->sequence, sizeof(m->sequence), "%.*s", SLICE_FMT(text));
}

struct sim_letter *
triggers_received(struct sim *s, const struct sim_receive *r, const Stepfleet__Message *msg)
{
    struct sim_triggers *t = s->triggers;
    struct slice source = told(msg, "DeadLetterQueueSourceArn");
    struct slice name = slice_from(source, slice_rfind(source, ':') + 1);
    struct sim_queue *origin = source.len != 0 ? triggers_queue(s, name) : r->queue;
    struct sim_letter *m =
        triggers_letter(s, slice_str(msg->message), message_slice(msg->body), origin, true);
    int64_t count = triggers_told_number(msg, "ApproximateReceiveCount");
    int64_t first_ms = triggers_told_number(msg, "ApproximateFirstReceiveTimestamp");
    struct token token = token_of(s, msg->receipt);
    const char *receipt;
    bool newer;

    if (m->where != r->queue && r->queue != origin) {
        to_dead(s, m, r->queue);
    } else if (m->where != NULL && m->where != r->queue && r->us < m->dead_us) {
        return NULL;
    } else if (m->where != NULL && m->where != r->queue) {
        sim_violation(s, "%s is received in %s, and was in %s", m->id, r->queue->name,
                      m->where->name);
    }
    m->where = r->queue;
    newer = is_newer(token, m->token);
    check_count(s, m, r, count, newer);
    if (r->queue == origin) {
        m->sent_ms = triggers_told_number(msg, "SentTimestamp");
        m->first_ms = first_ms;
        take_sequence(s, m, told(msg, "SequenceNumber"));
    }
    check_times(s, m, r, newer);
    m->counts |= UINT64_C(1) << count;
    m->received++;
    receipt = receipt_is_new(s, m, msg->receipt);
    if (newer) {
        m->old_receipt = m->receipt;
        m->receipt = receipt;
        m->token = token;
        m->count = (unsigned)count;
        set_hidden(s, m, r, count, first_ms);
    }
    t->receives++;
    sim_trace(s, NULL, "%s of %s, %.*s, is received in %s for the %lldth time", m->id,
              m->origin->name, SLICE_FMT(message_slice(msg->body)), r->queue->name,
              (long long)count);
    return m;
}

/* ---- FIFO groups ---- */

static bool is_among(struct sim_letter *const *got, size_t count, const struct sim_letter *m)
{
    for (size_t i = 0; i < count; i++) {
        if (got[i] == m) {
            return true;
        }
    }
    return false;
}

static unsigned group_of(const struct sim *s, const struct sim_letter *m)
{
    return s->triggers->parcels[m->parcel].group;
}

static void check_blocked(struct sim *s,
                          const struct sim_letter *m,
                          struct sim_letter *const *got,
                          size_t count)
{
    int64_t now_ms = ledger_now(coordinator_ledger(s)).wall_ms;

    LIST_EACH(n, &s->triggers->order)
    {
        const struct sim_letter *o = container_of(n, struct sim_letter, link);

        if (o->where == m->where && group_of(s, o) == group_of(s, m) && o->hidden_ms > now_ms &&
            is_newer(m->token, o->token) && !o->delete_asked && !is_among(got, count, o)) {
            sim_violation(s, "%s is received, and %s of its group is out for %lld ms more", m->id,
                          o->id, (long long)(o->hidden_ms - now_ms));
        }
    }
}

void triggers_check_groups(struct sim *s,
                           const struct sim_receive *r,
                           struct sim_letter *const *got,
                           size_t count)
{
    if (!r->queue->fifo || !is_same_life(s, r)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        check_blocked(s, got[i], got, count);
        for (size_t k = 0; k < i && r->queue == got[i]->origin; k++) {
            if (group_of(s, got[k]) == group_of(s, got[i]) &&
                strcmp(got[k]->sequence, got[i]->sequence) >= 0) {
                sim_violation(s, "%s stands before %s of its group in one answer", got[k]->id,
                              got[i]->id);
            }
        }
    }
}

/* ---- executions of pipes ---- */

static void run_succeeded(struct sim *s, const struct json_node *items, struct slice failed)
{
    for (const struct json_node *e = json_first(items); e != NULL; e = json_next(items, e)) {
        struct slice id = json_text(json_member(e, SLICE("id")));
        struct arena a = {0};
        struct slice body = json_print(e, &a);

        if (!slice_eq(id, failed)) {
            triggers_letter(s, id, body, &s->triggers->queues[QUEUE_OF_EXPRESS], false)->succeeded =
                true;
        }
        arena_fini(&a);
    }
}

/* Its output is its input, or {"batchItemFailures": [the first], "all": the input}. */
static void take_run(struct sim *s, const struct execution_header *h)
{
    const struct json_node *v = NULL;
    struct arena a = {0};

    s->triggers->runs++;
    if (h->status == EXECUTION_SUCCEEDED && json_parse(h->output.text, &a, &v, NULL) == OK) {
        const struct json_node *failures = json_member(v, SLICE("batchItemFailures"));
        const struct json_node *failed = failures != NULL ? json_first(failures) : NULL;

        run_succeeded(s, failed != NULL ? json_member(v, SLICE("all")) : v,
                      failed != NULL ? json_text(json_member(failed, SLICE("itemIdentifier")))
                                     : SLICE(""));
    }
    arena_fini(&a);
}

void triggers_moved(struct sim *s, uint64_t execution)
{
    const struct execution_header *h =
        s->triggers != NULL ? ledger_execution_header(coordinator_ledger(s), execution) : NULL;

    if (h == NULL || h->status == EXECUTION_RUNNING) {
        return;
    }
    if (h->synchronous && slice_eq_str(h->machine_name, "px")) {
        take_run(s, h);
    } else if (h->status == EXECUTION_FAILED && slice_eq_str(h->machine_name, "ps")) {
        client_redrive_later(s, h->arn, (unsigned)h->redrive_count);
    }
}
