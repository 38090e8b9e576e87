/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's model against the product, without faults: random machines run through the real
 * operations and ledger, their tasks by model_handle(), and must end as the model says. Some are
 * stopped on their way, and what did not succeed is redriven. Beside them machines for what is
 * easily got wrong, with the outcomes written out, which both must give.
 *
 * STEPFLEET_RANDOM="FROM COUNT" runs other seeds, and more of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/hash.h"
#include "tests/lib/model_player.h"
#include "tests/lib/seeds.h"
#include "tests/sim/model_cases.h"

enum { SEEDS = 250, REDRIVES = 2, WRITTEN = 4 };

static struct {
    unsigned long long seed;
    const char *definition;
    unsigned succeeded, failed, redriven, untold, several;
} seen;

static void say_seed(void)
{
    if (seen.definition != NULL) {
        (void)fprintf(stderr, "seed %llu: %s\n", seen.seed, seen.definition);
    }
}

static void say_seed_of_abort(int number)
{
    (void)number;
    say_seed();
}

static int say_seed_of_failure(void **state)
{
    (void)state;
    say_seed();
    return 0;
}

/* ---- against the model ---- */

static struct slice child_definition(void *arg, struct slice machine)
{
    const struct player *p = arg;

    for (unsigned i = 0; i < p->machine_count; i++) {
        if (slice_eq_str(machine, p->machines[i].name)) {
            return p->machines[i].definition;
        }
    }
    return (struct slice){NULL, 0};
}

static bool same_text(struct slice expected, bool has, struct slice got)
{
    return (expected.ptr != NULL) == has && slice_eq(expected, got);
}

static bool
agrees(struct player *p, const Stepfleet__ExecutionDetail *d, const struct model_outcome *o)
{
    const struct json_node *x;
    const struct json_node *y;

    if (o->failed) {
        return strcmp(d->status, "FAILED") == 0 &&
               same_text(o->error, d->has_error, slice_str(d->error)) &&
               (o->any_cause || same_text(o->cause, d->has_cause, message_slice(d->cause)));
    }
    return strcmp(d->status, "SUCCEEDED") == 0 && json_parse(o->output, &p->a, &x, NULL) == OK &&
           json_parse(arena_copy(&p->a, message_slice(d->output)), &p->a, &y, NULL) == OK &&
           json_equal(x, y);
}

static void say_outcomes(const Stepfleet__ExecutionDetail *d,
                         struct slice input,
                         const struct model_outcome *outcomes,
                         size_t count)
{
    (void)fprintf(stderr, "input %.*s\nproduct: %s output=%.*s error=%s cause=%.*s\n",
                  SLICE_FMT(input), d->status, SLICE_FMT(message_slice(d->output)), d->error,
                  SLICE_FMT(message_slice(d->cause)));
    for (size_t i = 0; i < count; i++) {
        const struct model_outcome *o = &outcomes[i];

        (void)fprintf(stderr, "model: %s output=%.*s error=%.*s cause=%.*s%s\n",
                      o->failed ? "FAILED" : "SUCCEEDED", SLICE_FMT(o->output), SLICE_FMT(o->error),
                      SLICE_FMT(o->cause), o->any_cause ? " (any)" : "");
    }
}

/* It has ended, after so many redrives: as the model says? */
static void
check(struct player *p, const struct model_machine *m, struct slice input, unsigned redrives)
{
    struct model_run run = {m->definition, input, redrives, .child = child_definition, .arg = p};
    struct model_outcome outcomes[MODEL_OUTCOMES];
    size_t count = model_run(&run, &p->a, outcomes);
    struct api_ask ask;
    const Stepfleet__ExecutionDetail *d = player_describe(p, &ask);
    bool late = m->deadline_s != 0 && strcmp(d->status, "TIMED_OUT") == 0;
    bool agreed = count == 0 || late;

    for (size_t i = 0; i < count && !agreed; i++) {
        agreed = agrees(p, d, &outcomes[i]);
    }
    if (!agreed) {
        say_outcomes(d, input, outcomes, count);
        fail_msg("%s ends otherwise", m->name);
    }
    seen.untold += count == 0;
    seen.several += count > 1;
    seen.succeeded += strcmp(d->status, "SUCCEEDED") == 0;
    seen.failed += strcmp(d->status, "FAILED") == 0;
    api_ask_fini(&ask);
}

static bool was_stopped(struct player *p)
{
    struct api_ask ask;
    bool aborted = strcmp(player_describe(p, &ask)->status, "ABORTED") == 0;

    api_ask_fini(&ask);
    return aborted;
}

static void run_machine(struct player *p, const struct model_machine *m, struct slice input)
{
    player_start(p, m, input);
    p->stops = m->express ? 0 : (player_below(p, 6) == 0);
    for (unsigned redrives = 0;; redrives++) {
        player_play(p);
        if (!was_stopped(p)) {
            check(p, m, input, redrives);
            if (redrives >= REDRIVES) {
                return;
            }
        }
        if (!player_redrive(p)) {
            return; /* it has succeeded, or is Express */
        }
        seen.redriven++;
    }
}

static void run_seed(uint64_t seed)
{
    struct player p;

    seen.seed = seed;
    player_open(&p, seed);
    for (unsigned i = 0; i < PLAYER_MACHINES; i++) {
        struct model_machine m;

        model_generate(hash_u64(seed * PLAYER_MACHINES + i), i, p.machines, &p.a, &m);
        seen.definition = arena_str(&p.a, m.definition);
        player_create(&p, &m);
        run_machine(&p, &p.machines[i], model_input(hash_u64(seed + i), &p.a));
    }
    player_close(&p);
    seen.definition = NULL;
}

static void test_sim_model__random_machines_end_as_the_model_says(void **state)
{
    (void)state;
    each_seed(SEEDS, run_seed);
    if (getenv("STEPFLEET_RANDOM") != NULL) {
        print_message("%u succeeded, %u failed, %u redriven, %u not told, %u of several\n",
                      seen.succeeded, seen.failed, seen.redriven, seen.untold, seen.several);
        return;
    }
    assert_true(seen.succeeded > SEEDS);
    assert_true(seen.failed > SEEDS / 2);
    assert_true(seen.redriven > SEEDS / 10);
    assert_true(seen.several > SEEDS / 50);
    assert_true(seen.untold < SEEDS / 20);
}

/* ---- cases ---- */

/* "= OUTPUT", "! Error", "! Error: cause" */
static struct model_outcome written_outcome(const char *text)
{
    struct slice rest = slice_from(slice_str(text), 2);
    size_t colon = slice_find(rest, ':');
    struct slice cause = slice_from(rest, colon + 2);

    if (text[0] == '=') {
        return (struct model_outcome){.output = rest};
    }
    return (struct model_outcome){
        .failed = true,
        .error = slice_head(rest, colon),
        .cause = colon < rest.len ? cause : (struct slice){NULL, 0},
        .any_cause = slice_eq_str(cause, "*"),
    };
}

static bool
same_outcome(struct player *p, const struct model_outcome *x, const struct model_outcome *y)
{
    const struct json_node *vx;
    const struct json_node *vy;

    if (x->failed || y->failed) {
        return x->failed == y->failed && slice_eq(x->error, y->error) &&
               x->any_cause == y->any_cause &&
               (x->any_cause || same_text(x->cause, y->cause.ptr != NULL, y->cause));
    }
    return json_parse(x->output, &p->a, &vx, NULL) == OK &&
           json_parse(y->output, &p->a, &vy, NULL) == OK && json_equal(vx, vy);
}

/* The model gives just what is written. */
static void check_written(struct player *p, const struct model_case *c, const struct model_run *run)
{
    struct model_outcome outcomes[MODEL_OUTCOMES];
    size_t count = model_run(run, &p->a, outcomes);
    size_t written = 0;

    for (; written < WRITTEN && c->outcomes[written] != NULL; written++) {
        struct model_outcome o = written_outcome(c->outcomes[written]);
        bool found = false;

        for (size_t i = 0; i < count && !found; i++) {
            found = same_outcome(p, &o, &outcomes[i]);
        }
        if (!found) {
            fail_msg("%s: the model does not have %s", c->name, c->outcomes[written]);
        }
    }
    if (count != written) {
        fail_msg("%s: the model has %zu outcomes", c->name, count);
    }
}

static void run_case(const struct model_case *c, uint64_t seed)
{
    struct slice input = slice_str(c->input);
    struct model_machine child = {"m0", .definition = slice_str(c->child)};
    struct model_machine m = {"m1", .definition = slice_str(c->definition)};
    struct player p;
    struct model_run run;

    player_open(&p, seed);
    seen.definition = c->definition;
    if (c->child != NULL) {
        player_create(&p, &child);
    }
    player_create(&p, &m);
    m = p.machines[p.machine_count - 1];
    run =
        (struct model_run){m.definition, input, c->redrives, .child = child_definition, .arg = &p};
    check_written(&p, c, &run);
    player_start(&p, &m, input);
    player_play(&p);
    for (unsigned i = 0; i < c->redrives; i++) {
        assert_true(player_redrive(&p));
        player_play(&p);
    }
    check(&p, &m, input, c->redrives);
    player_close(&p);
    seen.definition = NULL;
}

static void test_sim_model__knows_what_is_easily_got_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(model_cases) / sizeof(model_cases[0]); i++) {
        for (uint64_t seed = 0; seed < 4; seed++) {
            run_case(&model_cases[i], seed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_sim_model__knows_what_is_easily_got_wrong,
                                  say_seed_of_failure),
        cmocka_unit_test_teardown(test_sim_model__random_machines_end_as_the_model_says,
                                  say_seed_of_failure),
    };

    (void)signal(SIGABRT, say_seed_of_abort);
    return cmocka_run_group_tests_name("sim_model", tests, NULL, NULL);
}
