/* SPDX-License-Identifier: Apache-2.0 */
/* An execution's history as it was read at the end: for check.c and check_retry.c. */
#ifndef STEPFLEET_TESTS_SIM_HISTORY_H
#define STEPFLEET_TESTS_SIM_HISTORY_H

#include "proto/base/json.h"
#include "tests/sim/sim.h"

struct sim_event {
    struct slice type;
    uint64_t previous;
    int64_t time_ms;
    struct slice name;  /* of the state it is of */
    struct slice error; /* of a failure */
    struct slice stage; /* TaskScheduled: whose output is to be written; len 0: none */
    uint64_t entry;     /* of that state: the event's number */
    unsigned after;     /* events that follow it */
};

struct sim_history {
    struct sim_event *events; /* [0] stands for none */
    size_t count;             /* with it */
    size_t cap;
};

struct sim_execution;

/* Attempts of tasks follow one another as the retriers say. */
void check_retries(struct sim *s,
                   const struct sim_execution *e,
                   struct slice definition,
                   struct sim_history *h,
                   struct arena *a);

/* No more iterations at once than may be. Before check_retries(), which renames events. */
void check_maps(struct sim *s,
                const struct sim_execution *e,
                struct slice definition,
                const struct sim_history *h,
                struct arena *a);
/* A state of the machine or of a scope in it, by its name; NULL: there is none. */
const struct json_node *check_state(const struct json_node *scope, struct slice name);

/* What stages wrote is there. */
void check_stages(struct sim *s,
                  const struct sim_execution *e,
                  const struct sim_history *h,
                  struct arena *a);

#endif
