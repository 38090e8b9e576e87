/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: what the core decides, case by case; and what goes with it: repeats, receipts, moves. */
#include "coordinator/trigger/dedup.h"
#include "coordinator/trigger/receipt.h"
#include "tests/lib/queue_rows.h"

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
        cmocka_unit_test(test_queue__repeats_are_known_for_their_time),
        cmocka_unit_test(test_queue__a_receipt_is_known_from_other_text),
        cmocka_unit_test(test_queue__moves_keep_their_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
