/* SPDX-License-Identifier: Apache-2.0 */
/* Generated machines run through the real operations and ledger in one process, without faults: a
 * worker with all functions, holders of the activities and of task tokens, all of whom do as
 * model_handle() says, after times that chance decides. What cannot be is a failed assertion of the
 * test. */
#ifndef STEPFLEET_TESTS_LIB_MODEL_PLAYER_H
#define STEPFLEET_TESTS_LIB_MODEL_PLAYER_H

#include "tests/lib/api_world.h"
#include "tests/sim/model.h"

enum { PLAYER_MACHINES = 3, PLAYER_PLANS = 256, PLAYER_ACTIVITIES = 3 };

/* What is to be said of a task, and when. */
struct plan {
    bool used;
    int64_t due_ms;
    int64_t until_ms;   /* it shows signs of life up to then */
    struct token lease; /* epoch 0: by its task token */
    struct slice token;
    struct model_deed deed;
};

struct player {
    struct api_world w;
    struct arena a;
    uint64_t chance;
    struct model_machine machines[PLAYER_MACHINES];
    unsigned machine_count;
    struct plan plans[PLAYER_PLANS];
    uint64_t worker;
    struct api_ask poll;
    struct api_ask activities[PLAYER_ACTIVITIES];
    char *execution;
    unsigned stops; /* yet to be asked for */
};

void player_open(struct player *p, uint64_t seed);
void player_close(struct player *p);
unsigned player_below(struct player *p, unsigned n);

/* Make a machine, under its name; in p->machines from then on. */
void player_create(struct player *p, const struct model_machine *m);
/* Its execution is p->execution. */
void player_start(struct player *p, const struct model_machine *m, struct slice input);
/* Until it has closed; p->stops times it is stopped on its way, by chance. */
void player_play(struct player *p);
/* False: it is not to be redriven. */
bool player_redrive(struct player *p);
/* To be released with the ask. */
const Stepfleet__ExecutionDetail *player_describe(struct player *p, struct api_ask *ask);

#endif
