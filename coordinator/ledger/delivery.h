/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries between the ledger's own files:
 *
 *   delivery.c         their rows, and when each is tried
 *   delivery_send.c    one try of what is done at once: queues, topics, machines; dead letters
 *   delivery_flight.c  those that take their time: handlers, which a worker runs
 *   delivery_webhook.c and webhooks, which the shell asks
 *   delivery_place.c   which of these may begin */
#ifndef STEPFLEET_LEDGER_DELIVERY_H
#define STEPFLEET_LEDGER_DELIVERY_H

#include "coordinator/ledger/internal.h"
#include "coordinator/store/row_delivery.h"

enum delivery_end {
    DELIVERY_DONE,
    DELIVERY_AWAY,    /* its end is told later */
    DELIVERY_FAILED,  /* it may be tried again */
    DELIVERY_REFUSED, /* it is of no use */
};

/* One that has a row. It stands in one of: fresh, due, in line, in flight, over. */
struct delivery {
    uint64_t number;
    int64_t due_ms;
    uint64_t batch; /* that the row is in */
    struct list link;
    struct list fresh;
    struct heap_node due;
    struct delivery_place *place; /* NULL: it is done at once */
    struct list line;             /* the place's */
    bool slotted; /* it is due when its destination may be asked: the time is its own */
    bool flying;
    uint64_t run; /* the execution that carries it out, by which it is found then; 0: none */
    struct hash_node by_run;
    struct list over; /* its flight has ended so: */
    enum delivery_end end;
    const char *code; /* where it is not DONE, as those below */
    char *reason;     /* owned */
    bool own;         /* the handler's own failure */
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

/* Where flights go, while any has a row. */
struct delivery_place *place_join(struct ledger *l, struct slice arn);
void place_leave(struct ledger *l, struct delivery *d);
/* May one more begin that goes there? */
bool place_has_room(const struct ledger *l, const struct delivery_place *p);
/* It is in line, and due no more. */
void place_wait(struct ledger *l, struct delivery *d);
/* One that was in line and may begin; NULL: there is none. */
struct delivery *place_next(struct ledger *l);
bool places_are_ready(const struct ledger *l);

void flight_take_off(struct ledger *l, struct delivery *d);
void flight_land(struct ledger *l, struct delivery *d); /* if it flies */
enum delivery_end flight_begin(struct ledger *l,
                               struct delivery *d,
                               const struct delivery_row *row,
                               struct delivery_fault *fault);
/* Its end is known; `reason` is copied. */
void flight_over(struct ledger *l,
                 struct delivery *d,
                 enum delivery_end end,
                 const char *code,
                 struct slice reason);
/* Of one that is over. */
enum delivery_end flight_end(struct ledger *l, struct delivery *d, struct delivery_fault *fault);
/* It goes, wherever it is. */
void flight_forget(struct ledger *l, struct delivery *d);
/* @param name  of the destination, and its id, if any */
enum delivery_end webhook_begin(struct ledger *l,
                                struct delivery *d,
                                const struct delivery_row *row,
                                struct slice name,
                                struct delivery_fault *fault);
void webhooks_out_free(struct ledger *l);

#endif
