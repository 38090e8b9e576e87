/* SPDX-License-Identifier: Apache-2.0 */
/* The next time of a compiled schedule: the next month that has a day, its first day, the first
 * hour and minute. Reading expressions is schedule_parse.c. */
#include "coordinator/trigger/schedule.h"

#include <assert.h>

#include "coordinator/trigger/schedule_field.h"
#include "proto/base/date.h"
#include "proto/base/limits.h"

enum {
    MS_PER_MINUTE = 60 * 1000,
    MINUTES_PER_DAY = 24 * 60,
    SATURDAY = 7,
    SUNDAY = 1,
};

/* ---- The days of one month ---- */

struct month {
    int64_t year;
    int64_t month;
    int64_t first; /* day of the week of its first day */
    int64_t last;  /* day, 28..31 */
};

static struct month month_of(int64_t year, int64_t month)
{
    struct month m = {.year = year, .month = month};

    m.first = date_weekday(date_to_days((struct date){year, month, 1}));
    m.last = date_days_in_month(year, month);
    return m;
}

static int64_t weekday_in(const struct month *m, int64_t day)
{
    return (m->first - 1 + day - 1) % 7 + 1;
}

/* The nearest of Monday to Friday that is in the month. */
static int64_t nearest_workday(const struct month *m, int64_t day)
{
    int64_t weekday = weekday_in(m, day);

    if (weekday == SATURDAY) {
        return day == 1 ? day + 2 : day - 1;
    }
    if (weekday == SUNDAY) {
        return day == m->last ? day - 2 : day + 1;
    }
    return day;
}

static bool day_of_week(const struct schedule_cron *c, int64_t weekday)
{
    return schedule_set_has(&c->days, weekday - SUNDAY);
}

/* Is it a day of the schedule? 1 <= day <= m->last. */
static bool day_fits(const struct schedule_cron *c, const struct month *m, int64_t day)
{
    switch (c->rule) {
    case SCHEDULE_MONTH_DAYS: return schedule_set_has(&c->days, day - 1);
    case SCHEDULE_LAST_DAY: return day == m->last - c->nth;
    case SCHEDULE_NEAR_DAY: return c->nth <= m->last && day == nearest_workday(m, c->nth);
    case SCHEDULE_LAST_WORKDAY: return day == nearest_workday(m, m->last);
    case SCHEDULE_WEEK_DAYS: return day_of_week(c, weekday_in(m, day));
    case SCHEDULE_LAST_WEEK_DAY: return weekday_in(m, day) == c->week_day && day + 7 > m->last;
    case SCHEDULE_NTH_WEEK_DAY:
        return weekday_in(m, day) == c->week_day && (day - 1) / 7 == c->nth - 1;
    }
    return false;
}

/* The first day of it from `from` on; 0: none. */
static int64_t day_in_month(const struct schedule_cron *c, const struct month *m, int64_t from)
{
    for (int64_t day = from; day <= m->last; day++) {
        if (day_fits(c, m, day)) {
            return day;
        }
    }
    return 0;
}

/* ---- Days and minutes ---- */

/* The first day from `from` on, as days since 1970. */
static bool next_day(const struct schedule_cron *c, int64_t from, int64_t *out)
{
    struct date d = date_from_days(from);

    for (int64_t year = d.year; year <= SCHEDULE_YEAR_MAX; year++, d.month = 1, d.day = 1) {
        if (!schedule_set_has(&c->years, year - SCHEDULE_YEAR_MIN)) {
            continue;
        }
        for (int64_t month = d.month; month <= 12; month++, d.day = 1) {
            struct month m = month_of(year, month);
            int64_t day = schedule_set_has(&c->months, month - 1) ? day_in_month(c, &m, d.day) : 0;

            if (day != 0) {
                *out = date_to_days((struct date){year, month, day});
                return true;
            }
        }
    }
    return false;
}

/* The first minute of a day from `from` on; -1: none. */
static int64_t next_minute(const struct schedule_cron *c, int64_t from)
{
    int64_t minute = from % 60;

    for (int64_t hour = from / 60; hour < 24; hour++, minute = 0) {
        int64_t found =
            schedule_set_has(&c->hours, hour) ? schedule_set_next(&c->minutes, minute, 59) : -1;

        if (found >= 0) {
            return hour * 60 + found;
        }
    }
    return -1;
}

static bool next_cron(const struct schedule_cron *c, int64_t after_ms, int64_t *out_ms)
{
    int64_t minute = after_ms < 0 ? 0 : after_ms / MS_PER_MINUTE + 1;
    int64_t today = minute / MINUTES_PER_DAY;
    int64_t day;
    int64_t in_day;

    if (!next_day(c, today, &day)) {
        return false;
    }
    in_day = next_minute(c, day == today ? minute % MINUTES_PER_DAY : 0);
    if (in_day < 0) { /* what was left of today is too late */
        if (!next_day(c, today + 1, &day)) {
            return false;
        }
        in_day = next_minute(c, 0);
    }
    assert(in_day >= 0);
    *out_ms = (day * MINUTES_PER_DAY + in_day) * MS_PER_MINUTE;
    return true;
}

/* ---- All kinds ---- */

/* None where it would be past what 64 bits count. */
static bool next_rate(int64_t period_ms, int64_t began_ms, int64_t after_ms, int64_t *out_ms)
{
    int64_t since = after_ms < began_ms ? 0 : after_ms - began_ms;

    assert(period_ms > 0 && began_ms >= 0);
    if (began_ms + since > INT64_MAX - period_ms) {
        return false;
    }
    *out_ms = began_ms + (since / period_ms + 1) * period_ms;
    return true;
}

bool schedule_next(const struct schedule *s, int64_t began_ms, int64_t after_ms, int64_t *out_ms)
{
    int64_t next = 0;
    bool found = false;

    switch (s->kind) {
    case SCHEDULE_RATE: found = next_rate(s->period_ms, began_ms, after_ms, &next); break;
    case SCHEDULE_AT:
        next = s->at_ms;
        found = s->at_ms > after_ms;
        break;
    case SCHEDULE_CRON: found = next_cron(&s->cron, after_ms, &next); break;
    }
    if (found) {
        assert(next > after_ms);
        *out_ms = next;
    }
    return found;
}

bool schedule_due(const struct schedule *s,
                  int64_t began_ms,
                  int64_t after_ms,
                  int64_t now_ms,
                  int64_t *out_ms)
{
    int64_t oldest = now_ms - LIMIT_SCHEDULE_LATE_MS;
    int64_t next = after_ms > oldest ? after_ms : oldest;
    bool found = false;

    while (schedule_next(s, began_ms, next, &next) && next <= now_ms) {
        *out_ms = next;
        found = true;
    }
    return found;
}
