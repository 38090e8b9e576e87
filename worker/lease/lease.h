/* SPDX-License-Identifier: Apache-2.0 */
/* The leases a worker holds, from grant to the accepted result. Pure: no clock, no I/O.
 *
 *            .--return--> RETURNED --answered--> (gone)
 *            |                                        .-----not heard------.
 *  grant -> WAITING --begin--> RUNNING --finish--> FINISHED --take--> SENT -+--accepted, lost-->
 * (gone) |                   |                    |
 *            '--drop--> (gone)   '--drop--> DROPPED   '--drop--> (gone)
 *                                             '--its handler ended--> (gone)
 *
 *  - A token is run at most once: a grant whose token is held, or was among the last LEASE_SEEN
 * that ended here, is the coordinator's repeat and changes nothing.
 *  - A result stays until the coordinator answered for it or said that the lease is lost.
 *  - A submission that was not acknowledged goes with the result, in the same report and before it.
 *  - A dropped lease is no longer told of, but keeps its slot until its handler is gone.
 * Source: PROTOCOL.md, leases. */
#ifndef STEPFLEET_WORKER_LEASE_H
#define STEPFLEET_WORKER_LEASE_H

#include "client/s3/s3.h"
#include "proto/base/arena.h"
#include "proto/base/hash.h"
#include "proto/base/list.h"

struct handler_ops;

struct lease_token {
    uint64_t epoch;
    uint64_t counter;
};

/* What a worker offers; the caller's storage, alive as long as the table. */
struct lease_function {
    struct slice name;
    uint32_t slots;
    uint32_t running; /* the table's, like all below */
    struct list waiting;
    struct hash_node by_name;
};

/* As granted; borrowed for the call. */
struct lease_grant {
    struct lease_token token;
    struct slice function;
    struct slice qualifier;   /* version or alias of the function; empty: none */
    struct slice credentials; /* compact JSON; empty: none. Never logged */
    struct slice payload;
    struct slice trace; /* as X-Ray's header; empty: it is not traced */
    struct slice execution_arn;
    struct slice execution_name;
    struct slice state;
    uint64_t state_entry;
    uint32_t attempt;
    uint32_t retry_count;
    uint64_t timeout_ms;
    uint64_t heartbeat_ms;
    bool log_tail;      /* the end of the handler's log goes with the result */
    bool submits;       /* .sync: it is told when the job has begun */
    struct slice piece; /* a packed JobPiece, for who does it; empty: a state's task */
};

/* What a piece of a job run did, beside its output. */
struct lease_counter {
    struct slice name;
    uint64_t value;
};

struct lease_piece_result {
    uint64_t records_in;
    uint64_t records_out;
    uint64_t rejected;
    const struct lease_counter *counters;
    size_t counter_count;
    struct slice sizes; /* PLAN: bytes of each shard, as varints */
    uint32_t partitions;
};

struct lease_result {
    bool failed;
    struct slice result; /* success: JSON text */
    struct slice error;  /* failure */
    struct slice cause;
    bool has_output;
    const struct s3_part *parts;
    size_t part_count;
    uint64_t bytes_in;
    uint64_t bytes_out;
    struct slice log;                       /* where the lease asks for it */
    bool timed_out;                         /* a failure by the lease's own time */
    const struct lease_piece_result *piece; /* success of a piece of a job run; NULL: none */
};

enum lease_state {
    LEASE_WAITING,
    LEASE_RUNNING,
    LEASE_FINISHED,
    LEASE_SENT,
    LEASE_RETURNED,
    LEASE_DROPPED,
};

struct lease {
    struct lease_grant grant; /* texts in this lease's own storage */
    enum lease_state state;
    struct lease_function *function;
    struct lease_result result; /* FINISHED, SENT: texts in `memory`, or the grant's */
    struct arena memory;        /* the result's */
    struct slice
        submission;   /* said of a job that has begun, and not acknowledged; ptr NULL: none */
    struct list link; /* in the list of its state */
    struct hash_node by_token;
    size_t room;                   /* bytes of storage behind the struct */
    void *run;                     /* RUNNING, DROPPED: the handler's */
    const struct handler_ops *ops; /* RUNNING, DROPPED: of what runs it */
    uint64_t moved;                /* progress last told: sum of the handler's counters */
    int64_t told_ms;               /* when */
    bool asked;                    /* RETURNED: a message that says so is under way */
};

enum {
    LEASE_SEEN = 16384, /* a repeat is at most a round trip late; 512 KiB */
    LEASE_ROOM = 1024,  /* storage of a pooled lease: most events */
    LEASE_POOL = 1024,  /* leases kept for the next grants: 1.3 MiB at most */
};

struct lease_seen {
    struct lease_token token;
    struct hash_node node;
};

struct lease_table {
    struct hash functions;
    struct hash held; /* all leases but the dropped ones */
    struct list running;
    struct list finished; /* in the order they are to be sent */
    struct list sent;
    struct list returned;
    struct list dropped;
    struct list pool;
    size_t pooled;
    uint32_t slots; /* in all */
    uint32_t busy;  /* RUNNING and DROPPED */
    uint32_t waiting;
    struct lease_seen *seen; /* ring */
    struct hash seen_by_token;
    size_t seen_count; /* ever */
};

void lease_table_init(struct lease_table *t, uint32_t slots);
/* No handler may run any more. */
void lease_table_fini(struct lease_table *t);
/* false: the name is there already. */
bool lease_table_offer(struct lease_table *t, struct lease_function *f);

enum lease_granted { LEASE_NEW, LEASE_REPEAT, LEASE_NOT_OFFERED };
/* LEASE_NEW: it waits. LEASE_NOT_OFFERED: no such function here: *out is to be returned. */
enum lease_granted
lease_grant(struct lease_table *t, const struct lease_grant *g, struct lease **out);
struct lease *lease_find(const struct lease_table *t, struct lease_token token);
/* The next lease of `f` that has a slot, now RUNNING, or NULL. */
struct lease *lease_begin(struct lease_table *t, struct lease_function *f);
/* RUNNING: its job has begun, and `text`, copied, is to be told until it is acknowledged. At most
 * once a lease. */
void lease_submit(struct lease *l, struct slice text);
bool lease_has_submission(const struct lease *l);
/* It was heard, or will never be. */
void lease_forget_submission(struct lease *l);
/* RUNNING to FINISHED: takes what *memory holds. A dropped lease ends here: false, and it is gone.
 */
bool lease_finish(struct lease_table *t,
                  struct lease *l,
                  const struct lease_result *r,
                  struct arena *memory);
/* The next result to be sent, now SENT, or NULL. */
struct lease *lease_take(struct lease_table *t);
/* The report was not heard: back to where it came from. Called last to first, order stays. */
void lease_put_back(struct lease_table *t, struct lease *l);
/* SENT and answered, or RETURNED and answered: gone. */
void lease_forget(struct lease_table *t, struct lease *l);
/* It is lost. True: its handler runs and must be ended (lease_finish() then ends it). A result in
 * flight stays until its answer. */
bool lease_drop(struct lease_table *t, struct lease *l);
/* WAITING to RETURNED. */
void lease_return(struct lease_table *t, struct lease *l);
/* Every lease the coordinator is to know of: pass NULL first. */
struct lease *lease_each(const struct lease_table *t, size_t *bucket, struct lease *l);
/* Is nothing left, not even a handler of a dropped lease? */
bool lease_table_idle(const struct lease_table *t);

#endif
