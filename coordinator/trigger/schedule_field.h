/* SPDX-License-Identifier: Apache-2.0 */
/* One field of a cron expression: numbers, names, ranges, steps and lists of them, as a set. What
 * only the two fields of days know (? L W #) is schedule_parse.c's. Pure. */
#ifndef STEPFLEET_TRIGGER_SCHEDULE_FIELD_H
#define STEPFLEET_TRIGGER_SCHEDULE_FIELD_H

#include "coordinator/trigger/schedule.h"

enum { SCHEDULE_YEAR_MIN = 1970, SCHEDULE_YEAR_MAX = 2199 };

struct schedule_field {
    int64_t least;
    int64_t most;
    const char *names; /* three letters each, from `least` on; NULL: none */
    bool wraps;        /* a range may go over the end */
};

static inline bool schedule_set_has(const struct schedule_set *s, int64_t n)
{
    return n >= 0 && n < 256 && (s->bits[n / 64] >> (n % 64) & 1) != 0;
}

/* The first of `from` to `most`; -1: none. */
int64_t schedule_set_next(const struct schedule_set *s, int64_t from, int64_t most);

/* A number or a name, whole. */
bool schedule_value(const struct schedule_field *f, struct slice text, int64_t *out);
/* Lists of *, A, A-B, each with or without /STEP; the set counts from `least`. */
bool schedule_list(const struct schedule_field *f, struct slice text, struct schedule_set *out);

#endif
