/* SPDX-License-Identifier: Apache-2.0 */
/* Time, chance, nodes, and what is said: see sim.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

struct sim_event {
    struct heap_node at;
    struct sim_node *node;
    uint64_t life;
    sim_run run;
    void *arg;
    void (*drop)(void *arg);
    struct list link; /* among those held by a paused node */
};

static const int64_t sim_begins_us = INT64_C(1700000000) * SIM_SECOND;

/* ---- chance ---- */

uint64_t sim_below(struct sim *s, unsigned stream, uint64_t n)
{
    s->chance[stream] += 0x9e3779b97f4a7c15u;
    return hash_u64(s->chance[stream]) % n;
}

bool sim_one_in(struct sim *s, unsigned stream, uint64_t n)
{
    return sim_below(s, stream, n) == 0;
}

bool sim_strikes(struct sim *s, enum sim_fault f, uint64_t n)
{
    bool strikes =
        s->rarity[f] != 0 && s->faulty && sim_one_in(s, CHANCE_FAULTS + f, n * s->rarity[f]);

    s->faults_done[f] += strikes;
    return strikes;
}

/* A world with every fault at once hides what two of them do: each has only some. */
static uint64_t any_rarity(struct sim *s, unsigned fault)
{
    static const uint64_t rarities[] = {0, 0, 1, 3, 10};
    uint64_t any =
        rarities[sim_below(s, CHANCE_FAULTS + fault, sizeof(rarities) / sizeof(*rarities))];

    return (s->options.faults & (UINT32_C(1) << fault)) != 0 ? any : 0;
}

void sim_begin(struct sim *s, const struct sim_options *options)
{
    *s = (struct sim){.options = *options, .now_us = 0, .faulty = true, .digest = options->seed};
    for (unsigned i = 0; i < CHANCES; i++) {
        s->chance[i] = hash_u64(hash_u64(options->seed + 1) + i);
    }
    if (sim_one_in(s, CHANCE_WORLD, 8)) {
        s->history_events = 40 + sim_below(s, CHANCE_WORLD, 160);
    }
    if (sim_one_in(s, CHANCE_QUOTA, 8)) {
        s->open_most = 1 + sim_below(s, CHANCE_QUOTA, 30);
    }
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        s->rarity[i] = any_rarity(s, i);
    }
}

/* ---- time ---- */

static void event_drop(struct sim_event *e)
{
    if (e->drop != NULL) {
        e->drop(e->arg);
    }
    mem_free(e);
}

void sim_after(struct sim *s,
               struct sim_node *node,
               int64_t us,
               sim_run run,
               void *arg,
               void (*drop)(void *arg))
{
    struct sim_event *e = mem_zalloc(1, sizeof(*e));

    *e = (struct sim_event){.node = node, .run = run, .arg = arg, .drop = drop};
    e->life = node != NULL ? node->life : 0;
    heap_set(&s->queue, &e->at, s->now_us + us);
}

static void event_run(struct sim *s, struct sim_event *e)
{
    if (e->node != NULL && (!e->node->up || e->node->life != e->life)) {
        event_drop(e);
    } else if (e->node != NULL && e->node->paused) {
        list_push_back(&e->node->held, &e->link);
    } else {
        s->events++;
        e->run(s, e->arg);
        mem_free(e);
    }
}

bool sim_step(struct sim *s)
{
    struct heap_node *n = heap_min(&s->queue);

    if (n == NULL) {
        return false;
    }
    if (n->key > s->now_us) {
        s->now_us = n->key;
    }
    heap_remove(&s->queue, n);
    event_run(s, container_of(n, struct sim_event, at));
    return true;
}

struct fleet_now sim_clock(const struct sim *s, const struct sim_node *node)
{
    return (struct fleet_now){
        .wall_ms = (sim_begins_us + s->now_us + node->skew_us) / SIM_MS,
        .mono_ms = (s->now_us - node->booted_us) / SIM_MS + 1,
    };
}

/* ---- nodes ---- */

static void held_drop(struct sim_node *node)
{
    struct list *n;

    while ((n = list_pop_front(&node->held)) != NULL) {
        event_drop(container_of(n, struct sim_event, link));
    }
}

void sim_node_init(struct sim *s, struct sim_node *node, const char *name)
{
    (void)s;
    *node = (struct sim_node){0};
    (void)snprintf(node->name, sizeof(node->name), "%s", name);
    list_init(&node->held);
}

void sim_node_start(struct sim *s, struct sim_node *node)
{
    node->life++;
    node->up = true;
    node->booted_us = s->now_us;
    sim_trace(s, node, "starts");
}

void sim_node_crash(struct sim *s, struct sim_node *node)
{
    sim_trace(s, node, "crashes");
    node->up = false;
    node->paused = false;
    held_drop(node);
}

static void node_goes_on(struct sim *s, void *arg)
{
    struct sim_node *node = arg;
    struct list *n;

    if (!node->paused) {
        return; /* it has crashed meanwhile */
    }
    sim_trace(s, node, "goes on");
    node->paused = false;
    while ((n = list_pop_front(&node->held)) != NULL) {
        heap_set(&s->queue, &container_of(n, struct sim_event, link)->at, s->now_us);
    }
}

void sim_node_pause(struct sim *s, struct sim_node *node, int64_t us)
{
    if (node->up && !node->paused) {
        sim_trace(s, node, "stands still");
        node->paused = true;
        sim_after(s, NULL, us, node_goes_on, node, NULL);
    }
}

static void node_is_joined(struct sim *s, void *arg)
{
    struct sim_node *node = arg;

    sim_trace(s, node, "is reached again");
    node->cut = false;
}

void sim_node_cut(struct sim *s, struct sim_node *node, int64_t us)
{
    if (!node->cut) {
        sim_trace(s, node, "is cut off");
        node->cut = true;
        sim_after(s, NULL, us, node_is_joined, node, NULL);
    }
}

void sim_node_heal(struct sim *s, struct sim_node *node)
{
    node->cut = false;
    node_goes_on(s, node);
}

/* ---- what is said ---- */

void sim_trace(struct sim *s, const struct sim_node *node, const char *format, ...)
{
    char text[400];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    n = n < (int)sizeof(text) ? n : (int)sizeof(text) - 1;
    s->digest = hash_bytes(slice_make(text, (size_t)n), s->digest + (uint64_t)s->now_us);
    if (s->options.trace) {
        printf("%12.6f %-6s %s\n", (double)s->now_us / SIM_SECOND, node != NULL ? node->name : "-",
               text);
    }
}

void sim_violation(struct sim *s, const char *format, ...)
{
    va_list args;

    printf("VIOLATION seed %" PRIu64 " at %.6f s, event %" PRIu64 ": ", s->options.seed,
           (double)s->now_us / SIM_SECOND, s->events);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    printf("\n");
    (void)fflush(stdout);
    _Exit(1);
}
