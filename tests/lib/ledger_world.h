/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger under test: the real one over the store in memory, with everything around it played by
 * the test. Time stands still unless it is moved; a batch is on disk when the test says so; a crash
 * throws away the ledger and what was not written, and opens another over what was. The object
 * store is a table of uploads and objects; workers keep what they hold over a crash.
 *
 *   begin/end a turn ... world_commit(): the batch under way is written ... world_objects():
 * answers world_settle(): all of that until nothing moves */
#ifndef STEPFLEET_TESTS_LIB_LEDGER_WORLD_H
#define STEPFLEET_TESTS_LIB_LEDGER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/read.h"
#include "coordinator/store/keys.h"
#include "coordinator/store/memory.h"

enum {
    WORLD_ACCOUNT = 42,
    WORLD_WORKERS = 3,
    WORLD_SLOTS = 8,
    WORLD_LEASES = 64, /* a slot is free for the ledger before the worker has its answer */
    WORLD_TEXT = 160,
};

/* A lease as its worker has it. */
struct world_lease {
    struct token token;
    char function[WORLD_TEXT];
    char execution[WORLD_TEXT]; /* name */
    char state[WORLD_TEXT];
    char qualifier[WORLD_TEXT];
    char credentials[WORLD_TEXT];
    bool log_tail;
    bool submits;
    char *payload;
    uint32_t attempt;
    uint32_t retry_count;
    unsigned upload; /* number + 1; 0: none */
    bool job;        /* a piece of a job run, and then: */
    char job_name[WORLD_TEXT];
    enum job_phase phase;
    uint32_t piece;
    uint32_t shards;
    uint32_t partitions;
    struct token plan;
    size_t winners;         /* how many are named, */
    struct token winner[8]; /* and of the first pieces, which */
};

struct world_worker {
    struct ledger_world *world;
    char name[16];
    uint64_t instance;
    struct fleet_worker *w; /* NULL: has not said hello to this ledger */
    bool parked;
    int64_t parked_ms;
    struct world_lease leases[WORLD_LEASES];
    size_t lease_count;
    unsigned resent; /* grants that came again */
    unsigned dropped;
};

enum world_upload_state { UPLOAD_OPEN, UPLOAD_DONE, UPLOAD_GONE };
struct world_upload {
    enum world_upload_state state;
    char id[32];
    char key[WORLD_TEXT];
    char mark[WORLD_TEXT];
};
struct world_object {
    char key[WORLD_TEXT];
    char mark[WORLD_TEXT];
    unsigned writes;
};

/* A reply of the test's own: when is it let go? */
struct world_wait {
    struct ledger_wait wait;
    bool gone;
    struct list link;
};

/* A report whose output is being completed. */
struct world_report {
    struct ledger_commit commit;
    struct world_worker *worker;
    bool answered;
    enum err_code rc;
};

struct world_grant { /* every token ever delivered, and to what */
    struct token token;
    char what[3 * WORLD_TEXT];
};

struct ledger_world {
    struct store *store;
    struct ledger *l;
    struct fleet_now now;
    struct ledger_config config;
    uint64_t random;
    uint64_t opens;

    struct store_batch *flying;
    uint64_t commits;
    bool failed;
    bool closing;

    struct object_request *requests[4096]; /* handed out, not answered */
    size_t request_count;
    bool store_down;                     /* answers ERR_UNAVAILABLE */
    bool lose_answers;                   /* carries out, and the answer is lost: ERR_TIMED_OUT */
    bool archive;                        /* ended executions are: as of the next open */
    struct ledger_archive *archives[16]; /* handed out, not answered; the test's to answer */
    size_t archive_count;
    struct world_upload *uploads;
    size_t upload_count;
    struct world_object *objects;
    size_t object_count;

    struct world_worker workers[WORLD_WORKERS];
    bool lose_replies; /* what is mailed to workers does not arrive */
    struct list replies;
    struct list waits;
    struct world_grant *grants;
    size_t grant_count;
    uint64_t moved; /* hooks.moved calls */

    struct webhook_request *webhooks[16]; /* likewise; the test's to answer */
    size_t webhook_count;

    struct ledger_call *calls[4096]; /* handed out, not answered */
    size_t call_count;
    bool hold_calls;       /* they are not answered by world_settle() */
    bool slow_calls;       /* a call is carried out in one turn and answered in a later one */
    uint64_t calls_made;   /* hooks.call calls */
    uint64_t calls_gone;   /* hooks.call_gone calls */
    uint64_t tasks_waited; /* hooks.activity_ready calls */
    uint64_t queues_ready; /* hooks.queue_ready calls */
    bool damaged;          /* the test wrote rows that no ledger would */
};

void world_open(struct ledger_world *w);
/* What is on disk at the end is held against itself (check.h), but where it was damaged. */
void world_close(struct ledger_world *w);
void world_is_whole(struct ledger_world *w);

/* cmocka's: the state of a test is a world of its own. */
static inline int world_setup(void **state)
{
    struct ledger_world *w = mem_alloc(sizeof(*w));

    world_open(w);
    *state = w;
    return 0;
}

static inline int world_teardown(void **state)
{
    world_close(*state);
    mem_free(*state);
    return 0;
}

/* Everything not written is lost. */
void world_crash(struct ledger_world *w);
enum err_code world_reopen(struct ledger_world *w, struct err *err);

/* Where the next crash is, counted down over the points there are; below 0: nowhere. */
struct world_crash_point {
    struct ledger_world *world;
    int left;
    bool happened;
};
/* The batch under way is written and told, or a crash comes before it is written, or before anybody
 * knows. False: there was none. */
bool world_crash_commit(struct world_crash_point *c);
/* All requests to the object store are answered, or carried out and a crash comes. */
bool world_crash_objects(struct world_crash_point *c);
void world_write_unheard(struct ledger_world *w);

void world_begin(struct ledger_world *w);
void world_end(struct ledger_world *w);
void world_turn(struct ledger_world *w);
/* The batch under way is written and its commit told; false: there was none. */
bool world_commit(struct ledger_world *w);
/* All requests to the object store are answered; false: there was none. */
bool world_objects(struct ledger_world *w);
/* All calls tasks have made are carried out, in one turn; false: there was none. Known is
 * startExecution, by machine name in the ARN; anything else fails. */
bool world_calls(struct ledger_world *w);
/* Turns, commits and answers until nothing is left to do now. */
void world_settle(struct ledger_world *w);
/* Time goes on in steps no longer than the ledger asks for, settled after each. */
void world_advance(struct ledger_world *w, int64_t ms);
uint64_t world_random(struct ledger_world *w, uint64_t below);

struct ledger_machine *
world_machine(struct ledger_world *w, const char *name, bool express, const char *definition);
/* Within a turn; OK gives the id. The name is looked for first, as the operation does. */
enum err_code world_start(struct ledger_world *w,
                          const char *machine,
                          const char *name,
                          const char *input,
                          bool synchronous,
                          uint64_t *id);
uint64_t world_started(struct ledger_world *w, const char *machine, const char *name);
/* A reply made now; it lives as long as the world. */
struct world_wait *world_wait(struct ledger_world *w);

void world_hello(struct ledger_world *w, unsigned worker, const char *const *functions);
/* Worker 0 has said hello, and its poll is parked. */
struct world_worker *world_ready(struct ledger_world *w, const char *const *functions);
/* Park a poll, as the operation does. */
void world_poll(struct ledger_world *w, unsigned worker);
/* Reports on the worker's nth lease; the lease is the worker's no more where it is over. */
enum err_code world_succeed(struct ledger_world *w, unsigned worker, size_t n, const char *result);
enum err_code world_fail(struct ledger_world *w, unsigned worker, size_t n, const char *error);
enum err_code world_return(struct ledger_world *w, unsigned worker, size_t n);
/* Begins an upload at the object store and reports it; the next time it reports the same again. */
enum err_code world_upload(struct ledger_world *w, unsigned worker, size_t n);
/* The lease is the worker's until the report is answered. */
enum err_code world_output(struct ledger_world *w,
                           unsigned worker,
                           size_t n,
                           const char *result,
                           struct world_report *report);
void world_forget(struct world_worker *worker, size_t n);

/* Jobs. In turns of their own. */
void world_job(struct ledger_world *w, const char *name, const char *definition);
/* The arguments are those of one input and one output, out/NAME. @return the run's number */
uint64_t world_run(struct ledger_world *w, const char *job);
/* The piece of the worker's nth lease has succeeded: PLAN's with so many shards of 1 MiB. */
enum err_code
world_piece(struct ledger_world *w, unsigned worker, size_t n, size_t shards, uint32_t partitions);
/* JOIN's upload: begun, reported, or reported again; then its result. */
enum err_code world_join_upload(struct ledger_world *w, unsigned worker, size_t n);
enum err_code world_join(struct ledger_world *w, unsigned worker, size_t n, struct world_report *r);
/* The worker does the next thing there is to do for its first lease; false: nothing. */
bool world_job_work(struct ledger_world *w, unsigned worker, struct world_report *report);
/* A run as it is, in memory or on disk. */
struct job_run_header world_run_header(struct ledger_world *w, uint64_t number);
/* Rows of CF_JOB of that kind: 'o', 'p', ... */
size_t world_job_rows(struct ledger_world *w, char kind);
/* The first lease of that phase, or worker->lease_count. */
size_t world_lease_of(const struct world_worker *k, enum job_phase phase);
extern const char *const world_job_functions[];

/* A task token as its holder has it. */
struct world_token {
    char text[WORLD_TEXT];
    char input[WORLD_TEXT];
};
void world_activity(struct ledger_world *w, const char *name);
/* In a turn of its own; false: no task waits. */
bool world_take(struct ledger_world *w, const char *activity, struct world_token *out);
/* SendTaskSuccess, SendTaskFailure (result NULL), SendTaskHeartbeat, in turns of their own. */
enum err_code world_send(struct ledger_world *w, const char *token, const char *result);
enum err_code world_beat(struct ledger_world *w, const char *token);
/* The output of a closed execution, from disk; in `a`. */
struct slice world_result(struct ledger_world *w, uint64_t id, struct arena *a);

/* Between the world's own files: */
void world_hook_call(void *arg, struct ledger_call *c);
void world_hook_call_gone(void *arg, struct ledger_call *c);
void world_hook_activity(void *arg, struct ledger_activity *a);
void world_hook_queue(void *arg, struct ledger_queue *q);
struct world_lease *world_lease_find(struct world_worker *worker, struct token token);
void world_send_mail(struct world_worker *worker);
void world_answer_poll(struct world_worker *worker);
void world_report_begin(struct world_worker *worker);
enum err_code world_report_end(struct world_worker *worker, size_t n, bool over, enum err_code rc);
void world_commit_answered(struct ledger_commit *c, enum err_code rc);

/* ---- what there is ---- */

size_t world_rows(struct ledger_world *w, enum store_cf cf);
size_t world_index(struct ledger_world *w, enum execution_status status);
/* From disk. */
enum execution_status world_status(struct ledger_world *w, uint64_t id, struct execution_header *h);
/* From disk: ids 1..n, causes before effects, one end where it has one. */
void world_check_history(struct ledger_world *w, uint64_t id);
/* Abort the uploads that are open and nobody's, as the sweeper does. */
void world_sweep(struct ledger_world *w);
/* Open uploads nobody will settle and counters that do not agree: none. */
void world_check_end(struct ledger_world *w);
struct world_object *world_object(struct ledger_world *w, const char *key);

/* Stages as the CDK makes them: N stages of functions "s1".."sN", outputs in bucket "work". */
extern const char *const world_one_stage;
extern const char *const world_two_stages;

#endif
