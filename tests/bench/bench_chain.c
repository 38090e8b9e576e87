/* SPDX-License-Identifier: Apache-2.0 */
/* Ten echo stages, Standard, over documents of 1 KB: what the coordinator does of what this machine
 * could do. The limit is a bare loop (limit.h) under the same load, in turns with the programs
 * themselves, each on a fresh database; the rows it writes are those the programs wrote just
 * before.
 *
 * Goals: 60 % of the limit's executions a second at 256 in flight; 1.3 times its p50 at 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/limit.h"
#include "tests/bench/process.h"
#include "tests/bench/real.h"
#include "tests/bench/shape.h"

#define SELF "/proc/self/exe"

enum {
    ROUNDS_MAX = 50,
    WARM_MS = 500,
    PROCESSES = 3,
    FIRST_STEP = 10000000, /* executions of a round have names no other round gives */
};

static const char usage[] =
    "usage: bench_chain BIN DIR [SECONDS [ROUNDS [IN_FLIGHT...]]]\n"
    "  BIN        directory of stepfleet-coordinator and stepfleet-worker\n"
    "  DIR        where databases and logs are made, on the disk to be measured\n"
    "  SECONDS    of each measurement (default 2), ROUNDS of programs and limit (default 5)\n"
    "  IN_FLIGHT  executions at once (default 1 64 256)\n";

struct sample {
    double rate;
    double p50_ms;
    double p99_ms;
    double cpu_us; /* a transition */
};

/* What is measured, and the time it spends while it is. */
struct target {
    struct real *real; /* NULL: the limit */
    pid_t processes[PROCESSES];
    char url[64];
    int64_t cpu_ns;
    uint64_t first; /* number of the next execution */
};

struct bench {
    const char *bin;
    const char *dir;
    int64_t run_ms;
    unsigned rounds;
    char shape_path[512];
    struct shape shape;
    struct real real;
    struct target programs;
    struct target limit;
};

static int64_t cpu_ns(const struct target *t)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < PROCESSES; i++) {
        sum += process_cpu_ns(t->processes[i]);
    }
    return sum;
}

static void target_window(void *arg, bool end)
{
    struct target *t = arg;

    t->cpu_ns = cpu_ns(t) - (end ? t->cpu_ns : 0);
}

static nng_msg *target_next(void *arg, struct load_run *run, nng_msg *reply)
{
    const struct target *t = arg;

    return t->real != NULL ? real_next(t->real, run, reply) : limit_next(NULL, run, reply);
}

static struct sample measure(const struct bench *b, struct target *t, unsigned in_flight)
{
    const struct load_plan plan = {
        .url = t->url,
        .in_flight = in_flight,
        .warm_ms = WARM_MS,
        .run_ms = b->run_ms,
        .first = t->first,
        .next = target_next,
        .arg = t,
        .window = target_window,
    };
    struct load_result r;

    load_run_plan(&plan, &r);
    if (r.executions == 0) {
        bench_die("nothing ended in %.0f s", r.seconds);
    }
    t->first += FIRST_STEP;
    return (struct sample){
        .rate = (double)r.executions / r.seconds,
        .p50_ms = r.p50_ms,
        .p99_ms = r.p99_ms,
        .cpu_us = (double)t->cpu_ns / 1e3 / ((double)r.executions * b->shape.records),
    };
}

static void start_programs(struct bench *b)
{
    struct real *r = &b->real;
    struct target *t = &b->programs;
    struct arena a = {0};

    *t = (struct target){.real = r};
    bench_free_url(t->url, sizeof(t->url));
    *r = (struct real){.bin = b->bin, .url = t->url, .wait = true};
    bench_fresh_dir(b->dir, "programs", r->data, sizeof(r->data));
    (void)snprintf(r->log, sizeof(r->log), "%s/programs.log", b->dir);
    real_coordinator(r);
    real_machine(r, real_chain(&a, LIMIT_STAGES));
    real_workers(r);
    t->processes[0] = r->coordinator;
    t->processes[1] = r->workers[0];
    t->processes[2] = r->workers[1];
    arena_fini(&a);
}

/* What they write, a first time, for the limit to write too. */
static void learn_shape(struct bench *b, unsigned in_flight)
{
    start_programs(b);
    b->shape.records = 1; /* until it is known */
    (void)measure(b, &b->programs, in_flight);
    real_end(&b->real, true);
    shape_fini(&b->shape);
    shape_measure(&b->shape, b->real.data);
    shape_save(&b->shape, b->shape_path);
}

static void start_limit(struct bench *b)
{
    struct target *t = &b->limit;
    char dir[512];
    char log[512];
    const char *const server[] = {SELF, "limit-server", dir, t->url, b->shape_path, NULL};
    const char *const workers[2][5] = {{SELF, "limit-worker", t->url, "0", NULL},
                                       {SELF, "limit-worker", t->url, "1", NULL}};

    *t = (struct target){.real = NULL};
    bench_free_url(t->url, sizeof(t->url));
    bench_fresh_dir(b->dir, "limit", dir, sizeof(dir));
    (void)snprintf(log, sizeof(log), "%s/limit.log", b->dir);
    t->processes[0] = process_start(server, log);
    bench_sleep_ms(1000); /* it opens its database */
    t->processes[1] = process_start(workers[0], log);
    t->processes[2] = process_start(workers[1], log);
    bench_sleep_ms(500);
}

static void end_all(struct bench *b)
{
    real_end(&b->real, true);
    for (unsigned i = PROCESSES; i > 0; i--) {
        process_end(b->limit.processes[i - 1], false);
    }
}

static void print_sample(unsigned in_flight, const char *what, const struct sample *s)
{
    printf("%9u  %-8s  %12.0f  %8.2f  %8.2f  %17.1f\n", in_flight, what, s->rate, s->p50_ms,
           s->p99_ms, s->cpu_us);
    (void)fflush(stdout);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
    qsort(v, n, sizeof(v[0]), compare);
    return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void print_verdict(const struct bench *b, unsigned in_flight, double share, double times)
{
    printf("%9u  an execution: %.2f records, %.2f rows, %.0f bytes\n", in_flight, b->shape.records,
           b->shape.rows, b->shape.bytes);
    printf("%9u  medians of %u rounds: throughput %.0f %% of the limit%s, p50 %.2f times the "
           "limit's%s\n",
           in_flight, b->rounds, share * 100,
           in_flight < 256 ? ""
           : share >= 0.6  ? " (goal 60: met)"
                           : " (goal 60: MISSED)",
           times,
           in_flight > 1  ? ""
           : times <= 1.3 ? " (goal 1.3: met)"
                          : " (goal 1.3: MISSED)");
    (void)fflush(stdout);
}

/* Both stand ready and are measured in turns, so that what else the machine does meets both. */
static void run(struct bench *b, unsigned in_flight)
{
    double rate[ROUNDS_MAX];
    double p50[ROUNDS_MAX];

    learn_shape(b, in_flight);
    start_programs(b);
    start_limit(b);
    for (unsigned i = 0; i < b->rounds; i++) {
        struct sample programs = measure(b, &b->programs, in_flight);
        struct sample limit = measure(b, &b->limit, in_flight);

        print_sample(in_flight, "programs", &programs);
        print_sample(in_flight, "limit", &limit);
        rate[i] = programs.rate / limit.rate;
        p50[i] = programs.p50_ms / limit.p50_ms;
    }
    end_all(b);
    shape_fini(&b->shape);
    shape_measure(&b->shape, b->real.data);
    print_verdict(b, in_flight, median(rate, b->rounds), median(p50, b->rounds));
}

static unsigned number(const char *text, unsigned max)
{
    unsigned long n = strtoul(text, NULL, 10);

    if (n == 0 || n > max) {
        bench_die("%s: a number from 1 to %u", text, max);
    }
    return (unsigned)n;
}

static int bench(int argc, char **argv)
{
    struct bench b = {
        .bin = argv[1],
        .dir = argv[2],
        .run_ms = argc > 3 ? number(argv[3], 3600) * 1000 : 2000,
        .rounds = argc > 4 ? number(argv[4], ROUNDS_MAX) : 5,
    };
    const unsigned usual[] = {1, 64, 256};

    (void)snprintf(b.shape_path, sizeof(b.shape_path), "%s/shape", b.dir);
    printf("%9s  %-8s  %12s  %8s  %8s  %17s\n", "in flight", "", "executions/s", "p50 ms", "p99 ms",
           "CPU us/transition");
    for (int i = 5; i < argc; i++) {
        run(&b, number(argv[i], LIMIT_LOOP_WORKERS * LIMIT_SLOTS));
    }
    for (unsigned i = 0; i < 3 && argc <= 5; i++) {
        run(&b, usual[i]);
    }
    shape_fini(&b.shape);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "limit-server") == 0) {
        return limit_server(argv[2], argv[3], argv[4]);
    }
    if (argc == 4 && strcmp(argv[1], "limit-worker") == 0) {
        return limit_worker(argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
    }
    if (argc < 3 || argv[1][0] == '-') {
        (void)fputs(usage, stderr);
        return 2;
    }
    return bench(argc, argv);
}
