/* SPDX-License-Identifier: Apache-2.0 */
/* What coordinator and workers agree on about pieces: names of temporary objects, and whose output
 * counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/hash.h"
#include "proto/base/limits.h"
#include "proto/job/piece.h"

static void test_job_piece__names(void **state)
{
    const struct token t = {1790000000, 12};
    struct arena a = {0};

    (void)state;
    assert_true(slice_eq_str(job_temporary_prefix(SLICE("out/x.json"), SLICE("jr_1"), &a),
                             "out/.stepfleet/jr_1/"));
    assert_true(
        slice_eq_str(job_temporary_prefix(SLICE("x"), SLICE("jr_1"), &a), ".stepfleet/jr_1/"));
    assert_true(slice_eq_str(job_temporary_name('p', 0, t, &a), "plan-1790000000.12"));
    assert_true(slice_eq_str(job_temporary_name('m', 7, t, &a), "m7-1790000000.12"));
    assert_true(slice_eq_str(job_temporary_name('r', 7, t, &a), "r7-1790000000.12"));
    assert_true(slice_eq_str(job_temporary_name('j', 7, t, &a), "rejected-m7-1790000000.12"));
    assert_true(slice_eq_str(job_temporary_name('q', 0, t, &a), "rejected-r0-1790000000.12"));
    arena_fini(&a);
}

/* ---- winners ---- */

enum { PIECES = LIMIT_JOB_PIECES };

static struct job_winner winners[PIECES];
static struct token tokens[PIECES];

/* One in so many, of a run whose grants have others' between them. */
static size_t some(unsigned of, uint64_t seed)
{
    struct token last = {1790000000, 5};
    size_t count = 0;

    for (uint32_t i = 0; i < PIECES; i++) {
        uint64_t chance = hash_u64(seed * PIECES + i);

        last.counter += 1 + chance % 5;
        if (chance % 1000 == 0) {
            last = (struct token){last.epoch + chance % 100000, chance % 50000};
        }
        if (chance / 1000 % of == 0) {
            winners[count++] = (struct job_winner){i, last};
        }
    }
    return count;
}

static size_t comes_back(size_t count)
{
    struct buf b = {0};
    size_t at = 0;
    size_t bytes;

    job_winners_encode(winners, count, &b);
    memset(tokens, 0, sizeof(tokens));
    assert_true(job_winners_decode(buf_slice(&b), tokens, PIECES));
    for (uint32_t i = 0; i < PIECES; i++) {
        bool named = at < count && winners[at].piece == i;

        assert_true(token_eq(tokens[i], named ? winners[at].token : (struct token){0, 0}));
        at += named;
    }
    assert_int_equal(at, count);
    bytes = b.len;
    buf_fini(&b);
    return bytes;
}

static void test_job_piece__winners_come_back(void **state)
{
    (void)state;
    for (unsigned of = 1; of < 5000; of = of * 3 + 1) {
        (void)comes_back(some(of, of));
    }
    assert_int_equal(comes_back(0), 0);
    winners[0] = (struct job_winner){PIECES - 1, {UINT64_MAX, UINT64_MAX}};
    (void)comes_back(1);
    winners[0].piece = 0;
    winners[1] = (struct job_winner){PIECES - 1, {1, 1}};
    (void)comes_back(2);
}

/* Each lease of a later phase has them: 4,096 partitions of 100,000 shards, one in twenty of which
 * was tried again, are 100 MB that the coordinator sends, and 1 GB where each one was. */
static void test_job_piece__winners_are_few_bytes(void **state)
{
    (void)state;
    assert_in_range(comes_back(some(20, 1)), 5000 * 3, 5000 * 5);
    assert_in_range(comes_back(some(1, 1)), PIECES * 3, PIECES * 7 / 2);
}

static void test_job_piece__winners_that_cannot_be_are_refused(void **state)
{
    struct buf b = {0};

    (void)state;
    winners[0] = (struct job_winner){3, {7, 300}};
    job_winners_encode(winners, 1, &b);
    assert_true(job_winners_decode(buf_slice(&b), tokens, 4));
    assert_false(job_winners_decode(buf_slice(&b), tokens, 3));
    assert_false(job_winners_decode(buf_slice(&b), tokens, 0));
    for (size_t len = 1; len < b.len; len++) {
        assert_false(job_winners_decode(slice_make(b.ptr, len), tokens, 4));
    }
    buf_put_u8(&b, 0xff);
    assert_false(job_winners_decode(buf_slice(&b), tokens, PIECES));
    buf_reset(&b);
    buf_put_varint(&b, UINT64_MAX); /* a piece past all */
    buf_put_svarint(&b, 1);
    buf_put_svarint(&b, 1);
    assert_false(job_winners_decode(buf_slice(&b), tokens, PIECES));
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_job_piece__names),
        cmocka_unit_test(test_job_piece__winners_come_back),
        cmocka_unit_test(test_job_piece__winners_are_few_bytes),
        cmocka_unit_test(test_job_piece__winners_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
