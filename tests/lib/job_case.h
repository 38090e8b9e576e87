/* SPDX-License-Identifier: Apache-2.0 */
/* What the test programs of job runs share: a run whose plan is done, and events in one line. Each
 * of them checks every invariant afterwards. */
#ifndef STEPFLEET_TESTS_LIB_JOB_CASE_H
#define STEPFLEET_TESTS_LIB_JOB_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/job/run.h"
#include "proto/base/limits.h"

#define MIB  (UINT64_C(1024) * 1024)
#define NONE UINT32_MAX

static const struct job_run_settings job_case_settings = {
    .timeout_ms = 60000,
    .retry = {.max_attempts = 2, .interval_ms = 1000, .backoff_rate = 3.0, .max_delay_ms = 5000},
    .bad_records = {.policy = JOB_BAD_RECORDS_REJECT},
    .speculate = true,
};

struct job_case {
    struct job_run *r;
    struct job_outcome out; /* of the last event */
    int64_t now_ms;
    uint64_t counter; /* of the last token */
};

static inline struct token tok(uint64_t counter)
{
    return (struct token){1, counter};
}

static inline void case_check(const struct job_case *c)
{
    const char *why = job_run_check(c->r);

    if (why != NULL) {
        fail_msg("%s", why);
    }
}

static inline void case_is(const struct job_case *c, enum job_state state, enum job_phase phase)
{
    assert_string_equal(job_state_name(job_run_header(c->r)->state), job_state_name(state));
    assert_string_equal(job_phase_name(job_run_header(c->r)->phase), job_phase_name(phase));
    case_check(c);
}

/* The ticket goes to that worker: the piece it gets, NONE: none. The token is c->counter. */
static inline uint32_t case_take(struct job_case *c, const char *worker)
{
    uint32_t piece = NONE;
    struct job_ticket t;

    job_run_ticket(c->r, c->now_ms, &t);
    if (!t.wanted || job_run_want(c->r, slice_str(worker), c->now_ms, &piece) == JOB_WANT_NOTHING) {
        return NONE;
    }
    job_run_granted(c->r, piece, tok(++c->counter), slice_str(worker), c->now_ms, &c->out);
    assert_true(c->out.has_row && c->out.row.status == JOB_PIECE_LIVE);
    case_check(c);
    return piece;
}

static inline void case_tick(struct job_case *c, int64_t ms)
{
    c->now_ms += ms;
    job_run_tick(c->r, c->now_ms, &c->out);
    case_check(c);
}

static inline void case_succeed(struct job_case *c, uint64_t counter)
{
    struct job_result result = {.records_in = 100, .bytes_out = 10};

    job_run_succeeded(c->r, tok(counter), &result, c->now_ms, &c->out);
    case_check(c);
}

static inline void case_reject(struct job_case *c, uint64_t counter, uint64_t rejected)
{
    struct job_result result = {.records_in = 100, .rejected = rejected};

    job_run_succeeded(c->r, tok(counter), &result, c->now_ms, &c->out);
    case_check(c);
}

static inline void case_fail(struct job_case *c, uint64_t counter, const char *error)
{
    job_run_failed(c->r, tok(counter), slice_str(error), SLICE("why"), c->now_ms, &c->out);
    case_check(c);
}

static inline void case_lose(struct job_case *c, uint64_t counter)
{
    job_run_lost(c->r, tok(counter), c->now_ms, &c->out);
    case_check(c);
}

static inline void case_return(struct job_case *c, uint64_t counter)
{
    job_run_returned(c->r, tok(counter), c->now_ms, &c->out);
    case_check(c);
}

static inline void case_progress(struct job_case *c, uint64_t counter, uint64_t bytes)
{
    assert_true(job_run_progress(c->r, tok(counter), bytes, c->now_ms));
}

/* STARTING. */
static inline struct job_case case_begin(const struct job_run_settings *s)
{
    struct job_case c = {.now_ms = 1000000};

    c.r = job_run_new(s, c.now_ms);
    case_is(&c, JOB_WAITING, JOB_PLAN);
    job_run_begin(c.r, c.now_ms, &c.out);
    assert_true(c.out.header && c.out.phase_began && !c.out.ended);
    case_is(&c, JOB_STARTING, JOB_PLAN);
    return c;
}

/* Planned by "a": MAP, with shards of these sizes. */
static inline struct job_case
case_map(const struct job_run_settings *s, const uint64_t *bytes, size_t shards)
{
    struct job_case c = case_begin(s);

    assert_int_equal(case_take(&c, "a"), 0);
    job_run_planned(c.r, tok(c.counter), bytes, shards, 3, c.now_ms, &c.out);
    case_check(&c);
    return c;
}

/* The same with `shards` of 8 MiB. */
static inline struct job_case case_map_even(const struct job_run_settings *s, size_t shards)
{
    uint64_t bytes[64];

    assert_true(shards <= 64);
    for (size_t i = 0; i < shards; i++) {
        bytes[i] = 8 * MIB;
    }
    return case_map(s, bytes, shards);
}

static inline struct job_piece_state case_row(const struct job_case *c, uint32_t piece)
{
    struct job_piece_state row;

    job_run_piece(c->r, piece, &row);
    return row;
}

#endif
