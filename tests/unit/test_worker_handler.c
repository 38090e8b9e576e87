/* SPDX-License-Identifier: Apache-2.0 */
/* What goes with a task beside its event and its result: submissions, logs, credentials. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/json.h"
#include "proto/base/limits.h"
#include "proto/host/clock.h"
#include "worker/handler/handler.h"
#include "worker/handler/invocation.h"
#include "worker/handler/result.h"
#include "worker/handler/submission.h"

/* ---- Submissions ---- */

/* What is taken of `said`, put `step` bytes at a time; "" where there is nothing to take, "?" where
 * it is refused. */
static void assert_taken(const char *said, size_t step, bool ends, const char *expected)
{
    struct submission s = {0};
    struct arena a = {0};
    struct slice rest = slice_str(said);
    struct slice got = SLICE("");
    struct err err;

    while (rest.len > 0) {
        submission_put(&s, slice_head(rest, step));
        rest = slice_from(rest, step);
    }
    if (ends) {
        submission_end(&s);
    }
    if (submission_ready(&s) && submission_take(&s, &a, &got, &err) != OK) {
        got = SLICE("?");
    }
    assert_false(submission_ready(&s)); /* once */
    if (!slice_eq_str(got, expected)) {
        fail_msg("%s: %.*s", said, SLICE_FMT(got));
    }
    submission_fini(&s);
    arena_fini(&a);
}

static void assert_submission(const char *said, bool ends, const char *expected)
{
    assert_taken(said, strlen(said) + 1, ends, expected);
    assert_taken(said, 1, ends, expected);
}

static void test_submission__is_the_first_document(void **state)
{
    (void)state;
    assert_submission("{\"a\" : [1, {\"b\":2}]}", false, "{\"a\":[1,{\"b\":2}]}");
    assert_submission("{\n  \"a\": [\n 1\n ]\n}\n", false, "{\"a\":[1]}");
    assert_submission(" \r\n\t[ ]", false, "[]");
    assert_submission("{}{}", false, "{}");
    assert_submission("[1]\nno JSON at all", true, "[1]");
    assert_submission("{\"a\":\"}]\\\"}\\\\\"}", false, "{\"a\":\"}]\\\"}\\\\\"}");
    assert_submission("\"[{\"\n", false, "\"[{\"");
}

static void test_submission__scalars_end_with_their_line(void **state)
{
    (void)state;
    assert_submission("12", false, "");
    assert_submission("12\n", false, "12");
    assert_submission("12", true, "12");
    assert_submission("null\ntrue\n", false, "null");
}

static void test_submission__nothing_is_none(void **state)
{
    (void)state;
    assert_submission("", true, "");
    assert_submission(" \n\n ", true, "");
    assert_submission("{\"a\":", false, "");
}

static void test_submission__refuses_what_is_not_json(void **state)
{
    (void)state;
    assert_submission("begun\n", false, "?");
    assert_submission("{\"a\":", true, "?");
    assert_submission("}", false, "?");
    assert_submission("[}", true, "?");
    assert_submission("It\"s begun\n", false, "?"); /* a string does not swallow the line's end */
    assert_submission("{\"a\": \"x\n}", false, "?");
    assert_submission("\"\\", true, "?");
    assert_submission("1 2\n", false, "?");
}

/* A string of `len` bytes in all, and a newline. */
static enum err_code take_string(size_t len)
{
    struct submission s = {0};
    struct arena a = {0};
    struct slice out = SLICE("");
    struct buf text = {0};
    struct err err;
    enum err_code rc;

    buf_put_str(&text, "\"");
    memset(buf_reserve(&text, len - 2), 'x', len - 2);
    text.len += len - 2;
    buf_put_str(&text, "\"\n");
    submission_put(&s, buf_slice(&text));
    assert_true(submission_ready(&s));
    rc = submission_take(&s, &a, &out, &err);
    assert_int_equal(out.len, rc == OK ? len : 0);
    buf_fini(&text);
    submission_fini(&s);
    arena_fini(&a);
    return rc;
}

static void test_submission__limit(void **state)
{
    struct submission s = {0};

    (void)state;
    assert_int_equal(take_string(LIMIT_PAYLOAD_BYTES), OK);
    assert_int_equal(take_string(LIMIT_PAYLOAD_BYTES + 1), ERR_TOO_LARGE);
    for (size_t n = 0; n < 2 * LIMIT_PAYLOAD_BYTES; n++) { /* nothing is kept beyond it */
        submission_put(&s, SLICE("["));
    }
    assert_int_equal(s.text.len, LIMIT_PAYLOAD_BYTES + 2);
    submission_fini(&s);
}

/* ---- Invocations ---- */

static struct handler_function function = {.name = "f", .limits = {.memory_bytes = 200 << 20}};

static struct lease lease_of(const char *qualifier)
{
    return (struct lease){
        .grant = {.token = {0x6921a3f0, 0x1234}, .qualifier = slice_str(qualifier)},
        .function = &function.lease,
    };
}

#define ID "00006921-a3f0-4000-8000-000000001234"

static void assert_log(const char *qualifier,
                       struct process_exit exit,
                       const struct tail *tail,
                       const char *expected)
{
    struct lease l = lease_of(qualifier);
    struct arena a = {0};
    struct slice log = invocation_log(&l, &exit, tail, &a);

    if (!slice_eq_str(log, expected)) {
        fail_msg("%.*s", SLICE_FMT(log));
    }
    arena_fini(&a);
}

static void test_invocation__log(void **state)
{
    struct tail tail = {0};

    (void)state;
    assert_log("", (struct process_exit){.cause = PROCESS_ENDED}, NULL,
               "START RequestId: " ID " Version: $LATEST\nEND RequestId: " ID
               "\nREPORT RequestId: " ID
               "\tDuration: 0.00 ms\tBilled Duration: 1 ms\tMemory Size: 200 MB\t"
               "Max Memory Used: 0 MB\t\n");
    tail_put(&tail, SLICE("one\ntwo"));
    assert_log("live", (struct process_exit){.ran_us = 3001239, .memory_bytes = (7 << 20) + 1},
               &tail,
               "START RequestId: " ID " Version: live\none\ntwo\nEND RequestId: " ID
               "\nREPORT RequestId: " ID
               "\tDuration: 3001.23 ms\tBilled Duration: 3002 ms\tMemory Size: 200 MB\t"
               "Max Memory Used: 8 MB\t\n");
    tail_put(&tail, SLICE("\n"));
    assert_log("live", (struct process_exit){.ran_us = 1000}, &tail,
               "START RequestId: " ID " Version: live\none\ntwo\nEND RequestId: " ID
               "\nREPORT RequestId: " ID
               "\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 200 MB\t"
               "Max Memory Used: 0 MB\t\n");
}

/* The length of the log around `bytes` of output. */
static size_t log_bytes(size_t bytes, bool *whole)
{
    struct lease l = lease_of("");
    struct process_exit exit = {.cause = PROCESS_ENDED};
    struct tail tail = {0};
    struct arena a = {0};
    struct slice log;
    size_t len;

    for (size_t i = 1; i < bytes; i++) {
        tail_put(&tail, SLICE("x"));
    }
    tail_put(&tail, SLICE("\n"));
    log = invocation_log(&l, &exit, &tail, &a);
    *whole = slice_starts_with(log, SLICE("START"));
    assert_true(slice_ends_with(log, SLICE("Max Memory Used: 0 MB\t\n")));
    len = log.len;
    arena_fini(&a);
    return len;
}

static void test_invocation__log_is_cut_to_its_end(void **state)
{
    bool whole;
    size_t around = log_bytes(1, &whole) - 1;

    (void)state;
    assert_true(whole);
    assert_int_equal(log_bytes(LIMIT_LOG_TAIL_BYTES - around, &whole), LIMIT_LOG_TAIL_BYTES);
    assert_true(whole);
    assert_int_equal(log_bytes(LIMIT_LOG_TAIL_BYTES - around + 1, &whole), LIMIT_LOG_TAIL_BYTES);
    assert_false(whole);
    assert_int_equal(log_bytes(3 * LIMIT_LOG_TAIL_BYTES, &whole), LIMIT_LOG_TAIL_BYTES);
    assert_false(whole);
}

static void test_invocation__request_id_is_the_tokens(void **state)
{
    struct lease_grant g = {.token = {0xffffffffffff, 0xffffffffffffff}};
    struct arena a = {0};

    (void)state;
    assert_true(
        slice_eq_str(invocation_request_id(&g, &a), "ffffffff-ffff-4000-80ff-ffffffffffff"));
    g.token = (struct lease_token){1, 1};
    assert_true(
        slice_eq_str(invocation_request_id(&g, &a), "00000000-0001-4000-8000-000000000001"));
    arena_fini(&a);
}

/* ---- What a persistent handler is told ---- */

static void test_invocation__begin(void **state)
{
    struct handler_function f = {.name = "f", .limits = {.timeout_ms = 5000}};
    struct lease l = {
        .grant = {.attempt = 2, .timeout_ms = 9000, .state = SLICE("a \"state\"")},
        .function = &f.lease,
    };
    struct arena a = {0};
    const struct json_node *v;
    int64_t before = clock_wall_ms();
    int64_t n;

    (void)state;
    assert_int_equal(json_parse(invocation_begin(&l, "/d", &a), &a, &v, NULL), OK);
    assert_true(slice_eq_str(json_text(json_member(v, SLICE("function"))), "f"));
    assert_true(slice_eq_str(json_text(json_member(v, SLICE("state"))), "a \"state\""));
    assert_true(slice_eq_str(json_text(json_member(v, SLICE("version"))), "$LATEST"));
    assert_true(slice_eq_str(json_text(json_member(v, SLICE("directory"))), "/d"));
    assert_null(json_member(v, SLICE("credentials")));
    assert_true(json_i64(json_member(v, SLICE("attempt")), &n) && n == 2);
    assert_true(json_i64(json_member(v, SLICE("deadlineMs")), &n));
    assert_in_range(n, before + 5000, clock_wall_ms() + 5000); /* the earlier of the two */
    assert_true(json_is(json_member(v, SLICE("submits")), JSON_FALSE));
    f.limits.timeout_ms = 0;
    l.grant.timeout_ms = 0;
    l.grant.submits = true;
    l.grant.credentials = SLICE("{\"RoleArn\":\"r\"}");
    assert_int_equal(json_parse(invocation_begin(&l, "/d", &a), &a, &v, NULL), OK);
    assert_true(json_i64(json_member(v, SLICE("deadlineMs")), &n) && n == 0);
    assert_true(json_is(json_member(v, SLICE("submits")), JSON_TRUE));
    assert_true(slice_eq(json_text(json_member(v, SLICE("credentials"))), l.grant.credentials));
    arena_fini(&a);
}

/* ---- What a persistent handler says ---- */

/* The error it ends with; "" for success. */
static void assert_ends(enum handler_word word,
                        const char *text,
                        const char *broken,
                        const char *error,
                        const char *says)
{
    const struct handler_end end = {
        .word = word,
        .broken = broken,
        .command = "h",
        .text = slice_str(text),
        .tail = SLICE("the tail"),
    };
    struct arena a = {0};
    struct lease_result r = {0};

    result_judge(&end, &a, &r);
    if (!slice_eq_str(r.error, error) ||
        strstr(arena_str(&a, r.failed ? r.cause : r.result), says) == NULL) {
        fail_msg("%.*s: %.*s%.*s", SLICE_FMT(r.error), SLICE_FMT(r.cause), SLICE_FMT(r.result));
    }
    arena_fini(&a);
}

static void test_result__of_a_persistent_handler(void **state)
{
    (void)state;
    assert_ends(HANDLER_RESULT, "{\"a\": 1}", NULL, "", "{\"a\":1}");
    assert_ends(HANDLER_RESULT, "", NULL, "", "null");
    assert_ends(HANDLER_RESULT, "no JSON", NULL, "Runtime.MarshalError", "no JSON");
    assert_ends(HANDLER_FAILURE, "{\"errorType\":\"E\"}", NULL, "E", "{\"errorType\":\"E\"}");
    assert_ends(HANDLER_FAILURE, "{\"errorMessage\":\"m\"}", NULL, "Lambda.Unknown", "\"m\"");
    assert_ends(HANDLER_FAILURE, "no JSON", NULL, "Lambda.Unknown", "no error: no JSON");
    assert_ends(HANDLER_FAILURE, "", NULL, "Lambda.Unknown", "no error: ");
    /* an exit 0 is none, where it had something to say */
    assert_ends(HANDLER_NO_WORD, "", NULL, "Runtime.ExitError", "exited with status 0: the tail");
    assert_ends(HANDLER_NO_WORD, "", "it sang", "Runtime.MarshalError",
                "it sang; stderr: the tail");
}

/* ---- Starting ---- */

static void test_handler__credentials_are_bounded(void **state)
{
    static char text[HANDLER_CREDENTIALS_BYTES + 1];
    struct handler_function echo = {.name = "e", .kind = HANDLER_ECHO};
    struct lease l = {.grant = {.payload = SLICE("1")}, .function = &echo.lease};
    struct handler_host host = {0};
    struct arena a = {0};
    struct lease_result r;

    (void)state;
    l.grant.credentials = slice_make(text, HANDLER_CREDENTIALS_BYTES);
    assert_false(handler_start(&host, &l, &r, &a));
    assert_false(r.failed);
    assert_true(slice_eq_str(r.result, "1"));
    l.grant.credentials.len++;
    assert_false(handler_start(&host, &l, &r, &a));
    assert_true(r.failed);
    assert_true(slice_eq_str(r.error, "States.TaskFailed"));
    arena_fini(&a);
}

static void test_handler__echo_logs_where_asked(void **state)
{
    struct handler_function echo = {.name = "e", .kind = HANDLER_ECHO};
    struct lease l = {.grant = {.payload = SLICE("1")}, .function = &echo.lease};
    struct handler_host host = {0};
    struct arena a = {0};
    struct lease_result r;

    (void)state;
    assert_false(handler_start(&host, &l, &r, &a));
    assert_int_equal(r.log.len, 0);
    l.grant.log_tail = true;
    assert_false(handler_start(&host, &l, &r, &a));
    assert_true(slice_starts_with(r.log, SLICE("START RequestId: ")));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_submission__is_the_first_document),
        cmocka_unit_test(test_submission__scalars_end_with_their_line),
        cmocka_unit_test(test_submission__nothing_is_none),
        cmocka_unit_test(test_submission__refuses_what_is_not_json),
        cmocka_unit_test(test_submission__limit),
        cmocka_unit_test(test_invocation__log),
        cmocka_unit_test(test_invocation__log_is_cut_to_its_end),
        cmocka_unit_test(test_invocation__request_id_is_the_tokens),
        cmocka_unit_test(test_invocation__begin),
        cmocka_unit_test(test_result__of_a_persistent_handler),
        cmocka_unit_test(test_handler__credentials_are_bounded),
        cmocka_unit_test(test_handler__echo_logs_where_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
