/* SPDX-License-Identifier: Apache-2.0 */
/* A queue's core under test: the test holds the rows, as the ledger does, and lets time go on. One
 * `struct world` a test, between begin() and end(). */
#ifndef STEPFLEET_TESTS_LIB_QUEUE_ROWS_H
#define STEPFLEET_TESTS_LIB_QUEUE_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/trigger/queue.h"
#include "proto/base/arena.h"
#include "proto/base/hash.h"
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

static inline struct slice group_text(unsigned group)
{
    static const char *const names[GROUPS] = {"a", "b", "c", "d"};

    return slice_str(names[group]);
}

static inline void begin(struct world *w, bool fifo, uint32_t max_receives)
{
    *w = (struct world){
        .settings = {fifo, 4 * (int64_t)DAY_MS, max_receives},
        .now_ms = START_MS,
        .epoch = 1,
        .rows = mem_zalloc(ROWS, sizeof(struct row)),
    };
    w->q = queue_new(&w->settings, w->epoch);
}

static inline void end(struct world *w)
{
    assert_null(queue_check(w->q));
    queue_free(w->q);
    mem_free(w->rows);
}

static inline struct row *row_of(struct world *w, uint64_t number)
{
    for (size_t i = 0; i < w->count; i++) {
        if (w->rows[i].place.number == number) {
            return &w->rows[i];
        }
    }
    fail();
    return NULL;
}

static inline struct row *send(struct world *w, int64_t delay_ms, unsigned group)
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

static inline bool place_less(struct queue_place a, struct queue_place b)
{
    return a.due_ms != b.due_ms ? a.due_ms < b.due_ms : a.number < b.number;
}

/* The first row there or behind; NULL: none. */
static inline struct row *row_from(struct world *w, struct queue_place from)
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
static inline void load(struct world *w, size_t most)
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
static inline enum queue_take
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

static inline enum queue_take take_one(struct world *w, int64_t visibility_ms, struct row **out)
{
    struct queue_round round = {0};

    queue_turn(w->q, w->now_ms);
    return take(w, &round, visibility_ms, out);
}

static inline void
check_counts(struct world *w, uint64_t visible, uint64_t in_flight, uint64_t delayed)
{
    struct queue_counts c;

    queue_turn(w->q, w->now_ms);
    queue_counts(w->q, &c);
    assert_int_equal(c.visible, visible);
    assert_int_equal(c.in_flight, in_flight);
    assert_int_equal(c.delayed, delayed);
    assert_null(queue_check(w->q));
}

#endif
