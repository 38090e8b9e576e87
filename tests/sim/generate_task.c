/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks of generated machines, each way to carry one, and what becomes of failures.
 *
 * What the fleet's own troubles give is retried without end, by the first retrier; so is the
 * timeout of a task whose holder may be lost. What is left is the functions' own: those errors may
 * be retried a few times, caught, or end the execution. "Sick" is neither retried nor caught, so
 * that it ends the execution until it is redriven. */
#include "tests/sim/generate.h"

/* A function as its caller sees it. */
struct work {
    const char *name;
    const char *error; /* it may fail with; NULL: never, or without end until it does not */
    bool base;         /* gives a base document */
};

enum carrier { BY_FUNCTION, BY_INVOKE, BY_TOKEN, BY_ACTIVITY };

static const struct work works[] = {
    {"ECHO", NULL, false},
    {"RENEW", NULL, true},
    {"RENEW", NULL, true},
    {"COUNT", NULL, false},
    {"WORD", NULL, false},
    {"LIST", NULL, false},
    {"SLOW", NULL, false},
    {"BOOM", "Boom", false},
    {"PICKY", "Odd", false},
    {"PICKY", "Huge", false},
    {"SICK", "Sick", false},
    {"FLAKY", NULL, false},
    {"HANG", "States.Timeout", false},
    {"BEAT", NULL, false},
    {"LONG", NULL, false},
    {"BULK", "States.DataLimitExceeded", false},
};
static const struct work activities[] = {
    {"approve", NULL, false},
    {"approve", NULL, false},
    {"refuse", "Refused", false},
    {"drowse", "States.Timeout", false},
};

static bool is(const struct work *w, const char *name)
{
    return strcmp(w->name, name) == 0;
}

static bool hangs(const struct work *w)
{
    return w->error != NULL && strcmp(w->error, "States.Timeout") == 0;
}

/* ---- where the result goes ---- */

void gen_result_place(struct generator *g, const struct place *p, bool base)
{
    static const char *const results[] = {"\"$.r\"", "\"$.q\"", "\"$.o.r\"", "\"$.deep.er\"",
                                          "null"};
    static const char *const outputs[] = {"\"$\"", "\"$.r\"", "\"$.n\"", "\"$.o.k\"", "null"};

    if (!place_is_end(p)) {
        if (!base || gen_one_in(g, 2)) {
            gen_putf(g, ",\"ResultPath\":%s", GEN_ANY(g, results));
        }
    } else if (gen_one_in(g, 2)) {
        gen_putf(g, ",\"ResultPath\":\"$.r\",\"OutputPath\":%s", GEN_ANY(g, outputs));
    }
}

/* ---- failures ---- */

static void put_forever(struct generator *g, const char *more)
{
    gen_putf(g,
             "{\"ErrorEquals\":[\"Lambda.ServiceException\",\"Lambda.Unknown\","
             "\"Lambda.AWSLambdaException\",\"Lambda.SdkClientException\","
             "\"Lambda.TooManyRequestsException\",\"Lambda.ResourceNotFoundException\"%s],"
             "\"IntervalSeconds\":1,\"MaxAttempts\":99999999,",
             more);
    gen_put(g, gen_one_in(g, 2) ? "\"BackoffRate\":1}" : "\"MaxDelaySeconds\":5}");
}

/* A name for retriers and catchers that takes `error`, or another. `last`: States.ALL may stand. */
static const char *any_match(struct generator *g, const char *error, bool all)
{
    static const char *const others[] = {"Boom", "Odd", "Other"};

    if (error == NULL || gen_one_in(g, 4)) {
        return GEN_ANY(g, others);
    }
    return all && gen_one_in(g, 2) ? "States.ALL" : error;
}

static void put_retrier(struct generator *g, const char *error)
{
    static const char *const extras[] = {"", ",\"JitterStrategy\":\"FULL\"", ",\"BackoffRate\":1.5",
                                         ",\"MaxDelaySeconds\":3"};

    gen_putf(g, "{\"ErrorEquals\":[\"%s\"],\"MaxAttempts\":%u,\"IntervalSeconds\":1%s}", error,
             gen_below(g, 3), GEN_ANY(g, extras));
}

/* One catcher. `vague`: the cause cannot be told, and so must not go into the data. */
static void put_catcher(struct generator *g, const struct place *p, const char *error, bool vague)
{
    struct scope *s = p->scope;
    unsigned target = gen_one_in(g, 2) ? gen_later(g, s) : LABEL_NONE;
    const char *result = vague || gen_one_in(g, 2) ? "null" : "\"$.err\"";

    if (target == LABEL_NONE) {
        struct aside aside = {.is = gen_below(g, 4), .next = p->next, .error_alone = vague};

        target = gen_aside(g, s, aside);
        result = "\"$\"";
    }
    if (target == LABEL_NONE) {
        return; /* no room for one more state */
    }
    gen_putf(g, ",\"Catch\":[{\"ErrorEquals\":[\"%s\"],\"Next\":\"s%u\"", error, target);
    if (strcmp(result, "\"$\"") != 0 || gen_one_in(g, 2)) {
        gen_putf(g, ",\"ResultPath\":%s", result);
    }
    gen_assign(g, s, "$.Error");
    gen_put(g, "}]");
}

static bool is_sick(const struct work *w)
{
    return w->error != NULL && strcmp(w->error, "Sick") == 0;
}

/* Retry and Catch of one task. `more`: what else is retried without end. */
static void put_task_handlers(struct generator *g,
                              const struct place *p,
                              const struct work *w,
                              const char *more,
                              bool vague)
{
    const char *error = is_sick(w) ? NULL : w->error;
    bool all = !is_sick(w);

    gen_put(g, ",\"Retry\":[");
    put_forever(g, more);
    if (gen_one_in(g, 2)) {
        gen_put(g, ",");
        put_retrier(g, any_match(g, error, false));
    }
    if (all && gen_one_in(g, 3)) {
        gen_put(g, ",");
        put_retrier(g, gen_one_in(g, 2) ? "States.TaskFailed" : "States.ALL");
    }
    gen_put(g, "]");
    if (gen_one_in(g, 2)) {
        put_catcher(g, p, any_match(g, error, all), vague);
    }
    p->scope->sick = p->scope->sick || is_sick(w);
    p->scope->vague = p->scope->vague || vague;
}

void gen_join_handlers(struct generator *g, const struct place *p, const struct scope *inner)
{
    static const char *const errors[] = {"Boom",           "Odd",        "Huge",
                                         "Odd\",\"Boom",   "Refused",    "Bad",
                                         "States.Timeout", "States.ALL", "States.ALL"};
    unsigned count = sizeof(errors) / sizeof(errors[0]) - (inner->sick ? 2 : 0);

    if (gen_one_in(g, 3)) {
        gen_put(g, ",\"Retry\":[");
        put_retrier(g, errors[gen_below(g, count)]);
        gen_put(g, "]");
    }
    if (gen_one_in(g, 2)) {
        put_catcher(g, p, errors[gen_below(g, count)], inner->vague);
    }
    p->scope->sick = p->scope->sick || inner->sick;
    p->scope->vague = p->scope->vague || inner->vague;
}

/* ---- functions and activities ---- */

/* What the function is given: a whole document where it gives little back. */
static void put_event(struct generator *g, const struct place *p, const struct work *w, bool token)
{
    gen_put(g, "{");
    if (token) {
        gen_put(g, "\"token.$\":\"$$.Task.Token\",");
    }
    if (is(w, "SICK")) {
        gen_put(g, "\"redrives.$\":\"$$.Execution.RedriveCount\",");
    }
    if (is(w, "ECHO") || gen_one_in(g, 2)) {
        gen_put(g, "\"input\":");
        gen_template(g, p->scope);
    } else {
        gen_put(g, "\"input.$\":\"$\"");
    }
    gen_put(g, "}");
}

static void
put_resource(struct generator *g, const struct place *p, enum carrier by, const struct work *w)
{
    switch (by) {
    case BY_FUNCTION:
        gen_putf(g, ",\"Resource\":\"arn:aws:lambda:us-east-1:000000000042:function:%s\"", w->name);
        if (!is(w, "SICK") && !is(w, "ECHO") && gen_one_in(g, 3)) {
            gen_put(g, gen_one_in(g, 2) ? "" : ",\"InputPath\":\"$.o\"");
            return;
        }
        gen_put(g, ",\"Parameters\":");
        put_event(g, p, w, false);
        return;
    case BY_INVOKE:
    case BY_TOKEN:
        gen_putf(g,
                 ",\"Resource\":\"arn:aws:states:::lambda:invoke%s\",\"Parameters\":{"
                 "\"FunctionName\":\"%s%s\",\"Payload\":",
                 by == BY_TOKEN ? ".waitForTaskToken" : "",
                 gen_one_in(g, 2) ? "arn:aws:lambda:us-east-1:000000000042:function:" : "",
                 w->name);
        put_event(g, p, w, by == BY_TOKEN);
        gen_put(g, "}");
        return;
    case BY_ACTIVITY:
        gen_putf(g, ",\"Resource\":\"arn:aws:states:us-east-1:000000000042:activity:%s\"", w->name);
        if (gen_one_in(g, 2)) {
            gen_put(g, ",\"Parameters\":");
            put_event(g, p, w, false);
        }
        return;
    }
}

/* What is timed out without need is retried without end: the rest of that retrier's list. */
static const char *put_deadlines(struct generator *g, enum carrier by, const struct work *w)
{
    bool held = by == BY_TOKEN || by == BY_ACTIVITY;

    if (hangs(w)) {
        gen_putf(g, ",\"TimeoutSeconds\":%u", 1 + gen_below(g, g->express ? 2 : 5));
        return "";
    }
    if (held) {
        gen_putf(g, ",\"TimeoutSeconds\":%u", 30 + gen_below(g, 30));
        return is(w, "FLAKY") ? ",\"States.Timeout\",\"Flaky\"" : ",\"States.Timeout\"";
    }
    if (is(w, "BEAT")) {
        gen_putf(g, ",\"HeartbeatSeconds\":%u", 3 + gen_below(g, 3));
        return ",\"States.HeartbeatTimeout\"";
    }
    if (is(w, "FLAKY")) {
        return ",\"Flaky\"";
    }
    if (gen_one_in(g, 5) && !is(w, "LONG")) {
        gen_put(g, ",\"TimeoutSeconds\":120");
        return ",\"States.Timeout\"";
    }
    return "";
}

/* lambda:invoke's result has headers that differ: only what is the same is looked at. */
static void put_invoke_result(struct generator *g, const struct place *p, const struct work *w)
{
    static const char *const selectors[] = {
        "{\"p.$\":\"$.Payload\"}",
        "{\"p.$\":\"$.Payload\",\"c.$\":\"$.StatusCode\"}",
        "{\"v.$\":\"$.ExecutedVersion\",\"in\":{\"p.$\":\"$['Payload']\"}}",
    };

    if ((w->base || place_is_end(p)) && gen_one_in(g, 2)) {
        gen_put(g, ",\"OutputPath\":\"$.Payload\"");
    } else if (gen_one_in(g, 5)) {
        gen_put(g, ",\"ResultPath\":null");
    } else {
        gen_putf(g, ",\"ResultSelector\":%s", GEN_ANY(g, selectors));
        gen_result_place(g, p, false);
    }
    gen_assign(g, p->scope, "$.Payload");
}

static void put_result(struct generator *g, const struct place *p, const struct work *w)
{
    bool selected = gen_one_in(g, 4);

    if (selected) {
        gen_put(g, ",\"ResultSelector\":{\"got.$\":\"$\",\"by.$\":\"$$.State.Name\"}");
    }
    gen_result_place(g, p, w->base && !selected);
    gen_assign(g, p->scope, "$");
}

/* Failures are rarer where they would end all at once than beside others. */
static bool
is_wanted(struct generator *g, const struct place *p, enum carrier by, const struct work *w)
{
    bool inside = p->scope->depth > 0;

    if (is_sick(w)) {
        return !g->express; /* those are not redriven */
    }
    if (is(w, "BEAT")) {
        return by != BY_TOKEN && !(g->express && inside);
    }
    if (is(w, "LONG")) {
        return by != BY_TOKEN && gen_one_in(g, 3);
    }
    if (is(w, "BULK")) {
        return by != BY_TOKEN && gen_one_in(g, 4);
    }
    return w->error == NULL || inside || gen_one_in(g, 2);
}

static const struct work *any_work(struct generator *g, const struct place *p, enum carrier by)
{
    const struct work *w;

    if (by == BY_ACTIVITY) {
        return &GEN_ANY(g, activities);
    }
    do {
        w = &GEN_ANY(g, works);
    } while (!is_wanted(g, p, by, w));
    return w;
}

static void put_work(struct generator *g, const struct place *p)
{
    static const enum carrier carriers[] = {BY_FUNCTION, BY_INVOKE, BY_INVOKE,
                                            BY_INVOKE,   BY_TOKEN,  BY_ACTIVITY};
    enum carrier by = carriers[gen_below(g, g->express ? 4 : 6)];
    const struct work *w = any_work(g, p, by);
    const char *more;

    g->tokens = g->tokens || by == BY_TOKEN || by == BY_ACTIVITY;
    gen_open(g, p, "Task");
    put_resource(g, p, by, w);
    if (by == BY_INVOKE) {
        put_invoke_result(g, p, w);
    } else {
        put_result(g, p, w);
    }
    more = put_deadlines(g, by, w);
    put_task_handlers(g, p, w, more, is(w, "BULK"));
    gen_next(g, p);
    gen_close(g);
}

/* ---- executions that are started ---- */

/* One that starts none itself. */
static const struct model_machine *any_child(struct generator *g, bool waits)
{
    for (unsigned tries = 0; tries < 8 && g->below_count > 0; tries++) {
        const struct model_machine *m = &g->below[gen_below(g, g->below_count)];

        if (!m->children && !(waits && m->express)) {
            return m;
        }
    }
    return NULL;
}

static const char *const starts[] = {"", ".sync", ".sync:2", ".sync:2"};

static void put_start_result(struct generator *g, const struct place *p, const char *pattern)
{
    if (pattern[0] == '\0' || gen_one_in(g, 4)) {
        gen_put(g, ",\"ResultPath\":null");
        return;
    }
    gen_put(g, ",\"ResultSelector\":{\"status.$\":\"$.Status\"");
    if (strcmp(pattern, ".sync:2") == 0) {
        gen_put(g, ",\"out.$\":\"$.Output\",\"n.$\":\"$.Input.n\"");
    }
    gen_put(g, "}");
    gen_result_place(g, p, false);
}

static void
put_started(struct generator *g, const struct place *p, const char *pattern, const char *machine)
{
    gen_open(g, p, "Task");
    gen_putf(g,
             ",\"Resource\":\"arn:aws:states:::states:startExecution%s\",\"Parameters\":{"
             "\"StateMachineArn\":\"arn:aws:states:us-east-1:000000000042:stateMachine:%s\",",
             pattern, machine);
    g->children = true;
}

#define SERVICE_TROUBLES                                                                           \
    ",\"StepFunctions.ServiceUnavailableException\",\"StepFunctions.ThrottlingException\","        \
    "\"StepFunctions.InputOutputErrorException\",\"StepFunctions.NoSpaceException\","              \
    "\"StepFunctions.TimedOutException\",\"StepFunctions.ExecutionLimitExceededException\""

/* False: there is nothing to be started. */
static bool put_start(struct generator *g, const struct place *p)
{
    static const struct work child = {"", "States.TaskFailed", false};
    const char *pattern = starts[gen_below(g, g->express ? 1 : 4)];
    bool waits = pattern[0] != '\0';
    const struct model_machine *m = any_child(g, waits);

    if (m == NULL) {
        return false;
    }
    g->tokens = g->tokens || (waits && m->tokens);
    put_started(g, p, pattern, m->name);
    gen_put(g, "\"Input\":{");
    gen_base_template(g);
    gen_put(g, "}}");
    put_start_result(g, p, pattern);
    gen_assign(g, p->scope, NULL);
    put_task_handlers(g, p, &child, SERVICE_TROUBLES, waits);
    gen_next(g, p);
    gen_close(g);
    return true;
}

/* All such tasks of an execution ask for the same child: the first one starts it, the others wait
 * for it too, or come too late. */
static void put_shared_start(struct generator *g, const struct place *p)
{
    static const struct work child = {"", "States.TaskFailed", false};
    const char *pattern = gen_one_in(g, 2) ? ".sync" : ".sync:2";

    put_started(g, p, pattern, "sleeper");
    gen_put(g, "\"Name.$\":\"States.Format('{}-shared', $$.Execution.Name)\",\"Input\":{\"n\":1}}");
    put_start_result(g, p, pattern);
    put_task_handlers(g, p, &child, SERVICE_TROUBLES, true);
    gen_next(g, p);
    gen_close(g);
}

/* Another execution gets the task's token, and ends the task. */
static void put_relay(struct generator *g, const struct place *p)
{
    static const struct work relays[] = {{"relay", NULL, false}, {"refuser", "Refused", false}};
    const struct work *w = &GEN_ANY(g, relays);

    put_started(g, p, ".waitForTaskToken", w->name);
    gen_put(g, "\"Input\":{\"token.$\":\"$$.Task.Token\",\"out\":");
    gen_template(g, p->scope);
    gen_put(g, "}}");
    put_result(g, p, w);
    gen_putf(g, ",\"TimeoutSeconds\":%u", 30 + gen_below(g, 30));
    put_task_handlers(g, p, w, SERVICE_TROUBLES ",\"States.Timeout\"", false);
    gen_next(g, p);
    gen_close(g);
}

/* False: there is nothing to be started. */
static bool put_any_start(struct generator *g, const struct place *p)
{
    switch (g->express ? 9 : gen_below(g, 10)) {
    case 0: put_shared_start(g, p); return true;
    case 1:
    case 2: put_relay(g, p); return true;
    default: return put_start(g, p);
    }
}

void gen_task(struct generator *g, const struct place *p)
{
    if (!gen_one_in(g, 6) || !put_any_start(g, p)) {
        put_work(g, p);
    }
}

/* ---- stages ---- */

/* Of one that waits for its token nobody reads the output: it may succeed without. */
static void put_stage(struct generator *g, const struct place *p, unsigned previous, bool by_token)
{
    gen_open(g, p, "Task");
    gen_putf(g,
             ",\"Resource\":\"arn:aws:states:::lambda:invoke%s\",\"Parameters\":{\"FunctionName\":"
             "\"STREAM\",\"Payload\":{\"executionId.$\":\"$$.Execution.Name\",\"currentStage\":"
             "\"s%u\",\"workflowBucket\":\"work\",\"initialData.$\":\"$\"",
             by_token ? ".waitForTaskToken" : "", p->label);
    if (by_token) {
        gen_put(g, ",\"token.$\":\"$$.Task.Token\"");
    }
    if (previous != LABEL_NONE) {
        gen_putf(g, ",\"previousStage\":\"s%u\"", previous);
    }
    gen_put(g, "}},\"ResultPath\":null,\"Retry\":[");
    put_forever(g, ",\"S3.S3Exception\",\"S3.NoSuchKeyException\",\"States.TaskFailed\","
                   "\"States.Timeout\"");
    gen_put(g, by_token ? "],\"TimeoutSeconds\":60" : "]");
    gen_next(g, p);
    gen_close(g);
}

void gen_stages(struct generator *g, const struct place *p)
{
    unsigned count = 1 + gen_below(g, 4);
    bool by_token = !g->express && gen_one_in(g, 4);
    unsigned previous = LABEL_NONE;
    struct place at = *p;

    g->tokens = g->tokens || by_token;
    for (unsigned i = 0; i < count; i++) {
        bool last = i + 1 == count || !gen_has_room(g, 1);

        at.next = last ? p->next : g->labels++;
        put_stage(g, &at, previous, by_token && last);
        previous = at.label;
        at.label = at.next;
        if (last) {
            return;
        }
    }
}
