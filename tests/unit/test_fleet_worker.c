/* SPDX-License-Identifier: Apache-2.0 */
/* How workers are registered, what becomes of leases over a restart, and what workers say they
 * hold. */
#include "tests/lib/fleet_case.h"

#include <stdio.h>

#include "proto/base/limits.h"

/* ---- Hello ---- */

struct hello_case {
    const char *what;
    struct fleet_hello hello;
    enum err_code want;
};

static void test_fleet_worker__checks_a_hello(void **state)
{
    static char text[LIMIT_LABELS_BYTES + 1];
    struct fleet_offer one[] = {{SLICE("A"), 1}};
    struct fleet_offer twice[] = {{SLICE("A"), 1}, {SLICE("B"), 1}, {SLICE("A"), 1}};
    struct fleet_offer none[] = {{SLICE(""), 1}};
    struct fleet_offer space[] = {{SLICE("a b"), 1}};
    struct fleet_offer utf8[] = {{SLICE("\xc3\xa4"), 1}};
    struct fleet_offer no_slots[] = {{SLICE("A"), 0}};
    struct fleet_offer full[] = {{SLICE("A"), LIMIT_WORKER_SLOTS}};
    struct fleet_offer over[] = {{SLICE("A"), LIMIT_WORKER_SLOTS + 1}};
    struct fleet_offer name_full[] = {{slice_make(text, LIMIT_NAME_CHARS), 1}};
    struct fleet_offer name_over[] = {{slice_make(text, LIMIT_NAME_CHARS + 1), 1}};
    struct slice w = SLICE("w");
    struct slice full_name = slice_make(text, LIMIT_NAME_CHARS);
    struct slice over_name = slice_make(text, LIMIT_NAME_CHARS + 1);
    struct slice labels = slice_make(text, LIMIT_LABELS_BYTES);
    struct slice labels_over = slice_make(text, LIMIT_LABELS_BYTES + 1);
    const struct hello_case cases[] = {
        {"no name", {{NULL, 0}, 1, {0}, 1, one, 1, {0}, {0}}, ERR_VALIDATION},
        {"bad name", {SLICE("a b"), 1, {0}, 1, one, 1, {0}, {0}}, ERR_VALIDATION},
        {"name at max", {full_name, 1, {0}, 1, one, 1, {0}, {0}}, OK},
        {"name over", {over_name, 1, {0}, 1, one, 1, {0}, {0}}, ERR_VALIDATION},
        {"version at max", {w, 1, full_name, 1, one, 1, {0}, {0}}, OK},
        {"version over", {w, 1, over_name, 1, one, 1, {0}, {0}}, ERR_VALIDATION},
        {"labels at max", {w, 1, {0}, 1, one, 1, labels, {0}}, OK},
        {"labels over", {w, 1, {0}, 1, one, 1, labels_over, {0}}, ERR_VALIDATION},
        {"no slots", {w, 1, {0}, 0, one, 1, {0}, {0}}, ERR_VALIDATION},
        {"slots at max", {w, 1, {0}, LIMIT_WORKER_SLOTS, one, 1, {0}, {0}}, OK},
        {"slots over", {w, 1, {0}, LIMIT_WORKER_SLOTS + 1, one, 1, {0}, {0}}, ERR_VALIDATION},
        {"no offers", {w, 1, {0}, 1, NULL, 0, {0}, {0}}, ERR_VALIDATION},
        {"a function twice", {w, 1, {0}, 1, twice, 3, {0}, {0}}, ERR_VALIDATION},
        {"the same, once", {w, 1, {0}, 1, twice, 2, {0}, {0}}, OK},
        {"no function name", {w, 1, {0}, 1, none, 1, {0}, {0}}, ERR_VALIDATION},
        {"a space", {w, 1, {0}, 1, space, 1, {0}, {0}}, ERR_VALIDATION},
        {"not ASCII", {w, 1, {0}, 1, utf8, 1, {0}, {0}}, ERR_VALIDATION},
        {"function at max", {w, 1, {0}, 1, name_full, 1, {0}, {0}}, OK},
        {"function over", {w, 1, {0}, 1, name_over, 1, {0}, {0}}, ERR_VALIDATION},
        {"no slots of it", {w, 1, {0}, 1, no_slots, 1, {0}, {0}}, ERR_VALIDATION},
        {"its slots at max", {w, 1, {0}, 1, full, 1, {0}, {0}}, OK},
        {"its slots over", {w, 1, {0}, 1, over, 1, {0}, {0}}, ERR_VALIDATION},
    };

    (void)state;
    memset(text, 'n', sizeof(text));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fleet *f = fleet_make();
        struct fleet_worker *out = NULL;
        struct list lost;
        size_t bucket;

        list_init(&lost);
        if (hello_as(f, &cases[i].hello, start, &out, &lost) != cases[i].want) {
            fail_msg("%s", cases[i].what);
        }
        assert_int_equal(out != NULL, cases[i].want == OK);
        assert_ptr_equal(fleet_worker_each(f, &bucket, NULL), out);
        fleet_free(f);
    }
}

static void test_fleet_worker__bounds_a_workers_functions(void **state)
{
    static char names[LIMIT_WORKER_FUNCTIONS + 1][16];
    static struct fleet_offer offers[LIMIT_WORKER_FUNCTIONS + 1];
    struct fleet *f = fleet_make();
    struct fleet_hello h = {.name = SLICE("w"), .slots = 1, .offers = offers};
    struct fleet_worker *w;
    struct list lost;

    (void)state;
    list_init(&lost);
    for (int i = 0; i <= LIMIT_WORKER_FUNCTIONS; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "f%d", i);
        offers[i] = (struct fleet_offer){slice_str(names[i]), 1};
    }
    h.offer_count = LIMIT_WORKER_FUNCTIONS + 1;
    assert_int_equal(hello_as(f, &h, start, &w, &lost), ERR_VALIDATION);
    h.offer_count = LIMIT_WORKER_FUNCTIONS;
    assert_int_equal(hello_as(f, &h, start, &w, &lost), OK);
    assert_int_equal(w->offer_count, LIMIT_WORKER_FUNCTIONS);
    fleet_free(f);
}

static void test_fleet_worker__bounds_the_workers(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_offer offer = {SLICE("A"), 1};
    struct fleet_hello h = {
        .name = SLICE("one-more"), .slots = 1, .offers = &offer, .offer_count = 1};
    struct fleet_worker *w = NULL;
    struct fleet_worker *first = worker(f, "w0", "A", 1);
    size_t bucket = 0;
    size_t count = 0;
    struct list lost;
    char name[16];

    (void)state;
    list_init(&lost);
    for (int i = 1; i < LIMIT_WORKERS; i++) {
        (void)snprintf(name, sizeof(name), "w%d", i);
        (void)worker(f, name, "A", 1);
    }
    assert_int_equal(hello_as(f, &h, start, &w, &lost), ERR_BUSY);
    assert_null(w);
    h.name = SLICE("w5"); /* known: it takes the place of itself */
    h.instance = 2;
    assert_int_equal(hello_as(f, &h, start, &w, &lost), OK);
    fleet_worker_remove(f, first, &lost);
    h.name = SLICE("one-more");
    assert_int_equal(hello_as(f, &h, start, &w, &lost), OK);
    for (w = fleet_worker_each(f, &bucket, NULL); w != NULL; w = fleet_worker_each(f, &bucket, w)) {
        count++;
    }
    assert_int_equal(count, LIMIT_WORKERS);
    fleet_free(f);
}

static void test_fleet_worker__is_its_owners_alone(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_offer offer = {SLICE("A"), 1};
    struct fleet_hello h = {SLICE("w"), 1, {0}, 1, &offer, 1, {0}, SLICE("hall")};
    struct fleet_worker *first;
    struct fleet_worker *w;
    struct list lost;

    (void)state;
    list_init(&lost);
    assert_int_equal(hello_as(f, &h, start, &first, &lost), OK);
    h.owner = SLICE("other");
    assert_int_equal(hello_as(f, &h, start, &w, &lost), ERR_DENIED);
    h.instance = 2;
    assert_int_equal(hello_as(f, &h, start, &w, &lost), ERR_DENIED);
    assert_ptr_equal(fleet_worker_find_name(f, SLICE("w")), first);
    h.owner = SLICE("hall");
    assert_int_equal(hello_as(f, &h, start, &w, &lost), OK);
    assert_int_equal(w->instance, 2);
    fleet_free(f);
}

static void test_fleet_worker__keeps_copies(void **state)
{
    struct fleet *f = fleet_make();
    char name[] = "w";
    char version[] = "1.2";
    char labels[] = "{\"zone\":\"a\"}";
    char function[] = "A";
    struct fleet_offer offer = {slice_str(function), 3};
    struct fleet_hello h = {slice_str(name), 5, slice_str(version), 4,
                            &offer,          1, slice_str(labels),  {0}};
    struct fleet_worker *w;
    struct fleet_task t = {0};
    struct list lost;

    (void)state;
    list_init(&lost);
    assert_int_equal(hello_as(f, &h, start, &w, &lost), OK);
    name[0] = version[0] = labels[0] = function[0] = '?';
    offer.slots = 0;
    fleet_worker_carries(f, w, 1);
    assert_true(slice_eq_str(w->name, "w"));
    assert_true(slice_eq_str(w->version, "1.2"));
    assert_true(slice_eq_str(fleet_offered_function(&w->offers[0]), "A"));
    assert_true(slice_eq_str(w->labels, "{\"zone\":\"a\"}"));
    assert_int_equal(w->instance, 5);
    assert_int_equal(w->slots, 4);
    assert_int_equal(w->hello_wall_ms, start.wall_ms);
    assert_int_equal(w->seen_mono_ms, start.mono_ms);
    assert_ptr_equal(ready(f, &t, "A"), w);
    assert_ptr_equal(fleet_worker_find(f, w->id), w);
    assert_null(fleet_worker_find(f, w->id + 1));
    assert_ptr_equal(fleet_worker_find_name(f, SLICE("w")), w);
    assert_null(fleet_worker_find_name(f, SLICE("w2")));
    fleet_free(f);
}

/* The same process: leases, id and drain stay; what it offers is new. */
static void test_fleet_worker__hears_the_same_worker_again(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 4);
    struct fleet_offer offers[] = {{SLICE("B"), 1}, {SLICE("A"), 2}};
    struct fleet_hello h = {SLICE("w"), 1, SLICE("2"), 3, offers, 2, SLICE("{}"), {0}};
    struct fleet_task t[4] = {0};
    struct fleet_worker *again;
    uint64_t id = w->id;
    struct list lost;

    (void)state;
    list_init(&lost);
    (void)ready(f, &t[0], "A");
    (void)ready(f, &t[1], "A");
    w->user = &t;
    assert_int_equal(hello_as(f, &h, after(9), &again, &lost), OK);
    assert_ptr_equal(again, w);
    assert_int_equal(w->id, id);
    assert_true(list_empty(&lost));
    assert_int_equal(w->leased, 2);
    assert_int_equal(w->slots, 3);
    assert_int_equal(w->carriers, 1);
    assert_ptr_equal(w->user, &t);
    assert_true(slice_eq_str(w->version, "2"));
    assert_int_equal(w->hello_wall_ms, start.wall_ms + 9);
    assert_null(ready(f, &t[2], "A")); /* both of A's slots are taken */
    assert_ptr_equal(ready(f, &t[3], "B"), w);
    fleet_task_end(f, &t[0]);
    assert_ptr_equal(fleet_task_next(f, w, start), &t[2]);
    /* It offers A no more: those leases take slots of the worker alone. */
    h.offer_count = 1;
    h.slots = 1;
    assert_int_equal(hello_as(f, &h, after(10), &again, &lost), OK);
    assert_int_equal(w->leased, 3);
    fleet_task_end(f, &t[1]);
    fleet_task_end(f, &t[2]);
    assert_null(ready(f, &t[1], "B")); /* its one slot is taken */
    fleet_task_end(f, &t[3]);
    assert_ptr_equal(fleet_task_next(f, w, start), &t[1]);
    fleet_worker_drain(f, w);
    assert_int_equal(hello_as(f, &h, after(11), &again, &lost), OK);
    assert_true(w->draining);
    fleet_free(f);
}

static void test_fleet_worker__replaces_another_instance(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 4);
    struct fleet_offer offer = {SLICE("A"), 4};
    struct fleet_hello h = {SLICE("w"), 2, {0}, 4, &offer, 1, {0}, {0}};
    struct fleet_task t[4] = {{.timeout_ms = 50}};
    struct fleet_worker *next;
    uint64_t id = w->id;
    struct list lost;
    struct list *node;

    (void)state;
    list_init(&lost);
    for (size_t i = 0; i < 3; i++) {
        (void)ready(f, &t[i], "A");
    }
    fleet_worker_drain(f, w);
    (void)ready(f, &t[3], "A");
    assert_int_equal(hello_as(f, &h, after(1), &next, &lost), OK);
    assert_true(next->id > id);
    assert_null(fleet_worker_find(f, id));
    assert_ptr_equal(fleet_worker_find_name(f, SLICE("w")), next);
    assert_int_equal(next->leased, 0);
    assert_false(next->draining);
    assert_int_equal(next->carriers, 0);
    assert_int_equal(list_count(&lost), 3);
    assert_int_equal(fleet_leased_count(f), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(t[i].status, FLEET_TASK_LEASED);
        assert_null(t[i].worker);
        assert_ptr_equal(fleet_task_find(f, t[i].token), &t[i]);
    }
    fleet_task_end(f, &t[1]); /* out of the middle of the list */
    while ((node = list_pop_front(&lost)) != NULL) {
        fleet_task_end(f, container_of(node, struct fleet_task, link));
    }
    assert_int_equal(fleet_leased_count(f), 0);
    assert_due(f, after(100), FLEET_DUE_NONE);
    fleet_worker_carries(f, next, 1);
    assert_ptr_equal(fleet_task_next(f, next, after(1)), &t[3]);
    fleet_free(f);
}

/* A hello that is refused changes nothing. */
static void test_fleet_worker__changes_nothing_on_a_bad_hello(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 2);
    struct fleet_offer offers[] = {{SLICE("A"), 1}, {SLICE("N"), 1}, {SLICE("N"), 1}};
    struct fleet_hello h = {SLICE("w"), 2, {0}, 1, offers, 3, {0}, {0}};
    struct fleet_worker *out = NULL;
    struct fleet_task t[2] = {0};
    struct list lost;

    (void)state;
    list_init(&lost);
    (void)ready(f, &t[0], "A");
    assert_int_equal(hello_as(f, &h, after(1), &out, &lost), ERR_VALIDATION);
    assert_null(out);
    assert_true(list_empty(&lost));
    assert_ptr_equal(fleet_worker_find_name(f, SLICE("w")), w);
    assert_int_equal(w->slots, 2);
    assert_ptr_equal(ready(f, &t[1], "A"), w);
    h.offer_count = 2; /* no claim is left behind */
    assert_int_equal(hello_as(f, &h, after(1), &out, &lost), OK);
    fleet_free(f);
}

static void test_fleet_worker__never_gives_an_id_twice(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet *next = fleet_new(&(struct fleet_config){LEASE_MS, 0}, EPOCH + 1);
    struct fleet_worker *w = worker(f, "w", "A", 1);
    uint64_t id = w->id;
    struct list lost;

    (void)state;
    list_init(&lost);
    fleet_worker_remove(f, w, &lost);
    assert_int_not_equal(worker(f, "w", "A", 1)->id, id);
    assert_int_not_equal(worker(next, "w", "A", 1)->id, id);
    fleet_free(f);
    fleet_free(next);
}

/* ---- Restart ---- */

static void test_fleet_worker__restores_a_lease_for_a_name(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_task t[3] = {{.timeout_ms = 5000, .heartbeat_ms = 3000}, {0}, {0}};
    struct token old[3] = {{3, 41}, {3, 42}, {5, 1}};
    struct fleet_worker *w;

    (void)state;
    fleet_task_restore(f, &t[0], SLICE("A"), SLICE("w"), old[0], start.wall_ms - 4000, start);
    fleet_task_restore(f, &t[1], SLICE("Z"), SLICE("w"), old[1], start.wall_ms - 4000, start);
    assert_null(t[0].worker);
    assert_int_equal(fleet_leased_count(f), 2);
    assert_ptr_equal(fleet_task_find(f, old[0]), &t[0]);
    assert_due(f, after(999), FLEET_DUE_NONE);
    assert_due(f, after(1000), FLEET_DUE_TIMEOUT); /* from its grant */
    w = worker(f, "w", "A", 2);
    assert_ptr_equal(t[0].worker, w);
    assert_ptr_equal(t[1].worker, w);
    assert_int_equal(w->leased, 2);
    assert_int_equal(w->offers[0].leased, 1);
    assert_null(ready(f, &t[2], "A")); /* both of its slots are taken */
    fleet_task_end(f, &t[1]);
    assert_ptr_equal(fleet_task_next(f, w, start), &t[2]);
    assert_int_equal(t[2].token.epoch, EPOCH);
    assert_int_equal(t[2].token.counter, 1);
    fleet_task_return(f, &t[0], after(10));
    fleet_task_end(f, &t[2]);
    assert_ptr_equal(fleet_task_next(f, w, start), &t[0]);
    fleet_free(f);
}

static void test_fleet_worker__restores_to_a_worker_that_is_there(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 1);
    struct fleet_task t[2] = {{.heartbeat_ms = 3000}, {0}};

    (void)state;
    fleet_task_restore(f, &t[0], SLICE("A"), SLICE("w"), (struct token){3, 1}, 0, after(10));
    assert_ptr_equal(t[0].worker, w);
    assert_int_equal(w->leased, 1);
    assert_null(ready(f, &t[1], "A"));
    assert_due(f, after(3009), FLEET_DUE_NONE);
    assert_due(f, after(3010), FLEET_DUE_HEARTBEAT); /* a full interval from now */
    fleet_free(f);
}

static void test_fleet_worker__gives_orphans_one_interval(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_task t[2] = {0};
    struct fleet_worker *w;
    struct fleet_due due;

    (void)state;
    fleet_task_restore(f, &t[0], SLICE("A"), SLICE("w"), (struct token){3, 1}, 0, start);
    fleet_task_restore(f, &t[1], SLICE("A"), SLICE("w"), (struct token){3, 2}, 0, after(5));
    assert_int_equal(fleet_wait_ms(f, start), LEASE_MS);
    assert_due(f, after(LEASE_MS - 1), FLEET_DUE_NONE);
    due = fleet_next_due(f, after(LEASE_MS));
    assert_int_equal(due.kind, FLEET_DUE_ORPHAN);
    assert_ptr_equal(due.task, &t[0]);
    assert_null(due.worker);
    fleet_task_end(f, &t[0]);
    assert_due(f, after(LEASE_MS + 4), FLEET_DUE_NONE);
    w = worker(f, "w", "A", 2); /* just in time */
    assert_ptr_equal(t[1].worker, w);
    assert_due(f, after(LEASE_MS - 1), FLEET_DUE_NONE);
    assert_due(f, after(LEASE_MS), FLEET_DUE_WORKER);
    fleet_free(f);
}

/* `count` leases of before, of "w", by the processes `holders`. */
static void restore(struct fleet *f, struct fleet_task *t, const uint32_t *holders, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        t[i] = (struct fleet_task){.holder = holders[i]};
        fleet_task_restore(f, &t[i], SLICE("A"), SLICE("w"), (struct token){3, i + 1}, 0, start);
    }
}

/* Another process of the name has nothing of what the one before was doing. Who is not known, as
 * with leases that an older coordinator gave, is taken to be the same. */
static void test_fleet_worker__restores_for_the_same_process(void **state)
{
    const uint32_t holders[] = {fleet_holder(7), fleet_holder(8), 0, fleet_holder(8)};
    struct fleet *f = fleet_make();
    struct fleet_offer offer = {SLICE("A"), 4};
    struct fleet_hello h = {SLICE("w"), 8, {0}, 4, &offer, 1, {0}, {0}};
    struct fleet_task t[5];
    struct fleet_worker *w;
    struct list lost;

    (void)state;
    list_init(&lost);
    restore(f, t, holders, 4);
    assert_int_equal(hello_as(f, &h, after(9), &w, &lost), OK);
    assert_int_equal(list_count(&lost), 1);
    assert_ptr_equal(lost.next, &t[0].link);
    assert_null(t[0].worker);
    assert_int_equal(t[0].status, FLEET_TASK_LEASED); /* the caller is about to end it */
    assert_ptr_equal(fleet_task_find(f, (struct token){3, 1}), &t[0]);
    for (size_t i = 1; i < 4; i++) {
        assert_ptr_equal(t[i].worker, w);
    }
    assert_int_equal(w->leased, 3);
    assert_int_equal(w->offers[0].leased, 3);
    fleet_task_end(f, &t[0]);
    assert_true(list_empty(&lost));
    assert_int_equal(fleet_leased_count(f), 3);
    fleet_worker_carries(f, w, 1);
    t[4] = (struct fleet_task){0};
    assert_ptr_equal(ready(f, &t[4], "A"), w); /* into the slot it does not take */
    fleet_free(f);
}

static void test_fleet_worker__another_process_gets_nothing(void **state)
{
    const uint32_t holders[] = {fleet_holder(7), fleet_holder(7)};
    struct fleet *f = fleet_make();
    struct fleet_offer offer = {SLICE("A"), 2};
    struct fleet_hello h = {SLICE("w"), 8, {0}, 2, &offer, 1, {0}, {0}};
    struct fleet_task t[2];
    struct fleet_worker *w;
    struct list lost;

    (void)state;
    list_init(&lost);
    restore(f, t, holders, 2);
    assert_int_equal(hello_as(f, &h, after(9), &w, &lost), OK);
    assert_int_equal(list_count(&lost), 2);
    assert_int_equal(w->leased, 0);
    assert_int_equal(w->offers[0].leased, 0);
    assert_due(f, after(LEASE_MS), FLEET_DUE_NONE); /* they are nobody's orphans */
    fleet_task_end(f, &t[0]);
    fleet_task_end(f, &t[1]);
    assert_int_equal(fleet_leased_count(f), 0);
    fleet_free(f);
}

static void test_fleet_worker__a_holder_is_of_the_whole_instance(void **state)
{
    (void)state;
    assert_int_not_equal(fleet_holder(0), 0); /* which is: not known */
    assert_int_not_equal(fleet_holder(UINT64_MAX), 0);
    assert_int_not_equal(fleet_holder(2), fleet_holder(4));
    assert_int_not_equal(fleet_holder(2), fleet_holder(2 | UINT64_C(4) << 32));
    assert_int_equal(fleet_holder(2), fleet_holder(2));
}

/* The clock was put back over the restart: all of its time, from now. */
static void test_fleet_worker__restores_a_grant_of_the_future(void **state)
{
    static const int64_t ahead_ms[] = {1, 3600000, INT64_C(1) << 60};
    struct fleet *f = fleet_make();

    (void)state;
    for (size_t i = 0; i < sizeof(ahead_ms) / sizeof(ahead_ms[0]); i++) {
        struct fleet_task t = {.timeout_ms = 5000};
        struct fleet_due due;

        fleet_task_restore(f, &t, SLICE("A"), SLICE("w"), (struct token){3, 1},
                           start.wall_ms + ahead_ms[i], start);
        assert_due(f, after(4999), FLEET_DUE_NONE);
        due = fleet_next_due(f, after(5000));
        assert_int_equal(due.kind, FLEET_DUE_TIMEOUT);
        assert_ptr_equal(due.task, &t);
        fleet_task_end(f, &t);
        fleet_free(f);
        f = fleet_make(); /* its clock does not run backwards */
    }
    fleet_free(f);
}

/* Read again within one epoch: its tokens are not given twice. */
static void test_fleet_worker__counts_on_from_restored_tokens(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_task t[3] = {0};

    (void)state;
    (void)worker(f, "w", "A", 8);
    fleet_task_restore(f, &t[0], SLICE("A"), SLICE("w"), (struct token){EPOCH, 9}, 0, start);
    fleet_task_restore(f, &t[1], SLICE("A"), SLICE("w"), (struct token){EPOCH, 4}, 0, start);
    assert_non_null(ready(f, &t[2], "A"));
    assert_int_equal(t[2].token.counter, 10);
    fleet_free(f);
}

/* ---- What a worker holds ---- */

struct held {
    struct fleet *f;
    struct fleet_task *resent[8];
    size_t resent_count;
    struct token unknown[8];
    size_t unknown_count;
    bool end;
};

static void held_resend(void *arg, struct fleet_task *t)
{
    struct held *h = arg;

    h->resent[h->resent_count++] = t;
    if (h->end) {
        fleet_task_end(h->f, t);
    }
}

static void held_unknown(void *arg, struct token token)
{
    struct held *h = arg;

    h->unknown[h->unknown_count++] = token;
}

static struct held
holds(struct fleet *f, struct fleet_worker *w, const struct token *tokens, size_t count, int64_t ms)
{
    struct held h = {.f = f};

    fleet_worker_holds(f, w, tokens, count, 1000, after(ms), held_resend, held_unknown, &h);
    return h;
}

static void test_fleet_worker__sends_again_what_was_lost(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 4);
    struct fleet_task t[3] = {0};
    struct token token;
    struct held h;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        (void)ready(f, &t[i], "A");
    }
    token = t[1].token;
    assert_int_equal(holds(f, w, NULL, 0, 1000).resent_count, 0); /* its reply may be on its way */
    h = holds(f, w, &token, 1, 1001);
    assert_int_equal(h.resent_count, 2);
    assert_ptr_equal(h.resent[0], &t[0]);
    assert_ptr_equal(h.resent[1], &t[2]);
    assert_int_equal(t[0].sent_mono_ms, start.mono_ms + 1001);
    assert_int_equal(t[1].sent_mono_ms, start.mono_ms);
    assert_int_equal(t[0].token.counter, 1); /* under its token */
    h = holds(f, w, &token, 1, 2001);
    assert_int_equal(h.resent_count, 0);
    h = holds(f, w, NULL, 0, 2002); /* what it held before it does not hold now */
    assert_int_equal(h.resent_count, 3);
    fleet_free(f);
}

static void test_fleet_worker__names_tokens_that_are_none_of_its(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_worker *w = worker(f, "w", "A", 1);
    struct fleet_worker *x = worker(f, "x", "A", 1);
    struct fleet_task t[2] = {0};
    struct token tokens[4];
    struct held h;

    (void)state;
    (void)fleet_task_ready(f, &t[0], SLICE("A"), w, start);
    (void)fleet_task_ready(f, &t[1], SLICE("A"), x, start);
    tokens[0] = (struct token){EPOCH - 1, t[0].token.counter};
    tokens[1] = t[1].token; /* another's */
    tokens[2] = t[0].token;
    tokens[3] = t[0].token; /* twice does no harm */
    h = holds(f, w, tokens, 4, 5000);
    assert_int_equal(h.unknown_count, 2);
    assert_true(token_eq(h.unknown[0], tokens[0]));
    assert_true(token_eq(h.unknown[1], tokens[1]));
    assert_int_equal(h.resent_count, 0);
    fleet_task_end(f, &t[0]);
    h = holds(f, w, &tokens[2], 1, 5000); /* stale */
    assert_int_equal(h.unknown_count, 1);
    fleet_free(f);
}

/* No reply of this life carried a restored grant: a worker that does not hold it gets it at once.
 */
static void test_fleet_worker__sends_restored_grants_again(void **state)
{
    struct fleet *f = fleet_make();
    struct fleet_task t[3] = {0};
    struct token tokens[3] = {{3, 1}, {3, 2}, {3, 3}};
    struct fleet_worker *w;
    struct held h;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fleet_task_restore(f, &t[i], SLICE("A"), SLICE("w"), tokens[i], start.wall_ms, start);
    }
    w = worker(f, "w", "A", 4);
    h = holds(f, w, &tokens[1], 1, 0);
    assert_int_equal(h.unknown_count, 0);
    assert_int_equal(h.resent_count, 2);
    assert_true(token_eq(h.resent[0]->token, tokens[0]));
    assert_int_equal(holds(f, w, &tokens[1], 1, 1000).resent_count, 0);
    h = (struct held){.f = f, .end = true};
    fleet_worker_holds(f, w, NULL, 0, 1000, after(2000), held_resend, held_unknown, &h);
    assert_int_equal(h.resent_count, 3);
    assert_int_equal(w->leased, 0);
    fleet_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fleet_worker__checks_a_hello),
        cmocka_unit_test(test_fleet_worker__bounds_a_workers_functions),
        cmocka_unit_test(test_fleet_worker__bounds_the_workers),
        cmocka_unit_test(test_fleet_worker__is_its_owners_alone),
        cmocka_unit_test(test_fleet_worker__keeps_copies),
        cmocka_unit_test(test_fleet_worker__hears_the_same_worker_again),
        cmocka_unit_test(test_fleet_worker__replaces_another_instance),
        cmocka_unit_test(test_fleet_worker__changes_nothing_on_a_bad_hello),
        cmocka_unit_test(test_fleet_worker__never_gives_an_id_twice),
        cmocka_unit_test(test_fleet_worker__restores_a_lease_for_a_name),
        cmocka_unit_test(test_fleet_worker__restores_to_a_worker_that_is_there),
        cmocka_unit_test(test_fleet_worker__gives_orphans_one_interval),
        cmocka_unit_test(test_fleet_worker__restores_for_the_same_process),
        cmocka_unit_test(test_fleet_worker__another_process_gets_nothing),
        cmocka_unit_test(test_fleet_worker__a_holder_is_of_the_whole_instance),
        cmocka_unit_test(test_fleet_worker__restores_a_grant_of_the_future),
        cmocka_unit_test(test_fleet_worker__counts_on_from_restored_tokens),
        cmocka_unit_test(test_fleet_worker__sends_again_what_was_lost),
        cmocka_unit_test(test_fleet_worker__names_tokens_that_are_none_of_its),
        cmocka_unit_test(test_fleet_worker__sends_restored_grants_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
