/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that run by a schedule: what they start and when, over crashes, restarts and sleep. */
#include <stdio.h>
#include <string.h>

#include "proto/base/text.h"
#include "tests/lib/ledger_world.h"

enum { MINUTE = 60000, HOUR = 60 * MINUTE };

static const char pass[] =
    "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}";
static const char target_arn[] = "arn:aws:states:eu-x-1:000000000042:stateMachine:m";

/* A world at a whole hour, so that minutes are easy to count. */
static int setup(void **state)
{
    struct ledger_world *w = mem_alloc(sizeof(*w));

    world_open(w);
    world_advance(w, HOUR - w->now.wall_ms % HOUR);
    (void)world_machine(w, "m", false, pass);
    world_settle(w);
    *state = w;
    return 0;
}

/* In a turn of its own: the rule `r`, with so many targets. */
static void put(struct ledger_world *w, const char *expression, size_t targets, const char *input)
{
    static const char *const ids[] = {"a", "b"};
    struct rule_target all[2];
    struct rule_row row = {
        .created_ms = w->now.wall_ms,
        .began_ms = w->now.wall_ms,
        .seen_ms = w->now.wall_ms,
        .enabled = true,
        .expression = slice_str(expression),
        .targets = all,
        .target_count = targets,
    };

    for (size_t i = 0; i < targets; i++) {
        all[i] = (struct rule_target){
            .id = slice_str(ids[i]),
            .texts = {.arn = slice_str(target_arn), .input = slice_str(input)}};
    }
    world_begin(w);
    ledger_rule_put(w->l, SLICE("r"), &row);
    world_end(w);
    world_settle(w);
}

static size_t started(struct ledger_world *w)
{
    return world_index(w, EXECUTION_SUCCEEDED);
}

static void test_rule__starts_when_its_time_comes(void **state)
{
    struct ledger_world *w = *state;

    put(w, "rate(5 minutes)", 1, "");
    world_advance(w, 5 * MINUTE - 1);
    assert_int_equal(started(w), 0);
    world_advance(w, 1);
    assert_int_equal(started(w), 1);
    world_advance(w, HOUR - 5 * MINUTE);
    assert_int_equal(started(w), 12);
}

static void test_rule__cron_and_all_targets(void **state)
{
    struct ledger_world *w = *state;

    put(w, "cron(10,20 * * * ? *)", 2, "");
    world_advance(w, 10 * MINUTE);
    assert_int_equal(started(w), 2);
    world_advance(w, HOUR);
    assert_int_equal(started(w), 6);
}

/* The one execution there is. */
static struct slice only_input(struct ledger_world *w, struct arena *a)
{
    return world_result(w, 1, a);
}

static void test_rule__gives_the_event_or_its_own_input(void **state)
{
    struct ledger_world *w = *state;
    const struct json_node *v;
    struct arena a = {0};
    char time[TEXT_TIME_BYTES];

    put(w, "rate(1 minute)", 1, "");
    world_advance(w, MINUTE);
    assert_int_equal(json_parse(only_input(w, &a), &a, &v, NULL), OK);
    (void)text_format_time(w->now.wall_ms, time);
    memcpy(time + 19, "Z", 2);
    assert_true(slice_eq_str(json_text(json_member(v, SLICE("time"))), time));
    assert_true(slice_eq_str(json_text(json_member(v, SLICE("source"))), "aws.events"));
    assert_true(slice_eq_str(json_text(json_member(v, SLICE("detail-type"))), "Scheduled Event"));
    assert_true(slice_eq_str(json_text(json_element(json_member(v, SLICE("resources")), 0)),
                             "arn:aws:events:eu-x-1:000000000042:rule/r"));
    assert_true(json_is(json_member(v, SLICE("detail")), JSON_OBJECT));
    put(w, "rate(1 minute)", 1, "{\"own\":1}");
    world_advance(w, MINUTE);
    assert_true(slice_eq_str(world_result(w, 2, &a), "{\"own\":1}"));
    arena_fini(&a);
}

static void test_rule__what_is_missed_is_made_up_for_once(void **state)
{
    struct ledger_world *w = *state;
    const struct json_node *v;
    struct arena a = {0};
    char time[TEXT_TIME_BYTES];

    put(w, "rate(10 minutes)", 1, "");
    (void)text_format_time(w->now.wall_ms + 3 * HOUR, time);
    w->now.wall_ms += 3 * HOUR + 5 * MINUTE; /* down meanwhile */
    world_crash(w);
    world_settle(w);
    assert_int_equal(started(w), 1);
    assert_int_equal(json_parse(only_input(w, &a), &a, &v, NULL), OK);
    memcpy(time + 19, "Z", 2);
    assert_true(slice_eq_str(json_text(json_member(v, SLICE("time"))), time));
    world_advance(w, 5 * MINUTE);
    assert_int_equal(started(w), 2);
    arena_fini(&a);
}

/* As over a time in which it was down. */
static void test_rule__nothing_is_started_while_the_disk_is_short(void **state)
{
    struct ledger_world *w = *state;

    put(w, "rate(10 minutes)", 1, "");
    world_begin(w);
    ledger_set_short(w->l, true);
    world_end(w);
    world_advance(w, HOUR);
    assert_int_equal(started(w), 0);
    assert_true(ledger_wait_ms(w->l, w->now) != 0);
    world_begin(w);
    ledger_set_short(w->l, false);
    world_end(w);
    world_settle(w);
    assert_int_equal(started(w), 1);
}

static void test_rule__what_is_missed_for_a_day_is_gone(void **state)
{
    struct ledger_world *w = *state;

    put(w, "rate(7 days)", 1, "");
    w->now.wall_ms += INT64_C(8) * 24 * HOUR + HOUR;
    world_crash(w);
    world_settle(w);
    assert_int_equal(started(w), 0);
    world_advance(w, INT64_C(6) * 24 * HOUR);
    assert_int_equal(started(w), 1);
}

/* Wherever the crash comes, the time has its one execution. */
static void test_rule__a_crash_neither_loses_nor_doubles(void **state)
{
    struct ledger_world *w = *state;

    put(w, "rate(1 minute)", 1, "");
    for (int point = 0; point < 4; point++) {
        size_t before = started(w);
        struct world_crash_point crash = {w, point, false};

        w->now.wall_ms += MINUTE;
        w->now.mono_ms += MINUTE;
        world_turn(w);
        while (world_crash_commit(&crash)) {
            world_turn(w);
        }
        world_settle(w);
        assert_int_equal(started(w), before + 1);
    }
}

static void test_rule__off_deleted_or_without_targets_is_silent(void **state)
{
    struct ledger_world *w = *state;
    struct rule_row row;

    put(w, "rate(1 minute)", 1, "");
    world_begin(w);
    row = ledger_rule_find(w->l, SLICE("r"))->row;
    row.enabled = false;
    ledger_rule_put(w->l, SLICE("r"), &row);
    world_end(w);
    world_advance(w, HOUR);
    assert_int_equal(started(w), 0);
    put(w, "rate(1 minute)", 0, "");
    world_advance(w, HOUR);
    assert_int_equal(started(w), 0);
    world_begin(w);
    ledger_rule_delete(w->l, ledger_rule_find(w->l, SLICE("r")));
    world_end(w);
    world_settle(w);
    world_crash(w);
    assert_int_equal(ledger_rule_count(w->l), 0);
}

static void test_rule__is_the_same_after_a_restart(void **state)
{
    struct ledger_world *w = *state;
    const struct ledger_rule *r;

    put(w, "cron(0/5 * * * ? *)", 2, "{\"own\":1}");
    world_crash(w);
    r = ledger_rule_find(w->l, SLICE("r"));
    assert_non_null(r);
    assert_true(slice_eq_str(r->row.expression, "cron(0/5 * * * ? *)"));
    assert_int_equal(r->row.target_count, 2);
    assert_true(slice_eq_str(r->row.targets[1].id, "b"));
    assert_true(slice_eq_str(r->row.targets[1].texts.input, "{\"own\":1}"));
    world_advance(w, 5 * MINUTE);
    assert_int_equal(started(w), 2);
}

static void test_rule__a_machine_that_is_gone_stops_nothing_else(void **state)
{
    struct ledger_world *w = *state;

    put(w, "rate(1 minute)", 1, "");
    world_begin(w);
    ledger_machine_delete(w->l, ledger_machine_find(w->l, SLICE("m")));
    world_end(w);
    world_settle(w);
    world_advance(w, 5 * MINUTE);
    assert_int_equal(started(w), 0);
    (void)world_machine(w, "m", false, pass);
    world_advance(w, 5 * MINUTE);
    assert_int_equal(started(w), 5);
}

/* More than a turn runs: the turn stays short, and the next one comes at once. */
static void test_rule__so_many_run_a_turn(void **state)
{
    enum { RULES = LIMIT_RULE_RUNS_A_TURN + 1 };
    struct ledger_world *w = *state;
    const struct rule_target t = {.id = SLICE("a"), .texts = {.arn = slice_str(target_arn)}};
    struct rule_row row = {
        .created_ms = w->now.wall_ms,
        .began_ms = w->now.wall_ms,
        .seen_ms = w->now.wall_ms,
        .enabled = true,
        .expression = SLICE("rate(1 hour)"),
        .targets = &t,
        .target_count = 1,
    };
    char name[16];
    uint64_t first;

    world_begin(w);
    for (int i = 0; i < RULES; i++) {
        (void)snprintf(name, sizeof(name), "r%d", i);
        ledger_rule_put(w->l, slice_str(name), &row);
    }
    world_end(w);
    world_settle(w);
    first = w->l->next_execution;
    w->now.wall_ms += HOUR;
    w->now.mono_ms += HOUR;
    world_turn(w);
    assert_int_equal(w->l->next_execution - first, LIMIT_RULE_RUNS_A_TURN);
    assert_int_equal(ledger_wait_ms(w->l, w->now), 0);
    world_settle(w);
    assert_int_equal(started(w), RULES);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_rule__##name, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(starts_when_its_time_comes),
        TEST(cron_and_all_targets),
        TEST(gives_the_event_or_its_own_input),
        TEST(what_is_missed_is_made_up_for_once),
        TEST(nothing_is_started_while_the_disk_is_short),
        TEST(what_is_missed_for_a_day_is_gone),
        TEST(a_crash_neither_loses_nor_doubles),
        TEST(off_deleted_or_without_targets_is_silent),
        TEST(is_the_same_after_a_restart),
        TEST(a_machine_that_is_gone_stops_nothing_else),
        TEST(so_many_run_a_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
