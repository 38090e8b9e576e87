/* SPDX-License-Identifier: Apache-2.0 */
/* What http/http puts on us and on others: starts, and messages that are sent, received, deleted,
 * each on connections that are kept; and the limits of both. Prints "begin" when counting begins,
 * then a line of JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/arena.h"
#include "tests/bench/limit_http.h"
#include "tests/bench/process.h"
#include "tests/bench/talk.h"

static const char usage[] =
    "bench_http starts|sqs|beanstalkd|redis PORT [OPTION...]\n"
    "  -c CONNECTIONS  (64), each with a request in flight\n"
    "  -w SECONDS      before anything counts (1)\n"
    "  -s SECONDS      counted (5)\n"
    "  -m ARN          starts: of this machine; signed where AWS_ACCESS_KEY_ID and\n"
    "                  AWS_SECRET_ACCESS_KEY are set\n"
    "  -q URL          sqs: the queue, without .fifo; further ones have 1, 2 ... behind it\n"
    "  -n QUEUES       sqs: so many (1)\n"
    "  -b MESSAGES     sqs: a request (1)\n"
    "  -f              sqs: FIFO queues, a group each connection\n"
    "bench_http echo PORT            a server that answers every request the same\n"
    "bench_http sync DIR ROWS BYTES SECONDS   so many rows, and a sync, over and over\n";

static _Noreturn void misused(void)
{
    (void)fputs(usage, stderr);
    exit(2);
}

static int64_t number(const char *text)
{
    char *end;
    int64_t n = strtol(text, &end, 10);

    if (*end != '\0' || n < 0) {
        misused();
    }
    return n;
}

static int64_t milliseconds(const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (*end != '\0' || seconds < 0) {
        misused();
    }
    return (int64_t)(seconds * 1000);
}

static void say_begin(void)
{
    (void)puts("begin");
    (void)fflush(stdout);
}

static const char *read_options(int argc, char **argv, struct talk_plan *p)
{
    const char *machine = "";
    int c;

    while ((c = getopt(argc, argv, "c:w:s:m:q:n:b:f")) != -1) {
        switch (c) {
        case 'c': p->connections = (unsigned)number(optarg); break;
        case 'w': p->warm_ms = milliseconds(optarg); break;
        case 's': p->run_ms = milliseconds(optarg); break;
        case 'm': machine = optarg; break;
        case 'q': p->queue = optarg; break;
        case 'n': p->queues = (unsigned)number(optarg); break;
        case 'b': p->batch = (unsigned)number(optarg); break;
        case 'f': p->fifo = true; break;
        default: misused();
        }
    }
    if (optind != argc || p->connections == 0 || p->queues == 0 || p->batch == 0 ||
        p->batch > TALK_BATCH_MOST) {
        misused();
    }
    return machine;
}

static int talk(const struct talk_tongue *tongue, int argc, char **argv)
{
    struct talk_plan p = {.tongue = tongue,
                          .port = (uint16_t)number(argv[2]),
                          .connections = 64,
                          .warm_ms = 1000,
                          .run_ms = 5000,
                          .queue = "",
                          .queues = 1,
                          .batch = 1,
                          .window = say_begin};
    const char *machine = read_options(argc - 2, argv + 2, &p);
    struct load_result r;
    struct arena a = {0};

    p.start = talk_aws_start(p.port, machine, getenv("AWS_ACCESS_KEY_ID"),
                             getenv("AWS_SECRET_ACCESS_KEY"), &a);
    talk_run(&p, &r);
    printf("{\"things\": %" PRIu64 ", \"seconds\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
           r.executions, r.seconds, r.p50_ms, r.p99_ms);
    arena_fini(&a);
    return EXIT_SUCCESS;
}

static int sync_disk(char **argv)
{
    double rate = limit_sync(argv[2], (unsigned)number(argv[3]), (unsigned)number(argv[4]),
                             milliseconds(argv[5]));

    printf("{\"syncs_per_s\": %.0f}\n", rate);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        const struct talk_tongue *tongue;
    } tongues[] = {{"starts", &talk_starts},
                   {"sqs", &talk_sqs},
                   {"beanstalkd", &talk_beanstalk},
                   {"redis", &talk_redis}};

    for (size_t i = 0; argc > 2 && i < sizeof(tongues) / sizeof(tongues[0]); i++) {
        if (strcmp(argv[1], tongues[i].name) == 0) {
            return talk(tongues[i].tongue, argc, argv);
        }
    }
    if (argc == 3 && strcmp(argv[1], "echo") == 0) {
        return limit_http_server((uint16_t)number(argv[2]));
    }
    if (argc == 6 && strcmp(argv[1], "sync") == 0) {
        return sync_disk(argv);
    }
    misused();
}
