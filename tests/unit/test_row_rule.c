/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of rules and of deliveries: what is written comes back as it was; whatever is cut short, has
 * something behind it or says what cannot be, is refused; rules of version 1 are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/store/row_delivery.h"
#include "coordinator/store/row_rule.h"
#include "proto/base/limits.h"

static const struct rule_target targets[] = {
    {.id = SLICE_INIT("a"),
     .role_arn = SLICE_INIT("role"),
     .texts = {.arn = SLICE_INIT("arn"),
               .input = SLICE_INIT("input"),
               .input_path = SLICE_INIT("path"),
               .transformer = SLICE_INIT("transformer"),
               .queue = SLICE_INIT("queue"),
               .dead_letters = SLICE_INIT("dead"),
               .retry = SLICE_INIT("retry")}},
    {.id = SLICE_INIT("b")},
};

static const struct rule_row rule = {
    .created_ms = 1,
    .began_ms = 2,
    .seen_ms = 3,
    .enabled = true,
    .expression = SLICE_INIT("rate(1 day)"),
    .pattern = SLICE_INIT("{}"),
    .description = SLICE_INIT("description"),
    .role_arn = SLICE_INIT("role"),
    .targets = targets,
    .target_count = 2,
};

static const struct delivery_row delivery = {
    .created_ms = 1,
    .due_ms = 2,
    .tries = 3,
    .retries = {LIMIT_DELIVERY_RETRIES, 86400000},
    .rule_arn = SLICE_INIT("rule"),
    .target_arn = SLICE_INIT("target"),
    .group = SLICE_INIT("group"),
    .dead_letters = SLICE_INIT("dead"),
    .event_id = SLICE_INIT("id"),
    .event = SLICE_INIT("{}"),
    .input = SLICE_INIT("1"),
};

static void assert_texts(const struct slice *a, const struct slice *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(slice_eq(a[i], b[i]));
    }
}

static void assert_targets(const struct rule_target *a, const struct rule_target *b)
{
    assert_true(slice_eq(a->id, b->id));
    assert_true(slice_eq(a->role_arn, b->role_arn));
    assert_texts(&a->texts.arn, &b->texts.arn, sizeof(a->texts) / sizeof(struct slice));
}

static void test_row_rule__comes_back_as_it_was(void **state)
{
    struct arena a = {0};
    struct rule_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    rule_row_encode(&rule, &b);
    assert_int_equal(rule_row_decode(buf_slice(&b), &a, &out, &err), OK);
    assert_int_equal(out.created_ms, 1);
    assert_int_equal(out.began_ms, 2);
    assert_int_equal(out.seen_ms, 3);
    assert_true(out.enabled);
    assert_true(slice_eq(out.expression, rule.expression));
    assert_true(slice_eq(out.pattern, rule.pattern));
    assert_true(slice_eq(out.description, rule.description));
    assert_true(slice_eq(out.role_arn, rule.role_arn));
    assert_int_equal(out.target_count, 2);
    assert_targets(&out.targets[0], &targets[0]);
    assert_targets(&out.targets[1], &targets[1]);
    buf_fini(&b);
    arena_fini(&a);
}

static void test_row_rule__of_version_1(void **state)
{
    const char bytes[] = "\x01\x02\x04\x06\x01\x0brate(1 day)\x00\x00\x01\x01"
                         "a\x03"
                         "arn\x00\x02{}";
    struct arena a = {0};
    struct rule_row out;
    struct err err;

    (void)state;
    assert_int_equal(rule_row_decode(slice_make(bytes, sizeof(bytes) - 1), &a, &out, &err), OK);
    assert_true(slice_eq(out.expression, rule.expression));
    assert_int_equal(out.pattern.len, 0);
    assert_int_equal(out.target_count, 1);
    assert_true(slice_eq_str(out.targets[0].texts.input, "{}"));
    assert_int_equal(out.targets[0].texts.retry.len, 0);
    arena_fini(&a);
}

static void test_row_rule__a_delivery_comes_back_as_it_was(void **state)
{
    struct delivery_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    delivery_row_encode(&delivery, &b);
    assert_int_equal(delivery_row_decode(buf_slice(&b), &out, &err), OK);
    assert_int_equal(out.created_ms, 1);
    assert_int_equal(out.due_ms, 2);
    assert_int_equal(out.tries, 3);
    assert_int_equal(out.retries.most, LIMIT_DELIVERY_RETRIES);
    assert_int_equal(out.retries.age_ms, 86400000);
    assert_texts(&out.rule_arn, &delivery.rule_arn, 7);
    buf_fini(&b);
}

static enum err_code decode_rule(struct slice bytes, struct arena *a, struct err *err)
{
    struct rule_row out;

    return rule_row_decode(bytes, a, &out, err);
}

static enum err_code decode_delivery(struct slice bytes, struct arena *a, struct err *err)
{
    struct delivery_row out;

    (void)a;
    return delivery_row_decode(bytes, &out, err);
}

static void
check_refusals(struct buf *b,
               enum err_code (*decode)(struct slice bytes, struct arena *a, struct err *err))
{
    struct arena a = {0};
    struct err err;

    for (size_t len = 0; len < b->len; len++) {
        assert_int_equal(decode(slice_make(b->ptr, len), &a, &err), ERR_CORRUPT);
    }
    buf_put_u8(b, 0);
    assert_int_equal(decode(buf_slice(b), &a, &err), ERR_CORRUPT);
    b->ptr[0] = 99;
    assert_int_equal(decode(buf_slice(b), &a, &err), ERR_VERSION);
    b->ptr[0] = 0;
    assert_int_equal(decode(buf_slice(b), &a, &err), ERR_CORRUPT);
    buf_fini(b);
    arena_fini(&a);
}

static void test_row_rule__refuses_what_cannot_be(void **state)
{
    struct delivery_row often = delivery;
    struct buf b = {0};
    struct err err;

    (void)state;
    rule_row_encode(&rule, &b);
    check_refusals(&b, decode_rule);
    b = (struct buf){0};
    delivery_row_encode(&delivery, &b);
    check_refusals(&b, decode_delivery);
    often.tries = LIMIT_DELIVERY_RETRIES + 1;
    b = (struct buf){0};
    delivery_row_encode(&often, &b);
    assert_int_equal(decode_delivery(buf_slice(&b), NULL, &err), ERR_CORRUPT);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_rule__comes_back_as_it_was),
        cmocka_unit_test(test_row_rule__of_version_1),
        cmocka_unit_test(test_row_rule__a_delivery_comes_back_as_it_was),
        cmocka_unit_test(test_row_rule__refuses_what_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
