/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the ledger share: the executions in memory and the turn's batch. */
#ifndef STEPFLEET_LEDGER_INTERNAL_H
#define STEPFLEET_LEDGER_INTERNAL_H

#include "coordinator/ledger/ledger.h"
#include "proto/base/limits.h"
#include "proto/base/names.h"
#include "proto/stage.h"

/* A parsed definition; lives while an execution refers to it, and in the cache of its machine. */
struct machine_revision {
    struct list link;
    uint32_t revision;
    unsigned refs;
    struct asl_machine *parsed;
};

/* A document's text, shared by header and frames; and parsed, while a frame reads it again and
 * again. */
struct hot_doc {
    struct hash_node by_ref;
    struct list idle; /* among those looked at when the turn ends */
    uint64_t execution;
    uint64_t ref;
    unsigned refs;
    unsigned readers;             /* want it parsed */
    const struct json_node *node; /* in `parsed` */
    struct arena parsed;
    size_t len;
    char text[];
};

/* Small things of a frame in one piece; freed when the turn ends. */
struct hot_block {
    struct hot_block *next;
    _Alignas(16) char bytes[];
};

enum { DOC_INPUT, DOC_ITEMS, DOC_ITEM, DOC_RESULT, FRAME_DOCS };

struct hot_frame {
    struct hot *hot;
    struct frame f;         /* slices point into `block`, documents' texts into `docs` */
    struct hash_node by_id; /* of the execution and the frame */
    struct list of_hot;     /* hot.frames */
    struct list runnable;   /* hot.runnable */
    struct hot_block *block;
    struct hot_doc *docs[FRAME_DOCS];
    struct hot_doc **values;    /* of its variables, in `block` */
    unsigned reads;             /* enum asl_uses: what it keeps parsed */
    struct hash_node by_upload; /* while f.output is open */
    uint64_t sequence;          /* of the record that last held it; UINT64_MAX: none yet */
    struct fleet_task task;
    struct fleet_timer timer;
    struct list mail;            /* in its worker's outbox */
    const struct command *order; /* what is to be done: valid in turn `order_turn`; later
                                    engine_task() makes it again */
    uint64_t order_turn;
    struct ledger_activity *activity; /* in whose queue it stands */
    struct list queue;
    struct list calling;      /* among those whose calls are to be made */
    struct ledger_call *call; /* the one that is out; NULL: none */
    bool held;                /* READY, but the upload before is neither completed nor aborted */
    struct object_request *object; /* on its way to the object store; NULL: none */
    struct list commits;           /* ledger_commit: who waits for the completion */
    struct stage_figures *stage;   /* while it is being committed; NULL: not known any more */
    uint64_t bytes_in;
    uint64_t bytes_out;
    char note[120];
    size_t note_len;
};

/* An execution in memory. */
struct hot {
    const struct ledger *ledger;
    struct hash_node by_id;
    struct hash_node by_name;
    struct list lru;           /* longest idle first */
    struct list continuing;    /* among those that go on next turn */
    struct execution_header h; /* names point into `fixed`, error and cause into `closing` */
    char *fixed;
    struct buf closing;
    struct hot_doc *input;
    struct hot_doc *output;
    unsigned context_readers; /* frames that keep `input` parsed */
    struct ledger_machine *machine;
    struct machine_revision *revision;
    struct list frames; /* hot_frame.of_hot, by the sequence of the record that holds them */
    size_t frame_count;
    struct list runnable; /* hot_frame.runnable, in the order they became so */
    struct fleet_timer deadline;
    uint64_t batch;        /* number of the last batch that holds something of it */
    int64_t active_ms;     /* mono: last moved */
    int64_t parked_ms;     /* its TIMER row's due; 0: it has none */
    bool parking;          /* freed when that is durable */
    bool recorded;         /* has rows: not a synchronous Express */
    bool named;            /* among hot_by_name */
    bool kept;             /* counted in kept_count */
    unsigned failed_as;    /* it ended so: enum asl_failure_kind */
    struct slice *records; /* Express: encoded, heap-owned */
    size_t record_count;
    size_t record_cap;
    size_t record_bytes;
    bool moved; /* hooks.moved at the end of the turn */
    struct list moved_link;
};

/* What one execution has to tell another. */
struct notice {
    bool stop;      /* `child` is to be stopped; else it has ended, and `task` is told */
    uint64_t child; /* execution, or job run */
    struct parent_task task;
};

/* A task that waits for an execution it did not start. */
struct waiter {
    uint64_t child;
    struct parent_task task;
};

enum { TOKEN_KEY_BYTES = 32 };

struct ledger {
    struct ledger_config config;
    struct ledger_hooks hooks;
    struct store *store;
    struct fleet *fleet;
    struct fleet_now now;
    struct fleet_now slew;  /* when the system's clock was last not behind ours */
    int64_t doubt_until_ms; /* mono: is it far ahead, it is believed then; 0: it is not */
    uint64_t epoch;
    uint64_t void_epoch;  /* leases of it and before count no more; 0: all do */
    struct token *voided; /* those yet to be given back */
    size_t voided_count;
    bool is_short; /* of room on the disk */
    uint64_t seed;
    uint64_t turn;
    struct arena arena; /* the turn's */
    struct buf scratch;
    struct engine_rules rules;
    uint8_t token_key[TOKEN_KEY_BYTES];

    struct store_batch *filling;
    struct store_batch *flying; /* NULL: none in flight */
    struct store_batch *spare;
    uint64_t filling_number; /* the number the filling batch will have */
    uint64_t durable_number;
    struct list filling_waits;
    struct list flying_waits;
    struct list ready_waits; /* nothing undurable was seen: let go at the turn's end */

    struct hash machines_by_name;
    struct hash machines_by_number;
    uint64_t machine_counter;
    struct list deleting; /* ledger_machine.dying */

    struct hash activities;       /* ledger_activity.by_name */
    struct list activities_ready; /* ledger_activity.link: a task came since they were told */
    size_t activities_deleted;    /* among `activities`: their tasks wait yet */
    struct hash tagged;           /* version.c's */
    struct list keys;             /* ledger_key.link */
    struct list logged;           /* ledger_logged.link: not durable yet */
    size_t key_count;
    uint64_t keys_version;
    struct list calls;      /* hot_frame.calling: to be carried out */
    struct list calls_out;  /* ledger_call.link: those the shell has */
    struct list calls_gone; /* likewise, and it is not told yet that nobody waits for them */
    struct notice *notices; /* to be told, in this order */
    size_t notice_count;
    size_t notice_cap;
    unsigned notices_left; /* this turn may tell so many more, */
    unsigned grants_left;  /* and make so many tickets of job runs */
    bool notices_kept;     /* there is a META row of them */
    struct waiter *waiters;
    size_t waiter_count;
    size_t waiter_cap;

    struct hash hot_by_id;
    struct hash hot_by_name;
    struct hash frames; /* hot_frame.by_id */
    struct hash docs;   /* hot_doc.by_ref */
    struct list idle_docs;
    struct hot_block *dead_blocks; /* what a step gave may point into them to the turn's end */
    size_t parsed_bytes;           /* held by parsed documents */
    struct hash uploads;           /* hot_frame.by_upload */
    struct list lru;
    struct list continuing;
    struct list closed; /* closed, waiting to be durable */
    struct list kept;   /* closed synchronous Express, newest last */
    size_t kept_count;
    size_t kept_bytes;
    struct list moved;
    struct list mail; /* ledger_mail.link */
    bool feed;        /* parked polls may take what waits: looked at the end of the turn */
    uint64_t next_execution;
    size_t open_count;
    uint64_t transitions;
    struct figures figures;

    struct retention *retention; /* retention.c's */

    struct hash jobs;        /* ledger_job.by_name */
    struct hash runs;        /* ledger_run.by_number */
    struct hash runs_by_id;  /* ledger_run.by_id */
    struct heap run_ticks;   /* mono */
    struct hash runs_parked; /* run_parked.by_number */
    struct heap runs_due;    /* run_parked.due: wall */
    struct list runs_over;   /* ledger_run.over */
    struct list runs_moved;  /* ledger_run.moved */
    struct list sweeps;      /* of rows of runs, the first one first (run_delete.c) */
    uint64_t next_run;

    struct list event_rules; /* ledger_rule.link */
    struct heap rules_due;   /* ledger_rule.due: wall */
    size_t rule_count;
    size_t listeners; /* rules that want events: where there is none, none is made */

    struct list deliveries_new;   /* delivery.c's, like those that follow: not tried yet, */
    size_t deliveries_new_bytes;  /* and so long */
    struct list deliveries;       /* that have rows */
    struct list deliveries_fresh; /* their rows are not durable, by batch */
    struct heap deliveries_due;   /* wall */
    struct hash delivery_flights; /* by their execution (delivery_flight.c) */
    struct list deliveries_over;  /* their flight has ended */
    size_t flights;
    struct hash places;             /* they go to: delivery_place.by_arn */
    struct list places_waiting;     /* delivery_place.turn */
    struct list webhooks_out;       /* webhook_request.out: those the shell has */
    struct ledger_machine *invoker; /* whose executions they are; NULL: there was none yet */
    size_t delivery_count;
    uint64_t last_delivery;   /* number given last */
    unsigned deliveries_left; /* this turn may try so many more */

    struct hash webhooks; /* ledger_webhook.by_name */

    struct hash topics;        /* ledger_topic.by_name */
    struct names topic_names;  /* ledger_topic.name */
    struct hash subscriptions; /* ledger_subscription.by_id */
    uint64_t published;        /* sequence number given last by a FIFO topic */

    struct hash queues;        /* ledger_queue.by_name */
    struct names queue_names;  /* ledger_queue.name */
    struct heap queues_due;    /* ledger_queue.due: wall */
    struct list queues_ready;  /* ledger_queue.ready */
    struct list queues_dirty;  /* ledger_queue.dirty */
    struct list queue_sweeps;  /* of rows of queues, the first one first (queue_row.c) */
    struct hash bodies;        /* of messages; queue_row.c's, like those that follow */
    struct list bodies_pinned; /* by batch: they are not durable */
    struct list bodies_idle;   /* the oldest first */
    size_t bodies_bytes;       /* of the idle ones */
    uint64_t last_queue;       /* number given last */

    struct hash pipes;        /* ledger_pipe.by_name */
    struct heap pipes_due;    /* ledger_pipe.due: wall */
    struct list pipes_ready;  /* ledger_pipe.ready: to be looked at */
    struct hash pipe_flights; /* batches in flight, by their execution (pipe_run.c) */

    struct heap object_retries; /* mono */
    struct list objects;        /* object_request.link: all there are */
    size_t object_count;
    int64_t next_turn_ms;   /* mono: when the next turn was due at the end of this one */
    int64_t tick_ms;        /* mono: next housekeeping */
    int64_t window_next_ms; /* wall */
    int64_t window_end_ms;  /* wall: TIMER rows due before it are loaded */
    int64_t window_due_ms;  /* where to go on in it; 0: from the first row on */
    uint64_t window_execution;
    uint64_t *settled;    /* hashes of upload ids whose completion was made: a ring */
    size_t settled_count; /* in all; the ring has the last LIMIT_SETTLED */
    struct buf doubtful;  /* those of them that may still be listed: the META row */
    struct buf buckets;   /* names, each with its length before it */
    size_t bucket_count;
};

/* ---- ledger.c ---- */

struct key; /* keys.h */

/* Each row under the prefix, by `load`; `rest` is what its key has behind the prefix. */
enum err_code rows_load(
    struct ledger *l,
    enum store_cf cf,
    const struct key *prefix,
    enum err_code (*load)(struct ledger *l, struct slice rest, struct slice value, struct err *err),
    struct err *err);

/* ---- clock.c ---- */

/* A recorded time: the clock does not fall behind it. */
void ledger_clock_seen(struct ledger *l, int64_t wall_ms);
/* Our wall time where the system's clocks say `now`. */
int64_t clock_wall_at(const struct ledger *l, struct fleet_now now);
/* A turn begins. */
void clock_go_on(struct ledger *l, struct fleet_now now);

/* ---- doc.c: documents, and what must live to the end of the turn ---- */

/* The document of that execution, +1 ref; NULL where there is none or its text is not at hand. */
struct hot_doc *doc_share(struct ledger *l, uint64_t execution, const struct doc *d);
void doc_unref(struct ledger *l, struct hot_doc *doc); /* NULL is fine */
/* Keep it parsed, as long as the memory for that lasts; doc->node has it. */
void doc_read(struct ledger *l, struct hot_doc *doc);
void doc_unread(struct ledger *l, struct hot_doc *doc);
/* Replace the document at `slot`, which owns a ref, by `doc`, and have `d` point at it. */
void doc_set(struct ledger *l, struct hot_doc **slot, struct doc *d, struct hot_doc *doc);
struct hot_block *block_new(size_t bytes);
/* A copy at *at, which moves on behind it. */
struct slice block_put(char **at, struct slice s);
void block_drop(struct ledger *l, struct hot_block *block); /* NULL is fine */
/* The turn is over: nothing points at what was dropped. */
void dropped_free(struct ledger *l);

/* ---- hot.c: executions ---- */

struct hot *hot_new(struct ledger *l, uint64_t id);
void hot_free(struct ledger *l, struct hot *h);
struct hot *hot_find(const struct ledger *l, uint64_t id);
struct hot *hot_find_name(const struct ledger *l, uint64_t machine, struct slice name);
/* Copies what must outlive the step. */
void hot_take_header(struct ledger *l, struct hot *h, const struct execution_header *header);
struct slice hot_key(const struct execution_header *h); /* the name its rows have */
void hot_name(struct ledger *l, struct hot *h);         /* to be found by it */
void hot_touch(struct ledger *l, struct hot *h);
bool hot_is_durable(const struct ledger *l, const struct hot *h);
/* Its records, all in memory, are more than an Express execution may have. */
bool hot_is_too_large(const struct hot *h);
/* Frames that can go on by themselves: it goes on next turn. */
void hot_queue(struct ledger *l, struct hot *h);
/* Mark something as said about an execution to those who watch it. */
void hot_moved(struct ledger *l, struct hot *h);

/* ---- frame.c: their frames ---- */

struct hot_frame *hot_frame_find(const struct ledger *l, const struct hot *h, uint32_t id);
/* All there are, as the engine asks for them. */
struct frame_set hot_frames(const struct hot *h);
/* The frame's storage, made where there is none: it is taken, or dropped, in the same record. */
struct hot_frame *hot_frame_get(struct ledger *l, struct hot *h, uint32_t id);
void hot_frame_drop(struct ledger *l, struct hot_frame *hf);
/* It is in the record of that sequence: the last one of all frames. */
void hot_frame_claim(struct hot_frame *hf, uint64_t sequence);
/* Copies what must outlive the step. */
void hot_frame_take(struct ledger *l, struct hot_frame *hf, const struct frame *f);
/* The timer its status asks for. */
void hot_frame_time(struct ledger *l, struct hot_frame *hf);

/* ---- txn.c: stepping and recording ---- */

/* One record in the making. */
struct txn {
    struct ledger *l;
    struct hot *h;
    struct step s;
    struct fleet_worker *prefer; /* whose report led here */
    size_t commands_done;
};
void txn_begin(struct txn *t, struct ledger *l, struct hot *h, struct fleet_worker *prefer);
enum step_status txn_step(struct txn *t, struct engine_event *ev, struct err *err);
/* The frame as the record will have it; NULL: there is none. */
const struct frame *txn_frame(const struct txn *t, uint32_t id);
/* Carry out the commands since the last call, stepping grants into the same record, and put it. */
void txn_commit(struct txn *t);
/* Step, and commit where it was done. */
enum step_status ledger_step(struct ledger *l,
                             struct hot *h,
                             struct engine_event *ev,
                             struct fleet_worker *prefer,
                             struct err *err);
/* ---- load.c, park.c ---- */

enum err_code hot_load(struct ledger *l, uint64_t id, struct hot **out, struct err *err);
/* Start what a loaded execution's frames say: tasks, timers, calls, aborts, completions. */
void hot_resume(struct ledger *l, struct hot *h);
enum err_code ledger_recover(struct ledger *l, struct err *err);
/* Park those idle for long; load parked ones that are due soon. Bounded work a call. */
void ledger_park_idle(struct ledger *l);
enum err_code ledger_load_due(struct ledger *l, struct err *err);

/* ---- machine.c ---- */

enum err_code machines_load(struct ledger *l, struct err *err);
void machines_free(struct ledger *l);
enum err_code machine_revision_get(struct ledger *l,
                                   struct ledger_machine *m,
                                   uint32_t revision,
                                   struct machine_revision **out,
                                   struct err *err); /* +1 ref */
void machine_revision_unref(struct machine_revision *r);
/* An Express machine for what the ledger runs by itself: it has no rows, and nobody finds it. The
 * definition is the program's own, and parses. */
struct ledger_machine *machine_own(struct ledger *l, struct slice name, struct slice definition);
/* The same of one that is parsed, which is consumed. */
struct ledger_machine *
machine_unlisted(struct ledger *l, struct slice name, struct asl_machine *parsed);
void machine_own_free(struct ledger_machine *m);
void machines_delete_some(struct ledger *l);

/* ---- task.c, worker.c ---- */

/* A ready frame: to the fleet or its activity's queue, and where a worker takes it, granted within
 * the same record. */
void task_schedule(struct txn *t, struct hot_frame *hf, const struct command *c);
void task_granted(struct ledger *l, struct hot_frame *hf, struct fleet_worker *w);
/* Its lease is over, and it is ready again. ERR_LEASE_LOST: its state has been left. */
enum err_code task_return(struct ledger *l, struct fleet_task *task);

/* ---- restored.c ---- */

/* Before the first epoch after a restore is taken: `last_epoch` and those before it are void. */
enum err_code restored_note(struct ledger *l, uint64_t last_epoch, struct err *err);
/* Everything else is loaded. */
void restored_load(struct ledger *l);
/* As many as the batch takes; true: none is left. */
bool restored_return(struct ledger *l);
/* An attempt ends so; its task and frame are still as they were. */
void task_ended(struct ledger *l, struct hot_frame *hf, enum stage_outcome outcome);
/* What a task that waits or is out is to do: that of this turn's step, or made again. */
enum err_code task_order(struct ledger *l, struct hot_frame *hf, struct err *err);
/* Where its event says that the stage's data is; in the turn's arena. ERR_JSON, ERR_VALIDATION: it
 * is no stage that streams. */
enum err_code
task_places(struct ledger *l, struct hot_frame *hf, struct stage_places *out, struct err *err);
void task_set_order(struct ledger *l, struct hot_frame *hf, const struct command *c);
void ledger_due(struct ledger *l);
void mail_due(struct ledger *l, struct fleet_worker *w);

/* Tasks that can be granted since a limit of their function let go. */
void feed_opened(struct ledger *l);

/* ---- function.c ---- */

enum err_code functions_load(struct ledger *l, struct err *err);
enum err_code cordons_load(struct ledger *l, struct err *err);

/* ---- rule.c, event.c ---- */

enum err_code event_rules_load(struct ledger *l, struct err *err);
void event_rules_free(struct ledger *l);
/* The events of schedules whose time has come. */
void event_rules_due(struct ledger *l);
/* An event to the targets of a rule that wants it; `id` is the event's. */
void rule_give(struct ledger *l,
               const struct ledger_rule *r,
               struct slice id,
               const struct json_node *event);
/* The events of a step that was recorded.
 *
 * @param began  it was started or redriven
 * @param was    its status before */
void event_step(struct ledger *l,
                const struct execution_header *h,
                bool began,
                enum execution_status was);

/* ---- ledger.c ---- */

/* As ledger_accepts(), for what is owed to the batch already. */
bool filling_has_room(const struct ledger *l);

/* ---- delivery.c ---- */

struct delivery_row;
/* To be tried when the turn ends; it is copied. */
void delivery_add(struct ledger *l, const struct delivery_row *d);
enum err_code deliveries_load(struct ledger *l, struct err *err);
void deliveries_free(struct ledger *l);
/* Try what was added; what a turn has no room for gets a row. */
void deliveries_run(struct ledger *l);
/* Take the ends of those that were away, and try what is due again. */
enum err_code deliveries_try(struct ledger *l, struct err *err);
/* A batch is durable: rows in it can be read. */
void deliveries_durable(struct ledger *l);
int64_t deliveries_wait_ms(const struct ledger *l, struct fleet_now now); /* INT64_MAX: none */
/* An execution has ended: that of a delivery? */
void delivery_run_ended(struct ledger *l, const struct execution_header *h);

/* ---- job.c ---- */

enum err_code jobs_load(struct ledger *l, struct err *err);
void jobs_free(struct ledger *l);

/* ---- object.c ---- */

struct ledger_run;
void object_abort_for_run(struct ledger *l, struct ledger_run *r, const struct task_output *o);
void object_complete_for_run(struct ledger *l, struct ledger_run *r);

void object_abort(struct ledger *l, struct hot_frame *hf, const struct task_output *o);
void object_complete(struct ledger *l, struct hot_frame *hf);
void objects_retry(struct ledger *l);
void objects_free(struct ledger *l);
void bucket_note(struct ledger *l, struct slice bucket);
void settled_load(struct ledger *l, struct slice row);
void buckets_load(struct ledger *l, struct slice text);

/* ---- activity.c ---- */

enum err_code activities_load(struct ledger *l, struct err *err);
void activities_free(struct ledger *l);
/* After a restart: tasks stand in their queues as they were entered. */
void activities_sort(struct ledger *l);
bool activity_exists(const void *ledger, struct slice name);
void activity_enqueue(struct ledger *l, struct hot_frame *hf, struct slice name);
void activity_leave(struct ledger *l, struct hot_frame *hf);
void activities_tell(struct ledger *l);

/* ---- call.c ---- */

/* A frame's call, to be carried out at the end of the turn. */
void call_queue(struct ledger *l, struct hot_frame *hf);
/* It waits for none any more. */
void call_leave(struct ledger *l, struct hot_frame *hf);
void calls_run(struct ledger *l);
void calls_free(struct ledger *l);

/* ---- nested.c ---- */

/* Whoever waits for it is told. */
void notice_ended(struct ledger *l, const struct execution_header *child);
void notice_run_ended(struct ledger *l, uint64_t run, const struct parent_task *task);
void notice_stop(struct ledger *l, uint64_t child);
/* Is somebody still to be told that it has ended? */
bool notice_is_due(const struct ledger *l, uint64_t child);
/* The child a call gave: its task is told when it ends, or has ended already. */
void notice_when_ended(struct ledger *l, uint64_t child, const struct parent_task *task);
/* As many as the turn may tell. */
void notices_run(struct ledger *l);
/* What is still to be told goes into the batch that leaves. */
void notices_keep(struct ledger *l);
void notices_load(struct ledger *l, struct slice row);
void waiters_load(struct ledger *l, struct slice row);

/* ---- key.c ---- */

enum err_code keys_load(struct ledger *l, struct err *err);
void keys_free(struct ledger *l);

/* ---- logged.c ---- */

/* Of a step that has just been recorded under `sequence`. */
void logged_step(struct ledger *l, const struct hot *h, const struct step *s, uint64_t sequence);
bool logged_is_traced(const struct ledger *l, const struct hot *h);
void logged_free(struct ledger *l);

/* ---- version.c ---- */

enum err_code versions_load(struct ledger *l, struct err *err);
void versions_free(struct ledger_machine *m);
/* With its machine. */
void versions_delete(struct ledger *l, struct ledger_machine *m);
enum err_code tags_load(struct ledger *l, struct err *err);
void tags_free(struct ledger *l);

/* ---- token.c ---- */

enum err_code token_key_load(struct ledger *l, struct err *err);

#endif
