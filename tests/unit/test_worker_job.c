/* SPDX-License-Identifier: Apache-2.0 */
/* What of a worker's pieces needs no store: the plan object, unpacking, runs in files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/lib/items_case.h"
#include "worker/job/plan_object.h"
#include "worker/job/runs.h"
#include "worker/job/sink.h"
#include "worker/job/unpack.h"

/* ---- The plan ---- */

static struct plan_head case_plan(struct buf *out, struct plan_shard shards[3])
{
    static const struct plan_object objects[] = {
        {SLICE_INIT("in/a.csv"), SLICE_INIT("e1"), SLICE_INIT("a,b\n"), 1000, PLAN_PLAIN},
        {SLICE_INIT("in/b.csv.gz"), SLICE_INIT(""), SLICE_INIT(""), 70, PLAN_GZIP},
    };
    static const struct slice splitters[] = {SLICE_INIT("g"), SLICE_INIT("q")};
    struct plan_head head = {
        .options = {ITEMS_CSV, ';', true, false}, .shards = 3, .partitions = 3, .objects = 2};

    shards[0] = (struct plan_shard){.at = {4, 500, 7}, .object = 0};
    shards[1] = (struct plan_shard){.at = {500, 1000, 8}, .object = 0};
    shards[2] = (struct plan_shard){.at = {0, 70, 0}, .object = 1};
    plan_encode(&head, objects, shards, splitters, 2, out);
    return head;
}

static struct slice part(const struct buf *b, uint64_t at, size_t len)
{
    assert_true(at + len <= b->len);
    return slice_make(b->ptr + at, len);
}

static void test_plan__is_read_as_it_was_written(void **state)
{
    struct plan_shard shards[3];
    struct slice splitters[4];
    struct buf out = {0};
    struct plan_head head = case_plan(&out, shards);
    struct plan_head got;
    struct plan_object o;
    struct err err;
    size_t count;

    (void)state;
    assert_int_equal(plan_head_decode(part(&out, 0, PLAN_HEAD_BYTES), &got, &err), OK);
    assert_int_equal(got.options.format, ITEMS_CSV);
    assert_int_equal(got.options.delimiter, ';');
    assert_true(got.options.header && !got.options.quoted_breaks);
    assert_int_equal(got.shards, 3);
    assert_int_equal(got.splitters_at, head.splitters_at);
    for (uint32_t i = 0; i < 3; i++) {
        struct plan_shard s;

        assert_int_equal(
            plan_shard_decode(part(&out, plan_shard_at(i), PLAN_SHARD_BYTES), i, &s, &err), OK);
        assert_int_equal(s.at.from, shards[i].at.from);
        assert_int_equal(s.at.to, shards[i].at.to);
        assert_int_equal(s.at.records, shards[i].at.records);
        assert_int_equal(s.object, shards[i].object);
        assert_int_equal(
            plan_object_decode(part(&out, s.object_at, s.object_bytes), s.object_at, &o, &err), OK);
        assert_true(slice_eq_str(o.key, i < 2 ? "in/a.csv" : "in/b.csv.gz"));
        assert_int_equal(o.packing, i < 2 ? PLAN_PLAIN : PLAN_GZIP);
    }
    assert_int_equal(plan_splitters_decode(part(&out, got.splitters_at, got.splitters_bytes),
                                           got.splitters_at, splitters, 4, &count, &err),
                     OK);
    assert_int_equal(count, 2);
    assert_true(slice_eq_str(splitters[1], "q"));
    buf_fini(&out);
}

/* Each bit of it is covered by a sum, and so is where it is. */
static void test_plan__no_bit_may_change(void **state)
{
    struct plan_shard shards[3];
    struct plan_shard s;
    struct plan_head head;
    struct plan_object o;
    struct buf out = {0};
    struct err err;

    (void)state;
    (void)case_plan(&out, shards);
    for (size_t i = 0; i < 8 * (size_t)plan_shard_at(1); i++) {
        out.ptr[i / 8] = (char)(out.ptr[i / 8] ^ (1 << i % 8));
        if (i / 8 < PLAN_HEAD_BYTES) {
            assert_int_not_equal(plan_head_decode(part(&out, 0, PLAN_HEAD_BYTES), &head, &err), OK);
        } else {
            assert_int_not_equal(
                plan_shard_decode(part(&out, plan_shard_at(0), PLAN_SHARD_BYTES), 0, &s, &err), OK);
        }
        out.ptr[i / 8] = (char)(out.ptr[i / 8] ^ (1 << i % 8));
    }
    assert_int_equal(plan_shard_decode(part(&out, plan_shard_at(0), PLAN_SHARD_BYTES), 1, &s, &err),
                     ERR_INTEGRITY);
    assert_int_equal(plan_object_decode(part(&out, shards[0].object_at, shards[0].object_bytes),
                                        shards[2].object_at, &o, &err),
                     ERR_INTEGRITY);
    assert_int_equal(plan_head_decode(part(&out, 0, 5), &head, &err), ERR_CORRUPT);
    buf_fini(&out);
}

/* ---- Unpacking ---- */

static void pack_gzip(struct slice text, struct buf *out)
{
    z_stream z = {0};

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text.ptr;
    z.avail_in = (uInt)text.len;
    z.next_out = (Bytef *)buf_reserve(out, text.len + 1000);
    z.avail_out = (uInt)(text.len + 1000);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += z.total_out;
    assert_int_equal(deflateEnd(&z), Z_OK);
}

static void pack_zstd(struct slice text, struct buf *out)
{
    char *where = buf_reserve(out, ZSTD_compressBound(text.len));
    size_t n = ZSTD_compress(where, ZSTD_compressBound(text.len), text.ptr, text.len, 3);

    assert_false(ZSTD_isError(n));
    out->len += n;
}

/* In chunks and rooms of any size. */
static enum err_code unpack_all(enum plan_packing packing,
                                struct slice packed,
                                uint64_t *seed,
                                struct buf *out,
                                struct err *err)
{
    struct unpack *u = unpack_new(packing);
    struct case_chunks chunks = case_chunks_of(packed, seed);
    struct slice chunk;
    enum err_code rc = OK;

    while (rc == OK && case_chunk(&chunks, &chunk)) {
        size_t room = 1 + case_below(seed, 3000);
        size_t filled = 0;

        do {
            rc = unpack_some(u, &chunk, buf_reserve(out, room), room, &filled, err);
            out->len += rc == OK ? filled : 0;
        } while (rc == OK && (chunk.len != 0 || filled == room));
    }
    mem_free(chunks.copy);
    rc = rc != OK ? rc : unpack_end(u, err);
    unpack_free(u);
    return rc;
}

static void test_unpack__members_one_after_the_other(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 60; round++) {
        enum plan_packing packing = round % 2 == 0 ? PLAN_GZIP : PLAN_ZSTD;
        struct buf text = {0};
        struct buf packed = {0};
        struct buf got = {0};
        struct err err;

        for (size_t members = case_below(&seed, 3) + 1; members > 0; members--) {
            size_t begin = text.len;

            for (size_t n = case_below(&seed, 5000); n > 0; n--) {
                buf_put_u8(&text, (uint8_t)('a' + case_below(&seed, 3)));
            }
            (packing == PLAN_GZIP ? pack_gzip : pack_zstd)(slice_from(buf_slice(&text), begin),
                                                           &packed);
        }
        assert_int_equal(unpack_detect(SLICE("x"), buf_slice(&packed)), packing);
        assert_int_equal(unpack_all(packing, buf_slice(&packed), &seed, &got, &err), OK);
        assert_true(slice_eq(buf_slice(&got), buf_slice(&text)));
        buf_reset(&got);
        packed.len -= 1 + case_below(&seed, 8);
        assert_int_equal(unpack_all(packing, buf_slice(&packed), &seed, &got, &err),
                         ERR_VALIDATION);
        buf_fini(&text);
        buf_fini(&packed);
        buf_fini(&got);
    }
}

static void test_unpack__what_is_not_packed(void **state)
{
    uint64_t seed = 2;
    struct buf got = {0};
    struct err err;

    (void)state;
    assert_int_equal(unpack_all(PLAN_GZIP, SLICE("\x1f\x8bno"), &seed, &got, &err), ERR_VALIDATION);
    assert_int_equal(unpack_all(PLAN_ZSTD, SLICE("not that"), &seed, &got, &err), ERR_VALIDATION);
    assert_int_equal(unpack_detect(SLICE("a.gz"), SLICE("")), PLAN_GZIP);
    assert_int_equal(unpack_detect(SLICE("a.zst"), SLICE("")), PLAN_ZSTD);
    assert_int_equal(unpack_detect(SLICE("a.csv"), SLICE("a,b")), PLAN_PLAIN);
    assert_true(slice_eq_str(unpack_name(SLICE("a.csv.gz")), "a.csv"));
    buf_fini(&got);
}

/* ---- Runs ---- */

/* Some sorted entries as a run of two partitions behind what the file has: its second one. */
static struct run_piece case_run(int fd, uint64_t *end, uint64_t *seed, size_t *total)
{
    size_t count = case_below(seed, 20);
    struct items_run_writer w;
    struct run_piece piece;
    struct buf out = {0};
    uint32_t key = 0;
    struct err err;

    items_run_writer_init(&w, &out, 2);
    items_run_put(&w, 0, &(struct items_entry){SLICE("other"), SLICE("not to be seen")});
    for (size_t i = 0; i < count; i++) {
        char text[16];

        key += (uint32_t)case_below(seed, 50);
        (void)snprintf(text, sizeof(text), "%08u", key);
        items_run_put(&w, 1, &(struct items_entry){slice_str(text), slice_str(text)});
    }
    items_run_finish(&w);
    assert_int_equal(runs_append(fd, buf_slice(&out), &err), OK);
    piece = (struct run_piece){fd, *end + w.parts[1].offset, w.parts[1]};
    *end += w.offset;
    *total += count;
    items_run_writer_fini(&w);
    buf_fini(&out);
    return piece;
}

/* The pieces' bytes as a store might bring them, few at a time. */
struct case_store {
    const struct run_piece *pieces;
    uint64_t read[4 * RUNS_WAYS];
    char bytes[4 * RUNS_WAYS][48];
    uint64_t seed;
};

static enum err_code case_bring(void *arg, size_t i, struct slice *out, struct err *err)
{
    struct case_store *from = arg;
    const struct run_piece *p = &from->pieces[i];
    uint64_t left = p->part.bytes - from->read[i];
    size_t want = 1 + case_below(&from->seed, sizeof(from->bytes[i]));

    (void)err;
    want = want < left ? want : (size_t)left;
    memset(from->bytes[i], 0, sizeof(from->bytes[i])); /* what it was before is gone */
    assert_int_equal(pread(p->fd, from->bytes[i], want, (off_t)(p->at + from->read[i])), want);
    from->read[i] += want;
    *out = slice_make(from->bytes[i], want);
    return OK;
}

static void
check_order(const struct run_piece *pieces, size_t count, size_t total, struct case_store *store)
{
    struct items_entry e;
    struct run_merge m;
    char last[16] = "";
    bool end = false;
    size_t seen = 0;
    struct err err;

    run_merge_open(&m, pieces, count, store != NULL ? case_bring : NULL, store);
    for (;;) {
        assert_int_equal(run_merge_next(&m, &e, &end, &err), OK);
        if (end) {
            break;
        }
        assert_true(slice_cmp(slice_str(last), e.key) <= 0 && slice_eq(e.key, e.record));
        memcpy(last, e.key.ptr, e.key.len);
        seen++;
    }
    assert_int_equal(seen, total);
    run_merge_close(&m);
}

static void test_runs__any_number_of_them(void **state)
{
    static const size_t counts[] = {0, 1, 2, RUNS_WAYS, RUNS_WAYS + 1, 3 * RUNS_WAYS + 5};
    uint64_t seed = 3;

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct run_piece *pieces = mem_zalloc(counts[i] + 1, sizeof(*pieces));
        size_t count = counts[i];
        size_t total = 0;
        uint64_t end = 0;
        struct err err;
        int merged = -1;
        int fd = -1;

        assert_int_equal(runs_file("/tmp", &fd, &err), OK);
        for (size_t k = 0; k < count; k++) {
            pieces[k] = case_run(fd, &end, &seed, &total);
        }
        assert_int_equal(runs_reduce("/tmp", pieces, &count, &merged, &err), OK);
        assert_true(count <= RUNS_WAYS && (merged >= 0) == (counts[i] > RUNS_WAYS));
        check_order(pieces, count, total, NULL);
        check_order(pieces, count, total, &(struct case_store){.pieces = pieces, .seed = i});
        if (merged >= 0) {
            (void)close(merged);
        }
        (void)close(fd);
        mem_free(pieces);
    }
}

static void test_runs__damage_is_noticed(void **state)
{
    struct run_piece piece;
    struct items_entry e;
    struct run_merge m;
    uint64_t seed = 11;
    uint64_t end = 0;
    size_t total = 0;
    bool over = false;
    struct err err;
    int fd = -1;

    (void)state;
    assert_int_equal(runs_file("/tmp", &fd, &err), OK);
    while (total == 0) {
        piece = case_run(fd, &end, &seed, &total);
    }
    assert_int_equal(pwrite(fd, "!", 1, (off_t)(piece.at + piece.part.bytes - 1)), 1);
    run_merge_open(&m, &piece, 1, NULL, NULL);
    assert_int_equal(run_merge_next(&m, &e, &over, &err), ERR_INTEGRITY);
    run_merge_close(&m);
    (void)close(fd);
}

/* ---- A fragment's foot ---- */

static void test_foot__is_read_from_the_end(void **state)
{
    struct slice header;
    struct buf b = {0};
    struct err err;
    size_t foot;

    (void)state;
    buf_put_str(&b, "1,2\n");
    sink_put_foot(SLICE("a,b\n"), &b);
    assert_int_equal(sink_foot_read(buf_slice(&b), &foot, &header, &err), OK);
    assert_int_equal(foot, 4 + SINK_FOOT_BYTES);
    assert_true(slice_eq_str(header, "a,b\n"));
    assert_int_equal(
        sink_foot_read(slice_from(buf_slice(&b), b.len - SINK_FOOT_BYTES), &foot, &header, &err),
        OK);
    assert_int_equal(foot, 4 + SINK_FOOT_BYTES); /* more than was given: to be read again */
    assert_int_equal(header.len, 0);
    assert_int_equal(sink_foot_read(slice_head(buf_slice(&b), b.len - 1), &foot, &header, &err),
                     ERR_CORRUPT);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan__is_read_as_it_was_written),
        cmocka_unit_test(test_plan__no_bit_may_change),
        cmocka_unit_test(test_unpack__members_one_after_the_other),
        cmocka_unit_test(test_unpack__what_is_not_packed),
        cmocka_unit_test(test_runs__any_number_of_them),
        cmocka_unit_test(test_runs__damage_is_noticed),
        cmocka_unit_test(test_foot__is_read_from_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
