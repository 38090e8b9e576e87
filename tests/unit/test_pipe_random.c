/* SPDX-License-Identifier: Apache-2.0 */
/* A pipe on a queue, by chance: messages are sent, received, gathered, started, ended, failed; the
 * pipe is stopped and started, the coordinator crashes. At the end every message was either deleted
 * after a run that dealt with it or stands in the dead letters; nothing was started twice that may
 * be started but once; groups stay in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "coordinator/trigger/pipe.h"
#include "proto/base/limits.h"

enum { MESSAGES = 400, GROUPS = 4, SEEDS = 60, VISIBILITY_MS = 1000, RECEIVES = 3 };

struct message {
    struct queue_place place;
    unsigned group;
    unsigned starts;
    bool deleted;
    bool dead;
    bool dealt; /* with, by a run */
    bool bad;   /* no run deals with it */
    struct queue_state state;
};

struct world {
    uint64_t seed;
    int64_t now_ms;
    uint64_t epoch;
    uint64_t runs;
    struct queue_settings queue_settings;
    struct pipe_settings settings;
    struct queue *q;
    struct pipe *p;
    struct message messages[MESSAGES];
    size_t sent;
    unsigned last_started[GROUPS]; /* FIFO: number of the message */
};

static uint64_t chance(struct world *w, uint64_t most)
{
    w->seed += 0x9e3779b97f4a7c15u;
    return hash_u64(w->seed) % most;
}

static struct slice group_name(unsigned group)
{
    static const char *const names[GROUPS] = {"a", "b", "c", "d"};

    return slice_str(names[group]);
}

static struct message *message_of(struct world *w, const struct pipe_item *item)
{
    return &w->messages[item->receipt.place.number - 1];
}

/* ---- the queue's side ---- */

static void send(struct world *w)
{
    struct message *m = &w->messages[w->sent];
    bool held;

    if (w->sent == MESSAGES) {
        return;
    }
    m->group = (unsigned)chance(w, GROUPS);
    m->bad = chance(w, 10) == 0;
    m->place = queue_send(w->q, w->now_ms, 0, w->now_ms, group_name(m->group), &held);
    assert_true(held);
    w->sent++;
}

static void erase(struct world *w, const struct pipe_item *item)
{
    if (queue_delete(w->q, item->receipt.place, item->receipt.token) == QUEUE_DONE) {
        message_of(w, item)->deleted = true;
    }
}

static void gather(struct world *w, const struct queue_state *s)
{
    char text[40] = {0};
    struct pipe_item item = {
        .receipt = {1, s->place, s->receipt},
        .group = group_name(w->messages[s->place.number - 1].group),
        .input = slice_make(text, 1 + (size_t)chance(w, sizeof(text))),
    };

    memset(text, '1', sizeof(text));
    memcpy(item.id, &s->place.number, sizeof(s->place.number));
    w->messages[s->place.number - 1].state = *s;
    assert_true(pipe_gather(w->p, w->now_ms, &item));
}

static bool receive_one(struct world *w, struct queue_round *round)
{
    struct queue_state s;

    switch (queue_take(w->q, round, w->now_ms, VISIBILITY_MS, &s)) {
    case QUEUE_TAKEN: gather(w, &s); return true;
    case QUEUE_DEAD: w->messages[s.place.number - 1].dead = true; return true;
    case QUEUE_OLD:
    case QUEUE_FULL: fail();
    case QUEUE_NONE: break;
    }
    return false;
}

static void receive(struct world *w)
{
    struct queue_round round = {0};
    bool more = true;

    queue_turn(w->q, w->now_ms);
    for (size_t wants = pipe_wants(w->p); wants > 0 && more; wants--) {
        more = receive_one(w, &round);
    }
}

/* ---- the target's side ---- */

static void note_start(struct world *w, const struct pipe_batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        struct message *m = message_of(w, &b->items[i]);
        unsigned number = (unsigned)b->items[i].receipt.place.number;

        m->starts++;
        assert_true(m->starts <= RECEIVES);
        if (w->settings.ordered && m->starts == 1) {
            assert_true(w->last_started[m->group] < number);
            w->last_started[m->group] = number;
        }
    }
}

/* Those that somebody else could have by now are not started. */
static void drop_lost(struct world *w, struct pipe_batch *b)
{
    for (size_t i = b->count; i > 0; i--) {
        const struct receipt *r = &b->items[i - 1].receipt;

        if (!queue_owns(w->q, r->place, r->token)) {
            pipe_drop(b, i - 1);
        }
    }
}

static void start(struct world *w)
{
    struct pipe_batch *b;

    while ((b = pipe_next(w->p, w->now_ms)) != NULL) {
        drop_lost(w, b);
        if (b->count == 0) {
            pipe_end(w->p, b);
            continue;
        }
        note_start(w, b);
        if (w->settings.waits) {
            pipe_fly(w->p, b, ++w->runs);
            continue;
        }
        for (size_t i = 0; i < b->count; i++) {
            assert_int_equal(message_of(w, &b->items[i])->starts, 1);
            message_of(w, &b->items[i])->dealt = true;
            erase(w, &b->items[i]);
            assert_true(message_of(w, &b->items[i])->deleted);
        }
        pipe_end(w->p, b);
    }
}

/* A run ends: it has failed, or dealt with all that is not bad. */
static void end_one(struct world *w)
{
    struct pipe_batch *b = pipe_flying(w->p);
    bool failed = chance(w, 5) == 0;

    if (b == NULL) {
        return;
    }
    for (size_t i = 0; i < b->count && !failed; i++) {
        if (!message_of(w, &b->items[i])->bad) {
            message_of(w, &b->items[i])->dealt = true;
            erase(w, &b->items[i]);
        }
    }
    pipe_end(w->p, b);
}

/* ---- crashes ---- */

/* What is on disk is all there is: the queue's rows, and that there is a pipe. */
static void crash(struct world *w)
{
    struct queue_place head = queue_head(w->q);
    uint64_t total = 0;

    queue_free(w->q);
    pipe_free(w->p);
    w->q = queue_new(&w->queue_settings, ++w->epoch);
    w->p = pipe_new(&w->settings, PIPE_RUNNING, true);
    for (size_t i = 0; i < w->sent; i++) {
        total += !w->messages[i].deleted && !w->messages[i].dead;
    }
    queue_restore(w->q, total, w->sent, head);
    for (size_t i = 0; i < w->sent; i++) {
        const struct message *m = &w->messages[i];

        if (m->state.count != 0 && !m->deleted && !m->dead) {
            struct queue_state s = m->state;

            s.group = group_name(m->group);
            queue_restore_state(w->q, &s);
        }
    }
    for (size_t i = 0; i < w->sent; i++) {
        const struct message *m = &w->messages[i];

        if (!m->deleted && !m->dead) {
            (void)queue_load(w->q, w->now_ms, m->place, m->place.due_ms, group_name(m->group));
        }
    }
    queue_load_end(w->q, (struct queue_place){w->now_ms, w->sent + 1}, INT64_MAX);
}

static void stop_or_start(struct world *w)
{
    if (!pipe_stop(w->p)) {
        (void)pipe_start(w->p);
    }
}

/* ---- runs ---- */

static void step(struct world *w)
{
    switch (chance(w, 12)) {
    case 0:
    case 1:
    case 2: send(w); break;
    case 3:
    case 4: w->now_ms += (int64_t)chance(w, VISIBILITY_MS / 2); break;
    case 5: stop_or_start(w); break;
    case 6: end_one(w); break;
    case 7:
        if (chance(w, 20) == 0) {
            crash(w);
        }
        break;
    default:
        receive(w);
        start(w);
        break;
    }
    (void)pipe_settle(w->p, false);
    if (pipe_check(w->p) != NULL) {
        fail_msg("%s", pipe_check(w->p));
    }
    if (queue_check(w->q) != NULL) {
        fail_msg("%s", queue_check(w->q));
    }
}

static void run_dry(struct world *w)
{
    struct queue_counts counts;

    for (unsigned i = 0; i < 100000; i++) {
        if (pipe_state(w->p) == PIPE_STOPPED) {
            (void)pipe_start(w->p);
        }
        (void)pipe_settle(w->p, false);
        receive(w);
        start(w);
        end_one(w);
        w->now_ms += VISIBILITY_MS / 4;
        queue_turn(w->q, w->now_ms);
        queue_counts(w->q, &counts);
        if (counts.total == 0 && pipe_in_flight(w->p) == 0) {
            return;
        }
    }
    fail_msg("messages are left in the queue");
}

static void run(uint64_t seed, bool fifo, bool waits, uint32_t batch_size, int64_t window_ms)
{
    struct world *w = mem_zalloc(1, sizeof(*w));

    w->seed = seed;
    w->now_ms = 1000000;
    w->epoch = 1;
    w->queue_settings = (struct queue_settings){fifo, INT64_C(1) << 40, RECEIVES};
    w->settings = (struct pipe_settings){
        .batch_size = batch_size,
        .window_ms = window_ms,
        .waits = waits,
        .ordered = fifo,
        .input_bytes = 100,
    };
    w->q = queue_new(&w->queue_settings, w->epoch);
    w->p = pipe_new(&w->settings, PIPE_RUNNING, true);
    for (unsigned i = 0; i < 3000; i++) {
        step(w);
    }
    run_dry(w);
    for (size_t i = 0; i < w->sent; i++) {
        const struct message *m = &w->messages[i];

        assert_true(m->deleted != m->dead);
        assert_true(!m->deleted || m->dealt);
        assert_true(waits || m->starts <= 1);
    }
    queue_free(w->q);
    pipe_free(w->p);
    mem_free(w);
}

static void test_pipe_random__loses_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(seed, false, true, 1, 0);
        run(seed, false, true, 10, 0);
        run(seed, false, false, 10, 0);
        run(seed, false, false, 20, 2 * VISIBILITY_MS); /* they come back before it is over */
        run(seed, false, true, 20, VISIBILITY_MS / 2);
    }
}

static void test_pipe_random__keeps_the_order_of_groups(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(seed, true, true, 10, 0);
        run(seed, true, false, 10, 0);
        run(seed, true, true, 1, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipe_random__loses_nothing),
        cmocka_unit_test(test_pipe_random__keeps_the_order_of_groups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
