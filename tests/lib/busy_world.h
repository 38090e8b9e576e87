/* SPDX-License-Identifier: Apache-2.0 */
/* A world (api_world.h) with work in hand, the same each time: a worker "w" of function "f", whom a
 * lease waits for; an activity "a", whose task was taken; and the execution "f" of machine "m" that
 * waits for both, in the two branches of a Parallel, with a job of "batch:submitJob" behind it. */
#ifndef STEPFLEET_TESTS_LIB_BUSY_WORLD_H
#define STEPFLEET_TESTS_LIB_BUSY_WORLD_H

#include "tests/lib/api_world.h"

struct busy_world {
    struct api_world world;
    struct arena a;
    uint64_t worker;    /* its number */
    struct slice token; /* of the activity's task */
};

void busy_world_open(struct busy_world *b);
void busy_world_close(struct busy_world *b);

#endif
