/* SPDX-License-Identifier: Apache-2.0 */
/* Who does what, and until when: workers, ready tasks, leases, and all near timers. Pure: time
 * comes in as arguments, and nothing leaves but return values. All of it can be rebuilt from the
 * executions' frames, so nothing here is on disk.
 *
 * Two clocks: `mono` (does the worker still speak? it never jumps) for keep-alive, `wall` (never
 * backwards, given so by the caller) for what the definition says: timeouts, heartbeats, waits.
 *
 * A worker can be handed a task only where there is something to carry it: a parked poll, or a
 * report that is being answered. fleet_worker_carries() says so.
 *
 *            ready            grant              end
 *   (none) ----------> READY -------> LEASED ----------> (none)
 *              ^          ^              |
 *              |          '---returned---'
 *   An end is a report, a timeout, a missed heartbeat, a lost worker or a cancel: the caller
 * decides what follows; here the lease and the slot are free again. Source: PROTOCOL.md, leases. */
#ifndef STEPFLEET_FLEET_FLEET_H
#define STEPFLEET_FLEET_FLEET_H

#include "coordinator/engine/engine.h"
#include "proto/base/hash.h"
#include "proto/base/heap.h"
#include "proto/base/list.h"

struct fleet_now {
    int64_t wall_ms;
    int64_t mono_ms;
};

struct fleet_config {
    int64_t lease_ms; /* a worker not heard of for so long is lost (default 15 s) */
    int64_t
        no_function_ms; /* a function no worker offers fails after that (default 60 s; 0: never) */
};

struct fleet;
struct fleet *fleet_new(const struct fleet_config *config, uint64_t epoch);
void fleet_free(struct fleet *f); /* tasks and timers are the callers' */

/* ---- Timers of executions: waits, backoffs, deadlines. Caller's storage. ---- */

struct fleet_timer {
    struct heap_node heap; /* zeroed: not set */
    uint64_t execution;
    uint32_t frame; /* ASL_NONE: the execution's deadline */
};
void fleet_timer_set(struct fleet *f, struct fleet_timer *t, int64_t due_wall_ms);
void fleet_timer_clear(struct fleet *f, struct fleet_timer *t);

/* ---- Tasks. Caller's storage, zeroed before the first use. ---- */

struct fleet_function;
struct fleet_worker;
struct fleet_offered;
struct fleet_absent;
struct fleet_lane;

struct fleet_task {
    uint64_t execution;
    uint32_t frame;
    uint32_t attempt;
    int64_t timeout_ms;   /* from the grant; 0: none */
    int64_t heartbeat_ms; /* 0: none */
    uint64_t lane;        /* whose it is, a machine or a job run: they take turns (queue.c) */
    bool job;             /* the caller's: a piece of a job run, or its ticket */
    /* Names of workers that do not get it, as they are while it is READY; or none. */
    const struct slice *avoid;
    size_t avoid_count;
    /* The fleet's own: */
    enum { FLEET_TASK_NONE, FLEET_TASK_READY, FLEET_TASK_LEASED } status;
    struct token token; /* FLEET_TASK_LEASED */
    struct fleet_function *function;
    struct fleet_worker *worker;   /* LEASED; NULL: lost, or restored and not back yet */
    struct fleet_offered *offered; /* whose slot it takes; NULL: the worker does not offer it */
    struct fleet_absent *absent;   /* restored, and its worker is not back yet */
    struct list link;              /* in the function's queue or the holder's leases */
    struct hash_node by_token;
    struct fleet_lane *in; /* READY */
    struct heap_node age;  /* in its lane: by execution, then by order */
    uint64_t order;        /* when it first became ready: the least goes first */
    int64_t ready_ms;      /* when it last did, by the running wall clock (due.c) */
    uint64_t held;         /* round of fleet_worker_holds() that last saw its token */
    struct heap_node timeout;
    struct heap_node heartbeat;
    struct heap_node orphan; /* absent: when its worker counts as lost */
    int64_t sent_mono_ms;    /* when its grant was last handed to a reply; long ago: restored */
    bool cancel;             /* the worker has yet to be told to drop it */
    uint32_t holder;         /* to be restored: fleet_holder() of its worker; 0: not known */
};

/* Which process of a name: short, since it is kept with each grant; never 0. */
static inline uint32_t fleet_holder(uint64_t instance)
{
    return (uint32_t)(instance ^ (instance >> 32)) | 1;
}

/**
 * A task is ready. Where a worker that offers the function has a free slot and can carry it, it is
 * granted at once: the token is new, and the worker is returned. Else it waits in the function's
 * queue.
 *
 * @param prefer  the worker whose report led here: taken on a tie; may be NULL
 * @return the worker, or NULL (queued)
 * Fair: a queue that is not empty goes first, but for LIMIT_HANDOVER_MS before `prefer`'s own next,
 * and but for workers that all of the queue avoids; else the worker with the largest free share of
 * slots, unless that owes its slot to another function (task.c). Who is avoided is passed over.
 * Nothing is granted past the terms of the function.
 */
struct fleet_worker *fleet_task_ready(struct fleet *f,
                                      struct fleet_task *t,
                                      struct slice function,
                                      struct fleet_worker *prefer,
                                      struct fleet_now now);
/* The next queued task this worker can take, granted; or NULL. Of its functions those of the
 * highest priority, in turns; of a function's tasks by queue.c, but for those that avoid it. Call
 * until NULL whenever the worker can carry. */
struct fleet_task *fleet_task_next(struct fleet *f, struct fleet_worker *w, struct fleet_now now);
/* A queued task that can be granted since a limit of its function let go or its terms changed,
 * granted to `*w`; or NULL. Call until NULL at the end of a turn, when the workers that asked have
 * taken theirs. */
struct fleet_task *
fleet_task_opened(struct fleet *f, struct fleet_now now, struct fleet_worker **w);
/* A lease of before a restart: it is held under its old token by a worker of that name, which gets
 * one full interval to say hello again; then it is lost. So it is if another process of the name
 * (`t->holder`) comes: the one that had it is gone, and nothing is run twice. */
void fleet_task_restore(struct fleet *f,
                        struct fleet_task *t,
                        struct slice function,
                        struct slice worker_name,
                        struct token token,
                        int64_t granted_wall_ms,
                        struct fleet_now now);
/* Whatever it was, it is over: lease and slot or place in the queue are free, timers cleared. */
void fleet_task_end(struct fleet *f, struct fleet_task *t);
/* A leased task is handed back unbegun: READY again, in its old place among those of its lane. */
void fleet_task_return(struct fleet *f, struct fleet_task *t, struct fleet_now now);
/* By token; NULL: no such lease. */
struct fleet_task *fleet_task_find(struct fleet *f, struct token token);
/* The tokens of all leases granted under `epoch` or one before; the caller's (mem_free()). */
struct token *fleet_leases_until(struct fleet *f, uint64_t epoch, size_t *count);
/* The handler made progress: its heartbeat deadline moves. */
void fleet_task_heartbeat(struct fleet *f, struct fleet_task *t, struct fleet_now now);

/* ---- Workers ---- */

struct fleet_offer {
    struct slice function;
    uint32_t slots; /* of this function at once */
};

struct fleet_hello {
    struct slice name; /* unique: a second hello under it replaces the first */
    uint64_t
        instance; /* of the worker's process: the same one says hello again after a lost link */
    struct slice version;
    uint32_t slots; /* in all */
    const struct fleet_offer *offers;
    size_t offer_count;
    struct slice labels; /* JSON object text; members that are texts are what functions ask for */
    struct slice owner;  /* whose token it came with; empty: none is asked for */
};

/* What operators have said of a worker's name. */
enum fleet_cordon {
    FLEET_OPEN,
    FLEET_CORDONED, /* no new leases */
    FLEET_DRAINED,  /* likewise, and what it has not begun it is to hand back */
};

struct fleet_worker {
    uint64_t id;       /* given at hello, never reused */
    struct slice name; /* the fleet's copy */
    uint64_t instance;
    struct slice version;
    struct slice labels;
    struct slice owner;
    uint32_t slots;
    uint32_t leased;  /* tasks it holds */
    uint64_t granted; /* counter of its last grant's token: on a tie the least goes first */
    bool draining;    /* it says itself that it takes no more */
    enum fleet_cordon cordon;
    unsigned passed;   /* grants at once that others waited longer for, one after the other */
    unsigned carriers; /* parked polls and reports being answered */
    int64_t seen_mono_ms;
    int64_t hello_wall_ms;
    struct list leases; /* fleet_task.link */
    struct fleet_offered *offers;
    size_t offer_count;
    struct heap_node lost; /* when it counts as lost */
    struct hash_node by_id;
    struct hash_node by_name;
    void *user;       /* the caller's: its parked poll */
    uint64_t allowed; /* the caller's: by which tokens it may offer what it does */
};

struct fleet_offered {
    struct fleet_function *function;
    struct fleet_worker *worker;
    struct list of_function;
    bool fits; /* the worker carries the labels that the function asks for */
    uint32_t slots;
    uint32_t leased;
    uint64_t granted; /* token's counter of the last grant: of its functions the least goes first */
};

/* Register. Another instance under the same name ends the old one: its leases are moved to `*lost`
 * (linked by fleet_task.link, still LEASED under their tokens, their worker NULL): the caller fails
 * each. ERR_BUSY past LIMIT_WORKERS; ERR_VALIDATION for bad names, slots, offers. */
enum err_code fleet_worker_hello(struct fleet *f,
                                 const struct fleet_hello *h,
                                 struct fleet_now now,
                                 struct fleet_worker **out,
                                 struct list *lost,
                                 struct err *err);
struct slice fleet_offered_function(const struct fleet_offered *o); /* its name */
struct fleet_worker *fleet_worker_find(struct fleet *f, uint64_t id);
struct fleet_worker *fleet_worker_find_name(const struct fleet *f, struct slice name);
void fleet_worker_seen(struct fleet *f, struct fleet_worker *w, struct fleet_now now);
/* +1 when a poll is parked or a report comes in, -1 when it is answered or gone. */
void fleet_worker_carries(struct fleet *f, struct fleet_worker *w, int change);
void fleet_worker_drain(struct fleet *f, struct fleet_worker *w);
/* Of a worker that is here or may come: it outlasts its processes, until FLEET_OPEN is said. */
void fleet_cordon(struct fleet *f, struct slice name, enum fleet_cordon cordon);
enum fleet_cordon fleet_cordon_of(const struct fleet *f, struct slice name);
/* The names there are that are not open, in no order: `visit` changes nothing. */
void fleet_cordon_each(const struct fleet *f,
                       void (*visit)(void *arg, struct slice name, enum fleet_cordon cordon),
                       void *arg);
size_t fleet_cordon_count(const struct fleet *f);
/* Tasks leased under that name, by a worker that is here or by one of before a restart. */
size_t fleet_leased_by(const struct fleet *f, struct slice name);
/* It is gone (bye, or lost): its leases go to `*lost` as above, and `w` is freed. */
void fleet_worker_remove(struct fleet *f, struct fleet_worker *w, struct list *lost);
/* Every registered worker, in no order: pass NULL first. */
struct fleet_worker *fleet_worker_each(struct fleet *f, size_t *bucket, struct fleet_worker *w);

/* The worker says which tokens it holds. Calls resend(t) for each lease of its that is not among
 * them and whose grant was last sent over resend_after_ms ago (its reply was lost), and
 * unknown(token) for each token that is no lease of its (to be dropped by the worker). */
void fleet_worker_holds(struct fleet *f,
                        struct fleet_worker *w,
                        const struct token *tokens,
                        size_t count,
                        int64_t resend_after_ms,
                        struct fleet_now now,
                        void (*resend)(void *arg, struct fleet_task *t),
                        void (*unknown)(void *arg, struct token token),
                        void *arg);

/* ---- What operators ask of functions ---- */

struct fleet_label {
    struct slice key;
    struct slice value;
};

/* All zero: nothing is asked. */
struct fleet_terms {
    const struct fleet_label *labels; /* its tasks go only to workers that carry them all */
    size_t label_count;
    uint32_t concurrency; /* tasks leased at once; 0: as many as there are slots */
    uint32_t rate_milli;  /* thousandths of a grant a second; 0: no limit. A second's worth, at
                             least one, may be saved up */
    int32_t priority;     /* between functions on a worker: the higher goes first */
};

/* From now on; what is leased stays so. Copied; NULL: nothing is asked of it any more. */
void fleet_terms_set(struct fleet *f,
                     struct slice function,
                     const struct fleet_terms *terms,
                     struct fleet_now now);
/* NULL: nothing is asked of it. Borrowed until they are set again. */
const struct fleet_terms *fleet_terms_of(const struct fleet *f, struct slice function);
size_t fleet_terms_count(const struct fleet *f);
/* Functions that something is asked of, in no order: `visit` changes nothing. */
void fleet_terms_each(const struct fleet *f,
                      void (*visit)(void *arg, struct slice name, const struct fleet_terms *terms),
                      void *arg);

/* ---- Figures ---- */

/* One function now, for whoever adds workers and takes them away. */
struct fleet_gauge {
    struct slice function; /* borrowed from the fleet, like the terms */
    const struct fleet_terms *terms;
    size_t ready;
    size_t leased;
    size_t workers;    /* that offer it, carry its labels, and take new leases */
    size_t slots;      /* of theirs for it */
    size_t wanted;     /* workers for all that is leased and may be (gauge.c) */
    int64_t oldest_ms; /* how long its first task has been waiting; 0: none waits */
};
void fleet_gauge(struct fleet *f,
                 struct slice function,
                 struct fleet_now now,
                 struct fleet_gauge *out);
/* Of every function that has tasks, workers or terms, in no order: `visit` changes nothing. */
void fleet_gauge_each(struct fleet *f,
                      struct fleet_now now,
                      void (*visit)(void *arg, const struct fleet_gauge *g),
                      void *arg);

/* How many ready tasks a function has and how many workers offer it and carry its labels. */
void fleet_function_counts(struct fleet *f, struct slice function, size_t *ready, size_t *workers);
struct fleet_totals {
    uint64_t workers;
    uint64_t draining; /* of them */
    uint64_t slots;
};
void fleet_totals(struct fleet *f, struct fleet_totals *out);
/* Of a task that is READY or LEASED; empty: it is neither. */
struct slice fleet_task_function(const struct fleet_task *t);
/* Ready tasks whose function no worker offers; costs what there are of functions. */
size_t fleet_unoffered_count(const struct fleet *f);
size_t fleet_ready_count(const struct fleet *f);
size_t fleet_leased_count(const struct fleet *f);

/* ---- What is due ---- */

enum fleet_due_kind {
    FLEET_DUE_NONE,
    FLEET_DUE_TIMER,       /* timer: taken out of the heap */
    FLEET_DUE_TIMEOUT,     /* task: still leased; the caller ends it */
    FLEET_DUE_HEARTBEAT,   /* likewise */
    FLEET_DUE_NO_FUNCTION, /* task: still ready; the caller ends it */
    FLEET_DUE_WORKER,      /* worker: not heard of; the caller removes it */
    FLEET_DUE_ORPHAN,      /* task restored after a restart whose worker never came back */
    FLEET_DUE_RATE,        /* the fleet's own: never given out; see fleet_task_opened() */
};
struct fleet_due {
    enum fleet_due_kind kind;
    struct fleet_timer *timer;
    struct fleet_task *task;
    struct fleet_worker *worker;
};
/* The next thing that is due at `now`; call until FLEET_DUE_NONE. */
struct fleet_due fleet_next_due(struct fleet *f, struct fleet_now now);
/* Milliseconds until something is due, 0: now, -1: nothing will be. */
int64_t fleet_wait_ms(struct fleet *f, struct fleet_now now);
/* The caller's loop stood still for `ms`: every lease, heartbeat and timeout gets that much longer.
 */
void fleet_extend(struct fleet *f, int64_t ms);

#endif
