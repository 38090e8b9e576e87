/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluating the parts of a machine over data: what the engine asks of the language. Pure: chance
 * comes from scope.seed, time from the context object. A `failure` is the workflow's own. */
#ifndef STEPFLEET_ASL_EVAL_H
#define STEPFLEET_ASL_EVAL_H

#include "coordinator/asl/machine.h"

/* The failure of a state: AWS's error name and cause. An unset error or cause is {NULL, 0}; an
 * empty one is set and empty. */
struct failure {
    struct slice error;
    struct slice cause;
};

/* Variables by name; the value lives as long as the evaluation. NULL: there is no such variable. */
struct asl_variables {
    const struct json_node *(*get)(void *arg, struct slice name);
    void *arg;
};

/* What an expression can see. */
struct asl_scope_data {
    const struct json_node *input;         /* "$" */
    const struct json_node *context;       /* "$$"; NULL: none */
    const struct asl_variables *variables; /* "$name"; NULL: none */
    uint64_t *seed;                        /* advanced by every use of chance: MathRandom, UUID */
    struct arena *a; /* results and failures; values may also point into inputs */
    size_t *visits;  /* nodes looked at so far where several paths share a bound; NULL: none yet */
};

/* All: true, or false with *why set. Causes are the part after AWS's "An error occurred while
 * executing the state 'S' (entered at the event id #N). " where the error is States.Runtime: the
 * engine puts that prefix. `field` is the name in messages ("InputPath"). */

/* InputPath, OutputPath: default gives `in` itself, null gives {}. */
bool asl_apply_path(const struct asl_path_field *p,
                    const char *field,
                    const struct asl_scope_data *s,
                    const struct json_node **out,
                    struct failure *why);
/* Parameters, ResultSelector, ItemSelector, Assign. */
bool asl_apply_template(const struct asl_template *t,
                        const struct asl_scope_data *s,
                        const struct json_node **out,
                        struct failure *why);
/* What it looks at beside "$". */
enum asl_uses {
    ASL_USES_CONTEXT = 1,   /* "$$" */
    ASL_USES_VARIABLES = 2, /* "$name" */
    ASL_USES_CHANCE = 4,    /* States.UUID, unseeded MathRandom: it would not give the same again */
    ASL_USES_INPUT = 8,     /* "$", filters that look at the root, and what failures name it for */
};
unsigned asl_template_uses(const struct asl_template *t); /* enum asl_uses; NULL: 0 */
unsigned asl_path_uses(const struct asl_path *p);         /* the same; NULL: 0 */
unsigned asl_string_uses(const struct asl_string *f);
/* ResultPath: `result` put into `raw` at the path; null gives `raw`, default gives `result`. */
bool asl_apply_result_path(const struct asl_path_field *p,
                           const struct json_node *raw,
                           const struct json_node *result,
                           struct arena *a,
                           const struct json_node **out,
                           struct failure *why);
/* *next: the state chosen, *rule: by which rule (rule_count: by the default);
 * a failure where none and no default: States.Runtime, as with AWS. */
bool asl_choose(const struct asl_choice *c,
                const struct asl_scope_data *s,
                uint32_t *next,
                size_t *rule,
                struct failure *why);
/* ItemsPath over the Map's effective input: an array, or a failure in AWS's words. */
bool asl_map_items(const struct asl_map *m,
                   const struct asl_scope_data *s,
                   const struct json_node **out,
                   struct failure *why);
/* MaxConcurrency, MaxConcurrencyPath: 0 where there is no limit. A whole number as a string is one,
 * as with AWS. */
bool asl_map_concurrency(const struct asl_map *m,
                         const struct asl_scope_data *s,
                         int64_t *out,
                         struct failure *why);
/* When a Wait ends, in ms since 1970, counted from now_ms. */
bool asl_wait_until(const struct asl_wait *w,
                    const struct asl_scope_data *s,
                    int64_t now_ms,
                    int64_t *until_ms,
                    struct failure *why);
/* TimeoutSeconds, HeartbeatSeconds: 0 where there is none. */
bool asl_seconds_value(const struct asl_seconds *f,
                       const char *field,
                       const struct asl_scope_data *s,
                       int64_t *seconds,
                       struct failure *why);
/* Error, Cause of Fail: {NULL, 0} where there is none. */
bool asl_string_value(const struct asl_string *f,
                      const char *field,
                      const struct asl_scope_data *s,
                      struct slice *out,
                      struct failure *why);

/* Name of a function as FunctionName gives it: NAME, NAME:alias, ARN, partial ARN. */
struct slice asl_function_name(struct slice given);
/* What stands after the name: a version or alias; empty where nothing does. */
struct slice asl_function_qualifier(struct slice given);
/* The NAME of the Lambda function a Task state calls, as far as the definition says it; empty where
 * a path decides. */
struct slice asl_task_function(const struct asl_state *s);

/* Where a failure came from, beside its name. */
enum asl_failure_kind {
    ASL_FAILED_TASK = 1,      /* States.TaskFailed matches it, unless it is States.Timeout */
    ASL_FAILED_HEARTBEAT = 2, /* a missed heartbeat: States.Timeout and States.HeartbeatTimeout */
    ASL_FAILED_BRANCH = 4,    /* of a Parallel: States.BranchFailed matches it */
};

/* Does one of `errors` match the failure `error`, by AWS's rules for Retry and Catch? States.ALL
 * does not match States.Runtime. `kinds` is of enum asl_failure_kind. */
bool asl_error_matches(const struct slice *errors,
                       size_t count,
                       struct slice error,
                       unsigned kinds);

#endif
