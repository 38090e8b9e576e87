/* SPDX-License-Identifier: Apache-2.0 */
/* What a coordinator counts of what it does, for its metrics. Plain numbers that only grow, since
 * the start of the process; the writer's thread alone has them, and counting allocates nothing.
 *
 * Machines and queues have names that users choose: the first LIMIT_FIGURE_NAMES there are count by
 * themselves, all others together, and what is deleted adds its counts to those, so that sums never
 * fall. Functions likewise, each from when a worker first offers it. */
#ifndef STEPFLEET_LEDGER_FIGURES_H
#define STEPFLEET_LEDGER_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/engine/engine.h"
#include "proto/base/hash.h"
#include "proto/base/list.h"

enum { HISTOGRAM_BOUNDS = 15 };

/* counts[i]: values up to bounds[i] and above the bound before; the last: above them all. */
struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1];
    uint64_t sum;
};
/* Ascending; unused ones stand at the end and are 0. */
struct histogram_scale {
    uint64_t bounds[HISTOGRAM_BOUNDS];
    uint64_t unit; /* so many make one of what is shown: 1000 of milliseconds a second */
};
extern const struct histogram_scale histogram_us;    /* turns and commits, in microseconds */
extern const struct histogram_scale histogram_ms;    /* stages and executions, in milliseconds */
extern const struct histogram_scale histogram_bytes; /* batches */
void histogram_add(struct histogram *h, const struct histogram_scale *s, uint64_t value);
/* All counts of `from` too. */
void histogram_merge(struct histogram *into, const struct histogram *from);

struct machine_figures {
    struct list link;  /* figures.machines_named */
    const void *owner; /* the struct ledger_machine */
    uint64_t started;
    uint64_t redriven;
    uint64_t ended[EXECUTION_ABORTED + 1]; /* by enum execution_status; RUNNING: none */
    struct histogram duration;             /* of what has ended: histogram_ms */
};

struct queue_figures {
    uint64_t sent;
    uint64_t received;
    uint64_t deleted;
    uint64_t buried; /* went to the dead-letter queue */
};

enum stage_outcome {
    STAGE_SUCCEEDED,
    STAGE_FAILED,
    STAGE_TIMED_OUT,
    STAGE_LOST,      /* its worker was not heard of, or left */
    STAGE_UNOFFERED, /* no worker came that offers the function */
    STAGE_OUTCOMES,
};

/* Of one function: how its attempts ended. */
struct stage_figures {
    struct hash_node by_name;
    struct list link;
    uint64_t ended[STAGE_OUTCOMES];
    uint64_t bytes_in; /* of objects, as workers say */
    uint64_t bytes_out;
    struct histogram duration; /* from the grant: histogram_ms */
    size_t name_len;
    char name[];
};

enum delivery_figure {
    DELIVERIES_DONE,
    DELIVERIES_FAILED, /* one try of them; others may follow */
    DELIVERIES_BURIED, /* to a dead-letter queue */
    DELIVERIES_DROPPED,
    DELIVERY_FIGURES,
};

enum object_figure {
    OBJECTS_COMPLETE,
    OBJECTS_ABORT,
    OBJECTS_SWEEP,
    OBJECT_FIGURES,
};

struct figures {
    struct machine_figures machines; /* those that have none of their own, and deleted ones */
    struct machine_figures own;      /* what runs of no listed machine: not shown */
    struct queue_figures queues;     /* likewise */
    struct list machines_named;      /* machine_figures.link, in the order they were made */
    size_t machine_count;            /* of those */
    size_t queue_count;              /* queues that have figures of their own */
    struct hash stages;              /* stage_figures.by_name */
    struct list stages_named;
    struct stage_figures *stages_other;

    uint64_t grants;
    uint64_t workers_lost;
    uint64_t rule_deliveries[DELIVERY_FIGURES];
    uint64_t topic_deliveries[DELIVERY_FIGURES];
    uint64_t pipe_starts;
    uint64_t pipe_failures;
    uint64_t objects[OBJECT_FIGURES];
    uint64_t object_errors[OBJECT_FIGURES];

    uint64_t refused_short;   /* requests, since the disk was short of room */
    uint64_t stalls;          /* turns that came so late that leases were extended */
    struct histogram turns;   /* the shell's: how long they took; histogram_us */
    struct histogram commits; /* likewise */
    struct histogram batches; /* bytes of each: histogram_bytes */
};

void figures_init(struct figures *f);
void figures_fini(struct figures *f);

/* Where a new machine, or queue, counts; to be given back. */
struct machine_figures *figures_machine(struct figures *f, const void *owner);
void figures_machine_end(struct figures *f, struct machine_figures *m);
struct queue_figures *figures_queue(struct figures *f);
void figures_queue_end(struct figures *f, struct queue_figures *q);

/* A worker offers it: from now on it counts by itself, where there is room. */
void figures_stage_offered(struct figures *f, struct slice function);
/* Where a function counts. */
struct stage_figures *figures_stage(struct figures *f, struct slice function);
/* A request to the object store was answered. */
static inline void figures_object(struct figures *f, enum object_figure kind, bool done)
{
    f->objects[kind]++;
    f->object_errors[kind] += done ? 0 : 1;
}
void figures_stage_end(struct stage_figures *s, enum stage_outcome outcome, int64_t ms);

#endif
