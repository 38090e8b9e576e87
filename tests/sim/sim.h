/* SPDX-License-Identifier: Apache-2.0 */
/* One world in simulated time: a coordinator (the real ledger and operations over the store in
 * memory), workers (the real sessions and leases), clients, an object store, and the network
 * between them, on one queue of events. Everything follows from the seed; nothing here knows the
 * system's clock, chance, files or threads. A world has a process of its own, with which it goes:
 * nothing takes it down.
 *
 *   a world's life:   faults and work for a while  ->  faults stop, work ends  ->  all is checked
 *
 * What must hold is checked where it shows (a token given twice, an answer that contradicts
 * another) and at the end (check.h). sim_violation() ends the program. */
#ifndef STEPFLEET_TESTS_SIM_H
#define STEPFLEET_TESTS_SIM_H

#include "coordinator/fleet/fleet.h"
#include "proto/base/arena.h"
#include "proto/base/hash.h"
#include "proto/base/heap.h"
#include "proto/wire.h"

enum sim_fault {
#define FAULT(word, name, about) FAULT_##word,
#include "tests/sim/faults.def"
#undef FAULT
    FAULT_COUNT
};

/* Whose chance: each of them a stream of its own. After them one for each fault. */
enum sim_stream {
    CHANCE_WORLD,
    CHANCE_MACHINE,
    CHANCE_CLIENT,
    CHANCE_WORKER,
    CHANCE_NET,
    CHANCE_FAULTS,
    CHANCE_JOB = CHANCE_FAULTS + FAULT_COUNT,
    CHANCE_DELETE,
    CHANCE_QUOTA,
    CHANCE_TRIGGER,
    CHANCE_RETENTION,
    CHANCE_EVENT,
    CHANCE_TEST,
    CHANCE_OPERATOR,
    CHANCES
};

struct sim_options {
    uint64_t seed;
    unsigned executions; /* that clients start in all */
    unsigned workers;
    unsigned clients;
    unsigned machines;
    unsigned runs;     /* of jobs that clients start in a world that has jobs */
    unsigned messages; /* that they send in a world that has queues, pipes and rules */
    uint32_t faults;   /* bits of enum sim_fault */
    uint64_t steps;    /* events at most; 0: as many as there are */
    bool trace;        /* say every event */
    int64_t faults_us; /* they stop then */
};

struct sim;
struct sim_coordinator;
struct sim_objects;
struct sim_clients;
struct sim_machines;
struct sim_worker;
struct sim_jobs;
struct sim_triggers;
struct sim_retention;
struct sim_operator;

enum { SIM_MS = 1000, SIM_SECOND = 1000000, SIM_WORKERS = 8, SIM_CLIENTS = 8, SIM_RUNS = 1000 };

/* A program somewhere: it can crash, stand still, be cut off, and have a clock that is wrong. */
struct sim_node {
    char name[16];
    uint64_t life; /* grows with each start: what was set up in an earlier one is void */
    bool up;
    bool paused;
    bool cut;          /* from the coordinator */
    int64_t skew_us;   /* of its wall clock */
    int64_t booted_us; /* of its monotonic clock */
    struct list held;  /* events that came due while it was paused */
};

struct sim {
    struct sim_options options;
    int64_t now_us;
    bool faulty; /* faults may still happen */
    uint64_t chance[CHANCES];
    uint64_t digest; /* of all that was traced: the same seed gives the same */
    uint64_t events; /* run so far */
    struct heap queue;
    uint64_t next_request;
    struct hash asks; /* net.c's */
    struct sim_node coordinator_node;
    struct sim_node worker_nodes[SIM_WORKERS];
    struct sim_node client_nodes[SIM_CLIENTS];
    struct sim_coordinator *coordinator;
    struct sim_objects *objects;
    struct sim_clients *clients;
    struct sim_machines *machines;
    struct sim_worker *workers[SIM_WORKERS];
    struct sim_jobs *jobs;           /* NULL: this world has none */
    struct sim_triggers *triggers;   /* likewise */
    uint64_t history_events;         /* the quota of this world; 0: AWS's */
    size_t open_most;                /* executions at once, until faults stop; 0: AWS's quota */
    int64_t retention_ms;            /* of Standard executions, which are archived; 0: none goes */
    struct sim_retention *retention; /* NULL: likewise */
    struct sim_operator *operator;
    uint64_t refused;             /* starts and redrives, for that */
    int64_t calm_ms;              /* the coordinator's time when faults had stopped; 0: not yet */
    int64_t clock_us;             /* when rest.c last looked at the coordinator's clock */
    int64_t clock_ms;             /* which showed that */
    struct hash grants;           /* worker.c's: every token ever delivered, and to what */
    struct hash attempts;         /* the same, by the attempt of a state entry they are for */
    uint64_t modelled;            /* outcomes that were held to the model, */
    uint64_t untold;              /* and those with which there were too many to tell */
    uint64_t rarity[FAULT_COUNT]; /* how much rarer a fault is in this world; 0: there is none */
    uint64_t faults_done[FAULT_COUNT];
};

/* ---- world.c ---- */

void sim_begin(struct sim *s, const struct sim_options *options);
/* The next event; false: there is none. */
bool sim_step(struct sim *s);

/* ---- chance ---- */

uint64_t sim_below(struct sim *s, unsigned stream, uint64_t n); /* 0 .. n-1 */
bool sim_one_in(struct sim *s, unsigned stream, uint64_t n);
/* A fault of that kind happens here, one in n: never where it is left out or faults have stopped.
 */
bool sim_strikes(struct sim *s, enum sim_fault f, uint64_t n);

/* ---- time ---- */

typedef void (*sim_run)(struct sim *s, void *arg);
/* Run in `us` from now. Of a node's: not where the node has crashed by then, and late where it
 * stands still; `drop` (or NULL) gets the argument of what is never run. Node NULL: the world's. */
void sim_after(struct sim *s,
               struct sim_node *node,
               int64_t us,
               sim_run run,
               void *arg,
               void (*drop)(void *arg));
/* The node's clocks. */
struct fleet_now sim_clock(const struct sim *s, const struct sim_node *node);

void sim_node_init(struct sim *s, struct sim_node *node, const char *name);
void sim_node_start(struct sim *s, struct sim_node *node);
void sim_node_crash(struct sim *s, struct sim_node *node);
void sim_node_pause(struct sim *s, struct sim_node *node, int64_t us);
void sim_node_cut(struct sim *s, struct sim_node *node, int64_t us);
/* It is reached, and goes on. */
void sim_node_heal(struct sim *s, struct sim_node *node);

/* ---- what is said ---- */

/* Into the digest, and out with --trace. */
void sim_trace(struct sim *s, const struct sim_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What must hold does not: says so with the seed, and ends the program with status 1. */
_Noreturn void sim_violation(struct sim *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- net.c ---- */

/* `reply` lives for the call only, NULL where rc is not OK. */
typedef void (*sim_answer)(struct sim *s,
                           void *arg,
                           enum err_code rc,
                           const struct err *err,
                           const void *reply);
/* A node asks the coordinator, as bytes: the answer comes exactly once, never inside this call, as
 * ERR_TIMED_OUT at the latest after `timeout_us`, as ERR_UNAVAILABLE where the connection broke.
 * Where the node crashes, or sim_forget() is called, never. `m` is packed before it returns.
 * @return a number for sim_forget(). */
uint64_t sim_ask(struct sim *s,
                 struct sim_node *from,
                 enum rpc method,
                 const ProtobufCMessage *m,
                 int64_t timeout_us,
                 sim_answer done,
                 void *arg);
void sim_forget(struct sim *s, uint64_t ask);
/* The coordinator's end of all connections is gone. */
void sim_net_break(struct sim *s);

/* For coordinator.c: a request that has arrived, and the way its answer takes. */
struct sim_request {
    uint64_t ask;
    struct sim_node *from; /* its connection: gone where the node has crashed or is cut */
    uint64_t life;
    struct slice frame; /* the coordinator's to free with sim_request_free() */
    struct list link;
};
void sim_request_free(struct sim_request *r);
/* A reply's frame sets out; the request is consumed. */
void sim_reply(struct sim *s, struct sim_request *r, struct slice frame);

/* ---- coordinator.c ---- */

void coordinator_open(struct sim *s);
void coordinator_receive(struct sim *s, struct sim_request *r);
/* All connections of the node are gone. */
void coordinator_lost(struct sim *s, struct sim_node *node);
/* An object request of the ledger is answered (objects.c). */
struct object_request;
struct ledger_archive;
void coordinator_object_done(struct sim *s, uint64_t life, struct object_request *r);
/* A request to archive is answered (retention.c). */
void coordinator_archive_done(struct sim *s, struct ledger_archive *a);
/* Uploads of a bucket that are old are looked at, and those nobody owns are aborted. */
void coordinator_sweep(struct sim *s);
/* It dies: what it is writing is on disk, or not. It comes again by itself. */
void coordinator_crash(struct sim *s);
/* The disk is full for so long. */
void coordinator_fill(struct sim *s, int64_t us);
/* Of room on its disk. */
void coordinator_shorten(struct sim *s, int64_t us);
struct ledger *coordinator_ledger(struct sim *s); /* NULL: it is down */
struct store *coordinator_store(struct sim *s);
/* Who looks at the disk for the checks reads it without faults. */
void coordinator_reads_well(struct sim *s, bool well);

/* ---- objects.c: uploads and objects of all buckets, with marks ---- */

void objects_open(struct sim *s);
/* The ledger's requests: carried out after a while, then coordinator_object_done(). */
void objects_request(struct sim *s, uint64_t life, struct object_request *r);
/* A worker's: begin an upload. The answer may be lost (the upload is there all the same). `done`
 * is called with the upload's id (a NUL-terminated text) or NULL where the store failed. */
void objects_begin(struct sim *s,
                   struct sim_node *node,
                   const char *bucket,
                   const char *key,
                   const char *mark,
                   void (*done)(struct sim *s, void *arg, const char *upload_id),
                   void *arg);
/* Put all of an upload's bytes: OK, or a store's error; the bytes are only remembered. */
void objects_put(struct sim *s,
                 struct sim_node *node,
                 const char *upload_id,
                 struct slice bytes,
                 void (*done)(struct sim *s, void *arg, enum err_code rc),
                 void *arg);
/* Abort one, as a worker does where nobody else knows of it: OK, or a store's error. */
void objects_abort(struct sim *s,
                   struct sim_node *node,
                   const char *upload_id,
                   void (*done)(struct sim *s, void *arg, enum err_code rc),
                   void *arg);
/* What the store answers to a part of these bytes. */
enum { OBJECTS_ETAG_BYTES = 24 };
void objects_etag(struct slice bytes, char etag[OBJECTS_ETAG_BYTES]);
/* The visible bytes under a key; ptr NULL: none. *mark (or NULL) is whose. */
struct slice objects_get(struct sim *s, const char *bucket, const char *key, const char **mark);
/* A stage begins, under that mark ("ARN/state entry/attempt/token"): the last output of the stage
 * before it, and those of its own state entry, are completed or aborted. */
void objects_check_settled(struct sim *s,
                           const char *key,
                           const char *key_before,
                           const char *mark);
/* What such a mark says; false: it is none. */
bool objects_read_mark(const char *mark, struct slice *arn, uint64_t *entry, uint64_t *attempt);
/* What a worker does itself in a job run (objects_job.c). An upload that was begun without a mark
 * becomes an object; ERR_NOT_FOUND: it was aborted. */
void objects_write(struct sim *s,
                   struct sim_node *node,
                   struct slice upload_id,
                   struct slice bytes,
                   void (*done)(struct sim *s, void *arg, enum err_code rc),
                   void *arg);
void objects_put_whole(struct sim *s,
                       struct sim_node *node,
                       const char *bucket,
                       struct slice key,
                       struct slice bytes,
                       void (*done)(struct sim *s, void *arg, enum err_code rc),
                       void *arg);
void objects_read(struct sim *s,
                  struct sim_node *node,
                  const char *bucket,
                  struct slice key,
                  void (*read)(struct sim *s, void *arg, enum err_code rc, struct slice bytes),
                  void *arg);
/* The keys below a prefix, each with a line break. */
void objects_list(struct sim *s,
                  struct sim_node *node,
                  const char *bucket,
                  struct slice prefix,
                  void (*read)(struct sim *s, void *arg, enum err_code rc, struct slice bytes),
                  void *arg);
/* All uploads below a prefix are aborted, or all objects deleted. */
void objects_clean(struct sim *s,
                   struct sim_node *node,
                   const char *bucket,
                   struct slice prefix,
                   bool uploads,
                   void (*done)(struct sim *s, void *arg, enum err_code rc),
                   void *arg);
/* An object or an open upload below it; NULL: there is none. */
const char *objects_any_below(struct sim *s, const char *bucket, struct slice prefix);
/* Uploads not completed nor aborted. */
size_t objects_open_uploads(struct sim *s);
/* Each upload that is open, or listed as if it were. */
void objects_each_open(
    struct sim *s,
    void (*each)(void *arg, const char *bucket, const char *key, const char *id, int64_t begun_us),
    void *arg);
/* It has bytes, so that the coordinator knew of it, and its attempt holds its lease. */
bool objects_is_needed(struct sim *s, const char *upload_id);
/* At the end: every visible object was written once, by the attempt whose success the history has.
 */
void objects_check(struct sim *s);

/* ---- worker.c ---- */

void worker_start(struct sim *s, unsigned worker);
/* The process is gone, its sessions, leases and handlers with it; the node has crashed already. */
void worker_crashed(struct sim *s, unsigned worker);
/* SIGTERM: it drains and leaves; it is started again later. */
void worker_leave(struct sim *s, unsigned worker);
void workers_check(struct sim *s); /* at the end: nothing is held, nothing runs */

/* ---- client.c ---- */

/* Clients create the machines and activities, then start, stop, redrive, update, take activities'
 * tasks and answer task tokens, by chance, repeating what was not answered as libstepfleet does. */
void clients_open(struct sim *s);
/* A handler hands on its task's token: some client ends the task, as `function` would. Copied. */
void clients_token(struct sim *s, struct slice function, struct slice token, struct slice event);
/* Some client may stop the execution of that name soon, to redrive it at once. */
void clients_lose_patience(struct sim *s, struct slice name, uint64_t within_us);
/* Was the execution of that name redriven, or is it being so? */
bool clients_redrove(const struct sim *s, struct slice name);
/* All work is begun, and every execution that was acknowledged is known to have closed. */
bool clients_are_done(const struct sim *s);
/* Faults have stopped: what is still to be started is started soon. */
void clients_finish(struct sim *s);

/* ---- check.c ---- */

/* Everything at rest, faults long gone: each acknowledged execution is there and ended as the model
 * says, its history is legal, and what was acknowledged shows in it. */
void check_world(struct sim *s);
void check_database(struct sim *s); /* what is on disk, row by row: coordinator/check */
/* A request that must be answered well. In `arena`. */
const void *
check_ask(struct sim *s, enum rpc method, const ProtobufCMessage *m, struct arena *arena);
/* The world goes on for so long. */
void check_pass(struct sim *s, int64_t us);
/* The reply of a synchronous run is what the model says. */
struct sim_execution;
void check_synchronous(struct sim *s,
                       const struct sim_execution *e,
                       const Stepfleet__ExecutionDetail *d);

/* ---- rest.c: what is left behind by what has ended ---- */

/* Looks each second, as long as the world goes on. */
void rest_watch(struct sim *s);
/* One execution has something to tell another that it has not told yet. */
bool rest_is_untold(struct sim *s);
/* When all have ended: what the coordinator has in hand yet, or NULL. */
const char *rest_left(struct sim *s, size_t *count);
void rest_check(struct sim *s);

/* ---- retention.c ---- */

/* All is done: in some worlds all executions that have ended go, and come back from their archive.
 */
void retention_check(struct sim *s);
/* The ledger's request: carried out after a while, then coordinator_archive_done(). */
void retention_archive(struct sim *s, struct ledger_archive *a);

/* ---- upgrade.c ---- */

/* What is on the disk is as an earlier version wrote it. */
void upgrade_disk(struct sim *s, struct store *store);

/* ---- edges.c ---- */

/* Before the worlds' processes are made, which share it. */
void edges_open(void);
/* Every edge of every state machine that moved: how often. */
void edges_print(void);

#endif
