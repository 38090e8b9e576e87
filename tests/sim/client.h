/* SPDX-License-Identifier: Apache-2.0 */
/* What clients know: the machines they made, with every definition they ever gave them, and each
 * execution they started, with all that was asked of it and all that was acknowledged. The checks
 * at the end (check.c) hold the coordinator to it. */
#ifndef STEPFLEET_TESTS_SIM_CLIENT_H
#define STEPFLEET_TESTS_SIM_CLIENT_H

#include "tests/sim/model.h"
#include "tests/sim/sim.h"

struct sim_machine {
    struct model_machine *revisions; /* [0]: the first; revision N of the product is [N - 1] */
    unsigned asked;                  /* revisions that were sent */
    unsigned made;                   /* of them, acknowledged */
    bool updating;
    bool delete_asked; /* its executions may be stopped, and starts refused, from then on */
    bool delete_told;  /* acknowledged: no start that is sent after it is carried out */
};

struct sim_execution {
    unsigned machine;
    char name[24];
    struct slice arn;
    struct slice input;
    unsigned least_revision; /* acknowledged when its start was first asked for */
    bool synchronous;        /* Express: its reply was all */
    bool started;            /* acknowledged */
    int64_t start_ms;        /* as acknowledged */
    bool stop_asked;
    bool stop_told;
    bool impatient; /* stopped to be redriven */
    unsigned redrives_asked;
    unsigned redrives_told;
    bool over; /* its client asks no more of it */
    bool late; /* its start was first sent when its machine's deletion was acknowledged */
};

/* The first machines are what others start: they stay as they were made. */
enum { CLIENT_FIXED = 2 };

struct sim_clients {
    struct arena arena;
    struct model_machine fixed[CLIENT_FIXED];
    struct sim_machine *machines;
    struct sim_execution *executions;
    unsigned begun;      /* executions that a client has taken on */
    unsigned over;       /* of them */
    unsigned activities; /* made */
    unsigned fixtures;   /* made */
    unsigned machine_count;
    bool crowd;          /* the last machine is one (model_crowd) */
    unsigned crowds;     /* executions of it begun */
    unsigned of_jobs;    /* executions begun that run jobs */
    unsigned tests_open; /* of states */
    bool ready;          /* machines and activities are there */
    bool finishing;
};

/* The definition of that machine that the product calls by this number. */
struct slice client_definition(const struct sim *s, unsigned machine, unsigned revision);

#endif
