/* SPDX-License-Identifier: Apache-2.0 */
/* The network: frames between nodes and the coordinator, lost, late, twice, cut off. Both ways go
 * as bytes, packed and unpacked by the product's own code. A program that ends breaks its
 * connections, which the other end sees; what is cut off sees nothing, and its requests time out.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

struct sim_ask {
    uint64_t number;
    struct hash_node node;
    struct sim_node *from;
    uint64_t life;
    unsigned method;
    sim_answer done;
    void *arg;
};

/* An update that arrives after the next one undoes it, here as with AWS: connections keep the order
 * of one client's requests, and so do these. */
static bool is_ordered(enum rpc method)
{
    return method == RPC_MACHINE_UPDATE;
}

/* A frame under way. */
struct flight {
    uint64_t ask;
    struct sim_node *from;
    uint64_t life;
    struct slice frame; /* ours */
    bool ordered;       /* never arrives when its sender has given it up */
};

static void flight_free(void *arg)
{
    struct flight *f = arg;

    mem_free((void *)(uintptr_t)f->frame.ptr);
    mem_free(f);
}

static struct slice frame_copy(struct slice s)
{
    char *p = mem_alloc(s.len + 1);

    memcpy(p, s.ptr, s.len);
    return slice_make(p, s.len);
}

static struct sim_ask *ask_find(struct sim *s, uint64_t number)
{
    HASH_EACH_MATCH(n, &s->asks, hash_u64(number))
    {
        struct sim_ask *a = container_of(n, struct sim_ask, node);

        if (a->number == number) {
            return a;
        }
    }
    return NULL;
}

void sim_forget(struct sim *s, uint64_t number)
{
    struct sim_ask *a = ask_find(s, number);

    if (a != NULL) {
        hash_remove(&s->asks, &a->node);
        mem_free(a);
    }
}

/* Its last word: the ask is no more when `done` is called, so that it may ask again. */
static void
ask_end(struct sim *s, uint64_t number, enum err_code rc, const struct err *err, const void *reply)
{
    struct sim_ask *a = ask_find(s, number);
    struct sim_ask ended;

    if (a == NULL) {
        return;
    }
    ended = *a;
    sim_forget(s, number);
    if (ended.from->up && ended.from->life == ended.life) {
        ended.done(s, ended.arg, rc, err, reply);
    }
}

/* A failure on its way to the one who asked: a program that stands still sees it later. */
struct failing {
    uint64_t ask;
    struct err err;
};

static void failure_is_seen(struct sim *s, void *arg)
{
    struct failing *f = arg;

    ask_end(s, f->ask, f->err.code, &f->err, NULL);
    mem_free(f);
}

static void ask_fails(struct sim *s, uint64_t number, enum err_code rc, const char *why)
{
    const struct sim_ask *a = ask_find(s, number);
    struct failing *f;

    if (a == NULL) {
        return;
    }
    f = mem_zalloc(1, sizeof(*f));
    f->ask = number;
    (void)err_set(&f->err, rc, "%s", why);
    sim_after(s, a->from, 0, failure_is_seen, f, mem_free);
}

/* ---- answers ---- */

static enum err_code answer_read(const struct sim_ask *a,
                                 struct slice frame,
                                 struct arena *memory,
                                 void **out,
                                 struct err *err)
{
    const Stepfleet__ErrorBody *body;
    struct envelope e;
    enum err_code rc = envelope_decode(frame, &e, err);

    if (rc != OK) {
        return rc;
    }
    if (e.method != a->method || e.request_id != a->number) {
        return err_set(err, ERR_MESSAGE, "the answer is to another request");
    }
    if (e.status != 0) {
        body = message_unpack(&stepfleet__error_body__descriptor, e.body, memory, err);
        return err_set(err, err_from_number(e.status), "%s", body != NULL ? body->message : "?");
    }
    *out = message_unpack(rpc_reply(e.method), e.body, memory, err);
    return *out != NULL ? OK : err->code;
}

static void answer_arrives(struct sim *s, void *arg)
{
    struct flight *f = arg;
    struct sim_ask *a = ask_find(s, f->ask);
    struct arena memory = {0};
    void *reply = NULL;
    struct err err;
    enum err_code rc;

    if (a != NULL && !a->from->cut) {
        rc = answer_read(a, f->frame, &memory, &reply, &err);
        if (rc == ERR_MESSAGE) {
            sim_violation(s, "an answer to %s cannot be read: %s", rpc_name(a->method), err.msg);
        }
        ask_end(s, f->ask, rc, &err, reply);
    }
    arena_fini(&memory);
    flight_free(f);
}

static int64_t latency_us(struct sim *s)
{
    int64_t us = 50 + (int64_t)sim_below(s, CHANCE_NET, 1000);

    if (sim_strikes(s, FAULT_DELAY, 20)) {
        us += (int64_t)sim_below(s, CHANCE_FAULTS + FAULT_DELAY,
                                 sim_one_in(s, CHANCE_FAULTS + FAULT_DELAY, 10) ? 30 * SIM_SECOND
                                                                                : 300 * SIM_MS);
    }
    return us;
}

/* A frame of a later version: with a field that nobody here knows. The envelope is the same. */
static struct slice frame_of_later(struct slice frame)
{
    static const char field[] = "\xfa\x3f\x05later"; /* number 1023, five bytes */
    char *p = mem_alloc(frame.len + sizeof(field) - 1);

    memcpy(p, frame.ptr, frame.len);
    memcpy(p + frame.len, field, sizeof(field) - 1);
    return slice_make(p, frame.len + sizeof(field) - 1);
}

static struct flight *
flight_new(struct sim *s, uint64_t ask, struct sim_node *from, struct slice frame)
{
    struct flight *f = mem_zalloc(1, sizeof(*f));

    *f = (struct flight){.ask = ask, .from = from, .life = from->life};
    f->frame = sim_strikes(s, FAULT_UPGRADE, 10) ? frame_of_later(frame) : frame_copy(frame);
    return f;
}

void sim_request_free(struct sim_request *r)
{
    mem_free((void *)(uintptr_t)r->frame.ptr);
    mem_free(r);
}

void sim_reply(struct sim *s, struct sim_request *r, struct slice frame)
{
    if (!sim_strikes(s, FAULT_LOSS, 50) && r->from->up && r->from->life == r->life) {
        sim_after(s, r->from, latency_us(s), answer_arrives, flight_new(s, r->ask, r->from, frame),
                  flight_free);
    }
    sim_request_free(r);
}

/* ---- requests ---- */

static void request_arrives(struct sim *s, void *arg)
{
    struct flight *f = arg;
    const struct sim_ask *a = ask_find(s, f->ask);
    struct sim_request *r;

    if (a == NULL && f->ordered) {
        flight_free(f);
        return;
    }
    if (!s->coordinator_node.up || f->from->cut) {
        if (!f->from->cut) {
            ask_fails(s, f->ask, ERR_UNAVAILABLE, "nobody is there");
        }
        flight_free(f);
        return;
    }
    r = mem_zalloc(1, sizeof(*r));
    *r = (struct sim_request){.ask = f->ask, .from = f->from, .life = f->life, .frame = f->frame};
    mem_free(f);
    coordinator_receive(s, r);
}

struct timeout {
    uint64_t ask;
};

static void ask_timed_out(struct sim *s, void *arg)
{
    struct timeout *t = arg;

    ask_fails(s, t->ask, ERR_TIMED_OUT, "no answer in time");
    mem_free(t);
}

/* Those that are lost by a repeat are in rpc.def: "none". */
static bool may_arrive_twice(enum rpc method)
{
    return method != RPC_EXECUTION_START_SYNC && method != RPC_TEST_STATE &&
           method != RPC_ACTIVITY_TASK && method != RPC_MESSAGE_RECEIVE &&
           method != RPC_EVENTS_PUT && !is_ordered(method);
}

uint64_t sim_ask(struct sim *s,
                 struct sim_node *from,
                 enum rpc method,
                 const ProtobufCMessage *m,
                 int64_t timeout_us,
                 sim_answer done,
                 void *arg)
{
    struct sim_ask *a = mem_zalloc(1, sizeof(*a));
    struct timeout *t = mem_alloc(sizeof(*t));
    struct envelope e = {.version = WIRE_VERSION_MAX, .method = (uint16_t)method};
    struct buf frame = {0};
    size_t bytes = protobuf_c_message_get_packed_size(m);
    char head[WIRE_HEADER_BYTES];
    unsigned copies = sim_strikes(s, FAULT_LOSS, 50) ? 0 : 1;

    *a = (struct sim_ask){.number = ++s->next_request, .from = from, .life = from->life};
    a->method = method;
    a->done = done;
    a->arg = arg;
    hash_insert(&s->asks, &a->node, hash_u64(a->number));
    e.request_id = a->number;
    envelope_encode(&e, head);
    buf_put(&frame, head, sizeof(head));
    frame.len += protobuf_c_message_pack(m, (uint8_t *)(void *)buf_reserve(&frame, bytes + 1));
    if (may_arrive_twice(method) && sim_strikes(s, FAULT_REPEAT, 50)) {
        copies++;
    }
    for (; copies > 0; copies--) {
        struct flight *f = flight_new(s, a->number, from, buf_slice(&frame));

        f->ordered = is_ordered(method);
        sim_after(s, NULL, latency_us(s), request_arrives, f, flight_free);
    }
    buf_fini(&frame);
    t->ask = a->number;
    sim_after(s, from, timeout_us, ask_timed_out, t, mem_free);
    return a->number;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

void sim_net_break(struct sim *s)
{
    size_t count = s->asks.count;
    uint64_t *numbers = mem_alloc((count + 1) * sizeof(*numbers));
    struct hash_node *n = NULL;
    size_t bucket = 0;

    for (size_t i = 0; i < count; i++) {
        n = hash_iterate(&s->asks, &bucket, n);
        numbers[i] = container_of(n, struct sim_ask, node)->number;
    }
    qsort(numbers, count, sizeof(*numbers), by_number);
    for (size_t i = 0; i < count; i++) {
        const struct sim_ask *a = ask_find(s, numbers[i]);

        if (a != NULL && !a->from->cut) {
            ask_fails(s, numbers[i], ERR_UNAVAILABLE, "the connection broke");
        }
    }
    mem_free(numbers);
}
