/* SPDX-License-Identifier: Apache-2.0 */
/* Random machines whose outcome can be told, what their handlers do, and an interpreter that tells
 * it: slow, small, and independent of the engine. Faults may decide which of several failures comes
 * first, never what a branch would have come to; so an execution has a set of outcomes.
 *
 * Every Task of a generated machine retries what the fleet's troubles give (Lambda.ServiceException
 * and the like) without end, so that only handlers decide. */
#ifndef STEPFLEET_TESTS_SIM_MODEL_H
#define STEPFLEET_TESTS_SIM_MODEL_H

#include "proto/base/buf.h"
#include "proto/base/json.h"

/* ---- generate.c ---- */

enum {
    MODEL_STATES = 24, /* of one machine, most */
    MODEL_DEPTH = 2,   /* Parallel and Map in each other */
};

struct model_machine {
    char name[32]; /* "m3" */
    bool express;
    bool tokens;         /* it has tasks that wait for tokens or activities */
    bool children;       /* it starts others: only machines before it */
    unsigned deadline_s; /* TimeoutSeconds of the whole; 0: none */
    struct slice definition;
};
/* `n` is its number; it may start machines with lower numbers (`below`, the first of them without
 * children; NULL where n is 0). In `a`. The functions are those of the table in handler.c. */
void model_generate(uint64_t chance,
                    unsigned n,
                    const struct model_machine *below,
                    struct arena *a,
                    struct model_machine *out);
/* One that starts more of them than the coordinator tells in a turn that it is stopped. */
void model_crowd(unsigned n, struct arena *a, struct model_machine *out);
/* Machines that are always there, for others to start: one that sleeps for long, and two that end
 * the task whose token they are given. The last has no name. */
struct model_fixture {
    const char *name;
    const char *definition;
};
extern const struct model_fixture model_fixtures[];
/* An input of any shape that the machine of that text may meet. Compact JSON in `a`. */
struct slice model_input(uint64_t chance, struct arena *a);

/* ---- handler.c: what the users' code does; pure, by function and event ---- */

enum model_act {
    ACT_SUCCEED, /* with `result` */
    ACT_FAIL,    /* with `error` and `cause` */
    ACT_HANG,    /* says nothing ever: only its deadline ends it */
    ACT_BEAT,    /* shows signs of life for longer than HeartbeatSeconds, then `result` */
    ACT_STREAM,  /* writes its output object, then `result` */
};
struct model_deed {
    enum model_act act;
    int64_t takes_us;
    struct slice result;
    struct slice error;
    struct slice cause;
    struct slice bucket; /* ACT_STREAM: where its output goes, and what it is */
    struct slice key;
    struct slice bytes;
};
/* "SICK" fails until the execution was redriven: its event says how often. "FLAKY" fails by `luck`:
 * its Task retries until it succeeds. */
void model_handle(struct slice function,
                  const struct json_node *event,
                  uint64_t luck,
                  struct arena *a,
                  struct model_deed *out);
enum { MODEL_BULK_BYTES = 262144 + 1 }; /* AWS's quota, and one */
/* Names of all functions; NULL-terminated. And of activities. */
extern const char *const model_functions[];
extern const char *const model_activities[];

/* ---- interpret.c ---- */

struct model_outcome {
    bool failed;
    struct slice output; /* compact JSON */
    struct slice error;
    struct slice cause;
    bool any_cause; /* the cause is a sentence of the engine's */
};
enum { MODEL_OUTCOMES = 64 };
struct model_run {
    struct slice definition;
    struct slice input;
    uint32_t redrives; /* that were carried out before it ended */
    bool older;        /* workers may not say that it was time that ended a function */
    /* The definition of a machine that a task starts; NULL: none. */
    struct slice (*child)(void *arg, struct slice machine);
    void *arg;
};
/* @return how many outcomes there may be, in `out`; 0: too many to tell. */
size_t
model_run(const struct model_run *r, struct arena *a, struct model_outcome out[MODEL_OUTCOMES]);

#endif
