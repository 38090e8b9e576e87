/* SPDX-License-Identifier: Apache-2.0 */
/* Move one execution by one engine event. Pure: the same arguments give the same step, anywhere.
 *
 * An execution is a header and frames, one frame per scope that runs (the top level; later each
 * Parallel branch and Map iteration). A step reads the header and the frames the event touches, and
 * gives their new versions, the history events to record, the documents to keep, and commands for
 * the shell around it. Nothing here knows of clocks, disks, workers or the network.
 *
 * Documents (inputs, results, outputs) are immutable JSON texts, kept once in the record that first
 * held them and referred to by `ref` from then on. What can be derived again (the parameters of a
 * task, the wrapping of lambda:invoke's result) is not kept: history_render() derives it.
 *
 *   Invariants: event ids are 1..n in record order; a frame that is open has exactly one reason to
 *   wait; attempt numbers of a frame only grow; a closed execution has no open frame.
 * execution_check() asserts them after each step and each decode. Source: Amazon States Language;
 * history as AWS records it. */
#ifndef STEPFLEET_ENGINE_ENGINE_H
#define STEPFLEET_ENGINE_ENGINE_H

#include "coordinator/asl/eval.h"
#include "coordinator/asl/machine.h"

/* ---- Documents ---- */

/* ref: 0 is "no document"; else (sequence << 8 | slot) + 1: the slot-th document of the record with
 * that sequence. text.ptr NULL: kept, but not in memory. */
struct doc {
    uint64_t ref;
    struct slice text; /* compact JSON */
};

#define DOC_REF(sequence, slot) (((uint64_t)(sequence) << 8 | (uint64_t)(slot)) + 1)
#define DOC_SEQUENCE(ref)       (((ref)-1) >> 8)
#define DOC_SLOT(ref)           ((unsigned)(((ref)-1) & 0xff))

/* ---- The execution ---- */

enum execution_status {
    EXECUTION_RUNNING,
    EXECUTION_SUCCEEDED,
    EXECUTION_FAILED,
    EXECUTION_TIMED_OUT,
    EXECUTION_ABORTED,
    EXECUTION_PENDING_REDRIVE, /* its place: children of a map run */
};
const char *execution_status_name(enum execution_status s); /* "RUNNING" */

struct execution_header {
    uint64_t account; /* AWS account number: the namespace */
    uint64_t id;      /* number within the account, in order of start */
    uint64_t machine; /* number of the state machine */
    uint32_t revision;
    bool express;
    bool synchronous;  /* Express, never recorded */
    struct slice name; /* execution's name */
    struct slice arn;  /* of the execution, as clients see it */
    struct slice machine_arn;
    struct slice machine_name;
    struct slice role_arn;
    uint64_t seed; /* of its chance, fixed at the start: each use draws its own from it */
    enum execution_status status;
    int64_t start_ms;
    int64_t stop_ms;     /* 0: open */
    int64_t deadline_ms; /* TimeoutSeconds, Express' five minutes; 0: none */
    uint32_t redrive_count;
    int64_t redrive_ms;     /* 0: never */
    uint64_t redrive_token; /* hash of the last redrive's client token; 0: it had none */
    uint64_t parent;        /* execution that started it; 0: none (its place) */
    uint64_t map_run;       /* 0: none (its place) */
    uint64_t sequence;      /* of the record now being made */
    uint32_t record_docs;   /* documents in it so far */
    uint64_t next_event;    /* id of the next history event, from 1 */
    uint32_t next_frame;    /* id of the next frame, from 0 */
    uint32_t open_frames;
    struct doc input;
    struct doc output;  /* SUCCEEDED */
    struct slice error; /* FAILED, ABORTED: ptr NULL where there is none */
    struct slice cause;
};

/* Why a frame waits.
 *
 *            .-----------------.  Wait state, retry backoff
 *            v                 |
 *   RUN ---> TIMER ------------'            RUN only between the steps of CONTINUE
 *    | ^------'
 *    '-----> READY ---> LEASED ---> COMMITTING ---> (RUN)
 *    |         ^  handed back |           output with an intent on disk
 *    |         '--------------'
 *    '-----> JOIN (children run)       any ---> DONE | FAILED (kept for redrive)          */
enum frame_status {
    FRAME_RUN,
    FRAME_TIMER,
    FRAME_READY,
    FRAME_LEASED,
    FRAME_COMMITTING,
    FRAME_JOIN,
    FRAME_DONE,
    FRAME_FAILED,
};

/* Fencing token of a grant: no other grant ever had it. */
struct token {
    uint64_t epoch;
    uint64_t counter;
};
static inline bool token_eq(struct token a, struct token b)
{
    return a.epoch == b.epoch && a.counter == b.counter;
}

/* The output object of a stream stage, from its upload's beginning to its commit. */
struct task_output {
    struct slice bucket; /* ptr NULL: no upload is open */
    struct slice key;
    struct slice upload_id;
    struct slice mark;   /* execution/entry/attempt/token: stored with the object */
    struct slice parts;  /* FRAME_COMMITTING: encoded parts (codec of the ledger) */
    struct slice result; /* FRAME_COMMITTING: the result that follows the completion */
};

struct frame {
    uint32_t id;
    uint32_t parent; /* frame; ASL_NONE at the top */
    uint32_t scope;  /* of the machine */
    uint32_t index;  /* branch or item number in the parent */
    uint32_t state;  /* number in the machine */
    enum frame_status status;
    uint64_t entered_event; /* id of the state's Entered event: names this state entry */
    int64_t entered_ms;
    uint64_t last_event;     /* previousEventId of this frame's next history event */
    uint32_t attempt;        /* of this state entry, from 1; never restarts */
    uint32_t retry_count;    /* context's State.RetryCount; a redrive resets it */
    const uint32_t *retries; /* used up, per retrier; NULL: none yet */
    uint32_t retrier_count;  /* length of retries */
    bool started;            /* the attempt's Started event is recorded */
    int64_t due_ms;          /* FRAME_TIMER */
    int64_t timeout_ms;      /* of the task from its start; 0: none */
    int64_t heartbeat_ms;    /* 0: none */
    int64_t granted_ms;      /* FRAME_LEASED, COMMITTING */
    struct token token;
    struct slice worker;       /* name of the worker that holds it */
    struct task_output output; /* upload open: to be completed or aborted before the next grant */
    uint32_t join_open;        /* FRAME_JOIN: children not yet done (its place) */
    struct doc input;          /* the state's raw input */
    struct doc variables;      /* its place */
};

struct frame_set {
    const struct frame *items;
    size_t count;
};
const struct frame *frame_set_find(const struct frame_set *set, uint32_t id);

/* ---- History ---- */

enum history_type {
#define HISTORY_TYPE(type, number, name) HISTORY_##type = number,
#include "coordinator/engine/history.def"
#undef HISTORY_TYPE
};

/* One recorded event. Which members are used depends on the type; unused are zero. */
struct history_event {
    enum history_type type;
    uint64_t id;
    uint64_t previous;
    int64_t time_ms;
    uint32_t state;     /* number in the machine; ASL_NONE: none */
    struct doc doc;     /* input, output or result. Of *Scheduled: the state's raw input, from which
                           the parameters are derived again */
    bool wrapped;       /* TaskSucceeded: doc is the Payload inside lambda:invoke's result */
    int64_t entered_ms; /* *Scheduled: the context's State.EnteredTime */
    uint32_t retry_count; /* *Scheduled: the context's State.RetryCount; *Redriven: redriveCount */
    uint64_t seed;        /* *Scheduled: where the parameters use chance */
    int64_t timeout_s;    /* *Scheduled: 0: none */
    int64_t heartbeat_s;
    struct slice error; /* ptr NULL: absent */
    struct slice cause;
    uint64_t index;      /* Map: iteration; length (its place) */
    struct slice worker; /* *Started: ours, not in AWS's rendering */
};

/* ---- Events, commands, steps ---- */

enum engine_event_kind {
    ENGINE_START,          /* header made by the caller: ids, names, input; frame 0 is made here */
    ENGINE_TASK_GRANTED,   /* frame attempt token worker */
    ENGINE_TASK_RETURNED,  /* frame token: not begun, handed back: READY again, no retry spent */
    ENGINE_TASK_UPLOAD,    /* frame token output: its upload exists */
    ENGINE_TASK_INTENT,    /* frame token parts result: the decision to complete */
    ENGINE_TASK_SUCCEEDED, /* frame token result */
    ENGINE_TASK_FAILED,    /* frame token (or READY: token zero) failure */
    ENGINE_TASK_TIMED_OUT, /* frame token heartbeat */
    ENGINE_UPLOAD_GONE,    /* frame: its upload was aborted: a next attempt may be granted */
    ENGINE_TIMER,          /* frame: its due_ms has come */
    ENGINE_DEADLINE,       /* the execution's */
    ENGINE_STOP,           /* failure: StopExecution's error and cause, both optional */
    ENGINE_REDRIVE,
    ENGINE_CONTINUE, /* go on after STEP_CONTINUE */
};

struct engine_event {
    enum engine_event_kind kind;
    int64_t now_ms;
    uint64_t seed; /* START: fresh chance, mixed into the header's */
    uint32_t frame;
    struct token token;
    struct slice worker;
    struct task_output output; /* UPLOAD: bucket, key, upload_id, mark; INTENT: parts, result */
    struct slice result;       /* any JSON text; checked here */
    struct failure failure;
    bool heartbeat;
    uint64_t redrive_token; /* REDRIVE */
};

enum command_kind {
    COMMAND_SCHEDULE_TASK, /* make it ready: function, payload, timeout_ms, heartbeat_ms */
    COMMAND_CANCEL_TASK,   /* its lease and its place in the queue are gone; token is what it had */
    COMMAND_ABORT_UPLOAD, /* output: no grant of this frame until it is done (ENGINE_UPLOAD_GONE) */
    COMMAND_SET_TIMER,    /* frame's due_ms */
    COMMAND_CLOSED,       /* the execution has ended */
};

struct command {
    enum command_kind kind;
    uint32_t frame;
    struct token token;
    struct task_output output;
    struct slice function; /* NAME of the function */
    struct slice payload;  /* compact JSON */
    int64_t due_ms;
};

/* What a step gives; several steps may be gathered into one record by handing the same one on. */
struct step {
    struct execution_header header;
    struct frame *frames; /* new versions of those changed, each id once */
    size_t frame_count;
    size_t frame_cap;
    struct history_event *events;
    size_t event_count;
    size_t event_cap;
    struct doc *docs; /* to be kept, in slot order of this record */
    size_t doc_count;
    size_t doc_cap;
    struct command *commands;
    size_t command_count;
    size_t command_cap;
    uint32_t need_frame; /* STEP_NEED_FRAME */
    bool task_refused;   /* TASK_SUCCEEDED whose result became a failure: a trial step shows it */
};

enum step_status {
    STEP_DONE,
    STEP_CONTINUE,   /* bounded: persist this, then ENGINE_CONTINUE */
    STEP_NEED_FRAME, /* out->need_frame is not among `frames` */
    STEP_STALE,      /* the token or the frame is not the one: nothing happened */
    STEP_FAILED,     /* err: our own error; nothing happened */
};

/**
 * @param header  as it was; for gathered steps, &out->header of the one before
 * @param frames  the execution's frames the event touches (all of them will do)
 * @param a       all memory of the step; results point into it and into the inputs
 * @param[out] out  zeroed by the caller before the first step of a record
 * @return see enum step_status; on STALE and FAILED `out` is as it was
 */
enum step_status engine_step(const struct asl_machine *m,
                             const struct execution_header *header,
                             const struct frame_set *frames,
                             const struct engine_event *ev,
                             struct arena *a,
                             struct step *out,
                             struct err *err);

/* The context object ($$) of a frame, as AWS shows it. */
const struct json_node *engine_context(const struct asl_machine *m,
                                       const struct execution_header *h,
                                       const struct frame *f,
                                       struct arena *a);

/* The task of a READY, LEASED or COMMITTING frame again, from what is kept (after a restart, or for
 * a grant that is sent again): function and payload as COMMAND_SCHEDULE_TASK gave them. */
enum err_code engine_task(const struct asl_machine *m,
                          const struct execution_header *h,
                          const struct frame *f,
                          struct arena *a,
                          struct command *out,
                          struct err *err);

/* What a frame waits for, in words: "worker for function Stage3", "retry 2 of 3 at ...". */
struct slice engine_waits_for(const struct asl_machine *m, const struct frame *f, struct arena *a);

/* Abort the program where an invariant does not hold. */
void execution_check(const struct execution_header *h, const struct frame_set *frames);

/* ---- Rendering, for history reads ---- */

/* Fetches the text of a document by ref; the slice lives as long as `a`. */
struct doc_source {
    enum err_code (
        *get)(void *arg, uint64_t ref, struct arena *a, struct slice *out, struct err *err);
    void *arg;
};

/**
 * One history event as AWS's GetExecutionHistory gives it: {"timestamp": seconds with fraction,
 * "type", "id", "previousEventId", "...EventDetails": {...}}.
 *
 * @param h  the execution's header (arn, names, start time: for the derived context)
 * @param include_data  false drops input and output
 */
enum err_code history_render(const struct asl_machine *m,
                             const struct execution_header *h,
                             const struct history_event *ev,
                             bool include_data,
                             const struct doc_source *docs,
                             struct arena *a,
                             const struct json_node **out,
                             struct err *err);
const char *history_type_name(enum history_type type);

#endif
