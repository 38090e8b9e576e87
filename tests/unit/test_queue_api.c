/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of queues under a clock of the test's own: whom a message wakes, when a poll ends,
 * what comes of polls whose client, or queue, or coordinator is gone; names; MD5s as SDKs check
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/api/operation_queue.h"
#include "proto/base/limits.h"
#include "tests/lib/api_world.h"

static const int64_t start_ms = 1700000000000;

struct world {
    struct api_world api;
    struct api_ask last;
};

static enum err_code try(struct world *w, enum rpc method, const ProtobufCMessage *m)
{
    api_ask_fini(&w->last);
    memset(&w->last, 0, sizeof(w->last));
    return api_world_call(&w->api, &w->last, method, m);
}

static const void *call(struct world *w, enum rpc method, const ProtobufCMessage *m)
{
    if (try(w, method, m) != OK) {
        fail_msg("%s", w->last.err.msg);
    }
    return w->last.reply;
}

static void create(struct world *w, const char *name, const char *attribute, const char *value)
{
    Stepfleet__QueueCreateRequest m = STEPFLEET__QUEUE_CREATE_REQUEST__INIT;
    Stepfleet__Tag tag = STEPFLEET__TAG__INIT;
    Stepfleet__Tag *tags[] = {&tag};

    m.name = (char *)(uintptr_t)name;
    m.attributes = tags;
    if (attribute != NULL) {
        tag.key = (char *)(uintptr_t)attribute;
        tag.value = (char *)(uintptr_t)value;
        m.n_attributes = 1;
    }
    (void)call(w, RPC_QUEUE_CREATE, &m.base);
}

static void world_open(struct world *w)
{
    memset(w, 0, sizeof(*w));
    api_world_open(&w->api, start_ms, NULL, NULL);
    create(w, "q", "VisibilityTimeout", "5");
    create(w, "q.fifo", "FifoQueue", "true");
}

static void world_close(struct world *w)
{
    api_ask_fini(&w->last);
    api_world_close(&w->api);
}

static void send(struct world *w, const char *queue, const char *body, int32_t delay_s)
{
    Stepfleet__MessageSendRequest m = STEPFLEET__MESSAGE_SEND_REQUEST__INIT;

    m.queue = (char *)(uintptr_t)queue;
    m.body = message_bytes(slice_str(body));
    m.has_delay_s = delay_s != 0;
    m.delay_s = delay_s;
    if (slice_ends_with(slice_str(queue), SLICE(".fifo"))) {
        m.group = (char *)"g";
        m.dedup = (char *)(uintptr_t)body;
    }
    (void)call(w, RPC_MESSAGE_SEND, &m.base);
}

static void receive(struct world *w, struct api_ask *ask, const char *queue, int32_t wait_s)
{
    Stepfleet__MessageReceiveRequest m = STEPFLEET__MESSAGE_RECEIVE_REQUEST__INIT;

    m.queue = (char *)(uintptr_t)queue;
    m.has_wait_s = true;
    m.wait_s = wait_s;
    memset(ask, 0, sizeof(*ask));
    api_world_ask(&w->api, ask, RPC_MESSAGE_RECEIVE, &m.base);
    api_world_settle(&w->api);
}

/* The body of the one message of an answer; "": it has none. */
static const char *body_of(struct api_ask *ask)
{
    const Stepfleet__MessageReceiveReply *r = ask->reply;

    assert_true(ask->done);
    assert_int_equal(ask->rc, OK);
    assert_true(r->n_messages <= 1);
    return r->n_messages == 0 ? "" : arena_str(&ask->arena, message_slice(r->messages[0]->body));
}

static const char *receipt_of(const struct api_ask *ask)
{
    return ((const Stepfleet__MessageReceiveReply *)ask->reply)->messages[0]->receipt;
}

/* ---- who is woken ---- */

static void test_queue_api__who_waits_longest_gets_the_message(void **state)
{
    struct world w;
    struct api_ask polls[3];

    (void)state;
    world_open(&w);
    for (unsigned i = 0; i < 3; i++) {
        receive(&w, &polls[i], "q", 20);
        api_world_advance(&w.api, 1000);
    }
    send(&w, "q", "a", 0);
    assert_string_equal(body_of(&polls[0]), "a");
    assert_false(polls[1].done);
    send(&w, "q", "b", 0);
    assert_string_equal(body_of(&polls[1]), "b");
    assert_false(polls[2].done);
    api_world_advance(&w.api, 5000); /* both come back: nobody deleted them */
    assert_string_not_equal(body_of(&polls[2]), "");
    for (unsigned i = 0; i < 3; i++) {
        api_ask_fini(&polls[i]);
    }
    world_close(&w);
}

/* A message and one more who asks come in one turn. */
static void test_queue_api__who_comes_later_does_not_overtake(void **state)
{
    Stepfleet__MessageSendRequest m = STEPFLEET__MESSAGE_SEND_REQUEST__INIT;
    struct world w;
    struct api_ask sent;
    struct api_ask poll;
    struct api_ask late;

    (void)state;
    world_open(&w);
    receive(&w, &poll, "q", 20);
    m.queue = (char *)"q";
    m.body = message_bytes(SLICE("a"));
    api_world_arrive(&w.api, &sent, RPC_MESSAGE_SEND, &m.base);
    receive(&w, &late, "q", 0);
    assert_string_equal(body_of(&late), "");
    assert_string_equal(body_of(&poll), "a");
    api_ask_fini(&sent);
    api_ask_fini(&poll);
    api_ask_fini(&late);
    world_close(&w);
}

static void counts(struct world *w, const char *queue, struct queue_counts *out)
{
    struct ledger_queue *q = ledger_queue_find(w->api.ledger, slice_str(queue));

    assert_non_null(q);
    ledger_queue_counts(w->api.ledger, q, out);
}

static void test_queue_api__many_polls_are_answered_some_a_turn(void **state)
{
    enum { POLLS = 2 * LIMIT_QUEUE_ANSWERS_A_TURN + 10 };
    Stepfleet__MessageSendRequest m = STEPFLEET__MESSAGE_SEND_REQUEST__INIT;
    struct api_ask *polls = mem_zalloc(POLLS, sizeof(*polls));
    struct api_ask *sends = mem_zalloc(POLLS, sizeof(*sends));
    struct queue_counts c;
    struct world w;

    (void)state;
    world_open(&w);
    m.queue = (char *)"q";
    m.body = message_bytes(SLICE("a"));
    for (unsigned i = 0; i < POLLS; i++) {
        receive(&w, &polls[i], "q", 20);
    }
    for (unsigned i = 0; i + 1 < POLLS; i++) {
        api_world_arrive(&w.api, &sends[i], RPC_MESSAGE_SEND, &m.base);
    }
    api_world_ask(&w.api, &sends[POLLS - 1], RPC_MESSAGE_SEND, &m.base);
    counts(&w, "q", &c);
    assert_int_equal(c.in_flight, LIMIT_QUEUE_ANSWERS_A_TURN);
    api_world_settle(&w.api);
    for (unsigned i = 0; i < POLLS; i++) {
        assert_string_equal(body_of(&polls[i]), "a");
        api_ask_fini(&polls[i]);
        api_ask_fini(&sends[i]);
    }
    world_close(&w);
    mem_free(polls);
    mem_free(sends);
}

/* As many messages as may be in flight, and one more that is not; those have no rows, and nobody
 * reads them. @return the receipt of one */
static struct receipt fill_flight(struct world *w, struct ledger_queue *q)
{
    struct receipt receipt = {.queue = q->row.generation};
    int64_t now_ms = w->api.now.wall_ms;

    for (unsigned n = 0; n < LIMIT_QUEUE_IN_FLIGHT; n++) {
        struct queue_round round = {0};
        struct queue_state s;
        bool held;

        (void)queue_send(q->core, now_ms, 0, now_ms, SLICE(""), &held);
        assert_int_equal(queue_take(q->core, &round, now_ms, 3600000, &s), QUEUE_TAKEN);
        receipt.place = s.place;
        receipt.token = s.receipt;
    }
    send(w, "q", "one more", 0);
    return receipt;
}

static void test_queue_api__a_long_poll_waits_until_less_is_in_flight(void **state)
{
    struct ledger_queue *q;
    struct receipt receipt;
    struct world w;
    struct api_ask ask;
    struct api_ask poll;

    (void)state;
    world_open(&w);
    q = ledger_queue_find(w.api.ledger, SLICE("q"));
    receipt = fill_flight(&w, q);
    receive(&w, &ask, "q", 0);
    assert_true(ask.done);
    assert_int_equal(ask.rc, ERR_QUEUE_FULL);
    receive(&w, &poll, "q", 20);
    assert_false(poll.done);
    ledger_turn_begin(w.api.ledger, w.api.now);
    assert_int_equal(ledger_queue_remove(w.api.ledger, q, &receipt), QUEUE_DONE);
    ledger_turn_end(w.api.ledger);
    api_world_settle(&w.api);
    assert_string_equal(body_of(&poll), "one more");
    api_ask_fini(&ask);
    api_ask_fini(&poll);
    world_close(&w);
}

/* A receive of q.fifo under an id; its bodies one behind the other. */
static const char *attempt(struct world *w, const char *id, int32_t max)
{
    Stepfleet__MessageReceiveRequest m = STEPFLEET__MESSAGE_RECEIVE_REQUEST__INIT;
    const Stepfleet__MessageReceiveReply *r;
    struct slice text = SLICE("");

    m.queue = (char *)"q.fifo";
    m.attempt = (char *)(uintptr_t)id;
    m.has_max = true;
    m.max = max;
    r = call(w, RPC_MESSAGE_RECEIVE, &m.base);
    for (size_t i = 0; i < r->n_messages; i++) {
        text = arena_printf(&w->last.arena, "%.*s%.*s", SLICE_FMT(text),
                            SLICE_FMT(message_slice(r->messages[i]->body)));
    }
    return arena_str(&w->last.arena, text);
}

static struct receipt first_receipt(struct world *w)
{
    const Stepfleet__MessageReceiveReply *r = w->last.reply;
    struct receipt receipt;

    assert_true(receipt_parse(slice_str(r->messages[0]->receipt), &receipt));
    return receipt;
}

static void test_queue_api__an_attempt_is_answered_again(void **state)
{
    Stepfleet__MessageReceiveRequest m = STEPFLEET__MESSAGE_RECEIVE_REQUEST__INIT;
    struct ledger_queue *q;
    struct receipt receipt;
    struct world w;

    (void)state;
    world_open(&w);
    q = ledger_queue_find(w.api.ledger, SLICE("q.fifo"));
    send(&w, "q.fifo", "a", 0);
    send(&w, "q.fifo", "b", 0);
    assert_string_equal(attempt(&w, "one", 1), "a");
    receipt = first_receipt(&w);
    api_world_advance(&w.api, 20000);
    assert_string_equal(attempt(&w, "two", 10), ""); /* the group is blocked */
    assert_string_equal(attempt(&w, "one", 10), "a");
    assert_true(token_eq(receipt.token, first_receipt(&w).token));
    api_world_advance(&w.api, 20000); /* it was hidden anew: 30 s from then */
    assert_string_equal(attempt(&w, "two", 10), "");
    ledger_turn_begin(w.api.ledger, w.api.now);
    assert_int_equal(ledger_queue_remove(w.api.ledger, q, &receipt), QUEUE_DONE);
    ledger_turn_end(w.api.ledger);
    assert_string_equal(attempt(&w, "one", 10), "b"); /* "a" is not as it was */
    m.queue = (char *)"q";
    m.attempt = (char *)"one";
    assert_int_equal(try(&w, RPC_MESSAGE_RECEIVE, &m.base), ERR_QUEUE_PARAMETER);
    m.queue = (char *)"q.fifo";
    m.attempt = (char *)"a b";
    assert_int_equal(try(&w, RPC_MESSAGE_RECEIVE, &m.base), ERR_QUEUE_PARAMETER);
    world_close(&w);
}

/* A message each, of a group of its own. */
static void test_queue_api__so_many_attempts_are_remembered(void **state)
{
    struct ledger_queue *q;
    struct world w;
    char id[16];

    (void)state;
    world_open(&w);
    q = ledger_queue_find(w.api.ledger, SLICE("q.fifo"));
    for (unsigned i = 0; i <= LIMIT_QUEUE_ATTEMPTS; i++) {
        struct receipt receipt;

        (void)snprintf(id, sizeof(id), "%u", i);
        send(&w, "q.fifo", id, 0);
        assert_string_equal(attempt(&w, id, 1), id);
        receipt = first_receipt(&w);
        ledger_turn_begin(w.api.ledger, w.api.now);
        assert_int_equal(ledger_queue_remove(w.api.ledger, q, &receipt), QUEUE_DONE);
        ledger_turn_end(w.api.ledger);
        assert_int_equal(q->attempt_count, i < LIMIT_QUEUE_ATTEMPTS ? i + 1 : LIMIT_QUEUE_ATTEMPTS);
    }
    api_world_advance(&w.api, LIMIT_QUEUE_DEDUP_MS);
    assert_string_equal(attempt(&w, id, 1), "");
    assert_int_equal(q->attempt_count, 0);
    world_close(&w);
}

static void test_queue_api__a_queue_remembers_so_many_messages(void **state)
{
    Stepfleet__MessageSendRequest m = STEPFLEET__MESSAGE_SEND_REQUEST__INIT;
    struct ledger_queue *q;
    struct world w;
    size_t count;

    (void)state;
    world_open(&w);
    q = ledger_queue_find(w.api.ledger, SLICE("q.fifo"));
    send(&w, "q.fifo", "a", 0);
    count = q->dedup.by_key.count;
    m.queue = (char *)"q.fifo";
    m.body = message_bytes(SLICE("b"));
    m.group = m.dedup = (char *)"b";
    q->dedup.by_key.count = LIMIT_QUEUE_DEDUPS; /* as if */
    assert_int_equal(try(&w, RPC_MESSAGE_SEND, &m.base), ERR_BUSY);
    q->dedup.by_key.count = count;
    send(&w, "q.fifo", "b", 0);
    world_close(&w);
}

static void test_queue_api__a_poll_ends_empty_in_time(void **state)
{
    struct world w;
    struct api_ask poll;

    (void)state;
    world_open(&w);
    receive(&w, &poll, "q", 2);
    api_world_advance(&w.api, 1999);
    assert_false(poll.done);
    api_world_advance(&w.api, 1);
    assert_string_equal(body_of(&poll), "");
    api_ask_fini(&poll);
    world_close(&w);
}

static void test_queue_api__a_message_that_comes_back_wakes(void **state)
{
    struct world w;
    struct api_ask first;
    struct api_ask poll;

    (void)state;
    world_open(&w);
    send(&w, "q", "a", 0);
    receive(&w, &first, "q", 0);
    receive(&w, &poll, "q", 20);
    api_world_advance(&w.api, 4999);
    assert_false(poll.done);
    api_world_advance(&w.api, 1);
    assert_string_equal(body_of(&poll), "a");
    api_ask_fini(&first);
    api_ask_fini(&poll);
    world_close(&w);
}

static void test_queue_api__a_message_that_is_given_back_wakes(void **state)
{
    struct world w;
    struct api_ask first;
    struct api_ask poll;
    Stepfleet__MessageRequest back = STEPFLEET__MESSAGE_REQUEST__INIT;

    (void)state;
    world_open(&w);
    send(&w, "q", "a", 0);
    receive(&w, &first, "q", 0);
    receive(&w, &poll, "q", 20);
    back.queue = (char *)"q";
    back.receipt = (char *)(uintptr_t)receipt_of(&first);
    (void)call(&w, RPC_MESSAGE_HIDE, &back.base);
    assert_string_equal(body_of(&poll), "a");
    api_ask_fini(&first);
    api_ask_fini(&poll);
    world_close(&w);
}

static void test_queue_api__a_delayed_message_wakes_when_it_is_due(void **state)
{
    struct world w;
    struct api_ask poll;

    (void)state;
    world_open(&w);
    receive(&w, &poll, "q", 20);
    send(&w, "q", "late", 3);
    api_world_advance(&w.api, 2999);
    assert_false(poll.done);
    api_world_advance(&w.api, 1);
    assert_string_equal(body_of(&poll), "late");
    api_ask_fini(&poll);
    world_close(&w);
}

static void test_queue_api__a_group_that_is_free_again_wakes(void **state)
{
    struct world w;
    struct api_ask first;
    struct api_ask poll;
    Stepfleet__MessageRequest done = STEPFLEET__MESSAGE_REQUEST__INIT;

    (void)state;
    world_open(&w);
    send(&w, "q.fifo", "1", 0);
    send(&w, "q.fifo", "2", 0);
    receive(&w, &first, "q.fifo", 0);
    assert_string_equal(body_of(&first), "1");
    receive(&w, &poll, "q.fifo", 20);
    api_world_advance(&w.api, 1000);
    assert_false(poll.done);
    done.queue = (char *)"q.fifo";
    done.receipt = (char *)(uintptr_t)receipt_of(&first);
    (void)call(&w, RPC_MESSAGE_DELETE, &done.base);
    assert_string_equal(body_of(&poll), "2");
    api_ask_fini(&first);
    api_ask_fini(&poll);
    world_close(&w);
}

/* ---- who is no more ---- */

static void test_queue_api__a_deleted_queue_ends_its_polls(void **state)
{
    struct world w;
    struct api_ask polls[2];
    Stepfleet__QueueRequest m = STEPFLEET__QUEUE_REQUEST__INIT;

    (void)state;
    world_open(&w);
    receive(&w, &polls[0], "q", 20);
    receive(&w, &polls[1], "q", 20);
    m.queue = (char *)"q";
    (void)call(&w, RPC_QUEUE_DELETE, &m.base);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(polls[i].done);
        assert_int_equal(polls[i].rc, ERR_QUEUE_DOES_NOT_EXIST);
        api_ask_fini(&polls[i]);
    }
    world_close(&w);
}

static void test_queue_api__whose_client_is_gone_receives_nothing(void **state)
{
    struct world w;
    struct api_ask gone;
    struct api_ask poll;

    (void)state;
    world_open(&w);
    receive(&w, &gone, "q", 20);
    receive(&w, &poll, "q", 20);
    ledger_turn_begin(w.api.ledger, w.api.now);
    gone.call.gone(&gone.call);
    ledger_turn_end(w.api.ledger);
    api_world_settle(&w.api);
    assert_int_equal(gone.rc, ERR_UNAVAILABLE);
    send(&w, "q", "a", 0);
    assert_string_equal(body_of(&poll), "a");
    api_ask_fini(&gone);
    api_ask_fini(&poll);
    world_close(&w);
}

static void test_queue_api__polls_end_with_the_coordinator(void **state)
{
    struct world w;
    struct api_ask poll;

    (void)state;
    world_open(&w);
    receive(&w, &poll, "q", 20);
    ledger_turn_begin(w.api.ledger, w.api.now);
    api_stop(&w.api.api);
    ledger_turn_end(w.api.ledger);
    api_world_settle(&w.api);
    assert_true(poll.done);
    assert_int_equal(poll.rc, ERR_UNAVAILABLE);
    api_ask_fini(&poll);
    world_close(&w);
}

/* ---- names, digests ---- */

static void test_queue_api__a_queue_has_many_names(void **state)
{
    static const char *const good[] = {
        "q",
        "arn:aws:sqs:us-east-1:111111111111:q",
        "http://localhost:1/111111111111/q",
        "https://sqs.us-east-1.amazonaws.com/111111111111/q",
        "/111111111111/q",
    };
    static const char *const bad[] = {
        "",
        "/",
        "x",
        "arn:aws:sqs:us-east-1:111111111112:q",
        "arn:aws:sqs:eu-west-1:111111111111:q",
        "arn:aws:sns:us-east-1:111111111111:q",
        "arn:aws:sqs:us-east-1:111111111111",
        "http://localhost:1/111111111112/q",
        "http://localhost:1/q",
        "http://localhost:1/111111111111/q/",
    };
    struct world w;
    struct ledger_queue *q;
    struct err err;

    (void)state;
    world_open(&w);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (find_queue(&w.api.api, good[i], &q, &err) != OK) {
            fail_msg("%s", good[i]);
        }
        assert_true(slice_eq_str(q->name, "q"));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (find_queue(&w.api.api, bad[i], &q, &err) != ERR_QUEUE_DOES_NOT_EXIST) {
            fail_msg("%s", bad[i]);
        }
    }
    world_close(&w);
}

/* As AWS gave them (recorded answers). */
static void test_queue_api__digests_are_those_sdks_check(void **state)
{
    static const struct {
        const char *json;
        const char *md5;
    } cases[] = {
        {"{\"Hello\":{\"DataType\":\"String\",\"StringValue\":\"There\"},"
         "\"General\":{\"DataType\":\"String\",\"StringValue\":\"Kenobi\"}}",
         "fca026605781cb4126a1e9044df24232"},
        {"{\"Hello\":{\"DataType\":\"String\",\"StringValue\":\"There\"}}",
         "a311262e065454b75da111d535b8dacd"},
        {"{\"Help.Me\":{\"DataType\":\"String\",\"StringValue\":\"Me\"},"
         "\"Hello\":{\"DataType\":\"String\",\"StringValue\":\"There\"}}",
         "83fee93c1bcd8b9a5a923ffacdc636c7"},
        {"{\"Foo\":{\"DataType\":\"String\",\"StringValue\":\"Bar\"}}",
         "ae7155c6026991b6d54b11589678bf9c"},
    };
    struct message_row row = {.body = SLICE("msg")};
    struct arena a = {0};

    (void)state;
    assert_string_equal(message_body_md5(&row, &a), "6e2baaf3b97dbeef01c0043275f9a0e7");
    row.body_md5 = message_digest(row.body, &a);
    row.body = SLICE("not looked at");
    assert_string_equal(message_body_md5(&row, &a), "6e2baaf3b97dbeef01c0043275f9a0e7");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct message_attribute *items;
        struct err err;
        size_t bytes = 0;
        size_t n;

        assert_int_equal(
            message_attributes_read(slice_str(cases[i].json), &a, &items, &n, &bytes, &err), OK);
        assert_string_equal(message_attributes_md5(items, n, &a), cases[i].md5);
    }
    assert_string_equal(message_sequence(7, &a), "10000000000000000007");
    arena_fini(&a);
}

static const char *attribute_refused(const char *json, struct arena *a)
{
    struct message_attribute *items;
    struct err err = {0};
    size_t bytes = 0;
    size_t n;

    (void)message_attributes_read(slice_str(json), a, &items, &n, &bytes, &err);
    return arena_str(a, slice_str(err.msg));
}

static void test_queue_api__a_number_is_one(void **state)
{
    struct arena a = {0};

    (void)state;
    assert_string_equal(
        attribute_refused("{\"Age\":{\"DataType\":\"Number\",\"StringValue\":\"Hello\"}}", &a),
        "Can't cast the value of message (user) attribute 'Age' to a number.");
    assert_string_equal(
        attribute_refused("{\"a\":{\"DataType\":\"Number.x\",\"StringValue\":\"-1.5e3\"}}", &a),
        "");
    arena_fini(&a);
}

static void test_queue_api__a_poll_that_is_too_long_is_refused(void **state)
{
    struct world w;
    struct api_ask poll;

    (void)state;
    world_open(&w);
    receive(&w, &poll, "q", LIMIT_QUEUE_WAIT_S + 1);
    assert_string_equal(poll.err.msg, "Value 21 for parameter WaitTimeSeconds is invalid. Reason: "
                                      "Must be >= 0 and <= 20, if provided.");
    api_ask_fini(&poll);
    world_close(&w);
}

/* ---- lists ---- */

static char *listed(struct world *w, const char *prefix, uint32_t max, const char *token)
{
    Stepfleet__QueueListRequest m = STEPFLEET__QUEUE_LIST_REQUEST__INIT;
    const Stepfleet__QueueListReply *r;
    struct slice text = SLICE("");

    m.prefix = (char *)(uintptr_t)prefix;
    m.max_results = max;
    m.next_token = (char *)(uintptr_t)token;
    r = call(w, RPC_QUEUE_LIST, &m.base);
    for (size_t i = 0; i < r->n_urls; i++) {
        text =
            arena_printf(&w->last.arena, "%.*s%s ", SLICE_FMT(text), strrchr(r->urls[i], '/') + 1);
    }
    return arena_str(&w->last.arena,
                     arena_printf(&w->last.arena, "%.*s> %s", SLICE_FMT(text), r->next_token));
}

/* By their names, page by page, over what is deleted meanwhile and a restart. */
static void test_queue_api__lists_are_by_name(void **state)
{
    static const char *const names[] = {"b", "a-2", "a", "a-1", "z"};
    Stepfleet__QueueRequest gone = STEPFLEET__QUEUE_REQUEST__INIT;
    struct world w;
    struct err err;

    (void)state;
    world_open(&w);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        create(&w, names[i], NULL, NULL);
    }
    assert_int_equal(api_world_restart(&w.api, &err), OK);
    assert_string_equal(listed(&w, "", 0, ""), "a a-1 a-2 b q q.fifo z > ");
    assert_string_equal(listed(&w, "", 3, ""), "a a-1 a-2 > a-2");
    assert_string_equal(listed(&w, "a-", 1, ""), "a-1 > a-1");
    gone.queue = (char *)"a-1";
    (void)call(&w, RPC_QUEUE_DELETE, &gone.base);
    assert_string_equal(listed(&w, "a-", 1, "a-1"), "a-2 > ");
    assert_string_equal(listed(&w, "", 9, "a-2"), "b q q.fifo z > ");
    assert_string_equal(listed(&w, "c", 9, ""), "> ");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_api__who_waits_longest_gets_the_message),
        cmocka_unit_test(test_queue_api__who_comes_later_does_not_overtake),
        cmocka_unit_test(test_queue_api__many_polls_are_answered_some_a_turn),
        cmocka_unit_test(test_queue_api__a_long_poll_waits_until_less_is_in_flight),
        cmocka_unit_test(test_queue_api__an_attempt_is_answered_again),
        cmocka_unit_test(test_queue_api__so_many_attempts_are_remembered),
        cmocka_unit_test(test_queue_api__a_queue_remembers_so_many_messages),
        cmocka_unit_test(test_queue_api__a_poll_ends_empty_in_time),
        cmocka_unit_test(test_queue_api__a_message_that_comes_back_wakes),
        cmocka_unit_test(test_queue_api__a_message_that_is_given_back_wakes),
        cmocka_unit_test(test_queue_api__a_delayed_message_wakes_when_it_is_due),
        cmocka_unit_test(test_queue_api__a_group_that_is_free_again_wakes),
        cmocka_unit_test(test_queue_api__a_deleted_queue_ends_its_polls),
        cmocka_unit_test(test_queue_api__whose_client_is_gone_receives_nothing),
        cmocka_unit_test(test_queue_api__polls_end_with_the_coordinator),
        cmocka_unit_test(test_queue_api__a_queue_has_many_names),
        cmocka_unit_test(test_queue_api__digests_are_those_sdks_check),
        cmocka_unit_test(test_queue_api__a_number_is_one),
        cmocka_unit_test(test_queue_api__a_poll_that_is_too_long_is_refused),
        cmocka_unit_test(test_queue_api__lists_are_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
