/* SPDX-License-Identifier: Apache-2.0 */
/* Those around an execution: a worker that runs functions and handlers, the workers of activities,
 * responders to task tokens, and who stops or redrives it. They speak the operations, as clients
 * do; what they do and when, the case's script says. */
#ifndef STEPFLEET_TESTS_CONFORMANCE_CAST_H
#define STEPFLEET_TESTS_CONFORMANCE_CAST_H

#include "tests/conformance/script.h"
#include "tests/lib/api_world.h"

struct cast {
    struct api_world *world;
    struct script *script;
    struct arena *a;
    struct plan *plans; /* what is to be done, soonest first */
    struct slice *functions;
    size_t function_count;
    uint64_t worker;     /* 0: nothing is offered */
    struct api_ask poll; /* parked, where there is a worker */
    struct stand *stands;
    struct slice execution; /* ARN of the one that is played */
};

/* The case's functions are offered, its activities are there. */
void cast_open(struct cast *k, struct api_world *w, struct script *s);
void cast_close(struct cast *k);
/* From here on the execution's operations are planned. */
void cast_follow(struct cast *k, struct slice execution);
/* Offered too, from now on; it is not yet. */
void cast_offer(struct cast *k, struct slice function);
bool cast_offers(const struct cast *k, struct slice function);
/* Take what was handed out and plan what is to be done; false: there was nothing. */
bool cast_take(struct cast *k);
/* Do what is due first; false: nothing is due yet. */
bool cast_act(struct cast *k);
/* Until something is due; -1: nothing is planned. */
int64_t cast_wait_ms(const struct cast *k);
/* Is anything planned for the execution itself? */
bool cast_has_operation(const struct cast *k);

#endif
