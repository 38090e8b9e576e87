/* SPDX-License-Identifier: Apache-2.0 */
/* The small parts of proto/base: arena, buf and cursor, hash, heap, list, err, slice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/hash.h"
#include "proto/base/heap.h"
#include "proto/base/list.h"
#include "proto/base/names.h"

static void test_arena__gives_aligned_memory_that_does_not_overlap(void **state)
{
    enum { BLOCKS = 2000 };
    static unsigned char *blocks[BLOCKS];
    struct arena a;

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = arena_alloc(&a, i);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_equal(blocks[i][j], i & 0xff);
        }
    }
    arena_fini(&a);
    assert_int_equal(arena_held_bytes(&a), 0);
}

static void test_arena__reset_keeps_ordinary_chunks_only(void **state)
{
    struct arena a = {0};
    size_t held;
    void *first;

    (void)state;
    assert_non_null(arena_alloc(&a, 0));
    first = arena_alloc(&a, 100);
    for (int i = 0; i < 100; i++) {
        (void)arena_alloc(&a, 1000);
    }
    held = arena_held_bytes(&a);
    assert_true(held >= 100000);
    assert_non_null(arena_alloc(&a, 1000000));
    assert_true(arena_held_bytes(&a) >= held + 1000000);
    arena_reset(&a);
    assert_int_equal(arena_held_bytes(&a), held);
    (void)arena_alloc(&a, 0);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(arena_alloc(&a, 100), first);
        for (int j = 0; j < 100; j++) {
            (void)arena_alloc(&a, 1000);
        }
        arena_reset(&a);
    }
    assert_int_equal(arena_held_bytes(&a), held);
    arena_fini(&a);
}

static size_t held_after_round(struct arena *a, size_t bytes)
{
    for (size_t got = 0; got < bytes; got += 1024) {
        (void)arena_alloc(a, 1024);
    }
    arena_reset(a);
    return arena_held_bytes(a);
}

static void test_arena__reset_gives_a_large_round_back(void **state)
{
    struct arena a = {0};
    size_t most = held_after_round(&a, 3 * 1024 * 1024);

    (void)state;
    assert_in_range(most, 1024 * 1024, 3 * 1024 * 1024 - 1);
    assert_int_equal(held_after_round(&a, 64 * 1024 * 1024), most);
    (void)arena_alloc(&a, 1024 * 1024);
    assert_true(arena_held_bytes(&a) >= most + 1024 * 1024);
    assert_int_equal(held_after_round(&a, 1024), most);
    arena_fini(&a);
    assert_int_equal(arena_held_bytes(&a), 0);
}

static void test_arena__grows_in_place_or_moves(void **state)
{
    struct arena a = {0};
    char *p = arena_grow(&a, NULL, 0, 10);
    char *q;

    (void)state;
    memcpy(p, "0123456789", 10);
    q = arena_grow(&a, p, 10, 100);
    assert_ptr_equal(q, p); /* the last one */
    (void)arena_alloc(&a, 1);
    q = arena_grow(&a, p, 100, 200);
    assert_ptr_not_equal(q, p);
    assert_memory_equal(q, "0123456789", 10);
    p = arena_grow(&a, q, 200, 100000);
    assert_memory_equal(p, "0123456789", 10);
    arena_fini(&a);
}

static void test_arena__copies_and_prints(void **state)
{
    struct arena a = {0};
    unsigned char *zeros = arena_alloc(&a, 64);

    (void)state;
    memset(zeros, 0xff, 64);
    arena_reset(&a);
    zeros = arena_zalloc(&a, 8, 8);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(zeros[i], 0);
    }
    assert_true(slice_eq_str(arena_copy(&a, SLICE("abc")), "abc"));
    assert_int_equal(arena_copy(&a, (struct slice){NULL, 0}).len, 0);
    assert_string_equal(arena_str(&a, slice_head(SLICE("abcdef"), 3)), "abc");
    assert_string_equal(arena_str(&a, (struct slice){NULL, 0}), "");
    assert_true(slice_eq_str(arena_printf(&a, "%d-%s", 7, "x"), "7-x"));
    arena_fini(&a);
}

static void test_buf__writes_and_cursor_reads_the_same(void **state)
{
    struct buf b = {0};
    struct cursor c;

    (void)state;
    buf_put_u8(&b, 0xfe);
    buf_put_u32le(&b, 0x01020304);
    buf_put_u64le(&b, UINT64_C(0x0102030405060708));
    buf_put_u32be(&b, 0x01020304);
    buf_put_u64be(&b, UINT64_C(0x0102030405060708));
    assert_memory_equal(b.ptr,
                        "\xfe\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01"
                        "\x01\x02\x03\x04\x01\x02\x03\x04\x05\x06\x07\x08",
                        25);
    buf_put_bytes(&b, SLICE("hello"));
    buf_put_str(&b, "x");
    buf_printf(&b, "%d", 12);
    c = cursor_make(buf_slice(&b));
    assert_int_equal(cursor_u8(&c), 0xfe);
    assert_int_equal(cursor_u32le(&c), 0x01020304);
    assert_true(cursor_u64le(&c) == UINT64_C(0x0102030405060708));
    assert_int_equal(cursor_u32be(&c), 0x01020304);
    assert_true(cursor_u64be(&c) == UINT64_C(0x0102030405060708));
    assert_true(slice_eq_str(cursor_bytes(&c), "hello"));
    assert_true(slice_eq_str(cursor_take(&c, 3), "x12"));
    assert_true(cursor_done(&c));
    assert_false(c.bad);
    buf_fini(&b);
    assert_null(b.ptr);
}

/* Short, long, and around where the room at hand ends. */
static void test_printf__of_any_length(void **state)
{
    enum { LONGEST = 700 };
    char wanted[LONGEST + 1];
    struct arena a = {0};

    (void)state;
    memset(wanted, 'w', LONGEST);
    wanted[LONGEST] = '\0';
    for (int len = 0; len <= LONGEST; len++) {
        struct slice text = arena_printf(&a, "%.*s", len, wanted);
        struct buf b = {0};

        buf_put_str(&b, "before");
        buf_printf(&b, "%.*s", len, wanted);
        assert_int_equal(b.len, 6 + (size_t)len);
        assert_memory_equal(b.ptr + 6, wanted, (size_t)len);
        buf_fini(&b);
        assert_int_equal(text.len, (size_t)len);
        assert_int_equal(strlen(text.ptr), len);
        arena_reset(&a);
    }
    arena_fini(&a);
}

static void test_buf__decimals(void **state)
{
    struct buf b = {0};

    (void)state;
    buf_put_decimal(&b, 0);
    buf_put_str(&b, " ");
    buf_put_decimal(&b, 907);
    buf_put_str(&b, " ");
    buf_put_decimal(&b, UINT64_MAX);
    assert_true(slice_eq_str(buf_slice(&b), "0 907 18446744073709551615"));
    buf_fini(&b);
}

static void test_buf__varints(void **state)
{
    static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    static const int64_t signed_values[] = {0, -1, 1, -64, 64, INT64_MIN, INT64_MAX};
    struct buf b = {0};
    struct cursor c;

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        buf_put_varint(&b, values[i]);
    }
    for (size_t i = 0; i < sizeof(signed_values) / sizeof(signed_values[0]); i++) {
        buf_put_svarint(&b, signed_values[i]);
    }
    assert_int_equal(b.len, 1 + 1 + 1 + 2 + 2 + 3 + 5 + 10 + 1 + 1 + 1 + 1 + 2 + 10 + 10);
    c = cursor_make(buf_slice(&b));
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_true(cursor_varint(&c) == values[i]);
    }
    for (size_t i = 0; i < sizeof(signed_values) / sizeof(signed_values[0]); i++) {
        assert_true(cursor_svarint(&c) == signed_values[i]);
    }
    assert_true(cursor_done(&c) && !c.bad);
    buf_fini(&b);
}

static void test_cursor__bad_bytes_stay_bad(void **state)
{
    static const struct slice varints[] = {
        SLICE_INIT(""),
        SLICE_INIT("\x80"),
        SLICE_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
        SLICE_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"),
    };
    struct cursor c = cursor_make(SLICE("abc"));

    (void)state;
    assert_int_equal(cursor_u32le(&c), 0);
    assert_true(c.bad);
    assert_int_equal(cursor_u8(&c), 0); /* there would be one */
    assert_int_equal(cursor_take(&c, 1).len, 0);
    for (size_t i = 0; i < sizeof(varints) / sizeof(varints[0]); i++) {
        c = cursor_make(varints[i]);
        assert_int_equal(cursor_varint(&c), 0);
        assert_true(c.bad);
    }
    c = cursor_make(SLICE("\x04"
                          "abc"));
    assert_int_equal(cursor_bytes(&c).len, 0);
    assert_true(c.bad);
    c = cursor_make(SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                          "abc"));
    assert_int_equal(cursor_bytes(&c).len, 0);
    assert_true(c.bad);
}

struct item {
    struct hash_node node;
    struct list link;
    struct heap_node timer;
    uint64_t id;
};

static void test_hash__finds_inserts_removes(void **state)
{
    enum { ITEMS = 1000 };
    static struct item items[ITEMS];
    struct hash h = {0};
    size_t bucket = 0;
    size_t seen = 0;

    (void)state;
    assert_null(hash_first(&h, 1));
    assert_null(hash_iterate(&h, &bucket, NULL));
    for (size_t i = 0; i < ITEMS; i++) {
        items[i].id = i;
        hash_insert(&h, &items[i].node, hash_u64(i / 2)); /* two of each */
    }
    assert_int_equal(h.count, ITEMS);
    for (size_t i = 0; i < ITEMS; i++) {
        size_t matches = 0;

        HASH_EACH_MATCH(n, &h, hash_u64(i / 2))
        {
            assert_int_equal(container_of(n, struct item, node)->id / 2, i / 2);
            matches++;
        }
        assert_int_equal(matches, 2);
    }
    for (size_t i = 0; i < ITEMS; i += 2) {
        hash_remove(&h, &items[i].node);
    }
    bucket = 0;
    for (struct hash_node *n = hash_iterate(&h, &bucket, NULL); n != NULL;
         n = hash_iterate(&h, &bucket, n)) {
        assert_int_equal(container_of(n, struct item, node)->id % 2, 1);
        seen++;
    }
    assert_int_equal(seen, ITEMS / 2);
    assert_null(hash_first(&h, hash_u64(ITEMS)));
    hash_fini(&h);
}

static void test_hash__bytes(void **state)
{
    (void)state;
    assert_true(hash_bytes(SLICE("abc"), 0) == hash_bytes(SLICE("abc"), 0));
    assert_true(hash_bytes(SLICE("abc"), 0) != hash_bytes(SLICE("abd"), 0));
    assert_true(hash_bytes(SLICE("abc"), 0) != hash_bytes(SLICE("abc"), 1));
    assert_true(hash_bytes(SLICE("0123456789"), 0) != hash_bytes(SLICE("0123456788"), 0));
    assert_true(hash_bytes(SLICE("1123456789"), 0) != hash_bytes(SLICE("0123456789"), 0));
}

static void test_heap__gives_the_least_in_order(void **state)
{
    enum { ITEMS = 500 };
    static struct item items[ITEMS];
    struct heap h = {0};
    int64_t last_key = INT64_MIN;
    uint64_t last_id = 0;

    (void)state;
    assert_null(heap_min(&h));
    for (size_t i = 0; i < ITEMS; i++) {
        items[i].id = i;
        heap_set(&h, &items[i].timer, (int64_t)(hash_u64(i) % 50) - 25);
        assert_true(heap_has(&items[i].timer));
    }
    for (size_t i = 0; i < ITEMS; i += 5) {
        heap_remove(&h, &items[i].timer);
        heap_remove(&h, &items[i].timer); /* not in: nothing happens */
        assert_false(heap_has(&items[i].timer));
    }
    assert_int_equal(h.count, ITEMS - ITEMS / 5);
    while (heap_min(&h) != NULL) {
        struct heap_node *n = heap_min(&h);
        uint64_t id = container_of(n, struct item, timer)->id;

        assert_true(n->key > last_key || (n->key == last_key && id > last_id));
        last_key = n->key;
        last_id = id;
        heap_remove(&h, n);
    }
    heap_fini(&h);
}

/* Where pages begin, among names of which one begins with another. */
static void test_names__are_in_order_and_found_by_their_beginning(void **state)
{
    static const char *const texts[] = {"b", "a-2", "c", "a", "ab", "a-1", "b.fifo"};
    static const char *const sorted[] = {"a", "a-1", "a-2", "ab", "b", "b.fifo", "c"};
    enum { COUNT = sizeof(texts) / sizeof(texts[0]) };
    struct slice all[COUNT];
    struct names n = {0};

    (void)state;
    assert_int_equal(names_page(&n, SLICE(""), SLICE("")), 0);
    for (size_t i = 0; i < COUNT; i++) {
        all[i] = slice_str(texts[i]);
        names_insert(&n, &all[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(slice_eq_str(*n.each[i], sorted[i]));
        assert_int_equal(names_seek(&n, slice_str(sorted[i])), i);
        assert_int_equal(names_page(&n, SLICE(""), slice_str(sorted[i])), i + 1);
    }
    assert_int_equal(names_page(&n, SLICE("a-"), SLICE("")), 1);
    assert_int_equal(names_page(&n, SLICE("b"), SLICE("a")), 4); /* behind one before them */
    assert_int_equal(names_page(&n, SLICE("a-"), SLICE("a-1")), 2);
    assert_int_equal(names_page(&n, SLICE("a-"), SLICE("a-1x")), 2); /* which is gone */
    assert_int_equal(names_page(&n, SLICE("d"), SLICE("")), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        names_remove(&n, &all[i]);
        assert_int_equal(n.count, COUNT - 1 - i);
        for (size_t j = 1; j < n.count; j++) {
            assert_true(slice_cmp(*n.each[j - 1], *n.each[j]) < 0);
        }
    }
    names_fini(&n);
}

static void test_heap__moves_a_node_that_is_in(void **state)
{
    struct heap_node nodes[3] = {{0}};
    struct heap h = {0};

    (void)state;
    heap_set(&h, &nodes[0], 10);
    heap_set(&h, &nodes[1], 20);
    heap_set(&h, &nodes[2], 30);
    heap_set(&h, &nodes[2], 5);
    assert_ptr_equal(heap_min(&h), &nodes[2]);
    heap_set(&h, &nodes[2], 10); /* equal keys: after the one that was there */
    assert_ptr_equal(heap_min(&h), &nodes[0]);
    heap_set(&h, &nodes[0], 100);
    assert_ptr_equal(heap_min(&h), &nodes[2]);
    assert_int_equal(h.count, 3);
    heap_fini(&h);
}

static void test_list__keeps_order(void **state)
{
    struct item items[4] = {0};
    struct list head;
    struct list other;
    uint64_t sum = 0;

    (void)state;
    list_init(&head);
    list_init(&other);
    assert_true(list_empty(&head));
    assert_null(list_pop_front(&head));
    for (uint64_t i = 0; i < 4; i++) {
        items[i].id = i;
        list_push_back(i < 2 ? &head : &other, &items[i].link);
    }
    list_splice(&head, &other);
    assert_true(list_empty(&other));
    list_splice(&head, &other); /* of nothing */
    LIST_EACH(n, &head)
    {
        sum = sum * 10 + container_of(n, struct item, link)->id;
    }
    assert_int_equal(sum, 123);
    LIST_EACH_SAFE(n, after, &head)
    {
        if (container_of(n, struct item, link)->id % 2 == 0) {
            list_remove(n);
            list_remove(n); /* a removed node points at itself */
        }
    }
    list_push_front(&head, &items[2].link);
    assert_ptr_equal(list_pop_front(&head), &items[2].link);
    assert_ptr_equal(list_pop_front(&head), &items[1].link);
    assert_ptr_equal(list_pop_front(&head), &items[3].link);
    assert_true(list_empty(&head));
}

static void test_err__sets_and_wraps(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(err_set(&err, ERR_IO, "read %d", 7), ERR_IO);
    assert_string_equal(err.msg, "read 7");
    err_wrap(&err, "open %s", "x");
    assert_string_equal(err.msg, "open x: read 7");
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(err_set(NULL, ERR_BUSY, "x"), ERR_BUSY);
    err_wrap(NULL, "x");
    for (int i = 0; i < 1000; i++) {
        err_wrap(&err, "longer");
    }
    assert_int_equal(strlen(err.msg), ERR_MSG_BYTES - 1);
}

static void test_err__codes_have_names(void **state)
{
    (void)state;
    assert_string_equal(err_name(ERR_INVALID_ARN), "InvalidArn");
    assert_string_equal(err_sentence(OK), "done");
    assert_true(err_retryable(ERR_BUSY));
    assert_false(err_retryable(ERR_JSON));
    assert_false(err_retryable(ERR_QUEUE_PURGING)); /* AWS's SDKs repeat it neither */
    assert_int_equal(err_from_number(16), ERR_JSON);
    assert_int_equal(err_from_number(9999), ERR_INTERNAL);
}

static void test_slice__compares_and_cuts(void **state)
{
    struct slice empty = {NULL, 0};

    (void)state;
    assert_true(slice_eq(empty, SLICE("")));
    assert_true(slice_cmp(SLICE("a"), SLICE("ab")) < 0);
    assert_true(slice_cmp(SLICE("b"), SLICE("ab")) > 0);
    assert_true(slice_cmp(SLICE("\xff"), SLICE("a")) > 0);
    assert_int_equal(slice_cmp(empty, empty), 0);
    assert_true(slice_starts_with(SLICE("abc"), SLICE("ab")));
    assert_false(slice_starts_with(SLICE("a"), SLICE("ab")));
    assert_true(slice_ends_with(SLICE("abc"), SLICE("bc")));
    assert_false(slice_ends_with(SLICE("abc"), SLICE("ab")));
    assert_int_equal(slice_from(SLICE("abc"), 5).len, 0);
    assert_int_equal(slice_head(SLICE("abc"), 5).len, 3);
    assert_int_equal(slice_find(SLICE("abcb"), 'b'), 1);
    assert_int_equal(slice_find(SLICE("abcb"), 'x'), 4);
    assert_int_equal(slice_rfind(SLICE("abcb"), 'b'), 3);
    assert_int_equal(slice_rfind(SLICE("abcb"), 'x'), 4);
    assert_int_equal(slice_str(NULL).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena__gives_aligned_memory_that_does_not_overlap),
        cmocka_unit_test(test_arena__reset_keeps_ordinary_chunks_only),
        cmocka_unit_test(test_arena__reset_gives_a_large_round_back),
        cmocka_unit_test(test_arena__grows_in_place_or_moves),
        cmocka_unit_test(test_arena__copies_and_prints),
        cmocka_unit_test(test_buf__writes_and_cursor_reads_the_same),
        cmocka_unit_test(test_printf__of_any_length),
        cmocka_unit_test(test_buf__decimals),
        cmocka_unit_test(test_buf__varints),
        cmocka_unit_test(test_cursor__bad_bytes_stay_bad),
        cmocka_unit_test(test_hash__finds_inserts_removes),
        cmocka_unit_test(test_hash__bytes),
        cmocka_unit_test(test_names__are_in_order_and_found_by_their_beginning),
        cmocka_unit_test(test_heap__gives_the_least_in_order),
        cmocka_unit_test(test_heap__moves_a_node_that_is_in),
        cmocka_unit_test(test_list__keeps_order),
        cmocka_unit_test(test_err__sets_and_wraps),
        cmocka_unit_test(test_err__codes_have_names),
        cmocka_unit_test(test_slice__compares_and_cuts),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
