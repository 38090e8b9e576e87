/* SPDX-License-Identifier: Apache-2.0 */
/* Queues in the ledger by chance, with crashes, against a model that is one array of all messages:
 * what was durable is there, each receive counts once, a FIFO group keeps its order. */
#include <stdlib.h>

#include "tests/lib/queue_case.h"

enum { MODEL = 4000, GROUPS = 3 };

struct model_message {
    unsigned group;
    int64_t due_ms;
    int64_t visible_ms;
    uint32_t count;
    bool deleted;
    struct receipt receipt;
};

struct model {
    size_t count;
    struct model_message m[MODEL];
};

struct play {
    struct ledger_world *w;
    bool fifo;
    struct model now;
    struct model durable; /* when all was */
};

static uint64_t chance(struct play *p, uint64_t below)
{
    return world_random(p->w, below);
}

static void play_send(struct play *p)
{
    struct model_message *m = &p->now.m[p->now.count];
    static const char *const groups[GROUPS] = {"a", "b", "c"};
    int64_t delay_ms = !p->fifo && chance(p, 3) == 0 ? (int64_t)chance(p, 2000) : 0;
    char body[16];

    m->group = (unsigned)chance(p, GROUPS);
    m->due_ms = p->w->l->now.wall_ms + delay_ms;
    (void)snprintf(body, sizeof(body), "%zu", p->now.count++);
    assert_true(p->now.count < MODEL);
    (void)send(p->w, "q", body, p->fifo ? groups[m->group] : "", delay_ms);
}

/* FIFO: it is the first of its group that is left, but for what this receive had before it. */
static void check_first(const struct play *p, size_t taken)
{
    for (size_t i = 0; i < taken; i++) {
        const struct model_message *m = &p->now.m[i];

        if (p->fifo && !m->deleted && m->group == p->now.m[taken].group) {
            assert_true(m->visible_ms > p->w->l->now.wall_ms);
        }
    }
}

static void play_receive(struct play *p)
{
    struct got got[MOST];
    int64_t visibility_ms = (int64_t)(1 + chance(p, 3)) * 700;
    size_t count = receive(p->w, "q", 1 + chance(p, 5), visibility_ms, got);
    int64_t now_ms = p->w->l->now.wall_ms;

    for (size_t i = 0; i < count; i++) {
        size_t n = (size_t)atoi(got[i].body);
        struct model_message *m = &p->now.m[n];

        assert_true(n < p->now.count);
        assert_false(m->deleted);
        assert_true(m->due_ms <= now_ms && m->visible_ms <= now_ms);
        check_first(p, n);
        assert_int_equal(got[i].count, ++m->count);
        m->visible_ms = now_ms + visibility_ms;
        m->receipt = got[i].receipt;
    }
}

static void play_delete(struct play *p)
{
    struct model_message *m;
    enum queue_answer answer;
    bool flies;

    if (p->now.count == 0) {
        return;
    }
    m = &p->now.m[chance(p, p->now.count)];
    if (m->count == 0) {
        return;
    }
    flies = m->visible_ms > p->w->l->now.wall_ms;
    answer = ledger_queue_remove(p->w->l, find(p->w, "q"), &m->receipt);
    if (m->deleted) {
        assert_int_equal(answer, QUEUE_STALE);
    } else if (p->fifo && !flies) {
        assert_int_equal(answer, QUEUE_NOT_IN_FLIGHT);
    } else {
        assert_int_equal(answer, QUEUE_DONE);
        m->deleted = true;
    }
}

static void play_check(struct play *p)
{
    uint64_t left = 0;
    uint64_t flying = 0;
    struct queue_counts c;

    for (size_t i = 0; i < p->now.count; i++) {
        const struct model_message *m = &p->now.m[i];

        left += !m->deleted;
        flying += !m->deleted && m->count != 0 && m->visible_ms > p->w->l->now.wall_ms;
    }
    world_begin(p->w);
    ledger_queue_counts(p->w->l, find(p->w, "q"), &c);
    assert_int_equal(c.total, left);
    assert_int_equal(c.in_flight, flying);
    if (queue_check(find(p->w, "q")->core) != NULL) {
        fail_msg("%s: total %d held %d delayed %d flying %d fifo %d",
                 queue_check(find(p->w, "q")->core), (int)c.total,
                 (int)queue_held(find(p->w, "q")->core), (int)c.delayed, (int)c.in_flight, p->fifo);
    }
    world_end(p->w);
}

static void play_turn(struct play *p)
{
    world_begin(p->w);
    for (uint64_t n = chance(p, 6); n-- > 0;) {
        switch (chance(p, 4)) {
        case 0:
        case 1: play_send(p); break;
        case 2: play_receive(p); break;
        default: play_delete(p); break;
        }
    }
    world_end(p->w);
}

static void play_on(struct play *p)
{
    play_turn(p);
    switch (chance(p, 8)) {
    case 0:
        world_crash(p->w);
        p->now = p->durable;
        break;
    case 1:
    case 2:
    case 3:
        world_settle(p->w);
        p->durable = p->now;
        break;
    case 4:
        world_settle(p->w);
        world_advance(p->w, (int64_t)chance(p, 1000));
        p->durable = p->now;
        break;
    default: break;
    }
    play_check(p);
}

/* All that is left is received, once. */
static void play_out(struct play *p)
{
    struct got got[MOST];
    size_t left = 0;
    size_t count;

    world_settle(p->w);
    world_advance(p->w, 10000);
    for (size_t i = 0; i < p->now.count; i++) {
        left += !p->now.m[i].deleted;
    }
    do {
        world_begin(p->w);
        count = receive(p->w, "q", MOST, HOUR_MS, got);
        for (size_t i = 0; i < count; i++) {
            struct model_message *m = &p->now.m[atoi(got[i].body)];

            assert_false(m->deleted);
            m->deleted = true;
            assert_int_equal(got[i].count, m->count + 1);
            assert_int_equal(ledger_queue_remove(p->w->l, find(p->w, "q"), &got[i].receipt),
                             QUEUE_DONE);
            left--;
        }
        world_end(p->w);
        world_settle(p->w);
    } while (count != 0);
    assert_int_equal(left, 0);
    assert_int_equal(world_rows(p->w, CF_QUEUE), 3);
}

static void play(struct ledger_world *w, uint64_t seed, bool fifo)
{
    struct play *p = mem_zalloc(1, sizeof(*p));
    const struct queue_attributes a = plain(fifo);

    w->random = seed;
    p->w = w;
    p->fifo = fifo;
    make(w, "q", &a);
    for (unsigned i = 0; i < 300; i++) {
        play_on(p);
    }
    play_out(p);
    mem_free(p);
}

static void test_ledger_queue_random__agrees_with_a_model_over_crashes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct ledger_world *w = mem_alloc(sizeof(*w));

        world_open(w);
        play(w, seed * 1000, seed % 2 == 0);
        world_close(w);
        mem_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ledger_queue_random__agrees_with_a_model_over_crashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
