/* SPDX-License-Identifier: Apache-2.0 */
/* The row of a pipe: what is written comes back as it was; whatever is cut short, has something
 * behind it or says what cannot be, is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/store/row_pipe.h"

static const struct pipe_row full = {
    .state = PIPE_START_FAILED,
    .wanted = true,
    .created_ms = 1763884800123,
    .updated_ms = 1763884800456,
    .source = SLICE_INIT("source"),
    .target = SLICE_INIT("target"),
    .role = SLICE_INIT("role"),
    .description = SLICE_INIT("description"),
    .source_parameters = SLICE_INIT("{\"a\":1}"),
    .target_parameters = SLICE_INIT("{\"b\":2}"),
    .logging = SLICE_INIT("{}"),
    .reason = SLICE_INIT("reason"),
};

static void assert_same(const struct pipe_row *a, const struct pipe_row *b)
{
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->wanted, b->wanted);
    assert_int_equal(a->created_ms, b->created_ms);
    assert_int_equal(a->updated_ms, b->updated_ms);
    assert_true(slice_eq(a->source, b->source));
    assert_true(slice_eq(a->target, b->target));
    assert_true(slice_eq(a->role, b->role));
    assert_true(slice_eq(a->description, b->description));
    assert_true(slice_eq(a->source_parameters, b->source_parameters));
    assert_true(slice_eq(a->target_parameters, b->target_parameters));
    assert_true(slice_eq(a->logging, b->logging));
    assert_true(slice_eq(a->reason, b->reason));
}

static void test_row_pipe__comes_back_as_it_was(void **state)
{
    const struct pipe_row bare = {.state = PIPE_CREATING};
    const struct pipe_row *const rows[] = {&full, &bare};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct buf b = {0};
        struct pipe_row out;
        struct err err;

        pipe_row_encode(rows[i], &b);
        assert_int_equal(pipe_row_decode(buf_slice(&b), &out, &err), OK);
        assert_same(rows[i], &out);
        buf_fini(&b);
    }
}

static void test_row_pipe__refuses_what_is_damaged(void **state)
{
    struct buf b = {0};
    struct pipe_row out;
    struct err err;

    (void)state;
    pipe_row_encode(&full, &b);
    for (size_t len = 0; len < b.len; len++) {
        assert_int_equal(pipe_row_decode(slice_make(b.ptr, len), &out, &err), ERR_CORRUPT);
    }
    b.ptr[1] = PIPE_STATES;
    assert_int_equal(pipe_row_decode(buf_slice(&b), &out, &err), ERR_CORRUPT);
    b.ptr[1] = 0;
    assert_int_equal(pipe_row_decode(buf_slice(&b), &out, &err), ERR_CORRUPT);
    b.ptr[1] = PIPE_RUNNING;
    b.ptr[0] = 2;
    assert_int_equal(pipe_row_decode(buf_slice(&b), &out, &err), ERR_VERSION);
    b.ptr[0] = 1;
    assert_int_equal(pipe_row_decode(buf_slice(&b), &out, &err), OK);
    buf_put_u8(&b, 0);
    assert_int_equal(pipe_row_decode(buf_slice(&b), &out, &err), ERR_CORRUPT);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_pipe__comes_back_as_it_was),
        cmocka_unit_test(test_row_pipe__refuses_what_is_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
