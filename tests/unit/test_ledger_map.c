/* SPDX-License-Identifier: Apache-2.0 */
/* Executions of many frames: Map and Parallel, small and large, over crashes and restarts; frames
 * that go on by themselves, and those that are left behind. */
#include <stdio.h>

#include "tests/lib/ledger_world.h"

static const char *const functions[] = {"f", NULL};

#define MAP(rest, states)                                                                          \
    "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\"," rest                                 \
    "\"ItemProcessor\":{\"StartAt\":\"P\",\"States\":{" states "}},\"End\":true}}}"
#define PASS "\"P\":{\"Type\":\"Pass\",\"End\":true}"
#define TASK                                                                                       \
    "\"P\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:lambda:eu-x-1:000000000042:function:f\","     \
    "\"Retry\":[{\"ErrorEquals\":[\"Lambda.ServiceException\"],\"IntervalSeconds\":1,"             \
    "\"MaxAttempts\":50,\"BackoffRate\":1.0}],\"End\":true}"
#define WAIT "\"P\":{\"Type\":\"Wait\",\"Seconds\":600,\"End\":true}"

static const char *const passes = MAP("\"ItemsPath\":\"$.items\",", PASS);
static const char *const selected =
    MAP("\"ItemsPath\":\"$.items\",\"ItemSelector\":{\"v.$\":\"$$.Map.Item.Value\",\"k.$\":\"$.k\","
        "\"e.$\":\"$$.Execution.Input.k\"},",
        PASS);
static const char *const three_at_once = MAP("\"MaxConcurrency\":3,", TASK);
static const char *const waits = MAP("", WAIT);

/* A history as long as it takes: ten thousand items have more events than AWS's quota. */
static void lift_quotas(struct ledger_world *w)
{
    w->config.history_events = 10000000;
    w->config.payload_bytes = 1024 * 1024;
    world_crash(w);
}

static uint64_t started(struct ledger_world *w, const char *input)
{
    uint64_t id = 0;

    world_begin(w);
    assert_int_equal(world_start(w, "m", "e", input, false, &id), OK);
    world_end(w);
    return id;
}

/* {"k":"key","items":[0,1,..]} */
static struct buf items_input(unsigned count)
{
    struct buf b = {0};

    buf_put_str(&b, "{\"k\":\"key\",\"items\":[");
    for (unsigned i = 0; i < count; i++) {
        buf_printf(&b, "%s%u", i > 0 ? "," : "", i);
    }
    buf_put_str(&b, "]}");
    buf_put_u8(&b, 0);
    return b;
}

static size_t frames_of(struct ledger_world *w, uint64_t id)
{
    struct ledger_view v;
    size_t count;

    world_begin(w);
    count = ledger_execution_view(w->l, id, &v) ? v.frame_count : 0;
    world_end(w);
    return count;
}

static void check_items(struct ledger_world *w, uint64_t id, unsigned count, bool objects)
{
    struct arena a = {0};
    const struct json_node *v;
    struct err err;
    int64_t i = 0;

    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    assert_int_equal(json_parse(world_result(w, id, &a), &a, &v, &err), OK);
    assert_int_equal(json_count(v), count);
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e), i++) {
        int64_t n = -1;

        assert_true(json_i64(objects ? json_member(e, SLICE("v")) : e, &n));
        assert_int_equal(n, i);
        if (objects) {
            assert_true(slice_eq_str(json_text(json_member(e, SLICE("k"))), "key"));
            assert_true(slice_eq_str(json_text(json_member(e, SLICE("e"))), "key"));
        }
    }
    arena_fini(&a);
}

/* ---- ten thousand items ---- */

/* A record of the end is no larger than one of the start, but for the last, which has the output.
 */
static void check_records(struct ledger_world *w, uint64_t id)
{
    struct record_source source = {.store = w->store, .account = WORLD_ACCOUNT, .execution = id};
    struct execution_header h;
    struct arena a = {0};
    struct slice early;
    struct slice late;
    struct err err;

    (void)world_status(w, id, &h);
    assert_true(h.sequence > 100);
    assert_int_equal(record_read(&source, 10, &a, &early, &err), OK);
    assert_int_equal(record_read(&source, h.sequence - 10, &a, &late, &err), OK);
    assert_true(late.len < early.len * 2);
    arena_fini(&a);
}

static void test_ledger_map__ten_thousand_items(void **state)
{
    struct ledger_world *w = *state;
    struct buf input = items_input(10000);
    uint64_t id;

    lift_quotas(w);
    world_machine(w, "m", false, passes);
    id = started(w, input.ptr);
    world_settle(w);
    check_items(w, id, 10000, false);
    check_records(w, id);
    world_check_history(w, id);
    world_check_end(w);
    assert_int_equal(w->l->frames.count + w->l->docs.count, 0);
    assert_int_equal(w->l->parsed_bytes, 0);
    buf_fini(&input);
}

static void test_ledger_map__items_made_of_input_and_context(void **state)
{
    struct ledger_world *w = *state;
    struct buf input = items_input(10000);
    struct hot *h;
    uint64_t id;

    lift_quotas(w);
    world_machine(w, "m", false, selected);
    id = started(w, input.ptr);
    h = hot_find(w->l, id);
    assert_int_equal(h->context_readers, 1);
    assert_non_null(h->h.input.node); /* parsed once, not once an item */
    assert_true(w->l->parsed_bytes > 0);
    world_settle(w);
    check_items(w, id, 10000, true);
    assert_int_equal(w->l->parsed_bytes, 0);
    buf_fini(&input);
}

static void test_ledger_map__goes_on_after_a_restart_in_the_middle(void **state)
{
    struct ledger_world *w = *state;
    struct buf input = items_input(3000);
    uint64_t id;

    lift_quotas(w);
    world_machine(w, "m", false, selected);
    world_settle(w);
    id = started(w, input.ptr);
    (void)world_commit(w);
    for (unsigned crashes = 0; crashes < 8; crashes++) {
        for (unsigned i = 0; i < 2 + crashes % 3; i++) {
            world_turn(w);
            (void)world_commit(w);
        }
        assert_int_equal(world_status(w, id, NULL), EXECUTION_RUNNING);
        world_crash(w);
        assert_non_null(hot_find(w->l, id)->h.input.node);
    }
    world_settle(w);
    check_items(w, id, 3000, true);
    world_check_history(w, id);
    buf_fini(&input);
}

/* ---- tasks ---- */

/* The worker answers each task with what it was given. */
static bool work(struct ledger_world *w)
{
    struct world_worker *k = &w->workers[0];
    char *payload;

    if (k->w == NULL) {
        world_hello(w, 0, functions);
        return true;
    }
    if (!k->parked) {
        world_poll(w, 0);
        return true;
    }
    if (k->lease_count == 0) {
        return false;
    }
    payload = mem_strdup(slice_str(k->leases[0].payload));
    (void)world_succeed(w, 0, 0, payload);
    mem_free(payload);
    return true;
}

static void run(struct world_crash_point *c, uint64_t id)
{
    struct ledger_world *w = c->world;

    for (unsigned i = 0; i < 3000; i++) {
        bool moved = world_crash_commit(c);

        assert_true(w->workers[0].lease_count <= 3);
        moved = work(w) || moved;
        if (moved) {
            continue;
        }
        if (ledger_hot_count(w->l) == 0 && w->flying == NULL) {
            assert_true(world_status(w, id, NULL) != EXECUTION_RUNNING);
            return;
        }
        world_advance(w, 500);
    }
    fail_msg("the run does not end");
}

static void test_ledger_map__tasks_with_a_crash_at_every_point(void **state)
{
    unsigned points = 0;

    (void)state;
    for (bool happened = true; happened; points++) {
        struct ledger_world w;
        struct world_crash_point c = {.world = &w, .left = (int)points};
        uint64_t id;

        world_open(&w);
        world_machine(&w, "m", false, three_at_once);
        world_settle(&w);
        id = started(&w, "[0,1,2,3,4,5,6]");
        (void)world_commit(&w);
        run(&c, id);
        check_items(&w, id, 7, false);
        world_check_history(&w, id);
        world_check_end(&w);
        assert_int_equal(fleet_leased_count(w.l->fleet) + fleet_ready_count(w.l->fleet), 0);
        happened = c.happened;
        world_close(&w);
    }
    assert_true(points > 15);
}

static void test_ledger_map__a_failure_ends_its_siblings_leases(void **state)
{
    struct ledger_world *w = *state;
    struct world_worker *k = &w->workers[0];
    uint64_t id;

    world_machine(w, "m", false, three_at_once);
    world_hello(w, 0, functions);
    id = started(w, "[0,1,2,3,4]");
    world_settle(w);
    world_poll(w, 0);
    world_settle(w);
    assert_int_equal(k->lease_count, 3);
    assert_int_equal(world_fail(w, 0, 1, "Boom"), OK);
    world_settle(w);
    assert_int_equal(k->lease_count, 0);
    assert_int_equal(k->dropped, 2);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
    world_check_history(w, id);
    world_check_end(w);
}

static void test_ledger_map__a_redrive_runs_what_had_not_ended(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event redrive = {.kind = ENGINE_REDRIVE};
    struct world_crash_point c = {.world = w, .left = -1};
    struct err err;
    uint64_t id;

    world_machine(w, "m", false, three_at_once);
    world_hello(w, 0, functions);
    id = started(w, "[0,1,2,3,4]");
    world_settle(w);
    world_poll(w, 0);
    world_settle(w);
    assert_int_equal(world_succeed(w, 0, 0, "0"), OK);
    world_settle(w);
    assert_int_equal(world_fail(w, 0, 0, "Boom"), OK);
    world_settle(w);
    world_crash(w);
    world_begin(w);
    assert_int_equal(ledger_execution_load(w->l, id, &err), OK);
    assert_int_equal(ledger_execution_event(w->l, id, &redrive, &err), OK);
    world_end(w);
    run(&c, id);
    check_items(w, id, 5, false);
    world_check_history(w, id);
    world_check_end(w);
}

/* ---- frames that are no more ---- */

static void test_ledger_map__frames_go_with_their_state(void **state)
{
    static const char *const definition =
        "{\"StartAt\":\"O\",\"States\":{\"O\":{\"Type\":\"Map\",\"ItemProcessor\":{\"StartAt\":"
        "\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"ItemProcessor\":{\"StartAt\":\"P\",\"States\":"
        "{" PASS "}},\"End\":true}}},\"Next\":\"W\"},\"W\":{\"Type\":\"Wait\",\"Seconds\":60,"
        "\"Next\":\"E\"},\"E\":{\"Type\":\"Pass\",\"End\":true}}}";
    struct ledger_world *w = *state;
    struct record_source source = {.store = w->store, .account = WORLD_ACCOUNT};
    struct arena a = {0};
    struct image im;
    struct err err;
    uint64_t id;

    world_machine(w, "m", false, definition);
    id = source.execution = started(w, "[[1,2],[3],[4,5,6]]");
    world_settle(w);
    assert_int_equal(frames_of(w, id), 1);
    assert_int_equal(w->l->frames.count, 1);
    assert_int_equal(image_read(&source, &a, &im, &err), OK);
    assert_int_equal(im.frame_count, 1);
    world_crash(w);
    assert_int_equal(frames_of(w, id), 1);
    world_advance(w, 61000);
    assert_true(slice_eq_str(world_result(w, id, &a), "[[1,2],[3],[4,5,6]]"));
    arena_fini(&a);
}

/* Two Parallel branches: the first is what its first argument says, the second fails after a while,
 * and that is caught. */
#define CAUGHT(first)                                                                              \
    "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Parallel\",\"Branches\":[" first             \
    ",{\"StartAt\":\"V\",\"States\":{\"V\":{\"Type\":\"Wait\",\"Seconds\":5,\"Next\":\"F\"},"      \
    "\"F\":{\"Type\":\"Fail\",\"Error\":\"No\"}}}],\"Catch\":[{\"ErrorEquals\":[\"States.ALL\"],"  \
    "\"Next\":\"E\"}],\"Next\":\"E\"},\"E\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}}"

static void test_ledger_map__frames_go_with_those_above_them(void **state)
{
    static const char *const definition =
        CAUGHT("{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"ItemsPath\":\"$.items\","
               "\"ItemProcessor\":{\"StartAt\":\"P\",\"States\":{" WAIT "}},\"End\":true}}}");
    struct ledger_world *w = *state;
    struct buf input = items_input(20);
    uint64_t id;

    world_machine(w, "m", false, definition);
    id = started(w, input.ptr);
    world_settle(w);
    assert_int_equal(frames_of(w, id), 1 + 2 + 20);
    world_advance(w, 5100);
    assert_int_equal(frames_of(w, id), 1);
    assert_int_equal(w->l->frames.count, 1);
    world_crash(w);
    assert_int_equal(frames_of(w, id), 1);
    world_advance(w, 61000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    assert_int_equal(fleet_wait_ms(w->l->fleet, w->now), -1); /* no timer was left behind */
    buf_fini(&input);
}

/* A Parallel that failed of a size begins anew: what is left of the first time goes, with the
 * frames below its branches, which no step touches. */
static void test_ledger_map__a_redrive_drops_what_it_does_not_run(void **state)
{
    static const char *const definition =
        "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Parallel\",\"Branches\":[{\"StartAt\":"
        "\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"ItemsPath\":\"$.items\",\"ItemProcessor\":{"
        "\"StartAt\":\"P\",\"States\":{" WAIT
        "}},\"End\":true}}},{\"StartAt\":\"V\",\"States\":{\"V\":{\"Type\":\"Wait\",\"Seconds\":5,"
        "\"Next\":\"F\"},\"F\":{\"Type\":\"Fail\",\"Error\":\"States.DataLimitExceeded\"}}}],"
        "\"End\":true}}}";
    struct ledger_world *w = *state;
    struct engine_event redrive = {.kind = ENGINE_REDRIVE};
    struct buf input = items_input(20);
    struct err err;
    uint64_t id;

    world_machine(w, "m", false, definition);
    id = started(w, input.ptr);
    world_advance(w, 6000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
    world_begin(w);
    assert_int_equal(ledger_execution_load(w->l, id, &err), OK);
    assert_int_equal(w->l->frames.count, 1 + 2 + 20);
    assert_int_equal(ledger_execution_event(w->l, id, &redrive, &err), OK);
    world_end(w);
    world_settle(w);
    assert_int_equal(frames_of(w, id), 1 + 2 + 20);
    world_crash(w);
    assert_int_equal(frames_of(w, id), 1 + 2 + 20);
    world_advance(w, 6000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_FAILED);
    world_check_history(w, id);
    buf_fini(&input);
}

/* Their records are read for a frame that has stood still since before them. */
static void test_ledger_map__a_load_does_not_bring_them_back(void **state)
{
    static const char *const definition =
        "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Parallel\",\"Branches\":[{\"StartAt\":"
        "\"V\",\"States\":{\"V\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}},{\"StartAt\":"
        "\"U\","
        "\"States\":{\"U\":{\"Type\":\"Wait\",\"Seconds\":1,\"Next\":\"M\"},\"M\":{\"Type\":"
        "\"Map\","
        "\"ItemsPath\":\"$.items\",\"ItemProcessor\":{\"StartAt\":\"P\",\"States\":{" PASS
        "}},\"Next\":\"X\"},\"X\":{\"Type\":\"Wait\",\"Seconds\":70,\"End\":true}}}],\"End\":true}}"
        "}";
    struct ledger_world *w = *state;
    struct buf input = items_input(500);
    uint64_t id;

    world_machine(w, "m", false, definition);
    id = started(w, input.ptr);
    world_advance(w, 1100);
    assert_int_equal(frames_of(w, id), 3);
    world_crash(w);
    assert_int_equal(frames_of(w, id), 3);
    world_advance(w, 75000);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
    buf_fini(&input);
}

/* What an iteration's context shows of its item. */
static void test_ledger_map__an_item_is_known_after_a_restart(void **state)
{
    static const char *const definition =
        "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"ItemsPath\":\"$.items\","
        "\"ItemSelector\":{\"x\":1},\"ItemProcessor\":{\"StartAt\":\"W\",\"States\":{\"W\":{"
        "\"Type\":"
        "\"Wait\",\"Seconds\":30,\"Next\":\"P\"},\"P\":{\"Type\":\"Pass\",\"Parameters\":{\"v.$\":"
        "\"$$.Map.Item.Value\",\"k\":\"key\",\"e.$\":\"$$.Execution.Input.k\"},\"End\":true}}},"
        "\"End\":true}}}";
    struct ledger_world *w = *state;
    struct buf input = items_input(10);
    uint64_t id;

    world_machine(w, "m", false, definition);
    id = started(w, input.ptr);
    world_settle(w);
    world_crash(w);
    world_advance(w, 31000);
    check_items(w, id, 10, true);
    buf_fini(&input);
}

/* A load reads no further back than the oldest frame there is. */
static void test_ledger_map__the_lowest_record_moves_on(void **state)
{
    static const char *const definition =
        "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"ItemProcessor\":{\"StartAt\":"
        "\"P\",\"States\":{" PASS "}},\"Next\":\"W\"},\"W\":{\"Type\":\"Wait\",\"Seconds\":60,"
        "\"End\":true}}}";
    struct ledger_world *w = *state;
    struct record_source source = {.store = w->store, .account = WORLD_ACCOUNT};
    struct execution_header h;
    struct arena a = {0};
    struct record r;
    struct slice bytes;
    struct buf input = {0};
    struct err err;
    uint64_t id;

    buf_put_str(&input, "[0");
    for (unsigned i = 1; i < 500; i++) {
        buf_printf(&input, ",%u", i);
    }
    buf_put(&input, "]", 2);
    world_machine(w, "m", false, definition);
    id = source.execution = started(w, input.ptr);
    world_settle(w);
    (void)world_status(w, id, &h);
    assert_true(h.sequence > 5);
    assert_int_equal(record_read(&source, h.sequence, &a, &bytes, &err), OK);
    assert_int_equal(record_decode(bytes, &a, &r, &err), OK);
    assert_int_equal(r.lowest, h.sequence);
    arena_fini(&a);
    buf_fini(&input);
}

/* ---- many that wait ---- */

static void test_ledger_map__many_waits_are_parked_together(void **state)
{
    struct ledger_world *w = *state;
    struct execution_header h;
    uint64_t id;

    world_machine(w, "m", false, waits);
    id = started(w, "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26]");
    world_advance(w, 3000);
    assert_int_equal(ledger_hot_count(w->l), 0);
    assert_int_equal(world_rows(w, CF_TIMER), 1);
    world_crash(w);
    assert_int_equal(ledger_hot_count(w->l), 0);
    world_advance(w, 600000);
    assert_int_equal(world_status(w, id, &h), EXECUTION_SUCCEEDED);
    assert_in_range(h.stop_ms - h.start_ms, 600000, 600200);
    check_items(w, id, 27, false);
    assert_int_equal(world_rows(w, CF_TIMER), 0);
}

static void test_ledger_map__many_are_stopped(void **state)
{
    static const char *const definition =
        "{\"StartAt\":\"O\",\"States\":{\"O\":{\"Type\":\"Map\",\"ItemProcessor\":{\"StartAt\":"
        "\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"ItemProcessor\":{\"StartAt\":\"P\",\"States\":"
        "{" WAIT "}},\"End\":true}}},\"End\":true}}}";
    struct ledger_world *w = *state;
    struct engine_event stop = {.kind = ENGINE_STOP};
    struct buf input = {0};
    struct err err;
    uint64_t id;

    buf_put_str(&input, "[[0]");
    for (unsigned i = 0; i < 30; i++) {
        buf_put_str(&input, ",[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]");
    }
    buf_put(&input, "]", 2);
    world_machine(w, "m", false, definition);
    id = started(w, input.ptr);
    world_settle(w);
    assert_int_equal(frames_of(w, id), 1 + 31 + 1 + 30 * 20);
    world_begin(w);
    assert_int_equal(ledger_execution_event(w->l, id, &stop, &err), OK);
    world_end(w);
    world_settle(w);
    assert_int_equal(world_status(w, id, NULL), EXECUTION_ABORTED);
    assert_int_equal(ledger_hot_count(w->l) + w->l->frames.count, 0);
    world_check_history(w, id);
    world_check_end(w);
    buf_fini(&input);
}

/* ---- going on by themselves ---- */

static void test_ledger_map__an_endless_branch_does_not_hold_the_others(void **state)
{
    static const char *const definition =
        "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Parallel\",\"Branches\":[{\"StartAt\":"
        "\"L\",\"States\":{\"L\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.end\","
        "\"IsPresent\":true,\"Next\":\"X\"}],\"Default\":\"K\"},\"K\":{\"Type\":\"Pass\",\"Next\":"
        "\"L\"},\"X\":{\"Type\":\"Pass\",\"End\":true}}},{\"StartAt\":\"P\",\"States\":{\"P\":{"
        "\"Type\":\"Pass\",\"Next\":\"Q\"},\"Q\":{\"Type\":\"Pass\",\"Next\":\"F\"},\"F\":{"
        "\"Type\":"
        "\"Fail\",\"Error\":\"Enough\"}}}],\"End\":true}}}";
    struct ledger_world *w = *state;
    struct execution_header h;
    uint64_t id;

    world_machine(w, "m", false, definition);
    id = started(w, "{}");
    world_settle(w);
    assert_int_equal(world_status(w, id, &h), EXECUTION_FAILED);
    assert_true(h.next_event < 1000); /* not of its full history */
    world_check_history(w, id);
}

int main(void)
{
#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(test_ledger_map__##name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(ten_thousand_items),
        T(items_made_of_input_and_context),
        T(goes_on_after_a_restart_in_the_middle),
        cmocka_unit_test(test_ledger_map__tasks_with_a_crash_at_every_point),
        T(a_failure_ends_its_siblings_leases),
        T(a_redrive_runs_what_had_not_ended),
        T(frames_go_with_their_state),
        T(frames_go_with_those_above_them),
        T(a_redrive_drops_what_it_does_not_run),
        T(a_load_does_not_bring_them_back),
        T(an_item_is_known_after_a_restart),
        T(the_lowest_record_moves_on),
        T(many_waits_are_parked_together),
        T(many_are_stopped),
        T(an_endless_branch_does_not_hold_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
