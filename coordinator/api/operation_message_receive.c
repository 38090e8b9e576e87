/* SPDX-License-Identifier: Apache-2.0 */
/* ReceiveMessage, and its long poll.
 *
 *   asked ---there are messages---> answered
 *     '-----> PARKED in the queue's line ---messages come: the one that waits longest gets them
 *               '---its time is over: an empty answer; the queue goes; its client goes: nothing
 *                   was received
 *
 * Source: Amazon SQS API Reference. */
#include <string.h>

#include "coordinator/api/operation_queue.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum { TOLD_MAX = 9 };

/* What a call asked for; a parked one's is its own. */
struct wanted {
    size_t most;
    int64_t visibility_ms;
    char **told; /* names */
    size_t told_count;
    char **attributes;
    size_t attribute_count;
    struct slice attempt; /* empty: none */
};

struct message_poll {
    struct ledger_queue *queue;
    struct wanted wanted; /* in `arena` */
    struct arena arena;
};

/* Calls that wait for messages of one queue (ledger_queue.user); gone with its last call. */
struct poll_line {
    struct list calls;
    size_t count;
};

/* ---- what is told of a message ---- */

static bool is_named(char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], "All") == 0 || strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

struct telling {
    struct arena *a;
    const struct wanted *w;
    Stepfleet__Message *out;
};

static void tell(const struct telling *t, const char *name, struct slice value)
{
    if (value.len != 0 && is_named(t->w->told, t->w->told_count, name)) {
        tag_push(t->a, t->out->told, &t->out->n_told, name, value);
    }
}

static struct slice number_text(const struct telling *t, int64_t v)
{
    return arena_printf(t->a, "%lld", (long long)v);
}

static void tell_all(struct api *api,
                     const struct ledger_queue *q,
                     const struct ledger_received *r,
                     const struct telling *t)
{
    const struct ledger_queue *source =
        r->message.source.len != 0 ? ledger_queue_find(api->ledger, r->message.source) : NULL;

    t->out->told = ARENA_ARRAY(t->a, TOLD_MAX, Stepfleet__Tag *);
    tell(t, "SenderId", r->message.sender);
    tell(t, "SentTimestamp", number_text(t, r->message.sent_ms));
    tell(t, "ApproximateReceiveCount", number_text(t, (int64_t)r->state.count));
    tell(t, "ApproximateFirstReceiveTimestamp", number_text(t, r->state.first_ms));
    tell(t, "MessageGroupId", r->message.group);
    tell(t, "MessageDeduplicationId", r->message.dedup);
    tell(t, "AWSTraceHeader", r->message.trace);
    if (q->row.attributes.fifo) {
        tell(t, "SequenceNumber", slice_str(message_sequence(r->state.place.number, t->a)));
    }
    if (source != NULL) {
        tell(t, "DeadLetterQueueSourceArn", source->arn);
    }
}

/* "All", ".*", "prefix.*", or the name itself. */
static bool is_wanted(const struct wanted *w, struct slice name)
{
    for (size_t i = 0; i < w->attribute_count; i++) {
        struct slice asked = slice_str(w->attributes[i]);

        if (slice_eq_str(asked, "All") || slice_eq(asked, name)) {
            return true;
        }
        if (slice_ends_with(asked, SLICE(".*")) &&
            slice_starts_with(name, slice_head(asked, asked.len - 2))) {
            return true;
        }
    }
    return false;
}

static enum err_code
tell_attributes(const struct ledger_received *r, const struct telling *t, struct err *err)
{
    struct message_attribute *items;
    size_t count;
    size_t n = 0;
    enum err_code rc;

    if (r->message.attributes.len == 0 || t->w->attribute_count == 0) {
        return OK;
    }
    rc = message_attributes_decode(r->message.attributes, t->a, &items, &count, err);
    if (rc != OK) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_wanted(t->w, items[i].name)) {
            items[n++] = items[i];
        }
    }
    t->out->attributes = message_bytes(message_attributes_json(items, n, t->a));
    t->out->attributes_md5 = message_attributes_md5(items, n, t->a);
    return OK;
}

static enum err_code message_of(struct api *api,
                                const struct ledger_queue *q,
                                const struct ledger_received *r,
                                const struct wanted *w,
                                Stepfleet__Message **out,
                                struct err *err)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    struct telling t = {a, w, arena_alloc(a, sizeof(**out))};

    stepfleet__message__init(t.out);
    t.out->message = message_uuid(r->message.id, a);
    t.out->receipt = arena_str(a, r->handle);
    t.out->body = message_bytes(r->message.body);
    t.out->body_md5 = message_body_md5(&r->message, a);
    tell_all(api, q, r, &t);
    *out = t.out;
    return tell_attributes(r, &t, err);
}

/* ---- one receive ---- */

static enum err_code receive(struct api *api,
                             struct ledger_queue *q,
                             const struct wanted *w,
                             Stepfleet__MessageReceiveReply *out,
                             struct err *err)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    struct ledger_received *got = ARENA_ARRAY(a, w->most, struct ledger_received);
    size_t count;
    enum err_code rc =
        w->attempt.len == 0
            ? ledger_queue_receive(api->ledger, q, w->most, w->visibility_ms, got, &count, err)
            : ledger_queue_attempt(api->ledger, q, w->attempt, w->most, w->visibility_ms, got,
                                   &count, err);

    out->messages = ARENA_ARRAY(a, w->most, Stepfleet__Message *);
    for (size_t i = 0; i < count && rc == OK; i++) {
        rc = message_of(api, q, &got[i], w, &out->messages[out->n_messages++], err);
    }
    return rc;
}

/* ---- the long poll ---- */

static void poll_leave(struct call *c)
{
    struct message_poll *p = c->messages;
    struct poll_line *line = p->queue->user;

    call_unpark(c);
    list_remove(&c->link);
    c->api->polling -= call_holds_context(c);
    if (--line->count == 0) {
        p->queue->user = NULL;
        mem_free(line);
    }
    c->messages = NULL;
    arena_fini(&p->arena);
    mem_free(p);
}

static void poll_expired(struct call *c)
{
    Stepfleet__MessageReceiveReply r = STEPFLEET__MESSAGE_RECEIVE_REPLY__INIT;

    poll_leave(c);
    c->reply(c, &r.base);
}

static void poll_gone(struct call *c)
{
    poll_leave(c);
    call_fail(c, ERR_UNAVAILABLE, "the coordinator is stopping");
}

/* False: there was nothing, and it waits on. */
static bool poll_answer(struct call *c)
{
    Stepfleet__MessageReceiveReply r = STEPFLEET__MESSAGE_RECEIVE_REPLY__INIT;
    struct err err;
    enum err_code rc = receive(c->api, c->messages->queue, &c->messages->wanted, &r, &err);

    if (rc == OK && r.n_messages == 0) {
        return false;
    }
    poll_leave(c);
    if (rc == OK) {
        c->reply(c, &r.base);
    } else {
        c->fail(c, rc, &err);
    }
    return true;
}

/* Those that are not reached are told in the next turn: what is received touches the queue. */
void api_queue_ready(struct api *api, struct ledger_queue *q)
{
    for (unsigned n = 0;
         n < LIMIT_QUEUE_ANSWERS_A_TURN && q->user != NULL && ledger_accepts(api->ledger); n++) {
        struct poll_line *line = q->user;

        if (!poll_answer(container_of(line->calls.next, struct call, link))) {
            return;
        }
    }
}

void message_polls_end(struct api *api, struct ledger_queue *q)
{
    (void)api;
    while (q->user != NULL) {
        struct poll_line *line = q->user;
        struct call *c = container_of(line->calls.next, struct call, link);

        poll_leave(c);
        call_fail(c, ERR_QUEUE_DOES_NOT_EXIST, "The specified queue does not exist.");
    }
}

static char **copy_names(struct arena *a, char *const *names, size_t count)
{
    char **copy = ARENA_ARRAY(a, count + 1, char *);

    for (size_t i = 0; i < count; i++) {
        copy[i] = arena_str(a, slice_str(names[i]));
    }
    return copy;
}

static void
poll_park(struct call *c, struct ledger_queue *q, const struct wanted *w, int64_t for_ms)
{
    struct poll_line *line = q->user;
    struct message_poll *p = mem_zalloc(1, sizeof(*p));

    if (line == NULL) {
        line = q->user = mem_zalloc(1, sizeof(*line));
        list_init(&line->calls);
    }
    p->queue = q;
    p->wanted = *w;
    p->wanted.told = copy_names(&p->arena, w->told, w->told_count);
    p->wanted.attributes = copy_names(&p->arena, w->attributes, w->attribute_count);
    p->wanted.attempt = arena_copy(&p->arena, w->attempt);
    c->messages = p;
    list_push_back(&line->calls, &c->link);
    line->count++;
    c->api->polling += call_holds_context(c);
    call_park(c, for_ms, poll_expired, poll_gone);
    ledger_queue_waits(c->api->ledger, q);
}

/* May one more call be parked? */
static bool has_room(const struct call *c, const struct ledger_queue *q)
{
    const struct poll_line *line = q->user;

    return !c->api->stopping && (line == NULL || line->count < LIMIT_QUEUE_POLLS) &&
           (!call_holds_context(c) || c->api->polling < LIMIT_POLLS);
}

/* ---- the operation ---- */

static enum err_code
check_between(int32_t value, int32_t min, int32_t max, const char *name, struct err *err)
{
    return value >= min && value <= max
               ? OK
               : err_set(err, ERR_QUEUE_PARAMETER,
                         "Value %d for parameter %s is invalid. Reason: Must be between %d and %d, "
                         "if provided.",
                         value, name, min, max);
}

/* Of FIFO queues alone, and as their other ids. */
static enum err_code check_attempt(const char *id, const struct ledger_queue *q, struct err *err)
{
    if (id[0] != '\0' && !q->row.attributes.fifo) {
        return message_not_for_type(id, "ReceiveRequestAttemptId", err);
    }
    return queue_is_message_id(slice_str(id))
               ? OK
               : err_set(err, ERR_QUEUE_PARAMETER,
                         "Value %.200s for parameter ReceiveRequestAttemptId is invalid. Reason: "
                         "ReceiveRequestAttemptId can only include alphanumeric and punctuation "
                         "characters. 1 to 128 in length.",
                         id);
}

static enum err_code
check(const Stepfleet__MessageReceiveRequest *q, const struct ledger_queue *queue, struct err *err)
{
    enum err_code rc = check_attempt(q->attempt, queue, err);

    if (rc == OK && q->has_max) {
        rc = check_between(q->max, 1, LIMIT_QUEUE_BATCH, "MaxNumberOfMessages", err);
    }
    if (rc == OK && q->has_visibility_s) {
        rc = check_between(q->visibility_s, 0, LIMIT_QUEUE_VISIBILITY_S, "VisibilityTimeout", err);
    }
    if (rc == OK && q->has_wait_s && (q->wait_s < 0 || q->wait_s > LIMIT_QUEUE_WAIT_S)) {
        rc = err_set(err, ERR_QUEUE_PARAMETER,
                     "Value %d for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and "
                     "<= %d, if provided.",
                     q->wait_s, LIMIT_QUEUE_WAIT_S);
    }
    return rc;
}

/* The names of both lists are one: the older one is as good. */
static struct wanted
wanted_of(const Stepfleet__MessageReceiveRequest *m, const struct ledger_queue *q, struct arena *a)
{
    uint32_t visibility_s =
        m->has_visibility_s ? (uint32_t)m->visibility_s : q->row.attributes.visibility_s;
    struct wanted w = {
        .most = m->has_max ? (size_t)m->max : 1,
        .visibility_ms = (int64_t)visibility_s * 1000,
        .told = ARENA_ARRAY(a, m->n_names + m->n_system_names + 1, char *),
        .told_count = m->n_names + m->n_system_names,
        .attributes = m->attribute_names,
        .attribute_count = m->n_attribute_names,
        .attempt = slice_str(m->attempt),
    };

    for (size_t i = 0; i < m->n_names; i++) {
        w.told[i] = m->names[i];
    }
    for (size_t i = 0; i < m->n_system_names; i++) {
        w.told[m->n_names + i] = m->system_names[i];
    }
    return w;
}

void operation_MESSAGE_RECEIVE(struct call *c)
{
    const Stepfleet__MessageReceiveRequest *m = (const void *)c->request;
    Stepfleet__MessageReceiveReply r = STEPFLEET__MESSAGE_RECEIVE_REPLY__INIT;
    struct ledger_queue *q;
    struct wanted w;
    int64_t wait_s;
    struct err err;
    enum err_code rc = find_queue(c->api, m->queue, &q, &err);

    if (rc == OK) {
        rc = check(m, q, &err);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    w = wanted_of(m, q, ledger_turn_arena(c->api->ledger));
    wait_s = m->has_wait_s ? m->wait_s : (int64_t)q->row.attributes.wait_s;
    if (q->user == NULL) { /* else others have waited for longer */
        rc = receive(c->api, q, &w, &r, &err);
    }
    if (rc != OK && !(rc == ERR_QUEUE_FULL && wait_s != 0)) { /* a long poll waits that out */
        c->fail(c, rc, &err);
    } else if (r.n_messages == 0 && wait_s != 0 && has_room(c, q)) {
        poll_park(c, q, &w, wait_s * 1000);
    } else {
        c->reply(c, &r.base);
    }
}
