/* SPDX-License-Identifier: Apache-2.0 */
/* What the database comes to on disk, day after day: the real ledger over RocksDB with a clock that
 * is played here, so that weeks pass in a minute. Each hour so many executions of ten states begin
 * and end; each is kept for a day. Prints each day what is kept, and what the directory holds.
 *
 * usage: bench_disk DIR [executions an hour [days]]     DIR must be empty
 * Exit status: 0 the directory is no larger than GROWTH times what it was after three days. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "coordinator/ledger/ledger.h"

enum { ACCOUNT = 42, STATES = 10, HOUR_MS = 3600 * 1000, STARTS_A_TURN = 50, GROWTH_PERCENT = 150 };

struct bench {
    struct ledger *l;
    struct store *store;
    struct store_batch *flying;
    struct fleet_now now;
    uint64_t started;
    const char *dir;
};

static _Noreturn void die(const struct err *err)
{
    (void)fprintf(stderr, "bench_disk: %s\n", err->msg);
    exit(1);
}

/* ---- the shell ---- */

static void hook_commit(void *arg, struct store_batch *batch)
{
    ((struct bench *)arg)->flying = batch;
}

static void hook_failed(void *arg, const struct err *err)
{
    (void)arg;
    die(err);
}

static void hook_moved(void *arg, uint64_t execution)
{
    (void)arg;
    (void)execution;
}

static void turn(struct bench *b, void (*work)(struct bench *b))
{
    struct err err;

    ledger_turn_begin(b->l, b->now);
    if (work != NULL) {
        work(b);
    }
    ledger_turn_end(b->l);
    if (b->flying != NULL) {
        struct store_batch *batch = b->flying;

        b->flying = NULL;
        if (store_write(b->store, batch, &err) != OK) {
            die(&err);
        }
        ledger_commit_done(b->l, OK, NULL);
    }
}

/* Time goes on as far as the ledger lets it, turn by turn. */
static void advance(struct bench *b, int64_t ms)
{
    while (ms > 0) {
        int64_t step = ledger_wait_ms(b->l, b->now);

        step = step < 0 || step > ms ? ms : step;
        b->now.wall_ms += step;
        b->now.mono_ms += step;
        ms -= step;
        turn(b, NULL);
    }
}

/* ---- what it does ---- */

static void create(struct bench *b)
{
    const struct asl_options options = {.express = false};
    const struct machine_settings settings = {.role_arn = SLICE("role")};
    struct asl_diagnostics found = {0};
    struct asl_machine *parsed;
    struct buf text = {0};
    struct err err;

    buf_put_str(&text, "{\"StartAt\":\"S1\",\"States\":{");
    for (int i = 1; i <= STATES; i++) {
        buf_printf(&text, "%s\"S%d\":{\"Type\":\"Pass\",", i > 1 ? "," : "", i);
        if (i < STATES) {
            buf_printf(&text, "\"Next\":\"S%d\"}", i + 1);
        } else {
            buf_put_str(&text, "\"End\":true}");
        }
    }
    buf_put_str(&text, "}}");
    if (asl_machine_parse(buf_slice(&text), &options, ledger_turn_arena(b->l), &found, &parsed,
                          &err) != OK) {
        die(&err);
    }
    (void)ledger_machine_put(b->l, NULL, SLICE("m"), false, &settings, parsed);
    buf_fini(&text);
}

static void start_some(struct bench *b)
{
    struct arena *a = ledger_turn_arena(b->l);

    for (int i = 0; i < STARTS_A_TURN; i++) {
        struct ledger_start s = {.machine = ledger_machine_find(b->l, SLICE("m"))};
        uint64_t pad[60];
        struct err err;
        uint64_t id;

        for (size_t n = 0; n < sizeof(pad) / sizeof(pad[0]); n++) { /* does not compress */
            pad[n] = ledger_random(b->l);
        }
        s.name = arena_printf(a, "e%llu", (unsigned long long)b->started++);
        s.arn = ledger_start_arn(b->l, &s);
        s.input = arena_printf(a, "{\"pad\":\"");
        for (size_t n = 0; n < sizeof(pad) / sizeof(pad[0]); n++) {
            s.input =
                arena_printf(a, "%.*s%016llx", SLICE_FMT(s.input), (unsigned long long)pad[n]);
        }
        s.input = arena_printf(a, "%.*s\"}", SLICE_FMT(s.input));
        if (ledger_start(b->l, &s, &id, &err) != OK) {
            die(&err);
        }
    }
}

static uint64_t directory_bytes(const char *dir)
{
    uint64_t bytes = 0;
    DIR *d = opendir(dir);
    struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL) {
        char path[4096];
        struct stat st;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            bytes += (uint64_t)st.st_blocks * 512;
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return bytes;
}

/* An hour, with its executions in the beginning. @return what the directory holds */
static uint64_t hour(struct bench *b, unsigned executions)
{
    for (unsigned n = 0; n < executions; n += STARTS_A_TURN) {
        turn(b, start_some);
        advance(b, 20);
    }
    advance(b, HOUR_MS - 20 * (int64_t)((executions + STARTS_A_TURN - 1) / STARTS_A_TURN));
    return directory_bytes(b->dir);
}

int main(int argc, char **argv)
{
    static const struct ledger_config config = {
        .account = ACCOUNT,
        .region = "us-east-1",
        .fleet = {.lease_ms = 15000, .no_function_ms = 60000},
        .retention_ms = 24 * HOUR_MS,
        .retention_express_ms = 24 * HOUR_MS,
        .seed = 1,
        .secret = SLICE_INIT("0123456789abcdef0123456789abcdef"),
    };
    struct bench b = {.now = {.wall_ms = 1700000000000, .mono_ms = 5000}};
    struct ledger_hooks hooks = {
        .arg = &b, .commit = hook_commit, .moved = hook_moved, .failed = hook_failed};
    unsigned executions = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 500;
    unsigned days = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 14;
    uint64_t settled = 0;
    uint64_t most = 0;
    struct err err;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: bench_disk DIR [executions an hour [days]]\n");
        return 2;
    }
    b.dir = argv[1];
    if (store_open_rocks(&(struct store_config){.dir = b.dir}, &b.store, &err) != OK ||
        ledger_open(&config, b.store, &hooks, b.now, &b.l, &err) != OK) {
        die(&err);
    }
    turn(&b, create);
    for (unsigned day = 1; day <= days; day++) {
        uint64_t least = UINT64_MAX;
        uint64_t peak = 0;
        uint64_t gone;

        for (unsigned h = 0; h < 24; h++) {
            uint64_t bytes = hour(&b, executions);

            least = bytes < least ? bytes : least;
            peak = bytes > peak ? bytes : peak;
        }
        gone = ledger_retention_figures(b.l)->expired;
        settled = day == 3 ? peak : settled;
        most = day > 3 && peak > most ? peak : most;
        (void)printf(
            "day %2u: %8llu executions, %8llu kept, %7.1f to %7.1f MiB on disk, %6.0f bytes "
            "each\n",
            day, (unsigned long long)b.started, (unsigned long long)(b.started - gone),
            (double)least / (1 << 20), (double)peak / (1 << 20),
            (double)peak / (double)(b.started - gone));
        (void)fflush(stdout);
    }
    (void)printf("most after day 3, of the most on day 3: %.2f\n", (double)most / (double)settled);
    ledger_close(b.l);
    store_close(b.store);
    return most * 100 <= settled * GROWTH_PERCENT ? 0 : 1;
}
