/* SPDX-License-Identifier: Apache-2.0 */
/* When a rule runs: EventBridge's schedule expressions, compiled once, and the next time after any
 * other. Times are milliseconds since 1970, and days are those of UTC. Pure.
 *
 *   rate(VALUE UNIT)   minute, hour, day for 1, with an s for more; counted from where it began
 *   at(YYYY-MM-DDThh:mm:ss)   once; of EventBridge Scheduler alone, a rule's caller refuses it
 *   cron(MINUTES HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK YEAR)
 *
 * | field        | values          | beside * , - and / |
 * | minutes      | 0-59            | |
 * | hours        | 0-23            | |
 * | day of month | 1-31            | ?, L (the last), L-3 (the third before it), 15W (the weekday
 * |              |                 | nearest to it within the month), LW |
 * | month        | 1-12, JAN-DEC   | |
 * | day of week  | 1-7, SUN-SAT    | ?, L (Saturday), 6L (the month's last Friday), 6#3 (its third)
 * | | year         | 1970-2199       | |
 *
 * Exactly one of the two days is ?. A range may go over its field's end (20-2, FRI-MON), but for
 * years. L, W and # stand alone in their field. A day that a month does not have (31, 31W, 6#5)
 * is none of it. Names in capitals or small letters.
 *
 * Sources: EventBridge User Guide, "Cron expressions reference" and "Rate expressions"; answers of
 * AWS (what of rate() is refused, which cron() is taken); where they are silent (L-3, LW, wrapped
 * ranges, what stands alone) Quartz, whose grammar it is. */
#ifndef STEPFLEET_TRIGGER_SCHEDULE_H
#define STEPFLEET_TRIGGER_SCHEDULE_H

#include "proto/base/err.h"
#include "proto/base/slice.h"

enum schedule_kind { SCHEDULE_RATE, SCHEDULE_AT, SCHEDULE_CRON };

/* Which days of a month. */
enum schedule_days {
    SCHEDULE_MONTH_DAYS,   /* those of `days` */
    SCHEDULE_LAST_DAY,     /* `nth` before the last */
    SCHEDULE_NEAR_DAY,     /* the weekday nearest to `nth` */
    SCHEDULE_LAST_WORKDAY, /* Monday to Friday */
    SCHEDULE_WEEK_DAYS,    /* those of `days` */
    SCHEDULE_LAST_WEEK_DAY,
    SCHEDULE_NTH_WEEK_DAY,
};

/* A set of small numbers, counted from the least its field takes. */
struct schedule_set {
    uint64_t bits[4];
};

struct schedule_cron {
    struct schedule_set minutes;
    struct schedule_set hours;
    struct schedule_set months;
    struct schedule_set years;
    struct schedule_set days; /* of the month or of the week */
    enum schedule_days rule;
    int64_t week_day; /* 1, Sunday, to 7 */
    int64_t nth;
};

struct schedule {
    enum schedule_kind kind;
    int64_t period_ms; /* of a rate */
    int64_t at_ms;
    struct schedule_cron cron;
};

/* ERR_VALIDATION, "Parameter ScheduleExpression is not valid.": AWS says no more either. */
enum err_code schedule_compile(struct slice text, struct schedule *out, struct err *err);

/* The first time that is later than `after_ms`; a rate's are `began_ms` (not before 1970) and so
 * many periods, from one on. False: there is none any more. However rare it is, no more than the
 * 2,760 months there are are looked at. */
bool schedule_next(const struct schedule *s, int64_t began_ms, int64_t after_ms, int64_t *out_ms);
/* The last time that is later than `after_ms` and not later than `now_ms`, if it is not a day old:
 * what was missed for longer is not made up for, and of several that were missed the last is.
 * False: there is none. */
bool schedule_due(const struct schedule *s,
                  int64_t began_ms,
                  int64_t after_ms,
                  int64_t now_ms,
                  int64_t *out_ms);

#endif
