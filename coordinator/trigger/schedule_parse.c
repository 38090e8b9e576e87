/* SPDX-License-Identifier: Apache-2.0 */
/* Schedule expressions as they are written. AWS is strict about white space around the parentheses
 * ("rate( 5 minutes )" is refused), about one minute and two minutes, and about capitals of words.
 */
#include <assert.h>

#include "coordinator/trigger/schedule_field.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum {
    FIELDS = 6,
    NTH_MOST = 5, /* a month has no sixth Friday */
    LAST_OFFSET_MOST = 30,
    AT_BYTES = sizeof("2026-11-23T05:14:00") - 1,
};

static const struct schedule_field field_minutes = {0, 59, NULL, true};
static const struct schedule_field field_hours = {0, 23, NULL, true};
static const struct schedule_field field_month_days = {1, 31, NULL, true};
static const struct schedule_field field_months = {1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC",
                                                   true};
static const struct schedule_field field_week_days = {1, 7, "SUNMONTUEWEDTHUFRISAT", true};
static const struct schedule_field field_years = {SCHEDULE_YEAR_MIN, SCHEDULE_YEAR_MAX, NULL,
                                                  false};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* Cut `text` at runs of white space; false where there are not `count` parts, or some at an end. */
static bool split(struct slice text, struct slice *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t end = 0;

        while (end < text.len && !is_space(text.ptr[end])) {
            end++;
        }
        parts[i] = slice_head(text, end);
        if (end == 0 || (end == text.len) != (i == count - 1)) {
            return false;
        }
        while (end < text.len && is_space(text.ptr[end])) {
            end++;
        }
        text = slice_from(text, end);
    }
    return true;
}

/* ---- cron: the two fields of days ---- */

static bool parse_month_days(struct slice text, struct schedule_cron *c)
{
    uint64_t before;

    if (slice_eq(text, SLICE("L"))) {
        c->rule = SCHEDULE_LAST_DAY;
        return true;
    }
    if (slice_eq(text, SLICE("LW"))) {
        c->rule = SCHEDULE_LAST_WORKDAY;
        return true;
    }
    if (slice_starts_with(text, SLICE("L-"))) {
        c->rule = SCHEDULE_LAST_DAY;
        if (text.len > 4 || !text_parse_u64(slice_from(text, 2), &before) || before < 1 ||
            before > LAST_OFFSET_MOST) {
            return false;
        }
        c->nth = (int64_t)before;
        return true;
    }
    if (slice_ends_with(text, SLICE("W"))) {
        c->rule = SCHEDULE_NEAR_DAY;
        return schedule_value(&field_month_days, slice_head(text, text.len - 1), &c->nth);
    }
    c->rule = SCHEDULE_MONTH_DAYS;
    return schedule_list(&field_month_days, text, &c->days);
}

static bool parse_week_days(struct slice text, struct schedule_cron *c)
{
    size_t hash = slice_find(text, '#');
    uint64_t nth;

    if (hash != text.len) {
        c->rule = SCHEDULE_NTH_WEEK_DAY;
        if (text.len != hash + 2 || !text_parse_u64(slice_from(text, hash + 1), &nth) || nth < 1 ||
            nth > NTH_MOST) {
            return false;
        }
        c->nth = (int64_t)nth;
        return schedule_value(&field_week_days, slice_head(text, hash), &c->week_day);
    }
    if (text.len > 1 && slice_ends_with(text, SLICE("L"))) {
        c->rule = SCHEDULE_LAST_WEEK_DAY;
        return schedule_value(&field_week_days, slice_head(text, text.len - 1), &c->week_day);
    }
    c->rule = SCHEDULE_WEEK_DAYS;
    if (slice_eq(text, SLICE("L"))) { /* the last of the week */
        text = SLICE("SAT");
    }
    return schedule_list(&field_week_days, text, &c->days);
}

/* Exactly one of them says "?". */
static bool parse_days(struct slice of_month, struct slice of_week, struct schedule_cron *c)
{
    bool any_of_month = slice_eq(of_month, SLICE("?"));
    bool any_of_week = slice_eq(of_week, SLICE("?"));

    if (any_of_month == any_of_week) {
        return false;
    }
    return any_of_month ? parse_week_days(of_week, c) : parse_month_days(of_month, c);
}

/* ---- The three kinds ---- */

static bool parse_cron(struct slice text, struct schedule *out)
{
    struct slice fields[FIELDS];
    struct schedule_cron *c = &out->cron;

    out->kind = SCHEDULE_CRON;
    return split(text, fields, FIELDS) && schedule_list(&field_minutes, fields[0], &c->minutes) &&
           schedule_list(&field_hours, fields[1], &c->hours) &&
           parse_days(fields[2], fields[4], c) &&
           schedule_list(&field_months, fields[3], &c->months) &&
           schedule_list(&field_years, fields[5], &c->years);
}

static bool parse_rate(struct slice text, struct schedule *out)
{
    static const struct {
        const char *one;
        const char *many;
        int64_t ms;
    } units[] = {
        {"minute", "minutes", 60 * 1000},
        {"hour", "hours", 3600 * 1000},
        {"day", "days", 24 * 3600 * 1000},
    };
    struct slice parts[2];
    uint64_t n;

    out->kind = SCHEDULE_RATE;
    if (!split(text, parts, 2) || !text_parse_u64(parts[0], &n) || n < 1 ||
        n > LIMIT_SCHEDULE_RATE) {
        return false;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (slice_eq_str(parts[1], n == 1 ? units[i].one : units[i].many)) {
            out->period_ms = (int64_t)n * units[i].ms;
            return true;
        }
    }
    return false;
}

static bool parse_at(struct slice text, struct schedule *out)
{
    char zoned[AT_BYTES + 1];

    out->kind = SCHEDULE_AT;
    if (text.len != AT_BYTES) {
        return false;
    }
    memcpy(zoned, text.ptr, AT_BYTES);
    zoned[AT_BYTES] = 'Z';
    return text_parse_time(slice_make(zoned, sizeof(zoned)), &out->at_ms);
}

/* "WORD(" and ")" around what is said of it. */
static bool within(struct slice text, struct slice word, struct slice *out)
{
    if (!slice_starts_with(text, word) || !slice_ends_with(text, SLICE(")"))) {
        return false;
    }
    *out = slice_head(slice_from(text, word.len), text.len - word.len - 1);
    return true;
}

enum err_code schedule_compile(struct slice text, struct schedule *out, struct err *err)
{
    struct schedule s = {0};
    struct slice inner;
    bool ok = text.len <= LIMIT_SCHEDULE_BYTES;

    if (within(text, SLICE("rate("), &inner)) {
        ok = ok && parse_rate(inner, &s);
    } else if (within(text, SLICE("cron("), &inner)) {
        ok = ok && parse_cron(inner, &s);
    } else if (within(text, SLICE("at("), &inner)) {
        ok = ok && parse_at(inner, &s);
    } else {
        ok = false;
    }
    if (!ok) {
        return err_set(err, ERR_VALIDATION, "Parameter ScheduleExpression is not valid.");
    }
    *out = s;
    return OK;
}
