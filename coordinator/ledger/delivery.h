/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries between the ledger's own files:
 *
 *   delivery.c         their rows, and when each is tried
 *   delivery_send.c    one try of what is done at once: queues, topics, machines; dead letters
 *   delivery_flight.c  one that takes its time: a handler, which a worker runs */
#ifndef STEPFLEET_LEDGER_DELIVERY_H
#define STEPFLEET_LEDGER_DELIVERY_H

#include "coordinator/ledger/internal.h"
#include "coordinator/store/row_delivery.h"

/* One that has a row. It stands in one of: fresh, due, in flight, over. */
struct delivery {
    uint64_t number;
    int64_t due_ms;
    uint64_t batch; /* that the row is in */
    struct list link;
    struct list fresh;
    struct heap_node due;
    uint64_t run; /* the execution that carries it out, */
    bool flying;  /* and does so now: it is found by it */
    struct hash_node by_run;
    struct list over; /* its run has ended so: */
    enum execution_status status;
    char *reason; /* owned; error and cause */
    bool own;     /* the handler's own failure */
};

enum delivery_end {
    DELIVERY_DONE,
    DELIVERY_AWAY,    /* its end is told later */
    DELIVERY_FAILED,  /* it may be tried again */
    DELIVERY_REFUSED, /* it is of no use */
};

/* Why it was not delivered, as a dead letter says it. */
struct delivery_fault {
    const char *code;
    struct slice message;
    bool own; /* the target did its work, and failed */
};
enum delivery_end
delivery_refuse(struct delivery_fault *fault, const char *code, struct slice message);
enum delivery_end
delivery_fail(struct delivery_fault *fault, const char *code, struct slice message);

/* What the target gets. */
struct slice delivery_input(const struct delivery_row *d);
/* One that must have a row before it is tried. */
bool delivery_is_flight(const struct ledger *l, const struct delivery_row *row);

enum delivery_end
delivery_send(struct ledger *l, const struct delivery_row *d, struct delivery_fault *fault);
/* To the dead-letter queue, if any. `exhausted` as target_retry() has it; NULL: it was refused. */
void delivery_bury(struct ledger *l,
                   const struct delivery_row *d,
                   const struct delivery_fault *fault,
                   const char *exhausted);

bool flights_are_full(const struct ledger *l);
enum delivery_end flight_begin(struct ledger *l,
                               struct delivery *d,
                               const struct delivery_row *row,
                               struct delivery_fault *fault);
/* Of one that is over: DONE or FAILED. */
enum delivery_end flight_end(struct ledger *l, struct delivery *d, struct delivery_fault *fault);
/* It goes, wherever it is. */
void flight_forget(struct ledger *l, struct delivery *d);

#endif
