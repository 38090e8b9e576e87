/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter's parts, for the files that are it: interpret.c (an execution: scopes, states,
 * failures), interpret_join.c (Parallel and Map), interpret_task.c (what tasks come to),
 * interpret_path.c (paths, templates, intrinsic functions), interpret_choice.c (rules).
 *
 * It takes what generate.c writes, and ends the program at anything else. What differs from run to
 * run (names, tokens, dates, headers) is one value, `unknown`: it may be looked up and thrown away,
 * and ends the program where it would decide or go out. */
#ifndef STEPFLEET_TESTS_SIM_INTERPRET_H
#define STEPFLEET_TESTS_SIM_INTERPRET_H

#include "tests/sim/model.h"

enum { CHOICES = 64 };

/* One way through all that may happen: at each point where several things may come first, which. */
struct interpreter {
    const struct model_run *run;
    struct arena *a;
    unsigned choices[CHOICES];
    unsigned counts[CHOICES]; /* of how many */
    unsigned at;
    unsigned made; /* choices that are fixed: a way that was gone already, but for the last */
    uint64_t work; /* states entered on all ways so far */
    bool lost;     /* too much to tell */
};

/* One execution: that which is asked for, or a child's. */
struct execution_run {
    struct interpreter *in;
    const struct json_node *input;
    uint32_t redrives;
};

struct set_variable {
    struct slice name;
    const struct json_node *value;
    const struct set_variable *older;
};

struct scope_run {
    struct execution_run *x;
    const struct scope_run *outer;
    const struct set_variable *variables; /* the youngest first */
    const struct json_node *item;         /* of the Map around; NULL: none */
    int64_t index;
};

/* What an expression of a state sees. */
struct view {
    const struct scope_run *scope;
    struct slice state;
    const struct json_node *input; /* "$" */
    struct arena *a;
    unsigned tries; /* of the state, before this one */
};

enum failure_kind { OF_TASK = 1, OF_BRANCH = 2 };

/* What a state, attempt or scope comes to. */
struct verdict {
    bool failed;
    const struct json_node *output;
    struct slice error; /* ptr NULL: absent */
    struct slice cause;
    bool any_cause;
    unsigned kinds;
};

/* Not what the generator writes. */
_Noreturn void model_die(const char *what, struct slice at);

static inline const struct json_node *model_member(const struct json_node *v, const char *name)
{
    return json_member(v, slice_str(name));
}

/* ---- interpret.c ---- */

/* One of `count` things comes first. */
unsigned model_choose(struct interpreter *in, unsigned count);
/* One more state is entered. False: that is more than one execution is worth. */
bool model_works(struct interpreter *in);
/* On to the next way. False: all are gone. */
bool model_next_way(struct interpreter *in);
/* Both absent, or equal. */
bool model_same_text(struct slice x, struct slice y);
struct verdict model_runtime(void); /* States.Runtime: nothing takes it */
struct verdict model_failed(const char *error, struct slice cause, unsigned kinds);
struct verdict model_gives(const struct json_node *output);
/* The whole machine. */
struct verdict model_execute(struct execution_run *x, const struct json_node *definition);

/* From a scope's first state to its end: of the machine, a branch, an iteration. */
struct verdict
model_scope(struct scope_run *s, const struct json_node *definition, const struct json_node *input);

/* ---- interpret_join.c ---- */

/* Over the state's effective input: the array of results, or the failure that is first. */
struct verdict model_parallel(const struct view *v, const struct json_node *state);
struct verdict model_map(const struct view *v, const struct json_node *state);

/* ---- interpret_task.c ---- */

/* One attempt, over the state's effective input: what the state sees as its result. */
struct verdict model_attempt(const struct view *v, const struct json_node *state);

/* ---- interpret_path.c ---- */

const struct json_node *model_unknown(struct arena *a);
/* Does it hold the unknown? */
bool model_is_unknown(struct slice text);
/* False: it finds nothing. */
bool model_path(const struct view *v, struct slice path, const struct json_node **out);
/* A path or an intrinsic function. */
bool model_value(const struct view *v, struct slice text, const struct json_node **out);
bool model_template(const struct view *v,
                    const struct json_node *template,
                    const struct json_node **out);
/* `result` in the place of `raw` that the path names: "$.a.b". */
const struct json_node *model_put(const struct json_node *raw,
                                  struct slice path,
                                  const struct json_node *result,
                                  struct arena *a);

/* ---- interpret_choice.c ---- */

/* False: it looks at what is not there. */
bool model_rule(const struct view *v, const struct json_node *rule, bool *yes);

#endif
