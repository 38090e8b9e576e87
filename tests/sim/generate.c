/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: scopes as sequences of states that go on forward only, but for loops that count. All of
 * them can be created, and end by themselves where their tasks are answered. */
#include "tests/sim/generate.h"

#include <assert.h>
#include <stdio.h>

bool gen_has_room(const struct generator *g, unsigned states)
{
    return g->labels + g->promised + states <= MODEL_STATES;
}

void gen_open(struct generator *g, const struct place *p, const char *type)
{
    gen_putf(g, "%s\"s%u\":{\"Type\":\"%s\"", p->scope->written++ == 0 ? "" : ",", p->label, type);
}

void gen_close(struct generator *g)
{
    gen_put(g, "}");
}

void gen_next(struct generator *g, const struct place *p)
{
    if (place_is_end(p)) {
        gen_put(g, ",\"End\":true");
    } else {
        gen_putf(g, ",\"Next\":\"s%u\"", p->next);
    }
}

unsigned gen_aside(struct generator *g, struct scope *s, struct aside aside)
{
    if (s->aside_count == ASIDES || !gen_has_room(g, 1)) {
        return LABEL_NONE;
    }
    aside.label = g->labels++;
    s->asides[s->aside_count++] = aside;
    return aside.label;
}

unsigned gen_later(struct generator *g, const struct scope *s)
{
    unsigned after = s->count - s->at - 1;

    return after == 0 ? LABEL_NONE : s->first + s->at + 1 + gen_below(g, after);
}

static void put_scope(struct generator *g, struct scope *s, bool base);

/* ---- states beside the sequence ---- */

/* What a catcher or a rule leads to: a base document again, or an end. */
static void put_mend(struct generator *g, const struct place *p, const struct aside *x)
{
    gen_open(g, p, "Pass");
    gen_put(g,
            ",\"Parameters\":{\"n\":6,\"s\":\"mended\",\"b\":false,\"w\":1,\"t\":"
            "\"2026-02-02T00:00:00Z\",\"items\":[6],\"o\":{\"k\":\"m\",\"z\":null,\"list\":[]},");
    gen_putf(g, "\"why.$\":\"%s\"}", x->error_alone ? "$.Error" : "$");
    gen_next(g, p);
    gen_close(g);
}

static void put_aside(struct generator *g, struct scope *s, const struct aside *x)
{
    struct place p = {s, x->label, x->next};

    switch (x->is) {
    case ASIDE_MEND: put_mend(g, &p, x); return;
    case ASIDE_FAIL:
        gen_open(g, &p, "Fail");
        gen_put(g, ",\"ErrorPath\":\"States.Format('Bad')\",\"CausePath\":\"$.Error\"");
        break;
    case ASIDE_SUCCEED:
        gen_open(g, &p, "Succeed");
        gen_put(g, ",\"OutputPath\":\"$.Error\"");
        break;
    case ASIDE_TELL:
        gen_open(g, &p, "Fail");
        gen_put(g, ",\"ErrorPath\":\"$.Error\",\"Cause\":\"told\"");
        break;
    }
    gen_close(g);
}

static void put_asides(struct generator *g, struct scope *s)
{
    for (unsigned i = 0; i < s->aside_count; i++) {
        put_aside(g, s, &s->asides[i]);
    }
    s->aside_count = 0;
}

/* ---- Pass, Wait, Succeed, Fail ---- */

static void put_pass(struct generator *g, const struct place *p)
{
    bool base = gen_one_in(g, 3);

    gen_open(g, p, "Pass");
    switch (gen_below(g, base ? 2 : 4)) {
    case 0:
        gen_put(g, ",\"Result\":");
        if (base) {
            gen_base_document(g);
        } else {
            gen_put(g, "{\"n.$\":\"$.n\",\"list\":[1,{\"x\":2}]}");
        }
        break;
    case 1:
        gen_put(g, ",\"Parameters\":");
        if (base) {
            gen_put(g, "{\"seen.$\":\"$$.State.Name\",");
            gen_base_template(g);
            gen_put(g, "}");
        } else {
            gen_template(g, p->scope);
        }
        break;
    case 2: gen_put(g, ",\"InputPath\":\"$.o.list\""); break;
    default:
        gen_put(g, gen_one_in(g, 3) ? ",\"InputPath\":null"
                                    : ",\"InputPath\":\"$.o\",\"Parameters\":{\"k.$\":\"$.k\"}");
    }
    gen_result_place(g, p, base);
    gen_assign(g, p->scope, "$");
    gen_next(g, p);
    gen_close(g);
}

static void put_wait(struct generator *g, const struct place *p)
{
    gen_open(g, p, "Wait");
    if (gen_one_in(g, 2)) {
        gen_put(g, ",\"SecondsPath\":\"$.w\"");
    } else {
        gen_putf(g, ",\"Seconds\":%u", gen_below(g, g->express ? 3 : 31));
    }
    if (place_is_end(p) && gen_one_in(g, 2)) {
        gen_put(g, gen_one_in(g, 2) ? ",\"OutputPath\":\"$.o\"" : ",\"OutputPath\":null");
    }
    gen_assign(g, p->scope, "$.s");
    gen_next(g, p);
    gen_close(g);
}

static void put_succeed(struct generator *g, const struct place *p)
{
    static const char *const paths[] = {"", ",\"InputPath\":\"$.o\"", ",\"OutputPath\":\"$.s\"",
                                        ",\"InputPath\":\"$.o\",\"OutputPath\":\"$.k\""};

    gen_open(g, p, "Succeed");
    gen_put(g, GEN_ANY(g, paths));
    gen_close(g);
}

static void put_fail(struct generator *g, const struct place *p)
{
    static const char *const ways[] = {
        ",\"Error\":\"Bad\",\"Cause\":\"as it is written\"",
        ",\"Error\":\"Bad\"",
        ",\"ErrorPath\":\"$.s\",\"CausePath\":\"States.Format('n is {}', $.n)\"",
        ",\"ErrorPath\":\"$$.State.Name\",\"Cause\":\"\"",
        ",\"Cause\":\"no name\"",
        "",
    };

    gen_open(g, p, "Fail");
    gen_put(g, GEN_ANY(g, ways));
    gen_close(g);
}

/* ---- Choice ---- */

/* A state that ends the scope, for a rule or for Default; LABEL_NONE: no room. */
static unsigned end_aside(struct generator *g, struct scope *s)
{
    return gen_aside(g, s, (struct aside){.is = ASIDE_MEND, .next = LABEL_NONE});
}

static void put_choice(struct generator *g, const struct place *p)
{
    struct scope *s = p->scope;
    unsigned rules = 1 + gen_below(g, 2);
    unsigned target;

    gen_open(g, p, "Choice");
    gen_put(g, ",\"Choices\":[");
    for (unsigned i = 0; i < rules; i++) {
        gen_put(g, i == 0 ? "{" : ",{");
        gen_rule(g, s, 0);
        target = gen_one_in(g, 3) ? end_aside(g, s) : gen_later(g, s);
        gen_putf(g, ",\"Next\":\"s%u\"", target == LABEL_NONE ? p->next : target);
        gen_assign(g, s, "$.o");
        gen_put(g, "}");
    }
    gen_putf(g, "],\"Default\":\"s%u\"", p->next);
    gen_assign(g, s, "$.n");
    gen_close(g);
}

/* ---- a loop: a counter, what is done, and a Choice that goes back ---- */

enum { LOOP_STATES = 3 };

static void put_loop(struct generator *g, const struct place *p)
{
    unsigned body = g->labels++;
    unsigned count = g->labels++;
    unsigned again = g->labels++;
    struct place at = {p->scope, p->label, body};

    gen_open(g, &at, "Pass");
    gen_putf(g, ",\"ResultPath\":null,\"Assign\":{\"c%u\":0}", body);
    gen_next(g, &at);
    gen_close(g);
    at = (struct place){p->scope, body, count};
    if (gen_one_in(g, 3)) {
        put_pass(g, &at);
    } else {
        gen_task(g, &at);
    }
    at = (struct place){p->scope, count, again};
    gen_open(g, &at, "Pass");
    gen_putf(g, ",\"ResultPath\":null,\"Assign\":{\"c%u.$\":\"States.MathAdd($c%u, 1)\"}", body,
             body);
    gen_next(g, &at);
    gen_close(g);
    at = (struct place){p->scope, again, p->next};
    gen_open(g, &at, "Choice");
    gen_putf(g,
             ",\"Choices\":[{\"Variable\":\"$c%u\",\"NumericLessThan\":%u,\"Next\":\"s%u\"}],"
             "\"Default\":\"s%u\"",
             body, 1 + gen_below(g, 3), body, p->next);
    gen_close(g);
}

/* ---- Parallel and Map ---- */

/* A scope inside, whose first state gets a base document or must make one. */
static void put_inner(struct generator *g, const struct place *p, bool base, struct scope *all)
{
    struct scope s = {
        .depth = p->scope->depth + 1, .outer = p->scope, .items = p->scope->items || all->items};

    put_scope(g, &s, base);
    all->sick = all->sick || s.sick;
    all->vague = all->vague || s.vague;
}

static void put_join_result(struct generator *g, const struct place *p, bool map)
{
    if (gen_one_in(g, 3)) {
        gen_put(g, map ? ",\"ResultSelector\":{\"all.$\":\"$[*]\"}"
                       : ",\"ResultSelector\":{\"first.$\":\"$[0]\",\"all.$\":\"$\"}");
    }
    gen_result_place(g, p, false);
    gen_assign(g, p->scope, "$");
}

static void put_parallel(struct generator *g, const struct place *p)
{
    unsigned branches = 1 + gen_below(g, 3);
    bool given = gen_one_in(g, 3);
    struct scope all = {0};

    gen_open(g, p, "Parallel");
    if (given) {
        gen_put(g, ",\"Parameters\":");
        gen_template(g, p->scope);
    }
    while (!gen_has_room(g, branches)) {
        branches--;
    }
    gen_put(g, ",\"Branches\":");
    g->promised += branches;
    for (unsigned i = 0; i < branches; i++) {
        gen_put(g, i == 0 ? "[" : ",");
        put_inner(g, p, !given, &all);
    }
    gen_put(g, "]");
    put_join_result(g, p, false);
    gen_join_handlers(g, p, &all);
    gen_next(g, p);
    gen_close(g);
}

static void put_map(struct generator *g, const struct place *p)
{
    static const char *const items[] = {",\"ItemsPath\":\"$.items\"", ",\"ItemsPath\":\"$.o.list\"",
                                        ",\"InputPath\":\"$.items\""};
    unsigned which = gen_below(g, 3);
    bool legacy = gen_one_in(g, 3);
    bool given = which < 2 && gen_one_in(g, 2);
    struct scope all = {.items = true};

    gen_open(g, p, "Map");
    gen_put(g, items[which]);
    if (gen_one_in(g, 2)) {
        gen_putf(g, ",\"MaxConcurrency\":%u", gen_below(g, 4));
    }
    if (given) {
        gen_putf(g, ",\"%s\":{\"item.$\":\"$$.Map.Item.Value\",\"at.$\":\"$$.Map.Item.Index\",",
                 legacy ? "Parameters" : "ItemSelector");
        gen_base_template(g);
        gen_put(g, "}");
    }
    gen_putf(g, ",\"%s\":", legacy ? "Iterator" : "ItemProcessor");
    g->promised++;
    put_inner(g, p, given, &all);
    put_join_result(g, p, true);
    gen_join_handlers(g, p, &all);
    gen_next(g, p);
    gen_close(g);
}

/* ---- scopes ---- */

/* The first state of a scope that needs variables, or is not given a base document. */
static void put_first(struct generator *g, const struct place *p, bool base)
{
    const struct scope *s = p->scope;

    gen_open(g, p, "Pass");
    if (!base) {
        gen_put(g, ",\"Parameters\":{\"n\":4,\"s\":\"made\",\"b\":true,\"w\":0,\"t\":"
                   "\"2026-01-01T00:00:00Z\",\"items\":[1,\"two\"],\"o\":{\"k\":\"a\",\"z\":null,"
                   "\"list\":[3]},\"given.$\":\"$\"}");
    }
    if (s->variables) {
        gen_putf(g, ",\"Assign\":{\"v%u\":%u,\"u%u.$\":\"$\"}", s->id, gen_below(g, 9), s->id);
    }
    gen_next(g, p);
    gen_close(g);
}

/* States that lead on: there is one after them. */
static bool put_inner_state(struct generator *g, const struct place *p)
{
    if (place_is_end(p)) {
        return false;
    }
    if (gen_one_in(g, 6)) {
        put_choice(g, p);
    } else if (gen_one_in(g, 10) && gen_has_room(g, LOOP_STATES)) {
        put_loop(g, p);
    } else {
        return false;
    }
    return true;
}

static bool put_end(struct generator *g, const struct place *p)
{
    if (!place_is_end(p) || !gen_one_in(g, 4)) {
        return false;
    }
    if (gen_one_in(g, 3)) {
        put_fail(g, p);
    } else {
        put_succeed(g, p);
    }
    return true;
}

static bool put_join(struct generator *g, const struct place *p)
{
    if (p->scope->depth >= MODEL_DEPTH || !gen_has_room(g, 1) || !gen_one_in(g, 3)) {
        return false;
    }
    if (gen_one_in(g, 2)) {
        put_parallel(g, p);
    } else {
        put_map(g, p);
    }
    return true;
}

static bool put_stages(struct generator *g, const struct place *p)
{
    if (p->scope->items || !gen_one_in(g, 16)) {
        return false;
    }
    gen_stages(g, p);
    return true;
}

static void put_state(struct generator *g, const struct place *p)
{
    if (put_inner_state(g, p) || put_end(g, p) || put_join(g, p) || put_stages(g, p)) {
        return;
    }
    switch (gen_below(g, 6)) {
    case 0:
    case 1: put_pass(g, p); return;
    case 2: put_wait(g, p); return;
    default: gen_task(g, p); return;
    }
}

static void put_scope(struct generator *g, struct scope *s, bool base)
{
    unsigned want = s->depth == 0 ? 2 + gen_below(g, ENTRIES - 1) : 1 + gen_below(g, 3);

    g->promised--; /* its first state */
    while (want > 1 && !gen_has_room(g, want)) {
        want--;
    }
    s->id = g->scopes++;
    s->first = g->labels;
    s->count = want;
    s->variables = want > 1 && gen_one_in(g, 2);
    g->labels += want;
    gen_putf(g, "{\"StartAt\":\"s%u\",\"States\":{", s->first);
    for (; s->at < want; s->at++) {
        struct place p = {s, s->first + s->at,
                          s->at + 1 < want ? s->first + s->at + 1 : LABEL_NONE};

        if (s->at == 0 && (s->variables || !base)) {
            put_first(g, &p, base);
        } else {
            put_state(g, &p);
        }
        put_asides(g, s);
    }
    gen_put(g, "}}");
}

/* Of the whole execution, now and then: over the brace that ends the machine. Machines that others
 * start have none, so that what comes of them can be told. */
static void put_deadline(struct generator *g)
{
    if (g->below_count < 2 || !gen_one_in(g, 5)) {
        return;
    }
    g->text.len--;
    g->deadline_s = 4 + gen_below(g, 40);
    gen_putf(g, ",\"TimeoutSeconds\":%u}", g->deadline_s);
}

void model_generate(uint64_t chance,
                    unsigned n,
                    const struct model_machine *below,
                    struct arena *a,
                    struct model_machine *out)
{
    struct generator g = {
        .chance = chance,
        .promised = 1,
        .below = below,
        .below_count = below != NULL ? n : 0,
    };
    struct scope top = {0};

    g.express = gen_one_in(&g, 5);
    put_scope(&g, &top, true);
    put_deadline(&g);
    assert(g.labels <= MODEL_STATES && g.promised == 0);
    *out = (struct model_machine){
        .express = g.express,
        .tokens = g.tokens,
        .children = g.children,
        .deadline_s = g.deadline_s,
        .definition = arena_copy(a, buf_slice(&g.text)),
    };
    (void)snprintf(out->name, sizeof(out->name), "m%u", n);
    buf_fini(&g.text);
}

/* ---- machines that are not by chance ---- */

#define FOREVER                                                                                    \
    "{\"ErrorEquals\":[\"States.ALL\"],\"IntervalSeconds\":1,\"MaxAttempts\":99999999,"            \
    "\"BackoffRate\":1}"
/* A token whose task is over already is nobody's trouble. */
#define TELLER(operation, rest)                                                                    \
    "{\"StartAt\":\"Tell\",\"States\":{\"Tell\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:" \
    "::"                                                                                           \
    "aws-sdk:sfn:" operation "\",\"Parameters\":{\"TaskToken.$\":\"$.token\"," rest                \
    "},\"Retry\":[{\"ErrorEquals\":[\"Sfn.TaskTimedOutException\",\"Sfn."                          \
    "TaskDoesNotExistException\"],"                                                                \
    "\"MaxAttempts\":0}," FOREVER                                                                  \
    "],\"Catch\":[{\"ErrorEquals\":[\"States.ALL\"],\"Next\":\"Late\"}"                            \
    "],\"End\":true},\"Late\":{\"Type\":\"Succeed\"}}}"

const struct model_fixture model_fixtures[] = {
    {"sleeper", "{\"StartAt\":\"Sleep\",\"States\":{\"Sleep\":{\"Type\":\"Wait\",\"Seconds\":300,"
                "\"End\":true}}}"},
    {"relay", TELLER("sendTaskSuccess", "\"Output.$\":\"$.out\"")},
    {"refuser", TELLER("sendTaskFailure", "\"Error\":\"Refused\",\"Cause\":\"by a machine\"")},
    {NULL, NULL},
};

enum { CROWD_BRANCHES = 4, CROWD_ITEMS = 36 };

/* Children that sleep leave memory: to bring one back for its end takes the time of many. */
void model_crowd(unsigned n, struct arena *a, struct model_machine *out)
{
    struct buf b = {0};

    buf_put_str(&b, "{\"StartAt\":\"a\",\"States\":{\"a\":{\"Type\":\"Pass\",\"Result\":[0");
    for (unsigned i = 1; i < CROWD_ITEMS; i++) {
        buf_printf(&b, ",%u", i);
    }
    buf_put_str(&b, "],\"Next\":\"b\"},\"b\":{\"Type\":\"Parallel\",\"End\":true,\"Branches\":[");
    for (unsigned i = 0; i < CROWD_BRANCHES; i++) {
        buf_printf(
            &b,
            "%s{\"StartAt\":\"m%u\",\"States\":{\"m%u\":{\"Type\":\"Map\",\"End\":true,"
            "\"ItemProcessor\":{\"StartAt\":\"c%u\",\"States\":{\"c%u\":{\"Type\":\"Task\","
            "\"Resource\":\"arn:aws:states:::states:startExecution.sync:2\",\"Parameters\":{"
            "\"StateMachineArn\":\"arn:aws:states:us-east-1:000000000042:stateMachine:sleeper"
            "\",\"Input\":{\"n.$\":\"$\"}},\"ResultSelector\":{\"n.$\":\"$.Output.n\"},"
            "\"Retry\":[" FOREVER "],\"End\":true}}}}}}",
            i == 0 ? "" : ",", i, i, i, i);
    }
    buf_put_str(&b, "]}}}");
    *out = (struct model_machine){
        .tokens = true, .children = true, .definition = arena_copy(a, buf_slice(&b))};
    (void)snprintf(out->name, sizeof(out->name), "m%u", n);
    buf_fini(&b);
}
