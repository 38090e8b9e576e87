/* SPDX-License-Identifier: Apache-2.0 */
/* date.c: the calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/date.h"

static void check(int64_t days, int64_t year, int64_t month, int64_t day, int64_t weekday)
{
    struct date d = date_from_days(days);

    assert_true(d.year == year && d.month == month && d.day == day);
    assert_true(date_to_days(d) == days);
    assert_true(date_weekday(days) == weekday);
}

static void test_date__known_days(void **state)
{
    (void)state;
    check(0, 1970, 1, 1, 5);
    check(-1, 1969, 12, 31, 4);
    check(-5, 1969, 12, 27, 7);
    check(59, 1970, 3, 1, 1);
    check(11016, 2000, 2, 29, 3);
    check(20780, 2026, 11, 23, 2);
    check(-719162, 1, 1, 1, 2);
}

/* Day by day, beside a calendar that only counts. */
static void test_date__every_day_of_five_centuries(void **state)
{
    struct date d = {1800, 1, 1};
    int64_t days = date_to_days(d);
    int64_t weekday = 4; /* 1800 began on a Wednesday */

    (void)state;
    while (d.year < 2300) {
        check(days, d.year, d.month, d.day, weekday);
        days++;
        weekday = weekday % 7 + 1;
        d.day++;
        if (d.day > date_days_in_month(d.year, d.month)) {
            d.day = 1;
            d.month++;
        }
        if (d.month > 12) {
            d.month = 1;
            d.year++;
        }
    }
    assert_true(days == 120530); /* of 2300-01-01 */
}

static void test_date__leap_years(void **state)
{
    (void)state;
    assert_int_equal(date_days_in_month(2024, 2), 29);
    assert_int_equal(date_days_in_month(2023, 2), 28);
    assert_int_equal(date_days_in_month(2100, 2), 28);
    assert_int_equal(date_days_in_month(2000, 2), 29);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_date__known_days),
        cmocka_unit_test(test_date__every_day_of_five_centuries),
        cmocka_unit_test(test_date__leap_years),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
