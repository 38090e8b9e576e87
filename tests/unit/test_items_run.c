/* SPDX-License-Identifier: Apache-2.0 */
/* sort.c, run.c, merge.c: random records through sorter, runs and merge, held to an insertion sort;
 * runs that were damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/items_case.h"
#include "worker/items/merge.h"
#include "worker/items/sort.h"

struct row {
    uint32_t partition;
    struct slice key;
    struct slice record; /* says when it was put, so that stability shows */
};

struct rows {
    struct arena a;
    struct row *list;
    size_t count;
};

static struct slice random_key(uint64_t *seed, unsigned kind, struct arena *a)
{
    static const char *const few[] = {"", "a", "a\0b", "ab", "\xff", "\xff\xff", "zzzzzzzzz"};
    size_t len = case_below(seed, 20);
    char *p = arena_alloc(a, 400);

    switch (kind % 4) {
    case 0: return slice_make(few[len % 7], len % 7 == 2 ? 3 : strlen(few[len % 7]));
    case 1: /* short, often one another's beginning, with zeros */
        for (size_t i = 0; i < len; i++) {
            p[i] = (char)case_below(seed, 2);
        }
        return slice_make(p, len);
    case 2: /* alike for longer than whole keys are looked at */
        memset(p, 'x', 400);
        p[350] = (char)case_below(seed, 3);
        return slice_make(p, 350 + case_below(seed, 4));
    default:
        for (size_t i = 0; i < len; i++) {
            p[i] = (char)case_random(seed);
        }
        return slice_make(p, len);
    }
}

static void
rows_make(struct rows *r, uint64_t *seed, size_t count, unsigned kind, uint32_t partitions)
{
    arena_reset(&r->a);
    r->list = ARENA_ARRAY(&r->a, count, struct row);
    r->count = count;
    for (size_t i = 0; i < count; i++) {
        size_t pad = case_below(seed, case_below(seed, 30) == 0 ? 3000 : 5);

        r->list[i] = (struct row){
            .partition = (uint32_t)case_below(seed, partitions),
            .key = random_key(seed, kind, &r->a),
            .record = arena_printf(&r->a, "%zu%*s", i, (int)pad, ""),
        };
    }
}

static int row_compare(const struct row *a, const struct row *b)
{
    return a->partition != b->partition ? (a->partition < b->partition ? -1 : 1)
                                        : slice_cmp(a->key, b->key);
}

static void rows_sort(struct rows *r)
{
    for (size_t i = 1; i < r->count; i++) {
        struct row row = r->list[i];
        size_t k = i;

        for (; k > 0 && row_compare(&r->list[k - 1], &row) > 0; k--) {
            r->list[k] = r->list[k - 1];
        }
        r->list[k] = row;
    }
}

static void test_items_sorter__sorts_and_is_stable(void **state)
{
    struct rows rows = {0};
    struct items_sorter s;
    uint64_t seed = 1;

    (void)state;
    items_sorter_init(&s, 4 << 20);
    for (unsigned round = 0; round < 200; round++) {
        rows_make(&rows, &seed, case_below(&seed, round % 10 == 0 ? 2000 : 60), round,
                  1 + (uint32_t)case_below(&seed, 3));
        items_sorter_reset(&s);
        for (size_t i = 0; i < rows.count; i++) {
            struct row *row = &rows.list[i];

            assert_int_equal(items_sorter_put(&s, row->partition,
                                              &(struct items_entry){row->key, row->record}, NULL),
                             OK);
        }
        rows_sort(&rows);
        items_sorter_sort(&s);
        assert_int_equal(s.count, rows.count);
        for (size_t i = 0; i < rows.count; i++) {
            uint32_t partition;
            struct items_entry e = items_sorter_entry(&s, i, &partition);

            assert_int_equal(partition, rows.list[i].partition);
            assert_true(slice_eq(e.key, rows.list[i].key));
            assert_true(slice_eq(e.record, rows.list[i].record));
        }
    }
    items_sorter_fini(&s);
    arena_fini(&rows.a);
}

static void test_items_sorter__keeps_to_its_budget(void **state)
{
    char bytes[SORTER_BYTES_MIN] = {0};
    struct items_entry e = {SLICE("key"), slice_make(bytes, sizeof(bytes) - 8 - 4 - 3 - 32)};
    struct items_sorter s;
    size_t count = 0;

    (void)state;
    items_sorter_init(&s, SORTER_BYTES_MIN);
    e.record.len = (e.record.len & ~(size_t)7) + 1; /* 8 + 4 + 3 + it: a multiple of eight */
    assert_int_equal(items_sorter_put(&s, 0, &e, NULL), OK);
    assert_int_equal(items_sorter_put(&s, 0, &(struct items_entry){SLICE(""), SLICE("")}, NULL),
                     ERR_BUSY);
    items_sorter_reset(&s);
    e.record.len++;
    assert_int_equal(items_sorter_put(&s, 0, &e, NULL), ERR_TOO_LARGE);
    while (items_sorter_put(&s, 0, &(struct items_entry){SLICE("k"), SLICE("v")}, NULL) == OK) {
        count++;
    }
    assert_int_equal(count, SORTER_BYTES_MIN / (16 + 32));
    items_sorter_sort(&s);
    items_sorter_fini(&s);
}

/* ---- Runs ---- */

/* One run of a sorter's rows. */
static void write_run(struct items_sorter *s, uint32_t partitions, struct buf *file)
{
    struct items_run_writer w;
    struct buf out = {0};

    items_run_writer_init(&w, &out, partitions);
    while (!items_sorter_write(s, &w, 1000)) {
        buf_put_slice(file, buf_slice(&out));
        buf_reset(&out);
    }
    items_run_finish(&w);
    buf_put_slice(file, buf_slice(&out));
    assert_int_equal(w.offset, file->len);
    items_run_writer_fini(&w);
    buf_fini(&out);
}

static enum err_code
read_index(struct slice file, uint32_t partitions, struct items_run_part *parts, struct err *err)
{
    struct items_run_trailer t;
    struct slice last = slice_from(file, file.len - RUN_TRAILER_BYTES);
    enum err_code rc = items_run_trailer_read(last, file.len, &t, err);

    if (rc != OK) {
        return rc;
    }
    if (t.partitions != partitions) {
        return ERR_CORRUPT;
    }
    file = slice_head(file, file.len - RUN_TRAILER_BYTES);
    return items_run_index_read(&t, slice_from(file, (size_t)t.index_offset), parts, err);
}

enum { RUNS = 9, PARTITIONS = 3 };

struct merge_case {
    struct buf files[RUNS];
    size_t runs;
    struct items_run_part parts[RUNS][PARTITIONS];
};

/* Spill rows into runs: each holds what fits between two of them. */
static void spill(struct merge_case *m, const struct rows *rows, uint64_t *seed)
{
    struct items_sorter s;

    items_sorter_init(&s, 1 << 20);
    m->runs = 0;
    for (size_t i = 0; i <= rows->count; i++) {
        if (i == rows->count || (m->runs + 1 < RUNS && case_below(seed, 40) == 0)) {
            struct buf *file = &m->files[m->runs];

            buf_reset(file);
            write_run(&s, PARTITIONS, file);
            assert_int_equal(read_index(buf_slice(file), PARTITIONS, m->parts[m->runs], NULL), OK);
            items_sorter_reset(&s);
            m->runs++;
        }
        if (i < rows->count) {
            struct items_entry e = {rows->list[i].key, rows->list[i].record};

            assert_int_equal(items_sorter_put(&s, rows->list[i].partition, &e, NULL), OK);
        }
    }
    items_sorter_fini(&s);
}

/* Merge one partition of all runs; its rows are list[*next ...]. */
static void merge(struct merge_case *m,
                  uint32_t partition,
                  const struct rows *rows,
                  size_t *next,
                  uint64_t *seed)
{
    struct items_run_reader readers[RUNS];
    struct case_chunks chunks[RUNS];
    struct items_merge tree;
    struct items_entry e;
    struct err err = {0};
    enum items_pull what;
    size_t input = 0;

    for (size_t i = 0; i < m->runs; i++) {
        struct items_run_part *p = &m->parts[i][partition];
        struct slice bytes = slice_from(buf_slice(&m->files[i]), (size_t)p->offset);

        items_run_reader_init(&readers[i], p);
        chunks[i] = case_chunks_of(slice_head(bytes, (size_t)p->bytes), seed);
    }
    items_merge_init(&tree, readers, m->runs);
    while ((what = items_merge_next(&tree, &e, &input, &err)) != ITEMS_END) {
        struct slice chunk;

        if (what == ITEMS_MORE) {
            assert_true(case_chunk(&chunks[input], &chunk));
            items_run_feed(&readers[input], chunk);
            continue;
        }
        if (what != ITEMS_RECORD) {
            fail_msg("%s", err.msg);
        }
        assert_true(*next < rows->count && rows->list[*next].partition == partition);
        assert_true(slice_eq(e.key, rows->list[*next].key));
        assert_true(slice_eq(e.record, rows->list[*next].record));
        ++*next;
    }
    items_merge_fini(&tree);
    for (size_t i = 0; i < m->runs; i++) {
        items_run_reader_fini(&readers[i]);
        mem_free(chunks[i].copy);
    }
}

static void test_items_merge__gives_the_order_of_one_sort(void **state)
{
    struct rows rows = {0};
    struct merge_case m = {0};
    uint64_t seed = 2;

    (void)state;
    for (unsigned round = 0; round < 150; round++) {
        size_t next = 0;

        rows_make(&rows, &seed, case_below(&seed, round % 10 == 0 ? 1500 : 60), round, PARTITIONS);
        spill(&m, &rows, &seed);
        rows_sort(&rows);
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            merge(&m, p, &rows, &next, &seed);
        }
        assert_int_equal(next, rows.count);
    }
    for (size_t i = 0; i < RUNS; i++) {
        buf_fini(&m.files[i]);
    }
    arena_fini(&rows.a);
}

static void test_items_merge__of_nothing_ends(void **state)
{
    struct items_merge m;
    struct items_entry e;
    size_t input;

    (void)state;
    items_merge_init(&m, NULL, 0);
    assert_int_equal(items_merge_next(&m, &e, &input, NULL), ITEMS_END);
    items_merge_fini(&m);
}

/* A damaged input is told by its number, however many there are beside it. */
static void test_items_merge__names_the_input_that_fails(void **state)
{
    struct items_run_reader readers[3];
    struct items_run_part part;
    struct items_merge m;
    struct items_entry e;
    struct err err = {0};
    enum items_pull what;
    size_t given = 0;
    size_t input = 99;
    struct buf file = {0};
    struct buf bad = {0};
    struct items_run_writer w;

    (void)state;
    items_run_writer_init(&w, &file, 1);
    items_run_put(&w, 0, &(struct items_entry){SLICE("a"), SLICE("one")});
    items_run_finish(&w);
    part = w.parts[0];
    items_run_writer_fini(&w);
    buf_put_slice(&bad, buf_slice(&file));
    bad.ptr[RUN_FRAME_HEAD_BYTES] ^= 1;
    for (size_t i = 0; i < 3; i++) {
        items_run_reader_init(&readers[i], &part);
    }
    items_merge_init(&m, readers, 3);
    while ((what = items_merge_next(&m, &e, &input, &err)) <= ITEMS_MORE) {
        given += what == ITEMS_RECORD;
        if (what == ITEMS_MORE) {
            items_run_feed(&readers[input], input == 1 ? buf_slice(&bad) : buf_slice(&file));
        }
    }
    assert_int_equal(what, ITEMS_FAILED);
    assert_int_equal(input, 1);
    assert_int_equal(err.code, ERR_INTEGRITY);
    assert_int_equal(given, 0);
    items_merge_fini(&m);
    for (size_t i = 0; i < 3; i++) {
        items_run_reader_fini(&readers[i]);
    }
    buf_fini(&file);
    buf_fini(&bad);
}

/* Read a partition in chunks; what came of it. */
static enum items_pull
read_part(struct slice file, const struct items_run_part *p, size_t most, struct err *err)
{
    struct items_run_reader r;
    struct items_entry e;
    struct slice bytes = slice_head(slice_from(file, (size_t)p->offset), (size_t)p->bytes);
    struct case_chunks chunks = {.left = bytes, .most = most, .seed = 1};
    enum items_pull what;
    struct slice chunk;

    items_run_reader_init(&r, p);
    while ((what = items_run_next(&r, &e, err)) <= ITEMS_MORE) {
        if (what == ITEMS_MORE) {
            if (!case_chunk(&chunks, &chunk)) {
                break;
            }
            items_run_feed(&r, chunk);
        }
    }
    items_run_reader_fini(&r);
    mem_free(chunks.copy);
    return what;
}

/* A run of a few records, one of them over several frames. */
static void small_run(struct buf *file)
{
    struct items_run_writer w;
    char *large = mem_zalloc(1, 2 * LIMIT_RUN_FRAME_BYTES + 100);

    items_run_writer_init(&w, file, 2);
    items_run_put(&w, 0, &(struct items_entry){SLICE("a"), SLICE("one")});
    items_run_put(
        &w, 0,
        &(struct items_entry){SLICE("b"), slice_make(large, 2 * LIMIT_RUN_FRAME_BYTES + 100)});
    items_run_put(&w, 0, &(struct items_entry){SLICE("c"), SLICE("")});
    items_run_put(&w, 1, &(struct items_entry){SLICE(""), SLICE("two")});
    items_run_finish(&w);
    items_run_writer_fini(&w);
    mem_free(large);
}

/* Any bit flipped anywhere is found: never a record more or less, and never another. */
static void test_items_run__finds_damage(void **state)
{
    struct items_run_part parts[2];
    struct buf file = {0};
    uint64_t seed = 4;

    (void)state;
    small_run(&file);
    assert_int_equal(read_index(buf_slice(&file), 2, parts, NULL), OK);
    assert_int_equal(read_part(buf_slice(&file), &parts[0], 7, NULL), ITEMS_END);
    assert_int_equal(read_part(buf_slice(&file), &parts[1], 5000, NULL), ITEMS_END);
    for (size_t round = 0; round < 1500; round++) {
        size_t near = round % 3 == 0 ? round / 3 % 200 : case_below(&seed, file.len);
        size_t at = round % 3 == 1 ? file.len - 1 - round / 3 % 200 : near;
        struct items_run_part again[2];
        char was = file.ptr[at];
        bool found;

        file.ptr[at] = (char)(was ^ (1 << case_below(&seed, 8)));
        found = read_index(buf_slice(&file), 2, again, NULL) != OK ||
                read_part(buf_slice(&file), &parts[0], 5000, NULL) == ITEMS_FAILED ||
                read_part(buf_slice(&file), &parts[1], 5000, NULL) == ITEMS_FAILED;
        if (!found && read_part(buf_slice(&file), &parts[0], 5000, NULL) == ITEMS_END) {
            fail_msg("byte %zu of %zu", at, file.len);
        }
        file.ptr[at] = was;
    }
    buf_fini(&file);
}

/* Whole frames in another's place have right bytes, and are found all the same. */
static void test_items_run__finds_frames_out_of_place(void **state)
{
    struct items_run_part parts[2];
    struct buf file = {0};
    struct err err = {0};
    char *copy;
    size_t frame = RUN_FRAME_HEAD_BYTES + LIMIT_RUN_FRAME_BYTES;

    (void)state;
    small_run(&file);
    assert_int_equal(read_index(buf_slice(&file), 2, parts, NULL), OK);
    copy = mem_alloc(frame);
    memcpy(copy, file.ptr, frame);
    memcpy(file.ptr, file.ptr + frame, frame);
    memcpy(file.ptr + frame, copy, frame);
    assert_int_equal(read_part(buf_slice(&file), &parts[0], 5000, &err), ITEMS_FAILED);
    assert_int_equal(err.code, ERR_INTEGRITY);
    assert_string_equal(err.msg, "a run, byte 0: the frame has another sum than was written");
    mem_free(copy);
    buf_fini(&file);
}

static void test_items_run__refuses_what_is_short(void **state)
{
    struct items_run_part parts[2];
    struct items_run_trailer t;
    struct buf file = {0};
    struct err err = {0};
    struct slice last;

    (void)state;
    small_run(&file);
    assert_int_equal(read_index(buf_slice(&file), 2, parts, NULL), OK);
    last = slice_from(buf_slice(&file), file.len - RUN_TRAILER_BYTES);
    assert_int_equal(items_run_trailer_read(last, file.len - 1, &t, &err), ERR_CORRUPT);
    assert_int_equal(items_run_trailer_read(slice_from(last, 1), file.len, &t, &err), ERR_CORRUPT);
    assert_int_equal(read_part(slice_head(buf_slice(&file), 100), &parts[0], 50, &err), ITEMS_MORE);
    parts[1].records++;
    assert_int_equal(read_part(buf_slice(&file), &parts[1], 50, &err), ITEMS_FAILED);
    assert_int_equal(err.code, ERR_CORRUPT);
    parts[0].bytes--;
    assert_int_equal(read_part(buf_slice(&file), &parts[0], 50, &err), ITEMS_FAILED);
    buf_fini(&file);
}

static void test_items_run__bounds_partitions(void **state)
{
    struct items_run_trailer t;

    (void)state;
    for (uint32_t extra = 0; extra < 2; extra++) {
        uint64_t index = (uint64_t)(LIMIT_JOB_PARTITIONS + extra) * RUN_INDEX_ROW_BYTES;
        struct buf last = {0};

        buf_put_u64le(&last, 0);
        buf_put_u32le(&last, LIMIT_JOB_PARTITIONS + extra);
        buf_put_u64le(&last, 0);
        buf_put_str(&last, "SFRUN001");
        assert_int_equal(
            items_run_trailer_read(buf_slice(&last), index + RUN_TRAILER_BYTES, &t, NULL),
            extra == 0 ? OK : ERR_CORRUPT);
        buf_fini(&last);
    }
}

/* Lengths under a right sum that no writer writes: said at once, not gathered for. */
static void test_items_run__refuses_impossible_entries(void **state)
{
    static const struct {
        uint64_t key;
        uint64_t record;
    } cases[] = {{LIMIT_SORT_KEY_BYTES + 1, 0}, {0, LIMIT_RECORD_BYTES + 1}, {UINT64_MAX, 1}};

    (void)state;
    for (size_t i = 0; i <= sizeof(cases) / sizeof(cases[0]); i++) {
        struct items_run_part part = {.records = 1};
        struct buf payload = {0};
        struct buf file = {0};
        struct err err = {0};

        if (i < sizeof(cases) / sizeof(cases[0])) {
            buf_put_varint(&payload, cases[i].key);
            buf_put_varint(&payload, cases[i].record);
        }
        while (payload.len < 30) {
            buf_put_u8(&payload, 0xff); /* alone: lengths without an end */
        }
        buf_put_u32le(&file, (uint32_t)payload.len);
        buf_put_u64le(&file, items_run_sum(buf_slice(&payload), 0));
        buf_put_slice(&file, buf_slice(&payload));
        part.bytes = file.len + 1000;
        assert_int_equal(read_part(buf_slice(&file), &part, 7, &err), ITEMS_FAILED);
        assert_int_equal(err.code, ERR_CORRUPT);
        assert_string_equal(err.msg, "a run, byte 42: no entry can be as long");
        buf_fini(&payload);
        buf_fini(&file);
    }
}

static void test_items_run__may_be_empty(void **state)
{
    struct items_run_part parts[LIMIT_JOB_PARTITIONS];
    struct items_run_writer w;
    struct buf file = {0};

    (void)state;
    items_run_writer_init(&w, &file, LIMIT_JOB_PARTITIONS);
    items_run_finish(&w);
    assert_int_equal(read_index(buf_slice(&file), LIMIT_JOB_PARTITIONS, parts, NULL), OK);
    assert_int_equal(read_part(buf_slice(&file), &parts[LIMIT_JOB_PARTITIONS - 1], 1, NULL),
                     ITEMS_END);
    items_run_writer_fini(&w);
    buf_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items_sorter__sorts_and_is_stable),
        cmocka_unit_test(test_items_sorter__keeps_to_its_budget),
        cmocka_unit_test(test_items_merge__gives_the_order_of_one_sort),
        cmocka_unit_test(test_items_merge__of_nothing_ends),
        cmocka_unit_test(test_items_merge__names_the_input_that_fails),
        cmocka_unit_test(test_items_run__finds_damage),
        cmocka_unit_test(test_items_run__finds_frames_out_of_place),
        cmocka_unit_test(test_items_run__refuses_what_is_short),
        cmocka_unit_test(test_items_run__refuses_impossible_entries),
        cmocka_unit_test(test_items_run__bounds_partitions),
        cmocka_unit_test(test_items_run__may_be_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
