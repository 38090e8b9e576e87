/* SPDX-License-Identifier: Apache-2.0 */
/* Silent loss is an error: a log is cut, torn, flipped, lost, and opening must refuse with the
 * right code and a message that names what is wrong, or have every batch that was acknowledged. */
#include "tests/lib/damage.h"

/* ---- Nothing wrong ---- */

static void test_store_damage__none(void **state)
{
    struct store *s = open_ok(*state);

    has_batches(s, BATCHES);
    store_close(s);
    s = open_ok(*state);
    has_batches(s, BATCHES);
    store_close(s);
}

/* A batch that was synced, but not noted beside the log yet, counts. */
static void test_store_damage__a_batch_that_nobody_knew(void **state)
{
    struct store *s;

    forget_last(*state);
    s = open_ok(*state);
    has_batches(s, BATCHES);
    store_close(s);
}

static void test_store_damage__a_killed_process_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    int status;
    pid_t pid = fork();

    if (pid == 0) { /* no assertion here: it would go on with the tests that follow */
        struct err err;

        if (open_store(f, &s, &err) == OK) {
            for (unsigned n = BATCHES + 1; n <= BATCHES + 10; n++) {
                (void)write_batch(s, n, 300, &err);
            }
        }
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    s = open_ok(f);
    has_batches(s, BATCHES + 10);
    store_close(s);
}

/* ---- The log ---- */

static void test_store_damage__log_cut_within_a_batch(void **state)
{
    char path[512];

    find(*state, "", ".log", path);
    cut(path, size_of(path) - 100);
    stays_refused(*state, "batch 99 of 100 is the last whole one");
}

static void test_store_damage__log_cut_in_its_middle(void **state)
{
    char path[512];

    find(*state, "", ".log", path);
    cut(path, size_of(path) / 2 + 13);
    stays_refused(*state, "in what was synced");
}

static void test_store_damage__log_cut_between_batches(void **state)
{
    struct fixture *f = *state;
    char path[512];
    off_t size;

    find(f, "", ".log", path);
    size = size_of(path);
    /* All batches of the log are as long as one another. */
    cut(path, size - size / (BATCHES - OLD_BATCHES));
    stays_refused(f, "lost what was synced: batch 99 of 100");
}

static void test_store_damage__log_emptied(void **state)
{
    char path[512];

    find(*state, "", ".log", path);
    cut(path, 0);
    stays_refused(*state, "lost what was synced: batch 40 of 100");
}

static void test_store_damage__log_lost(void **state)
{
    char path[512];

    find(*state, "", ".log", path);
    assert_int_equal(unlink(path), 0);
    stays_refused(*state, "lost what was synced: batch 40 of 100");
}

/* A bit anywhere in the log, its first and last bytes included; refused before anything is changed,
 * so that with the bit put right all is there again. */
static void test_store_damage__log_with_any_bit_flipped(void **state)
{
    struct fixture *f = *state;
    char path[512];
    struct store *s;
    off_t size;

    find(f, "", ".log", path);
    size = size_of(path);
    for (off_t at = 0; at < size; at += at < 400 || at > size - 400 ? 1 : 89) {
        unsigned char bit = (unsigned char)(1u << (at % 8));

        if (at >= size - 400 || at % 2 == 0) { /* the very end: every byte */
            flip(path, at, bit);
            if (at > 393) {
                refuses(f, ERR_CORRUPT, ".log is damaged at byte");
            }
            flip(path, at, bit);
        }
    }
    s = open_ok(f);
    has_batches(s, BATCHES);
    store_close(s);
}

static void test_store_damage__log_first_batch_flipped(void **state)
{
    char path[512];

    find(*state, "", ".log", path);
    for (off_t at = 0; at < 40; at++) {
        flip(path, at, 0x10);
        refuses(*state, ERR_CORRUPT, "damaged at byte 0, and what was synced after it");
        flip(path, at, 0x10);
    }
}

static void test_store_damage__log_with_a_hole_of_zeros(void **state)
{
    static const char zeros[4096];
    char path[512];
    int fd;

    find(*state, "", ".log", path);
    fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, zeros, sizeof(zeros), 8192), sizeof(zeros));
    close(fd);
    stays_refused(*state, "what was synced after it would be lost");
}

static void test_store_damage__log_missing_between_others(void **state)
{
    struct fixture *f = *state;
    char path[512];
    char other[512];

    /* A later log of another coordinator's life: batches 40 to 100 are followed by 1 to 40. */
    find(f, "", ".log", path);
    path_of(f, "999999.log", other);
    copy(path, other);
    stays_refused(f, "is followed by 41");
}

/* ---- A last write that was torn ---- */

static void is_torn_only(struct fixture *f)
{
    struct store *s = open_ok(f);
    struct buf stats = {0};

    has_batches(s, BATCHES - 1);
    store_stats(s, &stats);
    buf_put_u8(&stats, 0);
    assert_null(strstr(stats.ptr, "\"tornBytesAtOpen\":0,"));
    buf_fini(&stats);
    write_batches(s, BATCHES, BATCHES + 1);
    store_close(s);
    s = open_ok(f);
    has_batches(s, BATCHES + 1);
    store_close(s);
}

static void test_store_damage__torn_end_cut_short(void **state)
{
    char path[512];

    forget_last(*state);
    find(*state, "", ".log", path);
    cut(path, size_of(path) - 100);
    is_torn_only(*state);
}

static void test_store_damage__torn_end_within_a_header(void **state)
{
    char path[512];
    off_t size;

    forget_last(*state);
    find(*state, "", ".log", path);
    size = size_of(path);
    cut(path, size - size / (BATCHES - OLD_BATCHES) + 3);
    is_torn_only(*state);
}

static void test_store_damage__torn_end_of_zeros(void **state)
{
    char zeros[200] = {0};
    char path[512];
    off_t size;

    forget_last(*state);
    find(*state, "", ".log", path);
    size = size_of(path);
    cut(path, size - (off_t)sizeof(zeros));
    append(path, zeros, sizeof(zeros));
    is_torn_only(*state);
}

static void test_store_damage__torn_end_of_garbage(void **state)
{
    char path[512];
    char garbage[200];
    off_t size;

    forget_last(*state);
    find(*state, "", ".log", path);
    size = size_of(path);
    memset(garbage, 0x5a, sizeof(garbage));
    cut(path, size - (off_t)sizeof(garbage));
    append(path, garbage, sizeof(garbage));
    is_torn_only(*state);
}

/* A torn batch of several blocks, whose first block is lost while later ones are there. */
static void test_store_damage__torn_batch_of_many_blocks(void **state)
{
    struct fixture *f = *state;
    char path[512];
    char synced[512];
    char before[600];
    struct store *s;
    struct err err;
    off_t size;

    s = open_ok(f);
    path_of(f, "synced", synced);
    (void)snprintf(before, sizeof(before), "%s", f->before);
    copy(synced, before);
    find(f, "", ".log", path);
    size = size_of(path);
    assert_int_equal(write_batch(s, BATCHES + 1, 200000, &err), OK);
    store_close(s);
    copy(before, synced);
    flip(path, size + 5000, 1);
    s = open_ok(f);
    has_batches(s, BATCHES);
    store_close(s);
}

/* The same bytes, but the batch was acknowledged: refused. */
static void test_store_damage__acknowledged_is_never_torn(void **state)
{
    struct fixture *f = *state;
    struct store *s = open_ok(f);
    struct err err;
    char path[512];

    assert_int_equal(write_batch(s, BATCHES + 1, 200000, &err), OK);
    store_close(s);
    find(f, "", ".log", path);
    flip(path, size_of(path) - 150000, 1);
    stays_refused(f, "lost what was synced: batch 100 of 101");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_store_damage__##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(none),
        TEST(a_batch_that_nobody_knew),
        TEST(a_killed_process_loses_nothing),
        TEST(log_cut_within_a_batch),
        TEST(log_cut_in_its_middle),
        TEST(log_cut_between_batches),
        TEST(log_emptied),
        TEST(log_lost),
        TEST(log_with_any_bit_flipped),
        TEST(log_first_batch_flipped),
        TEST(log_with_a_hole_of_zeros),
        TEST(log_missing_between_others),
        TEST(torn_end_cut_short),
        TEST(torn_end_within_a_header),
        TEST(torn_end_of_zeros),
        TEST(torn_end_of_garbage),
        TEST(torn_batch_of_many_blocks),
        TEST(acknowledged_is_never_torn),
    };

    return cmocka_run_group_tests(tests, setup_whole, teardown_whole);
}
