/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of parts, memory of a writer, waits before retries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/s3/plan.h"
#include "proto/base/limits.h"

enum { MIB = 1024 * 1024 };

static uint64_t plan_total(uint64_t base)
{
    uint64_t total = 0;
    uint64_t before = 0;

    for (uint32_t n = 1; n <= LIMIT_PARTS; n++) {
        uint64_t bytes = plan_part_bytes(base, n);

        assert_true(bytes >= before && bytes <= PLAN_PART_BYTES_MAX);
        before = bytes;
        total += bytes;
    }
    return total;
}

static void test_plan__largest_object_fits_the_parts(void **state)
{
    (void)state;
    assert_true(plan_total(LIMIT_PART_BYTES_MIN) >= PLAN_OBJECT_BYTES_MAX);
    assert_true(plan_total(PLAN_PART_BYTES) >= PLAN_OBJECT_BYTES_MAX);
    assert_true(plan_total(PLAN_PART_BYTES_MAX) >= PLAN_OBJECT_BYTES_MAX);
}

static void test_plan__parts_grow_late_and_by_doubling(void **state)
{
    (void)state;
    assert_int_equal(plan_part_bytes(8 * MIB, 1), 8 * MIB);
    assert_int_equal(plan_part_bytes(8 * MIB, PLAN_STEADY_PARTS), 8 * MIB);
    assert_int_equal(plan_part_bytes(8 * MIB, PLAN_STEADY_PARTS + 1), 16 * MIB);
    assert_int_equal(plan_part_bytes(8 * MIB, PLAN_STEADY_PARTS + PLAN_DOUBLE_PARTS), 16 * MIB);
    assert_int_equal(plan_part_bytes(8 * MIB, PLAN_STEADY_PARTS + PLAN_DOUBLE_PARTS + 1), 32 * MIB);
    assert_int_equal(plan_part_bytes(8 * MIB, LIMIT_PARTS), PLAN_PART_BYTES_MAX);
    assert_int_equal(plan_part_bytes(8 * MIB, LIMIT_PARTS + 1), 0);
}

static void test_plan__memory_holds_the_parts_in_flight_and_some_of_the_next(void **state)
{
    (void)state;
    assert_int_equal(plan_pool_bytes(8 * MIB, 1), 10 * MIB);
    assert_int_equal(plan_pool_bytes(8 * MIB, 3), 26 * MIB);
    assert_true(plan_pool_bytes(PLAN_PART_BYTES, PLAN_PARALLEL) + PLAN_RING_BYTES < 18 * MIB);
    assert_int_equal(plan_part_bytes(PLAN_PART_BYTES, PLAN_STEADY_PARTS), LIMIT_PART_BYTES_MIN);
}

static void test_plan__backoff_is_full_jitter_under_a_cap(void **state)
{
    (void)state;
    for (unsigned failed = 1; failed < 100; failed++) {
        int64_t most = failed > 7 ? 5000 : 50 << (failed - 1);

        most = most > 5000 ? 5000 : most;
        assert_int_equal(plan_backoff_ms(failed, 0), 0);
        assert_int_equal(plan_backoff_ms(failed, (uint64_t)most), most);
        assert_int_equal(plan_backoff_ms(failed, (uint64_t)most + 1), 0);
        assert_true(plan_backoff_ms(failed, UINT64_MAX) <= most);
    }
}

static void test_plan__an_answering_server_gets_so_many_tries(void **state)
{
    struct plan_tries tries = {0};

    (void)state;
    for (int i = 1; i < 8; i++) {
        assert_true(plan_retry_ms(&tries, 8, false, 0, 7) >= 0);
    }
    assert_int_equal(plan_retry_ms(&tries, 8, false, 0, 7), -1);
    tries = (struct plan_tries){0};
    assert_int_equal(plan_retry_ms(&tries, 1, false, 0, 7), -1);
    tries = (struct plan_tries){0};
    assert_int_equal(plan_retry_ms(&tries, 1, true, 0, 7), -1);
}

/* Shortest waits by chance: the number of tries alone would be used up at once. */
static void test_plan__a_server_that_is_away_is_waited_for(void **state)
{
    struct plan_tries tries = {0};
    int64_t now_ms = 1000;

    (void)state;
    for (; now_ms < 1000 + 34999; now_ms += 100) {
        assert_int_equal(plan_retry_ms(&tries, 8, true, now_ms, 0), 0);
    }
    assert_int_equal(plan_retry_ms(&tries, 8, true, 1000 + 35000, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan__largest_object_fits_the_parts),
        cmocka_unit_test(test_plan__parts_grow_late_and_by_doubling),
        cmocka_unit_test(test_plan__memory_holds_the_parts_in_flight_and_some_of_the_next),
        cmocka_unit_test(test_plan__backoff_is_full_jitter_under_a_cap),
        cmocka_unit_test(test_plan__an_answering_server_gets_so_many_tries),
        cmocka_unit_test(test_plan__a_server_that_is_away_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
