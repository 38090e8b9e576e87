/* SPDX-License-Identifier: Apache-2.0 */
/* See job_world.h. */
#include "tests/lib/job_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/arena.h"
#include "proto/base/hash.h"
#include "proto/base/limits.h"

enum {
    BEGIN_MS = 50,   /* a piece's beginning takes so long */
    LEASE_MS = 3000, /* until a dead worker counts as lost */
    COMMIT_MS = 100,
    LIVE_MAX = 1024,
    JOIN_BYTES = 4 * 1024 * 1024,
    RECORD_BYTES = 1000,
};

struct live {
    struct token token; /* counter 0: free */
    unsigned worker;
    uint32_t piece;
    int64_t begun_ms;
    int64_t reported_ms;
    int64_t lost_ms; /* its worker is dead: known then; 0: it is not */
    double size;
    double done;
    double pace;     /* times its worker's speed */
    double fails_at; /* bytes; below 0: it does not */
    bool committing;
    bool second;
};

/* What has happened to a piece, as the world saw it. */
struct seen {
    bool granted;
    bool done;
    struct token winner;
    unsigned live;
};

struct world {
    const struct job_world_config *c;
    struct job_world_result result;
    struct job_world_worker workers[JOB_WORLD_WORKERS];
    char names[JOB_WORLD_WORKERS][16];
    struct job_run *run;
    struct live live[LIVE_MAX];
    struct seen *seen; /* of the phase */
    uint64_t *sizes;
    uint64_t random;
    int64_t now_ms;
    int64_t map_ms;
    uint64_t counter;
    struct token late; /* an attempt that was cancelled, and may yet report */
    /* The disk. */
    struct arena arena;
    struct job_run_header header;
    struct job_piece_state *rows;
    uint32_t row_cap;
};

static const struct slice counter_name = SLICE_INIT("pieces");

#define CHECK(w, condition)                                                                        \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: seed %llu at %lld ms: %s\n", __FILE__, __LINE__,         \
                          (unsigned long long)(w)->c->seed, (long long)since(w), #condition);      \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static int64_t since(const struct world *w)
{
    return w->now_ms - JOB_WORLD_START_MS;
}

static uint64_t chance(struct world *w, uint64_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (w->random * 0x2545f4914f6cdd1dU >> 16) % below;
}

static bool happens(struct world *w, unsigned share, unsigned of)
{
    return share != 0 && since(w) < w->c->faults_until && chance(w, of) < share;
}

static unsigned by_name(struct world *w, struct slice name)
{
    unsigned i = 0;

    while (i < w->c->worker_count && !slice_eq_str(name, w->names[i])) {
        i++;
    }
    CHECK(w, i < w->c->worker_count);
    return i;
}

/* ---- The disk ---- */

/* Names outlast the run that wrote them. */
static struct slice kept(struct world *w, struct slice name)
{
    return name.len == 0 ? SLICE("") : slice_str(w->names[by_name(w, name)]);
}

static void write_header(struct world *w)
{
    const struct job_run_header *h = job_run_header(w->run);
    struct job_counter *counters = ARENA_ARRAY(&w->arena, h->counter_count, struct job_counter);

    for (size_t i = 0; i < h->counter_count; i++) {
        counters[i] = (struct job_counter){counter_name, h->counters[i].value};
    }
    w->header = *h;
    w->header.counters = counters;
    w->header.error = arena_copy(&w->arena, h->error);
    w->header.cause = arena_copy(&w->arena, h->cause);
}

static void write_row(struct world *w, const struct job_piece_state *row)
{
    struct job_piece_state *on_disk = &w->rows[row->piece];

    *on_disk = *row;
    on_disk->avoid = kept(w, row->avoid);
    on_disk->worker = kept(w, row->worker);
    for (uint32_t i = 0; i < row->live_count; i++) {
        on_disk->live[i].worker = kept(w, row->live[i].worker);
    }
    if (row->result.counter_count != 0) {
        struct job_counter *c = ARENA_NEW(&w->arena, struct job_counter);

        *c = (struct job_counter){counter_name, row->result.counters[0].value};
        on_disk->result.counters = c;
    }
}

/* ---- The model ---- */

static void check_row(struct world *w, uint32_t piece)
{
    const struct seen *seen = &w->seen[piece];
    const struct job_piece_state *disk = &w->rows[piece];
    struct job_piece_state row;

    job_run_piece(w->run, piece, &row);
    CHECK(w, row.live_count == seen->live);
    CHECK(w, (row.status == JOB_PIECE_DONE) == seen->done);
    CHECK(w, !seen->done || token_eq(row.winner, seen->winner));
    CHECK(w, seen->granted || row.status == JOB_PIECE_FRESH || w->header.phase == JOB_CLEAN);
    if (seen->granted) {
        CHECK(w, disk->status == row.status && disk->failures == row.failures);
        CHECK(w, disk->losses == row.losses && disk->due_ms == row.due_ms);
        CHECK(w, disk->live_count == row.live_count && slice_eq(disk->avoid, row.avoid));
        CHECK(w, seen->done || disk->extra == row.extra);
    }
    for (uint32_t i = 0; i < row.live_count; i++) {
        CHECK(w, token_eq(disk->live[i].token, row.live[i].token));
        CHECK(w, slice_eq(disk->live[i].worker, row.live[i].worker));
    }
}

static void check_world(struct world *w)
{
    const struct job_run_header *h = job_run_header(w->run);
    const char *why = job_run_check(w->run);
    uint32_t attempts = 0;

    if (why != NULL) {
        (void)fprintf(stderr, "%s\n", why);
        CHECK(w, why == NULL);
    }
    CHECK(w, h->phase == w->header.phase && h->state == w->header.state);
    for (uint32_t i = 0; i < h->pieces; i++) {
        check_row(w, i);
        attempts += w->seen[i].live;
    }
    CHECK(w, attempts == job_run_counts(w->run).attempts);
}

/* ---- What an outcome asks for ---- */

static struct live *find_live(struct world *w, struct token token)
{
    for (size_t i = 0; i < LIVE_MAX; i++) {
        if (w->live[i].token.counter != 0 && token_eq(w->live[i].token, token)) {
            return &w->live[i];
        }
    }
    return NULL;
}

static void live_over(struct world *w, struct live *l)
{
    CHECK(w, w->workers[l->worker].live > 0);
    w->workers[l->worker].live--;
    l->token = (struct token){0, 0};
}

static void cancel(struct world *w, const struct job_cancel *c, bool same_phase)
{
    struct live *l = find_live(w, c->token);

    CHECK(w, l != NULL && l->piece == c->piece && by_name(w, c->worker) == l->worker);
    if (same_phase || w->seen[l->piece].done) {
        w->result.extra_bytes += (uint64_t)(l->done < l->size ? l->done : l->size);
    }
    if (w->seen[l->piece].live > 0) {
        w->seen[l->piece].live--;
    }
    w->late = l->token;
    live_over(w, l);
}

static void begin_phase(struct world *w)
{
    const struct job_run_header *h = job_run_header(w->run);

    for (uint32_t i = 0; i < w->row_cap; i++) {
        w->seen[i] = (struct seen){.granted = false};
        w->rows[i] = (struct job_piece_state){.status = JOB_PIECE_FRESH};
    }
    if (h->phase == JOB_MAP) {
        w->map_ms = w->now_ms;
    }
}

/* Everything is written before anything is done. */
static void obey(struct world *w, const struct job_outcome *out)
{
    enum job_phase before = w->header.phase;

    w->result.events++;
    if (out->has_row) {
        CHECK(w, out->row.phase == before);
        write_row(w, &out->row);
    }
    if (out->header) {
        CHECK(w, !job_state_is_end(w->header.state) || !out->ended);
        write_header(w);
    }
    for (size_t i = 0; i < out->cancel_count; i++) {
        cancel(w, &out->cancels[i], before == w->header.phase);
    }
    if (before != w->header.phase) {
        begin_phase(w);
    }
    if (out->ended) {
        w->result.took_ms = w->now_ms - w->map_ms;
        w->result.state = w->header.state;
    }
    check_world(w);
}

/* ---- The coordinator's restart ---- */

static bool same_counts(struct job_run_counts a, struct job_run_counts b)
{
    return a.fresh == b.fresh && a.waiting == b.waiting && a.live == b.live && a.done == b.done &&
           a.attempts == b.attempts && a.bytes == b.bytes && a.extra == b.extra;
}

static bool same_result(struct job_result a, struct job_result b)
{
    return a.bytes_in == b.bytes_in && a.bytes_out == b.bytes_out && a.records_in == b.records_in &&
           a.records_out == b.records_out && a.rejected == b.rejected &&
           a.counter_count == b.counter_count &&
           (a.counter_count == 0 || a.counters[0].value == b.counters[0].value);
}

static void restart(struct world *w)
{
    struct job_run *again = NULL;
    struct err err = {0};

    CHECK(w, job_run_restore(&w->c->settings, &w->header, w->sizes, &again, &err) == OK);
    for (uint32_t i = 0; i < w->header.pieces; i++) {
        if (w->rows[i].status != JOB_PIECE_FRESH) {
            CHECK(w, job_run_restore_piece(again, &w->rows[i], &err) == OK);
        }
    }
    CHECK(w, job_run_restored(again, &err) == OK);
    CHECK(w, same_counts(job_run_counts(again), job_run_counts(w->run)));
    for (unsigned phase = 0; phase < JOB_PHASES; phase++) {
        CHECK(w, same_result(job_run_result(again, (enum job_phase)phase),
                             job_run_result(w->run, (enum job_phase)phase)));
    }
    job_run_free(w->run);
    w->run = again;
    w->result.restarts++;
    check_world(w);
}

/* ---- Work ---- */

static double piece_size(struct world *w, uint32_t piece)
{
    switch (job_run_header(w->run)->phase) {
    case JOB_MAP: return (double)w->sizes[piece];
    case JOB_REDUCE:
        return (double)job_run_result(w->run, JOB_MAP).bytes_out /
               (double)job_run_header(w->run)->partitions;
    case JOB_JOIN: return JOIN_BYTES;
    case JOB_PLAN:
    case JOB_CLEAN:
    case JOB_OVER: break;
    }
    return 1;
}

static void grant(struct world *w, unsigned worker, uint32_t piece, bool second)
{
    struct job_outcome out;
    struct live *l = w->live;

    while (l->token.counter != 0) {
        l++;
        CHECK(w, l < w->live + LIVE_MAX);
    }
    *l = (struct live){.token = {1, ++w->counter},
                       .worker = worker,
                       .piece = piece,
                       .begun_ms = w->now_ms,
                       .reported_ms = w->now_ms,
                       .size = piece_size(w, piece),
                       .pace = 1 + w->c->uneven * ((double)chance(w, 2001) / 1000 - 1),
                       .fails_at = -1,
                       .second = second};
    if (happens(w, w->workers[worker].fail, 1000)) {
        l->fails_at = l->size * (double)chance(w, 100) / 100;
    }
    CHECK(w, w->seen[piece].live == (second ? 1u : 0u) && !w->seen[piece].done);
    w->seen[piece].granted = true;
    w->seen[piece].live++;
    w->workers[worker].live++;
    w->result.second += second ? 1 : 0;
    job_run_granted(w->run, piece, l->token, slice_str(w->names[worker]), w->now_ms, &out);
    obey(w, &out);
    if (happens(w, w->c->give_back, 1000)) {
        struct token token = l->token;

        w->seen[piece].live--;
        live_over(w, l);
        job_run_returned(w->run, token, w->now_ms, &out);
        CHECK(w, !out.stale);
        obey(w, &out);
    }
}

static void succeed(struct world *w, struct live *l)
{
    struct job_counter one = {counter_name, 1};
    struct job_result result = {.bytes_in = (uint64_t)l->size,
                                .bytes_out = (uint64_t)l->size,
                                .records_in = (uint64_t)l->size / RECORD_BYTES,
                                .records_out = (uint64_t)l->size / RECORD_BYTES,
                                .counters = &one,
                                .counter_count = 1};
    struct token token = l->token;
    struct seen *seen = &w->seen[l->piece];
    struct job_outcome out;

    CHECK(w, !seen->done);
    seen->done = true;
    seen->winner = token;
    seen->live--;
    live_over(w, l);
    if (job_run_header(w->run)->phase == JOB_PLAN) {
        job_run_planned(w->run, token, w->sizes, w->c->shards, w->c->partitions, w->now_ms, &out);
    } else {
        result.rejected = happens(w, w->c->bad_record, 1000) ? 1 : 0;
        job_run_succeeded(w->run, token, &result, w->now_ms, &out);
    }
    CHECK(w, !out.stale);
    obey(w, &out);
}

static void fail(struct world *w, struct live *l, bool lost)
{
    struct token token = l->token;
    struct job_outcome out;

    w->seen[l->piece].live--;
    live_over(w, l);
    if (lost) {
        w->result.lost++;
        job_run_lost(w->run, token, w->now_ms, &out);
    } else {
        w->result.failed++;
        job_run_failed(w->run, token, SLICE("Handler.Failed"), SLICE("by chance"), w->now_ms, &out);
    }
    CHECK(w, !out.stale);
    obey(w, &out);
}

/* JOIN's output goes through an intent first. */
static void finish(struct world *w, struct live *l)
{
    struct job_outcome out;

    if (job_run_header(w->run)->phase != JOB_JOIN) {
        succeed(w, l);
    } else if (!l->committing) {
        l->committing = true;
        l->reported_ms = w->now_ms;
        job_run_committing(w->run, l->token, &out);
        obey(w, &out);
    } else if (w->now_ms - l->reported_ms >= COMMIT_MS) {
        if (happens(w, 50, 1000)) {
            fail(w, l, false);
        } else {
            succeed(w, l);
        }
    }
}

static bool stands_still(const struct world *w, const struct job_world_worker *worker)
{
    return since(w) >= worker->still_from && since(w) < worker->still_to;
}

static void work(struct world *w, struct live *l)
{
    struct job_world_worker *worker = &w->workers[l->worker];

    if (l->lost_ms != 0) {
        if (w->now_ms >= l->lost_ms) {
            fail(w, l, true);
        }
        return;
    }
    if (w->now_ms - l->begun_ms >= BEGIN_MS && !stands_still(w, worker)) {
        l->done += worker->speed * l->pace * JOB_WORLD_STEP_MS;
    }
    if (l->fails_at >= 0 && l->done >= l->fails_at) {
        fail(w, l, false);
    } else if (l->done >= l->size) {
        finish(w, l);
    } else if (w->c->report_ms != 0 && w->now_ms - l->reported_ms >= w->c->report_ms) {
        l->reported_ms = w->now_ms;
        CHECK(w, job_run_progress(w->run, l->token, (uint64_t)l->done, w->now_ms));
    }
}

/* ---- Tickets ---- */

static bool is_avoided(struct world *w, const struct job_ticket *t, unsigned worker)
{
    for (size_t i = 0; i < t->avoid_count; i++) {
        if (by_name(w, t->avoid[i]) == worker) {
            return true;
        }
    }
    return false;
}

/* A worker with a free slot that may take the ticket, by chance; worker_count: none. */
static unsigned taker(struct world *w, const struct job_ticket *t)
{
    unsigned count = w->c->worker_count;
    unsigned first = (unsigned)chance(w, count);

    for (unsigned i = 0; i < count; i++) {
        unsigned n = (first + i) % count;
        struct job_world_worker *worker = &w->workers[n];

        if (worker->live < worker->slots && w->now_ms >= worker->away_until &&
            !is_avoided(w, t, n)) {
            return n;
        }
    }
    return count;
}

static void hand_out(struct world *w)
{
    unsigned refused = 0;

    for (;;) {
        struct job_ticket t;
        enum job_want kind;
        uint32_t piece;
        unsigned n;

        job_run_ticket(w->run, w->now_ms, &t);
        n = t.wanted ? taker(w, &t) : w->c->worker_count;
        if (n == w->c->worker_count) {
            return;
        }
        kind = job_run_want(w->run, slice_str(w->names[n]), w->now_ms, &piece);
        if (kind == JOB_WANT_NOTHING) {
            /* It must be avoided from now on: the ticket does not come to it again. */
            CHECK(w, ++refused <= w->c->worker_count);
            continue;
        }
        grant(w, n, piece, kind == JOB_WANT_SPECULATION);
    }
}

/* ---- Steps ---- */

static void kill_worker(struct world *w, unsigned n)
{
    w->workers[n].away_until = w->now_ms + LEASE_MS + (int64_t)chance(w, 5000);
    for (size_t i = 0; i < LIVE_MAX; i++) {
        struct live *l = &w->live[i];

        if (l->token.counter != 0 && l->worker == n && l->lost_ms == 0 && !l->committing) {
            l->lost_ms = w->now_ms + LEASE_MS;
        }
    }
}

/* Somebody reports an attempt that was cancelled. */
static void report_late(struct world *w)
{
    struct job_result nothing = {0};
    struct job_outcome out;

    if (w->late.counter != 0 && job_run_header(w->run)->phase != JOB_PLAN) {
        job_run_succeeded(w->run, w->late, &nothing, w->now_ms, &out);
        CHECK(w, out.stale && !out.header && !out.has_row && out.cancel_count == 0);
        CHECK(w, !job_run_progress(w->run, w->late, 1, w->now_ms));
        w->late = (struct token){0, 0};
        w->result.stale++;
        check_world(w);
    }
}

static void step(struct world *w)
{
    struct job_outcome out;

    for (size_t i = 0; i < LIVE_MAX; i++) {
        if (w->live[i].token.counter != 0) {
            work(w, &w->live[i]);
        }
    }
    report_late(w);
    if (job_run_wait_ms(w->run, w->now_ms) == 0) {
        job_run_tick(w->run, w->now_ms, &out);
        obey(w, &out);
    }
    if (w->c->stop_ms != 0 && since(w) == w->c->stop_ms) {
        job_run_stop(w->run, w->now_ms, &out);
        obey(w, &out);
    }
    hand_out(w);
    if (happens(w, w->c->kill, 10000)) {
        kill_worker(w, (unsigned)chance(w, w->c->worker_count));
    }
    if (happens(w, w->c->restart, 1000)) {
        restart(w);
    }
    w->now_ms += JOB_WORLD_STEP_MS;
}

static void open_world(struct world *w, const struct job_world_config *c)
{
    struct job_outcome out;

    w->c = c;
    w->random = hash_u64(c->seed + 1) | 1;
    w->now_ms = JOB_WORLD_START_MS;
    w->row_cap = c->shards + LIMIT_JOB_PARTITIONS + 2;
    w->seen = mem_zalloc(w->row_cap, sizeof(*w->seen));
    w->rows = mem_zalloc(w->row_cap, sizeof(*w->rows));
    w->sizes = mem_zalloc(c->shards + 1, sizeof(*w->sizes));
    memcpy(w->workers, c->workers, sizeof(w->workers));
    for (uint32_t i = 0; i < c->shards; i++) {
        w->sizes[i] = c->bytes_min + chance(w, c->bytes_max - c->bytes_min + 1);
        w->result.bytes += w->sizes[i];
    }
    for (unsigned i = 0; i < c->worker_count; i++) {
        (void)snprintf(w->names[i], sizeof(w->names[i]), "w%u", i);
    }
    arena_init(&w->arena);
    w->run = job_run_new(&c->settings, w->now_ms);
    write_header(w);
    job_run_begin(w->run, w->now_ms, &out);
    obey(w, &out);
}

static void close_world(struct world *w)
{
    job_run_free(w->run);
    arena_fini(&w->arena);
    mem_free(w->seen);
    mem_free(w->rows);
    mem_free(w->sizes);
}

struct job_world_result job_world_run(const struct job_world_config *c, int64_t bound_ms)
{
    struct world *w = mem_zalloc(1, sizeof(*w));
    struct job_world_result result;

    open_world(w, c);
    while (job_run_header(w->run)->phase != JOB_OVER) {
        CHECK(w, since(w) < bound_ms);
        step(w);
    }
    CHECK(w, job_run_counts(w->run).attempts == 0);
    CHECK(w, job_run_wait_ms(w->run, w->now_ms) == -1);
    if (w->result.state == JOB_SUCCEEDED) {
        const struct job_run_header *h = job_run_header(w->run);

        CHECK(w, h->done[JOB_MAP].bytes_in == w->result.bytes);
        CHECK(w, h->counter_count == 1 && h->counters[0].value >= (uint64_t)c->shards + 1);
    }
    result = w->result;
    close_world(w);
    mem_free(w);
    return result;
}

void job_world_workers(struct job_world_config *c,
                       unsigned count,
                       unsigned slots,
                       unsigned slow,
                       double factor)
{
    c->worker_count = count;
    for (unsigned i = 0; i < count; i++) {
        c->workers[i] = (struct job_world_worker){.speed = 16.0 * 1024 / (i < slow ? factor : 1),
                                                  .slots = slots};
    }
}

struct job_world_config job_world_config(uint64_t seed, uint32_t shards)
{
    return (struct job_world_config){
        .seed = seed,
        .shards = shards,
        .bytes_min = 4 * 1024 * 1024,
        .bytes_max = 28 * 1024 * 1024,
        .settings = {.timeout_ms = INT64_C(7) * 24 * 3600 * 1000,
                     .retry = {4, 1000, 2.0, 60000},
                     .bad_records = {.policy = JOB_BAD_RECORDS_REJECT},
                     .speculate = true,
                     .clean_again_ms = 10000},
        .uneven = 0.2,
        .report_ms = 500,
    };
}
