/* SPDX-License-Identifier: Apache-2.0 */
/* A coordinator in one process under a clock of the caller's: the real ledger over the store in
 * memory and the real operations, without threads, sockets or disk; an object store, where there is
 * one, does all that it is asked. What a face does with bytes is done here with messages:
 * world_ask() carries a request out, and its answer is there when what it may have seen is written.
 *
 *   ask ---> OPEN ---reply or failure---> ANSWERED ---durable---> done
 *                 '- parked: a poll, a wait; time or news end it
 *
 * Time stands still but for world_advance(). */
#ifndef STEPFLEET_TESTS_LIB_API_WORLD_H
#define STEPFLEET_TESTS_LIB_API_WORLD_H

#include "coordinator/api/api.h"

/* A request and its answer. Caller's storage, which must not move until `done`. */
struct api_ask {
    struct call call;
    struct api_world *world;
    struct arena arena; /* holds the answer */
    bool done;
    enum err_code rc;
    struct err err;    /* rc not OK */
    const void *reply; /* the operation's reply message */
};

struct api_world {
    struct ledger_config config;
    struct store *store;
    struct ledger *ledger;
    struct api api;
    struct fleet_now now;
    struct store_batch *flying;
    struct list work; /* reads to be done, in the order they were asked for */
};

/* `bound` and `arg` as in struct ledger_config; they live as long as the world. */
void api_world_open(struct api_world *w,
                    int64_t now_ms,
                    bool (*bound)(const void *arg,
                                  struct slice service,
                                  struct slice action,
                                  struct slice *handler),
                    const void *arg);
void api_world_close(struct api_world *w);
/* The coordinator leaves, and one of that configuration begins over what was written. On failure
 * there is none, and the world can but be closed. */
enum err_code api_world_restart(struct api_world *w, struct err *err);

/* Begin a request. The message is borrowed for the call. */
void api_world_ask(struct api_world *w,
                   struct api_ask *ask,
                   enum rpc method,
                   const ProtobufCMessage *request);
/* The same, in the turn of the one that follows. */
void api_world_arrive(struct api_world *w,
                      struct api_ask *ask,
                      enum rpc method,
                      const ProtobufCMessage *request);
/* One that is not parked, and all that follows without time: its answer. */
enum err_code api_world_call(struct api_world *w,
                             struct api_ask *ask,
                             enum rpc method,
                             const ProtobufCMessage *request);
void api_ask_fini(struct api_ask *ask);

/* Everything that can be done now is done. */
void api_world_settle(struct api_world *w);
/* Until when nothing happens by itself, in ms from now; -1: for ever. */
int64_t api_world_wait_ms(const struct api_world *w);
/* Time goes on; it is settled after that. */
void api_world_advance(struct api_world *w, int64_t ms);

#endif
