/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/api_world.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/host/log.h"

enum {
    WORLD_SETTLE_MAX = 10000000, /* turns without time: a loop that does not end */
};

/* Workers here never fall silent, however far the clock jumps. */
static const int64_t world_lease_ms = INT64_MAX / 4;
static const int64_t world_no_function_ms = 1000;

/* A read on its way. */
struct world_work {
    struct list link;
    void (*run)(void *task);
    void (*done)(void *task);
    void *task;
};

/* ---- hooks ---- */

static void hook_commit(void *arg, struct store_batch *b)
{
    struct api_world *w = arg;

    assert(w->flying == NULL);
    w->flying = b;
}

static void hook_mail(void *arg, struct fleet_worker *worker)
{
    api_worker_mail(&((struct api_world *)arg)->api, worker);
}

static void hook_gone(void *arg, struct fleet_worker *worker)
{
    api_worker_gone(&((struct api_world *)arg)->api, worker);
}

static void hook_moved(void *arg, uint64_t execution)
{
    api_moved(&((struct api_world *)arg)->api, execution);
}

static void hook_call(void *arg, struct ledger_call *c)
{
    api_call(&((struct api_world *)arg)->api, c);
}

static void hook_call_gone(void *arg, struct ledger_call *c)
{
    api_call_gone(&((struct api_world *)arg)->api, c);
}

static void hook_activity(void *arg, struct ledger_activity *a)
{
    api_activity_ready(&((struct api_world *)arg)->api, a);
}

static void hook_queue_ready(void *arg, struct ledger_queue *q)
{
    api_queue_ready(&((struct api_world *)arg)->api, q);
}

static void hook_failed(void *arg, const struct err *err)
{
    (void)arg;
    log_error("a batch was not written: %s", err->msg);
    abort();
}

static void
hook_background(void *arg, void (*run)(void *task), void (*done)(void *task), void *task)
{
    struct api_world *w = arg;
    struct world_work *b = mem_zalloc(1, sizeof(*b));

    *b = (struct world_work){.run = run, .done = done, .task = task};
    list_push_back(&w->work, &b->link);
}

static void object_carry_out(void *task)
{
    ((struct object_request *)task)->rc = OK;
}

static void object_done(void *task)
{
    struct api_world *w = ((struct object_request *)task)->work;

    ledger_object_done(w->ledger, task);
}

static void hook_object(void *arg, struct object_request *r)
{
    r->work = arg;
    hook_background(arg, object_carry_out, object_done, r);
}

/* ---- opening, closing ---- */

/* A coordinator over what the store has. */
static enum err_code world_begin(struct api_world *w, struct err *err)
{
    struct ledger_hooks hooks = {
        .arg = w,
        .commit = hook_commit,
        .object = hook_object,
        .worker_mail = hook_mail,
        .moved = hook_moved,
        .worker_gone = hook_gone,
        .call = hook_call,
        .call_gone = hook_call_gone,
        .activity_ready = hook_activity,
        .queue_ready = hook_queue_ready,
        .failed = hook_failed,
    };
    struct api_hooks api = {.arg = w, .background = hook_background, .region = w->config.region};
    enum err_code rc = ledger_open(&w->config, w->store, &hooks, w->now, &w->ledger, err);

    if (rc == OK) {
        api_init(&w->api, w->ledger, &api);
    }
    return rc;
}

static void world_end(struct api_world *w)
{
    if (w->ledger == NULL) {
        return;
    }
    ledger_turn_begin(w->ledger, w->now);
    api_stop(&w->api);
    ledger_turn_end(w->ledger);
    api_world_settle(w);
    ledger_close(w->ledger);
    w->ledger = NULL;
    api_fini(&w->api);
}

void api_world_open(struct api_world *w,
                    int64_t now_ms,
                    bool (*bound)(const void *arg,
                                  struct slice service,
                                  struct slice action,
                                  struct slice *handler),
                    const void *arg)
{
    struct err err;

    log_init("world", LOG_ERROR);
    *w = (struct api_world){
        .config =
            {
                .account = 111111111111,
                .region = "us-east-1",
                .fleet = {world_lease_ms, world_no_function_ms},
                .bound = bound,
                .bound_arg = arg,
                .seed = 42,
                .secret = SLICE("the same thirty-two bytes always"),
            },
        .store = store_open_memory(),
        .now = {now_ms, 1000},
    };
    list_init(&w->work);
    if (world_begin(w, &err) != OK) {
        log_error("%s", err.msg);
        abort();
    }
}

enum err_code api_world_restart(struct api_world *w, struct err *err)
{
    world_end(w);
    return world_begin(w, err);
}

void api_world_close(struct api_world *w)
{
    world_end(w);
    store_close(w->store);
}

/* ---- turns ---- */

static void turn_end(struct api_world *w)
{
    api_turn(&w->api);
    ledger_turn_end(w->ledger);
}

static void turn(struct api_world *w)
{
    ledger_turn_begin(w->ledger, w->now);
    turn_end(w);
}

static bool commit(struct api_world *w)
{
    struct store_batch *b = w->flying;
    struct err err;
    enum err_code rc;

    if (b == NULL) {
        return false;
    }
    w->flying = NULL;
    rc = store_write(w->store, b, &err);
    ledger_turn_begin(w->ledger, w->now);
    ledger_commit_done(w->ledger, rc, &err);
    turn_end(w);
    return true;
}

static bool background(struct api_world *w)
{
    struct list *n = list_pop_front(&w->work);
    struct world_work *b;

    if (n == NULL) {
        return false;
    }
    b = container_of(n, struct world_work, link);
    b->run(b->task);
    ledger_turn_begin(w->ledger, w->now);
    b->done(b->task);
    turn_end(w);
    mem_free(b);
    return true;
}

int64_t api_world_wait_ms(const struct api_world *w)
{
    int64_t wait = ledger_wait_ms(w->ledger, w->now);
    int64_t parked = api_wait_ms(&w->api);

    return wait < 0 || (parked >= 0 && parked < wait) ? parked : wait;
}

void api_world_settle(struct api_world *w)
{
    for (unsigned turns = 0; turns < WORLD_SETTLE_MAX; turns++) {
        if (commit(w) || background(w)) {
            continue;
        }
        if (api_world_wait_ms(w) != 0) {
            return;
        }
        turn(w);
    }
    assert(false);
}

void api_world_advance(struct api_world *w, int64_t ms)
{
    w->now.wall_ms += ms;
    w->now.mono_ms += ms;
    turn(w);
    api_world_settle(w);
}

/* ---- requests ---- */

static void ask_durable(struct ledger_wait *wait)
{
    container_of(wait, struct api_ask, call.wait)->done = true;
}

/* The message lives for its turn only: it is kept as the bytes a client would get. */
static void ask_reply(struct call *c, const ProtobufCMessage *message)
{
    struct api_ask *ask = container_of(c, struct api_ask, call);
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(&ask->arena, len);

    (void)protobuf_c_message_pack(message, bytes);
    ask->reply =
        message_unpack(rpc_reply(c->method), slice_make(bytes, len), &ask->arena, &ask->err);
    assert(ask->reply != NULL);
    ledger_wait_durable(ask->world->ledger, &c->wait);
}

static void ask_fail(struct call *c, enum err_code code, const struct err *err)
{
    struct api_ask *ask = container_of(c, struct api_ask, call);

    ask->rc = code;
    ask->err = *err;
    ledger_wait_durable(ask->world->ledger, &c->wait);
}

void api_world_arrive(struct api_world *w,
                      struct api_ask *ask,
                      enum rpc method,
                      const ProtobufCMessage *request)
{
    *ask = (struct api_ask){
        .call = {.method = method, .request = request, .reply = ask_reply, .fail = ask_fail},
        .world = w,
    };
    ask->call.wait.durable = ask_durable;
    list_init(&ask->call.link);
    arena_init(&ask->arena);
    ledger_turn_begin(w->ledger, w->now);
    api_dispatch(&w->api, &ask->call);
}

void api_world_ask(struct api_world *w,
                   struct api_ask *ask,
                   enum rpc method,
                   const ProtobufCMessage *request)
{
    api_world_arrive(w, ask, method, request);
    turn_end(w);
}

enum err_code api_world_call(struct api_world *w,
                             struct api_ask *ask,
                             enum rpc method,
                             const ProtobufCMessage *request)
{
    api_world_ask(w, ask, method, request);
    api_world_settle(w);
    assert(ask->done);
    return ask->rc;
}

void api_ask_fini(struct api_ask *ask)
{
    arena_fini(&ask->arena);
}
