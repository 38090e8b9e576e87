/* SPDX-License-Identifier: Apache-2.0 */
/* The fencing token of a grant: no other grant ever had it. The epoch grows at every open of the
 * coordinator, the counter at every grant. */
#ifndef STEPFLEET_BASE_TOKEN_H
#define STEPFLEET_BASE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

struct token {
    uint64_t epoch;
    uint64_t counter;
};

static inline bool token_eq(struct token a, struct token b)
{
    return a.epoch == b.epoch && a.counter == b.counter;
}

#endif
