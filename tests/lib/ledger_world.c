/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/ledger_world.h"

#include <stdio.h>
#include <string.h>

#include "coordinator/check/check.h"
#include "coordinator/ledger/run.h"
#include "proto/base/text.h"
#include "proto/host/log.h"

#define STAGE(n, previous, next)                                                                   \
    "\"Stage" n "\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::lambda:invoke\","           \
    "\"ResultPath\":null,\"Parameters\":{\"FunctionName\":\"s" n "\",\"Payload\":{"                \
    "\"executionId.$\":\"$$.Execution.Name\",\"currentStage\":\"Stage" n "\"," previous            \
    "\"workflowBucket\":\"work\",\"initialData.$\":\"$\"}},\"Retry\":[{\"ErrorEquals\":"           \
    "[\"Lambda.ServiceException\"],\"IntervalSeconds\":1,\"MaxAttempts\":50,\"BackoffRate\":1.0"   \
    "}]," next "}"

const char *const world_one_stage =
    "{\"StartAt\":\"Stage1\",\"States\":{" STAGE("1", "", "\"End\":true") "}}";
const char *const world_two_stages = "{\"StartAt\":\"Stage1\",\"States\":{" STAGE(
    "1",
    "",
    "\"Next\":\"Stage2\"") "," STAGE("2", "\"previousStage\":\"Stage1\",", "\"End\":true") "}}";

/* A reply on its way to a worker: made in a turn, delivered when it is let go. */
struct world_reply {
    struct ledger_wait wait;
    struct list link;
    struct world_worker *worker;
    uint64_t opens; /* of which ledger */
    struct world_lease leases[64];
    size_t lease_count;
    struct token drops[64];
    size_t drop_count;
};

static void put_text(char out[WORLD_TEXT], struct slice s)
{
    assert_true(s.len < WORLD_TEXT);
    (void)snprintf(out, WORLD_TEXT, "%.*s", SLICE_FMT(s));
}

uint64_t world_random(struct ledger_world *w, uint64_t below)
{
    w->random += 0x9e3779b97f4a7c15u;
    return hash_u64(w->random) % below;
}

/* ---- the ledger's hooks ---- */

static void hook_commit(void *arg, struct store_batch *b)
{
    struct ledger_world *w = arg;

    assert_null(w->flying);
    w->flying = b;
}

static void hook_object(void *arg, struct object_request *r)
{
    struct ledger_world *w = arg;

    assert_true(w->request_count < sizeof(w->requests) / sizeof(w->requests[0]));
    w->requests[w->request_count++] = r;
}

static void hook_webhook(void *arg, struct webhook_request *r)
{
    struct ledger_world *w = arg;

    assert_true(w->webhook_count < sizeof(w->webhooks) / sizeof(w->webhooks[0]));
    w->webhooks[w->webhook_count++] = r;
}

static void hook_archive(void *arg, struct ledger_archive *a)
{
    struct ledger_world *w = arg;

    assert_true(w->archive_count < sizeof(w->archives) / sizeof(w->archives[0]));
    w->archives[w->archive_count++] = a;
}

static void hook_moved(void *arg, uint64_t execution)
{
    struct ledger_world *w = arg;

    assert_true(execution != 0);
    w->moved++;
}

static void hook_failed(void *arg, const struct err *err)
{
    struct ledger_world *w = arg;

    assert_true(err->msg[0] != '\0');
    w->failed = true;
}

static struct world_worker *worker_of(struct ledger_world *w, const struct fleet_worker *fw)
{
    for (size_t i = 0; i < WORLD_WORKERS; i++) {
        if (w->workers[i].w == fw) {
            return &w->workers[i];
        }
    }
    return NULL;
}

/* ---- what workers are told ---- */

struct world_lease *world_lease_find(struct world_worker *k, struct token token)
{
    for (size_t i = 0; i < k->lease_count; i++) {
        if (token_eq(k->leases[i].token, token)) {
            return &k->leases[i];
        }
    }
    return NULL;
}

void world_forget(struct world_worker *k, size_t n)
{
    assert_true(n < k->lease_count);
    mem_free(k->leases[n].payload);
    k->leases[n] = k->leases[--k->lease_count];
}

/* No token is ever given for two things. */
static void note_grant(struct ledger_world *w, const struct world_lease *l)
{
    char what[3 * WORLD_TEXT];

    (void)snprintf(what, sizeof(what), "%.140s %.140s %u", l->execution, l->state, l->attempt);
    for (size_t i = w->grant_count; i > 0; i--) {
        struct world_grant *g = &w->grants[i - 1];

        if (token_eq(g->token, l->token)) {
            assert_string_equal(g->what, what);
            return;
        }
    }
    if ((w->grant_count & (w->grant_count - 1)) == 0) { /* a power of two, or none: full */
        w->grants = mem_realloc(w->grants, (w->grant_count * 2 + 1) * sizeof(*w->grants));
    }
    w->grants[w->grant_count].token = l->token;
    memcpy(w->grants[w->grant_count++].what, what, sizeof(what));
}

/* The same of a piece: its row has this attempt. */
static void assert_piece_on_disk(struct ledger_world *w, const struct run_piece *p)
{
    struct key key = key_job_piece(WORLD_ACCOUNT, p->run->number, p->phase, p->piece);
    struct job_piece_state row;
    struct arena a = {0};
    struct buf b = {0};
    struct err err;
    bool found = false;

    assert_int_equal(store_get(w->store, CF_JOB, key_slice(&key), &b, &err), OK);
    assert_int_equal(job_piece_row_decode(buf_slice(&b), &a, &row, &err), OK);
    for (uint32_t i = 0; i < row.live_count; i++) {
        found = found || token_eq(row.live[i].token, p->task.token);
    }
    assert_true(found);
    buf_fini(&b);
    arena_fini(&a);
}

/* Nothing leaves before its cause is on disk: the frame is there, under this token. */
static void assert_granted_on_disk(struct ledger_world *w, struct token token)
{
    struct fleet_task *t = fleet_task_find(w->l->fleet, token);
    struct record_source source = {.store = w->store, .account = WORLD_ACCOUNT};
    struct arena a = {0};
    struct image im;
    struct err err;
    bool found = false;

    if (t == NULL) {
        return; /* over meanwhile */
    }
    if (t->job) {
        assert_piece_on_disk(w, run_piece_of(t));
        return;
    }
    source.execution = t->execution;
    if (hot_find(w->l, t->execution)->h.express) {
        return;
    }
    assert_int_equal(image_read(&source, &a, &im, &err), OK);
    for (size_t i = 0; i < im.frame_count; i++) {
        found = found || (im.frames[i].id == t->frame && token_eq(im.frames[i].token, token));
    }
    assert_true(found);
    arena_fini(&a);
}

static void deliver_lease(struct world_worker *k, struct world_lease *l)
{
    assert_granted_on_disk(k->world, l->token);
    note_grant(k->world, l);
    if (world_lease_find(k, l->token) != NULL) {
        k->resent++;
        mem_free(l->payload);
        return;
    }
    assert_true(k->lease_count < WORLD_LEASES);
    k->leases[k->lease_count++] = *l;
}

static void reply_free(struct world_reply *r)
{
    list_remove(&r->link);
    mem_free(r);
}

static void reply_durable(struct ledger_wait *wait)
{
    struct world_reply *r = container_of(wait, struct world_reply, wait);
    struct world_worker *k = r->worker;
    bool lost = k->world->lose_replies;

    for (size_t i = 0; i < r->drop_count && !lost; i++) {
        struct world_lease *l = world_lease_find(k, r->drops[i]);

        if (l != NULL) {
            world_forget(k, (size_t)(l - k->leases));
            k->dropped++;
        }
    }
    for (size_t i = 0; i < r->lease_count; i++) {
        if (lost) {
            mem_free(r->leases[i].payload);
        } else {
            deliver_lease(k, &r->leases[i]);
        }
    }
    reply_free(r);
}

static void take_piece(struct world_lease *l, const struct ledger_piece *from)
{
    size_t pieces = from->shards > from->partitions ? from->shards : from->partitions;
    struct token *tokens = mem_zalloc(pieces + 1, sizeof(*tokens));

    l->phase = from->phase;
    l->piece = from->piece;
    l->shards = from->shards;
    l->partitions = from->partitions;
    l->plan = from->plan;
    assert_true(job_winners_decode(from->winners, tokens, pieces));
    for (size_t i = 0; i < pieces; i++) {
        l->winners += tokens[i].epoch != 0;
        if (i < sizeof(l->winner) / sizeof(l->winner[0])) {
            l->winner[i] = tokens[i];
        }
    }
    mem_free(tokens);
    (void)snprintf(l->state, sizeof(l->state), "%d-%u", (int)from->phase, from->piece);
}

static void take_lease(struct world_reply *r, const struct ledger_lease *from)
{
    struct world_lease *l;

    assert_true(r->lease_count < sizeof(r->leases) / sizeof(r->leases[0]));
    l = &r->leases[r->lease_count++];
    l->token = from->token;
    put_text(l->function, from->function);
    put_text(l->execution, from->execution_name);
    put_text(l->state, from->state);
    put_text(l->qualifier, from->qualifier);
    put_text(l->credentials, from->credentials);
    l->log_tail = from->log_tail;
    l->submits = from->submits;
    l->payload = mem_strdup(from->payload);
    l->attempt = from->attempt;
    l->retry_count = from->retry_count;
    l->job = from->piece != NULL;
    if (l->job) {
        put_text(l->job_name, from->state);
        take_piece(l, from->piece);
    }
}

/* What there is for the worker goes into a reply. */
void world_send_mail(struct world_worker *k)
{
    struct ledger_world *w = k->world;
    struct world_reply *r = mem_zalloc(1, sizeof(*r));
    struct ledger_lease *leases;
    struct token *drops;
    size_t lease_count;
    size_t drop_count;

    r->worker = k;
    r->wait.durable = reply_durable;
    list_push_back(&w->replies, &r->link);
    ledger_take_mail(w->l, k->w, &leases, &lease_count, &drops, &drop_count);
    for (size_t i = 0; i < lease_count; i++) {
        take_lease(r, &leases[i]);
    }
    for (size_t i = 0; i < drop_count && i < sizeof(r->drops) / sizeof(r->drops[0]); i++) {
        r->drops[r->drop_count++] = drops[i];
    }
    ledger_wait_durable(w->l, &r->wait);
}

void world_answer_poll(struct world_worker *k)
{
    k->parked = false;
    fleet_worker_carries(k->world->l->fleet, k->w, -1);
    world_send_mail(k);
}

static void hook_mail(void *arg, struct fleet_worker *fw)
{
    struct world_worker *k = worker_of(arg, fw);

    if (k != NULL && k->parked) {
        world_answer_poll(k);
    }
}

static void hook_gone(void *arg, struct fleet_worker *fw)
{
    struct world_worker *k = worker_of(arg, fw);

    if (k != NULL) {
        if (k->parked) {
            fleet_worker_carries(((struct ledger_world *)arg)->l->fleet, fw, -1);
        }
        k->parked = false;
        k->w = NULL;
    }
}

/* ---- opening, crashing ---- */

enum err_code world_reopen(struct ledger_world *w, struct err *err)
{
    struct ledger_hooks hooks = {
        .arg = w,
        .commit = hook_commit,
        .object = hook_object,
        .worker_mail = hook_mail,
        .moved = hook_moved,
        .worker_gone = hook_gone,
        .call = world_hook_call,
        .call_gone = world_hook_call_gone,
        .activity_ready = world_hook_activity,
        .queue_ready = world_hook_queue,
        .webhook = hook_webhook,
        .archive = w->archive ? hook_archive : NULL,
        .failed = hook_failed,
    };

    w->webhook_count = 0; /* what was out is gone with the ledger that asked */
    w->config.seed = w->random + ++w->opens;
    return ledger_open(&w->config, w->store, &hooks, w->now, &w->l, err);
}

void world_open(struct ledger_world *w)
{
    struct err err;

    log_init("test", LOG_ERROR);
    *w = (struct ledger_world){
        .store = store_open_memory(),
        .now = {.wall_ms = 1700000000000, .mono_ms = 5000},
        .config = {.account = WORLD_ACCOUNT,
                   .region = "eu-x-1",
                   .fleet = {15000, 60000},
                   .objects = true,
                   .secret = SLICE_INIT("0123456789abcdef0123456789ABCDEF")},
    };
    list_init(&w->replies);
    list_init(&w->waits);
    for (unsigned i = 0; i < WORLD_WORKERS; i++) {
        w->workers[i].world = w;
        (void)snprintf(w->workers[i].name, sizeof(w->workers[i].name), "w%u", i);
        w->workers[i].instance = i + 1;
    }
    assert_int_equal(world_reopen(w, &err), OK);
}

static void world_drop(struct ledger_world *w)
{
    struct list *n;

    w->closing = true;
    ledger_abandon_flight(w->l);
    ledger_close(w->l);
    w->closing = false;
    w->l = NULL;
    w->flying = NULL;
    w->request_count = 0;
    w->archive_count = 0;
    w->call_count = 0;
    while ((n = list_pop_front(&w->replies)) != NULL) {
        struct world_reply *r = container_of(n, struct world_reply, link);

        for (size_t i = 0; i < r->lease_count; i++) {
            mem_free(r->leases[i].payload);
        }
        mem_free(r);
    }
}

void world_crash(struct ledger_world *w)
{
    struct err err;

    world_drop(w);
    w->now.mono_ms += 100;
    w->now.wall_ms += 100;
    assert_int_equal(world_reopen(w, &err), OK);
}

static void whole_not(void *arg, const struct check_fault *f)
{
    struct buf key = {0};

    (void)arg;
    row_key_print(f->cf, f->key, &key);
    print_error("%.*s: %s: %s\n", SLICE_FMT(buf_slice(&key)), f->what, f->follows);
    buf_fini(&key);
}

void world_is_whole(struct ledger_world *w)
{
    const struct check_hooks hooks = {.fault = whole_not};
    struct check_report report;
    struct err err;

    store_memory_read_fault(w->store, NULL, NULL);
    assert_int_equal(check_store(w->store, &hooks, &report, &err), OK);
    assert_int_equal(report.faults, 0);
}

void world_close(struct ledger_world *w)
{
    struct list *n;

    world_drop(w);
    if (!w->damaged) {
        world_is_whole(w);
    }
    while ((n = list_pop_front(&w->waits)) != NULL) {
        mem_free(container_of(n, struct world_wait, link));
    }
    for (size_t i = 0; i < WORLD_WORKERS; i++) {
        while (w->workers[i].lease_count > 0) {
            world_forget(&w->workers[i], 0);
        }
    }
    store_close(w->store);
    mem_free(w->uploads);
    mem_free(w->objects);
    mem_free(w->grants);
}

/* ---- turns ---- */

void world_begin(struct ledger_world *w)
{
    ledger_turn_begin(w->l, w->now);
}

void world_end(struct ledger_world *w)
{
    ledger_turn_end(w->l);
}

void world_turn(struct ledger_world *w)
{
    world_begin(w);
    world_end(w);
}

bool world_commit(struct ledger_world *w)
{
    struct store_batch *b = w->flying;
    enum err_code rc;
    struct err err;

    if (b == NULL) {
        return false;
    }
    w->flying = NULL;
    w->commits++;
    rc = store_write(w->store, b, &err);
    world_begin(w);
    ledger_commit_done(w->l, rc, &err);
    if (rc == OK) {
        world_end(w);
    }
    return true;
}

/* ---- the object store ---- */

struct world_object *world_object(struct ledger_world *w, const char *key)
{
    for (size_t i = 0; i < w->object_count; i++) {
        if (strcmp(w->objects[i].key, key) == 0) {
            return &w->objects[i];
        }
    }
    return NULL;
}

static struct world_upload *upload_find(struct ledger_world *w, struct slice id)
{
    for (size_t i = 0; i < w->upload_count; i++) {
        if (slice_eq_str(id, w->uploads[i].id)) {
            return &w->uploads[i];
        }
    }
    return NULL;
}

static void object_put(struct ledger_world *w, const struct world_upload *u)
{
    struct world_object *o = world_object(w, u->key);

    if (o == NULL) {
        w->objects = mem_realloc(w->objects, (w->object_count + 1) * sizeof(*o));
        o = &w->objects[w->object_count++];
        *o = (struct world_object){0};
        memcpy(o->key, u->key, sizeof(o->key));
    }
    memcpy(o->mark, u->mark, sizeof(o->mark));
    o->writes++;
}

static enum err_code object_complete_now(struct ledger_world *w, const struct object_request *r)
{
    struct world_upload *u = upload_find(w, r->upload_id);
    const struct world_object *o;

    assert_non_null(u);
    if (u->state == UPLOAD_OPEN) {
        u->state = UPLOAD_DONE;
        object_put(w, u);
        return OK;
    }
    o = world_object(w, u->key);
    return o != NULL && slice_eq_str(r->mark, o->mark) ? OK : ERR_NOT_FOUND;
}

static enum err_code object_do(struct ledger_world *w, const struct object_request *r)
{
    struct world_upload *u = upload_find(w, r->upload_id);

    if (r->kind == OBJECT_COMPLETE) {
        return object_complete_now(w, r);
    }
    if (u != NULL && u->state == UPLOAD_OPEN) {
        u->state = UPLOAD_GONE;
    }
    return OK;
}

bool world_objects(struct ledger_world *w)
{
    size_t count = w->request_count;

    if (count == 0) {
        return false;
    }
    w->request_count = 0;
    world_begin(w);
    for (size_t i = 0; i < count; i++) {
        struct object_request *r = w->requests[i];

        r->rc = w->store_down ? err_set(&r->err, ERR_UNAVAILABLE, "the store is away")
                              : object_do(w, r);
        if (w->lose_answers) {
            r->rc = err_set(&r->err, ERR_TIMED_OUT, "no answer");
        }
        ledger_object_done(w->l, r);
    }
    world_end(w);
    return true;
}

void world_settle(struct ledger_world *w)
{
    bool more = true;

    for (unsigned i = 0; more; i++) {
        assert_true(i < 100000);
        more = world_commit(w);
        more = world_objects(w) || more;
        more = (!w->hold_calls && world_calls(w)) || more;
        if (!more && ledger_wait_ms(w->l, w->now) == 0) {
            world_turn(w);
            more = true;
        }
    }
}

/* Workers are heard of; polls that have been parked for long are answered. */
static void keep_alive(struct ledger_world *w)
{
    for (unsigned i = 0; i < WORLD_WORKERS; i++) {
        struct world_worker *k = &w->workers[i];

        if (k->w != NULL) {
            fleet_worker_seen(w->l->fleet, k->w, w->now);
        }
        if (k->parked && w->now.mono_ms - k->parked_ms >= LIMIT_POLL_MS) {
            world_answer_poll(k);
        }
    }
}

void world_advance(struct ledger_world *w, int64_t ms)
{
    world_settle(w);
    while (ms > 0) {
        int64_t step = ledger_wait_ms(w->l, w->now);

        step = step < 0 || step > ms ? ms : step > 0 ? step : 1;
        w->now.wall_ms += step;
        w->now.mono_ms += step;
        ms -= step;
        world_begin(w);
        keep_alive(w);
        world_end(w);
        world_settle(w);
    }
}

/* ---- operations ---- */

struct ledger_machine *
world_machine(struct ledger_world *w, const char *name, bool express, const char *definition)
{
    const struct asl_options options = {
        .express = express,
        .bound = w->config.bound,
        .arg = w->config.bound_arg,
    };
    const struct machine_settings settings = {.role_arn = SLICE("role")};
    struct asl_diagnostics found = {0};
    struct asl_machine *parsed;
    struct ledger_machine *m;
    struct err err;

    world_begin(w);
    if (asl_machine_parse(slice_str(definition), &options, ledger_turn_arena(w->l), &found, &parsed,
                          &err) != OK) {
        fail_msg("%s", err.msg);
    }
    m = ledger_machine_put(w->l, ledger_machine_find(w->l, slice_str(name)), slice_str(name),
                           express, &settings, parsed);
    world_end(w);
    return m;
}

enum err_code world_start(struct ledger_world *w,
                          const char *machine,
                          const char *name,
                          const char *input,
                          bool synchronous,
                          uint64_t *id)
{
    struct ledger_machine *m = ledger_machine_find(w->l, slice_str(machine));
    struct arena *a = ledger_turn_arena(w->l);
    struct ledger_start s = {
        .machine = m,
        .name = slice_str(name),
        .input = slice_str(input),
        .synchronous = synchronous,
    };
    struct err err;

    s.arn =
        m->express
            ? arena_printf(a, "arn:aws:states:eu-x-1:000000000042:express:%s:%s:u-%llu", machine,
                           name, (unsigned long long)world_random(w, UINT64_MAX))
            : arena_printf(a, "arn:aws:states:eu-x-1:000000000042:execution:%s:%s", machine, name);
    if (!m->express && ledger_execution_find(w->l, m, s.name, id, &err) == OK) {
        return ERR_EXECUTION_EXISTS;
    }
    return ledger_start(w->l, &s, id, &err);
}

uint64_t world_started(struct ledger_world *w, const char *machine, const char *name)
{
    uint64_t id = 0;

    world_begin(w);
    assert_int_equal(world_start(w, machine, name, "{}", false, &id), OK);
    world_end(w);
    return id;
}

static void wait_gone(struct ledger_wait *wait)
{
    struct world_wait *x = container_of(wait, struct world_wait, wait);

    assert_false(x->gone); /* exactly once */
    x->gone = true;
}

struct world_wait *world_wait(struct ledger_world *w)
{
    struct world_wait *x = mem_zalloc(1, sizeof(*x));

    x->wait.durable = wait_gone;
    list_push_back(&w->waits, &x->link);
    ledger_wait_durable(w->l, &x->wait);
    return x;
}
