/* SPDX-License-Identifier: Apache-2.0 */
/* An operator who asks things of functions and workers while a world goes on, and what must hold
 * of every grant then (operator.c). */
#ifndef STEPFLEET_TESTS_SIM_OPERATOR_H
#define STEPFLEET_TESTS_SIM_OPERATOR_H

#include "tests/sim/sim.h"

/* In some worlds there is one: decided before anything else begins. */
void operator_open(struct sim *s);
/* The JSON object of a worker's labels. */
const char *operator_labels(const struct sim *s, unsigned worker);
/* A turn has ended: its grants are looked at. */
void operator_check_turn(struct sim *s);
/* Nothing is asked of anything any more, and that is acknowledged. */
bool operator_is_done(const struct sim *s);

#endif
