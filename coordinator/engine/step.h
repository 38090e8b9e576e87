/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's inside: one turn is one call of engine_step().
 *
 * A turn works on copies: the header in `out`, frames in `frames`, and appends to the arrays of
 * `out` past the counts it found. So giving up is setting the counts back (turn_undo), and done is
 * writing the frames over their older versions (turn_commit). Handlers never return errors of ours:
 * they set `rc` by turn_break() and carry on with harmless values; the dispatcher looks at the end.
 *
 * A state kind is a row of engine_kinds and a file state_<kind>.c with
 *   enter   the state's Entered event is recorded and counters are fresh: do its work or begin to
 * wait resume  the frame's timer has come */
#ifndef STEPFLEET_ENGINE_STEP_H
#define STEPFLEET_ENGINE_STEP_H

#include "coordinator/engine/engine.h"
#include "proto/base/limits.h"
#include "proto/base/sm.h"

/* A document of which text, node or both are at hand; each is made from the other when asked for.
 */
struct value {
    struct doc doc; /* ref 0: not kept; text.ptr NULL: not printed yet (or not loaded) */
    const struct json_node *node; /* NULL: not parsed yet */
};

struct turn {
    const struct asl_machine *m;
    const struct frame_set *given; /* frames as the caller knows them */
    const struct engine_event *ev;
    struct arena *a;
    struct step *out;
    struct execution_header *h; /* &out->header */
    struct err *err;
    enum err_code rc;      /* not OK: the turn is broken, nothing of it will stay */
    unsigned transitions;  /* states entered in this turn */
    size_t first_command;  /* of this turn */
    bool cut;              /* bounded: STEP_CONTINUE */
    bool full;             /* the history has no room left but for the last event */
    struct frame **frames; /* working copies, each its own allocation: pointers stay good */
    size_t frame_count;
    size_t frame_cap;
    struct slice parsed_text;       /* the text parsed or printed last, */
    const struct json_node *parsed; /* and its value: output of one state, input of the next */
    const struct json_node *context_input; /* Execution.Input, parsed once a turn */
};

/* ---- turn.c: the working set ---- */

/* A problem of ours: the turn will be undone. The first one stays. */
void turn_break(struct turn *t, enum err_code code, const char *what);

/* The working copy of a frame; NULL where it is not among those known (out->need_frame is set). */
struct frame *turn_frame(struct turn *t, uint32_t id);
/* A fresh frame with the next id, running. */
struct frame *turn_new_frame(struct turn *t);
void turn_commit(struct turn *t);

extern const struct sm_state frame_states[];
void frame_move(struct frame *f, enum frame_status to);
bool frame_is_open(const struct frame *f);
/* Token, worker, times of the lease: gone. */
void frame_drop_lease(struct frame *f);

/* Record one history event after the frame's last; f NULL: previous is 0. Never NULL: where the
 * history is full, a scratch event that nobody keeps. */
struct history_event *turn_record(struct turn *t, struct frame *f, enum history_type type);
/* The last event of an execution: always has room. */
struct history_event *turn_record_end(struct turn *t, uint64_t previous, enum history_type type);

struct command *turn_command(struct turn *t, enum command_kind kind, const struct frame *f);
/* An attempt ended otherwise than by success: what it uploads must go. */
void turn_abort_upload(struct turn *t, const struct frame *f);

/* ---- document.c ---- */

enum {
    TURN_DOCS_MAX = 255,   /* documents of one record: DOC_SLOT has eight bits */
    TURN_DOCS_MARGIN = 16, /* most that one engine event keeps before the next state is entered */
};

struct value value_of_doc(struct doc d);
struct value value_of_node(const struct json_node *n);
struct value value_of_text(struct slice compact);
const struct json_node *value_node(struct turn *t, struct value *v);
struct slice value_text(struct turn *t, struct value *v);
/* Keep it (unless it is kept, or equal to `known` or to a document of this record). */
struct doc value_keep(struct turn *t, struct value *v, const struct doc *known);
/* Is its text longer than AWS allows, or nested deeper than it could be read back? */
bool value_too_large(struct turn *t, struct value *v);

/* ---- context.c ---- */

/* What expressions of the frame's state see. `seed` is where their chance comes from. */
struct asl_scope_data
turn_scope(struct turn *t, const struct frame *f, const struct json_node *input, uint64_t *seed);
/* The same for one path: without the context object, which is dear, where the path cannot reach it.
 */
struct asl_scope_data turn_path_scope(struct turn *t,
                                      const struct frame *f,
                                      const struct asl_path *path,
                                      const struct json_node *input,
                                      uint64_t *seed);
const struct json_node *context_build(const struct execution_header *h,
                                      const struct asl_state *state,
                                      const struct frame *f,
                                      const struct json_node *execution_input,
                                      struct arena *a);

/* One execution's chance is fixed at its start; each use draws from it under its own name, so that
 * reading history again gives the same. */
enum chance { CHANCE_PARAMETERS = 1, CHANCE_OUTPUT, CHANCE_JITTER, CHANCE_REQUEST, CHANCE_TRACE };
uint64_t chance_seed(const struct execution_header *h, enum chance use, uint64_t event, uint32_t n);

/* ---- flow.c: from state to state ---- */

struct engine_kind {
    void (*enter)(struct turn *t, struct frame *f);
    void (*resume)(struct turn *t, struct frame *f);
    enum history_type entered;
    enum history_type exited; /* 0: it has none */
};
extern const struct engine_kind engine_kinds[];
enum { ENGINE_KINDS = ASL_MAP + 1 };

const struct asl_state *frame_state(const struct turn *t, const struct frame *f);

/* Enter states until the frame waits, ends, or the turn has done enough. */
void flow_run(struct turn *t, struct frame *f);
/* Leave the state for `next`, or end its scope (ASL_NONE). */
void flow_exit(struct turn *t, struct frame *f, struct value *output, uint32_t next);
/* InputPath, OutputPath: the value itself where the path is absent. */
bool flow_path(struct turn *t,
               const struct frame *f,
               const struct asl_path_field *p,
               const char *field,
               struct value *in,
               struct value *out,
               struct failure *why);
/* ResultPath: the result put into the state's raw input. */
bool flow_result_path(struct turn *t,
                      const struct frame *f,
                      struct value *result,
                      struct value *out,
                      struct failure *why);
/* InputPath of the state's input. False: the state has failed and that is dealt with. */
bool flow_input(struct turn *t, struct frame *f, struct value *out);
/* OutputPath, the limit, and out to `next`. */
void flow_finish(struct turn *t, struct frame *f, struct value *output, uint32_t next);
/* The state has failed: retry, catch, or end the execution. `task`: a task's own failure. */
void flow_failed(struct turn *t, struct frame *f, struct failure why, bool task, bool heartbeat);
/* Evaluation failed: puts AWS's prefix to States.Runtime, then as above. */
void flow_evaluation_failed(struct turn *t, struct frame *f, struct failure why);
struct failure flow_too_large(struct turn *t, struct slice what);
bool failure_is_runtime(struct failure why);
/* Within AWS's lengths, and text that JSON can hold. */
struct failure failure_cut(struct turn *t, struct failure why);

/* ---- retry.c ---- */

/* True: a retrier took it and the frame waits for its timer. */
bool retry_take(struct turn *t, struct frame *f, struct failure why, bool task, bool heartbeat);
/* True: a catcher took it and the frame is about to enter the catcher's state, or failed over it.
 */
bool catch_take(struct turn *t, struct frame *f, struct failure why, bool task, bool heartbeat);
/* Backoff of the nth retry (from 1), before jitter. */
int64_t retry_delay_ms(const struct asl_retrier *r, uint32_t n);

/* ---- close.c: the execution as a whole ---- */

enum step_status close_start(struct turn *t);
/* End the execution, without an event. */
void close_with(struct turn *t, enum execution_status status, struct failure why);
/* The top frame ended well. */
void close_succeeded(struct turn *t, struct frame *f, struct value *output);
void close_failed(struct turn *t, struct frame *f, struct failure why);
/* The history is full: the execution fails of that. */
void close_full(struct turn *t, struct frame *f);
enum step_status close_stop(struct turn *t);
enum step_status close_deadline(struct turn *t);
enum step_status close_redrive(struct turn *t);

/* ---- state_*.c ---- */

void state_task_enter(struct turn *t, struct frame *f);
void state_task_resume(struct turn *t, struct frame *f);
void state_pass_enter(struct turn *t, struct frame *f);
void state_choice_enter(struct turn *t, struct frame *f);
void state_wait_enter(struct turn *t, struct frame *f);
void state_wait_resume(struct turn *t, struct frame *f);
void state_succeed_enter(struct turn *t, struct frame *f);
void state_fail_enter(struct turn *t, struct frame *f);

/* ---- task_event.c: what happens to a task that is out ---- */

enum step_status task_event(struct turn *t);

/* ---- task.c: what a task is given, and what its result is ---- */

/* How a kind of resource appears in history. */
struct task_history {
    enum history_type scheduled;
    enum history_type started;
    enum history_type succeeded;
    enum history_type failed;
    enum history_type timed_out;
};
extern const struct task_history task_histories[];

struct task_call {
    struct value effective;  /* after InputPath: what TimeoutSecondsPath looks into */
    struct value parameters; /* what history shows */
    struct slice function;
    struct value payload;   /* what the function is given */
    struct failure refused; /* error set: the service would refuse the call at once */
};

/* Parameters, function and payload from the raw input. `seed` as of the schedule. */
bool task_call(struct turn *t,
               const struct frame *f,
               uint64_t seed,
               struct value *input,
               struct task_call *out,
               struct failure *why);
/* lambda:invoke's result around a payload; `event` is the id of its TaskSucceeded. */
const struct json_node *task_wrap(const struct execution_header *h,
                                  uint64_t event,
                                  int64_t time_ms,
                                  const struct json_node *payload,
                                  size_t payload_bytes,
                                  struct arena *a);
/* The name in "The state/task '%s' returned a result with a size ..." */
struct slice task_resource_name(const struct asl_task *task);

#endif
