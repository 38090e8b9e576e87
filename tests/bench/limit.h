/* SPDX-License-Identifier: Apache-2.0 */
/* The limit the coordinator is held against: the same traffic and the same rows with nothing in
 * between. A bare loop of nng, libuv and RocksDB takes structs as they are, counts an execution's
 * stages, puts the rows a real run left (shape.h) and answers when they are synced; two bare
 * workers hold a parked poll and two report calls each, and send back the documents they were
 * given.
 *
 * A message, which nng aligns to four bytes, is a head and `count` items, each followed by its
 * document; RUN is answered at the end and with two documents (input and output), as the real one
 * is. */
#ifndef STEPFLEET_BENCH_LIMIT_H
#define STEPFLEET_BENCH_LIMIT_H

#include <nng/nng.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/load.h"

enum {
    LIMIT_STAGES = 10,
    LIMIT_DOCUMENT_BYTES = 1024,
    LIMIT_SLOTS = 128, /* of one worker */
    LIMIT_LOOP_WORKERS = 2,
    LIMIT_ITEMS_MAX = 512, /* in a report */
};

enum limit_kind { LIMIT_RUN, LIMIT_POLL, LIMIT_REPORT };

struct limit_head {
    uint32_t kind;
    uint32_t count;  /* items that follow */
    uint32_t worker; /* POLL, REPORT */
} __attribute__((packed, aligned(4)));

struct limit_item {
    uint64_t execution;
    uint64_t stage;
    char document[LIMIT_DOCUMENT_BYTES];
} __attribute__((packed, aligned(4)));

/* A message of `count` items, head filled in. */
nng_msg *limit_message(struct limit_head head);
struct limit_head *limit_message_head(nng_msg *m);
struct limit_item *limit_message_items(nng_msg *m);

/* load_next of a client: one run. `arg` is not looked at. */
nng_msg *limit_next(void *arg, struct load_run *run, nng_msg *reply);

/* Programs; each runs until it is killed. */
int limit_server(const char *dir, const char *url, const char *shape);
int limit_worker(const char *url, uint32_t number);

#endif
