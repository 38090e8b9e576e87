/* SPDX-License-Identifier: Apache-2.0 */
/* Move one execution by one engine event. Pure: the same arguments give the same step, anywhere.
 *
 * An execution is a header and frames, one frame per scope that runs: the top level, each Parallel
 * branch, each Map iteration. A step reads the header and the frames the event touches, and gives
 * their new versions, the history events to record, the documents to keep, and commands for the
 * shell around it. It costs what it touches, not what the execution has gathered. Nothing here
 * knows of clocks, disks, workers or the network.
 *
 * A Parallel or Map state makes its frame the parent of a run of frames with consecutive numbers,
 * first_child + i for branch or item i. They are there until the parent leaves the state
 * (COMMAND_DROP_FRAMES): those that ended well are kept for their output, those that did not for a
 * redrive.
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
#include "proto/base/token.h"

/* ---- Documents ---- */

/* ref: 0 is "no document"; else (sequence << 8 | slot) + 1: the slot-th document of the record with
 * that sequence. text.ptr NULL: kept, but not in memory. */
struct doc {
    uint64_t ref;
    struct slice text;            /* compact JSON */
    const struct json_node *node; /* the text parsed, where the caller has it so; lives as long */
};

/* A variable. What one Assign sets is kept as one document. */
struct variable {
    struct slice name;
    struct doc value; /* an object: its member `name` is the value */
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

/* What holds for all executions of a coordinator; never recorded. */
struct engine_rules {
    size_t payload_bytes; /* most of an input, output, result: LIMIT_PAYLOAD_BYTES in strict mode */
    uint64_t history_events; /* of a Standard execution: LIMIT_HISTORY_EVENTS in strict mode */
    struct slice token_key;  /* secret that task tokens are made with */
    bool (*has_activity)(const void *arg, struct slice name); /* NULL: there are none */
    const void *arg;
};

/* The task that waits for this execution to end (startExecution.sync). */
struct parent_task {
    uint64_t execution; /* 0: none */
    uint32_t frame;
    uint32_t attempt;
    uint64_t entered_event;
};

enum { REDRIVE_TOKENS = 8 };

struct execution_header {
    const struct engine_rules *rules; /* NULL: the strict mode, an empty key */
    uint64_t account;                 /* AWS account number: the namespace */
    uint64_t id;                      /* number within the account, in order of start */
    uint64_t machine;                 /* number of the state machine */
    uint32_t revision;
    uint32_t version; /* it was started by; 0: by none */
    bool express;
    bool synchronous;  /* Express, never recorded */
    struct slice name; /* execution's name */
    struct slice arn;  /* of the execution, as clients see it */
    struct slice machine_arn;
    struct slice machine_name;
    struct slice role_arn;
    struct slice alias; /* it was started by; empty: by none */
    struct slice trace; /* AWS's traceHeader it was started with: kept and shown */
    uint64_t seed;      /* of its chance, fixed at the start: each use draws its own from it */
    enum execution_status status;
    int64_t start_ms;
    int64_t stop_ms;     /* 0: open */
    int64_t deadline_ms; /* TimeoutSeconds, Express' five minutes; 0: none */
    uint32_t redrive_count;
    int64_t redrive_ms;                      /* 0: never */
    uint64_t redrive_tokens[REDRIVE_TOKENS]; /* hashes of the client tokens of the last redrives,
                                                the latest first; 0: it had none */
    struct parent_task parent;
    uint64_t map_run;        /* 0: none (its place) */
    uint64_t variable_bytes; /* of the variables that open frames have */
    uint64_t sequence;       /* of the record now being made */
    uint32_t record_docs;    /* documents in it so far */
    uint64_t next_event;     /* id of the next history event, from 1 */
    uint32_t next_frame;     /* id of the next frame, from 0 */
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
 *    '-----> READY ---> LEASED ---> COMMITTING ---> (RUN) | TOKEN
 *    |         ^  handed back | |          output with an intent on disk
 *    |         '--------------' '--> TOKEN (.waitForTaskToken: the call was made)
 *    |-----> CALL ---> TOKEN | CHILD     the coordinator's own operations
 *    |                  an activity goes from READY to TOKEN
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
    FRAME_CALL,  /* COMMAND_CALL is to be carried out: again after a restart */
    FRAME_TOKEN, /* whoever has the task token ends it */
    FRAME_CHILD, /* an execution it started is to end */
};
enum { FRAME_STATUSES = FRAME_CHILD + 1 };

/* The output object of a stream stage, from its upload's beginning to its commit. */
struct task_output {
    struct slice bucket; /* ptr NULL: no upload is open */
    struct slice key;
    struct slice upload_id;
    struct slice mark;   /* execution/entry/attempt/token: stored with the object */
    struct slice parts;  /* FRAME_COMMITTING: encoded parts (codec of the ledger) */
    struct slice result; /* FRAME_COMMITTING: the result that follows the completion */
};

/* A task's answer that came by its token while the call that hands the token on was still out: it
 * counts as soon as the call has ended, however that ends. */
struct task_answer {
    enum { ANSWER_NONE, ANSWER_SUCCEEDED, ANSWER_FAILED } is;
    struct slice result; /* JSON text */
    struct slice error;  /* ptr NULL: absent */
    struct slice cause;
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
    bool submitted;       /* its Submitted event is recorded; of lambda:invoke with InvocationType
                             Event: what the function gives is not waited for */
    int64_t due_ms;       /* TIMER; TOKEN, CHILD: the sooner of the next two, 0: neither */
    int64_t deadline_ms;  /* TOKEN, CHILD: TimeoutSeconds ends; 0: none */
    int64_t beat_due_ms;  /* TOKEN: HeartbeatSeconds end; 0: none */
    int64_t timeout_ms;   /* of the task from its start; 0: none */
    int64_t heartbeat_ms; /* 0: none */
    int64_t granted_ms;   /* LEASED, COMMITTING, TOKEN, CHILD: when its work began */
    struct token token;
    struct slice worker;       /* name of the worker that holds it */
    uint32_t holder;           /* which process of that name; 0: not known */
    struct task_output output; /* upload open: to be completed or aborted before the next grant */
    struct task_answer answer;
    uint64_t child;                   /* CHILD: the execution it waits for */
    uint32_t first_child;             /* frame of child 0; child_count of them are reserved */
    uint32_t child_count;             /* branches or items; 0: none, there are no children */
    uint32_t child_next;              /* those from here on are not begun: they have no frames */
    uint32_t child_open;              /* begun and not ended; FRAME_JOIN alone */
    uint32_t concurrency;             /* at most so many open at once */
    uint64_t items_at;                /* Map: byte of items.text where item child_next begins */
    struct doc items;                 /* Map: the array */
    struct doc item;                  /* in an iteration: its item, before ItemSelector */
    uint32_t item_index;              /* of it */
    struct doc input;                 /* the state's raw input; of a DONE child: none */
    struct doc result;                /* of a DONE child: what it gave */
    const struct variable *variables; /* of this scope, sorted by name */
    uint32_t variable_count;
};

/* Frames by number: a table (linear), or where `find` is set, a function over what holds them. */
struct frame_set {
    const struct frame *items;
    size_t count;
    const struct frame *(*find)(const void *arg, uint32_t id); /* NULL: no such frame */
    const void *arg;
};
const struct frame *frame_set_find(const struct frame_set *set, uint32_t id);

/* Can it go on by itself: RUN, or a JOIN with children that may begin now? To be named in an
 * ENGINE_CONTINUE. */
bool frame_is_runnable(const struct frame *f);
bool frame_is_open(const struct frame *f);

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
    uint32_t state; /* number in the machine; ASL_NONE: none */
    struct doc doc; /* input, output or result. Of *Scheduled: the state's raw input, from which
                       the parameters are derived again */
    bool wrapped;   /* TaskSucceeded, TaskSubmitted: doc is the Payload inside lambda:invoke's
                       result */
    const struct variable *variables; /* *Scheduled: those its parameters read; *Exited: one without
                                         a name, whose document has all that was assigned */
    uint32_t variable_count;
    struct doc item; /* *Scheduled whose parameters use the context, in an iteration: its item */
    uint32_t item_index; /* of it */
    uint32_t redrives;   /* *Scheduled that uses the context: redrive count of then */
    uint32_t frame;      /* *Scheduled that hands out a token: what the token is made of */
    uint32_t attempt;
    uint64_t entered_event;
    int64_t entered_ms;   /* *Scheduled: the context's State.EnteredTime */
    uint32_t retry_count; /* *Scheduled: the context's State.RetryCount; *Redriven: redriveCount */
    uint64_t seed;        /* *Scheduled: where the parameters use chance */
    int64_t timeout_s;    /* *Scheduled: 0: none */
    int64_t heartbeat_s;
    struct slice error; /* ptr NULL: absent */
    struct slice cause;
    uint64_t index; /* Map: iteration; length (its place). *Scheduled that uses the context: when
                       the execution had been redriven */
    struct slice worker; /* *Started: ours, not in AWS's rendering */
};

/* ---- Events, commands, steps ---- */

enum engine_event_kind {
    ENGINE_START,           /* header made by the caller: ids, names, input; frame 0 is made here */
    ENGINE_TASK_GRANTED,    /* frame attempt token worker holder */
    ENGINE_TASK_RETURNED,   /* frame token: not begun, handed back: READY again, no retry spent */
    ENGINE_TASK_UPLOAD,     /* frame token output: its upload exists */
    ENGINE_TASK_INTENT,     /* frame token parts result: the decision to complete */
    ENGINE_TASK_SUBMITTED,  /* frame token result: a .sync handler has begun its job, and goes on */
    ENGINE_TASK_SUCCEEDED,  /* frame token result */
    ENGINE_TASK_FAILED,     /* frame token (or READY: token zero) failure */
    ENGINE_TASK_TIMED_OUT,  /* frame token heartbeat */
    ENGINE_UPLOAD_GONE,     /* frame: its upload was aborted: a next attempt may be granted */
    ENGINE_ACTIVITY_TAKEN,  /* frame worker (may be empty): an activity's task was handed out */
    ENGINE_CALL_DONE,       /* frame entered_event attempt; result, or failure; child: .sync's */
    ENGINE_CHILD_ENDED,     /* frame entered_event attempt; result: its description; failed */
    ENGINE_TOKEN_SUCCEEDED, /* frame entered_event attempt result: SendTaskSuccess */
    ENGINE_TOKEN_FAILED,    /* frame entered_event attempt failure: SendTaskFailure */
    ENGINE_TOKEN_HEARTBEAT, /* frame entered_event attempt: SendTaskHeartbeat */
    ENGINE_TIMER,           /* frame: its due_ms has come */
    ENGINE_DEADLINE,        /* the execution's */
    ENGINE_STOP,            /* failure: StopExecution's error and cause, both optional */
    ENGINE_REDRIVE,
    ENGINE_CONTINUE, /* runnable: frames that frame_is_runnable(), in the order they became so */
};

struct engine_event {
    enum engine_event_kind kind;
    int64_t now_ms;
    uint64_t seed; /* START: fresh chance, mixed into the header's */
    uint32_t frame;
    struct token token;
    struct slice worker;
    uint32_t holder;           /* GRANTED */
    struct task_output output; /* UPLOAD: bucket, key, upload_id, mark; INTENT: parts, result */
    struct slice result;       /* any JSON text; checked here */
    struct slice log; /* TASK_SUCCEEDED: the end of the handler's log, where it was asked for */
    struct failure failure;
    bool heartbeat;
    bool failed;            /* CHILD_ENDED: not SUCCEEDED */
    uint64_t redrive_token; /* REDRIVE */
    uint64_t entered_event; /* with attempt: which task of the frame is meant */
    int64_t entered_ms;     /* TOKEN_*: likewise; 0: it is not said */
    uint32_t attempt;
    uint64_t child;
    const uint32_t *runnable;
    size_t runnable_count;
};

enum command_kind {
    COMMAND_SCHEDULE_TASK, /* make it ready: function or activity, payload, .. */
    COMMAND_CANCEL_TASK,   /* its lease and its place in the queue are gone; token is what it had */
    COMMAND_CALL,          /* carry out the operation service:action (payload: its parameters), then
                              ENGINE_CALL_DONE */
    COMMAND_STOP_CHILD,    /* the execution `child` it waits for is to be stopped */
    COMMAND_DROP_FRAMES,   /* frames first .. first + count - 1 and all below them are no more */
    COMMAND_ABORT_UPLOAD, /* output: no grant of this frame until it is done (ENGINE_UPLOAD_GONE) */
    COMMAND_SET_TIMER,    /* frame's due_ms; 0: it has none any more */
    COMMAND_CLOSED,       /* the execution has ended: header.parent, if any, is to be told */
};

struct command {
    enum command_kind kind;
    uint32_t frame;
    struct token token;
    struct task_output output;
    struct slice function;    /* NAME of the function, or the bound handler's */
    struct slice qualifier;   /* of the function; empty: none */
    struct slice activity;    /* NAME of the activity; function is empty */
    struct slice payload;     /* compact JSON */
    struct slice credentials; /* compact JSON; empty: none */
    bool log_tail;            /* lambda:invoke with LogType Tail: the log's end is asked for */
    bool submits;             /* .sync of a bound handler: ENGINE_TASK_SUBMITTED may come */
    struct slice service;     /* CALL */
    struct slice action;
    uint64_t child;
    uint32_t first;
    uint32_t count;
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
    unsigned failed_as;  /* a state's failure ended the execution: enum asl_failure_kind */
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

/* The task of a READY, LEASED, COMMITTING or CALL frame again, from what is kept (after a restart,
 * or for a grant that is sent again): as COMMAND_SCHEDULE_TASK or COMMAND_CALL gave it. `frames`
 * has the frames around it, whose variables it may read. */
enum err_code engine_task(const struct asl_machine *m,
                          const struct execution_header *h,
                          const struct frame_set *frames,
                          const struct frame *f,
                          struct arena *a,
                          struct command *out,
                          struct err *err);

/* ---- Task tokens ---- */

/* What a token names. */
struct task_token {
    uint8_t version;
    uint64_t execution;
    uint32_t frame;
    uint32_t attempt;
    uint64_t entered_event;
    int64_t entered_ms; /* version 1: 0, it does not say */
    uint8_t mac[16];
};
/* The token of a frame's task as clients see it: base64 text, at most 128 bytes. */
struct slice
engine_task_token(const struct execution_header *h, const struct frame *f, struct arena *a);
/* False: malformed. Whether it is genuine: engine_task_token_is(). */
bool engine_task_token_parse(struct slice text, struct task_token *out);
bool engine_task_token_is(const struct execution_header *h, const struct task_token *t);

/* What a frame waits for, in words: "worker for function Stage3", "retry 2 of 3 at ...". */
struct slice engine_waits_for(const struct asl_machine *m, const struct frame *f, struct arena *a);

/* Before the cause of a States.Runtime: where it happened. */
struct slice engine_failure_place(struct slice state, uint64_t entered_event, struct arena *a);

/* Abort the program where an invariant does not hold. `frames` (a table) may be some of them; with
 * `all`, they are all there are. */
void execution_check(const struct execution_header *h, const struct frame_set *frames, bool all);

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
