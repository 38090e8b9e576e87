/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: what the core decides, case by case, and by chance against a model that is one array of
 * all messages. The test holds the rows, as the ledger does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "coordinator/trigger/dedup.h"
#include "coordinator/trigger/queue.h"
#include "coordinator/trigger/receipt.h"
#include "proto/base/limits.h"

enum { ROWS = 40000, START_MS = 1000000000, DAY_MS = 86400000, GROUPS = 4 };

/* A message as its rows have it, and as who receives it knows it. */
struct row {
    struct queue_place place;
    int64_t sent_ms;
    unsigned group;
    bool gone;
    struct queue_state state; /* count 0: none */
    struct token tokens[4];   /* of its last receives */
    bool held;
};

struct world {
    struct queue_settings settings;
    struct queue *q;
    int64_t now_ms;
    uint64_t epoch;
    struct row *rows;
    size_t count;
    uint64_t seed;
};

static struct slice group_text(unsigned group)
{
    static const char *const names[GROUPS] = {"a", "b", "c", "d"};

    return slice_str(names[group]);
}

static void begin(struct world *w, bool fifo, uint32_t max_receives)
{
    *w = (struct world){
        .settings = {fifo, 4 * (int64_t)DAY_MS, max_receives},
        .now_ms = START_MS,
        .epoch = 1,
        .rows = mem_zalloc(ROWS, sizeof(struct row)),
    };
    w->q = queue_new(&w->settings, w->epoch);
}

static void end(struct world *w)
{
    assert_null(queue_check(w->q));
    queue_free(w->q);
    mem_free(w->rows);
}

static struct row *row_of(struct world *w, uint64_t number)
{
    for (size_t i = 0; i < w->count; i++) {
        if (w->rows[i].place.number == number) {
            return &w->rows[i];
        }
    }
    fail();
    return NULL;
}

static struct row *send(struct world *w, int64_t delay_ms, unsigned group)
{
    struct row *r = &w->rows[w->count++];

    assert_true(w->count <= ROWS);
    r->sent_ms = w->now_ms;
    r->group = group;
    queue_turn(w->q, w->now_ms);
    r->place = queue_send(w->q, w->now_ms, delay_ms, w->now_ms,
                          w->settings.fifo ? group_text(group) : SLICE(""), &r->held);
    return r;
}

static bool place_less(struct queue_place a, struct queue_place b)
{
    return a.due_ms != b.due_ms ? a.due_ms < b.due_ms : a.number < b.number;
}

/* The first row there or behind; NULL: none. */
static struct row *row_from(struct world *w, struct queue_place from)
{
    struct row *best = NULL;

    for (size_t i = 0; i < w->count; i++) {
        struct row *r = &w->rows[i];

        if (!r->gone && !place_less(r->place, from) &&
            (best == NULL || place_less(r->place, best->place))) {
            best = r;
        }
    }
    return best;
}

/* As many as it wants, `most` at a time. */
static void load(struct world *w, size_t most)
{
    struct queue_place at;

    while (queue_wants_ms(w->q, &at) <= w->now_ms) {
        struct row *r = row_from(w, at);

        for (size_t n = 0; n < most && r != NULL && r->place.due_ms <= w->now_ms; n++) {
            enum queue_load got = queue_load(w->q, w->now_ms, r->place, r->sent_ms,
                                             w->settings.fifo ? group_text(r->group) : SLICE(""));

            assert_true((got == QUEUE_KNOWN) == (r->state.count != 0));
            r->gone = got == QUEUE_LOADED_OLD;
            at = (struct queue_place){r->place.due_ms, r->place.number + 1};
            r = row_from(w, at);
        }
        queue_load_end(w->q, at, r != NULL ? r->place.due_ms : INT64_MAX);
    }
}

/* The core says so of its rows; and they know it. */
static enum queue_take
take(struct world *w, struct queue_round *round, int64_t visibility_ms, struct row **out)
{
    struct queue_state s;
    enum queue_take got;
    struct row *r;

    load(w, 3);
    got = queue_take(w->q, round, w->now_ms, visibility_ms, &s);
    *out = NULL;
    if (got == QUEUE_NONE || got == QUEUE_FULL) {
        return got;
    }
    *out = r = row_of(w, s.place.number);
    assert_false(r->gone);
    assert_int_equal(s.place.due_ms, r->place.due_ms);
    assert_int_equal(s.sent_ms, r->sent_ms);
    if (got != QUEUE_TAKEN) {
        assert_int_equal(s.count, r->state.count);
        r->gone = true;
        return got;
    }
    assert_int_equal(s.count, r->state.count + 1);
    assert_int_equal(s.visible_ms, w->now_ms + visibility_ms);
    assert_int_equal(s.first_ms, r->state.count == 0 ? w->now_ms : r->state.first_ms);
    assert_false(token_eq(s.receipt, r->state.receipt));
    if (w->settings.fifo) {
        assert_true(slice_eq(s.group, group_text(r->group)));
    }
    r->state = s;
    r->tokens[s.count % 4] = s.receipt;
    return got;
}

static enum queue_take take_one(struct world *w, int64_t visibility_ms, struct row **out)
{
    struct queue_round round = {0};

    queue_turn(w->q, w->now_ms);
    return take(w, &round, visibility_ms, out);
}

static void check_counts(struct world *w, uint64_t visible, uint64_t in_flight, uint64_t delayed)
{
    struct queue_counts c;

    queue_turn(w->q, w->now_ms);
    queue_counts(w->q, &c);
    assert_int_equal(c.visible, visible);
    assert_int_equal(c.in_flight, in_flight);
    assert_int_equal(c.delayed, delayed);
    assert_null(queue_check(w->q));
}

/* ---- standard queues ---- */

static void test_queue__a_message_is_hidden_until_it_is_deleted_or_its_time_is_over(void **state)
{
    struct world w;
    struct row *r;
    struct row *none;

    (void)state;
    begin(&w, false, 0);
    assert_int_equal(take_one(&w, 30000, &none), QUEUE_NONE);
    (void)send(&w, 0, 0);
    check_counts(&w, 1, 0, 0);
    assert_int_equal(take_one(&w, 30000, &r), QUEUE_TAKEN);
    check_counts(&w, 0, 1, 0);
    assert_int_equal(queue_next_ms(w.q), w.now_ms + 30000);
    w.now_ms += 29999;
    assert_int_equal(take_one(&w, 30000, &none), QUEUE_NONE);
    w.now_ms += 1;
    assert_int_equal(take_one(&w, 30000, &r), QUEUE_TAKEN);
    assert_int_equal(r->state.count, 2);
    assert_int_equal(queue_delete(w.q, r->place, r->tokens[1]), QUEUE_STALE);
    check_counts(&w, 0, 1, 0);
    assert_int_equal(queue_delete(w.q, r->place, r->tokens[2]), QUEUE_DONE);
    check_counts(&w, 0, 0, 0);
    assert_int_equal(queue_delete(w.q, r->place, r->tokens[2]), QUEUE_STALE);
    assert_int_equal(queue_next_ms(w.q), w.now_ms - 30000 + w.settings.retention_ms);
    end(&w);
}

static void test_queue__a_late_receipt_deletes_while_nobody_received_it_again(void **state)
{
    struct world w;
    struct row *r;

    (void)state;
    begin(&w, false, 0);
    (void)send(&w, 0, 0);
    assert_int_equal(take_one(&w, 1000, &r), QUEUE_TAKEN);
    w.now_ms += 5000;
    queue_turn(w.q, w.now_ms);
    check_counts(&w, 1, 0, 0);
    assert_int_equal(queue_delete(w.q, r->place, r->tokens[1]), QUEUE_DONE);
    check_counts(&w, 0, 0, 0);
    end(&w);
}

static void test_queue__after_the_last_receive_it_goes_to_the_dead_letters(void **state)
{
    struct world w;
    struct row *r;

    (void)state;
    begin(&w, false, 3);
    (void)send(&w, 0, 0);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(take_one(&w, 0, &r), QUEUE_TAKEN);
        assert_int_equal(r->state.count, i);
    }
    assert_int_equal(take_one(&w, 0, &r), QUEUE_DEAD);
    assert_int_equal(take_one(&w, 0, &r), QUEUE_NONE);
    check_counts(&w, 0, 0, 0);
    end(&w);
}

static void test_queue__delayed_messages_come_when_they_are_due(void **state)
{
    struct world w;
    struct row *r;
    struct queue_place from;
    const struct row *late;

    (void)state;
    begin(&w, false, 0);
    late = send(&w, 10000, 0);
    check_counts(&w, 0, 0, 1);
    assert_int_equal(queue_wants_ms(w.q, &from), w.now_ms + 10000);
    w.now_ms += 2500;
    (void)send(&w, 0, 0);
    check_counts(&w, 1, 0, 1);
    assert_int_equal(take_one(&w, 60000, &r), QUEUE_TAKEN);
    assert_int_equal(r->place.number, 2);
    assert_int_equal(take_one(&w, 60000, &r), QUEUE_NONE);
    w.now_ms += 7500;
    assert_int_equal(take_one(&w, 60000, &r), QUEUE_TAKEN);
    assert_ptr_equal(r, late);
    check_counts(&w, 0, 2, 0);
    end(&w);
}

static void test_queue__visibility_can_be_changed_up_to_twelve_hours(void **state)
{
    struct world w;
    struct row *r;
    struct queue_state s;
    const int64_t most = INT64_C(43200000);

    (void)state;
    begin(&w, false, 0);
    (void)send(&w, 0, 0);
    assert_int_equal(take_one(&w, 30000, &r), QUEUE_TAKEN);
    w.now_ms += 10000;
    queue_turn(w.q, w.now_ms);
    assert_int_equal(queue_change(w.q, r->place, r->tokens[1], w.now_ms, most, &s), QUEUE_TOO_LONG);
    assert_int_equal(queue_change(w.q, r->place, r->tokens[1], w.now_ms, most - 10000, &s),
                     QUEUE_DONE);
    assert_int_equal(s.visible_ms, w.now_ms + most - 10000);
    assert_int_equal(queue_change(w.q, r->place, r->tokens[1], w.now_ms, 0, &s), QUEUE_DONE);
    assert_int_equal(s.visible_ms, w.now_ms);
    check_counts(&w, 1, 0, 0);
    assert_int_equal(queue_change(w.q, r->place, r->tokens[1], w.now_ms, 5, &s),
                     QUEUE_NOT_IN_FLIGHT);
    assert_int_equal(take_one(&w, 1000, &r), QUEUE_TAKEN);
    assert_int_equal(queue_change(w.q, r->place, r->tokens[1], w.now_ms, 5, &s), QUEUE_STALE);
    w.now_ms += most; /* it counts from each receive anew */
    assert_int_equal(take_one(&w, 1000, &r), QUEUE_TAKEN);
    queue_free(w.q);
    w.q = queue_new(&w.settings, 2);
    queue_restore(w.q, 1, 1, (struct queue_place){0, 0});
    queue_restore_state(w.q, &r->state);
    assert_int_equal(queue_change(w.q, r->place, r->state.receipt, w.now_ms, most, &s), QUEUE_DONE);
    end(&w);
}

static void test_queue__what_is_too_old_is_gone(void **state)
{
    struct world w;
    struct row *r;
    struct queue_place place;

    (void)state;
    begin(&w, false, 0);
    for (unsigned i = 0; i < 3; i++) {
        (void)send(&w, 0, 0);
    }
    w.now_ms += w.settings.retention_ms - 1;
    assert_int_equal(take_one(&w, 1, &r), QUEUE_TAKEN);
    w.now_ms += 1;
    queue_turn(w.q, w.now_ms);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(queue_expired(w.q, &place));
    }
    assert_false(queue_expired(w.q, &place));
    check_counts(&w, 0, 0, 0);
    end(&w);
}

static void test_queue__no_more_than_so_many_are_in_flight(void **state)
{
    struct world w;
    struct queue_state s;
    struct queue_round round = {0};
    bool held;

    (void)state;
    begin(&w, false, 0);
    for (unsigned i = 0; i < LIMIT_QUEUE_IN_FLIGHT + 1; i++) {
        (void)queue_send(w.q, w.now_ms, 0, w.now_ms, SLICE(""), &held);
        if (i < LIMIT_QUEUE_IN_FLIGHT) {
            assert_int_equal(queue_take(w.q, &round, w.now_ms, 1000, &s), QUEUE_TAKEN);
        }
    }
    assert_int_equal(queue_take(w.q, &round, w.now_ms, 1000, &s), QUEUE_FULL);
    assert_false(queue_is_ready(w.q)); /* or who waits would be told over and over */
    assert_int_equal(queue_delete(w.q, s.place, s.receipt), QUEUE_DONE);
    assert_true(queue_is_ready(w.q));
    assert_int_equal(queue_take(w.q, &round, w.now_ms, 1000, &s), QUEUE_TAKEN);
    queue_free(w.q);
    mem_free(w.rows);
}

static void test_queue__a_backlog_is_not_in_memory_and_comes_in_order(void **state)
{
    struct world w;
    struct queue_round round = {0};
    size_t total = 3 * LIMIT_QUEUE_READY;
    uint64_t expected = 1;
    struct queue_place at;
    struct queue_state s;

    (void)state;
    begin(&w, false, 0);
    for (size_t i = 0; i < total; i++) {
        w.rows[i].place = queue_send(w.q, w.now_ms, 0, w.now_ms, SLICE(""), &w.rows[i].held);
        assert_int_equal(w.rows[i].held, i < LIMIT_QUEUE_READY);
        w.now_ms += i % 7 == 0;
    }
    assert_int_equal(queue_held(w.q), LIMIT_QUEUE_READY);
    for (size_t i = 0; i < total; i++) {
        if (queue_wants_ms(w.q, &at) <= w.now_ms) {
            size_t n = (size_t)at.number - 1;
            size_t last = n + LIMIT_QUEUE_LOAD < total ? n + LIMIT_QUEUE_LOAD : total;

            for (; n < last; n++) {
                assert_int_equal(queue_load(w.q, w.now_ms, w.rows[n].place, w.now_ms, SLICE("")),
                                 QUEUE_LOADED);
                at = (struct queue_place){w.rows[n].place.due_ms, w.rows[n].place.number + 1};
            }
            queue_load_end(w.q, at, n < total ? w.rows[n].place.due_ms : INT64_MAX);
        }
        assert_true(queue_held(w.q) <= LIMIT_QUEUE_READY);
        assert_int_equal(queue_take(w.q, &round, w.now_ms, 1000, &s), QUEUE_TAKEN);
        assert_int_equal(s.place.number, expected++);
        assert_int_equal(queue_delete(w.q, s.place, s.receipt), QUEUE_DONE);
    }
    assert_int_equal(queue_take(w.q, &round, w.now_ms, 1000, &s), QUEUE_NONE);
    check_counts(&w, 0, 0, 0);
    end(&w);
}

static void test_queue__so_many_are_kept_unasked(void **state)
{
    struct queue_place from;
    struct world w;
    struct row *r;

    (void)state;
    for (unsigned fifo = 0; fifo < 2; fifo++) {
        begin(&w, fifo != 0, 0);
        queue_bound(w.q, 10);
        for (unsigned i = 0; i < 30; i++) {
            assert_int_equal(send(&w, 0, i % GROUPS)->held, i < 10);
        }
        if (fifo == 0) {
            assert_int_equal(queue_wants_ms(w.q, &from), INT64_MAX);
        }
        for (unsigned i = 0; i < 30; i++) {
            assert_int_equal(take_one(&w, 1000, &r),
                             i < 30 && (fifo == 0 || i < GROUPS) ? QUEUE_TAKEN : QUEUE_NONE);
        }
        end(&w);
    }
}

/* What was deleted before costs a load nothing: it begins behind that. */
static void test_queue__a_load_begins_at_the_first_message(void **state)
{
    struct queue_place at;
    struct world w;
    struct row *r;
    unsigned i;

    (void)state;
    begin(&w, false, 0);
    for (i = 0; i < 10; i++) {
        (void)send(&w, 0, 0);
    }
    for (i = 0; i < 5; i++) { /* the third stays */
        assert_int_equal(take_one(&w, 30000, &r), QUEUE_TAKEN);
        if (i != 2) {
            assert_int_equal(queue_delete(w.q, r->place, r->state.receipt), QUEUE_DONE);
            r->gone = true;
        }
    }
    assert_int_equal(queue_head(w.q).number, 3);
    queue_free(w.q);
    w.q = queue_new(&w.settings, 2);
    queue_restore(w.q, 6, 10, w.rows[2].place);
    queue_restore_state(w.q, &w.rows[2].state);
    assert_int_equal(queue_delete(w.q, w.rows[2].place, w.rows[2].state.receipt), QUEUE_DONE);
    assert_int_equal(queue_wants_ms(w.q, &at), w.rows[2].place.due_ms);
    assert_int_equal(at.number, 3);
    assert_int_equal(queue_head(w.q).number, 3);
    w.rows[2].gone = true;
    load(&w, 100);
    assert_int_equal(queue_head(w.q).number, 6);
    end(&w);
}

/* A delete may be on its way to disk when a load sees the row. */
static void test_queue__what_is_deleted_after_a_restart_is_not_loaded_again(void **state)
{
    struct world w;
    struct row *r;

    (void)state;
    begin(&w, false, 0);
    (void)send(&w, 0, 0);
    (void)send(&w, 0, 0);
    assert_int_equal(take_one(&w, 30000, &r), QUEUE_TAKEN);
    queue_free(w.q);
    w.q = queue_new(&w.settings, 2);
    queue_restore(w.q, 2, 2, (struct queue_place){0, 0});
    queue_restore_state(w.q, &r->state);
    assert_int_equal(queue_delete(w.q, r->place, r->tokens[1]), QUEUE_DONE);
    assert_int_equal(queue_load(w.q, w.now_ms, w.rows[0].place, w.now_ms, SLICE("")), QUEUE_KNOWN);
    assert_int_equal(queue_load(w.q, w.now_ms, w.rows[1].place, w.now_ms, SLICE("")), QUEUE_LOADED);
    queue_load_end(w.q, (struct queue_place){w.now_ms, 3}, INT64_MAX);
    check_counts(&w, 1, 0, 0);
    end(&w);
}

/* ---- FIFO queues ---- */

static void test_queue__a_group_is_blocked_while_one_of_its_is_in_flight(void **state)
{
    struct world w;
    struct queue_round round = {0};
    struct row *r[3];
    struct row *none;

    (void)state;
    begin(&w, true, 0);
    (void)send(&w, 0, 0);
    (void)send(&w, 0, 1);
    (void)send(&w, 0, 0);
    queue_turn(w.q, w.now_ms);
    assert_int_equal(take(&w, &round, 1000, &r[0]), QUEUE_TAKEN);
    assert_int_equal(take(&w, &round, 1000, &r[1]), QUEUE_TAKEN);
    assert_int_equal(r[0]->place.number, 1);
    assert_int_equal(r[1]->place.number, 3); /* of the same group, in one receive */
    assert_int_equal(take_one(&w, 1000, &r[2]), QUEUE_TAKEN);
    assert_int_equal(r[2]->place.number, 2);
    (void)send(&w, 0, 0);
    assert_int_equal(take_one(&w, 1000, &none), QUEUE_NONE);
    assert_int_equal(queue_delete(w.q, r[0]->place, r[0]->tokens[1]), QUEUE_DONE);
    assert_int_equal(take_one(&w, 1000, &none), QUEUE_NONE);
    w.now_ms += 1000;
    queue_turn(w.q, w.now_ms);
    assert_int_equal(queue_delete(w.q, r[1]->place, r[1]->tokens[1]), QUEUE_NOT_IN_FLIGHT);
    r[0]->gone = true;
    assert_int_equal(take_one(&w, 1000, &none), QUEUE_TAKEN);
    assert_int_not_equal(none->place.number, 4); /* number 3 goes first */
    check_counts(&w, 2, 1, 0);
    end(&w);
}

static void test_queue__a_dead_message_lets_its_group_go_on(void **state)
{
    struct world w;
    struct queue_round round = {0};
    struct row *r;

    (void)state;
    begin(&w, true, 1);
    (void)send(&w, 0, 0);
    (void)send(&w, 0, 0);
    assert_int_equal(take_one(&w, 0, &r), QUEUE_TAKEN);
    queue_turn(w.q, w.now_ms);
    assert_int_equal(take(&w, &round, 1000, &r), QUEUE_DEAD);
    assert_int_equal(r->place.number, 1);
    assert_int_equal(take(&w, &round, 1000, &r), QUEUE_TAKEN);
    assert_int_equal(r->place.number, 2);
    assert_int_equal(take(&w, &round, 1000, &r), QUEUE_NONE);
    end(&w);
}

static void test_queue__a_shorter_delay_does_not_overtake(void **state)
{
    struct world w;
    struct row *r;

    (void)state;
    begin(&w, true, 0);
    (void)send(&w, 5000, 0);
    (void)send(&w, 0, 0);
    assert_int_equal(take_one(&w, 1000, &r), QUEUE_NONE);
    w.now_ms += 5000;
    assert_int_equal(take_one(&w, 0, &r), QUEUE_TAKEN);
    assert_int_equal(r->place.number, 1);
    end(&w);
}

/* ---- by chance ---- */

static uint64_t chance(struct world *w, uint64_t below)
{
    w->seed += 0x9e3779b97f4a7c15u;
    return hash_u64(w->seed) % below;
}

static bool is_visible(const struct world *w, const struct row *r)
{
    return !r->gone && r->place.due_ms <= w->now_ms &&
           (r->state.count == 0 || r->state.visible_ms <= w->now_ms);
}

static bool flies(const struct world *w, const struct row *r)
{
    return !r->gone && r->state.count != 0 && r->state.visible_ms > w->now_ms;
}

/* Nobody of its group is out that was not given in this receive, and all before it are. */
static void check_group(const struct world *w, const struct row *taken, const bool *given)
{
    for (const struct row *r = w->rows; r < w->rows + w->count; r++) {
        if (r == taken || r->gone || r->group != taken->group || given[r - w->rows]) {
            continue;
        }
        assert_false(flies(w, r));
        assert_true(r->place.number > taken->place.number);
    }
}

static bool group_is_blocked(const struct world *w, unsigned group)
{
    for (const struct row *r = w->rows; r < w->rows + w->count; r++) {
        if (r->group == group && flies(w, r)) {
            return true;
        }
    }
    return false;
}

static void check_nothing_waits(const struct world *w)
{
    for (const struct row *r = w->rows; r < w->rows + w->count; r++) {
        assert_false(is_visible(w, r) && !(w->settings.fifo && group_is_blocked(w, r->group)));
    }
}

static void receive_some(struct world *w)
{
    static bool given[ROWS];
    struct queue_round round = {0};
    uint64_t most = 1 + chance(w, 4);
    int64_t visibility_ms = (int64_t)chance(w, 3) * 700;
    struct row *r;

    memset(given, 0, sizeof(given));
    queue_turn(w->q, w->now_ms);
    for (uint64_t n = 0; n < most;) {
        enum queue_take got;

        got = take(w, &round, visibility_ms, &r);
        if (got == QUEUE_NONE) {
            if (n == 0) {
                check_nothing_waits(w);
            }
            return;
        }
        if (got == QUEUE_TAKEN) {
            n++;
            given[r - w->rows] = true;
            if (w->settings.fifo) {
                check_group(w, r, given);
            }
        } else {
            assert_int_equal(got, QUEUE_DEAD);
            assert_int_equal(r->state.count, w->settings.max_receives);
        }
    }
}

static void end_some(struct world *w)
{
    struct row *r = w->count != 0 ? &w->rows[chance(w, w->count)] : NULL;
    struct token receipt;
    bool newest;
    enum queue_answer got;

    if (r == NULL || r->state.count == 0) {
        return;
    }
    receipt = r->tokens[(r->state.count - chance(w, 2)) % 4];
    newest = token_eq(receipt, r->state.receipt) && !r->gone;
    queue_turn(w->q, w->now_ms);
    got = queue_delete(w->q, r->place, receipt);
    if (!newest) {
        assert_int_equal(got, QUEUE_STALE);
    } else if (w->settings.fifo && !flies(w, r)) {
        assert_int_equal(got, QUEUE_NOT_IN_FLIGHT);
    } else {
        assert_int_equal(got, QUEUE_DONE);
        r->gone = true;
    }
}

static void change_some(struct world *w)
{
    struct row *r = w->count != 0 ? &w->rows[chance(w, w->count)] : NULL;
    int64_t visibility_ms = (int64_t)chance(w, 3) * 900;
    struct queue_state s;
    enum queue_answer got;

    if (r == NULL || r->state.count == 0) {
        return;
    }
    queue_turn(w->q, w->now_ms);
    got = queue_change(w->q, r->place, r->state.receipt, w->now_ms, visibility_ms, &s);
    if (r->gone) {
        assert_int_equal(got, QUEUE_STALE);
    } else if (!flies(w, r)) {
        assert_int_equal(got, QUEUE_NOT_IN_FLIGHT);
    } else {
        assert_int_equal(got, QUEUE_DONE);
        r->state.visible_ms = w->now_ms + visibility_ms;
        assert_int_equal(s.visible_ms, r->state.visible_ms);
    }
}

static void restart(struct world *w)
{
    uint64_t total = 0;
    struct queue_place head = queue_head(w->q);
    struct queue_place at = {0};
    struct row *r = row_from(w, at);

    assert_true(r == NULL || !place_less(r->place, head));
    for (size_t i = 0; i < w->count; i++) {
        total += !w->rows[i].gone;
    }
    queue_free(w->q);
    w->q = queue_new(&w->settings, ++w->epoch);
    queue_restore(w->q, total, w->count, head);
    while ((r = row_from(w, at)) != NULL) {
        at = (struct queue_place){r->place.due_ms, r->place.number + 1};
        if (r->state.count != 0) {
            r->state.group = w->settings.fifo ? group_text(r->group) : SLICE("");
            queue_restore_state(w->q, &r->state);
        } else if (r->place.due_ms > w->now_ms) {
            queue_restore_delayed(w->q, w->now_ms, r->place.due_ms);
        }
    }
}

static void check_all(struct world *w)
{
    struct queue_counts c;
    uint64_t total = 0;
    uint64_t in_flight = 0;

    for (size_t i = 0; i < w->count; i++) {
        total += !w->rows[i].gone;
        in_flight += flies(w, &w->rows[i]);
    }
    queue_turn(w->q, w->now_ms);
    queue_counts(w->q, &c);
    assert_int_equal(c.total, total);
    assert_int_equal(c.in_flight, in_flight);
    assert_int_equal(c.total, c.visible + c.in_flight + c.delayed);
    assert_null(queue_check(w->q));
}

static void play(uint64_t seed, bool fifo, uint32_t max_receives)
{
    struct world w;

    begin(&w, fifo, max_receives);
    w.seed = seed;
    for (unsigned step = 0; step < 600; step++) {
        switch (chance(&w, 10)) {
        case 0:
        case 1:
        case 2:
            (void)send(&w, chance(&w, 3) == 0 ? (int64_t)chance(&w, 3000) : 0,
                       (unsigned)chance(&w, GROUPS));
            break;
        case 3:
        case 4:
        case 5: receive_some(&w); break;
        case 6: end_some(&w); break;
        case 7: change_some(&w); break;
        case 8: w.now_ms += (int64_t)chance(&w, 800); break;
        default:
            if (chance(&w, 8) == 0) {
                restart(&w);
            }
        }
        check_all(&w);
    }
    end(&w);
}

static void test_queue__agrees_with_a_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        play(seed, seed % 2 == 0, seed % 3 == 0 ? 3 : 0);
    }
}

/* ---- what goes with it ---- */

static void test_queue__repeats_are_known_for_their_time(void **state)
{
    struct dedup d;
    const struct dedup_key a = {1, 2};
    const struct dedup_key b = {1, 3};
    uint64_t number = 0;

    (void)state;
    dedup_init(&d);
    dedup_put(&d, a, 7, 1000);
    dedup_put(&d, b, 8, 1001);
    assert_true(dedup_find(&d, a, 999, &number));
    assert_int_equal(number, 7);
    assert_false(dedup_find(&d, a, 1000, &number));
    dedup_turn(&d, 1000);
    assert_int_equal(d.by_key.count, 1);
    assert_true(dedup_find(&d, b, 1000, &number));
    assert_int_equal(number, 8);
    dedup_put(&d, b, 9, 2000); /* in place of the other */
    assert_int_equal(d.by_key.count, 1);
    dedup_turn(&d, 1500);
    assert_true(dedup_find(&d, b, 1500, &number));
    assert_int_equal(number, 9);
    assert_int_equal(d.by_key.count, 1);
    dedup_fini(&d);
}

static void test_queue__a_receipt_is_known_from_other_text(void **state)
{
    const struct receipt r = {5, {START_MS, 9}, {77, 88}};
    struct receipt back;
    struct arena a = {0};
    struct slice text = receipt_text(&r, &a);
    char *other = arena_str(&a, text);

    (void)state;
    assert_true(receipt_parse(text, &back));
    assert_memory_equal(&r, &back, sizeof(r));
    assert_false(receipt_parse(SLICE("x"), &back));
    assert_false(receipt_parse(SLICE(""), &back));
    assert_false(receipt_parse(slice_head(text, text.len - 4), &back));
    other[10] = other[10] == 'A' ? 'B' : 'A';
    assert_false(receipt_parse(slice_str(other), &back));
    arena_fini(&a);
}

static void test_queue__moves_keep_their_rate(void **state)
{
    (void)state;
    assert_int_equal(queue_move_allowance(1000, 0, 1, 1000), 0);
    assert_int_equal(queue_move_allowance(1000, 0, 1, 1999), 0);
    assert_int_equal(queue_move_next_ms(1000, 0, 1), 2000);
    assert_int_equal(queue_move_allowance(1000, 0, 1, 2000), 1);
    assert_int_equal(queue_move_allowance(1000, 1, 1, 2000), 0);
    assert_int_equal(queue_move_next_ms(0, 1499, 500), 3000);
    assert_int_equal(queue_move_allowance(0, 1499, 500, 3000), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue__a_message_is_hidden_until_it_is_deleted_or_its_time_is_over),
        cmocka_unit_test(test_queue__a_late_receipt_deletes_while_nobody_received_it_again),
        cmocka_unit_test(test_queue__after_the_last_receive_it_goes_to_the_dead_letters),
        cmocka_unit_test(test_queue__delayed_messages_come_when_they_are_due),
        cmocka_unit_test(test_queue__visibility_can_be_changed_up_to_twelve_hours),
        cmocka_unit_test(test_queue__what_is_too_old_is_gone),
        cmocka_unit_test(test_queue__no_more_than_so_many_are_in_flight),
        cmocka_unit_test(test_queue__a_backlog_is_not_in_memory_and_comes_in_order),
        cmocka_unit_test(test_queue__so_many_are_kept_unasked),
        cmocka_unit_test(test_queue__a_load_begins_at_the_first_message),
        cmocka_unit_test(test_queue__what_is_deleted_after_a_restart_is_not_loaded_again),
        cmocka_unit_test(test_queue__a_group_is_blocked_while_one_of_its_is_in_flight),
        cmocka_unit_test(test_queue__a_dead_message_lets_its_group_go_on),
        cmocka_unit_test(test_queue__a_shorter_delay_does_not_overtake),
        cmocka_unit_test(test_queue__agrees_with_a_model),
        cmocka_unit_test(test_queue__repeats_are_known_for_their_time),
        cmocka_unit_test(test_queue__a_receipt_is_known_from_other_text),
        cmocka_unit_test(test_queue__moves_keep_their_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
