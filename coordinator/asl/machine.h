/* SPDX-License-Identifier: Apache-2.0 */
/* What a checked definition is: an immutable machine. All of it lives in one arena that the machine
 * owns; states are numbered in the order of the text across all scopes, and that number (with the
 * machine's revision) is what frames and history records keep. Room for the whole language is here:
 * parts the parser does not accept yet are refused by name at creation.
 * Source: Amazon States Language; AWS behaviour as recorded by its own service. */
#ifndef STEPFLEET_ASL_MACHINE_H
#define STEPFLEET_ASL_MACHINE_H

#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/base/json.h"
#include "proto/base/slice.h"

#define ASL_NONE UINT32_MAX /* no state, no scope */

enum asl_query_language { ASL_JSONPATH, ASL_JSONATA };

enum asl_kind {
#define ASL_KIND(kind, name, word) ASL_##kind,
#include "coordinator/asl/kind.def"
#undef ASL_KIND
};

struct asl_path;      /* a compiled JSONPath with its root ($, $$, $name): jsonpath.h */
struct asl_template;  /* a compiled payload template: template.h */
struct asl_rule;      /* a compiled choice rule: choice.h */
struct asl_intrinsic; /* a compiled intrinsic call: intrinsic.h */

/* A path field: absent means "$"; null means "{}" (InputPath, OutputPath) or "discard"
 * (ResultPath). */
struct asl_path_field {
    enum { ASL_PATH_DEFAULT, ASL_PATH_NULL, ASL_PATH_SET } is;
    const struct asl_path *path; /* ASL_PATH_SET */
    struct slice text;           /* as written, for messages */
};

/* A number of seconds: absent, literal, or read from the input by a path. */
struct asl_seconds {
    enum { ASL_SECONDS_NONE, ASL_SECONDS_LITERAL, ASL_SECONDS_PATH } is;
    int64_t seconds;
    const struct asl_path *path;
    struct slice text;
};

/* A string: absent, literal, a path, or an intrinsic call (Fail's ErrorPath, CausePath). */
struct asl_string {
    enum { ASL_STRING_NONE, ASL_STRING_LITERAL, ASL_STRING_PATH, ASL_STRING_INTRINSIC } is;
    struct slice literal;
    const struct asl_path *path;
    const struct asl_intrinsic *intrinsic;
    struct slice text; /* as written, for messages */
};

struct asl_retrier {
    const struct slice *errors;
    size_t error_count;
    int64_t interval_s;   /* default 1 */
    int64_t max_attempts; /* default 3; 0: never */
    double backoff_rate;  /* default 2.0 */
    int64_t max_delay_s;  /* 0: none */
    bool jitter_full;
};

/* Which variables a machine's Assign fields may set is checked where they are parsed. */
struct asl_catcher {
    const struct slice *errors;
    size_t error_count;
    uint32_t next;
    struct asl_path_field result_path;
    const struct asl_template *assign; /* NULL: none */
};

/* What a Task's Resource names: this decides which events its history has. */
enum asl_resource_kind {
    ASL_RESOURCE_LAMBDA,      /* arn:..:lambda:..:function:NAME: the effective input is the event */
    ASL_RESOURCE_INTEGRATION, /* arn:..:states:::SERVICE:ACTION */
    ASL_RESOURCE_ACTIVITY,    /* arn:..:states:REGION:ACCOUNT:activity:NAME */
};

/* Who does the work. */
enum asl_carrier {
    ASL_BY_FUNCTION, /* a worker that offers the Lambda function; lambda:invoke is wrapped */
    ASL_BY_HANDLER,  /* a worker that offers the handler bound to the integration */
    ASL_BY_CALL,     /* the coordinator's own operations: states:startExecution, aws-sdk:sfn:* */
    ASL_BY_ACTIVITY, /* whoever asks for the activity's tasks */
};

enum asl_pattern { ASL_REQUEST_RESPONSE, ASL_SYNC, ASL_SYNC2, ASL_WAIT_FOR_TASK_TOKEN };

struct asl_task {
    enum asl_resource_kind resource_kind;
    enum asl_carrier carrier;
    enum asl_pattern pattern;
    struct slice resource;  /* as written: the ARN */
    struct slice service;   /* "lambda" of arn:aws:states:::lambda:invoke: history's resourceType */
    struct slice action;    /* "invoke", ".sync" and the like included: history's resource */
    struct slice function;  /* the Lambda function's NAME alone, or the bound handler's; empty where
                               Parameters decide later */
    struct slice qualifier; /* after the function's name in the ARN; empty: none */
    struct slice activity;  /* NAME of the activity's ARN */
    struct slice region;    /* of the ARN, empty where it has none */
    const char *const *allowed; /* parameters it may have, ending in NULL; NULL: any */
    struct asl_seconds timeout;
    struct asl_seconds heartbeat;
    const struct asl_template *credentials; /* NULL: none */
};

struct asl_choice {
    const struct asl_rule *const *rules;
    const uint32_t *rule_next;                     /* state of rule i */
    const struct asl_template *const *rule_assign; /* of rule i; each may be NULL */
    size_t rule_count;
    unsigned uses;         /* enum asl_uses of all rules' paths */
    uint32_t default_next; /* ASL_NONE: none */
};

struct asl_wait {
    enum {
        ASL_WAIT_SECONDS,
        ASL_WAIT_SECONDS_PATH,
        ASL_WAIT_TIMESTAMP,
        ASL_WAIT_TIMESTAMP_PATH
    } is;
    int64_t seconds;
    int64_t timestamp_ms;
    const struct asl_path *path;
    struct slice text; /* the path or timestamp as written */
};

struct asl_fail {
    struct asl_string error;
    struct asl_string cause;
};

struct asl_parallel {
    const uint32_t *branches; /* scopes */
    size_t branch_count;
};

/* A distributed Map is parsed and checked whole, and refused as not supported yet. */
struct asl_map {
    uint32_t processor; /* scope */
    bool distributed;
    struct asl_path_field items_path;
    const struct asl_template *item_selector;
    struct asl_seconds max_concurrency; /* a count, not seconds: same three forms */
};

struct asl_state {
    struct slice name;
    enum asl_kind kind;
    enum asl_query_language query_language;
    uint32_t scope; /* the scope it stands in */
    uint32_t next;  /* ASL_NONE where terminal, or where the kind has none */
    bool end;
    struct asl_path_field input_path;
    struct asl_path_field output_path;
    struct asl_path_field result_path;
    const struct asl_template *parameters;      /* NULL: none */
    const struct asl_template *result_selector; /* NULL: none */
    const struct asl_template *assign;          /* NULL: none */
    const struct json_node *result;             /* Pass: NULL: none */
    const struct asl_retrier *retriers;
    size_t retrier_count;
    const struct asl_catcher *catchers;
    size_t catcher_count;
    union {
        struct asl_task task;
        struct asl_choice choice;
        struct asl_wait wait;
        struct asl_fail fail;
        struct asl_parallel parallel;
        struct asl_map map;
    };
};

struct asl_scope {
    uint32_t start_at;
    uint32_t owner; /* the Parallel or Map state it belongs to; ASL_NONE at the top */
};

struct asl_machine {
    const struct asl_state *states;
    uint32_t state_count;
    const struct asl_scope *scopes; /* scope 0 is the top level */
    uint32_t scope_count;
    int64_t timeout_seconds; /* 0: none */
    enum asl_query_language query_language;
    struct slice definition; /* the text, as given */
    struct arena arena;
};

enum asl_severity { ASL_ERROR, ASL_WARNING };

/* One thing found wrong: AWS's code, text and JSON pointer. */
struct asl_diagnostic {
    enum asl_severity severity;
    const char *code; /* "SCHEMA_VALIDATION_FAILED" */
    struct slice message;
    struct slice location; /* "/States/Stage1/Next" */
};

struct asl_diagnostics {
    struct asl_diagnostic *items;
    size_t count;
    size_t cap;
};

enum { ASL_DIAGNOSTICS_MAX = 100 };

/* How definitions are read. */
struct asl_options {
    bool express; /* a type EXPRESS machine: .sync, .waitForTaskToken, activities are refused */
    bool lint;    /* only to be checked: what AWS takes and this does not run yet is no error */
    bool stored;  /* was accepted before: an integration bound no more goes to a handler of the name
                     "SERVICE:ACTION" */
    /* The worker's handler bound to an integration ("elasticmapreduce", "addStep", the pattern left
     * away); false: none is. A binding goes before the coordinator's own. NULL: no bindings. */
    bool (*bound)(const void *arg,
                  struct slice service,
                  struct slice action,
                  struct slice *handler); /* lives as long as the parse */
    const void *arg;
};

/**
 * Parse and check a definition, all problems at once.
 *
 * @param text     copied
 * @param options  borrowed for the call; NULL: a Standard machine, no bindings
 * @param a        holds the diagnostics' texts
 * @param found    appended to; warnings may stand beside success
 * @param[out] out to be freed with asl_machine_free
 * @return OK; ERR_INVALID_DEFINITION with AWS's message
 *         "Invalid State Machine Definition: 'CODE: text at /pointer, ...'"; ERR_TOO_LARGE
 */
enum err_code asl_machine_parse(struct slice text,
                                const struct asl_options *options,
                                struct arena *a,
                                struct asl_diagnostics *found,
                                struct asl_machine **out,
                                struct err *err);
void asl_machine_free(struct asl_machine *m);

const char *asl_kind_name(enum asl_kind kind); /* "Task" */

#endif
