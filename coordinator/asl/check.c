/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as a graph: every target exists, the top level has an end, every state is led to.
 * Where other errors were found, what cannot be reached is not told: it would follow from what
 * could not be read. Source: answers of ValidateStateMachineDefinition: missing targets come first;
 * a machine without a terminal state is told without a place, and hides what cannot be reached; a
 * branch or a Map's processor need not have one. */
#include "coordinator/asl/parse.h"

static void
add(struct asl_parse *p, const char *code, struct slice message, const struct asl_place *place)
{
    p->errors++;
    if (!asl_diagnostics_full(p->found)) {
        asl_diagnostics_add(p->found, p->texts, ASL_ERROR, code, message,
                            place == NULL ? (struct slice){NULL, 0}
                                          : asl_place_print(place, p->texts));
    }
}

static uint32_t find_state(const struct asl_parse *p, struct slice name, uint32_t scope)
{
    HASH_EACH_MATCH(node, &p->targets, parse_hash(p, name, scope))
    {
        const struct parsed_state *st = container_of(node, struct parsed_state, by_scope);

        if (st->state.scope == scope && slice_eq(st->state.name, name)) {
            return st->number;
        }
    }
    return ASL_NONE;
}

/* Every transition gets its state. */
static void resolve_targets(struct asl_parse *p)
{
    for (size_t i = 0; i < p->edge_room.count; i++) {
        struct edge *e = &p->edges[i];

        e->to = find_state(p, e->target, e->scope);
        *(e->out != NULL ? e->out : &p->scopes[e->scope].scope.start_at) = e->to;
        if (e->to == ASL_NONE) {
            add(p, "MISSING_TRANSITION_TARGET",
                arena_printf(p->texts, "Missing 'Next' target: %.*s", SLICE_FMT(e->target)),
                e->place);
        }
    }
}

/* The top level, whose number is 0, has a state that ends it. */
static bool check_end(struct asl_parse *p)
{
    bool ends = p->scope_room.count == 0 || !p->scopes[0].readable;

    for (size_t i = 0; i < p->state_room.count; i++) {
        ends |= p->states[i]->state.scope == 0 && p->states[i]->state.end;
    }
    if (!ends) {
        add(p, "MISSING_END_STATE", SLICE("Workflow has no terminal state"), NULL);
    }
    return ends;
}

/* Edges sorted by where they come from: those of state i are at[i] .. at[i + 1]. */
struct graph {
    uint32_t *at;
    uint32_t *to;
};

static struct graph graph_build(const struct asl_parse *p)
{
    size_t states = p->state_room.count;
    struct graph g = {ARENA_ARRAY(p->texts, states + 2, uint32_t),
                      ARENA_ARRAY(p->texts, p->edge_room.count, uint32_t)};

    for (size_t i = 0; i < p->edge_room.count; i++) {
        if (p->edges[i].from != ASL_NONE && p->edges[i].to != ASL_NONE) {
            g.at[p->edges[i].from + 2]++;
        }
    }
    for (size_t i = 2; i < states + 2; i++) {
        g.at[i] += g.at[i - 1];
    }
    for (size_t i = 0; i < p->edge_room.count; i++) {
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
    bool *reached = ARENA_ARRAY(p->texts, p->state_room.count, bool);
    uint32_t *todo = ARENA_ARRAY(p->texts, p->state_room.count, uint32_t);
    size_t count = 0;

    for (size_t i = 0; i < p->scope_room.count; i++) {
        uint32_t start = p->scopes[i].scope.start_at;

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
    const bool *reached;

    resolve_targets(p);
    if (!check_end(p) || !readable) {
        return;
    }
    reached = find_reached(p);
    for (size_t i = 0; i < p->state_room.count; i++) {
        if (!reached[i]) {
            add(p, "MISSING_TRANSITION_TARGET",
                arena_printf(p->texts, "State \"%.*s\" is not reachable.",
                             SLICE_FMT(p->states[i]->state.name)),
                p->states[i]->place);
        }
    }
}
