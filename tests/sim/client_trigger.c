/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that make queues, topics, pipes and rules, send and publish messages, receive them and
 * deal with them in every way there is. Sends are asked again until they are answered; receives are
 * not, nor always deletions. */
#include <stdio.h>

#include "tests/sim/errand.h"
#include "tests/sim/trigger.h"

enum {
    MESSAGE_TIMEOUT_US = 5 * SIM_SECOND,
    RECEIVE_TIMEOUT_US = 40 * SIM_SECOND,
    RECEIVERS = 2, /* of each queue that clients receive from */
    GROUPS = 3,
};

#define ACCOUNT  "000000000042"
#define SQS(q)   arena_printf(&s->clients->arena, "arn:aws:sqs:us-east-1:" ACCOUNT ":%s", (q)->name)
#define MACHINE_ "arn:aws:states:us-east-1:" ACCOUNT ":stateMachine:"

static uint64_t below(struct sim *s, uint64_t n)
{
    return sim_below(s, CHANCE_TRIGGER, n);
}

static struct sim_node *any_client(struct sim *s)
{
    return &s->client_nodes[below(s, s->options.clients)];
}

static struct arena *memory(struct sim *s)
{
    return &s->clients->arena;
}

Stepfleet__Tag *trigger_tag(struct arena *a, const char *key, struct slice value)
{
    Stepfleet__Tag *t = arena_alloc(a, sizeof(*t));

    stepfleet__tag__init(t);
    t->key = message_string(a, slice_str(key));
    t->value = message_string(a, value);
    return t;
}

/* ---- what is made ---- */

static void made(struct errand *x, enum err_code rc, const void *reply)
{
    (void)reply;
    if (rc != OK && rc != ERR_CONFLICT) { /* a pipe was made by the request before */
        errand_refused(x);
    }
    x->sim->triggers->made++;
    x->sim->triggers->ready(x->sim);
}

static void make(struct sim *s, enum rpc method, const ProtobufCMessage *m)
{
    errand_send(s, errand_new(s, &s->client_nodes[0], method, m, made));
}

static void
put_number(struct sim *s, Stepfleet__QueueCreateRequest *m, const char *key, unsigned value)
{
    m->attributes[m->n_attributes++] =
        trigger_tag(memory(s), key, arena_printf(memory(s), "%u", value));
}

static void make_queue(struct sim *s, const struct sim_queue *q)
{
    Stepfleet__QueueCreateRequest *m = client_keep(s, sizeof(*m));

    stepfleet__queue_create_request__init(m);
    m->name = client_text(s, slice_str(q->name));
    m->attributes = ARENA_ARRAY(memory(s), 8, Stepfleet__Tag *);
    put_number(s, m, "VisibilityTimeout", q->visibility_s);
    put_number(s, m, "DelaySeconds", q->delay_s);
    if (q->retention_s != 0) {
        put_number(s, m, "MessageRetentionPeriod", q->retention_s);
    }
    if (q->fifo) {
        m->attributes[m->n_attributes++] = trigger_tag(memory(s), "FifoQueue", SLICE("true"));
    }
    if (q->by_content) {
        m->attributes[m->n_attributes++] =
            trigger_tag(memory(s), "ContentBasedDeduplication", SLICE("true"));
    }
    if (q->dead != NULL) {
        m->attributes[m->n_attributes++] = trigger_tag(
            memory(s), "RedrivePolicy",
            arena_printf(memory(s), "{\"deadLetterTargetArn\":\"%.*s\",\"maxReceiveCount\":%u}",
                         SLICE_FMT(SQS(q->dead)), q->receives));
    }
    make(s, RPC_QUEUE_CREATE, &m->base);
}

#define WHERE_FIRST(member, value)                                                                 \
    "{\"Variable\":\"$[0]." member "\",\"StringEquals\":\"" value "\"}"

static const struct {
    const char *name;
    bool express;
    const char *definition;
} machines[] = {
    {"ps", false,
     "{\"StartAt\":\"Look\",\"States\":{\"Look\":{\"Type\":\"Choice\",\"Default\":\"Good\","
     "\"Choices\":["
     "{\"Variable\":\"$[0].f\",\"StringEquals\":\"always\",\"Next\":\"Bad\"},"
     "{\"Variable\":\"$[0].f\",\"StringEquals\":\"slow\",\"Next\":\"Slow\"}]},"
     "\"Bad\":{\"Type\":\"Fail\",\"Error\":\"Bad\"},"
     "\"Slow\":{\"Type\":\"Wait\",\"Seconds\":3,\"Next\":\"Good\"},"
     "\"Good\":{\"Type\":\"Pass\",\"End\":true}}}"},
    {"noted", false, "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}"},
    {"tick", false, "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}"},
    {"px", true,
     "{\"StartAt\":\"Look\",\"States\":{\"Look\":{\"Type\":\"Choice\",\"Default\":\"Good\","
     "\"Choices\":["
     "{\"Variable\":\"$[0].f\",\"StringEquals\":\"always\",\"Next\":\"Bad\"},"
     "{\"And\":[" WHERE_FIRST("f", "once") "," WHERE_FIRST(
         "count",
         "1") "],\"Next\":\"Bad\"},"
              "{\"And\":[" WHERE_FIRST("f", "partly") "," WHERE_FIRST(
                  "count",
                  "1") "],\"Next\":\"Partly\"},"
                       "{\"Variable\":\"$[0].f\",\"StringEquals\":\"slow\",\"Next\":\"Slow\"}]},"
                       "\"Bad\":{\"Type\":\"Fail\",\"Error\":\"Bad\"},"
                       "\"Partly\":{\"Type\":\"Pass\",\"End\":true,\"Parameters\":{\"all.$\":\"$\","
                       "\"batchItemFailures\":[{\"itemIdentifier.$\":\"$[0].id\"}]}},"
                       "\"Slow\":{\"Type\":\"Wait\",\"Seconds\":3,\"Next\":\"Good\"},"
                       "\"Good\":{\"Type\":\"Succeed\"}}}"},
};

static void make_topic(struct sim *s)
{
    Stepfleet__TopicCreateRequest *m = client_keep(s, sizeof(*m));

    stepfleet__topic_create_request__init(m);
    m->name = client_text(s, SLICE("news"));
    make(s, RPC_TOPIC_CREATE, &m->base);
}

static char *topic_arn(struct sim *s)
{
    return client_text(s, SLICE("arn:aws:sns:us-east-1:" ACCOUNT ":news"));
}

static void make_subscription(struct sim *s, const struct sim_queue *q)
{
    Stepfleet__SubscribeRequest *m = client_keep(s, sizeof(*m));

    stepfleet__subscribe_request__init(m);
    m->topic = topic_arn(s);
    m->protocol = client_text(s, SLICE("sqs"));
    m->queue = client_text(s, SQS(q));
    m->attributes = ARENA_ARRAY(memory(s), 1, Stepfleet__Tag *);
    m->attributes[m->n_attributes++] = trigger_tag(memory(s), "RawMessageDelivery", SLICE("true"));
    make(s, RPC_SUBSCRIBE, &m->base);
}

/* What a message is to its run: its number, how it fails, its receive count, its id. */
#define TEMPLATE                                                                                   \
    "{\\\"m\\\": <$.body.m>, \\\"f\\\": <$.body.f>, \\\"id\\\": <$.messageId>, "                   \
    "\\\"count\\\": <$.attributes.ApproximateReceiveCount>}"

static void make_pipe(struct sim *s, unsigned n)
{
    const struct sim_triggers *t = s->triggers;
    Stepfleet__PipeCreateRequest *m = client_keep(s, sizeof(*m));
    bool express = n == 1;

    stepfleet__pipe_create_request__init(m);
    m->name = client_text(s, express ? SLICE("to-px") : SLICE("to-ps"));
    m->source = client_text(s, SQS(&t->queues[QUEUE_OF_STANDARD + n]));
    m->target = client_text(s, express ? SLICE(MACHINE_ "px") : SLICE(MACHINE_ "ps"));
    m->role_arn = client_text(s, SLICE("arn:aws:iam::" ACCOUNT ":role/pipe"));
    m->source_parameters = message_bytes(arena_printf(
        memory(s),
        "{\"SqsQueueParameters\":{\"BatchSize\":%u,\"MaximumBatchingWindowInSeconds\":%u}}",
        t->batches[n], t->windows[n]));
    m->target_parameters = message_bytes(
        arena_printf(memory(s),
                     "{\"InputTemplate\":\"" TEMPLATE "\",\"StepFunctionStateMachineParameters\":"
                     "{\"InvocationType\":\"%s\"}}",
                     express ? "REQUEST_RESPONSE" : "FIRE_AND_FORGET"));
    if (!express && t->named) {
        m->tags = ARENA_ARRAY(memory(s), 1, Stepfleet__Tag *);
        m->tags[m->n_tags++] =
            trigger_tag(memory(s), "stepfleet:execution-name", SLICE("message-id"));
    }
    make(s, RPC_PIPE_CREATE, &m->base);
}

static void make_rule(struct sim *s, const char *name, const char *expression, const char *pattern)
{
    Stepfleet__RulePutRequest *m = client_keep(s, sizeof(*m));

    stepfleet__rule_put_request__init(m);
    m->name = client_text(s, slice_str(name));
    m->expression = client_text(s, slice_str(expression));
    m->pattern = client_text(s, slice_str(pattern));
    make(s, RPC_RULE_PUT, &m->base);
}

static void make_targets(struct sim *s, const char *rule, const struct slice *arns, unsigned count)
{
    Stepfleet__RuleTargetsRequest *m = client_keep(s, sizeof(*m));

    stepfleet__rule_targets_request__init(m);
    m->rule = client_text(s, slice_str(rule));
    m->targets = ARENA_ARRAY(memory(s), count, Stepfleet__RuleTarget *);
    for (unsigned i = 0; i < count; i++) {
        Stepfleet__RuleTarget *t = client_keep(s, sizeof(*t));

        stepfleet__rule_target__init(t);
        t->id = client_text(s, arena_printf(memory(s), "t%u", i));
        t->arn = client_text(s, arns[i]);
        if (slice_ends_with(arns[i], SLICE(".fifo"))) {
            t->queue = message_bytes(SLICE("{\"MessageGroupId\":\"g\"}"));
        }
        m->targets[m->n_targets++] = t;
    }
    make(s, RPC_RULE_TARGETS_PUT, &m->base);
}

static void make_ticking(struct sim *s, const struct sim_rule *r)
{
    const struct slice arns[] = {SLICE_INIT(MACHINE_ "tick"), SLICE_INIT(MACHINE_ "tick")};

    make_targets(s, r->name, arns, r->targets);
}

static void make_listening(struct sim *s, const struct sim_listener *r)
{
    struct slice arns[3] = {SQS(&s->triggers->event_queues[EVENT_QUEUE])};
    unsigned count = 1;

    if (r->starts) {
        arns[count++] = SLICE(MACHINE_ "noted");
    }
    if (r->lines) {
        arns[count++] = SQS(&s->triggers->event_queues[EVENT_LINE]);
    }
    make_targets(s, r->name, arns, count);
}

/* False: all is there. */
static bool make_rules(struct sim *s, unsigned n)
{
    const struct sim_triggers *t = s->triggers;

    if (n < SIM_RULES) {
        make_rule(s, t->rules[n].name, t->rules[n].expression, "");
    } else if ((n -= SIM_RULES) < SIM_RULES) {
        make_ticking(s, &t->rules[n]);
    } else if ((n -= SIM_RULES) < SIM_LISTENERS) {
        make_rule(s, t->listeners[n].name, "", t->listeners[n].pattern);
    } else if ((n -= SIM_LISTENERS) < SIM_LISTENERS) {
        make_listening(s, &t->listeners[n]);
    } else {
        return false;
    }
    return true;
}

static void make_machine_of(struct sim *s, unsigned n)
{
    send_machine(s, machines[n].name, machines[n].express, slice_str(machines[n].definition), made,
                 0);
}

bool client_make_trigger(struct sim *s, void (*ready)(struct sim *s))
{
    enum { MACHINES = sizeof(machines) / sizeof(machines[0]) };
    struct sim_triggers *t = s->triggers;
    unsigned n = t != NULL ? t->made : 0;

    if (t == NULL) {
        return false;
    }
    t->ready = ready;
    if (n < SIM_QUEUES) {
        make_queue(s, &t->queues[n]);
    } else if ((n -= SIM_QUEUES) < SIM_EVENT_QUEUES) {
        make_queue(s, &t->event_queues[n]);
    } else if ((n -= SIM_EVENT_QUEUES) < MACHINES) {
        make_machine_of(s, n);
    } else if ((n -= MACHINES) == 0) {
        make_topic(s);
    } else if (n == 1) {
        make_subscription(s, &t->queues[QUEUE_OF_PLAIN]);
    } else if (n == 2) { /* again, where there is no other */
        make_subscription(s, &t->queues[t->queues[QUEUE_OF_STANDARD].subscribed ? QUEUE_OF_STANDARD
                                                                                : QUEUE_OF_PLAIN]);
    } else if ((n -= 3) < 2) {
        make_pipe(s, n);
    } else {
        return make_rules(s, n - 2);
    }
    return true;
}

/* ---- sending ---- */

static struct slice body_of(struct sim *s, const struct sim_parcel *p)
{
    return arena_printf(memory(s), "{\"m\":\"%u\",\"f\":\"%s\"}",
                        (unsigned)(p - s->triggers->parcels), p->fails);
}

static void was_sent(struct errand *x, enum err_code rc, const void *reply)
{
    const Stepfleet__MessageSendReply *r = reply;
    struct sim *s = x->sim;
    struct sim_parcel *p = x->about;
    struct sim_letter *m;

    if (rc != OK) {
        errand_refused(x);
    }
    s->triggers->open--;
    p->told = true;
    m = triggers_letter(s, slice_str(r->message), body_of(s, p), p->queue, true);
    if (!m->told) {
        m->told = true;
        m->told_us = s->now_us;
        (void)snprintf(m->sequence, sizeof(m->sequence), "%s", r->sequence);
    }
    if (strcmp(m->sequence, r->sequence) != 0) {
        sim_violation(s, "%s is number %s, and was %s", m->id, r->sequence, m->sequence);
    }
}

static void was_published(struct errand *x, enum err_code rc, const void *reply)
{
    struct sim_parcel *p = x->about;

    (void)reply;
    if (rc != OK) {
        errand_refused(x);
    }
    x->sim->triggers->open--;
    p->told = true;
}

static struct errand *publish(struct sim *s, struct sim_parcel *p)
{
    Stepfleet__PublishRequest *m = client_keep(s, sizeof(*m));

    stepfleet__publish_request__init(m);
    m->topic = topic_arn(s);
    m->message = message_bytes(body_of(s, p));
    return errand_new(s, any_client(s), RPC_PUBLISH, &m->base, was_published);
}

static struct errand *send_to_queue(struct sim *s, struct sim_parcel *p)
{
    Stepfleet__MessageSendRequest *m = client_keep(s, sizeof(*m));

    stepfleet__message_send_request__init(m);
    m->queue = client_text(s, slice_str(p->queue->name));
    m->body = message_bytes(body_of(s, p));
    if (p->queue->fifo) {
        m->group = client_text(s, arena_printf(memory(s), "g%u", p->group));
        m->dedup =
            client_text(s, arena_printf(memory(s), "d%u", (unsigned)(p - s->triggers->parcels)));
    }
    return errand_new(s, any_client(s), RPC_MESSAGE_SEND, &m->base, was_sent);
}

static void send_parcel(struct sim *s, void *arg)
{
    struct sim_parcel *p = arg;
    struct errand *x = p->queue != NULL ? send_to_queue(s, p) : publish(s, p);

    x->about = p;
    x->timeout_us = MESSAGE_TIMEOUT_US;
    s->triggers->open++;
    errand_send(s, x);
}

static struct sim_parcel *draw_parcel(struct sim *s)
{
    static const char *const fails[] = {"never", "once", "partly", "slow", "always"};
    static const enum sim_queue_of to[] = {
        QUEUE_OF_PLAIN,    QUEUE_OF_PLAIN,    QUEUE_OF_LINE,    QUEUE_OF_LINE,
        QUEUE_OF_STANDARD, QUEUE_OF_STANDARD, QUEUE_OF_EXPRESS, QUEUE_OF_EXPRESS,
    };
    struct sim_triggers *t = s->triggers;
    struct sim_parcel *p = &t->parcels[t->sent++];
    uint64_t of = 0;

    p->queue = below(s, 9) == 0 ? NULL : &t->queues[to[below(s, sizeof(to) / sizeof(to[0]))]];
    p->group = (unsigned)below(s, GROUPS);
    p->asked_us = s->now_us;
    if (p->queue == &t->queues[QUEUE_OF_EXPRESS]) {
        of = below(s, p->queue->dead != NULL ? 5 : 4);
    } else if (p->queue == &t->queues[QUEUE_OF_STANDARD]) {
        of = sim_below(s, CHANCE_EVENT, 5);
    }
    (void)snprintf(p->fails, sizeof(p->fails), "%s", fails[of]);
    return p;
}

/* ---- what is received ---- */

/* Something is done by a receipt. */
struct deed {
    struct sim_letter *letter;
    const struct sim_queue *queue;
    const char *receipt;
    unsigned count; /* that receipt's */
    unsigned visibility_s;
    enum rpc method;
};

static void
deed_done(struct sim *s, void *arg, enum err_code rc, const struct err *err, const void *reply);

static void deed_send(struct sim *s, void *arg)
{
    struct deed *d = arg;
    Stepfleet__MessageRequest m = STEPFLEET__MESSAGE_REQUEST__INIT;

    m.queue = client_text(s, slice_str(d->queue->name));
    m.receipt = client_text(s, slice_str(d->receipt));
    m.visibility_s = (int32_t)d->visibility_s;
    if (d->letter->receipt == d->receipt && d->method == RPC_MESSAGE_DELETE) {
        d->letter->delete_asked = true;
    } else if (d->letter->receipt == d->receipt) {
        d->letter->hidden_ms = 0;
    }
    sim_trace(s, NULL, "%s of %s by receipt %u is asked for", rpc_name(d->method), d->letter->id,
              d->count);
    (void)sim_ask(s, any_client(s), d->method, &m.base, MESSAGE_TIMEOUT_US, deed_done, d);
}

static void
deed_done(struct sim *s, void *arg, enum err_code rc, const struct err *err, const void *reply)
{
    struct deed *d = arg;
    bool late = rc == ERR_QUEUE_PARAMETER || rc == ERR_NOT_IN_FLIGHT; /* its time is over */

    (void)reply;
    sim_trace(s, NULL, "%s of %s is answered %s", rpc_name(d->method), d->letter->id, err_name(rc));
    if (rc != OK && err_retryable(rc)) {
        if (below(s, 2) == 0) {
            sim_after(s, NULL, (int64_t)below(s, 2 * SIM_SECOND), deed_send, d, NULL);
        }
        return;
    }
    if (rc != OK && (!late || (d->method == RPC_MESSAGE_DELETE && !d->queue->fifo))) {
        sim_violation(s, "%s of %s is refused: %s", rpc_name(d->method), d->letter->id, err->msg);
    }
    if (rc == OK && d->method == RPC_MESSAGE_DELETE && d->letter->where == d->queue &&
        d->count >= d->letter->deleted_count) {
        d->letter->deleted_count = d->count;
        d->letter->deleted_us = s->now_us;
    }
}

/* Mostly deleted in time; sometimes late, or given back, or held for longer, or forgotten, or
 * deleted by the receipt that is not valid any more. */
static void deal_with(struct sim *s, const struct sim_receive *r, struct sim_letter *m)
{
    struct deed *d = client_keep(s, sizeof(*d));
    uint64_t what = below(s, 10);

    *d = (struct deed){.letter = m, .queue = r->queue, .receipt = m->receipt, .count = m->count};
    d->method = RPC_MESSAGE_DELETE;
    if (m->old_receipt != NULL && what < 4) {
        d->receipt = m->old_receipt;
        d->count = m->count - 1;
    } else if (what == 8) {
        d->method = RPC_MESSAGE_HIDE;
        d->visibility_s = (unsigned)below(s, 2) * (unsigned)below(s, 30);
    } else if (what > 6) {
        return;
    }
    sim_after(s, NULL, (int64_t)below(s, (uint64_t)r->visibility_ms * SIM_MS * 5 / 4 + 1),
              deed_send, d, NULL);
}

static void receive(struct sim *s, void *arg);

static void receive_answered(struct sim *s,
                             void *arg,
                             enum err_code rc,
                             const struct err *err,
                             const void *reply)
{
    const Stepfleet__MessageReceiveReply *m = reply;
    struct sim_receive *r = arg;
    struct sim_letter *got[10];
    size_t count = 0;

    if (rc != OK && !err_retryable(rc)) {
        sim_violation(s, "a receive of %s is refused: %s", r->queue->name, err->msg);
    }
    if (rc == OK) {
        r->queue->unanswered--;
        for (size_t i = 0; i < m->n_messages; i++) {
            struct sim_letter *one = triggers_received(s, r, m->messages[i]);

            if (one != NULL) {
                got[count++] = one;
            }
        }
        triggers_check_groups(s, r, got, count);
        for (size_t i = 0; i < count; i++) {
            deal_with(s, r, got[i]);
        }
    }
    if (!s->triggers->over) {
        sim_after(s, NULL, (int64_t)below(s, 3 * SIM_SECOND), receive, r->queue, NULL);
    }
}

static void receive(struct sim *s, void *arg)
{
    struct sim_queue *q = arg;
    Stepfleet__MessageReceiveRequest m = STEPFLEET__MESSAGE_RECEIVE_REQUEST__INIT;
    struct sim_receive *r = client_keep(s, sizeof(*r));
    char *all[] = {client_text(s, SLICE("All"))};
    bool own = below(s, 3) == 0;
    unsigned visibility_s = own ? 1 + (unsigned)below(s, 15) : q->visibility_s;

    m.queue = client_text(s, slice_str(q->name));
    m.has_max = m.has_wait_s = true;
    m.max = 1 + (int32_t)below(s, 6);
    m.wait_s = below(s, 2) == 0 ? 0 : (int32_t)below(s, 20);
    m.has_visibility_s = own;
    m.visibility_s = (int32_t)visibility_s;
    m.n_names = 1;
    m.names = all;
    *r = triggers_ask(s, q, (int64_t)visibility_s * 1000);
    (void)sim_ask(s, any_client(s), RPC_MESSAGE_RECEIVE, &m.base, RECEIVE_TIMEOUT_US,
                  receive_answered, r);
}

/* ---- what is done rarely ---- */

/* It has been, where the answer of that was lost. */
static void purged(struct errand *x, enum err_code rc, const void *reply)
{
    struct sim_queue *q = x->about;

    (void)reply;
    if (rc != OK && rc != ERR_QUEUE_PURGING) {
        errand_refused(x);
    }
    x->sim->triggers->open--;
    q->purged_us = x->sim->now_us;
}

static void purge(struct sim *s, struct sim_queue *q)
{
    Stepfleet__QueueRequest *m = client_keep(s, sizeof(*m));
    struct errand *x = errand_new(s, any_client(s), RPC_QUEUE_PURGE, &m->base, purged);

    if (q->purge_us != 0) {
        return;
    }
    stepfleet__queue_request__init(m);
    m->queue = client_text(s, slice_str(q->name));
    x->about = q;
    q->purge_us = s->now_us;
    s->triggers->open++;
    errand_send(s, x);
}

/* One runs already, or has ended; the pipe is in another state. */
static void asked(struct errand *x, enum err_code rc, const void *reply)
{
    (void)reply;
    if (rc != OK && rc != ERR_QUEUE_PARAMETER && rc != ERR_QUEUE_OPERATION && rc != ERR_CONFLICT &&
        rc != ERR_QUEUE_RESOURCE) {
        errand_refused(x);
    }
    x->sim->triggers->open--;
}

static void ask(struct sim *s, enum rpc method, const ProtobufCMessage *m)
{
    s->triggers->open++;
    errand_send(s, errand_new(s, any_client(s), method, m, asked));
}

static void move_begin(struct sim *s, struct sim_queue *dead)
{
    Stepfleet__MoveStartRequest *m = client_keep(s, sizeof(*m));

    stepfleet__move_start_request__init(m);
    m->source = client_text(s, SQS(dead));
    m->has_per_second = below(s, 2) == 0;
    m->per_second = 1;
    dead->move_asked = true;
    ask(s, RPC_MOVE_START, &m->base);
}

static void move_cancel(struct sim *s, const struct sim_queue *dead)
{
    Stepfleet__MoveHandle *m = client_keep(s, sizeof(*m));
    struct slice task =
        arena_printf(memory(s), "{\"taskId\":\"1\",\"sourceArn\":\"%.*s\"}", SLICE_FMT(SQS(dead)));

    stepfleet__move_handle__init(m);
    m->handle = client_text(s, text_base64(task, memory(s)));
    ask(s, RPC_MOVE_CANCEL, &m->base);
}

static void pipe_ask(struct sim *s, enum rpc method, struct slice name)
{
    Stepfleet__PipeRequest *m = client_keep(s, sizeof(*m));

    stepfleet__pipe_request__init(m);
    m->name = client_text(s, name);
    ask(s, method, &m->base);
}

static void pipe_starts(struct sim *s, void *arg)
{
    (void)arg;
    pipe_ask(s, RPC_PIPE_START, SLICE("to-ps"));
    pipe_ask(s, RPC_PIPE_START, SLICE("to-px"));
}

static void pipe_stops(struct sim *s)
{
    pipe_ask(s, RPC_PIPE_STOP, below(s, 2) == 0 ? SLICE("to-ps") : SLICE("to-px"));
    sim_after(s, NULL, (int64_t)below(s, 20 * SIM_SECOND), pipe_starts, NULL, NULL);
}

static void do_something_else(struct sim *s)
{
    struct sim_queue *dead = &s->triggers->queues[below(s, 3) == 0 ? QUEUE_OF_DEAD_FIFO : 0];

    switch (below(s, 80)) {
    case 0: purge(s, &s->triggers->queues[QUEUE_OF_PLAIN]); break;
    case 1:
    case 2: pipe_stops(s); break;
    case 3: move_cancel(s, dead); break;
    case 4:
    case 5:
    case 6:
        if (dead->fifo || below(s, 2) == 0) {
            move_begin(s, dead);
        }
        break;
    default: break;
    }
}

/* ---- a client's life ---- */

static void post_next(struct sim *s, void *arg)
{
    struct sim_triggers *t = s->triggers;
    int64_t every_us = s->options.faults_us / (int64_t)(s->options.messages + 1);
    struct sim_parcel *p;

    (void)arg;
    if (t->sent == s->options.messages) {
        return;
    }
    p = draw_parcel(s);
    send_parcel(s, p);
    if (p->queue != NULL && p->queue->fifo && below(s, 3) == 0) {
        sim_after(s, NULL, (int64_t)below(s, 30 * SIM_SECOND), send_parcel, p, NULL);
    }
    do_something_else(s);
    client_post(s);
    sim_after(s, NULL, s->clients->finishing ? 1 : (int64_t)below(s, 2 * (uint64_t)every_us + 1),
              post_next, NULL, NULL);
}

void client_triggers_begin(struct sim *s)
{
    if (s->triggers == NULL) {
        return;
    }
    for (unsigned i = 0; i < RECEIVERS; i++) {
        receive(s, &s->triggers->queues[QUEUE_OF_PLAIN]);
        receive(s, &s->triggers->queues[QUEUE_OF_LINE]);
    }
    post_next(s, NULL);
}

bool client_triggers_are_done(const struct sim *s)
{
    return s->triggers == NULL ||
           (s->triggers->sent == s->options.messages && s->triggers->open == 0);
}
