/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet, case by case: grants and their order, tokens, deadlines on both clocks, timers. How
 * workers come and what they hold: test_fleet_worker.c. Long random runs against a slow model:
 * test_fleet_model.c. */
#include "tests/lib/fleet_case.h"

#include "coordinator/fleet/internal.h"
#include "proto/base/arena.h"
#include "proto/base/limits.h"

enum { MANY = 300 };

/* ---- Grants ---- */

static void test_fleet__grants_at_once_where_a_slot_is_free(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 2);
    struct fleet_task t[3] = {0};

    (void)state;
    assert_ptr_equal(ready(f, &t[0], "A"), w);
    assert_int_equal(t[0].status, FLEET_TASK_LEASED);
    assert_ptr_equal(t[0].worker, w);
    assert_int_equal(t[0].token.epoch, EPOCH);
    assert_int_equal(t[0].token.counter, 1);
    assert_int_equal(t[0].sent_mono_ms, start.mono_ms);
    assert_ptr_equal(fleet_task_find(f, t[0].token), &t[0]);
    assert_ptr_equal(ready(f, &t[1], "A"), w);
    assert_int_equal(t[1].token.counter, 2);
    assert_null(ready(f, &t[2], "A")); /* slots + 1 */
    assert_int_equal(t[2].status, FLEET_TASK_READY);
    assert_int_equal(w->leased, 2);
    assert_int_equal(fleet_ready_count(f), 1);
    assert_int_equal(fleet_leased_count(f), 2);
    assert_null(fleet_task_next(f, w, start));
    fleet_task_end(f, &t[0]);
    assert_ptr_equal(fleet_task_next(f, w, start), &t[2]);
    assert_int_equal(t[2].token.counter, 3);
    fleet_free(f);
}

static void test_fleet__grants_nothing_where_nothing_carries(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 2);
    struct fleet_task t = {0};

    (void)state;
    fleet_worker_carries(f, w, -1);
    assert_null(ready(f, &t, "A"));
    assert_null(fleet_task_next(f, w, start));
    fleet_worker_carries(f, w, 2);
    fleet_worker_carries(f, w, -1);
    assert_int_equal(w->carriers, 1);
    assert_ptr_equal(fleet_task_next(f, w, start), &t);
    fleet_free(f);
}

static void test_fleet__bounds_a_functions_own_slots(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_offer offers[] = {{SLICE("A"), 1}, {SLICE("B"), 4}};
    struct fleet_hello h = {
        .name = SLICE("w"), .slots = 4, .offers = offers, .offer_count = 2, .instance = 1};
    struct fleet_task t[4] = {0};
    struct fleet_worker *w;
    struct list lost;

    (void)state;
    list_init(&lost);
    assert_int_equal(hello_as(f, &h, start, &w, &lost), OK);
    fleet_worker_carries(f, w, 1);
    assert_ptr_equal(ready(f, &t[0], "A"), w);
    assert_null(ready(f, &t[1], "A"));
    assert_ptr_equal(ready(f, &t[2], "B"), w); /* A's queue is in nobody's way */
    assert_null(fleet_task_next(f, w, start));
    fleet_task_end(f, &t[2]);
    assert_null(fleet_task_next(f, w, start));
    fleet_task_end(f, &t[0]);
    assert_ptr_equal(fleet_task_next(f, w, start), &t[1]);
    assert_null(ready(f, &t[3], "C"));
    assert_null(fleet_task_next(f, w, start)); /* not its function */
    fleet_free(f);
}

static void test_fleet__puts_nobody_before_a_queue(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 4);
    struct fleet_task t[2] = {0};

    (void)state;
    fleet_worker_carries(f, w, -1);
    assert_null(ready(f, &t[0], "A"));
    fleet_worker_carries(f, w, 1);
    assert_null(ready(f, &t[1], "A"));
    assert_ptr_equal(fleet_task_next(f, w, start), &t[0]);
    assert_ptr_equal(fleet_task_next(f, w, start), &t[1]);
    assert_null(fleet_task_next(f, w, start));
    fleet_free(f);
}

/* The slot a report sets free is for what follows from it, until somebody has waited too long. */
static void test_fleet__hands_a_slot_over_for_a_while(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 1);
    struct fleet_worker *other = worker(f, "other", "A", 1);
    struct fleet_task t[5] = {0};
    struct fleet_now now = start;

    (void)state;
    (void)ready(f, &t[0], "A");
    (void)ready(f, &t[1], "A");
    assert_null(ready(f, &t[2], "A"));
    fleet_task_end(f, t[0].worker == w ? &t[0] : &t[1]);
    assert_null(fleet_task_ready(f, &t[3], SLICE("A"), other, now)); /* has no slot to hand over */
    assert_null(fleet_task_ready(f, &t[4], SLICE("A"), NULL, now));
    fleet_task_end(f, &t[4]);
    now.wall_ms += LIMIT_HANDOVER_MS;
    now.mono_ms += LIMIT_HANDOVER_MS;
    assert_ptr_equal(fleet_task_ready(f, &t[4], SLICE("A"), w, now), w);
    fleet_task_end(f, &t[4]);
    now.wall_ms++;
    now.mono_ms++;
    assert_null(fleet_task_ready(f, &t[4], SLICE("A"), w, now));
    assert_ptr_equal(fleet_task_next(f, w, now), &t[2]);
    fleet_free(f);
}

/* Who is avoided gets what stands behind, and others what avoids it. */
static void test_fleet__passes_over_who_is_avoided(void **state)
{
    static const struct slice avoided[] = {SLICE_INIT("u"), SLICE_INIT("v")};
    struct fleet *f = fleet_make();
    struct fleet_worker *v = worker(f, "v", "A", 8);
    struct fleet_worker *w = worker(f, "w", "A", 1);
    struct fleet_task t[5] = {{.avoid = avoided, .avoid_count = 2},
                              {.avoid = avoided, .avoid_count = 2}};

    (void)state;
    assert_ptr_equal(ready(f, &t[0], "A"), w); /* though v has the larger share */
    assert_null(ready(f, &t[1], "A"));
    assert_null(fleet_task_next(f, v, start));
    assert_ptr_equal(ready(f, &t[2], "A"), v); /* whom all who wait avoid */
    fleet_worker_carries(f, v, -1);
    assert_null(ready(f, &t[3], "A"));
    fleet_worker_carries(f, v, 1);
    assert_null(ready(f, &t[4], "A")); /* one waits for v now, and goes first */
    assert_ptr_equal(fleet_task_next(f, v, start), &t[3]);
    assert_ptr_equal(fleet_task_next(f, v, start), &t[4]);
    fleet_task_end(f, &t[0]);
    assert_ptr_equal(fleet_task_next(f, w, start), &t[1]);
    fleet_free(f);
}

/* The one that it was given longest ago; at first, the one whose head became ready first. */
static void test_fleet__takes_turns_over_functions(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_offer offers[] = {{SLICE("A"), 8}, {SLICE("B"), 8}, {SLICE("C"), 8}};
    struct fleet_hello h = {
        .name = SLICE("w"), .slots = 8, .offers = offers, .offer_count = 3, .instance = 1};
    const char *functions[6] = {"B", "C", "B", "A", "C", "A"};
    const size_t order[6] = {0, 1, 3, 2, 4, 5};
    struct fleet_task t[6] = {0};
    struct fleet_worker *w;
    struct list lost;

    (void)state;
    list_init(&lost);
    for (size_t i = 0; i < 6; i++) {
        assert_null(ready(f, &t[i], functions[i]));
    }
    assert_int_equal(hello_as(f, &h, start, &w, &lost), OK);
    fleet_worker_carries(f, w, 1);
    for (size_t i = 0; i < 6; i++) {
        assert_ptr_equal(fleet_task_next(f, w, start), &t[order[i]]);
    }
    fleet_free(f);
}

static void test_fleet__chooses_the_largest_free_share(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *small = worker(f, "small", "A", 2);
    struct fleet_worker *large = worker(f, "large", "A", 8);
    struct fleet_task t[10] = {0};
    unsigned smalls = 0;

    (void)state;
    /* Shares 2/2 and 8/8: the tie goes to the preferred one. Then 1/2 is less than 8/8 .. 5/8. */
    assert_ptr_equal(fleet_task_ready(f, &t[0], SLICE("A"), small, start), small);
    for (size_t i = 1; i < 5; i++) {
        assert_ptr_equal(fleet_task_ready(f, &t[i], SLICE("A"), small, start), large);
    }
    /* 1/2 and 4/8 are equal: the preferred one, and without one the longest ago. */
    assert_ptr_equal(fleet_task_ready(f, &t[5], SLICE("A"), large, start), large);
    fleet_task_end(f, &t[5]);
    assert_ptr_equal(fleet_task_ready(f, &t[5], SLICE("A"), NULL, start), small);
    for (size_t i = 6; i < 10; i++) {
        smalls += fleet_task_ready(f, &t[i], SLICE("A"), NULL, start) == small;
    }
    assert_int_equal(smalls, 0);
    assert_int_equal(large->leased, 8);
    fleet_free(f);
}

static void test_fleet__goes_round_among_equals(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w[3] = {worker(f, "a", "A", 4), worker(f, "b", "A", 4),
                                 worker(f, "c", "A", 4)};
    struct fleet_task t = {0};
    unsigned counts[3] = {0};

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        struct fleet_worker *to = ready(f, &t, "A");

        assert_ptr_equal(to, w[i % 3]);
        counts[i % 3]++;
        fleet_task_end(f, &t);
    }
    assert_int_equal(counts[0], MANY / 3);
    fleet_free(f);
}

static void test_fleet__drains(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 4);
    struct fleet_task t[3] = {0};
    size_t queued;
    size_t workers;

    (void)state;
    assert_ptr_equal(ready(f, &t[0], "A"), w);
    fleet_worker_drain(f, w);
    assert_true(w->draining);
    assert_null(ready(f, &t[1], "A"));
    assert_null(fleet_task_next(f, w, start));
    fleet_task_return(f, &t[0], after(1));
    assert_null(fleet_task_next(f, w, after(1)));
    fleet_function_counts(f, SLICE("A"), &queued, &workers);
    assert_int_equal(queued, 2);
    assert_int_equal(workers, 1);
    fleet_free(f);
}

/* ---- Tasks ---- */

static void test_fleet__ends_whatever_it_was(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 1);
    struct fleet_task t[2] = {{.timeout_ms = 10, .heartbeat_ms = 5}, {0}};
    struct token token;

    (void)state;
    fleet_task_end(f, &t[0]); /* nothing yet: nothing happens */
    assert_ptr_equal(ready(f, &t[0], "A"), w);
    token = t[0].token;
    t[0].cancel = true;
    assert_null(ready(f, &t[1], "A"));
    fleet_task_end(f, &t[1]);
    assert_int_equal(fleet_ready_count(f), 0);
    fleet_task_end(f, &t[0]);
    assert_int_equal(t[0].status, FLEET_TASK_NONE);
    assert_false(t[0].cancel);
    assert_null(t[0].worker);
    assert_int_equal(w->leased, 0);
    assert_int_equal(fleet_leased_count(f), 0);
    assert_null(fleet_task_find(f, token)); /* stale */
    assert_due(f, after(1000), FLEET_DUE_NONE);
    fleet_task_end(f, &t[0]);
    assert_ptr_equal(ready(f, &t[0], "A"), w); /* the same storage again, under a new token */
    assert_int_equal(t[0].token.counter, token.counter + 1);
    fleet_free(f);
}

static void test_fleet__knows_no_other_token(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_task t = {0};

    (void)state;
    assert_null(fleet_task_find(f, (struct token){EPOCH, 1}));
    (void)worker(f, "w", "A", 1);
    assert_non_null(ready(f, &t, "A"));
    assert_null(fleet_task_find(f, (struct token){EPOCH - 1, 1}));
    assert_null(fleet_task_find(f, (struct token){EPOCH + (1 << 24), 1})); /* the same hash */
    assert_null(fleet_task_find(f, (struct token){EPOCH, 2}));
    assert_null(fleet_task_find(f, (struct token){0, 0}));
    assert_ptr_equal(fleet_task_find(f, (struct token){EPOCH, 1}), &t);
    fleet_free(f);
}

static void test_fleet__returns_to_the_head(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 2);
    struct fleet_task t[4] = {{.timeout_ms = 100, .heartbeat_ms = 100}};
    struct token token;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        (void)ready(f, &t[i], "A");
    }
    token = t[0].token;
    fleet_task_return(f, &t[1], after(1));
    fleet_task_return(f, &t[0], after(2));
    assert_int_equal(t[0].status, FLEET_TASK_READY);
    assert_null(fleet_task_find(f, token));
    assert_int_equal(w->leased, 0);
    assert_int_equal(fleet_ready_count(f), 4);
    assert_due(f, after(200), FLEET_DUE_NONE); /* its deadlines are gone */
    assert_ptr_equal(fleet_task_next(f, w, after(3)), &t[0]);
    assert_ptr_equal(fleet_task_next(f, w, after(3)), &t[1]);
    assert_null(fleet_task_next(f, w, after(3)));
    assert_int_equal(t[0].token.counter, 3);
    fleet_task_end(f, &t[0]);
    fleet_task_end(f, &t[1]);
    assert_ptr_equal(fleet_task_next(f, w, after(3)), &t[2]);
    assert_ptr_equal(fleet_task_next(f, w, after(3)), &t[3]);
    fleet_free(f);
}

static void test_fleet__times_a_task_out_from_its_grant(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 1);
    struct fleet_task t = {.timeout_ms = 100};
    struct fleet_due due;

    (void)state;
    fleet_worker_carries(f, w, -1);
    assert_null(ready(f, &t, "A"));
    assert_due(f, after(500), FLEET_DUE_NONE); /* not while it waits */
    fleet_worker_carries(f, w, 1);
    assert_ptr_equal(fleet_task_next(f, w, after(500)), &t);
    assert_int_equal(fleet_wait_ms(f, after(500)), 100);
    assert_due(f, after(599), FLEET_DUE_NONE);
    due = fleet_next_due(f, after(600));
    assert_int_equal(due.kind, FLEET_DUE_TIMEOUT);
    assert_ptr_equal(due.task, &t);
    assert_int_equal(t.status, FLEET_TASK_LEASED);
    fleet_task_end(f, &t);
    assert_due(f, after(600), FLEET_DUE_NONE);
    fleet_free(f);
}

static void test_fleet__moves_a_heartbeat(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_task t = {.timeout_ms = 100, .heartbeat_ms = 40};
    struct fleet_task plain = {0};
    struct fleet_due due;

    (void)state;
    (void)worker(f, "w", "A", 2);
    assert_non_null(ready(f, &t, "A"));
    assert_non_null(ready(f, &plain, "A"));
    fleet_task_heartbeat(f, &plain, after(1)); /* it has none */
    assert_due(f, after(39), FLEET_DUE_NONE);
    fleet_task_heartbeat(f, &t, after(39));
    assert_due(f, after(78), FLEET_DUE_NONE);
    assert_int_equal(fleet_wait_ms(f, after(78)), 1);
    due = fleet_next_due(f, after(79));
    assert_int_equal(due.kind, FLEET_DUE_HEARTBEAT);
    assert_ptr_equal(due.task, &t);
    fleet_task_heartbeat(f, &t, after(79));
    assert_due(f, after(100), FLEET_DUE_TIMEOUT);
    /* Both are late: the one that was due first says why. */
    fleet_task_heartbeat(f, &t, after(59));
    assert_due(f, after(200), FLEET_DUE_HEARTBEAT);
    fleet_free(f);
}

/* ---- No function ---- */

static void test_fleet__fails_what_no_worker_offers(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_task t[3] = {0};
    struct fleet_due due;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_null(fleet_task_ready(f, &t[i], SLICE("A"), NULL, after(10 * i)));
    }
    assert_int_equal(fleet_wait_ms(f, after(20)), NO_FUNCTION_MS - 20);
    assert_due(f, after(NO_FUNCTION_MS - 1), FLEET_DUE_NONE);
    due = fleet_next_due(f, after(NO_FUNCTION_MS));
    assert_int_equal(due.kind, FLEET_DUE_NO_FUNCTION);
    assert_ptr_equal(due.task, &t[0]);
    assert_int_equal(t[0].status, FLEET_TASK_READY);
    fleet_task_end(f, &t[0]);
    assert_due(f, after(NO_FUNCTION_MS + 9), FLEET_DUE_NONE);
    assert_ptr_equal(fleet_next_due(f, after(NO_FUNCTION_MS + 20)).task, &t[1]);
    fleet_task_end(f, &t[1]);
    assert_ptr_equal(fleet_next_due(f, after(NO_FUNCTION_MS + 20)).task, &t[2]);
    fleet_task_end(f, &t[2]);
    assert_int_equal(fleet_wait_ms(f, after(NO_FUNCTION_MS + 20)), -1);
    fleet_free(f);
}

static void test_fleet__waits_while_a_worker_offers_it(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_task t[2] = {0};
    struct fleet_worker *w;
    struct list lost;

    (void)state;
    list_init(&lost);
    assert_null(ready(f, &t[0], "A"));
    w = worker(f, "w", "A", 1);
    fleet_worker_drain(f, w); /* registered still */
    fleet_worker_seen(f, w, after(NO_FUNCTION_MS));
    assert_due(f, after(NO_FUNCTION_MS), FLEET_DUE_NONE);
    fleet_worker_seen(f, w, after(NO_FUNCTION_MS + 7));
    fleet_worker_remove(f, w, &lost);
    assert_null(fleet_task_ready(f, &t[1], SLICE("A"), NULL, after(NO_FUNCTION_MS + 8)));
    assert_due(f, after(2 * NO_FUNCTION_MS + 6), FLEET_DUE_NONE);
    assert_ptr_equal(fleet_next_due(f, after(2 * NO_FUNCTION_MS + 7)).task, &t[0]);
    fleet_task_end(f, &t[0]);
    assert_due(f, after(2 * NO_FUNCTION_MS + 7), FLEET_DUE_NONE);
    assert_ptr_equal(fleet_next_due(f, after(2 * NO_FUNCTION_MS + 8)).task, &t[1]);
    fleet_free(f);
}

static void test_fleet__waits_for_ever_where_so_configured(void **state)
{
    struct fleet *f = fleet_new(&(struct fleet_config){LEASE_MS, 0}, EPOCH);
    struct fleet_task t = {0};

    (void)state;
    assert_null(ready(f, &t, "A"));
    assert_int_equal(fleet_wait_ms(f, start), -1);
    assert_due(f, after(INT64_C(1) << 50), FLEET_DUE_NONE);
    fleet_free(f);
}

/* What is handed back stands first in the queue and yet is due last. */
static void test_fleet__fails_first_what_waits_longest(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 1);
    struct fleet_task t[2] = {0};
    struct list lost;

    (void)state;
    list_init(&lost);
    assert_ptr_equal(ready(f, &t[0], "A"), w);
    assert_null(ready(f, &t[1], "A"));
    fleet_worker_remove(f, w, &lost);
    fleet_task_return(f, &t[0], after(500));
    assert_true(list_empty(&lost));
    assert_ptr_equal(fleet_next_due(f, after(NO_FUNCTION_MS)).task, &t[1]);
    fleet_task_end(f, &t[1]);
    assert_due(f, after(NO_FUNCTION_MS + 499), FLEET_DUE_NONE);
    assert_ptr_equal(fleet_next_due(f, after(NO_FUNCTION_MS + 500)).task, &t[0]);
    fleet_free(f);
}

static void test_fleet__counts_a_functions_tasks_and_workers(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_task t[2] = {0};
    size_t queued = 9;
    size_t workers = 9;

    (void)state;
    fleet_function_counts(f, SLICE("A"), &queued, &workers);
    assert_int_equal(queued, 0);
    assert_int_equal(workers, 0);
    (void)ready(f, &t[0], "A");
    (void)ready(f, &t[1], "A");
    (void)worker(f, "w", "A", 1);
    (void)worker(f, "x", "A", 1);
    (void)worker(f, "y", "B", 1);
    fleet_function_counts(f, SLICE("A"), &queued, &workers);
    assert_int_equal(queued, 2);
    assert_int_equal(workers, 2);
    fleet_free(f);
}

/* ---- Keep-alive ---- */

static void test_fleet__loses_a_silent_worker(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 2);
    struct fleet_task t = {0};
    struct fleet_due due;
    struct list lost;

    (void)state;
    list_init(&lost);
    (void)ready(f, &t, "A");
    assert_int_equal(fleet_wait_ms(f, start), LEASE_MS);
    fleet_worker_seen(f, w, after(100));
    assert_int_equal(w->seen_mono_ms, start.mono_ms + 100);
    assert_due(f, after(LEASE_MS + 99), FLEET_DUE_NONE);
    due = fleet_next_due(f, after(LEASE_MS + 100));
    assert_int_equal(due.kind, FLEET_DUE_WORKER);
    assert_ptr_equal(due.worker, w);
    fleet_worker_remove(f, w, &lost);
    assert_int_equal(list_count(&lost), 1);
    assert_null(t.worker);
    fleet_task_end(f, &t);
    assert_int_equal(fleet_wait_ms(f, after(LEASE_MS + 100)), -1);
    fleet_free(f);
}

static void test_fleet__has_two_clocks(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 2);
    struct fleet_task t = {.timeout_ms = 1000};
    struct fleet_timer timer = {0};
    struct fleet_now wall = {start.wall_ms + 1000000, start.mono_ms};
    struct fleet_now mono = {start.wall_ms, start.mono_ms + 1000000};
    struct fleet_due due;

    (void)state;
    (void)ready(f, &t, "A");
    fleet_timer_set(f, &timer, start.wall_ms + 1500);
    /* The wall jumps: what the definition says is due, the worker still speaks. */
    due = fleet_next_due(f, wall);
    assert_int_equal(due.kind, FLEET_DUE_TIMEOUT);
    fleet_task_end(f, &t);
    due = fleet_next_due(f, wall);
    assert_int_equal(due.kind, FLEET_DUE_TIMER);
    assert_ptr_equal(due.timer, &timer);
    assert_due(f, wall, FLEET_DUE_NONE);
    assert_int_equal(fleet_wait_ms(f, wall), LEASE_MS);
    /* The wall stands: the worker is silent all the same, and nothing else is due. */
    (void)ready(f, &t, "A");
    fleet_timer_set(f, &timer, start.wall_ms + 1500);
    due = fleet_next_due(f, mono);
    assert_int_equal(due.kind, FLEET_DUE_WORKER);
    assert_ptr_equal(due.worker, w);
    fleet_worker_seen(f, w, mono);
    assert_due(f, mono, FLEET_DUE_NONE);
    assert_int_equal(fleet_wait_ms(f, mono), 1000);
    fleet_free(f);
}

static void test_fleet__extends_what_a_stall_delayed(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 2);
    struct fleet_task t = {.timeout_ms = 1000, .heartbeat_ms = 500};
    struct fleet_task orphan = {0};
    struct fleet_task lonely = {0};
    struct fleet_timer timer = {0};

    (void)state;
    (void)ready(f, &t, "A");
    (void)ready(f, &lonely, "B");
    fleet_task_restore(f, &orphan, SLICE("A"), SLICE("x"), (struct token){1, 1}, 0, start);
    fleet_timer_set(f, &timer, start.wall_ms + 2000);
    fleet_extend(f, 100000);
    assert_int_equal(fleet_wait_ms(f, after(100000)), 0);
    assert_due(f, after(100000), FLEET_DUE_TIMER); /* a timer is not a promise of someone's */
    assert_due(f, after(100499), FLEET_DUE_NONE);
    assert_due(f, after(100500), FLEET_DUE_HEARTBEAT);
    fleet_task_heartbeat(f, &t, after(100600));
    assert_due(f, after(100999), FLEET_DUE_NONE);
    assert_due(f, after(101000), FLEET_DUE_TIMEOUT);
    fleet_task_end(f, &t);
    assert_due(f, after(100000 + LEASE_MS - 1), FLEET_DUE_NONE);
    assert_due(f, after(100000 + LEASE_MS), FLEET_DUE_WORKER);
    fleet_worker_seen(f, w, after(100000 + LEASE_MS)); /* one full interval, not more */
    assert_due(f, after(100000 + LEASE_MS), FLEET_DUE_ORPHAN);
    fleet_task_end(f, &orphan);
    assert_int_equal(fleet_wait_ms(f, after(100000 + LEASE_MS)), LEASE_MS);
    fleet_worker_seen(f, w, after(100000 + NO_FUNCTION_MS));
    assert_due(f, after(100000 + NO_FUNCTION_MS - 1), FLEET_DUE_NONE);
    assert_due(f, after(100000 + NO_FUNCTION_MS), FLEET_DUE_NO_FUNCTION);
    fleet_free(f);
}

/* ---- Timers ---- */

static void test_fleet__gives_timers_in_order(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_timer t[4] = {
        {.execution = 1}, {.execution = 2}, {.execution = 3}, {.execution = 4}};

    (void)state;
    assert_int_equal(fleet_wait_ms(f, start), -1);
    fleet_timer_set(f, &t[0], start.wall_ms + 30);
    fleet_timer_set(f, &t[1], start.wall_ms + 10);
    fleet_timer_set(f, &t[2], start.wall_ms + 20);
    fleet_timer_set(f, &t[3], INT64_MAX);
    assert_int_equal(fleet_wait_ms(f, start), 10);
    fleet_timer_set(f, &t[1], start.wall_ms + 25);
    assert_int_equal(fleet_wait_ms(f, start), 20);
    assert_int_equal(fleet_wait_ms(f, after(21)), 0);
    assert_ptr_equal(fleet_next_due(f, after(40)).timer, &t[2]);
    fleet_timer_clear(f, &t[1]);
    fleet_timer_clear(f, &t[1]);
    assert_ptr_equal(fleet_next_due(f, after(40)).timer, &t[0]);
    assert_false(heap_has(&t[0].heap));
    assert_due(f, after(40), FLEET_DUE_NONE);
    assert_true(fleet_wait_ms(f, (struct fleet_now){-5, -5}) > 0);
    fleet_free(f);
}

/* Names come from users: what has neither task nor worker takes no memory. */
static void test_fleet__forgets_names(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_task t[3] = {0};
    struct fleet_worker *w;
    struct list lost;

    (void)state;
    list_init(&lost);
    (void)ready(f, &t[0], "A");
    fleet_task_restore(f, &t[1], SLICE("C"), SLICE("x"), (struct token){3, 1}, 0, start);
    w = worker(f, "w", "B", 1);
    (void)ready(f, &t[2], "B");
    assert_int_equal(f->functions.count, 3);
    assert_int_equal(f->absent.count, 1);
    fleet_worker_remove(f, w, &lost);
    assert_int_equal(f->functions.count, 3);
    for (size_t i = 0; i < 3; i++) {
        fleet_task_end(f, &t[i]);
    }
    assert_int_equal(f->functions.count, 0);
    assert_int_equal(f->absent.count, 0);
    w = worker(f, "w", "B", 1);
    assert_int_equal(f->functions.count, 1);
    fleet_worker_remove(f, w, &lost);
    assert_int_equal(f->functions.count, 0);
    fleet_free(f);
}

static void test_fleet__frees_nothing_twice(void **state)
{
    struct fleet_task *t = mem_zalloc(3, sizeof(*t));
    struct fleet *f = fleet_make();

    (void)state;
    fleet_free(NULL);
    (void)worker(f, "w", "A", 1);
    (void)ready(f, &t[0], "A");
    (void)ready(f, &t[1], "A");
    fleet_task_restore(f, &t[2], SLICE("C"), SLICE("x"), (struct token){3, 1}, 0, start);
    mem_free(t); /* the fleet looks at no task any more */
    fleet_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fleet__grants_at_once_where_a_slot_is_free),
        cmocka_unit_test(test_fleet__grants_nothing_where_nothing_carries),
        cmocka_unit_test(test_fleet__bounds_a_functions_own_slots),
        cmocka_unit_test(test_fleet__puts_nobody_before_a_queue),
        cmocka_unit_test(test_fleet__hands_a_slot_over_for_a_while),
        cmocka_unit_test(test_fleet__passes_over_who_is_avoided),
        cmocka_unit_test(test_fleet__takes_turns_over_functions),
        cmocka_unit_test(test_fleet__chooses_the_largest_free_share),
        cmocka_unit_test(test_fleet__goes_round_among_equals),
        cmocka_unit_test(test_fleet__drains),
        cmocka_unit_test(test_fleet__ends_whatever_it_was),
        cmocka_unit_test(test_fleet__knows_no_other_token),
        cmocka_unit_test(test_fleet__returns_to_the_head),
        cmocka_unit_test(test_fleet__times_a_task_out_from_its_grant),
        cmocka_unit_test(test_fleet__moves_a_heartbeat),
        cmocka_unit_test(test_fleet__fails_what_no_worker_offers),
        cmocka_unit_test(test_fleet__waits_while_a_worker_offers_it),
        cmocka_unit_test(test_fleet__waits_for_ever_where_so_configured),
        cmocka_unit_test(test_fleet__fails_first_what_waits_longest),
        cmocka_unit_test(test_fleet__counts_a_functions_tasks_and_workers),
        cmocka_unit_test(test_fleet__loses_a_silent_worker),
        cmocka_unit_test(test_fleet__has_two_clocks),
        cmocka_unit_test(test_fleet__extends_what_a_stall_delayed),
        cmocka_unit_test(test_fleet__gives_timers_in_order),
        cmocka_unit_test(test_fleet__forgets_names),
        cmocka_unit_test(test_fleet__frees_nothing_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
