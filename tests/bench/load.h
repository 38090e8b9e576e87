/* SPDX-License-Identifier: Apache-2.0 */
/* Load from one client: `in_flight` slots, each an nng context on one socket that runs one
 * execution after the other, as a chain of requests. All of it runs in nng's threads; a slot has no
 * other's data. */
#ifndef STEPFLEET_BENCH_LOAD_H
#define STEPFLEET_BENCH_LOAD_H

#include <nng/nng.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/arena.h"

/* What a slot knows of the execution it runs. */
struct load_run {
    uint64_t number; /* of the execution, from the plan's first on */
    unsigned step;   /* requests answered so far */
    struct arena a;  /* reset for each request */
};

/* The request that follows on `reply` (NULL: the first), or NULL where the execution has ended.
 * Takes no message; bench_die() where an answer is wrong. Called by many threads, each with its own
 * run. */
typedef nng_msg *(*load_next)(void *arg, struct load_run *run, nng_msg *reply);

struct load_plan {
    const char *url;
    unsigned in_flight;
    int64_t warm_ms; /* before anything is counted */
    int64_t run_ms;  /* counted */
    uint64_t count;  /* executions in all, instead of a time; 0: by time */
    uint64_t first;  /* number of the first execution */
    load_next next;
    void *arg;
    void (*window)(void *arg, bool end); /* told when counting begins and ends; NULL: nobody */
};

struct load_result {
    uint64_t executions; /* that ended while it was counted */
    double seconds;
    double p50_ms;
    double p99_ms;
};

void load_run_plan(const struct load_plan *plan, struct load_result *out);
/* The result of `n` executions that took so long each (sorted here), in a window of `ns`. */
void load_summarize(uint32_t *samples_us, size_t n, int64_t ns, struct load_result *out);

/* One request on a socket of its own, answered at the latest after 30 s. */
nng_msg *load_ask(const char *url, nng_msg *request);
/* The same, NULL where there is no answer in `timeout_ms`. Takes the request. */
nng_msg *load_try(const char *url, nng_msg *request, int timeout_ms);

#endif
