/* SPDX-License-Identifier: Apache-2.0 */
/* Executions that wait, and those that leave little behind: parking and coming back in time, over
 * restarts and by a stop; a system's clock that is put back; Express ones; machines that are
 * deleted. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/ledger_world.h"

#define WAIT(seconds)                                                                              \
    "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":" seconds                 \
    ",\"End\":true}}}"
static const char *const soon = WAIT("10");
static const char *const minutes = WAIT("600");
static const char *const task =
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":"
    "\"arn:aws:lambda:eu-x-1:000000000042:function:f\",\"End\":true}}}";
static const char *const pass =
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"End\":true}}}";
static const char *const functions[] = {"f", NULL};

static enum err_code send(struct ledger_world *w, uint64_t id, enum engine_event_kind kind)
{
    struct engine_event ev = {.kind = kind};
    enum err_code rc;
    struct err err;

    world_begin(w);
    rc = ledger_execution_load(w->l, id, &err);
    if (rc == OK) {
        rc = ledger_execution_event(w->l, id, &ev, &err);
    }
    world_end(w);
    world_settle(w);
    return rc;
}

/* ---- parking ---- */

static void test_ledger_idle__short_waits_end_in_time(void **state)
{
    struct ledger_world *w = *state;
    struct execution_header h;

    world_machine(w, "m", false, soon);
    for (unsigned i = 0; i < 5; i++) { /* at different places of the window */
        char name[8];
        uint64_t id;

        (void)snprintf(name, sizeof(name), "e%u", i);
        id = world_started(w, "m", name);
        world_advance(w, 17000);
        assert_int_equal(world_status(w, id, &h), EXECUTION_SUCCEEDED);
        assert_in_range(h.stop_ms - h.start_ms, 10000, 10100);
    }
}

static void test_ledger_idle__a_long_wait_leaves_memory_and_ends_in_time(void **state)
{
    struct ledger_world *w = *state;
    struct execution_header h;
    uint64_t id;

    world_machine(w, "m", false, minutes);
    id = world_started(w, "m", "e");
    world_advance(w, 3000);
    assert_int_equal(ledger_hot_count(w->l), 0);
    assert_int_equal(world_rows(w, CF_TIMER), 1);
    assert_int_equal(w->l->open_count, 1);
    world_advance(w, 596000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    world_advance(w, 2000);
    assert_int_equal(world_status(w, id, &h), EXECUTION_SUCCEEDED);
    assert_in_range(h.stop_ms - h.start_ms, 600000, 600100);
    assert_int_equal(world_rows(w, CF_TIMER), 0);
    assert_int_equal(world_index(w, EXECUTION_RUNNING), 0);
    assert_int_equal(ledger_hot_count(w->l), 0);
    world_check_end(w);
}

static void test_ledger_idle__a_parked_one_stays_on_disk_over_restarts(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id;

    world_machine(w, "m", false, minutes);
    id = world_started(w, "m", "e");
    world_advance(w, 3000);
    for (unsigned i = 0; i < 3; i++) {
        world_crash(w);
        assert_int_equal(ledger_hot_count(w->l), 0);
        assert_int_equal(w->l->open_count, 1);
        world_advance(w, 100000);
    }
    w->now.wall_ms += 400000; /* down when it was due */
    world_crash(w);
    world_advance(w, 100);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    assert_int_equal(world_rows(w, CF_TIMER), 0);
    world_check_end(w);
}

/* Parked, but for the commit; and the crash that loses just that. */
static void test_ledger_idle__a_crash_while_it_is_parked(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id;

    world_machine(w, "m", false, minutes);
    id = world_started(w, "m", "e");
    world_settle(w);
    w->now.mono_ms += 2000;
    w->now.wall_ms += 2000;
    world_turn(w);
    assert_non_null(w->flying);
    assert_int_equal(ledger_hot_count(w->l), 1); /* until that is on disk */
    world_crash(w);
    assert_int_equal(ledger_hot_count(w->l), 1);
    world_advance(w, 3000);
    assert_int_equal(ledger_hot_count(w->l), 0);
    world_advance(w, 600000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    assert_int_equal(world_rows(w, CF_TIMER), 0);
}

static void test_ledger_idle__stop_of_a_parked_one(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id;

    world_machine(w, "m", false, minutes);
    id = world_started(w, "m", "e");
    world_advance(w, 3000);
    assert_int_equal(send(w, id, ENGINE_STOP), OK);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_ABORTED);
    assert_int_equal(world_rows(w, CF_TIMER), 0);
    assert_int_equal(world_index(w, EXECUTION_RUNNING), 0);
    assert_int_equal(world_index(w, EXECUTION_ABORTED), 1);
    world_advance(w, 2000);
    assert_int_equal(ledger_hot_count(w->l), 0);
    world_check_end(w);
}

static void test_ledger_idle__looked_at_while_it_is_parked(void **state)
{
    struct ledger_world *w = *state;
    struct err err;
    uint64_t id;

    world_machine(w, "m", false, minutes);
    id = world_started(w, "m", "e");
    world_settle(w);
    w->now.mono_ms += 2000;
    w->now.wall_ms += 2000;
    world_turn(w);
    world_begin(w);
    assert_int_equal(ledger_execution_load(w->l, id, &err), OK); /* on its way out */
    world_end(w);
    world_settle(w);
    assert_int_equal(ledger_hot_count(w->l), 1);
    world_advance(w, 3000);
    assert_int_equal(ledger_hot_count(w->l), 0); /* parked under the rows there are */
    assert_int_equal(world_rows(w, CF_TIMER), 1);
    world_advance(w, 600000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    assert_int_equal(ledger_hot_count(w->l), 0);
}

static void test_ledger_idle__ten_thousand_parked_cost_no_memory(void **state)
{
    struct ledger_world *w = *state;
    char name[8];
    uint64_t id;

    world_machine(w, "m", false, minutes);
    for (unsigned i = 0; i < 10000; i++) {
        (void)snprintf(name, sizeof(name), "e%u", i);
        if (i % 500 == 0) {
            world_settle(w);
        }
        world_begin(w);
        assert_int_equal(world_start(w, "m", name, "{}", false, &id), OK);
        world_end(w);
    }
    world_settle(w);
    assert_int_equal(ledger_hot_count(w->l), 10000);
    world_advance(w, 3000);
    assert_int_equal(ledger_hot_count(w->l), 0);
    assert_int_equal(world_rows(w, CF_TIMER), 10000);
    world_crash(w);
    assert_int_equal(ledger_hot_count(w->l), 0);
    assert_int_equal(w->l->open_count, 10000);
    world_advance(w, 620000);
    assert_int_equal(w->l->open_count, 0);
    assert_int_equal(world_rows(w, CF_TIMER), 0);
}

/* It is said, and it stays on disk as it is: the others go on. */
static void test_ledger_idle__a_parked_one_that_cannot_be_read_stops_nobody(void **state)
{
    struct ledger_world *w = *state;
    struct store_batch *b = store_batch_new(w->store);
    struct key key;
    struct err err;
    uint64_t broken;
    uint64_t whole;

    world_machine(w, "m", false, minutes);
    broken = world_started(w, "m", "broken");
    whole = world_started(w, "m", "whole");
    world_advance(w, 3000);
    assert_int_equal(ledger_hot_count(w->l), 0);
    key = key_execution(WORLD_ACCOUNT, broken, 0);
    w->damaged = true;
    store_put(b, CF_EXECUTION, key_slice(&key), SLICE("no record"));
    assert_int_equal(store_write(w->store, b, &err), OK);
    store_batch_free(b);
    world_advance(w, 600000);
    assert_false(w->failed);
    assert_int_equal(world_status(w, whole, NULL), EXECUTION_SUCCEEDED);
    assert_int_equal(world_rows(w, CF_TIMER), 1);
    assert_int_equal(w->l->open_count, 1);
    assert_true(ledger_wait_ms(w->l, w->now) > 0); /* nor is it tried without end */
    world_crash(w);
    assert_int_equal(w->l->open_count, 1);
}

/* ---- the system's clock is put back ---- */

enum { HOUR_MS = 3600 * 1000 };

/* Turns each millisecond, as a busy coordinator has them. */
static void advance_busily(struct ledger_world *w, int64_t ms)
{
    for (; ms > 0; ms--) {
        w->now.mono_ms++;
        w->now.wall_ms++;
        world_turn(w);
        world_settle(w);
    }
}

/* An hour back three seconds after its start: the seven that are left take twice as long. */
static void assert_late(struct ledger_world *w, void (*advance)(struct ledger_world *w, int64_t ms))
{
    struct execution_header h;
    uint64_t id = world_started(w, "m", "e");

    world_advance(w, 3000);
    w->now.wall_ms -= HOUR_MS;
    advance(w, 13900);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    advance(w, 300);
    assert_int_equal(world_status(w, id, &h), EXECUTION_SUCCEEDED);
    assert_in_range(h.stop_ms - h.start_ms, 10000, 10100); /* of ours */
    world_check_history(w, id);
}

static void test_ledger_idle__a_wait_is_late_where_the_clock_is_put_back(void **state)
{
    struct ledger_world *w = *state;

    world_machine(w, "m", false, soon);
    assert_late(w, world_advance);
}

static void test_ledger_idle__a_wait_is_no_later_where_turns_are_many(void **state)
{
    struct ledger_world *w = *state;

    world_machine(w, "m", false, soon);
    assert_late(w, advance_busily);
}

static void test_ledger_idle__a_parked_wait_is_late_where_the_clock_is_put_back(void **state)
{
    struct ledger_world *w = *state;
    struct execution_header h;
    uint64_t id;

    world_machine(w, "m", false, minutes);
    id = world_started(w, "m", "e");
    world_advance(w, 100000);
    assert_int_equal(ledger_hot_count(w->l), 0);
    w->now.wall_ms -= 24 * (int64_t)HOUR_MS;
    world_advance(w, 999000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    world_advance(w, 2000);
    assert_int_equal(world_status(w, id, &h), EXECUTION_SUCCEEDED);
    assert_in_range(h.stop_ms - h.start_ms, 600000, 600100);
    assert_int_equal(world_rows(w, CF_TIMER), 0);
}

/* The ledger's clock after a turn `mono_ms` later, as the system's stands at `wall_ms`. */
static int64_t clock_at(struct ledger_world *w, int64_t mono_ms, int64_t wall_ms)
{
    w->now.mono_ms += mono_ms;
    w->now.wall_ms = wall_ms;
    world_turn(w);
    assert_int_equal(ledger_now(w->l).mono_ms, w->now.mono_ms);
    return ledger_now(w->l).wall_ms;
}

static void test_ledger_idle__the_clock_is_caught_up_with(void **state)
{
    struct ledger_world *w = *state;
    int64_t start_ms = w->now.wall_ms;

    assert_int_equal(clock_at(w, 1000, start_ms + 1000), start_ms + 1000);
    start_ms += 1000;
    for (int64_t ms = 1; ms <= 10000; ms++) { /* five seconds back */
        int64_t wall_ms = clock_at(w, 1, start_ms - 5000 + ms);

        assert_int_equal(wall_ms, start_ms + ms / 2);
    }
    assert_int_equal(w->now.wall_ms, start_ms + 5000); /* here they meet */
    for (int64_t ms = 1; ms <= 1000; ms++) {
        assert_int_equal(clock_at(w, 1, start_ms + 5000 + ms), start_ms + 5000 + ms);
    }
    start_ms += 6000; /* put on a little */
    assert_int_equal(clock_at(w, 1, start_ms + LIMIT_CLOCK_AHEAD_MS),
                     start_ms + LIMIT_CLOCK_AHEAD_MS);
}

/* Far ahead: for ten minutes ours goes its own way, and then the system's is right. */
static void test_ledger_idle__the_clock_is_not_believed_at_once(void **state)
{
    struct ledger_world *w = *state;
    int64_t start_ms = w->now.wall_ms;
    int64_t ms = 1000;

    assert_int_equal(clock_at(w, ms, start_ms + ms), start_ms + ms);
    for (; ms < LIMIT_CLOCK_DOUBT_MS; ms += 1000) {
        assert_int_equal(clock_at(w, 1000, start_ms + HOUR_MS + ms), start_ms + ms + 1000);
    }
    assert_int_equal(clock_at(w, 999, start_ms + HOUR_MS + ms), start_ms + ms + 999);
    assert_int_equal(clock_at(w, 1, start_ms + HOUR_MS + ms), start_ms + ms + 1000);
    assert_int_equal(clock_at(w, 1000, start_ms + HOUR_MS + ms), start_ms + HOUR_MS + ms);
    ms += 1000;
    assert_int_equal(clock_at(w, 1000, start_ms + 2 * HOUR_MS + ms), start_ms + HOUR_MS + ms);
}

/* Put right in time, a clock that was a year ahead has ended nothing, and deleted nothing. */
static void test_ledger_idle__nothing_is_due_by_a_clock_that_was_wrong(void **state)
{
    struct ledger_world *w = *state;
    const int64_t year_ms = 365 * 24 * (int64_t)HOUR_MS;
    struct execution_header h;
    uint64_t id;

    world_machine(w, "m", false, minutes);
    id = world_started(w, "m", "e");
    world_advance(w, 1000);
    w->now.wall_ms += year_ms;
    world_advance(w, 500000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    w->now.wall_ms -= year_ms;
    world_advance(w, 98000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    world_advance(w, 2000);
    assert_int_equal(world_status(w, id, &h), EXECUTION_SUCCEEDED);
    assert_in_range(h.stop_ms - h.start_ms, 600000, 600100);
}

static void test_ledger_idle__the_clock_may_be_put_back_again(void **state)
{
    struct ledger_world *w = *state;
    int64_t start_ms = w->now.wall_ms;

    assert_int_equal(clock_at(w, 1000, start_ms - HOUR_MS), start_ms + 500);
    assert_int_equal(clock_at(w, 1000, start_ms - 2 * HOUR_MS), start_ms + 1000);
    assert_int_equal(clock_at(w, 1000, start_ms - HOUR_MS), start_ms + 1500);
    assert_int_equal(clock_at(w, 1000, start_ms + 1999), start_ms + 2000);
    assert_int_equal(clock_at(w, 0, start_ms + 2001), start_ms + 2001);
    assert_int_equal(clock_at(w, 1000, start_ms), start_ms + 2501); /* from where it was met */
}

/* Nor does ours stand still where the system's does, or is put back by as much as goes by. */
static void test_ledger_idle__a_clock_that_stands_still_is_not_waited_for(void **state)
{
    struct ledger_world *w = *state;
    int64_t start_ms = w->now.wall_ms;

    for (int64_t ms = 1; ms <= 1000; ms++) {
        assert_int_equal(clock_at(w, 1, start_ms), start_ms + ms / 2);
    }
}

/* Over a restart of the coordinator, with a lease of a minute: how long it lasts yet. */
static void assert_lease_lasts(struct ledger_world *w, int64_t back_ms, int64_t seconds)
{
    static const char *const timed =
        "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":"
        "\"arn:aws:lambda:eu-x-1:000000000042:function:f\",\"TimeoutSeconds\":60,"
        "\"End\":true}}}";
    uint64_t id;

    world_machine(w, "m", false, timed);
    world_hello(w, 0, functions);
    world_poll(w, 0);
    id = world_started(w, "m", "e");
    world_settle(w);
    assert_int_equal(w->workers[0].lease_count, 1);
    w->now.wall_ms -= back_ms;
    world_crash(w);
    world_hello(w, 0, functions);
    world_poll(w, 0);
    world_advance(w, (seconds - 1) * 1000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    world_advance(w, 2000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
}

/* What is recorded is gone on from, at half the pace. */
static void test_ledger_idle__a_lease_is_late_where_the_clock_is_put_back(void **state)
{
    assert_lease_lasts(*state, HOUR_MS, 120);
}

/* The grant lies days ahead: all of its time from the restart, and no more. */
static void test_ledger_idle__a_lease_does_not_last_for_days(void **state)
{
    assert_lease_lasts(*state, 48 * (int64_t)HOUR_MS, 60);
}

/* How long to sleep is told by the same clock: neither until the hour comes again, nor in turns
 * without end. */
static void test_ledger_idle__a_clock_put_back_asks_for_few_turns(void **state)
{
    struct ledger_world *w = *state;
    unsigned turns = 0;
    int64_t from_ms;
    uint64_t id;

    world_machine(w, "m", false, minutes);
    id = world_started(w, "m", "e");
    world_advance(w, 3000);
    assert_int_equal(ledger_hot_count(w->l), 0);
    from_ms = w->now.mono_ms;
    w->now.wall_ms -= HOUR_MS;
    for (; world_status(w, id, NULL) == EXECUTION_RUNNING; turns++) {
        int64_t wait = ledger_wait_ms(w->l, w->now);

        assert_in_range(wait, 1, LIMIT_TIMER_WINDOW_MS);
        w->now.mono_ms += wait;
        w->now.wall_ms += wait;
        world_turn(w);
        world_settle(w);
    }
    assert_in_range(w->now.mono_ms - from_ms, 1193900, 1194300);
    assert_in_range(turns, 1, 2000); /* those of the last window's ticks are some hundreds */
}

/* ---- Express ---- */

static void test_ledger_idle__an_express_start_is_on_disk_and_starts_over(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    struct execution_header h;
    uint64_t id;

    world_machine(w, "x", true, task);
    world_machine(w, "x", true, task);
    id = world_started(w, "x", "e");
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    world_hello(w, 0, functions);
    world_poll(w, 0);
    world_settle(w);
    assert_int_equal(k->lease_count, 1);
    w->now.wall_ms += 2LL * LIMIT_EXPRESS_MS; /* a long outage */
    world_crash(w);
    assert_int_equal(ledger_hot_count(w->l), 1);
    assert_int_equal(w->l->open_count, 1);
    world_hello(w, 0, functions);
    world_poll(w, 0);
    world_settle(w);
    assert_int_equal(k->dropped, 1); /* the old one */
    world_poll(w, 0);
    world_settle(w);
    assert_int_equal(k->lease_count, 1);
    assert_int_equal(world_succeed(w, 0, 0, "{}"), OK);
    world_settle(w);
    assert_int_equal(world_status(w, id, &h), EXECUTION_SUCCEEDED);
    assert_int_equal(h.revision, 2);
    assert_int_equal(world_index(w, EXECUTION_RUNNING), 0);
    assert_int_equal(world_rows(w, CF_INDEX), 1);
    world_check_history(w, id);
    world_crash(w);
    assert_int_equal(w->l->open_count, 0);
}

static void test_ledger_idle__a_synchronous_express_leaves_nothing_on_disk(void **state)
{
    struct ledger_world *w = *state;
    struct ledger_view v;
    uint64_t moved;
    uint64_t id;

    world_machine(w, "x", true, task);
    world_hello(w, 0, functions);
    world_poll(w, 0);
    world_settle(w);
    moved = w->moved;
    world_begin(w);
    assert_int_equal(world_start(w, "x", "e", "{}", true, &id), OK);
    world_end(w);
    world_settle(w);
    assert_int_equal(w->workers[0].lease_count, 1);
    assert_int_equal(world_succeed(w, 0, 0, "{}"), OK);
    world_settle(w);
    assert_true(w->moved > moved);
    world_begin(w);
    assert_true(ledger_execution_view(w->l, id, &v));
    assert_int_equal(v.header->status, EXECUTION_SUCCEEDED);
    world_end(w);
    assert_int_equal(world_rows(w, CF_EXECUTION) + world_rows(w, CF_NAME), 0);
    assert_int_equal(world_rows(w, CF_INDEX), 0);
    world_crash(w);
    assert_int_equal(w->l->open_count + ledger_hot_count(w->l), 0);
}

static void test_ledger_idle__the_last_synchronous_ones_are_kept_and_all_are_told(void **state)
{
    struct ledger_world *w = *state;
    uint64_t moved;
    uint64_t id;

    world_machine(w, "x", true, pass);
    world_settle(w);
    moved = w->moved;
    world_begin(w);
    for (unsigned i = 0; i < LIMIT_EXPRESS_KEPT + 50; i++) {
        assert_int_equal(world_start(w, "x", "e", "{}", true, &id), OK);
    }
    assert_int_equal(ledger_hot_count(w->l), LIMIT_EXPRESS_KEPT + 50);
    world_end(w); /* each of them may have a caller that waits */
    assert_int_equal(w->moved - moved, LIMIT_EXPRESS_KEPT + 50);
    assert_int_equal(ledger_hot_count(w->l), LIMIT_EXPRESS_KEPT);
    assert_int_equal(w->l->kept_count, LIMIT_EXPRESS_KEPT);
    assert_int_equal(w->l->open_count, 0);
}

static void test_ledger_idle__an_express_runs_five_minutes_at_most(void **state)
{
    struct ledger_world *w = *state;
    uint64_t id;

    world_machine(w, "x", true, minutes);
    id = world_started(w, "x", "e");
    world_advance(w, LIMIT_EXPRESS_MS - 1000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
    world_advance(w, 2000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_TIMED_OUT);
    assert_int_equal(ledger_hot_count(w->l), 0);
}

/* ---- machines ---- */

static void test_ledger_idle__a_deleted_machine_stops_what_runs_and_goes(void **state)
{
    struct ledger_world *w = *state;
    struct ledger_machine *m;
    char name[8];
    uint64_t id = 0;

    m = world_machine(w, "m", false, minutes);
    for (unsigned i = 0; i < 200; i++) { /* some parked, some not */
        (void)snprintf(name, sizeof(name), "e%u", i);
        id = world_started(w, "m", name);
        world_settle(w);
        if (i == 100) {
            world_advance(w, 3000);
        }
    }
    world_begin(w);
    ledger_machine_delete(w->l, m);
    world_end(w);
    (void)world_commit(w);
    world_crash(w); /* in the middle of it */
    assert_true(ledger_machine_find(w->l, SLICE("m"))->deleting);
    world_advance(w, 5000);
    assert_null(ledger_machine_find(w->l, SLICE("m")));
    assert_int_equal(w->l->open_count, 0);
    assert_int_equal(ledger_hot_count(w->l), 0);
    assert_int_equal(world_index(w, EXECUTION_RUNNING), 0);
    assert_int_equal(world_rows(w, CF_TIMER), 0);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_ABORTED);
    m = world_machine(w, "m", false, task); /* the name is free, the number is not */
    assert_int_equal(m->number, 2);
    world_settle(w);
    world_crash(w);
    assert_non_null(ledger_machine_find(w->l, SLICE("m")));
}

static void test_ledger_idle__kept_express_runs_do_not_hold_their_machine(void **state)
{
    struct ledger_world *w = *state;
    struct ledger_machine *m = world_machine(w, "x", true, pass);
    uint64_t id;

    world_machine(w, "busy", false, minutes); /* and it is not held up by another one */
    world_begin(w);
    assert_int_equal(world_start(w, "x", "e", "{}", true, &id), OK);
    world_end(w);
    world_settle(w);
    world_begin(w);
    ledger_machine_delete(w->l, m);
    world_end(w);
    world_advance(w, 1000);
    assert_null(ledger_machine_find(w->l, SLICE("x")));
    assert_int_equal(w->l->kept_count, 0);
}

static void test_ledger_idle__executions_keep_the_revision_they_started_with(void **state)
{
    struct ledger_world *w = *state;
    struct execution_header h;
    uint64_t id;

    world_machine(w, "m", false, minutes);
    id = world_started(w, "m", "e");
    world_settle(w);
    for (unsigned i = 0; i < 10; i++) {
        world_machine(w, "m", false, pass);
        world_settle(w);
    }
    world_advance(w, 3000);
    world_crash(w);
    world_advance(w, 600000);
    assert_int_equal(world_status(w, id, &h), EXECUTION_SUCCEEDED);
    assert_int_equal(h.revision, 1);
    assert_int_equal(h.next_event - 1, 4); /* started, wait entered and left, ended: as it was */
}

int main(void)
{
#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(test_ledger_idle__##name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(short_waits_end_in_time),
        T(a_long_wait_leaves_memory_and_ends_in_time),
        T(a_parked_one_stays_on_disk_over_restarts),
        T(a_crash_while_it_is_parked),
        T(stop_of_a_parked_one),
        T(looked_at_while_it_is_parked),
        T(ten_thousand_parked_cost_no_memory),
        T(a_parked_one_that_cannot_be_read_stops_nobody),
        T(a_wait_is_late_where_the_clock_is_put_back),
        T(a_wait_is_no_later_where_turns_are_many),
        T(a_parked_wait_is_late_where_the_clock_is_put_back),
        T(the_clock_is_caught_up_with),
        T(the_clock_is_not_believed_at_once),
        T(nothing_is_due_by_a_clock_that_was_wrong),
        T(the_clock_may_be_put_back_again),
        T(a_clock_that_stands_still_is_not_waited_for),
        T(a_lease_is_late_where_the_clock_is_put_back),
        T(a_lease_does_not_last_for_days),
        T(a_clock_put_back_asks_for_few_turns),
        T(an_express_start_is_on_disk_and_starts_over),
        T(a_synchronous_express_leaves_nothing_on_disk),
        T(the_last_synchronous_ones_are_kept_and_all_are_told),
        T(an_express_runs_five_minutes_at_most),
        T(a_deleted_machine_stops_what_runs_and_goes),
        T(kept_express_runs_do_not_hold_their_machine),
        T(executions_keep_the_revision_they_started_with),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
