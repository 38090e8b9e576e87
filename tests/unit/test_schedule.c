/* SPDX-License-Identifier: Apache-2.0 */
/* Schedule expressions: what is taken and what is not, and the next time, by tables and beside a
 * search that looks at every minute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/trigger/schedule.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int64_t at(const char *time)
{
    int64_t ms;

    assert_true(text_parse_time(slice_str(time), &ms));
    return ms;
}

static struct schedule compiled(const char *text)
{
    struct schedule s;
    struct err err;

    if (schedule_compile(slice_str(text), &s, &err) != OK) {
        fail_msg("%s: %s", text, err.msg);
    }
    return s;
}

static void refused(struct slice text)
{
    struct schedule s;
    struct err err;

    if (schedule_compile(text, &s, &err) == OK) {
        fail_msg("\"%.*s\" was taken", SLICE_FMT(text));
    }
    assert_int_equal(err.code, ERR_VALIDATION);
    assert_string_equal(err.msg, "Parameter ScheduleExpression is not valid.");
}

/* ---- What is taken ---- */

static void test_schedule__what_aws_refuses_of_rates(void **state)
{
    static const char *const bad[] = {
        "rate(10 seconds)",
        "rate(10 years)",
        "rate(1 minutes)",
        "rate(1 hours)",
        "rate(1 days)",
        "rate(10 minute)",
        "rate(10 hour)",
        "rate(10 day)",
        "rate()",
        "rate(10)",
        "rate(10 minutess)",
        "rate(foo minutes)",
        "rate(0 minutes)",
        "rate(-10 minutes)",
        "rate(10 MINUTES)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "rate(10 minutes) ",
        "rate(10 minutes",
        "rate(1.5 hours)",
        "rate(5 minutes now)",
        "rate 5 minutes",
        "Rate(5 minutes)",
        "rate(2147483648 days)",
        "rate(99999999999999999999 days)",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        refused(slice_str(bad[i]));
    }
    assert_true(compiled("rate(1 minute)").period_ms == 60000);
    assert_true(compiled("rate(90 minutes)").period_ms == 5400000);
    assert_true(compiled("rate(1 hour)").period_ms == 3600000);
    assert_true(compiled("rate(7  days)").period_ms == 604800000);
    assert_true(compiled("rate(2147483647 days)").period_ms == INT64_C(185542587100800000));
}

/* AWS took each of these. */
static void test_schedule__what_aws_takes_of_cron(void **state)
{
    static const char *const good[] = {
        "cron(0 2 ? * SAT *)",
        "cron(0 12 * * ? *)",
        "cron(5,35 14 * * ? *)",
        "cron(15 10 ? * 6L 2002-2005)",
        "cron(0 2 ? * SAT#3 *)",
        "cron(* * ? * SAT#3 *)",
        "cron(0/5 5 ? JAN 1-5 2022)",
        "cron(0 18 ? * MON-FRI *)",
        "cron(0 8 1 * ? *)",
        "cron(0/15 * * * ? *)",
        "cron(0/5 8-17 ? * MON-FRI *)",
        "cron(0/30 20-23 ? * MON-FRI *)",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(compiled(good[i]).kind, SCHEDULE_CRON);
    }
}

static const char *const bad_cron[] = {
    "",
    "cron",
    "cron(",
    "cron()",
    "cron(INVALID)",
    "Cron(0 10 * * ? *)",
    /* AWS refused these */
    "cron(0 1 * * * *)",
    "cron(7 20 * * NOT *)",
    "cron(0 dummy ? * MON-FRI *)",
    "cron(71 8 1 * ? *)",
    /* one ? of the days, and nowhere else */
    "cron(0 1 ? * ? *)",
    "cron(0 1 1 * 1 *)",
    "cron(? 1 * * ? *)",
    "cron(0 1 * ? ? *)",
    "cron(0 1 * * ? ?)",
    "cron(0 1 ?,1 * ? *)",
    "cron(0 1 1,? * ? *)",
    /* the number of fields, and what is between them */
    "cron(0 10 * * ?)",
    "cron(0 10 * * ? * *)",
    "cron( 0 10 * * ? *)",
    "cron(0 10 * * ? * )",
    /* values */
    "cron(60 * * * ? *)",
    "cron(* 24 * * ? *)",
    "cron(* * 0 * ? *)",
    "cron(* * 32 * ? *)",
    "cron(* * * 0 ? *)",
    "cron(* * * 13 ? *)",
    "cron(* * ? * 0 *)",
    "cron(* * ? * 8 *)",
    "cron(* * * * ? 1969)",
    "cron(* * * * ? 2200)",
    "cron(-1 * * * ? *)",
    "cron(00000 * * * ? *)",
    "cron(* * * JANUARY ? *)",
    "cron(* * * MON ? *)",
    "cron(* * ? * JAN *)",
    "cron(MON * * * ? *)",
    /* lists, ranges, steps */
    "cron(1, * * * ? *)",
    "cron(,1 * * * ? *)",
    "cron(1,,2 * * * ? *)",
    "cron(1- * * * ? *)",
    "cron(-5 * * * ? *)",
    "cron(1-2-3 * * * ? *)",
    "cron(*-5 * * * ? *)",
    "cron(*/0 * * * ? *)",
    "cron(*/60 * * * ? *)",
    "cron(*/ * * * ? *)",
    "cron(/5 * * * ? *)",
    "cron(1/2/3 * * * ? *)",
    "cron(0/-5 * * * ? *)",
    "cron(* * * * ? 2030-2020)",
    "cron(** * * * ? *)",
    /* L, W and # */
    "cron(0 0 W * ? *)",
    "cron(0 0 0W * ? *)",
    "cron(0 0 32W * ? *)",
    "cron(0 0 1W,15 * ? *)",
    "cron(0 0 L,15 * ? *)",
    "cron(0 0 L-0 * ? *)",
    "cron(0 0 L-31 * ? *)",
    "cron(0 0 L- * ? *)",
    "cron(0 0 8L * ? *)",
    "cron(0 0 WL * ? *)",
    "cron(0 0 ? * 0L *)",
    "cron(0 0 ? * 8L *)",
    "cron(0 0 ? * LW *)",
    "cron(0 0 ? * # *)",
    "cron(0 0 ? * 3# *)",
    "cron(0 0 ? * #2 *)",
    "cron(0 0 ? * 3#0 *)",
    "cron(0 0 ? * 3#6 *)",
    "cron(0 0 ? * 8#2 *)",
    "cron(0 0 ? * 3#1,6#3 *)",
    "cron(0 0 ? * 3#11 *)",
    "cron(0 0 1#2 * ? *)",
    "cron(0 0 ? * 2W *)",
    "cron(L 0 * * ? *)",
};

static void test_schedule__what_is_refused_of_cron(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_cron); i++) {
        refused(slice_str(bad_cron[i]));
    }
    refused(SLICE("cron(0 10 * * ? *\0)"));
}

static void test_schedule__length_has_its_bound(void **state)
{
    static const char head[] = "cron(1";
    static const char tail[] = "* * * ? *)";
    char text[LIMIT_SCHEDULE_BYTES + 1];
    struct schedule s;

    (void)state;
    for (size_t bytes = LIMIT_SCHEDULE_BYTES; bytes <= sizeof(text); bytes++) {
        memset(text, ' ', bytes);
        memcpy(text, head, strlen(head));
        memcpy(text + bytes - strlen(tail), tail, strlen(tail));
        if (bytes <= LIMIT_SCHEDULE_BYTES) {
            assert_int_equal(schedule_compile(slice_make(text, bytes), &s, NULL), OK);
        } else {
            refused(slice_make(text, bytes));
        }
    }
}

static void test_schedule__at(void **state)
{
    static const char *const bad[] = {"at()",
                                      "at(2026-11-23)",
                                      "at(2026-11-23T05:14:00Z)",
                                      "at(2026-02-29T00:00:00)",
                                      "at(2026-11-23 05:14:00)",
                                      "at(2026-11-23T24:00:00)",
                                      "at(2026-11-23T05:14)"};

    (void)state;
    assert_true(compiled("at(2028-02-29T05:14:07)").at_ms == at("2028-02-29T05:14:07Z"));
    for (size_t i = 0; i < COUNT(bad); i++) {
        refused(slice_str(bad[i]));
    }
}

/* ---- The next time ---- */

struct next_case {
    const char *text;
    const char *after;
    const char *next; /* NULL: never again */
};

static void check_next(const struct next_case *c)
{
    struct schedule s = compiled(c->text);
    char found[TEXT_TIME_BYTES] = "never";
    char wanted[TEXT_TIME_BYTES] = "never";
    int64_t next = -7;

    if (schedule_next(&s, at("2026-01-01T00:00:30Z"), at(c->after), &next)) {
        found[text_format_time(next, found)] = '\0';
    } else {
        assert_true(next == -7);
    }
    if (c->next != NULL) {
        wanted[text_format_time(at(c->next), wanted)] = '\0';
    }
    if (strcmp(found, wanted) != 0) {
        fail_msg("%s after %s: %s, not %s", c->text, c->after, found, wanted);
    }
}

static void check_all(const struct next_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_next(&cases[i]);
    }
}

static void test_schedule__next_of_minutes_and_hours(void **state)
{
    static const struct next_case cases[] = {
        {"cron(* * * * ? *)", "2026-11-23T05:14:00Z", "2026-11-23T05:15:00Z"},
        {"cron(* * * * ? *)", "2026-11-23T05:14:59.999Z", "2026-11-23T05:15:00Z"},
        {"cron(* * * * ? *)", "2026-11-23T05:13:59.999Z", "2026-11-23T05:14:00Z"},
        {"cron(* * * * ? *)", "2026-12-31T23:59:00Z", "2027-01-01T00:00:00Z"},
        {"cron(0 10 * * ? *)", "2026-11-23T09:59:59Z", "2026-11-23T10:00:00Z"},
        {"cron(0 10 * * ? *)", "2026-11-23T10:00:00Z", "2026-11-24T10:00:00Z"},
        {"cron(5,35 14 * * ? *)", "2026-11-23T14:05:00Z", "2026-11-23T14:35:00Z"},
        {"cron(0/15 * * * ? *)", "2026-11-23T14:46:00Z", "2026-11-23T15:00:00Z"},
        {"cron(1/10 * * * ? *)", "2026-11-23T14:01:00Z", "2026-11-23T14:11:00Z"},
        {"cron(*/20 * * * ? *)", "2026-11-23T14:41:00Z", "2026-11-23T15:00:00Z"},
        {"cron(10-20/5 7 * * ? *)", "2026-11-23T07:15:00Z", "2026-11-23T07:20:00Z"},
        {"cron(10-20/5 7 * * ? *)", "2026-11-23T07:20:00Z", "2026-11-24T07:10:00Z"},
        {"cron(0 07/12 * * ? *)", "2026-11-23T07:00:00Z", "2026-11-23T19:00:00Z"},
        {"cron(30 20-2 * * ? *)", "2026-11-23T03:00:00Z", "2026-11-23T20:30:00Z"},
        {"cron(30 20-2 * * ? *)", "2026-11-23T23:30:00Z", "2026-11-24T00:30:00Z"},
        {"cron(50-10/15 6 * * ? *)", "2026-11-23T06:05:00Z", "2026-11-23T06:50:00Z"},
        {"cron(50-10/15 6 * * ? *)", "2026-11-23T06:04:00Z", "2026-11-23T06:05:00Z"},
    };

    (void)state;
    check_all(cases, COUNT(cases));
}

static void test_schedule__next_of_days(void **state)
{
    static const struct next_case cases[] = {
        {"cron(0 18 ? * MON-FRI *)", "2026-11-27T18:00:00Z", "2026-11-30T18:00:00Z"},
        {"cron(0 18 ? * mon-fri *)", "2026-11-27T18:00:00Z", "2026-11-30T18:00:00Z"},
        {"cron(0 0 ? * FRI-MON *)", "2026-11-23T00:00:00Z", "2026-11-27T00:00:00Z"},
        {"cron(0 0 ? * 2/2 *)", "2026-11-23T00:00:00Z", "2026-11-25T00:00:00Z"},
        {"cron(0 0 ? * L *)", "2026-11-23T00:00:00Z", "2026-11-28T00:00:00Z"},
        {"cron(0 0 ? * 6L *)", "2026-11-23T00:00:00Z", "2026-11-27T00:00:00Z"},
        {"cron(0 0 ? * FRIL *)", "2026-11-27T00:00:00Z", "2026-12-25T00:00:00Z"},
        {"cron(0 0 ? * 6#3 *)", "2026-11-20T00:00:00Z", "2026-12-18T00:00:00Z"},
        {"cron(0 0 ? * SUN#5 *)", "2026-11-23T00:00:00Z", "2026-11-29T00:00:00Z"},
        {"cron(0 0 ? * SUN#5 *)", "2026-11-29T00:00:00Z", "2027-01-31T00:00:00Z"},
        {"cron(0 0 ? FEB MON#5 *)", "2026-01-01T00:00:00Z", "2044-02-29T00:00:00Z"},
        {"cron(0 8 1 * ? *)", "2026-11-23T00:00:00Z", "2026-12-01T08:00:00Z"},
        {"cron(0 0 31 * ? *)", "2026-11-01T00:00:00Z", "2026-12-31T00:00:00Z"},
        {"cron(0 0 29 2 ? *)", "2026-11-01T00:00:00Z", "2028-02-29T00:00:00Z"},
        {"cron(0 0 29 2 ? *)", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
        {"cron(0 0 L * ? *)", "2027-02-01T00:00:00Z", "2027-02-28T00:00:00Z"},
        {"cron(0 0 L * ? *)", "2028-02-28T00:00:00Z", "2028-02-29T00:00:00Z"},
        {"cron(0 0 L-3 * ? *)", "2027-02-01T00:00:00Z", "2027-02-25T00:00:00Z"},
        {"cron(0 0 L-30 * ? *)", "2027-02-01T00:00:00Z", "2027-03-01T00:00:00Z"},
        {"cron(0 0 20-5/5 * ? *)", "2026-11-20T00:00:00Z", "2026-11-25T00:00:00Z"},
        {"cron(0 0 1 NOV-FEB/2 ? *)", "2026-11-23T00:00:00Z", "2027-01-01T00:00:00Z"},
    };

    (void)state;
    check_all(cases, COUNT(cases));
}

/* 2026-08-01 is a Saturday, 2026-11-01 a Sunday, 2026-05-31 a Sunday, 2026-10-31 a Saturday. */
static void test_schedule__next_workdays(void **state)
{
    static const struct next_case cases[] = {
        {"cron(0 0 3W * ? *)", "2026-11-01T00:00:00Z", "2026-11-03T00:00:00Z"},
        {"cron(0 0 14W * ? *)", "2026-11-01T00:00:00Z", "2026-11-13T00:00:00Z"},
        {"cron(0 0 15W * ? *)", "2026-11-01T00:00:00Z", "2026-11-16T00:00:00Z"},
        {"cron(0 0 1W * ? *)", "2026-07-31T00:00:00Z", "2026-08-03T00:00:00Z"},
        {"cron(0 0 1W * ? *)", "2026-10-31T00:00:00Z", "2026-11-02T00:00:00Z"},
        {"cron(0 0 31W * ? *)", "2026-05-01T00:00:00Z", "2026-05-29T00:00:00Z"},
        {"cron(0 0 31W * ? *)", "2026-06-01T00:00:00Z", "2026-07-31T00:00:00Z"},
        {"cron(0 0 31W * ? *)", "2026-10-01T00:00:00Z", "2026-10-30T00:00:00Z"},
        {"cron(0 0 LW * ? *)", "2026-05-01T00:00:00Z", "2026-05-29T00:00:00Z"},
        {"cron(0 0 LW * ? *)", "2027-02-01T00:00:00Z", "2027-02-26T00:00:00Z"},
    };

    (void)state;
    check_all(cases, COUNT(cases));
}

static void test_schedule__years_end(void **state)
{
    static const struct next_case cases[] = {
        {"cron(15 10 ? * 6L 2002-2005)", "2004-11-27T00:00:00Z", "2004-12-31T10:15:00Z"},
        {"cron(15 10 ? * 6L 2002-2005)", "2005-12-30T10:14:00Z", "2005-12-30T10:15:00Z"},
        {"cron(15 10 ? * 6L 2002-2005)", "2005-12-30T10:15:00Z", NULL},
        {"cron(15 10 ? * 6L 2002-2005)", "2026-11-23T00:00:00Z", NULL},
        {"cron(0 0 1 1 ? 2199)", "2026-11-23T00:00:00Z", "2199-01-01T00:00:00Z"},
        {"cron(0 0 1 1 ? 1970)", "1970-01-01T00:00:00Z", NULL},
        {"cron(0 0 1 1 ? 1970)", "1969-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
        {"cron(1 0 1 1 ? 1970)", "1969-01-01T00:00:00Z", "1970-01-01T00:01:00Z"},
        {"cron(* * * * ? *)", "2199-12-31T23:58:00Z", "2199-12-31T23:59:00Z"},
        {"cron(* * * * ? *)", "2199-12-31T23:59:00Z", NULL},
        {"cron(* * * * ? *)", "9999-12-31T23:59:00Z", NULL},
        {"cron(0 0 30 2 ? *)", "2026-01-01T00:00:00Z", NULL},
        {"cron(0 0 31 4,6,9,11 ? *)", "2026-01-01T00:00:00Z", NULL},
        {"cron(0 0 29 2 ? 2027,2030-2031)", "2026-01-01T00:00:00Z", NULL},
        {"cron(0 0 1 1 ? 2020/5)", "2026-11-23T00:00:00Z", "2030-01-01T00:00:00Z"},
        {"at(2028-02-29T05:14:07)", "2028-02-29T05:14:06.999Z", "2028-02-29T05:14:07Z"},
        {"at(2028-02-29T05:14:07)", "2028-02-29T05:14:07Z", NULL},
    };

    (void)state;
    check_all(cases, COUNT(cases));
}

static void test_schedule__rates_count_from_where_they_began(void **state)
{
    static const struct next_case cases[] = {
        {"rate(1 minute)", "2025-01-01T00:00:00Z", "2026-01-01T00:01:30Z"},
        {"rate(1 minute)", "2026-01-01T00:00:30Z", "2026-01-01T00:01:30Z"},
        {"rate(1 minute)", "2026-01-01T00:01:29.999Z", "2026-01-01T00:01:30Z"},
        {"rate(1 minute)", "2026-01-01T00:01:30Z", "2026-01-01T00:02:30Z"},
        {"rate(7 days)", "2026-03-01T00:00:00Z", "2026-03-05T00:00:30Z"},
        {"rate(36 hours)", "2026-01-03T00:00:00Z", "2026-01-04T00:00:30Z"},
    };
    struct schedule s = compiled("rate(2147483647 days)");
    int64_t next;

    (void)state;
    check_all(cases, COUNT(cases));
    assert_true(schedule_next(&s, 5, 7, &next) && next == s.period_ms + 5);
    assert_false(schedule_next(&s, INT64_MAX - s.period_ms + 1, 0, &next));
    assert_false(schedule_next(&s, 0, INT64_MAX, &next));
    assert_false(schedule_next(&(struct schedule){.kind = SCHEDULE_AT, .at_ms = INT64_MAX}, 0,
                               INT64_MAX, &next));
}

/* ---- Beside a search that looks at every minute ---- */

static uint64_t chance;

/* 0..n-1, by xorshift. */
static unsigned draw(unsigned n)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (unsigned)(chance % n);
}

/* What an expression means, as plain as can be. */
struct meaning {
    bool minute[60];
    bool hour[24];
    bool month[13];
    bool day[32]; /* of the month; without a rule below */
    bool week[8]; /* where `by_week` */
    bool by_week;
    char rule; /* 0, 'L' the day `n` before the last, 'W' near `n`, '#' the nth, 'l' the last of it
                */
    int n;
    int week_day;
};

struct text {
    char bytes[LIMIT_SCHEDULE_BYTES];
    size_t len;
};

static void say(struct text *t, const char *format, int v)
{
    int n = snprintf(t->bytes + t->len, sizeof(t->bytes) - t->len, format, v);

    assert_true(n >= 0 && t->len + (size_t)n < sizeof(t->bytes));
    t->len += (size_t)n;
}

/* A random list of least..most, as text and as flags. */
static void random_list(struct text *t, int least, int most, bool *flags)
{
    unsigned size = (unsigned)(most - least + 1);
    unsigned items = 1 + draw(3);

    for (unsigned i = 0; i < items; i++) {
        int from = least + (int)draw(size);
        int to = least + (int)draw(size);
        int step = 1 + (int)draw(size < 8 ? size - 1 : size / 2);
        unsigned form = draw(5);

        say(t, i == 0 ? "" : ",", 0);
        if (form == 0) {
            say(t, "*/%d", step);
            from = least;
            to = most;
        } else if (form == 1) {
            say(t, "%d", from);
            to = from;
            step = 1;
        } else if (form == 2) {
            say(t, "%d/", from);
            say(t, "%d", step);
            to = most;
        } else {
            say(t, "%d-", from);
            say(t, "%d/", to);
            say(t, "%d", step);
        }
        for (int k = from, left = to >= from ? to - from : to - from + (int)size; left >= 0;
             left -= step, k += step) {
            flags[k > most ? k - (int)size : k] = true;
        }
    }
}

static void random_days(struct text *t, struct meaning *m)
{
    unsigned form = draw(4);

    if (form == 0) {
        m->rule = 'L';
        m->n = (int)draw(12);
        say(t, m->n == 0 ? "L" : "L-%d", m->n);
    } else if (form == 1) {
        m->rule = 'W';
        m->n = 1 + (int)draw(31);
        say(t, "%dW", m->n);
    } else {
        random_list(t, 1, 31, m->day);
    }
}

static void random_week(struct text *t, struct meaning *m)
{
    unsigned form = draw(4);

    m->by_week = true;
    m->week_day = 1 + (int)draw(7);
    if (form == 0) {
        m->rule = '#';
        m->n = 1 + (int)draw(5);
        say(t, "%d#", m->week_day);
        say(t, "%d", m->n);
    } else if (form == 1) {
        m->rule = 'l';
        say(t, "%dL", m->week_day);
    } else {
        random_list(t, 1, 7, m->week);
    }
}

static void random_schedule(struct text *t, struct meaning *m)
{
    bool by_week = draw(2) == 0;

    say(t, "cron(", 0);
    random_list(t, 0, 59, m->minute);
    say(t, " ", 0);
    random_list(t, 0, 23, m->hour);
    say(t, " ", 0);
    if (by_week) {
        say(t, "?", 0);
    } else {
        random_days(t, m);
    }
    say(t, " ", 0);
    random_list(t, 1, 12, m->month);
    say(t, " ", 0);
    if (by_week) {
        random_week(t, m);
    } else {
        say(t, "?", 0);
    }
    say(t, " *)", 0);
}

/* A clock that only counts. */
struct clock {
    int year, month, day, week_day, hour, minute;
};

static int month_days(const struct clock *c)
{
    if (c->month == 2) {
        return (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0 ? 29 : 28;
    }
    return c->month == 4 || c->month == 6 || c->month == 9 || c->month == 11 ? 30 : 31;
}

static void tick_day(struct clock *c)
{
    c->week_day = c->week_day % 7 + 1;
    if (c->day < month_days(c)) {
        c->day++;
        return;
    }
    c->day = 1;
    c->year += c->month == 12;
    c->month = c->month % 12 + 1;
}

static void tick(struct clock *c)
{
    c->minute++;
    if (c->minute == 60) {
        c->minute = 0;
        c->hour++;
    }
    if (c->hour == 24) {
        c->hour = 0;
        tick_day(c);
    }
}

/* Is `day` of this month the workday nearest to the one that is meant? By looking at all of them.
 */
static bool is_nearest(const struct clock *c, int meant)
{
    int best = 0;

    if (meant > month_days(c)) {
        return false;
    }
    for (int day = 1; day <= month_days(c); day++) {
        int week_day = ((c->week_day - 1 + day - c->day) % 7 + 7) % 7 + 1;
        int far = day > meant ? day - meant : meant - day;

        if (week_day >= 2 && week_day <= 6 &&
            (best == 0 || far < (best > meant ? best - meant : meant - best))) {
            best = day;
        }
    }
    return c->day == best;
}

static bool day_is_meant(const struct meaning *m, const struct clock *c)
{
    switch (m->rule) {
    case 'L': return c->day == month_days(c) - m->n;
    case 'W': return is_nearest(c, m->n);
    case '#': return c->week_day == m->week_day && (c->day + 6) / 7 == m->n;
    case 'l': return c->week_day == m->week_day && c->day > month_days(c) - 7;
    default: return m->by_week ? m->week[c->week_day] : m->day[c->day];
    }
}

static bool is_meant(const struct meaning *m, const struct clock *c)
{
    return m->minute[c->minute] && m->hour[c->hour] && m->month[c->month] && day_is_meant(m, c);
}

/* Minutes from `c` (not itself) to the next that is meant, at most `most`; 0: none. */
static int64_t search(const struct meaning *m, struct clock c, int64_t most)
{
    for (int64_t n = 1; n <= most; n++) {
        tick(&c);
        if (is_meant(m, &c)) {
            return n;
        }
    }
    return 0;
}

static void check_against_search(uint64_t seed)
{
    enum { DAYS = 45, MINUTES = DAYS * 24 * 60 };
    struct clock c = {1999, 1, 1, 6, 0, 0};
    int64_t now_ms = at("1999-01-01T00:00:00Z");
    struct meaning m = {0};
    struct text t = {0};
    struct schedule s;

    chance = seed * UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned day = draw(365 * 130); day > 0; day--) {
        tick_day(&c);
        now_ms += 86400000;
    }
    random_schedule(&t, &m);
    s = compiled(t.bytes);
    for (int k = 0; k < 8; k++) {
        int64_t wait = search(&m, c, MINUTES);
        int64_t next = INT64_MAX;
        bool found = schedule_next(&s, 0, now_ms + (int64_t)draw(60000), &next);

        if (wait == 0 ? found && next <= now_ms + (int64_t)MINUTES * 60000
                      : !found || next != now_ms + wait * 60000) {
            fail_msg("%s after %lld (seed %llu): in %lld and not %lld minutes", t.bytes,
                     (long long)now_ms, (unsigned long long)seed,
                     (long long)((next - now_ms) / 60000), (long long)wait);
        }
        for (int64_t n = wait == 0 ? 1 + draw(MINUTES) : wait; n > 0; n--) {
            tick(&c);
            now_ms += 60000;
        }
    }
}

static void test_schedule__agrees_with_a_search_of_every_minute(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        check_against_search(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule__what_aws_refuses_of_rates),
        cmocka_unit_test(test_schedule__what_aws_takes_of_cron),
        cmocka_unit_test(test_schedule__what_is_refused_of_cron),
        cmocka_unit_test(test_schedule__length_has_its_bound),
        cmocka_unit_test(test_schedule__at),
        cmocka_unit_test(test_schedule__next_of_minutes_and_hours),
        cmocka_unit_test(test_schedule__next_of_days),
        cmocka_unit_test(test_schedule__next_workdays),
        cmocka_unit_test(test_schedule__years_end),
        cmocka_unit_test(test_schedule__rates_count_from_where_they_began),
        cmocka_unit_test(test_schedule__agrees_with_a_search_of_every_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
