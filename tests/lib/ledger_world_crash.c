/* SPDX-License-Identifier: Apache-2.0 */
/* Crashes at every point there is: before a batch is written, after it is written and before
 * anybody knows, after a request to the object store is carried out and before its answer. */
#include "tests/lib/ledger_world.h"

static bool crash_now(struct world_crash_point *c)
{
    if (c->left < 0 || c->left-- != 0) {
        return false;
    }
    c->happened = true;
    world_crash(c->world);
    return true;
}

void world_write_unheard(struct ledger_world *w)
{
    struct err err;

    assert_int_equal(store_write(w->store, w->flying, &err), OK);
}

bool world_crash_commit(struct world_crash_point *c)
{
    struct ledger_world *w = c->world;

    if (w->flying == NULL) {
        return false;
    }
    if (crash_now(c)) { /* before it is written */
        return true;
    }
    if (c->left == 0) {
        world_write_unheard(w);
        return crash_now(c); /* after, and nobody was told */
    }
    c->left -= c->left > 0;
    return world_commit(w);
}

bool world_crash_objects(struct world_crash_point *c)
{
    struct ledger_world *w = c->world;

    if (w->request_count == 0) {
        return false;
    }
    if (c->left == 0) {
        w->lose_answers = true; /* it is done, and the answer comes to nobody */
        (void)world_objects(w);
        w->lose_answers = false;
        return crash_now(c);
    }
    c->left -= c->left > 0;
    return world_objects(w);
}
