/* SPDX-License-Identifier: Apache-2.0 */
/* Counts every edge that the drawn state machines (proto/base/sm.h) take, in memory that all worlds
 * of a run share, and prints all edges there are, those never taken too. The tables' addresses are
 * the same in all processes of one program; a machine is told by the names of its states. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

#include "proto/base/sm.h"
#include "tests/sim/sim.h"

enum { EDGES_MACHINES = 16, EDGES_STATES = 32 };

struct edges {
    const struct sm_state *_Atomic tables[EDGES_MACHINES];
    atomic_uint_fast64_t taken[EDGES_MACHINES][EDGES_STATES][EDGES_STATES];
};

static struct edges *edges;

void edges_open(void)
{
    void *p = mmap(NULL, sizeof(*edges), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    edges = p != MAP_FAILED ? p : NULL;
}

static unsigned machine_of(const struct sm_state *table)
{
    for (unsigned i = 0; i < EDGES_MACHINES; i++) {
        const struct sm_state *none = NULL;

        if (atomic_load(&edges->tables[i]) == table ||
            atomic_compare_exchange_strong(&edges->tables[i], &none, table) || none == table) {
            return i;
        }
    }
    return EDGES_MACHINES;
}

/* In place of the header's own, which does nothing. */
void sm_edge_taken(const struct sm_state *table, unsigned from, unsigned to)
{
    unsigned machine = edges != NULL ? machine_of(table) : EDGES_MACHINES;

    if (machine < EDGES_MACHINES) {
        atomic_fetch_add(&edges->taken[machine][from][to], 1);
    }
}

/* A table does not say how long it is: its states are those that can be reached from the others. */
static unsigned states_of(const struct sm_state *table)
{
    unsigned count = 1;

    for (unsigned i = 0; i < count; i++) {
        for (unsigned to = count; to < EDGES_STATES; to++) {
            count = (table[i].next & SM(to)) != 0 ? to + 1 : count;
        }
    }
    return count;
}

static void machine_print(unsigned machine)
{
    const struct sm_state *table = atomic_load(&edges->tables[machine]);
    unsigned count = states_of(table);
    unsigned all = 0;
    unsigned never = 0;

    for (unsigned from = 0; from < count; from++) {
        for (unsigned to = 0; to < count; to++) {
            uint64_t taken = edges->taken[machine][from][to];

            if ((table[from].next & SM(to)) != 0) {
                printf("%14" PRIu64 "  %s -> %s\n", taken, table[from].name, table[to].name);
                all++;
                never += taken == 0;
            }
        }
    }
    printf("%14s  %u of %u edges taken\n\n", "", all - never, all);
}

void edges_print(void)
{
    for (unsigned i = 0; edges != NULL && i < EDGES_MACHINES; i++) {
        if (atomic_load(&edges->tables[i]) != NULL) {
            machine_print(i);
        }
    }
}
