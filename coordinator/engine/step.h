/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's inside: one turn is one call of engine_step().
 *
 * A turn works on copies: the header in `out`, frames in `slots`, and appends to the arrays of
 * `out` past the counts it found. So giving up is setting the counts back, and done is writing the
 * frames over their older versions (turn_commit). Handlers never return errors of ours: they set
 * `rc` by turn_break(), or `missing` by asking for a frame that is not at hand, and carry on with
 * harmless values; the dispatcher looks at the end.
 *
 * Frames that can go on stand in a queue (turn_queue); flow_run() takes them in turn, so that no
 * depth of branches in branches is a depth of calls.
 *
 * A state kind is a row of asl/kind.def and a file state_<word>.c with its state_<word>:
 *   enter   the state's Entered event is recorded and counters are fresh: work, or begin to wait
 *   resume  the frame's timer has come, or a redrive begins the state's work again */
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

/* A frame's working copy, and where its older version stands in out->frames. */
struct turn_slot {
    struct frame *frame; /* its own allocation: pointers stay good */
    size_t at;           /* SIZE_MAX: nowhere */
};

enum { TURN_PARSED = 8 }; /* texts whose parse is remembered in a turn */

struct turn {
    const struct asl_machine *m;
    const struct frame_set *given; /* frames as the caller knows them */
    const struct engine_event *ev;
    struct arena *a;
    struct step *out;
    struct execution_header *h; /* &out->header */
    struct err *err;
    enum err_code rc;     /* not OK: the turn is broken, nothing of it will stay */
    bool missing;         /* a frame it needs is not at hand: out->need_frame */
    unsigned transitions; /* states entered, children begun in this turn */
    size_t first_command; /* of this turn */
    bool cut;             /* bounded: STEP_CONTINUE */
    bool full;            /* the history has no room left but for the last event */
    struct turn_slot *slots;
    size_t slot_count;
    size_t slot_cap;
    uint32_t *table; /* frame number -> slot + 1, open addressing */
    size_t table_size;
    uint32_t *queue; /* frames that may go on */
    size_t queue_next;
    size_t queue_count;
    size_t queue_cap;
    struct {
        struct slice text;
        const struct json_node *node;
    } parsed[TURN_PARSED]; /* the last ones: output of one state, input of the next */
    unsigned parsed_next;
    struct reads *reads; /* variables that are read are noted there; NULL: they are not */
};

/* ---- turn.c: the working set ---- */

/* A problem of ours: the turn will be undone. The first one stays. */
void turn_break(struct turn *t, enum err_code code, const char *what);
/* Broken, out of room, or in need of a frame: nothing more is worth doing. */
bool turn_is_over(const struct turn *t);

/* The working copy of a frame, which is then changed; NULL where it is not at hand. */
struct frame *turn_frame(struct turn *t, uint32_t id);
/* The same only to look at. */
const struct frame *turn_peek(struct turn *t, uint32_t id);
/* A fresh frame, running. */
struct frame *turn_new_frame(struct turn *t, uint32_t id);
void turn_commit(struct turn *t);
/* It may go on: in this turn, or by ENGINE_CONTINUE. */
void turn_queue(struct turn *t, const struct frame *f);

extern const struct sm_state frame_states[];
void frame_move(struct frame *f, enum frame_status to);
/* Token, worker, times of the lease: gone. */
void frame_drop_lease(struct frame *f);
/* Due times: gone, and the shell's timer with them. */
void frame_drop_timer(struct turn *t, struct frame *f);
/* It ends without having come to its end: its task, child, upload and timer go. */
void frame_end(struct turn *t, struct frame *f);

/* Record one history event after the frame's last. Never NULL: where the history is full, a scratch
 * event that nobody keeps. */
struct history_event *turn_record(struct turn *t, struct frame *f, enum history_type type);
/* The same as a leaf: after `previous`, and nothing will follow it. */
struct history_event *
turn_record_leaf(struct turn *t, uint64_t previous, enum history_type type, uint32_t state);
/* The last event of an execution: always has room. */
struct history_event *turn_record_end(struct turn *t, uint64_t previous, enum history_type type);

struct command *turn_command(struct turn *t, enum command_kind kind, const struct frame *f);
/* An attempt ended otherwise than by success: what it uploads must go. */
void turn_abort_upload(struct turn *t, const struct frame *f);

/* AWS's quotas, or what the coordinator's configuration says instead. */
size_t rules_payload_bytes(const struct execution_header *h);
uint64_t rules_history_events(const struct execution_header *h);

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
/* Text given as JSON: as it is where it is compact. False: it is not JSON. */
bool value_read(struct turn *t, struct slice text, struct value *out);
/* Keep it (unless it is kept, or equal to `known` or to a document of this record). */
struct doc value_keep(struct turn *t, struct value *v, const struct doc *known);
/* Is its text longer than AWS allows, or nested deeper than it could be read back? */
bool value_too_large(struct turn *t, struct value *v);

/* ---- variable.c ---- */

/* Variables read while it stands in turn.reads, for those who must read them again later. */
struct reads {
    struct variable *items; /* sorted by name */
    size_t count;
    size_t cap;
};
/* What a state of this frame sees: its own scope's variables and those of the scopes around it. */
const struct asl_variables *variables_of(struct turn *t, const struct frame *f);
/* Evaluates an Assign template (NULL: none) with `seen` as "$"; *out is the object of what it sets,
 * node NULL where there is nothing. */
bool variables_evaluate(struct turn *t,
                        const struct frame *f,
                        const struct asl_template *assign,
                        struct value *seen,
                        struct value *out,
                        struct failure *why);
/* Sets them, in the frame and on its state's Exited event. */
void variables_assign(struct turn *t, struct frame *f, struct value *set, struct history_event *e);
/* The frame has failed and keeps its variables for a redrive: until then they do not count. */
void variables_suspend(struct turn *t, const struct frame *f);
void variables_resume(struct turn *t, const struct frame *f);
/* The frame's scope has ended. */
void variables_drop(struct turn *t, struct frame *f);

/* ---- context.c ---- */

/* What expressions of the frame's state see. `uses` (enum asl_uses) says what they look at: what
 * they do not is not made. `seed` is where their chance comes from. */
struct asl_scope_data turn_scope(struct turn *t,
                                 const struct frame *f,
                                 unsigned uses,
                                 struct value *input,
                                 uint64_t *seed);
const struct json_node *context_build(const struct execution_header *h,
                                      const struct asl_state *state,
                                      const struct frame *f,
                                      const struct json_node *execution_input,
                                      const struct json_node *item,
                                      struct arena *a);

/* One execution's chance is fixed at its start; each use draws from it under its own name, so that
 * reading history again gives the same. */
enum chance {
    CHANCE_PARAMETERS = 1,
    CHANCE_OUTPUT,
    CHANCE_JITTER,
    CHANCE_REQUEST,
    CHANCE_TRACE,
    CHANCE_ASSIGN,
    CHANCE_NAME,
    CHANCE_SPAN,
};
uint64_t chance_seed(const struct execution_header *h, enum chance use, uint64_t event, uint32_t n);

/* ---- flow.c: from state to state ---- */

struct engine_kind {
    void (*enter)(struct turn *t, struct frame *f);
    void (*resume)(struct turn *t, struct frame *f); /* NULL: it never waits */
    enum history_type entered;
    enum history_type exited;  /* 0: it has none */
    enum history_type failed;  /* 0: it has none; for those with children */
    enum history_type aborted; /* left open when its scope is stopped; 0: it has none */
};
#define ASL_KIND(kind, name, word) extern const struct engine_kind state_##word;
#include "coordinator/asl/kind.def"
#undef ASL_KIND

const struct asl_state *frame_state(const struct turn *t, const struct frame *f);
const struct engine_kind *engine_kind_of(const struct turn *t, const struct frame *f);

/* Let the frames in the queue go on until all wait or have ended, or the turn has done enough. */
void flow_run(struct turn *t);

/* How a state ends well. */
struct outcome {
    struct value output;
    struct value assigned; /* node NULL: nothing */
};
/* OutputPath over `placed`, the limit, and Assign with `seen` as "$". */
bool flow_outcome(struct turn *t,
                  struct frame *f,
                  struct value *placed,
                  const struct asl_template *assign,
                  struct value *seen,
                  struct outcome *out,
                  struct failure *why);
/* Leave the state for `next`, or end its scope (ASL_NONE). */
void flow_exit(struct turn *t, struct frame *f, struct outcome *out, uint32_t next);
/* Both: the state's own Assign, out to `next`. */
void flow_finish(struct turn *t,
                 struct frame *f,
                 struct value *placed,
                 struct value *seen,
                 uint32_t next);
/* InputPath, OutputPath: the value itself where the path is absent. */
bool flow_path(struct turn *t,
               const struct frame *f,
               const struct asl_path_field *p,
               const char *field,
               struct value *in,
               struct value *out,
               struct failure *why);
/* A payload template over `in`. */
bool flow_template(struct turn *t,
                   const struct frame *f,
                   const struct asl_template *template,
                   uint64_t seed,
                   struct value *in,
                   struct value *out,
                   struct failure *why);
/* ResultPath: the result put into the state's raw input. */
bool flow_result_path(struct turn *t,
                      const struct frame *f,
                      struct value *result,
                      struct value *out,
                      struct failure *why);
/* ResultSelector and ResultPath. */
bool flow_result(struct turn *t,
                 const struct frame *f,
                 struct value *result,
                 struct value *out,
                 struct failure *why);
/* InputPath of the state's input. False: the state has failed and that is dealt with. */
bool flow_input(struct turn *t, struct frame *f, struct value *out);
/* The state has failed: retry, catch, or end its scope. `kinds`: enum asl_failure_kind. */
void flow_failed(struct turn *t, struct frame *f, struct failure why, unsigned kinds);
/* Evaluation failed: puts AWS's prefix to States.Runtime, then as above. */
void flow_evaluation_failed(struct turn *t, struct frame *f, struct failure why);
/* The cause of a States.Runtime, behind AWS's words of where it happened. */
struct failure flow_placed(struct turn *t, const struct frame *f, struct failure why);
struct failure flow_runtime(struct slice cause);
struct failure flow_too_large(struct turn *t, struct slice what);
bool failure_is_runtime(struct failure why);
/* Within AWS's lengths, and text that JSON can hold. */
struct failure failure_cut(struct turn *t, struct failure why);

/* ---- join.c: states with scopes inside ---- */

/* The frame becomes the parent of `count` children. False: there are too many, *why says so. */
bool join_begin(struct turn *t,
                struct frame *f,
                size_t count,
                uint32_t concurrency,
                struct failure *why);
/* Child number child_next, not begun yet: running in `scope`, to be given its input by the caller.
 */
struct frame *join_child(struct turn *t, struct frame *parent, uint32_t scope);
/* Begin one more child, for which there is room. */
void join_spawn(struct turn *t, struct frame *f);
/* All children that there will be have ended well, or there are none. */
void join_finish(struct turn *t, struct frame *f);
/* A frame whose scope ended, well or not; it has a parent. */
void join_child_done(struct turn *t, struct frame *f, struct value *output);
void join_child_failed(struct turn *t, struct frame *f, struct failure why, unsigned kinds);
/* The state has failed: children that are open are stopped. */
void join_stop(struct turn *t, struct frame *f);
/* The state is left: its children are no more. */
void join_drop(struct turn *t, struct frame *f);
/* Open frames below, and the frame itself: ended. */
void join_end_tree(struct turn *t, struct frame *f);
/* After a redrive: failed children run again. */
void join_revive(struct turn *t, struct frame *f, uint64_t redriven);

/* ---- retry.c ---- */

enum { FAILED_BY_TOKEN = 8 }; /* beside enum asl_failure_kind: what is absent is null */

/* True: a retrier took it and the frame waits for its timer. */
bool retry_take(struct turn *t, struct frame *f, struct failure why, unsigned kinds);
enum catch_outcome {
    CATCH_NONE,   /* no catcher names the error */
    CATCH_TAKEN,  /* the frame is about to enter the catcher's state */
    CATCH_FAILED, /* the catcher itself failed, of *why now; no other is asked */
};
enum catch_outcome catch_take(struct turn *t, struct frame *f, struct failure *why, unsigned kinds);
/* Backoff of the nth retry (from 1), before jitter. */
int64_t retry_delay_ms(const struct asl_retrier *r, uint32_t n);

/* ---- close.c: the execution as a whole ---- */

enum step_status close_start(struct turn *t);
/* The top frame ended well. */
void close_succeeded(struct turn *t, struct frame *f, struct value *output);
/* A frame failed, and the execution with it. */
void close_failed(struct turn *t, struct frame *f, struct failure why);
/* The history is full: the execution fails of that. */
void close_full(struct turn *t);
enum step_status close_stop(struct turn *t);
enum step_status close_deadline(struct turn *t);
enum step_status close_redrive(struct turn *t);
/* Go on where the frame failed. */
void close_revive(struct turn *t, struct frame *f, uint64_t redriven);

struct task_call;

/* ---- state_map.c ---- */

/* Its next item begins; the frame has room for one more. */
void map_spawn(struct turn *t, struct frame *f);

/* ---- task_event.c: what happens to a task that is out ---- */

enum step_status task_event(struct turn *t);
/* The timer of a task that waits for its token or its child. */
enum step_status task_due(struct turn *t, struct frame *f);
/* The coordinator is to carry the call out. */
void task_call_out(struct turn *t, struct frame *f, struct task_call *call);

/* ---- task_result.c: how a task ends ---- */

/* The attempt gave a result: the state goes on, or fails over it. */
void task_take_result(struct turn *t, struct frame *f, struct slice text);
/* lambda:invoke that nobody waits for, or that is only tried: an answer without a payload. */
void task_take_empty(struct turn *t, struct frame *f, int status);
/* The call was made and answered: its answer is in history, the task goes on. False: the answer is
 * none, and the attempt has failed over it. */
bool task_record_submitted(struct turn *t, struct frame *f, struct slice text);
/* The attempt is over without success: history, upload, then retry, catch or the end. */
void task_fail(struct turn *t, struct frame *f, struct failure why, unsigned kinds);
void task_time_out(struct turn *t, struct frame *f, bool heartbeat);
void task_record_started(struct turn *t, struct frame *f);
void task_record_timeout(struct turn *t, struct frame *f);

/* ---- task.c: what a task is given, and what its result looks like ---- */

/* How a kind of resource appears in history. */
struct task_history {
    enum history_type scheduled;
    enum history_type started;
    enum history_type succeeded;
    enum history_type failed;
    enum history_type timed_out;
};
extern const struct task_history task_histories[];

enum invocation { INVOKE_AND_WAIT, INVOKE_EVENT, INVOKE_DRY_RUN };

struct task_call {
    struct value effective;  /* after InputPath: what TimeoutSecondsPath looks into */
    struct value parameters; /* what history shows */
    struct slice function;
    struct slice qualifier;
    struct value payload;     /* what the function is given */
    struct value credentials; /* node NULL: none */
    struct failure refused;   /* error set: the service would refuse the call at once */
    enum invocation invocation;
    bool log_tail;
};

/* Parameters, function and payload from the raw input. `seed` as of the schedule. */
bool task_call(struct turn *t,
               const struct frame *f,
               uint64_t seed,
               struct value *input,
               struct task_call *out,
               struct failure *why);
/* What the command to schedule it says. */
void task_command(struct turn *t, const struct frame *f, struct task_call *call, struct command *c);
/* Is it lambda:invoke, whose result is wrapped? */
bool task_is_invoke(const struct asl_task *task);
bool task_hands_out_token(const struct asl_task *task);
/* lambda:invoke's result around a payload; `event` is the id of its TaskSucceeded. */
const struct json_node *task_wrap(const struct execution_header *h,
                                  uint64_t event,
                                  int64_t time_ms,
                                  const struct json_node *payload,
                                  size_t payload_bytes,
                                  struct arena *a);
/* The same of an invocation nobody waits for (status 202) or that is only tried (204). */
const struct json_node *task_wrap_empty(const struct execution_header *h,
                                        uint64_t event,
                                        int64_t time_ms,
                                        int status,
                                        struct arena *a);
/* The name in "The state/task '%s' returned a result with a size ..." */
struct slice task_resource_name(const struct asl_task *task);

#endif
