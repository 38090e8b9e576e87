/* SPDX-License-Identifier: Apache-2.0 */
/* What `stepfleet watch` shows, from history events and open frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "client/cli/stages.h"

struct fixture {
    struct arena a;
    struct stages s;
    int64_t id;
};

static void setup(struct fixture *f)
{
    *f = (struct fixture){0};
    stages_init(&f->s, &f->a);
}

/* One more event, `previous` before it, at second `id` of 1970. */
static void event(struct fixture *f, const char *type, int64_t previous, const char *details)
{
    const struct json_node *e;
    struct err err;
    struct slice text;

    f->id++;
    text = arena_printf(&f->a,
                        "{\"id\":%lld,\"previousEventId\":%lld,\"type\":\"%s\",\"timestamp\":%lld,"
                        "\"xEventDetails\":{%s}}",
                        (long long)f->id, (long long)previous, type, (long long)f->id, details);
    assert_int_equal(json_parse(text, &f->a, &e, &err), OK);
    stages_event(&f->s, e);
}

static void check_status(struct fixture *f, size_t i, const char *want)
{
    struct slice got = stage_status(&f->s, &f->s.stages[i], &f->a);

    assert_string_equal(arena_str(&f->a, got), want);
}

static void test_stages__a_chain_to_its_end(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    event(&f, "ExecutionStarted", 0, "");
    event(&f, "TaskStateEntered", 1, "\"name\":\"A\"");
    event(&f, "TaskScheduled", 2, "");
    check_status(&f, 0, "running");
    event(&f, "TaskSucceeded", 3, "");
    event(&f, "TaskStateExited", 4, "\"name\":\"A\"");
    check_status(&f, 0, "done");
    event(&f, "TaskStateEntered", 5, "\"name\":\"B\"");
    assert_int_equal(f.s.count, 2);
    assert_int_equal(f.s.stages[0].attempt, 1);
    assert_int_equal(stage_elapsed_ms(&f.s.stages[0], 0), 3000);
    assert_int_equal(stage_elapsed_ms(&f.s.stages[1], 10000), 4000);
    assert_int_equal(f.s.seen, 6);
    event(&f, "TaskStateEntered", 5, "\"name\":\"A\""); /* a loop: open again */
    check_status(&f, 0, "running, 1/2 done");
    assert_int_equal(stage_elapsed_ms(&f.s.stages[0], 10000), 8000);
    arena_fini(&f.a);
}

static void test_stages__failures_retries_and_the_end(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    event(&f, "TaskStateEntered", 0, "\"name\":\"A\"");
    event(&f, "TaskScheduled", 1, "");
    event(&f, "TaskFailed", 2, "\"error\":\"Boom\"");
    check_status(&f, 0, "failed");
    assert_string_equal(arena_str(&f.a, f.s.stages[0].failure), "Boom");
    event(&f, "TaskScheduled", 3, "");
    check_status(&f, 0, "running");
    assert_int_equal(f.s.stages[0].attempt, 2);
    event(&f, "LambdaFunctionTimedOut", 4, "");
    assert_string_equal(arena_str(&f.a, f.s.stages[0].failure), "LambdaFunctionTimedOut");
    event(&f, "ExecutionFailed", 5, "\"error\":\"Boom\"");
    check_status(&f, 0, "failed");
    assert_string_equal(arena_str(&f.a, f.s.status), "FAILED");
    event(&f, "ExecutionRedriven", 6, "");
    event(&f, "TaskScheduled", 5, "");
    check_status(&f, 0, "running");
    assert_int_equal(f.s.stages[0].attempt, 3);
    event(&f, "ExecutionAborted", 8, "");
    check_status(&f, 0, "aborted");
    arena_fini(&f.a);
}

static void test_stages__many_entries_are_one_stage(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    for (int i = 0; i < 100; i++) {
        event(&f, "TaskStateEntered", 0, "\"name\":\"Item\"");
    }
    for (int i = 0; i < 30; i++) {
        event(&f, "TaskStateExited", 1, "\"name\":\"Item\"");
    }
    assert_int_equal(f.s.count, 1);
    check_status(&f, 0, "running, 30/100 done");
    for (int i = 0; i < 70; i++) {
        event(&f, "TaskStateExited", 1, "\"name\":\"Item\"");
    }
    check_status(&f, 0, "done");
    arena_fini(&f.a);
}

static void test_stages__events_count_once(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    event(&f, "TaskStateEntered", 0, "\"name\":\"A\"");
    f.id--;
    event(&f, "TaskStateEntered", 0, "\"name\":\"A\"");
    assert_int_equal(f.s.stages[0].entered, 1);
    f.id = -7;
    event(&f, "TaskStateEntered", 0, "\"name\":\"B\"");
    f.id = INT64_C(1) << 40;
    event(&f, "TaskStateEntered", 0, "\"name\":\"C\"");
    assert_int_equal(f.s.count, 1);
    assert_int_equal(f.s.seen, 1);
    arena_fini(&f.a);
}

static void test_stages__frames_say_what_is_open(void **state)
{
    const struct stepfleet_frame frames[] = {
        {.state = "A",
         .status = "LEASED",
         .worker = "w1",
         .function = "",
         .attempt = 4,
         .bytes_in = 10,
         .bytes_out = 1},
        {.state = "A",
         .status = "READY",
         .worker = "w2",
         .function = "",
         .attempt = 1,
         .bytes_in = 5,
         .bytes_out = 2},
        {.state = "Nobody", .status = "READY", .worker = "", .function = ""},
    };
    const struct stepfleet_frame retrying = {
        .state = "A", .status = "TIMER", .worker = "", .function = "", .retry_count = 1};
    struct fixture f;

    (void)state;
    setup(&f);
    event(&f, "TaskStateEntered", 0, "\"name\":\"A\"");
    stages_frames(&f.s, frames, 3);
    stages_frames(&f.s, frames, 3); /* looked at twice, counted once */
    assert_int_equal(f.s.count, 1);
    assert_int_equal(f.s.stages[0].bytes_in, 15);
    assert_int_equal(f.s.stages[0].bytes_out, 3);
    assert_int_equal(f.s.stages[0].workers, 2);
    assert_int_equal(f.s.stages[0].attempt, 4);
    stages_frames(&f.s, &retrying, 1);
    check_status(&f, 0, "retrying");
    stages_frames(&f.s, NULL, 0);
    check_status(&f, 0, "running");
    arena_fini(&f.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stages__a_chain_to_its_end),
        cmocka_unit_test(test_stages__failures_retries_and_the_end),
        cmocka_unit_test(test_stages__many_entries_are_one_stage),
        cmocka_unit_test(test_stages__events_count_once),
        cmocka_unit_test(test_stages__frames_say_what_is_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
