/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the ledger share: the executions in memory and the turn's batch. */
#ifndef STEPFLEET_LEDGER_INTERNAL_H
#define STEPFLEET_LEDGER_INTERNAL_H

#include "coordinator/ledger/ledger.h"
#include "proto/base/limits.h"

/* A parsed definition; lives while an execution refers to it, and in the cache of its machine. */
struct machine_revision {
    struct list link;
    uint32_t revision;
    unsigned refs;
    struct asl_machine *parsed;
};

/* A document's text, shared by header and frames. */
struct hot_doc {
    uint64_t ref;
    unsigned refs;
    size_t len;
    char text[];
};

struct hot_frame {
    struct hot *hot;
    struct frame f; /* slices point into `extra`, the input's text into `input` */
    struct buf extra;
    struct hot_doc *input;
    struct hash_node by_upload; /* while f.output is open */
    uint64_t sequence;          /* of the record that last held it; UINT64_MAX: none yet */
    struct fleet_task task;
    struct fleet_timer timer;
    struct list mail;     /* in its worker's outbox */
    struct slice payload; /* valid in turn `payload_turn`; later engine_task() makes it again */
    struct slice function;
    uint64_t payload_turn;
    bool held;           /* READY, but the upload before is neither completed nor aborted */
    bool object_busy;    /* a request to the object store is on its way */
    struct list commits; /* ledger_commit: who waits for the completion */
    uint64_t bytes_in;
    uint64_t bytes_out;
    char note[120];
    size_t note_len;
};

/* An execution in memory. */
struct hot {
    struct hash_node by_id;
    struct hash_node by_name;
    struct list lru;           /* longest idle first */
    struct list continuing;    /* among those that go on next turn */
    struct execution_header h; /* names point into `fixed`, error and cause into `closing` */
    char *fixed;
    struct buf closing;
    struct hot_doc *input;
    struct hot_doc *output;
    struct ledger_machine *machine;
    struct machine_revision *revision;
    struct hot_frame **frames;
    size_t frame_count;
    size_t frame_cap;
    struct fleet_timer deadline;
    uint64_t batch;        /* number of the last batch that holds something of it */
    int64_t active_ms;     /* mono: last moved */
    int64_t parked_ms;     /* its TIMER row's due; 0: it has none */
    bool parking;          /* freed when that is durable */
    bool recorded;         /* has rows: not a synchronous Express */
    bool named;            /* among hot_by_name */
    bool kept;             /* counted in kept_count */
    struct slice *records; /* Express: encoded, heap-owned */
    size_t record_count;
    size_t record_cap;
    bool moved; /* hooks.moved at the end of the turn */
    struct list moved_link;
};

struct ledger {
    struct ledger_config config;
    struct ledger_hooks hooks;
    struct store *store;
    struct fleet *fleet;
    struct fleet_now now;
    uint64_t epoch;
    uint64_t seed;
    uint64_t turn;
    struct arena arena; /* the turn's */
    struct buf scratch;

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

    struct hash hot_by_id;
    struct hash hot_by_name;
    struct hash uploads; /* hot_frame.by_upload */
    struct list lru;
    struct list continuing;
    struct list closed; /* closed, waiting to be durable */
    struct list kept;   /* closed synchronous Express, newest last */
    size_t kept_count;
    struct list moved;
    struct list mail; /* ledger_mail.link */
    bool feed;        /* parked polls may take what waits: looked at the end of the turn */
    uint64_t next_execution;
    size_t open_count;
    uint64_t transitions;

    struct heap object_retries; /* mono */
    struct list objects;        /* object_request.link: all there are */
    size_t object_count;
    int64_t next_turn_ms;   /* mono: when the next turn was due at the end of this one */
    int64_t tick_ms;        /* mono: next housekeeping */
    int64_t window_next_ms; /* wall */
    int64_t window_end_ms;  /* wall: TIMER rows due before it are loaded */
    uint64_t *settled;      /* hashes of upload ids whose completion was made: a ring */
    size_t settled_count;   /* in all; the ring has the last LIMIT_SETTLED */
    struct buf doubtful;    /* those of them that may still be listed: the META row */
    struct buf buckets;     /* names, each with its length before it */
    size_t bucket_count;
};

/* ---- hot.c: storage ---- */

struct hot *hot_new(struct ledger *l, uint64_t id);
void hot_free(struct ledger *l, struct hot *h);
struct hot *hot_find(const struct ledger *l, uint64_t id);
struct hot *hot_find_name(const struct ledger *l, uint64_t machine, struct slice name);
struct hot_frame *hot_frame_find(const struct hot *h, uint32_t id);
/* The frame's storage, made where there is none. */
struct hot_frame *hot_frame_get(struct hot *h, uint32_t id);
void hot_frame_drop(struct ledger *l, struct hot *h, struct hot_frame *hf);
/* Copies what must outlive the step. */
void hot_take_header(struct hot *h, const struct execution_header *header);
void hot_take_frame(struct ledger *l,
                    struct hot *h,
                    struct hot_frame *hf,
                    const struct frame *f,
                    uint64_t sequence);
struct slice hot_key(const struct execution_header *h); /* the name its rows have */
void hot_name(struct ledger *l, struct hot *h);         /* to be found by it */
/* All frames as the engine wants them, those of `s` (may be NULL) over the stored. */
struct frame_set hot_frames(const struct hot *h, const struct step *s, struct arena *a);
void hot_touch(struct ledger *l, struct hot *h);
bool hot_is_durable(const struct ledger *l, const struct hot *h);

/* ---- txn.c: stepping and recording ---- */

/* One record in the making. */
struct txn {
    struct ledger *l;
    struct hot *h;
    struct step s;
    struct fleet_worker *prefer; /* whose report led here */
    bool more;                   /* ENGINE_CONTINUE is due */
    size_t commands_done;
};
void txn_begin(struct txn *t, struct ledger *l, struct hot *h, struct fleet_worker *prefer);
enum step_status txn_step(struct txn *t, struct engine_event *ev, struct err *err);
/* Carry out the commands since the last call, stepping grants into the same record, and put it. */
void txn_commit(struct txn *t);
/* Step, and commit where it was done. */
enum step_status ledger_step(struct ledger *l,
                             struct hot *h,
                             struct engine_event *ev,
                             struct fleet_worker *prefer,
                             struct err *err);

/* ---- load.c ---- */

enum err_code hot_load(struct ledger *l, uint64_t id, struct hot **out, struct err *err);
/* Start what a loaded execution's frames say: tasks, timers, aborts, completions. */
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
void machines_delete_some(struct ledger *l);

/* ---- task.c ---- */

/* A ready frame: to the fleet, and where a worker takes it, granted within the same record. */
void task_schedule(struct txn *t, struct hot_frame *hf, const struct command *c);
void task_granted(struct ledger *l, struct hot_frame *hf, struct fleet_worker *w);
void ledger_due(struct ledger *l);

/* ---- object.c ---- */

void object_abort(struct ledger *l, struct hot_frame *hf, const struct task_output *o);
void object_complete(struct ledger *l, struct hot_frame *hf);
void objects_retry(struct ledger *l);
void objects_free(struct ledger *l);
void bucket_note(struct ledger *l, struct slice bucket);
void settled_load(struct ledger *l, struct slice row);
void buckets_load(struct ledger *l, struct slice text);

/* Mark something as said about an execution to those who watch it. */
void hot_moved(struct ledger *l, struct hot *h);

#endif
