/* SPDX-License-Identifier: Apache-2.0 */
/* `sim`: worlds by the seed, each in a process of its own.
 *
 *   sim                        one world, of seed 1
 *   sim --seed N --trace       that one, event by event
 *   sim --seed N --count M     worlds N .. N+M-1, some at a time
 *   sim --seed N --minimise    a failing world, made as small as it stays failing
 *
 * Exit status: 0, or 1 where something did not hold: it has been said, with the seed. */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/host/log.h"
#include "tests/sim/job.h"
#include "tests/sim/operator.h"
#include "tests/sim/trigger.h"

enum {
    SIM_LIVELY_US_MAX = 12 * 3600, /* seconds: once faults have stopped, all work ends by then */
    SIM_CHAOS_US = SIM_SECOND,
    SIM_SECONDS_MAX = 120, /* of one world, of the system's time */
};

/* Of worlds that have queues, pipes and rules. */
static const char *const triggered[] = {
    "worlds with queues",
    "messages sent",
    "receives",
    "dead letters",
    "messages piped to executions",
    "runs of an Express pipe",
    "executions by schedule",
    "events heard",
};
enum { TRIGGERED = sizeof(triggered) / sizeof(triggered[0]) };

/* Of all worlds of a run, in shared memory. */
struct totals {
    _Atomic uint64_t worlds;
    _Atomic uint64_t executions;
    _Atomic uint64_t events;
    _Atomic uint64_t runs;
    _Atomic uint64_t simulated_us;
    _Atomic uint64_t modelled;
    _Atomic uint64_t untold;
    _Atomic uint64_t refused;
    _Atomic uint64_t triggered[TRIGGERED];
    _Atomic uint64_t faults[FAULT_COUNT];
};

static struct totals *totals;
static uint64_t current_seed;

static const char *const fault_names[] = {
#define FAULT(word, name, about) #name,
#include "tests/sim/faults.def"
#undef FAULT
};

/* ---- one world ---- */

static int64_t some_seconds(struct sim *s, enum sim_fault f, int64_t most)
{
    return (int64_t)sim_below(s, CHANCE_FAULTS + f, (uint64_t)(most * SIM_SECOND));
}

static void trouble_node(struct sim *s, struct sim_node *node)
{
    if (sim_strikes(s, FAULT_PARTITION, 60)) {
        sim_node_cut(s, node, some_seconds(s, FAULT_PARTITION, 60));
    }
    if (sim_strikes(s, FAULT_PAUSE, 60)) {
        sim_node_pause(s, node, some_seconds(s, FAULT_PAUSE, 40));
    }
}

/* Mostly by seconds, now and then by an hour. */
static void trouble_clock(struct sim *s)
{
    int64_t most = sim_one_in(s, CHANCE_FAULTS + FAULT_CLOCK, 10) ? 3600 : 5;

    s->coordinator_node.skew_us += some_seconds(s, FAULT_CLOCK, 2 * most) - most * SIM_SECOND;
}

static void trouble(struct sim *s, void *arg)
{
    (void)arg;
    if (!s->faulty) {
        return;
    }
    sim_after(s, NULL, SIM_CHAOS_US, trouble, NULL, NULL);
    if (sim_strikes(s, FAULT_CRASH, 40)) {
        coordinator_crash(s);
    }
    if (sim_strikes(s, FAULT_FULL, 200)) {
        coordinator_fill(s, some_seconds(s, FAULT_FULL, 30));
    }
    if (sim_strikes(s, FAULT_SHORT, 60)) {
        coordinator_shorten(s, some_seconds(s, FAULT_SHORT, 30));
    }
    if (sim_strikes(s, FAULT_CLOCK, 30)) {
        trouble_clock(s);
    }
    for (unsigned i = 0; i < s->options.workers; i++) {
        trouble_node(s, &s->worker_nodes[i]);
    }
    for (unsigned i = 0; i < s->options.clients; i++) {
        trouble_node(s, &s->client_nodes[i]);
    }
}

struct worker_number {
    unsigned number;
};

static void worker_comes(struct sim *s, void *arg)
{
    struct worker_number *w = arg;

    if (!s->worker_nodes[w->number].up) {
        worker_start(s, w->number);
    }
    mem_free(w);
}

static void start_worker_in(struct sim *s, unsigned worker, int64_t us)
{
    struct worker_number *w = mem_alloc(sizeof(*w));

    w->number = worker;
    sim_after(s, NULL, us, worker_comes, w, mem_free);
}

static void worker_chaos(struct sim *s, void *arg)
{
    (void)arg;
    if (!s->faulty) {
        return;
    }
    sim_after(s, NULL, SIM_CHAOS_US, worker_chaos, NULL, NULL);
    for (unsigned i = 0; i < s->options.workers; i++) {
        struct sim_node *node = &s->worker_nodes[i];
        int64_t away = some_seconds(s, FAULT_WORKER, 20);

        if (!node->up) {
            continue;
        }
        if (sim_strikes(s, FAULT_WORKER, 40)) {
            sim_node_crash(s, node);
            worker_crashed(s, i);
            coordinator_lost(s, node);
            start_worker_in(s, i, away);
        } else if (sim_strikes(s, FAULT_WORKER, 80)) {
            worker_leave(s, i);
        }
    }
}

/* Workers that have left or died come again. */
static void keep_workers(struct sim *s, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < s->options.workers; i++) {
        if (!s->worker_nodes[i].up) {
            worker_start(s, i);
        }
    }
    sim_after(s, NULL, 30 * SIM_SECOND, keep_workers, NULL, NULL);
}

static void faults_stop(struct sim *s, void *arg)
{
    (void)arg;
    sim_trace(s, NULL, "no more faults");
    s->faulty = false;
    coordinator_fill(s, 0);
    if (s->open_most != 0) { /* or those that wait for others might never get them */
        s->open_most = 0;
        coordinator_crash(s);
    }
    for (unsigned i = 0; i < s->options.workers; i++) {
        sim_node_heal(s, &s->worker_nodes[i]);
    }
    for (unsigned i = 0; i < s->options.clients; i++) {
        sim_node_heal(s, &s->client_nodes[i]);
    }
    clients_finish(s);
}

static void world_begin(struct sim *s)
{
    objects_open(s);
    operator_open(s);
    jobs_open(s);
    triggers_open(s);
    coordinator_open(s);
    for (unsigned i = 0; i < s->options.workers; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "w%u", i);
        sim_node_init(s, &s->worker_nodes[i], name);
        worker_start(s, i);
    }
    clients_open(s);
    sim_after(s, NULL, SIM_CHAOS_US, trouble, NULL, NULL);
    sim_after(s, NULL, SIM_CHAOS_US, worker_chaos, NULL, NULL);
    rest_watch(s);
    sim_after(s, NULL, 30 * SIM_SECOND, keep_workers, NULL, NULL);
    sim_after(s, NULL, s->options.faults_us, faults_stop, NULL, NULL);
}

static void world_run(struct sim *s)
{
    int64_t end_us = s->options.faults_us + (int64_t)SIM_LIVELY_US_MAX * SIM_SECOND;

    while (s->faulty || !clients_are_done(s) || !client_jobs_are_done(s) ||
           !client_triggers_are_done(s)) {
        if (!sim_step(s)) {
            sim_violation(s, "nothing happens any more, and work is left");
        }
        if (s->now_us > end_us) {
            sim_violation(s, "work does not end, though faults have stopped");
        }
        if (s->options.steps != 0 && s->events > s->options.steps) {
            return;
        }
    }
    retention_check(s);
    check_world(s);
}

static void count_triggers(const struct sim_triggers *t)
{
    const uint64_t counts[TRIGGERED] = {
        1, t->sent, t->receives, t->dead, t->piped, t->runs, t->ticks, t->heard,
    };

    for (unsigned i = 0; i < TRIGGERED; i++) {
        totals->triggered[i] += counts[i];
    }
}

static void world_count(const struct sim *s)
{
    if (s->triggers != NULL) {
        count_triggers(s->triggers);
    }
    totals->worlds++;
    totals->executions += s->options.executions;
    totals->events += s->events;
    totals->runs += s->jobs != NULL ? s->jobs->runs.count : 0;
    totals->simulated_us += (uint64_t)s->now_us;
    totals->modelled += s->modelled;
    totals->untold += s->untold;
    totals->refused += s->refused;
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        totals->faults[i] += s->faults_done[i];
    }
}

static void say_seed(int number)
{
    char text[96];
    int n =
        snprintf(text, sizeof(text), "VIOLATION seed %" PRIu64 ": the program died of signal %d\n",
                 current_seed, number);

    (void)!write(STDOUT_FILENO, text, (size_t)n);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void world(const struct sim_options *o)
{
    static struct sim s;
    const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGALRM};

    current_seed = o->seed;
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        (void)signal(signals[i], say_seed);
    }
    (void)alarm(SIM_SECONDS_MAX);
    sim_begin(&s, o);
    world_begin(&s);
    world_run(&s);
    world_count(&s);
    if (o->trace) {
        printf("seed %" PRIu64 ": %" PRIu64 " events, digest %016" PRIx64 "\n", o->seed, s.events,
               s.digest);
    }
    (void)fflush(stdout);
}

/* ---- many worlds ---- */

static pid_t world_fork(const struct sim_options *o)
{
    pid_t pid;

    (void)fflush(stdout);
    pid = fork();
    if (pid == 0) {
        world(o);
        _Exit(0);
    }
    return pid;
}

/* @return how many failed; stops where `most` have. */
static unsigned worlds(struct sim_options o, uint64_t count, unsigned jobs, unsigned most)
{
    unsigned failed = 0;
    unsigned running = 0;
    uint64_t begun = 0;

    while (running > 0 || (begun < count && failed < most)) {
        int status;

        if (begun < count && running < jobs && failed < most) {
            running += world_fork(&o) > 0;
            o.seed++;
            begun++;
            continue;
        }
        if (wait(&status) > 0) {
            running--;
            failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        }
    }
    return failed;
}

static bool fails(const struct sim_options *o)
{
    return worlds(*o, 1, 1, 1) != 0;
}

static void say_command(const struct sim_options *o)
{
    printf("sim --seed %" PRIu64 " --executions %u --workers %u --clients %u --machines %u "
           "--runs %u --messages %u --seconds %" PRId64 " --faults ",
           o->seed, o->executions, o->workers, o->clients, o->machines, o->runs, o->messages,
           o->faults_us / SIM_SECOND);
    for (unsigned i = 0, n = 0; i < FAULT_COUNT; i++) {
        if ((o->faults & (UINT32_C(1) << i)) != 0) {
            printf("%s%s", n++ != 0 ? "," : "", fault_names[i]);
        }
    }
    printf("%s\n", o->faults == 0 ? "none" : "");
}

/* Keep `smaller` where the world still fails. */
static bool minimise_to(struct sim_options *o, struct sim_options smaller)
{
    if (!fails(&smaller)) {
        return false;
    }
    *o = smaller;
    say_command(o);
    return true;
}

static bool minimise_number(struct sim_options *o, unsigned *field, unsigned least)
{
    unsigned was = *field;

    for (unsigned by = was / 2; by > 0; by /= 2) {
        struct sim_options smaller = *o;

        if (was < least + by) {
            continue;
        }
        *(unsigned *)((char *)&smaller + ((char *)field - (char *)o)) = was - by;
        if (minimise_to(o, smaller)) {
            return true;
        }
    }
    return false;
}

static bool minimise_once(struct sim_options *o)
{
    struct sim_options smaller;
    bool better = false;

    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        smaller = *o;
        smaller.faults &= ~(UINT32_C(1) << i);
        better = (smaller.faults != o->faults && minimise_to(o, smaller)) || better;
    }
    smaller = *o;
    smaller.faults_us /= 2;
    better = (smaller.faults_us > SIM_SECOND && minimise_to(o, smaller)) || better;
    better = minimise_number(o, &o->executions, 1) || better;
    better = minimise_number(o, &o->workers, 1) || better;
    better = minimise_number(o, &o->clients, 1) || better;
    better = minimise_number(o, &o->machines, 1) || better;
    better = minimise_number(o, &o->runs, 0) || better;
    better = minimise_number(o, &o->messages, 0) || better;
    return better;
}

static int minimise(struct sim_options *o)
{
    if (!fails(o)) {
        printf("seed %" PRIu64 " holds\n", o->seed);
        return 0;
    }
    while (minimise_once(o)) {
    }
    printf("the least that fails:\n");
    say_command(o);
    return 1;
}

/* ---- the command ---- */

static const char usage[] =
    "usage: sim [--seed N] [--count M] [--jobs J] [--executions E] [--workers W] [--clients C]\n"
    "           [--machines D] [--runs R] [--messages Q] [--seconds S] [--faults LIST|all|none]\n"
    "           [--steps EVENTS] [--stop-after FAILURES] [--trace] [--minimise] [--edges]\n"
    "Worlds of coordinator, workers, clients and store, under faults, in simulated time.\n";

static bool read_faults(const char *list, uint32_t *out)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "%s", list);
    *out = strcmp(list, "all") == 0 ? (UINT32_C(1) << FAULT_COUNT) - 1 : 0;
    if (*out != 0 || strcmp(list, "none") == 0) {
        return true;
    }
    for (char *at = NULL, *word = strtok_r(text, ",", &at); word != NULL;
         word = strtok_r(NULL, ",", &at)) {
        unsigned i = 0;

        while (i < FAULT_COUNT && strcmp(fault_names[i], word) != 0) {
            i++;
        }
        if (i == FAULT_COUNT) {
            return false;
        }
        *out |= UINT32_C(1) << i;
    }
    return true;
}

static double seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say_totals(double took, unsigned failed)
{
    double simulated = (double)totals->simulated_us / SIM_SECOND;

    printf("%" PRIu64 " worlds, %" PRIu64 " executions, %" PRIu64 " job runs, %" PRIu64
           " events, %.0f s simulated in %.1f s "
           "(%.0f times), %u failed\n",
           totals->worlds, totals->executions, totals->runs, totals->events, simulated, took,
           simulated / took, failed);
    printf("%" PRIu64 " ends held to the model; beside them %" PRIu64
           " of executions that may end in too many ways to tell\n",
           totals->modelled - totals->untold, totals->untold);
    for (unsigned i = 0; i < TRIGGERED; i++) {
        printf("%s%" PRIu64 " %s", i != 0 ? ", " : "", totals->triggered[i], triggered[i]);
    }
    printf("\n");
    printf("faults:");
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        printf(" %s %" PRIu64, fault_names[i], totals->faults[i]);
    }
    printf("; refused by the quota %" PRIu64 "\n", totals->refused);
}

struct sim_command {
    struct sim_options o;
    uint64_t count;
    unsigned jobs;
    unsigned most; /* failures, after which no more worlds are begun */
    bool minimise;
    bool edges;
    bool help;
};

static const struct option long_options[] = {
    {"seed", required_argument, NULL, 's'},
    {"count", required_argument, NULL, 'n'},
    {"jobs", required_argument, NULL, 'j'},
    {"executions", required_argument, NULL, 'e'},
    {"workers", required_argument, NULL, 'w'},
    {"clients", required_argument, NULL, 'c'},
    {"machines", required_argument, NULL, 'd'},
    {"seconds", required_argument, NULL, 't'},
    {"runs", required_argument, NULL, 'r'}, /* of jobs */
    {"messages", required_argument, NULL, 'q'},
    {"faults", required_argument, NULL, 'f'},
    {"steps", required_argument, NULL, 'm'},
    {"trace", no_argument, NULL, 'v'},
    {"minimise", no_argument, NULL, 'i'},
    {"edges", no_argument, NULL, 'g'},
    {"stop-after", required_argument, NULL, 'x'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static unsigned at_most(uint64_t n, unsigned most)
{
    return n < 1 ? 1 : n < most ? (unsigned)n : most;
}

static bool read_option(struct sim_command *c, int option, const char *text)
{
    uint64_t n = text != NULL ? strtoull(text, NULL, 10) : 0;

    switch (option) {
    case 's': c->o.seed = n; return true;
    case 'n': c->count = n; return true;
    case 'j': c->jobs = at_most(n, 64); return true;
    case 'e': c->o.executions = at_most(n, 100000); return true;
    case 'w': c->o.workers = at_most(n, SIM_WORKERS); return true;
    case 'c': c->o.clients = at_most(n, SIM_CLIENTS); return true;
    case 'd': c->o.machines = at_most(n, 100); return true;
    case 't': c->o.faults_us = (int64_t)at_most(n, 86400) * SIM_SECOND; return true;
    case 'r': c->o.runs = n < SIM_RUNS ? (unsigned)n : SIM_RUNS; return true;
    case 'q': c->o.messages = n < SIM_MESSAGES ? (unsigned)n : SIM_MESSAGES; return true;
    case 'm': c->o.steps = n; return true;
    case 'x': c->most = at_most(n, UINT32_MAX); return true;
    case 'v': c->o.trace = true; return true;
    case 'i': c->minimise = true; return true;
    case 'g': c->edges = true; return true;
    case 'h': c->help = true; return true;
    case 'f': return read_faults(text, &c->o.faults);
    default: return false;
    }
}

static int run_worlds(const struct sim_command *c)
{
    double began = seconds();
    unsigned failed = worlds(c->o, c->count, c->jobs, c->most);

    say_totals(seconds() - began, failed);
    if (c->edges) {
        edges_print();
    }
    return failed != 0;
}

int main(int argc, char **argv)
{
    struct sim_command c = {.count = 1, .jobs = 2, .most = 1};

    c.o = (struct sim_options){.seed = 1, .executions = 100, .workers = 3, .clients = 3};
    c.o.machines = 6;
    c.o.runs = 6;
    c.o.messages = 80;
    c.o.faults = (UINT32_C(1) << FAULT_COUNT) - 1;
    c.o.faults_us = INT64_C(120) * SIM_SECOND;
    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (!read_option(&c, option, optarg)) {
            fprintf(stderr, "%s", usage);
            return 2;
        }
    }
    if (c.help) {
        printf("%s", usage);
        return 0;
    }
    log_init("sim", LOG_ERROR);
    totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (totals == MAP_FAILED) {
        return 2;
    }
    edges_open();
    if (c.minimise) {
        return minimise(&c.o);
    }
    if (c.o.trace) {
        world(&c.o);
        return 0;
    }
    return run_worlds(&c);
}
