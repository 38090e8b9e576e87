/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine's tests share: usual machines, the events that are sent most, and looks at what a
 * step left. */
#ifndef STEPFLEET_TESTS_LIB_ENGINE_CASE_H
#define STEPFLEET_TESTS_LIB_ENGINE_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/engine/step.h"
#include "tests/lib/engine_world.h"

/* ---- Machines ---- */

#define LAMBDA                                                                                     \
    "\"Type\":\"Task\",\"Resource\":\"arn:aws:lambda:eu-west-1:111111111111:function:Echo\""
#define INVOKE "\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::lambda:invoke\""

static const char one_task[] = "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA ",\"End\":true}}}";
static const char two_tasks[] = "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA ",\"Next\":\"U\"},"
                                "\"U\":{" LAMBDA ",\"End\":true}}}";
static const char retried[] =
    "{\"StartAt\":\"T\",\"States\":{\"T\":{" LAMBDA
    ",\"Retry\":[{\"ErrorEquals\":[\"A\"],\"IntervalSeconds\":2,\"MaxAttempts\":2},"
    "{\"ErrorEquals\":[\"States.ALL\"],\"MaxAttempts\":1,\"BackoffRate\":1}],"
    "\"Catch\":[{\"ErrorEquals\":[\"A\"],\"ResultPath\":\"$.why\",\"Next\":\"C\"}],\"End\":true},"
    "\"C\":{\"Type\":\"Pass\",\"End\":true}}}";
/* ---- Events ---- */

static inline struct task_output an_upload(void)
{
    return (struct task_output){.bucket = SLICE("b"), .key = SLICE("k"), .upload_id = SLICE("u")};
}

static inline enum step_status world_kind(struct world *w, enum engine_event_kind kind)
{
    return world_step(w, (struct engine_event){.kind = kind, .token = w->frame.token});
}

/* ---- Looks ---- */

static inline void assert_slice(struct slice s, const char *want)
{
    assert_int_equal(s.len, strlen(want));
    assert_memory_equal(s.ptr, want, s.len);
}

static inline void assert_output(struct world *w, const char *want)
{
    assert_int_equal(w->header.status, EXECUTION_SUCCEEDED);
    assert_string_equal(arena_str(&w->a, world_doc(w, w->header.output.ref)), want);
}

static inline void assert_error(struct world *w, const char *error)
{
    assert_int_equal(w->header.status, EXECUTION_FAILED);
    assert_string_equal(arena_str(&w->a, w->header.error), error);
}

/* The event is none that the execution waits for, and the step is as it was. */
static inline void assert_stale(struct world *w, struct engine_event ev)
{
    struct step s = {.event_count = 3, .task_refused = true};
    struct step before = s;

    assert_int_equal(world_try(w, ev, &s), STEP_STALE);
    assert_memory_equal(&s, &before, sizeof(s));
}

/* A JSON text of that many bytes; test_free(). */
static inline char *text_of(size_t len)
{
    char *text = test_malloc(len + 1);

    memset(text, 'x', len);
    text[0] = text[len - 1] = '"';
    text[len] = '\0';
    return text;
}

#endif
