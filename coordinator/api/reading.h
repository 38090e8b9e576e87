/* SPDX-License-Identifier: Apache-2.0 */
/* A read of the store on behalf of a call, on another thread, once what its turn may have seen is
 * durable.
 *
 *   reading_new -> (arguments) -> reading_begin -> [durable] -> work() on another thread
 *     -> done() on the writer's: the reply, or what went wrong */
#ifndef STEPFLEET_API_READING_H
#define STEPFLEET_API_READING_H

#include "coordinator/api/api.h"
#include "coordinator/ledger/read.h"

/* What is asked, the arena of its thread, and what was found. */
struct reading {
    struct call *call;
    struct api *api;
    struct ledger_wait wait;
    void (*work)(struct reading *r);
    void (*done)(void *reading); /* reading_done(), or what ends with it */
    struct arena arena;
    struct record_source source;
    uint32_t max;       /* of a page */
    struct slice token; /* where the page goes on; empty: from the start */
    void *asked;        /* the operation's own arguments, in `arena` */
    const ProtobufCMessage *reply;
    enum err_code rc;
    struct err err;
};

struct reading *reading_new(struct call *c, void (*work)(struct reading *r));
void reading_begin(struct reading *r);
/* Replies, or fails; frees. */
void reading_done(void *reading);
void reading_free(struct reading *r);
/* The revision an execution runs, parsed for the caller alone, with memory of `a` meanwhile:
 * machines of the ledger belong to the writer. */
enum err_code reading_machine(struct api *api,
                              const struct execution_header *h,
                              struct arena *a,
                              struct asl_machine **out,
                              struct err *err);

#endif
