/* SPDX-License-Identifier: Apache-2.0 */
/* The other limit: the same rows as limit.h's, over bare TCP sockets. Every message has one size,
 * a connection carries them back to back both ways, and nothing is asked for: a start goes in, its
 * stages go out to a worker and come back, and its end goes out to the client. */
#ifndef STEPFLEET_BENCH_LIMIT_SOCKETS_H
#define STEPFLEET_BENCH_LIMIT_SOCKETS_H

#include <stdint.h>

#include "tests/bench/limit.h"
#include "tests/bench/load.h"

enum { SOCKETS_IN_FLIGHT_MAX = LIMIT_SLOTS * LIMIT_LOOP_WORKERS };

/* The first a connection carries says who it is. */
enum sockets_kind { SOCKETS_WORKER, SOCKETS_CLIENT, SOCKETS_START, SOCKETS_STAGE };

struct sockets_item {
    uint32_t kind;
    uint32_t slot; /* the client's */
    uint64_t execution;
    char document[LIMIT_DOCUMENT_BYTES];
};

/* Connect, and say who it is. */
int sockets_connect(uint16_t port, enum sockets_kind who);
/* All of it, however often the kernel takes a part. */
void sockets_write(int fd, const void *bytes, size_t len);

/* Programs; each runs until it is killed. */
int limit_sockets_server(const char *dir, uint16_t port, const char *shape);
int limit_sockets_worker(uint16_t port);

/* What the client of `plan` sees; of the plan, url, count and next are not used. */
void limit_sockets_load(uint16_t port, const struct load_plan *plan, struct load_result *out);

#endif
