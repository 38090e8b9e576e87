/* SPDX-License-Identifier: Apache-2.0 */
/* An execution from its definition and input alone: each state in its turn, a Parallel's branches
 * and a Map's items one after the other. Time does not count. Where several of them fail, any may
 * be the first: every way through is gone once, by counting up the choices. Source: Amazon States
 * Language. */
#include "tests/sim/interpret.h"

#include <stdio.h>
#include <stdlib.h>

enum { WAYS = 200, STEPS = 2000, RETRIERS = 32, WORK = 20000 };

_Noreturn void model_die(const char *what, struct slice at)
{
    (void)fprintf(stderr, "the model knows nothing of %s: %.*s\n", what, SLICE_FMT(at));
    abort();
}

/* ---- verdicts ---- */

struct verdict model_gives(const struct json_node *output)
{
    return (struct verdict){.output = output};
}

struct verdict model_failed(const char *error, struct slice cause, unsigned kinds)
{
    return (struct verdict){
        .failed = true, .error = slice_str(error), .cause = cause, .kinds = kinds};
}

struct verdict model_runtime(void)
{
    struct verdict x = model_failed("States.Runtime", (struct slice){NULL, 0}, 0);

    x.any_cause = true;
    return x;
}

static bool is_runtime(const struct verdict *x)
{
    return x->failed && slice_eq_str(x->error, "States.Runtime");
}

bool model_same_text(struct slice x, struct slice y)
{
    return (x.ptr == NULL) == (y.ptr == NULL) && slice_eq(x, y);
}

/* ---- choices ---- */

unsigned model_choose(struct interpreter *in, unsigned count)
{
    if (count == 1) {
        return 0;
    }
    if (in->at == CHOICES) {
        in->lost = true;
        return 0;
    }
    if (in->at == in->made) {
        in->choices[in->made++] = 0;
    }
    in->counts[in->at] = count;
    return in->choices[in->at++];
}

/* Counted, not timed: the same execution is too much on every machine. */
bool model_works(struct interpreter *in)
{
    in->lost = in->lost || ++in->work > WORK;
    return !in->lost;
}

/* On to the next way. False: all are gone. */
bool model_next_way(struct interpreter *in)
{
    in->made = in->at;
    while (in->made > 0 && in->choices[in->made - 1] + 1 == in->counts[in->made - 1]) {
        in->made--;
    }
    in->at = 0;
    if (in->made == 0) {
        return false;
    }
    in->choices[in->made - 1]++;
    return true;
}

/* ---- data ---- */

/* InputPath, OutputPath. False: there is nothing. */
static bool path_field(const struct view *v,
                       const struct json_node *state,
                       const char *field,
                       const struct json_node **out)
{
    const struct json_node *path = model_member(state, field);
    struct json_builder none = json_build_object(v->a);

    *out = v->input;
    if (json_is(path, JSON_NULL)) {
        *out = json_built(&none);
    }
    return !json_is(path, JSON_STRING) || model_path(v, json_text(path), out);
}

static const struct json_node *result_path(const struct json_node *state,
                                           const struct json_node *raw,
                                           const struct json_node *result,
                                           struct arena *a)
{
    const struct json_node *path = model_member(state, "ResultPath");

    if (path == NULL) {
        return result;
    }
    return json_is(path, JSON_NULL) ? raw : model_put(raw, json_text(path), result, a);
}

static void set_variables(struct scope_run *s, const struct json_node *set, struct arena *a)
{
    for (const struct json_node *e = json_first(set); e != NULL; e = json_next(set, e)) {
        struct set_variable *x = ARENA_NEW(a, struct set_variable);

        *x = (struct set_variable){json_key(set, e), e, s->variables};
        s->variables = x;
    }
}

/* What is assigned, over `v`. */
static bool
assigned(const struct view *v, const struct json_node *owner, const struct json_node **out)
{
    const struct json_node *assign = model_member(owner, "Assign");

    *out = NULL;
    return assign == NULL || model_template(v, assign, out);
}

/* The end of a state that went well: OutputPath over `placed`; Assign, of the state or of a rule,
 * over what it gave. */
static struct verdict finish(struct scope_run *s,
                             const struct view *seen,
                             const struct json_node *state,
                             const struct json_node *placed,
                             const struct json_node *assigns)
{
    struct view v = *seen;
    const struct json_node *output;
    const struct json_node *set;

    v.input = placed;
    if (!path_field(&v, state, "OutputPath", &output) || !assigned(seen, assigns, &set)) {
        return model_runtime();
    }
    set_variables(s, set, v.a);
    return model_gives(output);
}

/* ResultSelector, ResultPath and that. */
static struct verdict take_result(struct scope_run *s,
                                  const struct view *at,
                                  const struct json_node *state,
                                  const struct json_node *raw,
                                  const struct json_node *result)
{
    const struct json_node *selector = model_member(state, "ResultSelector");
    const struct json_node *selected = result;
    struct view v = *at;

    v.input = result;
    if (selector != NULL && !model_template(&v, selector, &selected)) {
        return model_runtime();
    }
    return finish(s, &v, state, result_path(state, raw, selected, v.a), state);
}

/* ---- failures ---- */

static bool matches(const struct json_node *errors, const struct verdict *x)
{
    for (const struct json_node *e = json_first(errors); e != NULL; e = json_next(errors, e)) {
        struct slice name = json_text(e);

        if (slice_eq(name, x->error) || slice_eq_str(name, "States.ALL") ||
            (slice_eq_str(name, "States.TaskFailed") && (x->kinds & OF_TASK) != 0 &&
             !slice_eq_str(x->error, "States.Timeout")) ||
            (slice_eq_str(name, "States.BranchFailed") && (x->kinds & OF_BRANCH) != 0)) {
            return true;
        }
    }
    return false;
}

/* The first retrier that names the failure decides. */
static bool
retries(const struct json_node *state, const struct verdict *x, unsigned spent[RETRIERS])
{
    const struct json_node *all = model_member(state, "Retry");
    size_t i = 0;

    for (const struct json_node *r = json_first(all); r != NULL; r = json_next(all, r), i++) {
        int64_t most = 3;

        if (matches(model_member(r, "ErrorEquals"), x)) {
            (void)json_i64(model_member(r, "MaxAttempts"), &most);
            return spent[i]++ < most;
        }
    }
    return false;
}

static const struct json_node *error_output(const struct verdict *x, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    json_put(&b, SLICE("Error"), json_string(a, x->error));
    json_put(&b, SLICE("Cause"), x->any_cause ? model_unknown(a) : json_string(a, x->cause));
    return json_built(&b);
}

/* The first catcher that names the failure has it; else the scope fails of it. */
static struct verdict caught(struct scope_run *s,
                             const struct view *at,
                             const struct json_node *state,
                             const struct json_node *raw,
                             struct verdict x,
                             struct slice *next)
{
    const struct json_node *all = model_member(state, "Catch");
    const struct json_node *set;
    struct view v = *at;

    for (const struct json_node *c = json_first(all); c != NULL; c = json_next(all, c)) {
        if (matches(model_member(c, "ErrorEquals"), &x)) {
            v.input = error_output(&x, v.a);
            if (!assigned(&v, c, &set)) {
                return model_runtime();
            }
            set_variables(s, set, v.a);
            *next = json_text(model_member(c, "Next"));
            return model_gives(result_path(c, raw, v.input, v.a));
        }
    }
    return x;
}

/* A state that can fail and be tried again: Task, Parallel, Map. */
static struct verdict tried(struct scope_run *s,
                            const struct view *at,
                            const struct json_node *state,
                            struct slice type,
                            struct slice *next)
{
    unsigned spent[RETRIERS] = {0};
    struct view v = *at;
    struct verdict x;

    for (; v.tries < STEPS && model_works(s->x->in); v.tries++) {
        if (!path_field(at, state, "InputPath", &v.input)) {
            return model_runtime();
        }
        if (slice_eq_str(type, "Task")) {
            x = model_attempt(&v, state);
        } else {
            x = slice_eq_str(type, "Map") ? model_map(&v, state) : model_parallel(&v, state);
        }
        if (!x.failed) {
            return take_result(s, &v, state, at->input, x.output);
        }
        if (is_runtime(&x)) {
            return x;
        }
        if (!retries(state, &x, spent)) {
            return caught(s, &v, state, at->input, x, next);
        }
    }
    if (s->x->in->lost) {
        return model_runtime();
    }
    model_die("a state that is tried without end", at->state);
}

/* ---- states ---- */

static struct verdict pass(struct scope_run *s, const struct view *v, const struct json_node *state)
{
    const struct json_node *template = model_member(state, "Parameters");
    const struct json_node *given = model_member(state, "Result");
    struct view seen = *v;

    if (!path_field(v, state, "InputPath", &seen.input) ||
        (template != NULL && !model_template(&seen, template, &seen.input))) {
        return model_runtime();
    }
    seen.input = given != NULL ? given : seen.input;
    return finish(s, &seen, state, result_path(state, v->input, seen.input, v->a), state);
}

/* Wait and Succeed: the input, by its paths. */
static struct verdict
lets_through(struct scope_run *s, const struct view *v, const struct json_node *state)
{
    const struct json_node *path = model_member(state, "SecondsPath");
    const struct json_node *seconds;
    struct view seen = *v;

    if (!path_field(v, state, "InputPath", &seen.input) ||
        (path != NULL && !model_path(&seen, json_text(path), &seconds))) {
        return model_runtime();
    }
    return finish(s, &seen, state, seen.input, state);
}

static struct verdict
choice(struct scope_run *s, const struct view *v, const struct json_node *state, struct slice *next)
{
    const struct json_node *rules = model_member(state, "Choices");
    struct view seen = *v;
    bool yes = false;

    if (!path_field(v, state, "InputPath", &seen.input)) {
        return model_runtime();
    }
    for (const struct json_node *r = json_first(rules); r != NULL; r = json_next(rules, r)) {
        if (!model_rule(&seen, r, &yes)) {
            return model_runtime();
        }
        if (yes) {
            *next = json_text(model_member(r, "Next"));
            return finish(s, &seen, state, seen.input, r);
        }
    }
    *next = json_text(model_member(state, "Default"));
    return finish(s, &seen, state, seen.input, state);
}

/* Error or Cause, as it stands or by path. False: the path gives no text. */
static bool text_field(const struct view *v,
                       const struct json_node *state,
                       const char *field,
                       const char *path_field_name,
                       struct slice *out)
{
    const struct json_node *given = model_member(state, field);
    const struct json_node *path = model_member(state, path_field_name);

    *out = (struct slice){NULL, 0};
    if (path != NULL && !model_value(v, json_text(path), &given)) {
        return false;
    }
    if (given != NULL) {
        *out = json_text(given);
    }
    return given == NULL || json_is(given, JSON_STRING);
}

static struct verdict fail(const struct view *v, const struct json_node *state)
{
    struct verdict x = {.failed = true};

    return text_field(v, state, "Error", "ErrorPath", &x.error) &&
                   text_field(v, state, "Cause", "CausePath", &x.cause)
               ? x
               : model_runtime();
}

static struct verdict run_state(struct scope_run *s,
                                const struct view *v,
                                const struct json_node *state,
                                struct slice *next)
{
    struct slice type = json_text(model_member(state, "Type"));

    *next = json_text(model_member(state, "Next"));
    if (slice_eq_str(type, "Pass")) {
        return pass(s, v, state);
    }
    if (slice_eq_str(type, "Wait") || slice_eq_str(type, "Succeed")) {
        return lets_through(s, v, state);
    }
    if (slice_eq_str(type, "Choice")) {
        return choice(s, v, state, next);
    }
    if (slice_eq_str(type, "Fail")) {
        return fail(v, state);
    }
    if (slice_eq_str(type, "Task") || slice_eq_str(type, "Parallel") || slice_eq_str(type, "Map")) {
        return tried(s, v, state, type, next);
    }
    model_die("a kind of state", type);
}

struct verdict
model_scope(struct scope_run *s, const struct json_node *definition, const struct json_node *input)
{
    const struct json_node *states = model_member(definition, "States");
    struct slice name = json_text(model_member(definition, "StartAt"));
    struct verdict x = model_gives(input);

    for (unsigned steps = 0; steps < STEPS; steps++) {
        struct view v = {s, name, x.output, s->x->in->a, 0};

        if (!model_works(s->x->in)) {
            return model_runtime(); /* nobody asks any more what it comes to */
        }
        x = run_state(s, &v, json_member(states, v.state), &name);
        if (x.failed || name.len == 0) {
            return x;
        }
    }
    model_die("a scope that does not end", name);
}

struct verdict model_execute(struct execution_run *x, const struct json_node *definition)
{
    struct scope_run s = {.x = x};

    return model_scope(&s, definition, x->input);
}

/* ---- outcomes ---- */

static struct model_outcome outcome_of(const struct verdict *x, struct arena *a)
{
    struct model_outcome o = {.failed = x->failed};

    if (!x->failed) {
        o.output = json_print(x->output, a);
    } else {
        o.error = x->error;
        o.cause = x->cause;
        o.any_cause = x->any_cause || model_is_unknown(x->cause);
    }
    if (model_is_unknown(o.output) || model_is_unknown(o.error)) {
        model_die("an end that differs from run to run", o.failed ? o.error : o.output);
    }
    return o;
}

static bool same_outcome(const struct model_outcome *x, const struct model_outcome *y)
{
    return x->failed == y->failed && slice_eq(x->output, y->output) &&
           model_same_text(x->error, y->error) && x->any_cause == y->any_cause &&
           (x->any_cause || model_same_text(x->cause, y->cause));
}

/* False: there are too many. */
static bool add(struct model_outcome out[MODEL_OUTCOMES], size_t *count, struct model_outcome o)
{
    for (size_t i = 0; i < *count; i++) {
        if (same_outcome(&out[i], &o)) {
            return true;
        }
    }
    if (*count == MODEL_OUTCOMES) {
        return false;
    }
    out[(*count)++] = o;
    return true;
}

size_t
model_run(const struct model_run *r, struct arena *a, struct model_outcome out[MODEL_OUTCOMES])
{
    struct interpreter in = {.run = r, .a = a};
    const struct json_node *definition;
    const struct json_node *input;
    size_t count = 0;

    if (json_parse(r->definition, a, &definition, NULL) != OK ||
        json_parse(r->input, a, &input, NULL) != OK) {
        model_die("what is no JSON", r->definition);
    }
    for (unsigned ways = 0; ways < WAYS; ways++) {
        struct execution_run x = {&in, input, r->redrives};
        struct verdict end = model_execute(&x, definition);

        if (in.lost || !add(out, &count, outcome_of(&end, a))) {
            return 0;
        }
        if (!model_next_way(&in)) {
            return count;
        }
    }
    return 0;
}
