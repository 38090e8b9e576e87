/* SPDX-License-Identifier: Apache-2.0 */
/* Where the pure core and the world meet: load, step, commit, act. One thread (the writer) calls
 * all of this; no clock, socket or loop in here, so that a simulator can hold all three.
 *
 * A turn:  ledger_turn_begin(now)   operations and reports, each stepping executions and adding to
 * ONE ledger_turn_end()        batch; due timers; leases go into replies; the batch goes to disk
 *          ledger_commit_done()     it is there: what waited for it leaves
 * Nothing leaves before its cause is on disk: every reply is a `ledger_wait`, let go when the last
 * batch it may have seen is durable. While one batch syncs the next fills. A failed write is for
 * ever: the hook `failed` ends the program.
 *
 *   hot     in memory, being stepped             ---idle, long timer--->  parked (INDEX and TIMER
 * rows) closed  hot until durable, then on disk only <--timer window, stop--  parked
 *
 * Express executions live in memory alone, but for an asynchronous one's first and last record. */
#ifndef STEPFLEET_LEDGER_LEDGER_H
#define STEPFLEET_LEDGER_LEDGER_H

#include "coordinator/engine/engine.h"
#include "coordinator/fleet/fleet.h"
#include "coordinator/job/run.h"
#include "coordinator/ledger/figures.h"
#include "coordinator/ledger/log_rule.h"
#include "coordinator/permit/permit.h"
#include "coordinator/store/codec.h"
#include "coordinator/store/row_rule.h"
#include "coordinator/store/row_version.h"
#include "coordinator/store/store.h"
#include "coordinator/trigger/event.h"
#include "coordinator/trigger/pattern.h"
#include "coordinator/trigger/schedule.h"
#include "proto/job/arguments.h"

struct hot_frame;
struct ledger;
struct ledger_call;
struct ledger_activity;
struct ledger_queue;
struct job_run_row;
struct webhook_request;

/* Something that waits until all it may have seen is on disk. Caller's storage, alive until
 * `durable` is called, exactly once, never inside ledger_wait_durable(). */
struct ledger_wait {
    struct list link;
    void (*durable)(struct ledger_wait *w);
};

/* A request to the object store. Made by the ledger, carried out by the shell on any thread, given
 * back on the writer's with ledger_object_done(). */
struct object_request {
    enum object_kind { OBJECT_COMPLETE, OBJECT_ABORT } kind;
    struct slice bucket; /* owned by the request, like all below */
    struct slice key;
    struct slice upload_id;
    struct slice mark;
    struct slice parts; /* parts_encode() */
    enum err_code rc;   /* set by the shell */
    bool found;         /* COMPLETE: the object was there already; set by the shell */
    struct err err;
    void *work; /* the shell's */
    /* The ledger's: */
    uint64_t execution;
    uint32_t frame;
    unsigned tries;
    uint64_t batch; /* that holds its cause: it waits until that is durable */
    struct heap_node retry;
    struct list link;
    char text[];
};

/* An operation a task asks for (states:startExecution, aws-sdk:sfn:*). The ledger's, until it is
 * given back. */
struct ledger_call {
    struct slice service;      /* "states", "aws-sdk:sfn" */
    struct slice action;       /* "startExecution.sync:2" */
    struct slice parameters;   /* compact JSON */
    struct slice default_name; /* UUID text of this attempt: a name that a repeat gives again */
    struct parent_task task;
    bool waits; /* .sync: the execution that is started gets `task` as its parent */
    void *work; /* the shell's */
    /* The ledger's: */
    struct hot_frame *asks; /* NULL: it waits no more */
    struct list link;
    char text[];
};

struct ledger_activity {
    struct slice name;
    struct slice arn;
    int64_t created_ms;
    size_t waiting; /* tasks nobody took yet */
    void *user;     /* the caller's: its parked calls */
    /* The ledger's: */
    bool deleted; /* found no more; its tasks wait yet */
    struct hash_node by_name;
    struct list ready;
    struct list link;
};

/* History events to be written as log records: those of one record of an execution; of an Express
 * one all there are. Or an ended execution to be traced. */
struct ledger_logged {
    struct ledger *ledger;
    void (*give)(void *arg, struct ledger_logged *x); /* the hook it is for */
    struct ledger_wait wait;
    struct list link; /* free for whoever has it */
    size_t bytes;     /* of memory */
    struct log_rule rule;
    uint64_t execution;
    uint64_t sequence;   /* of the record */
    size_t record_count; /* Express: `records`, else 0 */
    struct slice records[];
};

/* An ended execution, as the index knows it. */
struct ended_execution {
    uint64_t execution;
    uint64_t machine;
    enum execution_status status;
    int64_t start_ms;
};

/* A request to archive an ended execution before its rows go. Made by the ledger, carried out by
 * the shell on any thread, given back on the writer's with ledger_archive_done(). */
struct ledger_archive {
    uint64_t execution;
    enum err_code
        rc;          /* set by the shell: OK, once it is durable or nothing is kept of such a one */
    bool unreadable; /* rc is not OK: it is this execution's own fault, not the place's; likewise */
    struct err err;
    struct list queued; /* the shell's */
    /* The ledger's: */
    struct ended_execution ended;
    struct list link;
    size_t row_bytes;
    char row[]; /* of the index, as it was */
};

struct ledger_hooks {
    void *arg;
    /* Write the batch on some thread, then call ledger_commit_done() on the writer's. */
    void (*commit)(void *arg, struct store_batch *b);
    void (*object)(void *arg, struct object_request *r);
    /* Leases or drops are to go to this worker and nothing carries them yet: put them into the
     * reply of its parked poll with ledger_take_leases(). Called inside ledger_turn_end(). */
    void (*worker_mail)(void *arg, struct fleet_worker *w);
    /* An execution a client may be waiting on moved or closed, or a job run (RUN_BIT) ended. Called
     * inside ledger_turn_end(). */
    void (*moved)(void *arg, uint64_t execution);
    /* A worker is no more: forget what the shell kept in w->user. */
    void (*worker_gone)(void *arg, struct fleet_worker *w);
    /* Carry out one of the coordinator's own operations for a task, then ledger_call_done(), in
     * this turn or a later one, never inside this call. Called inside ledger_turn_end(). */
    void (*call)(void *arg, struct ledger_call *c);
    /* Nobody waits for its answer any more: what is not done of it need not be. It is ended by
     * ledger_call_done() all the same, not inside this call. Called inside ledger_turn_end(). */
    void (*call_gone)(void *arg, struct ledger_call *c);
    /* A task of this activity waits to be taken: ledger_activity_take() for those who ask for one.
     * Called inside ledger_turn_end(). */
    void (*activity_ready)(void *arg, struct ledger_activity *a);
    /* There may be messages for those who wait for them: ledger_queue_receive(). Called inside
     * ledger_turn_end(). */
    void (*queue_ready)(void *arg, struct ledger_queue *q);
    /* Write log records of what is durable now, then mem_free() it; on any thread. NULL: nobody
     * does. */
    void (*logged)(void *arg, struct ledger_logged *x);
    /* Trace what has ended, then mem_free() it; on any thread. NULL: nothing is traced. */
    void (*traced)(void *arg, struct ledger_logged *x);
    /* Make a request of a webhook on any thread, then ledger_webhook_done() on the writer's, never
     * inside this call. Called inside ledger_turn_end(). NULL: there are no webhooks. */
    void (*webhook)(void *arg, struct webhook_request *r);
    /* Archive an ended execution, then ledger_archive_done(), in this turn or a later one, never
     * inside this call. NULL: none is archived. Called inside ledger_turn_end(). */
    void (*archive)(void *arg, struct ledger_archive *a);
    /* A durable write failed: say so and end the program. */
    void (*failed)(void *arg, const struct err *err);
};

/* Which executions are traced, where hooks.traced is set. */
struct ledger_tracing {
    bool all;      /* else those of machines whose tracingConfiguration says so */
    double sample; /* the share of them, 0 to 1, where their trace header leaves it open */
};

struct ledger_config {
    uint64_t account; /* AWS account id of every ARN */
    const char *region;
    struct fleet_config fleet;
    bool objects;            /* there is an object store for the outputs of stages */
    size_t payload_bytes;    /* most of an input, output, result; 0: AWS's quota */
    uint64_t history_events; /* of a Standard execution; 0: AWS's quota */
    size_t open_most;        /* executions at once; 0: LIMIT_OPEN_EXECUTIONS */
    int64_t job_clean_ms;    /* what a job run left is cleaned up once more so long after its end;
                                0: LIMIT_JOB_CLEAN_MS */
    struct ledger_tracing tracing;
    int64_t retention_ms;         /* ended executions go so long after their end; 0: never */
    int64_t retention_express_ms; /* Express ones, likewise */
    /* As struct asl_options has them; NULL: no integration is bound. */
    bool (*bound)(const void *arg,
                  struct slice service,
                  struct slice action,
                  struct slice *handler);
    const void *bound_arg;
    int64_t restored_ms; /* when the database was restored from a backup; 0: it was not */
    uint64_t seed;       /* chance of this run */
    struct slice secret; /* 32 bytes of the system's chance: the first open of a store keeps them as
                            the key of its task tokens; never said, never logged */
};

/**
 * Open over a store: takes a new epoch, loads what runs, restores leases. The epoch is on disk when
 * it returns. `now` as for a turn. Blocks.
 */
enum err_code ledger_open(const struct ledger_config *config,
                          struct store *store,
                          const struct ledger_hooks *hooks,
                          struct fleet_now now,
                          struct ledger **out,
                          struct err *err);
/* The last batch was written by a thread that has ended since: nobody will say so. */
void ledger_abandon_flight(struct ledger *l);
/* No batch may be in flight. */
void ledger_close(struct ledger *l);

void ledger_turn_begin(struct ledger *l, struct fleet_now now);
void ledger_turn_end(struct ledger *l);
/* The batch given to hooks.commit is on disk, or could not be written (rc, err). */
void ledger_commit_done(struct ledger *l, enum err_code rc, const struct err *err);
void ledger_object_done(struct ledger *l, struct object_request *r);
void ledger_webhook_done(struct ledger *l, struct webhook_request *r); /* `r` is consumed */
void ledger_archive_done(struct ledger *l, struct ledger_archive *a);
/* Milliseconds until the next turn is needed; 0: now; -1: only when something comes. */
int64_t ledger_wait_ms(const struct ledger *l, struct fleet_now now);
/* False: the filling batch is full; take no more requests until the next commit is done. */
bool ledger_accepts(const struct ledger *l);
/* Nothing undurable and nothing to be said: a graceful stop may close. */
bool ledger_is_quiet(const struct ledger *l);

/* Within a turn: the disk has no room but its reserve. Until it is said to have, pipes and
 * schedules hold still, and events for machines wait; operations are api_dispatch()'s. */
void ledger_set_short(struct ledger *l, bool is_short);
bool ledger_is_short(const struct ledger *l);

void ledger_wait_durable(struct ledger *l, struct ledger_wait *w);
/* Memory that lives to the end of the turn. */
struct arena *ledger_turn_arena(struct ledger *l);
struct fleet_now ledger_now(const struct ledger *l);
struct fleet *ledger_fleet(struct ledger *l);
struct store *ledger_store(struct ledger *l);
uint64_t ledger_epoch(const struct ledger *l);
const struct ledger_config *ledger_configuration(const struct ledger *l);
/* What has become of ended executions since the start. */
struct ledger_retention {
    uint64_t expired;   /* all their rows went */
    uint64_t archived;  /* of them, so many were archived before */
    unsigned failures;  /* to archive, one after the other; 0: the last one worked */
    struct err problem; /* the last failure; its code is OK where there was none */
};
const struct ledger_retention *ledger_retention_figures(const struct ledger *l);
/* What has become of events for targets of rules; all but `waiting` since the start. */
struct ledger_deliveries {
    uint64_t waiting; /* have rows, and are tried again */
    uint64_t buried;  /* dead letters */
    uint64_t lost;    /* there was no queue for one: the log says each */
};
struct ledger_deliveries ledger_delivery_figures(const struct ledger *l);
/* What history is rendered with (record_source.rules); any thread may, while the ledger lives. */
const struct engine_rules *ledger_rules(const struct ledger *l);
uint64_t ledger_random(struct ledger *l);
/* The text of a new UUID, to the end of the turn. */
struct slice ledger_uuid(struct ledger *l);

/* ---- Machines ---- */

struct ledger_machine {
    uint64_t number;
    uint32_t revision; /* current */
    bool express;
    bool deleting;
    bool passing; /* of one run alone, and goes with it */
    int64_t created_ms;
    int64_t updated_ms;
    struct slice name;
    struct slice arn;
    struct slice role_arn;
    struct slice logging;
    struct log_rule log; /* which is what it says */
    bool traced;         /* tracingConfiguration, kept and shown */
    struct hash_node by_name;
    struct hash_node by_number;
    struct list revisions; /* parsed, cached */
    struct list dying;     /* among those being deleted */
    size_t open_executions;
    struct machine_figures *figures;
    struct versions_row versions; /* in `versions_arena` */
    struct arena versions_arena;
};

struct ledger_machine *ledger_machine_find(struct ledger *l, struct slice name);
struct ledger_machine *ledger_machine_number(struct ledger *l, uint64_t number);
/* All of them, sorted by name; NULL-terminated array in the turn's arena. */
struct ledger_machine **ledger_machines(struct ledger *l, size_t *count);
size_t ledger_machine_count(const struct ledger *l);
/* What a machine has beside its definition, and an update may change. */
struct machine_settings {
    struct slice role_arn;
    struct slice logging; /* JSON text of loggingConfiguration; may be empty */
    bool traced;
};
/* A new machine, or a new revision of `m`: `parsed` is consumed. */
struct ledger_machine *ledger_machine_put(struct ledger *l,
                                          struct ledger_machine *m,
                                          struct slice name,
                                          bool express,
                                          const struct machine_settings *settings,
                                          struct asl_machine *parsed);
/* Parsed current or given revision (0: current), borrowed for the turn. */
enum err_code ledger_machine_parsed(struct ledger *l,
                                    struct ledger_machine *m,
                                    uint32_t revision,
                                    const struct asl_machine **out,
                                    struct err *err);
/* Marks it deleting; its executions are stopped step by step, then it goes. */
void ledger_machine_delete(struct ledger *l, struct ledger_machine *m);

/* ---- Versions, aliases, tags ---- */

/* All that these give is borrowed until the machine's next change. */
const struct version *ledger_version_find(const struct ledger_machine *m, uint32_t number);
/* The current revision under a number of its own. */
const struct version *
ledger_version_publish(struct ledger *l, struct ledger_machine *m, struct slice description);
void ledger_version_delete(struct ledger *l, struct ledger_machine *m, uint32_t number);
const struct alias *ledger_alias_find(const struct ledger_machine *m, struct slice name);
/* New, or instead of the one of that name. */
const struct alias *
ledger_alias_put(struct ledger *l, struct ledger_machine *m, const struct alias *alias);
void ledger_alias_delete(struct ledger *l, struct ledger_machine *m, struct slice name);

enum tag_kind {
    TAGS_MACHINE = 'm',
    TAGS_ACTIVITY = 'a',
    TAGS_QUEUE = 'q',
    TAGS_PIPE = 'p',
    TAGS_TOPIC = 't',
};
const struct tags_row *ledger_tags(struct ledger *l, enum tag_kind kind, struct slice name);
/* All of them; none: they are gone. */
void ledger_tags_set(struct ledger *l,
                     enum tag_kind kind,
                     struct slice name,
                     const struct tags_row *tags);

/* The version or alias of that name (empty: neither); false: there is none. */
bool ledger_qualified(const struct ledger_machine *m,
                      struct slice name,
                      const struct version **version,
                      const struct alias **alias);

/* ---- Executions ---- */

struct ledger_start {
    struct ledger_machine *machine;
    struct slice name;
    struct slice arn;
    struct slice input;  /* compact JSON */
    bool synchronous;    /* Express */
    uint64_t restart_of; /* an Express execution that starts over after a crash: its id; else 0 */
    uint32_t revision;   /* 0: the current one */
    uint32_t version;    /* it was started by; 0: none */
    struct slice alias;  /* likewise; empty: none */
    struct slice trace;  /* AWS's traceHeader; may be empty */
    struct parent_task parent; /* the task that waits for it to end */
};
/* By the version that is named, or one that chance and the alias's weights choose; NULL: not. */
void ledger_start_route(struct ledger *l,
                        const struct version *version,
                        const struct alias *alias,
                        struct ledger_start *s);
/* The ARN it will have. */
struct slice ledger_start_arn(struct ledger *l, const struct ledger_start *s);
/* A new execution; the caller has checked the name (ledger_execution_find). @return its id. */
enum err_code
ledger_start(struct ledger *l, const struct ledger_start *s, uint64_t *id, struct err *err);
/* A synchronous Express run of a machine that is its own. Nobody finds either, nothing of them is
 * written, and both are gone when it has ended and those that watch it were told.
 *
 * @param parsed  consumed, on failure too
 * @param input   compact JSON */
enum err_code ledger_start_unlisted(struct ledger *l,
                                    struct slice machine,
                                    struct asl_machine *parsed,
                                    struct slice input,
                                    uint64_t *id,
                                    struct err *err);
/* By machine and name (Express: "NAME:UUID"), hot or on disk. ERR_NOT_FOUND without a message. */
enum err_code ledger_execution_find(struct ledger *l,
                                    const struct ledger_machine *m,
                                    struct slice name,
                                    uint64_t *id,
                                    struct err *err);
/* In memory now? Borrowed for the turn; NULL: on disk, or nowhere. */
const struct execution_header *ledger_execution_header(struct ledger *l, uint64_t id);
/* The same with its frames, by number: that costs what there are. */
struct ledger_view {
    const struct execution_header *header;
    const struct asl_machine *machine;
    const struct ledger_frame *frames;
    size_t frame_count;
    unsigned failed_as; /* it ended so: enum asl_failure_kind */
};
struct ledger_frame {
    const struct frame *frame;
    uint64_t bytes_in; /* of the attempt, as the worker said last */
    uint64_t bytes_out;
    struct slice note;
    bool held; /* READY, but the last attempt's upload is not settled */
};
bool ledger_execution_view(struct ledger *l, uint64_t id, struct ledger_view *out);
/* Into memory, wherever it is. ERR_NOT_FOUND. */
enum err_code ledger_execution_load(struct ledger *l, uint64_t id, struct err *err);
/* One engine event from outside (ENGINE_STOP, ENGINE_REDRIVE, ENGINE_DEADLINE); it must be loaded.
 * ERR_LEASE_LOST where the event is stale. */
enum err_code
ledger_execution_event(struct ledger *l, uint64_t id, struct engine_event *ev, struct err *err);
/* Why it cannot be redriven, in AWS's words; NULL: it can. */
const char *ledger_redrive_refusal(const struct execution_header *h, int64_t now_ms);
/* The encoded records of an Express execution in memory (copied into `a`); false: not there. */
bool ledger_express_records(struct ledger *l,
                            uint64_t id,
                            struct arena *a,
                            struct slice **records,
                            size_t *count);
size_t ledger_hot_count(const struct ledger *l);
size_t ledger_open_count(const struct ledger *l);
/* Executions, frames and documents in memory. */
size_t ledger_held_count(const struct ledger *l);
uint64_t ledger_transitions(const struct ledger *l);
/* What is counted; the shell counts turns and commits itself. */
struct figures *ledger_figures(struct ledger *l);

/* ---- Jobs ---- */

/* Numbers of runs are of a space of their own, beside those of executions. */
#define RUN_BIT (UINT64_C(1) << 63)

struct ledger_job {
    struct slice name;
    int64_t created_ms;
    int64_t updated_ms;
    struct slice definition; /* JSON, every member written out */
    const struct job_definition *parsed;
    size_t open_runs;
    /* The ledger's: */
    uint32_t ended_runs; /* since the start, and over */
    struct hash_node by_name;
    struct arena texts; /* of the definition */
    char text[];        /* the name */
};

struct ledger_job *ledger_job_find(const struct ledger *l, struct slice name);
/* All of them, sorted by name, in the turn's arena. */
struct ledger_job **ledger_jobs(struct ledger *l, size_t *count);
size_t ledger_job_count(const struct ledger *l);
/* New, or another definition for the one there is: its runs keep theirs. What it was defined as
 * before is gone. Runs of one of that name that was deleted are its runs.
 * ERR_INVALID_DEFINITION: nothing has changed. */
enum err_code ledger_job_put(struct ledger *l,
                             struct slice name,
                             struct slice definition,
                             struct ledger_job **out,
                             struct err *err);
/* Its runs go on; those that are over go with it. */
void ledger_job_delete(struct ledger *l, struct ledger_job *job);

struct ledger_run_start {
    struct ledger_job *job;
    struct slice id;                   /* job_run_id_is(), and no run has it; empty: one is made */
    const struct json_node *arguments; /* object; NULL: none */
    struct job_overrides overrides;
    struct parent_task parent; /* the task that waits for it to end */
};
/* ERR_JOB_RUNS: as many run as may. `id` lives as long as the run does in memory. */
enum err_code ledger_run_start(struct ledger *l,
                               const struct ledger_run_start *s,
                               uint64_t *number,
                               struct slice *id,
                               struct err *err);
/* By its id, wherever it is; ERR_NOT_FOUND. */
enum err_code ledger_run_find(struct ledger *l, struct slice id, uint64_t *number, struct err *err);
/* Was that run started so? ERR_CONFLICT: no. */
enum err_code ledger_run_repeats(struct ledger *l,
                                 uint64_t number,
                                 struct slice job,
                                 const struct ledger_run_start *s,
                                 struct err *err);
void ledger_run_stop(struct ledger *l, uint64_t number);
struct ledger_run_view {
    const struct job_run_row *row;
    const struct job_run *core; /* NULL: it is over */
};
/* For the turn; ERR_NOT_FOUND. */
enum err_code
ledger_run_view(struct ledger *l, uint64_t number, struct ledger_run_view *out, struct err *err);
/* What AWS Glue says of a run that its row does not say so. */
struct ledger_run_told {
    int64_t started_ms;  /* when it began, else was made */
    int64_t modified_ms; /* when it ended, else began; 0: neither */
    uint32_t execution_s;
    struct slice message; /* error and cause; empty: none */
};
/* Pure. */
struct ledger_run_told ledger_run_tell(const struct job_run_row *row, struct arena *a);
/* A live attempt. */
struct ledger_attempt {
    uint32_t piece;
    struct job_attempt_state state;
    uint64_t bytes_in; /* as its worker said last */
    uint64_t bytes_out;
    struct slice note;
};
/* Of a run in memory; for the turn, or up to the run's next event. */
struct ledger_attempt *ledger_run_attempts(struct ledger *l, uint64_t number, size_t *count);
/* The function that its phase needs, where no worker offers it; empty: one does, or it is over. */
struct slice ledger_run_missing(struct ledger *l, uint64_t number);
/* Numbers of a job's runs, newest first, below `before` (0: from the newest); in the turn's arena.
 */
enum err_code ledger_runs(struct ledger *l,
                          struct slice job,
                          uint64_t before,
                          size_t most,
                          uint64_t **out,
                          size_t *count,
                          struct err *err);

/* ---- Tasks that end by their token ---- */

/* ERR_TASK_DOES_NOT_EXIST: no such task; ERR_TASK_TIMED_OUT: it is over. Loads the execution where
 * it is not in memory. `output` is JSON text, checked by the caller. */
enum err_code ledger_token_succeed(struct ledger *l,
                                   const struct task_token *token,
                                   struct slice output,
                                   struct err *err);
enum err_code ledger_token_fail(struct ledger *l,
                                const struct task_token *token,
                                const struct failure *failure,
                                struct err *err);
enum err_code
ledger_token_heartbeat(struct ledger *l, const struct task_token *token, struct err *err);

/* ---- Rules: by a schedule, by the events they want, or by both ---- */

struct ledger_rule {
    struct slice name;
    struct rule_row row; /* borrowed until its next change */
    /* The ledger's: */
    struct schedule schedule;
    const struct pattern *pattern; /* NULL: it wants no events */
    struct target *targets;        /* as the row's */
    bool listens;                  /* counted among those that events are made for */
    struct list link;              /* by name */
    struct heap_node due;          /* wall */
    struct arena texts;
};

/* ledger_rule.link, by name. */
const struct list *ledger_event_rules(const struct ledger *l);
size_t ledger_rule_count(const struct ledger *l);
struct ledger_rule *ledger_rule_find(const struct ledger *l, struct slice name);
struct slice ledger_rule_arn(struct ledger *l, struct slice name);
/* Where targets are. */
struct target_place ledger_target_place(const struct ledger *l);
/* New, or instead of what it was. Expression, pattern and targets compile. `row` may be of the rule
 * itself. */
void ledger_rule_put(struct ledger *l, struct slice name, const struct rule_row *row);
void ledger_rule_delete(struct ledger *l, struct ledger_rule *r);

/**
 * An event to the rules that want it: their targets get it with the batch of this turn, or it is
 * in there as what is still to be delivered.
 *
 * @param head  its id, region and account are made here
 * @return 0; else nobody gets it: how many targets it was for, whose copies would be longer than
 *         LIMIT_EVENT_COPIES_BYTES with those of this turn
 */
size_t ledger_event_put(struct ledger *l, struct event_head *head, const struct json_node *detail);

/* ---- Activities ---- */

struct ledger_activity *ledger_activity_find(struct ledger *l, struct slice name);
/* All of them, sorted by name, in the turn's arena. */
struct ledger_activity **ledger_activities(struct ledger *l, size_t *count);
size_t ledger_activity_count(const struct ledger *l);
/* New, or the one there is. */
struct ledger_activity *ledger_activity_put(struct ledger *l, struct slice name);
/* Tasks that wait in it go on waiting, as with AWS; calls parked on it are the caller's to end
 * before. */
void ledger_activity_delete(struct ledger *l, struct ledger_activity *a);
/* Hand out the task that has waited longest; false: there is none. Texts are in the turn's arena.
 */
bool ledger_activity_take(struct ledger *l,
                          struct ledger_activity *a,
                          struct slice worker,
                          struct slice *token,
                          struct slice *input);

/* ---- Access keys ---- */

struct ledger_key {
    struct slice id;
    struct slice secret;
    struct slice note;
    enum access_role role;
    int64_t created_ms;
    struct list link; /* ledger_keys(): by id */
    char text[];
};

/* All of them. */
const struct list *ledger_keys(const struct ledger *l);
size_t ledger_key_count(const struct ledger *l);
/* Changes whenever one is made or deleted. */
uint64_t ledger_keys_version(const struct ledger *l);
struct ledger_key *ledger_key_find(const struct ledger *l, struct slice id);
/* A new one. */
struct ledger_key *ledger_key_put(struct ledger *l,
                                  struct slice id,
                                  struct slice secret,
                                  enum access_role role,
                                  struct slice note);
void ledger_key_delete(struct ledger *l, struct ledger_key *k);

/* ---- Operations that tasks ask for ---- */

/* May one more task wait for an execution that it did not start? */
bool ledger_can_wait(const struct ledger *l);

/* `c` is consumed. With `failure` (error set) it failed; else `result` is the call's answer as JSON
 * text, and `child` the execution a .sync call started. */
void ledger_call_done(struct ledger *l,
                      struct ledger_call *c,
                      struct slice result,
                      const struct failure *failure,
                      uint64_t child);

/* ---- What operators ask of functions and workers ---- */

/* From now on, over restarts; NULL: nothing is asked of it any more. */
void ledger_function_set(struct ledger *l, struct slice function, const struct fleet_terms *terms);
/* By its name, registered or to come, over restarts of both. */
void ledger_worker_cordon(struct ledger *l, struct slice worker, enum fleet_cordon cordon);
/* Figures of every function that has tasks, workers or terms, sorted by name, for the turn: in its
 * arena, names and terms borrowed from the fleet. */
struct fleet_gauge *ledger_scale(struct ledger *l, size_t *count);

/* ---- Workers and their reports ---- */

/* What the ledger keeps beside a fleet's worker (fleet_worker.user). */
struct ledger_mail {
    struct list outbox;  /* granted and not yet sent */
    struct list pieces;  /* likewise, of job runs */
    struct token *drops; /* to be ended */
    size_t drop_count;
    size_t drop_cap;
    bool hand_back;   /* it has not been told yet to hand back what it has not begun */
    struct list link; /* among the workers with mail */
    struct fleet_worker *worker;
    void *shell; /* the shell's own: its parked poll */
};

/* fleet_worker_hello(), and the leases of an instance that was replaced fail. */
enum err_code ledger_worker_hello(struct ledger *l,
                                  const struct fleet_hello *h,
                                  struct fleet_worker **out,
                                  struct err *err);
/* It goes: its leases fail, hooks.worker_gone is called. */
void ledger_worker_remove(struct ledger *l, struct fleet_worker *w, const char *why);
/* It can carry leases now (a poll was parked, a report is being answered): ready tasks are granted.
 */
void ledger_worker_feed(struct ledger *l, struct fleet_worker *w);
static inline struct ledger_mail *ledger_mail(const struct fleet_worker *w)
{
    return w->user;
}

/* ERR_LEASE_LOST where the token is not held by that worker. */
enum err_code ledger_task_progress(struct ledger *l,
                                   struct fleet_worker *w,
                                   struct token token,
                                   bool heartbeat,
                                   uint64_t bytes_in,
                                   uint64_t bytes_out,
                                   struct slice note);
enum err_code ledger_task_upload(struct ledger *l,
                                 struct fleet_worker *w,
                                 struct token token,
                                 const struct task_output *output,
                                 struct err *err);
/* What the attempt may ask of the store; texts in the turn's arena. ERR_LEASE_LOST: nothing, it is
 * not that process's; ERR_UNAVAILABLE: its worker has yet to say hello again; ERR_DENIED: it is no
 * stage's. */
enum err_code ledger_task_permit(struct ledger *l,
                                 uint64_t instance,
                                 struct token token,
                                 struct permit *out,
                                 struct err *err);
/* The handler of a .sync integration has begun its job: `output` is what history shows as
 * submitted. */
enum err_code ledger_task_submit(struct ledger *l,
                                 struct fleet_worker *w,
                                 struct token token,
                                 struct slice output,
                                 struct err *err);
enum err_code ledger_task_return(struct ledger *l, struct fleet_worker *w, struct token token);
enum err_code ledger_task_fail(struct ledger *l,
                               struct fleet_worker *w,
                               struct token token,
                               const struct failure *failure,
                               struct err *err);
/* Its TimeoutSeconds are over: the worker has seen it first. */
enum err_code
ledger_task_time_out(struct ledger *l, struct fleet_worker *w, struct token token, struct err *err);
/* `log` is the end of the handler's log where the lease asked for it; empty: none. */
enum err_code ledger_task_succeed(struct ledger *l,
                                  struct fleet_worker *w,
                                  struct token token,
                                  struct slice result,
                                  struct slice log,
                                  struct err *err);
/* A result with an output object: the trial, then the intent; the completion follows. `done` is
 * called in a later turn with OK, or ERR_LEASE_LOST where the attempt came to nothing. Caller's
 * storage. */
struct ledger_commit {
    struct list link;
    struct token token;
    void (*done)(struct ledger_commit *c, enum err_code rc);
};
enum err_code ledger_task_commit(struct ledger *l,
                                 struct fleet_worker *w,
                                 struct token token,
                                 struct slice result,
                                 const struct job_result *piece, /* of a job run's; else NULL */
                                 struct slice parts,
                                 struct ledger_commit *c,
                                 struct err *err);
void ledger_commit_forget(struct ledger_commit *c); /* its waiter is gone; done is not called */

/* A piece of a job run has succeeded. */
struct ledger_piece_done {
    struct job_result result;
    struct slice sizes;  /* PLAN: bytes of each shard, as varints */
    uint32_t partitions; /* PLAN: as it proposes */
};
enum err_code ledger_piece_succeed(struct ledger *l,
                                   struct fleet_worker *w,
                                   struct token token,
                                   const struct ledger_piece_done *done,
                                   struct err *err);

/* What a lease says of a piece of a job run. */
struct ledger_piece {
    struct slice run;
    enum job_phase phase;
    uint32_t piece;
    struct slice definition;
    struct slice arguments;
    uint32_t shards;
    uint32_t partitions;
    uint32_t slots;
    struct token plan;
    struct slice winners; /* encoded, as JobPiece has them */
};

/* What is to be said to a worker: leases granted and not yet sent, tokens to drop; taken by the
 * caller, into the turn's arena. A grant that is taken counts as sent. No more leases than fit a
 * reply: the next one has the rest. */
struct ledger_lease {
    struct token token;
    struct slice function;
    struct slice qualifier;   /* of the function; empty: none */
    struct slice credentials; /* compact JSON; empty: none */
    bool log_tail;            /* the end of the handler's log goes with the result */
    bool submits;             /* ledger_task_submit() may be used */
    struct slice payload;
    struct slice trace; /* as X-Ray's header, the attempt's span as parent; empty: not traced */
    struct slice execution_arn;
    struct slice execution_name;
    struct slice state;
    uint64_t state_entry;
    uint32_t attempt;
    uint32_t retry_count;
    int64_t timeout_ms;
    int64_t heartbeat_ms;
    const struct ledger_piece *piece; /* NULL: a state's task */
};
void ledger_take_mail(struct ledger *l,
                      struct fleet_worker *w,
                      struct ledger_lease **leases,
                      size_t *lease_count,
                      struct token **drops,
                      size_t *drop_count);
bool ledger_has_mail(const struct fleet_worker *w);
/* The worker is to end that one. */
void ledger_worker_drop(struct ledger *l, struct fleet_worker *w, struct token token);
/* The worker said what it holds: lost grants are put into its mail again, unknown tokens into its
 * drops. */
void ledger_worker_holds(struct ledger *l,
                         struct fleet_worker *w,
                         const struct token *tokens,
                         size_t count);

/* Encoded parts of an upload, as kept in frames: number, bytes, etag. */
void parts_encode(struct buf *out, uint32_t number, uint64_t bytes, struct slice etag);

/* Nobody's: in use by no execution here, and not of a completion that was made. The sweeper's. */
bool ledger_upload_is_stray(struct ledger *l, struct slice key, struct slice upload_id);
/* Abort one that the sweeper found. */
void ledger_sweep_upload(struct ledger *l,
                         struct slice bucket,
                         struct slice key,
                         struct slice upload_id);
/* Is it the name of something temporary of a job run that is not over? That is the run's affair. */
bool ledger_run_owns(const struct ledger *l, struct slice key);

/* Where to look for uploads that nobody owns. */
struct ledger_sweep {
    struct slice bucket;
    struct slice prefix;
    bool exact;       /* of the key `prefix` alone */
    int64_t ended_ms; /* those begun before; 0: those of a certain age */
};
/* Where stages write, in the buckets they wrote to; and the outputs of job runs that have ended,
 * whose joining may have been lost before its upload was recorded. In the turn's arena. */
struct ledger_sweep *ledger_sweeps(struct ledger *l, size_t *count);
/* The former alone. */
struct ledger_sweep *ledger_stage_buckets(struct ledger *l, size_t *count);

#endif
