/* SPDX-License-Identifier: Apache-2.0 */
/* What clients ask, for the files that are they: client.c (machines, executions), client_task.c
 * (tasks that end by their token), client_test.c (states that are tested), client_job.c,
 * client_trigger.c. */
#ifndef STEPFLEET_TESTS_SIM_ERRAND_H
#define STEPFLEET_TESTS_SIM_ERRAND_H

#include "tests/sim/client.h"

/* A request that is asked until it has an answer. */
struct errand {
    struct sim *sim;
    struct sim_node *node;
    enum rpc method;
    const ProtobufCMessage *message;
    int64_t timeout_us;
    unsigned tries;
    bool after_stop; /* sent when its execution's stop was known to be acknowledged */
    void (*done)(struct errand *e, enum err_code rc, const void *reply);
    struct sim_execution *execution;
    unsigned number; /* of a machine, revision, activity */
    struct slice token;
    struct sim_run *run;
    void *about; /* client_trigger.c's: a parcel */
    struct err err;
};

/* Memory of all clients, to the world's end. */
void *client_keep(struct sim *s, size_t bytes);
char *client_text(struct sim *s, struct slice text);
uint64_t client_below(struct sim *s, uint64_t n);
struct sim_node *client_any(struct sim *s);

/* To be sent; `message` is kept. */
struct errand *errand_new(struct sim *s,
                          struct sim_node *node,
                          enum rpc method,
                          const ProtobufCMessage *message,
                          void (*done)(struct errand *e, enum err_code rc, const void *reply));
void errand_send(struct sim *s, void *errand);
_Noreturn void errand_refused(const struct errand *e);
/* A machine of that definition is to be made; `number` is the errand's. */
void send_machine(struct sim *s,
                  const char *name,
                  bool express,
                  struct slice definition,
                  void (*done)(struct errand *x, enum err_code rc, const void *reply),
                  unsigned number);

/* ---- client_test.c ---- */

/* In some worlds states are tested from now on. */
void client_tests_begin(struct sim *s);

/* ---- client_task.c ---- */

/* Some client asks for tasks of each activity from now on. */
void pollers_begin(struct sim *s);

#endif
