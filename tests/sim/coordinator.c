/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's shell in the simulator: the real ledger and operations, with the store in
 * memory as the disk, and the commit thread, the object store's threads and the pool for reads as
 * events. What is in flight when it dies is on disk or is not; what is on disk is all there is
 * afterwards. */
#include "coordinator/api/api.h"

#include "coordinator/ledger/read.h"
#include "coordinator/store/memory.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "tests/sim/job.h"
#include "tests/sim/operator.h"
#include "tests/sim/trigger.h"

enum {
    COORDINATOR_ACCOUNT = 42,
    COORDINATOR_TURN_US = 100, /* from something to the turn that sees it */
    COORDINATOR_SWEEP_US = 10 * SIM_SECOND,
    COORDINATOR_SWEEP_AGE_US = 5 * SIM_SECOND, /* so that it meets uploads that are needed */
    COORDINATOR_LEASE_MS = 15000,
    COORDINATOR_CLEAN_MS = 15 * 60 * 1000, /* what was late is there by then */
    COORDINATOR_NO_FUNCTION_MS = 60000,
};

/* A request from its arrival until its answer leaves. */
struct sim_call {
    struct call call;
    struct sim *sim;
    struct sim_request *request;
    struct envelope envelope;
    struct buf reply;
    bool open; /* an operation has it */
    struct list link;
};

struct background {
    void (*run)(void *task);
    void (*done)(void *task);
    void *task;
};

struct sim_coordinator {
    struct store *store;
    struct ledger *ledger;
    struct api api;
    struct store_batch *flying;
    bool untold;          /* what it leads to for other executions is in it, and yet to be done */
    struct list backlog;  /* sim_call, not dispatched */
    struct list open;     /* sim_call */
    int64_t next_turn_us; /* INT64_MAX: none is set */
    int64_t full_until_us;
    int64_t short_until_us; /* of room on the disk */
    bool failed;
};

static struct sim_node *node_of(struct sim *s)
{
    return &s->coordinator_node;
}

struct ledger *coordinator_ledger(struct sim *s)
{
    return s->coordinator->ledger;
}

struct store *coordinator_store(struct sim *s)
{
    return s->coordinator->store;
}

/* ---- answers ---- */

static void call_free(struct sim_call *c)
{
    list_remove(&c->link);
    buf_fini(&c->reply);
    mem_free(c);
}

static void call_durable(struct ledger_wait *w)
{
    struct sim_call *c = container_of(w, struct sim_call, call.wait);

    sim_reply(c->sim, c->request, buf_slice(&c->reply));
    call_free(c);
}

static void call_answer(struct sim_call *c, enum err_code status, const ProtobufCMessage *body)
{
    struct envelope e = {
        .version = WIRE_VERSION_MAX,
        .method = c->envelope.method,
        .status = (uint16_t)status,
        .request_id = c->envelope.request_id,
    };
    size_t bytes = protobuf_c_message_get_packed_size(body);
    char head[WIRE_HEADER_BYTES];

    if (!c->open) {
        sim_violation(c->sim, "a request is answered twice: %s", rpc_name(c->envelope.method));
    }
    envelope_encode(&e, head);
    buf_put(&c->reply, head, sizeof(head));
    c->reply.len +=
        protobuf_c_message_pack(body, (uint8_t *)(void *)buf_reserve(&c->reply, bytes + 1));
    c->open = false;
    ledger_wait_durable(c->sim->coordinator->ledger, &c->call.wait);
}

static void call_reply(struct call *c, const ProtobufCMessage *message)
{
    call_answer(container_of(c, struct sim_call, call), OK, message);
}

/* For the quota. */
static void check_refused(struct sim *s)
{
    size_t open = ledger_open_count(s->coordinator->ledger);

    s->refused++;
    if (s->open_most == 0 || open < s->open_most) {
        sim_violation(s, "one more is refused, and %zu executions are open", open);
    }
}

static void call_failed(struct call *c, enum err_code code, const struct err *err)
{
    Stepfleet__ErrorBody body = STEPFLEET__ERROR_BODY__INIT;
    struct sim *s = container_of(c, struct sim_call, call)->sim;

    if (code == ERR_EXECUTION_LIMIT) {
        check_refused(s);
    }
    body.code = (char *)(uintptr_t)err_name(code);
    body.message = (char *)(uintptr_t)err->msg;
    call_answer(container_of(c, struct sim_call, call), code, &body.base);
}

/* ---- turns ---- */

static void turn_fires(struct sim *s, void *arg);

static void turn_at(struct sim *s, int64_t us)
{
    struct sim_coordinator *c = s->coordinator;

    if (s->now_us + us < c->next_turn_us) {
        c->next_turn_us = s->now_us + us;
        sim_after(s, node_of(s), us, turn_fires, NULL, NULL);
    }
}

static bool connection_is_gone(const struct sim_request *r)
{
    return !r->from->up || r->from->life != r->life;
}

static void serve_one(struct sim *s, struct sim_call *c)
{
    struct ledger *l = s->coordinator->ledger;
    const ProtobufCMessageDescriptor *d;
    struct err err;

    c->open = true;
    c->call = (struct call){.api = &s->coordinator->api, .reply = call_reply, .fail = call_failed};
    c->call.wait.durable = call_durable;
    if (envelope_decode(c->request->frame, &c->envelope, &err) != OK) {
        sim_violation(s, "a request cannot be read: %s", err.msg);
    }
    c->call.method = c->envelope.method;
    d = rpc_request(c->envelope.method);
    c->call.request = message_unpack(d, c->envelope.body, ledger_turn_arena(l), &err);
    if (c->call.request == NULL) {
        sim_violation(s, "a request cannot be read: %s", err.msg);
    }
    list_push_back(&s->coordinator->open, &c->link);
    api_dispatch(&s->coordinator->api, &c->call);
}

/* Those whose client is gone and that are parked are given up; an answer being made goes nowhere.
 */
static void forget_gone(struct sim *s)
{
    LIST_EACH_SAFE(n, after, &s->coordinator->open)
    {
        struct sim_call *c = container_of(n, struct sim_call, link);

        if (c->open && c->call.gone != NULL && connection_is_gone(c->request)) {
            c->call.gone(&c->call);
        }
    }
}

static void serve(struct sim *s)
{
    struct sim_coordinator *c = s->coordinator;
    struct list *n;

    while (ledger_accepts(c->ledger) && (n = list_pop_front(&c->backlog)) != NULL) {
        serve_one(s, container_of(n, struct sim_call, link));
    }
    forget_gone(s);
}

static void turn_begin(struct sim *s)
{
    struct sim_coordinator *c = s->coordinator;

    ledger_turn_begin(c->ledger, sim_clock(s, node_of(s)));
    ledger_set_short(c->ledger, s->now_us < c->short_until_us);
    triggers_turn_begin(s);
}

static void check_quota(struct sim *s)
{
    size_t open = ledger_open_count(s->coordinator->ledger);

    if (s->open_most != 0 && open > s->open_most) {
        sim_violation(s, "%zu executions are open, and %zu may be", open, s->open_most);
    }
}

static void turn_end(struct sim *s)
{
    struct sim_coordinator *c = s->coordinator;
    struct fleet_now now = sim_clock(s, node_of(s));
    int64_t wait;
    int64_t parked;

    serve(s);
    api_turn(&c->api);
    ledger_turn_end(c->ledger);
    if (c->failed) {
        coordinator_crash(s); /* as _exit() does */
        return;
    }
    jobs_check_turn(s);
    triggers_check_turn(s);
    operator_check_turn(s);
    check_quota(s);
    wait = ledger_wait_ms(c->ledger, now);
    parked = api_wait_ms(&c->api);
    wait = wait < 0 || (parked >= 0 && parked < wait) ? parked : wait;
    if (wait >= 0) {
        turn_at(s, wait == 0 ? COORDINATOR_TURN_US : wait * SIM_MS);
    }
}

static void turn_fires(struct sim *s, void *arg)
{
    (void)arg;
    if (s->now_us < s->coordinator->next_turn_us) {
        return; /* a nearer one was set and has run since */
    }
    s->coordinator->next_turn_us = INT64_MAX;
    turn_begin(s);
    turn_end(s);
}

void coordinator_receive(struct sim *s, struct sim_request *r)
{
    struct sim_call *c = mem_zalloc(1, sizeof(*c));

    c->sim = s;
    c->request = r;
    list_push_back(&s->coordinator->backlog, &c->link);
    turn_at(s, COORDINATOR_TURN_US);
}

void coordinator_lost(struct sim *s, struct sim_node *node)
{
    (void)node;
    if (node_of(s)->up) {
        turn_at(s, COORDINATOR_TURN_US);
    }
}

/* ---- the disk ---- */

static int64_t disk_us(struct sim *s)
{
    int64_t us = 100 + (int64_t)sim_below(s, CHANCE_WORLD, 2000);

    return sim_strikes(s, FAULT_SLOW, 100)
               ? us + (int64_t)sim_below(s, CHANCE_FAULTS + FAULT_SLOW, 20 * SIM_SECOND)
               : us;
}

static enum err_code disk_read_fault(void *arg, struct err *err)
{
    struct sim *s = arg;

    if (!sim_strikes(s, FAULT_READ, 2000)) {
        return OK;
    }
    sim_trace(s, node_of(s), "a read fails");
    return err_set(err, ERR_IO, "the disk cannot be read");
}

void coordinator_reads_well(struct sim *s, bool well)
{
    store_memory_read_fault(s->coordinator->store, well ? NULL : disk_read_fault, well ? NULL : s);
}

/* What failed may be on disk all the same. */
static enum err_code disk_write(struct sim *s, struct store_batch *b, struct err *err)
{
    struct sim_coordinator *c = s->coordinator;
    bool full = s->now_us < c->full_until_us;

    if (full || sim_strikes(s, FAULT_WRITE, 300)) {
        if (!full && sim_one_in(s, CHANCE_FAULTS + FAULT_WRITE, 2)) {
            (void)store_write(c->store, b, err);
        }
        sim_trace(s, node_of(s), full ? "the disk is full" : "a write fails");
        return err_set(err, full ? ERR_NO_SPACE : ERR_IO, "the disk does not take it");
    }
    return store_write(c->store, b, err);
}

static void batch_written(struct sim *s, void *arg)
{
    struct sim_coordinator *c = s->coordinator;
    struct store_batch *b = c->flying;
    struct err err = {0};
    enum err_code rc = disk_write(s, b, &err);

    (void)arg;
    c->flying = NULL;
    if (rc == OK && sim_strikes(s, FAULT_CRASH, c->untold ? 2 : 5000)) {
        coordinator_crash(s); /* it is on disk, and nobody will hear of it */
        return;
    }
    turn_begin(s);
    ledger_commit_done(c->ledger, rc, &err);
    if (c->failed) {
        coordinator_crash(s);
        return;
    }
    turn_end(s);
}

static void hook_commit(void *arg, struct store_batch *b)
{
    struct sim *s = arg;

    if (s->coordinator->flying != NULL) {
        sim_violation(s, "two batches at once");
    }
    s->coordinator->flying = b;
    s->coordinator->untold = rest_is_untold(s);
    sim_after(s, node_of(s), disk_us(s), batch_written, NULL, NULL);
}

static void hook_failed(void *arg, const struct err *err)
{
    struct sim *s = arg;

    sim_trace(s, node_of(s), "gives up: %s", err->msg);
    s->coordinator->failed = true;
}

/* ---- the other hooks ---- */

/* An output becomes visible only when the intent is on disk: that of this upload. Express
 * executions have none. */
static void check_intent(struct sim *s, const struct object_request *r)
{
    struct record_source source = {.store = s->coordinator->store, .account = COORDINATOR_ACCOUNT};
    const struct execution_header *h =
        ledger_execution_header(s->coordinator->ledger, r->execution);
    struct arena a = {0};
    struct image im;
    struct err err;
    bool intended = h == NULL || h->express;

    source.execution = r->execution;
    if (!intended && image_read(&source, &a, &im, &err) == OK) {
        for (size_t i = 0; i < im.frame_count; i++) {
            intended = intended || (im.frames[i].status == FRAME_COMMITTING &&
                                    slice_eq(im.frames[i].output.upload_id, r->upload_id));
        }
    }
    if (!intended && store_is_readable(source.store)) {
        sim_violation(s, "%.*s is to be completed, and the intent is not on disk",
                      SLICE_FMT(r->upload_id));
    }
    arena_fini(&a);
}

static void hook_object(void *arg, struct object_request *r)
{
    struct sim *s = arg;

    if (r->kind == OBJECT_COMPLETE) {
        check_intent(s, r);
    }
    objects_request(s, node_of(s)->life, r);
}

void coordinator_object_done(struct sim *s, uint64_t life, struct object_request *r)
{
    if (!node_of(s)->up || node_of(s)->life != life) {
        return; /* the request went with its ledger */
    }
    turn_begin(s);
    ledger_object_done(s->coordinator->ledger, r);
    turn_end(s);
}

static void hook_archive(void *arg, struct ledger_archive *a)
{
    retention_archive(arg, a);
}

void coordinator_archive_done(struct sim *s, struct ledger_archive *a)
{
    turn_begin(s);
    ledger_archive_done(s->coordinator->ledger, a);
    turn_end(s);
}

static void background_runs(struct sim *s, void *arg)
{
    struct background *b = arg;

    b->run(b->task);
    turn_begin(s);
    b->done(b->task);
    mem_free(b);
    turn_end(s);
}

static void
hook_background(void *arg, void (*run)(void *task), void (*done)(void *task), void *task)
{
    struct sim *s = arg;
    struct background *b = mem_zalloc(1, sizeof(*b));

    *b = (struct background){.run = run, .done = done, .task = task};
    sim_after(s, node_of(s), disk_us(s), background_runs, b, mem_free);
}

static void hook_mail(void *arg, struct fleet_worker *w)
{
    api_worker_mail(&((struct sim *)arg)->coordinator->api, w);
}

static void hook_gone(void *arg, struct fleet_worker *w)
{
    api_worker_gone(&((struct sim *)arg)->coordinator->api, w);
}

static void hook_moved(void *arg, uint64_t execution)
{
    triggers_moved(arg, execution);
    api_moved(&((struct sim *)arg)->coordinator->api, execution);
}

static void hook_call(void *arg, struct ledger_call *c)
{
    api_call(&((struct sim *)arg)->coordinator->api, c);
}

static void hook_call_gone(void *arg, struct ledger_call *c)
{
    api_call_gone(&((struct sim *)arg)->coordinator->api, c);
}

static void hook_activity(void *arg, struct ledger_activity *a)
{
    api_activity_ready(&((struct sim *)arg)->coordinator->api, a);
}

static void hook_queue_ready(void *arg, struct ledger_queue *q)
{
    api_queue_ready(&((struct sim *)arg)->coordinator->api, q);
}

/* ---- the sweeper ---- */

/* Where the ledger says, and no younger than it says; and below executions/ from the start: it
 * learns of a bucket by the first upload it is told of, and the very first may be lost. */
static bool is_looked_at(const struct ledger_sweep *w, const char *bucket, const char *key)
{
    return slice_eq_str(w->bucket, bucket) &&
           (w->exact ? slice_eq_str(w->prefix, key) : slice_starts_with(slice_str(key), w->prefix));
}

struct sweep {
    struct sim *sim;
    const struct ledger_sweep *sweeps;
    size_t count;
};

static void
sweep_one(void *arg, const char *bucket, const char *key, const char *id, int64_t begun_us)
{
    const struct sweep *w = arg;
    struct sim *s = w->sim;
    struct ledger *l = s->coordinator->ledger;
    bool looked_at = begun_us < s->now_us - COORDINATOR_SWEEP_AGE_US &&
                     slice_starts_with(slice_str(key), SLICE("executions/"));

    for (size_t i = 0; i < w->count; i++) {
        int64_t before_us =
            w->sweeps[i].ended_ms != 0
                ? s->now_us - (ledger_now(l).wall_ms - w->sweeps[i].ended_ms) * SIM_MS
                : s->now_us - COORDINATOR_SWEEP_AGE_US;

        looked_at = looked_at || (begun_us < before_us && is_looked_at(&w->sweeps[i], bucket, key));
    }
    if (looked_at && ledger_upload_is_stray(l, slice_str(key), slice_str(id))) {
        if (objects_is_needed(s, id)) {
            sim_violation(s, "upload %s of %s is swept, and its attempt is under way", id, key);
        }
        ledger_sweep_upload(l, slice_str(bucket), slice_str(key), slice_str(id));
    }
}

void coordinator_sweep(struct sim *s)
{
    struct sweep w = {.sim = s};

    turn_begin(s);
    w.sweeps = ledger_sweeps(s->coordinator->ledger, &w.count);
    objects_each_open(s, sweep_one, &w);
    turn_end(s);
}

static void sweep_again(struct sim *s, void *arg)
{
    (void)arg;
    sim_after(s, node_of(s), COORDINATOR_SWEEP_US, sweep_again, NULL, NULL);
    coordinator_sweep(s);
}

/* ---- starting, dying ---- */

static void has_room(struct sim *s, void *arg)
{
    (void)arg;
    turn_at(s, 0);
}

/* When it has room again. */
static void looks_at_disk(struct sim *s)
{
    int64_t left_us = s->coordinator->short_until_us - s->now_us;

    if (left_us > 0) {
        sim_after(s, node_of(s), left_us, has_room, NULL, NULL);
    }
}

static void coordinator_starts(struct sim *s, void *arg)
{
    struct sim_coordinator *c = s->coordinator;
    struct ledger_config config = {
        .account = COORDINATOR_ACCOUNT,
        .region = "us-east-1",
        .fleet = {COORDINATOR_LEASE_MS, COORDINATOR_NO_FUNCTION_MS},
        .objects = true,
        .history_events = s->history_events,
        .open_most = s->open_most,
        .job_clean_ms = COORDINATOR_CLEAN_MS,
        .retention_ms = s->retention_ms,
        .seed = sim_below(s, CHANCE_WORLD, UINT64_MAX),
        .secret = SLICE("the same thirty-two bytes always"),
    };
    struct ledger_hooks hooks = {
        .arg = s,
        .commit = hook_commit,
        .object = hook_object,
        .worker_mail = hook_mail,
        .moved = hook_moved,
        .worker_gone = hook_gone,
        .call = hook_call,
        .call_gone = hook_call_gone,
        .activity_ready = hook_activity,
        .queue_ready = hook_queue_ready,
        .archive = hook_archive,
        .failed = hook_failed,
    };
    struct api_hooks api = {.arg = s, .background = hook_background, .region = config.region};
    struct err err = {0};

    (void)arg;
    c->failed = false;
    c->next_turn_us = INT64_MAX;
    node_of(s)->booted_us = s->now_us; /* its clock is that of its own life from the first look */
    store_memory_reopen(c->store);
    if (sim_strikes(s, FAULT_UPGRADE, 2)) {
        store_memory_read_fault(c->store, NULL, NULL);
        upgrade_disk(s, c->store);
        store_memory_read_fault(c->store, disk_read_fault, s);
    }
    if (s->now_us < c->full_until_us ||
        ledger_open(&config, c->store, &hooks, sim_clock(s, node_of(s)), &c->ledger, &err) != OK) {
        if (!s->faulty) {
            sim_violation(s, "the coordinator does not start: %s", err.msg);
        }
        sim_trace(s, node_of(s), "does not start");
        sim_after(s, NULL, SIM_SECOND, coordinator_starts, NULL, NULL);
        return;
    }
    sim_node_start(s, node_of(s));
    api_init(&c->api, c->ledger, &api);
    sim_after(s, node_of(s), COORDINATOR_SWEEP_US, sweep_again, NULL, NULL);
    looks_at_disk(s);
    turn_begin(s);
    turn_end(s);
}

void coordinator_open(struct sim *s)
{
    struct sim_coordinator *c = mem_zalloc(1, sizeof(*c));

    s->coordinator = c;
    c->store = store_open_memory();
    store_memory_read_fault(c->store, disk_read_fault, s);
    list_init(&c->backlog);
    list_init(&c->open);
    sim_node_init(s, node_of(s), "coord");
    coordinator_starts(s, NULL);
}

static void drop_calls(struct list *calls)
{
    struct list *n;

    while ((n = list_pop_front(calls)) != NULL) {
        struct sim_call *c = container_of(n, struct sim_call, link);

        sim_request_free(c->request);
        buf_fini(&c->reply);
        mem_free(c);
    }
}

void coordinator_crash(struct sim *s)
{
    struct sim_coordinator *c = s->coordinator;
    struct err err;

    if (!node_of(s)->up) {
        return;
    }
    if (c->flying != NULL && !c->failed && sim_one_in(s, CHANCE_FAULTS + FAULT_CRASH, 2)) {
        sim_trace(s, node_of(s), "has written what nobody will hear of");
        (void)store_write(c->store, c->flying, &err);
    }
    sim_node_crash(s, node_of(s));
    c->flying = NULL;
    ledger_abandon_flight(c->ledger);
    ledger_close(c->ledger);
    api_fini(&c->api);
    c->ledger = NULL;
    drop_calls(&c->open);
    drop_calls(&c->backlog);
    sim_net_break(s);
    sim_after(s, NULL, (int64_t)sim_below(s, CHANCE_WORLD, 3 * SIM_SECOND), coordinator_starts,
              NULL, NULL);
}

void coordinator_shorten(struct sim *s, int64_t us)
{
    s->coordinator->short_until_us = s->now_us + us;
    if (node_of(s)->up) {
        looks_at_disk(s);
    }
}

void coordinator_fill(struct sim *s, int64_t us)
{
    s->coordinator->full_until_us = s->now_us + us;
}
