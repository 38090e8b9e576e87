/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of topics and subscriptions: what is written comes back as it was; whatever is cut short, or
 * says what cannot be, is refused. And their keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/store/keys.h"
#include "coordinator/store/row_topic.h"
#include "proto/base/limits.h"

static const struct tag attributes[] = {
    {SLICE_INIT("DisplayName"), SLICE_INIT("one")},
    {SLICE_INIT("Policy"), SLICE_INIT("")},
};

static const struct topic_row topic = {.created_ms = 1700000000123,
                                       .attributes = attributes,
                                       .attribute_count = 2};

static const struct subscription_row subscription = {
    .created_ms = -1,
    .topic = SLICE_INIT("t"),
    .queue = SLICE_INIT("q"),
    .settings = {.raw = true,
                 .by_body = true,
                 .filter = SLICE_INIT("{\"a\":[1]}"),
                 .redrive = SLICE_INIT("{}")},
};

typedef enum err_code decode(struct slice bytes, struct arena *a, struct err *err);

static enum err_code decode_topic(struct slice bytes, struct arena *a, struct err *err)
{
    struct topic_row row;

    return topic_row_decode(bytes, a, &row, err);
}

static enum err_code decode_subscription(struct slice bytes, struct arena *a, struct err *err)
{
    struct subscription_row row;

    (void)a;
    return subscription_row_decode(bytes, &row, err);
}

/* Every shorter row, one with a byte more, and one of a later version. */
static void check_damage(struct buf *b, decode *d)
{
    struct arena a = {0};
    struct err err;
    struct slice whole;

    for (size_t len = 0; len < b->len; len++) {
        assert_int_equal(d(slice_make(b->ptr, len), &a, &err), ERR_CORRUPT);
    }
    buf_put_u8(b, 0);
    whole = buf_slice(b);
    assert_int_equal(d(whole, &a, &err), ERR_CORRUPT);
    b->ptr[0] = 2;
    assert_int_equal(d(slice_head(whole, whole.len - 1), &a, &err), ERR_VERSION);
    arena_fini(&a);
}

static void test_row_topic__topic(void **state)
{
    struct arena a = {0};
    struct buf b = {0};
    struct topic_row row;

    (void)state;
    topic_row_encode(&topic, &b);
    assert_int_equal(topic_row_decode(buf_slice(&b), &a, &row, NULL), OK);
    assert_int_equal(row.created_ms, topic.created_ms);
    assert_int_equal(row.attribute_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(slice_eq(row.attributes[i].key, attributes[i].key));
        assert_true(slice_eq(row.attributes[i].value, attributes[i].value));
    }
    check_damage(&b, decode_topic);
    buf_reset(&b);
    buf_put_u8(&b, 1);
    buf_put_svarint(&b, 0);
    buf_put_varint(&b, LIMIT_TOPIC_ATTRIBUTES + 1);
    for (int i = 0; i <= LIMIT_TOPIC_ATTRIBUTES; i++) {
        buf_put_bytes(&b, SLICE("k"));
        buf_put_bytes(&b, SLICE("v"));
    }
    assert_int_equal(topic_row_decode(buf_slice(&b), &a, &row, NULL), ERR_CORRUPT);
    buf_fini(&b);
    arena_fini(&a);
}

static void test_row_topic__subscription(void **state)
{
    struct subscription_row row;
    struct buf b = {0};

    (void)state;
    subscription_row_encode(&subscription, &b);
    assert_int_equal(subscription_row_decode(buf_slice(&b), &row, NULL), OK);
    assert_int_equal(row.created_ms, -1);
    assert_true(slice_eq_str(row.topic, "t") && slice_eq_str(row.queue, "q"));
    assert_true(row.settings.raw && row.settings.by_body);
    assert_true(slice_eq(row.settings.filter, subscription.settings.filter));
    assert_true(slice_eq_str(row.settings.redrive, "{}"));
    check_damage(&b, decode_subscription);
    buf_reset(&b);
    buf_put_u8(&b, 1);
    buf_put_svarint(&b, 0);
    buf_put_bytes(&b, SLICE("t"));
    buf_put_bytes(&b, SLICE("q"));
    buf_put_u8(&b, 4); /* a flag there is not */
    buf_put_bytes(&b, SLICE(""));
    buf_put_bytes(&b, SLICE(""));
    assert_int_equal(subscription_row_decode(buf_slice(&b), &row, NULL), ERR_CORRUPT);
    buf_fini(&b);
}

/* What stands behind a prefix is the name; the prefixes of one account are no others'. */
static void test_row_topic__keys(void **state)
{
    struct key topics = key_topics(7);
    struct key subscriptions = key_subscriptions(7);
    struct key t = key_topic(7, SLICE("name"));
    struct key s = key_subscription(7, SLICE("id"));

    (void)state;
    assert_true(slice_starts_with(key_slice(&t), key_slice(&topics)));
    assert_true(slice_eq_str(slice_from(key_slice(&t), topics.len), "name"));
    assert_true(slice_starts_with(key_slice(&s), key_slice(&subscriptions)));
    assert_true(slice_eq_str(slice_from(key_slice(&s), subscriptions.len), "id"));
    assert_false(slice_starts_with(key_slice(&t), key_slice(&subscriptions)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_topic__topic),
        cmocka_unit_test(test_row_topic__subscription),
        cmocka_unit_test(test_row_topic__keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
