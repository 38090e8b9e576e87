/* SPDX-License-Identifier: Apache-2.0 */
/* Queues in the ledger: what a restart finds, what one batch holds, backlogs that are rows alone,
 * dead letters, deduplication, purges, move tasks. By chance: test_ledger_queue_random.c. */
#include <stdlib.h>

#include "tests/lib/queue_case.h"

/* ---- one message ---- */

static void test_ledger_queue__sent_and_received_leave_with_one_batch(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(false);
    struct world_wait *wait;
    struct got got[MOST];
    uint64_t commits;

    make(w, "q", &a);
    commits = w->commits;
    world_begin(w);
    (void)send(w, "q", "x", "", 0);
    assert_int_equal(receive(w, "q", 1, 30000, got), 1);
    assert_string_equal(got[0].body, "x");
    wait = world_wait(w);
    world_end(w);
    assert_false(wait->gone);
    assert_true(world_commit(w));
    assert_true(wait->gone);
    assert_int_equal(w->commits, commits + 1);
    check_counts(w, "q", 0, 1, 0);
}

static void test_ledger_queue__a_restart_finds_what_was_durable(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(false);
    struct got got[MOST];

    make(w, "q", &a);
    world_begin(w);
    for (unsigned i = 0; i < 3; i++) {
        (void)send(w, "q", i == 0 ? "a" : i == 1 ? "b" : "c", "", 0);
    }
    (void)send(w, "q", "late", "", 60000);
    assert_int_equal(receive(w, "q", 1, 30000, got), 1);
    world_end(w);
    world_settle(w);
    world_begin(w);
    (void)send(w, "q", "lost", "", 0);
    world_end(w);
    world_crash(w); /* and its batch was never written */
    check_counts(w, "q", 2, 1, 1);
    world_advance(w, 29000);
    check_counts(w, "q", 2, 1, 1);
    world_advance(w, 1000);
    check_counts(w, "q", 3, 0, 1);
    world_begin(w);
    assert_int_equal(receive(w, "q", MOST, 1000, got), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(got[i].count, got[i].body[0] == 'a' ? 2 : 1);
        assert_int_equal(ledger_queue_remove(w->l, find(w, "q"), &got[i].receipt), QUEUE_DONE);
    }
    world_end(w);
    world_settle(w);
    world_crash(w);
    check_counts(w, "q", 0, 0, 1);
    world_advance(w, 60000);
    world_begin(w);
    assert_int_equal(receive(w, "q", MOST, 1000, got), 1);
    assert_string_equal(got[0].body, "late");
    world_end(w);
}

static void test_ledger_queue__a_backlog_comes_whole_and_in_order_after_a_crash(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(false);
    const unsigned total = 2 * LIMIT_QUEUE_READY + 5;
    struct got got[MOST];
    char body[16];
    unsigned next = 0;

    make(w, "q", &a);
    for (unsigned i = 0; i < total;) {
        world_begin(w);
        for (unsigned n = 0; n < 1000 && i < total; n++, i++) {
            (void)snprintf(body, sizeof(body), "%u", i);
            (void)send(w, "q", body, "", 0);
        }
        world_end(w);
        world_settle(w);
    }
    assert_int_equal(queue_held(find(w, "q")->core), LIMIT_QUEUE_READY);
    world_crash(w);
    check_counts(w, "q", total, 0, 0);
    assert_int_equal(queue_held(find(w, "q")->core), 0);
    while (next < total) {
        size_t count;

        world_begin(w);
        count = receive(w, "q", MOST, HOUR_MS, got);
        assert_int_not_equal(count, 0);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(atoi(got[i].body), next++);
            assert_int_equal(ledger_queue_remove(w->l, find(w, "q"), &got[i].receipt), QUEUE_DONE);
        }
        assert_true(queue_held(find(w, "q")->core) <= LIMIT_QUEUE_READY);
        world_end(w);
        world_settle(w);
    }
    check_counts(w, "q", 0, 0, 0);
    assert_int_equal(world_rows(w, CF_QUEUE), 3); /* the queue, its counters, the last number */
}

/* While its batch is on its way, a message that is a row alone can be read from nowhere. */
static void test_ledger_queue__rows_that_are_not_written_yet_are_not_passed_over(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(false);
    struct got got[MOST];

    make(w, "q", &a);
    world_begin(w);
    (void)send(w, "q", "0", "", 0);
    (void)send(w, "q", "delayed", "", 50);
    world_end(w);
    world_settle(w);
    world_crash(w); /* now all of it is rows alone */
    world_begin(w);
    (void)send(w, "q", "1", "", 0);
    (void)send(w, "q", "2", "", 0);
    assert_int_equal(receive(w, "q", MOST, HOUR_MS, got), 4);
    assert_string_equal(got[0].body, "0");
    assert_string_equal(got[1].body, "delayed"); /* a crash takes 100 ms */
    assert_string_equal(got[2].body, "1");
    assert_string_equal(got[3].body, "2");
    world_end(w);
    world_settle(w);
    check_counts(w, "q", 0, 4, 0);
}

/* Nor is a delayed one, that is due before its batch is written. */
static void test_ledger_queue__a_delayed_row_that_is_not_written_is_waited_for(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(false);
    struct got got[MOST];

    make(w, "q", &a);
    world_begin(w);
    (void)send(w, "q", "0", "", 0);
    world_end(w);
    world_settle(w);
    world_crash(w);
    world_begin(w);
    (void)send(w, "q", "delayed", "", 50);
    world_end(w);
    w->now.wall_ms += 100;
    w->now.mono_ms += 100;
    world_begin(w);
    (void)send(w, "q", "1", "", 0);
    assert_int_equal(receive(w, "q", MOST, HOUR_MS, got), 1);
    assert_string_equal(got[0].body, "0");
    world_end(w);
    world_settle(w);
    world_begin(w);
    assert_int_equal(receive(w, "q", MOST, HOUR_MS, got), 2);
    assert_string_equal(got[0].body, "delayed");
    assert_string_equal(got[1].body, "1");
    world_end(w);
    world_settle(w);
    world_crash(w);
    world_begin(w);
    (void)send(w, "q", "alone", "", 50);
    assert_int_equal(receive(w, "q", MOST, HOUR_MS, got), 0);
    world_end(w);
    world_settle(w);
    world_advance(w, 2000); /* each start takes the clock on by a second */
    world_begin(w);
    assert_int_equal(receive(w, "q", MOST, HOUR_MS, got), 1);
    world_end(w);
}

static void test_ledger_queue__a_clock_put_back_is_not_behind_what_was_received(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(false);
    struct got got[MOST];

    make(w, "q", &a);
    world_begin(w);
    (void)send(w, "q", "delayed", "", 60000);
    world_end(w);
    world_settle(w);
    world_advance(w, 61000);
    world_begin(w);
    assert_int_equal(receive(w, "q", MOST, HOUR_MS, got), 1);
    world_end(w);
    world_settle(w);
    w->now.wall_ms -= 30000;
    world_crash(w);
    check_counts(w, "q", 0, 1, 0);
}

/* By more than is made up for: it was wrong before. */
static void
test_ledger_queue__what_is_sent_under_a_clock_that_was_wrong_is_there_at_once(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(false);
    struct got got[MOST];

    make(w, "q", &a);
    send_many(w, "q", 1);
    world_settle(w);
    w->now.wall_ms -= INT64_C(2) * LIMIT_CLOCK_BACK_MS;
    world_crash(w);
    world_begin(w);
    (void)send(w, "q", "now", "", 0);
    assert_int_equal(receive(w, "q", 1, 1000, got), 1);
    assert_string_equal(got[0].body, "now");
    world_end(w);
    check_counts(w, "q", 0, 2, 0);
}

static void test_ledger_queue__a_receipt_is_of_one_queue(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(false);
    struct got got[MOST];

    make(w, "a", &a);
    make(w, "b", &a);
    world_begin(w);
    (void)send(w, "a", "x", "", 0);
    (void)send(w, "b", "x", "", 0);
    assert_int_equal(receive(w, "b", 1, HOUR_MS, got), 1);
    assert_int_equal(receive(w, "a", 1, HOUR_MS, got), 1);
    assert_int_equal(ledger_queue_remove(w->l, find(w, "b"), &got[0].receipt), QUEUE_STALE);
    assert_int_equal(ledger_queue_hide(w->l, find(w, "b"), &got[0].receipt, 0), QUEUE_STALE);
    assert_int_equal(ledger_queue_remove(w->l, find(w, "a"), &got[0].receipt), QUEUE_DONE);
    world_end(w);
    check_counts(w, "b", 0, 1, 0);
}

static void test_ledger_queue__large_messages_come_fewer_at_a_time(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(false);
    char *body = mem_alloc(LIMIT_QUEUE_MESSAGE_BYTES + 1);
    struct got got[MOST];

    memset(body, 'x', LIMIT_QUEUE_MESSAGE_BYTES);
    body[LIMIT_QUEUE_MESSAGE_BYTES] = '\0';
    make(w, "q", &a);
    world_begin(w);
    for (unsigned i = 0; i < 6; i++) {
        (void)send(w, "q", body, "", 0);
    }
    assert_int_equal(receive(w, "q", MOST, HOUR_MS, got),
                     LIMIT_QUEUE_RECEIVE_BYTES / LIMIT_QUEUE_MESSAGE_BYTES);
    assert_int_equal(receive(w, "q", MOST, HOUR_MS, got), 2);
    world_end(w);
    mem_free(body);
}

/* ---- dead letters ---- */

static struct queue_attributes buried(const char *to, uint32_t receives)
{
    struct queue_attributes a = plain(false);

    a.dead_letters = slice_str(to);
    a.max_receives = receives;
    return a;
}

static void test_ledger_queue__dead_letters_move_with_the_receive(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes dead = plain(false);
    const struct queue_attributes a = buried("dead", 2);
    struct got got[MOST];
    struct ledger_sent sent;

    make(w, "q", &a); /* without its dead-letter queue a message stays */
    world_begin(w);
    sent = send(w, "q", "poison", "", 0);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(receive(w, "q", 1, 0, got), 1);
        assert_int_equal(got[0].count, i);
    }
    world_end(w);
    make(w, "dead", &dead);
    world_begin(w);
    assert_int_equal(receive(w, "q", 1, 0, got), 0);
    world_end(w);
    world_crash(w); /* before that was written */
    check_counts(w, "q", 1, 0, 0);
    check_counts(w, "dead", 0, 0, 0);
    world_begin(w);
    assert_int_equal(receive(w, "q", 1, 0, got), 0);
    world_end(w);
    world_settle(w);
    world_crash(w);
    check_counts(w, "q", 0, 0, 0);
    check_counts(w, "dead", 1, 0, 0);
    world_begin(w);
    assert_int_equal(receive(w, "dead", 1, 0, got), 1);
    assert_string_equal(got[0].body, "poison");
    assert_string_equal(got[0].source, "q");
    assert_memory_equal(got[0].id, sent.id, sizeof(sent.id));
    assert_int_equal(got[0].count, 1);
    world_end(w);
}

/* As many as are in flight can die at once: no turn is held up by all of them. */
static void test_ledger_queue__dead_letters_move_some_at_a_time(void **state)
{
    enum { ALL = 1000 };
    struct ledger_world *w = *state;
    const struct queue_attributes dead = plain(false);
    const struct queue_attributes a = buried("dead", 1);
    struct queue_counts c;
    struct got got[MOST];
    uint64_t told;
    int somebody;

    make(w, "dead", &dead);
    make(w, "q", &a);
    world_begin(w);
    for (unsigned i = 0; i < ALL; i++) {
        (void)send(w, "q", "x", "", 0);
        assert_int_equal(receive(w, "q", 1, 1000, got), 1);
    }
    world_end(w);
    world_settle(w);
    world_advance(w, 1000);
    for (uint64_t moved = 0; moved < ALL; moved = c.total) {
        find(w, "q")->user = &somebody;
        told = w->queues_ready;
        world_begin(w);
        (void)receive(w, "q", 1, 0, got);
        ledger_queue_counts(w->l, find(w, "dead"), &c);
        assert_true(c.total > moved && c.total - moved <= LIMIT_QUEUE_RECEIVE_LOOKS);
        ledger_queue_waits(w->l, find(w, "q"));
        world_end(w);
        assert_int_equal(w->queues_ready - told, c.total < ALL);
        find(w, "q")->user = NULL;
        world_settle(w);
    }
}

static void test_ledger_queue__move_tasks_go_on_after_a_crash(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes dead = plain(false);
    const struct queue_attributes a = buried("dead", 1);
    struct got got[MOST];
    const struct move_task *t;

    make(w, "dead", &dead);
    make(w, "q", &a);
    world_begin(w);
    for (unsigned i = 0; i < 5; i++) {
        (void)send(w, "q", "x", "", 0);
        assert_int_equal(receive(w, "q", 1, 0, got), 1);
    }
    assert_int_equal(receive(w, "q", 1, 0, got), 0);
    (void)ledger_move_start(w->l, find(w, "dead"), SLICE(""), 1);
    world_end(w);
    world_settle(w);
    check_counts(w, "dead", 5, 0, 0);
    world_advance(w, 2500);
    check_counts(w, "dead", 3, 0, 0);
    world_crash(w);
    t = ledger_move_running(find(w, "dead"));
    assert_non_null(t);
    assert_int_equal(t->moved, 2);
    world_turn(w);
    check_counts(w, "dead", 3, 0, 0); /* what the crash took is not made up for */
    assert_int_equal(t->to_move, 5);
    world_advance(w, 3000);
    check_counts(w, "dead", 0, 0, 0);
    check_counts(w, "q", 5, 0, 0);
    world_advance(w, 2000);
    assert_null(ledger_move_running(find(w, "dead")));
    assert_int_equal(ledger_move_find(find(w, "dead"), 1)->status, MOVE_COMPLETED);
    world_crash(w);
    assert_int_equal(ledger_move_find(find(w, "dead"), 1)->moved, 5);
}

static void test_ledger_queue__a_move_task_says_why_it_failed(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes dead = plain(false);
    const struct queue_attributes a = buried("dead", 1);
    struct got got[MOST];

    make(w, "dead", &dead);
    make(w, "q", &a);
    world_begin(w);
    (void)send(w, "dead", "sent there itself", "", 0);
    (void)ledger_move_start(w->l, find(w, "dead"), SLICE(""), 0);
    world_end(w);
    world_advance(w, 1000);
    assert_true(slice_eq_str(ledger_move_find(find(w, "dead"), 1)->reason,
                             "CouldNotDetermineMessageSource"));
    world_begin(w);
    assert_int_equal(receive(w, "dead", 1, HOUR_MS, got), 1);
    (void)send(w, "q", "x", "", 0);
    assert_int_equal(receive(w, "q", 1, 0, got), 1);
    assert_int_equal(receive(w, "q", 1, 0, got), 0);
    ledger_queue_delete(w->l, find(w, "q"));
    (void)ledger_move_start(w->l, find(w, "dead"), SLICE(""), 0);
    world_end(w);
    world_advance(w, 1000);
    assert_true(slice_eq_str(ledger_move_find(find(w, "dead"), 2)->reason,
                             "AWS.SimpleQueueService.NonExistentQueue"));
    check_counts(w, "dead", 1, 1, 0);
}

/* ---- deduplication ---- */

static void test_ledger_queue__repeats_are_known_over_a_crash_for_five_minutes(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(true);
    const struct message_row m = {.body = SLICE("x"), .group = SLICE("g"), .sender = SLICE("me")};
    const struct dedup_key key = {1, 2};
    const struct dedup_key other = {1, 3};
    struct ledger_sent first;
    struct ledger_sent again;
    size_t rows;

    make(w, "q", &a);
    rows = world_rows(w, CF_QUEUE);
    world_begin(w);
    ledger_queue_send(w->l, find(w, "q"), &m, 0, &key, &first);
    world_end(w);
    world_settle(w);
    assert_false(first.repeat);
    assert_int_equal(world_rows(w, CF_QUEUE), rows + 2); /* the message, and one for the batch */
    world_crash(w);
    world_begin(w);
    ledger_queue_send(w->l, find(w, "q"), &m, 0, &key, &again);
    world_end(w);
    assert_true(again.repeat);
    assert_int_equal(again.number, first.number);
    assert_memory_equal(again.id, first.id, sizeof(first.id));
    check_counts(w, "q", 1, 0, 0);
    world_begin(w);
    ledger_queue_send(w->l, find(w, "q"), &m, 0, &other, &again);
    world_end(w);
    assert_false(again.repeat);
    world_advance(w, LIMIT_QUEUE_DEDUP_MS);
    assert_int_equal(world_rows(w, CF_QUEUE), rows + 2);   /* the messages */
    assert_int_equal(find(w, "q")->dedup.by_key.count, 0); /* there is room for others */
    world_begin(w);
    ledger_queue_send(w->l, find(w, "q"), &m, 0, &key, &again);
    world_end(w);
    assert_false(again.repeat);
}

/* ---- purged, deleted, too old ---- */

static void test_ledger_queue__what_is_purged_is_swept_and_numbers_go_on(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(false);
    struct got got[MOST];
    size_t rows;

    make(w, "q", &a);
    rows = world_rows(w, CF_QUEUE);
    send_many(w, "q", 3000);
    world_begin(w);
    ledger_queue_purge(w->l, find(w, "q"));
    (void)send(w, "q", "new", "", 0);
    world_end(w);
    world_commit(w); /* the messages; then the purge is under way, and a crash comes */
    world_crash(w);
    check_counts(w, "q", 2990, 10, 0);
    world_begin(w);
    ledger_queue_purge(w->l, find(w, "q"));
    (void)send(w, "q", "new", "", 0);
    world_end(w);
    world_commit(w);
    check_counts(w, "q", 1, 0, 0);
    world_crash(w); /* in the middle of the sweep */
    world_settle(w);
    check_counts(w, "q", 1, 0, 0);
    assert_int_equal(world_rows(w, CF_QUEUE), rows + 1);
    world_begin(w);
    assert_int_equal(receive(w, "q", MOST, 0, got), 1);
    assert_int_equal(got[0].receipt.place.number, 3001);
    world_end(w);
}

static void test_ledger_queue__nothing_is_left_of_a_deleted_queue(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(false);
    const struct tag tag = {SLICE("k"), SLICE("v")};
    const struct tags_row tags = {&tag, 1};

    make(w, "q", &a);
    send_many(w, "q", 2500);
    world_begin(w);
    ledger_tags_set(w->l, TAGS_QUEUE, SLICE("q"), &tags);
    ledger_queue_delete(w->l, find(w, "q"));
    assert_null(ledger_queue_find(w->l, SLICE("q")));
    world_end(w);
    world_settle(w);
    assert_int_equal(world_rows(w, CF_QUEUE), 1); /* the last number */
    world_crash(w);
    assert_null(ledger_queue_find(w->l, SLICE("q")));
    assert_int_equal(ledger_tags(w->l, TAGS_QUEUE, SLICE("q"))->count, 0);
    make(w, "q", &a);
    check_counts(w, "q", 0, 0, 0);
}

/* One row of deduplication a batch, five minutes of them: they are swept. */
static void test_ledger_queue__what_a_deleted_queue_remembers_goes_by_and_by(void **state)
{
    enum { BATCHES = 1200 };
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(true);
    const struct message_row m = {.body = SLICE("x"), .group = SLICE("g"), .sender = SLICE("me")};

    make(w, "q", &a);
    for (uint64_t i = 0; i < BATCHES; i++) {
        const struct dedup_key key = {1, i};
        struct ledger_sent sent;

        world_begin(w);
        ledger_queue_send(w->l, find(w, "q"), &m, 0, &key, &sent);
        world_end(w);
        world_settle(w);
    }
    world_begin(w);
    ledger_queue_delete(w->l, find(w, "q"));
    world_end(w);
    assert_in_range(store_batch_count(w->flying), 1, 10);
    world_crash(w); /* and it was not written */
    assert_int_equal(find(w, "q")->dedup.by_key.count, BATCHES);
    world_begin(w);
    ledger_queue_delete(w->l, find(w, "q"));
    world_end(w);
    assert_true(world_commit(w));
    world_crash(w); /* before it was swept */
    world_settle(w);
    assert_int_equal(world_rows(w, CF_QUEUE), 1); /* the last number */
}

static void test_ledger_queue__what_is_too_old_goes_by_itself(void **state)
{
    struct ledger_world *w = *state;
    struct queue_attributes a = plain(false);
    size_t rows;

    a.retention_s = 60;
    make(w, "q", &a);
    rows = world_rows(w, CF_QUEUE);
    send_many(w, "q", 20);
    world_settle(w);
    assert_int_equal(world_rows(w, CF_QUEUE), rows + 20 + 10);
    world_advance(w, 60000);
    check_counts(w, "q", 0, 10, 0); /* what somebody holds goes when that is over */
    world_settle(w);
    assert_int_equal(world_rows(w, CF_QUEUE), rows + 10 + 10);
}

/* Nobody ever receives: more than is in memory goes, too, over a restart and without being read
 * before its time. */
static void test_ledger_queue__a_backlog_nobody_wants_goes_when_it_is_too_old(void **state)
{
    struct ledger_world *w = *state;
    struct queue_attributes a = plain(false);
    size_t rows;

    a.retention_s = 3600;
    make(w, "q", &a);
    rows = world_rows(w, CF_QUEUE);
    for (unsigned i = 0; i < 5; i++) {
        send_many(w, "q", LIMIT_QUEUE_READY / 2);
        world_advance(w, 1000);
    }
    world_crash(w);
    world_advance(w, 60000);
    assert_int_equal(queue_held(find(w, "q")->core), 50); /* those that were received */
    for (unsigned i = 0; i < 10; i++) {
        world_advance(w, HOUR_MS / 6);
    }
    check_counts(w, "q", 0, 0, 0);
    world_settle(w);
    assert_int_equal(world_rows(w, CF_QUEUE), rows);
}

/* Many queues have less each. */
static void test_ledger_queue__memory_is_shared_by_all_queues(void **state)
{
    enum { QUEUES = 512, SHARE = LIMIT_QUEUE_READY_ALL / QUEUES };
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(false);
    char name[16];

    world_begin(w);
    for (unsigned i = 0; i < QUEUES; i++) {
        (void)snprintf(name, sizeof(name), "q%u", i);
        (void)ledger_queue_put(w->l, slice_str(name), &a);
    }
    for (unsigned i = 0; i < SHARE + 10; i++) {
        (void)send(w, "q0", "x", "", 0);
    }
    assert_int_equal(queue_held(find(w, "q0")->core), SHARE);
    world_end(w);
    world_settle(w);
    check_counts(w, "q0", SHARE + 10, 0, 0);
}

/* ---- who waits ---- */

static void test_ledger_queue__who_waits_is_told(void **state)
{
    struct ledger_world *w = *state;
    const struct queue_attributes a = plain(false);
    struct got got[MOST];
    int somebody;

    make(w, "q", &a);
    find(w, "q")->user = &somebody;
    world_begin(w);
    (void)send(w, "q", "x", "", 0);
    world_end(w);
    assert_int_equal(w->queues_ready, 1);
    world_begin(w);
    assert_int_equal(receive(w, "q", 1, 5000, got), 1);
    ledger_queue_waits(w->l, find(w, "q"));
    world_end(w);
    world_settle(w);
    assert_int_equal(w->queues_ready, 1);
    world_advance(w, 4999);
    assert_int_equal(w->queues_ready, 1);
    world_advance(w, 1); /* its time is over */
    assert_true(w->queues_ready > 1);
    find(w, "q")->user = NULL;
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(test_ledger_queue__##name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sent_and_received_leave_with_one_batch),
        TEST(a_restart_finds_what_was_durable),
        TEST(a_backlog_comes_whole_and_in_order_after_a_crash),
        TEST(rows_that_are_not_written_yet_are_not_passed_over),
        TEST(a_delayed_row_that_is_not_written_is_waited_for),
        TEST(a_clock_put_back_is_not_behind_what_was_received),
        TEST(what_is_sent_under_a_clock_that_was_wrong_is_there_at_once),
        TEST(a_receipt_is_of_one_queue),
        TEST(large_messages_come_fewer_at_a_time),
        TEST(dead_letters_move_with_the_receive),
        TEST(dead_letters_move_some_at_a_time),
        TEST(move_tasks_go_on_after_a_crash),
        TEST(a_move_task_says_why_it_failed),
        TEST(repeats_are_known_over_a_crash_for_five_minutes),
        TEST(what_is_purged_is_swept_and_numbers_go_on),
        TEST(nothing_is_left_of_a_deleted_queue),
        TEST(what_a_deleted_queue_remembers_goes_by_and_by),
        TEST(what_is_too_old_goes_by_itself),
        TEST(a_backlog_nobody_wants_goes_when_it_is_too_old),
        TEST(memory_is_shared_by_all_queues),
        TEST(who_waits_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
