/* SPDX-License-Identifier: Apache-2.0 */
/* The framing of persistent handlers: what a handler says, however its bytes are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/handler/frame.h"

/* What is read, as text: "N(note)" a whole frame, "!" an error at the end, "|" the task's end. */
static void read_all(struct slice in, size_t step, bool has_data, struct buf *out, struct err *err)
{
    struct frame_reader r;
    struct frame_piece piece;
    bool inside = false;

    frame_reader_init(&r, has_data);
    while (in.len != 0) {
        struct slice some = slice_head(in, step);
        enum frame_found found;

        in = slice_from(in, some.len);
        while ((found = frame_next(&r, &some, &piece, err)) == FRAME_PIECE) {
            if (!inside) {
                buf_put_u8(out, (uint8_t)piece.type);
                buf_put_str(out, "(");
            }
            buf_put_slice(out, piece.bytes);
            inside = !piece.last;
            buf_put_str(out, inside ? "" : r.over ? ")|" : ")");
        }
        if (found == FRAME_WRONG) {
            buf_put_str(out, "!");
            return;
        }
        assert_int_equal(some.len, 0);
    }
}

static void assert_read(struct slice in, bool has_data, const char *expected, const char *wrong)
{
    const size_t steps[] = {1, 2, 5, 6, 1 << 20};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct buf out = {0};
        struct err err = {0};

        read_all(in, steps[i], has_data, &out, &err);
        if (!slice_eq_str(buf_slice(&out), expected)) {
            fail_msg("in steps of %zu: %.*s", steps[i], SLICE_FMT(buf_slice(&out)));
        }
        assert_string_equal(err.msg, wrong);
        buf_fini(&out);
    }
}

static void test_frame__reads_what_was_put(void **state)
{
    struct buf in = {0};

    (void)state;
    frame_put(FRAME_DATA, SLICE("some bytes"), &in);
    frame_put(FRAME_NOTE, SLICE(""), &in);
    frame_put(FRAME_DATA, SLICE(""), &in);
    frame_put(FRAME_SUBMITTED, SLICE("{}"), &in);
    frame_put(FRAME_DATA, SLICE("more"), &in);
    frame_put(FRAME_RESULT, SLICE("{\"a\":1}"), &in);
    assert_read(buf_slice(&in), true, "D(some bytes)N()D()S({})D(more)R({\"a\":1})|", "");
    buf_reset(&in);
    frame_put(FRAME_FAILURE, SLICE(""), &in);
    assert_read(buf_slice(&in), false, "F()|", "");
    buf_fini(&in);
}

static void test_frame__ends_with_the_task(void **state)
{
    struct buf in = {0};

    (void)state;
    frame_put(FRAME_RESULT, SLICE("1"), &in);
    frame_put(FRAME_NOTE, SLICE("x"), &in);
    assert_read(buf_slice(&in), true, "R(1)|!", "it wrote on after the task's end");
    buf_fini(&in);
}

static void test_frame__refuses_other_types(void **state)
{
    (void)state;
    assert_read(SLICE("hello\n"), true, "!", "it wrote 'h' (0x68), which begins no frame");
    assert_read(SLICE("\n"), true, "!", "it wrote 0x0a, which begins no frame");
    assert_read(SLICE("\xff\xff"), true, "!", "it wrote 0xff, which begins no frame");
    /* what a worker says */
    assert_read(SLICE("B\0\0\0\0"), true, "!", "it wrote 'B' (0x42), which begins no frame");
    assert_read(SLICE("Z\0\0\0\0"), true, "!", "it wrote 'Z' (0x5a), which begins no frame");
    assert_read(SLICE("N\0\0\0\0n"), true, "N()!", "it wrote 'n' (0x6e), which begins no frame");
    assert_read(SLICE("D"), false, "!", "it wrote DATA, which an event's task has none of");
}

static void test_frame__bounds_the_payload(void **state)
{
    struct buf in = {0};
    struct frame_reader r;
    struct frame_piece piece;
    struct slice rest;
    struct err err;

    (void)state;
    frame_put_head(FRAME_RESULT, FRAME_PAYLOAD_BYTES, &in);
    memset(buf_reserve(&in, FRAME_PAYLOAD_BYTES), 'x', FRAME_PAYLOAD_BYTES);
    in.len += FRAME_PAYLOAD_BYTES;
    frame_reader_init(&r, false);
    rest = buf_slice(&in);
    assert_int_equal(frame_next(&r, &rest, &piece, &err), FRAME_PIECE);
    assert_int_equal(piece.bytes.len, FRAME_PAYLOAD_BYTES);
    assert_true(piece.last && r.over);
    buf_fini(&in);
    assert_read(SLICE("R\1\0\20\0"), false, "!",
                "it wrote a frame 'R' of 1048577 bytes, which has 1048576 at most");
    assert_read(SLICE("D\377\377\377\377"), true, "!",
                "it wrote a frame 'D' of 4294967295 bytes, which has 1048576 at most");
}

static void test_frame__data_may_pass_by(void **state)
{
    struct buf in = {0};
    struct frame_reader r;
    struct frame_piece piece;
    struct slice rest;
    struct err err;

    (void)state;
    frame_put_head(FRAME_DATA, 100, &in);
    buf_put_str(&in, "0123456789");
    frame_reader_init(&r, true);
    rest = slice_head(buf_slice(&in), 3);
    assert_int_equal(frame_next(&r, &rest, &piece, &err), FRAME_NOTHING);
    assert_int_equal(frame_data_ahead(&r), 0); /* the head is not whole */
    rest = slice_from(buf_slice(&in), 3);
    assert_int_equal(frame_next(&r, &rest, &piece, &err), FRAME_PIECE);
    assert_false(piece.last);
    assert_int_equal(frame_data_ahead(&r), 90);
    frame_data_passed(&r, 0);
    frame_data_passed(&r, 89);
    assert_int_equal(frame_data_ahead(&r), 1);
    frame_data_passed(&r, 1);
    assert_int_equal(frame_data_ahead(&r), 0);
    buf_reset(&in);
    frame_put(FRAME_RESULT, SLICE("1"), &in);
    rest = slice_head(buf_slice(&in), FRAME_HEAD_BYTES);
    assert_int_equal(frame_next(&r, &rest, &piece, &err), FRAME_NOTHING);
    assert_int_equal(frame_data_ahead(&r), 0); /* a result must not */
    buf_fini(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame__reads_what_was_put),
        cmocka_unit_test(test_frame__ends_with_the_task),
        cmocka_unit_test(test_frame__refuses_other_types),
        cmocka_unit_test(test_frame__bounds_the_payload),
        cmocka_unit_test(test_frame__data_may_pass_by),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
