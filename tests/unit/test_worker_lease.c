/* SPDX-License-Identifier: Apache-2.0 */
/* Leases a worker holds, and what a handler's end means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/limits.h"
#include "worker/handler/result.h"
#include "worker/lease/lease.h"

struct world {
    struct lease_table table;
    struct lease_function one;
    struct lease_function two;
};

static int setup(void **state)
{
    struct world *w = mem_zalloc(1, sizeof(*w));

    lease_table_init(&w->table, 3);
    w->one = (struct lease_function){.name = SLICE("one"), .slots = 2};
    w->two = (struct lease_function){.name = SLICE("two"), .slots = 2};
    assert_true(lease_table_offer(&w->table, &w->one));
    assert_true(lease_table_offer(&w->table, &w->two));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    lease_table_fini(&w->table);
    mem_free(w);
    return 0;
}

static enum lease_granted
grant(struct world *w, uint64_t n, const char *function, struct lease **out)
{
    struct lease_grant g = {
        .token = {1, n}, .function = slice_str(function), .payload = SLICE("{}")};

    return lease_grant(&w->table, &g, out);
}

static struct lease *granted(struct world *w, uint64_t n, const char *function)
{
    struct lease *l;

    assert_int_equal(grant(w, n, function, &l), LEASE_NEW);
    assert_int_equal(l->grant.token.counter, n);
    return l;
}

/* False: it had been dropped. */
static bool finish(struct world *w, struct lease *l)
{
    struct arena memory = {0};
    struct lease_result r = {.result = arena_copy(&memory, SLICE("42"))};
    bool kept = lease_finish(&w->table, l, &r, &memory);

    assert_null(memory.first);
    return kept;
}

static size_t held(const struct world *w)
{
    size_t bucket = 0;
    size_t n = 0;

    for (struct lease *l = lease_each(&w->table, &bucket, NULL); l != NULL;
         l = lease_each(&w->table, &bucket, l)) {
        n++;
    }
    return n;
}

static void test_lease__runs_to_acceptance(void **state)
{
    struct world *w = *state;
    struct lease *l = granted(w, 1, "one");

    assert_ptr_equal(lease_begin(&w->table, &w->one), l);
    assert_null(lease_take(&w->table));
    assert_true(finish(w, l));
    assert_ptr_equal(lease_take(&w->table), l);
    assert_true(slice_eq_str(l->result.result, "42"));
    assert_int_equal(held(w), 1);
    lease_forget(&w->table, l);
    assert_int_equal(held(w), 0);
    assert_true(lease_table_idle(&w->table));
}

static void test_lease__token_is_run_once(void **state)
{
    struct world *w = *state;
    struct lease *l = granted(w, 1, "one");
    struct lease *again;

    assert_int_equal(grant(w, 1, "one", &again), LEASE_REPEAT);
    assert_null(again);
    (void)lease_begin(&w->table, &w->one);
    assert_int_equal(grant(w, 1, "one", &again), LEASE_REPEAT);
    (void)finish(w, l);
    assert_int_equal(grant(w, 1, "one", &again), LEASE_REPEAT);
    lease_forget(&w->table, lease_take(&w->table));
    assert_int_equal(grant(w, 1, "one", &again), LEASE_REPEAT); /* it has ended here */
    assert_int_equal(held(w), 0);
}

static void test_lease__seen_tokens_are_bounded(void **state)
{
    struct world *w = *state;
    struct lease *l;

    for (uint64_t n = 1; n <= LEASE_SEEN + 1; n++) {
        assert_false(lease_drop(&w->table, granted(w, n, "one")));
    }
    assert_int_equal(w->table.seen_by_token.count, LEASE_SEEN);
    assert_int_equal(grant(w, 2, "one", &l), LEASE_REPEAT); /* the oldest kept */
    assert_int_equal(grant(w, 1, "one", &l), LEASE_NEW);    /* pushed out */
}

static void test_lease__slots_of_function_and_worker(void **state)
{
    struct world *w = *state;
    struct lease *first = granted(w, 1, "one");

    (void)granted(w, 2, "one");
    (void)granted(w, 3, "one");
    (void)granted(w, 4, "two");
    (void)granted(w, 5, "two");
    assert_non_null(lease_begin(&w->table, &w->one));
    assert_non_null(lease_begin(&w->table, &w->one));
    assert_null(lease_begin(&w->table, &w->one)); /* two slots */
    assert_non_null(lease_begin(&w->table, &w->two));
    assert_null(lease_begin(&w->table, &w->two)); /* three in all */
    assert_int_equal(w->table.waiting, 2);
    assert_true(finish(w, first));
    assert_non_null(lease_begin(&w->table, &w->two));
    assert_null(lease_begin(&w->table, &w->one));
}

static void test_lease__unheard_results_keep_their_order(void **state)
{
    struct world *w = *state;
    struct lease *taken[2];

    for (uint64_t n = 1; n <= 3; n++) {
        (void)granted(w, n, n == 3 ? "two" : "one");
    }
    (void)finish(w, lease_begin(&w->table, &w->one));
    (void)finish(w, lease_begin(&w->table, &w->one));
    taken[0] = lease_take(&w->table);
    taken[1] = lease_take(&w->table);
    (void)finish(w, lease_begin(&w->table, &w->two));
    lease_put_back(&w->table, taken[1]);
    lease_put_back(&w->table, taken[0]);
    for (uint64_t n = 1; n <= 3; n++) {
        assert_int_equal(lease_take(&w->table)->grant.token.counter, n);
    }
}

static void test_lease__dropped_while_running(void **state)
{
    struct world *w = *state;
    struct lease *l = granted(w, 1, "one");
    struct lease *again;

    (void)lease_begin(&w->table, &w->one);
    assert_true(lease_drop(&w->table, l));
    assert_int_equal(held(w), 0); /* nothing more is said of it */
    assert_null(lease_find(&w->table, (struct lease_token){1, 1}));
    assert_false(lease_table_idle(&w->table)); /* but its handler runs */
    assert_int_equal(grant(w, 1, "one", &again), LEASE_REPEAT);
    assert_int_equal(w->one.running, 1);
    assert_false(finish(w, l));
    assert_true(lease_table_idle(&w->table));
    assert_int_equal(w->one.running, 0);
    assert_null(lease_take(&w->table));
}

static void test_lease__dropped_elsewhere(void **state)
{
    struct world *w = *state;
    struct lease *l = granted(w, 1, "one");

    assert_false(lease_drop(&w->table, l)); /* waiting */
    assert_int_equal(w->table.waiting, 0);
    l = granted(w, 2, "one");
    (void)lease_begin(&w->table, &w->one);
    (void)finish(w, l);
    assert_false(lease_drop(&w->table, l)); /* finished */
    assert_null(lease_take(&w->table));
    l = granted(w, 3, "one");
    (void)lease_begin(&w->table, &w->one);
    (void)finish(w, l);
    assert_ptr_equal(lease_take(&w->table), l);
    assert_false(lease_drop(&w->table, l)); /* in flight: its answer decides */
    assert_int_equal(held(w), 1);
    lease_forget(&w->table, l);
    assert_true(lease_table_idle(&w->table));
}

static void test_lease__submission_stays_until_it_is_heard(void **state)
{
    struct world *w = *state;
    struct lease *l = granted(w, 1, "one");
    char said[] = "{\"job\":1}";

    (void)lease_begin(&w->table, &w->one);
    assert_false(lease_has_submission(l));
    lease_submit(l, slice_str(said));
    memset(said, '?', sizeof(said));
    assert_true(finish(w, l)); /* the result's memory is another's */
    assert_true(lease_has_submission(l));
    assert_true(slice_eq_str(lease_take(&w->table)->submission, "{\"job\":1}"));
    lease_put_back(&w->table, l);
    assert_true(lease_has_submission(l));
    lease_forget_submission(l);
    assert_false(lease_has_submission(l));
    lease_forget_submission(l); /* two reports may have brought it */
    lease_forget(&w->table, lease_take(&w->table));
}

static void test_lease__submission_ends_with_its_lease(void **state)
{
    struct world *w = *state;
    struct lease *l = granted(w, 1, "one");

    (void)lease_begin(&w->table, &w->one);
    lease_submit(l, SLICE("1"));
    assert_true(lease_drop(&w->table, l));
    assert_false(finish(w, l));
    l = granted(w, 2, "one"); /* in the same storage */
    assert_false(lease_has_submission(l));
    (void)lease_begin(&w->table, &w->one);
    lease_submit(l, SLICE("")); /* empty is not none */
    assert_true(lease_has_submission(l));
    (void)finish(w, l);
    lease_forget(&w->table, lease_take(&w->table));
}

static void test_lease__keeps_what_was_granted(void **state)
{
    struct world *w = *state;
    char text[] = "fqcparens";
    struct lease_grant g = {
        .token = {1, 1},
        .function = SLICE("one"),
        .qualifier = slice_make(text + 1, 1),
        .credentials = slice_make(text + 2, 1),
        .payload = slice_make(text + 3, 1),
        .execution_arn = slice_make(text + 4, 2),
        .execution_name = slice_make(text + 6, 2),
        .state = slice_make(text + 8, 1),
        .log_tail = true,
        .submits = true,
    };
    struct lease *l;

    assert_int_equal(lease_grant(&w->table, &g, &l), LEASE_NEW);
    memset(text, '?', sizeof(text));
    assert_true(slice_eq_str(l->grant.function, "one"));
    assert_true(slice_eq_str(l->grant.qualifier, "q"));
    assert_true(slice_eq_str(l->grant.credentials, "c"));
    assert_true(slice_eq_str(l->grant.payload, "p"));
    assert_true(slice_eq_str(l->grant.execution_arn, "ar"));
    assert_true(slice_eq_str(l->grant.execution_name, "en"));
    assert_true(slice_eq_str(l->grant.state, "s"));
    assert_true(l->grant.log_tail && l->grant.submits);
}

static void test_lease__not_offered_is_returned(void **state)
{
    struct world *w = *state;
    struct lease *l;

    assert_int_equal(grant(w, 1, "three", &l), LEASE_NOT_OFFERED);
    lease_return(&w->table, l);
    assert_int_equal(held(w), 1); /* until it is answered */
    assert_int_equal(w->table.waiting, 0);
    lease_forget(&w->table, l);
    assert_int_equal(held(w), 0);
    assert_false(lease_table_offer(&w->table, &w->one)); /* twice */
}

static void test_lease__large_and_pooled_storage(void **state)
{
    struct world *w = *state;
    char *payload = malloc(LIMIT_PAYLOAD_BYTES);

    memset(payload, 'p', LIMIT_PAYLOAD_BYTES);
    for (uint64_t n = 1; n <= 3 * LEASE_POOL; n++) {
        struct lease_grant g = {
            .token = {1, n},
            .function = SLICE("one"),
            .payload =
                slice_make(payload, n % 7 == 0 ? LIMIT_PAYLOAD_BYTES : LEASE_ROOM - 3 - n % 2),
        };
        struct lease *l;

        assert_int_equal(lease_grant(&w->table, &g, &l), LEASE_NEW);
        assert_true(slice_eq(l->grant.payload, g.payload));
        assert_true(slice_eq_str(l->grant.function, "one"));
        assert_false(lease_drop(&w->table, l));
    }
    assert_in_range(w->table.pooled, 1, LEASE_POOL);
    free(payload);
}

/* ---- What an end means. ---- */

enum { EXIT_0 = 0, EXIT_3 = 3 << 8, KILLED = 9 };

static void assert_failure(struct handler_end e, const char *error, const char *cause)
{
    struct arena a = {0};
    struct lease_result r;

    e.command = "cmd";
    result_judge(&e, &a, &r);
    assert_true(r.failed);
    assert_int_equal(r.timed_out, strcmp(error, "States.Timeout") == 0);
    assert_true(slice_eq_str(r.error, error));
    if (!slice_eq_str(r.cause, cause)) {
        fail_msg("%.*s", SLICE_FMT(r.cause));
    }
    arena_fini(&a);
}

static void assert_success(struct slice text, const char *result)
{
    struct handler_end e = {
        .exit = {.cause = PROCESS_ENDED, .status = EXIT_0}, .command = "cmd", .text = text};
    struct arena a = {0};
    struct lease_result r;

    result_judge(&e, &a, &r);
    assert_false(r.failed);
    assert_true(slice_eq_str(r.result, result));
    arena_fini(&a);
}

static void test_result__success(void **state)
{
    (void)state;
    assert_success(SLICE(""), "null");
    assert_success(SLICE(" \n"), "null");
    assert_success(SLICE("{\"a\" : [1, 2.50]}\n"), "{\"a\":[1,2.50]}");
    assert_success(SLICE("{\"errorType\":\"no error: it exited with 0\"}"),
                   "{\"errorType\":\"no error: it exited with 0\"}");
}

static void test_result__exit_and_signal(void **state)
{
    (void)state;
    assert_failure(
        (struct handler_end){.exit = {.cause = PROCESS_ENDED, .status = EXIT_3},
                             .tail = SLICE("why\n2")},
        "Runtime.ExitError",
        "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"cmd exited with status 3: "
        "why\\n2\"}");
    assert_failure(
        (struct handler_end){.exit = {.cause = PROCESS_ENDED, .status = KILLED}},
        "Runtime.ExitError",
        "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"cmd was killed by signal 9 "
        "(SIGKILL)\"}");
}

static void test_result__own_error(void **state)
{
    (void)state;
    assert_failure((struct handler_end){.exit = {.cause = PROCESS_ENDED, .status = EXIT_3},
                                        .text = SLICE("log\n{\"errorMessage\": \"m\", "
                                                      "\"errorType\": \"Mine\"}\n")},
                   "Mine", "{\"errorMessage\": \"m\", \"errorType\": \"Mine\"}");
    assert_failure((struct handler_end){.exit = {.cause = PROCESS_ENDED, .status = EXIT_3},
                                        .text = SLICE("{\"errorMessage\":\"m\"}")},
                   "Lambda.Unknown", "{\"errorMessage\":\"m\"}");
    assert_failure(
        (struct handler_end){.exit = {.cause = PROCESS_ENDED, .status = EXIT_3},
                             .text = SLICE("{\"a\":1}")},
        "Runtime.ExitError",
        "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"cmd exited with status 3\"}");
}

static void test_result__outlives_what_the_handler_said(void **state)
{
    char said[] = "{\"errorType\":\"Mine\",\"errorMessage\":\"m\"}";
    struct handler_end e = {.exit = {.cause = PROCESS_ENDED, .status = EXIT_3},
                            .command = "cmd",
                            .text = slice_str(said)};
    struct arena a = {0};
    struct lease_result r;

    (void)state;
    result_judge(&e, &a, &r);
    memset(said, '?', sizeof(said));
    assert_true(slice_eq_str(r.error, "Mine"));
    assert_true(slice_eq_str(r.cause, "{\"errorType\":\"Mine\",\"errorMessage\":\"m\"}"));
    arena_fini(&a);
}

static void test_result__not_json(void **state)
{
    struct handler_end e = {.exit = {.cause = PROCESS_ENDED, .status = EXIT_0},
                            .command = "cmd",
                            .text = SLICE("hello")};
    struct arena a = {0};
    struct lease_result r;

    (void)state;
    result_judge(&e, &a, &r);
    assert_true(r.failed);
    assert_true(slice_eq_str(r.error, "Runtime.MarshalError"));
    assert_true(slice_ends_with(r.cause, SLICE(": hello\"}")));
    arena_fini(&a);
}

static void test_result__limits(void **state)
{
    (void)state;
    assert_failure(
        (struct handler_end){
            .exit = {.cause = PROCESS_STOPPED, .status = KILLED}, .text_cut = true, .text_max = 7},
        "Function.ResponseSizeTooLarge",
        "{\"errorType\":\"Function.ResponseSizeTooLarge\",\"errorMessage\":\"Response payload "
        "size exceeded maximum allowed payload size (7 bytes).\"}");
    assert_failure(
        (struct handler_end){.exit = {.cause = PROCESS_TIMED_OUT, .status = KILLED},
                             .timeout_ms = 3000},
        "Sandbox.Timedout",
        "{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"cmd: Task timed out after "
        "3.00 seconds\"}");
    assert_failure(
        (struct handler_end){.exit = {.cause = PROCESS_TIMED_OUT, .status = KILLED},
                             .timeout_ms = 3000,
                             .deadline_ms = 2050},
        "States.Timeout",
        "{\"errorType\":\"States.Timeout\",\"errorMessage\":\"cmd: Task timed out after 2.05 "
        "seconds\"}");
}

/* Did the lease's time end it, rather than the function's own? */
static bool ended_by_lease(int64_t timeout_ms, int64_t deadline_ms)
{
    struct handler_end e = {.exit = {.cause = PROCESS_TIMED_OUT, .status = KILLED},
                            .command = "cmd",
                            .timeout_ms = timeout_ms,
                            .deadline_ms = deadline_ms};
    struct arena a = {0};
    struct lease_result r;

    memset(&r, 0xff, sizeof(r));
    result_judge(&e, &a, &r);
    assert_true(r.failed);
    assert_int_equal(r.timed_out, slice_eq_str(r.error, "States.Timeout"));
    arena_fini(&a);
    return r.timed_out;
}

static void test_result__whose_time_is_over(void **state)
{
    (void)state;
    assert_true(ended_by_lease(0, 2050));
    assert_true(ended_by_lease(3000, 2050));
    assert_false(ended_by_lease(3000, 0));
    assert_false(ended_by_lease(3000, 4000));
    assert_false(ended_by_lease(3000, 3000));
}

static void test_result__long_texts_are_cut(void **state)
{
    static char text[LIMIT_CAUSE_BYTES + 4096];
    struct handler_end e = {.exit = {.cause = PROCESS_ENDED, .status = EXIT_3}, .command = "cmd"};
    struct arena a = {0};
    struct lease_result r;
    int n = snprintf(text, sizeof(text), "{\"errorType\":\"x");

    (void)state; /* two-byte characters, so that the limit falls into one */
    for (size_t i = (size_t)n; i < sizeof(text) - 3; i++) {
        text[i] = (i - (size_t)n) % 2 == 0 ? '\xc3' : '\xa4';
    }
    memcpy(text + sizeof(text) - 3, "\"} ", 3);
    e.text = slice_make(text, sizeof(text));
    result_judge(&e, &a, &r);
    assert_true(r.failed);
    assert_int_equal(r.error.len, LIMIT_ERROR_BYTES - 1);
    assert_int_equal(r.cause.len, LIMIT_CAUSE_BYTES - 1);
    assert_int_equal((unsigned char)r.cause.ptr[r.cause.len - 1], 0xa4);
    arena_fini(&a);
}

static void test_result__mark(void **state)
{
    static char arn[300];
    struct lease_grant g = {.token = {7, 9}, .state_entry = 12, .attempt = 2};
    struct arena a = {0};

    (void)state;
    memset(arn, 'a', sizeof(arn));
    g.execution_name = SLICE("name");
    g.execution_arn = SLICE("arn:x");
    assert_true(slice_eq_str(result_mark(&g, &a), "arn:x/12/2/7.9"));
    g.execution_arn = slice_make(arn, LIMIT_MARK_BYTES - strlen("/12/2/7.9"));
    assert_int_equal(result_mark(&g, &a).len, LIMIT_MARK_BYTES);
    g.execution_arn.len++;
    assert_true(slice_eq_str(result_mark(&g, &a), "name/12/2/7.9"));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lease__runs_to_acceptance, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease__token_is_run_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease__seen_tokens_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease__slots_of_function_and_worker, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease__unheard_results_keep_their_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_lease__dropped_while_running, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease__dropped_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease__submission_stays_until_it_is_heard, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_lease__submission_ends_with_its_lease, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_lease__keeps_what_was_granted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease__not_offered_is_returned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease__large_and_pooled_storage, setup, teardown),
        cmocka_unit_test(test_result__success),
        cmocka_unit_test(test_result__exit_and_signal),
        cmocka_unit_test(test_result__own_error),
        cmocka_unit_test(test_result__outlives_what_the_handler_said),
        cmocka_unit_test(test_result__not_json),
        cmocka_unit_test(test_result__limits),
        cmocka_unit_test(test_result__whose_time_is_over),
        cmocka_unit_test(test_result__long_texts_are_cut),
        cmocka_unit_test(test_result__mark),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
