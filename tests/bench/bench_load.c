/* SPDX-License-Identifier: Apache-2.0 */
/* One client's load for the race (race/race): against a coordinator, or against one of the limits,
 * which it can be as well. "begin" on stdout says that the window opens, and a line of JSON what
 * was seen. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/limit.h"
#include "tests/bench/limit_sockets.h"
#include "tests/bench/process.h"
#include "tests/bench/real.h"
#include "tests/bench/shape.h"

enum { IN_FLIGHT_OPEN = 256, ANSWER_MS = 1000 };

static const char usage[] =
    "usage: bench_load chain|nng|sockets URL|PORT IN_FLIGHT WARM SECONDS   chains, in a window\n"
    "       bench_load open|begin URL COUNT    executions that wait an hour; chains nobody waits "
    "for\n"
    "       bench_load answers URL SECONDS     until a coordinator does\n"
    "       bench_load drain|parked URL        until no task is left, or none is in memory\n"
    "       bench_load shape DATA FILE         the rows a coordinator left there, for the limits\n"
    "       bench_load nng-server|sockets-server DIR URL|PORT SHAPE\n"
    "       bench_load nng-worker URL NUMBER; bench_load sockets-worker PORT\n";

static const char waiting[] = "{\"StartAt\":\"Sleep\",\"States\":{\"Sleep\":{\"Type\":\"Wait\","
                              "\"Seconds\":3600,\"End\":true}}}";

static double number(const char *text)
{
    char *end;
    double n = strtod(text, &end);

    if (end == text || *end != '\0' || n < 0) {
        bench_die("%s is no number", text);
    }
    return n;
}

static uint16_t port_of(const char *text)
{
    return (uint16_t)number(text);
}

/* No two runs on one database have an execution of the same name. */
static uint64_t first_number(void)
{
    return (uint64_t)bench_now_ns() / 1000;
}

static void window(void *arg, bool end)
{
    (void)arg;
    if (!end) {
        (void)puts("begin");
        (void)fflush(stdout);
    }
}

static int print(const struct load_result *r)
{
    printf("{\"chains\": %" PRIu64 ", \"seconds\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
           r->executions, r->seconds, r->p50_ms, r->p99_ms);
    return EXIT_SUCCESS;
}

static int chains(char **argv)
{
    struct real r = {.url = argv[2], .wait = true};
    struct load_plan plan = {
        .url = argv[2],
        .in_flight = (unsigned)number(argv[3]),
        .warm_ms = (int64_t)(number(argv[4]) * 1000),
        .run_ms = (int64_t)(number(argv[5]) * 1000),
        .first = first_number(),
        .next = strcmp(argv[1], "nng") == 0 ? limit_next : real_next,
        .arg = &r,
        .window = window,
    };
    struct load_result out = {0};
    struct arena a = {0};

    if (strcmp(argv[1], "sockets") == 0) {
        limit_sockets_load(port_of(argv[2]), &plan, &out);
        return print(&out);
    }
    if (plan.next == real_next) {
        real_machine(&r, real_chain(&a, LIMIT_STAGES));
    }
    load_run_plan(&plan, &out);
    arena_fini(&a);
    return print(&out);
}

static int begin(char **argv)
{
    struct real r = {.url = argv[2]};
    const struct load_plan plan = {.url = argv[2],
                                   .in_flight = IN_FLIGHT_OPEN,
                                   .count = (uint64_t)number(argv[3]),
                                   .first = first_number(),
                                   .next = real_next,
                                   .arg = &r};
    struct load_result out = {0};
    struct arena a = {0};

    real_machine(&r,
                 strcmp(argv[1], "open") == 0 ? slice_str(waiting) : real_chain(&a, LIMIT_STAGES));
    load_run_plan(&plan, &out);
    printf("{\"opened\": %" PRIu64 ", \"seconds\": %.3f}\n", out.executions, out.seconds);
    arena_fini(&a);
    return EXIT_SUCCESS;
}

static int answers(char **argv)
{
    const struct real r = {.url = argv[2]};
    int64_t by = bench_now_ns() + (int64_t)(number(argv[3]) * 1e9);

    while (!real_answers(&r, ANSWER_MS)) {
        if (bench_now_ns() > by) {
            bench_die("%s does not answer", argv[2]);
        }
        bench_sleep_ms(1);
    }
    return EXIT_SUCCESS;
}

/* Until nothing is left to do, or with `parked`: until no execution is in memory any more. */
static int settle(char **argv)
{
    const struct real r = {.url = argv[2]};
    bool parked = strcmp(argv[1], "parked") == 0;
    int64_t begun = bench_now_ns();
    uint64_t most = 0;
    struct arena a = {0};
    bool busy;

    do {
        const Stepfleet__HealthReply *h = real_health(&r, &a);

        most = h->leased_tasks > most ? h->leased_tasks : most;
        busy = parked ? h->hot_executions != 0 : h->ready_tasks != 0 || h->leased_tasks != 0;
        arena_reset(&a);
        bench_sleep_ms(parked ? 100 : 0);
    } while (busy);
    arena_fini(&a);
    printf("{\"most_leased\": %" PRIu64 ", \"seconds\": %.3f}\n", most,
           (double)(bench_now_ns() - begun) / 1e9);
    return EXIT_SUCCESS;
}

static int learn(char **argv)
{
    struct shape s = {0};

    shape_measure(&s, argv[2]);
    shape_save(&s, argv[3]);
    printf("{\"records\": %.3f, \"rows\": %.3f, \"bytes\": %.1f}\n", s.records, s.rows, s.bytes);
    shape_fini(&s);
    return EXIT_SUCCESS;
}

static int nng_server(char **argv)
{
    return limit_server(argv[2], argv[3], argv[4]);
}

static int nng_worker(char **argv)
{
    return limit_worker(argv[2], (uint32_t)number(argv[3]));
}

static int sockets_server(char **argv)
{
    return limit_sockets_server(argv[2], port_of(argv[3]), argv[4]);
}

static int sockets_worker(char **argv)
{
    return limit_sockets_worker(port_of(argv[2]));
}

static const struct {
    const char *name;
    int argc;
    int (*run)(char **argv);
} commands[] = {
    {"chain", 6, chains},
    {"nng", 6, chains},
    {"sockets", 6, chains},
    {"open", 4, begin},
    {"begin", 4, begin},
    {"answers", 4, answers},
    {"drain", 3, settle},
    {"parked", 3, settle},
    {"shape", 4, learn},
    {"nng-server", 5, nng_server},
    {"nng-worker", 4, nng_worker},
    {"sockets-server", 5, sockets_server},
    {"sockets-worker", 3, sockets_worker},
};

int main(int argc, char **argv)
{
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]) && argc > 1; i++) {
        if (strcmp(argv[1], commands[i].name) == 0 && argc == commands[i].argc) {
            return commands[i].run(argv);
        }
    }
    (void)fputs(usage, stderr);
    return 2;
}
