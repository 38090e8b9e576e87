/* SPDX-License-Identifier: Apache-2.0 */
/* What a run of many empty shards costs the coordinator: the real ledger over RocksDB, workers
 * played here that report all they were given in each turn, batches written between turns. Prints
 * processor time a shard (the writer's own, and with its batches' writing), the longest turn,
 * memory, a restart in the midst of it, and what the end leaves.
 *
 * usage: bench_job_ledger DIR [shards [workers [slots]]]     DIR must be empty */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "coordinator/ledger/run.h"

enum { ACCOUNT = 42, PARTITIONS = 16 };

struct bench {
    struct ledger *l;
    struct store *store;
    struct store_batch *flying;
    struct object_request *object;
    struct fleet_now now;
    size_t shards;
    unsigned workers;
    unsigned slots;
    struct fleet_worker **w;
    struct token **tokens; /* of each worker, what it has */
    enum job_phase **phases;
    size_t *held;
    uint64_t lease_bytes;
    uint64_t done;
    /* Figures. */
    int64_t turn_ns;  /* processor time of turns, */
    int64_t write_ns; /* of writing */
    int64_t longest_ns;
    uint64_t turns;
};

static int64_t cpu_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static _Noreturn void die(const struct err *err)
{
    (void)fprintf(stderr, "bench_job_ledger: %s\n", err->msg);
    exit(1);
}

static size_t resident_kib(void)
{
    char line[128];
    size_t kib = 0;
    FILE *f = fopen("/proc/self/status", "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        (void)sscanf(line, "VmRSS: %zu", &kib);
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return kib;
}

/* ---- the shell ---- */

static void hook_commit(void *arg, struct store_batch *batch)
{
    ((struct bench *)arg)->flying = batch;
}

static void hook_object(void *arg, struct object_request *r)
{
    ((struct bench *)arg)->object = r;
}

static void hook_failed(void *arg, const struct err *err)
{
    (void)arg;
    die(err);
}

static void hook_mail(void *arg, struct fleet_worker *w)
{
    (void)arg;
    (void)w;
}

static void hook_moved(void *arg, uint64_t execution)
{
    (void)arg;
    (void)execution;
}

static void hook_call(void *arg, struct ledger_call *c)
{
    (void)arg;
    (void)c;
}

static void hook_activity(void *arg, struct ledger_activity *a)
{
    (void)arg;
    (void)a;
}

static int64_t turn_begin(struct bench *b)
{
    int64_t from = cpu_ns();

    b->now.wall_ms++;
    b->now.mono_ms++;
    ledger_turn_begin(b->l, b->now);
    if (b->object != NULL) {
        b->object->rc = OK;
        ledger_object_done(b->l, b->object);
        b->object = NULL;
    }
    return from;
}

static void turn_end(struct bench *b, int64_t from)
{
    int64_t took;

    ledger_turn_end(b->l);
    took = cpu_ns() - from;
    b->turn_ns += took;
    b->turns++;
    if (took > b->longest_ns) {
        b->longest_ns = took;
    }
}

static void write_batch(struct bench *b)
{
    struct store_batch *batch = b->flying;
    int64_t from = cpu_ns();
    struct err err;

    if (batch == NULL) {
        return;
    }
    b->flying = NULL;
    if (store_write(b->store, batch, &err) != OK) {
        die(&err);
    }
    b->write_ns += cpu_ns() - from;
    from = cpu_ns();
    ledger_commit_done(b->l, OK, NULL);
    b->turn_ns += cpu_ns() - from;
}

/* ---- workers ---- */

static void hello(struct bench *b, unsigned i)
{
    const struct fleet_offer offers[] = {{SLICE("h"), b->slots},
                                         {SLICE("stepfleet:job"), b->slots}};
    char name[32];
    struct fleet_hello h = {
        .instance = 100 + i, .slots = b->slots, .offers = offers, .offer_count = 2};
    struct err err;

    (void)snprintf(name, sizeof(name), "worker-%04u.example", i);
    h.name = slice_str(name);
    h.version = SLICE("1");
    h.labels = SLICE("{}");
    if (ledger_worker_hello(b->l, &h, &b->w[i], &err) != OK) {
        die(&err);
    }
    fleet_worker_carries(ledger_fleet(b->l), b->w[i], 1);
}

static void take(struct bench *b, unsigned i)
{
    struct ledger_lease *leases;
    struct token *drops;
    size_t count;
    size_t drop_count;

    ledger_worker_feed(b->l, b->w[i]);
    ledger_take_mail(b->l, b->w[i], &leases, &count, &drops, &drop_count);
    for (size_t n = 0; n < count; n++) {
        b->tokens[i][b->held[i]] = leases[n].token;
        b->phases[i][b->held[i]++] = leases[n].piece->phase;
        b->lease_bytes += leases[n].payload.len + leases[n].piece->winners.len;
    }
}

static void join(struct bench *b, unsigned i, struct token token)
{
    static struct ledger_commit c;
    struct job_result did = {.bytes_out = 1};
    struct task_output o = {
        .bucket = SLICE("b"),
        .key = SLICE("out/j"),
        .upload_id = SLICE("u"),
        .mark = SLICE("m"),
    };
    struct buf parts = {0};
    struct err err;

    list_init(&c.link);
    parts_encode(&parts, 1, 5, SLICE("etag"));
    if (ledger_task_upload(b->l, b->w[i], token, &o, &err) != OK ||
        ledger_task_commit(b->l, b->w[i], token, SLICE("{}"), &did, buf_slice(&parts), &c, &err) !=
            OK) {
        die(&err);
    }
    ledger_commit_forget(&c);
    buf_fini(&parts);
}

static void report(struct bench *b, unsigned i, struct buf *sizes)
{
    struct ledger_piece_done done = {.result = {.bytes_in = 1, .records_in = 1, .records_out = 1},
                                     .partitions = PARTITIONS};
    size_t count = b->held[i];
    struct err err;

    b->held[i] = 0;
    for (size_t n = 0; n < count; n++) {
        done.sizes = b->phases[i][n] == JOB_PLAN ? buf_slice(sizes) : SLICE("");
        if (b->phases[i][n] == JOB_JOIN) {
            join(b, i, b->tokens[i][n]);
        } else if (ledger_piece_succeed(b->l, b->w[i], b->tokens[i][n], &done, &err) != OK) {
            die(&err);
        }
        b->done++;
    }
}

/* One report of each worker, a turn each; the batch is written after every eighth. */
static void round_of_reports(struct bench *b, struct buf *sizes)
{
    for (unsigned i = 0; i < b->workers; i++) {
        int64_t from = turn_begin(b);

        fleet_worker_seen(ledger_fleet(b->l), b->w[i], b->now);
        report(b, i, sizes);
        take(b, i);
        turn_end(b, from);
        if (i % 8 == 7 || i + 1 == b->workers) {
            write_batch(b);
        }
    }
}

static void idle(struct bench *b, int64_t ms)
{
    enum { STEP_MS = 2000 };

    for (; ms > 0; ms -= STEP_MS) {
        int64_t from;

        b->now.wall_ms += STEP_MS;
        b->now.mono_ms += STEP_MS;
        from = turn_begin(b);
        for (unsigned i = 0; i < b->workers; i++) {
            fleet_worker_seen(ledger_fleet(b->l), b->w[i], b->now);
        }
        turn_end(b, from);
        write_batch(b);
    }
    for (int i = 0;
         i < 1000000 && (i == 0 || b->flying != NULL || ledger_wait_ms(b->l, b->now) == 0); i++) {
        turn_end(b, turn_begin(b));
        write_batch(b);
    }
}

/* ---- the run ---- */

static void tell(struct bench *b, const char *what, uint64_t pieces)
{
    (void)printf("%-28s %7.2f us  %7.2f us with writing   longest turn %6.2f ms   %6llu turns   "
                 "resident %zu MiB\n",
                 what, (double)b->turn_ns / 1000 / (double)pieces,
                 (double)(b->turn_ns + b->write_ns) / 1000 / (double)pieces,
                 (double)b->longest_ns / 1e6, (unsigned long long)b->turns, resident_kib() / 1024);
    b->turn_ns = b->write_ns = b->longest_ns = 0;
    b->turns = 0;
}

static void open_ledger(struct bench *b)
{
    static const struct ledger_config config = {
        .account = ACCOUNT,
        .region = "us-east-1",
        .fleet = {.lease_ms = 15000, .no_function_ms = 60000},
        .objects = true,
        .seed = 1,
        .secret = SLICE_INIT("0123456789abcdef0123456789abcdef"),
    };
    struct ledger_hooks hooks = {b,         hook_commit, hook_object, hook_mail,     hook_moved,
                                 hook_mail, hook_call,   hook_call,   hook_activity, hook_failed};
    int64_t from = cpu_ns();
    struct err err;

    if (ledger_open(&config, b->store, &hooks, b->now, &b->l, &err) != OK) {
        die(&err);
    }
    (void)printf("%-28s %7.2f ms\n", "open", (double)(cpu_ns() - from) / 1e6);
    for (unsigned i = 0; i < b->workers; i++) {
        b->held[i] = 0;
        hello(b, i);
    }
}

static uint64_t start(struct bench *b, const char *definition)
{
    struct ledger_run_start s = {.overrides = {.timeout_minutes = -1, .workers = -1}};
    int64_t from = turn_begin(b);
    uint64_t number;
    struct slice id;
    struct err err;

    if (ledger_job_put(b->l, SLICE("j"), slice_str(definition), &s.job, &err) != OK ||
        json_parse(
            SLICE("{\"--input-bucket\":\"b\",\"--input-key\":\"k\",\"--output-key\":\"out/j\"}"),
            ledger_turn_arena(b->l), &s.arguments, &err) != OK ||
        ledger_run_start(b->l, &s, &number, &id, &err) != OK) {
        die(&err);
    }
    turn_end(b, from);
    write_batch(b);
    return number;
}

static struct job_run_header header(struct bench *b, uint64_t run)
{
    struct ledger_run_view v;
    struct job_run_header h;
    struct err err;

    if (ledger_run_view(b->l, run, &v, &err) != OK) {
        die(&err);
    }
    h = v.row->header;
    if (v.core != NULL) {
        h = *job_run_header(v.core);
    }
    return h;
}

static void to_phase(struct bench *b, uint64_t run, enum job_phase phase, struct buf *sizes)
{
    while (header(b, run).phase < phase) {
        round_of_reports(b, sizes);
        idle(b, 0);
    }
}

/* A lost coordinator: what was not written is gone, workers say hello to the next one. */
static void restart(struct bench *b)
{
    write_batch(b);
    ledger_abandon_flight(b->l);
    ledger_close(b->l);
    open_ledger(b);
    tell(b, "(restart)", 1);
    for (unsigned i = 0; i < b->workers; i++) { /* what they hold is told them again */
        int64_t from = turn_begin(b);

        ledger_worker_holds(b->l, b->w[i], NULL, 0);
        take(b, i);
        turn_end(b, from);
    }
    write_batch(b);
}

static void run(struct bench *b, const char *definition, bool restarts)
{
    struct buf sizes = {0};
    uint64_t number;

    for (size_t i = 0; i < b->shards; i++) {
        buf_put_varint(&sizes, 0);
    }
    number = start(b, definition);
    b->lease_bytes = 0;
    to_phase(b, number, JOB_MAP, &sizes);
    tell(b, "plan", 1);
    while (b->done < b->shards / 2) {
        round_of_reports(b, &sizes);
    }
    tell(b, "map, a shard", b->shards / 2);
    if (restarts) {
        restart(b);
    }
    b->turn_ns = b->write_ns = b->longest_ns = 0;
    b->turns = 0;
    to_phase(b, number, JOB_CLEAN, &sizes);
    tell(b, "the second half, a shard", b->shards / 2);
    (void)printf("%-28s %7.2f bytes a piece\n", "leases", (double)b->lease_bytes / (double)b->done);
    round_of_reports(b, &sizes);
    idle(b, 3600 * 1000);
    tell(b, "an hour of nothing, a turn", b->turns);
    to_phase(b, number, JOB_OVER, &sizes);
    idle(b, 0);
    tell(b, "rows deleted, a shard", b->shards);
    buf_fini(&sizes);
}

int main(int argc, char **argv)
{
    struct bench b = {.now = {1790000000000, 1000}};
    struct store_config config = {.dir = argc > 1 ? argv[1] : NULL};
    struct err err;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: bench_job_ledger DIR [shards [workers [slots]]]\n");
        return 2;
    }
    b.shards = argc > 2 ? strtoul(argv[2], NULL, 10) : LIMIT_JOB_PIECES;
    b.workers = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 50;
    b.slots = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 16;
    b.w = mem_zalloc(b.workers, sizeof(*b.w));
    b.held = mem_zalloc(b.workers, sizeof(*b.held));
    b.tokens = mem_zalloc(b.workers, sizeof(*b.tokens));
    b.phases = mem_zalloc(b.workers, sizeof(*b.phases));
    for (unsigned i = 0; i < b.workers; i++) {
        b.tokens[i] = mem_zalloc(2 * b.slots, sizeof(struct token));
        b.phases[i] = mem_zalloc(2 * b.slots, sizeof(enum job_phase));
    }
    if (store_open_rocks(&config, &b.store, &err) != OK) {
        die(&err);
    }
    open_ledger(&b);
    (void)printf("%zu shards, %u workers of %u slots; resident %zu MiB\n", b.shards, b.workers,
                 b.slots, resident_kib() / 1024);
    run(&b, "{\"Handler\":\"h\"}", true);
    ledger_abandon_flight(b.l);
    ledger_close(b.l);
    store_close(b.store);
    return 0;
}
