/* SPDX-License-Identifier: Apache-2.0 */
/* Queues by chance, against a model that is one array of all messages. */
#include "tests/lib/queue_rows.h"

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

static void test_queue_random__agrees_with_a_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        play(seed, seed % 2 == 0, seed % 3 == 0 ? 3 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_random__agrees_with_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
