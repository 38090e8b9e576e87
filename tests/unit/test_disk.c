/* SPDX-License-Identifier: Apache-2.0 */
/* When a disk is short of room, and when it is no more; reserves as they are configured. */
#include "coordinator/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t gib = (uint64_t)1 << 30;

static void test_disk__is_short_below_the_reserve_and_until_an_eighth_above_it(void **state)
{
    const struct disk_reserve reserve = {800, 100};
    struct disk d = {.is_short = false};

    (void)state;
    assert_false(disk_judge(&d, &reserve, 800, 10000));
    assert_int_equal(d.reserve_bytes, 800);
    assert_true(disk_judge(&d, &reserve, 799, 10000));
    assert_true(d.is_short);
    assert_false(disk_judge(&d, &reserve, 0, 10000));
    assert_false(disk_judge(&d, &reserve, 899, 10000));
    assert_true(d.is_short);
    assert_true(disk_judge(&d, &reserve, 900, 10000));
    assert_false(d.is_short);
    assert_int_equal(d.free_bytes, 900);
    assert_int_equal(d.size_bytes, 10000);
}

static void judged(const char *text, uint64_t size, uint64_t reserve)
{
    struct disk_reserve r;
    struct disk d = {.is_short = false};
    struct err err;

    assert_int_equal(disk_reserve_parse(text, &r, &err), OK);
    (void)disk_judge(&d, &r, size, size);
    assert_int_equal(d.reserve_bytes, reserve);
    assert_false(d.is_short);
}

static void test_disk__the_reserve_is_as_configured(void **state)
{
    (void)state;
    judged(NULL, 10 * gib, 10 * gib / 100 * 5);
    judged(NULL, 1000 * gib, gib);
    judged("5%", 1000 * gib, 1000 * gib / 100 * 5);
    judged("2GiB", 1000 * gib, 2 * gib);
    judged("50%", gib, gib / 100 * 50);
    judged("0", gib, 0);
    judged("0%", gib, 0);
}

static void test_disk__a_reserve_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {
        "", "%", "51%", "-1", "5 %", "5%%", "much", "1GB", "99999999999999999999"};
    struct disk_reserve r;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err;

        assert_int_equal(disk_reserve_parse(bad[i], &r, &err), ERR_CONFIG);
        assert_non_null(strstr(err.msg, "disk_reserve"));
    }
}

static void test_disk__looks_at_a_file_system(void **state)
{
    const struct disk_reserve all = {UINT64_MAX, 100};
    const struct disk_reserve none = {0, 100};
    struct disk d = {.is_short = false};

    (void)state;
    assert_true(disk_look(&d, &all, "/"));
    assert_true(d.is_short && d.size_bytes != 0 && d.free_bytes <= d.size_bytes);
    assert_true(disk_look(&d, &none, "/"));
    assert_false(disk_look(&d, &all, "/nowhere/at/all"));
    assert_false(d.is_short);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk__is_short_below_the_reserve_and_until_an_eighth_above_it),
        cmocka_unit_test(test_disk__the_reserve_is_as_configured),
        cmocka_unit_test(test_disk__a_reserve_that_is_none_is_refused),
        cmocka_unit_test(test_disk__looks_at_a_file_system),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
