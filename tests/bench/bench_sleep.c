/* SPDX-License-Identifier: Apache-2.0 */
/* Executions that wait for an hour: how fast they start, what the coordinator holds of them in
 * memory once they are parked, and how soon it is back after it was killed with all of them open.
 *
 * Goals: with 100,000 of them at most 64 MiB; with 1,000,000 back within 5 s. Back is: it answers
 * HEALTH, and describes one of the executions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/process.h"
#include "tests/bench/real.h"

enum {
    IN_FLIGHT = 256,
    PARK_MS = 120000,
    GOAL_KIB = 64 * 1024,
    GOAL_MS = 5000,
    RESTARTS = 3,
};

static const char usage[] = "usage: bench_sleep BIN DIR [EXECUTIONS]\n"
                            "  BIN         directory of stepfleet-coordinator\n"
                            "  DIR         where the database and the log are made\n"
                            "  EXECUTIONS  (default 100000)\n";

static const char definition[] = "{\"StartAt\":\"Sleep\",\"States\":{\"Sleep\":{\"Type\":\"Wait\","
                                 "\"Seconds\":3600,\"End\":true}}}";

static void start_all(struct real *r, const char *url, unsigned count)
{
    const struct load_plan plan = {
        .url = url, .in_flight = IN_FLIGHT, .count = count, .next = real_next, .arg = r};
    struct load_result got;

    load_run_plan(&plan, &got);
    printf("started %u executions in %.1f s: %.0f a second, p50 %.1f ms, p99 %.1f ms\n", count,
           got.seconds, (double)got.executions / got.seconds, got.p50_ms, got.p99_ms);
    (void)fflush(stdout);
}

/* Until none is in memory any more. */
static void wait_parked(const struct real *r)
{
    int64_t begun = bench_now_ns();
    struct arena a = {0};
    uint64_t hot;

    do {
        bench_sleep_ms(100);
        hot = real_health(r, &a)->hot_executions;
        arena_reset(&a);
        if (bench_now_ns() - begun > (int64_t)PARK_MS * 1000000) {
            bench_die("%llu executions are still in memory", (unsigned long long)hot);
        }
    } while (hot != 0);
    arena_fini(&a);
    printf("parked %.1f s later\n", (double)(bench_now_ns() - begun) / 1e9);
}

static void describe(const struct real *r, const char *arn)
{
    Stepfleet__ExecutionRequest m = STEPFLEET__EXECUTION_REQUEST__INIT;
    const Stepfleet__ExecutionDetail *d;
    struct arena a = {0};
    nng_msg *reply;

    m.execution = (char *)(uintptr_t)arn;
    reply = load_ask(r->url, real_request(RPC_EXECUTION_DESCRIBE, &m.base));
    d = real_reply(RPC_EXECUTION_DESCRIBE, reply, &a);
    if (strcmp(d->status, "RUNNING") != 0) {
        bench_die("%s is %s", arn, d->status);
    }
    nng_msg_free(reply);
    arena_fini(&a);
}

/* The ARN of an execution from its machine's. */
static void execution_arn(const struct real *r, uint64_t number, char *out, size_t size)
{
    const char *machine = strstr(r->machine, ":stateMachine:");

    if (machine == NULL) {
        bench_die("%s is no machine", r->machine);
    }
    (void)snprintf(out, size, "%.*s:execution:%s:run-%012llu", (int)(machine - r->machine),
                   r->machine, machine + strlen(":stateMachine:"), (unsigned long long)number);
}

static int64_t restart_ms(struct real *r, const char *arn)
{
    int64_t begun;

    real_end(r, false);
    begun = bench_now_ns();
    real_coordinator(r);
    describe(r, arn);
    return (bench_now_ns() - begun) / 1000000;
}

static int bench(const char *bin, const char *dir, unsigned count)
{
    char url[64];
    char arn[512];
    struct real r = {.bin = bin, .url = url};
    int64_t kib;
    int64_t worst_ms = 0;

    bench_free_url(url, sizeof(url));
    bench_fresh_dir(dir, "sleep", r.data, sizeof(r.data));
    (void)snprintf(r.log, sizeof(r.log), "%s/sleep.log", dir);
    real_coordinator(&r);
    real_machine(&r, slice_str(definition));
    start_all(&r, url, count);
    kib = process_status_kib(r.coordinator, "VmRSS:");
    printf("coordinator, all started: %.0f MiB\n", (double)kib / 1024);
    wait_parked(&r);
    kib = process_status_kib(r.coordinator, "VmRSS:");
    printf("coordinator, all parked: %.0f MiB (goal %d: %s); its peak %.0f MiB\n",
           (double)kib / 1024, GOAL_KIB / 1024, kib < GOAL_KIB ? "met" : "MISSED",
           (double)process_status_kib(r.coordinator, "VmHWM:") / 1024);
    execution_arn(&r, count / 2, arn, sizeof(arn));
    for (unsigned i = 0; i < RESTARTS; i++) {
        int64_t ms = restart_ms(&r, arn);

        worst_ms = ms > worst_ms ? ms : worst_ms;
        printf("killed; back after %.2f s with %.0f MiB\n", (double)ms / 1e3,
               (double)process_status_kib(r.coordinator, "VmRSS:") / 1024);
    }
    printf("slowest restart %.2f s (goal %d: %s)\n", (double)worst_ms / 1e3, GOAL_MS / 1000,
           worst_ms < GOAL_MS ? "met" : "MISSED");
    real_end(&r, false);
    bench_remove_dir(r.data);
    return kib < GOAL_KIB && worst_ms < GOAL_MS ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 3 ? strtoul(argv[3], NULL, 10) : 100000;

    if (argc < 3 || argc > 4 || argv[1][0] == '-' || count == 0 || count > 1000000) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return bench(argv[1], argv[2], (unsigned)count);
}
