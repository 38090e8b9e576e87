/* SPDX-License-Identifier: Apache-2.0 */
/* State machines of our own: drawn where they are declared, tabled here, moved only by sm_move(),
 * which asserts that the edge is in the drawing. */
#ifndef STEPFLEET_BASE_SM_H
#define STEPFLEET_BASE_SM_H

#include <assert.h>
#include <stdint.h>

#define SM(state) (UINT32_C(1) << (state))

struct sm_state {
    const char *name;
    uint32_t next; /* SM() bits of the states it may move to */
};

#ifdef STEPFLEET_SM_COUNT
/* Tests count every edge taken. */
void sm_edge_taken(const struct sm_state *table, unsigned from, unsigned to);
#else
static inline void sm_edge_taken(const struct sm_state *table, unsigned from, unsigned to)
{
    (void)table;
    (void)from;
    (void)to;
}
#endif

/* The new state, for `x->state = sm_move(table, x->state, NEW)`. */
static inline unsigned sm_move(const struct sm_state *table, unsigned from, unsigned to)
{
    assert((table[from].next & SM(to)) != 0);
    sm_edge_taken(table, from, to);
    return to;
}

#endif
