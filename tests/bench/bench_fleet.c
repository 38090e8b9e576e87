/* SPDX-License-Identifier: Apache-2.0 */
/* Many workers on one coordinator: what their connections cost, how soon a task is with a worker,
 * and how far adding workers adds throughput. The workers are this program's, a connection each of
 * the worker's own link, ten slots each; a task of theirs takes a fixed time and no processor. One
 * execution is one task; so many are open that no slot is ever without one.
 *
 * Goals: with 1,000 workers and 10,000 slots busy, twice the workers are twice the tasks, up to
 * what the coordinator does at most. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/bench/process.h"
#include "tests/bench/real.h"
#include "worker/link.h"

enum {
    SLOTS = 10, /* of a worker */
    REPORTS = 4,
    STARTERS = 256,
    POLL_MS = 60000,
    ASK_MS = 30000,
    SETTLE_MS = 2000,
    COUNTED_MS = 10000,
    SAMPLES_MAX = 1 << 20,
    MOST_WORKERS = 1000,
    SLOW_MS = 1000, /* of a task */
    QUICK_MS = 100,
};

static const char usage[] = "usage: bench_fleet BIN DIR\n"
                            "  BIN  directory of stepfleet-coordinator\n"
                            "  DIR  where the database and the log are made\n";

static const char definition[] =
    "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\","
    "\"Resource\":\"arn:aws:lambda:us-east-1:123456789012:function:f\","
    "\"End\":true}}}";

struct bench;

struct task {
    uv_timer_t timer;
    struct bench_worker *worker;
    Stepfleet__Token token;
    struct list link; /* of the worker's finished ones */
};

struct bench_worker {
    struct bench *bench;
    struct link link;
    struct link_call hello;
    struct link_call poll;
    struct link_call reports[REPORTS];
    uint64_t id;
    struct task tasks[SLOTS];
    struct list idle;     /* task.link */
    struct list finished; /* likewise: to be reported */
    size_t running;
};

struct starter {
    struct bench *bench;
    struct link_call call;
};

struct bench {
    uv_loop_t loop;
    struct link_settings to;
    char *machine;
    unsigned task_ms;
    struct bench_worker *workers;
    size_t count;
    size_t registered;
    struct link link; /* of the client */
    struct starter starters[STARTERS];
    size_t open; /* executions started and not yet done */
    size_t most; /* of them */
    uint64_t done;
    uint64_t started;
    uint32_t *samples; /* us from the start's request to the worker */
    size_t sample_count;
    bool counting;
    bool stopping;
};

/* ---- workers ---- */

static void worker_poll(struct bench_worker *w);
static void start_more(struct bench *b);

static void send_report(struct bench_worker *w, struct link_call *c)
{
    Stepfleet__ReportRequest q = STEPFLEET__REPORT_REQUEST__INIT;
    Stepfleet__Result results[SLOTS];
    Stepfleet__Result *list[SLOTS];
    struct list *n;

    q.worker = w->id;
    while ((n = list_pop_front(&w->finished)) != NULL) {
        struct task *t = container_of(n, struct task, link);
        Stepfleet__Result *r = &results[q.n_results];

        stepfleet__result__init(r);
        r->token = &t->token;
        r->result = (ProtobufCBinaryData){2, (uint8_t *)(uintptr_t) "{}"};
        list[q.n_results++] = r;
        list_push_back(&w->idle, &t->link);
        w->running--;
    }
    q.results = list;
    link_send(c, RPC_WORKER_REPORT, &q.base, ASK_MS);
}

static void report_some(struct bench_worker *w)
{
    for (size_t i = 0; i < REPORTS && !list_empty(&w->finished); i++) {
        if (!w->reports[i].busy) {
            send_report(w, &w->reports[i]);
        }
    }
}

static void task_over(uv_timer_t *timer)
{
    struct task *t = timer->data;

    list_push_back(&t->worker->finished, &t->link);
    report_some(t->worker);
}

static void sample(struct bench *b, const Stepfleet__Lease *m)
{
    char text[32];
    size_t n = m->payload.len < sizeof(text) ? m->payload.len : sizeof(text) - 1;

    if (b->counting && b->sample_count < SAMPLES_MAX) {
        memcpy(text, m->payload.data, n);
        text[n] = '\0';
        b->samples[b->sample_count++] =
            (uint32_t)((bench_now_ns() - strtoll(text + 1, NULL, 10)) / 1000);
    }
}

static void take(struct bench_worker *w, Stepfleet__Lease **leases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct list *n = list_pop_front(&w->idle);
        struct task *t;

        if (n == NULL) {
            bench_die("a worker has more leases than slots");
        }
        t = container_of(n, struct task, link);
        stepfleet__token__init(&t->token);
        t->token.epoch = leases[i]->token->epoch;
        t->token.counter = leases[i]->token->counter;
        w->running++;
        sample(w->bench, leases[i]);
        (void)uv_timer_start(&t->timer, task_over, w->bench->task_ms, 0);
    }
}

static void
reported(struct link_call *c, enum err_code rc, const void *message, const struct err *err)
{
    struct bench_worker *w = c->user;
    const Stepfleet__ReportReply *r = message;

    if (rc != OK) {
        bench_die("a report: %s", err->msg);
    }
    w->bench->open -= r->n_outcomes;
    w->bench->done += w->bench->counting ? r->n_outcomes : 0;
    take(w, r->leases, r->n_leases);
    report_some(w);
    start_more(w->bench);
}

static void
polled(struct link_call *c, enum err_code rc, const void *message, const struct err *err)
{
    struct bench_worker *w = c->user;
    const Stepfleet__PollReply *r = message;

    if (rc != OK) {
        bench_die("a poll: %s", err->msg);
    }
    take(w, r->leases, r->n_leases);
    if (!w->bench->stopping) {
        worker_poll(w);
    }
}

static void worker_poll(struct bench_worker *w)
{
    Stepfleet__PollRequest q = STEPFLEET__POLL_REQUEST__INIT;
    Stepfleet__Token *holds[SLOTS];

    q.worker = w->id;
    q.holds = holds;
    for (size_t i = 0; i < SLOTS; i++) {
        if (uv_is_active((const uv_handle_t *)&w->tasks[i].timer)) {
            holds[q.n_holds++] = &w->tasks[i].token;
        }
    }
    link_send(&w->poll, RPC_WORKER_POLL, &q.base, POLL_MS);
}

static void
greeted(struct link_call *c, enum err_code rc, const void *message, const struct err *err)
{
    struct bench_worker *w = c->user;

    if (rc != OK) {
        bench_die("a worker is not taken: %s", err->msg);
    }
    w->id = ((const Stepfleet__WorkerHelloReply *)message)->worker;
    w->bench->registered++;
    worker_poll(w);
}

static void must(enum err_code rc, const struct err *err)
{
    if (rc != OK) {
        bench_die("%s", err->msg);
    }
}

static void worker_begin(struct bench *b, struct bench_worker *w, size_t number)
{
    Stepfleet__WorkerHelloRequest q = STEPFLEET__WORKER_HELLO_REQUEST__INIT;
    Stepfleet__Offer offer = STEPFLEET__OFFER__INIT;
    Stepfleet__Offer *offers = &offer;
    char name[32];
    struct err err;

    w->bench = b;
    list_init(&w->idle);
    list_init(&w->finished);
    for (size_t i = 0; i < SLOTS; i++) {
        (void)uv_timer_init(&b->loop, &w->tasks[i].timer);
        w->tasks[i].timer.data = &w->tasks[i];
        w->tasks[i].worker = w;
        list_push_back(&w->idle, &w->tasks[i].link);
    }
    must(link_open(&w->link, &b->loop, &b->to, &err), &err);
    must(link_call_open(&w->link, &w->hello, greeted, w, &err), &err);
    must(link_call_open(&w->link, &w->poll, polled, w, &err), &err);
    for (size_t i = 0; i < REPORTS; i++) {
        must(link_call_open(&w->link, &w->reports[i], reported, w, &err), &err);
    }
    (void)snprintf(name, sizeof(name), "bench-%05zu", number);
    offer.function = (char *)(uintptr_t) "f";
    offer.slots = SLOTS;
    q.name = name;
    q.instance = number + 1;
    q.version_min = WIRE_VERSION_MIN;
    q.version_max = WIRE_VERSION_MAX;
    q.software = (char *)(uintptr_t) "bench";
    q.slots = SLOTS;
    q.n_offers = 1;
    q.offers = &offers;
    link_send(&w->hello, RPC_WORKER_HELLO, &q.base, ASK_MS);
}

/* ---- the client ---- */

static void start_one(struct starter *s)
{
    Stepfleet__StartRequest q = STEPFLEET__START_REQUEST__INIT;
    char input[32];

    (void)snprintf(input, sizeof(input), "\"%" PRId64 "\"",
                   bench_now_ns()); /* a text: no digit of it changes */
    q.machine = s->bench->machine;
    q.input = (ProtobufCBinaryData){strlen(input), (uint8_t *)input};
    q.has_input = true;
    s->bench->open++;
    s->bench->started++;
    link_send(&s->call, RPC_EXECUTION_START, &q.base, ASK_MS);
}

static void start_more(struct bench *b)
{
    for (size_t i = 0; i < STARTERS && b->open < b->most && !b->stopping; i++) {
        if (!b->starters[i].call.busy) {
            start_one(&b->starters[i]);
        }
    }
}

static void
started(struct link_call *c, enum err_code rc, const void *message, const struct err *err)
{
    struct starter *s = c->user;

    (void)message;
    if (rc != OK) {
        bench_die("a start: %s", err->msg);
    }
    start_more(s->bench);
}

/* ---- a fleet ---- */

static void time_over(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void run_for(struct bench *b, unsigned ms)
{
    uv_timer_t timer;
    bool over = false;

    (void)uv_timer_init(&b->loop, &timer);
    timer.data = &over;
    (void)uv_timer_start(&timer, time_over, ms, 0);
    while (!over) {
        (void)uv_run(&b->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&b->loop, UV_RUN_NOWAIT);
}

static void fleet_begin(struct bench *b, size_t count)
{
    int64_t by = bench_now_ns() + (int64_t)ASK_MS * 1000000;

    b->workers = mem_zalloc(count, sizeof(*b->workers));
    b->count = count;
    b->registered = 0;
    for (size_t i = 0; i < count; i++) {
        worker_begin(b, &b->workers[i], i);
    }
    while (b->registered < count) {
        run_for(b, 10);
        if (bench_now_ns() > by) {
            bench_die("%zu of %zu workers are registered", b->registered, count);
        }
    }
}

static void fleet_end(struct bench *b)
{
    b->stopping = true;
    while (b->open > 0) {
        run_for(b, 10);
    }
    for (size_t i = 0; i < b->count; i++) {
        struct bench_worker *w = &b->workers[i];

        link_call_close(&w->hello);
        link_call_close(&w->poll);
        for (size_t n = 0; n < REPORTS; n++) {
            link_call_close(&w->reports[n]);
        }
        for (size_t n = 0; n < SLOTS; n++) {
            uv_close((uv_handle_t *)&w->tasks[n].timer, NULL);
        }
        link_close(&w->link);
    }
    run_for(b, 10);
    mem_free(b->workers);
    b->stopping = false;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double percentile_ms(const struct bench *b, double share)
{
    return b->sample_count == 0
               ? 0
               : b->samples[(size_t)(share * (double)(b->sample_count - 1))] / 1000.0;
}

struct measured {
    double tasks_s;
    double processor; /* the coordinator's share of one */
};

/* `open` executions at any time, on `workers` workers. */
static struct measured
measure(struct bench *b, const struct real *r, size_t workers, unsigned task_ms, size_t open)
{
    struct measured m;
    int64_t cpu;
    int64_t begun;
    double seconds;

    fleet_begin(b, workers);
    b->task_ms = task_ms;
    b->most = open;
    start_more(b);
    run_for(b, SETTLE_MS + task_ms);
    b->counting = true;
    b->done = 0;
    b->sample_count = 0;
    cpu = process_cpu_ns(r->coordinator);
    begun = bench_now_ns();
    run_for(b, COUNTED_MS);
    b->counting = false;
    seconds = (double)(bench_now_ns() - begun) / 1e9;
    m.processor = (double)(process_cpu_ns(r->coordinator) - cpu) / 1e9 / seconds;
    m.tasks_s = (double)b->done / seconds;
    qsort(b->samples, b->sample_count, sizeof(*b->samples), by_number);
    return m;
}

/* Slots are free: what is started is with a worker at once. */
static void measure_dispatch(struct bench *b, const struct real *r, size_t workers, size_t open)
{
    struct measured m = measure(b, r, workers, SLOW_MS, open);

    printf(
        "%zu workers, %zu of %zu slots busy: from the start's request to the worker p50 %.1f ms, "
        "p99 %.1f ms (%.0f a second)\n",
        workers, open, workers * SLOTS, percentile_ms(b, 0.5), percentile_ms(b, 0.99), m.tasks_s);
    (void)fflush(stdout);
    fleet_end(b);
}

/* No slot is ever without a task. */
static void measure_full(struct bench *b, const struct real *r, size_t workers, unsigned task_ms)
{
    size_t slots = workers * SLOTS;
    double possible = (double)slots * 1000 / task_ms;
    struct measured m = measure(b, r, workers, task_ms, slots + slots / 10 + STARTERS / 2);

    printf("%7zu %6zu %7u %9.0f %7.0f %% %8.0f %9.0f %%\n", workers, slots, task_ms, m.tasks_s,
           100 * m.tasks_s / possible, (double)process_status_kib(r->coordinator, "VmRSS:") / 1024,
           100 * m.processor);
    (void)fflush(stdout);
    fleet_end(b);
}

static void begin(struct bench *b, struct real *r, const char *dir)
{
    static char url[64];
    struct rlimit files;
    struct err err;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    bench_free_url(url, sizeof(url));
    r->url = url;
    bench_fresh_dir(dir, "fleet", r->data, sizeof(r->data));
    (void)snprintf(r->log, sizeof(r->log), "%s/fleet.log", dir);
    real_coordinator(r);
    real_machine(r, slice_str(definition));
    b->to = (struct link_settings){.url = url};
    b->machine = r->machine;
    b->samples = mem_zalloc(SAMPLES_MAX, sizeof(*b->samples));
    (void)uv_loop_init(&b->loop);
    must(link_open(&b->link, &b->loop, &b->to, &err), &err);
    for (size_t i = 0; i < STARTERS; i++) {
        b->starters[i].bench = b;
        must(link_call_open(&b->link, &b->starters[i].call, started, &b->starters[i], &err), &err);
    }
}

/* Connections alone: what a worker costs that has nothing to do. */
static void measure_idle(struct bench *b, const struct real *r, size_t workers)
{
    double before = (double)process_status_kib(r->coordinator, "VmRSS:");
    int64_t cpu;

    fleet_begin(b, workers);
    run_for(b, SETTLE_MS);
    cpu = process_cpu_ns(r->coordinator);
    run_for(b, COUNTED_MS);
    cpu = process_cpu_ns(r->coordinator) - cpu;
    printf("%zu idle workers: %.1f KiB each in the coordinator, %.1f %% of a processor for all\n",
           workers,
           ((double)process_status_kib(r->coordinator, "VmRSS:") - before) / (double)workers,
           (double)cpu / 1e7 / (COUNTED_MS / 1000.0));
    fleet_end(b);
}

int main(int argc, char **argv)
{
    static const size_t fleets[] = {1, 2, 4, 8, 16, 32, 64, 125, 250, 500, MOST_WORKERS};
    struct bench *b = mem_zalloc(1, sizeof(*b));
    struct real r = {0};

    if (argc != 3) {
        (void)fputs(usage, stderr);
        return 2;
    }
    r.bin = argv[1];
    begin(b, &r, argv[2]);
    measure_idle(b, &r, MOST_WORKERS);
    measure_dispatch(b, &r, MOST_WORKERS, 100);
    printf("workers  slots task ms   tasks/s   of most      MiB  processor\n");
    for (size_t i = 0; i < sizeof(fleets) / sizeof(fleets[0]); i++) {
        measure_full(b, &r, fleets[i], SLOW_MS);
    }
    measure_full(b, &r, MOST_WORKERS, QUICK_MS);
    real_end(&r, false);
    bench_remove_dir(r.data);
    return EXIT_SUCCESS;
}
