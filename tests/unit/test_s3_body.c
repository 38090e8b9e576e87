/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of parts, in memory and in files: the same come back, and memory is the pool's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/s3/body.h"

enum { MIB = 1024 * 1024, POOL = MIB, PIECES = POOL / BODY_PIECE_BYTES };

static char byte_at(uint64_t i)
{
    return (char)(i * 7 + i / 251);
}

/* Fill until `bytes` are in it or there is no room; what went in. */
static uint64_t fill(struct body *b, struct body_pool *p, uint64_t bytes)
{
    while (b->bytes < bytes) {
        struct err err;
        char *where;
        size_t room;
        size_t n;

        assert_int_equal(body_room(b, p, &where, &room, &err), OK);
        if (room == 0) {
            break;
        }
        n = room < 100000 ? room : 100000; /* pieces end amid what comes at once */
        n = n < bytes - b->bytes ? n : (size_t)(bytes - b->bytes);
        for (size_t i = 0; i < n; i++) {
            where[i] = byte_at(b->bytes + i);
        }
        body_add(b, n);
    }
    return b->bytes;
}

static void check_from(struct body *b, uint64_t at)
{
    while (at < b->bytes) {
        struct slice some;

        assert_true(body_at(b, at, &some));
        assert_true(some.len > 0 && some.len <= b->bytes - at);
        for (size_t i = 0; i < some.len; i++) {
            assert_int_equal(some.ptr[i], byte_at(at + i));
        }
        at += some.len;
    }
}

/* As it is sent, and sent again from anywhere. */
static void check(struct body *b)
{
    struct slice some;

    check_from(b, 0);
    check_from(b, 0);
    check_from(b, b->bytes / 2 + 1);
    check_from(b, b->bytes - 1);
    assert_true(body_at(b, b->bytes, &some) && some.len == 0);
}

static void test_body__comes_back_from_memory(void **state)
{
    static const uint64_t sizes[] = {1, BODY_PIECE_BYTES - 1, BODY_PIECE_BYTES, POOL - 1000, POOL};
    struct body_pool p = {0};
    struct body b;
    struct err err;

    (void)state;
    body_pool_init(&p, POOL, NULL);
    body_init(&b);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(body_begin(&b, &p, POOL, &err), OK);
        assert_true(body_in_memory(&b));
        assert_int_equal(fill(&b, &p, sizes[i]), sizes[i]);
        assert_int_equal(body_seal(&b, &err), OK);
        check(&b);
        body_end(&b, &p);
    }
    assert_int_equal(p.made, PIECES);
    body_fini(&b, &p);
    body_pool_fini(&p);
}

static void test_body__waits_for_the_memory_of_another(void **state)
{
    struct body_pool p = {0};
    struct body b[2];
    struct err err;

    (void)state;
    body_pool_init(&p, POOL, NULL);
    for (int i = 0; i < 2; i++) {
        body_init(&b[i]);
        assert_int_equal(body_begin(&b[i], &p, POOL, &err), OK);
    }
    assert_int_equal(fill(&b[0], &p, POOL * 3 / 4), POOL * 3 / 4);
    assert_int_equal(fill(&b[1], &p, POOL), POOL / 4);
    body_end(&b[0], &p);
    assert_int_equal(fill(&b[1], &p, POOL), POOL);
    check(&b[1]);
    assert_int_equal(p.made, PIECES);
    body_fini(&b[0], &p);
    body_fini(&b[1], &p);
    body_pool_fini(&p);
}

static void test_body__larger_than_the_pool_is_in_a_file_without_a_name(void **state)
{
    char directory[] = "/tmp/stepfleet-test-XXXXXX";
    struct body_pool p = {0};
    struct body b;
    struct err err;
    uint64_t sizes[] = {0, 1, 5 * MIB, 5 * MIB + 12345};

    (void)state;
    assert_non_null(mkdtemp(directory));
    body_pool_init(&p, POOL, directory);
    body_init(&b);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(body_begin(&b, &p, 6 * MIB, &err), OK);
        assert_false(body_in_memory(&b));
        assert_int_equal(fill(&b, &p, sizes[i]), sizes[i]);
        assert_int_equal(body_seal(&b, &err), OK);
        if (sizes[i] > 0) {
            check(&b);
        }
        assert_int_equal(rmdir(directory), 0); /* nothing is in it */
        assert_int_equal(mkdir(directory, 0700), 0);
        body_end(&b, &p);
    }
    assert_int_equal(p.made, 1);
    body_fini(&b, &p);
    body_pool_fini(&p);
    assert_int_equal(rmdir(directory), 0);
}

static void test_body__without_a_directory_the_pool_grows(void **state)
{
    struct body_pool p = {0};
    struct body b;
    struct err err;

    (void)state;
    body_pool_init(&p, POOL, NULL);
    body_init(&b);
    assert_int_equal(body_begin(&b, &p, 3 * MIB, &err), OK);
    assert_int_equal(fill(&b, &p, 3 * MIB), 3 * MIB);
    check(&b);
    body_fini(&b, &p);
    body_pool_fini(&p);
}

static void test_body__failures_of_its_file_are_said(void **state)
{
    struct body_pool p = {0};
    struct body b;
    struct slice some;
    struct err err;

    (void)state;
    body_pool_init(&p, POOL, "/nowhere/at/all");
    body_init(&b);
    assert_int_equal(body_begin(&b, &p, 3 * MIB, &err), ERR_IO);
    p.spill = "/tmp";
    assert_int_equal(body_begin(&b, &p, 3 * MIB, &err), OK);
    assert_int_equal(fill(&b, &p, 2 * MIB), 2 * MIB);
    assert_int_equal(ftruncate(b.file, 1000), 0);
    assert_int_equal(body_seal(&b, &err), OK);
    assert_true(body_at(&b, 2 * MIB - 1, &some)); /* still in the window */
    assert_int_equal(ftruncate(b.file, 1000), 0);
    assert_true(body_at(&b, 0, &some) && some.len == 1000);
    assert_false(body_at(&b, 1000, &some)); /* its bytes are gone */
    body_fini(&b, &p);
    body_pool_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body__comes_back_from_memory),
        cmocka_unit_test(test_body__waits_for_the_memory_of_another),
        cmocka_unit_test(test_body__larger_than_the_pool_is_in_a_file_without_a_name),
        cmocka_unit_test(test_body__without_a_directory_the_pool_grows),
        cmocka_unit_test(test_body__failures_of_its_file_are_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
