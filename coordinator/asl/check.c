/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as a graph, scope by scope: every target exists, an end can be there to reach, every
 * state is led to. Where other errors were found only missing targets are told, since the rest
 * would follow from what could not be read. Source: answers of ValidateStateMachineDefinition: a
 * scope without a terminal state is told once, without a place, and hides what cannot be reached.
 */
#include "coordinator/asl/parse.h"

static void add(struct asl_parse *p, const char *code, struct slice message, struct slice location)
{
    asl_diagnostics_add(p->found, p->texts, ASL_ERROR, code, message, location);
    p->errors++;
}

static void check_targets(struct asl_parse *p)
{
    for (size_t i = 0; i < p->edge_count; i++) {
        const struct edge *e = &p->edges[i];

        if (e->to == ASL_NONE) {
            add(p, "MISSING_TRANSITION_TARGET",
                arena_printf(p->texts, "Missing 'Next' target: %.*s", SLICE_FMT(e->target)),
                e->location);
        }
    }
}

static bool has_terminal(const struct asl_machine *m, uint32_t scope)
{
    for (uint32_t i = 0; i < m->state_count; i++) {
        if (m->states[i].scope == scope && m->states[i].end) {
            return true;
        }
    }
    return false;
}

/* Edges sorted by where they come from: those of state i are at[i] .. at[i + 1]. */
struct graph {
    uint32_t *at;
    uint32_t *to;
};

static struct graph graph_build(const struct asl_parse *p)
{
    struct graph g = {ARENA_ARRAY(p->texts, p->m->state_count + 2, uint32_t),
                      ARENA_ARRAY(p->texts, p->edge_count, uint32_t)};

    for (size_t i = 0; i < p->edge_count; i++) {
        if (p->edges[i].from != ASL_NONE && p->edges[i].to != ASL_NONE) {
            g.at[p->edges[i].from + 2]++;
        }
    }
    for (uint32_t i = 2; i < p->m->state_count + 2; i++) {
        g.at[i] += g.at[i - 1];
    }
    for (size_t i = 0; i < p->edge_count; i++) {
        if (p->edges[i].from != ASL_NONE && p->edges[i].to != ASL_NONE) {
            g.to[g.at[p->edges[i].from + 1]++] = p->edges[i].to;
        }
    }
    return g;
}

/* Marks what a walk from every scope's StartAt comes to. */
static bool *find_reached(const struct asl_parse *p)
{
    struct graph g = graph_build(p);
    bool *reached = ARENA_ARRAY(p->texts, p->m->state_count, bool);
    uint32_t *todo = ARENA_ARRAY(p->texts, p->m->state_count, uint32_t);
    size_t count = 0;

    for (uint32_t i = 0; i < p->m->scope_count; i++) {
        uint32_t start = p->m->scopes[i].start_at;

        if (start != ASL_NONE && !reached[start]) {
            reached[start] = true;
            todo[count++] = start;
        }
    }
    while (count > 0) {
        uint32_t state = todo[--count];

        for (uint32_t i = g.at[state]; i < g.at[state + 1]; i++) {
            if (!reached[g.to[i]]) {
                reached[g.to[i]] = true;
                todo[count++] = g.to[i];
            }
        }
    }
    return reached;
}

void check_graph(struct asl_parse *p)
{
    bool readable = p->errors == 0;
    bool ends = true;
    const bool *reached;

    check_targets(p);
    if (!readable) {
        return;
    }
    for (uint32_t i = 0; i < p->m->scope_count; i++) {
        ends = ends && has_terminal(p->m, i);
    }
    if (!ends) {
        add(p, "MISSING_END_STATE", SLICE("Workflow has no terminal state"),
            (struct slice){NULL, 0});
        return;
    }
    reached = find_reached(p);
    for (uint32_t i = 0; i < p->m->state_count; i++) {
        if (!reached[i]) {
            add(p, "MISSING_TRANSITION_TARGET",
                arena_printf(p->texts, "State \"%.*s\" is not reachable.",
                             SLICE_FMT(p->m->states[i].name)),
                p->m->states[i].pointer);
        }
    }
}
