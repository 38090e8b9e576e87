/* SPDX-License-Identifier: Apache-2.0 */
/* Tests by chance: seeds 1 to `count`, each a run of its own; STEPFLEET_RANDOM="FROM COUNT" has
 * other seeds run, and more of them. */
#ifndef STEPFLEET_TESTS_LIB_SEEDS_H
#define STEPFLEET_TESTS_LIB_SEEDS_H

#include <stdint.h>
#include <stdlib.h>

static inline void each_seed(uint64_t count, void (*run)(uint64_t seed))
{
    const char *wanted = getenv("STEPFLEET_RANDOM");
    uint64_t from = 1;
    char *end;

    if (wanted != NULL) {
        from = strtoull(wanted, &end, 10);
        count = strtoull(end, NULL, 10);
    }
    for (uint64_t i = 0; i < count; i++) {
        run(from + i);
    }
}

#endif
