/* SPDX-License-Identifier: Apache-2.0 */
/* Trace headers read and written, and a span as a collector gets it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/otlp/span.h"
#include "proto/base/arena.h"
#include "proto/base/json.h"

#define ROOT "Root=1-5759e988-bd862e3fe1be46a994272793"

static void test_trace__what_is_read_is_written(void **state)
{
    static const char *const headers[] = {
        ROOT,
        ROOT ";Parent=53995c3f42cd8ad8",
        ROOT ";Sampled=0",
        ROOT ";Parent=53995c3f42cd8ad8;Sampled=1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char text[TRACE_XRAY_BYTES];
        struct trace t;

        assert_true(trace_parse_xray(slice_str(headers[i]), &t));
        trace_write_xray(&t, text);
        assert_string_equal(text, headers[i]);
    }
}

static void test_trace__order_blanks_and_strangers_do_not_matter(void **state)
{
    struct trace t;
    char text[TRACE_W3C_BYTES];

    (void)state;
    assert_true(trace_parse_xray(
        SLICE("Self=1-67891234-12456789abcdef012345678;Sampled=1; Parent=53995C3F42CD8AD8;" ROOT),
        &t));
    assert_true(t.sampled == TRACE_SAMPLED);
    trace_write_w3c(&t, text);
    assert_string_equal(text, "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01");
}

static void test_trace__what_is_none(void **state)
{
    static const char *const headers[] = {
        "",
        ";;;",
        "Parent=53995c3f42cd8ad8",
        "Root=",
        "Root",
        "Root=2-5759e988-bd862e3fe1be46a994272793",
        "Root=1-5759e988-bd862e3fe1be46a99427279",
        "Root=1-5759e988-bd862e3fe1be46a9942727931",
        "Root=1-5759e98g-bd862e3fe1be46a994272793",
        "Root=1-5759e988_bd862e3fe1be46a994272793",
        "Root=1-00000000-000000000000000000000000",
        "root=1-5759e988-bd862e3fe1be46a994272793",
        "any text at all",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct trace t;

        if (trace_parse_xray(slice_str(headers[i]), &t)) {
            fail_msg("taken: %s", headers[i]);
        }
    }
}

static void test_trace__a_bad_parent_or_decision_is_none(void **state)
{
    struct trace t;

    (void)state;
    assert_true(trace_parse_xray(SLICE(ROOT ";Parent=53995c3f42cd8ad;Sampled=?"), &t));
    assert_true(t.span == 0 && t.sampled == TRACE_UNSAID);
}

/* ---- spans ---- */

static const struct json_node *written(const struct otlp_span *s, struct arena *a)
{
    const struct json_node *v = NULL;
    struct buf text = {0};
    struct err err;

    otlp_span_write(s, &text);
    if (json_parse(arena_copy(a, buf_slice(&text)), a, &v, &err) != OK) {
        fail_msg("%.*s: %s", (int)text.len, text.ptr, err.msg);
    }
    buf_fini(&text);
    return v;
}

static void has(const struct json_node *v, const char *member, const char *text)
{
    assert_true(slice_eq_str(json_text(json_member(v, slice_str(member))), text));
}

static void test_trace__a_span_of_a_failure(void **state)
{
    struct arena a = {0};
    struct otlp_span s = {
        .trace = {.high = 1, .low = 2, .span = 3},
        .id = 0xabcdef,
        .kind = OTLP_CLIENT,
        .name = SLICE("say \"hi\""),
        .start_us = 1700000000000001,
        .end_us = 1700000000000002,
        .failed = true,
        .message = SLICE("because"),
    };
    const struct json_node *v;
    const struct json_node *attributes;

    (void)state;
    otlp_span_text(&s, "left.out", SLICE(""));
    otlp_span_text(&s, "stepfleet.worker", SLICE("w1"));
    otlp_span_number(&s, "stepfleet.attempt", 2);
    v = written(&s, &a);
    has(v, "traceId", "00000000000000010000000000000002");
    has(v, "spanId", "0000000000abcdef");
    has(v, "parentSpanId", "0000000000000003");
    has(v, "name", "say \"hi\"");
    has(v, "kind", "3");
    has(v, "startTimeUnixNano", "1700000000000001000");
    has(v, "endTimeUnixNano", "1700000000000002000");
    attributes = json_member(v, SLICE("attributes"));
    assert_int_equal(json_count(attributes), 2);
    has(json_member(json_element(attributes, 0), SLICE("value")), "stringValue", "w1");
    has(json_member(json_element(attributes, 1), SLICE("value")), "intValue", "2");
    has(json_member(v, SLICE("status")), "code", "2");
    has(json_member(v, SLICE("status")), "message", "because");
    arena_fini(&a);
}

static void test_trace__a_long_message_is_cut_between_characters(void **state)
{
    struct arena a = {0};
    struct otlp_span s = {.failed = true, .name = SLICE("x")};
    struct buf long_text = {0};
    struct slice got;

    (void)state;
    buf_put_u8(&long_text, 'a');
    for (unsigned i = 0; i < 2000; i++) {
        buf_put_str(&long_text, "\xc3\xa4");
    }
    s.message = buf_slice(&long_text);
    got = json_text(json_member(json_member(written(&s, &a), SLICE("status")), SLICE("message")));
    assert_int_equal(got.len, 1023);
    assert_memory_equal(got.ptr, long_text.ptr, got.len);
    buf_fini(&long_text);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trace__what_is_read_is_written),
        cmocka_unit_test(test_trace__order_blanks_and_strangers_do_not_matter),
        cmocka_unit_test(test_trace__what_is_none),
        cmocka_unit_test(test_trace__a_bad_parent_or_decision_is_none),
        cmocka_unit_test(test_trace__a_span_of_a_failure),
        cmocka_unit_test(test_trace__a_long_message_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
