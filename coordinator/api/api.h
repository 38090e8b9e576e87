/* SPDX-License-Identifier: Apache-2.0 */
/* The operations: what clients and workers can ask of a coordinator, once, for every face. A face
 * (nng RPC; later AWS's HTTP protocols and the console) turns its bytes into a `call` with a
 * request message, and the reply message or error back into bytes. Requests and replies are the
 * messages of stepfleet.proto, taken as plain structs.
 *
 *   OPEN ---reply or failure formed---> ANSWERED ---durable---> sent (the face's send())
 *     |  ^
 *     |  '--- PARKED: a poll, a wait, a synchronous run; until news, a deadline, or its client is
 * gone
 *     '-----> READING: on another thread, over the store
 *
 * All calls are on the writer's thread but for what reading.h runs on the loop's pool. Tasks ask
 * for operations too (states:startExecution, aws-sdk:sfn:*): task_call.c is their face. */
#ifndef STEPFLEET_API_API_H
#define STEPFLEET_API_API_H

#include "client/s3/presign.h"
#include "coordinator/access/access.h"
#include "coordinator/ledger/ledger.h"
#include "proto/wire.h"

struct api;
struct backup_run;
struct backup_origin;
struct disk;

/* One request until it is answered. The face embeds it and owns its memory. */
struct call {
    struct api *api;
    const struct caller *who;        /* as long as the call; NULL: a task */
    unsigned method;                 /* enum rpc */
    const ProtobufCMessage *request; /* lives for the turn it came in */
    /* Form the reply's bytes now (message and err live for the turn only); they leave when `wait`
     * is durable. Exactly one of the two, once. */
    void (*reply)(struct call *c, const ProtobufCMessage *message);
    void (*fail)(struct call *c, enum err_code code, const struct err *err);
    struct ledger_wait wait; /* the face's */
    /* The operation's, while it is parked: */
    struct heap_node deadline;
    void (*expired)(struct call *c);
    void (*gone)(struct call *c); /* its client is gone: forget it, and fail it */
    struct list link;
    uint64_t execution; /* waits for its news */
    uint64_t seen;
    struct fleet_worker *worker;   /* whose poll it is */
    struct held_report *held;      /* a report whose outputs are being committed */
    struct activity_poll *poll;    /* for an activity's task */
    struct message_poll *messages; /* for messages of a queue */
    struct state_test *test;       /* of a state whose task is carried out */
    /* A task asks, not a client; else NULL. */
    const struct ledger_call *task;
    /* One of AWS's own clients, over HTTP: it holds no context while it waits, and AWS's rules are
     * kept where ours are wider. */
    bool aws;
    uint64_t started; /* out: the execution that the task started */
    bool bare;        /* its answer leaves definitions, inputs and outputs out */
};

struct api_hooks {
    void *arg;
    struct access *access; /* tokens in force; NULL: whoever asks may do all */
    /* Run `work` on another thread, then `done` on the writer's, within a turn. */
    void (*background)(void *arg, void (*work)(void *task), void (*done)(void *task), void *task);
    const char *objects_root; /* told to clients, so that they can fetch outputs; NULL: none */
    const char *objects_endpoint;
    const char *objects_region;
    const char *region;
    const struct disk *disk;            /* what it is on; NULL: nobody asks, and it has room */
    const char *backups;                /* directory of them; NULL: none are made */
    const struct backup_origin *origin; /* of the database; NULL: nobody asks */
    struct presigner *presigner; /* for workers that have no keys; NULL: the store is no server */
    unsigned presigned_s;        /* a URL is good for so long */
};

struct api {
    struct ledger *ledger;
    struct api_hooks hooks;
    struct heap deadlines; /* of parked calls, mono */
    struct hash waits;     /* by execution: struct wait_queue */
    size_t waiting;        /* calls in them that hold a context */
    size_t polling;        /* calls that wait for tasks of activities, likewise */
    struct list called;    /* struct task_call: to be carried out */
    struct list answered;  /* struct task_call: to be told to the ledger */
    struct list reports;   /* struct held_report: to be answered at the end of the turn */
    int64_t started_mono_ms;
    size_t reading;            /* background reads under way */
    struct backup_run *backup; /* the one being made, or made last; NULL: none */
    bool stopping;             /* nothing is parked any more */
};

void api_init(struct api *a, struct ledger *l, const struct api_hooks *hooks);
/* All parked calls fail with ERR_UNAVAILABLE. */
void api_stop(struct api *a);
void api_fini(struct api *a);

/* Carry out a call, within a turn. */
void api_dispatch(struct api *a, struct call *c);
/* Parked calls whose time is over, and operations that tasks asked for; at the end of a turn. */
void api_turn(struct api *a);
int64_t api_wait_ms(const struct api *a); /* as ledger_wait_ms */

/* The ledger's hooks that concern parked calls. */
void api_worker_mail(struct api *a, struct fleet_worker *w);
void api_worker_gone(struct api *a, struct fleet_worker *w);
void api_moved(struct api *a, uint64_t execution);
void api_activity_ready(struct api *a, struct ledger_activity *activity);
void api_queue_ready(struct api *a, struct ledger_queue *q);
/* The ledger's hook that asks for an operation: done in a later turn. */
void api_call(struct api *a, struct ledger_call *c);
/* And the one that says nobody waits for it any more. */
void api_call_gone(struct api *a, struct ledger_call *c);
/* Their parts of api_turn(). */
void task_calls_turn(struct api *a);
void reports_turn(struct api *a);
bool task_calls_wait(const struct api *a); /* another turn is needed at once */
/* Those not done: the ledger has them again at its next start. */
void task_calls_forget(struct api *a);
/* The backup being made ends soon, unfinished. */
void backup_stop(struct api *a);
/* None is being made. */
void backup_forget(struct api *a);

/* ---- for the operations ---- */

void call_park(struct call *c,
               int64_t for_ms,
               void (*expired)(struct call *c),
               void (*gone)(struct call *c));
void call_unpark(struct call *c);
void call_fail(struct call *c, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Replies with nothing, or fails. */
void reply_empty(struct call *c, enum err_code rc, const struct err *err);

/* One row of rpc.def each; api.c has the table. */
#define RPC(method, number, request, reply, repeat) void operation_##method(struct call *c);
#include "proto/rpc.def"
#undef RPC

/* ---- ARNs ---- */

enum arn_kind { ARN_MACHINE, ARN_EXECUTION, ARN_EXPRESS, ARN_ACTIVITY };
struct arn {
    enum arn_kind kind;
    struct slice machine; /* name; of an activity: its own */
    struct slice name;    /* of the execution; Express: NAME:UUID; of a machine: version, alias */
};
/* ERR_INVALID_ARN in AWS's words. A region or account that is not this coordinator's:
 * ERR_NOT_FOUND. */
enum err_code
arn_parse(const struct ledger_config *c, struct slice text, struct arn *out, struct err *err);
/* The machine an ARN or a bare name means. */
enum err_code
find_machine(struct api *a, const char *text, struct ledger_machine **out, struct err *err);
/* Says so: ERR_MACHINE_DELETING. */
enum err_code machine_deleting(const struct ledger_machine *m, struct err *err);
/* As find_machine(), or one of its versions or aliases. */
struct qualified {
    struct ledger_machine *machine;
    const struct version *version; /* NULL: none is named */
    const struct alias *alias;     /* likewise */
};
enum err_code
find_qualified(struct api *a, const char *text, struct qualified *out, struct err *err);
/* The activity an ARN or a bare name means; ERR_ACTIVITY_DOES_NOT_EXIST. */
enum err_code
find_activity(struct api *a, const char *text, struct ledger_activity **out, struct err *err);
/* Its id, wherever it is; *machine may be NULL. */
enum err_code find_execution(struct api *a,
                             const char *arn,
                             uint64_t *id,
                             struct ledger_machine **machine,
                             struct err *err);

/* Everything about an execution in memory, for a reply in this turn. */
void describe_view(struct api *a, const struct ledger_view *v, Stepfleet__ExecutionDetail *out);
/* From header and frames, in `a`: for describe_view and for reads off the store. */
void describe_header(const struct execution_header *h,
                     struct arena *a,
                     Stepfleet__ExecutionDetail *out);
/* By which version and alias it was started. */
void describe_version_arns(struct slice machine_arn,
                           uint32_t version,
                           struct slice alias,
                           struct arena *a,
                           Stepfleet__ExecutionDetail *d);
void describe_frame(const struct asl_machine *m,
                    const struct frame *f,
                    struct arena *a,
                    Stepfleet__Frame *out);
/* AWS's includedData: sets c->bare. ERR_VALIDATION. */
enum err_code data_asked(struct call *c, const char *included, struct err *err);
/* Reply with an execution, without its documents where they were not asked for. */
void reply_execution(struct call *c, Stepfleet__ExecutionDetail *d);
/* The same with one that is on disk, read on another thread. */
void describe_stored(struct call *c, uint64_t execution);
/* The same where it has ended or has more than `seen` events; else wait for news of it. */
void describe_stored_or_wait(struct call *c, uint64_t execution, uint64_t seen, int64_t timeout_ms);
/* May it have one more version? ERR_QUOTA. */
enum err_code version_room(const struct ledger_machine *m, struct err *err);
/* Of a version or an alias; `member` is AWS's name of it. ERR_VALIDATION. */
enum err_code check_description(struct slice text, const char *member, struct err *err);
/* The current revision under a number; what it has already is answered again. */
enum err_code version_publish(struct api *api,
                              struct ledger_machine *m,
                              struct slice description,
                              const struct version **out,
                              struct err *err);
char *version_arn(struct arena *a, const struct ledger_machine *m, uint32_t version);
/* What AWS calls a revision; "" for one that was never updated. */
char *revision_id(struct api *api, const struct ledger_machine *m, uint32_t revision);
/* Added to those there are. */
enum err_code tags_put(struct api *api,
                       enum tag_kind kind,
                       struct slice name,
                       Stepfleet__Tag *const *tags,
                       size_t count,
                       struct err *err);
void tags_remove(struct api *api,
                 enum tag_kind kind,
                 struct slice name,
                 char *const *keys,
                 size_t count);
void tags_print(struct api *api,
                enum tag_kind kind,
                struct slice name,
                Stepfleet__TagListReply *out);
/* maxResults with its default; false: the call has failed. */
bool page_size(struct call *c, uint32_t asked, uint32_t *max);
/* How definitions are read here. */
struct asl_options definition_options(const struct api *a, bool express);
/* "", "STANDARD" or "EXPRESS"; false: anything else, and the call has failed. */
bool machine_type(struct call *c, const char *type, bool *express);
/* A definition of at most LIMIT_DEFINITION_BYTES; false: refused, as AWS refuses a longer one. */
bool definition_fits(struct call *c, ProtobufCBinaryData definition);
/* Most bytes of an input, output or result. */
size_t payload_bytes(const struct api *a);
/* Calls that wait hold a face's contexts: some are left for workers, whose reports end the waits.
 * Those of tasks and over HTTP hold none; the latter have a bound of their own. */
bool call_can_wait(const struct call *c);
static inline bool call_holds_context(const struct call *c)
{
    return c->task == NULL && !c->aws;
}
/* Wait for news of an execution. */
void wait_for(struct call *c, uint64_t execution, uint64_t seen, int64_t timeout_ms);
/* For the end of a synchronous run. */
void wait_for_end(struct call *c, uint64_t execution);
/* The run of c->test has ended: answer. */
void state_test_ended(struct call *c);
/* Nobody wants its answer; NULL is fine. */
void state_test_free(struct state_test *t);

#endif
