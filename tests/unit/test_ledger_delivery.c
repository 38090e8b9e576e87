/* SPDX-License-Identifier: Apache-2.0 */
/* Events that handlers and webhooks get: asked again until they take it, at their rate, after a
 * crash too; what they refuse is a dead letter. */
#include <stdio.h>

#include "coordinator/ledger/topic.h"
#include "coordinator/ledger/webhook.h"
#include "tests/lib/event_case.h"

/* ---- handlers ---- */

#define LAMBDA "arn:aws:lambda:eu-x-1:000000000042:function:"

static const char *const functions[] = {"alert", NULL};

/* The worker asks, and has one lease. */
static void have_lease(struct ledger_world *w)
{
    world_poll(w, 0);
    world_settle(w);
    assert_int_equal(w->workers[0].lease_count, 1);
    assert_string_equal(w->workers[0].leases[0].function, "alert");
}

static void put_alert(struct ledger_world *w)
{
    put(w, "{\"source\":[\"mine\"]}",
        &(struct target_texts){.arn = SLICE(LAMBDA "alert"),
                               .input_path = SLICE("$.source"),
                               .dead_letters = SLICE("{\"Arn\":\"" SQS "dead\"}")});
}

static void test_delivery__a_handler_gets_it(void **state)
{
    struct ledger_world *w = *state;

    put_alert(w);
    world_hello(w, 0, functions);
    put_mine(w);
    world_settle(w);
    have_lease(w);
    assert_string_equal(w->workers[0].leases[0].payload, "\"mine\"");
    assert_int_equal(world_succeed(w, 0, 0, "{}"), OK);
    world_advance(w, 3600000);
    assert_int_equal(w->workers[0].lease_count, 0);
    assert_int_equal(left_in(w, "dead"), 0);
    world_crash(w); /* and it is forgotten */
    world_hello(w, 0, functions);
    world_poll(w, 0);
    world_advance(w, 60000);
    assert_int_equal(w->workers[0].lease_count, 0);
}

/* As AWS tries an asynchronous invocation: twice more. */
static void assert_run_thrice(struct ledger_world *w, const char *error)
{
    struct arena a = {0};
    struct letter m;

    put_mine(w);
    for (int i = 0; i < 3; i++) {
        world_advance(w, 5000);
        have_lease(w);
        assert_int_equal(world_fail(w, 0, 0, error), OK);
    }
    world_advance(w, 5000);
    m = receive(w, "dead", &a);
    assert_true(slice_eq_str(attribute(&m, "ERROR_CODE"), "ERROR_FROM_TARGET"));
    assert_true(slice_starts_with(attribute(&m, "ERROR_MESSAGE"), slice_str(error)));
    assert_true(slice_eq_str(attribute(&m, "RETRY_ATTEMPTS"), "2"));
    assert_true(slice_eq_str(text_at(m.body, "source"), "mine"));
    arena_fini(&a);
}

static void test_delivery__a_handler_that_fails_is_run_thrice(void **state)
{
    struct ledger_world *w = *state;

    put_alert(w);
    world_hello(w, 0, functions);
    assert_run_thrice(w, "Boom");
    assert_run_thrice(w, "Lambda.Unknown"); /* it crashed */
}

/* What its worker is to blame for is tried for longer. */
static void test_delivery__a_handler_outlives_its_workers(void **state)
{
    struct ledger_world *w = *state;

    put_alert(w);
    world_hello(w, 0, functions);
    put_mine(w);
    for (int i = 0; i < 6; i++) {
        world_advance(w, 40000);
        have_lease(w);
        assert_int_equal(world_fail(w, 0, 0, "Lambda.ServiceException"), OK);
    }
    world_advance(w, 60000);
    have_lease(w);
    assert_int_equal(world_succeed(w, 0, 0, "{}"), OK);
    assert_int_equal(left_in(w, "dead"), 0);
}

/* As long as an Express execution may run. */
static void test_delivery__a_handler_has_five_minutes(void **state)
{
    struct ledger_world *w = *state;
    struct arena a = {0};
    struct letter m;

    put(w, "{\"source\":[\"mine\"]}",
        &(struct target_texts){.arn = SLICE(LAMBDA "alert"),
                               .retry = SLICE("{\"MaximumRetryAttempts\":0}"),
                               .dead_letters = SLICE("{\"Arn\":\"" SQS "dead\"}")});
    world_hello(w, 0, functions);
    put_mine(w);
    for (int s = 0; s < 299; s++) { /* it is there, and takes nothing */
        world_hello(w, 0, functions);
        world_advance(w, 1000);
    }
    assert_int_equal(left_in(w, "dead"), 0);
    world_advance(w, 2000);
    m = receive(w, "dead", &a);
    assert_true(slice_eq_str(attribute(&m, "ERROR_CODE"), "TIMEOUT"));
    assert_true(slice_eq_str(attribute(&m, "ERROR_MESSAGE"),
                             "The function did not end in the time that it has."));
    assert_true(slice_eq_str(attribute(&m, "RETRY_ATTEMPTS"), "0"));
    arena_fini(&a);
}

static void test_delivery__a_handler_is_run_again_after_a_crash(void **state)
{
    struct ledger_world *w = *state;

    put_alert(w);
    world_hello(w, 0, functions);
    put_mine(w);
    world_settle(w);
    have_lease(w);
    world_crash(w);
    world_hello(w, 0, functions);
    world_advance(w, 1000);
    world_poll(w, 0);
    world_settle(w);
    assert_true(w->workers[0].lease_count >= 1);
    assert_int_equal(world_succeed(w, 0, w->workers[0].lease_count - 1, "{}"), OK);
    world_advance(w, 600000);
    assert_int_equal(left_in(w, "dead"), 0);
    assert_int_equal(world_rows(w, CF_TIMER), 0);
}

static void put_many(struct ledger_world *w)
{
    world_begin(w);
    for (int i = 0; i < LIMIT_DELIVERY_FLIGHTS + 20; i++) {
        put_one_of_mine(w);
    }
    world_end(w);
    world_settle(w);
}

/* More wait than may be in flight, the others on disk alone; and one that nobody runs leaves as
 * many to others as it has. */
static void test_delivery__handlers_in_flight_are_bounded(void **state)
{
    struct ledger_world *w = *state;
    const size_t half = LIMIT_DELIVERY_FLIGHTS / 2;

    put_alert(w);
    put_many(w);
    assert_int_equal(ledger_hot_count(w->l), half);
    world_advance(w, 1000);
    assert_int_equal(ledger_hot_count(w->l), half);
    put_to(w, "{\"source\":[\"mine\"]}", LAMBDA "other");
    put_many(w);
    assert_int_equal(ledger_hot_count(w->l), half + half / 2);
    world_crash(w);
    world_advance(w, 1000);
    assert_int_equal(ledger_hot_count(w->l), half + half / 2);
    world_hello(w, 0, functions);
    for (int i = 0; i < LIMIT_DELIVERY_FLIGHTS + 20; i++) { /* all of the first ones, at last */
        if (w->workers[0].lease_count == 0) {
            world_poll(w, 0);
            world_settle(w);
        }
        assert_true(w->workers[0].lease_count != 0);
        assert_int_equal(world_succeed(w, 0, 0, "{}"), OK);
    }
    world_poll(w, 0);
    world_settle(w);
    assert_int_equal(w->workers[0].lease_count, 0);
}

/* Where there is room for two, each of two places that wait gets one. */
static void test_delivery__places_take_turns(void **state)
{
    static const char *const both[] = {"alert", "other", NULL};
    struct ledger_world *w = *state;
    const char *targets[] = {LAMBDA "alert", LAMBDA "other"};
    struct world_worker *k = &w->workers[0];

    w->l->flights = LIMIT_DELIVERY_FLIGHTS; /* of others, as if */
    for (int i = 0; i < 6; i++) {
        put_to(w, "{\"source\":[\"mine\"]}", targets[i / 3]);
        put_mine(w);
        world_settle(w);
    }
    assert_int_equal(ledger_hot_count(w->l), 0);
    w->l->flights = LIMIT_DELIVERY_FLIGHTS - 3;
    world_turn(w);
    assert_int_equal(ledger_hot_count(w->l), 2);
    w->l->flights = 2; /* those that are */
    world_settle(w);
    assert_int_equal(ledger_hot_count(w->l), 6);
    world_hello(w, 0, both);
    for (int i = 0; i < 6; i++) { /* begun in turn, they come in turn */
        if (k->lease_count == 0) {
            world_poll(w, 0);
            world_settle(w);
        }
        assert_true(k->lease_count != 0);
        assert_string_equal(k->leases[0].function, both[i % 2]);
        assert_int_equal(world_succeed(w, 0, 0, "{}"), OK);
    }
}

/* ---- webhooks ---- */

/* In a turn. @return its ARN; one that is made again has another */
static struct slice make_webhook(struct ledger_world *w, uint32_t rate)
{
    (void)ledger_webhook_put(
        w->l, &(struct webhook_row){.kind = WEBHOOK_CONNECTION,
                                    .name = SLICE("c"),
                                    .auth = {WEBHOOK_API_KEY, SLICE("X-Key"), SLICE("secret")}});
    return ledger_webhook_put(w->l, &(struct webhook_row){.kind = WEBHOOK_DESTINATION,
                                                          .name = SLICE("d"),
                                                          .connection = SLICE("c"),
                                                          .endpoint = SLICE("http://localhost/x"),
                                                          .method = SLICE("POST"),
                                                          .rate = rate})
        ->arn;
}

static void put_webhook_at(struct ledger_world *w, uint32_t rate)
{
    struct target_texts t = {.input_path = SLICE("$.source"),
                             .dead_letters = SLICE("{\"Arn\":\"" SQS "dead\"}")};

    world_begin(w);
    t.arn = make_webhook(w, rate);
    world_end(w);
    put(w, "{\"source\":[\"mine\"]}", &t);
}

static void put_webhook(struct ledger_world *w)
{
    put_webhook_at(w, 10);
}

/* The only one that is out. */
static struct webhook_request *the_request(struct ledger_world *w)
{
    struct webhook_request *r;

    assert_int_equal(w->webhook_count, 1);
    r = w->webhooks[0];
    assert_string_equal(r->url, "http://localhost/x");
    assert_string_equal(r->method, "POST");
    assert_string_equal(r->auth_name, "X-Key");
    assert_true(slice_eq_str(r->secret, "secret"));
    assert_true(slice_eq_str(r->body, "\"mine\""));
    return r;
}

static void answer_with(struct ledger_world *w, long status, const char *why)
{
    struct webhook_request *r = the_request(w);

    world_begin(w);
    w->webhook_count = 0;
    r->status = status;
    (void)snprintf(r->why, sizeof(r->why), "%s", why);
    ledger_webhook_done(w->l, r);
    world_end(w);
    world_settle(w);
}

static void answer(struct ledger_world *w, long status)
{
    answer_with(w, status, "said");
}

static void test_delivery__a_webhook_is_asked_until_it_takes_it(void **state)
{
    struct ledger_world *w = *state;
    char id[80];

    put_webhook(w);
    put_mine(w);
    world_settle(w);
    (void)snprintf(id, sizeof(id), "%s", the_request(w)->id);
    answer(w, 503);
    assert_int_equal(w->webhook_count, 0);
    world_advance(w, 1000);
    answer(w, 0);
    world_advance(w, 2000);
    assert_string_equal(the_request(w)->id, id);
    world_crash(w); /* nobody knows what became of it */
    world_advance(w, 2000);
    assert_string_equal(the_request(w)->id, id);
    answer(w, 204);
    world_crash(w);
    world_advance(w, 600000);
    assert_int_equal(w->webhook_count, 0);
    assert_int_equal(left_in(w, "dead"), 0);
}

static void test_delivery__a_webhook_that_refuses_is_a_dead_letter(void **state)
{
    struct ledger_world *w = *state;
    struct arena a = {0};
    struct letter m;

    put_webhook(w);
    put_mine(w);
    world_settle(w);
    answer(w, 404);
    m = receive(w, "dead", &a);
    assert_true(slice_eq_str(attribute(&m, "ERROR_CODE"), "ERROR_FROM_TARGET"));
    assert_true(slice_eq_str(attribute(&m, "ERROR_MESSAGE"), "HTTP 404 said"));
    arena_fini(&a);
}

static void assert_no_resource(struct ledger_world *w)
{
    struct arena a = {0};
    struct letter m;

    put_mine(w);
    world_advance(w, 1000);
    assert_int_equal(w->webhook_count, 0);
    m = receive(w, "dead", &a);
    assert_true(slice_eq_str(attribute(&m, "ERROR_CODE"), "NO_RESOURCE"));
    arena_fini(&a);
}

/* One that was made again is another; a target that says no id has whichever there is. */
static void test_delivery__a_webhook_that_is_gone_is_a_dead_letter(void **state)
{
    struct ledger_world *w = *state;

    put_webhook(w);
    world_begin(w);
    ledger_webhook_delete(w->l, ledger_webhook_find(w->l, WEBHOOK_CONNECTION, SLICE("c")));
    world_end(w);
    assert_no_resource(w);
    world_begin(w);
    (void)make_webhook(w, 10);
    world_end(w);
    assert_no_resource(w);
    put_to(w, "{\"source\":[\"mine\"]}", "arn:aws:events:eu-x-1:000000000042:api-destination/d");
    put_mine(w);
    world_advance(w, 1000);
    assert_int_equal(w->webhook_count, 1);
}

/* Whatever a server answers: text that every reader of a queue takes, cut between characters. */
static void test_delivery__a_dead_letter_is_text(void **state)
{
    static const char *const cases[][2] = {
        {"no \x1b[2J\r\n\xff\xc3\xa9\xc3(", "HTTP 404 no  [2J  ?\xc3\xa9?("},
        {"", "HTTP 404"},
        {NULL, NULL},
    };
    struct ledger_world *w = *state;
    struct arena a = {0};
    char cut[256];
    struct letter m;
    struct slice said;

    put_webhook(w);
    for (size_t i = 0; cases[i][0] != NULL; i++) {
        put_mine(w);
        world_advance(w, 1000);
        answer_with(w, 404, cases[i][0]);
        m = receive(w, "dead", &a);
        assert_true(slice_eq_str(attribute(&m, "ERROR_MESSAGE"), cases[i][1]));
    }
    memset(cut, 'x', sizeof(cut));
    memcpy(cut + sizeof(cut) - 2, "\xc3", 2); /* half of a character */
    put_mine(w);
    world_advance(w, 1000);
    answer_with(w, 404, cut);
    m = receive(w, "dead", &a);
    said = attribute(&m, "ERROR_MESSAGE");
    assert_int_equal(said.ptr[said.len - 1], '?');
    arena_fini(&a);
}

/* Ten a second: no two within a hundred milliseconds, whoever waits. */
static void test_delivery__a_webhook_is_asked_at_its_rate(void **state)
{
    struct ledger_world *w = *state;

    put_webhook(w);
    for (int i = 0; i < 4; i++) {
        put_mine(w);
    }
    world_settle(w);
    answer(w, 200);
    for (int i = 1; i < 4; i++) {
        assert_int_equal(w->webhook_count, 0);
        world_advance(w, 99);
        assert_int_equal(w->webhook_count, 0);
        world_advance(w, 1);
        answer(w, 200);
    }
    world_advance(w, 10000);
    assert_int_equal(w->webhook_count, 0);
}

/* A rate that is no whole number of milliseconds is not gone over. */
static void test_delivery__a_webhook_is_asked_at_most_so_often(void **state)
{
    struct ledger_world *w = *state;
    size_t asked = 0;

    put_webhook_at(w, LIMIT_WEBHOOK_RATE);
    world_begin(w);
    for (int i = 0; i < LIMIT_WEBHOOK_RATE + 50; i++) {
        put_one_of_mine(w);
    }
    world_end(w);
    world_settle(w);
    for (int ms = 0; ms < 1000; ms++) {
        asked += w->webhook_count;
        if (w->webhook_count != 0) {
            answer(w, 200);
        }
        world_advance(w, 1);
    }
    assert_in_range(asked, LIMIT_WEBHOOK_RATE - 10, LIMIT_WEBHOOK_RATE);
}

/* ---- all of them ---- */

#define NO_JSON SLICE_INIT("{\"InputTemplate\":\"hello <aws.events.rule-name>\"}")

/* What no later try would make better, and what is said of it. */
static void test_delivery__what_is_of_no_use_is_said(void **state)
{
    static const struct {
        struct target_texts texts;
        const char *code;
        const char *message;
    } cases[] = {
        {{.arn = SLICE_INIT(SQS "small")},
         "INVALID_PARAMETER",
         "Message must be shorter than 20 bytes."},
        {{.arn = SLICE_INIT(SQS "bare.fifo"), .queue = SLICE_INIT("{\"MessageGroupId\":\"g\"}")},
         "INVALID_PARAMETER",
         "The queue should either have ContentBasedDeduplication enabled"},
        {{.arn = SLICE_INIT(SNS "gone")}, "NO_RESOURCE", "Topic does not exist"},
        {{.arn = SLICE_INIT(SNS "t"), .input_path = SLICE_INIT("$.detail")},
         "INVALID_PARAMETER",
         "Invalid parameter: Message too long"},
        {{.arn = SLICE_INIT(STATES "gone")},
         "NO_RESOURCE",
         "State Machine Does Not Exist: '" STATES},
        {{.arn = SLICE_INIT(STATES "pass"), .transformer = NO_JSON},
         "INVALID_JSON",
         "The input is not JSON."},
        {{.arn = SLICE_INIT(STATES "pass")}, "INVALID_PARAMETER", "The input is too large."},
        {{.arn = SLICE_INIT(LAMBDA "alert"), .transformer = NO_JSON},
         "INVALID_JSON",
         "The input is not JSON."},
        {{.arn = SLICE_INIT(LAMBDA "alert")}, "INVALID_PARAMETER", "The input is too large."},
    };
    struct ledger_world *w = *state;
    char *text = mem_alloc(LIMIT_PAYLOAD_BYTES);
    struct arena a = {0};

    memset(text, 'x', LIMIT_PAYLOAD_BYTES);
    put_queue_with(w, "small", &(struct queue_attributes){.retention_s = 60, .message_bytes = 20});
    put_queue_with(
        w, "bare.fifo",
        &(struct queue_attributes){.fifo = true, .retention_s = 60, .message_bytes = 1024 * 1024});
    world_begin(w);
    (void)ledger_topic_put(w->l, SLICE("t"), &(struct topic_row){0});
    world_end(w);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct target_texts texts = cases[i].texts;
        struct letter m;

        texts.dead_letters = SLICE("{\"Arn\":\"" SQS "dead\"}");
        put(w, "{\"source\":[\"mine\"]}", &texts);
        world_begin(w);
        put_with(w, json_string(ledger_turn_arena(w->l), slice_make(text, LIMIT_PAYLOAD_BYTES)));
        world_end(w);
        world_settle(w);
        m = receive(w, "dead", &a);
        assert_true(slice_eq_str(attribute(&m, "ERROR_CODE"), cases[i].code));
        assert_true(slice_starts_with(attribute(&m, "ERROR_MESSAGE"), slice_str(cases[i].message)));
    }
    arena_fini(&a);
    mem_free(text);
}

static void test_delivery__not_to_a_machine_that_is_being_deleted(void **state)
{
    struct ledger_world *w = *state;
    struct arena a = {0};
    struct letter m;

    (void)start(w, "wait", "{}"); /* which has to be stopped first */
    world_settle(w);
    put(w, "{\"source\":[\"mine\"]}",
        &(struct target_texts){.arn = SLICE(STATES "wait"),
                               .dead_letters = SLICE("{\"Arn\":\"" SQS "dead\"}")});
    world_begin(w);
    ledger_machine_delete(w->l, ledger_machine_find(w->l, SLICE("wait")));
    put_one_of_mine(w);
    world_end(w);
    world_settle(w);
    m = receive(w, "dead", &a);
    assert_true(slice_eq_str(attribute(&m, "ERROR_CODE"), "NO_RESOURCE"));
    arena_fini(&a);
}

/* Messages of rules, and dead letters, are late where their queues are. */
static void test_delivery__queues_delay_what_they_get(void **state)
{
    const struct queue_attributes late = {
        .delay_s = 9, .visibility_s = 30, .retention_s = 60, .message_bytes = 1024};
    struct ledger_world *w = *state;
    static const char *const arns[] = {SQS "late", SQS "gone"};

    put_queue_with(w, "late", &late);
    for (size_t i = 0; i < 2; i++) {
        struct queue_counts c;

        put(w, "{\"source\":[\"mine\"]}",
            &(struct target_texts){.arn = slice_str(arns[i]),
                                   .dead_letters = SLICE("{\"Arn\":\"" SQS "late\"}")});
        put_mine(w);
        world_begin(w);
        ledger_queue_counts(w->l, ledger_queue_find(w->l, SLICE("late")), &c);
        assert_int_equal(c.delayed, 1);
        world_end(w);
        world_advance(w, 10000);
    }
}

/* A row that is in the batch behind the one under way is not read before it is written. */
static void test_delivery__is_tried_once_its_row_is_durable(void **state)
{
    struct ledger_world *w = *state;

    put_webhook(w);
    (void)start(w, "wait", "{}"); /* its batch is under way */
    put_mine(w);
    assert_true(world_commit(w));
    world_turn(w);
    assert_false(w->failed);
    assert_int_equal(w->webhook_count, 0);
    world_settle(w);
    answer(w, 204);
}

/* As many wait as may: one more is a dead letter. */
static void test_delivery__no_more_wait_than_may(void **state)
{
    struct ledger_world *w = *state;
    struct arena a = {0};
    struct letter m;

    put_alert(w);
    for (size_t i = 0; i <= LIMIT_DELIVERIES;) {
        world_begin(w);
        for (; i <= LIMIT_DELIVERIES && ledger_accepts(w->l); i++) {
            put_one_of_mine(w);
        }
        world_end(w);
        while (world_commit(w)) {
        }
    }
    assert_int_equal(left_in(w, "dead"), 1);
    m = receive(w, "dead", &a);
    assert_true(slice_eq_str(attribute(&m, "ERROR_CODE"), "RESOURCE_LIMIT_EXCEEDED"));
    arena_fini(&a);
}

/* More have room than a turn tries, and nothing that it does is written: the next comes at once. */
static void test_delivery__those_in_line_wait_for_no_clock(void **state)
{
    struct ledger_world *w = *state;

    put_webhook(w);
    w->l->flights = LIMIT_DELIVERY_FLIGHTS; /* of others, as if */
    world_begin(w);
    for (int i = 0; i < LIMIT_DELIVERIES_A_TURN + 20; i++) {
        put_one_of_mine(w);
    }
    world_end(w);
    world_settle(w);
    assert_int_equal(w->webhook_count, 0);
    w->l->flights = 0;
    world_turn(w);
    assert_null(w->flying);
    assert_int_equal(w->webhook_count, 1);
    assert_int_equal(ledger_wait_ms(w->l, w->now), 0);
    world_settle(w);
    assert_true(list_empty(&w->l->places_waiting));
    answer(w, 204);
}

/* It is tried again when the queue has forgotten some. */
static void test_delivery__a_queue_remembers_no_more(void **state)
{
    struct ledger_world *w = *state;
    struct ledger_queue *q = ledger_queue_find(w->l, SLICE("q.fifo"));
    size_t count = q->dedup.by_key.count;

    put(w, "{\"source\":[\"mine\"]}",
        &(struct target_texts){.arn = SLICE(SQS "q.fifo"),
                               .queue = SLICE("{\"MessageGroupId\":\"g\"}"),
                               .dead_letters = SLICE("{\"Arn\":\"" SQS "dead\"}")});
    q->dedup.by_key.count = LIMIT_QUEUE_DEDUPS; /* as if */
    put_mine(w);
    world_settle(w);
    q->dedup.by_key.count = count;
    assert_int_equal(left_in(w, "q.fifo"), 0);
    world_advance(w, LIMIT_DELIVERY_WAIT_MS);
    assert_int_equal(left_in(w, "q.fifo"), 1);
    assert_int_equal(left_in(w, "dead"), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(test_delivery__##name, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_handler_gets_it),
        CASE(a_handler_that_fails_is_run_thrice),
        CASE(a_handler_outlives_its_workers),
        CASE(a_handler_has_five_minutes),
        CASE(a_handler_is_run_again_after_a_crash),
        CASE(handlers_in_flight_are_bounded),
        CASE(places_take_turns),
        CASE(a_webhook_is_asked_until_it_takes_it),
        CASE(a_webhook_that_refuses_is_a_dead_letter),
        CASE(a_webhook_that_is_gone_is_a_dead_letter),
        CASE(a_dead_letter_is_text),
        CASE(a_webhook_is_asked_at_its_rate),
        CASE(a_webhook_is_asked_at_most_so_often),
        CASE(what_is_of_no_use_is_said),
        CASE(not_to_a_machine_that_is_being_deleted),
        CASE(queues_delay_what_they_get),
        CASE(is_tried_once_its_row_is_durable),
        CASE(no_more_wait_than_may),
        CASE(those_in_line_wait_for_no_clock),
        CASE(a_queue_remembers_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
