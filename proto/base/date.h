/* SPDX-License-Identifier: Apache-2.0 */
/* Days since 1970-01-01 and dates of the Gregorian calendar, before it and after it alike. Pure. */
#ifndef STEPFLEET_BASE_DATE_H
#define STEPFLEET_BASE_DATE_H

#include <stdint.h>

struct date {
    int64_t year;
    int64_t month; /* 1..12 */
    int64_t day;   /* 1..31 */
};

int64_t date_to_days(struct date d);
struct date date_from_days(int64_t days);
/* 28..31. */
int64_t date_days_in_month(int64_t year, int64_t month);
/* 1, Sunday, to 7. */
int64_t date_weekday(int64_t days);

#endif
