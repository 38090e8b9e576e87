/* SPDX-License-Identifier: Apache-2.0 */
/* Events of executions and of clients: what rules make of them, in queues, topics and executions;
 * what is tried again, what becomes a dead letter, and that no crash loses or doubles any. */
#include <stdio.h>

#include "coordinator/ledger/topic.h"
#include "tests/lib/event_case.h"

#define STATUS(s)                                                                                  \
    "{\"source\":[\"aws.states\"],\"detail\":{\"status\":[\"" s "\"],\"name\":[\"one\"]}}"

enum { POINTS = 40 };

static const struct json_node *detail_of(const struct letter *m)
{
    return json_member(m->body, SLICE("detail"));
}

/* ---- what events say ---- */

static void test_event__of_what_starts_and_ends(void **state)
{
    struct ledger_world *w = *state;
    const struct json_node *detail;
    struct arena a = {0};
    struct letter m;

    put_to(w, "{\"source\":[\"aws.states\"]}", SQS "q");
    (void)start(w, "pass", "{\"k\":1}");
    world_settle(w);
    assert_int_equal(left_in(w, "q"), 2);
    m = receive(w, "q", &a);
    detail = detail_of(&m);
    assert_true(
        slice_eq_str(text_at(m.body, "detail-type"), "Step Functions Execution Status Change"));
    assert_true(slice_eq_str(json_text(json_element(json_member(m.body, SLICE("resources")), 0)),
                             "arn:aws:states:eu-x-1:000000000042:execution:pass:one"));
    assert_true(slice_eq_str(text_at(detail, "status"), "RUNNING"));
    assert_true(json_is(json_member(detail, SLICE("stopDate")), JSON_NULL));
    assert_true(json_is(json_member(detail, SLICE("output")), JSON_NULL));
    assert_true(slice_eq_str(text_at(detail, "input"), "{\"k\":1}"));
    assert_true(slice_eq_str(text_at(detail, "redriveStatusReason"),
                             "Execution is RUNNING and cannot be redriven"));
    m = receive(w, "q", &a);
    detail = detail_of(&m);
    assert_true(slice_eq_str(text_at(detail, "status"), "SUCCEEDED"));
    assert_true(json_is(json_member(detail, SLICE("stopDate")), JSON_NUMBER));
    assert_true(slice_eq_str(text_at(detail, "output"), "{\"k\":1}"));
    assert_true(json_is(json_member(json_member(detail, SLICE("outputDetails")), SLICE("included")),
                        JSON_TRUE));
    arena_fini(&a);
}

static int64_t number_at(const struct json_node *v, const char *name)
{
    int64_t n = -1;

    return json_i64(json_member(v, slice_str(name)), &n) ? n : -1;
}

/* By which version and alias it was started. */
static void test_event__of_what_was_started_by_an_alias(void **state)
{
    struct ledger_world *w = *state;
    struct ledger_start s = {.name = SLICE("one"), .input = SLICE("{}"), .version = 3};
    struct arena a = {0};
    struct letter m;
    struct err err;
    uint64_t id;

    put_to(w, STATUS("SUCCEEDED"), SQS "q");
    world_begin(w);
    s.machine = ledger_machine_find(w->l, SLICE("pass"));
    s.arn = ledger_start_arn(w->l, &s);
    s.alias = SLICE("live");
    assert_int_equal(ledger_start(w->l, &s, &id, &err), OK);
    world_end(w);
    world_settle(w);
    m = receive(w, "q", &a);
    assert_true(slice_eq_str(text_at(detail_of(&m), "stateMachineArn"), STATES "pass"));
    assert_true(slice_eq_str(text_at(detail_of(&m), "stateMachineVersionArn"), STATES "pass:3"));
    assert_true(slice_eq_str(text_at(detail_of(&m), "stateMachineAliasArn"), STATES "pass:live"));
    arena_fini(&a);
}

/* One that is off hears nothing, whoever else listens. */
static void test_event__not_to_a_rule_that_is_off(void **state)
{
    const struct rule_target t = {.id = SLICE("a"), .texts = {.arn = SLICE(SQS "dead")}};
    struct ledger_world *w = *state;

    put_to(w, "{\"source\":[\"mine\"]}", SQS "q");
    world_begin(w);
    ledger_rule_put(w->l, SLICE("off"),
                    &(struct rule_row){.pattern = SLICE("{\"source\":[\"mine\"]}"),
                                       .targets = &t,
                                       .target_count = 1});
    world_end(w);
    put_mine(w);
    world_settle(w);
    assert_int_equal(left_in(w, "q"), 1);
    assert_int_equal(left_in(w, "dead"), 0);
}

static void test_event__of_a_failure_and_its_redrive(void **state)
{
    struct ledger_world *w = *state;
    struct engine_event redrive = {.kind = ENGINE_REDRIVE};
    int64_t start_ms = ledger_now(w->l).wall_ms;
    struct arena a = {0};
    struct letter m;
    struct err err;
    uint64_t id;

    id = start(w, "fail", "{}");
    world_advance(w, 1000);
    put_to(w, "{\"detail\":{\"status\":[\"FAILED\",\"RUNNING\"]}}", SQS "q");
    world_begin(w);
    assert_int_equal(ledger_execution_load(w->l, id, &err), OK);
    assert_int_equal(ledger_execution_event(w->l, id, &redrive, &err), OK);
    world_end(w);
    world_settle(w);
    assert_int_equal(left_in(w, "q"), 2);
    m = receive(w, "q", &a);
    assert_true(slice_eq_str(text_at(detail_of(&m), "status"), "RUNNING"));
    assert_true(json_is(json_member(detail_of(&m), SLICE("error")), JSON_NULL));
    assert_int_equal(number_at(detail_of(&m), "redriveCount"), 1);
    assert_int_equal(number_at(detail_of(&m), "redriveDate"), ledger_now(w->l).wall_ms);
    assert_int_equal(number_at(detail_of(&m), "startDate"), start_ms);
    m = receive(w, "q", &a);
    assert_true(slice_eq_str(text_at(detail_of(&m), "status"), "FAILED"));
    assert_true(slice_eq_str(text_at(detail_of(&m), "error"), "E"));
    assert_true(slice_eq_str(text_at(detail_of(&m), "cause"), "C"));
    assert_true(slice_eq_str(text_at(detail_of(&m), "redriveStatus"), "REDRIVABLE"));
    assert_true(json_is(json_member(detail_of(&m), SLICE("outputDetails")), JSON_NULL));
    arena_fini(&a);
}

static void test_event__too_long_documents_are_left_out(void **state)
{
    struct ledger_world *w = *state;
    size_t len = 130 * 1024;
    char *input = mem_zalloc(1, len + 3);
    struct arena a = {0};
    struct letter m;

    memset(input, 'x', len + 2);
    input[0] = input[len + 1] = '"';
    put_to(w, "{\"source\":[\"aws.states\"]}", SQS "q");
    (void)start(w, "pass", input);
    world_settle(w);
    m = receive(w, "q", &a);
    assert_int_equal(text_at(detail_of(&m), "input").len, len + 2);
    m = receive(w, "q", &a); /* input and output together are too long */
    assert_true(json_is(json_member(detail_of(&m), SLICE("input")), JSON_NULL));
    assert_true(
        json_is(json_member(json_member(detail_of(&m), SLICE("inputDetails")), SLICE("included")),
                JSON_FALSE));
    assert_int_equal(text_at(detail_of(&m), "output").len, len + 2);
    arena_fini(&a);
    mem_free(input);
}

static void test_event__express_executions_have_none(void **state)
{
    struct ledger_world *w = *state;

    put_to(w, "{\"source\":[\"aws.states\"]}", SQS "q");
    (void)start(w, "quick", "{}");
    world_settle(w);
    assert_int_equal(left_in(w, "q"), 0);
}

/* ---- targets ---- */

static void test_event__what_a_target_gets(void **state)
{
    struct ledger_world *w = *state;
    const struct {
        struct target_texts texts;
        const char *gets;
    } cases[] = {
        {{.input = SLICE("{\"own\":1}")}, "{\"own\":1}"},
        {{.input_path = SLICE("$.detail.status")}, "\"RUNNING\""},
        {{.transformer = SLICE("{\"InputPathsMap\":{\"s\":\"$.detail.status\"},\"InputTemplate\":"
                               "\"{\\\"it\\\": \\\"is <s>\\\"}\"}")},
         "{\"it\":\"is RUNNING\"}"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct target_texts texts = cases[i].texts;
        struct arena a = {0};
        struct letter m;
        char name[8];
        uint64_t id;

        texts.arn = SLICE(SQS "q");
        put(w, "{\"detail\":{\"status\":[\"RUNNING\"]}}", &texts);
        (void)snprintf(name, sizeof(name), "n%zu", i);
        world_begin(w);
        assert_int_equal(world_start(w, "pass", name, "{}", false, &id), OK);
        world_end(w);
        world_settle(w);
        m = receive(w, "q", &a);
        assert_true(slice_eq_str(json_print(m.body, &a), cases[i].gets));
        arena_fini(&a);
    }
}

static void test_event__to_a_topic_and_a_fifo_queue(void **state)
{
    struct ledger_world *w = *state;
    struct arena a = {0};
    struct letter m;

    world_begin(w);
    (void)ledger_subscribe(w->l, ledger_topic_put(w->l, SLICE("t"), &(struct topic_row){0}),
                           SLICE("q"), &(struct subscription_settings){0});
    world_end(w);
    put_to(w, STATUS("SUCCEEDED"), SNS "t");
    (void)start(w, "pass", "{}");
    world_settle(w);
    m = receive(w, "q", &a);
    assert_true(slice_eq_str(text_at(m.body, "Type"), "Notification"));
    assert_true(slice_starts_with(text_at(m.body, "Message"), SLICE("{\"version\":\"0\"")));
    put(w, "{\"source\":[\"mine\"]}",
        &(struct target_texts){.arn = SLICE(SQS "q.fifo"),
                               .queue = SLICE("{\"MessageGroupId\":\"g\"}")});
    world_begin(w);
    for (int i = 0; i < 2; i++) { /* the same bytes but for their ids */
        put_one_of_mine(w);
    }
    world_end(w);
    world_settle(w);
    assert_int_equal(left_in(w, "q.fifo"), 2);
    arena_fini(&a);
}

/* Wherever the crash comes: both are there, or neither. */
static void test_event__starts_an_execution_in_its_own_batch(void **state)
{
    struct ledger_world *w = *state;

    put_to(w, "{\"detail\":{\"status\":[\"FAILED\"]}}", STATES "pass");
    for (int point = 0; point < 4; point++) {
        struct world_crash_point crash = {w, point, false};
        char name[16];
        uint64_t id;

        (void)snprintf(name, sizeof(name), "f%d", point);
        world_begin(w);
        assert_int_equal(world_start(w, "fail", name, "{}", false, &id), OK);
        world_end(w);
        while (world_crash_commit(&crash)) {
            world_turn(w);
        }
        world_settle(w);
        assert_int_equal(world_index(w, EXECUTION_SUCCEEDED), world_index(w, EXECUTION_FAILED));
    }
    assert_int_equal(world_index(w, EXECUTION_FAILED), 3); /* the first one was never written */
}

/* A rule that wants what its own target makes goes on for ever, some each turn, and others have
 * their turns too. */
static void test_event__a_circle_is_bounded(void **state)
{
    struct ledger_world *w = *state;
    size_t started;

    put_to(w, "{\"detail\":{\"status\":[\"SUCCEEDED\"]}}", STATES "pass");
    (void)start(w, "pass", "{}");
    for (int i = 0; i < 6; i++) {
        world_turn(w);
        (void)world_commit(w);
    }
    started = world_index(w, EXECUTION_SUCCEEDED);
    assert_true(started > LIMIT_DELIVERIES_A_TURN);
    assert_true(started <= 8 * (size_t)LIMIT_DELIVERIES_A_TURN);
    world_begin(w);
    ledger_rule_delete(w->l, ledger_rule_find(w->l, SLICE("r")));
    world_end(w);
    world_settle(w);
    assert_int_equal(world_rows(w, CF_TIMER), 0);
}

/* ---- what cannot be delivered ---- */

static void test_event__what_is_refused_is_a_dead_letter(void **state)
{
    struct ledger_world *w = *state;
    struct arena a = {0};
    struct letter m;

    put(w, STATUS("SUCCEEDED"),
        &(struct target_texts){.arn = SLICE(SQS "gone"),
                               .input = SLICE("1"),
                               .dead_letters = SLICE("{\"Arn\":\"" SQS "dead\"}")});
    (void)start(w, "pass", "{}");
    world_settle(w);
    m = receive(w, "dead", &a);
    assert_true(slice_eq_str(text_at(m.body, "source"), "aws.states"));
    assert_true(slice_eq_str(attribute(&m, "ERROR_CODE"), "NO_RESOURCE"));
    assert_true(slice_eq_str(attribute(&m, "RETRY_ATTEMPTS"), "0"));
    assert_true(slice_eq_str(attribute(&m, "TARGET_ARN"), SQS "gone"));
    assert_true(
        slice_eq_str(attribute(&m, "RULE_ARN"), "arn:aws:events:eu-x-1:000000000042:rule/r"));
    assert_int_equal(attribute(&m, "EXHAUSTED_RETRY_CONDITION").len, 0);
    arena_fini(&a);
}

/* As many executions are open as may be. */
static void fill(struct ledger_world *w)
{
    uint64_t id;

    world_begin(w);
    assert_int_equal(world_start(w, "wait", "open", "{}", false, &id), OK);
    world_end(w);
    world_settle(w);
}

static void test_event__what_failed_is_tried_again(void **state)
{
    struct ledger_world *w = *state;

    w->config.open_most = 1;
    world_crash(w);
    fill(w);
    put(w, "{\"source\":[\"mine\"]}",
        &(struct target_texts){.arn = SLICE(STATES "pass"), .input = SLICE("{}")});
    put_mine(w);
    world_advance(w, 5000);
    world_crash(w);
    world_advance(w, 5000);
    assert_int_equal(world_index(w, EXECUTION_SUCCEEDED), 0);
    world_advance(w, 600000); /* the other one ends after a minute */
    assert_int_equal(world_index(w, EXECUTION_SUCCEEDED), 2);
}

static void test_event__what_failed_too_often_is_a_dead_letter(void **state)
{
    struct ledger_world *w = *state;
    struct arena a = {0};
    struct letter m;

    w->config.open_most = 1;
    world_crash(w);
    fill(w);
    put(w, "{\"source\":[\"mine\"]}",
        &(struct target_texts){.arn = SLICE(STATES "pass"),
                               .retry = SLICE("{\"MaximumRetryAttempts\":2}"),
                               .dead_letters = SLICE("{\"Arn\":\"" SQS "dead\"}")});
    put_mine(w);
    world_advance(w, 20000);
    m = receive(w, "dead", &a);
    assert_true(slice_eq_str(attribute(&m, "ERROR_CODE"), "THROTTLING"));
    assert_true(slice_eq_str(attribute(&m, "RETRY_ATTEMPTS"), "2"));
    assert_true(slice_eq_str(attribute(&m, "EXHAUSTED_RETRY_CONDITION"), "MaximumRetryAttempts"));
    assert_true(slice_eq_str(text_at(m.body, "source"), "mine"));
    arena_fini(&a);
}

static struct world_wait *put_and_wait(struct ledger_world *w)
{
    struct world_wait *wait;

    world_begin(w);
    put_one_of_mine(w);
    wait = world_wait(w);
    world_end(w);
    return wait;
}

/* Nothing is written before it is delivered: its answer waits for that, whatever comes of it. */
static void test_event__is_acknowledged_once_it_is_on_disk(void **state)
{
    struct ledger_world *w = *state;
    struct world_wait *wait;

    put_to(w, "{\"source\":[\"mine\"]}", SQS "q");
    wait = put_and_wait(w);
    assert_false(wait->gone);
    assert_true(world_commit(w));
    assert_true(wait->gone);
    put_to(w, "{\"source\":[\"mine\"]}", SQS "none");
    wait = put_and_wait(w);
    assert_true(wait->gone);
    assert_false(world_commit(w));
    (void)start(w, "wait", "{}"); /* its batch is under way */
    wait = put_and_wait(w);
    assert_false(wait->gone);
    world_settle(w);
    assert_true(wait->gone);
}

/* What events are to do at the end of the turn counts as if it were in the batch already: requests
 * that make them wait, too. */
static void test_event__a_turn_takes_no_more_than_a_batch_holds(void **state)
{
    struct ledger_world *w = *state;
    const size_t len = 100 * 1024;
    char *text = mem_alloc(len);
    size_t taken = 0;

    memset(text, 'x', len);
    put_to(w, "{\"source\":[\"mine\"]}", SQS "q");
    world_begin(w);
    while (ledger_accepts(w->l) && taken < 1000) {
        put_with(w, json_string(ledger_turn_arena(w->l), slice_make(text, len)));
        taken++;
    }
    assert_in_range(taken, LIMIT_BATCH_BYTES / len - 1, LIMIT_BATCH_BYTES / len + 1);
    world_end(w);
    world_settle(w);
    assert_int_equal(left_in(w, "q"), taken);
    world_begin(w);
    assert_true(ledger_accepts(w->l));
    world_end(w);
    mem_free(text);
}

/* More than a turn delivers, cut short by a crash at each batch there is: each once. */
static void test_event__a_crash_neither_loses_nor_doubles(void **state)
{
    struct ledger_world *w = *state;
    struct world_crash_point crash = {w, 0, true};
    size_t sent = 0;

    put_to(w, "{\"source\":[\"mine\"]}", SQS "q");
    for (int point = 0; point < POINTS && crash.happened; point++) {
        crash = (struct world_crash_point){w, point, false};
        world_begin(w);
        for (int i = 0; i < LIMIT_DELIVERIES_A_TURN + 50; i++) {
            put_one_of_mine(w);
        }
        world_end(w);
        while (world_crash_commit(&crash)) {
            world_turn(w);
        }
        world_settle(w);
        sent += point == 0 ? 0 : LIMIT_DELIVERIES_A_TURN + 50; /* that one was never written */
        assert_int_equal(left_in(w, "q"), sent);
    }
    assert_false(crash.happened);
}

static size_t put_long(struct ledger_world *w, size_t bytes)
{
    struct json_builder none = json_build_array(ledger_turn_arena(w->l));
    struct event_head head = {.source = SLICE("mine"), .resources = json_built(&none)};
    char *text = arena_alloc(ledger_turn_arena(w->l), bytes);

    memset(text, 'x', bytes);
    return ledger_event_put(w->l, &head,
                            json_string(ledger_turn_arena(w->l), slice_make(text, bytes)));
}

/* To 128 targets a copy may be of 256 KiB, and a byte more goes to none of them. */
static void test_event__its_copies_are_bounded(void **state)
{
    enum { RULES = 32, TARGETS = 4, EACH = LIMIT_EVENT_COPIES_BYTES / (2 * RULES * TARGETS) };
    static const char *const ids[] = {"a", "b", "c", "d"};
    struct ledger_world *w = *state;
    struct rule_target t[TARGETS];
    struct arena a = {0};
    struct letter m;
    size_t around; /* the event but for its detail */
    char name[16];

    put_to(w, "{\"source\":[\"mine\"]}", SQS "q");
    world_begin(w);
    assert_int_equal(put_long(w, 1), 0);
    world_end(w);
    world_settle(w);
    m = receive(w, "q", &a);
    around = json_print(m.body, &a).len - 1;
    for (size_t i = 0; i < TARGETS; i++) {
        t[i] = (struct rule_target){.id = slice_str(ids[i]),
                                    .texts = {.arn = SLICE(SQS "q"), .input = SLICE("1")}};
    }
    world_begin(w);
    for (int i = 0; i < RULES; i++) {
        (void)snprintf(name, sizeof(name), i == 0 ? "r" : "r%d", i);
        ledger_rule_put(w->l, slice_str(name),
                        &(struct rule_row){.enabled = true,
                                           .pattern = SLICE("{\"source\":[\"mine\"]}"),
                                           .targets = t,
                                           .target_count = TARGETS});
    }
    world_end(w);
    world_settle(w);
    world_begin(w);
    assert_int_equal(put_long(w, EACH - around + 1), RULES * TARGETS);
    assert_int_equal(put_long(w, EACH - around), 0);
    assert_int_equal(put_long(w, EACH - around), RULES * TARGETS); /* with those of its turn */
    world_end(w);
    world_settle(w);
    assert_int_equal(left_in(w, "q"), 1 + RULES * TARGETS);
    arena_fini(&a);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(test_event__##name, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(of_what_starts_and_ends),
        CASE(of_what_was_started_by_an_alias),
        CASE(not_to_a_rule_that_is_off),
        CASE(of_a_failure_and_its_redrive),
        CASE(too_long_documents_are_left_out),
        CASE(express_executions_have_none),
        CASE(what_a_target_gets),
        CASE(to_a_topic_and_a_fifo_queue),
        CASE(its_copies_are_bounded),
        CASE(starts_an_execution_in_its_own_batch),
        CASE(a_circle_is_bounded),
        CASE(what_is_refused_is_a_dead_letter),
        CASE(what_failed_is_tried_again),
        CASE(what_failed_too_often_is_a_dead_letter),
        CASE(is_acknowledged_once_it_is_on_disk),
        CASE(a_turn_takes_no_more_than_a_batch_holds),
        CASE(a_crash_neither_loses_nor_doubles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
