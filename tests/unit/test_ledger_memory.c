/* SPDX-License-Identifier: Apache-2.0 */
/* What the ledger holds in memory is bounded, and given back: records of Express executions, large
 * batches, calls that wait to be made, what executions have to tell each other. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/ledger_world.h"

enum {
    PAD_BYTES = 200 * 1024,                /* of each document */
    BATCHES_BYTES = 2 * LIMIT_BATCH_BYTES, /* what they may keep for the next */
};

/* A loop whose every state has a new document; ROUNDS of them, or without end. */
#define LOOP(rounds)                                                                               \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Parameters\":{\"n.$\":"             \
    "\"States.MathAdd($.n, 1)\",\"pad.$\":\"$.pad\"},\"Next\":\"C\"},\"C\":{\"Type\":\"Choice\","  \
    "\"Choices\":[{\"Variable\":\"$.n\",\"NumericLessThan\":" rounds ",\"Next\":\"A\"}],"          \
    "\"Default\":\"E\"},\"E\":{\"Type\":\"Succeed\",\"OutputPath\":\"$.n\"}}}"
#define NESTED                                                                                     \
    "{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::states:startExecution.sync\","             \
    "\"Parameters\":{\"StateMachineArn\":\"arn:aws:states:eu-x-1:000000000042:stateMachine:"       \
    "child\"}"

static const char *const endless = LOOP("1000000000");
static const char *const sixty = LOOP("60");          /* 12 MiB of records */
static const char *const three_hundred = LOOP("300"); /* 60 MiB */
static const char *const pass =
    "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}";
static const char *const soon =
    "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":3,\"End\":true}}}";
static const char *const minutes =
    "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":600,\"End\":true}}}";
static const char *const waits_for_it =
    "{\"StartAt\":\"N\",\"States\":{\"N\":" NESTED ",\"End\":true}}}";

/* Bytes of the heap in use. A sanitizer has its own heap, and says so by this. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t heap_bytes(void)
{
    struct mallinfo2 m;

    if (__sanitizer_get_current_allocated_bytes != NULL) {
        return __sanitizer_get_current_allocated_bytes();
    }
    m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* Of all records on disk: the store is in memory too. */
static size_t stored_bytes(struct ledger_world *w)
{
    struct key from = key_execution_prefix(WORLD_ACCOUNT, 0);
    struct key to = key_execution_prefix(WORLD_ACCOUNT + 1, 0);
    struct store_iterator *i =
        store_iterate(w->store, CF_EXECUTION, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;
    struct err err;
    size_t bytes = 0;

    while (store_next(i, &key, &value)) {
        bytes += value.len;
    }
    assert_int_equal(store_iterator_end(i, &err), OK);
    return bytes;
}

static uint64_t start_large(struct ledger_world *w, const char *name, bool synchronous)
{
    char *input = mem_alloc(PAD_BYTES + 64);
    size_t at = (size_t)sprintf(input, "{\"n\":0,\"pad\":\"");
    uint64_t id = 0;

    memset(input + at, 'x', PAD_BYTES);
    (void)strcpy(input + at + PAD_BYTES, "\"}");
    world_begin(w);
    assert_int_equal(world_start(w, "x", name, input, synchronous, &id), OK);
    world_end(w);
    mem_free(input);
    return id;
}

/* ---- Express executions ---- */

static void test_ledger_memory__an_express_that_gathers_without_end_is_stopped(void **state)
{
    struct ledger_world *w = *state;
    struct execution_header h;
    uint64_t id;

    world_machine(w, "x", true, endless);
    id = start_large(w, "e", false);
    (void)world_commit(w);
    for (unsigned i = 0; i < 20 && w->l->open_count != 0; i++) {
        const struct hot *hot = hot_find(w->l, id);

        assert_true(hot->record_bytes <= LIMIT_EXPRESS_BYTES); /* else it had been stopped */
        world_turn(w);
    }
    assert_int_equal(w->l->open_count, 0);
    world_settle(w);
    assert_int_equal(world_status(w, id, &h), EXECUTION_ABORTED);
    world_check_history(w, id);
    assert_true(stored_bytes(w) > LIMIT_EXPRESS_BYTES); /* all of it can be read */
    assert_int_equal(ledger_hot_count(w->l), 0);
}

static void test_ledger_memory__shown_express_ones_are_bounded_by_their_bytes(void **state)
{
    struct ledger_world *w = *state;
    uint64_t ids[8];
    char name[8];

    world_machine(w, "x", true, sixty);
    for (unsigned i = 0; i < 8; i++) {
        (void)snprintf(name, sizeof(name), "e%u", i);
        ids[i] = start_large(w, name, true);
        world_settle(w);
        assert_int_equal(ledger_execution_header(w->l, ids[i])->status, EXECUTION_SUCCEEDED);
        assert_true(w->l->kept_bytes <= LIMIT_EXPRESS_KEPT_BYTES);
    }
    assert_in_range(w->l->kept_count, 3, 6);
    assert_null(ledger_execution_header(w->l, ids[0])); /* the oldest go first */
    assert_non_null(ledger_execution_header(w->l, ids[7]));
}

/* ---- batches ---- */

static void test_ledger_memory__a_batch_that_was_far_too_large_gives_its_memory_back(void **state)
{
    struct ledger_world *w = *state;
    size_t before;
    uint64_t id;

    world_machine(w, "x", true, three_hundred);
    world_settle(w);
    before = heap_bytes();
    id = start_large(w, "e", false);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    world_turn(w);
    assert_true(stored_bytes(w) > 3 * LIMIT_BATCH_BYTES); /* but for the first record, one batch */
    assert_true(heap_bytes() < before + stored_bytes(w) + BATCHES_BYTES);
}

/* ---- executions that start executions ---- */

/* So many executions of a machine, in one turn. */
static void start_many(struct ledger_world *w, const char *machine, unsigned count, uint64_t *ids)
{
    char name[16];

    world_begin(w);
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "p%u", i);
        assert_int_equal(world_start(w, machine, name, "{}", false, &ids[i]), OK);
    }
    world_end(w);
}

static void test_ledger_memory__calls_to_be_made_are_no_more_than_their_frames(void **state)
{
    enum { COUNT = 2000, BYTES_EACH = 6 * 1024 };
    struct ledger_world *w = *state;
    uint64_t ids[COUNT];
    size_t before;

    world_machine(w, "child", false, pass);
    world_machine(w, "parent", false, waits_for_it);
    world_settle(w);
    before = heap_bytes();
    start_many(w, "parent", COUNT, ids);
    assert_true(heap_bytes() < before + COUNT * BYTES_EACH);
    assert_int_equal(w->calls_made, LIMIT_CALLS_A_TURN);
    world_settle(w);
    assert_int_equal(w->calls_made, COUNT);
    assert_int_equal(world_index(w, EXECUTION_SUCCEEDED), 2 * COUNT);
    world_check_end(w);
}

/* More end than can be told in a turn: nothing begins that would soon end as well. */
static void test_ledger_memory__calls_wait_while_there_is_more_to_tell(void **state)
{
    enum { COUNT = LIMIT_NOTICES_A_TURN + 1 };
    struct ledger_world *w = *state;
    struct engine_event ev = {.kind = ENGINE_STOP};
    uint64_t ids[COUNT];
    struct err err;
    uint64_t id;
    uint64_t made;

    world_machine(w, "child", false, minutes);
    world_machine(w, "parent", false, waits_for_it);
    start_many(w, "parent", COUNT, ids);
    world_settle(w);
    made = w->calls_made;
    assert_int_equal(made, COUNT);
    world_begin(w);
    assert_int_equal(world_start(w, "parent", "one more", "{}", false, &id), OK);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(ledger_execution_event(w->l, ids[i], &ev, &err), OK);
    }
    world_end(w);
    assert_int_not_equal(w->l->notice_count, 0);
    for (unsigned i = 0; i < 10 && w->l->notice_count != 0; i++) {
        assert_int_equal(w->calls_made, made);
        assert_int_equal(ledger_wait_ms(w->l, w->now), 0);
        world_turn(w);
    }
    assert_int_equal(w->l->notice_count, 0);
    assert_int_equal(w->calls_made, made + 1);
    world_settle(w);
    assert_int_equal(world_index(w, EXECUTION_ABORTED), 2 * COUNT);
}

static void test_ledger_memory__what_is_due_waits_while_there_is_more_to_tell(void **state)
{
    enum { COUNT = 2 * LIMIT_NOTICES_A_TURN + 1 };
    struct ledger_world *w = *state;
    uint64_t ids[COUNT];

    world_machine(w, "child", false, soon);
    world_machine(w, "parent", false, waits_for_it);
    start_many(w, "parent", COUNT, ids);
    world_settle(w);
    w->now.wall_ms += 4000;
    w->now.mono_ms += 4000;
    for (unsigned i = 0; i < 10 && w->l->open_count != 0; i++) {
        world_turn(w);
        assert_true(w->l->notice_count <= LIMIT_NOTICES_A_TURN);
    }
    assert_int_equal(w->l->open_count, 0);
    world_settle(w);
    assert_int_equal(world_index(w, EXECUTION_SUCCEEDED), 2 * COUNT);
    world_check_end(w);
}

int main(void)
{
#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(test_ledger_memory__##name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(an_express_that_gathers_without_end_is_stopped),
        T(shown_express_ones_are_bounded_by_their_bytes),
        T(a_batch_that_was_far_too_large_gives_its_memory_back),
        T(calls_to_be_made_are_no_more_than_their_frames),
        T(calls_wait_while_there_is_more_to_tell),
        T(what_is_due_waits_while_there_is_more_to_tell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
