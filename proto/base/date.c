/* SPDX-License-Identifier: Apache-2.0 */
/* Years begin in March here, so that the leap day is the last of its year; 400 of them, an era, are
 * always as many days. */
#include "proto/base/date.h"

#include <stdbool.h>

enum {
    DAYS_0000_TO_1970 = 719468, /* from 0000-03-01 */
    DAYS_PER_ERA = 146097,      /* 400 years */
    WEEKDAY_OF_1970 = 5,        /* a Thursday */
};

int64_t date_to_days(struct date d)
{
    int64_t year = d.month <= 2 ? d.year - 1 : d.year;
    int64_t month = d.month <= 2 ? d.month + 9 : d.month - 3;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t in_era = year - era * 400;
    int64_t in_year = (153 * month + 2) / 5 + d.day - 1;

    return era * DAYS_PER_ERA + in_era * 365 + in_era / 4 - in_era / 100 + in_year -
           DAYS_0000_TO_1970;
}

struct date date_from_days(int64_t days)
{
    int64_t shifted = days + DAYS_0000_TO_1970;
    int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t in_era = shifted - era * DAYS_PER_ERA;
    /* Take out the leap days before it, and every year has 365. */
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * in_year + 2) / 153;
    struct date d;

    d.day = in_year - (153 * month + 2) / 5 + 1;
    d.month = month < 10 ? month + 3 : month - 9;
    d.year = year + era * 400 + (d.month <= 2);
    return d;
}

int64_t date_days_in_month(int64_t year, int64_t month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

int64_t date_weekday(int64_t days)
{
    int64_t since = (days + WEEKDAY_OF_1970 - 1) % 7;

    return since < 0 ? since + 8 : since + 1;
}
