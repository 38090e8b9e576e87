/* SPDX-License-Identifier: Apache-2.0 */
/* What a turn does for a pipe: its state, messages in, executions out, and what follows from their
 * end. */
#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/pipe.h"
#include "coordinator/ledger/queue.h"
#include "proto/base/text.h"
#include "proto/host/log.h"

enum {
    RECEIVE_MOST = 10,   /* messages at once */
    FULL_AGAIN_MS = 500, /* as many executions are open as may be */
};

/* A batch in flight, found by its execution. */
struct flight {
    struct hash_node by_run;
    struct ledger_pipe *pipe;
    struct pipe_batch *batch;
};

/* ---- can it run? ---- */

static struct ledger_machine *target_of(struct ledger *l, const struct ledger_pipe *p)
{
    struct ledger_machine *m = ledger_machine_find(l, p->machine);

    return m != NULL && !m->deleting ? m : NULL;
}

/* Why it cannot; empty: it can. The type of the target shows when it is called, as with AWS. */
static struct slice problem_of(struct ledger *l, const struct ledger_pipe *p)
{
    const struct ledger_machine *m = target_of(l, p);
    const struct version *version;
    const struct alias *alias;

    if (ledger_queue_find(l, p->queue) == NULL) {
        return SLICE("The specified queue does not exist.");
    }
    if (m == NULL || !ledger_qualified(m, p->qualifier, &version, &alias)) {
        return arena_printf(&l->arena, "State Machine Does Not Exist: '%.*s'",
                            SLICE_FMT(p->row.target));
    }
    if (pipe_state(p->core) == PIPE_RUNNING && p->parameters.waits && !m->express) {
        return SLICE("The invocation type REQUEST_RESPONSE is not supported for a state machine of "
                     "type STANDARD.");
    }
    return slice_make(NULL, 0);
}

/* Through the states that pass. A pipe whose source or target went is stopped, and says why. */
static void settle(struct ledger *l, struct ledger_pipe *p)
{
    struct slice problem = problem_of(l, p);

    while (pipe_settle(p->core, problem.len != 0)) {
        if (problem.len != 0) {
            log_warn("a pipe cannot run: pipe=%.*s: %.*s", SLICE_FMT(p->name), SLICE_FMT(problem));
        }
        pipe_keep(l, p, problem.len != 0 ? problem : p->row.reason);
        problem = problem_of(l, p);
    }
}

/* ---- messages in ---- */

static enum err_code attributes_of(struct ledger *l,
                                   const struct message_row *row,
                                   struct pipe_message *m,
                                   struct err *err)
{
    struct message_attribute *items;
    struct pipe_attribute *out;
    size_t count;
    enum err_code rc;

    if (row->attributes.len == 0) {
        return OK;
    }
    rc = message_attributes_decode(row->attributes, &l->arena, &items, &count, err);
    if (rc != OK) {
        return rc;
    }
    m->attributes = out = ARENA_ARRAY(&l->arena, count + 1, struct pipe_attribute);
    m->attribute_count = count;
    for (size_t i = 0; i < count; i++) {
        out[i] =
            (struct pipe_attribute){items[i].name, items[i].type, items[i].binary, items[i].value};
    }
    return OK;
}

static struct slice uuid_text(struct ledger *l, const uint8_t id[16])
{
    char *text = arena_alloc(&l->arena, TEXT_UUID_BYTES);

    text_format_uuid(id, text);
    return slice_make(text, TEXT_UUID_BYTES);
}

static enum err_code message_of(struct ledger *l,
                                const struct ledger_queue *q,
                                const struct ledger_received *r,
                                struct pipe_message *out,
                                struct err *err)
{
    const struct message_row *row = &r->message;

    *out = (struct pipe_message){
        .id = uuid_text(l, row->id),
        .handle = r->handle,
        .body = row->body,
        .sender = row->sender,
        .queue_arn = q->arn,
        .region = slice_str(l->config.region),
        .trace = row->trace,
        .group = row->group,
        .dedup = row->dedup,
        .receive_count = r->state.count,
        .sent_ms = r->state.sent_ms,
        .first_ms = r->state.first_ms,
    };
    if (queue_is_fifo(q->core)) {
        out->sequence = queue_sequence_text(r->state.place.number, &l->arena);
    }
    if (row->source.len != 0) {
        out->dead_letter =
            arena_printf(&l->arena, "arn:aws:sqs:%s:%012llu:%.*s", l->config.region,
                         (unsigned long long)l->config.account, SLICE_FMT(row->source));
    }
    return attributes_of(l, row, out, err);
}

/* What no filter wants is deleted. What is too long for any input is left to its queue. */
static enum err_code take_message(struct ledger *l,
                                  struct ledger_pipe *p,
                                  struct ledger_queue *q,
                                  const struct ledger_received *r,
                                  struct err *err)
{
    const struct pipe_names names = {p->arn, p->name, p->row.source, p->row.target};
    struct pipe_item item = {
        .receipt = {q->row.generation, r->state.place, r->state.receipt},
        .group = r->message.group,
    };
    const struct json_node *record;
    struct pipe_message m;
    enum err_code rc = message_of(l, q, r, &m, err);

    if (rc != OK) {
        return rc;
    }
    record = pipe_record(&m, &l->arena);
    if (!pipe_is_wanted_record(&p->parameters, record, &l->arena)) {
        (void)ledger_queue_remove(l, q, &item.receipt);
        return OK;
    }
    memcpy(item.id, r->message.id, sizeof(item.id));
    item.input = pipe_input(&p->parameters, &names, l->now.wall_ms, record, &l->arena);
    if (!pipe_gather(p->core, l->now.wall_ms, &item)) {
        log_warn("a message is longer than an input may be: pipe=%.*s message=%.*s",
                 SLICE_FMT(p->name), SLICE_FMT(m.id));
    }
    return OK;
}

/* What a turn may do yet. */
struct allowance {
    size_t messages; /* for one pipe, like the next */
    size_t starts;
    size_t *bytes; /* for all: of messages */
};

static void spend(size_t *left, size_t n)
{
    *left -= n < *left ? n : *left;
}

static bool may_receive(const struct allowance *left)
{
    return left->messages > 0 && *left->bytes > 0;
}

/* Receive until a batch is full, or there is nothing. A message is hidden for its queue's
 * visibility timeout from when its batch starts at the latest: one that waits out a window longer
 * than that would come back before it has ever been tried. */
static enum err_code gather(struct ledger *l,
                            struct ledger_pipe *p,
                            struct ledger_queue *q,
                            struct allowance *left,
                            bool *more,
                            struct err *err)
{
    struct ledger_received *got = ARENA_ARRAY(&l->arena, RECEIVE_MOST, struct ledger_received);
    int64_t visibility_ms =
        (int64_t)q->row.attributes.visibility_s * 1000 + p->parameters.window_ms;
    enum err_code rc = OK;
    size_t wants;

    while (rc == OK && *more && may_receive(left) && ledger_accepts(l) &&
           (wants = pipe_wants(p->core)) != 0) {
        size_t count = 0;

        wants = wants < RECEIVE_MOST ? wants : RECEIVE_MOST;
        rc = ledger_queue_receive(l, q, wants, visibility_ms, got, &count, err);
        if (rc == ERR_QUEUE_FULL) {
            rc = OK;
        }
        for (size_t i = 0; rc == OK && i < count; i++) {
            rc = take_message(l, p, q, &got[i], err);
            spend(left->bytes, got[i].message.body.len + got[i].message.attributes.len);
        }
        spend(&left->messages, count);
        *more = count != 0;
    }
    return rc;
}

/* ---- executions out ---- */

static void remove_item(struct ledger *l, const struct ledger_pipe *p, const struct pipe_item *item)
{
    struct ledger_queue *q = ledger_queue_find(l, p->queue);

    if (q != NULL) {
        (void)ledger_queue_remove(l, q, &item->receipt);
    }
}

static void remove_all(struct ledger *l, const struct ledger_pipe *p, const struct pipe_batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        remove_item(l, p, &b->items[i]);
    }
}

/* Others may have received what was gathered too long ago. */
static void drop_lost(struct ledger *l, struct ledger_queue *q, struct pipe_batch *b)
{
    for (size_t i = b->count; i > 0; i--) {
        if (!ledger_queue_owns(l, q, &b->items[i - 1].receipt)) {
            pipe_drop(b, i - 1);
        }
    }
}

/* The messages of a batch whose run has ended. */
static void take_outcome(struct ledger *l,
                         const struct ledger_pipe *p,
                         const struct pipe_batch *b,
                         const struct execution_header *h)
{
    bool *stays = ARENA_ARRAY(&l->arena, b->count, bool);

    if (h->status != EXECUTION_SUCCEEDED) {
        return;
    }
    pipe_outcome(b, h->output.text, &l->arena, stays);
    for (size_t i = 0; i < b->count; i++) {
        if (!stays[i]) {
            remove_item(l, p, &b->items[i]);
        }
    }
}

static void fly(struct ledger *l, struct ledger_pipe *p, struct pipe_batch *b, uint64_t id)
{
    const struct execution_header *h = ledger_execution_header(l, id);
    struct flight *f;

    if (h != NULL && h->status != EXECUTION_RUNNING) {
        take_outcome(l, p, b, h); /* within its first step */
        pipe_end(p->core, b);
        return;
    }
    f = mem_zalloc(1, sizeof(*f));
    f->pipe = p;
    f->batch = b;
    b->user = f;
    hash_insert(&l->pipe_flights, &f->by_run, hash_u64(id));
    pipe_fly(p->core, b, id);
}

static void flight_end(struct ledger *l, struct flight *f)
{
    hash_remove(&l->pipe_flights, &f->by_run);
    pipe_end(f->pipe->core, f->batch);
    mem_free(f);
}

void pipe_flights_free(struct ledger *l, struct ledger_pipe *p)
{
    struct pipe_batch *b;

    while ((b = pipe_flying(p->core)) != NULL) {
        flight_end(l, b->user);
    }
}

void pipe_run_ended(struct ledger *l, const struct execution_header *h)
{
    HASH_EACH_MATCH(n, &l->pipe_flights, hash_u64(h->id))
    {
        struct flight *f = container_of(n, struct flight, by_run);

        if (f->batch->run == h->id) {
            l->figures.pipe_failures += h->status != EXECUTION_SUCCEEDED ? 1 : 0;
            take_outcome(l, f->pipe, f->batch, h);
            pipe_wake(l, f->pipe);
            flight_end(l, f);
            return;
        }
    }
}

/* Those at its head that an execution is called after have had their turn, and go; one of Express
 * is found by no name. */
static enum err_code
drop_started(struct ledger *l, struct ledger_pipe *p, struct pipe_batch *b, struct err *err)
{
    const struct ledger_machine *m = target_of(l, p);
    enum err_code rc = OK;
    uint64_t id;

    if (!pipe_settings(p->core)->named || m->express) {
        return OK;
    }
    while (b->count != 0 && rc == OK) {
        rc = ledger_execution_find(l, m, uuid_text(l, b->items[0].id), &id, err);
        if (rc == OK) {
            remove_item(l, p, &b->items[0]);
            pipe_drop(b, 0);
        }
    }
    return rc == ERR_NOT_FOUND ? OK : rc;
}

static void start_of(struct ledger *l,
                     struct ledger_pipe *p,
                     const struct pipe_batch *b,
                     struct ledger_start *s)
{
    bool named = pipe_settings(p->core)->named;
    const struct version *version = NULL;
    const struct alias *alias = NULL;

    *s = (struct ledger_start){
        .machine = target_of(l, p),
        .name = named ? uuid_text(l, b->items[0].id) : ledger_uuid(l),
        .input = pipe_batch_input(b, &l->arena),
        .synchronous = p->parameters.waits,
    };
    (void)ledger_qualified(s->machine, p->qualifier, &version, &alias); /* problem_of() */
    ledger_start_route(l, version, alias, s);
    s->arn = ledger_start_arn(l, s);
}

/* Start what a batch is for: with FIRE_AND_FORGET its messages go in the same batch of rows. */
static void start_batch(struct ledger *l, struct ledger_pipe *p, struct pipe_batch *b, bool *full)
{
    struct ledger_start s;
    struct err why;
    uint64_t id;
    enum err_code rc;

    start_of(l, p, b, &s);
    rc = ledger_start(l, &s, &id, &why);
    if (rc == ERR_EXECUTION_LIMIT) {
        pipe_put_back(p->core, b);
        *full = true;
        return;
    }
    l->figures.pipe_starts += rc == OK ? 1 : 0;
    l->figures.pipe_failures += rc != OK ? 1 : 0;
    if (rc == OK && s.synchronous) {
        fly(l, p, b, id);
        return;
    }
    if (rc == OK) {
        remove_all(l, p, b);
    } else {
        log_warn("a pipe could not start an execution: pipe=%.*s: %s", SLICE_FMT(p->name), why.msg);
    }
    pipe_end(p->core, b);
}

static enum err_code start_due(struct ledger *l,
                               struct ledger_pipe *p,
                               struct ledger_queue *q,
                               struct allowance *left,
                               bool *full,
                               struct err *err)
{
    enum err_code rc = OK;
    struct pipe_batch *b;

    while (rc == OK && left->starts > 0 && !*full && ledger_accepts(l) &&
           (b = pipe_next(p->core, l->now.wall_ms)) != NULL) {
        drop_lost(l, q, b);
        rc = drop_started(l, p, b, err);
        if (rc != OK || b->count == 0) {
            pipe_end(p->core, b);
            continue;
        }
        left->starts--;
        start_batch(l, p, b, full);
    }
    return rc;
}

/* ---- a turn ---- */

/* When it is looked at next, if nothing happens. */
static void set_time(struct ledger *l, struct ledger_pipe *p, bool full)
{
    int64_t due_ms = full ? l->now.wall_ms + FULL_AGAIN_MS : pipe_due_ms(p->core);

    if (due_ms == INT64_MAX) {
        heap_remove(&l->pipes_due, &p->due);
    } else {
        heap_set(&l->pipes_due, &p->due, due_ms);
    }
}

static enum err_code move_messages(struct ledger *l,
                                   struct ledger_pipe *p,
                                   struct ledger_queue *q,
                                   size_t *bytes,
                                   struct err *err)
{
    struct allowance left = {LIMIT_PIPE_MESSAGES_A_TURN, LIMIT_PIPE_STARTS_A_TURN, bytes};
    struct pipe_settings s = pipe_settings_of(l, p);
    enum err_code rc = OK;
    bool more = true;
    bool full = false;

    if (s.named != pipe_settings(p->core)->named) {
        pipe_set(p->core, &s);
    }
    while (rc == OK && more && !full && may_receive(&left) && left.starts > 0 &&
           ledger_accepts(l)) {
        rc = gather(l, p, q, &left, &more, err);
        if (rc == OK) {
            rc = start_due(l, p, q, &left, &full, err);
        }
        more = more && pipe_wants(p->core) != 0;
    }
    list_remove(&p->ready); /* what was done here has touched the queue */
    more = more || (queue_is_ready(q->core) && pipe_wants(p->core) != 0);
    if (!full && (more || pipe_is_due(p->core, l->now.wall_ms))) {
        pipe_wake(l, p); /* the rest in the next turn */
    }
    set_time(l, p, full);
    return rc;
}

static enum err_code go(struct ledger *l, struct ledger_pipe *p, size_t *bytes, struct err *err)
{
    struct ledger_queue *q = ledger_queue_find(l, p->queue);

    settle(l, p);
    if (pipe_is_over(p->core)) {
        pipe_forget(l, p);
        return OK;
    }
    if (pipe_state(p->core) != PIPE_RUNNING) {
        list_remove(&p->of_queue);
        set_time(l, p, false);
        return OK;
    }
    if (list_empty(&p->of_queue)) {
        list_push_back(&q->pipes, &p->of_queue);
    }
    return move_messages(l, p, q, bytes, err);
}

enum err_code pipes_run(struct ledger *l, struct err *err)
{
    size_t bytes = LIMIT_PIPE_BYTES_A_TURN;
    enum err_code rc = OK;
    struct heap_node *due;
    struct list ready;
    struct list *n;

    if (l->is_short) {
        return OK; /* messages wait in their queues */
    }
    while ((due = heap_min(&l->pipes_due)) != NULL && due->key <= l->now.wall_ms) {
        struct ledger_pipe *p = container_of(due, struct ledger_pipe, due);

        heap_remove(&l->pipes_due, due);
        pipe_wake(l, p);
    }
    list_init(&ready);
    list_splice(&ready, &l->pipes_ready);
    while (rc == OK && bytes > 0 && ledger_accepts(l) && (n = list_pop_front(&ready)) != NULL) {
        rc = go(l, container_of(n, struct ledger_pipe, ready), &bytes, err);
    }
    list_splice(&ready, &l->pipes_ready); /* those not reached go first next time */
    list_splice(&l->pipes_ready, &ready);
    return rc;
}

int64_t pipes_wait_ms(const struct ledger *l, struct fleet_now now)
{
    const struct heap_node *due = heap_min(&l->pipes_due);

    if (l->is_short) {
        return INT64_MAX;
    }
    if (!list_empty(&l->pipes_ready)) {
        return 0;
    }
    return due != NULL ? due->key - now.wall_ms : INT64_MAX;
}
