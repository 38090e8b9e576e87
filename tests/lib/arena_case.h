/* SPDX-License-Identifier: Apache-2.0 */
/* The memory `a` of each test, between begin() and end(), which are cmocka's. */
#ifndef STEPFLEET_TESTS_LIB_ARENA_CASE_H
#define STEPFLEET_TESTS_LIB_ARENA_CASE_H

#include "proto/base/arena.h"

static struct arena a;

static inline int begin(void **state)
{
    (void)state;
    arena_init(&a);
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    arena_fini(&a);
    return 0;
}

#endif
