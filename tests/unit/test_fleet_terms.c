/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask of functions and workers, case by case: whose turn it is in a queue, labels,
 * limits, priorities, cordons, figures. Long random runs: test_fleet_model.c. */
#include "tests/lib/fleet_case.h"

#include "coordinator/fleet/internal.h"
#include "proto/base/limits.h"

static void terms(struct fleet *f, const char *function, struct fleet_terms t)
{
    fleet_terms_set(f, slice_str(function), &t, start);
}

static struct fleet_worker *
labelled(struct fleet *f, const char *name, const char *labels, const char *function)
{
    struct fleet_offer offer = {slice_str(function), 4};
    struct fleet_hello h = {.name = slice_str(name),
                            .instance = 1,
                            .slots = 4,
                            .offers = &offer,
                            .offer_count = 1,
                            .labels = slice_str(labels)};
    struct fleet_worker *w = NULL;
    struct list lost;

    list_init(&lost);
    assert_int_equal(hello_as(f, &h, start, &w, &lost), OK);
    if (w->carriers == 0) {
        fleet_worker_carries(f, w, 1);
    }
    return w;
}

/* The next one is `want`, and is over at once. */
static void assert_next(struct fleet *f, struct fleet_worker *w, struct fleet_task *want)
{
    assert_ptr_equal(fleet_task_next(f, w, start), want);
    fleet_task_end(f, want);
}

/* ---- The queue ---- */

static void test_fleet_terms__lets_machines_take_turns(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_task t[7] = {{.lane = 1, .execution = 1}, {.lane = 1, .execution = 2},
                              {.lane = 1, .execution = 3}, {.lane = 2, .execution = 9},
                              {.lane = 2, .execution = 8}, {.lane = 3, .execution = 7},
                              {.lane = 1, .execution = 0}};
    const size_t order[7] = {6, 4, 5, 0, 3, 1, 2};
    struct fleet_worker *w;

    (void)state;
    for (size_t i = 0; i < 7; i++) {
        assert_null(ready(f, &t[i], "A"));
    }
    w = worker(f, "w", "A", 1);
    for (size_t i = 0; i < 7; i++) {
        assert_next(f, w, &t[order[i]]);
    }
    assert_null(fleet_task_next(f, w, start));
    fleet_free(f);
}

/* An old execution that never ends has the lane to itself, but for one grant of LIMIT_TURNS. */
static void test_fleet_terms__starves_nobody(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_task young = {.execution = 2};
    struct fleet_task old = {.execution = 1};
    struct fleet_worker *w;
    unsigned turns = 1;

    (void)state;
    assert_null(ready(f, &young, "A"));
    assert_null(ready(f, &old, "A"));
    w = worker(f, "w", "A", 1);
    while (turns < 2 * LIMIT_TURNS && fleet_task_next(f, w, start) == &old) {
        fleet_task_end(f, &old);
        assert_null(ready(f, &old, "A"));
        turns++;
    }
    assert_int_equal(young.status, FLEET_TASK_LEASED);
    assert_int_equal(turns, LIMIT_TURNS);
    fleet_free(f);
}

/* Nor does one that goes from function to function and takes its slot along. */
static void test_fleet_terms__hands_over_to_other_functions_in_the_end(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_offer offers[] = {{SLICE("A"), 1}, {SLICE("B"), 1}, {SLICE("C"), 1}};
    struct fleet_hello h = {
        .name = SLICE("w"), .slots = 1, .offers = offers, .offer_count = 3, .instance = 1};
    struct fleet_task waits = {.execution = 2};
    struct fleet_task goes = {.execution = 1};
    struct fleet_now late = after(LIMIT_HANDOVER_MS + 1);
    struct fleet_worker *w;
    struct list lost;
    unsigned turns = 0;

    (void)state;
    list_init(&lost);
    assert_int_equal(hello_as(f, &h, start, &w, &lost), OK);
    fleet_worker_carries(f, w, 1);
    assert_ptr_equal(ready(f, &goes, "A"), w);
    assert_null(ready(f, &waits, "C"));
    do {
        fleet_task_end(f, &goes);
        turns++;
    } while (turns < 2 * LIMIT_TURNS &&
             fleet_task_ready(f, &goes, turns % 2 != 0 ? SLICE("B") : SLICE("A"), w, late) == w);
    assert_int_equal(turns, LIMIT_TURNS + 1);
    assert_ptr_equal(fleet_task_next(f, w, late), &waits);
    fleet_free(f);
}

/* ---- Limits ---- */

static void test_fleet_terms__bounds_what_is_leased(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 8);
    struct fleet_worker *got;
    struct fleet_task t[4] = {0};

    (void)state;
    terms(f, "A", (struct fleet_terms){.concurrency = 2});
    assert_ptr_equal(ready(f, &t[0], "A"), w);
    assert_ptr_equal(ready(f, &t[1], "A"), w);
    assert_null(ready(f, &t[2], "A"));
    assert_null(ready(f, &t[3], "A"));
    assert_null(fleet_task_next(f, w, start));
    assert_null(fleet_task_opened(f, start, &got));
    fleet_task_end(f, &t[0]);
    assert_ptr_equal(fleet_task_opened(f, start, &got), &t[2]); /* nobody had to ask */
    assert_ptr_equal(got, w);
    assert_null(fleet_task_opened(f, start, &got));
    terms(f, "A", (struct fleet_terms){.concurrency = 1}); /* what is leased stays so */
    assert_null(fleet_task_opened(f, start, &got));
    fleet_task_end(f, &t[1]);
    assert_null(fleet_task_opened(f, start, &got));
    fleet_terms_set(f, SLICE("A"), NULL, start);
    assert_null(fleet_terms_of(f, SLICE("A")));
    assert_ptr_equal(fleet_task_opened(f, start, &got), &t[3]);
    fleet_free(f);
}

static void test_fleet_terms__bounds_grants_a_second(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 64);
    struct fleet_worker *got;
    struct fleet_task t[40] = {0};
    unsigned granted = 0;

    (void)state;
    terms(f, "A", (struct fleet_terms){.rate_milli = 10000}); /* ten a second */
    for (size_t i = 0; i < 40; i++) {
        granted += ready(f, &t[i], "A") != NULL;
    }
    assert_int_equal(granted, 1); /* a bucket begins with one */
    assert_int_equal(fleet_wait_ms(f, start), 100);
    assert_due(f, after(99), FLEET_DUE_NONE);
    assert_null(fleet_task_opened(f, after(99), &got));
    assert_due(f, after(100), FLEET_DUE_NONE);
    assert_ptr_equal(fleet_task_opened(f, after(100), &got), &t[1]);
    assert_null(fleet_task_opened(f, after(100), &got));
    assert_int_equal(fleet_wait_ms(f, after(100)), 100);
    /* Ten seconds save up a second's worth and no more. */
    assert_due(f, after(10000), FLEET_DUE_NONE);
    for (granted = 0; fleet_task_opened(f, after(10000), &got) != NULL; granted++) {
        assert_ptr_equal(got, w);
    }
    assert_int_equal(granted, 10);
    assert_null(fleet_task_next(f, w, after(10000)));
    fleet_free(f);
}

static void test_fleet_terms__grants_less_than_one_a_second(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 4);
    struct fleet_task t[2] = {0};

    (void)state;
    terms(f, "A", (struct fleet_terms){.rate_milli = 500});
    assert_ptr_equal(ready(f, &t[0], "A"), w);
    assert_null(fleet_task_ready(f, &t[1], SLICE("A"), w, after(1999)));
    assert_null(fleet_task_next(f, w, after(1999)));
    fleet_extend(f, 5000); /* while the loop stands still no token comes */
    assert_null(fleet_task_next(f, w, after(6999)));
    assert_ptr_equal(fleet_task_next(f, w, after(7000)), &t[1]);
    fleet_free(f);
}

/* ---- Labels ---- */

static void test_fleet_terms__grants_to_who_carries_the_labels(void **state)
{
    static const struct fleet_label labels[] = {{SLICE_INIT("gpu"), SLICE_INIT("a100")},
                                                {SLICE_INIT("zone"), SLICE_INIT("x")}};
    struct fleet *f = fleet_make();
    struct fleet_worker *plain = labelled(f, "plain", "", "A");
    struct fleet_worker *half = labelled(f, "half", "{\"gpu\":\"a100\"}", "A");
    struct fleet_worker *got;
    struct fleet_task t[3] = {0};
    size_t queued;
    size_t workers;

    (void)state;
    (void)labelled(f, "odd", "{\"gpu\":\"a100\",\"zone\":1}", "A");
    (void)labelled(f, "no-object", "[\"gpu\"]", "A");
    terms(f, "A", (struct fleet_terms){.labels = labels, .label_count = 2});
    assert_null(fleet_task_ready(f, &t[0], SLICE("A"), plain, start));
    assert_null(fleet_task_next(f, half, start));
    fleet_function_counts(f, SLICE("A"), &queued, &workers);
    assert_int_equal(workers, 0); /* it is as if nobody offered it */
    assert_null(fleet_task_opened(f, start, &got));
    got = labelled(f, "half", "{\"gpu\":\"a100\",\"zone\":\"x\",\"b\":\"c\"}", "A");
    assert_ptr_equal(got, half); /* the same process, with labels of today */
    assert_ptr_equal(fleet_task_next(f, half, start), &t[0]);
    assert_ptr_equal(ready(f, &t[1], "A"), half);
    terms(f, "A", (struct fleet_terms){.labels = labels, .label_count = 1});
    fleet_function_counts(f, SLICE("A"), &queued, &workers);
    assert_int_equal(workers, 2);
    fleet_terms_set(f, SLICE("A"), NULL, start);
    assert_ptr_equal(fleet_task_ready(f, &t[2], SLICE("A"), plain, start), plain);
    fleet_free(f);
}

/* ---- Priorities ---- */

static void test_fleet_terms__puts_the_higher_first(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_offer offers[] = {{SLICE("A"), 1}, {SLICE("B"), 1}, {SLICE("C"), 1}};
    struct fleet_hello h = {
        .name = SLICE("w"), .slots = 1, .offers = offers, .offer_count = 3, .instance = 1};
    struct fleet_task t[4] = {0};
    struct fleet_worker *w;
    struct fleet_worker *got;
    struct list lost;

    (void)state;
    list_init(&lost);
    assert_int_equal(hello_as(f, &h, start, &w, &lost), OK);
    fleet_worker_carries(f, w, 1);
    terms(f, "B", (struct fleet_terms){.priority = 1});
    terms(f, "C", (struct fleet_terms){.priority = -1});
    assert_ptr_equal(ready(f, &t[0], "A"), w);
    assert_null(ready(f, &t[1], "C"));
    assert_null(ready(f, &t[2], "B"));
    fleet_task_end(f, &t[0]);
    /* The slot is not for what follows from the report: B goes first. */
    assert_null(fleet_task_ready(f, &t[3], SLICE("A"), w, start));
    assert_next(f, w, &t[2]);
    assert_ptr_equal(fleet_task_opened(f, start, &got), &t[3]); /* A before C */
    fleet_task_end(f, &t[3]);
    assert_next(f, w, &t[1]);
    fleet_free(f);
}

/* ---- Cordons ---- */

static void test_fleet_terms__cordons_by_name(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 2);
    struct fleet_task t[2] = {0};
    struct list lost;

    (void)state;
    assert_ptr_equal(ready(f, &t[0], "A"), w);
    fleet_cordon(f, SLICE("w"), FLEET_CORDONED);
    assert_int_equal(w->cordon, FLEET_CORDONED);
    assert_null(ready(f, &t[1], "A"));
    assert_null(fleet_task_next(f, w, start));
    assert_int_equal(t[0].status, FLEET_TASK_LEASED);
    list_init(&lost);
    fleet_worker_remove(f, w, &lost);
    fleet_task_end(f, &t[0]);
    w = worker(f, "w", "A", 2); /* another process, the same name */
    assert_null(fleet_task_next(f, w, start));
    fleet_cordon(f, SLICE("w"), FLEET_OPEN);
    fleet_cordon(f, SLICE("w"), FLEET_OPEN);
    assert_int_equal(fleet_cordon_count(f), 0);
    assert_ptr_equal(fleet_task_next(f, w, start), &t[1]);
    fleet_cordon(f, SLICE("to-come"), FLEET_DRAINED);
    assert_int_equal(worker(f, "to-come", "A", 1)->cordon, FLEET_DRAINED);
    fleet_free(f);
}

/* ---- Figures ---- */

static struct fleet_gauge gauge(struct fleet *f, const char *function)
{
    struct fleet_gauge g;

    fleet_gauge(f, slice_str(function), after(250), &g);
    return g;
}

static void test_fleet_terms__tells_how_many_workers_are_wanted(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w[2] = {worker(f, "v", "A", 2), worker(f, "w", "A", 3)};
    struct fleet_task t[12] = {0};
    struct list lost;

    (void)state;
    assert_int_equal(gauge(f, "A").wanted, 0);
    for (size_t i = 0; i < 12; i++) {
        (void)ready(f, &t[i], "A");
    }
    assert_int_equal(gauge(f, "A").ready, 7);
    assert_int_equal(gauge(f, "A").leased, 5);
    assert_int_equal(gauge(f, "A").slots, 5);
    assert_int_equal(gauge(f, "A").workers, 2);
    assert_int_equal(gauge(f, "A").oldest_ms, 250);
    assert_int_equal(gauge(f, "A").wanted, 6); /* 12 by 2.5 each, of which 2 are taken for sure */
    terms(f, "A", (struct fleet_terms){.concurrency = 8});
    assert_int_equal(gauge(f, "A").wanted, 4);
    terms(f, "A", (struct fleet_terms){.rate_milli = 2500});
    assert_int_equal(gauge(f, "A").wanted, 4); /* 5 and 2 */
    fleet_terms_set(f, SLICE("A"), NULL, start);
    fleet_cordon(f, SLICE("w"), FLEET_CORDONED); /* what it has it ends itself */
    assert_int_equal(gauge(f, "A").slots, 2);
    assert_int_equal(gauge(f, "A").leased, 5);
    assert_int_equal(gauge(f, "A").wanted, 5);
    list_init(&lost);
    fleet_worker_remove(f, w[0], &lost);
    fleet_worker_remove(f, w[1], &lost);
    for (size_t i = 0; i < 12; i++) {
        if (t[i].status == FLEET_TASK_LEASED) {
            fleet_task_end(f, &t[i]);
        }
    }
    assert_int_equal(gauge(f, "A").wanted, 3); /* 7 by the 3 the last one had */
    assert_int_equal(gauge(f, "nobody's").wanted, 0);
    assert_ptr_not_equal(gauge(f, "nobody's").terms, NULL);
    fleet_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fleet_terms__lets_machines_take_turns),
        cmocka_unit_test(test_fleet_terms__starves_nobody),
        cmocka_unit_test(test_fleet_terms__hands_over_to_other_functions_in_the_end),
        cmocka_unit_test(test_fleet_terms__bounds_what_is_leased),
        cmocka_unit_test(test_fleet_terms__bounds_grants_a_second),
        cmocka_unit_test(test_fleet_terms__grants_less_than_one_a_second),
        cmocka_unit_test(test_fleet_terms__grants_to_who_carries_the_labels),
        cmocka_unit_test(test_fleet_terms__puts_the_higher_first),
        cmocka_unit_test(test_fleet_terms__cordons_by_name),
        cmocka_unit_test(test_fleet_terms__tells_how_many_workers_are_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
