/* SPDX-License-Identifier: Apache-2.0 */
/* What the fleet's test programs share: one time to count from, one worker of one function. */
#ifndef STEPFLEET_TESTS_LIB_FLEET_CASE_H
#define STEPFLEET_TESTS_LIB_FLEET_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/fleet/fleet.h"

enum { EPOCH = 7, LEASE_MS = 15000, NO_FUNCTION_MS = 60000 };

static const struct fleet_now start = {.wall_ms = 1000000, .mono_ms = 5000};

static inline struct fleet_now after(int64_t ms)
{
    return (struct fleet_now){start.wall_ms + ms, start.mono_ms + ms};
}

static inline struct fleet *fleet_make(void)
{
    return fleet_new(&(struct fleet_config){LEASE_MS, NO_FUNCTION_MS}, EPOCH);
}

static inline enum err_code hello_as(struct fleet *f,
                                     const struct fleet_hello *h,
                                     struct fleet_now now,
                                     struct fleet_worker **out,
                                     struct list *lost)
{
    struct err err = {0};
    enum err_code rc = fleet_worker_hello(f, h, now, out, lost, &err);

    assert_int_equal(err.code, rc);
    assert_true(rc == OK || err.msg[0] != '\0');
    return rc;
}

/* A worker of one function, registered and able to carry. */
static inline struct fleet_worker *
worker(struct fleet *f, const char *name, const char *function, uint32_t slots)
{
    struct fleet_offer offer = {slice_str(function), slots};
    struct fleet_hello h = {
        .name = slice_str(name), .instance = 1, .slots = slots, .offers = &offer, .offer_count = 1};
    struct fleet_worker *w = NULL;
    struct list lost;

    list_init(&lost);
    assert_int_equal(hello_as(f, &h, start, &w, &lost), OK);
    assert_true(list_empty(&lost));
    fleet_worker_carries(f, w, 1);
    return w;
}

static inline struct fleet_worker *
ready(struct fleet *f, struct fleet_task *t, const char *function)
{
    return fleet_task_ready(f, t, slice_str(function), NULL, start);
}

static inline void assert_due(struct fleet *f, struct fleet_now now, enum fleet_due_kind kind)
{
    assert_int_equal(fleet_next_due(f, now).kind, kind);
}

static inline size_t list_count(const struct list *l)
{
    size_t n = 0;

    LIST_EACH(node, l)
    {
        n++;
    }
    return n;
}

#endif
