/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of queues and of their messages: what is written comes back as it was; whatever is cut
 * short, or says what cannot be, is refused. And their keys, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "coordinator/store/keys.h"
#include "coordinator/store/row_queue.h"
#include "proto/base/limits.h"

/* ---- cut short, of a later version, with something behind it ---- */

typedef enum err_code decode(struct slice bytes, struct arena *a, struct err *err);

static enum err_code decode_queue(struct slice bytes, struct arena *a, struct err *err)
{
    struct queue_row row;

    (void)a;
    return queue_row_decode(bytes, &row, err);
}

static enum err_code decode_state(struct slice bytes, struct arena *a, struct err *err)
{
    struct queue_state s = {0};

    (void)a;
    return queue_state_decode(bytes, &s, err);
}

static enum err_code decode_counter(struct slice bytes, struct arena *a, struct err *err)
{
    struct queue_counter_row row;

    (void)a;
    return queue_counter_decode(bytes, &row, err);
}

static enum err_code decode_dedup(struct slice bytes, struct arena *a, struct err *err)
{
    struct dedup_row row;

    return dedup_row_decode(bytes, a, &row, err);
}

static enum err_code decode_moves(struct slice bytes, struct arena *a, struct err *err)
{
    struct move_row row;

    return move_row_decode(bytes, a, &row, err);
}

static enum err_code decode_attributes(struct slice bytes, struct arena *a, struct err *err)
{
    struct message_attribute *items;
    size_t n;

    return message_attributes_decode(bytes, a, &items, &n, err);
}

static void refuses_cut(struct slice bytes, decode *d, size_t from)
{
    struct arena a = {0};
    struct buf longer = {0};
    struct err err;

    for (size_t len = from; len < bytes.len; len++) {
        assert_int_equal(d(slice_head(bytes, len), &a, &err), ERR_CORRUPT);
        assert_true(err.msg[0] != '\0');
    }
    buf_put_slice(&longer, bytes);
    buf_put_u8(&longer, 0);
    assert_int_equal(d(buf_slice(&longer), &a, &err), ERR_CORRUPT);
    buf_fini(&longer);
    arena_fini(&a);
}

static void refuses_later(struct buf *b, decode *d)
{
    struct arena a = {0};
    struct err err;

    b->ptr[0]++;
    assert_int_equal(d(buf_slice(b), &a, &err), ERR_VERSION);
    b->ptr[0] = 0;
    assert_int_equal(d(buf_slice(b), &a, &err), ERR_CORRUPT);
    arena_fini(&a);
}

/* ---- queues ---- */

static void test_row_queue__a_queue(void **state)
{
    const struct queue_row row = {
        .number = 5,
        .generation = UINT64_MAX,
        .created_ms = 1700000000000,
        .updated_ms = 1700000000001,
        .purged_ms = 0,
        .attributes = {.fifo = true,
                       .content_dedup = true,
                       .dedup_by_group = true,
                       .limit_by_group = true,
                       .sse = true,
                       .visibility_s = 43200,
                       .retention_s = 1209600,
                       .delay_s = 900,
                       .wait_s = 20,
                       .message_bytes = 1048576,
                       .kms_reuse_s = 300,
                       .max_receives = 1000,
                       .policy = SLICE_INIT("{}"),
                       .redrive_policy = SLICE_INIT("{\"a\":1}"),
                       .redrive_allow = SLICE_INIT("x"),
                       .kms_key = SLICE_INIT("k"),
                       .dead_letters = SLICE_INIT("dead.fifo")},
    };
    struct queue_row back;
    struct buf b = {0};
    struct buf again = {0};
    struct err err;

    (void)state;
    queue_row_encode(&row, &b);
    assert_int_equal(queue_row_decode(buf_slice(&b), &back, &err), OK);
    assert_true(back.attributes.fifo && back.attributes.sse && back.attributes.limit_by_group);
    assert_true(slice_eq_str(back.attributes.dead_letters, "dead.fifo"));
    assert_int_equal(back.attributes.max_receives, 1000);
    queue_row_encode(&back, &again);
    assert_true(slice_eq(buf_slice(&b), buf_slice(&again)));
    refuses_cut(buf_slice(&b), decode_queue, 0);
    refuses_later(&b, decode_queue);
    buf_fini(&b);
    buf_fini(&again);
}

/* ---- messages ---- */

static void check_message(const struct message_row *row)
{
    struct message_row back;
    struct buf b = {0};
    struct buf again = {0};
    struct err err;

    message_row_encode(row, &b);
    assert_int_equal(message_row_decode(buf_slice(&b), &back, &err), OK);
    assert_memory_equal(back.id, row->id, sizeof(row->id));
    assert_int_equal(back.sent_ms, row->sent_ms);
    assert_true(slice_eq(back.sender, row->sender) && slice_eq(back.group, row->group));
    assert_true(slice_eq(back.dedup, row->dedup) && slice_eq(back.trace, row->trace));
    assert_true(slice_eq(back.source, row->source) && slice_eq(back.body, row->body));
    assert_true(slice_eq(back.attributes, row->attributes));
    assert_true(slice_eq(back.body_md5, row->body_md5));
    message_row_encode(&back, &again);
    assert_true(slice_eq(buf_slice(&b), buf_slice(&again)));
    for (size_t len = 0; len < b.len - row->body.len; len++) { /* the body goes to the end */
        assert_int_equal(message_row_decode(slice_head(buf_slice(&b), len), &back, &err),
                         ERR_CORRUPT);
    }
    b.ptr[0]++;
    assert_int_equal(message_row_decode(buf_slice(&b), &back, &err), ERR_VERSION);
    buf_fini(&b);
    buf_fini(&again);
}

static void test_row_queue__a_message(void **state)
{
    const struct message_row small = {.id = {1, 2}, .sent_ms = 1700000000000, .body = SLICE("b")};
    const struct message_row full = {
        .id = {0xFF, [15] = 0xFE},
        .sent_ms = 1,
        .sender = SLICE("me"),
        .group = SLICE("g"),
        .dedup = SLICE("d"),
        .trace = SLICE("t"),
        .source = SLICE("s"),
        .attributes = SLICE("a"),
        .body_md5 = SLICE("0123456789abcdef"),
        .body = SLICE("body"),
    };

    (void)state;
    check_message(&small);
    check_message(&full);
}

static void test_row_queue__a_digest_of_another_length(void **state)
{
    const struct message_row row = {.body_md5 = SLICE("0123456789abcde"), .body = SLICE("body")};
    struct message_row back;
    struct buf b = {0};
    struct err err;

    (void)state;
    message_row_encode(&row, &b);
    assert_int_equal(message_row_decode(buf_slice(&b), &back, &err), ERR_CORRUPT);
    buf_fini(&b);
}

static void test_row_queue__attributes_of_a_message(void **state)
{
    const struct message_attribute items[] = {
        {SLICE("a"), SLICE("String"), false, SLICE("x")},
        {SLICE("b"), SLICE("Binary.png"), true, SLICE("\0\1")},
    };
    struct message_attribute *back;
    struct arena a = {0};
    struct buf b = {0};
    struct err err;
    size_t n;

    (void)state;
    message_attributes_encode(items, 2, &b);
    assert_int_equal(message_attributes_decode(buf_slice(&b), &a, &back, &n, &err), OK);
    assert_int_equal(n, 2);
    for (size_t i = 0; i < n; i++) {
        assert_true(slice_eq(back[i].name, items[i].name) && slice_eq(back[i].type, items[i].type));
        assert_true(slice_eq(back[i].value, items[i].value) && back[i].binary == items[i].binary);
    }
    refuses_cut(buf_slice(&b), decode_attributes, 0);
    buf_fini(&b);
    arena_fini(&a);
}

static void test_row_queue__a_received_message(void **state)
{
    const struct queue_state s = {
        .sent_ms = 1700000000000,
        .first_ms = 1700000000005,
        .last_ms = 1700000000105,
        .visible_ms = 1700000030005,
        .count = UINT32_MAX,
        .receipt = {7, UINT64_MAX},
        .group = SLICE("g"),
    };
    struct queue_state none = s;
    struct queue_state back = {.place = {3, 4}};
    struct buf b = {0};
    struct err err;

    (void)state;
    queue_state_encode(&s, &b);
    assert_int_equal(queue_state_decode(buf_slice(&b), &back, &err), OK);
    assert_int_equal(back.place.due_ms, 3); /* that of its key */
    assert_int_equal(back.sent_ms, s.sent_ms);
    assert_int_equal(back.first_ms, s.first_ms);
    assert_int_equal(back.last_ms, s.last_ms);
    assert_int_equal(back.visible_ms, s.visible_ms);
    assert_int_equal(back.count, s.count);
    assert_true(token_eq(back.receipt, s.receipt) && slice_eq(back.group, s.group));
    refuses_cut(buf_slice(&b), decode_state, 0);
    refuses_later(&b, decode_state);
    buf_reset(&b);
    none.count = 0;
    queue_state_encode(&none, &b);
    assert_int_equal(queue_state_decode(buf_slice(&b), &back, &err), ERR_CORRUPT);
    buf_fini(&b);
}

/* ---- what goes with a queue ---- */

static void test_row_queue__counters_deduplication_and_moves(void **state)
{
    const struct queue_counter_row counter = {
        .total = 3, .last_number = 9, .time_ms = 1, .head = {5, 6}};
    const struct queue_counter_row more = {.total = 10, .last_number = 9};
    const struct dedup_entry entries[] = {{{1, 2}, 3}, {{UINT64_MAX, 0}, UINT64_MAX}};
    const struct dedup_row dedup = {.until_ms = 5, .items = entries, .count = 2};
    const struct move_task tasks[] = {
        {2, MOVE_FAILED, 1, 500, 3, 4, SLICE("to"), SLICE("why")},
        {1, MOVE_RUNNING, 1, 0, 0, UINT64_MAX, SLICE(""), SLICE("")},
    };
    const struct move_row moves = {tasks, 2};
    struct queue_counter_row counter_back;
    struct dedup_row dedup_back;
    struct move_row moves_back;
    struct arena a = {0};
    struct buf b = {0};
    struct err err;

    (void)state;
    queue_counter_encode(&counter, &b);
    assert_int_equal(queue_counter_decode(buf_slice(&b), &counter_back, &err), OK);
    assert_memory_equal(&counter_back, &counter, sizeof(counter));
    refuses_cut(buf_slice(&b), decode_counter, 0);
    refuses_later(&b, decode_counter);
    buf_reset(&b);
    queue_counter_encode(&more, &b);
    assert_int_equal(queue_counter_decode(buf_slice(&b), &counter_back, &err), ERR_CORRUPT);
    buf_reset(&b);
    dedup_row_encode(&dedup, &b);
    assert_int_equal(dedup_row_decode(buf_slice(&b), &a, &dedup_back, &err), OK);
    assert_int_equal(dedup_back.count, 2);
    assert_memory_equal(dedup_back.items, entries, sizeof(entries));
    refuses_cut(buf_slice(&b), decode_dedup, 0);
    refuses_later(&b, decode_dedup);
    buf_reset(&b);
    move_row_encode(&moves, &b);
    assert_int_equal(move_row_decode(buf_slice(&b), &a, &moves_back, &err), OK);
    assert_int_equal(moves_back.items[0].status, MOVE_FAILED);
    assert_true(slice_eq_str(moves_back.items[0].reason, "why"));
    assert_int_equal(moves_back.items[1].to_move, UINT64_MAX);
    refuses_cut(buf_slice(&b), decode_moves, 0);
    refuses_later(&b, decode_moves);
    buf_fini(&b);
    arena_fini(&a);
}

/* ---- keys ---- */

static void test_row_queue__keys_are_in_the_order_of_places(void **state)
{
    const struct queue_place places[] = {{0, 0},   {0, UINT64_MAX}, {1, 0},
                                         {255, 3}, {256, 2},        {INT64_MAX, 1}};
    struct key before = {0};
    struct queue_place back;

    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct key message = key_message(42, 7, places[i]);
        struct key received = key_queue_state(42, 7, places[i]);
        struct key all = key_messages(42, 7);

        assert_true(i == 0 || slice_cmp(key_slice(&before), key_slice(&message)) < 0);
        assert_true(slice_starts_with(key_slice(&message), key_slice(&all)));
        assert_true(key_place_parse(key_slice(&message), &back));
        assert_true(back.due_ms == places[i].due_ms && back.number == places[i].number);
        assert_true(key_place_parse(key_slice(&received), &back));
        assert_int_not_equal(slice_cmp(key_slice(&message), key_slice(&received)), 0);
        before = message;
    }
    assert_false(key_place_parse(SLICE("short"), &back));
    assert_false(key_place_parse(SLICE("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0\0\0\0\0"), &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_queue__a_queue),
        cmocka_unit_test(test_row_queue__a_message),
        cmocka_unit_test(test_row_queue__a_digest_of_another_length),
        cmocka_unit_test(test_row_queue__attributes_of_a_message),
        cmocka_unit_test(test_row_queue__a_received_message),
        cmocka_unit_test(test_row_queue__counters_deduplication_and_moves),
        cmocka_unit_test(test_row_queue__keys_are_in_the_order_of_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
