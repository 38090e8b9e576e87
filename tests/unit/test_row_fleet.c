/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of what operators ask: they come back as they were, and what cannot be is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/store/row_fleet.h"
#include "proto/base/limits.h"

static const struct fleet_label labels[] = {{SLICE_INIT("gpu"), SLICE_INIT("a100")},
                                            {SLICE_INIT("zone"), SLICE_INIT("b")}};
static const struct fleet_terms terms = {.labels = labels,
                                         .label_count = 2,
                                         .concurrency = 7,
                                         .rate_milli = 500,
                                         .priority = -3};

static enum err_code terms_of(const struct fleet_terms *t)
{
    struct arena a = {0};
    struct buf b = {0};
    struct fleet_terms out;
    struct err err;
    enum err_code rc;

    terms_row_encode(t, &b);
    rc = terms_row_decode(buf_slice(&b), &a, &out, &err);
    buf_fini(&b);
    arena_fini(&a);
    return rc;
}

static void test_row_fleet__terms_come_back_as_they_were(void **state)
{
    struct arena a = {0};
    struct buf b = {0};
    struct fleet_terms out;
    struct err err;

    (void)state;
    terms_row_encode(&terms, &b);
    assert_int_equal(terms_row_decode(buf_slice(&b), &a, &out, &err), OK);
    assert_int_equal(out.concurrency, 7);
    assert_int_equal(out.rate_milli, 500);
    assert_int_equal(out.priority, -3);
    assert_int_equal(out.label_count, 2);
    assert_true(slice_eq(out.labels[1].key, SLICE("zone")));
    assert_true(slice_eq(out.labels[1].value, SLICE("b")));
    for (size_t len = 0; len < b.len; len++) {
        assert_int_equal(terms_row_decode(slice_head(buf_slice(&b), len), &a, &out, &err),
                         ERR_CORRUPT);
    }
    buf_put_u8(&b, 0);
    assert_int_equal(terms_row_decode(buf_slice(&b), &a, &out, &err), ERR_CORRUPT);
    b.ptr[0] = 2;
    assert_int_equal(terms_row_decode(buf_slice(&b), &a, &out, &err), ERR_VERSION);
    buf_fini(&b);
    arena_fini(&a);
}

static void test_row_fleet__refuses_what_is_past_a_limit(void **state)
{
    struct fleet_label many[LIMIT_TERM_LABELS + 1] = {{{NULL, 0}, {NULL, 0}}};
    struct fleet_terms t = {.labels = many, .label_count = LIMIT_TERM_LABELS};

    (void)state;
    t.rate_milli = LIMIT_RATE_MILLI;
    t.priority = LIMIT_PRIORITY;
    assert_int_equal(terms_of(&t), OK);
    t.priority = -LIMIT_PRIORITY;
    assert_int_equal(terms_of(&t), OK);
    t.priority--;
    assert_int_equal(terms_of(&t), ERR_CORRUPT);
    t.priority = 0;
    t.rate_milli++;
    assert_int_equal(terms_of(&t), ERR_CORRUPT);
    t.rate_milli = 0;
    t.label_count++;
    assert_int_equal(terms_of(&t), ERR_CORRUPT);
}

static void test_row_fleet__cordons_come_back_as_they_were(void **state)
{
    static const char none[] = {1, FLEET_OPEN};
    static const char past[] = {1, FLEET_DRAINED + 1};
    enum fleet_cordon out;
    struct buf b = {0};
    struct err err;

    (void)state;
    cordon_row_encode(FLEET_DRAINED, &b);
    assert_int_equal(cordon_row_decode(buf_slice(&b), &out, &err), OK);
    assert_int_equal(out, FLEET_DRAINED);
    assert_int_equal(cordon_row_decode(slice_make(none, 2), &out, &err), ERR_CORRUPT);
    assert_int_equal(cordon_row_decode(slice_make(past, 2), &out, &err), ERR_CORRUPT);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_fleet__terms_come_back_as_they_were),
        cmocka_unit_test(test_row_fleet__refuses_what_is_past_a_limit),
        cmocka_unit_test(test_row_fleet__cordons_come_back_as_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
