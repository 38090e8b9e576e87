/* SPDX-License-Identifier: Apache-2.0 */
/* The programs themselves under load: a coordinator on a fresh database, workers, a machine, and
 * the requests of its clients. */
#ifndef STEPFLEET_BENCH_REAL_H
#define STEPFLEET_BENCH_REAL_H

#include <sys/types.h>

#include "proto/wire.h"
#include "tests/bench/load.h"

enum { REAL_WORKERS = 2, REAL_SLOTS = 128, REAL_DOCUMENT_BYTES = 1024 };

struct real {
    const char *bin; /* directory of the programs */
    const char *url;
    char data[512]; /* directory of the database */
    char log[512];
    char machine[256]; /* ARN */
    pid_t coordinator;
    pid_t workers[REAL_WORKERS];
    unsigned worker_count;
    bool wait; /* a client waits for the end of what it started */
};

/* Whether it answers HEALTH. */
bool real_answers(const struct real *r, int timeout_ms);
/* Start the coordinator on r->data and wait until it answers. */
void real_coordinator(struct real *r);
/* Start both workers, each offering the function "echo". */
void real_workers(struct real *r);
void real_end(struct real *r, bool gently);

/* Create a machine from its definition. */
void real_machine(struct real *r, struct slice definition);
/* A definition of ten states that call "echo" one after the other, in `a`. */
struct slice real_chain(struct arena *a, unsigned stages);
/* A JSON document of exactly REAL_DOCUMENT_BYTES, another one for each number. */
void real_document(uint64_t number, char out[REAL_DOCUMENT_BYTES]);

/* load_next of a client: start, or (r->wait) run until it has succeeded. `arg` is a struct real. */
nng_msg *real_next(void *arg, struct load_run *run, nng_msg *reply);

nng_msg *real_request(enum rpc method, const ProtobufCMessage *m);
/* The body of a reply, in `a`; bench_die() where it is an error. */
void *real_reply(enum rpc method, nng_msg *reply, struct arena *a);
Stepfleet__HealthReply *real_health(const struct real *r, struct arena *a);

#endif
